//! The screens, with a server played by hand.

use super::*;

fn payload(viewers: u64, revision: u64) -> Vec<u8> {
    banded(viewers, viewers, viewers, revision)
}

fn banded(viewers: u64, low: u64, high: u64, revision: u64) -> Vec<u8> {
    format!(
        r#"{{"type":"count","event":"demo","viewers":{viewers},"low":{low},"high":{high},"as_of_ms":1,"revision":{revision}}}"#
    )
    .into_bytes()
}

/// Screens that all show revision 1.
fn lit(screens: &mut Screens, number: usize) -> Vec<Screen> {
    let mut all = vec![Screen::DARK; number];
    for screen in &mut all {
        screens.deliver(screen, &payload(1, 1), 0).unwrap();
    }
    all
}

#[test]
fn a_count_that_reaches_everyone_is_not_missing() {
    let mut screens = Screens::default();
    let mut all = lit(&mut screens, 10);
    for screen in &mut all {
        let shown = screens.deliver(screen, &payload(2, 2), 100).unwrap();
        assert_eq!(shown, Shown { before: Some(1), after: 2 });
    }
    assert!(screens.all_show(2));
    screens.judge_all();
    assert_eq!(screens.steps()[0].missing, 0);
    assert_eq!(screens.totals().deliveries, 20);
    assert_eq!(screens.totals().publications, 2);
}

#[test]
fn a_screen_that_was_skipped_is_missing_even_if_it_gets_the_next() {
    let mut screens = Screens::default();
    let mut all = lit(&mut screens, 10);
    for screen in &mut all[1..] {
        screens.deliver(screen, &payload(2, 2), 100);
    }
    assert!(!screens.all_show(2));
    for screen in &mut all {
        screens.deliver(screen, &payload(3, 3), 200);
    }
    screens.judge_all();
    assert_eq!(screens.steps()[0].missing, 1);
}

#[test]
fn what_is_missing_belongs_to_the_step_in_which_it_was_published() {
    let mut screens = Screens::default();
    let mut all = lit(&mut screens, 3);
    screens.deliver(&mut all[0], &payload(2, 2), 100);
    screens.next_step();
    for screen in &mut all {
        screens.deliver(screen, &payload(3, 3), 200);
    }
    screens.judge_all();
    let missing: Vec<u64> = screens.steps().iter().map(|step| step.missing).collect();
    assert_eq!(missing, [2, 0]);
    assert_eq!(screens.steps()[1].publications, 1);
}

#[test]
fn a_newcomer_is_owed_nothing_of_the_past_and_a_leaver_nothing_of_the_future() {
    let mut screens = Screens::default();
    let mut all = lit(&mut screens, 10);
    for screen in &mut all[1..] {
        screens.deliver(screen, &payload(2, 2), 100);
    }
    let mut newcomer = Screen::DARK;
    let shown = screens.deliver(&mut newcomer, &payload(2, 2), 110).unwrap();
    assert_eq!(shown.before, None);
    assert_eq!(screens.leave(all[0]), Some(1));
    assert_eq!(screens.lit(), 10);
    screens.judge_all();
    assert_eq!(screens.steps()[0].missing, 0);
}

#[test]
fn a_lower_revision_is_ignored_and_told() {
    let mut screens = Screens::default();
    let mut all = lit(&mut screens, 1);
    screens.deliver(&mut all[0], &payload(5, 7), 10);
    let shown = screens.deliver(&mut all[0], &payload(4, 6), 20).unwrap();
    assert_eq!(shown.after, 5);
    assert!(screens.all_show(5));
    assert_eq!(screens.totals().regressions, 1);
}

#[test]
fn the_distance_is_of_the_worst_screen_and_of_the_mean() {
    let mut screens = Screens::default();
    let mut all = lit(&mut screens, 4);
    screens.deliver(&mut all[0], &banded(10, 8, 12, 2), 10);
    let truth = Range { low: 1, high: 1 };
    let distance = screens.distance(truth, truth).unwrap();
    assert_eq!(distance.max, 9);
    assert_eq!(distance.outside_band, 7);
    assert!((distance.mean - 2.25).abs() < 1e-9);
}

#[test]
fn publications_that_nobody_shows_are_forgotten() {
    let mut screens = Screens::default();
    let mut all = lit(&mut screens, 2);
    for revision in 2..1000 {
        for screen in &mut all {
            screens.deliver(screen, &payload(revision, revision), revision * 250_000);
        }
        screens.judge(revision * 250_000);
    }
    assert!(screens.publications.len() <= 42);
    assert_eq!(screens.steps()[0].missing, 0);
}

#[test]
fn bytes_that_are_no_count_change_nothing() {
    let mut screens = Screens::default();
    assert_eq!(screens.deliver(&mut Screen::DARK.clone(), b"{}", 0), None);
    assert_eq!(screens.lit(), 0);
}
