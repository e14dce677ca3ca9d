//! The frames between gateways and presence replicas as bytes: roster's types on one side, protobuf on the other.
//!
//! Decoding checks what the roster's rules take for granted (names that are names, ids of 48 bits, lists of one length);
//! whether a frame makes sense at this moment is the roster's to judge.

use prost::Message as _;
use turnout_proto::presence::v1 as wire;
use turnout_roster::{
    Member, Resync, ResyncRequest, SnapshotPart, SnapshotTopic, SourceName, Tick, Topic, TopicDelta, ViewerId,
};

use crate::{
    ids::{Audience, ID_WITH_SUFFIX_CHARS_MAX},
    limits::BUS_PAYLOAD_BYTES_MAX,
};

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Over the bus limit.
    #[error("frame is too large")]
    TooLarge,
    /// Not the protobuf message.
    #[error("not protobuf: {0}")]
    Protobuf(String),
    /// A field that cannot be.
    #[error("field {0} is impossible")]
    Field(&'static str),
}

fn parse<M: prost::Message + Default>(bytes: &[u8]) -> Result<M, BadFrame> {
    if bytes.len() > BUS_PAYLOAD_BYTES_MAX {
        return Err(BadFrame::TooLarge);
    }
    M::decode(bytes).map_err(|e| BadFrame::Protobuf(e.to_string()))
}

/// A tick as bytes.
pub fn encode_tick(tick: Tick) -> Vec<u8> {
    tick_to_wire(tick).encode_to_vec()
}

/// Bytes as a tick.
pub fn decode_tick(bytes: &[u8]) -> Result<Tick, BadFrame> {
    tick_from_wire(parse(bytes)?)
}

/// A resync request as bytes.
pub fn encode_resync_request(request: ResyncRequest) -> Vec<u8> {
    let ResyncRequest { source, epoch, from_seq, fenced } = request;
    wire::ResyncRequest { source: source.to_string(), epoch, from_seq, fenced }.encode_to_vec()
}

/// Bytes as a resync request.
pub fn decode_resync_request(bytes: &[u8]) -> Result<ResyncRequest, BadFrame> {
    let wire::ResyncRequest { source, epoch, from_seq, fenced } = parse(bytes)?;
    Ok(ResyncRequest { source: source_from_wire(&source)?, epoch, from_seq, fenced })
}

/// A resync answer as bytes.
pub fn encode_resync(resync: Resync) -> Vec<u8> {
    use wire::resync_frame::Content;
    let content = match resync {
        Resync::Replay(ticks) => Content::Replay(wire::Replay { ticks: ticks.into_iter().map(tick_to_wire).collect() }),
        Resync::Snapshot(part) => Content::Snapshot(part_to_wire(part)),
    };
    wire::ResyncFrame { content: Some(content) }.encode_to_vec()
}

/// Bytes as a resync answer.
pub fn decode_resync(bytes: &[u8]) -> Result<Resync, BadFrame> {
    use wire::resync_frame::Content;
    match parse::<wire::ResyncFrame>(bytes)?.content.ok_or(BadFrame::Field("content"))? {
        Content::Replay(replay) => {
            Ok(Resync::Replay(replay.ticks.into_iter().map(tick_from_wire).collect::<Result<_, _>>()?))
        }
        Content::Snapshot(part) => Ok(Resync::Snapshot(part_from_wire(part)?)),
    }
}

/// Counts as bytes.
pub fn encode_counts(frame: &wire::CountsFrame) -> Vec<u8> {
    frame.encode_to_vec()
}

/// Bytes as counts.
pub fn decode_counts(bytes: &[u8]) -> Result<wire::CountsFrame, BadFrame> {
    let frame: wire::CountsFrame = parse(bytes)?;
    source_from_wire(&frame.replica)?;
    for count in &frame.counts {
        topic_from_wire(&count.topic)?;
        if count.low > count.high {
            return Err(BadFrame::Field("counts.low"));
        }
    }
    Ok(frame)
}

fn source_from_wire(name: &str) -> Result<SourceName, BadFrame> {
    let fits = !name.is_empty()
        && name.len() <= ID_WITH_SUFFIX_CHARS_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~'));
    if fits { Ok(SourceName::from(name)) } else { Err(BadFrame::Field("source")) }
}

fn topic_from_wire(topic: &str) -> Result<Topic, BadFrame> {
    topic.parse::<Audience>().map_err(|_| BadFrame::Field("topic"))?;
    Ok(Topic::from(topic))
}

fn viewer_from_wire(bits: u64) -> Result<ViewerId, BadFrame> {
    if bits >> 48 == 0 { Ok(ViewerId::new(bits)) } else { Err(BadFrame::Field("viewer")) }
}

fn viewers_to_wire(viewers: Vec<ViewerId>) -> Vec<u64> {
    viewers.into_iter().map(ViewerId::get).collect()
}

fn viewers_from_wire(bits: Vec<u64>) -> Result<Vec<ViewerId>, BadFrame> {
    bits.into_iter().map(viewer_from_wire).collect()
}

fn tick_to_wire(tick: Tick) -> wire::TickFrame {
    let Tick { source, epoch, seq, at_ms, draining, topics } = tick;
    let topics = topics
        .into_iter()
        .map(|TopicDelta { topic, joins, lingers, leaves, digest, size, connections }| wire::TopicDelta {
            topic: topic.to_string(),
            joins: viewers_to_wire(joins),
            lingers: viewers_to_wire(lingers),
            leaves: viewers_to_wire(leaves),
            digest,
            size,
            connections,
        })
        .collect();
    wire::TickFrame { source: source.to_string(), epoch, seq, at_ms, draining, topics }
}

fn tick_from_wire(frame: wire::TickFrame) -> Result<Tick, BadFrame> {
    let wire::TickFrame { source, epoch, seq, at_ms, draining, topics } = frame;
    let topics = topics
        .into_iter()
        .map(|delta| {
            let wire::TopicDelta { topic, joins, lingers, leaves, digest, size, connections } = delta;
            Ok(TopicDelta {
                topic: topic_from_wire(&topic)?,
                joins: viewers_from_wire(joins)?,
                lingers: viewers_from_wire(lingers)?,
                leaves: viewers_from_wire(leaves)?,
                digest,
                size,
                connections,
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Tick { source: source_from_wire(&source)?, epoch, seq, at_ms, draining, topics })
}

fn part_to_wire(snapshot: SnapshotPart) -> wire::SnapshotPart {
    let SnapshotPart { source, epoch, seq, at_ms, part, parts, topics } = snapshot;
    let topics = topics
        .into_iter()
        .map(|SnapshotTopic { topic, members, digest, size, connections }| wire::SnapshotTopic {
            topic: topic.to_string(),
            viewers: members.iter().map(|m| m.viewer.get()).collect(),
            // A visit of over 49 days is shown as one of 49 days.
            joined_ago_ms: members
                .iter()
                .map(|m| u32::try_from(at_ms.saturating_sub(m.joined_at_ms)).unwrap_or(u32::MAX))
                .collect(),
            lingering: members.iter().map(|m| m.lingering).collect(),
            digest,
            size,
            connections,
        })
        .collect();
    wire::SnapshotPart { source: source.to_string(), epoch, seq, at_ms, part, parts, topics }
}

fn part_from_wire(frame: wire::SnapshotPart) -> Result<SnapshotPart, BadFrame> {
    let wire::SnapshotPart { source, epoch, seq, at_ms, part, parts, topics } = frame;
    let topics = topics
        .into_iter()
        .map(|t| {
            if t.viewers.len() != t.joined_ago_ms.len() || t.viewers.len() != t.lingering.len() {
                return Err(BadFrame::Field("snapshot.viewers"));
            }
            let members = t
                .viewers
                .iter()
                .zip(&t.joined_ago_ms)
                .zip(&t.lingering)
                .map(|((viewer, ago), lingering)| {
                    Ok(Member {
                        viewer: viewer_from_wire(*viewer)?,
                        joined_at_ms: at_ms.saturating_sub(u64::from(*ago)),
                        lingering: *lingering,
                    })
                })
                .collect::<Result<_, _>>()?;
            Ok(SnapshotTopic {
                topic: topic_from_wire(&t.topic)?,
                members,
                digest: t.digest,
                size: t.size,
                connections: t.connections,
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(SnapshotPart { source: source_from_wire(&source)?, epoch, seq, at_ms, part, parts, topics })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn viewer() -> impl Strategy<Value = ViewerId> {
        any::<u64>().prop_map(ViewerId::new)
    }

    fn viewers() -> impl Strategy<Value = Vec<ViewerId>> {
        prop::collection::vec(viewer(), 0..5)
    }

    prop_compose! {
        fn delta()(joins in viewers(), lingers in viewers(), leaves in viewers(), digest: u64, size: u32, connections: u32) -> TopicDelta {
            TopicDelta { topic: Topic::from("acme/demo/stage-1"), joins, lingers, leaves, digest, size, connections }
        }
    }

    prop_compose! {
        fn tick()(epoch: u64, seq: u64, at_ms: u64, draining: bool, topics in prop::collection::vec(delta(), 0..3)) -> Tick {
            Tick { source: SourceName::from("gw-1~x"), epoch, seq, at_ms, draining, topics }
        }
    }

    prop_compose! {
        fn part()(
            epoch: u64, seq: u64, at_ms in 1u64 << 40..1 << 41, part: u32, parts: u32,
            members in prop::collection::vec((viewer(), 0u32.., any::<bool>()), 0..5),
        ) -> SnapshotPart {
            let members: Vec<Member> = members
                .into_iter()
                .map(|(viewer, ago, lingering)| Member { viewer, joined_at_ms: at_ms - u64::from(ago), lingering })
                .collect();
            let topic = SnapshotTopic { topic: Topic::from("acme/demo"), members, digest: 1, size: 2, connections: 3 };
            SnapshotPart { source: SourceName::from("gw"), epoch, seq, at_ms, part, parts, topics: vec![topic] }
        }
    }

    proptest! {
        #[test]
        fn a_tick_reads_back_as_it_was(tick in tick()) {
            prop_assert_eq!(decode_tick(&encode_tick(tick.clone())), Ok(tick));
        }

        #[test]
        fn a_snapshot_and_a_replay_read_back_as_they_were(part in part(), ticks in prop::collection::vec(tick(), 0..3)) {
            for resync in [Resync::Snapshot(part), Resync::Replay(ticks)] {
                prop_assert_eq!(decode_resync(&encode_resync(resync.clone())), Ok(resync));
            }
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (decode_tick(&bytes), decode_resync(&bytes), decode_resync_request(&bytes), decode_counts(&bytes));
        }
    }

    #[test]
    fn an_impossible_frame_is_refused_by_name() {
        let mut frame = wire::TickFrame { source: "gw".into(), ..Default::default() };
        frame.topics.push(wire::TopicDelta { topic: "no tenant".into(), ..Default::default() });
        assert_eq!(decode_tick(&frame.encode_to_vec()), Err(BadFrame::Field("topic")));
        frame.topics[0] = wire::TopicDelta { topic: "a/b".into(), joins: vec![1 << 48], ..Default::default() };
        assert_eq!(decode_tick(&frame.encode_to_vec()), Err(BadFrame::Field("viewer")));
        frame.topics.clear();
        frame.source = "a.b".into();
        assert_eq!(decode_tick(&frame.encode_to_vec()), Err(BadFrame::Field("source")));
        assert_eq!(decode_tick(&vec![0; BUS_PAYLOAD_BYTES_MAX + 1]), Err(BadFrame::TooLarge));
    }
}
