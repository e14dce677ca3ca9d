//! Mail over SMTP (RFC 5321), always encrypted except to this machine itself, and only to who holds the right certificate: where that
//! cannot be had, neither a mail nor the password goes out. The conversation is led step by step, because what a
//! broken connection means depends on the step: before the message is there nothing was sent, afterwards nobody knows.

use std::{error::Error as _, fmt, fs, io, time::Duration};

use lettre::transport::smtp::{
    Error,
    authentication::{Credentials, DEFAULT_MECHANISMS},
    client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
    commands::{Data, Mail, Rcpt},
    extension::{ClientId, Extension, MailParameter},
};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use super::{Answer, Letter, MailTransport, Outcome};
use crate::domain::returned::is_for_good;

/// From the first packet to the server's readiness for the message. A server that dawdles longer is as good as down.
const READY_MAX: Duration = Duration::from_secs(30);
/// From the message to the server's answer. Longer, as it may have to store and scan it.
const ANSWER_MAX: Duration = Duration::from_mins(1);
/// Connections that are kept open for the next mail, and for how long.
const IDLE_CONNECTIONS_MAX: usize = 8;
const IDLE_MAX: Duration = Duration::from_secs(20);
const PORT_STARTTLS: u16 = 587;
const PORT_TLS: u16 = 465;

/// What is wrong with the address of a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongUrl {
    /// The form.
    #[error(
        "must be smtp://host:587 or smtps://host:465, with user:password@ before the host where the server asks for them"
    )]
    Form,
    /// Plain text to elsewhere.
    #[error("tls=none is for a mail server on this machine only")]
    Plain,
    /// The trusted roots.
    #[error("the trusted certificates cannot be read: the system's, or those of the file after ca=")]
    Roots,
}

#[derive(Clone)]
enum Tls {
    None,
    Start(TlsParameters),
    Whole(TlsParameters),
}

/// Mails over SMTP.
pub struct SmtpTransport {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<Credentials>,
    hello: ClientId,
    ready_max: Duration,
    answer_max: Duration,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl fmt::Debug for SmtpTransport {
    /// Leaves out the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpTransport({}:{})", self.host, self.port)
    }
}

impl SmtpTransport {
    /// To the server of this URL: `smtp://` (STARTTLS is required) or `smtps://`. With `?ca=FILE` the certificates in this file are
    /// trusted, and no others. `hello` is the name of this side.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(url: &str, hello: &str) -> Result<Self, WrongUrl> {
        let url: reqwest::Url = url.parse().map_err(|_| WrongUrl::Form)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(WrongUrl::Form)?.to_owned();
        let host = host.trim_matches(['[', ']']).to_owned();
        let plain = url.query_pairs().any(|(name, value)| name == "tls" && value == "none");
        let ca = url.query_pairs().find(|(name, _)| name == "ca").map(|(_, file)| file.into_owned());
        let parameters = || tls(&host, ca.as_deref()).ok_or(WrongUrl::Roots);
        let (tls, usual_port) = match url.scheme() {
            "smtp" if plain && is_this_machine(&host) => (Tls::None, PORT_STARTTLS),
            "smtp" | "smtps" if plain => return Err(WrongUrl::Plain),
            "smtp" => (Tls::Start(parameters()?), PORT_STARTTLS),
            "smtps" => (Tls::Whole(parameters()?), PORT_TLS),
            _ => return Err(WrongUrl::Form),
        };
        let login = url.password().map(|password| Credentials::new(decoded(url.username()), decoded(password)));
        let hello = ClientId::Domain(hello.to_owned());
        let port = url.port().unwrap_or(usual_port);
        let (ready_max, answer_max) = (READY_MAX, ANSWER_MAX);
        Ok(Self { host, port, tls, login, hello, ready_max, answer_max, idle: Mutex::default() })
    }

    /// Waits only so long for the server to be ready for a message, and for its answer to it.
    #[must_use]
    pub fn with_patience(self, ready_max: Duration, answer_max: Duration) -> Self {
        Self { ready_max, answer_max, ..self }
    }

    /// What goes wrong here is about the server, not about a letter: also a refused login.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Answer> {
        let whole = if let Tls::Whole(parameters) = &self.tls { Some(parameters.clone()) } else { None };
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.ready_max), &self.hello, whole, None)
                .await
                .map_err(|error| not_reached(&error))?;
        if let Tls::Start(parameters) = &self.tls {
            if !connection.can_starttls() {
                return Err(Answer::new(Outcome::NotSafe, "the mail server offers no encryption (STARTTLS)"));
            }
            connection.starttls(parameters.clone(), &self.hello).await.map_err(|error| not_reached(&error))?;
        }
        if let Some(login) = &self.login {
            connection.auth(DEFAULT_MECHANISMS, login).await.map_err(|error| not_reached(&error))?;
        }
        Ok(connection)
    }

    /// A connection that is known to work.
    async fn connection(&self) -> Result<AsyncSmtpConnection, Answer> {
        loop {
            let Some((mut connection, since)) = self.idle.lock().pop() else { return self.connect().await };
            if since.elapsed() < IDLE_MAX && connection.test_connected().await {
                return Ok(connection);
            }
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_CONNECTIONS_MAX && !connection.has_broken() {
            idle.push((connection, Instant::now()));
        }
    }

    /// Up to the server's "go ahead": whatever goes wrong here, nothing was sent.
    async fn prepare(&self, envelope: &lettre::address::Envelope) -> Result<AsyncSmtpConnection, Answer> {
        let mut connection = self.connection().await?;
        let mut parameters = Vec::new();
        if envelope.to().iter().any(|address| !address.to_string().is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                self.keep(connection);
                return Err(Answer::new(Outcome::Refused, "the mail server takes no addresses with such letters"));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let mail = Mail::new(envelope.from().cloned(), parameters);
        connection.command(mail).await.map_err(|error| of_sender(&error))?;
        for to in envelope.to() {
            // Of what comes before the mail itself, only this is about who it is for.
            let refused = |error: Error| of_receiver(&error);
            connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(refused)?;
        }
        connection.command(Data).await.map_err(|error| of_sender(&error))?;
        Ok(connection)
    }
}

#[tonic::async_trait]
impl MailTransport for SmtpTransport {
    async fn hand_over(&self, letter: &Letter) -> Answer {
        let Ok((envelope, bytes)) = letter.to_wire() else {
            return Answer::new(Outcome::Refused, "the address cannot be written into a mail");
        };
        let mut connection = match timeout(self.ready_max, self.prepare(&envelope)).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(answer)) => return answer,
            Err(_) => return Answer::new(Outcome::NotReached, "the mail server did not answer in time"),
        };
        match timeout(self.answer_max, connection.message(&bytes)).await {
            Ok(Ok(response)) => {
                self.keep(connection);
                let words = response.message().collect::<Vec<_>>().join(" ");
                Answer::new(Outcome::Accepted, format!("{} {words}", response.code()))
            }
            Ok(Err(error)) if is_policy(&error) => Answer::new(Outcome::RefusedForNow, error.to_string()),
            Ok(Err(error)) => told(&error).unwrap_or_else(|| Answer::new(Outcome::Unsure, error.to_string())),
            Err(_) => Answer::new(Outcome::Unsure, "the mail server took the message and did not answer"),
        }
    }

    fn name(&self) -> &'static str {
        "smtp"
    }
}

/// The certificates of the file, or the system's; none where they cannot be read.
fn tls(host: &str, ca: Option<&str>) -> Option<TlsParameters> {
    let Some(file) = ca else { return TlsParameters::new(host.to_owned()).ok() };
    let certificate = Certificate::from_pem(&fs::read(file).ok()?).ok()?;
    let builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::None);
    builder.add_root_certificate(certificate).build().ok()
}

/// Why there is no conversation. A handshake that fails for what the other side shows is told apart from a line that is broken.
fn not_reached(error: &Error) -> Answer {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::InvalidData) {
            return Answer::new(Outcome::NotSafe, format!("no safe connection to the mail server: {error}"));
        }
        cause = error.source();
    }
    Answer::new(Outcome::NotReached, error.to_string())
}

/// The server broke off before it had the mail.
fn not_sent(error: &Error) -> Answer {
    Answer::new(Outcome::NotReached, error.to_string())
}

/// What the server said before it heard of a recipient, or when it had agreed to all: a refusal is about this sender, and would meet
/// every other mail too.
fn of_sender(error: &Error) -> Answer {
    if error.is_permanent() {
        return Answer::new(Outcome::SenderRefused, error.to_string());
    }
    told(error).unwrap_or_else(|| not_sent(error))
}

/// What the server said of a receiver. Many servers say only here what they have against the sender, or against whom it sends through.
fn of_receiver(error: &Error) -> Answer {
    if !error.is_permanent() {
        return told(error).unwrap_or_else(|| not_sent(error));
    }
    let words = error.to_string();
    let outcome = match refused_receiver(&words) {
        Refusal::NoSuchAddress => Outcome::NoSuchAddress,
        Refusal::Sender => Outcome::SenderRefused,
        Refusal::Rule => Outcome::RefusedForNow,
        Refusal::Mail => Outcome::Refused,
    };
    Answer::new(outcome, words)
}

/// Whether the mail was read and refused by a rule (RFC 3463, `5.7.x`): mostly a sender that is not signed or allowed, which somebody
/// can put right before the mail expires. It may also be about these words, so the mails of others are tried. What the server has
/// against the form or size of one mail it says otherwise.
fn is_policy(error: &Error) -> bool {
    error.is_permanent() && error.source().is_some_and(|said| said.to_string().trim_start().starts_with("5.7."))
}

/// What the server said; none where it said nothing.
fn told(error: &Error) -> Option<Answer> {
    if error.is_permanent() {
        Some(Answer::new(Outcome::Refused, error.to_string()))
    } else if error.is_transient() {
        Some(Answer::new(Outcome::RefusedForNow, error.to_string()))
    } else {
        None
    }
}

/// What a refusal for good after RCPT is about.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// There is no such receiver.
    NoSuchAddress,
    /// The sender's address: it would meet every other mail too.
    Sender,
    /// A rule, or something that it does not say: somebody may put it right before the mail expires.
    Rule,
    /// This mail to this receiver, such as a mailbox that is full.
    Mail,
}

/// What the server says without a status when there is no such receiver. Anything else may be about us.
const NOT_KNOWN: &[&str] = &[
    "user unknown",
    "unknown user",
    "no such user",
    "user not found",
    "user not local",
    "user doesn't exist",
    "does not exist",
    "no such recipient",
    "unknown recipient",
    "recipient unknown",
    "no such mailbox",
    "unknown mailbox",
    "mailbox not found",
    "invalid mailbox",
    "no mailbox",
    "no such address",
    "address unknown",
    "unknown address",
];

/// A status of RFC 3463 says more than the code: 5.7.1 is a rule about us, 5.2.2 a full mailbox, and what is wrong with the sender's
/// address is said in 5.1 too.
fn refused_receiver(words: &str) -> Refusal {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_status = |word: &&str| word.split('.').count() == 3 && word.split('.').all(is_number);
    let marks = |letter: char| !letter.is_ascii_digit() && letter != '.';
    match words.split(marks).find(is_status) {
        Some("5.1.7" | "5.1.8" | "5.1.9") => Refusal::Sender,
        Some(status) if is_for_good(status) => Refusal::NoSuchAddress,
        Some(status) if status.starts_with("5.7.") => Refusal::Rule,
        Some(_) => Refusal::Mail,
        None => {
            let words = words.to_ascii_lowercase();
            let is_not_known = NOT_KNOWN.iter().any(|said| words.contains(said)) && !words.contains("sender");
            if is_not_known { Refusal::NoSuchAddress } else { Refusal::Rule }
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

/// Percent-decoding: passwords hold all sorts of letters.
fn decoded(text: &str) -> String {
    let (bytes, mut plain, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        if let Some(byte) = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            plain.push(byte);
            at += 3;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_never_sent_in_plain_over_the_net() {
        assert!(SmtpTransport::new("smtp://localhost:25?tls=none", "h").is_ok());
        assert_eq!(SmtpTransport::new("smtp://mail.example.org?tls=none", "h").unwrap_err(), WrongUrl::Plain);
        assert_eq!(SmtpTransport::new("http://mail.example.org", "h").unwrap_err(), WrongUrl::Form);
        assert_eq!(SmtpTransport::new("mail.example.org", "h").unwrap_err(), WrongUrl::Form);
    }

    #[test]
    fn a_receiver_who_does_not_exist_is_told_apart_from_rules_about_us() {
        for (words, refusal) in [
            ("permanent error (550): no such user", Refusal::NoSuchAddress),
            ("permanent error (551): User not local", Refusal::NoSuchAddress),
            ("permanent error (550): 5.1.1 <a@10.0.0.1>: unknown in 1.2.3.4", Refusal::NoSuchAddress),
            ("permanent error (554): 5.1.0 Address rejected.", Refusal::NoSuchAddress),
            ("permanent error (550): 5.2.1 mailbox disabled", Refusal::NoSuchAddress),
            ("permanent error (553): 5.1.8 sender's domain does not exist", Refusal::Sender),
            ("permanent error (550): 5.7.1 refused by policy", Refusal::Rule),
            ("permanent error (550): relay not permitted", Refusal::Rule),
            ("permanent error (550): Sender verify failed: no such user", Refusal::Rule),
            ("permanent error (550): Administrative prohibition", Refusal::Rule),
            ("permanent error (554): go away", Refusal::Rule),
            ("permanent error (552): 5.2.2 mailbox full", Refusal::Mail),
        ] {
            assert_eq!(refused_receiver(words), refusal, "{words}");
        }
    }

    #[test]
    fn a_password_may_hold_any_letter_and_is_not_shown() {
        assert_eq!(decoded("a%40b%2Fc%zz"), "a@b/c%zz");
        let transport = SmtpTransport::new("smtps://user:s3cret@mail.example.org", "h").unwrap();
        assert_eq!(format!("{transport:?}"), "SmtpTransport(mail.example.org:465)");
    }
}
