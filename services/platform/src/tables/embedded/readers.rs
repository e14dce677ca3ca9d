//! A pool of connections that only read. In WAL mode they neither wait for the writer nor make it wait. How many reads wait for one, and
//! for how long, is `admission`'s.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::OwnedSemaphorePermit;

use super::{TableError, admission, connect, failed};
use crate::admission::Admission;

const READERS: usize = 4;

pub(super) struct Readers {
    door: Admission,
    idle: Mutex<Vec<Connection>>,
}

/// A reader in use; it goes back to the pool even if its work panics or its caller is gone.
struct Reader {
    connection: Option<Connection>,
    pool: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Reader {
    /// The permit goes after this body, when the connection is back.
    fn drop(&mut self) {
        self.pool.idle.lock().extend(self.connection.take());
    }
}

impl Readers {
    pub(super) fn open(data: &Path) -> Result<Self, TableError> {
        let mut idle = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let connection = connect(data)?;
            connection.pragma_update(None, "query_only", true).map_err(|error| failed(&error))?;
            idle.push(connection);
        }
        Ok(Self { door: admission::door(READERS), idle: Mutex::new(idle) })
    }

    pub(super) async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T, TableError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, TableError> + Send + 'static,
    {
        let permit = self.door.turn().await?;
        let reader = Reader { connection: self.idle.lock().pop(), pool: self.clone(), _permit: permit };
        let done = tokio::task::spawn_blocking(move || {
            let connection = reader.connection.as_ref().expect("there are as many connections as permits");
            work(connection)
        });
        done.await.unwrap_or_else(|failed| Err(TableError::Unavailable(failed.to_string())))
    }
}
