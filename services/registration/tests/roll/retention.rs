//! Retention: what is removed when, and that nothing else is.

use turnout_platform::{auth::Role, tables::Row};
use turnout_proto::registration::v1::{
    ApplyRetentionRequest, ApplyRetentionResponse, ChangeEventStateRequest, EventState, ListRegistrantsRequest,
    ListRegistrationsOfPersonRequest, PutRegistrantSettingsRequest, RegisterRequest, RegistrantFilter,
    RegistrantSettings, RetentionOfEvent,
};
use turnout_registration::TABLES;

use crate::{
    on_both_engines,
    world::{Process, World, comes, is_busy},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

on_both_engines! {
    item_33_and_34_personal_data_goes_when_the_tenant_says_so_and_not_before,
    item_33_a_policy_is_applied_every_day_by_one_of_the_processes_and_the_log_names_its_version,
    item_34_without_a_policy_nothing_is_removed_however_old_it_is,
    item_33_what_is_cleared_is_not_read_again_until_somebody_registers_late,
    item_33_only_another_number_of_days_that_is_stored_gives_a_day_of_grace,
}

async fn apply(process: &Process, dry_run: bool) -> ApplyRetentionResponse {
    loop {
        match process.member(Role::Owner).apply_retention(ApplyRetentionRequest { dry_run }).await {
            Ok(answer) => return answer.into_inner(),
            Err(refused) => assert!(is_busy(&refused), "{refused:?}"),
        }
    }
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
    let nothing = ApplyRetentionResponse { events: Vec::new(), settings_version: 1 };
    assert_eq!(apply(&process, false).await, nothing, "not due yet");
    assert_eq!(found(&process, "person").await, 70);

    world.clock.advance_ms(2 * DAY_MS);
    let due = RetentionOfEvent { event_id: world.event.clone(), title: "Gala".into(), registrations: 71 };
    let due = ApplyRetentionResponse { events: vec![due], settings_version: 1 };
    assert_eq!(apply(&process, true).await, due);
    assert_eq!(found(&process, "person").await, 70, "a dry run removes nothing");
    // Had the store been too busy, a second call would have cleared the rest only.
    let cleared = apply(&process, false).await;
    assert!(cleared == due || cleared.events.iter().all(|event| event.registrations < 71), "{cleared:?}");
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
    let request = ListRegistrationsOfPersonRequest { person_id: person.person_id };
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
        assert!(later.member(Role::Owner).apply_retention(request).await.unwrap().into_inner().events.is_empty());
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
    while !apply(&process, false).await.events.is_empty() {}
    assert_eq!(found(&process, "person").await, 0);

    process.register(process.person("late@example.org", "Late")).await;
    let due = |answer: ApplyRetentionResponse| answer.events.iter().map(|event| event.registrations).sum::<i64>();
    assert_eq!(due(apply(&process, true).await), 1);
    // As long as another might be on its way, it is cleared and yet not taken for the last.
    assert_eq!(due(apply(&process, false).await), 1);
    process.register(process.person("later@example.org", "Later")).await;
    assert_eq!(due(apply(&process, false).await), 1);
    world.clock.advance_ms(DAY_MS);
    assert_eq!(due(apply(&process, false).await), 0);

    spoil(&world).await;
    for dry_run in [true, false] {
        let request = ApplyRetentionRequest { dry_run };
        let answer = process.member(Role::Owner).apply_retention(request).await.unwrap().into_inner();
        assert_eq!(due(answer), 0);
    }
    process.register(process.person("last@example.org", "Last")).await;
    let request = ApplyRetentionRequest { dry_run: true };
    assert!(process.member(Role::Owner).apply_retention(request).await.is_err(), "it is read again");
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
