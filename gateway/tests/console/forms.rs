//! The form builder over HTTP: what an organiser types in any script is what is stored, under keys that the page carries from step to
//! step. Each rule of these keys is tested beside them.

use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::LocalizedText,
    registration::v1::{
        FieldOption, FieldType, Form, FormField, FormQuestion, GetFormRequest, GetFormResponse, LegalBasis,
        ListQuestionsRequest, ListQuestionsResponse, PutFormRequest, PutFormResponse,
    },
};

use crate::stage::{Answer, Stage};

const FORM: &str = "/console/events/night/form";

fn english(text: &str) -> LocalizedText {
    LocalizedText { texts: [("en".to_owned(), text.to_owned())].into() }
}

fn option(key: &str, label: &str) -> FieldOption {
    FieldOption { key: key.into(), label: Some(english(label)) }
}

fn field(options: &[FieldOption]) -> FormField {
    FormField {
        key: "question".into(),
        r#type: FieldType::Choice.into(),
        label: Some(english("Придёте?")),
        purpose: Some(english("Места")),
        basis: LegalBasis::Contract.into(),
        options: options.into(),
        ..FormField::default()
    }
}

/// An event that asks one question, which had another option once.
async fn stage() -> Stage {
    let stage = Stage::with(Role::Organiser).await;
    stage.services.on("RegistrantService/GetForm", |_: GetFormRequest| {
        let fields = vec![field(&[option("option-1", "Да"), option("option-2", "Нет")])];
        Ok(GetFormResponse { form: Some(Form { version: 4, fields, ..Form::default() }) })
    });
    stage.services.on("RegistrantService/ListQuestions", |_: ListQuestionsRequest| {
        let options = [("option-1", "Да"), ("option-2", "Нет"), ("option-3", "Не знаю")];
        let question = FormQuestion { field: Some(field(&options.map(|(k, l)| option(k, l)))), ..Default::default() };
        Ok(ListQuestionsResponse { questions: vec![question] })
    });
    stage.services.on("RegistrantService/PutForm", |_: PutFormRequest| Ok(PutFormResponse::default()));
    stage
}

/// What stands in a hidden field of a page.
fn hidden(page: &Answer, name: &str) -> String {
    let begin = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
    page.body.split(&begin).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned()
}

/// What a save of these options stores, from a page that knew those.
async fn saved(stage: &Stage, known: &str, options: &str) -> Vec<(String, String)> {
    let form = [
        ("do", "save"),
        ("version", "4"),
        ("f.0.type", "choice"),
        ("f.0.key", "question"),
        ("f.0.label.en", "Придёте?"),
        ("f.0.known", known),
        ("f.0.options.en", options),
    ];
    assert_eq!(stage.post(FORM, &form).await.status, 303);
    let put: PutFormRequest = stage.services.asked("RegistrantService/PutForm").pop().unwrap();
    let options = put.form.unwrap().fields.remove(0).options.into_iter();
    options.map(|option| (option.key, option.label.unwrap().texts["en"].clone())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, label)| ((*key).to_owned(), (*label).to_owned())).collect()
}

#[tokio::test]
async fn options_in_any_script_are_stored_as_they_were_typed() {
    let stage = stage().await;
    let typed = "Да\r\nFriday: dinner\r\nÄ\r\nنعم\r\n🎉";
    let expected =
        [("option-1", "Да"), ("friday-dinner", "Friday: dinner"), ("a", "Ä"), ("option-4", "نعم"), ("option-5", "🎉")];
    assert_eq!(saved(&stage, "", typed).await, pairs(&expected));
}

#[tokio::test]
async fn a_page_carries_the_keys_that_were_ever_answered_and_gives_none_of_them_away() {
    let stage = stage().await;
    let page = stage.get(FORM).await;
    let known = hidden(&page, "f.0.known");
    assert_eq!(known, "option-1: Да\noption-2: Нет\noption-3: Не знаю");
    page.holds("\noption-1: Да\noption-2: Нет</textarea>");
    let stored = saved(&stage, &known, "option-2: Нет, спасибо\r\nМожет быть\r\n").await;
    assert_eq!(stored, pairs(&[("option-2", "Нет, спасибо"), ("option-4", "Может быть")]));
    // A step in between changes nothing of that.
    let step = [
        ("do", "add"),
        ("f.0.type", "choice"),
        ("f.0.key", "question"),
        ("f.0.label.en", "Придёте?"),
        ("f.0.known", &known),
        ("f.0.options.en", "option-2: Нет, спасибо\r\nМожет быть"),
    ];
    let page = stage.post(FORM, &step).await;
    page.holds("\noption-2: Нет, спасибо\noption-4: Может быть</textarea>");
    let known = hidden(&page, "f.0.known");
    assert_eq!(known, "option-2: Нет, спасибо\noption-4: Может быть\noption-1: Да\noption-3: Не знаю");
}
