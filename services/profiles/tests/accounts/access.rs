//! Who may call what: every method of the service, taken from its descriptor, by every role. A new method without a row fails.

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use turnout_platform::auth::{Access, EVERYONE, ORGANISERS, OWNERS, Role, SUPPORTERS};
use turnout_profiles::ACCESS;

const PREFIX: &str = "/turnout.profiles.v1.AccountService/";

/// The roles that may call a method; none means only services of the mesh.
fn may(method: &str) -> Option<&'static [Role]> {
    match method {
        "SignIn"
        | "RequestLink"
        | "RedeemLink"
        | "CheckSession"
        | "EndSession"
        | "ListSessions"
        | "EndOtherSessions"
        | "ChangePassword"
        | "BeginSecondFactor"
        | "ConfirmSecondFactor"
        | "RemoveSecondFactor"
        | "CreateFirstOwner"
        | "RecordAudit" => None,
        "SendResetLink" => Some(SUPPORTERS),
        "ListMembers" | "InviteMember" | "ChangeMemberRole" | "RemoveMember" => Some(OWNERS),
        "ListAudit" => Some(ORGANISERS),
        other => panic!("{other} is new: say here who may call it"),
    }
}

#[test]
fn every_method_of_the_service_has_the_access_that_is_said_here() {
    let set = FileDescriptorSet::decode(turnout_proto::DESCRIPTORS).unwrap();
    let services =
        set.file.iter().filter(|file| file.package() == "turnout.profiles.v1").flat_map(|file| &file.service);
    let service = services.into_iter().find(|service| service.name() == "AccountService").unwrap();
    let methods: BTreeSet<_> = service.method.iter().map(prost_types::MethodDescriptorProto::name).collect();
    let table: Vec<_> = ACCESS.iter().copied().flatten().filter(|(path, _)| path.starts_with(PREFIX)).collect();
    assert_eq!(table.iter().map(|(path, _)| &path[PREFIX.len()..]).collect::<BTreeSet<_>>(), methods);
    for (path, access) in table {
        let wanted = may(&path[PREFIX.len()..]);
        match access {
            Access::Mesh => assert_eq!(wanted, None, "{path}"),
            Access::Team(roles) => {
                let wanted = wanted.unwrap_or_else(|| panic!("{path} is for the mesh"));
                for role in EVERYONE {
                    assert_eq!(roles.contains(role), wanted.contains(role), "{path} {role}");
                }
            }
            other => panic!("{path} is open to {other:?}"),
        }
    }
}
