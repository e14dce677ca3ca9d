//! What a process knows of the organisers' systems while it calls them: which is left alone for a moment, because it does not answer,
//! and which is slow, so that it holds up nobody else's notices.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use turnout_platform::ids::TenantId;

use crate::{NOTICES_OF_A_TENANT_AT_ONCE, domain::retry::Breaker};

/// Webhooks whose failures are remembered; beyond it all are forgotten, and so tried.
const BREAKERS_MAX: usize = 10_000;
/// How long a notice waits for one of its tenant's that are under way: a webhook that works has answered by then.
const TURN_WAIT: Duration = Duration::from_millis(100);

/// The systems of all organisers.
#[derive(Debug, Default)]
pub(crate) struct Receivers {
    breakers: Mutex<HashMap<TenantId, Breaker>>,
    /// Of tenants with notices under way, so no more than there are of these, and one.
    lines: Mutex<HashMap<TenantId, Arc<Line>>>,
}

/// The notices of one tenant.
#[derive(Debug)]
struct Line {
    room: Arc<Semaphore>,
    /// One has waited in vain and none has come to its end since: none waits.
    is_stuck: AtomicBool,
}

/// One notice's place among those under way, as long as it lives.
#[derive(Debug)]
pub(crate) struct Turn {
    line: Arc<Line>,
    _room: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.line.is_stuck.store(false, Ordering::Relaxed);
    }
}

impl Receivers {
    /// Whether a tenant's webhook is left alone now.
    pub fn is_left_alone(&self, tenant: &TenantId, now_ms: u64) -> bool {
        self.breakers.lock().get(tenant).is_some_and(|breaker| breaker.is_open(now_ms))
    }

    /// Whether it may be called now. Once left alone, the one that is allowed holds the others back.
    pub fn allows(&self, tenant: &TenantId, now_ms: u64) -> bool {
        self.breakers.lock().get_mut(tenant).is_none_or(|breaker| breaker.allows(now_ms))
    }

    /// It answered, or did not.
    pub fn record(&self, tenant: &TenantId, answered: bool, now_ms: u64) {
        let mut all = self.breakers.lock();
        if answered {
            all.remove(tenant);
            return;
        }
        if all.len() >= BREAKERS_MAX && !all.contains_key(tenant) {
            all.clear();
        }
        all.entry(tenant.clone()).or_default().record(false, now_ms);
    }

    /// A place among the tenant's notices under way; none while these are many and slow.
    pub async fn turn(&self, tenant: &TenantId) -> Option<Turn> {
        let line = self.line(tenant);
        let wait = if line.is_stuck.load(Ordering::Relaxed) { Duration::ZERO } else { TURN_WAIT };
        let Ok(Ok(room)) = timeout(wait, line.room.clone().acquire_owned()).await else {
            line.is_stuck.store(true, Ordering::Relaxed);
            return None;
        };
        Some(Turn { line, _room: room })
    }

    fn line(&self, tenant: &TenantId) -> Arc<Line> {
        let mut all = self.lines.lock();
        if !all.contains_key(tenant) {
            all.retain(|_, line| Arc::strong_count(line) > 1);
        }
        let new = || {
            let room = Arc::new(Semaphore::new(NOTICES_OF_A_TENANT_AT_ONCE));
            Arc::new(Line { room, is_stuck: AtomicBool::default() })
        };
        all.entry(tenant.clone()).or_insert_with(new).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_that_does_not_answer_is_left_alone_and_others_are_not() {
        let (receivers, acme, other) = (Receivers::default(), "acme".parse().unwrap(), "other".parse().unwrap());
        for _ in 0..5 {
            assert!(!receivers.is_left_alone(&acme, 0) && receivers.allows(&acme, 0));
            receivers.record(&acme, false, 0);
        }
        assert!(receivers.is_left_alone(&acme, 1) && !receivers.allows(&acme, 1));
        assert!(!receivers.is_left_alone(&other, 1) && receivers.allows(&other, 1));
        receivers.record(&acme, true, 2);
        assert!(!receivers.is_left_alone(&acme, 2) && receivers.allows(&acme, 2));
    }

    #[tokio::test]
    async fn a_tenant_whose_webhook_is_slow_has_few_notices_under_way_and_holds_up_no_other() {
        let (receivers, acme, other) = (Receivers::default(), "acme".parse().unwrap(), "other".parse().unwrap());
        let mut under_way = Vec::new();
        for _ in 0..NOTICES_OF_A_TENANT_AT_ONCE {
            under_way.push(receivers.turn(&acme).await.expect("there is room"));
        }
        assert!(receivers.turn(&acme).await.is_none());
        assert!(receivers.turn(&other).await.is_some());
        assert!(receivers.turn(&acme).await.is_none(), "still");
        under_way.pop();
        let next = receivers.turn(&acme).await;
        assert!(next.is_some());
        assert_eq!(receivers.lines.lock().len(), 2);
        drop((next, under_way));
        drop(receivers.turn(&"third".parse().unwrap()).await);
        assert_eq!(receivers.lines.lock().len(), 1, "who has none under way is forgotten");
    }
}
