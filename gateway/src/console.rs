//! The console: the organiser's pages. Signing in, the events, one event live, its registrants and its door, the people across events.
//! All data comes over gRPC from the services, in the name of the member who asks; what a role may do is decided there.

mod account;
mod audience;
mod audit;
mod door;
mod event_settings;
mod events;
mod export;
mod fields;
mod figures;
mod form;
mod keys;
mod messages;
mod reading;
mod refusals;
mod registrant;
mod registrants;
mod sending;
mod session;
mod settings;
mod sign_in;
mod stream;
mod suppressions;
mod team;

use axum::response::Response;
use turnout_platform::auth::{DOOR, EVERYONE, FIGURES, ORGANISERS, OWNERS, SUPPORTERS};

use crate::{
    answers::{html, in_console},
    routes::{
        Routes,
        Who::{Anyone, Team},
    },
    views::console::{help::HelpPage, shell::Place},
};

pub(crate) use session::Sessions;

/// Bytes of the longer forms: fifty answers, or what a door recorded offline.
const LONG_FORM_BYTES_MAX: usize = 256 * 1024;

/// The console's routes. What a role may do at an address stands beside it.
pub(crate) fn routes() -> Routes {
    long_forms()
        .get("/console", Team(EVERYONE), events::list)
        .get("/console/rows", Team(EVERYONE), events::rows)
        .post("/console/events", Team(ORGANISERS), events::create)
        .get("/console/events/{event}", Team(EVERYONE), events::show)
        .post("/console/events/{event}/state", Team(ORGANISERS), events::change_state)
        .get("/console/events/{event}/stream", Team(EVERYONE), stream::stream)
        .get("/console/events/{event}/series.json", Team(EVERYONE), stream::series)
        .get("/console/events/{event}/registrants", Team(EVERYONE), registrants::list)
        .get("/console/events/{event}/registrants/rows", Team(EVERYONE), registrants::rows)
        .get("/console/events/{event}/registrants/stream", Team(EVERYONE), registrants::stream)
        .post("/console/events/{event}/registrants/export", Team(ORGANISERS), registrants::export)
        .get("/console/events/{event}/registrants/{id}", Team(EVERYONE), registrant::show)
        .get("/console/events/{event}/registrants/{id}/suppression", Team(SUPPORTERS), suppressions::show)
        .post("/console/events/{event}/registrants/{id}/suppression", Team(SUPPORTERS), suppressions::lift)
        .get("/console/audience", Team(FIGURES), audience::list)
        .get("/console/audience/rows", Team(FIGURES), audience::rows)
        .post("/console/audience/export", Team(ORGANISERS), audience::export)
        .get("/console/audience/{person}", Team(FIGURES), audience::show)
        .post("/console/audience/{person}/{act}", Team(SUPPORTERS), audience::act)
        .get("/console/check-in/{event}", Team(DOOR), door::show)
        .post("/console/check-in/{event}", Team(DOOR), door::check_in)
        // By name, so only for those who see names.
        .get("/console/check-in/{event}/search", Team(SUPPORTERS), door::search)
        .get("/console/check-in/{event}/pack.json", Team(DOOR), door::pack)
        .get("/console/help", Team(EVERYONE), help)
        .get("/console/events/{event}/settings", Team(FIGURES), event_settings::show)
        .post("/console/events/{event}/settings", Team(ORGANISERS), event_settings::save)
        .post("/console/events/{event}/settings/cancel", Team(ORGANISERS), event_settings::cancel)
        .post("/console/events/{event}/settings/rooms", Team(ORGANISERS), event_settings::add_room)
        .post("/console/events/{event}/settings/rooms/{room}", Team(ORGANISERS), event_settings::rename_room)
        .get("/console/events/{event}/figures", Team(FIGURES), figures::show)
        .get("/console/events/{event}/messages", Team(FIGURES), messages::show)
        // By name, so only for those who see names.
        .get("/console/events/{event}/messages/to", Team(SUPPORTERS), messages::show_recipients)
        .post("/console/events/{event}/messages/reminders", Team(ORGANISERS), messages::put_reminders)
        .get("/console/messages", Team(FIGURES), messages::of_organisation)
        .get("/console/team", Team(OWNERS), team::show)
        .post("/console/team/invite", Team(OWNERS), team::invite)
        .post("/console/team/{member}/role", Team(OWNERS), team::change_role)
        .post("/console/team/{member}/remove", Team(OWNERS), team::remove)
        .get("/console/audit", Team(ORGANISERS), audit::show)
        .get("/console/account", Team(EVERYONE), account::show)
        .post("/console/account/password", Team(EVERYONE), account::password)
        .post("/console/account/others", Team(EVERYONE), account::end_others)
        .post("/console/account/second-factor", Team(EVERYONE), account::begin)
        .post("/console/account/second-factor/confirm", Team(EVERYONE), account::confirm)
        .post("/console/account/second-factor/remove", Team(EVERYONE), account::remove)
        .get("/console/settings", Team(OWNERS), settings::show)
        .post("/console/settings/data", Team(OWNERS), settings::save_data)
        .post("/console/settings/mail", Team(OWNERS), settings::save_mail)
        .post("/console/settings/retention", Team(OWNERS), settings::apply_retention)
        .post("/console/settings/secrets/{which}", Team(OWNERS), settings::rotate)
        .post("/console/settings/replay", Team(OWNERS), sending::replay)
        .post("/console/settings/marketing", Team(OWNERS), sending::lift)
        .get("/console/settings/keys", Team(OWNERS), keys::show)
        .post("/console/settings/keys", Team(OWNERS), keys::create)
        .post("/console/settings/keys/{key}/revoke", Team(OWNERS), keys::revoke)
        .get("/console/sign-in", Anyone, session::sign_in)
        .post("/console/sign-in", Anyone, sign_in::sign_in)
        .get("/console/link", Anyone, sign_in::link)
        .post("/console/link", Anyone, sign_in::redeem)
        .get("/console/welcome", Team(OWNERS), sign_in::welcome)
        .post("/console/welcome", Team(OWNERS), sign_in::make_owner)
        .post("/console/sign-out", Team(EVERYONE), session::sign_out)
        .answering(in_console)
}

fn long_forms() -> Routes {
    Routes::new()
        .get("/console/events/{event}/registrants/new", Team(SUPPORTERS), registrants::by_hand)
        .post("/console/events/{event}/registrants/new", Team(SUPPORTERS), registrants::register_by_hand)
        .post("/console/events/{event}/registrants/bulk", Team(SUPPORTERS), registrants::bulk)
        // The door may check in here and nothing else, which the service says.
        .post("/console/events/{event}/registrants/{id}/{act}", Team(DOOR), registrant::act)
        .post("/console/check-in/{event}/sync", Team(DOOR), door::sync)
        .get("/console/events/{event}/form", Team(FIGURES), form::show)
        .post("/console/events/{event}/form", Team(ORGANISERS), form::step)
        .get("/console/events/{event}/messages/{kind}", Team(FIGURES), messages::show_template)
        .post("/console/events/{event}/messages/{kind}", Team(ORGANISERS), messages::act_on_template)
        .get("/console/events/{event}/messages/{kind}/preview", Team(FIGURES), messages::stored_mail)
        .post("/console/events/{event}/messages/{kind}/preview", Team(ORGANISERS), messages::entered_mail)
        .get("/console/messages/{kind}", Team(FIGURES), messages::show_template)
        .post("/console/messages/{kind}", Team(ORGANISERS), messages::act_on_template)
        .get("/console/messages/{kind}/preview", Team(FIGURES), messages::stored_mail)
        .post("/console/messages/{kind}/preview", Team(ORGANISERS), messages::entered_mail)
        .taking(LONG_FORM_BYTES_MAX)
}

async fn help(organiser: session::Organiser) -> Response {
    html(&HelpPage { shell: reading::shell(Place::Help, &organiser) })
}
