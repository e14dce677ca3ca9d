//! Cuts the whole state of a gateway into frames that fit the bus. Deliberately always in the same way for the same state: replicas
//! put parts of two answers together if both are of one (epoch, seq).

use std::collections::BTreeMap;

use super::set::TopicSet;
use crate::frames::SnapshotTopic;
use crate::ids::Topic;
use crate::limits::FRAME_BYTES_MAX;

/// The topics of each part, at least one part. A part ends at either limit: members, or bytes (for many small topics).
pub(super) fn parts(topics: &BTreeMap<Topic, TopicSet>, members_max: usize) -> Vec<Vec<SnapshotTopic>> {
    let mut parts = vec![Vec::new()];
    let (mut members, mut bytes) = (0, 0);
    for (topic, set) in topics {
        let mut rest: Vec<_> = set.told_members().collect();
        if rest.is_empty() && set.told().connections == 0 {
            continue;
        }
        rest.sort_unstable_by_key(|member| std::cmp::Reverse(member.viewer));
        loop {
            if members >= members_max || bytes >= FRAME_BYTES_MAX / 2 {
                parts.push(Vec::new());
                (members, bytes) = (0, 0);
            }
            let here = rest.split_off(rest.len().saturating_sub(members_max - members));
            members += here.len();
            let told = set.told();
            let part = SnapshotTopic {
                topic: topic.clone(),
                members: here,
                digest: told.digest,
                size: told.size,
                connections: told.connections,
            };
            bytes += part.bytes_max();
            parts.last_mut().expect("there is always a first").push(part);
            if rest.is_empty() {
                break;
            }
        }
    }
    parts
}
