// Every page of the running program, on a phone and on a desktop, in light and in dark: it fits, has no barrier, logs no error, asks no
// other host, and the keyboard comes everywhere, also with all open that is folded. Which pages there are is read from the router, so that
// a new one cannot be forgotten. States that are hard to bring about are in states.test.mjs; what pages do is tested elsewhere.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { looked_over } from "./looks.mjs";
import { link_to } from "./mails.mjs";
import { route_of, routes } from "./router.mjs";
import { make_event, member, organiser_at_the_server, own_page_of, set_event, sign_up } from "./stage.mjs";
import { DESKTOP, PHONE, base, picture, sign_in_link, start, stop, text, until, visitor } from "./visitors.mjs";

const RUN = Date.now().toString(36);
const [OPEN, FULL, QUIET, OFF, EMPTY] = ["open", "full", "quiet", "off", "empty"].map((name) => `${name}-${RUN}`);
const ANNA = { name: "Anna Öhman", email: `anna.${RUN}@example.org` };
const BEN = { name: "Benedict Featherstonehaugh-Warrington", email: `benedict.featherstonehaugh.${RUN}@example.org` };

/** Answers to GET that are no pages of their own. */
const NO_PAGES = new Set([
  "GET /v1/live", "GET /e/{event}/calendar.ics", "GET /r/{code}/calendar.ics",
  "GET /console/rows", "GET /console/events/{event}/stream", "GET /console/events/{event}/series.json",
  "GET /console/events/{event}/registrants/rows", "GET /console/events/{event}/registrants/stream", "GET /console/audience/rows",
  "GET /console/check-in/{event}/search", "GET /console/check-in/{event}/pack.json",
]);

const live = (page) => until(() => page.evaluate(() => document.querySelector("#count, #link").dataset.link), "live", "in touch");

/** Filled in before the tests: sessions and addresses. */
const at = {};

const EVENT_PAGES = ["", "/registrants", "/registrants/new", "/settings", "/form", "/messages", "/messages/confirmation", "/figures"];

const PAGES = [
  { name: "home", path: () => "/" },
  { name: "event", path: () => `/e/${OPEN}` },
  { name: "event-full", path: () => `/e/${FULL}` },
  { name: "event-unpublished", path: () => `/e/${QUIET}`, ready: live },
  { name: "event-cancelled", path: () => `/e/${OFF}` },
  { name: "no-event", path: () => "/e/there-is-no-such-event", status: 404 },
  { name: "register", path: () => `/e/${OPEN}/register` },
  { name: "register-finnish", path: () => `/e/${OPEN}/register?lang=fi` },
  { name: "register-full", path: () => `/e/${FULL}/register` },
  { name: "register-closed", path: () => `/e/${QUIET}/register` },
  { name: "register-cancelled", path: () => `/e/${OFF}/register` },
  { name: "registered", path: () => `/e/${OPEN}/registered` },
  { name: "data", path: () => `/e/${OPEN}/data` },
  { name: "mine", path: () => at.anna },
  { name: "mine-long-name", path: () => at.ben },
  { name: "mine-no-such", path: () => "/r/there-is-no-such-code", status: 404 },
  { name: "cancel", path: () => `${at.anna}/cancel` },
  { name: "sign-in-nowhere", path: () => "/sign-in" },
  { name: "sign-in", path: () => "/sign-in?tenant=demo" },
  { name: "sign-in-event", path: () => `/sign-in?event=${OPEN}` },
  { name: "sign-in-link", path: () => at.link },
  { name: "account", path: () => "/account", as: "anna" },
  { name: "preferences", path: () => at.preferences },
  { name: "unsubscribe", path: () => at.preferences.replace("/preferences", "") },
  { name: "console-sign-in", path: () => "/console/sign-in" },
  { name: "console-link", path: () => at.console_link },
  { name: "console-welcome", path: () => "/console/welcome", as: "newcomer" },
  { name: "console-no-event", path: () => "/console/events/there-is-no-such-event", status: 404, as: "owner" },
  { name: "console-events", path: () => "/console", as: "owner" },
  ...EVENT_PAGES.flatMap((part) => [OPEN, EMPTY].map((event) => ({
    name: `console-${event.split("-")[0]}${part.replaceAll("/", "-") || "-live"}`,
    path: () => `/console/events/${event}${part}`, as: "owner", ready: part === "" || part === "/registrants" ? live : undefined,
  }))),
  { name: "console-filtered", path: () => `/console/events/${OPEN}/registrants?state=cancelled&answers=yes`, as: "owner", ready: live },
  { name: "console-registrant", path: () => at.registrant, as: "owner" },
  { name: "console-registrant-mail", path: () => `${at.registrant}/suppression`, as: "owner" },
  { name: "console-check-in", path: () => `/console/check-in/${OPEN}`, as: "owner", ready: (page) => until(() => text(page, "#door-link"), "In touch", "the door is ready") },
  { name: "console-audience", path: () => "/console/audience", as: "owner" },
  { name: "console-audience-consenting", path: () => "/console/audience?purpose=marketing&channel=email", as: "owner" },
  { name: "console-person", path: () => at.person, as: "owner" },
  { name: "console-team", path: () => "/console/team", as: "owner" },
  { name: "console-audit", path: () => "/console/audit", as: "owner" },
  { name: "console-account", path: () => "/console/account", as: "support" },
  { name: "console-account-none", path: () => "/console/account", as: "owner" },
  { name: "console-settings", path: () => "/console/settings", as: "owner" },
  { name: "console-messages", path: () => "/console/messages", as: "owner" },
  { name: "console-messages-to", path: () => `/console/events/${OPEN}/messages/to?kind=confirmation&state=handed_off`, as: "support" },
  { name: "console-messages-to-nobody", path: () => `/console/events/${EMPTY}/messages/to?kind=confirmation&state=bounced`, as: "owner" },
  { name: "console-messages-confirmation", path: () => "/console/messages/confirmation", as: "owner" },
  { name: "console-messages-sign-in-link", path: () => "/console/messages/sign-in-link", as: "owner" },
  { name: "console-keys", path: () => "/console/settings/keys", as: "owner" },
  { name: "console-help", path: () => "/console/help", as: "owner" },
];

/** What each role is shown of the console, but for these pages, which say that they are not theirs. */
const REFUSED = {
  organiser: ["/console/team", "/console/settings", "/console/settings/keys"],
  support: ["/console/team", "/console/audit", "/console/settings", "/console/settings/keys"],
  analyst: [`/console/events/${OPEN}/registrants/new`, `/console/check-in/${OPEN}`, "/console/team", "/console/audit", "/console/settings", "/console/settings/keys"],
  moderator: [...["/registrants/new", "/settings", "/form", "/messages", "/messages/confirmation", "/figures"].map((part) => `/console/events/${OPEN}${part}`), "/console/audience", "/console/team", "/console/audit", "/console/settings", "/console/settings/keys", "/console/messages", "/console/messages/confirmation"],
};
const ROLES = Object.keys(REFUSED);
const OF_ROLES = ["/console", ...EVENT_PAGES.map((part) => `/console/events/${OPEN}${part}`), `/console/check-in/${OPEN}`,
  "/console/audience", "/console/team", "/console/audit", "/console/settings", "/console/settings/keys", "/console/messages", "/console/messages/confirmation", "/console/help"];

before(async () => {
  await start();
  const owner = await organiser_at_the_server();
  const { page } = owner;
  for (const [id, title] of [[OPEN, "Northern Lights Film Festival: opening night"], [FULL, "Premiere"], [QUIET, "Not open yet"], [OFF, "Rained off"], [EMPTY, "Nobody yet"]]) {
    await make_event(page, id, title);
  }
  const usual = { published: true, nicknames: true, mode: "both", venue: "Bio Rex, Mannerheimintie 22–24, Helsinki" };
  await set_event(page, OPEN, { ...usual, languages: "en, fi", summary: "Four films, and a band.", price: "12.50", rsvp: true });
  await set_event(page, FULL, { ...usual, capacity: "1", waiting_list: true });
  await set_event(page, OFF, usual);
  await set_event(page, EMPTY, usual);
  await page.goto(`${base}/console/events/${OFF}/settings`);
  await page.locator("summary", { hasText: "Cancel" }).click();
  await page.check("#sure");
  await page.locator('form[action$="/settings/cancel"] button').click();
  await page.getByText("cancelled", { exact: false }).first().waitFor();

  const anna = await visitor(PHONE);
  const theirs = await anna.context.newPage();
  for (const who of [ANNA, BEN]) await sign_up(theirs, OPEN, who);
  await sign_up(theirs, FULL, ANNA);
  at.anna = (await own_page_of(ANNA.email)).replace(base, "");
  at.ben = (await own_page_of(BEN.email)).replace(base, "");
  const ask = async () => {
    await theirs.goto(`${base}/sign-in?tenant=demo`);
    await theirs.fill("#email", ANNA.email);
    await theirs.locator('button[value="link"]').click();
    await theirs.locator("#notice").waitFor();
  };
  await ask();
  await theirs.goto(await link_to(ANNA.email, "/sign-in/link"));
  await theirs.locator("form.form button").click();
  await theirs.waitForURL(/\/account/);
  at.preferences = await theirs.locator('a[href$="/preferences"]').getAttribute("href");
  at.sessions = { anna: await anna.context.storageState(), owner: await owner.context.storageState() };
  const used = await link_to(ANNA.email, "/sign-in/link");
  // Who is signed in is not asked again.
  await anna.context.clearCookies();
  await ask();
  await until(async () => (await link_to(ANNA.email, "/sign-in/link")) !== used, true, "a second link");
  at.link = (await link_to(ANNA.email, "/sign-in/link")).replace(base, "");
  await anna.leave();

  const newcomer = await organiser_at_the_server(sign_in_link(`new-${RUN}`));
  at.sessions.newcomer = await newcomer.context.storageState();
  await newcomer.leave();
  for (const role of ROLES) at.sessions[role] = await member(page, `${role}.${RUN}@example.org`, role);
  await page.goto(`${base}/console/sign-in`);
  await page.fill("#in-email", `support.${RUN}@example.org`);
  await page.locator('button[value="reset"]').click();
  at.console_link = (await link_to(`support.${RUN}@example.org`, "/console/link")).replace(base, "");
  await page.goto(`${base}/console/events/${OPEN}/registrants`);
  at.registrant = await page.locator("#list tbody .who a").first().getAttribute("href");
  await page.goto(base + at.registrant);
  at.person = await page.locator('a[href^="/console/audience/"]').first().getAttribute("href");
  await owner.leave();
});

after(stop);

/** One page in one look; everything that is wrong with it. */
async function looked_at(guest, { name, path, status = 200, ready }, size, viewport, colorScheme, walked) {
  const page = await guest.context.newPage();
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme });
  const answer = await page.goto(base + path());
  await ready?.(page);
  assert.equal(answer.status(), status);
  assert.match(answer.headers()["content-security-policy"], /default-src 'self'/);
  await picture(page, `${name}-${size}-${colorScheme}`);
  const wrongs = await looked_over(page, walked);
  await page.close();
  return wrongs.map((wrong) => `${size}, ${colorScheme}: ${wrong}`);
}

for (const what of PAGES) {
  test(`${what.name}: fits, has no barrier, logs no error, asks no other host, and the keyboard comes everywhere`, async () => {
    const wrongs = [];
    for (const [size, device] of [["phone", PHONE], ["desktop", DESKTOP]]) {
      const guest = await visitor({ ...device, reducedMotion: "reduce", ...(what.as ? { storageState: at.sessions[what.as] } : {}) });
      for (const colorScheme of ["light", "dark"]) wrongs.push(...await looked_at(guest, what, size, device.viewport, colorScheme, colorScheme === "light"));
      // That the page itself is an error is what Chromium notes here, and what is wanted.
      wrongs.push(...guest.wrongs.filter((wrong) => !(what.status === 404 && /status of 404/.test(wrong))));
      await guest.leave();
    }
    assert.deepEqual(wrongs, []);
  });
}

for (const role of ROLES) {
  test(`what the role ${role} sees has no barrier, and what it may not see says so`, async () => {
    const guest = await visitor({ ...PHONE, reducedMotion: "reduce", storageState: at.sessions[role] });
    const page = await guest.context.newPage();
    const wrongs = [];
    const refused = [];
    for (const path of OF_ROLES) {
      const answer = await page.goto(base + path);
      if (answer.status() === 403) refused.push(path);
      else assert.equal(answer.status(), 200, path);
      await picture(page, `role-${role}${path.replace(OPEN, "open").replaceAll("/", "-")}`);
      wrongs.push(...(await looked_over(page, false)).map((wrong) => `${path}: ${wrong}`));
    }
    assert.deepEqual(wrongs, []);
    assert.deepEqual(refused, REFUSED[role]);
    await guest.leave();
  });
}

/** Pages that lead to the texts of mails, each of which shows its mail in a frame. */
const LISTS_OF_MAILS = [`/console/events/${OPEN}/messages`, "/console/messages"];
const mail_of = (address) => `${address}/preview`;

test("the mails that are shown beside their texts fit and have no barrier", async () => {
  const guest = await visitor({ ...PHONE, reducedMotion: "reduce", storageState: at.sessions.owner });
  // A mail may run nothing, and so not the checker: here it comes without the header that says so.
  await guest.context.route("**/preview", async (route) => {
    const answer = await route.fetch();
    const { "content-security-policy": policy, ...headers } = answer.headers();
    assert.match(policy, /^sandbox;/);
    await route.fulfill({ response: answer, headers });
  });
  const page = await guest.context.newPage();
  const wrongs = [];
  for (const list of LISTS_OF_MAILS) {
    await page.goto(base + list);
    const linked = await page.locator(`a[href^="${list}/"]`).evaluateAll((links) => links.map(({ pathname }) => pathname));
    const texts = new Set(linked.filter((path) => route_of("GET", path)?.endsWith("/messages/{kind}")));
    assert.ok(texts.size >= 4, `${list} leads to ${texts.size} texts`);
    for (const address of texts) {
      for (const [size, { viewport }, colorScheme] of [["phone", PHONE, "dark"], ["desktop", DESKTOP, "light"]]) {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        const answer = await page.goto(base + mail_of(address));
        assert.equal(answer.status(), 200, address);
        await picture(page, `mail${address.replace(OPEN, "open").replaceAll("/", "-")}-${size}-${colorScheme}`);
        wrongs.push(...(await looked_over(page, false)).map((wrong) => `${address}, ${size}, ${colorScheme}: ${wrong}`));
      }
    }
  }
  assert.deepEqual([...wrongs, ...guest.wrongs], []);
  await guest.leave();
});

test("no page of the router is left out", () => {
  const seen = new Set([...PAGES.map(({ path }) => path()), ...LISTS_OF_MAILS.map((list) => mail_of(`${list}/confirmation`))]
    .map((path) => route_of("GET", path.split("?")[0])));
  const missed = routes.filter((route) => route.startsWith("GET ") && !seen.has(route) && !NO_PAGES.has(route));
  assert.deepEqual(missed, []);
  assert.deepEqual([...NO_PAGES].filter((route) => !routes.includes(route)), [], "these are not in the router any more");
});
