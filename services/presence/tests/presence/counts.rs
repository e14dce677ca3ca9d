//! The count now: exact, distinct, pushed; the same at every replica; honest about not knowing.

use std::time::Duration;

use tonic::Code;
use turnout_platform::{
    bus::{Bus as _, Outgoing, subjects},
    mesh as codec,
};
use turnout_proto::presence::v1::{Count, ListRoomsRequest, WatchCountsRequest, WatchCountsResponse};

use crate::{
    gateway::Gateway,
    mesh::{Client, Mesh, count, until, until_count},
    store::Disk,
};

const DEMO: &str = "acme/demo";

async fn watch(client: &Client, event: &str) -> tonic::Streaming<WatchCountsResponse> {
    let request = WatchCountsRequest { event_id: event.into(), room_id: String::new() };
    client.clone().watch_counts(request).await.unwrap().into_inner()
}

async fn next(counts: &mut tonic::Streaming<WatchCountsResponse>) -> Count {
    let next = tokio::time::timeout(Duration::from_mins(1), counts.message());
    next.await.expect("a count comes").unwrap().unwrap().count.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_person_on_two_devices_at_two_gateways_counts_once() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let (one, two) = (Gateway::start(&mesh, "gw-1").await, Gateway::start(&mesh, "gw-2").await);
    for (gateway, viewers) in [(&one, [1, 2]), (&two, [2, 3])] {
        for viewer in viewers {
            gateway.join(DEMO, viewer);
        }
        gateway.set_connections(DEMO, 2);
    }
    let client = mesh.client(&node, Some("acme"));
    let count = until_count(&client, "demo", "", 3).await;
    assert_eq!((count.low, count.high, count.connections), (3, 3, 4));
    one.leave(DEMO, 2);
    until("the second device is still counted", || async {
        let metrics = node.metrics.render();
        (metrics.contains("turnout_presence_viewers 3\n") && metrics.contains("turnout_presence_topics 1\n"))
            .then_some(())
    })
    .await;
    two.leave(DEMO, 2);
    until_count(&client, "demo", "", 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_watcher_hears_the_count_at_once_and_then_each_change() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let gateway = Gateway::start(&mesh, "gw").await;
    let client = mesh.client(&node, Some("acme"));
    count(&client, "demo", "").await;
    let mut counts = watch(&client, "demo").await;
    let first = next(&mut counts).await;
    assert_eq!((first.viewers, first.stale), (0, false));
    let mut revision = first.revision;
    for viewers in 1..=3 {
        gateway.join(DEMO, viewers);
        let count = loop {
            let count = next(&mut counts).await;
            assert!(count.revision > revision, "revisions grow");
            revision = count.revision;
            if count.viewers == viewers {
                break count;
            }
        };
        assert_eq!((count.low, count.high, count.event_id.as_str()), (viewers, viewers, "demo"));
    }
    node.life.drain();
    let end = loop {
        match counts.message().await {
            Ok(count) => assert!(count.is_some(), "the stream says why it ends"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_hears_nobody_any_more_says_so_and_keeps_the_last_count() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let gateways = [Gateway::start(&mesh, "gw-1").await, Gateway::start(&mesh, "gw-2").await];
    for (gateway, viewer) in gateways.iter().zip(1..) {
        gateway.join(DEMO, viewer);
    }
    let client = mesh.client(&node, Some("acme"));
    until_count(&client, "demo", "", 2).await;
    let mut counts = watch(&client, "demo").await;
    let mut until_stale = async |stale| {
        loop {
            let count = next(&mut counts).await;
            assert_eq!((count.viewers, count.high), (2, 2), "no cliff");
            if count.stale == stale {
                return count;
            }
        }
    };
    until_stale(false).await;
    for gateway in &gateways {
        gateway.cut_off(true);
    }
    let stale = until_stale(true).await;
    assert_eq!(stale.low, 0, "and nobody is sure to be there");
    tokio::time::sleep(Duration::from_secs(30)).await;
    for gateway in &gateways {
        gateway.cut_off(false);
    }
    until_stale(false).await;
    until_count(&client, "demo", "", 2).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_watches_has_a_count_of_zero_once_the_replica_is_warm() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let mut client = mesh.client(&node, Some("acme"));
    let cold = client.watch_counts(WatchCountsRequest { event_id: "quiet".into(), room_id: String::new() }).await;
    let cold = match cold {
        Ok(counts) => counts.into_inner().message().await.unwrap_err(),
        Err(status) => status,
    };
    assert_eq!(cold.code(), Code::Unavailable);
    assert!(node.life.unmet().contains(&"presence warm"));
    let count = count(&client, "quiet", "").await;
    assert_eq!((count.viewers, count.low, count.high, count.stale), (0, 0, 0, false));
    assert!(count.as_of.is_some());
    assert!(node.life.unmet().is_empty());
}

#[tokio::test(start_paused = true)]
async fn rooms_are_listed_with_their_own_counts() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let gateway = Gateway::start(&mesh, "gw").await;
    for (room, viewers) in [("stage-b", 1..=2), ("stage-a", 3..=5)] {
        for viewer in viewers {
            gateway.join(DEMO, viewer);
            gateway.join(&format!("{DEMO}/{room}"), viewer);
        }
    }
    let client = mesh.client(&node, Some("acme"));
    until_count(&client, "demo", "", 5).await;
    until_count(&client, "demo", "stage-a", 3).await;
    let request = ListRoomsRequest { event_id: "demo".into() };
    let rooms = client.clone().list_rooms(request).await.unwrap().into_inner().rooms;
    let rooms: Vec<_> = rooms.iter().map(|room| (room.room_id.as_str(), room.viewers)).collect();
    assert_eq!(rooms, [("stage-a", 3), ("stage-b", 2)]);
    until("rooms do not count twice in the metrics", || async {
        let metrics = node.metrics.render();
        (metrics.contains("turnout_presence_viewers 5\n") && metrics.contains("turnout_presence_topics 3\n"))
            .then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn two_replicas_publish_the_same_counts_without_talking() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let tables = Disk::open(folder.path()).await;
    let gateway = Gateway::start(&mesh, "gw").await;
    let first = mesh.replica("p1", tables.clone()).await;
    (0..50).for_each(|viewer| gateway.join(DEMO, viewer));
    until_count(&mesh.client(&first, Some("acme")), "demo", "", 50).await;
    // The second one comes later and learns the state by a snapshot.
    let second = mesh.replica("p2", tables).await;
    until_count(&mesh.client(&second, Some("acme")), "demo", "", 50).await;
    (0..10).for_each(|viewer| gateway.leave(DEMO, viewer));
    let mut frames = mesh.bus.subscribe(subjects::all_counts()).await.unwrap();
    let mut last = std::collections::HashMap::new();
    while last.len() < 2 || last.values().any(|count| *count != (40, 40, 40)) {
        let frame = tokio::time::timeout(Duration::from_secs(30), frames.next()).await.expect("both publish 40");
        let frame = codec::decode_counts(&frame.unwrap().payload).unwrap();
        for count in frame.counts {
            last.insert(frame.replica.clone(), (count.viewers, count.low, count.high));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_no_frame_is_counted_and_changes_nothing() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let gateway = Gateway::start(&mesh, "gw").await;
    gateway.join(DEMO, 1);
    let client = mesh.client(&node, Some("acme"));
    until_count(&client, "demo", "", 1).await;
    for subject in [subjects::ticks("x"), subjects::resync_answers("p1"), subjects::counts("x")] {
        mesh.bus.publish(Outgoing::new(subject, vec![0xff; 9])).await.unwrap();
    }
    until("all three are counted", || async {
        node.metrics.render().contains("turnout_presence_undecodable_frames_total 3\n").then_some(())
    })
    .await;
    until_count(&client, "demo", "", 1).await;
}
