//! The people across events, and what is done for one of them.

use tonic::Status;
use turnout_platform::auth::Role;
use turnout_proto::{
    presence::v1::{ListVisitsRequest, ListVisitsResponse, VisitSpan},
    profiles::v1::{
        AuditEntry, ExportPeopleRequest, ExportPeopleResponse, GetConsentsRequest, GetConsentsResponse,
        GetPersonRequest, GetPersonResponse, ListAuditRequest, ListAuditResponse, ListConsentLedgerRequest,
        ListConsentLedgerResponse, ListMembersRequest, ListMembersResponse, ListPeopleRequest, ListPeopleResponse,
        Member, Person, PersonOrder, SendResetLinkRequest, SendResetLinkResponse, UpdatePersonRequest,
        UpdatePersonResponse, VerifyByHandRequest, VerifyByHandResponse,
    },
    registration::v1::{
        ListRegistrationsOfPersonRequest, ListRegistrationsOfPersonResponse, PaymentState, Registration,
        RegistrationState, UpdateRegistrationRequest, UpdateRegistrationResponse,
    },
};

use crate::stage::{Stage, at};

fn person() -> Person {
    Person {
        person_id: "p1".into(),
        email: "anna@example.org".into(),
        name: "Anna".into(),
        phone: "+358401234567".into(),
        created_at: Some(at(1_795_000_000)),
        version: 2,
        ..Person::default()
    }
}

async fn stage(role: Role) -> Stage {
    let stage = Stage::with(role).await;
    stage.services.on("PeopleService/ListPeople", |_: ListPeopleRequest| {
        Ok(ListPeopleResponse { people: vec![person()], matching: 1, total: 1, ..ListPeopleResponse::default() })
    });
    stage
        .services
        .on("PeopleService/GetPerson", |_: GetPersonRequest| Ok(GetPersonResponse { person: Some(person()) }));
    stage.services.on("PeopleService/GetConsents", |_: GetConsentsRequest| Ok(GetConsentsResponse::default()));
    stage
        .services
        .on("PeopleService/ListConsentLedger", |_: ListConsentLedgerRequest| Ok(ListConsentLedgerResponse::default()));
    stage.services.on("AccountService/ListAudit", |_: ListAuditRequest| {
        Err::<ListAuditResponse, _>(Status::permission_denied("owners only"))
    });
    stage.services.on("RegistrantService/ListRegistrationsOfPerson", |_: ListRegistrationsOfPersonRequest| {
        let registration = |event_id: &str| Registration {
            event_id: event_id.into(),
            registration_id: format!("of-{event_id}"),
            state: RegistrationState::Registered.into(),
            payment: PaymentState::Unpaid.into(),
            registered_at: Some(at(1_795_000_100)),
            ..Registration::default()
        };
        let registrations = vec![registration("night"), registration("gone")];
        Ok(ListRegistrationsOfPersonResponse { registrations, ..ListRegistrationsOfPersonResponse::default() })
    });
    stage
}

#[tokio::test]
async fn the_audience_is_searched_and_sorted_as_the_address_says() {
    let stage = stage(Role::Support).await;
    let page = stage.get("/console/audience?q=anna&sort=email").await;
    page.holds("/console/audience/p1").holds("anna@example.org").holds("1 to 1 of 1");
    let asked: ListPeopleRequest = stage.services.asked("PeopleService/ListPeople").remove(0);
    assert_eq!((asked.search.as_str(), asked.order(), asked.descending), ("anna", PersonOrder::Email, false));
}

#[tokio::test]
async fn item_13_a_person_shows_every_event_with_its_states_and_names_what_cannot_be_read() {
    let stage = stage(Role::Support).await;
    let page = stage.get("/console/audience/p1").await;
    assert_eq!(page.status, 200);
    page.holds("href=\"/console/events/night/registrants/of-night\"").holds("Unpaid").holds("Opening night");
    // Messages are not scripted, so they do not answer; the audit log is not for this role and is not missed.
    page.holds("Not everything can be shown right now: messages.");
}

#[tokio::test]
async fn nobody_is_told_that_a_person_gave_no_consent_or_has_no_registration_unless_that_was_read() {
    let analyst = stage(Role::Analyst).await;
    analyst.get("/console/audience/p1").await.lacks("has given no consent").lacks("Consents</h2>");
    let support = stage(Role::Support).await;
    support.get("/console/audience/p1").await.holds("This person has given no consent.");
    support.services.on("PeopleService/GetConsents", |_: GetConsentsRequest| {
        Err::<GetConsentsResponse, _>(Status::unavailable("not now"))
    });
    support.services.on("RegistrantService/ListRegistrationsOfPerson", |_: ListRegistrationsOfPersonRequest| {
        Err::<ListRegistrationsOfPersonResponse, _>(Status::unavailable("not now"))
    });
    let page = support.get("/console/audience/p1").await;
    page.holds("The consents cannot be read right now.").lacks("has given no consent");
    page.holds("The registrations cannot be read right now.").lacks("No registration.");
}

#[tokio::test]
async fn item_14_the_timeline_says_for_how_long_a_person_watched_which_event() {
    let stage = stage(Role::Analyst).await;
    let registrations = || {
        let came = |event_id: &str, first_entered_at| Registration {
            event_id: event_id.into(),
            registration_id: format!("of-{event_id}"),
            first_entered_at,
            ..Registration::default()
        };
        // The second one never came in, so nothing is asked about it.
        vec![came("night", Some(at(1_795_000_200))), came("gone", None)]
    };
    stage.services.on("RegistrantService/ListRegistrationsOfPerson", move |_: ListRegistrationsOfPersonRequest| {
        let registrations = registrations();
        Ok(ListRegistrationsOfPersonResponse { registrations, ..ListRegistrationsOfPersonResponse::default() })
    });
    let span = |from: i64, until: i64| VisitSpan {
        from: Some(at(1_795_000_000 + from)),
        until: Some(at(1_795_000_000 + until)),
        lasting: false,
    };
    // In two parts; the page was reloaded after 20 minutes, and the person came back after an hour.
    stage.services.on("PresenceService/ListVisits", move |asked: ListVisitsRequest| {
        Ok(if asked.from.unwrap().seconds < 1_795_001_000 {
            ListVisitsResponse { spans: vec![span(240, 1_440)], next_from: Some(at(1_795_001_445)) }
        } else {
            ListVisitsResponse { spans: vec![span(1_450, 2_760), span(6_000, 6_010)], next_from: None }
        })
    });
    let page = stage.get("/console/audience/p1").await;
    page.holds("Watched for 41 min (13:10–13:52)").holds("Watched for less than a minute (14:46–14:46)");
    page.holds("Times in Europe/Helsinki").lacks("when they watched");
    let asked: Vec<ListVisitsRequest> = stage.services.asked("PresenceService/ListVisits");
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|asked| asked.event_id == "night" && asked.room_id.is_empty()));
    assert!(asked[0].viewer > 0 && asked[0].viewer == asked[1].viewer, "{asked:?}");
    assert_eq!(asked[0].from, Some(at(1_795_000_140)), "from the entry on, as clocks go");
    assert_eq!(asked[1].from, Some(at(1_795_001_445)));

    // What is left after all questions, and what cannot be read, is said.
    stage.services.on("PresenceService/ListVisits", move |_: ListVisitsRequest| {
        Ok(ListVisitsResponse { spans: vec![span(240, 1_440)], next_from: Some(at(1_795_001_445)) })
    });
    stage.get("/console/audience/p1").await.holds("more of when they watched").holds("Watched for 20 min");
    stage.services.on("PresenceService/ListVisits", |_: ListVisitsRequest| {
        Err::<ListVisitsResponse, _>(Status::unavailable("not now"))
    });
    stage
        .get("/console/audience/p1")
        .await
        .holds("when they watched")
        .lacks("Watched for")
        .holds("Entered the event page");
}

#[tokio::test]
async fn item_12_and_24_to_26_the_acts_reach_the_right_person_with_their_reason() {
    let stage = stage(Role::Support).await;
    let (verify, reset, update) =
        ("PeopleService/VerifyByHand", "AccountService/SendResetLink", "PeopleService/UpdatePerson");
    stage.services.on(verify, |_: VerifyByHandRequest| Ok(VerifyByHandResponse::default()));
    stage.services.on(reset, |_: SendResetLinkRequest| Ok(SendResetLinkResponse::default()));
    stage.services.on(update, |_: UpdatePersonRequest| {
        Ok(UpdatePersonResponse { person: Some(Person { phone: "+3585012345".into(), ..person() }) })
    });
    let of = |id: &str, phone: &str, state: RegistrationState| Registration {
        registration_id: id.into(),
        phone: phone.into(),
        state: state.into(),
        ..Registration::default()
    };
    let registrations = vec![
        of("old", "+358401234567", RegistrationState::Registered),
        of("none", "", RegistrationState::Registered),
        of("cancelled", "+358401234567", RegistrationState::Cancelled),
        of("new", "+3585012345", RegistrationState::Waiting),
    ];
    stage.services.on("RegistrantService/ListRegistrationsOfPerson", move |_: ListRegistrationsOfPersonRequest| {
        let registrations = registrations.clone();
        Ok(ListRegistrationsOfPersonResponse { registrations, ..ListRegistrationsOfPersonResponse::default() })
    });
    let follows = "RegistrantService/UpdateRegistration";
    stage.services.on(follows, |_: UpdateRegistrationRequest| Ok(UpdateRegistrationResponse::default()));
    let reason = ("reason", "called us");
    let form = [reason, ("phone", "+358 50 1"), ("version", "2")];
    for act in ["verify", "reset", "phone"] {
        let answer = stage.post(&format!("/console/audience/p1/{act}"), &form).await;
        assert_eq!(answer.header("location"), Some(format!("/console/audience/p1?did={act}").as_str()));
    }
    let verified: VerifyByHandRequest = stage.services.asked(verify).remove(0);
    let sent: SendResetLinkRequest = stage.services.asked(reset).remove(0);
    let changed: UpdatePersonRequest = stage.services.asked(update).remove(0);
    assert_eq!((verified.person_id.as_str(), verified.reason.as_str()), ("p1", "called us"));
    assert_eq!((sent.person_id.as_str(), sent.reason.as_str()), ("p1", "called us"));
    assert_eq!((changed.expected_version, changed.reason.as_str()), (2, "called us"));
    assert_eq!(changed.update_mask.unwrap().paths, ["phone"]);
    // The number of a registration that stands is the person's from now on.
    let followed: Vec<UpdateRegistrationRequest> = stage.services.asked(follows);
    let followed: Vec<_> =
        followed.into_iter().map(|asked| (asked.registration.unwrap(), asked.act.unwrap())).collect();
    assert_eq!(followed.len(), 1);
    assert_eq!((followed[0].0.registration_id.as_str(), followed[0].0.phone.as_str()), ("old", "+3585012345"));
    assert_eq!(followed[0].1.reason, "called us");
    assert_eq!(stage.post("/console/audience/p1/nonsense", &[reason]).await.status, 404);
}

#[tokio::test]
async fn a_refused_act_leaves_its_form_open_with_what_was_entered() {
    let stage = stage(Role::Support).await;
    stage.services.on("PeopleService/UpdatePerson", |_: UpdatePersonRequest| {
        Err::<UpdatePersonResponse, _>(Status::permission_denied(""))
    });
    let page = stage.post("/console/audience/p1/phone", &[("phone", "+99 1"), ("reason", "new phone")]).await;
    assert_eq!(page.status, 403);
    page.holds("Your role does not allow this.").holds("value=\"+99 1\"").holds("<details class=\"act\" open>");
}

#[tokio::test]
async fn people_are_exported_with_the_columns_of_the_list() {
    let stage = stage(Role::Organiser).await;
    let part = ExportPeopleResponse { people: vec![person()], matching: 1 };
    stage.services.streams::<ExportPeopleRequest, _>("PeopleService/ExportPeople", &[part], tonic::Code::Ok);
    let file = stage.post("/console/audience/export", &[("format", "json"), ("reason", "a letter")]).await;
    let read: serde_json::Value = serde_json::from_str(&file.body).unwrap();
    assert_eq!(read["rows"][0]["email"], "anna@example.org");
    assert_eq!(read["complete"], true);
}

#[tokio::test]
async fn a_role_that_may_not_see_people_is_told_so() {
    let stage = stage(Role::Moderator).await;
    stage.services.on("PeopleService/ListPeople", |_: ListPeopleRequest| {
        Err::<ListPeopleResponse, _>(Status::permission_denied(""))
    });
    let page = stage.get("/console/audience").await;
    assert_eq!(page.status, 403);
    page.holds("Your role does not open this page");
}

#[tokio::test]
async fn item_35_the_audit_log_names_members_to_owners_and_leads_nobody_else_to_the_team() {
    for (role, is_owner) in [(Role::Owner, true), (Role::Organiser, false)] {
        let stage = stage(role).await;
        stage.services.on("AccountService/ListAudit", |_: ListAuditRequest| {
            let entry = AuditEntry { actor: "member:m1".into(), subject: "member:m2".into(), ..AuditEntry::default() };
            Ok(ListAuditResponse { entries: vec![entry], ..ListAuditResponse::default() })
        });
        stage.services.on("AccountService/ListMembers", |_: ListMembersRequest| {
            let member = Member { account_id: "m1".into(), email: "mia@example.org".into(), ..Member::default() };
            Ok(ListMembersResponse { members: vec![member], ..ListMembersResponse::default() })
        });
        let page = stage.get("/console/audit").await;
        page.holds("Member m2");
        for (text, is_seen) in [("mia@example.org", is_owner), ("href=\"/console/team\"", is_owner)] {
            assert_eq!(page.body.contains(text), is_seen, "{text} for {role}");
        }
        let asked = stage.services.asked::<ListMembersRequest>("AccountService/ListMembers").len();
        assert_eq!(asked > 0, is_owner, "{role}");
    }
}
