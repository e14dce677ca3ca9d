//! Every page and fragment, rendered and compared with the file of its name in `golden/`. After a wanted change run the tests once with
//! `TURNOUT_GOLDEN=write` and read the difference before you commit it.

mod audience;
mod console;
mod public;
mod recipients;
mod studio;

use std::path::Path;

use askama::Template;

use super::*;

const AS_OF_MS: i64 = 1_795_000_000_000;

#[test]
fn no_page_needs_inline_styles_or_scripts_or_another_host() {
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let html = std::fs::read_to_string(&path).unwrap();
        for forbidden in
            [" style=", "<style", " onclick", " hx-on", "javascript:", "src=\"http", "href=\"http", "src=\"//"]
        {
            assert!(!html.contains(forbidden), "{} contains {forbidden}", path.display());
        }
        let scripts = html.matches("<script").count();
        assert_eq!(
            scripts,
            html.matches("<script src=").count() + html.matches("<script type=\"module\" src=").count()
        );
    }
}

#[test]
fn digits_are_grouped_by_threes() {
    for (number, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(show::grouped(number), shown);
        assert_eq!(show::places(number), shown.len());
    }
}

#[test]
fn the_series_is_written_as_four_columns() {
    let series =
        Series { t: vec![1, 2], viewers: vec![Some(5), None], low: vec![Some(4), None], high: vec![Some(6), None] };
    let json = serde_json::to_string(&series).unwrap();
    assert_eq!(json, r#"{"t":[1,2],"viewers":[5,null],"low":[4,null],"high":[6,null]}"#);
}

fn number(viewers: u64, low: u64, high: u64) -> LiveNumber {
    LiveNumber { viewers, low, high, as_of_ms: AS_OF_MS, stale: false }
}

pub(super) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/views/golden"))
}

/// Compares with the file, but for the hashes of assets, which change with each edit of a style.
fn golden(name: &str, page: &impl Template) {
    let mut html = page.render().unwrap();
    let mut from = 0;
    while let Some(at) = html[from..].find("?v=") {
        from += at + "?v=".len();
        html.replace_range(from..from + 16, "HASH");
    }
    let path = folder().join(format!("{name}.html"));
    if std::env::var_os("TURNOUT_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(&path, &html).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(wanted == html, "{name} differs from {}; see the top of this file", path.display());
}
