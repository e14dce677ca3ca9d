//! Which purposes of a consent are marketing. What people said, and what follows from it, is the ledger's business.

/// What people asked to be reminded of.
pub const REMINDERS: &str = "reminders";
/// What belongs to a registration is this, or begins with it, as in `service-sms`.
const SERVICE: &str = "service";

/// Whether people are approached for this without having asked for that very message: for everything but the two above.
pub fn is_marketing(purpose: &str) -> bool {
    let service = purpose.strip_prefix(SERVICE).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']));
    purpose != REMINDERS && !service
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_marketing_but_reminders_and_what_belongs_to_a_registration() {
        for purpose in ["marketing", "partners", "news", "services", "reminder"] {
            assert!(is_marketing(purpose), "{purpose}");
        }
        for purpose in ["reminders", "service", "service-sms", "service_mail"] {
            assert!(!is_marketing(purpose), "{purpose}");
        }
    }
}
