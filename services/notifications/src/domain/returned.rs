//! Mails that come back: what a server says of a mail of ours (delivery status notification, RFC 3464) and what a receiver complains
//! about (RFC 5965). Says which mail and what; whether that is to be believed is for the reader of its `Message-ID` to say.

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::life::Report;

/// What a mail that came back is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Returned {
    /// The `Message-ID` of our mail, without angle brackets.
    pub mail_id: String,
    pub report: Report,
}

/// Reads it; none if it says nothing of a mail, such as an answer of a person on holiday.
pub(crate) fn read(mail: &[u8]) -> Option<Returned> {
    let mail = MessageParser::default().parse(mail)?;
    let report = mail.parts.iter().find_map(|part| match media_type(part).as_str() {
        "message/delivery-status" => status(part),
        "message/feedback-report" => complaint(part),
        _ => None,
    })?;
    let mail_id = mail.parts.iter().find_map(|part| match (media_type(part).as_str(), &part.body) {
        (_, PartType::Message(ours)) => id_of(ours),
        ("text/rfc822-headers" | "message/rfc822", _) => id_of(&MessageParser::default().parse(part.contents())?),
        _ => None,
    })?;
    Some(Returned { mail_id, report })
}

fn id_of(ours: &Message<'_>) -> Option<String> {
    ours.message_id().map(str::to_owned)
}

fn media_type(part: &MessagePart<'_>) -> String {
    let name = part.content_type().map(|of| format!("{}/{}", of.ctype(), of.subtype().unwrap_or_default()));
    name.unwrap_or_default().to_ascii_lowercase()
}

/// The value of a field in a part that is made of fields.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.trim())
}

/// RFC 3464, 2.3.3 and 2.3.4. Our mails have one receiver each, so the first that is named is the one.
fn status(part: &MessagePart<'_>) -> Option<Report> {
    let text = String::from_utf8_lossy(part.contents());
    let action = field(&text, "Action")?.split_whitespace().next()?.to_ascii_lowercase();
    match action.as_str() {
        "delivered" => Some(Report::Delivered),
        "delayed" | "relayed" | "expanded" => Some(Report::Deferred),
        "failed" if is_for_good(field(&text, "Status").unwrap_or_default()) => Some(Report::BouncedHard),
        "failed" => Some(Report::BouncedSoft),
        _ => None,
    }
}

/// Whether this status (RFC 3463) says that the mailbox does not exist or is closed. That it is full, that a server was away too long
/// and that somebody's rules refuse this mail is said in class 5 too, and may be otherwise tomorrow.
pub(crate) fn is_for_good(status: &str) -> bool {
    let code = status.split_whitespace().next().unwrap_or_default();
    matches!(code.split('.').collect::<Vec<_>>()[..], ["5", "0" | "1", _] | ["5", "2", "1"])
}

/// RFC 5965, 3.1: only these two say that somebody did not want the mail.
fn complaint(part: &MessagePart<'_>) -> Option<Report> {
    let text = String::from_utf8_lossy(part.contents());
    let kind = field(&text, "Feedback-Type")?.to_ascii_lowercase();
    matches!(kind.as_str(), "abuse" | "fraud").then_some(Report::Complained)
}

#[cfg(test)]
#[path = "returned/tests.rs"]
mod tests;
