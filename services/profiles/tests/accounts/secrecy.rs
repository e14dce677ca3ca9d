//! A canary with unique tokens in every personal or secret field: after all that accounts do, none is in the store as it lies on the
//! disk, nor in a metric.

use std::{fs, path::Path};

use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::Role as WireRole,
    profiles::v1::{
        AuditEntry, BeginSecondFactorRequest, InviteMemberRequest, LinkPurpose, Realm, RecordAuditRequest,
        SendResetLinkRequest, SignInRequest,
    },
};

use crate::bed::{Bed, PASSWORD, token_of};

const CANARY: &str = "kanarienvogel";

fn files_with(folder: &Path, secret: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_with(&path, secret, found);
        } else if fs::read(&path).unwrap().windows(secret.len()).any(|bytes| bytes == secret.as_bytes()) {
            found.push(format!("{secret} in {}", path.display()));
        }
    }
}

/// Without padding.
const BASE64_CHARS_OF_256_BITS: usize = 43;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_and_no_secret_lies_open_in_the_store_or_in_a_metric() {
    let bed = Bed::embedded().await;
    let email = format!("{CANARY}.owner@example.org");
    let (session, owner) = bed.owner(&email).await;
    let person_email = format!("{CANARY}.anna@example.org");
    let person = bed.person(&person_email).await;
    let token = bed.link(Realm::Audience, &person_email, LinkPurpose::Reset).await;
    let password = format!("{CANARY} password");
    let opened = bed.redeem(&token, &password).await.unwrap().session;
    let failed = SignInRequest {
        client: format!("{CANARY}-client"),
        ..bed.sign_in_request(Realm::Audience, &person_email, "a wrong password")
    };
    bed.try_sign_in(failed).await.unwrap_err();
    let begin = BeginSecondFactorRequest { session: session.clone(), password: PASSWORD.into() };
    let factor = bed.mesh().begin_second_factor(begin).await.unwrap().into_inner().secret;
    let invited = format!("{CANARY}.carl@example.org");
    let invitation = InviteMemberRequest { email: invited, role: WireRole::Support.into(), language: String::new() };
    bed.member(Role::Owner).invite_member(invitation).await.unwrap();
    let invitation = token_of(&bed.letter_after(1).await);
    let reset = SendResetLinkRequest { person_id: person, reason: format!("{CANARY} phoned") };
    bed.member(Role::Support).send_reset_link(reset).await.unwrap();
    let entry = AuditEntry {
        action: "person.phone".into(),
        subject: "person:a".into(),
        reason: format!("{CANARY} asked"),
        detail: format!("{CANARY} was the name"),
        ..AuditEntry::default()
    };
    bed.for_tenant(&bed.tenant).record_audit(RecordAuditRequest { entry: Some(entry) }).await.unwrap();

    let mut found = Vec::new();
    let random = |secret: &str| secret.split_once('.').unwrap().1.to_owned();
    for secret in [&token, &invitation, &random(&session), &random(&opened)] {
        assert_eq!(secret.len(), BASE64_CHARS_OF_256_BITS, "{secret}");
    }
    for secret in [CANARY.to_owned(), token, invitation, random(&session), random(&opened), factor] {
        files_with(&bed.path(), &secret, &mut found);
        assert!(!bed.metrics.render().contains(&secret));
    }
    assert!(found.is_empty(), "{found:?}");
    // What is found at all: the search itself works.
    files_with(&bed.path(), &owner.account_id, &mut found);
    assert!(!found.is_empty());
}
