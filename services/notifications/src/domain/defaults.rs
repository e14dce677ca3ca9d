//! Our own words for each kind of message, in English and German. A tenant's or an event's template takes their place.

use turnout_proto::common::v1::LocalizedText;

use super::message::Kind;

/// The languages in which we have words of our own; the first is the last resort.
pub(crate) const LANGUAGES: [&str; 2] = ["en", "de"];

/// Subject and body in each language.
pub(crate) fn template(kind: Kind) -> (LocalizedText, LocalizedText) {
    let [english, german] = words(kind);
    let text = |en: &str, de: &str| LocalizedText {
        texts: [(LANGUAGES[0].to_owned(), en.to_owned()), (LANGUAGES[1].to_owned(), de.to_owned())].into(),
    };
    (text(english.0, german.0), text(english.1, german.1))
}

/// English, then German; subject, then body.
fn words(kind: Kind) -> [(&'static str, &'static str); 2] {
    match kind {
        // A notice has no words.
        Kind::Unspecified | Kind::Notice | Kind::Confirmation => [
            (
                "{% if registration.waiting %}You are on the waiting list: {{ event.title }}{% else %}You are registered: {{ event.title }}{% endif %}",
                "Hello{% if person.name %} {{ person.name }}{% endif %},

{% if registration.waiting %}**{{ event.title }}** is full at the moment. You are on the waiting list, and we write to you as soon as a place is yours.{% else %}you are registered for **{{ event.title }}**. We look forward to seeing you.{% endif %}

- When: {{ event.date }}, {{ event.time }} ({{ event.zone }})
{% if event.venue %}- Where: {{ event.venue }}
{% endif %}{% if payment.amount %}- To be paid: {{ payment.amount }}, with the reference {{ payment.reference }}
{% endif %}
{% if registration.rsvp_url %}Please let us know whether you will be there.

[Answer now]({{ registration.rsvp_url }})
{% endif %}
[Open my registration]({{ registration.url }})

There you find your ticket, and you can change or cancel your registration. The link is yours alone: please do not pass it on.

{{ organiser.name }}",
            ),
            (
                "{% if registration.waiting %}Sie stehen auf der Warteliste: {{ event.title }}{% else %}Sie sind angemeldet: {{ event.title }}{% endif %}",
                "Guten Tag{% if person.name %} {{ person.name }}{% endif %},

{% if registration.waiting %}**{{ event.title }}** ist zurzeit ausgebucht. Sie stehen auf der Warteliste, und wir schreiben Ihnen, sobald ein Platz für Sie frei ist.{% else %}Sie sind für **{{ event.title }}** angemeldet. Wir freuen uns auf Sie.{% endif %}

- Wann: {{ event.date }}, {{ event.time }} Uhr ({{ event.zone }})
{% if event.venue %}- Wo: {{ event.venue }}
{% endif %}{% if payment.amount %}- Zu zahlen: {{ payment.amount }}, mit dem Zeichen {{ payment.reference }}
{% endif %}
{% if registration.rsvp_url %}Bitte sagen Sie uns, ob Sie dabei sind.

[Jetzt antworten]({{ registration.rsvp_url }})
{% endif %}
[Meine Anmeldung öffnen]({{ registration.url }})

Dort finden Sie Ihr Ticket und können Ihre Anmeldung ändern oder absagen. Der Link gilt nur für Sie: Bitte geben Sie ihn nicht weiter.

{{ organiser.name }}",
            ),
        ],
        Kind::Reminder => [
            (
                "Coming up: {{ event.title }}, {{ event.date }}",
                "Hello{% if person.name %} {{ person.name }}{% endif %},

**{{ event.title }}** is coming up.

- When: {{ event.date }}, {{ event.time }} ({{ event.zone }})
{% if event.venue %}- Where: {{ event.venue }}
{% endif %}
{% if registration.rsvp_url %}Please let us know whether you will be there.

[Answer now]({{ registration.rsvp_url }})
{% endif %}
[Open my registration]({{ registration.url }})

Have your ticket at hand; you find it behind the link.

{{ organiser.name }}",
            ),
            (
                "Demnächst: {{ event.title }}, {{ event.date }}",
                "Guten Tag{% if person.name %} {{ person.name }}{% endif %},

bald beginnt **{{ event.title }}**.

- Wann: {{ event.date }}, {{ event.time }} Uhr ({{ event.zone }})
{% if event.venue %}- Wo: {{ event.venue }}
{% endif %}
{% if registration.rsvp_url %}Bitte sagen Sie uns, ob Sie dabei sind.

[Jetzt antworten]({{ registration.rsvp_url }})
{% endif %}
[Meine Anmeldung öffnen]({{ registration.url }})

Halten Sie Ihr Ticket bereit; Sie finden es hinter dem Link.

{{ organiser.name }}",
            ),
        ],
        Kind::Change => [
            (
                "Changed: {{ event.title }}",
                "Hello{% if person.name %} {{ person.name }}{% endif %},

the time or the place of **{{ event.title }}** has changed. This is now right:

- When: {{ event.date }}, {{ event.time }} ({{ event.zone }})
{% if event.venue %}- Where: {{ event.venue }}
{% endif %}
Your registration stays as it is. If you cannot come any more, you can cancel it there.

[Open my registration]({{ registration.url }})

{{ organiser.name }}",
            ),
            (
                "Geändert: {{ event.title }}",
                "Guten Tag{% if person.name %} {{ person.name }}{% endif %},

Zeit oder Ort von **{{ event.title }}** haben sich geändert. Jetzt gilt:

- Wann: {{ event.date }}, {{ event.time }} Uhr ({{ event.zone }})
{% if event.venue %}- Wo: {{ event.venue }}
{% endif %}
Ihre Anmeldung bleibt bestehen. Falls Sie nicht mehr kommen können, sagen Sie sie dort bitte ab.

[Meine Anmeldung öffnen]({{ registration.url }})

{{ organiser.name }}",
            ),
        ],
        Kind::Cancellation => [
            (
                "{% if event.cancelled %}Cancelled: {{ event.title }}{% else %}Your registration is cancelled: {{ event.title }}{% endif %}",
                "Hello{% if person.name %} {{ person.name }}{% endif %},

{% if event.cancelled %}we are sorry: **{{ event.title }}** on {{ event.date }} will not take place.{% else %}your registration for **{{ event.title }}** on {{ event.date }} is cancelled. You can register again on the page of the event.

[Open the event]({{ event.url }}){% endif %}

{{ organiser.name }}",
            ),
            (
                "{% if event.cancelled %}Abgesagt: {{ event.title }}{% else %}Ihre Anmeldung ist abgesagt: {{ event.title }}{% endif %}",
                "Guten Tag{% if person.name %} {{ person.name }}{% endif %},

{% if event.cancelled %}es tut uns leid: **{{ event.title }}** am {{ event.date }} findet nicht statt.{% else %}Ihre Anmeldung für **{{ event.title }}** am {{ event.date }} ist abgesagt. Auf der Seite der Veranstaltung können Sie sich wieder anmelden.

[Zur Veranstaltung]({{ event.url }}){% endif %}

{{ organiser.name }}",
            ),
        ],
        Kind::SignInLink => [
            (
                "Your link to sign in",
                "Hello{% if person.name %} {{ person.name }}{% endif %},

[Sign in]({{ link.url }})

The link works once and for a short time. If you did not ask for it, you need do nothing: without it nobody gets in.

{{ organiser.name }}",
            ),
            (
                "Ihr Link zum Anmelden",
                "Guten Tag{% if person.name %} {{ person.name }}{% endif %},

[Anmelden]({{ link.url }})

Der Link gilt einmal und nur kurze Zeit. Falls Sie ihn nicht angefordert haben, brauchen Sie nichts zu tun: Ohne ihn kommt niemand hinein.

{{ organiser.name }}",
            ),
        ],
        Kind::Verification => [
            (
                "{% if link.agreements %}Please confirm what you agreed to{% else %}Please confirm your address{% endif %}",
                "Hello{% if person.name %} {{ person.name }}{% endif %},

{% if link.agreements %}in a form with this address somebody, we hope you, agreed to this:

{% for agreement in link.agreements %}- {{ agreement }}
{% endfor %}
It counts only once you confirm it, and you can take it back at any time.

[Confirm]({{ link.url }})

If it was not you, or you have thought better of it, you need do nothing.
{% else %}please confirm that this address is yours.

[Confirm my address]({{ link.url }})

If you did not give this address, you need do nothing.
{% endif %}
{{ organiser.name }}",
            ),
            (
                "{% if link.agreements %}Bitte bestätigen Sie Ihre Einwilligung{% else %}Bitte bestätigen Sie Ihre Adresse{% endif %}",
                "Guten Tag{% if person.name %} {{ person.name }}{% endif %},

{% if link.agreements %}in einem Formular mit dieser Adresse hat jemand, vermutlich Sie, dem zugestimmt:

{% for agreement in link.agreements %}- {{ agreement }}
{% endfor %}
Es gilt erst, wenn Sie es bestätigen, und Sie können es jederzeit widerrufen.

[Bestätigen]({{ link.url }})

Falls Sie es nicht waren oder es sich anders überlegt haben, brauchen Sie nichts zu tun.
{% else %}bitte bestätigen Sie, dass diese Adresse Ihnen gehört.

[Adresse bestätigen]({{ link.url }})

Falls Sie diese Adresse nicht angegeben haben, brauchen Sie nichts zu tun.
{% endif %}
{{ organiser.name }}",
            ),
        ],
        Kind::Reset => [
            (
                "Set a new password",
                "Hello{% if person.name %} {{ person.name }}{% endif %},

here you can set a new password.

[Set a new password]({{ link.url }})

The link works once and for a short time. If you did not ask for it, you need do nothing: your password stays as it is.

{{ organiser.name }}",
            ),
            (
                "Neues Passwort setzen",
                "Guten Tag{% if person.name %} {{ person.name }}{% endif %},

hier können Sie ein neues Passwort setzen.

[Neues Passwort setzen]({{ link.url }})

Der Link gilt einmal und nur kurze Zeit. Falls Sie ihn nicht angefordert haben, brauchen Sie nichts zu tun: Ihr Passwort bleibt, wie es ist.

{{ organiser.name }}",
            ),
        ],
        Kind::Invitation => [
            (
                "You are invited to the team of {{ organiser.name }}",
                "Hello{% if person.name %} {{ person.name }}{% endif %},

you are invited to the team of **{{ organiser.name }}** on Turnout. Set a password to begin.

[Accept the invitation]({{ link.url }})",
            ),
            (
                "Einladung in das Team von {{ organiser.name }}",
                "Guten Tag{% if person.name %} {{ person.name }}{% endif %},

Sie sind eingeladen, im Team von **{{ organiser.name }}** bei Turnout mitzuarbeiten. Setzen Sie dafür ein Passwort.

[Einladung annehmen]({{ link.url }})",
            ),
        ],
    }
}
