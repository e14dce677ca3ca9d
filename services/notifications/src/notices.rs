//! Notices to an organiser's systems: what became of registrations, events and messages, as ids and words of closed lists, never a name
//! or an address. Each is a row of the ledger like a message to a person, made when the bus tells of the change, and tried until the
//! webhook takes it. What a receiver does not know from the ids it asks over gRPC.

mod again;
mod receivers;

use std::sync::Arc;

use serde_json::{Value, json};
use turnout_platform::{
    clock::Clock,
    failure::Failure,
    ids::{EventId, TenantId},
    random,
};
use turnout_proto::events::v1::{DomainEvent, EventChanged, RegistrationChanged, domain_event::What};

use crate::{
    compose::milliseconds,
    domain::{
        life::{self, Input},
        message::{Channel, Kind, Message, Reason},
        replay::{self, Place},
        retry::{JITTER_PERMILLE_MAX, WEBHOOK_TRIED_MS},
        suppression::Standing,
    },
    look::{Looked, Looker, sealed_for},
    store::{AddressKey, OWNER, Saved, Store, announced},
    transport::{Notice, NoticeAnswer},
};

pub(crate) use receivers::Receivers;

/// Before the change in what a notice tells.
const REGISTRATION: &str = "registration";
const EVENT: &str = "event";
const MESSAGE: &str = "message";

/// Makes notices. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Notices {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
}

/// What there is to tell.
struct News {
    /// Such as `registration.cancelled`.
    what: String,
    /// Of two with the same the second is the first once more.
    same: [String; 3],
    /// Of the registration or the event after the change; 0 where what is told was looked up and so has happened.
    version: i64,
    event: Option<EventId>,
    registration: String,
    at_ms: i64,
    data: Value,
}

impl Notices {
    /// Tells the tenant's webhook, if there is one and this is to be told. Repeating it changes nothing.
    pub async fn tell(&self, tenant: &TenantId, event: &DomainEvent) -> Result<(), Failure> {
        if self.store.settings(tenant).await?.webhook_url.is_empty() {
            return Ok(());
        }
        let at_ms = event.at.as_ref().map(milliseconds).unwrap_or_default();
        let news = match &event.what {
            Some(What::Registration(changed)) => Some(of_registration(changed, at_ms)?),
            Some(What::Event(changed)) => Some(of_event(changed, at_ms)?),
            Some(What::Message(_)) => match announced(&event.message_id) {
                Some(id) => self.store.message(tenant, &id).await?.and_then(of_message),
                None => None,
            },
            None => None,
        };
        let Some(News { what, same, version, event, registration, at_ms, data }) = news else { return Ok(()) };
        let words: Vec<&str> = ["notice"].into_iter().chain(same.iter().map(String::as_str)).collect();
        let now_ms = self.clock.at_ms() as i64;
        let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string();
        let person = data["person_id"].as_str().unwrap_or_default().to_owned();
        let mut message = Message {
            occurrence: what,
            rank: version,
            event,
            registration,
            expires_at_ms: now_ms + WEBHOOK_TRIED_MS,
            ..Message::new(tenant, &words, Kind::Notice, Channel::Webhook, now_ms)
        };
        match self.store.message(tenant, &message.id).await? {
            None => {}
            // It was announced before it had happened, and what was announced in vain is stored under the same version by a later try.
            Some(vain) if replay::was_in_vain(&vain) => message.version = vain.version + 1,
            Some(_) => return Ok(()),
        }
        let (what, sequence) = (&message.occurrence, Place::of(&message).sequence());
        let body = json!({ "type": what, "timestamp": at, "sequence": sequence, "data": data }).to_string();
        self.store.keep_told(&message, &person, body.as_bytes()).await?;
        let key = self.store.vault().key_for(tenant, OWNER).await?;
        message.sealed = key.seal(&sealed_for(&message), body.as_bytes());
        if message.version == 1 {
            self.store.create(&message, now_ms).await?;
        } else {
            // Whoever was faster says the same.
            self.store.save(&message, now_ms).await?;
        }
        Ok(())
    }
}

fn of_registration(changed: &RegistrationChanged, at_ms: i64) -> Result<News, Failure> {
    let RegistrationChanged { event_id, registration_id, person_id, version, .. } = changed;
    let change = word(changed.change().as_str_name(), "REGISTRATION_CHANGE_");
    Ok(News {
        what: format!("{REGISTRATION}.{change}"),
        same: [format!("registration/{event_id}/{registration_id}"), version.to_string(), change],
        version: *version,
        event: Some(event_id.parse().map_err(Failure::internal)?),
        registration: registration_id.clone(),
        at_ms,
        data: json!({
            "event_id": event_id, "registration_id": registration_id, "person_id": person_id, "version": version,
        }),
    })
}

fn of_event(changed: &EventChanged, at_ms: i64) -> Result<News, Failure> {
    let EventChanged { event_id, version, .. } = changed;
    let change = word(changed.change().as_str_name(), "EVENT_CHANGE_");
    Ok(News {
        what: format!("{EVENT}.{change}"),
        same: [format!("event/{event_id}"), version.to_string(), change],
        version: *version,
        event: Some(event_id.parse().map_err(Failure::internal)?),
        registration: String::new(),
        at_ms,
        data: json!({ "event_id": event_id, "version": version }),
    })
}

/// What became of a message, once something has. Links to sign in concern nobody but their person, and notices tell of no notices.
fn of_message(message: Message) -> Option<News> {
    if message.is_open() || message.is_security() || message.is_notice() {
        return None;
    }
    let state = word(message.state.as_str_name(), "MESSAGE_STATE_");
    Some(News {
        what: format!("{MESSAGE}.{state}"),
        same: ["message".to_owned(), message.id.to_string(), state],
        version: 0,
        at_ms: message.state_at_ms,
        data: json!({
            "message_id": message.id.as_str(),
            "event_id": message.event.as_ref().map(EventId::as_str),
            "registration_id": message.registration,
            "person_id": message.person,
            "kind": word(message.kind.as_str_name(), "MESSAGE_KIND_"),
            "occurrence": message.occurrence,
            "channel": word(message.channel.as_str_name(), "MESSAGE_CHANNEL_"),
            "reason": message.reason.map_or("", Reason::word),
        }),
        event: message.event,
        registration: message.registration,
    })
}

/// The name of an enum's value as a word: `MESSAGE_STATE_HANDED_OFF` is `handed_off`.
fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase()
}

/// The webhook of a tenant.
struct Receiver {
    url: String,
    /// The keyed hash of its address.
    key: [u8; 32],
}

impl Looker {
    /// A look at a notice that is due. Of the gates those count that are about its receiver: it disturbs nobody's sleep.
    pub async fn notice(&self, message: &Message) -> Result<Looked, Failure> {
        let (tenant, now_ms) = (&message.tenant, self.now_ms());
        if self.receivers.is_left_alone(tenant, self.clock.now_ms()) {
            return Ok(Looked::Keep);
        }
        let Some(_turn) = self.receivers.turn(tenant).await else { return Ok(Looked::Keep) };
        if replay::is_row(message) {
            return self.tell_again(message).await;
        }
        let receiver = match self.receiver(tenant).await? {
            Ok(receiver) => receiver,
            Err(reason) => return self.apply(message, Input::Skip(reason)).await,
        };
        if now_ms >= message.expires_at_ms {
            return self.apply(message, Input::Skip(Reason::Expired)).await;
        }
        let body = if self.has_happened(message).await? { self.opened(message).await? } else { None };
        let Some(body) = body else { return self.apply(message, Input::Skip(Reason::Outdated)).await };
        Ok(self.hand_over_notice(message, &receiver, &body).await?.map_or(Looked::Keep, |(looked, _)| looked))
    }

    /// The tenant's webhook; or why nothing is sent there.
    async fn receiver(&self, tenant: &TenantId) -> Result<Result<Receiver, Reason>, Failure> {
        let url = self.store.settings(tenant).await?.webhook_url;
        if url.is_empty() {
            return Ok(Err(Reason::WebhookOff));
        }
        let key = self.store.address_key(tenant, Channel::Webhook, &url);
        let standing = self.store.standing(tenant, Channel::Webhook, &AddressKey::of(&key)).await?;
        Ok(if standing.is_suppressed(self.now_ms()) { Err(Reason::WebhookFailing) } else { Ok(Receiver { url, key }) })
    }

    /// Hands a notice over and writes down what came of it; none when it was not handed over now.
    async fn hand_over_notice(
        &self,
        message: &Message,
        receiver: &Receiver,
        body: &[u8],
    ) -> Result<Option<(Looked, NoticeAnswer)>, Failure> {
        let (tenant, now_ms, Receiver { url, key }) = (&message.tenant, self.now_ms(), receiver);
        let secrets = self.store.some_secrets(tenant, now_ms).await?;
        if !self.receivers.allows(tenant, self.clock.now_ms()) {
            return Ok(None);
        }
        let Some(mut sending) = life::next(message, Input::Begin, now_ms) else { return Ok(None) };
        sending.address_key = key.to_vec();
        if self.store.save(&sending, now_ms).await? == Saved::Changed {
            return Ok(None);
        }
        let notice = Notice { id: message.id.as_str(), at_s: now_ms / 1000, body, secrets: &secrets };
        let answer = self.webhooks.hand_over(url, &notice).await;
        let answered = !matches!(answer, NoticeAnswer::NotReached | NoticeAnswer::NoAnswer);
        self.receivers.record(tenant, answered, self.clock.now_ms());
        tracing::debug!(message = %message.id, ?answer, "notice handed over");
        let looked = self.record(&sending, input(answer)).await?;
        self.judge_receiver(tenant, &AddressKey::of(key), answer).await?;
        Ok(Some((looked, answer)))
    }

    /// Whether what is told is so: an announcement may be of a change that was then not stored.
    async fn has_happened(&self, notice: &Message) -> Result<bool, Failure> {
        let (tenant, upstream) = (&notice.tenant, &self.planner.upstream);
        let Some(event) = &notice.event else { return Ok(true) };
        let version = match notice.occurrence.split_once('.') {
            Some((REGISTRATION, _)) => {
                let found = upstream.registration(tenant, event, &notice.registration).await?;
                found.map(|registration| registration.version)
            }
            Some((EVENT, _)) => upstream.event(tenant, event).await?.map(|event| event.version),
            _ => return Ok(true),
        };
        Ok(version.is_some_and(|version| version >= notice.rank))
    }

    async fn judge_receiver(&self, tenant: &TenantId, key: &AddressKey, answer: NoticeAnswer) -> Result<(), Failure> {
        let (taken, gone, now_ms) = (answer == NoticeAnswer::Taken, answer == NoticeAnswer::Gone, self.now_ms());
        let after = |standing: &Standing| standing.after_notice(taken, gone, now_ms);
        match self.store.change_standing(tenant, Channel::Webhook, key, after).await {
            // So many others have just said the same.
            Err(Failure::Changed { .. }) => Ok(()),
            other => other,
        }
    }
}

fn input(answer: NoticeAnswer) -> Input {
    let later = |reason| Input::NotYet { reason, jitter: random::jitter_below(JITTER_PERMILLE_MAX) };
    match answer {
        NoticeAnswer::Taken => Input::Accepted,
        NoticeAnswer::Gone => Input::Refused(Reason::WebhookGone),
        NoticeAnswer::Private => Input::Refused(Reason::WebhookPrivate),
        NoticeAnswer::Redirects => later(Reason::WebhookRedirects),
        NoticeAnswer::Refuses => later(Reason::WebhookRefuses),
        NoticeAnswer::Fails => later(Reason::WebhookFails),
        NoticeAnswer::NotReached => later(Reason::NotReached),
        NoticeAnswer::NoAnswer => Input::Unsure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{life::tests::message, message::State};

    #[test]
    fn of_messages_the_end_states_are_told_and_of_links_and_notices_nothing() {
        let in_state = |state| Message { state, ..message(Kind::Confirmation) };
        for open in [State::Planned, State::Queued, State::Sending] {
            assert!(of_message(in_state(open)).is_none());
        }
        assert_eq!(of_message(in_state(State::HandedOff)).unwrap().what, "message.handed_off");
        assert!(of_message(Message { kind: Kind::Reset, ..in_state(State::HandedOff) }).is_none());
        assert!(of_message(Message { channel: Channel::Webhook, ..in_state(State::Failed) }).is_none());
    }
}
