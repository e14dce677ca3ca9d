//! The reminders of an event, as organisers write them.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use turnout_proto::notifications::v1::{PutRemindersRequest, Reminder, Reminders};

use super::{
    super::{
        event_settings::{answered, bad},
        fields::Sent,
        refusals,
        registrants::done,
        session::Organiser,
    },
    base, list,
};
use crate::{
    Shared,
    answers::html,
    upstream::act,
    views::{console::inputs::Field, text::studio as own},
};

/// Units of reminders, the largest first.
const UNITS: [(&str, i64); 3] = [("d", 86_400), ("h", 3_600), ("min", 60)];

pub(super) fn field(reminders: &[Reminder]) -> Field {
    Field::line("before", own::REMINDERS_BEFORE, written(reminders)).hint(own::REMINDERS_HINT).optional()
}

/// Reminders as they are written: `2d, 24h, 30min`.
fn written(reminders: &[Reminder]) -> String {
    let one = |reminder: &Reminder| {
        let unit = UNITS.into_iter().find(|(_, unit_s)| {
            let wanted = reminder.before_s % unit_s == 0;
            // A day before is better read as hours: people think of the clock then.
            wanted && reminder.before_s / unit_s > i64::from(*unit_s == 86_400)
        });
        let (unit, unit_s) = unit.unwrap_or(("min", 60));
        format!("{}{unit}", reminder.before_s / unit_s)
    };
    reminders.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Reads them; none when something else stands there.
fn read(text: &str) -> Option<Vec<Reminder>> {
    let one = |part: &str| {
        let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
        let unit = part[digits.len()..].trim();
        let (_, unit_s) = UNITS.into_iter().find(|(known, _)| *known == unit)?;
        Some(Reminder { before_s: digits.parse::<i64>().ok()?.checked_mul(unit_s)? })
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}

pub(in crate::console) async fn put(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let mut problem = own::REMINDERS_WRONG.to_owned();
    let mut code = StatusCode::UNPROCESSABLE_ENTITY;
    let mut notice = bad(own::NOT_SAVED);
    if let Some(reminders) = read(sent.get("before")) {
        let version = sent.get("version").parse().unwrap_or(0);
        let reminders = Reminders { event_id: event_id.clone(), reminders, version };
        let request = PutRemindersRequest { reminders: Some(reminders) };
        let (key, upstream) = (sent.once("reminders", &event_id), shared.upstream.notifications(&organiser.acting()));
        match act!(key, upstream, put_reminders, request).await {
            Ok(_) => return done(&base(&event_id), "reminders", None),
            Err(status) => {
                let Some((refused, told)) = refusals::notice(&status) else { return refusals::page(&status) };
                problem = refusals::violations(&status).into_iter().map(|(_, sentence)| sentence).collect();
                (code, notice) = (refused, told);
            }
        }
    }
    match list::overview(&shared, &organiser, &event_id).await {
        Ok(mut page) => {
            sent.get("before").clone_into(&mut page.reminders.value);
            page.reminders.error = (!problem.is_empty()).then_some(problem);
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
    fn reminders_are_read_as_they_are_written() {
        let seconds = |text: &str| read(text).map(|all| all.into_iter().map(|r| r.before_s).collect::<Vec<_>>());
        assert_eq!(seconds("2d, 24 h,30min"), Some(vec![172_800, 86_400, 1_800]));
        assert_eq!(seconds(""), Some(Vec::new()));
        for wrong in ["1", "h", "1w", "1.5h", "9999999999999999d"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
        for text in ["2d, 24h, 30min", "90min", ""] {
            assert_eq!(written(&read(text).unwrap()), text);
        }
    }
}
