//! The ledger of consents: statements are added and never changed or removed. What follows from it is `domain::consent`.
//!
//! A request is first entered under its idempotency key with the time that its statements have: a retry finds that time and puts the
//! very same rows. A retry that comes after newer statements therefore stands before them and undoes nothing. No statement is older
//! than the one that its server could see before it, whatever the clocks say.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use turnout_platform::{
    failure::Failure,
    ids::{PersonId, TenantId},
    page_tokens::TimePlace,
    tables::{Range, Row, Table, Tables, Value, Write, bytes, int, text, time},
};

use super::store::{going_on, unreadable};
use crate::domain::consent::{self, Action, Source, Statement};

/// Statements of one request.
pub(super) const STATEMENTS_PER_REQUEST_MAX: usize = 20;
/// Statements of one ledger, beyond which nothing more is granted; withdrawals always count.
const LEDGER_STATEMENTS_MAX: usize = 5000;
/// A retry is recognised for so long.
const REQUEST_S: u32 = 7 * 24 * 3600;
/// People who may have granted a purpose over a channel are spread over so many partitions.
pub(super) const CANDIDATE_SHARDS: i64 = 16;

pub(super) static CONSENT_LEDGER_BY_PERSON: Table = Table {
    name: "consent_ledger_by_person",
    question: "What has this person consented to and taken back, in which words, oldest first?",
    partition: &[text("tenant_id"), text("person_id")],
    clustering: &[time("at"), text("statement_id")],
    columns: &[
        text("purpose"),
        text("channel"),
        text("action"),
        text("wording"),
        text("language"),
        int("text_version"),
        text("source"),
        text("number_hash"),
    ],
    lifetime_s: None,
};

pub(super) static CONSENT_REQUESTS: Table = Table {
    name: "consent_requests",
    question: "Has this request been entered, for which statements and with which time?",
    partition: &[text("tenant_id"), text("person_id"), text("idempotency_key")],
    clustering: &[],
    columns: &[time("at"), bytes("statements_sha256"), int("version")],
    lifetime_s: Some(REQUEST_S),
};

/// Only where to look: a person stays here after a withdrawal, and whether they may be approached is always read from the ledger.
pub(super) static CONSENTING_BY_PURPOSE: Table = Table {
    name: "consenting_by_purpose",
    question: "Who has ever granted this purpose over this channel?",
    partition: &[text("tenant_id"), text("purpose"), text("channel"), int("shard")],
    clustering: &[text("person_id")],
    columns: &[],
    lifetime_s: None,
};

/// Where a list of consenting people goes on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct CandidatePlace {
    pub shard: i64,
    /// Empty for the beginning of the shard.
    pub after: String,
}

impl CandidatePlace {
    /// Where such a list begins.
    pub const FIRST: Self = Self { shard: 0, after: String::new() };
}

/// Where a statement stands in its ledger.
pub(super) type StatementPlace = TimePlace<String>;

/// The ledgers.
#[derive(Clone)]
pub(super) struct Ledgers {
    pub tables: Arc<dyn Tables>,
}

impl Ledgers {
    /// Adds the statements, once for each idempotency key, with the time that its first request had.
    pub async fn add(
        &self,
        tenant: &TenantId,
        person: &PersonId,
        idempotency_key: &str,
        statements: &[Statement],
        at_ms: i64,
    ) -> Result<(), Failure> {
        let at_ms = self.entered(tenant, person, idempotency_key, statements, at_ms).await?;
        for granted in statements.iter().filter(|s| s.action == Action::Granted && !s.asks()) {
            let row = Row::new(&CONSENTING_BY_PURPOSE)
                .set("tenant_id", tenant.as_str())
                .set("purpose", granted.purpose.as_str())
                .set("channel", granted.channel.as_str())
                .set("shard", candidate_shard(person))
                .set("person_id", person.as_str());
            self.tables.put(row).await?;
        }
        let rows = statements.iter().enumerate().map(|(n, statement)| {
            Write::Put(
                Row::new(&CONSENT_LEDGER_BY_PERSON)
                    .set("tenant_id", tenant.as_str())
                    .set("person_id", person.as_str())
                    .set("at", Value::Time(at_ms))
                    .set("statement_id", format!("{idempotency_key}.{n:02}"))
                    .set("purpose", statement.purpose.as_str())
                    .set("channel", statement.channel.as_str())
                    .set("action", statement.action.word())
                    .set("wording", statement.text.as_str())
                    .set("language", statement.language.as_str())
                    .set("text_version", statement.text_version)
                    .set("source", statement.source.word())
                    .set("number_hash", statement.number_hash.as_str()),
            )
        });
        Ok(self.tables.batch(rows.collect()).await?)
    }

    /// Enters the request; the time of its statements.
    async fn entered(
        &self,
        tenant: &TenantId,
        person: &PersonId,
        idempotency_key: &str,
        statements: &[Statement],
        at_ms: i64,
    ) -> Result<i64, Failure> {
        let key = vec![tenant.as_str().into(), person.as_str().into(), idempotency_key.into()];
        let digest = digest_of(statements);
        let mut found = self.tables.get(&CONSENT_REQUESTS, key).await?;
        if found.is_none() {
            let row = Row::new(&CONSENT_REQUESTS)
                .set("tenant_id", tenant.as_str())
                .set("person_id", person.as_str())
                .set("idempotency_key", idempotency_key)
                .set("at", Value::Time(at_ms))
                .set("statements_sha256", &digest[..])
                .set("version", 1_i64);
            found = self.tables.put_if_absent(row).await?;
        }
        let Some(found) = found else { return Ok(at_ms) };
        if found.bytes("statements_sha256") == digest {
            Ok(found.time("at"))
        } else {
            Err(Failure::AlreadyExists { what: "idempotency key with other statements" })
        }
    }

    /// The ledger, oldest first.
    pub async fn ledger(&self, tenant: &TenantId, person: &PersonId) -> Result<Vec<Statement>, Failure> {
        let (mut ledger, mut after) = (Vec::new(), None);
        loop {
            let range = Range::of(&CONSENT_LEDGER_BY_PERSON, vec![tenant.as_str().into(), person.as_str().into()]);
            let page = self.tables.range(going_on(range, after)).await?;
            for row in &page.rows {
                ledger.push(read(row)?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(ledger);
            }
        }
    }

    /// A page of the ledger, oldest first, and where it goes on.
    pub async fn page(
        &self,
        tenant: &TenantId,
        person: &PersonId,
        after: Option<StatementPlace>,
        limit: usize,
    ) -> Result<(Vec<Statement>, Option<StatementPlace>), Failure> {
        let range = Range::of(&CONSENT_LEDGER_BY_PERSON, vec![tenant.as_str().into(), person.as_str().into()]);
        let after = after.map(|place| vec![Value::Time(place.at_ms), place.id.into()]);
        let page = self.tables.range(going_on(range, after).limit(limit)).await?;
        let last = page.rows.last().filter(|_| page.next.is_some());
        let next = last.map(|row| TimePlace { at_ms: row.time("at"), id: row.text("statement_id").to_owned() });
        Ok((page.rows.iter().map(read).collect::<Result<_, _>>()?, next))
    }

    /// What follows from the ledger now.
    pub async fn current(&self, tenant: &TenantId, person: &PersonId) -> Result<Vec<Statement>, Failure> {
        Ok(consent::current(self.ledger(tenant, person).await?))
    }

    /// People who have granted this at some time, and where the list goes on; none at its end.
    pub async fn candidates(
        &self,
        tenant: &TenantId,
        purpose: &str,
        channel: &str,
        from: CandidatePlace,
        limit: usize,
    ) -> Result<(Vec<PersonId>, Option<CandidatePlace>), Failure> {
        let CandidatePlace { mut shard, after } = from;
        let mut after = Some(after).filter(|after| !after.is_empty()).map(|after| vec![Value::Text(after)]);
        let mut candidates: Vec<PersonId> = Vec::new();
        while shard < CANDIDATE_SHARDS {
            let partition = vec![tenant.as_str().into(), purpose.into(), channel.into(), shard.into()];
            let range = Range::of(&CONSENTING_BY_PURPOSE, partition).limit(limit - candidates.len());
            let page = self.tables.range(going_on(range, after.take())).await?;
            for row in &page.rows {
                candidates.push(row.text("person_id").parse().map_err(|_| unreadable(row))?);
            }
            if page.next.is_none() {
                shard += 1;
            }
            if candidates.len() >= limit {
                let last = candidates.last().filter(|_| page.next.is_some());
                let after = last.map(ToString::to_string).unwrap_or_default();
                let place = CandidatePlace { shard, after };
                return Ok((candidates, Some(place).filter(|place| place.shard < CANDIDATE_SHARDS)));
            }
        }
        Ok((candidates, None))
    }
}

/// The time of statements that are made now by somebody who could see this ledger: after all of it.
pub(super) fn time_after(ledger: &[Statement], now_ms: i64) -> i64 {
    ledger.last().map_or(now_ms, |last| now_ms.max(last.at_ms + 1))
}

/// Whether the ledger takes these.
pub(super) fn has_room(ledger: &[Statement], statements: &[Statement]) -> Result<(), Failure> {
    let grants = statements.iter().any(|s| s.action == Action::Granted);
    if grants && ledger.len() + statements.len() > LEDGER_STATEMENTS_MAX {
        return Err(Failure::Precondition("this person's ledger is full: only withdrawals are taken".to_owned()));
    }
    Ok(())
}

/// The times and so the order of the rows are not part of what is asked for, nor is the number, which may follow from the profile.
fn digest_of(statements: &[Statement]) -> Vec<u8> {
    let fields: Vec<_> = statements
        .iter()
        .map(|s| (&s.purpose, &s.channel, s.action.word(), &s.text, &s.language, s.text_version, s.source.word()))
        .collect();
    let text = serde_json::to_vec(&fields).expect("plain texts can be written as JSON");
    digest(&SHA256, &text).as_ref().to_vec()
}

fn read(row: &Row) -> Result<Statement, Failure> {
    let id = row.text("statement_id");
    Ok(Statement {
        request: id.rsplit_once('.').map_or(id, |(request, _)| request).to_owned(),
        purpose: row.text("purpose").to_owned(),
        channel: row.text("channel").to_owned(),
        action: Action::of_word(row.text("action")),
        text: row.text("wording").to_owned(),
        language: row.text("language").to_owned(),
        text_version: row.int("text_version"),
        source: Source::of_word(row.text("source")).ok_or_else(|| unreadable(row))?,
        number_hash: row.text("number_hash").to_owned(),
        at_ms: row.time("at"),
    })
}

fn candidate_shard(person: &PersonId) -> i64 {
    super::store::shard_of(person) % CANDIDATE_SHARDS
}
