//! What a NATS server says when a message cannot be removed. Needs a server.

use async_nats::jetstream::stream::Config;

use super::*;
use crate::{random, real_servers};

#[tokio::test]
async fn what_is_gone_is_forgotten_and_what_the_server_keeps_is_not() {
    let test = "what_is_gone_is_forgotten_and_what_the_server_keeps_is_not";
    let Some(server) = real_servers::from_env("TURNOUT_TEST_NATS", test) else { return };
    let jetstream = jetstream::new(async_nats::connect(server).await.unwrap());
    let name = random::sortable_id();
    let made = |deny_delete: bool| {
        let (jetstream, name) = (&jetstream, format!("{name}-{deny_delete}"));
        async move {
            let config = Config { name: name.clone(), subjects: vec![name.clone()], deny_delete, ..Config::default() };
            jetstream.create_stream(config).await.unwrap();
            for _ in 0..3 {
                jetstream.publish(name.clone(), "letter".into()).await.unwrap().await.unwrap();
            }
            (jetstream.get_stream_no_info(&name).await.unwrap(), name)
        }
    };
    // The first, one between others and the last: the server has different words for each.
    let (stream, name) = made(false).await;
    for place in [2, 1, 3, 2, 1, 3] {
        forget(&stream, place).await.unwrap();
    }
    jetstream.delete_stream(name).await.unwrap();
    let (stream, name) = made(true).await;
    assert!(forget(&stream, 1).await.is_err());
    jetstream.delete_stream(name).await.unwrap();
}
