//! The operators' port: `/metrics`, `/livez`, `/readyz`, which ask nobody who they are, so keep it inside; and `/dead-letters`, which
//! does.

pub mod dead_letters;

use std::sync::Arc;

use axum::{
    Router, extract::State, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse, routing::get,
};
use tokio::net::TcpListener;

pub use self::dead_letters::DeadLetters;
use crate::{
    auth::{MeshKey, TokenVerifier},
    clock::Clock,
    lifecycle::Lifecycle,
    telemetry::{Metrics, metrics},
};

#[derive(Clone)]
struct Admin {
    life: Lifecycle,
    metrics: Metrics,
}

/// Serves on a bound listener until the process stops.
pub fn serve(
    life: &Lifecycle,
    listener: TcpListener,
    metrics: Metrics,
    dead_letters: DeadLetters,
    mesh_key: &MeshKey,
    clock: Arc<dyn Clock>,
) {
    let routes = Router::new()
        .route("/metrics", get(render))
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .with_state(Admin { life: life.clone(), metrics })
        .merge(dead_letters.routes(TokenVerifier::of_mesh(mesh_key), clock));
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
