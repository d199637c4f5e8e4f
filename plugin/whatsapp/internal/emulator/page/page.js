// The phone page: shows the chat of one number and sends what is typed or tapped.

import { bubble, retick, settle } from "./bubble.js";
import { node } from "./markup.js";
import { openSheet } from "./sheet.js";

const $ = (id) => document.getElementById(id);
const log = $("log");
const scroller = $("scroller");
const text = $("text");
const drawn = new Map(); // by message id: what it was drawn from, and the element
let user = "";
let asking = false;
let askAgain = false;
let typingTimer = 0;
let atEnd = true; // the newest message is in sight, and stays so
let typing = false;
let connected = false;

async function call(path, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const res = await fetch("/_emulator/" + path, options);
  const answer = await res.json();
  if (!res.ok) throw new Error(answer.error);
  return answer;
}

function trouble(words) {
  $("trouble").textContent = words;
  $("trouble").hidden = !words;
}

async function send(message) {
  try {
    await call("send", { from: user, ...message });
    trouble("");
    return true;
  } catch (e) {
    trouble(e.message);
    return false;
  } finally {
    refresh();
  }
}

// tap sends a choice. The focus goes to the chat, as the button cannot be tapped again. When the choice
// did not get through, it can.
async function tap(choice) {
  scroller.focus({ preventScroll: true });
  toEnd();
  if (await send(choice)) return;
  drawn.delete(choice.context);
  refresh();
}

function toEnd() {
  atEnd = true;
  scroller.scrollTop = scroller.scrollHeight;
  $("down").hidden = true;
}

function presence() {
  const words = !connected ? "offline" : typing ? "typing…" : "online";
  if ($("presence").textContent !== words) $("presence").textContent = words;
}

const dayNames = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long", year: "numeric" });

function dayName(at) {
  const day = new Date(at);
  const now = new Date();
  if (day.toDateString() === now.toDateString()) return "Today";
  now.setDate(now.getDate() - 1);
  return day.toDateString() === now.toDateString() ? "Yesterday" : dayNames.format(day);
}

// refresh asks for the chat; while an answer is under way, one more question is kept at most.
async function refresh() {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  try {
    do {
      askAgain = false;
      const of = user;
      const chat = await call("chat?user=" + encodeURIComponent(of));
      if (of === user) draw(chat);
    } while (askAgain);
  } catch (e) {
    trouble(e.message);
  } finally {
    asking = false;
  }
}

// index finds what messages say about each other.
function index(messages) {
  const chat = { byID: new Map(), reactions: new Map(), tapped: new Map() };
  for (const m of messages) {
    chat.byID.set(m.id, m);
    if (m.body.type === "reaction") chat.reactions.set(m.body.reaction.message_id, m.body.reaction.emoji);
    const reply = m.direction === "from_user" && m.body.interactive?.button_reply;
    if (reply && m.body.context && !chat.tapped.has(m.body.context.id)) chat.tapped.set(m.body.context.id, reply.id);
  }
  return chat;
}

function draw({ messages, typing: writes }) {
  const chat = index(messages);
  const items = [];
  const kept = new Set();
  let before = null;
  for (const m of messages) {
    if (m.body.type === "reaction") continue;
    const day = new Date(m.at).toDateString();
    if (!before || new Date(before.at).toDateString() !== day) {
      items.push(drawOnce("day " + day, dayName(m.at), () => node("li", "day", dayName(m.at))));
      kept.add("day " + day);
      before = null;
    }
    const state = JSON.stringify([m.body, m.problem, chat.reactions.get(m.id)]);
    const item = drawOnce(m.id, state, () => bubble(m, chat, { tap, open: (l) => openSheet(l, tap) }));
    const tick = item.querySelector(".tick");
    if (tick) retick(tick, m);
    settle(item, chat.tapped.get(m.id));
    item.classList.toggle("first", before?.direction !== m.direction);
    items.push(item);
    kept.add(m.id);
    before = m;
  }
  for (const id of drawn.keys()) if (!kept.has(id)) drawn.delete(id);
  place(items);
  $("empty").hidden = items.length > 0;
  typing = writes;
  $("typing").hidden = !typing;
  presence();
  clearTimeout(typingTimer);
  if (typing) typingTimer = setTimeout(refresh, 5000);
  if (atEnd) toEnd();
}

// drawOnce keeps an element while nothing about it changes, so that focus, selection and what a screen
// reader has read stay.
function drawOnce(id, state, make) {
  const old = drawn.get(id);
  if (old?.state === state) return old.item;
  const item = make();
  drawn.set(id, { state, item });
  return item;
}

function place(items) {
  items.forEach((item, i) => {
    const there = log.children[i];
    if (there === item) return;
    if (there && !items.includes(there)) there.replaceWith(item);
    else log.insertBefore(item, there ?? null);
  });
  while (log.children.length > items.length) log.lastChild.remove();
}

function become(number) {
  const digits = /^[A-Z]{2}\./.test(number.trim()) ? number.trim() : number.replace(/[\s()+-]/g, "");
  if (!digits) return;
  const good = /^(\d+|[A-Z]{2}\..+)$/.test(digits);
  $("user").setAttribute("aria-invalid", String(!good));
  if (!good) {
    trouble("Your number must be digits with the country code.");
    return;
  }
  if (digits === user) return trouble("");
  user = digits;
  document.title = user + " – Phone";
  atEnd = true;
  $("user").value = user;
  const url = new URL(location.href);
  url.searchParams.set("user", user);
  history.replaceState(null, "", url);
  trouble("");
  drawn.clear();
  log.replaceChildren();
  refresh();
}

function fit() {
  text.style.height = "auto";
  text.style.height = text.scrollHeight + 2 + "px"; // with the border; page.css has the limit
  $("composer").classList.toggle("empty", !text.value.trim());
}

$("number").addEventListener("submit", (e) => {
  e.preventDefault();
  become($("user").value);
  text.focus();
});
$("user").addEventListener("change", () => become($("user").value));
text.addEventListener("input", fit);
text.addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  $("composer").requestSubmit();
});
$("composer").addEventListener("submit", async (e) => {
  e.preventDefault();
  const words = text.value;
  if (!words.trim()) return;
  text.value = "";
  fit();
  text.focus();
  toEnd();
  if (!(await send({ type: "text", text: words })) && !text.value) {
    text.value = words;
    fit();
  }
});
scroller.addEventListener("scroll", () => {
  atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  $("down").hidden = atEnd;
}, { passive: true });
$("down").addEventListener("click", () => {
  toEnd();
  text.focus();
});
new ResizeObserver(() => {
  if (atEnd) toEnd();
}).observe(scroller);

const settings = await call("state");
become(new URL(location.href).searchParams.get("user") || settings.user);
const events = new EventSource("/_emulator/events");
for (const kind of ["message", "removed", "chat", "reset"]) events.addEventListener(kind, refresh);
events.addEventListener("open", () => {
  connected = true;
  presence();
  trouble("");
});
events.addEventListener("error", () => {
  connected = false;
  presence();
  trouble("The emulator does not answer. The page tries again by itself.");
});
fit();
text.focus();
