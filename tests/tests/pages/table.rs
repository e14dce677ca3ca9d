//! Who may ask at which address, written down here once more and apart from the gateway, whose own table is held against it. The roles
//! are spelled out, so that a list of roles that grows by one is found out too. What the pages do is tried in the other files.

use std::collections::BTreeSet;

use turnout_gateway::{Route, Who};
use turnout_platform::auth::Role;

const OWNER: Who = Who::Team(&[Role::Owner]);
const ORGANISER: Who = Who::Team(&[Role::Owner, Role::Organiser]);
const SUPPORT: Who = Who::Team(&[Role::Owner, Role::Organiser, Role::Support]);
const DOOR: Who = Who::Team(&[Role::Owner, Role::Organiser, Role::Support, Role::Moderator]);
const FIGURES: Who = Who::Team(&[Role::Owner, Role::Organiser, Role::Support, Role::Analyst]);
const ALL: Who = Who::Team(&[Role::Owner, Role::Organiser, Role::Support, Role::Analyst, Role::Moderator]);

/// Every address of the public port. A new one is entered here by whoever decides who may ask there.
const TABLE: &[(&str, &str, Who)] = &[
    ("GET", "/console", ALL),
    ("GET", "/console/rows", ALL),
    ("POST", "/console/events", ORGANISER),
    ("GET", "/console/events/{event}", ALL),
    ("POST", "/console/events/{event}/state", ORGANISER),
    ("GET", "/console/events/{event}/stream", ALL),
    ("GET", "/console/events/{event}/series.json", ALL),
    ("GET", "/console/events/{event}/registrants", ALL),
    ("GET", "/console/events/{event}/registrants/rows", ALL),
    ("GET", "/console/events/{event}/registrants/stream", ALL),
    ("POST", "/console/events/{event}/registrants/export", ORGANISER),
    ("GET", "/console/events/{event}/registrants/{id}", ALL),
    ("GET", "/console/events/{event}/registrants/{id}/suppression", SUPPORT),
    ("POST", "/console/events/{event}/registrants/{id}/suppression", SUPPORT),
    ("GET", "/console/audience", FIGURES),
    ("GET", "/console/audience/rows", FIGURES),
    ("POST", "/console/audience/export", ORGANISER),
    ("GET", "/console/audience/{person}", FIGURES),
    ("POST", "/console/audience/{person}/{act}", SUPPORT),
    ("GET", "/console/check-in/worker.js", Who::Anyone),
    ("GET", "/console/check-in/{event}", DOOR),
    ("POST", "/console/check-in/{event}", DOOR),
    ("GET", "/console/check-in/{event}/search", SUPPORT),
    ("GET", "/console/check-in/{event}/pack.json", DOOR),
    ("GET", "/console/help", ALL),
    ("GET", "/console/events/{event}/settings", FIGURES),
    ("POST", "/console/events/{event}/settings", ORGANISER),
    ("POST", "/console/events/{event}/settings/cancel", ORGANISER),
    ("POST", "/console/events/{event}/settings/rooms", ORGANISER),
    ("POST", "/console/events/{event}/settings/rooms/{room}", ORGANISER),
    ("GET", "/console/events/{event}/figures", FIGURES),
    ("GET", "/console/events/{event}/messages", FIGURES),
    ("GET", "/console/events/{event}/messages/to", SUPPORT),
    ("POST", "/console/events/{event}/messages/reminders", ORGANISER),
    ("GET", "/console/messages", FIGURES),
    ("GET", "/console/team", OWNER),
    ("POST", "/console/team/invite", OWNER),
    ("POST", "/console/team/{member}/role", OWNER),
    ("POST", "/console/team/{member}/remove", OWNER),
    ("GET", "/console/audit", ORGANISER),
    ("GET", "/console/account", ALL),
    ("POST", "/console/account/password", ALL),
    ("POST", "/console/account/others", ALL),
    ("POST", "/console/account/second-factor", ALL),
    ("POST", "/console/account/second-factor/confirm", ALL),
    ("POST", "/console/account/second-factor/remove", ALL),
    ("GET", "/console/settings", OWNER),
    ("POST", "/console/settings/data", OWNER),
    ("POST", "/console/settings/mail", OWNER),
    ("POST", "/console/settings/retention", OWNER),
    ("POST", "/console/settings/secrets/{which}", OWNER),
    ("POST", "/console/settings/replay", OWNER),
    ("POST", "/console/settings/marketing", OWNER),
    ("GET", "/console/settings/keys", OWNER),
    ("POST", "/console/settings/keys", OWNER),
    ("POST", "/console/settings/keys/{key}/revoke", OWNER),
    ("GET", "/console/sign-in", Who::Anyone),
    ("POST", "/console/sign-in", Who::Anyone),
    ("GET", "/console/link", Who::Anyone),
    ("POST", "/console/link", Who::Anyone),
    ("GET", "/console/welcome", OWNER),
    ("POST", "/console/welcome", OWNER),
    ("POST", "/console/sign-out", ALL),
    ("GET", "/console/events/{event}/registrants/new", SUPPORT),
    ("POST", "/console/events/{event}/registrants/new", SUPPORT),
    ("POST", "/console/events/{event}/registrants/bulk", SUPPORT),
    ("POST", "/console/events/{event}/registrants/{id}/{act}", DOOR),
    ("POST", "/console/check-in/{event}/sync", DOOR),
    ("GET", "/console/events/{event}/form", FIGURES),
    ("POST", "/console/events/{event}/form", ORGANISER),
    ("GET", "/console/events/{event}/messages/{kind}", FIGURES),
    ("POST", "/console/events/{event}/messages/{kind}", ORGANISER),
    ("GET", "/console/events/{event}/messages/{kind}/preview", FIGURES),
    ("POST", "/console/events/{event}/messages/{kind}/preview", ORGANISER),
    ("GET", "/console/messages/{kind}", FIGURES),
    ("POST", "/console/messages/{kind}", ORGANISER),
    ("GET", "/console/messages/{kind}/preview", FIGURES),
    ("POST", "/console/messages/{kind}/preview", ORGANISER),
    ("GET", "/e/{event}", Who::Anyone),
    ("POST", "/e/{event}/leave", Who::Anyone),
    ("GET", "/e/{event}/register", Who::Anyone),
    ("POST", "/e/{event}/register", Who::Anyone),
    ("GET", "/e/{event}/registered", Who::Anyone),
    ("GET", "/e/{event}/calendar.ics", Who::Anyone),
    ("GET", "/e/{event}/data", Who::Anyone),
    ("GET", "/r/{code}", Who::Holder),
    ("POST", "/r/{code}", Who::Holder),
    ("POST", "/r/{code}/rsvp", Who::Holder),
    ("GET", "/r/{code}/cancel", Who::Holder),
    ("POST", "/r/{code}/cancel", Who::Holder),
    ("POST", "/r/{code}/enter", Who::Holder),
    ("GET", "/r/{code}/calendar.ics", Who::Holder),
    ("GET", "/sign-in", Who::Anyone),
    ("POST", "/sign-in", Who::Anyone),
    ("GET", "/sign-in/link", Who::Anyone),
    ("POST", "/sign-in/link", Who::Anyone),
    ("POST", "/sign-out", Who::Anyone),
    ("GET", "/account", Who::Visitor),
    ("POST", "/account/verify", Who::Visitor),
    ("POST", "/account/password", Who::Visitor),
    ("POST", "/account/others", Who::Visitor),
    ("GET", "/u/{code}", Who::Holder),
    ("POST", "/u/{code}", Who::Holder),
    ("GET", "/u/{code}/preferences", Who::Holder),
    ("POST", "/u/{code}/preferences", Who::Holder),
    ("POST", "/v1/tenants/{tenant}/payments", Who::Signer),
    ("POST", "/v1/tenants/{tenant}/delivery-reports", Who::Signer),
    ("POST", "/v1/returned-mails", Who::Signer),
    ("GET", "/", Who::Anyone),
    ("GET", "/v1/live", Who::Anyone),
    ("POST", "/v1/events/{event}/tickets", Who::Anyone),
];

/// Styles, scripts and pictures, which everybody gets.
fn is_file(route: &Route) -> bool {
    route.who == Who::Anyone && ["/assets/", "/sdk/"].iter().any(|folder| route.path.starts_with(folder))
}

/// Words that are equal for those who may do the same, in whatever order they are named.
fn words(who: Who) -> String {
    match who {
        Who::Team(roles) => format!("{:?}", roles.iter().collect::<BTreeSet<_>>()),
        other => format!("{other:?}"),
    }
}

#[test]
fn item_36_every_address_of_the_router_stands_in_the_table_with_who_may_ask_there_and_nothing_else_does() {
    let served: BTreeSet<String> = turnout_gateway::routes()
        .into_iter()
        .filter(|route| !is_file(route))
        .map(|route| format!("{} {} {}", route.method, route.path, words(route.who)))
        .collect();
    let listed: BTreeSet<String> =
        TABLE.iter().map(|(method, path, who)| format!("{method} {path} {}", words(*who))).collect();
    assert_eq!(listed.len(), TABLE.len(), "an address stands here twice");
    let not_listed: Vec<_> = served.difference(&listed).collect();
    let not_served: Vec<_> = listed.difference(&served).collect();
    assert!(
        not_listed.is_empty() && not_served.is_empty(),
        "the router lets in {not_listed:#?} where this table says {not_served:#?}"
    );
}
