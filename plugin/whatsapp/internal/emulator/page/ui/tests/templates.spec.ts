// Templates: every kind of header, every kind of button.

import { pdf, png, recorded } from "./files";
import { expect, test, type Bot, type JSONObject } from "./kit";

const account = "102290129340398";

async function define(bot: Bot, name: string, components: JSONObject[]): Promise<void> {
  const body = JSON.stringify({ name, language: "en", category: "UTILITY", components });
  const answer = await bot.call(`${account}/message_templates`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  if (!answer.id) throw new Error(JSON.stringify(answer));
}

const use = (bot: Bot, name: string, components: JSONObject[] = []) => bot.send("template", { name, language: { code: "en" }, components });

test("every kind of header", async ({ phone, bot }) => {
  const files = {
    image: { id: await bot.upload(png(300, 200), "image/png", "a.png") },
    video: { id: await bot.upload(await recorded(phone.page, "video"), "video/mp4", "a.mp4") },
    document: { id: await bot.upload(pdf, "application/pdf", "bill.pdf"), filename: "bill.pdf" },
    location: { latitude: "52.5", longitude: "13.4", name: "BER-1", address: "Berlin" },
  };
  const shown = {
    image: (id: string) => phone.of(id).getByRole("img", { name: "Photo" }),
    video: (id: string) => phone.of(id).locator("video"),
    document: (id: string) => phone.of(id).getByRole("link", { name: "Download bill.pdf" }),
    location: (id: string) => phone.of(id).getByRole("img", { name: "Map of BER-1" }),
  };
  for (const kind of ["image", "video", "document", "location"] as const) {
    await define(bot, `with_${kind}`, [{ type: "HEADER", format: kind.toUpperCase() }, { type: "BODY", text: `Below a ${kind}` }, { type: "FOOTER", text: "Ops" }]);
    const id = await use(bot, `with_${kind}`, [{ type: "header", parameters: [{ type: kind, [kind]: files[kind] }] }]);
    await expect(shown[kind](id)).toBeVisible();
    await expect(phone.of(id)).toContainText(`Below a ${kind}`);
    await expect(phone.of(id)).toContainText("Ops");
  }
  await define(bot, "with_text", [{ type: "HEADER", format: "TEXT", text: "Hi {{1}}", example: { header_text: ["Ana"] } }, { type: "BODY", text: "All is well." }]);
  const id = await use(bot, "with_text", [{ type: "header", parameters: [{ type: "text", text: "Bashir" }] }]);
  await expect(phone.of(id).locator(".heading")).toHaveText("Hi Bashir");
});

test("links, codes to copy and quick replies", async ({ phone, bot }) => {
  await define(bot, "buttons", [
    { type: "BODY", text: "Your *code* is here." },
    { type: "BUTTONS", buttons: [
      { type: "QUICK_REPLY", text: "Thanks" }, { type: "QUICK_REPLY", text: "Stop" },
      { type: "URL", text: "Open", url: "https://example.com/{{1}}", example: ["x"] }, { type: "COPY_CODE", example: "AB12" },
    ] },
  ]);
  const id = await use(bot, "buttons", [
    { type: "button", sub_type: "quick_reply", index: "0", parameters: [{ type: "payload", payload: "thx" }] },
    { type: "button", sub_type: "url", index: "2", parameters: [{ type: "text", text: "t/7" }] },
    { type: "button", sub_type: "copy_code", index: "3", parameters: [{ type: "coupon_code", coupon_code: "SAVE25" }] },
  ]);
  const of = phone.of(id);
  await expect(of.getByRole("link", { name: "Open" })).toHaveAttribute("href", "https://example.com/t/7");
  await of.getByRole("button", { name: "Copy code" }).press("Enter");
  await expect.poll(() => phone.page.evaluate(() => navigator.clipboard.readText())).toBe("SAVE25");
  await of.getByRole("button", { name: "Thanks" }).press("Enter");
  expect(await bot.got(1)).toMatchObject({ type: "button", button: { payload: "thx", text: "Thanks" }, context: { id } });
  await expect(of.getByRole("button", { name: "Thanks (chosen)" })).toBeDisabled();
  await expect(of.getByRole("button", { name: "Stop" })).toBeDisabled();
});

test("a notice that an answer waits, and the answer after the tap", async ({ phone, bot }) => {
  await define(bot, "answer_waits", [{ type: "BODY", text: "There is an answer for you." }, { type: "BUTTONS", buttons: [{ type: "QUICK_REPLY", text: "Show me" }] }]);
  bot.answer = async (m) => m.type === "button" && bot.send("text", { body: "All pods run." });
  await phone.say("pods?");
  await bot.got(1);
  await phone.move("25h");
  const id = await use(bot, "answer_waits");
  await phone.of(id).getByRole("button", { name: "Show me" }).press("Enter");
  await expect(phone.bubble("All pods run.")).toBeVisible();
  await expect(phone.bubble("All pods run.")).toHaveAttribute("data-state", "read");
  await expect(phone.of(id).getByRole("button", { name: "Show me (chosen)" })).toBeDisabled();
});

test("a template with cards", async ({ phone, bot }) => {
  const card = { components: [
    { type: "HEADER", format: "IMAGE" }, { type: "BODY", text: "Cluster" }, { type: "BUTTONS", buttons: [{ type: "QUICK_REPLY", text: "Take it" }] },
  ] };
  await define(bot, "cards", [{ type: "BODY", text: "Which one?" }, { type: "CAROUSEL", cards: [card, card] }]);
  const image = { id: await bot.upload(png(300, 200), "image/png", "a.png") };
  const id = await use(bot, "cards", [{ type: "carousel", cards: [0, 1].map((n) => ({ card_index: n, components: [
    { type: "header", parameters: [{ type: "image", image }] },
    { type: "button", sub_type: "quick_reply", index: "0", parameters: [{ type: "payload", payload: `take-${n}` }] },
  ] })) }]);
  await phone.of(id).getByRole("button", { name: "Take it" }).last().press("Enter");
  expect(await bot.got(1)).toMatchObject({ type: "button", button: { payload: "take-1" }, context: { id } });
  await expect(phone.of(id).getByRole("button", { name: "Take it (chosen)" })).toHaveCount(1);
});
