//! The download of an event's registrants: the list over all its pages, with what became of their messages. What a part of it needs is
//! asked for until it is there; a file in which something is left out without a word is never made.

use std::collections::HashMap;

use axum::{
    Form,
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use tonic::{Status, Streaming};
use turnout_proto::{
    notifications::v1::{ListMessagesOfRegistrationsRequest, Message},
    registration::v1::{Act, ExportRegistrantsRequest, ExportRegistrantsResponse, ListQuestionsRequest, Registration},
};

use super::{
    super::{
        export::{self, Export, Source, in_time, insistently},
        fields::Sent,
        reading,
        session::Organiser,
    },
    back_to, export_refused, filter,
};
use crate::{
    Shared,
    views::console::{
        export_file::{ExportFile, Format},
        query::ListQuery,
        rows::Column,
        shell::{EventFacts, Place},
    },
};

/// Registrations whose messages are asked for at a time: few enough for an answer in good time from a store that is busy.
const MESSAGES_OF_MAX: usize = 100;

pub(in super::super) async fn export(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    headers: HeaderMap,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let event = match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(page) => return page,
    };
    let query = filter::of_form(&sent);
    let request = ExportRegistrantsRequest {
        event_id: event_id.clone(),
        filter: Some(filter::filter(&query)),
        order: filter::order(&query).into(),
        descending: query.is_descending(),
        act: Some(Act { reason: sent.get("reason").to_owned() }),
    };
    let format = Format::of(sent.get("format"));
    let name = format!("registrants-{event_id}-{}", export::day(shared.clock.at_ms()));
    match begun(shared, organiser, event, &query, request).await {
        Ok((source, matching, first)) => {
            let named = source.columns.iter().map(|column| (column.key(), column.label().to_owned())).collect();
            Export { file: ExportFile::new(format, named, matching), format, name, matching, first, source }.answer()
        }
        Err(status) => export_refused(&status, &headers, &back_to(&event_id, &query.to_address())),
    }
}

/// The first rows, and how many there are in all.
async fn begun(
    shared: Shared,
    organiser: Organiser,
    event: EventFacts,
    query: &ListQuery,
    request: ExportRegistrantsRequest,
) -> Result<(Rows, u64, Vec<Vec<String>>), Status> {
    let columns = columns(&shared, &organiser, &event, query).await?;
    let mut registrants = shared.upstream.registrants(&organiser.acting());
    let mut parts = in_time(registrants.export_registrants(request)).await?.into_inner();
    let first = in_time(parts.message()).await?.unwrap_or_default();
    let matching = first.matching.unsigned_abs();
    let source = Rows { shared, organiser, event, columns, parts };
    let first = source.cells(first).await?;
    Ok((source, matching, first))
}

/// The columns of the list. A list is worth showing without its answers; a file without them would be taken for one that has them all.
async fn columns(
    shared: &Shared,
    organiser: &Organiser,
    event: &EventFacts,
    query: &ListQuery,
) -> Result<Vec<Column>, Status> {
    let shell = reading::shell(Place::Events, organiser);
    let mut questions = Vec::new();
    if query.answers == "yes" && shell.sees_personal() {
        let registrants = shared.upstream.registrants(&organiser.acting());
        let request = ListQuestionsRequest { event_id: event.event_id.clone() };
        let asked = insistently(request, |request| {
            let mut registrants = registrants.clone();
            async move { registrants.list_questions(request).await }
        });
        let asked = asked.await?.into_inner().questions;
        questions = asked.into_iter().map(|asked| reading::question_in_use(asked, event)).collect();
    }
    Ok(Column::of(event, &shell, &questions))
}

/// The rows of an export, with what became of their messages.
struct Rows {
    shared: Shared,
    organiser: Organiser,
    event: EventFacts,
    columns: Vec<Column>,
    parts: Streaming<ExportRegistrantsResponse>,
}

impl Rows {
    async fn cells(&self, part: ExportRegistrantsResponse) -> Result<Vec<Vec<String>>, Status> {
        let mut messages = self.messages(&part.registrations).await?;
        let cells = |registration: Registration| {
            let own = messages.remove(&registration.registration_id).unwrap_or_default();
            let row = reading::row(registration, Some(own));
            self.columns.iter().map(|column| column.cell(&row, &self.event.zone).data()).collect()
        };
        Ok(part.registrations.into_iter().map(cells).collect())
    }

    /// What became of their messages, by registration.
    async fn messages(&self, registrations: &[Registration]) -> Result<HashMap<String, Vec<Message>>, Status> {
        let notifications = self.shared.upstream.notifications(&self.organiser.acting());
        let mut by_registration: HashMap<String, Vec<Message>> = HashMap::new();
        for some in registrations.chunks(MESSAGES_OF_MAX) {
            let request = ListMessagesOfRegistrationsRequest {
                event_id: self.event.event_id.clone(),
                registration_ids: some.iter().map(|registration| registration.registration_id.clone()).collect(),
            };
            let read = insistently(request, |request| {
                let mut notifications = notifications.clone();
                async move { notifications.list_messages_of_registrations(request).await }
            });
            for message in read.await?.into_inner().messages {
                by_registration.entry(message.registration_id.clone()).or_default().push(message);
            }
        }
        Ok(by_registration)
    }
}

impl Source for Rows {
    async fn next(&mut self) -> Result<Option<Vec<Vec<String>>>, Status> {
        match in_time(self.parts.message()).await? {
            Some(part) => self.cells(part).await.map(Some),
            None => Ok(None),
        }
    }
}
