//! Who is signed in to the console: a one-time link opens a session, kept in a signed cookie.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Query, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use tonic::Code;
use turnout_platform::{
    auth::{MeshKey, TokenKind, TokenSigner, TokenVerifier},
    clock::Clock,
    ids::TenantId,
    random,
};
use turnout_proto::registration::v1::RedeemSignInLinkRequest;

use crate::{
    Shared,
    answers::{error_page, failure_page, html},
    cookies::{cookie, set_cookie},
    origin::is_same_site,
    upstream::{bounded, failure},
    views::{ErrorKind, SignInPage, SignInProblem},
};

const COOKIE: &str = "turnout_console";
/// A session's life: a long event day.
const SESSION_TTL_S: u64 = 16 * 3600;

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

/// A signed-in organiser. Taking this as an argument is what protects a handler; a request that changes something must also come
/// from one of our own pages.
#[derive(Debug, Clone)]
pub(super) struct Organiser {
    pub(super) tenant: TenantId,
}

impl FromRequestParts<Shared> for Organiser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        if !parts.method.is_safe() && !is_same_site(&parts.headers, &shared.config) {
            return Err(error_page(ErrorKind::Forbidden));
        }
        let token = cookie(&parts.headers, COOKIE);
        match token.and_then(|token| shared.console.check(token)) {
            Some(tenant) => Ok(Self { tenant }),
            None => Err(to_sign_in(&parts.headers, token.is_some())),
        }
    }
}

/// A page goes to the sign-in page; a part of a page, which htmx asked for, takes the whole page there.
fn to_sign_in(headers: &HeaderMap, was_signed_in: bool) -> Response {
    let address = if was_signed_in { "/console/sign-in?over" } else { "/console/sign-in" };
    if headers.contains_key("hx-request") {
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", address)]).into_response();
    }
    Redirect::to(address).into_response()
}

/// What the address of the sign-in page may carry.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SignIn {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    over: Option<String>,
    #[serde(default)]
    out: Option<String>,
}

/// Without a token it explains how to get in; with one it opens a session.
pub(super) async fn sign_in(State(shared): State<Shared>, Query(asked): Query<SignIn>) -> Response {
    let Some(token) = asked.token else {
        let over = asked.over.map(|_| SignInProblem::SessionOver);
        return html(&SignInPage { problem: asked.out.map(|_| SignInProblem::SignedOut).or(over) });
    };
    let request = bounded(RedeemSignInLinkRequest { token });
    let problem = match shared.upstream.registration(None).redeem_sign_in_link(request).await {
        Ok(response) => match response.into_inner().tenant_id.parse::<TenantId>() {
            Ok(tenant) => return signed_in(&shared, &tenant),
            Err(error) => return failure_page(turnout_platform::failure::Failure::internal(error)),
        },
        Err(status) if status.code() == Code::FailedPrecondition => SignInProblem::Used,
        Err(status) if matches!(status.code(), Code::Unauthenticated | Code::InvalidArgument) => SignInProblem::Invalid,
        Err(status) => return failure_page(failure(status)),
    };
    let mut page = html(&SignInPage { problem: Some(problem) });
    *page.status_mut() = StatusCode::UNAUTHORIZED;
    page
}

fn signed_in(shared: &Shared, tenant: &TenantId) -> Response {
    // Away from the address that holds the token, so that it does not stay in the bar.
    let mut response = Redirect::to("/console").into_response();
    keep(&mut response, shared, &shared.console.open(tenant), SESSION_TTL_S);
    response
}

pub(super) async fn sign_out(State(shared): State<Shared>, _: Organiser) -> Response {
    let mut response = Redirect::to("/console/sign-in?out").into_response();
    keep(&mut response, &shared, "", 0);
    response
}

fn keep(response: &mut Response, shared: &Shared, session: &str, max_age_s: u64) {
    set_cookie(response.headers_mut(), &shared.config, (COOKIE, session), "/console", Some(max_age_s));
}
