//! The digest of a set: both ends keep it in O(1) a change and compare it after each tick, so a set that differs is noticed at once.
//! Deliberately not cryptographic: it finds our bugs, not an enemy (the bus is authenticated).

use crate::ids::ViewerId;

/// Set apart from live members, so that "live" and "lingering" differ in the digest.
const LINGER_SALT: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: each input bit moves about half of the output bits.
pub(crate) const fn mix64(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What one member adds to the digest of its set (by XOR, so the order does not matter and removing is adding again).
pub const fn member_digest(viewer: ViewerId, lingering: bool) -> u64 {
    mix64(if lingering { viewer.get() ^ LINGER_SALT } else { viewer.get() })
}

/// The digest of a whole set of `(viewer, lingering)`; 0 for the empty set.
pub fn digest(members: impl IntoIterator<Item = (ViewerId, bool)>) -> u64 {
    members.into_iter().fold(0, |digest, (viewer, lingering)| digest ^ member_digest(viewer, lingering))
}
