//! A retry with the same key is the same call, on both engines: whoever sends it, whenever it comes, and whatever became of the first.
//! The CQL half needs a server.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod bed;

use std::{fs, path::Path, sync::Arc};

use tokio::task::JoinSet;
use tonic::{Code, Request, metadata::MetadataValue};
use tonic_types::StatusExt as _;
use turnout_platform::{auth::Role, rpc::IDEMPOTENCY_KEY, rpc::IDEMPOTENCY_KEY_CHARS_MAX};
use turnout_proto::presence::v1::GetCountRequest;

use crate::bed::{Answered, PERSONAL, beds, is_replay, number, until};

/// Far more than a claim is believed for, far less than an answer is kept for.
const LATER_MS: u64 = 5 * 60 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_gets_the_answer_of_the_first_call_from_any_process() {
    for bed in beds("a_retry_gets_the_answer").await {
        let (one, other) = (bed.server().await, bed.server().await);
        let first = one.call(one.acme(), "k", "gala").await.unwrap();
        assert!(number(&first) == 1 && !is_replay(first.metadata()));
        bed.clock.advance_ms(LATER_MS);
        for server in [&one, &other] {
            let again = server.call(server.acme(), "k", "gala").await.unwrap();
            assert!(is_replay(again.metadata()));
            assert_eq!(again.get_ref(), first.get_ref());
        }
        assert_eq!((one.counted("fresh"), one.counted("replayed"), other.counted("replayed")), (1, 1, 1));
        let plain = one.call(one.acme(), "", "gala").await.unwrap();
        assert_eq!((number(&plain), bed.made()), (2, 2), "without a key each call is one of its own");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_the_tenants_the_callers_and_the_methods_own() {
    for bed in beds("a_key_is_the_tenants").await {
        let server = bed.server().await;
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let whose = [
            server.acme(),
            server.credentials().acting_for(Some(&other)),
            server.credentials().acting_for_member(&acme, "anna", Role::Owner),
            server.credentials().acting_for_member(&acme, "bert", Role::Owner),
        ];
        for (at, whom) in whose.iter().enumerate() {
            let answer = server.call(whom.clone(), "k", "gala").await.unwrap();
            assert_eq!(number(&answer), at as u64 + 1);
        }
        assert_eq!(server.peak("k", "gala").await, 5);
        assert_eq!(server.peak("k", "gala").await, 5);
        assert_eq!(number(&server.call(whose[0].clone(), "k", "gala").await.unwrap()), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_request_is_refused() {
    for bed in beds("a_key_with_another_request").await {
        let server = bed.server().await;
        server.call(server.acme(), "k", "gala").await.unwrap();
        let refusal = server.call(server.acme(), "k", "another").await.unwrap_err();
        assert_eq!(refusal.code(), Code::InvalidArgument);
        assert_eq!(refusal.get_details_bad_request().unwrap().field_violations[0].field, IDEMPOTENCY_KEY);
        assert_eq!((bed.made(), server.counted("conflict")), (1, 1));
        // Nor does it change what the key says.
        assert_eq!(number(&server.call(server.acme(), "k", "gala").await.unwrap()), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_calls_at_once_have_one_effect() {
    for bed in beds("twenty_calls_at_once").await {
        let servers = [Arc::new(bed.server().await), Arc::new(bed.server().await)];
        bed.hold(true);
        let mut calls = JoinSet::new();
        for at in 0..20 {
            let server = servers[at % 2].clone();
            calls.spawn(async move { server.call(server.acme(), "k", "gala").await });
        }
        // The one that has the key waits; all others come to an end.
        for _ in 1..20 {
            let refusal = calls.join_next().await.unwrap().unwrap().unwrap_err();
            match refusal.code() {
                Code::Aborted => {
                    assert_eq!(refusal.get_details_error_info().unwrap().reason, "UNDER_WAY");
                    assert!(refusal.get_details_retry_info().is_some());
                }
                // So many at once on one row may be too much for a server.
                code => assert_eq!(code, Code::Unavailable, "{refusal}"),
            }
        }
        assert!(servers.iter().map(|server| server.counted("under_way")).sum::<u64>() > 0);
        bed.hold(false);
        assert_eq!(number(&calls.join_next().await.unwrap().unwrap().unwrap()), 1);
        for server in &servers {
            assert_eq!(number(&server.call(server.acme(), "k", "gala").await.unwrap()), 1);
        }
        assert_eq!(bed.made(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_stands_is_replayed_whole() {
    for bed in beds("a_refusal_that_stands").await {
        let server = bed.server().await;
        let first = server.call(server.acme(), "k", "nowhere").await.unwrap_err();
        let again = server.call(server.acme(), "k", "nowhere").await.unwrap_err();
        assert!(is_replay(again.metadata()) && !is_replay(first.metadata()));
        assert_eq!((again.code(), again.message()), (Code::NotFound, first.message()));
        assert_eq!(again.details(), first.details());
        assert_eq!(again.get_details_error_info().unwrap().reason, "NOT_FOUND");
        assert_eq!(bed.made(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_retry_may_better_leaves_the_key_to_it() {
    for event in ["away at first", "panics at first"] {
        for bed in beds("what_a_retry_may_better").await {
            let server = bed.server().await;
            let first = server.call(server.acme(), "k", event).await.unwrap_err();
            assert!(matches!(first.code(), Code::Unavailable | Code::Internal), "{first}");
            // The key stays the request's, though.
            let other = server.call(server.acme(), "k", "another").await.unwrap_err();
            assert_eq!(other.code(), Code::InvalidArgument);
            for is_retry in [false, true] {
                let answer = server.call(server.acme(), "k", event).await.unwrap();
                assert_eq!((number(&answer), is_replay(answer.metadata())), (2, is_retry));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_finds_the_answer_when_they_come_back() {
    for bed in beds("a_caller_who_leaves").await {
        let server = Arc::new(bed.server().await);
        bed.hold(true);
        let leaving = tokio::spawn({
            let server = server.clone();
            async move { server.call(server.acme(), "k", "gala").await.map(drop) }
        });
        bed.made_to_be(1).await;
        leaving.abort();
        assert!(leaving.await.unwrap_err().is_cancelled());
        bed.hold(false);
        let again =
            until("the first call has ended", async || server.call(server.acme(), "k", "gala").await.ok()).await;
        assert!(is_replay(again.metadata()) && number(&again) == 1 && bed.made() == 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_process_is_gone_is_taken_over_when_it_is_old() {
    for bed in beds("a_claim_whose_process_is_gone").await {
        let (gone, server) = (Arc::new(bed.server().await), bed.server().await);
        bed.hold(true);
        // As good as gone: it comes to no end before the claim is old.
        let first = tokio::spawn({
            let gone = gone.clone();
            async move { gone.call(gone.acme(), "k", "gala").await }
        });
        bed.made_to_be(1).await;
        let early = server.call(server.acme(), "k", "gala").await.unwrap_err();
        assert_eq!(early.code(), Code::Aborted);
        bed.clock.advance_ms(LATER_MS);
        let taking_over = async { server.call(server.acme(), "k", "gala").await.unwrap() };
        let (second, ()) = tokio::join!(taking_over, async {
            bed.made_to_be(2).await;
            bed.hold(false);
        });
        assert!(number(&second) == 2 && server.counted("taken_over") == 1);
        // Its own end changes nothing any more.
        assert_eq!(number(&first.await.unwrap().unwrap()), 1);
        let again = server.call(server.acme(), "k", "gala").await.unwrap();
        assert!(is_replay(again.metadata()) && number(&again) == 2 && bed.made() == 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_to_be_kept_is_given_once_and_its_call_made_once() {
    for bed in beds("an_answer_that_is_too_long").await {
        let server = bed.server().await;
        server.call(server.acme(), "k", "long").await.unwrap();
        let again = server.call(server.acme(), "k", "long").await.unwrap_err();
        assert_eq!((again.code(), bed.made()), (Code::AlreadyExists, 1));
        assert_eq!(again.get_details_error_info().unwrap().reason, "ANSWER_NOT_KEPT");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_key_is_refused_before_anything_is_done() {
    for bed in beds("what_is_no_key").await {
        let server = bed.server().await;
        let refused = |answered: Answered| {
            let refusal = answered.unwrap_err();
            assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal}");
            assert_eq!(refusal.get_details_bad_request().unwrap().field_violations[0].field, IDEMPOTENCY_KEY);
        };
        let request = |keys: &[&[u8]]| {
            let mut request = Request::new(GetCountRequest::default());
            for key in keys {
                request.metadata_mut().append(IDEMPOTENCY_KEY, MetadataValue::try_from(*key).unwrap());
            }
            request
        };
        let long = "k".repeat(IDEMPOTENCY_KEY_CHARS_MAX + 1);
        for keys in [&[b"".as_slice()][..], &[long.as_bytes()], &[b"k", b"k"], &["ä".as_bytes()], &[b"a\tb"]] {
            refused(server.send(server.acme(), request(keys)).await);
        }
        // A service that acts for no tenant has nothing that a key could be kept under.
        refused(server.call(server.credentials().acting_for(None), "k", "gala").await);
        assert_eq!(bed.made(), 0);
        let longest = server.call(server.acme(), &long[1..], "gala").await.unwrap();
        assert_eq!(number(&longest), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_keys_nor_answers_can_be_read_where_they_are_kept() {
    for bed in beds("neither_keys_nor_answers").await.into_iter().filter(|bed| bed.is_embedded) {
        let server = bed.server().await;
        server.call(server.acme(), "order-of-bert", "gala").await.unwrap();
        server.call(server.acme(), "order-of-bert", "gala").await.unwrap();
        let mut kept = Vec::new();
        read_all(bed.folder.path(), &mut kept);
        let holds = |text: &str| kept.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("acme") && holds("answered"), "the rows are in these files");
        assert!(!holds(PERSONAL) && !holds("order-of-bert"));
        assert!(!server.metrics.render().contains("order-of-bert"));
    }
}

fn read_all(folder: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else {
            into.extend(fs::read(path).unwrap());
        }
    }
}
