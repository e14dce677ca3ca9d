//! The hand-over: whose turn it is, what is written down before a provider hears of the message, and what becomes of it then. Whether
//! the message goes out at all was decided before.

use std::time::Duration;

use tokio::time::sleep;
use turnout_platform::{failure::Failure, random};
use turnout_proto::notifications::v1::Template;

use super::{Looked, Looker, canonical, together::Riders};
use crate::{
    compose::Truth,
    domain::{
        gates::{CAP_MS, GATHERING_MS},
        join::takes_turns,
        life::{self, Input, Report},
        message::{Channel, Message, Reason, State},
        retry::JITTER_PERMILLE_MAX,
        suppression::Standing,
    },
    store::{AddressKey, Saved, Turn},
    transport::{Letter, Outcome},
};

/// What a provider said is worth so many tries to write down, so far apart.
const RECORD_TRIES_MAX: u32 = 8;
const RECORD_PAUSE: Duration = Duration::from_millis(250);
/// Whoever was held up for so long since it leased what goes out together hands nothing over: the conversation with the mail server might
/// outlast the leases, and others tell the riders then that they were not sent.
const HELD_UP_MS: i64 = 5_000;

impl Looker {
    pub(super) async fn send(&self, message: &Message, truth: &Truth, template: &Template) -> Result<Looked, Failure> {
        let fault = |fault: crate::domain::render::Fault| Failure::internal(fault.problem);
        let by_mail = message.channel == Channel::Email;
        let (letter, text) = if by_mail {
            (Some(self.composer.letter(message, template, truth, self.now_ms()).map_err(fault)?), String::new())
        } else {
            (None, self.composer.sms(template, truth).map_err(fault)?)
        };
        let turn = if takes_turns(message) {
            let Some(turn) = self.take_turn(message, self.now_ms()).await? else { return Ok(Looked::Keep) };
            Some(turn)
        } else {
            None
        };
        // After the turn: whoever does not get that has not used up the one try that a provider is given.
        let breaker = self.breaker(message.channel);
        if !breaker.lock().allows(self.clock.now_ms()) {
            self.leave_turn(message, turn).await?;
            return Ok(Looked::Keep);
        }
        let riders = if turn.is_some() { self.riders(message, truth, template).await } else { Riders::default() };
        let now_ms = self.now_ms();
        let Some(mut sending) = life::next(message, Input::Begin, now_ms) else { return Ok(Looked::Keep) };
        let address = if by_mail { truth.email() } else { &truth.texts.number };
        sending.address_key = self.store.address_key(&message.tenant, message.channel, &canonical(address)).to_vec();
        // The riders before their carrier: its row says who is in the mail, and counts.
        let mut aboard = self.board(&sending, riders, now_ms).await;
        sending.riders = aboard.ids();
        let saved = self.store.save(&sending, now_ms).await;
        if !matches!(saved, Ok(Saved::Yes)) {
            breaker.lock().was_not_tried(self.clock.now_ms());
            self.let_off(message, aboard).await;
            if saved.is_ok() {
                self.leave_turn(message, turn).await?;
            }
            return saved.map(|_| Looked::Keep);
        }
        let outcome = match (letter, &self.sms) {
            (Some(_), _) if !aboard.is_empty() && self.now_ms() - now_ms > HELD_UP_MS => Outcome::NotReached,
            (Some(letter), _) => self.mail_out(&aboard.fill(letter)).await,
            (None, Some(gateway)) => {
                let outcome = gateway.hand_over(message.id.as_str(), address, &text).await.outcome;
                breaker.lock().record(is_reached(outcome), self.clock.now_ms());
                outcome
            }
            (None, None) => return Ok(Looked::Keep),
        };
        if outcome == Outcome::NoSuchAddress {
            self.suppress(&sending).await;
        }
        let input = input(outcome, by_mail);
        tracing::debug!(message = %message.id, ?outcome, riders = sending.riders.len(), "message handed over");
        let ended = life::next(&sending, input, self.now_ms()).unwrap_or_else(|| sending.clone());
        if ended.state == State::Failed
            && let Some(before) = turn
        {
            // Before it is written down: whoever sees that it failed may take the turn. Without that they take it after its time.
            let given = self.store.give_back_turn(&message.tenant, &message.person, &message.id, &before).await;
            given.unwrap_or_else(|failure| tracing::warn!(%failure, "a turn was not given back"));
        }
        // The carrier first: a rider that nobody gets to follows from it.
        let looked = self.record(&sending, input).await;
        self.let_off(&ended, aboard).await;
        looked
    }

    /// The address does not exist, as a server says at once: as if the mail had come back. If this fails, the next mail hears it again.
    async fn suppress(&self, sending: &Message) {
        let (key, now_ms) = (AddressKey::of(&sending.address_key), self.now_ms());
        let report = format!("refused-{}-{}", sending.id, sending.attempts);
        let after = |standing: &Standing| standing.after(Report::BouncedHard, &report, now_ms);
        if let Err(failure) = self.store.change_standing(&sending.tenant, sending.channel, &key, after).await {
            tracing::warn!(%failure, message = %sending.id, "an address that does not exist is not noted");
        }
    }

    async fn mail_out(&self, letter: &Letter) -> Outcome {
        let outcome = self.mail.hand_over(letter).await.outcome;
        let mut breaker = self.mail_breaker.lock();
        breaker.record(is_reached(outcome), self.clock.now_ms());
        self.metrics.breaker(breaker.is_open(self.clock.now_ms()));
        outcome
    }

    /// Of reminders of several events to one person at the same moment one goes out and takes others along: whoever loses the turn looks
    /// again, and then sees it. A reminder that could not be handed over keeps the turn for its next try; and while another process may
    /// be gathering what goes out with this very message, it is left to that. Gives the turn before this one; none when another was
    /// faster.
    async fn take_turn(&self, message: &Message, now_ms: i64) -> Result<Option<Turn>, Failure> {
        let (tenant, person) = (&message.tenant, message.person.as_str());
        let seen = self.store.turn(tenant, person).await?;
        let is_taken = seen.of_another(&message.id).is_some_and(|at_ms| now_ms - at_ms < CAP_MS);
        if is_taken && !message.on_purpose || seen.is_of(&message.id) && now_ms - seen.at_ms() < GATHERING_MS {
            return Ok(None);
        }
        Ok(self.store.take_turn(tenant, person, &message.id, &seen, now_ms).await?.then_some(seen))
    }

    /// Leaves the turn that was just taken to that before it. One that was this message's own stays: it is that of whoever hands it over.
    async fn leave_turn(&self, message: &Message, turn: Option<Turn>) -> Result<(), Failure> {
        match turn.filter(|before| !before.is_of(&message.id)) {
            Some(before) => self.store.leave_turn(&message.tenant, &message.person, &message.id, &before).await,
            None => Ok(()),
        }
    }

    /// The turn of a reminder that was tried and now never goes out is free for the next.
    pub(super) async fn give_up_turn(&self, message: &Message) -> Result<(), Failure> {
        if takes_turns(message) && !message.on_purpose && message.attempts > 0 {
            self.store.give_back_turn(&message.tenant, &message.person, &message.id, &Turn::default()).await?;
        }
        Ok(())
    }

    /// Writes down what the provider said, against odds: what is not written down has to be guessed.
    pub(crate) async fn record(&self, sending: &Message, input: Input) -> Result<Looked, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.apply(sending, input).await {
                Err(failure) if failure.is_retryable() && tries < RECORD_TRIES_MAX => sleep(RECORD_PAUSE * tries).await,
                other => return other,
            }
        }
    }
}

fn is_reached(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::NotReached | Outcome::NotSafe | Outcome::SenderRefused)
}

fn input(outcome: Outcome, by_mail: bool) -> Input {
    let jitter = random::jitter_below(JITTER_PERMILLE_MAX);
    let (refused, for_now) = if by_mail {
        (Reason::Refused, Reason::RefusedForNow)
    } else {
        (Reason::GatewayRefused, Reason::GatewayRefusedForNow)
    };
    match outcome {
        Outcome::Accepted => Input::Accepted,
        Outcome::NotReached => Input::NotYet { reason: Reason::NotReached, jitter },
        Outcome::NotSafe => Input::NotYet { reason: Reason::NotSafe, jitter },
        Outcome::SenderRefused => Input::NotYet { reason: refused, jitter },
        Outcome::RefusedForNow => Input::NotYet { reason: for_now, jitter },
        Outcome::Refused => Input::Refused(refused),
        Outcome::NoSuchAddress => Input::Refused(Reason::HardBounce),
        Outcome::Unsure => Input::Unsure,
    }
}
