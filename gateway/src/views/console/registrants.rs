//! The registrants of an event: the statistics, the list with its search and filters, and the form to register somebody by hand.

use askama::Template;
use turnout_proto::registration::v1::Statistics;

use super::{
    super::{LiveNumber, show, text, text::console as words},
    query::{self, ListQuery},
    registrant::{AnswerField, Entry},
    rows::{Column, RegistrantRow},
    shell::{EventFacts, EventHead, Shell},
};
use crate::assets;

/// What is said about the last thing that was tried.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The sentence.
    pub text: String,
    /// It did not work.
    pub bad: bool,
}

/// `GET /console/events/<id>/registrants`
#[derive(Clone, Debug, Template)]
#[template(path = "console/registrants.html")]
pub struct RegistrantsPage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// The three statistics.
    pub statistics: StatisticsPart,
    /// The list.
    pub table: RegistrantsTable,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl RegistrantsPage {
    fn filters(&self) -> Vec<FilterField> {
        let (query, event) = (&self.table.query, &self.head.facts);
        let mut fields = vec![FilterField::new(
            "state",
            words::FILTER_STATE,
            &query.state,
            &[
                ("registered", words::STATE_REGISTERED),
                ("waiting", words::STATE_WAITING),
                ("cancelled", words::STATE_CANCELLED),
            ],
        )];
        if event.rsvp {
            fields.push(FilterField::new(
                "rsvp",
                words::FILTER_RSVP,
                &query.rsvp,
                &[
                    ("confirmed", words::RSVP_CONFIRMED),
                    ("invited", words::RSVP_INVITED),
                    ("declined", words::RSVP_DECLINED),
                ],
            ));
        }
        if event.price.is_some() {
            fields.push(FilterField::new(
                "paid",
                words::FILTER_PAID,
                &query.paid,
                &[
                    ("paid", words::PAYMENT_PAID),
                    ("unpaid", words::PAYMENT_UNPAID),
                    ("refunded", words::PAYMENT_REFUNDED),
                    (WITHOUT_PLACE, words::PAYMENT_WITHOUT_PLACE),
                ],
            ));
        }
        if event.mode == turnout_proto::registration::v1::AttendanceMode::Hybrid {
            fields.push(FilterField::new(
                "mode",
                words::FILTER_MODE,
                &query.mode,
                &[("site", words::MODE_ON_SITE), ("online", words::MODE_ONLINE), ("both", words::MODE_BOTH)],
            ));
        }
        fields.push(FilterField::new(
            "entered",
            words::FILTER_ENTERED,
            &query.entered,
            &[("yes", words::FILTER_ENTERED_YES), ("no", words::FILTER_ENTERED_NO)],
        ));
        if event.has_door() {
            fields.push(FilterField::new(
                "arrived",
                words::FILTER_CHECKED_IN,
                &query.arrived,
                &[("yes", words::FILTER_CHECKED_IN_YES), ("no", words::FILTER_CHECKED_IN_NO)],
            ));
        }
        fields
    }
}

/// What a list's address says for those who paid and have no place.
pub const WITHOUT_PLACE: &str = "without-place";

/// One choice beside the search.
#[derive(Clone, Debug)]
pub struct FilterField {
    name: &'static str,
    label: &'static str,
    options: Vec<(&'static str, &'static str, bool)>,
}

impl FilterField {
    fn new(name: &'static str, label: &'static str, chosen: &str, options: &[(&'static str, &'static str)]) -> Self {
        let options = options.iter().map(|(value, label)| (*value, *label, *value == chosen)).collect();
        Self { name, label, options }
    }
}

/// The statistics: part of the page, and the data of the stream's event `statistics`.
#[derive(Clone, Debug, Template)]
#[template(path = "console/statistics.html")]
pub struct StatisticsPart {
    /// The event.
    pub event: EventFacts,
    /// `None` while registration has not answered.
    pub statistics: Option<Statistics>,
    /// `None` while the counter has not answered.
    pub viewers: Option<LiveNumber>,
}

/// One figure of the breakdown.
#[derive(Clone, Copy, Debug)]
pub struct BreakdownFigure {
    label: &'static str,
    name: &'static str,
    value: i64,
}

impl StatisticsPart {
    /// Money that somebody should get back: a sentence, and where one sees whose.
    fn without_place(&self) -> Option<(String, String)> {
        let count = self.statistics.as_ref().map_or(0, |statistics| statistics.paid_without_place.unsigned_abs());
        let told = match count {
            0 => return None,
            1 => words::WITHOUT_PLACE_ONE.to_owned(),
            count => words::WITHOUT_PLACE_MANY.replace("{count}", &show::grouped(count)),
        };
        Some((told, format!("/console/events/{}/registrants?paid={WITHOUT_PLACE}", self.event.event_id)))
    }

    fn is_stale(&self) -> bool {
        self.viewers.is_some_and(|viewers| viewers.stale)
    }

    fn registrants_meaning(&self) -> &'static str {
        if self.event.rsvp { words::STATISTIC_REGISTRANTS_MEANING_RSVP } else { words::STATISTIC_REGISTRANTS_MEANING }
    }

    /// Registrations with a place: who declined has given it back.
    fn places_held(statistics: &Statistics) -> u64 {
        [statistics.confirmed, statistics.invited].into_iter().map(i64::unsigned_abs).sum()
    }

    /// The groups that this kind of event has.
    fn breakdown(&self, statistics: &Statistics) -> Vec<Vec<BreakdownFigure>> {
        let figure = |name, label, value| BreakdownFigure { label, name, value };
        let s = statistics;
        let mut groups = Vec::new();
        if self.event.rsvp {
            groups.push(vec![
                figure("confirmed", words::BREAKDOWN_CONFIRMED, s.confirmed),
                figure("invited", words::BREAKDOWN_INVITED, s.invited),
                figure("declined", words::BREAKDOWN_DECLINED, s.declined),
            ]);
        }
        if self.event.price.is_some() {
            groups.push(vec![
                figure("paid", words::BREAKDOWN_PAID, s.paid),
                figure("unpaid", words::BREAKDOWN_UNPAID, s.unpaid),
                figure("refunded", words::BREAKDOWN_REFUNDED, s.refunded),
            ]);
        }
        if self.event.mode == turnout_proto::registration::v1::AttendanceMode::Hybrid {
            groups.push(vec![
                figure("on-site", words::BREAKDOWN_ON_SITE, s.on_site),
                figure("online", words::BREAKDOWN_ONLINE, s.online),
                figure("both", words::BREAKDOWN_BOTH, s.hybrid),
            ]);
        }
        let mut rest = Vec::new();
        if self.event.has_door() {
            rest.push(figure("checked-in", words::BREAKDOWN_CHECKED_IN, s.checked_in));
        }
        if self.event.capacity > 0 || s.waiting > 0 {
            rest.push(figure("waiting", words::BREAKDOWN_WAITING, s.waiting));
        }
        rest.push(figure("cancelled", words::BREAKDOWN_CANCELLED, s.cancelled));
        if s.nicknames > 0 {
            rest.push(figure("nicknames", words::BREAKDOWN_NICKNAMES, s.nicknames));
        }
        groups.push(rest);
        groups
    }
}

/// What the service says of a page of the list.
#[derive(Clone, Debug)]
pub struct PageOfRows {
    /// The rows.
    pub rows: Vec<RegistrantRow>,
    /// The token of the next page; empty on the last.
    pub next: String,
    /// How many match.
    pub matching: u64,
    /// How many there are.
    pub total: u64,
}

/// `GET /console/events/<id>/registrants/rows`: the list. The same query as the page's.
#[derive(Clone, Debug, Template)]
#[template(path = "console/registrants_table.html")]
pub struct RegistrantsTable {
    /// As whom.
    pub shell: Shell,
    /// The event.
    pub event: EventFacts,
    /// Which rows.
    pub query: ListQuery,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows; none while registration does not answer.
    pub page: Option<PageOfRows>,
    /// Rows of a full page.
    pub page_size: usize,
}

impl RegistrantsTable {
    fn base(&self) -> String {
        format!("/console/events/{}/registrants", self.event.event_id)
    }

    fn shown(&self, page: &PageOfRows) -> String {
        shown(&self.query, page.rows.len(), page.matching, page.total)
    }

    fn times_in(&self) -> String {
        words::TIMES_IN.replace("{zone}", &self.event.zone)
    }

    fn previous(&self) -> Option<ListQuery> {
        self.query.previous_page(self.page_size)
    }

    fn sort_state(&self, column: &Column) -> &'static str {
        sort_state(&self.query, column.sort())
    }
}

/// Which rows of how many, in words.
pub(super) fn shown(query: &ListQuery, rows: usize, matching: u64, total: u64) -> String {
    let from = query.rows_before();
    let mut text = words::SHOWN
        .replace("{from}", &show::grouped(from + 1))
        .replace("{to}", &show::grouped(from + rows as u64))
        .replace("{matching}", &show::grouped(matching));
    if matching != total {
        text.push_str(&words::SHOWN_OF_TOTAL.replace("{total}", &show::grouped(total)));
    }
    text
}

/// The value of `aria-sort`.
pub(super) fn sort_state(query: &ListQuery, sort: Option<&str>) -> &'static str {
    match sort {
        Some(sort) if sort == query.sorted_by() && query.is_descending() => "descending",
        Some(sort) if sort == query.sorted_by() => "ascending",
        _ => "none",
    }
}

/// `GET /console/events/<id>/registrants/new`, and the answer (422) to a `POST` that cannot be done.
#[derive(Clone, Debug, Template)]
#[template(path = "console/by_hand.html")]
pub struct ByHandPage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// The fields with what was entered.
    pub fields: Vec<AnswerField>,
    /// The version of the form.
    pub form_version: i64,
    /// What was entered as the reason.
    pub reason: String,
    /// It is none.
    pub lacks_reason: bool,
    /// What went wrong.
    pub notice: Option<Notice>,
}
