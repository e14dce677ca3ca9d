//! The roles apart, on real NATS and a real CQL server, with processes killed under load: the number holds.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use turnout_tests::{
    grpc,
    history::{visits_are_of, wall_ms},
    mesh::Mesh,
    servers::from_env,
    viewer::{Count, Viewer, crowd, ticket},
    wait::{PATIENCE, until},
};

const SECOND: Duration = Duration::from_secs(1);

/// The counts that a screen has shown from its n-th on.
fn shown_since(viewer: &Viewer, from: usize) -> Vec<(Instant, Count)> {
    viewer.seen().counts[from..].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_on_two_gateways_counts_once_everywhere() {
    let Some(cql) = from_env("TURNOUT_TEST_CQL", "one_person_on_two_gateways_counts_once_everywhere") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mesh = Mesh::start(folder.path(), &cql, 2, 3).await;
    let publics = mesh.publics();
    let (first, cookie) = ticket(publics[0], "demo", None).await.unwrap();
    let (second, _) = ticket(publics[1], "demo", Some(&cookie)).await.unwrap();
    let here = Viewer::with_ticket(publics[0], &first).await.unwrap();
    let there = Viewer::with_ticket(publics[1], &second).await.unwrap();
    let other = Viewer::join(publics[2], "demo").await.unwrap();
    for viewer in [&here, &there, &other] {
        viewer.sees(2, 5 * SECOND).await;
    }
    let key = mesh.registration.api_key();
    for replica in &mesh.presence {
        let count = async || grpc::count(replica.grpc(), &key, "demo").await;
        let is = |count: &Result<_, _>| {
            matches!(count, Ok(turnout_proto::presence::v1::Count { viewers: 2, connections: 3, .. }))
        };
        until("both replicas say two people on three connections", 5 * SECOND, count, is).await;
    }
    // The person closes one of the two: still here.
    there.leave().await;
    other.leave().await;
    here.sees(1, 3 * SECOND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_a_replica_leaves_no_gap_of_two_seconds_on_any_screen() {
    let Some(cql) = from_env("TURNOUT_TEST_CQL", "the_death_of_a_replica") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut mesh = Mesh::start(folder.path(), &cql, 2, 2).await;
    let screens = crowd(&mesh.publics(), "demo", 10).await;
    for screen in &screens {
        screen.sees(10, 5 * SECOND).await;
    }
    let from: Vec<usize> = screens.iter().map(|s| s.seen().counts.len()).collect();
    let begun = Instant::now();
    let mut more = Vec::new();
    // The number keeps changing, so that silence would show. The replica that is followed dies in the middle.
    for step in 0..40 {
        if step == 15 {
            mesh.presence[0].kill();
        }
        more.push(Viewer::join(mesh.gateways[step % 2].public(), "demo").await.unwrap());
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let people = 10 + more.len() as u64;
    for screen in &screens {
        screen.sees(people, 3 * SECOND).await;
    }
    for (screen, from) in screens.iter().zip(from) {
        let shown = shown_since(screen, from);
        let mut moments = vec![begun];
        moments.extend(shown.iter().map(|(at, _)| *at));
        let gap = moments.windows(2).map(|w| w[1] - w[0]).max().unwrap_or_default();
        println!("the largest gap on this screen: {gap:?}");
        assert!(gap <= 2 * SECOND * PATIENCE, "a screen stood still for {gap:?}");
        assert!(shown.iter().all(|(_, c)| c.viewers >= 10 && c.viewers <= people), "never doubled, never dipped");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_a_gateway_whose_viewers_return_elsewhere_does_not_move_the_number() {
    const MOVED: usize = 600;
    const STAY: usize = 300;
    const BACK_AT_ONCE: usize = 15;
    let Some(cql) = from_env("TURNOUT_TEST_CQL", "the_death_of_a_gateway") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut mesh = Mesh::start(folder.path(), &cql, 2, 3).await;
    let screen = Viewer::join(mesh.gateways[0].public(), "demo").await.unwrap();
    let _stay = crowd(&[mesh.gateways[0].public(), mesh.gateways[1].public()], "demo", STAY - 1).await;
    let mut cookies = Vec::with_capacity(MOVED);
    let mut moved = Vec::with_capacity(MOVED);
    for _ in 0..MOVED {
        let (ticket, cookie) = ticket(mesh.gateways[2].public(), "demo", None).await.unwrap();
        moved.push(Viewer::with_ticket(mesh.gateways[2].public(), &ticket).await.unwrap());
        cookies.push(cookie);
    }
    let people = (MOVED + STAY) as u64;
    screen.sees(people, 5 * SECOND).await;
    let from = screen.seen().counts.len();

    mesh.gateways[2].kill();
    // They come back over four seconds, to the two gateways that are left: several at once, so that a slow machine takes hardly longer. Whoever
    // came back after the dead gateway was dropped would have been away, and rightly not counted.
    let mut back = Vec::with_capacity(MOVED);
    for (turn, returning) in cookies.chunks(BACK_AT_ONCE).enumerate() {
        let public = mesh.gateways[turn % 2].public();
        let comes_back = async |cookie: &String| {
            let (ticket, _) = ticket(public, "demo", Some(cookie)).await.unwrap();
            Viewer::with_ticket(public, &ticket).await.unwrap()
        };
        back.extend(join_all(returning.iter().map(comes_back)).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    screen.sees(people, 20 * SECOND).await;
    // Long enough for the dead gateway to be dropped: that must change nothing either.
    tokio::time::sleep(12 * SECOND).await;
    screen.sees(people, SECOND).await;
    for (_, count) in shown_since(&screen, from) {
        assert!(count.low <= people && people <= count.high, "the truth left the band: {count:?}");
        assert!(count.viewers * 100 >= people * 99, "a dip of more than 1 %: {count:?}");
        assert!(count.viewers <= people, "somebody was counted twice: {count:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_bus_is_away_screens_say_stale_and_nobody_is_dropped() {
    let Some(cql) = from_env("TURNOUT_TEST_CQL", "while_the_bus_is_away") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mesh = Mesh::start(folder.path(), &cql, 2, 3).await;
    let screens = crowd(&mesh.publics(), "demo", 60).await;
    for screen in &screens {
        screen.sees(60, 5 * SECOND).await;
    }
    mesh.nats().stop();
    let stopped = Instant::now();
    for screen in &screens {
        let is_stale = |count: &Option<Count>| count.as_ref().is_some_and(|c| c.stale && c.viewers == 60);
        until("the screen says that it is out of touch", 5 * SECOND, async || screen.count(), is_stale).await;
    }
    // Some come meanwhile: they are let in, and counted when the bus is back.
    let more = crowd(&mesh.publics(), "demo", 6).await;
    tokio::time::sleep((10 * SECOND).saturating_sub(stopped.elapsed())).await;
    mesh.nats().again();
    let back = Instant::now();
    for screen in screens.iter().chain(&more) {
        screen.sees(66, 10 * SECOND).await;
    }
    let took = back.elapsed();
    println!("right again {took:?} after the bus had come back");
    for screen in &screens {
        let seen = screen.seen();
        assert_eq!(seen.closed, None, "nobody is dropped");
        assert!(
            seen.counts.iter().skip_while(|(_, c)| c.viewers < 60).all(|(_, c)| c.viewers >= 60),
            "the number never fell"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_of_everything_events_keys_series_and_peak_are_there() {
    let Some(cql) = from_env("TURNOUT_TEST_CQL", "after_a_kill_of_everything") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut mesh = Mesh::start(folder.path(), &cql, 2, 2).await;
    let begun_ms = wall_ms();
    let people = crowd(&mesh.publics(), "demo", 39).await;
    // One person is at both gateways: two visits at once, and one person's time.
    let (first, cookie) = ticket(mesh.publics()[0], "demo", None).await.unwrap();
    let (second, _) = ticket(mesh.publics()[1], "demo", Some(&cookie)).await.unwrap();
    let devices = [
        Viewer::with_ticket(mesh.publics()[0], &first).await.unwrap(),
        Viewer::with_ticket(mesh.publics()[1], &second).await.unwrap(),
    ];
    people[0].sees(40, 5 * SECOND).await;
    let complete_ms = wall_ms();
    let key = mesh.registration.api_key();
    // Peaks and points are read from the store, so what is answered before the kill must be there after it.
    let grpc_of = |mesh: &Mesh| mesh.presence[0].grpc().to_owned();
    let address = grpc_of(&mesh);
    until("the peak is stored", 5 * SECOND, async || grpc::peak(&address, &key, "demo").await.ok(), |p| *p == Some(40))
        .await;
    let history = async || grpc::history(&address, &key, "demo", 60).await.unwrap_or_default();
    until("the series is stored", 10 * SECOND, history, |points| points.contains(&40)).await;
    // Time itself is what is tested here: longer than a minute, so that what was before the last checkpoint must be there.
    tokio::time::sleep(Duration::from_secs(80)).await;
    let killed_ms = wall_ms();
    mesh.kill_and_restart().await;
    visits_are_of(40, &mesh.store, begun_ms, complete_ms, killed_ms).await;
    drop((people, devices));

    let address = grpc_of(&mesh);
    assert_eq!(grpc::peak(&address, &key, "demo").await.unwrap(), 40);
    assert!(grpc::history(&address, &key, "demo", 300).await.unwrap().contains(&40));
    let again = Viewer::join(mesh.gateways[1].public(), "demo").await.unwrap();
    again.sees(1, 20 * SECOND).await;
}
