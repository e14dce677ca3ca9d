//! Links by mail: once, in time, for one purpose, and without telling who is known.

use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use tonic::Code;
use turnout_platform::auth::Role;
use turnout_proto::{
    notifications::v1::MessageKind,
    profiles::v1::{LinkPurpose, Realm, RequestLinkRequest, SendResetLinkRequest},
};

use crate::bed::{Bed, PASSWORD, refused, refused_field, token_of};

const HALF_AN_HOUR_MS: u64 = 30 * 60 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn item_23_a_person_verifies_the_address_with_a_link_that_works_once() {
    for bed in Bed::each("item_23_a_person_verifies_the_address_with_a_link_that_works_once").await {
        let person = bed.person("anna@example.org").await;
        assert_eq!(bed.people_say(&person).await, (false, false));
        let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::Verify).await;
        let done = bed.redeem(&token, "").await.unwrap();
        assert_eq!((done.purpose(), done.return_path.as_str()), (LinkPurpose::Verify, "/e/gala"));
        assert!(done.session.is_empty() && done.account.unwrap().verified);
        assert_eq!(bed.people_say(&person).await, (false, true));
        refused(bed.redeem(&token, "").await, Code::FailedPrecondition);
        // And again, for who lost the first one.
        let second = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::Verify).await;
        bed.redeem(&second, "").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_link_opens_a_session_and_makes_the_account() {
    for bed in Bed::each("a_sign_in_link_opens_a_session_and_makes_the_account").await {
        let person = bed.person("anna@example.org").await;
        let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::SignIn).await;
        let done = bed.redeem(&token, "").await.unwrap();
        let account = done.account.unwrap();
        assert_eq!((account.person_id.as_str(), account.has_password), (person.as_str(), false));
        assert_eq!(bed.check(&done.session).await.unwrap(), account);
        assert_eq!(bed.people_say(&person).await, (true, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_purpose_works_within_30_minutes_and_not_after() {
    let bed = Bed::embedded().await;
    bed.person("anna@example.org").await;
    for (purpose, password) in [(LinkPurpose::SignIn, ""), (LinkPurpose::Verify, ""), (LinkPurpose::Reset, PASSWORD)] {
        let token = bed.link(Realm::Audience, "anna@example.org", purpose).await;
        bed.clock.advance_ms(HALF_AN_HOUR_MS);
        let late = refused(bed.redeem(&token, password).await, Code::FailedPrecondition);
        let made_up = refused(bed.redeem("made up", password).await, Code::FailedPrecondition);
        assert_eq!((late.message(), late.details()), (made_up.message(), made_up.details()));
        let token = bed.link(Realm::Audience, "anna@example.org", purpose).await;
        bed.clock.advance_ms(HALF_AN_HOUR_MS - 1);
        bed.redeem(&token, password).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_uses_of_a_link_at_once_exactly_one_works() {
    for bed in Bed::each("of_many_uses_of_a_link_at_once_exactly_one_works").await {
        bed.person("anna@example.org").await;
        let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::SignIn).await;
        let uses = join_all((0..20).map(|_| bed.redeem(&token, ""))).await;
        assert_eq!(uses.iter().filter(|used| used.is_ok()).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_that_follows_links_uses_nothing_up() {
    let bed = Bed::embedded().await;
    let person = bed.person("anna@example.org").await;
    for purpose in [LinkPurpose::SignIn, LinkPurpose::Verify, LinkPurpose::Reset] {
        let token = bed.link(Realm::Audience, "anna@example.org", purpose).await;
        for _ in 0..3 {
            let looked = bed.redeem_as(&token, "", false).await.unwrap();
            assert_eq!((looked.purpose(), looked.session.as_str(), looked.account), (purpose, "", None));
        }
        assert_eq!(bed.people_say(&person).await, (false, false));
        bed.clock.advance_ms(HALF_AN_HOUR_MS);
    }
    // A reset that brings no password only looks too, even when confirmed.
    let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::Reset).await;
    assert_eq!(bed.redeem(&token, "").await.unwrap().account, None);
    bed.redeem(&token, PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_sets_the_password_ends_every_session_and_outdates_older_resets() {
    for bed in Bed::each("a_reset_sets_the_password_ends_every_session_and_outdates_older_resets").await {
        bed.person_with_password("anna@example.org").await;
        let before = bed.sign_in(Realm::Audience, "anna@example.org", PASSWORD).await.unwrap().session;
        let older = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::Reset).await;
        let newer = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::Reset).await;
        let done = bed.redeem(&newer, "another good one").await.unwrap();
        bed.check(&done.session).await.unwrap();
        refused(bed.check(&before).await, Code::Unauthenticated);
        refused(bed.redeem(&older, "a third good one").await, Code::FailedPrecondition);
        refused(bed.sign_in(Realm::Audience, "anna@example.org", PASSWORD).await, Code::Unauthenticated);
        bed.sign_in(Realm::Audience, "anna@example.org", "another good one").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_resets_used_at_once_one_sets_the_password() {
    for bed in Bed::each("of_two_resets_used_at_once_one_sets_the_password").await {
        bed.person("anna@example.org").await;
        let first = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::Reset).await;
        let second = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::Reset).await;
        let uses = tokio::join!(bed.redeem(&first, "the first good one"), bed.redeem(&second, "the second good one"));
        let good = match uses {
            (Ok(_), Err(_)) => "the first good one",
            (Err(_), Ok(_)) => "the second good one",
            other => panic!("{other:?}"),
        };
        bed.sign_in(Realm::Audience, "anna@example.org", good).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_for_one_thing_does_not_do_another() {
    let bed = Bed::embedded().await;
    bed.person("anna@example.org").await;
    for purpose in [LinkPurpose::SignIn, LinkPurpose::Verify] {
        let token = bed.link(Realm::Audience, "anna@example.org", purpose).await;
        assert!(!bed.redeem(&token, "a good password").await.unwrap().account.unwrap().has_password);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_and_an_unknown_address_get_the_same_answer_and_only_the_known_one_a_letter() {
    for bed in Bed::each("a_known_and_an_unknown_address_get_the_same_answer").await {
        bed.owner("owner@example.org").await;
        bed.person("anna@example.org").await;
        for (realm, known) in [(Realm::Team, "owner@example.org"), (Realm::Audience, "anna@example.org")] {
            for purpose in [LinkPurpose::SignIn, LinkPurpose::Verify, LinkPurpose::Reset] {
                for email in [known, "nobody.here@example.org"] {
                    let answer = bed.mesh().request_link(bed.link_request(realm, email, purpose)).await.unwrap();
                    assert_eq!(answer.into_inner(), turnout_proto::profiles::v1::RequestLinkResponse {});
                }
            }
        }
        for purpose in ["sign_in", "verify", "reset"] {
            for outcome in ["sent", "unknown"] {
                let metric = format!("turnout_profiles_links_total{{purpose=\"{purpose}\",outcome=\"{outcome}\"}}");
                bed.counted(&metric, 2).await;
            }
        }
        let mut to: Vec<_> = bed.postbox.letters().into_iter().map(|letter| letter.email).collect();
        to.sort();
        assert_eq!(to, [["anna@example.org"; 3], ["owner@example.org"; 3]].concat());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_holds_a_path_the_language_and_an_end_and_no_address_of_a_server() {
    let bed = Bed::embedded().await;
    let person = bed.person("anna@example.org").await;
    let request = RequestLinkRequest {
        event_id: "gala".into(),
        ..bed.link_request(Realm::Audience, "anna@example.org", LinkPurpose::SignIn)
    };
    bed.mesh().request_link(request).await.unwrap();
    let letter = bed.letter_after(0).await;
    assert_eq!(letter.kind(), MessageKind::SignInLink);
    assert_eq!((letter.email.as_str(), letter.name.as_str()), ("anna@example.org", "Anna"));
    assert_eq!((letter.person_id, letter.language.as_str(), letter.event_id.as_str()), (person, "de", "gala"));
    assert_eq!(letter.expires_at.unwrap().seconds, 1_800_000_000 + 1800);
    let path = letter.link_path.strip_prefix(&format!("/sign-in/link?tenant={}&token=", bed.tenant)).unwrap();
    assert_eq!(path.len(), 43, "256 bits");
    assert!(!letter.idempotency_key.contains(path));

    bed.owner("owner@example.org").await;
    bed.mesh().request_link(bed.link_request(Realm::Team, "owner@example.org", LinkPurpose::Reset)).await.unwrap();
    let letter = bed.letter_after(1).await;
    assert_eq!((letter.kind(), letter.person_id.as_str()), (MessageKind::Reset, ""));
    assert!(letter.link_path.starts_with("/console/link?token="));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_link_after_link_waits_and_whoever_uses_one_is_forgiven() {
    let bed = Bed::embedded().await;
    bed.person("anna@example.org").await;
    for email in ["anna@example.org", "nobody.here@example.org"] {
        for _ in 0..3 {
            bed.mesh().request_link(bed.link_request(Realm::Audience, email, LinkPurpose::SignIn)).await.unwrap();
        }
        let fourth = bed.mesh().request_link(bed.link_request(Realm::Audience, email, LinkPurpose::SignIn)).await;
        refused(fourth, Code::ResourceExhausted);
    }
    let token = token_of(&bed.letter_after(0).await);
    bed.redeem(&token, "").await.unwrap();
    bed.link(Realm::Audience, "anna@example.org", LinkPurpose::SignIn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_proves_who_reads_the_mail_so_the_guesses_of_others_are_forgotten() {
    let bed = Bed::embedded().await;
    bed.person_with_password("anna@example.org").await;
    for _ in 0..6 {
        refused(bed.sign_in(Realm::Audience, "anna@example.org", "a guess of many").await, Code::Unauthenticated);
    }
    refused(bed.sign_in(Realm::Audience, "anna@example.org", PASSWORD).await, Code::Unauthenticated);
    let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::SignIn).await;
    bed.redeem(&token, "").await.unwrap();
    bed.sign_in(Realm::Audience, "anna@example.org", PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_one_letter_although_notifications_were_away_for_a_moment() {
    let bed = Bed::embedded().await;
    bed.person("anna@example.org").await;
    bed.postbox.away.store(2, Ordering::SeqCst);
    let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::SignIn).await;
    bed.redeem(&token, "").await.unwrap();
    assert_eq!(bed.postbox.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn item_25_support_sends_a_reset_link_to_the_person_and_does_not_see_it() {
    for bed in Bed::each("item_25_support_sends_a_reset_link_to_the_person_and_does_not_see_it").await {
        let person = bed.person_with_password("anna@example.org").await;
        let session = bed.sign_in(Realm::Audience, "anna@example.org", PASSWORD).await.unwrap().session;
        let before = bed.postbox.letters().len();
        let request = SendResetLinkRequest { person_id: person.clone(), reason: "she phoned".into() };
        bed.member(Role::Support).send_reset_link(request.clone()).await.unwrap();
        let letter = bed.letter_after(before).await;
        assert_eq!((letter.kind(), letter.email.as_str()), (MessageKind::Reset, "anna@example.org"));
        bed.redeem(&token_of(&letter), "another good one").await.unwrap();
        refused(bed.check(&session).await, Code::Unauthenticated);

        let missing = SendResetLinkRequest { person_id: "nobody".into(), ..request.clone() };
        refused(bed.member(Role::Support).send_reset_link(missing).await, Code::NotFound);
        let silent = SendResetLinkRequest { reason: " ".into(), ..request.clone() };
        refused_field(bed.member(Role::Support).send_reset_link(silent).await, "reason");
        let other = "other".parse().unwrap();
        refused(bed.member_of(&other, "m", Role::Owner).send_reset_link(request).await, Code::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_is_named() {
    let bed = Bed::embedded().await;
    let good = bed.link_request(Realm::Audience, "anna@example.org", LinkPurpose::SignIn);
    for (field, bad) in [
        ("realm", RequestLinkRequest { realm: 0, ..good.clone() }),
        ("tenant_id", RequestLinkRequest { tenant_id: String::new(), ..good.clone() }),
        ("email", RequestLinkRequest { email: "anna".into(), ..good.clone() }),
        ("purpose", RequestLinkRequest { purpose: 0, ..good.clone() }),
        ("return_path", RequestLinkRequest { return_path: "//evil.example".into(), ..good.clone() }),
        ("language", RequestLinkRequest { language: "de de".into(), ..good.clone() }),
        ("event_id", RequestLinkRequest { event_id: "a b".into(), ..good.clone() }),
        ("client", RequestLinkRequest { client: "x".repeat(65), ..good.clone() }),
    ] {
        refused_field(bed.mesh().request_link(bad).await, field);
    }
}
