//! The rows of questions about forms. It does not know what becomes of them.

use std::{ops::Range, sync::Arc};

use turnout_platform::{
    failure::Failure,
    ids::{PersonId, TenantId},
    tables::{self, Row, Table, Tables, Value, int, text, time},
};

use super::store::{going_on, unreadable};

/// A question that could not be sent for so long is given up: its link was to live no longer.
pub(super) const KEPT_S: u32 = 3 * 24 * 60 * 60;
/// Questions of so many milliseconds share a partition: rows are removed soon, and to a CQL server removed rows are work for days.
/// Stored rows depend on it: it must never change.
const SLOT_MS: i64 = 600_000;
/// Rows read at once.
const PAGE_ROWS: usize = 256;

pub(super) static CONSENT_QUESTIONS_BY_SLOT: Table = Table {
    name: "consent_questions_by_slot",
    question: "Which forms ticked a consent whose link was perhaps not handed over yet?",
    partition: &[int("slot")],
    clustering: &[time("asked_at"), text("tenant_id"), text("person_id"), text("idempotency_key")],
    columns: &[],
    lifetime_s: Some(KEPT_S),
};

/// Whoever reads this person's mail is to be asked about this request, unless that is done or needless.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Milliseconds since 1970.
    pub asked_ms: i64,
    pub tenant: TenantId,
    pub person: PersonId,
    /// By its idempotency key.
    pub request: String,
}

/// The questions.
#[derive(Clone)]
pub(super) struct Questions {
    pub tables: Arc<dyn Tables>,
}

impl Questions {
    pub async fn put(&self, question: &Question) -> Result<(), Failure> {
        let row = Row::new(&CONSENT_QUESTIONS_BY_SLOT)
            .set("slot", slot_of(question.asked_ms))
            .set("asked_at", Value::Time(question.asked_ms))
            .set("tenant_id", question.tenant.as_str())
            .set("person_id", question.person.as_str())
            .set("idempotency_key", question.request.as_str());
        Ok(self.tables.put(row).await?)
    }

    pub async fn remove(&self, question: &Question) -> Result<(), Failure> {
        let Question { asked_ms, tenant, person, request } = question;
        let (slot, asked_at) = (slot_of(*asked_ms).into(), Value::Time(*asked_ms));
        let key = vec![slot, asked_at, tenant.as_str().into(), person.as_str().into(), request.as_str().into()];
        Ok(self.tables.delete(&CONSENT_QUESTIONS_BY_SLOT, key).await?)
    }

    /// A page of the questions of one slot that came up within this time, oldest first, and where they go on.
    pub async fn page(
        &self,
        slot: i64,
        asked_ms: &Range<i64>,
        after: Option<Vec<Value>>,
    ) -> Result<(Vec<Question>, Option<Vec<Value>>), Failure> {
        let range = tables::Range::of(&CONSENT_QUESTIONS_BY_SLOT, vec![slot.into()])
            .from(vec![Value::Time(asked_ms.start)])
            .to_below(vec![Value::Time(asked_ms.end)])
            .limit(PAGE_ROWS);
        let page = self.tables.range(going_on(range, after)).await?;
        let question = |row: &Row| {
            Ok(Question {
                asked_ms: row.time("asked_at"),
                tenant: row.text("tenant_id").parse().map_err(|_| unreadable(row))?,
                person: row.text("person_id").parse().map_err(|_| unreadable(row))?,
                request: row.text("idempotency_key").to_owned(),
            })
        };
        Ok((page.rows.iter().map(question).collect::<Result<_, Failure>>()?, page.next))
    }
}

/// The partition of the questions of a moment.
pub(super) fn slot_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(SLOT_MS)
}
