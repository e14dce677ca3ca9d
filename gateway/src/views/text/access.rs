//! The sentences of the console's pages about who may come in: signing in, one's own account, the team, the audit log and API keys, in
//! English. The rules are those of the table above this one: no sentence stands in a template or a script.

// Signing in.
pub const EMAIL: &str = "E-mail";
pub const PASSWORD: &str = "Password";
pub const SIGN_IN_BUTTON: &str = "Sign in";
pub const SIGN_IN_LINK_BUTTON: &str = "Mail me a link";
pub const SIGN_IN_RESET_BUTTON: &str = "Forgot password";
pub const SIGN_IN_FIRST_TITLE: &str = "First start, or nobody can sign in any more";
pub const SIGN_IN_SESSION_OVER: &str = "Your session is over. Sign in again.";
pub const SIGN_IN_LINK_SENT: &str =
    "If this address belongs to a member of a team, a link is on its way to it. It works once, for a short time.";
pub const SIGN_IN_RESET_SENT: &str =
    "If this address belongs to a member of a team, a link to set a new password is on its way to it.";
pub const SIGN_IN_WRONG: &str = "This address and password do not open the console.";
pub const SIGN_IN_CODE_NEEDED: &str =
    "One step more: the present code of your authenticator app, or a recovery code, together with your password.";
pub const SIGN_IN_NO_ADDRESS: &str = "Enter your e-mail address.";
pub const SIGN_IN_TOO_MANY: &str = "Too many tries. Wait a minute, then try again.";
pub const SIGN_IN_LINK_OVER: &str = "This link was used or is too old. Ask for a new one.";
pub const SIGN_IN_PASSWORD_SET: &str = "The new password is set. Sign in with it.";
pub const PASSWORD_AGAIN: &str = "Once more: we do not keep it between two pages.";
pub const CODE: &str = "Code";
pub const CODE_HINT: &str = "Six digits from the app, or one of your recovery codes.";
pub const NEW_PASSWORD: &str = "New password";
pub const NEW_PASSWORD_HINT: &str =
    "At least 8 characters, and not one of the most common. A sentence of a few words is good.";
pub const PASSWORD_REFUSED: &str = "Choose another one: 8 to 256 characters, and not one of the most common.";
pub const LINK_SIGN_IN: &str = "Sign in to the console";
pub const LINK_SIGN_IN_LEAD: &str = "Your link is good. Press the button to sign in on this device.";
pub const LINK_SIGN_IN_BUTTON: &str = "Sign in";
pub const LINK_PASSWORD: &str = "Set your password";
pub const LINK_PASSWORD_LEAD: &str = "With it you sign in from now on. All open sessions of this account end.";
pub const LINK_PASSWORD_BUTTON: &str = "Set the password";
pub const WELCOME: &str = "Make your account";
pub const WELCOME_ORGANISATION: &str = "Name of your organisation";
pub const WELCOME_ORGANISATION_HINT: &str =
    "Visitors read it as the sender of mails and as who decides about their data. It can be changed in the settings.";
pub const WELCOME_LEAD: &str = "You came by the link of the first start, which works once. With an account you can sign in again and invite your team. You will be its first owner.";
pub const WELCOME_BUTTON: &str = "Make the account";
pub const WELCOME_SKIP: &str = "Later";
pub const WELCOME_NOT_FIRST: &str =
    "This cannot be done: the team has members already, or the address belongs to another team.";

// One's own account.
pub const ACCOUNT: &str = "Your account";
pub const ACCOUNT_NONE: &str = "You have no account yet";
pub const ACCOUNT_NONE_ADVICE: &str =
    "You came by the link of the first start. Make an account to be able to sign in again.";
pub const CHANGE_PASSWORD: &str = "Password";
pub const CHANGE_PASSWORD_MEANING: &str = "Changing it ends your sessions on other devices.";
pub const OLD_PASSWORD: &str = "Present password";
pub const OLD_PASSWORD_WRONG: &str = "This is not the present password.";
pub const CHANGE_PASSWORD_BUTTON: &str = "Change the password";
pub const SESSIONS: &str = "Sessions";
pub const SESSIONS_UNKNOWN: &str = "The sessions cannot be listed right now.";
pub const SESSION_THIS: &str = "this one";
pub const SESSION_OPENED: &str = "Signed in";
pub const SESSIONS_END: &str = "End all others";
pub const SECOND_FACTOR: &str = "Second factor";
pub const SECOND_FACTOR_ON: &str = "Second factor on";
pub const SECOND_FACTOR_OFF: &str = "No second factor";
pub const SECOND_FACTOR_ON_MEANING: &str = "Signing in asks for a code of your authenticator app.";
pub const SECOND_FACTOR_OFF_MEANING: &str =
    "With a code of an authenticator app beside your password, a stolen password opens nothing.";
pub const SECOND_FACTOR_BEGIN: &str = "Set it up";
pub const SECOND_FACTOR_SCAN: &str =
    "Scan this with your authenticator app, or type the key into it. Then enter the code that it shows.";
pub const SECOND_FACTOR_KEY: &str = "Key";
pub const SECOND_FACTOR_AGAIN: &str = "Enter the next code that your app shows.";
pub const SECOND_FACTOR_ANEW: &str = "The key is not in my app: begin anew";
pub const SECOND_FACTOR_PICTURE: &str = "QR code for the authenticator app";
pub const SECOND_FACTOR_CONFIRM: &str = "Turn it on";
pub const SECOND_FACTOR_CODE: &str = "Code of the app";
pub const SECOND_FACTOR_CODE_WRONG: &str = "This code is wrong, too old, or was used before. Wait for the next one.";
pub const SECOND_FACTOR_REMOVE: &str = "Remove it";
pub const SECOND_FACTOR_REMOVE_MEANING: &str = "Needs a present code, or a recovery code.";
pub const RECOVERY: &str = "Your recovery codes";
pub const RECOVERY_LEAD: &str = "The second factor is on. Keep these codes where you find them without your phone: each opens the console once in place of the app. They are shown only now.";
pub const RECOVERY_DONE: &str = "I have kept them";

// The team.
pub const TEAM: &str = "Team";
pub const TEAM_NONE: &str = "Nobody has an account yet";
pub const TEAM_NONE_ADVICE: &str = "Make the first owner’s account. Owners can then invite others.";
pub const TEAM_NONE_BUTTON: &str = "Make your account";
pub const ROLES: &str = "What each role may do";
pub const ROLE_OWNER_MEANING: &str = "Everything: the team and the settings included.";
pub const ROLE_ORGANISER_MEANING: &str =
    "Makes and changes events, forms and messages; sees registrants, helps them, exports lists; reads the audit log.";
pub const ROLE_SUPPORT_MEANING: &str =
    "Sees registrants and people and helps them: resends mails, verifies, registers and checks in by hand.";
pub const ROLE_ANALYST_MEANING: &str = "Sees figures, and lists without names, addresses or answers.";
pub const ROLE_MODERATOR_MEANING: &str =
    "Sees the live pages and, without names or addresses, who is registered; checks people in at the door.";
pub const MEMBER_YOU: &str = "you";
pub const MEMBER_ACTIVE: &str = "active";
pub const MEMBER_INVITED: &str = "invited";
pub const MEMBER_NOT_YET: &str = ", not signed in yet";
pub const MEMBER_CHANGE: &str = "Change";
pub const MEMBER_ROLE: &str = "Role";
pub const MEMBER_ROLE_CHANGE: &str = "Change the role";
pub const MEMBER_INVITE_AGAIN: &str = "Send a new link";
pub const MEMBER_REMOVE: &str = "Remove from the team";
pub const MEMBER_REMOVE_MEANING: &str = "Their sessions end at once. What they did stays in the audit log.";
pub const MEMBER_REMOVE_CONFIRM: &str = "Remove this member? Their sessions end at once.";
pub const INVITE: &str = "Invite somebody";
pub const INVITE_MEANING: &str = "They get a mail with a link to set a password.";
pub const INVITE_BUTTON: &str = "Send the invitation";

// The audit log.
pub const AUDIT: &str = "Audit log";
pub const AUDIT_LEAD: &str = "What members of the team did for others, and why. Nothing here can be changed.";
pub const AUDIT_NONE: &str = "Nothing yet";
pub const AUDIT_NONE_ADVICE: &str =
    "As soon as somebody acts for a registrant, exports a list or changes the team, it stands here.";
pub const AUDIT_WHEN: &str = "When";
pub const AUDIT_WHO: &str = "Who";
pub const AUDIT_WHAT: &str = "What";
pub const AUDIT_SUBJECT: &str = "On what";
pub const AUDIT_WHY: &str = "Why";
pub const AUDIT_OLDER: &str = "Older";
pub const AUDIT_NEWEST: &str = "Newest";
pub const ACTOR_LINK: &str = "First sign-in link";
pub const ACTOR_MEMBER: &str = "Member {id}";
pub const ACTOR_KEY: &str = "API key {id}";
pub const ACTOR_KEY_LABEL: &str = "API key “{label}”";
pub const ACTOR_SERVICE: &str = "The service {name}";
pub const SUBJECT_REGISTRATION: &str = "A registration of {event}";
pub const SUBJECT_PERSON: &str = "A person";
pub const SUBJECT_EVENT: &str = "The event {event}";
pub const SUBJECT_TENANT: &str = "The organisation";
pub const SUBJECT_SUPPRESSION: &str = "An address that gets no mail";

/// What each act of the audit log is called.
pub const ACTS: &[(&str, &str)] = &[
    ("event.create", "Created an event"),
    ("event.update", "Changed an event"),
    ("event.state", "Moved an event on"),
    ("room.create", "Created a room"),
    ("room.update", "Changed a room"),
    ("form.put", "Published a form"),
    ("registrant-settings.put", "Changed the settings about registrants"),
    ("ticket-key.register", "Registered a key for tickets"),
    ("api-key.create", "Made an API key"),
    ("api-key.revoke", "Revoked an API key"),
    ("registration.register", "Registered by hand"),
    ("registration.update", "Changed a registration"),
    ("registration.cancel", "Cancelled a registration"),
    ("registration.rsvp", "Recorded whether they come"),
    ("registration.payment", "Set the payment"),
    ("registration.check_in", "Checked in"),
    ("registrants.export", "Exported registrants"),
    ("people.export", "Exported people"),
    ("people.consenting", "Listed people who consented"),
    ("person.update", "Changed a person"),
    ("person.phone", "Changed a phone number"),
    ("person.verify_by_hand", "Verified an address by hand"),
    ("person.consent", "Recorded a consent"),
    ("account.reset_link", "Sent a link for a new password"),
    ("account.password", "Changed their own password"),
    ("account.second_factor_on", "Set up the own second factor"),
    ("account.second_factor_off", "Removed the own second factor"),
    ("account.sessions_ended", "Ended the own other sessions"),
    ("message.resend", "Sent a message again"),
    ("suppression.lift", "Let mail go to an address again"),
    ("template.put", "Changed a template of messages"),
    ("template.reset", "Took a template of messages back"),
    ("reminders.put", "Changed the reminders"),
    ("message-settings.put", "Changed the settings of messages"),
    ("retention.apply", "Removed personal data that was due"),
    ("member.found", "Became the first owner"),
    ("member.invite", "Invited a member"),
    ("member.role", "Changed a member’s role"),
    ("member.remove", "Removed a member"),
    ("payment-secret.rotate", "Made a new secret for payments"),
    ("report-secret.rotate", "Made a new secret for delivery reports"),
    ("marketing.lift", "Let marketing go on after complaints"),
    ("notices.replay", "Had notices sent again from a moment on"),
];

// API keys.
pub const KEYS: &str = "API keys";
pub const KEYS_LEAD: &str =
    "With an API key a program of yours does over gRPC what an organiser does here. Only owners make and revoke keys.";
pub const KEYS_OPEN: &str = "See the API keys";
pub const KEYS_NONE: &str = "No API key is in use";
pub const KEYS_NONE_ADVICE: &str = "Make one for each program, so that you can revoke one without stopping the others.";
pub const KEYS_REVOKED: &str = "Revoked keys";
pub const KEY_REVOKED_TAG: &str = "Revoked";
pub const KEY_MADE: &str = "made";
pub const KEY_REVOKED: &str = "revoked";
pub const KEY_BY: &str = "by";
pub const KEY_BY_NOBODY: &str = "somebody who was not recorded";
pub const KEY_REVOKE: &str = "Revoke";
pub const KEY_REVOKE_MEANING: &str = "Programs that show this key are refused within {seconds} seconds, and streams that are open end within {streams}. It cannot be undone: make a new key first if a program still needs one.";
pub const KEY_REVOKE_CONFIRM: &str = "Revoke this key for good?";
pub const KEY_REVOKE_BUTTON: &str = "Revoke the key";
pub const KEY_NEW: &str = "Make a key";
pub const KEY_NEW_MEANING: &str = "It is shown once, on the next page. We keep only what is needed to recognise it.";
pub const KEY_NEW_BUTTON: &str = "Make the key";
pub const KEY_LABEL: &str = "What it is for";
pub const KEY_LABEL_HINT: &str = "Such as the program and where it runs. Owners see it in this list.";
pub const KEY_NOT_MADE: &str = "No key was made. See what is wrong below.";
pub const KEY_MADE_TITLE: &str = "Your new API key";
pub const KEY_KEEP: &str = "Keep it where your program keeps its passwords, and in no page, app or repository.";
pub const KEY_EXAMPLE_MEANING: &str = "In a shell with grpcurl. It lists your events.";
pub const KEY_EXAMPLE: &str = r#"export TURNOUT_API_KEY='{secret}'
grpcurl -plaintext -H "authorization: Bearer $TURNOUT_API_KEY" \
  {address} turnout.registration.v1.RegistrationService/ListEvents"#;
