//! The team: its members, inviting, changing roles, removing. That the last owner stays one is decided by the
//! service.

use axum::{
    Form,
    extract::{Path, Query, State},
    response::Response,
};
use tonic::{Code, Status};
use turnout_proto::profiles::v1::{ChangeMemberRoleRequest, InviteMemberRequest, Member, RemoveMemberRequest};

use super::{
    event_settings::{answered, bad},
    fields::Sent,
    reading, refusals,
    registrants::{Did, done},
    session::Organiser,
};
use crate::{
    Shared, all_pages,
    answers::html,
    upstream::act,
    views::{
        console::{
            inputs::{self, Field},
            shell::Place,
            team::{ROLES, TeamPage, role_options},
        },
        text::{LANG, access, studio as own},
    },
};

pub(super) async fn show(State(shared): State<Shared>, organiser: Organiser, Query(did): Query<Did>) -> Response {
    match page(&shared, &organiser, &Sent::default()).await {
        Ok(mut page) => {
            page.notice = did.notice();
            html(&page)
        }
        Err(page) => page,
    }
}

/// The members by address.
pub(super) async fn members(shared: &Shared, organiser: &Organiser) -> Result<Vec<Member>, Status> {
    Ok(all_pages::members(shared, &organiser.acting()).await?.rows)
}

async fn page(shared: &Shared, organiser: &Organiser, sent: &Sent) -> Result<TeamPage, Response> {
    let members = members(shared, organiser).await.map_err(|status| refusals::page(&status))?;
    let role = if sent.get("role").is_empty() { "organiser" } else { sent.get("role") };
    Ok(TeamPage {
        shell: reading::shell(Place::Team, organiser),
        members,
        own_id: organiser.account.as_ref().map(|(account, _)| account.account_id.clone()).unwrap_or_default(),
        invite: vec![
            Field::line("email", access::EMAIL, sent.get("email")).kind("email").chars_max(320),
            Field::choice("role", access::MEMBER_ROLE, role, role_options()),
        ],
        notice: None,
    })
}

/// A role by its word, as the wire has it.
fn role_of(word: &str) -> i32 {
    ROLES.iter().find(|(_, key, _)| *key == word).map_or(0, |(role, ..)| role.to_wire().into())
}

pub(super) async fn invite(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let request = InviteMemberRequest {
        email: sent.get("email").to_owned(),
        role: role_of(sent.get("role")),
        language: LANG.to_owned(),
    };
    let (key, accounts) = (sent.once("invite", ""), shared.upstream.accounts(&organiser.acting()));
    match act!(key, accounts, invite_member, request).await {
        Ok(_) => done("/console/team", "invited", None),
        Err(status) => refused(&shared, &organiser, &sent, &status).await,
    }
}

pub(super) async fn change_role(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(account_id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let (key, accounts) = (sent.once("role", &account_id), shared.upstream.accounts(&organiser.acting()));
    let request = ChangeMemberRoleRequest { account_id, role: role_of(sent.get("role")) };
    match act!(key, accounts, change_member_role, request).await {
        Ok(_) => done("/console/team", "role", None),
        Err(status) => refused(&shared, &organiser, &Sent::default(), &status).await,
    }
}

pub(super) async fn remove(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(account_id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let (key, accounts) = (Sent(sent).once("remove", &account_id), shared.upstream.accounts(&organiser.acting()));
    match act!(key, accounts, remove_member, RemoveMemberRequest { account_id }).await {
        Ok(_) => done("/console/team", "removed", None),
        Err(status) => refused(&shared, &organiser, &Sent::default(), &status).await,
    }
}

/// The page as it is, with what was refused; the last owner's case comes with the service's own words.
async fn refused(shared: &Shared, organiser: &Organiser, sent: &Sent, status: &Status) -> Response {
    let Some((code, mut notice)) = refusals::notice(status) else { return refusals::page(status) };
    match page(shared, organiser, sent).await {
        Ok(mut page) => {
            if status.code() == Code::InvalidArgument {
                let rest = inputs::blame(page.invite.iter_mut(), refusals::violations(status));
                notice = bad(&format!("{} {}", own::NOT_SAVED, rest.join(" ")));
            }
            page.notice = Some(notice);
            answered(html(&page), code)
        }
        Err(page) => page,
    }
}
