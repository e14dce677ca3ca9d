//! How much an engine takes on. Whatever is more is refused before it costs anything; how, is [`crate::admission`]'s.

use std::time::Duration;

use super::TableError;
use crate::admission::{Admission, Limits, Refused};

/// Requests that wait for their turn; one more is refused at once. An engine that answers two thousand a second comes to the last of
/// them just within [`WAIT_MAX`].
const WAITING_MAX: usize = 4096;
/// Who has waited so long is refused: the engine is slower than what is asked of it, and the caller has other things to do in the
/// seconds that it has itself.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(2);

/// The door of an engine that does so much at once.
pub(super) fn door(at_once: usize) -> Admission {
    Admission::new(Limits { at_once, waiting_max: WAITING_MAX, wait_max: WAIT_MAX })
}

impl From<Refused> for TableError {
    fn from(refused: Refused) -> Self {
        Self::Overloaded(refused.to_string())
    }
}
