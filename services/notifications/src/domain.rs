//! The rules of messages: their life, the gates before a send, quiet hours, retries, plans, words and looks. Pure: time and
//! chance are arguments, nothing here waits, reads or writes.

pub mod complaints;
pub mod defaults;
pub mod fields;
pub mod filter;
pub mod gates;
pub mod join;
pub mod life;
pub mod message;
pub mod plan;
pub mod public_net;
pub mod quiet;
pub mod render;
pub mod replay;
pub mod retry;
pub mod returned;
pub mod suppression;
