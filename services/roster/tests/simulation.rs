//! The simulation over many seeds, and the proof that it would notice a bug.
//! Deliberately in the ordinary test run: two thousand seeds take seconds.

use turnout_roster::Sabotage;
use turnout_roster::simulation::{CONVERGENCE_MS_MAX, Options, PAST_FAILURES, run, sweep};

const SEEDS: u64 = 2_000;
/// A planted bug must show within so many seeds.
const SEEDS_TO_FIND_A_BUG: u64 = 400;
const THREADS: usize = 2;

#[test]
fn two_thousand_seeds_obey_all_laws() {
    for &seed in PAST_FAILURES {
        run(seed, Options::default(), None).unwrap_or_else(|failure| panic!("{failure}"));
    }
    let sum = sweep(0..SEEDS, Options::default(), THREADS, &|| ()).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{sum:#?}");
    assert!(sum.convergence_ms <= CONVERGENCE_MS_MAX);
    // The laws would be easy to obey if nobody were ever certain, or nothing ever happened.
    assert!(sum.sure * 2 > sum.connected, "of most viewers it is certain that they are there");
    assert!(sum.band * 2 < sum.connected, "the band is narrow on the whole, in all this trouble");
    for (what, times) in
        [("gaps", sum.gaps), ("snapshots", sum.snapshots), ("fenced", sum.fenced), ("dropped", sum.dropped)]
    {
        assert!(times > SEEDS / 10, "{what} happened only {times} times");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..50 {
        assert_eq!(run(seed, Options::default(), None), run(seed, Options::default(), None));
    }
}

#[test]
fn a_tick_damaged_on_the_way_is_noticed_and_mended() {
    let damaged = Options { corrupt_a_tick: true, ..Options::default() };
    sweep(0..300, damaged, THREADS, &|| ()).unwrap_or_else(|failure| panic!("{failure}"));
}

#[track_caller]
fn assert_found(bug: Options, law: &str) {
    let failure = sweep(0..SEEDS_TO_FIND_A_BUG, bug, THREADS, &|| ()).expect_err("no seed found the planted bug");
    assert_eq!(failure.law, law, "{failure}");
}

#[test]
fn a_missing_digest_check_is_found() {
    let bug = Options { corrupt_a_tick: true, sabotage: Some(Sabotage::SkipDigestCheck), ..Options::default() };
    assert_found(bug, "exact sets");
}

#[test]
fn ticks_applied_over_a_gap_are_found() {
    assert_found(Options { sabotage: Some(Sabotage::ApplyOutOfOrder), ..Options::default() }, "exact sets");
}

#[test]
fn a_snapshot_that_purges_before_it_fills_is_found() {
    assert_found(Options { sabotage: Some(Sabotage::PurgeThenFill), ..Options::default() }, "exact sets");
}

#[test]
fn a_source_dropped_too_early_is_found() {
    assert_found(Options { sabotage: Some(Sabotage::DropAtSuspicion), ..Options::default() }, "the band");
}

#[test]
fn a_count_that_claims_to_be_younger_than_it_is_is_found() {
    assert_found(Options { sabotage: Some(Sabotage::AsOfNow), ..Options::default() }, "the band");
}

#[test]
fn a_fenced_gateway_that_keeps_its_name_is_found() {
    assert_found(Options { keep_name_when_fenced: true, ..Options::default() }, "convergence");
}
