//! The errors of the mesh as a caller sees them: a small closed set, each with what to do next.
//!
//! Typed errors live inside the crates; this is the edge. One function maps a [`Failure`] to a gRPC status with rich details.
//! Nothing internal (a query, a path, a name of a node) gets into a message.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::tables::TableError;

/// `ErrorInfo.domain` of every failure.
pub const DOMAIN: &str = "turnout";
/// When to retry what the tables could not do: an outage or an overload may be over by then.
const TABLES_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What went wrong, for the caller.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A field of the request is wrong; retrying the same is useless.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which field, as named in the proto.
        field: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// Several fields are wrong, or one whose name is not known beforehand.
    #[error("{}", problems(.0))]
    InvalidFields(Vec<(String, String)>),
    /// There is no such thing, or it is another tenant's: the two look the same.
    #[error("no such {what}")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
    },
    /// It exists already, with other content.
    #[error("this {what} exists already; choose another id")]
    AlreadyExists {
        /// The kind of thing.
        what: &'static str,
    },
    /// Somebody else changed it meanwhile; read again and decide.
    #[error("the {what} changed meanwhile; read it again and retry")]
    Changed {
        /// The kind of thing.
        what: &'static str,
    },
    /// The thing is in a state that does not allow this.
    #[error("{0}")]
    Precondition(String),
    /// No valid credentials.
    #[error("no valid credentials; send `authorization: Bearer <access token or API key>`")]
    Unauthenticated,
    /// Valid credentials that do not open this.
    #[error("these credentials do not allow this")]
    PermissionDenied,
    /// Something that is needed is down; retrying later may work.
    #[error("temporarily unavailable; retry later")]
    Unavailable {
        /// When a retry is sensible.
        retry_after: Duration,
    },
    /// Too much at once; retrying later may work.
    #[error("too many requests; retry later")]
    Overloaded {
        /// When a retry is sensible.
        retry_after: Duration,
    },
    /// A fault of ours; the cause is in the log of the service, not in the answer.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    /// A wrong field.
    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { field, problem: problem.into() }
    }

    /// A fault of ours, with its cause.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// Whether the same call may work later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Overloaded { .. } | Self::Changed { .. })
    }

    fn code(&self) -> Code {
        match self {
            Self::Invalid { .. } | Self::InvalidFields(_) => Code::InvalidArgument,
            Self::NotFound { .. } => Code::NotFound,
            Self::AlreadyExists { .. } => Code::AlreadyExists,
            Self::Changed { .. } => Code::Aborted,
            Self::Precondition(_) => Code::FailedPrecondition,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::PermissionDenied => Code::PermissionDenied,
            Self::Unavailable { .. } => Code::Unavailable,
            Self::Overloaded { .. } => Code::ResourceExhausted,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// The word for programs, `ErrorInfo.reason`.
    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid { .. } | Self::InvalidFields(_) => "INVALID_FIELD",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::AlreadyExists { .. } => "ALREADY_EXISTS",
            Self::Changed { .. } => "CHANGED_MEANWHILE",
            Self::Precondition(_) => "WRONG_STATE",
            Self::Unauthenticated => "NO_CREDENTIALS",
            Self::PermissionDenied => "NOT_ALLOWED",
            Self::Unavailable { .. } => "UNAVAILABLE",
            Self::Overloaded { .. } => "OVERLOADED",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

/// The first problem stands for all in the message; the details have each.
fn problems(violations: &[(String, String)]) -> String {
    match violations {
        [] => "invalid request".to_owned(),
        [(field, problem)] => format!("{field}: {problem}"),
        [(field, problem), rest @ ..] => format!("{field}: {problem}, and {} more", rest.len()),
    }
}

/// For requests that may be repeated although an earlier try may have taken effect: an open outcome is told as an outage.
impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Unavailable(_) | TableError::Timeout(_) => {
                Self::Unavailable { retry_after: TABLES_RETRY_AFTER }
            }
            TableError::Overloaded(_) => Self::Overloaded { retry_after: TABLES_RETRY_AFTER },
            fault => Self::internal(fault),
        }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        if let Failure::Internal(cause) = &failure {
            tracing::error!(error = %cause, "a request failed inside");
        }
        let mut details = ErrorDetails::new();
        details.set_error_info(failure.reason(), DOMAIN, std::collections::HashMap::new());
        match &failure {
            Failure::Invalid { field, problem } => {
                details.add_bad_request_violation(*field, problem);
            }
            Failure::InvalidFields(violations) => {
                for (field, problem) in violations {
                    details.add_bad_request_violation(field, problem);
                }
            }
            Failure::Unavailable { retry_after } | Failure::Overloaded { retry_after } => {
                details.set_retry_info(Some(*retry_after));
            }
            _ => {}
        }
        Self::with_error_details(failure.code(), failure.to_string(), details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_is_named_in_the_rich_details() {
        let status = Status::from(Failure::invalid("event_id", "must not be empty"));
        assert_eq!(status.code(), Code::InvalidArgument);
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "event_id");
        assert_eq!(status.get_details_error_info().unwrap().domain, DOMAIN);
    }

    #[test]
    fn several_wrong_fields_are_each_named() {
        let wrong = ["answers.age", "answers.town"].map(|field| (field.to_owned(), "must be answered".to_owned()));
        let status = Status::from(Failure::InvalidFields(wrong.to_vec()));
        assert_eq!(status.message(), "answers.age: must be answered, and 1 more");
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), ["answers.age", "answers.town"]);
    }

    #[test]
    fn a_store_that_is_away_or_busy_is_worth_a_retry_and_one_that_is_broken_is_not() {
        let code = |error: TableError| Status::from(Failure::from(error)).code();
        assert_eq!(code(TableError::Unavailable("no server".into())), Code::Unavailable);
        assert_eq!(code(TableError::Timeout("2 s".into())), Code::Unavailable);
        assert_eq!(code(TableError::Overloaded("full".into())), Code::ResourceExhausted);
        for fault in [TableError::Invalid("key".into()), TableError::Corrupt("row".into())] {
            assert!(!Failure::from(fault.clone()).is_retryable(), "{fault}");
            assert_eq!(code(fault), Code::Internal);
        }
        let told = Status::from(Failure::from(TableError::Overloaded("full".into())));
        assert_eq!(told.get_details_retry_info().unwrap().retry_delay, Some(TABLES_RETRY_AFTER));
    }

    #[test]
    fn the_cause_of_an_internal_error_does_not_reach_the_caller() {
        let status = Status::from(Failure::internal("SELECT secret FROM people"));
        assert!(!format!("{status:?}").contains("secret"), "{status:?}");
    }
}
