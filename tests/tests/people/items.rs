//! Items of the product's list that go across services, each on the whole program through its public faces. What one service promises
//! alone is tested there.

use std::time::Duration;

use prost_types::Timestamp;
use tonic::Request;
use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::Money,
    profiles::v1::ListPeopleRequest,
    registration::v1::{
        Act, CancelRegistrationRequest, Event, ListRegistrantsRequest, PaymentState, RecordEntryRequest,
        RegisterRequest, Registration, SetPaymentRequest,
    },
};
use turnout_tests::{
    grpc::with_key,
    process::Turnout,
    tokens::Forge,
    viewer::{self, Viewer, crowd},
    wait::until,
};

use crate::desk::{Addresses, Desk};

const SECOND: Duration = Duration::from_secs(1);

/// A program with a desk at it.
struct Office {
    mesh: Turnout,
    forge: Forge,
    desk: Desk,
    _folder: tempfile::TempDir,
}

impl Office {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mesh = Turnout::start(folder.path(), &[]).await;
        let forge = Forge::of(folder.path());
        Self { desk: Desk::at(&Addresses::of_one(&mesh), &forge), forge, mesh, _folder: folder }
    }

    /// A published event, changed as the test wants.
    async fn event(&self, id: &str, paths: &[&str], change: impl FnOnce(&mut Event)) {
        let starts_at = Some(Timestamp { seconds: 4_000_000_000, nanos: 0 });
        let mut event = Event { event_id: id.into(), title: "An evening".into(), starts_at, ..Event::default() };
        change(&mut event);
        self.desk.open(event, paths).await;
    }

    async fn register(&self, request: RegisterRequest) -> Registration {
        let answer = self.desk.registrants.clone().register(self.desk.ask(request)).await.unwrap();
        answer.into_inner().registration.unwrap()
    }

    async fn enters(&self, registration: &Registration) -> bool {
        let request = RecordEntryRequest {
            event_id: registration.event_id.clone(),
            registration_id: registration.registration_id.clone(),
        };
        self.desk.registrants.clone().record_entry(self.desk.ask(request)).await.unwrap().into_inner().admitted
    }

    fn member<T>(&self, role: Role, message: T) -> Request<T> {
        with_key(&self.forge.member("demo", role), message)
    }
}

fn maria(event: &str) -> RegisterRequest {
    RegisterRequest {
        event_id: event.into(),
        email: "maria@example.org".into(),
        name: "Maria".into(),
        ..RegisterRequest::default()
    }
}

fn act() -> Act {
    Act { reason: "a test asks for it".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn item_1_one_registration_is_one_row_in_the_event_and_one_person_in_the_audience_and_the_row_can_go_alone() {
    let office = Office::open().await;
    for event in ["first", "second"] {
        office.event(event, &[], |_| {}).await;
    }
    let rows = async |event: &str| office.desk.export(event).await;
    let people = async || office.desk.people("maria@example.org").await;
    let one = office.register(maria("first")).await;
    // Once more, as impatient people do.
    assert_eq!(office.register(maria("first")).await.registration_id, one.registration_id);
    until("the person is in the audience", 10 * SECOND, async || people().await.len(), |found| *found == 1).await;
    assert_eq!((rows("first").await.len(), rows("second").await.len()), (1, 0));

    let two = office.register(maria("second")).await;
    assert_ne!(two.registration_id, one.registration_id, "a row for each event");
    assert_eq!(two.person_id, one.person_id, "and one person behind both");
    let ids = (one.event_id.clone(), one.registration_id.clone());
    let cancel = CancelRegistrationRequest { event_id: ids.0, registration_id: ids.1, act: None };
    office.desk.registrants.clone().cancel_registration(office.desk.ask(cancel)).await.unwrap();
    assert_eq!(office.desk.statistics("first").await.registrants, 0);
    assert_eq!(office.desk.statistics("second").await.registrants, 1, "the other layer's other row is untouched");
    let left = people().await;
    assert_eq!(left.len(), 1, "the person stays");
    assert_eq!(left[0].person_id, one.person_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn item_11_a_free_and_a_paid_event_differ_in_what_is_said_of_payment_and_in_whom_they_let_in() {
    let office = Office::open().await;
    office.event("free", &[], |_| {}).await;
    let price = Some(Money { amount_minor: 2_500, currency: "EUR".into() });
    office.event("paid", &["price"], |event| event.price.clone_from(&price)).await;
    let (free, paid) = (office.register(maria("free")).await, office.register(maria("paid")).await);
    assert_eq!((free.payment(), paid.payment()), (PaymentState::NotApplicable, PaymentState::Unpaid));
    assert!(office.enters(&free).await, "a free event lets in whoever is registered");
    assert!(!office.enters(&paid).await, "a paid one does not before they paid");
    let set = |payment: PaymentState| SetPaymentRequest {
        event_id: "paid".into(),
        registration_id: paid.registration_id.clone(),
        payment: payment.into(),
        paid: price.clone(),
        act: Some(act()),
    };
    let pays = async |payment| {
        let mut registrants = office.desk.registrants.clone();
        registrants.set_payment(office.member(Role::Support, set(payment))).await.unwrap();
    };
    pays(PaymentState::Paid).await;
    assert!(office.enters(&paid).await, "and does when they have");
    assert_eq!(office.desk.export("paid").await[0].payment(), PaymentState::Paid);
    let of_free = SetPaymentRequest {
        event_id: "free".into(),
        registration_id: free.registration_id.clone(),
        ..set(PaymentState::Paid)
    };
    let refused = office.desk.registrants.clone().set_payment(office.member(Role::Support, of_free)).await;
    assert!(refused.is_err(), "nobody pays at a free event");
}

#[tokio::test(flavor = "multi_thread")]
async fn item_18_of_those_who_joined_the_counter_shows_all_but_those_who_left_and_those_who_broke_off() {
    const JOIN: usize = 40;
    const LEAVE: usize = 12;
    const DIE: usize = 9;
    let office = Office::open().await;
    let public = office.mesh.public();
    let (ticket, cookie) = viewer::ticket(public, "demo", None).await.unwrap();
    let screen = Viewer::with_ticket(public, &ticket).await.unwrap();
    let mut people = crowd(&[public], "demo", JOIN).await;
    // A second tab of one session counts once.
    let (ticket, _) = viewer::ticket(public, "demo", Some(&cookie)).await.unwrap();
    let _second_tab = Viewer::with_ticket(public, &ticket).await.unwrap();
    screen.sees(JOIN as u64 + 1, 5 * SECOND).await;
    futures_util::future::join_all(people.drain(..LEAVE).map(Viewer::leave)).await;
    people.drain(..DIE).for_each(Viewer::vanish);
    // Nobody says goodbye for those who broke off: they are gone when their grace is over.
    screen.sees((JOIN - LEAVE - DIE) as u64 + 1, 15 * SECOND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn item_54_a_nickname_is_in_all_counts_and_there_is_nothing_personal_beside_it_to_see_or_to_export() {
    let office = Office::open().await;
    office.event("party", &["nicknames"], |event| event.nicknames = true).await;
    let kiwi = RegisterRequest {
        event_id: "party".into(),
        nickname: "Kiwi".into(),
        idempotency_key: "one-browser-of-kiwi".into(),
        ..RegisterRequest::default()
    };
    let kiwi = office.register(kiwi).await;
    office.register(maria("party")).await;
    assert!(office.enters(&kiwi).await);
    let statistics = async || office.desk.statistics("party").await;
    let seen = async || (statistics().await.registrants, statistics().await.logged_in);
    until("both are counted, and one of them inside", 10 * SECOND, seen, |seen| *seen == (2, 1)).await;

    let rows = office.desk.export("party").await;
    let row = rows.iter().find(|row| row.registration_id == kiwi.registration_id).expect("the session has its row");
    let personal = [&row.email, &row.name, &row.phone, &row.person_id];
    assert!(personal.iter().all(|text| text.is_empty()) && row.answers.is_empty(), "{row:?}");
    assert_eq!(row.nickname, "Kiwi");
    // Whoever sees no names sees the nickname neither.
    let request = ListRegistrantsRequest { event_id: "party".into(), ..ListRegistrantsRequest::default() };
    let list = office.desk.registrants.clone().list_registrants(office.member(Role::Analyst, request)).await;
    let list = list.unwrap().into_inner();
    assert_eq!(list.total, 2);
    assert!(list.registrations.iter().all(|row| row.nickname.is_empty()), "{list:?}");

    // There is one person, and it is Maria.
    let people = async || {
        let request = office.member(Role::Owner, ListPeopleRequest::default());
        office.desk.people.clone().list_people(request).await.unwrap().into_inner().people
    };
    until("the person is in the audience", 10 * SECOND, async || people().await.len(), |found| *found == 1).await;
    assert_eq!(people().await[0].email, "maria@example.org");
    assert_eq!(office.desk.people("").await.len(), 1, "no export has a person for the nickname");
}
