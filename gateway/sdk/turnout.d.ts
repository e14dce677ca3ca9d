// Types of turnout.js, for those who do not read its JSDoc.

/** The live number. */
export interface Count {
  /** The event. */
  readonly event: string;
  /** The room of it, when the connection is to a room. */
  readonly room?: string;
  /** Distinct viewers. */
  readonly viewers: number;
  /** At least so many. */
  readonly low: number;
  /** At most so many. */
  readonly high: number;
  /** The state of this moment, milliseconds since 1970, by the server's clock. */
  readonly as_of_ms: number;
  /** Grows with each count. */
  readonly revision: number;
  /** The server's counter is out of touch: the number stands still. */
  readonly stale: boolean;
}

export type State = "connecting" | "live" | "stale" | "reconnecting" | "stopped";

/** "closed": by `close()`. "no_event": there is no such event. "too_many": too many connections of this viewer. "refused": trying again would not help. */
export type StopReason = "closed" | "no_event" | "too_many" | "refused";

export interface StateDetail {
  /** Since when, milliseconds since 1970, by this device's clock. */
  readonly since_ms: number;
  /** Why, where there is more to say than the state itself. */
  readonly reason?: StopReason | "offline" | "server" | "silent";
}

export interface Options {
  /** The event's id. */
  event: string;
  /** A room of it. */
  room?: string;
  /** Where Turnout is, as in `https://live.example.org`; by default where this module came from. */
  base?: string;
  /** Gets a ticket from your own server. By default the viewer is the browser, known by a cookie of Turnout's own. */
  ticket?: () => Promise<string>;
  /** Called with each new count. */
  onCount?: (count: Count) => void;
  /** Called with each change of state. */
  onState?: (state: State, detail: StateDetail) => void;
}

export interface Live {
  /** Leaves: the viewer is out of the count at once. */
  close(): void;
  /** How it stands. */
  readonly state: State;
  /** The latest count; `null` before the first. */
  readonly count: Count | null;
}

/** Opens an event and keeps it open. */
export function connect(options: Options): Live;
