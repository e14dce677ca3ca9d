//! Exports as answers: rows go out as they come in, so that an export of any length takes the memory of a few hundred rows. The
//! header `x-export-rows` says how many there will be.
//!
//! No cell says less than is known: what a row needs of another service is asked for again while it does not come, and when it still
//! does not, the whole export fails where people see it. Before the first row that is a page; after it the connection is cut without the
//! end of the file, which browsers report, and the page's script then saves nothing. A proxy may hide a cut from the browser: so a CSV
//! file ends with a line that says that it is not whole, and a JSON file lacks its end, without which no program reads it.

use std::{future::Future, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use tokio::time::{sleep, timeout};
use tonic::{Code, Request, Status};

use crate::views::console::export_file::{ExportFile, Format};

/// How many rows the export has: for the progress on the page.
const ROWS: HeaderName = HeaderName::from_static("x-export-rows");

/// What rows need is asked for so often, with a pause before the second try that is doubled before each further one.
const TRIES_MAX: u32 = 6;
const PAUSE: Duration = Duration::from_millis(200);
/// How long one try may take: longer than a page waits, for nobody looks at one meanwhile.
const TRY_MAX: Duration = Duration::from_secs(10);
/// How long the next rows may take to come. They come in a stream, which cannot be asked again.
const ROWS_MAX: Duration = Duration::from_secs(30);

/// Asks again while a service does not answer; what it refuses is refused at once.
pub(super) async fn insistently<M, T, F>(message: M, ask: impl Fn(Request<M>) -> F) -> Result<T, Status>
where
    M: Clone,
    F: Future<Output = Result<T, Status>>,
{
    let mut pause = PAUSE;
    for _ in 1..TRIES_MAX {
        match once(message.clone(), &ask).await {
            Err(status) if is_passing(&status) => {
                tracing::info!(code = ?status.code(), "a part of an export did not come and is asked for again");
                sleep(pause).await;
                pause *= 2;
            }
            answer => return answer,
        }
    }
    once(message, &ask).await
}

async fn once<M, T, F>(message: M, ask: &impl Fn(Request<M>) -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut request = Request::new(message);
    request.set_timeout(TRY_MAX);
    ask(request).await
}

/// Whether the same question may be answered a moment later.
fn is_passing(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted | Code::Unknown
    )
}

/// The next rows of a stream, in good time.
pub(super) async fn in_time<T>(rows: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    timeout(ROWS_MAX, rows).await.unwrap_or_else(|_| Err(Status::deadline_exceeded("the next rows did not come")))
}

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
    Cut(Status),
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
                Step::Rows(mut export) => match export.source.next().await {
                    Ok(Some(rows)) => {
                        let text: String = rows.iter().map(|row| export.file.row(row)).collect();
                        Some((Bytes::from(text), Step::Rows(export)))
                    }
                    Ok(None) => Some((Bytes::from(export.file.tail()), Step::Done)),
                    Err(status) => {
                        tracing::warn!(code = ?status.code(), "an export broke off");
                        Some((Bytes::from(export.file.broken_off()), Step::Cut(status)))
                    }
                },
                Step::Cut(status) => {
                    // What was written so far goes out first.
                    tokio::task::yield_now().await;
                    return Err(status);
                }
                Step::Done => None,
            })
        });
        (headers, Body::from_stream(body)).into_response()
    }
}

/// The day in UTC, for the file's name.
pub(super) fn day(at_ms: u64) -> String {
    jiff::Timestamp::from_millisecond(at_ms as i64)
        .map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::Instant;

    use super::*;

    /// How often something is asked for that at first ends so, and what comes of it.
    async fn tries(failing: u32, code: Code) -> (u32, Result<&'static str, Code>) {
        let tried = AtomicU32::new(0);
        let answer = insistently("rows", |request: Request<&'static str>| {
            let fails = tried.fetch_add(1, Ordering::SeqCst) < failing;
            assert!(request.metadata().contains_key("grpc-timeout"), "no try waits for ever");
            async move { if fails { Err(Status::new(code, "")) } else { Ok(request.into_inner()) } }
        });
        let answer = answer.await.map_err(|status| status.code());
        (tried.load(Ordering::SeqCst), answer)
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_come_is_asked_for_again_so_often_and_what_is_refused_is_not() {
        for code in [Code::Unavailable, Code::DeadlineExceeded, Code::ResourceExhausted] {
            assert_eq!(tries(0, code).await, (1, Ok("rows")));
            assert_eq!(tries(TRIES_MAX - 1, code).await, (TRIES_MAX, Ok("rows")));
            let begun = Instant::now();
            assert_eq!(tries(u32::MAX, code).await, (TRIES_MAX, Err(code)));
            assert_eq!(begun.elapsed(), PAUSE * (2_u32.pow(TRIES_MAX - 1) - 1), "each pause is twice the one before");
        }
        for code in [Code::PermissionDenied, Code::NotFound, Code::Internal] {
            assert_eq!(tries(1, code).await, (1, Err(code)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rows_that_never_come_are_waited_for_so_long() {
        let begun = Instant::now();
        let late = in_time(std::future::pending::<Result<(), Status>>()).await;
        assert_eq!((late.unwrap_err().code(), begun.elapsed()), (Code::DeadlineExceeded, ROWS_MAX));
        assert_eq!(in_time(async { Ok(1) }).await.unwrap(), 1);
    }
}
