//! Which events may be running, of all tenants: where to look, and nothing else. The row is written before the event is, and removed once
//! somebody finds that the event is over.

use turnout_platform::{
    failure::Failure,
    ids::EventId,
    tables::{Range, Row, Table, Value, text},
};

use super::{Store, unreadable};

/// One partition: a row of some 50 bytes for each event that is live or published, read every few seconds.
pub(super) static RUNNING_EVENTS: Table = Table {
    name: "running_events",
    question: "Which events of all tenants may be live, or published and not over?",
    partition: &[text("of")],
    clustering: &[text("event_id")],
    columns: &[],
    lifetime_s: None,
};

/// The only partition.
const OF: &str = "registrants";

impl Store {
    /// The event may run from now on.
    pub(super) async fn may_run(&self, event: &EventId) -> Result<(), Failure> {
        Ok(self.tables.put(Row::new(&RUNNING_EVENTS).set("of", OF).set("event_id", event.as_str())).await?)
    }

    /// All that may be running.
    pub async fn running_events(&self) -> Result<Vec<EventId>, Failure> {
        let (mut events, mut range) = (Vec::new(), Range::of(&RUNNING_EVENTS, vec![OF.into()]));
        loop {
            let page = self.tables.range(range.clone()).await?;
            for row in &page.rows {
                events.push(row.text("event_id").parse().map_err(|_| unreadable(row))?);
            }
            let Some(next) = page.next else { return Ok(events) };
            range = range.after(next);
        }
    }

    /// The event does not run any more.
    pub async fn forget_running(&self, event: &EventId) -> Result<(), Failure> {
        let key: Vec<Value> = vec![OF.into(), event.as_str().into()];
        Ok(self.tables.delete(&RUNNING_EVENTS, key).await?)
    }
}
