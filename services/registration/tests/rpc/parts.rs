//! What takes longer than a message of the bus has: it ends in parts, which is no failure of the message, and holds up no other event.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::Notify;
use turnout_platform::{
    bus::durable::{DurableMessage, EventKind, events},
    clock::ManualClock,
    random,
    tables::{Range, Row, Table, Tables, Value},
};
use turnout_proto::{
    events::v1::{DomainEvent, EventChange, EventChanged, domain_event::What},
    registration::v1::{Event, RegistrationState, UpdateEventRequest},
};
use turnout_registration::TABLES;

use crate::{
    bed::{Bed, START_AT_MS, comes, create_event, open_tables},
    hooked::{Hooked, Sort},
    places::limited,
    registering::{cancel, get, mask, registered, update_event},
};

/// Rows of a waiting list that lead to nobody, and how long the store takes to remove one.
const LEFT_BEHIND: usize = 20;
const REMOVAL_MS: u64 = 1000;
/// Removals of one part, which goes on for five seconds.
const OF_A_PART: usize = 6;

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

/// As crashes leave them: somebody was about to wait, long ago.
async fn leave_rows_behind(tables: &Arc<dyn Tables>) {
    for n in 0..LEFT_BEHIND {
        let row = Row::new(table("waiting_by_event"))
            .set("event_id", "gala")
            .set("waiting_since", Value::Time(START_AT_MS as i64 - 600_000 + n as i64))
            .set("registration_id", format!("nobody-{n}"));
        tables.put(row).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_waiting_list_is_gone_through_in_parts_of_which_none_counts_as_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let tables = open_tables(&folder).await;
    let clock: Arc<OnceLock<Arc<ManualClock>>> = Arc::default();
    // Removals since the event was read last, as every part does when it begins.
    let parts: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (of_hook, seen) = (clock.clone(), parts.clone());
    let hooked = Hooked::new(&tables, move |sort, table| {
        match (sort, table) {
            (Sort::Read, "events_by_id") => seen.lock().push(0),
            (Sort::Write, "waiting_by_event") => {
                if let Some(clock) = of_hook.get() {
                    clock.advance_ms(REMOVAL_MS);
                }
                if let Some(part) = seen.lock().last_mut() {
                    *part += 1;
                }
            }
            _ => {}
        }
        async { Ok(()) }
    });
    let bed = Bed::on(hooked).await;
    let mut acme = limited(&bed, 1, false).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    // First: what the event's settings before have made due may still find some of the rows.
    clock.set(bed.clock.clone()).unwrap();
    leave_rows_behind(&tables).await;
    update_event(&bed, Event { waiting_list: true, ..Event::default() }, &["waiting_list"]).await;
    comes("the end of the list", async || {
        tables.range(Range::of(table("waiting_by_event"), vec!["gala".into()])).await.unwrap().rows.is_empty()
    })
    .await;
    let longest = parts.lock().iter().copied().max().unwrap();
    assert!((1..=OF_A_PART).contains(&longest), "{longest} in one part");
    let mut acme = bed.registrants(Some("acme"));
    let ben = registered(&mut acme, "ben@example.org").await;
    assert_eq!(ben.state(), RegistrationState::Waiting);
    cancel(&mut acme, &anna.registration_id).await;
    comes("the place", async || {
        get(&mut acme.clone(), &ben.registration_id).await.state() == RegistrationState::Registered
    })
    .await;
    let counted = bed.metrics.render();
    assert!(!counted.contains("result=\"retried\"") && !counted.contains("result=\"dead\""), "{counted}");
}

/// While it lives somebody is held up; dropped before it is let go when they are cut off.
struct HeldUp(Arc<AtomicBool>);

impl Drop for HeldUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Says over the bus that an event has other settings.
async fn say_it_changed(bed: &Bed, event: &str) {
    let changed = EventChanged { event_id: event.into(), change: EventChange::Details.into(), version: 9 };
    let id = random::sortable_id();
    let told = DomainEvent {
        message_id: id.clone(),
        tenant_id: "acme".into(),
        what: Some(What::Event(changed)),
        ..DomainEvent::default()
    };
    let subject = events(&"acme".parse().unwrap(), EventKind::Event);
    let payload = told.encode_to_vec().into();
    bed.bus.publish(DurableMessage { subject, id, payload, trace: None }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_limit_takes_long_does_not_hold_up_those_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let tables = open_tables(&folder).await;
    let (is_armed, is_cut, goes_on) =
        (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default(), Arc::<Notify>::default());
    let read = Arc::<AtomicUsize>::default();
    let (armed, cut, go_on, reads) = (is_armed.clone(), is_cut.clone(), goes_on.clone(), read.clone());
    let hooked = Hooked::new(&tables, move |sort, table| {
        let is_list = (sort, table) == (Sort::Range, "waiting_by_event");
        let is_held_up = is_list && armed.swap(false, Ordering::SeqCst);
        if is_list && !is_held_up {
            reads.fetch_add(1, Ordering::SeqCst);
        }
        let (cut, go_on) = (cut.clone(), go_on.clone());
        async move {
            if is_held_up {
                let _held_up = HeldUp(cut);
                go_on.notified().await;
            }
            Ok(())
        }
    });
    let bed = Bed::on(hooked).await;
    limited(&bed, 10, true).await;
    let mut organiser = bed.mesh(Some("acme"));
    create_event(&mut organiser, "ball", "Ball").await.unwrap();
    let event = Some(Event { event_id: "ball".into(), capacity: 10, ..Event::default() });
    let request = UpdateEventRequest { event, update_mask: Some(mask(&["capacity"])), expected_version: 0 };
    organiser.update_event(request).await.unwrap();
    // Both were told of twice.
    let handled = "turnout_durable_settled_total{consumer=\"registration_limits\",result=\"acked\"} 4\n";
    comes("both limits", async || bed.metrics.render().contains(handled)).await;

    is_armed.store(true, Ordering::SeqCst);
    say_it_changed(&bed, "gala").await;
    comes("gala is held up", async || !is_armed.load(Ordering::SeqCst)).await;
    let before = read.load(Ordering::SeqCst);
    say_it_changed(&bed, "ball").await;
    comes("the ball's limit", async || read.load(Ordering::SeqCst) > before).await;
    assert!(!is_cut.load(Ordering::SeqCst), "gala's has not come to its end");
    goes_on.notify_one();
}
