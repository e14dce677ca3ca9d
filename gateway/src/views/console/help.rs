//! The help page: one section for each thing that is done for others.

use askama::Template;

use super::{
    super::{text, text::console as words, text::help},
    shell::Shell,
};
use crate::assets;

/// `GET /console/help`
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "console/help.html")]
pub struct HelpPage {
    /// Around it.
    pub shell: Shell,
}
