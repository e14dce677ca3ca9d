//! Who may ask what.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use prost::Message as _;
use tonic::Code;
use tonic_types::StatusExt as _;
use turnout_presence::ACCESS;
use turnout_proto::presence::v1::{
    GetCountHistoryRequest, GetCountRequest, GetPeakRequest, ListRoomsRequest, ListVisitsRequest, WatchCountsRequest,
};

use crate::{
    gateway::Gateway,
    mesh::{Client, Mesh, count, until_count},
    store::Disk,
};

#[test]
fn every_method_of_the_service_stands_in_the_access_table() {
    let files = prost_types::FileDescriptorSet::decode(turnout_proto::DESCRIPTORS).unwrap().file;
    let file = files.iter().find(|file| file.package() == "turnout.presence.v1" && !file.service.is_empty()).unwrap();
    let paths: BTreeSet<String> = file
        .service
        .iter()
        .flat_map(|service| {
            service.method.iter().map(|m| format!("/{}.{}/{}", file.package(), service.name(), m.name()))
        })
        .collect();
    let listed: BTreeSet<String> = ACCESS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(listed, paths);
}

/// The answer of each method about an event, without its content.
async fn ask_all(client: &mut Client, event: &str) -> Vec<Result<(), tonic::Status>> {
    let (event_id, room_id) = (event.to_owned(), String::new());
    let from = Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 0 });
    vec![
        client.get_count(GetCountRequest { event_id: event_id.clone(), room_id: room_id.clone() }).await.map(drop),
        client
            .watch_counts(WatchCountsRequest { event_id: event_id.clone(), room_id: room_id.clone() })
            .await
            .map(drop),
        client
            .get_count_history(GetCountHistoryRequest { event_id: event_id.clone(), from, ..Default::default() })
            .await
            .map(drop),
        client.list_rooms(ListRoomsRequest { event_id: event_id.clone() }).await.map(drop),
        client.get_peak(GetPeakRequest { event_id: event_id.clone(), room_id }).await.map(drop),
        client.list_visits(ListVisitsRequest { event_id, from, viewer: 1, ..Default::default() }).await.map(drop),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_event_of_another_tenant_looks_like_one_that_does_not_exist_to_every_method() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let gateway = Gateway::start(&mesh, "gw").await;
    gateway.join("other/theirs", 1);
    let mut own = mesh.client(&node, Some("acme"));
    until_count(&mesh.client(&node, None), "theirs", "", 1).await;
    count(&own, "demo", "").await;

    let (foreign, missing) = (ask_all(&mut own, "theirs").await, ask_all(&mut own, "nowhere").await);
    assert_eq!(foreign.len(), ACCESS.len());
    for (foreign, missing) in foreign.into_iter().zip(missing) {
        let (foreign, missing) = (foreign.unwrap_err(), missing.unwrap_err());
        assert_eq!(foreign.code(), Code::NotFound);
        assert_eq!((foreign.message(), foreign.details()), (missing.message(), missing.details()));
    }
    for answer in ask_all(&mut own, "demo").await {
        answer.unwrap();
    }
    for answer in ask_all(&mut mesh.client(&node, None), "theirs").await {
        answer.unwrap();
    }
    for answer in ask_all(&mut own, "no event's id").await {
        assert_eq!(answer.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[tokio::test(start_paused = true)]
async fn without_registration_nobody_learns_anything_and_is_told_to_retry() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica_alone("p1", Disk::open(folder.path()).await).await;
    for answer in ask_all(&mut mesh.client(&node, Some("acme")), "demo").await {
        let status = answer.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.get_details_retry_info().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn the_owner_of_an_event_is_remembered_for_a_minute_and_its_absence_for_two_seconds() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let mut client = mesh.client(&node, Some("acme"));
    let asked = || node.asked.load(Ordering::SeqCst);
    for (event, held) in [("demo", Duration::from_mins(1)), ("nowhere", Duration::from_secs(2))] {
        let before = asked();
        ask_all(&mut client, event).await;
        tokio::time::sleep(held / 2).await;
        ask_all(&mut client, event).await;
        assert_eq!(asked(), before + 1, "{event}");
        tokio::time::sleep(held).await;
        ask_all(&mut client, event).await;
        assert_eq!(asked(), before + 2, "{event}");
    }
}
