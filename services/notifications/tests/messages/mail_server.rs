//! A mail server that does what a test says: takes mail, refuses it, dawdles, or breaks off at the worst moment. Plain SMTP on this
//! machine; it understands just what a client needs, and offers no encryption.

use std::{
    ops::Deref,
    sync::{Arc, Mutex},
};

use tokio::io::AsyncWriteExt as _;

use crate::scripted::{Client, Scripted, State, hear};

/// What the server does with the next mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Take,
    /// 421 in place of a greeting.
    Busy,
    /// 451 after RCPT.
    RefuseForNow,
    /// 552 after RCPT: never this mail to this receiver.
    Refuse,
    /// 550 after RCPT: there is no such receiver.
    Unknown,
    /// 550 after MAIL.
    RefuseSender,
    /// 554 after DATA.
    RefuseData,
    /// 550 after the mail, which is not signed.
    RefuseUnsigned,
    /// 552 after the mail, which is too long.
    RefuseLong,
    /// 452 after the mail.
    RefuseMailForNow,
    /// Says nothing at all.
    Dawdle,
    /// Stores the mail and never says so.
    TakeAndDawdle,
    /// Stores the mail and breaks off before it says so.
    TakeAndCut,
    /// Breaks off at DATA: the mail never comes.
    CutBefore,
}

/// A mail as it came.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: String,
    pub data: String,
}

impl Mail {
    pub fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.data.lines().find_map(|line| line.strip_prefix(&start))
    }
}

/// The server. It ends with the test.
pub struct MailServer {
    server: Scripted<Act, Mail>,
    talks: Arc<Talks>,
}

/// What the conversations with all clients share.
#[derive(Default)]
struct Talks {
    heard: Mutex<Vec<String>>,
    /// The address for which no mail is taken, whatever was said.
    refused: Mutex<String>,
}

impl Deref for MailServer {
    type Target = Scripted<Act, Mail>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

impl MailServer {
    pub async fn start() -> Self {
        let talks: Arc<Talks> = Arc::default();
        let shared = talks.clone();
        Self { server: Scripted::start(move |client, state| talk(client, state, shared.clone())).await, talks }
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.taken()
    }

    /// The commands of all clients.
    pub fn heard(&self) -> Vec<String> {
        self.talks.heard.lock().unwrap().clone()
    }

    /// From now on it takes no mail for this address.
    pub fn refuse(&self, address: &str) {
        address.clone_into(&mut self.talks.refused.lock().unwrap());
    }
}

async fn talk(mut stream: Client, state: Arc<Mutex<State<Act, Mail>>>, talks: Arc<Talks>) -> Option<()> {
    if state.lock().unwrap().take_next(&Act::Busy) {
        say(&mut stream, "421 too busy").await?;
        return None;
    }
    say(&mut stream, "220 test").await?;
    let (mut act, mut to) = (Act::Take, String::new());
    loop {
        let line = hear(&mut stream).await?;
        talks.heard.lock().unwrap().push(line.clone());
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        match word.as_str() {
            "EHLO" => say(&mut stream, "250-test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME").await?,
            "MAIL" => {
                act = state.lock().unwrap().next_act().unwrap_or(Act::Take);
                if act == Act::Dawdle {
                    std::future::pending::<()>().await;
                }
                say(&mut stream, if act == Act::RefuseSender { "550 5.1.8 sender rejected" } else { "250 ok" }).await?;
            }
            "RCPT" => {
                to = line.trim_start_matches("RCPT TO:<").trim_end_matches('>').to_owned();
                let answer = match act {
                    _ if *talks.refused.lock().unwrap() == to => "552 5.2.2 mailbox full",
                    Act::RefuseForNow => "451 later",
                    Act::Refuse => "552 5.2.3 too long for this mailbox",
                    Act::Unknown => "550 5.1.1 no such user",
                    _ => "250 ok",
                };
                say(&mut stream, answer).await?;
            }
            "DATA" => {
                if act == Act::CutBefore {
                    return None;
                }
                if act == Act::RefuseData {
                    say(&mut stream, "554 5.5.1 not now").await?;
                    continue;
                }
                say(&mut stream, "354 go on").await?;
                let mut data = String::new();
                loop {
                    let line = hear(&mut stream).await?;
                    if line == "." {
                        break;
                    }
                    data.push_str(&line);
                    data.push('\n');
                }
                let refusal = match act {
                    Act::RefuseUnsigned => "550 5.7.26 not signed",
                    Act::RefuseLong => "552 5.3.4 too long",
                    Act::RefuseMailForNow => "452 4.3.1 no room",
                    _ => "",
                };
                if !refusal.is_empty() {
                    say(&mut stream, refusal).await?;
                    continue;
                }
                state.lock().unwrap().taken.push(Mail { to: to.clone(), data });
                match act {
                    Act::TakeAndCut => return None,
                    Act::TakeAndDawdle => std::future::pending().await,
                    _ => say(&mut stream, "250 taken").await?,
                }
            }
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return None;
            }
            _ => say(&mut stream, "250 ok").await?,
        }
    }
}

async fn say(stream: &mut Client, line: &str) -> Option<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.ok()
}
