//! The second factor: one-time codes by time (RFC 6238 with SHA-1, 6 digits, 30 s), and recovery codes for when the app is lost.
//! That a code works once is kept by remembering the last step; the store makes it hold for codes shown at the same moment.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq as _;

use super::secrets::sha256;

/// Bytes of a secret: as many as RFC 4226 recommends.
pub(crate) const SECRET_BYTES: usize = 20;
/// Recovery codes of one account.
pub(crate) const RECOVERY_CODES: usize = 10;
/// Random bytes of a recovery code: 16 characters of base32.
pub(crate) const RECOVERY_BYTES: usize = 10;
/// Seconds of a step.
const STEP_S: u64 = 30;
/// A code of so many steps before or after now is taken, for clocks that differ.
const STEPS_OFF_MAX: u64 = 1;
const DIGITS: usize = 6;

/// The step whose code this is, if it is near now and after the last one used.
pub(crate) fn step_of(secret: &[u8], code: &str, at_s: u64, last_step: u64) -> Option<u64> {
    let code = code.trim();
    if code.len() != DIGITS || !code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let now = at_s / STEP_S;
    (now.saturating_sub(STEPS_OFF_MAX)..=now + STEPS_OFF_MAX)
        .find(|&step| step > last_step && bool::from(code_at(secret, step).as_bytes().ct_eq(code.as_bytes())))
}

/// The code of a step (RFC 4226, 5.3).
pub(crate) fn code_at(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0xf);
    let number = tag[offset..offset + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// What an authenticator app reads from a QR code. The account's name is the address.
pub(crate) fn otpauth_url(secret: &[u8], email: &str) -> String {
    let mut label = String::new();
    for byte in email.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            label.push(char::from(byte));
        } else {
            write!(label, "%{byte:02X}").expect("a string takes whatever is written to it");
        }
    }
    let secret = base32(secret);
    format!(
        "otpauth://totp/Turnout:{label}?secret={secret}&issuer=Turnout&algorithm=SHA1&digits={DIGITS}&period={STEP_S}"
    )
}

/// A recovery code as shown: four groups of four.
pub(crate) fn recovery_code(random: [u8; RECOVERY_BYTES]) -> String {
    let text = base32(&random);
    format!("{}-{}-{}-{}", &text[..4], &text[4..8], &text[8..12], &text[12..])
}

/// What is kept of a recovery code, however it is typed. It has 80 random bits, so a slow hash would add nothing.
pub(crate) fn recovery_hash(typed: &str) -> [u8; 32] {
    sha256(&typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase())
}

/// RFC 4648, without padding: lengths here are multiples of five.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let groups = bytes.chunks(5).map(|group| {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (5 - group.len()));
        (0..8).map(move |i| char::from(ALPHABET[(bits >> (35 - 5 * i) & 31) as usize]))
    });
    groups.flatten().take((bytes.len() * 8).div_ceil(5)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC_SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_specifications() {
        // RFC 4226, appendix D.
        let hotp = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (step, code) in hotp.into_iter().enumerate() {
            assert_eq!(code_at(RFC_SECRET, step as u64), code);
        }
        // RFC 6238, appendix B, the last six of its eight digits.
        for (at_s, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step_of(RFC_SECRET, code, at_s, 0), Some(at_s / 30), "{at_s}");
        }
    }

    #[test]
    fn a_code_works_one_step_early_or_late_and_not_two() {
        let at_s = 2_000_000_000;
        let step = at_s / 30;
        for (of, works) in [(step - 2, false), (step - 1, true), (step, true), (step + 1, true), (step + 2, false)] {
            assert_eq!(step_of(RFC_SECRET, &code_at(RFC_SECRET, of), at_s, 0), works.then_some(of));
        }
    }

    #[test]
    fn a_code_works_once_and_no_earlier_one_after_it() {
        let at_s = 2_000_000_000;
        let step = at_s / 30;
        assert_eq!(step_of(RFC_SECRET, &code_at(RFC_SECRET, step), at_s, step), None);
        assert_eq!(step_of(RFC_SECRET, &code_at(RFC_SECRET, step - 1), at_s, step), None);
        assert_eq!(step_of(RFC_SECRET, &code_at(RFC_SECRET, step + 1), at_s, step), Some(step + 1));
    }

    #[test]
    fn what_is_no_code_is_none() {
        for bad in ["", "12345", "1234567", "abcdef", "12345a", "１２３４５６", "-12345"] {
            assert_eq!(step_of(RFC_SECRET, bad, 59, 0), None, "{bad}");
        }
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_recovery_code_is_recognised_however_it_is_typed() {
        let code = recovery_code([0x5a; RECOVERY_BYTES]);
        assert_eq!(code.len(), 19);
        for typed in [code.clone(), code.to_lowercase(), code.replace('-', ""), format!(" {} ", code.replace('-', " "))]
        {
            assert_eq!(recovery_hash(&typed), recovery_hash(&code));
        }
        assert_ne!(recovery_hash("AAAA"), recovery_hash(&code));
    }

    #[test]
    fn the_address_of_the_app_escapes_what_a_url_needs() {
        let url = otpauth_url(RFC_SECRET, "a+b&c@example.org");
        assert_eq!(
            url,
            "otpauth://totp/Turnout:a%2Bb%26c@example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Turnout\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
