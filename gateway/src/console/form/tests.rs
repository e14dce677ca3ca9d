//! What is sent by the form builder becomes the form and comes back unchanged.

use turnout_proto::{
    common::v1::LocalizedText,
    registration::v1::{FieldOption, FormField},
};

use super::{options::Known, page::question, *};

fn sent(pairs: &[(&str, &str)]) -> Sent {
    Sent(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn two() -> Vec<String> {
    vec!["en".to_owned(), "fi".to_owned()]
}

fn meal() -> Sent {
    sent(&[
        ("f.0.type", "choice"),
        ("f.0.label.en", "What would you eat?"),
        ("f.0.label.fi", "Mitä syöt?"),
        ("f.0.known", "soup: Soup\r\ntea: Tea"),
        ("f.0.options.en", "soup: Soup\r\nBig cake\r\n"),
        ("f.0.options.fi", "soup: Keitto\r\nKakku"),
        ("f.0.basis", "interest"),
        ("f.1.type", "integer"),
        ("f.1.key", "guests"),
        ("f.1.max", "4"),
        ("standard.phone", "hidden"),
        ("version", "3"),
    ])
}

#[test]
fn options_are_lines_and_a_line_without_a_key_gets_one() {
    let draft = Draft::sent("gala", &meal(), &two());
    let form = &draft.form;
    let keys: Vec<&str> = form.fields[0].options.iter().map(|option| option.key.as_str()).collect();
    assert_eq!(keys, ["soup", "big-cake"]);
    let label = |at: usize| &form.fields[0].options[at].label.as_ref().unwrap().texts;
    assert_eq!((label(0)["fi"].as_str(), label(1)["fi"].as_str()), ("Keitto", "Kakku"));
    assert_eq!(options::lines(&form.fields[0].options, "en"), "soup: Soup\nbig-cake: Big cake");
    assert_eq!(draft.known[0].write(), "soup: Soup\nbig-cake: Big cake\ntea: Tea", "what was there is remembered");
}

#[test]
fn a_question_without_a_key_gets_one_from_its_words_that_no_other_has() {
    let draft = Draft::sent("gala", &meal(), &two());
    let form = &draft.form;
    assert_eq!(form.fields[0].key, "what-would-you-eat");
    for (words, key) in [
        ("What would you eat", "what-would-you-eat-2"),
        ("Name", "name-2"),
        ("名前", "question"),
        ("Nimi?", "nimi"),
        ("", ""),
    ] {
        assert_eq!(draft.free_key(words), key, "{words}");
    }
    assert_eq!(form.version, 3);
    assert_eq!(form.phone(), StandardField::Hidden);
}

#[test]
fn questions_move_and_go_and_a_step_that_makes_no_sense_changes_nothing() {
    let mut draft = Draft::sent("gala", &meal(), &two());
    let keys = |draft: &Draft| draft.form.fields.iter().map(|field| field.key.clone()).collect::<Vec<_>>();
    for (step, expected) in [
        ("up.f.1", vec!["guests", "what-would-you-eat"]),
        ("up.f.0", vec!["guests", "what-would-you-eat"]),
        ("down.f.9", vec!["guests", "what-would-you-eat"]),
        ("remove.f.x", vec!["guests", "what-would-you-eat"]),
        ("remove.f.0", vec!["what-would-you-eat"]),
        ("add", vec!["what-would-you-eat", ""]),
    ] {
        draft.apply(step, &mut Step::default());
        assert_eq!(keys(&draft), expected, "{step}");
        assert_eq!(draft.known.len(), expected.len(), "{step}");
    }
}

#[test]
fn what_was_asked_before_keeps_its_key_whatever_is_asked_now() {
    let label = |text: &str| Some(LocalizedText { texts: [("en".to_owned(), text.to_owned())].into() });
    let option = |key: &str, text: &str| FieldOption { key: key.into(), label: label(text) };
    let field = |key: &str, options: &[FieldOption]| FormField {
        key: key.into(),
        r#type: FieldType::Choice.into(),
        label: label("Да или нет?"),
        options: options.into(),
        ..FormField::default()
    };
    let (yes, no) = (option("option-1", "Да"), option("option-2", "Нет"));
    let form = Form { fields: vec![field("question-2", std::slice::from_ref(&no))], ..Form::default() };
    let asked = |field| FormQuestion { field: Some(field), ..FormQuestion::default() };
    let older = [asked(field("question-2", &[no, yes])), asked(field("question", &[]))];
    let mut draft = Draft::of(form, &older, "en");
    assert_eq!(draft.known[0].write(), "option-2: Нет\noption-1: Да");
    assert_eq!(
        (draft.gone.as_slice(), draft.free_key("Зачем?").as_str()),
        (&["question".to_owned()][..], "question-3")
    );
    draft.apply("remove.f.0", &mut Step::default());
    assert_eq!(draft.free_key("Зачем?"), "question-3", "what is taken out now may have been answered");
}

#[test]
fn what_a_type_cannot_have_is_not_stored() {
    let mut form = Draft::sent("gala", &meal(), &two()).form;
    form.fields[0].r#type = FieldType::Text.into();
    let stored = to_store(form);
    assert!(stored.fields[0].options.is_empty());
    assert_eq!(stored.fields[1].max, 4);
}

#[test]
fn what_the_service_finds_wrong_is_told_at_its_input() {
    for (path, input) in [
        ("form.fields[3].label", "f.3.label.en"),
        ("form.fields[3].options[1].key", "f.3.options.en"),
        ("form.fields[3].key", "f.3.key"),
        ("form.fields[3].max", "f.3.max"),
        ("form.consents[0]", "c.0.purpose"),
        ("form.consents[0].purpose", "c.0.purpose"),
        ("form.consents[0].text", "c.0.text.en"),
        ("form.phone", "standard.phone"),
    ] {
        assert_eq!(input_of(path, "en"), input);
    }
}

#[test]
fn item_57_twenty_questions_come_back_as_they_were_sent() {
    let names: Vec<(String, String)> = (0..20)
        .flat_map(|at| {
            [(format!("f.{at}.type"), "text".to_owned()), (format!("f.{at}.label.en"), format!("Question {at}"))]
        })
        .collect();
    let form = Draft::sent("gala", &Sent(names), &two()).form;
    assert_eq!(form.fields.len(), 20);
    assert_eq!(form.fields[19].key, "question-19");
    let block = question(19, &form.fields[19], &Known::default(), &two(), "f.19");
    assert_eq!((block.title.as_str(), block.open), ("Question 19", true));
}

#[test]
fn looking_at_a_form_leaves_it_as_it_is_saved_and_a_changed_word_does_not() {
    let shown = Draft::sent("gala", &meal(), &two()).form;
    // As the service gives it: without texts that nobody wrote.
    let mut stored = Form { version: 4, ..to_store(shown.clone()) };
    stored.set_name(StandardField::Unspecified);
    for field in &mut stored.fields {
        field.hint = None;
        field.purpose = None;
    }
    let stored = settled(stored);
    assert_eq!(essence(shown.clone()), essence(stored.clone()));
    let mut changed = shown;
    changed.fields[1].required = true;
    assert_ne!(essence(changed), essence(stored));
}
