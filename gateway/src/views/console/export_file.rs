//! What an export looks like: CSV as RFC 4180 says, safe to open in a spreadsheet, or JSON. Rows are written one at a time, so that
//! an export of any length needs the memory of one row.

use serde_json::Value;

use super::super::{show, text::console as words};

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
}

impl Format {
    /// From a form; anything else than `json` is CSV.
    pub fn of(word: &str) -> Self {
        if word == "json" { Self::Json } else { Self::Csv }
    }

    /// The end of the file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
        }
    }
}

/// Tells spreadsheets that the text is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A file under construction.
#[derive(Clone, Debug)]
pub struct ExportFile {
    format: Format,
    /// The name for programs and the heading of each column.
    columns: Vec<(String, String)>,
    matching: u64,
    written: u64,
}

impl ExportFile {
    /// An export of so many rows.
    pub fn new(format: Format, columns: Vec<(String, String)>, matching: u64) -> Self {
        Self { format, columns, matching, written: 0 }
    }

    /// What comes before the rows.
    pub fn head(&self) -> String {
        match self.format {
            Format::Csv => {
                let headings: Vec<&str> = self.columns.iter().map(|(_, heading)| heading.as_str()).collect();
                format!("{BYTE_ORDER_MARK}{}", csv_row(&headings))
            }
            Format::Json => format!("{{\"matching\":{},\"rows\":[\n", self.matching),
        }
    }

    /// One row; its cells in the order of the columns.
    pub fn row(&mut self, cells: &[String]) -> String {
        self.written += 1;
        match self.format {
            Format::Csv => csv_row(cells),
            Format::Json => {
                let comma = if self.written > 1 { "," } else { "" };
                let pairs =
                    self.columns.iter().zip(cells).map(|((key, _), cell)| (key.clone(), Value::from(cell.as_str())));
                format!("{comma}{}\n", Value::Object(pairs.collect()))
            }
        }
    }

    /// What comes in place of further rows when they cannot be had. In CSV it is a line that people see and that is shorter than any row;
    /// JSON just lacks its end.
    pub fn broken_off(&self) -> String {
        match self.format {
            Format::Csv => {
                let told = words::EXPORT_BROKE_OFF.replace("{done}", &show::grouped(self.written));
                csv_row(&[told.replace("{all}", &show::grouped(self.matching))])
            }
            Format::Json => String::new(),
        }
    }

    /// What comes after the rows. A file without it is not whole: in JSON it says how many there should be.
    pub fn tail(&self) -> String {
        match self.format {
            Format::Csv => String::new(),
            Format::Json => format!("],\"written\":{},\"complete\":true}}\n", self.written),
        }
    }
}

/// What formulas begin with; the wide forms are taken for the same in East Asian editions.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

fn csv_row<T: AsRef<str>>(cells: &[T]) -> String {
    let mut row = cells.iter().map(|cell| csv_cell(cell.as_ref())).collect::<Vec<_>>().join(",");
    row.push_str("\r\n");
    row
}

/// Always quoted, so that nothing in it ends the cell. An apostrophe stands before what a spreadsheet would take for a formula: at the
/// beginning, and behind what ends a cell for a program that separates them by something else, such as a semicolon where the comma
/// belongs to numbers. A telephone number stays readable: the apostrophe keeps its plus.
fn csv_cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len() + 2);
    cell.push('"');
    if text.starts_with(['\t', '\r', '\n']) {
        cell.push('\'');
    }
    let mut begins = true;
    for letter in text.chars() {
        if begins && FORMULA.contains(&letter) {
            cell.push('\'');
        }
        if letter == '"' {
            // Such a program may take it for the beginning of a quoted cell.
            cell.push('"');
        } else {
            begins = matches!(letter, ';' | '\t' | '\r' | '\n');
        }
        cell.push(letter);
    }
    cell.push('"');
    cell
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> Vec<(String, String)> {
        vec![("name".into(), "Name".into()), ("note".into(), "A, \"quoted\" heading".into())]
    }

    #[test]
    fn item_31_no_cell_is_a_formula() {
        let evil = [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "＝1",
            "＋1",
            "－1",
            "＠A",
            "\tx",
            "\r=1",
            "\n=1",
            "=HYPERLINK(\"evil\",\"x\")",
        ];
        for evil in evil {
            let cell = csv_cell(evil);
            assert!(cell.starts_with("\"'"), "{cell:?}");
        }
        assert_eq!(csv_cell("Anna"), "\"Anna\"");
        assert_eq!(csv_cell("a\"b"), "\"a\"\"b\"");
        assert_eq!(csv_cell("two\nlines"), "\"two\nlines\"");
        assert_eq!(csv_cell("+49 151 234-56"), "\"'+49 151 234-56\"");
        assert_eq!(csv_cell("Smith-Jones; a=b"), "\"Smith-Jones; a=b\"", "what is none stays as it is");
        assert_eq!(csv_cell("x;=HYPERLINK(1)"), "\"x;'=HYPERLINK(1)\"");
        assert_eq!(csv_cell("x;\"=1"), "\"x;\"\"'=1\"");
    }

    #[test]
    fn a_csv_file_begins_with_the_mark_and_its_headings() {
        let mut file = ExportFile::new(Format::Csv, columns(), 1);
        let text = file.head() + &file.row(&["Zoë".into(), String::new()]) + &file.tail();
        assert_eq!(text, "\u{feff}\"Name\",\"A, \"\"quoted\"\" heading\"\r\n\"Zoë\",\"\"\r\n");
    }

    #[test]
    fn a_json_file_says_at_its_end_that_it_is_whole() {
        let mut file = ExportFile::new(Format::Json, columns(), 2);
        let text =
            file.head() + &file.row(&["a".into(), "b".into()]) + &file.row(&["c\"".into(), "=1".into()]) + &file.tail();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["matching"], 2);
        assert_eq!(read["rows"][1]["name"], "c\"");
        assert_eq!(read["rows"][1]["note"], "=1");
        assert_eq!((read["written"].as_u64(), read["complete"].as_bool()), (Some(2), Some(true)));
    }

    #[test]
    fn a_file_that_breaks_off_does_not_look_whole() {
        let broken = |format| {
            let mut file = ExportFile::new(format, columns(), 1_234);
            file.head() + &file.row(&["Anna".into(), String::new()]) + &file.broken_off()
        };
        let csv = broken(Format::Csv);
        let last = "\"NOT COMPLETE: this download broke off after 1 of 1,234 rows. Download it again.\"\r\n";
        assert!(csv.ends_with(&format!("\"Anna\",\"\"\r\n{last}")), "{csv}");
        assert!(serde_json::from_str::<Value>(&broken(Format::Json)).is_err());
    }

    /// A reader after RFC 4180, written apart from the writer.
    fn read_csv(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut cell)),
                '\r' if !quoted && letters.peek() == Some(&'\n') => {
                    letters.next();
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                other => cell.push(other),
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn every_text_comes_back_from_a_csv_file(
            cells in prop::collection::vec("[a-zä\",;\t\r\n=+@＝＋－＠ -]{0,12}", 1..5),
        ) {
            let row = csv_row(&cells);
            let read = read_csv(&row);
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(read[0].len(), cells.len());
            for (back, cell) in read[0].iter().zip(&cells) {
                prop_assert_eq!(&back.replace('\'', ""), cell, "only apostrophes are added");
                prop_assert!(!back.starts_with(FORMULA) && !back.starts_with(['\t', '\r', '\n']));
            }
            // Item 31: nor is there a formula for whoever knows no quotes, or another separator.
            for part in row.split([';', '\t', '\r', '\n']) {
                prop_assert!(!part.trim_start_matches('"').starts_with(FORMULA), "{:?} in {:?}", part, row);
            }
        }
    }
}
