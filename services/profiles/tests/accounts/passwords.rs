//! Passwords and guessing, row by row of the requirements for accounts (OWASP password storage, ASVS 5.0 V6.2). What may be chosen is
//! tabled in the unit tests of the domain; that tries cost equal work is counted here, not timed.

use std::{convert::Infallible, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, phc::PasswordHash},
};
use futures_util::future::join_all;
use tonic::Code;
use turnout_platform::tables::Tables as _;
use turnout_proto::profiles::v1::{CreateFirstOwnerRequest, LinkPurpose, Realm, SignInRequest};

use crate::bed::{Bed, PASSWORD, refused, refused_field};

const HASHES: &str = "turnout_profiles_password_hashes_total";
const WAITING: &str = "turnout_profiles_password_queue_hashes";
/// Calls that are not answered by then wait for a flood that has no end.
const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn item_52_people_sign_in_with_an_account_bound_to_the_person() {
    for bed in Bed::each("item_52_people_sign_in_with_an_account_bound_to_the_person").await {
        let person = bed.person_with_password("anna@example.org").await;
        let answer = bed.sign_in(Realm::Audience, " Anna@Example.org ", PASSWORD).await.unwrap();
        let account = answer.account.unwrap();
        assert_eq!((account.realm(), account.person_id.as_str()), (Realm::Audience, person.as_str()));
        assert_eq!((account.email.as_str(), account.name.as_str()), ("anna@example.org", "Anna"));
        assert_eq!(account.tenant_id, bed.tenant.as_str());
        assert!(account.verified && account.has_password && !account.has_second_factor && !answer.needs_code);
        assert_eq!(bed.check(&answer.session).await.unwrap(), account);
        assert_eq!(bed.people_say(&person).await, (true, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_wrong_and_too_early_give_the_same_answer_for_the_same_work() {
    for bed in Bed::each("unknown_wrong_and_too_early_give_the_same_answer_for_the_same_work").await {
        bed.owner("owner@example.org").await;
        bed.person_with_password("anna@example.org").await;
        bed.person("nopassword@example.org").await;
        let mut answers = Vec::new();
        for (realm, email) in [
            (Realm::Team, "owner@example.org"),
            (Realm::Team, "nobody.here@example.org"),
            (Realm::Team, "anna@example.org"),
            (Realm::Audience, "anna@example.org"),
            (Realm::Audience, "nobody.here@example.org"),
            (Realm::Audience, "nopassword@example.org"),
        ] {
            // The sixth try and later ones come too early.
            for password in ["wrong password"; 7].iter().chain(&[PASSWORD]) {
                let before = bed.count(HASHES);
                answers.push(refused(bed.sign_in(realm, email, password).await, Code::Unauthenticated));
                assert_eq!(bed.count(HASHES) - before, 1, "{realm:?} {email}");
            }
        }
        for answer in &answers {
            assert_eq!((answer.message(), answer.details()), (answers[0].message(), answers[0].details()));
        }
        assert!(bed.count("turnout_profiles_sign_ins_total{outcome=\"too_early\"}") >= 12);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_costs_as_many_reads_as_a_known_one() {
    for bed in Bed::each("an_unknown_address_costs_as_many_reads_as_a_known_one").await {
        bed.owner("owner@example.org").await;
        bed.person_with_password("anna@example.org").await;
        for (realm, known) in [(Realm::Team, "owner@example.org"), (Realm::Audience, "anna@example.org")] {
            let mut reads = Vec::new();
            for email in [known, "nobody.here@example.org"] {
                let before = bed.tables.lookups();
                refused(bed.sign_in(realm, email, "wrong password").await, Code::Unauthenticated);
                reads.push(bed.tables.lookups() - before);
            }
            assert_eq!(reads[0], reads[1], "{realm:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_of_an_older_cost_is_made_anew_at_the_next_sign_in() {
    let bed = Bed::embedded().await;
    let (_, owner) = bed.owner("owner@example.org").await;
    let table = turnout_profiles::tables().into_iter().find(|table| table.name == "accounts_by_id").unwrap();
    let key = bed.vault.key_for(&bed.tenant, "tenant").await.unwrap();
    let context = format!("accounts_by_id/{}", owner.account_id);
    let stored = || async {
        let row = bed.tables.get(table, vec![owner.account_id.as_str().into()]).await.unwrap().unwrap();
        let secrets: serde_json::Value =
            serde_json::from_slice(&key.open(&context, row.bytes("sealed")).unwrap()).unwrap();
        (row, secrets)
    };
    // As an earlier version of the program might have left it.
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1024, 1, 1, None).unwrap());
    let old: PasswordHash = cheap.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]).unwrap();
    let (row, mut secrets) = stored().await;
    secrets["password"] = old.to_string().into();
    let sealed = key.seal(&context, secrets.to_string().as_bytes());
    let version = row.int("version");
    bed.tables.put_if_version(row.set("sealed", sealed).set("version", version + 1), version).await.unwrap();

    bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await.unwrap();
    let (_, secrets) = stored().await;
    assert!(secrets["password"].as_str().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_20_guesses_only_the_first_are_looked_at_and_nobody_is_locked_out_for_good() {
    for bed in Bed::each("of_20_guesses_only_the_first_are_looked_at_and_nobody_is_locked_out_for_good").await {
        bed.owner("owner@example.org").await;
        for _ in 0..20 {
            refused(bed.sign_in(Realm::Team, "owner@example.org", "a guess of many").await, Code::Unauthenticated);
        }
        let outcome = |outcome: &str| bed.count(&format!("turnout_profiles_sign_ins_total{{outcome=\"{outcome}\"}}"));
        assert_eq!((outcome("refused"), outcome("too_early")), (5, 15));
        refused(bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await, Code::Unauthenticated);

        bed.clock.advance_ms(1000);
        bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await.unwrap();
        // And with that the failures are forgotten.
        for _ in 0..4 {
            refused(bed.sign_in(Realm::Team, "owner@example.org", "a guess of many").await, Code::Unauthenticated);
        }
        bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_moment_gain_nothing() {
    for bed in Bed::each("guesses_at_the_same_moment_gain_nothing").await {
        bed.owner("owner@example.org").await;
        let guesses = join_all((0..20).map(|_| bed.sign_in(Realm::Team, "owner@example.org", "a guess of many"))).await;
        assert!(guesses.into_iter().all(|guess| guess.is_err()));
        assert!(bed.count("turnout_profiles_sign_ins_total{outcome=\"refused\"}") <= 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_guesses_at_many_accounts_is_told_to_wait() {
    let bed = Bed::embedded().await;
    bed.owner("owner@example.org").await;
    let from = |client: &str, email: &str, password: &str| SignInRequest {
        client: client.into(),
        ..bed.sign_in_request(Realm::Team, email, password)
    };
    let mut guesses = 0;
    loop {
        match bed.try_sign_in(from("net-a", &format!("somebody{guesses}@example.org"), "a guess of many")).await {
            Err(status) if status.code() == Code::Unauthenticated => guesses += 1,
            other => {
                refused(other, Code::ResourceExhausted);
                break;
            }
        }
    }
    assert_eq!(guesses, 30);
    bed.try_sign_in(from("net-b", "owner@example.org", PASSWORD)).await.unwrap();
    bed.clock.advance_ms(1000);
    bed.try_sign_in(from("net-a", "owner@example.org", PASSWORD)).await.unwrap();
    // Its own success does not wipe out the failures of the network.
    refused(bed.try_sign_in(from("net-a", "x.y@example.org", "a guess of many")).await, Code::Unauthenticated);
    refused(bed.try_sign_in(from("net-a", "x.z@example.org", "a guess of many")).await, Code::ResourceExhausted);
}

/// Guesses on and on; the next one comes when the last one was looked at.
async fn guesses(bed: &Bed, email: String) -> Infallible {
    loop {
        bed.sign_in(Realm::Team, &email, "a guess of many").await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_calls_are_answered_before_the_sign_ins_that_wait_for_their_hash() {
    // Fewer than may wait, so that none is refused; far more than hash at the same moment.
    const GUESSERS: u64 = 40;
    const CALLS: usize = 20;
    let bed = Bed::embedded().await;
    let (session, _) = bed.owner("owner@example.org").await;
    let person = bed.person("anna@example.org").await;
    let flood = join_all((0..GUESSERS).map(|n| guesses(&bed, format!("somebody{n}@example.org"))));
    let others = async {
        let mut earlier = 0;
        for _ in 0..CALLS {
            bed.counted(WAITING, GUESSERS / 2).await;
            let (hashes, waiting) = (bed.count(HASHES), bed.count(WAITING));
            bed.check(&session).await.unwrap();
            bed.people_say(&person).await;
            // Hashes begin in the order in which they came: the last of those that waited waits still.
            earlier += usize::from(bed.count(HASHES) - hashes < waiting);
        }
        earlier
    };
    let earlier = tokio::select! {
        _ = flood => unreachable!("it has no end"),
        earlier = tokio::time::timeout(DEADLINE, others) => earlier.expect("others are answered"),
    };
    assert!(earlier > CALLS / 2, "{earlier} of {CALLS} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sign_ins_is_refused_beyond_the_queue() {
    let bed = Bed::embedded().await;
    bed.owner("owner@example.org").await;
    let flood = (0..200).map(|n| {
        let (email, bed) = (format!("somebody{n}@example.org"), &bed);
        async move { bed.sign_in(Realm::Team, &email, "a guess of many").await.unwrap_err() }
    });
    let answers = join_all(flood).await;
    assert!(answers.iter().all(|answer| [Code::Unauthenticated, Code::ResourceExhausted].contains(&answer.code())));
    let (refused, looked_at): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.code() == Code::ResourceExhausted);
    assert!(!refused.is_empty() && !looked_at.is_empty(), "{} refused, {} looked at", refused.len(), looked_at.len());
    for status in refused {
        use tonic_types::StatusExt as _;
        assert!(status.get_details_retry_info().is_some());
    }
    bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_breaks_the_rules_is_refused_wherever_one_is_set() {
    let bed = Bed::embedded().await;
    bed.person("anna@example.org").await;
    let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::Reset).await;
    let long = "x".repeat(257);
    for bad in ["seven c", "password", "Football", long.as_str()] {
        refused_field(bed.redeem(&token, bad).await, "new_password");
        let request = CreateFirstOwnerRequest {
            tenant_id: bed.tenant.to_string(),
            email: "owner@example.org".into(),
            password: bad.into(),
        };
        refused_field(bed.mesh().create_first_owner(request).await, "password");
    }
    // None of this has used the link up, and what is long and plain is good.
    bed.redeem(&token, &"long and plain ".repeat(5)).await.unwrap();
    let endless = "x".repeat(1025);
    refused_field(bed.sign_in(Realm::Audience, "anna@example.org", &endless).await, "password");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_two_tenants_with_one_address_know_nothing_of_each_other() {
    let bed = Bed::embedded().await;
    bed.person_with_password("anna@example.org").await;
    let other = "other".parse().unwrap();
    bed.person_of(&other, "anna@example.org").await;
    let request = SignInRequest {
        tenant_id: "other".into(),
        ..bed.sign_in_request(Realm::Audience, "anna@example.org", PASSWORD)
    };
    refused(bed.try_sign_in(request).await, Code::Unauthenticated);
    refused(bed.sign_in(Realm::Team, "anna@example.org", PASSWORD).await, Code::Unauthenticated);
    bed.sign_in(Realm::Audience, "anna@example.org", PASSWORD).await.unwrap();
}
