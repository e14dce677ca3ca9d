//! The whole crowd against a small server that is right, or wrong in one way: each wrong must be seen in the report.
//!
//! What the real server does is not tested here: that is the plans' and the workspace's `tests/`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails and says where")]

mod fake_server;

use fake_server::{FakeServer, Manners};
use indicatif::ProgressBar;
use std::process::Command;
use std::time::Duration;
use turnout_loadtest::Run;
use turnout_loadtest::plan::Plan;
use turnout_loadtest::report::Report;

const PROGRAM: &str = env!("CARGO_BIN_EXE_turnout-loadtest");

fn polite() -> Manners {
    Manners { linger: Duration::from_millis(300), ..Manners::default() }
}

fn walk(server: &FakeServer, plan: &str) -> Report {
    let mut table: toml::Table = plan.parse().unwrap();
    table.insert("url".into(), toml::Value::from(vec![format!("http://{}", server.address)]));
    Run {
        plan: Plan::from_table(table).unwrap(),
        tickets: Vec::new(),
        floor_program: PROGRAM.into(),
        progress: ProgressBar::hidden(),
    }
    .walk()
    .unwrap()
}

#[test]
fn a_right_server_keeps_every_promise() {
    let server = FakeServer::start(polite());
    let report = walk(
        &server,
        r"
        viewers = 120
        tabs_share = 0.1
        hold_s = 1
        probes = 5
        probe_per_s = 10
        [limits]
        exact_after_ramp_ms = 2000
        exact_after_leave_ms = 2000
        exact_after_kill_ms = 5000
        outside_band_viewers = 0
        last_screen_p99_ms = 2000
        missing_deliveries = 0
        troubles = 0
        ",
    );
    assert!(report.all_kept(), "{report}");
    assert_eq!((report.viewers, report.sockets), (120, 132));
    assert_eq!(report.join.probes, 5);
    assert_eq!(report.connections.joined, 137);
    assert_eq!(server.pongs(), 137, "every ping was answered");
    assert_eq!(report.steps.len(), 5);
    assert!(report.deliveries.total > 132);
}

#[test]
fn binary_counts_and_join_by_message_work_as_well() {
    let server = FakeServer::start(polite());
    let report = walk(
        &server,
        r#"
        viewers = 40
        room = "main"
        protocol = "bin"
        join = "message"
        hold_s = 1
        steps = ["ramp", "hold", "leave"]
        "#,
    );
    assert!(report.exact.after_ramp_ms.is_some(), "{report}");
    assert!(report.exact.after_leave_ms.is_some(), "{report}");
    assert!(report.connections.troubles.is_empty(), "{report}");
}

#[test]
fn a_server_that_invents_a_viewer_is_found_out() {
    let server = FakeServer::start(Manners { invents: 1, ..polite() });
    let report = walk(
        &server,
        "viewers = 10\nexact_wait_s = 1\nhold_s = 2\nsteps = [\"ramp\", \"hold\"]\n[limits]\noutside_band_viewers = 0",
    );
    assert_eq!(report.exact.after_ramp_ms, None);
    let hold = &report.steps[1];
    assert_eq!((hold.max, hold.outside_band_max), (1, 1), "{report}");
    assert!(!report.all_kept());
}

#[test]
fn the_same_viewer_is_no_error_when_it_was_announced() {
    let server = FakeServer::start(Manners { invents: 1, ..polite() });
    let report = walk(&server, "viewers = 10\nothers = 1\nsteps = [\"ramp\"]");
    assert!(report.exact.after_ramp_ms.is_some(), "{report}");
    assert_eq!(report.viewers, 10);
}

#[test]
fn a_screen_that_is_forgotten_is_missed() {
    let server = FakeServer::start(Manners { forgets_one: true, ..polite() });
    let report = walk(&server, "viewers = 20\nramp_per_s = 50\nexact_wait_s = 1\nsteps = [\"ramp\"]");
    assert!(report.steps[0].missing > 0, "{report}");
    assert_eq!(report.exact.after_ramp_ms, None);
}

#[test]
fn everyone_comes_back_after_a_restart_as_the_same_viewer() {
    let server = FakeServer::start(Manners { restarts_at: Some(50), ..polite() });
    let report = walk(&server, "viewers = 50\nhold_s = 2\nsteps = [\"ramp\", \"hold\", \"leave\", \"kill\"]");
    assert_eq!(report.connections.lost, 50, "{report}");
    assert_eq!(report.connections.came_back, 50);
    assert_eq!(report.connections.troubles.get("close 1012"), Some(&50));
    assert!(report.exact.after_leave_ms.is_some(), "{report}");
    let outside = report.steps.iter().map(|step| step.outside_band_max).max();
    assert_eq!(outside, Some(0), "{report}");
}

#[test]
fn who_is_refused_tries_again() {
    let server = FakeServer::start(Manners { refuses: 7, ..polite() });
    let report = walk(&server, "viewers = 20\nsteps = [\"ramp\"]");
    assert_eq!(report.viewers, 20, "{report}");
    assert_eq!(report.connections.troubles.get("status 429"), Some(&7));
}

#[test]
fn the_floor_and_the_server_alternate_and_have_a_ratio() {
    let server = FakeServer::start(polite());
    let report = walk(
        &server,
        &format!(
            "viewers = 150\nrounds = 2\nphase_s = 1\nserver_pid = {}\nsteps = [\"ramp\", \"compare\"]",
            std::process::id()
        ),
    );
    let cost = report.cost.as_ref().expect("the step was in the plan");
    assert_eq!(cost.rounds.len(), 2, "{report}");
    assert_eq!(cost.floor_sockets, 150);
    assert!(cost.frame_bytes > 80);
    assert!(cost.counts_per_s >= 1.0, "{report}");
    assert!(report.connections.troubles.is_empty(), "{report}");
}

#[test]
fn the_program_prints_one_json_line_and_its_exit_code_is_the_verdict() {
    let server = FakeServer::start(polite());
    let run = |extra: &[&str]| {
        let url = format!("http://{}", server.address);
        let plan = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/smoke.toml");
        let output = Command::new(PROGRAM)
            .args(["crowd", "--json", "--plan", plan, "--url", &url])
            .args(["--viewers", "30", "--hold-s", "1", "--steps"])
            .args(extra)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.stderr.is_empty(), "silent when not a terminal");
        assert_eq!(text.lines().count(), 1);
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        (output.status.code(), report)
    };
    let (code, report) = run(&["ramp,hold,leave,kill"]);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["viewers"], 30);
    // Nobody is cut off, so that promise of the plan cannot have been kept.
    let (code, _) = run(&["ramp,leave"]);
    assert_eq!(code, Some(1));
}

#[test]
fn a_server_that_is_not_there_is_told_not_waited_for_in_silence() {
    let output = Command::new(PROGRAM).args(["crowd", "--url", "https://127.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("http://"));
}
