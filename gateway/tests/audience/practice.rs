//! The page that says what happens with people's data: that it says it of everything that the form asks for.

use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{GetMessageSettingsRequest, GetMessageSettingsResponse, MessageSettings},
    registration::v1::*,
};

use crate::{Site, browser};

fn english(text: &str) -> LocalizedText {
    LocalizedText { texts: [("en".to_owned(), text.to_owned())].into() }
}

fn field(key: &str, basis: LegalBasis) -> FormField {
    FormField {
        key: key.into(),
        r#type: FieldType::Text.into(),
        label: Some(english(&format!("Question {key}"))),
        purpose: Some(english(&format!("Purpose of {key}"))),
        basis: basis.into(),
        required: key == "consent",
        ..FormField::default()
    }
}

/// A gateway whose event has this form.
async fn site(form: Form, retention_days: i32) -> Site {
    let site = Site::with(|event| {
        event.nicknames = true;
        event.set_mode(AttendanceMode::Hybrid);
    })
    .await;
    site.services.on("GetForm", move |_: GetFormRequest| Ok(GetFormResponse { form: Some(form.clone()) }));
    site.services.on("GetRegistrantSettings", move |_: GetRegistrantSettingsRequest| {
        let settings = RegistrantSettings { retention_days, ..RegistrantSettings::default() };
        Ok(GetRegistrantSettingsResponse { settings: Some(settings), removal: None })
    });
    site.services.on("GetMessageSettings", |_: GetMessageSettingsRequest| {
        let settings = MessageSettings { sender_name: "The house".into(), ..MessageSettings::default() };
        Ok(GetMessageSettingsResponse { settings: Some(settings), ..GetMessageSettingsResponse::default() })
    });
    site
}

/// The rows of the page's tables: what, what for, on which basis.
fn rows(page: &str) -> Vec<[String; 3]> {
    let text = |html: &str| {
        let parts = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        parts.collect::<String>().trim().to_owned()
    };
    let cells = |row: &str| {
        let mut cells = row.split("</t").map(text);
        [(); 3].map(|()| cells.next().unwrap_or_default())
    };
    page.split("<tr><th scope=\"row\">").skip(1).map(|rest| cells(rest.split("</tr>").next().unwrap())).collect()
}

#[tokio::test]
async fn item_37_every_field_of_a_form_is_on_the_page_with_its_purpose_and_its_basis() {
    let bases = [
        ("consent", LegalBasis::Consent, "Art. 6(1)(a)"),
        ("contract", LegalBasis::Contract, "Art. 6(1)(b)"),
        ("law", LegalBasis::LegalObligation, "Art. 6(1)(c)"),
        ("interest", LegalBasis::LegitimateInterest, "Art. 6(1)(f)"),
    ];
    let form = Form {
        version: 4,
        fields: bases.iter().map(|(key, basis, _)| field(key, *basis)).collect(),
        name: StandardField::Optional.into(),
        phone: StandardField::Required.into(),
        consents: vec![ConsentQuestion {
            purpose: "news".into(),
            channel: "email".into(),
            text: Some(english("News, please")),
        }],
        ..Form::default()
    };
    let site = site(form, 30).await;
    let page = site.get(&browser(), "/e/gala/data").await.text().await.unwrap();
    let rows = rows(&page);
    for (key, _, article) in bases {
        let needed = if key == "consent" { " needed" } else { "" };
        let row = rows.iter().find(|[what, ..]| *what == format!("Question {key}{needed}"));
        let [_, purpose, basis] = row.unwrap_or_else(|| panic!("{key} is missing in {rows:?}"));
        assert_eq!(*purpose, format!("Purpose of {key}"));
        assert!(basis.contains(article), "{key}: {basis}");
    }
    assert!(page.contains("<li lang=\"en\">News, please</li>"), "{page}");
    // What the form asks for and what the page tells are the same, row by row.
    let form = site.get(&browser(), "/e/gala/register").await.text().await.unwrap();
    let named = |name: &str| form.contains(&format!("name=\"{name}\""));
    let standard =
        [("email", "E-mail"), ("name", "Name"), ("phone", "Phone"), ("nickname", "Nickname"), ("mode", "How")];
    for (name, label) in standard {
        assert!(named(name), "the form asks for {name}");
        assert!(
            rows.iter().any(|[what, purpose, _]| what.starts_with(label) && !purpose.is_empty()),
            "{name}: {rows:?}"
        );
    }
    let asked = page.split_once("id=\"noted\"").unwrap().0.matches("<tr><th scope=\"row\">").count();
    assert_eq!(asked, standard.len() + bases.len(), "nothing is told that is not asked");
    assert!(rows.iter().all(|row| row.iter().all(|cell| !cell.is_empty())), "{rows:?}");
    for noted in ["time zone", "agreed to", "One profile", "an account", "cookie", "watching", "messages"] {
        assert!(rows.iter().any(|[what, ..]| what.contains(noted)), "{noted}: {rows:?}");
    }
}

#[tokio::test]
async fn item_37_the_page_promises_no_more_removal_than_there_is() {
    let site = site(Form::default(), 30).await;
    let page = site.get(&browser(), "/e/gala/data").await.text().await.unwrap();
    assert!(page.contains("30 days after the event") && page.contains("is not removed by this"), "{page}");
    for promise in ["destroyed", "every copy", "What tells who you are is removed"] {
        assert!(!page.contains(promise), "{promise}: {page}");
    }
}
