//! The order in which a worker's sockets are sent elsewhere: evenly over a given time, each with a slot that it is told
//! beforehand. Pure.

use std::time::Duration;

use super::join::SocketId;

/// A drain under way.
pub(super) struct Drain {
    sockets: Vec<SocketId>,
    over: Duration,
    told: usize,
    closed: usize,
}

impl Drain {
    pub(super) fn new(sockets: Vec<SocketId>, over: Duration) -> Self {
        Self { sockets, over, told: 0, closed: 0 }
    }

    /// The next sockets to be told their slot, with the slot in milliseconds from the start; at most `slice` of them.
    pub(super) fn tell(&mut self, slice: usize) -> Vec<(SocketId, u32)> {
        let until = self.sockets.len().min(self.told + slice);
        let next = (self.told..until).map(|index| (self.sockets[index], self.slot(index).as_millis() as u32)).collect();
        self.told = until;
        next
    }

    /// Whether some have yet to be told.
    pub(super) fn is_telling(&self) -> bool {
        self.told < self.sockets.len()
    }

    /// The next sockets whose slot has come; only those that know it.
    pub(super) fn close(&mut self, elapsed: Duration) -> &[SocketId] {
        let from = self.closed;
        while self.closed < self.told && self.slot(self.closed) <= elapsed {
            self.closed += 1;
        }
        &self.sockets[from..self.closed]
    }

    fn slot(&self, index: usize) -> Duration {
        // In f64: the product of the two overflows nothing, and a millisecond more or less does not matter.
        self.over.mul_f64(index as f64 / self.sockets.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(sockets: u32, over_ms: u64) -> Drain {
        let sockets = (0..sockets).map(|key| SocketId { key, generation: 0 }).collect();
        Drain::new(sockets, Duration::from_millis(over_ms))
    }

    #[test]
    fn slots_are_spread_evenly_over_the_time() {
        let mut drain = drain(10, 1_000);
        let slots: Vec<u32> = drain.tell(usize::MAX >> 1).into_iter().map(|(_, slot)| slot).collect();
        assert_eq!(slots, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        assert_eq!(drain.close(Duration::from_millis(250)).len(), 3);
        assert_eq!(drain.close(Duration::from_millis(250)).len(), 0);
        assert_eq!(drain.close(Duration::from_secs(1)).len(), 7);
    }

    #[test]
    fn nobody_is_closed_who_has_not_been_told_when() {
        let mut drain = drain(10, 0);
        drain.tell(4);
        assert_eq!(drain.close(Duration::from_secs(1)).len(), 4);
        assert!(drain.is_telling());
        drain.tell(100);
        assert!(!drain.is_telling());
        assert_eq!(drain.close(Duration::from_secs(1)).len(), 6);
    }
}
