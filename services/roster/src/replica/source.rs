//! One gateway as a replica follows it: the apply rule, ticks that came too early, and snapshots in parts.
//! Deliberately no clock of its own and no judgement whether the gateway lives (see `liveness.rs`).

use std::collections::BTreeMap;

use super::effects::{Effect, Liveness, ReplicaStats};
use super::holdings::{Holdings, SourceSet, Stamp};
use super::union::Unions;
use super::{Sabotage, SourceView};
use crate::frames::{Member, ResyncRequest, SnapshotPart, SnapshotTopic, Tick};
use crate::ids::{Millis, SourceName, Topic};
use crate::limits::{AHEAD_TICKS_MAX, RESYNC_RETRY_MS, SNAPSHOT_PARTS_MAX};

/// What a source works on besides itself.
pub(super) struct Surroundings<'a> {
    pub(super) unions: &'a mut Unions,
    pub(super) stats: &'a mut ReplicaStats,
    pub(super) out: &'a mut Vec<Effect>,
    pub(super) sabotage: Option<Sabotage>,
}

/// The state that is applied: the source's sets are exactly those after this tick.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) stamp: Stamp,
    pub(super) seq: u64,
}

#[derive(Debug)]
pub(super) struct Source {
    name: SourceName,
    /// The highest epoch seen under the name. Until its state is known, that of the epoch before stands.
    newest_epoch: u64,
    pub(super) applied: Option<Applied>,
    pub(super) holdings: Holdings,
    /// The sets differ from the gateway's: only a snapshot helps.
    corrupt: bool,
    /// Ticks of the newest epoch that cannot be applied yet.
    ahead: BTreeMap<u64, Tick>,
    collecting: Option<Collecting>,
    /// When the pending resync request went out, or its answer last made progress.
    asked_now_ms: Option<Millis>,
    fenced_now_ms: Option<Millis>,
    /// The gateway of the newest epoch said so.
    draining: bool,
    // The rest is kept by `liveness.rs`.
    pub(super) liveness: Liveness,
    pub(super) heard_now_ms: Millis,
    pub(super) suspect_since_now_ms: Millis,
}

/// A snapshot of the newest epoch of which parts are missing.
#[derive(Debug)]
struct Collecting {
    seq: u64,
    missing: usize,
    parts: Vec<Option<Vec<SnapshotTopic>>>,
}

impl Source {
    pub(super) fn new(name: SourceName, now_ms: Millis) -> Self {
        Self {
            name,
            newest_epoch: 0,
            applied: None,
            holdings: Holdings::default(),
            corrupt: false,
            ahead: BTreeMap::new(),
            collecting: None,
            asked_now_ms: None,
            fenced_now_ms: None,
            draining: false,
            liveness: Liveness::Fresh,
            heard_now_ms: now_ms,
            suspect_since_now_ms: now_ms,
        }
    }

    /// True if a frame of this epoch is the word of the gateway that has the name now; false if it comes from a predecessor
    /// (or from a successor whose clock stepped back).
    pub(super) fn accepts(&mut self, epoch: u64) -> bool {
        if epoch > self.newest_epoch {
            self.newest_epoch = epoch;
            self.ahead.clear();
            self.collecting = None;
            self.asked_now_ms = None;
            self.draining = false;
        }
        epoch == self.newest_epoch
    }

    /// Takes an accepted tick: applies it and all that it was missing for, or keeps it.
    pub(super) fn take_tick(&mut self, tick: Tick, around: &mut Surroundings<'_>) {
        self.draining |= tick.draining;
        if self.current().is_some_and(|applied| tick.seq <= applied.seq) || self.ahead.contains_key(&tick.seq) {
            around.stats.duplicates += 1;
            return;
        }
        self.ahead.insert(tick.seq, tick);
        if self.ahead.len() > AHEAD_TICKS_MAX {
            self.ahead.pop_first();
        }
        self.advance(around);
    }

    /// Takes an accepted part of a snapshot; takes the whole over when it is complete.
    pub(super) fn take_part(&mut self, part: SnapshotPart, now_ms: Millis, around: &mut Surroundings<'_>) {
        let index = part.part as usize;
        if part.parts == 0 || part.parts > SNAPSHOT_PARTS_MAX || part.part >= part.parts {
            around.stats.refused += 1;
            return;
        }
        // Whoever misses nothing goes on with ticks: they know when each viewer came and went, a snapshot does not.
        let too_old = self.current().is_some_and(|applied| part.seq < applied.seq + u64::from(!self.corrupt));
        if self.missing_from().is_none() || too_old {
            return;
        }
        if self.collecting.as_ref().is_none_or(|collecting| collecting.seq < part.seq) {
            let parts = vec![None; part.parts as usize];
            self.collecting = Some(Collecting { seq: part.seq, missing: parts.len(), parts });
            if around.sabotage == Some(Sabotage::PurgeThenFill)
                && let Some(Applied { stamp, .. }) = &self.applied
            {
                self.holdings.release(stamp, around.unions, around.out);
            }
        }
        let collecting = self.collecting.as_mut().expect("it was begun above when absent");
        if collecting.seq > part.seq
            || collecting.parts.len() != part.parts as usize
            || collecting.parts[index].is_some()
        {
            return;
        }
        collecting.parts[index] = Some(part.topics);
        collecting.missing -= 1;
        self.asked_now_ms = Some(now_ms);
        if collecting.missing == 0 {
            let parts = self.collecting.take().map(|collecting| collecting.parts).unwrap_or_default();
            let stamp = Stamp { source: self.name.clone(), epoch: part.epoch, at_ms: part.at_ms };
            self.take_snapshot(parts.into_iter().flatten().flatten(), stamp, part.seq, around);
        }
    }

    fn take_snapshot(
        &mut self,
        topics: impl Iterator<Item = SnapshotTopic>,
        stamp: Stamp,
        seq: u64,
        around: &mut Surroundings<'_>,
    ) {
        let mut merged: BTreeMap<Topic, SnapshotTopic> = BTreeMap::new();
        for topic in topics {
            if let Some(begun) = merged.get_mut(&topic.topic) {
                begun.members.extend(topic.members);
            } else {
                merged.insert(topic.topic.clone(), topic);
            }
        }
        let check = |(name, topic): (Topic, SnapshotTopic)| {
            let members: Vec<Member> = topic.members;
            Some((name, SourceSet::checked(members, (topic.digest, topic.size), topic.connections)?))
        };
        let Some(sets) = merged.into_iter().map(check).collect::<Option<BTreeMap<_, _>>>() else {
            around.stats.digest_mismatches += 1;
            return;
        };
        around.stats.snapshots += 1;
        let old = self.applied.take().map(|applied| applied.stamp);
        self.holdings.replace(old.as_ref(), &stamp, sets, around.unions, around.out);
        self.applied = Some(Applied { stamp, seq });
        self.corrupt = false;
        self.asked_now_ms = None;
        self.ahead = self.ahead.split_off(&(seq + 1));
        self.advance(around);
    }

    /// Applies what can be applied: the successor of what is applied; the first tick of an epoch starts it from nothing.
    fn advance(&mut self, around: &mut Surroundings<'_>) {
        while !self.corrupt {
            let next = self.current().map_or(1, |applied| applied.seq + 1);
            let tick = match self.ahead.remove(&next) {
                None if around.sabotage == Some(Sabotage::ApplyOutOfOrder) && next > 1 => self.ahead.pop_first(),
                tick => tick.map(|tick| (next, tick)),
            };
            let Some((seq, tick)) = tick else { break };
            let stamp = Stamp { source: self.name.clone(), epoch: tick.epoch, at_ms: tick.at_ms };
            if next == 1 {
                let old = self.applied.take().map(|applied| applied.stamp);
                self.holdings.replace(old.as_ref(), &stamp, BTreeMap::new(), around.unions, around.out);
            }
            let mut matches = true;
            for delta in &tick.topics {
                matches &= self.holdings.apply(delta, &stamp, around.unions, around.out);
            }
            self.applied = Some(Applied { stamp, seq });
            self.asked_now_ms = None;
            around.stats.ticks_applied += 1;
            if !matches && around.sabotage != Some(Sabotage::SkipDigestCheck) {
                around.stats.digest_mismatches += 1;
                self.corrupt = true;
            }
        }
        if self.is_synced() {
            self.collecting = None;
        }
    }

    pub(super) fn view<'a>(&self, source: &'a SourceName) -> SourceView<'a> {
        SourceView {
            source,
            applied: self.applied.as_ref().map(|applied| (applied.stamp.epoch, applied.seq, applied.stamp.at_ms)),
            synced: self.is_synced(),
            draining: self.is_draining(),
            liveness: self.liveness,
        }
    }

    /// What is applied, if it is of the newest epoch.
    fn current(&self) -> Option<&Applied> {
        self.applied.as_ref().filter(|applied| applied.stamp.epoch == self.newest_epoch)
    }

    /// True if those who are held are being moved elsewhere (and not only their successor's viewers).
    pub(super) fn is_draining(&self) -> bool {
        self.draining && self.current().is_some()
    }

    /// True if nothing is known to be missing.
    pub(super) fn is_synced(&self) -> bool {
        self.missing_from().is_none()
    }

    /// The first tick that is missing; 0 if only a snapshot helps.
    fn missing_from(&self) -> Option<u64> {
        match self.current() {
            Some(applied) if !self.corrupt => (!self.ahead.is_empty()).then_some(applied.seq + 1),
            _ => Some(0),
        }
    }

    /// True while a whole state was asked for and may still come.
    pub(super) fn awaits_snapshot(&self, now_ms: Millis) -> bool {
        self.missing_from() == Some(0) && self.asked_now_ms.is_some_and(|asked| now_ms < asked + RESYNC_RETRY_MS)
    }

    /// Asks for what is missing, unless that was done just now.
    pub(super) fn ask(&mut self, now_ms: Millis, snapshots_allowed: bool, around: &mut Surroundings<'_>) {
        let Some(from_seq) = self.missing_from() else { return };
        let patient = self.asked_now_ms.is_some_and(|asked| now_ms < asked + RESYNC_RETRY_MS);
        if patient || (from_seq == 0 && !snapshots_allowed) {
            return;
        }
        around.stats.gaps += u64::from(self.asked_now_ms.is_none());
        self.asked_now_ms = Some(now_ms);
        around.out.push(Effect::Request(self.request(from_seq, false)));
    }

    /// Tells a gateway of an older epoch that the name is not its own any more; not more often than any request.
    pub(super) fn fence(&mut self, now_ms: Millis, around: &mut Surroundings<'_>) {
        around.stats.fenced += 1;
        if self.fenced_now_ms.is_none_or(|fenced| now_ms >= fenced + RESYNC_RETRY_MS) {
            self.fenced_now_ms = Some(now_ms);
            around.out.push(Effect::Request(self.request(0, true)));
        }
    }

    /// Judges the source anew, which makes its viewers firm or soft.
    pub(super) fn become_liveness(&mut self, is: Liveness, around: &mut Surroundings<'_>) {
        let was = std::mem::replace(&mut self.liveness, is);
        if was != is {
            self.holdings.set_silent(is != Liveness::Fresh, around.unions);
            around.out.push(Effect::Source { source: self.name.clone(), was, is });
        }
    }

    fn request(&self, from_seq: u64, fenced: bool) -> ResyncRequest {
        ResyncRequest { source: self.name.clone(), epoch: self.newest_epoch, from_seq, fenced }
    }

    /// Forgets all but the name and its newest epoch, and says who was lost by it.
    pub(super) fn release(&mut self, around: &mut Surroundings<'_>) {
        if let Some(applied) = self.applied.take() {
            self.holdings.release(&applied.stamp, around.unions, around.out);
        }
        self.corrupt = false;
        self.ahead.clear();
        self.collecting = None;
        self.asked_now_ms = None;
    }
}
