//! The pages for people who take part.

use super::{golden, number, *};

fn head() -> EventHead {
    EventHead {
        event_id: "opening-night".into(),
        title: Words { text: "Northern Lights Film Festival: opening night".into(), lang: "en".into() },
        state: EventStateView::Draft,
        when: When::new(1_795_017_600_000, Some(1_795_028_400_000), "Europe/Helsinki"),
        venue: "Kino Regina, Töölönlahdenkatu 4".into(),
        mode: Some(ModeView::Hybrid),
        price: Some("25.00 EUR".into()),
        published: true,
    }
}

fn bare_head(state: EventStateView) -> EventHead {
    EventHead {
        event_id: "demo".into(),
        state,
        when: None,
        venue: String::new(),
        mode: None,
        price: None,
        published: false,
        ..head()
    }
}

fn event(state: EventStateView, viewers: Option<LiveNumber>) -> EventPage {
    EventPage {
        head: bare_head(state),
        languages: vec![],
        summary: String::new(),
        viewers,
        zone: "Europe/Helsinki".into(),
        visitor: VisitorView::Passer,
        watching: true,
    }
}

fn languages() -> Vec<LanguageLink> {
    language_links(&["en".into(), "fi".into()], "en")
}

fn line(name: &str, label: &str, required: bool, value: &str, error: Option<&str>) -> FieldView {
    FieldView {
        name: name.into(),
        label: Words::ours(label),
        hint: None,
        required,
        error: error.map(str::to_owned),
        input: InputView::Line {
            kind: "text",
            value: value.into(),
            autocomplete: "on",
            inputmode: "text",
            chars_max: 300,
        },
    }
}

fn own(name: &str, label: &str, input: InputView) -> FieldView {
    let label = Words { text: label.into(), lang: "fi".into() };
    let hint = Some(Words { text: "Vihje".into(), lang: "fi".into() });
    FieldView { name: name.into(), label, hint, required: true, error: None, input }
}

fn options() -> Vec<OptionView> {
    [("school", "Koulu", false), ("university", "Yliopisto", true)]
        .map(|(key, label, picked)| OptionView {
            key: key.into(),
            label: Words { text: label.into(), lang: "fi".into() },
            picked,
        })
        .into()
}

fn fields() -> Vec<FieldView> {
    vec![
        line("email", "E-mail", true, "", None),
        line("name", "Name", false, "Ada \"Countess\" <Lovelace>", None),
        own("a.education", "Koulutus", InputView::Choice(options())),
        own("a.town", "Kunta", InputView::Select(options())),
        own("a.days", "Päivät", InputView::Choices(options())),
        own("a.wishes", "Toiveet", InputView::Area { value: "\nEnsimmäinen\nToinen".into() }),
        own("a.rules", "Hyväksyn säännöt", InputView::Box { ticked: false }),
    ]
}

fn register(places: Option<PlacesView>, fields: Vec<FieldView>) -> RegisterPage {
    let consent = own("consent.marketing/email", "Uutisia sähköpostiin", InputView::Box { ticked: false });
    let consent = FieldView { required: false, hint: None, ..consent };
    RegisterPage {
        head: head(),
        languages: languages(),
        lang: "en".into(),
        places,
        full: places.is_none(),
        form: RegisterForm { version: 3, fields, consents: vec![consent], problem: None },
        nickname: Some(NicknameForm { field: line("nickname", "Nickname", true, "", None), key: "KEY".into() }),
    }
}

fn registration() -> RegistrationPage {
    RegistrationPage {
        head: head(),
        languages: languages(),
        code: "opening-night.r1.TAG".into(),
        notice: None,
        who: "Ada Lovelace".into(),
        email: "ada@example.org".into(),
        standing: StandingView::Registered,
        mode: Some(ModeView::OnSite),
        registered_at: When::new(1_794_000_000_000, None, "Europe/Helsinki"),
        rsvp: Some(RsvpView::Asked),
        payment: Some(PaymentView::Paid("25.00 EUR".into())),
        entry: EntryView::Open,
        ticket: Some(TicketView {
            qr_svg: "<svg width=\"1\" height=\"1\"></svg>".into(),
            code: "opening-night.r1.TICKET".into(),
        }),
        fields: vec![line("name", "Name", true, "Ada Lovelace", None)],
        problem: None,
        version: 4,
        can_cancel: true,
        preferences: Some("/u/CODE/preferences".into()),
    }
}

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
fn item_28_the_event_page_tells_a_stranger_from_somebody_who_came_in() {
    let page = |visitor, watching| EventPage {
        head: head(),
        languages: languages(),
        summary: "Four films.\n\nAnd a band.".into(),
        viewers: Some(number(12, 12, 12)),
        zone: "Europe/Helsinki".into(),
        visitor,
        watching,
    };
    let code = || "opening-night.r1.TAG".to_owned();
    golden("event_stranger", &page(VisitorView::Stranger(Some(PlacesView::Left(7))), false));
    golden("event_full", &page(VisitorView::Stranger(None), true));
    golden("event_admitted", &page(VisitorView::Admitted { code: code() }, true));
    golden("event_unpaid", &page(VisitorView::Waiting { code: code(), why: EntryView::Unpaid }, false));
}

#[test]
fn the_page_of_a_cancelled_event() {
    golden("event_cancelled", &event(EventStateView::Cancelled, None));
}

#[test]
fn the_page_for_each_error() {
    for kind in [
        ErrorKind::NoSuchPage,
        ErrorKind::NoSuchEvent,
        ErrorKind::NoSuchLink,
        ErrorKind::Forbidden,
        ErrorKind::BadForm,
        ErrorKind::Internal,
        ErrorKind::Unavailable,
    ] {
        golden(&format!("error_{kind:?}").to_lowercase(), &ErrorPage { kind, in_console: kind == ErrorKind::NotYours });
    }
}

#[test]
fn item_57_the_registration_form_with_every_type_of_field() {
    golden("register", &register(Some(PlacesView::Unlimited), fields()));
    golden("register_closed", &register(None, vec![]));
    let mut wrong = fields();
    wrong[0].error = Some("This is needed.".into());
    wrong[2].error = Some("Choose one of the options.".into());
    wrong[6].error = Some("This is needed.".into());
    let mut page = register(Some(PlacesView::WaitingList), wrong);
    page.form.problem = Some("Try again in a moment.".into());
    golden("register_errors", &page);
}

#[test]
fn item_47_no_box_of_a_consent_is_ticked_beforehand() {
    let html = register(Some(PlacesView::Unlimited), vec![]).render().unwrap();
    let consent = html.split("name=\"consent.").nth(1).unwrap().split('>').next().unwrap();
    assert!(!consent.contains("checked") && !consent.contains("required"), "{consent}");
}

#[test]
fn the_page_after_registering_says_nothing_about_the_address() {
    golden("registered", &RegisteredPage { head: head(), languages: languages() });
}

#[test]
fn the_page_of_a_registration() {
    golden("registration", &RegistrationPage { notice: Some(RegistrationNotice::New), ..registration() });
    golden(
        "registration_waiting",
        &RegistrationPage {
            standing: StandingView::Waiting,
            entry: EntryView::NoPlace,
            rsvp: None,
            payment: Some(PaymentView::Unpaid { amount: "25.00 EUR".into(), reference: "0199c0ffee".into() }),
            ticket: None,
            ..registration()
        },
    );
    golden(
        "registration_declined",
        &RegistrationPage {
            notice: Some(RegistrationNotice::Declined),
            standing: StandingView::Declined,
            entry: EntryView::Declined,
            rsvp: Some(RsvpView::Declined),
            ticket: None,
            ..registration()
        },
    );
    golden(
        "registration_cancelled",
        &RegistrationPage {
            notice: Some(RegistrationNotice::Cancelled),
            standing: StandingView::Cancelled,
            entry: EntryView::Cancelled,
            rsvp: None,
            payment: None,
            ticket: None,
            fields: vec![],
            can_cancel: false,
            preferences: None,
            email: String::new(),
            who: "Kiwi".into(),
            ..registration()
        },
    );
    golden("cancel", &CancelPage { head: head(), languages: vec![], code: "opening-night.r1.TAG".into(), paid: true });
}

#[test]
fn signing_in_and_the_pages_behind_links() {
    let page = AudienceSignInPage {
        tenant: "acme".into(),
        event_id: "opening-night".into(),
        event_title: Some(head().title),
        email: "ada@example.org".into(),
        notice: Some(SignInNotice::Wrong),
    };
    golden("audience_sign_in", &page);
    golden("audience_sign_in_code", &AudienceSignInPage { notice: Some(SignInNotice::CodeNeeded), ..page.clone() });
    let nobody = AudienceSignInPage { tenant: String::new(), event_title: None, notice: None, ..page };
    golden("audience_sign_in_nowhere", &nobody);
    let link = |asks, error: Option<&str>| LinkPage {
        tenant: "acme".into(),
        token: "SECRET".into(),
        asks,
        error: error.map(str::to_owned),
    };
    golden("audience_link", &link(LinkAsks::SignIn, None));
    golden("audience_link_verify", &link(LinkAsks::Verify, None));
    golden("audience_link_reset", &link(LinkAsks::Reset, Some("Choose a longer one.")));
}

#[test]
fn the_account() {
    let row = AccountRow {
        title: head().title,
        when: head().when,
        code: "opening-night.r1.TAG".into(),
        standing: StandingView::Registered,
    };
    let page = AccountPage {
        email: "ada@example.org".into(),
        name: "Ada".into(),
        verified: false,
        has_password: true,
        registrations: Some(vec![row]),
        preferences: Some("/u/CODE/preferences".into()),
        notice: account_notice("verify"),
        password_error: None,
    };
    golden("account", &page);
    golden(
        "account_empty",
        &AccountPage { verified: true, has_password: false, registrations: Some(vec![]), notice: None, ..page },
    );
}

#[test]
fn leaving_a_mailing_and_what_was_agreed_to() {
    let page = UnsubscribePage { code: "CODE".into(), sender: "Northern Lights".into(), reminders: true, done: false };
    golden("unsubscribe", &page);
    golden("unsubscribe_done", &UnsubscribePage { done: true, ..page.clone() });
    golden("unsubscribe_marketing", &UnsubscribePage { reminders: false, ..page });
    let row = PreferenceRow {
        key: "marketing/email".into(),
        text: Words { text: "News of the festival".into(), lang: "en".into() },
        channel: "By e-mail",
        granted: true,
        since: Some("Agreed on Friday".into()),
    };
    let page = PreferencesPage {
        code: "CODE".into(),
        sender: "Northern Lights".into(),
        rows: vec![row],
        key: "KEY".into(),
        saved: true,
    };
    golden("preferences", &page);
    golden("preferences_empty", &PreferencesPage { rows: vec![], saved: false, ..page });
}

#[test]
fn item_37_each_field_is_told_with_its_purpose_and_its_basis() {
    let row = |what: &str, required| DataRow {
        what: Words { text: what.into(), lang: "fi".into() },
        required,
        purpose: Words::ours("To plan the evening."),
        basis: "Your consent, Art. 6(1)(a) GDPR",
    };
    let page = DataPage {
        head: head(),
        languages: languages(),
        controller: "Northern Lights".into(),
        asked: vec![row("Koulutus", true), row("Kunta", false)],
        noted: vec![row("Maksu", false)],
        consents: vec![Words { text: "Uutisia".into(), lang: "fi".into() }],
        retention_days: Some(90),
    };
    golden("data", &page);
    golden("data_bare", &DataPage { consents: vec![], retention_days: None, ..page });
}

#[test]
fn what_people_type_on_public_pages_is_never_markup() {
    let evil = r#""><script>alert("1")</script>"#;
    let evil_words = || Words { text: evil.into(), lang: evil.into() };
    let evil_head = || EventHead {
        event_id: "demo".into(),
        title: evil_words(),
        venue: evil.into(),
        price: Some(evil.into()),
        ..head()
    };
    let inputs = [
        InputView::Line { kind: "text", value: evil.into(), autocomplete: "on", inputmode: "text", chars_max: 9 },
        InputView::Area { value: format!("</textarea>{evil}") },
        InputView::Choice(vec![OptionView { key: evil.into(), label: evil_words(), picked: true }]),
        InputView::Select(vec![OptionView { key: evil.into(), label: evil_words(), picked: true }]),
        InputView::Choices(vec![OptionView { key: evil.into(), label: evil_words(), picked: true }]),
        InputView::Box { ticked: true },
    ];
    let evil_fields = || {
        let shown = inputs.iter().map(|input| FieldView {
            name: evil.into(),
            label: evil_words(),
            hint: Some(evil_words()),
            required: true,
            error: Some(evil.into()),
            input: input.clone(),
        });
        shown.collect::<Vec<_>>()
    };
    let mut page = register(Some(PlacesView::Unlimited), evil_fields());
    page.head = evil_head();
    let mut mine = registration();
    (mine.head, mine.who, mine.email, mine.fields) = (evil_head(), evil.into(), evil.into(), evil_fields());
    let mut shown = event(EventStateView::Live, None);
    (shown.head, shown.summary) = (evil_head(), evil.into());
    for html in [page.render().unwrap(), mine.render().unwrap(), shown.render().unwrap()] {
        assert!(!html.contains("<script>alert"), "{html}");
        assert!(html.contains("&#60;script&#62;alert"), "{html}");
    }
}

#[test]
fn moments_are_shown_in_the_events_zone_which_is_named() {
    let rows = [
        ("Europe/Helsinki", "Thursday 19 November 2026, 18:00–21:00", "Helsinki time, UTC+2"),
        ("America/St_Johns", "Thursday 19 November 2026, 12:30–15:30", "St Johns time, UTC−3:30"),
        ("Asia/Tokyo", "Friday 20 November 2026, 01:00–04:00", "Tokyo time, UTC+9"),
        ("UTC", "Thursday 19 November 2026, 16:00–19:00", "UTC"),
        ("Nowhere/Land", "Thursday 19 November 2026, 16:00–19:00", "UTC"),
    ];
    for (zone, text, named) in rows {
        let when = When::new(1_795_104_000_000, Some(1_795_114_800_000), zone).unwrap();
        assert_eq!((when.text.as_str(), when.zone.as_str()), (text, named), "{zone}");
        assert_eq!(when.machine, "2026-11-19T16:00:00Z");
    }
    let over_midnight = When::new(1_795_104_000_000, Some(1_795_132_800_000), "Europe/Helsinki").unwrap();
    assert_eq!(over_midnight.text, "Thursday 19 November 2026, 18:00 – Friday 20 November 2026, 02:00");
}
