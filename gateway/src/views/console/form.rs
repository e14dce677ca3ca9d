//! The form builder: the fields of an event's form, what each asks, why, and on which legal ground; beside it the form as people see it.

use askama::Template;

use super::{
    super::{RegisterForm, show, text, text::console as words, text::studio as own},
    inputs::Field,
    registrants::Notice,
    shell::{EventHead, Shell},
};
use crate::assets;

/// One thing that can be moved and removed: a question or a consent.
#[derive(Clone, Debug)]
pub struct Block {
    /// What names it in buttons: `f.3`, `c.0`.
    pub id: String,
    /// Its heading: the question itself.
    pub title: String,
    /// What it takes, in words.
    pub kind: String,
    /// What is always asked.
    pub fields: Vec<Field>,
    /// The options that it has and had, for the next step: `key: label` lines.
    pub known: String,
    /// What is asked of choices.
    pub of_choices: Vec<Field>,
    /// What is asked of numbers.
    pub of_numbers: Vec<Field>,
    /// It is unfolded.
    pub open: bool,
}

impl Block {
    /// Something in it is wrong.
    pub fn has_error(&self) -> bool {
        self.fields.iter().chain(&self.of_choices).chain(&self.of_numbers).any(|field| field.error.is_some())
    }

    /// All of its fields.
    pub fn all_fields(&mut self) -> impl Iterator<Item = &mut Field> {
        self.fields.iter_mut().chain(&mut self.of_choices).chain(&mut self.of_numbers)
    }
}

/// `GET /console/events/<id>/form`, and the answer to each step of building.
#[derive(Clone, Debug, Template)]
#[template(path = "studio/form.html")]
pub struct FormPage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// The version that was seen; 0 before anybody made one.
    pub version: i64,
    /// Keys of questions that are asked no more, for the next step.
    pub gone: String,
    /// How name and phone are asked.
    pub standard: Vec<Field>,
    /// The questions in their order.
    pub questions: Vec<Block>,
    /// The consents in their order.
    pub consents: Vec<Block>,
    /// The choice of the next question's type.
    pub new_type: Field,
    /// Something was changed and is not stored yet.
    pub unsaved: bool,
    /// The form as people see it.
    pub preview: RegisterForm,
    /// The language of that.
    pub preview_lang: String,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl FormPage {
    fn base(&self) -> String {
        format!("/console/events/{}/form", self.head.facts.event_id)
    }

    fn version_words(&self) -> String {
        match self.version {
            0 => own::FORM_VERSION_NONE.to_owned(),
            version => own::FORM_VERSION.replace("{version}", &version.to_string()),
        }
    }

    /// The place of a block after a step up or down, for the address that the browser scrolls to.
    fn neighbour(id: &str, up: bool) -> String {
        let Some((kind, at)) = id.split_once('.') else { return String::new() };
        let at: usize = at.parse().unwrap_or(0);
        format!("{kind}.{}", if up { at.saturating_sub(1) } else { at + 1 })
    }
}
