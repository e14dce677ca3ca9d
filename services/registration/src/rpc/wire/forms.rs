//! Forms between the wire and the domain. An enum value that is not set takes its stated meaning, an unknown one is refused.

use std::collections::BTreeMap;

use turnout_platform::failure::Failure;
use turnout_proto::{
    common::v1::LocalizedText,
    registration::v1::{
        ConsentQuestion as WireQuestion, FieldOption, FieldType, Form as WireForm, FormField, LegalBasis, StandardField,
    },
};

use super::timestamp;
use crate::domain::form::{Basis, Choice, ConsentQuestion, Field, FieldKind, Form, Standard, Texts, Violations};

/// A form as it is shown.
pub(crate) fn form(event_id: &str, form: Form) -> WireForm {
    WireForm {
        event_id: event_id.to_owned(),
        version: form.version,
        fields: form.fields.into_iter().map(field).collect(),
        name: standard(form.name).into(),
        phone: standard(form.phone).into(),
        consents: form.consents.into_iter().map(question).collect(),
        created_at: (form.version > 0).then(|| timestamp(form.created_at_ms)),
    }
}

/// A form that somebody puts. What its texts and keys may be is the domain's to say.
pub(crate) fn read_form(wire: WireForm) -> Result<Form, Failure> {
    let mut wrong = Violations::default();
    let fields = wire.fields.into_iter().enumerate().filter_map(|(at, field)| read_field(field, at, &mut wrong));
    let fields: Vec<Field> = fields.collect();
    let form = Form {
        version: 0,
        fields,
        name: read_standard("form.name", wire.name, Standard::Required)?,
        phone: read_standard("form.phone", wire.phone, Standard::Optional)?,
        consents: wire.consents.into_iter().map(read_question).collect(),
        created_at_ms: 0,
    };
    wrong.or_fail()?;
    Ok(form)
}

/// A field as it is shown.
pub(crate) fn field(field: Field) -> FormField {
    let kind = match field.kind {
        FieldKind::Text => FieldType::Text,
        FieldKind::LongText => FieldType::LongText,
        FieldKind::Integer => FieldType::Integer,
        FieldKind::BirthYear => FieldType::BirthYear,
        FieldKind::Choice => FieldType::Choice,
        FieldKind::Choices => FieldType::Choices,
        FieldKind::Place => FieldType::Place,
        FieldKind::Box => FieldType::Box,
    };
    let basis = match field.basis {
        Basis::Consent => LegalBasis::Consent,
        Basis::Contract => LegalBasis::Contract,
        Basis::LegalObligation => LegalBasis::LegalObligation,
        Basis::LegitimateInterest => LegalBasis::LegitimateInterest,
    };
    let option = |option: Choice| FieldOption { key: option.key, label: Some(texts(option.label)) };
    FormField {
        key: field.key,
        r#type: kind.into(),
        required: field.required,
        label: Some(texts(field.label)),
        hint: Some(texts(field.hint)),
        options: field.options.into_iter().map(option).collect(),
        min: field.min,
        max: field.max,
        purpose: Some(texts(field.purpose)),
        basis: basis.into(),
    }
}

fn read_field(wire: FormField, at: usize, wrong: &mut Violations) -> Option<Field> {
    let kind = match FieldType::try_from(wire.r#type) {
        Ok(FieldType::Text) => Some(FieldKind::Text),
        Ok(FieldType::LongText) => Some(FieldKind::LongText),
        Ok(FieldType::Integer) => Some(FieldKind::Integer),
        Ok(FieldType::BirthYear) => Some(FieldKind::BirthYear),
        Ok(FieldType::Choice) => Some(FieldKind::Choice),
        Ok(FieldType::Choices) => Some(FieldKind::Choices),
        Ok(FieldType::Place) => Some(FieldKind::Place),
        Ok(FieldType::Box) => Some(FieldKind::Box),
        Ok(FieldType::Unspecified) | Err(_) => None,
    };
    let basis = match LegalBasis::try_from(wire.basis) {
        Ok(LegalBasis::Consent) => Some(Basis::Consent),
        Ok(LegalBasis::Contract) => Some(Basis::Contract),
        Ok(LegalBasis::LegalObligation) => Some(Basis::LegalObligation),
        Ok(LegalBasis::LegitimateInterest) => Some(Basis::LegitimateInterest),
        Ok(LegalBasis::Unspecified) | Err(_) => None,
    };
    if kind.is_none() {
        wrong.add(format!("form.fields[{at}].type"), "must be one of the types");
    }
    if basis.is_none() {
        wrong.add(format!("form.fields[{at}].basis"), "must say why the answer may be processed");
    }
    let option = |option: FieldOption| Choice { key: option.key, label: read_texts(option.label) };
    Some(Field {
        key: wire.key,
        kind: kind?,
        required: wire.required,
        label: read_texts(wire.label),
        hint: read_texts(wire.hint),
        options: wire.options.into_iter().map(option).collect(),
        min: wire.min,
        max: wire.max,
        purpose: read_texts(wire.purpose),
        basis: basis?,
    })
}

fn question(question: ConsentQuestion) -> WireQuestion {
    WireQuestion { purpose: question.purpose, channel: question.channel, text: Some(texts(question.text)) }
}

fn read_question(wire: WireQuestion) -> ConsentQuestion {
    ConsentQuestion { purpose: wire.purpose, channel: wire.channel, text: read_texts(wire.text) }
}

fn standard(standard: Standard) -> StandardField {
    match standard {
        Standard::Hidden => StandardField::Hidden,
        Standard::Optional => StandardField::Optional,
        Standard::Required => StandardField::Required,
    }
}

fn read_standard(field: &'static str, wire: i32, usual: Standard) -> Result<Standard, Failure> {
    match StandardField::try_from(wire) {
        Ok(StandardField::Unspecified) => Ok(usual),
        Ok(StandardField::Hidden) => Ok(Standard::Hidden),
        Ok(StandardField::Optional) => Ok(Standard::Optional),
        Ok(StandardField::Required) => Ok(Standard::Required),
        Err(_) => Err(Failure::invalid(field, "must be HIDDEN, OPTIONAL or REQUIRED")),
    }
}

fn texts(texts: Texts) -> LocalizedText {
    LocalizedText { texts: texts.into_iter().collect() }
}

/// A text that is empty is none.
fn read_texts(wire: Option<LocalizedText>) -> Texts {
    let texts = wire.map(|wire| wire.texts).unwrap_or_default();
    texts
        .into_iter()
        .map(|(tag, text)| (tag, text.trim().to_owned()))
        .filter(|(_, text)| !text.is_empty())
        .collect::<BTreeMap<_, _>>()
}
