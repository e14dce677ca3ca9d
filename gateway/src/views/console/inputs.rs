//! The fields of the console's own forms: a label, an input, what is wrong with it, a hint. One struct for all, so that every form looks
//! and is read out the same.

use askama::Template;

use super::super::text::console as words;

/// What a field takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// One line, of an HTML input type.
    Line(&'static str),
    /// Several lines.
    Area(u8),
    /// One of the options: what is sent, and what people see.
    Choice(Vec<(String, String)>),
    /// A box to tick.
    Tick,
}

/// One field.
#[derive(Clone, Debug, Template)]
#[template(path = "studio/field.html")]
pub struct Field {
    /// The name under which it is sent, and its id.
    pub name: String,
    /// The label.
    pub label: String,
    /// Which language the text is in, for a text in one of several.
    pub lang: String,
    /// A hint below it.
    pub hint: String,
    /// What it takes.
    pub input: Input,
    /// What stands in it; `yes` for a ticked box.
    pub value: String,
    /// Whether it may stay empty, and says so.
    pub optional: bool,
    /// Characters at most.
    pub chars_max: usize,
    /// A moment may be given to the second.
    pub seconds: bool,
    /// What browsers may fill in.
    pub autocomplete: &'static str,
    /// What is wrong with it.
    pub error: Option<String>,
    /// The page opens at it.
    pub focus: bool,
}

impl Field {
    fn new(name: impl Into<String>, label: impl Into<String>, input: Input) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            lang: String::new(),
            hint: String::new(),
            input,
            value: String::new(),
            optional: false,
            chars_max: 300,
            seconds: false,
            autocomplete: "off",
            error: None,
            focus: false,
        }
    }

    /// One line of text.
    pub fn line(name: impl Into<String>, label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..Self::new(name, label, Input::Line("text")) }
    }

    /// Several lines.
    pub fn area(name: impl Into<String>, label: impl Into<String>, value: impl Into<String>, rows: u8) -> Self {
        Self { value: value.into(), chars_max: 20_000, ..Self::new(name, label, Input::Area(rows)) }
    }

    /// One of a few.
    pub fn choice<'a>(
        name: impl Into<String>,
        label: impl Into<String>,
        value: impl Into<String>,
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let options = options.into_iter().map(|(key, label)| (key.to_owned(), label.to_owned())).collect();
        Self { value: value.into(), ..Self::new(name, label, Input::Choice(options)) }
    }

    /// A box to tick.
    pub fn tick(name: impl Into<String>, label: impl Into<String>, ticked: bool) -> Self {
        Self { value: if ticked { "yes".into() } else { String::new() }, ..Self::new(name, label, Input::Tick) }
    }

    /// With a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// It may stay empty.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// Of another HTML input type.
    #[must_use]
    pub fn kind(self, kind: &'static str) -> Self {
        Self { input: Input::Line(kind), ..self }
    }

    /// A moment to the second: without this browsers take whole minutes only.
    #[must_use]
    pub fn with_seconds(self) -> Self {
        Self { seconds: true, ..self }
    }

    /// What browsers may fill in.
    #[must_use]
    pub fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    /// At most so many characters.
    #[must_use]
    pub fn chars_max(self, chars_max: usize) -> Self {
        Self { chars_max, ..self }
    }

    /// A text in a language, which the label names where there are several.
    #[must_use]
    pub fn lang(self, lang: &str) -> Self {
        Self { lang: lang.to_owned(), ..self }
    }

    fn described_by(&self) -> String {
        let error = self.error.is_some().then(|| format!("in-{}-error", self.name));
        let hint = (!self.hint.is_empty()).then(|| format!("in-{}-hint", self.name));
        error.into_iter().chain(hint).collect::<Vec<_>>().join(" ")
    }
}

/// Fields that belong together.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// In a sentence; may be empty.
    pub meaning: &'static str,
    /// The fields.
    pub fields: Vec<Field>,
}

/// Puts sentences beside the fields that they are about, and opens the page at the first of these; returns those that fit none.
pub fn blame<'a>(fields: impl Iterator<Item = &'a mut Field>, violations: Vec<(String, String)>) -> Vec<String> {
    let mut fields: Vec<&mut Field> = fields.collect();
    let mut rest = Vec::new();
    for (name, sentence) in violations {
        match fields.iter_mut().find(|field| field.name == name) {
            Some(field) => field.error = Some(sentence),
            None => rest.push(sentence),
        }
    }
    if let Some(first) = fields.iter_mut().find(|field| field.error.is_some()) {
        first.focus = true;
    }
    rest
}
