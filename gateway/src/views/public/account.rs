//! Accounts of the audience: signing in, the pages behind links of mails, and what a person sees when signed in. No page says whether
//! an address has an account.

use askama::Template;

use super::{When, Words, words};
use crate::{assets, views::text};

/// How to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInWay {
    /// With a password.
    Password,
    /// With a link by mail.
    Link,
    /// A link to set a new password.
    Reset,
}

impl SignInWay {
    /// The word of the form.
    pub fn key(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Link => "link",
            Self::Reset => "reset",
        }
    }

    /// Reads what the form sent.
    pub fn of_key(key: &str) -> Option<Self> {
        [Self::Password, Self::Link, Self::Reset].into_iter().find(|way| way.key() == key)
    }
}

/// What the sign-in page has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInNotice {
    /// A link is on its way, if the address is known.
    LinkSent,
    /// The same for a new password.
    ResetSent,
    /// Something of what was entered is wrong; it is not said what.
    Wrong,
    /// The code of the second factor is missing or wrong.
    CodeNeeded,
    /// Nothing that could be an address was entered.
    NoAddress,
    /// Too many tries.
    TooMany,
    /// The link has been used, or is too old.
    LinkOver,
    /// The person signed out.
    SignedOut,
    /// There was a session, and it is over.
    SessionOver,
    /// The new password is set.
    PasswordSet,
    /// The address is proven.
    Verified,
}

impl SignInNotice {
    /// The word in the address.
    pub fn word(self) -> &'static str {
        match self {
            Self::LinkSent => "sent",
            Self::ResetSent => "reset-sent",
            Self::Wrong => "wrong",
            Self::CodeNeeded => "code",
            Self::NoAddress => "no-address",
            Self::TooMany => "too-many",
            Self::LinkOver => "link-over",
            Self::SignedOut => "out",
            Self::SessionOver => "over",
            Self::PasswordSet => "set",
            Self::Verified => "verified",
        }
    }

    /// Reads the query of the address.
    pub fn of_word(word: &str) -> Option<Self> {
        let told = [
            Self::LinkSent,
            Self::ResetSent,
            Self::LinkOver,
            Self::SignedOut,
            Self::SessionOver,
            Self::PasswordSet,
            Self::Verified,
        ];
        told.into_iter().find(|notice| notice.word() == word)
    }

    fn is_bad(self) -> bool {
        matches!(self, Self::Wrong | Self::CodeNeeded | Self::NoAddress | Self::TooMany | Self::LinkOver)
    }

    fn message(self) -> &'static str {
        match self {
            Self::LinkSent => words::SIGN_IN_LINK_SENT,
            Self::ResetSent => words::SIGN_IN_RESET_SENT,
            Self::Wrong => words::SIGN_IN_WRONG,
            Self::CodeNeeded => words::SIGN_IN_CODE_NEEDED,
            Self::NoAddress => words::SIGN_IN_NO_ADDRESS,
            Self::TooMany => words::SIGN_IN_TOO_MANY,
            Self::LinkOver => words::SIGN_IN_LINK_OVER,
            Self::SignedOut => words::SIGN_IN_OUT,
            Self::SessionOver => words::SIGN_IN_OVER,
            Self::PasswordSet => words::SIGN_IN_PASSWORD_SET,
            Self::Verified => words::ACCOUNT_VERIFIED_NOW,
        }
    }
}

/// `GET /sign-in?tenant=…&event=…`
#[derive(Clone, Debug, Template)]
#[template(path = "audience_sign_in.html")]
pub struct AudienceSignInPage {
    /// Whose audience; empty when nobody said, and then there is no form.
    pub tenant: String,
    /// The event that the person comes from; may be empty.
    pub event_id: String,
    /// Its title.
    pub event_title: Option<Words>,
    /// What was entered as the address.
    pub email: String,
    /// What the page has to say.
    pub notice: Option<SignInNotice>,
}

impl AudienceSignInPage {
    fn needs_code(&self) -> bool {
        self.notice == Some(SignInNotice::CodeNeeded)
    }
}

/// What a link asks for before it does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkAsks {
    /// To sign in.
    SignIn,
    /// To prove the address.
    Verify,
    /// For a new password.
    Reset,
}

/// `GET /sign-in/link?token=…`: nothing happens before the button is pressed, because mail scanners follow links.
#[derive(Clone, Debug, Template)]
#[template(path = "audience_link.html")]
pub struct LinkPage {
    /// Whose audience; may be empty.
    pub tenant: String,
    /// The secret of the link.
    pub token: String,
    /// What it is for.
    pub asks: LinkAsks,
    /// What is wrong with the new password.
    pub error: Option<String>,
}

impl LinkPage {
    fn title(&self) -> &'static str {
        match self.asks {
            LinkAsks::SignIn => words::LINK_SIGN_IN,
            LinkAsks::Verify => words::LINK_VERIFY,
            LinkAsks::Reset => words::LINK_RESET,
        }
    }

    fn lead(&self) -> &'static str {
        match self.asks {
            LinkAsks::SignIn => words::LINK_SIGN_IN_LEAD,
            LinkAsks::Verify => words::LINK_VERIFY_LEAD,
            LinkAsks::Reset => words::LINK_RESET_LEAD,
        }
    }

    fn button(&self) -> &'static str {
        match self.asks {
            LinkAsks::SignIn => words::LINK_SIGN_IN_BUTTON,
            LinkAsks::Verify => words::LINK_VERIFY_BUTTON,
            LinkAsks::Reset => words::LINK_RESET_BUTTON,
        }
    }
}

/// One registration of the person.
#[derive(Clone, Debug)]
pub struct AccountRow {
    /// The event's title.
    pub title: Words,
    /// When it is.
    pub when: Option<When>,
    /// What opens the registration.
    pub code: String,
    /// Where it stands.
    pub standing: super::StandingView,
}

/// `GET /account`
#[derive(Clone, Debug, Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// The address.
    pub email: String,
    /// The name; may be empty.
    pub name: String,
    /// The person has proven that the address is theirs.
    pub verified: bool,
    /// A password is set.
    pub has_password: bool,
    /// Their registrations, newest event first; none while the service does not answer.
    pub registrations: Option<Vec<AccountRow>>,
    /// Leads to the choice of messages.
    pub preferences: Option<String>,
    /// What was just done.
    pub notice: Option<(&'static str, bool)>,
    /// What is wrong with the password form.
    pub password_error: Option<String>,
}

/// The sentence for a word in the address of the account's page, and whether it is bad news.
pub fn account_notice(word: &str) -> Option<(&'static str, bool)> {
    Some(match word {
        "verify" => (words::ACCOUNT_VERIFY_SENT, false),
        "verified" => (words::ACCOUNT_VERIFIED_NOW, false),
        "password" => (words::ACCOUNT_PASSWORD_CHANGED, false),
        "others" => (words::ACCOUNT_OTHERS_ENDED, false),
        "not-registered" => (words::ACCOUNT_NOT_REGISTERED, true),
        _ => return None,
    })
}
