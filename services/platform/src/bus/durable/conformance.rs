//! The laws of the durable bus as runnable checks, the same for every adapter. Called from tests; not part of a running mesh.
//!
//! Each law works on a tenant and on consumers of its own, so that one server serves all. It panics with a sentence when it is broken.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    BusError, Consumer, Deliveries, Delivery, DurableMessage, EventKind, Pattern, SharedDurableBus, Subject,
    UNSETTLED_MESSAGES_MAX, events,
};
use crate::{limits::BUS_PAYLOAD_BYTES_MAX, random, telemetry::TraceParent};

/// Longer than anything takes on a slow machine; an expected wait is never waited out.
const DEADLINE: Duration = Duration::from_mins(1);

/// Two handles of one bus (on NATS: two connections), whose ack wait should be short: a second or two.
#[derive(Clone)]
pub struct Pair {
    /// One process.
    pub a: SharedDurableBus,
    /// Another.
    pub b: SharedDurableBus,
}

/// Runs every law.
pub async fn every_law(pair: &Pair) {
    what_was_published_waits_for_a_consumer_that_is_away(pair).await;
    what_is_not_answered_is_delivered_again_until_it_is(pair).await;
    processes_of_one_name_share_and_two_names_get_all(pair).await;
    a_consumer_without_a_name_gets_what_is_published_from_now_on(pair).await;
    messages_of_one_subject_keep_their_order(pair).await;
    the_same_id_is_the_same_message(pair).await;
    a_message_that_is_retried_waits_and_holds_up_no_other(pair).await;
    a_dead_letter_is_kept_once_and_not_delivered_again(pair).await;
    what_is_held_goes_to_nobody_else(pair).await;
    what_is_forgiven_does_not_count_as_tried(pair).await;
    a_consumer_that_starts_again_goes_on_where_it_was(pair).await;
    the_number_of_unsettled_messages_is_bounded(pair).await;
    what_no_bus_takes_is_refused(pair).await;
}

/// A subject and names that nobody else uses.
struct Place {
    subject: Subject,
    run: String,
}

impl Place {
    fn new() -> Self {
        let run = random::sortable_id();
        let tenant = run.parse().expect("hexadecimal digits are an id");
        Self { subject: events(&tenant, EventKind::Registration), run }
    }

    fn message(&self, n: usize) -> DurableMessage {
        DurableMessage {
            subject: self.subject.clone(),
            id: format!("{}-{n}", self.run),
            payload: Bytes::from(n.to_string()),
            trace: None,
        }
    }

    async fn publish(&self, bus: &SharedDurableBus, numbers: impl IntoIterator<Item = usize>) {
        for n in numbers {
            bus.publish(self.message(n)).await.expect("the bus stores a message");
        }
    }

    fn name(&self, word: &str) -> &'static str {
        // A few bytes a law, in tests only: names of consumers are constants everywhere else.
        format!("{word}_{}", self.run).leak()
    }

    async fn consume(&self, bus: &SharedDurableBus, name: Option<&'static str>) -> Deliveries {
        let pattern = Pattern::from(self.subject.clone());
        bus.consume(Consumer { name, pattern }).await.expect("the bus lets us consume")
    }
}

async fn next(deliveries: &mut Deliveries) -> Delivery {
    tokio::time::timeout(DEADLINE, deliveries.next())
        .await
        .expect("a delivery comes before the deadline")
        .expect("the bus stays open")
}

fn number_of(delivery: &Delivery) -> usize {
    std::str::from_utf8(&delivery.message.payload).ok().and_then(|text| text.parse().ok()).expect("our own payload")
}

/// Takes and acknowledges messages.
async fn take(deliveries: &mut Deliveries, count: usize) -> Vec<usize> {
    let mut taken = Vec::new();
    for _ in 0..count {
        let delivery = next(deliveries).await;
        taken.push(number_of(&delivery));
        delivery.ack().await.expect("the answer is taken");
    }
    taken
}

async fn what_was_published_waits_for_a_consumer_that_is_away(pair: &Pair) {
    let place = Place::new();
    let trace = TraceParent::received("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").expect("well-formed");
    let message = DurableMessage { trace: Some(trace.clone()), ..place.message(1) };
    pair.a.publish(message).await.expect("the bus stores a message");
    let delivery = next(&mut place.consume(&pair.b, Some(place.name("late"))).await).await;
    assert_eq!(delivery.message.subject, place.subject.as_str());
    assert_eq!(delivery.message.trace, Some(trace), "the trace arrives as it was sent");
    assert_eq!((delivery.id.clone(), delivery.number), (place.message(1).id, 1));
    assert_eq!(number_of(&delivery), 1);
    delivery.ack().await.expect("the answer is taken");
}

async fn what_is_not_answered_is_delivered_again_until_it_is(pair: &Pair) {
    let place = Place::new();
    let mut deliveries = place.consume(&pair.a, Some(place.name("silent"))).await;
    place.publish(&pair.b, [1]).await;
    for number in 1..=3 {
        let delivery = next(&mut deliveries).await;
        assert_eq!((number_of(&delivery), delivery.number), (1, number), "deliveries are numbered");
    }
    let delivery = next(&mut deliveries).await;
    assert_eq!(delivery.number, 4);
    delivery.ack().await.expect("the answer is taken");
    place.publish(&pair.b, [2]).await;
    assert_eq!(take(&mut deliveries, 1).await, [2], "what is answered does not come again");
}

async fn processes_of_one_name_share_and_two_names_get_all(pair: &Pair) {
    const MESSAGES: usize = 20;
    let place = Place::new();
    let shared = place.name("shared");
    let (mut one, mut two) = (place.consume(&pair.a, Some(shared)).await, place.consume(&pair.b, Some(shared)).await);
    let mut other = place.consume(&pair.a, Some(place.name("other"))).await;
    let mut unnamed = place.consume(&pair.b, None).await;
    place.publish(&pair.a, 0..MESSAGES).await;
    let mut seen = BTreeSet::new();
    for _ in 0..MESSAGES / 2 {
        // Both are held at the same time, so neither process can have had the other's.
        let (first, second) = (next(&mut one).await, next(&mut two).await);
        assert!(seen.insert(number_of(&first)) && seen.insert(number_of(&second)), "each message goes to one of them");
        first.ack().await.expect("the answer is taken");
        second.ack().await.expect("the answer is taken");
    }
    assert_eq!(seen.len(), MESSAGES);
    let all: Vec<_> = (0..MESSAGES).collect();
    assert_eq!(take(&mut other, MESSAGES).await, all, "another name gets all");
    assert_eq!(take(&mut unnamed, MESSAGES).await, all, "a consumer without a name gets all");
}

async fn a_consumer_without_a_name_gets_what_is_published_from_now_on(pair: &Pair) {
    let place = Place::new();
    place.publish(&pair.a, [1]).await;
    let mut deliveries = place.consume(&pair.b, None).await;
    place.publish(&pair.a, [2, 3]).await;
    let failed = next(&mut deliveries).await;
    assert_eq!(number_of(&failed), 2, "nothing from before");
    failed.retry(Duration::from_millis(50)).await.expect("the answer is taken");
    let mut taken = take(&mut deliveries, 2).await;
    taken.sort_unstable();
    assert_eq!(taken, [2, 3], "it may retry as others do");
}

async fn messages_of_one_subject_keep_their_order(pair: &Pair) {
    const MESSAGES: usize = 300;
    let place = Place::new();
    let mut deliveries = place.consume(&pair.b, Some(place.name("ordered"))).await;
    let publishing = place.publish(&pair.a, 0..MESSAGES);
    let ((), taken) = tokio::join!(publishing, take(&mut deliveries, MESSAGES));
    assert_eq!(taken, (0..MESSAGES).collect::<Vec<_>>(), "in the order of their publishing");
}

async fn the_same_id_is_the_same_message(pair: &Pair) {
    let place = Place::new();
    let mut deliveries = place.consume(&pair.a, Some(place.name("once"))).await;
    for bus in [&pair.a, &pair.b, &pair.a] {
        place.publish(bus, [1]).await;
    }
    let copies = (0..10).map(|_| pair.b.publish(place.message(2)));
    for stored in futures_util::future::join_all(copies).await {
        stored.expect("a message that is there already is stored");
    }
    place.publish(&pair.b, [3]).await;
    assert_eq!(take(&mut deliveries, 3).await, [1, 2, 3]);
}

async fn a_message_that_is_retried_waits_and_holds_up_no_other(pair: &Pair) {
    const WAIT: Duration = Duration::from_millis(700);
    let place = Place::new();
    let mut deliveries = place.consume(&pair.a, Some(place.name("retry"))).await;
    place.publish(&pair.b, 1..=4).await;
    let failed = next(&mut deliveries).await;
    let begun = Instant::now();
    failed.retry(WAIT).await.expect("the answer is taken");
    assert_eq!(take(&mut deliveries, 3).await, [2, 3, 4], "the others go on");
    let again = next(&mut deliveries).await;
    assert!(begun.elapsed() >= WAIT, "it came after {:?}", begun.elapsed());
    assert_eq!((number_of(&again), again.number), (1, 2));
    again.ack().await.expect("the answer is taken");
}

async fn a_dead_letter_is_kept_once_and_not_delivered_again(pair: &Pair) {
    let place = Place::new();
    let name = place.name("dead");
    let mut deliveries = place.consume(&pair.a, Some(name)).await;
    place.publish(&pair.b, [1, 2]).await;
    next(&mut deliveries).await.retry(Duration::ZERO).await.expect("the answer is taken");
    let mut deliveries_of = BTreeMap::new();
    while deliveries_of.len() < 2 {
        let delivery = next(&mut deliveries).await;
        deliveries_of.insert(number_of(&delivery), delivery.number);
        match number_of(&delivery) {
            1 => delivery.give_up("cannot be decoded:\nline two").await.expect("the answer is taken"),
            _ => delivery.ack().await.expect("the answer is taken"),
        }
    }
    place.publish(&pair.b, [3]).await;
    assert_eq!(take(&mut deliveries, 1).await, [3], "what is dead does not come again");
    let letters = pair.b.dead_letters(name).await.expect("dead letters can be read");
    let [letter] = &letters[..] else { panic!("one dead letter, not {letters:?}") };
    assert_eq!((&*letter.subject, &*letter.id), (place.subject.as_str(), &*place.message(1).id));
    assert_eq!((&letter.payload[..], letter.deliveries), (&b"1"[..], deliveries_of[&1]));
    assert_eq!(deliveries_of[&1], 2);
    assert!(letter.error.starts_with("cannot be decoded:") && letter.error.ends_with("line two"), "{}", letter.error);
    for _ in 0..2 {
        pair.a.forget_dead_letter(name, &letters[0]).await.expect("a dead letter can be forgotten, also twice");
    }
    assert_eq!(pair.b.dead_letters(name).await.expect("dead letters can be read"), letters[1..]);
    assert_eq!(pair.a.dead_letters(place.name("nobody")).await.expect("dead letters can be read"), []);
}

async fn what_is_held_goes_to_nobody_else(pair: &Pair) {
    let place = Place::new();
    let name = place.name("held");
    let (mut one, mut two) = (place.consume(&pair.a, Some(name)).await, place.consume(&pair.b, Some(name)).await);
    place.publish(&pair.b, [1]).await;
    let held = tokio::select! { delivery = next(&mut one) => delivery, delivery = next(&mut two) => delivery };
    let (begun, mut ack_wait) = (Instant::now(), held.hold().await.expect("the answer is taken"));
    let holding = async {
        while begun.elapsed() < 3 * ack_wait {
            tokio::time::sleep(ack_wait / 4).await;
            ack_wait = held.hold().await.expect("the answer is taken");
        }
    };
    tokio::select! {
        delivery = next(&mut one) => panic!("delivery {} of what is held", delivery.number),
        delivery = next(&mut two) => panic!("delivery {} of what is held", delivery.number),
        () = holding => {}
    }
    drop(held);
    let again = tokio::select! { delivery = next(&mut one) => delivery, delivery = next(&mut two) => delivery };
    assert_eq!((number_of(&again), again.number), (1, 2), "it comes again when nobody holds it");
    again.ack().await.expect("the answer is taken");
}

async fn what_is_forgiven_does_not_count_as_tried(pair: &Pair) {
    let place = Place::new();
    let name = place.name("forgiven");
    let mut deliveries = place.consume(&pair.a, Some(name)).await;
    place.publish(&pair.b, [1, 2]).await;
    // Both fail; the second is forgiven each time but the last.
    let mut tries = BTreeMap::<usize, Vec<u32>>::new();
    while tries.values().map(Vec::len).sum::<usize>() < 8 {
        let delivery = next(&mut deliveries).await;
        let n = number_of(&delivery);
        tries.entry(n).or_default().push(delivery.begin().await.expect("the bus knows it"));
        if n == 2 && delivery.number < 3 {
            // Twice is once.
            delivery.forgive().await.expect("the answer is taken");
            delivery.forgive().await.expect("the answer is taken");
        }
        match delivery.number {
            4 => delivery.ack().await.expect("the answer is taken"),
            _ => delivery.retry(Duration::ZERO).await.expect("the answer is taken"),
        }
        // Another process of the name goes on.
        deliveries = place.consume(if n == 1 { &pair.a } else { &pair.b }, Some(name)).await;
    }
    assert_eq!(tries, BTreeMap::from([(1, vec![1, 2, 3, 4]), (2, vec![1, 1, 1, 2])]));
    place.publish(&pair.a, [3]).await;
    assert_eq!(take(&mut deliveries, 1).await, [3]);
}

async fn a_consumer_that_starts_again_goes_on_where_it_was(pair: &Pair) {
    let place = Place::new();
    let name = place.name("resume");
    let mut before = place.consume(&pair.a, Some(name)).await;
    place.publish(&pair.a, 0..10).await;
    let mut left = BTreeSet::new();
    for _ in 0..10 {
        let delivery = next(&mut before).await;
        let n = number_of(&delivery);
        match n % 3 {
            0 => delivery.ack().await.expect("the answer is taken"),
            1 => {
                left.insert(n);
                delivery.retry(Duration::from_millis(100)).await.expect("the answer is taken");
            }
            _ => drop(left.insert(n)),
        }
    }
    drop(before);
    place.publish(&pair.a, [10]).await;
    left.insert(10);
    let mut after = place.consume(&pair.b, Some(name)).await;
    let mut seen = BTreeSet::new();
    while seen.len() < left.len() {
        let delivery = next(&mut after).await;
        assert!(left.contains(&number_of(&delivery)), "message {} was settled", number_of(&delivery));
        seen.insert(number_of(&delivery));
        delivery.ack().await.expect("the answer is taken");
    }
}

async fn the_number_of_unsettled_messages_is_bounded(pair: &Pair) {
    let place = Place::new();
    let mut deliveries = place.consume(&pair.a, Some(place.name("bounded"))).await;
    let all = 0..UNSETTLED_MESSAGES_MAX + 50;
    let published = all.clone().map(|n| pair.a.publish(place.message(n)));
    futures_util::future::try_join_all(published).await.expect("the bus stores messages");
    // Nothing is settled until the first comes for a second time.
    let mut held = Vec::new();
    while held.last().is_none_or(|last: &Delivery| last.number == 1) {
        held.push(next(&mut deliveries).await);
    }
    assert!(held.len() - 1 <= UNSETTLED_MESSAGES_MAX, "{} are unsettled", held.len() - 1);
    let mut settled = BTreeSet::new();
    for delivery in held {
        settled.insert(number_of(&delivery));
        delivery.ack().await.expect("the answer is taken");
    }
    while settled.len() < all.len() {
        let delivery = next(&mut deliveries).await;
        settled.insert(number_of(&delivery));
        delivery.ack().await.expect("the answer is taken");
    }
}

async fn what_no_bus_takes_is_refused(pair: &Pair) {
    let place = Place::new();
    let large = DurableMessage { payload: vec![7; BUS_PAYLOAD_BYTES_MAX + 1].into(), ..place.message(1) };
    assert!(matches!(pair.a.publish(large).await, Err(BusError::TooLarge { .. })), "over the limit");
    let strange = DurableMessage { id: "a b".into(), ..place.message(1) };
    assert!(matches!(pair.a.publish(strange).await, Err(BusError::Refused(_))), "an id with a space");
    let consumer = Consumer { name: Some("No.Name"), pattern: place.subject.clone().into() };
    assert!(matches!(pair.a.consume(consumer).await.map(drop), Err(BusError::Refused(_))), "a name with a dot");
    let largest = DurableMessage { payload: vec![7; BUS_PAYLOAD_BYTES_MAX].into(), ..place.message(1) };
    pair.a.publish(largest).await.expect("the limit itself passes");
    let mut deliveries = place.consume(&pair.b, Some(place.name("large"))).await;
    assert_eq!(next(&mut deliveries).await.message.payload.len(), BUS_PAYLOAD_BYTES_MAX);
}
