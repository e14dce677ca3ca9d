//! A whole replica, run against an in-process bus, embedded tables and gateways made of the real roster. Time is tokio's paused
//! clock, so minutes pass in milliseconds; it stands while the disk works.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod access;
mod counts;
mod gateway;
mod history;
mod mesh;
mod store;
mod visits;
