//! Who may import whom, and where a library may be used. The tables here are the architecture; a new crate starts by adding
//! its row. Deliberately no exceptions by comment in the code: whoever moves a fence moves it here, where it is seen.

use super::{Finding, Tree, source};

/// Our crates and their layers, from the bottom. A crate may import those of lower layers only.
pub const LAYERS: &[(&str, u8)] = &[
    ("turnout-proto", 0),
    ("turnout-roster", 0),
    ("turnout-platform", 1),
    ("turnout-registration", 2),
    ("turnout-presence", 2),
    ("turnout-notifications", 2),
    ("turnout-profiles", 2),
    ("turnout-gateway", 2),
    ("turnout", 3),
    ("turnout-loadtest", 3),
    ("turnout-tests", 4),
];

/// A crate that may import less than its layer says: the load generator speaks the public protocol, like any client.
const NARROW: &[(&str, &[&str])] = &[("turnout-loadtest", &["turnout-proto"])];

/// A library that only some code may know, so that it can be replaced there.
struct Fence {
    /// As in a manifest; with `*` at the end, every name that starts so.
    library: &'static str,
    crates: &'static [&'static str],
    /// Where the sources may name it; the `.rs` file beside a folder belongs to the folder.
    folders: &'static [&'static str],
}

const FENCES: &[Fence] = &[
    Fence { library: "async-nats", crates: &["turnout-platform"], folders: &["services/platform/src/bus"] },
    Fence { library: "scylla", crates: &["turnout-platform"], folders: &["services/platform/src/tables"] },
    Fence { library: "rusqlite", crates: &["turnout-platform"], folders: &["services/platform/src/tables"] },
    Fence { library: "dashmap", crates: &["turnout-gateway"], folders: &["gateway"] },
    // The tests are clients of the public port.
    Fence { library: "tungstenite", crates: &["turnout-gateway", "turnout-tests"], folders: &["gateway", "tests"] },
    Fence {
        library: "tokio-tungstenite",
        crates: &["turnout-gateway", "turnout-tests"],
        folders: &["gateway", "tests"],
    },
    // The tests receive what the program exports.
    Fence {
        library: "opentelemetry*",
        crates: &["turnout-platform", "turnout-tests"],
        folders: &["services/platform", "tests"],
    },
    Fence { library: "tracing-opentelemetry", crates: &["turnout-platform"], folders: &["services/platform"] },
];

/// What pure code does not name: it gets state, input and time, and returns effects.
const IMPURE: &[&str] = &[
    "tokio",
    "tonic",
    "hyper",
    "axum",
    "reqwest",
    "scylla",
    "rusqlite",
    "async_nats",
    "std::fs",
    "std::net",
    "thread::sleep",
    "SystemTime::now",
    "Instant::now",
    "thread_rng",
    "rand::rng",
    "rand::random",
    "OsRng",
];

/// Crates that are pure as a whole, so that they must not even depend on a runtime.
const PURE_CRATES: &[&str] = &["turnout-roster"];
const RUNTIMES: &[&str] = &["tokio", "tonic", "async-nats", "scylla", "rusqlite", "hyper", "axum", "reqwest", "rand"];

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

/// Every arrow between our crates points to a lower layer.
pub fn arrows_point_down(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for from in &tree.crates {
        let manifest = format!("{}/Cargo.toml", from.folder);
        let Some(own) = layer(&from.name) else {
            findings.push(Finding::new(manifest, 0, format!("{} has no row in the table of layers", from.name)));
            continue;
        };
        let narrow = NARROW.iter().find(|(name, _)| *name == from.name).map(|(_, allowed)| *allowed);
        for to in &from.dependencies {
            let Some(below) = layer(to) else { continue };
            if below >= own || narrow.is_some_and(|allowed| !allowed.contains(&to.as_str())) {
                findings.push(Finding::new(&manifest, 0, format!("{} must not import {to}", from.name)));
            }
        }
    }
    findings
}

fn is_library(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// Only the crates behind a fence depend on its library, and no pure crate depends on a runtime.
pub fn fenced_dependencies(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for from in &tree.crates {
        for to in &from.dependencies {
            let fenced =
                FENCES.iter().any(|fence| is_library(fence.library, to) && !fence.crates.contains(&from.name.as_str()));
            let runtime = PURE_CRATES.contains(&from.name.as_str()) && RUNTIMES.contains(&to.as_str());
            if fenced || runtime {
                findings.push(Finding::new(
                    format!("{}/Cargo.toml", from.folder),
                    0,
                    format!("{} must not depend on {to}", from.name),
                ));
            }
        }
    }
    findings
}

/// Is `path` in `folder`, or the file `folder.rs`?
fn belongs(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

/// Only the folders behind a fence name its library in code.
pub fn fenced_uses(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let code = source::code(&file.text);
        for fence in FENCES {
            if fence.folders.iter().any(|folder| belongs(&file.path, folder)) {
                continue;
            }
            let name = fence.library.replace('-', "_");
            for line in source::lines_with(&code, &name) {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    format!("{name} is used only in {}", fence.folders.join(", ")),
                ));
            }
        }
    }
    findings
}

/// The roster, and the `domain` of each service.
fn is_pure(path: &str) -> bool {
    let in_domain = path.contains("/domain/") || path.ends_with("/domain.rs");
    path.starts_with("services/roster/src/") || path.contains("/src/") && in_domain
}

/// Pure code names no runtime, no client, no clock and no source of chance.
pub fn pure_code(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| is_pure(&file.path)) {
        let code = source::code(&file.text);
        for name in IMPURE {
            for line in source::lines_with(&code, name) {
                findings.push(Finding::new(&file.path, line, format!("pure code must not name {name}")));
            }
        }
    }
    findings
}
