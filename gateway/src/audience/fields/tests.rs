//! What a form shows, what it makes of what people send, and where it puts what is wrong.

use axum::http::HeaderMap;
use turnout_platform::failure::Failure;
use turnout_proto::{
    common::v1::LocalizedText,
    registration::v1::{ConsentQuestion, FieldOption},
};

use super::*;

fn text(texts: &[(&str, &str)]) -> LocalizedText {
    LocalizedText { texts: texts.iter().map(|(l, t)| ((*l).to_owned(), (*t).to_owned())).collect() }
}

fn field(key: &str, kind: FieldType, required: bool) -> FormField {
    FormField {
        key: key.into(),
        r#type: kind.into(),
        required,
        label: Some(text(&[("fi", key), ("en", key)])),
        options: ["none", "school", "university"]
            .map(|key| FieldOption { key: key.into(), label: Some(text(&[("fi", key)])) })
            .into(),
        min: 1,
        max: 9,
        ..FormField::default()
    }
}

fn form() -> Form {
    Form {
        fields: vec![
            field("company", FieldType::Text, true),
            field("seats", FieldType::Integer, false),
            field("born", FieldType::BirthYear, false),
            field("education", FieldType::Choice, true),
            field("days", FieldType::Choices, true),
            field("rules", FieldType::Box, true),
        ],
        consents: vec![ConsentQuestion {
            purpose: "marketing".into(),
            channel: "email".into(),
            text: Some(text(&[("en", "News, please")])),
        }],
        version: 7,
        ..Form::default()
    }
}

fn reader() -> Reader {
    let event = Event { languages: vec!["fi".into(), "en".into()], ..Event::default() };
    Reader::of(&event, "en", &HeaderMap::new())
}

fn posted(pairs: &[(&str, &str)]) -> Posted {
    Posted(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
}

const GOOD: [(&str, &str); 9] = [
    ("email", " ada@example.org "),
    ("name", "Ada"),
    ("a.company", "Engines Ltd"),
    ("a.seats", "9"),
    ("a.education", "school"),
    ("a.days", "university"),
    ("a.days", "none"),
    ("a.rules", "yes"),
    ("consent.marketing/email", "yes"),
];

#[test]
fn item_56_every_type_of_field_is_read_as_the_form_says() {
    let filled = read(&form(), &Event::default(), Filler::New, &posted(&GOOD), 2026);
    assert!(filled.problems.is_empty(), "{:?}", filled.problems);
    assert_eq!(filled.email, "ada@example.org");
    let answers: std::collections::BTreeMap<_, _> = filled.answers.into_iter().collect();
    let expected = [
        ("company", "Engines Ltd"),
        ("days", "none,university"),
        ("education", "school"),
        ("rules", "yes"),
        ("seats", "9"),
    ];
    assert!(answers.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected), "{answers:?}");
}

#[test]
fn item_47_a_consent_is_given_only_by_its_own_tick_and_never_ticked_beforehand() {
    let read_with =
        |pairs: &[(&str, &str)]| read(&form(), &Event::default(), Filler::New, &posted(pairs), 2026).consents;
    assert_eq!(read_with(&GOOD), ["marketing/email"]);
    assert!(read_with(&GOOD[..8]).is_empty());
    assert!(read_with(&[("consent.marketing/email", "no"), ("consent.invented/sms", "yes")]).is_empty());
    let shown = show(&form(), &Event::default(), &reader(), Filler::New, &Values::new(), &Problems::new());
    assert!(matches!(shown.consents[0].input, InputView::Box { ticked: false }) && !shown.consents[0].required);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_beside_its_field() {
    let sent = posted(&[
        ("email", "ada@"),
        ("phone", "12"),
        ("a.seats", "10"),
        ("a.born", "2027"),
        ("a.education", "invented"),
        ("a.days", "invented"),
    ]);
    let filled = read(&form(), &Event::default(), Filler::New, &sent, 2026);
    let mut wrong: Vec<_> = filled.problems.keys().map(String::as_str).collect();
    wrong.sort_unstable();
    let expected = ["a.born", "a.company", "a.days", "a.education", "a.rules", "a.seats", "email", "name", "phone"];
    assert_eq!(wrong, expected);
    let shown = show(&form(), &Event::default(), &reader(), Filler::New, &values_of_post(&sent), &filled.problems);
    assert_eq!(shown.fields.iter().filter(|field| field.error.is_some()).count(), expected.len());
    let email = &shown.fields[0].input;
    assert!(matches!(email, InputView::Line { value, .. } if value == "ada@"), "what was typed is kept: {email:?}");
}

#[test]
fn item_60_a_hybrid_event_asks_how_people_take_part_and_others_do_not() {
    let hybrid = Event { mode: AttendanceMode::Hybrid.into(), ..Event::default() };
    let mut sent = posted(&GOOD);
    assert!(read(&form(), &hybrid, Filler::New, &sent, 2026).problems.contains_key("mode"));
    sent.0.push(("mode".into(), "on-site".into()));
    assert_eq!(read(&form(), &hybrid, Filler::New, &sent, 2026).mode, AttendanceMode::OnSite);
    assert_eq!(read(&form(), &Event::default(), Filler::New, &sent, 2026).mode, AttendanceMode::Unspecified);
}

#[test]
fn item_51_a_nickname_is_all_that_is_asked_of_those_who_come_with_one() {
    let filled = read(&form(), &Event::default(), Filler::Nickname, &posted(&[("nickname", "Kiwi")]), 2026);
    assert!(filled.problems.is_empty() && filled.nickname == "Kiwi" && filled.answers.is_empty());
    let missing = read(&form(), &Event::default(), Filler::Nickname, &posted(&[]), 2026);
    assert_eq!(missing.problems["nickname"], words::PROBLEM_MISSING);
}

#[test]
fn a_registration_fills_its_form_with_what_it_holds() {
    let answers = [("days", "none,university"), ("company", "Engines Ltd")];
    let registration = Registration {
        name: "Ada".into(),
        answers: answers.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        ..Registration::default()
    };
    let values = values_of_registration(&form(), &registration);
    assert_eq!(values["a.days"], ["none", "university"]);
    let shown = show(&form(), &Event::default(), &reader(), Filler::Registered, &values, &Problems::new());
    assert!(shown.fields.iter().all(|field| field.name != "email") && shown.consents.is_empty());
    let days = shown.fields.iter().find(|field| field.name == "a.days").unwrap();
    let InputView::Choices(options) = &days.input else { panic!("{days:?}") };
    assert_eq!(options.iter().map(|option| option.picked).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn what_the_service_refuses_is_told_beside_the_field_that_it_names() {
    let name_of = |field: &'static str| {
        let problems = blame(&form(), &Status::from(Failure::invalid(field, "must be shorter.")));
        problems.into_iter().next().unwrap()
    };
    assert_eq!(name_of("phone"), ("phone".to_owned(), "Not accepted: it must be shorter.".to_owned()));
    assert_eq!(name_of("answers.company").0, "a.company");
    assert_eq!(name_of("company").0, "a.company");
    assert_eq!(name_of("something").0, "");
    let full = Status::from(Failure::Precondition("no places".into()));
    assert_eq!(blame(&form(), &full)[""], words::PROBLEM_NOT_POSSIBLE);
}

#[test]
fn a_long_choice_opens_as_a_list() {
    let mut form = form();
    let option = |n: usize| FieldOption { key: format!("o{n}"), label: Some(text(&[("en", "x")])) };
    form.fields[3].options = (0..=RADIOS_MAX).map(option).collect();
    let shown = show(&form, &Event::default(), &reader(), Filler::New, &Values::new(), &Problems::new());
    let education = shown.fields.iter().find(|field| field.name == "a.education").unwrap();
    assert!(matches!(&education.input, InputView::Select(options) if options.len() == RADIOS_MAX + 1));
}
