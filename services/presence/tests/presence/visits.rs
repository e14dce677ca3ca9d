//! When one viewer watched: over gateways and tabs, in the event and in a room, while it lasts and afterwards, a part at a time.

use std::time::Duration;

use prost_types::Timestamp;
use tonic::Code;
use turnout_platform::clock::Clock as _;
use turnout_proto::presence::v1::{ListVisitsRequest, ListVisitsResponse};

use crate::{
    gateway::Gateway,
    mesh::{Client, Mesh, until, until_count},
    store::Disk,
};

const DEMO: &str = "acme/demo";
const HALL: &str = "acme/demo/hall";
const HOUR_MS: u64 = 3_600_000;
/// Gateways tell ten times a second what has changed.
const TOLD_WITHIN_MS: u64 = 1_000;

fn at(ms: u64) -> Timestamp {
    Timestamp { seconds: (ms / 1000) as i64, nanos: (ms % 1000) as i32 * 1_000_000 }
}

fn ms(at: Option<&Timestamp>) -> u64 {
    let at = at.unwrap();
    at.seconds as u64 * 1000 + at.nanos as u64 / 1_000_000
}

fn about(viewer: u64, from_ms: u64) -> ListVisitsRequest {
    ListVisitsRequest { event_id: "demo".into(), viewer, from: Some(at(from_ms)), ..ListVisitsRequest::default() }
}

async fn ask(client: &Client, request: ListVisitsRequest) -> ListVisitsResponse {
    client.clone().list_visits(request).await.unwrap().into_inner()
}

async fn spans(client: &Client, request: ListVisitsRequest) -> Vec<(u64, u64, bool)> {
    let answer = ask(client, request).await;
    assert_eq!(answer.next_from, None, "it is everything");
    answer.spans.iter().map(|span| (ms(span.from.as_ref()), ms(span.until.as_ref()), span.lasting)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_visits_of_a_viewer_through_several_gateways_are_spans_of_their_own() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let (one, two) = (Gateway::start(&mesh, "gw-1").await, Gateway::start(&mesh, "gw-2").await);
    let client = mesh.client(&node, Some("acme"));
    let minute = || tokio::time::sleep(Duration::from_mins(1));
    let begin_ms = mesh.clock.at_ms();
    // Two devices, of which one is in a room; somebody else; and later the same viewer once more.
    one.join(DEMO, 1);
    one.join(DEMO, 2);
    until_count(&client, "demo", "", 2).await;
    minute().await;
    two.join(DEMO, 1);
    two.join(HALL, 1);
    minute().await;
    one.leave(DEMO, 1);
    minute().await;
    let left_ms = mesh.clock.at_ms();
    two.leave(DEMO, 1);
    two.leave(HALL, 1);
    minute().await;
    let back_ms = mesh.clock.at_ms();
    one.join(DEMO, 1);
    minute().await;

    let found = until("both spans are stored, and the second one is noted to last", || async {
        let found = spans(&client, about(1, begin_ms)).await;
        (found.len() == 2 && found[1].1 > found[1].0).then_some(found)
    })
    .await;
    let near = |a: u64, b: u64| a.abs_diff(b) <= TOLD_WITHIN_MS;
    assert!(near(found[0].0, begin_ms) && near(found[0].1, left_ms) && !found[0].2, "{found:?} from {begin_ms}");
    assert!(near(found[1].0, back_ms) && found[1].2, "{found:?} again {back_ms}");
    let hall = spans(&client, ListVisitsRequest { room_id: "hall".into(), ..about(1, begin_ms) }).await;
    assert!(hall.len() == 1 && hall[0].0 > begin_ms + 60_000 && near(hall[0].1, left_ms), "{hall:?}");
    let early = ListVisitsRequest { to: Some(at(back_ms)), ..about(1, begin_ms) };
    assert_eq!(spans(&client, early).await.len(), 1, "the later visit is not asked for");
    assert_eq!(spans(&client, about(2, begin_ms)).await.len(), 1, "somebody else has visits of their own");
    assert_eq!(spans(&client, about(3, begin_ms)).await, [], "nobody was there");
    let soon_ms = mesh.clock.at_ms() + HOUR_MS;
    let future = ListVisitsRequest { to: Some(at(soon_ms + HOUR_MS)), ..about(1, soon_ms) };
    assert_eq!(spans(&client, future).await, [], "nobody has come in the future");
}

#[tokio::test(start_paused = true)]
async fn a_question_about_more_hours_than_one_answer_reads_says_where_to_go_on() {
    const HOURS_OF_AN_ANSWER: u64 = 192;
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let gateway = Gateway::start(&mesh, "gw").await;
    let client = mesh.client(&node, Some("acme"));
    gateway.join(DEMO, 1);
    until_count(&client, "demo", "", 1).await;
    let from_ms = mesh.clock.at_ms() - 300 * HOUR_MS;
    let first = ask(&client, about(1, from_ms)).await;
    assert_eq!(first.spans, [], "the viewer came after these hours");
    let next_ms = ms(first.next_from.as_ref());
    assert_eq!(next_ms, from_ms - from_ms % HOUR_MS + HOURS_OF_AN_ANSWER * HOUR_MS);
    until("the visit is stored", || async { (spans(&client, about(1, next_ms)).await.len() == 1).then_some(()) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_that_cannot_be_answered_is_refused() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let node = mesh.replica("p1", Disk::open(folder.path()).await).await;
    let client = mesh.client(&node, Some("acme"));
    let now_ms = mesh.clock.at_ms();
    for (what, request) in [
        ("no beginning", ListVisitsRequest { from: None, ..about(1, now_ms) }),
        ("an end before it", ListVisitsRequest { to: Some(at(now_ms - 1)), ..about(1, now_ms) }),
        ("a viewer of 49 bits", about(1 << 48, now_ms)),
    ] {
        let refused = client.clone().list_visits(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{what}");
    }
}
