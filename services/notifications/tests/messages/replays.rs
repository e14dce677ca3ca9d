//! Telling again: what an organiser's receiver missed comes once more, in order and under the same ids, in the lane of notices.

use std::time::Duration;

use tonic::{Code, Status};
use turnout_notifications::transport::Reach;
use turnout_platform::auth::Role;
use turnout_proto::notifications::v1::{
    Message, MessageKind, MessageSettings, MessageState, PutMessageSettingsRequest, ReplayNoticesRequest,
    ReplayNoticesResponse,
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, MINUTE_MS, START_MS, eventually, refused, refused_field},
    receiver::{Act, Call, Receiver},
    webhooks::{FIRST_WAIT_MS, PATIENT, VERSION, paid, process, wants},
    world::at,
};

const GALA: &str = "gala";
const DAY_MS: u64 = 24 * HOUR_MS;
/// Shorter than the wait for the second try.
const SECOND_MS: u64 = 1_000;

/// One on each engine.
async fn grounds(test: &str) -> Vec<Ground> {
    let mut grounds = vec![Ground::new().await];
    grounds.extend(Ground::on_a_cluster(test).await);
    grounds.iter().for_each(furnish);
    grounds
}

fn furnish(ground: &Ground) {
    let mut world = ground.world.lock().unwrap();
    world.event(GALA, START_MS + 48 * HOUR_MS);
    world.register(GALA, "r1", START_MS).version = VERSION;
}

/// A process whose tenant wants notices at a receiver that will do so with them.
async fn told(ground: &Ground, acts: &[Act]) -> (Receiver, Bed) {
    let receiver = Receiver::start().await;
    receiver.will(acts);
    let bed = process(ground, Reach::Anywhere, PATIENT).await;
    wants(&bed, &receiver.url(), 0).await;
    (receiver, bed)
}

/// How many notices there are of the registration in this state; of those that wait, how many were tried.
async fn count(bed: &Bed, state: MessageState) -> usize {
    let notices = bed.messages(GALA, "r1").await.into_iter().filter(|message| message.kind() == MessageKind::Notice);
    let is_so = |message: &Message| message.state() == state && (state != MessageState::Queued || message.attempts > 0);
    notices.filter(is_so).count()
}

/// Three notices, so long apart, each once it is in this state.
async fn three(ground: &Ground, bed: &Bed, apart_ms: u64, states: [MessageState; 3]) {
    let mut waited = Vec::new();
    for (version, state) in (1..).zip(states) {
        ground.clock.advance_ms(apart_ms);
        paid(bed, version).await;
        waited.push(state);
        let wanted = waited.iter().filter(|of| **of == state).count();
        eventually("the next notice", async || (count(bed, state).await == wanted).then_some(())).await;
    }
}

fn since(ms: u64) -> ReplayNoticesRequest {
    let reason = "the receiver was down".to_owned();
    ReplayNoticesRequest { since: Some(at(ms)), reason, ..ReplayNoticesRequest::default() }
}

fn after(id: &str) -> ReplayNoticesRequest {
    ReplayNoticesRequest { since: None, after_notice_id: id.into(), ..since(0) }
}

async fn replay(bed: &Bed, tenant: &str, request: ReplayNoticesRequest) -> Result<ReplayNoticesResponse, Status> {
    bed.member(tenant, Role::Owner).replay_notices(request).await.map(tonic::Response::into_inner)
}

/// The calls from this one on, once there are so many; time goes on meanwhile.
async fn calls(ground: &Ground, receiver: &Receiver, from: usize, wanted: usize) -> Vec<Call> {
    let came = async || {
        ground.clock.advance_ms(100);
        Some(receiver.calls()).filter(|calls| calls.len() >= from + wanted)
    };
    eventually(&format!("{wanted} more calls"), came).await.split_off(from)
}

fn ids(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.header("webhook-id")).collect()
}

/// The versions of which they tell.
fn versions(calls: &[Call]) -> Vec<i64> {
    calls.iter().map(|call| call.json()["data"]["version"].as_i64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_while_a_receiver_was_down_comes_again_in_order_with_the_same_ids() {
    for ground in grounds("what_was_given_up_while_a_receiver_was_down_comes_again_in_order_with_the_same_ids").await {
        let (receiver, bed) = told(&ground, &[Act::Say(503); 3]).await;
        three(&ground, &bed, SECOND_MS, [MessageState::Queued; 3]).await;
        let missed = receiver.calls();
        // Nobody is there for longer than a notice is tried.
        ground.clock.advance_ms(37 * HOUR_MS);
        eventually("all are given up", async || (count(&bed, MessageState::Skipped).await == 3).then_some(())).await;

        let answer = replay(&bed, "acme", since(START_MS)).await.unwrap();
        assert_eq!((answer.queued, answer.more, answer.lifted), (3, false, false));
        assert_eq!(answer.last_notice_id, ids(&missed)[2]);
        let again = calls(&ground, &receiver, 3, 3).await;
        assert_eq!((ids(&again), versions(&again)), (ids(&missed), vec![1, 2, 3]));
        for (again, missed) in again.iter().zip(&missed) {
            assert_eq!(again.body, missed.body, "it tells the same, also where it stands");
        }
        let sequences: Vec<_> = again.iter().map(|call| call.json()["sequence"].to_string()).collect();
        assert!(sequences.is_sorted(), "{sequences:?}");
        eventually("all are taken", async || (count(&bed, MessageState::HandedOff).await == 3).then_some(())).await;
        let entry = ground.world.lock().unwrap().audit.last().unwrap().clone();
        assert_eq!((entry.action.as_str(), entry.reason.as_str()), ("notices.replay", "the receiver was down"));

        // A receiver that lost all that it had, since the first: taken or not makes no difference.
        let answer = replay(&bed, "acme", after(ids(&missed)[0])).await.unwrap();
        assert_eq!(answer.queued, 2);
        assert_eq!(ids(&calls(&ground, &receiver, 6, 2).await), ids(&missed)[1..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_switched_off_is_called_again_with_what_it_missed() {
    for ground in grounds("a_receiver_that_was_switched_off_is_called_again_with_what_it_missed").await {
        let (receiver, bed) = told(&ground, &[Act::Say(410)]).await;
        three(&ground, &bed, MINUTE_MS, [MessageState::Failed, MessageState::Skipped, MessageState::Skipped]).await;
        let answer = replay(&bed, "acme", since(START_MS)).await.unwrap();
        assert_eq!((answer.queued, answer.lifted), (3, true));
        assert_eq!(versions(&calls(&ground, &receiver, 1, 3).await), [1, 2, 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_receiver_is_away_again_the_rest_of_a_replay_waits_in_its_order() {
    for ground in grounds("while_the_receiver_is_away_again_the_rest_of_a_replay_waits_in_its_order").await {
        let (receiver, bed) = told(&ground, &[]).await;
        three(&ground, &bed, MINUTE_MS, [MessageState::HandedOff; 3]).await;
        receiver.will(&[Act::Say(204), Act::Say(503)]);
        replay(&bed, "acme", since(START_MS)).await.unwrap();
        let away = async || (count(&bed, MessageState::Queued).await == 1).then_some(());
        eventually("the second is not taken", away).await;
        assert_eq!(versions(&receiver.calls()[3..]), [1, 2]);
        ground.clock.advance_ms(FIRST_WAIT_MS);
        assert_eq!(versions(&calls(&ground, &receiver, 3, 4).await), [1, 2, 2, 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_goes_on_after_the_process_that_was_at_it_is_killed() {
    for ground in grounds("a_replay_goes_on_after_the_process_that_was_at_it_is_killed").await {
        let (receiver, bed) = told(&ground, &[]).await;
        three(&ground, &bed, MINUTE_MS, [MessageState::HandedOff; 3]).await;
        receiver.will(&[Act::Say(204), Act::Hang]);
        replay(&bed, "acme", since(START_MS)).await.unwrap();
        eventually("the second hangs", async || (receiver.calls().len() == 5).then_some(())).await;
        bed.kill().await;

        let bed = process(&ground, Reach::Anywhere, Duration::from_secs(5)).await;
        ground.clock.advance_ms(3 * MINUTE_MS);
        let through = async || {
            ground.clock.advance_ms(100);
            receiver.calls().last().filter(|call| versions(std::slice::from_ref(*call)) == [3]).map(drop)?;
            (count(&bed, MessageState::HandedOff).await == 3).then_some(())
        };
        eventually("all came again", through).await;
        // What was told when the process died may come twice: its receiver knows it by its id.
        let mut came = versions(&receiver.calls()[3..]);
        came.dedup();
        let last = came.split_off(came.len() - 2);
        assert_eq!((came.first(), last), (Some(&1), vec![2, 3]), "in order: {came:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_sees_nothing_nothing_is_said_to_be_nothing_and_a_long_replay_comes_in_parts() {
    let test = "another_tenant_sees_nothing_nothing_is_said_to_be_nothing_and_a_long_replay_comes_in_parts";
    for ground in grounds(test).await {
        let (receiver, bed) = told(&ground, &[]).await;
        three(&ground, &bed, MINUTE_MS, [MessageState::HandedOff; 3]).await;
        let first = receiver.calls()[0].header("webhook-id").to_owned();

        let none = refused(replay(&bed, "other", since(START_MS)).await, Code::FailedPrecondition);
        assert!(none.message().contains("no webhook"), "{none:?}");
        let settings =
            MessageSettings { sender_name: "Others".into(), webhook_url: receiver.url(), ..MessageSettings::default() };
        let put = PutMessageSettingsRequest { settings: Some(settings) };
        bed.member("other", Role::Owner).put_message_settings(put).await.unwrap();
        assert_eq!(replay(&bed, "other", since(START_MS)).await.unwrap(), ReplayNoticesResponse::default());
        refused(replay(&bed, "other", after(&first)).await, Code::NotFound);

        let later = since(START_MS + DAY_MS);
        assert_eq!(replay(&bed, "acme", later).await.unwrap(), ReplayNoticesResponse::default());
        refused(replay(&bed, "acme", after("0123456789abcdef0123456789abcdef")).await, Code::NotFound);
        refused_field(replay(&bed, "acme", ReplayNoticesRequest { since: None, ..since(0) }).await, "since");
        let both = ReplayNoticesRequest { after_notice_id: first, ..since(START_MS) };
        refused_field(replay(&bed, "acme", both).await, "since");
        for limit in [-1, 10_001] {
            refused_field(replay(&bed, "acme", ReplayNoticesRequest { limit, ..since(0) }).await, "limit");
        }
        let unsaid = ReplayNoticesRequest { reason: String::new(), ..since(START_MS) };
        refused_field(replay(&bed, "acme", unsaid).await, "reason");
        let organiser = bed.member("acme", Role::Organiser).replay_notices(since(START_MS)).await;
        refused(organiser, Code::PermissionDenied);
        assert_eq!(receiver.calls().len(), 3, "nothing of all this was sent");

        let part = replay(&bed, "acme", ReplayNoticesRequest { limit: 2, ..since(START_MS) }).await.unwrap();
        assert_eq!((part.queued, part.more), (2, true));
        let rest = replay(&bed, "acme", after(&part.last_notice_id)).await.unwrap();
        assert_eq!((rest.queued, rest.more), (1, false));
        // Asked for while the first part may be under way, the rest joins it.
        let through = async || {
            ground.clock.advance_ms(100);
            receiver.calls()[3..].last().filter(|call| versions(std::slice::from_ref(*call)) == [3]).map(drop)
        };
        eventually("the rest came too", through).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_seven_days_there_is_nothing_left_to_tell_again() {
    // The worker goes through each minute of these days, which a cluster need not.
    let ground = Ground::new().await;
    furnish(&ground);
    let (receiver, bed) = told(&ground, &[]).await;
    three(&ground, &bed, MINUTE_MS, [MessageState::HandedOff; 3]).await;
    ground.clock.advance_ms(7 * DAY_MS - MINUTE_MS - 1);
    assert_eq!(replay(&bed, "acme", since(START_MS)).await.unwrap().queued, 2, "the first is too old by now");
    assert_eq!(versions(&calls(&ground, &receiver, 3, 2).await), [2, 3]);
    ground.clock.advance_ms(2 * MINUTE_MS);
    assert_eq!(replay(&bed, "acme", since(START_MS)).await.unwrap(), ReplayNoticesResponse::default());
    let table = turnout_notifications::TABLES.iter().find(|table| table.name == "notices_by_hour").unwrap();
    assert_eq!(table.lifetime_s, Some(7 * 24 * 3600), "nor does a row remain");
}
