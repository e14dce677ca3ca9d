//! The figures of one field of a form: how many gave which answer, the mean, the most common, crossed with attendance. Whatever would
//! let somebody learn about a group smaller than the threshold is hidden, subtraction of what is shown included. Totals (how many
//! answered, how many did not, how many attended) are shown in any case; a 0 is about nobody and is shown too.
//!
//! Does not protect against two looks around one arrival: whoever shows figures keeps a snapshot for a while.

use std::collections::{BTreeMap, HashMap};

use turnout_platform::search::fold;

/// How the answers to a field are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sort {
    /// One of the options, given in their order.
    One(Vec<String>),
    /// Any of the options, in one text with commas.
    Any(Vec<String>),
    /// A box that is ticked or not: not to tick it is an answer.
    Ticked,
    /// A whole number.
    Number,
    /// A year of birth; the figures are about the age in this year.
    BirthYear { in_year: i64 },
    /// One line. Only what many wrote is told.
    Line,
    /// Anything longer: nothing but whether it was answered.
    Prose,
}

/// Stands for the answer of one who was not asked: it is missing, also for a box, where nothing is an answer.
pub(crate) const NOT_ASKED: &str = "\0";

/// Different lines that are named, the most frequent.
const LINES_SHOWN_MAX: usize = 50;

/// What is stored for a box that is ticked, and what figures call one that is not.
const TICKED: &str = "yes";
const NOT_TICKED: &str = "no";

/// People, and how many of them attended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub people: i64,
    pub attended: i64,
}

impl Cell {
    fn count(&mut self, attended: bool) {
        self.people += 1;
        self.attended += i64::from(attended);
    }

    fn absent(self) -> i64 {
        self.people - self.attended
    }

    fn plus(self, other: Self) -> Self {
        Self { people: self.people + other.people, attended: self.attended + other.attended }
    }

    fn minus(self, other: Self) -> Self {
        Self { people: self.people - other.people, attended: self.attended - other.attended }
    }

    /// Whether it can be told, with attendance, without telling about too few.
    fn is_safe(self, threshold: i64) -> bool {
        is_safe(self.attended, threshold) && is_safe(self.absent(), threshold)
    }
}

fn is_safe(people: i64, threshold: i64) -> bool {
    people == 0 || people >= threshold
}

/// The answers to one field, counted. Not for showing: that is [`Counted::figures`].
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub answered: Cell,
    pub missing: Cell,
    answers: Answers,
    sum: Option<i64>,
}

#[derive(Debug, Clone)]
enum Answers {
    /// Each person is in one cell.
    Apart(Vec<(String, Cell)>),
    /// As above, and which answers there are is not known beforehand.
    Numbers(BTreeMap<i64, Cell>),
    /// A person may be in several cells.
    Overlapping(Vec<(String, Cell)>),
    /// What people wrote, by what it folds to.
    Lines(HashMap<String, Line>),
    Nothing,
}

/// Those who wrote the same.
#[derive(Debug, Clone, Default)]
struct Line {
    people: Cell,
    /// How often each spelling.
    spellings: BTreeMap<String, i64>,
}

impl Line {
    fn usual_spelling(&self) -> String {
        let usual = self.spellings.iter().rev().max_by_key(|(_, count)| **count);
        usual.map(|(spelling, _)| spelling.clone()).unwrap_or_default()
    }
}

/// What may be shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figures {
    pub answered: i64,
    pub missing: i64,
    /// Everything is hidden.
    pub hidden: bool,
    pub mean: Option<f64>,
    pub most_common: Vec<String>,
    pub counts: Vec<Shown>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub answer: String,
    /// None when hidden. How many attended only where that was asked.
    pub cell: Option<Cell>,
}

impl Counted {
    /// Counts answers; an empty one, or one that is none of its sort, is missing. With each comes whether the person attended.
    pub fn of(sort: &Sort, given: impl IntoIterator<Item = (impl AsRef<str>, bool)>) -> Self {
        let mut all =
            Self { answered: Cell::default(), missing: Cell::default(), answers: Answers::of(sort), sum: None };
        for (answer, attended) in given {
            let cell =
                if all.count(sort, answer.as_ref().trim(), attended) { &mut all.answered } else { &mut all.missing };
            cell.count(attended);
        }
        all
    }

    /// Whether it was an answer.
    fn count(&mut self, sort: &Sort, answer: &str, attended: bool) -> bool {
        let number = match sort {
            Sort::BirthYear { in_year } => answer.parse().ok().map(|year: i64| in_year.saturating_sub(year)),
            _ => answer.parse().ok(),
        };
        if answer == NOT_ASKED {
            return false;
        }
        match &mut self.answers {
            Answers::Numbers(cells) => {
                let Some(number) = number else { return false };
                cells.entry(number).or_default().count(attended);
                self.sum = Some(self.sum.unwrap_or_default().saturating_add(number));
            }
            Answers::Apart(cells) if *sort == Sort::Ticked => {
                cells[usize::from(answer != TICKED)].1.count(attended);
            }
            _ if answer.is_empty() => return false,
            Answers::Apart(cells) => cell_of(cells, answer).count(attended),
            Answers::Overlapping(cells) => {
                let mut chosen: Vec<&str> = answer.split(',').filter(|key| !key.is_empty()).collect();
                chosen.sort_unstable();
                chosen.dedup();
                for key in &chosen {
                    cell_of(cells, key).count(attended);
                }
                return !chosen.is_empty();
            }
            Answers::Lines(lines) => {
                let line = lines.entry(fold(answer)).or_default();
                line.people.count(attended);
                *line.spellings.entry(answer.to_owned()).or_default() += 1;
            }
            Answers::Nothing => {}
        }
        true
    }

    /// What may be shown when nothing may be told about fewer than `threshold` people.
    pub fn figures(&self, threshold: i64, by_attendance: bool) -> Figures {
        let (answered, missing) = (self.answered.people, self.missing.people);
        if answered < threshold {
            return Figures { answered, missing, hidden: true, ..Figures::default() };
        }
        let mean = self.sum.map(|sum| sum as f64 / answered as f64);
        let (most_common, mut counts) = match &self.answers {
            Answers::Apart(cells) => self.apart(cells, threshold, by_attendance),
            Answers::Numbers(cells) => {
                let cells: Vec<_> = cells.iter().map(|(number, cell)| (number.to_string(), *cell)).collect();
                let (most_common, mut counts) = self.apart(&cells, threshold, by_attendance);
                // A number that few gave must not even be named; with the mean, its cell could be had by arithmetic.
                counts.retain(|shown| shown.cell.is_some());
                (most_common, counts)
            }
            Answers::Overlapping(cells) => self.overlapping(cells, threshold, by_attendance),
            Answers::Lines(lines) => {
                let mut cells: Vec<_> = lines.values().map(|line| (line.usual_spelling(), line.people)).collect();
                cells.sort_by(|(a, of_a), (b, of_b)| of_b.people.cmp(&of_a.people).then_with(|| a.cmp(b)));
                let (_, mut counts) = self.apart(&cells, threshold, by_attendance);
                // What few wrote must not even be named.
                counts.retain(|shown| shown.cell.is_some());
                counts.truncate(LINES_SHOWN_MAX);
                (most_common_lines(lines, threshold), counts)
            }
            Answers::Nothing => Default::default(),
        };
        if !by_attendance {
            counts.iter_mut().filter_map(|shown| shown.cell.as_mut()).for_each(|cell| cell.attended = 0);
        }
        Figures { answered, missing, hidden: false, mean, most_common, counts }
    }

    fn apart(&self, cells: &[(String, Cell)], threshold: i64, by_attendance: bool) -> (Vec<String>, Vec<Shown>) {
        let alone: Vec<Cell> = cells.iter().map(|(_, cell)| *cell).collect();
        let mut hidden = hidden_apart(
            &alone,
            vec![false; cells.len()],
            |hidden| is_safe(hidden.people, threshold),
            |cell| is_safe(cell.people, threshold),
        );
        let most_common = most_common(cells, &hidden);
        if by_attendance {
            // Who did not answer attended or not as well; that is in no cell and so among what is hidden.
            let is_safe_together = |hidden: Cell| hidden.plus(self.missing).is_safe(threshold);
            hidden = hidden_apart(&alone, hidden, is_safe_together, |cell| cell.is_safe(threshold));
        }
        (most_common, shown(cells, &hidden))
    }

    /// Of cells that overlap nothing can be had by adding up, but the rest of each can.
    fn overlapping(&self, cells: &[(String, Cell)], threshold: i64, by_attendance: bool) -> (Vec<String>, Vec<Shown>) {
        let everybody = self.answered.plus(self.missing);
        let chosen: Vec<Cell> = cells.iter().map(|(_, cell)| *cell).filter(|cell| cell.people > 0).collect();
        // With two options in use, those who chose both follow from the rest.
        let both = match chosen[..] {
            [one, two] => one.plus(two).minus(self.answered),
            _ => Cell::default(),
        };
        let is_hidden = |cell: Cell, attendance: bool| {
            let people = [cell.people, self.answered.people - cell.people, both.people];
            // Who did not answer is among these too: what is left of those who attended when everybody made one choice.
            let parts = [cell, self.answered.minus(cell), everybody.minus(cell), both, self.missing];
            cell.people > 0
                && (people.iter().any(|people| !is_safe(*people, threshold))
                    || (attendance && parts.iter().any(|part| !part.is_safe(threshold))))
        };
        let hidden = |attendance| cells.iter().map(|(_, cell)| is_hidden(*cell, attendance)).collect::<Vec<_>>();
        (most_common(cells, &hidden(false)), shown(cells, &hidden(by_attendance)))
    }
}

impl Answers {
    fn of(sort: &Sort) -> Self {
        let cells = |keys: &[String]| keys.iter().map(|key| (key.clone(), Cell::default())).collect();
        match sort {
            Sort::One(options) => Self::Apart(cells(options)),
            Sort::Any(options) => Self::Overlapping(cells(options)),
            Sort::Ticked => Self::Apart(cells(&[TICKED.to_owned(), NOT_TICKED.to_owned()])),
            Sort::Number | Sort::BirthYear { .. } => Self::Numbers(BTreeMap::new()),
            Sort::Line => Self::Lines(HashMap::new()),
            Sort::Prose => Self::Nothing,
        }
    }
}

/// The cell of an option. One that the form no longer has comes last: left out, the others would tell its number.
fn cell_of<'a>(cells: &'a mut Vec<(String, Cell)>, key: &str) -> &'a mut Cell {
    let at = cells.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
        cells.push((key.to_owned(), Cell::default()));
        cells.len() - 1
    });
    &mut cells[at].1
}

/// Which cells are hidden: those hidden before, those that are not safe, and the smallest of the others until what is hidden is safe
/// together. Cells of one size are hidden together, so that what is shown is larger than what is not.
fn hidden_apart(
    cells: &[Cell],
    mut hidden: Vec<bool>,
    is_safe_together: impl Fn(Cell) -> bool,
    is_safe: impl Fn(Cell) -> bool,
) -> Vec<bool> {
    for (cell, hidden) in cells.iter().zip(&mut hidden) {
        *hidden |= !is_safe(*cell);
    }
    loop {
        let (covered, open): (Vec<_>, Vec<_>) = cells.iter().zip(&hidden).partition(|(_, hidden)| **hidden);
        let together = covered.into_iter().fold(Cell::default(), |sum, (cell, _)| sum.plus(*cell));
        let smallest = open.into_iter().map(|(cell, _)| cell.people).filter(|people| *people > 0).min();
        let Some(smallest) = smallest.filter(|_| !is_safe_together(together)) else { return hidden };
        for (cell, hidden) in cells.iter().zip(&mut hidden) {
            *hidden |= cell.people == smallest;
        }
    }
}

fn shown(cells: &[(String, Cell)], hidden: &[bool]) -> Vec<Shown> {
    let shown = |((answer, cell), hidden): (&(String, Cell), &bool)| Shown {
        answer: answer.clone(),
        cell: (!hidden).then_some(*cell),
    };
    cells.iter().zip(hidden).map(shown).collect()
}

/// The answers that most gave; none when these are hidden.
fn most_common(cells: &[(String, Cell)], hidden: &[bool]) -> Vec<String> {
    let most = cells.iter().map(|(_, cell)| cell.people).max().filter(|most| *most > 0);
    let all: Vec<_> = cells.iter().zip(hidden).filter(|((_, cell), _)| Some(cell.people) == most).collect();
    if all.iter().any(|(_, hidden)| **hidden) {
        return Vec::new();
    }
    all.into_iter().map(|((answer, _), _)| answer.clone()).collect()
}

/// The lines that most wrote, each in its usual spelling.
fn most_common_lines(lines: &HashMap<String, Line>, threshold: i64) -> Vec<String> {
    let most = lines.values().map(|line| line.people.people).max().filter(|most| *most >= threshold);
    let common = lines.values().filter(|line| Some(line.people.people) == most);
    let mut common: Vec<String> = common.map(Line::usual_spelling).collect();
    common.sort();
    common
}

#[cfg(test)]
mod tests;
