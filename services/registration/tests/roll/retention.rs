//! Retention: what is removed when, and that nothing else is.

use turnout_platform::{auth::Role, tables::Row};
use turnout_proto::registration::v1::{
    ApplyRetentionRequest, ApplyRetentionResponse, CancelRegistrationRequest, ChangeEventStateRequest, Event,
    EventState, GetRegistrantSettingsRequest, ListRegistrantsRequest, ListRegistrationsOfPersonRequest,
    PutRegistrantSettingsRequest, RegisterRequest, RegistrantFilter, RegistrantSettings, RegistrationState,
    RemovalState, RetentionOfEvent, RetentionRemoval,
};
use turnout_registration::TABLES;

use crate::{
    on_both_engines,
    world::{Process, START_AT_MS, World, comes, is_busy},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// More than any step of a removal.
const MANY: usize = 2100;

on_both_engines! {
    item_33_and_34_personal_data_goes_when_the_tenant_says_so_and_not_before,
    item_33_a_policy_is_applied_every_day_by_one_of_the_processes_and_the_log_names_its_version,
    item_34_without_a_policy_nothing_is_removed_however_old_it_is,
    item_33_what_is_cleared_is_not_read_again_until_somebody_registers_late,
    item_33_what_nobody_can_read_stops_no_removal_which_says_how_much_that_was,
    item_33_only_another_number_of_days_that_is_stored_gives_a_day_of_grace,
    item_33_an_event_that_nobody_ended_is_over_when_it_was_planned_to_be,
    item_33_who_registers_again_after_everything_was_removed_is_registered_like_anybody_new,
    item_33_a_removal_of_thousands_goes_on_by_itself_is_seen_and_outlives_its_process,
}

async fn apply(process: &Process, dry_run: bool) -> ApplyRetentionResponse {
    loop {
        match process.member(Role::Owner).apply_retention(ApplyRetentionRequest { dry_run }).await {
            Ok(answer) => return answer.into_inner(),
            Err(refused) => assert!(is_busy(&refused), "{refused:?}"),
        }
    }
}

/// The last removal.
async fn removal(process: &Process) -> Option<RetentionRemoval> {
    loop {
        match process.member(Role::Owner).get_registrant_settings(GetRegistrantSettingsRequest {}).await {
            Ok(answer) => return answer.into_inner().removal,
            Err(refused) => assert!(is_busy(&refused), "{refused:?}"),
        }
    }
}

async fn is_done(process: &Process) -> bool {
    removal(process).await.is_some_and(|removal| removal.state() == RemovalState::Done)
}

/// What is due is removed, all of it. How many registrations that were.
async fn remove(process: &Process) -> i64 {
    let begun = apply(process, false).await.removal.unwrap();
    assert_eq!((begun.state(), begun.ended_at), (RemovalState::UnderWay, None));
    comes("the end of the removal", async || is_done(process).await).await;
    removal(process).await.unwrap().removed
}

async fn change_state(process: &Process, event: &str, state: EventState) {
    let request = ChangeEventStateRequest { event_id: event.to_owned(), state: state.into(), expected_version: 0 };
    process.events().change_event_state(request).await.unwrap();
}

async fn found(process: &Process, search: &str) -> i64 {
    let filter = Some(RegistrantFilter { search: search.to_owned(), ..RegistrantFilter::default() });
    process.list(ListRegistrantsRequest { filter, ..ListRegistrantsRequest::default() }).await.matching
}

async fn item_33_and_34_personal_data_goes_when_the_tenant_says_so_and_not_before(world: World) {
    let (process, other) = (world.process().await, world.process().await);
    process.register_many(70).await;
    let nickname = RegisterRequest {
        nickname: "ghost".into(),
        idempotency_key: "a-key-for-the-ghost".into(),
        ..process.person("", "")
    };
    process.register(nickname).await;
    let rows = process.list(ListRegistrantsRequest::default()).await.registrations;
    let person = rows.into_iter().find(|row| !row.person_id.is_empty()).unwrap();
    assert_eq!((found(&other, "person").await, found(&other, "ghost").await), (70, 1));
    let statistics = process.statistics().await;

    change_state(&process, &world.event, EventState::Live).await;
    change_state(&process, &world.event, EventState::Ended).await;
    world.clock.advance_ms(400 * DAY_MS);
    assert_eq!(apply(&process, false).await, ApplyRetentionResponse::default(), "nobody has chosen anything");
    let settings = Some(RegistrantSettings { threshold: 5, retention_days: 401, version: 0 });
    let mut owner = process.member(Role::Owner);
    owner.put_registrant_settings(PutRegistrantSettingsRequest { settings }).await.unwrap();
    let nothing = ApplyRetentionResponse { settings_version: 1, ..Default::default() };
    assert_eq!(apply(&process, true).await, nothing, "not due yet");
    assert_eq!(remove(&process).await, 0);
    assert_eq!(found(&process, "person").await, 70);

    world.clock.advance_ms(2 * DAY_MS);
    let (event_id, title) = (world.event.clone(), "Gala".to_owned());
    let due = RetentionOfEvent { event_id, title, registrations: 71, never_ended: false };
    assert_eq!(apply(&process, true).await, ApplyRetentionResponse { events: vec![due], ..nothing.clone() });
    assert_eq!(found(&process, "person").await, 70, "a dry run removes nothing");
    assert_eq!(remove(&process).await, 71);
    let done = removal(&other).await.unwrap();
    assert_eq!((done.due, done.settings_version, done.ended_at.is_some()), (Some(71), 1, true));
    assert_eq!(apply(&process, true).await, nothing);

    // Gone from reads, searches and the person's own list, here and in other processes; the rows and their figures stay.
    let restarted = world.process().await;
    for process in [&process, &other, &restarted] {
        comes("forgetting", async || found(process, "person").await + found(process, "ghost").await == 0).await;
        let page = process.list(ListRegistrantsRequest { page_size: 500, ..ListRegistrantsRequest::default() }).await;
        assert_eq!((page.total, page.registrations.len()), (71, 71));
        for row in &page.registrations {
            let personal = [&row.email, &row.name, &row.phone, &row.nickname, &row.person_id];
            assert!(personal.iter().all(|field| field.is_empty()) && row.answers.is_empty());
            assert!(row.registered_at.is_some());
        }
        let now = process.statistics().await;
        assert_eq!((now.registrants, now.hybrid), (statistics.registrants, statistics.hybrid));
    }
    let person_id = person.person_id;
    let request = ListRegistrationsOfPersonRequest { person_id, ..ListRegistrationsOfPersonRequest::default() };
    let of_person = process.service().list_registrations_of_person(request).await.unwrap().into_inner();
    assert!(of_person.registrations.is_empty());
}

async fn ended(world: &World, process: &Process) {
    change_state(process, &world.event, EventState::Live).await;
    change_state(process, &world.event, EventState::Ended).await;
}

async fn put(process: &Process, retention_days: i32, version: i64) {
    let settings = Some(RegistrantSettings { threshold: 5, retention_days, version });
    let mut owner = process.member(Role::Owner);
    owner.put_registrant_settings(PutRegistrantSettingsRequest { settings }).await.unwrap();
}

/// What the audit log says of retention.
fn applied(world: &World) -> Vec<(String, String, String)> {
    let applied = world.profiles.audits().into_iter().filter(|entry| entry.action == "retention.apply");
    applied.map(|entry| (entry.actor, entry.subject, entry.detail)).collect()
}

async fn item_33_a_policy_is_applied_every_day_by_one_of_the_processes_and_the_log_names_its_version(world: World) {
    let process = world.process().await;
    process.register_many(30).await;
    ended(&world, &process).await;
    world.clock.advance_ms(400 * DAY_MS);
    put(&process, 30, 0).await;
    put(&process, 60, 1).await;

    // A policy can be taken back for a day. A process looks when it starts.
    world.clock.advance_ms(DAY_MS - 1);
    let early = world.process().await;
    assert_eq!(found(&early, "person").await, 30);

    world.clock.advance_ms(2);
    let processes = futures_util::future::join_all((0..3).map(|_| world.process())).await;
    for process in processes.iter().chain([&early]) {
        comes("the end of retention", async || found(process, "person").await == 0).await;
        let page = process.list(ListRegistrantsRequest::default()).await;
        assert_eq!(page.total, 30);
    }
    let is_at_it = |process: &&Process| process.counted("turnout_registration_retention_registrations_cleared") > 0;
    let all = processes.iter().chain([&early, &process]);
    assert_eq!(all.filter(is_at_it).count(), 1, "one of the processes does it all");
    let event = format!("event:{}", world.event);
    let entry = ("service:registration".to_owned(), event, "settings version 2: 60 days".to_owned());
    assert_eq!(applied(&world), [entry]);
    let settings: Vec<_> =
        world.profiles.audits().into_iter().filter(|entry| entry.action.contains("settings")).collect();
    let said = ["version 1: threshold 5, retention 30 days", "version 2: threshold 5, retention 60 days"];
    assert_eq!(settings.iter().map(|entry| entry.detail.as_str()).collect::<Vec<_>>(), said);
    assert!(settings.iter().all(|entry| entry.actor == "member:m1"));
}

async fn item_34_without_a_policy_nothing_is_removed_however_old_it_is(world: World) {
    let process = world.process().await;
    process.register_many(3).await;
    ended(&world, &process).await;
    // One that was taken back is none.
    put(&process, 1, 0).await;
    put(&process, 0, 1).await;
    world.clock.advance_ms(4000 * DAY_MS);
    for _ in 0..2 {
        let later = world.process().await;
        let request = ApplyRetentionRequest { dry_run: false };
        let answer = later.member(Role::Owner).apply_retention(request).await.unwrap().into_inner();
        assert!(answer.events.is_empty() && answer.removal.is_none());
        assert_eq!(found(&later, "person").await, 3);
        world.clock.advance_ms(4000 * DAY_MS);
    }
    assert!(applied(&world).is_empty());
}

/// A row of the event's registrations that nobody can read.
async fn spoil(world: &World) {
    let table = TABLES.iter().find(|table| table.name == "registrations_by_event").unwrap();
    let row = Row::new(table)
        .set("event_id", world.event.as_str())
        .set("shard", 0_i64)
        .set("registration_id", "unreadable")
        .set("version", 1_i64);
    world.tables.put(row).await.unwrap();
}

async fn item_33_what_is_cleared_is_not_read_again_until_somebody_registers_late(world: World) {
    let process = world.process().await;
    process.register_many(3).await;
    ended(&world, &process).await;
    put(&process, 30, 0).await;
    world.clock.advance_ms(31 * DAY_MS);
    assert_eq!(remove(&process).await, 3);
    assert_eq!(found(&process, "person").await, 0);

    process.register(process.person("late@example.org", "Late")).await;
    let due = |answer: ApplyRetentionResponse| answer.events.iter().map(|event| event.registrations).sum::<i64>();
    assert_eq!(due(apply(&process, true).await), 1);
    // As long as another might be on its way, it is cleared and yet not taken for the last.
    assert_eq!(remove(&process).await, 1);
    process.register(process.person("later@example.org", "Later")).await;
    assert_eq!(remove(&process).await, 1);
    world.clock.advance_ms(DAY_MS);
    assert_eq!(remove(&process).await, 0);

    spoil(&world).await;
    assert_eq!(due(apply(&process, true).await), 0);
    assert_eq!(remove(&process).await, 0);
    assert_eq!(removal(&process).await.unwrap().unreadable, 0, "nobody looked");
    process.register(process.person("last@example.org", "Last")).await;
    assert_eq!(due(apply(&process, true).await), 1);
    assert_eq!(remove(&process).await, 1);
    assert_eq!(removal(&process).await.unwrap().unreadable, 1, "it is read again");
}

async fn item_33_what_nobody_can_read_stops_no_removal_which_says_how_much_that_was(world: World) {
    let process = world.process().await;
    process.register_many(30).await;
    let broken = format!("{}-broken", world.event);
    process.create_event(&broken).await;
    ended(&world, &process).await;
    put(&process, 30, 0).await;
    world.clock.advance_ms(31 * DAY_MS);
    spoil(&world).await;
    let events = TABLES.iter().find(|table| table.name == "events_by_id").unwrap();
    let row = world.tables.get(events, vec![broken.as_str().into()]).await.unwrap().unwrap();
    let version = row.int("version");
    world.tables.put_if_version(row.set("state", "another").set("version", version + 1), version).await.unwrap();

    assert_eq!(remove(&process).await, 30);
    let done = removal(&process).await.unwrap();
    assert_eq!((done.due, done.unreadable), (Some(30), 2), "a registration and an event");
    assert_eq!(process.counted("turnout_registration_retention_rows_unreadable"), 2);
    // Whatever of it can be read one day is found by the removals of that day.
    assert_eq!(remove(&process).await, 0);
    assert_eq!(removal(&process).await.unwrap().unreadable, 2);
}

async fn item_33_only_another_number_of_days_that_is_stored_gives_a_day_of_grace(world: World) {
    let process = world.process().await;
    process.register_many(3).await;
    ended(&world, &process).await;
    put(&process, 30, 0).await;
    world.clock.advance_ms(31 * DAY_MS);
    // The same days with another threshold, and other days in the place of a version that is not there any more.
    let request = |threshold, retention_days, version| PutRegistrantSettingsRequest {
        settings: Some(RegistrantSettings { threshold, retention_days, version }),
    };
    let mut owner = process.member(Role::Owner);
    owner.put_registrant_settings(request(7, 30, 1)).await.unwrap();
    owner.put_registrant_settings(request(7, 60, 1)).await.unwrap_err();
    let later = world.process().await;
    comes("the end of retention", async || found(&later, "person").await == 0).await;
}

async fn item_33_an_event_that_nobody_ended_is_over_when_it_was_planned_to_be(world: World) {
    let process = world.process().await;
    process.register_many(2).await;
    put(&process, 10, 0).await;
    // It begins an hour from the start, with no planned end: a day later it counts as over, and while it is live, a month later.
    world.clock.advance_ms(11 * DAY_MS);
    assert!(apply(&process, true).await.events.is_empty());
    world.clock.advance_ms(3_600_000 + 1);
    let due = apply(&process, true).await.events;
    assert_eq!((due.len(), due[0].registrations, due[0].never_ended), (1, 2, true));
    change_state(&process, &world.event, EventState::Live).await;
    assert!(apply(&process, true).await.events.is_empty());
    world.clock.advance_ms(29 * DAY_MS);
    assert_eq!(apply(&process, true).await.events, due);

    // A planned end counts in the place of that day.
    let ends_at = Some(prost_types::Timestamp { seconds: (START_AT_MS + 60 * DAY_MS) as i64 / 1000, nanos: 0 });
    process.update_event(&world.event, Event { ends_at, ..Event::default() }, "ends_at").await;
    assert!(apply(&process, true).await.events.is_empty());
    assert_eq!(remove(&process).await, 0);
    world.clock.advance_ms(30 * DAY_MS);
    assert_eq!(remove(&process).await, 2);
    assert_eq!(found(&process, "person").await, 0);
}

async fn item_33_a_removal_of_thousands_goes_on_by_itself_is_seen_and_outlives_its_process(world: World) {
    let first = world.process().await;
    first.register_many(MANY).await;
    ended(&world, &first).await;
    put(&first, 30, 0).await;
    world.clock.advance_ms(31 * DAY_MS);
    let due = apply(&first, true).await;
    // A store that has too much to do is not waited for: then it is said that there is more.
    let counted = due.events[0].registrations;
    assert!(if due.more { counted < MANY as i64 } else { counted == MANY as i64 }, "{due:?}");

    // It is seen while it goes on, and asking again is asking for the same.
    let begun = apply(&first, false).await.removal.unwrap();
    comes("some progress", async || removal(&first).await.unwrap().removed > 0).await;
    let seen = removal(&first).await.unwrap();
    assert_eq!((seen.state(), seen.due, seen.began_at), (RemovalState::UnderWay, Some(MANY as i64), begun.began_at));
    assert_eq!(apply(&first, false).await.removal.unwrap().began_at, begun.began_at);

    // The process dies in the middle. Another goes on once the claim has run out, and counts what it finds.
    drop(first);
    world.clock.advance_ms(60_001);
    let second = world.process().await;
    comes("the end of the removal", async || is_done(&second).await).await;
    let done = removal(&second).await.unwrap();
    assert_eq!((done.due, done.removed, done.began_at), (Some(MANY as i64), MANY as i64, begun.began_at));
    assert_eq!(found(&second, "person").await, 0);
    let entries = applied(&world);
    assert_eq!((entries.len(), entries[0].0.as_str()), (1, "member:m1"), "one entry for the event");
}

async fn item_33_who_registers_again_after_everything_was_removed_is_registered_like_anybody_new(world: World) {
    let process = world.process().await;
    let asked = [process.person("anna@example.org", "Anna"), process.person("bert@example.org", "Bert")];
    let anna = process.register(asked[0].clone()).await;
    let bert = process.register(asked[1].clone()).await;
    let (event_id, registration_id) = (world.event.clone(), bert.registration_id.clone());
    process
        .service()
        .cancel_registration(CancelRegistrationRequest { event_id, registration_id, act: None })
        .await
        .unwrap();
    ended(&world, &process).await;
    put(&process, 30, 0).await;
    world.clock.advance_ms(31 * DAY_MS);
    assert_eq!(remove(&process).await, 2);
    change_state(&process, &world.event, EventState::Live).await;
    for (request, before) in asked.into_iter().zip([anna, bert]) {
        let again = process.register(request.clone()).await;
        assert_eq!((&again.registration_id, &again.email), (&before.registration_id, &request.email));
        assert!(again.version > before.version && !again.person_id.is_empty());
        assert_eq!(again.state(), RegistrationState::Registered);
        let request = ListRegistrationsOfPersonRequest {
            person_id: again.person_id.clone(),
            ..ListRegistrationsOfPersonRequest::default()
        };
        let of_person = process.service().list_registrations_of_person(request).await.unwrap().into_inner();
        assert_eq!(of_person.registrations, [again]);
    }
}
