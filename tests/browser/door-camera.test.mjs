// The door's camera, which shows a ticket as its owner's page draws it: the page's own decoder reads it where the browser reads no
// codes, with a network and without. Where nothing can be scanned the page says why, and what to do instead. What becomes of a code is
// tested in door.test.mjs.

import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before } from "node:test";

import { make_event, organiser_at_the_server, own_page_of, set_event, sign_up, steps } from "./stage.mjs";
import { PHONE, barriers, overflow, picture, start, stop, text, until, visitor } from "./visitors.mjs";

const RUN = Date.now().toString(36);
const EVENT = `camera-${RUN}`;
const ANNA = { name: "Anna Virtanen", email: `anna.${RUN}@example.org` };
const BEN = { name: "Ben Aalto", email: `ben.${RUN}@example.org` };

/** Chromium plays this file as its camera, from the moment that a page opens the camera. */
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "turnout-camera-"));
const FILM = path.join(folder, "ticket.y4m");
/** In pixels; larger than what the page looks at, so that it has to make it smaller. */
const WIDTH = 1280;
const HEIGHT = 720;
const TICKET_SIDE = 400;
/** Nobody holds a ticket straight, in radians. */
const TILT = 0.2;

const step = steps();
let session;
let guest;
let door;
let page;

before(async () => {
  await start(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-video-capture=${FILM}`]);
  const organiser = await organiser_at_the_server();
  await make_event(organiser.page, EVENT, "The camera is tried");
  await set_event(organiser.page, EVENT, { published: true, mode: "site" });
  session = await organiser.context.storageState();
  guest = await visitor();
  const form = await guest.context.newPage();
  for (const who of [ANNA, BEN]) {
    await sign_up(form, EVENT, who);
    await form.goto(await own_page_of(who.email));
    who.ticket = await form.locator(".ticket .qr svg").evaluate((drawn) => drawn.outerHTML);
    who.code = await form.locator(".ticket code").textContent();
  }
});

after(async () => {
  await stop();
  fs.rmSync(folder, { recursive: true });
});

/** Holds a ticket before the camera, for who opens it next. */
async function hold(ticket) {
  const table = await guest.context.newPage();
  const gray = await table.evaluate(async ({ ticket, width, height, side, tilt }) => {
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(ticket)}`;
    await image.decode();
    const pen = new OffscreenCanvas(width, height).getContext("2d");
    pen.fillStyle = "gray";
    pen.fillRect(0, 0, width, height);
    pen.translate(width / 2, height / 2);
    pen.rotate(tilt);
    pen.drawImage(image, -side / 2, -side / 2, side, side);
    const { data } = pen.getImageData(0, 0, width, height);
    return Array.from({ length: width * height }, (_, at) => data[4 * at]);
  }, { ticket, width: WIDTH, height: HEIGHT, side: TICKET_SIDE, tilt: TILT });
  await table.close();
  const frame = Buffer.concat([Buffer.from("FRAME\n"), Buffer.from(gray), Buffer.alloc(gray.length / 2, 128)]);
  fs.writeFileSync(FILM, Buffer.concat([Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`), frame, frame]));
}

/** The door on a device of its own, where `is_so` has run before the page's scripts. */
async function device(is_so, given, options = {}) {
  const owner = await visitor({ ...PHONE, ...options, storageState: session });
  await owner.context.addInitScript(is_so, given);
  return owner;
}

const reads_nothing = () => { delete globalThis.BarcodeDetector; };
const has_decoder = () => page.evaluate(() => document.querySelector('script[src^="/assets/qr-decode.js"]') !== null);
const open_door = async () => { page = await door.open(`/console/check-in/${EVENT}`); };
const verdict = () => text(page, "#verdict-word");
const note = () => text(page, "#camera-note");
const press_scan = () => page.click("#scan");

step("where the browser reads no codes, the page reads them", async () => {
  await hold(ANNA.ticket);
  door = await device(reads_nothing);
  await open_door();
  await until(() => text(page, "#door-pack").then((told) => told.startsWith("2 tickets")), true, "the list is on the device");
  await press_scan();
  await until(verdict, "Welcome", "her ticket is read");
  assert.equal(await text(page, "#verdict-who"), ANNA.name);
  assert.equal(await text(page, "#scan"), "Stop the camera");
  assert.deepEqual(await barriers(page), []);
  assert.equal(await overflow(page), 0);
  await picture(page, "door-camera-phone");
  await press_scan();
  assert.equal(await page.locator("#camera").isVisible(), false, "the camera is off");
});

step("without a network too, after the page was loaded anew", async () => {
  const is_kept = () => page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    const files = [location.pathname, document.getElementById("camera").dataset.decoder];
    return (await Promise.all(files.map((file) => caches.match(file)))).every(Boolean);
  });
  await until(is_kept, true, "page and decoder are kept");
  await door.context.setOffline(true);
  await page.reload();
  await until(() => text(page, "#door-link"), "Offline: tickets are checked on this device", "it says that it is offline");
  await hold(BEN.ticket);
  await press_scan();
  await until(verdict, "Welcome", "his ticket is read");
  await until(() => text(page, "#door-waiting"), "1 waiting to be sent", "and kept");
  await press_scan();
  await door.context.setOffline(false);
  await until(() => text(page, "#door-waiting"), "Nothing waits to be sent", "it is sent");
  assert.deepEqual(door.wrongs.filter((wrong) => !/ERR_INTERNET_DISCONNECTED/.test(wrong)), []);
  await door.leave();
});

step("where the browser reads codes, the page's decoder stays away", async () => {
  door = await device((code) => {
    globalThis.BarcodeDetector = class {
      static async getSupportedFormats() { return ["qr_code"]; }
      async detect() { return [{ rawValue: code }]; }
    };
  }, ANNA.code);
  await open_door();
  await press_scan();
  await until(verdict, "Checked in before", "the browser reads her ticket");
  assert.equal(await has_decoder(), false);
  await door.leave();
});

step("a detector of the browser that reads no tickets is not used", async () => {
  door = await device(() => {
    globalThis.BarcodeDetector = class {
      static async getSupportedFormats() { return []; }
    };
  });
  await open_door();
  await until(has_decoder, true, "the page fetches its own");
  await door.leave();
});

step("a decoder that did not come is fetched again", async () => {
  // A worker would answer in place of the network.
  door = await device(reads_nothing, null, { serviceWorkers: "block" });
  await door.context.route("**/assets/qr-decode.js*", (request) => request.abort());
  await open_door();
  await press_scan();
  await until(note, "The scanner could not be loaded. Try again when there is a network. Type the code of the ticket instead, or find the person by name.", "it says so");
  await door.context.unroute("**/assets/qr-decode.js*");
  await press_scan();
  await until(verdict, "Checked in before", "the ticket is read");
  assert.equal(await page.locator("#camera-note").isVisible(), false);
  await door.leave();
});

const REFUSALS = [
  ["NotAllowedError", "This page may not use the camera. Allow it in the settings of the browser and press the button again."],
  ["NotFoundError", "This browser finds no camera on this device."],
  ["NotReadableError", "The camera could not be opened. Perhaps another app uses it."],
];

step("a camera that cannot be opened is told with its reason", async () => {
  for (const [name, reason] of REFUSALS) {
    door = await device((error) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", error));
    }, name);
    await open_door();
    await press_scan();
    await until(note, `${reason} Type the code of the ticket instead, or find the person by name.`, name);
    assert.equal(await text(page, "#scan"), "Scan with the camera");
    await door.leave();
  }
});

step("where there is no camera the page says so at once", async () => {
  for (const [is_secure, reason] of [[true, "This browser finds no camera on this device."], [false, "The camera needs https, and this page was opened without it."]]) {
    door = await device((secure) => {
      delete Navigator.prototype.mediaDevices;
      Object.defineProperty(globalThis, "isSecureContext", { value: secure });
    }, is_secure);
    await open_door();
    await until(note, `${reason} Type the code of the ticket instead, or find the person by name.`, "it says so");
    assert.equal(await page.locator("#scan").isVisible(), false);
    assert.deepEqual(await barriers(page), []);
    assert.equal(await overflow(page), 0);
    await picture(page, `door-no-camera-${is_secure ? "here" : "insecure"}`);
    await page.fill("#code", ANNA.code);
    await page.press("#code", "Enter");
    await until(verdict, "Checked in before", "a typed code works");
    await door.leave();
  }
});
