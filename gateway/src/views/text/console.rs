//! The sentences of the console's pages about registrants, people and the door, in English. The rules are those of the table above
//! this one: no sentence stands in a template or a script.

// The navigation.
pub const NAVIGATION: &str = "Console";
pub const PLACE_EVENTS: &str = "Events";
pub const PLACE_AUDIENCE: &str = "Audience";
pub const PLACE_HELP: &str = "Help";
pub const EVENT_PAGES: &str = "Pages of this event";
pub const TAB_LIVE: &str = "Live";
pub const TAB_REGISTRANTS: &str = "Registrants";
pub const TAB_CHECK_IN: &str = "Check-in";
pub const ROLE_OWNER: &str = "Owner";
pub const ROLE_ORGANISER: &str = "Organiser";
pub const ROLE_SUPPORT: &str = "Support";
pub const ROLE_ANALYST: &str = "Analyst";
pub const ROLE_MODERATOR: &str = "Moderator";
pub const SIGNED_IN_AS: &str = "Signed in as";

// Everywhere.
pub const NOTHING: &str = "–";
pub const HELP_LINK: &str = "How this works";
pub const REASON: &str = "Reason";
pub const REASON_HINT: &str = "Why, in a few words. It is kept in the audit log.";
pub const REASON_IF_ANY: &str = "Reason (optional)";
pub const REASON_IF_ANY_HINT: &str = "With a reason it is kept in the audit log.";
pub const OPTIONAL: &str = "optional";
pub const SEARCH: &str = "Search";
pub const ANY: &str = "Any";
pub const PREVIOUS: &str = "Previous";
pub const NEXT: &str = "Next";
pub const FIRST: &str = "First page";
pub const PAGES: &str = "Pages";
pub const FREE: &str = "Free";
pub const NO_START: &str = "No start set";

pub const ERROR_NOT_YOURS: &str = "Your role does not open this page";
pub const ERROR_NOT_YOURS_ADVICE: &str = "Ask an owner of your team if you need it. Nothing was changed.";

// States of registrations.
pub const STATE_REGISTERED: &str = "Registered";
pub const STATE_WAITING: &str = "Waiting list";
pub const STATE_CANCELLED: &str = "Cancelled";
pub const RSVP_INVITED: &str = "No answer";
pub const RSVP_CONFIRMED: &str = "Confirmed";
pub const RSVP_DECLINED: &str = "Declined";
pub const MODE_ON_SITE: &str = "On site";
pub const MODE_ONLINE: &str = "Online";
pub const MODE_BOTH: &str = "On site and online";
pub const PAYMENT_NONE: &str = "Not applicable";
pub const PAYMENT_UNPAID: &str = "Unpaid";
pub const PAYMENT_PAID: &str = "Paid";
pub const PAYMENT_REFUNDED: &str = "Refunded";
pub const PAYMENT_WITHOUT_PLACE: &str = "Paid, without a place";
pub const ASSURANCE_VERIFIED: &str = "Verified";
pub const ASSURANCE_BY_HAND: &str = "Verified by hand";
pub const ASSURANCE_CLAIMED: &str = "Not verified";

// Messages.
pub const KIND_CONFIRMATION: &str = "Confirmation";
pub const KIND_REMINDER: &str = "Reminder";
pub const KIND_CHANGE: &str = "Change notice";
pub const KIND_CANCELLATION: &str = "Cancellation";
pub const KIND_SIGN_IN_LINK: &str = "Sign-in link";
pub const KIND_VERIFICATION: &str = "Verification";
pub const KIND_RESET: &str = "Password reset";
pub const KIND_INVITATION: &str = "Invitation";
pub const KIND_NOTICE: &str = "Webhook";
pub const KIND_OTHER: &str = "Message";
pub const MESSAGE_PLANNED: &str = "Planned";
pub const MESSAGE_QUEUED: &str = "Queued";
pub const MESSAGE_SENDING: &str = "Sending";
pub const MESSAGE_HANDED_OFF: &str = "Sent";
pub const MESSAGE_DELIVERED: &str = "Delivered";
pub const MESSAGE_BOUNCED: &str = "Bounced";
pub const MESSAGE_COMPLAINED: &str = "Marked as spam";
pub const MESSAGE_FAILED: &str = "Failed";
pub const MESSAGE_SKIPPED: &str = "Not sent";
pub const MESSAGE_UNKNOWN: &str = "Outcome unknown";
pub const MAYBE_TWICE: &str = "may have arrived twice";
pub const CHANNEL_EMAIL: &str = "E-mail";
pub const CHANNEL_SMS: &str = "Text message";
pub const CHANNEL_WEBHOOK: &str = "Webhook";
pub const BEFORE_DAYS: &str = "{n} days before";
pub const BEFORE_HOURS: &str = "{n} h before";
pub const BEFORE_MINUTES: &str = "{n} min before";
pub const BEFORE_SECONDS: &str = "{n} s before";
pub const OCCURRENCE_AGAIN: &str = "sent again";
/// The words of the ledger, each with what it means to people.
pub const REASONS: &[(&str, &str)] = &[
    ("no_consent", "the person has not consented"),
    ("unsubscribed", "the person has unsubscribed"),
    ("suppressed", "the address is suppressed after bounces or a complaint"),
    ("quiet_hours", "it waits for the end of the quiet hours"),
    ("quiet_hours_past_expiry", "quiet hours would have lasted beyond its use"),
    ("cap", "the person has had enough messages for now"),
    ("already_entered", "the person is in already"),
    ("declined", "the person said that they do not come"),
    ("waiting", "the person is on the waiting list"),
    ("cancelled", "the registration or the event is cancelled"),
    ("registered_too_late", "the person registered after its time"),
    ("expired", "its time is over"),
    ("outdated", "what it was about is gone, or told by a later message"),
    ("rule_removed", "this reminder was removed"),
    ("template", "its text cannot be used"),
    ("service_refused", "another part of the system refused to say what it needs"),
    ("joined", "sent together with another message"),
    ("kind_off", "this kind of message is switched off"),
    ("no_address", "there is no address"),
    ("no_gateway", "no gateway for text messages is set up"),
    ("smtp_5xx", "the receiving server refused it for good"),
    ("smtp_4xx", "the receiving server asked to try again later"),
    ("smtp_tls", "no safe connection to the mail server: it offers no encryption, or its certificate is not trusted"),
    ("gateway_refused", "the gateway for text messages refused it for good"),
    ("gateway_busy", "the gateway for text messages asked to try again later"),
    ("hard_bounce", "the address does not exist"),
    ("soft_bounce", "the mailbox did not take it"),
    ("not_reached", "its server cannot be reached"),
    ("no_answer", "its server did not answer: it may have arrived"),
    ("moved", "the event moved; it is planned anew"),
    ("webhook_off", "no webhook is set"),
    ("webhook_failing", "the webhook is switched off: it refused too many, or said that it is gone"),
    ("webhook_private", "the address of the webhook is not on the public net"),
    ("webhook_3xx", "the webhook redirects, which is not followed"),
    ("webhook_4xx", "the webhook refused it"),
    ("webhook_5xx", "the webhook failed"),
    ("webhook_gone", "the webhook says that it is gone"),
];

// The registrants of an event.
pub const REGISTRANTS: &str = "Registrants";
pub const STATISTIC_REGISTRANTS: &str = "Registrants";
pub const STATISTIC_REGISTRANTS_MEANING: &str =
    "Registrations that hold a place. The waiting list and cancelled ones are not among them.";
pub const STATISTIC_REGISTRANTS_MEANING_RSVP: &str = "The large number has confirmed. Whoever has not answered yet holds a place too; whoever declined has given it back.";
pub const STATISTIC_CONFIRMED: &str = "confirmed";
pub const STATISTIC_HOLD: &str = "hold a place";
pub const STATISTIC_HOLDS: &str = "holds a place";
pub const STATISTIC_LOGGED_IN: &str = "Logged in";
pub const STATISTIC_LOGGED_IN_MEANING: &str =
    "How many of the registrants have entered the event page at least once. Leaving does not lower it.";
pub const STATISTIC_VIEWERS: &str = "Viewers now";
pub const STATISTIC_VIEWERS_MEANING: &str =
    "Distinct people with the event page open at this moment, registered or not.";
pub const STATISTICS_WAITING: &str = "No answer yet. The figures appear by themselves.";
pub const BREAKDOWN: &str = "How these are made up";
pub const BREAKDOWN_CONFIRMED: &str = "Confirmed";
pub const BREAKDOWN_INVITED: &str = "No answer";
pub const BREAKDOWN_DECLINED: &str = "Declined";
pub const BREAKDOWN_PAID: &str = "Paid";
pub const BREAKDOWN_UNPAID: &str = "Unpaid";
pub const BREAKDOWN_REFUNDED: &str = "Refunded";
pub const QUESTION_REMOVED: &str = "{question} (no longer asked; last in version {version} of the form)";
pub const WITHOUT_PLACE_ONE: &str = "One person has paid and has no place (cancelled, waiting or declined).";
pub const WITHOUT_PLACE_MANY: &str = "{count} people have paid and have no place (cancelled, waiting or declined).";
pub const WITHOUT_PLACE_WHO: &str = "See who, to give it back";
pub const BREAKDOWN_ON_SITE: &str = "On site";
pub const BREAKDOWN_ONLINE: &str = "Online";
pub const BREAKDOWN_BOTH: &str = "Both";
pub const BREAKDOWN_CHECKED_IN: &str = "Checked in";
pub const BREAKDOWN_WAITING: &str = "Waiting list";
pub const BREAKDOWN_CANCELLED: &str = "Cancelled";
pub const BREAKDOWN_NICKNAMES: &str = "By nickname";
pub const SEARCH_REGISTRANTS: &str = "Name, e-mail or phone";
pub const SEARCH_KEY_HINT: &str = "Press / to search";
pub const FILTER: &str = "Filter";
pub const FILTER_STATE: &str = "State";
pub const FILTER_RSVP: &str = "Confirmation by the person";
pub const FILTER_PAID: &str = "Payment";
pub const FILTER_MODE: &str = "Takes part";
pub const FILTER_ENTERED: &str = "Event page";
pub const FILTER_ENTERED_YES: &str = "Entered";
pub const FILTER_ENTERED_NO: &str = "Not entered";
pub const FILTER_CHECKED_IN: &str = "Door";
pub const FILTER_CHECKED_IN_YES: &str = "Checked in";
pub const FILTER_CHECKED_IN_NO: &str = "Not checked in";
pub const FILTER_ROWS: &str = "Rows on a page";
pub const FILTER_ANSWERS: &str = "Show answers";
pub const FILTER_APPLY: &str = "Apply";
pub const FILTER_CLEAR: &str = "Clear all filters";
pub const COLUMN_NAME: &str = "Name";
pub const COLUMN_EMAIL: &str = "E-mail";
pub const COLUMN_PHONE: &str = "Phone";
pub const COLUMN_REGISTRATION: &str = "Registration";
pub const COLUMN_STATE: &str = "State";
pub const COLUMN_RSVP: &str = "Confirmed";
pub const COLUMN_MODE: &str = "Takes part";
pub const COLUMN_REGISTERED_AT: &str = "Registered";
pub const COLUMN_ENTERED: &str = "Entered";
pub const COLUMN_CONFIRMATION: &str = "Confirmation mail";
pub const COLUMN_REMINDERS: &str = "Reminders";
pub const COLUMN_PAID: &str = "Paid";
pub const COLUMN_CHECKED_IN: &str = "Checked in";
pub const NICKNAME: &str = "nickname";
pub const NOT_ENTERED: &str = "Not yet";
pub const NO_MESSAGE: &str = "None";
pub const MESSAGES_UNKNOWN: &str = "Unknown: messages do not answer";
pub const SHOWN: &str = "{from} to {to} of {matching}";
pub const SHOWN_OF_TOTAL: &str = ", out of {total} in all";
pub const REMINDERS_SENT: &str = "{sent} of {all} sent";
pub const TIMES_IN: &str = "Times in {zone}.";
pub const SELECT_ROW: &str = "Select";
pub const SELECT_ALL: &str = "Select all on this page";
pub const SELECTED_ONE: &str = "1 selected";
pub const SELECTED_MANY: &str = "{n} selected";
pub const BULK: &str = "With the selected";
pub const BULK_CHECK_IN: &str = "Check in";
pub const BULK_CONFIRMATION: &str = "Resend confirmation";
pub const BULK_REMINDER: &str = "Resend reminder";
pub const BULK_CANCEL: &str = "Cancel registrations";
pub const BULK_CANCEL_CONFIRM: &str = "Cancel the selected registrations? Each of these people is told by mail.";
pub const MESSAGES_HIDDEN: &str = "Your role does not see what became of mails.";
pub const REGISTRANTS_NONE: &str = "Nobody has registered yet";
pub const REGISTRANTS_NONE_ADVICE: &str =
    "People appear here the moment they register on the event page. You can also register somebody by hand.";
pub const REGISTRANTS_NO_MATCH: &str = "Nobody matches";
pub const REGISTRANTS_NO_MATCH_ADVICE: &str = "Try fewer letters of the name, or clear the filters.";
pub const REGISTRANTS_UNAVAILABLE: &str = "The list cannot be shown right now";
pub const REGISTRANTS_UNAVAILABLE_ADVICE: &str =
    "The service that holds it does not answer. Nothing is lost; try again in a moment.";
pub const TRY_AGAIN: &str = "Try again";
pub const REGISTER_BY_HAND: &str = "Register by hand";
pub const PERSONAL_HIDDEN: &str = "Your role sees no names or addresses. Rows are told apart by their registration.";

// Export.
pub const EXPORT: &str = "Export";
pub const EXPORT_TITLE: &str = "Export what is shown";
pub const EXPORT_MEANING: &str = "The same rows and columns, with the same search, filters and order, over all pages. The reason and the export are kept in the audit log.";
pub const REGISTRANTS_EXPORT: &str = "This list is not one for marketing: who registers has agreed to nothing else. Who may be written to, the Audience says.";
pub const EXPORT_FORMAT: &str = "Format";
pub const EXPORT_CSV: &str = "CSV, for spreadsheets";
pub const EXPORT_JSON: &str = "JSON, for programs";
pub const EXPORT_START: &str = "Download";
pub const EXPORT_PROGRESS: &str = "{done} of {all} rows";
pub const EXPORT_DONE: &str = "Done: {done} rows. Your browser is saving the file.";
pub const EXPORT_FAILED: &str = "The download broke off. Nothing was saved; try again.";
pub const EXPORT_BROKE_OFF: &str =
    "NOT COMPLETE: this download broke off after {done} of {all} rows. Download it again.";
pub const EXPORT_NO_REASON: &str = "Give a reason of 3 to 500 characters.";

// What was done.
pub const DID_CANCEL: &str = "Cancelled";
pub const DID_CHECK_IN: &str = "Checked in";
pub const DID_CONFIRMATION: &str = "Confirmation is on its way again";
pub const DID_REMINDER: &str = "Reminder is on its way again";
pub const DID_RSVP: &str = "The answer is recorded";
pub const DID_PAYMENT: &str = "The payment state is set";
pub const DID_DETAILS: &str = "The changes are saved";
pub const DID_REGISTER: &str = "Registered";
pub const DID_REGISTER_AGAIN: &str = "This address was registered before. This is the registration.";
pub const DID_VERIFY: &str = "The address is verified by hand";
pub const DID_RESET: &str = "A reset link is on its way to the person";
pub const DID_PHONE: &str = "The phone number is changed. Consents of the old number have ended.";
pub const DID_SOME: &str = "{what}: {n} of {all}.";
pub const DID_FAILED: &str = "{n} could not be done; they are unchanged.";
pub const BACK_TO_ACT: &str = "Back to what you were doing";
pub const FAILED_REASON: &str = "Give a reason of 3 to 500 characters.";
pub const FAILED_FORBIDDEN: &str = "Your role does not allow this.";
pub const FAILED_CHANGED: &str =
    "Somebody else changed this meanwhile. This is how it is now; look again and repeat it if it is still right.";
pub const FAILED_STATE: &str = "That is not possible in the state this is in.";
pub const FAILED_UNAVAILABLE: &str =
    "A part of the service does not answer. Nothing was changed as far as we know; try again in a moment.";
pub const FAILED_TOO_MANY: &str = "Too many tries. Nothing was changed; wait a minute, then try again.";
pub const FAILED_INVALID: &str = "Something is not right with what was entered.";
pub const FAILED_NOTHING_SELECTED: &str = "Nobody is selected. Tick the boxes of the people first.";

// One registrant.
pub const REGISTRANT_FACTS: &str = "Registration";
pub const REGISTRANT_ANSWERS: &str = "Answers";
pub const REGISTRANT_ANSWERS_NONE: &str = "The form of this event has no fields of its own.";
pub const REGISTRANT_MESSAGES: &str = "Messages";
pub const REGISTRANT_MESSAGES_NONE: &str = "No message has been planned or sent.";
pub const REGISTRANT_ACTIONS: &str = "Help this person";
pub const REGISTRANT_PERSON: &str = "All events of this person";
pub const REGISTRANT_SINCE: &str = "Waiting since";
pub const REGISTRANT_LANGUAGE: &str = "Language";
pub const REGISTRANT_FORM_VERSION: &str = "Answered in version {version} of the form.";
pub const MESSAGE_WHAT: &str = "Message";
pub const MESSAGE_STATE: &str = "State";
pub const MESSAGE_WHEN: &str = "When";
pub const MESSAGE_TRIES: &str = "Tries";
pub const MESSAGE_DUE: &str = "due {time}";
pub const MAIL_TO: &str = "Mail to this address";
pub const MAIL_TO_OPEN: &str = "Is mail held back?";
pub const NOT_HELD_BACK: &str = "Mail is sent to this address";
pub const NOT_HELD_BACK_MEANING: &str = "Nothing is held back because of what became of earlier mails.";
pub const HELD_BACK: &str = "No mail is sent to this address";
pub const HELD_BACK_REASON: &str = "Why";
pub const HELD_BACK_TIME: &str = "How long";
pub const HELD_BACK_WHY: &[(&str, &str)] = &[
    ("hard_bounce", "A mail server said for good that it takes no mail for this address."),
    ("soft_bounces", "Three mails within 72 hours could not be delivered."),
    ("complaint", "The person marked a mail as spam."),
];
pub const HELD_BACK_UNTIL: &str = "Since {since}, until {until}";
pub const HELD_BACK_FOR_GOOD: &str = "Since {since}, until somebody here says otherwise";
pub const WRITE_AGAIN: &str = "Write to this address again";
pub const WRITE_AGAIN_MEANING: &str = "What was not sent meanwhile stays unsent: afterwards resend what the person needs. If the next mail bounces too, mail is held back again.";
pub const WRITE_AGAIN_COMPLAINT: &str = "The person does not want this mail. Write again only if they ask you to. They still get no marketing until they agree anew.";
pub const ACT_CONFIRMATION: &str = "Resend the confirmation";
pub const ACT_CONFIRMATION_MEANING: &str = "Sends the confirmation once more, even if one was sent before.";
pub const ACT_REMINDER: &str = "Resend a reminder";
pub const ACT_REMINDER_MEANING: &str = "Sends a reminder now, at any hour and to this person only.";
pub const ACT_CHECK_IN: &str = "Check in";
pub const ACT_CHECK_IN_MEANING: &str = "Records that the person is here. The first time stays.";
pub const ACT_RSVP: &str = "Record an answer";
pub const ACT_RSVP_MEANING: &str = "When the person told you instead of using the link.";
pub const ACT_RSVP_YES: &str = "They are coming";
pub const ACT_RSVP_NO: &str = "They are not coming";
pub const ACT_PAYMENT: &str = "Mark the payment";
pub const ACT_PAYMENT_MEANING: &str = "Changes what is recorded. It moves no money.";
pub const ACT_PAYMENT_AMOUNT: &str = "Amount, in {currency}";
pub const ACT_PAYMENT_AMOUNT_HINT: &str = "With “Paid”: what was paid, or what is left after a part was given back. Empty means the price, {price}. With “Refunded”: what was given back, no less than was paid. Empty means all of it.";
pub const ACT_PAYMENT_PAID: &str = "Paid";
pub const ACT_PAYMENT_REFUNDED: &str = "Refunded";
pub const ACT_PAYMENT_UNPAID: &str = "Unpaid";
pub const ACT_CANCEL: &str = "Cancel the registration";
pub const ACT_CANCEL_MEANING: &str =
    "The place goes to the next on the waiting list. The person is told by mail and may register again.";
pub const ACT_CANCEL_CONFIRM: &str = "Cancel this registration? The person is told by mail.";
pub const ACT_EDIT: &str = "Change details and answers";
pub const ACT_EDIT_MEANING: &str =
    "The e-mail address of a registration cannot change: cancel and register the new one.";
pub const ACT_SAVE: &str = "Save";
pub const ACT_SEND: &str = "Send";
pub const NO_CHOICE: &str = "No answer";

// Register by hand.
pub const BY_HAND_LEAD: &str =
    "For somebody on the phone or at the door. They get the confirmation as if they had registered themselves.";
pub const BY_HAND_CONSENTS: &str = "Consents cannot be given by hand: only the person can give them.";
pub const BY_HAND_SUBMIT: &str = "Register";

// Audience.
pub const AUDIENCE: &str = "Audience";
pub const AUDIENCE_LEAD: &str =
    "Everybody who has ever registered for an event of yours: one person each, across all events.";
pub const AUDIENCE_EXPORT: &str = "This list is not one for marketing: it names everybody, also those who never agreed to be written to. For that, choose “Who may be written to” above the list and export what it shows.";
pub const CONSENTING: &str = "Who may be written to";
pub const CONSENTING_PURPOSE: &str = "May be written to about";
pub const CONSENTING_PURPOSE_HINT: &str = "The purpose as it stands in the form of your event.";
pub const CONSENTING_PURPOSES: &[&str] = &["marketing", "partners", "reminders"];
pub const CONSENTING_CHANNEL: &str = "How";
/// A channel, what it is called, and how it stands in a sentence.
pub const CONSENTING_CHANNELS: &[(&str, &str, &str)] = &[
    ("email", "By e-mail", "by e-mail"),
    ("sms", "By text message", "by text message"),
    ("social", "On social media", "on social media"),
];
pub const CONSENTING_LEAD: &str = "Who may be written to about “{purpose}”, {channel}: everybody who has agreed to just that and has not taken it back, and nobody else.";
pub const CONSENTING_SHOWN: &str = "{count} on this page";
pub const CONSENTING_SHOWN_NOBODY: &str = "Nobody on this page";
pub const CONSENTING_SHOWN_MORE: &str = "; there is more";
pub const CONSENTING_NONE: &str = "Nobody has agreed to this";
pub const CONSENTING_NONE_ADVICE: &str = "Ask for it in the form of an event, with this purpose and this channel. Who ticks the box is here once they have opened the link in the mail that follows.";
pub const CONSENTING_EXPORT: &str =
    "Export it anew before each mailing: whoever takes the consent back later still stands in an older file.";
pub const CONSENTING_STOPPED: &str = "Nobody may be written to about this just now";
pub const CONSENTING_UNKNOWN: &str = "There is no such purpose or channel";
pub const CONSENTING_SETTINGS: &str = "Open the settings";
pub const AUDIENCE_NONE: &str = "Nobody is here yet";
pub const AUDIENCE_NONE_ADVICE: &str =
    "A person appears with their first registration and stays when the event is over.";
pub const COLUMN_ASSURANCE: &str = "Address";
pub const COLUMN_SINCE: &str = "First seen";
pub const COLUMN_ACCOUNT: &str = "Account";
pub const ACCOUNT_YES: &str = "Has an account";
pub const ACCOUNT_NO: &str = "No account";
pub const PERSON_EVENTS: &str = "Events";
pub const PERSON_EVENTS_NONE: &str = "No registration.";
pub const PERSON_EVENTS_UNKNOWN: &str = "The registrations cannot be read right now. Reload the page in a moment.";
pub const PERSON_EVENT: &str = "Event";
pub const PERSON_CONSENTS: &str = "Consents";
pub const PERSON_CONSENTS_NONE: &str = "This person has given no consent.";
pub const PERSON_CONSENTS_UNKNOWN: &str = "The consents cannot be read right now. Reload the page in a moment.";
pub const PERSON_CONSENTS_MEANING: &str = "What holds now. The whole ledger is in the timeline.";
pub const PERSON_TIMELINE: &str = "Timeline";
pub const PERSON_TIMELINE_NONE: &str = "Nothing is recorded.";
pub const PERSON_TIMELINE_PARTS: &str = "Not everything can be shown right now: {parts}.";
pub const PART_REGISTRATIONS: &str = "registrations";
pub const PART_REGISTRATIONS_MORE: &str = "registrations beyond 2,000";
pub const PART_MESSAGES: &str = "messages";
pub const PART_MESSAGES_MORE: &str = "messages before the newest 1,000";
pub const PART_CONSENTS: &str = "consents";
pub const PART_CONSENTS_MORE: &str = "consents after the first 6,000 statements";
pub const PART_AUDIT: &str = "what the team did";
pub const PART_AUDIT_MORE: &str = "what the team did longer ago, or for registrations beyond 20";
pub const PART_VISITS: &str = "when they watched";
pub const PART_VISITS_MORE: &str = "more of when they watched";
pub const CONSENT_GRANTED: &str = "Granted";
pub const CONSENT_WITHDRAWN: &str = "Withdrawn";
pub const PERSON_ZONE: &str = "Time zone";
pub const ACT_VERIFY: &str = "Verify the address by hand";
pub const ACT_VERIFY_MEANING: &str =
    "Weaker than a proof by the person: it opens events, but it does not join histories.";
pub const ACT_RESET: &str = "Send a reset link";
pub const ACT_RESET_MEANING: &str = "A link that works once goes to the person's own address. You do not see it. All their sessions end when it is used.";
pub const ACT_PHONE: &str = "Change the phone number";
pub const ACT_PHONE_MEANING: &str =
    "Consents to text messages do not move to the new number. The old one stays in the audit log only.";
pub const ACT_PHONE_NEW: &str = "New number, with country code";
pub const TIMELINE_REGISTERED: &str = "Registered";
pub const TIMELINE_WAITING: &str = "Joined the waiting list";
pub const TIMELINE_ENTERED: &str = "Entered the event page";
pub const TIMELINE_CHECKED_IN: &str = "Checked in at the door";
pub const TIMELINE_CAME_CANCELLED: &str = "Came to the door while cancelled";
pub const TIMELINE_CONFIRMED: &str = "Said that they come";
pub const TIMELINE_DECLINED: &str = "Said that they do not come";
pub const TIMELINE_ANSWERED: &str = "Answered the invitation";
pub const TIMELINE_PAID: &str = "Paid";
pub const TIMELINE_REFUNDED: &str = "Got the money back";
pub const TIMELINE_PAYMENT: &str = "The payment changed";
pub const TIMELINE_CANCELLED: &str = "Cancelled";
pub const TIMELINE_WATCHED: &str = "Watched for {time} ({from}–{until})";
pub const TIMELINE_WATCHING: &str = "Watching for {time} so far (since {from})";
pub const TIMELINE_ZONE: &str = "Times in {zone}";
pub const TIME_UNDER_A_MINUTE: &str = "less than a minute";
pub const TIME_MINUTES: &str = "{minutes} min";
pub const TIME_HOURS: &str = "{hours} h";
pub const TIME_HOURS_AND_MINUTES: &str = "{hours} h {minutes} min";
pub const TIMELINE_SEEN: &str = "First seen";
pub const TIMELINE_VERIFIED: &str = "Address verified";
pub const TIMELINE_CONSENT: &str = "{action}: {purpose} by {channel}";

pub const TIMELINE_BY: &str = "by {actor}";
// The door.
pub const DOOR_TITLE: &str = "Check-in";
pub const DOOR_SCAN: &str = "Scan with the camera";
pub const DOOR_SCAN_STOP: &str = "Stop the camera";
pub const DOOR_CAMERA_NONE: &str = "This browser finds no camera on this device.";
pub const DOOR_CAMERA_INSECURE: &str = "The camera needs https, and this page was opened without it.";
pub const DOOR_CAMERA_REFUSED: &str =
    "This page may not use the camera. Allow it in the settings of the browser and press the button again.";
pub const DOOR_CAMERA_FAILED: &str = "The camera could not be opened. Perhaps another app uses it.";
pub const DOOR_NO_DECODER: &str = "The scanner could not be loaded. Try again when there is a network.";
/// Follows each of the five above.
pub const DOOR_INSTEAD: &str = "Type the code of the ticket instead, or find the person by name.";
/// The same for who sees no names.
pub const DOOR_INSTEAD_CODE: &str = "Type the code of the ticket instead.";
pub const DOOR_CODE: &str = "Code of the ticket";
pub const DOOR_CODE_HINT: &str = "Below the QR code. A scanner that types works here too.";
pub const DOOR_CHECK: &str = "Check in";
pub const DOOR_SEARCH: &str = "Or find them by name";
pub const DOOR_SEARCH_NONE: &str = "Nobody by that name has registered.";
pub const DOOR_RESULT: &str = "Result";
pub const DOOR_ADMITTED: &str = "Welcome";
pub const DOOR_ALREADY_IN: &str = "Checked in before";
pub const DOOR_UNKNOWN: &str = "No ticket for this event";
pub const DOOR_CANCELLED: &str = "Cancelled";
pub const DOOR_WAITING: &str = "On the waiting list";
pub const DOOR_UNPAID: &str = "Not paid";
pub const DOOR_UNCONFIRMED: &str = "Has not confirmed";
pub const DOOR_FLAG_INVITED: &str = "Let in, but has not confirmed";
pub const DOOR_FLAG_DECLINED: &str = "Let in, but had said that they do not come";
pub const DOOR_AT: &str = "At {time}";
pub const DOOR_EXPECTED: &str = "Registered, may come in";
pub const DOOR_OFFLINE_OUTCOME: &str = "Kept on this device";
pub const DOOR_ONLINE: &str = "In touch";
pub const DOOR_OFFLINE: &str = "Offline: tickets are checked on this device";
pub const DOOR_OFFLINE_EMPTY: &str = "Offline, and this device has no list of tickets yet";
pub const DOOR_SIGNED_OUT: &str = "Signed out. Sign in again to send what waits.";
pub const DOOR_WAITING_NONE: &str = "Nothing waits to be sent";
pub const DOOR_WAITING_SOME: &str = "{n} waiting to be sent";
pub const DOOR_PACK: &str = "{n} tickets on this device, as of {time}";
pub const DOOR_PACK_NONE: &str = "No tickets on this device yet";
pub const DOOR_NO_OFFLINE: &str = "This browser cannot work offline here: that needs https.";
pub const DOOR_LOOK_ONE: &str = "1 scanned offline needs a look";
pub const DOOR_LOOK_SOME: &str = "{n} scanned offline need a look";
pub const DOOR_LOOK_MEANING: &str =
    "They were let in here while this device was offline. When it was in touch again, the list said otherwise.";
pub const DOOR_LOOK_TICKET: &str = "Ticket ending in {end}";
pub const DOOR_LOOK_TIME: &str = "Let in here: {time}";
pub const DOOR_LOOK_AGAIN: &str = "Check again";
pub const DOOR_LOOK_DONE: &str = "Done";
