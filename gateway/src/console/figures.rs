//! The figures of an event's form, one panel a question, crossed with who came. Counting and hiding are the service's business.

use axum::{
    extract::{Path, State},
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use turnout_proto::registration::v1::GetFieldFiguresRequest;

use super::{reading, session::Organiser};
use crate::{
    Shared,
    answers::html,
    upstream::bounded,
    views::console::{
        figures::{FormFiguresPage, Panel},
        rows::Question,
        shell::{EventHead, Place, Tab},
    },
};

/// Questions that are asked about at one time.
const QUESTIONS_AT_ONCE: usize = 8;

pub(super) async fn show(State(shared): State<Shared>, organiser: Organiser, Path(event_id): Path<String>) -> Response {
    let event = match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(page) => return page,
    };
    let questions = stream::iter(reading::questions_in_use(&shared, &organiser, &event).await);
    let panels = questions.map(|question| panel(&shared, &organiser, &event_id, question));
    let panels = panels.buffered(QUESTIONS_AT_ONCE).collect().await;
    html(&FormFiguresPage {
        shell: reading::shell(Place::Events, &organiser),
        head: EventHead { facts: event, tab: Tab::Figures },
        panels,
    })
}

async fn panel(shared: &Shared, organiser: &Organiser, event_id: &str, question: Question) -> Panel {
    let request = GetFieldFiguresRequest {
        event_id: event_id.to_owned(),
        field: question.key.clone(),
        by_attendance: true,
        form_version: if question.is_removed { question.last_version() } else { 0 },
    };
    let figures = match shared.upstream.registrants(&organiser.acting()).get_field_figures(bounded(request)).await {
        Ok(answer) => Some(answer.into_inner()),
        Err(status) => {
            tracing::warn!(code = ?status.code(), "the figures of a question could not be read");
            None
        }
    };
    Panel { question, figures }
}
