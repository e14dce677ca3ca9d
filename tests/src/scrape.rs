//! What a process exports at `/metrics`, read strictly: a line that is not OpenMetrics text is a failure, not skipped.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};

use crate::process::Turnout;

/// The types that a family may have (OpenMetrics 1.0).
const TYPES: [&str; 8] = ["unknown", "gauge", "counter", "stateset", "info", "histogram", "gaugehistogram", "summary"];

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name, suffix included.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// All samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scrape {
    /// In the order of the text.
    pub samples: Vec<Sample>,
    /// Families by name, with their type.
    pub types: BTreeMap<String, String>,
}

impl Scrape {
    /// Of a process now.
    pub async fn of(mesh: &Turnout) -> Self {
        let text = Self::text(mesh).await;
        Self::parse(&text).unwrap_or_else(|error| panic!("{error:#}\n{text}"))
    }

    /// The text of a process now.
    pub async fn text(mesh: &Turnout) -> String {
        let answer =
            reqwest::get(format!("http://{}/metrics", mesh.admin())).await.expect("the operators' port answers");
        answer.text().await.expect("metrics are text")
    }

    /// Reads it.
    ///
    /// # Errors
    /// Names the first line that is none.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let body = text.strip_suffix("# EOF\n").context("the text does not end with `# EOF`")?;
        let mut scrape = Self::default();
        for line in body.lines() {
            scrape.line(line).with_context(|| format!("line `{line}`"))?;
        }
        Ok(scrape)
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        if let Some(comment) = line.strip_prefix("# ") {
            let (kind, rest) = comment.split_once(' ').context("a comment has a kind")?;
            let (family, said) = rest.split_once(' ').context("it names a family")?;
            ensure!(is_name(family), "`{family}` is no name");
            match kind {
                "HELP" => ensure!(!said.trim().is_empty(), "the help is empty"),
                "UNIT" => ensure!(family.ends_with(&format!("_{said}")), "the name does not end with its unit"),
                "TYPE" => {
                    ensure!(TYPES.contains(&said), "no such type");
                    ensure!(self.types.insert(family.into(), said.into()).is_none(), "a family is told twice");
                }
                other => bail!("no such comment: {other}"),
            }
            return Ok(());
        }
        let sample = sample(line)?;
        let suffixes = ["", "_total", "_created", "_bucket", "_sum", "_count", "_info"];
        let known = suffixes.iter().any(|s| sample.name.strip_suffix(s).is_some_and(|f| self.types.contains_key(f)));
        ensure!(known, "its family has no type");
        let twin = self.samples.iter().any(|other| other.name == sample.name && other.labels == sample.labels);
        ensure!(!twin, "the same series stands there twice");
        self.samples.push(sample);
        Ok(())
    }

    /// The sum over the series of a name with these labels, of things that are counted; 0 while there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(name, value)| sample.labels.get(*name).is_some_and(|v| v == value))
        };
        self.samples.iter().filter(fits).map(|sample| sample.value).sum::<f64>().round() as i64
    }
}

fn sample(line: &str) -> anyhow::Result<Sample> {
    let end = line.find(['{', ' ']).context("no value")?;
    let (name, mut rest) = line.split_at(end);
    ensure!(is_name(name), "`{name}` is no name");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").context("a label has a value")?;
            ensure!(is_name(label) && !label.contains(':'), "`{label}` is no label");
            let (value, after) = quoted(after)?;
            ensure!(labels.insert(label.to_owned(), value).is_none(), "a label stands there twice");
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').context("no space before the value")?;
    // An exemplar may follow, after a hash.
    let value = value.split(" # ").next().unwrap_or_default();
    let value = value.parse().with_context(|| format!("`{value}` is no number"))?;
    Ok(Sample { name: name.to_owned(), labels, value })
}

/// A value up to its closing quote, and what comes after.
fn quoted(text: &str) -> anyhow::Result<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next().context("an escape has a character")?.1 {
                'n' => value.push('\n'),
                escaped @ ('"' | '\\') => value.push(escaped),
                other => bail!("no such escape: {other}"),
            },
            c => value.push(c),
        }
    }
    bail!("a value has no end")
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().all(fits) && name.starts_with(|c: char| !c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_labels_and_escapes() {
        let text = "# HELP a Things.\n# TYPE a counter\na_total{x=\"1\",y=\"q\\\"\\n\"} 3\na_total 4\n# EOF\n";
        let scrape = Scrape::parse(text).unwrap();
        assert_eq!(scrape.sum("a_total", &[]), 7);
        assert_eq!(scrape.sum("a_total", &[("x", "1")]), 3);
        assert_eq!(scrape.samples[0].labels["y"], "q\"\n");
    }

    #[test]
    fn what_is_not_openmetrics_is_refused() {
        for bad in [
            "a 1\n# EOF\n",
            "# TYPE a gauge\na\n# EOF\n",
            "# TYPE a gauge\na x\n# EOF\n",
            "# TYPE a gauge\na{x=\"} 1\n# EOF\n",
            "# TYPE a gauge\na 1\na 2\n# EOF\n",
            "# TYPE a guage\na 1\n# EOF\n",
            "# TYPE a gauge\na 1\n",
        ] {
            assert!(Scrape::parse(bad).is_err(), "{bad}");
        }
    }
}
