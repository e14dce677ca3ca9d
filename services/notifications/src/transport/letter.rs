//! A mail as bytes on the wire (RFC 5322), with a plain and an HTML half and, where there is one, a calendar entry.

use std::time::{Duration, UNIX_EPOCH};

use lettre::{
    Message,
    address::{Address, Envelope},
    message::{
        Attachment, Body, Mailbox, MultiPart, SinglePart,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};

/// A calendar entry that goes with a mail.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// `PUBLISH` or `CANCEL`.
    pub method: &'static str,
    /// The file.
    pub text: String,
}

/// A mail.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Without angle brackets; the same whenever the same message is sent.
    pub message_id: String,
    /// The address.
    pub to: String,
    /// The name that stands in the sender's line.
    pub sender_name: String,
    /// The sender's address.
    pub from: String,
    /// Where servers return it, if not to the sender's address.
    pub returns_to: Option<String>,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<String>,
    /// One line.
    pub subject: String,
    /// The plain half.
    pub text: String,
    /// The HTML half.
    pub html: String,
    /// The calendar entry.
    pub calendar: Option<Calendar>,
    /// Where one click unsubscribes (RFC 8058).
    pub unsubscribe_url: Option<String>,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// An address that no mail can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this address cannot be written into a mail")]
pub struct WrongAddress;

macro_rules! header {
    ($type:ident $name:literal) => {
        #[derive(Debug, Clone)]
        struct $type(String);

        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(text.to_owned()))
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), self.0.clone())
            }
        }
    };
}

header!(ListUnsubscribe "List-Unsubscribe");
header!(ListUnsubscribePost "List-Unsubscribe-Post");
header!(AutoSubmitted "Auto-Submitted");

impl Letter {
    /// Who it goes to, and its bytes.
    ///
    /// # Errors
    /// An address that is none.
    pub fn to_wire(&self) -> Result<(Envelope, Vec<u8>), WrongAddress> {
        let address = |text: &str| text.parse::<Address>().map_err(|_| WrongAddress);
        let (from, to) = (address(&self.from)?, address(&self.to)?);
        let returns_to = self.returns_to.as_deref().map_or_else(|| Ok(from.clone()), address)?;
        let envelope = Envelope::new(Some(returns_to), vec![to.clone()]).map_err(|_| WrongAddress)?;
        let date = UNIX_EPOCH + Duration::from_millis(self.at_ms.max(0).unsigned_abs());
        let mut builder = Message::builder()
            .from(Mailbox::new(Some(self.sender_name.clone()), from))
            .to(Mailbox::new(None, to))
            .subject(self.subject.clone())
            .date(date)
            .message_id(Some(format!("<{}>", self.message_id)))
            .header(AutoSubmitted("auto-generated".to_owned()));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(Mailbox::new(None, address(reply_to)?));
        }
        if let Some(url) = &self.unsubscribe_url {
            builder = builder
                .header(ListUnsubscribe(format!("<{url}>")))
                .header(ListUnsubscribePost("List-Unsubscribe=One-Click".to_owned()));
        }
        let halves = MultiPart::alternative()
            .singlepart(SinglePart::plain(self.text.clone()))
            .singlepart(SinglePart::html(self.html.clone()));
        let whole = match &self.calendar {
            None => halves,
            Some(calendar) => {
                let media_type = format!("text/calendar; charset=utf-8; method={}", calendar.method);
                let media_type = ContentType::parse(&media_type).expect("the methods are words of ours");
                let entry = Attachment::new("event.ics".to_owned()).body(Body::new(calendar.text.clone()), media_type);
                MultiPart::mixed().multipart(halves).singlepart(entry)
            }
        };
        let message = builder.envelope(envelope.clone()).multipart(whole).map_err(|_| WrongAddress)?;
        Ok((envelope, message.formatted()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn letter() -> Letter {
        Letter {
            message_id: "abc@turnout.example".into(),
            to: "anna@example.org".into(),
            sender_name: "Acme Films".into(),
            from: "noreply@turnout.example".into(),
            returns_to: None,
            reply_to: None,
            subject: "Grüße".into(),
            text: "Hello Jürgen\n".into(),
            html: "<p>Hello</p>".into(),
            calendar: Some(Calendar { method: "PUBLISH", text: "BEGIN:VCALENDAR\r\n".into() }),
            unsubscribe_url: Some("https://turnout.example/u/x".into()),
            at_ms: 1_800_000_000_000,
        }
    }

    #[test]
    fn a_reminder_can_be_unsubscribed_with_one_click_and_says_that_a_program_wrote_it() {
        let (envelope, bytes) = letter().to_wire().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        for line in [
            "Message-ID: <abc@turnout.example>\r\n",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n",
            "List-Unsubscribe: <https://turnout.example/u/x>\r\n",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: text/calendar; charset=utf-8; method=PUBLISH\r\n",
            "To: anna@example.org\r\n",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.is_ascii(), "{text}");
        assert_eq!(envelope.to().len(), 1);
    }

    #[test]
    fn an_address_cannot_add_a_header() {
        let odd = Letter { to: "anna@example.org\r\nBcc: b@example.org".into(), ..letter() };
        assert_eq!(odd.to_wire().unwrap_err(), WrongAddress);
    }
}
