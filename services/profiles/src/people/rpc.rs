//! The gRPC face of people: reads the fields, asks `people`, writes the answer. The access layer has authenticated each call before
//! it gets here. Who may not see personal fields gets people without them, and can neither search nor sort by them.

use std::pin::Pin;

use futures_util::{Stream, TryStreamExt as _, stream};
use prost_types::Timestamp;
use tonic::{Request, Response, Status};
use turnout_platform::{
    auth::{Caller, Principal, principal_of},
    failure::Failure,
    ids::TenantId,
    listing::Walk,
    page_tokens::{PageTokens, open_token, read_open_token},
    purposes,
};
use turnout_proto::profiles::v1::{
    Assurance as WireAssurance, ConsentAction, ConsentStatement, EnsurePersonRequest, EnsurePersonResponse,
    ExportConsentingRequest, ExportConsentingResponse, ExportPeopleRequest, ExportPeopleResponse, GetConsentsRequest,
    GetConsentsResponse, GetPersonRequest, GetPersonResponse, ListConsentLedgerRequest, ListConsentLedgerResponse,
    ListConsentingRequest, ListConsentingResponse, ListPeopleRequest, ListPeopleResponse, Person as WirePerson,
    PersonOrder, RecordConsentRequest, RecordConsentResponse, UpdatePersonRequest, UpdatePersonResponse,
    VerifyByHandRequest, VerifyByHandResponse, people_service_server::PeopleService,
};

use super::{
    Doing, People,
    ledgers::{self, CandidatePlace},
};
use crate::domain::{
    consent::{Action, SMS, Source, Statement},
    fields,
    index::{List, Order},
    person::{Assurance, Changes, Details, Person},
};

/// People of one message of an export.
const EXPORT_ROWS_MAX: usize = 500;
/// Of a number's keyed hash, in hexadecimal digits.
const NUMBER_HASH_CHARS: usize = 64;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl PeopleService for People {
    type ExportPeopleStream = Pin<Box<dyn Stream<Item = Result<ExportPeopleResponse, Status>> + Send>>;
    type ExportConsentingStream = Pin<Box<dyn Stream<Item = Result<ExportConsentingResponse, Status>> + Send>>;

    async fn ensure_person(&self, request: Request<EnsurePersonRequest>) -> Answer<EnsurePersonResponse> {
        let (caller, request) = parts(request)?;
        let email = fields::email(&request.email)?;
        let given = Details {
            email: String::new(),
            name: fields::name(&request.name)?,
            phone: fields::phone(&request.phone)?,
            language: fields::language(&request.language)?,
            zone: fields::zone(&request.zone)?,
        };
        let (person, created) = self.ensure(caller.tenant()?, &email, given).await?;
        Ok(Response::new(EnsurePersonResponse { person: Some(wire_person(person, &caller)), created }))
    }

    async fn get_person(&self, request: Request<GetPersonRequest>) -> Answer<GetPersonResponse> {
        let (caller, request) = parts(request)?;
        let person = self.person(caller.tenant()?, &fields::person_id(&request.person_id)?).await?;
        Ok(Response::new(GetPersonResponse { person: Some(wire_person(person, &caller)) }))
    }

    async fn list_people(&self, request: Request<ListPeopleRequest>) -> Answer<ListPeopleResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let (list, name) = list(&caller, &request.search, request.order, request.descending)?;
        let limit = fields::page_size(request.page_size)?;
        let tokens = PageTokens::of(&self.store.vault, tenant).await?;
        let after = tokens.read(&name, &request.page_token)?;
        let (page, total) = self.lists.page(tenant, list, after, limit).await?;
        let next_page_token = page.next.map(|next| tokens.make(&name, &next)).unwrap_or_default();
        let people = page.people.into_iter().map(|person| wire_person(person, &caller)).collect();
        Ok(Response::new(ListPeopleResponse {
            people,
            next_page_token,
            matching: page.matching as i64,
            total: total as i64,
        }))
    }

    async fn export_people(&self, request: Request<ExportPeopleRequest>) -> Answer<Self::ExportPeopleStream> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?.clone();
        let doing = Doing::by(&caller, fields::reason(&request.reason)?);
        let (list, _) = list(&caller, &request.search, request.order, request.descending)?;
        self.enter_list(&tenant, "people.export", &doing, format!("search: {:?}", request.search)).await?;

        let everybody = self.lists.all(&tenant, list).await?;
        // At least one part, so that nothing is told as nothing.
        let parts = stream::unfold(Some((everybody, 0)), move |rest| {
            let caller = caller.clone();
            async move {
                let (everybody, from) = rest?;
                let to = everybody.len().min(from + EXPORT_ROWS_MAX);
                let people = everybody.part(from..to).await.into_iter().map(|person| wire_person(person, &caller));
                let part = ExportPeopleResponse { people: people.collect(), matching: everybody.len() as i64 };
                Some((Ok(part), Some((everybody, to)).filter(|(everybody, to)| *to < everybody.len())))
            }
        });
        Ok(Response::new(Box::pin(parts)))
    }

    async fn update_person(&self, request: Request<UpdatePersonRequest>) -> Answer<UpdatePersonResponse> {
        let (caller, request) = parts(request)?;
        let wanted = request.person.unwrap_or_default();
        let id = fields::person_id(&wanted.person_id)?;
        let changes = changes(&wanted, &request.update_mask.unwrap_or_default().paths)?;
        let expected = fields::expected_version(request.expected_version)?;
        let reason = if caller.acts_for_another() {
            fields::reason(&request.reason)
        } else {
            fields::reason_if_any(&request.reason)
        };
        let doing = Doing::by(&caller, reason?);
        let person = self.update(caller.tenant()?, &id, &changes, expected, &doing).await?;
        Ok(Response::new(UpdatePersonResponse { person: Some(wire_person(person, &caller)) }))
    }

    async fn verify_by_hand(&self, request: Request<VerifyByHandRequest>) -> Answer<VerifyByHandResponse> {
        let (caller, request) = parts(request)?;
        let id = fields::person_id(&request.person_id)?;
        let doing = Doing::by(&caller, fields::reason(&request.reason)?);
        let person = self.verify_by_hand(caller.tenant()?, &id, &doing).await?;
        Ok(Response::new(VerifyByHandResponse { person: Some(wire_person(person, &caller)) }))
    }

    async fn record_consent(&self, request: Request<RecordConsentRequest>) -> Answer<RecordConsentResponse> {
        let (caller, request) = parts(request)?;
        let id = fields::person_id(&request.person_id)?;
        let key = fields::word("idempotency_key", &request.idempotency_key)?;
        if !(1..=ledgers::STATEMENTS_PER_REQUEST_MAX).contains(&request.statements.len()) {
            let problem = format!("must be 1 to {} statements", ledgers::STATEMENTS_PER_REQUEST_MAX);
            return Err(Failure::invalid("statements", problem).into());
        }
        let statements: Vec<_> =
            request.statements.iter().map(|wire| statement(wire, &caller, &key)).collect::<Result<_, _>>()?;
        let doing = caller.acts_for_another().then(|| Doing::by(&caller, String::new()));
        let current = self.record_consent(caller.tenant()?, &id, &statements, &key, doing.as_ref()).await?;
        Ok(Response::new(RecordConsentResponse { current: current.into_iter().map(wire_statement).collect() }))
    }

    async fn get_consents(&self, request: Request<GetConsentsRequest>) -> Answer<GetConsentsResponse> {
        let (caller, request) = parts(request)?;
        let current = self.consents(caller.tenant()?, &fields::person_id(&request.person_id)?).await?;
        Ok(Response::new(GetConsentsResponse { current: current.into_iter().map(wire_statement).collect() }))
    }

    async fn list_consent_ledger(
        &self,
        request: Request<ListConsentLedgerRequest>,
    ) -> Answer<ListConsentLedgerResponse> {
        let (caller, request) = parts(request)?;
        let (tenant, id) = (caller.tenant()?, fields::person_id(&request.person_id)?);
        let limit = fields::page_size(request.page_size)?;
        let list = format!("consent ledger\0{tenant}\0{id}");
        let after = read_open_token(&list, &request.page_token)?;
        let (ledger, next) = self.consent_ledger(tenant, &id, after, limit).await?;
        Ok(Response::new(ListConsentLedgerResponse {
            statements: ledger.into_iter().map(wire_statement).collect(),
            controller: tenant.to_string(),
            next_page_token: next.map(|place| open_token(&list, &place)).unwrap_or_default(),
        }))
    }

    async fn list_consenting(&self, request: Request<ListConsentingRequest>) -> Answer<ListConsentingResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let (purpose, channel) = self.approach(tenant, &request.purpose, &request.channel).await?;
        let limit = fields::page_size(request.page_size)?;
        let name = format!("consenting\0{purpose}\0{channel}");
        let tokens = PageTokens::of(&self.store.vault, tenant).await?;
        let from: Option<CandidatePlace> = tokens.read(&name, &request.page_token)?;
        if from.is_none() && caller.acts_for_another() {
            let doing = Doing::by(&caller, String::new());
            self.enter_list(tenant, "people.consenting", &doing, format!("{purpose} by {channel}")).await?;
        }
        let from = from.unwrap_or(CandidatePlace::FIRST);
        let (people, next) = self.consenting(tenant, &purpose, &channel, from, limit).await?;
        let next_page_token = next.map(|next| tokens.make(&name, &next)).unwrap_or_default();
        let people = people.into_iter().map(|person| wire_person(person, &caller)).collect();
        Ok(Response::new(ListConsentingResponse { people, next_page_token }))
    }

    async fn export_consenting(
        &self,
        request: Request<ExportConsentingRequest>,
    ) -> Answer<Self::ExportConsentingStream> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?.clone();
        let doing = Doing::by(&caller, fields::reason(&request.reason)?);
        let (purpose, channel) = self.approach(&tenant, &request.purpose, &request.channel).await?;
        self.enter_list(&tenant, "people.export", &doing, format!("{purpose} by {channel}")).await?;

        // Of many people it takes longer to look who they are than an answer may: so that is done once it has begun.
        let own = self.clone();
        let everybody = stream::once(async move {
            let ids = own.all_consenting(&tenant, &purpose, &channel).await?;
            Ok::<_, Failure>((own, tenant, purpose, channel, ids))
        });
        let parts = everybody.map_ok(move |(own, tenant, purpose, channel, ids)| {
            let matching = ids.len() as i64;
            // At least one part, so that nothing is told as nothing.
            let rest = Some(ids);
            let caller = caller.clone();
            stream::try_unfold(rest, move |rest| {
                let (own, caller) = (own.clone(), caller.clone());
                let (tenant, purpose, channel) = (tenant.clone(), purpose.clone(), channel.clone());
                async move {
                    let Some(mut ids) = rest else { return Ok(None) };
                    let rest = ids.split_off(ids.len().min(EXPORT_ROWS_MAX));
                    // Asked again: who has withdrawn meanwhile is in no file that is made now.
                    let people = own.consenting_of(&tenant, ids, &purpose, &channel).await?;
                    let people = people.into_iter().map(|person| wire_person(person, &caller)).collect();
                    let part = ExportConsentingResponse { people, matching };
                    Ok(Some((part, Some(rest).filter(|rest| !rest.is_empty()))))
                }
            })
        });
        Ok(Response::new(Box::pin(parts.try_flatten().map_err(|failure: Failure| Status::from(failure)))))
    }
}

impl People {
    /// The purpose and the channel of a request, if people may be approached so at all just now.
    async fn approach(&self, tenant: &TenantId, purpose: &str, channel: &str) -> Result<(String, String), Failure> {
        let (purpose, channel) = (fields::word("purpose", purpose)?, fields::channel(channel, false)?);
        if purposes::is_marketing(&purpose) {
            self.marketing.check(tenant).await?;
        }
        Ok((purpose, channel))
    }

    /// Enters in the audit log that somebody took people out.
    async fn enter_list(
        &self,
        tenant: &TenantId,
        action: &'static str,
        doing: &Doing,
        detail: String,
    ) -> Result<(), Failure> {
        self.enter(tenant, action, format!("tenant:{tenant}"), doing, detail).await
    }
}

fn parts<T>(request: Request<T>) -> Result<(Principal, T), Failure> {
    Ok((principal_of(&request)?, request.into_inner()))
}

/// The list that is asked for, and a name that its page tokens are bound to.
fn list(caller: &Principal, search: &str, order: i32, descending: bool) -> Result<(List, String), Failure> {
    let order = match PersonOrder::try_from(order) {
        Ok(PersonOrder::Unspecified | PersonOrder::CreatedAt) => Order::CreatedAt,
        Ok(PersonOrder::Name) => Order::Name,
        Ok(PersonOrder::Email) => Order::Email,
        Err(_) => return Err(Failure::invalid("order", "must be one of the orders of people")),
    };
    let query = fields::search(search)?;
    // Whoever may not see names must not find them out by asking for one after the other.
    if !caller.sees_personal() && (order != Order::CreatedAt || !query.is_empty()) {
        return Err(Failure::PermissionDenied);
    }
    let name = format!("people\0{order:?}\0{descending}\0{search}");
    Ok((List { search: query, walk: Walk { order, reverse: descending } }, name))
}

fn changes(wanted: &WirePerson, mask: &[String]) -> Result<Changes, Failure> {
    let mut changes = Changes::default();
    for path in mask {
        match path.as_str() {
            "name" => changes.name = Some(fields::name(&wanted.name)?),
            "phone" => changes.phone = Some(fields::phone(&wanted.phone)?),
            "language" => changes.language = Some(fields::language(&wanted.language)?),
            "zone" => changes.zone = Some(fields::zone(&wanted.zone)?),
            _ => return Err(Failure::invalid("update_mask", "must name any of name, phone, language, zone")),
        }
    }
    if mask.is_empty() {
        return Err(Failure::invalid("update_mask", "must name what to change: any of name, phone, language, zone"));
    }
    Ok(changes)
}

/// Its time is set when it is stored.
fn statement(wire: &ConsentStatement, caller: &Principal, request: &str) -> Result<Statement, Failure> {
    let action = match wire.action() {
        ConsentAction::Granted => Action::Granted,
        ConsentAction::Withdrawn => Action::Withdrawn,
        ConsentAction::Unspecified => return Err(Failure::invalid("action", "must be granted or withdrawn")),
    };
    if wire.text_version < 0 {
        return Err(Failure::invalid("text_version", "must be 0 or more"));
    }
    Ok(Statement {
        purpose: fields::word("purpose", &wire.purpose)?,
        channel: fields::channel(&wire.channel, action == Action::Withdrawn)?,
        action,
        text: match action {
            Action::Granted => fields::consent_text(&wire.text)?,
            // Taking back needs no words, and must not fail for some.
            Action::Withdrawn => String::new(),
        },
        language: fields::language(&wire.language)?,
        text_version: wire.text_version,
        source: source(&wire.source, caller)?,
        number_hash: number_hash(wire, action, caller),
        request: request.to_owned(),
        at_ms: 0,
    })
}

/// Only services of the mesh can make one.
fn number_hash(wire: &ConsentStatement, action: Action, caller: &Principal) -> String {
    let is_taken = caller.is_mesh() && action == Action::Granted && wire.channel == SMS;
    if is_taken { wire.number_hash.chars().take(NUMBER_HASH_CHARS).collect() } else { String::new() }
}

/// What a member of the team states is the team's statement and not a click of the person; of some things only we know.
fn source(wire: &str, caller: &Principal) -> Result<Source, Failure> {
    let source = Source::of_word(wire).filter(|source| !source.is_ours());
    match (source, &caller.caller) {
        (Some(Source::Admin), _) => Ok(Source::Admin),
        (_, Caller::Member { .. }) => {
            Err(Failure::invalid("source", "must be `admin`: a member of the team states this"))
        }
        (Some(source), _) => Ok(source),
        (None, _) => {
            let problem = "must be `form`, `preferences`, `unsubscribe`, `admin`, `cmp` or `complaint`";
            Err(Failure::invalid("source", problem))
        }
    }
}

fn wire_person(person: Person, caller: &Principal) -> WirePerson {
    let assurance = match person.assurance {
        Assurance::Claimed => WireAssurance::Claimed,
        Assurance::ByHand => WireAssurance::ByHand,
        Assurance::Verified => WireAssurance::Verified,
    };
    let Details { email, name, phone, language, zone } = person.details;
    let personal = |text: String| if caller.sees_personal() { text } else { String::new() };
    WirePerson {
        person_id: person.id.to_string(),
        email: personal(email),
        email_assurance: assurance.into(),
        email_verified_at: person.verified_at_ms.map(timestamp),
        name: personal(name),
        phone: personal(phone),
        language,
        zone,
        created_at: Some(timestamp(person.created_at_ms)),
        version: person.version,
        has_account: person.has_account,
    }
}

fn wire_statement(statement: Statement) -> ConsentStatement {
    let action = match statement.action {
        Action::Granted => ConsentAction::Granted,
        Action::Withdrawn => ConsentAction::Withdrawn,
    };
    ConsentStatement {
        purpose: statement.purpose,
        channel: statement.channel,
        action: action.into(),
        text: statement.text,
        language: statement.language,
        source: statement.source.word().to_owned(),
        at: Some(timestamp(statement.at_ms)),
        text_version: statement.text_version,
        number_hash: statement.number_hash,
    }
}

fn timestamp(at_ms: i64) -> Timestamp {
    Timestamp { seconds: at_ms.div_euclid(1000), nanos: at_ms.rem_euclid(1000) as i32 * 1_000_000 }
}
