//! Rooms, all of one event in one partition.

use turnout_platform::{
    failure::Failure,
    ids::{EventId, RoomId},
    tables::{PutIf, Range, Row, Value},
};

use super::{Creation, ROOMS_BY_EVENT, Store, unreadable};
use crate::domain::room::Room;

impl Store {
    pub async fn room(&self, event: &EventId, id: &RoomId) -> Result<Option<Room>, Failure> {
        let key = vec![event.as_str().into(), id.as_str().into()];
        let row = self.tables.get(&ROOMS_BY_EVENT, key).await?;
        row.as_ref().map(read).transpose()
    }

    pub async fn create_room(&self, room: &Room) -> Result<Creation<Room>, Failure> {
        match self.tables.put_if_absent(room_row(room)).await? {
            None => Ok(Creation::Created),
            Some(row) => Ok(Creation::Found(read(&row)?)),
        }
    }

    /// Puts the room in the place of its version `expected`; false when another version was there.
    pub async fn replace_room(&self, room: &Room, expected: i64) -> Result<bool, Failure> {
        let outcome = self.tables.put_if_version(room_row(room), expected).await?;
        Ok(outcome == PutIf::Stored)
    }

    /// An event's rooms in the order of their ids, and whether more follow.
    pub async fn rooms_of(
        &self,
        event: &EventId,
        after: Option<RoomId>,
        limit: usize,
    ) -> Result<(Vec<Room>, bool), Failure> {
        let mut range = Range::of(&ROOMS_BY_EVENT, vec![event.as_str().into()]).limit(limit);
        if let Some(room) = after {
            range = range.after(vec![room.as_str().into()]);
        }
        let page = self.tables.range(range).await?;
        let rooms = page.rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok((rooms, page.next.is_some()))
    }
}

fn room_row(room: &Room) -> Row {
    Row::new(&ROOMS_BY_EVENT)
        .set("event_id", room.event.as_str())
        .set("room_id", room.id.as_str())
        .set("title", room.title.as_str())
        .set("created_at", Value::Time(room.created_at_ms))
        .set("version", room.version)
}

fn read(row: &Row) -> Result<Room, Failure> {
    let parts = || {
        Some(Room {
            event: row.text("event_id").parse().ok()?,
            id: row.text("room_id").parse().ok()?,
            title: row.text("title").to_owned(),
            created_at_ms: row.time("created_at"),
            version: row.int("version"),
        })
    };
    parts().ok_or_else(|| unreadable(row))
}
