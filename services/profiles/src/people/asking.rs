//! Whoever reads the mail of an address is asked about what a form ticked. The question is noted down as a row before the form is
//! answered, and sent when the answer may be out: a form waits for no mail and does not learn whether there is one, and a question is
//! lost neither with a process nor while notifications is away. What was not sent at once is sent by a sweep, of any process: asking
//! twice is the same link and one letter. What is asked follows from the ledger when it is sent, so a row says nothing about anybody.

use std::{ops::Range, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior};
use turnout_platform::{
    canonical,
    failure::Failure,
    ids::{PersonId, TenantId},
    lifecycle::{Lifecycle, TaskResult},
};

use super::{
    People, addressee,
    questions::{KEPT_S, Question, slot_of},
};
use crate::domain::consent;

/// Questions that are being sent while their forms are answered; beyond it they wait for the sweep.
pub(super) const SENT_AT_ONCE_MAX: usize = 64;
/// Questions that one sweep sends at the same time.
const SWEPT_AT_ONCE_MAX: usize = 16;
/// Between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// A younger question is left alone: it is perhaps being sent.
const SWEPT_AFTER_MS: i64 = 10_000;
/// How far apart the clocks of processes may be for a question to be found without a start.
const CLOCKS_APART_MS: i64 = 10 * 60 * 1000;
/// Older questions are given up.
const KEPT_MS: i64 = KEPT_S as i64 * 1000;

impl People {
    /// Notes down that this request may leave something to ask, and sends it in the background. Done whether or not there is something.
    pub(super) async fn ask_later(&self, tenant: &TenantId, person: &PersonId, request: &str) -> Result<(), Failure> {
        let (tenant, person, request) = (tenant.clone(), person.clone(), request.to_owned());
        let question = Question { asked_ms: self.at_ms(), tenant, person, request };
        self.questions.put(&question).await?;
        let Ok(room) = self.asking.clone().try_acquire_owned() else { return Ok(()) };
        let (people, stopping) = (self.clone(), self.life.stopping());
        self.life.spawn("question about a form", async move {
            tokio::select! {
                () = stopping => {}
                asked = people.ask(&question) => if let Err(failure) = asked {
                    tracing::warn!(%failure, "a question about a form was not sent; the sweep will send it");
                }
            }
            drop(room);
            Ok(())
        });
        Ok(())
    }

    /// Asks, if there is still something to ask; then the question is done with.
    async fn ask(&self, question: &Question) -> Result<(), Failure> {
        let Question { tenant, person, request, .. } = question;
        if let Some(person) = self.store.person(tenant, person).await? {
            let ledger = self.ledgers.ledger(tenant, &person.id).await?;
            let asked = consent::asked_by(&ledger, request);
            let current = consent::current(ledger);
            if asked.iter().any(|s| !consent::allows(&current, &s.purpose, &s.channel)) {
                let email = canonical::email(&person.details.email).map_err(Failure::internal)?;
                let agreements = consent::texts_of(&asked);
                self.post.ask_to_confirm(&addressee(tenant, &person), &email, request.clone(), agreements).await?;
            }
        }
        self.questions.remove(question).await
    }

    /// Sends what was not sent at once, until the process stops.
    pub(crate) async fn ask_until_stopped(self, life: Lifecycle) -> TaskResult {
        let mut interval = tokio::time::interval_at(Instant::now() + SWEEP_INTERVAL, SWEEP_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first sweep goes through all there is. Later ones leave out what an earlier one has seen empty.
        let mut none_before_ms = i64::MIN;
        loop {
            tokio::select! {
                () = life.stopping() => return Ok(()),
                _ = interval.tick() => {}
            }
            let now_ms = self.at_ms();
            let end_ms = now_ms - SWEPT_AFTER_MS;
            let due_ms = none_before_ms.max(now_ms - KEPT_MS).min(end_ms)..end_ms;
            tokio::select! {
                () = life.stopping() => return Ok(()),
                swept = self.ask_due(&due_ms) => match swept {
                    Ok(None) => {
                        none_before_ms = due_ms.end - CLOCKS_APART_MS;
                        self.metrics.questions_left(Duration::ZERO);
                    }
                    Ok(Some(oldest_ms)) => {
                        self.metrics.questions_left(Duration::from_millis((now_ms - oldest_ms) as u64));
                    }
                    Err(failure) => tracing::warn!(%failure, "questions about forms cannot be swept; retrying"),
                },
            }
        }
    }

    /// Asks what came up within this time. When the oldest question came up that is left; none when all are done with.
    async fn ask_due(&self, asked_ms: &Range<i64>) -> Result<Option<i64>, Failure> {
        let mut oldest_left_ms = None;
        for slot in slot_of(asked_ms.start)..=slot_of(asked_ms.end) {
            let mut after = None;
            loop {
                let (questions, next) = self.questions.page(slot, asked_ms, after).await?;
                for questions in questions.chunks(SWEPT_AT_ONCE_MAX) {
                    let asked = join_all(questions.iter().map(|question| self.ask(question))).await;
                    let mut is_away = false;
                    for (question, asked) in questions.iter().zip(asked) {
                        let Err(failure) = asked else { continue };
                        tracing::warn!(%failure, "a question about a form is not sent yet; retrying");
                        oldest_left_ms.get_or_insert(question.asked_ms);
                        is_away |= matches!(failure, Failure::Unavailable { .. });
                    }
                    if is_away {
                        // The others would fare no better.
                        return Ok(oldest_left_ms);
                    }
                }
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(oldest_left_ms)
    }
}
