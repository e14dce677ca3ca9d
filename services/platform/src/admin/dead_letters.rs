//! Dead letters for operators: which messages the consumers of this process gave up, and sending them again. Only who holds the mesh
//! key may ask. It does not know what a message is about, and does not try anything again by itself.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::{get, post},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    auth::{TokenKind, TokenVerifier},
    bus::{
        BusError, Subject,
        durable::{Consumer, DeadLetter, Deliveries, DurableBus, DurableMessage, SharedDurableBus},
    },
    clock::Clock,
    random,
};

/// The path of the list.
pub const LIST: &str = "/dead-letters";
/// The path at which they are sent again.
pub const REPLAY: &str = "/dead-letters/replay";

/// A dead letter as it is listed. It holds no personal data: messages carry ids only, and errors must not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Who gave it up.
    pub consumer: String,
    /// Its id.
    pub id: String,
    /// The subject it was sent to.
    pub subject: String,
    /// How often it had been delivered.
    pub deliveries: u32,
    /// What the consumer said last.
    pub error: String,
    /// Why it was not sent again; none when it was, or was to be listed only.
    pub refused: Option<String>,
}

/// The dead letters of this process's consumers. A clone is another handle on the same.
#[derive(Clone, Default)]
pub struct DeadLetters(Arc<OnceLock<Watched>>);

/// A bus that remembers who consumes from it by name.
#[derive(Clone)]
struct Watched {
    bus: SharedDurableBus,
    consumers: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl DeadLetters {
    /// The same bus, whose consumers are known here from now on. For the one durable bus of a process.
    pub fn watch(&self, bus: SharedDurableBus) -> SharedDurableBus {
        Arc::new(self.0.get_or_init(|| Watched { bus, consumers: Arc::default() }).clone())
    }

    /// The oldest of each consumer.
    async fn list(&self) -> Result<Vec<Listed>, BusError> {
        let Some(watched) = self.0.get() else { return Ok(Vec::new()) };
        let letters = watched.dead().await?;
        Ok(letters.iter().map(|(consumer, letter)| listed(consumer, letter, None)).collect())
    }

    /// Sends them again, to all their consumers: those that have done their part take a repeated message for what it is. One that the bus
    /// will never take stays, and holds up no other.
    async fn replay(&self) -> Result<Vec<Listed>, BusError> {
        let Some(watched) = self.0.get() else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for (consumer, letter) in watched.dead().await? {
            let refused = match watched.send_again(consumer, &letter).await {
                Ok(()) => None,
                Err(away @ BusError::Unreachable(_)) => return Err(away),
                Err(refused) => Some(refused.to_string()),
            };
            all.push(listed(consumer, &letter, refused));
        }
        Ok(all)
    }

    pub(super) fn routes(self, verifier: TokenVerifier, clock: Arc<dyn Clock>) -> Router {
        let desk = Desk { letters: self, verifier: Arc::new(verifier), clock };
        Router::new().route(LIST, get(list)).route(REPLAY, post(replay)).with_state(desk)
    }
}

impl Watched {
    async fn dead(&self) -> Result<Vec<(&'static str, DeadLetter)>, BusError> {
        let consumers: Vec<_> = self.consumers.lock().iter().copied().collect();
        let mut all = Vec::new();
        for consumer in consumers {
            all.extend(self.bus.dead_letters(consumer).await?.into_iter().map(|letter| (consumer, letter)));
        }
        Ok(all)
    }

    async fn send_again(&self, consumer: &str, letter: &DeadLetter) -> Result<(), BusError> {
        let DeadLetter { subject, id, payload, .. } = letter;
        let subject = Subject::received(subject).ok_or(BusError::Refused("a dead letter without a subject"))?;
        // Under its old id the bus would take it for a message that it has.
        let message = DurableMessage { subject, id: random::sortable_id(), payload: payload.clone(), trace: None };
        let sent_as = message.id.clone();
        self.bus.publish(message).await?;
        tracing::info!(consumer, id, sent_as, "a dead letter is sent again");
        self.bus.forget_dead_letter(consumer, letter).await
    }
}

fn listed(consumer: &str, letter: &DeadLetter, refused: Option<String>) -> Listed {
    let DeadLetter { subject, id, error, deliveries, .. } = letter.clone();
    Listed { consumer: consumer.to_owned(), id, subject, deliveries, error, refused }
}

#[tonic::async_trait]
impl DurableBus for Watched {
    async fn publish(&self, message: DurableMessage) -> Result<(), BusError> {
        self.bus.publish(message).await
    }

    async fn consume(&self, consumer: Consumer) -> Result<Deliveries, BusError> {
        self.consumers.lock().extend(consumer.name);
        self.bus.consume(consumer).await
    }

    async fn dead_letters(&self, consumer: &str) -> Result<Vec<DeadLetter>, BusError> {
        self.bus.dead_letters(consumer).await
    }

    async fn forget_dead_letter(&self, consumer: &str, letter: &DeadLetter) -> Result<(), BusError> {
        self.bus.forget_dead_letter(consumer, letter).await
    }
}

#[derive(Clone)]
struct Desk {
    letters: DeadLetters,
    verifier: Arc<TokenVerifier>,
    clock: Arc<dyn Clock>,
}

type Answer = Result<Json<Vec<Listed>>, (StatusCode, &'static str)>;

impl Desk {
    /// A service of the mesh that acts for nobody: whoever holds the key.
    fn may(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let claims = token.and_then(|token| self.verifier.verify(token, TokenKind::Access, self.clock.at_s()).ok());
        match claims {
            Some(claims) if claims.tid.is_none() && claims.act.is_none() => Ok(()),
            _ => Err((StatusCode::UNAUTHORIZED, "this needs a token of the mesh\n")),
        }
    }
}

fn answer(letters: Result<Vec<Listed>, BusError>) -> Answer {
    letters.map(Json).map_err(|error| {
        tracing::warn!(%error, "dead letters cannot be had now");
        (StatusCode::SERVICE_UNAVAILABLE, "the bus does not answer\n")
    })
}

async fn list(State(desk): State<Desk>, headers: HeaderMap) -> Answer {
    desk.may(&headers)?;
    answer(desk.letters.list().await)
}

async fn replay(State(desk): State<Desk>, headers: HeaderMap) -> Answer {
    desk.may(&headers)?;
    answer(desk.letters.replay().await)
}

#[cfg(test)]
mod tests;
