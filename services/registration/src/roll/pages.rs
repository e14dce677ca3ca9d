//! Registrants for showing: a page, an export, a scanner's pack. Long answers are streams that hold a list of places in memory, never of
//! rows.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::{StreamExt as _, stream};
use prost::Message as _;
use tonic::Status;
use turnout_platform::{
    auth::{
        Principal,
        codes::{CodePurpose, Codes},
    },
    failure::Failure,
    listing::{Listed as _, Place, Slot},
    page_tokens::PageTokens,
};
use turnout_proto::registration::v1::{
    CheckInOutcome, ExportRegistrantsRequest, ExportRegistrantsResponse, GetCheckInPackRequest, GetCheckInPackResponse,
    ListRegistrantsRequest, ListRegistrantsResponse, PackedTicket, Registration as WireRegistration,
};

use super::{
    Answers, Roll,
    entry::{Entry, Order},
    filter,
    held::HeldEvent,
    list::{Filter, List, Walk},
};
use crate::{
    domain::{event::Event, registration::Refusal},
    rpc::wire,
};

/// Rows of one message of an export.
const EXPORT_ROWS_MAX: usize = 500;
/// Bytes of rows in one answer: it ends early with the row that reaches this. Half of what an answer may have.
const ROWS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Tickets of one message of a pack.
const PACK_TICKETS_MAX: usize = 1000;
/// Bytes of the hash by which a scanner knows a code.
const CODE_HASH_BYTES: usize = 16;

/// How one caller sees the registrants of one event.
#[derive(Clone)]
struct View {
    event: Arc<Event>,
    caller: Principal,
    codes: Codes,
}

impl View {
    fn row(&self, entry: &Entry) -> WireRegistration {
        let Event { id, tenant, settings, .. } = &*self.event;
        wire::registration(&entry.registration(id), settings, tenant, &self.caller, &self.codes)
    }

    /// The rows at these places, or the first of them that fit into one answer.
    fn rows(&self, list: &List, slots: &[Slot]) -> Vec<WireRegistration> {
        let mut bytes = 0;
        let mut rows = Vec::with_capacity(slots.len());
        for slot in slots {
            if bytes >= ROWS_BYTES_MAX {
                break;
            }
            let row = self.row(list.entry(*slot));
            bytes += row.encoded_len();
            rows.push(row);
        }
        rows
    }
}

impl Roll {
    pub async fn list_registrants(
        &self,
        caller: &Principal,
        request: ListRegistrantsRequest,
    ) -> Result<ListRegistrantsResponse, Failure> {
        let event = self.event(caller, &request.event_id).await?;
        let filter = filter::filter(request.filter.as_ref(), caller)?;
        let walk = filter::walk(request.order, request.descending, caller)?;
        let limit = filter::page_size(request.page_size)?;
        let tokens = PageTokens::of(&self.inner.vault, &event.tenant).await?;
        let name = filter::list_name(&event.id, request.filter.as_ref(), walk);
        let after: Option<Place<'static>> = tokens.read(&name, &request.page_token)?;
        let held = self.inner.held.event(&event.tenant, &event.id).await?;
        let view = self.view(event, caller);
        held.ask(Some(walk.order), move |list| {
            let found = list.find(&filter, &view.event.settings, walk, after.as_ref(), Some(limit));
            let registrations = view.rows(list, &found.slots);
            let more = found.more || registrations.len() < found.slots.len();
            let last = registrations.len().checked_sub(1).filter(|_| more).map(|at| list.entry(found.slots[at]));
            ListRegistrantsResponse {
                registrations,
                next_page_token: last.map(|last| tokens.make(&name, &last.place(walk.order))).unwrap_or_default(),
                matching: found.matching as i64,
                total: list.len() as i64,
            }
        })
        .await
    }

    /// What a list would show over all its pages, as it is when each part is sent. The caller has been audited.
    pub async fn export_registrants(
        &self,
        caller: &Principal,
        request: ExportRegistrantsRequest,
    ) -> Result<Answers<ExportRegistrantsResponse>, Failure> {
        let event = self.event(caller, &request.event_id).await?;
        let filter = filter::filter(request.filter.as_ref(), caller)?;
        let walk = filter::walk(request.order, request.descending, caller)?;
        let held = self.inner.held.event(&event.tenant, &event.id).await?;
        let view = self.view(event, caller);
        let slots = all(&held, filter, &view, walk).await?;
        let matching = slots.len() as i64;
        Ok(parts(held, slots, EXPORT_ROWS_MAX, move |list, slots| {
            let registrations = view.rows(list, slots);
            (registrations.len(), ExportRegistrantsResponse { registrations, matching })
        }))
    }

    /// What a scanner needs to work offline: every code of the event by its hash, with what it opens now.
    pub async fn get_check_in_pack(
        &self,
        caller: &Principal,
        request: GetCheckInPackRequest,
    ) -> Result<Answers<GetCheckInPackResponse>, Failure> {
        let event = self.event(caller, &request.event_id).await?;
        let held = self.inner.held.event(&event.tenant, &event.id).await?;
        let view = self.view(event, caller);
        let walk = Walk { order: Order::RegisteredAt, reverse: false };
        let slots = all(&held, Filter::default(), &view, walk).await?;
        Ok(parts(held, slots, PACK_TICKETS_MAX, move |list, slots| {
            let tickets: Vec<_> = slots.iter().map(|slot| ticket(list.entry(*slot), &view)).collect();
            (tickets.len(), GetCheckInPackResponse { tickets })
        }))
    }

    fn view(&self, event: Event, caller: &Principal) -> View {
        View { event: Arc::new(event), caller: caller.clone(), codes: self.inner.codes.clone() }
    }
}

/// Everything that a filter lets through.
async fn all(held: &Arc<HeldEvent>, filter: Filter, view: &View, walk: Walk) -> Result<Vec<Slot>, Failure> {
    let event = view.event.clone();
    held.ask(Some(walk.order), move |list| list.find(&filter, &event.settings, walk, None, None).slots).await
}

/// Answers over these places, some at a time, each made when the one before was taken. At least one, so that nothing is told as nothing.
fn parts<T: Send + 'static>(
    held: Arc<HeldEvent>,
    slots: Vec<Slot>,
    rows_max: usize,
    make: impl Fn(&List, &[Slot]) -> (usize, T) + Send + Sync + 'static,
) -> Answers<T> {
    let (slots, make): (Arc<[Slot]>, _) = (slots.into(), Arc::new(make));
    let parts = stream::unfold(Some(0), move |at: Option<usize>| {
        let (held, slots, make) = (held.clone(), slots.clone(), make.clone());
        async move {
            let at = at?;
            let end = slots.len().min(at + rows_max);
            let all = slots.len();
            match held.ask(None, move |list| make(list, &slots[at..end])).await {
                Ok((made, part)) => Some((Ok(part), Some(at + made).filter(|next| made > 0 && *next < all))),
                Err(failure) => Some((Err(Status::from(failure)), None)),
            }
        }
    });
    parts.boxed()
}

fn ticket(entry: &Entry, view: &View) -> PackedTicket {
    let registration = entry.registration(&view.event.id);
    let outcome = match registration.refusal(&view.event.settings) {
        _ if registration.checked_in_at_ms.is_some() => CheckInOutcome::AlreadyIn,
        None => CheckInOutcome::Admitted,
        Some(Refusal::Cancelled) => CheckInOutcome::Cancelled,
        Some(Refusal::Waiting) => CheckInOutcome::Waiting,
        Some(Refusal::Unpaid) => CheckInOutcome::Unpaid,
        Some(Refusal::Unconfirmed) => CheckInOutcome::Unconfirmed,
    };
    let code = view.codes.make(CodePurpose::Ticket, &[registration.event.as_str(), registration.id.as_str()]);
    let hash = digest(&SHA256, code.as_bytes());
    let rsvp = wire::rsvp(view.event.settings.rsvp_now(registration.rsvp)).into();
    PackedTicket { code_hash: hash.as_ref()[..CODE_HASH_BYTES].to_vec(), outcome: outcome.into(), rsvp }
}
