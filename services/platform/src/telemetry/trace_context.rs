//! W3C trace contexts as text, carried over the bus and gRPC. The rest of the mesh handles them as an opaque [`TraceParent`].

use std::collections::HashMap;

use opentelemetry::{global, trace::TraceContextExt as _};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// A `traceparent` of a sampled trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(String);

const KEY: &str = "traceparent";

impl TraceParent {
    /// That of a span, if it is sampled.
    pub fn of(span: &Span) -> Option<Self> {
        let context = span.context();
        if !context.span().span_context().is_sampled() {
            return None;
        }
        let mut carrier = HashMap::new();
        global::get_text_map_propagator(|p| p.inject_context(&context, &mut carrier));
        carrier.remove(KEY).map(Self)
    }

    /// That of a message that arrived; none unless it is well-formed.
    pub fn received(text: &str) -> Option<Self> {
        let fits = text.len() == 55 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a new span, which must not have been entered yet, a child of this context.
    pub fn adopt(&self, span: &Span) {
        let carrier = HashMap::from([(KEY.to_owned(), self.0.clone())]);
        let context = global::get_text_map_propagator(|p| p.extract(&carrier));
        if span.set_parent(context).is_err() {
            tracing::debug!("a span was entered before it got its parent");
        }
    }
}

/// The trace id of the current span, if it is sampled: for exemplars.
pub fn sampled_trace_id() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_sampled().then(|| span.trace_id().to_string())
}
