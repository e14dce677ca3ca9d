//! The page of the people whom a figure of an event's messages counts, and who finds the way to it.

use turnout_platform::auth::{EVERYONE, Role, SUPPORTERS};
use turnout_proto::{
    notifications::v1::{Message, MessageChannel, MessageFigure, MessageKind, MessageState},
    registration::v1::{AttendanceMode, PaymentState, RegistrationState, RsvpState},
};

use super::{
    super::console::{
        inputs::Field,
        messages::{Known, MessagesPage},
        recipients::{Recipient, Recipients, RecipientsPage, RecipientsQuery},
        rows::RegistrantRow,
        shell::{Place, Shell, Tab},
    },
    AS_OF_MS, golden,
    studio::{EVIL, head, shell},
    *,
};

fn row(id: &str, name: &str, email: &str) -> RegistrantRow {
    RegistrantRow {
        registration_id: id.into(),
        person_id: String::new(),
        name: name.into(),
        email: email.into(),
        phone: String::new(),
        nickname: String::new(),
        state: RegistrationState::Registered,
        rsvp: RsvpState::Unspecified,
        mode: AttendanceMode::Online,
        registered_at_ms: None,
        entered_at_ms: None,
        checked_in_at_ms: None,
        waiting_since_ms: None,
        payment: PaymentState::NotApplicable,
        paid: None,
        answers: std::collections::HashMap::new(),
        form_version: 1,
        language: String::new(),
        version: 1,
        messages: None,
    }
}

fn bounced(channel: MessageChannel) -> Message {
    let at = Some(prost_types::Timestamp { seconds: AS_OF_MS / 1000, nanos: 0 });
    Message {
        kind: MessageKind::Confirmation.into(),
        channel: channel.into(),
        state: MessageState::Bounced.into(),
        reason: "hard_bounce".into(),
        due_at: at,
        state_at: at,
        attempts: 1,
        ..Message::default()
    }
}

fn page(page: Option<Recipients>, after: &str) -> RecipientsPage {
    RecipientsPage {
        shell: Shell { role: Role::Support, ..shell(Place::Events) },
        head: head(Tab::Messages),
        known: Known::of_word("confirmation").unwrap(),
        query: RecipientsQuery {
            kind: "confirmation".into(),
            state: "bounced".into(),
            reason: Some("hard_bounce".into()),
            after: after.into(),
            ..RecipientsQuery::default()
        },
        page,
    }
}

#[test]
fn the_people_whom_a_figure_counts_and_when_it_counts_nobody() {
    let one = |row, channel| Recipient { row, message: bounced(channel) };
    let rows = vec![
        one(row("r1", "Anna Öhman", "anna@example.org"), MessageChannel::Email),
        one(row("r2", "", "ben@example.org"), MessageChannel::Email),
        one(row("r3", EVIL, ""), MessageChannel::Sms),
        one(row("0198f0a0c0de71c2", "", ""), MessageChannel::Email),
    ];
    let shown = page(Some(Recipients { rows, next: "a_token-2".into() }), "a_token-1");
    assert!(!shown.render().unwrap().contains("<script>alert"));
    golden("recipients", &shown);
    let nobody = |next: &str, after: &str| page(Some(Recipients { rows: Vec::new(), next: next.into() }), after);
    golden("recipients_none", &nobody("", ""));
    golden("recipients_none_yet", &nobody("a_token-2", "a_token-1"));
    golden("recipients_unavailable", &page(None, ""));
    let at_the_end = nobody("", "a_token-1").render().unwrap();
    assert!(at_the_end.contains("There is nobody else") && !at_the_end.contains("rel=\"next\""), "{at_the_end}");
}

#[test]
fn item_35_only_who_sees_names_finds_the_way_to_them_and_only_from_figures_of_registrants() {
    let figure = |kind: MessageKind| MessageFigure {
        kind: kind.into(),
        state: MessageState::Failed.into(),
        messages: 40,
        ..MessageFigure::default()
    };
    let figures = [MessageKind::Change, MessageKind::Notice, MessageKind::SignInLink].map(figure);
    for role in EVERYONE {
        let page = MessagesPage {
            shell: Shell { role: *role, ..shell(Place::Events) },
            head: head(Tab::Messages),
            to_folder: false,
            complaints: None,
            kinds: Vec::new(),
            reminders: Field::line("before", "Before the start", ""),
            reminders_version: 0,
            figures: Some(figures.to_vec()),
            notice: None,
        };
        let html = page.render().unwrap();
        let links = usize::from(SUPPORTERS.contains(role));
        assert_eq!(html.matches("/messages/to?").count(), links, "{role}");
        assert_eq!(html.matches("kind=change").count(), links, "{role}");
    }
}
