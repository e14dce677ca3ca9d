//! The canary's words: one for each personal field, and found nowhere else.

use turnout_proto::registration::v1::Act;

/// The words.
pub struct Words {
    pub mail: String,
    pub name: String,
    pub renamed: String,
    pub digits: String,
    pub other_digits: String,
    pub nickname: String,
    pub answer: String,
    pub story: String,
    pub place: String,
    pub reason: String,
    pub detail: String,
    pub password: String,
    pub member: String,
    pub owner: String,
    pub sender: String,
    pub stranger: String,
    pub network: String,
    pub link: String,
    pub broken: String,
    pub key: String,
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
            other_digits: format!("418{:07}", run % 10_000_000),
            nickname: word("nick"),
            answer: word("answer"),
            story: word("story"),
            place: word("place"),
            reason: word("reason"),
            detail: word("detail"),
            password: word("password"),
            member: word("member"),
            owner: word("owner"),
            sender: word("sender"),
            stranger: word("stranger"),
            network: word("network"),
            link: word("link"),
            broken: word("broken"),
            key: word("retrykey"),
        }
    }

    pub fn all(&self) -> [&str; 20] {
        [
            &self.mail,
            &self.name,
            &self.renamed,
            &self.digits,
            &self.other_digits,
            &self.nickname,
            &self.answer,
            &self.story,
            &self.place,
            &self.reason,
            &self.detail,
            &self.password,
            &self.member,
            &self.owner,
            &self.sender,
            &self.stranger,
            &self.network,
            &self.link,
            &self.broken,
            &self.key,
        ]
        .map(String::as_str)
    }

    pub fn email(&self) -> String {
        format!("{}@example.org", self.mail)
    }

    pub fn stranger(&self) -> String {
        format!("{}@example.org", self.stranger)
    }

    pub fn act(&self) -> Act {
        Act { reason: self.why() }
    }

    pub fn why(&self) -> String {
        format!("on the phone, {} said so", self.reason)
    }
}
