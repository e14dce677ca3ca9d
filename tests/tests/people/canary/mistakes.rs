//! What goes wrong with a canary's words: requests that are refused, and pages that are sent something odd. A refusal does not repeat
//! what it refuses.

use tonic::Code;
use turnout_proto::registration::v1::{RegisterRequest, Registration};
use turnout_tests::method::Caller;

use super::{
    cage::{Cage, EVENT},
    fields::Fields,
};

/// Pages that take something from somebody; a page that does not know a field leaves it aside.
const POSTED: &[&str] = &[
    "/e/canaryevent/register",
    "/r/{code}",
    "/r/{code}/rsvp",
    "/r/nothing",
    "/sign-in",
    "/sign-in/link",
    "/account/password",
    "/u/nothing",
    "/u/nothing/preferences",
    "/console/sign-in",
    "/console/link",
    "/console/welcome",
    "/console/events/canaryevent/registrants/new",
    "/console/events/canaryevent/registrants/bulk",
    "/console/events/canaryevent/registrants/export",
    "/console/events/canaryevent/registrants/{id}/change",
    "/console/events/canaryevent/registrants/{id}/payment",
    "/console/events/canaryevent/registrants/{id}/nothing",
    "/console/audience/export",
    "/console/audience/{person}/phone",
    "/console/audience/{person}/nothing",
    "/console/check-in/canaryevent",
    "/console/team/invite",
    "/console/account/password",
    "/console/account/second-factor",
    "/console/settings/mail",
];
const READ: &[&str] = &[
    "/r/{code}",
    "/r/nothing",
    "/u/nothing",
    "/console/events/canaryevent/registrants",
    "/console/events/canaryevent/registrants/rows",
    "/console/events/canaryevent/registrants/{id}",
    "/console/audience",
    "/console/audience/rows",
    "/console/audience/{person}",
    "/console/check-in/canaryevent",
    "/console/check-in/canaryevent/search",
    "/console/check-in/canaryevent/pack.json",
    "/console/audit",
    "/console/team",
    "/console/account",
    "/console/settings",
];

impl Cage {
    /// Every page that shows or takes something of a person, as a member of the team with everything typed into every field.
    pub async fn be_read_of(&self, registration: &Registration, session: &str) {
        let words = &self.words;
        let typed = [
            ("email", words.email()),
            ("username", words.email()),
            ("name", words.broken.clone()),
            ("phone", words.broken.clone()),
            ("nickname", words.nickname.clone()),
            ("reason", words.why()),
            ("note", words.why()),
            ("q", words.renamed.clone()),
            ("search", words.renamed.clone()),
            ("query", words.renamed.clone()),
            ("code", words.broken.clone()),
            ("token", words.broken.clone()),
            ("password", words.password.clone()),
            ("old_password", words.password.clone()),
            ("new_password", words.password.clone()),
            ("reply_to", words.broken.clone()),
            ("sender_name", words.sender.clone()),
            ("value", words.broken.clone()),
            ("a.answer", words.answer.clone()),
            ("a.story", words.story.clone()),
        ];
        let url = |page: &str| {
            let page = page.replace("{code}", &registration.code).replace("{id}", &registration.registration_id);
            format!("http://{}{}", self.public, page.replace("{person}", &registration.person_id))
        };
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let cookies = format!("turnout_console={session}; turnout_account={session}");
        for page in READ {
            let asked = reqwest::Url::parse_with_params(&url(page), &typed).unwrap();
            let answer = client.get(asked).header("cookie", &cookies).send().await.unwrap();
            assert!(answer.status().as_u16() < 500, "{page}: {}", answer.status());
            answer.bytes().await.unwrap();
        }
        for page in POSTED {
            let request = client.post(url(page)).header("origin", format!("http://{}", self.public));
            let answer = request.header("cookie", &cookies).form(&typed).send().await.unwrap();
            assert!(answer.status().as_u16() < 500, "{page}: {}", answer.status());
            answer.bytes().await.unwrap();
        }
    }

    pub async fn make_mistakes(&mut self) {
        let broken = self.words.broken.clone();
        let answers = [("place".to_owned(), broken.repeat(20))].into();
        for request in [
            RegisterRequest { email: format!("{broken}@@x"), name: broken.clone(), ..Default::default() },
            RegisterRequest { email: self.nobody(), phone: broken.clone(), name: broken.clone(), ..Default::default() },
            RegisterRequest { email: self.nobody(), name: broken.clone(), answers, ..Default::default() },
            RegisterRequest { nickname: broken.repeat(5), ..Default::default() },
        ] {
            let request = self.tenant(RegisterRequest { event_id: EVENT.into(), form_version: 1, ..request });
            let refused = self.registrants.register(request).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
            self.says_nothing(&refused);
        }
        self.be_nonsense().await;
    }

    /// Every method there is, with a word in every field of people.
    async fn be_nonsense(&self) {
        let fields = Fields::new();
        let known = [
            (&self.addresses.registration, "/turnout.registration."),
            (&self.addresses.profiles, "/turnout.profiles."),
            (&self.addresses.notifications, "/turnout.notifications."),
        ];
        for (address, package) in known {
            let caller = Caller::connect(address).await;
            for path in fields.methods().filter(|path| path.starts_with(package)) {
                let request = fields.filled(path, &self.words.broken, EVENT);
                for token in [&self.owner, &self.tenant, &self.mesh] {
                    if let Some(refused) = caller.call(token, path, &request).await.status {
                        self.says_nothing(&refused);
                        assert_ne!(refused.code(), Code::Internal, "{path}: {refused:?}");
                    }
                }
            }
        }
    }
}
