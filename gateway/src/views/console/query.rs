//! What a list's address says: search, filters, order, page. The same text is read from the address, put into hidden fields and
//! written into links, so that a list can be bookmarked, sent to a colleague and exported just as it is shown.
//!
//! A value that we do not know is no filter, as if it were not there.

use serde::Deserialize;

/// How many earlier pages an address remembers; further back, the first page is one step away.
const BACK_MAX: usize = 8;
/// Between the tokens of earlier pages. Tokens are base64url or the like and never hold it.
const BACK_MARK: char = '~';

/// Rows on a page, unless one of the others is asked for.
pub const PAGE_SIZE: usize = 50;
/// What else may be asked for. The largest is the largest page of the services, and as many as one bulk act may name.
pub const PAGE_SIZES: [usize; 2] = [200, 500];

/// What a purpose without a channel means.
const CHANNEL_USUAL: &str = "email";

/// The address of a list of registrants or people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    /// Words to search for.
    pub q: String,
    /// `registered`, `waiting` or `cancelled`.
    pub state: String,
    /// `invited`, `confirmed` or `declined`.
    pub rsvp: String,
    /// `unpaid`, `paid` or `refunded`.
    pub paid: String,
    /// `site`, `online` or `both`.
    pub mode: String,
    /// `yes` or `no`.
    pub entered: String,
    /// Checked in: `yes` or `no`.
    pub arrived: String,
    /// Of people: only who agreed to this purpose, such as `marketing`.
    pub purpose: String,
    /// And over this channel.
    pub channel: String,
    /// Whether answers are shown: `yes`.
    pub answers: String,
    /// What it is sorted by; empty: by time, newest first.
    pub sort: String,
    /// `up` or `down`.
    pub dir: String,
    /// The token of this page; empty for the first.
    pub page: String,
    /// The tokens of the pages before this one, each followed by a mark.
    pub back: String,
    /// Rows on a page, one of `PAGE_SIZES`; anything else means the usual.
    pub rows: String,
    /// Rows before this page; not for who agreed to something, whose pages are not all of one length.
    pub from: String,
}

impl ListQuery {
    fn pairs(&self) -> [(&'static str, &str); 16] {
        [
            ("q", &self.q),
            ("state", &self.state),
            ("rsvp", &self.rsvp),
            ("paid", &self.paid),
            ("mode", &self.mode),
            ("entered", &self.entered),
            ("arrived", &self.arrived),
            ("purpose", &self.purpose),
            ("channel", &self.channel),
            ("answers", &self.answers),
            ("sort", &self.sort),
            ("dir", &self.dir),
            ("page", &self.page),
            ("back", &self.back),
            ("from", &self.from),
            ("rows", &self.rows),
        ]
    }

    /// As the end of an address: empty, or a question mark and what is set.
    pub fn to_address(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.pairs().into_iter().filter(|(_, value)| !value.is_empty()) {
            out.append_pair(name, value);
        }
        let text = out.finish();
        if text.is_empty() { text } else { format!("?{text}") }
    }

    /// What says which rows and columns, without the page: for hidden fields of an export.
    pub fn selection(&self) -> Vec<(&'static str, &str)> {
        self.pairs().into_iter().take(12).filter(|(_, value)| !value.is_empty()).collect()
    }

    /// Only some rows are asked for.
    pub fn narrows(&self) -> bool {
        self.pairs().into_iter().take(9).any(|(_, value)| !value.trim().is_empty())
    }

    /// How many filters are set beside the search.
    pub fn filters(&self) -> usize {
        self.pairs().into_iter().take(10).skip(1).filter(|(_, value)| !value.is_empty()).count()
    }

    /// Only people who agreed to something are asked for.
    pub fn is_consenting(&self) -> bool {
        !self.purpose.is_empty()
    }

    /// As a list of people takes it. Who agreed to something is a list of its own, which is neither searched nor sorted.
    #[must_use]
    pub fn of_people(self) -> Self {
        let purpose = self.purpose.trim().to_owned();
        if purpose.is_empty() {
            return Self { purpose, channel: String::new(), ..self };
        }
        let channel = if self.channel.is_empty() { CHANNEL_USUAL.to_owned() } else { self.channel };
        Self { purpose, channel, page: self.page, back: self.back, ..Self::default() }
    }

    /// Without a sort it is by time, newest first.
    pub fn sorted_by(&self) -> &str {
        if self.sort.is_empty() { "time" } else { &self.sort }
    }

    /// Largest, newest, or Z first.
    pub fn is_descending(&self) -> bool {
        if self.dir.is_empty() { self.sorted_by() == "time" } else { self.dir == "down" }
    }

    /// The first page sorted by this; the other way round when it is so already.
    #[must_use]
    pub fn sort_by(&self, sort: &str) -> Self {
        let down = if self.sorted_by() == sort { !self.is_descending() } else { sort == "time" };
        Self { sort: sort.to_owned(), dir: if down { "down" } else { "up" }.to_owned(), ..self.first_page() }
    }

    /// The first page of the same list.
    #[must_use]
    pub fn first_page(&self) -> Self {
        Self { page: String::new(), back: String::new(), from: String::new(), ..self.clone() }
    }

    /// The page that a token opens, after one of so many rows.
    #[must_use]
    pub fn next_page(&self, token: &str, rows: usize) -> Self {
        let mut back = format!("{}{}{BACK_MARK}", self.back, self.page);
        let pages = back.matches(BACK_MARK).count();
        if pages > BACK_MAX {
            let cut = back.match_indices(BACK_MARK).nth(pages - BACK_MAX - 1).map_or(0, |(at, mark)| at + mark.len());
            back.drain(..cut);
        }
        let from = if self.is_consenting() { String::new() } else { (self.rows_before() + rows as u64).to_string() };
        Self { page: token.to_owned(), back, from, ..self.clone() }
    }

    /// The page before; none on the first one, and none that is remembered far from it.
    pub fn previous_page(&self, rows: usize) -> Option<Self> {
        let (earlier, page) = match self.back.strip_suffix(BACK_MARK)?.rsplit_once(BACK_MARK) {
            Some((earlier, page)) => (format!("{earlier}{BACK_MARK}"), page),
            None => (String::new(), self.back.trim_end_matches(BACK_MARK)),
        };
        let before = self.rows_before().saturating_sub(rows as u64);
        let from = if page.is_empty() || self.is_consenting() { String::new() } else { before.to_string() };
        Some(Self { page: page.to_owned(), back: earlier, from, ..self.clone() })
    }

    /// Rows on a page of registrants.
    pub fn page_size(&self) -> usize {
        let asked = self.rows.parse().ok();
        PAGE_SIZES.into_iter().find(|size| asked == Some(*size)).unwrap_or(PAGE_SIZE)
    }

    /// Rows before this page.
    pub fn rows_before(&self) -> u64 {
        self.from.parse().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_forth_and_back_to_where_one_was() {
        let first = ListQuery { q: "anna".into(), ..ListQuery::default() };
        let second = first.next_page("t2", 50);
        let third = second.next_page("t3", 50);
        assert_eq!((third.page.as_str(), third.rows_before()), ("t3", 100));
        assert_eq!(third.previous_page(50), Some(second.clone()));
        assert_eq!(second.previous_page(50), Some(first.clone()));
        assert_eq!(first.previous_page(50), None);
        assert_eq!(third.first_page(), first);
    }

    #[test]
    fn a_page_has_as_many_rows_as_one_of_the_sizes_says() {
        for (rows, size) in [("", 50), ("50", 50), ("200", 200), ("500", 500), ("501", 50), ("-1", 50), ("many", 50)] {
            assert_eq!(ListQuery { rows: rows.into(), ..ListQuery::default() }.page_size(), size, "{rows}");
        }
        let query = ListQuery { rows: "200".into(), ..ListQuery::default() };
        assert!(!query.narrows() && query.filters() == 0 && query.selection().is_empty());
        assert_eq!(query.next_page("t2", 200).to_address(), "?page=t2&back=%7E&from=200&rows=200");
    }

    #[test]
    fn an_address_remembers_only_some_pages() {
        let mut query = ListQuery::default();
        for page in 2..40 {
            query = query.next_page(&format!("t{page}"), 50);
        }
        let mut steps = 0;
        while let Some(previous) = query.previous_page(50) {
            query = previous;
            steps += 1;
        }
        assert_eq!(steps, BACK_MAX);
        assert_eq!(query.page, "t31");
    }

    #[test]
    fn sorting_by_the_same_column_turns_it_round_and_leaves_the_page() {
        let query = ListQuery { page: "t".into(), back: "~".into(), from: "50".into(), ..ListQuery::default() };
        assert!(query.is_descending());
        let by_name = query.sort_by("name");
        assert_eq!((by_name.sorted_by(), by_name.is_descending(), by_name.page.as_str()), ("name", false, ""));
        assert!(by_name.sort_by("name").is_descending());
        assert!(!query.sort_by("time").is_descending());
    }

    #[test]
    fn item_49_a_list_of_who_agreed_names_its_purpose_and_channel_and_keeps_no_search() {
        let asked =
            ListQuery { q: "anna".into(), sort: "name".into(), purpose: " marketing ".into(), ..ListQuery::default() };
        let asked = asked.of_people();
        assert_eq!(asked.to_address(), "?purpose=marketing&channel=email");
        assert_eq!(asked.selection(), [("purpose", "marketing"), ("channel", "email")]);
        let second = asked.next_page("t2", 20);
        assert_eq!(second.to_address(), "?purpose=marketing&channel=email&page=t2&back=%7E");
        assert_eq!(second.next_page("t3", 50).previous_page(50), Some(second.clone()));
        assert_eq!(second.clone().of_people(), second);
        let social = ListQuery { channel: "social".into(), ..asked }.of_people();
        assert_eq!(social.channel, "social");
        let everybody = ListQuery { q: "anna".into(), channel: "sms".into(), ..ListQuery::default() }.of_people();
        assert_eq!((everybody.to_address().as_str(), everybody.is_consenting()), ("?q=anna", false));
    }

    #[test]
    fn the_address_holds_what_is_set_and_nothing_else() {
        let query = ListQuery { q: "a & b=c".into(), paid: "unpaid".into(), ..ListQuery::default() };
        assert_eq!(query.to_address(), "?q=a+%26+b%3Dc&paid=unpaid");
        assert_eq!(ListQuery::default().to_address(), "");
        assert!(query.narrows() && !ListQuery::default().narrows());
    }
}
