// One chat: its messages, and what the platform would say of it.

import { api } from "./api";
import type { Message } from "./message";

export interface ChatState {
  id: string;
  kind: "person" | "group";
  user?: string;
  typing?: boolean;
  typing_until?: string;
  window?: { open: boolean; until?: string };
  pair?: { left: number; burst: number; next_at?: string | null };
  unread?: number;
  messages?: Message[];
  more?: boolean;
}

export class Chat {
  readonly id: string;
  kind = $state<"person" | "group">("person");
  opened = false; // a phone shows it
  state = $state.raw<ChatState>();
  messages = $state.raw<Message[]>([]); // in order
  more = $state(false); // there are older ones

  constructor(id: string) {
    this.id = id;
  }

  update(s: ChatState): void {
    this.kind = s.kind;
    this.state = s;
  }

  fill(messages: Message[], more: boolean): void {
    this.messages = messages.toSorted((a, b) => a.seq - b.seq);
    this.more = more;
  }

  /** put takes a message that is new or has changed. */
  put(m: Message): void {
    const list = this.messages;
    const at = list.findLastIndex((x) => x.id === m.id);
    if (at >= 0) this.messages = list.with(at, m);
    else this.messages = [...list, m].sort((a, b) => a.seq - b.seq);
  }

  remove(ids: string[]): void {
    this.messages = this.messages.filter((m) => !ids.includes(m.id));
  }

  clear(): void {
    this.messages = [];
    this.more = false;
    this.state = undefined;
  }

  get #name(): { user: string } | { group: string } {
    return this.kind === "group" ? { group: this.id } : { user: this.id };
  }

  /** load asks for the newest messages again. */
  async load(): Promise<void> {
    const c = await api.get<ChatState>("chat", { ...this.#name, limit: 200 });
    this.update(c);
    this.fill(c.messages ?? [], c.more ?? false);
  }

  /** older asks for what was before the oldest message. */
  async older(): Promise<void> {
    const before = this.messages[0]?.id;
    if (!before) return;
    const c = await api.get<ChatState>("chat", { ...this.#name, limit: 200, before });
    this.fill([...(c.messages ?? []), ...this.messages], c.more ?? false);
  }

  /** truncate makes a message and all after it never to have been. */
  truncate(from: string): Promise<unknown> {
    return api.post("truncate", { ...this.#name, from });
  }

  /** scenario is the chat, from a message on, as a file that can be run as a test. */
  scenario(from?: string): Promise<string> {
    return api.get<string>("scenario", { ...this.#name, from });
  }
}
