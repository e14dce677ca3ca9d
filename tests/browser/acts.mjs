// Every act of the program: the buttons of all forms, read from the states that the gateway's own tests keep of its pages, so that no test
// can forget one. An act is the address that a button sends to and, where several share an address, the word that this one sends. It
// notes which were done, and does none itself.

import assert from "node:assert/strict";

import { golden } from "./golden.mjs";
import { route_of, routes } from "./router.mjs";
import { base } from "./visitors.mjs";

/** Acts that no person does with a key. */
const NO_ACTS = new Set([
  // Of programs: the socket's ticket, a payment provider, mail servers, and the door's own list when its network is back.
  "POST /v1/events/{event}/tickets", "POST /v1/tenants/{tenant}/payments", "POST /v1/tenants/{tenant}/delivery-reports",
  "POST /v1/returned-mails", "POST /console/check-in/{event}/sync",
  // Offered to who is signed in with an address that was never proved. A session begins with a link to the address, or with a password
  // that such a link let them set: no page of the running program has this button.
  "POST /account/verify",
]);

/** Names in an address that stand for an act, and fields that say which of several it is. */
const NAMES = ["{act}", "{which}"];
const FIELDS = ["do", "how", "choice", "answer", "action", "value", "by"];
/** An event's state is such a field at one address; elsewhere it narrows a list. */
const STATE = "POST /console/events/{event}/state";

/** The act that a form is: `POST /r/{code}/rsvp answer=yes`. Of `preview.en` only what is done counts, not for what. */
function act_of(path, fields) {
  const [route, segments] = [route_of("POST", path), path.split("/")];
  assert.ok(route, `nothing answers at POST ${path}`);
  const words = [...FIELDS, ...(route === STATE ? ["state"] : [])].filter((name) => fields.get(name))
    .map((name) => ` ${name}=${fields.get(name).split(".")[0]}`);
  return route.split("/").map((name, at) => (NAMES.includes(name) ? segments[at] : name)).join("/") + words.join("");
}

/** In the page: where each button of these pages sends its form, and what. */
function read_buttons(pages) {
  return pages.flatMap((html) => {
    const buttons = [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("button")];
    return buttons.filter((button) => button.type === "submit" && !button.matches(":disabled") && button.form?.getAttribute("method") === "post")
      .map((button) => [button.getAttribute("formaction") ?? button.form.getAttribute("action"), new URLSearchParams(new FormData(button.form, button)).toString()]);
  });
}

async function all_acts(page) {
  const [acts, offered] = [new Set(), new Set()];
  for (const [address, sent] of await page.evaluate(read_buttons, golden.map(({ html }) => html))) {
    const { pathname } = new URL(address, base);
    acts.add(act_of(pathname, new URLSearchParams(sent)));
    offered.add(route_of("POST", pathname));
  }
  // What no kept page has a button for counts as a whole.
  for (const route of routes) if (route.startsWith("POST ") && !offered.has(route)) acts.add(route);
  return acts;
}

/** Whose pages an act is on: an event's in the console, the organisation's, or those that everybody sees. */
const part_of = (act) => (/^POST \/console\/(events|check-in)\b/.test(act) ? "event" : act.startsWith("POST /console/") ? "organisation" : "public");

/** Notes in `done` what this visitor does from now on. What was refused is not done. */
export function note_acts({ context }, done) {
  context.on("response", (response) => {
    const request = response.request();
    if (request.method() !== "POST" || response.status() >= 400) return;
    done.add(act_of(new URL(request.url()).pathname, new URLSearchParams(request.postData() ?? "")));
  });
}

/** The acts of a part that are not in `done`; `page` is any page of the program. */
export async function left_out(page, part, done) {
  const acts = await all_acts(page);
  assert.deepEqual([...NO_ACTS].filter((act) => !acts.has(act)), [], "these are no acts any more");
  return [...acts].filter((act) => part_of(act) === part && !done.has(act) && !NO_ACTS.has(act)).toSorted();
}
