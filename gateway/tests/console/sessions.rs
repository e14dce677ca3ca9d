//! Streams outlive neither the session that opened them nor the role that it had; and what is not there leads back to where one was.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tonic::Status;
use turnout_platform::auth::Role;
use turnout_proto::profiles::v1::{CheckSessionRequest, CheckSessionResponse, Realm, SessionAccount};

use crate::stage::{PATIENCE, Stage};

const STREAMS: [&str; 2] = ["/console/events/night/stream", "/console/events/night/registrants/stream"];
/// As long as a stream goes unchecked, and a bit.
const A_CHECK_LATER_MS: u64 = 61_000;

fn signed_in(role: Role) -> CheckSessionResponse {
    let account = SessionAccount {
        account_id: "a1".into(),
        realm: Realm::Team.into(),
        tenant_id: "demo".into(),
        role: role.to_wire().into(),
        ..SessionAccount::default()
    };
    CheckSessionResponse { account: Some(account) }
}

/// A stream that is opened, and what profiles says of its session from then on, the last of it for ever.
async fn ends_after(path: &str, answers: Vec<Result<CheckSessionResponse, Status>>) {
    let stage = Stage::with(Role::Organiser).await;
    let asked = Arc::new(AtomicUsize::new(0));
    stage
        .stream_to_its_end(path, async || {
            let (count, all) = (asked.clone(), answers.len());
            stage.services.on("AccountService/CheckSession", move |_: CheckSessionRequest| {
                answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)].clone()
            });
            for nth in 1..=all {
                stage.clock.advance_ms(A_CHECK_LATER_MS);
                let checked = async {
                    while asked.load(Ordering::SeqCst) < nth {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::time::timeout(PATIENCE, checked).await.expect("the session is looked at");
            }
        })
        .await;
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_goes_on_while_nobody_can_say() {
    for path in STREAMS {
        let over = Err(Status::unauthenticated(""));
        ends_after(path, vec![Ok(signed_in(Role::Organiser)), Err(Status::unavailable("")), over]).await;
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_member_has_another_role() {
    for path in STREAMS {
        ends_after(path, vec![Ok(signed_in(Role::Support))]).await;
    }
}

#[tokio::test]
async fn what_is_not_there_in_the_console_leads_back_to_it_and_elsewhere_home() {
    let stage = Stage::with(Role::Organiser).await;
    for path in ["/console/events/no-such-event", "/console/no-such-page", "/console/team"] {
        let page = stage.get(path).await;
        assert!([403, 404].contains(&page.status), "{path}");
        page.holds("<a class=\"button primary\" href=\"/console\">").lacks("class=\"button\" href=\"/\"");
    }
    stage.get("/no-such-page").await.holds("class=\"button\" href=\"/\"").lacks("href=\"/console\"");
}
