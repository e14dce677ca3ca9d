//! Who of the audience may be written to about something over a channel, as a list and as a file. Who that is, is decided by profiles at
//! each page: everybody with a current grant and nobody else, and nobody at all while too many mails were marked as spam. That is no
//! failure: the page says so in the place of the list, and what to do.

use futures_util::{StreamExt as _, TryStreamExt as _};
use tonic::{Code, Status};
use turnout_proto::profiles::v1::{ExportConsentingRequest, ListConsentingRequest};

use super::{
    super::{events::sentence, refusals, session::Organiser},
    PAGE_SIZE, Part, Parts,
};
use crate::{
    Shared,
    upstream::bounded,
    views::{
        console::{
            audience::{PageOfPeople, Refusal},
            query::ListQuery,
        },
        text::console as words,
    },
};

/// Pages on which everybody has withdrawn, and which are passed over before one is shown empty.
const EMPTY_PAGES_MAX: usize = 10;

pub(super) async fn page(shared: &Shared, organiser: &Organiser, query: &ListQuery) -> Result<PageOfPeople, Status> {
    let mut people = shared.upstream.people(&organiser.acting());
    let mut page = PageOfPeople { people: Vec::new(), next: query.page.clone(), matching: 0, total: 0 };
    for _ in 0..EMPTY_PAGES_MAX {
        let request = bounded(ListConsentingRequest {
            purpose: query.purpose.clone(),
            channel: query.channel.clone(),
            page_size: PAGE_SIZE as i32,
            page_token: page.next,
        });
        let answer = people.list_consenting(request).await?.into_inner();
        (page.people, page.next) = (answer.people, answer.next_page_token);
        if !page.people.is_empty() || page.next.is_empty() {
            break;
        }
    }
    Ok(page)
}

pub(super) async fn export(
    shared: &Shared,
    organiser: &Organiser,
    query: &ListQuery,
    reason: String,
) -> Result<Parts, Status> {
    let (purpose, channel) = (query.purpose.clone(), query.channel.clone());
    let request = ExportConsentingRequest { purpose, channel, reason };
    let parts = shared.upstream.people(&organiser.acting()).export_consenting(request).await?.into_inner();
    Ok(parts.map_ok(|part| Part { people: part.people, matching: part.matching.unsigned_abs() }).boxed())
}

/// What the page says when nobody is named; none for what is no answer of this list.
pub(super) fn refusal(query: &ListQuery, status: &Status) -> Option<Refusal> {
    if !query.is_consenting() {
        return None;
    }
    match status.code() {
        Code::FailedPrecondition => {
            let advice = sentence(status.message());
            Some(Refusal { title: words::CONSENTING_STOPPED, advice, is_stop: true })
        }
        Code::InvalidArgument if !refusals::lacks_reason(status) => {
            let told: Vec<String> = refusals::violations(status).into_iter().map(|(_, sentence)| sentence).collect();
            Some(Refusal { title: words::CONSENTING_UNKNOWN, advice: told.join(" "), is_stop: false })
        }
        _ => None,
    }
}

/// What the name of a file says of what people agreed to. Only what can stand in one.
pub(super) fn in_a_name(query: &ListQuery) -> String {
    let plain =
        |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect::<String>();
    let words = [&query.purpose, &query.channel].into_iter().filter(|word| !word.is_empty());
    words.fold(String::new(), |name, word| name + "-" + &plain(word))
}
