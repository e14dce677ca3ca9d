//! What is written to the people of an event: the templates, the reminders, and what became of the messages.

use askama::Template;
use turnout_proto::notifications::v1::{MessageFigure, MessageKind};

use super::{
    super::{show, text, text::console as words, text::studio as own},
    inputs::Field,
    registrants::Notice,
    shell::{EventHead, Shell},
    states,
};
use crate::assets;

/// The kinds that an event has a template of: the word in the address, and when it is sent.
pub const KINDS: [(&str, MessageKind, &str); 4] = [
    ("confirmation", MessageKind::Confirmation, own::KIND_CONFIRMATION_WHEN),
    ("reminder", MessageKind::Reminder, own::KIND_REMINDER_WHEN),
    ("change", MessageKind::Change, own::KIND_CHANGE_WHEN),
    ("cancellation", MessageKind::Cancellation, own::KIND_CANCELLATION_WHEN),
];

/// Whose template is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The event's own.
    Event,
    /// The tenant's.
    Tenant,
    /// The one that comes with the program.
    Ours,
}

impl Whose {
    fn label(self) -> &'static str {
        match self {
            Self::Event => own::TEMPLATE_OWN,
            Self::Tenant => own::TEMPLATE_TENANT,
            Self::Ours => own::TEMPLATE_OURS,
        }
    }
}

/// One kind of message in the list.
#[derive(Clone, Debug)]
pub struct KindRow {
    /// The word in the address.
    pub word: &'static str,
    /// What it is.
    pub kind: MessageKind,
    /// When it is sent.
    pub when: &'static str,
    /// Whose template; none while the service does not answer.
    pub whose: Option<Whose>,
    /// It is not sent.
    pub off: bool,
}

impl KindRow {
    fn title(&self) -> &'static str {
        states::message_kind(self.kind)
    }

    fn standing(&self) -> &'static str {
        match self.whose {
            None => words::NOTHING,
            Some(_) if self.off => own::TEMPLATE_OFF,
            Some(whose) => whose.label(),
        }
    }
}

/// `GET /console/events/<id>/messages`
#[derive(Clone, Debug, Template)]
#[template(path = "studio/messages.html")]
pub struct MessagesPage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// Mails are kept as files and reach nobody.
    pub to_folder: bool,
    /// The kinds.
    pub kinds: Vec<KindRow>,
    /// The reminders' field.
    pub reminders: Field,
    /// The version of the reminders that was seen.
    pub reminders_version: i64,
    /// What became of the messages; none while the service does not answer.
    pub figures: Option<Vec<MessageFigure>>,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl MessagesPage {
    /// What became of the messages, one row for what reads the same: versions of an event differ, their notices do not.
    fn rows(figures: &[MessageFigure]) -> Vec<MessageFigure> {
        let mut rows: Vec<MessageFigure> = Vec::new();
        for figure in figures {
            let reads_as = |row: &&mut MessageFigure| {
                Self::kind_of(row) == Self::kind_of(figure) && row.state == figure.state && row.reason == figure.reason
            };
            match rows.iter_mut().find(reads_as) {
                Some(row) => row.messages += figure.messages,
                None => rows.push(figure.clone()),
            }
        }
        rows
    }

    fn kind_of(figure: &MessageFigure) -> String {
        let kind = states::message_kind(figure.kind());
        if figure.kind() != MessageKind::Reminder || figure.occurrence.is_empty() {
            return kind.to_owned();
        }
        format!("{kind}, {}", states::occurrence(&figure.occurrence))
    }

    fn state_of(figure: &MessageFigure) -> states::Word {
        states::message_state(figure.state())
    }

    fn reason_of(figure: &MessageFigure) -> &str {
        states::message_reason(&figure.reason)
    }

    fn count_of(figure: &MessageFigure) -> String {
        show::grouped(figure.messages.unsigned_abs())
    }
}

/// A template in one of the event's languages.
#[derive(Clone, Debug)]
pub struct InLanguage {
    /// The language.
    pub lang: String,
    /// Subject and text.
    pub fields: Vec<Field>,
}

/// How a template looks to an invented person.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The language.
    pub lang: String,
    /// The subject line.
    pub subject: String,
    /// The plain half.
    pub text: String,
}

/// `GET /console/events/<id>/messages/<kind>`, and the answer to a preview, a test, or what cannot be saved.
#[derive(Clone, Debug, Template)]
#[template(path = "studio/template.html")]
pub struct TemplatePage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// The kind.
    pub row: KindRow,
    /// The version that was seen.
    pub version: i64,
    /// It is sent.
    pub on: Field,
    /// The texts.
    pub texts: Vec<InLanguage>,
    /// How it looks; none when it cannot be rendered.
    pub preview: Option<Preview>,
    /// Where a test goes.
    pub test: Field,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl TemplatePage {
    fn is_own(&self) -> bool {
        self.row.whose == Some(Whose::Event)
    }

    fn variables() -> std::slice::Iter<'static, (&'static str, &'static str)> {
        own::VARIABLES.iter()
    }

    fn base(&self) -> String {
        format!("/console/events/{}/messages/{}", self.head.facts.event_id, self.row.word)
    }
}
