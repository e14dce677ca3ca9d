//! The lists and figures of registrants over gRPC, behind the real access layer, on both engines. The CQL server is given as
//! `TURNOUT_TEST_CQL=host:port`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod away;
mod figures;
mod lists;
#[path = "../rpc/profiles.rs"]
#[allow(dead_code, reason = "shared with the tests of registering, which look into more of it")]
mod profiles;
mod retention;
mod statistics;
mod world;

/// Runs each of these tests on each engine.
macro_rules! on_both_engines {
    ($($name:ident,)+) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(crate::world::World::embedded().await).await;
                }
            )+
        }

        mod cql {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    if let Some(world) = crate::world::World::cql(stringify!($name)).await {
                        super::$name(world).await;
                    }
                }
            )+
        }
    };
}

pub(crate) use on_both_engines;
