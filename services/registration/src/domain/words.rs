//! Closed sets as the words that tables hold, each written once.

/// Declares an enum whose values are stored as words. A word that is no value reads as none.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum $name { $($(#[$value_doc])* $value,)+ }

        impl $name {
            /// Every value, in the declared order.
            #[allow(dead_code, reason = "not every set is walked")]
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// As tables hold it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)+ }
            }

            /// From what a table holds.
            pub fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$value),)+ _ => None }
            }
        }
    };
}

pub(crate) use words;
