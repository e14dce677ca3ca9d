//! The judge: compares what replicas hold and publish with the truth. Deliberately strict: a law holds at every step of every
//! seed, or the run fails.

use std::collections::BTreeSet;

use super::Failure;
use super::process::Process;
use super::truth::Model;
use super::world::{WALL_MS, World};
use crate::digest::mix64;
use crate::frames::Member;
use crate::ids::{Millis, SourceName, Topic};
use crate::limits::PUBLISH_HEARTBEAT_MS;
use crate::replica::{Liveness, SourceView, Span, TopicCount};

/// Of one member, to be XORed into the hash of a whole set.
fn member_hash(topic: &Topic, member: Member) -> u64 {
    let name = topic.as_str().bytes().fold(7, |hash, byte| mix64(hash ^ u64::from(byte)));
    mix64(name ^ mix64(member.viewer.get() ^ mix64(member.joined_at_ms << 1 | u64::from(member.lingering))))
}

impl Model {
    pub(super) fn hash(&self) -> u64 {
        let hash = |((topic, viewer), (joined_at_ms, lingering)): (&(Topic, _), &(Millis, bool))| {
            member_hash(topic, Member { viewer: *viewer, joined_at_ms: *joined_at_ms, lingering: *lingering })
        };
        self.told.iter().map(hash).fold(0, |all, one| all ^ one)
    }
}

impl World<'_> {
    /// The law of exact sets, after a frame of one source.
    pub(super) fn judge_sets(&mut self, no: usize, source: &SourceName) -> Result<(), Failure> {
        let Some(view) = self.stations[no].replica.source(source) else { return Ok(()) };
        let (Some((epoch, seq, at_ms)), synced) = (view.applied, view.synced) else { return Ok(()) };
        let members = self.stations[no].replica.members_at(source);
        let held = members.map(|(topic, member)| member_hash(topic, member)).fold(0, |all, one| all ^ one);
        // While a planted corruption is being mended the sets are known to differ.
        let mending = self.corrupted && !synced;
        let told = self.told.get(&(source.clone(), epoch, seq)).copied();
        let same = told.is_some_and(|told| told.is_none_or(|told| told == held));
        if !same && !mending {
            let detail = format!("replica {no} holds another set of {source} at epoch {epoch}, seq {seq}");
            return Err(self.failure("exact sets", detail));
        }
        for ((name, of), process) in self.owners.range((source.clone(), 0)..=(source.clone(), u64::MAX)) {
            debug_assert_eq!(name, source);
            if let Some(known) = self.stations[no].acquaintances.get_mut(process) {
                // A process whose name another one has taken is as good as dead until it goes on under another.
                known.state_ms = (*of == epoch).then_some(at_ms - WALL_MS);
            }
        }
        Ok(())
    }

    /// The laws of the band and of revisions, for one published count.
    pub(super) fn judge_count(&mut self, no: usize, topic: &Topic, count: TopicCount) -> Result<(), Failure> {
        let station = &self.stations[no];
        let as_of_ms = count.as_of_ms.saturating_sub(WALL_MS);
        let starts: Vec<Option<Millis>> = (0..self.processes.len())
            .map(|process| {
                let known = station.acquaintances.get(&process).filter(|known| !known.is_dead(self.now_ms))?;
                Some(known.state_ms?.min(as_of_ms))
            })
            .collect();
        let (mut sure, mut possible, mut connected) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for interval in self.truth.intervals(topic) {
            let open = interval.to_ms.is_none();
            if open {
                connected.insert(interval.viewer);
            }
            if open && starts[interval.process].is_some_and(|start_ms| interval.from_ms < start_ms) {
                sure.insert(interval.viewer);
            }
            if interval.to_ms.is_none_or(|to_ms| to_ms >= as_of_ms) {
                possible.insert(interval.viewer);
            }
        }
        let mending = self.corrupted && station.replica.sources().any(|source| !source.synced);
        let (sure, possible) = (sure.len() as u64, possible.len() as u64);
        let outside = sure.saturating_sub(count.high).max(count.low.saturating_sub(possible));
        if outside > 0 && !mending {
            let detail =
                format!("replica {no}, {topic}: {count:?}, sure {sure}, possible {possible}, error outside {outside}");
            return Err(self.failure("the band", detail));
        }
        if !(count.low..=count.high).contains(&count.viewers) || as_of_ms > self.now_ms {
            return Err(self.failure("the band", format!("replica {no}, {topic}: {count:?}")));
        }
        self.report.counts += 1;
        self.report.sure += sure;
        self.report.connected += connected.len() as u64;
        self.report.band += count.high - count.low;
        let before = self.stations[no].revisions.insert(topic.clone(), count.revision);
        if before.is_some_and(|before| before >= count.revision) {
            return Err(self.failure("revisions", format!("replica {no}, {topic}: {count:?} after {before:?}")));
        }
        Ok(())
    }

    /// A replica that runs is never silent for long.
    pub(super) fn judge_cadence(&self, no: usize) -> Result<(), Failure> {
        let silent_ms = self.stations[no].published_ms.map_or(0, |published_ms| self.now_ms - published_ms);
        if silent_ms > PUBLISH_HEARTBEAT_MS {
            return Err(self.failure("cadence", format!("replica {no} was silent for {silent_ms} ms")));
        }
        Ok(())
    }

    /// The law of convergence: the first thing that is not exactly so.
    pub(super) fn judge_exactness(&self) -> Result<(), String> {
        let lingers = |process: &Process| process.alive && process.model.told.values().any(|(_, lingering)| *lingering);
        if self.processes.iter().any(lingers) {
            return Err("someone lingers".to_owned());
        }
        let spans = self.true_spans();
        for (no, station) in self.stations.iter().enumerate() {
            let status = station.replica.status();
            if status.warming || status.stale {
                return Err(format!("replica {no}: {status:?}"));
            }
            // Of the living it has heard, the dead are dropped.
            let settled = |source: &SourceView<'_>| match source.liveness {
                Liveness::Fresh => self.lives(source.source),
                liveness => liveness == Liveness::Dropped,
            };
            if let Some(source) = station.replica.sources().find(|source| !settled(source)) {
                return Err(format!("replica {no} waits for {source:?}"));
            }
            for topic in self.truth.topics() {
                let (viewers, connections) = self.truth.now(topic);
                let count =
                    station.replica.count(topic).map(|count| (count.viewers, count.low, count.high, count.connections));
                if count.unwrap_or_default() != (viewers, viewers, viewers, connections) {
                    return Err(format!(
                        "replica {no}, {topic}: {count:?}, but {viewers} viewers, {connections} connections"
                    ));
                }
            }
            if let Some(span) = station.open.symmetric_difference(&spans).next() {
                return Err(format!("replica {no}: open by one account only: {span:?}"));
            }
        }
        Ok(())
    }

    fn lives(&self, name: &SourceName) -> bool {
        self.processes.iter().any(|process| process.alive && process.roster.source() == name)
    }

    fn true_spans(&self) -> BTreeSet<Span> {
        let alive = self.processes.iter().filter(|process| process.alive);
        let spans = alive.flat_map(|process| {
            process.model.told.iter().map(|((topic, viewer), (joined_at_ms, _))| Span {
                topic: topic.clone(),
                viewer: *viewer,
                source: process.roster.source().clone(),
                epoch: process.roster.epoch(),
                joined_at_ms: *joined_at_ms,
            })
        });
        spans.collect()
    }

    /// What is judged once, at the end.
    pub(super) fn judge_end(&mut self) -> Result<(), Failure> {
        let mismatches: u64 = self.stations.iter().map(|station| station.replica.stats().digest_mismatches).sum();
        if mismatches > 0 && !self.corrupted {
            return Err(self.failure("exact sets", format!("{mismatches} digest mismatches")));
        }
        // Whoever needed a snapshot has missed something, and perhaps whoever did not hear a gateway's last words; all others know
        // the same.
        let all_live = self.processes.iter().all(|process| process.alive);
        let mut complete = self.stations.iter().filter(|station| all_live && station.missed_nothing());
        let first = complete.next();
        if first.is_some_and(|first| complete.any(|other| other.closed != first.closed)) {
            return Err(self.failure("facts", "two replicas that applied the same ticks closed other spans".to_owned()));
        }
        Ok(())
    }
}
