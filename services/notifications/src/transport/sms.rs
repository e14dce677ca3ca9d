//! Text messages over a gateway that takes JSON over HTTPS: `{"id", "to", "text"}`. The id is also its idempotency key.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Serialize;

use super::{Answer, Outcome};

const CONNECT_MAX: Duration = Duration::from_secs(10);
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The gateway.
#[derive(Debug, Clone)]
pub struct SmsGateway {
    url: String,
    client: Client,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    to: &'a str,
    text: &'a str,
}

impl SmsGateway {
    /// At this URL.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn new(url: String) -> reqwest::Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { url, client })
    }

    /// Hands a text over.
    pub async fn hand_over(&self, id: &str, to: &str, text: &str) -> Answer {
        let request = self.client.post(&self.url).header("idempotency-key", id).json(&Body { id, to, text });
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                let outcome = if status.is_success() {
                    Outcome::Accepted
                } else if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
                    Outcome::RefusedForNow
                } else {
                    Outcome::Refused
                };
                Answer::new(outcome, status.as_str())
            }
            Err(error) if error.is_connect() => Answer::new(Outcome::NotReached, "no connection"),
            Err(_) => Answer::new(Outcome::Unsure, "no answer"),
        }
    }
}

/// Whether nobody on the way can read what goes there: numbers and words of people do.
pub(crate) fn is_private(url: &str) -> bool {
    let Ok(url) = url.parse::<reqwest::Url>() else { return false };
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || url.scheme() == "http" && is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_go_unencrypted_to_this_machine_only() {
        for url in ["https://sms.example.org/send", "http://127.0.0.1:8025/", "http://localhost/", "http://[::1]:1/"] {
            assert!(is_private(url), "{url}");
        }
        for url in ["http://sms.example.org/", "http://127.0.0.1.example.org/", "ftp://localhost/", "sms.example.org"] {
            assert!(!is_private(url), "{url}");
        }
    }
}
