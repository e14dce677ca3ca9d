//! Compares a declared table with the one found in a store: what to create or add, and what must not be touched. Pure.
//!
//! Schemas only grow. A column that is found but no longer declared stays and is ignored, so that the previous release can start
//! again after a roll-back; a changed key, kind or sort of lifetime is an error, because it would need a copy of the data.

use super::declare::Role;
use super::{Column, Kind, Table, TableError};

/// A column as a store describes it.
#[derive(Debug)]
pub(super) struct Found {
    pub name: String,
    /// In the engine's words.
    pub kind: String,
    pub role: String,
    /// Place within the role; without meaning for columns outside the key.
    pub place: i64,
}

/// What brings the found table to the declared one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    CreateTable,
    AddColumn(&'static Column),
    /// New rows get another lifetime.
    ChangeLifetime,
}

/// The words of `system_schema.columns`, used by both engines.
pub(super) fn role_word(role: Role) -> &'static str {
    match role {
        Role::Partition => "partition_key",
        Role::Clustering => "clustering",
        Role::Plain => "regular",
    }
}

/// `kind_word` gives the engine's word for a kind.
pub(super) fn steps(
    table: &'static Table,
    found: &[Found],
    lifetime_s: Option<u32>,
    kind_word: fn(Kind) -> &'static str,
) -> Result<Vec<Step>, TableError> {
    if found.is_empty() {
        return Ok(vec![Step::CreateTable]);
    }
    let mut steps = Vec::new();
    for (role, place, column) in table.roles() {
        let (kind, word) = (kind_word(column.kind), role_word(role));
        match found.iter().find(|f| f.name == column.name) {
            None if role == Role::Plain => steps.push(Step::AddColumn(column)),
            None => return Err(differs(table, column.name, &format!("{word} {kind}"), "nothing")),
            Some(f) if f.kind != kind || f.role != word => {
                return Err(differs(table, column.name, &format!("{word} {kind}"), &format!("{} {}", f.role, f.kind)));
            }
            Some(f) if role != Role::Plain && f.place != place as i64 => {
                return Err(differs(
                    table,
                    column.name,
                    &format!("{word} at {place}"),
                    &format!("{word} at {}", f.place),
                ));
            }
            Some(_) => {}
        }
    }
    let regular = role_word(Role::Plain);
    if let Some(f) = found.iter().find(|f| f.role != regular && table.position(&f.name).is_none()) {
        return Err(differs(table, &f.name, "nothing", &format!("{} {}", f.role, f.kind)));
    }
    match (table.lifetime_s, lifetime_s) {
        (declared, found) if declared == found => {}
        (Some(_), Some(_)) => steps.push(Step::ChangeLifetime),
        (declared, found) => return Err(differs(table, "(lifetime)", &format!("{declared:?}"), &format!("{found:?}"))),
    }
    Ok(steps)
}

fn differs(table: &Table, column: &str, declared: &str, found: &str) -> TableError {
    TableError::Schema(format!("table {}, column {column}: declared {declared}, found {found}", table.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{int, text};

    static VISITS: Table = Table {
        name: "visits",
        question: "Who came?",
        partition: &[text("event")],
        clustering: &[int("at")],
        columns: &[text("cause")],
        lifetime_s: Some(60),
    };

    fn word(kind: Kind) -> &'static str {
        if kind == Kind::Int { "bigint" } else { "text" }
    }

    fn found(columns: &[(&str, &str, &str, i64)]) -> Vec<Found> {
        let of = |&(name, kind, role, place): &(&str, &str, &str, i64)| Found {
            name: name.into(),
            kind: kind.into(),
            role: role.into(),
            place,
        };
        columns.iter().map(of).collect()
    }

    const EVENT: (&str, &str, &str, i64) = ("event", "text", "partition_key", 0);
    const AT: (&str, &str, &str, i64) = ("at", "bigint", "clustering", 0);
    const CAUSE: (&str, &str, &str, i64) = ("cause", "text", "regular", -1);

    #[test]
    fn a_missing_table_is_created_and_a_missing_column_added() {
        assert_eq!(steps(&VISITS, &[], None, word), Ok(vec![Step::CreateTable]));
        assert_eq!(steps(&VISITS, &found(&[AT, EVENT]), Some(60), word), Ok(vec![Step::AddColumn(&VISITS.columns[0])]));
        assert_eq!(steps(&VISITS, &found(&[AT, EVENT, CAUSE]), Some(60), word), Ok(vec![]));
    }

    #[test]
    fn a_column_of_a_newer_release_is_left_alone() {
        assert_eq!(
            steps(&VISITS, &found(&[AT, EVENT, CAUSE, ("new", "blob", "regular", -1)]), Some(60), word),
            Ok(vec![])
        );
    }

    #[test]
    fn every_other_difference_names_table_column_declared_and_found() {
        let message =
            |columns: &[_], lifetime| steps(&VISITS, &found(columns), lifetime, word).expect_err("differs").to_string();
        let kind = message(&[EVENT, AT, ("cause", "blob", "regular", -1)], Some(60));
        assert_eq!(kind, "schema: table visits, column cause: declared regular text, found regular blob");
        assert!(message(&[EVENT, CAUSE], Some(60)).contains("column at: declared clustering bigint, found nothing"));
        assert!(
            message(&[EVENT, ("at", "bigint", "clustering", 1), CAUSE], Some(60))
                .contains("declared clustering at 0, found clustering at 1")
        );
        assert!(
            message(&[EVENT, AT, CAUSE, ("n", "bigint", "clustering", 1)], Some(60))
                .contains("column n: declared nothing")
        );
        assert!(message(&[EVENT, AT, CAUSE], None).contains("(lifetime): declared Some(60), found None"));
    }

    #[test]
    fn another_lifetime_is_taken_over() {
        assert_eq!(steps(&VISITS, &found(&[AT, EVENT, CAUSE]), Some(30), word), Ok(vec![Step::ChangeLifetime]));
    }
}
