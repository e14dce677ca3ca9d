//! A hash map whose hasher is fixed, so that one history of calls gives one behaviour on every run (the simulation replays by seed).
//! Deliberately without protection against chosen keys: viewer ids are keyed hashes already.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::ids::ViewerId;

/// By viewer. The ids are well mixed; one multiplication spreads their 48 bits over the top bits that the table also uses.
pub(crate) type ViewerMap<V> = HashMap<ViewerId, V, BuildHasherDefault<ViewerHasher>>;

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ViewerHasher(u64);

impl Hasher for ViewerHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
