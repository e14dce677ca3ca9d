// What people can do on a browser that runs no scripts: register, with the errors they make, take the entry for their calendar, change,
// answer, cancel, sign in and out, choose what they are sent, and stop it. The organiser's pages ask for scripts where they move, and are
// not in here.

import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before } from "node:test";

import { link_to } from "./mails.mjs";
import { ask_for_news, field, make_event, organiser_at_the_server, own_page_of, set_event, steps } from "./stage.mjs";
import { PHONE, base, overflow, picture, start, stop, text, until, visitor } from "./visitors.mjs";

const RUN = Date.now().toString(36);
const EVENT = `plain-${RUN}`;
const ANNA = `anna.plain.${RUN}@example.org`;

let anna;
let page;
/** The link of the mail that asks whether the address agreed. */
let confirmed;
/** Where they choose what they are sent. */
let preferences;

before(async () => {
  await start();
  const owner = await organiser_at_the_server();
  await make_event(owner.page, EVENT, "Without scripts");
  await set_event(owner.page, EVENT, { published: true, nicknames: true, mode: "both", venue: "Bio Rex", rsvp: true });
  await ask_for_news(owner.page, EVENT, ["news", "marketing"]);
  await owner.leave();
  anna = await visitor({ ...PHONE, javaScriptEnabled: false });
  page = await anna.context.newPage();
});

after(stop);

// The checker of barriers is a script itself: it sees the same pages elsewhere.
const step = steps(async () => assert.equal(await overflow(page), 0));

const form = () => page.locator("form.form").first();
const send = () => form().locator('button[type="submit"]').click();

/** What they agreed to, as the page of their choices has it ticked now. */
async function agreed() {
  await page.goto(preferences);
  return (await page.locator('[name="consent"]:checked').evaluateAll((ticks) => ticks.map(({ value }) => value))).toSorted().join();
}

/** Follows a link to the entry for a calendar; the file. */
async function calendar() {
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator('a[href$="/calendar.ics"]').click()]);
  assert.equal(download.suggestedFilename(), "event.ics");
  return fs.readFileSync(await download.path(), "utf8");
}

step("a form with an error comes back with what was written, and says what is wrong", async () => {
  await page.goto(`${base}/e/${EVENT}`);
  await page.locator(`a[href="/e/${EVENT}/register"]`).click();
  await field(page, "email").fill("anna@");
  await field(page, "name").fill("Anna Öhman");
  await send();
  assert.equal(await field(page, "name").inputValue(), "Anna Öhman");
  assert.equal(await field(page, "email").getAttribute("aria-invalid"), "true");
  await picture(page, "plain-register-errors");
  await page.locator(".problems a").first().click();
  assert.equal(new URL(page.url()).hash, `#${await field(page, "email").getAttribute("id")}`);
});

step("they register, and the mail leads to their own page", async () => {
  await field(page, "email").fill(ANNA);
  await field(page, "mode").first().check();
  for (const wanted of await page.locator('[name^="consent."]').all()) await wanted.check();
  await send();
  assert.match(page.url(), /\/registered/);
  assert.match(await calendar(), /SUMMARY:Without scripts/);
  await page.goto(await own_page_of(ANNA));
  assert.equal(await text(page, "h1"), "Anna Öhman");
  assert.match(await calendar(), /^BEGIN:VCALENDAR[^]*SUMMARY:Without scripts[^]*STATUS:CONFIRMED/);
});

step("they change what they told, and say that they come", async () => {
  await page.locator("summary", { hasText: "What you told us" }).click();
  await field(page, "name").fill("Anna Maria Öhman");
  await page.locator("details form.form button").last().click();
  assert.equal(await text(page, "h1"), "Anna Maria Öhman");
  await page.locator('button[name="answer"][value="yes"]').click();
  assert.equal(await page.locator('button[value="yes"]').getAttribute("aria-pressed"), "true");
});

step("they confirm what they agreed to", async () => {
  const own = page.url().split("?")[0];
  confirmed = await link_to(ANNA, "/sign-in/link");
  await page.goto(confirmed);
  await send();
  await page.goto(own);
});

step("they sign in by a link, see their events, choose what they are sent, and sign out", async () => {
  const own = page.url();
  await page.goto(`${base}/sign-in?event=${EVENT}`);
  await page.fill("#email", ANNA);
  await page.locator('button[value="link"]').click();
  assert.equal(await page.locator("#notice").count(), 1);
  await until(async () => (await link_to(ANNA, "/sign-in/link")) !== confirmed, true, "a link to sign in");
  await page.goto(await link_to(ANNA, "/sign-in/link"));
  await send();
  if (new URL(page.url()).pathname !== "/account") await page.goto(`${base}/account`);
  assert.match(await text(page, "main"), /Without scripts/);
  await page.locator('a[href$="/preferences"]').click();
  preferences = page.url();
  assert.equal(await agreed(), "marketing/email,news/email");
  await page.locator('[value="news/email"]').uncheck();
  await send();
  assert.match(await text(page, ".notice"), /Stored/);
  assert.equal(await agreed(), "marketing/email");
  await page.goto(`${base}/account`);
  await page.locator('form[action="/sign-out"] button').click();
  await page.goto(own);
});

step("the page to unsubscribe changes nothing before its button is pressed, and nobody has to sign in for it", async () => {
  const own = page.url();
  const unsubscribe = preferences.replace("/preferences", "");
  await page.goto(unsubscribe);
  assert.equal(await text(page, "h1"), "Unsubscribe?");
  assert.equal(await agreed(), "marketing/email");
  await page.goto(unsubscribe);
  await page.locator('button[value="one"]').click();
  assert.equal(await text(page, "h1"), "Done");
  assert.equal(await agreed(), "");
  await page.goto(own);
});

step("they come in, and the event page shows them the number", async () => {
  const own = page.url();
  await page.getByRole("button", { name: "Enter the event" }).click();
  assert.equal(new URL(page.url()).pathname, `/e/${EVENT}`);
  assert.match(await page.locator("noscript").first().innerText(), /does not move/);
  await page.goto(own);
});

step("they cancel after a question", async () => {
  await page.locator('a[href$="/cancel"]').click();
  await page.getByRole("button", { name: "Yes, cancel it" }).click();
  assert.match(await text(page, ".badge"), /cancelled/i);
});

step("a nickname alone is enough where the organiser allows it", async () => {
  await page.goto(`${base}/e/${EVENT}/register`);
  await field(page, "nickname").fill("nightowl");
  await page.getByRole("button", { name: "Continue with a nickname" }).click();
  await until(() => new URL(page.url()).pathname.startsWith("/r/"), true, "their own page");
  // The one form that could not be accepted.
  assert.deepEqual(anna.wrongs.filter((wrong) => !/status of 422/.test(wrong)), []);
});
