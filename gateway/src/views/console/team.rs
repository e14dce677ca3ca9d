//! The team: who belongs to it, in which role, and what each role may do.

use askama::Template;
use turnout_platform::auth::Role;
use turnout_proto::profiles::v1::Member;

use super::{
    super::{show, text, text::access as own, text::console as words},
    inputs::Field,
    registrants::Notice,
    shell::{Shell, role_label},
};
use crate::assets;

/// A role with what it may do, highest first.
pub const ROLES: [(Role, &str, &str); 5] = [
    (Role::Owner, "owner", own::ROLE_OWNER_MEANING),
    (Role::Organiser, "organiser", own::ROLE_ORGANISER_MEANING),
    (Role::Support, "support", own::ROLE_SUPPORT_MEANING),
    (Role::Analyst, "analyst", own::ROLE_ANALYST_MEANING),
    (Role::Moderator, "moderator", own::ROLE_MODERATOR_MEANING),
];

/// The words of forms for the roles, with the words for people.
pub fn role_options() -> [(&'static str, &'static str); 5] {
    ROLES.map(|(role, word, _)| (word, role_label(role)))
}

/// `GET /console/team`
#[derive(Clone, Debug, Template)]
#[template(path = "studio/team.html")]
pub struct TeamPage {
    /// Around it.
    pub shell: Shell,
    /// By address.
    pub members: Vec<Member>,
    /// The reader's own account; empty for whoever came by the first link.
    pub own_id: String,
    /// The form to invite somebody.
    pub invite: Vec<Field>,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl TeamPage {
    fn label(role: &(Role, &str, &str)) -> &'static str {
        role_label(role.0)
    }

    fn role(member: &Member) -> Option<Role> {
        Role::of_wire(member.role)
    }

    fn role_of(member: &Member) -> &'static str {
        Self::role(member).map_or(words::NOTHING, role_label)
    }

    fn has_role(member: &Member, role: &(Role, &str, &str)) -> bool {
        Self::role(member) == Some(role.0)
    }

    /// When whoever has not signed in yet was invited, milliseconds since 1970.
    fn invited_at(member: &Member) -> Option<i64> {
        member.invited_at.filter(|_| !member.active).map(|at| at.seconds * 1000)
    }

    fn second_factor(member: &Member) -> &'static str {
        if member.has_second_factor { own::SECOND_FACTOR_ON } else { own::SECOND_FACTOR_OFF }
    }
}
