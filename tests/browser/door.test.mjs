// The door without a network: a ticket is judged by the list that the device fetched before, what was let in is sent when the network is
// back, and whom the server then refuses stays on the page until somebody has looked at it. How the page looks is tested elsewhere.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { make_event, organiser_at_the_server, own_page_of, set_event, sign_up, steps } from "./stage.mjs";
import { PHONE, barriers, base, overflow, picture, start, stop, text, until, visitor } from "./visitors.mjs";

const RUN = Date.now().toString(36);
const EVENT = `door-${RUN}`;
const ANNA = { name: "Anna Virtanen", email: `anna.${RUN}@example.org` };
const BEN = { name: "Ben Aalto", email: `ben.${RUN}@example.org` };

const step = steps();
let organiser;
let door;
let page;

before(async () => {
  await start();
  organiser = await organiser_at_the_server();
  await make_event(organiser.page, EVENT, "The door is tried");
  await set_event(organiser.page, EVENT, { published: true, mode: "site" });
  const guest = await visitor();
  const form = await guest.context.newPage();
  for (const who of [ANNA, BEN]) {
    await sign_up(form, EVENT, who);
    await form.goto(await own_page_of(who.email));
    who.code = await form.locator(".ticket code").textContent();
  }
  await guest.leave();
});

after(stop);

async function scan(code) {
  await page.fill("#code", code);
  await page.press("#code", "Enter");
}

const verdict = () => text(page, "#verdict-word");
const look = () => page.locator("#door-look").isVisible();

step("a device at the door has the list of tickets", async () => {
  door = await visitor({ ...PHONE, storageState: await organiser.context.storageState() });
  page = await door.open(`/console/check-in/${EVENT}`);
  await until(() => text(page, "#door-pack").then((told) => told.startsWith("2 tickets")), true, "the list is on the device");
  assert.equal(await look(), false);
});

step("meanwhile the network goes, and one of them comes in at another door", async () => {
  await door.context.setOffline(true);
  await until(() => text(page, "#door-link"), "Offline: tickets are checked on this device", "it says that it is offline");
  const other = await organiser.context.newPage();
  await other.goto(`${base}/console/check-in/${EVENT}`);
  await other.fill("#code", ANNA.code);
  await other.press("#code", "Enter");
  await until(() => text(other, "#verdict-word"), "Welcome", "the other door lets her in");
  await other.close();
});

step("without a network it lets in who is on its list", async () => {
  for (const { code } of [ANNA, BEN]) {
    await scan(code);
    await until(verdict, "Welcome", "a ticket of the list opens");
  }
  await until(() => text(page, "#door-waiting"), "2 waiting to be sent", "both are kept");
});

step("with the network back, who was refused is told and stays told, offline as well", async () => {
  await door.context.setOffline(false);
  await until(() => text(page, "#door-waiting"), "Nothing waits to be sent", "all is sent");
  await until(() => text(page, "#door-look-title"), "1 scanned offline needs a look", "the page says so");
  const row = async () => (await text(page, "#door-look-list li div")).split("\n").map((line) => line.trim()).filter(Boolean).join(" | ");
  assert.match(await row(), new RegExp(`^Ticket ending in ${ANNA.code.slice(-8)} \\| Let in here: .+\\d\\d:\\d\\d \\| Checked in before$`));
  assert.deepEqual(await barriers(page), []);
  assert.equal(await overflow(page), 0);
  await picture(page, "door-look-phone");

  await page.reload();
  await until(() => text(page, "#door-look-title"), "1 scanned offline needs a look", "it is there after a reload");
  assert.equal(await page.locator("#door-look-list li").count(), 1);
  await door.context.setOffline(true);
  await page.reload();
  await until(() => text(page, "#door-look-title"), "1 scanned offline needs a look", "it is there without a network too");
  await door.context.setOffline(false);
  await page.getByRole("button", { name: "Check again" }).click();
  await until(() => text(page, "#verdict-who"), ANNA.name, "the server says who it is");
});

step("until somebody has looked", async () => {
  await page.getByRole("button", { name: "Done" }).click();
  await until(look, false, "it is gone");
  await page.reload();
  await until(() => text(page, "#door-link"), "In touch", "the page works");
  assert.equal(await look(), false, "for good");
  // Who was let in rightly was never named.
  await scan(BEN.code);
  await until(verdict, "Checked in before", "the one that was sent is in");
  assert.deepEqual(door.wrongs.filter((wrong) => !/ERR_INTERNET_DISCONNECTED/.test(wrong)), []);
});
