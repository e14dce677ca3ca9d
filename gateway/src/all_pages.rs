//! Lists of the services that are read through all their pages, up to a limit; whoever shows one says when it was cut off there.

use tonic::Status;
use turnout_proto::{
    profiles::v1::{
        ConsentStatement, ListConsentLedgerRequest, ListMembersRequest, ListSessionsRequest, Member, Session,
    },
    registration::v1::{ListRegistrationsOfPersonRequest, ListRoomsRequest, Registration, Room},
};

use crate::{
    Shared,
    upstream::{Acting, bounded},
};

/// Rows of a page.
const PAGE_SIZE: i32 = 200;
/// Pages of the registrations of a person.
const REGISTRATION_PAGES_MAX: usize = 10;
/// Pages of a person's ledger of consents, which takes 5,000 grants.
const LEDGER_PAGES_MAX: usize = 30;
/// Pages of a team, which has 500 members at most.
const MEMBER_PAGES_MAX: usize = 5;
/// Pages of the rooms of an event, which has 500 at most.
const ROOM_PAGES_MAX: usize = 5;
/// Pages of the open sessions of one account.
const SESSION_PAGES_MAX: usize = 5;

/// A list, perhaps cut off.
#[derive(Debug)]
pub struct Whole<T> {
    /// From its beginning.
    pub rows: Vec<T>,
    /// Whether there is more of it.
    pub more: bool,
}

/// Reads page after page; each is its rows and the token of the next, which is empty for the last.
async fn whole<T, F>(pages_max: usize, mut page: impl FnMut(String) -> F) -> Result<Whole<T>, Status>
where
    F: Future<Output = Result<(Vec<T>, String), Status>>,
{
    let (mut rows, mut page_token) = (Vec::new(), String::new());
    for _ in 0..pages_max {
        let (some, next) = page(page_token).await?;
        rows.extend(some);
        page_token = next;
        if page_token.is_empty() {
            return Ok(Whole { rows, more: false });
        }
    }
    Ok(Whole { rows, more: true })
}

/// The registrations of a person, newest event first.
pub async fn registrations_of_person(
    shared: &Shared,
    acting: &Acting,
    person_id: &str,
) -> Result<Whole<Registration>, Status> {
    whole(REGISTRATION_PAGES_MAX, |page_token| async move {
        let request =
            ListRegistrationsOfPersonRequest { person_id: person_id.to_owned(), page_size: PAGE_SIZE, page_token };
        let mut upstream = shared.upstream.registrants(acting);
        let page = upstream.list_registrations_of_person(bounded(request)).await?.into_inner();
        Ok((page.registrations, page.next_page_token))
    })
    .await
}

/// A person's ledger of consents, oldest first.
pub async fn consent_ledger(
    shared: &Shared,
    acting: &Acting,
    person_id: &str,
) -> Result<Whole<ConsentStatement>, Status> {
    whole(LEDGER_PAGES_MAX, |page_token| async move {
        let request = ListConsentLedgerRequest { person_id: person_id.to_owned(), page_size: PAGE_SIZE, page_token };
        let page = shared.upstream.people(acting).list_consent_ledger(bounded(request)).await?.into_inner();
        Ok((page.statements, page.next_page_token))
    })
    .await
}

/// The members of a team, by address.
pub async fn members(shared: &Shared, acting: &Acting) -> Result<Whole<Member>, Status> {
    whole(MEMBER_PAGES_MAX, |page_token| async move {
        let request = ListMembersRequest { page_size: PAGE_SIZE, page_token };
        let page = shared.upstream.accounts(acting).list_members(bounded(request)).await?.into_inner();
        Ok((page.members, page.next_page_token))
    })
    .await
}

/// The rooms of an event, by id.
pub async fn rooms(shared: &Shared, acting: &Acting, event_id: &str) -> Result<Whole<Room>, Status> {
    whole(ROOM_PAGES_MAX, |page_token| async move {
        let request = ListRoomsRequest { event_id: event_id.to_owned(), page_size: PAGE_SIZE, page_token };
        let page = shared.upstream.events(acting).list_rooms(bounded(request)).await?.into_inner();
        Ok((page.rooms, page.next_page_token))
    })
    .await
}

/// The open sessions of whoever has this one, newest first.
pub async fn sessions(shared: &Shared, session: &str) -> Result<Whole<Session>, Status> {
    whole(SESSION_PAGES_MAX, |page_token| async move {
        let request = ListSessionsRequest { session: session.to_owned(), page_size: PAGE_SIZE, page_token };
        let page = shared.upstream.accounts(&Acting::Mesh).list_sessions(bounded(request)).await?.into_inner();
        Ok((page.sessions, page.next_page_token))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pages_of_two(rows: usize, pages_max: usize) -> Whole<usize> {
        let page = |token: String| async move {
            let from = token.parse().unwrap_or(0);
            let to = rows.min(from + 2);
            Ok(((from..to).collect(), if to < rows { to.to_string() } else { String::new() }))
        };
        whole(pages_max, page).await.unwrap()
    }

    #[tokio::test]
    async fn all_pages_are_read_and_a_list_that_is_cut_off_says_so() {
        for (rows, read, more) in [(0, 0, false), (2, 2, false), (5, 5, false), (6, 6, false), (7, 6, true)] {
            let found = pages_of_two(rows, 3).await;
            assert_eq!((found.rows, found.more), ((0..read).collect::<Vec<_>>(), more), "{rows} rows");
        }
    }
}
