//! Whose request it is when proxies stand in front. Each of them adds the address that it saw to the end of `X-Forwarded-For` or
//! `Forwarded` (RFC 7239), behind whatever the client itself had written there. So the list is read from its end, and only as far as
//! proxies that the operator trusts have written it. Pure.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use turnout_platform::config::Network;

/// The one that most proxies write.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Another that some write, and that nobody here reads.
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// Proxies that may stand one behind the other.
const HOPS_MAX: usize = 8;

/// The address of the client: the other end of the connection, unless that is a trusted proxy; then the last one named that is not.
///
/// Where the two headers disagree, one of them is the client's own invention, and nobody can tell which: then it is the proxy.
pub(super) fn source(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let named = |name: HeaderName, address: fn(&str) -> Option<IpAddr>| {
        let is_there = headers.contains_key(&name);
        is_there.then(|| walk(peer, headers, &name, address, trusted))
    };
    match (named(X_FORWARDED_FOR, address), named(header::FORWARDED, element)) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) => peer,
    }
}

/// Takes the addresses out, so that no handler can keep them.
pub(super) fn forget(headers: &mut HeaderMap) {
    for name in [X_FORWARDED_FOR, header::FORWARDED, X_REAL_IP] {
        headers.remove(name);
    }
}

/// From the end of the list to the first that is no trusted proxy. What cannot be read ends the walk at the proxy that wrote it.
fn walk(
    peer: IpAddr,
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&str) -> Option<IpAddr>,
    trusted: &[Network],
) -> IpAddr {
    let values: Vec<_> = headers.get_all(name).iter().collect();
    let parts = values.into_iter().rev().flat_map(|value| value.to_str().unwrap_or("unreadable").rsplit(','));
    let mut at = peer;
    for part in parts.take(HOPS_MAX) {
        match read(part.trim()) {
            Some(next) if is_trusted(next, trusted) => at = next,
            Some(client) => return client,
            None => return at,
        }
    }
    at
}

/// Whether an address is that of a proxy which the operator trusts.
pub(super) fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let found = text.parse().ok().or_else(bracketed).or_else(|| text.parse().ok().map(|both: SocketAddr| both.ip()));
    found.map(|address| address.to_canonical())
}

/// The `for` of an element of `Forwarded`. A quoted text with a comma in it falls into parts, none of which can be read.
fn element(text: &str) -> Option<IpAddr> {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, value)| value.trim());
    let value = named.next().filter(|_| named.next().is_none())?;
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    address(quoted.unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "10.0.0.1";
    const CLIENT: &str = "203.0.113.9";

    fn trusted() -> Vec<Network> {
        vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:10::/48".parse().unwrap()]
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn source_of(peer: &str, pairs: &[(&'static str, &str)]) -> String {
        source(peer.parse().unwrap(), &headers(pairs), &trusted()).to_string()
    }

    #[test]
    fn the_client_is_the_last_one_named_that_is_no_proxy_of_ours() {
        let xff = "x-forwarded-for";
        for (named, expected) in [
            (vec![], PROXY),
            (vec![(xff, CLIENT)], CLIENT),
            (vec![(xff, "1.2.3.4, 203.0.113.9")], CLIENT),
            (vec![(xff, "1.2.3.4"), (xff, "203.0.113.9, 10.7.7.7")], CLIENT),
            (vec![(xff, "203.0.113.9:4711")], CLIENT),
            (vec![(xff, "::ffff:203.0.113.9")], CLIENT),
            (vec![(xff, "[2001:db8:7::1]:4711")], "2001:db8:7::1"),
            (vec![(xff, "10.2.2.2, 10.3.3.3")], "10.2.2.2"),
            (vec![(xff, "unknown, 10.3.3.3")], "10.3.3.3"),
            (vec![(xff, "")], PROXY),
            (vec![("forwarded", "for=1.2.3.4, for=203.0.113.9;proto=https;by=10.0.0.1")], CLIENT),
            (vec![("forwarded", "proto=https; For=\"203.0.113.9:4711\"")], CLIENT),
            (vec![("forwarded", "for=\"[2001:db8:7::1]:4711\", for=\"[2001:db8:10::1]\"")], "2001:db8:7::1"),
            (vec![("forwarded", "for=_hidden")], PROXY),
            (vec![("forwarded", "for=203.0.113.9;host=\"x;for=1.2.3.4\"")], PROXY),
            (vec![("forwarded", "for=203.0.113.9;host=\"x,for=1.2.3.4\"")], PROXY),
            (vec![(xff, CLIENT), ("forwarded", "for=203.0.113.9")], CLIENT),
            (vec![(xff, CLIENT), ("forwarded", "for=1.2.3.4")], PROXY),
        ] {
            assert_eq!(source_of(PROXY, &named), expected, "{named:?}");
        }
        assert_eq!(source_of("198.51.100.1", &[(xff, "1.2.3.4")]), "198.51.100.1", "a stranger's word is nothing");
    }

    #[test]
    fn a_list_without_an_end_is_not_walked() {
        let all = "1.2.3.4, ".to_owned() + &"10.0.0.2, ".repeat(9) + "10.0.0.3";
        assert_eq!(source_of(PROXY, &[("x-forwarded-for", &all)]), "10.0.0.2");
    }

    /// What somebody might write into either header to be taken for somebody else.
    fn written() -> impl Strategy<Value = String> {
        let parts = prop_oneof![
            Just(CLIENT.to_owned()),
            Just("1.2.3.4".to_owned()),
            Just(PROXY.to_owned()),
            Just("for=".to_owned()),
            Just("for=1.2.3.4".to_owned()),
            Just("\"".to_owned()),
            Just(",".to_owned()),
            Just(";".to_owned()),
            "[ -~]{0,6}",
        ];
        prop::collection::vec(parts, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        /// Item 38, and the throttle of sign-ins: whatever a client writes, it is itself or the proxy, never somebody of its choice.
        #[test]
        fn a_client_cannot_choose_whom_it_is_taken_for(
            mine in prop::collection::vec((any::<bool>(), written()), 0..4),
            proxy_writes_the_standard in any::<bool>(),
            on_a_line_of_its_own in any::<bool>(),
            proxies in 1_usize..3,
        ) {
            let name = |standard: bool| if standard { "forwarded" } else { "x-forwarded-for" };
            let mut lines: Vec<(&'static str, String)> =
                mine.iter().map(|(standard, text)| (name(*standard), text.clone())).collect();
            // Each proxy adds whom it saw: the first the client, a second the first.
            for saw in [CLIENT, "10.0.0.2"].into_iter().take(proxies) {
                let own = if proxy_writes_the_standard { format!("for={saw}") } else { saw.to_owned() };
                let header = name(proxy_writes_the_standard);
                match lines.iter_mut().rfind(|(known, _)| *known == header) {
                    Some((_, line)) if !on_a_line_of_its_own => *line = format!("{line}, {own}"),
                    _ => lines.push((header, own)),
                }
            }
            let pairs: Vec<(&'static str, &str)> = lines.iter().map(|(name, text)| (*name, text.as_str())).collect();
            let taken_for = source_of(PROXY, &pairs);
            let wrote_the_other = mine.iter().any(|(standard, _)| *standard != proxy_writes_the_standard);
            prop_assert!(taken_for == CLIENT || wrote_the_other && taken_for == PROXY, "{} of {:?}", taken_for, pairs);
        }

        #[test]
        fn whoever_connects_directly_is_who_connects(mine in prop::collection::vec((any::<bool>(), written()), 0..4)) {
            let name = |standard: bool| if standard { "forwarded" } else { "x-forwarded-for" };
            let pairs: Vec<(&'static str, &str)> = mine.iter().map(|(s, text)| (name(*s), text.as_str())).collect();
            prop_assert_eq!(source_of(CLIENT, &pairs), CLIENT);
            prop_assert_eq!(source(CLIENT.parse().unwrap(), &headers(&pairs), &[]).to_string(), CLIENT);
        }
    }
}
