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
mod messages;
mod reading;
mod refusals;
mod registrant;
mod registrants;
mod session;
mod settings;
mod sign_in;
mod stream;
mod team;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    response::Response,
    routing::{get, post},
};

use crate::{
    Shared,
    answers::html,
    views::console::{help::HelpPage, shell::Place},
};

pub(crate) use session::Sessions;

/// Bytes of the longer forms: fifty answers, or what a door recorded offline.
const LONG_FORM_BYTES_MAX: usize = 256 * 1024;

/// The console's routes.
pub(crate) fn routes() -> Router<Shared> {
    let long_forms = Router::new()
        .route("/console/events/{event}/registrants/new", get(registrants::by_hand).post(registrants::register_by_hand))
        .route("/console/events/{event}/registrants/bulk", post(registrants::bulk))
        .route("/console/events/{event}/registrants/{id}/{act}", post(registrant::act))
        .route("/console/check-in/{event}/sync", post(door::sync))
        .route("/console/events/{event}/form", get(form::show).post(form::step))
        .route("/console/events/{event}/messages/{kind}", get(messages::show_template).post(messages::act_on_template))
        .route(
            "/console/events/{event}/messages/{kind}/preview",
            get(messages::stored_mail).post(messages::entered_mail),
        )
        .layer(DefaultBodyLimit::max(LONG_FORM_BYTES_MAX));
    Router::new()
        .route("/console", get(events::list))
        .route("/console/rows", get(events::rows))
        .route("/console/events", post(events::create))
        .route("/console/events/{event}", get(events::show))
        .route("/console/events/{event}/state", post(events::change_state))
        .route("/console/events/{event}/stream", get(stream::stream))
        .route("/console/events/{event}/series.json", get(stream::series))
        .route("/console/events/{event}/registrants", get(registrants::list))
        .route("/console/events/{event}/registrants/rows", get(registrants::rows))
        .route("/console/events/{event}/registrants/stream", get(registrants::stream))
        .route("/console/events/{event}/registrants/export", post(registrants::export))
        .route("/console/events/{event}/registrants/{id}", get(registrant::show))
        .route("/console/audience", get(audience::list))
        .route("/console/audience/rows", get(audience::rows))
        .route("/console/audience/export", post(audience::export))
        .route("/console/audience/{person}", get(audience::show))
        .route("/console/audience/{person}/{act}", post(audience::act))
        .route("/console/check-in/{event}", get(door::show).post(door::check_in))
        .route("/console/check-in/{event}/search", get(door::search))
        .route("/console/check-in/{event}/pack.json", get(door::pack))
        .route("/console/help", get(help))
        .route("/console/events/{event}/settings", get(event_settings::show).post(event_settings::save))
        .route("/console/events/{event}/settings/cancel", post(event_settings::cancel))
        .route("/console/events/{event}/settings/rooms", post(event_settings::add_room))
        .route("/console/events/{event}/figures", get(figures::show))
        .route("/console/events/{event}/messages", get(messages::show))
        .route("/console/events/{event}/messages/reminders", post(messages::put_reminders))
        .route("/console/team", get(team::show))
        .route("/console/team/invite", post(team::invite))
        .route("/console/team/{member}/role", post(team::change_role))
        .route("/console/team/{member}/remove", post(team::remove))
        .route("/console/audit", get(audit::show))
        .route("/console/account", get(account::show))
        .route("/console/account/password", post(account::password))
        .route("/console/account/others", post(account::end_others))
        .route("/console/account/second-factor", post(account::begin))
        .route("/console/account/second-factor/confirm", post(account::confirm))
        .route("/console/account/second-factor/remove", post(account::remove))
        .route("/console/settings", get(settings::show))
        .route("/console/settings/data", post(settings::save_data))
        .route("/console/settings/mail", post(settings::save_mail))
        .route("/console/settings/retention", post(settings::apply_retention))
        .route("/console/settings/secrets/{which}", post(settings::rotate))
        .route("/console/sign-in", get(session::sign_in).post(sign_in::sign_in))
        .route("/console/link", get(sign_in::link).post(sign_in::redeem))
        .route("/console/welcome", get(sign_in::welcome).post(sign_in::make_owner))
        .route("/console/sign-out", post(session::sign_out))
        .merge(long_forms)
}

async fn help(organiser: session::Organiser) -> Response {
    html(&HelpPage { shell: reading::shell(Place::Help, &organiser) })
}
