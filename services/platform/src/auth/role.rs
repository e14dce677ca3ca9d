//! The roles of an organiser's team, and the lists of roles that methods are opened to. Who has which role is stored by profiles.

use std::{fmt, str::FromStr};

use turnout_proto::common::v1 as wire;

/// What a member of a team may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything, the team and the tenant's settings included.
    Owner,
    /// Events, forms, templates, registrants, exports.
    Organiser,
    /// Sees registrants and people and helps them.
    Support,
    /// Sees figures, and rows without personal fields.
    Analyst,
    /// Sees live pages and, without personal fields, who is registered; checks people in at the door. No forms, figures of answers,
    /// messages or settings.
    Moderator,
}

/// Who decides about the tenant itself.
pub const OWNERS: &[Role] = &[Role::Owner];
/// Who makes events.
pub const ORGANISERS: &[Role] = &[Role::Owner, Role::Organiser];
/// Who helps people.
pub const SUPPORTERS: &[Role] = &[Role::Owner, Role::Organiser, Role::Support];
/// Who stands at the door.
pub const DOOR: &[Role] = &[Role::Owner, Role::Organiser, Role::Support, Role::Moderator];
/// Who works with figures, and sees how an event is set up: its form, its messages, its settings.
pub const FIGURES: &[Role] = &[Role::Owner, Role::Organiser, Role::Support, Role::Analyst];
/// The whole team.
pub const EVERYONE: &[Role] = &[Role::Owner, Role::Organiser, Role::Support, Role::Analyst, Role::Moderator];

impl Role {
    /// The word in tokens and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Organiser => "organiser",
            Self::Support => "support",
            Self::Analyst => "analyst",
            Self::Moderator => "moderator",
        }
    }

    /// Whether the role sees e-mails, names, phones and answers.
    pub fn sees_personal(self) -> bool {
        SUPPORTERS.contains(&self)
    }

    /// From the wire; none for what is no role.
    pub fn of_wire(role: i32) -> Option<Self> {
        match wire::Role::try_from(role).ok()? {
            wire::Role::Owner => Some(Self::Owner),
            wire::Role::Organiser => Some(Self::Organiser),
            wire::Role::Support => Some(Self::Support),
            wire::Role::Analyst => Some(Self::Analyst),
            wire::Role::Moderator => Some(Self::Moderator),
            wire::Role::Unspecified => None,
        }
    }

    /// For the wire.
    pub fn to_wire(self) -> wire::Role {
        match self {
            Self::Owner => wire::Role::Owner,
            Self::Organiser => wire::Role::Organiser,
            Self::Support => wire::Role::Support,
            Self::Analyst => wire::Role::Analyst,
            Self::Moderator => wire::Role::Moderator,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The text is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be owner, organiser, support, analyst or moderator")]
pub struct NoRole;

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(text: &str) -> Result<Self, NoRole> {
        EVERYONE.iter().copied().find(|role| role.word() == text).ok_or(NoRole)
    }
}
