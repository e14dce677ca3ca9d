//! Every sentence that a person reads on a page, in English. The scripts hold none: templates hand them theirs in `data-`
//! attributes. Placeholders in braces are filled by the views and by the scripts alike.
//!
//! A second language is a second file with the same names.

pub mod access;
pub mod console;
pub mod help;
pub mod public;
pub mod studio;

/// The language of this table, for `<html lang>` and for the grouping of digits.
pub const LANG: &str = "en";

// Everywhere.
pub const BRAND: &str = "Turnout";
pub const SKIP: &str = "Skip to the content";
pub const STATE_DRAFT: &str = "Not started";
pub const STATE_LIVE: &str = "Live";
pub const STATE_ENDED: &str = "Ended";
pub const STATE_CANCELLED: &str = "Cancelled";
pub const STATE_DRAFT_MEANING: &str = "Not started yet. The page is open and its visitors are counted.";
pub const STATE_LIVE_MEANING: &str = "Running now.";
pub const STATE_ENDED_MEANING: &str = "Over. The page stays open and its visitors are still counted.";
pub const STATE_CANCELLED_MEANING: &str = "It will not take place.";
pub const WATCHING_ONE: &str = "person watching";
pub const WATCHING_MANY: &str = "people watching";
pub const BAND_EXACT: &str = "Exactly this many";
pub const BAND_BETWEEN: &str = "Between {low} and {high}";
pub const BAND_LAST_KNOWN: &str = "The last known number";
pub const NUMBER_UNKNOWN: &str = "No number yet";
pub const NO_NUMBER: &str = "–";

// The event page.
pub const EVENT_MEANING: &str = "Everyone who has this page open right now. Several tabs of one browser count once.";
pub const EVENT_MEANING_BAND: &str = "When connections break, a few people may or may not still be here. Then the number comes with the two ends it lies between.";
pub const EVENT_WAITING: &str = "The number appears as soon as the counter answers.";
pub const EVENT_NO_SCRIPT: &str =
    "This number does not move, because your browser runs no scripts. Reload the page for a new one.";
pub const EVENT_AS_OF: &str = "As of";
pub const LINK_CONNECTING: &str = "Connecting";
pub const LINK_LIVE: &str = "Updating live";
pub const LINK_STALE: &str = "Out of touch since {time}. The number stands still until the counter is back.";
pub const LINK_RECONNECTING: &str = "Connection lost at {time}. Trying again.";
pub const LINK_RECONNECTING_FIRST: &str = "No connection yet. Trying again.";
pub const LINK_OFFLINE: &str = "Your device is offline. The number is from {time}.";
pub const LINK_STOPPED_TOO_MANY: &str = "This event is open in too many tabs. Close some and reload this page.";
pub const LINK_STOPPED_NO_EVENT: &str = "This event is no longer here.";
pub const LINK_STOPPED_REFUSED: &str = "The server refused the connection. Reload the page to try again.";
pub const ANNOUNCE: &str = "{viewers} people watching";
pub const ANNOUNCE_ONE: &str = "1 person watching";

// The front page.
pub const HOME_TITLE: &str = "Know your audience while it is there";
pub const HOME_LEAD: &str = "Turnout counts the people at an event as they come and go: distinct people, within a second, and honest about what it cannot know.";
pub const HOME_DEMO: &str = "Watch the demo event";
pub const HOME_CONSOLE: &str = "Open the console";
pub const HOME_FACT_PEOPLE: &str = "People, not tabs";
pub const HOME_FACT_PEOPLE_BODY: &str = "A second tab of the same person does not raise the number.";
pub const HOME_FACT_SECOND: &str = "Within a second";
pub const HOME_FACT_SECOND_BODY: &str =
    "Someone who arrives is on every screen within a second, and so is someone who leaves.";
pub const HOME_FACT_HONEST: &str = "Honest in trouble";
pub const HOME_FACT_HONEST_BODY: &str =
    "When connections break, the number says between which two ends it lies. When it stands still, it says so.";
pub const HOME_TRY: &str = "Open the demo in three browsers and watch it go to three.";

// Pages for when something is not as it should be.
pub const ERROR_NO_PAGE: &str = "There is no page here";
pub const ERROR_NO_PAGE_ADVICE: &str = "The address may be misspelt, or the page has moved.";
pub const ERROR_NO_EVENT: &str = "There is no such event";
pub const ERROR_NO_EVENT_ADVICE: &str = "Check the address with the people who gave it to you. Capital letters matter.";
pub const ERROR_FORBIDDEN: &str = "This request was refused";
pub const ERROR_FORBIDDEN_ADVICE: &str = "It seems to come from another site. Go back, reload the page and try again.";
pub const ERROR_INTERNAL: &str = "Something went wrong on our side";
pub const ERROR_INTERNAL_ADVICE: &str = "It is in our log. Trying once more may help.";
pub const ERROR_UNAVAILABLE: &str = "Not available right now";
pub const ERROR_UNAVAILABLE_ADVICE: &str =
    "A part of the service does not answer. It usually comes back within seconds: reload the page.";
pub const ERROR_HOME: &str = "Go to the front page";
pub const ERROR_CONSOLE: &str = "Back to the console";

// The console.
pub const CONSOLE: &str = "Console";
pub const SIGN_OUT: &str = "Sign out";
pub const SIGN_IN_TITLE: &str = "Sign in to the console";
pub const SIGN_IN_FIRST: &str =
    "When Turnout starts for the first time it prints such a link. Open it in this browser.";
pub const SIGN_IN_AGAIN: &str = "For a new one, run this on the machine where Turnout runs, with the same data folder:";
pub const SIGN_IN_COMMAND: &str = "turnout sign-in-link";
pub const SIGN_IN_USED: &str = "This link has been used. Each link opens the console once.";
pub const SIGN_IN_INVALID: &str = "This link does not open the console. It may be incomplete, or too old.";
pub const SIGN_IN_SIGNED_OUT: &str = "You are signed out.";

pub const EVENTS: &str = "Events";
pub const EVENTS_RUNNING: &str = "Running now";
pub const EVENTS_UPCOMING: &str = "Coming up";
pub const EVENTS_PAST: &str = "Past and cancelled";
pub const EVENTS_EMPTY: &str = "No event yet";
pub const EVENTS_EMPTY_ADVICE: &str =
    "Create the first one. Its page can be opened at once, and its visitors are counted from then on.";
pub const CREATE_TITLE: &str = "New event";
pub const CREATE_FIELD_TITLE: &str = "Title";
pub const CREATE_FIELD_TITLE_HINT: &str = "What people see, up to 200 characters.";
pub const CREATE_FIELD_ID: &str = "Address";
pub const CREATE_FIELD_OPTIONAL: &str = "optional";
pub const CREATE_FIELD_ID_HINT: &str = "The last part of the page's address: letters, digits, - and _. It cannot be changed later. Left empty, we choose one.";
pub const CREATE_FIELD_START: &str = "Starts";
pub const CREATE_FIELD_ZONE: &str = "Time zone";
pub const CREATE_FIELD_ZONE_HINT: &str =
    "Where the event takes place, such as Europe/Helsinki. Times are shown and reminders are sent in it.";
pub const CREATE_NO_START: &str = "Say when it starts.";
pub const CREATE_NO_ZONE: &str = "This is not a time zone that we know. Use a name such as Europe/Helsinki, or UTC.";
pub const CREATE_NO_SUCH_TIME: &str = "This moment does not exist in the time zone.";
pub const CREATE_BUTTON: &str = "Create event";

pub const EVENT_GO_LIVE: &str = "Go live";
pub const EVENT_GO_LIVE_AGAIN: &str = "Go live again";
pub const EVENT_GO_LIVE_CONFIRM: &str = "Go live now? The event's page will say that it is running.";
pub const EVENT_END: &str = "End event";
pub const EVENT_END_CONFIRM: &str =
    "End this event? Its page stays open and says that it is over. You can go live again.";
pub const EVENT_OPEN_PAGE: &str = "Open the event page";
pub const CONFIRM_CANCEL: &str = "Not now";
pub const STREAM_CONNECTING: &str = "Connecting";
pub const STREAM_LIVE: &str = "Updating live";
pub const STREAM_LOST: &str = "Connection lost. The figures stand still; trying again.";

pub const FIGURE_VIEWERS: &str = "People watching now";
pub const FIGURE_VIEWERS_MEANING: &str = "Distinct people with the event's page open. Someone with several tabs counts once; so does someone with several devices, if your own server gives out the tickets.";
pub const FIGURE_STALE: &str = "The counter is out of touch. These figures are from {time} and stand still.";
pub const FIGURE_BAND_MEANING_EXACT: &str = "Nobody is in doubt: every connection is in touch.";
pub const FIGURE_BAND_MEANING: &str = "Some connections broke a moment ago; until it is known whether those people return, the number lies between these ends.";
pub const FIGURE_CONNECTIONS: &str = "Open connections";
pub const FIGURE_CONNECTIONS_MEANING: &str =
    "Tabs and devices connected now: more than the people watching when some use several.";
pub const FIGURE_PER_PERSON: &str = "Connections per person";
pub const FIGURE_PER_PERSON_MEANING: &str = "Open connections divided by people watching.";
pub const FIGURE_PEAK: &str = "Peak";
pub const FIGURE_PEAK_MEANING: &str = "The most people watching at one time since the event was created.";
pub const FIGURE_PEAK_NONE: &str = "Nobody has been here yet.";
pub const FIGURES_WAITING: &str = "The counter has not answered yet. The figures appear by themselves.";

pub const CHART_TITLE: &str = "The last hour";
pub const CHART_MEANING: &str = "People watching, second by second. The shaded band shows between which ends each number lay; a gap means that nothing is known.";
pub const CHART_EMPTY: &str = "The line begins as soon as the first second is recorded.";
pub const CHART_FAILED: &str = "The history could not be loaded. The line begins now.";
pub const CHART_LABEL: &str = "Chart of the people watching during the last hour";
pub const CHART_NEEDS_SCRIPT: &str =
    "The chart and the moving figures need scripts, which your browser does not run. Reload the page for new figures.";
pub const CHART_READOUT: &str = "{time}: {viewers}";
pub const CHART_READOUT_BAND: &str = "{time}: {viewers}, between {low} and {high}";

pub const ROOMS: &str = "Rooms";
pub const ROOMS_MEANING: &str = "The parts of the event, each with an audience of its own. Someone in two rooms counts in both, but once for the event.";
pub const ROOMS_NAME: &str = "Room";
pub const ROOMS_NUMBER: &str = "People watching";
pub const ROOMS_BAND: &str = "Certainty";
pub const ROOMS_EMPTY: &str = "This event has no rooms. Everyone is counted together.";

pub const SHARE: &str = "For your own site and systems";
pub const SHARE_MEANING: &str = "The same number, wherever you need it.";
pub const SHARE_PAGE: &str = "The page for viewers";
pub const SHARE_EMBED: &str = "In a web page of yours";
pub const SHARE_EMBED_NOTE: &str = "Your site's origin must be in the setting allowed_origins of this Turnout.";
pub const SHARE_GRPC: &str = "From your servers, over gRPC with an API key";
pub const SHARE_EMBED_CODE: &str = r#"<p><output id="viewers"></output> people watching</p>
<script type="module">
  import { connect } from "{origin}/sdk/turnout.js";
  const shown = document.getElementById("viewers");
  connect({ event: "{event}", onCount: (count) => { shown.value = count.viewers; } });
</script>"#;
pub const SHARE_GRPC_CODE: &str = r#"grpcurl -plaintext -H "authorization: Bearer $TURNOUT_API_KEY" \
  -d '{"event_id": "{event}"}' {address} turnout.presence.v1.PresenceService/GetCount"#;

// What went wrong with a form.
pub const CREATE_ID_TAKEN: &str = "This address is taken. Choose another.";
pub const CREATE_FAILED: &str =
    "The event could not be created: a part of the service does not answer. Try again in a moment.";
pub const CHANGE_MEANWHILE: &str = "Somebody else changed this event meanwhile. This is how it is now.";
pub const CHANGE_NOT_POSSIBLE: &str = "The event cannot go to that state from the one it is in.";
