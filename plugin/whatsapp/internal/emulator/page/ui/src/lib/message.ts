// One message of a chat, and what can be said of it in words.

import { media, type Body, type Media, type Place } from "./body";
import { plain } from "./markup";

export type State = "sending" | "sent" | "delivered" | "read" | "played" | "failed" | "not_delivered" | "dropped";

export interface Message {
  id: string;
  chat: string;
  user: string;
  from?: string; // id of the person that wrote it
  direction: "from_user" | "to_user";
  at: string;
  state: State;
  problem?: string;
  error?: { code: number; title?: string; details?: string } | null;
  posts?: number;
  seq: number;
  statuses?: { status: string; at: string }[];
  edited?: boolean;
  revoked?: boolean;
  used?: string; // id of the reply button that was tapped
  template?: Filled | null;
  body: Body;
}

/** Filled is a template with its parameters in place. */
export interface Filled {
  header?: { type: string; text?: string; media?: Media | Place | string };
  body?: string;
  footer?: string;
  buttons?: FilledButton[];
  cards?: Filled[];
}

export interface FilledButton {
  type: string;
  text: string;
  url?: string;
  payload?: string;
}

const words: Record<State, string> = {
  sending: "on its way",
  sent: "sent",
  delivered: "delivered",
  read: "read",
  played: "played",
  failed: "failed",
  not_delivered: "not delivered",
  dropped: "accepted, and never shown",
};

/** stateWords says how far a message came. */
export const stateWords = (m: Message): string =>
  m.state === "sending" && (m.posts ?? 0) > 1 ? `${words.sending}, try ${m.posts}` : words[m.state];

/** broken says that a message did not get through. */
export const broken = (m: Message): boolean => ["failed", "not_delivered", "dropped"].includes(m.state);

/** why says why a message did not get through. */
export function why(m: Message): string {
  if (m.state === "dropped") return "The platform accepted this message and never shows it. People do not see it.";
  const e = m.error;
  if (e) return `${e.code} ${e.title ?? ""}${e.details && e.details !== e.title ? ": " + e.details : ""}`;
  return m.problem || "It did not get through.";
}

/** mine says that people wrote a message, not the business. */
export const mine = (m: Message): boolean => m.direction === "from_user";

/** quoted is the id of the message that m answers. */
export const quoted = (m: Message): string | undefined => m.body.context?.message_id ?? m.body.context?.id;

const kinds: Record<string, string> = {
  image: "📷 Photo",
  video: "🎬 Video",
  audio: "🎵 Audio",
  document: "📄 Document",
  sticker: "💟 Sticker",
};

/** summary is a message in one line, for quotes and lists. */
export function summary(m: Message | undefined): string {
  if (!m) return "An earlier message";
  if (m.revoked) return "This message was deleted";
  const b = m.body;
  const file = media(b);
  if (file) {
    const sign = file.file.voice ? "🎤 Voice message" : (kinds[file.kind] ?? "");
    const words = file.file.caption || file.file.filename;
    return words ? `${sign.slice(0, sign.indexOf(" "))} ${plain(words.slice(0, 240))}` : sign;
  }
  switch (b.type) {
    case "location":
      return "📍 " + (b.location?.name || "Location");
    case "contacts":
      return "👤 " + (b.contacts?.[0]?.name?.formatted_name || "Contact");
    case "template":
      return plain(m.template?.body?.slice(0, 240) ?? "Template " + (b.template?.name ?? ""));
    case "reaction":
      return b.reaction?.emoji ? `Reacted ${b.reaction.emoji}` : "Took back a reaction";
    case "button":
      return b.button?.text ?? "";
    case "order":
      return "🛒 " + (b.order?.text || "Order");
    case "pin":
      return b.pin?.type === "unpin" ? "The business unpinned a message" : "The business pinned a message";
    case "system":
      return b.system?.body ?? "";
  }
  const i = b.interactive;
  if (i?.call_permission_reply) return i.call_permission_reply.response === "accept" ? "You allowed calls" : "You did not allow calls";
  if (i?.type === "call_permission_request" && !i.body) return "May the business call you?";
  const text = b.text?.body ?? i?.button_reply?.title ?? i?.list_reply?.title ?? i?.nfm_reply?.body ?? i?.body?.text ?? b.type ?? "";
  return plain(text.slice(0, 240));
}

const hour = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = new Intl.DateTimeFormat([], { weekday: "long" });
const date = new Intl.DateTimeFormat([], { day: "numeric", month: "long", year: "numeric" });

/** clock is the time of day. */
export const clock = (at: string | Date): string => hour.format(new Date(at));

/** dayOf names the day of a moment without its time, to compare days. */
export const dayOf = (at: string): string => new Date(at).toDateString();

/** dayName is a day as people say it. */
export function dayName(at: string, now: Date): string {
  const days = Math.round((midnight(now) - midnight(new Date(at))) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return days > 1 && days < 7 ? weekday.format(new Date(at)) : date.format(new Date(at));
}

const midnight = (d: Date): number => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();

/** left is a length of time as a phone would show it: 23:41, or the seconds of the last minute. */
export function left(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1000));
  if (s < 60) return `${s} s`;
  const m = Math.floor(s / 60);
  return m < 60 ? `${m} min` : `${Math.floor(m / 60)}:${String(m % 60).padStart(2, "0")} h`;
}

/** number is a phone number as people write it; a user id stays as it is. */
export function number(user: string): string {
  if (!/^\d{6,15}$/.test(user)) return user;
  const cc = /^(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})/.exec(user)?.[0] ?? "";
  const rest = user.slice(cc.length);
  return `+${cc} ${rest.slice(0, 3)} ${rest.slice(3)}`.trim();
}
