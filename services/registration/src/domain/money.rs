//! An amount of money: whole smallest units and a currency. Converts nothing and shows nothing.

use turnout_platform::failure::Failure;

/// The largest amount, so that sums over all registrants of an event fit.
const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;

/// An amount in the smallest unit of a currency (cents for EUR).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Money {
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
}

impl Money {
    /// An amount that somebody gave.
    pub fn of(field: &'static str, amount_minor: i64, currency: &str) -> Result<Self, Failure> {
        if !(0..=AMOUNT_MINOR_MAX).contains(&amount_minor) {
            return Err(Failure::invalid(field, format!("must be 0 to {AMOUNT_MINOR_MAX} of the smallest unit")));
        }
        if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
            return Err(Failure::invalid(field, "must have a currency of three capital letters, such as EUR"));
        }
        Ok(Self { amount_minor, currency: currency.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_not_negative_and_has_a_currency() {
        assert!(Money::of("price", 0, "EUR").is_ok());
        for (amount, currency) in [(-1, "EUR"), (1, ""), (1, "eur"), (1, "EURO"), (AMOUNT_MINOR_MAX + 1, "EUR")] {
            assert!(Money::of("price", amount, currency).is_err(), "{amount} {currency:?}");
        }
    }
}
