// Videos, sounds and voice notes, both ways: they are not only shown, they play.

import { recorded } from "./files";
import { expect, test, type Phone } from "./kit";
import type { Locator } from "@playwright/test";

test.beforeEach(async ({ phone, bot }) => {
  await phone.say("open the window");
  await bot.got(1);
});

async function attach(phone: Phone, item: string, name: string, mimeType: string, buffer: Buffer): Promise<void> {
  await phone.root.getByRole("button", { name: "Attach" }).focus();
  await phone.page.keyboard.press("Enter");
  const chooser = phone.page.waitForEvent("filechooser");
  await phone.page.getByRole("menuitem", { name: item, exact: true }).press("Enter");
  await (await chooser).setFiles({ name, mimeType, buffer });
}

/** plays starts a video with the keyboard and waits until its time goes on. */
async function plays(video: Locator): Promise<void> {
  await expect.poll(() => video.evaluate((v: HTMLVideoElement) => v.videoWidth)).toBe(160);
  await video.focus();
  await video.press("Space");
  await expect.poll(() => video.evaluate((v: HTMLVideoElement) => v.currentTime)).toBeGreaterThan(0);
}

test("a video, both ways", async ({ phone, bot }) => {
  const bytes = await recorded(phone.page, "video");
  await phone.field.fill("The *rack*");
  await attach(phone, "Photo or video", "rack.mp4", "video/mp4", bytes);
  expect(await bot.got(2)).toMatchObject({ type: "video", video: { mime_type: "video/mp4", caption: "The *rack*" } });
  await plays(phone.bubble("The rack").locator("video"));
  const id = await bot.send("video", { id: await bot.upload(bytes, "video/mp4", "b.mp4"), caption: "Seen" });
  await plays(phone.of(id).locator("video"));
});

test("a sound, both ways", async ({ phone, bot }) => {
  const bytes = await recorded(phone.page, "audio");
  await attach(phone, "Audio", "hum.m4a", "audio/mp4", bytes);
  expect(await bot.got(2)).toMatchObject({ type: "audio", audio: { mime_type: "audio/mp4", voice: false } });
  await expect(phone.root.getByRole("group", { name: "Audio" })).toBeVisible();
  const id = await bot.send("audio", { id: await bot.upload(bytes, "audio/mp4", "b.m4a") });
  const sound = phone.of(id).getByRole("group", { name: "Audio" });
  await expect(sound.getByRole("slider", { name: "Position" })).toHaveAttribute("aria-valuetext", "0:01");
  await sound.getByRole("button", { name: "Play" }).press("Enter");
  await expect(sound.locator("rect.done").first()).toBeVisible();
});

test("a voice note to the phone has its waveform, plays, and counts as played", async ({ phone, bot }) => {
  await phone.root.getByRole("button", { name: "Record a voice message" }).click();
  await expect(phone.root.getByRole("timer")).toHaveText("0:01");
  await phone.root.getByRole("button", { name: "Send the recording" }).click();
  const file = await fetch(`${bot.graph}/_emulator/media/${(await bot.got(2)).audio.id}`);
  const media = await bot.upload(Buffer.from(await file.arrayBuffer()), "audio/ogg", "voice.ogg");
  const id = await bot.send("audio", { id: media, voice: true });
  const voice = phone.of(id).getByRole("group", { name: "Voice message" });
  await expect.poll(() => voice.locator("rect").evaluateAll((bars) => new Set(bars.map((b) => b.getAttribute("height"))).size)).toBeGreaterThan(1);
  await voice.getByRole("button", { name: "Play" }).press("Enter");
  await expect(voice.locator("rect.done").first()).toBeVisible();
  await expect.poll(() => bot.statuses.some((s) => s.id === id && s.status === "played")).toBe(true);
});
