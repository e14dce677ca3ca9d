//! The laws of the bus as runnable checks, the same for every adapter. Called from tests; not part of a running mesh.
//!
//! Each function takes two handles of one bus (on NATS: two connections) and panics with a sentence when its law is broken.

use std::time::Duration;

use bytes::Bytes;

use super::{BusError, Message, Outgoing, SharedBus, Subscription, subjects};
use crate::{
    limits::{BUS_PAYLOAD_BYTES_MAX, BUS_SUBSCRIPTION_MESSAGES_MAX},
    telemetry::TraceParent,
};

const DEADLINE: Duration = Duration::from_secs(10);

/// Two handles of one bus.
#[derive(Clone)]
pub struct Pair {
    /// One end.
    pub a: SharedBus,
    /// The other.
    pub b: SharedBus,
}

/// Runs every law. A law works on node names of its own, so that one server serves all.
pub async fn every_law(pair: Pair) {
    a_message_reaches_every_matching_subscription_once(&pair).await;
    messages_of_one_publisher_keep_their_order(&pair).await;
    a_message_to_nobody_vanishes(&pair).await;
    a_subscription_gets_what_is_published_after_it_was_made(&pair).await;
    a_payload_over_the_limit_is_refused(&pair).await;
    a_subscription_that_is_not_read_harms_nobody_else(&pair).await;
    reply_and_trace_arrive_as_sent(&pair).await;
    a_dropped_subscription_ends(&pair).await;
}

async fn next(subscription: &mut Subscription) -> Message {
    tokio::time::timeout(DEADLINE, subscription.next())
        .await
        .expect("a message arrives before the deadline")
        .expect("the bus stays open")
}

async fn publish(bus: &SharedBus, node: &str, payload: impl Into<Bytes>) {
    bus.publish(Outgoing::new(subjects::ticks(node), payload)).await.expect("publishing works");
}

async fn a_message_reaches_every_matching_subscription_once(pair: &Pair) {
    let mut exact = pair.b.subscribe(subjects::ticks("law1").into()).await.expect("subscribes");
    let mut wide = pair.b.subscribe(subjects::all_ticks()).await.expect("subscribes");
    let mut other = pair.b.subscribe(subjects::counts("law1").into()).await.expect("subscribes");
    publish(&pair.a, "law1", "one").await;
    publish(&pair.a, "law1", "end").await;
    pair.a.publish(Outgoing::new(subjects::counts("law1"), "count")).await.expect("publishing works");
    for subscription in [&mut exact, &mut wide] {
        assert_eq!(next(subscription).await.payload, "one");
        assert_eq!(next(subscription).await.payload, "end", "a message arrives once");
    }
    assert_eq!(next(&mut other).await.payload, "count", "a subject that does not match is not delivered");
}

async fn messages_of_one_publisher_keep_their_order(pair: &Pair) {
    const MESSAGES: u32 = 2000;
    let mut subscription = pair.b.subscribe(subjects::ticks("law2").into()).await.expect("subscribes");
    for n in 0..MESSAGES {
        publish(&pair.a, "law2", n.to_le_bytes().to_vec()).await;
    }
    for n in 0..MESSAGES {
        assert_eq!(next(&mut subscription).await.payload, n.to_le_bytes().as_slice(), "order is kept");
    }
}

async fn a_message_to_nobody_vanishes(pair: &Pair) {
    publish(&pair.a, "law3", "lost").await;
    // Two connections have no order between them; subscribing returns when the server has handled all that went before.
    drop(pair.a.subscribe(subjects::counts("law3").into()).await.expect("subscribes"));
    let mut late = pair.b.subscribe(subjects::ticks("law3").into()).await.expect("subscribes");
    publish(&pair.a, "law3", "heard").await;
    assert_eq!(next(&mut late).await.payload, "heard", "nothing from before the subscription is delivered");
}

async fn a_subscription_gets_what_is_published_after_it_was_made(pair: &Pair) {
    for round in 0..50 {
        let node = format!("law4-{round}");
        let mut subscription = pair.b.subscribe(subjects::ticks(&node).into()).await.expect("subscribes");
        publish(&pair.a, &node, "x").await;
        next(&mut subscription).await;
    }
}

async fn a_payload_over_the_limit_is_refused(pair: &Pair) {
    let mut subscription = pair.b.subscribe(subjects::ticks("law5").into()).await.expect("subscribes");
    let over = vec![0; BUS_PAYLOAD_BYTES_MAX + 1];
    let refused = pair.a.publish(Outgoing::new(subjects::ticks("law5"), over)).await;
    assert!(matches!(refused, Err(BusError::TooLarge { .. })), "{refused:?}");
    publish(&pair.a, "law5", vec![7; BUS_PAYLOAD_BYTES_MAX]).await;
    assert_eq!(next(&mut subscription).await.payload.len(), BUS_PAYLOAD_BYTES_MAX, "the limit itself passes");
}

async fn a_subscription_that_is_not_read_harms_nobody_else(pair: &Pair) {
    let before = pair.b.dropped();
    let _unread = pair.b.subscribe(subjects::ticks("law6").into()).await.expect("subscribes");
    let mut read = pair.b.subscribe(subjects::ticks("law6").into()).await.expect("subscribes");
    let messages = BUS_SUBSCRIPTION_MESSAGES_MAX as u32 + 2000;
    for n in 0..messages {
        publish(&pair.a, "law6", n.to_le_bytes().to_vec()).await;
        assert_eq!(next(&mut read).await.payload, n.to_le_bytes().as_slice(), "the reader misses nothing");
    }
    let end = tokio::time::Instant::now() + DEADLINE;
    while pair.b.dropped() == before {
        assert!(tokio::time::Instant::now() < end, "the loss of the unread subscription is counted");
        tokio::task::yield_now().await;
    }
}

async fn reply_and_trace_arrive_as_sent(pair: &Pair) {
    let mut subscription = pair.b.subscribe(subjects::ticks("law7").into()).await.expect("subscribes");
    let trace = TraceParent::received("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").expect("well-formed");
    let message = Outgoing {
        subject: subjects::ticks("law7"),
        payload: Bytes::from_static(b"x"),
        reply: Some(subjects::resync_answers("me")),
        trace: Some(trace.clone()),
    };
    pair.a.publish(message).await.expect("publishing works");
    let got = next(&mut subscription).await;
    assert_eq!(got.subject, subjects::ticks("law7").as_str());
    assert_eq!(got.reply, Some(subjects::resync_answers("me")));
    assert_eq!(got.trace, Some(trace));
}

async fn a_dropped_subscription_ends(pair: &Pair) {
    drop(pair.b.subscribe(subjects::ticks("law8").into()).await.expect("subscribes"));
    let before = pair.b.dropped();
    for _ in 0..BUS_SUBSCRIPTION_MESSAGES_MAX * 2 {
        publish(&pair.a, "law8", "x").await;
    }
    let mut marker = pair.b.subscribe(subjects::ticks("law8-end").into()).await.expect("subscribes");
    publish(&pair.a, "law8-end", "x").await;
    next(&mut marker).await;
    assert_eq!(pair.b.dropped(), before, "nothing is queued for a subscription that is gone");
}
