// The console of a daemon.

import AxeBuilder from "@axe-core/playwright";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { expect, test } from "./kit";

test.use({ viewport: { width: 1440, height: 900 } });

test("overview: state, charts, agents; a platform is paused and goes on", async ({ playground, page }) => {
  await playground.write("hello");
  await playground.open("/?overview=1");
  await expect(page.getByText("Everything runs")).toBeVisible({ timeout: 15_000 });
  await expect(page.getByRole("img", { name: /^Messages, a second/ })).toBeVisible();
  await expect(page.getByRole("img", { name: /^Time taken/ })).toHaveAttribute("aria-label", /turn \d/, { timeout: 10_000 });
  await expect(page.getByRole("region", { name: "Agents" })).toContainText("echo");
  const platforms = page.getByRole("region", { name: "Platforms" });
  await expect(platforms.getByText("ready", { exact: true })).toBeVisible();

  await platforms.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("textbox", { name: "Why, for your colleagues" }).fill("maintenance");
  await page.getByRole("alertdialog").getByRole("button", { name: "Pause" }).click();
  await expect(platforms).toContainText("maintenance");
  await playground.write("while it is paused");
  await page.getByRole("link", { name: "Deliveries" }).click();
  await expect(page.getByRole("list", { name: "Deliveries" }).getByText("queued").first()).toBeVisible();
  await page.getByRole("link", { name: "Overview" }).click();
  await platforms.getByRole("button", { name: "Resume" }).click();
  await expect(platforms.getByText("ready", { exact: true })).toBeVisible();
  await page.getByRole("link", { name: "Deliveries" }).click();
  await expect(page.getByRole("list", { name: "Deliveries" }).getByText("queued")).toHaveCount(0, { timeout: 10_000 });

  await page.getByRole("link", { name: "Overview" }).click();
  await platforms.getByRole("button", { name: "Restart" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Restart" }).click();
  await expect(page.getByText("It is being restarted.")).toBeVisible();
});

test("trace: masked until revealed, sources side by side and as a diff, export, replay, compare", async ({ playground, page }) => {
  await playground.write("what only Ada knows");
  await playground.open("/messages");
  await page.getByRole("list", { name: "Messages" }).getByRole("link").first().click();
  await expect(page.locator('[data-hop="receipt.read"]')).toBeVisible({ timeout: 15_000 });
  const source = page.getByRole("region", { name: "Source" });
  await expect(source.getByLabel("Body of the webhook")).not.toContainText("what only Ada knows");
  await page.getByRole("button", { name: "Reveal" }).click();
  await expect(source.getByLabel("Body of the webhook")).toContainText("what only Ada knows");
  await expect(source.getByLabel("Normalised message")).toContainText("what only Ada knows");
  await source.getByRole("button", { name: "Headers" }).click();
  await expect(source.getByLabel("Headers", { exact: true })).toContainText("content-type: application/json");
  await source.getByRole("button", { name: "Bytes" }).click();
  await expect(source.getByLabel("Bytes of the body")).toContainText("000000  7b 22");
  await source.getByRole("button", { name: "Diff" }).click();
  await expect(source.locator(".added").first()).toBeVisible();

  await page.locator('[data-hop="route.chosen"] button').click();
  await expect(page.locator('[data-hop="route.chosen"] dl')).toContainText("route.chosen");

  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  const file = JSON.parse(readFileSync(await (await download).path(), "utf8")) as { cause: string; hops: unknown[] };
  expect(file.hops.length).toBeGreaterThan(5);
  await page.getByRole("button", { name: "Link" }).click();
  await expect(page.getByText("The link is copied.")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain("/trace?id=" + encodeURIComponent(file.cause));

  await page.getByRole("button", { name: "Replay" }).click();
  const dialog = page.getByRole("dialog", { name: "Replay" });
  await expect(dialog.getByRole("listitem").first()).toBeVisible();
  await dialog.getByRole("radio", { name: /Webhook/ }).check();
  await expect(dialog.locator(".stops").first()).toBeVisible(); // it is known already
  await expect(dialog.getByRole("button", { name: "Replay" })).toBeDisabled();
  await dialog.getByRole("radio", { name: /Route/ }).check();
  await dialog.getByRole("button", { name: "Replay" }).click();
  await expect(page.getByText("Replayed.")).toBeVisible();

  await page.getByRole("textbox", { name: "Id of another message" }).fill(file.cause);
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByRole("region", { name: "Differences" }).getByRole("row")).not.toHaveCount(0);
});

test("a message that an agent works on is stopped, and the person told", async ({ playground, page }) => {
  writeFileSync(`${playground.ready.agents}/sleeper.yaml`, "kind: Agent\nmetadata: {name: sleeper}\nspec:\n  exec: {command: [sleep, '50']}\n");
  await expect(async () => {
    await playground.write("/agent sleeper");
    await playground.open("/messages");
    await expect(page.getByText("/agent sleeper").first()).toBeVisible({ timeout: 2000 });
    const chat = (await (await fetch(`${Object.values(playground.ready.phones)[0]}_emulator/chat?user=4915112345678`)).text()) as string;
    expect(chat).toContain("You talk to sleeper now");
  }).toPass({ timeout: 20_000 });
  await playground.write("sleep well");
  await page.getByRole("list", { name: "Messages" }).getByText("sleep well").waitFor();
  await page.getByRole("list", { name: "Messages" }).getByRole("link").first().click();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Stop" }).click();
  await expect(page.locator('[data-hop="turn.cancelled"]')).toBeVisible({ timeout: 10_000 });
  await expect(page.getByText("interrupted").first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Stop" })).toHaveCount(0);
  await page.getByRole("button", { name: "Reveal" }).click();
  await expect(page.getByRole("region", { name: "Answers" })).toContainText("This was stopped by the operator");
});

test("what the platform refuses is a dead letter, with its code in plain English, to be retried or dropped", async ({ playground, page }) => {
  const fault = (await playground.emulator("POST", "faults", { on: "call", do: "error", code: 131026, match: { path: "messages", type: "text" } })) as { id: string };
  await playground.write("/status");
  await playground.open("/dead-letters");
  const letter = page.getByRole("list", { name: "Dead letters" }).getByRole("listitem").first();
  await expect(letter).toContainText("131026", { timeout: 15_000 });
  await playground.emulator("DELETE", "faults/" + fault.id);
  await letter.getByRole("button", { name: "Retry" }).click();
  await expect(page.getByText("It is in the outbox again.")).toBeVisible();
  await expect(page.getByText("No dead letters.")).toBeVisible();

  await playground.emulator("POST", "faults", { on: "call", do: "error", code: 131026, next: 1, match: { path: "messages", type: "text" } });
  await playground.write("/status");
  await letter.getByRole("link").click();
  await expect(page.locator(".error").first()).toBeVisible();
  await page.getByRole("region", { name: "Answers" }).getByRole("button", { name: "Drop" }).click();
  const ask = page.getByRole("alertdialog");
  await expect(ask.getByRole("button", { name: "Drop" })).toBeDisabled();
  await ask.getByRole("textbox", { name: "Reason" }).fill("said on the phone");
  await ask.getByRole("button", { name: "Drop" }).click();
  await expect(page.getByRole("region", { name: "Answers" }).getByText("suppressed")).toBeVisible();
});

test("a conversation, and a message of the operator that reaches the phone; live", async ({ playground, page }) => {
  await playground.write("hello");
  await playground.open("/conversations");
  await page.getByRole("list", { name: "Conversations" }).getByRole("link").first().click();
  await expect(page.getByRole("list", { name: /Messages and answers/ })).toContainText("hello");
  await page.getByRole("textbox", { name: "Write as the operator" }).fill("This is a human");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByText("It is in the outbox.")).toBeVisible();
  await expect(page.getByRole("list", { name: /Messages and answers/ }).getByText("read").first()).toBeVisible({ timeout: 15_000 });
  await page.getByRole("link", { name: "Live", exact: true }).click();
  const events = page.getByRole("list", { name: /Events/ });
  await expect(events.getByText("Read", { exact: true }).first()).toBeVisible();
  await page.getByRole("checkbox", { name: "only trouble" }).check();
  await expect(page.getByText("Nothing of what happened is like that.")).toBeVisible();
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [360, 1440]) {
    test.describe(`${colorScheme}, ${width}`, () => {
      test.use({ colorScheme, viewport: { width, height: 860 }, contextOptions: { reducedMotion: "reduce" } });

      test("axe finds nothing", async ({ playground, page }) => {
        test.slow();
        await playground.write("hello");
        for (const path of ["/dev", "/?overview=1", "/trace?id=last", "/live", "/conversations", "/messages", "/deliveries"]) {
          await playground.open(path);
          await expect(page.locator("main").getByText(/Kill daemon|Everything runs|Timeline|Live|Conversations|Messages|Deliveries/).first()).toBeVisible();
          const found = await new AxeBuilder({ page }).exclude("iframe").analyze();
          expect(found.violations.map((v) => `${path}: ${v.id} ${v.nodes.map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).join("; ")}`)).toEqual([]);
          expect(await page.evaluate(() => document.documentElement.scrollWidth), `${path}: nothing is wider than the page`).toBeLessThanOrEqual(width);
        }
      });
    });
  }
}

test("the packed files hold the same as the plain ones", async () => {
  const dist = new URL("../../dist/", import.meta.url);
  const names = ["index.html", ...readdirSync(new URL("assets/", dist)).map((n) => "assets/" + n)].filter((n) => !/\.(gz|br)$/.test(n));
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) {
    const plain = readFileSync(new URL(name, dist));
    expect(brotliDecompressSync(readFileSync(new URL(name + ".br", dist))).equals(plain), name).toBe(true);
    expect(gunzipSync(readFileSync(new URL(name + ".gz", dist))).equals(plain), name).toBe(true);
  }
});
