//! Who is signed in to the console, by a session kept in a cookie. An account's session is known to profiles, which is asked at
//! each request, so that a role that was taken away is gone at once. The one-time link of the first start opens a session without an
//! account, as an owner: enough to make the first account.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, Query, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use tonic::Code;
use turnout_platform::{
    auth::{MeshKey, Role, TokenKind, TokenSigner, TokenVerifier},
    clock::Clock,
    ids::TenantId,
    random,
};
use turnout_proto::{
    profiles::v1::{CheckSessionRequest, EndSessionRequest, SessionAccount},
    registration::v1::RedeemSignInLinkRequest,
};

use crate::{
    Shared,
    answers::{error_page, failure_page, html},
    cookies::{cookie, set_cookie},
    origin::is_same_site,
    routes::Who,
    upstream::{Acting, bounded, failure},
    views::{
        ErrorKind,
        console::sign_in::{SignInPage, SignInProblem},
    },
};

const COOKIE: &str = "turnout_console";
/// The account id of whoever came by the first sign-in link.
const FIRST_LINK: &str = "link";
/// A session's life: a long event day.
const SESSION_TTL_S: u64 = 16 * 3600;
/// A stream outlives its session, or the role that opened it, by this at most.
const LOOKED_AT_EVERY: Duration = Duration::from_mins(1);
/// How often a stream looks at the clock.
const CLOCK_EVERY: Duration = Duration::from_secs(1);

/// Makes and checks sessions.
pub(crate) struct Sessions {
    signer: TokenSigner,
    verifier: TokenVerifier,
    clock: Arc<dyn Clock>,
}

impl Sessions {
    pub(crate) fn new(signer: TokenSigner, key: &MeshKey, clock: Arc<dyn Clock>) -> Self {
        Self { signer, verifier: TokenVerifier::of_mesh(key), clock }
    }

    fn open(&self, tenant: &TenantId) -> String {
        let at_s = self.clock.at_s();
        self.signer
            .sign(TokenKind::Console, "organiser", at_s, SESSION_TTL_S, random::token_128())
            .tenant(tenant.as_str())
            .finish()
    }

    fn check(&self, token: &str) -> Option<TenantId> {
        self.verifier.verify(token, TokenKind::Console, self.clock.at_s()).ok()?.tid?.parse().ok()
    }
}

/// A signed-in member of a team. Taking this as an argument is what protects a handler; a request that changes something must also
/// come from one of our own pages.
#[derive(Clone)]
pub(super) struct Organiser {
    pub(super) tenant: TenantId,
    /// `link` for whoever came by the first sign-in link.
    pub(super) account_id: String,
    pub(super) role: Role,
    /// The account, with its session's secret; none for whoever came by the first sign-in link.
    pub(super) account: Option<(SessionAccount, String)>,
    /// What the cookie holds.
    token: String,
}

impl Organiser {
    /// Calls that this member asks for.
    pub(super) fn acting(&self) -> Acting {
        Acting::Member { tenant: self.tenant.clone(), account_id: self.account_id.clone(), role: self.role }
    }
}

impl FromRequestParts<Shared> for Organiser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        if !parts.method.is_safe() && !is_same_site(&parts.headers, &shared.config) {
            return Err(error_page(ErrorKind::Forbidden));
        }
        let token = cookie(&parts.headers, COOKIE);
        let Some(token) = token else { return Err(to_sign_in(&parts.headers, false)) };
        let organiser = known(shared, token).await?.ok_or_else(|| to_sign_in(&parts.headers, true))?;
        // An address that nobody is named for is nobody's.
        let who = parts.extensions.get::<Who>();
        if who.is_some_and(|who| who.includes(organiser.role)) {
            Ok(organiser)
        } else {
            Err(error_page(ErrorKind::NotYours))
        }
    }
}

/// Who is signed in with this; none when it is over.
async fn known(shared: &Shared, token: &str) -> Result<Option<Organiser>, Response> {
    match shared.console.check(token) {
        Some(tenant) => Ok(Some(by_first_link(tenant, token.to_owned()))),
        None => by_account(shared, token).await,
    }
}

fn by_first_link(tenant: TenantId, token: String) -> Organiser {
    Organiser { tenant, account_id: FIRST_LINK.to_owned(), role: Role::Owner, account: None, token }
}

/// Ends when the member is signed out, or is something else in the team than when a stream began: the browser then asks anew. While
/// nobody can say, the stream goes on.
pub(super) async fn until_over(shared: Shared, organiser: Organiser) {
    let mut looked_at_ms = shared.clock.now_ms();
    loop {
        tokio::time::sleep(CLOCK_EVERY).await;
        if shared.clock.now_ms().saturating_sub(looked_at_ms) < LOOKED_AT_EVERY.as_millis() as u64 {
            continue;
        }
        looked_at_ms = shared.clock.now_ms();
        match known(&shared, &organiser.token).await {
            Ok(Some(now)) if now.role == organiser.role && now.tenant == organiser.tenant => {}
            Ok(_) => return,
            Err(_) => tracing::info!("a session of the console could not be looked at; its stream goes on"),
        }
    }
}

/// Who has this session, as profiles says; none when it is over.
async fn by_account(shared: &Shared, session: &str) -> Result<Option<Organiser>, Response> {
    let request = bounded(CheckSessionRequest { session: session.to_owned() });
    let account = match shared.upstream.accounts(&Acting::Mesh).check_session(request).await {
        Ok(answer) => answer.into_inner().account.unwrap_or_default(),
        Err(status) if matches!(status.code(), Code::Unauthenticated | Code::InvalidArgument) => return Ok(None),
        Err(status) => return Err(failure_page(failure(status))),
    };
    // A session of the audience opens no console: it has no role.
    let (Ok(tenant), Some(role)) = (account.tenant_id.parse(), Role::of_wire(account.role)) else { return Ok(None) };
    let account_id = account.account_id.clone();
    let token = session.to_owned();
    Ok(Some(Organiser { tenant, account_id, role, account: Some((account, token.clone())), token }))
}

/// A page goes to the sign-in page; a part of a page, which htmx asked for, takes the whole page there.
fn to_sign_in(headers: &HeaderMap, was_signed_in: bool) -> Response {
    let address = if was_signed_in { "/console/sign-in?over" } else { "/console/sign-in" };
    if headers.contains_key("hx-request") {
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", address)]).into_response();
    }
    Redirect::to(address).into_response()
}

/// Without a token it shows the ways in; with that of the first start it opens a session.
pub(super) async fn sign_in(State(shared): State<Shared>, Query(asked): Query<Vec<(String, String)>>) -> Response {
    let token = asked.iter().find(|(name, _)| name == "token").map(|(_, token)| token.clone());
    let Some(token) = token else {
        let problem = asked.iter().find_map(|(word, _)| SignInProblem::of_word(word));
        return html(&SignInPage { problem, email: String::new() });
    };
    let request = bounded(RedeemSignInLinkRequest { token });
    let problem = match shared.upstream.registration(None).redeem_sign_in_link(request).await {
        Ok(response) => match response.into_inner().tenant_id.parse::<TenantId>() {
            Ok(tenant) => return signed_in(&shared, tenant).await,
            Err(error) => return failure_page(turnout_platform::failure::Failure::internal(error)),
        },
        Err(status) if status.code() == Code::FailedPrecondition => SignInProblem::Used,
        Err(status) if matches!(status.code(), Code::Unauthenticated | Code::InvalidArgument) => SignInProblem::Invalid,
        Err(status) => return failure_page(failure(status)),
    };
    let mut page = html(&SignInPage { problem: Some(problem), email: String::new() });
    *page.status_mut() = StatusCode::UNAUTHORIZED;
    page
}

async fn signed_in(shared: &Shared, tenant: TenantId) -> Response {
    let session = shared.console.open(&tenant);
    let organiser = by_first_link(tenant, session.clone());
    // Away from the address that holds the token, so that it does not stay in the bar.
    let next = super::sign_in::after_first_link(shared, &organiser.acting()).await;
    let mut response = Redirect::to(next).into_response();
    keep(&mut response, shared, &session, SESSION_TTL_S);
    response
}

pub(super) async fn sign_out(State(shared): State<Shared>, organiser: Organiser) -> Response {
    if let Some((_, session)) = organiser.account {
        let request = bounded(EndSessionRequest { session });
        if let Err(status) = shared.upstream.accounts(&Acting::Mesh).end_session(request).await {
            // The cookie goes; a session that could not be ended now ends by its age.
            tracing::warn!(code = ?status.code(), "a console session could not be ended");
        }
    }
    let mut response = Redirect::to("/console/sign-in?out").into_response();
    keep(&mut response, &shared, "", 0);
    response
}

/// Opens the console with an account's session.
pub(super) fn with_session(mut response: Response, shared: &Shared, session: &str) -> Response {
    keep(&mut response, shared, session, SESSION_TTL_S);
    response
}

fn keep(response: &mut Response, shared: &Shared, session: &str, max_age_s: u64) {
    set_cookie(response.headers_mut(), &shared.config, (COOKIE, session), "/console", Some(max_age_s));
}
