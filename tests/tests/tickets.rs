//! Tickets from all three sources, on the real program: a browser's, the command line's, an organiser's own.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use turnout_proto::registration::v1::{
    RegisterTicketKeyRequest, registration_service_client::RegistrationServiceClient,
};
use turnout_tests::{
    grpc::{channel, with_key},
    process::{Turnout, command},
    viewer::{Viewer, socket},
};

const WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_the_command_line_are_as_many_viewers() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &[]).await;
    let mut print = command(folder.path());
    print.args(["ticket", "--event", "demo", "--count", "3"]);
    let printed = print.output().expect("the program runs");
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    let tickets: Vec<&str> = printed.lines().collect();
    assert_eq!(tickets.len(), 3);

    let mut viewers = Vec::new();
    for ticket in &tickets {
        viewers.push(Viewer::with_ticket(mesh.public(), ticket).await.unwrap());
    }
    viewers[0].sees(3, WITHIN).await;
    viewers.push(Viewer::with_ticket(mesh.public(), tickets[0]).await.unwrap());
    viewers[3].sees(3, WITHIN).await;

    let mut print = command(folder.path());
    print.args(["ticket", "--event", "no-such-event"]);
    let ticket = String::from_utf8(print.output().unwrap().stdout).unwrap();
    let refused = Viewer::with_ticket(mesh.public(), ticket.trim()).await;
    assert!(refused.unwrap_err().to_string().contains("404"));
}

/// A key of an organiser's own server.
struct OwnKey {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl OwnKey {
    fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        Self { pkcs8: document.as_ref().to_vec(), public: pair.public_key().as_ref().to_vec() }
    }

    async fn register(&self, mesh: &Turnout) -> String {
        let request = with_key(&mesh.api_key(), RegisterTicketKeyRequest { public_key: self.public.clone() });
        let mut client = RegistrationServiceClient::new(channel(mesh.grpc()).await);
        client.register_ticket_key(request).await.unwrap().into_inner().key_id
    }

    fn sign(&self, key_id: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("ws-ticket+jwt".into());
        header.kid = Some(key_id.into());
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&self.pkcs8)).unwrap()
    }
}

fn claims(subject: &str, event: &str) -> Value {
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    json!({
        "iss": "https://shop.example", "aud": "turnout-live", "sub": subject, "evt": event,
        "iat": now, "nbf": now, "exp": now + 60, "jti": "any",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisers_own_server_mints_tickets_with_its_registered_key() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &[]).await;
    let key = OwnKey::new();
    let key_id = key.register(&mesh).await;

    let ann = Viewer::with_ticket(mesh.public(), &key.sign(&key_id, &claims("ann", "demo"))).await.unwrap();
    let bob = Viewer::with_ticket(mesh.public(), &key.sign(&key_id, &claims("bob", "demo"))).await.unwrap();
    let ann_again = Viewer::with_ticket(mesh.public(), &key.sign(&key_id, &claims("ann", "demo"))).await.unwrap();
    bob.sees(2, WITHIN).await;
    ann.sees(2, WITHIN).await;
    drop(ann_again);

    // In the first message instead of the handshake.
    let late = Viewer::on(socket(mesh.public(), "turnout.v1.json").await.unwrap());
    late.send(
        &json!({ "type": "join", "event": "demo", "ticket": key.sign(&key_id, &claims("eve", "demo")) }).to_string(),
    );
    late.sees(3, WITHIN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_registered_or_a_ticket_for_another_event_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &[]).await;
    let (key, stranger) = (OwnKey::new(), OwnKey::new());
    let key_id = key.register(&mesh).await;
    for (ticket, status) in [
        (stranger.sign(&key_id, &claims("ann", "demo")), "401"),
        (stranger.sign("unknown", &claims("ann", "demo")), "401"),
        (stranger.sign("mesh", &claims("ann", "demo")), "401"),
        (key.sign(&key_id, &claims("ann", "no-such-event")), "404"),
        (key.sign(&key_id, &claims("", "demo")), "401"),
    ] {
        let refused = Viewer::with_ticket(mesh.public(), &ticket).await.unwrap_err().to_string();
        assert!(refused.contains(status), "{refused}");
    }
    let in_band = Viewer::on(socket(mesh.public(), "turnout.v1.json").await.unwrap());
    in_band.send(
        &json!({ "type": "join", "event": "demo", "ticket": stranger.sign(&key_id, &claims("ann", "demo")) })
            .to_string(),
    );
    assert_eq!(in_band.closed(WITHIN).await, 4401);
    let elsewhere = Viewer::on(socket(mesh.public(), "turnout.v1.json").await.unwrap());
    elsewhere.send(
        &json!({ "type": "join", "event": "other", "ticket": key.sign(&key_id, &claims("ann", "demo")) }).to_string(),
    );
    assert_eq!(elsewhere.closed(WITHIN).await, 4401);
}
