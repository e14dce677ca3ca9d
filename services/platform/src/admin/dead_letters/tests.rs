//! Dead letters as an operator meets them, on the bus of one process.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::{
    auth::{MeshKey, TokenSigner},
    bus::{
        EventKind,
        durable::{self, Delivery, InProcessDurable},
        subjects,
    },
    clock::ManualClock,
    lifecycle::Lifecycle,
    tables::{self, Engine},
};

const DEADLINE: Duration = Duration::from_mins(1);

struct Bed {
    routes: Router,
    bus: SharedDurableBus,
    key: MeshKey,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

impl Bed {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let engine = Engine::Embedded { path: folder.path().join("store") };
        let tables = tables::open(&engine, durable::TABLES).await.unwrap();
        let clock = Arc::new(ManualClock::at(1_800_000_000_000));
        let bus = InProcessDurable::open(tables, clock.clone(), &Lifecycle::new()).await.unwrap();
        let (letters, key) = (DeadLetters::default(), MeshKey::generate());
        let bus = letters.watch(bus);
        let routes = letters.routes(TokenVerifier::of_mesh(&key), clock.clone());
        Self { routes, bus, key, clock, _folder: folder }
    }

    fn token(&self, tenant: Option<&str>) -> String {
        let signer = TokenSigner::new(&self.key);
        let token = signer.sign(TokenKind::Access, "svc:operator", self.clock.at_s(), 60, "t".into());
        match tenant {
            Some(tenant) => token.tenant(tenant).finish(),
            None => token.finish(),
        }
    }

    async fn ask(&self, method: &str, path: &str, token: &str) -> (StatusCode, Vec<Listed>) {
        let request = Request::builder().method(method).uri(path).header(AUTHORIZATION, format!("Bearer {token}"));
        let answer = self.routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn publish(&self, id: &str) {
        let subject = subjects::events(&"acme".parse().unwrap(), EventKind::Event);
        let message = DurableMessage { subject, id: id.into(), payload: id.to_owned().into(), trace: None };
        self.bus.publish(message).await.unwrap();
    }

    async fn consume(&self, name: &'static str) -> Deliveries {
        let pattern = subjects::all_events(EventKind::Event);
        self.bus.consume(Consumer { name: Some(name), pattern }).await.unwrap()
    }
}

async fn next(deliveries: &mut Deliveries) -> Delivery {
    tokio::time::timeout(DEADLINE, deliveries.next()).await.expect("a delivery comes").unwrap()
}

#[tokio::test]
async fn what_a_consumer_gave_up_is_listed_and_sent_again_as_a_new_message() {
    let bed = Bed::new().await;
    let mut deliveries = bed.consume("tested").await;
    bed.publish("poison").await;
    next(&mut deliveries).await.give_up("cannot be read").await.unwrap();
    let (status, listed) = bed.ask("GET", LIST, &bed.token(None)).await;
    let expected = Listed {
        consumer: "tested".into(),
        id: "poison".into(),
        subject: "turnout.v1.events.event.acme".into(),
        deliveries: 1,
        error: "cannot be read".into(),
        refused: None,
    };
    assert_eq!((status, &*listed), (StatusCode::OK, &[expected][..]));
    let (status, replayed) = bed.ask("POST", REPLAY, &bed.token(None)).await;
    assert_eq!((status, replayed), (StatusCode::OK, listed));
    let again = next(&mut deliveries).await;
    assert_eq!((&*again.message.payload, again.number), (&b"poison"[..], 1));
    assert_ne!(again.id, "poison");
    assert_eq!(
        bed.ask("GET", LIST, &bed.token(None)).await,
        (StatusCode::OK, Vec::new()),
        "it is no dead letter any more"
    );
}

/// A bus with dead letters of one consumer.
#[derive(Default)]
struct Letters {
    dead: Mutex<Vec<DeadLetter>>,
    sent: Mutex<Vec<bytes::Bytes>>,
}

#[tonic::async_trait]
impl DurableBus for Letters {
    async fn publish(&self, message: DurableMessage) -> Result<(), BusError> {
        durable::check(&message)?;
        self.sent.lock().push(message.payload);
        Ok(())
    }

    async fn consume(&self, _: Consumer) -> Result<Deliveries, BusError> {
        Err(BusError::Refused("nobody consumes here"))
    }

    async fn dead_letters(&self, _: &str) -> Result<Vec<DeadLetter>, BusError> {
        Ok(self.dead.lock().clone())
    }

    async fn forget_dead_letter(&self, _: &str, letter: &DeadLetter) -> Result<(), BusError> {
        self.dead.lock().retain(|dead| dead != letter);
        Ok(())
    }
}

#[tokio::test]
async fn a_letter_that_the_bus_refuses_is_told_of_stays_and_holds_up_no_other() {
    let letter = |place: u64, subject: &str, bytes: usize| DeadLetter {
        subject: subject.into(),
        id: format!("m{place}"),
        payload: vec![b'x'; bytes].into(),
        error: "cannot be read".into(),
        deliveries: 5,
        place,
    };
    let subject = "turnout.v1.events.event.acme";
    let bus = Arc::new(Letters::default());
    *bus.dead.lock() =
        vec![letter(1, "", 1), letter(2, subject, crate::limits::BUS_PAYLOAD_BYTES_MAX + 1), letter(3, subject, 3)];
    let letters = DeadLetters::default();
    let watched = letters.watch(bus.clone());
    let pattern = subjects::all_events(EventKind::Event);
    assert!(watched.consume(Consumer { name: Some("tested"), pattern }).await.is_err());
    let replayed = letters.replay().await.unwrap();
    assert_eq!(
        replayed.iter().map(|it| (&*it.id, it.refused.is_some())).collect::<Vec<_>>(),
        [("m1", true), ("m2", true), ("m3", false)]
    );
    assert_eq!(*bus.sent.lock(), ["xxx"]);
    let left: Vec<_> = letters.list().await.unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(left, ["m1", "m2"]);
}

#[tokio::test]
async fn only_who_holds_the_mesh_key_sees_dead_letters() {
    let bed = Bed::new().await;
    let foreign = Bed::new().await.token(None);
    for token in [String::new(), "nonsense".into(), foreign, bed.token(Some("acme"))] {
        for (method, path) in [("GET", LIST), ("POST", REPLAY)] {
            assert_eq!(bed.ask(method, path, &token).await, (StatusCode::UNAUTHORIZED, Vec::new()), "{token}");
        }
    }
    // A role without a durable bus has none.
    let none = DeadLetters::default().routes(TokenVerifier::of_mesh(&bed.key), bed.clock.clone());
    let bare = Bed { routes: none, ..bed };
    assert_eq!(bare.ask("GET", LIST, &bare.token(None)).await, (StatusCode::OK, Vec::new()));
}
