//! A field of a form: its label, what was entered, what is wrong with it. The same for a festival's own fields and for e-mail, name and
//! phone.

use askama::Template;

use super::{Words, words};

/// One field.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/field.html")]
pub struct FieldView {
    /// The name under which the form sends it.
    pub name: String,
    /// The question.
    pub label: Words,
    /// A hint below it.
    pub hint: Option<Words>,
    /// Whether it must be answered.
    pub required: bool,
    /// What is wrong with what was entered.
    pub error: Option<String>,
    /// What it takes, and what was entered.
    pub input: InputView,
}

/// What a field takes, with what was entered.
#[derive(Clone, Debug)]
pub enum InputView {
    /// One line.
    Line {
        /// `text`, `email`, `tel`.
        kind: &'static str,
        /// What was entered.
        value: String,
        /// What browsers may fill in.
        autocomplete: &'static str,
        /// Which keys a phone shows.
        inputmode: &'static str,
        /// Characters at most.
        chars_max: usize,
    },
    /// Several lines.
    Area {
        /// What was entered.
        value: String,
    },
    /// One of a few.
    Choice(Vec<OptionView>),
    /// One of many.
    Select(Vec<OptionView>),
    /// Any of them.
    Choices(Vec<OptionView>),
    /// A box to tick.
    Box {
        /// It is ticked.
        ticked: bool,
    },
}

/// One option of a choice.
#[derive(Clone, Debug)]
pub struct OptionView {
    /// What is sent.
    pub key: String,
    /// What people see.
    pub label: Words,
    /// It is chosen.
    pub picked: bool,
}

impl FieldView {
    /// The id of what takes the answer.
    pub fn id(&self) -> String {
        format!("f-{}", self.name.replace('.', "-"))
    }

    /// Several inputs under one question.
    fn is_group(&self) -> bool {
        matches!(self.input, InputView::Choice(_) | InputView::Choices(_))
    }

    /// Where the summary of errors leads to: a group's first option, or the input.
    fn error_target(&self) -> String {
        if self.is_group() { format!("{}-0", self.id()) } else { self.id() }
    }

    /// The line in the summary of errors.
    pub fn problem(&self) -> Option<ProblemLink> {
        let text = self.error.clone()?;
        Some(ProblemLink { target: self.error_target(), label: self.label.clone(), text })
    }

    /// The ids of what describes the input.
    fn described_by(&self) -> String {
        let id = self.id();
        let hint = self.hint.as_ref().map(|_| format!("{id}-hint"));
        let error = self.error.as_ref().map(|_| format!("{id}-error"));
        hint.into_iter().chain(error).collect::<Vec<_>>().join(" ")
    }
}

/// One line of the summary of errors.
#[derive(Clone, Debug)]
pub struct ProblemLink {
    /// The id of the input.
    pub target: String,
    /// The field.
    pub label: Words,
    /// What is wrong.
    pub text: String,
}
