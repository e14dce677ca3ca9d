//! Forms of events: the latest, any version, a new one; and which version an answer may belong to.

use turnout_platform::failure::Failure;

use super::Registrants;
use crate::{
    domain::{
        answers::OLD_FORM_MS_MAX,
        event::Event,
        form::{FORM_BYTES_MAX, Form},
    },
    store::Creation,
};

impl Registrants {
    /// A version of an event's form; 0 means the latest.
    pub async fn form(&self, event: &Event, version: i64) -> Result<Form, Failure> {
        let found = match version {
            0 => Some(self.latest_form(event).await?),
            version => self.store.form(&event.id, version).await?,
        };
        found.ok_or(Failure::NotFound { what: "version of the form" })
    }

    /// Puts a new version. Putting the same again, as seen from the same version, is the same version.
    pub async fn put_form(&self, event: &Event, form: Form, expected: i64) -> Result<Form, Failure> {
        form.check(event.settings.first_language())?;
        let new = Form { version: expected + 1, created_at_ms: self.at_ms(), ..form };
        let bytes = serde_json::to_vec(&new).map_err(Failure::internal)?.len();
        if bytes > FORM_BYTES_MAX {
            return Err(Failure::invalid("form", format!("is too long: {bytes} bytes of at most {FORM_BYTES_MAX}")));
        }
        let latest = self.latest_form(event).await?;
        if latest.version == expected {
            return match self.store.create_form(&event.id, &new).await? {
                Creation::Created => Ok(new),
                Creation::Found(found) => same(found, &new),
            };
        }
        same(latest, &new)
    }

    /// The form that answers of this version are judged by. An older one only for a while: it may be open in somebody's browser.
    pub(super) async fn form_for_answers(&self, event: &Event, version: i64) -> Result<Form, Failure> {
        let latest = self.latest_form(event).await?;
        if version == latest.version {
            return Ok(latest);
        }
        let newer = if (0..latest.version).contains(&version) { self.version(event, version + 1).await? } else { None };
        let in_time = newer.is_some_and(|newer| self.at_ms() <= newer.created_at_ms + OLD_FORM_MS_MAX);
        let form = if in_time { self.version(event, version).await? } else { None };
        form.ok_or_else(|| Failure::invalid("form_version", "is not the present version of the form; load it again"))
    }

    /// A version that was put, or the one before any.
    pub(super) async fn version(&self, event: &Event, version: i64) -> Result<Option<Form>, Failure> {
        match version {
            0 => Ok(Some(Form::usual())),
            version => self.store.form(&event.id, version).await,
        }
    }

    pub(super) async fn latest_form(&self, event: &Event) -> Result<Form, Failure> {
        Ok(self.store.latest_form(&event.id).await?.unwrap_or_else(Form::usual))
    }

    /// For ages and years of birth.
    pub(super) fn this_year(&self) -> i64 {
        let at = jiff::Timestamp::from_millisecond(self.at_ms()).unwrap_or_default();
        at.to_zoned(jiff::tz::TimeZone::UTC).year().into()
    }
}

fn same(found: Form, wanted: &Form) -> Result<Form, Failure> {
    let wanted = Form { created_at_ms: found.created_at_ms, ..wanted.clone() };
    if found == wanted { Ok(found) } else { Err(Failure::Changed { what: "form" }) }
}
