//! What registration knows without asking anybody: which fields are valid, how events and registrations move, how forms are answered,
//! how keys look. Pure: no store, no clock, no generator, no wire types.

pub(crate) mod answers;
pub(crate) mod event;
pub(crate) mod fields;
pub(crate) mod figures;
pub(crate) mod form;
pub(crate) mod keys;
pub(crate) mod money;
pub(crate) mod questions;
pub(crate) mod registration;
pub(crate) mod room;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod statistics;
pub(crate) mod words;
