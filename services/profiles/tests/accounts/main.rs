//! Accounts over gRPC, behind the real access layer, on the embedded store and, where a server is given as `TURNOUT_TEST_CQL`, on a
//! CQL cluster. The notifications service is a postbox of the test.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod audit;
mod bed;
mod crash;
mod links;
mod passwords;
#[path = "../stage/postbox.rs"]
mod postbox;
mod second_factor;
mod secrecy;
mod sessions;
#[path = "../stage/stage.rs"]
mod stage;
#[path = "../stage/tables.rs"]
mod tables;
mod team;
