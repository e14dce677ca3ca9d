//! Starts logging and, where an endpoint is set, the export of traces by OTLP.

use std::{io::IsTerminal as _, time::Duration};

use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use opentelemetry_semantic_conventions::resource::{SERVICE_INSTANCE_ID, SERVICE_VERSION};
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{Config, LogFormat};

/// The longest wait for one export.
const EXPORT_WAIT_MAX: Duration = Duration::from_secs(5);

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("setting `log`: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter cannot be built.
    #[error("setting `otlp_endpoint`: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Something in this process has set a logger before.
    #[error("logging has been started already")]
    Twice,
}

/// Running telemetry; [`Telemetry::shutdown`] sends what is still queued.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Starts logging to standard error, and traces where configured. Needs a tokio runtime.
pub fn start(config: &Config, role: &'static str, node: &str) -> Result<Telemetry, TelemetryError> {
    // Without this line trace contexts are neither read nor written.
    global::set_text_map_propagator(TraceContextPropagator::new());

    let filter = EnvFilter::builder().parse(&config.log)?;
    // Colours are for eyes: in a file they are noise that no search expects.
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let lines = match config.log_format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };

    let provider = config.otlp_endpoint.as_ref().map(|endpoint| provider(endpoint, role, node)).transpose()?;
    let traces = provider.as_ref().map(|p| {
        // The exporter's own stack must stay out, or every export makes new spans.
        let quiet = EnvFilter::new("info,h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,opentelemetry=off");
        tracing_opentelemetry::layer().with_tracer(p.tracer("turnout")).with_filter(quiet)
    });
    tracing_subscriber::registry()
        .with(traces)
        .with(lines.with_filter(filter))
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    Ok(Telemetry { provider })
}

/// Which joins are traced is decided where they happen (`trace_ratio`); what has begun is kept whole.
fn provider(endpoint: &str, role: &'static str, node: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter =
        SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_WAIT_MAX).build()?;
    let resource = Resource::builder()
        .with_service_name(format!("turnout-{role}"))
        .with_attribute(KeyValue::new(SERVICE_VERSION, env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new(SERVICE_INSTANCE_ID, node.to_owned()))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(resource)
        .build())
}

impl Telemetry {
    /// Sends what is queued, at most as long as one export may take.
    pub async fn shutdown(self) {
        let Some(provider) = self.provider else { return };
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(EXPORT_WAIT_MAX)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be sent");
        }
    }
}
