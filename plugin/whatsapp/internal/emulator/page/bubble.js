// Draws one message.

import { link, marked, node } from "./markup.js";

const ticks = {
  sending: "on its way",
  sent: "sent",
  delivered: "delivered",
  read: "read",
  not_delivered: "not delivered",
};

/** summary is a message in one line, for quotes. */
export function summary(m) {
  const b = m?.body ?? {};
  const text = b.text?.body ?? b.interactive?.body?.text ?? b.interactive?.button_reply?.title ??
    b.interactive?.list_reply?.title ?? b[b.type]?.caption ?? b.type ?? "";
  const plain = node("span");
  marked(plain, text.length > 240 ? text.slice(0, 240) + "…" : text);
  return plain.textContent;
}

/** bubble makes the list item of a message. chat has what it refers to; act is called with what is tapped. */
export function bubble(m, chat, act) {
  const mine = m.direction === "from_user";
  const item = node("li", mine ? "mine" : "theirs");
  const box = node("div", "bubble");
  box.append(node("span", "unseen", mine ? "You: " : "Bot: "));
  quote(box, m, chat);
  content(box, m.body);
  // The time stands in the last line of the text, where there is room.
  const last = box.lastElementChild;
  (last.classList.contains("text") ? last : box).append(footing(m, mine));
  item.append(box);
  if (m.problem && m.state === "not_delivered") {
    item.append(node("p", "problem", "Not delivered: " + m.problem));
  }
  if (m.body.type === "interactive" && !mine) choices(box, m, chat, act);
  const emoji = chat.reactions.get(m.id);
  if (emoji) {
    const badge = node("span", "reaction", emoji);
    badge.setAttribute("role", "img");
    badge.setAttribute("aria-label", "Reaction " + emoji);
    box.append(badge);
  }
  return item;
}

function quote(box, m, chat) {
  const id = m.body.context?.message_id ?? m.body.context?.id;
  if (!id) return;
  const m0 = chat.byID.get(id);
  const part = node("blockquote");
  if (m0) part.append(node("span", "author", m0.direction === "from_user" ? "You" : "Bot"));
  const words = node("span", "excerpt", summary(m0) || "An earlier message");
  words.dir = "auto";
  part.append(words);
  box.append(part);
}

function footing(m, mine) {
  const foot = node("span", "foot");
  const time = node("time", "", new Date(m.at).toLocaleTimeString([], { hour: "numeric", minute: "2-digit" }));
  time.dateTime = m.at;
  foot.append(time);
  if (mine) foot.append(retick(node("span"), m));
  return foot;
}

/** retick shows the state of a message in its tick; a screen reader is told nothing new. */
export function retick(tick, m) {
  const words = ticks[m.state] ?? m.state;
  const label = m.posts > 1 && m.state === "sending" ? `${words}, try ${m.posts}` : words;
  if (tick.title === label) return tick;
  tick.className = "tick " + m.state;
  tick.title = label;
  tick.setAttribute("role", "img");
  tick.setAttribute("aria-label", label);
  return tick;
}

// A few emoji and nothing else are shown large.
const emojiOnly =
  /^(?:(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F)(?:[\p{Emoji_Modifier}\uFE0F]|\u200D\p{Extended_Pictographic})*|\p{Regional_Indicator}{2}){1,3}$/u;

function content(box, b) {
  const text = (s) => {
    if (!s) return;
    const p = node("div", emojiOnly.test(s.trim()) ? "text large" : "text");
    p.dir = "auto";
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
    const title = node("div", "text", tapped.title);
    title.dir = "auto";
    box.append(title);
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

/** settle uses up the buttons of a message after one of them, by its id, was tapped. */
export function settle(item, used) {
  if (used === undefined) return;
  for (const b of item.querySelectorAll("button[data-reply]")) {
    b.disabled = true;
    if (b.dataset.reply !== used || b.classList.contains("used")) continue;
    b.classList.add("used");
    b.append(node("span", "unseen", " (chosen)"));
  }
}

// choices are the buttons at the end of a bubble.
function choices(box, m, chat, act) {
  const i = m.body.interactive;
  const row = node("div", "choices");
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "Choices");
  const button = (label, tap) => {
    const b = node("button", "", label);
    b.type = "button";
    b.addEventListener("click", tap);
    row.append(b);
    return b;
  };
  if (i.type === "button") {
    for (const { reply } of i.action.buttons) {
      const b = button(reply.title, () => {
        for (const other of row.children) other.disabled = true;
        act.tap({ type: "button_reply", id: reply.id, title: reply.title, context: m.id });
      });
      b.dataset.reply = reply.id;
    }
  } else if (i.type === "list") {
    const b = button(i.action.button, () => act.open(m));
    b.className = "opens";
    b.setAttribute("aria-haspopup", "dialog");
  } else if (i.type === "cta_url") {
    row.append(link(i.action.parameters.url, i.action.parameters.display_text));
  }
  box.append(row);
}
