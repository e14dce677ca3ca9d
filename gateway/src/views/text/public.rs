//! Every sentence on the pages for people who register, in English. Placeholders in braces are filled by the views.
//!
//! A second language is a second file with the same names.

// The event.
pub const UPCOMING: &str = "Upcoming";
pub const UPCOMING_MEANING: &str = "It has not started yet.";
pub const WHEN: &str = "When";
pub const WHERE: &str = "Where";
pub const PRICE: &str = "Price";
pub const MODE_ON_SITE: &str = "On site";
pub const MODE_ONLINE: &str = "Online";
pub const MODE_HYBRID: &str = "On site and online";
pub const PLACE_AND_ONLINE: &str = "{venue}, and online";
pub const PLACE_ONLINE: &str = "Online";
pub const ZONE: &str = "{city} time, {offset}";
pub const LANGUAGES: &str = "Language";
pub const REGISTER: &str = "Register";
pub const JOIN_WAITING_LIST: &str = "Join the waiting list";
pub const PLACES_LEFT: &str = "{places} places left.";
pub const PLACES_LEFT_ONE: &str = "One place left.";
pub const PLACES_WAITING: &str = "All places are taken. You can join the waiting list: when a place becomes free, the next in line gets it and is told by mail.";
pub const EVENT_FULL: &str = "All places are taken.";
pub const EVENT_REGISTERED_ALREADY: &str = "I am registered: sign in";
pub const EVENT_YOU_ARE_IN: &str = "You are registered, and in.";
pub const EVENT_MY_REGISTRATION: &str = "My registration";
pub const EVENT_LEAVE: &str = "Not you? Leave";
pub const EVENT_CLOSED_HOUSE: &str = "This event is open to those who are registered.";
pub const EVENT_DATA: &str = "What happens with your data";
pub const EVENT_CANCELLED: &str = "This event has been cancelled. Those who were registered are told.";
pub const EVENT_BACK: &str = "Back to the event";

// Registering.
pub const REGISTER_TITLE: &str = "Register";
pub const REGISTER_CLOSED: &str = "Registration is not open";
pub const REGISTER_CLOSED_ADVICE: &str = "The organiser has closed it, or not opened it yet. Look again later.";
pub const REGISTER_FULL: &str = "All places are taken";
pub const REGISTER_FULL_ADVICE: &str = "Somebody may still cancel: look again later. If you are registered, the link in your mail opens your registration.";
pub const PROBLEMS_TITLE: &str = "Something is missing or not right";
pub const OPTIONAL: &str = "optional";
pub const FIELD_EMAIL: &str = "E-mail";
pub const FIELD_EMAIL_HINT: &str = "Your ticket is sent there.";
pub const FIELD_NAME: &str = "Name";
pub const FIELD_PHONE: &str = "Phone";
pub const FIELD_PHONE_HINT: &str = "With the country code, such as +358 40 123 4567.";
pub const FIELD_MODE: &str = "How do you take part?";
pub const FIELD_NICKNAME: &str = "Nickname";
pub const FIELD_NICKNAME_HINT: &str = "What others may see, up to 40 characters. Nothing else is asked.";
pub const SELECT_NONE: &str = "Choose one";
pub const CONSENTS_TITLE: &str = "Only if you like";
pub const CONSENTS_HINT: &str = "You can register without ticking any of these, and change your mind at any time.";
pub const REGISTER_NICKNAME_TITLE: &str = "Or come in with just a nickname";
pub const REGISTER_NICKNAME_HINT: &str =
    "Without an address there is no mail and no reminder: keep the page that opens next.";
pub const REGISTER_NICKNAME: &str = "Continue with a nickname";
pub const REGISTER_DATA: &str = "What each answer is for, and how long it is kept";
pub const REGISTERED_TITLE: &str = "Check your mail";
pub const REGISTERED_LEAD: &str = "Your registration has arrived. A mail with your ticket and the link to your registration is on its way to the address that you gave.";
pub const REGISTERED_BEFORE: &str = "If that address was registered before, nothing has changed, and the mail from then still holds. If you cannot find it, we can send you a link to sign in.";
pub const REGISTERED_SPAM: &str =
    "Mails usually arrive within a minute. If yours does not, look into the folder for unwanted mail.";
pub const REGISTERED_LINK: &str = "Send me a link";
pub const CALENDAR: &str = "Add to calendar";

// What is wrong with an answer.
pub const PROBLEM_MISSING: &str = "This is needed.";
pub const PROBLEM_PHONE: &str = "This is not a whole phone number. Begin with + and the country code.";
pub const PROBLEM_NUMBER: &str = "Enter a whole number.";
pub const PROBLEM_NUMBER_RANGE: &str = "Enter a whole number from {min} to {max}.";
pub const PROBLEM_YEAR: &str = "Enter a year with four digits, such as 1987.";
pub const PROBLEM_LONG: &str = "This is too long: {max} characters at most.";
pub const PROBLEM_OPTION: &str = "Choose one of the options.";
pub const PROBLEM_REFUSED: &str = "Not accepted: it {problem}.";
pub const PROBLEM_FORM_CHANGED: &str =
    "The form has changed since you opened it. Your answers are still here: look through them and send it again.";
pub const PROBLEM_NOT_POSSIBLE: &str = "This is not possible now. Registration may have closed a moment ago.";
pub const PROBLEM_AWAY: &str =
    "A part of the service does not answer, so nothing was stored. Your answers are still here: try again in a moment.";
pub const PROBLEM_CROWD: &str = "Very many registrations have just come from your network, so this one was not stored. Your answers are still here: send them again in a minute.";

// My registration.
pub const MINE_TITLE: &str = "My registration";
pub const STANDING_REGISTERED: &str = "Registered";
pub const STANDING_WAITING: &str = "On the waiting list";
pub const STANDING_DECLINED: &str = "Not coming";
pub const STANDING_CANCELLED: &str = "Cancelled";
pub const STANDING_REGISTERED_MEANING: &str = "You have a place.";
pub const STANDING_WAITING_MEANING: &str =
    "All places are taken. When one becomes free and it is your turn, we tell you by mail.";
pub const STANDING_DECLINED_MEANING: &str = "You said that you are not coming, so your place was given back.";
pub const STANDING_CANCELLED_MEANING: &str = "This registration was cancelled. You can register again.";
pub const MINE_SINCE: &str = "Registered";
pub const MINE_MODE: &str = "You take part";
pub const MINE_EMAIL: &str = "Mails go to";
pub const ENTER: &str = "Enter the event";
pub const ENTER_HINT: &str = "Signs this browser in and opens the event's page.";
pub const ENTRY_OPEN: &str = "You can come in.";
pub const ENTRY_NO_PLACE: &str = "You can come in as soon as you have a place.";
pub const ENTRY_CANCELLED: &str = "This registration was cancelled.";
pub const ENTRY_EVENT_CANCELLED: &str = "The event has been cancelled.";
pub const ENTRY_UNPAID: &str = "You can come in as soon as your payment has arrived.";
pub const ENTRY_UNCONFIRMED: &str = "You can come in as soon as you have said that you are coming.";
pub const ENTRY_DECLINED: &str =
    "You said that you are not coming. You can come in once you have said that you come after all, and have a place.";
pub const TICKET_TITLE: &str = "Your ticket";
pub const TICKET_HINT: &str = "Show this at the door, on this screen or on paper. It is yours alone: whoever has it can come in with it. It does not open this page.";
pub const TICKET_LABEL: &str = "QR code of your ticket";
pub const TICKET_WITHOUT_PICTURE: &str = "The same as text";
pub const RSVP_TITLE: &str = "Are you coming?";
pub const RSVP_ASKED: &str = "The organiser would like to know. You can change your answer later.";
pub const RSVP_CONFIRMED: &str = "You said that you are coming.";
pub const RSVP_DECLINED: &str =
    "You said that you are not coming. If you come after all, you get a place if there is one and nobody waits for it.";
pub const RSVP_YES: &str = "I am coming";
pub const RSVP_NO: &str = "I am not coming";
pub const PAYMENT_TITLE: &str = "Payment";
pub const PAYMENT_UNPAID: &str = "Not paid yet";
pub const PAYMENT_PAID: &str = "Paid";
pub const PAYMENT_REFUNDED: &str = "Refunded";
pub const PAYMENT_UNPAID_MEANING: &str = "{amount} is to be paid in the way that the organiser told you. This page shows the payment as soon as it has arrived.";
pub const PAYMENT_REFERENCE: &str = "Payment reference";
pub const PAYMENT_REFERENCE_HINT: &str =
    "Give it with your payment: by it the organiser knows that the payment is yours. It opens nothing.";
pub const PAYMENT_PAID_MEANING: &str = "{amount} has arrived.";
pub const PAYMENT_REFUNDED_MEANING: &str = "{amount} was given back to you.";
pub const CHANGE_TITLE: &str = "What you told us";
pub const CHANGE_BUTTON: &str = "Save changes";
pub const CANCEL_LINK: &str = "Cancel my registration";
pub const CANCEL_TITLE: &str = "Cancel your registration?";
pub const CANCEL_LEAD: &str =
    "Your place goes to the next in line. You can register again as long as there are places.";
pub const CANCEL_PAID: &str = "You have paid. Whether you get your money back is for the organiser to say.";
pub const CANCEL_YES: &str = "Yes, cancel it";
pub const CANCEL_NO: &str = "No, keep it";
pub const PREFERENCES_LINK: &str = "Which messages I get";
pub const NOTICE_NEW: &str = "You are registered. Keep the address of this page: it opens your registration.";
pub const NOTICE_SAVED: &str = "Your changes are stored.";
pub const NOTICE_ANSWERED: &str = "Thank you. Your answer is stored.";
pub const NOTICE_DECLINED: &str = "Thank you for telling us. Your place is given back.";
pub const NOTICE_QUEUED: &str = "Your answer is stored, but all places are taken now. You are on the waiting list, and we tell you when you have one.";
pub const NOTICE_FULL: &str = "All places are taken now, so your answer was not stored. You can try again later.";
pub const NOTICE_CANCELLED: &str = "Your registration is cancelled.";
pub const NOTICE_MEANWHILE: &str = "Your registration was changed elsewhere meanwhile, so nothing was stored now. This is how it is: change it again if you like.";
pub const NOTICE_REFUSED: &str = "This is not possible as things stand now.";

// Signing in.
pub const SIGN_IN_TITLE: &str = "Sign in";
pub const SIGN_IN_LEAD: &str =
    "With the address that you registered with. You need no password: we can mail you a link.";
pub const SIGN_IN_TO: &str = "To";
pub const SIGN_IN_NO_TENANT: &str =
    "Open this page from an event's page, or from the link in your mail: then it is clear where to sign in.";
pub const SIGN_IN_EMAIL: &str = "E-mail";
pub const SIGN_IN_PASSWORD: &str = "Password";
pub const SIGN_IN_PASSWORD_HINT: &str = "Only if you have set one.";
pub const SIGN_IN_CODE: &str = "Code of your authenticator app";
pub const SIGN_IN_BUTTON: &str = "Sign in with password";
pub const SIGN_IN_LINK_BUTTON: &str = "Mail me a link";
pub const SIGN_IN_RESET_BUTTON: &str = "I forgot my password";
pub const SIGN_IN_LINK_SENT: &str =
    "If we know this address, a mail with a link is on its way. The link works once, within half an hour.";
pub const SIGN_IN_RESET_SENT: &str = "If we know this address, a mail with a link to set a new password is on its way. The link works once, within half an hour.";
pub const SIGN_IN_WRONG: &str = "That did not work. Check the address and the password, or let us mail you a link.";
pub const SIGN_IN_CODE_NEEDED: &str = "Enter the code of your authenticator app as well, and the password once more.";
pub const SIGN_IN_NO_ADDRESS: &str = "Enter your whole e-mail address first.";
pub const SIGN_IN_TOO_MANY: &str = "Too many tries. Wait a minute, then try again.";
pub const SIGN_IN_LINK_OVER: &str = "This link has been used, or it is too old. Ask for a new one here.";
pub const SIGN_IN_OUT: &str = "You are signed out.";
pub const SIGN_IN_OVER: &str = "Your session is over. Sign in again.";
pub const SIGN_IN_PASSWORD_SET: &str = "Your new password is set. Sign in with it.";
pub const LINK_SIGN_IN: &str = "Sign in";
pub const LINK_SIGN_IN_LEAD: &str = "One step left. The link works once, so we wait for you to press the button.";
pub const LINK_SIGN_IN_BUTTON: &str = "Sign in now";
pub const LINK_VERIFY: &str = "Confirm your address";
pub const LINK_VERIFY_LEAD: &str = "Press the button to confirm that this address is yours.";
pub const LINK_VERIFY_BUTTON: &str = "This address is mine";
pub const LINK_RESET: &str = "Choose a new password";
pub const LINK_RESET_LEAD: &str = "Whoever is signed in with the old one is signed out.";
pub const LINK_RESET_BUTTON: &str = "Set password";
pub const NEW_PASSWORD: &str = "New password";
pub const NEW_PASSWORD_HINT: &str =
    "At least 8 characters; 15 are better. Any characters, spaces too. Not one that everybody uses.";
pub const PROBLEM_PASSWORD: &str = "Choose a longer or less common one: at least 8 characters.";

// The account.
pub const ACCOUNT_TITLE: &str = "Your events";
pub const ACCOUNT_EMPTY: &str = "You are not registered for an event of this organiser.";
pub const ACCOUNT_AWAY: &str = "Your events cannot be shown right now. Reload the page in a moment.";
pub const ACCOUNT_SIGNED_IN_AS: &str = "Signed in as";
pub const ACCOUNT_VERIFIED: &str = "You have confirmed this address.";
pub const ACCOUNT_UNVERIFIED: &str = "You have not confirmed yet that this address is yours.";
pub const ACCOUNT_VERIFY_BUTTON: &str = "Send me a mail to confirm it";
pub const ACCOUNT_VERIFY_SENT: &str = "A mail with a link to confirm your address is on its way.";
pub const ACCOUNT_VERIFIED_NOW: &str = "Thank you. Your address is confirmed.";
pub const ACCOUNT_PASSWORD_TITLE: &str = "Password";
pub const ACCOUNT_PASSWORD_NONE: &str = "You have none, and need none: a link by mail signs you in.";
pub const ACCOUNT_PASSWORD_OLD: &str = "Present password";
pub const ACCOUNT_PASSWORD_SET: &str = "Set password";
pub const ACCOUNT_PASSWORD_CHANGE: &str = "Change password";
pub const ACCOUNT_PASSWORD_CHANGED: &str = "Your password is set. Your other sessions have ended.";
pub const ACCOUNT_PASSWORD_REFUSED: &str = "This was not accepted. Check the present password; the new one needs at least 8 characters and must not be a common one.";
pub const ACCOUNT_OTHERS: &str = "Sign out everywhere else";
pub const ACCOUNT_OTHERS_ENDED: &str = "All your other sessions have ended.";
pub const ACCOUNT_NOT_REGISTERED: &str = "You are signed in, but not registered for that event.";
pub const SIGN_OUT: &str = "Sign out";

// Messages.
pub const UNSUBSCRIBE_REMINDERS: &str = "Stop reminders?";
pub const UNSUBSCRIBE_REMINDERS_LEAD: &str = "You would get no more reminders from {sender}. Your registrations stay, and so does what you have to know: changes and cancellations.";
pub const UNSUBSCRIBE_MARKETING: &str = "Unsubscribe?";
pub const UNSUBSCRIBE_MARKETING_LEAD: &str =
    "You would get no more of these messages from {sender}. Your registrations stay, and so do messages about them.";
pub const UNSUBSCRIBE_BUTTON: &str = "Stop these messages";
pub const UNSUBSCRIBE_ALL: &str = "Stop everything that is not about my registrations";
pub const UNSUBSCRIBE_DONE: &str = "Done";
pub const UNSUBSCRIBE_DONE_LEAD: &str =
    "You get no more of these messages from {sender}. One that is being sent at this moment may still arrive.";
pub const PREFERENCES_TITLE: &str = "Which messages I get";
pub const PREFERENCES_LEAD: &str = "What you have agreed to, from {sender}. Change it as often as you like; it holds at once. Messages about your registrations are not among these.";
pub const PREFERENCES_EMPTY: &str = "There is nothing that you have agreed to, and nothing is asked.";
pub const PREFERENCES_GRANTED: &str = "Agreed on {date}";
pub const PREFERENCES_WITHDRAWN: &str = "Withdrawn on {date}";
pub const PREFERENCES_SAVE: &str = "Save";
pub const PREFERENCES_SAVED: &str = "Stored. It holds from now on.";
pub const CHANNEL_EMAIL: &str = "By e-mail";
pub const CHANNEL_SMS: &str = "By text message";
pub const CHANNEL_SOCIAL: &str = "In social networks";
pub const CHANNEL_OTHER: &str = "In other ways";

// The data practice page.
pub const DATA_TITLE: &str = "What happens with your data";
pub const DATA_CONTROLLER_UNNAMED: &str = "The organiser of this event";
pub const DATA_CONTROLLER: &str = "{controller} decides what is collected for this event, and answers for it. Turnout processes it for them and uses it for nothing else.";
pub const DATA_ASKED: &str = "What you are asked for";
pub const DATA_NOTED: &str = "What is noted when you take part";
pub const DATA_WHAT: &str = "What";
pub const DATA_PURPOSE: &str = "What for";
pub const DATA_BASIS: &str = "Legal basis";
pub const DATA_REQUIRED: &str = "needed";
pub const DATA_CONSENTS: &str = "What you can agree to";
pub const DATA_CONSENTS_MEANING: &str = "Each on its own, never ticked for you, never needed to register. You can withdraw at any time, as easily as you agreed; what was done until then stays lawful.";
pub const DATA_CONSENTS_NONE: &str =
    "Nothing. Your data is not used for advertising: registering alone agrees to nothing of the kind.";
pub const DATA_KEPT: &str = "How long it is kept";
pub const DATA_KEPT_DAYS: &str = "{days} days after the event has ended, your name, address, phone number and answers are removed from your registration for it. That somebody registered, came and paid stays, without saying who. What is kept across events is not removed by this: the profile, what you agreed to, the messages, the account. You can ask the organiser to remove it.";
pub const DATA_KEPT_OPEN: &str =
    "The organiser has set no time. You can ask them to remove your data whenever you like.";
pub const DATA_ADDRESS: &str = "Your network address";
pub const DATA_ADDRESS_MEANING: &str = "Is not stored. Your device has one for as long as it is connected, and nothing of it is written down. To slow down guessing of passwords, and registering of strangers by the hundred, a keyed hash of it is kept for at most two days.";
pub const DATA_SEALED: &str = "How it is kept";
pub const DATA_SEALED_MEANING: &str =
    "What you tell is stored encrypted, under a key that is used for your data and nobody else's.";
pub const DATA_RIGHTS: &str = "What you can ask for";
pub const DATA_RIGHTS_MEANING: &str = "You can see and correct your answers on the page of your registration. You can ask the organiser for a copy of everything, for its removal, or for a halt to its use, and you can complain to a data protection authority.";
pub const BASIS_CONSENT: &str = "Your consent, Art. 6(1)(a) GDPR";
pub const BASIS_CONTRACT: &str = "Needed for what you asked for, Art. 6(1)(b) GDPR";
pub const BASIS_LEGAL: &str = "A law demands it, Art. 6(1)(c) GDPR";
pub const BASIS_INTEREST: &str = "A legitimate interest, Art. 6(1)(f) GDPR";
pub const PURPOSE_EMAIL: &str =
    "To send you the ticket, and what you have to know about the event; to tell registrations apart.";
pub const PURPOSE_NAME: &str = "To know who comes, and to help you.";
pub const PURPOSE_PHONE: &str = "To reach you about the event. No text message is sent without your consent.";
pub const PURPOSE_NICKNAME: &str = "To let you in without an address.";
pub const PURPOSE_MODE: &str = "To plan places in the room and online.";
pub const DATA_REGISTERED: &str = "When you registered, confirmed or cancelled";
pub const PURPOSE_REGISTERED: &str = "To hold your place.";
pub const DATA_ENTERED: &str = "When you first came in, and when you were checked in at the door";
pub const PURPOSE_ENTERED: &str = "To know how many of those who registered came.";
pub const DATA_WATCHING: &str = "That you are watching, while you watch, and when";
pub const PURPOSE_WATCHING: &str = "To count the audience. Kept under a number that differs for each event. If you came in with your registration, the organiser sees beside it when you watched; otherwise that number leads to nobody.";
pub const DATA_PAID: &str = "Whether you paid, and how much";
pub const PURPOSE_PAID: &str = "To let those in who paid, and for the books.";
pub const DATA_MAILS: &str = "Which messages were sent to you, and whether they arrived";
pub const PURPOSE_MAILS: &str = "So that nothing is sent twice, and nothing gets lost unseen.";
pub const DATA_LANGUAGE: &str = "The language of this page, and the time zone of your device";
pub const PURPOSE_LANGUAGE: &str = "To write to you in your language, and not at night.";
pub const DATA_LEDGER: &str = "What you agreed to and what you withdrew, word for word, and when";
pub const PURPOSE_LEDGER: &str = "To do no more than you agreed to, and to be able to prove it.";
pub const DATA_PROFILE: &str = "One profile for all events of this organiser: your address, name and phone number, and which events you registered for";
pub const PURPOSE_PROFILE: &str = "To find you when you ask for help, and so that what you agreed to holds everywhere.";
pub const DATA_ACCOUNT: &str =
    "If you sign in: an account, when and until when you are signed in, and a hash of your password if you set one";
pub const PURPOSE_ACCOUNT: &str = "To show you your registrations on any device.";
pub const DATA_COOKIE: &str = "A cookie for this browser";
pub const PURPOSE_COOKIE: &str =
    "So that several tabs of one browser count once, and you stay signed in. No other site sees it.";

// When something is not as it should be.
pub const ERROR_NO_LINK: &str = "This link opens nothing";
pub const ERROR_NO_LINK_ADVICE: &str = "It may be incomplete: open it from the mail, or copy the whole of it. If what it belonged to was removed, it no longer works.";
pub const ERROR_BAD_FORM: &str = "This form could not be read";
pub const ERROR_BAD_FORM_ADVICE: &str = "Go back, reload the page and try again.";
