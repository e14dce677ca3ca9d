//! The day of grace before another policy removes anything, with a change at the worst moment.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use turnout_platform::{
    auth::{MeshKey, Role},
    tables::Tables,
};
use turnout_proto::registration::v1::{
    ChangeEventStateRequest, Event, EventState, PutRegistrantSettingsRequest, RegistrantSettings,
};

use crate::{
    bed::{Bed, Registrants, comes, open_tables},
    hooked::{Hooked, Sort},
    profiles::FakeProfiles,
    registering::{get, open_event, registered},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

async fn put(owner: &mut Registrants, retention_days: i32, version: i64) {
    let settings = Some(RegistrantSettings { threshold: 5, retention_days, version });
    owner.put_registrant_settings(PutRegistrantSettingsRequest { settings }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_stored_while_a_process_begins_to_apply_the_one_before_has_its_day_of_grace() {
    let folder = tempfile::tempdir().unwrap();
    let tables = open_tables(&folder).await;
    let key = MeshKey::generate();
    let bed = Bed::with(tables.clone(), &key, FakeProfiles::default()).await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    for state in [EventState::Live, EventState::Ended] {
        let request = ChangeEventStateRequest {
            event_id: "gala".into(),
            state: state.into(),
            ..ChangeEventStateRequest::default()
        };
        bed.mesh(Some("acme")).change_event_state(request).await.unwrap();
    }
    put(&mut bed.registrants_as("acme", Role::Owner), 300, 0).await;
    bed.clock.advance_ms(200 * DAY_MS);
    let mut acme = bed.registrants(Some("acme"));

    // While another process looks which policy there is, there is another, under which this event is long over.
    let owner = Mutex::new(Some(bed.registrants_as("acme", Role::Owner)));
    let (is_put, claims) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let hooked: Arc<dyn Tables> = {
        let (is_put, claims) = (is_put.clone(), claims.clone());
        Hooked::new(&tables, move |sort, table| {
            let owner = owner.lock().take_if(|_| sort == Sort::Read && table == "registrant_settings");
            if sort == Sort::Write && table == "retention_runs" && is_put.load(Ordering::SeqCst) {
                claims.fetch_add(1, Ordering::SeqCst);
            }
            let is_put = is_put.clone();
            async move {
                if let Some(mut owner) = owner {
                    put(&mut owner, 100, 1).await;
                    is_put.store(true, Ordering::SeqCst);
                }
                Ok(())
            }
        })
    };
    let _other = bed.second(hooked, &key).await;
    comes("the look of the other process", async || claims.load(Ordering::SeqCst) > 0).await;
    assert!(is_put.load(Ordering::SeqCst));
    assert_eq!(get(&mut acme, &anna.registration_id).await.email, "anna@example.org");

    bed.clock.advance_ms(DAY_MS + 1);
    let _third = bed.second(tables, &key).await;
    let acme = bed.registrants(Some("acme"));
    let is_cleared = async || get(&mut acme.clone(), &anna.registration_id).await.email.is_empty();
    comes("the end of grace", is_cleared).await;
}
