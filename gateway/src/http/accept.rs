//! The accept loop. A connection has a deadline for each request's head, so that slow ones cannot hold the port, and its network a bound
//! for those that wait for a request (`arrivals.rs`); upgraded sockets leave hyper and cost nothing here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use parking_lot::Mutex;
use tokio::{net::TcpListener, sync::Semaphore};
use turnout_platform::lifecycle::TaskResult;

use super::{
    arrivals::{Arrival, Arrivals},
    client::Client,
    forwarded,
};
use crate::{Shared, metrics::Rejection};

/// From the first byte we wait for to the end of a request's head; a quiet connection is closed after it too.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// HTTP connections at one time, live sockets not included.
const HTTP_CONNECTIONS_MAX: usize = 8192;
/// Pause after a failed accept (out of file descriptors, mostly), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(shared: Shared, listener: TcpListener, routes: Router, arrivals: Arrivals) -> TaskResult {
    let slots = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
    let mut stopping = std::pin::pin!(shared.life.stopping());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopping => return Ok(()),
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; pausing");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            shared.metrics.accepts_dropped.inc();
            continue;
        };
        let proxies = &shared.config.trusted_proxies;
        let waiting = if forwarded::is_trusted(peer.ip(), proxies) {
            // All its clients are this one peer; their requests are counted as their own, once their heads are there.
            None
        } else {
            let client = Client::of(shared.desk.mesh_key(), peer.ip(), shared.clock.at_s());
            let Some(place) = arrivals.begin(&client) else {
                shared.metrics.requests_crowded.inc();
                continue;
            };
            Some(place)
        };
        let _ = stream.set_nodelay(true);
        let from = shared.clone();
        let routes = TowerToHyperService::new(routes.clone());
        let (stopped, metrics) = (shared.life.stopping(), shared.metrics.clone());
        tokio::spawn(async move {
            let heard = AtomicBool::new(false);
            let waiting = Mutex::new(waiting);
            let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
                heard.store(true, Ordering::Relaxed);
                let proxies = &from.config.trusted_proxies;
                let address = forwarded::source(peer.ip(), request.headers(), proxies);
                let client = Client::of(from.desk.mesh_key(), address, from.clock.at_s());
                forwarded::forget(request.headers_mut());
                let arrival = match waiting.lock().take() {
                    Some(place) => Arrival::Counted(place),
                    None if forwarded::is_trusted(address, proxies) => Arrival::OfProxy,
                    None => Arrival::New(client.clone()),
                };
                request.extensions_mut().insert(arrival);
                request.extensions_mut().insert(client);
                routes.call(request)
            });
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_MAX)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            tokio::select! {
                // One that has had an answer and says no more is at rest, not slow.
                ended = serving => {
                    if ended.is_err_and(|error| error.is_timeout()) && !heard.load(Ordering::Relaxed) {
                        metrics.reject(Rejection::timeout);
                    }
                }
                () = stopped => {}
            }
            drop(slot);
        });
    }
}
