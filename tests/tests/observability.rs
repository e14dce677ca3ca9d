//! What operators see of the real program: one trace from a join to the first screen, metrics that any scraper can read and that do
//! not grow with the crowd, and the two probes. Dashboards and rules have their own checks, beside them.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::time::Duration;

use turnout_tests::{
    collector::Collector,
    process::Turnout,
    scrape::Scrape,
    viewer::{Viewer, crowd},
    wait::{PATIENCE, until},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_a_join_over_the_bus_to_presence_and_back_to_the_first_screen() {
    let collector = Collector::default();
    let url = collector.start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut mesh = Turnout::start(folder.path(), &["--otlp-endpoint", &url, "--trace-ratio", "1"]).await;
    let viewer = Viewer::join(mesh.public(), "demo").await.unwrap();
    until(
        "the viewer sees itself",
        5 * SECOND,
        async || viewer.count(),
        |c| c.as_ref().is_some_and(|c| c.viewers == 1),
    )
    .await;
    viewer.leave().await;
    // What is still queued is sent before the end.
    mesh.signal("TERM");
    assert_eq!(mesh.ended(15 * SECOND).await, Some(0));

    let span = |name: &str| collector.span(name).unwrap_or_else(|| panic!("no span {name}: {collector:?}"));
    let (join, tick, screen) = (span("gateway.join"), span("presence.apply_tick"), span("gateway.first_screen"));
    assert_eq!(join.parent_span_id, Vec::<u8>::new(), "the join begins it");
    assert_eq!((&tick.trace_id, &screen.trace_id), (&join.trace_id, &join.trace_id));
    assert_eq!(tick.parent_span_id, join.span_id);
    assert_eq!(screen.parent_span_id, tick.span_id);
    assert!(join.start_time_unix_nano <= tick.start_time_unix_nano);
    assert!(tick.start_time_unix_nano <= screen.start_time_unix_nano);
    let whole = Duration::from_nanos(screen.end_time_unix_nano - join.start_time_unix_nano);
    assert!(whole < 2 * SECOND * PATIENCE, "from the join to the screen took {whole:?}");
    assert!(collector.services.lock().unwrap().iter().all(|name| name == "turnout-all"));
    // The exporter does not trace itself, and nothing says who the viewer is.
    for span in &*collector.spans.lock().unwrap() {
        assert!(!span.name.contains("opentelemetry"), "{span:?}");
        assert!(!format!("{span:?}").contains("eyJ"), "{span:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_disturbs_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = "http://127.0.0.1:9";
    let mut mesh = Turnout::start(folder.path(), &["--otlp-endpoint", nobody, "--trace-ratio", "1"]).await;
    let people = crowd(&[mesh.public()], "demo", 50).await;
    until("all are counted", 5 * SECOND, async || people[0].count(), |c| c.as_ref().is_some_and(|c| c.viewers == 50))
        .await;
    for person in people {
        person.leave().await;
    }
    mesh.signal("TERM");
    assert_eq!(mesh.ended(15 * SECOND).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_the_metrics_can_be_read_and_a_crowd_does_not_make_more_of_them() {
    const PEOPLE: usize = 500;
    const SERIES_MAX: usize = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &[]).await;
    let answer = reqwest::get(format!("http://{}/metrics", mesh.admin())).await.unwrap();
    assert_eq!(answer.status(), 200);
    let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");

    let few = crowd(&[mesh.public()], "demo", 5).await;
    let counted = async || Scrape::of(&mesh).await.sum("turnout_presence_viewers", &[]);
    until("a few are counted", 5 * SECOND, counted, |viewers| *viewers == 5).await;
    let before = Scrape::of(&mesh).await;
    let many = crowd(&[mesh.public()], "demo", PEOPLE).await;
    until("all are counted", 5 * SECOND, counted, |viewers| *viewers == 5 + PEOPLE as i64).await;
    let after = Scrape::of(&mesh).await;
    assert!(after.samples.len() < SERIES_MAX, "{} series", after.samples.len());
    let new: Vec<_> = after
        .samples
        .iter()
        .filter(|s| before.samples.iter().all(|o| (&o.name, &o.labels) != (&s.name, &s.labels)))
        .collect();
    assert!(new.len() < 50, "a hundred times the people made {} new series: {new:?}", new.len());
    for sample in &after.samples {
        assert!(sample.name.starts_with("turnout_") || sample.name.starts_with("process_"), "{}", sample.name);
    }
    for name in ["turnout_ws_connections", "turnout_presence_connections", "turnout_presence_viewers"] {
        assert_eq!(after.sum(name, &[]), 5 + PEOPLE as i64, "{name}");
        assert_eq!(after.types[name], "gauge");
    }
    drop((few, many));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probes_tell_alive_from_ready_and_the_public_port_has_neither() {
    let folder = tempfile::tempdir().unwrap();
    let mut mesh = Turnout::start(folder.path(), &["--drain-s", "3"]).await;
    let get = async |address: &str, path: &str| {
        let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get(mesh.admin(), "/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(get(mesh.admin(), "/readyz").await, (200, "ready\n".to_owned()));
    for path in ["/metrics", "/livez", "/readyz", "/debug"] {
        assert_eq!(get(mesh.public(), path).await.0, 404, "{path}");
    }
    // As long as they are being sent away, the process is there to be asked.
    let _people = crowd(&[mesh.public()], "demo", 4).await;
    mesh.signal("TERM");
    let ready = async || get(mesh.admin(), "/readyz").await;
    until("it says that it goes", SECOND, ready, |(status, _)| *status == 503).await;
    assert!(get(mesh.admin(), "/readyz").await.1.contains("draining"));
    assert_eq!(get(mesh.admin(), "/livez").await.0, 200);
    assert_eq!(mesh.ended(15 * SECOND).await, Some(0));
}
