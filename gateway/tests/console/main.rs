//! The console over real HTTP, with services that answer as each test says: what the pages ask of them, and what they make of the
//! answers. How the pages look is in the golden files; whether the services do as they are asked is their own tests' business.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod consenting;
mod door;
mod exports;
mod forms;
mod keys;
mod messages;
mod once;
mod people;
mod recipients;
mod registrants;
mod roles;
mod rooms;
mod scripted;
mod sending;
mod sessions;
mod stage;
mod studio;
