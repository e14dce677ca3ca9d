//! Texts of messages may be for one event: then that event must be the caller's own, as with every id. What the same methods do with a
//! text for all events is tried with all others, in `main.rs`.

use prost::Message as _;
use tonic::Code;
use turnout_platform::auth::EVERYONE;
use turnout_proto::notifications::v1::{PreviewTemplateRequest, PutTemplateRequest, SendTestRequest};

use crate::{
    fields, let_in,
    methods::Bed,
    rows::{Guard, Ids, NOTIFICATIONS, member, template},
    table::roles,
};

const METHODS: [&str; 3] = ["PutTemplate", "PreviewTemplate", "SendTest"];

/// A text for this event; a try of it goes to the member of these.
fn request(method: &str, event: &str, ids: &Ids) -> Vec<u8> {
    let (template, language) = (template(event), "en".to_owned());
    match method {
        "PutTemplate" => PutTemplateRequest { template }.encode_to_vec(),
        "PreviewTemplate" => PreviewTemplateRequest { template, language }.encode_to_vec(),
        _ => SendTestRequest { template, language, email: member(ids) }.encode_to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn item_36_a_text_for_an_event_of_another_tenant_is_as_good_as_one_for_none_that_exists() {
    let bed = Bed::start(&[]).await;
    for method in METHODS {
        let path = format!("/{NOTIFICATIONS}/{method}");
        let allowed = roles(&path).expect("the team may call it");
        for role in EVERYONE {
            let bearer = bed.forge.member("demo", *role);
            let ask = async |event: &str| bed.caller.call(&bearer, &path, &request(method, event, &bed.ours)).await;
            let (missing, foreign) = (ask("nowhere").await, ask(&bed.theirs.event).await);
            assert_eq!(foreign.seen, missing.seen, "{path} for {role}");
            let own = ask(&bed.ours.event).await;
            if allowed.contains(role) {
                assert_eq!(missing.refusal().code(), Code::NotFound, "{path} for {role}");
                assert_eq!(fields(ask("ours.theirs").await.refusal()), ["event_id"], "{path} for {role}");
                assert!(let_in(Guard::Id("event_id"), own.code()), "{path} for {role}: {own:?}");
            } else {
                assert_eq!(missing.refusal().code(), Code::PermissionDenied, "{path} for {role}");
                assert_eq!(own.seen, missing.seen, "{path} for {role}");
            }
        }
    }
}
