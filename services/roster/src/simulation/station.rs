//! A presence replica in the simulated mesh, with all that the judge remembers of it.
//! Deliberately keeps its own account of what the replica was told, so that the replica cannot excuse itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::truth::ProcessNo;
use crate::frames::{Resync, Tick};
use crate::ids::{Millis, SourceName, Topic};
use crate::limits::{DROP_AFTER_MS, SUSPECT_AFTER_MS};
use crate::replica::{CloseCause, Effect, Replica, Span};

#[derive(Debug, Clone)]
pub(super) enum Mail {
    Tick(Tick),
    Resync(Resync),
}

impl Mail {
    pub(super) fn source(&self) -> Option<SourceName> {
        match self {
            Self::Tick(tick) => Some(tick.source.clone()),
            Self::Resync(Resync::Snapshot(part)) => Some(part.source.clone()),
            Self::Resync(Resync::Replay(ticks)) => ticks.first().map(|tick| tick.source.clone()),
        }
    }
}

#[derive(Debug)]
pub(super) struct Station {
    pub(super) replica: Replica,
    /// The machine's monotonic clock is ahead of the simulation's by this.
    pub(super) clock_ms: Millis,
    pub(super) paused: bool,
    pub(super) inbox: VecDeque<(ProcessNo, Mail)>,
    /// Faults that cut it off now; of these, those that it noticed.
    pub(super) cuts: u32,
    pub(super) noticed_cuts: u32,
    pub(super) acquaintances: BTreeMap<ProcessNo, Acquaintance>,
    pub(super) open: BTreeSet<Span>,
    /// Every fact of an end, for comparison between replicas.
    pub(super) closed: BTreeSet<(Span, Millis, CloseCause)>,
    pub(super) restarted: bool,
    pub(super) revisions: BTreeMap<Topic, u64>,
    pub(super) published_ms: Option<Millis>,
}

/// What the judge knows of a replica's knowledge of one process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Acquaintance {
    heard_ms: Millis,
    draining: bool,
    /// The moment of the newest state of the process that the replica has applied.
    pub(super) state_ms: Option<Millis>,
}

impl Acquaintance {
    /// By definition: so long silent that it is taken as dead.
    pub(super) fn is_dead(&self, now_ms: Millis) -> bool {
        let after_ms = if self.draining { SUSPECT_AFTER_MS } else { SUSPECT_AFTER_MS + DROP_AFTER_MS };
        now_ms >= self.heard_ms + after_ms
    }
}

impl Station {
    pub(super) fn new(replica: Replica, clock_ms: Millis) -> Self {
        Self {
            replica,
            clock_ms,
            paused: false,
            inbox: VecDeque::new(),
            cuts: 0,
            noticed_cuts: 0,
            acquaintances: BTreeMap::new(),
            open: BTreeSet::new(),
            closed: BTreeSet::new(),
            restarted: false,
            revisions: BTreeMap::new(),
            published_ms: None,
        }
    }

    /// The replica loses its memory, and the judge all that it expected of it; revisions must grow nevertheless.
    pub(super) fn restart(&mut self, replica: Replica, now_ms: Millis) {
        self.replica = replica;
        self.inbox.clear();
        self.acquaintances.clear();
        self.open.clear();
        self.restarted = true;
        self.published_ms = None;
        if self.noticed_cuts == 0 {
            self.replica.on_bus(true, now_ms + self.clock_ms);
        }
    }

    /// A fault that cuts the replica off begins or ends.
    pub(super) fn cut(&mut self, begins: bool, noticed: bool, now_ms: Millis) {
        let was_connected = self.noticed_cuts == 0;
        if begins {
            self.cuts += 1;
            self.noticed_cuts += u32::from(noticed);
        } else {
            self.cuts -= 1;
            self.noticed_cuts -= u32::from(noticed);
        }
        let connected = self.noticed_cuts == 0;
        if connected != was_connected {
            self.replica.on_bus(connected, now_ms + self.clock_ms);
        }
    }

    pub(super) fn hear(&mut self, from: ProcessNo, mail: &Mail, now_ms: Millis) {
        let known = self.acquaintances.entry(from).or_default();
        if known.is_dead(now_ms) {
            *known = Acquaintance::default();
        }
        known.heard_ms = now_ms;
        known.draining |= match mail {
            Mail::Tick(tick) => tick.draining,
            Mail::Resync(Resync::Replay(ticks)) => ticks.iter().any(|tick| tick.draining),
            Mail::Resync(Resync::Snapshot(_)) => false,
        };
    }

    pub(super) fn take(&mut self, mail: Mail, now_ms: Millis) -> Vec<Effect> {
        let now_ms = now_ms + self.clock_ms;
        match mail {
            Mail::Tick(tick) => self.replica.on_tick(tick, now_ms),
            Mail::Resync(resync) => self.replica.on_resync(resync, now_ms),
        }
    }

    /// Books a fact; the detail of the broken law if it cannot be.
    pub(super) fn book(&mut self, fact: &Effect) -> Result<(), String> {
        match fact {
            Effect::Opened(span) if !self.open.insert(span.clone()) => Err(format!("opened twice: {span:?}")),
            Effect::Closed { span, .. } if !self.open.remove(span) => Err(format!("closed but not open: {span:?}")),
            Effect::Closed { span, left_at_ms, .. } if *left_at_ms < span.joined_at_ms => {
                Err(format!("left before it came: {span:?}"))
            }
            Effect::Closed { span, left_at_ms, cause } => {
                self.closed.insert((span.clone(), *left_at_ms, *cause));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Every tick of every gateway reached it.
    pub(super) fn missed_nothing(&self) -> bool {
        let lost = self.closed.iter().any(|(_, _, cause)| *cause == CloseCause::SourceLost);
        !self.restarted && !lost && self.replica.stats().snapshots == 0
    }
}
