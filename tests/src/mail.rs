//! Mails as they arrive: the files that the mail server of `tests/run`, or a mesh without a mail server, keeps.
//! It reads just enough of a mail to test it: headers, the plain half, links.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::wait::until;

/// One mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// As it arrived.
    pub raw: String,
    /// The whole with quoted-printable and base64 parts decoded.
    pub text: String,
}

impl Mail {
    /// The value of a header, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.raw.replace("\r\n", "\n");
        let head = head.split("\n\n").next().unwrap_or_default().replace("\n ", " ").replace("\n\t", " ");
        let (name, lines) = (name.to_ascii_lowercase(), head.lines());
        lines
            .filter_map(|line| line.split_once(':'))
            .find(|(n, _)| n.to_ascii_lowercase() == name)
            .map(|(_, v)| v.trim().to_owned())
    }

    /// The first link with this path at its beginning, such as `/r/`; without the host.
    pub fn link(&self, path: &str) -> Option<String> {
        let links = self.text.split(|c: char| c.is_whitespace() || "<>\"'()".contains(c));
        links
            .filter_map(|word| word.split_once("://"))
            .filter_map(|(_, rest)| rest.find('/').map(|slash| rest[slash..].replace("&amp;", "&")))
            .find(|link| link.starts_with(path))
    }
}

/// The mails to this address so far, oldest first. `boxes` holds a folder for each recipient, or all mails in one folder.
pub fn to(boxes: &Path, recipient: &str) -> Vec<Mail> {
    let own = boxes.join(recipient);
    let (folder, all) = if own.is_dir() { (own, true) } else { (boxes.to_owned(), false) };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.retain(|file| file.extension().is_some_and(|e| e == "eml"));
    files.sort();
    let mails = files.iter().filter_map(|file| fs::read(file).ok()).map(|bytes| read(&bytes));
    mails.filter(|mail| all || mail.header("to").is_some_and(|to| to.contains(recipient))).collect()
}

/// All mails so far, in the folder and in those of its recipients.
pub fn all(boxes: &Path) -> Vec<Mail> {
    let entries = fs::read_dir(boxes).map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect());
    let entries: Vec<PathBuf> = entries.unwrap_or_default();
    let is_mail = |path: &PathBuf| path.extension().is_some_and(|e| e == "eml");
    let (own, folders): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_mail);
    let mut mails: Vec<Mail> = own.iter().filter_map(|file| fs::read(file).ok()).map(|bytes| read(&bytes)).collect();
    mails.extend(folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| all(folder)));
    mails
}

/// Waits for as many mails to this address.
pub async fn wait_for(boxes: &Path, recipient: &str, number: usize) -> Vec<Mail> {
    let seen = async || to(boxes, recipient).len();
    until("the mails arrive", Duration::from_secs(10), seen, |seen| *seen >= number).await;
    to(boxes, recipient)
}

fn read(bytes: &[u8]) -> Mail {
    let raw = String::from_utf8_lossy(bytes).into_owned();
    let mut text = String::new();
    // Parts are told apart by their own headers; a body in base64 is one run of its letters.
    for part in raw.replace("\r\n", "\n").split("\n--") {
        let (head, body) = part.split_once("\n\n").unwrap_or((part, ""));
        let head_lower = head.to_ascii_lowercase();
        text.push_str(head);
        text.push('\n');
        if head_lower.contains("content-transfer-encoding: base64") {
            let letters: String = body.chars().filter(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c)).collect();
            let decoded = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, letters).unwrap_or_default();
            text.push_str(&String::from_utf8_lossy(&decoded));
        } else if head_lower.contains("content-transfer-encoding: quoted-printable") {
            text.push_str(&quoted_printable(body));
        } else {
            text.push_str(body);
        }
        text.push('\n');
    }
    Mail { raw, text }
}

fn quoted_printable(body: &str) -> String {
    let joined = body.replace("=\n", "");
    let (mut bytes, mut rest) = (Vec::new(), joined.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'=').then(|| after.get(..2)).flatten();
        let code = hex.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
