//! The repository keeps its own rules of structure (`turnout_tests::tidy`), and each rule is able to fail.

use std::{fmt::Write as _, path::Path};

use turnout_tests::tidy::{Crate, File, RULES, Tree, form, layers};

#[test]
fn the_repository_keeps_every_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests have a folder of their own");
    let tree = Tree::read(root).expect("the repository can be read");
    assert!(
        tree.rust().count() > 20 && tree.crates.len() == layers::LAYERS.len(),
        "the whole repository was read: {} crates",
        tree.crates.len()
    );
    let mut report = String::new();
    for rule in RULES {
        for finding in (rule.check)(&tree) {
            writeln!(report, "{finding}\n    rule: {}", rule.sentence).expect("a string takes all");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn a_clean_tree_passes_every_rule() {
    for rule in RULES {
        assert_eq!((rule.check)(&clean()), [], "{}", rule.sentence);
    }
}

/// For each rule, faults that it must find: each is planted alone in a clean tree and must give exactly one finding, by that rule only.
#[test]
fn every_rule_finds_the_fault_planted_for_it() {
    let mut caught = vec![0; RULES.len()];
    for (sentence, fault) in faults() {
        let tree = fault(clean());
        for (at, rule) in RULES.iter().enumerate() {
            let findings = (rule.check)(&tree);
            let expected = usize::from(rule.sentence == sentence);
            assert_eq!(
                findings.len(),
                expected,
                "rule {:?} on the fault planted for {sentence:?}: {findings:?}",
                rule.sentence
            );
            caught[at] += expected;
        }
    }
    for (rule, caught) in RULES.iter().zip(caught) {
        assert!(caught > 0, "no fault is planted for the rule {:?}", rule.sentence);
    }
}

type Fault = Box<dyn Fn(Tree) -> Tree>;

fn faults() -> Vec<(&'static str, Fault)> {
    let lower = "a crate imports only crates of lower layers";
    let behind = "a fenced library is a dependency only of the crates behind its fence";
    let used = "a fenced library is used only in the folders behind its fence";
    let pure = "pure code neither waits, nor talks, nor asks for the time or for chance";
    let root = "a dependency's version stands at the root only";
    let named = "a module is named for what it does";
    let finished = "nothing unfinished is left in the code";
    vec![
        (lower, import("turnout-platform", "turnout-presence")),
        (lower, import("turnout-presence", "turnout-gateway")),
        (lower, import("turnout-roster", "turnout-proto")),
        (lower, import("turnout-loadtest", "turnout-platform")),
        (lower, import("turnout-presence", "turnout-tests")),
        (lower, member("turnout-newcomer", "services/newcomer")),
        (behind, import("turnout-presence", "async-nats")),
        (behind, import("turnout-gateway", "scylla")),
        (behind, import("turnout-registration", "rusqlite")),
        (behind, import("turnout-platform", "dashmap")),
        (behind, import("turnout-loadtest", "tokio-tungstenite")),
        (behind, import("turnout-gateway", "opentelemetry_sdk")),
        (behind, import("turnout-roster", "tokio")),
        (used, rust("services/platform/src/rpc.rs", "use async_nats::Client;")),
        (used, rust("services/platform/src/bus.rs", "fn f(e: scylla::Error) {}")),
        (used, rust("services/platform/src/bus/nats.rs", "use rusqlite::Row;")),
        (used, rust("services/presence/src/lib.rs", "type M = dashmap::DashMap<u8, u8>;")),
        (used, rust("loadtest/src/main.rs", "use tokio_tungstenite as ws;")),
        (used, rust("gateway/src/trace.rs", "use opentelemetry_sdk::trace;")),
        (pure, rust("services/roster/src/replica.rs", "let now = std::time::Instant::now();")),
        (pure, rust("services/presence/src/domain/visits.rs", "use tokio::sync::mpsc;")),
        (pure, rust("services/registration/src/domain.rs", "let at = SystemTime::now();")),
        (
            "a crate inherits the lints of the workspace",
            edit("services/presence/Cargo.toml", "[lints]\nworkspace = true\n", ""),
        ),
        (root, edit("services/presence/Cargo.toml", "tokio.workspace = true", "tokio = \"1\"")),
        (
            root,
            edit(
                "services/presence/Cargo.toml",
                "tokio.workspace = true",
                "tokio = { version = \"1\", features = [\"net\"] }",
            ),
        ),
        ("the top level holds only its fixed entries", file("notes.txt", "")),
        ("the top level holds only its fixed entries", file("scripts/run", "")),
        ("a Rust file opens with what it is for", file("services/presence/src/store.rs", "use std::fmt;\n")),
        ("a file has at most 600 lines", file("gateway/sdk/turnout.js", &"x();\n".repeat(form::FILE_LINES_MAX + 1))),
        (
            "a file has at most 600 lines",
            file("tests/run", &format!("#!/bin/sh\n{}", ":\n".repeat(form::FILE_LINES_MAX))),
        ),
        (named, rust("services/presence/src/store/mod.rs", "")),
        (named, rust("services/presence/src/utils.rs", "")),
        (named, rust("tests/tests/common/server.rs", "")),
        (named, rust("services/presence/src/store.rs", "mod types {}")),
        ("no test is ignored", rust("services/presence/src/rpc.rs", "#[test]\n#[ignore]\nfn a() {}")),
        ("no test is ignored", rust("gateway/src/lib.rs", "#[cfg_attr(not(a), ignore)]\nfn a() {}")),
        ("no test is ignored", rust("services/presence/src/rpc.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}")),
        (
            "no test asserts what always holds",
            rust("services/presence/src/rpc.rs", "#[test]\nfn a() { assert!(true); }"),
        ),
        ("no page keeps anybody from pasting", file("gateway/pages/a.html", "<input onpaste=\"return false\">")),
        ("no page keeps anybody from pasting", file("gateway/pages/a.js", "input.on('paste', stop)")),
        (finished, rust("services/presence/src/rpc.rs", "fn a() { todo!() }")),
        (finished, rust("services/presence/src/rpc.rs", "fn a() { dbg!(1); }")),
    ]
}

/// A small repository in which all is well, including the things that look like faults.
fn clean() -> Tree {
    let manifest = "[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n\n[dependencies]\ntokio.workspace = true\n";
    let mut tree = Tree::default();
    for (name, _) in layers::LAYERS {
        let folder = name.strip_prefix("turnout-").unwrap_or(name);
        let folder = if ["proto", "gateway", "loadtest", "tests"].contains(&folder) {
            folder.into()
        } else {
            format!("services/{folder}")
        };
        tree.files.push(File { path: format!("{folder}/Cargo.toml"), text: manifest.into() });
        tree.crates.push(Crate { name: (*name).into(), folder, dependencies: vec!["serde".into()] });
    }
    let tree = import("turnout-presence", "turnout-platform")(tree);
    let tree = import("turnout-platform", "async-nats")(tree);
    let tree = import("turnout-tests", "tokio-tungstenite")(tree);
    let tree = file("README.md", "# Turnout\n")(tree);
    let tree = file(".gitignore", "target\n")(tree);
    let tree = file("gateway/pages/vendor/chart.js", &"x();\n".repeat(form::FILE_LINES_MAX * 2))(tree);
    let tree = rust("services/platform/src/bus.rs", "use async_nats::Client; // not scylla")(tree);
    let tree = rust("services/platform/src/tables/cql.rs", "use scylla::client::session::Session;")(tree);
    rust("services/roster/src/lib.rs", "/// Never calls Instant::now.\nconst WHY: &str = \"no tokio, no todo!()\";")(
        tree,
    )
}

fn file(path: &'static str, text: &str) -> Fault {
    let text = text.to_owned();
    Box::new(move |mut tree| {
        tree.files.push(File { path: path.into(), text: text.clone() });
        tree
    })
}

fn rust(path: &'static str, code: &str) -> Fault {
    file(path, &format!("//! What it is for.\n\n{code}\n"))
}

fn edit(path: &'static str, from: &'static str, to: &'static str) -> Fault {
    Box::new(move |mut tree| {
        let file = tree.files.iter_mut().find(|file| file.path == path).expect("the clean tree has the file");
        assert!(file.text.contains(from), "{path} holds {from:?}");
        file.text = file.text.replace(from, to);
        tree
    })
}

fn import(from: &'static str, to: &'static str) -> Fault {
    Box::new(move |mut tree| {
        let found = tree.crates.iter_mut().find(|member| member.name == from).expect("the clean tree has the crate");
        found.dependencies.push(to.into());
        tree
    })
}

fn member(name: &'static str, folder: &'static str) -> Fault {
    Box::new(move |mut tree| {
        tree.crates.push(Crate { name: name.into(), folder: folder.into(), dependencies: vec![] });
        tree
    })
}
