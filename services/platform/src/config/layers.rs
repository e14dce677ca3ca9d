//! The four layers of configuration and where each value came from. Knows names, not meanings.

use std::{collections::BTreeMap, fmt, str::FromStr};

use super::{ConfigError, SETTINGS, Setting};

/// Where a value stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The file of this path.
    File(String),
    /// The variable of this name.
    Environment(String),
    /// The flag of this name.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// Collects layers; a later call beats an earlier one.
#[derive(Debug)]
pub struct Layers {
    values: BTreeMap<&'static str, (String, Origin)>,
}

impl Default for Layers {
    fn default() -> Self {
        Self::new()
    }
}

impl Layers {
    /// The defaults.
    pub fn new() -> Self {
        Self { values: SETTINGS.iter().map(|s| (s.name, (s.default.to_owned(), Origin::Default))).collect() }
    }

    /// Adds a TOML file's content.
    pub fn file(&mut self, path: &str, content: &str) -> Result<(), ConfigError> {
        let failed = |problem: String| ConfigError::File { path: path.to_owned(), problem };
        let table: toml::Table = content.parse().map_err(|e: toml::de::Error| failed(e.to_string()))?;
        for (name, value) in table {
            let setting = named(&name, |s| s.name.to_owned(), &Origin::File(path.to_owned()))?;
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(n) => n.to_string(),
                toml::Value::Float(n) => n.to_string(),
                toml::Value::Boolean(b) => b.to_string(),
                toml::Value::Array(items) => items
                    .iter()
                    .map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned))
                    .collect::<Vec<_>>()
                    .join(","),
                _ => return Err(failed(format!("`{name}` must be a text, a number or a list"))),
            };
            self.values.insert(setting.name, (text, Origin::File(path.to_owned())));
        }
        Ok(())
    }

    /// Adds the variables that begin with `TURNOUT_`. Those of the test suite (`TURNOUT_TEST_`) and the path of the
    /// configuration file (`TURNOUT_CONFIG`) are not settings.
    pub fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) -> Result<(), ConfigError> {
        for (name, value) in variables {
            if !name.starts_with("TURNOUT_") || name.starts_with("TURNOUT_TEST_") || name == "TURNOUT_CONFIG" {
                continue;
            }
            let setting = named(&name, Setting::env, &Origin::Environment(name.clone()))?;
            self.values.insert(setting.name, (value, Origin::Environment(name)));
        }
        Ok(())
    }

    /// Adds a flag's value.
    pub fn flag(&mut self, name: &'static str, value: String) {
        self.values.insert(name, (value, Origin::Flag(name.replace('_', "-"))));
    }

    /// No more layers.
    pub fn resolve(self) -> Resolved {
        Resolved { values: self.values }
    }
}

/// The setting that has this name in its layer. `name_of` tells what names look like there.
fn named(name: &str, name_of: impl Fn(&Setting) -> String, origin: &Origin) -> Result<&'static Setting, ConfigError> {
    SETTINGS.iter().find(|s| name_of(s) == name).ok_or_else(|| {
        let hint = SETTINGS
            .iter()
            .map(|s| (distance(&name_of(s), name), name_of(s)))
            .filter(|(d, _)| *d <= 3)
            .min()
            .map_or(String::new(), |(_, near)| format!(" (did you mean `{near}`?)"));
        ConfigError::Unknown { origin: origin.to_string(), name: name.to_owned(), hint }
    })
}

/// Levenshtein distance, for the hint in an error.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

/// Every setting with its value and origin. `Display` is the listing of `turnout config`.
#[derive(Debug)]
pub struct Resolved {
    values: BTreeMap<&'static str, (String, Origin)>,
}

impl Resolved {
    /// Where the value of a declared setting stood.
    pub fn origin(&self, name: &str) -> &Origin {
        &self.entry(name).1
    }

    fn entry(&self, name: &str) -> &(String, Origin) {
        self.values.get(name).expect("only declared settings are asked for")
    }

    /// The value through a check of its own.
    pub fn with<T>(&self, name: &'static str, check: impl Fn(&str) -> Result<T, String>) -> Result<T, ConfigError> {
        let (value, origin) = self.entry(name);
        check(value).map_err(|problem| ConfigError::Impossible {
            name,
            value: shown(name, value),
            origin: origin.to_string(),
            problem,
        })
    }

    /// The value by its type's own syntax.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&self, name: &'static str) -> Result<T, ConfigError> {
        self.with(name, |v| v.parse::<T>().map_err(|e| e.to_string()))
    }

    /// The value, or none when it is empty.
    pub fn optional<T>(
        &self,
        name: &'static str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.with(name, |v| if v.is_empty() { Ok(None) } else { check(v).map(Some) })
    }

    /// The values between the commas.
    pub fn list<T>(
        &self,
        name: &'static str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        self.with(name, |v| v.split(',').map(str::trim).filter(|p| !p.is_empty()).map(&check).collect())
    }
}

fn shown(name: &str, value: &str) -> String {
    let secret = SETTINGS.iter().any(|s| s.name == name && s.secret);
    if secret && !value.is_empty() { "(hidden)".into() } else { value.to_owned() }
}

impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in SETTINGS {
            let (value, origin) = self.entry(setting.name);
            let value = if value.is_empty() { "(not set)".to_owned() } else { shown(setting.name, value) };
            writeln!(f, "{:<22} {:<28} {origin}", setting.name, value)?;
            writeln!(f, "{:<22}   {}", "", setting.help)?;
        }
        Ok(())
    }
}
