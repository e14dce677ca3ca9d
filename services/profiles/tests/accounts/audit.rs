//! The audit log: what gets into it, and how it is read.

use tonic::Status;
use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::Role as WireRole,
    profiles::v1::{
        AuditEntry, InviteMemberRequest, ListAuditRequest, ListAuditResponse, RecordAuditRequest, SendResetLinkRequest,
    },
};

use crate::bed::{Bed, refused_field};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

async fn list(bed: &Bed, page_size: i32, page_token: &str, subject: &str) -> Result<ListAuditResponse, Status> {
    let request = ListAuditRequest { page_size, page_token: page_token.into(), subject: subject.into() };
    Ok(bed.member(Role::Organiser).list_audit(request).await?.into_inner())
}

async fn walk(bed: &Bed, page_size: i32, subject: &str) -> Vec<String> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = list(bed, page_size, &token, subject).await.unwrap();
        assert!(page.entries.len() <= page_size as usize);
        found.extend(page.entries.into_iter().map(|entry| entry.entry_id));
        token = page.next_page_token;
        if token.is_empty() {
            return found;
        }
    }
}

fn entry(id: &str, subject: &str) -> AuditEntry {
    AuditEntry {
        actor: "member:abc".into(),
        action: "registration.cancel".into(),
        subject: subject.into(),
        event_id: "gala".into(),
        reason: "she asked".into(),
        detail: "a detail".into(),
        entry_id: id.into(),
        at: None,
    }
}

async fn record(bed: &Bed, entry: AuditEntry) -> Result<(), Status> {
    bed.for_tenant(&bed.tenant).record_audit(RecordAuditRequest { entry: Some(entry) }).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_newest_first_and_whole_over_days_and_pages_and_can_be_narrowed_to_a_subject() {
    for bed in Bed::each("the_log_is_newest_first_and_whole_over_days_and_pages").await {
        let (mut all, mut of_a) = (Vec::new(), Vec::new());
        for n in 0..40_u64 {
            let id = format!("e{n:02}");
            let subject = if n % 3 == 0 { "registration:a" } else { "registration:b" };
            record(&bed, entry(&id, subject)).await.unwrap();
            if n % 3 == 0 {
                of_a.insert(0, id.clone());
            }
            all.insert(0, id);
            // Some share a moment, some a day; between others are months without any.
            bed.clock.advance_ms([0, 1000, DAY_MS, 40 * DAY_MS][(n % 4) as usize]);
        }
        for page_size in [1, 7, 40, 200] {
            assert_eq!(walk(&bed, page_size, "").await, all);
            assert_eq!(walk(&bed, page_size, "registration:a").await, of_a);
        }
        assert_eq!(list(&bed, 40, "", "").await.unwrap().next_page_token, "");
        assert!(walk(&bed, 50, "registration:c").await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_entry_fits_however_it_is_escaped() {
    for bed in Bed::each("the_longest_entry_fits_however_it_is_escaped").await {
        let longest = AuditEntry {
            subject: "x".repeat(128),
            reason: "\u{1}".repeat(500),
            detail: "\u{1}".repeat(5000),
            ..entry("long", "x")
        };
        record(&bed, longest.clone()).await.unwrap();
        let found = list(&bed, 0, "", &longest.subject).await.unwrap().entries.remove(0);
        assert_eq!(found.reason, longest.reason);
        assert_eq!(found.detail, format!("{}…", "\u{1}".repeat(1000)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_one_entry_and_keeps_its_time() {
    for bed in Bed::each("a_retry_is_one_entry_and_keeps_its_time").await {
        record(&bed, entry("same", "registration:a")).await.unwrap();
        bed.clock.advance_ms(2 * DAY_MS);
        record(&bed, entry("same", "registration:a")).await.unwrap();
        let entries = list(&bed, 0, "", "").await.unwrap().entries;
        assert_eq!(entries.len(), 1);
        let at = entries[0].at;
        assert_eq!(at.unwrap().seconds, 1_800_000_000);
        assert_eq!(entries[0], AuditEntry { at, ..entry("same", "registration:a") });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_overwrites_an_entry_by_doing_the_same_once_more() {
    for bed in Bed::each("nobody_overwrites_an_entry_by_doing_the_same_once_more").await {
        let anna = entry("same", "registration:a");
        let bert = AuditEntry { actor: "member:bert".into(), reason: "he asked".into(), ..anna.clone() };
        for record_of in [&anna, &bert, &anna, &bert] {
            record(&bed, record_of.clone()).await.unwrap();
            bed.clock.advance_ms(1000);
        }
        let entries = list(&bed, 0, "", "").await.unwrap().entries;
        let told: Vec<_> = entries.iter().map(|entry| (entry.actor.as_str(), entry.reason.as_str())).collect();
        assert_eq!(told, [("member:bert", "he asked"), ("member:abc", "she asked")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_for_others_is_in_the_log_with_actor_and_reason() {
    let bed = Bed::embedded().await;
    let person = bed.person("anna@example.org").await;
    let reset = SendResetLinkRequest { person_id: person.clone(), reason: "she phoned".into() };
    bed.member(Role::Support).send_reset_link(reset).await.unwrap();
    bed.clock.advance_ms(1);
    let invitation = InviteMemberRequest {
        email: "carl@example.org".into(),
        role: WireRole::Support.into(),
        language: String::new(),
    };
    let member = bed.member(Role::Owner).invite_member(invitation).await.unwrap().into_inner().member.unwrap();
    let entries = list(&bed, 0, "", "").await.unwrap().entries;
    let told: Vec<_> = entries.iter().map(|e| (e.actor.as_str(), e.action.as_str(), e.subject.as_str())).collect();
    assert_eq!(
        told,
        [
            ("member:member-1", "member.invite", format!("member:{}", member.account_id).as_str()),
            ("member:member-1", "account.reset_link", format!("person:{person}").as_str()),
        ]
    );
    assert_eq!(entries[1].reason, "she phoned");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logs_of_two_tenants_do_not_mix() {
    let bed = Bed::embedded().await;
    record(&bed, entry("ours", "registration:a")).await.unwrap();
    record(&bed, entry("ours-2", "registration:a")).await.unwrap();
    let other = "other".parse().unwrap();
    let request = RecordAuditRequest { entry: Some(entry("ours", "registration:a")) };
    bed.for_tenant(&other).record_audit(request).await.unwrap();
    let mut theirs = bed.member_of(&other, "m", Role::Owner);
    let listed = theirs.list_audit(ListAuditRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.entries.len(), 1);
    let token = list(&bed, 1, "", "").await.unwrap().next_page_token;
    let foreign = ListAuditRequest { page_token: token.clone(), ..ListAuditRequest::default() };
    refused_field(theirs.list_audit(foreign).await, "page_token");
    refused_field(list(&bed, 1, &token, "registration:a").await, "page_token");
    refused_field(list(&bed, 201, "", "").await, "page_size");
    refused_field(list(&bed, 0, "", "anna@example.org").await, "subject");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_does_not_get_into_the_open_part_of_an_entry() {
    let bed = Bed::embedded().await;
    for (field, bad) in [
        ("entry.subject", AuditEntry { subject: "person:anna@example.org".into(), ..entry("a", "x") }),
        ("entry.actor", AuditEntry { actor: "Anna Example".into(), ..entry("a", "x") }),
        ("entry.action", AuditEntry { action: "called +358401234567".into(), ..entry("a", "x") }),
        ("entry.entry_id", AuditEntry { entry_id: "a b".into(), ..entry("a", "x") }),
        ("entry.event_id", AuditEntry { event_id: "a b".into(), ..entry("a", "x") }),
        ("entry.reason", AuditEntry { reason: "x".repeat(501), ..entry("a", "x") }),
    ] {
        refused_field(record(&bed, bad).await, field);
    }
}
