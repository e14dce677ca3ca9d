//! The service as its callers, the bus and the mail server see it, between a registration and a profiles that say what a test wants.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![allow(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
#![allow(clippy::needless_pass_by_value, reason = "the world's answers have one shape")]

mod ahead;
mod audit;
mod bed;
mod coming;
mod complaints;
mod faults;
mod joined;
mod listed;
mod mail_server;
mod paying;
mod plans;
mod receiver;
mod refused;
mod replays;
mod reports;
mod rpc;
mod scripted;
mod senders;
mod texts;
mod turns;
mod webhooks;
mod world;
