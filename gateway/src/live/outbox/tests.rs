//! The rules of `outbox`, on a socket that takes as many bytes as it is told.

use super::*;

/// Takes `room` bytes and no more.
#[derive(Default)]
struct Socket {
    room: usize,
    got: Vec<u8>,
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.room -= taken;
        self.got.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const ONE: Bytes = Bytes::from_static(b"[one]");
const TWO: Bytes = Bytes::from_static(b"[two]");
const NINE: Bytes = Bytes::from_static(b"[nine]");

#[test]
fn a_viewer_that_keeps_up_costs_no_memory() {
    let (mut outbox, mut socket) = (Outbox::default(), Socket { room: 100, ..Socket::default() });
    assert_eq!(outbox.offer(&mut socket, &ONE, 1).unwrap(), Offer::Taken);
    assert_eq!(outbox.push(&mut socket, b"[error]", 1, 100).unwrap(), Ok(()));
    assert!(outbox.is_empty());
    assert_eq!(socket.got, b"[one][error]");
    assert_eq!(size_of::<Outbox>(), 8);
}

#[test]
fn a_slow_viewer_finishes_its_frame_and_then_gets_only_the_latest() {
    let (mut outbox, mut socket) = (Outbox::default(), Socket { room: 2, ..Socket::default() });
    assert_eq!(outbox.offer(&mut socket, &ONE, 1).unwrap(), Offer::Taken);
    assert_eq!(outbox.offer(&mut socket, &TWO, 2).unwrap(), Offer::Later);
    for _ in 0..1_000 {
        assert_eq!(outbox.offer(&mut socket, &TWO, 3).unwrap(), Offer::Coalesced);
    }
    socket.room = 1;
    assert!(!outbox.flush(&mut socket, 4, || panic!("the first frame is not through")).unwrap());
    assert_eq!(outbox.stuck_since(), Some(1));
    socket.room = 100;
    assert!(outbox.flush(&mut socket, 5, || Some(NINE)).unwrap());
    assert_eq!(socket.got, b"[one][nine]");
    assert!(outbox.is_empty());
}

#[test]
fn a_count_of_which_no_byte_fitted_gives_way_to_a_later_one() {
    let (mut outbox, mut socket) = (Outbox::default(), Socket::default());
    assert_eq!(outbox.offer(&mut socket, &ONE, 1).unwrap(), Offer::Later);
    socket.room = 3;
    assert!(outbox.flush(&mut socket, 2, || Some(NINE)).unwrap());
    socket.room = 3;
    assert!(!outbox.flush(&mut socket, 3, || panic!("it has the latest")).unwrap());
    assert_eq!(socket.got, b"[nine]");
}

#[test]
fn waiting_without_progress_keeps_its_beginning() {
    let (mut outbox, mut socket) = (Outbox::default(), Socket::default());
    outbox.offer(&mut socket, &ONE, 1).unwrap();
    assert!(!outbox.flush(&mut socket, 9, || Some(ONE)).unwrap());
    assert_eq!(outbox.stuck_since(), Some(1));
    socket.room = 1;
    outbox.flush(&mut socket, 10, || Some(ONE)).unwrap();
    assert_eq!(outbox.stuck_since(), Some(10));
}

#[test]
fn what_must_arrive_keeps_its_order_and_comes_before_the_latest_count() {
    let (mut outbox, mut socket) = (Outbox::default(), Socket { room: 7, ..Socket::default() });
    outbox.push(&mut socket, b"[error-1]", 1, 100).unwrap().unwrap();
    outbox.offer(&mut socket, &ONE, 1).unwrap();
    outbox.push(&mut socket, b"[error-2]", 1, 100).unwrap().unwrap();
    socket.room = 100;
    assert!(outbox.flush(&mut socket, 2, || Some(NINE)).unwrap());
    assert_eq!(socket.got, b"[error-1][error-2][nine]");
}

#[test]
fn a_full_queue_says_so_and_ends_with_a_goodbye_after_the_half_written_frame() {
    let (mut outbox, mut socket) = (Outbox::default(), Socket { room: 2, ..Socket::default() });
    outbox.push(&mut socket, b"[pong]", 1, QUEUE_BYTES_MAX).unwrap().unwrap();
    let fitted = (0..1_000).take_while(|_| outbox.push(&mut socket, b"[pong]", 1, QUEUE_BYTES_MAX).unwrap().is_ok());
    assert_eq!(fitted.count(), QUEUE_FRAMES_MAX - 1);
    outbox.end_with(b"[close]");
    socket.room = 100;
    assert!(!outbox.flush(&mut socket, 2, || panic!("no more counts")).unwrap());
    assert_eq!(socket.got, b"[pong][close]");
}

#[test]
fn the_queue_is_bounded_in_bytes_too() {
    let (mut outbox, mut socket) = (Outbox::default(), Socket { room: 1, ..Socket::default() });
    let large = vec![0; QUEUE_BYTES_MAX * 2 / 3];
    outbox.push(&mut socket, &large, 1, QUEUE_BYTES_MAX).unwrap().unwrap();
    assert_eq!(outbox.push(&mut socket, &large, 1, QUEUE_BYTES_MAX).unwrap(), Err(Overflow));
}

#[test]
fn a_broken_socket_is_an_error() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert!(Outbox::default().offer(&mut Broken, &ONE, 1).is_err());
}
