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
