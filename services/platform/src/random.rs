//! The one place that draws randomness: ids, secrets and seeds for jitter. Pure logic gets the result as an argument.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use uuid::Uuid;

/// A secret or an opaque id of 128 bits from the operating system's generator, 22 characters of URL-safe base64.
pub fn token_128() -> String {
    encode(&bytes::<16>())
}

/// A secret of 256 bits from the operating system's generator, 43 characters of URL-safe base64.
pub fn token_256() -> String {
    encode(&bytes::<32>())
}

/// An id that sorts by its time of birth: UUID version 7 as 32 hexadecimal digits.
pub fn sortable_id() -> String {
    Uuid::now_v7().simple().to_string()
}

/// Bytes from the operating system's generator.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A number for spreading things out; not for secrets.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn jitter_below(limit: u64) -> u64 {
    if limit == 0 { 0 } else { rand::random_range(0..limit) }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
