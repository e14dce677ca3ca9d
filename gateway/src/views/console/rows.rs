//! The rows and columns of an event's registrants. The table and the export are both made of these cells, so what is exported is what
//! is shown.

use std::collections::HashMap;

use turnout_proto::{
    common::v1::Money,
    notifications::v1::{Message, MessageKind, MessageState},
    registration::v1::{AttendanceMode, PaymentState, RegistrationState, RsvpState},
};

use super::{
    super::{show, text::console as words},
    shell::{EventFacts, Shell},
    states::{self, Tone},
};

/// One registration as the console shows it.
#[derive(Clone, Debug)]
pub struct RegistrantRow {
    /// The id.
    pub registration_id: String,
    /// The person; empty for a nickname.
    pub person_id: String,
    /// Personal; empty for those who may not see it.
    pub name: String,
    /// Personal.
    pub email: String,
    /// Personal.
    pub phone: String,
    /// Personal.
    pub nickname: String,
    /// Where it stands.
    pub state: RegistrationState,
    /// Whether the person said that they come.
    pub rsvp: RsvpState,
    /// Where the person takes part.
    pub mode: AttendanceMode,
    /// When it was made.
    pub registered_at_ms: Option<i64>,
    /// When the person first entered the event page.
    pub entered_at_ms: Option<i64>,
    /// When the person was checked in.
    pub checked_in_at_ms: Option<i64>,
    /// Waiting since.
    pub waiting_since_ms: Option<i64>,
    /// Whether they paid.
    pub payment: PaymentState,
    /// How much.
    pub paid: Option<Money>,
    /// Personal: answers by the field's key.
    pub answers: HashMap<String, String>,
    /// The version of the form that they belong to.
    pub form_version: i64,
    /// The language.
    pub language: String,
    /// The version of the registration.
    pub version: i64,
    /// What became of the messages to them, oldest first; none when messages do not answer.
    pub messages: Option<Vec<Message>>,
}

impl RegistrantRow {
    /// What the row is called: the first that there is of name, nickname, e-mail and a short id.
    pub fn title(&self) -> &str {
        [&self.name, &self.nickname, &self.email]
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or_else(|| self.registration_id.get(..SHORT_ID).unwrap_or(&self.registration_id), String::as_str)
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> states::Word {
        states::standing(self.state)
    }

    /// Whether the person comes, in a word.
    pub fn rsvp_word(&self) -> states::Word {
        states::rsvp(self.rsvp)
    }

    /// Where the person takes part, in a word.
    pub fn mode_word(&self) -> states::Word {
        states::mode(self.mode)
    }

    /// Whether they paid, in a word.
    pub fn payment_word(&self) -> states::Word {
        states::payment(self.payment)
    }

    /// The e-mail, where the title is not that already.
    pub fn second_line(&self) -> &str {
        if self.title() == self.email { "" } else { &self.email }
    }
}

/// So many characters of an id tell rows apart for people.
const SHORT_ID: usize = 10;

/// A field of the event's form, as a column or beside an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The key of its answers.
    pub key: String,
    /// The question.
    pub label: String,
    /// The options of a choice: key and label.
    pub options: Vec<(String, String)>,
    /// The versions of the form that ask it; none when it stands beside an answer of its own version.
    pub versions: Vec<i64>,
    /// The latest form does not ask it any more.
    pub is_removed: bool,
}

impl Question {
    /// The answer of a row, in words; empty for one that was given to another question of the same key.
    fn of_row(&self, row: &RegistrantRow) -> String {
        let is_own = self.versions.is_empty() || self.versions.contains(&row.form_version);
        row.answers.get(&self.key).filter(|_| is_own).map_or_else(String::new, |given| self.answer(given))
    }

    /// The version of the form that asked it last.
    pub fn last_version(&self) -> i64 {
        self.versions.iter().copied().max().unwrap_or_default()
    }

    /// An answer in words: the labels of the options that were chosen, anything else as it is.
    pub fn answer(&self, given: &str) -> String {
        if self.options.is_empty() {
            return given.to_owned();
        }
        let label = |key: &str| self.options.iter().find(|(k, _)| k == key).map_or(key, |(_, label)| label).to_owned();
        given.split(',').filter(|key| !key.is_empty()).map(label).collect::<Vec<_>>().join(", ")
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// Name, or the nickname.
    Name,
    /// The address.
    Email,
    /// The phone.
    Phone,
    /// The id, for those who see no names.
    Registration,
    /// Where it stands.
    State,
    /// Whether the person confirmed.
    Rsvp,
    /// Where the person takes part.
    Mode,
    /// When they registered.
    RegisteredAt,
    /// When they entered.
    Entered,
    /// What became of the confirmation.
    Confirmation,
    /// What became of each reminder.
    Reminders,
    /// Whether they paid.
    Paid,
    /// When they were checked in.
    CheckedIn,
    /// An answer.
    Answer(Question),
}

impl Column {
    /// The columns of an event for a reader.
    pub fn of(event: &EventFacts, shell: &Shell, answers: &[Question]) -> Vec<Self> {
        let personal = shell.sees_personal();
        let mut columns = Vec::new();
        if personal {
            columns.extend([Self::Name, Self::Email, Self::Phone]);
        } else {
            columns.push(Self::Registration);
        }
        columns.push(Self::State);
        if event.rsvp {
            columns.push(Self::Rsvp);
        }
        if event.mode == AttendanceMode::Hybrid {
            columns.push(Self::Mode);
        }
        // What is asked about most comes first: a narrow window cuts off the rest.
        columns.extend([Self::Paid, Self::Entered]);
        if event.has_door() {
            columns.push(Self::CheckedIn);
        }
        columns.push(Self::RegisteredAt);
        if shell.sees_figures() {
            columns.extend([Self::Confirmation, Self::Reminders]);
        }
        if personal {
            columns.extend(answers.iter().cloned().map(Self::Answer));
        }
        columns
    }

    /// Whether it stands in the first cell of a row, which says who it is.
    pub fn is_who(&self) -> bool {
        matches!(self, Self::Name | Self::Email | Self::Phone | Self::Registration)
    }

    /// The heading.
    pub fn label(&self) -> &str {
        match self {
            Self::Name => words::COLUMN_NAME,
            Self::Email => words::COLUMN_EMAIL,
            Self::Phone => words::COLUMN_PHONE,
            Self::Registration => words::COLUMN_REGISTRATION,
            Self::State => words::COLUMN_STATE,
            Self::Rsvp => words::COLUMN_RSVP,
            Self::Mode => words::COLUMN_MODE,
            Self::RegisteredAt => words::COLUMN_REGISTERED_AT,
            Self::Entered => words::COLUMN_ENTERED,
            Self::Confirmation => words::COLUMN_CONFIRMATION,
            Self::Reminders => words::COLUMN_REMINDERS,
            Self::Paid => words::COLUMN_PAID,
            Self::CheckedIn => words::COLUMN_CHECKED_IN,
            Self::Answer(question) => &question.label,
        }
    }

    /// The name for programs, in JSON.
    pub fn key(&self) -> String {
        match self {
            Self::Name => "name".into(),
            Self::Email => "email".into(),
            Self::Phone => "phone".into(),
            Self::Registration => "registration_id".into(),
            Self::State => "state".into(),
            Self::Rsvp => "rsvp".into(),
            Self::Mode => "mode".into(),
            Self::RegisteredAt => "registered_at".into(),
            Self::Entered => "first_entered_at".into(),
            Self::Confirmation => "confirmation".into(),
            Self::Reminders => "reminders".into(),
            Self::Paid => "payment".into(),
            Self::CheckedIn => "checked_in_at".into(),
            // Beside it may stand another question of the same key.
            Self::Answer(question) if question.is_removed => {
                format!("answer.{}.until_v{}", question.key, question.last_version())
            }
            Self::Answer(question) => format!("answer.{}", question.key),
        }
    }

    /// What the list is sorted by when this heading is chosen; none when it cannot be sorted by it.
    pub fn sort(&self) -> Option<&'static str> {
        match self {
            Self::Name => Some("name"),
            Self::Email => Some("email"),
            Self::RegisteredAt => Some("time"),
            Self::Entered => Some("entered"),
            Self::Paid => Some("paid"),
            _ => None,
        }
    }

    /// What stands in the column for a row; times in the zone.
    pub fn cell(&self, row: &RegistrantRow, zone: &str) -> Cell {
        match self {
            Self::Name => Cell::plain(if row.name.is_empty() { row.nickname.clone() } else { row.name.clone() }),
            Self::Email => Cell::plain(row.email.clone()),
            Self::Phone => Cell::plain(row.phone.clone()),
            Self::Registration => Cell::plain(row.registration_id.clone()),
            Self::State => Cell::word(states::standing(row.state)),
            Self::Rsvp => Cell::word(states::rsvp(row.rsvp)),
            Self::Mode => Cell::word(states::mode(row.mode)),
            Self::RegisteredAt => Cell::moment(row.registered_at_ms, zone, words::NOTHING, Tone::Plain),
            Self::Entered => Cell::moment(row.entered_at_ms, zone, words::NOT_ENTERED, Tone::Good),
            Self::CheckedIn => Cell::moment(row.checked_in_at_ms, zone, words::NOT_ENTERED, Tone::Good),
            Self::Confirmation => row.messages.as_ref().map_or_else(Cell::unknown, |messages| confirmation(messages)),
            Self::Reminders => row.messages.as_ref().map_or_else(Cell::unknown, |messages| reminders(messages)),
            Self::Paid => paid(row),
            Self::Answer(question) => Cell::plain(question.of_row(row)),
        }
    }
}

/// What stands in one place of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The lines, each with its tone; a table shows them below each other.
    pub lines: Vec<Line>,
    /// For a file, where that differs from the lines: a moment with its offset, all of what a table sums up.
    data: Option<String>,
}

/// A line of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// What else there is to say: why, how much, or twice.
    pub note: String,
    /// How it is meant.
    pub tone: Tone,
}

impl Cell {
    fn plain(text: String) -> Self {
        Self { lines: vec![Line { text, note: String::new(), tone: Tone::Plain }], data: None }
    }

    fn word(word: states::Word) -> Self {
        Self { lines: vec![line(word, String::new())], data: None }
    }

    fn moment(at_ms: Option<i64>, zone: &str, never: &str, tone: Tone) -> Self {
        let Some(at) = at_ms else {
            let text = never.to_owned();
            return Self {
                lines: vec![Line { text, note: String::new(), tone: Tone::Quiet }],
                data: Some(String::new()),
            };
        };
        let text = show::day_and_minute_in(at, zone);
        Self { lines: vec![Line { text, note: String::new(), tone }], data: Some(show::machine_time_in(at, zone)) }
    }

    fn unknown() -> Self {
        let text = words::MESSAGES_UNKNOWN.to_owned();
        Self { lines: vec![Line { text, note: String::new(), tone: Tone::Quiet }], data: None }
    }

    /// In one line, for a file.
    pub fn data(&self) -> String {
        self.data.clone().unwrap_or_else(|| in_one_line(&self.lines))
    }
}

fn line(word: states::Word, note: String) -> Line {
    Line { text: word.text.to_owned(), note, tone: word.tone }
}

fn paid(row: &RegistrantRow) -> Cell {
    let amount = row.paid.as_ref().map(states::money).unwrap_or_default();
    Cell { lines: vec![line(states::payment(row.payment), amount)], data: None }
}

/// The latest confirmation. One that was sent again stands for the ones before it.
fn confirmation(messages: &[Message]) -> Cell {
    let latest = messages.iter().rfind(|m| m.kind() == MessageKind::Confirmation);
    let lines = latest.map_or_else(none_yet, |message| {
        let (word, note) = states::message_words(message);
        vec![line(word, note)]
    });
    Cell { lines, data: None }
}

/// The reminders in the order in which they are due: for a table as a sum, for a file each with its state.
fn reminders(messages: &[Message]) -> Cell {
    let mut found: Vec<&Message> = messages.iter().filter(|m| m.kind() == MessageKind::Reminder).collect();
    found.sort_by_key(|m| m.due_at.map_or(0, |at| at.seconds));
    let lines: Vec<Line> = found
        .into_iter()
        .map(|message| {
            let (word, note) = states::message_words(message);
            let label = states::occurrence(&message.occurrence);
            let text = if label.is_empty() { word.text.to_owned() } else { format!("{label}: {}", word.text) };
            Line { text, note, tone: word.tone }
        })
        .collect();
    if lines.is_empty() {
        return Cell { lines: none_yet(), data: None };
    }
    let (all, sent) = (lines.len(), lines.iter().filter(|line| line.tone == Tone::Good).count());
    // Those that somebody should look at are named in the table too, with the reason.
    let odd: Vec<&Line> = lines.iter().filter(|line| matches!(line.tone, Tone::Bad | Tone::Warn)).collect();
    let tone = if odd.iter().any(|line| line.tone == Tone::Bad) {
        Tone::Bad
    } else if !odd.is_empty() {
        Tone::Warn
    } else if sent == all {
        Tone::Good
    } else {
        Tone::Quiet
    };
    let text = words::REMINDERS_SENT.replace("{sent}", &sent.to_string()).replace("{all}", &all.to_string());
    let note = in_one_line(odd);
    let data = Some(in_one_line(&lines));
    Cell { lines: vec![Line { text, note, tone }], data }
}

/// Lines with their notes.
fn in_one_line<'a>(lines: impl IntoIterator<Item = &'a Line>) -> String {
    let line = |line: &Line| match line.note.as_str() {
        "" => line.text.clone(),
        note => format!("{} ({note})", line.text),
    };
    lines.into_iter().map(line).collect::<Vec<_>>().join("; ")
}

fn none_yet() -> Vec<Line> {
    let text = words::NO_MESSAGE.to_owned();
    vec![Line { text, note: String::new(), tone: states::message_state(MessageState::Unspecified).tone }]
}
