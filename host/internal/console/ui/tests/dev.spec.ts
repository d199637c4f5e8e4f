// The first minute, and what goes wrong on purpose: nothing is lost, and nothing comes twice.

import { expect, test } from "./kit";

test.use({ viewport: { width: 1440, height: 900 } });

test("the first message is answered within seconds of the start", async ({ playground, page }) => {
  await playground.open("/");
  await expect(page).toHaveURL(/\/dev$/);
  await playground.say("hello");
  await expect(playground.phone.locator('li[data-direction="to_user"]').first()).toBeVisible({ timeout: 20_000 });
});

test("a message's way is seen from its webhook to the blue ticks", async ({ playground, page }) => {
  await playground.open("/dev");
  await expect(page.getByText("Write something on the phone.")).toBeVisible();
  await playground.say("/help");
  const hops = page.locator("[data-hop]");
  await expect(hops.last()).toHaveAttribute("data-hop", "receipt.read", { timeout: 15_000 });
  const names = await hops.evaluateAll((all) => all.map((h) => h.getAttribute("data-hop")));
  expect(names[0]).toBe("webhook.received");
  for (const n of ["route.chosen", "turn.end", "send.attempt", "receipt.delivered"]) expect(names).toContain(n);
  await expect(playground.phone.locator('li[data-direction="to_user"]').last()).toHaveAttribute("data-state", "read");
  await playground.settled(1);
  await page.getByRole("link", { name: "Raw bytes, answers, replay" }).click();
  await expect(page.getByRole("region", { name: "Source" })).toBeVisible();
});

test("with each fault everything is answered once", async ({ playground, page }) => {
  test.slow();
  test.setTimeout(150_000);
  await playground.open("/dev");
  await playground.say("before");
  await playground.settled(1);
  let sent = 1;
  const button = page.getByRole("button", { name: /^Faults/ });
  await button.click();
  const names = await page.getByRole("switch").evaluateAll((all) => all.map((s) => s.closest("label")?.querySelector("span")?.firstChild?.textContent?.trim() ?? ""));
  expect(names.length).toBeGreaterThanOrEqual(8);
  await page.keyboard.press("Escape");
  for (const name of names) {
    await button.click();
    await page.getByRole("switch", { name }).check();
    await page.getByRole("button", { name: "Close" }).click();
    await expect(button).toHaveText(/Faults\s*1/);
    for (const part of ["one", "two", "three"]) await playground.say(`${name}: ${part}`);
    sent += 3;
    await test.step(name, () => playground.settled(sent));
    await button.click();
    await page.getByRole("switch", { name }).uncheck();
    await page.getByRole("button", { name: "Close" }).click();
  }
});

test("a plugin and the daemon are killed during a conversation", async ({ playground, page }) => {
  test.slow();
  await playground.open("/dev");
  await playground.say("before");
  await playground.settled(1);

  await playground.say("while the plugin is killed");
  await page.getByRole("button", { name: "Kill plugin" }).click();
  await expect(page.getByText("The plugin was killed.")).toBeVisible();
  await playground.say("after the plugin was killed");
  await playground.settled(3);

  await playground.say("while the daemon is killed");
  await page.getByRole("button", { name: "Kill daemon" }).click();
  await expect(page.getByText("The daemon was killed.")).toBeVisible();
  await playground.say("after the daemon was killed");
  await playground.settled(5);
  await expect(page.getByRole("button", { name: "Kill daemon" })).toBeEnabled();
  const last = page.getByRole("button", { name: /after the daemon/ }).last();
  await last.click();
  await expect(page.locator('[data-hop="send.attempt"]')).toBeVisible();
});
