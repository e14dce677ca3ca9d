//! Complaints: people who mark mails as spam warn their organiser, and then stop its marketing, until an owner says otherwise or it is
//! long ago.

use tonic::Code;
use turnout_notifications::TABLES;
use turnout_platform::{
    auth::Role,
    tables::{Row, Table, Value},
};
use turnout_proto::{
    events::v1::RegistrationChange,
    notifications::v1::{
        GetSendingStandingRequest, LiftMarketingStopRequest, MessageKind, MessageState, SendingLevel, SendingStanding,
    },
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, START_MS, eventually, refused, refused_field},
    mail_server::MailServer,
    reports::{report, secret},
};

const GALA: &str = "gala";
const DAY_MS: u64 = 24 * HOUR_MS;

/// One on each engine, with so many registrants.
async fn grounds(test: &str, registrants: usize) -> Vec<Ground> {
    let mut grounds = vec![Ground::new().await];
    grounds.extend(Ground::on_a_cluster(test).await);
    for ground in &grounds {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS);
        for n in 1..=registrants {
            world.register(GALA, &format!("r{n}"), START_MS);
        }
    }
    grounds
}

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

/// So many complaints of today, as they are noted.
pub async fn complaints(ground: &Ground, count: usize) {
    for n in 0..count {
        let row = Row::new(table("complaints_by_tenant"))
            .set("tenant_id", "acme")
            .set("day", Value::Time((START_MS / DAY_MS * DAY_MS) as i64))
            .set("message_id", format!("complaint-{n}"))
            .set("noted_at", Value::Time(START_MS as i64));
        ground.tables.put(row).await.unwrap();
    }
}

/// What another process handed over so many days ago.
async fn mails_of_another(ground: &Ground, days_ago: u64, mails: i64) {
    let row = Row::new(table("mail_totals_by_tenant"))
        .set("tenant_id", "acme")
        .set("day", Value::Time(((START_MS / DAY_MS - days_ago) * DAY_MS) as i64))
        .set("process", "another")
        .set("mails", mails);
    ground.tables.put(row).await.unwrap();
}

async fn standing_of(bed: &Bed, tenant: &str) -> SendingStanding {
    let answer = bed.member(tenant, Role::Analyst).get_sending_standing(GetSendingStandingRequest {}).await;
    answer.unwrap().into_inner().standing.unwrap()
}

/// The standing once so many mails are counted.
async fn standing(bed: &Bed, mails: i64) -> SendingStanding {
    let counted = async || Some(standing_of(bed, "acme").await).filter(|standing| standing.mails == mails);
    eventually(&format!("{mails} mails are counted"), counted).await
}

fn facts(standing: &SendingStanding) -> (i64, SendingLevel, bool) {
    (standing.complaints, standing.level(), standing.marketing_stopped)
}

/// Confirms these registrations; gives the ids of the mails.
async fn confirmed(bed: &Bed, registrants: std::ops::RangeInclusive<usize>) -> Vec<String> {
    let mut ids = Vec::new();
    for n in registrants {
        let id = format!("r{n}");
        bed.registration_changed(GALA, &id, RegistrationChange::Registered, 1).await;
        let done = &[MessageState::HandedOff];
        ids.push(bed.message_in(GALA, &id, MessageKind::Confirmation, done).await.message_id);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn three_complaints_above_the_rate_stop_marketing_and_each_mail_counts_once() {
    for ground in grounds("three_complaints_above_the_rate_stop_marketing_and_each_mail_counts_once", 4).await {
        let server = MailServer::start().await;
        let bed = ground.start(Some(server.url()), None).await;
        let mails = confirmed(&bed, 1..=3).await;
        assert_eq!(facts(&standing(&bed, 3).await), (0, SendingLevel::Fine, false));

        let (key, mut mesh) = (secret(&bed).await, bed.mesh("acme"));
        let mut complain = async |id: &str, mail: &str| {
            let report = report(&key, id, START_MS / 1000, mail, "complained");
            mesh.apply_delivery_report(report).await.unwrap();
        };
        complain("c1", &mails[0]).await;
        complain("c2", &mails[1]).await;
        // Once more of the same mail, under another id.
        complain("c3", &mails[1]).await;
        assert_eq!(facts(&standing(&bed, 3).await), (2, SendingLevel::Fine, false), "two are some person's mood");
        complain("c4", &mails[2]).await;
        let stopped = standing(&bed, 3).await;
        assert_eq!(facts(&stopped), (3, SendingLevel::Stopped, true));
        assert!(stopped.advice.contains("3 of the 3 mails"), "{}", stopped.advice);
        assert_eq!(standing_of(&bed, "other").await, SendingStanding { level: 1, ..SendingStanding::default() });

        // What a process counted is there after it is gone, and the next counts on.
        bed.kill().await;
        let bed = ground.start(Some(server.url()), None).await;
        confirmed(&bed, 4..=4).await;
        assert_eq!(facts(&standing(&bed, 4).await), (3, SendingLevel::Stopped, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_the_two_rates_is_a_warning_and_what_is_thirty_days_ago_counts_no_more() {
    for ground in grounds("between_the_two_rates_is_a_warning_and_what_is_thirty_days_ago_counts_no_more", 0).await {
        let bed = ground.start(None, None).await;
        complaints(&ground, 3).await;
        mails_of_another(&ground, 30, 1_000_000).await;
        mails_of_another(&ground, 29, 1_000).await;
        assert_eq!(facts(&standing(&bed, 1_000).await), (3, SendingLevel::Warned, false));
        mails_of_another(&ground, 0, 2_000).await;
        assert_eq!(facts(&standing(&bed, 3_000).await), (3, SendingLevel::Fine, false));
        ground.clock.advance_ms(DAY_MS);
        assert_eq!(facts(&standing(&bed, 2_000).await), (3, SendingLevel::Warned, false));
        ground.clock.advance_ms(29 * DAY_MS);
        assert_eq!(facts(&standing(&bed, 0).await), (0, SendingLevel::Fine, false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_lets_marketing_go_on_for_seven_days_and_says_why() {
    for ground in grounds("an_owner_lets_marketing_go_on_for_seven_days_and_says_why", 0).await {
        let bed = ground.start(None, None).await;
        let lift = |reason: &str| LiftMarketingStopRequest { reason: reason.into() };
        let mut owner = bed.member("acme", Role::Owner);
        refused(owner.lift_marketing_stop(lift("a purchased list is gone")).await, Code::FailedPrecondition);
        complaints(&ground, 3).await;
        refused_field(owner.lift_marketing_stop(lift("")).await, "reason");
        let organiser = bed.member("acme", Role::Organiser).lift_marketing_stop(lift("please")).await;
        refused(organiser, Code::PermissionDenied);

        let lifted = owner.lift_marketing_stop(lift("a purchased list is gone")).await.unwrap().into_inner();
        let lifted = lifted.standing.unwrap();
        assert_eq!(facts(&lifted), (3, SendingLevel::Stopped, false));
        assert_eq!(standing_of(&bed, "acme").await, lifted);
        let entry = ground.world.lock().unwrap().audit.last().unwrap().clone();
        assert_eq!((entry.action.as_str(), entry.reason.as_str()), ("marketing.lift", "a purchased list is gone"));
        ground.clock.advance_ms(7 * DAY_MS - 1);
        assert!(!standing_of(&bed, "acme").await.marketing_stopped);
        ground.clock.advance_ms(1);
        let again = standing_of(&bed, "acme").await;
        assert_eq!((again.marketing_stopped, again.lifted_until), (true, None));
    }
}
