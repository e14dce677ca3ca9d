//! The form of files and manifests: where things are written, how long a file is, what it is called, what is not left in it.
//! It says nothing about taste: the formatter and clippy do.

use super::{File, Finding, Tree, source};

/// All that may lie at the root, besides files whose names begin with a dot.
pub const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "deny.toml",
    "gateway",
    "k8s",
    "loadtest",
    "proto",
    "services",
    "tests",
];
/// Lines of a file; aim for 400.
pub const FILE_LINES_MAX: usize = 600;
/// Files that people write and read as code.
const COUNTED: &[&str] = &["rs", "js", "mjs", "ts", "css", "html", "sh", "proto", "py"];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["common", "util", "utils", "helper", "helpers", "types", "misc"];

fn manifests(tree: &Tree) -> impl Iterator<Item = &File> {
    let of_crate = |file: &&File| tree.crates.iter().any(|member| file.path == format!("{}/Cargo.toml", member.folder));
    tree.files.iter().filter(of_crate)
}

/// The lines of a manifest with their numbers and the section that each stands in.
fn entries(manifest: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut section = "";
    manifest.lines().enumerate().filter_map(move |(at, line)| {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end().trim_end_matches(']');
            return None;
        }
        (!line.trim().is_empty() && !line.starts_with('#')).then_some((at + 1, section, line))
    })
}

/// Each crate has `[lints] workspace = true`.
pub fn inherited_lints(tree: &Tree) -> Vec<Finding> {
    let inherits = |file: &File| {
        entries(&file.text).any(|(_, section, line)| section == "lints" && line.replace(' ', "") == "workspace=true")
    };
    manifests(tree)
        .filter(|file| !inherits(file))
        .map(|file| Finding::new(&file.path, 0, "needs `[lints] workspace = true`"))
        .collect()
}

/// Each dependency of a crate is `name.workspace = true`, or a table with `workspace = true`.
pub fn versions_at_the_root(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in manifests(tree) {
        for (at, section, line) in entries(&file.text) {
            let names_one = section.ends_with("dependencies") && line.starts_with(|c: char| c.is_alphanumeric());
            if names_one && !line.replace(' ', "").contains("workspace=true") {
                findings.push(Finding::new(
                    &file.path,
                    at,
                    format!("write the version at the root, and here `workspace = true`: {line}"),
                ));
            }
        }
    }
    findings
}

/// The root holds what newcomers expect there, and nothing else.
pub fn top_level(tree: &Tree) -> Vec<Finding> {
    let mut entries: Vec<&str> = tree.files.iter().filter_map(|file| file.path.split('/').next()).collect();
    entries.dedup();
    entries.retain(|entry| !entry.starts_with('.') && !TOP_LEVEL.contains(entry));
    entries.into_iter().map(|entry| Finding::new(entry, 0, "does not belong at the top level")).collect()
}

/// Each Rust file starts with `//!`.
pub fn opening_comment(tree: &Tree) -> Vec<Finding> {
    let silent = tree.rust().filter(|file| !file.text.starts_with("//!"));
    silent
        .map(|file| {
            Finding::new(&file.path, 1, "open with `//!`: what it is for, and what it deliberately does not do")
        })
        .collect()
}

/// No file of ours has more than [`FILE_LINES_MAX`] lines; scripts without an ending count as well.
pub fn file_length(tree: &Tree) -> Vec<Finding> {
    let ours = |path: &str| !path.split('/').any(|part| part == "vendor");
    let counted = |file: &&File| file.has_ending(COUNTED) || file.text.starts_with("#!");
    let long = tree
        .files
        .iter()
        .filter(|file| ours(&file.path))
        .filter(counted)
        .filter(|file| file.text.lines().count() > FILE_LINES_MAX);
    long.map(|file| {
        Finding::new(
            &file.path,
            FILE_LINES_MAX,
            format!("has {} lines; split it by what its parts do", file.text.lines().count()),
        )
    })
    .collect()
}

/// No `mod.rs`, and no module whose name says nothing.
pub fn module_names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let stem = file.path.trim_end_matches(".rs");
        if stem == "mod" || stem.ends_with("/mod") {
            findings.push(Finding::new(&file.path, 0, "name the file after its module: `a.rs` beside the folder `a`"));
        }
        if let Some(name) = stem.split('/').find(|part| EMPTY_NAMES.contains(part)) {
            findings.push(Finding::new(&file.path, 0, format!("`{name}` does not say what is inside")));
        }
        let code = source::code(&file.text);
        for name in EMPTY_NAMES {
            // On the wire `common` is a package of its own, with its version: what several areas send.
            if file.path == "proto/src/lib.rs" {
                continue;
            }
            for line in source::lines_with(&code, &format!("mod {name} {{")) {
                findings.push(Finding::new(&file.path, line, format!("`{name}` does not say what is inside")));
            }
        }
    }
    findings
}

/// No `#[ignore]`: a test that does not run proves nothing.
pub fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    named(tree, &["#[ignore", ", ignore)"], "run the test, or delete it")
}

/// No `assert!(true)` and its like.
pub fn empty_asserts(tree: &Tree) -> Vec<Finding> {
    named(tree, &["assert!(true", "assert_eq!(true, true", "assert_eq!((), ())"], "assert something that may fail")
}

/// Whoever has a manager of passwords pastes them.
pub fn refused_pastes(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pages = tree.files.iter().filter(|file| file.path.starts_with("gateway/") && file.has_ending(&["html", "js"]));
    for file in pages {
        for (at, line) in file.text.lines().enumerate() {
            if ["onpaste", "\"paste\"", "'paste'"].iter().any(|word| line.contains(word)) {
                findings.push(Finding::new(&file.path, at + 1, "leave what is pasted alone"));
            }
        }
    }
    findings
}

/// No `todo!`, `unimplemented!` or `dbg!`.
pub fn leftovers(tree: &Tree) -> Vec<Finding> {
    named(tree, &["todo!", "unimplemented!", "dbg!"], "finish it")
}

fn named(tree: &Tree, patterns: &[&str], message: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let code = source::code(&file.text);
        for pattern in patterns {
            for line in source::lines_with(&code, pattern) {
                findings.push(Finding::new(&file.path, line, format!("`{pattern}`: {message}")));
            }
        }
    }
    findings
}
