//! `GET /v1/live`: the handshake of a live socket. Everything that can be refused is refused here, before the socket is handed to
//! a worker.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::Instrument as _;
use turnout_platform::{random, telemetry::TraceParent};

use crate::{
    Shared,
    live::{Opening, Overloaded, Protocol},
    metrics::Rejection,
    origin,
    tickets::NoSeat,
};

const TICKET_PREFIX: &str = "ticket.";

pub(super) async fn upgrade(State(shared): State<Shared>, request: Request) -> Response {
    // One in so many joins is traced, from here to the first screen.
    let traced = (random::jitter_below(1_000_000) as f64) < shared.config.trace_ratio * 1e6;
    if !traced {
        return handshake(shared, request).await;
    }
    let span = tracing::info_span!("gateway.join", otel.kind = "server");
    let (traces, trace) = (shared.traces.clone(), TraceParent::of(&span));
    let answer = handshake(shared, request).instrument(span).await;
    // Nobody follows one that was refused: no tick will tell of it.
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        traces.put(trace);
    }
    answer
}

async fn handshake(shared: Shared, mut request: Request) -> Response {
    match check(&shared, request.headers()).await {
        Ok(Handshake { accept, protocol, opening }) => {
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let Ok(upgraded) = upgraded.await else { return };
                let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
                    tracing::error!("an upgraded connection is not a TCP stream");
                    return;
                };
                let Ok(stream) = parts.io.into_inner().into_std() else { return };
                // It was asked for room before the answer; who comes too late all the same is closed and tries again.
                if shared.live.adopt(stream, Bytes::copy_from_slice(&parts.read_buf), protocol, opening).is_err() {
                    shared.metrics.reject(Rejection::overload);
                }
            });
            let mut answer = StatusCode::SWITCHING_PROTOCOLS.into_response();
            let headers = answer.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol.subprotocol()));
            answer
        }
        Err(Refusal { reason, status, problem }) => {
            shared.metrics.reject(reason);
            let mut answer = (status, format!("{problem}\n")).into_response();
            if status == StatusCode::SERVICE_UNAVAILABLE {
                // Spread those who come back, so that they do not come back together.
                answer.headers_mut().insert(header::RETRY_AFTER, (1 + random::jitter_below(4)).into());
            }
            answer
        }
    }
}

struct Handshake {
    accept: HeaderValue,
    protocol: Protocol,
    opening: Opening,
}

struct Refusal {
    reason: Rejection,
    status: StatusCode,
    problem: &'static str,
}

fn refuse<T>(reason: Rejection, status: StatusCode, problem: &'static str) -> Result<T, Refusal> {
    Err(Refusal { reason, status, problem })
}

async fn check(shared: &Shared, headers: &HeaderMap) -> Result<Handshake, Refusal> {
    // The cheap checks first: an overloaded gateway must not spend time on signatures.
    match shared.live.has_room() {
        Ok(()) => {}
        Err(Overloaded::Full) => {
            return refuse(
                Rejection::overload,
                StatusCode::SERVICE_UNAVAILABLE,
                "all connections are in use; come back later",
            );
        }
        Err(Overloaded::Draining) => {
            return refuse(
                Rejection::drain,
                StatusCode::SERVICE_UNAVAILABLE,
                "this gateway is going down; come back now",
            );
        }
    }
    if shared.handshakes.pass(shared.clock.now_ms()).is_err() {
        return refuse(Rejection::rate, StatusCode::SERVICE_UNAVAILABLE, "too many at once; come back later");
    }
    if !origin::is_allowed(headers, &shared.config) {
        return refuse(Rejection::origin, StatusCode::FORBIDDEN, "this page's origin is not allowed");
    }
    let malformed = StatusCode::BAD_REQUEST;
    if !has_word(headers, header::CONNECTION, "upgrade") || !has_word(headers, header::UPGRADE, "websocket") {
        return refuse(
            Rejection::malformed,
            StatusCode::UPGRADE_REQUIRED,
            "this address speaks WebSocket; see gateway/README.md",
        );
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|v| v != "13") {
        return refuse(Rejection::malformed, StatusCode::UPGRADE_REQUIRED, "WebSocket version 13 is spoken here");
    }
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY).filter(|k| k.len() == 24) else {
        return refuse(Rejection::malformed, malformed, "Sec-WebSocket-Key is missing or not 16 bytes of base64");
    };
    let accept = derive_accept_key(key.as_bytes()).parse().expect("base64 is a header value");

    let offered = offered(headers);
    let Some(protocol) = offered.iter().find_map(|name| Protocol::from_subprotocol(name)) else {
        return refuse(Rejection::malformed, malformed, "offer the subprotocol turnout.v1.json or turnout.v1.bin");
    };
    let Some(ticket) = offered.iter().find_map(|name| name.strip_prefix(TICKET_PREFIX)) else {
        return Ok(Handshake { accept, protocol, opening: Opening::MustJoin });
    };
    match shared.desk.seat(ticket, None).await {
        Ok(seat) => Ok(Handshake { accept, protocol, opening: Opening::Seated(seat) }),
        Err(NoSeat::Ticket(reason)) => {
            tracing::debug!(?reason, "ticket refused");
            refuse(Rejection::auth, StatusCode::UNAUTHORIZED, "the ticket is not good; get a new one")
        }
        Err(NoSeat::NoSuchEvent) => refuse(Rejection::no_event, StatusCode::NOT_FOUND, "no such event"),
        Err(NoSeat::Unavailable) => {
            refuse(Rejection::unavailable, StatusCode::SERVICE_UNAVAILABLE, "temporarily unavailable; come back later")
        }
    }
}

fn offered(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    values.filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).map(str::trim).collect()
}

fn has_word(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter();
    values.filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).any(|w| w.trim().eq_ignore_ascii_case(word))
}
