//! What a claim that is found means for a call, and which outcomes of a call are kept. Pure: no tables, no clock.

use tonic::Code;

/// How far the call that holds a key has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It runs, or the process that ran it is gone.
    UnderWay,
    /// It ended with something that a retry may change.
    Released,
    /// It ended, and this is its answer, sealed.
    Answered(Vec<u8>),
    /// It ended, and its answer was too long to be kept.
    TooLong,
}

/// What the row of a key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The keyed hash of the request that the key was first used for.
    pub request: Vec<u8>,
    pub claimed_at_ms: i64,
    pub version: i64,
    pub state: State,
}

/// What is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// The key belongs to another request.
    Conflict,
    /// The first call's answer is this one's too.
    Replay(Vec<u8>),
    /// The first call ended; what it said is not known any more.
    NotKept,
    /// The first call may still run.
    UnderWay,
    /// The call is made again, once the claim of this version is taken over.
    TakeOver { version: i64, abandoned: bool },
}

/// A claim without an answer is believed for `claim_ms`.
pub(super) fn decide(found: Found, request: &[u8], at_ms: i64, claim_ms: i64) -> Decision {
    let Found { request: first, claimed_at_ms, version, state } = found;
    if first != request {
        return Decision::Conflict;
    }
    match state {
        State::Answered(sealed) => Decision::Replay(sealed),
        State::TooLong => Decision::NotKept,
        State::Released => Decision::TakeOver { version, abandoned: false },
        State::UnderWay if at_ms.saturating_sub(claimed_at_ms) > claim_ms => {
            Decision::TakeOver { version, abandoned: true }
        }
        State::UnderWay => Decision::UnderWay,
    }
}

/// Whether an outcome stands. The others may be different next time, so they leave the key to a retry.
pub(super) fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::PermissionDenied
            | Code::AlreadyExists
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM_MS: i64 = 1000;
    const AT_MS: i64 = 50_000;

    #[test]
    fn each_state_of_a_claim_has_one_meaning_for_a_retry() {
        let abandoned = |abandoned| Decision::TakeOver { version: 3, abandoned };
        for (state, age_ms, decision) in [
            (State::UnderWay, 0, Decision::UnderWay),
            (State::UnderWay, CLAIM_MS, Decision::UnderWay),
            (State::UnderWay, CLAIM_MS + 1, abandoned(true)),
            // The clock that wrote it is ahead of this one.
            (State::UnderWay, -1, Decision::UnderWay),
            (State::Released, 0, abandoned(false)),
            (State::Released, CLAIM_MS + 1, abandoned(false)),
            (State::Answered(vec![7]), 0, Decision::Replay(vec![7])),
            (State::Answered(vec![7]), CLAIM_MS + 1, Decision::Replay(vec![7])),
            (State::TooLong, 0, Decision::NotKept),
            (State::TooLong, CLAIM_MS + 1, Decision::NotKept),
        ] {
            let found = Found { request: vec![1], claimed_at_ms: AT_MS - age_ms, version: 3, state };
            assert_eq!(decide(found.clone(), &[1], AT_MS, CLAIM_MS), decision, "{found:?}");
            // Whatever became of the first request, another one is refused.
            assert_eq!(decide(found, &[2], AT_MS, CLAIM_MS), Decision::Conflict);
        }
    }

    #[test]
    fn what_a_retry_cannot_change_is_kept_and_what_it_may_change_is_not() {
        let kept: Vec<Code> = (0..=16).map(Code::from).filter(|code| is_final(*code)).collect();
        let expected = [
            Code::Ok,
            Code::InvalidArgument,
            Code::NotFound,
            Code::AlreadyExists,
            Code::PermissionDenied,
            Code::FailedPrecondition,
        ];
        assert_eq!(kept, expected);
    }
}
