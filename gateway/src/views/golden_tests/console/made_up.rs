//! The people, events and pages that the golden files of the console show. It compares nothing.

use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::Money,
    notifications::v1::{Message, MessageChannel, MessageKind, MessageState},
    profiles::v1::{Assurance, ConsentAction, ConsentStatement, Person},
    registration::v1::{AttendanceMode, PaymentState, RegistrationState, RsvpState, Statistics},
};

use super::{
    super::super::console::{
        audience::{Moment, PageOfPeople, PeopleTable, PersonColumn, PersonEvent, PersonPage},
        query::ListQuery,
        registrant::{AnswerField, Entry, RegistrantPage},
        registrants::{Notice, PageOfRows, RegistrantsPage, RegistrantsTable, StatisticsPart},
        rows::{Column, Question, RegistrantRow},
        shell::{EventFacts, EventHead, Place, Shell, Tab},
        states,
    },
    super::{AS_OF_MS, number, *},
};

pub(super) fn shell(place: Place) -> Shell {
    Shell { place, role: Role::Owner, once: 7 }
}

pub(super) fn facts() -> EventFacts {
    EventFacts {
        event_id: "opening-night".into(),
        title: "Northern Lights Film Festival: opening night".into(),
        state: EventStateView::Live,
        zone: "Europe/Helsinki".into(),
        starts_at_ms: Some(AS_OF_MS),
        mode: AttendanceMode::Hybrid,
        price: Some(Money { amount_minor: 2_500, currency: "EUR".into() }),
        rsvp: true,
        capacity: 400,
        languages: vec!["en".into(), "fi".into()],
    }
}

pub(super) fn plain_facts() -> EventFacts {
    EventFacts {
        event_id: "demo".into(),
        title: "Demo event".into(),
        state: EventStateView::Draft,
        zone: "UTC".into(),
        starts_at_ms: None,
        mode: AttendanceMode::Online,
        price: None,
        rsvp: false,
        capacity: 0,
        languages: vec!["en".into()],
    }
}

pub(super) fn head(facts: EventFacts, tab: Tab) -> EventHead {
    EventHead { facts, tab }
}

pub(super) fn events() -> Vec<EventRow> {
    let row = |event_id: &str, title: &str, state, viewers| EventRow {
        facts: EventFacts { event_id: event_id.into(), title: title.into(), state, ..facts() },
        ends_at_ms: None,
        viewers,
    };
    vec![
        row("opening-night", "Northern Lights Film Festival: opening night", EventStateView::Live, Some(12_408)),
        row("shorts-3", "Shorts block 3 & talk", EventStateView::Draft, Some(1)),
        row("kids", "Children’s matinee", EventStateView::Ended, Some(0)),
        EventRow { facts: plain_facts(), ends_at_ms: None, viewers: None },
    ]
}

pub(super) fn list(events: Vec<EventRow>, form: CreateEventForm) -> EventsPage {
    EventsPage { shell: shell(Place::Events), rows: EventRows::of(events, AS_OF_MS), form }
}

pub(super) fn count(stale: bool) -> CountView {
    CountView {
        now: LiveNumber { stale, ..number(12_408, 12_391, 12_420) },
        connections: 13_977,
        peak: 14_002,
        peak_at_ms: Some(AS_OF_MS - 1_700_000),
    }
}

pub(super) fn rooms() -> Vec<RoomRow> {
    let room = |room_id: &str, title: &str, viewers| RoomRow { room_id: room_id.into(), title: title.into(), viewers };
    vec![
        room("main-stage", "Main stage", Some(number(9_871, 9_860, 9_880))),
        room("q-and-a", "Questions & answers", Some(number(2_107, 2_107, 2_107))),
        room("shorts", "Shorts block 3", None),
    ]
}

pub(super) fn live(
    facts: EventFacts,
    count: Option<CountView>,
    rooms: Vec<RoomRow>,
    problem: Option<String>,
) -> EventConsolePage {
    EventConsolePage {
        shell: shell(Place::Events),
        public_url: format!("https://live.example.org/e/{}", facts.event_id),
        head: head(facts, Tab::Live),
        version: 3,
        figures: Figures { count, zone: "Europe/Helsinki".into() },
        rooms: Rooms { rooms },
        grpc_addr: "localhost:7071".into(),
        problem,
    }
}

pub(super) fn message(kind: MessageKind, occurrence: &str, state: MessageState, reason: &str) -> Message {
    Message {
        kind: kind.into(),
        occurrence: occurrence.into(),
        channel: MessageChannel::Email.into(),
        state: state.into(),
        reason: reason.into(),
        state_at: Some(prost_types::Timestamp { seconds: AS_OF_MS / 1000, nanos: 0 }),
        due_at: Some(prost_types::Timestamp { seconds: AS_OF_MS / 1000 - 60, nanos: 0 }),
        attempts: 1,
        ..Message::default()
    }
}

pub(super) fn anna() -> RegistrantRow {
    RegistrantRow {
        registration_id: "r3f9a2b7c1d".into(),
        person_id: "p1".into(),
        name: "Anna Andersson".into(),
        email: "anna@example.org".into(),
        phone: "+358401234567".into(),
        nickname: String::new(),
        state: RegistrationState::Registered,
        rsvp: RsvpState::Confirmed,
        mode: AttendanceMode::OnSite,
        registered_at_ms: Some(AS_OF_MS - 86_400_000),
        entered_at_ms: Some(AS_OF_MS),
        checked_in_at_ms: None,
        waiting_since_ms: None,
        payment: PaymentState::Paid,
        paid: Some(Money { amount_minor: 2_500, currency: "EUR".into() }),
        answers: [("meal".to_owned(), "soup,cake".to_owned())].into(),
        form_version: 2,
        language: "en".into(),
        version: 7,
        messages: Some(vec![
            message(MessageKind::Confirmation, "", MessageState::Delivered, ""),
            message(MessageKind::Reminder, "T-24h", MessageState::HandedOff, ""),
            message(MessageKind::Reminder, "T-1h", MessageState::Skipped, "already_entered"),
        ]),
    }
}

pub(super) fn nick() -> RegistrantRow {
    RegistrantRow {
        registration_id: "r0000000000".into(),
        person_id: String::new(),
        name: String::new(),
        email: String::new(),
        phone: String::new(),
        nickname: "Popcorn".into(),
        state: RegistrationState::Waiting,
        rsvp: RsvpState::Invited,
        mode: AttendanceMode::Hybrid,
        entered_at_ms: None,
        payment: PaymentState::Unpaid,
        paid: None,
        answers: std::collections::HashMap::new(),
        messages: None,
        ..anna()
    }
}

pub(super) fn bounced() -> RegistrantRow {
    let bounced = message(MessageKind::Confirmation, "", MessageState::Bounced, "smtp_5xx");
    RegistrantRow {
        registration_id: "r1111111111".into(),
        name: String::new(),
        email: "ben@example.org".into(),
        messages: Some(vec![Message { maybe_twice: true, ..bounced }]),
        ..anna()
    }
}

pub(super) fn questions() -> Vec<Question> {
    let options = vec![("soup".to_owned(), "Soup".to_owned()), ("cake".to_owned(), "Cake".to_owned())];
    vec![
        Question { key: "meal".into(), label: "What would you like to eat?".into(), options, ..Question::default() },
        Question { key: "company".into(), label: "Company".into(), ..Question::default() },
    ]
}

pub(super) fn table(
    event: EventFacts,
    shell: Shell,
    rows: Option<Vec<RegistrantRow>>,
    query: ListQuery,
) -> RegistrantsTable {
    let columns = Column::of(&event, &shell, &questions());
    let page = rows.map(|rows| PageOfRows { rows, next: "next-token".into(), matching: 1_234, total: 2_000 });
    RegistrantsTable { shell, event, query, columns, page, page_size: 50 }
}

pub(super) fn statistics() -> Statistics {
    Statistics {
        registrants: 1_234,
        logged_in: 871,
        waiting: 12,
        cancelled: 40,
        invited: 300,
        confirmed: 1_234,
        declined: 31,
        unpaid: 100,
        paid: 1_400,
        refunded: 3,
        paid_without_place: 2,
        checked_in: 412,
        nicknames: 9,
        on_site: 700,
        online: 500,
        hybrid: 34,
    }
}

pub(super) fn registrants(query: ListQuery, notice: Option<Notice>) -> RegistrantsPage {
    let shell = shell(Place::Events);
    RegistrantsPage {
        shell,
        head: head(facts(), Tab::Registrants),
        statistics: StatisticsPart {
            event: facts(),
            statistics: Some(statistics()),
            viewers: Some(number(655, 650, 660)),
        },
        table: table(facts(), shell, Some(vec![anna(), nick(), bounced()]), query),
        notice,
    }
}

pub(super) fn field(name: &str, entry: Entry, value: &str) -> AnswerField {
    AnswerField {
        name: name.into(),
        label: format!("The {name}"),
        hint: "A hint".into(),
        entry,
        required: name == "email",
        value: value.into(),
        options: vec![("soup".into(), "Soup".into(), true), ("cake".into(), "Cake".into(), false)],
        error: (name == "email").then(|| "Not an address.".into()),
    }
}

pub(super) fn fields() -> Vec<AnswerField> {
    vec![
        field("email", Entry::Email, "anna@"),
        field("phone", Entry::Phone, "+358 40"),
        field("answers.age", Entry::Number, "41"),
        field("answers.about", Entry::LongText, "Two\nlines"),
        field("answers.one", Entry::Choice, "soup"),
        field("answers.many", Entry::Choices, "soup"),
        field("answers.box", Entry::Tick, "yes"),
    ]
}

pub(super) fn registrant(role: Role) -> RegistrantPage {
    RegistrantPage {
        shell: Shell { place: Place::Events, role, once: 7 },
        head: head(facts(), Tab::Registrants),
        row: anna(),
        questions: questions(),
        fields: fields(),
        open: Some("cancel"),
        amount: String::new(),
        notice: Some(Notice { text: "Give a reason of 3 to 500 characters.".into(), bad: true }),
    }
}

pub(super) fn person() -> Person {
    Person {
        person_id: "p1".into(),
        email: "anna@example.org".into(),
        email_assurance: Assurance::ByHand.into(),
        name: "Anna Andersson".into(),
        phone: "+358401234567".into(),
        language: "fi".into(),
        zone: "Europe/Helsinki".into(),
        created_at: Some(prost_types::Timestamp { seconds: AS_OF_MS / 1000, nanos: 0 }),
        has_account: true,
        version: 2,
        ..Person::default()
    }
}

pub(super) fn people(people: Option<Vec<Person>>, query: ListQuery) -> PeopleTable {
    let shell = shell(Place::Audience);
    let page = people.map(|people| PageOfPeople { people, next: String::new(), matching: 1, total: 1 });
    PeopleTable { shell, query, columns: PersonColumn::of(&shell), page, refusal: None, page_size: 50 }
}

pub(super) fn person_page() -> PersonPage {
    let moment = |at_ms, what: &str, note: &str, tone| Moment {
        at_ms,
        what: what.into(),
        note: note.into(),
        event: "Opening night".into(),
        tone,
    };
    PersonPage {
        shell: shell(Place::Audience),
        person: person(),
        events: vec![PersonEvent { event: Some(facts()), row: anna() }, PersonEvent { event: None, row: nick() }],
        consents: Some(vec![ConsentStatement {
            purpose: "marketing".into(),
            channel: "email".into(),
            action: ConsentAction::Granted.into(),
            text: "Tell me about the next festival".into(),
            ..ConsentStatement::default()
        }]),
        timeline: vec![
            moment(AS_OF_MS, "Entered the event page", "", states::Tone::Good),
            moment(AS_OF_MS - 1_000, "Confirmation · E-mail", "Bounced: no such box", states::Tone::Bad),
            moment(AS_OF_MS - 2_000, "Paid", "25.00 EUR", states::Tone::Good),
            moment(AS_OF_MS - 3_000, "Said that they come", "", states::Tone::Good),
        ],
        missing: vec!["messages"],
        open: None,
        phone: "+358401234567".into(),
        notice: None,
    }
}
