//! Turnout's wire types, generated from `proto/turnout/**` at build time.
//!
//! Nothing but generated code lives here: no conversions, no validation, no helpers. What a field means, its unit and its
//! limits stand in the `.proto` files and so in the rustdoc of this crate.
#![allow(clippy::pedantic, clippy::all, missing_docs, unused_qualifications)]

/// Events and rooms, and the keys that open them.
pub mod registration {
    pub mod v1 {
        tonic::include_proto!("turnout.registration.v1");
    }
}

/// What several areas share: texts in languages, money, roles.
pub mod common {
    pub mod v1 {
        tonic::include_proto!("turnout.common.v1");
    }
}

/// What services tell each other over the durable bus.
pub mod events {
    pub mod v1 {
        tonic::include_proto!("turnout.events.v1");
    }
}

/// People, their consents, their accounts; the team and its audit log.
pub mod profiles {
    pub mod v1 {
        tonic::include_proto!("turnout.profiles.v1");
    }
}

/// Messages to people and what became of each.
pub mod notifications {
    pub mod v1 {
        tonic::include_proto!("turnout.notifications.v1");
    }
}

/// Counts, their history, and the frames between gateways and presence replicas.
pub mod presence {
    pub mod v1 {
        tonic::include_proto!("turnout.presence.v1");
    }
}

/// The frames between a viewer's client and the gateway.
pub mod gateway {
    pub mod v1 {
        tonic::include_proto!("turnout.gateway.v1");
    }
}

/// Every descriptor, encoded, for gRPC reflection and for tests that enumerate methods.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
