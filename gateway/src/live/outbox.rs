//! The writing half of a viewer's socket. Counts go straight to the socket; what does not fit is kept whole frame by
//! whole frame, so frames never mix. A slow viewer holds at most one unfinished frame and the wish for the latest
//! count, however many counts it misses; what must arrive (errors, pongs, slots, close frames) waits in a small queue.
//! Which count is the latest is not known here.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

use bytes::Bytes;

use super::connection::Tick;

/// Frames that may wait for a slow viewer.
pub(super) const QUEUE_FRAMES_MAX: usize = 64;
/// Bytes that may wait for a slow viewer.
pub(super) const QUEUE_BYTES_MAX: usize = 64 * 1024;

/// Nothing is allocated while the viewer keeps up.
#[derive(Default)]
pub(super) struct Outbox {
    unsent: Option<Box<Unsent>>,
}

struct Unsent {
    frames: VecDeque<Bytes>,
    /// How much of the first frame is written.
    written: usize,
    queued_bytes: usize,
    wants_latest: bool,
    /// Since when no frame could be finished.
    since: Tick,
}

/// What became of a count.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// It is on its way.
    Taken,
    /// The viewer is busy with older bytes; it gets the latest count when it is done.
    Later,
    /// As [`Later`](Self::Later), and an older count that it had yet to get is skipped.
    Coalesced,
}

/// A queue was full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.unsent.is_none()
    }

    /// Since when the viewer has not finished a frame, if it owes us one.
    pub(super) fn stuck_since(&self) -> Option<Tick> {
        self.unsent.as_ref().map(|unsent| unsent.since)
    }

    /// Offers a count.
    pub(super) fn offer(&mut self, socket: &mut impl Write, frame: &Bytes, now: Tick) -> io::Result<Offer> {
        if let Some(unsent) = &mut self.unsent {
            let waited = std::mem::replace(&mut unsent.wants_latest, true);
            return Ok(if waited { Offer::Coalesced } else { Offer::Later });
        }
        let written = write(socket, frame)?;
        if written == frame.len() {
            return Ok(Offer::Taken);
        }
        // Not a single byte fitted: then it need not be this count, it may be a later one.
        let (frames, wants_latest) =
            if written == 0 { (VecDeque::new(), true) } else { (VecDeque::from([frame.clone()]), false) };
        let queued_bytes = frames.iter().map(Bytes::len).sum();
        self.unsent = Some(Box::new(Unsent { frames, written, queued_bytes, wants_latest, since: now }));
        Ok(if wants_latest { Offer::Later } else { Offer::Taken })
    }

    /// Sends whole frames that must arrive. `bytes_max` bounds what may wait.
    pub(super) fn push(
        &mut self,
        socket: &mut impl Write,
        frames: &[u8],
        now: Tick,
        bytes_max: usize,
    ) -> io::Result<Result<(), Overflow>> {
        if let Some(unsent) = &mut self.unsent {
            if unsent.frames.len() >= QUEUE_FRAMES_MAX || unsent.queued_bytes + frames.len() > bytes_max {
                return Ok(Err(Overflow));
            }
            unsent.queued_bytes += frames.len();
            unsent.frames.push_back(Bytes::copy_from_slice(frames));
            return Ok(Ok(()));
        }
        let written = write(socket, frames)?;
        if written < frames.len() {
            let rest = Bytes::copy_from_slice(&frames[written..]);
            let queued_bytes = rest.len();
            let frames = VecDeque::from([rest]);
            self.unsent = Some(Box::new(Unsent { frames, written: 0, queued_bytes, wants_latest: false, since: now }));
        }
        Ok(Ok(()))
    }

    /// Forgets all that waits, except for the frame that is half written, and ends with `last`.
    pub(super) fn end_with(&mut self, last: &[u8]) {
        if let Some(unsent) = &mut self.unsent {
            unsent.frames.truncate(1);
            unsent.frames.push_back(Bytes::copy_from_slice(last));
            unsent.queued_bytes = unsent.frames.iter().map(Bytes::len).sum();
            unsent.wants_latest = false;
        }
    }

    /// The viewer wants no more counts.
    pub(super) fn forget_latest(&mut self) {
        if let Some(unsent) = &mut self.unsent {
            unsent.wants_latest = false;
        }
    }

    /// Writes what waits, as far as the socket takes it: first the frames in their order, then, if the viewer missed
    /// counts, the latest one, asked from `latest`. True if that latest count is on its way.
    pub(super) fn flush(
        &mut self,
        socket: &mut impl Write,
        now: Tick,
        latest: impl FnOnce() -> Option<Bytes>,
    ) -> io::Result<bool> {
        let Some(unsent) = &mut self.unsent else { return Ok(false) };
        while let Some(frame) = unsent.frames.front() {
            unsent.written += write(socket, &frame[unsent.written..])?;
            if unsent.written < frame.len() {
                return Ok(false);
            }
            unsent.queued_bytes -= frame.len();
            (unsent.written, unsent.since) = (0, now);
            unsent.frames.pop_front();
        }
        let (wants_latest, since) = (unsent.wants_latest, unsent.since);
        self.unsent = None;
        let Some(frame) = wants_latest.then(latest).flatten() else { return Ok(false) };
        let taken = self.offer(socket, &frame, now)? == Offer::Taken;
        if let Some(unsent) = &mut self.unsent
            && !taken
        {
            // Nothing has moved: the wait goes on, it does not begin again.
            unsent.since = since;
        }
        Ok(taken)
    }
}

/// Writes as much as the socket takes at once; 0 when it takes nothing.
fn write(socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

#[cfg(test)]
#[path = "outbox/tests.rs"]
mod tests;
