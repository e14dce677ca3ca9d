//! The page of one registrant: everything that is known, what became of the messages, and what can be done for the person.

use askama::Template;
use turnout_proto::{
    notifications::v1::Message,
    registration::v1::{PaymentState, RegistrationState, RsvpState},
};

use super::{
    super::{show, text, text::console as words},
    registrants::Notice,
    rows::{Question, RegistrantRow},
    shell::{EventHead, Shell},
    states,
};
use crate::assets;

/// How a field of a form is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One line.
    Text,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// Several lines.
    LongText,
    /// A whole number.
    Number,
    /// One of the options.
    Choice,
    /// Any of the options.
    Choices,
    /// A box to tick.
    Tick,
}

/// A field to fill in, with what stands in it and what is wrong with that.
#[derive(Clone, Debug)]
pub struct AnswerField {
    /// The name in the form.
    pub name: String,
    /// The question.
    pub label: String,
    /// A hint; may be empty.
    pub hint: String,
    /// How it is entered.
    pub entry: Entry,
    /// Must be given.
    pub required: bool,
    /// What stands in it.
    pub value: String,
    /// Value, label, and whether it is chosen.
    pub options: Vec<(String, String, bool)>,
    /// What is wrong with it.
    pub error: Option<String>,
}

impl AnswerField {
    pub(super) fn input_type(&self) -> &'static str {
        match self.entry {
            Entry::Email => "email",
            Entry::Phone => "tel",
            Entry::Number => "number",
            _ => "text",
        }
    }
}

/// One message in the table.
#[derive(Clone, Debug)]
pub struct MessageLine {
    /// What it is, with its label.
    pub what: String,
    /// Over what it went.
    pub channel: &'static str,
    /// Where it is.
    pub state: states::Word,
    /// Why, in words.
    pub note: String,
    /// When it reached that state, or is due.
    pub when: String,
    /// Tries so far.
    pub attempts: i32,
}

impl MessageLine {
    /// A message in words; its moment in the zone.
    pub fn of(message: &Message, zone: &str) -> Self {
        let (state, note) = states::message_words(message);
        let label = states::occurrence(&message.occurrence);
        let kind = states::message_kind(message.kind());
        let millis = |at: Option<prost_types::Timestamp>| at.map(|at| at.seconds * 1000);
        let due = |at| words::MESSAGE_DUE.replace("{time}", &show::day_and_minute_in(at, zone));
        // A message that has not left is interesting for when it will.
        let when = match (millis(message.state_at), millis(message.due_at)) {
            (_, Some(at)) if message.attempts == 0 && state.tone != states::Tone::Good => due(at),
            (Some(at), _) => show::day_and_minute_in(at, zone),
            (None, Some(at)) => due(at),
            (None, None) => String::new(),
        };
        Self {
            what: if label.is_empty() { kind.to_owned() } else { format!("{kind}, {label}") },
            channel: states::channel(message.channel()),
            state,
            note,
            when,
            attempts: message.attempts,
        }
    }
}

/// `GET /console/events/<id>/registrants/<id>`
#[derive(Clone, Debug, Template)]
#[template(path = "console/registrant.html")]
pub struct RegistrantPage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// The registration.
    pub row: RegistrantRow,
    /// The questions of the version of the form that was answered.
    pub questions: Vec<Question>,
    /// What can be changed, with what stands there.
    pub fields: Vec<AnswerField>,
    /// Which action stays open, because its last try went wrong.
    pub open: Option<&'static str>,
    /// What was entered as the amount of a payment.
    pub amount: String,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl RegistrantPage {
    fn base(&self) -> String {
        format!("/console/events/{}/registrants/{}", self.head.facts.event_id, self.row.registration_id)
    }

    fn messages(&self) -> Vec<MessageLine> {
        let zone = &self.head.facts.zone;
        self.row.messages.iter().flatten().map(|message| MessageLine::of(message, zone)).collect()
    }

    fn is_cancelled(&self) -> bool {
        self.row.state == RegistrationState::Cancelled
    }

    fn moment(&self, at_ms: Option<i64>) -> String {
        at_ms.map_or_else(|| words::NOT_ENTERED.to_owned(), |at| show::day_and_minute_in(at, &self.head.facts.zone))
    }

    fn times_in(&self) -> String {
        words::TIMES_IN.replace("{zone}", &self.head.facts.zone)
    }

    fn is_open(&self, action: &str) -> bool {
        self.open == Some(action)
    }

    fn waiting_since(&self) -> String {
        self.moment(self.row.waiting_since_ms)
    }

    fn registered(&self) -> String {
        self.moment(self.row.registered_at_ms)
    }

    fn entered(&self) -> String {
        self.moment(self.row.entered_at_ms)
    }

    fn checked_in(&self) -> String {
        self.moment(self.row.checked_in_at_ms)
    }

    fn answer(&self, question: &Question) -> String {
        self.row.answers.get(&question.key).map_or_else(|| words::NO_CHOICE.to_owned(), |given| question.answer(given))
    }

    fn paid(&self) -> String {
        let amount = self.row.paid.as_ref().map(|paid| format!(", {}", states::money(paid))).unwrap_or_default();
        format!("{}{amount}", states::payment(self.row.payment).text)
    }

    fn form_version(&self) -> String {
        words::REGISTRANT_FORM_VERSION.replace("{version}", &self.row.form_version.to_string())
    }

    fn currency(&self) -> &str {
        self.head.facts.price.as_ref().map_or("", |price| &price.currency)
    }

    fn amount_label(&self) -> String {
        words::ACT_PAYMENT_AMOUNT.replace("{currency}", self.currency())
    }

    fn amount_hint(&self) -> String {
        let price = self.head.facts.price.as_ref().map(states::money).unwrap_or_default();
        words::ACT_PAYMENT_AMOUNT_HINT.replace("{price}", &price)
    }

    /// What the payment can be set to from here. Paid also when it is paid: the amount may be another.
    fn payments(&self) -> Vec<(&'static str, &'static str)> {
        [
            (PaymentState::Paid, "paid", words::ACT_PAYMENT_PAID),
            (PaymentState::Refunded, "refunded", words::ACT_PAYMENT_REFUNDED),
            (PaymentState::Unpaid, "unpaid", words::ACT_PAYMENT_UNPAID),
        ]
        .into_iter()
        .filter(|(state, ..)| *state == PaymentState::Paid || *state != self.row.payment)
        .map(|(_, value, label)| (value, label))
        .collect()
    }

    fn rsvps(&self) -> Vec<(&'static str, &'static str)> {
        [
            (RsvpState::Confirmed, "confirmed", words::ACT_RSVP_YES),
            (RsvpState::Declined, "declined", words::ACT_RSVP_NO),
        ]
        .into_iter()
        .filter(|(state, ..)| *state != self.row.rsvp)
        .map(|(_, value, label)| (value, label))
        .collect()
    }
}
