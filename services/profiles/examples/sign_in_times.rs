//! By hand: how long 200 sign-ins each take for an unknown address, a wrong password, and a try that comes too early. The medians
//! should lie within 10 % of each other; so should the times of asking for a link. Tests count equal work instead, because a time
//! measured on a busy machine proves nothing.
//!
//! `cargo run -p turnout-profiles --example sign_in_times`
#![allow(clippy::unwrap_used, dead_code, reason = "it borrows the tests' set-up and uses a part of it")]

#[path = "../tests/accounts/bed.rs"]
mod bed;
#[path = "../tests/stage/postbox.rs"]
mod postbox;
#[path = "../tests/stage/stage.rs"]
mod stage;
#[path = "../tests/stage/tables.rs"]
mod tables;

use std::time::{Duration, Instant};

use turnout_proto::profiles::v1::{LinkPurpose, Realm};

use self::bed::Bed;

const TRIES: usize = 200;
const UNKNOWN: &str = "somebody.else@example.org";
/// Longer than any wait between two tries.
const LATER_MS: u64 = 15 * 60 * 1000;

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[times.len() * share / 100];
    println!("{what:<40} p25 {:?}  median {:?}  p75 {:?}", at(25), at(50), at(75));
}

#[tokio::main]
async fn main() {
    let bed = Bed::embedded().await;
    bed.owner("owner@example.org").await;
    bed.person_with_password("anna@example.org").await;
    for (realm, known) in [(Realm::Team, "owner@example.org"), (Realm::Audience, "anna@example.org")] {
        let mut times = [const { Vec::new() }; 3];
        // In turns, so that whatever else the machine does falls on all three alike.
        for _ in 0..TRIES {
            for (times, (email, wait_ms)) in times.iter_mut().zip([(UNKNOWN, LATER_MS), (known, LATER_MS), (known, 0)])
            {
                bed.clock.advance_ms(wait_ms);
                let begun = Instant::now();
                bed.sign_in(realm, email, "a wrong password").await.unwrap_err();
                times.push(begun.elapsed());
            }
        }
        let [unknown, wrong, early] = times;
        report(&format!("{realm:?}: unknown address"), unknown);
        report(&format!("{realm:?}: wrong password"), wrong);
        report(&format!("{realm:?}: too early"), early);

        let mut times = [const { Vec::new() }; 2];
        for _ in 0..TRIES {
            for (times, email) in times.iter_mut().zip([UNKNOWN, known]) {
                bed.clock.advance_ms(LATER_MS);
                let begun = Instant::now();
                bed.mesh().request_link(bed.link_request(realm, email, LinkPurpose::Reset)).await.unwrap();
                times.push(begun.elapsed());
            }
        }
        let [unknown, known] = times;
        report(&format!("{realm:?}: link for an unknown address"), unknown);
        report(&format!("{realm:?}: link for a known address"), known);
    }
}
