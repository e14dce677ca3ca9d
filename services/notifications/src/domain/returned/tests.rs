//! Mails as servers return them. Written after what Postfix, Exim and Exchange send; the names are invented.

use super::*;

const ID: &str = "acme.0123456789abcdef0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAA@turnout.example";

/// As Postfix writes it: a part in words, the status, and the header of ours.
fn postfix(action: &str, status: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.org (Mail Delivery System)\r\nTo: returns@turnout.example\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"B1/mx\"\r\nMessage-Id: <1@mx.example.org>\r\n\r\n\
         --B1/mx\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         I'm sorry to have to inform you that your message could not be delivered.\r\n\r\n\
         --B1/mx\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example.org\r\nX-Postfix-Queue-ID: 4RX\r\nArrival-Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n\r\n\
         Final-Recipient: rfc822; anna@example.org\r\nOriginal-Recipient: rfc822;anna@example.org\r\nAction: {action}\r\n\
         Status: {status}\r\nDiagnostic-Code: smtp; 550 {status} <anna@example.org>: Action: none\r\n\r\n\
         --B1/mx\r\nContent-Description: Undelivered Message Headers\r\nContent-Type: text/rfc822-headers\r\n\r\n\
         From: Acme <noreply@turnout.example>\r\nTo: anna@example.org\r\nSubject: You are registered\r\n\
         Message-ID: <{ID}>\r\nContent-Type: multipart/mixed; boundary=\"ours\"\r\n\r\n--B1/mx--\r\n"
    )
}

/// With the whole of our mail in it, fields in other letters, and the boundary that ours uses inside.
fn whole(status: &str) -> String {
    format!(
        "From: postmaster@exchange.example\nTo: <returns@turnout.example>\nMIME-Version: 1.0\n\
         content-type: multipart/report; report-type=delivery-status; boundary=outer\n\n\
         --outer\nContent-Type: text/html\n\n<p>Your message couldn't be delivered.</p>\n\
         --outer\nContent-type: message/delivery-status\n\n\
         reporting-mta: dns;exchange.example\n\nfinal-recipient: rfc822;anna@example.org\naction: Failed\nstatus: {status}\n\n\
         --outer\nContent-Type: message/rfc822\n\n\
         Message-ID: <{ID}>\nFrom: noreply@turnout.example\nMIME-Version: 1.0\n\
         Content-Type: multipart/alternative; boundary=inner\n\n\
         --inner\nContent-Type: text/plain\n\nHello Anna\n--inner\nContent-Type: text/html\n\n<p>Hello</p>\n--inner--\n\n--outer--\n"
    )
}

fn complaint(kind: &str) -> String {
    format!(
        "From: feedback@isp.example\nTo: returns@turnout.example\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\nThis is an email abuse report.\n\
         --b\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: Feedback/1.0\nVersion: 1\n\n\
         --b\nContent-Type: message/rfc822\n\nMessage-ID: <{ID}>\nFrom: noreply@turnout.example\n\nHello\n--b--\n"
    )
}

fn told(mail: &str) -> Option<Report> {
    let returned = read(mail.as_bytes())?;
    assert_eq!(returned.mail_id, ID);
    Some(returned.report)
}

#[test]
fn a_mailbox_that_does_not_exist_is_told_from_one_that_may_be_there_tomorrow() {
    for (status, expected) in [
        ("5.1.1", Report::BouncedHard),
        ("5.1.10", Report::BouncedHard),
        ("5.0.0", Report::BouncedHard),
        ("5.2.1", Report::BouncedHard),
        ("5.2.2", Report::BouncedSoft),
        ("5.7.1", Report::BouncedSoft),
        ("5.4.4", Report::BouncedSoft),
        ("4.4.7", Report::BouncedSoft),
        ("4.1.1", Report::BouncedSoft),
        ("", Report::BouncedSoft),
    ] {
        assert_eq!(told(&postfix("failed", status)), Some(expected), "{status}");
        assert_eq!(told(&whole(status)), Some(expected), "{status}");
    }
}

#[test]
fn that_a_server_still_tries_is_no_bounce_and_that_it_delivered_is_said() {
    assert_eq!(told(&postfix("delayed", "4.4.1")), Some(Report::Deferred));
    assert_eq!(told(&postfix("relayed", "2.0.0")), Some(Report::Deferred));
    assert_eq!(told(&postfix("delivered", "2.0.0")), Some(Report::Delivered));
    assert_eq!(told(&postfix("sung", "2.0.0")), None);
}

#[test]
fn a_complaint_is_one_and_that_a_mail_was_no_spam_is_none() {
    assert_eq!(told(&complaint("abuse")), Some(Report::Complained));
    assert_eq!(told(&complaint("not-spam")), None);
}

#[test]
fn what_is_no_report_says_nothing_however_it_is_broken() {
    let holiday = format!("From: anna@example.org\nIn-Reply-To: <{ID}>\nSubject: Away\n\nI am away until Monday.\n");
    assert_eq!(read(holiday.as_bytes()), None);
    assert_eq!(read(b""), None);
    assert_eq!(read(b"{}"), None);
    let whole = postfix("failed", "5.1.1");
    for end in 0..whole.len() {
        // Whatever is cut off, nobody else's mail is named.
        assert!(read(&whole.as_bytes()[..end]).is_none_or(|returned| ID.starts_with(&returned.mail_id)), "{end}");
    }
}
