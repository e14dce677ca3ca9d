//! Registration over gRPC, behind the real access layer, on the embedded store. What other stores do is the business of the
//! tables' own tests.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bed;
mod canary;
mod changes;
mod crash;
mod demo;
mod events;
mod keys;
mod places;
mod profiles;
mod registering;
mod roles;
mod rooms;
mod sign_in;
mod tenants;
mod told;
