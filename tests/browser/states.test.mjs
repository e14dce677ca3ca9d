// Every state of every page, as the gateway's own tests keep them (gateway/src/views/golden): empty, full, refused, out of touch, for each
// role. Each is looked at on a phone in the dark and on a desktop in the light, and walked through with the Tab key, as it comes and with
// all open that is folded. No program is asked: files come from the sources. What pages do is tested elsewhere.

import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before, test } from "node:test";

import { golden } from "./golden.mjs";
import { looked_over } from "./looks.mjs";
import { DESKTOP, PHONE, base, shots, start, stop, visitor } from "./visitors.mjs";

const GATEWAY = new URL("../../gateway/", import.meta.url);

/** Which file answers to which address, by the table in the sources. */
const files = new Map([...fs.readFileSync(new URL("src/assets.rs", GATEWAY), "utf8").matchAll(/"(\/[^"]+)", \w+, "([^"]+)";/g)]
  .map(([, path, file]) => [path, new URL(file, GATEWAY)]));

// The others are parts of pages, which are in the pages as well.
const states = golden.filter(({ html }) => html.startsWith("<!doctype html>"));

let guest;

before(async () => {
  await start();
  guest = await visitor({ ...PHONE, reducedMotion: "reduce" });
  await guest.context.route(`${base}/**`, (route) => {
    const { pathname } = new URL(route.request().url());
    const state = states.find(({ name }) => pathname === `/golden/${name}`);
    if (state) return route.fulfill({ contentType: "text/html", body: state.html });
    return files.has(pathname) ? route.fulfill({ path: files.get(pathname).pathname, contentType: type_of(pathname) }) : route.abort();
  });
});

after(stop);

const type_of = (path) => ({ css: "text/css", js: "text/javascript", svg: "image/svg+xml", woff2: "font/woff2" })[path.split(".").at(-1)] ?? "text/plain";

test("there are states to look at, and files for them", () => {
  assert.ok(states.length > 70 && files.size > 10);
});

for (const { name } of states) {
  test(`${name}: fits, has no barrier, and the keyboard comes everywhere`, async () => {
    const page = await guest.context.newPage();
    const wrongs = [];
    for (const [size, { viewport }, colorScheme] of [["phone", PHONE, "dark"], ["desktop", DESKTOP, "light"]]) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await page.goto(`${base}/golden/${name}`);
      await page.screenshot({ path: `${shots}/state-${name}-${size}-${colorScheme}.png`, fullPage: true });
      wrongs.push(...(await looked_over(page)).map((wrong) => `${size}, ${colorScheme}: ${wrong}`));
    }
    assert.deepEqual(wrongs, []);
    await page.close();
  });
}
