//! How an amount of money is written: the digits of its currency, and the amount in words for people. It converts nothing and knows no
//! prices.

/// Digits after the point in an amount of a currency (ISO 4217, as amended up to 2025).
pub fn digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// An amount in the smallest unit of its currency without its name, as in `1234.50`: what an input holds.
pub fn plain(amount_minor: i64, currency: &str) -> String {
    written(amount_minor, currency, &u64::to_string)
}

/// The same for people, as in `1,234.50 EUR`.
pub fn in_words(amount_minor: i64, currency: &str) -> String {
    format!("{} {currency}", written(amount_minor, currency, &|whole| grouped(*whole)))
}

fn written(amount_minor: i64, currency: &str, whole: &dyn Fn(&u64) -> String) -> String {
    let digits = digits(currency);
    let unit = 10_u64.pow(digits);
    let amount = amount_minor.unsigned_abs();
    let fraction = match digits as usize {
        0 => String::new(),
        width => format!(".{:0width$}", amount % unit),
    };
    let sign = if amount_minor < 0 { "−" } else { "" };
    format!("{sign}{}{fraction}", whole(&(amount / unit)))
}

/// A number with its digits by threes, as in `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (amount, currency, words, input) in [
            (2_500, "EUR", "25.00 EUR", "25.00"),
            (123_456_705, "EUR", "1,234,567.05 EUR", "1234567.05"),
            (1_234_567, "JPY", "1,234,567 JPY", "1234567"),
            (5_000, "RWF", "5,000 RWF", "5000"),
            (5, "KWD", "0.005 KWD", "0.005"),
            (1_250, "LYD", "1.250 LYD", "1.250"),
            (-1_250, "EUR", "−12.50 EUR", "−12.50"),
            (i64::MIN, "JPY", "−9,223,372,036,854,775,808 JPY", "−9223372036854775808"),
        ] {
            assert_eq!((in_words(amount, currency).as_str(), plain(amount, currency).as_str()), (words, input));
        }
    }
}
