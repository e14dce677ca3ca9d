//! The member's own account: changing the password, ending sessions, the second factor. The secret of a second factor and the recovery
//! codes are in one answer each and nowhere else.

use axum::{
    Form,
    extract::{Query, State},
    response::Response,
};
use qrcode::{QrCode, render::svg};
use tonic::{Code, Status};
use turnout_proto::profiles::v1::{
    BeginSecondFactorRequest, ChangePasswordRequest, ConfirmSecondFactorRequest, EndOtherSessionsRequest,
    RemoveSecondFactorRequest,
};

use super::{
    event_settings::answered,
    fields::Sent,
    reading, refusals,
    registrants::{Did, done},
    session::Organiser,
    sign_in::secret,
};
use crate::{
    Shared, all_pages,
    answers::{error_page, html},
    upstream::{Acting, act},
    views::{
        ErrorKind,
        console::{
            account::{ConsoleAccountPage, NewSecondFactor, RecoveryPage},
            inputs::{self, Field},
            shell::Place,
            sign_in::new_password,
        },
        text::access as own,
    },
};

/// The picture's least width.
const QR_PIXELS_MIN: u32 = 220;
const ACCOUNT: &str = "/console/account";

pub(super) async fn show(State(shared): State<Shared>, organiser: Organiser, Query(did): Query<Did>) -> Response {
    let mut page = page(&shared, &organiser).await;
    page.notice = did.notice();
    html(&page)
}

async fn page(shared: &Shared, organiser: &Organiser) -> ConsoleAccountPage {
    let (account, session) = organiser.account.clone().unwrap_or_default();
    let sessions = match &organiser.account {
        Some(_) => all_pages::sessions(shared, &session).await.ok(),
        None => None,
    };
    let present = |name: &str| {
        let field = Field::line(name, own::OLD_PASSWORD, "").kind("password");
        account.has_password.then(|| field.autocomplete("current-password").chars_max(1_024))
    };
    ConsoleAccountPage {
        shell: reading::shell(Place::Account, organiser),
        email: account.email,
        password: present("old_password").into_iter().chain([new_password()]).collect(),
        proof: present("password"),
        sessions: sessions.map(|sessions| sessions.rows),
        own_session: account.session_id,
        has_second_factor: account.has_second_factor,
        setting_up: false,
        new: None,
        code: Field::line("code", own::SECOND_FACTOR_CODE, "").autocomplete("one-time-code").chars_max(64),
        notice: None,
    }
}

/// The session's secret; whoever came by the first link has no account to change.
fn session_of(organiser: &Organiser) -> Option<String> {
    organiser.account.as_ref().map(|(_, session)| session.clone())
}

/// Acts on an account are asked for with its session. The tenant is named because a key of a form is a tenant's.
fn acting(organiser: &Organiser) -> Acting {
    Acting::Tenant(organiser.tenant.clone())
}

pub(super) async fn password(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let Some(session) = session_of(&organiser) else { return error_page(ErrorKind::NotYours) };
    let (old_password, new_password) = (secret(&sent, "old_password"), secret(&sent, "new_password"));
    let request = ChangePasswordRequest { session, old_password, new_password };
    let (key, accounts) = (sent.once("password", ""), shared.upstream.accounts(&acting(&organiser)));
    match act!(key, accounts, change_password, request).await {
        Ok(_) => done(ACCOUNT, "password", None),
        Err(status) => refused(&shared, &organiser, &status, false).await,
    }
}

pub(super) async fn end_others(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let Some(session) = session_of(&organiser) else { return error_page(ErrorKind::NotYours) };
    let (key, accounts) = (Sent(sent).once("others", ""), shared.upstream.accounts(&acting(&organiser)));
    match act!(key, accounts, end_other_sessions, EndOtherSessionsRequest { session }).await {
        Ok(_) => done(ACCOUNT, "others", None),
        Err(status) => refused(&shared, &organiser, &status, false).await,
    }
}

/// Begins setting it up, for who knows the password: a session alone may be somebody else's. The key is on this page and on no other.
pub(super) async fn begin(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let Some(session) = session_of(&organiser) else { return error_page(ErrorKind::NotYours) };
    let sent = Sent(sent);
    let request = BeginSecondFactorRequest { session, password: secret(&sent, "password") };
    let (key, accounts) = (sent.once("begin", ""), shared.upstream.accounts(&acting(&organiser)));
    match act!(key, accounts, begin_second_factor, request).await {
        Ok(answer) => {
            let new = answer.into_inner();
            let mut page = page(&shared, &organiser).await;
            page.setting_up = true;
            page.new = Some(NewSecondFactor { secret: in_groups(&new.secret), qr_svg: qr(&new.otpauth_url) });
            html(&page)
        }
        Err(status) => refused(&shared, &organiser, &status, false).await,
    }
}

/// A key in groups of four, to be typed.
fn in_groups(key: &str) -> String {
    let groups: Vec<_> = key.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
    groups.join(" ")
}

/// The picture of an address that the service made, drawn by us: markup that may go onto the page as it is.
fn qr(text: &str) -> Option<String> {
    let drawn = QrCode::new(text.as_bytes()).ok()?;
    let picture = drawn.render::<svg::Color<'_>>().min_dimensions(QR_PIXELS_MIN, QR_PIXELS_MIN).build();
    picture.find("<svg").map(|start| picture[start..].to_owned())
}

pub(super) async fn confirm(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let Some(session) = session_of(&organiser) else { return error_page(ErrorKind::NotYours) };
    let sent = Sent(sent);
    let request = ConfirmSecondFactorRequest { session, code: sent.get("code").to_owned() };
    // A second click gets the same recovery codes: they are shown only now.
    let (key, accounts) = (sent.once("confirm", ""), shared.upstream.accounts(&acting(&organiser)));
    match act!(key, accounts, confirm_second_factor, request).await {
        Ok(answer) => html(&RecoveryPage {
            shell: reading::shell(Place::Account, &organiser),
            codes: answer.into_inner().recovery_codes,
        }),
        // The key stays good and is in the app; it is not shown again. Without one there is nothing to confirm.
        Err(status) => refused(&shared, &organiser, &status, status.code() != Code::FailedPrecondition).await,
    }
}

pub(super) async fn remove(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let Some(session) = session_of(&organiser) else { return error_page(ErrorKind::NotYours) };
    let sent = Sent(sent);
    let request = RemoveSecondFactorRequest { session, code: sent.get("code").to_owned() };
    let (key, accounts) = (sent.once("remove", ""), shared.upstream.accounts(&acting(&organiser)));
    match act!(key, accounts, remove_second_factor, request).await {
        Ok(_) => done(ACCOUNT, "second-factor-off", None),
        Err(status) => refused(&shared, &organiser, &status, false).await,
    }
}

/// The page with what was refused, beside its field where there is one.
async fn refused(shared: &Shared, organiser: &Organiser, status: &Status, setting_up: bool) -> Response {
    let Some((code, notice)) = refusals::notice(status) else { return refusals::page(status) };
    let mut page = page(shared, organiser).await;
    page.setting_up = setting_up;
    page.notice = Some(notice);
    if status.code() == Code::InvalidArgument {
        let told = |(name, sentence): (String, String)| match name.as_str() {
            "old_password" | "password" => (name, own::OLD_PASSWORD_WRONG.to_owned()),
            "new_password" => (name, own::PASSWORD_REFUSED.to_owned()),
            "code" => (name, own::SECOND_FACTOR_CODE_WRONG.to_owned()),
            _ => (name, sentence),
        };
        let named = refusals::violations(status).into_iter().map(told).collect();
        inputs::blame(page.password.iter_mut().chain(&mut page.proof).chain([&mut page.code]), named);
    }
    answered(html(&page), code)
}
