//! The audit log as a page: its words for people, with a link to each subject that has a page.

use std::collections::HashMap;

use axum::{
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;
use tonic::Code;
use turnout_platform::auth::{OWNERS, Role};
use turnout_proto::profiles::v1::{AuditEntry, ListAuditRequest};

use super::{events::millis, keys, reading, refusals, session::Organiser, team};
use crate::{
    Shared,
    answers::html,
    upstream::bounded,
    views::{
        console::{
            audit::{AuditPage, AuditRow, act},
            shell::Place,
        },
        text::access as own,
    },
};

/// Entries on a page.
const PAGE_SIZE: i32 = 50;

/// What the address may carry.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    page: String,
}

pub(super) async fn show(State(shared): State<Shared>, organiser: Organiser, Query(asked): Query<Asked>) -> Response {
    let request = ListAuditRequest { page_size: PAGE_SIZE, page_token: asked.page.clone(), subject: String::new() };
    let mut page = AuditPage {
        shell: reading::shell(Place::Audit, &organiser),
        rows: None,
        next: String::new(),
        later: !asked.page.is_empty(),
    };
    match shared.upstream.accounts(&organiser.acting()).list_audit(bounded(request)).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            let names = names(&shared, &organiser).await;
            page.rows = Some(answer.entries.into_iter().map(|entry| row(entry, organiser.role, &names)).collect());
            if !answer.next_page_token.is_empty() {
                let token: String = form_urlencoded::byte_serialize(answer.next_page_token.as_bytes()).collect();
                page.next = format!("/console/audit?page={token}");
            }
        }
        Err(status) if matches!(status.code(), Code::PermissionDenied) => return refusals::page(&status),
        Err(status) => tracing::warn!(code = ?status.code(), "the audit log could not be read"),
    }
    html(&page)
}

/// The members' addresses and the labels of API keys, by their ids. Who may not see the team and the keys sees ids.
pub(super) async fn names(shared: &Shared, organiser: &Organiser) -> HashMap<String, String> {
    if !OWNERS.contains(&organiser.role) {
        return HashMap::new();
    }
    let (members, keys) = tokio::join!(team::members(shared, organiser), keys::labels(shared, organiser));
    let members = members.unwrap_or_default().into_iter().map(|member| (member.account_id, member.email));
    members.chain(keys.unwrap_or_default()).collect()
}

/// An actor in words.
pub(super) fn who(actor: &str, names: &HashMap<String, String>) -> String {
    match actor.split_once(':') {
        Some(("member", "link")) => own::ACTOR_LINK.to_owned(),
        Some(("member", id)) => named(id, names).unwrap_or_else(|| own::ACTOR_MEMBER.replace("{id}", id)),
        Some(("key", id)) => key_named(id, names),
        Some(("service", name)) => own::ACTOR_SERVICE.replace("{name}", name),
        _ if actor == "link" => own::ACTOR_LINK.to_owned(),
        _ => actor.to_owned(),
    }
}

fn key_named(id: &str, names: &HashMap<String, String>) -> String {
    named(id, names)
        .map_or_else(|| own::ACTOR_KEY.replace("{id}", id), |label| own::ACTOR_KEY_LABEL.replace("{label}", &label))
}

fn named(id: &str, names: &HashMap<String, String>) -> Option<String> {
    names.get(id).filter(|name| !name.is_empty()).cloned()
}

fn row(entry: AuditEntry, reader: Role, names: &HashMap<String, String>) -> AuditRow {
    let (kind, id) = entry.subject.split_once(':').unwrap_or(("", &entry.subject));
    let event = &entry.event_id;
    let (subject, href) = match kind {
        "registration" if !event.is_empty() => {
            (own::SUBJECT_REGISTRATION.replace("{event}", event), format!("/console/events/{event}/registrants/{id}"))
        }
        "person" => (own::SUBJECT_PERSON.to_owned(), format!("/console/audience/{id}")),
        "event" => (own::SUBJECT_EVENT.replace("{event}", id), format!("/console/events/{id}")),
        "member" | "account" => {
            let href = if OWNERS.contains(&reader) { "/console/team" } else { "" };
            (named(id, names).unwrap_or_else(|| own::ACTOR_MEMBER.replace("{id}", id)), href.to_owned())
        }
        "key" => {
            let href = if OWNERS.contains(&reader) { "/console/settings/keys" } else { "" };
            (key_named(id, names), href.to_owned())
        }
        "tenant" => (own::SUBJECT_TENANT.to_owned(), String::new()),
        "suppression" => (own::SUBJECT_SUPPRESSION.to_owned(), String::new()),
        _ => (entry.subject.clone(), String::new()),
    };
    AuditRow {
        at_ms: entry.at.as_ref().map_or(0, millis),
        who: who(&entry.actor, names),
        what: act(&entry.action),
        subject,
        href,
        reason: entry.reason,
        detail: entry.detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_and_subjects_are_words_with_a_link_to_where_they_are_shown() {
        let names =
            [("m1", "owner@example.org"), ("k3", "the till")].map(|(id, name)| (id.to_owned(), name.to_owned()));
        let names = names.into();
        let entry = |actor: &str, subject: &str| AuditEntry {
            actor: actor.into(),
            action: "registration.cancel".into(),
            subject: subject.into(),
            event_id: "gala".into(),
            ..AuditEntry::default()
        };
        let shown = row(entry("member:m1", "registration:r1"), Role::Owner, &names);
        assert_eq!(
            (shown.who.as_str(), shown.href.as_str()),
            ("owner@example.org", "/console/events/gala/registrants/r1")
        );
        assert_eq!(row(entry("member:link", "person:p1"), Role::Owner, &names).href, "/console/audience/p1");
        assert_eq!(row(entry("member:gone", "member:m1"), Role::Owner, &names).subject, "owner@example.org");
        assert_eq!(row(entry("member:m1", "tenant:demo"), Role::Owner, &names).subject, own::SUBJECT_TENANT);
        let for_organiser = row(entry("member:m1", "member:m2"), Role::Organiser, &HashMap::new());
        assert_eq!((for_organiser.who.as_str(), for_organiser.href.as_str()), ("Member m1", ""));
        let of_key = row(entry("key:k1", "key:k2"), Role::Owner, &names);
        assert_eq!((of_key.who.as_str(), of_key.subject.as_str()), ("API key k1", "API key k2"));
        assert_eq!(of_key.href, "/console/settings/keys");
        assert_eq!(row(entry("key:k3", "event:gala"), Role::Owner, &names).who, "API key “the till”");
        assert_eq!(row(entry("nobody", "thing"), Role::Owner, &names).subject, "thing");
    }
}
