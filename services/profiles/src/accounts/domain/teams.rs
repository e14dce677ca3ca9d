//! The team of a tenant: who belongs to it, in which role, and that it never loses its last owner. One team is one value, so that
//! two changes at the same moment cannot both count on the other's owner.

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use turnout_platform::{auth::Role, failure::Failure};

use super::secrets::AccountId;

/// Members of one team.
pub(crate) const MEMBERS_MAX: usize = 500;

/// A member, without anything personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TeamMember {
    pub account: AccountId,
    /// The keyed hash of the address.
    pub address: [u8; 32],
    pub role: Role,
    /// Milliseconds since 1970.
    pub invited_at_ms: i64,
}

/// The members, in the order of their invitations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Team {
    pub members: Vec<TeamMember>,
    /// Grows by one with each change; 0 before there is a row.
    pub version: i64,
}

impl Team {
    pub fn member(&self, account: &AccountId) -> Option<&TeamMember> {
        self.members.iter().find(|member| member.account == *account)
    }

    pub fn at_address(&self, address: &[u8; 32]) -> Option<&TeamMember> {
        self.members.iter().find(|member| member.address == *address)
    }

    /// The team with one member more. Who has the same address is there already and stays as they are.
    pub fn with(mut self, member: TeamMember) -> Result<Self, Failure> {
        if self.at_address(&member.address).is_some() {
            return Ok(self);
        }
        if self.members.len() >= MEMBERS_MAX {
            return Err(Failure::Precondition(format!("a team has at most {MEMBERS_MAX} members")));
        }
        self.members.push(member);
        Ok(self)
    }

    /// The team with another role for a member.
    pub fn with_role(mut self, account: &AccountId, role: Role) -> Result<Self, Failure> {
        let member = self.members.iter_mut().find(|member| member.account == *account);
        member.ok_or(Failure::NotFound { what: "member" })?.role = role;
        self.with_an_owner()
    }

    /// The team without a member.
    pub fn without(mut self, account: &AccountId) -> Result<Self, Failure> {
        let before = self.members.len();
        self.members.retain(|member| member.account != *account);
        if self.members.len() == before {
            return Err(Failure::NotFound { what: "member" });
        }
        self.with_an_owner()
    }

    fn with_an_owner(self) -> Result<Self, Failure> {
        if self.members.iter().any(|member| member.role == Role::Owner) {
            Ok(self)
        } else {
            Err(Failure::Precondition("the last owner of a team stays; make somebody else an owner first".to_owned()))
        }
    }

    /// As kept in a table.
    pub fn encode(&self) -> String {
        let members = self.members.iter().map(|member| Stored {
            account: member.account.as_str().to_owned(),
            address: BASE64_STANDARD_NO_PAD.encode(member.address),
            role: member.role.word().to_owned(),
            invited_at: member.invited_at_ms,
        });
        serde_json::to_string(&members.collect::<Vec<_>>()).expect("texts and numbers are JSON")
    }

    /// From a table; none when this is no team.
    pub fn decode(text: &str, version: i64) -> Option<Self> {
        let stored: Vec<Stored> = serde_json::from_str(text).ok()?;
        let members = stored.into_iter().map(|stored| {
            Some(TeamMember {
                account: stored.account.parse().ok()?,
                address: BASE64_STANDARD_NO_PAD.decode(stored.address).ok()?.try_into().ok()?,
                role: stored.role.parse().ok()?,
                invited_at_ms: stored.invited_at,
            })
        });
        Some(Self { members: members.collect::<Option<_>>()?, version })
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    account: String,
    address: String,
    role: String,
    invited_at: i64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use turnout_platform::auth::EVERYONE;

    use super::*;

    fn member(n: usize, role: Role) -> TeamMember {
        let address = [n as u8; 32];
        TeamMember { account: format!("a{n}").parse().unwrap(), address, role, invited_at_ms: n as i64 }
    }

    #[test]
    fn the_last_owner_can_neither_go_nor_become_something_else() {
        let team = Team::default().with(member(1, Role::Owner)).unwrap().with(member(2, Role::Support)).unwrap();
        let (owner, other) = ("a1".parse().unwrap(), "a2".parse().unwrap());
        assert!(matches!(team.clone().without(&owner), Err(Failure::Precondition(_))));
        assert!(matches!(team.clone().with_role(&owner, Role::Analyst), Err(Failure::Precondition(_))));
        let two = team.with_role(&other, Role::Owner).unwrap();
        assert_eq!(two.clone().without(&owner).unwrap().members, [member(2, Role::Owner)]);
        assert!(matches!(two.without(&"a3".parse().unwrap()), Err(Failure::NotFound { .. })));
    }

    #[test]
    fn the_same_address_is_one_member() {
        let team = Team::default().with(member(1, Role::Owner)).unwrap();
        let again = TeamMember { account: "other".parse().unwrap(), ..member(1, Role::Support) };
        assert_eq!(team.clone().with(again).unwrap(), team);
    }

    #[test]
    fn a_team_has_a_limit() {
        let mut team = Team::default();
        for n in 0..MEMBERS_MAX {
            let mut next = member(n, Role::Owner);
            next.address[..8].copy_from_slice(&n.to_be_bytes());
            team = team.with(next).unwrap();
        }
        assert!(team.encode().len() < 100 * 1024, "a row holds it");
        assert!(team.with(TeamMember { address: [255; 32], ..member(501, Role::Owner) }).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_done_to_a_team_it_keeps_an_owner_and_reads_back(
            deeds in proptest::collection::vec((0..3_usize, 0..6_usize, 0..5_usize), 0..40),
        ) {
            let mut team = Team::default().with(member(0, Role::Owner)).unwrap();
            for (deed, n, role) in deeds {
                let (account, role) = (format!("a{n}").parse().unwrap(), EVERYONE[role]);
                let next = match deed {
                    0 => team.clone().with(member(n, role)),
                    1 => team.clone().with_role(&account, role),
                    _ => team.clone().without(&account),
                };
                team = next.unwrap_or(team);
                prop_assert!(team.members.iter().any(|member| member.role == Role::Owner));
                prop_assert_eq!(Team::decode(&team.encode(), team.version), Some(team.clone()));
            }
        }
    }
}
