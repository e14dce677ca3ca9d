//! Sessions: how long, which, and how they end.

use tonic::Code;
use turnout_proto::profiles::v1::{
    ChangePasswordRequest, EndOtherSessionsRequest, EndSessionRequest, LinkPurpose, ListSessionsRequest, Realm, Session,
};

use crate::bed::{Bed, PASSWORD, refused, refused_field};

async fn list(bed: &Bed, session: &str) -> Vec<Session> {
    let (mut sessions, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListSessionsRequest { session: session.into(), page_size: 2, page_token };
        let page = bed.mesh().list_sessions(request).await.unwrap().into_inner();
        assert!(page.sessions.len() <= 2);
        sessions.extend(page.sessions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return sessions;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_newest_first_and_all_others_end_at_once() {
    for bed in Bed::each("sessions_are_listed_newest_first_and_all_others_end_at_once").await {
        let (first, account) = bed.owner("owner@example.org").await;
        let mut sessions = vec![(first, account.session_id)];
        for _ in 0..2 {
            bed.clock.advance_ms(1000);
            let answer = bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await.unwrap();
            sessions.insert(0, (answer.session, answer.account.unwrap().session_id));
        }
        let listed = list(&bed, &sessions[1].0).await;
        let ids = |sessions: &[(String, String)]| sessions.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>();
        assert_eq!(listed.iter().map(|session| session.session_id.clone()).collect::<Vec<_>>(), ids(&sessions));
        assert_eq!(listed[0].opened_at.unwrap().seconds, 1_800_000_002);
        let page_token = "made up".to_owned();
        let request = ListSessionsRequest { session: sessions[1].0.clone(), page_size: 2, page_token };
        refused_field(bed.mesh().list_sessions(request).await, "page_token");

        let end = EndOtherSessionsRequest { session: sessions[1].0.clone() };
        assert_eq!(bed.mesh().end_other_sessions(end).await.unwrap().into_inner().ended, 2);
        for (at, (session, _)) in sessions.iter().enumerate() {
            assert_eq!(bed.check(session).await.is_ok(), at == 1);
        }
        assert_eq!(list(&bed, &sessions[1].0).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_is_over_and_ending_it_again_does_nothing() {
    for bed in Bed::each("a_session_that_is_ended_is_over_and_ending_it_again_does_nothing").await {
        let (session, _) = bed.owner("owner@example.org").await;
        let other = bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await.unwrap().session;
        for secret in [&session, &session, "made up", ""] {
            bed.mesh().end_session(EndSessionRequest { session: secret.into() }).await.unwrap();
        }
        refused(bed.check(&session).await, Code::Unauthenticated);
        bed.check(&other).await.unwrap();
        for made_up in ["", "made up", &format!("{other}x"), other.split_once('.').unwrap().0] {
            refused(bed.check(made_up).await, Code::Unauthenticated);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_team_lasts_16_hours_and_one_of_the_audience_30_days() {
    let bed = Bed::embedded().await;
    let (team, _) = bed.owner("owner@example.org").await;
    bed.person_with_password("anna@example.org").await;
    let audience = bed.sign_in(Realm::Audience, "anna@example.org", PASSWORD).await.unwrap().session;
    let hours = 60 * 60 * 1000;
    bed.clock.advance_ms(16 * hours - 1);
    bed.check(&team).await.unwrap();
    bed.clock.advance_ms(1);
    refused(bed.check(&team).await, Code::Unauthenticated);
    bed.clock.advance_ms((30 * 24 - 16) * hours - 1);
    bed.check(&audience).await.unwrap();
    bed.clock.advance_ms(1);
    refused(bed.check(&audience).await, Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_password_ends_the_other_sessions_and_needs_the_old_one() {
    for bed in Bed::each("a_change_of_the_password_ends_the_other_sessions_and_needs_the_old_one").await {
        let (mine, _) = bed.owner("owner@example.org").await;
        let other = bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await.unwrap().session;
        let change = |old: &str, new: &str| ChangePasswordRequest {
            session: mine.clone(),
            old_password: old.into(),
            new_password: new.into(),
        };
        refused_field(bed.mesh().change_password(change("wrong", "another good one")).await, "old_password");
        refused_field(bed.mesh().change_password(change(PASSWORD, "password")).await, "new_password");
        bed.check(&other).await.unwrap();
        bed.mesh().change_password(change(PASSWORD, "another good one")).await.unwrap();
        bed.check(&mine).await.unwrap();
        refused(bed.check(&other).await, Code::Unauthenticated);
        refused(bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await, Code::Unauthenticated);
        bed.sign_in(Realm::Team, "owner@example.org", "another good one").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_stolen_a_session_cannot_guess_the_password_with_it() {
    let bed = Bed::embedded().await;
    let (session, _) = bed.owner("owner@example.org").await;
    let guess = ChangePasswordRequest {
        session,
        old_password: "a guess of many".into(),
        new_password: "another good one".into(),
    };
    for _ in 0..5 {
        refused_field(bed.mesh().change_password(guess.clone()).await, "old_password");
    }
    refused(bed.mesh().change_password(guess).await, Code::ResourceExhausted);
}

#[tokio::test(flavor = "multi_thread")]
async fn item_52_whoever_came_by_a_link_sets_a_password_soon_after_and_every_other_session_ends() {
    for bed in Bed::each("item_52_whoever_came_by_a_link_sets_a_password_soon_after").await {
        bed.person("anna@example.org").await;
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::SignIn).await;
            sessions.push(bed.redeem(&token, "").await.unwrap().session);
        }
        let set = |session: &str| ChangePasswordRequest {
            session: session.into(),
            old_password: String::new(),
            new_password: PASSWORD.into(),
        };
        bed.clock.advance_ms(30 * 60 * 1000);
        refused(bed.mesh().change_password(set(&sessions[0])).await, Code::FailedPrecondition);
        let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::SignIn).await;
        let fresh = bed.redeem(&token, "").await.unwrap().session;
        bed.mesh().change_password(set(&fresh)).await.unwrap();
        assert!(bed.check(&fresh).await.unwrap().has_password);
        for over in &sessions {
            refused(bed.check(over).await, Code::Unauthenticated);
        }
        bed.sign_in(Realm::Audience, "anna@example.org", PASSWORD).await.unwrap();
        refused_field(bed.mesh().change_password(set(&fresh)).await, "old_password");
    }
}
