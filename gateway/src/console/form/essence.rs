//! A form without its accidents: as it is stored, and as two of them are compared.

use turnout_proto::{
    common::v1::LocalizedText,
    registration::v1::{FieldType, Form, StandardField},
};

/// With what is asked of name and phone where the form leaves it open.
pub(super) fn settled(mut form: Form) -> Form {
    if form.name() == StandardField::Unspecified {
        form.set_name(StandardField::Required);
    }
    if form.phone() == StandardField::Unspecified {
        form.set_phone(StandardField::Optional);
    }
    form
}

/// Without what a field of its type cannot have, so that changing one's mind about a type is no mistake.
pub(super) fn to_store(mut form: Form) -> Form {
    for field in &mut form.fields {
        if !matches!(field.r#type(), FieldType::Choice | FieldType::Choices) {
            field.options.clear();
        }
        if field.r#type() != FieldType::Integer {
            (field.min, field.max) = (0, 0);
        }
    }
    form
}

/// What a form asks, in one spelling: a text that is not there is an empty one.
pub(super) fn essence(form: Form) -> Form {
    let mut form = to_store(form);
    let filled = |text: &mut Option<LocalizedText>| {
        text.get_or_insert_default().texts.retain(|_, text| !text.is_empty());
    };
    for field in &mut form.fields {
        [&mut field.label, &mut field.hint, &mut field.purpose].into_iter().for_each(filled);
        field.options.iter_mut().for_each(|option| filled(&mut option.label));
    }
    form.consents.iter_mut().for_each(|consent| filled(&mut consent.text));
    Form { event_id: String::new(), version: 0, created_at: None, ..form }
}
