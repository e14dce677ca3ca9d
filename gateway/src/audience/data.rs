//! `GET /e/<event>/data` (item 37): each field of the form with its purpose and basis, what is noted besides, and how long it is kept.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use turnout_proto::{
    notifications::v1::GetMessageSettingsRequest,
    registration::v1::{AttendanceMode, Event, Form, GetRegistrantSettingsRequest, LegalBasis, StandardField},
};

use super::{
    Asked,
    event::{find, keep_language},
    fields::asked as is_asked,
    language::Reader,
    refused,
    register::form_of,
    showing,
};
use crate::{
    Shared,
    answers::html,
    directory::KnownEvent,
    upstream::{Acting, bounded},
    views::{DataPage, DataRow, Words, text::public as words},
};

pub(super) async fn show(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    let event = match find(&shared, &id).await {
        Ok(event) => event,
        Err(answer) => return answer,
    };
    let form = match form_of(&shared, &event).await {
        Ok(form) => form,
        Err(answer) => return answer,
    };
    let acting = Acting::Tenant(event.tenant.clone());
    let request = bounded(GetRegistrantSettingsRequest {});
    let settings = match shared.upstream.registrants(&acting).get_registrant_settings(request).await {
        Ok(answer) => answer.into_inner().settings.unwrap_or_default(),
        Err(status) => return refused(status),
    };
    let reader = Reader::of(&event.details, asked.value("lang"), &headers);
    let (head, languages) = showing::with_languages(&event.details, &reader);
    let page = DataPage {
        head,
        languages,
        controller: controller(&shared, &event, &acting).await,
        asked: asked_rows(&form, &event.details, &reader),
        noted: noted_rows(&event.details),
        consents: form.consents.iter().filter_map(|question| reader.maybe(question.text.as_ref())).collect(),
        retention_days: Some(settings.retention_days).filter(|days| *days > 0),
    };
    keep_language(html(&page), &shared, &reader)
}

/// Who decides about the data: the organiser, by the name under which they write.
async fn controller(shared: &Shared, event: &KnownEvent, acting: &Acting) -> String {
    let request = bounded(GetMessageSettingsRequest {});
    let answer = shared.upstream.notifications(acting).get_message_settings(request).await;
    let settings = answer.ok().and_then(|answer| answer.into_inner().settings).unwrap_or_default();
    // Until somebody gives a name, that of the mails is the tenant's id, which tells a visitor nothing.
    let is_named = !settings.sender_name.is_empty() && settings.sender_name != event.tenant.as_str();
    if is_named { settings.sender_name } else { words::DATA_CONTROLLER_UNNAMED.to_owned() }
}

fn asked_rows(form: &Form, event: &Event, reader: &Reader) -> Vec<DataRow> {
    let ours = |what: &str, required, purpose: &str| DataRow {
        what: Words::ours(what),
        required,
        purpose: Words::ours(purpose),
        basis: words::BASIS_CONTRACT,
    };
    let mut rows = vec![ours(words::FIELD_EMAIL, true, words::PURPOSE_EMAIL)];
    if let Some(required) = is_asked(form.name(), StandardField::Required) {
        rows.push(ours(words::FIELD_NAME, required, words::PURPOSE_NAME));
    }
    if let Some(required) = is_asked(form.phone(), StandardField::Optional) {
        rows.push(ours(words::FIELD_PHONE, required, words::PURPOSE_PHONE));
    }
    if event.nicknames {
        rows.push(ours(words::FIELD_NICKNAME, false, words::PURPOSE_NICKNAME));
    }
    if event.mode() == AttendanceMode::Hybrid {
        rows.push(ours(words::FIELD_MODE, true, words::PURPOSE_MODE));
    }
    rows.extend(form.fields.iter().map(|field| DataRow {
        what: reader.maybe(field.label.as_ref()).unwrap_or_else(|| Words::ours(&field.key)),
        required: field.required,
        purpose: reader.maybe(field.purpose.as_ref()).unwrap_or_default(),
        basis: match field.basis() {
            LegalBasis::Consent => words::BASIS_CONSENT,
            LegalBasis::Contract | LegalBasis::Unspecified => words::BASIS_CONTRACT,
            LegalBasis::LegalObligation => words::BASIS_LEGAL,
            LegalBasis::LegitimateInterest => words::BASIS_INTEREST,
        },
    }));
    rows
}

fn noted_rows(event: &Event) -> Vec<DataRow> {
    let row = |what, purpose, basis| DataRow {
        what: Words::ours(what),
        required: false,
        purpose: Words::ours(purpose),
        basis,
    };
    let paid = event.price.is_some().then(|| row(words::DATA_PAID, words::PURPOSE_PAID, words::BASIS_CONTRACT));
    let rows = [
        row(words::DATA_REGISTERED, words::PURPOSE_REGISTERED, words::BASIS_CONTRACT),
        row(words::DATA_ENTERED, words::PURPOSE_ENTERED, words::BASIS_INTEREST),
        row(words::DATA_WATCHING, words::PURPOSE_WATCHING, words::BASIS_INTEREST),
        row(words::DATA_LANGUAGE, words::PURPOSE_LANGUAGE, words::BASIS_CONTRACT),
        row(words::DATA_MAILS, words::PURPOSE_MAILS, words::BASIS_CONTRACT),
        row(words::DATA_LEDGER, words::PURPOSE_LEDGER, words::BASIS_LEGAL),
        row(words::DATA_PROFILE, words::PURPOSE_PROFILE, words::BASIS_INTEREST),
        row(words::DATA_ACCOUNT, words::PURPOSE_ACCOUNT, words::BASIS_CONTRACT),
        row(words::DATA_COOKIE, words::PURPOSE_COOKIE, words::BASIS_CONTRACT),
    ];
    rows.into_iter().chain(paid).collect()
}
