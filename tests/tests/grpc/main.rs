//! gRPC from outside, on the real program: every method with every wrong caller, reflection, health, deadlines, rich errors, the
//! stream of counts, and a connection that only makes trouble. What a method does for the right caller is its service's own test.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod idempotency;
mod methods;
mod rows;
mod table;
mod texts;

use std::{collections::BTreeSet, time::Duration};

use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt as _;
use turnout_platform::auth::{EVERYONE, Role};
use turnout_proto::{
    presence::v1 as presence,
    presence::v1::{WatchCountsRequest, presence_service_client::PresenceServiceClient},
    registration::v1 as registration,
};
use turnout_tests::{
    grpc::{channel, with_key},
    method::Caller,
    scrape::Scrape,
    viewer::Viewer,
    wait::PATIENCE,
};

use crate::{
    methods::{Bed, methods},
    rows::{Guard, Ids, PRESENCE, REGISTRATION, row},
    table::roles,
};

const SECOND: Duration = Duration::from_secs(1);
/// Wrong credentials that there are at least.
const WRONG_MIN: usize = 90;
/// Each method but the first of its service gets one wrong credential in so many.
const WRONG_PART: usize = 8;

/// Whether a call passed its guards: what it asked for may still not be possible now, or not be there in the own tenant.
fn let_in(guard: Guard, code: Code) -> bool {
    let possible = [Code::Ok, Code::Aborted, Code::FailedPrecondition, Code::AlreadyExists].contains(&code);
    possible || guard == Guard::OwnTenant && code == Code::NotFound
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_answers_an_owner_of_its_tenant_and_services_of_the_mesh_where_they_belong() {
    let bed = Bed::start(&[]).await;
    let (mesh, owner) = (bed.forge.access(None), bed.forge.member("demo", Role::Owner));
    let mut answered = 0;
    for path in methods() {
        let (guard, request) = row(&path, &bed.ours);
        if guard == Guard::Mesh {
            assert_eq!(roles(&path), None, "{path} is for the mesh");
            let answer = bed.caller.call(&bed.our_key, &path, &request).await;
            assert_eq!(answer.refusal().code(), Code::PermissionDenied, "{path}");
            let foreign = bed.caller.call(&bed.their_key, &path, &row(&path, &bed.theirs).1).await;
            assert_eq!(foreign.seen, answer.seen, "{path}");
            for role in EVERYONE {
                for tenant in ["demo", "other"] {
                    let member = bed.caller.call(&bed.forge.member(tenant, *role), &path, &request).await;
                    assert_eq!(member.seen, answer.seen, "{path} for {role} of {tenant}");
                }
            }
            let answer = bed.caller.call(&mesh, &path, &request).await;
            assert_ne!(answer.code(), Code::Unimplemented, "{path}");
            if roles(&path).is_none() {
                answered += 1;
            }
        } else {
            let answer = bed.caller.call(&owner, &path, &request).await;
            assert!(let_in(guard, answer.code()), "{path}: {answer:?}");
            answered += 1;
        }
    }
    assert_eq!(answered, methods().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn item_36_each_role_may_what_the_table_says_in_its_own_tenant_and_nothing_in_another() {
    let bed = Bed::start(&[]).await;
    let key_may = |roles: &[Role]| roles.contains(&Role::Organiser);
    for path in methods() {
        let Some(allowed) = roles(&path) else { continue };
        let (guard, request) = row(&path, &bed.ours);
        let mut denied = None;
        for role in EVERYONE {
            let own = bed.caller.call(&bed.forge.member("demo", *role), &path, &request).await;
            if allowed.contains(role) {
                // A role that may call still does not see or search what is personal; it is told so and nothing else.
                assert!(let_in(guard, own.code()), "{path} for {role}: {own:?}");
            } else {
                assert_eq!(own.refusal().code(), Code::PermissionDenied, "{path} for {role}");
                let first = denied.get_or_insert_with(|| own.seen.clone());
                assert_eq!(own.seen, *first, "{path} for {role}");
            }
            // The same call from another tenant's team: as for a thing that nobody has, or as for somebody who may not at all.
            if let Guard::Id(_) = guard {
                let foreign = bed.caller.call(&bed.forge.member("other", *role), &path, &request).await;
                let missing = bed
                    .caller
                    .call(&bed.forge.member("other", *role), &path, &row(&path, &Ids::all("nowhere")).1)
                    .await;
                assert_eq!(foreign.seen, missing.seen, "{path} for {role} of another tenant");
                let expected = if allowed.contains(role) { Code::NotFound } else { Code::PermissionDenied };
                assert_eq!(foreign.refusal().code(), expected, "{path} for {role} of another tenant");
            }
        }
        let by_key = bed.caller.call(&bed.our_key, &path, &request).await;
        assert_eq!(by_key.code() != Code::PermissionDenied, key_may(allowed), "{path} with an API key: {by_key:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_good_credentials_every_method_says_the_same() {
    let bed = Bed::start(&[]).await;
    let good = bed.forge.access(Some("demo"));
    let key = &bed.our_key;
    let (key_id, secret) = key.split_once('.').expect("a key has two parts");
    let mut wrong: Vec<(String, String)> =
        bed.forge.bad(&good).into_iter().map(|(what, token)| (what, format!("Bearer {token}"))).collect();
    wrong.extend(
        [
            ("no scheme", key.clone()),
            ("another scheme", format!("Basic {key}")),
            ("nothing after the scheme", "Bearer".into()),
            ("two spaces", format!("Bearer  {key}")),
            ("two words", format!("Bearer {key} {key}")),
            ("a tab", format!("Bearer\t{key}")),
            ("key without its secret", format!("Bearer {key_id}.")),
            ("key with half its secret", format!("Bearer {}", &key[..key.len() - 4])),
            ("key with a longer secret", format!("Bearer {key}A")),
            ("another tenant's id with our secret", {
                let (their_id, _) = bed.their_key.split_once('.').expect("a key has two parts");
                format!("Bearer {their_id}.{secret}")
            }),
            ("unknown key", format!("Bearer tk_AAAAAAAAAAAAAAAAAAAAAA.{secret}")),
            ("key id that is none", format!("Bearer tk_../mesh.key.{secret}")),
            ("no key id", format!("Bearer tk_.{secret}")),
            ("key in the wrong case", format!("Bearer {}", key.to_lowercase())),
        ]
        .map(|(what, value)| (what.to_owned(), value)),
    );
    assert!(wrong.len() > WRONG_MIN, "{}", wrong.len());

    let before = Scrape::of(&bed.mesh).await;
    let mut calls = 0;
    let mut services = BTreeSet::new();
    for (number, path) in methods().into_iter().enumerate() {
        let (_, request) = row(&path, &bed.ours);
        let (service, _) = path.rsplit_once('/').expect("a path has a service and a method");
        // One layer guards all methods: the first of each service gets every wrong credential, each other one a part of them in turn.
        let part = if services.insert(service.to_owned()) { 1 } else { WRONG_PART };
        let wrong: Vec<_> = wrong.iter().skip(number % part).step_by(part).collect();
        // A connection on which thousands of calls are refused is closed at some point.
        let caller = Caller::connect(bed.mesh.grpc()).await;
        let nothing = caller.try_call(&path, &[], &request).await.unwrap();
        assert_eq!(nothing.refusal().code(), Code::Unauthenticated, "{path}");
        assert_eq!(nothing.refusal().get_details_error_info().unwrap().reason, "NO_CREDENTIALS");
        for (what, value) in &wrong {
            let answer = caller.try_call(&path, &[("authorization", value)], &request).await.unwrap();
            assert_eq!(answer.seen, nothing.seen, "{path} with {what}");
        }
        let ours = format!("Bearer {key}");
        let twice = [("authorization", ours.as_str()), ("authorization", ours.as_str())];
        let answer = caller.try_call(&path, &twice, &request).await.unwrap();
        assert_eq!(answer.seen, nothing.seen, "{path} with two of them");
        calls += wrong.len() as i64 + 2;
    }
    let refused = |scrape: &Scrape| scrape.sum("turnout_grpc_server_handled_total", &[("code", "UNAUTHENTICATED")]);
    let after = Scrape::of(&bed.mesh).await;
    assert_eq!(refused(&after) - refused(&before), calls);

    // A name of the scheme is no secret, and may be written in any case (RFC 7235, 2.1).
    for scheme in ["bearer", "BEARER"] {
        let value = format!("{scheme} {key}");
        let path = format!("/{PRESENCE}/GetCount");
        let answer = bed.caller.try_call(&path, &[("authorization", &value)], &row(&path, &bed.ours).1).await.unwrap();
        assert_eq!(answer.code(), Code::Ok);
    }
    // More than any header may be: the connection's own limit ends the call, and only that.
    let huge = format!("Bearer {}", "A".repeat(1 << 20));
    let path = format!("/{PRESENCE}/GetCount");
    let answer = bed.caller.try_call(&path, &[("authorization", &huge)], &row(&path, &bed.ours).1).await;
    assert!(answer.is_err(), "{answer:?}");
    let again = Caller::connect(bed.mesh.grpc()).await;
    assert_eq!(again.call(key, &path, &row(&path, &bed.ours).1).await.code(), Code::Ok);
}

/// Of an own event and a foreign registration these tell as much as of one that is nobody's: no messages, no such ticket.
const TELLS_NOTHING: [&str; 2] = [
    "/turnout.notifications.v1.NotificationService/ListMessagesOfRegistrations",
    "/turnout.registration.v1.RegistrantService/CheckIn",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_tenant_is_as_good_as_one_that_does_not_exist() {
    let bed = Bed::start(&[]).await;
    let (service, owner) = (bed.forge.access(Some("demo")), bed.forge.member("demo", Role::Owner));
    for path in methods().into_iter().filter(|path| matches!(row(path, &Ids::all("x")).0, Guard::Id(_))) {
        for credentials in [&owner, &service] {
            let missing = bed.caller.call(credentials, &path, &row(&path, &Ids::all("nowhere")).1).await;
            assert_eq!(missing.refusal().code(), Code::NotFound, "{path}: {missing:?}");
            let foreign = bed.caller.call(credentials, &path, &row(&path, &bed.theirs).1).await;
            assert_eq!(foreign.seen, missing.seen, "{path}");
            // Our own event with their registration, person or account in it is missing something too.
            let mixed = Ids { event: bed.ours.event.clone(), ..bed.theirs.clone() };
            let mixed_request = row(&path, &mixed).1;
            if mixed_request != row(&path, &bed.ours).1 && !TELLS_NOTHING.contains(&path.as_str()) {
                let answer = bed.caller.call(credentials, &path, &mixed_request).await;
                assert_eq!(answer.refusal().code(), Code::NotFound, "{path} with mixed ids: {answer:?}");
            }
            // The tenant comes from the credentials, whatever else the caller says.
            for name in ["x-tenant", "tenant", "tenant-id", "x-turnout-tenant"] {
                let authorization = format!("Bearer {credentials}");
                let headers = [("authorization", authorization.as_str()), (name, "other")];
                let named = bed.caller.try_call(&path, &headers, &row(&path, &bed.theirs).1).await.unwrap();
                assert_eq!(named.seen, missing.seen, "{path} with {name}");
            }
        }
    }
    for path in methods().into_iter().filter(|path| row(path, &Ids::all("x")).0 == Guard::OwnTenant) {
        for role in roles(&path).expect("the team may call it") {
            let answer = bed.caller.call(&bed.forge.member("demo", *role), &path, &row(&path, &bed.theirs).1).await;
            assert_ne!(answer.code(), Code::PermissionDenied, "{path} for {role}");
            let told = answer.message.unwrap_or_default();
            for secret in ["theirs", bed.theirs.registration.as_str(), bed.theirs.account.as_str()] {
                let found = told.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{path} tells {role} of another tenant");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_id_is_refused_with_the_name_of_its_field_before_anything_is_asked() {
    let bed = Bed::start(&[]).await;
    let owner = bed.forge.member("demo", Role::Owner);
    let long = "x".repeat(300);
    let bad =
        ["ours.theirs", "*", ">", "ou rs", "ours\r\n", "ours\0", "ours/hall", "..", "öurs", "оurs", long.as_str()];
    for path in methods() {
        let Guard::Id(field) = row(&path, &Ids::all("x")).0 else { continue };
        for id in bad {
            let (event, person, account, key) = (id.into(), id.into(), id.into(), id.into());
            let ids = Ids { event, person, account, key, ..bed.ours.clone() };
            let answer = bed.caller.call(&owner, &path, &row(&path, &ids).1).await;
            assert_eq!(fields(answer.refusal()), [field], "{path} with {id:?}");
        }
    }
    for (path, request) in [
        ("GetRoom", registration::GetRoomRequest { event_id: "ours".into(), room_id: "a.b".into() }.encode_to_vec()),
        (
            "CreateRoom",
            registration::CreateRoomRequest { event_id: "ours".into(), room_id: "a*".into(), title: "t".into() }
                .encode_to_vec(),
        ),
    ] {
        let answer = bed.caller.call(&bed.our_key, &format!("/{REGISTRATION}/{path}"), &request).await;
        assert_eq!(fields(answer.refusal()), ["room_id"], "{path}");
    }
    for (path, request, field) in [
        (
            "CreateEvent",
            registration::CreateEventRequest {
                event_id: "new".into(),
                starts_at: Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 }),
                ..Default::default()
            }
            .encode_to_vec(),
            "title",
        ),
        (
            "ListEvents",
            registration::ListEventsRequest { page_size: 201, ..Default::default() }.encode_to_vec(),
            "page_size",
        ),
        (
            "ListEvents",
            registration::ListEventsRequest { page_token: "x".into(), ..Default::default() }.encode_to_vec(),
            "page_token",
        ),
        (
            "ChangeEventState",
            registration::ChangeEventStateRequest { event_id: "ours".into(), ..Default::default() }.encode_to_vec(),
            "state",
        ),
        (
            "RegisterTicketKey",
            registration::RegisterTicketKeyRequest { public_key: vec![7; 31] }.encode_to_vec(),
            "public_key",
        ),
        ("CreateApiKey", registration::CreateApiKeyRequest { label: "x".repeat(101) }.encode_to_vec(), "label"),
    ] {
        let answer = bed.caller.call(&owner, &format!("/{REGISTRATION}/{path}"), &request).await;
        assert_eq!(fields(answer.refusal()), [field], "{path}");
        assert_eq!(answer.refusal().get_details_error_info().unwrap().domain, "turnout");
    }
    let no_start = presence::GetCountHistoryRequest { event_id: "ours".into(), ..Default::default() };
    let path = format!("/{PRESENCE}/GetCountHistory");
    let answer = bed.caller.call(&bed.our_key, &path, &no_start.encode_to_vec()).await;
    assert_eq!(fields(answer.refusal()), ["from"]);
    // Bytes that are no message at all.
    let answer = bed.caller.call(&bed.our_key, &path, &[0xff; 64]).await;
    assert!([Code::Internal, Code::InvalidArgument].contains(&answer.refusal().code()), "{answer:?}");
}

/// The fields that a refusal names in its rich details.
fn fields(refusal: &Status) -> Vec<String> {
    assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal:?}");
    let violations = refusal.get_details_bad_request().expect("it has details").field_violations;
    assert!(violations.iter().all(|violation| !violation.description.is_empty()));
    violations.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_can_ask_for_the_services_and_their_health_and_on_sigterm_both_say_so() {
    let mut bed = Bed::start(&["--drain-s", "4"]).await;
    let channel = channel(bed.mesh.grpc()).await;
    let ask = |request| ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let requests = vec![
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(PRESENCE.into())),
    ];
    let mut reflection = ServerReflectionClient::new(channel.clone());
    let mut answers = reflection.server_reflection_info(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let first = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(listed) = first else { panic!("{first:?}") };
    let listed: BTreeSet<String> = listed.service.into_iter().map(|service| service.name).collect();
    for service in [REGISTRATION, PRESENCE, "grpc.health.v1.Health"] {
        assert!(listed.contains(service), "{listed:?}");
    }
    let second = answers.message().await.unwrap().unwrap().message_response.unwrap();
    assert!(
        matches!(&second, MessageResponse::FileDescriptorResponse(files) if !files.file_descriptor_proto.is_empty())
    );

    let mut health = HealthClient::new(channel);
    let mut watches = Vec::new();
    for service in ["", REGISTRATION, PRESENCE] {
        let watch = HealthCheckRequest { service: service.into() };
        let mut watch = health.watch(watch).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status().as_str_name(), "SERVING", "{service}");
        watches.push((service, watch));
    }
    let unknown = health.check(HealthCheckRequest { service: "turnout.Nothing".into() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);

    // As long as they are being sent away, the process is there to be asked.
    let _viewers = [Viewer::join(bed.mesh.public(), "ours").await, Viewer::join(bed.mesh.public(), "ours").await];
    let mut counts = PresenceServiceClient::new(self::channel(bed.mesh.grpc()).await)
        .watch_counts(with_key(&bed.our_key, WatchCountsRequest { event_id: "ours".into(), room_id: String::new() }))
        .await
        .unwrap()
        .into_inner();
    bed.mesh.signal("TERM");
    for (service, watch) in &mut watches {
        let changed = tokio::time::timeout(SECOND * PATIENCE, watch.message()).await.expect("it is told");
        assert_eq!(changed.unwrap().unwrap().status().as_str_name(), "NOT_SERVING", "{service}");
        let check = HealthCheckRequest { service: (*service).into() };
        assert_eq!(health.check(check).await.unwrap().into_inner().status().as_str_name(), "NOT_SERVING");
    }
    let end = loop {
        match tokio::time::timeout(5 * SECOND * PATIENCE, counts.message()).await.expect("the stream ends") {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a stream of counts has no silent end"),
            Err(end) => break end,
        }
    };
    assert_eq!(end.code(), Code::Unavailable);
    assert!(end.get_details_retry_info().is_some_and(|retry| retry.retry_delay.is_some()), "it says when to come back");
    assert_eq!(bed.mesh.ended(10 * SECOND).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_call_and_a_stream_and_nothing_hangs() {
    let bed = Bed::start(&[]).await;
    let authorization = format!("Bearer {}", bed.our_key);
    let call = async |path: &str, timeout: &str| {
        let headers = [("authorization", authorization.as_str()), ("grpc-timeout", timeout)];
        bed.caller.try_call(path, &headers, &row(path, &Ids::all("ours")).1).await.unwrap()
    };
    for path in methods() {
        for timeout in ["0m", "1n", "1m"] {
            // In time or not; what a service makes of a call is no business of the deadline's.
            let code = call(&path, timeout).await.code();
            assert!(![Code::Cancelled, Code::Unknown, Code::Internal].contains(&code), "{path}: {code:?}");
        }
        // What is no timeout is as if it were not there.
        for timeout in ["1", "soon", "-1m", "999999999S"] {
            assert_ne!(call(&path, timeout).await.code(), Code::DeadlineExceeded, "{path} with {timeout}");
        }
    }
    let handled = Scrape::of(&bed.mesh).await;
    assert!(handled.sum("turnout_grpc_server_handled_total", &[("code", "DEADLINE_EXCEEDED")]) > 0);

    let mut request = with_key(&bed.our_key, WatchCountsRequest { event_id: "ours".into(), room_id: String::new() });
    request.metadata_mut().insert("grpc-timeout", "400m".parse().unwrap());
    let begun = std::time::Instant::now();
    let channel = channel(bed.mesh.grpc()).await;
    let mut counts = PresenceServiceClient::new(channel).watch_counts(request).await.unwrap().into_inner();
    let end = loop {
        match tokio::time::timeout(5 * SECOND * PATIENCE, counts.message()).await.expect("the stream ends") {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a deadline is no success"),
            Err(end) => break end,
        }
    };
    assert_eq!(end.code(), Code::DeadlineExceeded, "{end:?}");
    assert!(begun.elapsed() >= Duration::from_millis(400));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_is_told_the_count_at_once_and_each_change() {
    let bed = Bed::start(&[]).await;
    let watch = WatchCountsRequest { event_id: "ours".into(), room_id: String::new() };
    let channel = channel(bed.mesh.grpc()).await;
    let mut counts =
        PresenceServiceClient::new(channel).watch_counts(with_key(&bed.our_key, watch)).await.unwrap().into_inner();
    let mut next = async || {
        let message = tokio::time::timeout(2 * SECOND * PATIENCE, counts.message()).await.expect("a count comes");
        message.unwrap().unwrap().count.unwrap()
    };
    let first = next().await;
    assert_eq!((first.event_id.as_str(), first.viewers, first.stale), ("ours", 0, false));
    assert!(first.as_of.is_some());
    let viewer = Viewer::join(bed.mesh.public(), "ours").await.unwrap();
    let second = next().await;
    assert_eq!((second.viewers, second.low, second.high, second.connections), (1, 1, 1, 1));
    assert!(second.revision > first.revision);
    viewer.leave().await;
    while next().await.viewers > 0 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_nothing_but_malformed_streams_is_closed_and_the_others_go_on() {
    const STREAMS: u32 = 20_000;
    const ENHANCE_YOUR_CALM: u32 = 0xb;
    let bed = Bed::start(&[]).await;
    let mut stream = tokio::net::TcpStream::connect(bed.mesh.grpc()).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(0x4, 0, 0, &[])).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let sending = tokio::spawn(async move {
        for number in 0..STREAMS {
            // A path and a scheme, and no method: by RFC 9113, 8.1.1, a stream error.
            if writer.write_all(&frame(0x1, 0x5, 2 * number + 1, &[0x84, 0x86])).await.is_err() {
                return number;
            }
        }
        STREAMS
    });
    let goodbye = async {
        let mut resets = 0;
        loop {
            let mut head = [0; 9];
            reader.read_exact(&mut head).await.expect("there is a goodbye before the end");
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            reader.read_exact(&mut payload).await.expect("frames are whole");
            match head[3] {
                0x3 => resets += 1,
                0x7 => return (resets, u32::from_be_bytes(payload[4..8].try_into().unwrap())),
                _ => {}
            }
        }
    };
    let (resets, reason) = tokio::time::timeout(20 * SECOND, goodbye).await.expect("the connection is closed");
    assert_eq!(reason, ENHANCE_YOUR_CALM);
    assert!(resets < 2_000, "{resets} streams were answered one by one");
    sending.abort();

    let path = format!("/{PRESENCE}/GetCount");
    assert_eq!(bed.caller.call(&bed.our_key, &path, &row(&path, &bed.ours).1).await.code(), Code::Ok);
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
