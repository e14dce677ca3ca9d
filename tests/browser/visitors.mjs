// People with browsers: each visitor is a profile of its own in one real Chromium, and everything a page does wrong is noted.
// It knows nothing of what the pages mean: that is in the tests.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";

export const wanted = (name, what) => process.env[name] ?? fail(`set ${name} to ${what}`);
const fail = (words) => { throw new Error(words); };

/** Where the program answers. */
export const base = wanted("TURNOUT_URL", "the public address of a running Turnout").replace(/\/$/, "");
/** A link that opens an organisation's console once, as whoever sits at the server gets it; one that is new begins empty. */
export function sign_in_link(organisation = "demo") {
  const [program, data] = [wanted("TURNOUT_PROGRAM", "the program's path"), wanted("TURNOUT_DATA", "its data folder")];
  // Without our variables: the program refuses those that are no settings of its own.
  return execFileSync(program, ["--data-dir", data, "sign-in-link", "--tenant", organisation], { encoding: "utf8", env: { PATH: process.env.PATH } }).trim();
}
/** Pictures of the pages go here. */
export const shots = process.env.TURNOUT_SHOTS ?? new URL("shots", import.meta.url).pathname;

/** A state that is waited for must come within this. */
export const DEADLINE_MS = 15_000;

export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
export const DESKTOP = { viewport: { width: 1280, height: 800 } };

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;

/** `also` are switches of the browser that a test needs beside these. */
export async function start(also = []) {
  fs.mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath: wanted("CHROMIUM", "the path of Chromium"),
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", ...also],
  });
}

export async function stop() {
  await browser?.close();
}

/** A new profile. `wrongs` collects errors in the console's log, uncaught exceptions and requests to other hosts. */
export async function visitor(options = DESKTOP) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(DEADLINE_MS);
  const wrongs = [];
  context.on("console", (message) => { if (["error", "warning"].includes(message.type())) wrongs.push(`${message.type()}: ${message.text()}`); });
  context.on("weberror", (error) => wrongs.push(`exception: ${error.error().message}`));
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (/^(http|ws)s?:$/.test(url.protocol) && url.host !== new URL(base).host) wrongs.push(`request to ${url.host}`);
  });
  const open = async (path) => {
    const page = await context.newPage();
    await page.goto(base + path);
    return page;
  };
  return { context, wrongs, open, leave: () => context.close() };
}

/** Waits until the page answers with this value; says what it answered last when the deadline passes. */
export async function until(read, value, what) {
  const end = Date.now() + DEADLINE_MS;
  let seen;
  do {
    seen = await read();
    if (seen === value) return;
    await new Promise((done) => setTimeout(done, 40));
  } while (Date.now() < end);
  fail(`${what}: wanted ${JSON.stringify(value)}, last seen ${JSON.stringify(seen)}`);
}

/** The text of the first element that fits; null when there is none. */
export const text = (page, selector) =>
  page.evaluate((wanted) => document.querySelector(wanted)?.innerText.trim() ?? null, selector);

/** What an automatic check of WCAG 2.2 A and AA finds wrong. */
export async function barriers(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}

/** How far the page is wider than the window, in pixels. */
export const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

export const picture = (page, name) => page.screenshot({ path: `${shots}/${name}.png` });
