//! Signing in to the console with an account: by password and second factor, by a link in a mail; setting a new password; and making
//! the first owner's account. No answer says whether an address is known: what slows down guessing is the service's business, which is
//! told a hash of the client's network. What a session is stands in `session`.

use axum::{
    Form,
    extract::{FromRequestParts, Query, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use tonic::{Code, Status};
use turnout_platform::canonical;
use turnout_proto::{
    notifications::v1::{GetMessageSettingsRequest, MessageSettings, PutMessageSettingsRequest},
    profiles::v1::{
        CreateFirstOwnerRequest, LinkPurpose, ListMembersRequest, Realm, RedeemLinkRequest, RequestLinkRequest,
        SignInRequest,
    },
};

use super::{
    event_settings::{answered, bad},
    fields::Sent,
    reading, refusals,
    session::{Organiser, with_session},
};
use crate::{
    Shared,
    answers::{error_page, failure_page, html},
    http::Client,
    origin::is_same_site,
    upstream::{Acting, act, bounded, failure},
    views::{
        ErrorKind,
        console::{
            inputs::{self, Field},
            sign_in::{ConsoleLinkPage, LinkAsks, SignInPage, SignInProblem, WelcomePage, new_password},
        },
        text::{LANG, access as own},
    },
};

/// A request that comes from one of our own pages, or from no page at all: what protects forms before there is a session.
pub(super) struct OwnPage;

impl FromRequestParts<Shared> for OwnPage {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        if is_same_site(&parts.headers, &shared.config) { Ok(Self) } else { Err(error_page(ErrorKind::Forbidden)) }
    }
}

/// `POST /console/sign-in`: with a password, or asks for a link.
pub(super) async fn sign_in(
    State(shared): State<Shared>,
    _: OwnPage,
    client: Client,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let email = sent.get("email");
    if canonical::email(email).is_err() {
        return refusal(email, SignInProblem::NoAddress);
    }
    let (purpose, told) = match sent.get("how") {
        "link" => (LinkPurpose::SignIn, SignInProblem::LinkSent),
        "reset" => (LinkPurpose::Reset, SignInProblem::ResetSent),
        _ => return by_password(&shared, &client, &sent).await,
    };
    let request = RequestLinkRequest {
        realm: Realm::Team.into(),
        email: email.to_owned(),
        purpose: purpose.into(),
        return_path: "/console".to_owned(),
        client: client.0.to_string(),
        language: LANG.to_owned(),
        ..RequestLinkRequest::default()
    };
    match shared.upstream.accounts(&Acting::Mesh).request_link(bounded(request)).await {
        Ok(_) => to_sign_in(told),
        Err(status) => match status.code() {
            Code::ResourceExhausted => refusal(email, SignInProblem::TooMany),
            Code::InvalidArgument => refusal(email, SignInProblem::NoAddress),
            _ => failure_page(failure(status)),
        },
    }
}

async fn by_password(shared: &Shared, client: &Client, sent: &Sent) -> Response {
    let email = sent.get("email");
    let request = SignInRequest {
        realm: Realm::Team.into(),
        tenant_id: String::new(),
        email: email.to_owned(),
        password: secret(sent, "password"),
        code: sent.get("code").to_owned(),
        client: client.0.to_string(),
    };
    match shared.upstream.accounts(&Acting::Mesh).sign_in(bounded(request)).await.map(tonic::Response::into_inner) {
        Ok(answer) if answer.needs_code => refusal(email, SignInProblem::CodeNeeded),
        Ok(answer) => with_session(Redirect::to("/console").into_response(), shared, &answer.session),
        Err(status) => match status.code() {
            Code::ResourceExhausted => refusal(email, SignInProblem::TooMany),
            Code::Unauthenticated | Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition => {
                // Whoever had come as far as the code gets its field again.
                let with_code = sent.all("code").next().is_some();
                refusal(email, if with_code { SignInProblem::CodeNeeded } else { SignInProblem::Wrong })
            }
            _ => failure_page(failure(status)),
        },
    }
}

/// As it was typed: a password may begin with a blank.
pub(super) fn secret(sent: &Sent, name: &str) -> String {
    sent.all(name).next().unwrap_or_default().to_owned()
}

fn refusal(email: &str, problem: SignInProblem) -> Response {
    let code = match problem {
        SignInProblem::TooMany => StatusCode::TOO_MANY_REQUESTS,
        SignInProblem::CodeNeeded => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    answered(html(&SignInPage { problem: Some(problem), email: email.to_owned() }), code)
}

fn to_sign_in(told: SignInProblem) -> Response {
    Redirect::to(&format!("/console/sign-in?{}", told.word())).into_response()
}

/// What the address of a link carries.
#[derive(Debug, Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    token: String,
}

/// `GET /console/link?token=…`: looks at the link and uses nothing up.
pub(super) async fn link(State(shared): State<Shared>, Query(asked): Query<Token>) -> Response {
    match look(&shared, &asked.token).await {
        Ok(asks) => html(&ConsoleLinkPage { token: asked.token, asks, error: None }),
        Err(status) => link_refused(status),
    }
}

async fn look(shared: &Shared, token: &str) -> Result<LinkAsks, Status> {
    let request = RedeemLinkRequest { token: token.to_owned(), ..RedeemLinkRequest::default() };
    let answer = shared.upstream.accounts(&Acting::Mesh).redeem_link(bounded(request)).await?;
    Ok(match answer.into_inner().purpose() {
        LinkPurpose::Reset => LinkAsks::Password,
        LinkPurpose::SignIn | LinkPurpose::Verify | LinkPurpose::Unspecified => LinkAsks::SignIn,
    })
}

fn link_refused(status: Status) -> Response {
    match status.code() {
        Code::FailedPrecondition | Code::NotFound | Code::Unauthenticated | Code::InvalidArgument => {
            to_sign_in(SignInProblem::LinkOver)
        }
        _ => failure_page(failure(status)),
    }
}

/// `POST /console/link`: now it is used.
pub(super) async fn redeem(
    State(shared): State<Shared>,
    _: OwnPage,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let token = sent.get("token").to_owned();
    let asks = match look(&shared, &token).await {
        Ok(asks) => asks,
        Err(status) => return link_refused(status),
    };
    let wanted = secret(&sent, "new_password");
    let again = || {
        let error = Some(own::PASSWORD_REFUSED.to_owned());
        let page = ConsoleLinkPage { token: token.clone(), asks, error };
        answered(html(&page), StatusCode::UNPROCESSABLE_ENTITY)
    };
    // Without a password nothing is asked of the service, so that the link stays good.
    if asks == LinkAsks::Password && wanted.is_empty() {
        return again();
    }
    let request = RedeemLinkRequest { token: token.clone(), new_password: wanted, confirmed: true };
    match shared.upstream.accounts(&Acting::Mesh).redeem_link(bounded(request)).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            if answer.session.is_empty() {
                return to_sign_in(SignInProblem::PasswordSet);
            }
            with_session(Redirect::to("/console").into_response(), &shared, &answer.session)
        }
        Err(status) if status.code() == Code::InvalidArgument && asks == LinkAsks::Password => again(),
        Err(status) => link_refused(status),
    }
}

/// Where the link of the first start leads: to the account that is still to be made, else into the console.
pub(super) async fn after_first_link(shared: &Shared, acting: &Acting) -> &'static str {
    let one = ListMembersRequest { page_size: 1, ..ListMembersRequest::default() };
    match shared.upstream.accounts(acting).list_members(bounded(one)).await {
        Ok(answer) if answer.get_ref().members.is_empty() => "/console/welcome",
        Ok(_) => "/console",
        Err(status) => {
            tracing::warn!(code = ?status.code(), "the team could not be listed");
            "/console"
        }
    }
}

fn welcome_page(sent: &Sent) -> WelcomePage {
    let organisation = Field::line("organisation", own::WELCOME_ORGANISATION, sent.get("organisation"));
    let organisation = organisation.autocomplete("organization").chars_max(100).hint(own::WELCOME_ORGANISATION_HINT);
    let address = Field::line("email", own::EMAIL, sent.get("email")).kind("email");
    let address = address.autocomplete("username").chars_max(320);
    WelcomePage { once: reading::once(), fields: vec![organisation, address, new_password()], notice: None }
}

/// The organisation's name is what its mails are sent under. All else of the settings stays.
async fn name_organisation(shared: &Shared, organiser: &Organiser, sent: &Sent) -> Result<(), Status> {
    let mut upstream = shared.upstream.notifications(&organiser.acting());
    let stored = upstream.get_message_settings(bounded(GetMessageSettingsRequest {})).await?.into_inner();
    let settings = stored.settings.unwrap_or_default();
    let name = sent.get("organisation");
    // A second click finds it done, and changes no version.
    if settings.version > 0 && settings.sender_name == name {
        return Ok(());
    }
    let settings = MessageSettings { sender_name: name.to_owned(), ..settings };
    let request = PutMessageSettingsRequest { settings: Some(settings) };
    act!(sent.once("organisation", ""), upstream, put_message_settings, request).await?;
    Ok(())
}

/// `GET /console/welcome`
pub(super) async fn welcome(State(shared): State<Shared>, organiser: Organiser) -> Response {
    if after_first_link(&shared, &organiser.acting()).await == "/console" {
        return Redirect::to("/console").into_response();
    }
    html(&welcome_page(&Sent::default()))
}

/// `POST /console/welcome`. Only a session of the first link, or an owner's, makes an owner.
pub(super) async fn make_owner(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    if organiser.account.is_some() {
        return error_page(ErrorKind::NotYours);
    }
    let request = CreateFirstOwnerRequest {
        tenant_id: organiser.tenant.as_str().to_owned(),
        email: sent.get("email").to_owned(),
        password: secret(&sent, "new_password"),
    };
    // First the name: with the account the page is left.
    let status = match name_organisation(&shared, &organiser, &sent).await {
        Ok(()) => {
            let accounts = shared.upstream.accounts(&Acting::Tenant(organiser.tenant.clone()));
            match act!(sent.once("owner", ""), accounts, create_first_owner, request).await {
                Ok(answer) => {
                    let session = answer.into_inner().session;
                    return with_session(Redirect::to("/console").into_response(), &shared, &session);
                }
                Err(status) => status,
            }
        }
        Err(status) => status,
    };
    let Some((code, notice)) = refusals::notice(&status) else { return refusals::page(&status) };
    let mut page = welcome_page(&sent);
    page.notice = Some(match status.code() {
        Code::AlreadyExists | Code::FailedPrecondition => bad(own::WELCOME_NOT_FIRST),
        _ => notice,
    });
    if status.code() == Code::InvalidArgument {
        let named = refusals::violations(&status).into_iter().map(|(name, sentence)| match name.as_str() {
            "password" => ("new_password".to_owned(), own::PASSWORD_REFUSED.to_owned()),
            "sender_name" | "settings.sender_name" => ("organisation".to_owned(), sentence),
            _ => (name, sentence),
        });
        let rest = inputs::blame(page.fields.iter_mut(), named.collect());
        page.notice = (!rest.is_empty()).then(|| bad(&rest.join(" ")));
    }
    answered(html(&page), code)
}
