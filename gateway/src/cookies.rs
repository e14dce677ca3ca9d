//! Cookies, read and set: always HttpOnly, never for other sites, `Secure` wherever the public address is https.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::GatewayConfig;

/// The value of a cookie of the request.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Sets the one cookie of an answer, for a path. Without an age it lives as long as the browser session.
pub(crate) fn set_cookie(
    headers: &mut HeaderMap,
    config: &GatewayConfig,
    cookie: (&str, &str),
    path: &str,
    max_age_s: Option<u64>,
) {
    headers.remove(header::SET_COOKIE);
    add_cookie(headers, config, cookie, path, max_age_s);
}

/// Sets a cookie beside others of the same answer.
pub(crate) fn add_cookie(
    headers: &mut HeaderMap,
    config: &GatewayConfig,
    (name, value): (&str, &str),
    path: &str,
    max_age_s: Option<u64>,
) {
    let age = max_age_s.map(|s| format!("; Max-Age={s}")).unwrap_or_default();
    let secure = if config.public_url.as_ref().is_some_and(|u| u.starts_with("https://")) { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax{age}{secure}");
    headers.append(header::SET_COOKIE, HeaderValue::try_from(cookie).expect("our values are words and tokens"));
}
