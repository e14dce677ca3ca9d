//! Every address of the public port in one table: its method, its path, and who may ask. The router is made from these entries and from
//! nothing else, so that no address can be missing in the table; tests walk through it.
//!
//! A member's role is checked here, before a handler begins; the services check it again, and decide about every id by themselves.

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    handler::Handler,
    http::Method,
    middleware,
    response::Response,
    routing::{MethodRouter, get, post},
};
use turnout_platform::auth::Role;

use crate::Shared;

/// Who may ask at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anybody. What they see of a thing follows from what is published.
    Anyone,
    /// Whoever has the code that is part of the address: that of a registration, or of a mail.
    Holder,
    /// A person of the audience who is signed in, about themselves.
    Visitor,
    /// A provider that signs its request with the tenant's secret, or holds what only the receiver of a mail of ours can hold.
    Signer,
    /// A member of a team, with one of these roles, about their own tenant.
    Team(&'static [Role]),
}

impl Who {
    /// Whether a member with this role may.
    pub(crate) fn includes(self, role: Role) -> bool {
        matches!(self, Self::Team(roles) if roles.contains(&role))
    }
}

/// One entry of the table.
#[derive(Debug, Clone)]
pub struct Route {
    /// GET or POST.
    pub method: Method,
    /// The path, with its parts in braces.
    pub path: &'static str,
    /// Who may.
    pub who: Who,
}

/// Handlers with their entries in the table.
pub(crate) struct Routes {
    router: Router<Shared>,
    table: Vec<Route>,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), table: Vec::new() }
    }

    /// Something to look at.
    pub(crate) fn get<H, T>(self, path: &'static str, who: Who, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.with(Method::GET, path, who, get(handler))
    }

    /// Something to do.
    pub(crate) fn post<H, T>(self, path: &'static str, who: Who, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.with(Method::POST, path, who, post(handler))
    }

    fn with(mut self, method: Method, path: &'static str, who: Who, handler: MethodRouter<Shared>) -> Self {
        self.table.push(Route { method, path, who });
        // The handler's own arguments ask for it.
        self.router = self.router.route(path, handler.route_layer(Extension(who)));
        self
    }

    /// Lets the bodies of all requests so far be as long as this.
    pub(crate) fn taking(mut self, bytes_max: usize) -> Self {
        self.router = self.router.layer(DefaultBodyLimit::max(bytes_max));
        self
    }

    /// Lets all answers so far go through this.
    pub(crate) fn answering<F, A>(mut self, through: F) -> Self
    where
        F: Fn(Response) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        self.router = self.router.layer(middleware::map_response(through));
        self
    }

    /// With all entries of another one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.table.extend(other.table);
        self.router = self.router.merge(other.router);
        self
    }

    pub(crate) fn into_parts(self) -> (Router<Shared>, Vec<Route>) {
        (self.router, self.table)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::{http, views::console::shell};

    use super::*;

    #[test]
    fn each_entry_stands_in_the_table_once() {
        let (_, table) = http::routes().into_parts();
        let mut seen = HashSet::new();
        for route in &table {
            assert!(seen.insert((route.method.clone(), route.path)), "{route:?}");
        }
        assert!(table.len() > 80, "{}", table.len());
    }

    #[test]
    fn pages_of_the_console_are_the_teams_except_those_that_let_one_in() {
        let open = ["/console/sign-in", "/console/link", "/console/check-in/worker.js"];
        let (_, table) = http::routes().into_parts();
        for route in table {
            let is_of_team = matches!(route.who, Who::Team(roles) if !roles.is_empty());
            let is_in_console = route.path.starts_with("/console") && !open.contains(&route.path);
            assert_eq!(is_of_team, is_in_console, "{route:?}");
        }
    }

    #[test]
    fn item_35_the_navigation_shows_each_role_the_pages_that_it_may_open() {
        let (_, table) = http::routes().into_parts();
        let who = |path: &str| {
            let mut routes = table.iter().filter(|route| route.method == Method::GET);
            routes.find(|route| route.path == path).map(|route| route.who)
        };
        for entry in shell::PLACES {
            assert_eq!(who(entry.href), Some(Who::Team(entry.roles)), "{entry:?}");
        }
        assert_eq!(who("/console/check-in/{event}"), Some(Who::Team(turnout_platform::auth::DOOR)));
    }
}
