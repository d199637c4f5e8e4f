// Makes the pictures of the README: make pictures.

import { mkdirSync } from "node:fs";
import { expect, test } from "./kit";

test.skip(!process.env.PICTURES, "only when asked for");
test.use({ viewport: { width: 1440, height: 900 } });

const into = new URL("../../docs/", import.meta.url);

test("pictures", async ({ playground, page, browser }) => {
  test.setTimeout(120_000);
  mkdirSync(into, { recursive: true });
  const keep = async (name: string, of = page) => {
    await of.waitForTimeout(400); // for what moves to have arrived
    await of.screenshot({ path: new URL(name + ".jpg", into).pathname, type: "jpeg", quality: 84 });
  };
  await playground.open("/dev");
  await playground.say("/agents");
  await playground.settled(1);
  await playground.say("How is this machine?");
  await playground.settled(2);
  await playground.phone.getByRole("button", { name: "Disks" }).last().click();
  await playground.settled(3);
  await expect(page.locator('[data-hop="receipt.read"]')).toBeVisible({ timeout: 15_000 });
  await page.mouse.move(700, 880);
  await keep("playground");
  const trace = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
  await trace.goto(playground.ready.url.replace(/\/$/, "") + "/trace?id=last");
  await trace.getByRole("button", { name: "Reveal" }).click();
  await expect(trace.getByLabel("Normalised message")).toContainText("Disks");
  await keep("trace", trace);
  await trace.close();

  // The phone page by itself, with a bot that says more than the examples do.
  const state = (await playground.emulator("GET", "state")) as { business: { phone_number_id: string } };
  const home = Object.values(playground.ready.phones)[0]!;
  await playground.emulator("POST", "tokens", { token: "pictures" });
  const ana = (await playground.emulator("POST", "people", { name: "Ana", phone: "4915155500123" })) as { id: string };
  const write = async (body: object) => ((await playground.emulator("POST", "send", { from: ana.id, ...body })) as { id: string }).id;
  const answer = async (type: string, content: unknown, more: object = {}) => {
    const sent = await fetch(`${home}v25.0/${state.business.phone_number_id}/messages`, {
      method: "POST",
      headers: { Authorization: "Bearer pictures", "Content-Type": "application/json" },
      body: JSON.stringify({ messaging_product: "whatsapp", to: "+4915155500123", type, [type]: content, ...more }),
    });
    if (!sent.ok) throw new Error(await sent.text());
    return ((await sent.json()) as { messages: { id: string }[] }).messages[0]!.id;
  };
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("region", { name: "Platforms" }).getByRole("button", { name: "Pause" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Pause" }).click(); // the examples say nothing
  const asked = await write({ type: "text", text: "Is *checkout* healthy?" });
  await answer("text", { body: "*checkout* is fine.\n_Last restart:_ 4 days ago\n\n- p99 `182 ms`\n- errors ~2 %~ 0.1 %\n\n```\nNAME           READY  AGE\ncheckout-7d9f  1/1    4d\ncheckout-8k2p  1/1    4d\n```" }, { context: { message_id: asked } });
  const alarm = await answer("interactive", {
    type: "button", header: { type: "text", text: "Pod crash" }, footer: { text: "policy: ask" },
    body: { text: "`payments-5c7` is in *CrashLoopBackOff* since 14:02. What shall I do?" },
    action: { buttons: [{ type: "reply", reply: { id: "restart", title: "Restart it" } }, { type: "reply", reply: { id: "logs", title: "View logs" } }] },
  });
  await write({ type: "tap", title: "Restart it", context: alarm });
  const done = await answer("text", { body: "Restarted ✅ It is *ready* again." });
  await write({ type: "reaction", message_id_reacted: done, emoji: "🙏" });
  await answer("location", { latitude: 52.516, longitude: 13.377, name: "Data centre BER-1", address: "Pariser Platz, 10117 Berlin" });
  await answer("interactive", {
    type: "list", body: { text: "Shall I look somewhere else?" },
    action: { button: "Choose a namespace", sections: [{ title: "Production", rows: [{ id: "a", title: "payments", description: "12 pods, 1 restarted" }, { id: "b", title: "checkout", description: "9 pods" }] }, { title: "Staging", rows: [{ id: "c", title: "payments-staging" }] }] },
  });
  const phones = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await phones.goto(home + "?user=4915155500123&user=4915112345678");
  await expect(phones.getByText("Shall I look somewhere else?").first()).toBeVisible();
  await phones.getByRole("button", { name: "Tools" }).click();
  await phones.mouse.move(2, 2);
  await keep("phone", phones);
  await phones.close();

  await page.getByRole("region", { name: "Platforms" }).getByRole("button", { name: "Resume" }).click();
  for (let i = 0; i < 40; i++) {
    await playground.write(i % 5 ? `message ${i}` : "/status");
    await page.waitForTimeout(300);
  }
  const dark = await browser.newPage({ colorScheme: "dark", viewport: { width: 1440, height: 900 } });
  await dark.goto(playground.ready.url.replace(/\/$/, "") + "/?overview=1");
  await expect(dark.getByText("Everything runs")).toBeVisible();
  await expect(dark.getByRole("img", { name: /^Messages/ })).toBeVisible();
  await keep("overview-dark", dark);
});
