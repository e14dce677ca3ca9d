//! What members of a team and keys do here, for the audit log. An act is entered before it happens: what cannot be entered is not done.
//! An entry names fields and holds numbers; never words of a template, an address or a secret.

use turnout_platform::{
    auth::Principal,
    failure::Failure,
    ids::{EventId, TenantId},
    random,
};
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{MessageSettings, Template},
    profiles::v1::AuditEntry,
};

use crate::{
    Notifications,
    domain::{message::Kind, plan},
};

impl Notifications {
    /// Enters an act of the caller; who did it, and what makes a retry one entry, are put in where they are missing.
    pub(crate) async fn enter(&self, caller: &Principal, entry: AuditEntry) -> Result<(), Failure> {
        let entry_id = if entry.entry_id.is_empty() { random::sortable_id() } else { entry.entry_id };
        let entry = AuditEntry { actor: caller.actor(), entry_id, ..entry };
        self.planner.upstream.audit(caller.tenant()?, entry).await
    }
}

/// An act on what an event has of its own, or its tenant.
pub(crate) fn settled(action: &str, tenant: &TenantId, event: Option<&EventId>, detail: String) -> AuditEntry {
    AuditEntry {
        action: action.to_owned(),
        subject: event.map_or_else(|| format!("tenant:{tenant}"), |event| format!("event:{event}")),
        event_id: event.map(ToString::to_string).unwrap_or_default(),
        detail,
        ..AuditEntry::default()
    }
}

/// The kind of a template as a word: `sign_in_link`.
pub(crate) fn kind_word(kind: Kind) -> String {
    kind.as_str_name().trim_start_matches("MESSAGE_KIND_").to_lowercase()
}

/// What is different in the template that is put, from the one that was used so far.
pub(crate) fn of_template(used: &Template, put: &Template) -> String {
    let mut changed = Vec::new();
    for (name, before, after) in [("subject", &used.subject, &put.subject), ("text", &used.body, &put.body)] {
        let languages = languages_that_differ(before.as_ref(), after.as_ref());
        if !languages.is_empty() {
            changed.push(format!("{name} ({})", languages.join(", ")));
        }
    }
    if used.off != put.off {
        changed.push(if put.off { "turned off" } else { "turned on" }.to_owned());
    }
    told(&kind_word(put.kind()), &changed)
}

fn languages_that_differ(before: Option<&LocalizedText>, after: Option<&LocalizedText>) -> Vec<String> {
    let words =
        |text: Option<&LocalizedText>, language: &String| text.and_then(|text| text.texts.get(language)).cloned();
    let all = before.iter().chain(&after).flat_map(|text| text.texts.keys());
    let mut languages: Vec<String> =
        all.filter(|language| words(before, language) != words(after, language)).cloned().collect();
    languages.sort_unstable();
    languages.dedup();
    languages
}

/// The reminders that are put.
pub(crate) fn of_reminders(version: i64, leads_s: &[i64]) -> String {
    let labels: Vec<String> = leads_s.iter().map(|lead| plan::label(*lead)).collect();
    told(&format!("version {version}"), &labels)
}

/// What is different in the settings that are put. Addresses are named and not told: one is somebody's, one may hold a secret.
pub(crate) fn of_settings(before: &MessageSettings, put: &MessageSettings) -> String {
    let mut changed = Vec::new();
    for (name, differs) in [
        ("sender", before.sender_name != put.sender_name),
        ("address for answers", before.reply_to != put.reply_to),
        ("webhook", before.webhook_url != put.webhook_url),
    ] {
        if differs {
            changed.push(name.to_owned());
        }
    }
    let quiet = |settings: &MessageSettings| (settings.quiet_from_min, settings.quiet_to_min);
    if quiet(before) != quiet(put) {
        changed.push(format!("quiet hours from minute {} to {}", put.quiet_from_min, put.quiet_to_min));
    }
    if before.reminders_opt_in != put.reminders_opt_in {
        let whom = if put.reminders_opt_in { "those who ask for them" } else { "all" };
        changed.push(format!("reminders to {whom}"));
    }
    told(&format!("version {}", put.version + 1), &changed)
}

fn told(about: &str, changed: &[String]) -> String {
    let changed = if changed.is_empty() { "nothing".to_owned() } else { changed.join(", ") };
    format!("{about}: {changed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(language: &str, words: &str) -> LocalizedText {
        LocalizedText { texts: [(language.to_owned(), words.to_owned())].into() }
    }

    #[test]
    fn an_entry_about_a_template_names_what_differs_and_quotes_none_of_it() {
        let used = Template {
            kind: Kind::Reminder.into(),
            subject: Some(text("en", "a")),
            body: Some(text("en", "b")),
            ..Default::default()
        };
        assert_eq!(of_template(&used, &used), "reminder: nothing");
        let put = Template { body: Some(text("fi", "for Anna")), off: true, ..used.clone() };
        assert_eq!(of_template(&used, &put), "reminder: text (en, fi), turned off");
        assert_eq!(of_template(&put, &Template { off: false, ..put.clone() }), "reminder: turned on");
    }

    #[test]
    fn an_entry_about_settings_holds_no_address() {
        let before = MessageSettings { version: 2, ..MessageSettings::default() };
        let put = MessageSettings {
            reply_to: "anna@example.org".into(),
            webhook_url: "https://example.org/?token=s3cret".into(),
            quiet_from_min: 60,
            reminders_opt_in: true,
            ..before.clone()
        };
        let told = "version 3: address for answers, webhook, quiet hours from minute 60 to 0, reminders to those who ask for them";
        assert_eq!(of_settings(&before, &put), told);
    }

    #[test]
    fn an_entry_about_reminders_tells_their_times() {
        assert_eq!(of_reminders(1, &[86_400, 5_400]), "version 1: T-24h, T-90m");
        assert_eq!(of_reminders(2, &[]), "version 2: nothing");
    }
}
