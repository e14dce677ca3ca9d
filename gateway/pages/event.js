// The event page: shows what the SDK says. All sentences come from the page's data- attributes; numbers shown are numbers that were
// counted, so a change rolls its digits but never invents a number on the way.

import { connect } from "/sdk/turnout.js";

/** People who listen to the page hear a new number at most this often. */
const SPOKEN_EVERY_MS = 20_000;

const page = document.getElementById("content");
const text = page.dataset;
const count_box = document.getElementById("count");
const digits = document.getElementById("digits");
const link = document.getElementById("link");
const spoken = document.getElementById("spoken");
const lang = document.documentElement.lang;
const grouped = new Intl.NumberFormat(lang);
const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const put = (element, words) => { if (element.textContent !== words) element.textContent = words; };

let shown = null;
let spoken_at_ms = -Infinity;
let to_speak = null;

const live = connect({ event: text.event, onCount: show, onState: tell });

function show(count) {
  roll(count.viewers);
  put(document.getElementById("unit"), count.viewers === 1 ? text.textWatchingOne : text.textWatchingMany);
  if (count.viewers !== shown?.viewers) speak(count.viewers);
  shown = count;
  tell_band();
}

/** How sure the number is; of one that stands still, only that it was the last. */
function tell_band() {
  if (!shown) return;
  const { low, high } = shown;
  const sure = low === high ? text.textBandExact
    : fill(text.textBandBetween, { low: grouped.format(low), high: grouped.format(high) });
  put(document.getElementById("band"), ["connecting", "live"].includes(live.state) ? sure : text.textBandLastKnown);
}

/** Sets the number, digit by digit from the right; the digits that changed roll up or down. */
function roll(viewers) {
  const next = grouped.format(viewers);
  const direction = viewers < (shown?.viewers ?? 0) ? "down" : "up";
  const before = shown ? grouped.format(shown.viewers) : digits.textContent.trim();
  if (next === before && shown) return;
  digits.parentElement.dataset.places = String(next.length);
  digits.replaceChildren(...[...next].map((now, index) => {
    const was = before[index + before.length - next.length] ?? "";
    const digit = make("span", "digit", "");
    digit.append(make("span", "new", now));
    if (shown && was !== now && !calm.matches) {
      digit.classList.add(direction);
      const gone = make("span", "gone", was);
      gone.addEventListener("animationend", () => gone.remove());
      digit.append(gone);
    }
    return digit;
  }));
}

function make(tag, name, content) {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = content;
  return element;
}

/** For screen readers: the latest number, not every number. */
function speak(viewers) {
  const waiting = to_speak !== null;
  to_speak = viewers;
  if (waiting) return;
  setTimeout(() => {
    spoken_at_ms = performance.now();
    put(spoken, to_speak === 1 ? text.textAnnounceOne : fill(text.textAnnounce, { viewers: grouped.format(to_speak) }));
    to_speak = null;
  }, Math.max(0, spoken_at_ms + SPOKEN_EVERY_MS - performance.now()));
}

function tell(state, detail) {
  const time = clock.format(shown ? shown.as_of_ms : detail.since_ms);
  count_box.dataset.link = state;
  link.hidden = false;
  put(link, fill(sentence(state, detail.reason), { time }));
  tell_band();
}

function sentence(state, reason) {
  if (state === "live") return text.textLive;
  if (state === "stale") return text.textStale;
  if (state === "connecting") return text.textConnecting;
  if (state === "reconnecting") {
    if (!shown) return text.textReconnectingFirst;
    return reason === "offline" ? text.textOffline : text.textReconnecting;
  }
  return { no_event: text.textNoEvent, too_many: text.textTooMany }[reason] ?? text.textRefused;
}
