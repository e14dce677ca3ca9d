//! What a notice of the payment provider does to a registration. Notices may come twice, late and in any order: each counts once, and one
//! that is older than what is known changes nothing. Whether a notice is genuine is not decided here.

use super::{Change, Money, Payment, Registration, Settings, Step};
use turnout_platform::failure::Failure;

/// Notices that a registration remembers; more than come while one is on its way twice.
const NOTICES_KEPT_MAX: usize = 8;
/// Providers tell times in seconds.
const SECOND_MS: i64 = 1000;

/// What a notice says.
#[derive(Debug, Clone)]
pub(crate) struct PaymentNotice {
    /// The same for the same notice, however often it comes.
    pub id: String,
    /// Paid or refunded.
    pub payment: Payment,
    /// What was paid, or given back by this.
    pub amount: Money,
    /// When it happened, by the provider's clock.
    pub at_ms: i64,
}

impl Registration {
    /// Takes a notice. A payment after a refund counts when it is later than the refund; what gives a part back leaves the rest paid.
    pub fn noticed(self, notice: &PaymentNotice, settings: &Settings, now_ms: i64) -> Result<Step, Failure> {
        if self.notices.contains(&notice.id) || self.knows_later(notice) {
            return Ok((self, Vec::new()));
        }
        let is_part = notice.payment == Payment::Refunded && self.gives_part_back(&notice.amount);
        let (mut after, changes) = if is_part {
            // Its moment stays that of the payment: several parts may be given back, in any order.
            self.changed_if(|_| true, Change::Payment, |it| it.give_back(&notice.amount))
        } else {
            self.with_payment(notice.payment, Some(notice.amount.clone()), settings, notice.at_ms.min(now_ms))?
        };
        if !changes.is_empty() {
            after.notices.truncate(NOTICES_KEPT_MAX - 1);
            after.notices.insert(0, notice.id.clone());
        }
        Ok((after, changes))
    }

    /// Whether the payment changed after what the notice tells of. In the same second money goes forth before it comes back.
    fn knows_later(&self, notice: &PaymentNotice) -> bool {
        let second = |at_ms: i64| at_ms.div_euclid(SECOND_MS);
        let is_again = self.payment == Payment::Refunded && notice.payment == Payment::Paid;
        let last_ms = self.moments.payment_at_ms;
        // What was given back before there were moments was given back before everything that is told now.
        last_ms.is_some_and(|last_ms| {
            let (told, last) = (second(notice.at_ms), second(last_ms));
            told < last || (told == last && is_again)
        })
    }

    fn give_back(&mut self, part: &Money) {
        if let Some(paid) = &mut self.paid {
            paid.amount_minor -= part.amount_minor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::wanted, *};

    fn euros(amount_minor: i64) -> Money {
        Money { amount_minor, currency: "EUR".into() }
    }

    fn notice(id: &str, payment: Payment, amount_minor: i64, at_s: i64) -> PaymentNotice {
        PaymentNotice { id: id.into(), payment, amount: euros(amount_minor), at_ms: at_s * SECOND_MS }
    }

    /// What is paid after these notices.
    fn after(notices: &[PaymentNotice]) -> (Payment, Option<i64>) {
        let mut settings = Settings::new("UTC".into(), 0);
        settings.price = Some(euros(2000));
        let mut now = Registration { payment: Payment::Unpaid, ..wanted() };
        for notice in notices {
            (now, _) = now.noticed(notice, &settings, 1_000_000).unwrap();
        }
        (now.payment, now.paid.map(|paid| paid.amount_minor))
    }

    #[test]
    fn a_second_payment_counts_after_a_refund_and_a_late_or_repeated_one_does_not() {
        let (paid, back) = (notice("n1", Payment::Paid, 2000, 10), notice("n2", Payment::Refunded, 2000, 20));
        let late = notice("n3", Payment::Paid, 2000, 15);
        let same = notice("n4", Payment::Paid, 2000, 20);
        let again = notice("n5", Payment::Paid, 1800, 30);
        assert_eq!(after(&[paid.clone(), back.clone()]), (Payment::Refunded, Some(2000)));
        assert_eq!(after(&[paid.clone(), back.clone(), late, same, paid.clone()]), (Payment::Refunded, Some(2000)));
        assert_eq!(after(&[paid.clone(), back.clone(), again.clone()]), (Payment::Paid, Some(1800)));
        assert_eq!(
            after(&[paid, back.clone(), again, back]),
            (Payment::Paid, Some(1800)),
            "the refund was the first's"
        );
    }

    #[test]
    fn what_gives_a_part_back_leaves_the_rest_paid_once_and_in_any_order() {
        let paid = notice("n1", Payment::Paid, 2000, 10);
        let (one, two) = (notice("n2", Payment::Refunded, 500, 20), notice("n3", Payment::Refunded, 300, 25));
        for parts in [[&one, &two, &one, &two], [&two, &one, &one, &two]] {
            let all: Vec<_> = [&paid].into_iter().chain(parts).cloned().collect();
            assert_eq!(after(&all), (Payment::Paid, Some(1200)));
        }
        let rest = notice("n4", Payment::Refunded, 1200, 30);
        assert_eq!(after(&[paid, one, two, rest]), (Payment::Refunded, Some(1200)));
    }
}
