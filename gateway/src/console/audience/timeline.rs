//! What happened to a person, put together from the services that know parts of it and merged by time. A part that cannot be read is
//! named, so that nobody takes half a story for the whole; a part that the role may not see is left out.

use tonic::{Code, Status};
use turnout_proto::{
    notifications::v1::{ListMessagesOfPersonRequest, Message},
    profiles::v1::{
        AuditEntry, ConsentStatement, GetConsentsRequest, ListAuditRequest, ListConsentLedgerRequest, Person,
    },
    registration::v1::{ListRegistrationsOfPersonRequest, Registration},
};

use super::{
    super::{events::millis, session::Organiser},
    visits::{self, Stay},
};
use crate::{
    Shared,
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

/// The parts.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) registrations: Vec<Registration>,
    pub(super) consents: Vec<ConsentStatement>,
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
    let mut registrants = shared.upstream.registrants(&acting);
    let (mut people, mut ledger_of) = (shared.upstream.people(&acting), shared.upstream.people(&acting));
    let (registrations, messages, consents, ledger) = tokio::join!(
        registrants.list_registrations_of_person(bounded(ListRegistrationsOfPersonRequest { person_id: person() })),
        messages(shared, organiser, person_id),
        people.get_consents(bounded(GetConsentsRequest { person_id: person() })),
        ledger_of.list_consent_ledger(bounded(ListConsentLedgerRequest { person_id: person() })),
    );
    let mut missing = Vec::new();
    if messages.as_ref().is_ok_and(|(_, more)| *more) {
        missing.push(words::PART_MESSAGES_MORE);
    }
    let mut story = Story {
        registrations: part(
            registrations.map(|r| r.into_inner().registrations),
            words::PART_REGISTRATIONS,
            &mut missing,
        ),
        messages: part(messages.map(|(messages, _)| messages), words::PART_MESSAGES, &mut missing),
        consents: part(consents.map(|r| r.into_inner().current), words::PART_CONSENTS, &mut missing),
        ledger: part(ledger.map(|r| r.into_inner().statements), words::PART_CONSENTS, &mut missing),
        ..Story::default()
    };
    let (audit, visits) = tokio::join!(
        audit(shared, organiser, person_id, &story.registrations),
        visits::read(shared, organiser, &story.registrations),
    );
    story.audit = part(audit, words::PART_AUDIT, &mut missing);
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
    answer.unwrap_or_else(|status| {
        if status.code() != Code::PermissionDenied {
            missing.push(name);
        }
        Vec::new()
    })
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

async fn audit(
    shared: &Shared,
    organiser: &Organiser,
    person_id: &str,
    registrations: &[Registration],
) -> Result<Vec<AuditEntry>, Status> {
    let of_registrations =
        registrations.iter().take(AUDITED_REGISTRATIONS_MAX).map(|r| format!("registration:{}", r.registration_id));
    let mut entries = Vec::new();
    for subject in std::iter::once(format!("person:{person_id}")).chain(of_registrations) {
        let request = bounded(ListAuditRequest { page_size: AUDIT_MAX, page_token: String::new(), subject });
        let answer = shared.upstream.accounts(&organiser.acting()).list_audit(request).await?;
        entries.extend(answer.into_inner().entries);
    }
    Ok(entries)
}

/// All parts by time, the newest first.
pub(super) fn merge(story: &Story, person: &Person, events: &[PersonEvent]) -> Vec<Moment> {
    let mut moments = Vec::new();
    let known = |event_id: &str| {
        events.iter().filter_map(|joined| joined.event.as_ref()).find(|known| known.event_id == event_id)
    };
    let title = |event_id: &str| known(event_id).map_or_else(String::new, |event| event.title.clone());
    let mut add = |at: Option<&prost_types::Timestamp>, what: String, note: String, event: String, tone| {
        if let Some(at) = at {
            moments.push(Moment { at_ms: millis(at), what, note, event, tone });
        }
    };
    let none = String::new;
    add(person.created_at.as_ref(), words::TIMELINE_SEEN.into(), none(), none(), Tone::Plain);
    let how = states::assurance(person.email_assurance()).text.to_owned();
    add(person.email_verified_at.as_ref(), words::TIMELINE_VERIFIED.into(), how, none(), Tone::Good);
    for registration in &story.registrations {
        for (at, what, tone) in [
            (&registration.registered_at, words::TIMELINE_REGISTERED, Tone::Good),
            (&registration.waiting_since, words::TIMELINE_WAITING, Tone::Warn),
            (&registration.first_entered_at, words::TIMELINE_ENTERED, Tone::Good),
            (&registration.checked_in_at, words::TIMELINE_CHECKED_IN, Tone::Good),
        ] {
            add(at.as_ref(), what.into(), none(), title(&registration.event_id), tone);
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

#[cfg(test)]
mod tests {
    use turnout_proto::profiles::v1::ConsentAction;

    use super::*;

    fn at(seconds: i64) -> prost_types::Timestamp {
        prost_types::Timestamp { seconds, nanos: 0 }
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

    #[test]
    fn a_part_that_cannot_be_read_is_named_and_one_that_is_not_for_the_role_is_not() {
        let mut missing = Vec::new();
        assert!(part::<u8>(Err(Status::unavailable("")), "messages", &mut missing).is_empty());
        assert!(part::<u8>(Err(Status::permission_denied("")), "audit", &mut missing).is_empty());
        assert_eq!(missing, ["messages"]);
    }
}
