//! History as pure logic: facts in, records out; rows in, answers out. No bus, no store, no clock, no tasks.

mod backlog;
mod history;
mod points;
mod series;
mod visits;

pub use backlog::{
    Backlog, Batch, FINAL_ROWS_MAX, HISTORY_ROWS_MAX, Partition, Pushed, ROWS_A_BATCH_MAX, VISIT_SHARDS,
};
pub(crate) use backlog::{HOUR_MS, hour_of};
pub use history::{History, Moment, Record, SourcesHeard};
pub use points::{Point, resample};
pub use series::{AMEND_WINDOW_S, Band, Life, Series};
pub use visits::{Ending, VISIT_LOST_AFTER_MS, Visit, VisitNews, WatchTime, watch_time};
