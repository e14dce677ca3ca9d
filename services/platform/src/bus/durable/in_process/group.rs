//! What one consumer of the in-process bus has yet to do: pure, time is an argument. It neither reads nor writes any table.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use crate::telemetry::TraceParent;

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub seq: u64,
    pub subject: String,
    pub id: String,
    pub payload: Bytes,
    pub trace: Option<TraceParent>,
}

/// A message that this consumer has not settled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Open {
    pub entry: Entry,
    /// How often it has been delivered.
    pub number: u32,
    /// How many of these deliveries do not count as tries.
    pub forgiven: u32,
    /// Whether it is kept in a row of its own, so that the consumer's position may pass it.
    pub is_kept: bool,
    /// Whether the process before this one may have ended while it was being handled.
    pub is_suspect: bool,
}

impl Open {
    /// Deliveries that count as tries.
    pub fn tries(&self) -> u32 {
        self.number.saturating_sub(self.forgiven)
    }

    /// Whether a process that ends must leave behind that it was tried. Not the others: that would be a write for each message.
    pub fn is_counted(&self) -> bool {
        self.is_kept || self.is_suspect
    }
}

/// The open messages of one consumer. Each is in exactly one of three places.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The sequence from which the log is read on.
    next: u64,
    /// Up to here messages may have been delivered by the process before this one.
    suspects_to: u64,
    /// Messages with a row of their own that the log has too: a process may end before its position has passed them.
    in_rows: BTreeSet<u64>,
    /// To be delivered now.
    ready: VecDeque<Open>,
    /// Delivered, and until when the answer is waited for.
    unsettled: BTreeMap<u64, (Instant, Open)>,
    /// To be delivered again at some time.
    later: BTreeMap<u64, (Instant, Open)>,
}

impl Group {
    /// Starts to read the log at a sequence, with what is to be delivered again.
    pub fn new(next: u64, later: impl IntoIterator<Item = (Instant, Open)>) -> Self {
        let later: BTreeMap<_, _> = later.into_iter().map(|(due, open)| (open.entry.seq, (due, open))).collect();
        let in_rows = later.range(next..).map(|(seq, _)| *seq).collect();
        Self { next, in_rows, later, ..Self::default() }
    }

    /// Up to which sequence the process before this one may have delivered messages.
    pub fn suspect_to(self, seq: u64) -> Self {
        Self { suspects_to: seq, ..self }
    }

    /// The sequence from which to read the log on.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How many messages may be read from the log now.
    pub fn room(&self, limit: usize) -> usize {
        limit.saturating_sub(self.open())
    }

    /// Messages that are known here and not settled.
    pub fn open(&self) -> usize {
        self.ready.len() + self.unsettled.len() + self.later.len()
    }

    /// Takes what was read from the log, and from where it is to be read on.
    pub fn add(&mut self, entries: impl IntoIterator<Item = Entry>, next: u64) {
        let open = |entry: Entry| {
            let is_suspect = entry.seq <= self.suspects_to;
            Open { entry, number: 0, forgiven: 0, is_kept: false, is_suspect }
        };
        let entries = entries.into_iter().filter(|entry| !self.in_rows.remove(&entry.seq));
        self.ready.extend(entries.map(open));
        self.next = self.next.max(next);
    }

    /// The next message to deliver, if one is due.
    pub fn take(&mut self, now: Instant, ack_wait: Duration) -> Option<Open> {
        // What failed or was not answered goes before what is new.
        let due = [&mut self.later, &mut self.unsettled].into_iter().find_map(|waiting| {
            let seq = *waiting.iter().find(|(_, (due, _))| *due <= now)?.0;
            waiting.remove(&seq)
        });
        let mut open = due.map(|(_, open)| open).or_else(|| self.ready.pop_front())?;
        open.number += 1;
        self.unsettled.insert(open.entry.seq, (now + ack_wait, open.clone()));
        Some(open)
    }

    /// When the next message is due that is not ready now.
    pub fn due(&self) -> Option<Instant> {
        self.later.values().chain(self.unsettled.values()).map(|(due, _)| *due).min()
    }

    /// A message is done, whichever of its deliveries was answered.
    pub fn settle(&mut self, seq: u64) {
        self.unsettled.remove(&seq);
        self.later.remove(&seq);
    }

    /// A message that has a row of its own now is to be delivered again, unless it already was.
    pub fn postpone(&mut self, seq: u64, number: u32, due: Instant) {
        if let Some((_, open)) = self.unsettled.remove(&seq) {
            let open = Open { is_kept: true, ..open };
            if open.number == number {
                self.later.insert(seq, (due, open));
            } else {
                self.unsettled.insert(seq, (due, open));
            }
        }
    }

    /// The answer to a delivery is waited for until then, unless it is not the last.
    pub fn hold(&mut self, seq: u64, number: u32, until: Instant) {
        if let Some((due, open)) = self.unsettled.get_mut(&seq)
            && open.number == number
        {
            *due = until;
        }
    }

    /// Whether a message is delivered and not settled.
    pub fn is_open(&self, seq: u64) -> bool {
        self.unsettled.contains_key(&seq) || self.later.contains_key(&seq)
    }

    /// A message that is open has a row of its own now.
    pub fn keep(&mut self, kept: &Open) {
        let seq = kept.entry.seq;
        if let Some((_, open)) = self.unsettled.get_mut(&seq).or_else(|| self.later.get_mut(&seq)) {
            open.is_kept = true;
            open.forgiven = open.forgiven.max(kept.forgiven);
        }
    }

    /// Everything up to here is settled or kept in a row of its own.
    pub fn floor(&self) -> u64 {
        let waiting = self.unsettled.values().chain(self.later.values()).map(|(_, open)| open).chain(&self.ready);
        waiting.filter(|open| !open.is_kept).map(|open| open.entry.seq).chain([self.next]).min().unwrap_or(self.next)
            - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK_WAIT: Duration = Duration::from_secs(30);

    fn entry(seq: u64) -> Entry {
        Entry { seq, subject: "s".into(), id: seq.to_string(), payload: Bytes::new(), trace: None }
    }

    fn group(entries: std::ops::Range<u64>) -> Group {
        let mut group = Group::new(entries.start, []);
        let next = entries.end;
        group.add(entries.map(entry), next);
        group
    }

    fn seq(open: Option<Open>) -> Option<(u64, u32)> {
        open.map(|open| (open.entry.seq, open.number))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_answered_comes_again_before_what_is_new() {
        let (mut group, now) = (group(1..4), Instant::now());
        assert_eq!(seq(group.take(now, ACK_WAIT)), Some((1, 1)));
        assert_eq!(seq(group.take(now, ACK_WAIT)), Some((2, 1)));
        assert_eq!(group.due(), Some(now + ACK_WAIT));
        group.settle(1);
        assert_eq!(seq(group.take(now + ACK_WAIT, ACK_WAIT)), Some((2, 2)));
        assert_eq!(seq(group.take(now + ACK_WAIT, ACK_WAIT)), Some((3, 1)));
        assert_eq!(seq(group.take(now + ACK_WAIT, ACK_WAIT)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_position_passes_a_postponed_message_and_waits_for_an_open_one() {
        let (mut group, now) = (group(5..8), Instant::now());
        assert_eq!(group.floor(), 4);
        for _ in 0..3 {
            group.take(now, ACK_WAIT);
        }
        group.settle(7);
        assert_eq!(group.floor(), 4);
        group.postpone(5, 1, now + Duration::from_secs(1));
        assert_eq!(group.floor(), 5, "message 5 has a row of its own");
        group.settle(6);
        assert_eq!(group.floor(), 7);
        assert_eq!(seq(group.take(now, ACK_WAIT)), None);
        assert_eq!(seq(group.take(now + Duration::from_secs(1), ACK_WAIT)), Some((5, 2)));
        assert_eq!(group.floor(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_is_due_later_and_what_is_forgiven_does_not_count() {
        let (mut group, now) = (group(1..3), Instant::now());
        let mut open = group.take(now, ACK_WAIT).unwrap();
        group.hold(1, 1, now + 2 * ACK_WAIT);
        assert_eq!(seq(group.take(now + ACK_WAIT, ACK_WAIT)), Some((2, 1)), "the first is held");
        open.forgiven = open.number;
        group.keep(&open);
        let again = group.take(now + 2 * ACK_WAIT, ACK_WAIT).filter(|open| open.entry.seq == 1);
        let again = again.or_else(|| group.take(now + 2 * ACK_WAIT, ACK_WAIT)).unwrap();
        assert_eq!((again.entry.seq, again.number, again.tries(), again.is_counted()), (1, 2, 1, true));
        group.hold(1, 1, now + 9 * ACK_WAIT);
        assert!(group.due().unwrap() < now + 9 * ACK_WAIT, "an older delivery holds nothing");
        group.settle(1);
        group.keep(&open);
        assert!(!group.is_open(1), "it is done");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_with_a_row_of_its_own_is_not_taken_from_the_log_as_well() {
        let open = Open { entry: entry(2), number: 3, forgiven: 1, is_kept: true, is_suspect: false };
        let now = Instant::now();
        let mut group = Group::new(1, [(now, open)]);
        assert_eq!(seq(group.take(now, ACK_WAIT)), Some((2, 4)));
        group.settle(2);
        group.add((1..4).map(entry), 4);
        assert_eq!(seq(group.take(now, ACK_WAIT)), Some((1, 1)));
        assert_eq!(seq(group.take(now, ACK_WAIT)), Some((3, 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_earlier_process_may_have_handled_is_suspect() {
        let mut group = Group::new(5, []).suspect_to(6);
        group.add((5..8).map(entry), 8);
        let now = Instant::now();
        let suspects: Vec<_> = (0..3).map(|_| group.take(now, ACK_WAIT).unwrap().is_counted()).collect();
        assert_eq!(suspects, [true, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_an_older_delivery_counts_but_does_not_postpone_the_newer() {
        let (mut group, now) = (group(1..2), Instant::now());
        group.take(now, ACK_WAIT);
        group.take(now + ACK_WAIT, ACK_WAIT);
        group.postpone(1, 1, now + ACK_WAIT + ACK_WAIT);
        assert_eq!(seq(group.take(now + ACK_WAIT, ACK_WAIT)), None, "the second delivery is being handled");
        group.settle(1);
        assert_eq!(group.open(), 0);
        assert_eq!(group.due(), None);
    }
}
