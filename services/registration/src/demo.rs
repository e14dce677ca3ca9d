//! The demo event, so that a first start has something to watch. It only ever adds what is missing: what an organiser has
//! changed stays.

use turnout_platform::{
    auth::{Caller, Principal},
    failure::Failure,
    ids::{EventId, RoomId, TenantId},
};

use crate::{
    NewApiKey, Registration,
    domain::{
        event::{Event, State},
        settings::{Patch, Settings, USUAL_ZONE},
    },
};

/// The tenant of the demo event.
pub const DEMO_TENANT: &str = "demo";
/// The demo event.
pub const DEMO_EVENT: &str = "demo";

/// When the demo event starts on the day of the first start: 18:00 UTC.
const STARTS_AT_MS_OF_DAY: i64 = 18 * 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

const TITLE: &str = "The Turnout demo festival";
const ROOMS: [(&str, &str); 2] = [("main-stage", "Main stage"), ("screening-room", "Screening room")];
const API_KEY_LABEL: &str = "made at the first start";

/// What [`Registration::ensure_demo`] did.
pub struct DemoStart {
    /// An API key of the demo tenant, from the first start that came to its end; none from later ones.
    pub first_api_key: Option<NewApiKey>,
}

impl Registration {
    /// Sees to it that the demo event is there, with its rooms, and has gone live. Going live is the last step, and no event goes
    /// back to DRAFT: so a DRAFT means that no start has come to its end, and that nobody has been given the key yet.
    ///
    /// # Errors
    /// `AlreadyExists` when another tenant has the demo event's id; `Unavailable` and `Overloaded` when the tables do not answer.
    pub async fn ensure_demo(&self) -> Result<DemoStart, Failure> {
        let tenant: TenantId = DEMO_TENANT.parse().expect("the name is an id");
        let id: EventId = DEMO_EVENT.parse().expect("the name is an id");
        let event = match self.event(Some(&tenant), &id).await {
            Err(Failure::NotFound { .. }) => self.create_demo(&tenant, id.clone()).await?,
            found => found?,
        };
        for (room, title) in ROOMS {
            let room: RoomId = room.parse().expect("the name is an id");
            match self.create_room(&tenant, id.clone(), room, title.to_owned()).await {
                Ok(_) | Err(Failure::AlreadyExists { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        if event.state != State::Draft {
            return Ok(DemoStart { first_api_key: None });
        }
        let opened = Patch { published: Some(true), nicknames: Some(true), ..Patch::default() };
        let itself = Principal { caller: Caller::Mesh("registration".to_owned()), tenant: Some(tenant.clone()) };
        self.update_event(&itself, &id, &opened, "", None).await?;
        let key = self.create_api_key(&itself, API_KEY_LABEL).await?;
        self.change_state(&itself, &id, State::Live, None).await?;
        Ok(DemoStart { first_api_key: Some(key) })
    }

    async fn create_demo(&self, tenant: &TenantId, id: EventId) -> Result<Event, Failure> {
        let at_ms = self.at_ms();
        let settings = Settings::new(USUAL_ZONE.to_owned(), at_ms - at_ms.rem_euclid(DAY_MS) + STARTS_AT_MS_OF_DAY);
        self.create_event(tenant, id, TITLE.to_owned(), settings).await
    }
}
