//! One look at something that is due: what is true now, what the gates say, and the hand-over. The message's version is the lock: of
//! all who look at the same moment one takes it, writes down that it is being handed over, and only then talks to the provider.

mod by_text;
mod hand_over;
mod refused;
mod together;

use std::sync::Arc;

use parking_lot::Mutex;
use turnout_platform::{clock::Clock, failure::Failure, lifecycle::Lifecycle};
use turnout_proto::{
    notifications::v1::Template,
    registration::v1::{EventState, RegistrationState, RsvpState},
};

use crate::{
    compose::{Composer, Secret, Truth, milliseconds, starts_at_ms},
    consents::{self, Texts},
    domain::{
        gates::{EventFacts, Facts, Place, RegistrationFacts, Verdict, judge},
        join,
        life::{self, Input},
        message::{Channel, Kind, Message, State},
        plan,
        quiet::QuietHours,
        render::times,
        retry::Breaker,
    },
    fan_out::{FanOuts, Taken},
    metrics::Metrics,
    notices::Receivers,
    planner::{Changed, Planner},
    store::{AddressKey, DueRow, MINUTE_MS, OWNER, Saved, Store, Target},
    transport::{MailTransport, SmsGateway, WebhookSender},
    upstream,
    worker::Hurry,
};

pub(crate) use by_text::AskedForTexts;
use by_text::may_have_a_text;

/// A row stays under watch for so long: what it leads to may be written just after it.
const FRESH_MS: i64 = 60_000;

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looked {
    /// The row need not be looked at again: there is another where one is needed.
    Settled,
    /// Look again soon.
    Keep,
}

/// Looks at what is due. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Looker {
    pub store: Store,
    pub planner: Planner,
    pub fan_outs: FanOuts,
    pub composer: Composer,
    pub mail: Arc<dyn MailTransport>,
    pub sms: Option<SmsGateway>,
    pub webhooks: WebhookSender,
    pub mail_breaker: Arc<Mutex<Breaker>>,
    pub sms_breaker: Arc<Mutex<Breaker>>,
    pub receivers: Arc<Receivers>,
    pub asked_for_texts: Arc<AskedForTexts>,
    pub hurry: Hurry,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
    pub life: Lifecycle,
}

impl Looker {
    /// Looks. What another service refuses for good is not asked for ever.
    pub async fn look(&self, row: &mut DueRow) -> Result<Looked, Failure> {
        match self.look_into(row).await {
            Err(failure) => match upstream::refusal(&failure) {
                Some(refusal) => self.was_refused(row, refusal).await,
                None => Err(failure),
            },
            looked => looked,
        }
    }

    async fn look_into(&self, row: &DueRow) -> Result<Looked, Failure> {
        match &row.target {
            Target::FanOut { event, name } => match self.fan_outs.take(&row.tenant, event, name).await? {
                Taken::Held(held) => {
                    let fan_outs = self.fan_outs.clone();
                    self.life.spawn("fan out", async move {
                        if let Err(failure) = fan_outs.run(held).await {
                            tracing::warn!(%failure, "work over an event's registrants stopped; it goes on after its lease");
                        }
                        Ok(())
                    });
                    Ok(Looked::Settled)
                }
                Taken::Busy => Ok(Looked::Keep),
                Taken::Until { ms } => self.later(row, ms).await,
                Taken::Done => Ok(Looked::Settled),
                Taken::Missing => Ok(self.old_enough(row)),
            },
            Target::Plan { event, registration, change, version, by_person } => {
                let what = Changed { change: *change, version: *version, by_person: *by_person };
                let due = self.planner.registration_changed(&row.tenant, event, registration, what).await?;
                if let Some(message) = due {
                    self.hurry.look_at(&row.tenant, Target::Message(message));
                }
                Ok(Looked::Settled)
            }
            Target::Message(id) | Target::Notice(id) => {
                let Some(message) = self.store.message(&row.tenant, id).await? else { return Ok(self.old_enough(row)) };
                self.look_at_message(row, message).await
            }
        }
    }

    async fn look_at_message(&self, row: &DueRow, message: Message) -> Result<Looked, Failure> {
        let now_ms = self.now_ms();
        let Some(look_at_ms) = message.look_at_ms() else {
            // Whoever ended it may have died before it was counted.
            self.store.count(&message).await?;
            return Ok(Looked::Settled);
        };
        if look_at_ms > now_ms {
            return self.later(row, look_at_ms).await;
        }
        if message.state == State::Sending {
            tracing::warn!(message = %message.id, "whoever handed this message over did not say what became of it");
            let carrier = match &message.carrier {
                Some(carrier) => self.store.message(&message.tenant, carrier).await?,
                None => None,
            };
            return self.apply(&message, join::fate(&message, carrier.as_ref(), now_ms)).await;
        }
        if message.is_notice() {
            return self.notice(&message).await;
        }
        if self.breaker(message.channel).lock().is_open(self.clock.now_ms()) {
            self.remind_by_text_meanwhile(&message).await?;
            return Ok(Looked::Keep);
        }
        let (truth, template) = self.truth(&message).await?;
        let facts = self.facts(&message, &truth, &template).await?;
        if may_have_a_text(&message) {
            self.remind_by_text_too(&message, &truth).await?;
        }
        match judge(&message, &facts, now_ms) {
            Verdict::Skip(reason) => {
                self.give_up_turn(&message).await?;
                self.apply(&message, Input::Skip(reason)).await
            }
            Verdict::Wait => Ok(Looked::Keep),
            Verdict::Defer { until_ms, reason } => self.apply(&message, Input::Defer { until_ms, reason }).await,
            Verdict::Send => self.send(&message, &truth, &template).await,
        }
    }

    pub(crate) async fn apply(&self, message: &Message, input: Input) -> Result<Looked, Failure> {
        let now_ms = self.now_ms();
        let Some(next) = life::next(message, input, now_ms) else { return Ok(Looked::Keep) };
        match self.store.save(&next, now_ms).await? {
            Saved::Yes => Ok(Looked::Settled),
            Saved::Changed => Ok(Looked::Keep),
        }
    }

    async fn truth(&self, message: &Message) -> Result<(Truth, Template), Failure> {
        let (tenant, upstream) = (&message.tenant, &self.planner.upstream);
        let mut truth = Truth { settings: self.store.settings(tenant).await?, ..Truth::default() };
        let template = self.store.template(tenant, message.event.as_ref(), message.kind).await?;
        if let Some(event) = &message.event {
            truth.event = upstream.event(tenant, event).await?;
            if !message.registration.is_empty() {
                truth.registration = upstream.registration(tenant, event, &message.registration).await?;
            }
        }
        if message.is_security() {
            truth.secret = Some(self.open(message).await?.unwrap_or_default());
        } else if !message.person.is_empty() {
            truth.person = upstream.person(tenant, &message.person).await?;
            if message.kind == Kind::Reminder || message.channel == Channel::Sms {
                truth.consents = upstream.consents(tenant, &message.person).await?;
                let vault = self.store.vault();
                truth.texts = Texts::of(&truth, |number| vault.number_hash(tenant, &message.person, number));
            }
        }
        Ok((truth, template))
    }

    async fn facts(&self, message: &Message, truth: &Truth, template: &Template) -> Result<Facts, Failure> {
        let (tenant, now_ms, settings) = (&message.tenant, self.now_ms(), &truth.settings);
        let by_mail = message.channel == Channel::Email;
        let address = if by_mail { truth.email() } else { &truth.texts.number };
        let suppressed = !address.is_empty() && {
            let key = self.store.address_key(tenant, message.channel, &canonical(address));
            self.store.standing(tenant, message.channel, &AddressKey::of(&key)).await?.is_suppressed(now_ms)
        };
        let (mut newer_is_due, mut reminded_at_ms) = (false, None);
        if !message.is_security() && !message.registration.is_empty() {
            let siblings = self.store.of_registration(tenant, &message.registration).await?;
            let waits = |other: &Message| other.kind == Kind::Change && other.is_open();
            let news_is_off = message.kind == Kind::Reminder
                && siblings.iter().any(waits)
                && self.store.template(tenant, message.event.as_ref(), Kind::Change).await?.off;
            newer_is_due = siblings.iter().any(|other| plan::supersedes(other, message, news_is_off, now_ms));
        }
        if join::takes_turns(message) {
            reminded_at_ms = self.store.turn(tenant, &message.person).await?.of_another(&message.id);
        }
        Ok(Facts {
            kind_off: template.off,
            event: truth.event.as_ref().map(|event| EventFacts {
                cancelled: event.state() == EventState::Cancelled,
                starts_at_ms: starts_at_ms(event),
            }),
            registration: registration_facts(message, truth),
            has_address: !address.is_empty(),
            has_gateway: by_mail || self.sms.is_some(),
            consent: if by_mail { consents::said(&truth.consents, consents::EMAIL) } else { truth.texts.consent },
            opt_in: settings.reminders_opt_in,
            suppressed,
            newer_is_due,
            quiet: QuietHours { from_min: settings.quiet_from_min, to_min: settings.quiet_to_min },
            zone: times::zone(truth.zone()),
            reminded_at_ms,
        })
    }

    /// A security message's address and link; none when its key is destroyed.
    async fn open(&self, message: &Message) -> Result<Option<Secret>, Failure> {
        Ok(self.opened(message).await?.and_then(|plain| serde_json::from_slice(&plain).ok()))
    }

    /// A message's sealed part; none when its key is destroyed.
    pub(crate) async fn opened(&self, message: &Message) -> Result<Option<Vec<u8>>, Failure> {
        let owner = if message.person.is_empty() { OWNER } else { &message.person };
        let key = self.store.vault().existing(&message.tenant, owner).await?;
        Ok(key.and_then(|key| key.open(&sealed_for(message), &message.sealed)))
    }

    fn breaker(&self, channel: Channel) -> &Mutex<Breaker> {
        if channel == Channel::Email { &self.mail_breaker } else { &self.sms_breaker }
    }

    /// What is to be looked at later has a row of its own for that moment. A row is seen from the beginning of its minute, so for what
    /// comes within a minute this may be the one.
    async fn later(&self, row: &DueRow, look_at_ms: i64) -> Result<Looked, Failure> {
        let now_ms = self.now_ms();
        if look_at_ms - now_ms < MINUTE_MS || self.old_enough(row) == Looked::Keep {
            return Ok(Looked::Keep);
        }
        if row.is_on_the_way_to(look_at_ms) {
            self.store.look_at(&row.tenant, &row.target, look_at_ms, now_ms).await?;
        }
        Ok(Looked::Settled)
    }

    fn old_enough(&self, row: &DueRow) -> Looked {
        if self.now_ms() - row.placed_at_ms > FRESH_MS { Looked::Settled } else { Looked::Keep }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.at_ms() as i64
    }
}

/// Where a message's sealed part belongs.
pub(crate) fn sealed_for(message: &Message) -> String {
    format!("messages/{}", message.id)
}

/// An address in the form in which it is compared.
pub(crate) fn canonical(address: &str) -> String {
    turnout_platform::canonical::email(address).map_or_else(|_| address.to_owned(), |email| email.as_str().to_owned())
}

fn registration_facts(message: &Message, truth: &Truth) -> Option<RegistrationFacts> {
    if message.registration.is_empty() {
        return None;
    }
    // A registration that is gone is as good as cancelled.
    let Some(registration) = &truth.registration else {
        return Some(RegistrationFacts {
            place: Place::Cancelled,
            entered: false,
            declined: false,
            registered_at_ms: 0,
        });
    };
    let place = match registration.state() {
        RegistrationState::Registered => Place::Taken,
        RegistrationState::Waiting => Place::Waiting,
        _ => Place::Cancelled,
    };
    Some(RegistrationFacts {
        place,
        entered: registration.first_entered_at.is_some() || registration.checked_in_at.is_some(),
        declined: registration.rsvp() == RsvpState::Declined,
        registered_at_ms: registration.registered_at.as_ref().map(milliseconds).unwrap_or_default(),
    })
}
