// A page without a mouse: where the Tab key goes, whether one sees where one is, and getting somewhere and doing something by keys alone.

import assert from "node:assert/strict";

import { barriers, base, text, until } from "./visitors.mjs";

/** No page has as many places to stop at. */
const STOPS_MAX = 400;

/** How long the keyboard may be nowhere: a frame has a process of its own, and on the way to it and back Chromium says "nowhere". */
const ON_THE_WAY_MS = 5_000;

/** In the page: everything that the Tab key should come to. Of radio buttons that belong together it stops at one. */
function mark_stops() {
  const groups = new Set();
  const is_stop = (element) => {
    if (element.tabIndex < 0 || element.matches(":disabled") || !element.checkVisibility({ visibilityProperty: true })) return false;
    if (element.type !== "radio") return true;
    const group = [...(element.form ?? document).querySelectorAll("input[type=radio]")].filter((one) => one.name === element.name);
    if (group.some((one) => one.checked) ? !element.checked : groups.has(element.form?.id + element.name)) return false;
    groups.add(element.form?.id + element.name);
    return true;
  };
  globalThis.stops = new Set([...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter(is_stop));
  globalThis.last_stop = null;
  // Counted when the keyboard comes, not when it is looked for: two keys may arrive together on the way out of a frame.
  document.addEventListener("focusin", ({ target }) => globalThis.stops.delete(target));
  // From the very beginning, wherever the page itself put the keyboard.
  const beginning = Object.assign(document.createElement("span"), { tabIndex: -1 });
  document.body.prepend(beginning);
  beginning.focus();
  beginning.remove();
  globalThis.end = Object.assign(document.createElement("span"), { tabIndex: 0 });
  document.body.append(globalThis.end);
}

/** In the page: the end is taken away again; what the keyboard did not come to, of what is still there. */
function missed_stops() {
  globalThis.end.remove();
  return [...globalThis.stops].filter((element) => element.isConnected).map((element) => `the Tab key does not come to ${element.outerHTML.slice(0, 160)}`);
}

/** In the page: where the keyboard is, and what is wrong with that. */
function look_at_stop() {
  const element = document.activeElement;
  if (!element || element === document.body) return { nowhere: true };
  if (element === globalThis.end) return { end: true };
  // A field for a date is several stops, a frame has its own.
  if (element === globalThis.last_stop || element.tagName === "IFRAME") return { again: true };
  globalThis.last_stop = element;
  const wrongs = [];
  const name = element.outerHTML.slice(0, 160);
  const ringed = [element, element.closest(".row"), element.closest(".choice")].filter(Boolean).some((one) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  });
  if (!ringed) wrongs.push(`one does not see that one is at ${name}`);
  const parts = [...element.getClientRects()];
  const seen = parts.some(({ left, top, width, height }) => [[0.5, 0.5], [0.1, 0.2], [0.9, 0.2], [0.1, 0.8], [0.9, 0.8]].some(([x, y]) => {
    const hit = document.elementFromPoint(left + width * x, top + height * y);
    return hit && (element.contains(hit) || hit.contains(element) || hit.closest("label")?.control === element);
  }));
  if (!seen) wrongs.push(`something covers ${name}`);
  return { wrongs };
}

/** Goes through the page with the Tab key; what is wrong on the way. */
export async function walk(page) {
  await page.evaluate(mark_stops);
  const wrongs = [];
  for (let n = 0; n < STOPS_MAX; n += 1) {
    await page.keyboard.press("Tab");
    let stop = await page.evaluate(look_at_stop);
    const patience = Date.now() + ON_THE_WAY_MS;
    while (stop.nowhere && Date.now() < patience) stop = await page.evaluate(look_at_stop);
    if (stop.end) break;
    wrongs.push(...(stop.wrongs ?? []));
  }
  return [...wrongs, ...await page.evaluate(missed_stops)];
}

/** Goes to an element with the Tab key alone, on from where the keyboard is, and round once if need be. */
export async function tab_to(page, place) {
  for (let n = 0; n < STOPS_MAX; n += 1) {
    // Looked up each time: a list that moves is put there anew.
    if (await place.evaluate((element) => document.activeElement === element)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`the Tab key does not come to ${await place.evaluate((element) => element.outerHTML.slice(0, 200))}`);
}

/** Goes to a button or a link and presses it. */
export async function press(page, place, key = "Enter") {
  await tab_to(page, place);
  await page.keyboard.press(key);
}

/** Goes to a field and writes; what stood there is gone. */
export async function write(page, place, words) {
  await tab_to(page, place);
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type(words);
}

/** Presses a button that sends a form, says yes if the page asks, and waits for the page that comes. */
export async function send(page, button, key = "Enter") {
  if (await button.getAttribute("data-confirm")) {
    await press(page, button, key);
    await send(page, page.locator("#confirm-yes"));
    return;
  }
  await Promise.all([page.waitForEvent("load"), press(page, button, key)]);
}

/** Opens what is folded, if it is: by words of its head, or by what is in it. */
export async function unfold(page, what) {
  const fold = page.locator("details", { has: typeof what === "string" ? page.locator("summary", { hasText: what }) : what }).last();
  if (!(await fold.evaluate((element) => element.open))) await press(page, fold.locator("summary").first());
  return fold;
}

/** Chooses in a list by typing the beginning of its entry. */
export async function choose(page, place, words) {
  await tab_to(page, place);
  await page.keyboard.type(words);
}

/** Opens an address, which may be one of ours without its beginning. */
export const go = (page, path) => page.goto(path.startsWith("http") ? path : base + path);

export const button = (page, name) => page.getByRole("button", { name, exact: true });

export const says = (page, words) => until(async () => words.test((await text(page, ".notice").catch(() => null)) ?? ""), true, `the page says ${words}`);

/** Where the keyboard is. */
export const focused = (page) => page.evaluate(() => document.activeElement?.id || document.activeElement?.name || document.activeElement?.tagName);

/** A state on the way that no other test looks at: it has no barrier. */
export const sound = async (page) => assert.deepEqual(await barriers(page), []);
