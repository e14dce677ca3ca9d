// What all pages of the console share: whether what is shown is in touch, moments in the reader's zone, the question before an act
// that cannot be taken back, the keyboard, what is selected in a list, and the progress of a download. Every page works without it,
// only less smoothly. It holds no sentence: templates hand them over in data- attributes.

(() => {
  const lang = document.documentElement.lang;
  const grouped = new Intl.NumberFormat(lang);
  // Plain English is American to browsers; the server writes the day before the month.
  const moment = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" });
  const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  /* The stream: is what is shown in touch? */

  const link = document.getElementById("link");

  function linked(state) {
    if (!link) return;
    const words = { live: link.dataset.textLive, lost: link.dataset.textLost }[state];
    if (link.textContent !== words) link.textContent = words;
    link.dataset.link = state;
    link.hidden = false;
    for (const figure of document.querySelectorAll(".hero, .stat")) figure.classList.toggle("stale", state === "lost");
  }

  if (link) link.hidden = false;
  document.body.addEventListener("htmx:sseOpen", () => linked("live"));
  document.body.addEventListener("htmx:sseError", () => linked("lost"));

  /* Moments in the reader's own time zone. The server writes UTC, for those without scripts. */

  function localise(root) {
    for (const time of root.querySelectorAll("time[data-show]")) time.textContent = moment.format(new Date(time.dateTime));
  }

  localise(document);
  document.body.addEventListener("htmx:sseMessage", (event) => localise(event.target));

  /* A new event is proposed in the reader's own zone. */

  function own_zone(root) {
    for (const input of root.querySelectorAll("input[data-own-zone]")) {
      if (!input.value) input.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
    }
  }

  own_zone(document);

  /* The question before an act: a button says it in data-confirm. */

  const dialog = document.getElementById("confirm");

  document.addEventListener("submit", (event) => {
    const { target: form, submitter: button } = event;
    if (!dialog || !button?.dataset.confirm || button.dataset.agreed) return;
    event.preventDefault();
    document.getElementById("confirm-question").textContent = button.dataset.confirm;
    document.getElementById("confirm-yes").textContent = button.textContent;
    dialog.returnValue = "no";
    dialog.onclose = () => {
      if (dialog.returnValue !== "yes") { (button.isConnected ? button : document.getElementById(button.id))?.focus(); return; }
      // A list may have been fetched anew meanwhile, and its form with it. What was asked about is sent, as it was then; a form that is
      // nowhere on the page sends nothing.
      if (!form.isConnected) { form.hidden = true; document.body.append(form); }
      button.dataset.agreed = "yes";
      form.requestSubmit(button);
      delete button.dataset.agreed;
    };
    dialog.showModal();
  });

  /* The keyboard: / goes to the search, wherever one is not writing. Escape in it empties it. */

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]")) return;
    const search = document.querySelector("input#q");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });

  /* A button of a form may lead to a place on the page that comes (#f.2). A request of the form's own has no such place, and would take
     it over from the button that was pressed last. */

  document.body.addEventListener("htmx:configRequest", (event) => { [event.detail.path] = event.detail.path.split("#"); });

  /* A list: what is selected outlives the rows being fetched anew, and so does a reason that is being written. */

  const chosen = new Set();
  let written = "";
  let held = false;
  /* How far the list that is replaced was moved sideways: its successor stands there too. */
  let moved = 0;

  const boxes = () => [...document.querySelectorAll("#list input[name=id]")];

  function show_selection() {
    const bulk = document.querySelector(".bulk");
    if (!bulk) return;
    const rows = boxes();
    const count = rows.filter((box) => box.checked).length;
    bulk.hidden = count === 0;
    bulk.querySelector(".bulk-count").textContent = count === 1 ? bulk.dataset.one : fill(bulk.dataset.many, { n: grouped.format(count) });
    const all = document.querySelector("[data-all]");
    if (!all) return;
    all.hidden = false;
    all.checked = count > 0 && count === rows.length;
    all.indeterminate = count > 0 && count < rows.length;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) for (const box of boxes()) box.checked = event.target.checked;
    else if (!event.target.matches("#list input[name=id]")) return;
    chosen.clear();
    for (const box of boxes()) if (box.checked) chosen.add(box.value);
    show_selection();
  });

  /* A press becomes a click only if what it began on is still there at its end. Until then the list waits with what it fetches by itself. */

  const PRESS_MS_MAX = 2_000;
  let pressed;
  let waits = false;

  function released() {
    clearTimeout(pressed);
    pressed = undefined;
    if (waits) htmx.trigger("#list", "sse:rows");
    waits = false;
  }

  document.addEventListener("pointerdown", () => { pressed ??= setTimeout(released, PRESS_MS_MAX); });
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, released);

  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "list") return;
    if (pressed && event.detail.requestConfig.elt === event.detail.target) {
      waits = true;
      event.detail.shouldSwap = false;
      return;
    }
    written = document.getElementById("reason-bulk")?.value ?? "";
    held = event.detail.target.contains(document.activeElement);
    moved = event.detail.target.querySelector(".table-box")?.scrollLeft ?? 0;
  });

  document.body.addEventListener("htmx:afterSwap", () => {
    for (const box of boxes()) box.checked = chosen.has(box.value);
    const reason = document.getElementById("reason-bulk");
    if (reason && !reason.value) reason.value = written;
    show_selection();
    localise(document);
    own_zone(document);
    keep_selection_of_export();
    const table = document.querySelector("#list .table-box");
    if (table && moved) table.scrollLeft = moved;
    moved = 0;
    keep_place();
  });

  /** Where the keyboard was is not there any more, as a row that no longer fits: then it is at the list, and not at the page's beginning. */
  function keep_place() {
    const list = document.getElementById("list");
    if (!held || !list || document.activeElement !== document.body) return;
    list.tabIndex = -1;
    list.focus({ preventScroll: true });
  }

  show_selection();

  /* The rows that a list shows are told in its own address: the bar of the browser and the export follow it. */

  function keep_selection_of_export() {
    const list = document.getElementById("list");
    const holder = document.querySelector("[data-selection]");
    const query = list?.dataset.query;
    if (query === undefined || !holder) return;
    const inputs = [...new URLSearchParams(query)].filter(([name]) => !["page", "back", "from"].includes(name)).map(([name, value]) => {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name, value });
      return input;
    });
    holder.replaceChildren(...inputs);
    for (const name of ["sort", "dir"]) {
      const input = document.querySelector(`#filters input[name="${name}"]`);
      if (input) input.value = new URLSearchParams(query).get(name) ?? "";
    }
  }

  /* The progress of a download. The file is put together here and saved when it is whole, so that half a list is never taken for
     all of it. Without a script the browser saves it as it comes. */

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-export]")) return;
    event.preventDefault();
    const box = form.querySelector(".progress");
    const [bar, words] = [box.querySelector("progress"), box.querySelector("span")];
    const button = form.querySelector("button[type=submit]");
    const say = (sentence, values = {}) => { words.textContent = fill(sentence, values); };
    [box.hidden, bar.hidden] = [false, false];
    bar.removeAttribute("value");
    words.textContent = "";
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (answer.redirected) { location.assign(answer.url); return; }
      if (answer.status === 422) { bar.hidden = true; say(form.dataset.textReason); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const all = Number(answer.headers.get("x-export-rows") ?? 0);
      const parts = [];
      let done = 0;
      for (const reader = answer.body.getReader(); ;) {
        const { done: over, value } = await reader.read();
        if (over) break;
        parts.push(value);
        for (const byte of value) if (byte === 10) done += 1;
        const rows = Math.min(Math.max(0, done - 1), all);
        bar.value = all ? rows / all : 0;
        say(form.dataset.textProgress, { done: grouped.format(rows), all: grouped.format(all) });
      }
      const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? "export";
      const address = URL.createObjectURL(new Blob(parts, { type: answer.headers.get("content-type") }));
      Object.assign(document.createElement("a"), { href: address, download: name }).click();
      URL.revokeObjectURL(address);
      bar.value = 1;
      say(form.dataset.textDone, { done: grouped.format(all) });
    } catch {
      bar.hidden = true;
      say(form.dataset.textFailed);
    } finally {
      button.disabled = false;
    }
  });
})();
