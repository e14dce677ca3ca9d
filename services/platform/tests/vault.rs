//! The vault on both engines: one key an owner, sealed at rest, gone for good once destroyed.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::Arc,
};

use turnout_platform::{
    auth::MeshKey,
    clock::ManualClock,
    ids::TenantId,
    tables::{self, Engine, Tables},
    vault::{self, Vault},
};

struct Bench {
    tables: Arc<dyn Tables>,
    mesh_key: MeshKey,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn vault(&self) -> Vault {
        Vault::new(self.tables.clone(), &self.mesh_key, Arc::new(ManualClock::at(0)))
    }
}

/// The embedded engine always, the CQL one where there is a server.
async fn benches(test: &str) -> Vec<Bench> {
    let mut engines = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    engines.push(Engine::Embedded { path: folder.path().join("store") });
    if let Some(server) = turnout_platform::real_servers::from_env("TURNOUT_TEST_CQL", test) {
        let keyspace = format!("test_vault_{:016x}", RandomState::new().build_hasher().finish());
        engines.push(Engine::Cql { nodes: vec![server], keyspace, replication_factor: 1, user: None, password: None });
    }
    let (mut benches, mut folder) = (Vec::new(), Some(folder));
    for engine in engines {
        let tables = tables::open(&engine, vault::TABLES).await.unwrap();
        let folder = folder.take().unwrap_or_else(|| tempfile::tempdir().unwrap());
        benches.push(Bench { tables, mesh_key: MeshKey::generate(), _folder: folder });
    }
    benches
}

fn tenant(id: &str) -> TenantId {
    id.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn first_calls_at_the_same_moment_get_the_same_key() {
    for bench in benches("first_calls_at_the_same_moment").await {
        let acme = tenant("acme");
        let calls = (0..16).map(|_| {
            let (vault, acme) = (bench.vault(), acme.clone());
            tokio::spawn(async move { vault.key_for(&acme, "anna").await.unwrap() })
        });
        let mut keys = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            keys.push(call.await.unwrap());
        }
        let sealed = keys[0].seal("people/anna", b"Anna");
        assert!(keys.iter().all(|key| key.open("people/anna", &sealed).as_deref() == Some(b"Anna".as_slice())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_opens_with_its_own_key_and_context_and_no_other() {
    for bench in benches("what_is_sealed_opens").await {
        let vault = bench.vault();
        let anna = vault.key_for(&tenant("acme"), "anna").await.unwrap();
        let bert = vault.key_for(&tenant("acme"), "bert").await.unwrap();
        let other = vault.key_for(&tenant("other"), "anna").await.unwrap();
        let sealed = anna.seal("people/anna", b"Anna");
        assert!(!sealed.windows(4).any(|part| part == b"Anna"));
        assert_eq!(anna.open("people/anna", &sealed).as_deref(), Some(b"Anna".as_slice()));
        assert_eq!(anna.open("people/bert", &sealed), None);
        assert_eq!(bert.open("people/anna", &sealed), None);
        assert_eq!(other.open("people/anna", &sealed), None);
        for cut in 0..sealed.len() {
            assert_eq!(anna.open("people/anna", &sealed[..cut]), None, "cut at {cut}");
        }
        assert_ne!(anna.seal("people/anna", b"Anna"), sealed, "the same twice does not look the same");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_finds_all_keys_and_after_the_destruction_of_one_all_but_that() {
    for bench in benches("another_process_finds_all_keys").await {
        let (acme, owners) = (tenant("acme"), (0..200).map(|n| format!("owner-{n}")).collect::<Vec<_>>());
        let vault = bench.vault();
        let mut sealed = Vec::new();
        for owner in &owners {
            sealed.push(vault.key_for(&acme, owner).await.unwrap().seal(owner, b"secret"));
        }
        let keys = bench.vault().all_of(&acme).await.unwrap();
        assert_eq!(keys.len(), owners.len());
        assert!(owners.iter().zip(&sealed).all(|(owner, sealed)| keys[owner].open(owner, sealed).is_some()));
        assert!(bench.vault().all_of(&tenant("other")).await.unwrap().is_empty());

        vault.destroy(&acme, &owners[7]).await.unwrap();
        assert!(vault.existing(&acme, &owners[7]).await.unwrap().is_none());
        assert_eq!(bench.vault().all_of(&acme).await.unwrap().len(), owners.len() - 1);
        let fresh = vault.key_for(&acme, &owners[7]).await.unwrap();
        assert_eq!(fresh.open(&owners[7], &sealed[7]), None, "a new key does not bring the old data back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_another_mesh_key_the_tables_alone_open_nothing() {
    for mut bench in benches("with_another_mesh_key").await {
        bench.vault().key_for(&tenant("acme"), "anna").await.unwrap();
        bench.mesh_key = MeshKey::generate();
        assert!(bench.vault().existing(&tenant("acme"), "anna").await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blind_hash_is_the_same_for_the_same_value_and_says_nothing_across_tenants() {
    for bench in benches("a_blind_hash").await {
        let vault = bench.vault();
        let hash = vault.blind(&tenant("acme"), "email", "anna@example.org");
        assert_eq!(hash, bench.vault().blind(&tenant("acme"), "email", "anna@example.org"));
        for (of, purpose, value) in [
            ("other", "email", "anna@example.org"),
            ("acme", "phone", "anna@example.org"),
            ("acme", "email", "b@example.org"),
        ] {
            assert_ne!(hash, vault.blind(&tenant(of), purpose, value));
        }
    }
}
