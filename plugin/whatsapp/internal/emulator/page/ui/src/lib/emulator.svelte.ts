// What the emulator is and does, kept up to date by its stream of events.

import { SvelteMap } from "svelte/reactivity";
import { api } from "./api";
import { Chat, type ChatState } from "./chat.svelte";
import { number, type Message } from "./message";

export interface Person {
  id: string;
  name: string;
  phone?: string;
  user_id?: string;
  username?: string;
  hidden?: boolean;
  online?: boolean;
  reads?: string;
  blocked?: boolean;
  on_whatsapp?: boolean;
}

/** called is what a person is called on the page. */
export const called = (p: Person): string => p.name || (p.phone ? number(p.phone) : (p.username ?? p.user_id ?? p.id));

export interface Group {
  id: string;
  subject: string;
  people: string[];
}

export interface Fault {
  id: string;
  on: "webhook" | "call";
  do: string;
  next?: number;
  every?: number;
  p?: number;
  code?: number;
  hits?: number;
  left?: number;
}

export interface Settings {
  status_delay: string;
  reads: string;
  window: string;
  pair_rate: boolean;
  throughput: number;
  tier: string;
  strangers: string;
  user_ids: boolean;
  template_review: string;
}

export interface Business {
  phone_number_id: string;
  display_number: string;
  name: string;
}

interface Clock {
  now: string;
  ahead: string;
}

interface Handshake {
  state: string;
  problem?: string;
}

interface State {
  event_id: number;
  business: Business;
  user: string;
  webhook: string;
  handshake: Handshake;
  clock: Clock;
  settings: Settings;
  people: Person[];
  groups: Group[];
  chats: ChatState[];
  faults: Fault[];
  counters: Record<string, number>;
}

interface Gone {
  id: string;
  deleted?: boolean;
}

class Emulator {
  ready = $state(false);
  connected = $state(false);
  business = $state<Business>({ phone_number_id: "", display_number: "", name: "Business" });
  user = "";
  webhook = $state("");
  handshake = $state<Handshake>({ state: "waiting" });
  settings = $state<Settings>();
  counters = $state<Record<string, number>>({});
  people = new SvelteMap<string, Person>();
  groups = new SvelteMap<string, Group>();
  faults = new SvelteMap<string, Fault>();
  chats = new SvelteMap<string, Chat>();
  ahead = $state(""); // how far that is ahead of ours, in words
  now = $state(Date.now()); // by the emulator's clock

  #offset = 0;
  #stream: EventSource | undefined;

  constructor() {
    setInterval(() => (this.now = Date.now() + this.#offset), 1000);
  }

  /** start asks for the state and follows the events after it. It may be called again. */
  async start(): Promise<void> {
    this.#stream?.close();
    try {
      this.#take(await api.get<State>("state"));
    } catch {
      this.connected = false;
      setTimeout(() => void this.start(), 1000);
    }
  }

  #take(s: State): void {
    this.business = s.business;
    this.user = s.user;
    this.webhook = s.webhook;
    this.handshake = s.handshake;
    this.settings = s.settings;
    this.counters = s.counters;
    this.#clock(s.clock);
    fill(this.people, s.people);
    fill(this.groups, s.groups);
    fill(this.faults, s.faults);
    for (const [id, chat] of this.chats) if (!s.chats.some((c) => c.id === id)) chat.clear();
    for (const c of s.chats) this.#chat(c.id).update(c);
    for (const chat of this.chats.values()) if (chat.opened) chat.load().catch(() => chat.clear()); // its person or group may be gone
    this.ready = true;
    this.#follow(s.event_id);
  }

  #follow(after: number): void {
    const stream = new EventSource("_emulator/events?after=" + after);
    this.#stream = stream;
    const on = <T>(kind: string, take: (data: T) => void) =>
      stream.addEventListener(kind, (e: MessageEvent<string>) => take(JSON.parse(e.data) as T));
    stream.onopen = () => (this.connected = true);
    stream.onerror = () => {
      this.connected = false;
      // A browser tries again by itself, unless the answer was no stream.
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => void this.start(), 1000);
    };
    on<Message>("message", (m) => this.#chat(m.chat).put(m));
    on<{ chat: string; ids: string[] }>("removed", (r) => this.#chat(r.chat).remove(r.ids));
    on<ChatState>("chat", (c) => this.#chat(c.id).update(c));
    on<Person & Gone>("person", (p) => keep(this.people, p));
    on<Group & Gone>("group", (g) => keep(this.groups, g));
    on<Fault & Gone>("fault", (f) => keep(this.faults, f));
    on<Clock>("clock", (c) => this.#clock(c));
    on<Settings>("settings", (s) => (this.settings = s));
    on<Record<string, number>>("counters", (c) => (this.counters = c));
    on<Handshake>("handshake", (h) => (this.handshake = h));
    on("reset", () => void this.start());
  }

  #clock(c: Clock): void {
    this.#offset = Date.parse(c.now) - Date.now();
    this.ahead = far(c.ahead);
    this.now = Date.parse(c.now);
  }

  #chat(id: string): Chat {
    let chat = this.chats.get(id);
    if (!chat) this.chats.set(id, (chat = new Chat(id)));
    return chat;
  }

  /** open returns the chat of a person with the business, with its messages. */
  async open(person: string): Promise<Chat> {
    return this.#load(await api.get<ChatState>("chat", { user: person, limit: 200 }));
  }

  /** openGroup returns the chat of a group. */
  async openGroup(group: string): Promise<Chat> {
    return this.#load(await api.get<ChatState>("chat", { group, limit: 200 }));
  }

  #load(c: ChatState): Chat {
    const chat = this.#chat(c.id);
    chat.opened = true;
    chat.update(c);
    chat.fill(c.messages ?? [], c.more ?? false);
    return chat;
  }

  /** person finds somebody by id, number, user id or username. */
  person(name: string): Person | undefined {
    const plain = name.replace(/^@/, "");
    for (const p of this.people.values()) {
      if ([p.id, p.phone, p.user_id, p.username].includes(plain)) return p;
    }
    return undefined;
  }
}

// far is a length such as 25h0m0.002s as people say it: nothing for less than a minute.
function far(ahead: string): string {
  const [, hours = 0, minutes = 0, seconds = 0] = /^(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?/.exec(ahead) ?? [];
  const all = Math.round(Number(hours) * 60 + Number(minutes) + Number(seconds) / 60);
  const [h, m] = [Math.floor(all / 60), all % 60];
  if (h >= 48 && h % 24 === 0 && m === 0) return `${h / 24} d`;
  return [h > 0 && `${h} h`, m > 0 && `${m} min`].filter(Boolean).join(" ");
}

function fill<T extends { id: string }>(map: SvelteMap<string, T>, list: T[]): void {
  map.clear();
  for (const v of list) map.set(v.id, v);
}

function keep<T extends Gone>(map: SvelteMap<string, T>, value: T): void {
  if (value.deleted) map.delete(value.id);
  else map.set(value.id, value);
}

export const emulator = new Emulator();
