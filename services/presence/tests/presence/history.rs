//! What is kept: the series, the visits, the peak; through crashes, silent gateways and stops.

use std::{path::Path, time::Duration};

use prost_types::Timestamp;
use turnout_platform::clock::Clock as _;
use turnout_presence::{Archive, Ending, Visit};
use turnout_proto::presence::v1::{CountPoint, GetCountHistoryRequest, GetPeakRequest};
use turnout_roster::{Topic, ViewerId};

use crate::{
    gateway::Gateway,
    mesh::{Client, Mesh, until, until_count},
    store::Disk,
};

const DEMO: &str = "acme/demo";

fn at(ms: u64) -> Timestamp {
    Timestamp { seconds: (ms / 1000) as i64, nanos: 0 }
}

async fn series(client: &Client, from_ms: u64, step_seconds: u32) -> Vec<CountPoint> {
    let request =
        GetCountHistoryRequest { event_id: "demo".into(), from: Some(at(from_ms)), step_seconds, ..Default::default() };
    client.clone().get_count_history(request).await.unwrap().into_inner().points
}

async fn peak(client: &Client) -> u64 {
    let request = GetPeakRequest { event_id: "demo".into(), room_id: String::new() };
    client.clone().get_peak(request).await.unwrap().into_inner().viewers
}

async fn visits(archive: &Archive, mesh: &Mesh) -> Vec<Visit> {
    let at_ms = mesh.clock.at_ms();
    let mut visits = archive.visits(&Topic::from(DEMO), at_ms - 3_600_000, at_ms + 1, at_ms).await.unwrap();
    visits.sort_by_key(|visit| (visit.joined_at_ms, visit.viewer));
    visits
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_series_has_a_point_for_each_second_and_the_peak_is_kept() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let gateway = Gateway::start(&mesh, "gw").await;
    let client = mesh.client(&node, Some("acme"));
    (0..7).for_each(|viewer| gateway.join(DEMO, viewer));
    until_count(&client, "demo", "", 7).await;
    pass(3).await;
    (0..5).for_each(|viewer| gateway.leave(DEMO, viewer));
    let gone_ms = mesh.clock.at_ms();
    pass(3).await;
    let points = until("two viewers are in the series", || async {
        let points = series(&client, mesh.clock.at_ms() - 60_000, 1).await;
        points.last().is_some_and(|point| point.viewers == 2).then_some(points)
    })
    .await;
    let seconds: Vec<_> = points.iter().map(|point| point.at.unwrap().seconds).collect();
    assert!(seconds.windows(2).all(|pair| pair[1] == pair[0] + 1), "no second is missing: {seconds:?}");
    for point in &points {
        let truth = if point.at.unwrap().seconds < (gone_ms / 1000) as i64 { 7 } else { 2 };
        assert_eq!((point.viewers, point.revision), (truth, 0), "{point:?}");
        assert!(point.low <= point.viewers && point.viewers <= point.high);
    }
    let coarse = series(&client, mesh.clock.at_ms() - 60_000, 3600).await;
    assert_eq!(coarse.iter().map(|point| (point.viewers, point.low, point.high)).collect::<Vec<_>>(), [(2, 2, 7)]);
    assert_eq!(peak(&client).await, 7);
}

/// One life of the whole mesh: it is cut off in the middle, as by `kill -9` of every process.
fn life<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

async fn begin(folder: &Path, later_ms: u64) -> (Mesh, Archive, crate::mesh::Node) {
    let mesh = Mesh::beginning_later(later_ms);
    let tables = Disk::open(folder).await;
    let node = mesh.replica("p1", tables.clone()).await;
    (mesh, Archive::new(tables), node)
}

#[test]
fn a_crash_of_everything_loses_at_most_a_minute_of_open_visits_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (checkpoint, crashed_ms) = life(async {
        let (mesh, archive, node) = begin(folder.path(), 0).await;
        let client = mesh.client(&node, Some("acme"));
        let (one, two) = (Gateway::start(&mesh, "gw-1").await, Gateway::start(&mesh, "gw-2").await);
        for viewer in [1, 2] {
            one.join(DEMO, viewer);
        }
        two.join(DEMO, 2);
        until_count(&client, "demo", "", 2).await;
        pass(5).await;
        one.leave(DEMO, 1);
        pass(100).await;
        let checkpoint = until("the open visits are checkpointed, the closed one is closed", || async {
            let visits = visits(&archive, &mesh).await;
            let (open, closed): (Vec<_>, Vec<_>) = visits.iter().partition(|visit| visit.ending.is_none());
            let fresh = open.iter().all(|visit| visit.until_ms > visit.joined_at_ms + 30_000);
            (open.len() == 2 && fresh && closed.len() == 1).then(|| open[0].until_ms.min(open[1].until_ms))
        })
        .await;
        until("the peak and some points are stored", || async {
            let stored = archive.peak(&Topic::from(DEMO)).await.unwrap().is_some_and(|(viewers, _)| viewers == 2);
            (stored && series(&client, mesh.clock.at_ms() - 100_000, 1).await.len() > 50).then_some(())
        })
        .await;
        (checkpoint, mesh.clock.at_ms())
    });
    life(async {
        let (mesh, archive, node) = begin(folder.path(), 600_000).await;
        let client = mesh.client(&node, Some("acme"));
        crate::mesh::count(&client, "demo", "").await;
        assert_eq!(peak(&client).await, 2);
        assert!(series(&client, mesh.clock.at_ms() - 3_600_000, 1).await.len() > 50);
        let visits = visits(&archive, &mesh).await;
        let endings: Vec<_> = visits.iter().map(|visit| (visit.viewer.get(), visit.ending.unwrap())).collect();
        assert_eq!(endings, [(1, Ending::Left), (2, Ending::Lost), (2, Ending::Lost)]);
        for lost in &visits[1..] {
            assert!(lost.until_ms >= checkpoint && crashed_ms - lost.until_ms <= 61_500, "{lost:?}");
        }
        let at_ms = mesh.clock.at_ms();
        let times = archive.watch_time(&Topic::from(DEMO), at_ms - 3_600_000, at_ms, at_ms).await.unwrap();
        let total = times[&ViewerId::new(2)].total_ms();
        let longest = visits[1..].iter().map(|visit| visit.until_ms).max().unwrap() - visits[1].joined_at_ms;
        assert_eq!(total, longest, "two devices at once count once");
    });
}

#[tokio::test(start_paused = true)]
async fn a_gateway_taken_for_dead_that_returns_puts_its_viewers_back_into_the_past() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let tables = Disk::open(folder.path()).await;
    let (node, archive) = (mesh.replica("p1", tables.clone()).await, Archive::new(tables));
    let (one, two) = (Gateway::start(&mesh, "gw-1").await, Gateway::start(&mesh, "gw-2").await);
    let client = mesh.client(&node, Some("acme"));
    one.join(DEMO, 1);
    two.join(DEMO, 2);
    until_count(&client, "demo", "", 2).await;
    pass(5).await;
    let silent_ms = mesh.clock.at_ms();
    two.cut_off(true);
    until_count(&client, "demo", "", 1).await;
    pass(10).await;
    let alone = |points: &[CountPoint]| points.iter().filter(|point| point.viewers == 1).count();
    until("the points since then say so", || async {
        let points = series(&client, silent_ms + 2000, 1).await;
        (!points.is_empty() && alone(&points) == points.len()).then_some(())
    })
    .await;
    two.cut_off(false);
    until_count(&client, "demo", "", 2).await;
    let points = until("the past is amended", || async {
        let points = series(&client, silent_ms + 2000, 1).await;
        (alone(&points) == 0).then_some(points)
    })
    .await;
    assert!(
        points.iter().any(|point| point.revision == 2),
        "down as the gateway was lost, up as it was back: {points:?}"
    );
    assert!(points.iter().all(|point| point.viewers == 2 && point.low <= 2 && point.high == 2));
    let both = until("both visits go on", || async {
        pass(60).await;
        let visits = visits(&archive, &mesh).await;
        visits.iter().all(|visit| visit.until_ms > silent_ms + 60_000).then_some(visits)
    })
    .await;
    assert_eq!(both.iter().map(|visit| visit.ending).collect::<Vec<_>>(), [None, None]);
}

#[tokio::test(start_paused = true)]
async fn a_visit_that_began_and_ended_while_frames_were_lost_is_known_exactly() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let tables = Disk::open(folder.path()).await;
    let (node, archive) = (mesh.replica("p1", tables.clone()).await, Archive::new(tables));
    let gateway = Gateway::start(&mesh, "gw").await;
    gateway.join(DEMO, 1);
    until_count(&mesh.client(&node, Some("acme")), "demo", "", 1).await;
    gateway.cut_off(true);
    let joined_ms = mesh.clock.at_ms();
    gateway.join(DEMO, 2);
    pass(1).await;
    gateway.leave(DEMO, 2);
    let left_ms = mesh.clock.at_ms();
    pass(2).await;
    gateway.cut_off(false);
    let gone = until("the replay has told of it", || async { visits(&archive, &mesh).await.into_iter().nth(1) }).await;
    assert_eq!((gone.viewer, gone.ending), (ViewerId::new(2), Some(Ending::Left)));
    assert!((joined_ms..=joined_ms + 200).contains(&gone.joined_at_ms), "{gone:?}");
    assert!((left_ms..=left_ms + 200).contains(&gone.until_ms), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn two_replicas_write_the_same_history_once() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let tables = Disk::open(folder.path()).await;
    let archive = Archive::new(tables.clone());
    let gateway = Gateway::start(&mesh, "gw").await;
    let first = mesh.replica("p1", tables.clone()).await;
    let _second = mesh.replica("p2", tables).await;
    let client = mesh.client(&first, Some("acme"));
    (0..20).for_each(|viewer| gateway.join(DEMO, viewer));
    until_count(&client, "demo", "", 20).await;
    pass(30).await;
    (0..20).for_each(|viewer| gateway.leave(DEMO, viewer));
    until_count(&client, "demo", "", 0).await;
    let left = until("all visits are over", || async {
        let visits = visits(&archive, &mesh).await;
        visits.iter().all(|visit| visit.ending == Some(Ending::Left)).then_some(visits)
    })
    .await;
    assert_eq!(left.len(), 20);
    pass(10).await;
    let points = series(&client, mesh.clock.at_ms() - 60_000, 1).await;
    let settled = points.iter().filter(|point| point.viewers == 20).count();
    assert!((29..=32).contains(&settled), "{settled}");
}

#[test]
fn a_stop_takes_what_is_known_to_the_store() {
    let folder = tempfile::tempdir().unwrap();
    life(async {
        let (mesh, archive, node) = begin(folder.path(), 0).await;
        let client = mesh.client(&node, Some("acme"));
        let gateway = Gateway::start(&mesh, "gw").await;
        gateway.join(DEMO, 1);
        until_count(&client, "demo", "", 1).await;
        let joined = until("the visit is stored", || async { visits(&archive, &mesh).await.pop() }).await.joined_at_ms;
        pass(2).await;
        node.life.stop();
        node.life.ended().await;
        let seen = visits(&archive, &mesh).await[0].until_ms;
        assert!(seen >= joined + 500, "the last word of the gateway is kept: {joined} to {seen}");
    });
}
