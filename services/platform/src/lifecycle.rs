//! Start, readiness and stop of a process: who is ready, when to drain, when to give up.
//!
//! SIGTERM or ctrl-c begins the drain; a second one stops at once. What a part does on drain is the part's own business: it
//! holds a clone of [`Lifecycle`] and waits for [`Lifecycle::draining`] or [`Lifecycle::stopping`].

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a task ends with. A failure stops the process; its text goes to the log.
pub type TaskResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// The life of this process, shared by all its parts.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    stopping: CancellationToken,
    tasks: TaskTracker,
    failed: Arc<AtomicBool>,
    conditions: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

impl Lifecycle {
    /// A life that has just begun: nothing is ready, nothing stops.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names a condition that readiness needs; it starts unmet.
    pub fn condition(&self, name: &'static str) -> Condition {
        self.conditions.lock().insert(name, false);
        Condition { name, conditions: self.conditions.clone() }
    }

    /// The conditions that are not met; empty means ready. A draining process is never ready.
    pub fn unmet(&self) -> Vec<&'static str> {
        let mut unmet: Vec<_> =
            self.conditions.lock().iter().filter(|(_, met)| !**met).map(|(name, _)| *name).collect();
        if self.draining.is_cancelled() {
            unmet.push("draining");
        }
        unmet
    }

    /// Runs a task of this process. It must end soon after [`Self::stopping`]; if it fails, the process stops: half a mesh
    /// that looks alive is worse than a restart.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = TaskResult> + Send + 'static,
    {
        let life = self.clone();
        self.tasks.spawn(async move {
            match tokio::spawn(task).await {
                Ok(Ok(())) => tracing::debug!(task = name, "task ended"),
                Ok(Err(error)) => {
                    tracing::error!(task = name, %error, "task failed; stopping the process");
                    life.fail();
                }
                Err(panic) => {
                    tracing::error!(task = name, error = %panic, "task panicked; stopping the process");
                    life.fail();
                }
            }
        });
    }

    /// Begins the drain: readiness goes, parts move their work away.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Ends everything.
    pub fn stop(&self) {
        self.draining.cancel();
        self.stopping.cancel();
    }

    fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
        self.stop();
    }

    /// Whether a task failed: the process should end with a code that says so.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Is over when the drain begins.
    pub fn draining(&self) -> tokio_util::sync::WaitForCancellationFutureOwned {
        self.draining.clone().cancelled_owned()
    }

    /// Is over when everything must end.
    pub fn stopping(&self) -> tokio_util::sync::WaitForCancellationFutureOwned {
        self.stopping.clone().cancelled_owned()
    }

    /// Whether the drain has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Whether everything must end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Waits until every task has ended.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// One condition of readiness, owned by the part that meets it.
#[derive(Clone, Debug)]
pub struct Condition {
    name: &'static str,
    conditions: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

impl Condition {
    /// Says whether it is met now.
    pub fn set(&self, met: bool) {
        self.conditions.lock().insert(self.name, met);
    }
}

/// Turns SIGTERM and ctrl-c into a drain, the second one into a stop. Ends with the process.
pub async fn watch_signals(life: Lifecycle) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::error!("signals cannot be watched; the process will stop without a drain");
        return;
    };
    for round in 0.. {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
            () = life.stopping() => return,
        }
        if round == 0 {
            tracing::info!("draining; a second signal stops at once");
            life.drain();
        } else {
            tracing::warn!("second signal: stopping at once");
            life.stop();
            return;
        }
    }
}
