// A chat as it is drawn: days, messages in groups, reactions on what they react to.

import { dayOf, mine, type Message } from "./message";

export type Line =
  | { kind: "day"; key: string; at: string }
  | { kind: "note"; key: string; message: Message }
  | { kind: "message"; key: string; message: Message; first: boolean; pinned: boolean; reactions: string[] };

/** draw returns the lines of a chat. */
export function draw(messages: Message[]): Line[] {
  const reactions = reacted(messages);
  const pins = pinned(messages);
  const lines: Line[] = [];
  let day = "";
  let before = "";
  for (const m of messages) {
    if (m.body.type === "reaction" || m.body.type === "edit" || m.body.type === "revoke") continue;
    if (dayOf(m.at) !== day) {
      day = dayOf(m.at);
      lines.push({ kind: "day", key: "day " + day, at: m.at });
      before = "";
    }
    if (["system", "request_welcome", "pin"].includes(m.body.type ?? "")) {
      lines.push({ kind: "note", key: m.id, message: m });
      before = "";
      continue;
    }
    const author = m.direction + (m.from ?? "");
    lines.push({ kind: "message", key: m.id, message: m, first: author !== before, pinned: pins.has(m.id), reactions: reactions.get(m.id) ?? [] });
    before = author;
  }
  return lines;
}

function pinned(messages: Message[]): Set<string> {
  const pins = new Set<string>();
  for (const { body, state } of messages) {
    if (!body.pin || state === "failed") continue;
    if (body.pin.type === "unpin") pins.delete(body.pin.message_id);
    else pins.add(body.pin.message_id);
  }
  return pins;
}

// The newest reaction of each side counts; an empty one takes it back.
function reacted(messages: Message[]): Map<string, string[]> {
  const sides = new Map<string, Map<string, string>>();
  for (const m of messages) {
    const r = m.body.type === "reaction" ? m.body.reaction : undefined;
    if (!r) continue;
    const of = sides.get(r.message_id) ?? new Map<string, string>();
    of.set(mine(m) ? (m.from ?? "me") : "business", r.emoji ?? "");
    sides.set(r.message_id, of);
  }
  return new Map([...sides].map(([id, of]) => [id, [...of.values()].filter(Boolean)]));
}

/** myReaction is the emoji with which a person reacts to a message. */
export function myReaction(messages: Message[], id: string, person: string): string {
  const last = messages.findLast((m) => m.body.reaction?.message_id === id && mine(m) && (!m.from || m.from === person));
  return last?.body.reaction?.emoji ?? "";
}
