//! What is sent to each address. One that is looked at needs no row; one that does something fails here until it says what is sent.

use crate::bed::{Ids, PASSWORD};

/// One thing that can be asked at an address.
#[derive(Debug, Clone)]
pub struct Call {
    /// The path with everything filled in.
    pub path: String,
    /// The word that stands for `{act}`, `{kind}` or `{which}`; empty where there is none.
    pub word: &'static str,
    /// The body; none for what is looked at.
    pub body: Option<Body>,
}

/// A body.
#[derive(Debug, Clone)]
pub enum Body {
    Form(Vec<(&'static str, String)>),
    Json(&'static str),
}

/// The words of the part of a path that chooses between several things to do, the one that ends most last.
fn words(path: &str) -> &'static [&'static str] {
    match path {
        p if p.contains("/registrants/{id}/{act}") => {
            &["confirmation", "reminder", "check-in", "rsvp", "payment", "edit", "cancel"]
        }
        p if p.contains("/audience/{person}/{act}") => &["verify", "reset", "phone"],
        p if p.starts_with("/console/messages/") => &[
            "confirmation",
            "reminder",
            "change",
            "cancellation",
            "sign-in-link",
            "verification",
            "reset",
            "invitation",
        ],
        p if p.contains("{kind}") => &["confirmation", "reminder", "change", "cancellation"],
        p if p.contains("{which}") => &["payment", "reports"],
        p if p.contains("{code}") && p.starts_with("/u/") => &["mailing"],
        _ => &[""],
    }
}

/// Every call at an address, about these things.
pub fn calls(method: &str, path: &'static str, ids: &Ids) -> Vec<Call> {
    let call = |word: &&'static str| {
        let code = if *word == "mailing" { &ids.mailing } else { &ids.code };
        let filled = path
            .replace("{event}", &ids.event)
            .replace("{id}", &ids.registration)
            .replace("{person}", &ids.person)
            .replace("{member}", &ids.account)
            .replace("{key}", &ids.key)
            .replace("{room}", "hall")
            .replace("{tenant}", &ids.tenant)
            .replace("{code}", code)
            .replace("{act}", word)
            .replace("{kind}", word)
            .replace("{which}", word);
        assert!(!filled.contains('{'), "{path} has a part that nobody knows: say here what stands for it");
        let asked = match path {
            p if p.ends_with("/search") => "?q=Anna",
            p if p.ends_with("/messages/to") => "?kind=confirmation&state=handed_off",
            _ => "",
        };
        let filled = format!("{filled}{asked}");
        let body = (method != "GET").then(|| body(path, ids));
        Call { path: filled, word, body }
    };
    words(path).iter().map(call).collect()
}

fn body(path: &str, ids: &Ids) -> Body {
    let reason = || "a test asks for it".to_owned();
    let text = str::to_owned;
    let form = |pairs: &[(&'static str, &str)]| Body::Form(pairs.iter().map(|(n, v)| (*n, text(v))).collect());
    match path {
        "/console/events" => form(&[("title", "A new one"), ("starts", "2030-01-01T10:00"), ("zone", "UTC")]),
        "/console/events/{event}/state" => form(&[("state", "live"), ("version", "0")]),
        "/console/events/{event}/settings" => form(&[
            ("title", "A title"),
            ("languages", "en"),
            ("starts_at", "2030-01-01T10:00"),
            ("zone", "UTC"),
            ("mode", "online"),
            ("rsvp", "yes"),
            ("published", "yes"),
            ("version", "0"),
        ]),
        "/console/events/{event}/settings/cancel" => form(&[("sure", "yes"), ("version", "0")]),
        "/console/events/{event}/settings/rooms" => form(&[("room_title", "Another room")]),
        "/console/events/{event}/settings/rooms/{room}" => form(&[("title.hall", "Another name"), ("version", "0")]),
        "/console/events/{event}/form" => form(&[("do", "save"), ("version", "0")]),
        "/console/events/{event}/messages/reminders" => form(&[("before", "24h"), ("version", "0")]),
        "/console/events/{event}/messages/{kind}" | "/console/messages/{kind}" => form(&[
            ("do", "save"),
            ("subject.en", "Hello"),
            ("body.en", "Hello {{ link.url }}"),
            ("on", "yes"),
            ("version", "0"),
        ]),
        "/console/events/{event}/messages/{kind}/preview" | "/console/messages/{kind}/preview" => {
            form(&[("lang", "en"), ("subject.en", "Hello"), ("body.en", "Hello.")])
        }
        "/console/events/{event}/registrants/new" => {
            form(&[("email", "bert@example.org"), ("name", "Bert"), ("form_version", "1"), ("reason", &reason())])
        }
        "/console/events/{event}/registrants/bulk" => {
            form(&[("id", &ids.registration), ("action", "confirmation"), ("reason", &reason())])
        }
        "/console/events/{event}/registrants/{id}/{act}" => {
            form(&[("reason", &reason()), ("value", "confirmed"), ("name", "Anna"), ("version", "0")])
        }
        "/console/events/{event}/registrants/{id}/suppression" | "/console/settings/keys/{key}/revoke" => {
            form(&[("reason", &reason())])
        }
        "/console/events/{event}/registrants/export" | "/console/audience/export" => {
            form(&[("format", "csv"), ("reason", &reason())])
        }
        "/console/audience/{person}/{act}" => {
            form(&[("reason", &reason()), ("phone", "+358401234567"), ("version", "0")])
        }
        "/console/check-in/{event}" => form(&[("registration_id", &ids.registration)]),
        "/console/check-in/{event}/sync" => Body::Json("{\"check_ins\":[]}"),
        "/console/team/invite" => form(&[("email", "invited@example.org"), ("role", "analyst")]),
        "/console/team/{member}/role" => form(&[("role", "analyst")]),
        "/console/account/password" => form(&[("old_password", PASSWORD), ("new_password", PASSWORD)]),
        "/console/account/second-factor" => form(&[("password", PASSWORD)]),
        "/console/account/second-factor/confirm" | "/console/account/second-factor/remove" => {
            form(&[("code", "000000")])
        }
        "/console/settings/data" => form(&[("threshold", "5"), ("retention_days", "0"), ("version", "0")]),
        "/console/settings/mail" => {
            form(&[("sender_name", "Demo"), ("quiet_from_min", "21:00"), ("quiet_to_min", "08:00"), ("version", "0")])
        }
        "/console/settings/keys" => form(&[("label", "A program")]),
        "/console/settings/replay" => form(&[("since", "2027-01-15T08:00"), ("reason", &reason())]),
        "/console/settings/marketing" => form(&[("reason", &reason())]),
        "/console/settings/retention" => form(&[("sure", "yes")]),
        "/console/sign-in" => form(&[("email", "nobody@example.org"), ("password", "x"), ("how", "password")]),
        "/console/link" | "/sign-in/link" => form(&[("token", "x")]),
        "/console/welcome" => {
            form(&[("organisation", "Acme"), ("email", "second@example.org"), ("new_password", PASSWORD)])
        }
        "/e/{event}/register" => form(&[("email", "carl@example.org"), ("name", "Carl"), ("form_version", "1")]),
        "/r/{code}" => form(&[("name", "Anna"), ("version", "0")]),
        "/r/{code}/rsvp" => form(&[("answer", "yes")]),
        "/sign-in" => {
            form(&[("tenant", &ids.tenant), ("email", "nobody@example.org"), ("password", "x"), ("how", "password")])
        }
        "/account/password" => form(&[("old_password", "x"), ("new_password", PASSWORD)]),
        "/u/{code}" => form(&[("choice", "this")]),
        "/v1/tenants/{tenant}/payments" | "/v1/tenants/{tenant}/delivery-reports" | "/v1/returned-mails" => {
            Body::Json("{}")
        }
        "/v1/events/{event}/tickets" => Body::Json(""),
        "/console/team/{member}/remove"
        | "/console/account/others"
        | "/console/settings/secrets/{which}"
        | "/console/sign-out"
        | "/e/{event}/leave"
        | "/r/{code}/cancel"
        | "/r/{code}/enter"
        | "/sign-out"
        | "/account/verify"
        | "/account/others"
        | "/u/{code}/preferences" => form(&[]),
        new => panic!("{new} is new: say here what is sent to it"),
    }
}
