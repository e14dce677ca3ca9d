//! What happened to a person, put together from the services that know parts of it and merged by time. A part that cannot be read is
//! named, so that nobody takes half a story for the whole; a part that the role may not see is left out. What the team did is told by the
//! audit log, with who and why: then the moment of the same thing in the registration is not told again.

use prost_types::Timestamp;
use tonic::{Code, Status};
use turnout_proto::{
    notifications::v1::{ListMessagesOfPersonRequest, Message},
    profiles::v1::{AuditEntry, ConsentStatement, GetConsentsRequest, ListAuditRequest, Person},
    registration::v1::{PaymentState, Registration, RsvpState},
};

use super::{
    super::{
        audit::{names, who},
        events::millis,
        session::Organiser,
    },
    visits::{self, Stay},
};
use crate::{
    Shared, all_pages,
    upstream::bounded,
    views::{
        console::{
            audience::{Moment, PersonEvent},
            audit,
            registrant::MessageLine,
            states::{self, Tone},
        },
        text::console as words,
    },
};

/// Messages of one page, and pages that are read.
const MESSAGES_OF_A_PAGE: i32 = 200;
const MESSAGE_PAGES_MAX: usize = 5;
/// Entries of the audit log that are shown for a person and for each of their registrations.
const AUDIT_MAX: i32 = 200;
/// Registrations of a person whose audit entries are read.
const AUDITED_REGISTRATIONS_MAX: usize = 20;
/// An act is entered in the audit log just before it is stored, by another service's clock: so far apart they are the same.
const ACT_APART_MS: i64 = 15_000;

/// The parts.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) registrations: Vec<Registration>,
    /// None if they could not be read, or are not for the role.
    pub(super) consents: Option<Vec<ConsentStatement>>,
    messages: Vec<Message>,
    ledger: Vec<ConsentStatement>,
    audit: Vec<AuditEntry>,
    stays: Vec<Stay>,
    /// Parts that could not be read, in words.
    pub(super) missing: Vec<&'static str>,
}

pub(super) async fn read(shared: &Shared, organiser: &Organiser, person_id: &str) -> Story {
    let acting = organiser.acting();
    let person = || person_id.to_owned();
    let mut people = shared.upstream.people(&acting);
    let (registrations, messages, consents, ledger) = tokio::join!(
        all_pages::registrations_of_person(shared, &acting, person_id),
        messages(shared, organiser, person_id),
        people.get_consents(bounded(GetConsentsRequest { person_id: person() })),
        all_pages::consent_ledger(shared, &acting, person_id),
    );
    let mut missing = Vec::new();
    if messages.as_ref().is_ok_and(|(_, more)| *more) {
        missing.push(words::PART_MESSAGES_MORE);
    }
    if registrations.as_ref().is_ok_and(|registrations| registrations.more) {
        missing.push(words::PART_REGISTRATIONS_MORE);
    }
    if ledger.as_ref().is_ok_and(|ledger| ledger.more) {
        missing.push(words::PART_CONSENTS_MORE);
    }
    let mut story = Story {
        registrations: part(registrations.map(|r| r.rows), words::PART_REGISTRATIONS, &mut missing),
        messages: part(messages.map(|(messages, _)| messages), words::PART_MESSAGES, &mut missing),
        consents: part_or_none(consents.map(|r| r.into_inner().current), words::PART_CONSENTS, &mut missing),
        ledger: part(ledger.map(|ledger| ledger.rows), words::PART_CONSENTS, &mut missing),
        ..Story::default()
    };
    let (audit, visits, names) = tokio::join!(
        audit(shared, organiser, person_id, &story.registrations),
        visits::read(shared, organiser, &story.registrations),
        names(shared, organiser),
    );
    if audit.as_ref().is_ok_and(|audit| audit.more) {
        missing.push(words::PART_AUDIT_MORE);
    }
    story.audit = part(audit.map(|audit| audit.entries), words::PART_AUDIT, &mut missing);
    for entry in &mut story.audit {
        entry.actor = who(&entry.actor, &names);
    }
    if visits.as_ref().is_ok_and(|visits| visits.more) {
        missing.push(words::PART_VISITS_MORE);
    }
    story.stays = part(visits.map(|visits| visits.stays), words::PART_VISITS, &mut missing);
    missing.dedup();
    story.missing = missing;
    story
}

/// A part, or none of it: then its name is noted, unless the role may not see it.
fn part<T>(answer: Result<Vec<T>, Status>, name: &'static str, missing: &mut Vec<&'static str>) -> Vec<T> {
    part_or_none(answer, name, missing).unwrap_or_default()
}

/// The same where "nothing" and "not known" are told apart on the page.
fn part_or_none<T>(
    answer: Result<Vec<T>, Status>,
    name: &'static str,
    missing: &mut Vec<&'static str>,
) -> Option<Vec<T>> {
    answer
        .inspect_err(|status| {
            if status.code() != Code::PermissionDenied {
                missing.push(name);
            }
        })
        .ok()
}

/// The newest messages to a person. Of those who have more, the rest is said to be missing.
async fn messages(shared: &Shared, organiser: &Organiser, person_id: &str) -> Result<(Vec<Message>, bool), Status> {
    let mut notifications = shared.upstream.notifications(&organiser.acting());
    let (mut messages, mut page_token) = (Vec::new(), String::new());
    for _ in 0..MESSAGE_PAGES_MAX {
        let person_id = person_id.to_owned();
        let request = ListMessagesOfPersonRequest { person_id, page_size: MESSAGES_OF_A_PAGE, page_token };
        let page = notifications.list_messages_of_person(bounded(request)).await?.into_inner();
        messages.extend(page.messages);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok((messages, !page_token.is_empty()))
}

/// What the team did for a person and for their newest registrations.
struct Audited {
    entries: Vec<AuditEntry>,
    /// Whether there is more of it than is read.
    more: bool,
}

async fn audit(
    shared: &Shared,
    organiser: &Organiser,
    person_id: &str,
    registrations: &[Registration],
) -> Result<Audited, Status> {
    let of_registrations =
        registrations.iter().take(AUDITED_REGISTRATIONS_MAX).map(|r| format!("registration:{}", r.registration_id));
    let mut audited = Audited { entries: Vec::new(), more: registrations.len() > AUDITED_REGISTRATIONS_MAX };
    for subject in std::iter::once(format!("person:{person_id}")).chain(of_registrations) {
        let request = bounded(ListAuditRequest { page_size: AUDIT_MAX, page_token: String::new(), subject });
        let answer = shared.upstream.accounts(&organiser.acting()).list_audit(request).await?;
        let page = answer.into_inner();
        audited.more |= !page.next_page_token.is_empty();
        audited.entries.extend(page.entries);
    }
    Ok(audited)
}

/// All parts by time, the newest first.
pub(super) fn merge(story: &Story, person: &Person, events: &[PersonEvent]) -> Vec<Moment> {
    let mut moments = Vec::new();
    let known = |event_id: &str| {
        events.iter().filter_map(|joined| joined.event.as_ref()).find(|known| known.event_id == event_id)
    };
    let title = |event_id: &str| known(event_id).map_or_else(String::new, |event| event.title.clone());
    let mut add = |at: Option<&Timestamp>, what: String, note: String, event: String, tone| {
        if let Some(at) = at {
            moments.push(Moment { at_ms: millis(at), what, note, event, tone });
        }
    };
    let none = String::new;
    add(person.created_at.as_ref(), words::TIMELINE_SEEN.into(), none(), none(), Tone::Plain);
    let how = states::assurance(person.email_assurance()).text.to_owned();
    add(person.email_verified_at.as_ref(), words::TIMELINE_VERIFIED.into(), how, none(), Tone::Good);
    for registration in &story.registrations {
        for line in lines(registration) {
            if !is_told(&story.audit, registration, &line) {
                add(line.at, line.what.into(), line.note, title(&registration.event_id), line.tone);
            }
        }
    }
    for stay in &story.stays {
        let zone = known(&stay.event_id).map_or("UTC", |event| &event.zone);
        let note = words::TIMELINE_ZONE.replace("{zone}", zone);
        add(Some(&stay.from()), stay.words(zone), note, title(&stay.event_id), Tone::Good);
    }
    for message in &story.messages {
        let line = MessageLine::of(message, "UTC");
        let state = if line.note.is_empty() {
            line.state.text.to_owned()
        } else {
            format!("{}: {}", line.state.text, line.note)
        };
        let at = message.state_at.as_ref().or(message.due_at.as_ref());
        add(at, format!("{} · {}", line.what, line.channel), state, title(&message.event_id), line.state.tone);
    }
    for statement in &story.ledger {
        let word = states::consent(statement.action());
        let what = words::TIMELINE_CONSENT
            .replace("{action}", word.text)
            .replace("{purpose}", &statement.purpose)
            .replace("{channel}", &statement.channel);
        add(statement.at.as_ref(), what, statement.source.clone(), none(), word.tone);
    }
    for entry in &story.audit {
        let by = words::TIMELINE_BY.replace("{actor}", &entry.actor);
        let note = [&by, &entry.reason, &entry.detail]
            .into_iter()
            .filter(|text| !text.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(" · ");
        add(entry.at.as_ref(), audit::act(&entry.action), note, title(&entry.event_id), Tone::Plain);
    }
    // Equal moments keep the order of their causes: the later one of the list happened later.
    moments.reverse();
    moments.sort_by_key(|moment| std::cmp::Reverse(moment.at_ms));
    moments
}

/// What a registration says of itself.
struct Line<'a> {
    at: Option<&'a Timestamp>,
    what: &'static str,
    note: String,
    tone: Tone,
    /// What the audit log calls it where the team does it; empty for what only the person can do.
    act: &'static str,
}

fn lines(registration: &Registration) -> Vec<Line<'_>> {
    fn line<'a>(at: Option<&'a Timestamp>, what: &'static str, tone: Tone, act: &'static str) -> Line<'a> {
        Line { at, what, note: String::new(), tone, act }
    }
    let (answer, tone_of_answer) = match registration.rsvp() {
        RsvpState::Confirmed => (words::TIMELINE_CONFIRMED, Tone::Good),
        RsvpState::Declined => (words::TIMELINE_DECLINED, Tone::Warn),
        // They have registered anew since, or the event no longer asks.
        RsvpState::Invited | RsvpState::Unspecified => (words::TIMELINE_ANSWERED, Tone::Plain),
    };
    let (payment, tone_of_payment) = match registration.payment() {
        PaymentState::Paid => (words::TIMELINE_PAID, Tone::Good),
        PaymentState::Refunded => (words::TIMELINE_REFUNDED, Tone::Warn),
        PaymentState::Unpaid | PaymentState::NotApplicable | PaymentState::Unspecified => {
            (words::TIMELINE_PAYMENT, Tone::Plain)
        }
    };
    let paid = registration.paid.as_ref().map(states::money).unwrap_or_default();
    vec![
        line(registration.registered_at.as_ref(), words::TIMELINE_REGISTERED, Tone::Good, "registration.register"),
        line(registration.waiting_since.as_ref(), words::TIMELINE_WAITING, Tone::Warn, ""),
        line(registration.rsvp_at.as_ref(), answer, tone_of_answer, "registration.rsvp"),
        Line { note: paid, ..line(registration.payment_at.as_ref(), payment, tone_of_payment, "registration.payment") },
        line(registration.cancelled_at.as_ref(), words::TIMELINE_CANCELLED, Tone::Bad, "registration.cancel"),
        line(registration.first_entered_at.as_ref(), words::TIMELINE_ENTERED, Tone::Good, ""),
        line(registration.checked_in_at.as_ref(), words::TIMELINE_CHECKED_IN, Tone::Good, "registration.check_in"),
        line(registration.came_cancelled_at.as_ref(), words::TIMELINE_CAME_CANCELLED, Tone::Warn, ""),
    ]
}

/// Whether the audit log tells of it.
fn is_told(audit: &[AuditEntry], registration: &Registration, line: &Line<'_>) -> bool {
    let Some(at_ms) = line.at.map(millis) else { return false };
    audit.iter().filter(|entry| !line.act.is_empty() && entry.action == line.act).any(|entry| {
        entry.subject.strip_prefix("registration:") == Some(&registration.registration_id)
            && entry.at.as_ref().is_some_and(|entered| millis(entered).abs_diff(at_ms) <= ACT_APART_MS as u64)
    })
}

#[cfg(test)]
mod tests {
    use turnout_proto::profiles::v1::ConsentAction;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    /// Of the parts that the product names, registrations with their form entries, spans of presence, and notifications are here, and
    /// consents and the team's acts beside them. Interactions come with the services that know them.
    #[test]
    fn item_14_the_timeline_merges_all_parts_by_time() {
        let story = Story {
            registrations: vec![Registration {
                registered_at: Some(at(100)),
                first_entered_at: Some(at(400)),
                checked_in_at: Some(at(450)),
                ..Registration::default()
            }],
            stays: vec![Stay::watched(430_000, 490_000), Stay::watched(600_000, 780_000)],
            messages: vec![Message { state_at: Some(at(300)), ..Message::default() }],
            ledger: vec![ConsentStatement {
                purpose: "marketing".into(),
                channel: "email".into(),
                action: ConsentAction::Granted.into(),
                at: Some(at(200)),
                ..ConsentStatement::default()
            }],
            audit: vec![AuditEntry { at: Some(at(500)), action: "person.phone".into(), ..AuditEntry::default() }],
            ..Story::default()
        };
        let person = Person { created_at: Some(at(100)), ..Person::default() };
        let told: Vec<(i64, String)> =
            merge(&story, &person, &[]).into_iter().map(|moment| (moment.at_ms / 1000, moment.what)).collect();
        let what: Vec<&str> = told.iter().map(|(_, what)| what.as_str()).collect();
        assert_eq!(told.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [600, 500, 450, 430, 400, 300, 200, 100, 100]);
        assert_eq!(what[0], "Watched for 3 min (00:10–00:13)");
        assert_eq!(what[1], "Changed a phone number");
        assert_eq!(what[2], words::TIMELINE_CHECKED_IN);
        assert_eq!(what[3], "Watched for 1 min (00:07–00:08)");
        assert_eq!(what[4], words::TIMELINE_ENTERED);
        assert_eq!(what[6], "Granted: marketing by email");
        // First seen, then registered: the newest stands above.
        assert_eq!(what[7..], [words::TIMELINE_REGISTERED, words::TIMELINE_SEEN]);
    }

    fn whats(story: &Story) -> Vec<(i64, String, String)> {
        let told = merge(story, &Person::default(), &[]);
        told.into_iter().map(|moment| (moment.at_ms / 1000, moment.what, moment.note)).collect()
    }

    #[test]
    fn item_14_the_timeline_has_the_moments_of_an_answer_of_a_payment_and_of_a_cancellation_whoever_made_them() {
        let story = Story {
            registrations: vec![Registration {
                registered_at: Some(at(100)),
                rsvp: RsvpState::Confirmed.into(),
                rsvp_at: Some(at(200)),
                payment: PaymentState::Paid.into(),
                payment_at: Some(at(300)),
                paid: Some(turnout_proto::common::v1::Money { amount_minor: 2500, currency: "EUR".into() }),
                cancelled_at: Some(at(400)),
                came_cancelled_at: Some(at(500)),
                ..Registration::default()
            }],
            ..Story::default()
        };
        let told = whats(&story);
        let expected = [
            (500, words::TIMELINE_CAME_CANCELLED),
            (400, words::TIMELINE_CANCELLED),
            (300, words::TIMELINE_PAID),
            (200, words::TIMELINE_CONFIRMED),
            (100, words::TIMELINE_REGISTERED),
        ];
        assert_eq!(told.iter().map(|(at, what, _)| (*at, what.as_str())).collect::<Vec<_>>(), expected);
        assert!(told[2].2.contains("25"), "the amount stands beside it: {}", told[2].2);
    }

    #[test]
    fn item_14_an_answer_that_was_given_before_they_registered_anew_stays_in_the_timeline() {
        let registration = Registration {
            rsvp: RsvpState::Invited.into(),
            rsvp_at: Some(at(200)),
            payment: PaymentState::Unpaid.into(),
            payment_at: Some(at(300)),
            ..Registration::default()
        };
        let told = whats(&Story { registrations: vec![registration], ..Story::default() });
        let what: Vec<&str> = told.iter().map(|(_, what, _)| what.as_str()).collect();
        assert_eq!(what, [words::TIMELINE_PAYMENT, words::TIMELINE_ANSWERED]);
    }

    #[test]
    fn item_14_what_the_team_did_is_told_once_with_who_and_why() {
        let registration = |id: &str| Registration {
            registration_id: id.into(),
            rsvp_at: Some(at(200)),
            payment_at: Some(at(300)),
            cancelled_at: Some(at(400)),
            ..Registration::default()
        };
        let entry = |action: &str, id: &str, seconds| AuditEntry {
            at: Some(at(seconds)),
            actor: "member:m1".into(),
            action: action.into(),
            subject: format!("registration:{id}"),
            ..AuditEntry::default()
        };
        let story = Story {
            registrations: vec![registration("r1"), registration("r2")],
            audit: vec![
                entry("registration.cancel", "r1", 401),
                entry("registration.payment", "r1", 299),
                // Another time, and another registration: these tell of something else.
                entry("registration.rsvp", "r1", 100),
                entry("registration.cancel", "r2", 900),
            ],
            ..Story::default()
        };
        let count = |what: &str| whats(&story).into_iter().filter(|(_, told, _)| told == what).count();
        assert_eq!(count(words::TIMELINE_CANCELLED), 1, "of r2, whom nobody of the team cancelled then");
        assert_eq!(count(words::TIMELINE_PAYMENT), 1);
        assert_eq!(count(words::TIMELINE_ANSWERED), 2);
        assert_eq!(count("Cancelled a registration"), 2);
    }

    #[test]
    fn a_part_that_cannot_be_read_is_named_and_one_that_is_not_for_the_role_is_not() {
        let mut missing = Vec::new();
        assert!(part::<u8>(Err(Status::unavailable("")), "messages", &mut missing).is_empty());
        assert!(part::<u8>(Err(Status::permission_denied("")), "audit", &mut missing).is_empty());
        assert_eq!(missing, ["messages"]);
    }
}
