//! The reader's own account: password, sessions, second factor.

use askama::Template;
use turnout_proto::profiles::v1::Session;

use super::{
    super::{show, text, text::access as own, text::console as words},
    inputs::Field,
    registrants::Notice,
    shell::Shell,
};
use crate::assets;

/// What an authenticator app needs.
#[derive(Clone, Debug)]
pub struct NewSecondFactor {
    /// The key in base32, in groups of four.
    pub secret: String,
    /// The same as a picture, SVG of our own making.
    pub qr_svg: Option<String>,
}

/// `GET /console/account`
#[derive(Clone, Debug, Template)]
#[template(path = "studio/account.html")]
pub struct ConsoleAccountPage {
    /// Around it.
    pub shell: Shell,
    /// The address; empty for whoever came by the first link and has no account.
    pub email: String,
    /// The form of the password.
    pub password: Vec<Field>,
    /// The open sessions, newest first; none while the service does not answer.
    pub sessions: Option<Vec<Session>>,
    /// The id of this one.
    pub own_session: String,
    /// The second factor is set up.
    pub has_second_factor: bool,
    /// It is being set up: the first code is asked for.
    pub setting_up: bool,
    /// The key, on the page that follows the beginning and on no other.
    pub new: Option<NewSecondFactor>,
    /// The present password, which proves who begins; none where none is set.
    pub proof: Option<Field>,
    /// The field for a code.
    pub code: Field,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl ConsoleAccountPage {
    fn opened(session: &Session) -> String {
        session.opened_at.map(|at| show::day_and_time(at.seconds * 1000)).unwrap_or_default()
    }

    fn opened_machine(session: &Session) -> String {
        session.opened_at.map(|at| show::machine_time(at.seconds * 1000)).unwrap_or_default()
    }
}

/// After the second factor was set up: codes that are shown once.
#[derive(Clone, Debug, Template)]
#[template(path = "studio/recovery.html")]
pub struct RecoveryPage {
    /// Around it.
    pub shell: Shell,
    /// The codes.
    pub codes: Vec<String>,
}
