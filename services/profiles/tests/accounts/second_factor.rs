//! The second factor over the wire. The codes themselves are checked against the specifications' vectors in the domain.

use aws_lc_rs::hmac;
use futures_util::future::join_all;
use tonic::{Code, Status};
use turnout_platform::clock::Clock as _;
use turnout_proto::profiles::v1::{
    BeginSecondFactorRequest, ConfirmSecondFactorRequest, LinkPurpose, Realm, RemoveSecondFactorRequest, SignInRequest,
    SignInResponse,
};

use crate::bed::{Bed, PASSWORD, refused, refused_field};

/// An authenticator app, written independently of ours: from the base32 secret to the present code.
fn app(secret: &str, at_s: u64) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut key, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in secret.chars() {
        bits = bits << 5 | u32::try_from(ALPHABET.find(letter).unwrap()).unwrap();
        held += 5;
        if held >= 8 {
            held -= 8;
            key.push((bits >> held & 0xff) as u8);
        }
    }
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key), &(at_s / 30).to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn begin(session: &str, password: &str) -> BeginSecondFactorRequest {
    BeginSecondFactorRequest { session: session.into(), password: password.into() }
}

/// Sets it up for a session: the secret and the recovery codes.
async fn set_up(bed: &Bed, session: &str) -> (String, Vec<String>) {
    let begun = bed.mesh().begin_second_factor(begin(session, PASSWORD)).await.unwrap();
    let begun = begun.into_inner();
    assert!(begun.otpauth_url.starts_with("otpauth://totp/Turnout:") && begun.otpauth_url.contains(&begun.secret));
    let wrong = ConfirmSecondFactorRequest { session: session.into(), code: "000000".into() };
    refused_field(bed.mesh().confirm_second_factor(wrong).await, "code");
    let code = app(&begun.secret, bed.clock.at_s());
    let confirm = ConfirmSecondFactorRequest { session: session.into(), code };
    let codes = bed.mesh().confirm_second_factor(confirm).await.unwrap().into_inner().recovery_codes;
    assert_eq!(codes.len(), 10);
    bed.clock.advance_ms(30_000);
    (begun.secret, codes)
}

async fn sign_in(bed: &Bed, code: &str) -> Result<SignInResponse, Status> {
    let request =
        SignInRequest { code: code.into(), ..bed.sign_in_request(Realm::Team, "owner@example.org", PASSWORD) };
    bed.try_sign_in(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_alone_is_not_enough_and_a_code_works_once() {
    for bed in Bed::each("the_password_alone_is_not_enough_and_a_code_works_once").await {
        let (session, _) = bed.owner("owner@example.org").await;
        let (secret, _) = set_up(&bed, &session).await;
        let without = sign_in(&bed, "").await.unwrap();
        assert!(without.needs_code && without.session.is_empty() && without.account.is_none());
        let code = app(&secret, bed.clock.at_s());
        let signed_in = sign_in(&bed, &code).await.unwrap();
        assert!(signed_in.account.unwrap().has_second_factor);
        refused(sign_in(&bed, &code).await, Code::Unauthenticated);
        bed.clock.advance_ms(30_000);
        sign_in(&bed, &app(&secret, bed.clock.at_s())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_shown_many_times_at_once_opens_one_session() {
    for bed in Bed::each("a_code_shown_many_times_at_once_opens_one_session").await {
        let (session, _) = bed.owner("owner@example.org").await;
        let (secret, _) = set_up(&bed, &session).await;
        let code = app(&secret, bed.clock.at_s());
        let tries = join_all((0..4).map(|_| sign_in(&bed, &code))).await;
        assert_eq!(tries.iter().filter(|answer| answer.is_ok()).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recovery_code_works_once() {
    let bed = Bed::embedded().await;
    let (session, _) = bed.owner("owner@example.org").await;
    let (_, codes) = set_up(&bed, &session).await;
    for code in [codes[0].clone(), codes[9].to_lowercase().replace('-', " ")] {
        sign_in(&bed, &code).await.unwrap();
        refused(sign_in(&bed, &code).await, Code::Unauthenticated);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_the_password_cannot_wipe_out_the_codes_they_guessed_wrongly() {
    let bed = Bed::embedded().await;
    let (session, _) = bed.owner("owner@example.org").await;
    set_up(&bed, &session).await;
    let mut guessed = 0;
    for _ in 0..20 {
        // Right password, no code: this asks for the code and forgives nothing.
        match sign_in(&bed, "").await {
            Ok(answer) => assert!(answer.needs_code),
            Err(status) => assert_eq!(status.code(), Code::Unauthenticated),
        }
        refused(sign_in(&bed, "123456").await, Code::Unauthenticated);
        guessed = bed.count("turnout_profiles_sign_ins_total{outcome=\"wrong_code\"}");
    }
    assert!(guessed <= 5, "{guessed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_do_not_get_around_the_second_factor() {
    let bed = Bed::embedded().await;
    let (session, _) = bed.owner("owner@example.org").await;
    set_up(&bed, &session).await;
    for (purpose, password) in [(LinkPurpose::SignIn, ""), (LinkPurpose::Reset, "another good one")] {
        let token = bed.link(Realm::Team, "owner@example.org", purpose).await;
        let done = bed.redeem(&token, password).await.unwrap();
        assert!(done.sign_in_again && done.session.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_removed_with_a_code_and_not_without() {
    let bed = Bed::embedded().await;
    let (session, _) = bed.owner("owner@example.org").await;
    let remove = |code: &str| RemoveSecondFactorRequest { session: session.clone(), code: code.into() };
    refused(bed.mesh().remove_second_factor(remove("123456")).await, Code::FailedPrecondition);
    let (secret, _) = set_up(&bed, &session).await;
    refused_field(bed.mesh().remove_second_factor(remove("abcdef")).await, "code");
    let again = bed.mesh().begin_second_factor(begin(&session, PASSWORD)).await;
    refused(again, Code::FailedPrecondition);
    bed.mesh().remove_second_factor(remove(&app(&secret, bed.clock.at_s()))).await.unwrap();
    assert!(!sign_in(&bed, "").await.unwrap().needs_code);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_stolen_a_session_cannot_set_it_up() {
    let bed = Bed::embedded().await;
    let (session, _) = bed.owner("owner@example.org").await;
    for wrong in ["", "a guess of many"] {
        refused_field(bed.mesh().begin_second_factor(begin(&session, wrong)).await, "password");
    }
    for _ in 0..3 {
        refused_field(bed.mesh().begin_second_factor(begin(&session, "a guess of many")).await, "password");
    }
    refused(bed.mesh().begin_second_factor(begin(&session, PASSWORD)).await, Code::ResourceExhausted);

    // Whoever never set a password proves it by the session's age.
    bed.person("anna@example.org").await;
    let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::SignIn).await;
    let session = bed.redeem(&token, "").await.unwrap().session;
    bed.clock.advance_ms(30 * 60 * 1000 - 1);
    bed.mesh().begin_second_factor(begin(&session, "")).await.unwrap();
    bed.clock.advance_ms(1);
    refused(bed.mesh().begin_second_factor(begin(&session, "")).await, Code::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_store_fails_who_has_the_second_factor_has_seen_the_recovery_codes() {
    let mut confirmed = 0;
    for writes in 0.. {
        let bed = Bed::embedded().await;
        let (session, _) = bed.owner("owner@example.org").await;
        let begun = bed.mesh().begin_second_factor(begin(&session, PASSWORD)).await.unwrap().into_inner();
        let code = app(&begun.secret, bed.clock.at_s());
        bed.tables.cut_after(writes);
        let request = ConfirmSecondFactorRequest { session: session.clone(), code };
        let shown = bed.mesh().confirm_second_factor(request).await.map(|answer| answer.into_inner().recovery_codes);
        bed.tables.cut_after(usize::MAX);
        let needs_code = sign_in(&bed, "").await.unwrap().needs_code;
        assert_eq!(needs_code, shown.is_ok(), "after {writes} writes");
        confirmed += usize::from(needs_code);
        // Once without the last write, and once with all.
        if confirmed == 2 {
            break;
        }
    }
}
