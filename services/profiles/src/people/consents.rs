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
    ledgers::{self, CandidatePlace, StatementPlace},
    subject,
};
use crate::domain::{
    consent::{self, Action, NO_NUMBER, SMS, Source, Statement},
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
        let person = self.person(tenant, id).await?;
        let statements = &self.with_numbers(tenant, &person, statements).await?;
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

    /// Each grant of texts with the number that it is for. What does not say so is for the number of the profile; who has none there is
    /// for the number that they gave with a form before.
    async fn with_numbers(
        &self,
        tenant: &TenantId,
        person: &Person,
        statements: &[Statement],
    ) -> Result<Vec<Statement>, Failure> {
        let mut statements = statements.to_vec();
        if !statements.iter().any(Statement::lacks_number) {
            return Ok(statements);
        }
        let phone = &person.details.phone;
        let of_profile = (!phone.is_empty()).then(|| self.store.vault.number_hash(tenant, person.id.as_str(), phone));
        let ledger = if of_profile.is_none() { self.ledgers.ledger(tenant, &person.id).await? } else { Vec::new() };
        for statement in statements.iter_mut().filter(|statement| statement.lacks_number()) {
            let before = || consent::last_number_hash(&ledger, &statement.purpose).map(ToOwned::to_owned);
            statement.number_hash = of_profile.clone().or_else(before).unwrap_or_else(|| NO_NUMBER.to_owned());
        }
        Ok(statements)
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
        // Whoever has the link of a mail can press it as often as they like.
        if consent::only_repeat(&ledger, statements) {
            return Ok(());
        }
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

    /// A page of the ledger of a person, oldest first, and where it goes on.
    pub(super) async fn consent_ledger(
        &self,
        tenant: &TenantId,
        id: &PersonId,
        after: Option<StatementPlace>,
        limit: usize,
    ) -> Result<(Vec<Statement>, Option<StatementPlace>), Failure> {
        self.person(tenant, id).await?;
        self.ledgers.page(tenant, id, after, limit).await
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
            people.extend(self.consenting_of(tenant, candidates, purpose, channel).await?);
            next = rest;
            if people.len() >= limit || looked_at >= CANDIDATES_PER_PAGE_MAX {
                break;
            }
        }
        Ok((people, next))
    }

    /// Everybody who consents now to being approached so.
    pub(super) async fn all_consenting(
        &self,
        tenant: &TenantId,
        purpose: &str,
        channel: &str,
    ) -> Result<Vec<PersonId>, Failure> {
        let (mut ids, mut next) = (Vec::new(), Some(CandidatePlace::FIRST));
        while let Some(from) = next.take() {
            let (people, rest) = self.consenting(tenant, purpose, channel, from, CANDIDATES_PER_PAGE_MAX).await?;
            ids.extend(people.into_iter().map(|person| person.id));
            next = rest;
        }
        Ok(ids)
    }

    /// Those of these people who consent now to being approached so, in their order.
    pub(super) async fn consenting_of(
        &self,
        tenant: &TenantId,
        people: Vec<PersonId>,
        purpose: &str,
        channel: &str,
    ) -> Result<Vec<Person>, Failure> {
        let asked = stream::iter(people).map(|id| self.if_consenting(tenant, id, purpose, channel));
        let found: Vec<Option<Person>> = asked.buffered(READS_AT_ONCE_MAX).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn if_consenting(
        &self,
        tenant: &TenantId,
        id: PersonId,
        purpose: &str,
        channel: &str,
    ) -> Result<Option<Person>, Failure> {
        let current = self.ledgers.current(tenant, &id).await?;
        let Some(grant) = consent::grant(&current, purpose, channel) else { return Ok(None) };
        let Some(mut person) = self.store.person(tenant, &id).await? else { return Ok(None) };
        let hash = |phone: &str| self.store.vault.number_hash(tenant, id.as_str(), phone);
        if channel == SMS && !grant.is_for_number(&hash(&person.details.phone)) {
            // They agreed for another number, which is not in the profile: this one gets no text.
            person.details.phone.clear();
        }
        Ok(Some(person))
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
            number_hash: String::new(),
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
