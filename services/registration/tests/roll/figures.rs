//! Figures of a form's fields, and the tenant's settings about them.

use std::collections::HashMap;

use tonic::Code;
use tonic_types::StatusExt as _;
use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::LocalizedText,
    registration::v1::{
        CheckInRequest, FieldOption, FieldType, Form, FormField, GetFieldFiguresRequest, GetFieldFiguresResponse,
        GetRegistrantSettingsRequest, LegalBasis, ListQuestionsRequest, PutFormRequest, PutRegistrantSettingsRequest,
        RegisterRequest, RegistrantSettings,
    },
};

use crate::{
    on_both_engines,
    world::{Process, World},
};

on_both_engines! {
    item_58_and_59_the_mean_age_and_the_most_common_level,
    item_55_a_field_is_crossed_with_attendance,
    a_tenant_chooses_its_threshold_within_bounds,
    what_was_answered_to_an_older_form_stays_in_questions_and_figures_and_kinds_are_not_mixed,
}

fn text(text: &str) -> LocalizedText {
    LocalizedText { texts: HashMap::from([("en".to_owned(), text.to_owned())]) }
}

fn field(key: &str, kind: FieldType, options: &[&str]) -> FormField {
    FormField {
        key: key.into(),
        r#type: kind.into(),
        label: Some(text(key)),
        purpose: Some(text("planning")),
        basis: LegalBasis::Contract.into(),
        options: options.iter().map(|key| FieldOption { key: (*key).to_owned(), label: Some(text(key)) }).collect(),
        ..FormField::default()
    }
}

async fn put_form(process: &Process, world: &World) {
    let fields = vec![
        field("born", FieldType::BirthYear, &[]),
        field("level", FieldType::Choice, &["basic", "upper", "master"]),
        field("company", FieldType::Text, &[]),
    ];
    let form = Some(Form { event_id: world.event.clone(), fields, ..Form::default() });
    process.service().put_form(PutFormRequest { form, expected_version: 0 }).await.unwrap();
}

async fn answer(process: &Process, n: usize, answers: &[(&str, &str)]) -> String {
    let answers = answers.iter().map(|(key, answer)| ((*key).to_owned(), (*answer).to_owned())).collect();
    let person = process.person(&format!("a{n}@example.org"), "Somebody");
    process.register(RegisterRequest { answers, form_version: 1, ..person }).await.registration_id
}

async fn figures(process: &Process, world: &World, field: &str, by_attendance: bool) -> GetFieldFiguresResponse {
    figures_of(process, world, field, by_attendance, 0).await
}

async fn figures_of(
    process: &Process,
    world: &World,
    field: &str,
    by_attendance: bool,
    form_version: i64,
) -> GetFieldFiguresResponse {
    let (event_id, field) = (world.event.clone(), field.to_owned());
    let request = GetFieldFiguresRequest { event_id, field, by_attendance, form_version };
    process.member(Role::Analyst).get_field_figures(request).await.unwrap().into_inner()
}

async fn item_58_and_59_the_mean_age_and_the_most_common_level(world: World) {
    let process = world.process().await;
    put_form(&process, &world).await;
    for (n, year) in ["1977", "1987", "1997", "2007"].iter().enumerate() {
        answer(&process, n, &[("born", year), ("level", "upper"), ("company", "Acme")]).await;
    }
    answer(&process, 4, &[]).await;
    let few = figures(&process, &world, "born", false).await;
    assert_eq!((few.answered, few.missing, few.hidden, few.mean, few.threshold), (4, 1, true, None, 5));
    assert!(figures(&process, &world, "level", false).await.most_common.is_empty());

    for n in 5..11 {
        answer(&process, n, &[("born", "2000"), ("level", "master"), ("company", "ACME ")]).await;
    }
    let born = figures(&process, &world, "born", false).await;
    let ages = [50, 40, 30, 20, 27, 27, 27, 27, 27, 27];
    assert_eq!((born.answered, born.missing, born.hidden), (10, 1, false));
    assert!((born.mean.unwrap() - f64::from(ages.iter().sum::<i32>()) / 10.0).abs() < 1e-9);
    assert!(born.counts.iter().all(|count| !count.hidden), "a number that few gave is not named");
    let level = figures(&process, &world, "level", false).await;
    assert_eq!(level.counts.iter().map(|count| count.hidden).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(figures(&process, &world, "company", false).await.most_common.len(), 1, "however it is spelt");

    // Two looks around one arrival show the same: figures are a snapshot for a quarter of an hour.
    answer(&process, 11, &[("level", "master")]).await;
    assert_eq!(figures(&process, &world, "level", false).await, level);
    world.clock.advance_ms(15 * 60 * 1000);
    assert_eq!(figures(&process, &world, "level", false).await.answered, 11);

    let (event_id, field) = (world.event.clone(), "shoe".to_owned());
    let unknown = GetFieldFiguresRequest { event_id, field, ..GetFieldFiguresRequest::default() };
    let refused = process.service().get_field_figures(unknown).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "field");
}

async fn item_55_a_field_is_crossed_with_attendance(world: World) {
    let process = world.process().await;
    put_form(&process, &world).await;
    for n in 0..24 {
        let registration_id = answer(&process, n, &[("level", if n % 2 == 0 { "upper" } else { "master" })]).await;
        if n < 14 {
            let request =
                CheckInRequest { event_id: world.event.clone(), registration_id, ..CheckInRequest::default() };
            process.service().check_in(request).await.unwrap();
        }
    }
    let shown = |figures: GetFieldFiguresResponse| -> Vec<_> {
        figures.counts.into_iter().map(|count| (count.answer, count.people, count.attended, count.hidden)).collect()
    };
    let row = |answer: &str, people, attended| (answer.to_owned(), people, attended, false);
    let plain = shown(figures(&process, &world, "level", false).await);
    assert_eq!(plain, [row("basic", 0, 0), row("upper", 12, 0), row("master", 12, 0)]);
    let crossed = shown(figures(&process, &world, "level", true).await);
    assert_eq!(crossed, [row("basic", 0, 0), row("upper", 12, 7), row("master", 12, 7)]);
}

async fn a_tenant_chooses_its_threshold_within_bounds(world: World) {
    let process = world.process().await;
    let mut owner = process.member(Role::Owner);
    let get = async |client: &mut crate::world::Client| {
        client.get_registrant_settings(GetRegistrantSettingsRequest {}).await.unwrap().into_inner().settings.unwrap()
    };
    let usual = RegistrantSettings { threshold: 5, retention_days: 0, version: 0 };
    assert_eq!(get(&mut owner).await, usual);
    let put = async |client: &mut crate::world::Client, settings: RegistrantSettings| {
        let request = PutRegistrantSettingsRequest { settings: Some(settings) };
        Ok::<_, tonic::Status>(client.put_registrant_settings(request).await?.into_inner().settings.unwrap())
    };
    for (settings, field) in [
        (RegistrantSettings { threshold: 2, ..usual }, "settings.threshold"),
        (RegistrantSettings { threshold: 101, ..usual }, "settings.threshold"),
        (RegistrantSettings { retention_days: -1, ..usual }, "settings.retention_days"),
        (RegistrantSettings { retention_days: 3651, ..usual }, "settings.retention_days"),
    ] {
        let refused = put(&mut owner, settings).await.unwrap_err();
        assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, field);
    }
    let ten = put(&mut owner, RegistrantSettings { threshold: 10, retention_days: 30, version: 0 }).await.unwrap();
    assert_eq!((ten.version, get(&mut process.member(Role::Analyst)).await), (1, ten));
    assert_eq!(put(&mut owner, RegistrantSettings { version: 0, ..ten }).await.unwrap(), ten, "a retry");
    let three = put(&mut owner, RegistrantSettings { threshold: 3, ..ten }).await.unwrap();
    assert_eq!((three.threshold, three.version), (3, 2));
    let stale = put(&mut owner, RegistrantSettings { threshold: 7, ..ten }).await.unwrap_err();
    assert_eq!(stale.code(), Code::Aborted);
    for role in [Role::Organiser, Role::Support, Role::Analyst, Role::Moderator] {
        assert_eq!(put(&mut process.member(role), three).await.unwrap_err().code(), Code::PermissionDenied);
    }
}

async fn what_was_answered_to_an_older_form_stays_in_questions_and_figures_and_kinds_are_not_mixed(world: World) {
    let process = world.process().await;
    put_form(&process, &world).await;
    for n in 0..6 {
        answer(&process, n, &[("born", "1990"), ("level", "upper")]).await;
    }
    // The level is a number now, the year is not asked any more, and nobody ever told a company.
    let fields = vec![field("level", FieldType::Integer, &[]), field("city", FieldType::Text, &[])];
    let form = Some(Form { event_id: world.event.clone(), fields, ..Form::default() });
    process.service().put_form(PutFormRequest { form, expected_version: 1 }).await.unwrap();
    for n in 6..11 {
        let answers = HashMap::from([("level".to_owned(), "7".to_owned())]);
        let person = process.person(&format!("a{n}@example.org"), "Somebody");
        process.register(RegisterRequest { answers, form_version: 2, ..person }).await;
    }
    let request = ListQuestionsRequest { event_id: world.event.clone() };
    let questions = process.member(Role::Analyst).list_questions(request).await.unwrap().into_inner().questions;
    let told: Vec<_> = questions
        .into_iter()
        .map(|it| {
            let field = it.field.unwrap();
            (field.key.clone(), field.r#type(), it.form_versions, it.removed)
        })
        .collect();
    let question = |key: &str, kind, version, removed| (key.to_owned(), kind, vec![version], removed);
    let level = question("level", FieldType::Integer, 2, false);
    let (born, old) = (question("born", FieldType::BirthYear, 1, true), question("level", FieldType::Choice, 1, true));
    assert_eq!(told, [level, question("city", FieldType::Text, 2, false), born, old]);

    let now = figures(&process, &world, "level", false).await;
    assert_eq!((now.answered, now.missing, now.mean), (5, 6, Some(7.0)));
    let before = figures_of(&process, &world, "level", false, 1).await;
    assert_eq!((before.answered, before.missing, before.most_common), (6, 5, vec!["upper".to_owned()]));
    assert_eq!(figures_of(&process, &world, "born", false, 1).await.mean, Some(37.0));
}
