//! Which web origins may act through a visitor's browser. A request without `Origin` does not come from a page's script.

use axum::http::{HeaderMap, header};

use crate::GatewayConfig;

/// Whether the request comes from one of our own pages, or from no page at all.
pub(crate) fn is_same_site(headers: &HeaderMap, config: &GatewayConfig) -> bool {
    origin(headers).is_none_or(|origin| is_own(&origin, headers, config))
}

/// Whether the request's page may open a live socket: one of our own, or one that the operator allows.
pub(crate) fn is_allowed(headers: &HeaderMap, config: &GatewayConfig) -> bool {
    origin(headers).is_none_or(|origin| is_own(&origin, headers, config) || config.allowed_origins.contains(&origin))
}

/// The origin, if it is one that the operator allows beside our own: it must be told so (CORS).
pub(crate) fn allowed_foreign(headers: &HeaderMap, config: &GatewayConfig) -> Option<String> {
    origin(headers).filter(|origin| config.allowed_origins.contains(origin))
}

/// The origin as sent; more than one, or bytes that are no text, match nothing.
fn origin(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::ORIGIN).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return Some("several".into());
    }
    Some(first.to_str().map_or_else(|_| "unreadable".to_owned(), str::to_ascii_lowercase))
}

fn is_own(origin: &str, headers: &HeaderMap, config: &GatewayConfig) -> bool {
    if let Some(url) = &config.public_url {
        return origin == url.to_ascii_lowercase();
    }
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).map(str::to_ascii_lowercase);
    match (origin.split_once("://"), host) {
        (Some(("http" | "https", theirs)), Some(ours)) => theirs == ours,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(public_url: Option<&str>) -> GatewayConfig {
        GatewayConfig {
            node_name: "gw".into(),
            public_url: public_url.map(str::to_owned),
            allowed_origins: vec!["https://shop.example".into()],
            trusted_proxies: Vec::new(),
            workers: 1,
            connections_max: 1,
            handshakes_per_s_max: 1,
            drain: std::time::Duration::ZERO,
            trace_ratio: 0.0,
            grpc_addr: String::new(),
            demo_event: None,
        }
    }

    fn allowed(origin: Option<&str>, public_url: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "live.example".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        is_allowed(&headers, &config(public_url))
    }

    #[test]
    fn only_our_own_origin_and_the_listed_ones_may_open_a_socket() {
        let rows = [
            (None, true),
            (Some("https://live.example"), true),
            (Some("http://live.example"), true),
            (Some("HTTPS://LIVE.EXAMPLE"), true),
            (Some("https://shop.example"), true),
            (Some("https://shop.example.evil"), false),
            (Some("https://evil.live.example"), false),
            (Some("https://live.example.evil"), false),
            (Some("https://live.example:444"), false),
            (Some("https://user@live.example"), false),
            (Some("null"), false),
            (Some("file://"), false),
            (Some(""), false),
        ];
        for (origin, expected) in rows {
            assert_eq!(allowed(origin, None), expected, "{origin:?}");
        }
    }

    #[test]
    fn with_a_public_url_the_host_header_decides_nothing() {
        assert!(allowed(Some("https://outside.example"), Some("https://outside.example")));
        assert!(!allowed(Some("https://live.example"), Some("https://outside.example")));
    }

    #[test]
    fn two_origins_match_nothing() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "live.example".parse().unwrap());
        headers.append(header::ORIGIN, "https://live.example".parse().unwrap());
        headers.append(header::ORIGIN, "https://live.example".parse().unwrap());
        assert!(!is_allowed(&headers, &config(None)));
    }
}
