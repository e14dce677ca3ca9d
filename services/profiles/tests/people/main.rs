//! People over gRPC, behind the real access layer, on the embedded store and, where one is given, on a CQL server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod asking;
mod bed;
mod canary;
mod consents;
mod crash;
mod ensure;
mod list;
mod marketing;
#[path = "../stage/postbox.rs"]
mod postbox;
#[path = "../stage/stage.rs"]
mod stage;
#[path = "../stage/tables.rs"]
mod tables;
mod tenants;
mod update;
