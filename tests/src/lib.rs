//! What the tests share.

pub mod tidy;
