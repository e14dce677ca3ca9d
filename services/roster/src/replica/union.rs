//! The union of all gateways' sets: per topic, who is held by anyone, and by whom firmly. O(1) a change.
//! Deliberately ignorant of gateways: it is told only what one holder held before and holds now.

use std::collections::BTreeMap;

use crate::hashing::ViewerMap;
use crate::ids::{Topic, ViewerId};

/// How one source holds a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    None,
    /// Perhaps gone already: lingering, or its source is silent.
    Soft,
    Firm,
}

/// How many sources hold a viewer, each way. 16 bits suffice: see [`crate::limits::SOURCES_MAX`].
#[derive(Debug, Default)]
struct Holders {
    firm: u16,
    soft: u16,
}

impl Holders {
    fn count_of(&mut self, hold: Hold) -> Option<&mut u16> {
        match hold {
            Hold::None => None,
            Hold::Soft => Some(&mut self.soft),
            Hold::Firm => Some(&mut self.firm),
        }
    }
}

/// One topic over all gateways.
#[derive(Debug, Default)]
pub(super) struct Union {
    holders: ViewerMap<Holders>,
    firmly_held: usize,
    connections: u64,
}

impl Union {
    /// One source held the viewer in one way and now does in another.
    pub(super) fn change(&mut self, viewer: ViewerId, was: Hold, is: Hold) {
        if was == is {
            return;
        }
        let holders = self.holders.entry(viewer).or_default();
        let was_firm = holders.firm > 0;
        if let Some(count) = holders.count_of(was) {
            *count -= 1;
        }
        if let Some(count) = holders.count_of(is) {
            *count += 1;
        }
        match (was_firm, holders.firm > 0) {
            (false, true) => self.firmly_held += 1,
            (true, false) => self.firmly_held -= 1,
            _ => {}
        }
        if holders.firm == 0 && holders.soft == 0 {
            self.holders.remove(&viewer);
        }
    }

    pub(super) fn change_connections(&mut self, was: u32, is: u32) {
        self.connections = self.connections - u64::from(was) + u64::from(is);
    }

    /// Distinct viewers: the number that is shown, and the high end of the band.
    pub(super) fn viewers(&self) -> u64 {
        self.holders.len() as u64
    }

    /// Viewers that some source holds firmly: the low end of the band.
    pub(super) fn low(&self) -> u64 {
        self.firmly_held as u64
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections
    }
}

/// All topics that anyone holds.
#[derive(Debug, Default)]
pub(super) struct Unions(BTreeMap<Topic, Union>);

impl Unions {
    /// Changes one topic; it is there for as long as somebody or some connection is.
    pub(super) fn change<R>(&mut self, topic: &Topic, change: impl FnOnce(&mut Union) -> R) -> R {
        if !self.0.contains_key(topic) {
            self.0.insert(topic.clone(), Union::default());
        }
        let union = self.0.get_mut(topic).expect("it was inserted above when absent");
        let result = change(union);
        if union.holders.is_empty() && union.connections == 0 {
            self.0.remove(topic);
        }
        result
    }

    pub(super) fn get(&self, topic: &Topic) -> Option<&Union> {
        self.0.get(topic)
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.0.keys()
    }
}
