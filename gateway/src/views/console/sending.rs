//! How the tenant's mails are received, as a warning on the pages about messages, and what its webhook can be told again.

use turnout_proto::notifications::v1::ReplayNoticesResponse;

use super::{
    super::{show, text::studio as own},
    inputs::Field,
    registrants::Notice,
};

/// Too many mails were marked as spam.
#[derive(Clone, Debug)]
pub struct Complaints {
    /// Mails of the last 30 days.
    pub mails: i64,
    /// Those that people marked as spam.
    pub complaints: i64,
    /// Above the rate at which marketing stops.
    pub above: bool,
    /// Until when an owner lets marketing go on all the same.
    pub lifted_until_ms: Option<i64>,
}

impl Complaints {
    /// Nobody may be approached for marketing.
    pub fn stops(&self) -> bool {
        self.above && self.lifted_until_ms.is_none()
    }

    /// In a few words.
    pub fn title(&self) -> &'static str {
        match (self.above, self.lifted_until_ms) {
            (false, _) => own::COMPLAINTS_WARNED,
            (true, None) => own::COMPLAINTS_STOPPED,
            (true, Some(_)) => own::COMPLAINTS_LIFTED,
        }
    }

    /// In sentences: what is so, and what to do.
    pub fn meaning(&self) -> String {
        let words = match (self.above, self.lifted_until_ms) {
            (false, _) => own::COMPLAINTS_WARNED_MEANING,
            (true, None) => own::COMPLAINTS_STOPPED_MEANING,
            (true, Some(_)) => own::COMPLAINTS_LIFTED_MEANING,
        };
        let number = |n: i64| show::grouped(n.unsigned_abs());
        words
            .replace("{complaints}", &number(self.complaints))
            .replace("{mails}", &number(self.mails))
            .replace("{until}", &self.lifted_until_ms.map(show::day_and_time).unwrap_or_default())
    }
}

/// The form with which the webhook is told again.
#[derive(Clone, Debug)]
pub struct ReplayForm {
    /// Since when.
    pub since: Field,
}

/// What is said of a replay that was asked for.
pub fn replayed(answer: &ReplayNoticesResponse, last_told_at_ms: i64) -> Notice {
    let queued = match answer.queued {
        0 => own::REPLAYED_NOTHING.to_owned(),
        1 => own::REPLAYED_ONE.to_owned(),
        n => own::REPLAYED.replace("{n}", &show::grouped(n.unsigned_abs())),
    };
    let mut text = queued;
    if answer.more {
        text.push(' ');
        text.push_str(&own::REPLAYED_MORE.replace("{time}", &show::day_and_time(last_told_at_ms)));
    }
    if answer.lifted {
        text.push(' ');
        text.push_str(own::REPLAYED_LIFTED);
    }
    Notice { text, bad: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_says_how_many_go_out_again_and_where_to_go_on() {
        let answer = |queued, more, lifted| ReplayNoticesResponse { queued, more, lifted, ..Default::default() };
        let said = |answer| replayed(&answer, 1_800_000_000_000).text;
        assert_eq!(said(answer(0, false, false)), "Nothing was told since then.");
        assert_eq!(said(answer(1, false, false)), "1 notice goes out again.");
        let long = said(answer(10_000, true, true));
        assert!(
            long.starts_with(
                "10,000 notices go out again, in their order. More was told after 15 Jan 2027, 08:00:00 UTC"
            )
        );
        assert!(long.ends_with(own::REPLAYED_LIFTED), "{long}");
    }
}
