//! The kinds of messages with whose text is sent: of an event, with its reminders and figures, and of the organisation.

use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use futures_util::future::join_all;
use turnout_proto::notifications::v1::{GetMessageFiguresRequest, GetRemindersRequest};

use super::{
    super::{reading, refusals, registrants::Did, sending, session::Organiser},
    of_events, of_texts, reminders, row, template, to_folder,
};
use crate::{
    Shared,
    answers::html,
    upstream::bounded,
    views::console::{
        messages::{KINDS, KindRow, Known, MessagesPage, OrganisationMessagesPage, TextIn},
        shell::{EventHead, Place, Tab},
    },
};

pub(in crate::console) async fn of_event(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Query(did): Query<Did>,
) -> Response {
    match overview(&shared, &organiser, &event_id).await {
        Ok(mut page) => {
            page.notice = did.notice();
            html(&page)
        }
        Err(page) => page,
    }
}

pub(super) async fn overview(shared: &Shared, organiser: &Organiser, event_id: &str) -> Result<MessagesPage, Response> {
    let event = reading::event(shared, organiser, event_id).await?;
    let mut upstream = shared.upstream.notifications(&organiser.acting());
    let id = || event_id.to_owned();
    let figures = upstream.get_message_figures(bounded(GetMessageFiguresRequest { event_id: id() })).await;
    let reminders = upstream.get_reminders(bounded(GetRemindersRequest { event_id: id() })).await;
    let reminders = match reminders {
        Ok(answer) => answer.into_inner().reminders.unwrap_or_default(),
        Err(status) => return Err(refusals::page(&status)),
    };
    let kinds = KINDS.iter().filter(|known| known.of_event).map(async |known| {
        let template = template(shared, organiser, event_id, known.kind).await.ok();
        row(known, template.as_ref(), Some(&event), &event.languages)
    });
    Ok(MessagesPage {
        shell: reading::shell(Place::Events, organiser),
        to_folder: to_folder(shared, organiser).await,
        complaints: sending::complaints(shared, organiser).await,
        kinds: join_all(kinds).await,
        reminders: reminders::field(&reminders.reminders),
        reminders_version: reminders.version,
        figures: figures.ok().map(|answer| answer.into_inner().figures),
        head: EventHead { facts: event, tab: Tab::Messages },
        notice: None,
    })
}

pub(in crate::console) async fn of_organisation(State(shared): State<Shared>, organiser: Organiser) -> Response {
    let languages = of_events(&shared, &organiser).await;
    let rows = KINDS.iter().map(async |known: &'static Known| -> KindRow {
        let template = template(&shared, &organiser, "", known.kind).await.ok();
        let languages = of_texts(languages.clone(), template.as_ref());
        let mut row = row(known, template.as_ref(), None, &languages);
        for (_, text) in row.texts.iter_mut().filter(|(_, text)| *text != TextIn::Here) {
            // What is sent instead depends on the event.
            *text = TextIn::Nowhere;
        }
        row
    });
    html(&OrganisationMessagesPage {
        shell: reading::shell(Place::Settings, &organiser),
        to_folder: to_folder(&shared, &organiser).await,
        kinds: join_all(rows).await,
    })
}
