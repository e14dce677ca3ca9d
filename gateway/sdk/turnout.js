// @ts-check
/**
 * Turnout in a browser: one ES module, no dependencies, no build step.
 *
 *     import { connect } from "/sdk/turnout.js";
 *     const live = connect({ event: "demo", onCount: (count) => { shown.value = count.viewers; } });
 *
 * It keeps one connection to the event, says when the number cannot be trusted, comes back by itself when that helps, and stops
 * when it does not. It shows nothing and stores nothing: a page decides what people see.
 *
 * @module
 */

/**
 * @typedef {object} Count The live number.
 * @property {string} event The event.
 * @property {string} [room] The room of it, when the connection is to a room.
 * @property {number} viewers Distinct viewers.
 * @property {number} low At least so many.
 * @property {number} high At most so many.
 * @property {number} as_of_ms The state of this moment, milliseconds since 1970, by the server's clock.
 * @property {number} revision Grows with each count.
 * @property {boolean} stale The server's counter is out of touch: the number stands still.
 */

/** @typedef {"connecting" | "live" | "stale" | "reconnecting" | "stopped"} State */

/**
 * @typedef {object} StateDetail
 * @property {number} since_ms Since when, milliseconds since 1970, by this device's clock.
 * @property {StopReason | "offline" | "server" | "silent"} [reason] Why, where there is more to say than the state itself:
 *   "offline" (this device has no network), "server" (the counter says that it is out of touch), "silent" (nothing was heard for
 *   a while), or why it stopped.
 */

/**
 * @typedef {"closed" | "no_event" | "too_many" | "refused"} StopReason
 *   "closed": by `close()`. "no_event": there is no such event. "too_many": this viewer has too many connections.
 *   "refused": the server does not want this client; trying again would not help.
 */

/**
 * @typedef {object} Options
 * @property {string} event The event's id.
 * @property {string} [room] A room of it.
 * @property {string} [base] Where Turnout is, as in `https://live.example.org`; by default where this module came from.
 * @property {() => Promise<string>} [ticket] Gets a ticket from your own server, which signs it with your key; asked before each
 *   connection. By default the viewer is the browser: its cookie gets the ticket, and several tabs are one viewer.
 * @property {(count: Count) => void} [onCount] Called with each new count.
 * @property {(state: State, detail: StateDetail) => void} [onState] Called with each change of state.
 */

/**
 * @typedef {object} Live
 * @property {() => void} close Leaves: the viewer is out of the count at once.
 * @property {State} state How it stands.
 * @property {Count | null} count The latest count; `null` before the first.
 */

/** Back-off: a random wait below a bound that doubles from the first of these to the last. */
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 30_000;
/** A connection that lived for so long has proved itself: the back-off starts anew. */
const PROVEN_MS = 10_000;
/** From the first step to the first count. */
const CONNECT_MS_MAX = 15_000;
/** The server repeats a count every few seconds, so after this silence something is broken, whatever the socket says. */
const SILENCE_MS_MAX = 25_000;
/** A counter that is out of touch may have nothing to repeat: then a silence proves less. */
const STALE_SILENCE_MS_MAX = 120_000;
/** After a move, the old connection stays for this long, so that nobody is missed between two servers. */
const OVERLAP_MS = 1_000;
/** Nobody is made to wait longer than this, whatever a server asks for. */
const SERVER_WAIT_MS_MAX = 300_000;

/** Close codes after which coming back does not help, and why. All others come back. */
const STOPS = new Map(
  /** @type {[number, StopReason][]} */ ([
    [1002, "refused"], [1003, "refused"], [1007, "refused"], [1008, "refused"], [1009, "refused"],
    [4404, "no_event"], [4409, "too_many"],
  ]),
);

/** A reason to give up, or to wait for as long as the server says. */
class Problem extends Error {
  /** @param {StopReason | null} stop @param {number} [wait_ms] */
  constructor(stop, wait_ms = 0) {
    super(stop ?? "try again");
    this.stop = stop;
    this.wait_ms = wait_ms;
  }
}

/** What this module needs of a browser; the tests give another. */
function browser() {
  return {
    WebSocket: globalThis.WebSocket,
    /** @type {typeof fetch} */ fetch: (...args) => globalThis.fetch(...args),
    /** @type {(run: () => void, ms: number) => any} */ setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
    /** @type {(timer: any) => void} */ clearTimeout: (timer) => globalThis.clearTimeout(timer),
    now: () => Date.now(),
    random: () => Math.random(),
    /** @type {EventTarget} */ events: globalThis,
  };
}

/**
 * Opens an event and keeps it open.
 *
 * @param {Options} options
 * @param {ReturnType<typeof browser>} world For tests only.
 * @returns {Live}
 */
export function connect(options, world = browser()) {
  const connection = new Connection(options, world);
  connection.start();
  return {
    close: () => connection.stop("closed"),
    get state() { return connection.state; },
    get count() { return connection.count; },
  };
}

class Connection {
  /** @type {State} */ state = "connecting";
  /** @type {Count | null} */ count = null;

  #options; #world; #base;
  /** @type {string | undefined} */ #reason;
  /** The socket whose counts are shown. @type {WebSocket | null} */ #live = null;
  /** The socket that is being opened, perhaps to replace the other. @type {WebSocket | null} */ #pending = null;
  /** Grows with each attempt, so that the late result of an old one is known as such. */ #round = 0;
  #failures = 0;
  #live_since_ms = 0;
  /** One timer a purpose. @type {Map<string, any>} */ #timers = new Map();
  /** The page is hidden for good, or waits in the browser's cache of pages. */ #away = false;

  /** @param {Options} options @param {ReturnType<typeof browser>} world */
  constructor(options, world) {
    this.#options = options;
    this.#world = world;
    this.#base = (options.base ?? new URL(import.meta.url).origin).replace(/\/$/, "");
  }

  start() {
    for (const name of ["pagehide", "pageshow", "online", "offline"]) this.#world.events.addEventListener(name, this.#on_browser);
    this.#options.onState?.("connecting", { since_ms: this.#world.now() });
    this.#attempt();
  }

  /** @param {StopReason} reason */
  stop(reason) {
    if (this.state === "stopped") return;
    for (const name of ["pagehide", "pageshow", "online", "offline"]) this.#world.events.removeEventListener(name, this.#on_browser);
    this.#leave();
    this.#enter("stopped", reason);
  }

  /** @param {Event} event */
  #on_browser = (event) => {
    if (event.type === "pagehide") {
      this.#away = true;
      this.#leave();
    } else if (event.type === "pageshow" && this.#away) {
      this.#away = false;
      this.#enter("reconnecting");
      this.#attempt();
    } else if (event.type === "offline") {
      this.#drop();
      this.#enter("reconnecting", "offline");
    } else if (event.type === "online" && !this.#away && !this.#live) {
      this.#enter("reconnecting");
      this.#after("attempt", this.#world.random() * BACKOFF_FIRST_MS, () => this.#attempt());
    }
  };

  /** One try to get from nothing, or from an older socket, to a socket that delivers counts. */
  async #attempt() {
    const round = ++this.#round;
    this.#cancel("attempt");
    this.#after("deadline", CONNECT_MS_MAX, () => this.#failed(new Problem(null)));
    try {
      const ticket = await this.#get_ticket();
      if (round === this.#round) this.#open(ticket);
    } catch (error) {
      if (round === this.#round) this.#failed(error instanceof Problem ? error : new Problem(null));
    }
  }

  async #get_ticket() {
    const { event, room, ticket } = this.#options;
    if (ticket) return ticket();
    const url = `${this.#base}/v1/events/${encodeURIComponent(event)}/tickets`;
    const body = room ? JSON.stringify({ room }) : undefined;
    const answer = await this.#world.fetch(url, { method: "POST", body, credentials: "include", cache: "no-store" });
    if (answer.status === 404) throw new Problem("no_event");
    if (answer.status === 400 || answer.status === 401 || answer.status === 403) throw new Problem("refused");
    if (!answer.ok) throw new Problem(null, retry_after_ms(answer.headers.get("retry-after"), this.#world.now()));
    return (await answer.json()).ticket;
  }

  /** @param {string} ticket */
  #open(ticket) {
    const url = `${this.#base.replace(/^http/, "ws")}/v1/live`;
    const socket = new this.#world.WebSocket(url, ["turnout.v1.json", `ticket.${ticket}`]);
    this.#pending = socket;
    socket.onmessage = (message) => this.#on_frame(socket, message.data);
    socket.onclose = (close) => this.#on_close(socket, close.code);
  }

  /** @param {WebSocket} socket @param {unknown} data */
  #on_frame(socket, data) {
    const frame = parse(data);
    if (frame?.type === "count") {
      if (socket === this.#pending) this.#promote(socket);
      const stale = frame.stale === true;
      this.#after("silence", stale ? STALE_SILENCE_MS_MAX : SILENCE_MS_MAX, this.#on_silence);
      this.#take(frame, stale);
      this.#enter(stale ? "stale" : "live", stale ? "server" : undefined);
    } else if (frame?.type === "reconnect" && socket === this.#live) {
      this.#after("attempt", wait_ms(frame.after_ms), () => this.#attempt());
    }
  }

  /** The first count has come: this socket is the one from now on. @param {WebSocket} socket */
  #promote(socket) {
    const old = this.#live;
    this.#cancel("deadline");
    this.#live = socket;
    this.#pending = null;
    this.#live_since_ms = this.#world.now();
    if (old) {
      silence(old);
      this.#world.setTimeout(() => old.close(1000), OVERLAP_MS);
    }
  }

  /** @param {any} frame @param {boolean} stale */
  #take(frame, stale) {
    const { event, room, viewers, low, high, as_of_ms, revision } = frame;
    const shown = this.count;
    // After a server's restart revisions may begin anew; then the time of the count says that it is newer.
    if (shown && revision <= shown.revision && as_of_ms <= shown.as_of_ms) {
      shown.stale = stale;
      return;
    }
    this.count = { event, ...(room ? { room } : {}), viewers, low, high, as_of_ms, revision, stale };
    this.#options.onCount?.(this.count);
  }

  /** @param {WebSocket} socket @param {number} code */
  #on_close(socket, code) {
    const stop = STOPS.get(code) ?? null;
    if (socket === this.#pending) {
      this.#pending = null;
      this.#failed(new Problem(stop));
    } else if (socket === this.#live) {
      this.#live = null;
      this.#cancel("silence");
      if (stop) return this.stop(stop);
      if (this.#world.now() - this.#live_since_ms >= PROVEN_MS) this.#failures = 0;
      this.#enter("reconnecting");
      // A slot that the server gave, or an attempt under way, stands.
      if (!this.#timers.has("attempt") && !this.#timers.has("deadline")) this.#back_off(0);
    }
  }

  /** Nothing was heard: replace the socket, at a time of its own, because the others may have noticed at the same moment. */
  #on_silence = () => {
    this.#enter("stale", "silent");
    if (!this.#timers.has("attempt") && !this.#timers.has("deadline")) {
      this.#after("attempt", this.#world.random() * BACKOFF_MAX_MS, () => this.#attempt());
    }
  };

  /** An attempt came to nothing. @param {Problem} problem */
  #failed(problem) {
    this.#round += 1;
    this.#cancel("deadline");
    if (this.#pending) {
      silence(this.#pending);
      this.#pending.close(1000);
      this.#pending = null;
    }
    if (problem.stop) return this.stop(problem.stop);
    if (!this.#live) this.#enter("reconnecting");
    this.#back_off(problem.wait_ms);
  }

  /** @param {number} at_least_ms */
  #back_off(at_least_ms) {
    const bound_ms = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#after("attempt", at_least_ms + this.#world.random() * bound_ms, () => this.#attempt());
  }

  /** Goes for good: the server hears it, and the viewer is out of the count at once. */
  #leave() {
    for (const socket of [this.#live, this.#pending]) {
      if (socket?.readyState === 1) socket.send('{"type":"bye"}');
    }
    this.#drop();
  }

  #drop() {
    this.#round += 1;
    for (const timer of this.#timers.values()) this.#world.clearTimeout(timer);
    this.#timers.clear();
    for (const socket of [this.#live, this.#pending]) {
      if (!socket) continue;
      silence(socket);
      socket.close(1000);
    }
    this.#live = this.#pending = null;
  }

  /** @param {State} state @param {StateDetail["reason"]} [reason] */
  #enter(state, reason) {
    if (this.state === state && this.#reason === reason) return;
    this.state = state;
    this.#reason = reason;
    this.#options.onState?.(state, { since_ms: this.#world.now(), ...(reason ? { reason } : {}) });
  }

  /** @param {string} purpose @param {number} ms @param {() => void} run */
  #after(purpose, ms, run) {
    this.#cancel(purpose);
    this.#timers.set(purpose, this.#world.setTimeout(() => { this.#timers.delete(purpose); run(); }, ms));
  }

  /** @param {string} purpose */
  #cancel(purpose) {
    this.#world.clearTimeout(this.#timers.get(purpose));
    this.#timers.delete(purpose);
  }
}

/** Nothing that the socket does from now on is ours. @param {WebSocket} socket */
function silence(socket) {
  socket.onmessage = socket.onclose = null;
}

/** @param {unknown} data @returns {any} */
function parse(data) {
  try {
    return JSON.parse(String(data));
  } catch {
    return null;
  }
}

/** A wait as a server wrote it, made sane. @param {unknown} value */
function wait_ms(value) {
  const ms = Number(value);
  return ms > 0 ? Math.min(ms, SERVER_WAIT_MS_MAX) : 0;
}

/** The header is seconds or a date. @param {string | null} value @param {number} now_ms */
function retry_after_ms(value, now_ms) {
  if (!value) return 0;
  const seconds = Number(value);
  return wait_ms(Number.isNaN(seconds) ? Date.parse(value) - now_ms : seconds * 1000);
}
