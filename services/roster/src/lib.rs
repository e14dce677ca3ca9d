//! The presence protocol as pure state machines: how gateways tell replicas who is there, and how a replica turns that into one
//! honest number.
//!
//! Start at [`GatewayRoster`] (one gateway's sets, told in numbered ticks) and [`Replica`] (the union of all gateways' sets, with
//! a band). `README.md` has the rules on one page. [`simulation`] drives both through every fault by seed.
//!
//! Deliberately no IO, no clock, no randomness, no async runtime and no encoding: time comes as an argument, frames go out as
//! values, and the crates that own sockets do the rest.

pub mod digest;
mod frames;
mod gateway;
mod hashing;
mod ids;
pub mod limits;
mod replica;
pub mod simulation;

pub use frames::{Member, Resync, ResyncRequest, SnapshotPart, SnapshotTopic, Tick, TopicDelta};
pub use gateway::{GatewayRoster, GatewayStats, Leave};
pub use ids::{Millis, SourceName, Topic, ViewerId};
pub use replica::{
    CloseCause, Counts, Effect, Liveness, Replica, ReplicaConfig, ReplicaStats, ReplicaStatus, Sabotage, Span,
    TopicCount,
};
