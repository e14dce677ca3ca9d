//! Tokens that nobody should accept: one of each trick that is known (RFC 8725, and what libraries got wrong since), made with the
//! real key of a mesh, so that only the trick is wrong.

use std::path::Path;

use aws_lc_rs::{hmac, signature::Ed25519KeyPair};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use turnout_platform::auth::{
    MeshKey, Role, TokenKind, TokenSigner,
    codes::{CodePurpose, Codes},
};

/// Clocks may differ by so much.
const LEEWAY_S: u64 = 30;

/// Longer than the longest test, with ten thousand people.
const LIFETIME_S: u64 = 3600;

/// Makes tokens, good and bad, of one mesh.
#[derive(Debug)]
pub struct Forge {
    key: MeshKey,
    pair: Ed25519KeyPair,
}

impl Forge {
    /// With the key of the mesh that runs on this data folder.
    pub fn of(folder: &Path) -> Self {
        let key = MeshKey::read(&folder.join("mesh.key")).expect("a mesh has run here");
        let pkcs8 = BASE64_STANDARD.decode(key.encode().trim()).expect("a key is base64");
        Self { pair: Ed25519KeyPair::from_pkcs8(&pkcs8).expect("a key is PKCS #8"), key }
    }

    /// An access token of a service that acts for a tenant, or for none.
    pub fn access(&self, tenant: Option<&str>) -> String {
        let signer = TokenSigner::new(&self.key);
        let token = signer.sign(TokenKind::Access, "svc:test", at_s(), LIFETIME_S, "t".into());
        match tenant {
            Some(tenant) => token.tenant(tenant).finish(),
            None => token.finish(),
        }
    }

    /// An access token of a service that acts for a member of a tenant's team.
    pub fn member(&self, tenant: &str, role: Role) -> String {
        let signer = TokenSigner::new(&self.key);
        let token = signer.sign(TokenKind::Access, "svc:test", at_s(), LIFETIME_S, "t".into());
        token.tenant(tenant).member("somebody", role).finish()
    }

    /// What opens a person's choice of mails, as a mail of this event has it.
    pub fn mailing(&self, tenant: &str, person: &str, event: &str) -> String {
        Codes::new(&self.key).make(CodePurpose::Unsubscribe, &[tenant, person, "marketing", event])
    }

    /// A ticket.
    pub fn ticket(&self, event: &str, viewer: &str) -> String {
        TokenSigner::new(&self.key).sign(TokenKind::Ticket, viewer, at_s(), 600, "t".into()).event(event, None).finish()
    }

    /// Bad tokens, each with what is wrong with it, next to `good`, which is taken to pieces for them.
    pub fn bad(&self, good: &str) -> Vec<(String, String)> {
        let part = |number: usize| -> Value {
            let part = good.split('.').nth(number).expect("a token has three parts");
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
        };
        let (header, claims) = (part(0), part(1));
        let mut all: Vec<(String, String)> = Vec::new();
        all.extend(self.headers(&header, &claims));
        all.extend(self.claims(&header, &claims));
        all.extend(self.signatures(good));
        all.extend(self.kinds(&header).into_iter().map(|(kind, token)| (format!("kind {kind}"), token)));
        all
    }

    fn headers(&self, header: &Value, claims: &Value) -> Vec<(String, String)> {
        let claims = claims.to_string();
        let with = |name: &str, value: Value| {
            let text = with(header, name, value);
            (format!("header {text}"), self.signed(&text, &claims))
        };
        let mut all = Vec::new();
        for alg in ["none", "None", "nOnE", "HS256", "RS256", "ES256", "eddsa", ""] {
            let (what, token) = with("alg", json!(alg));
            let unsigned = token.rsplit_once('.').map(|(input, _)| format!("{input}.")).expect("three parts");
            all.push((format!("{what}, unsigned"), unsigned));
            all.push((what, token));
        }
        for kid in ["", "nobody", "../mesh.key", "mesh' OR '1'='1", "mesh\"", "mesh\0", &"k".repeat(300)] {
            all.push(with("kid", json!(kid)));
        }
        for (name, value) in [
            ("jwk", json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64_URL_SAFE_NO_PAD.encode(self.key.public()) })),
            ("jku", json!("https://evil.example/keys")),
            ("x5u", json!("https://evil.example/chain")),
            ("crit", json!(["exp"])),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
            ("typ", json!("JWT")),
            ("typ", json!(null)),
        ] {
            all.push(with(name, value));
        }
        for name in ["typ", "kid", "alg"] {
            let text = without(header, name);
            all.push((format!("header without {name}"), self.signed(&text, &claims)));
        }
        let twice = format!("{{\"alg\":\"EdDSA\",{}", &header.to_string()[1..]);
        all.push(("header with alg twice".into(), self.signed(&twice, &claims)));
        all.push(("header is a list".into(), self.signed("[]", &claims)));
        all
    }

    fn claims(&self, header: &Value, claims: &Value) -> Vec<(String, String)> {
        let header = header.to_string();
        let at_s = at_s();
        let mut texts: Vec<String> =
            ["iss", "aud", "sub", "iat", "nbf", "exp", "jti"].map(|name| without(claims, name)).to_vec();
        for name in ["exp", "nbf", "iat"] {
            for value in [json!("1"), json!(1.5e12), json!(-1), json!(1e30), json!([at_s]), json!(null), json!(true)] {
                texts.push(with(claims, name, value));
            }
        }
        texts.extend([
            with(claims, "exp", json!(at_s - LEEWAY_S - 1)),
            with(claims, "exp", json!(0)),
            // The test may be a few seconds slower than the clock.
            with(claims, "nbf", json!(at_s + LEEWAY_S + 300)),
            with(claims, "iat", json!(at_s + LEEWAY_S + 300)),
            with(claims, "aud", json!("somebody-else")),
            with(claims, "aud", json!([claims["aud"]])),
            with(claims, "aud", json!("")),
            with(claims, "iss", json!("turnout/")),
            with(claims, "iss", json!("evil")),
            with(claims, "sub", json!("")),
            with(claims, "sub", json!("x".repeat(300))),
            with(claims, "sub", json!(7)),
            with(claims, "tid", json!(7)),
            with(claims, "tid", json!("a.b")),
            with(claims, "tid", json!("*")),
            format!("{{\"exp\":{},{}", at_s + 99, &claims.to_string()[1..]),
            format!("{claims}{{}}"),
            claims.to_string()[..20].to_owned(),
            "[]".into(),
            String::new(),
        ]);
        texts.into_iter().map(|text| (format!("claims {text}"), self.signed(&header, &text))).collect()
    }

    fn signatures(&self, good: &str) -> Vec<(String, String)> {
        let (input, signature) = good.rsplit_once('.').expect("three parts");
        let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, self.key.public());
        let forged = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&hmac_key, input.as_bytes()));
        let another = Ed25519KeyPair::generate().expect("the system gives random bytes");
        let foreign = BASE64_URL_SAFE_NO_PAD.encode(another.sign(input.as_bytes()));
        let padded = good.split('.').next().expect("a header").len().div_ceil(4) * 4;
        let all = [
            ("no signature", format!("{input}.")),
            ("truncated", format!("{input}.{}", &signature[..signature.len() - 4])),
            ("zeros", format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode([0; 64]))),
            ("hmac with the public key", format!("{input}.{forged}")),
            ("another mesh's", format!("{input}.{foreign}")),
            ("padding after the signature", format!("{good}=")),
            ("padding in the header", good.replacen('.', &format!("{}.", "=".repeat(padded.min(3))), 1)),
            ("a fourth part", format!("{good}.x")),
            ("two parts", input.to_owned()),
            ("one part", "x".into()),
            ("nothing", String::new()),
            ("dots", "..".into()),
            ("a space inside", good.replacen('.', " .", 1)),
            ("too long", format!("{good}{}", "A".repeat(4096))),
        ];
        all.map(|(what, token)| (what.to_owned(), token)).to_vec()
    }

    /// Good tokens of every other kind than the one with this header.
    fn kinds(&self, header: &Value) -> Vec<(String, String)> {
        let signer = TokenSigner::new(&self.key);
        let kinds = [TokenKind::Access, TokenKind::Ticket, TokenKind::Console, TokenKind::SignIn];
        let made = kinds.map(|kind| {
            let token =
                signer.sign(kind, "svc:test", at_s(), LIFETIME_S, "t".into()).tenant("demo").event("demo", None);
            (format!("{kind:?}"), token.finish())
        });
        let typ = format!("\"typ\":{}", header["typ"]);
        let is_other = |token: &str| {
            let head = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64");
            !String::from_utf8_lossy(&head).contains(&typ)
        };
        made.into_iter().filter(|(_, token)| is_other(token)).collect()
    }

    /// A token of this header and these claims, signed as it should be.
    fn signed(&self, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
        format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(self.pair.sign(input.as_bytes())))
    }
}

fn at_s() -> u64 {
    std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs()
}

fn with(object: &Value, name: &str, value: Value) -> String {
    let mut object = object.clone();
    object[name] = value;
    object.to_string()
}

fn without(object: &Value, name: &str) -> String {
    let mut object = object.clone();
    object.as_object_mut().expect("an object").remove(name);
    object.to_string()
}
