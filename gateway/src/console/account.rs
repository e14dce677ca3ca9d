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
    ListSessionsRequest, RemoveSecondFactorRequest,
};

use super::{
    event_settings::{answered, bad},
    fields::Sent,
    reading, refusals,
    registrants::{Did, done},
    session::Organiser,
    sign_in::secret,
};
use crate::{
    Shared,
    answers::{error_page, html},
    upstream::{Acting, bounded},
    views::{
        ErrorKind,
        console::{
            account::{ConsoleAccountPage, NewSecondFactor, RecoveryPage},
            inputs::{self, Field},
            shell::Place,
            sign_in::new_password,
        },
        text::studio as own,
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
    let request = bounded(ListSessionsRequest { session });
    let sessions = match &organiser.account {
        Some(_) => shared.upstream.accounts(&Acting::Mesh).list_sessions(request).await.ok(),
        None => None,
    };
    let old = Field::line("old_password", own::OLD_PASSWORD, "").kind("password");
    let mut password = vec![old.autocomplete("current-password").chars_max(1_024), new_password()];
    if !account.has_password {
        password.remove(0);
    }
    ConsoleAccountPage {
        shell: reading::shell(Place::Account, organiser),
        email: account.email,
        password,
        sessions: sessions.map(|answer| answer.into_inner().sessions),
        own_session: account.session_id,
        has_second_factor: account.has_second_factor,
        setting_up: None,
        code: Field::line("code", own::SECOND_FACTOR_CODE, "").autocomplete("one-time-code").chars_max(64),
        notice: None,
    }
}

/// The session's secret; whoever came by the first link has no account to change.
fn session_of(organiser: &Organiser) -> Option<String> {
    organiser.account.as_ref().map(|(_, session)| session.clone())
}

pub(super) async fn password(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let Some(session) = session_of(&organiser) else { return error_page(ErrorKind::NotYours) };
    let (old_password, new_password) = (secret(&sent, "old_password"), secret(&sent, "new_password"));
    let request = bounded(ChangePasswordRequest { session, old_password, new_password });
    match shared.upstream.accounts(&Acting::Mesh).change_password(request).await {
        Ok(_) => done(ACCOUNT, "password", None),
        Err(status) => refused(&shared, &organiser, &status, None).await,
    }
}

pub(super) async fn end_others(State(shared): State<Shared>, organiser: Organiser) -> Response {
    let Some(session) = session_of(&organiser) else { return error_page(ErrorKind::NotYours) };
    match shared.upstream.accounts(&Acting::Mesh).end_other_sessions(bounded(EndOtherSessionsRequest { session })).await
    {
        Ok(_) => done(ACCOUNT, "others", None),
        Err(status) => refused(&shared, &organiser, &status, None).await,
    }
}

/// Begins setting it up. The key is on this page; loading it again begins anew.
pub(super) async fn begin(State(shared): State<Shared>, organiser: Organiser) -> Response {
    let mut page = page(&shared, &organiser).await;
    match begun(&shared, &organiser).await {
        Ok(new) => {
            page.setting_up = Some(new);
            html(&page)
        }
        Err(Ok(status)) => refused(&shared, &organiser, &status, None).await,
        Err(Err(page)) => page,
    }
}

async fn begun(shared: &Shared, organiser: &Organiser) -> Result<NewSecondFactor, Result<Status, Response>> {
    let Some(session) = session_of(organiser) else { return Err(Err(error_page(ErrorKind::NotYours))) };
    let request = bounded(BeginSecondFactorRequest { session });
    let new = shared.upstream.accounts(&Acting::Mesh).begin_second_factor(request).await.map_err(Ok)?.into_inner();
    let groups: Vec<String> =
        new.secret.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
    Ok(NewSecondFactor { secret: groups.join(" "), qr_svg: qr(&new.otpauth_url) })
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
    let code = Sent(sent).get("code").to_owned();
    let request = bounded(ConfirmSecondFactorRequest { session, code });
    match shared.upstream.accounts(&Acting::Mesh).confirm_second_factor(request).await {
        Ok(answer) => html(&RecoveryPage {
            shell: reading::shell(Place::Account, &organiser),
            codes: answer.into_inner().recovery_codes,
        }),
        // A code that was wrong needs a new begin: the key is not kept between two pages.
        Err(status) if status.code() == Code::InvalidArgument => {
            let new = begun(&shared, &organiser).await.ok();
            refused(&shared, &organiser, &status, new).await
        }
        Err(status) => refused(&shared, &organiser, &status, None).await,
    }
}

pub(super) async fn remove(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let Some(session) = session_of(&organiser) else { return error_page(ErrorKind::NotYours) };
    let request = RemoveSecondFactorRequest { session, code: Sent(sent).get("code").to_owned() };
    match shared.upstream.accounts(&Acting::Mesh).remove_second_factor(bounded(request)).await {
        Ok(_) => done(ACCOUNT, "second-factor-off", None),
        Err(status) => refused(&shared, &organiser, &status, None).await,
    }
}

/// The page with what was refused, beside its field where there is one.
async fn refused(
    shared: &Shared,
    organiser: &Organiser,
    status: &Status,
    setting_up: Option<NewSecondFactor>,
) -> Response {
    let Some((code, notice)) = refusals::notice(status) else { return refusals::page(status) };
    let mut page = page(shared, organiser).await;
    page.setting_up = setting_up;
    page.notice = Some(notice);
    if status.code() == Code::InvalidArgument {
        let told = |(name, sentence): (String, String)| match name.as_str() {
            "old_password" => (name, own::OLD_PASSWORD_WRONG.to_owned()),
            "new_password" | "password" => ("new_password".to_owned(), own::PASSWORD_REFUSED.to_owned()),
            "code" => (name, own::SECOND_FACTOR_CODE_WRONG.to_owned()),
            _ => (name, sentence),
        };
        let named = refusals::violations(status).into_iter().map(told).collect();
        if page.setting_up.is_some() {
            page.notice = Some(bad(own::SECOND_FACTOR_NEW_KEY));
        }
        inputs::blame(page.password.iter_mut().chain([&mut page.code]), named);
    }
    answered(html(&page), code)
}
