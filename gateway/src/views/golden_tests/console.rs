//! The console's pages.

use turnout_platform::auth::{EVERYONE, Role};
use turnout_proto::{
    common::v1::Money,
    notifications::v1::{Message, MessageChannel, MessageKind, MessageState},
    profiles::v1::{Assurance, ConsentAction, ConsentStatement, Person},
    registration::v1::{AttendanceMode, PaymentState, RegistrationState, RsvpState, Statistics},
};

use super::{
    super::console::{
        audience::{AudiencePage, Moment, PageOfPeople, PeopleTable, PersonColumn, PersonEvent, PersonPage},
        door::{CheckInPage, DoorResult, DoorRows},
        help::HelpPage,
        query::ListQuery,
        registrant::{AnswerField, Entry, RegistrantPage},
        registrants::{ByHandPage, Notice, PageOfRows, RegistrantsPage, RegistrantsTable, StatisticsPart},
        rows::{Column, Question, RegistrantRow},
        shell::{EventFacts, EventHead, Place, Shell, Tab},
        states,
        suppression::{HeldBack, SuppressionPage},
    },
    AS_OF_MS, golden, number, *,
};

const EVIL: &str = r#"<script>alert("1")</script>"#;

fn shell(place: Place) -> Shell {
    Shell { place, role: Role::Owner, once: 7 }
}

fn facts() -> EventFacts {
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

fn plain_facts() -> EventFacts {
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

fn head(facts: EventFacts, tab: Tab) -> EventHead {
    EventHead { facts, tab }
}

fn events() -> Vec<EventRow> {
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

fn list(events: Vec<EventRow>, form: CreateEventForm) -> EventsPage {
    EventsPage { shell: shell(Place::Events), rows: EventRows::of(events, AS_OF_MS), form }
}

fn count(stale: bool) -> CountView {
    CountView {
        now: LiveNumber { stale, ..number(12_408, 12_391, 12_420) },
        connections: 13_977,
        peak: 14_002,
        peak_at_ms: Some(AS_OF_MS - 1_700_000),
    }
}

fn rooms() -> Vec<RoomRow> {
    let room = |room_id: &str, title: &str, viewers| RoomRow { room_id: room_id.into(), title: title.into(), viewers };
    vec![
        room("main-stage", "Main stage", Some(number(9_871, 9_860, 9_880))),
        room("q-and-a", "Questions & answers", Some(number(2_107, 2_107, 2_107))),
        room("shorts", "Shorts block 3", None),
    ]
}

fn live(facts: EventFacts, count: Option<CountView>, rooms: Vec<RoomRow>, problem: Option<String>) -> EventConsolePage {
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

fn message(kind: MessageKind, occurrence: &str, state: MessageState, reason: &str) -> Message {
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

fn anna() -> RegistrantRow {
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

fn nick() -> RegistrantRow {
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

fn bounced() -> RegistrantRow {
    let bounced = message(MessageKind::Confirmation, "", MessageState::Bounced, "smtp_5xx");
    RegistrantRow {
        registration_id: "r1111111111".into(),
        name: String::new(),
        email: "ben@example.org".into(),
        messages: Some(vec![Message { maybe_twice: true, ..bounced }]),
        ..anna()
    }
}

fn questions() -> Vec<Question> {
    let options = vec![("soup".to_owned(), "Soup".to_owned()), ("cake".to_owned(), "Cake".to_owned())];
    vec![
        Question { key: "meal".into(), label: "What would you like to eat?".into(), options, ..Question::default() },
        Question { key: "company".into(), label: "Company".into(), ..Question::default() },
    ]
}

fn table(event: EventFacts, shell: Shell, rows: Option<Vec<RegistrantRow>>, query: ListQuery) -> RegistrantsTable {
    let columns = Column::of(&event, &shell, &questions());
    let page = rows.map(|rows| PageOfRows { rows, next: "next-token".into(), matching: 1_234, total: 2_000 });
    RegistrantsTable { shell, event, query, columns, page, page_size: 50 }
}

fn statistics() -> Statistics {
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

fn registrants(query: ListQuery, notice: Option<Notice>) -> RegistrantsPage {
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

fn field(name: &str, entry: Entry, value: &str) -> AnswerField {
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

fn fields() -> Vec<AnswerField> {
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

fn registrant(role: Role) -> RegistrantPage {
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

#[test]
fn whether_mail_to_an_address_is_held_back() {
    let page = SuppressionPage {
        shell: shell(Place::Events),
        head: head(facts(), Tab::Registrants),
        registration_id: "r1".into(),
        name: EVIL.into(),
        email: "anna@example.org".into(),
        held_back: None,
        notice: None,
    };
    golden("suppression_none", &page);
    let held_back = |reason: &str, until_ms| HeldBack { reason: reason.into(), since_ms: AS_OF_MS, until_ms };
    let complained = SuppressionPage { held_back: Some(held_back("complaint", None)), ..page.clone() };
    golden("suppression", &complained);
    let notice = Some(Notice { text: "Give a reason of 3 to 500 characters.".into(), bad: true });
    let for_a_while = Some(held_back("soft_bounces", Some(AS_OF_MS + 2_592_000_000)));
    golden("suppression_refused", &SuppressionPage { held_back: for_a_while, notice, ..page });
}

fn person() -> Person {
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

fn people(people: Option<Vec<Person>>, query: ListQuery) -> PeopleTable {
    let shell = shell(Place::Audience);
    let page = people.map(|people| PageOfPeople { people, next: String::new(), matching: 1, total: 1 });
    PeopleTable { shell, query, columns: PersonColumn::of(&shell), page, refusal: None, page_size: 50 }
}

fn person_page() -> PersonPage {
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
        consents: vec![ConsentStatement {
            purpose: "marketing".into(),
            channel: "email".into(),
            action: ConsentAction::Granted.into(),
            text: "Tell me about the next festival".into(),
            ..ConsentStatement::default()
        }],
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

#[test]
fn the_list_of_events() {
    golden("events", &list(events(), CreateEventForm::default()));
    golden("events_empty", &list(vec![], CreateEventForm::default()));
    golden("event_rows", &EventRows::of(events(), AS_OF_MS));
}

#[test]
fn the_form_with_what_is_wrong_with_it() {
    golden(
        "create_event_errors",
        &CreateEventForm {
            title: "  ".into(),
            starts: "2026-13-01T00:00".into(),
            zone: "Mars/Olympus".into(),
            event_id: "no spaces please".into(),
            title_error: Some("Give the event a title.".into()),
            starts_error: Some("Say when it starts.".into()),
            zone_error: Some("No such zone.".into()),
            event_id_error: Some("Use letters, digits, - and _ only.".into()),
            form_error: Some("The event was not created.".into()),
            once: 7,
        },
    );
}

#[test]
fn the_live_page_of_the_console() {
    golden("event_console", &live(facts(), Some(count(false)), rooms(), None));
    let problem = Some("Someone else changed the event a moment ago.".into());
    golden("event_console_empty", &live(plain_facts(), None, vec![], problem));
    let cancelled = EventFacts { state: EventStateView::Cancelled, ..facts() };
    let page = live(cancelled, None, vec![], None).render().unwrap();
    assert!(!page.contains("/state\""), "a cancelled event stays cancelled");
}

#[test]
fn the_fragments_that_the_stream_sends() {
    golden("figures", &Figures { count: Some(count(false)), zone: "Europe/Helsinki".into() });
    golden("figures_stale", &Figures { count: Some(count(true)), zone: "Europe/Helsinki".into() });
    golden("rooms", &Rooms { rooms: rooms() });
    let viewers = Some(LiveNumber { stale: true, ..number(5, 5, 5) });
    golden("statistics", &StatisticsPart { event: facts(), statistics: Some(statistics()), viewers });
    golden("statistics_waiting", &StatisticsPart { event: plain_facts(), statistics: None, viewers: None });
}

#[test]
fn the_registrants_of_an_event() {
    let query = ListQuery { q: "an".into(), paid: "paid".into(), sort: "name".into(), ..ListQuery::default() };
    let second = query.next_page("token-2", 50);
    golden("registrants", &registrants(second, Some(Notice { text: "Checked in: 3 of 3.".into(), bad: false })));
    let shell = shell(Place::Events);
    golden("registrants_none", &table(plain_facts(), shell, Some(vec![]), ListQuery::default()));
    golden("registrants_no_match", &table(plain_facts(), shell, Some(vec![]), query));
    golden("registrants_unavailable", &table(plain_facts(), shell, None, ListQuery::default()));
}

#[test]
fn who_may_not_see_names_sees_rows_without_them_and_no_acts() {
    let analyst = Shell { place: Place::Events, role: Role::Analyst, once: 7 };
    let redacted = RegistrantRow { name: String::new(), email: String::new(), phone: String::new(), ..anna() };
    golden("registrants_analyst", &table(facts(), analyst, Some(vec![redacted]), ListQuery::default()));
}

#[test]
fn the_page_of_one_registrant() {
    golden("registrant", &registrant(Role::Support));
    let page = registrant(Role::Moderator).render().unwrap();
    assert!(page.contains("/check-in\"") && !page.contains("/cancel\""), "a moderator checks in and nothing else");
    let page = registrant(Role::Analyst).render().unwrap();
    assert!(!page.contains("class=\"act\""), "an analyst acts for nobody");
}

#[test]
fn registering_by_hand() {
    golden(
        "by_hand",
        &ByHandPage {
            shell: shell(Place::Events),
            head: head(facts(), Tab::Registrants),
            fields: fields(),
            form_version: 2,
            reason: String::new(),
            lacks_reason: true,
            notice: Some(Notice { text: "Something is not right.".into(), bad: true }),
        },
    );
}

#[test]
fn the_people_across_events() {
    let page = |table| AudiencePage { shell: shell(Place::Audience), table, notice: None };
    golden("audience", &page(people(Some(vec![person()]), ListQuery::default())));
    golden("audience_none", &page(people(Some(vec![]), ListQuery::default())));
    golden("audience_unavailable", &people(None, ListQuery::default()));
    golden("person", &person_page());
}

#[test]
fn the_door() {
    let page = |result| CheckInPage { shell: shell(Place::Events), head: head(facts(), Tab::CheckIn), result };
    golden("check_in", &page(None));
    let outcome = turnout_proto::registration::v1::CheckInOutcome::AlreadyIn;
    let result = DoorResult { word: states::check_in(outcome), who: "Anna".into(), note: "At 18:00".into() };
    golden("check_in_result", &page(Some(result)));
    golden("door_rows", &DoorRows { event: facts(), rows: vec![anna(), nick()], searched: true });
}

#[test]
fn the_help() {
    golden("help", &HelpPage { shell: shell(Place::Help) });
}

/// The export is made of the same cells as the table: each of them must stand in the page as it stands in the file.
#[test]
fn item_30_what_is_exported_is_what_is_shown() {
    let shell = shell(Place::Events);
    let html = table(facts(), shell, Some(vec![anna(), bounced()]), ListQuery::default()).render().unwrap();
    for column in Column::of(&facts(), &shell, &questions()) {
        let heading = column.label();
        assert!(html.contains(heading), "no column {heading}");
        for row in [anna(), bounced()] {
            for line in column.cell(&row, "Europe/Helsinki").lines {
                assert!(html.contains(&line.text) && html.contains(&line.note), "{heading}: {line:?}");
            }
        }
    }
}

#[test]
fn item_10_a_free_event_says_not_applicable_and_a_paid_one_says_what() {
    let cell = |payment, paid| Column::Paid.cell(&RegistrantRow { payment, paid, ..anna() }, "UTC").data();
    assert_eq!(cell(PaymentState::NotApplicable, None), "Not applicable");
    assert_eq!(cell(PaymentState::Unpaid, None), "Unpaid");
    assert_eq!(cell(PaymentState::Paid, anna().paid), "Paid (25.00 EUR)");
    assert_eq!(cell(PaymentState::Refunded, anna().paid), "Refunded (25.00 EUR)");
}

#[test]
fn item_9_each_reminder_has_a_state_of_its_own() {
    let cell = Column::Reminders.cell(&anna(), "UTC");
    assert_eq!(cell.data(), "24 h before: Sent; 1 h before: Not sent (the person is in already)");
    assert_eq!((cell.lines[0].text.as_str(), cell.lines[0].note.as_str()), ("1 of 2 sent", ""));
    let mut row = anna();
    let reminder = |at: usize| {
        move |row: &mut RegistrantRow, state: MessageState| {
            let mut reminders = row.messages.iter_mut().flatten().filter(|m| m.kind() == MessageKind::Reminder);
            let reminder = reminders.nth(at).unwrap();
            reminder.state = state.into();
            reminder.reason = "smtp_refused".into();
        }
    };
    reminder(0)(&mut row, MessageState::Failed);
    let failed = Column::Reminders.cell(&row, "UTC");
    assert_eq!((failed.lines[0].text.as_str(), failed.lines[0].tone), ("0 of 2 sent", states::Tone::Bad));
    assert_eq!(failed.lines[0].note, "24 h before: Failed (smtp_refused)");
    assert_eq!(Column::Reminders.cell(&nick(), "UTC").data(), "Unknown: messages do not answer");
}

#[test]
fn item_8_the_confirmation_shows_its_latest_state_and_why() {
    assert_eq!(
        Column::Confirmation.cell(&bounced(), "UTC").data(),
        "Bounced (the receiving server refused it for good; may have arrived twice)"
    );
    let none = RegistrantRow { messages: Some(vec![]), ..anna() };
    assert_eq!(Column::Confirmation.cell(&none, "UTC").data(), "None");
}

#[test]
fn what_people_type_is_never_markup() {
    let form = CreateEventForm { title: EVIL.into(), ..CreateEventForm::default() };
    let mut rows = events();
    rows[0].facts.title = EVIL.into();
    let mut board = live(EventFacts { title: EVIL.into(), ..facts() }, None, rooms(), Some(EVIL.into()));
    board.rooms.rooms[0].title = EVIL.into();
    let evil = RegistrantRow { name: EVIL.into(), nickname: EVIL.into(), email: EVIL.into(), ..anna() };
    let query = ListQuery { q: EVIL.into(), ..ListQuery::default() };
    let mut one = registrant(Role::Owner);
    one.row = evil.clone();
    one.row.answers.insert("company".into(), EVIL.into());
    one.fields[0].value = EVIL.into();
    let mut page = registrants(query.clone(), Some(Notice { text: EVIL.into(), bad: true }));
    page.table.page.as_mut().unwrap().rows[0] = evil.clone();
    let mut someone = person_page();
    someone.person.name = EVIL.into();
    someone.timeline[0].note = EVIL.into();
    let door = DoorRows { event: facts(), rows: vec![evil], searched: true };
    let pages = [
        list(rows, form).render(),
        board.render(),
        one.render(),
        page.render(),
        someone.render(),
        people(Some(vec![Person { name: EVIL.into(), ..person() }]), query).render(),
        door.render(),
    ];
    for html in pages.map(Result::unwrap) {
        assert!(!html.contains("<script>alert"), "{html}");
        assert!(html.contains("&#60;script&#62;alert"), "{html}");
    }
}

#[test]
fn every_role_gets_a_navigation_that_it_may_use() {
    for role in EVERYONE {
        let html = HelpPage { shell: Shell { place: Place::Help, role: *role, once: 7 } }.render().unwrap();
        assert!(html.contains("href=\"/console\""), "{role}");
        assert_eq!(html.contains("href=\"/console/audience\""), *role != Role::Moderator, "{role}");
        assert_eq!(html.matches("aria-current=\"page\"").count(), 1, "{role}");
    }
}
