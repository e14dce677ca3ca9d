// The door: codes from the camera (check-in-camera.js), a scanner that types, or a hand. Online each goes to the server at once.
// Offline it is judged by the list of tickets that this device fetched before, kept in IndexedDB, and sent when the network is back.
// The list holds no names: only the first 16 bytes of the SHA-256 of each code, what the door would say, and whether they confirmed.
// Whom the server then refuses was let in already: that stays on the page until somebody has looked at it.

(() => {
  const door = document.getElementById("door");
  const { event, ...words } = door.dataset;
  const base = `/console/check-in/${encodeURIComponent(event)}`;
  /** What the server is given to answer before the code is judged here. */
  const ANSWER_MS = 4000;
  /** How often the list is fetched anew, and waiting check-ins are tried again. */
  const PACK_EVERY_MS = 60_000;
  const SYNC_EVERY_MS = 10_000;
  /** As many as the server takes at one time. */
  const SYNC_MAX = 500;
  /** As much of a code as tells tickets apart for people: its end, since many begin alike. */
  const CODE_END = 8;

  /** The worker's cache. */
  const KEPT = "turnout-door-1";

  const ADMITTED = 1;
  const ALREADY_IN = 2;
  const UNKNOWN = 3;

  const lang = document.documentElement.lang;
  const grouped = new Intl.NumberFormat(lang);
  const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const moment = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
  const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const outcomes = new Map([...door.querySelectorAll("data.outcome")].map((data) => [Number(data.value), { word: data.textContent, tone: data.dataset.tone }]));
  /** In the place of the welcome for who has not confirmed, by the answer. */
  const flags = new Map([...door.querySelectorAll("data.flag")].map((data) => [Number(data.value), { word: data.textContent, tone: data.dataset.tone }]));
  const element = (id) => document.getElementById(id);

  /* What is kept on this device */

  const database = new Promise((resolve, reject) => {
    const opening = indexedDB.open("turnout-door", 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("packs");
      // One with an outcome was sent and refused.
      opening.result.createObjectStore("waiting", { autoIncrement: true });
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });

  async function stored(name, mode, ask) {
    const store = (await database).transaction(name, mode).objectStore(name);
    return new Promise((resolve, reject) => {
      const request = ask(store);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  let pack = null;

  async function read_pack() {
    pack = (await stored("packs", "readonly", (store) => store.get(event)).catch(() => null)) ?? pack;
    show_state();
  }

  async function fetch_pack() {
    if (!globalThis.crypto?.subtle) return;
    try {
      const answer = await fetch(`${base}/pack.json`, { headers: { accept: "application/json" } });
      if (!heard(answer)) return;
      const { at_ms, tickets } = await answer.json();
      const flagged = tickets.filter(([, , rsvp]) => rsvp !== undefined).map(([hash, , rsvp]) => [hash, rsvp]);
      const fresh = { at_ms, tickets: new Map(tickets), flagged: new Map(flagged) };
      // What was checked in here and has not been sent yet is in, whatever the server knew.
      for (const { hash } of await waiting()) if (fresh.tickets.has(hash)) fresh.tickets.set(hash, ALREADY_IN);
      pack = fresh;
      await stored("packs", "readwrite", (store) => store.put(pack, event));
    } catch { out_of_touch(); }
    show_state();
  }

  /** What was scanned offline at this event, the oldest first, each with its key. */
  async function kept(is_wanted, most = Infinity) {
    const store = (await database).transaction("waiting", "readonly").objectStore("waiting");
    return new Promise((resolve, reject) => {
      const found = [];
      const cursor = store.openCursor();
      cursor.onerror = () => reject(cursor.error);
      cursor.onsuccess = () => {
        const at = cursor.result;
        if (!at || found.length >= most) { resolve(found); return; }
        if (at.value.event === event && is_wanted(at.value)) found.push([at.primaryKey, at.value]);
        at.continue();
      };
    });
  }

  const waits = (scan) => scan.outcome === undefined;
  const is_refused = (scan) => scan.outcome !== undefined;

  async function waiting() {
    return (await kept(waits).catch(() => [])).map(([, scan]) => scan);
  }

  /* In touch or not */

  let link = "live";

  function heard(answer) {
    link = answer.redirected || answer.status === 401 ? "signed-out" : "live";
    return link === "live" && answer.ok;
  }

  function out_of_touch() { link = "offline"; }

  async function show_state() {
    const count = (await waiting()).length;
    const state = element("door-link");
    state.dataset.link = link === "live" ? "live" : "offline";
    state.textContent = { live: words.textOnline, "signed-out": words.textSignedOut, offline: pack ? words.textOffline : words.textOfflineEmpty }[link];
    const line = element("door-waiting");
    line.textContent = count ? fill(words.textWaiting, { n: grouped.format(count) }) : words.textWaitingNone;
    line.classList.toggle("some", count > 0);
    const held = element("door-pack");
    if (!globalThis.crypto?.subtle) held.textContent = words.textNoOffline;
    else held.textContent = pack ? fill(words.textPack, { n: grouped.format(pack.tickets.size), time: clock.format(pack.at_ms) }) : words.textPackNone;
  }

  /* Who was let in offline and refused afterwards */

  async function show_refused() {
    const refused = await kept(is_refused).catch(() => []);
    element("door-look").hidden = refused.length === 0;
    const title = refused.length === 1 ? words.textLookOne : fill(words.textLookSome, { n: grouped.format(refused.length) });
    if (refused.length && element("door-look-title").textContent !== title) element("door-look-title").textContent = title;
    const list = element("door-look-list");
    const keys = refused.map(([key]) => String(key));
    for (const row of [...list.children]) if (!keys.includes(row.dataset.key)) row.remove();
    const shown = [...list.children].map((row) => row.dataset.key);
    list.append(...refused.filter(([key]) => !shown.includes(String(key))).map(([key, scan]) => refused_row(key, scan)));
  }

  function refused_row(key, { code, outcome, at_ms }) {
    const { word, tone } = outcomes.get(outcome) ?? outcomes.get(UNKNOWN);
    const ticket = fill(words.textLookTicket, { end: code.slice(-CODE_END) });
    const row = node("li", "", "");
    row.dataset.key = key;
    const said = node("div", "", "");
    said.append(node("strong", "", ticket), node("span", "second", fill(words.textLookTime, { time: moment.format(at_ms) })), node("span", `line ${tone}`, word));
    const acts = node("p", "actions", "");
    acts.append(button(words.textLookAgain, ticket, () => check({ code })), button(words.textLookDone, ticket, async () => {
      await stored("waiting", "readwrite", (store) => store.delete(key));
      await show_refused();
      element("code").focus();
    }));
    row.append(said, acts);
    return row;
  }

  function node(name, classes, text) {
    const made = document.createElement(name);
    made.className = classes;
    made.textContent = text;
    return made;
  }

  function button(label, of_what, act) {
    const made = node("button", "button", label);
    made.type = "button";
    made.append(node("span", "hidden", ` ${of_what}`));
    made.addEventListener("click", act);
    return made;
  }

  /* One code */

  async function fingerprint(code) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(code)));
    return btoa(String.fromCharCode(...digest.slice(0, 16))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  async function check(body) {
    try {
      const answer = await fetch(base, {
        method: "POST",
        headers: { accept: "application/json" },
        body: new URLSearchParams(body),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      if (heard(answer)) {
        const { outcome, who, at_ms, rsvp } = await answer.json();
        if (body.code && pack && globalThis.crypto?.subtle && (outcome === ADMITTED || outcome === ALREADY_IN)) pack.tickets.set(await fingerprint(body.code), ALREADY_IN);
        show(outcome, who, outcome === ALREADY_IN && at_ms ? fill(words.textAt, { time: clock.format(at_ms) }) : "", rsvp);
        show_state();
        return;
      }
      if (answer.status < 500 && link === "live") { show(UNKNOWN, "", ""); return; }
    } catch { out_of_touch(); }
    if (body.code) await judge_here(body.code);
    else verdict("bad", words.textFailed, "", "");
    show_state();
  }

  async function judge_here(code) {
    if (!pack || !globalThis.crypto?.subtle) { verdict("bad", words.textOfflineEmpty, "", ""); return; }
    const hash = await fingerprint(code);
    const outcome = pack.tickets.get(hash) ?? UNKNOWN;
    if (outcome === ADMITTED) {
      await stored("waiting", "readwrite", (store) => store.add({ event, code, hash, at_ms: Date.now() }));
      pack.tickets.set(hash, ALREADY_IN);
      await stored("packs", "readwrite", (store) => store.put(pack, event));
    }
    // A list that was kept by an older page has no flags.
    show(outcome, "", outcome === ADMITTED ? words.textKept : "", pack.flagged?.get(hash));
  }

  function show(outcome, who, note, rsvp) {
    const flag = outcome === ADMITTED ? flags.get(rsvp) : undefined;
    const { word, tone } = flag ?? outcomes.get(outcome) ?? outcomes.get(UNKNOWN);
    verdict(tone, word, who ?? "", note);
    // One short buzz for in, two for look, a long one for no.
    navigator.vibrate?.({ good: [60], warn: [60, 80, 60], bad: [400] }[tone] ?? []);
  }

  function verdict(tone, word, who, note) {
    const box = element("verdict");
    box.hidden = false;
    box.className = `verdict ${tone}`;
    element("verdict-word").textContent = word;
    element("verdict-who").textContent = who;
    element("verdict-note").textContent = note;
  }

  /* What waits is sent, oldest first */

  let sending = false;

  async function sync() {
    if (sending) return;
    sending = true;
    try {
      for (;;) {
        const batch = await kept(waits, SYNC_MAX);
        if (batch.length === 0) break;
        const check_ins = batch.map(([, { code, at_ms }]) => ({ code, at_ms }));
        const answer = await fetch(`${base}/sync`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ check_ins }) });
        if (!heard(answer)) break;
        const became = await answer.json();
        if (became.length !== batch.length) break;
        for (const [n, [key, scan]] of batch.entries()) {
          const outcome = became[n];
          await stored("waiting", "readwrite", (store) => (outcome === ADMITTED ? store.delete(key) : store.put({ ...scan, outcome }, key)));
        }
      }
    } catch { out_of_touch(); } finally {
      sending = false;
      show_state();
      show_refused();
    }
  }

  /* Ways in */

  element("code-form").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    const input = element("code");
    const code = as_code(input.value);
    input.value = "";
    input.focus();
    if (code) check({ code });
  });

  document.addEventListener("submit", (submitted) => {
    if (!submitted.target.matches("form[data-check-in]")) return;
    submitted.preventDefault();
    check({ registration_id: new FormData(submitted.target).get("registration_id") });
  });

  /** A QR code may hold the code alone or the address of the registration. */
  function as_code(text) {
    const trimmed = text.trim();
    return /\/r\/([^/?#]+)/.exec(trimmed)?.[1] ?? trimmed;
  }

  door.addEventListener("scanned", ({ detail }) => {
    const code = as_code(detail);
    if (code) check({ code });
  });

  globalThis.addEventListener("online", () => { sync(); fetch_pack(); });
  globalThis.addEventListener("offline", () => { out_of_touch(); show_state(); });
  setInterval(sync, SYNC_EVERY_MS);
  setInterval(fetch_pack, PACK_EVERY_MS);
  show_refused();
  read_pack().then(sync).then(fetch_pack);

  /* The page and its files, as they are now, for the worker to open without a network. It was not there when this page was loaded. */

  async function keep_page() {
    if (!navigator.serviceWorker || !globalThis.caches) return;
    await navigator.serviceWorker.register("/console/check-in/worker.js");
    const files = [...document.querySelectorAll("script[src], link[rel=stylesheet], link[rel=preload], use[href]")].map((file) => {
      const address = new URL(file.getAttribute("src") ?? file.getAttribute("href"), location.href);
      return address.origin + address.pathname + address.search;
    });
    await (await caches.open(KEPT)).addAll([...new Set([location.origin + location.pathname, ...files])]);
  }

  keep_page().catch(() => {});
})();
