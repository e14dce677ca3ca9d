//! What goes wrong with a canary's words: requests that are refused, and pages that are sent something odd. A refusal does not repeat
//! what it refuses.

use reqwest::Method;
use tonic::Code;
use turnout_gateway::Who;
use turnout_platform::rpc::IDEMPOTENCY_KEY;
use turnout_proto::registration::v1::{RegisterRequest, Registration};
use turnout_tests::method::Caller;

use super::{
    cage::{Cage, EVENT},
    fields::Fields,
};

/// What is not asked: streams, which have no end; what ends a session, or the registration that is needed afterwards; what only the
/// session of the first link may; and what is for programs, with its own test.
const LEFT_OUT: &[&str] = &[
    "/console/events/{event}/stream",
    "/console/events/{event}/registrants/stream",
    "/console/sign-out",
    "/sign-out",
    "/r/{code}/cancel",
    "/console/welcome",
    "/v1/",
];
/// What does not exist: only that it does not break is asked of these.
const UNKNOWN: &[&str] =
    &["/r/nothing", "/console/events/canaryevent/registrants/{id}/nothing", "/console/audience/{person}/nothing"];

/// What stands for the part of a path that chooses between several things.
fn choices(path: &str) -> &'static [&'static str] {
    match path {
        p if p.ends_with("/registrants/{id}/{act}") => {
            &["confirmation", "reminder", "check-in", "rsvp", "payment", "edit"]
        }
        p if p.ends_with("/audience/{person}/{act}") => &["verify", "reset", "phone"],
        p if p.contains("{kind}") => &["confirmation"],
        p if p.contains("{which}") => &["payment"],
        _ => &[""],
    }
}

impl Cage {
    /// Every page and every form there is, as an owner of the team and as the person, with everything typed into every field.
    pub async fn be_read_of(&self, registration: &Registration, owner: &str, person: &str) {
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
            ("kind", "confirmation".to_owned()),
            ("a.answer", words.answer.clone()),
            ("a.story", words.story.clone()),
        ];
        let filled = |path: &str, choice: &str| {
            // No mailing of the canary's is known here.
            let code = if path.starts_with("/u/") { "nothing" } else { &registration.code };
            path.replace("{event}", EVENT)
                .replace("{code}", code)
                .replace("{id}", &registration.registration_id)
                .replace("{person}", &registration.person_id)
                .replace("{member}", "nothing")
                .replace("{room}", "nothing")
                .replace("{act}", choice)
                .replace("{kind}", choice)
                .replace("{which}", choice)
        };
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let site = format!("http://{}", self.public);
        let cookies = format!("turnout_console={owner}; turnout_account={person}");
        let ask = async |method: &Method, path: &str| {
            let url = format!("{site}{path}");
            let request = if *method == Method::GET {
                client.get(reqwest::Url::parse_with_params(&url, &typed).unwrap())
            } else {
                // The page that the form stood on: with that, the answer is kept for a retry.
                let once = [("once", self.retry_key())];
                client.post(url).header("origin", &site).form(&[&typed[..], &once].concat())
            };
            let answer = request.header("cookie", &cookies).send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            answer.bytes().await.unwrap();
            assert!(status < 500, "{method} {path}: {status}");
            (status, headers.get("location").map_or(String::new(), |to| to.to_str().unwrap().to_owned()))
        };
        // What is looked at first: a form may change what a page shows.
        let mut routes = turnout_gateway::routes();
        routes.sort_by_key(|route| route.method != Method::GET);
        routes.retain(|route| !LEFT_OUT.iter().any(|path| route.path.starts_with(path)));
        for route in routes {
            for choice in choices(route.path) {
                let path = filled(route.path, choice);
                let (status, location) = ask(&route.method, &path).await;
                assert_ne!(status, 403, "{} {path}", route.method);
                assert!(status != 404 || path.contains("nothing"), "{} {path} is not there", route.method);
                if matches!(route.who, Who::Team(_) | Who::Visitor) {
                    assert!(!location.contains("/sign-in"), "{} {path} leads to {location}", route.method);
                }
            }
        }
        for path in UNKNOWN {
            ask(&Method::GET, &filled(path, "")).await;
            ask(&Method::POST, &filled(path, "")).await;
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
                    let (bearer, key) = (format!("Bearer {token}"), self.retry_key());
                    let headers = [("authorization", bearer.as_str()), (IDEMPOTENCY_KEY, key.as_str())];
                    // A key is a tenant's own: who acts for none gives none.
                    let headers = if *token == self.mesh { &headers[..1] } else { &headers[..] };
                    if let Some(refused) = caller.try_call(path, headers, &request).await.unwrap().status {
                        self.says_nothing(&refused);
                        assert_ne!(refused.code(), Code::Internal, "{path}: {refused:?}");
                    }
                }
            }
        }
    }
}
