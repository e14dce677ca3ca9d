//! What happens to a registration after it was made: other details, a cancellation, a payment, an entry. Answers to whether people
//! come are `coming`'s.

use std::collections::HashMap;

use turnout_platform::{canonical, failure::Failure, ids::RegistrationId};

use super::{Act, Registrants};
use crate::{
    domain::{
        answers,
        event::Event,
        fields,
        form::{Form, Violations},
        money::Money,
        registration::{Details, Mode, Payment, Registration, RegistrationState},
    },
    store::seats::Waiter,
};

/// What a registration is to become; what is none stays.
#[allow(clippy::option_option, reason = "to be left as it is and to be as the event says are two things")]
#[derive(Default)]
pub(crate) struct Wish {
    pub name: Option<String>,
    pub phone: Option<String>,
    pub nickname: Option<String>,
    /// None inside: what the event says.
    pub mode: Option<Option<Mode>>,
    pub language: Option<String>,
    pub answers: Option<HashMap<String, String>>,
    /// The version of the form that was answered; 0 for the present one.
    pub form_version: i64,
}

impl Registrants {
    /// Changes details.
    pub async fn update(
        &self,
        event: &Event,
        id: &RegistrationId,
        wish: Wish,
        expected: Option<i64>,
        act: Option<&Act>,
    ) -> Result<Registration, Failure> {
        let found = self.registration(event, id).await?;
        let details = self.details(event, &found, wish).await?;
        self.keeps_personal(event).await?;
        // A member of the team knows whom they help, and texts go to the person's number. What somebody with a link writes is kept with
        // the registration only: it need not be that person.
        if let (Some(act), Some(person), Some(phone)) = (act, &found.person, &details.phone)
            && *phone != found.personal.phone
        {
            if expected.is_some_and(|expected| expected != found.version) {
                return Err(Failure::Changed { what: "registration" });
            }
            found.clone().with_details(details.clone())?;
            self.profiles.phone(&event.tenant, person, phone, &act.reason).await?;
        }
        let act = act.map(|act| ("registration.update", act));
        let step = |registration: Registration| registration.with_details(details.clone());
        let (after, _) = self.change_by(event, id, expected, act, step).await?;
        Ok(after)
    }

    /// Cancels. The place becomes free; whoever waits longest gets it when the bus tells of it.
    pub async fn cancel(&self, event: &Event, id: &RegistrationId, act: Option<&Act>) -> Result<Registration, Failure> {
        let before = self.registration(event, id).await?;
        let act = act.map(|act| ("registration.cancel", act));
        let at_ms = self.at_ms();
        let step = |registration: Registration| Ok(registration.cancelled(at_ms));
        let (after, _) = self.change_by(event, id, None, act, step).await?;
        if let (RegistrationState::Waiting, Some(since_ms)) = (before.state, before.waiting_since_ms) {
            self.store.remove_waiter(&event.id, &Waiter { since_ms, id: id.clone() }).await?;
        }
        Ok(after)
    }

    /// Sets the payment by hand, or by a service of the organiser.
    pub async fn set_payment(
        &self,
        event: &Event,
        id: &RegistrationId,
        payment: Payment,
        amount: Option<Money>,
        act: Option<&Act>,
    ) -> Result<Registration, Failure> {
        let act = act.map(|act| ("registration.payment", act));
        let at_ms = self.at_ms();
        let step =
            |registration: Registration| registration.with_payment(payment, amount.clone(), &event.settings, at_ms);
        let (after, _) = self.change_by(event, id, None, act, step).await?;
        Ok(after)
    }

    /// Records the first entry. Whether the person may enter.
    pub async fn enter(&self, event: &Event, id: &RegistrationId) -> Result<(Registration, bool), Failure> {
        let at_ms = self.at_ms();
        let (after, _) =
            self.change(event, id, None, |registration| Ok(registration.entered(&event.settings, at_ms))).await?;
        let admitted = after.refusal(&event.settings).is_none();
        Ok((after, admitted))
    }

    async fn details(&self, event: &Event, found: &Registration, wish: Wish) -> Result<Details, Failure> {
        let (mut wrong, is_person) = (Violations::default(), found.personal.nickname.is_empty());
        let form = match wish.form_version {
            0 => self.latest_form(event).await?,
            // Whoever changes an answer may stay with the form that they know.
            version if version == found.form_version => {
                let form = self.version(event, version).await?;
                form.ok_or_else(|| Failure::internal("a registration has a version of the form that is not there"))?
            }
            version => self.form_for_answers(event, version).await?,
        };
        for (field, is_named) in
            [("name", wish.name.is_some()), ("phone", wish.phone.is_some()), ("answers", wish.answers.is_some())]
        {
            if is_named && !is_person {
                wrong.add(field, "cannot be given to a nickname");
            }
        }
        if wish.nickname.is_some() && is_person {
            wrong.add("nickname", "cannot be given to a person");
        }
        let details = Details {
            name: wish.name.map(|name| form.person_name(&name, &mut wrong)),
            phone: wish.phone.map(|phone| by_hand_or_form(&form, &phone, &mut wrong)),
            nickname: wish
                .nickname
                .filter(|_| !is_person)
                .map(|nickname| wrong.take("nickname", answers::nickname(&nickname)).unwrap_or_default()),
            mode: wish.mode.and_then(|mode| wrong.take("mode", event.settings.mode_of(mode))),
            language: wish
                .language
                .map(|language| wrong.take("language", fields::language("language", &language)).unwrap_or_default()),
            answers: wish.answers.map(|given| (form.answers(&given, self.this_year(), &mut wrong), form.version)),
        };
        wrong.or_fail()?;
        Ok(details)
    }
}

/// A phone that the form does not ask for can still be given later, by somebody who helps.
fn by_hand_or_form(form: &Form, phone: &str, wrong: &mut Violations) -> String {
    if phone.trim().is_empty() {
        return form.person_phone("", wrong);
    }
    let checked = canonical::phone(phone).map_err(|problem| Failure::invalid("phone", problem));
    wrong.take("phone", checked).unwrap_or_default()
}
