//! What registration knows without asking anybody: which fields are valid, how an event moves, how keys and page tokens look.
//! Pure: no store, no clock, no generator, no wire types.

pub(crate) mod event;
pub(crate) mod fields;
pub(crate) mod keys;
pub(crate) mod pages;
pub(crate) mod room;
pub(crate) mod sign_in;
