// Every act of an event's pages in the console by the keyboard alone: Tab, Enter, Space, Escape and letters, and nothing else touches the
// pages. Which acts there are is read from the pages (acts.mjs), so that a new one cannot be forgotten. One sees where one is after a live
// update as well; the question before an act keeps the keyboard and gives it back. The organisation's pages and the public ones have
// files of their own.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { left_out, note_acts } from "./acts.mjs";
import { button, choose, focused, go, press, says, send, sound, tab_to, unfold, write } from "./keyboard.mjs";
import { hand_back, mails } from "./mails.mjs";
import { field, make_event, member, organiser_at_the_server, own_page_of, set_event, sign_up, steps } from "./stage.mjs";
import { DESKTOP, PHONE, base, start, stop, text, until, visitor } from "./visitors.mjs";

const RUN = Date.now().toString(36);
const EVENT = `keys-${RUN}`;
const KAISA = { name: "Kaisa Laine", email: `kaisa.${RUN}@example.org` };
const BEA = { name: "Bea Bulk", email: `bea.${RUN}@example.org` };
/** Registered by hand. */
const HELPED = `by.hand.${RUN}@example.org`;
const OWNER = `boss.${RUN}@example.org`;

/** What is done for one registrant, in an order in which each is possible: the act, its word if it has several, and what is told. */
const PAID = ["payment", "paid", /payment state is set/];
const CONFIRMED = ["rsvp", "confirmed", /answer is recorded/];
const HELP = [
  ["confirmation", "", /on its way/], ["reminder", "", /on its way/], ["rsvp", "declined", /answer is recorded/], CONFIRMED, PAID,
  ["check-in", "", /Checked in/], ["payment", "refunded", /payment state is set/], ["payment", "unpaid", /payment state is set/],
  ["edit", "", /changes are saved/], ["cancel", "", /Cancelled/],
];
/** What is done for those who are ticked in the list. */
const BULK = [
  ["check-in", /Checked in: 1 of 1/], ["confirmation", /on its way again: 1 of 1/], ["reminder", /on its way again: 1 of 1/],
];

const done = new Set();

let owner;
let page;

before(async () => {
  await start();
  const first = await organiser_at_the_server();
  await make_event(first.page, EVENT, "Keys alone");
  await set_event(first.page, EVENT, { published: true, nicknames: true, mode: "both", venue: "Bio Rex", rsvp: true, price: "5.00" });
  await sign_up(first.page, EVENT, KAISA);
  owner = await visitor({ ...DESKTOP, storageState: await member(first.page, OWNER, "owner") });
  await first.leave();
  note_acts(owner, done);
  page = await owner.context.newPage();
});

after(stop);

const step = steps();

/** The page of somebody, out of the list. */
async function open_registrant(name) {
  await go(page, `/console/events/${EVENT}/registrants`);
  await press(page, page.locator("#list tbody .who a", { hasText: name }).first());
  await page.waitForURL(/registrants\/[^/?]+$/);
}

/** One act for whoever's page is open. */
async function help([act, word, told]) {
  const form = page.locator(`form[action$="/${act}"]`);
  await unfold(page, form);
  await write(page, form.locator('[name="reason"]'), "They asked for it");
  await send(page, form.locator(word ? `button[value="${word}"]` : "button"));
  await says(page, told);
}

step("an event is made, set up, given rooms and cancelled", async () => {
  const id = `made-${RUN}`;
  await go(page, "/console");
  await write(page, page.locator("#title"), "Made with keys");
  await tab_to(page, page.locator("#starts"));
  // Month, day and year, as a browser in American English wants them.
  await page.keyboard.type("12242030");
  await page.keyboard.press("Tab");
  await page.keyboard.type("0600PM");
  await write(page, page.locator("#zone"), "Europe/Helsinki");
  await write(page, page.locator("#event_id"), id);
  await Promise.all([page.waitForURL(`${base}/console/events/${id}`), page.keyboard.press("Enter")]);
  await go(page, `/console/events/${id}/settings`);
  await tab_to(page, field(page, "published"));
  await page.keyboard.press("Space");
  await choose(page, field(page, "mode"), "On site and");
  await send(page, button(page, "Save changes"));
  await says(page, /Saved/);
  assert.equal(await field(page, "published").isChecked(), true);
  assert.equal(await field(page, "mode").inputValue(), "both");
  await write(page, field(page, "room_title"), "The red room");
  await send(page, button(page, "Add the room"));
  await page.locator("li strong", { hasText: "The red room" }).waitFor();
  const rename = await unfold(page, "Rename");
  await write(page, rename.locator('[name^="title."]'), "The blue room");
  await send(page, rename.locator("button"));
  await says(page, /new name/);
  await page.locator("li strong", { hasText: "The blue room" }).waitFor();
  await unfold(page, "Cancel");
  await tab_to(page, page.locator("#sure"));
  await page.keyboard.press("Space");
  await send(page, page.locator('form[action$="/settings/cancel"] button'));
  assert.equal(await text(page, ".event-top .badge"), "Cancelled");
});

step("the question before going live keeps the keyboard, gives it back, and is answered", async () => {
  await go(page, `/console/events/${EVENT}`);
  const live = button(page, "Go live");
  await press(page, live);
  const dialog = page.locator("#confirm");
  await dialog.waitFor();
  await sound(page);
  for (let n = 0; n < 6; n += 1) {
    assert.equal(await page.evaluate(() => document.querySelector("#confirm").contains(document.activeElement) || document.activeElement === document.body), true);
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.equal(await live.evaluate((element) => document.activeElement === element), true, "back where it was");
  await page.keyboard.press("Enter");
  await send(page, page.locator("#confirm-yes"));
  assert.equal(await text(page, ".event-top .badge"), "Live");
});

step("a form is built and its questions change places", async () => {
  await go(page, `/console/events/${EVENT}/form`);
  for (const [n, label] of ["First", "Second", "Third"].entries()) {
    await send(page, page.locator('button[value="add"]'));
    await write(page, field(page, `f.${n}.label.en`), label);
    await write(page, field(page, `f.${n}.purpose.en`), "To plan the evening.");
  }
  const titles = () => page.locator("#builder .builder-title").allInnerTexts();
  await send(page, page.locator('button[value="up.f.2"]'));
  assert.deepEqual((await titles()).slice(0, 3), ["First", "Third", "Second"]);
  await send(page, page.locator('button[value="down.f.0"]'));
  assert.deepEqual((await titles()).slice(0, 3), ["Third", "First", "Second"]);
  await send(page, page.locator('button[value="remove.f.1"]'));
  assert.deepEqual((await titles()).slice(0, 2), ["Third", "Second"]);
  await send(page, page.locator('button[value="add-consent"]'));
  await send(page, page.locator('button[value="remove.c.0"]'));
  await send(page, page.locator('.save-bar button[value="preview"]'));
  await page.locator("#preview").getByText("Third").waitFor();
  await send(page, page.locator('button[value="save"]'));
  await says(page, /The form is saved/);
  await sound(page);
});

step("a message is written, looked at, tried, kept and thrown away, and so are the reminders kept", async () => {
  await go(page, `/console/events/${EVENT}/messages/confirmation`);
  await write(page, field(page, "subject.en"), "Welcome to {{event.title}}");
  await press(page, page.locator('button[formtarget="mail"]').first());
  await page.frameLocator("iframe.mail").locator("body").getByText("Keys alone").first().waitFor();
  await send(page, page.locator('button[value="preview.en"]'));
  await page.locator("#preview").getByText("Welcome to Keys alone").waitFor();
  await send(page, page.locator('button[value="save"]'));
  await says(page, /saved/i);
  await write(page, field(page, "to"), OWNER);
  await send(page, page.locator('button[value="test.en"]'));
  await until(() => mails(OWNER).some((mail) => mail.headers.get("subject").includes("Welcome to Keys alone")), true, "the trial mail");
  await go(page, `/console/events/${EVENT}/messages/confirmation`);
  await send(page, page.locator('button[value="reset"]'));
  await says(page, /thrown away/);
  await go(page, `/console/events/${EVENT}/messages`);
  await write(page, field(page, "before"), "2d, 3h");
  await send(page, button(page, "Save the reminders"));
  assert.equal(await field(page, "before").inputValue(), "2d, 3h");
});

step("a registrant is helped in every way", async () => {
  await open_registrant(KAISA.name);
  for (const act of HELP) await help(act);
});

step("the list is searched, filtered, sorted, opened, marked and exported, and an update takes nothing from the keyboard", async () => {
  await go(page, `/console/events/${EVENT}/registrants/new`);
  await write(page, field(page, "email"), HELPED);
  await write(page, field(page, "name"), "Harri Hand");
  if (await field(page, "mode").count()) await choose(page, field(page, "mode"), "On site");
  await write(page, field(page, "reason"), "Called us");
  await send(page, button(page, "Register"));
  for (const act of [CONFIRMED, PAID]) await help(act);

  await go(page, `/console/events/${EVENT}/registrants`);
  await until(() => page.evaluate(() => document.querySelector("#link").dataset.link), "live", "live");
  const names = () => page.locator("#list tbody .who a").allInnerTexts();
  await page.keyboard.press("/");
  assert.equal(await focused(page), "q");
  await page.keyboard.type("harri");
  await until(async () => (await names()).join(), "Harri Hand", "found");
  await page.keyboard.press("Escape");
  await until(async () => (await names()).length, 2, "all again");
  assert.equal(await focused(page), "q");

  await press(page, page.locator("#filters summary"));
  await choose(page, page.locator("#filters select").first(), "Cancelled");
  await until(async () => (await names()).length, 1, "one is cancelled");
  await sound(page);
  await press(page, page.locator("#filters .filter-end a"));
  await page.waitForURL(/registrants$/);
  await until(() => page.evaluate(() => document.querySelector("#link").dataset.link), "live", "live");

  const sort = await page.locator("#list thead a.sort").first().getAttribute("id");
  await press(page, page.locator(`#${sort}`));
  await until(() => page.locator(`#${sort}`).getAttribute("class"), "sort ascending", "sorted");
  assert.equal(await focused(page), sort, "the keyboard stays on the head of the column");

  const pick = page.locator("#list tbody tr", { hasText: "Harri" }).locator('input[name="id"]');
  await tab_to(page, pick);
  await page.keyboard.press("Space");
  await page.locator(".bulk").waitFor();
  await write(page, page.locator("#reason-bulk"), "They asked");
  const again = page.locator('.bulk button[value="confirmation"]');
  await tab_to(page, again);
  await sound(page);
  await page.evaluate(() => { document.querySelector("#list").marked = true; });
  const someone = await visitor(PHONE);
  const theirs = await someone.context.newPage();
  const lotta = `lotta.${RUN}@example.org`;
  await sign_up(theirs, EVENT, { name: "Lotta Late", email: lotta });
  await until(async () => (await names()).length, 3, "the list has moved");
  assert.equal(await page.evaluate(() => document.querySelector("#list").marked ?? false), false, "it was put there anew");
  assert.equal(await again.evaluate((element) => document.activeElement === element), true, "the keyboard is where it was");
  assert.equal(await page.locator("#reason-bulk").inputValue(), "They asked");
  assert.equal(await pick.isChecked(), true);
  await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
  await says(page, /on its way again: 1 of 1/);

  await go(page, `/console/events/${EVENT}/registrants?state=registered`);
  await until(() => page.evaluate(() => document.querySelector("#link").dataset.link), "live", "live");
  await tab_to(page, page.locator("#list .who a", { hasText: "Lotta" }));
  await go(theirs, `${await own_page_of(lotta)}/cancel`);
  await button(theirs, "Yes, cancel it").click();
  await until(async () => (await names()).includes("Lotta Late"), false, "she is not among the registered any more");
  assert.equal(await focused(page), "list", "the keyboard is still at the list");
  await someone.leave();

  await press(page, page.locator("#export summary"));
  await write(page, page.locator("#reason-export"), "For the door");
  const [download] = await Promise.all([page.waitForEvent("download"), press(page, page.locator('#export button[type="submit"]'))]);
  assert.match(download.suggestedFilename(), /csv$/);
  await until(async () => (await text(page, "#export .progress span")) !== "", true, "what came of it is said");
  await sound(page);
});

step("who is ticked in the list is helped at once", async () => {
  const someone = await visitor(PHONE);
  await sign_up(await someone.context.newPage(), EVENT, BEA);
  await someone.leave();
  await open_registrant(BEA.name);
  await help(PAID);
  for (const [act, told] of BULK) {
    await go(page, `/console/events/${EVENT}/registrants`);
    await tab_to(page, page.locator("#list tbody tr", { hasText: BEA.name }).locator('input[name="id"]'));
    await page.keyboard.press("Space");
    await write(page, page.locator("#reason-bulk"), "They asked");
    await send(page, page.locator(`.bulk button[value="${act}"]`));
    await says(page, told);
  }
});

step("a question about who is ticked is answered, and a click arrives, though the list is fetched anew meanwhile", async () => {
  await go(page, `/console/events/${EVENT}/registrants`);
  await until(() => page.evaluate(() => document.querySelector("#link").dataset.link), "live", "live");
  const row = page.locator("#list tbody tr", { hasText: BEA.name });
  const cancel = page.locator('.bulk button[value="cancel"]');
  const yes = page.locator("#confirm-yes");
  const mark = () => page.evaluate(() => { document.querySelector("#list").marked = true; });
  const marked = () => page.evaluate(() => document.querySelector("#list").marked ?? false);
  const someone = await visitor(PHONE);
  const theirs = await someone.context.newPage();
  await tab_to(page, row.locator('input[name="id"]'));
  await page.keyboard.press("Space");
  await write(page, page.locator("#reason-bulk"), "They asked");

  await press(page, cancel);
  await yes.waitFor();
  await mark();
  await sign_up(theirs, EVENT, { name: "Mona Moves", email: `mona.${RUN}@example.org` });
  await until(marked, false, "the list was put there anew behind the question");
  await page.keyboard.press("Escape");
  await yes.waitFor({ state: "hidden" });
  assert.equal(await focused(page), "bulk-cancel", "the keyboard is at the button that is there now");

  await page.keyboard.press("Enter");
  await yes.waitFor();
  await mark();
  await sign_up(theirs, EVENT, { name: "Milo Moves", email: `milo.${RUN}@example.org` });
  await until(marked, false, "and again");
  await send(page, yes);
  await says(page, /Cancelled: 1 of 1/);
  assert.match(await row.innerText(), /Cancelled/);
  await someone.leave();

  await mark();
  await row.locator(".who a").hover();
  await page.mouse.down();
  await page.evaluate(() => new Promise((done) => {
    document.body.addEventListener("htmx:afterRequest", done, { once: true });
    htmx.trigger("#list", "sse:rows");
  }));
  assert.equal(await marked(), true, "it stays while something on it is pressed");
  await page.mouse.up();
  await page.waitForURL(/registrants\/[^/?]+$/);

  await page.goBack();
  await row.waitFor();
  await mark();
  await page.locator("h1").hover();
  await page.mouse.down();
  await page.evaluate(() => htmx.trigger("#list", "sse:rows"));
  await until(marked, false, "and is up to date when that ends, or lasts too long");
  await page.mouse.up();
});

step("the door looks at a code, and lets in by name", async () => {
  await go(page, `/console/check-in/${EVENT}`);
  await until(() => text(page, "#door-link"), "In touch", "the door is ready");
  await write(page, page.locator("#code"), "no-such-code");
  await page.keyboard.press("Enter");
  await until(() => page.evaluate(() => !document.querySelector("#verdict").hidden), true, "a verdict");
  assert.equal(await focused(page), "code", "ready for the next code");
  await sound(page);
  await page.keyboard.press("Tab");
  await page.keyboard.press("/");
  assert.equal(await focused(page), "q");
  await page.keyboard.type("harri");
  await page.locator("#found li").waitFor();
  await press(page, page.locator("#found button"));
  await until(() => text(page, "#verdict-who"), "Harri Hand", "found by name");
  assert.equal(await text(page, "#verdict-word"), "Welcome");
  await sound(page);
});

step("an address whose mails come back is written to again", async () => {
  await until(() => mails(HELPED).length > 0, true, "a mail that can come back");
  await hand_back(HELPED, "message/delivery-status", [`Final-Recipient: rfc822; ${HELPED}`, "Action: failed", "Status: 5.1.1"]);
  await open_registrant("Harri Hand");
  await press(page, page.locator('a[href$="/suppression"]'));
  await page.waitForURL(/suppression$/);
  const form = page.locator('form[action$="/suppression"]');
  await until(async () => (await form.count()) || (await page.reload(), 0), 1, "the address is held back");
  await sound(page);
  await write(page, form.locator('[name="reason"]'), "The box was full");
  await send(page, form.locator('button[type="submit"]'));
  await says(page, /Mail is sent to this address again/);
  assert.equal(await form.count(), 0);
});

step("the event ends", async () => {
  await go(page, `/console/events/${EVENT}`);
  await send(page, page.locator('form[action$="/state"] button'));
  assert.equal(await text(page, ".event-top .badge"), "Ended");
});

step("no act of an event's pages is left out, and nothing went wrong on any of them", async () => {
  assert.deepEqual(await left_out(page, "event", done), []);
  assert.deepEqual(owner.wrongs, []);
});
