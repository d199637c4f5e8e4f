// Each kind of message from the bot to the phone.

import { pdf, png, webp } from "./files";
import { expect, test } from "./kit";

test.beforeEach(async ({ phone, bot }) => {
  await phone.say("open the window");
  await bot.got(1);
});

test("text with all of its markup", async ({ phone, bot }) => {
  const id = await bot.send("text", {
    body: "*bold* _italic_ ~gone~ `code` 2*3*4 https://example.com/a?b=c.\n> quoted\n- one\n- two\n1. first\n```\nNAME  READY\npod   1/1\n```",
  });
  const words = phone.of(id).locator(".text");
  await expect(words.locator("strong")).toHaveText("bold");
  await expect(words.locator("em")).toHaveText("italic");
  await expect(words.locator("s")).toHaveText("gone");
  await expect(words.locator("code")).toHaveText("code");
  await expect(words.locator(".cited")).toHaveText("quoted");
  await expect(words.locator("ul li")).toHaveText(["one", "two"]);
  await expect(words.locator("ol li")).toHaveText(["first"]);
  await expect(words.locator("pre")).toHaveText("NAME  READY\npod   1/1");
  await expect(words.getByRole("link")).toHaveAttribute("href", "https://example.com/a?b=c");
  await expect(words).toContainText("2*3*4");
});

test("what a stranger writes stays text", async ({ phone, bot }) => {
  const id = await bot.send("text", { body: "<img src=x onerror=alert(1)> <b>no</b> javascript:alert(1)" });
  await expect(phone.of(id)).toContainText("<img src=x onerror=alert(1)> <b>no</b>");
  await expect(phone.of(id).locator(".text :is(img, b, a)")).toHaveCount(0);
});

test("reply buttons, which the first tap uses up", async ({ phone, bot }) => {
  const id = await bot.send("interactive", {
    type: "button", header: { type: "text", text: "Pod crash" }, body: { text: "Restart it?" }, footer: { text: "policy ask" },
    action: { buttons: [{ type: "reply", reply: { id: "yes", title: "Restart" } }, { type: "reply", reply: { id: "no", title: "Leave it" } }] },
  });
  const choices = phone.of(id).getByRole("group", { name: "Choices" });
  await choices.getByRole("button", { name: "Restart" }).click();
  expect(await bot.got(2)).toMatchObject({ type: "interactive", interactive: { button_reply: { id: "yes", title: "Restart" } }, context: { id } });
  await expect(choices.getByRole("button", { name: "Restart (chosen)" })).toBeDisabled();
  await expect(choices.getByRole("button", { name: "Leave it" })).toBeDisabled();
});

test("a list, chosen from with the keyboard alone", async ({ phone, bot }) => {
  const { page, root } = phone;
  const id = await bot.send("interactive", {
    type: "list", body: { text: "Which namespace?" },
    action: { button: "Choose", sections: [
      { title: "Production", rows: [{ id: "pay", title: "payments", description: "12 pods" }, { id: "out", title: "checkout" }] },
      { title: "Staging", rows: [{ id: "stage", title: "payments-staging" }] },
    ] },
  });
  await phone.of(id).getByRole("button", { name: "Choose" }).focus();
  await page.keyboard.press("Enter");
  const sheet = root.getByRole("dialog", { name: "Choose" });
  await expect(sheet.getByRole("group", { name: "Production" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(sheet).toHaveCount(0);
  await expect(phone.of(id).getByRole("button", { name: "Choose" })).toBeFocused();
  await page.keyboard.press("Enter");
  await sheet.getByRole("radio", { name: /payments 12 pods/ }).focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  expect(await bot.got(2)).toMatchObject({ interactive: { list_reply: { id: "out", title: "checkout" } }, context: { id } });
  await expect(sheet).toHaveCount(0);
  await expect(phone.bubble("checkout")).toBeVisible();
});

test("a link button, and a request for the place", async ({ phone, bot }) => {
  const { page } = phone;
  const link = await bot.send("interactive", { type: "cta_url", body: { text: "More" }, action: { name: "cta_url", parameters: { display_text: "Open", url: "https://example.com/d" } } });
  await expect(phone.of(link).getByRole("link", { name: "Open" })).toHaveAttribute("href", "https://example.com/d");
  const where = await bot.send("interactive", { type: "location_request_message", body: { text: "Where are you?" }, action: { name: "send_location" } });
  await phone.of(where).getByRole("button", { name: "Send location" }).click();
  await page.getByRole("button", { name: /Ibirapuera/ }).click();
  expect(await bot.got(2)).toMatchObject({ type: "location", location: { name: "Ibirapuera Park" } });
});

test("pictures, documents and stickers", async ({ phone, bot }) => {
  const picture = await bot.send("image", { id: await bot.upload(png(300, 200), "image/png", "a.png"), caption: "*Load* of today" });
  await expect.poll(() => phone.of(picture).locator("img").evaluate((i: HTMLImageElement) => i.naturalWidth)).toBe(300);
  await expect(phone.of(picture).locator("strong")).toHaveText("Load");
  const paper = await bot.send("document", { id: await bot.upload(pdf, "application/pdf", "r.pdf"), filename: "report.pdf" });
  await expect(phone.of(paper).getByRole("link", { name: "Download report.pdf" })).toContainText("PDF");
  const inside = await phone.of(paper).locator(".bubble").boundingBox();
  const sign = await phone.of(paper).getByText("PDF", { exact: true }).first().boundingBox();
  expect(sign!.x, "the sign of a document stands in its bubble").toBeGreaterThan(inside!.x);
  expect(sign!.y + sign!.height).toBeLessThan(inside!.y + inside!.height);
  const sticker = await bot.send("sticker", { id: await bot.upload(webp, "image/webp", "s.webp") });
  await expect(phone.of(sticker).locator("img")).toBeVisible();
});

test("a place, contacts, an answer to a message and a reaction", async ({ phone, bot }) => {
  const first = (await bot.got(1)).id as string;
  const place = await bot.send("location", { latitude: 52.5, longitude: 13.4, name: "BER-1", address: "Berlin" });
  await expect(phone.of(place).getByRole("img", { name: "Map of BER-1" })).toBeVisible();
  const card = await bot.send("contacts", [{ name: { formatted_name: "Mina Okafor", first_name: "Mina" }, org: { company: "Ops" }, phones: [{ phone: "+49 30 901820" }] }]);
  await expect(phone.of(card)).toContainText("+49 30 901820");
  const answer = await bot.send("text", { body: "That one" }, { context: { message_id: first } });
  await expect(phone.of(answer).getByRole("button", { name: /In answer to You/ })).toContainText("open the window");
  await bot.send("reaction", { message_id: first, emoji: "👀" });
  await expect(phone.of(first).getByRole("img", { name: "Reactions: 👀" })).toBeVisible();
});

test("a template", async ({ phone, bot }) => {
  const id = await bot.send("template", { name: "hello_world", language: { code: "en_US" } });
  await expect(phone.of(id)).toContainText("Hello World");
  await expect(phone.of(id)).toContainText("Welcome and congratulations!!");
});

test("typing dots, which end after 25 seconds or with the message", async ({ phone, bot }) => {
  const { id } = await bot.got(1);
  const dots = phone.root.getByRole("img", { name: "The business is typing" });
  await bot.read(id, true);
  await expect(dots).toBeVisible();
  await expect(phone.root.getByText("typing…")).toBeVisible();
  await phone.move("26s");
  await expect(dots).toBeHidden();
  await bot.read(id, true);
  await expect(dots).toBeVisible();
  await bot.send("text", { body: "Here I am" });
  await expect(phone.bubble("Here I am")).toBeVisible();
  await expect(dots).toBeHidden();
});
