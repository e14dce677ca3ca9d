//! The operators' port: `/metrics`, `/livez`, `/readyz`. Keep it inside; it has no authentication.

use axum::{
    Router, extract::State, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse, routing::get,
};
use tokio::net::TcpListener;

use crate::{
    lifecycle::Lifecycle,
    telemetry::{Metrics, metrics},
};

#[derive(Clone)]
struct Admin {
    life: Lifecycle,
    metrics: Metrics,
}

/// Serves on a bound listener until the process stops.
pub fn serve(life: &Lifecycle, listener: TcpListener, metrics: Metrics) {
    let routes = Router::new()
        .route("/metrics", get(render))
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .with_state(Admin { life: life.clone(), metrics });
    let stopping = life.stopping();
    life.spawn("admin", async move { Ok(axum::serve(listener, routes).with_graceful_shutdown(stopping).await?) });
}

async fn render(State(admin): State<Admin>) -> impl IntoResponse {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], admin.metrics.render())
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    let unmet = admin.life.unmet();
    if unmet.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", unmet.join(", ")))
    }
}
