// What people answer by a form or a tap: flows, contacts, calls, addresses and orders; by the keyboard.

import { png } from "./files";
import { expect, test } from "./kit";

test.beforeEach(async ({ phone, bot }) => {
  await phone.say("open the window");
  await bot.got(1);
});

test("a flow is opened and answered", async ({ phone, bot }) => {
  const id = await bot.send("interactive", {
    type: "flow", header: { type: "text", text: "On call" }, body: { text: "Take the shift?" }, footer: { text: "two minutes" },
    action: { name: "flow", parameters: { flow_message_version: "3", flow_id: "77", flow_cta: "Open the form", flow_token: "shift-9" } },
  });
  await phone.of(id).getByRole("button", { name: "Open the form" }).press("Enter");
  const sheet = phone.root.getByRole("dialog", { name: "Open the form" });
  const answer = sheet.getByRole("textbox", { name: /What the flow answers/ });
  await expect(answer).toHaveValue(/"flow_token": "shift-9"/);
  await answer.fill("{ no JSON");
  await expect(sheet.getByRole("button", { name: "Send" })).toBeDisabled();
  await answer.fill('{"flow_token": "shift-9", "shift": "night"}');
  await sheet.getByRole("button", { name: "Send" }).press("Enter");
  const reply = (await bot.got(2)).interactive.nfm_reply;
  expect(JSON.parse(reply.response_json)).toEqual({ flow_token: "shift-9", shift: "night" });
  await expect(sheet).toHaveCount(0);
  await expect(phone.bubble("Sent")).toBeVisible();
});

test("the own contact, on request", async ({ phone, bot }) => {
  const id = await bot.send("interactive", { type: "request_contact_info", body: { text: "How do we reach you?" }, action: { name: "request_contact_info" } });
  await phone.of(id).getByRole("button", { name: "Share contact info" }).press("Enter");
  await phone.root.getByRole("dialog", { name: "Share contact" }).getByRole("button", { name: "Send" }).press("Enter");
  expect(await bot.got(2)).toMatchObject({ type: "contacts", context: { id }, contacts: [{ origin: "contact_request", phones: [{ wa_id: "4915112345678" }] }] });
});

test("calls are allowed, or not", async ({ phone, bot }) => {
  const id = await bot.send("interactive", { type: "call_permission_request", action: { name: "call_permission_request" } });
  await expect(phone.of(id)).toContainText("May the business call you?");
  await phone.of(id).getByRole("button", { name: "Allow calls" }).press("Enter");
  expect(await bot.got(2)).toMatchObject({ interactive: { call_permission_reply: { response: "accept" } }, context: { id } });
  await expect(phone.bubble("You allowed calls")).toBeVisible();
  await phone.of(id).getByRole("button", { name: "Don't allow" }).press("Enter");
  expect(await bot.got(3)).toMatchObject({ interactive: { call_permission_reply: { response: "reject" } } });
  await expect(phone.bubble("You did not allow calls")).toBeVisible();
});

test("an address", async ({ phone, bot }) => {
  const id = await bot.send("interactive", {
    type: "address_message", body: { text: "Where to?" }, action: { name: "address_message", parameters: { country: "IN", values: { name: "Ravi" } } },
  });
  await phone.of(id).getByRole("button", { name: "Provide address" }).press("Enter");
  const sheet = phone.root.getByRole("dialog", { name: "Provide address" });
  await expect(sheet.getByRole("textbox", { name: "Name" })).toHaveValue("Ravi");
  await sheet.getByRole("textbox", { name: "City" }).fill("Pune");
  await sheet.getByRole("textbox", { name: "City" }).press("Enter");
  const reply = (await bot.got(2)).interactive.nfm_reply;
  expect(reply.name).toBe("address_message");
  expect(JSON.parse(reply.response_json)).toMatchObject({ values: { name: "Ravi", city: "Pune" } });
  await expect(phone.bubble("Pune")).toBeVisible();
});

test("products, a list of them and a catalog are ordered from", async ({ phone, bot }) => {
  const one = await bot.send("interactive", { type: "product", body: { text: "A board" }, action: { catalog_id: "c1", product_retailer_id: "board-1" } });
  await expect(phone.of(one)).toContainText("board-1");
  await phone.of(one).getByRole("button", { name: "View" }).press("Enter");
  await phone.root.getByRole("button", { name: "Send the order" }).press("Enter");
  expect(await bot.got(2)).toMatchObject({ type: "order", order: { catalog_id: "c1", product_items: [{ product_retailer_id: "board-1", quantity: 1, item_price: 10, currency: "EUR" }] } });

  const list = await bot.send("interactive", {
    type: "product_list", header: { type: "text", text: "Parts" }, body: { text: "What is missing?" },
    action: { catalog_id: "c1", sections: [
      { title: "Disks", product_items: [{ product_retailer_id: "disk-1" }, { product_retailer_id: "disk-2" }] },
      { title: "Fans", product_items: [{ product_retailer_id: "fan-1" }] },
    ] },
  });
  await phone.of(list).getByRole("button", { name: "View items" }).press("Enter");
  const sheet = phone.root.getByRole("dialog", { name: "View items" });
  await expect(sheet.getByRole("heading", { level: 3 })).toHaveText(["Disks", "Fans"]);
  await expect(sheet.getByRole("button", { name: "Send the order" })).toBeDisabled();
  await sheet.getByRole("spinbutton", { name: "disk-2" }).fill("2");
  await sheet.getByRole("spinbutton", { name: "fan-1" }).press("ArrowUp");
  await sheet.getByRole("spinbutton", { name: "Price" }).fill("12.5");
  await sheet.getByRole("textbox", { name: "Message" }).fill("By Friday");
  await sheet.getByRole("textbox", { name: "Message" }).press("Enter");
  expect((await bot.got(3)).order).toEqual({
    catalog_id: "c1", text: "By Friday",
    product_items: [{ product_retailer_id: "disk-2", quantity: 2, item_price: 12.5, currency: "EUR" }, { product_retailer_id: "fan-1", quantity: 1, item_price: 12.5, currency: "EUR" }],
  });
  await expect(phone.bubble("By Friday").getByRole("list", { name: "Products" })).toContainText("2 × disk-2€12.50");

  const all = await bot.send("interactive", { type: "catalog_message", body: { text: "All of it" }, action: { name: "catalog_message", parameters: { thumbnail_product_retailer_id: "rack-1" } } });
  await phone.of(all).getByRole("button", { name: "View catalog" }).press("Enter");
  await expect(phone.root.getByRole("textbox", { name: "Product" })).toHaveValue("rack-1");
  await phone.root.getByRole("textbox", { name: "Catalog" }).fill("c2");
  await phone.root.getByRole("textbox", { name: "Catalog" }).press("Enter");
  expect(await bot.got(4)).toMatchObject({ order: { catalog_id: "c2", product_items: [{ product_retailer_id: "rack-1", quantity: 1 }] } });
});

test("a carousel of links, and one of replies", async ({ phone, bot }) => {
  const image = { id: await bot.upload(png(300, 200), "image/png", "a.png") };
  const links = await bot.send("interactive", {
    type: "carousel", body: { text: "Three clusters" },
    action: { cards: [0, 1, 2].map((n) => ({
      card_index: n, type: "cta_url", header: { type: "image", image }, body: { text: `Cluster ${n}` },
      action: { name: "cta_url", parameters: { display_text: "Open", url: `https://example.com/${n}` } },
    })) },
  });
  const cards = phone.of(links).getByRole("list", { name: "Cards" }).getByRole("listitem");
  await expect(cards).toHaveCount(3);
  await cards.last().getByRole("link", { name: "Open" }).focus();
  await expect(cards.last().getByRole("link", { name: "Open" })).toBeInViewport();
  await expect(cards.last().getByRole("link", { name: "Open" })).toHaveAttribute("href", "https://example.com/2");

  const replies = await bot.send("interactive", {
    type: "carousel", body: { text: "Which one?" },
    action: { cards: [0, 1].map((n) => ({
      card_index: n, type: "cta_url", header: { type: "image", image }, body: { text: `Cluster ${n}` },
      action: { buttons: [{ type: "quick_reply", quick_reply: { id: `c${n}`, title: `Take ${n}` } }] },
    })) },
  });
  await phone.of(replies).getByRole("button", { name: "Take 1" }).press("Enter");
  expect(await bot.got(2)).toMatchObject({ interactive: { button_reply: { id: "c1", title: "Take 1" } }, context: { id: replies } });
  await expect(phone.of(replies).getByRole("button", { name: "Take 0" })).toBeDisabled();
});
