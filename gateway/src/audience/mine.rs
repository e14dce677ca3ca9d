//! One's own registration: seen, changed, confirmed, cancelled, and the way in. Whoever has the code has the registration, so the pages
//! are never kept by anybody and never told to other sites.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use prost_types::FieldMask;
use qrcode::{QrCode, render::svg};
use tonic::{Code, Status};
use turnout_proto::registration::v1::{
    AnswerRsvpRequest, CancelRegistrationRequest, EventState, Form, PaymentState, Registration, ResolveCodeRequest,
    RsvpState, UpdateRegistrationRequest,
};

use super::{
    Asked, Posted, entry,
    event::{find, keep_language},
    fields::{self, Filler, Problems, Values},
    is_passing,
    language::Reader,
    refused,
    register::form_of,
    showing, to,
};
use crate::{
    Shared,
    answers::{error_page, html},
    directory::KnownEvent,
    upstream::{Acting, bounded},
    views::{
        CancelPage, EntryView, ErrorKind, RegistrationNotice, RegistrationPage, StandingView, TicketView,
        text::public as words,
    },
};

/// The longest code that is looked at.
const CODE_CHARS_MAX: usize = 400;
/// Pixels of the code's picture, which scales.
const QR_PIXELS_MIN: u32 = 240;

/// What a code opens.
struct Mine {
    code: String,
    /// What the door reads: another code, since it is shown around.
    ticket: String,
    event: KnownEvent,
    registration: Registration,
}

impl Mine {
    async fn open(shared: &Shared, code: String) -> Result<Self, Response> {
        if code.len() > CODE_CHARS_MAX {
            return Err(error_page(ErrorKind::NoSuchLink));
        }
        let request = bounded(ResolveCodeRequest { code: code.clone() });
        let answer = shared.upstream.registrants(&Acting::Mesh).resolve_code(request).await.map_err(refused)?;
        let registration = answer.into_inner().registration.unwrap_or_default();
        let event = find(shared, &registration.event_id).await?;
        let ticket = shared.desk.ticket_code(&registration.event_id, &registration.registration_id);
        Ok(Self { code, ticket, event, registration })
    }

    fn acting(&self) -> Acting {
        Acting::Tenant(self.event.tenant.clone())
    }

    fn filler(&self) -> Filler {
        if self.registration.email.is_empty() { Filler::Nickname } else { Filler::Registered }
    }

    fn is_over(&self) -> bool {
        let cancelled = showing::standing(&self.registration) == StandingView::Cancelled;
        cancelled || matches!(self.event.details.state(), EventState::Cancelled | EventState::Ended)
    }

    fn ids(&self) -> (String, String) {
        (self.registration.event_id.clone(), self.registration.registration_id.clone())
    }

    /// Back to the page, with what was just done.
    fn back(&self, notice: RegistrationNotice) -> Response {
        to(&format!("/r/{}?{}", self.code, notice.word()))
    }

    /// What a refusal means to the person: something to read on the page, or a page of its own.
    fn after(&self, done: Result<(), Status>, notice: RegistrationNotice) -> Response {
        match done {
            Ok(()) => self.back(notice),
            Err(status) if status.code() == Code::Aborted => self.back(RegistrationNotice::Meanwhile),
            Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument) => {
                self.back(RegistrationNotice::Refused)
            }
            Err(status) => refused(status),
        }
    }

    fn page(&self, reader: &Reader, form: Option<&Form>, sent: Option<(&Values, &Problems)>) -> RegistrationPage {
        let (event, registration) = (&self.event.details, &self.registration);
        let (head, languages) = showing::with_languages(event, reader);
        let standing = showing::standing(registration);
        let fields = form.filter(|_| !self.is_over()).map(|form| {
            let kept = fields::values_of_registration(form, registration);
            let nothing = Problems::new();
            let (values, problems) = sent.unwrap_or((&kept, &nothing));
            fields::show(form, event, reader, self.filler(), values, problems)
        });
        let (fields, problem) = fields.map(|form| (form.fields, form.problem)).unwrap_or_default();
        let entry = showing::entry(event, registration);
        let has_ticket = standing == StandingView::Registered && entry != EntryView::EventCancelled;
        // Whoever has typed an address holds this page, so it leads to the choices by way of a proof of the address. Without the event:
        // to sign in for an event is to come in to it.
        let preferences =
            (!registration.person_id.is_empty()).then(|| format!("/sign-in?tenant={}", self.event.tenant));
        RegistrationPage {
            head,
            languages,
            code: self.code.clone(),
            notice: None,
            who: showing::who(registration),
            email: registration.email.clone(),
            standing,
            mode: showing::mode(registration.mode()),
            registered_at: showing::when(registration.registered_at.as_ref(), &event.zone),
            // Who waits is asked once there is a place.
            rsvp: showing::rsvp(registration).filter(|_| !self.is_over() && standing != StandingView::Waiting),
            payment: showing::payment(event, registration),
            entry,
            ticket: if has_ticket { drawn(&self.ticket) } else { None },
            fields,
            problem,
            version: registration.version,
            can_cancel: !self.is_over(),
            preferences,
        }
    }
}

/// A ticket's code with its picture. Drawn by us from a code of ours, so it is markup that may go onto the page as it is.
fn drawn(code: &str) -> Option<TicketView> {
    let drawn = QrCode::new(code.as_bytes()).ok()?;
    let picture = drawn.render::<svg::Color<'_>>().min_dimensions(QR_PIXELS_MIN, QR_PIXELS_MIN).build();
    // Without the line before the picture, which is for files.
    let start = picture.find("<svg")?;
    Some(TicketView { qr_svg: picture[start..].to_owned(), code: code.to_owned() })
}

/// `GET /r/<code>`
pub(super) async fn show(
    State(shared): State<Shared>,
    Path(code): Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    let mine = match Mine::open(&shared, code).await {
        Ok(mine) => mine,
        Err(answer) => return answer,
    };
    let reader = Reader::of(&mine.event.details, asked.value("lang"), &headers);
    // Without its form the page still shows the ticket.
    let form = form_of(&shared, &mine.event).await.ok();
    let mut page = mine.page(&reader, form.as_ref(), None);
    page.notice = asked.find(RegistrationNotice::of_word);
    keep_language(html(&page), &shared, &reader)
}

/// `POST /r/<code>`: changes to what was told.
pub(super) async fn change(
    State(shared): State<Shared>,
    Path(code): Path<String>,
    asked: Asked,
    headers: HeaderMap,
    posted: Posted,
) -> Response {
    let mine = match Mine::open(&shared, code).await {
        Ok(mine) => mine,
        Err(answer) => return answer,
    };
    if mine.is_over() {
        return mine.back(RegistrationNotice::Refused);
    }
    let form = match form_of(&shared, &mine.event).await {
        Ok(form) => form,
        Err(answer) => return answer,
    };
    let reader = Reader::of(&mine.event.details, asked.value("lang"), &headers);
    let filler = mine.filler();
    let this_year = showing::year(shared.clock.at_ms());
    let filled = fields::read(&form, &mine.event.details, filler, &posted, this_year);
    let again = |problems: Problems| {
        let values = fields::values_of_post(&posted);
        let mut answer = html(&mine.page(&reader, Some(&form), Some((&values, &problems))));
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        answer
    };
    if !filled.problems.is_empty() {
        return again(filled.problems);
    }
    let mut paths = match filler {
        Filler::Nickname => vec!["nickname"],
        _ => vec!["name", "phone", "answers"],
    };
    if filled.mode != turnout_proto::registration::v1::AttendanceMode::Unspecified {
        paths.push("mode");
    }
    let (event_id, registration_id) = mine.ids();
    let request = UpdateRegistrationRequest {
        registration: Some(Registration {
            event_id,
            registration_id,
            name: filled.name,
            phone: filled.phone,
            nickname: filled.nickname,
            mode: filled.mode.into(),
            answers: filled.answers,
            form_version: form.version,
            ..Registration::default()
        }),
        update_mask: Some(FieldMask { paths: paths.into_iter().map(str::to_owned).collect() }),
        expected_version: posted.one("version").parse().unwrap_or_default(),
        act: None,
    };
    match shared.upstream.registrants(&mine.acting()).update_registration(bounded(request)).await {
        Err(status) if status.code() == Code::InvalidArgument => again(fields::blame(&form, &status)),
        Err(status) if is_passing(&status) && status.code() != Code::Aborted => {
            again(Problems::from([(String::new(), words::PROBLEM_AWAY.to_owned())]))
        }
        done => mine.after(done.map(drop), RegistrationNotice::Saved),
    }
}

/// `POST /r/<code>/rsvp`
pub(super) async fn rsvp(State(shared): State<Shared>, Path(code): Path<String>, posted: Posted) -> Response {
    let mine = match Mine::open(&shared, code).await {
        Ok(mine) => mine,
        Err(answer) => return answer,
    };
    let rsvp = match posted.one("answer") {
        "yes" => RsvpState::Confirmed,
        "no" => RsvpState::Declined,
        _ => return error_page(ErrorKind::BadForm),
    };
    let (event_id, registration_id) = mine.ids();
    let request = AnswerRsvpRequest { event_id, registration_id, rsvp: rsvp.into(), act: None };
    let before = showing::standing(&mine.registration);
    match shared.upstream.registrants(&mine.acting()).answer_rsvp(bounded(request)).await {
        Ok(answer) => mine.back(answered(&answer.into_inner().registration.unwrap_or_default())),
        Err(status) if status.code() == Code::FailedPrecondition && before == StandingView::Declined => {
            mine.back(RegistrationNotice::Full)
        }
        Err(status) => mine.after(Err(status), RegistrationNotice::Answered),
    }
}

/// What came of an answer.
fn answered(after: &Registration) -> RegistrationNotice {
    match showing::standing(after) {
        StandingView::Declined => RegistrationNotice::Declined,
        StandingView::Waiting => RegistrationNotice::Queued,
        StandingView::Registered | StandingView::Cancelled => RegistrationNotice::Answered,
    }
}

/// `GET /r/<code>/cancel`
pub(super) async fn ask_cancel(
    State(shared): State<Shared>,
    Path(code): Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    let mine = match Mine::open(&shared, code).await {
        Ok(mine) => mine,
        Err(answer) => return answer,
    };
    if mine.is_over() {
        return to(&format!("/r/{}", mine.code));
    }
    let reader = Reader::of(&mine.event.details, asked.value("lang"), &headers);
    let (head, languages) = showing::with_languages(&mine.event.details, &reader);
    let paid = mine.registration.payment() == PaymentState::Paid;
    html(&CancelPage { head, languages, code: mine.code, paid })
}

/// `POST /r/<code>/cancel`
pub(super) async fn cancel(State(shared): State<Shared>, Path(code): Path<String>, _: Posted) -> Response {
    let mine = match Mine::open(&shared, code).await {
        Ok(mine) => mine,
        Err(answer) => return answer,
    };
    let (event_id, registration_id) = mine.ids();
    let request = CancelRegistrationRequest { event_id, registration_id, act: None };
    let done = shared.upstream.registrants(&mine.acting()).cancel_registration(bounded(request)).await;
    mine.after(done.map(drop), RegistrationNotice::Cancelled)
}

/// `POST /r/<code>/enter`: this browser is the registrant from now on.
pub(super) async fn enter(State(shared): State<Shared>, Path(code): Path<String>, _: Posted) -> Response {
    let mine = match Mine::open(&shared, code).await {
        Ok(mine) => mine,
        Err(answer) => return answer,
    };
    let (event_id, registration_id) = mine.ids();
    match entry::record(&shared, &mine.event.tenant, &event_id, &registration_id).await {
        Ok(answer) if answer.admitted => {
            let mut response = to(&format!("/e/{event_id}"));
            entry::let_in(&mut response, &shared, &event_id, &mine.code);
            response
        }
        Ok(_) => mine.back(RegistrationNotice::Refused),
        Err(status) => mine.after(Err(status), RegistrationNotice::Refused),
    }
}

/// `GET /r/<code>/calendar.ics`: takes the event out of a calendar again once the person does not come. Who waits has nothing to put there.
pub(super) async fn calendar(State(shared): State<Shared>, Path(code): Path<String>) -> Response {
    let mine = match Mine::open(&shared, code).await {
        Ok(mine) => mine,
        Err(answer) => return answer,
    };
    // As in the mails: a later file replaces this one, and the sum grows whichever of the two has changed.
    let uid = format!("{}@turnout", mine.registration.registration_id);
    let sequence = mine.event.details.version + mine.registration.version;
    let comes = match showing::standing(&mine.registration) {
        StandingView::Registered => true,
        StandingView::Declined | StandingView::Cancelled => false,
        StandingView::Waiting => return error_page(ErrorKind::NoSuchPage),
    };
    super::calendar::file(&shared, &mine.event.details, &uid, sequence, comes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_of_a_code_is_plain_svg_without_styles_or_scripts() {
        let svg = drawn("gala.0190c3f1aa2b7c3d8e9f001122334455.AAAAAAAAAAAAAAAAAAAAAA").unwrap().qr_svg;
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"), "{svg}");
        for forbidden in [" style=", "<style", "<script", "href="] {
            assert!(!svg.contains(forbidden), "{forbidden}");
        }
    }
}
