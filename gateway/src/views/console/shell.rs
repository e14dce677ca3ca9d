//! What every page of the console has around it: the navigation, and over the pages of one event its head and its tabs.
//!
//! The pages hide what a role may not do. Whether it may open a page is said by the table of routes, and whether it may do what it asks
//! for by the services, at each call.

use turnout_platform::auth::{DOOR, FIGURES, ORGANISERS, OWNERS, Role, SUPPORTERS};
use turnout_proto::{common::v1::Money, registration::v1::AttendanceMode};

use super::super::{
    EventStateView, show,
    text::{access, console as words, studio},
};

/// The places of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The events and all pages of one.
    Events,
    /// The people across events.
    Audience,
    /// The organiser's team.
    Team,
    /// What was done for others.
    Audit,
    /// The tenant's settings.
    Settings,
    /// How things are done.
    Help,
    /// The reader's own account.
    Account,
}

/// One entry of the navigation.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Which place it is.
    pub place: Place,
    /// Where it leads.
    pub href: &'static str,
    /// The word for people.
    pub label: &'static str,
    /// Its picture in `icons.svg`.
    pub icon: &'static str,
    /// Who sees it.
    pub(crate) roles: &'static [Role],
}

/// The places, each with who may open it: the table of routes says the same.
pub(crate) const PLACES: &[Entry] = &[
    Entry {
        place: Place::Events,
        href: "/console",
        label: words::PLACE_EVENTS,
        icon: "events",
        roles: turnout_platform::auth::EVERYONE,
    },
    Entry {
        place: Place::Audience,
        href: "/console/audience",
        label: words::PLACE_AUDIENCE,
        icon: "audience",
        roles: FIGURES,
    },
    Entry { place: Place::Team, href: "/console/team", label: access::TEAM, icon: "team", roles: OWNERS },
    Entry { place: Place::Audit, href: "/console/audit", label: access::AUDIT, icon: "audit", roles: ORGANISERS },
    Entry {
        place: Place::Settings,
        href: "/console/settings",
        label: studio::TAB_SETTINGS,
        icon: "settings",
        roles: OWNERS,
    },
    Entry {
        place: Place::Help,
        href: "/console/help",
        label: words::PLACE_HELP,
        icon: "help",
        roles: turnout_platform::auth::EVERYONE,
    },
];

/// Where the reader is, and what they may do.
#[derive(Clone, Copy, Debug)]
pub struct Shell {
    /// Where.
    pub place: Place,
    /// As whom.
    pub role: Role,
    /// Another number each time that the page is shown: a form that is sent twice from it is known by it.
    pub once: u128,
}

impl Shell {
    /// The entries that the role sees.
    pub fn entries(&self) -> impl Iterator<Item = &'static Entry> {
        let role = self.role;
        PLACES.iter().filter(move |entry| entry.roles.contains(&role))
    }

    /// Whether the page belongs to the entry.
    pub fn is_at(&self, entry: &Entry) -> bool {
        self.place == entry.place
    }

    /// The page is the reader's own account.
    pub fn is_own_account(&self) -> bool {
        self.place == Place::Account
    }

    /// May see names, addresses, phones and answers.
    pub fn sees_personal(&self) -> bool {
        self.role.sees_personal()
    }

    /// May see figures, people across events, what became of mails, and how an event is set up.
    pub fn sees_figures(&self) -> bool {
        FIGURES.contains(&self.role)
    }

    /// May change the tenant's settings.
    pub fn settles(&self) -> bool {
        OWNERS.contains(&self.role)
    }

    /// May act for people: register, resend, cancel, mark paid.
    pub fn helps(&self) -> bool {
        SUPPORTERS.contains(&self.role)
    }

    /// May make and change events, and export.
    pub fn organises(&self) -> bool {
        ORGANISERS.contains(&self.role)
    }

    /// May check people in.
    pub fn checks_in(&self) -> bool {
        DOOR.contains(&self.role)
    }

    /// What the role is called.
    pub fn role_label(&self) -> &'static str {
        role_label(self.role)
    }
}

/// What a role is called.
pub fn role_label(role: impl std::borrow::Borrow<Role>) -> &'static str {
    match role.borrow() {
        Role::Owner => words::ROLE_OWNER,
        Role::Organiser => words::ROLE_ORGANISER,
        Role::Support => words::ROLE_SUPPORT,
        Role::Analyst => words::ROLE_ANALYST,
        Role::Moderator => words::ROLE_MODERATOR,
    }
}

/// The pages of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// The live counter.
    Live,
    /// Who is registered.
    Registrants,
    /// The form that they fill in.
    Form,
    /// What is written to them.
    Messages,
    /// What they answered.
    Figures,
    /// All that can be changed of the event.
    Settings,
    /// The door.
    CheckIn,
}

/// One tab of an event.
#[derive(Clone, Debug)]
pub struct TabLink {
    /// Where it leads.
    pub href: String,
    /// The word for people.
    pub label: &'static str,
    /// The page is this one.
    pub current: bool,
}

/// What the console's pages say and decide by about an event.
#[derive(Clone, Debug)]
pub struct EventFacts {
    /// The id.
    pub event_id: String,
    /// The title.
    pub title: String,
    /// Draft, live, ended or cancelled.
    pub state: EventStateView,
    /// The zone, an IANA name.
    pub zone: String,
    /// When it starts, milliseconds since 1970.
    pub starts_at_ms: Option<i64>,
    /// Where people take part.
    pub mode: AttendanceMode,
    /// What it costs; none for a free event.
    pub price: Option<Money>,
    /// People are asked to confirm.
    pub rsvp: bool,
    /// Places; 0 means no limit.
    pub capacity: u32,
    /// Languages of its texts, the event's own first.
    pub languages: Vec<String>,
}

impl EventFacts {
    /// The start in the event's zone, in words.
    pub fn starts(&self) -> Option<String> {
        self.starts_at_ms.map(|at| show::day_and_minute_in(at, &self.zone))
    }

    /// The way of taking part, in words.
    pub fn mode_label(&self) -> &'static str {
        super::states::mode(self.mode).text
    }

    /// The price in words.
    pub fn price_label(&self) -> String {
        self.price.as_ref().map_or_else(|| words::FREE.to_owned(), super::states::money)
    }

    /// Whether somebody can be at a door.
    pub fn has_door(&self) -> bool {
        matches!(self.mode, AttendanceMode::OnSite | AttendanceMode::Hybrid)
    }
}

/// The head of an event's pages.
#[derive(Clone, Debug)]
pub struct EventHead {
    /// The event.
    pub facts: EventFacts,
    /// Which of its pages this is.
    pub tab: Tab,
}

impl EventHead {
    /// The tabs that the reader may open.
    pub fn tabs(&self, shell: &Shell) -> Vec<TabLink> {
        let id = &self.facts.event_id;
        let tab = |tab, href, label| TabLink { href, label, current: tab == self.tab };
        let mut tabs = vec![
            tab(Tab::Live, format!("/console/events/{id}"), words::TAB_LIVE),
            tab(Tab::Registrants, format!("/console/events/{id}/registrants"), words::TAB_REGISTRANTS),
        ];
        if shell.sees_figures() {
            tabs.extend([
                tab(Tab::Form, format!("/console/events/{id}/form"), studio::TAB_FORM),
                tab(Tab::Messages, format!("/console/events/{id}/messages"), studio::TAB_MESSAGES),
                tab(Tab::Figures, format!("/console/events/{id}/figures"), studio::TAB_FIGURES),
                tab(Tab::Settings, format!("/console/events/{id}/settings"), studio::TAB_SETTINGS),
            ]);
        }
        if shell.checks_in() {
            tabs.push(tab(Tab::CheckIn, format!("/console/check-in/{id}"), words::TAB_CHECK_IN));
        }
        tabs
    }
}

#[cfg(test)]
mod tests {
    use turnout_platform::auth::EVERYONE;

    use super::*;

    #[test]
    fn item_35_menu_and_tabs_of_a_role_lead_to_the_pages_that_open_to_it_and_to_all_of_these() {
        let routes = crate::routes();
        let opens = |path: &str, role: Role| {
            let route = routes.iter().find(|route| route.method == "GET" && route.path == path);
            route.unwrap_or_else(|| panic!("there is no {path}")).who.includes(role)
        };
        let facts = EventFacts {
            event_id: "{event}".into(),
            title: String::new(),
            state: EventStateView::Live,
            zone: "UTC".into(),
            starts_at_ms: None,
            mode: AttendanceMode::OnSite,
            price: None,
            rsvp: false,
            capacity: 0,
            languages: vec!["en".into()],
        };
        let head = EventHead { facts, tab: Tab::Live };
        let all: Vec<TabLink> = head.tabs(&Shell { place: Place::Events, role: Role::Owner, once: 0 });
        for role in EVERYONE {
            let shell = Shell { place: Place::Events, role: *role, once: 0 };
            let tabs: Vec<String> = head.tabs(&shell).into_iter().map(|tab| tab.href).collect();
            for tab in &all {
                assert_eq!(tabs.contains(&tab.href), opens(&tab.href, *role), "{} for {role}", tab.href);
            }
            let places: Vec<&str> = shell.entries().map(|entry| entry.href).collect();
            for entry in PLACES {
                assert_eq!(places.contains(&entry.href), opens(entry.href, *role), "{} for {role}", entry.href);
            }
        }
    }
}
