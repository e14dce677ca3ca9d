//! Registering under chaos: many people register and cancel at once, each from several devices that all retry, while the program is
//! killed with -9 twice. What was acknowledged must be true afterwards, in the registrations, the figures, the people, and the mails.
//!
//! The usual crowd is small enough for a debug build. The full one, each variant by itself and each with the time that it takes:
//!
//! ```sh
//! export TURNOUT_TEST_PEOPLE=10000
//! cargo test -p turnout-tests --release --test people registrations_in_one_process -- --nocapture
//! cargo test -p turnout-tests --release --test people registrations_in_a_mesh -- --nocapture
//! ```
//!
//! The mesh needs the servers that `tests/run` starts, and the variables that it sets.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use prost_types::Timestamp;
use turnout_proto::{
    notifications::v1::{Message, MessageKind, MessageState},
    registration::v1::{CancelRegistrationRequest, Event, RegisterRequest, Registration, RegistrationState},
};
use turnout_tests::{
    mail::{self, Mail},
    mesh::Mesh,
    process::Turnout,
    scrape::Scrape,
    servers::{free_port, from_env},
    tokens::Forge,
    wait::until,
};

use crate::desk::{Addresses, Desk, acknowledged};

const SECOND: Duration = Duration::from_secs(1);
/// Devices of one person that do the same at once.
const DEVICES: usize = 3;
/// Connections over which all come.
const CONNECTIONS: usize = 8;
/// Messages are looked at so often until none is open; those of a large crowd less often, as each look reads them all from the same store.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOK_EVERY_OF_ONE: Duration = Duration::from_millis(2);
/// The event that has room for everybody, and the one that has not.
const EVENTS: [&str; 2] = ["open", "full"];

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Register,
    Cancel,
}
use Step::{Cancel, Register};

/// One person: what they do, and what was acknowledged.
#[derive(Debug, Clone)]
struct Human {
    event: &'static str,
    email: String,
    steps: &'static [Step],
    registration: String,
}

impl Human {
    fn new(number: usize, run: &str) -> Self {
        let steps: [&[Step]; 4] =
            [&[Register], &[Register, Cancel], &[Register, Cancel, Register], &[Register, Cancel, Register, Cancel]];
        Self {
            event: EVENTS[number / 4 % 2],
            email: format!("p{number}.{run}@example.org"),
            steps: steps[number % 4],
            registration: String::new(),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.steps.last() == Some(&Cancel)
    }

    fn registers(&self) -> usize {
        self.steps.iter().filter(|step| **step == Register).count()
    }

    /// Goes through the steps, each from all devices at once, and each until it is acknowledged.
    async fn live(mut self, desks: Arc<Vec<Desk>>, number: usize, done: Arc<AtomicUsize>) -> Self {
        for step in self.steps {
            let seen = join_all((0..DEVICES).map(|device| {
                let desk = &desks[(number + device) % desks.len()];
                self.step(*step, desk, device)
            }))
            .await;
            let first = seen[0].clone();
            assert!(seen.iter().all(|other| other.registration_id == first.registration_id), "{seen:?}");
            for registration in &seen {
                let cancelled = registration.state() == RegistrationState::Cancelled;
                assert_eq!(cancelled, *step == Cancel, "{step:?} of {}: {registration:?}", self.email);
            }
            assert!(self.registration.is_empty() || self.registration == first.registration_id, "a second row");
            self.registration = first.registration_id;
            done.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    async fn step(&self, step: Step, desk: &Desk, device: usize) -> Registration {
        let event_id = self.event.to_owned();
        if step == Cancel {
            let registration_id = self.registration.clone();
            let request = CancelRegistrationRequest { event_id, registration_id, act: None };
            let cancel = async || desk.registrants.clone().cancel_registration(desk.ask(request.clone())).await;
            return acknowledged("cancel", cancel).await.registration.unwrap();
        }
        // The same address, as people and their keyboards write it.
        let email = if device == 1 { self.email.to_uppercase() } else { self.email.clone() };
        let request = RegisterRequest { event_id, email, name: "Somebody".into(), ..Default::default() };
        let register = async || desk.registrants.clone().register(desk.ask(request.clone())).await;
        acknowledged("register", register).await.registration.unwrap()
    }
}

fn people(usual: usize) -> usize {
    std::env::var("TURNOUT_TEST_PEOPLE").ok().map_or(usual, |number| number.parse().expect("a number of people"))
}

/// How long this many people may take for a part of what they do.
fn within(people: usize) -> Duration {
    SECOND * u32::try_from(60 + people / 50).expect("not that many people")
}

/// Two events, and everybody on their way. The count of steps that are done shows how far they are.
struct Crowd {
    desk: Desk,
    people: tokio::task::JoinSet<Human>,
    done: Arc<AtomicUsize>,
    steps: usize,
    capacity: i64,
    begun: Instant,
}

impl Crowd {
    async fn set_out(number: usize, run: &str, addresses: &Addresses, forge: &Forge) -> Self {
        let desks: Arc<Vec<Desk>> = Arc::new((0..CONNECTIONS).map(|_| Desk::at(addresses, forge)).collect());
        desks[0].never_sleeps("The crowd").await;
        let capacity = (number / 16).max(1);
        for event in EVENTS {
            let capacity = if event == "full" { i32::try_from(capacity).unwrap() } else { 0 };
            let event = Event {
                event_id: event.into(),
                title: format!("An event that is {event}"),
                starts_at: Some(Timestamp { seconds: 4_000_000_000, nanos: 0 }),
                capacity,
                waiting_list: true,
                ..Default::default()
            };
            desks[0].open(event, &["capacity", "waiting_list"]).await;
        }
        let done = Arc::new(AtomicUsize::new(0));
        let humans: Vec<Human> = (0..number).map(|number| Human::new(number, run)).collect();
        let steps = humans.iter().map(|human| human.steps.len()).sum();
        let mut people = tokio::task::JoinSet::new();
        let begun = Instant::now();
        for (number, human) in humans.into_iter().enumerate() {
            people.spawn(human.live(desks.clone(), number, done.clone()));
        }
        Self { desk: desks[0].clone(), people, done, steps, capacity: capacity as i64, begun }
    }

    /// Waits until this share of all steps is acknowledged.
    async fn reaches(&self, tenths: usize) {
        let wanted = self.steps * tenths / 10;
        let look = async || self.done.load(Ordering::Relaxed);
        until(&format!("{wanted} steps are acknowledged"), within(self.people.len()), look, |done| *done >= wanted)
            .await;
    }

    async fn all_done(self) -> Truth {
        let people: Vec<Human> = self.people.join_all().await;
        let took_s = self.begun.elapsed().as_secs_f64();
        let calls = self.steps * DEVICES;
        let rate = calls as f64 / took_s;
        println!(
            "{} people: {} steps, {calls} calls acknowledged in {took_s:.1} s ({rate:.0}/s), kills included",
            people.len(),
            self.steps
        );
        Truth { desk: self.desk, people, capacity: self.capacity }
    }
}

/// What was acknowledged.
struct Truth {
    desk: Desk,
    people: Vec<Human>,
    capacity: i64,
}

impl Truth {
    fn of(&self, event: &str) -> impl Iterator<Item = &Human> {
        self.people.iter().filter(move |human| human.event == event)
    }

    /// Every acknowledged registration is there as it was acknowledged last, nothing else is, and the figures say the same.
    async fn holds_in_registrations(&self) {
        for event in EVENTS {
            let cancelled = self.of(event).filter(|human| human.is_cancelled()).count() as i64;
            let active = self.of(event).count() as i64 - cancelled;
            let with_place = if event == "full" { active.min(self.capacity) } else { active };
            let expected = (with_place, active - with_place, cancelled);
            let figures = async || {
                let statistics = self.desk.statistics(event).await;
                (statistics.registrants, statistics.waiting, statistics.cancelled)
            };
            // A place that a kill left taken goes to those who wait half a minute later.
            until(&format!("the figures of `{event}`"), within(self.people.len()), figures, |seen| *seen == expected)
                .await;
            let recount = self.desk.recount(event).await;
            assert_eq!(recount.differences, Vec::<String>::new(), "{recount:?}");
            let counted = recount.counted.unwrap();
            assert_eq!((counted.registrants, counted.waiting, counted.cancelled), expected);

            let mut rows: BTreeMap<String, Registration> = BTreeMap::new();
            for row in self.desk.export(event).await {
                let twin = rows.insert(row.email.to_lowercase(), row);
                assert!(twin.is_none(), "two rows of one address: {twin:?}");
            }
            assert_eq!(rows.len(), self.of(event).count());
            for human in self.of(event) {
                let row = rows.get(&human.email).unwrap_or_else(|| panic!("lost: {human:?}"));
                assert_eq!(row.registration_id, human.registration);
                assert_eq!(row.state() == RegistrationState::Cancelled, human.is_cancelled(), "{human:?} is {row:?}");
            }
        }
    }

    /// One person an address.
    async fn holds_in_people(&self, run: &str) {
        let people = async || {
            let mut emails: Vec<String> =
                self.desk.people("").await.into_iter().map(|person| person.email.to_lowercase()).collect();
            emails.retain(|email| email.contains(run));
            emails.sort();
            emails
        };
        let mut expected: Vec<String> = self.people.iter().map(|human| human.email.clone()).collect();
        expected.sort();
        until("each address is one person", within(self.people.len()), people, |emails| *emails == expected).await;
    }

    /// Whoever registered was told, once for each time; and a mail is where the ledger says one is.
    async fn holds_in_mails(&self, run: &str, mailbox: &Path) {
        let mut mails: HashMap<String, Vec<Mail>> = HashMap::new();
        let ledger = self.settled_ledger().await;
        for mail in mail::all(mailbox) {
            let to = mail.header("to").unwrap_or_default().to_lowercase();
            if to.contains(run) {
                // A code: whose it is, which message, and the tag.
                let code = mail.header("message-id").expect("a mail has an id");
                let id = code.split('.').nth(1).expect("the code names the message").to_owned();
                mails.entry(id).or_default().push(mail);
            }
        }
        for human in &self.people {
            let own = ledger.get(&human.registration).map(Vec::as_slice).unwrap_or_default();
            human.was_told(own);
        }
        let messages = ledger.values().flatten();
        for message in messages {
            let arrived = mails.remove(&message.message_id).map_or(0, |mails| mails.len());
            let right = match message.state() {
                MessageState::HandedOff if message.maybe_twice => 1..=2,
                MessageState::HandedOff => 1..=1,
                _ => 0..=0,
            };
            assert!(right.contains(&arrived), "{arrived} mails of {message:?}");
        }
        assert!(mails.is_empty(), "mails that the ledger does not know: {:?}", mails.keys());
    }

    /// All messages by registration, once none but reminders is open.
    async fn settled_ledger(&self) -> HashMap<String, Vec<Message>> {
        let ledger = async || {
            let of_all = LOOK_EVERY_OF_ONE * u32::try_from(self.people.len()).expect("not that many people");
            tokio::time::sleep(LOOK_EVERY.max(of_all)).await;
            let mut ledger: HashMap<String, Vec<Message>> = HashMap::new();
            for event in EVENTS {
                let registrations: Vec<String> = self.of(event).map(|human| human.registration.clone()).collect();
                for message in self.desk.messages(event, &registrations).await {
                    ledger.entry(message.registration_id.clone()).or_default().push(message);
                }
            }
            let untold: Vec<String> = self
                .people
                .iter()
                .filter(|human| {
                    let own = ledger.get(&human.registration).map(Vec::as_slice).unwrap_or_default();
                    own.iter().any(is_open) || !human.has_last_word(own)
                })
                .map(|human| format!("{human:?}: {:?}", ledger.get(&human.registration)))
                .collect();
            (untold.len(), untold.first().cloned(), Ledger(ledger))
        };
        // Whoever was killed while it handed a message over holds it for two minutes.
        let settled = std::cell::RefCell::new(None);
        until("nobody is left untold", within(self.people.len()), ledger, |(untold, _, ledger)| {
            let is = *untold == 0;
            if is {
                settled.replace(Some(ledger.0.clone()));
            }
            is
        })
        .await;
        settled.take().unwrap()
    }
}

/// A ledger that does not fill the screen when a test fails.
struct Ledger(HashMap<String, Vec<Message>>);

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "messages of {} registrations", self.0.len())
    }
}

fn is_open(message: &Message) -> bool {
    let open = [MessageState::Planned, MessageState::Queued, MessageState::Sending].contains(&message.state());
    open && message.kind() != MessageKind::Reminder
}

/// The version of the registration that a message tells of.
fn version(message: &Message) -> i64 {
    message.occurrence.trim_start_matches('v').parse().unwrap_or_default()
}

impl Human {
    /// Whether the newest news was sent: that they are registered, or that they are not any more.
    fn has_last_word(&self, messages: &[Message]) -> bool {
        let kind = if self.is_cancelled() { MessageKind::Cancellation } else { MessageKind::Confirmation };
        let last = messages.iter().filter(|message| message.kind() == kind).max_by_key(|message| version(message));
        last.is_some_and(|message| message.state() == MessageState::HandedOff)
    }

    fn was_told(&self, messages: &[Message]) {
        let of = |kind| messages.iter().filter(move |message| message.kind() == kind);
        let sent = |message: &&Message| message.state() == MessageState::HandedOff;
        for message in messages {
            let twins = messages.iter().filter(|m| (m.kind, &m.occurrence) == (message.kind, &message.occurrence));
            assert_eq!(twins.count(), 1, "{message:?} stands there twice");
            let right = [MessageState::HandedOff, MessageState::Skipped, MessageState::Planned];
            assert!(right.contains(&message.state()), "{self:?}: {message:?}");
        }
        // A place from the waiting list is confirmed too.
        let places = if self.event == "full" { 2 } else { 1 };
        let confirmations = of(MessageKind::Confirmation).filter(sent).count();
        assert!(confirmations <= self.registers() * places, "{self:?} was told too often: {messages:?}");
        if self.steps == [Register] && self.event == "open" {
            assert_eq!(of(MessageKind::Confirmation).count(), 1, "{messages:?}");
        }
        let cancellations = of(MessageKind::Cancellation).filter(sent).count();
        assert!(cancellations <= self.steps.len() / 2, "{self:?}: {messages:?}");
        assert!(self.has_last_word(messages), "{self:?}: {messages:?}");
    }
}

async fn check(crowd: Crowd, run: &str, mailbox: &Path) {
    let truth = crowd.all_done().await;
    let done = Instant::now();
    truth.holds_in_registrations().await;
    println!("registrations are as acknowledged after {:.1} s", done.elapsed().as_secs_f64());
    truth.holds_in_people(run).await;
    truth.holds_in_mails(run, mailbox).await;
    println!("mails are as the ledger says after {:.1} s", done.elapsed().as_secs_f64());
}

/// A process that is killed is no fault of the messages that it had.
async fn gave_nothing_up(processes: &[&Turnout]) {
    for process in processes {
        let scrape = Scrape::of(process).await;
        assert!(scrape.sum("turnout_durable_settled_total", &[("result", "acked")]) > 0, "messages are counted");
        assert_eq!(scrape.sum("turnout_durable_settled_total", &[("result", "dead")]), 0, "dead letters");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_in_one_process_survive_two_kills() {
    let folder = tempfile::tempdir().unwrap();
    let grpc = format!("127.0.0.1:{}", free_port());
    let args = ["--grpc-addr", grpc.as_str()];
    let mut mesh = Turnout::start(folder.path(), &args).await;
    let crowd = Crowd::set_out(people(150), "one", &Addresses::of_one(&mesh), &Forge::of(folder.path())).await;
    for tenths in [3, 6] {
        crowd.reaches(tenths).await;
        mesh.kill();
        mesh = Turnout::start(folder.path(), &args).await;
    }
    check(crowd, ".one@", &folder.path().join("mail")).await;
    gave_nothing_up(&[&mesh]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_in_a_mesh_survive_two_kills() {
    const NAME: &str = "registrations_in_a_mesh_survive_two_kills";
    let (Some(cql), Some(smtp), Some(boxes)) = (
        from_env("TURNOUT_TEST_CQL", NAME),
        from_env("TURNOUT_TEST_SMTP", NAME),
        from_env("TURNOUT_TEST_SMTP_BOXES", NAME),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut mesh = Mesh::whole(folder.path(), &cql, &format!("smtp://{smtp}?tls=none")).await;
    // The mailboxes outlive the test: another run has other addresses.
    let run = format!("mesh{}", std::process::id());
    let crowd = Crowd::set_out(people(90), &run, &Addresses::of_mesh(&mesh), &Forge::of(folder.path())).await;
    crowd.reaches(3).await;
    mesh.kill_and_restart_registration().await;
    crowd.reaches(6).await;
    mesh.kill_and_restart().await;
    check(crowd, &format!(".{run}@"), Path::new(&boxes)).await;
    let people = mesh.people.as_ref().expect("a whole mesh knows people");
    gave_nothing_up(&[&mesh.registration, &people.notifications]).await;
}
