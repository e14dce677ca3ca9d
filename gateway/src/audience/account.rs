//! `GET /account`: what a person of the audience sees when signed in: their events, their password, their sessions.

use axum::{
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
    response::Response,
};
use tonic::Code;
use turnout_platform::ids::{EventId, TenantId};
use turnout_proto::{
    profiles::v1::{
        ChangePasswordRequest, CheckSessionRequest, EndOtherSessionsRequest, LinkPurpose, Realm, SessionAccount,
    },
    registration::v1::Registration,
};

use super::{
    Asked, Posted, refused,
    register::code_of,
    showing,
    sign_in::{ACCOUNT_COOKIE, Place, registrations_of, request_link},
    to,
};
use crate::{
    Shared,
    answers::html,
    cookies::cookie,
    http::Client,
    upstream::{Acting, bounded},
    views::{AccountPage, AccountRow, account_notice, text},
};

/// Registrations that the page shows.
const REGISTRATIONS_SHOWN_MAX: usize = 100;

/// A person of the audience who is signed in.
pub(super) struct SignedIn {
    account: SessionAccount,
    session: String,
    pub(super) tenant: TenantId,
}

impl FromRequestParts<Shared> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let Some(session) = cookie(&parts.headers, ACCOUNT_COOKIE).filter(|s| !s.is_empty()) else {
            return Err(to("/sign-in"));
        };
        let session = session.to_owned();
        let request = bounded(CheckSessionRequest { session: session.clone() });
        let account = match shared.upstream.accounts(&Acting::Mesh).check_session(request).await {
            Ok(answer) => answer.into_inner().account.unwrap_or_default(),
            Err(status) if matches!(status.code(), Code::Unauthenticated | Code::InvalidArgument) => {
                return Err(to("/sign-in?over"));
            }
            Err(status) => return Err(refused(status)),
        };
        // A session of a team is none here.
        match account.tenant_id.parse() {
            Ok(tenant) if account.realm() == Realm::Audience => Ok(Self { account, session, tenant }),
            _ => Err(to("/sign-in?over")),
        }
    }
}

/// `GET /account`
pub(super) async fn show(State(shared): State<Shared>, me: SignedIn, asked: Asked) -> Response {
    html(&page(&shared, &me, asked.find(account_notice), None).await)
}

async fn page(
    shared: &Shared,
    me: &SignedIn,
    notice: Option<(&'static str, bool)>,
    password_error: Option<String>,
) -> AccountPage {
    let registrations = match registrations_of(shared, &me.tenant, &me.account.person_id).await {
        Ok(registrations) => Some(rows(shared, registrations).await),
        Err(_) => None,
    };
    let person_id = &me.account.person_id;
    let preferences = (!person_id.is_empty())
        .then(|| format!("/u/{}/preferences", shared.desk.unsubscribe_code(&me.tenant, person_id, None)));
    AccountPage {
        email: me.account.email.clone(),
        name: me.account.name.clone(),
        verified: me.account.verified,
        has_password: me.account.has_password,
        registrations,
        preferences,
        notice,
        password_error,
    }
}

async fn rows(shared: &Shared, registrations: Vec<Registration>) -> Vec<AccountRow> {
    let mut rows = Vec::new();
    for registration in registrations.into_iter().take(REGISTRATIONS_SHOWN_MAX) {
        let Ok(id) = registration.event_id.parse::<EventId>() else { continue };
        let Ok(Some(event)) = shared.directory.event(&id).await else { continue };
        rows.push(AccountRow {
            title: showing::title(&event.details),
            when: showing::head(&event.details).when,
            code: code_of(shared, &registration),
            standing: showing::standing(&registration),
        });
    }
    rows
}

/// `POST /account/verify`: a mail with a link that proves the address.
pub(super) async fn verify(State(shared): State<Shared>, me: SignedIn, client: Client, _: Posted) -> Response {
    let place = Place::whole(me.tenant.clone());
    match request_link(&shared, &place, &client, &me.account.email, LinkPurpose::Verify).await {
        Ok(()) => to("/account?verify"),
        Err(status) => refused(status),
    }
}

/// `POST /account/password`: changes it, or sets the first.
pub(super) async fn password(State(shared): State<Shared>, me: SignedIn, posted: Posted) -> Response {
    let request = ChangePasswordRequest {
        session: me.session.clone(),
        old_password: posted.secret("old_password"),
        new_password: posted.secret("new_password"),
    };
    match shared.upstream.accounts(&Acting::Mesh).change_password(bounded(request)).await {
        Ok(_) => to("/account?password"),
        // Whoever has none sets the first soon after signing in: the cookie alone may be somebody else's.
        Err(status) if status.code() == Code::FailedPrecondition => to(&format!("/sign-in?tenant={}&over", me.tenant)),
        Err(status) => {
            let (code, problem) = match status.code() {
                Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, text::public::SIGN_IN_TOO_MANY),
                Code::Internal => return refused(status),
                _ if super::is_passing(&status) => return refused(status),
                _ => (StatusCode::UNPROCESSABLE_ENTITY, text::public::ACCOUNT_PASSWORD_REFUSED),
            };
            let mut answer = html(&page(&shared, &me, None, Some(problem.to_owned())).await);
            *answer.status_mut() = code;
            answer
        }
    }
}

/// `POST /account/others`: all other sessions end.
pub(super) async fn end_others(State(shared): State<Shared>, me: SignedIn, _: Posted) -> Response {
    let request = bounded(EndOtherSessionsRequest { session: me.session });
    match shared.upstream.accounts(&Acting::Mesh).end_other_sessions(request).await {
        Ok(_) => to("/account?others"),
        Err(status) => refused(status),
    }
}
