//! Notices to systems of organisers over HTTPS, signed as the Standard Webhooks specification says. The address is the organiser's own
//! word, so it may lead anywhere: by custom only to the open net, wherever its name resolves to at that moment, and no redirect is
//! followed. The status alone is the answer; what else a receiver says is not read.

use std::{error::Error, fmt, net::IpAddr, sync::Arc, time::Duration};

use reqwest::{
    Client, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::CONTENT_TYPE,
    redirect::Policy,
};
use tokio::net::lookup_host;
use turnout_platform::webhooks;

use crate::domain::public_net::is_public;

const CONNECT_MAX: Duration = Duration::from_secs(5);
/// From the first packet to the status. A receiver should take a notice and work on it later.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How far notices may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To the open net, encrypted.
    Public,
    /// Also inside, and unencrypted: for an installation whose organisers may reach whatever it can.
    Anywhere,
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoticeAnswer {
    /// 2xx.
    Taken,
    /// 410: there is nobody any more, and never again.
    Gone,
    /// 3xx.
    Redirects,
    /// Another 4xx.
    Refuses,
    /// Another status.
    Fails,
    /// The address is not one of the open net, or not encrypted. Nothing was sent.
    Private,
    /// No connection. Nothing was sent.
    NotReached,
    /// It may have been taken.
    NoAnswer,
}

/// A notice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notice<'a> {
    /// The same whenever it is sent.
    pub id: &'a str,
    /// When it is sent, seconds since 1970.
    pub at_s: i64,
    pub body: &'a [u8],
    /// It is signed with each.
    pub secrets: &'a [Vec<u8>],
}

/// The way for notices to leave. A clone is another handle on the same.
#[derive(Debug, Clone)]
pub struct WebhookSender {
    client: Client,
    reach: Reach,
}

impl WebhookSender {
    /// With this reach.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn new(reach: Reach) -> reqwest::Result<Self> {
        Self::with_patience(reach, ANSWER_MAX)
    }

    /// Waits only so long for an answer.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn with_patience(reach: Reach, answer_max: Duration) -> reqwest::Result<Self> {
        let builder = Client::builder()
            .connect_timeout(CONNECT_MAX)
            .timeout(answer_max)
            .redirect(Policy::none())
            // A proxy would resolve the name for itself.
            .no_proxy()
            .user_agent("Turnout");
        let builder = match reach {
            Reach::Public => builder.https_only(true).dns_resolver(Arc::new(PublicOnly)),
            Reach::Anywhere => builder,
        };
        Ok(Self { client: builder.build()?, reach })
    }

    /// How far it goes.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// Hands a notice over.
    pub(crate) async fn hand_over(&self, url: &str, notice: &Notice<'_>) -> NoticeAnswer {
        let Ok(url) = url.parse::<Url>() else { return NoticeAnswer::NotReached };
        if self.reach == Reach::Public && !may_be_public(&url) {
            return NoticeAnswer::Private;
        }
        let Notice { id, at_s, body, secrets } = notice;
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", *id)
            .header("webhook-timestamp", at_s.to_string())
            .header("webhook-signature", webhooks::signature(id, *at_s, body, secrets))
            .body(body.to_vec());
        match request.send().await {
            Ok(answer) => said(answer.status()),
            Err(error) if is_private(&error) => NoticeAnswer::Private,
            Err(error) if error.is_connect() || error.is_builder() => NoticeAnswer::NotReached,
            Err(_) => NoticeAnswer::NoAnswer,
        }
    }
}

fn said(status: StatusCode) -> NoticeAnswer {
    match status {
        StatusCode::GONE => NoticeAnswer::Gone,
        status if status.is_success() => NoticeAnswer::Taken,
        status if status.is_redirection() => NoticeAnswer::Redirects,
        status if status.is_client_error() => NoticeAnswer::Refuses,
        _ => NoticeAnswer::Fails,
    }
}

/// An address in figures is not resolved, so it is looked at here. One without encryption may stand in the settings from a time when
/// the installation allowed it.
fn may_be_public(url: &Url) -> bool {
    if url.scheme() != "https" {
        return false;
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.parse::<IpAddr>().map_or(true, is_public)
}

/// The connection is made to what was looked at: a name that leads elsewhere a moment later gains nothing.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<_> = lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().all(|address| is_public(address.ip())) {
                Ok(Box::new(found.into_iter()) as Addrs)
            } else {
                Err(Box::new(NotPublic) as Box<dyn Error + Send + Sync>)
            }
        })
    }
}

#[derive(Debug)]
struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name does not lead to the open net")
    }
}

impl Error for NotPublic {}

fn is_private(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn to(url: &str) -> NoticeAnswer {
        let notice = Notice { id: "n1", at_s: 0, body: b"{}", secrets: &[vec![1]] };
        WebhookSender::new(Reach::Public).unwrap().hand_over(url, &notice).await
    }

    #[tokio::test]
    async fn what_is_inside_the_network_or_not_encrypted_is_not_called_however_its_address_is_written() {
        for inside in [
            "https://127.0.0.1/hook",
            "https://2130706433/hook",
            "https://0x7f.1/hook",
            "https://[::1]:8443/hook",
            "https://[::ffff:10.0.0.1]/hook",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost/hook",
            "http://93.184.215.14/hook",
        ] {
            assert_eq!(to(inside).await, NoticeAnswer::Private, "{inside}");
        }
    }
}
