//! Reminders that ride in the mail of another: finds them, leases each in the ledger before the hand-over, and writes down what became
//! of each after it. Which may ride is decided in `domain::join`; what can go wrong with them never holds up the one that carries.

use futures_util::future::join_all;
use turnout_platform::failure::Failure;
use turnout_proto::notifications::v1::Template;

use super::{Looker, canonical};
use crate::{
    compose::{self, Truth},
    domain::{
        gates::{Facts, judge_ahead},
        join::{self, Seat, TOGETHER_MAX, WINDOW_MS},
        life::{self, Input},
        message::{Message, MessageId},
        render::joined::{self, Part},
    },
    store::Saved,
    transport::Letter,
};

/// The newest messages to a person among which riders are looked for. Who has more of them open gets what is beyond in mails of its own.
const LOOKED_THROUGH_MAX: usize = 200;
/// A rider that is looked at by another meanwhile: so often it is read again.
const LEASE_TRIES_MAX: usize = 3;

/// Reminders that go along with one, as they wait or as they are handed over, and what each says.
#[derive(Default)]
pub(super) struct Riders {
    /// What the carrier says; none where nobody rides.
    own: Option<Part>,
    all: Vec<(Message, Part)>,
}

impl Riders {
    pub fn ids(&self) -> Vec<MessageId> {
        self.all.iter().map(|(message, _)| message.id.clone()).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The mail with all that are aboard, from what would be the carrier's own.
    pub fn fill(&mut self, letter: Letter) -> Letter {
        match self.own.take() {
            Some(own) if !self.all.is_empty() => {
                let parts = self.all.iter_mut().map(|(_, part)| std::mem::take(part));
                compose::joined(letter, [own].into_iter().chain(parts).collect())
            }
            _ => letter,
        }
    }
}

impl Looker {
    /// Those that go along with this reminder, which has the person's turn. Where they cannot be found it goes alone.
    pub(super) async fn riders(&self, carrier: &Message, truth: &Truth, template: &Template) -> Riders {
        if !join::is_joinable(carrier) {
            return Riders::default();
        }
        self.find_riders(carrier, truth, template).await.unwrap_or_else(|failure| {
            tracing::warn!(%failure, message = %carrier.id, "what could go out in the same mail was not found");
            Riders::default()
        })
    }

    async fn find_riders(&self, carrier: &Message, truth: &Truth, template: &Template) -> Result<Riders, Failure> {
        let (all, _) = self.store.of_person(&carrier.tenant, &carrier.person, None, LOOKED_THROUGH_MAX).await?;
        let candidates = join::candidates(carrier, all, self.now_ms());
        if candidates.is_empty() {
            return Ok(Riders::default());
        }
        let Ok(own) = self.composer.part(carrier, carrier, template, truth) else { return Ok(Riders::default()) };
        let address = canonical(truth.email());
        let mut riders = Riders { own: Some(own), all: Vec::new() };
        for candidate in candidates {
            if riders.all.len() + 1 == TOGETHER_MAX {
                break;
            }
            // Whoever does not answer is not asked about the others: they go on their own.
            let Ok((truth, template, facts)) = self.asked(&candidate).await else { break };
            let verdict = judge_ahead(&candidate, &facts, WINDOW_MS, self.now_ms());
            let others = riders.all.iter().map(|(message, _)| message);
            let mail: Vec<_> =
                [carrier].into_iter().chain(others).map(|message| Seat { message, address: &address }).collect();
            let seat = Seat { message: &candidate, address: &canonical(truth.email()) };
            if !join::is_taken_along(&mail, seat, verdict) {
                continue;
            }
            let Ok(part) = self.composer.part(carrier, &candidate, &template, &truth) else { continue };
            let others = riders.all.iter().map(|(_, part)| part);
            if !joined::fit(riders.own.iter().chain(others).chain([&part])) {
                continue;
            }
            // As at its own look, which it will not have.
            if self.remind_by_text_too(&candidate, &truth).await.is_err() {
                break;
            }
            riders.all.push((candidate, part));
        }
        Ok(riders)
    }

    /// What is true of a candidate. The turn is its carrier's: no other stands in its way.
    async fn asked(&self, candidate: &Message) -> Result<(Truth, Template, Facts), Failure> {
        let (truth, template) = self.truth(candidate).await?;
        let facts = self.facts(candidate, &truth, &template).await?;
        Ok((truth, template, Facts { reminded_at_ms: None, ..facts }))
    }

    /// Takes them aboard: each is leased like its carrier. Who is gone meanwhile stays behind.
    pub(super) async fn board(&self, carrier: &Message, riders: Riders, now_ms: i64) -> Riders {
        let Riders { own, all } = riders;
        let leases = all
            .into_iter()
            .map(|(message, part)| async move { Some((self.lease(carrier, message, now_ms).await?, part)) });
        Riders { own, all: join_all(leases).await.into_iter().flatten().collect() }
    }

    async fn lease(&self, carrier: &Message, mut message: Message, now_ms: i64) -> Option<Message> {
        for _ in 0..LEASE_TRIES_MAX {
            let begun = life::next(&message, Input::Begin, now_ms)?;
            let address_key = carrier.address_key.clone();
            let sending = Message { carrier: Some(carrier.id.clone()), address_key, ..begun };
            match self.store.save(&sending, now_ms).await {
                Ok(Saved::Yes) => return Some(sending),
                Ok(Saved::Changed) => {}
                // It may be leased: then it finds out after its lease that its carrier went without it.
                Err(_) => return None,
            }
            message = self.store.message(&message.tenant, &message.id).await.ok()??;
            if !join::may_ride(carrier, &message, now_ms) {
                return None;
            }
        }
        None
    }

    /// Writes down what became of those that were aboard, from what became of their carrier.
    pub(super) async fn let_off(&self, carrier: &Message, riders: Riders) {
        let now_ms = self.now_ms();
        let records = riders.all.iter().map(|(sending, _)| async move {
            if let Err(failure) = self.record(sending, join::fate(sending, Some(carrier), now_ms)).await {
                tracing::warn!(%failure, message = %sending.id, "what became of a reminder shows after its lease");
            }
        });
        join_all(records).await;
    }
}
