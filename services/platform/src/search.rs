//! Finding people by what somebody types: texts folded so that case, accents and the writing of a phone number do not matter,
//! and the question whether a query finds one. Pure; holds no index over many and ranks nothing: a list keeps one
//! [`Indexed`] for each row and asks them all.

use std::fmt;

use memchr::memmem::Finder;
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Characters of a query.
pub const QUERY_CHARS_MAX: usize = 200;
/// Digits from which on a word is also looked for in phone numbers.
const PHONE_DIGITS_MIN: usize = 2;
/// What people write between the digits of a phone number.
const PHONE_SIGNS: &str = "+()-./";

/// The text in lower case without accents: `Müller`, `MULLER` and `Mu\u{308}ller` become `muller`. Folding twice is folding once.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().flat_map(char::to_lowercase).filter(|c| !is_combining_mark(*c)) {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ð' | 'đ' => folded.push('d'),
            'ł' => folded.push('l'),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            c => folded.push(c),
        }
    }
    folded
}

/// The words of a text that was folded: what stands between signs and blanks.
fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// What can be found of one person or registration. Personal: it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Indexed {
    /// The words of the name, each with a blank before it; the digits of phone numbers; and what is found in any of its parts.
    text: Box<str>,
    /// Bytes of the name, and of name and phone.
    ends: [u32; 2],
}

impl Indexed {
    /// Found by the beginnings of the words of `name`, by any part of `phone`, and by any part of each of `others` (e-mail
    /// addresses, nicknames).
    pub fn new<'a>(name: &str, phone: &str, others: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for word in words(&fold(name)) {
            text.push(' ');
            text.push_str(word);
        }
        let name_end = text.len();
        text.push_str(&digits(phone));
        let ends = [name_end as u32, text.len() as u32];
        for other in others.into_iter().filter(|other| !other.is_empty()) {
            text.push_str(&fold(other));
            text.push(' ');
        }
        Self { text: text.into_boxed_str(), ends }
    }

    /// The words of the name, folded: sorted by it, names are in the order that people expect.
    pub fn name(&self) -> &str {
        &self.text[..self.ends[0] as usize]
    }

    /// The others, folded, each with a blank after it.
    pub fn others(&self) -> &str {
        &self.text[self.ends[1] as usize..]
    }

    fn phone(&self) -> &str {
        &self.text[self.ends[0] as usize..self.ends[1] as usize]
    }
}

/// One word of a query, made ready to be looked for in very many rows.
#[derive(Clone)]
struct Word {
    /// As typed, folded.
    whole: Finder<'static>,
    /// Each with a blank before it, as [`Indexed`] keeps the words of a name.
    pieces: Vec<Finder<'static>>,
    /// Its digits, when it may be a part of a phone number; without the zeros that stand for a country or a trunk.
    digits: Option<Finder<'static>>,
}

impl Word {
    fn new(folded: &str) -> Self {
        let only_phone = folded.chars().all(|c| c.is_ascii_digit() || PHONE_SIGNS.contains(c));
        let all = digits(folded);
        let short = all.trim_start_matches('0');
        let digits = if short.len() >= PHONE_DIGITS_MIN { short.to_owned() } else { all };
        let finder = |text: &str| Finder::new(text).into_owned();
        Self {
            whole: finder(folded),
            pieces: words(folded).map(|word| finder(&format!(" {word}"))).collect(),
            digits: (only_phone && digits.len() >= PHONE_DIGITS_MIN).then(|| finder(&digits)),
        }
    }

    fn finds(&self, indexed: &Indexed) -> bool {
        let is_in = |finder: &Finder<'_>, text: &str| finder.find(text.as_bytes()).is_some();
        is_in(&self.whole, indexed.others())
            || self.digits.as_ref().is_some_and(|digits| is_in(digits, indexed.phone()))
            || (!self.pieces.is_empty() && self.pieces.iter().all(|piece| is_in(piece, indexed.name())))
    }
}

/// What somebody typed. Personal, most likely: it has no `Debug`.
#[derive(Clone)]
pub struct Query {
    words: Vec<Word>,
}

/// The query is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryTooLong;

impl fmt::Display for QueryTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be at most {QUERY_CHARS_MAX} characters")
    }
}

impl Query {
    /// Reads a query of up to [`QUERY_CHARS_MAX`] characters.
    pub fn parse(text: &str) -> Result<Self, QueryTooLong> {
        if text.chars().count() > QUERY_CHARS_MAX {
            return Err(QueryTooLong);
        }
        let mut words: Vec<Word> = Vec::new();
        // "(0)" is dialled inside a country only, and in no number that we keep.
        for typed in fold(&text.replace("(0)", " ")).split_whitespace() {
            if words.iter().all(|word| word.whole.needle() != typed.as_bytes()) {
                words.push(Word::new(typed));
            }
        }
        Ok(Self { words })
    }

    /// Whether it has no words and so finds everything.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether each of its words begins a word of the name, or is part of a phone number or of one of the others.
    pub fn finds(&self, indexed: &Indexed) -> bool {
        self.words.iter().all(|word| word.finds(indexed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn anna() -> Indexed {
        Indexed::new("Anna-Maria Müller", "+49 (170) 1234-567", ["anna.mueller@Example.org", ""])
    }

    fn finds(text: &str) -> bool {
        Query::parse(text).unwrap().finds(&anna())
    }

    #[test]
    fn case_accents_and_ligatures_do_not_matter() {
        for (text, folded) in [
            ("MÜLLER", "muller"),
            ("mu\u{308}ller", "muller"),
            ("Straße", "strasse"),
            ("STRAẞE", "strasse"),
            ("Łódź", "lodz"),
            ("Søren Ærø", "soren aero"),
            ("İstanbul", "istanbul"),
            ("Ｆｕｌｌ", "full"),
            ("Οδυσσεύς", "οδυσσευσ"),
            ("Zoë", "zoe"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn a_word_begins_a_word_of_the_name_or_is_part_of_the_address() {
        for hit in
            ["anna", "ANNA", "mar", "mül", "mull", "anna-maria", "maria anna", "mueller@ex", "EXAMPLE.ORG", "ueller"]
        {
            assert!(finds(hit), "{hit}");
        }
        for miss in ["nna-", "aria", "uller", "anna peter", "anna-peter", "example.com", "-", "@@"] {
            assert!(!finds(miss), "{miss}");
        }
    }

    #[test]
    fn a_phone_number_is_found_however_it_is_written() {
        for hit in
            ["+491701234567", "0170 1234567", "0049 170 1234", "(0170)/1234-567", "+49 (0)170 123", "1234 567", "567"]
        {
            assert!(finds(hit), "{hit}");
        }
        for miss in ["0171", "+50", "5670", "7"] {
            assert!(!finds(miss), "{miss}");
        }
    }

    #[test]
    fn a_query_without_words_finds_everybody_and_one_over_the_limit_is_refused() {
        assert!(Query::parse("  \t").unwrap().is_empty());
        assert!(finds(""));
        assert!(Query::parse(&"ä".repeat(QUERY_CHARS_MAX)).is_ok());
        assert!(Query::parse(&"ä".repeat(QUERY_CHARS_MAX + 1)).is_err());
    }

    #[test]
    fn parts_of_two_fields_are_not_taken_for_one() {
        let indexed = Indexed::new("Ann", "+4912", ["a@b.c", "nick"]);
        for miss in ["ann12", "12a@b", "b.cnick", "+4912a"] {
            assert!(!Query::parse(miss).unwrap().finds(&indexed), "{miss}");
        }
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn whoever_is_indexed_is_found_by_the_beginning_of_each_of_their_words(
            words in proptest::collection::vec("[A-Za-zäöüßéèñ]{2,10}", 1..4), cut in 1_usize..10,
        ) {
            let indexed = Indexed::new(&words.join(" "), "", []);
            let query: Vec<String> = words.iter().rev().map(|word| word.chars().take(cut).collect()).collect();
            prop_assert!(Query::parse(&query.join(" ")).unwrap().finds(&indexed));
        }

        #[test]
        fn any_query_is_answered(query in "\\PC{0,200}", name in "\\PC{0,40}", phone in "\\PC{0,20}", other in "\\PC{0,40}") {
            if let Ok(query) = Query::parse(&query) {
                query.finds(&Indexed::new(&name, &phone, [other.as_str()]));
            }
        }
    }
}
