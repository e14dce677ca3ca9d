//! The little HTTP/1.1 that a viewer needs: the two requests of the public protocol, and the head of an answer.
//!
//! It deliberately knows no TLS, no chunked bodies and no redirects: a load test talks to the server itself.

use thiserror::Error;

/// An answer's head longer than this is a fault, bytes.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The nonce of RFC 6455, section 1.3, and its known answer. A fresh nonce defends against caches; here the known pair
/// proves that the server answers the handshake, without a hash on our side.
const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const NONCE_ANSWER: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The head of an answer, as far as a viewer cares.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Head<'a> {
    pub status: u16,
    /// Bytes of body that follow.
    pub content_length: usize,
    /// The server closes after this answer.
    pub closes: bool,
    pub accept: Option<&'a str>,
    pub protocol: Option<&'a str>,
    /// `name=value` of the cookie that was set.
    pub cookie: Option<&'a str>,
    pub retry_after_s: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HttpFault {
    #[error("answer is not HTTP/1")]
    NotHttp,
    #[error("answer too long")]
    TooLong,
}

/// The head at the start of `bytes` and its length, or `None` while it is incomplete.
pub fn parse_head(bytes: &[u8]) -> Result<Option<(Head<'_>, usize)>, HttpFault> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(HttpFault::TooLong);
        }
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| HttpFault::NotHttp)?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1."))
        .and_then(|rest| rest.get(2..5))
        .and_then(|code| code.parse().ok())
        .ok_or(HttpFault::NotHttp)?;
    let mut head = Head { status, ..Head::default() };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                head.content_length = value.parse().map_err(|_| HttpFault::NotHttp)?;
            }
            "connection" => head.closes = value.eq_ignore_ascii_case("close"),
            "sec-websocket-accept" => head.accept = Some(value),
            "sec-websocket-protocol" => head.protocol = Some(value),
            "set-cookie" => head.cookie = value.split(';').next(),
            "retry-after" => head.retry_after_s = value.parse().ok(),
            _ => {}
        }
    }
    Ok(Some((head, end + 4)))
}

/// `POST /v1/events/<id>/tickets`, for the event or a room of it; without a cookie it makes a new viewer.
pub fn ticket_request(host: &str, event: &str, room: &str, cookie: Option<&str>, out: &mut Vec<u8>) {
    let cookie = cookie.map_or(String::new(), |cookie| format!("Cookie: {cookie}\r\n"));
    let body = if room.is_empty() { String::new() } else { serde_json::json!({ "room": room }).to_string() };
    out.extend_from_slice(
        format!(
            "POST /v1/events/{event}/tickets HTTP/1.1\r\nHost: {host}\r\n{cookie}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
}

/// The upgrade of `GET /v1/live`. With a ticket here no `join` message is needed.
pub fn upgrade_request(host: &str, protocol: &str, ticket: Option<&str>, out: &mut Vec<u8>) {
    let ticket = ticket.map_or(String::new(), |ticket| format!(", ticket.{ticket}"));
    out.extend_from_slice(
        format!(
            "GET /v1/live HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n\
             Sec-WebSocket-Protocol: {protocol}{ticket}\r\n\r\n"
        )
        .as_bytes(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_whatever_the_case_of_its_names() {
        let bytes = b"HTTP/1.1 201 Created\r\ncontent-length: 12\r\nSet-Cookie: turnout_viewer=abc; HttpOnly; Path=/\r\nCONNECTION: close\r\n\r\nbody";
        let (head, used) = parse_head(bytes).unwrap().unwrap();
        assert_eq!(head.status, 201);
        assert_eq!(head.content_length, 12);
        assert_eq!(head.cookie, Some("turnout_viewer=abc"));
        assert!(head.closes);
        assert_eq!(&bytes[used..], b"body");
    }

    #[test]
    fn half_a_head_asks_for_more_and_an_endless_one_is_refused() {
        assert_eq!(parse_head(b"HTTP/1.1 200 OK\r\nServer: x\r\n"), Ok(None));
        assert_eq!(parse_head(&vec![b'a'; HEAD_BYTES_MAX + 1]), Err(HttpFault::TooLong));
        assert_eq!(parse_head(b"SSH-2.0\r\n\r\n"), Err(HttpFault::NotHttp));
    }

    #[test]
    fn a_ticket_for_a_room_names_it_in_the_body() {
        let mut out = Vec::new();
        ticket_request("h:1", "demo", "main", Some("turnout_viewer=v"), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("Cookie: turnout_viewer=v\r\n"));
        assert!(text.ends_with("Content-Length: 15\r\n\r\n{\"room\":\"main\"}"));
    }

    #[test]
    fn the_ticket_never_stands_in_the_url() {
        let mut out = Vec::new();
        upgrade_request("h:1", "turnout.v1.json", Some("a.b.c"), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("GET /v1/live HTTP/1.1\r\n"));
        assert!(text.contains("Sec-WebSocket-Protocol: turnout.v1.json, ticket.a.b.c\r\n"));
    }
}
