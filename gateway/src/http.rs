//! The public port: accepting connections, the routes, and the headers that every answer carries.

mod accept;
mod arrivals;
mod client;
mod forwarded;
mod live;
mod pages;
mod tickets;

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use tokio::net::TcpListener;

pub(crate) use client::Client;

use crate::{
    Shared, assets, audience, console,
    routes::{Routes, Who::Anyone},
};

/// Bytes of a request's body; forms are small.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// Only our own files, no inline script or style, no frames of others.
const CONTENT_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// All that this port answers.
pub(crate) fn routes() -> Routes {
    let routes = Routes::new()
        .get("/", Anyone, pages::home)
        .get("/v1/live", Anyone, live::upgrade)
        .post("/v1/events/{event}/tickets", Anyone, tickets::issue)
        .and(audience::routes())
        .and(console::routes());
    assets::paths().fold(routes, |routes, path| routes.get(path, Anyone, pages::asset))
}

/// Serves on a bound listener until the process stops.
pub(crate) fn serve(shared: Shared, listener: TcpListener) {
    let (router, _) = routes().into_parts();
    let arrivals = arrivals::Arrivals::default();
    let router = router
        .fallback(pages::no_such_page)
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state((arrivals.clone(), shared.metrics.clone()), arrivals::in_time))
        .layer(middleware::from_fn(headers))
        .with_state(shared.clone());
    let life = shared.life.clone();
    life.spawn("public port", accept::run(shared, listener, router, arrivals));
}

async fn headers(request: Request, next: Next) -> Response {
    // Two of them could mean one place to a proxy and another to us (RFC 9112, 3.2).
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let mut response = match hosts {
        0 | 1 => next.run(request).await.into_response(),
        _ => StatusCode::BAD_REQUEST.into_response(),
    };
    let headers = response.headers_mut();
    // A page may come with a stricter one of its own, such as a mail in its frame.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: that would make browsers send `Origin: null` with our own forms, which the origin check refuses.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
