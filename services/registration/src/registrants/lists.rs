//! Where waiting lists begin. Rows of a list are removed from its beginning, and to a CQL server removed rows are work for days: who knows
//! where the first row stands need not go through them again. Only a hint that is never too late: it is behind the first row that was
//! there, and as far behind the present as a row may still come late.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use turnout_platform::ids::EventId;

/// A row may come as long after its own time: a call takes seconds, and the clocks of processes may be minutes apart.
const LATE_MS: i64 = 15 * 60 * 1000;
/// Lists that are remembered; beyond it all are forgotten, and read from their beginning once more.
const REMEMBERED_MAX: usize = 10_000;

/// The lists of all events. A clone is another handle on the same.
#[derive(Clone, Default)]
pub(super) struct Lists(Arc<Mutex<HashMap<EventId, i64>>>);

impl Lists {
    /// No row is older, in milliseconds since 1970.
    pub fn begins_at(&self, event: &EventId) -> i64 {
        self.0.lock().get(event).copied().unwrap_or(0)
    }

    /// The list was read, and this was the time of its first row, if it has any.
    pub fn learn(&self, event: &EventId, first_ms: Option<i64>, now_ms: i64) {
        let begins_at = first_ms.unwrap_or(i64::MAX).min(now_ms - LATE_MS);
        let mut lists = self.0.lock();
        if lists.len() >= REMEMBERED_MAX && !lists.contains_key(event) {
            lists.clear();
        }
        let known = lists.entry(event.clone()).or_insert(0);
        // What was learnt while this clock, or that of a row, was ahead is taken back.
        *known = begins_at.max(*known).min(now_ms - LATE_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_begins_with_its_first_row_but_never_so_late_that_a_row_could_come_before() {
        let (lists, gala) = (Lists::default(), "gala".parse().unwrap());
        assert_eq!(lists.begins_at(&gala), 0);
        lists.learn(&gala, Some(10), 10 + LATE_MS + 5);
        assert_eq!(lists.begins_at(&gala), 10);
        lists.learn(&gala, Some(100), 50 + LATE_MS);
        assert_eq!(lists.begins_at(&gala), 50);
        lists.learn(&gala, None, 60 + LATE_MS);
        assert_eq!(lists.begins_at(&gala), 60);
        // A clock that was ahead and went back: rows of the time between would never be seen.
        lists.learn(&gala, None, 20 + LATE_MS);
        assert_eq!(lists.begins_at(&gala), 20);
    }
}
