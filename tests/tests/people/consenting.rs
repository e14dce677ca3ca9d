//! Whom an organiser may write to, on the whole program: what people say of their consent decides, at once, who stands in the console's
//! list and in its file. The rules of the ledger are tested in profiles, the pages in the gateway.

use reqwest::{Client, header, redirect::Policy};
use tonic::Request;
use turnout_proto::profiles::v1::{
    ConsentAction, ConsentStatement, CreateFirstOwnerRequest, EnsurePersonRequest, ListAuditRequest,
    RecordConsentRequest, account_service_client::AccountServiceClient, people_service_client::PeopleServiceClient,
};
use turnout_tests::{
    grpc::{channel, with_key},
    process::Turnout,
    tokens::Forge,
};

/// The people of a tenant, and its console open to the owner.
struct Office {
    mesh: Turnout,
    forge: Forge,
    client: Client,
    session: String,
    said: std::cell::Cell<u32>,
    _folder: tempfile::TempDir,
}

impl Office {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mesh = Turnout::start(folder.path(), &[]).await;
        let forge = Forge::of(folder.path());
        let founding = CreateFirstOwnerRequest {
            tenant_id: "demo".into(),
            email: "owner@demo.example.org".into(),
            password: "a lighthouse in the fog".into(),
        };
        let mut accounts = AccountServiceClient::new(channel(mesh.grpc()).await);
        let founded = accounts.create_first_owner(with_key(&forge.access(None), founding)).await.unwrap();
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        let session = founded.into_inner().session;
        Self { mesh, forge, client, session, said: std::cell::Cell::new(0), _folder: folder }
    }

    fn of<T>(&self, tenant: &str, message: T) -> Request<T> {
        with_key(&self.forge.access(Some(tenant)), message)
    }

    async fn person(&self, tenant: &str, name: &str) -> String {
        let email = format!("{name}@example.org");
        let request = EnsurePersonRequest { email, name: name.into(), language: "fi".into(), ..Default::default() };
        let mut people = PeopleServiceClient::new(channel(self.mesh.grpc()).await);
        people.ensure_person(self.of(tenant, request)).await.unwrap().into_inner().person.unwrap().person_id
    }

    /// As the page of preferences does it.
    async fn says(&self, tenant: &str, person_id: &str, action: ConsentAction, purpose: &str, channel_name: &str) {
        let statement = ConsentStatement {
            purpose: purpose.into(),
            channel: channel_name.into(),
            action: action.into(),
            text: "Tell me about the next festival".into(),
            language: "en".into(),
            source: "preferences".into(),
            ..ConsentStatement::default()
        };
        self.said.set(self.said.get() + 1);
        let idempotency_key = format!("said-{}", self.said.get());
        let request =
            RecordConsentRequest { person_id: person_id.to_owned(), statements: vec![statement], idempotency_key };
        let mut people = PeopleServiceClient::new(channel(self.mesh.grpc()).await);
        people.record_consent(self.of(tenant, request)).await.unwrap();
    }

    fn cookie(&self) -> String {
        format!("turnout_console={}", self.session)
    }

    async fn page(&self, query: &str) -> String {
        let url = format!("http://{}/console/audience{query}", self.mesh.public());
        let answer = self.client.get(url).header(header::COOKIE, self.cookie()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{query}");
        answer.text().await.unwrap()
    }

    /// The rows of the file, as the download of the page gives it.
    async fn file(&self, purpose: &str, channel: &str) -> Vec<serde_json::Value> {
        let origin = format!("http://{}", self.mesh.public());
        let form = [("purpose", purpose), ("channel", channel), ("format", "json"), ("reason", "the next festival")];
        let request = self.client.post(format!("{origin}/console/audience/export")).form(&form);
        let request = request.header(header::COOKIE, self.cookie()).header(header::ORIGIN, &origin);
        let text = request.send().await.unwrap().text().await.unwrap();
        let mut read: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        assert_eq!(read["complete"], true);
        serde_json::from_value(read["rows"].take()).unwrap()
    }

    /// The addresses of the file, sorted; the list of the page names the same people.
    async fn named(&self, purpose: &str, channel: &str) -> Vec<String> {
        let rows = self.file(purpose, channel).await;
        let page = self.page(&format!("?purpose={purpose}&channel={channel}")).await;
        assert_eq!(page.matches("data-column=\"email\"").count(), rows.len(), "{purpose} by {channel}: {page}");
        let mut named: Vec<String> = rows.iter().map(|row| row["email"].as_str().unwrap().to_owned()).collect();
        assert!(named.iter().all(|email| page.contains(email)), "{named:?} in {page}");
        named.sort();
        named
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn item_45_to_49_list_and_file_name_just_those_who_agreed_to_that_purpose_and_channel_of_this_organiser() {
    use ConsentAction::{Granted, Withdrawn};
    let office = Office::open().await;
    let (anna, bert) = (office.person("demo", "anna").await, office.person("demo", "bert").await);
    office.person("demo", "silent").await;
    let elsewhere = office.person("other", "dora").await;
    assert!(office.named("marketing", "email").await.is_empty(), "being known is no consent");

    office.says("demo", &anna, Granted, "marketing", "email").await;
    office.says("demo", &bert, Granted, "marketing", "social").await;
    office.says("demo", &bert, Granted, "partners", "email").await;
    office.says("other", &elsewhere, Granted, "marketing", "email").await;
    assert_eq!(office.named("marketing", "email").await, ["anna@example.org"]);
    assert_eq!(office.named("marketing", "social").await, ["bert@example.org"]);
    assert_eq!(office.named("partners", "email").await, ["bert@example.org"]);
    assert!(office.named("partners", "social").await.is_empty());
    let row = office.file("marketing", "email").await.remove(0);
    assert_eq!(row, serde_json::json!({ "name": "anna", "email": "anna@example.org", "language": "fi" }));

    office.says("demo", &bert, Granted, "marketing", "email").await;
    assert_eq!(office.named("marketing", "email").await, ["anna@example.org", "bert@example.org"]);
    office.says("demo", &anna, Withdrawn, "marketing", "*").await;
    assert_eq!(office.named("marketing", "email").await, ["bert@example.org"], "from then on");

    let page = office.page("").await;
    assert!(page.contains("silent@example.org") && page.contains("This list is not one for marketing"), "{page}");
    let mut accounts = AccountServiceClient::new(channel(office.mesh.grpc()).await);
    let entries =
        accounts.list_audit(office.of("demo", ListAuditRequest::default())).await.unwrap().into_inner().entries;
    let told = |entry: &&turnout_proto::profiles::v1::AuditEntry| {
        entry.action == "people.export" && entry.detail == "partners by social" && entry.reason == "the next festival"
    };
    assert_eq!(entries.iter().filter(told).count(), 1, "{entries:?}");
}
