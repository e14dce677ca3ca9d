//! Every bad token that we know of (RFC 8725 and the CVEs since), each refused.

use aws_lc_rs::{hmac, signature::Ed25519KeyPair};
use serde_json::{Value, json};

use super::*;

const AT_S: u64 = 1_800_000_000;

fn good(key: &MeshKey) -> String {
    TokenSigner::new(key)
        .sign(TokenKind::Ticket, "viewer", AT_S, 60, "id".into())
        .tenant("acme")
        .event("demo", None)
        .finish()
}

fn refused(key: &MeshKey, token: &str, at_s: u64) -> Option<Refused> {
    TokenVerifier::of_mesh(key).verify(token, TokenKind::Ticket, at_s).err()
}

fn header() -> Value {
    json!({ "typ": "ws-ticket+jwt", "alg": "EdDSA", "kid": "mesh" })
}

fn claims() -> Value {
    json!({ "iss": "turnout", "aud": "turnout-live", "sub": "v", "iat": AT_S, "nbf": AT_S, "exp": AT_S + 60, "jti": "x", "tid": "acme", "evt": "demo" })
}

/// A token with this header and these claims, signed as it should be.
fn signed(key: &MeshKey, header: &str, claims: &str) -> String {
    let pair = Ed25519KeyPair::from_pkcs8(key.pkcs8()).unwrap();
    let input = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
    format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(pair.sign(input.as_bytes())))
}

fn with(mut object: Value, name: &str, value: Value) -> String {
    object[name] = value;
    object.to_string()
}

fn without(mut object: Value, name: &str) -> String {
    object.as_object_mut().unwrap().remove(name);
    object.to_string()
}

#[test]
fn a_good_token_says_what_was_signed() {
    let key = MeshKey::generate();
    let claims = TokenVerifier::of_mesh(&key).verify(&good(&key), TokenKind::Ticket, AT_S).unwrap();
    assert_eq!(
        (claims.sub.as_str(), claims.tid.as_deref(), claims.evt.as_deref()),
        ("viewer", Some("acme"), Some("demo"))
    );
    assert_eq!(refused(&key, &signed(&key, &header().to_string(), &self::claims().to_string()), AT_S), None);
}

#[test]
fn a_header_that_asks_for_anything_else_is_refused() {
    let key = MeshKey::generate();
    let headers = [
        with(header(), "alg", json!("none")),
        with(header(), "alg", json!("nOnE")),
        with(header(), "alg", json!("HS256")),
        with(header(), "alg", json!("RS256")),
        with(header(), "typ", json!("at+jwt")),
        with(header(), "typ", json!("JWT")),
        with(header(), "kid", json!("nobody")),
        with(header(), "kid", json!("")),
        with(header(), "crit", json!(["exp"])),
        with(header(), "jwk", json!({})),
        with(header(), "jku", json!("https://evil.example")),
        with(header(), "x5u", json!("https://evil.example")),
        without(header(), "typ"),
        without(header(), "kid"),
        "[]".into(),
        String::new(),
        format!("{{\"alg\":\"EdDSA\",{}", &header().to_string()[1..]),
    ];
    for header in headers {
        let token = signed(&key, &header, &claims().to_string());
        assert!(refused(&key, &token, AT_S).is_some(), "{header}");
    }
}

#[test]
fn claims_that_are_missing_or_of_another_type_are_refused() {
    let key = MeshKey::generate();
    let mut all: Vec<String> =
        ["iss", "aud", "sub", "iat", "nbf", "exp", "jti"].map(|name| without(claims(), name)).to_vec();
    for name in ["exp", "nbf", "iat"] {
        for value in [json!("1"), json!(1.5e12), json!(-1), json!(1e30), json!([AT_S]), json!(null)] {
            all.push(with(claims(), name, value));
        }
    }
    all.extend([
        with(claims(), "aud", json!("turnout-grpc")),
        with(claims(), "aud", json!(["turnout-live"])),
        with(claims(), "iss", json!("turnout/")),
        with(claims(), "iss", json!("evil")),
        with(claims(), "tid", json!(7)),
        format!("{{\"exp\":{},{}", AT_S + 99, &claims().to_string()[1..]),
        format!("{} ", &claims().to_string()[..10]),
    ]);
    for claims in all {
        let token = signed(&key, &header().to_string(), &claims);
        assert!(refused(&key, &token, AT_S).is_some(), "{claims}");
    }
}

#[test]
fn time_is_checked_against_the_clock_that_is_passed_in() {
    let key = MeshKey::generate();
    let token = good(&key);
    assert_eq!(refused(&key, &token, AT_S + 60 + LEEWAY_S), None);
    assert_eq!(refused(&key, &token, AT_S + 60 + LEEWAY_S + 1), Some(Refused::Expired));
    assert_eq!(refused(&key, &token, AT_S - LEEWAY_S), None);
    assert_eq!(refused(&key, &token, AT_S - LEEWAY_S - 1), Some(Refused::Expired));
    let eternal = signed(&key, &header().to_string(), &with(claims(), "exp", json!(u64::MAX)));
    assert_eq!(refused(&key, &eternal, AT_S), None, "an end that overflows when leeway is added does not panic");
}

#[test]
fn a_signature_that_is_not_ours_is_refused() {
    let (key, other) = (MeshKey::generate(), MeshKey::generate());
    let token = good(&key);
    let (input, signature) = token.rsplit_once('.').unwrap();
    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, key.public());
    let forged = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&hmac_key, input.as_bytes()));
    for (what, bad) in [
        ("another mesh's", good(&other)),
        ("none", format!("{input}.")),
        ("truncated", format!("{input}.{}", &signature[..signature.len() - 4])),
        ("zeros", format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode([0; 64]))),
        ("hmac with the public key", format!("{input}.{forged}")),
        ("padded", format!("{token}=")),
        ("trailing data", format!("{token}.x")),
        ("inner space", token.replacen('.', " .", 1)),
        ("too long", format!("{token}{}", "A".repeat(TOKEN_BYTES_MAX))),
        ("two parts", input.to_owned()),
        ("empty", String::new()),
    ] {
        assert!(refused(&key, &bad, AT_S).is_some(), "{what}");
    }
}

#[test]
fn one_kind_of_token_does_not_pass_as_another() {
    let key = MeshKey::generate();
    let kinds = [TokenKind::Access, TokenKind::Ticket, TokenKind::Console, TokenKind::SignIn];
    for made in kinds {
        let token = TokenSigner::new(&key).sign(made, "s", AT_S, 60, "id".into()).finish();
        for asked in kinds {
            let passes = TokenVerifier::of_mesh(&key).verify(&token, asked, AT_S).is_ok();
            assert_eq!(passes, made == asked, "{made:?} as {asked:?}");
        }
    }
}
