//! What is cut off after any of its writes, as by a crash: nothing is half there that a repetition does not make whole.

use tonic::Code;
use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::Role as WireRole,
    profiles::v1::{
        CreateFirstOwnerRequest, InviteMemberRequest, LinkPurpose, ListMembersRequest, Realm, RemoveMemberRequest,
    },
};

use crate::bed::{Bed, PASSWORD, refused, token_of};

/// More writes than any of this takes.
const WRITES_MAX: usize = 30;

fn invitation() -> InviteMemberRequest {
    InviteMemberRequest { email: "anna@example.org".into(), role: WireRole::Support.into(), language: String::new() }
}

async fn members(bed: &Bed) -> usize {
    bed.member(Role::Owner).list_members(ListMembersRequest::default()).await.unwrap().into_inner().members.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_owner_who_was_cut_off_can_be_made_again_or_is_there() {
    for writes in 0..WRITES_MAX {
        let bed = Bed::embedded().await;
        let request = CreateFirstOwnerRequest {
            tenant_id: bed.tenant.to_string(),
            email: "owner@example.org".into(),
            password: PASSWORD.into(),
        };
        bed.tables.cut_after(writes);
        let done = bed.mesh().create_first_owner(request.clone()).await.is_ok();
        let bed = bed.restarted().await;
        if let Err(status) = bed.mesh().create_first_owner(request).await {
            assert_eq!(status.code(), Code::FailedPrecondition, "after {writes} writes");
        }
        bed.sign_in(Realm::Team, "owner@example.org", PASSWORD).await.unwrap();
        assert_eq!(members(&bed).await, 1, "after {writes} writes");
        if done {
            assert!(writes > 4);
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_was_cut_off_is_completed_by_the_next() {
    for writes in 0..WRITES_MAX {
        let bed = Bed::embedded().await;
        bed.owner("owner@example.org").await;
        bed.tables.cut_after(writes);
        let answered = bed.member(Role::Owner).invite_member(invitation()).await.is_ok();
        let bed = bed.restarted().await;
        bed.member(Role::Owner).invite_member(invitation()).await.unwrap();
        let done = bed.redeem(&token_of(&bed.letter_after(0).await), PASSWORD).await.unwrap();
        assert_eq!(bed.check(&done.session).await.unwrap().role(), WireRole::Support, "after {writes} writes");
        assert_eq!(members(&bed).await, 2, "after {writes} writes");
        if answered {
            assert!(writes > 2);
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_cut_off_can_be_repeated_and_the_address_invited_again() {
    for writes in 0..WRITES_MAX {
        let bed = Bed::embedded().await;
        bed.owner("owner@example.org").await;
        let member = bed.member(Role::Owner).invite_member(invitation()).await.unwrap().into_inner().member.unwrap();
        let session = bed.redeem(&token_of(&bed.letter_after(0).await), PASSWORD).await.unwrap().session;
        let request = RemoveMemberRequest { account_id: member.account_id };
        bed.tables.cut_after(writes);
        let done = bed.member(Role::Owner).remove_member(request.clone()).await.is_ok();
        let bed = bed.restarted().await;
        if let Err(status) = bed.member(Role::Owner).remove_member(request).await {
            assert_eq!(status.code(), Code::NotFound, "after {writes} writes");
        }
        refused(bed.check(&session).await, Code::Unauthenticated);
        bed.member(Role::Owner).invite_member(invitation()).await.unwrap();
        refused(bed.check(&session).await, Code::Unauthenticated);
        bed.redeem(&token_of(&bed.letter_after(0).await), PASSWORD).await.unwrap();
        if done {
            assert!(writes > 2);
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_that_was_cut_off_is_completed_by_the_same_link_or_by_another() {
    for writes in 0..WRITES_MAX {
        let bed = Bed::embedded().await;
        bed.person_with_password("anna@example.org").await;
        let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::Reset).await;
        bed.tables.cut_after(writes);
        let done = bed.redeem(&token, "another good one").await.is_ok();
        let bed = bed.restarted().await;
        if bed.redeem(&token, "another good one").await.is_err() {
            let token = bed.link(Realm::Audience, "anna@example.org", LinkPurpose::Reset).await;
            bed.redeem(&token, "another good one").await.unwrap();
        }
        bed.sign_in(Realm::Audience, "anna@example.org", "another good one").await.unwrap();
        if done {
            assert!(writes > 2);
            return;
        }
    }
    panic!("it never came to its end");
}
