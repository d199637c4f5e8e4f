// An emulator of its own for each test, and a bot that it talks to: a small program that takes webhooks and
// calls the Graph API, as anybody's would.

import { test as base, expect, type Locator, type Page } from "@playwright/test";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the bodies are the platform's, of many kinds
export type JSONObject = Record<string, any>;

export const user = "4915112345678";
const number = "106540352242922";

export class Bot {
  readonly messages: JSONObject[] = []; // of people, in the order in which they came, each once
  readonly statuses: JSONObject[] = [];
  seen = 0; // messages in webhooks, the same ones too
  graph = "";
  /** answer is called with each new message. */
  answer: (m: JSONObject) => Promise<unknown> = async () => undefined;

  #server!: Server;
  #known = new Set<string>();

  async listen(): Promise<string> {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url ?? "", "http://bot");
      if (request.method === "GET") return void response.end(url.searchParams.get("hub.challenge"));
      const parts: Buffer[] = [];
      request.on("data", (p: Buffer) => parts.push(p));
      request.on("end", () => {
        this.#take(JSON.parse(Buffer.concat(parts).toString()) as JSONObject);
        response.end();
      });
    }).listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/webhook`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #take(body: JSONObject): void {
    for (const change of (body.entry ?? []).flatMap((e: JSONObject) => e.changes)) {
      this.statuses.push(...(change.value.statuses ?? []));
      for (const m of change.value.messages ?? []) {
        this.seen++;
        if (this.#known.has(m.id)) continue;
        this.#known.add(m.id);
        this.messages.push(m);
        void this.answer(m);
      }
    }
  }

  async call(path: string, init: RequestInit): Promise<JSONObject> {
    const headers = { Authorization: "Bearer demo-access-token", ...init.headers };
    return (await (await fetch(`${this.graph}/v25.0/${path}`, { ...init, headers })).json()) as JSONObject;
  }

  #post(body: JSONObject): Promise<JSONObject> {
    return this.call(`${number}/messages`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ messaging_product: "whatsapp", ...body }),
    });
  }

  /** send sends a message to the person and returns its id. */
  async send(type: string, content: unknown, more: JSONObject = {}): Promise<string> {
    const answer = await this.#post({ recipient_type: "individual", to: "+" + user, type, [type]: content, ...more });
    if (!answer.messages) throw new Error(JSON.stringify(answer));
    return answer.messages[0].id as string;
  }

  read(id: string, typing = false): Promise<JSONObject> {
    return this.#post({ status: "read", message_id: id, ...(typing && { typing_indicator: { type: "text" } }) });
  }

  async upload(bytes: Buffer, type: string, name: string): Promise<string> {
    const form = new FormData();
    form.set("messaging_product", "whatsapp");
    form.set("type", type);
    form.set("file", new Blob([new Uint8Array(bytes)], { type }), name);
    const answer = await this.call(`${number}/media`, { method: "POST", body: form });
    if (!answer.id) throw new Error(JSON.stringify(answer));
    return answer.id as string;
  }

  /** got waits for the nth message, from 1. */
  async got(n: number): Promise<JSONObject> {
    await expect.poll(() => this.messages.length, { message: `message ${n} at the bot` }).toBeGreaterThanOrEqual(n);
    return this.messages[n - 1]!;
  }
}

export class Phone {
  constructor(
    readonly page: Page,
    readonly root: Locator,
    readonly address: string,
  ) {}

  get field(): Locator {
    return this.root.getByRole("textbox", { name: "Message" });
  }

  async say(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  /** bubble finds the newest message with a text. */
  bubble(text: string | RegExp): Locator {
    return this.root.locator("li[data-id]").filter({ hasText: text }).last();
  }

  of(id: string): Locator {
    return this.root.locator(`li[data-id="${id}"]`);
  }

  /** menu chooses an action for a message, with the keyboard. */
  async menu(item: Locator, action: string): Promise<void> {
    await item.locator("[data-menu]").focus();
    await this.page.keyboard.press("Enter");
    await this.page.getByRole("menuitem", { name: action, exact: true }).click();
  }

  async control(method: string, path: string, body?: unknown): Promise<JSONObject> {
    const answer = await fetch(`${this.address}/_emulator/${path}`, {
      method,
      ...(body !== undefined && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as JSONObject;
  }

  move(by: string): Promise<JSONObject> {
    return this.control("POST", "clock", { advance: by });
  }
}

interface Fixtures {
  bot: Bot;
  emulator: string; // its address
  phone: Phone;
}

export const test = base.extend<Fixtures>({
  bot: async ({}, use) => {
    const bot = new Bot();
    await use(bot);
  },
  emulator: async ({ bot }, use) => {
    const bin = process.env.AOFD_BIN;
    if (!bin) throw new Error("AOFD_BIN names no folder with the binaries: run make test-browser");
    const webhook = await bot.listen();
    const args = ["emulate", "--json", "--listen", "127.0.0.1:0", "--webhook", webhook, "--status-delay", "50ms", "--seed", "7"];
    const program = spawn(`${bin}/plugins/aof-platform-whatsapp`, args, { stdio: ["ignore", "pipe", "inherit"] });
    bot.graph = await printed(program);
    await use(bot.graph);
    program.kill("SIGTERM");
    await once(program, "exit");
    bot.close();
  },
  phone: async ({ page, emulator }, use) => {
    const wrong: string[] = [];
    page.on("pageerror", (e) => wrong.push(e.stack ?? e.message));
    page.on("console", (m) => m.type() === "error" && !/status of 4\d\d/.test(m.text()) && wrong.push(m.text()));
    await page.goto(emulator);
    const root = page.getByRole("region", { name: /Phone of/ }).first();
    await expect(root.getByText("online", { exact: true })).toBeVisible();
    await use(new Phone(page, root, emulator));
    expect(wrong, "errors of the page").toEqual([]);
  },
});

/** printed reads the emulator's address from what it prints first. */
async function printed(program: ChildProcess): Promise<string> {
  const lines = createInterface({ input: program.stdout! });
  return new Promise((found, failed) => {
    program.on("exit", (code) => failed(new Error(`the emulator ended with ${code} before it said where it is`)));
    lines.on("line", (line) => {
      const said = JSON.parse(line) as { page?: string };
      if (said.page) found(said.page.replace(/\/$/, ""));
    });
  });
}

export { expect } from "@playwright/test";
