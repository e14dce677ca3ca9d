//! A pool of connections that only read. In WAL mode they neither wait for the writer nor make it wait.
//! Does not queue without end: who finds no free reader in time is told that the store is overloaded.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{TableError, connect, failed};

const READERS: usize = 4;
const READER_WAIT: Duration = Duration::from_millis(250);

pub(super) struct Readers {
    free: Arc<Semaphore>,
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
        Ok(Self { free: Arc::new(Semaphore::new(READERS)), idle: Mutex::new(idle) })
    }

    pub(super) async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T, TableError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, TableError> + Send + 'static,
    {
        let permit = tokio::time::timeout(READER_WAIT, self.free.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(TableError::Overloaded("all readers are busy".to_owned())) };
        let reader = Reader { connection: self.idle.lock().pop(), pool: self.clone(), _permit: permit };
        let done = tokio::task::spawn_blocking(move || {
            let connection = reader.connection.as_ref().expect("there are as many connections as permits");
            work(connection)
        });
        done.await.unwrap_or_else(|failed| Err(TableError::Unavailable(failed.to_string())))
    }
}
