//! The layer around every gRPC method: authenticates, and again while a stream goes on; makes a retry with the same key the same call;
//! opens the span, holds the deadline, counts the outcome.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http_body_util::BodyExt as _;
use prometheus_client::metrics::gauge::Gauge;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::{
    RpcMetrics,
    deadline::{self, Deadline},
    idempotency::IdempotentCalls,
    metrics::{Handled, Method},
    recheck::Recheck,
};
use crate::{
    auth::Authenticator,
    clock::{Clock as _, SystemClock},
    telemetry::TraceParent,
};

/// Makes [`Guarded`] services.
#[derive(Debug, Clone)]
pub struct AccessLayer {
    authenticator: Arc<Authenticator>,
    metrics: RpcMetrics,
    calls: Option<IdempotentCalls>,
    stopwatch: Arc<SystemClock>,
}

impl AccessLayer {
    /// A layer that lets through what the authenticator allows. Without `calls` it knows no idempotency keys.
    pub fn new(authenticator: Arc<Authenticator>, metrics: RpcMetrics, calls: Option<IdempotentCalls>) -> Self {
        Self { authenticator, metrics, calls, stopwatch: Arc::new(SystemClock::new()) }
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, layer: self.clone() }
    }
}

/// A service behind the layer.
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    inner: S,
    layer: AccessLayer,
}

type Response = http::Response<Body>;

impl<S> Service<http::Request<Body>> for Guarded<S>
where
    S: Service<http::Request<Body>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        // The clone is what stays; the one that was polled ready is used up.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let AccessLayer { authenticator, metrics, calls, stopwatch } = self.layer.clone();
        let span = span_of(&request);
        let deadline = Deadline::of(request.headers(), tokio::time::Instant::now());
        let call = async move {
            let begun_ms = stopwatch.now_ms();
            let method = authenticator.method_of(request.uri().path());
            let open = InFlight::new(&metrics.in_flight);
            let answer = async {
                let mut authorization = request.headers().get_all(http::header::AUTHORIZATION).iter();
                // Two of them would let two readers disagree about who calls.
                let bearer = match (authorization.next(), authorization.next()) {
                    (Some(one), None) => one.to_str().ok(),
                    _ => None,
                };
                let path = request.uri().path();
                match authenticator.authenticate(path, bearer).await {
                    Ok(principal) => {
                        let recheck = Recheck::of(&authenticator, path, bearer, principal.as_ref());
                        let keyed = calls.map_or(Ok(None), |calls| calls.keyed(&request, principal.as_ref(), &metrics));
                        if let Some(principal) = principal {
                            request.extensions_mut().insert(principal);
                        }
                        let answered = match keyed {
                            Ok(None) => inner.call(request).await?,
                            Ok(Some(call)) => call.answer(inner, request).await?,
                            Err(failure) => Status::from(failure).into_http(),
                        };
                        Ok(match recheck {
                            Some(recheck) => answered.map(|body| recheck.bound(body)),
                            None => answered,
                        })
                    }
                    Err(failure) => Ok(Status::from(failure).into_http()),
                }
            };
            let response = match deadline.first(answer).await {
                Some(answered) => answered?.map(|body| deadline.bound(body)),
                None => deadline::exceeded().into_http(),
            };
            let elapsed_s = (stopwatch.now_ms() - begun_ms) as f64 / 1000.0;
            metrics.handling.get_or_create(&method).observe(elapsed_s);
            Ok(counted(response, metrics, method, open))
        };
        Box::pin(call.instrument(span))
    }
}

fn span_of(request: &http::Request<Body>) -> tracing::Span {
    let Some(parent) = request.headers().get("traceparent").and_then(|v| TraceParent::received(v.to_str().ok()?))
    else {
        return tracing::Span::none();
    };
    let span =
        tracing::info_span!("grpc", otel.name = %request.uri().path(), otel.kind = "server", rpc.system = "grpc");
    parent.adopt(&span);
    span
}

/// Counts the outcome when it is known: in the headers of an error, in the trailers of everything else.
fn counted(response: Response, metrics: RpcMetrics, method: Method, open: InFlight) -> Response {
    let mut outcome = Outcome { metrics, method, code: None, _open: open };
    if let Some(code) = code_of(response.headers()) {
        outcome.code = Some(code);
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            // As a whole: capturing the field alone would let the rest be dropped, and counted, before the end.
            let outcome = &mut outcome;
            if let Some(trailers) = frame.trailers_ref() {
                outcome.code = code_of(trailers);
            }
            frame
        }))
    })
}

fn code_of(headers: &http::HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

struct Outcome {
    metrics: RpcMetrics,
    method: Method,
    /// None when the caller left before the end.
    code: Option<Code>,
    _open: InFlight,
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let Method { service, method } = self.method.clone();
        let code = name(self.code.unwrap_or(Code::Cancelled));
        self.metrics.handled.get_or_create(&Handled { service, method, code }).inc();
    }
}

struct InFlight(Gauge);

impl InFlight {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

impl Authenticator {
    /// The labels of a path: only methods that the access table knows get their own.
    fn method_of(&self, path: &str) -> Method {
        match path.strip_prefix('/').and_then(|p| p.split_once('/')).filter(|_| self.knows(path)) {
            Some((service, method)) => Method { service: service.to_owned(), method: method.to_owned() },
            None => Method { service: "other".into(), method: "other".into() },
        }
    }
}
