//! The page on which people register, and the page after it. The page after it is the same for an address that was registered before:
//! who types an address learns nothing about it.

use askama::Template;

use super::{EventHead, FieldView, LanguageLink, ProblemLink, words};
use crate::{
    assets,
    views::{EventStateView, text},
};

/// Whether there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacesView {
    /// No limit is set.
    Unlimited,
    /// So many are left.
    Left(u64),
    /// None is left; people can wait for one.
    WaitingList,
}

impl PlacesView {
    pub(crate) fn sentence(self) -> Option<String> {
        match self {
            Self::Unlimited => None,
            Self::Left(1) => Some(words::PLACES_LEFT_ONE.to_owned()),
            Self::Left(left) => Some(words::PLACES_LEFT.replace("{places}", &crate::views::show::grouped(left))),
            Self::WaitingList => Some(words::PLACES_WAITING.to_owned()),
        }
    }

    pub(crate) fn call(self) -> &'static str {
        match self {
            Self::WaitingList => words::JOIN_WAITING_LIST,
            _ => words::REGISTER,
        }
    }
}

/// `GET /e/<id>/register`, and the answer (422) to a `POST` that cannot be done.
#[derive(Clone, Debug, Template)]
#[template(path = "register.html")]
pub struct RegisterPage {
    /// The event.
    pub head: EventHead,
    /// The languages to choose from.
    pub languages: Vec<LanguageLink>,
    /// The language of the event's texts on this page.
    pub lang: String,
    /// Whether there is room; none when registration is closed or full.
    pub places: Option<PlacesView>,
    /// It is closed because nothing is left.
    pub full: bool,
    /// The form.
    pub form: RegisterForm,
    /// The way in without an address; none when the event has none.
    pub nickname: Option<NicknameForm>,
}

/// The form of the page.
#[derive(Clone, Debug, Default)]
pub struct RegisterForm {
    /// The version of the event's form that is shown.
    pub version: i64,
    /// E-mail, name, phone, own fields, where to take part.
    pub fields: Vec<FieldView>,
    /// What can be agreed to: never ticked beforehand, never needed.
    pub consents: Vec<FieldView>,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

/// The form for people with nothing but a nickname.
#[derive(Clone, Debug)]
pub struct NicknameForm {
    /// The one field.
    pub field: FieldView,
    /// Makes a form that is sent twice one registration.
    pub key: String,
}

impl RegisterPage {
    fn closed_title(&self) -> &'static str {
        if self.full { words::REGISTER_FULL } else { words::REGISTER_CLOSED }
    }

    fn closed_advice(&self) -> &'static str {
        if self.full { words::REGISTER_FULL_ADVICE } else { words::REGISTER_CLOSED_ADVICE }
    }

    fn problems(&self) -> Vec<ProblemLink> {
        let nickname = self.nickname.iter().map(|form| &form.field);
        self.form.fields.iter().chain(nickname).filter_map(FieldView::problem).collect()
    }
}

/// `GET /e/<id>/registered`: after registering with an address, new or known.
#[derive(Clone, Debug, Template)]
#[template(path = "registered.html")]
pub struct RegisteredPage {
    /// The event.
    pub head: EventHead,
    /// The languages to choose from.
    pub languages: Vec<LanguageLink>,
}
