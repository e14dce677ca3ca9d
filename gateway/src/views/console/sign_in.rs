//! Signing in to the console: with a password, with a link by mail, with the link of the first start; and the first owner's account.

use askama::Template;

use super::{
    super::{text, text::access as own},
    inputs::Field,
    registrants::Notice,
};
use crate::assets;

/// What the sign-in page has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInProblem {
    /// The first link was used, or a newer one took its place.
    Used,
    /// The first link is not one of ours, or too old.
    Invalid,
    /// There was a session and it is over.
    SessionOver,
    /// The visitor signed out.
    SignedOut,
    /// A link is on its way, if the address is known.
    LinkSent,
    /// The same for a new password.
    ResetSent,
    /// Something of what was entered is wrong; it is not said what.
    Wrong,
    /// The second factor is asked for.
    CodeNeeded,
    /// Nothing that could be an address was entered.
    NoAddress,
    /// Too many tries.
    TooMany,
    /// A link by mail was used, or is too old.
    LinkOver,
    /// The new password is set.
    PasswordSet,
}

impl SignInProblem {
    const ALL: [Self; 12] = [
        Self::Used,
        Self::Invalid,
        Self::SessionOver,
        Self::SignedOut,
        Self::LinkSent,
        Self::ResetSent,
        Self::Wrong,
        Self::CodeNeeded,
        Self::NoAddress,
        Self::TooMany,
        Self::LinkOver,
        Self::PasswordSet,
    ];

    /// The word in the address, for what is told after going on to the page.
    pub fn word(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Invalid => "invalid",
            Self::SessionOver => "over",
            Self::SignedOut => "out",
            Self::LinkSent => "sent",
            Self::ResetSent => "reset-sent",
            Self::Wrong => "wrong",
            Self::CodeNeeded => "code",
            Self::NoAddress => "no-address",
            Self::TooMany => "too-many",
            Self::LinkOver => "link-over",
            Self::PasswordSet => "set",
        }
    }

    /// Reads the address.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.word() == word)
    }

    fn is_bad(self) -> bool {
        matches!(self, Self::Used | Self::Invalid | Self::Wrong | Self::NoAddress | Self::TooMany | Self::LinkOver)
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Used => text::SIGN_IN_USED,
            Self::Invalid => text::SIGN_IN_INVALID,
            Self::SessionOver => own::SIGN_IN_SESSION_OVER,
            Self::SignedOut => text::SIGN_IN_SIGNED_OUT,
            Self::LinkSent => own::SIGN_IN_LINK_SENT,
            Self::ResetSent => own::SIGN_IN_RESET_SENT,
            Self::Wrong => own::SIGN_IN_WRONG,
            Self::CodeNeeded => own::SIGN_IN_CODE_NEEDED,
            Self::NoAddress => own::SIGN_IN_NO_ADDRESS,
            Self::TooMany => own::SIGN_IN_TOO_MANY,
            Self::LinkOver => own::SIGN_IN_LINK_OVER,
            Self::PasswordSet => own::SIGN_IN_PASSWORD_SET,
        }
    }
}

/// `GET /console/sign-in`, and the answer to a `POST` that opened nothing. The password is never put back onto the page.
#[derive(Clone, Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// What the page has to say.
    pub problem: Option<SignInProblem>,
    /// What was entered as the address.
    pub email: String,
}

impl SignInPage {
    fn needs_code(&self) -> bool {
        self.problem == Some(SignInProblem::CodeNeeded)
    }

    fn address(&self) -> Field {
        Field::line("email", own::EMAIL, &self.email).kind("email").autocomplete("username").chars_max(320)
    }

    fn password(&self) -> Field {
        let field = Field::line("password", own::PASSWORD, "").kind("password");
        let field = field.autocomplete("current-password").chars_max(1_024);
        if self.needs_code() { field.hint(own::PASSWORD_AGAIN) } else { field }
    }

    fn code() -> Field {
        Field::line("code", own::CODE, "").autocomplete("one-time-code").hint(own::CODE_HINT).chars_max(64)
    }
}

/// What a link by mail asks for before it does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkAsks {
    /// To sign in.
    SignIn,
    /// For a new password.
    Password,
}

/// `GET /console/link?token=…`: nothing happens before the button is pressed, because mail scanners follow links.
#[derive(Clone, Debug, Template)]
#[template(path = "studio/link.html")]
pub struct ConsoleLinkPage {
    /// The secret of the link.
    pub token: String,
    /// What it is for.
    pub asks: LinkAsks,
    /// What is wrong with the new password.
    pub error: Option<String>,
}

impl ConsoleLinkPage {
    fn title(&self) -> &'static str {
        match self.asks {
            LinkAsks::SignIn => own::LINK_SIGN_IN,
            LinkAsks::Password => own::LINK_PASSWORD,
        }
    }

    fn new_password(&self) -> Field {
        Field { error: self.error.clone(), ..new_password() }
    }
}

/// The field for a new password.
pub fn new_password() -> Field {
    let field = Field::line("new_password", own::NEW_PASSWORD, "").kind("password");
    field.autocomplete("new-password").chars_max(256).hint(own::NEW_PASSWORD_HINT)
}

/// `GET /console/welcome`: after the link of the first start, the first owner makes an account.
#[derive(Clone, Debug, Template)]
#[template(path = "studio/welcome.html")]
pub struct WelcomePage {
    /// Another number each time that the page is shown, as that of the shell of other pages.
    pub once: u128,
    /// The fields.
    pub fields: Vec<Field>,
    /// What went wrong.
    pub notice: Option<Notice>,
}
