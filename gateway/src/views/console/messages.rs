//! What is written to people: the templates of an event and of the organisation, an event's reminders, and what became of its messages.

use askama::Template;
use turnout_proto::notifications::v1::{MessageFigure, MessageKind};

use super::{
    super::{show, text, text::console as words, text::studio as own},
    inputs::Field,
    recipients::RecipientsQuery,
    registrants::Notice,
    sending::Complaints,
    shell::{EventHead, Shell},
    states,
};
use crate::assets;

/// Where the organisation's templates are.
pub const ORGANISATION: &str = "/console/messages";

/// A kind of message that has a template.
#[derive(Debug)]
pub struct Known {
    /// The word in the address.
    pub word: &'static str,
    /// What it is.
    pub kind: MessageKind,
    /// When it is sent.
    pub when: &'static str,
    /// It is about an event, which may have a text of its own. The others bring somebody a link, and nothing turns them off.
    pub of_event: bool,
}

impl Known {
    const fn event(word: &'static str, kind: MessageKind, when: &'static str) -> Self {
        Self { word, kind, when, of_event: true }
    }

    const fn link(word: &'static str, kind: MessageKind, when: &'static str) -> Self {
        Self { word, kind, when, of_event: false }
    }

    /// By its word.
    pub fn of_word(word: &str) -> Option<&'static Self> {
        KINDS.iter().find(|known| known.word == word)
    }

    /// By what it is.
    pub fn of_kind(kind: MessageKind) -> Option<&'static Self> {
        KINDS.iter().find(|known| known.kind == kind)
    }

    fn variables(&self) -> &'static [(&'static str, &'static str)] {
        if self.of_event { own::VARIABLES } else { own::VARIABLES_OF_LINKS }
    }
}

/// All kinds that have one, those of events first.
pub static KINDS: [Known; 8] = [
    Known::event("confirmation", MessageKind::Confirmation, own::KIND_CONFIRMATION_WHEN),
    Known::event("reminder", MessageKind::Reminder, own::KIND_REMINDER_WHEN),
    Known::event("change", MessageKind::Change, own::KIND_CHANGE_WHEN),
    Known::event("cancellation", MessageKind::Cancellation, own::KIND_CANCELLATION_WHEN),
    Known::link("sign-in-link", MessageKind::SignInLink, own::KIND_SIGN_IN_LINK_WHEN),
    Known::link("verification", MessageKind::Verification, own::KIND_VERIFICATION_WHEN),
    Known::link("reset", MessageKind::Reset, own::KIND_RESET_WHEN),
    Known::link("invitation", MessageKind::Invitation, own::KIND_INVITATION_WHEN),
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

/// What whoever chose a language gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextIn {
    /// The text in it.
    Here,
    /// That in another language, because there is none in this one.
    Instead(String),
    /// Nothing.
    Nowhere,
}

/// One kind of message in the list.
#[derive(Clone, Debug)]
pub struct KindRow {
    /// What it is.
    pub known: &'static Known,
    /// Whose template; none while the service does not answer.
    pub whose: Option<Whose>,
    /// It is not sent.
    pub off: bool,
    /// What is sent in each language.
    pub texts: Vec<(String, TextIn)>,
}

impl KindRow {
    fn title(&self) -> &'static str {
        states::message_kind(self.known.kind)
    }

    fn standing(&self) -> &'static str {
        match self.whose {
            None => words::NOTHING,
            Some(_) if self.off => own::TEMPLATE_OFF,
            Some(whose) => whose.label(),
        }
    }

    /// Whose text it is in each language, and in which there is none.
    fn in_languages(&self) -> Vec<String> {
        let Some(whose) = self.whose else { return Vec::new() };
        let one = |(lang, text): &(String, TextIn)| {
            let told = match text {
                TextIn::Here => whose.label().to_owned(),
                TextIn::Instead(other) => own::TEMPLATE_INSTEAD.replace("{lang}", &show::language(other)),
                TextIn::Nowhere => own::TEMPLATE_NO_TEXT.to_owned(),
            };
            format!("{}: {told}", show::language(lang))
        };
        self.texts.iter().map(one).collect()
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
    /// Too many mails were marked as spam.
    pub complaints: Option<Complaints>,
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
    fn base(&self) -> String {
        format!("/console/events/{}/messages", self.head.facts.event_id)
    }

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

    /// Where those are listed whom the figure counts. None for readers who see no names, and where it counts no registrants.
    fn recipients_of(&self, figure: &MessageFigure) -> Option<String> {
        let query = RecipientsQuery::of(figure).filter(|_| self.shell.sees_personal())?;
        Some(query.address(&self.head.facts.event_id))
    }
}

/// `GET /console/messages`
#[derive(Clone, Debug, Template)]
#[template(path = "studio/messages_of_all.html")]
pub struct OrganisationMessagesPage {
    /// Around it.
    pub shell: Shell,
    /// Mails are kept as files and reach nobody.
    pub to_folder: bool,
    /// The kinds.
    pub kinds: Vec<KindRow>,
}

impl OrganisationMessagesPage {
    /// Those about events and those with links, each with a heading.
    fn parts(&self) -> [(&'static str, &'static str, Vec<&KindRow>); 2] {
        let of = |of_event| self.kinds.iter().filter(|row| row.known.of_event == of_event).collect();
        [("of-events", own::TEMPLATES_OF_EVENTS, of(true)), ("links", own::TEMPLATES_OF_LINKS, of(false))]
    }
}

/// A template in one language.
#[derive(Clone, Debug)]
pub struct InLanguage {
    /// The language.
    pub lang: String,
    /// Subject and text.
    pub fields: Vec<Field>,
    /// What is sent now.
    pub stored: TextIn,
    /// What would be sent with what is entered.
    pub now: TextIn,
}

/// What is used once a text is thrown away.
#[derive(Clone, Copy, Debug)]
pub struct Above {
    /// Whose it is.
    pub whose: Whose,
    /// It is not sent.
    pub off: bool,
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

/// `GET /console/events/<id>/messages/<kind>` and `GET /console/messages/<kind>`, and the answer to a preview, a test, or what cannot be
/// saved.
#[derive(Clone, Debug, Template)]
#[template(path = "studio/template.html")]
pub struct TemplatePage {
    /// Around it.
    pub shell: Shell,
    /// Over it; none for the organisation's template.
    pub head: Option<EventHead>,
    /// The kind.
    pub row: KindRow,
    /// The version that was seen.
    pub version: i64,
    /// It is sent; none for what cannot be turned off.
    pub on: Option<Field>,
    /// The texts.
    pub texts: Vec<InLanguage>,
    /// Where the way back leads; none where there is nothing of its own to throw away.
    pub above: Option<Above>,
    /// How it looks; none when it cannot be rendered.
    pub preview: Option<Preview>,
    /// Where a test goes.
    pub test: Field,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl TemplatePage {
    fn list(&self) -> String {
        let of_event = |head: &EventHead| format!("/console/events/{}/messages", head.facts.event_id);
        self.head.as_ref().map_or_else(|| ORGANISATION.to_owned(), of_event)
    }

    fn base(&self) -> String {
        format!("{}/{}", self.list(), self.row.known.word)
    }

    /// Where it is changed for all events; none where this is that page, or where the event has its own.
    fn for_all(&self) -> Option<String> {
        let is_own = self.row.whose == Some(Whose::Event);
        (self.head.is_some() && !is_own).then(|| format!("{ORGANISATION}/{}", self.row.known.word))
    }

    fn meaning(&self) -> Option<&'static str> {
        match (&self.head, self.row.known.of_event) {
            (Some(_), _) => None,
            (None, true) => Some(own::TEMPLATE_FOR_ALL_MEANING),
            (None, false) => Some(own::TEMPLATE_LINK_MEANING),
        }
    }

    /// Whose the text in a language is.
    fn whose(&self, part: &InLanguage) -> &'static str {
        match (&part.stored, self.row.whose) {
            (TextIn::Here, Some(whose)) => whose.label(),
            _ => own::TEMPLATE_NO_TEXT,
        }
    }

    fn missing(&self, part: &InLanguage) -> Option<String> {
        let TextIn::Instead(other) = &part.now else { return None };
        let words = if self.head.is_some() { own::TEMPLATE_MISSING } else { own::TEMPLATE_MISSING_FOR_ALL };
        Some(words.replace("{lang}", &show::language(&part.lang)).replace("{stand_in}", &show::language(other)))
    }

    fn save(&self) -> &'static str {
        if self.head.is_some() { own::TEMPLATE_SAVE } else { own::TEMPLATE_SAVE_FOR_ALL }
    }

    /// The way back: what its button says, and what is asked before.
    fn back(&self) -> Option<(&'static str, &'static str)> {
        let above = self.above?;
        Some(match (above.whose, self.head.is_some(), self.row.known.of_event) {
            (Whose::Event | Whose::Tenant, ..) if above.off => {
                (own::TEMPLATE_RESET_TO_TENANT, own::TEMPLATE_RESET_TO_OFF_CONFIRM)
            }
            (Whose::Event | Whose::Tenant, ..) => {
                (own::TEMPLATE_RESET_TO_TENANT, own::TEMPLATE_RESET_TO_TENANT_CONFIRM)
            }
            (Whose::Ours, true, _) => (own::TEMPLATE_RESET, own::TEMPLATE_RESET_CONFIRM),
            (Whose::Ours, false, true) => (own::TEMPLATE_RESET, own::TEMPLATE_RESET_FOR_ALL_CONFIRM),
            (Whose::Ours, false, false) => (own::TEMPLATE_RESET, own::TEMPLATE_RESET_LINK_CONFIRM),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_has_a_template_can_be_written_and_has_an_address_of_its_own() {
        let without = [MessageKind::Unspecified, MessageKind::Notice];
        let all = (0..).map_while(|number| MessageKind::try_from(number).ok());
        let wanted: Vec<MessageKind> = all.filter(|kind| !without.contains(kind)).collect();
        assert_eq!(wanted.len(), KINDS.len());
        for kind in wanted {
            let known = KINDS.iter().find(|known| known.kind == kind).unwrap_or_else(|| panic!("{kind:?}"));
            assert_eq!(Known::of_word(known.word).map(|found| found.kind), Some(kind));
        }
    }
}
