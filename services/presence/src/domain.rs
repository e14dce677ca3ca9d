//! History as pure logic: facts in, records out; rows in, answers out. No bus, no store, no clock, no tasks.

mod backlog;
mod history;
mod points;
mod series;
mod visits;

pub use backlog::{Backlog, Batch, HOUR_MS, Pushed, VISIT_SHARDS, hour_of};
pub use history::{History, Moment, Record, SourcesHeard};
pub use points::{Point, resample};
pub use series::{Life, Series};
pub use visits::{Ending, Visit, VisitNews, VisitSpan, WatchTime, spans, watch_time};
