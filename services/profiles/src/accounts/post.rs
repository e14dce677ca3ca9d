//! Makes links and hands them over to be sent: the one place where the secret of a link is made. Who gets one, and what for, is
//! decided by those who ask; what a link does when it is used, by `links`.

use std::{future::Future, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use turnout_platform::{
    canonical::CanonicalEmail, clock::Clock, failure::Failure, ids::TenantId, lifecycle::Lifecycle, random,
    vault::Vault,
};

use super::{
    domain::{
        fields::{Purpose, Realm},
        secrets::{AccountId, link_id},
    },
    mail::{Letter, Mail},
    metrics::{LinkOutcome, Metrics},
    residents::Place,
    store::{CONFIRMATION_S, LINK_S, Link, Scope, Store},
};

/// Requested links that wait or are being sent; beyond it a request is refused, for a known address and an unknown one.
const LINK_REQUESTS_MAX: usize = 256;
/// When to come back after that.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Who a link is for. It has no `Debug`: it is personal.
pub(crate) struct Addressee {
    pub realm: Realm,
    pub tenant: TenantId,
    pub account: AccountId,
    /// The account's generation now.
    pub generation: i64,
    pub email: String,
    pub name: String,
    pub language: String,
}

/// What is sent.
pub(crate) struct Wanted {
    pub purpose: Purpose,
    pub return_path: String,
    /// Seconds for which the link works.
    pub life_s: u32,
    /// The reader has just become a member of a team.
    pub invitation: bool,
    /// Of the words; empty for the addressee's own.
    pub language: String,
    /// The event, for the words; may be empty.
    pub event_id: String,
    /// What following the link agrees to, word for word.
    pub agreements: Vec<String>,
}

impl Wanted {
    pub fn link(purpose: Purpose) -> Self {
        let (return_path, language, event_id, agreements) = Default::default();
        Self { purpose, return_path, life_s: LINK_S, invitation: false, language, event_id, agreements }
    }
}

/// The post. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Post {
    store: Store,
    vault: Vault,
    clock: Arc<dyn Clock>,
    mail: Mail,
    metrics: Metrics,
    life: Lifecycle,
    /// Room for links that were requested.
    requests: Arc<Semaphore>,
    /// A tenant that nobody has.
    nowhere: TenantId,
}

impl Post {
    pub fn new(
        store: Store,
        vault: Vault,
        clock: Arc<dyn Clock>,
        mail: Mail,
        metrics: Metrics,
        life: Lifecycle,
    ) -> Self {
        let requests = Arc::new(Semaphore::new(LINK_REQUESTS_MAX));
        let nowhere = "-".parse().expect("a dash is an id");
        Self { store, vault, clock, mail, metrics, life, requests, nowhere }
    }

    /// Room for one requested link.
    pub fn room(&self) -> Result<OwnedSemaphorePermit, Failure> {
        self.requests.clone().try_acquire_owned().map_err(|_| Failure::Overloaded { retry_after: RETRY_AFTER })
    }

    /// Makes a link and sends it.
    pub async fn send(&self, to: &Addressee, wanted: &Wanted) -> Result<(), Failure> {
        self.send_with(to, wanted, random::token_256(), String::new()).await
    }

    /// Asks whoever reads the mail of an address whether what a form said is theirs, in the form's words. Asking again for the same
    /// request is the same link and one letter, since its secret is a keyed hash of the request: what fails here is to be asked again.
    pub async fn ask_to_confirm(
        &self,
        to: &Addressee,
        email: &CanonicalEmail,
        request: String,
        agreements: Vec<String>,
    ) -> Result<(), Failure> {
        let asked = self.try_to_ask(to, email, request, agreements).await;
        let outcome = asked.as_ref().copied().unwrap_or(LinkOutcome::NotSent);
        self.metrics.link(Some(Purpose::Verify), outcome);
        asked.map(drop)
    }

    async fn try_to_ask(
        &self,
        to: &Addressee,
        email: &CanonicalEmail,
        request: String,
        agreements: Vec<String>,
    ) -> Result<LinkOutcome, Failure> {
        let secret = self.vault.blind(&to.tenant, "confirmation", &format!("{}\0{request}", to.account));
        let token = BASE64_URL_SAFE_NO_PAD.encode(secret);
        // A link that is there was counted before, and leads to no second letter.
        if self.store.unused_link(&id_of(&token)?).await?.is_none() {
            let tries = self.tries_key(&Place::Audience(to.tenant.clone()), email);
            if self.store.reserve(Scope::Link, tries, self.clock.at_ms() as i64).await?.is_err() {
                // Somebody fills a mailbox. What was asked stays in the ledger, and counts for nothing.
                return Ok(LinkOutcome::NotSent);
            }
        }
        let wanted = Wanted { life_s: CONFIRMATION_S, agreements, ..Wanted::link(Purpose::Verify) };
        self.send_with(to, &wanted, token, request).await?;
        Ok(LinkOutcome::Sent)
    }

    /// Does what ends in a link, without anybody waiting for it.
    pub fn in_background(
        &self,
        what: &'static str,
        purpose: Purpose,
        sending: impl Future<Output = Result<LinkOutcome, Failure>> + Send + 'static,
    ) {
        let metrics = self.metrics.clone();
        self.life.spawn(what, async move {
            let outcome = sending.await.unwrap_or_else(|error| {
                tracing::warn!(%error, what, "a link was not sent");
                LinkOutcome::NotSent
            });
            metrics.link(Some(purpose), outcome);
            Ok(())
        });
    }

    async fn send_with(&self, to: &Addressee, wanted: &Wanted, token: String, confirms: String) -> Result<(), Failure> {
        let at_ms = self.clock.at_ms() as i64;
        let link = Link {
            id: id_of(&token)?,
            purpose: wanted.purpose,
            realm: to.realm,
            tenant: to.tenant.clone(),
            account: to.account.clone(),
            generation: to.generation,
            return_path: wanted.return_path.clone(),
            confirms,
            expires_at_ms: at_ms + i64::from(wanted.life_s) * 1000,
        };
        let link = self.store.add_link(link, at_ms).await?;
        self.mail.send(Letter { link: &link, token: &token, to, wanted }).await
    }

    /// By what tries for an address are counted, whether or not it is anybody's.
    pub fn tries_key(&self, place: &Place, email: &CanonicalEmail) -> [u8; 32] {
        let tenant = match place {
            Place::Team => &self.nowhere,
            Place::Audience(tenant) => tenant,
        };
        self.vault.blind(tenant, place.realm().word(), email.as_str())
    }
}

fn id_of(token: &str) -> Result<String, Failure> {
    link_id(token).ok_or_else(|| Failure::internal("a link's secret cannot be read"))
}
