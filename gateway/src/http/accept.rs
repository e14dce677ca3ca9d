//! The accept loop. A connection has a deadline for each request's head, so that slow ones cannot hold the port; upgraded
//! sockets leave hyper and cost nothing here.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use turnout_platform::lifecycle::TaskResult;

use crate::Shared;

/// From the first byte we wait for to the end of a request's head; a quiet connection is closed after it too.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// HTTP connections at one time, live sockets not included.
const HTTP_CONNECTIONS_MAX: usize = 8192;
/// Pause after a failed accept (out of file descriptors, mostly), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(shared: Shared, listener: TcpListener, routes: Router) -> TaskResult {
    let slots = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
    let mut stopping = std::pin::pin!(shared.life.stopping());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopping => return Ok(()),
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
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
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(routes.clone());
        let ended = shared.life.stopping();
        tokio::spawn(async move {
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_MAX)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            tokio::select! {
                _ = serving => {}
                () = ended => {}
            }
            drop(slot);
        });
    }
}
