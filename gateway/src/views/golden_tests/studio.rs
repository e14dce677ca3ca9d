//! The console's pages with which events, forms, messages, the team and settings are made.

use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1,
    notifications::v1::{MessageFigure, MessageKind, MessageState},
    profiles::v1::{Member, Session},
    registration::v1::{
        AnswerCount, AttendanceMode, GetFieldFiguresResponse, RemovalState, RetentionOfEvent, RetentionRemoval,
    },
};

use super::{
    super::console::{
        account::{ConsoleAccountPage, NewSecondFactor, RecoveryPage},
        audit::{AuditPage, AuditRow},
        event_settings::{EventSettingsPage, RoomForm},
        figures::{FormFiguresPage, Panel},
        form::{Block, FormPage},
        help::HelpPage,
        inputs::{Field, Group},
        keys::{KeyRow, KeysPage, NewKeyPage, Revoked},
        messages::{
            Above, InLanguage, KINDS, KindRow, Known, MessagesPage, OrganisationMessagesPage, Preview, TemplatePage,
            TextIn, Whose,
        },
        registrants::Notice,
        rows::Question,
        sending::{Complaints, ReplayForm},
        settings::{Due, SecretPage, SettingsPage},
        shell::{EventFacts, EventHead, Place, Shell, Tab},
        sign_in::{ConsoleLinkPage, LinkAsks, SignInPage, SignInProblem, WelcomePage, new_password},
        team::{TeamPage, role_options},
    },
    AS_OF_MS, golden, *,
};

pub(super) const EVIL: &str = r#"<script>alert("1")</script>"#;

pub(super) fn shell(place: Place) -> Shell {
    Shell { place, role: Role::Owner, once: 7 }
}

pub(super) fn head(tab: Tab) -> EventHead {
    let facts = EventFacts {
        event_id: "opening-night".into(),
        title: "Opening night".into(),
        state: EventStateView::Draft,
        zone: "Europe/Helsinki".into(),
        starts_at_ms: Some(AS_OF_MS),
        mode: AttendanceMode::Hybrid,
        price: None,
        rsvp: true,
        capacity: 400,
        languages: vec!["en".into(), "fi".into()],
    };
    EventHead { facts, tab }
}

#[allow(clippy::unnecessary_wraps, reason = "the pages take an option")]
fn bad(text: &str) -> Option<Notice> {
    Some(Notice { text: text.into(), bad: true })
}

#[test]
fn the_sign_in_page_with_and_without_a_problem() {
    let page = |problem, email: &str| SignInPage { problem, email: email.into() };
    golden("sign_in", &page(None, ""));
    golden("sign_in_used", &page(Some(SignInProblem::Used), ""));
    golden("sign_in_code", &page(Some(SignInProblem::CodeNeeded), "owner@example.org"));
    for problem in [SignInProblem::Invalid, SignInProblem::SessionOver, SignInProblem::SignedOut] {
        let html = page(Some(problem), EVIL).render().unwrap();
        assert!(html.contains(problem.message()));
        assert!(!html.contains("<script>alert"));
        assert_eq!(SignInProblem::of_word(problem.word()), Some(problem));
    }
}

#[test]
fn the_page_of_a_link_and_the_first_owners_account() {
    let link = |asks, error| ConsoleLinkPage { token: "t0ken".into(), asks, error };
    golden("console_link", &link(LinkAsks::SignIn, None));
    golden("console_link_password", &link(LinkAsks::Password, Some("Too short.".into())));
    let fields = vec![Field::line("email", "E-mail", "").kind("email"), new_password()];
    golden("welcome", &WelcomePage { once: 7, fields, notice: bad("Nothing was made.") });
}

fn team(members: Vec<Member>) -> TeamPage {
    TeamPage {
        shell: shell(Place::Team),
        members,
        own_id: "m1".into(),
        invite: vec![Field::line("email", "E-mail", ""), Field::choice("role", "Role", "support", role_options())],
        notice: None,
    }
}

#[test]
fn the_team_with_members_and_without() {
    let member = |id: &str, email: &str, role: v1::Role, active| Member {
        account_id: id.into(),
        email: email.into(),
        role: role.into(),
        invited_at: Some(prost_types::Timestamp { seconds: AS_OF_MS / 1000, nanos: 0 }),
        active,
        has_second_factor: active,
    };
    let members =
        vec![member("m1", "anna@example.org", v1::Role::Owner, true), member("m2", EVIL, v1::Role::Analyst, false)];
    let page = team(members);
    assert!(!page.render().unwrap().contains("<script>alert"));
    golden("team", &page);
    golden("team_none", &team(Vec::new()));
}

#[test]
fn the_audit_log_full_empty_and_out_of_reach() {
    let row = |href: &str| AuditRow {
        at_ms: AS_OF_MS,
        who: "anna@example.org".into(),
        what: "Cancelled a registration".into(),
        subject: "A registration of opening-night".into(),
        href: href.into(),
        reason: EVIL.into(),
        detail: "state: registered to cancelled".into(),
    };
    let page =
        |rows, next: &str| AuditPage { shell: shell(Place::Audit), rows, next: next.into(), later: !next.is_empty() };
    golden("audit", &page(Some(vec![row("/console/audience/p1"), row("")]), "/console/audit?page=next"));
    golden("audit_none", &page(Some(Vec::new()), ""));
    golden("audit_unavailable", &page(None, ""));
}

fn room(room_id: &str, title: &str, error: Option<&str>) -> RoomForm {
    let field = Field::line(format!("title.{room_id}"), "New name", title).chars_max(200);
    let field = Field { error: error.map(str::to_owned), ..field };
    RoomForm { room_id: room_id.into(), title: title.into(), version: 3, field, open: error.is_some() }
}

fn settings(role: Role) -> EventSettingsPage {
    let fields = vec![
        Field::line("title", "Title", EVIL),
        Field::area("summary", "Summary", "Two\n\nparagraphs", 5).optional().hint("A hint"),
        Field::tick("published", "Open for registration", true).hint("What it means"),
        Field { error: Some("Stored meanwhile: 4".into()), ..Field::line("capacity", "Places", "3").kind("number") },
        Field::choice("mode", "People take part", "both", [("site", "On site"), ("both", "Both")]),
    ];
    EventSettingsPage {
        shell: Shell { place: Place::Events, role, once: 7 },
        head: head(Tab::Settings),
        version: 7,
        groups: vec![Group { title: "What it is", meaning: "All of it.", fields }],
        rooms: Some(vec![room("hall", EVIL, None), room("main", "Mian stage", Some("Must be one line."))]),
        new_room: vec![Field::line("room_title", "Name", "")],
        notice: bad("Somebody else saved meanwhile."),
    }
}

#[test]
fn the_settings_of_an_event_for_who_may_change_them_and_who_may_not() {
    golden("event_settings", &settings(Role::Owner));
    let read_only = EventSettingsPage { notice: None, ..settings(Role::Support) };
    let html = read_only.render().unwrap();
    assert!(html.contains("Mian stage") && !html.contains("/settings/rooms") && !html.contains("title.main"));
    golden("event_settings_support", &read_only);
    golden("event_settings_no_rooms", &EventSettingsPage { rooms: Some(Vec::new()), ..read_only.clone() });
    golden("event_settings_unavailable", &EventSettingsPage { rooms: None, ..read_only });
}

fn block(id: &str, open: bool) -> Block {
    Block {
        id: id.into(),
        title: EVIL.into(),
        kind: "One of several options, must be answered".into(),
        fields: vec![Field::line(format!("{id}.label.en"), "Question", EVIL).lang("en")],
        known: format!("soup: {EVIL}\ncake: Cake"),
        of_choices: vec![Field::area(format!("{id}.options.en"), "Options", "soup: Soup", 6)],
        of_numbers: vec![Field::line(format!("{id}.min"), "At least", "").kind("number")],
        open,
    }
}

fn form(questions: Vec<Block>, consents: Vec<Block>) -> FormPage {
    let preview = FieldView {
        name: "a.meal".into(),
        label: Words { text: "Meal".into(), lang: "en".into() },
        hint: None,
        required: true,
        error: None,
        input: InputView::Area { value: String::new() },
    };
    FormPage {
        shell: shell(Place::Events),
        head: head(Tab::Form),
        version: 3,
        gone: if questions.is_empty() { String::new() } else { "company".into() },
        standard: vec![Field::choice("standard.name", "Name", "required", [("required", "Must be given")])],
        unsaved: !questions.is_empty(),
        questions,
        consents,
        new_type: Field::choice("new_type", "Next question", "text", [("text", "One line")]),
        preview: RegisterForm { fields: vec![preview], ..RegisterForm::default() },
        preview_lang: "fi".into(),
        notice: None,
    }
}

#[test]
fn the_form_builder_with_questions_and_without() {
    let page = form(vec![block("f.0", false), block("f.1", true), block("f.2", false)], vec![block("c.0", false)]);
    let html = page.render().unwrap();
    assert!(!html.contains("<script>alert"));
    assert_eq!(html.matches("value=\"up.f.").count(), 2);
    assert_eq!(html.matches("value=\"down.f.").count(), 2);
    golden("form_builder", &page);
    golden("form_builder_empty", &FormPage { version: 0, ..form(Vec::new(), Vec::new()) });
}

fn kind(whose: Option<Whose>, off: bool) -> KindRow {
    let texts = vec![("en".into(), TextIn::Here), ("fi".into(), TextIn::Instead("en".into()))];
    KindRow { known: &KINDS[0], whose, off, texts }
}

#[test]
fn the_messages_of_an_event_and_one_template() {
    let figure = MessageFigure {
        kind: MessageKind::Reminder.into(),
        occurrence: "T-24h".into(),
        state: MessageState::Skipped.into(),
        reason: "no_consent".into(),
        messages: 1_234,
    };
    let page = MessagesPage {
        shell: shell(Place::Events),
        head: head(Tab::Messages),
        to_folder: true,
        complaints: Some(complaints(false, None)),
        kinds: vec![kind(Some(Whose::Ours), false), kind(Some(Whose::Event), true), kind(None, false)],
        reminders: Field::line("before", "Before the start", "24h"),
        reminders_version: 2,
        figures: Some(vec![figure]),
        notice: None,
    };
    golden("messages", &page);
    golden("messages_unavailable", &MessagesPage { figures: None, to_folder: false, complaints: None, ..page });
    let text = |lang: &str, text: TextIn| InLanguage {
        lang: lang.into(),
        stored: text.clone(),
        now: text,
        fields: vec![Field::line(format!("subject.{lang}"), "Subject", EVIL).lang(lang)],
    };
    let template = TemplatePage {
        shell: shell(Place::Events),
        head: Some(head(Tab::Messages)),
        row: kind(Some(Whose::Event), false),
        version: 2,
        on: Some(Field::tick("on", "Send this message", true)),
        texts: vec![text("en", TextIn::Here), text("fi", TextIn::Instead("en".into()))],
        above: Some(Above { whose: Whose::Tenant, off: false }),
        preview: Some(Preview { lang: "en".into(), subject: EVIL.into(), text: "Dear Anna,\n\nwelcome.".into() }),
        test: Field::line("to", "To", "anna@example.org").kind("email"),
        notice: None,
    };
    assert!(!template.render().unwrap().contains("<script>alert"));
    golden("template", &template);
    let of_above = TemplatePage { row: kind(Some(Whose::Tenant), false), above: None, ..template.clone() };
    golden("template_of_above", &of_above);
    let of_all = TemplatePage {
        shell: shell(Place::Settings),
        head: None,
        row: KindRow { known: Known::of_word("sign-in-link").unwrap(), ..kind(Some(Whose::Tenant), false) },
        on: None,
        above: Some(Above { whose: Whose::Ours, off: false }),
        ..template.clone()
    };
    golden("template_of_all", &of_all);
}

#[test]
fn the_messages_of_the_organisation_for_each_role() {
    let rows = KINDS.iter().enumerate().map(|(n, known)| {
        let whose = [Some(Whose::Ours), Some(Whose::Tenant), None][n % 3];
        KindRow { known, ..kind(whose, n == 3) }
    });
    let page = OrganisationMessagesPage { shell: shell(Place::Settings), to_folder: true, kinds: rows.collect() };
    golden("messages_of_all", &page);
    for role in turnout_platform::auth::EVERYONE {
        let html = OrganisationMessagesPage { shell: Shell { role: *role, ..page.shell }, ..page.clone() }.render();
        assert_eq!(
            html.unwrap().contains("href=\"/console/settings\">Settings</a></p>"),
            *role == Role::Owner,
            "{role}"
        );
    }
}

#[test]
fn before_a_text_is_thrown_away_it_is_said_what_is_sent_instead() {
    let back = |head: Option<EventHead>, word: &str, whose, off| {
        let row = KindRow { known: Known::of_word(word).unwrap(), ..kind(None, false) };
        let page = TemplatePage {
            shell: shell(Place::Events),
            head,
            row,
            version: 2,
            on: None,
            texts: Vec::new(),
            above: Some(Above { whose, off }),
            preview: None,
            test: Field::line("to", "To", ""),
            notice: None,
        };
        let html = page.render().unwrap();
        html.split("data-confirm=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned()
    };
    let event = || Some(head(Tab::Messages));
    let asked = [
        back(event(), "change", Whose::Ours, false),
        back(event(), "change", Whose::Tenant, false),
        back(event(), "change", Whose::Tenant, true),
        back(None, "change", Whose::Ours, false),
        back(None, "reset", Whose::Ours, false),
    ];
    for (n, question) in asked.iter().enumerate() {
        assert!(question.starts_with("Throw ") && !asked[..n].contains(question), "{question}");
    }
}

fn complaints(above: bool, lifted_until_ms: Option<i64>) -> Complaints {
    Complaints { mails: 12_345, complaints: if above { 45 } else { 15 }, above, lifted_until_ms }
}

#[test]
fn the_tenants_settings_and_a_new_secret() {
    let due =
        |never_ended| RetentionOfEvent { event_id: "gala".into(), title: EVIL.into(), registrations: 12, never_ended };
    let removal = |state: RemovalState, due| RetentionRemoval {
        state: state.into(),
        due,
        removed: 1_200,
        ended_at: Some(prost_types::Timestamp { seconds: AS_OF_MS / 1000, nanos: 0 }),
        ..Default::default()
    };
    let page = SettingsPage {
        shell: shell(Place::Settings),
        data_version: 1,
        data: vec![Field::line("retention_days", "Days", "90").kind("number")],
        keeps_for_ever: false,
        due: Due::Events(vec![due(false), due(true)], true),
        removal: Some(removal(RemovalState::UnderWay, Some(5_000))),
        mail_version: 4,
        mail: vec![Field::line("quiet_from_min", "Quiet hours from", "21:00").kind("time")],
        to_folder: true,
        complaints: Some(complaints(true, None)),
        replay: Some(ReplayForm { since: Field::line("since", "Since", "2027-01-15T08:00").kind("datetime-local") }),
        notice: None,
    };
    golden("settings", &page);
    let lifted = Some(complaints(true, Some(1_800_000_000_000)));
    let page = SettingsPage { replay: None, complaints: None, ..page };
    golden("settings_lifted", &SettingsPage { complaints: lifted, to_folder: false, ..page.clone() });
    golden("settings_not_asked", &SettingsPage { due: Due::NotAsked, removal: None, ..page.clone() });
    for (name, state) in
        [("done", RemovalState::Done), ("stopped", RemovalState::Stopped), ("counting", RemovalState::UnderWay)]
    {
        let removal = Some(removal(state, None));
        golden(
            &format!("settings_removal_{name}"),
            &SettingsPage { due: Due::Events(vec![], false), removal, ..page.clone() },
        );
    }
    golden("settings_for_ever", &SettingsPage { keeps_for_ever: true, to_folder: false, ..page });
    let secret = SecretPage {
        shell: shell(Place::Settings),
        title: "Secret for payments",
        secret: "whsec_AAAA".into(),
        url: "https://live.example.org/v1/tenants/t/payments".into(),
        body: r#"{"state":"paid"}"#,
    };
    golden("secret", &secret);
}

#[test]
fn the_api_keys_with_revoked_ones_without_any_and_out_of_reach_and_a_new_one() {
    let key = |id: &str, label: &str, revoked| KeyRow {
        key_id: id.repeat(22),
        label: label.into(),
        created_at_ms: AS_OF_MS,
        created_by: "anna@example.org".into(),
        revoked,
    };
    let end = Revoked { at_ms: AS_OF_MS + 86_400_000, by: EVIL.into() };
    let page = |keys, open: &str| KeysPage {
        shell: shell(Place::Settings),
        keys,
        new: vec![Field::line("label", "What it is for", EVIL).hint("Such as the till").chars_max(100)],
        open: open.into(),
        notice: None,
    };
    let keys = vec![key("A", EVIL, None), key("B", "The till", Some(end)), key("C", "The web shop", None)];
    let shown = KeysPage { notice: bad("A reason is missing."), ..page(Some(keys), &"C".repeat(22)) };
    let html = shown.render().unwrap();
    assert!(!html.contains("<script>alert"));
    assert!(HelpPage { shell: shell(Place::Help) }.render().unwrap().contains("id=\"keys\""));
    assert_eq!(html.matches("/console/help#keys").count(), html.matches("<details class=\"act\"").count());
    golden("keys", &shown);
    golden("keys_none", &page(Some(Vec::new()), ""));
    golden("keys_unavailable", &page(None, ""));
    let made = NewKeyPage {
        shell: shell(Place::Settings),
        label: EVIL.into(),
        secret: "tk_AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB".into(),
        grpc_addr: "localhost:7071".into(),
    };
    golden("new_key", &made);
}

#[test]
fn ones_own_account_in_each_state() {
    let at = Some(prost_types::Timestamp { seconds: AS_OF_MS / 1000, nanos: 0 });
    let session = |id: &str| Session { session_id: id.into(), opened_at: at, expires_at: at };
    let page = ConsoleAccountPage {
        shell: shell(Place::Account),
        email: "anna@example.org".into(),
        password: vec![new_password()],
        sessions: Some(vec![session("s1"), session("s2")]),
        own_session: "s1".into(),
        has_second_factor: false,
        setting_up: false,
        new: None,
        proof: Some(Field::line("password", "Present password", "").kind("password")),
        code: Field::line("code", "Code of the app", ""),
        notice: None,
    };
    golden("console_account", &page);
    let new = NewSecondFactor { secret: "ABCD EFGH".into(), qr_svg: Some("<svg></svg>".into()) };
    let setting_up = ConsoleAccountPage { setting_up: true, ..page.clone() };
    golden("console_account_again", &setting_up);
    golden("console_account_setting_up", &ConsoleAccountPage { new: Some(new), ..setting_up });
    golden("console_account_on", &ConsoleAccountPage { has_second_factor: true, sessions: None, ..page.clone() });
    golden("console_account_none", &ConsoleAccountPage { email: String::new(), ..page });
    golden(
        "recovery",
        &RecoveryPage { shell: shell(Place::Account), codes: vec!["aaaa-bbbb".into(), "cccc-dddd".into()] },
    );
}

#[test]
fn the_figures_of_a_form_shown_hidden_and_out_of_reach() {
    let question = |key: &str| Question {
        key: key.into(),
        label: format!("{key}?"),
        options: vec![("soup".into(), "Soup".into()), ("cake".into(), "Cake".into())],
        ..Question::default()
    };
    let count =
        |answer: &str, people, hidden| AnswerCount { answer: answer.into(), people, attended: people / 2, hidden };
    let shown = GetFieldFiguresResponse {
        answered: 1_240,
        missing: 60,
        threshold: 5,
        mean: Some(41.26),
        most_common: vec!["soup".into()],
        counts: vec![count("soup", 1_236, false), count("cake", 0, true)],
        ..GetFieldFiguresResponse::default()
    };
    let hidden = GetFieldFiguresResponse { answered: 3, hidden: true, threshold: 5, ..Default::default() };
    let panels = vec![
        Panel { question: question("meal"), figures: Some(shown) },
        Panel { question: question("age"), figures: Some(hidden) },
        Panel { question: question("town"), figures: None },
    ];
    let page = |panels| FormFiguresPage { shell: shell(Place::Events), head: head(Tab::Figures), panels };
    golden("form_figures", &page(panels));
    golden("form_figures_none", &page(Vec::new()));
}
