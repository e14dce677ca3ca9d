//! How many mails of a tenant were handed over on which day, and which were marked as spam. Each process counts what it handed over and
//! writes its running total of the day into a row of its own, so no two write the same row and a repeated write changes nothing; the
//! sum is read from the rows each time. Of a process that is killed the count of its last second is missing.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};
use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    lifecycle::Lifecycle,
    random,
    tables::{Range, Row, Table, Value},
};

use super::{COMPLAINTS_BY_TENANT, MAIL_TOTALS_BY_TENANT, MARKETING_LIFTS_BY_TENANT, Store};
use crate::domain::{
    complaints::{DAY_MS, Received, day_of, first_day},
    message::{Channel, Message, State},
};

/// How often totals that changed are written.
const WRITTEN_EVERY: Duration = Duration::from_secs(1);

/// What this process counted. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct MailTotals {
    process: Arc<str>,
    days: Arc<Mutex<HashMap<(TenantId, i64), Total>>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Total {
    mails: i64,
    written: i64,
}

impl MailTotals {
    pub fn new() -> Self {
        Self { process: random::sortable_id().into(), days: Arc::default() }
    }

    /// Counts a message that entered its state, if that says that a provider took a mail: no message enters it twice.
    pub fn entered(&self, message: &Message) {
        // One that went in the mail of another is no mail of its own.
        let is_mail = message.channel == Channel::Email && message.carrier.is_none();
        if message.state == State::HandedOff && is_mail {
            let day = (message.tenant.clone(), day_of(message.state_at_ms));
            self.days.lock().entry(day).or_default().mails += 1;
        }
    }

    fn unwritten(&self) -> Vec<((TenantId, i64), i64)> {
        let mut days = self.days.lock();
        // The day before the last one stays: a mail of it may come late, and its total must not begin anew.
        let latest = days.keys().map(|(_, day)| *day).max().unwrap_or_default();
        days.retain(|(_, day), total| *day >= latest - DAY_MS || total.mails != total.written);
        let changed = days.iter().filter(|(_, total)| total.mails != total.written);
        changed.map(|(day, total)| (day.clone(), total.mails)).collect()
    }

    fn was_written(&self, day: &(TenantId, i64), mails: i64) {
        if let Some(total) = self.days.lock().get_mut(day) {
            total.written = mails;
        }
    }
}

impl Store {
    /// Writes the totals as they grow, until the process stops.
    pub fn write_mail_totals(&self, life: &Lifecycle) {
        let (store, stopping) = (self.clone(), life.stopping());
        life.spawn("totals of mails", async move {
            let mut tick = interval(WRITTEN_EVERY);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            tokio::pin!(stopping);
            loop {
                let stops = tokio::select! {
                    () = &mut stopping => true,
                    _ = tick.tick() => false,
                };
                if let Err(failure) = store.put_mail_totals().await {
                    tracing::warn!(%failure, "totals of mails cannot be written now; retrying");
                }
                if stops {
                    return Ok(());
                }
            }
        });
    }

    async fn put_mail_totals(&self) -> Result<(), Failure> {
        for (day, mails) in self.mail_totals.unwritten() {
            let row = Row::new(&MAIL_TOTALS_BY_TENANT)
                .set("tenant_id", day.0.as_str())
                .set("day", Value::Time(day.1))
                .set("process", &*self.mail_totals.process)
                .set("mails", mails);
            self.tables.put(row).await?;
            self.mail_totals.was_written(&day, mails);
        }
        Ok(())
    }

    /// Notes a mail that was marked as spam. Doing so again changes nothing.
    pub async fn note_complaint(&self, mail: &Message) -> Result<(), Failure> {
        let row = Row::new(&COMPLAINTS_BY_TENANT)
            .set("tenant_id", mail.tenant.as_str())
            .set("day", Value::Time(day_of(mail.state_at_ms)))
            .set("message_id", mail.id.as_str())
            .set("noted_at", Value::Time(mail.state_at_ms));
        Ok(self.tables.put(row).await?)
    }

    /// How the tenant's mails of the last days were received.
    pub async fn received(&self, tenant: &TenantId, now_ms: i64) -> Result<Received, Failure> {
        let complaints = self.sum(&COMPLAINTS_BY_TENANT, tenant, now_ms, |_| 1).await?;
        let mails = self.sum(&MAIL_TOTALS_BY_TENANT, tenant, now_ms, |row| row.int("mails")).await?;
        let lift = self.tables.get(&MARKETING_LIFTS_BY_TENANT, vec![tenant.as_str().into()]).await?;
        Ok(Received { mails, complaints, lifted_until_ms: lift.map_or(0, |row| row.time("until")) })
    }

    async fn sum(
        &self,
        table: &'static Table,
        tenant: &TenantId,
        now_ms: i64,
        of_row: impl Fn(&Row) -> i64,
    ) -> Result<i64, Failure> {
        let (mut sum, mut after) = (0, None);
        loop {
            let mut range = Range::of(table, vec![tenant.as_str().into()]).from(vec![Value::Time(first_day(now_ms))]);
            if let Some(after) = after {
                range = range.after(after);
            }
            let page = self.tables.range(range).await?;
            sum += page.rows.iter().map(&of_row).sum::<i64>();
            after = page.next;
            if after.is_none() {
                return Ok(sum);
            }
        }
    }

    /// Lets the tenant's marketing go on until then.
    pub async fn lift_marketing(&self, tenant: &TenantId, until_ms: i64) -> Result<(), Failure> {
        let row =
            Row::new(&MARKETING_LIFTS_BY_TENANT).set("tenant_id", tenant.as_str()).set("until", Value::Time(until_ms));
        Ok(self.tables.put(row).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{life::tests::message, message::Kind};

    #[test]
    fn a_mail_counts_once_when_it_is_handed_over_and_text_messages_and_notices_do_not() {
        let totals = MailTotals::new();
        let mail = Message { channel: Channel::Email, state: State::HandedOff, ..message(Kind::Confirmation) };
        totals.entered(&mail);
        for state in [State::Sending, State::Delivered, State::Failed, State::Complained] {
            totals.entered(&Message { state, ..mail.clone() });
        }
        for channel in [Channel::Sms, Channel::Webhook] {
            totals.entered(&Message { channel, ..mail.clone() });
        }
        let unwritten = totals.unwritten();
        let [(day, 1)] = &unwritten[..] else { panic!("{unwritten:?}") };
        totals.was_written(day, 1);
        assert!(totals.unwritten().is_empty());

        // What is counted while it is written is written next; a day that is long over is forgotten once it is written.
        totals.entered(&mail);
        let later = |days: i64| Message { state_at_ms: mail.state_at_ms + days * DAY_MS, ..mail.clone() };
        totals.entered(&later(2));
        assert_eq!(totals.unwritten().len(), 2);
        totals.was_written(day, 2);
        assert_eq!((totals.unwritten().len(), totals.days.lock().len()), (1, 1));
        totals.entered(&later(1));
        totals.entered(&later(1));
        assert!(totals.unwritten().iter().any(|((_, of), mails)| (*of, *mails) == (day.1 + DAY_MS, 2)));
    }
}
