// The live pages of a running Turnout, seen by people with a real Chromium: the number, who is in touch, the organiser's board. The event
// is made here, so that nobody else is in its count. How pages look is tested elsewhere.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { make_event, organiser_at_the_server } from "./stage.mjs";
import { DESKTOP, PHONE, barriers, base, picture, sign_in_link, start, stop, text, until, visitor } from "./visitors.mjs";

const EVENT = `night-${Date.now().toString(36)}`;
const TITLE = "Northern Lights Film Festival: opening night";

let organiser;
let session;
const link = sign_in_link();

before(async () => {
  await start();
  organiser = await organiser_at_the_server(link);
  await make_event(organiser.page, EVENT, TITLE);
  await organiser.page.close();
  session = await organiser.context.storageState();
});

after(stop);

/** The number that the page shows; null until the page's script has put it there. */
const shown = (page) => () => page.evaluate(() => {
  const digits = [...document.querySelectorAll("#digits .new")].map((digit) => digit.textContent);
  return digits.length ? digits.join("") : null;
});
const figure = (page, name) => () => text(page, `[data-figure="${name}"]`);
const linked = (page) => () => page.evaluate(() => document.querySelector("#count").dataset.link);

test("two people and a second tab are 1, 2, 2, 1 on the page and in the console", async () => {
  const anna = await visitor(DESKTOP);
  const ben = await visitor(PHONE);
  const board = await organiser.open(`/console/events/${EVENT}`);
  const annas = await anna.open(`/e/${EVENT}`);
  await until(shown(annas), "1", "one person, on her page");
  await until(figure(board, "viewers"), "1", "one person, in the console");

  const bens = await ben.open(`/e/${EVENT}`);
  for (const page of [annas, bens]) await until(shown(page), "2", "two people, on a page");
  await until(figure(board, "viewers"), "2", "two people, in the console");

  const second = await ben.open(`/e/${EVENT}`);
  await until(figure(board, "connections"), "3", "three connections");
  await until(shown(second), "2", "two people, in the second tab");
  assert.equal(await shown(annas)(), "2");
  assert.equal(await figure(board, "viewers")(), "2");
  await picture(bens, "event-two-phone");
  await picture(board, "console-two-desktop");

  await second.goto("about:blank");
  await until(figure(board, "connections"), "2", "the second tab has gone");
  assert.equal(await shown(annas)(), "2");
  await bens.goto("about:blank");
  const left_ms = Date.now();
  await until(shown(annas), "1", "one person is left, on her page");
  assert.ok(Date.now() - left_ms < 2_000, "who leaves properly is out of the count at once");
  await until(figure(board, "viewers"), "1", "one person is left, in the console");

  for (const person of [anna, ben, organiser]) assert.deepEqual(person.wrongs, []);
  await board.close();
  await anna.leave();
  await ben.leave();
});

test("who goes back finds the page live again", async () => {
  const anna = await visitor();
  const page = await anna.open(`/e/${EVENT}`);
  await until(linked(page), "live", "connected");
  await page.goto(`${base}/`);
  await page.goBack();
  await until(linked(page), "live", "connected again");
  await until(shown(page), "1", "counted once");
  assert.deepEqual(anna.wrongs, []);
  await anna.leave();
});

test("a device without a network says so and comes back by itself", async () => {
  const anna = await visitor(PHONE);
  const page = await anna.open(`/e/${EVENT}`);
  await until(linked(page), "live", "connected");
  await anna.context.setOffline(true);
  await until(linked(page), "reconnecting", "offline");
  assert.match(await text(page, "#link"), /offline/);
  await picture(page, "event-offline-phone");
  await anna.context.setOffline(false);
  await until(linked(page), "live", "back");
  await anna.leave();
});

test("without scripts the event page shows the number and says that it does not move", async () => {
  const watcher = await visitor();
  const moving = await watcher.open(`/e/${EVENT}`);
  await until(shown(moving), "1", "somebody is there");
  const plain = await visitor({ ...PHONE, javaScriptEnabled: false });
  const page = await plain.open(`/e/${EVENT}`);
  assert.equal(await page.locator("#digits").innerText(), "1");
  assert.match(await page.locator("noscript").innerText(), /does not move/);
  await picture(page, "event-no-script-phone");
  await plain.leave();
  await watcher.leave();
});

test("the organiser goes live after a question, and the event page says so", async () => {
  const board = await organiser.open(`/console/events/${EVENT}`);
  assert.equal(await text(board, ".badge"), "Not started");
  await board.getByRole("button", { name: "Go live" }).click();
  await board.getByRole("button", { name: "Not now" }).click();
  assert.equal(await text(board, ".badge"), "Not started");
  await board.getByRole("button", { name: "Go live" }).click();
  await picture(board, "console-question-desktop");
  await board.locator("#confirm-yes").click();
  await until(() => text(board, ".badge").catch(() => null), "Live", "live in the console");
  const page = await organiser.open(`/e/${EVENT}`);
  await until(() => text(page, ".badge"), "Live", "live on the page");
  // A page that is closed while it still connects writes a warning into the console's log.
  await until(linked(page), "live", "connected");
  await board.close();
  await page.close();
  assert.deepEqual(organiser.wrongs, []);
});

test("the chart of the last hour moves without a reload", async () => {
  const anna = await visitor();
  await anna.open(`/e/${EVENT}`);
  const board = await organiser.open(`/console/events/${EVENT}`);
  const canvas = board.locator("#chart canvas");
  await canvas.waitFor();
  const drawing = () => canvas.evaluate((element) => element.toDataURL());
  const first = await drawing();
  await until(async () => (await drawing()) !== first, true, "the chart changes");
  await board.close();
  await anna.leave();
  assert.deepEqual(organiser.wrongs, []);
});

test("the list of events moves, and keeps the keyboard's place", async () => {
  const list = await organiser.open("/console");
  await list.focus(`#event-${EVENT}`);
  const anna = await visitor();
  await anna.open(`/e/${EVENT}`);
  await until(() => text(list, `.row:has(#event-${EVENT}) .row-number strong`), "1", "one person, in the list");
  assert.equal(await list.evaluate(() => document.activeElement.id), `event-${EVENT}`);
  await anna.leave();
  await list.close();
  assert.deepEqual(organiser.wrongs, []);
});

test("a form that cannot be accepted says why, beside the field", async () => {
  const clumsy = await visitor({ ...PHONE, storageState: session });
  const page = await clumsy.open("/console");
  await page.fill("#title", "A title");
  await page.fill("#starts", "2030-12-24T18:00");
  await page.fill("#zone", "Europe/Helsinki");
  await page.fill("#event_id", EVENT);
  await page.click("form.form button");
  await page.locator("#event-id-error").waitFor();
  assert.equal(await page.inputValue("#title"), "A title");
  await picture(page, "console-form-phone");
  assert.deepEqual(await barriers(page), []);
  await clumsy.leave();
});

test("a sign-in link opens the console once, and a stranger is sent to the sign-in page", async () => {
  const stranger = await visitor();
  const page = await stranger.open(`/console/events/${EVENT}`);
  assert.equal(new URL(page.url()).pathname, "/console/sign-in");
  await page.goto(link);
  assert.match(await text(page, ".notice"), /has been used/);
  await stranger.leave();
});

test("signing out ends the session", async () => {
  const page = await organiser.open("/console");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/sign-in/);
  assert.match(await text(page, ".notice"), /signed out/);
  await page.goto(`${base}/console`);
  assert.equal(new URL(page.url()).pathname, "/console/sign-in");
});
