//! Mails on a real mail server, as people get them: what is in them works, a reminder can be ended with one click, and an event that
//! moves is told once. What happens when the mail server misbehaves is a test of notifications itself.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use prost_types::{FieldMask, Timestamp};
use turnout_proto::{
    notifications::v1::{Message, MessageKind, MessageState, PutRemindersRequest, Reminder, Reminders},
    profiles::v1::{ConsentAction, GetConsentsRequest},
    registration::v1::{Event, RegisterRequest, Registration, UpdateEventRequest},
};
use turnout_tests::{
    mail::{self, Mail},
    process::Turnout,
    servers::{free_port, from_env},
    tokens::Forge,
    wait::until,
};

use crate::desk::{Addresses, Desk};

const SECOND: Duration = Duration::from_secs(1);
/// The shortest lead of a reminder.
const LEAD_S: i64 = 60;
/// The reminder is due so long after the event was made: time enough to register before.
const DUE_IN_S: i64 = 12;

/// The whole program on a real mail server.
struct Post {
    _mesh: Turnout,
    desk: Desk,
    public: String,
    boxes: PathBuf,
    _folder: tempfile::TempDir,
}

/// The mail server of `tests/run`.
struct MailServer {
    /// Offers no encryption.
    plain: String,
    boxes: PathBuf,
}

impl MailServer {
    fn find(test: &str) -> Option<Self> {
        let (plain, boxes) = (from_env("TURNOUT_TEST_SMTP", test)?, from_env("TURNOUT_TEST_SMTP_BOXES", test)?);
        Some(Self { plain, boxes: boxes.into() })
    }

    /// Its encrypted addresses: `starttls` and `smtps`.
    fn encrypted(&self, way: &str) -> String {
        fs::read_to_string(self.boxes.join(".tls").join(way)).unwrap()
    }

    /// What it shows there, and nobody trusts.
    fn certificate(&self) -> String {
        self.boxes.join(".tls/certificate.pem").display().to_string()
    }
}

impl Post {
    async fn open(test: &str) -> Option<Self> {
        let server = MailServer::find(test)?;
        Some(Self::at(&server, &format!("smtp://{}?tls=none", server.plain)).await)
    }

    async fn at(server: &MailServer, smtp_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let public = format!("127.0.0.1:{}", free_port());
        let url = format!("http://{public}");
        let from = "--mail-from=hello@turnout.example";
        let args = ["--public-addr", &public, "--public-url", &url, "--smtp-url", smtp_url, from];
        let mesh = Turnout::start(folder.path(), &args).await;
        let desk = Desk::at(&Addresses::of_one(&mesh), &Forge::of(folder.path()));
        desk.never_sleeps("The Festival").await;
        Self { _mesh: mesh, desk, public, boxes: server.boxes.clone(), _folder: folder }
    }

    async fn event(&self, id: &str, starts_at_s: i64) {
        let event = Event {
            event_id: id.into(),
            title: "Evening; with, friends".into(),
            starts_at: Some(at(starts_at_s)),
            venue: "The hall".into(),
            ..Default::default()
        };
        self.desk.open(event, &["venue"]).await;
    }

    async fn register(&self, event: &str, email: &str) -> Registration {
        let request =
            RegisterRequest { event_id: event.into(), email: email.into(), name: "Ann".into(), ..Default::default() };
        let answer = self.desk.registrants.clone().register(self.desk.ask(request)).await.unwrap();
        answer.into_inner().registration.unwrap()
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("http://{}{path}", self.public)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The mails with these words in their subject, once there is one.
    async fn mails(&self, to: &str, subject: &str) -> Vec<Mail> {
        let has = |mail: &Mail| mail.header("subject").is_some_and(|line| line.contains(subject));
        let seen = async || mail::to(&self.boxes, to).into_iter().filter(has).collect::<Vec<_>>();
        until(&format!("`{subject}` arrives"), 20 * SECOND, async || seen().await.len(), |mails| *mails > 0).await;
        seen().await
    }

    async fn messages(&self, registration: &Registration, kind: MessageKind) -> Vec<Message> {
        let all = self.desk.messages(&registration.event_id, std::slice::from_ref(&registration.registration_id)).await;
        all.into_iter().filter(|message| message.kind() == kind).collect()
    }
}

fn now_s() -> i64 {
    UNIX_EPOCH.elapsed().unwrap().as_secs() as i64
}

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

/// Mailboxes outlive a test.
fn address(name: &str) -> String {
    format!("{name}.{}@example.org", std::process::id())
}

/// The lines of a calendar file, unfolded.
fn calendar(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace("\n ", "");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let from = lines.iter().position(|line| line == "BEGIN:VCALENDAR").expect("a calendar begins");
    let until = lines.iter().position(|line| line == "END:VCALENDAR").expect("a calendar ends");
    lines[from..=until].to_vec()
}

fn value(lines: &[String], name: &str) -> String {
    let found: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')).collect();
    assert_eq!(found.len(), 1, "{name} in {lines:?}");
    found[0].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_arrives_with_links_that_work_and_an_entry_for_the_calendar() {
    let Some(post) = Post::open("a_confirmation_arrives").await else { return };
    post.event("evening", now_s() + 30 * 24 * 3600).await;
    let email = address("ann");
    let registration = post.register("evening", &email).await;
    let mails = post.mails(&email, "You are registered").await;
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert!(mail.header("from").unwrap().contains("The Festival"));
    assert_eq!(mail.header("list-unsubscribe"), None, "nobody unsubscribes from what they asked for");
    let link = mail.link("/r/").expect("a link to their own page");
    let (status, page) = post.get(&link).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Evening; with, friends"), "{page}");

    let entry = calendar(&mail.text);
    assert_eq!(value(&entry, "SUMMARY"), "Evening\\; with\\, friends");
    assert_eq!(value(&entry, "LOCATION"), "The hall");
    assert_eq!(value(&entry, "STATUS"), "CONFIRMED");
    let (status, file) = post.get(&format!("/r/{}/calendar.ics", registration.code)).await;
    assert_eq!(status, 200);
    assert_eq!(value(&calendar(&file), "UID"), value(&entry, "UID"), "the same entry by mail and by link");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_comes_once_also_for_an_event_that_moves_and_ends_with_one_click() {
    let Some(post) = Post::open("a_reminder_comes_once").await else { return };
    let starts_at_s = now_s() + LEAD_S + DUE_IN_S;
    post.event("soon", starts_at_s).await;
    let reminders =
        Reminders { event_id: "soon".into(), reminders: vec![Reminder { before_s: LEAD_S }], ..Default::default() };
    let request = post.desk.ask(PutRemindersRequest { reminders: Some(reminders) });
    post.desk.messages.clone().put_reminders(request).await.unwrap();
    let email = address("ben");
    let registration = post.register("soon", &email).await;

    let reminder = post.mails(&email, "Coming up").await;
    assert_eq!(reminder.len(), 1);
    assert!(now_s() >= starts_at_s - LEAD_S, "not before its time");
    let unsubscribe = reminder[0].header("list-unsubscribe").expect("a reminder can be ended");
    assert_eq!(reminder[0].header("list-unsubscribe-post").as_deref(), Some("List-Unsubscribe=One-Click"));

    // It moves to where its reminder would be due again.
    let moved = UpdateEventRequest {
        event: Some(Event { event_id: "soon".into(), starts_at: Some(at(starts_at_s + 3600)), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["starts_at".into()] }),
        expected_version: 0,
    };
    post.desk.events.clone().update_event(post.desk.ask(moved)).await.unwrap();
    let change = post.mails(&email, "Changed").await;
    let entry = calendar(&change[0].text);
    assert!(value(&entry, "SEQUENCE").parse::<i64>().unwrap() > 0);
    let handed_off = |messages: &[Message]| messages.len() == 1 && messages[0].state() == MessageState::HandedOff;
    let changes = async || post.messages(&registration, MessageKind::Change).await;
    until("the change is told once", 10 * SECOND, changes, |messages| handed_off(messages)).await;
    let reminders = post.messages(&registration, MessageKind::Reminder).await;
    assert!(handed_off(&reminders), "no second reminder is planned: {reminders:?}");
    assert_eq!(post.mails(&email, "Changed").await.len(), 1);
    assert_eq!(post.mails(&email, "Coming up").await.len(), 1);

    // Their mail program does it for them, without a page.
    let url = unsubscribe.trim_matches(['<', '>']);
    let form = [("List-Unsubscribe", "One-Click")];
    let answer = reqwest::Client::new().post(url).form(&form).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    let request = post.desk.ask(GetConsentsRequest { person_id: registration.person_id.clone() });
    let consents = post.desk.people.clone().get_consents(request).await.unwrap().into_inner().current;
    let withdrawn = consents.iter().any(|c| c.purpose == "reminders" && c.action() == ConsentAction::Withdrawn);
    assert!(withdrawn, "{consents:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_go_out_encrypted_to_a_server_whose_certificate_is_trusted() {
    let Some(server) = MailServer::find("mails_go_out_encrypted") else { return };
    for (scheme, way) in [("smtp", "starttls"), ("smtps", "smtps")] {
        let (address_of, certificate) = (server.encrypted(way), server.certificate());
        let post = Post::at(&server, &format!("{scheme}://turnout:s3cret@{address_of}?ca={certificate}")).await;
        post.event("evening", now_s() + 30 * 24 * 3600).await;
        let email = address(way);
        post.register("evening", &email).await;
        assert_eq!(post.mails(&email, "You are registered").await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_without_encryption_or_with_a_strange_certificate_gets_no_mail() {
    let Some(server) = MailServer::find("a_mail_server_without_encryption") else { return };
    let (starttls, smtps) = (server.encrypted("starttls"), server.encrypted("smtps"));
    // Trusted, but made out for 127.0.0.1: under this name it is somebody else's.
    let other_name = |address: &str| address.replace("127.0.0.1", "localhost");
    let (at_starttls, at_smtps, trusted) = (other_name(&starttls), other_name(&smtps), server.certificate());
    for (name, url) in [
        ("no-encryption", format!("smtp://turnout:s3cret@{}", server.plain)),
        ("strange-starttls", format!("smtp://turnout:s3cret@{starttls}")),
        ("strange-smtps", format!("smtps://turnout:s3cret@{smtps}")),
        ("other-name-starttls", format!("smtp://turnout:s3cret@{at_starttls}?ca={trusted}")),
        ("other-name-smtps", format!("smtps://turnout:s3cret@{at_smtps}?ca={trusted}")),
    ] {
        let post = Post::at(&server, &url).await;
        post.event("evening", now_s() + 30 * 24 * 3600).await;
        let email = address(name);
        let registration = post.register("evening", &email).await;
        let confirmations = async || post.messages(&registration, MessageKind::Confirmation).await;
        let waits = |messages: &Vec<Message>| {
            messages.iter().any(|message| message.state() == MessageState::Queued && message.reason == "smtp_tls")
        };
        until(&format!("{name}: it says why it waits"), 20 * SECOND, confirmations, waits).await;
        assert!(mail::to(&server.boxes, &email).is_empty(), "{name}");
    }
}
