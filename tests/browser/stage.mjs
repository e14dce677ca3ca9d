// What more than one test needs before it begins: an organiser with an event that people can register for, members of the team, people
// who registered. All of it is made through the pages, as people make it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { link_to } from "./mails.mjs";
import { DESKTOP, PHONE, base, sign_in_link, until, visitor } from "./visitors.mjs";

export const PASSWORD = "the long winter is almost over";

/** Tests that build on each other: after one that failed there is nothing for the others to see. `also` is asked after each. */
export function steps(also = async () => {}) {
  let broken = false;
  return (what, run) => test(what, async () => {
    assert.ok(!broken, "a step before this one failed");
    broken = true;
    await run();
    await also();
    broken = false;
  });
}

export const field = (page, name) => page.locator(`[name="${name}"]:not([type="hidden"])`);

/** The first start's organiser, who has no account of their own; `page` shows the list of events. */
export async function organiser_at_the_server(link = sign_in_link()) {
  const organiser = await visitor(DESKTOP);
  const page = await organiser.context.newPage();
  await page.goto(link);
  await page.goto(`${base}/console`);
  return { ...organiser, page };
}

export async function make_event(page, id, title) {
  await page.goto(`${base}/console`);
  await page.fill("#title", title);
  await page.fill("#starts", "2030-12-24T18:00");
  await page.fill("#zone", "Europe/Helsinki");
  await page.fill("#event_id", id);
  await page.click("form.form button");
  await page.waitForURL(`${base}/console/events/${id}`);
}

/** Sets what is given: names of the settings' fields, and true, false or what to write or choose. */
export async function set_event(page, id, settings) {
  await page.goto(`${base}/console/events/${id}/settings`);
  for (const [name, value] of Object.entries(settings)) {
    const place = field(page, name);
    if (typeof value === "boolean") await place.setChecked(value);
    else if (await place.evaluate((element) => element.tagName === "SELECT")) await place.selectOption(value);
    else await place.fill(value);
  }
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByText("Saved.", { exact: true }).waitFor();
}

/** Lets an event's form ask whether somebody wants mails for these purposes. */
export async function ask_for_news(page, id, purposes = ["news"]) {
  await page.goto(`${base}/console/events/${id}/form`);
  for (const [n, purpose] of purposes.entries()) {
    await page.locator('button[value="add-consent"]').click();
    await field(page, `c.${n}.purpose`).fill(purpose);
    await page.locator(`[name="c.${n}.text.en"]`).fill(`Mails about our other events: ${purpose}.`);
  }
  await page.locator('button[value="save"]').click();
  await page.getByText("The form is saved", { exact: false }).waitFor();
}

/** Registers somebody on the public page, who wants all that the form asks; the answer is the page that they then see. */
export async function sign_up(page, id, { name, email }) {
  await page.goto(`${base}/e/${id}/register`);
  await field(page, "email").fill(email);
  await field(page, "name").fill(name);
  if (await field(page, "mode").count()) await field(page, "mode").first().check();
  for (const wanted of await page.locator('[name^="consent."]').all()) await wanted.check();
  await page.locator("form.form").first().locator('button[type="submit"]').click();
  await page.waitForURL(/\/registered|\/r\//);
}

/** The page of somebody's registration, by the link in their mail. */
export const own_page_of = (email) => link_to(email, "/r/");

/** Signs a member of the team in with their password. */
export async function sign_in(page, email, password) {
  await page.goto(`${base}/console/sign-in`);
  await field(page, "email").fill(email);
  await field(page, "password").fill(password);
  await page.locator('button[value="password"]').click();
  await until(() => new URL(page.url()).pathname, "/console", "the member is in the console");
}

/** Invites a member, who follows the link in the mail and chooses a password; their session. */
export async function member(page, email, role) {
  await page.goto(`${base}/console/team`);
  await field(page, "email").last().fill(email);
  await page.locator('form[action$="/team/invite"] select').last().selectOption(role);
  await page.locator('form.card[action$="/team/invite"] button').click();
  const invited = await visitor(PHONE);
  const theirs = await invited.context.newPage();
  await theirs.goto(await link_to(email, "/console/link"));
  await field(theirs, "new_password").fill(PASSWORD);
  await theirs.locator("form button").click();
  await until(() => new URL(theirs.url()).pathname, "/console", "the new member is in the console");
  const session = await invited.context.storageState();
  await invited.leave();
  return session;
}
