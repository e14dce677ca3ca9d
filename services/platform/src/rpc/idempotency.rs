//! A retry with the same key is the same call. A caller who cannot know whether a call took effect sends it again with the metadata
//! `idempotency-key` that it had, and gets the answer of the first; nothing is done twice. It runs inside the access layer: a key is
//! the tenant's and the caller's own, and counts for one method and one request.
//!
//! A row claims the key before the method runs, and holds the answer afterwards, sealed under the tenant's key: answers hold personal
//! data and secrets. The call goes on when its caller is gone, so its answer is there for the retry. What ends such that a
//! retry may help (unavailable, out of time) leaves the key to it. A claim without an answer whose process is gone grows old, and then
//! the retry makes the call again: the first one may have taken effect in part or whole, as after any crash, and methods bear that.
//!
//! Streams take no keys. What a method does, and whether it has a key of its own in its request, is not known here.

mod answers;
mod keys;
mod requests;
mod rules;

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tokio::sync::Semaphore;
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::Service;
use tracing::Instrument as _;

pub use self::keys::key_of;
use self::{
    answers::Answer,
    rules::{Decision, Found, State},
};
use super::{
    deadline::{self, ANSWER_MAX},
    metrics::{KeyOutcome, RpcMetrics},
};
use crate::{
    auth::Principal,
    clock::Clock,
    failure::{DOMAIN, Failure},
    ids::TenantId,
    limits::RPC_REQUEST_BYTES_MAX,
    random,
    tables::{CONDITIONAL_WRITE_MAX, PutIf, Row, Table, TableError, Tables, Value, bytes, int, text, time},
    vault::{DataKey, Vault},
};

/// The metadata that holds the key.
pub const HEADER: &str = "idempotency-key";
/// Characters of a key.
pub const KEY_CHARS_MAX: usize = 100;
/// An answer is replayed for so long: a day.
const KEPT_S: u32 = 24 * 60 * 60;
/// An answer of more bytes is not kept. A conditional write carries it, and those are dear.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// The clocks of two processes may differ by so much.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(30);
/// A call that claimed its key so long ago, and has no answer, runs nowhere any more: it was claimed, made and answered within the
/// bounds of each, or its process is gone.
const CLAIM: Duration = CONDITIONAL_WRITE_MAX
    .saturating_mul(2 * CLAIM_ROUNDS_MAX)
    .saturating_add(ANSWER_MAX)
    .saturating_add(CONDITIONAL_WRITE_MAX)
    .saturating_add(CLOCKS_APART_MAX);
/// Who finds the key taken may come back after this.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// A claim that changes hands while it is looked at, or whose outcome is open, is looked at so often at most.
const CLAIM_ROUNDS_MAX: u32 = 2;
/// Calls with keys that run at the same time. They go on without their callers, whose connections bound only those that wait.
const RUNNING_MAX: usize = 256;
/// Whose key of the vault answers are sealed under: the tenant's own.
const OWNER: &str = "tenant";

static CALLS: Table = Table {
    name: "idempotent_calls",
    question: "Was this call made already, with which request, and what was its answer?",
    partition: &[text("tenant_id"), bytes("call")],
    clustering: &[],
    columns: &[bytes("request"), text("claim"), time("claimed_at"), text("state"), bytes("answer"), int("version")],
    lifetime_s: Some(KEPT_S),
};

/// Opened by each role that serves gRPC, beside those of the vault.
pub static TABLES: &[&Table] = &[&CALLS];

pub(super) type Response = http::Response<Body>;

/// The calls of this process that have keys. A clone is another handle on the same.
#[derive(Clone)]
pub struct IdempotentCalls {
    tables: Arc<dyn Tables>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    running: Arc<Semaphore>,
}

impl fmt::Debug for IdempotentCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotentCalls")
    }
}

impl IdempotentCalls {
    /// Opened with [`TABLES`] and [`crate::vault::TABLES`] among its tables.
    pub fn new(tables: Arc<dyn Tables>, vault: Vault, clock: Arc<dyn Clock>) -> Self {
        Self { tables, vault, clock, running: Arc::new(Semaphore::new(RUNNING_MAX)) }
    }

    /// The call of a request that has a key; none for one that has none, and for streams.
    pub(super) fn keyed(
        &self,
        request: &http::Request<Body>,
        principal: Option<&Principal>,
        metrics: &RpcMetrics,
    ) -> Result<Option<KeyedCall>, Failure> {
        let path = request.uri().path();
        let mut keys = request.headers().get_all(HEADER).iter();
        let (Some(key), Some(principal)) = (keys.next(), principal) else { return Ok(None) };
        if !requests::is_unary(path) {
            return Ok(None);
        }
        let key = key.as_bytes();
        if keys.next().is_some()
            || key.is_empty()
            || key.len() > KEY_CHARS_MAX
            || !key.iter().copied().all(is_printable)
        {
            let problem = format!("must be given once, with 1 to {KEY_CHARS_MAX} printable characters of ASCII");
            return Err(Failure::invalid(HEADER, problem));
        }
        // Not ignored: whoever sends a key relies on it.
        let tenant = principal.tenant.clone().ok_or_else(|| {
            Failure::invalid(HEADER, "must be left out of a call for no tenant: a key is the tenant's own")
        })?;
        let key = String::from_utf8_lossy(key);
        let id = self.vault.blind(&tenant, "idempotent call", &format!("{}\0{path}\0{key}", principal.actor()));
        Ok(Some(KeyedCall {
            calls: self.clone(),
            tenant,
            path: path.to_owned(),
            id: id.to_vec(),
            metrics: metrics.clone(),
        }))
    }
}

fn is_printable(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// One call with a key.
pub(super) struct KeyedCall {
    calls: IdempotentCalls,
    tenant: TenantId,
    path: String,
    /// A keyed hash of the caller, the method and the key: keys are the callers' words and may hold anything.
    id: Vec<u8>,
    metrics: RpcMetrics,
}

/// A key that this call holds.
struct Held {
    request: Vec<u8>,
    /// The row says it too: a repeated write that finds this one was the same.
    claim: String,
    claimed_at_ms: i64,
    version: i64,
}

enum Claim {
    Ours(Held),
    Told(Decision),
}

impl KeyedCall {
    /// The answer of the first call with this key, which may be this one. The call itself needs no caller any more once its request is
    /// here: it runs to its end by itself.
    pub async fn answer<S>(self, mut inner: S, request: http::Request<Body>) -> Result<Response, S::Error>
    where
        S: Service<http::Request<Body>, Response = Response> + Send + 'static,
        S::Future: Send,
        S::Error: Send,
    {
        let (head, body) = request.into_parts();
        let body = match whole(body).await {
            Ok(body) => body,
            Err(status) => return Ok(status.into_http()),
        };
        let Ok(running) = self.calls.running.clone().try_acquire_owned() else {
            return Ok(Status::from(Failure::Overloaded { retry_after: RETRY_AFTER }).into_http());
        };
        let run = async move {
            let _running = running;
            // First, so that an answer can be kept once there is one.
            let key = match self.calls.vault.key_for(&self.tenant, OWNER).await {
                Ok(key) => key,
                Err(failure) => return Ok(Status::from(failure).into_http()),
            };
            let claimed = match self.claim(&body).await {
                Ok(Claim::Ours(claimed)) => claimed,
                Ok(Claim::Told(decision)) => return Ok(self.told(decision, &key)),
                Err(failure) => return Ok(Status::from(failure).into_http()),
            };
            let request = http::Request::from_parts(head, Body::new(Full::new(body)));
            let call = AssertUnwindSafe(async { Ok(Answer::of(inner.call(request).await?).await) }).catch_unwind();
            let answer = match tokio::time::timeout(ANSWER_MAX, call).await {
                Ok(Ok(Ok(answer))) => answer,
                Ok(Ok(Err(error))) => {
                    self.end(claimed, State::Released).await;
                    return Err(error);
                }
                Ok(Err(_)) => Answer::refusal(&Status::from(Failure::internal("the method panicked"))),
                Err(_) => Answer::refusal(&deadline::exceeded()),
            };
            let state = if rules::is_final(answer.code()) {
                let plain = answer.to_bytes();
                if plain.len() <= KEPT_BYTES_MAX {
                    State::Answered(key.seal(&self.context(), &plain))
                } else {
                    State::TooLong
                }
            } else {
                State::Released
            };
            // Before the caller has the answer: a retry that follows it finds it.
            self.end(claimed, state).await;
            Ok(answer.into_response(false))
        };
        match tokio::spawn(run.instrument(tracing::Span::current())).await {
            Ok(response) => response,
            // Only the end of the process ends the task before its end.
            Err(_) => Ok(Status::from(Failure::Unavailable { retry_after: RETRY_AFTER }).into_http()),
        }
    }

    /// Claims the key, or says what became of the claim that is there.
    async fn claim(&self, body: &[u8]) -> Result<Claim, Failure> {
        let request = BASE64_STANDARD_NO_PAD.encode(requests::digest(&self.path, body));
        let request = self.calls.vault.blind(&self.tenant, "idempotent request", &request).to_vec();
        let claim = random::token_128();
        for _ in 0..CLAIM_ROUNDS_MAX {
            let claimed_at_ms = self.calls.clock.at_ms() as i64;
            let ours = |version| Held { request: request.clone(), claim: claim.clone(), claimed_at_ms, version };
            let found = match self.calls.tables.put_if_absent(self.row(&ours(1), &State::UnderWay)).await {
                Ok(None) => {
                    self.count(KeyOutcome::Fresh);
                    return Ok(Claim::Ours(ours(1)));
                }
                Ok(Some(found)) => found,
                // Perhaps it is stored: then the next round finds it and knows it.
                Err(TableError::Timeout(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            if found.text("claim") == claim {
                self.count(KeyOutcome::Fresh);
                return Ok(Claim::Ours(ours(found.int("version"))));
            }
            let (version, abandoned) =
                match rules::decide(read(&found)?, &request, claimed_at_ms, CLAIM.as_millis() as i64) {
                    Decision::TakeOver { version, abandoned } => (version, abandoned),
                    told => return Ok(Claim::Told(told)),
                };
            let row = self.row(&ours(version + 1), &State::UnderWay);
            match self.calls.tables.put_if_version(row, version).await {
                Ok(PutIf::Stored) => {
                    self.count(if abandoned { KeyOutcome::TakenOver } else { KeyOutcome::Fresh });
                    return Ok(Claim::Ours(ours(version + 1)));
                }
                Ok(PutIf::Differs(_)) | Err(TableError::Timeout(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::Unavailable { retry_after: RETRY_AFTER })
    }

    /// The answer to a call whose key an earlier one has.
    fn told(&self, decision: Decision, key: &DataKey) -> Response {
        let (outcome, status) = match decision {
            Decision::Replay(sealed) => {
                let plain = key.open(&self.context(), &sealed);
                if let Some(answer) = plain.and_then(|plain| Answer::from_bytes(&plain)) {
                    self.count(KeyOutcome::Replayed);
                    return answer.into_response(true);
                }
                // The key that sealed it was destroyed.
                (KeyOutcome::NotKept, not_kept())
            }
            Decision::NotKept => (KeyOutcome::NotKept, not_kept()),
            Decision::Conflict => {
                let problem = "was used for another request; a new request needs a new key";
                (KeyOutcome::Conflict, Failure::invalid(HEADER, problem).into())
            }
            Decision::UnderWay | Decision::TakeOver { .. } => (KeyOutcome::UnderWay, under_way()),
        };
        self.count(outcome);
        status.into_http()
    }

    /// Writes what became of the call. Without it a retry waits until the claim is old, and then makes the call again.
    async fn end(&self, claimed: Held, state: State) {
        let next = Held { version: claimed.version + 1, ..claimed };
        match self.calls.tables.put_if_version(self.row(&next, &state), claimed.version).await {
            Ok(PutIf::Stored) => {}
            Ok(PutIf::Differs(_)) => tracing::warn!("a claimed call took so long that a retry made it again"),
            Err(error) => tracing::warn!(%error, "what became of a call with a key was not kept"),
        }
    }

    fn context(&self) -> String {
        format!("idempotent-calls/{}", BASE64_STANDARD_NO_PAD.encode(&self.id))
    }

    /// With every column: in a table with a lifetime a column that is not set again would go before its row.
    fn row(&self, of: &Held, state: &State) -> Row {
        let row = Row::new(&CALLS)
            .set("tenant_id", self.tenant.as_str())
            .set("call", self.id.clone())
            .set("request", of.request.clone())
            .set("claim", &of.claim)
            .set("claimed_at", Value::Time(of.claimed_at_ms))
            .set("state", word(state))
            .set("version", of.version);
        match state {
            State::Answered(sealed) => row.set("answer", sealed.clone()),
            _ => row,
        }
    }

    fn count(&self, outcome: KeyOutcome) {
        self.metrics.keyed.get_or_create(&outcome.into()).inc();
    }
}

fn word(state: &State) -> &'static str {
    match state {
        State::UnderWay => "under_way",
        State::Released => "released",
        State::Answered(_) => "answered",
        State::TooLong => "too_long",
    }
}

fn read(row: &Row) -> Result<Found, TableError> {
    let state = match row.text("state") {
        "under_way" => State::UnderWay,
        "released" => State::Released,
        "answered" => State::Answered(row.bytes("answer").to_vec()),
        "too_long" => State::TooLong,
        _ => return Err(TableError::Corrupt("table idempotent_calls: column state holds no state".into())),
    };
    Ok(Found {
        request: row.bytes("request").to_vec(),
        claimed_at_ms: row.time("claimed_at"),
        version: row.int("version"),
        state,
    })
}

/// A request's whole body, which must be no longer than any method takes.
async fn whole(body: Body) -> Result<Bytes, Status> {
    match Limited::new(body, requests::FRAME_HEAD + RPC_REQUEST_BYTES_MAX).collect().await {
        Ok(all) => Ok(all.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Status::out_of_range(format!("a request has at most {RPC_REQUEST_BYTES_MAX} bytes")))
        }
        Err(error) => Err(Status::from_error(error)),
    }
}

fn under_way() -> Status {
    let mut details = ErrorDetails::with_error_info("UNDER_WAY", DOMAIN, std::collections::HashMap::new());
    details.set_retry_info(Some(RETRY_AFTER));
    let message = "the first call with this idempotency-key is still under way; try again with the same key";
    Status::with_error_details(Code::Aborted, message, details)
}

fn not_kept() -> Status {
    let details = ErrorDetails::with_error_info("ANSWER_NOT_KEPT", DOMAIN, std::collections::HashMap::new());
    let message =
        "the first call with this idempotency-key has ended, and its answer was not kept; read what it was about";
    Status::with_error_details(Code::AlreadyExists, message, details)
}
