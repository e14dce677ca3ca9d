//! The rules of `connection`, one by one, and its laws over random input. No sockets here.

use proptest::prelude::*;

use super::*;

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CONTINUE: u8 = 0x0;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const LAST: u8 = 0x80;

/// A frame as a client sends it; `first` is the first byte: flags and opcode.
fn client(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 + 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 + 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    frame
}

fn text(payload: &str) -> Vec<u8> {
    client(LAST | TEXT, payload.as_bytes())
}

/// What the server sent: opcode and payload of each frame.
fn sent(mut out: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while !out.is_empty() {
        let (head, length) = match out[1] {
            126 => (4, usize::from(u16::from_be_bytes([out[2], out[3]]))),
            127 => (10, u64::from_be_bytes(out[2..10].try_into().unwrap()) as usize),
            length => (2, usize::from(length)),
        };
        assert_eq!(out[0] & 0xF0, LAST);
        frames.push((out[0] & 0x0F, out[head..head + length].to_vec()));
        out = &out[head + length..];
    }
    frames
}

/// A connection with its surroundings.
struct Bench {
    connection: Connection,
    out: Vec<u8>,
    tally: Tally,
    now: Tick,
}

impl Bench {
    fn new(echo: bool) -> Self {
        Self { connection: Connection::new(echo, 0), out: Vec::new(), tally: Tally::default(), now: 0 }
    }

    fn joined() -> Self {
        let mut bench = Self::new(false);
        assert!(bench.connection.seat(0));
        bench
    }

    fn receive(&mut self, bytes: &[u8]) -> Outcome {
        self.connection.receive(&mut bytes.to_vec(), self.now, &mut self.out, &mut self.tally)
    }

    /// The code of the close frame that was sent last.
    fn close_code(&self) -> Option<u16> {
        let (opcode, payload) = sent(&self.out).pop()?;
        (opcode == CLOSE && payload.len() >= 2).then(|| u16::from_be_bytes([payload[0], payload[1]]))
    }

    fn errors(&self) -> Vec<String> {
        let texts = sent(&self.out).into_iter().filter(|(opcode, _)| *opcode == TEXT);
        texts
            .map(|(_, payload)| serde_json::from_slice::<serde_json::Value>(&payload).unwrap()["code"].to_string())
            .collect()
    }
}

const JOIN: &str = r#"{"type":"join","event":"demo","ticket":"a.b.c"}"#;

#[test]
fn every_kind_of_bad_input_gets_its_close_code() {
    let unmasked = [&[LAST | TEXT, 5][..], b"hello"].concat();
    let claims = |length: u64| [&[LAST | TEXT, 0x80 + 127][..], &length.to_be_bytes(), &[1, 2, 3, 4]].concat();
    let close = |code: u16, reason: &[u8]| client(LAST | CLOSE, &[&code.to_be_bytes(), reason].concat());
    let over = vec![b'x'; MESSAGE_BYTES_MAX as usize + 1];
    let half = vec![b'x'; MESSAGE_BYTES_MAX as usize / 2 + 1];
    let empties = [client(TEXT, b"a"), client(CONTINUE, b"").repeat(17)].concat();
    let table: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", unmasked, 1002),
        ("first reserved bit", client(LAST | 0x40 | TEXT, b"{}"), 1002),
        ("second reserved bit", client(LAST | 0x20 | TEXT, b"{}"), 1002),
        ("third reserved bit", client(LAST | 0x10 | PING, b""), 1002),
        ("reserved data opcode", client(LAST | 0x3, b""), 1002),
        ("reserved control opcode", client(LAST | 0xB, b""), 1002),
        ("fragmented ping", client(PING, b""), 1002),
        ("long ping", client(LAST | PING, &[0; 126]), 1002),
        ("continuation of nothing", client(LAST | CONTINUE, b"x"), 1002),
        ("new message within a message", [client(TEXT, b"a"), client(LAST | TEXT, b"b")].concat(), 1002),
        ("close frame of one byte", client(LAST | CLOSE, &[3]), 1002),
        ("close code that never travels", close(1006, b""), 1002),
        ("close code below 1000", close(999, b""), 1002),
        ("close code of nobody", close(2999, b""), 1002),
        ("close reason that is not utf-8", close(1000, &[0xff]), 1007),
        ("binary message", client(LAST | BINARY, b"{}"), 1003),
        ("a fragment that can become no utf-8", client(TEXT, b"\xc3\xa4\xc3\x28"), 1007),
        ("text that is not utf-8", client(LAST | TEXT, &[0xc3, 0x28]), 1007),
        (
            "fragments that are not utf-8 together",
            [client(TEXT, &[0xc3]), client(LAST | CONTINUE, b"(")].concat(),
            1007,
        ),
        ("long message", client(LAST | TEXT, &over), 1009),
        ("claim of 2^62 bytes", claims(1 << 62), 1009),
        ("claim of 2^64 - 1 bytes", claims(u64::MAX), 1009),
        ("long fragments", [client(TEXT, &half), client(CONTINUE, &half)].concat(), 1009),
        ("claim after a fragment", [client(TEXT, &half), claims(u64::MAX)].concat(), 1009),
        ("empty fragments", empties, 1008),
        ("three mistakes", text("{}").repeat(3), 1008),
        ("41 messages at once", client(LAST | PONG, b"").repeat(41), 1008),
    ];
    for (what, bytes, code) in table {
        let mut bench = Bench::joined();
        let outcome = bench.receive(&bytes);
        assert_eq!(bench.close_code(), Some(code), "{what}");
        assert!(matches!(outcome.ending, Some(Ending::Closed(by_us)) if by_us.number() == code), "{what}");
        assert!(bench.connection.assembly.is_none(), "{what}");
    }
}

#[test]
fn a_length_that_is_only_claimed_reserves_nothing() {
    let mut bench = Bench::joined();
    bench.receive(&client(LAST | TEXT, &[b'x'; 4_000])[..8]);
    let kept = bench.connection.assembly.as_ref().map(|assembly| assembly.frame.capacity());
    assert!(kept.is_some_and(|capacity| capacity <= 16), "{kept:?}");
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut bench = Bench::joined();
    let fragmented = [client(TEXT, b"{\"type\":"), client(PING, b"").split_off(1)].concat();
    let whole = [client(TEXT, b"{}"), client(LAST | CONTINUE, b"")].concat();
    assert!(bench.receive(&fragmented[..fragmented.len() - 5]).ending.is_none());
    assert!(bench.connection.assembly.is_some());
    let mut bench = Bench::joined();
    for byte in &whole {
        assert!(bench.receive(&[*byte]).ending.is_none());
    }
    assert!(bench.connection.assembly.is_none());
    assert!(size_of::<Connection>() <= 32, "{}", size_of::<Connection>());
}

#[test]
fn a_mistake_is_answered_and_the_third_one_ends_it() {
    let mut bench = Bench::joined();
    assert_eq!(bench.receive(&text("{}")).ending, None);
    assert_eq!(bench.receive(&text(JOIN)).ending, None);
    assert_eq!(bench.errors(), [r#""bad_frame""#, r#""already_joined""#]);
    assert_eq!(bench.receive(&text("hello")).ending, Some(Ending::Closed(CloseCode::Policy)));
    assert_eq!(bench.tally.received.invalid, 3);
    assert_eq!(bench.tally.sent.errors, 3);
}

#[test]
fn who_has_no_seat_has_one_message_only() {
    let mut chatty = Bench::new(false);
    assert_eq!(chatty.receive(&text("{}")).ending, Some(Ending::Closed(CloseCode::Policy)));
    let mut twice = Bench::new(false);
    let outcome = twice.receive(&text(JOIN).repeat(2));
    assert!(outcome.join.is_some());
    assert_eq!(outcome.ending, Some(Ending::Closed(CloseCode::Policy)));
}

#[test]
fn a_join_is_handed_on_and_waits_for_its_answer() {
    let mut bench = Bench::new(false);
    let outcome = bench.receive(&text(JOIN));
    assert_eq!(outcome.join.map(|join| (join.event, join.ticket)), Some(("demo".into(), "a.b.c".into())));
    assert!(bench.connection.is_joining());
    assert!(bench.connection.seat(1));
    assert!(!bench.connection.seat(1));
}

#[test]
fn a_flood_is_told_before_it_is_closed() {
    let mut bench = Bench::joined();
    bench.receive(&client(LAST | PING, b"").repeat(100));
    assert_eq!(bench.tally.sent.pongs, 40);
    assert_eq!(bench.tally.rate_limited, 1);
    assert_eq!(bench.errors(), [r#""rate_limited""#]);
    assert_eq!(bench.close_code(), Some(1008));
}

#[test]
fn twenty_messages_a_second_are_fine_for_ever() {
    let mut bench = Bench::joined();
    for _ in 0..2_000 {
        bench.now += 1_000 / 20 / TICK_MS;
        assert_eq!(bench.receive(&client(LAST | PONG, b"")).ending, None);
    }
    assert_eq!(bench.receive(&client(LAST | PONG, b"").repeat(39)).ending, None);
}

#[test]
fn a_ping_gets_its_own_payload_back() {
    let mut bench = Bench::joined();
    bench.receive(&client(LAST | PING, b"abc"));
    assert_eq!(sent(&bench.out), [(PONG, b"abc".to_vec())]);
}

#[test]
fn a_control_frame_may_come_within_a_message() {
    let mut bench = Bench::joined();
    let full = vec![b' '; MESSAGE_BYTES_MAX as usize - 14];
    let bytes =
        [client(TEXT, &full), client(LAST | PING, &[7; 100]), client(LAST | CONTINUE, br#"{"type":"bye"}"#)].concat();
    assert_eq!(bench.receive(&bytes).ending, Some(Ending::Bye));
    assert_eq!(bench.tally.sent.pongs, 1);
}

#[test]
fn a_close_frame_is_answered_with_its_code() {
    for (payload, answer) in [(&[][..], &[][..]), (&[0x03, 0xe9, b'x'], &[0x03, 0xe9]), (&[0x0f, 0xa0], &[0x0f, 0xa0])]
    {
        let mut bench = Bench::joined();
        assert_eq!(bench.receive(&client(LAST | CLOSE, payload)).ending, Some(Ending::ClosedByClient));
        assert_eq!(sent(&bench.out), [(CLOSE, answer.to_vec())]);
    }
}

#[test]
fn bye_is_answered_with_1000_and_nothing_is_heard_after_it() {
    let mut bench = Bench::joined();
    let outcome = bench.receive(&[text(r#"{"type":"bye"}"#), text("{}")].concat());
    assert_eq!(outcome.ending, Some(Ending::Bye));
    assert_eq!(bench.close_code(), Some(1000));
    let before = bench.out.len();
    assert_eq!(bench.receive(&text("{}")), Outcome::default());
    bench.connection.close(CloseCode::Restart, 1, &mut bench.out, &mut bench.tally);
    assert_eq!(bench.out.len(), before);
}

const DEADLINES: Deadlines =
    Deadlines { ping_after: 400, pong_within: 200, join_within: 100, stall_within: 200, close_within: 40 };

impl Bench {
    fn look(&mut self, now: Tick) -> Option<Due> {
        self.now = now;
        self.connection.look(now, &DEADLINES, 0, &mut self.out)
    }
}

#[test]
fn a_quiet_client_is_pinged_and_then_given_up() {
    let mut bench = Bench::joined();
    assert_eq!(bench.look(399), None);
    assert_eq!(bench.look(400), Some(Due::Ping));
    assert_eq!(sent(&bench.out), [(PING, vec![])]);
    assert_eq!(bench.look(599), None);
    assert_eq!(bench.look(600), Some(Due::Silent));
}

#[test]
fn any_frame_after_a_ping_shows_that_a_client_is_there() {
    let mut bench = Bench::joined();
    assert_eq!(bench.look(400), Some(Due::Ping));
    bench.now = 590;
    bench.receive(&client(LAST | PONG, b""));
    assert_eq!(bench.look(989), None);
    assert_eq!(bench.look(990), Some(Due::Ping));
}

#[test]
fn pings_of_clients_that_came_together_spread_over_a_quarter_of_the_interval() {
    let first = (0..16).map(|spread| {
        let connection = &mut Bench::joined().connection;
        (0..=400).find(|now| connection.look(*now, &DEADLINES, spread, &mut Vec::new()) == Some(Due::Ping))
    });
    let first: Vec<_> = first.map(Option::unwrap).collect();
    assert_eq!((first[0], first[15]), (400, 307));
    assert!(first.windows(2).all(|pair| pair[0] > pair[1]));
}

#[test]
fn joining_has_a_deadline_and_the_code_says_whose_fault_it_was() {
    let mut silent = Bench::new(false);
    assert_eq!(silent.look(99), None);
    assert_eq!(silent.look(100), Some(Due::Close(CloseCode::JoinTimeout)));
    let mut unanswered = Bench::new(false);
    unanswered.now = 90;
    unanswered.receive(&text(JOIN));
    assert_eq!(unanswered.look(100), Some(Due::Close(CloseCode::TryAgainLater)));
}

#[test]
fn a_goodbye_has_a_deadline() {
    let mut bench = Bench::joined();
    bench.connection.close(CloseCode::Restart, 10, &mut bench.out, &mut bench.tally);
    assert_eq!(bench.look(49), None);
    assert_eq!(bench.look(50), Some(Due::Gone));
}

#[test]
fn an_echo_sends_back_what_came_whatever_its_size() {
    let mut bench = Bench::new(true);
    let large = vec![b'x'; 1 << 20];
    let frame = client(LAST | BINARY, &large);
    for chunk in frame.chunks(65_536) {
        assert_eq!(bench.receive(chunk).ending, None);
    }
    assert_eq!(sent(&bench.out), [(BINARY, large)]);
}

/// Frames of every kind, good and bad, whole.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        Just(text(JOIN)),
        Just(text(r#"{"type":"bye"}"#)),
        Just(client(LAST | PONG, b"")),
        proptest::collection::vec(any::<u8>(), 0..125).prop_map(|payload| client(LAST | PING, &payload)),
        proptest::collection::vec(any::<u8>(), 0..9).prop_map(|payload| client(TEXT, &payload)),
        proptest::collection::vec(any::<u8>(), 0..9).prop_map(|payload| client(LAST | CONTINUE, &payload)),
    ];
    prop_oneof![8 => good, 1 => proptest::collection::vec(any::<u8>(), 0..40)]
}

proptest! {
    #[test]
    fn the_way_the_bytes_are_cut_changes_nothing(
        frames in proptest::collection::vec(any_frame(), 0..12),
        cuts in proptest::collection::vec(1_usize..60, 1..20),
    ) {
        let bytes = frames.concat();
        let mut whole = Bench::new(false);
        let expected = whole.receive(&bytes);
        let mut cut = Bench::new(false);
        let mut found = Outcome::default();
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            let outcome = cut.receive(piece);
            found = Outcome { join: found.join.or(outcome.join), ending: found.ending.or(outcome.ending) };
            rest = after;
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(&cut.out, &whole.out);
    }

    #[test]
    fn noise_never_panics_and_memory_stays_small(noise in proptest::collection::vec(any::<u8>(), 0..1_000)) {
        let mut bench = Bench::new(false);
        for piece in noise.chunks(100) {
            bench.receive(piece);
            let kept = bench.connection.assembly.as_ref().map_or(0, |kept| kept.frame.len() + kept.message.len());
            prop_assert!(kept <= 2 * MESSAGE_BYTES_MAX as usize + 64);
        }
    }

    #[test]
    fn what_is_written_is_read_back(length in 0_usize..70_000, first in any::<u8>()) {
        let payload: Vec<u8> = (0..length).map(|at| first.wrapping_add(at as u8)).collect();
        let mut out = Vec::new();
        frame::write(&mut out, OpCode::Data(Data::Binary), &payload);
        prop_assert_eq!(sent(&out), vec![(BINARY, payload.clone())]);
        let bytes = client(LAST | BINARY, &payload);
        let head = frame::read_head(&bytes).unwrap().unwrap();
        let mut read = bytes[head.size..].to_vec();
        frame::unmask(&mut read, head.mask);
        prop_assert_eq!(read, payload);
    }
}
