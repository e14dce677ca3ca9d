//! A stream outlives the check at its beginning. One that was opened with an API key is checked again and again, and ends when the key was
//! revoked. Services that call for a member ask for the member at each request of theirs, and hold no stream open for longer than that.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::{Status, body::Body};

use crate::{
    auth::{API_KEY_REMEMBERED, Authenticator, Caller, Principal},
    failure::Failure,
};

/// How often. An answer may be as old as answers about keys get, so a stream ends within twice this time after its key was revoked.
const EVERY: Duration = API_KEY_REMEMBERED;

/// What a call showed at its beginning.
pub(super) struct Recheck {
    authenticator: Arc<Authenticator>,
    path: String,
    authorization: String,
}

impl Recheck {
    /// For a call whose credentials can be taken away while it goes on.
    pub fn of(
        authenticator: &Arc<Authenticator>,
        path: &str,
        authorization: Option<&str>,
        principal: Option<&Principal>,
    ) -> Option<Self> {
        if !matches!(principal?.caller, Caller::ApiKey(_)) {
            return None;
        }
        let (authenticator, path) = (authenticator.clone(), path.to_owned());
        Some(Self { authenticator, path, authorization: authorization?.to_owned() })
    }

    /// The answer, which ends when the credentials are no longer good.
    pub fn bound(self, answer: Body) -> Body {
        let check = move || -> Checking {
            let (authenticator, path) = (self.authenticator.clone(), self.path.clone());
            let authorization = self.authorization.clone();
            Box::pin(async move { authenticator.authenticate(&path, Some(&authorization)).await.map(drop) })
        };
        Body::new(Rechecked { answer, check, step: Step::Waiting(Box::pin(sleep(EVERY))) })
    }
}

type Checking = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

enum Step {
    Waiting(Pin<Box<Sleep>>),
    Checking(Checking),
    Over,
}

/// An answer that goes on while it may.
struct Rechecked<C> {
    answer: Body,
    check: C,
    step: Step,
}

impl<C: FnMut() -> Checking + Unpin> HttpBody for Rechecked<C> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        // Before the answer itself, which may always have something to send.
        loop {
            match &mut this.step {
                Step::Over => return Poll::Ready(None),
                Step::Waiting(end) => {
                    if end.as_mut().poll(context).is_pending() {
                        break;
                    }
                    this.step = Step::Checking((this.check)());
                }
                Step::Checking(check) => match check.as_mut().poll(context) {
                    Poll::Pending => break,
                    Poll::Ready(Err(refusal @ (Failure::Unauthenticated | Failure::PermissionDenied))) => {
                        this.step = Step::Over;
                        let mut trailers = http::HeaderMap::new();
                        let told = Status::from(refusal).add_header(&mut trailers);
                        return Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))));
                    }
                    // Still good; or nobody can say now, and a key that was good is not refused for that.
                    Poll::Ready(_) => this.step = Step::Waiting(Box::pin(sleep(EVERY))),
                },
            }
        }
        Pin::new(&mut this.answer).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.step, Step::Over) || self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};
    use tonic::Code;

    use super::*;
    use crate::{
        auth::{Access, AccessTable, ApiKeys, MeshKey, TokenVerifier},
        clock::ManualClock,
        ids::TenantId,
    };

    const PATH: &str = "/turnout.test.v1.Test/Watch";
    static ACCESS: AccessTable = &[(PATH, Access::Tenant)];
    const KEY: &str = "Bearer tk_AAAAAAAAAAAAAAAAAAAAAA.secret";

    /// Knows the key when it is asked first, cannot say so the second and the third time, and then knows it no more.
    struct Keys(AtomicUsize);

    #[tonic::async_trait]
    impl ApiKeys for Keys {
        async fn resolve(&self, _: &str, _: &[u8]) -> Result<Option<TenantId>, Failure> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => Ok(Some("acme".parse().unwrap())),
                1 | 2 => Err(Failure::Unavailable { retry_after: Duration::ZERO }),
                _ => Ok(None),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_of_a_key_that_was_revoked_ends_and_one_that_cannot_be_checked_goes_on() {
        let (keys, clock) = (Arc::new(Keys(AtomicUsize::new(0))), Arc::new(ManualClock::at(0)));
        let verifier = TokenVerifier::of_mesh(&MeshKey::generate());
        let authenticator = Arc::new(Authenticator::new(verifier, keys.clone(), clock.clone(), [ACCESS]));
        let principal = authenticator.authenticate(PATH, Some(KEY)).await.unwrap();
        // From here on what is remembered about the key is too old at each check.
        clock.advance_ms(API_KEY_REMEMBERED.as_millis() as u64);
        let recheck = Recheck::of(&authenticator, PATH, Some(KEY), principal.as_ref()).unwrap();
        let endless = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Status>>());
        let trailers = recheck.bound(Body::new(endless)).collect().await.unwrap().trailers().cloned().unwrap();
        assert_eq!(trailers["grpc-status"], (Code::Unauthenticated as i32).to_string());
        assert_eq!(keys.0.load(Ordering::SeqCst), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_always_has_something_to_send_is_checked_too() {
        let (keys, clock) = (Arc::new(Keys(AtomicUsize::new(3))), Arc::new(ManualClock::at(0)));
        let verifier = TokenVerifier::of_mesh(&MeshKey::generate());
        let authenticator = Arc::new(Authenticator::new(verifier, keys, clock, [ACCESS]));
        let principal = Principal { caller: Caller::ApiKey("id".into()), tenant: Some("acme".parse().unwrap()) };
        let recheck = Recheck::of(&authenticator, PATH, Some(KEY), Some(&principal)).unwrap();
        let frames = stream::unfold((), async |()| {
            tokio::time::advance(Duration::from_secs(1)).await;
            Some((Ok::<_, Status>(Frame::data(Bytes::from_static(b"x"))), ()))
        });
        let all = recheck.bound(Body::new(StreamBody::new(Box::pin(frames)))).collect().await.unwrap();
        assert!(all.trailers().is_some());
    }

    #[test]
    fn only_keys_are_checked_again() {
        let keys = Arc::new(Keys(AtomicUsize::new(0)));
        let verifier = TokenVerifier::of_mesh(&MeshKey::generate());
        let authenticator = Arc::new(Authenticator::new(verifier, keys, Arc::new(ManualClock::at(0)), [ACCESS]));
        let service = Principal { caller: Caller::Mesh("gateway".into()), tenant: None };
        assert!(Recheck::of(&authenticator, PATH, Some(KEY), Some(&service)).is_none());
        assert!(Recheck::of(&authenticator, PATH, Some(KEY), None).is_none());
    }
}
