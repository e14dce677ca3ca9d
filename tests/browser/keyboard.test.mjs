// Every act by the keyboard alone: Tab, Enter, Space, Escape and letters, and nothing else touches the pages. Which acts there are is read
// from the router, so that a new one cannot be forgotten. One sees where one is after a live update as well; the question before an act
// keeps the keyboard and gives it back.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before } from "node:test";

import { press, tab_to, write } from "./keyboard.mjs";
import { link_to, mails } from "./mails.mjs";
import { route_of, routes } from "./router.mjs";
import { PASSWORD, ask_for_news, field, make_event, member, organiser_at_the_server, own_page_of, set_event, sign_in, sign_up, steps } from "./stage.mjs";
import { DESKTOP, PHONE, barriers, base, start, stop, text, until, visitor } from "./visitors.mjs";

const RUN = Date.now().toString(36);
const EVENT = `keys-${RUN}`;
const OTHER = `more-${RUN}`;
/** Over for years, though nobody ended it. */
const PAST = `past-${RUN}`;
const TEAM = { owner: `boss.${RUN}@example.org`, second: `second.${RUN}@example.org`, third: `third.${RUN}@example.org` };
const GUEST = { name: "Kaisa Laine", email: `kaisa.${RUN}@example.org` };
/** Registered by hand. */
const HELPED = `by.hand.${RUN}@example.org`;
const EXTRA = { name: `Olli ${RUN}`, email: `olli.${RUN}@example.org` };

/** Posts that no person makes with a form. */
const NO_ACTS = new Set([
  "POST /v1/events/{event}/tickets", "POST /v1/tenants/{tenant}/payments", "POST /v1/tenants/{tenant}/delivery-reports",
  "POST /v1/returned-mails",
  "POST /console/check-in/{event}/sync",
  // Only before there is an account: organiser.test.mjs begins with it.
  "POST /console/welcome",
  // Whoever is signed in here came by a link, which has proved their address.
  "POST /account/verify",
  // Only while marketing is stopped: nobody marks anything as spam here.
  "POST /console/settings/marketing",
]);
const made = new Set();

let owner;
let page;
let guest;
let mine;

const noted = (person) => person.context.on("request", (request) => {
  if (request.method() === "POST") made.add(route_of("POST", new URL(request.url()).pathname));
});

before(async () => {
  await start();
  const first = await organiser_at_the_server();
  for (const [id, title] of [[EVENT, "Keys alone"], [OTHER, "Another one"]]) await make_event(first.page, id, title);
  await set_event(first.page, EVENT, { published: true, nicknames: true, mode: "both", venue: "Bio Rex", rsvp: true, price: "5.00" });
  await set_event(first.page, OTHER, { published: true });
  await ask_for_news(first.page, OTHER);
  await make_event(first.page, PAST, "Long ago");
  await set_event(first.page, PAST, { published: true });
  await sign_up(first.page, PAST, { name: "Paula Past", email: `paula.${RUN}@example.org` });
  await set_event(first.page, PAST, { starts_at: "2020-01-01T18:00" });
  await member(first.page, TEAM.owner, "owner");
  await first.leave();
  owner = await visitor(DESKTOP);
  noted(owner);
  page = await owner.context.newPage();
  guest = await visitor(DESKTOP);
  noted(guest);
  mine = await guest.context.newPage();
});

after(stop);

const step = steps();

/** Presses a button that sends a form, and waits for the page that comes. */
async function send(on, button, key = "Enter") {
  await Promise.all([on.waitForEvent("load"), press(on, button, key)]);
}
const go = (on, path) => on.goto(path.startsWith("http") ? path : base + path);
const button = (on, name) => on.getByRole("button", { name, exact: true });
const says = (on, words) => until(async () => words.test((await text(on, ".notice").catch(() => null)) ?? ""), true, `the page says ${words}`);
const focused = (on) => on.evaluate(() => document.activeElement?.id || document.activeElement?.name || document.activeElement?.tagName);
const sound = async (on) => assert.deepEqual(await barriers(on), []);

/** Opens what is folded, if it is. */
async function unfold(on, words) {
  const fold = on.locator("details", { has: on.locator("summary", { hasText: words }) }).last();
  if (!(await fold.evaluate((element) => element.open))) await press(on, fold.locator("summary").first());
  return fold;
}

/** Chooses in a list by typing the beginning of its entry. */
async function choose(on, place, words) {
  await tab_to(on, place);
  await on.keyboard.type(words);
}

/** The code that an authenticator app shows for a key (RFC 6238). */
function app_code(key) {
  const bits = [...key.replace(/[\s=]/g, "")].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const bytes = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac("sha1", bytes).update(counter).digest();
  const from = digest.at(-1) & 15;
  return String((digest.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

step("the console is entered with a password, and the first key leads past the navigation", async () => {
  await go(page, "/console/sign-in");
  await write(page, field(page, "email"), TEAM.owner);
  await write(page, field(page, "password"), PASSWORD);
  await send(page, button(page, "Sign in"));
  assert.equal(new URL(page.url()).pathname, "/console");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.querySelector("main").contains(document.activeElement)), true);
});

step("an event is made, set up, given rooms and cancelled", async () => {
  const id = `made-${RUN}`;
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
  await page.getByText("The red room").waitFor();
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
  await send(page, page.locator('button[value="save"]'));
  await says(page, /The form is saved/);
  await sound(page);
});

step("a message is written, looked at, tried and kept, and so are the reminders", async () => {
  await go(page, `/console/events/${EVENT}/messages/confirmation`);
  await write(page, field(page, "subject.en"), "Welcome to {{event.title}}");
  await press(page, page.locator('button[formtarget="mail"]').first());
  await page.frameLocator("iframe.mail").locator("body").getByText("Keys alone").first().waitFor();
  await send(page, page.locator('button[value="preview.en"]'));
  await page.locator("#preview").getByText("Welcome to Keys alone").waitFor();
  await send(page, page.locator('button[value="save"]'));
  await says(page, /saved/i);
  await write(page, field(page, "to"), TEAM.owner);
  await send(page, page.locator('button[value="test.en"]'));
  await until(() => mails(TEAM.owner).some((mail) => mail.headers.get("subject").includes("Welcome to Keys alone")), true, "the trial mail");
  await go(page, `/console/events/${EVENT}/messages`);
  await write(page, field(page, "before"), "2d, 3h");
  await send(page, button(page, "Save the reminders"));
  assert.equal(await field(page, "before").inputValue(), "2d, 3h");
});

step("a text for all events is written, looked at, kept, seen at an event, and thrown away again", async () => {
  await go(page, "/console/messages");
  await sound(page);
  await send(page, page.locator('a[href="/console/messages/change"]'));
  await write(page, field(page, "subject.en"), "News from all of us");
  await press(page, page.locator('button[formtarget="mail"]').first());
  await page.frameLocator("iframe.mail").locator("body").getByText("Opening night").first().waitFor();
  await send(page, page.locator('button[value="save"]'));
  await says(page, /saved/i);
  await sound(page);
  await go(page, `/console/events/${EVENT}/messages`);
  await page.getByText("English: Your organisation’s text").first().waitFor();
  await go(page, "/console/messages/change");
  await press(page, page.locator('button[value="reset"]'));
  await send(page, page.locator("#confirm-yes"));
  await says(page, /thrown away/);
});

step("somebody registers, changes, answers, enters, leaves and cancels", async () => {
  await go(mine, `/e/${EVENT}/register`);
  await write(mine, field(mine, "email"), GUEST.email);
  await write(mine, field(mine, "name"), GUEST.name);
  await tab_to(mine, field(mine, "mode").first());
  await mine.keyboard.press("Space");
  await Promise.all([mine.waitForURL(/\/registered/), press(mine, mine.locator("form.form").first().locator('button[type="submit"]'))]);
  const link = await own_page_of(GUEST.email);
  await go(mine, link);
  await unfold(mine, "What you told us");
  await write(mine, field(mine, "name"), "Kaisa L. Laine");
  await send(mine, mine.locator('details button[type="submit"]').last());
  assert.equal(await text(mine, "h1"), "Kaisa L. Laine");
  await send(mine, mine.locator('button[name="answer"][value="yes"]'));
  await says(mine, /./);

  await go(page, `/console/events/${EVENT}/registrants`);
  await press(page, page.locator("#list .who a", { hasText: "Kaisa" }));
  await page.waitForURL(/registrants\/[^/]+$/);
  const fold = await unfold(page, "Mark the payment");
  await write(page, fold.locator('[name="reason"]'), "Paid at the desk");
  await send(page, fold.locator('button[value="paid"]'));
  await says(page, /payment state is set/i);

  await go(mine, link);
  await Promise.all([mine.waitForURL(`${base}/e/${EVENT}`), press(mine, button(mine, "Enter the event"))]);
  await send(mine, mine.locator('form[action$="/leave"] button'));
  await go(mine, link);
  await press(mine, mine.locator('a[href$="/cancel"]'));
  await mine.waitForURL(/\/cancel$/);
  await send(mine, button(mine, "Yes, cancel it"));
  await until(async () => /cancelled/i.test((await text(mine, ".badge").catch(() => "")) ?? ""), true, "cancelled");
});

step("somebody confirms what they agreed to, signs in by a link, keeps an account, signs out, and chooses what they get", async () => {
  await sign_up(mine, OTHER, EXTRA);
  const agreed = await link_to(EXTRA.email, "/sign-in/link");
  await go(mine, agreed);
  await send(mine, mine.locator("form.form button"));
  await go(mine, "/sign-in?tenant=demo");
  await write(mine, field(mine, "email"), EXTRA.email);
  await send(mine, mine.locator('button[value="link"]'));
  await until(async () => (await link_to(EXTRA.email, "/sign-in/link")) !== agreed, true, "a link to sign in");
  await go(mine, await link_to(EXTRA.email, "/sign-in/link"));
  await send(mine, mine.locator("form.form button"));
  await until(() => new URL(mine.url()).pathname, "/account", "signed in");
  const preferences = await mine.locator('a[href$="/preferences"]').getAttribute("href");
  await write(mine, field(mine, "new_password"), PASSWORD);
  await send(mine, mine.locator('form[action="/account/password"] button'));
  await says(mine, /./);
  await send(mine, mine.locator('form[action="/account/others"] button'));
  await send(mine, mine.locator('form[action="/sign-out"] button'));
  await until(async () => {
    await go(mine, preferences);
    return mine.locator("form.form button").count();
  }, 1, "what they agreed to stands there");
  await send(mine, mine.locator("form.form button"));
  await says(mine, /./);
  await go(mine, preferences.replace("/preferences", ""));
  await send(mine, mine.locator('button[value="one"]'));
});

step("the list is searched, filtered, sorted, opened, marked and exported, and an update takes nothing from the keyboard", async () => {
  await go(page, `/console/events/${EVENT}/registrants/new`);
  await write(page, field(page, "email"), HELPED);
  await write(page, field(page, "name"), "Harri Hand");
  if (await field(page, "mode").count()) await choose(page, field(page, "mode"), "On site");
  await write(page, field(page, "reason"), "Called us");
  await send(page, button(page, "Register"));

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
  await says(page, /./);

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

step("the door lets in by a code and by a name", async () => {
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
  await until(() => text(page, "#verdict-who"), "Harri Hand", "let in by name");
  await sound(page);
});

step("an address whose mails come back is written to again", async () => {
  const returned = (id) => `MIME-Version: 1.0
Content-Type: multipart/report; boundary=b

--b
Content-Type: message/delivery-status

Final-Recipient: rfc822; ${HELPED}
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: ${id}

--b--
`;
  await until(() => mails(HELPED).length > 0, true, "a mail that can come back");
  const answer = await fetch(`${base}/v1/returned-mails`, { method: "POST", body: returned(mails(HELPED).at(-1).headers.get("message-id")) });
  assert.equal(answer.status, 204);
  await go(page, `/console/events/${EVENT}/registrants`);
  await press(page, page.locator("#list tbody a", { hasText: "Harri Hand" }).first());
  await page.waitForURL(/registrants\/[^?]+$/);
  await press(page, page.locator('a[href$="/suppression"]'));
  await page.waitForURL(/suppression$/);
  const form = page.locator('form[action$="/suppression"]');
  await until(async () => (await form.count()) || (await page.reload(), 0), 1, "the address is held back");
  await sound(page);
  await write(page, form.locator('[name="reason"]'), "The box was full");
  await send(page, form.locator('button[type="submit"]'));
  await says(page, /./);
  assert.equal(await form.count(), 0);
});

step("people across events are helped, and their list is exported", async () => {
  await go(page, "/console/audience");
  await page.keyboard.press("/");
  await page.keyboard.type(EXTRA.name);
  await until(async () => (await page.locator("#list tbody .who a").allInnerTexts()).join(), EXTRA.name, "found");
  await press(page, page.locator("#export summary"));
  await write(page, page.locator("#reason-export"), "For the post");
  await Promise.all([page.waitForEvent("download"), press(page, page.locator('#export button[type="submit"]'))]);
  await press(page, page.locator("#list tbody .who a"));
  await page.waitForURL(/audience\/.+/);
  const fold = await unfold(page, "phone");
  await write(page, fold.locator("#phone"), "+358 40 1234567");
  await write(page, fold.locator('[name="reason"]'), "Has a new one");
  await send(page, fold.locator('button[type="submit"]'));
  await says(page, /./);
  await page.getByText("+358401234567").first().waitFor();
});

step("members are invited, given another role and removed", async () => {
  await go(page, "/console/team");
  for (const email of [TEAM.second, TEAM.third]) {
    const invite = page.locator('form.card[action$="/team/invite"]');
    await write(page, invite.locator('[name="email"]'), email);
    await choose(page, invite.locator("select"), "Support");
    await send(page, invite.locator("button"));
    await page.getByText(email, { exact: true }).first().waitFor();
  }
  const row = (email) => page.locator("li.member", { hasText: email });
  await press(page, row(TEAM.second).locator("summary"));
  await choose(page, row(TEAM.second).locator("select"), "Analyst");
  await send(page, row(TEAM.second).locator('form[action$="/role"] button'));
  await until(async () => /Analyst/.test(await row(TEAM.second).locator(".second").first().innerText()), true, "another role");
  await press(page, row(TEAM.third).locator("summary"));
  await press(page, row(TEAM.third).locator('form[action$="/remove"] button'));
  await send(page, page.locator("#confirm-yes"));
  await until(() => row(TEAM.third).count(), 0, "removed");

  await go(mine, await link_to(TEAM.second, "/console/link"));
  await write(mine, field(mine, "new_password"), PASSWORD);
  await send(mine, mine.locator("form button"));
  await until(() => new URL(mine.url()).pathname, "/console", "the new member is in");
});

step("an account gets another password and a second factor, and loses it", async () => {
  await go(page, "/console/account");
  const next = `${PASSWORD} again`;
  const form = page.locator('form[action$="/account/password"]');
  if (await form.locator('[name="old_password"]').count()) await write(page, form.locator('[name="old_password"]'), PASSWORD);
  await write(page, form.locator('[name="new_password"]'), next);
  await send(page, form.locator("button"));
  await says(page, /./);
  const begin = page.locator('form[action$="/second-factor"]');
  if (await begin.locator('[name="password"]').count()) await write(page, begin.locator('[name="password"]'), next);
  await send(page, begin.locator("button"));
  const key = await page.locator("#second-factor pre code").innerText();
  await write(page, field(page, "code"), app_code(key));
  await send(page, page.locator('form[action$="/second-factor/confirm"] button'));
  const [recovery] = (await page.locator("pre code").innerText()).trim().split("\n");
  await sound(page);
  await go(page, "/console/account");
  await write(page, field(page, "code"), recovery);
  await send(page, page.locator('form[action$="/second-factor/remove"] button'));
  await page.locator('form[action$="/second-factor"]').waitFor();
  const elsewhere = await visitor(PHONE);
  await sign_in(await elsewhere.context.newPage(), TEAM.owner, next);
  await elsewhere.leave();
  await go(page, "/console/account");
  await send(page, page.locator('form[action$="/account/others"] button'));
});

step("an API key is made, shown once, and revoked with a reason", async () => {
  await go(page, "/console/settings");
  await press(page, page.locator('a[href="/console/settings/keys"]'));
  await page.waitForURL(/settings\/keys/);
  await write(page, field(page, "label"), "The till at the door");
  await send(page, page.locator('form[action$="/settings/keys"] button'));
  assert.match(await page.locator("pre code").first().innerText(), /^tk_[\w-]{22}\.[\w-]{43}$/);
  await sound(page);
  await press(page, page.locator('a.primary[href="/console/settings/keys"]'));
  const row = page.locator("li.member", { hasText: "The till at the door" });
  await row.waitFor();
  assert.equal(await page.locator("pre").count(), 0);
  await press(page, row.locator("summary"));
  await write(page, row.locator('[name="reason"]'), "The till was sold");
  await press(page, row.locator('form[action$="/revoke"] button'));
  await send(page, page.locator("#confirm-yes"));
  await says(page, /revoked/);
  assert.match(await row.innerText(), /Revoked/);
  assert.equal(await row.locator("form").count(), 0);
});

step("settings are saved, secrets made anew, what is due for removal removed, and the session ends", async () => {
  await go(page, "/console/settings");
  await write(page, field(page, "retention_days"), "400");
  await send(page, page.locator('form[action$="/settings/data"] button'));
  await says(page, /Saved/);
  await press(page, page.getByRole("link", { name: "Look what is due" }));
  await page.getByRole("rowheader", { name: "Long ago" }).waitFor();
  await sound(page);
  await press(page, page.locator('form[action$="/settings/retention"] button'));
  await send(page, page.locator("#confirm-yes"));
  await says(page, /removal has begun/);
  // It goes on by itself, and the page moves with it.
  await until(async () => /Registrations cleared: 1\./.test(await text(page, "#removal")), true, "the end of the removal");
  await sound(page);
  await write(page, field(page, "sender_name"), "The Festival");
  await send(page, page.locator('form[action$="/settings/mail"] button'));
  await says(page, /Saved/);
  assert.equal(await page.locator('form[action$="/settings/replay"]').count(), 0, "without a webhook there is nobody to tell");
  await write(page, field(page, "webhook_url"), "https://127.0.0.1/hook");
  await send(page, page.locator('form[action$="/settings/mail"] button'));
  await says(page, /Saved/);
  await write(page, page.locator("#reason-replay"), "Our system was down");
  await send(page, page.locator('form[action$="/settings/replay"] button'));
  await says(page, /Nothing was told since then|go(es)? out again/);
  await press(page, page.locator('form[action$="/secrets/payment"] button'));
  await send(page, page.locator("#confirm-yes"));
  await page.locator("pre code").first().waitFor();
  await send(page, page.locator('form[action$="/sign-out"] button'));
  assert.match(page.url(), /sign-in/);
});

step("no act of the router is left out, and nothing went wrong on any page", async () => {
  const missed = routes.filter((route) => route.startsWith("POST ") && !made.has(route) && !NO_ACTS.has(route));
  assert.deepEqual(missed, []);
  for (const person of [owner, guest]) assert.deepEqual(person.wrongs, []);
});
