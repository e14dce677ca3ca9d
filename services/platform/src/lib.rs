//! What every role of the mesh stands on: configuration, telemetry, lifecycle, auth, clock, ids, the bus, the tables, gRPC.
//!
//! Nothing here knows what an event page or a count is; services (layer 2) import this crate, never the reverse. Each module
//! says at its top what it is for. Third-party clients for the bus, the stores and OpenTelemetry are used here and nowhere
//! else.

pub mod admin;
pub mod admission;
pub mod auth;
pub mod bus;
pub mod calendar;
pub mod canonical;
pub mod clock;
pub mod config;
pub mod failure;
pub mod ids;
pub mod lifecycle;
pub mod limits;
pub mod listing;
pub mod mesh;
pub mod money;
pub mod outbox;
pub mod page_tokens;
pub mod purposes;
pub mod random;
pub mod real_servers;
pub mod rpc;
pub mod search;
pub mod tables;
pub mod telemetry;
pub mod vault;
pub mod webhooks;
