//! Looks for words that must not stand somewhere, in the spellings in which bytes hide: as they are, in capitals, in hexadecimal
//! digits, in base64 at any offset, with every letter escaped as a URL may write it, and as the numbers that a debugger shows.
//! What is encrypted or hashed is not found, which is the point.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};

/// Words, each in all its spellings.
#[derive(Debug, Clone, Default)]
pub struct Needles {
    spellings: Vec<(String, String)>,
}

impl Needles {
    /// Of these words: long enough not to stand somewhere by chance.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles = Self::default();
        for word in words {
            assert!(word.len() >= 8, "`{word}` may stand anywhere");
            let mut add = |spelling: String| needles.spellings.push((word.to_owned(), spelling));
            for case in [word.to_owned(), word.to_uppercase(), word.to_lowercase()] {
                let all = |spell: fn(u8) -> String| case.bytes().map(spell).collect::<Vec<_>>();
                for digits in [all(|byte| format!("{byte:02x}")), all(|byte| format!("{byte:02X}"))] {
                    add(digits.concat());
                    add(digits.join("%"));
                }
                add(all(|byte| byte.to_string()).join(", "));
                for offset in 0..3_usize {
                    // What stands before it shifts its bits; letters that carry bits of a neighbour are left out.
                    let (from, until) = ((offset * 8).div_ceil(6), (offset + case.len()) * 8 / 6);
                    let shifted = [&vec![0; offset], case.as_bytes()].concat();
                    add(BASE64_STANDARD_NO_PAD.encode(&shifted)[from..until].to_owned());
                    add(BASE64_URL_SAFE_NO_PAD.encode(&shifted)[from..until].to_owned());
                }
                add(case);
            }
        }
        // A word of small letters only has the same spelling several times; which stay is of no matter.
        needles.spellings.sort();
        needles.spellings.dedup();
        needles
    }

    /// The words that stand in these bytes.
    pub fn in_bytes(&self, bytes: &[u8]) -> Vec<&str> {
        // All spellings are ASCII, so nothing is lost with bytes that are no text; and looking through a text is fast in any build.
        // Stores lay out files that are empty for the most part: of nothing, one byte says as much as a million.
        let mut bytes = bytes.to_vec();
        bytes.dedup_by(|a, b| (*a, *b) == (0, 0));
        let text = String::from_utf8_lossy(&bytes);
        let finds = |needle: &str| text.contains(needle);
        let mut found: Vec<&str> =
            self.spellings.iter().filter(|(_, needle)| finds(needle)).map(|(word, _)| word.as_str()).collect();
        found.dedup();
        found
    }

    /// The words that stand in the files of a folder and all below, with where; `but` leaves some files and folders out.
    pub fn in_folder(&self, folder: &Path, but: &impl Fn(&Path) -> bool) -> Vec<(String, PathBuf)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).expect("the folder is there").filter_map(Result::ok) {
            let path = entry.path();
            if but(&path) {
                continue;
            }
            if path.is_dir() {
                found.extend(self.in_folder(&path, but));
                // A file that is gone again holds nothing.
            } else if let Ok(bytes) = fs::read(&path) {
                found.extend(self.in_bytes(&bytes).into_iter().map(|word| (word.to_owned(), path.clone())));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn a_word_is_found_in_every_spelling_and_nothing_else_is() {
        let needles = Needles::of(["canaryword", "otherword7"]);
        let debugged = format!("{:?}", b"a canaryword");
        let texts = [
            "x canaryword y",
            "CANARYWORD",
            "63616e617279776f7264",
            "63616E617279776F7264",
            "43414E415259574F5244",
            "..canaryword..",
            "?q=%63%61%6e%61%72%79%77%6f%72%64",
            "q%3D%63%61%6E%61%72%79%77%6F%72%64%26",
            &debugged,
        ];
        for text in texts {
            assert_eq!(needles.in_bytes(text.as_bytes()), ["canaryword"], "{text}");
        }
        for before in ["", "a", "ab", "abc", "{\"name\":\""] {
            let text = format!("{before}canaryword and more");
            for encoded in [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE_NO_PAD.encode(&text)] {
                assert_eq!(needles.in_bytes(encoded.as_bytes()), ["canaryword"], "{text}");
            }
        }
        assert_eq!(needles.in_bytes(b"canary word, ccanarywor"), Vec::<&str>::new());
    }

    #[test]
    fn files_are_looked_through_but_those_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), "\0canaryword\0").unwrap();
        let needles = Needles::of(["canaryword"]);
        let all = needles.in_folder(folder.path(), &|_| false);
        assert_eq!(all, [("canaryword".to_owned(), inner.join("file"))]);
        assert_eq!(needles.in_folder(folder.path(), &|path| path.ends_with("b")), []);
    }
}
