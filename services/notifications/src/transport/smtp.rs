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
        let steps = async {
            connection.command(Mail::new(envelope.from().cloned(), parameters)).await?;
            for to in envelope.to() {
                connection.command(Rcpt::new(to.clone(), Vec::new())).await?;
            }
            connection.command(Data).await
        };
        match steps.await {
            Ok(_) => Ok(connection),
            Err(error) => Err(told(&error).unwrap_or_else(|| Answer::new(Outcome::NotReached, error.to_string()))),
        }
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
    fn a_password_may_hold_any_letter_and_is_not_shown() {
        assert_eq!(decoded("a%40b%2Fc%zz"), "a@b/c%zz");
        let transport = SmtpTransport::new("smtps://user:s3cret@mail.example.org", "h").unwrap();
        assert_eq!(format!("{transport:?}"), "SmtpTransport(mail.example.org:465)");
    }
}
