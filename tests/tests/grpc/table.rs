//! Who may call what, written down here once more and apart from the services: what they say of themselves is held against it, and so is
//! what they do. The roles are spelled out, so that a list of roles that grows by one is found out too. Not what a method shows to whom.

use std::collections::{BTreeMap, BTreeSet};

use turnout_platform::auth::{Access, EVERYONE, Role};

use crate::methods::methods;

/// The roles that are let in; none where only services of the mesh are.
type LetIn = Option<&'static [Role]>;

const MESH: LetIn = None;
const OWNER: LetIn = Some(&[Role::Owner]);
const ORGANISER: LetIn = Some(&[Role::Owner, Role::Organiser]);
const SUPPORT: LetIn = Some(&[Role::Owner, Role::Organiser, Role::Support]);
const DOOR: LetIn = Some(&[Role::Owner, Role::Organiser, Role::Support, Role::Moderator]);
const FIGURES: LetIn = Some(&[Role::Owner, Role::Organiser, Role::Support, Role::Analyst]);
const ALL: LetIn = Some(&[Role::Owner, Role::Organiser, Role::Support, Role::Analyst, Role::Moderator]);

/// Every method of every service. A new one is entered here by whoever decides who may call it.
const TABLE: &[(&str, &[(&str, LetIn)])] = &[
    (
        "/turnout.registration.v1.RegistrationService/",
        &[
            ("CreateEvent", ORGANISER),
            ("GetEvent", ALL),
            ("ListEvents", ALL),
            ("UpdateEvent", ORGANISER),
            ("ChangeEventState", ORGANISER),
            ("CreateRoom", ORGANISER),
            ("UpdateRoom", ORGANISER),
            ("GetRoom", ALL),
            ("ListRooms", ALL),
            ("RegisterTicketKey", ORGANISER),
            ("GetTicketKey", MESH),
            ("CreateApiKey", OWNER),
            ("ListApiKeys", OWNER),
            ("RevokeApiKey", OWNER),
            ("ResolveApiKey", MESH),
            ("RedeemSignInLink", MESH),
        ],
    ),
    (
        "/turnout.registration.v1.RegistrantService/",
        &[
            ("GetForm", FIGURES),
            ("PutForm", ORGANISER),
            ("Register", SUPPORT),
            ("GetRegistration", ALL),
            ("ListRegistrants", ALL),
            ("ExportRegistrants", ORGANISER),
            ("ListRegistrationsOfPerson", FIGURES),
            ("UpdateRegistration", SUPPORT),
            ("CancelRegistration", SUPPORT),
            ("AnswerRsvp", SUPPORT),
            ("SetPayment", SUPPORT),
            ("RotatePaymentSecret", OWNER),
            ("ApplyPaymentNotice", MESH),
            ("RecordEntry", MESH),
            ("CheckIn", DOOR),
            ("SyncCheckIns", DOOR),
            ("GetCheckInPack", DOOR),
            ("ResolveCode", MESH),
            ("GetStatistics", ALL),
            ("WatchStatistics", ALL),
            ("Recount", FIGURES),
            ("GetFieldFigures", FIGURES),
            ("ListQuestions", FIGURES),
            ("GetRegistrantSettings", FIGURES),
            ("PutRegistrantSettings", OWNER),
            ("ApplyRetention", OWNER),
        ],
    ),
    (
        "/turnout.presence.v1.PresenceService/",
        &[
            ("GetCount", ALL),
            ("WatchCounts", ALL),
            ("GetCountHistory", ALL),
            ("ListRooms", ALL),
            ("GetPeak", ALL),
            ("ListVisits", FIGURES),
        ],
    ),
    (
        "/turnout.profiles.v1.PeopleService/",
        &[
            ("EnsurePerson", MESH),
            ("GetPerson", FIGURES),
            ("ListPeople", FIGURES),
            ("ExportPeople", ORGANISER),
            ("UpdatePerson", SUPPORT),
            ("VerifyByHand", SUPPORT),
            ("RecordConsent", SUPPORT),
            ("GetConsents", SUPPORT),
            ("ListConsentLedger", SUPPORT),
            ("ListConsenting", ORGANISER),
            ("ExportConsenting", ORGANISER),
        ],
    ),
    (
        "/turnout.profiles.v1.AccountService/",
        &[
            ("SignIn", MESH),
            ("RequestLink", MESH),
            ("RedeemLink", MESH),
            ("CheckSession", MESH),
            ("EndSession", MESH),
            ("ListSessions", MESH),
            ("EndOtherSessions", MESH),
            ("ChangePassword", MESH),
            ("BeginSecondFactor", MESH),
            ("ConfirmSecondFactor", MESH),
            ("RemoveSecondFactor", MESH),
            ("SendResetLink", SUPPORT),
            ("ListMembers", OWNER),
            ("InviteMember", OWNER),
            ("CreateFirstOwner", MESH),
            ("ChangeMemberRole", OWNER),
            ("RemoveMember", OWNER),
            ("RecordAudit", MESH),
            ("ListAudit", ORGANISER),
        ],
    ),
    (
        "/turnout.notifications.v1.NotificationService/",
        &[
            ("SendSecurityMessage", MESH),
            ("ListMessagesOfRegistrations", FIGURES),
            ("ListMessagesOfPerson", FIGURES),
            ("ListMessagesOfEvent", FIGURES),
            ("ResendMessage", SUPPORT),
            ("GetMessageFigures", FIGURES),
            ("GetTemplate", FIGURES),
            ("PutTemplate", ORGANISER),
            ("ResetTemplate", ORGANISER),
            ("PreviewTemplate", FIGURES),
            ("SendTest", ORGANISER),
            ("GetReminders", FIGURES),
            ("PutReminders", ORGANISER),
            ("GetMessageSettings", FIGURES),
            ("PutMessageSettings", OWNER),
            ("ApplyDeliveryReport", MESH),
            ("ApplyReturnedMail", MESH),
            ("RotateReportSecret", OWNER),
            ("ResolveUnsubscribe", MESH),
            ("Unsubscribe", MESH),
            ("ListSuppressions", SUPPORT),
            ("LiftSuppression", SUPPORT),
            ("ReplayNotices", OWNER),
            ("GetSendingStanding", FIGURES),
            ("LiftMarketingStop", OWNER),
        ],
    ),
];

/// The roles that a method lets in; none for methods of the mesh.
pub fn roles(path: &str) -> LetIn {
    let (service, method) = path.split_at(path.rfind('/').expect("a path has a service and a method") + 1);
    let of_service = TABLE.iter().filter(|(known, _)| *known == service).flat_map(|(_, methods)| *methods);
    let found = of_service.into_iter().find(|(known, _)| *known == method);
    found.unwrap_or_else(|| panic!("{path} is new: say in this table whom it lets in")).1
}

/// What a service says of itself, in the words of this table.
fn said(access: Access) -> LetIn {
    match access {
        Access::Team(roles) => Some(roles),
        Access::Tenant => Some(EVERYONE),
        Access::Mesh => None,
        Access::Anyone => panic!("no method of ours is for anyone"),
    }
}

fn set(roles: LetIn) -> Option<BTreeSet<Role>> {
    roles.map(|roles| roles.iter().copied().collect())
}

#[test]
fn item_36_every_method_of_the_proto_stands_in_the_table_and_nothing_else_does() {
    let listed: Vec<String> = TABLE
        .iter()
        .flat_map(|(service, methods)| methods.iter().map(move |(method, _)| format!("{service}{method}")))
        .collect();
    let once: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(once.len(), listed.len(), "a method stands here twice");
    let served = methods();
    let missing: Vec<&String> = served.iter().filter(|path| !once.contains(path)).collect();
    assert!(missing.is_empty(), "say in this table whom these let in: {missing:?}");
    let gone: Vec<&String> = listed.iter().filter(|path| !served.contains(path)).collect();
    assert!(gone.is_empty(), "these are no methods: {gone:?}");
}

#[test]
fn item_36_what_the_services_say_of_their_methods_is_what_is_written_here() {
    let tables = [turnout_registration::ACCESS, turnout_presence::ACCESS, turnout_notifications::ACCESS];
    let said: BTreeMap<&str, LetIn> = tables
        .into_iter()
        .chain(turnout_profiles::ACCESS)
        .flatten()
        .map(|(path, access)| (*path, said(*access)))
        .collect();
    let mut wrong = Vec::new();
    for path in methods() {
        let Some(said) = said.get(path.as_str()) else {
            wrong.push(format!("{path} stands in no table of a service"));
            continue;
        };
        if set(*said) != set(roles(&path)) {
            wrong.push(format!("{path} lets in {said:?} and should let in {:?}", roles(&path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
