//! API keys, for owners: which there are, making one, revoking one. A new key is in one answer and nowhere else.

use axum::{
    Form,
    extract::{Path, Query, State},
    response::Response,
};
use tonic::{Code, Status};
use turnout_proto::registration::v1::{Act, ApiKey, CreateApiKeyRequest, ListApiKeysRequest, RevokeApiKeyRequest};

use super::{
    audit::{names, who},
    event_settings::{answered, bad},
    events::millis,
    fields::Sent,
    reading, refusals,
    registrants::{Did, done},
    session::Organiser,
};
use crate::{
    Shared,
    answers::html,
    upstream::{act, bounded},
    views::{
        console::{
            inputs::{self, Field},
            keys::{KeyRow, KeysPage, NewKeyPage, Revoked},
            shell::Place,
        },
        text::access as own,
    },
};

const KEYS: &str = "/console/settings/keys";
/// Characters of a label, as the service has it.
const LABEL_CHARS_MAX: usize = 100;
/// More keys than the service lists of a tenant.
const PAGE_SIZE: i32 = 200;

pub(super) async fn show(State(shared): State<Shared>, organiser: Organiser, Query(did): Query<Did>) -> Response {
    match page(&shared, &organiser, &Sent::default()).await {
        Ok(mut page) => {
            page.notice = did.notice();
            html(&page)
        }
        Err(page) => page,
    }
}

/// The keys; a list that cannot be read now is a page that says so, and a key can be made all the same.
async fn page(shared: &Shared, organiser: &Organiser, sent: &Sent) -> Result<KeysPage, Response> {
    let keys = match list(shared, organiser).await {
        Ok(keys) => Some(keys),
        Err(status) if status.code() == Code::PermissionDenied => return Err(refusals::page(&status)),
        Err(status) => {
            tracing::warn!(code = ?status.code(), "the API keys could not be read");
            None
        }
    };
    let label = Field::line("label", own::KEY_LABEL, sent.get("label"));
    Ok(KeysPage {
        shell: reading::shell(Place::Settings, organiser),
        keys,
        new: vec![label.hint(own::KEY_LABEL_HINT).chars_max(LABEL_CHARS_MAX)],
        open: String::new(),
        notice: None,
    })
}

async fn stored(shared: &Shared, organiser: &Organiser) -> Result<Vec<ApiKey>, Status> {
    let request = ListApiKeysRequest { page_size: PAGE_SIZE, page_token: String::new() };
    let answer = shared.upstream.events(&organiser.acting()).list_api_keys(bounded(request)).await?;
    Ok(answer.into_inner().api_keys)
}

/// What each key is for, by its id; revoked ones are among them.
pub(super) async fn labels(shared: &Shared, organiser: &Organiser) -> Result<Vec<(String, String)>, Status> {
    Ok(stored(shared, organiser).await?.into_iter().map(|key| (key.key_id, key.label)).collect())
}

async fn list(shared: &Shared, organiser: &Organiser) -> Result<Vec<KeyRow>, Status> {
    let keys = stored(shared, organiser).await?;
    let names = names(shared, organiser).await;
    let by = |actor: &str| if actor.is_empty() { own::KEY_BY_NOBODY.to_owned() } else { who(actor, &names) };
    let row = |key: ApiKey| KeyRow {
        created_at_ms: key.created_at.as_ref().map_or(0, millis),
        created_by: by(&key.created_by),
        revoked: key.revoked_at.as_ref().map(|at| Revoked { at_ms: millis(at), by: by(&key.revoked_by) }),
        key_id: key.key_id,
        label: key.label,
    };
    Ok(keys.into_iter().map(row).collect())
}

pub(super) async fn create(
    State(shared): State<Shared>,
    organiser: Organiser,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let request = CreateApiKeyRequest { label: sent.get("label").to_owned() };
    let (key, events) = (sent.once("create", ""), shared.upstream.events(&organiser.acting()));
    match act!(key, events, create_api_key, request).await {
        Ok(answer) => html(&NewKeyPage {
            shell: reading::shell(Place::Settings, &organiser),
            label: sent.get("label").to_owned(),
            secret: answer.into_inner().secret,
            grpc_addr: shared.config.grpc_addr.clone(),
        }),
        Err(status) => refused(&shared, &organiser, &sent, "", &status).await,
    }
}

pub(super) async fn revoke(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(key_id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let act = Some(Act { reason: sent.get("reason").to_owned() });
    let request = RevokeApiKeyRequest { key_id: key_id.clone(), act };
    let (key, events) = (sent.once("revoke", &key_id), shared.upstream.events(&organiser.acting()));
    match act!(key, events, revoke_api_key, request).await {
        Ok(_) => done(KEYS, "key-revoked", None),
        Err(status) => refused(&shared, &organiser, &Sent::default(), &key_id, &status).await,
    }
}

/// The page as it is, with what was refused; the form of the key that was not revoked stands open.
async fn refused(shared: &Shared, organiser: &Organiser, sent: &Sent, open: &str, status: &Status) -> Response {
    let Some((code, mut notice)) = refusals::notice(status) else { return refusals::page(status) };
    match page(shared, organiser, sent).await {
        Ok(mut page) => {
            if status.code() == Code::InvalidArgument && open.is_empty() {
                let rest = inputs::blame(page.new.iter_mut(), refusals::violations(status));
                notice = bad(&format!("{} {}", own::KEY_NOT_MADE, rest.join(" ")));
            }
            open.clone_into(&mut page.open);
            page.notice = Some(notice);
            answered(html(&page), code)
        }
        Err(page) => page,
    }
}
