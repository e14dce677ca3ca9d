//! Registration over gRPC, behind the real access layer, on the embedded store. What must hold however many come at once (`places`, `settling`),
//! what a key opens (`revoking`) and how a room gets another name (`rooms`) runs on both engines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]

mod acts;
mod bed;
mod canary;
mod changes;
mod crash;
mod demo;
mod events;
mod hooked;
mod keys;
mod late;
#[macro_use]
mod places;
mod coming;
mod crowds;
mod moments;
mod of_person;
mod parts;
mod profiles;
mod registering;
mod retention;
mod revoking;
mod roles;
mod rooms;
mod settling;
mod sign_in;
mod tenants;
mod told;
mod turns;
