//! The structure of this repository, as rules that a test can check: layers, fences, purity and the form of files.
//!
//! A rule is a pure function from a [`Tree`] to findings, so that each can be shown a planted fault. Deliberately no compiler:
//! the rules read text and `cargo metadata`, which is enough to see an arrow that points upward.

pub mod form;
pub mod layers;
pub mod source;

use std::{fmt, fs, io, path::Path};

/// Folders that hold nothing of ours, wherever they are.
const SKIPPED: [&str; 3] = [".git", "target", "node_modules"];
/// Entries of the root that a run of the program or of the tests leaves there; `.gitignore` names them.
const LEFT_BY_RUNS: [&str; 1] = ["data"];

/// What the rules look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// Every text file, by its path from the root, with `/`.
    pub files: Vec<File>,
    /// The crates of the workspace.
    pub crates: Vec<Crate>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// Does the name end with one of these, after the last dot?
    pub fn has_ending(&self, endings: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crate {
    pub name: String,
    /// From the root, without a slash at the end: `services/roster`.
    pub folder: String,
    /// Names of all dependencies of any kind (normal, build, dev).
    pub dependencies: Vec<String>,
}

/// One place that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    /// 1 is the first line; 0 means the file or crate as a whole.
    pub line: usize,
    pub message: String,
}

impl Finding {
    pub fn new(path: impl Into<String>, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// A rule and the sentence that it enforces.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub sentence: &'static str,
    pub check: fn(&Tree) -> Vec<Finding>,
}

/// Every rule of this repository.
pub const RULES: &[Rule] = &[
    Rule { sentence: "a crate imports only crates of lower layers", check: layers::arrows_point_down },
    Rule {
        sentence: "a fenced library is a dependency only of the crates behind its fence",
        check: layers::fenced_dependencies,
    },
    Rule { sentence: "a fenced library is used only in the folders behind its fence", check: layers::fenced_uses },
    Rule {
        sentence: "pure code neither waits, nor talks, nor asks for the time or for chance",
        check: layers::pure_code,
    },
    Rule { sentence: "a crate inherits the lints of the workspace", check: form::inherited_lints },
    Rule { sentence: "a dependency's version stands at the root only", check: form::versions_at_the_root },
    Rule { sentence: "the top level holds only its fixed entries", check: form::top_level },
    Rule { sentence: "a Rust file opens with what it is for", check: form::opening_comment },
    Rule { sentence: "a file has at most 600 lines", check: form::file_length },
    Rule { sentence: "a module is named for what it does", check: form::module_names },
    Rule { sentence: "no test is ignored", check: form::ignored_tests },
    Rule { sentence: "no test asserts what always holds", check: form::empty_asserts },
    Rule { sentence: "no page keeps anybody from pasting", check: form::refused_pastes },
    Rule { sentence: "nothing unfinished is left in the code", check: form::leftovers },
];

impl Tree {
    /// Reads the repository at `root`; files that are not text are left out.
    ///
    /// # Errors
    /// A folder that cannot be read, or a manifest that cargo refuses.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        collect(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let metadata =
            cargo_metadata::MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec()?;
        let root = &metadata.workspace_root;
        let crates = metadata.packages.iter().map(|package| Crate {
            name: package.name.to_string(),
            folder: package
                .manifest_path
                .parent()
                .and_then(|folder| folder.strip_prefix(root).ok())
                .map_or(String::new(), ToString::to_string),
            dependencies: package.dependencies.iter().map(|dependency| dependency.name.clone()).collect(),
        });
        Ok(Self { files, crates: crates.collect() })
    }

    /// The Rust sources.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.has_ending(&["rs"]))
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) || prefix.is_empty() && LEFT_BY_RUNS.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        // Links are not followed: what they point to is either ours, and seen there, or not ours.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            files.push(File { path, text });
        }
    }
    Ok(())
}
