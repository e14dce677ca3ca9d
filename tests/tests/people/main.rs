//! People on the whole system, through its public faces only: registering under chaos, mails on a real server, and what must never
//! stand anywhere in plain. What one method does is its service's own test.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod addresses;
mod canary;
mod consenting;
mod desk;
mod items;
mod mails;
mod registrations;
mod sign_in;
mod visits;
