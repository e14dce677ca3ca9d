//! The gRPC face of registrants: reads the fields, asks `registrants` and `roll`, writes the answer. Who may call what stands in the
//! access table; whether personal fields are shown is decided in `wire`.

use tonic::{Request, Response};
use turnout_platform::{
    auth::{Principal, principal_of},
    failure::Failure,
    ids::{EventId, PersonId, RegistrationId},
    page_tokens::{open_token, read_open_token},
    random,
};
use turnout_proto::{
    profiles::v1::AuditEntry,
    registration::v1::{
        Act as WireAct, AnswerRsvpRequest, AnswerRsvpResponse, ApplyPaymentNoticeRequest, ApplyPaymentNoticeResponse,
        ApplyRetentionRequest, ApplyRetentionResponse, CancelRegistrationRequest, CancelRegistrationResponse,
        CheckInOutcome, CheckInRequest, CheckInResponse, ExportRegistrantsRequest, ExportRegistrantsResponse,
        GetCheckInPackRequest, GetCheckInPackResponse, GetFieldFiguresRequest, GetFieldFiguresResponse, GetFormRequest,
        GetFormResponse, GetRegistrantSettingsRequest, GetRegistrantSettingsResponse, GetRegistrationRequest,
        GetRegistrationResponse, GetStatisticsRequest, GetStatisticsResponse, ListQuestionsRequest,
        ListQuestionsResponse, ListRegistrantsRequest, ListRegistrantsResponse, ListRegistrationsOfPersonRequest,
        ListRegistrationsOfPersonResponse, PaymentState, PutFormRequest, PutFormResponse, PutRegistrantSettingsRequest,
        PutRegistrantSettingsResponse, RecordEntryRequest, RecordEntryResponse, RecountRequest, RecountResponse,
        RegisterRequest, RegisterResponse, Registration as WireRegistration, ResolveCodeRequest, ResolveCodeResponse,
        RotatePaymentSecretRequest, RotatePaymentSecretResponse, RsvpState, SetPaymentRequest, SetPaymentResponse,
        SyncCheckInsRequest, SyncCheckInsResponse, UpdateRegistrationRequest, UpdateRegistrationResponse,
        WatchStatisticsRequest, WatchStatisticsResponse, registrant_service_server::RegistrantService,
    },
};

use super::{Answer, parts, reach, wire};
use crate::{
    domain::{
        event::Event,
        fields,
        registration::{Payment, Refusal, Registration},
    },
    registrants::{About, Act, Notice, Outcome, Registrants, Wanted, Who, Wish, missing},
    retention,
    roll::{Answers, RegistrantSettings},
};

/// Characters of a reason.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 3..=500;
/// Check-ins that a scanner hands over at once.
const CHECK_INS_MAX: usize = 500;

#[tonic::async_trait]
impl RegistrantService for Registrants {
    type ExportRegistrantsStream = Answers<ExportRegistrantsResponse>;
    type GetCheckInPackStream = Answers<GetCheckInPackResponse>;
    type WatchStatisticsStream = Answers<WatchStatisticsResponse>;

    async fn get_form(&self, request: Request<GetFormRequest>) -> Answer<GetFormResponse> {
        let (caller, request) = parts(request)?;
        let event = self.readable(&caller, &request.event_id).await?;
        let form = self.form(&event, request.version).await?;
        Ok(Response::new(GetFormResponse { form: Some(wire::forms::form(event.id.as_str(), form)) }))
    }

    async fn put_form(&self, request: Request<PutFormRequest>) -> Answer<PutFormResponse> {
        let (caller, request) = parts(request)?;
        let form = request.form.unwrap_or_default();
        let id = fields::id("form.event_id", &form.event_id)?;
        let event = self.event(Some(caller.tenant()?), &id).await?;
        if request.expected_version < 0 {
            return Err(Failure::invalid("expected_version", "must be the version as last read").into());
        }
        let form = wire::forms::read_form(form)?;
        form.check(event.settings.first_language())?;
        let detail = format!("version {}, {} fields", request.expected_version + 1, form.fields.len());
        self.enter_act(&caller, "form.put", About::Event(&event.id), detail).await?;
        let form = self.put_form(&event, form, request.expected_version).await?;
        Ok(Response::new(PutFormResponse { form: Some(wire::forms::form(event.id.as_str(), form)) }))
    }

    async fn register(&self, request: Request<RegisterRequest>) -> Answer<RegisterResponse> {
        let (caller, request) = parts(request)?;
        let event = self.own(&caller, &request.event_id).await?;
        let wanted = wanted(request, &caller)?;
        let (registration, created) = self.register(&event, wanted).await?;
        let registration = Some(self.shown(&registration, &event, &caller));
        Ok(Response::new(RegisterResponse { registration, created }))
    }

    async fn get_registration(&self, request: Request<GetRegistrationRequest>) -> Answer<GetRegistrationResponse> {
        let (caller, request) = parts(request)?;
        let event = self.readable(&caller, &request.event_id).await?;
        let id = fields::id("registration_id", &request.registration_id)?;
        let registration = self.registration(&event, &id).await?;
        Ok(Response::new(GetRegistrationResponse { registration: Some(self.shown(&registration, &event, &caller)) }))
    }

    async fn list_registrants(&self, request: Request<ListRegistrantsRequest>) -> Answer<ListRegistrantsResponse> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.roll.list_registrants(&caller, request).await?))
    }

    async fn export_registrants(
        &self,
        request: Request<ExportRegistrantsRequest>,
    ) -> Answer<Self::ExportRegistrantsStream> {
        let (caller, request) = parts(request)?;
        let event = self.own(&caller, &request.event_id).await?;
        if let Some(act) = act(request.act.as_ref(), &caller)? {
            let entry = AuditEntry {
                at: None,
                actor: act.actor,
                action: "registrants.export".to_owned(),
                subject: format!("event:{}", event.id),
                event_id: event.id.to_string(),
                reason: act.reason,
                detail: String::new(),
                entry_id: random::sortable_id(),
            };
            self.audit_once(&event.tenant, entry).await?;
        }
        Ok(Response::new(self.roll.export_registrants(&caller, request).await?))
    }

    async fn list_registrations_of_person(
        &self,
        request: Request<ListRegistrationsOfPersonRequest>,
    ) -> Answer<ListRegistrationsOfPersonResponse> {
        let (caller, request) = parts(request)?;
        let (tenant, person) = (caller.tenant()?, fields::id::<PersonId>("person_id", &request.person_id)?);
        let limit = fields::page_size(request.page_size)?;
        let list = format!("registrations\0{tenant}\0{person}");
        let after = read_open_token(&list, &request.page_token)?;
        let (found, next) = self.of_person(tenant, &person, after, limit).await?;
        let registrations =
            found.iter().map(|(event, registration)| self.shown(registration, event, &caller)).collect();
        let next_page_token = next.map(|place| open_token(&list, &place)).unwrap_or_default();
        Ok(Response::new(ListRegistrationsOfPersonResponse { registrations, next_page_token }))
    }

    async fn update_registration(
        &self,
        request: Request<UpdateRegistrationRequest>,
    ) -> Answer<UpdateRegistrationResponse> {
        let (caller, request) = parts(request)?;
        let given = request.registration.unwrap_or_default();
        let (event, id) = self.one(&caller, &given.event_id, &given.registration_id).await?;
        let act = act(request.act.as_ref(), &caller)?;
        let expected = fields::expected_version(request.expected_version)?;
        let wish = wish(&given, wire::paths(request.update_mask)?)?;
        let registration = self.update(&event, &id, wish, expected, act.as_ref()).await?;
        Ok(Response::new(UpdateRegistrationResponse { registration: Some(self.shown(&registration, &event, &caller)) }))
    }

    async fn cancel_registration(
        &self,
        request: Request<CancelRegistrationRequest>,
    ) -> Answer<CancelRegistrationResponse> {
        let (caller, request) = parts(request)?;
        let (event, id) = self.one(&caller, &request.event_id, &request.registration_id).await?;
        let act = act(request.act.as_ref(), &caller)?;
        let registration = self.cancel(&event, &id, act.as_ref()).await?;
        Ok(Response::new(CancelRegistrationResponse { registration: Some(self.shown(&registration, &event, &caller)) }))
    }

    async fn answer_rsvp(&self, request: Request<AnswerRsvpRequest>) -> Answer<AnswerRsvpResponse> {
        let (caller, request) = parts(request)?;
        let (event, id) = self.one(&caller, &request.event_id, &request.registration_id).await?;
        let comes = match RsvpState::try_from(request.rsvp) {
            Ok(RsvpState::Confirmed) => true,
            Ok(RsvpState::Declined) => false,
            _ => return Err(Failure::invalid("rsvp", "must be CONFIRMED or DECLINED").into()),
        };
        let act = act(request.act.as_ref(), &caller)?;
        let registration = self.answer_rsvp(&event, &id, comes, act.as_ref()).await?;
        Ok(Response::new(AnswerRsvpResponse { registration: Some(self.shown(&registration, &event, &caller)) }))
    }

    async fn set_payment(&self, request: Request<SetPaymentRequest>) -> Answer<SetPaymentResponse> {
        let (caller, request) = parts(request)?;
        let (event, id) = self.one(&caller, &request.event_id, &request.registration_id).await?;
        let payment = match PaymentState::try_from(request.payment) {
            Ok(PaymentState::Unpaid) => Payment::Unpaid,
            Ok(PaymentState::Paid) => Payment::Paid,
            Ok(PaymentState::Refunded) => Payment::Refunded,
            _ => return Err(Failure::invalid("payment", "must be UNPAID, PAID or REFUNDED").into()),
        };
        let amount = request.paid.as_ref().map(|paid| wire::read_money("paid", paid)).transpose()?;
        let act = act(request.act.as_ref(), &caller)?;
        let registration = self.set_payment(&event, &id, payment, amount, act.as_ref()).await?;
        Ok(Response::new(SetPaymentResponse { registration: Some(self.shown(&registration, &event, &caller)) }))
    }

    async fn rotate_payment_secret(
        &self,
        request: Request<RotatePaymentSecretRequest>,
    ) -> Answer<RotatePaymentSecretResponse> {
        let caller = principal_of(&request)?;
        let secret = self.rotate_payment_secret(caller.tenant()?, &caller).await?;
        Ok(Response::new(RotatePaymentSecretResponse { secret }))
    }

    async fn apply_payment_notice(
        &self,
        request: Request<ApplyPaymentNoticeRequest>,
    ) -> Answer<ApplyPaymentNoticeResponse> {
        let (_, request) = parts(request)?;
        let tenant = fields::id("tenant_id", &request.tenant_id)?;
        let ApplyPaymentNoticeRequest { id, timestamp, signature, body, .. } = request;
        let repeated = self.apply_notice(&tenant, Notice { id, timestamp, signature, body }).await?;
        Ok(Response::new(ApplyPaymentNoticeResponse { repeated }))
    }

    async fn record_entry(&self, request: Request<RecordEntryRequest>) -> Answer<RecordEntryResponse> {
        let (caller, request) = parts(request)?;
        let (event, id) = self.one(&caller, &request.event_id, &request.registration_id).await?;
        let (registration, admitted) = self.enter(&event, &id).await?;
        let registration = Some(self.shown(&registration, &event, &caller));
        Ok(Response::new(RecordEntryResponse { registration, admitted }))
    }

    async fn check_in(&self, request: Request<CheckInRequest>) -> Answer<CheckInResponse> {
        let (caller, request) = parts(request)?;
        let event = self.own(&caller, &request.event_id).await?;
        let who = match (request.code.is_empty(), request.registration_id.is_empty()) {
            (false, true) => self.place_of_ticket(&request.code),
            (true, false) => Some((event.id.clone(), fields::id("registration_id", &request.registration_id)?)),
            _ => return Err(Failure::invalid("code", "must be given, or else registration_id").into()),
        };
        let act = request.act.as_ref().map(|given| act(Some(given), &caller)).transpose()?.flatten();
        let (outcome, registration) = self.check_in(&event, who, self.clock.at_ms() as i64, act.as_ref()).await?;
        let registration = registration.map(|registration| self.shown(&registration, &event, &caller));
        Ok(Response::new(CheckInResponse { outcome: shown_outcome(outcome).into(), registration }))
    }

    async fn sync_check_ins(&self, request: Request<SyncCheckInsRequest>) -> Answer<SyncCheckInsResponse> {
        let (caller, request) = parts(request)?;
        let event = self.own(&caller, &request.event_id).await?;
        if request.check_ins.len() > CHECK_INS_MAX {
            return Err(Failure::invalid("check_ins", format!("must be at most {CHECK_INS_MAX}")).into());
        }
        let recorded = request.check_ins.into_iter();
        let recorded = recorded.map(|one| Ok((one.code, wire::required_time("check_ins.at", one.at)?)));
        let outcomes = self.sync_check_ins(&event, recorded.collect::<Result<_, Failure>>()?).await?;
        let outcomes = outcomes.into_iter().map(|outcome| shown_outcome(outcome).into()).collect();
        Ok(Response::new(SyncCheckInsResponse { outcomes }))
    }

    async fn get_check_in_pack(&self, request: Request<GetCheckInPackRequest>) -> Answer<Self::GetCheckInPackStream> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.roll.get_check_in_pack(&caller, request).await?))
    }

    async fn resolve_code(&self, request: Request<ResolveCodeRequest>) -> Answer<ResolveCodeResponse> {
        let (caller, request) = parts(request)?;
        let (event, id) = self.place_of_code(&request.code).ok_or_else(missing)?;
        let event = match self.event(reach(&caller)?, &event).await {
            Err(Failure::NotFound { .. }) => return Err(missing().into()),
            found => found?,
        };
        let registration = self.registration(&event, &id).await?;
        Ok(Response::new(ResolveCodeResponse { registration: Some(self.shown(&registration, &event, &caller)) }))
    }

    async fn get_statistics(&self, request: Request<GetStatisticsRequest>) -> Answer<GetStatisticsResponse> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.roll.get_statistics(&caller, request).await?))
    }

    async fn watch_statistics(&self, request: Request<WatchStatisticsRequest>) -> Answer<Self::WatchStatisticsStream> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.roll.watch_statistics(&caller, request).await?))
    }

    async fn recount(&self, request: Request<RecountRequest>) -> Answer<RecountResponse> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.roll.recount(&caller, request).await?))
    }

    async fn get_field_figures(&self, request: Request<GetFieldFiguresRequest>) -> Answer<GetFieldFiguresResponse> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.roll.get_field_figures(&caller, request).await?))
    }

    async fn list_questions(&self, request: Request<ListQuestionsRequest>) -> Answer<ListQuestionsResponse> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.roll.list_questions(&caller, request).await?))
    }

    async fn get_registrant_settings(
        &self,
        request: Request<GetRegistrantSettingsRequest>,
    ) -> Answer<GetRegistrantSettingsResponse> {
        let (caller, request) = parts(request)?;
        let mut answer = self.roll.get_registrant_settings(&caller, request).await?;
        let tenant = caller.tenant()?;
        answer.removal = self.removal_shown(tenant, self.roll.settings_of(tenant).await?).await?;
        Ok(Response::new(answer))
    }

    async fn put_registrant_settings(
        &self,
        request: Request<PutRegistrantSettingsRequest>,
    ) -> Answer<PutRegistrantSettingsResponse> {
        let (caller, request) = parts(request)?;
        let next = RegistrantSettings::read_wire(request.settings)?;
        let RegistrantSettings { threshold, retention_days, version } = next;
        let detail = format!("version {version}: threshold {threshold}, retention {retention_days} days");
        self.enter_act(&caller, "registrant-settings.put", About::Tenant, detail).await?;
        let settings = self.put_settings(caller.tenant()?, next).await?;
        Ok(Response::new(PutRegistrantSettingsResponse { settings: Some(settings.to_wire()) }))
    }

    async fn apply_retention(&self, request: Request<ApplyRetentionRequest>) -> Answer<ApplyRetentionResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let settings = self.roll.settings_of(tenant).await?;
        let mut answer = ApplyRetentionResponse { settings_version: settings.version, ..Default::default() };
        if settings.retention_days > 0 {
            if request.dry_run {
                answer = self.say_due(tenant, settings).await?;
            } else {
                let removal = self.ask_for_removal(tenant, settings, caller.actor()).await?;
                answer.removal = Some(retention::shown(&removal, settings));
            }
        }
        Ok(Response::new(answer))
    }
}

impl Registrants {
    /// An event that the caller may read.
    async fn readable(&self, caller: &Principal, id: &str) -> Result<Event, Failure> {
        let id: EventId = fields::id("event_id", id)?;
        self.event(reach(caller)?, &id).await
    }

    /// An event of the caller's tenant.
    async fn own(&self, caller: &Principal, id: &str) -> Result<Event, Failure> {
        let tenant = caller.tenant()?;
        let id: EventId = fields::id("event_id", id)?;
        self.event(Some(tenant), &id).await
    }

    /// An event of the caller's tenant and the id of a registration.
    async fn one(&self, caller: &Principal, event: &str, id: &str) -> Result<(Event, RegistrationId), Failure> {
        let event = self.own(caller, event).await?;
        Ok((event, fields::id("registration_id", id)?))
    }

    fn shown(&self, registration: &Registration, event: &Event, caller: &Principal) -> WireRegistration {
        wire::registration(registration, &event.settings, &event.tenant, caller, &self.codes)
    }
}

/// Who acts for somebody else, and why. Members of the team and keys must say why; services may act for the person themselves.
pub(super) fn act(given: Option<&WireAct>, caller: &Principal) -> Result<Option<Act>, Failure> {
    let Some(given) = given else {
        let problem = format!("must say why, in {} to {} characters", REASON_CHARS.start(), REASON_CHARS.end());
        return if caller.acts_for_another() { Err(Failure::invalid("act.reason", problem)) } else { Ok(None) };
    };
    let reason = given.reason.trim();
    if !REASON_CHARS.contains(&reason.chars().count()) {
        let problem = format!("must be {} to {} characters", REASON_CHARS.start(), REASON_CHARS.end());
        return Err(Failure::invalid("act.reason", problem));
    }
    Ok(Some(Act { actor: caller.actor(), reason: reason.to_owned() }))
}

fn wanted(request: RegisterRequest, caller: &Principal) -> Result<Wanted, Failure> {
    let act = act(request.act.as_ref(), caller)?;
    let mode = wire::read_mode(request.mode)?;
    if act.is_some() && !request.consents.is_empty() {
        let problem = "are the person's own to give: whoever acts for somebody leaves them out";
        return Err(Failure::invalid("consents", problem));
    }
    let who = if request.email.trim().is_empty() && !request.nickname.is_empty() {
        let extra = [
            ("name", request.name.is_empty()),
            ("phone", request.phone.is_empty()),
            ("answers", request.answers.is_empty()),
            ("consents", request.consents.is_empty()),
        ];
        if let Some((field, _)) = extra.into_iter().find(|(_, is_empty)| !is_empty) {
            return Err(Failure::invalid(field, "cannot be given with a nickname"));
        }
        Who::Nickname { nickname: request.nickname, idempotency_key: request.idempotency_key }
    } else if request.nickname.is_empty() {
        Who::Person {
            email: request.email,
            name: request.name,
            phone: request.phone,
            answers: request.answers,
            consents: request.consents,
            zone: request.zone,
        }
    } else {
        return Err(Failure::invalid("nickname", "cannot be given with an e-mail address"));
    };
    Ok(Wanted { who, mode, form_version: request.form_version, language: request.language, act })
}

fn wish(given: &WireRegistration, paths: Vec<String>) -> Result<Wish, Failure> {
    let mut wish = Wish { form_version: given.form_version, ..Wish::default() };
    for path in paths {
        match path.as_str() {
            "name" => wish.name = Some(given.name.clone()),
            "phone" => wish.phone = Some(given.phone.clone()),
            "nickname" => wish.nickname = Some(given.nickname.clone()),
            "mode" => wish.mode = Some(wire::read_mode(given.mode)?),
            "language" => wish.language = Some(given.language.clone()),
            "answers" => wish.answers = Some(given.answers.clone()),
            _ => return Err(Failure::invalid("update_mask", "names a field that cannot be changed")),
        }
    }
    Ok(wish)
}

fn shown_outcome(outcome: Outcome) -> CheckInOutcome {
    match outcome {
        Outcome::Admitted => CheckInOutcome::Admitted,
        Outcome::AlreadyIn => CheckInOutcome::AlreadyIn,
        Outcome::Unknown => CheckInOutcome::Unknown,
        Outcome::Refused(Refusal::Cancelled) => CheckInOutcome::Cancelled,
        Outcome::Refused(Refusal::Waiting) => CheckInOutcome::Waiting,
        Outcome::Refused(Refusal::Unpaid) => CheckInOutcome::Unpaid,
        Outcome::Refused(Refusal::Unconfirmed) => CheckInOutcome::Unconfirmed,
    }
}
