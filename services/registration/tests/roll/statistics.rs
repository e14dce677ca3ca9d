//! Statistics: as they are, as they change, and counted anew.

use futures_util::{StreamExt as _, stream};
use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::Money,
    registration::v1::{
        AnswerRsvpRequest, CancelRegistrationRequest, Event, ListRegistrantsRequest, RecordEntryRequest,
        RecountRequest, RegisterRequest, RsvpState, Statistics, WatchStatisticsRequest,
    },
};

use crate::{
    on_both_engines,
    world::{COMES_MAX, Process, World},
};

on_both_engines! {
    item_16_registrants_are_exact_after_many_concurrent_registers_and_cancels,
    item_17_logged_in_is_always_a_subset,
    item_19_who_watches_hears_of_each_change,
    item_21_with_rsvp_confirmed_people_are_the_registrants_and_the_setting_may_change,
}

async fn cancel(process: &Process, event: &str, registration_id: &str) {
    let request = CancelRegistrationRequest {
        event_id: event.to_owned(),
        registration_id: registration_id.to_owned(),
        act: None,
    };
    process.service().cancel_registration(request).await.unwrap();
}

async fn recounted(process: &Process, event: &str) -> (Statistics, Vec<String>) {
    let request = RecountRequest { event_id: event.to_owned() };
    let found = process.member(Role::Owner).recount(request).await.unwrap().into_inner();
    assert_eq!(found.shown == found.counted, found.differences.is_empty());
    (found.counted.unwrap(), found.differences)
}

async fn item_16_registrants_are_exact_after_many_concurrent_registers_and_cancels(world: World) {
    let process = world.process().await;
    assert_eq!(process.statistics().await, Statistics::default());
    // 60 people and 10 nicknames, each registered twice at the same moment; a third of the people cancel, some register again.
    let people =
        stream::iter(0..120).map(|n| process.register(process.person(&format!("p{}@example.org", n % 60), "Person")));
    let people: Vec<_> = people.buffer_unordered(24).collect().await;
    let nicknames = stream::iter(0..20).map(|n| {
        let idempotency_key = format!("nickname-number-{:02}", n % 10);
        let request =
            RegisterRequest { nickname: format!("nick {}", n % 10), idempotency_key, ..process.person("", "") };
        process.register(request)
    });
    nicknames.buffer_unordered(24).collect::<Vec<_>>().await;
    let mut ids: Vec<_> = people.into_iter().map(|row| row.registration_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 60);
    stream::iter(&ids[..20]).for_each_concurrent(8, |id| cancel(&process, &world.event, id)).await;
    let cancelled = process.statistics().await;
    assert_eq!((cancelled.registrants, cancelled.cancelled, cancelled.nicknames, cancelled.hybrid), (50, 20, 10, 50));
    assert_eq!(recounted(&process, &world.event).await, (cancelled, Vec::new()));

    let again = stream::iter(0..60).map(|n| process.register(process.person(&format!("p{n}@example.org"), "Person")));
    again.buffer_unordered(16).collect::<Vec<_>>().await;
    let statistics = process.statistics().await;
    assert_eq!((statistics.registrants, statistics.cancelled), (70, 0));
    // Item 20: a process that read the tables just now says the same.
    assert_eq!(world.process().await.statistics().await, statistics);
    assert_eq!(recounted(&process, &world.event).await, (statistics, Vec::new()));
}

async fn item_17_logged_in_is_always_a_subset(world: World) {
    let process = world.process().await;
    process.register_many(6).await;
    let rows = process.list(ListRegistrantsRequest::default()).await.registrations;
    for row in &rows[..4] {
        let (event_id, registration_id) = (world.event.clone(), row.registration_id.clone());
        for _ in 0..2 {
            let request = RecordEntryRequest { event_id: event_id.clone(), registration_id: registration_id.clone() };
            process.service().record_entry(request).await.unwrap();
        }
    }
    let before = process.statistics().await;
    assert_eq!((before.registrants, before.logged_in), (6, 4));
    cancel(&process, &world.event, &rows[0].registration_id).await;
    let after = process.statistics().await;
    assert_eq!((after.registrants, after.logged_in), (5, 3));
    let outsider = RecordEntryRequest { event_id: world.event.clone(), registration_id: "somebody".into() };
    process.service().record_entry(outsider).await.unwrap_err();
    assert_eq!(process.statistics().await, after);
}

async fn item_19_who_watches_hears_of_each_change(world: World) {
    let (process, other) = (world.process().await, world.process().await);
    let request = WatchStatisticsRequest { event_id: world.event.clone() };
    let mut stream = process.member(Role::Analyst).watch_statistics(request).await.unwrap().into_inner();
    let mut next = async || {
        let message = tokio::time::timeout(COMES_MAX, stream.message()).await.expect("a message comes");
        message.unwrap().unwrap()
    };
    let first = next().await;
    assert_eq!((first.statistics.unwrap(), first.changed.len()), (Statistics::default(), 0));
    // From this process, then from another, then a setting alone.
    for (registrants, from) in [(1, &process), (2, &other)] {
        let row = from.register(from.person(&format!("p{registrants}@example.org"), "Person")).await;
        let message = next().await;
        assert_eq!(message.statistics.unwrap().registrants, registrants);
        assert_eq!(message.changed, [row.registration_id]);
    }
    other.update_event(&world.event, Event { rsvp: true, ..Event::default() }, "rsvp").await;
    let message = next().await;
    let statistics = message.statistics.unwrap();
    assert_eq!((statistics.registrants, statistics.invited), (0, 2));
    // Of many at once it may hear in one message. Two of these were there before.
    process.register_many(30).await;
    let mut invited = 0;
    while invited < 30 {
        let message = next().await;
        assert!(message.statistics.unwrap().invited > invited);
        invited = message.statistics.unwrap().invited;
    }
}

async fn item_21_with_rsvp_confirmed_people_are_the_registrants_and_the_setting_may_change(world: World) {
    let process = world.process().await;
    process.update_event(&world.event, Event { rsvp: true, ..Event::default() }, "rsvp").await;
    process.register_many(4).await;
    let rows = process.list(ListRegistrantsRequest::default()).await.registrations;
    for (row, rsvp) in rows.iter().zip([RsvpState::Confirmed, RsvpState::Confirmed, RsvpState::Declined]) {
        let (event_id, registration_id) = (world.event.clone(), row.registration_id.clone());
        process
            .service()
            .answer_rsvp(AnswerRsvpRequest { event_id, registration_id, rsvp: rsvp.into(), act: None })
            .await
            .unwrap();
    }
    let with = process.statistics().await;
    assert_eq!((with.registrants, with.confirmed, with.declined, with.invited), (2, 2, 1, 1));
    process.update_event(&world.event, Event::default(), "rsvp").await;
    let without = process.statistics().await;
    // Who does not come does not come by it.
    assert_eq!((without.registrants, without.confirmed, without.declined, without.invited), (3, 0, 1, 0));
    // Item 10: free events have nothing unpaid, and with a price everybody owes it.
    assert_eq!((without.unpaid, without.paid), (0, 0));
    let price = Some(Money { amount_minor: 1500, currency: "EUR".into() });
    process.update_event(&world.event, Event { price, ..Event::default() }, "price").await;
    assert_eq!(process.statistics().await.unpaid, 3);
    assert_eq!(recounted(&process, &world.event).await.1, Vec::<String>::new());
}
