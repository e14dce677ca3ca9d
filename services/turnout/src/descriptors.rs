//! File descriptors: each socket takes one, and shells and service managers often allow 1,024. Raises what may be raised, and says how many
//! sockets fit into the rest. What happens to those that do not fit is the gateway's part.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors beside sockets at most: connections being answered (8,192), calls, the bus, tables and their files.
const OTHERS_MAX: u64 = 10_240;
/// What systems that name no number still give: the default of macOS.
const ALWAYS_GIVEN: u64 = 10_240;

/// Makes room for so many sockets as far as the hard limit allows, and returns how many descriptors this process may open.
pub(crate) fn raise(sockets: usize) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let (current, most) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
    let needed = (sockets as u64).saturating_add(OTHERS_MAX).min(most);
    let raised = [needed, ALWAYS_GIVEN]
        .into_iter()
        .filter(|&wanted| wanted > current)
        .find(|&wanted| setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).is_ok());
    raised.unwrap_or(current)
}

/// How many of the wanted sockets to hold with so many descriptors. A quarter of a small number is for the rest of the process: without
/// any it could neither answer pages nor reach its tables.
pub(crate) fn sockets_within(descriptors: u64, wanted: usize) -> usize {
    let fit = descriptors - OTHERS_MAX.min(descriptors / 4);
    let fit = usize::try_from(fit).unwrap_or(usize::MAX);
    if fit < wanted {
        tracing::warn!(
            connections_max = wanted,
            descriptors,
            "not as many sockets as `connections_max` fit into the limit of file descriptors; holding at most {fit}: raise the limit \
             (`ulimit -Hn`, LimitNOFILE=, ulimits of the container), or lower the setting"
        );
    }
    fit.min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_sockets_fit_as_descriptors_are_left_and_never_more_than_wanted() {
        assert_eq!(sockets_within(u64::MAX, 100_000), 100_000);
        assert_eq!(sockets_within(110_240, 100_000), 100_000);
        assert_eq!(sockets_within(110_239, 100_000), 99_999);
        assert_eq!(sockets_within(20_000, 100_000), 15_000);
        assert_eq!(sockets_within(1024, 100_000), 768);
        assert_eq!(sockets_within(1024, 10), 10);
    }
}
