//! Signing in as a person of the audience: with a password or with a link by mail. No answer says whether an
//! address is known; what slows down guessing is the service's business, which is told a hash of the client's network.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use tonic::{Code, Status};
use turnout_platform::{
    canonical,
    ids::{EventId, TenantId},
};
use turnout_proto::{
    profiles::v1::{
        EndSessionRequest, LinkPurpose, Realm, RedeemLinkRequest, RequestLinkRequest, SessionAccount, SignInRequest,
    },
    registration::v1::{Registration, RegistrationState},
};

use super::{Asked, Posted, account::SignedIn, entry, refused, register::code_of, showing, to};
use crate::{
    Shared, all_pages,
    answers::{error_page, html},
    cookies::{add_cookie, cookie},
    http::Client,
    upstream::{Acting, bounded},
    views::{AudienceSignInPage, ErrorKind, LinkAsks, LinkPage, SignInNotice, SignInWay, text},
};

/// The cookie with the session's secret.
pub(super) const ACCOUNT_COOKIE: &str = "turnout_account";
/// The service ends sessions earlier if it likes.
const ACCOUNT_COOKIE_AGE_S: u64 = 30 * 24 * 3600;

/// Whose audience the sign-in page is about, and at which event.
pub(super) struct Place {
    tenant: Option<TenantId>,
    event: Option<crate::directory::KnownEvent>,
}

impl Place {
    /// All of a tenant's events.
    pub fn whole(tenant: TenantId) -> Self {
        Self { tenant: Some(tenant), event: None }
    }

    async fn of(shared: &Shared, tenant: &str, event: &str) -> Self {
        let event = match event.parse::<EventId>() {
            Ok(id) => shared.directory.event(&id).await.ok().flatten(),
            Err(_) => None,
        };
        let named = tenant.parse::<TenantId>().ok();
        let event = event.filter(|event| named.as_ref().is_none_or(|tenant| *tenant == event.tenant));
        Self { tenant: named.or_else(|| event.as_ref().map(|event| event.tenant.clone())), event }
    }

    fn event_id(&self) -> String {
        self.event.as_ref().map(|event| event.id.as_str().to_owned()).unwrap_or_default()
    }

    fn tenant_id(&self) -> String {
        self.tenant.as_ref().map(|tenant| tenant.as_str().to_owned()).unwrap_or_default()
    }

    /// Where to go on after signing in.
    fn return_path(&self) -> String {
        self.event.as_ref().map_or_else(|| "/account".to_owned(), |event| format!("/e/{}", event.id))
    }

    /// The sign-in page, with a word on what just happened.
    fn back(&self, notice: SignInNotice) -> Response {
        let (tenant, event) = (self.tenant_id(), self.event_id());
        to(&format!("/sign-in?tenant={tenant}&event={event}&{}", notice.word()))
    }

    fn page(&self, email: &str, notice: Option<SignInNotice>) -> AudienceSignInPage {
        AudienceSignInPage {
            tenant: self.tenant_id(),
            event_id: self.event_id(),
            event_title: self.event.as_ref().map(|event| showing::title(&event.details)),
            email: email.to_owned(),
            notice,
        }
    }

    fn refusal(&self, email: &str, notice: SignInNotice) -> Response {
        let mut answer = html(&self.page(email, Some(notice)));
        *answer.status_mut() = match notice {
            SignInNotice::TooMany => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        answer
    }
}

/// `GET /sign-in?tenant=…&event=…`. Who is signed in there already goes on, unless something is to be told first.
pub(super) async fn sign_in_page(
    State(shared): State<Shared>,
    me: Result<SignedIn, Response>,
    asked: Asked,
) -> Response {
    let place = Place::of(&shared, asked.value("tenant"), asked.value("event")).await;
    let notice = asked.find(SignInNotice::of_word);
    let is_here = me.is_ok_and(|me| place.tenant == Some(me.tenant));
    // Coming in to an event is an act, and this is only a look.
    if is_here && place.event.is_none() && notice.is_none() {
        return to("/account");
    }
    html(&place.page("", notice))
}

/// `POST /sign-in`: with a password, or asks for a link.
pub(super) async fn sign_in(State(shared): State<Shared>, client: Client, posted: Posted) -> Response {
    let place = Place::of(&shared, posted.one("tenant"), posted.one("event")).await;
    let email = posted.one("email").to_owned();
    let (Some(_), Some(way)) = (&place.tenant, SignInWay::of_key(posted.one("how"))) else {
        return error_page(ErrorKind::BadForm);
    };
    if canonical::email(&email).is_err() {
        return place.refusal(&email, SignInNotice::NoAddress);
    }
    let (purpose, notice) = match way {
        SignInWay::Password => return by_password(&shared, &place, &client, &posted).await,
        SignInWay::Link => (LinkPurpose::SignIn, SignInNotice::LinkSent),
        SignInWay::Reset => (LinkPurpose::Reset, SignInNotice::ResetSent),
    };
    match request_link(&shared, &place, &client, &email, purpose).await {
        Ok(()) => place.back(notice),
        Err(status) if status.code() == Code::ResourceExhausted => place.refusal(&email, SignInNotice::TooMany),
        Err(status) if status.code() == Code::InvalidArgument => place.refusal(&email, SignInNotice::NoAddress),
        Err(status) => refused(status),
    }
}

pub(super) async fn request_link(
    shared: &Shared,
    place: &Place,
    client: &Client,
    email: &str,
    purpose: LinkPurpose,
) -> Result<(), Status> {
    let request = RequestLinkRequest {
        realm: Realm::Audience.into(),
        tenant_id: place.tenant_id(),
        email: email.to_owned(),
        purpose: purpose.into(),
        return_path: place.return_path(),
        client: client.0.to_string(),
        language: place
            .event
            .as_ref()
            .and_then(|e| e.details.languages.first().cloned())
            .unwrap_or_else(|| text::LANG.into()),
        event_id: place.event_id(),
    };
    shared.upstream.accounts(&Acting::Mesh).request_link(bounded(request)).await.map(drop)
}

async fn by_password(shared: &Shared, place: &Place, client: &Client, posted: &Posted) -> Response {
    let email = posted.one("email");
    let request = SignInRequest {
        realm: Realm::Audience.into(),
        tenant_id: place.tenant_id(),
        email: email.to_owned(),
        password: posted.secret("password"),
        code: posted.one("code").to_owned(),
        client: client.0.to_string(),
    };
    match shared.upstream.accounts(&Acting::Mesh).sign_in(bounded(request)).await.map(tonic::Response::into_inner) {
        Ok(answer) if answer.needs_code => place.refusal(email, SignInNotice::CodeNeeded),
        Ok(answer) => arrive(shared, &answer.session, &answer.account.unwrap_or_default(), &place.return_path()).await,
        Err(status) => match status.code() {
            Code::ResourceExhausted => place.refusal(email, SignInNotice::TooMany),
            Code::Unauthenticated | Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition => {
                place.refusal(email, SignInNotice::Wrong)
            }
            _ => refused(status),
        },
    }
}

/// Opens the session here, and goes on to where the person wanted to go: into the event, if they are registered for it.
async fn arrive(shared: &Shared, session: &str, account: &SessionAccount, return_path: &str) -> Response {
    let event = return_path.strip_prefix("/e/").and_then(|rest| rest.parse::<EventId>().ok());
    let mut response = match (event, account.tenant_id.parse::<TenantId>()) {
        (Some(event), Ok(tenant)) => into_event(shared, &tenant, account, &event).await,
        _ => to(if is_own_path(return_path) { return_path } else { "/account" }),
    };
    keep(&mut response, shared, session, ACCOUNT_COOKIE_AGE_S);
    response
}

/// Item 52: the session becomes the person's registration at the event, and comes in with it if it may.
async fn into_event(shared: &Shared, tenant: &TenantId, account: &SessionAccount, event: &EventId) -> Response {
    let registrations = registrations_of(shared, tenant, &account.person_id).await.unwrap_or_default();
    let mine =
        registrations.into_iter().find(|r| r.event_id == event.as_str() && r.state() != RegistrationState::Cancelled);
    let Some(mine) = mine else { return to("/account?not-registered") };
    let code = code_of(shared, &mine);
    match entry::record(shared, tenant, event.as_str(), &mine.registration_id).await {
        Ok(answer) if answer.admitted => {
            let mut response = to(&format!("/e/{event}"));
            entry::let_in(&mut response, shared, event.as_str(), &code);
            response
        }
        // What is missing stands on the page of the registration.
        _ => to(&format!("/r/{code}")),
    }
}

pub(super) async fn registrations_of(
    shared: &Shared,
    tenant: &TenantId,
    person_id: &str,
) -> Result<Vec<Registration>, Status> {
    if person_id.is_empty() {
        return Ok(Vec::new());
    }
    Ok(all_pages::registrations_of_person(shared, &Acting::Tenant(tenant.clone()), person_id).await?.rows)
}

/// A path of our own: nothing that a browser could take for another host.
fn is_own_path(path: &str) -> bool {
    let mut bytes = path.bytes();
    bytes.next() == Some(b'/') && bytes.next() != Some(b'/') && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

fn keep(response: &mut Response, shared: &Shared, session: &str, max_age_s: u64) {
    add_cookie(response.headers_mut(), &shared.config, (ACCOUNT_COOKIE, session), "/", Some(max_age_s));
}

/// `GET /sign-in/link?tenant=…&token=…`: looks at the link and uses nothing up.
pub(super) async fn link_page(State(shared): State<Shared>, asked: Asked) -> Response {
    let (tenant, token) = (tenant_named(asked.value("tenant")), asked.value("token").to_owned());
    match look(&shared, &tenant, &token).await {
        Ok(asks) => html(&LinkPage { tenant, token, asks, error: None }),
        Err(answer) => answer,
    }
}

/// A tenant's id from an address, or nothing: it only says where to go back to.
fn tenant_named(text: &str) -> String {
    text.parse::<TenantId>().map(|tenant| tenant.as_str().to_owned()).unwrap_or_default()
}

async fn look(shared: &Shared, tenant: &str, token: &str) -> Result<LinkAsks, Response> {
    let request = RedeemLinkRequest { token: token.to_owned(), ..RedeemLinkRequest::default() };
    match shared.upstream.accounts(&Acting::Mesh).redeem_link(bounded(request)).await {
        Ok(answer) => match answer.into_inner().purpose() {
            LinkPurpose::Verify => Ok(LinkAsks::Verify),
            LinkPurpose::Reset => Ok(LinkAsks::Reset),
            LinkPurpose::SignIn | LinkPurpose::Unspecified => Ok(LinkAsks::SignIn),
        },
        Err(status) => Err(link_refused(tenant, status)),
    }
}

fn link_refused(tenant: &str, status: Status) -> Response {
    match status.code() {
        Code::FailedPrecondition | Code::NotFound | Code::Unauthenticated | Code::InvalidArgument => {
            to_sign_in(tenant, SignInNotice::LinkOver)
        }
        _ => refused(status),
    }
}

fn to_sign_in(tenant: &str, notice: SignInNotice) -> Response {
    to(&format!("/sign-in?tenant={tenant}&{}", notice.word()))
}

/// `POST /sign-in/link`: now it is used.
pub(super) async fn redeem(State(shared): State<Shared>, headers: HeaderMap, posted: Posted) -> Response {
    let (tenant, token) = (tenant_named(posted.one("tenant")), posted.one("token").to_owned());
    let asks = match look(&shared, &tenant, &token).await {
        Ok(asks) => asks,
        Err(answer) => return answer,
    };
    let new_password = if asks == LinkAsks::Reset { posted.secret("new_password") } else { String::new() };
    let is_empty = asks == LinkAsks::Reset && new_password.is_empty();
    let request = RedeemLinkRequest { token: token.clone(), new_password, confirmed: true };
    let done = match shared.upstream.accounts(&Acting::Mesh).redeem_link(bounded(request)).await {
        Ok(answer) if !is_empty => answer.into_inner(),
        Err(status) if status.code() != Code::InvalidArgument || asks != LinkAsks::Reset => {
            return link_refused(&tenant, status);
        }
        // A link for a new password stays good until there is one.
        Ok(_) | Err(_) => {
            let error = Some(text::public::PROBLEM_PASSWORD.to_owned());
            let mut answer = html(&LinkPage { tenant, token, asks, error });
            *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            return answer;
        }
    };
    if done.session.is_empty() {
        return match asks {
            LinkAsks::Reset => to_sign_in(&tenant, SignInNotice::PasswordSet),
            LinkAsks::Verify if cookie(&headers, ACCOUNT_COOKIE).is_some() => to("/account?verified"),
            LinkAsks::Verify | LinkAsks::SignIn => to_sign_in(&tenant, SignInNotice::Verified),
        };
    }
    let path = if matches!(done.return_path.as_str(), "" | "/") { "/account" } else { done.return_path.as_str() };
    arrive(&shared, &done.session, &done.account.unwrap_or_default(), path).await
}

/// `POST /sign-out`
pub(super) async fn sign_out(State(shared): State<Shared>, headers: HeaderMap, _: Posted) -> Response {
    if let Some(session) = cookie(&headers, ACCOUNT_COOKIE).filter(|s| !s.is_empty()) {
        let request = bounded(EndSessionRequest { session: session.to_owned() });
        if let Err(status) = shared.upstream.accounts(&Acting::Mesh).end_session(request).await {
            // The cookie goes; a session that could not be ended now ends by its age.
            tracing::warn!(code = ?status.code(), "a session of the audience could not be ended");
        }
    }
    let mut response = to("/sign-in?out");
    keep(&mut response, &shared, "", 0);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_nobody_is_sent_to_another_site() {
        for good in ["/", "/account", "/e/gala?lang=fi", "/r/a.b.c"] {
            assert!(is_own_path(good), "{good}");
        }
        for bad in ["", "account", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/a b", "/ä"]
        {
            assert!(!is_own_path(bad), "{bad:?}");
        }
    }
}
