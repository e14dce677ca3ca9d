//! A mail server that does what a test says: takes mail, refuses it, dawdles, or breaks off at the worst moment. Plain SMTP on this
//! machine; it understands just what a client needs, and offers no encryption.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the server does with the next mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Take,
    /// 451 after RCPT.
    RefuseForNow,
    /// 550 after RCPT.
    Refuse,
    /// Says nothing at all.
    Dawdle,
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

#[derive(Default)]
struct State {
    script: VecDeque<Act>,
    mails: Vec<Mail>,
    connections: usize,
    heard: Vec<String>,
}

/// The server. It ends with the test.
pub struct MailServer {
    pub port: u16,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let of_task = state.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                of_task.lock().unwrap().connections += 1;
                tokio::spawn(talk(stream, of_task.clone()));
            }
        });
        Self { port, state, task }
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    /// What it does with the next mails; after these it takes them.
    pub fn will(&self, acts: &[Act]) {
        self.state.lock().unwrap().script.extend(acts);
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.state.lock().unwrap().mails.clone()
    }

    /// The commands of all clients.
    pub fn heard(&self) -> Vec<String> {
        self.state.lock().unwrap().heard.clone()
    }

    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 test").await?;
    let (mut act, mut to) = (Act::Take, String::new());
    loop {
        let line = hear(&mut stream).await?;
        state.lock().unwrap().heard.push(line.clone());
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        match word.as_str() {
            "EHLO" => say(&mut stream, "250-test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME").await?,
            "MAIL" => {
                act = state.lock().unwrap().script.pop_front().unwrap_or(Act::Take);
                if act == Act::Dawdle {
                    std::future::pending::<()>().await;
                }
                say(&mut stream, "250 ok").await?;
            }
            "RCPT" => {
                to = line.trim_start_matches("RCPT TO:<").trim_end_matches('>').to_owned();
                let answer = match act {
                    Act::RefuseForNow => "451 later",
                    Act::Refuse => "550 no such user",
                    _ => "250 ok",
                };
                say(&mut stream, answer).await?;
            }
            "DATA" => {
                if act == Act::CutBefore {
                    return None;
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
                state.lock().unwrap().mails.push(Mail { to: to.clone(), data });
                if act == Act::TakeAndCut {
                    return None;
                }
                say(&mut stream, "250 taken").await?;
            }
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return None;
            }
            _ => say(&mut stream, "250 ok").await?,
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> Option<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.ok()
}

async fn hear(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let bytes = stream.read_line(&mut line).await.ok()?;
    (bytes > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}
