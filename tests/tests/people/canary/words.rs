//! The canary's words: one for each personal field, and found nowhere else.

use turnout_proto::registration::v1::Act;

/// The words.
pub struct Words {
    pub mail: String,
    pub name: String,
    pub renamed: String,
    pub digits: String,
    pub nickname: String,
    pub answer: String,
    pub story: String,
    pub place: String,
    pub reason: String,
    pub password: String,
    pub member: String,
    pub stranger: String,
    pub broken: String,
}

impl Words {
    pub fn new() -> Self {
        // Mailboxes outlive a test: each run has words of its own.
        let run = std::process::id();
        let word = |what: &str| format!("quokka{what}{run}z");
        Self {
            mail: word("mail"),
            name: word("name"),
            renamed: word("renamed"),
            digits: format!("409{:07}", run % 10_000_000),
            nickname: word("nick"),
            answer: word("answer"),
            story: word("story"),
            place: word("place"),
            reason: word("reason"),
            password: word("password"),
            member: word("member"),
            stranger: word("stranger"),
            broken: word("broken"),
        }
    }

    pub fn all(&self) -> [&str; 13] {
        [
            &self.mail,
            &self.name,
            &self.renamed,
            &self.digits,
            &self.nickname,
            &self.answer,
            &self.story,
            &self.place,
            &self.reason,
            &self.password,
            &self.member,
            &self.stranger,
            &self.broken,
        ]
        .map(String::as_str)
    }

    pub fn email(&self) -> String {
        format!("{}@example.org", self.mail)
    }

    pub fn act(&self) -> Act {
        Act { reason: self.why() }
    }

    pub fn why(&self) -> String {
        format!("on the phone, {} said so", self.reason)
    }
}
