//! Exports as answers: rows go out as they come in, so that an export of any length takes the memory of a few hundred rows. The
//! header `x-export-rows` says how many there will be; an export that breaks off ends without its end, which browsers report.

use std::future::Future;

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use tonic::Status;

use crate::views::console::export_file::{ExportFile, Format};

/// How many rows the export has: for the progress on the page.
const ROWS: HeaderName = HeaderName::from_static("x-export-rows");

/// Where the rows of an export come from.
pub(super) trait Source: Send + 'static {
    /// The next rows, each with its cells in the order of the columns; none at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<Vec<String>>>, Status>> + Send;
}

/// An export under way. The first rows are there already: until then a refusal can still be a page.
pub(super) struct Export<S> {
    pub(super) file: ExportFile,
    pub(super) format: Format,
    /// The file's name without its end: letters, digits and dashes.
    pub(super) name: String,
    pub(super) matching: u64,
    pub(super) first: Vec<Vec<String>>,
    pub(super) source: S,
}

enum Step<S> {
    Head(Box<Export<S>>),
    Rows(Box<Export<S>>),
    Done,
}

impl<S: Source> Export<S> {
    pub(super) fn answer(self) -> Response {
        let disposition = format!("attachment; filename=\"{}.{}\"", self.name, self.format.extension());
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.format.content_type())),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::CONTENT_DISPOSITION, HeaderValue::try_from(disposition).expect("names are ids and dates")),
            (ROWS, HeaderValue::from(self.matching)),
        ];
        let body = stream::try_unfold(Step::Head(Box::new(self)), |step| async move {
            Ok::<_, Status>(match step {
                Step::Head(mut export) => {
                    let mut text = export.file.head();
                    for row in std::mem::take(&mut export.first) {
                        text.push_str(&export.file.row(&row));
                    }
                    Some((Bytes::from(text), Step::Rows(export)))
                }
                Step::Rows(mut export) => match export.source.next().await.inspect_err(broke_off)? {
                    Some(rows) => {
                        let text: String = rows.iter().map(|row| export.file.row(row)).collect();
                        Some((Bytes::from(text), Step::Rows(export)))
                    }
                    None => Some((Bytes::from(export.file.tail()), Step::Done)),
                },
                Step::Done => None,
            })
        });
        (headers, Body::from_stream(body)).into_response()
    }
}

fn broke_off(status: &Status) {
    tracing::warn!(code = ?status.code(), "an export broke off");
}

/// The day in UTC, for the file's name.
pub(super) fn day(at_ms: u64) -> String {
    jiff::Timestamp::from_millisecond(at_ms as i64)
        .map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%d").to_string())
}
