//! The rules of signing in, as pure functions: what a password is, how links and sessions look, how guessing is slowed down, how a
//! second factor is checked, what a team keeps. Time and randomness are arguments; tables and the wire are elsewhere.

pub(crate) mod fields;
pub(crate) mod passwords;
pub(crate) mod secrets;
pub(crate) mod teams;
pub(crate) mod throttle;
pub(crate) mod totp;
