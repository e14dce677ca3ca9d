//! What every screen shows, and whether every published count reached every screen.
//!
//! A publication is one count as the server sent it; the same bytes on many sockets are one publication. It
//! deliberately knows nothing of the truth: `steps` compares the two.

use crate::count::{self, Count};
use crate::latency::Latency;
use crate::truth::Range;
use slab::Slab;

/// A publication that a screen has not got after this long is missing there, microseconds.
const DELIVERY_US_MAX: u64 = 10_000_000;
const NONE: u32 = u32::MAX;

/// What one screen remembers: 8 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// The publication it shows.
    slot: u32,
    /// Publications from this one on are owed to it.
    since: u32,
}

impl Screen {
    pub const DARK: Self = Self { slot: NONE, since: 0 };
}

#[derive(Debug)]
struct Publication {
    count: Count,
    index: u32,
    first_us: u64,
    last_us: u64,
    /// Screens that show it now.
    showing: u32,
    /// Screens that it was owed to.
    owed: u32,
    received: u32,
    /// The step in which it was first seen.
    step: usize,
    /// Not judged yet.
    open: bool,
}

/// What a delivery did to a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `None` on the screen's first count.
    pub before: Option<u64>,
    pub after: u64,
}

/// How far the screens are from the truth at one moment, in viewers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distance {
    /// Mean over the screens, of the shown number.
    pub mean: f64,
    /// Of the worst screen.
    pub max: u64,
    /// Of the worst screen's band from the truth of the last second.
    pub outside_band: u64,
}

/// Totals since the start.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub deliveries: u64,
    pub publications: u64,
    /// Counts with a lower revision than the screen had; a screen ignores them.
    pub regressions: u64,
    /// Counts marked stale.
    pub stale: u64,
    /// From the first to the last screen, for each publication.
    pub spread: Latency,
}

/// Of the publications first seen during one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTotals {
    pub publications: u64,
    /// Deliveries that were owed and did not come, of the publications judged so far.
    pub missing: u64,
}

#[derive(Debug)]
pub struct Screens {
    publications: Slab<Publication>,
    next_index: u32,
    /// Screens that show a count.
    lit: u32,
    /// The last payload and its publication: thousands of screens get the same bytes, which are parsed once.
    last: (Vec<u8>, u32),
    totals: Totals,
    /// The last one is under way; there is always one.
    steps: Vec<StepTotals>,
}

impl Default for Screens {
    fn default() -> Self {
        Self {
            publications: Slab::new(),
            next_index: 0,
            lit: 0,
            last: (Vec::new(), NONE),
            totals: Totals::default(),
            steps: vec![StepTotals::default()],
        }
    }
}

impl Screens {
    /// A count came to a screen. `None` when it is not readable as a count.
    pub fn deliver(&mut self, screen: &mut Screen, payload: &[u8], now_us: u64) -> Option<Shown> {
        let slot = self.publication(payload, now_us)?;
        let before = self.publications.get(screen.slot as usize).map(|old| old.count);
        self.totals.deliveries += 1;
        let publication = &mut self.publications[slot as usize];
        let count = publication.count;
        self.totals.stale += u64::from(count.stale);
        if before.is_none() {
            self.lit += 1;
            screen.since = self.next_index;
        } else if publication.index >= screen.since {
            publication.received += 1;
            publication.last_us = now_us;
        }
        if let Some(before) = before {
            if count.revision < before.revision {
                self.totals.regressions += 1;
                return Some(Shown { before: Some(before.viewers), after: before.viewers });
            }
            self.publications[screen.slot as usize].showing -= 1;
        }
        self.publications[slot as usize].showing += 1;
        screen.slot = slot;
        Some(Shown { before: before.map(|before| before.viewers), after: count.viewers })
    }

    /// A screen is gone; what it was still owed is forgiven. Returns what it showed.
    pub fn leave(&mut self, screen: Screen) -> Option<u64> {
        let shown = self.publications.get_mut(screen.slot as usize)?;
        shown.showing -= 1;
        self.lit -= 1;
        let (index, viewers) = (shown.index, shown.count.viewers);
        for (_, publication) in &mut self.publications {
            if publication.open && publication.index > index && publication.index >= screen.since {
                publication.owed -= 1;
            }
        }
        Some(viewers)
    }

    /// Judges the publications whose time is over; to be called about once a second.
    pub fn judge(&mut self, now_us: u64) {
        self.judge_before(now_us.saturating_sub(DELIVERY_US_MAX));
    }

    /// Judges all that is open, at the end of a run.
    pub fn judge_all(&mut self) {
        self.judge_before(u64::MAX);
    }

    pub fn lit(&self) -> u32 {
        self.lit
    }

    /// Publications first seen from now on belong to the next step.
    pub fn next_step(&mut self) {
        self.steps.push(StepTotals::default());
    }

    /// One for each step so far.
    pub fn steps(&self) -> &[StepTotals] {
        &self.steps
    }

    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The payload that came last: what the floor sends.
    pub fn last_payload(&self) -> &[u8] {
        &self.last.0
    }

    /// True when every screen shows `viewers`, and there is a screen.
    pub fn all_show(&self, viewers: u64) -> bool {
        self.lit > 0 && self.publications.iter().all(|(_, one)| one.showing == 0 || one.count.viewers == viewers)
    }

    /// The number on the most screens.
    pub fn most_shown(&self) -> Option<u64> {
        self.publications
            .iter()
            .filter(|(_, one)| one.showing > 0)
            .max_by_key(|(_, one)| one.showing)
            .map(|(_, one)| one.count.viewers)
    }

    /// Compares all screens with the truth; `None` while all are dark.
    pub fn distance(&self, now: Range, lately: Range) -> Option<Distance> {
        let mut distance = Distance::default();
        let mut sum = 0.0;
        for (_, one) in self.publications.iter().filter(|(_, one)| one.showing > 0) {
            let error = now.distance(one.count.viewers);
            sum += error as f64 * f64::from(one.showing);
            distance.max = distance.max.max(error);
            let band = Range { low: one.count.low, high: one.count.high };
            distance.outside_band = distance.outside_band.max(band.gap(lately));
        }
        distance.mean = sum / f64::from(self.lit);
        (self.lit > 0).then_some(distance)
    }

    fn publication(&mut self, payload: &[u8], now_us: u64) -> Option<u32> {
        if self.last.0 == payload && self.publications.contains(self.last.1 as usize) {
            return Some(self.last.1);
        }
        let count =
            if count::is_binary_count(payload) { Count::from_binary(payload)? } else { Count::from_json(payload)? };
        let known = self.publications.iter().find(|(_, one)| one.count == count);
        let slot = if let Some((slot, _)) = known {
            slot
        } else {
            let index = self.next_index;
            self.next_index += 1;
            self.totals.publications += 1;
            let step = self.steps.len() - 1;
            self.steps[step].publications += 1;
            self.publications.insert(Publication {
                count,
                index,
                first_us: now_us,
                last_us: now_us,
                showing: 0,
                owed: self.lit,
                received: 0,
                step,
                open: true,
            })
        };
        self.last.0.clear();
        self.last.0.extend_from_slice(payload);
        self.last.1 = slot as u32;
        Some(self.last.1)
    }

    fn judge_before(&mut self, before_us: u64) {
        let (totals, steps) = (&mut self.totals, &mut self.steps);
        self.publications.retain(|_, one| {
            if one.open && one.first_us < before_us {
                one.open = false;
                steps[one.step].missing += u64::from(one.owed.saturating_sub(one.received));
                if one.received > 0 {
                    totals.spread.record(one.last_us - one.first_us);
                }
            }
            one.open || one.showing > 0
        });
    }
}

#[cfg(test)]
#[path = "screens_tests.rs"]
mod tests;
