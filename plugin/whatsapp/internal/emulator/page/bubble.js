// Draws one message.

import { link, marked, node } from "./markup.js";

const ticks = {
  sending: ["✓", "sent, not delivered yet"],
  sent: ["✓", "sent"],
  delivered: ["✓✓", "delivered"],
  read: ["✓✓", "read"],
  not_delivered: ["!", "not delivered"],
};

/** summary is a message in one line, for quotes. */
export function summary(m) {
  const b = m?.body ?? {};
  const text = b.text?.body ?? b.interactive?.body?.text ?? b.interactive?.button_reply?.title ??
    b.interactive?.list_reply?.title ?? b[b.type]?.caption ?? b.type ?? "";
  return text.length > 120 ? text.slice(0, 120) + "…" : text;
}

/** bubble makes the list item of a message. chat has what it refers to; act is called with what is tapped. */
export function bubble(m, chat, act) {
  const mine = m.direction === "from_user";
  const item = node("li", mine ? "mine" : "theirs");
  const box = node("div", "bubble");
  box.append(node("span", "unseen", mine ? "You: " : "Business: "));
  quote(box, m, chat);
  content(box, m.body);
  box.append(footing(m, mine));
  item.append(box);
  if (m.problem && m.state === "not_delivered") {
    item.append(node("p", "problem", "Not delivered: " + m.problem));
  }
  if (m.body.type === "interactive" && !mine) choices(item, m, chat, act);
  const emoji = chat.reactions.get(m.id);
  if (emoji) {
    const badge = node("span", "reaction", emoji);
    badge.setAttribute("aria-label", "Reaction " + emoji);
    box.append(badge);
  }
  return item;
}

function quote(box, m, chat) {
  const id = m.body.context?.message_id ?? m.body.context?.id;
  if (!id) return;
  box.append(node("blockquote", "", summary(chat.byID.get(id)) || "an earlier message"));
}

function footing(m, mine) {
  const foot = node("span", "foot");
  const time = node("time", "", new Date(m.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = m.at;
  foot.append(time);
  if (mine) foot.append(retick(node("span"), m));
  return foot;
}

/** retick shows the state of a message in its tick; a screen reader is told nothing new. */
export function retick(tick, m) {
  const [sign, words] = ticks[m.state] ?? ["", m.state];
  const label = m.posts > 1 && m.state === "sending" ? `${words}, try ${m.posts}` : words;
  if (tick.title === label) return tick;
  tick.className = "tick " + m.state;
  tick.textContent = sign;
  tick.title = label;
  tick.setAttribute("role", "img");
  tick.setAttribute("aria-label", label);
  return tick;
}

function content(box, b) {
  const text = (s, className = "text") => {
    if (!s) return;
    const p = node("div", className);
    marked(p, s);
    box.append(p);
  };
  const kind = b.type || "text";
  switch (kind) {
    case "text":
      return text(b.text?.body);
    case "image":
    case "video":
    case "audio":
    case "document":
    case "sticker":
      file(box, kind, b[kind]);
      return text(b[kind].caption);
    case "location":
      return place(box, b.location);
    case "contacts":
      for (const c of b.contacts) {
        box.append(node("div", "card", "👤 " + [c.name?.formatted_name, ...(c.phones ?? []).map((p) => p?.phone)]
          .filter((s) => typeof s === "string" && s).join(", ")));
      }
      return;
    case "template":
      return box.append(node("div", "card", `Template ${b.template.name} (${b.template.language?.code})`));
    case "interactive":
      return interactive(box, b.interactive, text);
    default:
      box.append(node("div", "card", kind));
  }
}

function interactive(box, i, text) {
  const tapped = i.button_reply ?? i.list_reply;
  if (tapped) {
    box.append(node("div", "text", tapped.title));
    if (tapped.description) box.append(node("div", "note", tapped.description));
    return;
  }
  if (i.header?.type === "text") box.append(node("div", "heading", i.header.text));
  else if (i.header) file(box, i.header.type, i.header[i.header.type]);
  text(i.body?.text);
  if (i.footer) box.append(node("div", "note", i.footer.text));
}

const icons = { image: "🖼", video: "🎞", audio: "🎵", document: "📄", sticker: "🏷" };

function file(box, kind, f) {
  const card = node("div", "card");
  const label = `${icons[kind] ?? ""} ${f.filename || kind[0].toUpperCase() + kind.slice(1)}`;
  card.append(f.link ? link(f.link, label) : label + " " + f.id);
  box.append(card);
}

function place(box, l) {
  const at = `${Number(l.latitude)},${Number(l.longitude)}`;
  box.append(node("div", "card", ["📍 " + (l.name || at), l.address].filter(Boolean).join(", ")));
}

// choices are the buttons below a bubble. Those of a reply are used up by one tap.
function choices(item, m, chat, act) {
  const i = m.body.interactive;
  const row = node("div", "choices");
  const button = (label, tap) => {
    const b = node("button", "", label);
    b.type = "button";
    b.addEventListener("click", tap);
    row.append(b);
    return b;
  };
  if (i.type === "button") {
    const used = chat.tapped.get(m.id);
    for (const { reply } of i.action.buttons) {
      const b = button(reply.title, () => {
        for (const other of row.children) other.disabled = true;
        act.tap({ type: "button_reply", id: reply.id, title: reply.title, context: m.id });
      });
      b.disabled = used !== undefined;
      b.setAttribute("aria-pressed", String(used === reply.id));
    }
  } else if (i.type === "list") {
    const b = button("☰ " + i.action.button, () => act.open(m));
    b.setAttribute("aria-haspopup", "dialog");
  } else if (i.type === "cta_url") {
    row.append(link(i.action.parameters.url, "↗ " + i.action.parameters.display_text));
  }
  item.append(row);
}
