//! One test for each gate, and what passes it.

use proptest::{
    prelude::{prop_assert, prop_assert_eq},
    proptest,
};

use super::*;
use crate::domain::life::tests::message as any;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// 2027-01-15 08:00 UTC.
const NOW_MS: i64 = 1_800_000_000_000;
const DAY_S: i64 = 86_400;

fn facts() -> Facts {
    Facts {
        kind_off: false,
        event: Some(EventFacts { cancelled: false, starts_at_ms: NOW_MS + 20 * HOUR_MS }),
        registration: Some(RegistrationFacts {
            place: Place::Taken,
            entered: false,
            declined: false,
            registered_at_ms: NOW_MS - 100 * HOUR_MS,
        }),
        has_address: true,
        has_gateway: true,
        consent: Consent::Silent,
        opt_in: false,
        suppressed: false,
        newer_is_due: false,
        quiet: QuietHours::USUAL,
        zone: TimeZone::UTC,
        reminded_at_ms: None,
    }
}

fn message(kind: Kind) -> Message {
    let rank = if kind == Kind::Reminder { -DAY_S } else { 1 };
    Message { rank, expires_at_ms: NOW_MS + 20 * HOUR_MS, planned_at_ms: NOW_MS, ..any(kind) }
}

fn reminder_with(change: impl FnOnce(&mut Facts)) -> Verdict {
    verdict(&message(Kind::Reminder), change, NOW_MS)
}

fn verdict(message: &Message, change: impl FnOnce(&mut Facts), now_ms: i64) -> Verdict {
    let mut facts = facts();
    change(&mut facts);
    judge(message, &facts, now_ms)
}

fn registration(facts: &mut Facts) -> &mut RegistrationFacts {
    facts.registration.as_mut().unwrap()
}

#[test]
fn item_22_turning_one_kind_off_leaves_the_other() {
    assert_eq!(reminder_with(|facts| facts.kind_off = true), Verdict::Skip(Reason::KindOff));
    assert_eq!(reminder_with(|_| {}), Verdict::Send);
    let again = Message { on_purpose: true, ..message(Kind::Reminder) };
    assert_eq!(verdict(&again, |facts| facts.kind_off = true, NOW_MS), Verdict::Send);
}

#[test]
fn a_reminder_goes_to_those_who_have_a_place_and_are_not_inside() {
    let with = |place| reminder_with(|facts| registration(facts).place = place);
    assert_eq!(with(Place::Cancelled), Verdict::Skip(Reason::Cancelled));
    assert_eq!(with(Place::Waiting), Verdict::Skip(Reason::Waiting));
    assert_eq!(reminder_with(|facts| registration(facts).entered = true), Verdict::Skip(Reason::AlreadyEntered));
    let cancelled = reminder_with(|facts| facts.event.as_mut().unwrap().cancelled = true);
    assert_eq!(cancelled, Verdict::Skip(Reason::Cancelled));
}

#[test]
fn who_registered_after_the_moment_of_a_reminder_does_not_get_it() {
    let verdict = reminder_with(|facts| registration(facts).registered_at_ms = NOW_MS - HOUR_MS);
    assert_eq!(verdict, Verdict::Skip(Reason::RegisteredTooLate));
}

#[test]
fn a_reminder_for_an_event_that_moved_waits_for_its_new_moment() {
    let verdict = reminder_with(|facts| facts.event.as_mut().unwrap().starts_at_ms += 48 * HOUR_MS);
    assert_eq!(verdict, Verdict::Defer { until_ms: NOW_MS + 44 * HOUR_MS, reason: Reason::Moved });
}

#[test]
fn a_reminder_stops_with_a_withdrawal_and_waits_for_a_grant_where_the_tenant_says_so() {
    let consent = |consent, opt_in| reminder_with(|facts| (facts.consent, facts.opt_in) = (consent, opt_in));
    assert_eq!(consent(Consent::Withdrawn, false), Verdict::Skip(Reason::Unsubscribed));
    assert_eq!(consent(Consent::Silent, true), Verdict::Skip(Reason::NoConsent));
    assert_eq!(consent(Consent::Granted, true), Verdict::Send);
    let confirmation = verdict(&message(Kind::Confirmation), |facts| facts.consent = Consent::Withdrawn, NOW_MS);
    assert_eq!(confirmation, Verdict::Send, "a confirmation rests on the registration");
}

#[test]
fn item_27_no_text_message_without_an_opt_in() {
    for kind in [Kind::Confirmation, Kind::Reminder, Kind::Change, Kind::Cancellation] {
        let occurrence = crate::domain::plan::OF_EVENT.to_owned();
        let sms = Message { channel: Channel::Sms, occurrence, ..message(kind) };
        for silent in [Consent::Silent, Consent::Withdrawn] {
            assert_eq!(verdict(&sms, |facts| facts.consent = silent, NOW_MS), Verdict::Skip(Reason::NoConsent));
        }
        assert_eq!(verdict(&sms, |facts| facts.consent = Consent::Granted, NOW_MS), Verdict::Send);
    }
}

#[test]
fn nothing_goes_to_a_suppressed_address_or_after_its_time() {
    for kind in [Kind::Confirmation, Kind::Reminder, Kind::Change, Kind::SignInLink, Kind::Reset] {
        let skip = verdict(&message(kind), |facts| facts.suppressed = true, NOW_MS);
        assert_eq!(skip, Verdict::Skip(Reason::Suppressed), "{kind:?}");
        let expired = Message { expires_at_ms: NOW_MS, ..message(kind) };
        assert_eq!(verdict(&expired, |_| {}, NOW_MS), Verdict::Skip(Reason::Expired), "{kind:?}");
    }
}

#[test]
fn at_night_a_reminder_waits_for_the_morning_if_it_is_not_too_late_then() {
    let night_ms = NOW_MS + 14 * HOUR_MS;
    let morning_ms = NOW_MS + 24 * HOUR_MS;
    let far = |facts: &mut Facts| facts.event.as_mut().unwrap().starts_at_ms = night_ms + 20 * HOUR_MS;
    let reminder = Message { expires_at_ms: night_ms + 20 * HOUR_MS, ..message(Kind::Reminder) };
    assert_eq!(verdict(&reminder, far, night_ms), Verdict::Defer { until_ms: morning_ms, reason: Reason::QuietHours });
    let short = Message { expires_at_ms: morning_ms, ..reminder };
    assert_eq!(verdict(&short, far, night_ms), Verdict::Skip(Reason::QuietHoursPastExpiry));
}

#[test]
fn links_own_actions_and_urgent_news_do_not_wait_for_the_morning() {
    let night_ms = NOW_MS + 14 * HOUR_MS;
    let at_night = |message: Message| verdict(&Message { planned_at_ms: night_ms, ..message }, |_| {}, night_ms);
    assert_eq!(at_night(message(Kind::SignInLink)), Verdict::Send);
    let own = |kind| Message { by_person: true, ..message(kind) };
    assert_eq!(at_night(own(Kind::Confirmation)), Verdict::Send);
    assert_eq!(at_night(message(Kind::Change)), Verdict::Send, "the event begins in six hours");
    let far = |facts: &mut Facts| facts.event.as_mut().unwrap().starts_at_ms += 48 * HOUR_MS;
    let change = Message { expires_at_ms: NOW_MS + 60 * HOUR_MS, ..message(Kind::Change) };
    assert!(matches!(verdict(&change, far, night_ms), Verdict::Defer { reason: Reason::QuietHours, .. }));
}

#[test]
fn only_what_the_persons_own_call_made_is_answered_at_night() {
    let night_ms = NOW_MS + 14 * HOUR_MS;
    let far = |facts: &mut Facts| facts.event.as_mut().unwrap().starts_at_ms += 48 * HOUR_MS;
    for kind in [Kind::Confirmation, Kind::Cancellation] {
        let place = if kind == Kind::Cancellation { Place::Cancelled } else { Place::Taken };
        let news = |by_person| Message {
            by_person,
            occurrence: "v2".into(),
            planned_at_ms: night_ms,
            expires_at_ms: NOW_MS + 60 * HOUR_MS,
            ..message(kind)
        };
        let at_night = |by_person| {
            let facts = |facts: &mut Facts| {
                far(facts);
                registration(facts).place = place;
            };
            verdict(&news(by_person), facts, night_ms)
        };
        assert_eq!(at_night(true), Verdict::Send, "{kind:?}");
        assert!(matches!(at_night(false), Verdict::Defer { reason: Reason::QuietHours, .. }), "{kind:?}");
    }
    // A place is no news any more once the event has begun, as it would have in the morning.
    let promoted = Message { planned_at_ms: night_ms, ..message(Kind::Confirmation) };
    assert_eq!(verdict(&promoted, |_| {}, night_ms), Verdict::Send);
}

#[test]
fn item_21_who_declined_gets_no_reminders_but_hears_of_changes() {
    let declined = |facts: &mut Facts| registration(facts).declined = true;
    assert_eq!(reminder_with(declined), Verdict::Skip(Reason::Declined));
    assert_eq!(verdict(&message(Kind::Change), declined, NOW_MS), Verdict::Send);
    let of_event = Message { occurrence: super::super::plan::OF_EVENT.into(), ..message(Kind::Cancellation) };
    assert_eq!(verdict(&of_event, declined, NOW_MS), Verdict::Send);
    let again = Message { on_purpose: true, ..message(Kind::Reminder) };
    assert_eq!(verdict(&again, declined, NOW_MS), Verdict::Send, "whoever sends it on purpose knows");
}

/// The verdict on a reminder at its moment, so many minutes after 08:00.
fn reminder_at(minute: i64, lead_s: i64, consent: Consent) -> Verdict {
    let at_ms = NOW_MS + minute * MINUTE_MS;
    let starts_at_ms = at_ms + lead_s * 1000;
    let reminder = Message { rank: -lead_s, expires_at_ms: starts_at_ms, ..message(Kind::Reminder) };
    let change = |facts: &mut Facts| {
        facts.event.as_mut().unwrap().starts_at_ms = starts_at_ms;
        facts.consent = consent;
    };
    verdict(&reminder, change, at_ms)
}

#[test]
fn that_an_event_begins_now_is_told_at_night_to_who_asked_for_reminders_and_to_nobody_else() {
    let (night, hour_s) = (18 * 60, 3_600);
    for silent in [Consent::Silent, Consent::Withdrawn] {
        assert_ne!(reminder_at(night, hour_s, silent), Verdict::Send, "{silent:?}");
    }
    assert_eq!(reminder_at(night, hour_s, Consent::Silent), Verdict::Skip(Reason::QuietHoursPastExpiry));
    assert_eq!(reminder_at(night, hour_s, Consent::Granted), Verdict::Send);
    // What can be told the evening before is no news of the start.
    assert_eq!(reminder_at(night, hour_s + 1, Consent::Granted), Verdict::Skip(Reason::QuietHoursPastExpiry));
}

proptest! {
    #[test]
    fn in_quiet_hours_a_reminder_goes_out_only_where_it_is_of_the_start_and_asked_for(
        minute in 0..24 * 60_i64, lead_s in 60..2_592_000_i64, is_short in proptest::bool::ANY, consent in 0..3_usize,
    ) {
        let consent = [Consent::Granted, Consent::Withdrawn, Consent::Silent][consent];
        let lead_s = if is_short { lead_s % LIVE_START_LEAD_S + 1 } else { lead_s };
        let at_ms = NOW_MS + minute * MINUTE_MS;
        let verdict = reminder_at(minute, lead_s, consent);
        let is_quiet = QuietHours::USUAL.end_ms(at_ms, &TimeZone::UTC).is_some();
        let told_at_any_hour = lead_s <= LIVE_START_LEAD_S && consent == Consent::Granted;
        prop_assert_eq!(verdict == Verdict::Send, consent != Consent::Withdrawn && (!is_quiet || told_at_any_hour));
        if let Verdict::Defer { until_ms, .. } = verdict {
            prop_assert!(at_ms < until_ms && until_ms < at_ms + lead_s * 1000);
        }
    }
}

#[test]
fn same_moment_reminders_are_joined_and_others_are_20_minutes_apart() {
    assert_eq!(reminder_with(|facts| facts.newer_is_due = true), Verdict::Skip(Reason::Joined));
    let capped = reminder_with(|facts| facts.reminded_at_ms = Some(NOW_MS - 60_000));
    assert_eq!(capped, Verdict::Defer { until_ms: NOW_MS + CAP_MS - 60_000, reason: Reason::Cap });
}

#[test]
fn while_the_turn_was_just_taken_a_reminder_is_neither_put_off_nor_left_out() {
    let after = |ms| reminder_with(|facts| facts.reminded_at_ms = Some(NOW_MS - ms));
    assert_eq!(after(0), Verdict::Wait);
    assert_eq!(after(GATHERING_MS - 1), Verdict::Wait);
    assert!(matches!(after(GATHERING_MS), Verdict::Defer { reason: Reason::Cap, .. }));
}

#[test]
fn a_reminder_passes_ahead_of_its_moment_only_by_as_much_as_it_may_and_only_the_clock_is_ahead() {
    let starts_at_ms = NOW_MS + DAY_S * 1000 + MINUTE_MS;
    let with = |ahead_ms, change: fn(&mut Facts)| {
        let mut facts = facts();
        facts.event.as_mut().unwrap().starts_at_ms = starts_at_ms;
        change(&mut facts);
        judge_ahead(&message(Kind::Reminder), &facts, ahead_ms, NOW_MS)
    };
    assert_eq!(with(MINUTE_MS, |_| {}), Verdict::Send);
    let too_early = Verdict::Defer { until_ms: NOW_MS + MINUTE_MS, reason: Reason::Moved };
    assert_eq!(with(MINUTE_MS - 1, |_| {}), too_early);
    // The quiet hours of now count, not those of its moment.
    let quiet = with(MINUTE_MS, |facts| facts.quiet = QuietHours { from_min: 7 * 60, to_min: 8 * 60 + 1 });
    assert!(matches!(quiet, Verdict::Defer { reason: Reason::QuietHours, .. }));
}

#[test]
fn who_registered_again_is_not_told_of_the_cancellation_before() {
    let cancellation = message(Kind::Cancellation);
    assert_eq!(verdict(&cancellation, |_| {}, NOW_MS), Verdict::Skip(Reason::Outdated));
    let cancelled = verdict(&cancellation, |facts| registration(facts).place = Place::Cancelled, NOW_MS);
    assert_eq!(cancelled, Verdict::Send);
}
