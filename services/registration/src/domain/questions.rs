//! What an event has asked, over several versions of its form. The same key with the same kind of answer is one question, however its
//! words changed; a key that came to mean another kind of answer is another question, and answers of the two are never mixed: which of
//! them an answer belongs to follows from the version of the form that was filled in. Who answered is not known here.

use super::form::{Field, Form};

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// As it was asked last, with options that are gone behind those that are there.
    pub field: Field,
    /// The versions of the form that ask it, of those that were looked at, the latest first.
    pub versions: Vec<i64>,
    /// The latest form does not ask it, or not so.
    pub is_removed: bool,
}

impl Question {
    /// Whether an answer given to this version of the form is one to this question.
    pub fn is_asked_by(&self, form_version: i64) -> bool {
        self.versions.contains(&form_version)
    }

    fn takes_in(&mut self, older: &Field, version: i64) {
        self.versions.push(version);
        for option in &older.options {
            if self.field.options.iter().all(|known| known.key != option.key) {
                self.field.options.push(option.clone());
            }
        }
    }
}

/// The questions of these versions, given from the latest to the oldest: those of the latest in its order, then those that are removed.
pub(crate) fn questions(latest: &Form, older: &[Form]) -> Vec<Question> {
    let of = |field: &Field, form: &Form, is_removed| Question {
        field: field.clone(),
        versions: vec![form.version],
        is_removed,
    };
    let mut all: Vec<Question> = latest.fields.iter().map(|field| of(field, latest, false)).collect();
    for form in older {
        for field in &form.fields {
            let same = all.iter_mut().find(|known| known.field.key == field.key && known.field.kind == field.kind);
            match same {
                Some(known) => known.takes_in(field, form.version),
                None => all.push(of(field, form, true)),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::form::{Basis, Choice, FieldKind};

    fn field(key: &str, kind: FieldKind, options: &[&str]) -> Field {
        let option = |key: &&str| Choice { key: (*key).into(), label: BTreeMap::new() };
        Field {
            key: key.into(),
            kind,
            required: false,
            label: BTreeMap::new(),
            hint: BTreeMap::new(),
            options: options.iter().map(option).collect(),
            min: 0,
            max: 0,
            purpose: BTreeMap::new(),
            basis: Basis::Contract,
        }
    }

    fn form(version: i64, fields: Vec<Field>) -> Form {
        Form { version, fields, ..Form::usual() }
    }

    #[test]
    fn a_key_of_one_kind_is_one_question_and_of_another_kind_another() {
        let latest = form(3, vec![field("size", FieldKind::Choice, &["s", "m"]), field("city", FieldKind::Text, &[])]);
        let second = form(2, vec![field("size", FieldKind::Choice, &["m", "xl"])]);
        let first = form(1, vec![field("size", FieldKind::Integer, &[]), field("diet", FieldKind::Text, &[])]);
        let all = questions(&latest, &[second, first]);
        let told: Vec<_> = all.iter().map(|it| (it.field.key.as_str(), it.versions.clone(), it.is_removed)).collect();
        let size = ("size", vec![3, 2], false);
        assert_eq!(told, [size, ("city", vec![3], false), ("size", vec![1], true), ("diet", vec![1], true)]);
        let options: Vec<_> = all[0].field.options.iter().map(|option| option.key.as_str()).collect();
        assert_eq!(options, ["s", "m", "xl"], "an option that is gone still has its label");
        assert!(all[0].is_asked_by(2) && !all[0].is_asked_by(1) && all[2].is_asked_by(1));
    }
}
