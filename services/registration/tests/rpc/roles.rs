//! Who may call what about registrants: every method of the service, taken from its descriptor, by every role, and with the ids of
//! another tenant. A new method without a row here fails.
#![allow(clippy::wildcard_imports, reason = "every message of the service is used")]

use std::collections::BTreeSet;

use prost::Message as _;
use tonic::{Code, Status};
use turnout_platform::auth::Role;
use turnout_proto::registration::v1::*;
use turnout_registration::ACCESS;

use crate::{
    bed::{Bed, Registrants, refused, starts_at},
    registering::{mask, open_event, registered},
};

const ROLES: [Role; 5] = [Role::Owner, Role::Organiser, Role::Support, Role::Analyst, Role::Moderator];

/// The roles that may call a method, and whether it takes the id of an event.
fn rule(method: &str) -> (&'static [Role], bool) {
    use Role::{Analyst, Moderator, Organiser, Owner, Support};
    match method {
        "GetRegistration" | "ListRegistrants" | "GetStatistics" | "WatchStatistics" => (&ROLES, true),
        "GetForm" | "Recount" | "GetFieldFigures" | "ListQuestions" => (&[Owner, Organiser, Support, Analyst], true),
        "ListRegistrationsOfPerson" | "GetRegistrantSettings" => (&[Owner, Organiser, Support, Analyst], false),
        "PutForm" | "ExportRegistrants" => (&[Owner, Organiser], true),
        "Register" | "UpdateRegistration" | "CancelRegistration" | "AnswerRsvp" | "SetPayment" => {
            (&[Owner, Organiser, Support], true)
        }
        "CheckIn" | "SyncCheckIns" | "GetCheckInPack" => (&[Owner, Organiser, Support, Moderator], true),
        "RotatePaymentSecret" | "PutRegistrantSettings" | "ApplyRetention" => (&[Owner], false),
        "ApplyPaymentNotice" | "ResolveCode" => (&[], false),
        "RecordEntry" => (&[], true),
        other => panic!("{other} is new: say here who may call it, and below how"),
    }
}

/// Calls a method about this event; whether its other fields are right is of no matter.
async fn call(client: &mut Registrants, method: &str, event: &str, registration: &str) -> Result<(), Status> {
    let (event_id, registration_id) = (event.to_owned(), registration.to_owned());
    let act = Some(Act { reason: "a good reason".into() });
    match method {
        "GetForm" => drop(client.get_form(GetFormRequest { event_id, version: 0 }).await?),
        "PutForm" => {
            let form = Some(Form { event_id, ..Form::default() });
            drop(client.put_form(PutFormRequest { form, expected_version: 0 }).await?);
        }
        "Register" => {
            let email = "new@example.org".to_owned();
            let request = RegisterRequest { event_id, email, name: "New".into(), act, ..RegisterRequest::default() };
            drop(client.register(request).await?);
        }
        "GetRegistration" => {
            drop(client.get_registration(GetRegistrationRequest { event_id, registration_id }).await?);
        }
        "ListRegistrants" => {
            let request = ListRegistrantsRequest { event_id, ..ListRegistrantsRequest::default() };
            drop(client.list_registrants(request).await?);
        }
        "ExportRegistrants" => {
            let request = ExportRegistrantsRequest { event_id, act, ..ExportRegistrantsRequest::default() };
            drop(client.export_registrants(request).await?);
        }
        "ListRegistrationsOfPerson" => {
            let person_id = "nobody".into();
            let request = ListRegistrationsOfPersonRequest { person_id, ..ListRegistrationsOfPersonRequest::default() };
            drop(client.list_registrations_of_person(request).await?);
        }
        "UpdateRegistration" => {
            let name = "Anna".to_owned();
            let registration = Some(Registration { event_id, registration_id, name, ..Registration::default() });
            let update_mask = Some(mask(&["name"]));
            let request = UpdateRegistrationRequest { registration, update_mask, expected_version: 0, act };
            drop(client.update_registration(request).await?);
        }
        "CancelRegistration" => {
            drop(client.cancel_registration(CancelRegistrationRequest { event_id, registration_id, act }).await?);
        }
        "AnswerRsvp" => {
            let rsvp = RsvpState::Confirmed.into();
            drop(client.answer_rsvp(AnswerRsvpRequest { event_id, registration_id, rsvp, act }).await?);
        }
        "SetPayment" => {
            let payment = PaymentState::Paid.into();
            let request = SetPaymentRequest { event_id, registration_id, payment, paid: None, act };
            drop(client.set_payment(request).await?);
        }
        "RotatePaymentSecret" => drop(client.rotate_payment_secret(RotatePaymentSecretRequest {}).await?),
        "ApplyPaymentNotice" => {
            let request =
                ApplyPaymentNoticeRequest { tenant_id: "acme".into(), ..ApplyPaymentNoticeRequest::default() };
            drop(client.apply_payment_notice(request).await?);
        }
        "RecordEntry" => drop(client.record_entry(RecordEntryRequest { event_id, registration_id }).await?),
        "CheckIn" => {
            let request = CheckInRequest { event_id, registration_id, ..CheckInRequest::default() };
            drop(client.check_in(request).await?);
        }
        "SyncCheckIns" => {
            let check_ins = vec![OfflineCheckIn { code: "made up".into(), at: starts_at() }];
            drop(client.sync_check_ins(SyncCheckInsRequest { event_id, check_ins }).await?);
        }
        "GetCheckInPack" => drop(client.get_check_in_pack(GetCheckInPackRequest { event_id }).await?),
        "ResolveCode" => drop(client.resolve_code(ResolveCodeRequest { code: "made up".into() }).await?),
        "GetStatistics" => drop(client.get_statistics(GetStatisticsRequest { event_id }).await?),
        "WatchStatistics" => drop(client.watch_statistics(WatchStatisticsRequest { event_id }).await?),
        "Recount" => drop(client.recount(RecountRequest { event_id }).await?),
        "GetFieldFigures" => {
            let field = "none".into();
            let request = GetFieldFiguresRequest { event_id, field, ..GetFieldFiguresRequest::default() };
            drop(client.get_field_figures(request).await?);
        }
        "ListQuestions" => drop(client.list_questions(ListQuestionsRequest { event_id }).await?),
        "GetRegistrantSettings" => drop(client.get_registrant_settings(GetRegistrantSettingsRequest {}).await?),
        "PutRegistrantSettings" => {
            let settings = Some(RegistrantSettings { threshold: 5, ..RegistrantSettings::default() });
            drop(client.put_registrant_settings(PutRegistrantSettingsRequest { settings }).await?);
        }
        "ApplyRetention" => drop(client.apply_retention(ApplyRetentionRequest { dry_run: true }).await?),
        other => panic!("{other} is new: say here how it is called"),
    }
    Ok(())
}

fn methods() -> Vec<String> {
    let descriptors = prost_types::FileDescriptorSet::decode(turnout_proto::DESCRIPTORS).unwrap();
    let methods: Vec<String> = descriptors
        .file
        .into_iter()
        .filter(|file| file.package() == "turnout.registration.v1")
        .flat_map(|file| file.service)
        .filter(|service| service.name() == "RegistrantService")
        .flat_map(|service| service.method)
        .map(|method| method.name().to_owned())
        .collect();
    assert!(methods.len() >= 25, "{methods:?}");
    methods
}

#[test]
fn every_method_stands_in_the_access_table_and_nothing_else_does() {
    let prefix = "/turnout.registration.v1.RegistrantService/";
    let served: BTreeSet<String> = methods().iter().map(|method| format!("{prefix}{method}")).collect();
    let listed = ACCESS.iter().map(|(path, _)| (*path).to_owned()).filter(|path| path.starts_with(prefix));
    assert_eq!(served, listed.collect());
}

#[tokio::test]
async fn item_35_each_role_calls_what_it_may_and_nothing_else() {
    let bed = Bed::start().await;
    let made = registered(&mut open_event(&bed, Event::default(), &[]).await, "anna@example.org").await;
    for role in ROLES {
        for method in methods() {
            let answer = call(&mut bed.registrants_as("acme", role), &method, "gala", &made.registration_id).await;
            let refused = answer.as_ref().is_err_and(|status| status.code() == Code::PermissionDenied);
            assert_eq!(!refused, rule(&method).0.contains(&role), "{role} {method}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn item_36_an_event_of_another_tenant_looks_like_one_that_does_not_exist() {
    let bed = Bed::start().await;
    let made = registered(&mut open_event(&bed, Event::default(), &[]).await, "anna@example.org").await;
    let bytes = |status: &Status| (status.code(), status.message().to_owned(), status.details().to_vec());
    for method in methods().into_iter().filter(|method| rule(method).1) {
        let callers = if rule(&method).0.is_empty() {
            vec![bed.registrants(Some("other"))]
        } else {
            vec![bed.registrants_as("other", Role::Owner), bed.registrants(Some("other"))]
        };
        for mut other in callers {
            let foreign = refused(call(&mut other, &method, "gala", &made.registration_id).await, Code::NotFound);
            let missing = refused(call(&mut other, &method, "none", &made.registration_id).await, Code::NotFound);
            assert_eq!(bytes(&foreign), bytes(&missing), "{method}");
        }
    }
}
