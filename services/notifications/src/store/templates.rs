//! The words of tenants and events, and the reminders of events. A template that was reset stays as a row without words, so that its
//! version goes on.

use prost::Message as _;
use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
    tables::{PutIf, Row},
};
use turnout_proto::notifications::v1::Template;

use super::{REMINDERS_BY_EVENT, Store, TEMPLATES_BY_EVENT, unreadable};
use crate::domain::{defaults, message::Kind, plan::USUAL_LEAD_S};

/// The place of a tenant's own templates: no id of an event looks so.
const OF_TENANT: &str = "*";

impl Store {
    /// The template that is used: the event's, else the tenant's, else ours.
    pub async fn template(&self, tenant: &TenantId, event: Option<&EventId>, kind: Kind) -> Result<Template, Failure> {
        if let Some(event) = event
            && let (Some(template), _) = self.own_template(tenant, Some(event), kind).await?
        {
            return Ok(template);
        }
        if let (Some(template), _) = self.own_template(tenant, None, kind).await? {
            return Ok(template);
        }
        let (subject, body) = defaults::template(kind);
        Ok(Template { kind: kind.into(), subject: Some(subject), body: Some(body), ..Template::default() })
    }

    /// Puts the template for the tenant, or for its event.
    pub async fn put_template(
        &self,
        tenant: &TenantId,
        event: Option<&EventId>,
        mut template: Template,
    ) -> Result<Template, Failure> {
        let kind = template.kind();
        let (own, version) = self.own_template(tenant, event, kind).await?;
        if own.is_some_and(|own| own.version != template.version) {
            return Err(Failure::Changed { what: "template" });
        }
        template.version = version + 1;
        template.event_id = event.map(ToString::to_string).unwrap_or_default();
        let row = template_row(tenant, event, kind).set("template", template.encode_to_vec()).set("removed", false);
        self.put_versioned(row, version, "template").await?;
        Ok(template)
    }

    /// Takes the template away from this level.
    pub async fn reset_template(&self, tenant: &TenantId, event: Option<&EventId>, kind: Kind) -> Result<(), Failure> {
        let (own, version) = self.own_template(tenant, event, kind).await?;
        if own.is_none() {
            return Ok(());
        }
        let row = template_row(tenant, event, kind).set("template", Vec::new()).set("removed", true);
        self.put_versioned(row, version, "template").await
    }

    async fn own_template(
        &self,
        tenant: &TenantId,
        event: Option<&EventId>,
        kind: Kind,
    ) -> Result<(Option<Template>, i64), Failure> {
        let place = event.map_or(OF_TENANT, EventId::as_str);
        let key = vec![tenant.as_str().into(), place.into(), kind.as_str_name().into()];
        let Some(row) = self.tables.get(&TEMPLATES_BY_EVENT, key).await? else { return Ok((None, 0)) };
        let template = if row.flag("removed") {
            None
        } else {
            Some(Template::decode(row.bytes("template")).map_err(|_| unreadable(&row))?)
        };
        Ok((template, row.int("version")))
    }

    /// The leads of an event's reminders in seconds, and their version.
    pub async fn leads(&self, tenant: &TenantId, event: &EventId) -> Result<(Vec<i64>, i64), Failure> {
        let key = vec![tenant.as_str().into(), event.as_str().into()];
        let Some(row) = self.tables.get(&REMINDERS_BY_EVENT, key).await? else { return Ok((vec![USUAL_LEAD_S], 0)) };
        let leads = row.text("leads_s").split(' ').filter(|lead| !lead.is_empty()).map(str::parse);
        let leads = leads.collect::<Result<_, _>>().map_err(|_| unreadable(&row))?;
        Ok((leads, row.int("version")))
    }

    pub async fn put_leads(
        &self,
        tenant: &TenantId,
        event: &EventId,
        leads: &[i64],
        version: i64,
    ) -> Result<(), Failure> {
        let words: Vec<String> = leads.iter().map(ToString::to_string).collect();
        let row = Row::new(&REMINDERS_BY_EVENT)
            .set("tenant_id", tenant.as_str())
            .set("event_id", event.as_str())
            .set("leads_s", words.join(" "));
        self.put_versioned(row, version, "reminders").await
    }

    /// Puts a row in the place of its version `expected`; 0: where none was.
    pub(super) async fn put_versioned(&self, row: Row, expected: i64, what: &'static str) -> Result<(), Failure> {
        let row = row.set("version", expected + 1);
        let stored = if expected == 0 {
            self.tables.put_if_absent(row).await?.is_none()
        } else {
            self.tables.put_if_version(row, expected).await? == PutIf::Stored
        };
        if stored { Ok(()) } else { Err(Failure::Changed { what }) }
    }
}

fn template_row(tenant: &TenantId, event: Option<&EventId>, kind: Kind) -> Row {
    Row::new(&TEMPLATES_BY_EVENT)
        .set("tenant_id", tenant.as_str())
        .set("event_id", event.map_or(OF_TENANT, EventId::as_str))
        .set("kind", kind.as_str_name())
}
