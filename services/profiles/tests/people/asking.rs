//! The question that a ticked form leads to comes, once, whatever happens to the service that sends it or to the process that is to ask.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;
use turnout_platform::tables::{Range, Tables as _};

use crate::{
    bed::{Bed, START_AT_MS, Stage, token_of},
    consents::{DAY_MS, VERIFICATIONS_NOT_SENT, allowed, of_form, record, withdrawn},
};

/// From this age on a question is asked again.
const SWEPT_AFTER_MS: u64 = 10_001;
const SLOT_MS: u64 = 600_000;
const DEADLINE: Duration = Duration::from_mins(1);

/// How many questions about forms from the beginning of the test are noted down.
async fn questions(bed: &Bed) -> usize {
    let table = turnout_profiles::tables().into_iter().find(|table| table.name == "consent_questions_by_slot").unwrap();
    let slot = (START_AT_MS / SLOT_MS) as i64;
    let page = bed.stage.tables.range(Range::of(table, vec![slot.into()])).await.unwrap();
    page.rows.iter().filter(|row| row.text("tenant_id") == bed.tenant.as_str()).count()
}

async fn no_question_is_left(bed: &Bed) {
    let until = Instant::now() + DEADLINE;
    while questions(bed).await > 0 {
        assert!(Instant::now() < until, "a question is left");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn fill_form(bed: &Bed, id: &str) {
    record(&mut bed.mesh(), id, "form-1", vec![of_form("marketing", "email")]).await.unwrap();
}

#[tokio::test]
async fn a_form_succeeds_while_notifications_is_away_and_one_letter_comes_once_it_is_back() {
    for bed in Bed::each("a_form_succeeds_while_notifications_is_away_and_one_letter_comes_once_it_is_back").await {
        let id = bed.person("anna@example.org", "Anna").await.person_id;
        bed.postbox.away.store(usize::MAX, Ordering::SeqCst);
        fill_form(&bed, &id).await;
        bed.counted(VERIFICATIONS_NOT_SENT, 1).await;
        // More often than an address gets letters in a row: they are one.
        for _ in 0..4 {
            fill_form(&bed, &id).await;
        }
        bed.counted(VERIFICATIONS_NOT_SENT, 5).await;
        assert_eq!(questions(&bed).await, 1);

        bed.postbox.away.store(0, Ordering::SeqCst);
        bed.clock.advance_ms(SWEPT_AFTER_MS);
        let letter = bed.letter_after(0).await;
        no_question_is_left(&bed).await;
        assert_eq!(bed.postbox.letters().len(), 1);
        let expires_at = letter.expires_at.unwrap();
        assert_eq!(expires_at.seconds as u64 * 1000, START_AT_MS + 3 * DAY_MS, "as the link that was stored first");
        bed.redeem(&token_of(&letter)).await.unwrap();
        assert!(allowed(&bed, &id, "marketing", "email").await);
    }
}

#[tokio::test]
async fn what_a_process_does_not_ask_that_ends_right_after_its_answer_another_one_asks() {
    for stage in Stage::each("what_a_process_does_not_ask_that_ends_right_after_its_answer_another_one_asks").await {
        let id = stage.process().await.person("anna@example.org", "Anna").await.person_id;
        let mut writes = 0;
        loop {
            let cut = stage.cut_after(writes).process().await;
            let asked = vec![of_form("marketing", "email")];
            let answer = record(&mut cut.mesh(), &id, &format!("form-{writes}"), asked).await;
            let letters = cut.postbox.clone();
            drop(cut);
            assert!(letters.letters().is_empty(), "after {writes} writes");
            if answer.is_ok() {
                break;
            }
            writes += 1;
        }
        assert_eq!(writes, 3, "request, statements, question");

        let other = stage.process().await;
        other.clock.advance_ms(SWEPT_AFTER_MS);
        let letter = other.letter_after(0).await;
        no_question_is_left(&other).await;
        assert_eq!(other.postbox.letters().len(), 1);
        other.redeem(&token_of(&letter)).await.unwrap();
        assert!(allowed(&other, &id, "marketing", "email").await);
    }
}

#[tokio::test]
async fn what_is_taken_back_before_it_could_be_asked_is_asked_no_more() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    bed.postbox.away.store(usize::MAX, Ordering::SeqCst);
    fill_form(&bed, &id).await;
    bed.clock.advance_ms(15_000);
    bed.counted("turnout_profiles_questions_oldest_age_seconds", 15).await;
    record(&mut bed.mesh(), &id, "no", vec![withdrawn("marketing", "*")]).await.unwrap();
    no_question_is_left(&bed).await;
}

#[tokio::test]
async fn a_form_that_is_repeated_after_the_life_of_its_link_gets_a_link_that_works() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    bed.postbox.away.store(usize::MAX, Ordering::SeqCst);
    fill_form(&bed, &id).await;
    bed.counted(VERIFICATIONS_NOT_SENT, 1).await;
    bed.clock.advance_ms(4 * DAY_MS);
    bed.postbox.away.store(0, Ordering::SeqCst);
    fill_form(&bed, &id).await;
    bed.redeem(&token_of(&bed.letter_after(0).await)).await.unwrap();
    assert!(allowed(&bed, &id, "marketing", "email").await);
}
