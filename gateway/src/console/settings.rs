//! The tenant's settings, for owners. A new secret is in one answer, which the same form sent again gets for a day.

use axum::{
    Form,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;
use tonic::{Code, Status};
use turnout_proto::{
    notifications::v1::{
        GetMessageSettingsRequest, MessageSettings, PutMessageSettingsRequest, RotateReportSecretRequest,
    },
    registration::v1::{
        ApplyRetentionRequest, GetRegistrantSettingsRequest, PutRegistrantSettingsRequest, RegistrantSettings,
        RotatePaymentSecretRequest,
    },
};

use super::{
    event_settings::{answered, bad},
    events::public_base,
    fields::Sent,
    reading, refusals,
    registrants::{Did, done},
    sending,
    session::Organiser,
};
use crate::{
    Shared,
    answers::{error_page, html},
    upstream::{act, bounded},
    views::{
        ErrorKind,
        console::{
            inputs::{self, Field},
            settings::{Due, SecretPage, SettingsPage},
            shell::Place,
        },
        text::studio as own,
    },
};

pub(super) const SETTINGS: &str = "/console/settings";

/// What the address asks for beside the settings.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// What retention would remove now, whatever the value.
    due: Option<String>,
}

pub(super) async fn show(
    State(shared): State<Shared>,
    organiser: Organiser,
    Query(did): Query<Did>,
    Query(asked): Query<Asked>,
) -> Response {
    match page(&shared, &organiser).await {
        Ok(mut page) => {
            if asked.due.is_some() && !page.keeps_for_ever {
                page.due = due(&shared, &organiser).await;
            }
            page.notice = did.notice();
            html(&page)
        }
        Err(page) => page,
    }
}

async fn due(shared: &Shared, organiser: &Organiser) -> Due {
    let request = bounded(ApplyRetentionRequest { dry_run: true });
    let answer = shared.upstream.registrants(&organiser.acting()).apply_retention(request).await;
    answer.map_or(Due::Unknown, |answer| {
        let answer = answer.into_inner();
        Due::Events(answer.events, answer.more)
    })
}

pub(super) async fn page(shared: &Shared, organiser: &Organiser) -> Result<SettingsPage, Response> {
    let refused = |status: Status| refusals::page(&status);
    let mut registrants = shared.upstream.registrants(&organiser.acting());
    let mut notifications = shared.upstream.notifications(&organiser.acting());
    let data = registrants.get_registrant_settings(bounded(GetRegistrantSettingsRequest {})).await.map_err(refused)?;
    let data = data.into_inner();
    let (removal, data) = (data.removal, data.settings.unwrap_or_default());
    let mail = notifications.get_message_settings(bounded(GetMessageSettingsRequest {})).await.map_err(refused)?;
    let mail = mail.into_inner();
    let to_folder = mail.mail_transport == "folder";
    let settings = mail.settings.unwrap_or_default();
    Ok(SettingsPage {
        shell: reading::shell(Place::Settings, organiser),
        data_version: data.version,
        keeps_for_ever: data.retention_days == 0,
        due: Due::NotAsked,
        removal,
        data: data_fields(&data.threshold.to_string(), &data.retention_days.to_string()),
        mail_version: settings.version,
        mail: mail_fields(&of_settings(&settings)),
        to_folder,
        complaints: sending::complaints(shared, organiser).await,
        replay: (!settings.webhook_url.is_empty()).then(|| sending::replay_form(shared)),
        notice: None,
    })
}

fn data_fields(threshold: &str, retention_days: &str) -> Vec<Field> {
    let number = |name: &str, label: &str, value: &str| Field::line(name, label, value).kind("number");
    vec![
        number("retention_days", own::RETENTION_DAYS, retention_days).hint(own::RETENTION_DAYS_HINT),
        number("threshold", own::THRESHOLD, threshold).hint(own::THRESHOLD_HINT),
    ]
}

fn of_settings(settings: &MessageSettings) -> Sent {
    let clock = |minutes: i32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let pairs = [
        ("sender_name", settings.sender_name.clone()),
        ("reply_to", settings.reply_to.clone()),
        ("quiet_from_min", clock(settings.quiet_from_min)),
        ("quiet_to_min", clock(settings.quiet_to_min)),
        ("reminders_opt_in", if settings.reminders_opt_in { "yes" } else { "" }.to_owned()),
        ("webhook_url", settings.webhook_url.clone()),
    ];
    Sent(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn mail_fields(sent: &Sent) -> Vec<Field> {
    let line = |name: &str, label: &str| Field::line(name, label, sent.get(name));
    vec![
        line("sender_name", own::SENDER_NAME).chars_max(100).hint(own::SENDER_NAME_HINT),
        line("reply_to", own::REPLY_TO).kind("email").hint(own::REPLY_TO_HINT).optional(),
        line("quiet_from_min", own::QUIET_FROM).kind("time"),
        line("quiet_to_min", own::QUIET_TO).kind("time").hint(own::QUIET_HINT),
        Field::tick("reminders_opt_in", own::OPT_IN, sent.get("reminders_opt_in") == "yes").hint(own::OPT_IN_HINT),
        line("webhook_url", own::WEBHOOK).kind("url").chars_max(500).hint(own::WEBHOOK_HINT).optional(),
    ]
}

/// `21:30` in minutes after midnight; what is no time is none that the service takes.
fn minutes(clock: &str) -> i32 {
    let read = || {
        let (hours, minutes) = clock.split_once(':')?;
        let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.get(..2)?.parse::<i32>().ok()?);
        ((0..24).contains(&hours) && (0..60).contains(&minutes)).then_some(hours * 60 + minutes)
    };
    read().unwrap_or(-1)
}

pub(super) async fn save_data(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let settings = RegistrantSettings {
        threshold: sent.get("threshold").parse().unwrap_or(-1),
        retention_days: sent.get("retention_days").parse().unwrap_or(-1),
        version: sent.get("version").parse().unwrap_or(0),
    };
    let request = PutRegistrantSettingsRequest { settings: Some(settings) };
    let (key, registrants) = (sent.once("data", ""), shared.upstream.registrants(&organiser.acting()));
    match act!(key, registrants, put_registrant_settings, request).await {
        Ok(_) => done(SETTINGS, "saved", None),
        Err(status) => {
            let fields = data_fields(sent.get("threshold"), sent.get("retention_days"));
            refused(&shared, &organiser, &status, |page| {
                page.data = fields;
                &mut page.data
            })
            .await
        }
    }
}

pub(super) async fn save_mail(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let settings = MessageSettings {
        sender_name: sent.get("sender_name").to_owned(),
        reply_to: sent.get("reply_to").to_owned(),
        quiet_from_min: minutes(sent.get("quiet_from_min")),
        quiet_to_min: minutes(sent.get("quiet_to_min")),
        reminders_opt_in: sent.get("reminders_opt_in") == "yes",
        webhook_url: sent.get("webhook_url").to_owned(),
        version: sent.get("version").parse().unwrap_or(0),
    };
    let request = PutMessageSettingsRequest { settings: Some(settings) };
    let (key, notifications) = (sent.once("mail", ""), shared.upstream.notifications(&organiser.acting()));
    match act!(key, notifications, put_message_settings, request).await {
        Ok(_) => done(SETTINGS, "saved", None),
        Err(status) => {
            refused(&shared, &organiser, &status, |page| {
                page.mail = mail_fields(&sent);
                &mut page.mail
            })
            .await
        }
    }
}

/// The page with what was entered and what is wrong with it. After somebody else's save the version is the new one: saving again is
/// then a decision.
async fn refused(
    shared: &Shared,
    organiser: &Organiser,
    status: &Status,
    fields: impl FnOnce(&mut SettingsPage) -> &mut Vec<Field>,
) -> Response {
    let Some((code, mut notice)) = refusals::notice(status) else { return refusals::page(status) };
    let mut page = match page(shared, organiser).await {
        Ok(page) => page,
        Err(page) => return page,
    };
    let fields = fields(&mut page);
    if status.code() == Code::InvalidArgument {
        let named = refusals::violations(status).into_iter();
        let named = named.map(|(name, sentence)| (name.trim_start_matches("settings.").to_owned(), sentence)).collect();
        let rest = inputs::blame(fields.iter_mut(), named);
        notice = bad(&format!("{} {}", own::NOT_SAVED, rest.join(" ")));
    } else if status.code() == Code::Aborted {
        notice = bad(own::SETTINGS_MEANWHILE);
    }
    page.notice = Some(notice);
    answered(html(&page), code)
}

pub(super) async fn apply_retention(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let request = ApplyRetentionRequest { dry_run: sent.get("sure") != "yes" };
    let (key, registrants) = (sent.once("retention", ""), shared.upstream.registrants(&organiser.acting()));
    match act!(key, registrants, apply_retention, request).await {
        Ok(_) => done(SETTINGS, "retention", None),
        Err(status) => refused(&shared, &organiser, &status, |page| &mut page.data).await,
    }
}

pub(super) async fn rotate(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(which): Path<String>,
    headers: HeaderMap,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let key = Sent(sent).once("rotate", &which);
    let (title, path, body) = match which.as_str() {
        "payment" => (own::SECRET_PAYMENT, "payments", own::SECRET_PAYMENT_BODY),
        "reports" => (own::SECRET_REPORTS, "delivery-reports", own::SECRET_REPORTS_BODY),
        _ => return error_page(ErrorKind::NoSuchPage),
    };
    let rotated = if path == "payments" {
        let registrants = shared.upstream.registrants(&organiser.acting());
        let answer = act!(key, registrants, rotate_payment_secret, RotatePaymentSecretRequest {}).await;
        answer.map(|answer| answer.into_inner().secret)
    } else {
        let notifications = shared.upstream.notifications(&organiser.acting());
        let answer = act!(key, notifications, rotate_report_secret, RotateReportSecretRequest {}).await;
        answer.map(|answer| answer.into_inner().secret)
    };
    match rotated {
        Ok(secret) => html(&SecretPage {
            shell: reading::shell(Place::Settings, &organiser),
            title,
            secret,
            url: format!("{}/v1/tenants/{}/{path}", public_base(&shared, &headers), organiser.tenant),
            body,
        }),
        Err(status) => refused(&shared, &organiser, &status, |page| &mut page.data).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_minutes_and_nothing_else_is() {
        assert_eq!([minutes("00:00"), minutes("21:30"), minutes("23:59:00")], [0, 1_290, 1_439]);
        assert_eq!([minutes(""), minutes("24:00"), minutes("8"), minutes("8:7")], [-1; 4]);
    }
}
