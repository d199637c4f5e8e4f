// A playground of its own for each test: the daemon, its plugins and an emulator, started by `aofd dev`.

import { test as base, expect, type FrameLocator, type Locator, type Page } from "@playwright/test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

interface Ready {
  url: string;
  phones: Record<string, string>;
  agents: string;
}

export class Playground {
  readonly phone: FrameLocator;

  constructor(
    readonly page: Page,
    readonly ready: Ready,
  ) {
    this.phone = page.frameLocator("iframe");
  }

  /** open shows a view, once the daemon is connected. */
  async open(path: string): Promise<void> {
    await this.page.goto(this.ready.url.replace(/\/$/, "") + path);
    await expect(this.page.getByText("connected", { exact: true })).toBeAttached({ timeout: 20_000 });
  }

  /** say writes on the phone, as people do. */
  async say(text: string): Promise<void> {
    const field = this.phone.getByRole("textbox", { name: "Message" });
    await field.fill(text);
    await field.press("Enter");
  }

  /** write has somebody write without a phone page. */
  async write(text: string): Promise<void> {
    await this.emulator("POST", "send", { from: "4915112345678", type: "text", text });
  }

  async emulator(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(`${Object.values(this.ready.phones)[0]}_emulator/${path}`, {
      method,
      ...(body !== undefined && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  counter(name: string): Locator {
    return this.page.locator(`[data-counter="${name}"] dd`);
  }

  /** settled waits until so many messages have got their answers, and none is lost or came twice. */
  async settled(sent: number): Promise<void> {
    await expect(this.counter("sent")).toHaveText(String(sent), { timeout: 20_000 });
    await expect(this.counter("answered")).toHaveText(String(sent), { timeout: 45_000 });
    await expect(this.counter("waiting")).toHaveText("0", { timeout: 20_000 });
    await expect(this.counter("lost")).toHaveText("0");
    await expect(this.counter("duplicated")).toHaveText("0");
  }
}

export const test = base.extend<{ playground: Playground }>({
  playground: async ({ page }, use) => {
    const bin = process.env.AOFD_BIN;
    if (!bin) throw new Error("AOFD_BIN names no folder with the binaries: run make test-browser");
    const program = spawn(`${bin}/aofd`, ["dev", "--no-open", "--output", "json", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    program.stderr.on("data", (b: Buffer) => (said += b.toString()));
    const ready = await new Promise<Ready>((found, failed) => {
      program.on("exit", (code) => failed(new Error(`aofd dev ended with ${code}: ${said}`)));
      createInterface({ input: program.stdout }).on("line", (line) => {
        const event = JSON.parse(line) as Ready & { event?: string };
        if (event.event === "ready") found(event);
      });
    });
    const wrong: string[] = [];
    page.on("pageerror", (e) => wrong.push(e.stack ?? e.message));
    page.on("console", (m) => m.type() === "error" && !/status of [45]\d\d|ERR_|net::/.test(m.text()) && wrong.push(m.text()));
    await use(new Playground(page, ready));
    expect(wrong, "errors of the page").toEqual([]);
    program.kill("SIGTERM");
    await once(program, "exit");
  },
});

export { expect } from "@playwright/test";
