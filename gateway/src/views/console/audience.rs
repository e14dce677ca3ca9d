//! The people of a tenant across all events, and the page of one.

use askama::Template;
use turnout_proto::profiles::v1::{ConsentStatement, Person};

use super::{
    super::{show, text, text::console as words},
    query::ListQuery,
    registrants::{Notice, shown, sort_state},
    rows::RegistrantRow,
    shell::{EventFacts, Shell},
    states::{self, Tone},
};
use crate::assets;

/// The zone of pages that belong to no event. Scripts put moments into the reader's own.
const UTC: &str = "UTC";

/// One column of the list of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonColumn {
    /// The name.
    Name,
    /// The address.
    Email,
    /// The phone.
    Phone,
    /// The id, for those who see no names.
    Person,
    /// The language to write in.
    Language,
    /// How sure the address is.
    Assurance,
    /// Whether there is an account.
    Account,
    /// When the person was first seen.
    Since,
}

impl PersonColumn {
    /// The columns for a reader.
    pub fn of(shell: &Shell) -> Vec<Self> {
        let mut columns =
            if shell.sees_personal() { vec![Self::Name, Self::Email, Self::Phone] } else { vec![Self::Person] };
        columns.extend([Self::Assurance, Self::Account, Self::Since]);
        columns
    }

    /// What is needed to write to people over a channel, and no more. A platform finds people by either of the two.
    pub fn to_write(channel: &str) -> Vec<Self> {
        let reached_by = match channel {
            "email" => vec![Self::Email],
            "sms" => vec![Self::Phone],
            _ => vec![Self::Email, Self::Phone],
        };
        [vec![Self::Name], reached_by, vec![Self::Language]].concat()
    }

    /// The heading.
    pub fn label(self) -> &'static str {
        match self {
            Self::Name => words::COLUMN_NAME,
            Self::Email => words::COLUMN_EMAIL,
            Self::Phone => words::COLUMN_PHONE,
            Self::Person => words::COLUMN_REGISTRATION,
            Self::Language => words::REGISTRANT_LANGUAGE,
            Self::Assurance => words::COLUMN_ASSURANCE,
            Self::Account => words::COLUMN_ACCOUNT,
            Self::Since => words::COLUMN_SINCE,
        }
    }

    /// The name for programs.
    pub fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Person => "person_id",
            Self::Language => "language",
            Self::Assurance => "email_assurance",
            Self::Account => "account",
            Self::Since => "first_seen_at",
        }
    }

    /// What the list is sorted by when this heading is chosen.
    pub fn sort(self) -> Option<&'static str> {
        match self {
            Self::Name => Some("name"),
            Self::Email => Some("email"),
            Self::Since => Some("time"),
            _ => None,
        }
    }

    /// What stands in it, with its tone.
    pub fn text(self, person: &Person) -> (String, Tone) {
        let plain = |text: &str| (text.to_owned(), Tone::Plain);
        match self {
            Self::Name => plain(&person.name),
            Self::Email => plain(&person.email),
            Self::Phone => plain(&person.phone),
            Self::Person => plain(&person.person_id),
            Self::Language if person.language.is_empty() => (words::NOTHING.to_owned(), Tone::Quiet),
            Self::Language => plain(&show::language(&person.language)),
            Self::Assurance => {
                let word = states::assurance(person.email_assurance());
                (word.text.to_owned(), word.tone)
            }
            Self::Account if person.has_account => plain(words::ACCOUNT_YES),
            Self::Account => (words::ACCOUNT_NO.to_owned(), Tone::Quiet),
            Self::Since => {
                let since =
                    |at: prost_types::Timestamp| format!("{} {UTC}", show::day_and_minute_in(at.seconds * 1000, UTC));
                plain(&person.created_at.map_or_else(String::new, since))
            }
        }
    }

    /// The moment that stands in it, milliseconds since 1970: scripts put it into the reader's own zone.
    fn moment(self, person: &Person) -> Option<i64> {
        person.created_at.filter(|_| self == Self::Since).map(|at| at.seconds * 1000)
    }

    /// What stands in it, in a file.
    pub fn data(self, person: &Person) -> String {
        match self {
            Self::Since => {
                person.created_at.map_or_else(String::new, |at| show::machine_time_in(at.seconds * 1000, UTC))
            }
            Self::Language => person.language.clone(),
            other => other.text(person).0,
        }
    }
}

/// Why there is no list of who may be written to, and what to do.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// In a few words.
    pub title: &'static str,
    /// In sentences.
    pub advice: String,
    /// Marketing is stopped. An owner may lift it in the settings.
    pub is_stop: bool,
}

/// What a person is called: name, else address, else id.
pub fn person_title(person: &Person) -> &str {
    [&person.name, &person.email, &person.person_id].into_iter().find(|text| !text.is_empty()).map_or("", |text| text)
}

/// What the service says of a page of the list.
#[derive(Clone, Debug)]
pub struct PageOfPeople {
    /// The people.
    pub people: Vec<Person>,
    /// The token of the next page; empty on the last.
    pub next: String,
    /// How many match; nobody counts those who agreed to something.
    pub matching: u64,
    /// How many there are.
    pub total: u64,
}

/// `GET /console/audience/rows`
#[derive(Clone, Debug, Template)]
#[template(path = "console/people_table.html")]
pub struct PeopleTable {
    /// As whom.
    pub shell: Shell,
    /// Which rows.
    pub query: ListQuery,
    /// The columns.
    pub columns: Vec<PersonColumn>,
    /// The rows; none while profiles does not answer.
    pub page: Option<PageOfPeople>,
    /// Nobody may be named just now.
    pub refusal: Option<Refusal>,
    /// Rows of a full page.
    pub page_size: usize,
}

impl PeopleTable {
    fn shown(&self, page: &PageOfPeople) -> String {
        if !self.query.is_consenting() {
            return shown(&self.query, page.people.len(), page.matching, page.total);
        }
        // Whoever withdrew is left out of a page, and so nobody knows how many stand on those before it.
        let mut text = match page.people.len() {
            0 => words::CONSENTING_SHOWN_NOBODY.to_owned(),
            people => words::CONSENTING_SHOWN.replace("{count}", &show::grouped(people as u64)),
        };
        if !page.next.is_empty() {
            text.push_str(words::CONSENTING_SHOWN_MORE);
        }
        text
    }

    /// There is nobody on any page. The last page of those who agreed may be empty by itself.
    fn has_nobody(&self, page: &PageOfPeople) -> bool {
        let is_only = !self.query.is_consenting() || self.query.page.is_empty();
        page.people.is_empty() && page.next.is_empty() && is_only
    }

    fn title_of(person: &Person) -> &str {
        person_title(person)
    }

    fn previous(&self) -> Option<ListQuery> {
        self.query.previous_page(self.page_size)
    }

    /// Who agreed to something is not sorted.
    fn sort<'a>(&self, sort: Option<&'a str>) -> Option<&'a str> {
        sort.filter(|_| !self.query.is_consenting())
    }

    fn sort_state(&self, sort: Option<&str>) -> &'static str {
        sort_state(&self.query, self.sort(sort))
    }
}

/// `GET /console/audience`
#[derive(Clone, Debug, Template)]
#[template(path = "console/audience.html")]
pub struct AudiencePage {
    /// Around it.
    pub shell: Shell,
    /// The list.
    pub table: PeopleTable,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl AudiencePage {
    fn query(&self) -> &ListQuery {
        &self.table.query
    }

    /// What the list is, with what people agreed to.
    fn lead(&self) -> String {
        let query = self.query();
        if !query.is_consenting() {
            return words::AUDIENCE_LEAD.to_owned();
        }
        let known = words::CONSENTING_CHANNELS.iter().find(|(channel, ..)| *channel == query.channel);
        let by = known.map_or(query.channel.as_str(), |(_, _, by)| by);
        words::CONSENTING_LEAD.replace("{purpose}", &query.purpose).replace("{channel}", by)
    }

    /// The channels to choose from, and the one of the address whatever it is.
    fn channels(&self) -> Vec<(&str, &str, bool)> {
        let chosen = self.query().channel.as_str();
        let known = words::CONSENTING_CHANNELS.iter().map(|(channel, label, _)| (*channel, *label, *channel == chosen));
        let mut channels: Vec<_> = known.collect();
        if !chosen.is_empty() && channels.iter().all(|(.., is_chosen)| !is_chosen) {
            channels.push((chosen, chosen, true));
        }
        channels
    }

    fn export_note(&self) -> &'static str {
        if self.query().is_consenting() { words::CONSENTING_EXPORT } else { words::AUDIENCE_EXPORT }
    }
}

/// One registration of a person, with its event.
#[derive(Clone, Debug)]
pub struct PersonEvent {
    /// The event; none when it could not be read.
    pub event: Option<EventFacts>,
    /// The registration.
    pub row: RegistrantRow,
}

impl PersonEvent {
    fn title(&self) -> &str {
        self.event.as_ref().map_or(words::NOTHING, |event| &event.title)
    }

    fn entered_at(&self) -> Option<i64> {
        self.row.entered_at_ms
    }

    fn event_id(&self) -> &str {
        self.event.as_ref().map_or("", |event| &event.event_id)
    }
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    pub what: String,
    /// More of it: why, by whom; may be empty.
    pub note: String,
    /// The event's title; empty where there is none.
    pub event: String,
    /// How it is meant.
    pub tone: Tone,
}

/// `GET /console/audience/<person>`
#[derive(Clone, Debug, Template)]
#[template(path = "console/person.html")]
pub struct PersonPage {
    /// Around it.
    pub shell: Shell,
    /// The person.
    pub person: Person,
    /// Their registrations, newest event first.
    pub events: Vec<PersonEvent>,
    /// What holds of consents; none if they could not be read. They are not shown to roles that may not read them.
    pub consents: Option<Vec<ConsentStatement>>,
    /// Newest first.
    pub timeline: Vec<Moment>,
    /// Parts of the timeline that could not be read, in words.
    pub missing: Vec<&'static str>,
    /// Which action stays open, because its last try went wrong.
    pub open: Option<&'static str>,
    /// What was entered as the phone.
    pub phone: String,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl PersonPage {
    fn title(&self) -> &str {
        person_title(&self.person)
    }

    fn is_open(&self, action: &str) -> bool {
        self.open == Some(action)
    }

    fn base(&self) -> String {
        format!("/console/audience/{}", self.person.person_id)
    }

    fn assurance(&self) -> states::Word {
        states::assurance(self.person.email_assurance())
    }

    fn since(&self) -> Option<i64> {
        self.person.created_at.map(|at| at.seconds * 1000)
    }

    /// Whether there are no events to show because they could not be read.
    fn are_events_unknown(&self) -> bool {
        self.missing.contains(&words::PART_REGISTRATIONS)
    }

    fn missing_words(&self) -> String {
        words::PERSON_TIMELINE_PARTS.replace("{parts}", &self.missing.join(", "))
    }
}
