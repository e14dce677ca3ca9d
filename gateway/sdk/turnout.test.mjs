// Tests of turnout.js with a world of their own: sockets, answers, clock and chance are the test's.
// Run: node --test gateway/sdk/
import assert from "node:assert/strict";
import test from "node:test";

import { connect } from "./turnout.js";

/** A clock, a server and a browser under the test's hand. */
function world({ random = 0.5 } = {}) {
  const timers = [];
  const sockets = [];
  const requests = [];
  const states = [];
  const counts = [];
  let now = 1_000_000;
  let answers = () => json(200, { ticket: "jwt", expires_in_ms: 60_000 });

  class FakeSocket {
    readyState = 0;
    sent = [];
    closed = null;
    constructor(url, protocols) { Object.assign(this, { url, protocols }); sockets.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close(code) { this.closed = code; this.readyState = 2; }
    // The server's side.
    accept() { this.readyState = 1; return this; }
    says(frame) { this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) }); return this; }
    shows(viewers, more = {}) { return this.says(count(viewers, more)); }
    ends(code) { this.readyState = 3; this.onclose?.({ code }); return this; }
  }

  const events = new EventTarget();
  const self = {
    sockets, requests, states, counts, events,
    get last() { return sockets.at(-1); },
    answer(make) { answers = make; },
    fire(name) { events.dispatchEvent(new Event(name)); },
    /** Lets promises run. */
    settle: () => new Promise((done) => setImmediate(done)),
    async wait(ms) {
      const until = now + ms;
      for (;;) {
        await self.settle();
        const next = timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        timers.splice(timers.indexOf(next), 1);
        now = Math.max(now, next.at);
        next.run();
      }
      now = until;
      await self.settle();
    },
    async open(options = {}) {
      const live = connect({
        event: "demo", base: "https://live.example.org",
        onCount: (value) => counts.push(value),
        onState: (state, detail) => states.push(detail.reason ? `${state}:${detail.reason}` : state),
        ...options,
      }, {
        WebSocket: FakeSocket,
        fetch: async (url, init) => { requests.push({ url, ...init }); return answers(requests.length); },
        setTimeout: (run, ms) => { const timer = { at: now + ms, run }; timers.push(timer); return timer; },
        clearTimeout: (timer) => { const index = timers.indexOf(timer); if (index >= 0) timers.splice(index, 1); },
        now: () => now, random: () => random, events,
      });
      await self.settle();
      return live;
    },
  };
  return self;
}

let revision = 0;
const count = (viewers, more = {}) =>
  ({ type: "count", event: "demo", viewers, low: viewers, high: viewers, as_of_ms: 5_000 + ++revision, revision, ...more });
const json = (status, body, headers = {}) => new Response(JSON.stringify(body), { status, headers });

test("it gets a ticket with the cookie and hands it over as a protocol, never in the address", async () => {
  const w = world();
  await w.open();
  assert.equal(w.requests[0].url, "https://live.example.org/v1/events/demo/tickets");
  assert.equal(w.requests[0].method, "POST");
  assert.equal(w.requests[0].credentials, "include");
  assert.equal(w.last.url, "wss://live.example.org/v1/live");
  assert.deepEqual(w.last.protocols, ["turnout.v1.json", "ticket.jwt"]);
});

test("the first count makes it live, and an open socket alone does not", async () => {
  const w = world();
  const live = await w.open();
  w.last.accept();
  assert.equal(live.state, "connecting");
  w.last.shows(3);
  assert.equal(live.state, "live");
  assert.equal(live.count.viewers, 3);
  assert.deepEqual(w.states, ["connecting", "live"]);
});

test("a room is named when the ticket is asked for", async () => {
  const w = world();
  await w.open({ room: "stage-2" });
  assert.equal(w.requests[0].body, '{"room":"stage-2"}');
  assert.deepEqual(w.last.protocols, ["turnout.v1.json", "ticket.jwt"]);
});

test("a ticket of the organiser's own server is asked for each time", async () => {
  const w = world();
  let asked = 0;
  await w.open({ ticket: async () => `own${++asked}` });
  w.last.accept().shows(1).ends(1006);
  await w.wait(1_000);
  assert.deepEqual(w.last.protocols, ["turnout.v1.json", "ticket.own2"]);
  assert.equal(w.requests.length, 0);
});

test("an older revision does not take the number back", async () => {
  const w = world();
  await w.open();
  w.last.accept().shows(5, { revision: 9, as_of_ms: 900 }).shows(4, { revision: 8, as_of_ms: 800 });
  assert.deepEqual(w.counts.map((c) => c.viewers), [5]);
});

test("a counter that began anew is believed when its time is later", async () => {
  const w = world();
  await w.open();
  w.last.accept().shows(5, { revision: 900, as_of_ms: 900 }).shows(2, { revision: 1, as_of_ms: 1_900 });
  assert.deepEqual(w.counts.map((c) => c.viewers), [5, 2]);
});

test("a stale count says so, and a fresh one takes it back", async () => {
  const w = world();
  await w.open();
  const last = count(7);
  w.last.accept().says(last).says({ ...last, stale: true }).shows(8);
  assert.deepEqual(w.states, ["connecting", "live", "stale:server", "live"]);
});

for (const code of [1000, 1001, 1006, 1011, 1012, 1013, 4401, 4408, 4429]) {
  test(`after close code ${code} it comes back`, async () => {
    const w = world();
    const live = await w.open();
    w.last.accept().shows(1).ends(code);
    assert.equal(live.state, "reconnecting");
    await w.wait(600);
    assert.equal(w.sockets.length, 2);
    w.last.accept().shows(1);
    assert.equal(live.state, "live");
  });
}

for (const [code, reason] of [[1008, "refused"], [1002, "refused"], [4404, "no_event"], [4409, "too_many"]]) {
  test(`after close code ${code} it stops: ${reason}`, async () => {
    const w = world();
    await w.open();
    w.last.accept().shows(1).ends(code);
    await w.wait(120_000);
    assert.equal(w.sockets.length, 1);
    assert.equal(w.states.at(-1), `stopped:${reason}`);
  });
}

test("each connection gets a ticket of its own, because tickets do not live long", async () => {
  const w = world();
  await w.open();
  w.last.accept().shows(1).ends(1006);
  await w.wait(600);
  assert.equal(w.requests.length, 2);
});

test("waits grow from half a second to thirty and are jittered", async () => {
  const w = world({ random: 1 });
  await w.open();
  const gaps = [];
  for (let failure = 0; failure < 9; failure += 1) {
    const before = w.sockets.length;
    w.last.ends(1006);
    let waited = 0;
    while (w.sockets.length === before && waited < 60_000) { await w.wait(100); waited += 100; }
    gaps.push(waited);
  }
  assert.deepEqual(gaps, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);

  const lucky = world({ random: 0 });
  await lucky.open();
  lucky.last.ends(1006);
  await lucky.wait(1);
  assert.equal(lucky.sockets.length, 2);
});

test("the back-off starts anew only after a connection has proved itself", async () => {
  const w = world({ random: 1 });
  await w.open();
  w.last.ends(1006);
  await w.wait(500);
  w.last.accept().shows(1).ends(1006);
  await w.wait(999);
  assert.equal(w.sockets.length, 2, "it lived for an instant: the second wait is a second");
  await w.wait(1);
  w.last.accept().shows(1);
  await w.wait(10_000);
  w.last.ends(1006);
  await w.wait(500);
  assert.equal(w.sockets.length, 4);
});

test("Retry-After is obeyed, in seconds and as a date", async () => {
  const w = world({ random: 0 });
  w.answer((nth) => (nth === 1 ? json(503, {}, { "retry-after": "20" }) : json(200, { ticket: "jwt", expires_in_ms: 60_000 })));
  await w.open();
  await w.wait(19_900);
  assert.equal(w.requests.length, 1);
  await w.wait(200);
  assert.equal(w.requests.length, 2);

  const dated = world({ random: 0 });
  dated.answer((nth) => (nth === 1 ? json(429, {}, { "retry-after": new Date(1_009_000).toUTCString() }) : json(200, { ticket: "jwt", expires_in_ms: 60_000 })));
  await dated.open();
  await dated.wait(7_900);
  assert.equal(dated.requests.length, 1);
  await dated.wait(1_200);
  assert.equal(dated.requests.length, 2);
});

test("an event that is not there stops it at once, and a failing server does not", async () => {
  const gone = world();
  gone.answer(() => json(404, {}));
  await gone.open();
  await gone.settle();
  assert.equal(gone.states.at(-1), "stopped:no_event");

  const failing = world();
  failing.answer(() => { throw new TypeError("network"); });
  await failing.open();
  await failing.wait(20_000);
  assert.equal(failing.states.at(-1), "reconnecting");
  assert.ok(failing.requests.length > 3);
});

test("a server that goes away moves its viewers in their slot, and nobody is missed between the two", async () => {
  const w = world();
  const live = await w.open();
  const old = w.last.accept().shows(600);
  old.says({ type: "reconnect", after_ms: 4_000 });
  await w.wait(3_900);
  assert.equal(w.sockets.length, 1);
  await w.wait(100);
  assert.equal(w.sockets.length, 2);
  assert.equal(live.state, "live", "the old connection still serves");
  w.last.accept().shows(600);
  await w.wait(900);
  assert.equal(old.closed, null, "the old one stays until the new server's join is known everywhere");
  await w.wait(200);
  assert.equal(old.closed, 1000);
  assert.deepEqual(w.states, ["connecting", "live"]);
});

test("when the old connection ends before the slot, the slot stands", async () => {
  const w = world();
  const live = await w.open();
  w.last.accept().shows(1).says({ type: "reconnect", after_ms: 4_000 }).ends(1012);
  assert.equal(live.state, "reconnecting");
  await w.wait(3_900);
  assert.equal(w.sockets.length, 1);
  await w.wait(200);
  assert.equal(w.sockets.length, 2);
});

test("a page that goes says bye, and one that comes back from the browser's cache connects again", async () => {
  const w = world();
  const live = await w.open();
  const first = w.last.accept().shows(2);
  w.fire("pagehide");
  assert.deepEqual(first.sent, [{ type: "bye" }]);
  assert.equal(first.closed, 1000);
  await w.wait(120_000);
  assert.equal(w.sockets.length, 1);
  w.fire("pageshow");
  await w.settle();
  w.last.accept().shows(3);
  assert.equal(w.sockets.length, 2);
  assert.equal(live.count.viewers, 3);
});

test("a device without a network waits for it instead of trying", async () => {
  const w = world();
  await w.open();
  w.last.accept().shows(2);
  w.fire("offline");
  assert.equal(w.states.at(-1), "reconnecting:offline");
  await w.wait(120_000);
  assert.equal(w.sockets.length, 1);
  w.fire("online");
  await w.wait(600);
  w.last.accept().shows(2);
  assert.equal(w.states.at(-1), "live");
});

test("a silent socket is called stale and is replaced while it still may serve", async () => {
  const w = world({ random: 0.1 });
  const live = await w.open();
  const quiet = w.last.accept().shows(2);
  await w.wait(25_000);
  assert.equal(w.states.at(-1), "stale:silent");
  await w.wait(3_100);
  assert.equal(w.sockets.length, 2);
  assert.equal(quiet.closed, null);
  w.last.accept().shows(4);
  assert.equal(live.state, "live");
  assert.equal(live.count.viewers, 4);
});

test("a counter that is out of touch is not taken for a broken socket", async () => {
  const w = world({ random: 0.1 });
  await w.open();
  w.last.accept().shows(2, { stale: true });
  await w.wait(60_000);
  assert.equal(w.sockets.length, 1);
  assert.equal(w.states.at(-1), "stale:server");
});

test("an attempt that hangs is given up", async () => {
  const w = world();
  await w.open();
  const hanging = w.last.accept();
  await w.wait(15_000);
  assert.equal(hanging.closed, 1000);
  await w.wait(600);
  assert.equal(w.sockets.length, 2);
});

test("close() says bye, stops, and nothing happens afterwards", async () => {
  const w = world();
  const live = await w.open();
  const socket = w.last.accept().shows(1);
  live.close();
  assert.deepEqual(socket.sent, [{ type: "bye" }]);
  assert.equal(live.state, "stopped");
  w.fire("online");
  w.fire("pageshow");
  socket.shows(9).ends(1006);
  await w.wait(120_000);
  assert.equal(w.sockets.length, 1);
  assert.deepEqual(w.states, ["connecting", "live", "stopped:closed"]);
  assert.equal(w.counts.length, 1);
});

test("a late ticket of an attempt that was given up opens no socket", async () => {
  const w = world();
  let release;
  w.answer((nth) => (nth === 1 ? new Promise((done) => { release = () => done(json(200, { ticket: "late", expires_in_ms: 60_000 })); }) : json(404, {})));
  const live = await w.open();
  live.close();
  release();
  await w.wait(1_000);
  assert.equal(w.sockets.length, 0);
});

test("frames that make no sense are passed over", async () => {
  const w = world();
  const live = await w.open();
  w.last.accept().says("not json").says("null").says({ type: "surprise" }).says({ type: "reconnect" }).shows(1);
  assert.equal(live.state, "live");
  assert.equal(live.count.viewers, 1);
});
