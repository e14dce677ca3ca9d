//! The pool in which passwords are hashed: a few at a time, because each takes 19 MiB and a core for 30 ms, and a bounded queue
//! before it, so that a flood of sign-ins costs the rest of the service little. What is hashed is decided in `domain::passwords`.

use std::{num::NonZeroUsize, sync::Arc, thread, time::Duration};

use tokio::sync::Semaphore;
use turnout_platform::{failure::Failure, random};

use super::{
    domain::passwords::{Password, SALT_BYTES},
    metrics::Metrics,
};

/// Hashes at the same moment: one for each core, at most so many.
const AT_ONCE_MAX: usize = 4;
/// Hashes that wait; beyond it a request is refused.
const QUEUE_MAX: usize = 64;
/// When to come back after that: the queue is gone by then.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The pool. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Hashing {
    /// Who may wait or hash.
    admission: Arc<Semaphore>,
    /// Who may hash.
    running: Arc<Semaphore>,
    /// The hash of a password that nobody knows: what is compared when there is nothing to compare with.
    decoy: Arc<str>,
    metrics: Metrics,
}

impl Hashing {
    pub fn new(metrics: Metrics) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(AT_ONCE_MAX);
        let nobodys = Password::tried("password", &random::token_256()).expect("43 bytes are no long password");
        Self {
            admission: Arc::new(Semaphore::new(cores + QUEUE_MAX)),
            running: Arc::new(Semaphore::new(cores)),
            decoy: nobodys.hash(&random::bytes()).into(),
            metrics,
        }
    }

    /// What is kept of a password.
    pub async fn hash(&self, password: &Password) -> Result<String, Failure> {
        let (password, salt) = (password.clone(), random::bytes::<SALT_BYTES>());
        self.run(move || password.hash(&salt)).await
    }

    /// Whether a password is the one that was hashed. Without a hash it is not, after just as much work.
    pub async fn fits(&self, password: &Password, hash: Option<&str>) -> Result<bool, Failure> {
        let known = hash.is_some();
        let (password, hash) = (password.clone(), hash.unwrap_or(&self.decoy).to_owned());
        Ok(self.run(move || password.fits(&hash)).await? && known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let Ok(admitted) = self.admission.clone().try_acquire_owned() else {
            self.metrics.hash_refused();
            return Err(Failure::Overloaded { retry_after: RETRY_AFTER });
        };
        let waiting = self.metrics.hash_waits();
        let running = self.running.clone().acquire_owned().await.map_err(Failure::internal)?;
        drop(waiting);
        self.metrics.hashed();
        // The permits go with the work: it runs on although nobody may be waiting for it any more.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((running, admitted));
            result
        });
        done.await.map_err(Failure::internal)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_flood_is_refused_beyond_the_queue_and_the_rest_is_done() {
        let hashing = Hashing::new(Metrics::default());
        let password = Password::tried("password", "correct horse").unwrap();
        let wanted = QUEUE_MAX + AT_ONCE_MAX + 20;
        let tries = join_all((0..wanted).map(|_| hashing.fits(&password, None))).await;
        let refused = tries.iter().filter(|outcome| matches!(outcome, Err(Failure::Overloaded { .. }))).count();
        let cores = hashing.running.available_permits();
        assert_eq!(refused, wanted - QUEUE_MAX - cores);
        assert!(tries.into_iter().flatten().all(|fits| !fits));
        assert!(!hashing.fits(&password, None).await.unwrap(), "the queue is free again");
    }
}
