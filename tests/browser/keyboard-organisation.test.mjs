// Every act of the organisation's pages in the console by the keyboard alone: Tab, Enter, Space and letters, and nothing else touches the
// pages. Which acts there are is read from the pages (acts.mjs), so that a new one cannot be forgotten. It begins an organisation of its
// own, from its first owner on, so that no other test meets what it sets, removes and is complained about.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before } from "node:test";

import { left_out, note_acts } from "./acts.mjs";
import { choose, focused, go, press, says, send, sound, unfold, write } from "./keyboard.mjs";
import { hand_back, link_to, mails } from "./mails.mjs";
import { PASSWORD, field, make_event, organiser_at_the_server, set_event, sign_in, sign_up, steps } from "./stage.mjs";
import { DESKTOP, PHONE, sign_in_link, start, stop, text, until, visitor } from "./visitors.mjs";

const RUN = Date.now().toString(36);
const ORGANISATION = `keys-${RUN}`;
const EVENT = `keys-all-${RUN}`;
/** Over for years, though nobody ended it. */
const PAST = `keys-past-${RUN}`;
const TEAM = { owner: `boss.${RUN}@example.org`, second: `second.${RUN}@example.org`, third: `third.${RUN}@example.org` };
const OLLI = { name: `Olli ${RUN}`, email: `olli.${RUN}@example.org` };
/** They will mark their mails as spam: as many as it takes until the organisation's marketing is stopped. */
const ANNOYED = ["Aku", "Eeva", "Ilmo"].map((name) => ({ name: `${name} ${RUN}`, email: `${name.toLowerCase()}.${RUN}@example.org` }));
const NEXT_PASSWORD = `${PASSWORD} again`;
const LAST_PASSWORD = `${PASSWORD} at last`;

/** What is done for one person: the act, what is entered beside the reason, and what is told. */
const HELP = [
  ["verify", {}, /verified by hand/], ["reset", {}, /reset link is on its way/], ["phone", { phone: "+358 40 1234567" }, /phone number is changed/],
];

const done = new Set();

let owner;
let page;

before(async () => {
  await start();
  const first = await organiser_at_the_server(sign_in_link(ORGANISATION));
  await make_event(first.page, EVENT, "Keys alone");
  await set_event(first.page, EVENT, { published: true });
  for (const who of [OLLI, ...ANNOYED]) await sign_up(first.page, EVENT, who);
  await make_event(first.page, PAST, "Long ago");
  await set_event(first.page, PAST, { published: true });
  await sign_up(first.page, PAST, { name: "Paula Past", email: `paula.${RUN}@example.org` });
  await set_event(first.page, PAST, { starts_at: "2020-01-01T18:00" });
  await first.leave();
  owner = await visitor(DESKTOP);
  note_acts(owner, done);
  page = await owner.context.newPage();
});

after(stop);

const step = steps();

const path = (on) => new URL(on.url()).pathname;
const sign_out = () => send(page, page.locator('form[action$="/sign-out"] button'));

/** Fills in the page to sign in and presses one of its buttons. */
async function sign_in_by(how, password) {
  await go(page, "/console/sign-in");
  await write(page, field(page, "email"), TEAM.owner);
  if (password) await write(page, field(page, "password"), password);
  await send(page, page.locator(`button[name="how"][value="${how}"]`));
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

step("the first owner makes their account", async () => {
  await go(page, sign_in_link(ORGANISATION));
  assert.equal(path(page), "/console/welcome");
  await write(page, field(page, "organisation"), "Keys and Friends");
  await write(page, field(page, "email"), TEAM.owner);
  await write(page, field(page, "new_password"), PASSWORD);
  await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
  assert.equal(path(page), "/console");
  await sign_out();
});

step("the console is entered with a new password, by a link, and with that password; the first key leads past the navigation", async () => {
  await sign_in_by("reset");
  const reset = await link_to(TEAM.owner, "/console/link");
  await go(page, reset);
  await write(page, field(page, "new_password"), NEXT_PASSWORD);
  await send(page, page.locator("form button"));
  assert.equal(path(page), "/console");
  await sign_out();

  await sign_in_by("link");
  await until(async () => (await link_to(TEAM.owner, "/console/link")) !== reset, true, "a link to sign in");
  await go(page, await link_to(TEAM.owner, "/console/link"));
  await send(page, page.locator("form button"));
  assert.equal(path(page), "/console");
  await sign_out();

  await sign_in_by("password", NEXT_PASSWORD);
  assert.equal(path(page), "/console");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.querySelector("main").contains(document.activeElement)), true);
});

step("a text for all events is written, looked at, tried, kept, seen at an event, and thrown away again", async () => {
  await go(page, "/console/messages");
  await sound(page);
  await send(page, page.locator('a[href="/console/messages/change"]'));
  await write(page, field(page, "subject.en"), "News from all of us");
  await press(page, page.locator('button[formtarget="mail"]').first());
  await page.frameLocator("iframe.mail").locator("body").getByText("Opening night").first().waitFor();
  await send(page, page.locator('button[value="preview.en"]'));
  await page.locator("#preview").getByText("News from all of us").waitFor();
  await write(page, field(page, "to"), TEAM.owner);
  await send(page, page.locator('button[value="test.en"]'));
  await until(() => mails(TEAM.owner).some((mail) => mail.headers.get("subject").includes("News from all of us")), true, "the trial mail");
  await send(page, page.locator('button[value="save"]'));
  await says(page, /saved/i);
  await sound(page);
  await go(page, `/console/events/${EVENT}/messages`);
  await page.getByText("English: Your organisation’s text").first().waitFor();
  await go(page, "/console/messages/change");
  await send(page, page.locator('button[value="reset"]'));
  await says(page, /thrown away/);
});

step("people across events are helped, and their list is exported", async () => {
  await go(page, "/console/audience");
  await page.keyboard.press("/");
  assert.equal(await focused(page), "q");
  await page.keyboard.type(OLLI.name);
  await until(async () => (await page.locator("#list tbody .who a").allInnerTexts()).join(), OLLI.name, "found");
  await press(page, page.locator("#export summary"));
  await write(page, page.locator("#reason-export"), "For the post");
  await Promise.all([page.waitForEvent("download"), press(page, page.locator('#export button[type="submit"]'))]);
  await press(page, page.locator("#list tbody .who a"));
  await page.waitForURL(/audience\/.+/);
  for (const [act, entered, told] of HELP) {
    const form = page.locator(`form[action$="/${act}"]`);
    await unfold(page, form);
    for (const [name, words] of Object.entries(entered)) await write(page, form.locator(`[name="${name}"]`), words);
    await write(page, form.locator('[name="reason"]'), "They asked for it");
    await send(page, form.locator("button"));
    await says(page, told);
  }
  await page.getByText("+358401234567").first().waitFor();
});

step("too many people mark their mails as spam, and an owner lets marketing go on", async () => {
  for (const { email } of ANNOYED) {
    await until(() => mails(email).length > 0, true, "a mail that one can complain about");
    await hand_back(email, "message/feedback-report", ["Feedback-Type: abuse", "Version: 1"]);
  }
  await go(page, "/console/settings");
  const form = page.locator('form[action$="/settings/marketing"]');
  await until(async () => (await form.count()) || (await page.reload(), 0), 1, "marketing is stopped");
  await sound(page);
  await write(page, form.locator('[name="reason"]'), "We asked them again");
  await send(page, form.locator("button"));
  await says(page, /Marketing goes on/);
  assert.equal(await form.count(), 0);
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
  await send(page, row(TEAM.third).locator('form[action$="/remove"] button'));
  await until(() => row(TEAM.third).count(), 0, "removed");

  const invited = await visitor(DESKTOP);
  const theirs = await invited.context.newPage();
  await go(theirs, await link_to(TEAM.second, "/console/link"));
  await write(theirs, field(theirs, "new_password"), PASSWORD);
  await send(theirs, theirs.locator("form button"));
  assert.equal(path(theirs), "/console");
  await invited.leave();
});

step("an account gets another password and a second factor, and loses it", async () => {
  await go(page, "/console/account");
  const form = page.locator('form[action$="/account/password"]');
  await write(page, form.locator('[name="old_password"]'), NEXT_PASSWORD);
  await write(page, form.locator('[name="new_password"]'), LAST_PASSWORD);
  await send(page, form.locator("button"));
  await says(page, /password is changed/);
  const begin = page.locator('form[action$="/second-factor"]');
  if (await begin.locator('[name="password"]').count()) await write(page, begin.locator('[name="password"]'), LAST_PASSWORD);
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
  await sign_in(await elsewhere.context.newPage(), TEAM.owner, LAST_PASSWORD);
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
  await send(page, row.locator('form[action$="/revoke"] button'));
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
  await send(page, page.locator('form[action$="/settings/retention"] button'));
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
  for (const secret of ["payment", "reports"]) {
    await go(page, "/console/settings");
    await send(page, page.locator(`form[action$="/secrets/${secret}"] button`));
    await page.locator("pre code").first().waitFor();
  }
  await sign_out();
  assert.match(page.url(), /sign-in/);
});

step("no act of the organisation's pages is left out, and nothing went wrong on any of them", async () => {
  assert.deepEqual(await left_out(page, "organisation", done), []);
  assert.deepEqual(owner.wrongs, []);
});
