//! Telling again what was told: an organiser asks for it whose receiver was down or lost what it had. A replay is a row of the ledger that
//! is looked at in the lane of notices, in short steps, so that it holds up nobody. It hands the notices over one after the other, in
//! the order in which they were told, each with its own id and in its own row of the ledger.

use std::time::Duration;

use tokio::time::Instant;
use turnout_platform::{auth::Principal, failure::Failure, ids::TenantId};
use turnout_proto::{
    notifications::v1::{ReplayNoticesRequest, ReplayNoticesResponse},
    profiles::v1::AuditEntry,
};

use super::Receiver;
use crate::{
    Notifications, audit,
    compose::milliseconds,
    domain::{
        fields,
        life::{self, Input},
        message::{Channel, Message, MessageId, Reason},
        replay::{self, KEPT_MS, Place, REPLAYED_MAX, Replay},
        suppression::Standing,
    },
    look::{Looked, Looker, sealed_for},
    store::{AddressKey, OWNER, Saved, Store, Told, timestamp},
    transport::NoticeAnswer,
    upstream,
};

/// A step takes no longer, but for the notice that it is at: other tenants' notices wait for its end.
const STEP_MAX: Duration = Duration::from_secs(1);
/// Notices that are read at once.
const ROWS: usize = 200;
/// When to look again after somebody else had the notice or the receiver is left alone.
const AGAIN_MS: i64 = 2_000;
/// Others that change the same replay at the same moment: so often it is read again.
const TRIES_MAX: usize = 5;
/// A notice that fails so often holds up no other any more.
const TRIES_WAITED_FOR: i64 = 3;

/// What a step came to.
enum Step {
    Done,
    /// It goes on then.
    Paused {
        until_ms: i64,
    },
    /// Nothing can be told any more.
    Over(Reason),
}

/// What became of one notice of a replay.
enum Again {
    /// The next may go out.
    Next,
    /// The next waits until then, for this notice if the receiver is away.
    Wait { until_ms: i64, is_away: bool },
}

impl Looker {
    /// A look at a replay that is due: one step of it.
    pub(super) async fn tell_again(&self, row: &Message) -> Result<Looked, Failure> {
        let now_ms = self.now_ms();
        let plain = self.opened(row).await?;
        let found = plain.and_then(|plain| serde_json::from_slice::<Replay>(&plain).ok());
        let Some(mut replay) = found else { return self.apply(row, Input::Skip(Reason::Outdated)).await };
        let Some(begun) = life::next(row, Input::Begin, now_ms) else { return Ok(Looked::Keep) };
        if self.store.save(&begun, now_ms).await? == Saved::Changed {
            return Ok(Looked::Keep);
        }
        let step = self.step(&row.tenant, &mut replay).await;
        let now_ms = self.now_ms();
        // What was told is told, also when the step failed then.
        let until_ms = match &step {
            Ok(Step::Done) => None,
            Ok(Step::Over(reason)) => {
                return self.finish(replay::ended(&begun, Some(*reason), now_ms)).await;
            }
            Ok(Step::Paused { until_ms }) => Some(*until_ms),
            Err(_) => Some(now_ms + AGAIN_MS),
        };
        let next = match until_ms {
            None => replay::ended(&begun, None, now_ms),
            Some(until_ms) => {
                let sealed = sealed(&self.store, &begun, &replay).await?;
                Some(replay::paused(&begun, sealed, until_ms, now_ms))
            }
        };
        let looked = self.finish(next).await?;
        step.map(|_| looked)
    }

    async fn finish(&self, next: Option<Message>) -> Result<Looked, Failure> {
        if let Some(next) = next {
            // Somebody who asked for more meanwhile has put it in the place of this.
            self.store.save(&next, self.now_ms()).await?;
        }
        Ok(Looked::Settled)
    }

    async fn step(&self, tenant: &TenantId, replay: &mut Replay) -> Result<Step, Failure> {
        let begun = Instant::now();
        if let Some(until_ms) = self.waits(tenant, replay).await? {
            return Ok(Step::Paused { until_ms });
        }
        loop {
            let rows = self.store.told(tenant, &replay.after, &replay.until, ROWS).await?;
            if rows.is_empty() {
                return Ok(Step::Done);
            }
            for told in rows {
                let receiver = match self.receiver(tenant).await? {
                    Ok(receiver) => receiver,
                    Err(reason) => return Ok(Step::Over(reason)),
                };
                match self.once_more(tenant, &receiver, &told).await? {
                    Again::Next => replay.after = told.place,
                    Again::Wait { until_ms, is_away } => {
                        if is_away {
                            replay.waits_for = Some(told.place.id.clone());
                            replay.after = told.place;
                        }
                        return Ok(Step::Paused { until_ms });
                    }
                }
                if begun.elapsed() >= STEP_MAX || self.life.is_draining() {
                    return Ok(Step::Paused { until_ms: self.now_ms() });
                }
            }
        }
    }

    /// Until when a replay has to wait for a notice that its receiver was away for; none when that is through, whatever became of it.
    async fn waits(&self, tenant: &TenantId, replay: &mut Replay) -> Result<Option<i64>, Failure> {
        let Some(id) = replay.waits_for.as_deref().and_then(MessageId::read) else { return Ok(None) };
        let notice = self.store.message(tenant, &id).await?;
        // What it answers with an error again and again is the fault of this one: that goes on by itself.
        let is_away =
            |notice: &Message| notice.attempts < TRIES_WAITED_FOR || notice.reason != Some(Reason::WebhookFails);
        let until_ms = notice.filter(is_away).and_then(|notice| notice.look_at_ms());
        if until_ms.is_none() {
            replay.waits_for = None;
        }
        // Its own look comes first.
        Ok(until_ms.map(|until_ms| until_ms.max(self.now_ms() + AGAIN_MS)))
    }

    async fn once_more(&self, tenant: &TenantId, receiver: &Receiver, told: &Told) -> Result<Again, Failure> {
        let Some(id) = told.id() else { return Ok(Again::Next) };
        let Some(notice) = self.store.message(tenant, &id).await? else { return Ok(Again::Next) };
        // The row of a telling that was cut off: the notice was then told at another moment.
        if Place::of(&notice) != told.place {
            return Ok(Again::Next);
        }
        let Some(body) = self.store.opened_told(tenant, told).await? else { return Ok(Again::Next) };
        let key = self.store.vault().key_for(tenant, OWNER).await?;
        let sealed = key.seal(&sealed_for(&notice), &body);
        let Some(again) = replay::revived(&notice, sealed, self.now_ms()) else { return Ok(Again::Next) };
        if notice.attempts == 0 {
            match self.has_happened(&notice).await {
                Ok(true) => {}
                Ok(false) => return Ok(Again::Next),
                // Its own look says what comes of that; the others do not wait for it.
                Err(failure) if upstream::refusal(&failure).is_some() => return Ok(Again::Next),
                Err(failure) => return Err(failure),
            }
        }
        let soon = Again::Wait { until_ms: self.now_ms() + AGAIN_MS, is_away: false };
        let Some((_, answer)) = self.hand_over_notice(&again, receiver, &body).await? else { return Ok(soon) };
        match answer {
            NoticeAnswer::Fails | NoticeAnswer::NotReached | NoticeAnswer::NoAnswer => {
                let now = self.store.message(tenant, &id).await?;
                let until_ms = now.and_then(|notice| notice.look_at_ms()).unwrap_or_else(|| self.now_ms() + AGAIN_MS);
                Ok(Again::Wait { until_ms, is_away: true })
            }
            // What it refuses is tried again by itself.
            _ => Ok(Again::Next),
        }
    }
}

impl Notifications {
    /// Queues what was told to be told again.
    pub(crate) async fn replay_notices(
        &self,
        caller: &Principal,
        request: ReplayNoticesRequest,
    ) -> Result<ReplayNoticesResponse, Failure> {
        let (tenant, now_ms) = (caller.tenant()?, self.now_ms());
        let reason = fields::reason(&request.reason)?;
        let limit = match usize::try_from(request.limit) {
            Ok(0) => REPLAYED_MAX,
            Ok(limit) if limit <= REPLAYED_MAX => limit,
            _ => {
                return Err(Failure::invalid("limit", format!("must be 1 to {REPLAYED_MAX}, or 0 for {REPLAYED_MAX}")));
            }
        };
        let from = self.place(tenant, &request).await?.max(Place::before(now_ms - KEPT_MS));
        let url = self.store.settings(tenant).await?.webhook_url;
        if url.is_empty() {
            return Err(Failure::Precondition("no webhook is set; set one in the settings for messages".to_owned()));
        }
        let (queued, last, more) = self.count_told(tenant, &from, now_ms, limit).await?;
        let since = jiff::Timestamp::from_millisecond(from.at_ms).unwrap_or_default();
        let entry = audit::settled("notices.replay", tenant, None, format!("{queued} notices told since {since}"));
        self.enter(caller, AuditEntry { reason, ..entry }).await?;
        let lifted = self.lift_webhook(tenant, &url).await?;
        if let Some(last) = &last {
            self.queue(tenant, Replay::new(from, last.place.clone())).await?;
        }
        Ok(ReplayNoticesResponse {
            queued: queued as i64,
            last_notice_id: last.as_ref().map(|last| last.place.id.clone()).unwrap_or_default(),
            last_told_at: last.map(|last| timestamp(last.place.at_ms)),
            more,
            lifted,
        })
    }

    /// After which place a request asks for what was told.
    async fn place(&self, tenant: &TenantId, request: &ReplayNoticesRequest) -> Result<Place, Failure> {
        match (&request.since, request.after_notice_id.as_str()) {
            (Some(since), "") => Ok(Place::before(milliseconds(since))),
            (None, id) if !id.is_empty() => {
                let unknown = Failure::NotFound { what: "notice" };
                let Some(id) = MessageId::read(id) else { return Err(unknown) };
                let notice = self.store.message(tenant, &id).await?;
                let notice = notice.filter(|notice| notice.is_notice() && !replay::is_row(notice));
                notice.as_ref().map(Place::of).ok_or(unknown)
            }
            _ => Err(Failure::invalid("since", "must be given, or after_notice_id, and not both")),
        }
    }

    /// How many were told after that place until now, the last of them, and whether there are more.
    async fn count_told(
        &self,
        tenant: &TenantId,
        from: &Place,
        now_ms: i64,
        limit: usize,
    ) -> Result<(usize, Option<Told>, bool), Failure> {
        // What is told at this very moment is told anyway.
        let until = Place::before(now_ms + 1);
        let (mut count, mut last): (usize, Option<Told>) = (0, None);
        loop {
            let after = last.as_ref().map_or(from, |last| &last.place);
            let mut rows = self.store.told(tenant, after, &until, ROWS).await?;
            if rows.is_empty() {
                return Ok((count, last, false));
            }
            let more = rows.len() > limit - count;
            rows.truncate(limit - count);
            count += rows.len();
            last = rows.pop().or(last);
            if more {
                return Ok((count, last, true));
            }
        }
    }

    /// Whoever asks for it says that the webhook works; true when it had been switched off.
    async fn lift_webhook(&self, tenant: &TenantId, url: &str) -> Result<bool, Failure> {
        let key = AddressKey::of(&self.store.address_key(tenant, Channel::Webhook, url));
        let was_off = self.store.standing(tenant, Channel::Webhook, &key).await?.is_suppressed(self.now_ms());
        let lifted = |standing: &Standing| (standing.version > 0).then(|| standing.lifted());
        self.store.change_standing(tenant, Channel::Webhook, &key, lifted).await?;
        Ok(was_off)
    }

    async fn queue(&self, tenant: &TenantId, wanted: Replay) -> Result<(), Failure> {
        let now_ms = self.now_ms();
        for _ in 0..TRIES_MAX {
            let Some(row) = self.store.message(tenant, &replay::row_id(tenant)).await? else {
                let row = replay::row(tenant, now_ms);
                let sealed = sealed(&self.store, &row, &wanted).await?;
                if self.store.create(&Message { sealed, ..row }, now_ms).await?.is_none() {
                    return Ok(());
                }
                continue;
            };
            let joined = match self.under_way(&row).await? {
                Some(under_way) => under_way.joined(wanted.clone()),
                None => wanted.clone(),
            };
            let again = replay::asked_again(&row, sealed(&self.store, &row, &joined).await?, now_ms);
            if self.store.save(&again, now_ms).await? == Saved::Yes {
                return Ok(());
            }
        }
        Err(Failure::Changed { what: "replay" })
    }

    async fn under_way(&self, row: &Message) -> Result<Option<Replay>, Failure> {
        if !row.is_open() {
            return Ok(None);
        }
        let key = self.store.vault().existing(&row.tenant, OWNER).await?;
        let plain = key.and_then(|key| key.open(&sealed_for(row), &row.sealed));
        Ok(plain.and_then(|plain| serde_json::from_slice(&plain).ok()))
    }
}

async fn sealed(store: &Store, row: &Message, replay: &Replay) -> Result<Vec<u8>, Failure> {
    let plain = serde_json::to_vec(replay).map_err(Failure::internal)?;
    Ok(store.vault().key_for(&row.tenant, OWNER).await?.seal(&sealed_for(row), &plain))
}
