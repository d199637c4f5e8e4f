// Nobody is kept out: both themes, narrow and wide, by axe and by the keyboard.

import AxeBuilder from "@axe-core/playwright";
import { pdf, png } from "./files";
import { expect, test, user } from "./kit";

for (const colorScheme of ["light", "dark"] as const) {
  for (const viewport of [{ width: 360, height: 740 }, { width: 1440, height: 900 }]) {
    test.describe(`${colorScheme}, ${viewport.width}`, () => {
      test.use({ colorScheme, viewport, contextOptions: { reducedMotion: "reduce" } });

      test("axe finds nothing", async ({ phone, bot }) => {
        const { page, root } = phone;
        await phone.say("Is the *checkout* healthy?");
        const m = await bot.got(1);
        await bot.read(m.id, true);
        await bot.send("text", { body: "It is: `3/3`\n> quoted\n- ready https://example.com" }, { context: { message_id: m.id } });
        await bot.send("image", { id: await bot.upload(png(200, 120), "image/png", "a.png"), caption: "Today" });
        await bot.send("location", { latitude: 1, longitude: 2, name: "Here" });
        await bot.send("reaction", { message_id: m.id, emoji: "👍" });
        await bot.send("interactive", { type: "button", body: { text: "Now?" }, footer: { text: "ask" }, action: { buttons: [{ type: "reply", reply: { id: "y", title: "Yes" } }] } });
        await root.getByRole("button", { name: "Yes" }).click();
        await bot.send("interactive", { type: "call_permission_request", action: { name: "call_permission_request" } });
        await bot.send("document", { id: await bot.upload(pdf, "application/pdf", "a.pdf"), filename: "a.pdf" });
        await phone.control("POST", "send", { from: user, type: "order", catalog_id: "c", products: [{ product_retailer_id: "disk-1", quantity: 2, item_price: 3, currency: "EUR" }] });
        const forms = [
          await bot.send("interactive", { type: "product", action: { catalog_id: "c", product_retailer_id: "board-1" } }),
          await bot.send("interactive", { type: "address_message", body: { text: "Where to?" }, action: { name: "address_message", parameters: { country: "IN" } } }),
        ];
        const last = await bot.send("interactive", { type: "list", body: { text: "Which?" }, action: { button: "Choose", sections: [{ title: "All", rows: [{ id: "a", title: "A", description: "first" }] }] } });
        await expect(phone.of(last)).toBeVisible();
        const clean = async (what: string) => {
          const found = await new AxeBuilder({ page }).analyze();
          expect(found.violations.map((v) => `${what}: ${v.id} ${v.nodes.map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).join("; ")}`)).toEqual([]);
        };
        await clean("chat");
        expect(await page.evaluate(() => document.documentElement.scrollWidth), "nothing is wider than the page").toBeLessThanOrEqual(viewport.width);
        if (viewport.width < 1000) {
          await phone.of(last).getByRole("button", { name: "Choose" }).click();
          await clean("sheet");
          await page.keyboard.press("Escape");
          for (const [i, name] of ["View", "Provide address"].entries()) {
            await phone.of(forms[i]!).getByRole("button", { name }).click();
            await expect(root.getByRole("dialog", { name })).toBeVisible();
            await clean(name);
            await page.keyboard.press("Escape");
          }
        }
        await root.getByRole("button", { name: "More" }).click();
        await page.getByRole("menuitem", { name: "Clock, faults, limits" }).click();
        await expect(page.getByRole("heading", { name: "Clock" })).toBeVisible();
        await clean("tools");
      });
    });
  }
}

test("arrow keys go from message to message, and Enter opens what can be done", async ({ phone, bot }) => {
  const { page } = phone;
  for (const [i, text] of ["one", "two", "three"].entries()) {
    await phone.say(text);
    await bot.got(i + 1);
  }
  await page.keyboard.press("Shift+Tab");
  await expect(phone.root.getByRole("button", { name: "Emoji" })).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await expect(phone.root.getByRole("button", { name: "Actions for: three" })).toBeFocused();
  await page.keyboard.press("ArrowUp");
  await expect(phone.root.getByRole("button", { name: "Actions for: two" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menu")).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Escape");
  await expect(phone.root.getByRole("button", { name: "Actions for: two" })).toBeFocused();
});
