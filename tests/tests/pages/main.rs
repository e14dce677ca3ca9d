//! Every page and every form of the public port, from the gateway's own table of routes: asked by nobody, by a person of the audience,
//! and by each role, about their own things, about those of another tenant, and about what does not exist. The services behind are the
//! real ones, so that a page that promises more than its service allows is found out. What a page looks like is tested elsewhere.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod bed;
mod rows;
mod table;

use std::collections::BTreeSet;

use turnout_gateway::{Route, Who};
use turnout_platform::auth::{EVERYONE, Role, SUPPORTERS};

use crate::{
    bed::{ACCOUNT, Answer, Bed, CONSOLE, Ids},
    rows::{Call, calls},
};

/// Pages that name no thing, and list some.
const LISTS: &[&str] = &[
    "/console",
    "/console/rows",
    "/console/audience",
    "/console/audience/rows",
    "/console/audience/export",
    "/console/team",
    "/console/settings/keys",
];
/// A page of another site.
const STRANGE_SITE: &str = "https://evil.example";

/// The routes, things that are looked at first, and last what ends an event or a session.
fn routes() -> Vec<Route> {
    let mut routes = turnout_gateway::routes();
    let order = |route: &Route| {
        let ends = ["/console/events/{event}/settings/cancel", "/r/{code}/cancel", "/console/sign-out", "/sign-out"];
        (route.method != "GET", ends.iter().position(|path| *path == route.path).map_or(0, |at| at + 1))
    };
    routes.sort_by_key(order);
    routes
}

fn named(route: &Route) -> bool {
    ["{event}", "{id}", "{person}", "{member}", "{key}"].iter().any(|part| route.path.contains(part))
}

/// Whether a member may do this: as the table says, but for two addresses that stand for several things.
fn may(role: Role, who: Who, route: &Route, call: &Call) -> bool {
    let Who::Team(roles) = who else { return true };
    let more = match route.path {
        "/console/events/{event}/registrants/{id}/{act}" if call.word != "check-in" => SUPPORTERS.contains(&role),
        // Only the session of the first link makes the first owner.
        "/console/welcome" if route.method == "POST" => false,
        _ => true,
    };
    more && roles.contains(&role)
}

/// It was let in: the page is shown, or what was asked for is done or is not possible as things are.
fn is_in(route: &Route, answer: &Answer) -> bool {
    let fine: &[u16] =
        if route.method == "GET" && route.path != "/console/welcome" { &[200] } else { &[200, 303, 409, 422] };
    fine.contains(&answer.status) && !(answer.is_sign_in() && route.path != "/console/sign-out")
}

fn pairs(route: &Route, mine: &Ids, other: &Ids) -> Vec<(Call, Call)> {
    let of = |ids| calls(route.method.as_str(), route.path, ids);
    of(mine).into_iter().zip(of(other)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn item_35_and_36_each_page_of_the_console_opens_to_its_roles_in_their_own_tenant_and_to_nobody_else() {
    let bed = Bed::start().await;
    let (ours, theirs) = (&bed.ours.ids, &bed.theirs.ids);
    let nothing = theirs.of_nothing();
    let (our_marks, their_marks) = (bed.ours.marks(), bed.theirs.marks());
    let mut wrong: Vec<String> = Vec::new();
    let mut marked = BTreeSet::new();
    for route in routes().iter().filter(|route| matches!(route.who, Who::Team(_))) {
        for (own, foreign) in pairs(route, ours, theirs) {
            let missing =
                calls(route.method.as_str(), route.path, &nothing).into_iter().find(|c| c.word == own.word).unwrap();
            let what = format!("{} {} {}", route.method, route.path, own.word);
            let mut must = |is: bool, who: &dyn std::fmt::Display, said: &str, answer: &Answer| {
                if !is {
                    let Answer { status, location, .. } = answer;
                    wrong.push(format!("{what} as {who}: {said}, but {status} {location}"));
                }
            };
            // Whoever is nobody here, is nobody: the audience's session is none, in whichever cookie it comes.
            for (who, cookie) in [
                ("nobody", None),
                ("a visitor", Some((ACCOUNT, bed.visitor.as_str()))),
                ("a visitor at the console", Some((CONSOLE, bed.visitor.as_str()))),
                ("one who made a session up", Some((CONSOLE, "made-up"))),
            ] {
                let answer = bed.ask(cookie, &own, ours).await;
                must(answer.is_sign_in(), &who, "must sign in", &answer);
            }
            for role in EVERYONE {
                let cookie = Some((CONSOLE, bed.ours.session(*role)));
                if route.method == "POST" {
                    let answer = bed.ask_from(STRANGE_SITE, cookie, &own, ours).await;
                    must(answer.status == 403, role, "a form of another site does nothing", &answer);
                }
                let allowed = may(*role, route.who, route, &own);
                // The foreign first: what is one's own may be over afterwards.
                if named(route) {
                    let of_theirs = bed.ask(cookie, &foreign, theirs).await;
                    let of_nobody = bed.ask(cookie, &missing, &nothing).await;
                    must(of_theirs == of_nobody, role, "theirs is as nothing", &of_theirs);
                    // Where the service refuses a role, that there is no such thing may be found out first.
                    let expected: &[u16] = if allowed { &[404] } else { &[403, 404] };
                    must(expected.contains(&of_theirs.status), role, "another tenant's is refused", &of_theirs);
                }
                let answer = bed.ask(cookie, &own, ours).await;
                if allowed {
                    must(is_in(route, &answer), role, "may", &answer);
                } else {
                    must(answer.status == 403, role, "may not", &answer);
                }
                must(!answer.tells(&their_marks), role, "nothing of another tenant is shown", &answer);
                if !named(route) && answer.tells(&our_marks) {
                    marked.insert(route.path);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // Looking for such marks finds them where they stand.
    for path in LISTS {
        assert!(marked.contains(path), "{path} shows nothing of the own tenant: {marked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn item_36_public_pages_ask_for_what_their_entry_says_and_a_role_opens_nothing_there() {
    let bed = Bed::start().await;
    let (ours, theirs) = (&bed.ours.ids, &bed.theirs.ids);
    let nothing = ours.of_nothing();
    let owner = Some((CONSOLE, bed.ours.session(Role::Owner)));
    let visitor = Some((ACCOUNT, bed.visitor.as_str()));
    let mut wrong: Vec<String> = Vec::new();
    for route in &routes() {
        for (own, missing) in pairs(route, ours, &nothing) {
            let what = format!("{} {} {}", route.method, route.path, own.word);
            let mut must = |is: bool, said: &str, answer: &Answer| {
                if !is {
                    wrong.push(format!("{what}: {said}, but {} {}", answer.status, answer.location));
                }
            };
            let is_own_form = route.method == "POST" && route.path != "/u/{code}" && route.who != Who::Signer;
            match route.who {
                Who::Team(_) => {}
                Who::Anyone => {
                    if is_own_form {
                        let answer = bed.ask_from(STRANGE_SITE, visitor, &own, ours).await;
                        must(answer.status == 403, "a form of another site does nothing", &answer);
                    }
                    if route.path == "/v1/live" {
                        continue;
                    }
                    let answers = [bed.ask(None, &own, ours).await, bed.ask(owner, &own, ours).await];
                    for answer in &answers {
                        must([200, 303, 422].contains(&answer.status), "is for anyone", answer);
                    }
                    let same = answers[0].status == answers[1].status;
                    must(same, "a role changes nothing", &answers[1]);
                    if named(route) && route.path != "/e/{event}/leave" {
                        let answer = bed.ask(None, &missing, &nothing).await;
                        must(answer.status == 404, "there is no such event", &answer);
                    }
                }
                Who::Holder => {
                    if is_own_form {
                        let answer = bed.ask_from(STRANGE_SITE, None, &own, ours).await;
                        must(answer.status == 403, "a form of another site does nothing", &answer);
                    }
                    let mut made_up = calls(route.method.as_str(), route.path, theirs).remove(0);
                    // Their code with our ids in it, and a code for something else.
                    let swapped = made_up
                        .path
                        .replace(&theirs.event, &ours.event)
                        .replace(&theirs.registration, &ours.registration);
                    let swapped = swapped.replace("other", "demo").replace(&theirs.person, &ours.person);
                    made_up.path = swapped;
                    let mut for_another = own.clone();
                    let (is, other) =
                        if own.word == "mailing" { (&ours.mailing, &ours.code) } else { (&ours.code, &ours.mailing) };
                    for_another.path = own.path.replace(is.as_str(), other);
                    for call in [&missing, &made_up, &for_another] {
                        for cookie in [None, owner, visitor] {
                            let answer = bed.ask(cookie, call, ours).await;
                            must(answer.status == 404, "a code that is none opens nothing", &answer);
                        }
                    }
                    let answer = bed.ask(None, &own, ours).await;
                    must([200, 303].contains(&answer.status), "the code is enough", &answer);
                }
                Who::Visitor => {
                    for cookie in
                        [None, owner, Some((ACCOUNT, bed.ours.session(Role::Owner))), Some((ACCOUNT, "made-up"))]
                    {
                        let answer = bed.ask(cookie, &own, ours).await;
                        must(answer.is_sign_in(), "only for who is signed in", &answer);
                    }
                    if is_own_form {
                        let answer = bed.ask_from(STRANGE_SITE, visitor, &own, ours).await;
                        must(answer.status == 403, "a form of another site does nothing", &answer);
                    }
                    let answer = bed.ask(visitor, &own, ours).await;
                    must([200, 303, 422].contains(&answer.status) && !answer.is_sign_in(), "is theirs", &answer);
                }
                Who::Signer => {
                    let unknown = bed.ask(None, &missing, &nothing).await;
                    for (ids, cookie) in [(ours, None), (ours, owner), (theirs, owner)] {
                        let call = calls(route.method.as_str(), route.path, ids).remove(0);
                        let answer = bed.ask(cookie, &call, ids).await;
                        must(answer.status == 401 && answer == unknown, "needs a signature", &answer);
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn item_36_a_foreign_id_under_ones_own_event_is_as_good_as_one_that_does_not_exist() {
    let bed = Bed::start().await;
    let (ours, theirs) = (&bed.ours.ids, &bed.theirs.ids);
    let owner = Some((CONSOLE, bed.ours.session(Role::Owner)));
    let with = |other: &Ids| Ids { event: ours.event.clone(), ..other.clone() };
    let (mixed, missing) = (with(theirs), with(&theirs.of_nothing()));
    for route in routes().iter().filter(|r| matches!(r.who, Who::Team(_)) && r.path.contains("{id}")) {
        for (foreign, nothing) in pairs(route, &mixed, &missing) {
            let what = format!("{} {} {}", route.method, route.path, foreign.word);
            let answer = bed.ask(owner, &foreign, &mixed).await;
            // A ticket that is not there is the door's own answer.
            assert!(answer.status == 404 || foreign.word == "check-in" && answer.status != 303, "{what}: {answer:?}");
            assert_eq!(answer, bed.ask(owner, &nothing, &missing).await, "{what}");
        }
    }
    for path in ["/console/check-in/{event}", "/console/events/{event}/registrants/bulk"] {
        let ask = async |ids: &Ids| bed.ask(owner, &calls("POST", path, ids)[0], ids).await;
        let answer = ask(&mixed).await;
        assert_eq!(answer, ask(&missing).await, "{path}");
        assert!(!answer.body.contains("Anna"), "{path} tells of another tenant: {answer:?}");
        assert!(!answer.location.contains("n=1"), "{path} acts on another tenant's registration: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn item_15_the_link_to_a_person_works_and_shows_each_role_what_it_may_see() {
    let bed = Bed::start().await;
    let ids = &bed.ours.ids;
    let link = &calls("GET", "/console/audience/{person}", ids)[0];
    assert!(bed.ask(None, link, ids).await.is_sign_in());
    let address = format!("anna@{}.example.org", ids.tenant);
    for role in EVERYONE {
        let page = bed.ask(Some((CONSOLE, bed.ours.session(*role))), link, ids).await;
        let expected = if *role == Role::Moderator { 403 } else { 200 };
        assert_eq!(page.status, expected, "{role}");
        assert_eq!(page.body.contains(&address), role.sees_personal(), "{role}: {}", page.body);
        // The event that they joined is told to all who see the page.
        assert_eq!(page.body.contains("A title"), expected == 200, "{role}");
        assert_eq!(page.body.contains("name=\"reason\""), SUPPORTERS.contains(role), "{role}");
    }
}
