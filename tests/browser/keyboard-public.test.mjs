// Every act of the public pages by the keyboard alone: Tab, Enter, Space and letters, and nothing else touches the pages. Which acts there
// are is read from the pages (acts.mjs), so that a new one cannot be forgotten. Links out of mails are opened as a mail program opens them.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { left_out, note_acts } from "./acts.mjs";
import { button, go, press, says, send, tab_to, unfold, write } from "./keyboard.mjs";
import { link_to } from "./mails.mjs";
import { PASSWORD, ask_for_news, field, make_event, organiser_at_the_server, own_page_of, set_event, steps } from "./stage.mjs";
import { DESKTOP, base, start, stop, text, until, visitor } from "./visitors.mjs";

const RUN = Date.now().toString(36);
const EVENT = `keys-public-${RUN}`;
const KAISA = `kaisa.public.${RUN}@example.org`;
const NEXT_PASSWORD = `${PASSWORD} again`;

const done = new Set();

let guest;
let page;
/** Kaisa's own page. */
let own;
/** The newest link that signs her in, or asks what she agreed to. */
let link;
let preferences;

before(async () => {
  await start();
  const first = await organiser_at_the_server();
  await make_event(first.page, EVENT, "Keys alone");
  await set_event(first.page, EVENT, { published: true, nicknames: true, mode: "both", venue: "Bio Rex", rsvp: true });
  await ask_for_news(first.page, EVENT);
  await first.leave();
  guest = await visitor(DESKTOP);
  note_acts(guest, done);
  page = await guest.context.newPage();
});

after(stop);

const step = steps();

async function tick(place) {
  await tab_to(page, place);
  await page.keyboard.press("Space");
}

/** Fills in the page to sign in and presses one of its buttons. */
async function sign_in_by(how, password) {
  await go(page, "/sign-in?tenant=demo");
  await write(page, field(page, "email"), KAISA);
  if (password) await write(page, field(page, "password"), password);
  await send(page, page.locator(`button[name="how"][value="${how}"]`));
}

/** Opens the link of the mail that comes for it. */
async function follow_new_link() {
  const last = link;
  await until(async () => (link = await link_to(KAISA, "/sign-in/link")) !== last, true, "another link");
  await go(page, link);
}

const signed_in = () => until(() => new URL(page.url()).pathname, "/account", "signed in");
const sign_out = () => send(page, page.locator('form[action="/sign-out"] button'));

step("somebody registers, changes what they told, answers, comes in and leaves", async () => {
  await go(page, `/e/${EVENT}/register`);
  await write(page, field(page, "email"), KAISA);
  await write(page, field(page, "name"), "Kaisa Laine");
  await tick(field(page, "mode").first());
  await tick(page.locator('[name^="consent."]').first());
  await send(page, page.locator("form.form").first().locator('button[type="submit"]'));
  assert.match(page.url(), /\/registered/);
  own = await own_page_of(KAISA);
  await go(page, own);
  const told = await unfold(page, field(page, "name"));
  await write(page, field(page, "name"), "Kaisa L. Laine");
  await send(page, told.locator('button[type="submit"]'));
  assert.equal(await text(page, "h1"), "Kaisa L. Laine");
  for (const answer of ["no", "yes"]) {
    const said = page.locator(`button[name="answer"][value="${answer}"]`);
    await send(page, said);
    assert.equal(await said.getAttribute("aria-pressed"), "true");
  }
  await Promise.all([page.waitForURL(`${base}/e/${EVENT}`), press(page, button(page, "Enter the event"))]);
  await send(page, page.locator('form[action$="/leave"] button'));
});

step("a nickname alone is enough", async () => {
  await go(page, `/e/${EVENT}/register`);
  await write(page, field(page, "nickname"), "nightowl");
  await send(page, button(page, "Continue with a nickname"));
  assert.match(new URL(page.url()).pathname, /^\/r\//);
});

step("somebody confirms what they agreed to, and signs in by a link, by a new password and by that password", async () => {
  await follow_new_link();
  await send(page, page.locator("form.form button"));
  await sign_in_by("link");
  await follow_new_link();
  await send(page, page.locator("form.form button"));
  await signed_in();
  await write(page, field(page, "new_password"), PASSWORD);
  await send(page, page.locator('form[action="/account/password"] button'));
  await says(page, /password is set/);
  await sign_out();

  await sign_in_by("reset");
  await follow_new_link();
  await write(page, field(page, "new_password"), NEXT_PASSWORD);
  await send(page, page.locator("form.form button"));
  await signed_in();
  await send(page, page.locator('form[action="/account/others"] button'));
  await says(page, /sessions/);
  await sign_out();

  await sign_in_by("password", NEXT_PASSWORD);
  await signed_in();
});

step("they choose what they are sent, and stop it", async () => {
  await press(page, page.locator('a[href$="/preferences"]'));
  await page.waitForURL(/\/preferences$/);
  preferences = page.url();
  await tick(page.locator('[name="consent"]'));
  await send(page, page.locator("form.form button"));
  await says(page, /Stored/);
  assert.equal(await page.locator('[name="consent"]:checked').count(), 0);
  for (const choice of ["one", "all"]) {
    await go(page, preferences.replace("/preferences", ""));
    await send(page, page.locator(`button[name="choice"][value="${choice}"]`));
    assert.equal(await text(page, "h1"), "Done");
  }
});

step("they cancel after a question", async () => {
  await go(page, own);
  await press(page, page.locator('a[href$="/cancel"]'));
  await page.waitForURL(/\/cancel$/);
  await send(page, button(page, "Yes, cancel it"));
  assert.match(await text(page, ".badge"), /cancelled/i);
});

step("no act of the public pages is left out, and nothing went wrong on any of them", async () => {
  assert.deepEqual(await left_out(page, "public", done), []);
  assert.deepEqual(guest.wrongs, []);
});
