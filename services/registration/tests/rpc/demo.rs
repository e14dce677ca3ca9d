//! The demo event of a first start.

use turnout_platform::auth::ApiKeys as _;
use turnout_proto::registration::v1::{
    ChangeEventStateRequest, EventState, GetEventRequest, ListEventsRequest, ListRoomsRequest,
};
use turnout_registration::{DEMO_EVENT, DEMO_TENANT};

use crate::bed::{Bed, create_event};

#[tokio::test]
async fn a_first_start_makes_a_live_event_with_two_rooms_and_a_key_that_opens_it() {
    let bed = Bed::start().await;
    let key = bed.registration.ensure_demo().await.unwrap().first_api_key.unwrap();
    let mut demo = bed.bearer(&key.secret);
    let events = demo.list_events(ListEventsRequest::default()).await.unwrap().into_inner().events;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].event_id.as_str(), events[0].state()), (DEMO_EVENT, EventState::Live));
    let rooms = ListRoomsRequest { event_id: DEMO_EVENT.into(), ..ListRoomsRequest::default() };
    assert_eq!(demo.list_rooms(rooms).await.unwrap().into_inner().rooms.len(), 2);
    assert!(bed.registration.resolve(&key.key_id, &[0; 32]).await.unwrap().is_none());
}

#[tokio::test]
async fn a_later_start_leaves_everything_as_it_is() {
    let bed = Bed::start().await;
    bed.registration.ensure_demo().await.unwrap();
    let mut demo = bed.mesh(Some(DEMO_TENANT));
    let end =
        ChangeEventStateRequest { event_id: DEMO_EVENT.into(), state: EventState::Ended.into(), expected_version: 0 };
    let ended = demo.change_event_state(end).await.unwrap().into_inner().event;
    assert!(bed.registration.ensure_demo().await.unwrap().first_api_key.is_none());
    let get = GetEventRequest { event_id: DEMO_EVENT.into() };
    assert_eq!(demo.get_event(get).await.unwrap().into_inner().event, ended);
}

#[tokio::test]
async fn an_event_of_another_tenant_with_the_demos_id_is_left_alone() {
    let bed = Bed::start().await;
    create_event(&mut bed.organiser("acme").await, DEMO_EVENT, "Ours").await.unwrap();
    assert!(bed.registration.ensure_demo().await.is_err());
}
