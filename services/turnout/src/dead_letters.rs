//! `turnout dead-letters`: asks a running process, at its operators' port, what its consumers gave up. It changes nothing by itself.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use turnout_platform::{
    admin::dead_letters::{LIST, Listed, REPLAY},
    auth::{TokenKind, TokenSigner},
    clock::{Clock as _, SystemClock},
    config::Config,
    random,
};

use crate::tools::{address_of, existing_key, print};

/// Life of the token with which the process is asked, in seconds.
const TOKEN_S: u64 = 60;
/// How long the process may take to answer: to send some hundreds of letters again takes seconds.
const ANSWER_MAX: Duration = Duration::from_mins(1);
/// Bytes of an answer, for which the process has a limit of some hundred letters a consumer.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What to do with dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    List,
    Replay,
}

pub(crate) async fn ask(config: &Config, wanted: Wanted) -> anyhow::Result<()> {
    let signer = TokenSigner::new(&existing_key(config)?);
    let at_s = SystemClock::new().at_s();
    let token = signer.sign(TokenKind::Access, "svc:operator", at_s, TOKEN_S, random::token_128()).finish();
    let address = address_of(config, "admin").unwrap_or_else(|| config.admin_addr.to_string());
    let (method, path) = match wanted {
        Wanted::List => ("GET", LIST),
        Wanted::Replay => ("POST", REPLAY),
    };
    let answer = tokio::time::timeout(ANSWER_MAX, fetch(&address, method, path, &token)).await;
    let answer = answer.unwrap_or_else(|_| Err(anyhow!("did not answer within {} s", ANSWER_MAX.as_secs())));
    let letters = answer.with_context(|| format!("the process at {address} (setting `admin_addr`)"))?;
    print(&table(&letters, wanted))
}

async fn fetch(address: &str, method: &str, path: &str, token: &str) -> anyhow::Result<Vec<Listed>> {
    let mut stream = TcpStream::connect(address).await.context("does not listen; is it running?")?;
    // HTTP/1.0: the answer is over when the connection is.
    let question = format!("{method} {path} HTTP/1.0\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    let mut answer = String::new();
    if stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await? as u64 == ANSWER_BYTES_MAX {
        bail!("answers with more than {ANSWER_BYTES_MAX} bytes");
    }
    let (head, body) = answer.split_once("\r\n\r\n").context("does not answer as Turnout does")?;
    if head.split(' ').nth(1) != Some("200") {
        bail!("refuses: {}", body.trim());
    }
    Ok(serde_json::from_str(body)?)
}

fn table(letters: &[Listed], wanted: Wanted) -> String {
    let mut table = String::new();
    for Listed { consumer, id, subject, deliveries, error, refused } in letters {
        let _ = writeln!(table, "{consumer}  {id}  {subject}  delivered {deliveries} times: {error}");
        if let Some(refused) = refused {
            let _ = writeln!(table, "  not sent again: {refused}");
        }
    }
    match (letters.len(), wanted) {
        (0, _) => "no dead letters\n".to_owned(),
        (_, Wanted::List) => table,
        (_, Wanted::Replay) => {
            let sent = letters.iter().filter(|letter| letter.refused.is_none()).count();
            format!("{table}sent again: {sent}\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_is_a_line_that_says_who_gave_it_up_and_why() {
        let letter = Listed {
            consumer: "notifications_events".into(),
            id: "m-1".into(),
            subject: "turnout.v1.events.event.demo".into(),
            deliveries: 5,
            error: "registration is away".into(),
            refused: None,
        };
        let line = "notifications_events  m-1  turnout.v1.events.event.demo  delivered 5 times: registration is away\n";
        assert_eq!(table(std::slice::from_ref(&letter), Wanted::List), line);
        let refused = Listed { refused: Some("too large".into()), ..letter.clone() };
        let said = format!("{line}{line}  not sent again: too large\nsent again: 1\n");
        assert_eq!(table(&[letter, refused], Wanted::Replay), said);
        assert_eq!(table(&[], Wanted::Replay), "no dead letters\n");
    }
}
