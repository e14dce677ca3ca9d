//! Signed notices as the Standard Webhooks specification says: HMAC-SHA256 over `id.timestamp.body`, the signature as `v1,<base64>`,
//! the secret as `whsec_<base64>`. Signs, and says whether a notice is genuine and in time; what it does, and how it travels, is not
//! known here. How a secret is changed for another is in [`SealedSecrets`].

mod secrets;

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};

pub use self::secrets::{OLD_SECRET_MS, OLD_SECRETS_MAX, SealedFor, SealedSecrets};

/// How far a notice's time may be off.
pub const TOLERANCE_S: u64 = 5 * 60;
/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;
/// Characters of a notice's id.
const ID_CHARS: std::ops::RangeInclusive<usize> = 1..=256;
/// Signatures of one notice that are looked at: several when the sender changes its secret.
const SIGNATURES_MAX: usize = 10;

/// A notice as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Its own id, by which a repetition is known.
    pub id: &'a str,
    /// Seconds since 1970.
    pub timestamp: &'a str,
    /// One or several, separated by blanks.
    pub signature: &'a str,
    /// What was signed beside the two.
    pub body: &'a [u8],
}

/// A secret as its owner is told it.
pub fn shown(secret: &[u8]) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(secret))
}

/// The signature of a notice: one for each secret, so that its receiver may change over from the old secret at leisure.
pub fn signature(id: &str, at_s: i64, body: &[u8], secrets: &[Vec<u8>]) -> String {
    let content = content(id, &at_s.to_string(), body);
    let sign = |secret: &Vec<u8>| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &content);
        format!("v1,{}", BASE64_STANDARD.encode(tag))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [format!("{id}.{timestamp}.").as_bytes(), body].concat()
}

impl Envelope<'_> {
    /// Whether the notice is signed with one of these secrets and was sent just now. All secrets are tried, whichever fits.
    pub fn is_genuine(&self, secrets: &[Vec<u8>], at_s: i64) -> bool {
        let in_time = self.timestamp.parse::<i64>().is_ok_and(|sent_s| sent_s.abs_diff(at_s) <= TOLERANCE_S);
        if !in_time || !ID_CHARS.contains(&self.id.len()) {
            return false;
        }
        let content = content(self.id, self.timestamp, self.body);
        let signatures: Vec<Vec<u8>> = self
            .signature
            .split(' ')
            .take(SIGNATURES_MAX)
            .filter_map(|signature| BASE64_STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            .collect();
        let mut genuine = false;
        for secret in secrets {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            for signature in &signatures {
                genuine |= hmac::verify(&key, &content, signature).is_ok();
            }
        }
        genuine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const GENUINE: Envelope<'_> = Envelope {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        body: b"{\"test\": 2432232314}",
    };
    const AT_S: i64 = 1_614_265_330;

    fn secrets() -> Vec<Vec<u8>> {
        vec![vec![1; 32], BASE64_STANDARD.decode(SECRET).unwrap()]
    }

    #[test]
    fn the_example_of_the_specification_is_genuine() {
        assert!(GENUINE.is_genuine(&secrets(), AT_S));
        let several = format!("v1,AAAA v2,xx {}", GENUINE.signature);
        assert!(Envelope { signature: &several, ..GENUINE }.is_genuine(&secrets(), AT_S));
        assert_eq!(shown(&BASE64_STANDARD.decode(SECRET).unwrap()), format!("whsec_{SECRET}"));
    }

    #[test]
    fn what_is_signed_is_the_example_of_the_specification_and_genuine_by_either_secret() {
        let secrets = secrets();
        let Envelope { id, body, .. } = GENUINE;
        assert_eq!(signature(id, AT_S, body, &secrets[1..]), GENUINE.signature);
        let both = signature(id, AT_S, body, &secrets);
        for secret in &secrets {
            assert!(Envelope { signature: &both, ..GENUINE }.is_genuine(std::slice::from_ref(secret), AT_S));
        }
    }

    #[test]
    fn a_notice_that_was_changed_or_is_old_or_of_somebody_else_is_not() {
        for forged in [
            Envelope { id: "msg_other", ..GENUINE },
            Envelope { timestamp: "1614265331", ..GENUINE },
            Envelope { timestamp: "", ..GENUINE },
            Envelope { timestamp: "-9223372036854775808", ..GENUINE },
            Envelope { timestamp: "9223372036854775807", ..GENUINE },
            Envelope { body: b"{\"test\": 2432232315}", ..GENUINE },
            Envelope { signature: "", ..GENUINE },
            Envelope { signature: "v1,", ..GENUINE },
            Envelope { signature: "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", ..GENUINE },
        ] {
            assert!(!forged.is_genuine(&secrets(), AT_S), "{forged:?}");
        }
        assert!(!GENUINE.is_genuine(&secrets()[..1], AT_S));
        assert!(GENUINE.is_genuine(&secrets(), AT_S + TOLERANCE_S as i64));
        assert!(!GENUINE.is_genuine(&secrets(), AT_S + TOLERANCE_S as i64 + 1));
        assert!(!GENUINE.is_genuine(&secrets(), AT_S - TOLERANCE_S as i64 - 1));
    }
}
