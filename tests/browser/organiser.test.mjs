// A whole event, run through the pages alone, from the program's first start on: an organiser makes their account and sets the event
// up, people register, pay, come in, cancel, and the console shows each state while its page stays open; their mails come by SMTP, and
// every link in them is followed. `tests/run browser`, or by hand with CHROMIUM, TURNOUT_URL, TURNOUT_CONSOLE_LINK (that the program
// printed, unused) and TURNOUT_TEST_SMTP_BOXES (of its mail server) set. How long the console took is told and not judged, for whoever
// else uses the machine is in it.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fs from "node:fs";
import { after, before } from "node:test";

import { link_to, links, mails } from "./mails.mjs";
import { PASSWORD, field, make_event, steps } from "./stage.mjs";
import { DEADLINE_MS, DESKTOP, PHONE, barriers, base, overflow, picture, start, stop, text, until, visitor, wanted } from "./visitors.mjs";

const EVENT = `premiere-${Date.now().toString(36)}`;
const TITLE = "Premiere: The Long Winter";
const PRICE = "12.50";

/** The organiser's own questions. The second text of each is its Finnish one; options are lines. */
const QUESTIONS = [
  { type: "text", label: ["Company", "Yritys"], answer: "Aurora Oy" },
  { type: "choice", label: ["Dinner", "Illallinen"], options: ["Fish\nBeetroot", "Kala\nPunajuuri"], answer: ["Fish", "Kala"] },
  { type: "integer", label: ["Seats", "Paikkoja"], answer: "2" },
  { type: "place", label: ["Home town", "Kotikunta"], answer: "Oulu" },
  { type: "long", label: ["Wishes", "Toiveita"], answer: "=a seat by the aisle, please" },
];
const LANGUAGES = ["en", "fi"];

const ANNA = { name: "Anna Öhman", email: `anna.${EVENT}@example.org`, lang: "en" };
const AINO = { name: "Aino Virtanen", email: `aino.${EVENT}@example.org`, lang: "fi" };
const NICK = { name: "nightowl" };
/** So many more, for the figure of how long the console takes. */
const CROWD = Array.from({ length: 12 }, (_, n) => ({ name: `Guest ${n + 1}`, email: `guest${n + 1}.${EVENT}@example.org`, lang: "en" }));
const OWNER = `owner.${EVENT}@example.org`;
const ORGANISATION = "Long Winter Films";

let organiser;
/** The page of the registrants, which is opened once and never loaded again. */
let board;
/** What was done, and how long after its answer the open page showed it. */
const lags = [];

before(async () => {
  await start();
  organiser = await visitor();
});

after(async () => {
  const told = (kind, all) => {
    if (!all.length) return;
    const sorted = all.map(({ lag_ms }) => lag_ms).toSorted((a, b) => a - b);
    const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1];
    console.log(`the console showed ${kind}, ${sorted.length} times: median ${sorted[sorted.length >> 1]} ms, p95 ${p95} ms, most ${sorted.at(-1)} ms after the answer`);
  };
  for (const kind of new Set(lags.map((lag) => lag.kind))) told(kind, lags.filter((lag) => lag.kind === kind));
  told("a change", lags);
  await stop();
});

const step = steps();

/** What a page says about itself; null while it is being loaded. */
const says = (page, selector) => text(page, selector).catch(() => null);
const notice = (page) => says(page, ".notice");

/** Of a page as it is: fits and has no barrier at both widths; a picture of each. */
async function looked_at(page, name) {
  const usual = page.viewportSize();
  for (const [size, { viewport }] of [["phone", PHONE], ["desktop", DESKTOP]]) {
    await page.setViewportSize(viewport);
    assert.equal(await overflow(page), 0, `${name}, ${size}: fits`);
    assert.deepEqual(await barriers(page), [], `${name}, ${size}: no barrier`);
    await picture(page, `${name}-${size}`);
  }
  await page.setViewportSize(usual);
}

/** Looks at the open page from within: what stands at a place of it, and when it came to stand there. */
function look_from_within() {
  globalThis.never_loaded_again = true;
  globalThis.stands = ({ figure, who, column }) => {
    if (figure) return document.querySelector(`[data-figure="${figure}"]`)?.innerText.trim() ?? null;
    const row = [...document.querySelectorAll("#list tbody tr")].find((row) => row.querySelector(".who a").textContent === who);
    return row?.querySelector(`[data-column="${column}"] .line`)?.firstChild.textContent.trim() ?? null;
  };
  globalThis.shown_at_ms = (place, wanted, within_ms) => new Promise((done, fail) => {
    const fits = () => (wanted === null ? ![null, "Not yet"].includes(stands(place)) : stands(place) === wanted);
    const watcher = new MutationObserver(() => { if (fits()) end(done, Date.now()); });
    const timer = setTimeout(() => end(fail, new Error(`wanted ${wanted}, last seen ${stands(place)}`)), within_ms);
    const end = (how, value) => { watcher.disconnect(); clearTimeout(timer); how(value); };
    watcher.observe(document.body, { subtree: true, childList: true, characterData: true });
    if (fits()) end(done, Date.now());
  });
}

/** What stands in a column of the row of somebody on the open page; null while there is no such row. */
const cell = (who, column) => () => board.evaluate((place) => globalThis.stands(place), { who: who.name, column });
const figure = (name) => () => text(board, `[data-figure="${name}"]`);

/** Does something, which gives the moment of its answer, and waits until the open page shows it. Null stands for any moment. */
async function shows(kind, act, place, value) {
  const seen = board.evaluate((given) => globalThis.shown_at_ms(...given), [place, value, DEADLINE_MS]);
  seen.catch(() => {});
  const answered_ms = await act();
  const shown_ms = await seen.catch((error) => assert.fail(`${kind}: ${error.message}`));
  lags.push({ kind, lag_ms: Math.max(0, shown_ms - answered_ms) });
}
const at = (who, column) => ({ who: who.name, column });

/** Presses a button that sends a form; the moment at which its answer began to come. */
const pressed = (page, button) => async () => {
  const answer = page.waitForEvent("response", (response) => response.request().method() === "POST").then(() => Date.now());
  await button.click();
  return answer;
};

step("an organiser makes a paid hybrid event with a form of their own in two languages", async () => {
  const page = await organiser.context.newPage();
  await page.goto(wanted("TURNOUT_CONSOLE_LINK", "the link that the program printed, unused"));
  await page.waitForURL(`${base}/console/welcome`);
  await looked_at(page, "organiser-welcome");
  await field(page, "organisation").fill(ORGANISATION);
  await field(page, "email").fill(OWNER);
  await field(page, "new_password").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.waitForURL(`${base}/console`);
  await make_event(page, EVENT, TITLE);

  await page.goto(`${base}/console/events/${EVENT}/settings`);
  await field(page, "published").check();
  await field(page, "nicknames").check();
  await field(page, "summary").fill("The first showing, with the film's makers.");
  await field(page, "languages").fill(LANGUAGES.join(", "));
  await field(page, "mode").selectOption("both");
  await field(page, "venue").fill("Bio Rex, Helsinki");
  await field(page, "price").fill(PRICE);
  await field(page, "currency").fill("EUR");
  await page.getByRole("button", { name: "Save" }).click();
  await until(() => notice(page), "Saved.", "the settings are saved");
  assert.equal(await field(page, "price").inputValue(), PRICE);
  await looked_at(page, "organiser-settings");

  await page.goto(`${base}/console/events/${EVENT}/form`);
  for (const [at, { type, label, options }] of QUESTIONS.entries()) {
    await field(page, "new_type").selectOption(type);
    await page.locator('button[value="add"]').click();
    await field(page, `f.${at}.label.en`).waitFor();
    for (const [i, lang] of LANGUAGES.entries()) {
      await field(page, `f.${at}.label.${lang}`).fill(label[i]);
      await field(page, `f.${at}.purpose.${lang}`).fill(["To plan the evening.", "Illan suunnitteluun."][i]);
      if (options) await field(page, `f.${at}.options.${lang}`).fill(options[i]);
    }
    await field(page, `f.${at}.required`).check();
  }
  await page.locator('button[value="save"]').click();
  await until(async () => (await notice(page))?.startsWith("The form is saved"), true, "the form is saved");
  assert.equal(await page.locator("#builder .builder").count(), QUESTIONS.length);
  await page.locator('button[value="preview.fi"]').click();
  await until(async () => (await says(page, "#preview"))?.includes("Illallinen"), true, "the preview is Finnish");
  await looked_at(page, "organiser-form");
  await page.close();
  assert.deepEqual(organiser.wrongs, []);
});

/** Fills the public form as a reader of a language does: by its labels. */
async function register(page, { name, email, lang }) {
  await page.goto(`${base}/e/${EVENT}/register?lang=${lang}`);
  assert.equal(await page.locator("form.form").first().locator("legend, label").filter({ hasText: QUESTIONS[1].label[LANGUAGES.indexOf(lang)] }).count(), 1);
  await field(page, "email").fill(email);
  await field(page, "name").fill(name);
  await field(page, "mode").first().check();
  for (const { type, label, answer } of QUESTIONS) {
    const i = LANGUAGES.indexOf(lang);
    if (type === "choice") await page.getByLabel(answer[i], { exact: true }).check();
    else await page.getByLabel(label[i], { exact: true }).fill(answer);
  }
}

step("three people register, and the open page of the console shows each", async () => {
  board = await organiser.open(`/console/events/${EVENT}/registrants`);
  await until(() => board.evaluate(() => document.querySelector("#link").dataset.link), "live", "the page is live");
  await board.evaluate(look_from_within);
  await looked_at(board, "organiser-registrants-none");

  for (const who of [ANNA, AINO]) {
    who.visitor = await visitor(who === ANNA ? DESKTOP : PHONE);
    const page = await who.visitor.context.newPage();
    await register(page, who);
    await looked_at(page, `organiser-register-${who.lang}`);
    const send = page.locator("form.form").first().locator('button[type="submit"]');
    await shows("a registration", pressed(page, send), at(who, "state"), "Registered");
    await page.waitForURL(/\/registered/);
    await looked_at(page, `organiser-registered-${who.lang}`);
    await until(cell(who, "payment"), "Unpaid", "not paid yet");
    await page.close();
  }
  await until(figure("registrants"), "2", "two registrants");

  NICK.visitor = await visitor(PHONE);
  const page = await NICK.visitor.open(`/e/${EVENT}/register?lang=en`);
  await field(page, "nickname").fill(NICK.name);
  const send = page.getByRole("button", { name: "Continue with a nickname" });
  await shows("a registration", pressed(page, send), at(NICK, "state"), "Registered");
  await page.waitForURL(/\/r\//);
  NICK.link = page.url().split("?")[0];
  await looked_at(page, "organiser-mine-nickname");
  await page.close();
  await until(figure("registrants"), "3", "three registrants");
  await until(figure("unpaid"), "3", "nobody has paid");
});

step("the mails arrive with working links, and the console says that they were sent", async () => {
  for (const who of [ANNA, AINO]) {
    who.link = await link_to(who.email, "/r/");
    const page = await who.visitor.context.newPage();
    assert.equal((await page.goto(who.link)).status(), 200);
    assert.equal(await text(page, "h1"), who.name);
    assert.equal(await page.getByRole("button", { name: "Enter the event" }).count(), 0, "who has not paid cannot come in yet");
    await looked_at(page, `organiser-mine-unpaid-${who.lang}`);
    await page.close();
    await until(cell(who, "confirmation"), "Sent", "the console says so");
    assert.equal(mails(who.email).length, 1, "one mail");
    assert.match(mails(who.email)[0].calendar, /^BEGIN:VCALENDAR/);
  }
});

let secret;

/** A notice of the payment provider's that somebody has paid; the answer to it, and its moment. */
async function pay(who, { forged = false } = {}) {
  const id = await board.evaluate((name) => [...document.querySelectorAll("#list tbody tr")]
    .find((row) => row.querySelector(".who a").textContent === name).id.replace("row-", ""), who.name);
  const body = JSON.stringify({ event_id: EVENT, registration_id: id, state: "paid", amount_minor: 1250, currency: "EUR" });
  const message = `payment-${id}`;
  const now = String(Math.floor(Date.now() / 1000));
  const key = forged ? "another" : Buffer.from(secret.replace("whsec_", ""), "base64");
  const signature = createHmac("sha256", key).update(`${message}.${now}.${body}`).digest("base64");
  const headers = { "webhook-id": message, "webhook-timestamp": now, "webhook-signature": `v1,${signature}` };
  const { status } = await fetch(`${base}/v1/tenants/demo/payments`, { method: "POST", body, headers });
  return { status, at_ms: Date.now() };
}
const paid = (who) => async () => {
  const { status, at_ms } = await pay(who);
  assert.equal(status, 204);
  return at_ms;
};

step("one pays by a signed webhook, one is marked as paid by hand, and both are shown", async () => {
  const page = await organiser.open("/console/settings");
  await page.getByRole("button", { name: "New secret for payments" }).click();
  await page.locator("#confirm-yes").click();
  secret = await page.locator("pre code").first().innerText();
  await looked_at(page, "organiser-secret");

  assert.equal((await pay(ANNA, { forged: true })).status, 401);
  assert.equal(await cell(ANNA, "payment")(), "Unpaid");
  await shows("a payment", paid(ANNA), at(ANNA, "payment"), "Paid");
  assert.equal((await pay(ANNA)).status, 204, "a repeated notice changes nothing");

  await page.goto(await board.evaluate((name) => [...document.querySelectorAll("#list tbody .who a")].find((link) => link.textContent === name).href, NICK.name));
  await page.getByText("Mark the payment", { exact: true }).click();
  await page.fill("#reason-payment", "Paid in cash at the box office");
  await shows("a payment", pressed(page, page.locator('form[action$="/payment"] button[value="paid"]')), at(NICK, "payment"), "Paid");
  await until(async () => /payment state is set/i.test(await notice(page)), true, "the page says so");
  await looked_at(page, "organiser-registrant");
  await page.close();
  await until(figure("paid"), "2", "two have paid");
});

step("both who have paid come in, and the console shows it", async () => {
  for (const [n, who] of [ANNA, NICK].entries()) {
    const page = await who.visitor.context.newPage();
    await page.goto(who.link);
    await looked_at(page, `organiser-mine-paid-${n}`);
    const enter = page.getByRole("button", { name: "Enter the event" });
    await shows("an entry", pressed(page, enter), at(who, "first_entered_at"), null);
    await page.waitForURL(`${base}/e/${EVENT}`);
    await until(figure("logged-in"), String(n + 1), "in the figures as well");
    await until(figure("viewers"), String(n + 1), "and watching");
    await looked_at(page, `organiser-event-${n}`);
  }
});

/** A CSV file as rows of cells, after RFC 4180. */
function csv(file) {
  const rows = [[""]];
  for (const [, quoted, plain, end] of file.replace(/^\uFEFF/, "").matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)[rows.at(-1).length - 1] = quoted?.replaceAll('""', '"') ?? plain;
    if (end === ",") rows.at(-1).push("");
    else if (end) rows.push([""]);
    else break;
  }
  return rows.slice(0, -1);
}

/** The names that the open page lists, and those that its export holds. */
const listed = () => board.evaluate(() => [...document.querySelectorAll("#list tbody .who a")].map((link) => link.textContent));
async function exported(reason) {
  if (!(await board.locator("#export[open]").count())) await board.locator("#export summary").click();
  await board.fill("#reason-export", reason);
  const [download] = await Promise.all([board.waitForEvent("download"), board.getByRole("button", { name: "Download" }).click()]);
  const [head, ...rows] = csv(fs.readFileSync(await download.path(), "utf8"));
  for (const row of rows) assert.equal(row.length, head.length);
  return rows.map((row) => Object.fromEntries(head.map((name, at) => [name, row[at]])));
}

step("the export holds exactly the rows that are shown", async () => {
  const all = await exported("For the door");
  assert.deepEqual(all.map((row) => row.Name), await listed());
  assert.deepEqual(all.map((row) => row.Name).toSorted(), [AINO.name, ANNA.name, NICK.name].toSorted());
  const anna = all.find((row) => row.Name === ANNA.name);
  assert.equal(anna["E-mail"], ANNA.email);
  assert.match(anna.Paid, /^Paid/);
  for (const row of all) {
    const who = { name: row.Name };
    assert.equal(row.State, await cell(who, "state")());
    assert.ok(row.Paid.startsWith(await cell(who, "payment")()));
    assert.equal(row.Entered === "", await cell(who, "first_entered_at")() === "Not yet");
  }

  await board.fill("#q", "virtanen");
  await until(async () => (await listed()).join(), AINO.name, "one row");
  const some = await exported("For the door, once more");
  assert.deepEqual(some.map((row) => row.Name), [AINO.name]);
  await board.fill("#q", "");
  await until(async () => (await listed()).length, 3, "all rows again");
});

step("a cancellation by the person is shown", async () => {
  const page = await AINO.visitor.context.newPage();
  await page.goto(AINO.link);
  await page.locator('a[href$="/cancel"]').click();
  await looked_at(page, "organiser-cancel");
  const yes = page.getByRole("button", { name: "Yes, cancel it" });
  await shows("a cancellation", pressed(page, yes), at(AINO, "state"), "Cancelled");
  await page.waitForURL(/\/r\//);
  await until(async () => /cancelled/i.test(await says(page, ".badge")), true, "on her page as well");
  await looked_at(page, "organiser-mine-cancelled");
  await until(figure("registrants"), "2", "two registrants are left");
});

step("a dozen more register, get their mails, pay and come in, and the page shows each", async () => {
  const crowd = await visitor(PHONE);
  const page = await crowd.context.newPage();
  for (const who of CROWD) {
    await register(page, who);
    await shows("a registration", pressed(page, page.locator("form.form").first().locator('button[type="submit"]')), at(who, "state"), "Registered");
    await shows("a mail as sent", async () => {
      who.link = await link_to(who.email, "/r/");
      return mails(who.email)[0].at_ms;
    }, at(who, "confirmation"), "Sent");
  }
  for (const who of CROWD) {
    await shows("a payment", paid(who), at(who, "payment"), "Paid");
    await page.goto(who.link);
    await shows("an entry", pressed(page, page.getByRole("button", { name: "Enter the event" })), at(who, "first_entered_at"), null);
  }
  await until(figure("registrants"), String(2 + CROWD.length), "all are counted");
  await until(figure("logged-in"), String(2 + CROWD.length), "all are in");
  assert.deepEqual(crowd.wrongs, []);
  await crowd.leave();
});

step("every link of every mail works", async () => {
  const reader = await visitor(PHONE);
  const page = await reader.context.newPage();
  const subjects = [];
  for (const who of [ANNA, AINO, ...CROWD.slice(0, 2)]) {
    await until(() => mails(who.email).length, who === AINO ? 2 : 1, `the mails to ${who.name}`);
    for (const mail of mails(who.email)) {
      subjects.push(mail.headers.get("subject"));
      assert.ok(links(mail).length > 0, "a mail has a link");
      for (const link of links(mail)) {
        assert.ok(link.startsWith(`${base}/`), `${link} leads to the program`);
        const answer = await page.goto(link);
        assert.equal(answer.status(), 200, link);
        assert.equal(await page.locator("main h1").count(), 1, link);
      }
    }
  }
  console.log(`mails by SMTP: ${subjects.join(", ")}`);
  assert.deepEqual(reader.wrongs, []);
  await reader.leave();
});

step("the page of the registrants was never loaded again, and nothing went wrong on any page", async () => {
  assert.equal(await board.evaluate(() => globalThis.never_loaded_again), true);
  await looked_at(board, "organiser-registrants");
  for (const [name, address] of [["figures", `events/${EVENT}/figures`], ["messages", `events/${EVENT}/messages`], ["audience", "audience"], ["door", `check-in/${EVENT}`], ["audit", "audit"], ["live", `events/${EVENT}`]]) {
    const page = await organiser.open(`/console/${address}`);
    await looked_at(page, `organiser-${name}`);
    await page.close();
  }
  for (const person of [organiser, ANNA.visitor, AINO.visitor, NICK.visitor]) assert.deepEqual(person.wrongs, []);
  for (const person of [ANNA, AINO, NICK]) await person.visitor.leave();
});
