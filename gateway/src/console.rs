//! The console: the organiser's pages. Signing in, the list of events, one event live. All data comes over gRPC from the services.

mod events;
mod session;
mod stream;

use axum::{
    Router,
    routing::{get, post},
};

use crate::Shared;

pub(crate) use session::Sessions;

/// The console's routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/console", get(events::list))
        .route("/console/rows", get(events::rows))
        .route("/console/events", post(events::create))
        .route("/console/events/{event}", get(events::show))
        .route("/console/events/{event}/state", post(events::change_state))
        .route("/console/events/{event}/stream", get(stream::stream))
        .route("/console/events/{event}/series.json", get(stream::series))
        .route("/console/sign-in", get(session::sign_in))
        .route("/console/sign-out", post(session::sign_out))
}
