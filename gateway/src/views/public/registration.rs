//! A registrant's own page: where they stand, the ticket, what they can change. It opens with the code of their link.

use askama::Template;

use super::{EventHead, FieldView, LanguageLink, ProblemLink, words};
use crate::{
    assets,
    views::{EventStateView, text},
};

/// Where a registration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandingView {
    /// It has a place.
    Registered,
    /// It waits for one.
    Waiting,
    /// The person said that they do not come: it has none any more.
    Declined,
    /// It was cancelled.
    Cancelled,
}

impl StandingView {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Registered => "live",
            Self::Waiting => "draft",
            Self::Declined | Self::Cancelled => "ended",
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Registered => words::STANDING_REGISTERED,
            Self::Waiting => words::STANDING_WAITING,
            Self::Declined => words::STANDING_DECLINED,
            Self::Cancelled => words::STANDING_CANCELLED,
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Registered => words::STANDING_REGISTERED_MEANING,
            Self::Waiting => words::STANDING_WAITING_MEANING,
            Self::Declined => words::STANDING_DECLINED_MEANING,
            Self::Cancelled => words::STANDING_CANCELLED_MEANING,
        }
    }
}

/// What the person said about coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsvpView {
    /// Nothing yet.
    Asked,
    /// They come.
    Confirmed,
    /// They do not.
    Declined,
}

impl RsvpView {
    fn label(self) -> &'static str {
        match self {
            Self::Asked => words::RSVP_ASKED,
            Self::Confirmed => words::RSVP_CONFIRMED,
            Self::Declined => words::RSVP_DECLINED,
        }
    }
}

/// Whether the person paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentView {
    /// Not yet.
    Unpaid {
        /// How much it is.
        amount: String,
        /// What the payment has to name, so that it finds this registration.
        reference: String,
    },
    /// So much.
    Paid(String),
    /// So much was given back.
    Refunded(String),
}

impl PaymentView {
    fn label(&self) -> &'static str {
        match self {
            Self::Unpaid { .. } => words::PAYMENT_UNPAID,
            Self::Paid(_) => words::PAYMENT_PAID,
            Self::Refunded(_) => words::PAYMENT_REFUNDED,
        }
    }

    fn meaning(&self) -> String {
        let (sentence, amount) = match self {
            Self::Unpaid { amount, .. } => (words::PAYMENT_UNPAID_MEANING, amount),
            Self::Paid(amount) => (words::PAYMENT_PAID_MEANING, amount),
            Self::Refunded(amount) => (words::PAYMENT_REFUNDED_MEANING, amount),
        };
        sentence.replace("{amount}", amount)
    }

    fn reference(&self) -> Option<&str> {
        match self {
            Self::Unpaid { reference, .. } => Some(reference),
            Self::Paid(_) | Self::Refunded(_) => None,
        }
    }
}

/// Whether the person may come in, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryView {
    /// They may.
    Open,
    /// They wait for a place.
    NoPlace,
    /// Their registration was cancelled.
    Cancelled,
    /// The event was cancelled.
    EventCancelled,
    /// They have not paid.
    Unpaid,
    /// They have not said that they come.
    Unconfirmed,
    /// They have said that they do not come.
    Declined,
}

impl EntryView {
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Open => words::ENTRY_OPEN,
            Self::NoPlace => words::ENTRY_NO_PLACE,
            Self::Cancelled => words::ENTRY_CANCELLED,
            Self::EventCancelled => words::ENTRY_EVENT_CANCELLED,
            Self::Unpaid => words::ENTRY_UNPAID,
            Self::Unconfirmed => words::ENTRY_UNCONFIRMED,
            Self::Declined => words::ENTRY_DECLINED,
        }
    }
}

/// What was just done, told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationNotice {
    /// Registered.
    New,
    /// The changes are stored.
    Saved,
    /// The answer is stored.
    Answered,
    /// They do not come, and the place is given back.
    Declined,
    /// They come after all, once there is a place.
    Queued,
    /// They would come after all, but there is no place.
    Full,
    /// Cancelled.
    Cancelled,
    /// Somebody else changed it meanwhile.
    Meanwhile,
    /// Not possible as things stand.
    Refused,
}

impl RegistrationNotice {
    /// The word in the address after a form was sent.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Saved => "saved",
            Self::Answered => "answered",
            Self::Declined => "declined",
            Self::Queued => "queued",
            Self::Full => "full",
            Self::Cancelled => "cancelled",
            Self::Meanwhile => "meanwhile",
            Self::Refused => "refused",
        }
    }

    /// Reads the query of the address.
    pub fn of_word(word: &str) -> Option<Self> {
        let answers = [Self::Answered, Self::Declined, Self::Queued, Self::Full];
        let all = [Self::New, Self::Saved, Self::Cancelled, Self::Meanwhile, Self::Refused];
        all.into_iter().chain(answers).find(|notice| notice.word() == word)
    }

    fn is_bad(self) -> bool {
        matches!(self, Self::Meanwhile | Self::Refused | Self::Full)
    }

    fn message(self) -> &'static str {
        match self {
            Self::New => words::NOTICE_NEW,
            Self::Saved => words::NOTICE_SAVED,
            Self::Answered => words::NOTICE_ANSWERED,
            Self::Declined => words::NOTICE_DECLINED,
            Self::Queued => words::NOTICE_QUEUED,
            Self::Full => words::NOTICE_FULL,
            Self::Cancelled => words::NOTICE_CANCELLED,
            Self::Meanwhile => words::NOTICE_MEANWHILE,
            Self::Refused => words::NOTICE_REFUSED,
        }
    }
}

/// What the door scans.
#[derive(Clone, Debug)]
pub struct TicketView {
    /// The code as a picture, SVG of our own making.
    pub qr_svg: String,
    /// The code, for a door without a camera.
    pub code: String,
}

/// `GET /r/<code>`, and the answer (422) to a `POST` with changes that cannot be done.
#[derive(Clone, Debug, Template)]
#[template(path = "registration.html")]
pub struct RegistrationPage {
    /// The event.
    pub head: EventHead,
    /// The languages to choose from.
    pub languages: Vec<LanguageLink>,
    /// What opens this page.
    pub code: String,
    /// What was just done.
    pub notice: Option<RegistrationNotice>,
    /// Who: the name, the nickname, or the address.
    pub who: String,
    /// The address; empty for a nickname.
    pub email: String,
    /// Where it stands.
    pub standing: StandingView,
    /// Where the person takes part.
    pub mode: Option<super::ModeView>,
    /// When they registered, in the event's zone.
    pub registered_at: Option<super::When>,
    /// Whether they come; none where nobody asks.
    pub rsvp: Option<RsvpView>,
    /// Whether they paid; none for a free event.
    pub payment: Option<PaymentView>,
    /// Whether they may come in.
    pub entry: EntryView,
    /// What the door scans; none where there is nothing to scan.
    pub ticket: Option<TicketView>,
    /// What can be changed; empty when nothing can.
    pub fields: Vec<FieldView>,
    /// What is wrong with the whole of what was sent.
    pub problem: Option<String>,
    /// The version that is shown.
    pub version: i64,
    /// It can be cancelled.
    pub can_cancel: bool,
    /// Leads to the choice of messages; none for a nickname.
    pub preferences: Option<String>,
}

impl RegistrationPage {
    fn problems(&self) -> Vec<ProblemLink> {
        self.fields.iter().filter_map(FieldView::problem).collect()
    }

    /// Something that was sent has to be put right.
    fn is_being_changed(&self) -> bool {
        self.problem.is_some() || self.fields.iter().any(|field| field.error.is_some())
    }
}

/// `GET /r/<code>/cancel`: asks before it is done.
#[derive(Clone, Debug, Template)]
#[template(path = "cancel.html")]
pub struct CancelPage {
    /// The event.
    pub head: EventHead,
    /// The languages to choose from.
    pub languages: Vec<LanguageLink>,
    /// What opens the registration.
    pub code: String,
    /// The person has paid.
    pub paid: bool,
}
