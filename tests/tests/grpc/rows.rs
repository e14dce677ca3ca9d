//! Every method of ours with its guard and a request. A method that is new fails here until it has its row.

#![allow(clippy::unnecessary_wraps, reason = "fields of messages are options")]

use prost::Message as _;
use prost_types::{FieldMask, Timestamp};
use turnout_proto::{
    common::v1 as common, notifications::v1 as notifications, presence::v1 as presence, profiles::v1 as profiles,
    registration::v1 as registration,
};

pub const REGISTRATION: &str = "turnout.registration.v1.RegistrationService";
pub const REGISTRANTS: &str = "turnout.registration.v1.RegistrantService";
pub const PRESENCE: &str = "turnout.presence.v1.PresenceService";
pub const PEOPLE: &str = "turnout.profiles.v1.PeopleService";
pub const ACCOUNTS: &str = "turnout.profiles.v1.AccountService";
pub const NOTIFICATIONS: &str = "turnout.notifications.v1.NotificationService";

/// What keeps wrong callers out of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// It takes the id of something that exists, in this field: a foreign one looks like a missing one.
    Id(&'static str),
    /// It takes no such id: it works on the caller's tenant.
    OwnTenant,
    /// Only services of the mesh may call it.
    Mesh,
}

/// What a request may be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    pub event: String,
    pub registration: String,
    pub person: String,
    pub account: String,
    /// An API key, by its public part.
    pub key: String,
}

impl Ids {
    /// Things that do not exist, all under the same id.
    pub fn all(id: &str) -> Self {
        let key = format!("{id:A<22}");
        Self { event: id.into(), registration: id.into(), person: id.into(), account: id.into(), key }
    }
}

/// Every method: its guard, and a request about these things that is valid otherwise.
pub fn row(path: &str, ids: &Ids) -> (Guard, Vec<u8>) {
    let (service, method) = path.trim_start_matches('/').split_once('/').expect("a path has a service and a method");
    let found = match service {
        REGISTRATION => events(method, ids),
        REGISTRANTS => registrants(method, ids),
        PRESENCE => counts(method, ids),
        PEOPLE => people(method, ids),
        ACCOUNTS => accounts(method, ids),
        NOTIFICATIONS => messages(method, ids),
        _ => None,
    };
    found.unwrap_or_else(|| panic!("{path} is new: say here what keeps wrong callers out, and how it is called"))
}

fn of_event(request: &impl prost::Message) -> (Guard, Vec<u8>) {
    (Guard::Id("event_id"), request.encode_to_vec())
}

fn own(request: &impl prost::Message) -> (Guard, Vec<u8>) {
    (Guard::OwnTenant, request.encode_to_vec())
}

fn mesh(request: &impl prost::Message) -> (Guard, Vec<u8>) {
    (Guard::Mesh, request.encode_to_vec())
}

fn now_s() -> i64 {
    std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() as i64
}

fn in_an_hour() -> Option<Timestamp> {
    Some(Timestamp { seconds: now_s() + 3600, nanos: 0 })
}

fn reason() -> String {
    "a test asks for it".into()
}

/// The address of the member that each tenant of the test has.
pub fn member(ids: &Ids) -> String {
    format!("{}@example.org", ids.event)
}

fn act() -> Option<registration::Act> {
    Some(registration::Act { reason: reason() })
}

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![path.into()] })
}

fn events(method: &str, ids: &Ids) -> Option<(Guard, Vec<u8>)> {
    use registration::*;
    let (event_id, room_id, title) = (ids.event.clone(), "hall".to_owned(), "A title".to_owned());
    let (page_size, page_token) = (200, String::new());
    Some(match method {
        "CreateEvent" => own(&CreateEventRequest { title, starts_at: in_an_hour(), ..Default::default() }),
        "GetEvent" => of_event(&GetEventRequest { event_id }),
        "ListEvents" => own(&ListEventsRequest { page_size, page_token }),
        "UpdateEvent" => {
            let event = Event { event_id, summary: "About it".into(), ..Default::default() };
            let request = UpdateEventRequest { event: Some(event), update_mask: mask("summary"), expected_version: 0 };
            (Guard::Id("event.event_id"), request.encode_to_vec())
        }
        "ChangeEventState" => {
            of_event(&ChangeEventStateRequest { event_id, state: EventState::Live.into(), expected_version: 0 })
        }
        "CreateRoom" => of_event(&CreateRoomRequest { event_id, room_id, title }),
        "UpdateRoom" => {
            let room = Some(Room { event_id, room_id, title: "Another title".into(), ..Default::default() });
            let request = UpdateRoomRequest { room, update_mask: mask("title"), expected_version: 0 };
            of_event_in("room.event_id", &request)
        }
        "GetRoom" => of_event(&GetRoomRequest { event_id, room_id }),
        "ListRooms" => of_event(&ListRoomsRequest { event_id, page_size, page_token }),
        "RegisterTicketKey" => own(&RegisterTicketKeyRequest { public_key: vec![7; 32] }),
        "GetTicketKey" => mesh(&GetTicketKeyRequest { key_id: event_id }),
        "CreateApiKey" => own(&CreateApiKeyRequest { label: title }),
        "ListApiKeys" => own(&ListApiKeysRequest { page_size, page_token }),
        "RevokeApiKey" => of_event_in("key_id", &RevokeApiKeyRequest { key_id: ids.key.clone(), act: act() }),
        "ResolveApiKey" => mesh(&ResolveApiKeyRequest { key_id: event_id, secret_sha256: vec![7; 32] }),
        "RedeemSignInLink" => mesh(&RedeemSignInLinkRequest { token: event_id }),
        _ => return None,
    })
}

fn registrants(method: &str, ids: &Ids) -> Option<(Guard, Vec<u8>)> {
    use registration::*;
    let (event_id, registration_id) = (ids.event.clone(), ids.registration.clone());
    Some(match method {
        "GetForm" => of_event(&GetFormRequest { event_id, version: 0 }),
        "PutForm" => {
            let form = Some(Form { event_id, ..Default::default() });
            (Guard::Id("form.event_id"), PutFormRequest { form, expected_version: 0 }.encode_to_vec())
        }
        "Register" => of_event(&RegisterRequest {
            event_id,
            email: "bert@example.org".into(),
            name: "Bert".into(),
            act: act(),
            ..Default::default()
        }),
        "GetRegistration" => of_event(&GetRegistrationRequest { event_id, registration_id }),
        "ListRegistrants" => of_event(&ListRegistrantsRequest { event_id, ..Default::default() }),
        "ExportRegistrants" => of_event(&ExportRegistrantsRequest { event_id, act: act(), ..Default::default() }),
        "ListRegistrationsOfPerson" => {
            let request = ListRegistrationsOfPersonRequest { person_id: ids.person.clone(), ..Default::default() };
            // Whoever has no registrations here has none: it is an empty list, not a missing thing.
            own(&request)
        }
        "UpdateRegistration" => of_event_in(
            "event_id",
            &UpdateRegistrationRequest {
                registration: Some(Registration {
                    event_id,
                    registration_id,
                    language: "en".into(),
                    ..Default::default()
                }),
                update_mask: mask("language"),
                expected_version: 0,
                act: act(),
            },
        ),
        "CancelRegistration" => of_event(&CancelRegistrationRequest { event_id, registration_id, act: act() }),
        "AnswerRsvp" => {
            of_event(&AnswerRsvpRequest { event_id, registration_id, rsvp: RsvpState::Confirmed.into(), act: act() })
        }
        "SetPayment" => of_event(&SetPaymentRequest {
            event_id,
            registration_id,
            payment: PaymentState::Paid.into(),
            paid: None,
            act: act(),
        }),
        "RotatePaymentSecret" => own(&RotatePaymentSecretRequest {}),
        "ApplyPaymentNotice" => mesh(&ApplyPaymentNoticeRequest { tenant_id: "demo".into(), ..Default::default() }),
        "RecordEntry" => mesh(&RecordEntryRequest { event_id, registration_id }),
        "CheckIn" => of_event(&CheckInRequest { event_id, registration_id, ..Default::default() }),
        "SyncCheckIns" => of_event(&SyncCheckInsRequest { event_id, check_ins: Vec::new() }),
        "GetCheckInPack" => of_event(&GetCheckInPackRequest { event_id }),
        "ResolveCode" => mesh(&ResolveCodeRequest { code: event_id }),
        "GetStatistics" => of_event(&GetStatisticsRequest { event_id }),
        "WatchStatistics" => of_event(&WatchStatisticsRequest { event_id }),
        "Recount" => of_event(&RecountRequest { event_id }),
        "GetFieldFigures" => {
            let field = "city".into();
            of_event(&GetFieldFiguresRequest { event_id, field, by_attendance: true, form_version: 0 })
        }
        "ListQuestions" => of_event(&ListQuestionsRequest { event_id }),
        "GetRegistrantSettings" => own(&GetRegistrantSettingsRequest {}),
        "PutRegistrantSettings" => own(&PutRegistrantSettingsRequest {
            settings: Some(RegistrantSettings { threshold: 5, retention_days: 0, version: 0 }),
        }),
        "ApplyRetention" => own(&ApplyRetentionRequest { dry_run: true }),
        _ => return None,
    })
}

fn of_event_in(field: &'static str, request: &impl prost::Message) -> (Guard, Vec<u8>) {
    (Guard::Id(field), request.encode_to_vec())
}

fn counts(method: &str, ids: &Ids) -> Option<(Guard, Vec<u8>)> {
    use presence::*;
    let (event_id, room_id) = (ids.event.clone(), String::new());
    Some(match method {
        "GetCount" => of_event(&GetCountRequest { event_id, room_id }),
        "WatchCounts" => of_event(&WatchCountsRequest { event_id, room_id }),
        "GetCountHistory" => {
            let from = Some(Timestamp { seconds: now_s() - 60, nanos: 0 });
            of_event(&GetCountHistoryRequest { event_id, from, ..Default::default() })
        }
        "ListRooms" => of_event(&ListRoomsRequest { event_id }),
        "GetPeak" => of_event(&GetPeakRequest { event_id, room_id }),
        "ListVisits" => {
            let from = Some(Timestamp { seconds: now_s() - 60, nanos: 0 });
            of_event(&ListVisitsRequest { event_id, viewer: 1, from, ..Default::default() })
        }
        _ => return None,
    })
}

fn people(method: &str, ids: &Ids) -> Option<(Guard, Vec<u8>)> {
    use profiles::*;
    let person_id = ids.person.clone();
    let of_person = |request: Vec<u8>| (Guard::Id("person_id"), request);
    Some(match method {
        "EnsurePerson" => mesh(&EnsurePersonRequest { email: "bert@example.org".into(), ..Default::default() }),
        "GetPerson" => of_person(GetPersonRequest { person_id }.encode_to_vec()),
        "ListPeople" => own(&ListPeopleRequest::default()),
        "ExportPeople" => own(&ExportPeopleRequest { reason: reason(), ..Default::default() }),
        "UpdatePerson" => {
            let person = Some(Person { person_id, language: "en".into(), ..Default::default() });
            let request =
                UpdatePersonRequest { person, update_mask: mask("language"), expected_version: 0, reason: reason() };
            of_event_in("person_id", &request)
        }
        "VerifyByHand" => of_person(VerifyByHandRequest { person_id, reason: reason() }.encode_to_vec()),
        "RecordConsent" => {
            let statement = ConsentStatement {
                purpose: "marketing".into(),
                channel: "email".into(),
                action: ConsentAction::Withdrawn.into(),
                source: "admin".into(),
                ..Default::default()
            };
            let request =
                RecordConsentRequest { person_id, statements: vec![statement], idempotency_key: "matrix".into() };
            of_person(request.encode_to_vec())
        }
        "GetConsents" => of_person(GetConsentsRequest { person_id }.encode_to_vec()),
        "ListConsentLedger" => of_person(ListConsentLedgerRequest { person_id, ..Default::default() }.encode_to_vec()),
        "ListConsenting" => {
            let (purpose, channel) = ("marketing".into(), "email".into());
            own(&ListConsentingRequest { purpose, channel, ..Default::default() })
        }
        "ExportConsenting" => {
            let (purpose, channel) = ("marketing".into(), "email".into());
            own(&ExportConsentingRequest { purpose, channel, reason: reason() })
        }
        _ => return None,
    })
}

fn accounts(method: &str, ids: &Ids) -> Option<(Guard, Vec<u8>)> {
    use profiles::*;
    let (session, code) = ("no-session".to_owned(), "000000".to_owned());
    let account_id = ids.account.clone();
    Some(match method {
        "SignIn" => {
            mesh(&SignInRequest { realm: Realm::Team.into(), email: "x@example.org".into(), ..Default::default() })
        }
        "RequestLink" => mesh(&RequestLinkRequest {
            realm: Realm::Team.into(),
            email: "x@example.org".into(),
            purpose: LinkPurpose::SignIn.into(),
            ..Default::default()
        }),
        "RedeemLink" => mesh(&RedeemLinkRequest { token: "x".into(), ..Default::default() }),
        "CheckSession" => mesh(&CheckSessionRequest { session }),
        "EndSession" => mesh(&EndSessionRequest { session }),
        "ListSessions" => mesh(&ListSessionsRequest { session, ..Default::default() }),
        "EndOtherSessions" => mesh(&EndOtherSessionsRequest { session }),
        "ChangePassword" => mesh(&ChangePasswordRequest { session, ..Default::default() }),
        "BeginSecondFactor" => mesh(&BeginSecondFactorRequest { session, ..Default::default() }),
        "ConfirmSecondFactor" => mesh(&ConfirmSecondFactorRequest { session, code }),
        "RemoveSecondFactor" => mesh(&RemoveSecondFactorRequest { session, code }),
        "SendResetLink" => {
            let request = SendResetLinkRequest { person_id: ids.person.clone(), reason: reason() };
            of_event_in("person_id", &request)
        }
        "ListMembers" => own(&ListMembersRequest::default()),
        "InviteMember" => own(&InviteMemberRequest {
            email: "member@example.org".into(),
            role: common::Role::Analyst.into(),
            language: "en".into(),
        }),
        "CreateFirstOwner" => mesh(&CreateFirstOwnerRequest { tenant_id: "demo".into(), ..Default::default() }),
        "ChangeMemberRole" => {
            of_event_in("account_id", &ChangeMemberRoleRequest { account_id, role: common::Role::Analyst.into() })
        }
        "RemoveMember" => of_event_in("account_id", &RemoveMemberRequest { account_id }),
        "RecordAudit" => mesh(&RecordAuditRequest { entry: None }),
        "ListAudit" => own(&ListAuditRequest::default()),
        _ => return None,
    })
}

/// A text for one event, or for all.
pub fn template(event: &str) -> Option<notifications::Template> {
    let text = |text: &str| Some(common::LocalizedText { texts: [("en".to_owned(), text.to_owned())].into() });
    Some(notifications::Template {
        kind: notifications::MessageKind::Confirmation.into(),
        event_id: event.into(),
        subject: text("Hello"),
        body: text("Hello."),
        ..Default::default()
    })
}

fn messages(method: &str, ids: &Ids) -> Option<(Guard, Vec<u8>)> {
    use notifications::*;
    let (event_id, registration_id) = (ids.event.clone(), ids.registration.clone());
    let kind = MessageKind::Confirmation.into();
    let template = || template("");
    Some(match method {
        "SendSecurityMessage" => mesh(&SendSecurityMessageRequest::default()),
        "ListMessagesOfRegistrations" => {
            of_event(&ListMessagesOfRegistrationsRequest { event_id, registration_ids: vec![registration_id] })
        }
        // Nobody's messages are an empty list.
        "ListMessagesOfPerson" => {
            own(&ListMessagesOfPersonRequest { person_id: ids.person.clone(), ..Default::default() })
        }
        "ListMessagesOfEvent" => of_event(&ListMessagesOfEventRequest { event_id, kind, ..Default::default() }),
        "ResendMessage" => of_event(&ResendMessageRequest { event_id, registration_id, kind, reason: reason() }),
        "GetMessageFigures" => of_event(&GetMessageFiguresRequest { event_id }),
        "GetTemplate" => of_event(&GetTemplateRequest { kind, event_id }),
        "PutTemplate" => own(&PutTemplateRequest { template: template() }),
        "ResetTemplate" => of_event(&ResetTemplateRequest { kind, event_id }),
        "PreviewTemplate" => own(&PreviewTemplateRequest { template: template(), language: "en".into() }),
        "SendTest" => own(&SendTestRequest { template: template(), language: "en".into(), email: member(ids) }),
        "GetReminders" => of_event(&GetRemindersRequest { event_id }),
        "PutReminders" => of_event_in(
            "event_id",
            &PutRemindersRequest {
                reminders: Some(Reminders { event_id, reminders: vec![Reminder { before_s: 3600 }], version: 0 }),
            },
        ),
        "GetMessageSettings" => own(&GetMessageSettingsRequest {}),
        "PutMessageSettings" => own(&PutMessageSettingsRequest {
            settings: Some(MessageSettings { sender_name: "Demo".into(), ..Default::default() }),
        }),
        "ApplyDeliveryReport" => mesh(&ApplyDeliveryReportRequest { tenant_id: "demo".into(), ..Default::default() }),
        "ApplyReturnedMail" => mesh(&ApplyReturnedMailRequest { mail: b"x".to_vec() }),
        "RotateReportSecret" => own(&RotateReportSecretRequest {}),
        "ResolveUnsubscribe" => mesh(&ResolveUnsubscribeRequest { code: "x".into() }),
        "Unsubscribe" => mesh(&UnsubscribeRequest { code: "x".into(), all_marketing: false }),
        "ListSuppressions" => own(&ListSuppressionsRequest::default()),
        "LiftSuppression" => own(&LiftSuppressionRequest { email: "x@example.org".into(), reason: reason() }),
        // A notice of the tenant's own is asked for by time: another's id looks like one that does not exist.
        "ReplayNotices" => {
            own(&ReplayNoticesRequest { since: Some(Timestamp::default()), reason: reason(), ..Default::default() })
        }
        "GetSendingStanding" => own(&GetSendingStandingRequest {}),
        "LiftMarketingStop" => own(&LiftMarketingStopRequest { reason: reason() }),
        _ => return None,
    })
}
