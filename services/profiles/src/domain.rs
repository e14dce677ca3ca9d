//! What profiles knows of people without asking anybody: which fields are valid, how a person changes, what follows from a ledger
//! of consents, how people are sorted and found. Pure: no store, no clock, no generator, no wire types.

pub(crate) mod consent;
pub(crate) mod fields;
pub(crate) mod index;
pub(crate) mod person;
