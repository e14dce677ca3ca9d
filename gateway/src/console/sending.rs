//! How the tenant's mails are received, and telling its webhook again: the parts of the settings and of the page of an event's messages
//! that are about what was sent.

use axum::{Form, extract::State, http::StatusCode, response::Response};
use jiff::{civil::DateTime, tz::TimeZone};
use prost_types::Timestamp;
use tonic::Status;
use turnout_proto::notifications::v1::{
    GetSendingStandingRequest, LiftMarketingStopRequest, ReplayNoticesRequest, SendingLevel,
};

use super::{
    event_settings::{answered, bad},
    events::millis,
    fields::Sent,
    refusals,
    registrants::done,
    session::Organiser,
    settings,
};
use crate::{
    Shared,
    answers::html,
    upstream::{act, bounded},
    views::{
        console::{
            inputs::Field,
            sending::{Complaints, ReplayForm, replayed},
            settings::SettingsPage,
        },
        show,
        text::studio as own,
    },
};

/// What is offered to be told again.
const SINCE_MS: i64 = 24 * 3_600_000;

/// Too many complaints; none where there are few, or nobody can say.
pub(super) async fn complaints(shared: &Shared, organiser: &Organiser) -> Option<Complaints> {
    let mut notifications = shared.upstream.notifications(&organiser.acting());
    let answer = notifications.get_sending_standing(bounded(GetSendingStandingRequest {})).await.ok()?;
    let standing = answer.into_inner().standing?;
    let above = match standing.level() {
        SendingLevel::Warned => false,
        SendingLevel::Stopped => true,
        SendingLevel::Fine | SendingLevel::Unspecified => return None,
    };
    Some(Complaints {
        mails: standing.mails,
        complaints: standing.complaints,
        above,
        lifted_until_ms: standing.lifted_until.as_ref().map(millis),
    })
}

/// The form, with the last day in it.
pub(super) fn replay_form(shared: &Shared) -> ReplayForm {
    let since_ms = shared.clock.at_ms() as i64 - SINCE_MS;
    form(&show::local_minute_in(since_ms, "UTC"))
}

fn form(since: &str) -> ReplayForm {
    let since = Field::line("since", own::REPLAY_SINCE, since).kind("datetime-local").with_seconds();
    ReplayForm { since: since.hint(own::REPLAY_SINCE_HINT) }
}

/// A moment as a form sends it, in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let at = text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp { seconds: at.as_second(), nanos: 0 })
}

pub(super) async fn replay(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let mut entered = form(sent.get("since"));
    let Some(since) = moment(sent.get("since")) else {
        entered.since.error = Some(own::REPLAY_NO_TIME.to_owned());
        return match settings::page(&shared, &organiser).await {
            Ok(mut page) => {
                page.replay = Some(entered);
                page.notice = Some(bad(own::NOT_SENT_AGAIN));
                answered(html(&page), StatusCode::UNPROCESSABLE_ENTITY)
            }
            Err(page) => page,
        };
    };
    let reason = sent.get("reason").to_owned();
    let request = ReplayNoticesRequest { since: Some(since), reason, ..ReplayNoticesRequest::default() };
    let (key, notifications) = (sent.once("replay", ""), shared.upstream.notifications(&organiser.acting()));
    match act!(key, notifications, replay_notices, request).await {
        Ok(answer) => match settings::page(&shared, &organiser).await {
            Ok(mut page) => {
                let answer = answer.into_inner();
                let last_ms = answer.last_told_at.as_ref().map_or(0, millis);
                // What comes after is asked for from there. To the second: there may be more in one minute than is told at once.
                let next = if answer.more { form(&show::local_second_in(last_ms, "UTC")) } else { entered };
                page.replay = Some(next);
                page.notice = Some(replayed(&answer, last_ms));
                html(&page)
            }
            Err(page) => page,
        },
        Err(status) => refused(&shared, &organiser, &status, |page| page.replay = Some(entered)).await,
    }
}

pub(super) async fn lift(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let request = LiftMarketingStopRequest { reason: sent.get("reason").to_owned() };
    let (key, notifications) = (sent.once("marketing", ""), shared.upstream.notifications(&organiser.acting()));
    match act!(key, notifications, lift_marketing_stop, request).await {
        Ok(_) => done(settings::SETTINGS, "marketing", None),
        Err(status) => refused(&shared, &organiser, &status, |_| {}).await,
    }
}

/// The settings, with why nothing came of it.
async fn refused(
    shared: &Shared,
    organiser: &Organiser,
    status: &Status,
    entered: impl FnOnce(&mut SettingsPage),
) -> Response {
    let Some((code, notice)) = refusals::notice(status) else { return refusals::page(status) };
    match settings::page(shared, organiser).await {
        Ok(mut page) => {
            entered(&mut page);
            page.notice = Some(notice);
            answered(html(&page), code)
        }
        Err(page) => page,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_a_form_is_in_utc_and_what_is_none_is_none() {
        assert_eq!(moment("2027-01-15T08:00").unwrap().seconds, 1_800_000_000);
        assert_eq!(moment("2027-01-15T08:00:01").unwrap().seconds, 1_800_000_001);
        for wrong in ["", "yesterday", "2027-13-01T08:00"] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}
