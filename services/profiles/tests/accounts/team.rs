//! The team: the first owner, invitations, roles, removals.

use futures_util::future::join_all;
use tonic::{Code, Status};
use turnout_platform::{auth::Role, ids::TenantId};
use turnout_proto::{
    common::v1::Role as WireRole,
    notifications::v1::MessageKind,
    profiles::v1::{
        ChangeMemberRoleRequest, CreateFirstOwnerRequest, InviteMemberRequest, LinkPurpose, ListMembersRequest, Member,
        Realm, RemoveMemberRequest,
    },
};

use crate::bed::{Bed, PASSWORD, refused, refused_field, token_of};

async fn invite(bed: &Bed, tenant: &TenantId, email: &str, role: WireRole) -> Result<Member, Status> {
    let request = InviteMemberRequest { email: email.into(), role: role.into(), language: "fi".into() };
    let mut owner = bed.member_of(tenant, "owner", Role::Owner);
    Ok(owner.invite_member(request).await?.into_inner().member.unwrap())
}

async fn members(bed: &Bed, tenant: &TenantId) -> Vec<Member> {
    let mut owner = bed.member_of(tenant, "owner", Role::Owner);
    let (mut members, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListMembersRequest { page_size: 2, page_token };
        let page = owner.list_members(request).await.unwrap().into_inner();
        assert!(page.members.len() <= 2);
        members.extend(page.members);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return members;
        }
    }
}

async fn change(bed: &Bed, account_id: &str, role: WireRole) -> Result<Member, Status> {
    let request = ChangeMemberRoleRequest { account_id: account_id.into(), role: role.into() };
    Ok(bed.member(Role::Owner).change_member_role(request).await?.into_inner().member.unwrap())
}

async fn remove(bed: &Bed, account_id: &str) -> Result<(), Status> {
    let request = RemoveMemberRequest { account_id: account_id.into() };
    bed.member(Role::Owner).remove_member(request).await.map(drop)
}

fn first_owner(tenant: &str, email: &str) -> CreateFirstOwnerRequest {
    CreateFirstOwnerRequest { tenant_id: tenant.into(), email: email.into(), password: PASSWORD.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_team_comes_in_pages_by_address_and_goes_on_also_when_the_last_one_shown_was_removed() {
    for bed in Bed::each("the_team_comes_in_pages_by_address").await {
        bed.owner("owner@example.org").await;
        for email in ["d@example.org", "b@example.org", "c@example.org", "a@example.org"] {
            invite(&bed, &bed.tenant, email, WireRole::Support).await.unwrap();
        }
        let addresses = |team: &[Member]| team.iter().map(|member| member.email.clone()).collect::<Vec<_>>();
        let all = ["a", "b", "c", "d", "owner"].map(|name| format!("{name}@example.org"));
        assert_eq!(addresses(&members(&bed, &bed.tenant).await), all);

        let page = |page_size, page_token: &str| {
            let (mut owner, page_token) = (bed.member(Role::Owner), page_token.to_owned());
            async move {
                let answer = owner.list_members(ListMembersRequest { page_size, page_token }).await;
                answer.map(tonic::Response::into_inner)
            }
        };
        let first = page(2, "").await.unwrap();
        assert_eq!(addresses(&first.members), all[..2]);
        remove(&bed, &first.members[1].account_id).await.unwrap();
        let second = page(2, &first.next_page_token).await.unwrap();
        assert_eq!(addresses(&second.members), all[2..4]);
        let last = page(2, &second.next_page_token).await.unwrap();
        assert_eq!((addresses(&last.members), last.next_page_token.as_str()), (all[4..].to_vec(), ""));
        refused_field(page(201, "").await, "page_size");
        refused_field(page(2, "made up").await, "page_token");
        let (other, page_token) = (format!("other-{}", bed.tenant).parse().unwrap(), first.next_page_token);
        let request = ListMembersRequest { page_size: 2, page_token };
        refused_field(bed.member_of(&other, "owner", Role::Owner).list_members(request).await, "page_token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_gets_its_first_owner_once() {
    for bed in Bed::each("a_tenant_gets_its_first_owner_once").await {
        let tries = join_all((0..10).map(|n| {
            let mut mesh = bed.mesh();
            let request = first_owner(bed.tenant.as_str(), &format!("owner{n}@example.org"));
            async move { mesh.create_first_owner(request).await }
        }))
        .await;
        let made: Vec<_> = tries.into_iter().flatten().map(|answer| answer.into_inner().account.unwrap()).collect();
        assert_eq!(made.len(), 1);
        assert_eq!((made[0].role(), made[0].tenant_id.as_str()), (WireRole::Owner, bed.tenant.as_str()));
        let listed = members(&bed, &bed.tenant).await;
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (&listed[0].account_id, &listed[0].email, listed[0].active),
            (&made[0].account_id, &made[0].email, true)
        );
        let late = bed.mesh().create_first_owner(first_owner(bed.tenant.as_str(), "late@example.org")).await;
        refused(late, Code::FailedPrecondition);
        bed.sign_in(Realm::Team, &made[0].email, PASSWORD).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_failed_to_found_a_team_can_found_another() {
    let bed = Bed::embedded().await;
    bed.owner("owner@example.org").await;
    let refused_there = bed.mesh().create_first_owner(first_owner(bed.tenant.as_str(), "anna@example.org")).await;
    refused(refused_there, Code::FailedPrecondition);
    bed.mesh().create_first_owner(first_owner("other", "anna@example.org")).await.unwrap();
    refused(bed.mesh().create_first_owner(first_owner("third", "anna@example.org")).await, Code::AlreadyExists);
    bed.mesh().create_first_owner(first_owner("third", "carl@example.org")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_member_sets_a_password_and_is_in() {
    for bed in Bed::each("an_invited_member_sets_a_password_and_is_in").await {
        bed.owner("owner@example.org").await;
        let member = invite(&bed, &bed.tenant, "Anna@example.org", WireRole::Support).await.unwrap();
        assert_eq!(
            (member.email.as_str(), member.role(), member.active),
            ("anna@example.org", WireRole::Support, false)
        );
        let letter = bed.letter_after(0).await;
        assert_eq!((letter.kind(), letter.language.as_str()), (MessageKind::Invitation, "fi"));
        assert!(letter.link_path.starts_with("/console/link?token="));
        bed.clock.advance_ms(2 * 24 * 60 * 60 * 1000);
        let done = bed.redeem(&token_of(&letter), PASSWORD).await.unwrap();
        let account = bed.check(&done.session).await.unwrap();
        assert_eq!((account.role(), account.account_id), (WireRole::Support, member.account_id.clone()));
        assert!(account.verified);
        let listed = members(&bed, &bed.tenant).await;
        assert_eq!(
            listed.iter().map(|m| m.email.as_str()).collect::<Vec<_>>(),
            ["anna@example.org", "owner@example.org"]
        );
        assert!(listed[0].active);
        // Again: the same member in the same role, and a new link.
        let again = invite(&bed, &bed.tenant, "anna@example.org", WireRole::Owner).await.unwrap();
        assert_eq!((again.role(), again.account_id), (WireRole::Support, member.account_id));
        assert_eq!(bed.letter_after(1).await.kind(), MessageKind::Invitation);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_another_team_looks_the_same_and_gets_no_link() {
    let bed = Bed::embedded().await;
    bed.owner("owner@example.org").await;
    let other: TenantId = "other".parse().unwrap();
    bed.mesh().create_first_owner(first_owner("other", "carl@example.org")).await.unwrap();
    let theirs = invite(&bed, &bed.tenant, "carl@example.org", WireRole::Analyst).await.unwrap();
    let free = invite(&bed, &bed.tenant, "dora@example.org", WireRole::Analyst).await.unwrap();
    assert_eq!(
        Member { account_id: String::new(), email: String::new(), ..theirs.clone() },
        Member { account_id: String::new(), email: String::new(), ..free.clone() }
    );
    assert_eq!(members(&bed, &bed.tenant).await[0], theirs);
    assert_eq!(bed.letter_after(0).await.email, "dora@example.org");
    let signed_in = bed.sign_in(Realm::Team, "carl@example.org", PASSWORD).await.unwrap();
    assert_eq!(signed_in.account.unwrap().tenant_id, "other");
    // Once the other team lets go, an invitation reaches them.
    let boss = invite(&bed, &other, "boss@example.org", WireRole::Owner).await.unwrap();
    let carl = members(&bed, &other).await.into_iter().find(|m| m.account_id != boss.account_id).unwrap();
    let request = RemoveMemberRequest { account_id: carl.account_id };
    bed.member_of(&other, "owner", Role::Owner).remove_member(request).await.unwrap();
    refused(bed.sign_in(Realm::Team, "carl@example.org", PASSWORD).await, Code::Unauthenticated);
    let before = bed.letter_after(1).await;
    assert_eq!(before.email, "boss@example.org");
    invite(&bed, &bed.tenant, "carl@example.org", WireRole::Analyst).await.unwrap();
    assert_eq!(bed.letter_after(2).await.email, "carl@example.org");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_role_and_a_removal_take_effect_at_once() {
    for bed in Bed::each("a_new_role_and_a_removal_take_effect_at_once").await {
        bed.owner("owner@example.org").await;
        let member = invite(&bed, &bed.tenant, "anna@example.org", WireRole::Support).await.unwrap();
        let session = bed.redeem(&token_of(&bed.letter_after(0).await), PASSWORD).await.unwrap().session;
        change(&bed, &member.account_id, WireRole::Analyst).await.unwrap();
        assert_eq!(bed.check(&session).await.unwrap().role(), WireRole::Analyst);
        let reset = bed.link(Realm::Team, "anna@example.org", LinkPurpose::Reset).await;
        remove(&bed, &member.account_id).await.unwrap();
        refused(bed.check(&session).await, Code::Unauthenticated);
        refused(bed.redeem(&reset, "another good one").await, Code::FailedPrecondition);
        refused(bed.sign_in(Realm::Team, "anna@example.org", PASSWORD).await, Code::Unauthenticated);
        refused(remove(&bed, &member.account_id).await, Code::NotFound);
        // Invited again, it is a new account: the old session and the old password stay dead.
        invite(&bed, &bed.tenant, "anna@example.org", WireRole::Support).await.unwrap();
        refused(bed.check(&session).await, Code::Unauthenticated);
        refused(bed.sign_in(Realm::Team, "anna@example.org", PASSWORD).await, Code::Unauthenticated);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_who_remove_each_other_at_once_leave_one() {
    for bed in Bed::each("two_owners_who_remove_each_other_at_once_leave_one").await {
        let (_, first) = bed.owner("owner@example.org").await;
        let second = invite(&bed, &bed.tenant, "anna@example.org", WireRole::Owner).await.unwrap();
        let (a, b) = tokio::join!(remove(&bed, &first.account_id), change(&bed, &second.account_id, WireRole::Analyst));
        assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1);
        let owners = members(&bed, &bed.tenant).await.into_iter().filter(|member| member.role() == WireRole::Owner);
        assert_eq!(owners.count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays() {
    let bed = Bed::embedded().await;
    let (session, owner) = bed.owner("owner@example.org").await;
    refused(remove(&bed, &owner.account_id).await, Code::FailedPrecondition);
    refused(change(&bed, &owner.account_id, WireRole::Support).await, Code::FailedPrecondition);
    assert_eq!(bed.check(&session).await.unwrap().role(), WireRole::Owner);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_invitations_of_one_address_at_once_one_member_comes() {
    for bed in Bed::each("of_many_invitations_of_one_address_at_once_one_member_comes").await {
        bed.owner("owner@example.org").await;
        let invited = join_all((0..5).map(|_| invite(&bed, &bed.tenant, "anna@example.org", WireRole::Support))).await;
        let ids: Vec<_> = invited.into_iter().map(|member| member.unwrap().account_id).collect();
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert_eq!(members(&bed, &bed.tenant).await.len(), 2);
    }
}
