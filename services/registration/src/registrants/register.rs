//! Registering: who, with which answers, and on which place. One registration an address and event, because its id follows from both.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message;
use turnout_platform::{
    canonical,
    failure::Failure,
    ids::{PersonId, RegistrationId, TenantId},
    outbox::Announcement,
    random,
};
use turnout_proto::profiles::v1::{ConsentAction, ConsentStatement, EnsurePersonRequest};

use super::{Act, RETRY_AFTER, Registrants, seats::Claim, turn};
use crate::{
    domain::{
        answers,
        event::{Event, State},
        fields,
        form::{self, Form, Violations},
        registration::{Change, Mode, Moments, Payment, Personal, Place, Registration, RegistrationState, Rsvp},
        settings,
    },
    store::{Creation, registrations::Sealed, seats::Waiter},
};

/// Somebody else may register the same address at the same moment, or cancel it.
const TRIES_MAX: usize = 5;
/// Characters of a nickname's idempotency key.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 16..=64;
/// Bytes of a registration's id before it is written in hexadecimal digits.
const ID_BYTES: usize = 16;

/// What somebody asks for.
pub(crate) struct Wanted {
    pub who: Who,
    pub mode: Option<Mode>,
    pub form_version: i64,
    /// BCP 47; empty when unknown.
    pub language: String,
    /// By hand: who, and why.
    pub act: Option<Act>,
}

/// Who registers.
pub(crate) enum Who {
    Person {
        email: String,
        name: String,
        phone: String,
        answers: HashMap<String, String>,
        /// `<purpose>/<channel>`.
        consents: Vec<String>,
        /// An IANA name; empty when unknown.
        zone: String,
    },
    Nickname {
        nickname: String,
        /// Makes a retry the same registration; empty for none.
        idempotency_key: String,
    },
}

/// What was asked for, found to be right.
struct Checked {
    registration: Registration,
    /// For a person.
    person: Option<EnsurePersonRequest>,
    consents: Vec<ConsentStatement>,
}

impl Registrants {
    /// Registers, or returns the registration that there is. Whether this call made it, or made it anew after a cancellation, or after
    /// retention had left nothing of its person.
    pub async fn register(&self, event: &Event, wanted: Wanted) -> Result<(Registration, bool), Failure> {
        let act = wanted.act.clone();
        if event.state == State::Cancelled {
            return Err(Failure::Precondition("the event is cancelled".to_owned()));
        }
        let turn = turn(&self.registering).await?;
        let checked = self.checked(event, wanted).await?;
        let registered = self.register_checked(event, checked, act.as_ref()).await?;
        drop(turn);
        Ok(registered)
    }

    async fn register_checked(
        &self,
        event: &Event,
        checked: Checked,
        act: Option<&Act>,
    ) -> Result<(Registration, bool), Failure> {
        let Checked { mut registration, person, consents } = checked;
        let mut person = person;
        for _ in 0..TRIES_MAX {
            let found = match self.store.registration(&event.id, &registration.id).await? {
                Some(found) => Some(self.opened(found).await?),
                None => None,
            };
            let is_there =
                |found: &&Registration| found.state != RegistrationState::Cancelled && !found.is_without_person();
            if let Some(found) = found.as_ref().filter(is_there) {
                return Ok((found.clone(), false));
            }
            if !event.settings.published && act.is_none() {
                return Err(Failure::Precondition("the event is not open for registration".to_owned()));
            }
            if let Some(request) = person.take() {
                registration.person = Some(self.profiles.person(&event.tenant, request).await?);
            }
            self.keeps_personal(event).await?;
            if let Some(stored) = self.store_new(event, registration.clone(), found, &consents, act).await? {
                return Ok((stored, true));
            }
        }
        Err(Failure::Overloaded { retry_after: RETRY_AFTER })
    }

    /// Stores the registration on a place, or on the waiting list; none when somebody else was faster.
    async fn store_new(
        &self,
        event: &Event,
        wanted: Registration,
        found: Option<Registration>,
        consents: &[ConsentStatement],
        act: Option<&Act>,
    ) -> Result<Option<Registration>, Failure> {
        let (id, at_ms) = (wanted.id.clone(), self.at_ms());
        let claim = match found.as_ref().and_then(Registration::place_without_person) {
            Some(seat) => PlaceFor::Kept(seat),
            None => self.place_for(event, &id, at_ms).await?,
        };
        let (after, changes) = wanted.registered(found.as_ref(), claim.place(), &event.settings, at_ms);
        let outcome = match self.made_ready(event, &after, &changes, consents, &claim, act).await {
            Ok((sealed, announcement)) => {
                let stored = match &found {
                    Some(found) => self.store.replace_with_person(&sealed, found.version).await,
                    None => self.store.create_registration(&sealed).await.map(|made| matches!(made, Creation::Created)),
                };
                match stored {
                    Ok(true) => {
                        announcement.done();
                        self.is_stored(&event.tenant, &after, &changes);
                        if matches!(claim, PlaceFor::Unlimited)
                            && let Err(failure) = self.number_newcomer(&event.id, &id).await
                        {
                            tracing::warn!(%failure, event = %event.id, "somebody may be registered beyond a limit that is new");
                        }
                        return Ok(Some(after));
                    }
                    Ok(false) => {
                        let told =
                            self.refused(&event.tenant, found.as_ref(), &after, &changes, announcement, act.is_none());
                        told.await.map(|()| None)
                    }
                    Err(failure @ Failure::Overloaded { .. }) => Err(failure),
                    // It may be stored: announcement and place stay, and are found by their age if it is not.
                    Err(failure) => return Err(failure),
                }
            }
            Err(failure) => Err(failure),
        };
        if let Some(claim) = claim.claim() {
            self.seats.give_back(&event.id, claim).await?;
        }
        outcome
    }

    /// Everything that comes before the registration is stored.
    async fn made_ready(
        &self,
        event: &Event,
        after: &Registration,
        changes: &[Change],
        consents: &[ConsentStatement],
        claim: &PlaceFor,
        act: Option<&Act>,
    ) -> Result<(Sealed, Announcement), Failure> {
        if let Some(act) = act {
            self.audit(&event.tenant, "registration.register", after, act).await?;
        }
        self.keep_consents(&event.tenant, after, consents).await?;
        let sealed = self.sealed(&event.tenant, after.clone()).await?;
        let announcement = self.outbox.announce(self.told(&event.tenant, after, changes, act.is_none())).await?;
        if let Some(claim) = claim.claim()
            && !self.seats.is_usable(claim)
        {
            announcement.withdrawn().await;
            return Err(Failure::Unavailable { retry_after: RETRY_AFTER });
        }
        Ok((sealed, announcement))
    }

    /// A place for a registration that has none. Who waits already comes first.
    pub(super) async fn place_for(&self, event: &Event, id: &RegistrationId, at_ms: i64) -> Result<PlaceFor, Failure> {
        let settings = &event.settings;
        if settings.capacity == 0 {
            return Ok(PlaceFor::Unlimited);
        }
        let has_queue = settings.waiting_list && !self.first_waiting(event, 1, u64::MAX).await?.is_empty();
        if !has_queue && let Some(claim) = self.seats.claim(&event.id, settings.capacity, id).await? {
            return Ok(PlaceFor::Seat(claim));
        }
        if !settings.waiting_list {
            self.doubt(event).await?;
            return Err(Failure::Precondition("the event is full".to_owned()));
        }
        self.store.put_waiter(&event.id, &Waiter { since_ms: at_ms, id: id.clone() }).await?;
        Ok(PlaceFor::Waiting)
    }

    /// Before the registration is stored: a retry after a crash keeps them under the same key, and who ticks something else before
    /// trying again states that.
    async fn keep_consents(
        &self,
        tenant: &TenantId,
        after: &Registration,
        consents: &[ConsentStatement],
    ) -> Result<(), Failure> {
        match &after.person {
            Some(person) if !consents.is_empty() => {
                let mut consents = consents.to_vec();
                // Texts go to the number of this form: a later one has to be agreed to anew.
                if !after.personal.phone.is_empty() {
                    let hash = self.vault.number_hash(tenant, person.as_str(), &after.personal.phone);
                    consents.iter_mut().filter(|it| it.channel == SMS).for_each(|it| it.number_hash.clone_from(&hash));
                }
                let stated: Vec<u8> = consents.iter().flat_map(Message::encode_to_vec).collect();
                let hash = u64::from_be_bytes(digest(&SHA256, &stated).as_ref()[..8].try_into().expect("32 bytes"));
                let key = format!("{}-{}-{hash:016x}", after.id, after.version);
                self.profiles.consent(tenant, person, consents, key).await
            }
            _ => Ok(()),
        }
    }

    /// All fields at once, so that a person hears of everything that is wrong.
    async fn checked(&self, event: &Event, wanted: Wanted) -> Result<Checked, Failure> {
        let form = self.form_for_answers(event, wanted.form_version).await?;
        let settings = &event.settings;
        let mut wrong = Violations::default();
        let mode = wrong.take("mode", settings.mode_of(wanted.mode)).unwrap_or(settings.mode);
        let language = if wanted.language.is_empty() {
            settings.first_language().to_owned()
        } else {
            wrong.take("language", fields::language("language", &wanted.language)).unwrap_or_default()
        };
        let mut person = None;
        let mut consents = Vec::new();
        let (id, personal) = match wanted.who {
            Who::Nickname { nickname, idempotency_key } => {
                if !settings.nicknames {
                    return Err(Failure::Precondition("the event takes no nicknames".to_owned()));
                }
                let id = self.nickname_id(event, &idempotency_key)?;
                let nickname = wrong.take("nickname", answers::nickname(&nickname)).unwrap_or_default();
                (id, Personal { nickname, ..Personal::default() })
            }
            Who::Person { email, name, phone, answers, consents: given, zone } => {
                let canonical = canonical::email(&email).map_err(|problem| Failure::invalid("email", problem));
                let canonical = wrong.take("email", canonical);
                let personal = Personal {
                    email: email.trim().to_owned(),
                    name: form.person_name(&name, &mut wrong),
                    phone: form.person_phone(&phone, &mut wrong),
                    nickname: String::new(),
                    answers: form.answers(&answers, self.this_year(), &mut wrong),
                };
                consents = statements(&form, &given, &language, settings.first_language(), &mut wrong);
                person = Some(EnsurePersonRequest {
                    email: personal.email.clone(),
                    name: personal.name.clone(),
                    phone: personal.phone.clone(),
                    language: language.clone(),
                    // A zone that we do not know is none: browsers may know newer ones.
                    zone: Some(zone)
                        .filter(|zone| !zone.is_empty() && settings::zone("zone", zone).is_ok())
                        .unwrap_or_default(),
                });
                let address =
                    canonical.map(|canonical| format!("{}\0{}", event.id, canonical.as_str())).unwrap_or_default();
                (id_of(self.vault.blind(&event.tenant, "registration", &address)), personal)
            }
        };
        wrong.or_fail()?;
        let registration = Registration {
            event: event.id.clone(),
            id,
            person: None::<PersonId>,
            state: RegistrationState::Registered,
            rsvp: Rsvp::NotAsked,
            mode,
            registered_at_ms: 0,
            first_entered_at_ms: None,
            checked_in_at_ms: None,
            seat: None,
            waiting_since_ms: None,
            moments: Moments::default(),
            payment: Payment::NotApplicable,
            paid: None,
            notices: Vec::new(),
            personal,
            form_version: form.version,
            language,
            version: 1,
        };
        Ok(Checked { registration, person, consents })
    }

    fn nickname_id(&self, event: &Event, key: &str) -> Result<RegistrationId, Failure> {
        if key.is_empty() {
            return Ok(id_of(random::bytes::<32>()));
        }
        let fits = KEY_CHARS.contains(&key.len())
            && key.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-'));
        if !fits {
            let problem =
                format!("must be {} to {} characters of A-Z, a-z, 0-9, _ and -", KEY_CHARS.start(), KEY_CHARS.end());
            return Err(Failure::invalid("idempotency_key", problem));
        }
        Ok(id_of(self.vault.blind(&event.tenant, "nickname", &format!("{}\0{key}", event.id))))
    }
}

/// The place of a registration before it is stored on it.
pub(super) enum PlaceFor {
    Unlimited,
    Seat(Claim),
    /// It has one: only its person was forgotten.
    Kept(u32),
    Waiting,
}

impl PlaceFor {
    pub fn place(&self) -> Place {
        match self {
            Self::Unlimited => Place::Unlimited,
            Self::Seat(claim) => Place::Seat(claim.seat),
            Self::Kept(seat) => Place::Seat(*seat),
            Self::Waiting => Place::Waiting,
        }
    }

    /// None where nothing is taken that would have to be given back.
    pub fn claim(&self) -> Option<&Claim> {
        if let Self::Seat(claim) = self { Some(claim) } else { None }
    }
}

/// The channel of text messages.
const SMS: &str = "sms";
/// Where consents that are given with a registration come from.
const SOURCE: &str = "form";

/// The consents that were given, with the words that the person read.
fn statements(
    form: &Form,
    given: &[String],
    language: &str,
    first_language: &str,
    wrong: &mut Violations,
) -> Vec<ConsentStatement> {
    let mut statements: Vec<ConsentStatement> = Vec::new();
    for consent in given {
        let Some(question) = form.consent(consent) else {
            wrong.add("consents", "names a consent that the form does not ask for");
            continue;
        };
        let (tag, text) = form::text_for(&question.text, language, first_language).unwrap_or_default();
        let statement = ConsentStatement {
            purpose: question.purpose.clone(),
            channel: question.channel.clone(),
            action: ConsentAction::Granted.into(),
            text: text.to_owned(),
            language: tag.to_owned(),
            source: SOURCE.to_owned(),
            at: None,
            text_version: form.version,
            number_hash: String::new(),
        };
        if !statements.contains(&statement) {
            statements.push(statement);
        }
    }
    statements
}

/// Half of a hash is plenty: two addresses of one event would have to agree in 128 bits.
fn id_of(hash: [u8; 32]) -> RegistrationId {
    let half: [u8; ID_BYTES] = *hash.first_chunk().expect("a hash has 32 bytes");
    format!("{:032x}", u128::from_be_bytes(half)).parse().expect("32 hexadecimal digits are an id")
}
