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
        notes: &["Only confirmed people are counted as registrants of such an event."],
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
            "You are now responsible for the copy: delete it when it has served its purpose.",
        ],
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
];
