//! The sentences of the console's pages with which events, forms, messages and the settings are made, in English. The rules are those of
//! the table above this one: no sentence stands in a template or a script.

// Everywhere.
pub const SAVE: &str = "Save changes";
pub const READ_ONLY: &str = "Your role sees this page and changes nothing here. An owner or an organiser can.";
pub const NOT_SAVED: &str = "Nothing was saved. See what is wrong below.";
pub const CHANGED_MEANWHILE: &str = "Somebody else saved meanwhile. Your entries are kept; where theirs differ, it says so below. Saving again puts yours in their place.";
pub const STORED_NOW: &str = "Stored meanwhile: {value}";
pub const STORED_EMPTY: &str = "nothing";
pub const STORED_TICKED: &str = "ticked";
pub const TAB_FORM: &str = "Form";
pub const TAB_MESSAGES: &str = "Messages";
pub const TAB_FIGURES: &str = "Figures";
pub const TAB_SETTINGS: &str = "Settings";

/// What was done, by the word in the address after it.
pub const DIDS: &[(&str, &str)] = &[
    ("saved", "Saved."),
    ("cancelled", "The event is cancelled. Its registrants are told."),
    ("room", "The room is there."),
    ("room-name", "The room has its new name."),
    ("form", "The form is saved as a new version. From now on people fill in this one."),
    ("invited", "The invitation is on its way. It holds a link to set a password."),
    ("role", "The role is changed, from the next click on."),
    ("removed", "The member is removed and signed out everywhere."),
    ("password", "The password is changed. Your other sessions have ended."),
    ("others", "Your other sessions have ended."),
    ("second-factor-off", "The second factor is removed."),
    ("template", "The template is saved."),
    ("template-reset", "The text is thrown away. You see what is sent in its place."),
    ("reminders", "The reminders are saved. What is not sent yet is planned anew."),
    ("retention", "The removal has begun. It goes on by itself, and below you see how far it is."),
    ("write-again", "Mail is sent to this address again. Now resend what the person needs."),
    ("marketing", "Marketing goes on for 7 days."),
    ("key-revoked", "The key is revoked. Programs that still show it are refused in a moment."),
];

// The settings of an event.
pub const EVENT_SETTINGS: &str = "Event settings";
pub const GROUP_PAGE: &str = "Registration page";
pub const GROUP_WHAT: &str = "What it is";
pub const GROUP_WHEN: &str = "When and where";
pub const GROUP_WHEN_MEANING: &str =
    "When the registration page is open, a change of time, zone or venue is told to everybody who is registered.";
pub const GROUP_PLACES: &str = "Places and price";
pub const GROUP_RSVP: &str = "Confirmation by the people";
pub const GROUP_RSVP_MEANING: &str = "For events where people have to say that they really come.";
pub const PUBLISHED: &str = "Open for registration";
pub const PUBLISHED_HINT: &str = "Ticked: anybody with the address can register, and mails go out. Not ticked: the event page can be seen, and nobody can register.";
pub const NICKNAMES: &str = "Allow a nickname alone";
pub const NICKNAMES_HINT: &str = "People may enter without an address. They cannot be written to.";
pub const EVENT_TITLE: &str = "Title";
pub const EVENT_SUMMARY: &str = "Summary";
pub const EVENT_SUMMARY_HINT: &str =
    "What it is about. It stands on the event page; an empty line begins a new paragraph.";
pub const EVENT_LANGUAGES: &str = "Languages";
pub const EVENT_LANGUAGES_HINT: &str = "Tags with commas between, such as en, fi. The first is the event’s own; the form and the messages can be written in each.";
pub const EVENT_STARTS: &str = "Starts";
pub const EVENT_ENDS: &str = "Ends";
pub const EVENT_ZONE: &str = "Time zone";
pub const EVENT_ZONE_HINT: &str = "Such as Europe/Helsinki. Times are meant, shown and reminded of in it.";
pub const EVENT_MODE: &str = "People take part";
pub const EVENT_MODE_HINT: &str = "With both, each person chooses when registering.";
pub const EVENT_VENUE: &str = "Venue";
pub const EVENT_VENUE_HINT: &str = "As people should read it: name, street, town.";
pub const EVENT_CAPACITY: &str = "Places";
pub const EVENT_CAPACITY_HINT: &str = "Empty means no limit. Fewer than are taken cancels nobody.";
pub const EVENT_WAITING: &str = "Keep a waiting list";
pub const EVENT_WAITING_HINT: &str =
    "Who finds no place waits for one and moves up by itself. Otherwise they are refused.";
pub const EVENT_PRICE: &str = "Price";
pub const EVENT_PRICE_HINT: &str = "Such as 12.50. Empty means free. Who has not paid is not let in.";
pub const EVENT_CURRENCY: &str = "Currency";
pub const EVENT_CURRENCY_HINT: &str = "Three letters, such as EUR.";
pub const EVENT_RSVP: &str = "Ask people to confirm";
pub const EVENT_RSVP_HINT: &str = "Then only those who confirmed count as registrants in the statistics.";
pub const EVENT_REFUSE: &str = "Refuse those who have not confirmed";
pub const EVENT_REFUSE_HINT: &str = "Otherwise they are let in, and the door is told. Who says that they do not come gives their place back in either case.";
pub const NO_SUCH_TIME: &str = "This is no time in this zone.";
pub const NO_START: &str = "Say when it starts.";
pub const NO_SUCH_ZONE: &str = "This is not a time zone that we know. Use a name such as Europe/Helsinki, or UTC.";
pub const NO_NUMBER: &str = "Enter a whole number.";
pub const NO_CURRENCY: &str = "Enter the three letters of a currency, such as EUR.";
pub const ENDS_BEFORE_START: &str = "The end must be after the start.";
pub const NO_AMOUNT: &str = "Enter an amount such as 12.50, with the digits of its currency.";
pub const ROOMS_UNKNOWN: &str = "The rooms cannot be listed right now. Reload the page in a moment.";
pub const ROOM_RENAME: &str = "Rename";
pub const ROOM_NEW_TITLE: &str = "New name";
pub const ROOM_RENAME_SAVE: &str = "Rename the room";
pub const ROOM_NOT_RENAMED: &str = "The room was not renamed.";
pub const ROOM_NEW: &str = "Add a room";
pub const ROOM_TITLE: &str = "Name";
pub const ROOM_ID: &str = "Address";
pub const ROOM_ID_HINT: &str = "Letters, digits, - and _. Left empty, we choose one.";
pub const ROOM_ADD: &str = "Add the room";
pub const ROOM_ID_TAKEN: &str = "This address is taken in this event.";
pub const ROOM_NOT_ADDED: &str = "The room was not added.";
pub const CANCEL_EVENT: &str = "Cancel the event";
pub const CANCEL_EVENT_MEANING: &str = "For good: it cannot be taken back. Everybody who is registered is told, and nobody can register or enter any more.";
pub const CANCEL_EVENT_SURE: &str = "Yes, this event will not take place";
pub const CANCEL_EVENT_NOT_SURE: &str = "The event was not cancelled: tick the box if you are sure.";

// The form builder.
pub const FORM: &str = "Registration form";
pub const FORM_VERSION: &str = "Version {version}";
pub const FORM_VERSION_NONE: &str = "The form that every event begins with";
pub const FORM_UNSAVED: &str = "Not saved yet: people still see the form as it was.";
pub const FORM_NOT_SAVED: &str = "The form was not saved. The questions with something to put right are open below.";
pub const FORM_MEANWHILE: &str = "Somebody else saved version {version} meanwhile. Your entries are kept; saving again puts yours in place of theirs. Open this page in a second tab to compare.";
pub const FORM_STANDARD: &str = "Every form asks for";
pub const FORM_STANDARD_MEANING: &str = "The e-mail address is always asked for. Ask for the rest only if you need it.";
pub const FORM_NAME: &str = "Name";
pub const FORM_PHONE: &str = "Phone";
pub const STANDARD_REQUIRED: &str = "Must be given";
pub const STANDARD_OPTIONAL: &str = "May stay empty";
pub const STANDARD_HIDDEN: &str = "Not asked";
pub const FORM_QUESTIONS: &str = "Your questions";
pub const FORM_QUESTIONS_NONE: &str = "None yet. Every question costs you registrants: ask what you will use.";
pub const FORM_CONSENTS: &str = "Consents";
pub const FORM_CONSENTS_MEANING: &str = "Each has its own box, never ticked beforehand and never needed to register.";
pub const FORM_ADD: &str = "Add a question";
pub const FORM_NEW_TYPE: &str = "Next question";
pub const FORM_ADD_CONSENT: &str = "Add a consent";
pub const FORM_UP: &str = "Move up";
pub const FORM_DOWN: &str = "Move down";
pub const FORM_REMOVE: &str = "Remove";
pub const FORM_HAS_ERROR: &str = "something to put right";
pub const FORM_SAVE: &str = "Save the form";
pub const FORM_SAVE_MEANING: &str =
    "Saving makes a new version. Answers that were given keep the version they were given to.";
pub const FORM_PREVIEW: &str = "As people see it";
pub const FORM_PREVIEW_UPDATE: &str = "Update the preview";
pub const TYPE_TEXT: &str = "One line";
pub const TYPE_LONG: &str = "Several lines";
pub const TYPE_CHOICE: &str = "One of several options";
pub const TYPE_CHOICES: &str = "Any of several options";
pub const TYPE_BOX: &str = "A box to tick";
pub const TYPE_INTEGER: &str = "A whole number";
pub const TYPE_YEAR: &str = "Year of birth";
pub const TYPE_PLACE: &str = "A place";
pub const BASIS_CONTRACT: &str = "Needed for what the person asked for (b)";
pub const BASIS_CONSENT: &str = "The person agrees (a)";
pub const BASIS_INTEREST: &str = "A legitimate interest of yours (f)";
pub const BASIS_LAW: &str = "A law demands it (c)";
pub const QUESTION_NEW: &str = "New question";
pub const QUESTION_LABEL: &str = "Question";
pub const QUESTION_TYPE: &str = "Answer";
pub const QUESTION_REQUIRED: &str = "Must be answered";
pub const QUESTION_MUST: &str = "must be answered";
pub const QUESTION_MAY: &str = "may stay empty";
pub const QUESTION_HINT: &str = "Hint below it";
pub const QUESTION_PURPOSE: &str = "What the answer is for";
pub const QUESTION_PURPOSE_HINT: &str = "People read this on the page about their data.";
pub const QUESTION_BASIS: &str = "Legal basis";
pub const QUESTION_BASIS_HINT: &str = "GDPR, article 6(1).";
pub const QUESTION_KEY: &str = "Key";
pub const QUESTION_KEY_HINT: &str = "The column’s name in exports. Left empty, it is made from the question.";
pub const QUESTION_OPTIONS: &str = "Options";
pub const QUESTION_OPTIONS_HINT: &str = "One a line, as people read it, in any script. Each gets a key, which then stands before it: leave it there when you change the words. The keys are what exports hold; in other languages they say which option is meant.";
pub const QUESTION_MIN: &str = "At least";
pub const QUESTION_MAX: &str = "At most";
pub const CONSENT_NEW: &str = "New consent";
pub const CONSENT_TEXT: &str = "What the person agrees to";
pub const CONSENT_PURPOSE: &str = "Purpose";
pub const CONSENT_PURPOSE_HINT: &str = "A word such as marketing, partners or reminders.";
pub const CONSENT_CHANNEL: &str = "Channel";
pub const CONSENT_CHANNEL_HINT: &str = "A word such as email or sms.";

// Messages.
pub const TEMPLATE_MISSING: &str = "There is no text in {lang}. Whoever chose {lang} gets the text in {stand_in}.";
pub const TEMPLATE_MISSING_FOR_ALL: &str = "There is no text in {lang}. Whoever chose {lang} gets the text in the event’s own language if there is one, else in {stand_in}.";
pub const FOLDER: &str = "Mails reach nobody yet: no mail server is set up.";
pub const FOLDER_ADVICE: &str = "They are kept as files in the data folder of this installation. To send them, the operator sets smtp_url and mail_from in the configuration and starts Turnout again.";
pub const TEMPLATES: &str = "What is written, and when";
pub const TEMPLATE_OWN: &str = "This event’s own text";
pub const TEMPLATE_TENANT: &str = "Your organisation’s text";
pub const TEMPLATE_OURS: &str = "The usual text";
pub const TEMPLATE_OFF: &str = "Not sent";
pub const TEMPLATE_NO_TEXT: &str = "No text";
pub const TEMPLATE_INSTEAD: &str = "No text, {lang} is sent instead";
pub const MESSAGES_OF_ALL: &str = "Messages of the organisation";
pub const MESSAGES_OF_ALL_LEAD: &str =
    "What you write here is sent at all events. An event may have a text of its own, which is then sent there instead.";
pub const MESSAGES_OF_ALL_HINT: &str = "To write one text for all events, and for links to sign in:";
pub const MESSAGES_OF_ALL_MEANING: &str =
    "Confirmations, reminders, news of changes, links to sign in and invitations: one text for all events.";
pub const MESSAGES_OF_ALL_OPEN: &str = "Write the messages";
pub const TEMPLATES_OF_EVENTS: &str = "About events";
pub const TEMPLATES_OF_LINKS: &str = "Links for one person";
pub const KIND_CONFIRMATION_WHEN: &str =
    "At once, when somebody registers, joins the waiting list or comes from it to a place.";
pub const KIND_REMINDER_WHEN: &str = "Before the event begins, as often as the reminders say.";
pub const KIND_CHANGE_WHEN: &str = "When time, zone or venue of the event change.";
pub const KIND_CANCELLATION_WHEN: &str = "When the event or a registration is cancelled.";
pub const KIND_SIGN_IN_LINK_WHEN: &str =
    "When somebody asks for a link to sign in, to their own page or to this console.";
pub const KIND_VERIFICATION_WHEN: &str = "When an address, or what somebody agreed to, has to be confirmed.";
pub const KIND_RESET_WHEN: &str = "When somebody has to set a new password.";
pub const KIND_INVITATION_WHEN: &str = "When somebody is invited to your team.";
pub const MESSAGE_FIGURES: &str = "What became of them";
pub const MESSAGE_FIGURES_NONE: &str = "No message about this event yet.";
pub const MESSAGE_KIND: &str = "Message";
pub const MESSAGE_STATE: &str = "State";
pub const MESSAGE_REASON: &str = "Why";
pub const MESSAGE_COUNT: &str = "How many";
pub const MESSAGE_COUNT_WHO: &str = ": show who";
pub const RECIPIENTS_TITLE: &str = "{message}: {state}";
pub const RECIPIENTS_LEAD: &str = "Open somebody to see all their messages, and to send one again.";
pub const RECIPIENTS_SHOWN: &str = "{count} on this page";
pub const RECIPIENTS_SHOWN_MORE: &str = "; there may be more";
pub const RECIPIENTS_MORE: &str = "Show more";
pub const RECIPIENTS_NONE: &str = "Nobody is here now";
pub const RECIPIENTS_NONE_ADVICE: &str = "What becomes of a message changes: a moment ago it may have been different.";
pub const RECIPIENTS_NONE_YET: &str = "Nobody was found so far";
pub const RECIPIENTS_NONE_YET_ADVICE: &str =
    "This event has many messages, and only a part of them was looked through. Go on with the next part.";
pub const RECIPIENTS_GO_ON: &str = "Go on";
pub const RECIPIENTS_NO_MORE: &str = "There is nobody else";
pub const RECIPIENTS_NO_MORE_ADVICE: &str = "All messages of the event were looked through.";
pub const REMINDERS: &str = "Reminders";
pub const REMINDERS_MEANING: &str = "Counted back from the start, in the event’s zone. Nobody is reminded who is in already, or in their quiet hours, unless they asked for reminders and it begins within an hour.";
pub const REMINDERS_BEFORE: &str = "Before the start";
pub const REMINDERS_HINT: &str = "Such as 2d, 24h, 30min. Empty means none; up to 10.";
pub const REMINDERS_WRONG: &str = "Write each as a number with d, h or min, with commas between.";
pub const REMINDERS_SAVE: &str = "Save the reminders";
pub const TEMPLATE_IN: &str = "Text:";
pub const TEMPLATE_SUBJECT: &str = "Subject";
pub const TEMPLATE_BODY: &str = "Text";
pub const TEMPLATE_BODY_HINT: &str = "Markdown: empty lines part paragraphs, **bold**, [link](address), - lists.";
pub const TEMPLATE_VARIABLES: &str = "What can stand in it";
pub const TEMPLATE_VARIABLES_MEANING: &str = "In double braces, filled in for each person.";
pub const VARIABLES: &[(&str, &str)] = &[
    ("{{person.name}}", "the person’s name"),
    ("{{event.title}}", "the event’s title"),
    ("{{event.date}}", "its day"),
    ("{{event.time}}", "its time"),
    ("{{event.zone}}", "the zone of these"),
    ("{{event.venue}}", "where it is"),
    ("{{event.url}}", "the event page"),
    ("{{registration.url}}", "the person’s own page, with the ticket"),
    ("{{registration.rsvp_url}}", "where they confirm"),
    ("{{payment.amount}}", "what is to be paid, empty once it is"),
    ("{{payment.reference}}", "what a payment must name, so that it is found"),
    ("{{organiser.name}}", "your sender name"),
    ("{{unsubscribe.url}}", "where they unsubscribe"),
];
pub const VARIABLES_OF_LINKS: &[(&str, &str)] = &[
    ("{{link.url}}", "the link, which works for this person only"),
    ("{{person.name}}", "the person’s name"),
    ("{{organiser.name}}", "your sender name"),
    ("{{agreement}}", "in a verification, between for and endfor: what they agree to by the link"),
];
pub const TEMPLATE_ON: &str = "Send this message";
pub const TEMPLATE_ON_HINT: &str = "Not ticked: nobody gets it, and the list of registrants says so.";
pub const TEMPLATE_SAVE: &str = "Save for this event";
pub const TEMPLATE_SAVE_FOR_ALL: &str = "Save for the organisation";
pub const TEMPLATE_FOR_ALL: &str = "Change it for all events";
pub const TEMPLATE_FOR_ALL_HINT: &str =
    "This event has no text of its own. What you save here is sent at this event only.";
pub const TEMPLATE_FOR_ALL_MEANING: &str = "At events that have a text of their own, that is sent instead of this one.";
pub const TEMPLATE_LINK_MEANING: &str = "It is sent whatever people unsubscribed from. {{link.url}} must stand in it, because without the link nobody gets in.";
pub const TEMPLATE_RESET: &str = "Back to the usual text";
pub const TEMPLATE_RESET_CONFIRM: &str =
    "Throw this event’s own text away, in all languages? The usual text is then sent here.";
pub const TEMPLATE_RESET_TO_TENANT: &str = "Back to the organisation’s text";
pub const TEMPLATE_RESET_TO_TENANT_CONFIRM: &str =
    "Throw this event’s own text away, in all languages? Your organisation’s text is then sent here.";
pub const TEMPLATE_RESET_TO_OFF_CONFIRM: &str = "Throw this event’s own text away, in all languages? Your organisation does not send this message: then nobody gets it here either.";
pub const TEMPLATE_RESET_FOR_ALL_CONFIRM: &str = "Throw your organisation’s text away, in all languages? The usual text is then sent at all events that have none of their own.";
pub const TEMPLATE_RESET_LINK_CONFIRM: &str =
    "Throw your organisation’s text away, in all languages? The usual text is then sent.";
pub const TEMPLATE_MEANWHILE: &str =
    "Somebody else saved this template meanwhile. Your text is kept; saving again puts it in place of theirs.";
pub const TEMPLATE_PREVIEW: &str = "As an invented person gets it";
pub const TEMPLATE_PREVIEW_TEXT: &str = "Preview the text";
pub const TEMPLATE_PREVIEW_HTML: &str = "Preview the mail";
pub const TEMPLATE_NO_PREVIEW: &str = "It cannot be shown as it is.";
pub const TEMPLATE_PLAIN: &str = "Plain";
pub const TEMPLATE_HTML: &str = "With layout";
pub const TEMPLATE_TEST: &str = "Send a test";
pub const TEMPLATE_TEST_TO: &str = "To";
pub const TEMPLATE_TEST_HINT: &str = "Only to addresses of your team.";
pub const TEMPLATE_TEST_SEND: &str = "Send";
pub const TEST_SENT: &str = "The test was handed over. The mail server says: {answer}";
pub const TEST_NOT_SENT: &str = "The test was not sent. The mail server says: {answer}";

// The tenant's settings.
pub const SETTINGS: &str = "Settings";
pub const SETTINGS_MEANWHILE: &str =
    "Somebody else saved these settings meanwhile. Your entries are kept; saving again puts them in place of theirs.";
pub const SETTINGS_DATA: &str = "Personal data";
pub const RETENTION_DAYS: &str = "Days that personal data is kept after an event";
pub const RETENTION_DAYS_HINT: &str =
    "Then names, addresses, phones and answers are removed; the figures stay. 0 means never. Up to 3,650.";
pub const RETENTION_NONE: &str = "No limit is set: names, addresses and answers are kept for ever. The law asks you to keep them no longer than you need them.";
pub const RETENTION_DUE: &str = "What would be removed now";
pub const RETENTION_DUE_MEANING: &str = "It is removed by itself in time; you can also do it now.";
pub const RETENTION_LOOK: &str = "Look what is due";
pub const RETENTION_NOTHING: &str = "Nothing is due.";
pub const RETENTION_UNKNOWN: &str = "This cannot be said right now. Reload the page in a moment.";
pub const RETENTION_MORE: &str = "There is more than could be counted in the time for a page: at least this much is due. Removing removes all of it.";
pub const RETENTION_NEVER_ENDED: &str = "Nobody ended it: the end that was planned counts; without one, a day after its start, or thirty days while it is live.";
pub const RETENTION_COVERS: &str = "This covers registrations: the names, addresses, phones, nicknames and answers in them, and whose they are. People in the audience with their consents, the record of messages and the audit log have no such limit and stay.";
pub const REMOVAL: &str = "Removal";
pub const REMOVAL_COUNTING: &str = "What is due is being counted.";
pub const REMOVAL_UNDER_WAY: &str =
    "{removed} of {due} registrations are cleared. It goes on by itself, also when you leave this page.";
pub const REMOVAL_DONE: &str = "The last removal ended {time}. Registrations cleared: {removed}.";
pub const REMOVAL_UNREADABLE: &str =
    "Could not be read and stay as they are: {unreadable}. Whoever runs the system finds their ids in its log.";
pub const REMOVAL_STOPPED: &str =
    "The last removal was stopped by another number of days. Registrations cleared by then: {removed}.";
pub const RETENTION_EVENT: &str = "Event";
pub const RETENTION_COUNT: &str = "Registrations";
pub const RETENTION_APPLY: &str = "Remove it now";
pub const RETENTION_CONFIRM: &str = "Remove this personal data now? It cannot be brought back.";
pub const THRESHOLD: &str = "Hide breakdowns of fewer people than";
pub const THRESHOLD_HINT: &str = "So that nobody can be recognised in the figures of a form: 3 to 100.";
pub const SETTINGS_MAIL: &str = "Messages";
pub const SENDER_NAME: &str = "Sender’s name";
pub const SENDER_NAME_HINT: &str = "What people see in the line From.";
pub const REPLY_TO: &str = "Answers go to";
pub const REPLY_TO_HINT: &str = "Empty: to the sender’s address.";
pub const QUIET_FROM: &str = "Quiet hours from";
pub const QUIET_TO: &str = "Quiet hours until";
pub const QUIET_HINT: &str = "In each person’s own zone; reminders wait. Who asked for reminders still gets those of the last hour before an event. The same as the beginning means none.";
pub const OPT_IN: &str = "Reminders only with consent";
pub const OPT_IN_HINT: &str = "Ticked: only who agreed to the purpose reminders gets them.";
pub const WEBHOOK: &str = "Webhook for your systems";
pub const WEBHOOK_HINT: &str = "An https address that is told about states of messages and registrations.";
pub const REPLAY: &str = "Tell the webhook again";
pub const REPLAY_MEANING: &str = "For when your system was down or lost what it had: what it was told comes once more, in order and under the same ids. A webhook that was switched off is called again.";
pub const REPLAY_SINCE: &str = "Send again what was told since";
pub const REPLAY_SINCE_HINT: &str = "In UTC. What was told is kept for 7 days.";
pub const REPLAY_NO_TIME: &str = "Enter a day and a time.";
pub const REPLAY_BUTTON: &str = "Send again";
pub const NOT_SENT_AGAIN: &str = "Nothing is sent again.";
pub const REPLAYED: &str = "{n} notices go out again, in their order.";
pub const REPLAYED_ONE: &str = "1 notice goes out again.";
pub const REPLAYED_NOTHING: &str = "Nothing was told since then.";
pub const REPLAYED_MORE: &str = "More was told after {time}: send again from there once these are through.";
pub const REPLAYED_LIFTED: &str = "The webhook had been switched off because it took nothing; it is called again.";
pub const COMPLAINTS_WARNED: &str = "People mark your mails as spam.";
pub const COMPLAINTS_WARNED_MEANING: &str = "{complaints} of {mails} mails of the last 30 days, more than 0.1 %. Mail providers begin to put your mails aside, also those to people who want them. Above 0.3 % marketing is stopped.";
pub const COMPLAINTS_STOPPED: &str = "Marketing is stopped.";
pub const COMPLAINTS_STOPPED_MEANING: &str = "People marked {complaints} of {mails} mails of the last 30 days as spam, more than 0.3 %. Whom to approach is not told any more until the share is lower, or an owner lifts this in the settings. Mails about registrations go out as before.";
pub const COMPLAINTS_LIFTED: &str = "Marketing goes on in spite of complaints.";
pub const COMPLAINTS_LIFTED_MEANING: &str = "People marked {complaints} of {mails} mails of the last 30 days as spam, more than 0.3 %. An owner lifted the stop until {until}.";
pub const MARKETING_LIFT: &str = "Let marketing go on";
pub const MARKETING_LIFT_MEANING: &str =
    "For when you know what the complaints came from and it is over. It holds for 7 days.";
pub const MARKETING_LIFT_BUTTON: &str = "Lift the stop for 7 days";
pub const SECRETS: &str = "Secrets of incoming webhooks";
pub const SECRETS_MEANING: &str = "With them your payment provider and your mail provider sign what they report. A new one is shown once; the one before stays valid for 24 hours.";
pub const SECRET_CONFIRM: &str = "Make a new secret? The present one stays valid for 24 hours.";
pub const SECRET_PAYMENT_NEW: &str = "New secret for payments";
pub const SECRET_REPORTS_NEW: &str = "New secret for delivery reports";
pub const SECRET_PAYMENT: &str = "Secret for payments";
pub const SECRET_REPORTS: &str = "Secret for delivery reports";
pub const SECRET_LEAD: &str = "Copy it now: it is shown only once.";
pub const SECRET_DONE: &str = "I have copied it";
pub const SECRET_EXAMPLE_TITLE: &str = "Try it";
pub const SECRET_EXAMPLE_MEANING: &str =
    "In a shell with openssl and curl. The signature is that of the Standard Webhooks specification.";
pub const SECRET_PAYMENT_BODY: &str =
    r#"{"event_id":"EVENT","registration_id":"REGISTRATION","state":"paid","amount_minor":1250,"currency":"EUR"}"#;
pub const SECRET_REPORTS_BODY: &str = r#"{"message_id":"MESSAGE","event":"delivered"}"#;
pub const SECRET_EXAMPLE: &str = r#"secret='{secret}'
body='{body}'
id="msg-$(date +%s)"; now="$(date +%s)"
key="$(printf %s "${secret#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \n')"
signature="$(printf %s "$id.$now.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)"
curl -i -H "webhook-id: $id" -H "webhook-timestamp: $now" -H "webhook-signature: v1,$signature" \
  -d "$body" {url}"#;

// The figures of a form.
pub const FIGURES_LEAD: &str = "Over registrations that hold a place. “Came” means that they entered the event page or were checked in. Small groups are hidden, so that nobody can be recognised.";
pub const FIGURES_NONE: &str = "The form asks nothing of its own";
pub const FIGURES_NONE_ADVICE: &str = "Questions that you add to the form have their figures here.";
pub const FIGURES_UNAVAILABLE: &str = "These figures cannot be shown right now. Reload the page in a moment.";
pub const FIGURES_ANSWERED: &str = "{answered} answered, {missing} did not.";
pub const FIGURES_HIDDEN: &str = "Hidden: fewer than {threshold} people answered.";
pub const FIGURES_FEW: &str = "hidden, so that groups of fewer than {threshold} cannot be told";
pub const FIGURES_COUNT: &str = "{people} ({share} %), of whom {attended} came ({of} %)";
pub const FIGURES_MEAN: &str = "Mean";
pub const FIGURES_MOST_COMMON: &str = "Most common";
