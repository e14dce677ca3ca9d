//! The report's two forms, compared with what is kept in `report_golden.txt` and by the keys that programs read.

use super::*;

fn report() -> Report {
    let mut report = Report {
        plan: "ten-thousand".into(),
        protocol: "json".into(),
        viewers_wanted: 10_000,
        viewers: 10_000,
        sockets: 11_000,
        ramp_s: 12.345,
        gauge_after_ramp: Some(10_000),
        exact: Exact { after_ramp_ms: Some(310.4), after_leave_ms: Some(98.25), after_kill_ms: None },
        steps: vec![
            StepReport {
                step: "ramp",
                mean: 123.456,
                max: 1020,
                samples: 200,
                publications: 48,
                missing: 12_000,
                ..StepReport::default()
            },
            StepReport {
                step: "kill",
                mean: 0.5,
                max: 5,
                outside_band_mean: 0.01,
                outside_band_max: 2,
                samples: 100,
                ..StepReport::default()
            },
        ],
        join: Join {
            first_count_p50_ms: Some(0.9),
            first_count_p99_ms: Some(12.0),
            probes: 100,
            probes_void: 1,
            each_screen_p50_ms: Some(180.0),
            each_screen_p99_ms: Some(390.0),
            last_screen_p50_ms: Some(220.0),
            last_screen_p99_ms: Some(410.0),
            last_screen_max_ms: Some(450.0),
        },
        deliveries: Deliveries {
            total: 1_234_567,
            publications: 400,
            spread_p50_ms: Some(60.0),
            spread_p99_ms: Some(90.0),
            ..Deliveries::default()
        },
        cost: Some(Cost {
            ratio: Some(1.25),
            server_us_per_delivery: Some(7.5),
            floor_us_per_delivery: Some(6.0),
            counts_per_s: 4.0,
            floor_sockets: 9800,
            frame_bytes: 118,
            rounds: vec![Round {
                floor_us_per_delivery: 6.0,
                server_us_per_delivery: Some(7.5),
                ratio: Some(1.25),
                deliveries: 160_000,
                deliveries_per_s: 40_000.0,
                server_cores: Some(0.3),
                crowd_cores: 0.2,
                interrupt_cores: 0.01,
                floor_interrupt_cores: 0.01,
            }],
        }),
        memory: Some(Memory {
            base_viewers: 1000,
            base_bytes: 40 << 20,
            full_viewers: 10_000,
            full_bytes: 60 << 20,
            per_viewer_bytes: 2330.2,
        }),
        idle_cores: Some(0.004),
        connections: Connections {
            opened: 11_101,
            joined: 11_100,
            lost: 1,
            came_back: 1,
            troubles: BTreeMap::from([("close 1013".into(), 1)]),
        },
        ..Report::default()
    };
    report.judge(&Limits {
        exact_after_ramp_ms: Some(1000.0),
        exact_after_kill_ms: Some(15_000.0),
        outside_band_viewers: Some(0.0),
        cpu_ratio: Some(1.5),
        ..Limits::default()
    });
    report
}

#[test]
fn the_text_is_as_kept() {
    let text = report().to_string();
    let kept = include_str!("report_golden.txt");
    assert_eq!(text, kept, "if the change is meant, keep this:\n{text}");
}

#[test]
fn what_was_not_measured_breaks_its_promise() {
    let report = report();
    let kept: Vec<(&str, bool)> = report.verdicts.iter().map(|verdict| (verdict.limit, verdict.kept)).collect();
    assert_eq!(
        kept,
        [
            ("exact_after_ramp_ms", true),
            ("exact_after_kill_ms", false),
            ("outside_band_viewers", false),
            ("cpu_ratio", true)
        ]
    );
    assert!(!report.all_kept());
}

#[test]
fn programs_find_the_figures_in_the_json() {
    let json = serde_json::to_value(report()).unwrap();
    for path in [
        "/viewers",
        "/exact/after_ramp_ms",
        "/steps/0/outside_band_max",
        "/join/last_screen_p99_ms",
        "/deliveries/missing",
        "/cost/ratio",
        "/cost/rounds/0/interrupt_cores",
        "/memory/per_viewer_bytes",
        "/connections/troubles/close 1013",
        "/verdicts/0/kept",
    ] {
        assert!(json.pointer(path).is_some_and(|value| !value.is_null()), "{path}");
    }
}

#[test]
fn the_median_takes_the_middle() {
    assert_eq!(median(vec![]), None);
    assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
}
