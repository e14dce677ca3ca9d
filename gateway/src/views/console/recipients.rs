//! The people whom one figure of an event's messages counts: who they are, what became of the message to each, and the way to their pages,
//! where they are helped. Finds nobody: whom it shows is asked of the services.

use askama::Template;
use serde::Deserialize;
use turnout_proto::notifications::v1::{Message, MessageFigure, MessageKind, MessageState};

use super::{
    super::{show, text, text::console as words, text::studio as own},
    messages::Known,
    registrant::MessageLine,
    rows::RegistrantRow,
    shell::{EventHead, Shell},
    states,
};
use crate::assets;

/// What the names of states begin with on the wire. In addresses they go without it, and in small letters.
const STATE_PREFIX: &str = "MESSAGE_STATE_";

/// The address of a list: which figure it belongs to, and which page of it. A state that we do not know is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RecipientsQuery {
    /// The word of the kind.
    pub kind: String,
    /// Which of several, in the ledger's words; none for all.
    pub occurrence: Option<String>,
    /// The word of the state; empty for all.
    pub state: String,
    /// Why, in the ledger's words: empty for those without a reason, none for all.
    pub reason: Option<String>,
    /// The token of this page; empty for the first.
    pub after: String,
}

impl RecipientsQuery {
    /// The list of those whom a figure counts; none where these are no registrants: a link to sign in belongs to no registration, and a
    /// webhook is nobody.
    pub fn of(figure: &MessageFigure) -> Option<Self> {
        let known = Known::of_kind(figure.kind()).filter(|known| known.of_event)?;
        // Only reminders are counted apart by what they are called, and all that were sent again together.
        let occurrence = (figure.kind() == MessageKind::Reminder).then_some(figure.occurrence.as_str());
        let occurrence = occurrence.map(|label| if states::is_again(label) { states::AGAIN } else { label });
        Some(Self {
            kind: known.word.to_owned(),
            occurrence: occurrence.map(str::to_owned),
            state: figure.state().as_str_name().trim_start_matches(STATE_PREFIX).to_ascii_lowercase(),
            reason: Some(figure.reason.clone()),
            after: String::new(),
        })
    }

    /// The kind; none for one that is not about registrations, or that we do not know.
    pub fn known(&self) -> Option<&'static Known> {
        Known::of_word(&self.kind).filter(|known| known.of_event)
    }

    /// The state; none for all.
    pub fn state(&self) -> Option<MessageState> {
        let state = MessageState::from_str_name(&format!("{STATE_PREFIX}{}", self.state.to_ascii_uppercase()));
        state.filter(|state| *state != MessageState::Unspecified)
    }

    /// The same list from another page on.
    #[must_use]
    pub fn after(&self, token: &str) -> Self {
        Self { after: token.to_owned(), ..self.clone() }
    }

    /// Where the list of an event is.
    pub fn address(&self, event_id: &str) -> String {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("kind", &self.kind);
        if let Some(occurrence) = &self.occurrence {
            pairs.append_pair("occurrence", occurrence);
        }
        if !self.state.is_empty() {
            pairs.append_pair("state", &self.state);
        }
        if let Some(reason) = &self.reason {
            pairs.append_pair("reason", reason);
        }
        if !self.after.is_empty() {
            pairs.append_pair("after", &self.after);
        }
        format!("/console/events/{event_id}/messages/to?{}", pairs.finish())
    }
}

/// One message and whom it is to.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Who; nothing but the id where the registration is gone.
    pub row: RegistrantRow,
    /// What became of it.
    pub message: Message,
}

/// What the services say of a page of the list.
#[derive(Clone, Debug)]
pub struct Recipients {
    /// In no order.
    pub rows: Vec<Recipient>,
    /// The token of the next page; empty on the last.
    pub next: String,
}

/// `GET /console/events/<id>/messages/to`
#[derive(Clone, Debug, Template)]
#[template(path = "studio/recipients.html")]
pub struct RecipientsPage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// The kind of message.
    pub known: &'static Known,
    /// Which list, and which page of it.
    pub query: RecipientsQuery,
    /// The people; none while the services do not answer.
    pub page: Option<Recipients>,
}

impl RecipientsPage {
    fn base(&self) -> String {
        format!("/console/events/{}", self.head.facts.event_id)
    }

    fn title(&self) -> String {
        let label = self.query.occurrence.as_deref().map(states::occurrence).filter(|label| !label.is_empty());
        let kind = states::message_kind(self.known.kind);
        let message = label.map_or_else(|| kind.to_owned(), |label| format!("{kind}, {label}"));
        let Some(state) = self.query.state() else { return message };
        own::RECIPIENTS_TITLE.replace("{message}", &message).replace("{state}", states::message_state(state).text)
    }

    /// The address of the page that goes on with this token; with an empty one, of the first.
    fn at(&self, token: &str) -> String {
        self.query.after(token).address(&self.head.facts.event_id)
    }

    fn here(&self) -> String {
        self.at(&self.query.after)
    }

    fn is_later(&self) -> bool {
        !self.query.after.is_empty()
    }

    fn line(&self, recipient: &Recipient) -> MessageLine {
        MessageLine::of(&recipient.message, &self.head.facts.zone)
    }

    fn shown(page: &Recipients) -> String {
        let mut shown = own::RECIPIENTS_SHOWN.replace("{count}", &show::grouped(page.rows.len() as u64));
        if !page.next.is_empty() {
            shown.push_str(own::RECIPIENTS_SHOWN_MORE);
        }
        shown
    }

    fn times_in(&self) -> String {
        words::TIMES_IN.replace("{zone}", &self.head.facts.zone)
    }

    /// What a page without people says: that there are none, that there are no more, or that none were found so far.
    fn nobody(&self, page: &Recipients) -> (&'static str, &'static str) {
        match (page.next.is_empty(), self.is_later()) {
            (false, _) => (own::RECIPIENTS_NONE_YET, own::RECIPIENTS_NONE_YET_ADVICE),
            (true, false) => (own::RECIPIENTS_NONE, own::RECIPIENTS_NONE_ADVICE),
            (true, true) => (own::RECIPIENTS_NO_MORE, own::RECIPIENTS_NO_MORE_ADVICE),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{extract::Query, http::Uri};

    use super::*;

    fn figure(kind: MessageKind, occurrence: &str, reason: &str) -> MessageFigure {
        MessageFigure {
            kind: kind.into(),
            occurrence: occurrence.into(),
            state: MessageState::HandedOff.into(),
            reason: reason.into(),
            messages: 3,
        }
    }

    fn read(address: &str) -> RecipientsQuery {
        Query::try_from_uri(&address.parse::<Uri>().unwrap()).unwrap().0
    }

    #[test]
    fn the_address_of_a_figure_leads_to_the_list_of_just_its_people() {
        let address = |figure| RecipientsQuery::of(&figure).unwrap().address("gala");
        let reminder = address(figure(MessageKind::Reminder, "T-24h", "joined"));
        let list = "/console/events/gala/messages/to?kind=reminder";
        assert_eq!(reminder, format!("{list}&occurrence=T-24h&state=handed_off&reason=joined"));
        let query = read(&reminder);
        assert_eq!(query.known().unwrap().kind, MessageKind::Reminder);
        assert_eq!(query.state(), Some(MessageState::HandedOff));
        assert_eq!((query.occurrence.as_deref(), query.reason.as_deref()), (Some("T-24h"), Some("joined")));
        // Those without a reason are counted apart, and the versions of an event together.
        let confirmation = read(&address(figure(MessageKind::Confirmation, "v3", "")));
        assert_eq!((confirmation.occurrence, confirmation.reason.as_deref()), (None, Some("")));
        let again = address(figure(MessageKind::Reminder, "again-01a2", ""));
        assert_eq!(again, format!("{list}&occurrence=again-&state=handed_off&reason="));
    }

    #[test]
    fn a_page_further_on_is_one_of_the_same_list() {
        let first = RecipientsQuery::of(&figure(MessageKind::Change, "v2", "")).unwrap();
        let later = read(&first.after("a_token-1").address("gala"));
        assert_eq!(later.after, "a_token-1");
        assert_eq!(later.after(""), first);
    }

    #[test]
    fn what_is_to_no_registrant_has_no_list_and_every_state_reads_back() {
        for kind in [MessageKind::Notice, MessageKind::SignInLink, MessageKind::Unspecified] {
            assert_eq!(RecipientsQuery::of(&figure(kind, "", "")), None, "{kind:?}");
        }
        for state in (1..).map_while(|number| MessageState::try_from(number).ok()) {
            let figure = MessageFigure { state: state.into(), ..figure(MessageKind::Confirmation, "", "") };
            assert_eq!(RecipientsQuery::of(&figure).unwrap().state(), Some(state));
        }
        for kind in ["", "nonsense", "sign-in-link"] {
            assert!(RecipientsQuery { kind: kind.into(), ..RecipientsQuery::default() }.known().is_none(), "{kind}");
        }
        let all = RecipientsQuery { state: "nonsense".into(), ..RecipientsQuery::default() };
        assert_eq!(all.state(), None);
    }
}
