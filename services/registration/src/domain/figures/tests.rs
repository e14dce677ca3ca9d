//! That the figures are right, and that nobody learns about a group below the threshold from what is shown: the attacker of these tests
//! adds and subtracts everything that both views of a field show, by linear algebra over the smallest groups that there are.

use proptest::{collection::vec, prelude::*};

use super::*;

const K: i64 = 5;

fn counted(sort: &Sort, given: &[(&str, bool)]) -> Counted {
    Counted::of(sort, given.iter().copied())
}

/// So many people for each answer; none of them attended.
fn of(sort: &Sort, given: &[(&str, usize)]) -> Figures {
    let all: Vec<_> = given.iter().flat_map(|(answer, times)| vec![(*answer, false); *times]).collect();
    counted(sort, &all).figures(K, false)
}

fn options(keys: &str) -> Vec<String> {
    keys.split_whitespace().map(str::to_owned).collect()
}

fn people(figures: &Figures) -> Vec<(&str, Option<i64>)> {
    figures.counts.iter().map(|shown| (shown.answer.as_str(), shown.cell.map(|cell| cell.people))).collect()
}

#[test]
fn item_58_the_mean_age_counts_who_answered_and_states_who_did_not() {
    let ages = Sort::BirthYear { in_year: 2027 };
    let years = ["1987", "1987", "1997", "2007", "1977", "", "unknown"];
    let figures = counted(&ages, &years.map(|year| (year, false))).figures(K, false);
    assert_eq!((figures.answered, figures.missing, figures.hidden), (5, 2, false));
    assert_eq!(figures.mean, Some(f64::from(40 + 40 + 30 + 20 + 50) / 5.0));
    assert!(figures.counts.is_empty(), "no age is shared by five");
    let few = counted(&ages, &years[..4].iter().map(|year| (*year, false)).collect::<Vec<_>>()).figures(K, false);
    assert_eq!(few, Figures { answered: 4, missing: 0, hidden: true, ..Figures::default() });
}

#[test]
fn item_59_the_most_common_level_is_told_with_its_ties_and_hidden_below_the_threshold() {
    let levels = Sort::One(options("basic upper bachelor master"));
    let figures = of(&levels, &[("upper", 7), ("master", 9), ("bachelor", 9)]);
    assert_eq!(figures.most_common, ["bachelor", "master"]);
    assert_eq!(people(&figures), [("basic", Some(0)), ("upper", Some(7)), ("bachelor", Some(9)), ("master", Some(9))]);
    assert!(of(&levels, &[("upper", 2), ("master", 2)]).hidden);
    assert!(of(&levels, &[("upper", 4), ("master", 3)]).most_common.is_empty());
}

#[test]
fn a_small_cell_is_hidden_and_never_alone() {
    let sort = Sort::One(options("a b c"));
    assert_eq!(people(&of(&sort, &[("a", 20), ("b", 6), ("c", 2)])), [("a", Some(20)), ("b", None), ("c", None)]);
    assert_eq!(people(&of(&sort, &[("a", 20), ("b", 3), ("c", 4)])), [("a", Some(20)), ("b", None), ("c", None)]);
    assert_eq!(people(&of(&sort, &[("a", 6), ("b", 6), ("c", 1)])), [("a", None), ("b", None), ("c", None)]);
    assert_eq!(people(&of(&sort, &[("a", 6), ("b", 6)])), [("a", Some(6)), ("b", Some(6)), ("c", Some(0))]);
}

#[test]
fn an_option_that_the_form_no_longer_has_is_counted_too() {
    let figures = of(&Sort::One(options("a b")), &[("a", 9), ("b", 8), ("old", 7)]);
    assert_eq!(people(&figures), [("a", Some(9)), ("b", Some(8)), ("old", Some(7))]);
}

#[test]
fn of_several_choices_an_option_is_hidden_also_when_too_few_left_it_out() {
    let sort = Sort::Any(options("a b c"));
    let figures = of(&sort, &[("a,b", 7), ("a,c", 7), ("a", 5), ("b", 2)]);
    assert_eq!((figures.answered, figures.missing), (21, 0));
    assert_eq!(people(&figures), [("a", None), ("b", Some(9)), ("c", Some(7))]);
    assert!(figures.most_common.is_empty(), "what most chose is hidden");
    let twice = of(&sort, &[("a,a", 6), (",", 1), ("b", 6)]);
    assert_eq!((twice.answered, twice.missing), (12, 1));
    assert_eq!(people(&twice), [("a", Some(6)), ("b", Some(6)), ("c", Some(0))]);
}

#[test]
fn not_to_tick_a_box_is_an_answer_and_protected_like_one() {
    let figures = of(&Sort::Ticked, &[("yes", 12), ("", 9)]);
    assert_eq!((figures.answered, figures.missing), (21, 0));
    assert_eq!(people(&figures), [("yes", Some(12)), ("no", Some(9))]);
    assert_eq!(people(&of(&Sort::Ticked, &[("yes", 12), ("", 1)])), [("yes", None), ("no", None)]);
}

#[test]
fn a_number_that_few_gave_is_not_even_named() {
    let figures = of(&Sort::Number, &[("1", 6), ("2", 9), ("97", 1), ("-4", 5)]);
    assert_eq!(people(&figures), [("1", Some(6)), ("2", Some(9))], "with 97 goes the next smallest");
    assert_eq!(figures.most_common, ["2"]);
    assert_eq!(figures.mean, Some(f64::from(6 + 18 + 97 - 20) / 21.0));
}

#[test]
fn of_lines_only_what_many_wrote_is_told_however_they_spelt_it() {
    let lines = [("Zürich", 4), ("zurich", 2), ("Bern", 4), ("Genève ", 1)];
    let figures = of(&Sort::Line, &lines);
    assert_eq!(people(&figures), [("Zürich", Some(6))]);
    assert_eq!(figures.most_common, ["Zürich"]);
    assert!(of(&Sort::Line, &lines[2..]).most_common.is_empty());
    let prose = of(&Sort::Prose, &[("long", 9), ("", 1)]);
    assert_eq!(prose, Figures { answered: 9, missing: 1, ..Figures::default() });
}

#[test]
fn item_55_answers_are_crossed_with_attendance_under_the_same_rule() {
    let sort = Sort::One(options("acme other"));
    let of = |acme: [usize; 2], other: [usize; 2]| {
        let times =
            |answer, [there, away]: [usize; 2]| [vec![(answer, true); there], vec![(answer, false); away]].concat();
        let all = [times("acme", acme), times("other", other)].concat();
        let cells = counted(&sort, &all).figures(K, true).counts.into_iter();
        cells.map(|shown| shown.cell.map(|cell| (cell.people, cell.attended))).collect::<Vec<_>>()
    };
    assert_eq!(of([6, 5], [9, 7]), [Some((11, 6)), Some((16, 9))]);
    assert_eq!(of([6, 0], [9, 7]), [Some((6, 6)), Some((16, 9))]);
    assert_eq!(of([6, 3], [9, 7]), [None, None], "three of acme stayed away");
}

#[test]
fn item_55_a_company_that_people_typed_is_crossed_with_attendance_and_one_of_few_is_not_named() {
    let wrote =
        |company, there: usize, away: usize| [vec![(company, true); there], vec![(company, false); away]].concat();
    let all =
        [wrote("Acme", 7, 5), wrote("ACME ", 2, 0), wrote("Umbrella", 6, 8), wrote("Tiny", 2, 1), wrote("Small", 5, 6)];
    let figures = counted(&Sort::Line, &all.concat()).figures(K, true);
    let told: Vec<_> = figures.counts.iter().map(|shown| (shown.answer.as_str(), shown.cell.unwrap())).collect();
    // Who wrote Small is hidden with the three of Tiny, who could else be had by subtraction.
    assert_eq!(told, [("Acme", Cell { people: 14, attended: 9 }), ("Umbrella", Cell { people: 14, attended: 6 }),]);
}

/// Groups of people, each a set of atoms: the smallest groups that there are.
struct Attack {
    sizes: Vec<i64>,
    /// What is known: the atoms of which the sum was shown, in row echelon form.
    known: Vec<Vec<i64>>,
}

/// Divisions are avoided by counting in a field: a combination over the fractions is one modulo a large prime, and the reverse holds for
/// matrices as small as these.
const PRIME: i64 = 1_000_003;

fn inverse(of: i64) -> i64 {
    let (mut base, mut exponent, mut result) = (of.rem_euclid(PRIME), PRIME - 2, 1);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent /= 2;
    }
    result
}

impl Attack {
    fn new(sizes: Vec<i64>) -> Self {
        Self { sizes, known: Vec::new() }
    }

    fn reduced(&self, mut group: Vec<i64>) -> Vec<i64> {
        for row in &self.known {
            let lead = row.iter().position(|x| *x != 0).unwrap();
            let factor = group[lead] * inverse(row[lead]) % PRIME;
            for (x, y) in group.iter_mut().zip(row) {
                *x = (*x - factor * y).rem_euclid(PRIME);
            }
        }
        group
    }

    fn learns(&mut self, group: impl Fn(usize) -> bool) {
        let reduced = self.reduced((0..self.sizes.len()).map(|atom| i64::from(group(atom))).collect());
        if reduced.iter().any(|x| *x != 0) {
            self.known.push(reduced);
        }
    }

    fn knows(&self, set: u32) -> bool {
        let group = (0..self.sizes.len()).map(|atom| i64::from(set >> atom & 1)).collect();
        self.reduced(group).iter().all(|x| *x == 0)
    }

    fn size(&self, set: u32) -> i64 {
        (0..self.sizes.len()).filter(|atom| set >> atom & 1 == 1).map(|atom| self.sizes[atom]).sum()
    }

    /// The people of a set: its atoms without those that are empty.
    fn people(&self, set: u32) -> u32 {
        (0..self.sizes.len()).filter(|atom| self.sizes[*atom] > 0).map(|atom| set & 1 << atom).sum()
    }

    /// A set of atoms whose number can be had and is below the threshold, unless the same people can be had from the totals alone.
    fn isolates(&self, totals: &Self) -> Option<u32> {
        let sets = || 1..1 << self.sizes.len();
        let exempt: Vec<u32> = sets().filter(|set| totals.knows(*set)).map(|set| self.people(set)).collect();
        sets().find(|set| !is_safe(self.size(*set), K) && self.knows(*set) && !exempt.contains(&self.people(*set)))
    }
}

/// What an attacker makes of both views of a field. Atoms are patterns of chosen options (0: no answer), each attended or not, and
/// `patterns[p]` says how many of pattern `p` stayed away and came.
fn attacked(sort: &Sort, keys: &[String], patterns: &[(u32, [usize; 2])]) -> Option<u32> {
    let text = |pattern: u32| {
        let chosen = (0..keys.len()).filter(|option| pattern >> option & 1 == 1).map(|option| keys[option].as_str());
        chosen.collect::<Vec<_>>().join(",")
    };
    let answers: Vec<(String, bool)> = patterns
        .iter()
        .flat_map(|(pattern, [away, there])| {
            [vec![(text(*pattern), false); *away], vec![(text(*pattern), true); *there]].concat()
        })
        .collect();
    let counted = Counted::of(sort, answers.iter().map(|(answer, attended)| (answer.as_str(), *attended)));
    let sizes = patterns.iter().flat_map(|(_, [away, there])| [*away as i64, *there as i64]).collect();
    let mut totals = Attack::new(sizes);
    let attended = |atom: usize| atom % 2 == 1;
    totals.learns(|_| true);
    totals.learns(attended);
    totals.learns(|atom| patterns[atom / 2].0 != 0);
    let mut attack = Attack { sizes: totals.sizes.clone(), known: totals.known.clone() };
    for by_attendance in [false, true] {
        for shown in counted.figures(K, by_attendance).counts.iter().filter(|shown| shown.cell.is_some()) {
            let option = keys.iter().position(|key| *key == shown.answer).unwrap();
            let chose = |atom: usize| patterns[atom / 2].0 >> option & 1 == 1;
            attack.learns(chose);
            if by_attendance {
                attack.learns(|atom| chose(atom) && attended(atom));
            }
        }
    }
    attack.isolates(&totals)
}

fn crowd(groups: usize) -> impl Strategy<Value = Vec<[usize; 2]>> {
    let few_or_many = || prop_oneof![Just(0_usize), 1_usize..9, 5_usize..30];
    vec([few_or_many(), few_or_many()], groups)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_subtraction_isolates_a_group_below_the_threshold_of_one_choice(cells in crowd(5)) {
        let keys = options("a b c d");
        let patterns: Vec<_> = [0, 1, 2, 4, 8].into_iter().zip(cells).collect();
        for sort in [Sort::One(keys.clone()), Sort::Line] {
            prop_assert_eq!(attacked(&sort, &keys, &patterns), None);
        }
    }

    #[test]
    fn no_subtraction_isolates_a_group_below_the_threshold_of_several_choices(cells in crowd(4)) {
        let keys = options("a b");
        let patterns: Vec<_> = (0..4).zip(cells).collect();
        prop_assert_eq!(attacked(&Sort::Any(keys.clone()), &keys, &patterns), None);
    }

    #[test]
    fn what_is_shown_is_what_was_counted(answers in vec((0_usize..6, any::<bool>()), 0..80), k in 3_i64..8) {
        let keys = options("a b c d e");
        let given = |at: usize| keys.get(at).map_or("", String::as_str);
        let counted = Counted::of(&Sort::One(keys.clone()), answers.iter().map(|(at, attended)| (given(*at), *attended)));
        for by_attendance in [false, true] {
            let figures = counted.figures(k, by_attendance);
            prop_assert_eq!((figures.answered + figures.missing) as usize, answers.len());
            for (at, shown) in figures.counts.iter().enumerate() {
                let people = answers.iter().filter(|(given, _)| *given == at).count() as i64;
                let attended = answers.iter().filter(|(given, attended)| *given == at && *attended && by_attendance).count() as i64;
                let counted = Cell { people, attended };
                prop_assert!(shown.cell.is_none_or(|cell| cell == counted));
                prop_assert!(shown.cell.is_none_or(|cell| is_safe(cell.people, k)));
            }
        }
    }
}
