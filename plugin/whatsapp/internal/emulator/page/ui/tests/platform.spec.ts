// The clock, the limits, the faults and the people of the emulator, by the page's own controls.

import { readdirSync, readFileSync } from "node:fs";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { expect, test, user } from "./kit";

test.use({ viewport: { width: 1440, height: 900 } });

test("the window closes with the clock, and what comes then fails with Meta's code", async ({ phone, bot }) => {
  const { page, root } = phone;
  const window = root.locator("[data-window]");
  await expect(window).toHaveText("closed");
  await phone.say("hi");
  await bot.got(1);
  await expect(window).toHaveAttribute("data-window", "open");
  await expect(window).toHaveText(/2[34]:\d\d h/);
  await page.getByRole("button", { name: "Tools" }).click();
  await page.getByRole("button", { name: "+25 h" }).click();
  await expect(window).toHaveText("closed");
  await expect(page.getByText("25 h ahead")).toBeVisible();
  const id = await bot.send("text", { body: "Too late" });
  await expect(phone.of(id)).toContainText("131047");
  await expect(phone.of(id).getByRole("img", { name: "failed" })).toBeVisible();
  await expect.poll(() => bot.statuses.some((s) => s.id === id && s.status === "failed")).toBe(true);
});

test("the rate to one person is seen in the header", async ({ phone, bot }) => {
  await phone.say("hi");
  await bot.got(1);
  const rate = phone.root.locator("[data-pair]");
  const before = Number(await rate.getAttribute("data-pair"));
  for (let i = 0; i < 3; i++) await bot.send("text", { body: `answer ${i}` });
  await expect.poll(async () => Number(await rate.getAttribute("data-pair"))).toBeLessThan(before - 1);
});

test("faults by their switches", async ({ phone, bot }) => {
  const { page } = phone;
  await page.getByRole("button", { name: "Tools" }).click();
  await page.getByRole("switch", { name: "Duplicate, always" }).click();
  await expect(page.getByRole("switch", { name: "Duplicate, always" })).toBeChecked();
  await expect(page.getByText("1 fault on")).toBeVisible();
  await phone.say("twice");
  await expect.poll(() => bot.seen).toBe(2);
  expect(bot.messages).toHaveLength(1);
  await page.getByRole("button", { name: "No faults" }).click();
  await expect(page.getByRole("switch", { name: "Duplicate, always" })).not.toBeChecked();
  await page.getByRole("button", { name: "Answer lost, the next one" }).first().click();
  await phone.say("again");
  await expect.poll(() => bot.seen).toBe(4);
  expect(bot.messages).toHaveLength(2);
});

test("edit and resend, restart from here, a duplicate", async ({ phone, bot }) => {
  await phone.say("one");
  await bot.got(1);
  await phone.say("two");
  await bot.got(2);
  await phone.menu(phone.bubble("one"), "Edit and resend");
  await expect(phone.field).toHaveValue("one");
  await phone.say("uno");
  expect(await bot.got(3)).toMatchObject({ text: { body: "uno" } });
  await expect(phone.root.locator("li[data-id]")).toHaveCount(1);

  await phone.say("due");
  await bot.got(4);
  await phone.menu(phone.bubble("uno"), "Restart from here");
  expect(await bot.got(5)).toMatchObject({ text: { body: "uno" } });
  await expect(phone.root.locator("li[data-id]")).toHaveCount(1);

  const seen = bot.seen;
  await phone.menu(phone.bubble("uno"), "Send a duplicate");
  await expect.poll(() => bot.seen).toBe(seen + 1);
  expect(bot.messages).toHaveLength(5);
});

test("a chat is copied as a test", async ({ phone, bot }) => {
  bot.answer = () => bot.send("text", { body: "Three of three pods are ready" });
  await phone.say("pods?");
  await expect(phone.bubble("Three of three")).toBeVisible();
  await phone.menu(phone.bubble("pods?"), "Copy as test");
  const sheet = phone.root.getByRole("dialog", { name: "Copy as test" });
  await expect(sheet.getByLabel("Scenario")).toContainText("pods?");
  await expect(sheet.getByLabel("Scenario")).toContainText("Three of three pods are ready");
  await sheet.getByRole("button", { name: "Copy", exact: true }).click();
  expect(await phone.page.evaluate(() => navigator.clipboard.readText())).toBe(await sheet.getByLabel("Scenario").textContent());
});

test("a group", async ({ phone, bot }) => {
  const { page } = phone;
  const bashir = await phone.control("POST", "people", { name: "Bashir", phone: "491517654321" });
  const me = (await phone.control("GET", "people")).find((p: { phone: string }) => p.phone === user).id as string;
  const group = await phone.control("POST", "groups", { subject: "Ops", people: [me, bashir.id] });
  await phone.root.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Ops" }).click();
  await expect(phone.root.getByRole("heading", { name: "Ops" })).toBeVisible();
  await phone.say("hello all");
  expect(await bot.got(1)).toMatchObject({ group_id: group.id, text: { body: "hello all" } });
  await phone.control("POST", "send", { from: bashir.id, group: group.id, type: "text", text: "hi" });
  await expect(phone.bubble("hi")).toContainText("Bashir");
});

test("the business pins a message of a group, and unpins it", async ({ phone, bot }) => {
  const me = (await phone.control("GET", "people")).find((p: { phone: string }) => p.phone === user).id as string;
  const group = await phone.control("POST", "groups", { subject: "Ops", people: [me] });
  await phone.root.getByRole("button", { name: "More" }).click();
  await phone.page.getByRole("menuitem", { name: "Ops" }).click();
  await phone.say("The runbook");
  const { id } = await bot.got(1);
  const pin = (type: string) => bot.send("pin", { type, message_id: id, ...(type === "pin" && { expiration_days: 7 }) }, { recipient_type: "group", to: group.id });
  await pin("pin");
  await expect(phone.root.getByText("The business pinned a message")).toBeVisible();
  await expect(phone.of(id).getByRole("img", { name: "pinned" })).toBeVisible();
  await pin("unpin");
  await expect(phone.of(id).getByRole("img", { name: "pinned" })).toHaveCount(0);
});

test("the state is exported, and imported again", async ({ phone, bot }) => {
  const { page } = phone;
  await phone.say("before");
  await bot.got(1);
  await page.getByRole("button", { name: "Tools" }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).press("Enter");
  const file = await (await download).path();
  await page.getByRole("button", { name: "Reset", exact: true }).click();
  await expect(phone.root.locator("li[data-id]")).toHaveCount(0);
  const bring = async (name: string, buffer: Buffer) => {
    const chooser = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Import" }).press("Enter");
    await (await chooser).setFiles({ name, mimeType: "application/json", buffer });
  };
  await bring("emulator.json", readFileSync(file));
  await expect(page.getByText("The state is restored.")).toBeVisible();
  await expect(phone.bubble("before")).toBeVisible();
  await bring("wrong.json", Buffer.from('{"version":2}'));
  await expect(page.getByRole("status").or(page.getByRole("alert"))).toContainText("version");
  await expect(phone.bubble("before")).toBeVisible();
});

test("message info tells when it got where", async ({ phone, bot }) => {
  await phone.say("hi");
  await bot.got(1);
  const id = await bot.send("text", { body: "Answer" });
  await expect.poll(() => bot.statuses.filter((s) => s.id === id).map((s) => s.status as string)).toEqual(["sent", "delivered", "read"]);
  await phone.menu(phone.of(id), "Message info");
  const info = phone.root.getByRole("dialog", { name: "Message info" });
  await expect(info).toContainText(id);
  await expect(info.locator(".status")).toHaveText(["sent", "delivered", "read"]);
});

test("several phones side by side", async ({ phone, bot }) => {
  const { page } = phone;
  await page.getByRole("button", { name: "Add a phone" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("Bashir");
  await page.getByRole("textbox", { name: "Phone" }).fill("+49 151 7654321");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const other = page.getByRole("region", { name: "Phone of Bashir" });
  await other.getByRole("textbox", { name: "Message" }).fill("It's me, Bashir");
  await other.getByRole("textbox", { name: "Message" }).press("Enter");
  expect(await bot.got(1)).toMatchObject({ from: "491517654321", text: { body: "It's me, Bashir" } });
  await phone.say("And me");
  expect(await bot.got(2)).toMatchObject({ from: user });
  await expect(other.getByText("And me")).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole("region", { name: "Phone of Bashir" }).getByText("It's me, Bashir")).toBeVisible();
});

test("a chat survives the end of the stream", async ({ phone, bot, context }) => {
  await phone.say("before");
  await bot.got(1);
  await context.setOffline(true);
  await context.setOffline(false);
  await bot.send("text", { body: "after" });
  await expect(phone.bubble("after")).toBeVisible();
});

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
