//! Every page and fragment, rendered and compared with the file of its name in `golden/`. After a wanted change run the tests once with
//! `TURNOUT_GOLDEN=write` and read the difference before you commit it.

use std::path::Path;

use askama::Template;

use super::*;

const AS_OF_MS: i64 = 1_795_000_000_000;

#[test]
fn the_front_page() {
    golden("home", &HomePage { demo_event_id: Some("demo".into()) });
}

#[test]
fn the_event_page_with_an_exact_number() {
    golden("event_exact", &event(EventStateView::Live, Some(number(1_999, 1_999, 1_999))));
}

#[test]
fn the_event_page_with_a_band() {
    golden("event_band", &event(EventStateView::Live, Some(number(1_990, 1_980, 2_000))));
}

#[test]
fn the_event_page_of_a_single_viewer() {
    golden("event_one", &event(EventStateView::Draft, Some(number(1, 1, 1))));
}

#[test]
fn the_event_page_before_the_counter_has_answered() {
    golden("event_waiting", &event(EventStateView::Ended, None));
}

#[test]
fn the_page_for_each_error() {
    for kind in [
        ErrorKind::NoSuchPage,
        ErrorKind::NoSuchEvent,
        ErrorKind::Forbidden,
        ErrorKind::Internal,
        ErrorKind::Unavailable,
    ] {
        golden(&format!("error_{kind:?}").to_lowercase(), &ErrorPage { kind });
    }
}

#[test]
fn the_sign_in_page_with_and_without_a_problem() {
    golden("sign_in", &SignInPage { problem: None });
    golden("sign_in_used", &SignInPage { problem: Some(SignInProblem::Used) });
    for problem in [SignInProblem::Invalid, SignInProblem::SessionOver, SignInProblem::SignedOut] {
        let html = SignInPage { problem: Some(problem) }.render().unwrap();
        assert!(html.contains(problem.message()));
    }
}

#[test]
fn the_list_of_events() {
    golden("events", &EventsPage { rows: EventRows { events: events() }, form: CreateEventForm::default() });
    golden("events_empty", &EventsPage { rows: EventRows { events: vec![] }, form: CreateEventForm::default() });
    golden("event_rows", &EventRows { events: events() });
}

#[test]
fn the_form_with_what_is_wrong_with_it() {
    golden(
        "create_event_errors",
        &CreateEventForm {
            title: "  ".into(),
            event_id: "no spaces please".into(),
            title_error: Some("Give the event a title.".into()),
            event_id_error: Some("Use letters, digits, - and _ only.".into()),
            form_error: Some("The event was not created.".into()),
        },
    );
}

#[test]
fn the_live_page_of_the_console() {
    golden("event_console", &console(EventStateView::Live, Some(count(false)), rooms(), None));
    golden(
        "event_console_empty",
        &console(EventStateView::Draft, None, vec![], Some("Someone else changed the event a moment ago.".into())),
    );
}

#[test]
fn the_fragments_that_the_stream_sends() {
    golden("figures", &Figures { count: Some(count(false)) });
    golden("figures_stale", &Figures { count: Some(count(true)) });
    golden("rooms", &Rooms { rooms: rooms() });
}

#[test]
fn what_people_type_is_never_markup() {
    let evil = r#"<script>alert("1")</script>"#;
    let page = EventPage { event_id: "demo".into(), title: evil.into(), state: EventStateView::Live, viewers: None };
    let rows = EventRows {
        events: vec![EventRow { event_id: "x".into(), title: evil.into(), state: EventStateView::Live, viewers: None }],
    };
    let form = CreateEventForm { title: evil.into(), ..CreateEventForm::default() };
    let list = EventsPage { rows, form };
    let mut live = console(EventStateView::Live, None, rooms(), Some(evil.into()));
    live.title = evil.into();
    live.rooms.rooms[0].title = evil.into();
    for html in [page.render().unwrap(), list.render().unwrap(), live.render().unwrap()] {
        assert!(!html.contains("<script>alert"), "{html}");
        assert!(html.contains("&#60;script&#62;alert"), "{html}");
    }
}

#[test]
fn no_page_needs_inline_styles_or_scripts_or_another_host() {
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let html = std::fs::read_to_string(&path).unwrap();
        for forbidden in
            [" style=", "<style", " onclick", " hx-on", "javascript:", "src=\"http", "href=\"http", "src=\"//"]
        {
            assert!(!html.contains(forbidden), "{} contains {forbidden}", path.display());
        }
        let scripts = html.matches("<script").count();
        assert_eq!(
            scripts,
            html.matches("<script src=").count() + html.matches("<script type=\"module\" src=").count()
        );
    }
}

#[test]
fn digits_are_grouped_by_threes() {
    for (number, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(show::grouped(number), shown);
        assert_eq!(show::places(number), shown.len());
    }
}

#[test]
fn the_series_is_written_as_four_columns() {
    let series =
        Series { t: vec![1, 2], viewers: vec![Some(5), None], low: vec![Some(4), None], high: vec![Some(6), None] };
    let json = serde_json::to_string(&series).unwrap();
    assert_eq!(json, r#"{"t":[1,2],"viewers":[5,null],"low":[4,null],"high":[6,null]}"#);
}

fn event(state: EventStateView, viewers: Option<LiveNumber>) -> EventPage {
    EventPage { event_id: "demo".into(), title: "Northern Lights Film Festival: opening night".into(), state, viewers }
}

fn number(viewers: u64, low: u64, high: u64) -> LiveNumber {
    LiveNumber { viewers, low, high, as_of_ms: AS_OF_MS, stale: false }
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

fn events() -> Vec<EventRow> {
    let row = |event_id: &str, title: &str, state, viewers| EventRow {
        event_id: event_id.into(),
        title: title.into(),
        state,
        viewers,
    };
    vec![
        row("opening-night", "Northern Lights Film Festival: opening night", EventStateView::Live, Some(12_408)),
        row("shorts-3", "Shorts block 3 & talk", EventStateView::Draft, Some(1)),
        row("kids", "Children’s matinee", EventStateView::Ended, Some(0)),
        row("demo", "Demo event", EventStateView::Live, None),
    ]
}

fn console(
    state: EventStateView,
    count: Option<CountView>,
    rooms: Vec<RoomRow>,
    problem: Option<String>,
) -> EventConsolePage {
    EventConsolePage {
        event_id: "opening-night".into(),
        title: "Northern Lights Film Festival: opening night".into(),
        state,
        version: 3,
        figures: Figures { count },
        rooms: Rooms { rooms },
        public_url: "https://live.example.org/e/opening-night".into(),
        grpc_addr: "localhost:7071".into(),
        problem,
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/views/golden"))
}

/// Compares with the file, but for the hashes of assets, which change with each edit of a style.
fn golden(name: &str, page: &impl Template) {
    let mut html = page.render().unwrap();
    let mut from = 0;
    while let Some(at) = html[from..].find("?v=") {
        from += at + "?v=".len();
        html.replace_range(from..from + 16, "HASH");
    }
    let path = folder().join(format!("{name}.html"));
    if std::env::var_os("TURNOUT_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(&path, &html).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(wanted == html, "{name} differs from {}; see the top of this file", path.display());
}
