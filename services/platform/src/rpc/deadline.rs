//! How long a call may take. The caller says so in `grpc-timeout`; who says nothing gets a bound for the first answer. tonic ends
//! calls by itself too, but as CANCELLED, which tells the caller that it gave up, and never while an answer streams.

use std::{
    collections::HashMap,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::failure::DOMAIN;

/// A call answers within this, whatever its caller allows; streams go on after their first answer.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);
/// tonic sets a timer of its own for what the caller allows; ours ends so much before it, which is more than a tick of the clock that
/// drives both, so that a caller is told that the time is over and never that they gave up.
const BEFORE_TONIC: Duration = Duration::from_millis(2);
const HEADER: &str = "grpc-timeout";
/// Digits of the header, by the gRPC specification.
const DIGITS_MAX: usize = 8;

/// The moments at which a call ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// Of the first answer.
    answer_by: Instant,
    /// Of the whole call, if the caller set one.
    end_by: Option<Instant>,
}

impl Deadline {
    /// That of a call which has just come.
    pub fn of(headers: &http::HeaderMap, now: Instant) -> Self {
        let wanted = headers.get(HEADER).and_then(|value| timeout(value.to_str().ok()?));
        Self {
            answer_by: now + wanted.map_or(ANSWER_MAX, |wanted| wanted.saturating_sub(BEFORE_TONIC).min(ANSWER_MAX)),
            end_by: wanted.and_then(|wanted| now.checked_add(wanted)),
        }
    }

    /// The first answer if it comes in time. One that cannot is not begun: a timer that is over fires with the next tick of the clock only,
    /// and tonic's may be there before.
    pub async fn first<T>(self, answer: impl Future<Output = T>) -> Option<T> {
        if Instant::now() >= self.answer_by {
            return None;
        }
        tokio::time::timeout_at(self.answer_by, answer).await.ok()
    }

    /// The answer, which ends in time even if it is a stream that does not.
    pub fn bound(self, answer: Body) -> Body {
        match self.end_by {
            Some(end_by) => Body::new(Bounded { answer, end: Box::pin(tokio::time::sleep_until(end_by)), over: false }),
            None => answer,
        }
    }
}

/// What the caller of a call that takes too long is told.
pub(super) fn exceeded() -> Status {
    let details = ErrorDetails::with_error_info("DEADLINE_EXCEEDED", DOMAIN, HashMap::new());
    Status::with_error_details(Code::DeadlineExceeded, "the call's deadline has passed", details)
}

/// The value of the header: up to eight digits and a unit. Anything else is as if it were not there.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=DIGITS_MAX).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// An answer with an end.
struct Bounded {
    answer: Body,
    end: Pin<Box<tokio::time::Sleep>>,
    over: bool,
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.answer).poll_frame(context) {
            return Poll::Ready(frame);
        }
        std::task::ready!(this.end.as_mut().poll(context));
        this.over = true;
        let mut trailers = http::HeaderMap::new();
        Poll::Ready(Some(exceeded().add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_digits_and_a_unit() {
        for (text, nanos) in [
            ("1H", 3_600_000_000_000),
            ("2M", 120_000_000_000),
            ("3S", 3_000_000_000),
            ("4m", 4_000_000),
            ("5u", 5_000),
            ("99999999n", 99_999_999),
            ("0m", 0),
        ] {
            assert_eq!(timeout(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for bad in ["", "m", "1", "1s", "-1m", "+1m", "1.5S", "123456789m", " 1m", "1ä"] {
            assert_eq!(timeout(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_caller_may_ask_for_less_than_the_bound_of_an_answer_but_not_for_more() {
        let now = Instant::now();
        let of = |value: &str| {
            let mut headers = http::HeaderMap::new();
            headers.insert(HEADER, value.parse().unwrap());
            Deadline::of(&headers, now)
        };
        assert_eq!(of("5m").answer_by, now + Duration::from_millis(5) - BEFORE_TONIC);
        assert_eq!(of("1m").answer_by, now);
        let long = of("99999999H");
        assert_eq!(long.answer_by, now + ANSWER_MAX);
        assert!(long.end_by > Some(now + Duration::from_hours(1)));
        let none = Deadline::of(&http::HeaderMap::new(), now);
        assert_eq!((none.answer_by, none.end_by), (now + ANSWER_MAX, None));
    }

    #[tokio::test]
    async fn a_stream_without_an_end_ends_with_its_deadline() {
        use http_body_util::BodyExt as _;
        let mut headers = http::HeaderMap::new();
        headers.insert(HEADER, "50m".parse().unwrap());
        let begun = Instant::now();
        let endless = http_body_util::StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Status>>());
        let body = Deadline::of(&headers, begun).bound(Body::new(endless));
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap();
        assert_eq!(trailers["grpc-status"], (Code::DeadlineExceeded as i32).to_string());
        assert!(begun.elapsed() >= Duration::from_millis(50));
    }
}
