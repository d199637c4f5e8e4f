// Each kind of message from the phone to the bot.

import { pdf, png, webp } from "./files";
import { expect, test, user } from "./kit";

test("text, with its ticks from the clock to the blue ones", async ({ phone, bot }) => {
  await phone.control("POST", "faults", { on: "webhook", do: "delay", after: "700ms", next: 1 });
  await phone.say("Hello there");
  const sent = phone.bubble("Hello there");
  await expect(sent.getByRole("img", { name: "on its way" })).toBeVisible();
  await expect(sent.getByRole("img", { name: "delivered" })).toBeVisible();
  const m = await bot.got(1);
  expect(m).toMatchObject({ type: "text", text: { body: "Hello there" } });
  await bot.read(m.id);
  await expect(sent.getByRole("img", { name: "read" })).toBeVisible();
});

test("a picture and a document, with their captions", async ({ phone, bot }) => {
  const { page, root } = phone;
  for (const [item, name, type, bytes] of [["Photo or video", "sunset.png", "image/png", png(240, 160)], ["Document", "report.pdf", "application/pdf", pdf]] as const) {
    await phone.field.fill(`See ${name}`);
    await root.getByRole("button", { name: "Attach" }).click();
    const chooser = page.waitForEvent("filechooser");
    await page.getByRole("menuitem", { name: item }).click();
    await (await chooser).setFiles({ name, mimeType: type, buffer: bytes });
    await expect(phone.bubble(`See ${name}`)).toBeVisible();
  }
  expect(await bot.got(1)).toMatchObject({ type: "image", image: { mime_type: "image/png", caption: "See sunset.png" } });
  expect(await bot.got(2)).toMatchObject({ type: "document", document: { filename: "report.pdf", caption: "See report.pdf" } });
  const picture = phone.bubble("See sunset.png").locator("img");
  await expect.poll(() => picture.evaluate((i: HTMLImageElement) => i.naturalWidth)).toBe(240);
  await phone.bubble("See sunset.png").getByRole("button", { name: "Open the photo" }).click();
  await expect(page.getByRole("dialog", { name: "Photo" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("a voice message, recorded and played", async ({ phone, bot }) => {
  await phone.root.getByRole("button", { name: "Record a voice message" }).click();
  await expect(phone.root.getByRole("timer")).toHaveText("0:02");
  await phone.root.getByRole("button", { name: "Send the recording" }).click();
  const m = await bot.got(1);
  expect(m).toMatchObject({ type: "audio", audio: { voice: true, mime_type: "audio/ogg; codecs=opus" } });
  const voice = phone.root.getByRole("group", { name: "Voice message" });
  await expect(voice.getByRole("slider", { name: "Position" })).toHaveAttribute("aria-valuetext", /0:0[1-3]/);
  await expect.poll(() => voice.locator("rect").evaluateAll((bars) => new Set(bars.map((b) => b.getAttribute("height"))).size)).toBeGreaterThan(1);
  await voice.getByRole("button", { name: "Play" }).click();
  await expect(voice.getByRole("button", { name: "Pause" })).toBeVisible();
  await expect(voice.locator("rect.done").first()).toBeVisible();
});

test("a sticker, a place, a contact and what phones can do and the API cannot", async ({ phone, bot }) => {
  const { page, root } = phone;
  const attach = async (item: string) => {
    await root.getByRole("button", { name: "Attach" }).click();
    await page.getByRole("menuitem", { name: item }).click();
  };
  const chooser = page.waitForEvent("filechooser");
  await attach("Sticker");
  await (await chooser).setFiles({ name: "wave.webp", mimeType: "image/webp", buffer: webp });
  expect(await bot.got(1)).toMatchObject({ type: "sticker", sticker: { mime_type: "image/webp" } });

  await attach("Location");
  await page.getByRole("button", { name: /Marine Drive/ }).click();
  expect(await bot.got(2)).toMatchObject({ type: "location", location: { name: "Marine Drive", latitude: 18.94406 } });
  await expect(root.getByRole("img", { name: "Map of Marine Drive" })).toBeVisible();

  await attach("Contact");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  expect(await bot.got(3)).toMatchObject({ type: "contacts", contacts: [{ name: { formatted_name: "Mina Okafor" } }] });
  await expect(phone.bubble("Mina Okafor")).toBeVisible();

  await attach("Poll (not supported)");
  expect(await bot.got(4)).toMatchObject({ type: "unsupported", errors: [{ code: 131051 }] });
});

test("an answer to a message, a reaction, and taking both back", async ({ phone, bot }) => {
  await phone.say("open the window");
  await bot.got(1);
  const id = await bot.send("text", { body: "Pods are fine" });
  const theirs = phone.of(id);
  await phone.menu(theirs, "Reply");
  await expect(phone.root.getByText("Pods are fine")).toHaveCount(2);
  await phone.say("All of them?");
  expect(await bot.got(2)).toMatchObject({ text: { body: "All of them?" }, context: { id } });
  await expect(phone.bubble("All of them?").getByText("Pods are fine")).toBeVisible();

  await phone.menu(theirs, "React with ❤️");
  expect(await bot.got(3)).toMatchObject({ type: "reaction", reaction: { message_id: id, emoji: "❤️" } });
  await expect(theirs.getByRole("img", { name: "Reactions: ❤️" })).toBeVisible();
  await phone.menu(theirs, "Take back ❤️");
  const back = await bot.got(4);
  expect(back.reaction.emoji ?? "").toBe("");
  await expect(theirs.getByRole("img", { name: /Reactions/ })).toHaveCount(0);

  await phone.menu(phone.bubble("All of them?"), "Delete for everyone");
  expect(await bot.got(5)).toMatchObject({ type: "revoke" });
  await expect(phone.root.getByText("This message was deleted")).toBeVisible();
});

test("a text and a caption are edited where they stand", async ({ phone, bot }) => {
  await phone.say("three pdos");
  const { id } = await bot.got(1);
  await phone.menu(phone.of(id), "Edit");
  await expect(phone.field).toBeFocused();
  await expect(phone.field).toHaveValue("three pdos");
  await phone.say("three pods");
  expect(await bot.got(2)).toMatchObject({ type: "edit", edit: { original_message_id: id, message: { text: { body: "three pods" } } } });
  await expect(phone.of(id)).toContainText("three pods");
  await expect(phone.of(id)).toContainText("Edited");
  await expect(phone.root.locator("li[data-id]")).toHaveCount(1);

  const media = await (await fetch(`${phone.address}/_emulator/media?filename=a.png`, { method: "POST", headers: { "Content-Type": "image/png" }, body: new Uint8Array(png(40, 40)) })).json();
  const picture = (await phone.control("POST", "send", { from: user, type: "image", media: media.id, caption: "old" })).id as string;
  await phone.menu(phone.of(picture), "Edit");
  await expect(phone.field).toHaveValue("old");
  await phone.say("new");
  expect(await bot.got(4)).toMatchObject({ type: "edit", edit: { message: { type: "image", image: { caption: "new" } } } });
  await expect(phone.of(picture)).toContainText("new");

  await phone.menu(phone.of(id), "Edit");
  await phone.field.press("Escape");
  await expect(phone.field).toHaveValue("");
});

test("a text in Arabic stands from right to left", async ({ phone, bot }) => {
  await phone.say("مرحبا، هل الخدمة *تعمل* الآن؟");
  await bot.got(1);
  const words = phone.bubble("مرحبا").locator(".text");
  expect(await words.evaluate((e) => getComputedStyle(e).direction)).toBe("rtl");
  await expect(words.locator("strong")).toHaveText("تعمل");
});
