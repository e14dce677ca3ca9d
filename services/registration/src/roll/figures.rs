//! The figures of one question of an event, over registrations with a place and all versions of the form that ask it. What is counted and
//! hidden is decided in `domain::figures`; here stands where the answers come from, and that a snapshot is kept: two looks around one
//! arrival show the same.

use std::sync::Arc;

use turnout_platform::{auth::Principal, failure::Failure};
use turnout_proto::registration::v1::{AnswerCount, GetFieldFiguresRequest, GetFieldFiguresResponse};

use super::Roll;
use crate::domain::{
    event::Event,
    figures::{Counted, Figures, NOT_ASKED, Shown, Sort},
    form::{Field, FieldKind},
    questions::Question,
};

/// How long a snapshot is shown.
const SNAPSHOT_MS: u64 = 15 * 60 * 1000;

impl Roll {
    pub async fn get_field_figures(
        &self,
        caller: &Principal,
        request: GetFieldFiguresRequest,
    ) -> Result<GetFieldFiguresResponse, Failure> {
        let event = self.event(caller, &request.event_id).await?;
        let questions = self.questions(&event).await?;
        let is_meant = |question: &&Question| match request.form_version {
            0 => !question.is_removed && question.field.key == request.field,
            version => question.is_asked_by(version) && question.field.key == request.field,
        };
        let question = questions.iter().find(is_meant);
        let question = question.ok_or_else(|| Failure::invalid("field", "is no field of the event's form"))?;
        let threshold = self.settings_of(&event.tenant).await?.threshold;
        let counted = self.counted_field(&event, question, threshold).await?;
        Ok(to_wire(counted.figures(threshold, request.by_attendance), threshold))
    }

    /// The answers, counted now or a while ago. As long as too few answered for anything to be shown they are counted each time.
    async fn counted_field(&self, event: &Event, question: &Question, threshold: i64) -> Result<Arc<Counted>, Failure> {
        let field = &question.field;
        let (sort, now_ms) = (sort(event, field)?, self.inner.clock.now_ms());
        let name = format!("{}/{:?}/{sort:?}", field.key, field.kind);
        let held = self.inner.held.event(&event.tenant, &event.id).await?;
        if let Some(counted) = held.snapshot(&name, now_ms, SNAPSHOT_MS) {
            return Ok(counted);
        }
        let question = question.clone();
        let counted = held.ask(None, move |list| {
            let with_place = list.entries().iter().filter(|entry| entry.facts.has_place());
            let answers = with_place.map(|entry| {
                let is_asked = question.is_asked_by(entry.form_version);
                let answer = is_asked.then(|| entry.answers().remove(&question.field.key).unwrap_or_default());
                (answer.unwrap_or_else(|| NOT_ASKED.to_owned()), entry.facts.attended())
            });
            Counted::of(&sort, answers)
        });
        let counted = Arc::new(counted.await?);
        if counted.answered.people >= threshold {
            held.keep_snapshot(name, now_ms, counted.clone());
        }
        Ok(counted)
    }
}

fn sort(event: &Event, field: &Field) -> Result<Sort, Failure> {
    let options = || field.options.iter().map(|option| option.key.clone()).collect();
    Ok(match field.kind {
        FieldKind::Choice => Sort::One(options()),
        FieldKind::Choices => Sort::Any(options()),
        FieldKind::Box => Sort::Ticked,
        FieldKind::Integer => Sort::Number,
        FieldKind::BirthYear => Sort::BirthYear { in_year: year_of(event)? },
        FieldKind::Text | FieldKind::Place => Sort::Line,
        FieldKind::LongText => Sort::Prose,
    })
}

/// The year in which the event starts, where it takes place.
fn year_of(event: &Event) -> Result<i64, Failure> {
    let starts = jiff::Timestamp::from_millisecond(event.settings.starts_at_ms).map_err(Failure::internal)?;
    let there = starts.in_tz(&event.settings.zone).map_err(Failure::internal)?;
    Ok(there.year().into())
}

fn to_wire(figures: Figures, threshold: i64) -> GetFieldFiguresResponse {
    let Figures { answered, missing, hidden, mean, most_common, counts } = figures;
    let count = |Shown { answer, cell }| {
        let shown = cell.unwrap_or_default();
        AnswerCount { answer, people: shown.people, attended: shown.attended, hidden: cell.is_none() }
    };
    GetFieldFiguresResponse {
        answered,
        missing,
        hidden,
        threshold: threshold as i32,
        mean,
        most_common,
        counts: counts.into_iter().map(count).collect(),
    }
}
