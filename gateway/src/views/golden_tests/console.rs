//! The console's pages.

mod made_up;

use turnout_platform::auth::{EVERYONE, Role};
use turnout_proto::{
    notifications::v1::{MessageKind, MessageState},
    profiles::v1::Person,
    registration::v1::PaymentState,
};

use made_up::{
    anna, bounced, count, events, facts, fields, head, list, live, nick, people, person, person_page, plain_facts,
    questions, registrant, registrants, rooms, shell, statistics, table,
};

use super::{
    super::console::{
        audience::AudiencePage,
        door::{CheckInPage, DoorResult, DoorRows},
        help::HelpPage,
        query::ListQuery,
        registrants::{ByHandPage, Notice, StatisticsPart},
        rows::{Column, RegistrantRow},
        shell::{EventFacts, Place, Shell, Tab},
        states,
        suppression::{HeldBack, SuppressionPage},
    },
    AS_OF_MS, golden, number, *,
};

const EVIL: &str = r#"<script>alert("1")</script>"#;

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
