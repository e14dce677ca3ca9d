//! Lists and exports of a tenant's people: searched, sorted, in pages, complete whichever process is asked.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::{StreamExt as _, stream};
use tonic::{Code, Status};
use turnout_platform::{auth::Role, ids::TenantId};
use turnout_proto::profiles::v1::{
    EnsurePersonRequest, ExportPeopleRequest, ListAuditRequest, ListPeopleRequest, ListPeopleResponse, Person,
    PersonOrder,
};

use crate::{
    bed::{Bed, Client, Stage, ensure, refused, refused_field},
    update::{PHONE, phone_change},
};

const DEADLINE: Duration = Duration::from_mins(1);

async fn list(client: &mut Client, request: ListPeopleRequest) -> Result<ListPeopleResponse, Status> {
    client.list_people(request).await.map(tonic::Response::into_inner)
}

fn searching(search: &str) -> ListPeopleRequest {
    ListPeopleRequest { search: search.into(), ..ListPeopleRequest::default() }
}

fn names(people: &[Person]) -> Vec<&str> {
    people.iter().map(|person| person.name.as_str()).collect()
}

/// All pages of a list.
async fn walk(client: &mut Client, request: ListPeopleRequest) -> Vec<Person> {
    let (mut people, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(client, ListPeopleRequest { page_token, ..request.clone() }).await.unwrap();
        people.extend(page.people);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            assert_eq!(page.matching as usize, people.len());
            return people;
        }
    }
}

async fn export(client: &mut Client, request: ExportPeopleRequest) -> Result<Vec<Person>, Status> {
    let mut parts = client.export_people(request).await?.into_inner();
    let mut people = Vec::new();
    while let Some(part) = parts.message().await? {
        people.extend(part.people);
    }
    Ok(people)
}

/// People who registered one second after the other.
async fn people(bed: &Bed, names: &[&str]) {
    for (n, name) in names.iter().enumerate() {
        bed.person(&format!("p{n}@example.org"), name).await;
        bed.clock.advance_ms(1000);
    }
}

#[tokio::test]
async fn item_5_a_person_is_found_by_name_address_or_phone() {
    for bed in Bed::each("item_5_a_person_is_found_by_name_address_or_phone").await {
        people(&bed, &["Anna Müller", "Bert Ångström", "Anna Øst"]).await;
        let bert = list(&mut bed.mesh(), searching("angstrom")).await.unwrap().people.remove(0);
        phone_change(&mut bed.mesh(), &bert.person_id, PHONE).await.unwrap();
        let mut support = bed.member(Role::Support);
        for (search, found) in [
            ("anna", vec!["Anna Müller", "Anna Øst"]),
            ("ANNA mull", vec!["Anna Müller"]),
            ("0151 12345678", vec!["Bert Ångström"]),
            ("p2@example", vec!["Anna Øst"]),
            ("nobody", vec![]),
        ] {
            let page = list(&mut support, searching(search)).await.unwrap();
            assert_eq!(names(&page.people), found, "{search}");
            assert_eq!((page.matching as usize, page.total), (found.len(), 3), "{search}");
        }
        refused_field(list(&mut support, searching(&"a".repeat(201))).await, "search");
    }
}

#[tokio::test]
async fn people_are_sorted_as_asked_and_every_page_goes_on_where_the_one_before_ended() {
    let bed = Bed::embedded().await;
    people(&bed, &["Zoe", "anna", "Émile", "bert", "Anna"]).await;
    let in_order = |order: PersonOrder, descending| ListPeopleRequest {
        order: order.into(),
        descending,
        page_size: 2,
        ..ListPeopleRequest::default()
    };
    let by_age = ["Zoe", "anna", "Émile", "bert", "Anna"];
    for (order, mut expected) in [
        (PersonOrder::Unspecified, by_age),
        (PersonOrder::CreatedAt, by_age),
        (PersonOrder::Email, by_age),
        (PersonOrder::Name, ["anna", "Anna", "bert", "Émile", "Zoe"]),
    ] {
        for descending in [false, true] {
            let found = walk(&mut bed.mesh(), in_order(order, descending)).await;
            assert_eq!(names(&found), expected, "{order:?} {descending}");
            expected.reverse();
        }
    }
}

#[tokio::test]
async fn somebody_who_comes_between_two_pages_neither_repeats_nor_hides_anybody() {
    let bed = Bed::embedded().await;
    people(&bed, &["B", "D", "F", "H"]).await;
    let mut mesh = bed.mesh();
    let request = ListPeopleRequest { order: PersonOrder::Name.into(), page_size: 2, ..ListPeopleRequest::default() };
    let first = list(&mut mesh, request.clone()).await.unwrap();
    assert_eq!(names(&first.people), ["B", "D"]);
    for (n, name) in ["A", "C", "E"].into_iter().enumerate() {
        bed.person(&format!("late{n}@example.org"), name).await;
    }
    let next = ListPeopleRequest { page_token: first.next_page_token, page_size: 50, ..request };
    assert_eq!(names(&list(&mut mesh, next).await.unwrap().people), ["E", "F", "H"]);
}

#[tokio::test]
async fn a_page_token_is_of_one_list_of_one_tenant_and_tells_nothing() {
    let bed = Bed::embedded().await;
    people(&bed, &["Canary", "Dora", "Emil"]).await;
    let by_name = ListPeopleRequest { order: PersonOrder::Name.into(), page_size: 1, ..ListPeopleRequest::default() };
    let page_token = list(&mut bed.mesh(), by_name.clone()).await.unwrap().next_page_token;
    let elsewhere: TenantId = "elsewhere".parse().unwrap();
    let of_list = ListPeopleRequest { page_token: page_token.clone(), ..by_name.clone() };
    for request in [
        ListPeopleRequest { descending: true, ..of_list.clone() },
        ListPeopleRequest { order: PersonOrder::Email.into(), ..of_list.clone() },
        ListPeopleRequest { search: "a".into(), ..of_list.clone() },
        ListPeopleRequest { page_token: "nonsense".into(), ..by_name.clone() },
        ListPeopleRequest { page_token: format!("{page_token}A"), ..by_name },
    ] {
        refused_field(list(&mut bed.mesh(), request).await, "page_token");
    }
    refused_field(list(&mut bed.mesh_for(Some(&elsewhere)), of_list.clone()).await, "page_token");
    assert_eq!(names(&list(&mut bed.mesh(), of_list).await.unwrap().people), ["Dora"]);

    let bytes = BASE64_URL_SAFE_NO_PAD.decode(page_token).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).to_lowercase().contains("canary"));
    refused_field(list(&mut bed.mesh(), ListPeopleRequest { page_size: 501, ..searching("") }).await, "page_size");
}

#[tokio::test]
async fn what_another_process_writes_is_in_the_next_list() {
    for stage in Stage::each("what_another_process_writes_is_in_the_next_list").await {
        let (one, two) = (stage.process().await, stage.process().await);
        let (mut at_one, mut at_two) = (one.mesh(), two.mesh());
        for n in 0..5 {
            let person = one.person(&format!("p{n}@example.org"), "First").await;
            assert_eq!(list(&mut at_two, searching("first")).await.unwrap().matching, n + 1);
            phone_change(&mut at_two, &person.person_id, &format!("{PHONE}{n}")).await.unwrap();
            let found = list(&mut at_one, searching(&format!("{PHONE}{n}"))).await.unwrap();
            assert_eq!(found.people.len(), 1, "the change of the other");
            one.clock.advance_ms(1000);
        }
        // Whoever has not looked for longer than changes are told reads everybody again.
        two.clock.advance_ms(10 * 3600 * 1000);
        one.person("late@example.org", "Late").await;
        assert_eq!(list(&mut two.mesh(), searching("late")).await.unwrap().total, 6);
    }
}

#[tokio::test]
async fn a_change_by_a_server_whose_clock_is_half_a_minute_behind_is_in_the_list_soon() {
    let stage = Stage::embedded().await;
    let (ahead, behind) = (stage.process().await, stage.process().await);
    ahead.clock.advance_ms(30_000);
    let mut organiser = ahead.mesh();
    assert_eq!(list(&mut organiser, searching("")).await.unwrap().total, 0);
    behind.person("late@example.org", "Late").await;
    let until = Instant::now() + DEADLINE;
    while list(&mut organiser, searching("late")).await.unwrap().total == 0 {
        assert!(Instant::now() < until, "nobody looked for what came late");
        // The clock of this process decides when it looks again.
        ahead.clock.advance_ms(1000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_while_people_come_shows_everybody_who_was_there_before_it_was_asked_for() {
    let stage = Stage::embedded().await;
    let (writer, reader) = (Arc::new(stage.process().await), stage.process().await);
    let mut known = 0;
    for round in 0..10 {
        let coming: Vec<_> = (0..20)
            .map(|n| {
                let writer = writer.clone();
                let email = format!("p{round}-{n}@example.org");
                tokio::spawn(async move {
                    let request = EnsurePersonRequest { email, ..EnsurePersonRequest::default() };
                    ensure(&mut writer.mesh(), request).await.unwrap();
                })
            })
            .collect();
        let total = list(&mut reader.mesh(), searching("")).await.unwrap().total;
        assert!((known..=known + 20).contains(&total), "{total} of {known}");
        for one in coming {
            one.await.unwrap();
        }
        known += 20;
    }
    assert_eq!(list(&mut reader.mesh(), searching("")).await.unwrap().total, known);
}

#[tokio::test]
async fn item_30_an_export_is_the_list_and_is_audited_with_its_reason() {
    for bed in Bed::each("item_30_an_export_is_the_list_and_is_audited_with_its_reason").await {
        let asked = stream::iter(0..501).map(|n| {
            let bed = &bed;
            async move { bed.person(&format!("p{n}@example.org"), &format!("Person {n}")).await }
        });
        assert_eq!(asked.buffer_unordered(16).count().await, 501);
        let mut organiser = bed.member(Role::Organiser);
        let request = ExportPeopleRequest {
            search: "example.org".into(),
            order: PersonOrder::Email.into(),
            descending: true,
            reason: "printing badges".into(),
        };
        let listed = ListPeopleRequest {
            search: request.search.clone(),
            order: request.order,
            descending: true,
            page_size: 100,
            page_token: String::new(),
        };
        let exported = export(&mut organiser, request.clone()).await.unwrap();
        assert_eq!(exported.len(), 501);
        assert_eq!(exported, walk(&mut organiser, listed).await);

        let silent = ExportPeopleRequest { reason: String::new(), ..request.clone() };
        refused_field(export(&mut organiser, silent).await, "reason");
        refused(export(&mut bed.member(Role::Support), request).await, Code::PermissionDenied);
        let log = bed.audit().list_audit(ListAuditRequest::default()).await.unwrap().into_inner().entries;
        let told: Vec<_> = log.iter().map(|e| (e.action.as_str(), e.reason.as_str(), e.actor.as_str())).collect();
        assert_eq!(told, [("people.export", "printing badges", "member:member-1")]);
    }
}

#[tokio::test]
async fn more_tenants_than_are_held_in_memory_still_get_their_own_lists() {
    let bed = Bed::embedded().await;
    let tenants: Vec<TenantId> = (0..20).map(|n| format!("tenant-{n}").parse().unwrap()).collect();
    for tenant in tenants.iter().chain(&tenants) {
        let mut mesh = bed.mesh_for(Some(tenant));
        let email = format!("{tenant}@example.org");
        let request = EnsurePersonRequest { email: email.clone(), ..EnsurePersonRequest::default() };
        ensure(&mut mesh, request).await.unwrap();
        let page = list(&mut mesh, searching("")).await.unwrap();
        assert_eq!((page.total, page.people[0].email.as_str()), (1, email.as_str()));
    }
    assert!(bed.metrics.render().contains("turnout_profiles_list_tenants 16"));
}

#[tokio::test]
async fn item_35_whoever_may_not_see_names_gets_none_and_cannot_ask_for_them() {
    let bed = Bed::embedded().await;
    let anna = bed.person("anna@example.org", "Anna").await;
    phone_change(&mut bed.mesh(), &anna.person_id, PHONE).await.unwrap();
    let request = turnout_proto::profiles::v1::GetPersonRequest { person_id: anna.person_id.clone() };
    let mut analyst = bed.member(Role::Analyst);
    let page = list(&mut analyst, searching("")).await.unwrap();
    let single = analyst.get_person(request.clone()).await.unwrap().into_inner().person.unwrap();
    for person in [&page.people[0], &single] {
        assert_eq!([&person.email, &person.name, &person.phone], ["", "", ""]);
        assert_eq!((&person.person_id, person.version), (&anna.person_id, 2));
    }
    refused(list(&mut analyst, searching("anna")).await, Code::PermissionDenied);
    let by_name = ListPeopleRequest { order: PersonOrder::Name.into(), ..searching("") };
    refused(list(&mut analyst, by_name).await, Code::PermissionDenied);
    // Whoever stands at a door sees nobody of the audience at all.
    let mut moderator = bed.member(Role::Moderator);
    refused(list(&mut moderator, searching("")).await, Code::PermissionDenied);
    refused(moderator.get_person(request).await, Code::PermissionDenied);
}
