//! Registering: one registration an address and event, forms and answers, consents, nicknames.

use std::collections::HashMap;

use tonic::{Code, Status};
use turnout_platform::auth::{CodePurpose, Codes, MeshKey, Role};
use turnout_proto::{
    common::v1::LocalizedText,
    registration::v1::{
        Act, AttendanceMode, CancelRegistrationRequest, CheckInOutcome, CheckInRequest, ConsentQuestion, Event,
        FieldType, Form, FormField, GetFormRequest, GetRegistrationRequest, LegalBasis,
        ListRegistrationsOfPersonRequest, PutFormRequest, RegisterRequest, RegisterResponse, Registration,
        RegistrationState, ResolveCodeRequest, UpdateEventRequest, UpdateRegistrationRequest,
    },
};

use crate::{
    bed::{Bed, Registrants, create_event, open_tables, refused, refused_field},
    profiles::FakeProfiles,
};

/// An event `gala` of the tenant `acme` that is open for registration, with these settings.
pub async fn open_event(bed: &Bed, settings: Event, paths: &[&str]) -> Registrants {
    let mut organiser = bed.mesh(Some("acme"));
    create_event(&mut organiser, "gala", "Gala").await.unwrap();
    update_event(bed, Event { published: true, ..settings }, &[paths, &["published"]].concat()).await;
    bed.registrants(Some("acme"))
}

pub async fn update_event(bed: &Bed, settings: Event, paths: &[&str]) -> Event {
    let update_mask = Some(mask(paths));
    let event = Some(Event { event_id: "gala".into(), ..settings });
    let request = UpdateEventRequest { event, update_mask, expected_version: 0 };
    bed.mesh(Some("acme")).update_event(request).await.unwrap().into_inner().event.unwrap()
}

pub fn mask(paths: &[&str]) -> prost_types::FieldMask {
    prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}

pub fn person(email: &str) -> RegisterRequest {
    RegisterRequest { event_id: "gala".into(), email: email.into(), name: "Anna".into(), ..RegisterRequest::default() }
}

pub async fn register(client: &mut Registrants, request: RegisterRequest) -> Result<RegisterResponse, Status> {
    Ok(client.register(request).await?.into_inner())
}

pub async fn registered(client: &mut Registrants, email: &str) -> Registration {
    register(client, person(email)).await.unwrap().registration.unwrap()
}

pub async fn get(client: &mut Registrants, registration_id: &str) -> Registration {
    let request = GetRegistrationRequest { event_id: "gala".into(), registration_id: registration_id.into() };
    client.get_registration(request).await.unwrap().into_inner().registration.unwrap()
}

pub async fn cancel(client: &mut Registrants, registration_id: &str) -> Registration {
    let (event_id, registration_id) = ("gala".into(), registration_id.into());
    let request = CancelRegistrationRequest { event_id, registration_id, act: None };
    client.cancel_registration(request).await.unwrap().into_inner().registration.unwrap()
}

fn text(text: &str) -> Option<LocalizedText> {
    Some(LocalizedText { texts: HashMap::from([("en".to_owned(), text.to_owned())]) })
}

fn field(key: &str, kind: FieldType) -> FormField {
    FormField {
        key: key.into(),
        r#type: kind.into(),
        label: text("Label"),
        purpose: text("Purpose"),
        basis: LegalBasis::Contract.into(),
        ..FormField::default()
    }
}

async fn put_form(bed: &Bed, fields: Vec<FormField>, expected_version: i64) -> Result<Form, Status> {
    let question = ConsentQuestion { purpose: "marketing".into(), channel: "email".into(), text: text("Send me news") };
    let form = Form { event_id: "gala".into(), fields, consents: vec![question], ..Form::default() };
    let request = PutFormRequest { form: Some(form), expected_version };
    Ok(bed.registrants_as("acme", Role::Organiser).put_form(request).await?.into_inner().form.unwrap())
}

#[tokio::test]
async fn item_2_a_person_is_registered_for_that_event_and_for_no_other() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = register(&mut acme, person("Anna@Example.org ")).await.unwrap();
    let registration = made.registration.unwrap();
    assert!(made.created);
    assert_eq!(
        (registration.email.as_str(), registration.state()),
        ("Anna@Example.org", RegistrationState::Registered)
    );
    assert_eq!(registration.registered_at.unwrap().seconds, 1_800_000_000);
    assert_eq!(registration.mode(), AttendanceMode::Online);
    assert_eq!((registration.tenant_id.as_str(), registration.version), ("acme", 1));
    assert_eq!(get(&mut acme, &registration.registration_id).await, registration);

    create_event(&mut bed.mesh(Some("acme")), "ball", "Ball").await.unwrap();
    let of_ball =
        GetRegistrationRequest { event_id: "ball".into(), registration_id: registration.registration_id.clone() };
    refused(acme.get_registration(of_ball).await, Code::NotFound);

    let person_id = registration.person_id.clone();
    let of_person = ListRegistrationsOfPersonRequest { person_id, ..ListRegistrationsOfPersonRequest::default() };
    let found = acme.list_registrations_of_person(of_person).await.unwrap().into_inner().registrations;
    assert_eq!(found, [registration]);
}

#[tokio::test]
async fn item_3_repeating_a_registration_gives_the_first_result() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let first = registered(&mut acme, "anna@example.org").await;
    bed.clock.advance_ms(5000);
    for spelling in ["anna@example.org", " ANNA@EXAMPLE.ORG"] {
        let again = register(&mut acme, RegisterRequest { name: "Other".into(), ..person(spelling) }).await.unwrap();
        assert_eq!((again.created, again.registration.unwrap()), (false, first.clone()));
    }
    assert_eq!(bed.profiles.people(), 1);
}

#[tokio::test]
async fn a_registration_again_after_a_cancellation_keeps_the_first_time() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let first = registered(&mut acme, "anna@example.org").await;
    let cancelled = cancel(&mut acme, &first.registration_id).await;
    assert_eq!((cancelled.state(), cancelled.version), (RegistrationState::Cancelled, 2));
    assert_eq!(cancel(&mut acme, &first.registration_id).await, cancelled);
    bed.clock.advance_ms(5000);
    let again = register(&mut acme, person("anna@example.org")).await.unwrap();
    let registration = again.registration.unwrap();
    assert!(again.created);
    assert_eq!((registration.version, registration.state()), (3, RegistrationState::Registered));
    assert_eq!(registration.registered_at, first.registered_at);
}

#[tokio::test]
async fn an_event_that_is_not_published_takes_nobody_but_by_hand() {
    let bed = Bed::start().await;
    create_event(&mut bed.mesh(Some("acme")), "gala", "Gala").await.unwrap();
    let mut acme = bed.registrants(Some("acme"));
    refused(register(&mut acme, person("anna@example.org")).await, Code::FailedPrecondition);
    let act = Some(Act { reason: "phoned us".into() });
    let mut support = bed.registrants_as("acme", Role::Support);
    refused_field(register(&mut support, person("anna@example.org")).await, "act.reason");
    let made = register(&mut support, RegisterRequest { act, ..person("anna@example.org") }).await.unwrap();
    assert!(made.created);
    let audits = bed.profiles.audits();
    assert_eq!(audits.len(), 1);
    assert_eq!((audits[0].actor.as_str(), audits[0].action.as_str()), ("member:m1", "registration.register"));
    assert_eq!(audits[0].reason, "phoned us");
}

#[tokio::test]
async fn item_56_answers_are_checked_by_the_version_of_the_form_that_was_answered() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let company = FormField { required: true, ..field("company", FieldType::Text) };
    let form = put_form(&bed, vec![company.clone(), field("born", FieldType::BirthYear)], 0).await.unwrap();
    assert_eq!(form.version, 1);
    assert_eq!(put_form(&bed, form.fields.clone(), 0).await.unwrap(), form);
    refused(put_form(&bed, vec![], 0).await, Code::Aborted);

    refused_field(
        register(&mut acme, RegisterRequest { form_version: 2, ..person("a@example.org") }).await,
        "form_version",
    );
    let wrong = RegisterRequest {
        form_version: 1,
        answers: HashMap::from([("born".into(), "2050".into())]),
        phone: "040".into(),
        ..person("a@example.org")
    };
    let status = refused(register(&mut acme, wrong).await, Code::InvalidArgument);
    let violations = tonic_types::StatusExt::get_details_bad_request(&status).unwrap().field_violations;
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["phone", "answers.company", "answers.born"]);

    let right = |email: &str| RegisterRequest {
        form_version: 1,
        answers: HashMap::from([("company".into(), " Acme ".into()), ("born".into(), "1984".into())]),
        ..person(email)
    };
    let made = register(&mut acme, right("a@example.org")).await.unwrap().registration.unwrap();
    assert_eq!(made.answers, HashMap::from([("company".into(), "Acme".into()), ("born".into(), "1984".into())]));

    bed.clock.advance_ms(1000);
    put_form(&bed, vec![], 1).await.unwrap();
    bed.clock.advance_ms(60 * 60 * 1000);
    let mut acme = bed.registrants(Some("acme"));
    assert!(register(&mut acme, right("b@example.org")).await.unwrap().created);
    bed.clock.advance_ms(1);
    refused_field(register(&mut acme, right("c@example.org")).await, "form_version");

    // Whoever registered stays with the form that they know.
    let changed = Registration {
        event_id: "gala".into(),
        registration_id: made.registration_id.clone(),
        answers: HashMap::from([("company".into(), "Other".into())]),
        form_version: 1,
        ..Registration::default()
    };
    let (registration, update_mask) = (Some(changed), Some(mask(&["answers"])));
    let request = UpdateRegistrationRequest { registration, update_mask, ..UpdateRegistrationRequest::default() };
    let after = acme.update_registration(request).await.unwrap().into_inner().registration.unwrap();
    assert_eq!((after.answers["company"].as_str(), after.version), ("Other", 2));
    let latest = acme.get_form(GetFormRequest { event_id: "gala".into(), version: 0 }).await.unwrap().into_inner();
    assert_eq!(latest.form.unwrap().version, 2);
}

#[tokio::test]
async fn item_47_a_registration_alone_gives_no_consent_and_a_box_that_is_ticked_gives_just_that_one() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    put_form(&bed, vec![], 0).await.unwrap();
    register(&mut acme, RegisterRequest { form_version: 1, ..person("a@example.org") }).await.unwrap();
    assert!(bed.profiles.consents().is_empty());
    let ticked = |consent: &str, email: &str| RegisterRequest {
        form_version: 1,
        consents: vec![consent.into()],
        language: "de".into(),
        ..person(email)
    };
    refused_field(register(&mut acme, ticked("partners/email", "b@example.org")).await, "consents");
    for _ in 0..2 {
        register(&mut acme, ticked("marketing/email", "b@example.org")).await.unwrap();
    }
    let act = Some(Act { reason: "phoned us".into() });
    let by_hand = RegisterRequest { act, ..ticked("marketing/email", "c@example.org") };
    refused_field(register(&mut bed.registrants_as("acme", Role::Support), by_hand).await, "consents");
    let consents: Vec<_> = bed.profiles.consents().into_values().collect();
    assert_eq!(consents.len(), 1);
    let statement = &consents[0].statements[0];
    assert_eq!((statement.purpose.as_str(), statement.channel.as_str()), ("marketing", "email"));
    assert_eq!((statement.text.as_str(), statement.language.as_str()), ("Send me news", "en"));
    assert_eq!((statement.source.as_str(), statement.text_version), ("form", 1));
}

#[tokio::test]
async fn item_26_a_consent_to_texts_names_the_number_of_its_form_by_a_hash() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let question = ConsentQuestion { purpose: "reminders".into(), channel: "sms".into(), text: text("Text me") };
    let form = Form { event_id: "gala".into(), consents: vec![question], ..Form::default() };
    let request = PutFormRequest { form: Some(form), expected_version: 0 };
    bed.registrants_as("acme", Role::Organiser).put_form(request).await.unwrap();
    for (email, phone) in
        [("a@example.org", "+358401234567"), ("b@example.org", "+358409999999"), ("c@example.org", "")]
    {
        let consents = vec!["reminders/sms".to_owned()];
        let request = RegisterRequest { form_version: 1, consents, phone: phone.into(), ..person(email) };
        register(&mut acme, request).await.unwrap();
    }
    let stated: Vec<_> = bed.profiles.consents().into_values().flat_map(|request| request.statements).collect();
    let mut hashes: Vec<&str> = stated.iter().map(|statement| statement.number_hash.as_str()).collect();
    hashes.sort_unstable();
    assert_eq!(hashes[0], "", "what no number is known for is left to the profile");
    assert!(hashes[1..].iter().all(|hash| hash.len() == 64 && !hash.contains("3584")) && hashes[1] != hashes[2]);
}

#[tokio::test]
async fn item_51_a_nickname_needs_no_address_and_a_retry_is_the_same() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event { nicknames: true, ..Event::default() }, &["nicknames"]).await;
    let nickname = |key: &str| RegisterRequest {
        event_id: "gala".into(),
        nickname: " Moomin ".into(),
        idempotency_key: key.into(),
        ..RegisterRequest::default()
    };
    let first = register(&mut acme, nickname("0123456789abcdef")).await.unwrap();
    let again = register(&mut acme, nickname("0123456789abcdef")).await.unwrap();
    assert_eq!((first.created, again.created), (true, false));
    let registration = first.registration.unwrap();
    assert_eq!(Some(&registration), again.registration.as_ref());
    assert_eq!((registration.nickname.as_str(), registration.person_id.as_str()), ("Moomin", ""));
    assert_ne!(register(&mut acme, nickname("")).await.unwrap().registration, Some(registration));
    assert_eq!(bed.profiles.people(), 0);
    refused_field(register(&mut acme, nickname("short")).await, "idempotency_key");
    refused_field(register(&mut acme, RegisterRequest { name: "A".into(), ..nickname("") }).await, "name");
    refused_field(register(&mut acme, RegisterRequest { nickname: "x".into(), ..person("a@b.org") }).await, "nickname");
    update_event(&bed, Event { nicknames: false, ..Event::default() }, &["nicknames"]).await;
    refused(register(&mut acme, nickname("")).await, Code::FailedPrecondition);
}

#[tokio::test]
async fn item_53_an_organiser_sees_address_and_name_and_an_analyst_does_not() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    let seen = get(&mut bed.registrants_as("acme", Role::Organiser), &made.registration_id).await;
    assert_eq!((seen.email.as_str(), seen.name.as_str()), ("anna@example.org", "Anna"));
    assert_eq!((seen.code.as_str(), seen.tenant_id.as_str()), ("", ""));
    for role in [Role::Analyst, Role::Moderator] {
        let seen = get(&mut bed.registrants_as("acme", role), &made.registration_id).await;
        assert_eq!((seen.email.as_str(), seen.name.as_str()), ("", ""));
        assert_eq!(seen.registration_id, made.registration_id);
    }
}

#[tokio::test]
async fn a_code_opens_its_registration_and_nothing_else() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    let resolve = |mut client: Registrants, code: String| async move {
        Ok::<_, Status>(client.resolve_code(ResolveCodeRequest { code }).await?.into_inner().registration.unwrap())
    };
    assert_eq!(resolve(bed.registrants(None), made.code.clone()).await.unwrap(), made);
    refused(resolve(bed.registrants(Some("other")), made.code.clone()).await, Code::NotFound);
    refused(resolve(bed.registrants(None), format!("{}x", made.code)).await, Code::NotFound);
    refused(resolve(bed.registrants_as("acme", Role::Owner), made.code).await, Code::PermissionDenied);
}

#[tokio::test]
async fn a_ticket_admits_at_the_door_and_opens_no_page() {
    let (folder, key) = (tempfile::tempdir().unwrap(), MeshKey::generate());
    let bed = Bed::with(open_tables(&folder).await, &key, FakeProfiles::default()).await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    let code = Codes::new(&key).make(CodePurpose::Ticket, &["gala", &made.registration_id]);
    let opened = bed.registrants(None).resolve_code(ResolveCodeRequest { code: code.clone() }).await;
    refused(opened, Code::NotFound);
    let request = CheckInRequest { event_id: "gala".into(), code, ..CheckInRequest::default() };
    let mut door = bed.registrants_as("acme", Role::Moderator);
    assert_eq!(door.check_in(request).await.unwrap().into_inner().outcome(), CheckInOutcome::Admitted);
}

#[tokio::test]
async fn while_profiles_is_away_nobody_is_registered_and_a_retry_registers() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    bed.profiles.set_down(true);
    refused(register(&mut acme, person("anna@example.org")).await, Code::Unavailable);
    bed.profiles.set_down(false);
    assert!(register(&mut acme, person("anna@example.org")).await.unwrap().created);
}

#[tokio::test]
async fn a_tenant_sees_no_registration_of_another() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    let mut other = bed.registrants(Some("other"));
    let request = GetRegistrationRequest { event_id: "gala".into(), registration_id: made.registration_id };
    refused(other.get_registration(request).await, Code::NotFound);
    refused(register(&mut other, person("anna@example.org")).await, Code::NotFound);
    let person_id = made.person_id;
    let of_person = ListRegistrationsOfPersonRequest { person_id, ..ListRegistrationsOfPersonRequest::default() };
    let found = other.list_registrations_of_person(of_person).await.unwrap().into_inner().registrations;
    assert_eq!(found, []);
}
