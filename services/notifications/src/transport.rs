//! How messages leave: a trait for mail with two adapters (`smtp`, `folder`), a client for a gateway of text messages and one for webhooks
//! of organisers. What a provider said becomes one of a few outcomes; what follows from them is decided in `domain`.

mod folder;
mod letter;
mod sms;
mod smtp;
mod webhook;

pub use folder::FolderTransport;
pub use letter::{Calendar, Letter, WrongAddress};
pub use sms::SmsGateway;
pub(crate) use sms::is_private;
pub use smtp::{SmtpTransport, WrongUrl};
pub(crate) use webhook::{Notice, NoticeAnswer};
pub use webhook::{Reach, WebhookSender};

/// What became of a hand-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it and is responsible from now on.
    Accepted,
    /// The provider could not be reached, or broke off before it had the message. Nothing was sent.
    NotReached,
    /// The provider could not be reached safely: it offers no encryption, or is not who it should be. Nothing was sent, nor any password.
    NotSafe,
    /// The provider takes nothing from this sender, whoever it is for, until somebody puts that right. Nothing was sent.
    SenderRefused,
    /// The provider refused for now. Nothing was sent.
    RefusedForNow,
    /// The provider refused for good. Nothing was sent.
    Refused,
    /// The provider refused the receiver for good: there is no such address. Nothing was sent.
    NoSuchAddress,
    /// The provider had the message and did not answer: it may have been sent.
    Unsure,
}

/// What became of a hand-over, and the provider's own words: these may name the address, so they are never logged.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What became of it.
    pub outcome: Outcome,
    /// The provider's words.
    pub words: String,
}

impl Answer {
    fn new(outcome: Outcome, words: impl Into<String>) -> Self {
        Self { outcome, words: words.into() }
    }
}

/// A way for mail to leave.
///
/// Laws:
/// 1. `Accepted` means that the letter will not be lost by this side any more.
/// 2. `NotReached`, `NotSafe`, `SenderRefused`, `RefusedForNow`, `Refused` and `NoSuchAddress` mean that nothing was sent: handing the letter over
///    again is no repetition.
/// 3. When neither is known, the outcome is `Unsure`, never one of the others.
/// 4. A letter is answered within 110 seconds, whatever the other side does.
/// 5. The same letter has the same `Message-ID` whenever it is handed over.
#[tonic::async_trait]
pub trait MailTransport: Send + Sync + 'static {
    /// Hands a letter over.
    async fn hand_over(&self, letter: &Letter) -> Answer;

    /// `smtp` or `folder`.
    fn name(&self) -> &'static str;
}
