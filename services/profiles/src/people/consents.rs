//! What people do with their consents: state them, take them back, be found by them. How a ledger is kept is `ledgers`' business, what
//! follows from it `domain::consent`'s.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::{
    failure::Failure,
    ids::{PersonId, TenantId},
    random,
};

use super::{
    Doing, People,
    ledgers::{self, CandidatePlace},
    subject,
};
use crate::domain::{
    consent::{self, Action, SMS, Source, Statement},
    person::Person,
};

/// Ledgers that are looked at for one page of consenting people; a page may be short although another follows.
const CANDIDATES_PER_PAGE_MAX: usize = 1000;
/// Before the key of a request, the key of its confirmation. Nobody's key has a dot.
const CONFIRMED: &str = "confirmed.";
/// Ledgers that are read at the same time.
const READS_AT_ONCE_MAX: usize = 16;

impl People {
    /// Adds statements to a person's ledger; what follows from it then. Whoever reads the mail of the address is asked about what a
    /// form grants and nothing has granted yet: once this succeeds the question is noted down, and until then this is to be repeated.
    pub(super) async fn record_consent(
        &self,
        tenant: &TenantId,
        id: &PersonId,
        statements: &[Statement],
        idempotency_key: &str,
        doing: Option<&Doing>,
    ) -> Result<Vec<Statement>, Failure> {
        self.person(tenant, id).await?;
        if let Some(doing) = doing {
            self.enter(tenant, "person.consent", subject(id), doing, in_words(statements)).await?;
        }
        self.state(tenant, id, statements, idempotency_key).await?;
        // After the statements: a sweep that comes in between finds nothing to ask.
        if statements.iter().any(Statement::asks) {
            self.ask_later(tenant, id, idempotency_key).await?;
        }
        self.ledgers.current(tenant, id).await
    }

    /// Whoever reads the mail of the address confirms what this request asked for.
    pub(super) async fn confirm_consents(
        &self,
        tenant: &TenantId,
        id: &PersonId,
        request: &str,
    ) -> Result<(), Failure> {
        let asked = consent::asked_by(&self.ledgers.ledger(tenant, id).await?, request);
        if asked.is_empty() {
            return Ok(());
        }
        match self.state(tenant, id, &asked, &format!("{CONFIRMED}{request}")).await {
            // It was confirmed before, and then a part of it taken back.
            Err(Failure::AlreadyExists { .. }) => Ok(()),
            done => done,
        }
    }

    async fn state(
        &self,
        tenant: &TenantId,
        id: &PersonId,
        statements: &[Statement],
        idempotency_key: &str,
    ) -> Result<(), Failure> {
        let ledger = self.ledgers.ledger(tenant, id).await?;
        ledgers::has_room(&ledger, statements)?;
        let at_ms = ledgers::time_after(&ledger, self.at_ms());
        self.ledgers.add(tenant, id, idempotency_key, statements, at_ms).await?;
        self.metrics.stated(statements);
        Ok(())
    }

    pub(super) async fn consents(&self, tenant: &TenantId, id: &PersonId) -> Result<Vec<Statement>, Failure> {
        self.person(tenant, id).await?;
        self.ledgers.current(tenant, id).await
    }

    /// The ledger of a person, oldest first.
    pub(super) async fn consent_ledger(&self, tenant: &TenantId, id: &PersonId) -> Result<Vec<Statement>, Failure> {
        self.person(tenant, id).await?;
        let mut ledger = self.ledgers.ledger(tenant, id).await?;
        ledger.truncate(ledgers::LEDGER_SHOWN_MAX);
        Ok(ledger)
    }

    /// Up to `limit` people who consent now to being approached so, and where the list goes on.
    pub(super) async fn consenting(
        &self,
        tenant: &TenantId,
        purpose: &str,
        channel: &str,
        from: CandidatePlace,
        limit: usize,
    ) -> Result<(Vec<Person>, Option<CandidatePlace>), Failure> {
        let (mut people, mut next, mut looked_at) = (Vec::new(), Some(from), 0);
        while let Some(from) = next.take() {
            let wanted = limit - people.len();
            let (candidates, rest) = self.ledgers.candidates(tenant, purpose, channel, from, wanted).await?;
            looked_at += candidates.len();
            let asked = stream::iter(candidates).map(|id| self.if_consenting(tenant, id, purpose, channel));
            let found: Vec<Option<Person>> = asked.buffered(READS_AT_ONCE_MAX).try_collect().await?;
            people.extend(found.into_iter().flatten());
            next = rest;
            if people.len() >= limit || looked_at >= CANDIDATES_PER_PAGE_MAX {
                break;
            }
        }
        Ok((people, next))
    }

    async fn if_consenting(
        &self,
        tenant: &TenantId,
        id: PersonId,
        purpose: &str,
        channel: &str,
    ) -> Result<Option<Person>, Failure> {
        if consent::allows(&self.ledgers.current(tenant, &id).await?, purpose, channel) {
            return self.store.person(tenant, &id).await;
        }
        Ok(None)
    }

    /// Ends every consent to text messages, also what waits to be confirmed: they were given for another number.
    pub(super) async fn withdraw_sms(&self, tenant: &TenantId, person: &Person) -> Result<(), Failure> {
        let ledger = self.ledgers.ledger(tenant, &person.id).await?;
        let at_ms = ledgers::time_after(&ledger, self.at_ms());
        let withdrawal = |purpose| Statement {
            purpose,
            channel: SMS.to_owned(),
            action: Action::Withdrawn,
            text: String::new(),
            language: String::new(),
            text_version: 0,
            source: Source::PhoneChange,
            request: String::new(),
            at_ms,
        };
        let purposes = consent::purposes_of(&ledger, SMS);
        for (n, purposes) in purposes.chunks(ledgers::STATEMENTS_PER_REQUEST_MAX).enumerate() {
            let statements: Vec<Statement> = purposes.iter().cloned().map(withdrawal).collect();
            // Not the version alone: after a change that failed, consent may have been given again.
            let key = format!("phone-change-{}-{n}-{}", person.version, random::token_128());
            self.ledgers.add(tenant, &person.id, &key, &statements, at_ms).await?;
            self.metrics.stated(&statements);
        }
        Ok(())
    }
}

/// For the audit log.
fn in_words(statements: &[Statement]) -> String {
    let words = statements.iter().map(|s| format!("{}: {} by {}", s.action.word(), s.purpose, s.channel));
    words.collect::<Vec<_>>().join("; ")
}
