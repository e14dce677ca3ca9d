//! The names of things: viewers, topics, sources; and the two kinds of time.
//! Deliberately no parsing of tickets and no check of a topic's grammar: the edge that accepts them does that once.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip::SipHasher24;

/// Milliseconds. A name ending in `now_ms` is a monotonic time (liveness, timers) and means nothing on another machine;
/// a name ending in `at_ms` is a wall time since 1970 (what is written in frames and history) and is never compared with the former.
pub type Millis = u64;

/// A viewer of one event: 48 bits, so that a million viewers collide with a chance of 0.2 %, and no one can be followed from
/// one event to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewerId(u64);

impl ViewerId {
    const MASK: u64 = (1 << 48) - 1;

    /// The id with these low 48 bits; higher bits are cut off.
    pub const fn new(bits: u64) -> Self {
        Self(bits & Self::MASK)
    }

    /// The id of a ticket's subject: the low 48 bits of SipHash-2-4 under the event's secret key.
    pub fn derive(event_key: &[u8; 16], subject: &str) -> Self {
        let mut hasher = SipHasher24::new_with_key(event_key);
        hasher.write(subject.as_bytes());
        Self::new(hasher.finish())
    }

    /// The 48 bits, as they go over the wire.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

macro_rules! shared_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        // Lets maps be asked with a plain `&str`; `Arc<str>` hashes and orders like `str`.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

shared_name! {
    /// What is counted: `<tenant>/<event>` or `<tenant>/<event>/<room>`. Cheap to clone.
    Topic
}

shared_name! {
    /// The name of a gateway in the mesh. Cheap to clone.
    SourceName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_id_has_48_bits_and_depends_on_the_event_key() {
        let one = ViewerId::derive(&[1; 16], "subject");
        assert_eq!(one, ViewerId::derive(&[1; 16], "subject"));
        assert_ne!(one, ViewerId::derive(&[2; 16], "subject"));
        assert!(one.get() < 1 << 48);
        assert_eq!(ViewerId::new(u64::MAX).get(), (1 << 48) - 1);
    }

    #[test]
    fn the_derivation_is_siphash_2_4_with_its_published_test_key() {
        // SipHash-2-4 of the bytes 00..07 under the key 00..0f is 93f5f5799a932462 (reference vectors, row 8).
        let key: [u8; 16] = std::array::from_fn(|byte| byte as u8);
        let subject: String = (0u8..8).map(char::from).collect();
        assert_eq!(ViewerId::derive(&key, &subject).get(), 0x93f5_f579_9a93_2462 & ((1 << 48) - 1));
    }
}
