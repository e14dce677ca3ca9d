//! When a person watched: the visits that the counter keeps of the viewer that each of their registrations is, and how they are told.
//! Visits that a browser made before somebody came in with it are nobody's, and are not here.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tonic::Status;
use turnout_platform::ids::{EventId, RegistrationId};
use turnout_proto::{
    presence::v1::{ListVisitsRequest, VisitSpan},
    registration::v1::{Event, Registration},
};
use turnout_roster::ViewerId;

use super::super::{events::millis, session::Organiser};
use crate::{
    Shared,
    upstream::bounded,
    views::{show, text::console as words},
};

/// Registrations of a person whose visits are read, those of the newest events.
const REGISTRATIONS_MAX: usize = 20;
/// Registrations whose visits are read at one time.
const READS_AT_ONCE: usize = 4;
/// Questions for one registration: two of eight days each cover [`LOOK_BACK_MS`].
const QUESTIONS_MAX: usize = 2;
/// Whoever comes back so soon reloaded the page or had no network for a moment: to a reader they had not gone.
const BREAK_MAX_MS: i64 = 2 * 60_000;
/// Stays at one event that are told, the latest ones.
const STAYS_MAX: usize = 50;
/// The clocks of those who note the entry and of those who note the visits may differ by so much.
const CLOCKS_APART_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 3_600_000;
/// Visits are looked for until so long after the planned end, and after the start of an event without one.
const AFTER_END_MS: i64 = DAY_MS;
const AFTER_START_MS: i64 = 7 * DAY_MS;
/// And for so long before that.
const LOOK_BACK_MS: i64 = 14 * DAY_MS;

/// A time at an event, with breaks that are too short to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) event_id: String,
    from_ms: i64,
    until_ms: i64,
    watched_ms: i64,
    lasting: bool,
}

/// What is known of the visits of a person.
#[derive(Debug, Default)]
pub(super) struct Visits {
    pub(super) stays: Vec<Stay>,
    /// There may be more, which were not read.
    pub(super) more: bool,
}

/// Of all registrations with which somebody came in.
pub(super) async fn read(
    shared: &Shared,
    organiser: &Organiser,
    registrations: &[Registration],
) -> Result<Visits, Status> {
    let entered = || registrations.iter().filter(|registration| registration.first_entered_at.is_some());
    let reads: Vec<_> = entered().take(REGISTRATIONS_MAX).map(|r| of_registration(shared, organiser, r)).collect();
    let each: Vec<Visits> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
    let more = entered().count() > REGISTRATIONS_MAX || each.iter().any(|visits| visits.more);
    Ok(Visits { stays: each.into_iter().flat_map(|visits| visits.stays).collect(), more })
}

async fn of_registration(shared: &Shared, organiser: &Organiser, of: &Registration) -> Result<Visits, Status> {
    let id = (of.event_id.parse::<EventId>(), of.registration_id.parse::<RegistrationId>());
    let ((Ok(event), Ok(registration)), Some(entered)) = (id, &of.first_entered_at) else {
        return Ok(Visits::default());
    };
    let Some(known) = shared.directory.event(&event).await? else { return Ok(Visits::default()) };
    let viewer = shared.desk.viewer_of(&event, &registration);
    let Window { from_ms, to_ms, cut } =
        Window::of(&known.details, millis(entered), shared.clock.at_ms().cast_signed());
    let (spans, left) = spans(shared, organiser, of, viewer, (from_ms, to_ms)).await?;
    let mut stays = stays(&of.event_id, &spans);
    let told_from = stays.len().saturating_sub(STAYS_MAX);
    Ok(Visits { more: cut || left || told_from > 0, stays: stays.split_off(told_from) })
}

/// The spans of the viewer, and whether some are left.
async fn spans(
    shared: &Shared,
    organiser: &Organiser,
    of: &Registration,
    viewer: ViewerId,
    (from_ms, to_ms): (i64, i64),
) -> Result<(Vec<VisitSpan>, bool), Status> {
    let mut spans = Vec::new();
    let mut from = Some(timestamp(from_ms));
    for _ in 0..QUESTIONS_MAX {
        if from.is_none() {
            break;
        }
        let request = bounded(ListVisitsRequest {
            event_id: of.event_id.clone(),
            room_id: String::new(),
            viewer: viewer.get(),
            from,
            to: Some(timestamp(to_ms)),
        });
        let answer = shared.upstream.presence_for(&organiser.acting()).list_visits(request).await?.into_inner();
        spans.extend(answer.spans);
        from = answer.next_from;
    }
    Ok((spans, from.is_some()))
}

/// When visits are looked for.
#[derive(Debug, PartialEq, Eq)]
struct Window {
    from_ms: i64,
    to_ms: i64,
    /// The person came in before it.
    cut: bool,
}

impl Window {
    fn of(event: &Event, entered_ms: i64, now_ms: i64) -> Self {
        let latest_ms = match (&event.ends_at, &event.starts_at) {
            (Some(ends), _) => millis(ends).max(entered_ms) + AFTER_END_MS,
            (None, Some(starts)) => millis(starts).max(entered_ms) + AFTER_START_MS,
            (None, None) => entered_ms + AFTER_START_MS,
        };
        let came_ms = entered_ms - CLOCKS_APART_MS;
        let to_ms = latest_ms.min(now_ms + CLOCKS_APART_MS).max(came_ms);
        let earliest_ms = to_ms - LOOK_BACK_MS;
        Self { from_ms: came_ms.max(earliest_ms), to_ms, cut: came_ms < earliest_ms }
    }
}

/// Spans as a reader takes them: those with hardly a break between them are one stay. Answers that overlap count once.
fn stays(event_id: &str, spans: &[VisitSpan]) -> Vec<Stay> {
    let ends = |span: &VisitSpan| Some((millis(span.from.as_ref()?), millis(span.until.as_ref()?), span.lasting));
    let mut spans: Vec<(i64, i64, bool)> = spans.iter().filter_map(ends).collect();
    spans.sort_unstable();
    let mut stays: Vec<Stay> = Vec::new();
    for (from_ms, until_ms, lasting) in spans {
        match stays.last_mut() {
            Some(stay) if from_ms <= stay.until_ms + BREAK_MAX_MS => {
                stay.watched_ms += (until_ms - from_ms.max(stay.until_ms)).max(0);
                stay.until_ms = stay.until_ms.max(until_ms);
                stay.lasting |= lasting;
            }
            _ => {
                let (event_id, watched_ms) = (event_id.to_owned(), until_ms - from_ms);
                stays.push(Stay { event_id, from_ms, until_ms, watched_ms, lasting });
            }
        }
    }
    stays
}

impl Stay {
    /// When it began.
    pub(super) fn from(&self) -> prost_types::Timestamp {
        timestamp(self.from_ms)
    }

    /// In words, with the times of the event's zone.
    pub(super) fn words(&self, zone: &str) -> String {
        let day = |at_ms| show::local_minute_in(at_ms, zone).split('T').next().map(str::to_owned);
        let is_one_day = day(self.from_ms) == day(self.until_ms);
        let at = |at_ms| if is_one_day { show::minute_in(at_ms, zone) } else { show::day_and_minute_in(at_ms, zone) };
        let text = if self.lasting { words::TIMELINE_WATCHING } else { words::TIMELINE_WATCHED };
        text.replace("{time}", &length(self.watched_ms))
            .replace("{from}", &at(self.from_ms))
            .replace("{until}", &at(self.until_ms))
    }
}

/// Whole minutes; more would claim to know more than is known.
fn length(ms: i64) -> String {
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let text = match (hours, minutes) {
        (0, 0) => words::TIME_UNDER_A_MINUTE,
        (0, _) => words::TIME_MINUTES,
        (_, 0) => words::TIME_HOURS,
        _ => words::TIME_HOURS_AND_MINUTES,
    };
    text.replace("{hours}", &hours.to_string()).replace("{minutes}", &minutes.to_string())
}

fn timestamp(at_ms: i64) -> prost_types::Timestamp {
    let at_ms = at_ms.max(0);
    prost_types::Timestamp { seconds: at_ms / 1000, nanos: (at_ms % 1000) as i32 * 1_000_000 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Stay {
        /// A whole one.
        pub(in super::super) fn watched(from_ms: i64, until_ms: i64) -> Self {
            stays("", &[span(from_ms, until_ms)]).remove(0)
        }
    }

    const MINUTE: i64 = 60_000;
    /// 22 Nov 2026, 18:03 in UTC and 20:03 in Helsinki.
    const BEGIN: i64 = 1_795_370_580_000;
    const HELSINKI: &str = "Europe/Helsinki";

    fn span(from_ms: i64, until_ms: i64) -> VisitSpan {
        VisitSpan { from: Some(timestamp(from_ms)), until: Some(timestamp(until_ms)), lasting: false }
    }

    #[test]
    fn a_stay_is_told_in_whole_minutes_and_in_the_zone_of_the_event() {
        let told = |minutes: i64| stays("night", &[span(BEGIN, BEGIN + minutes * MINUTE)])[0].words(HELSINKI);
        assert_eq!(told(42), "Watched for 42 min (20:03–20:45)");
        assert_eq!(told(0), "Watched for less than a minute (20:03–20:03)");
        assert_eq!(told(120), "Watched for 2 h (20:03–22:03)");
        assert_eq!(told(300), "Watched for 5 h (22 Nov 2026, 20:03–23 Nov 2026, 01:03)");
        let lasting = VisitSpan { lasting: true, ..span(BEGIN, BEGIN + 61 * MINUTE) };
        assert_eq!(stays("night", &[lasting])[0].words(HELSINKI), "Watching for 1 h 1 min so far (since 20:03)");
    }

    #[test]
    fn a_short_break_does_not_end_a_stay_and_is_not_counted_as_watched() {
        let spans = vec![span(0, 10 * MINUTE), span(12 * MINUTE, 20 * MINUTE), span(23 * MINUTE, 24 * MINUTE)];
        let told: Vec<_> = stays("night", &spans).into_iter().map(|s| (s.from_ms, s.until_ms, s.watched_ms)).collect();
        assert_eq!(told, [(0, 20 * MINUTE, 18 * MINUTE), (23 * MINUTE, 24 * MINUTE, MINUTE)]);
    }

    #[test]
    fn visits_are_looked_for_from_the_entry_until_a_day_after_the_end_and_a_fortnight_at_most() {
        let at = |ms: i64| Some(timestamp(ms));
        let event = Event { starts_at: at(BEGIN), ends_at: at(BEGIN + 180 * MINUTE), ..Event::default() };
        let end = BEGIN + 180 * MINUTE + DAY_MS;
        let window = |entered: i64, now: i64| {
            let window = Window::of(&event, entered, now);
            (window.from_ms, window.to_ms, window.cut)
        };
        // Years later, while it runs, and for somebody who came in a month before.
        assert_eq!(window(BEGIN, BEGIN + 900 * DAY_MS), (BEGIN - MINUTE, end, false));
        assert_eq!(window(BEGIN, BEGIN + 5 * MINUTE), (BEGIN - MINUTE, BEGIN + 6 * MINUTE, false));
        assert_eq!(window(BEGIN - 30 * DAY_MS, BEGIN + 90 * DAY_MS), (end - 14 * DAY_MS, end, true));
        // Somebody who comes when all is over, and an event that says nothing of its times.
        assert_eq!(window(end + DAY_MS, end + 9 * DAY_MS), (end + DAY_MS - MINUTE, end + 2 * DAY_MS, false));
        let open = Window::of(&Event::default(), BEGIN, BEGIN + 90 * DAY_MS);
        assert_eq!((open.from_ms, open.to_ms), (BEGIN - MINUTE, BEGIN + 7 * DAY_MS));
    }

    proptest! {
        /// However answers overlap and in whatever order they come.
        #[test]
        fn what_was_watched_is_counted_once(spans in prop::collection::vec((0..600i64, 0..60i64), 0..20)) {
            let told = stays("night", &spans.iter().map(|&(from, long)| span(from * 1000, (from + long) * 1000)).collect::<Vec<_>>());
            let watched: i64 = told.iter().map(|stay| stay.watched_ms / 1000).sum();
            let truth = (0..700).filter(|s| spans.iter().any(|&(from, long)| from <= *s && *s < from + long)).count();
            prop_assert_eq!(watched, truth as i64);
            prop_assert!(told.windows(2).all(|pair| pair[0].until_ms + BREAK_MAX_MS < pair[1].from_ms));
        }
    }
}
