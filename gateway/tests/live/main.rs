//! The edge over real sockets: what viewers get, how connections end, and what the presence map hears of it. What the
//! bytes of single frames may be is tested at the state machine, not here.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod drain;
mod edge;
mod endings;
mod fan_out;
mod seats;
