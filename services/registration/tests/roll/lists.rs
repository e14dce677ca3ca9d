//! Lists: found, sorted, filtered, a page at a time, exported, packed for scanners; for those who may see them.

use std::collections::{BTreeSet, HashMap};

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tonic::Code;
use tonic_types::StatusExt as _;
use turnout_platform::auth::{Role, codes::CodePurpose};
use turnout_proto::registration::v1::{
    Act, CancelRegistrationRequest, CheckInOutcome, CheckInRequest, ExportRegistrantsRequest, GetCheckInPackRequest,
    GetStatisticsRequest, ListRegistrantsRequest, RecordEntryRequest, RegisterRequest, RegistrantFilter,
    RegistrantOrder, Registration, RegistrationState, UpdateRegistrationRequest,
};

use crate::{
    on_both_engines,
    world::{World, all_pages, comes, list},
};

on_both_engines! {
    item_5_one_person_is_found_by_name_address_or_phone,
    item_6_the_list_is_sorted_either_way_and_whole_over_its_pages,
    filters_and_both_totals,
    item_30_an_export_has_the_rows_of_the_list_in_its_order,
    item_53_roles_without_personal_fields_see_none_and_cannot_ask_by_them,
    a_page_token_opens_only_its_own_list,
    item_2_and_36_a_list_is_of_one_event_and_one_tenant,
    another_process_and_a_later_start_see_the_same_list,
    what_changes_while_a_list_is_loaded_is_not_lost,
    a_scanner_gets_every_code_by_its_hash,
}

fn search(words: &str) -> ListRegistrantsRequest {
    let filter = Some(RegistrantFilter { search: words.to_owned(), ..RegistrantFilter::default() });
    ListRegistrantsRequest { filter, ..ListRegistrantsRequest::default() }
}

fn names(rows: &[Registration]) -> Vec<&str> {
    rows.iter().map(|row| row.name.as_str()).collect()
}

async fn item_5_one_person_is_found_by_name_address_or_phone(world: World) {
    let process = world.process().await;
    process.register_many(40).await;
    let anna = RegisterRequest {
        phone: "+49 (170) 1234-567".into(),
        ..process.person("anna@mullers.example", "Anna-Maria Müller")
    };
    let anna = process.register(anna).await;
    for words in ["anna mull", "MÜLLER", "maria", "0170 1234567", "anna@"] {
        let found = process.list(search(words)).await;
        assert_eq!(names(&found.registrations), ["Anna-Maria Müller"], "{words}");
        assert_eq!((found.matching, found.total), (1, 41), "{words}");
    }
    assert_eq!(process.list(search("nobody")).await.matching, 0);
    assert_eq!(process.list(search("person p7@")).await.registrations[0].email, "p7@example.org");

    // A change of name is found at once.
    let update = UpdateRegistrationRequest {
        registration: Some(Registration { name: "Ann Smith".into(), ..anna.clone() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["name".to_owned()] }),
        ..UpdateRegistrationRequest::default()
    };
    process.service().update_registration(update).await.unwrap();
    assert_eq!(process.list(search("mull")).await.matching, 1, "by the address still");
    assert_eq!(names(&process.list(search("smith")).await.registrations), ["Ann Smith"]);
    assert_eq!(process.list(search("maria")).await.matching, 0);
}

async fn item_6_the_list_is_sorted_either_way_and_whole_over_its_pages(world: World) {
    let process = world.process().await;
    for name in ["Émile", "zoe", "Adam", "Ève", "bob", "Adam"] {
        let email = format!("{}@example.org", 100 - process.list(ListRegistrantsRequest::default()).await.total);
        process.register(process.person(&email, name)).await;
        world.clock.advance_ms(1000);
    }
    let rows = async |order: RegistrantOrder, descending| {
        let request = ListRegistrantsRequest {
            event_id: world.event.clone(),
            order: order.into(),
            descending,
            page_size: 2,
            ..Default::default()
        };
        all_pages(&mut process.member(Role::Support), request).await
    };
    let by_name = rows(RegistrantOrder::Name, false).await;
    assert_eq!(names(&by_name), ["Adam", "Adam", "bob", "Émile", "Ève", "zoe"]);
    for order in
        [RegistrantOrder::RegisteredAt, RegistrantOrder::Name, RegistrantOrder::Email, RegistrantOrder::Payment]
    {
        let mut upwards = rows(order, false).await;
        upwards.reverse();
        assert_eq!(upwards, rows(order, true).await, "{order:?}");
    }
    let times: Vec<_> =
        rows(RegistrantOrder::RegisteredAt, false).await.iter().map(|row| row.registered_at.unwrap().seconds).collect();
    assert!(times.is_sorted() && times.len() == 6);
    let emails: Vec<_> = rows(RegistrantOrder::Email, false).await.into_iter().map(|row| row.email).collect();
    assert!(emails.is_sorted());

    // Item 7: entering is seen, and who did not enter comes last either way round.
    let first = &rows(RegistrantOrder::RegisteredAt, false).await[0];
    let enter = RecordEntryRequest { event_id: world.event.clone(), registration_id: first.registration_id.clone() };
    process.service().record_entry(enter).await.unwrap();
    for descending in [false, true] {
        let entered = rows(RegistrantOrder::EnteredAt, descending).await;
        assert_eq!(entered[0].registration_id, first.registration_id);
        assert!(entered[0].first_entered_at.is_some() && entered[1..].iter().all(|row| row.first_entered_at.is_none()));
    }
}

async fn filters_and_both_totals(world: World) {
    let process = world.process().await;
    process.register_many(9).await;
    let rows = process.list(ListRegistrantsRequest::default()).await.registrations;
    for row in &rows[..3] {
        let (event_id, registration_id) = (world.event.clone(), row.registration_id.clone());
        process
            .service()
            .cancel_registration(CancelRegistrationRequest { event_id, registration_id, act: None })
            .await
            .unwrap();
    }
    for row in &rows[3..5] {
        let (event_id, registration_id) = (world.event.clone(), row.registration_id.clone());
        process
            .service()
            .check_in(CheckInRequest { event_id, registration_id, ..CheckInRequest::default() })
            .await
            .unwrap();
    }
    let matching = async |filter: RegistrantFilter| {
        let page =
            process.list(ListRegistrantsRequest { filter: Some(filter), page_size: 1, ..Default::default() }).await;
        assert_eq!(page.total, 9);
        page.matching
    };
    let states = |states: &[RegistrationState]| RegistrantFilter {
        states: states.iter().map(|state| (*state).into()).collect(),
        ..Default::default()
    };
    assert_eq!(matching(states(&[RegistrationState::Cancelled])).await, 3);
    assert_eq!(matching(states(&[RegistrationState::Registered])).await, 6);
    assert_eq!(matching(states(&[RegistrationState::Registered, RegistrationState::Cancelled])).await, 9);
    assert_eq!(matching(states(&[RegistrationState::Waiting])).await, 0);
    assert_eq!(matching(RegistrantFilter { checked_in: Some(true), ..Default::default() }).await, 2);
    assert_eq!(
        matching(RegistrantFilter { checked_in: Some(false), ..states(&[RegistrationState::Registered]) }).await,
        4
    );
    assert_eq!(matching(RegistrantFilter { entered: Some(true), ..Default::default() }).await, 0);

    for (request, field) in [
        (ListRegistrantsRequest { page_size: 501, ..Default::default() }, "page_size"),
        (ListRegistrantsRequest { page_token: "nonsense".into(), ..Default::default() }, "page_token"),
        (ListRegistrantsRequest { order: 99, ..Default::default() }, "order"),
        (search(&"x".repeat(201)), "filter.search"),
        (
            ListRegistrantsRequest {
                filter: Some(RegistrantFilter { states: vec![0], ..Default::default() }),
                ..Default::default()
            },
            "filter.states",
        ),
    ] {
        let request = ListRegistrantsRequest { event_id: world.event.clone(), ..request };
        let refused = list(&mut process.service(), request).await.unwrap_err();
        assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, field);
    }
}

async fn item_30_an_export_has_the_rows_of_the_list_in_its_order(world: World) {
    let process = world.process().await;
    process.register_many(620).await;
    let filter = Some(RegistrantFilter { search: "person".into(), ..Default::default() });
    let request = ListRegistrantsRequest {
        event_id: world.event.clone(),
        filter: filter.clone(),
        order: RegistrantOrder::Name.into(),
        descending: true,
        page_size: 333,
        ..Default::default()
    };
    let mut organiser = process.member(Role::Organiser);
    let shown = all_pages(&mut organiser, request).await;
    assert_eq!(shown.len(), 620);
    let act = Some(Act { reason: "for the caterer".into() });
    let request = ExportRegistrantsRequest {
        event_id: world.event.clone(),
        filter,
        order: RegistrantOrder::Name.into(),
        descending: true,
        act,
    };
    let parts: Vec<_> =
        organiser.export_registrants(request.clone()).await.unwrap().into_inner().try_collect().await.unwrap();
    assert_eq!(parts.iter().map(|part| part.registrations.len()).collect::<Vec<_>>(), [500, 120]);
    assert!(parts.iter().all(|part| part.matching == 620));
    let exported: Vec<_> = parts.into_iter().flat_map(|part| part.registrations).collect();
    assert_eq!(exported, shown);

    let nobody = Some(RegistrantFilter { search: "nobody".into(), ..Default::default() });
    let request = ExportRegistrantsRequest { filter: nobody, ..request };
    let parts: Vec<_> = organiser.export_registrants(request).await.unwrap().into_inner().try_collect().await.unwrap();
    assert_eq!((parts.len(), parts[0].matching, parts[0].registrations.len()), (1, 0, 0));
}

async fn item_53_roles_without_personal_fields_see_none_and_cannot_ask_by_them(world: World) {
    let process = world.process().await;
    process.register(process.person("anna@example.org", "Anna")).await;
    for role in [Role::Analyst, Role::Moderator] {
        let mut client = process.member(role);
        let request = ListRegistrantsRequest { event_id: world.event.clone(), ..Default::default() };
        let rows = list(&mut client, request.clone()).await.unwrap().registrations;
        assert_eq!((rows.len(), rows[0].name.as_str(), rows[0].email.as_str(), rows[0].code.as_str()), (1, "", "", ""));
        let searched = ListRegistrantsRequest { event_id: world.event.clone(), ..search("anna") };
        let by_name = ListRegistrantsRequest { order: RegistrantOrder::Name.into(), ..request.clone() };
        let by_email = ListRegistrantsRequest { order: RegistrantOrder::Email.into(), ..request };
        for asked in [searched, by_name, by_email] {
            assert_eq!(list(&mut client, asked).await.unwrap_err().code(), Code::FailedPrecondition);
        }
        let export = ExportRegistrantsRequest { event_id: world.event.clone(), ..Default::default() };
        assert_eq!(client.export_registrants(export).await.unwrap_err().code(), Code::PermissionDenied);
    }
    for role in [Role::Owner, Role::Organiser, Role::Support] {
        let request = ListRegistrantsRequest { event_id: world.event.clone(), ..search("anna") };
        assert_eq!(names(&list(&mut process.member(role), request).await.unwrap().registrations), ["Anna"]);
    }
}

async fn a_page_token_opens_only_its_own_list(world: World) {
    let process = world.process().await;
    process.register_many(3).await;
    let other = format!("{}-b", world.event);
    process.create_event(&other).await;
    let first = ListRegistrantsRequest { page_size: 1, order: RegistrantOrder::Name.into(), ..search("person") };
    let token = process.list(first.clone()).await.next_page_token;
    assert!(!token.contains("erson") && !token.is_empty());
    let next = ListRegistrantsRequest { page_token: token.clone(), ..first.clone() };
    assert_eq!(names(&process.list(next.clone()).await.registrations), ["Person 1"]);
    // Another number of rows goes on in the same list.
    assert_eq!(process.list(ListRegistrantsRequest { page_size: 9, ..next.clone() }).await.registrations.len(), 2);
    let mut tampered = token.clone();
    tampered.replace_range(8..9, if &token[8..9] == "A" { "B" } else { "A" });
    for wrong in [
        ListRegistrantsRequest { filter: None, ..next.clone() },
        ListRegistrantsRequest { descending: true, ..next.clone() },
        ListRegistrantsRequest { order: RegistrantOrder::Email.into(), ..next.clone() },
        ListRegistrantsRequest { page_token: tampered, ..next.clone() },
    ] {
        let wrong = ListRegistrantsRequest { event_id: world.event.clone(), ..wrong };
        assert_eq!(list(&mut process.service(), wrong).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let elsewhere = ListRegistrantsRequest { event_id: other, ..next };
    assert_eq!(list(&mut process.service(), elsewhere).await.unwrap_err().code(), Code::InvalidArgument);
}

async fn item_2_and_36_a_list_is_of_one_event_and_one_tenant(world: World) {
    let process = world.process().await;
    process.register_many(2).await;
    let other = format!("{}-b", world.event);
    process.create_event(&other).await;
    let of_other = ListRegistrantsRequest { event_id: other, ..Default::default() };
    assert_eq!(list(&mut process.service(), of_other).await.unwrap().total, 0);

    let mut stranger = process.stranger();
    let event_id = world.event.clone();
    let own = ListRegistrantsRequest { event_id: event_id.clone(), ..Default::default() };
    let unknown = ListRegistrantsRequest { event_id: "nowhere".into(), ..Default::default() };
    let (foreign, missing) =
        (list(&mut stranger, own).await.unwrap_err(), list(&mut stranger, unknown).await.unwrap_err());
    assert_eq!((foreign.code(), foreign.message()), (Code::NotFound, missing.message()));
    let act = Some(Act { reason: "curious".into() });
    let codes = [
        stranger.get_statistics(GetStatisticsRequest { event_id: event_id.clone() }).await.unwrap_err().code(),
        stranger
            .export_registrants(ExportRegistrantsRequest { event_id: event_id.clone(), act, ..Default::default() })
            .await
            .unwrap_err()
            .code(),
        stranger.get_check_in_pack(GetCheckInPackRequest { event_id }).await.unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::NotFound; 3]);
}

async fn another_process_and_a_later_start_see_the_same_list(world: World) {
    let (one, two) = (world.process().await, world.process().await);
    one.register_many(5).await;
    assert_eq!(two.list(ListRegistrantsRequest::default()).await.total, 5);
    let late = one.register(one.person("late@example.org", "Late")).await;
    comes("what another process registered", async || two.list(search("late")).await.matching == 1).await;
    let (event_id, registration_id) = (world.event.clone(), late.registration_id);
    two.service()
        .cancel_registration(CancelRegistrationRequest { event_id, registration_id, act: None })
        .await
        .unwrap();
    comes("what another process cancelled", async || one.statistics().await.cancelled == 1).await;

    let restarted = world.process().await;
    let all = async |process: &crate::world::Process| {
        let request = ListRegistrantsRequest { event_id: world.event.clone(), page_size: 4, ..Default::default() };
        all_pages(&mut process.service(), request).await
    };
    assert_eq!(all(&restarted).await, all(&one).await);
    assert_eq!(restarted.statistics().await, one.statistics().await);
}

async fn what_changes_while_a_list_is_loaded_is_not_lost(world: World) {
    let writer = world.process().await;
    writer.register_many(60).await;
    // A process that has loaded nothing yet: it registers and lists at the same time, from many callers.
    let process = world.process().await;
    let registered = futures_util::stream::iter(0..60)
        .map(|n| process.register(process.person(&format!("q{n}@example.org"), "Quick")))
        .buffer_unordered(8)
        .collect::<Vec<_>>();
    let listed = futures_util::future::join_all((0..8).map(|_| process.list(search("person"))));
    let (registered, listed) = tokio::join!(registered, listed);
    assert!(listed.iter().all(|page| page.matching == 60));
    let found: BTreeSet<String> = {
        let request = ListRegistrantsRequest { event_id: world.event.clone(), page_size: 500, ..search("quick") };
        all_pages(&mut process.service(), request).await.into_iter().map(|row| row.registration_id).collect()
    };
    assert_eq!(found, registered.into_iter().map(|row| row.registration_id).collect());
}

async fn a_scanner_gets_every_code_by_its_hash(world: World) {
    let process = world.process().await;
    process.register_many(4).await;
    let rows = process.list(ListRegistrantsRequest::default()).await.registrations;
    let (event_id, registration_id) = (world.event.clone(), rows[0].registration_id.clone());
    process
        .service()
        .cancel_registration(CancelRegistrationRequest { event_id: event_id.clone(), registration_id, act: None })
        .await
        .unwrap();
    let registration_id = rows[1].registration_id.clone();
    process
        .service()
        .check_in(CheckInRequest { event_id: event_id.clone(), registration_id, ..CheckInRequest::default() })
        .await
        .unwrap();
    let mut door = process.member(Role::Moderator);
    let parts: Vec<_> = door
        .get_check_in_pack(GetCheckInPackRequest { event_id: event_id.clone() })
        .await
        .unwrap()
        .into_inner()
        .try_collect()
        .await
        .unwrap();
    let pack: HashMap<Vec<u8>, CheckInOutcome> = parts
        .iter()
        .flat_map(|part| &part.tickets)
        .map(|ticket| (ticket.code_hash.clone(), ticket.outcome()))
        .collect();
    let wanted =
        [CheckInOutcome::Cancelled, CheckInOutcome::AlreadyIn, CheckInOutcome::Admitted, CheckInOutcome::Admitted];
    assert_eq!(pack.len(), 4);
    for (row, outcome) in rows.iter().zip(wanted) {
        let code = process.codes.make(CodePurpose::Ticket, &[&event_id, &row.registration_id]);
        assert_eq!(pack.get(&digest(&SHA256, code.as_bytes()).as_ref()[..16]), Some(&outcome));
    }
}
