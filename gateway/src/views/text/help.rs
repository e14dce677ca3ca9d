//! The help pages of the console, in English: one section for each thing that a member of the team does for others. The anchors
//! are part of addresses; links to them stand beside each action.

/// One section.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The anchor.
    pub anchor: &'static str,
    /// The heading.
    pub title: &'static str,
    /// What it is for.
    pub lead: &'static str,
    /// What to do, step by step.
    pub steps: &'static [&'static str],
    /// What to know about it.
    pub notes: &'static [&'static str],
}

pub const HELP_TITLE: &str = "Help";
pub const HELP_LEAD: &str = "How to help the people of your events. Every act on behalf of somebody else asks for a reason, and is kept in the audit log with who did it and when.";
pub const HELP_CONTENTS: &str = "On this page";

pub const SECTIONS: &[Section] = &[
    Section {
        anchor: "find",
        title: "Find a person",
        lead: "Search by name, e-mail address or phone number.",
        steps: &[
            "For one event, open its Registrants and type in the search box. Pressing / puts you there from anywhere on the page.",
            "Across all events, open Audience and do the same.",
            "Several words narrow it down: each has to be found. Capital letters and accents do not matter.",
        ],
        notes: &["Analysts and moderators see no names and cannot search by them."],
    },
    Section {
        anchor: "resend",
        title: "Resend a confirmation or a reminder",
        lead: "For somebody who did not get their mail, or deleted it.",
        steps: &[
            "Open the registrant and look at Messages: it says what became of each, and why one was not sent.",
            "If the address bounced, check it with the person first, and see the next section.",
            "Choose Resend the confirmation, or Resend a reminder, and give a reason.",
            "To find whom a message did not reach, open Messages of the event and choose a number below What became of them.",
            "For several people at once, tick them in the list and choose the same below it.",
        ],
        notes: &["A message that may have arrived twice says so: the mail server broke off before it answered."],
    },
    Section {
        anchor: "write-again",
        title: "Write to an address again",
        lead: "For somebody who gets no mail, because earlier mails to them bounced or were marked as spam.",
        steps: &[
            "Open the registrant and choose Is mail held back? below the messages: the page says why, and since when.",
            "Make sure with the person that the address is right and that their mailbox takes mail.",
            "Choose Write to this address again and give a reason.",
            "Go back to the registrant and resend what they need.",
        ],
        notes: &[
            "An address that bounces for good is held back until you say otherwise; three mails in 72 hours that could not be delivered hold it back for 30 days.",
            "Somebody who marked a mail as spam gets nothing more. Write again only if they ask you to.",
            "It holds for all events of your organisation.",
        ],
    },
    Section {
        anchor: "cancel",
        title: "Cancel a registration",
        lead: "For somebody who cannot come and asks you to cancel.",
        steps: &["Open the registrant and choose Cancel the registration.", "Give a reason and confirm."],
        notes: &[
            "The place goes to the next on the waiting list, who is told by mail.",
            "What was recorded before, such as the time of registration and of entry, is kept. The person may register again.",
            "A payment is not given back by this. See the next section but one.",
        ],
    },
    Section {
        anchor: "rsvp",
        title: "Record an answer to an invitation",
        lead: "For events that ask people to confirm, when somebody tells you by phone.",
        steps: &["Open the registrant and choose Record an answer.", "Choose whether they come, and give a reason."],
        notes: &[
            "Only confirmed people are counted as registrants of such an event.",
            "Who does not come gives the place back: it goes to whoever waits longest, and reminders stop. Who comes after all gets a place if there is one and nobody waits for it, and is on the waiting list otherwise.",
        ],
    },
    Section {
        anchor: "payment",
        title: "Mark a payment or a refund",
        lead: "For payments that reach you outside your payment provider: cash, an invoice, a voucher.",
        steps: &[
            "Open the registrant and choose Mark the payment.",
            "Choose what holds now and give a reason, such as the number of the receipt.",
        ],
        notes: &["This changes what is recorded. It moves no money: pay the amount back with your payment provider."],
    },
    Section {
        anchor: "check-in",
        title: "Check people in at the door",
        lead: "With a phone, a scanner, or by name; with or without a network.",
        steps: &[
            "Open Check-in of the event on the device that stands at the door, while it is online: it fetches the list of tickets.",
            "Scan the QR code, type the code below it, or find the person by name.",
            "Green: let them in. Amber: they are in already, have not paid or have not confirmed; you decide. Red: no valid ticket.",
            "Without a network go on as before. The page says how many check-ins wait, and sends them when it is back.",
        ],
        notes: &[
            "The list on the device holds no names, only fingerprints of the tickets' codes.",
            "When two doors check in the same ticket offline, the earlier time stays.",
        ],
    },
    Section {
        anchor: "edit",
        title: "Change details or answers",
        lead: "For a misspelt name, a new phone number, or a wrong answer.",
        steps: &[
            "Open the registrant and choose Change details and answers.",
            "Change what is wrong, give a reason and save.",
        ],
        notes: &["The e-mail address of a registration cannot change. Cancel it and register the new address."],
    },
    Section {
        anchor: "register",
        title: "Register somebody by hand",
        lead: "For people on the phone or at the door.",
        steps: &[
            "Open Registrants of the event and choose Register by hand.",
            "Fill in the form as they tell you, and give a reason.",
        ],
        notes: &[
            "An address that is registered already opens the registration that is there.",
            "Consents cannot be given by hand. Only the person can give them.",
        ],
    },
    Section {
        anchor: "several",
        title: "Do something for several people at once",
        lead: "To resend mails, check in or cancel for more than one.",
        steps: &[
            "Search and filter until the list of Registrants shows them, and tick them.",
            "Below the list give a reason and choose what to do. Checking in needs no reason.",
        ],
        notes: &[
            "Each is done on its own: what one refuses does not stop the others. The page says how many worked.",
            "What is said about one registrant holds here too: see the sections on resending, checking in and cancelling.",
        ],
    },
    Section {
        anchor: "verify",
        title: "Verify an address by hand",
        lead: "For somebody who cannot get or use the verification mail.",
        steps: &[
            "Make sure that the address is theirs: ask them to write to you from it, for instance.",
            "Open the person in Audience and choose Verify the address by hand, with how you made sure as the reason.",
        ],
        notes: &[
            "It is weaker than a proof by the person: it opens events, but it does not join earlier visits to the person, and a later proof replaces it.",
        ],
    },
    Section {
        anchor: "reset",
        title: "Send a reset link",
        lead: "For somebody who cannot sign in any more.",
        steps: &[
            "Open the person in Audience and choose Send a reset link.",
            "The person opens it within 30 minutes and sets a new password.",
        ],
        notes: &[
            "The link goes to the person's own address and is never shown to you. It works once, and ends all their sessions.",
        ],
    },
    Section {
        anchor: "phone",
        title: "Change a phone number",
        lead: "For somebody with a new number.",
        steps: &[
            "Open the person in Audience and choose Change the phone number.",
            "Enter it with its country code, such as +358 40 123 4567.",
        ],
        notes: &[
            "A consent to text messages belongs to a number and a person: it does not move to the new one. The person has to give it again.",
        ],
    },
    Section {
        anchor: "export",
        title: "Export a list",
        lead: "For a spreadsheet, or another program.",
        steps: &[
            "Search, filter and sort until the list shows what you need.",
            "Choose Export, a format, and give a reason.",
        ],
        notes: &[
            "The file holds just what is shown, over all pages.",
            "Cells that a spreadsheet could take for a formula begin with an apostrophe.",
            "A download that broke off is not whole: your browser says so, and a CSV file that it kept all the same ends with a line that says so.",
            "You are now responsible for the copy: delete it when it has served its purpose.",
        ],
    },
    Section {
        anchor: "messages",
        title: "Write your own messages",
        lead: "Each message has a text of ours. Yours takes its place, at one event or at all of them.",
        steps: &[
            "For all events, open Messages of the organisation: from Settings, or from the Messages of any event.",
            "For one event, open its Messages.",
            "Choose the message, write a subject and a text in each language, look at the preview, and save.",
            "Send a test to yourself or to somebody of your team.",
        ],
        notes: &[
            "An event’s own text is sent there in all its languages. What you change for the organisation later does not reach that event.",
            "Going back throws the text away in all languages. At an event your organisation’s text is then sent, if it has one, and otherwise ours.",
            "A message that is not ticked to be sent reaches nobody, at this event or at all. Links to sign in and invitations are always sent, and must hold their link.",
        ],
    },
    Section {
        anchor: "rooms",
        title: "Add a room, or rename it",
        lead: "For the parts of an event with an audience of their own: stages, screens, tracks. Organisers can.",
        steps: &[
            "Open Settings of the event and look for Rooms.",
            "To add one, enter its name below the others. Its address can be yours, or one that we choose.",
            "To change a name, choose Rename at the room, enter the new name and choose Rename the room.",
        ],
        notes: &[
            "The address of a room stays what it is: links to it go on working, and whoever is watching is counted on.",
            "The live page shows the new name after a few seconds, without being reloaded.",
        ],
    },
    Section {
        anchor: "live",
        title: "Open and end an event",
        lead: "For the moment when it begins, and when it is over. Organisers can.",
        steps: &["Open Live of the event and choose Go live when it begins.", "Choose End event when it is over."],
        notes: &[
            "Both can be done again: an event that has ended can go live once more.",
            "From the end on the days are counted after which personal data is removed. An event that nobody ends is over at its planned end, or a day after its start; while it is live, after thirty days.",
        ],
    },
    Section {
        anchor: "cancel-event",
        title: "Cancel an event",
        lead: "For an event that will not take place. Organisers can.",
        steps: &[
            "Open Settings of the event and choose Cancel the event.",
            "Tick that it will not take place, and confirm.",
        ],
        notes: &[
            "It cannot be taken back. Nobody can register or enter any more.",
            "Everybody who is registered is told by mail. Look at the text first: it is the cancellation among the messages of the event.",
            "Payments are not given back by this: pay them back with your payment provider, and mark them.",
        ],
    },
    Section {
        anchor: "retention",
        title: "Remove old personal data",
        lead: "Names, addresses, phones, nicknames and answers in registrations, some days after an event. Owners can.",
        steps: &[
            "Open Settings and say for how many days personal data is kept after an event. 0 means for ever.",
            "Choose Look what is due: it lists the events and how many registrations would be cleared.",
            "Wait: it is done by itself once a day. Or choose Remove it now, and confirm.",
        ],
        notes: &[
            "It cannot be brought back. When somebody registered, came and paid stays, so the figures of past events stay as they are.",
            "Nothing is removed by itself before a day has passed since you set the days. Other days stop a removal that is under way.",
            "People in Audience with their consents, the record of messages and the audit log have no such limit.",
        ],
    },
    Section {
        anchor: "roles",
        title: "Give somebody a role, or take it away",
        lead: "For people who join or leave the team, or do something else in it. Owners can.",
        steps: &[
            "Open Team. What each role may do stands below the members.",
            "To let somebody in, enter their address and role below Invite somebody. The link in their mail holds for three days; Send a new link makes another.",
            "To change or remove somebody, choose Change beside them.",
        ],
        notes: &[
            "A new role holds from the next page that the member opens. Who is removed is signed out at once; what they did stays in the audit log.",
            "The last owner cannot be removed or become something else: make somebody an owner first.",
        ],
    },
    Section {
        anchor: "second-factor",
        title: "Remove a second factor",
        lead: "For a new phone, or an authenticator app that is gone. Everybody does it for their own account.",
        steps: &[
            "Open Account. Enter a code of the app, or one of your recovery codes, and choose Remove it.",
            "Set it up again with the new app.",
        ],
        notes: &["Until then your password alone opens your account.", "Each recovery code works once."],
    },
    Section {
        anchor: "keys",
        title: "Revoke an API key",
        lead: "For a key that was seen by somebody who should not have it, or that nobody uses any more. Owners can.",
        steps: &[
            "Open Settings, then API keys.",
            "If a program still needs a key, make a new one and give it to the program first.",
            "Choose Revoke beside the old one, give a reason and confirm.",
        ],
        notes: &[
            "Who made a key, and who revoked it, stays in the list and in the audit log.",
            "Keys that were made before there was this list come into it when they are next used.",
        ],
    },
    Section {
        anchor: "secrets",
        title: "Make a new secret for a webhook",
        lead: "For the first time that a payment or mail provider reports to you, or when somebody saw a secret who should not have. Owners can.",
        steps: &[
            "Open Settings and look for Secrets of incoming webhooks.",
            "Choose for what the secret is, and confirm. Copy it: it is shown once.",
            "Enter it with the address that is shown below it in the settings of the provider.",
        ],
        notes: &[
            "The secret before stays valid for 24 hours, so that you can change it without losing a report. What signs with an older one is refused.",
            "If somebody may misuse it, make a new one, open Settings again, and make another: then the one that was seen is refused at once. Reloading the page with the secret makes none.",
        ],
    },
    Section {
        anchor: "replay",
        title: "Tell your system again",
        lead: "For owners whose own system was down, or lost what the webhook had told it.",
        steps: &[
            "Open Settings and look for Tell the webhook again, below the messages. It is there once a webhook is set.",
            "Choose since when, give a reason, and send again.",
        ],
        notes: &[
            "Each notice has the id that it had: a system that remembers ids takes none twice. The field sequence in it says where it stands.",
            "What was told is kept for 7 days. 10,000 notices go out at a time; the page says from where to go on.",
            "A webhook that took nothing for 5 days is switched off. Sending again, like saving its address, switches it on.",
        ],
    },
    Section {
        anchor: "complaints",
        title: "When people mark your mails as spam",
        lead: "Mail providers count how many do, and put the mails of a sender aside for everybody when there are too many.",
        steps: &[
            "Find out what people did not expect: a list from elsewhere, too many mails, a sender’s name that they do not know.",
            "Approach only people who agreed to it, and leave out those who have not been there for long.",
            "An owner who knows that the cause is gone can lift the stop in Settings for 7 days, with a reason.",
        ],
        notes: &[
            "Above 0.1 % of the mails of 30 days the console warns; above 0.3 % the list of people to approach is closed. Fewer than three complaints do nothing.",
            "Mails about registrations are not stopped. Whoever complained gets no mail at all any more.",
        ],
    },
];
