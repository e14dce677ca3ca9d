//! The messages of an event by the groups in which they are counted, on both engines: who is listed, page by page, and how far one call
//! looks.

use tonic::Code;
use turnout_notifications::TABLES;
use turnout_platform::{
    auth::Role,
    tables::{BATCH_WRITES_MAX, Row, Write},
};
use turnout_proto::{
    events::v1::RegistrationChange,
    notifications::v1::{
        ListMessagesOfEventRequest, ListMessagesOfEventResponse, Message, MessageKind, MessageState,
        ResendMessageRequest,
    },
};

use crate::bed::{Bed, Ground, HOUR_MS, START_MS, eventually, refused, refused_field};

const GALA: &str = "gala";
/// Registrants with an address, and nicknames, who cannot be written to.
const WRITTEN_TO: [&str; 4] = ["r1", "r2", "r3", "r4"];
const NICKNAMES: [&str; 5] = ["n1", "n2", "n3", "n4", "n5"];
/// So many messages one call looks at.
const LOOKED_AT_MAX: usize = 20_000;

/// One on each engine.
async fn grounds(test: &str) -> Vec<Ground> {
    let mut grounds = vec![Ground::new().await];
    grounds.extend(Ground::on_a_cluster(test).await);
    grounds
}

/// A process, once all these registrants are confirmed, or cannot be, and that is counted.
async fn confirmed(ground: &Ground) -> Bed {
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS);
        for id in WRITTEN_TO {
            world.register(GALA, id, START_MS);
        }
        for id in NICKNAMES {
            let registration = world.register(GALA, id, START_MS);
            registration.email.clear();
            registration.person_id.clear();
        }
    }
    let bed = ground.start(None, None).await;
    for id in WRITTEN_TO.into_iter().chain(NICKNAMES) {
        bed.registration_changed(GALA, id, RegistrationChange::Registered, 1).await;
    }
    for (wanted, list) in [(WRITTEN_TO.len(), sent()), (NICKNAMES.len(), without_address())] {
        eventually("all counted", async || (all(&bed, &list).await.len() == wanted).then_some(())).await;
    }
    bed
}

fn confirmations(state: MessageState, reason: &str) -> ListMessagesOfEventRequest {
    ListMessagesOfEventRequest {
        event_id: GALA.into(),
        kind: MessageKind::Confirmation.into(),
        states: vec![state.into()],
        reason: Some(reason.into()),
        ..ListMessagesOfEventRequest::default()
    }
}

fn sent() -> ListMessagesOfEventRequest {
    confirmations(MessageState::HandedOff, "")
}

fn without_address() -> ListMessagesOfEventRequest {
    confirmations(MessageState::Skipped, "no_address")
}

async fn listed(bed: &Bed, list: &ListMessagesOfEventRequest) -> ListMessagesOfEventResponse {
    bed.member("acme", Role::Support).list_messages_of_event(list.clone()).await.unwrap().into_inner()
}

/// All pages one after the other.
async fn pages(bed: &Bed, list: &ListMessagesOfEventRequest) -> Vec<Vec<Message>> {
    let (mut pages, mut list) = (Vec::new(), list.clone());
    loop {
        let page = listed(bed, &list).await;
        pages.push(page.messages);
        list.page_token = page.next_page_token;
        if list.page_token.is_empty() {
            return pages;
        }
    }
}

/// Whose messages they are, sorted.
async fn all(bed: &Bed, list: &ListMessagesOfEventRequest) -> Vec<String> {
    let messages = pages(bed, list).await.concat();
    let mut ids: Vec<String> = messages.into_iter().map(|message| message.registration_id).collect();
    ids.sort();
    ids
}

/// A row of the table that is counted, as it is put.
fn counted(message_id: &str, state: MessageState, reason: &str) -> Row {
    let table = TABLES.iter().find(|table| table.name == "messages_by_event").unwrap();
    Row::new(table)
        .set("tenant_id", "acme")
        .set("event_id", GALA)
        .set("bucket", i64::from_str_radix(&message_id[..2], 16).unwrap() % 16)
        .set("message_id", message_id)
        .set("kind", MessageKind::Confirmation.as_str_name())
        .set("occurrence", "v1")
        .set("channel", "MESSAGE_CHANNEL_EMAIL")
        .set("state", state.as_str_name())
        .set("reason", reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_figure_counts_is_listed_page_by_page_each_once_and_nobody_else() {
    for ground in grounds("whom_a_figure_counts_is_listed_page_by_page_each_once_and_nobody_else").await {
        let bed = confirmed(&ground).await;
        let in_twos = ListMessagesOfEventRequest { page_size: 2, ..without_address() };
        let pages = pages(&bed, &in_twos).await;
        assert!(pages.iter().all(|page| page.len() <= 2), "{pages:?}");
        assert_eq!(all(&bed, &in_twos).await, NICKNAMES);
        let message = &pages[0][0];
        assert_eq!((message.state(), message.reason.as_str()), (MessageState::Skipped, "no_address"));
        assert_eq!((message.event_id.as_str(), message.attempts), (GALA, 0));

        assert_eq!(all(&bed, &sent()).await, WRITTEN_TO);
        let of_all_states = ListMessagesOfEventRequest { states: Vec::new(), reason: None, ..sent() };
        assert_eq!(all(&bed, &of_all_states).await.len(), WRITTEN_TO.len() + NICKNAMES.len());
        assert!(all(&bed, &confirmations(MessageState::Bounced, "hard_bounce")).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_lags_behind_the_ledger_shows_nobody_in_a_state_that_is_over() {
    for ground in grounds("a_row_that_lags_behind_the_ledger_shows_nobody_in_a_state_that_is_over").await {
        let bed = confirmed(&ground).await;
        let message = pages(&bed, &sent()).await.concat().remove(0);
        let stale = counted(&message.message_id, MessageState::Bounced, "hard_bounce");
        ground.tables.put(stale).await.unwrap();
        // And one that leads nowhere.
        ground.tables.put(counted(&"0".repeat(32), MessageState::Bounced, "hard_bounce")).await.unwrap();
        assert!(all(&bed, &confirmations(MessageState::Bounced, "hard_bounce")).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_looks_at_so_many_messages_and_the_next_goes_on_after_them() {
    for ground in grounds("one_call_looks_at_so_many_messages_and_the_next_goes_on_after_them").await {
        let bed = confirmed(&ground).await;
        // Before all others, since they come in the order of their ids.
        let rows: Vec<Row> =
            (0..LOOKED_AT_MAX).map(|n| counted(&format!("{n:032x}"), MessageState::Planned, "")).collect();
        for part in rows.chunks(BATCH_WRITES_MAX) {
            ground.tables.batch(part.iter().cloned().map(Write::Put).collect()).await.unwrap();
        }
        let pages = pages(&bed, &without_address()).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [0, NICKNAMES.len()]);
    }
}

#[tokio::test]
async fn reminders_are_listed_by_what_they_are_called_and_those_sent_again_together() {
    let ground = Ground::new().await;
    let bed = confirmed(&ground).await;
    for id in ["r1", "r2"] {
        let request = ResendMessageRequest {
            event_id: GALA.into(),
            registration_id: id.into(),
            kind: MessageKind::Reminder.into(),
            reason: "asked for by phone".into(),
        };
        bed.member("acme", Role::Support).resend_message(request).await.unwrap();
    }
    let reminders = |occurrence: &str| ListMessagesOfEventRequest {
        kind: MessageKind::Reminder.into(),
        occurrence: Some(occurrence.into()),
        states: Vec::new(),
        reason: None,
        ..sent()
    };
    let planned = ListMessagesOfEventRequest { states: vec![MessageState::Planned.into()], ..reminders("T-24h") };
    let are_planned = async || (all(&bed, &planned).await == WRITTEN_TO).then_some(());
    eventually("the reminders are planned", are_planned).await;
    assert_eq!(all(&bed, &reminders("again-")).await, ["r1", "r2"]);
    assert!(all(&bed, &reminders("T-1h")).await.is_empty());
}

#[tokio::test]
async fn a_list_is_the_tenants_own_and_its_pages_are_no_other_lists() {
    let ground = Ground::new().await;
    let bed = confirmed(&ground).await;
    let mut support = bed.member("acme", Role::Support);
    let in_twos = ListMessagesOfEventRequest { page_size: 2, ..without_address() };
    let page_token = listed(&bed, &in_twos).await.next_page_token;
    assert!(!page_token.is_empty());
    // The size of a page does not make another list.
    let rest = ListMessagesOfEventRequest { page_size: 0, page_token: page_token.clone(), ..in_twos.clone() };
    assert_eq!(listed(&bed, &rest).await.messages.len(), NICKNAMES.len() - 2);
    for other in [
        ListMessagesOfEventRequest { page_token: page_token.clone(), ..sent() },
        ListMessagesOfEventRequest { page_token: page_token.clone(), reason: None, ..without_address() },
        ListMessagesOfEventRequest { page_token, occurrence: Some("v1".into()), ..without_address() },
        ListMessagesOfEventRequest { page_token: "x".into(), ..sent() },
    ] {
        refused_field(support.list_messages_of_event(other).await, "page_token");
    }
    let wrong = [
        (ListMessagesOfEventRequest { kind: 0, ..sent() }, "kind"),
        (ListMessagesOfEventRequest { states: vec![99], ..sent() }, "states"),
        (ListMessagesOfEventRequest { page_size: 201, ..sent() }, "page_size"),
        (ListMessagesOfEventRequest { event_id: "*".into(), ..sent() }, "event_id"),
    ];
    for (request, field) in wrong {
        refused_field(support.list_messages_of_event(request).await, field);
    }
    let theirs = ListMessagesOfEventRequest { event_id: "theirs".into(), ..sent() };
    refused(support.list_messages_of_event(theirs).await, Code::NotFound);
    let mut at_the_door = bed.member("acme", Role::Moderator);
    refused(at_the_door.list_messages_of_event(sent()).await, Code::PermissionDenied);
    bed.member("acme", Role::Analyst).list_messages_of_event(sent()).await.unwrap();
}
