//! The whole mesh in one process, as a person runs it: first start, counting, leaving, restarting.

use std::time::Duration;

use turnout_platform::tables::Engine;
use turnout_tests::{
    grpc,
    history::{visits_are_of, wall_ms},
    process::{Turnout, command},
    viewer::{self, Viewer, crowd},
    wait::until,
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_second_tab_does_not_raise_the_count_and_a_second_person_does() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &[]).await;
    let (ticket, cookie) = viewer::ticket(mesh.public(), "demo", None).await.unwrap();
    let first = Viewer::with_ticket(mesh.public(), &ticket).await.unwrap();
    first.sees(1, 5 * SECOND).await;

    let (ticket, _) = viewer::ticket(mesh.public(), "demo", Some(&cookie)).await.unwrap();
    let second_tab = Viewer::with_ticket(mesh.public(), &ticket).await.unwrap();
    until(
        "both sockets are known",
        5 * SECOND,
        async || mesh.metric("turnout_presence_connections").await,
        |c| *c == Some(2.0),
    )
    .await;
    second_tab.sees(1, SECOND).await;

    let other = Viewer::join(mesh.public(), "demo").await.unwrap();
    first.sees(2, 2 * SECOND).await;
    second_tab.leave().await;
    other.leave().await;
    first.sees(1, 2 * SECOND).await;
    assert!(first.seen().counts.iter().all(|(_, count)| count.viewers <= 2), "the second tab never counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_say_goodbye_are_gone_within_a_second_and_those_who_are_killed_stay_in_the_band_until_they_are_gone()
{
    const PEOPLE: u64 = 600;
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &[]).await;
    let screen = Viewer::join(mesh.public(), "demo").await.unwrap();
    let mut people = crowd(&[mesh.public()], "demo", PEOPLE as usize).await;
    screen.sees(PEOPLE + 1, 3 * SECOND).await;
    let exact = Some((PEOPLE + 1) as f64);
    until(
        "the metric shows the number",
        2 * SECOND,
        async || mesh.metric("turnout_presence_viewers").await,
        |v| *v == exact,
    )
    .await;

    let rude = people.split_off(PEOPLE as usize / 2);
    futures_util::future::join_all(people.into_iter().map(Viewer::leave)).await;
    let took = screen.sees(PEOPLE / 2 + 1, 3 * SECOND).await;
    println!("the goodbyes took {took:?}");

    let before = screen.seen().counts.len();
    rude.into_iter().for_each(Viewer::vanish);
    screen.sees(1, 15 * SECOND).await;
    for (_, count) in &screen.seen().counts[before..] {
        // The truth is 1 from the moment they were killed, but for the moment until their sockets have closed.
        assert!(count.high >= 1 && count.low <= PEOPLE / 2 + 1, "{count:?}");
    }
    let settled = screen.seen().counts[before..].iter().filter(|(_, c)| c.low == 1 && c.high > 1).count();
    assert!(settled > 0, "while they linger the band says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finds_the_data_of_the_first_and_a_kill_loses_no_peak() {
    let folder = tempfile::tempdir().unwrap();
    let mut mesh = Turnout::start(folder.path(), &[]).await;
    let key = mesh.api_key();
    let begun_ms = wall_ms();
    let people = crowd(&[mesh.public()], "demo", 25).await;
    people[0].sees(25, 5 * SECOND).await;
    let complete_ms = wall_ms();
    // Peaks and points are read from the store, so what is answered before the kill must be there after it.
    until(
        "the peak is stored",
        5 * SECOND,
        async || grpc::peak(mesh.grpc(), &key, "demo").await.ok(),
        |peak| *peak == Some(25),
    )
    .await;
    let history = async || grpc::history(mesh.grpc(), &key, "demo", 60).await.unwrap_or_default();
    until("the series is stored", 5 * SECOND, history, |points| points.contains(&25)).await;
    // Time itself is what is tested here: longer than a minute, so that what was before the last checkpoint must be there.
    tokio::time::sleep(Duration::from_secs(80)).await;
    let killed_ms = wall_ms();
    mesh.kill();
    visits_are_of(25, &Engine::Embedded { path: folder.path().to_owned() }, begun_ms, complete_ms, killed_ms).await;

    let mesh = Turnout::start(folder.path(), &[]).await;
    assert_eq!(mesh.api_key(), key, "the key of the first start is still there");
    let peak = grpc::peak(mesh.grpc(), &key, "demo").await.unwrap();
    assert_eq!(peak, 25);
    let points = grpc::history(mesh.grpc(), &key, "demo", 300).await.unwrap();
    assert!(points.contains(&25), "the series is there: {points:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_an_unwritable_folder_and_a_folder_in_use_are_clear_errors() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &[]).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let failure = |mut command: std::process::Command| {
        let output = command.output().expect("the program runs");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let mut busy = command(elsewhere.path());
    busy.args(["--public-addr", mesh.public()]);
    let said = failure(busy);
    assert!(said.contains("public_addr") && said.contains(mesh.public()) && said.contains("--public-addr"), "{said}");

    let said = failure(command(folder.path()));
    assert!(said.contains("data_dir") && said.contains("in use"), "{said}");

    let file = elsewhere.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let said = failure(command(&file));
    assert!(said.contains("data_dir") && said.contains("a-file"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_viewers_than_the_soft_limit_of_files_are_held_and_those_beyond_the_hard_one_are_told_to_come_back() {
    // A quarter of the hard limit is for the rest of the process.
    const PEOPLE: usize = 600;
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start_with_descriptors(folder.path(), [256, 800], &[]).await;
    assert!(mesh.log().contains("holding at most 600"), "the log says how many it can hold:\n{}", mesh.log());
    let people = crowd(&[mesh.public()], "demo", PEOPLE).await;
    people[0].sees(PEOPLE as u64, 5 * SECOND).await;
    let refused = Viewer::join(mesh.public(), "demo").await.unwrap_err();
    assert!(format!("{refused:#}").contains("503"), "{refused:#}");
    let page = reqwest::get(format!("http://{}/e/demo", mesh.public())).await.unwrap();
    assert!(page.status().is_success(), "pages are still answered: {}", page.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sigterm_every_viewer_gets_a_slot_and_a_close_code_that_says_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut mesh = Turnout::start(folder.path(), &["--drain-s", "2"]).await;
    let people = crowd(&[mesh.public()], "demo", 50).await;
    let frozen = Viewer::join(mesh.public(), "demo").await.unwrap();
    frozen.freeze();
    mesh.signal("TERM");
    for viewer in &people {
        assert_eq!(viewer.closed(10 * SECOND).await, 1012);
        assert_eq!(viewer.seen().reconnects.len(), 1, "each was told its slot");
    }
    let mut slots: Vec<u32> = people.iter().map(|v| v.seen().reconnects[0]).collect();
    slots.sort_unstable();
    assert!(slots[0] < 500 && slots[49] > 1200 && slots[49] <= 2500, "the slots are spread over the drain: {slots:?}");
    assert_eq!(mesh.ended(10 * SECOND).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_in_a_room_counts_in_the_room_and_in_the_event_and_nobody_makes_rooms_up() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &[]).await;
    let tickets = format!("http://{}/v1/events/demo/tickets", mesh.public());
    let ask = async |room: &str| {
        reqwest::Client::new().post(&tickets).body(format!("{{\"room\":\"{room}\"}}")).send().await.unwrap()
    };
    assert_eq!(ask("no-such-room").await.status(), 404);
    let issued: serde_json::Value = ask("main-stage").await.json().await.unwrap();
    let in_room = Viewer::with_ticket(mesh.public(), issued["ticket"].as_str().unwrap()).await.unwrap();
    let at_event = Viewer::join(mesh.public(), "demo").await.unwrap();
    at_event.sees(2, 5 * SECOND).await;
    in_room.sees(1, 2 * SECOND).await;
    assert_eq!(in_room.count().unwrap().room, "main-stage");
    let key = mesh.api_key();
    let of_room = grpc::count_of_room(mesh.grpc(), &key, "demo", "main-stage").await.unwrap();
    assert_eq!((of_room.viewers, of_room.connections), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_stops_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut mesh = Turnout::start(folder.path(), &["--drain-s", "600"]).await;
    let people = crowd(&[mesh.public()], "demo", 3).await;
    mesh.signal("TERM");
    let told = async || people.iter().all(|viewer| !viewer.seen().reconnects.is_empty());
    until("everybody has been told a slot", 5 * SECOND, told, |told| *told).await;
    mesh.signal("TERM");
    assert_eq!(mesh.ended(8 * SECOND).await, Some(0));
}
