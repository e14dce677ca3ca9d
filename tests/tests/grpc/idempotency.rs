//! Calls that are sent twice with one key, on the real program: what would be done twice is done once.

use prost::Message as _;
use prost_types::Timestamp;
use tonic::Code;
use tonic_types::StatusExt as _;
use turnout_platform::auth::Role;
use turnout_proto::{notifications::v1 as notifications, registration::v1 as registration};
use turnout_tests::method::Answer;

use crate::{
    methods::Bed,
    rows::{NOTIFICATIONS, REGISTRATION},
};

async fn sent(bed: &Bed, bearer: &str, key: &str, path: &str, request: &impl prost::Message) -> Answer {
    let authorization = format!("Bearer {bearer}");
    let headers = [("authorization", authorization.as_str()), ("idempotency-key", key)];
    bed.caller.try_call(path, &headers, &request.encode_to_vec()).await.unwrap()
}

fn is_replay(answer: &Answer) -> bool {
    answer.seen.iter().any(|(name, value)| name == "idempotent-replay" && value == b"true")
}

fn read<T: prost::Message + Default>(answer: Answer) -> T {
    T::decode(answer.message.unwrap_or_else(|| panic!("no message: {:?}", answer.status))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_an_id_is_made_once_for_each_key_and_caller() {
    let bed = Bed::start(&[]).await;
    let path = format!("/{REGISTRATION}/CreateEvent");
    let request = registration::CreateEventRequest {
        title: "Twice".into(),
        starts_at: Some(Timestamp { seconds: 4_000_000_000, nanos: 0 }),
        ..Default::default()
    };
    let made = async |bearer: &str, key: &str| {
        let answer = sent(&bed, bearer, key, &path, &request).await;
        let replay = is_replay(&answer);
        (read::<registration::CreateEventResponse>(answer).event.unwrap(), replay)
    };
    let (first, fresh) = made(&bed.our_key, "one").await;
    let (again, replay) = made(&bed.our_key, "one").await;
    assert!(!fresh && replay);
    assert_eq!(first, again);
    let others = [made(&bed.our_key, "two").await, made(&bed.forge.member("demo", Role::Owner), "one").await];
    let theirs = made(&bed.their_key, "one").await;
    assert!(others.iter().chain([&theirs]).all(|(event, replay)| !replay && event.event_id != first.event_id));

    let list = bed.caller.call(&bed.our_key, &format!("/{REGISTRATION}/ListEvents"), &[]).await;
    let list: registration::ListEventsResponse = read(list);
    assert_eq!(list.events.iter().filter(|event| event.title == "Twice").count(), 3);

    let other = registration::CreateEventRequest { title: "Another".into(), ..request };
    let refused = sent(&bed, &bed.our_key, "one", &path, &other).await;
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violations = refused.refusal().get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "idempotency-key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_sent_again_is_sent_again_once() {
    let bed = Bed::start(&[]).await;
    let request = notifications::ResendMessageRequest {
        event_id: bed.ours.event.clone(),
        registration_id: bed.ours.registration.clone(),
        kind: notifications::MessageKind::Confirmation.into(),
        reason: "they asked for it".into(),
    };
    let path = format!("/{NOTIFICATIONS}/ResendMessage");
    let mut ids = Vec::new();
    for key in ["one", "one", "two"] {
        let answer = sent(&bed, &bed.our_key, key, &path, &request).await;
        ids.push(read::<notifications::ResendMessageResponse>(answer).message.unwrap().message_id);
    }
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");

    let list = notifications::ListMessagesOfRegistrationsRequest {
        event_id: bed.ours.event.clone(),
        registration_ids: vec![bed.ours.registration.clone()],
    };
    let path = format!("/{NOTIFICATIONS}/ListMessagesOfRegistrations");
    let list = bed.caller.call(&bed.our_key, &path, &list.encode_to_vec()).await;
    let list: notifications::ListMessagesOfRegistrationsResponse = read(list);
    let again = list.messages.iter().filter(|message| message.occurrence.starts_with("again-")).count();
    assert_eq!(again, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_new_api_key_is_not_lost_with_the_answer() {
    let bed = Bed::start(&[]).await;
    let owner = bed.forge.member("demo", Role::Owner);
    let path = format!("/{REGISTRATION}/CreateApiKey");
    let request = registration::CreateApiKeyRequest { label: "shop".into() };
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let answer = sent(&bed, &owner, "one", &path, &request).await;
        secrets.push(read::<registration::CreateApiKeyResponse>(answer).secret);
    }
    assert_eq!(secrets[0], secrets[1]);
    let asked = bed.caller.call(&secrets[1], &format!("/{REGISTRATION}/ListEvents"), &[]).await;
    assert_eq!(asked.code(), Code::Ok);
}
