//! Whether those who register notice that the mail server is ill: the same calls go in turn to programs that differ in nothing but their
//! mail server. The first one's works; its times are the floor of the same run.
//! `cargo run --release -p turnout-tests --example answers_while_mails_fail -- 2000`
//!
//! The argument is how many people register and cancel at each. Prints times and asserts nothing about speed: that depends on the machine.
//! That nothing is lost, and nothing sent twice, is in the tests of the notifications service.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

#[path = "../tests/people/desk.rs"]
#[allow(dead_code, reason = "shared with tests, which ask more of it")]
mod desk;

use std::{
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use prost_types::Timestamp;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use turnout_proto::registration::v1::{CancelRegistrationRequest, Event, RegisterRequest};
use turnout_tests::{process::Turnout, scrape::Scrape, servers::free_port, tokens::Forge};

use desk::{Addresses, Desk};

/// People on their way at the same time; each goes to all programs, one after the other. Few: a machine that is full has no other times.
const AT_ONCE: usize = 2;
const EVENT: &str = "premiere";

/// What the mail server does.
#[derive(Debug, Clone, Copy)]
enum Illness {
    /// None: takes every mail, and forgets it.
    None,
    /// Nobody listens.
    Down,
    /// Takes every connection, and says nothing.
    Tarpit,
    /// "Come back later."
    Busy,
    /// "Never."
    Refuses,
    /// Hangs up at the first word.
    HangsUp,
}

impl Illness {
    /// The second healthy one shows how much two programs differ that do not differ.
    const ALL: [Self; 7] = [Self::None, Self::None, Self::Down, Self::Tarpit, Self::Busy, Self::Refuses, Self::HangsUp];

    const fn title(self) -> &'static str {
        match self {
            Self::None => "a mail server that works",
            Self::Down => "down",
            Self::Tarpit => "a tarpit",
            Self::Busy => "421 at the greeting",
            Self::Refuses => "554 at the greeting",
            Self::HangsUp => "cut at the first command",
        }
    }

    /// The address of a mail server that has it.
    async fn server(self) -> String {
        if matches!(self, Self::Down) {
            return format!("127.0.0.1:{}", free_port());
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(self.serve(socket));
            }
        });
        address
    }

    async fn serve(self, mut socket: TcpStream) {
        if matches!(self, Self::None) {
            let _ = takes_every_mail(socket).await;
            return;
        }
        let greeting: &[u8] = match self {
            Self::Busy => b"421 Busy\r\n",
            Self::Refuses => b"554 No\r\n",
            Self::HangsUp => b"220 Welcome\r\n",
            Self::None | Self::Down | Self::Tarpit => b"",
        };
        let _ = socket.write_all(greeting).await;
        let mut heard = [0; 512];
        // Only the tarpit goes on listening.
        while socket.read(&mut heard).await.is_ok_and(|bytes| bytes > 0) && matches!(self, Self::Tarpit) {}
    }
}

/// As much of SMTP (RFC 5321) as a client needs that sends one mail after another.
async fn takes_every_mail(mut socket: TcpStream) -> std::io::Result<()> {
    let (from, mut to) = socket.split();
    let (mut lines, mut in_mail) = (BufReader::new(from).lines(), false);
    to.write_all(b"220 Welcome\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let answer: &[u8] = match line.as_str() {
            "." if in_mail => b"250 Taken\r\n",
            _ if in_mail => continue,
            "DATA" => b"354 Go on\r\n",
            "QUIT" => return to.write_all(b"221 Bye\r\n").await,
            _ => b"250 Yes\r\n",
        };
        in_mail = line == "DATA";
        to.write_all(answer).await?;
    }
    Ok(())
}

/// A program beside a mail server, and how long it took to answer.
struct Place {
    illness: Illness,
    program: Turnout,
    desk: Desk,
    _folder: tempfile::TempDir,
}

impl Place {
    async fn with(illness: Illness) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let smtp_url = format!("smtp://{}?tls=none", illness.server().await);
        let args = ["--smtp-url", &smtp_url, "--mail-from", "hello@turnout.example"];
        let program = Turnout::start(folder.path(), &args).await;
        let desk = Desk::at(&Addresses::of_one(&program), &Forge::of(folder.path()));
        desk.never_sleeps("The festival").await;
        let event = Event {
            event_id: EVENT.into(),
            title: "Premiere".into(),
            starts_at: Some(Timestamp { seconds: 4_000_000_000, nanos: 0 }),
            ..Default::default()
        };
        desk.open(event, &[]).await;
        Self { illness, program, desk, _folder: folder }
    }

    /// Somebody registers, and takes it back: how long each took.
    async fn visit(&self, person: usize) -> [Duration; 2] {
        let email = format!("p{person}@example.org");
        let register = RegisterRequest { event_id: EVENT.into(), email, name: "Somebody".into(), ..Default::default() };
        let begun = Instant::now();
        let answer = self.desk.registrants.clone().register(self.desk.ask(register)).await.unwrap();
        let registered = begun.elapsed();
        let registration_id = answer.into_inner().registration.unwrap().registration_id;
        let cancel = CancelRegistrationRequest { event_id: EVENT.into(), registration_id, act: None };
        let begun = Instant::now();
        self.desk.registrants.clone().cancel_registration(self.desk.ask(cancel)).await.unwrap();
        [registered, begun.elapsed()]
    }
}

#[tokio::main]
async fn main() {
    let people: usize = std::env::args().nth(1).map_or(2000, |number| number.parse().expect("a number of people"));
    let mut places = Vec::new();
    for illness in Illness::ALL {
        places.push(Place::with(illness).await);
    }
    let places = Arc::new(places);
    let visitors: Vec<_> = (0..AT_ONCE)
        .map(|first| {
            let places = places.clone();
            tokio::spawn(async move {
                let mut took = vec![Vec::new(); places.len()];
                for person in (first..people).step_by(AT_ONCE) {
                    for turn in 0..places.len() {
                        // Nobody is always the first.
                        let place = (person + turn) % places.len();
                        took[place].push(places[place].visit(person).await);
                    }
                }
                took
            })
        })
        .collect();
    let mut took: Vec<Vec<[Duration; 2]>> = vec![Vec::new(); places.len()];
    for visitor in visitors {
        for (all, own) in took.iter_mut().zip(visitor.await.unwrap()) {
            all.extend(own);
        }
    }
    println!(
        "{people} people register and cancel at each, {AT_ONCE} at once; times in ms, and p99 against the first row"
    );
    let mut floor = [None; 2];
    for (place, took) in places.iter().zip(&took) {
        let mut line = format!("{:26}", place.illness.title());
        for (call, name) in ["register", "cancel"].into_iter().enumerate() {
            let mut times_ms: Vec<f64> = took.iter().map(|pair| pair[call].as_secs_f64() * 1e3).collect();
            times_ms.sort_by(f64::total_cmp);
            let at = |share: f64| times_ms[(times_ms.len() as f64 * share) as usize];
            let ratio = at(0.99) / *floor[call].get_or_insert(at(0.99));
            write!(line, "  {name} p50 {:5.1}, p99 {:5.1} ({ratio:.2})", at(0.5), at(0.99)).unwrap();
        }
        let scrape = Scrape::of(&place.program).await;
        let sent = scrape.sum("turnout_notifications_message_states_total", &[("state", "MESSAGE_STATE_HANDED_OFF")]);
        println!("{line}  {sent} mails sent");
    }
}
