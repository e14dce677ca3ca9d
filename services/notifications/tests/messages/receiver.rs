//! A webhook of an organiser that answers what a test says, or nothing, and keeps what it was sent. Plain HTTP on this machine; each
//! connection brings one call.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turnout_platform::webhooks::Envelope;

use crate::scripted::{Client, Scripted, State, hear};

/// What the receiver does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Answers with this status.
    Say(u16),
    /// Takes the notice and never says so.
    Hang,
}

/// A call as it came.
#[derive(Debug, Clone)]
pub struct Call {
    /// Such as `POST /hook HTTP/1.1`.
    pub line: String,
    /// By name in small letters.
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn what(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Whether it is signed with this secret, and was at this time.
    pub fn is_genuine(&self, secret: &[u8], at_s: u64) -> bool {
        let envelope = Envelope {
            id: self.header("webhook-id"),
            timestamp: self.header("webhook-timestamp"),
            signature: self.header("webhook-signature"),
            body: &self.body,
        };
        envelope.is_genuine(&[secret.to_vec()], at_s as i64)
    }
}

/// The receiver. It ends with the test.
pub struct Receiver(Scripted<Act, Call>);

impl Deref for Receiver {
    type Target = Scripted<Act, Call>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Receiver {
    pub async fn start() -> Self {
        Self(Scripted::start(take).await)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?token=s3cret", self.port)
    }

    pub fn calls(&self) -> Vec<Call> {
        self.taken()
    }
}

async fn take(mut stream: Client, state: Arc<Mutex<State<Act, Call>>>) -> Option<()> {
    let line = hear(&mut stream).await?;
    let mut headers = HashMap::new();
    loop {
        let line = hear(&mut stream).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let act = {
        let mut state = state.lock().unwrap();
        state.taken.push(Call { line, headers, body });
        state.next_act().unwrap_or(Act::Say(204))
    };
    let Act::Say(status) = act else { return std::future::pending().await };
    // Nobody follows this.
    let answer =
        format!("HTTP/1.1 {status} test\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.get_mut().write_all(answer.as_bytes()).await.ok()
}
