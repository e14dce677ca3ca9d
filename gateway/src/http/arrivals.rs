//! Requests that are not whole yet. Who begins one and does not go on holds a connection and gives nothing for it: so a body has a
//! deadline, and one network may hold only so many connections in this state. A connection whose request is being answered, that rests
//! between two requests, or that has become a live socket is not counted here: thousands of viewers behind one address are none too many.
//!
//! The deadline of a request's head is with the connection itself (`accept.rs`).

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Sleep, sleep, timeout};

use super::Client;
use crate::metrics::GatewayMetrics;

/// From the end of a request's head to the end of its body.
const BODY_MAX: Duration = Duration::from_secs(10);
/// From the end of a request's head to the head of its answer. The console's longest act may take three minutes when the services do
/// not answer: 500 calls, eight at a time, each given three seconds.
const ANSWER_MAX: Duration = Duration::from_mins(4);
/// Connections of one network at one time that wait for the rest of a request: an eighth of all. A browser may open one more than it
/// needs, which counts until it is closed, so a venue's visitors can still come in at 200 a second.
const INCOMPLETE_MAX: u32 = 1024;
/// What somebody is told to wait, in seconds, whose network has too many of them, or whom the services left without an answer.
const RETRY_AFTER_S: u32 = 5;

/// The connections that wait for the rest of a request, by network. A network is known by its hash, as everywhere.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    incomplete_max: u32,
    by_client: Arc<Mutex<HashMap<Client, u32>>>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { incomplete_max: INCOMPLETE_MAX, by_client: Arc::default() }
    }
}

impl Arrivals {
    /// Counts one more of a network until the answer is dropped; none when it has as many as it may.
    pub fn begin(&self, client: &Client) -> Option<Arriving> {
        let mut by_client = self.by_client.lock();
        let count = by_client.entry(client.clone()).or_default();
        if *count >= self.incomplete_max {
            return None;
        }
        *count += 1;
        Some(Arriving(Arc::new(Counted { arrivals: self.clone(), client: client.clone() })))
    }
}

/// A connection that waits for the rest of a request. It is counted until its last copy is dropped.
#[derive(Debug, Clone)]
pub(super) struct Arriving(#[expect(dead_code, reason = "it is kept for what its end does")] Arc<Counted>);

#[derive(Debug)]
struct Counted {
    arrivals: Arrivals,
    client: Client,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Entry::Occupied(mut of_client) = self.arrivals.by_client.lock().entry(self.client.clone()) {
            *of_client.get_mut() -= 1;
            if *of_client.get() == 0 {
                of_client.remove();
            }
        }
    }
}

/// What the connection says of a request's arrival.
#[derive(Debug, Clone)]
pub(super) enum Arrival {
    /// The connection is counted already.
    Counted(Arriving),
    /// It was not counted for this request.
    New(Client),
    /// Nobody can say whose it is: it comes from a proxy that we trust and that names no client.
    OfProxy,
}

/// Gives the body of each request its deadline and its place in the count, and each answer the time that it may take to begin.
pub(super) async fn in_time(
    State((arrivals, metrics)): State<(Arrivals, GatewayMetrics)>,
    mut request: Request,
    next: Next,
) -> Response {
    let arrival = request.extensions_mut().remove::<Arrival>();
    let late = Arc::new(AtomicBool::new(false));
    if request.body().is_end_stream() {
        // It is whole, and counts no longer.
        drop(arrival);
    } else {
        let place = match arrival {
            Some(Arrival::Counted(place)) => Some(place),
            Some(Arrival::New(client)) => {
                let Some(place) = arrivals.begin(&client) else {
                    metrics.requests_crowded.inc();
                    return closing(StatusCode::SERVICE_UNAVAILABLE, "too many at once; come back later\n");
                };
                Some(place)
            }
            Some(Arrival::OfProxy) | None => None,
        };
        let deadline = Box::pin(sleep(BODY_MAX));
        request = request.map(|body| Body::new(Timed { body, deadline, late: late.clone(), _place: place }));
    }
    let answer = timeout(ANSWER_MAX, next.run(request)).await;
    if late.load(Ordering::Relaxed) {
        metrics.requests_late.inc();
        return closing(StatusCode::REQUEST_TIMEOUT, "the rest of the request did not come in time\n");
    }
    answer.unwrap_or_else(|_| {
        tracing::error!("an answer took too long");
        closing(StatusCode::SERVICE_UNAVAILABLE, "there is no answer now; come back later\n")
    })
}

fn closing(status: StatusCode, words: &'static str) -> Response {
    let mut answer = (status, words).into_response();
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
    }
    answer
}

/// A body that has to come in time.
struct Timed {
    body: Body,
    deadline: Pin<Box<Sleep>>,
    late: Arc<AtomicBool>,
    /// Counts the connection as long as the body is read.
    _place: Option<Arriving>,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        // What is there is taken, however late it is: then nobody waits for it.
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        std::task::ready!(this.deadline.as_mut().poll(cx));
        this.late.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str) -> Client {
        Client(name.into())
    }

    #[test]
    fn a_network_has_so_many_places_and_gets_each_back() {
        let arrivals = Arrivals { incomplete_max: 2, ..Arrivals::default() };
        let one = arrivals.begin(&client("a")).unwrap();
        let two = arrivals.begin(&client("a")).unwrap();
        assert!(arrivals.begin(&client("a")).is_none());
        assert!(arrivals.begin(&client("b")).is_some(), "others have their own");
        let copy = two.clone();
        drop(two);
        assert!(arrivals.begin(&client("a")).is_none(), "a copy counts on");
        drop(copy);
        assert!(arrivals.begin(&client("a")).is_some());
        drop(one);
        assert!(arrivals.by_client.lock().is_empty(), "nothing is left of those who have gone");
    }
}
