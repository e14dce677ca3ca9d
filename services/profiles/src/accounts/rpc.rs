//! The gRPC face of accounts: reads the fields, asks the actions, writes the answer. The access layer has authenticated each call
//! before it gets here; a failure becomes a status in `turnout_platform::failure`.

use std::cmp::Reverse;

use tonic::{Request, Response, Status};
use turnout_platform::{
    auth::{Principal, principal_of},
    failure::Failure,
    ids::TenantId,
    page_tokens::{PageTokens, TimePlace, open_token, read_open_token},
};
use turnout_proto::profiles::v1::{
    AuditEntry, BeginSecondFactorRequest, BeginSecondFactorResponse, ChangeMemberRoleRequest, ChangeMemberRoleResponse,
    ChangePasswordRequest, ChangePasswordResponse, CheckSessionRequest, CheckSessionResponse,
    ConfirmSecondFactorRequest, ConfirmSecondFactorResponse, CreateFirstOwnerRequest, CreateFirstOwnerResponse,
    EndOtherSessionsRequest, EndOtherSessionsResponse, EndSessionRequest, EndSessionResponse, InviteMemberRequest,
    InviteMemberResponse, ListAuditRequest, ListAuditResponse, ListMembersRequest, ListMembersResponse,
    ListSessionsRequest, ListSessionsResponse, Member as WireMember, RecordAuditRequest, RecordAuditResponse,
    RedeemLinkRequest, RedeemLinkResponse, RemoveMemberRequest, RemoveMemberResponse, RemoveSecondFactorRequest,
    RemoveSecondFactorResponse, RequestLinkRequest, RequestLinkResponse, SendResetLinkRequest, SendResetLinkResponse,
    Session as WireSession, SignInRequest, SignInResponse, account_service_server::AccountService,
};

use super::{
    Accounts,
    audit::AuditRecord,
    domain::{fields, passwords::Password, secrets::AccountId},
    links::LinkRequest,
    mail::timestamp,
    sign_in::SignedIn,
    store::{Session, StoredEntry},
    team::Member,
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn sign_in(&self, request: Request<SignInRequest>) -> Answer<SignInResponse> {
        let request = request.into_inner();
        let place = Self::place(fields::realm(request.realm)?, &request.tenant_id)?;
        let email = fields::email(&request.email)?;
        let password = Password::tried("password", &request.password)?;
        let (code, client) = (fields::code(&request.code)?, fields::client(&request.client)?);
        Ok(Response::new(match self.sign_in(place, email, password, code, client).await? {
            Some(SignedIn { secret, session_id, resident }) => {
                SignInResponse { session: secret, account: Some(resident.to_wire(&session_id)), needs_code: false }
            }
            None => SignInResponse { needs_code: true, ..SignInResponse::default() },
        }))
    }

    async fn request_link(&self, request: Request<RequestLinkRequest>) -> Answer<RequestLinkResponse> {
        let request = request.into_inner();
        let wanted = LinkRequest {
            place: Self::place(fields::realm(request.realm)?, &request.tenant_id)?,
            email: fields::email(&request.email)?,
            purpose: fields::purpose(request.purpose)?,
            return_path: fields::return_path(&request.return_path)?,
            language: fields::language(&request.language)?,
            event_id: optional_id("event_id", request.event_id)?,
        };
        self.request_link(wanted, fields::client(&request.client)?).await?;
        Ok(Response::new(RequestLinkResponse {}))
    }

    async fn redeem_link(&self, request: Request<RedeemLinkRequest>) -> Answer<RedeemLinkResponse> {
        let request = request.into_inner();
        let new_password = match request.new_password.as_str() {
            "" => None,
            typed => Some(Password::chosen("new_password", typed)?),
        };
        let redeemed = self.redeem_link(&request.token, new_password, request.confirmed).await?;
        let (session, session_id) = redeemed.session.unwrap_or_default();
        Ok(Response::new(RedeemLinkResponse {
            purpose: redeemed.purpose.to_wire().into(),
            session,
            account: redeemed.resident.map(|resident| resident.to_wire(&session_id)),
            return_path: redeemed.return_path,
            sign_in_again: redeemed.sign_in_again,
        }))
    }

    async fn check_session(&self, request: Request<CheckSessionRequest>) -> Answer<CheckSessionResponse> {
        let open = self.open(&request.get_ref().session).await?;
        Ok(Response::new(CheckSessionResponse { account: Some(open.resident.to_wire(&open.key.session_id)) }))
    }

    async fn end_session(&self, request: Request<EndSessionRequest>) -> Answer<EndSessionResponse> {
        self.end_session(&request.get_ref().session).await?;
        Ok(Response::new(EndSessionResponse {}))
    }

    async fn list_sessions(&self, request: Request<ListSessionsRequest>) -> Answer<ListSessionsResponse> {
        let request = request.into_inner();
        let limit = fields::page_size(request.page_size)?;
        let (account, sessions) = self.sessions(&request.session).await?;
        let list = format!("sessions\0{account}");
        let after = read_open_token(&list, &request.page_token)?.map(|after| newest_first(&after));
        let place = |session: &Session| TimePlace { at_ms: session.opened_at_ms, id: session.id.clone() };
        let (sessions, last) = page(sessions, limit, after.as_ref(), |it| newest_first(&place(it)));
        Ok(Response::new(ListSessionsResponse {
            next_page_token: last.map(|last| open_token(&list, &place(&last))).unwrap_or_default(),
            sessions: sessions.into_iter().map(wire_session).collect(),
        }))
    }

    async fn end_other_sessions(&self, request: Request<EndOtherSessionsRequest>) -> Answer<EndOtherSessionsResponse> {
        let ended = self.end_other_sessions(&request.get_ref().session).await?;
        Ok(Response::new(EndOtherSessionsResponse { ended: ended as i32 }))
    }

    async fn change_password(&self, request: Request<ChangePasswordRequest>) -> Answer<ChangePasswordResponse> {
        let request = request.into_inner();
        let old = Password::tried("old_password", &request.old_password)?;
        let new = Password::chosen("new_password", &request.new_password)?;
        self.change_password(&request.session, old, new).await?;
        Ok(Response::new(ChangePasswordResponse {}))
    }

    async fn begin_second_factor(
        &self,
        request: Request<BeginSecondFactorRequest>,
    ) -> Answer<BeginSecondFactorResponse> {
        let request = request.into_inner();
        let password = Password::tried("password", &request.password)?;
        let begun = self.begin_second_factor(&request.session, &password).await?;
        Ok(Response::new(BeginSecondFactorResponse { secret: begun.secret, otpauth_url: begun.otpauth_url }))
    }

    async fn confirm_second_factor(
        &self,
        request: Request<ConfirmSecondFactorRequest>,
    ) -> Answer<ConfirmSecondFactorResponse> {
        let request = request.into_inner();
        let recovery_codes = self.confirm_second_factor(&request.session, fields::code(&request.code)?).await?;
        Ok(Response::new(ConfirmSecondFactorResponse { recovery_codes }))
    }

    async fn remove_second_factor(
        &self,
        request: Request<RemoveSecondFactorRequest>,
    ) -> Answer<RemoveSecondFactorResponse> {
        let request = request.into_inner();
        self.remove_second_factor(&request.session, fields::code(&request.code)?).await?;
        Ok(Response::new(RemoveSecondFactorResponse {}))
    }

    async fn send_reset_link(&self, request: Request<SendResetLinkRequest>) -> Answer<SendResetLinkResponse> {
        let (caller, request) = parts(request)?;
        let person = fields::id("person_id", &request.person_id)?;
        self.send_reset_link(&caller, &person, fields::reason(&request.reason)?).await?;
        Ok(Response::new(SendResetLinkResponse {}))
    }

    async fn list_members(&self, request: Request<ListMembersRequest>) -> Answer<ListMembersResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let limit = fields::page_size(request.page_size)?;
        let tokens = PageTokens::of(&self.vault, tenant).await?;
        let after: Option<(String, String)> = tokens.read("members", &request.page_token)?;
        let (members, last) = page(self.members(tenant).await?, limit, after.as_ref(), Member::place);
        Ok(Response::new(ListMembersResponse {
            next_page_token: last.map(|last| tokens.make("members", &last.place())).unwrap_or_default(),
            members: members.into_iter().map(wire_member).collect(),
        }))
    }

    async fn invite_member(&self, request: Request<InviteMemberRequest>) -> Answer<InviteMemberResponse> {
        let (caller, request) = parts(request)?;
        let email = fields::email(&request.email)?;
        let (role, language) = (fields::role(request.role)?, fields::language(&request.language)?);
        let member = self.invite(&caller, &email, role, language).await?;
        Ok(Response::new(InviteMemberResponse { member: Some(wire_member(member)) }))
    }

    async fn create_first_owner(&self, request: Request<CreateFirstOwnerRequest>) -> Answer<CreateFirstOwnerResponse> {
        let request = request.into_inner();
        let tenant: TenantId = fields::id("tenant_id", &request.tenant_id)?;
        let email = fields::email(&request.email)?;
        let password = Password::chosen("password", &request.password)?;
        let (resident, (session, session_id)) = self.create_first_owner(&tenant, &email, &password).await?;
        Ok(Response::new(CreateFirstOwnerResponse { session, account: Some(resident.to_wire(&session_id)) }))
    }

    async fn change_member_role(&self, request: Request<ChangeMemberRoleRequest>) -> Answer<ChangeMemberRoleResponse> {
        let (caller, request) = parts(request)?;
        let id: AccountId = fields::id("account_id", &request.account_id)?;
        let member = self.change_role(&caller, &id, fields::role(request.role)?).await?;
        Ok(Response::new(ChangeMemberRoleResponse { member: Some(wire_member(member)) }))
    }

    async fn remove_member(&self, request: Request<RemoveMemberRequest>) -> Answer<RemoveMemberResponse> {
        let (caller, request) = parts(request)?;
        self.remove_member(&caller, &fields::id("account_id", &request.account_id)?).await?;
        Ok(Response::new(RemoveMemberResponse {}))
    }

    async fn record_audit(&self, request: Request<RecordAuditRequest>) -> Answer<RecordAuditResponse> {
        let (caller, request) = parts(request)?;
        let entry = request.entry.ok_or_else(|| Failure::invalid("entry", "must be set"))?;
        let record = AuditRecord {
            actor: if entry.actor.is_empty() { caller.actor() } else { fields::word("entry.actor", &entry.actor)? },
            action: fields::word("entry.action", &entry.action)?,
            subject: fields::word("entry.subject", &entry.subject)?,
            event_id: optional_id("entry.event_id", entry.event_id)?,
            reason: fields::optional_reason("entry.reason", &entry.reason)?,
            detail: entry.detail,
            entry_id: optional_id("entry.entry_id", entry.entry_id)?,
        };
        self.audit.record(caller.tenant()?, record).await?;
        Ok(Response::new(RecordAuditResponse {}))
    }

    async fn list_audit(&self, request: Request<ListAuditRequest>) -> Answer<ListAuditResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let limit = fields::page_size(request.page_size)?;
        let subject = request.subject.as_str();
        if !subject.is_empty() {
            fields::word("subject", subject)?;
        }
        let list = format!("audit\0{tenant}\0{subject}");
        let after = read_open_token(&list, &request.page_token)?;
        let wanted = Some(subject).filter(|subject| !subject.is_empty());
        let (entries, more) = self.audit.page(tenant, wanted, after, limit).await?;
        let last = entries.last().filter(|_| more).map(StoredEntry::place);
        Ok(Response::new(ListAuditResponse {
            next_page_token: last.map(|place| open_token(&list, &place)).unwrap_or_default(),
            entries: entries.into_iter().map(wire_entry).collect(),
        }))
    }
}

fn parts<T>(request: Request<T>) -> Result<(Principal, T), Failure> {
    Ok((principal_of(&request)?, request.into_inner()))
}

/// Where a session stands.
type SessionPlace = TimePlace<String>;

fn newest_first(place: &SessionPlace) -> (Reverse<i64>, String) {
    (Reverse(place.at_ms), place.id.clone())
}

/// The part of a short list that comes after a place, and its last one if more follow. The list is sorted by the place.
fn page<T: Clone, K: Ord>(
    all: Vec<T>,
    limit: usize,
    after: Option<&K>,
    place: impl Fn(&T) -> K,
) -> (Vec<T>, Option<T>) {
    let is_after = |it: &T| after.is_none_or(|after| place(it) > *after);
    let mut page: Vec<T> = all.into_iter().filter(is_after).take(limit + 1).collect();
    let has_more = page.len() > limit;
    page.truncate(limit);
    let last = page.last().filter(|_| has_more).cloned();
    (page, last)
}

/// An id that may be empty. The rule for ids is the same everywhere, so that of accounts serves.
fn optional_id(field: &'static str, text: String) -> Result<String, Failure> {
    if !text.is_empty() {
        fields::id::<AccountId>(field, &text)?;
    }
    Ok(text)
}

fn wire_session(session: Session) -> WireSession {
    WireSession {
        session_id: session.id,
        opened_at: Some(timestamp(session.opened_at_ms)),
        expires_at: Some(timestamp(session.expires_at_ms)),
    }
}

fn wire_member(member: Member) -> WireMember {
    let Member { in_team, account } = member;
    let account = account.as_ref();
    WireMember {
        account_id: in_team.account.to_string(),
        email: account.map(|account| account.secrets.email.clone()).unwrap_or_default(),
        role: in_team.role.to_wire().into(),
        invited_at: Some(timestamp(in_team.invited_at_ms)),
        active: account.is_some_and(|account| account.active_at_ms.is_some()),
        has_second_factor: account.is_some_and(|account| account.secrets.totp.is_some()),
    }
}

fn wire_entry(entry: StoredEntry) -> AuditEntry {
    let StoredEntry { at_ms, record } = entry;
    AuditEntry {
        at: Some(timestamp(at_ms)),
        actor: record.actor,
        action: record.action,
        subject: record.subject,
        event_id: record.event_id,
        reason: record.reason,
        detail: record.detail,
        entry_id: record.entry_id,
    }
}
