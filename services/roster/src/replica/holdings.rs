//! What one source holds at a replica: its sets, exactly as of one (epoch, seq), and how each change of them reaches the union
//! and becomes a fact. Deliberately ignorant of sequence numbers and of time passing.

use std::collections::{BTreeMap, BTreeSet};

use super::effects::{CloseCause, Effect, Span};
use super::union::{Hold, Unions};
use crate::digest::{digest, member_digest};
use crate::frames::{Member, TopicDelta};
use crate::hashing::ViewerMap;
use crate::ids::{Millis, SourceName, Topic, ViewerId};

/// Of which life of which source, and of which moment.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    pub(super) source: SourceName,
    pub(super) epoch: u64,
    pub(super) at_ms: Millis,
}

impl Stamp {
    fn span(&self, topic: &Topic, viewer: ViewerId, held: Held) -> Span {
        let (topic, source) = (topic.clone(), self.source.clone());
        Span { topic, viewer, source, epoch: self.epoch, joined_at_ms: held.joined_at_ms() }
    }
}

/// Time of joining and whether lingering, in 8 bytes, as there is one for each viewer and source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held(u64);

impl Held {
    fn new(joined_at_ms: Millis, lingering: bool) -> Self {
        Self(joined_at_ms << 1 | u64::from(lingering))
    }

    fn joined_at_ms(self) -> Millis {
        self.0 >> 1
    }

    fn lingering(self) -> bool {
        self.0 & 1 == 1
    }
}

/// One topic at one source.
#[derive(Debug, Default)]
pub(super) struct SourceSet {
    members: ViewerMap<Held>,
    digest: u64,
    connections: u32,
}

impl SourceSet {
    /// A set from a snapshot. None if it is not the one that the gateway says it is.
    pub(super) fn checked(members: Vec<Member>, declared: (u64, u32), connections: u32) -> Option<Self> {
        let found = digest(members.iter().map(|member| (member.viewer, member.lingering)));
        let held = |member: Member| (member.viewer, Held::new(member.joined_at_ms, member.lingering));
        let members: ViewerMap<Held> = members.into_iter().map(held).collect();
        (found == declared.0 && members.len() as u64 == u64::from(declared.1)).then_some(Self {
            members,
            digest: found,
            connections,
        })
    }
}

/// All topics of one source.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    topics: BTreeMap<Topic, SourceSet>,
    /// The source is silent: all its viewers count as soft.
    silent: bool,
}

impl Holdings {
    /// Applies one delta; `stamp` is that of its tick. False if the set is then not the one that the gateway has.
    pub(super) fn apply(
        &mut self,
        delta: &TopicDelta,
        stamp: &Stamp,
        unions: &mut Unions,
        out: &mut Vec<Effect>,
    ) -> bool {
        let topic = &delta.topic;
        let silent = self.silent;
        let set = self.topics.entry(topic.clone()).or_default();
        unions.change(topic, |union| {
            union.change_connections(set.connections, delta.connections);
            set.connections = delta.connections;
            let present = delta.joins.iter().map(|&viewer| (viewer, false));
            for (viewer, lingering) in present.chain(delta.lingers.iter().map(|&viewer| (viewer, true))) {
                let was = set.members.get(&viewer).copied();
                // A linger that begins or ends does not begin a new span.
                let is = Held::new(was.map_or(stamp.at_ms, Held::joined_at_ms), lingering);
                if let Some(was) = was {
                    set.digest ^= member_digest(viewer, was.lingering());
                } else {
                    out.push(Effect::Opened(stamp.span(topic, viewer, is)));
                }
                set.digest ^= member_digest(viewer, lingering);
                set.members.insert(viewer, is);
                union.change(viewer, hold(was, silent), hold(Some(is), silent));
            }
            for &viewer in &delta.leaves {
                let Some(was) = set.members.remove(&viewer) else { continue };
                set.digest ^= member_digest(viewer, was.lingering());
                union.change(viewer, hold(Some(was), silent), Hold::None);
                out.push(closed(stamp.span(topic, viewer, was), stamp.at_ms, cause_of(was)));
            }
        });
        let matches = set.digest == delta.digest && set.members.len() as u64 == u64::from(delta.size);
        if set.members.is_empty() && set.connections == 0 {
            self.topics.remove(topic);
        }
        matches
    }

    /// Takes over a whole state at once: what is the same in both is not touched, so nobody leaves the union for a moment.
    pub(super) fn replace(
        &mut self,
        old: Option<&Stamp>,
        new: &Stamp,
        topics: BTreeMap<Topic, SourceSet>,
        unions: &mut Unions,
        out: &mut Vec<Effect>,
    ) {
        let same_epoch = old.is_some_and(|old| old.epoch == new.epoch);
        let before = std::mem::replace(&mut self.topics, topics);
        let nothing = SourceSet::default();
        let names: BTreeSet<&Topic> = before.keys().chain(self.topics.keys()).collect();
        for topic in names {
            let was_set = before.get(topic).unwrap_or(&nothing);
            let is_set = self.topics.get(topic).unwrap_or(&nothing);
            unions.change(topic, |union| {
                union.change_connections(was_set.connections, is_set.connections);
                for (&viewer, &was) in &was_set.members {
                    let is = is_set.members.get(&viewer).copied();
                    union.change(viewer, hold(Some(was), self.silent), hold(is, self.silent));
                    if same_epoch && is.is_some_and(|is| is.joined_at_ms() == was.joined_at_ms()) {
                        continue;
                    }
                    let old = old.expect("whoever holds members has a state");
                    let span = old.span(topic, viewer, was);
                    out.push(if same_epoch {
                        // It is not known when; but not after the viewer came again, nor after the snapshot.
                        let left_at_ms = is.map_or(new.at_ms, Held::joined_at_ms);
                        closed(span, left_at_ms, cause_of(was))
                    } else {
                        closed(span, old.at_ms, CloseCause::SourceLost)
                    });
                }
                for (&viewer, &is) in &is_set.members {
                    let was = was_set.members.get(&viewer).copied();
                    if was.is_none() {
                        union.change(viewer, Hold::None, hold(Some(is), self.silent));
                    }
                    if !(same_epoch && was.is_some_and(|was| was.joined_at_ms() == is.joined_at_ms())) {
                        out.push(Effect::Opened(new.span(topic, viewer, is)));
                    }
                }
            });
        }
    }

    /// The source fell silent or was heard again: its viewers become soft or firm.
    pub(super) fn set_silent(&mut self, silent: bool, unions: &mut Unions) {
        let was_silent = std::mem::replace(&mut self.silent, silent);
        for (topic, set) in &self.topics {
            unions.change(topic, |union| {
                for (&viewer, &held) in &set.members {
                    union.change(viewer, hold(Some(held), was_silent), hold(Some(held), silent));
                }
            });
        }
    }

    /// The source is taken as dead: everyone it held leaves, as of its last known moment.
    pub(super) fn release(&mut self, stamp: &Stamp, unions: &mut Unions, out: &mut Vec<Effect>) {
        for (topic, set) in std::mem::take(&mut self.topics) {
            unions.change(&topic, |union| {
                union.change_connections(set.connections, 0);
                for (&viewer, &held) in &set.members {
                    union.change(viewer, hold(Some(held), self.silent), Hold::None);
                    out.push(closed(stamp.span(&topic, viewer, held), stamp.at_ms, CloseCause::SourceLost));
                }
            });
        }
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&Topic, Member)> {
        self.topics.iter().flat_map(|(topic, set)| {
            set.members.iter().map(move |(&viewer, held)| {
                let member = Member { viewer, joined_at_ms: held.joined_at_ms(), lingering: held.lingering() };
                (topic, member)
            })
        })
    }
}

fn hold(held: Option<Held>, silent: bool) -> Hold {
    match held {
        None => Hold::None,
        Some(held) if silent || held.lingering() => Hold::Soft,
        Some(_) => Hold::Firm,
    }
}

fn cause_of(held: Held) -> CloseCause {
    if held.lingering() { CloseCause::Broken } else { CloseCause::Left }
}

fn closed(span: Span, left_at_ms: Millis, cause: CloseCause) -> Effect {
    let left_at_ms = left_at_ms.max(span.joined_at_ms);
    Effect::Closed { span, left_at_ms, cause }
}
