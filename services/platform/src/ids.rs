//! The ids of the mesh as types: tenant, event, room, person, registration, account; and the topic that the first three form.
//!
//! An id is 1 to 64 characters of `[A-Za-z0-9_-]`, so that it fits unescaped into a bus subject, a URL, a table key and a log
//! line. No id is built here from personal data; a viewer's id is made in turnout-roster.

use std::{fmt, str::FromStr};

use turnout_roster::Topic;

use crate::limits::ID_CHARS_MAX;

/// Characters of a node's name in a frame: an id, and a suffix where the node had to change its name.
pub const ID_WITH_SUFFIX_CHARS_MAX: usize = ID_CHARS_MAX + 16;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {ID_CHARS_MAX} characters of A-Z, a-z, 0-9, _ and -")]
pub struct InvalidId;

fn check(text: &str) -> Result<(), InvalidId> {
    let fits = !text.is_empty()
        && text.len() <= ID_CHARS_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits { Ok(()) } else { Err(InvalidId) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// An organisation that runs events; tenants never meet.
    TenantId
);
id!(
    /// An event, unique over all tenants because it is part of the public address.
    EventId
);
id!(
    /// A room (a stage, a screening, a track), unique in its event.
    RoomId
);
id!(
    /// A person of a tenant's audience, the same in all its events.
    PersonId
);
id!(
    /// One person's, or one nickname's, part in one event.
    RegistrationId
);
id!(
    /// Somebody who can sign in: a member of a team, or a person of an audience.
    AccountId
);

/// The audience that is counted: an event, or one room of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Audience {
    /// Whose event it is.
    pub tenant: TenantId,
    /// The event.
    pub event: EventId,
    /// The room; none means the whole event.
    pub room: Option<RoomId>,
}

impl Audience {
    /// The name of this audience on the mesh: `tenant/event` or `tenant/event/room`.
    pub fn topic(&self) -> Topic {
        Topic::new(match &self.room {
            None => format!("{}/{}", self.tenant, self.event),
            Some(room) => format!("{}/{}/{room}", self.tenant, self.event),
        })
    }

    /// The audience of the whole event.
    #[must_use]
    pub fn whole_event(&self) -> Self {
        Self { room: None, ..self.clone() }
    }
}

impl FromStr for Audience {
    type Err = InvalidId;

    /// Reads a topic's name back.
    fn from_str(topic: &str) -> Result<Self, InvalidId> {
        let mut parts = topic.split('/');
        let (tenant, event) = (parts.next().ok_or(InvalidId)?, parts.next().ok_or(InvalidId)?);
        let room = parts.next().map(str::parse).transpose()?;
        if parts.next().is_some() {
            return Err(InvalidId);
        }
        Ok(Self { tenant: tenant.parse()?, event: event.parse()?, room })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_escape_a_subject_or_a_path_is_refused() {
        let long = "x".repeat(ID_CHARS_MAX + 1);
        for bad in ["", ".", "a.b", "a*", ">", "a b", "a\r\n", "a\0", "ä", "a/b", long.as_str()] {
            assert_eq!(bad.parse::<EventId>(), Err(InvalidId), "{bad:?}");
        }
    }

    #[test]
    fn a_topic_names_its_audience_and_reads_back() {
        for topic in ["acme/demo", "acme/demo/stage-1"] {
            let audience: Audience = topic.parse().unwrap();
            assert_eq!(audience.topic().as_str(), topic);
        }
        assert!("acme".parse::<Audience>().is_err());
        assert!("acme/demo/a/b".parse::<Audience>().is_err());
    }
}
