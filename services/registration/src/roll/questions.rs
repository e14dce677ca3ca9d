//! The questions of an event that are asked or that somebody has answered. What is one question over several versions of the form is
//! decided in `domain::questions`; here stands which versions are in use. A question that is removed stays while an answer to it is there.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::{auth::Principal, failure::Failure};
use turnout_proto::registration::v1::{FormQuestion, ListQuestionsRequest, ListQuestionsResponse};

use super::{Roll, list::List};
use crate::{
    domain::{
        event::Event,
        form::Form,
        questions::{Question, questions},
    },
    rpc::wire,
};

/// Versions of a form that are read at the same time.
const FORMS_AT_ONCE_MAX: usize = 8;

impl Roll {
    pub async fn list_questions(
        &self,
        caller: &Principal,
        request: ListQuestionsRequest,
    ) -> Result<ListQuestionsResponse, Failure> {
        let event = self.event(caller, &request.event_id).await?;
        let shown = |question: Question| FormQuestion {
            field: Some(wire::forms::field(question.field)),
            form_versions: question.versions,
            removed: question.is_removed,
        };
        Ok(ListQuestionsResponse { questions: self.questions(&event).await?.into_iter().map(shown).collect() })
    }

    /// The questions of the latest form, then those that are removed and still have an answer.
    pub(super) async fn questions(&self, event: &Event) -> Result<Vec<Question>, Failure> {
        let store = &self.inner.store;
        let latest = store.latest_form(&event.id).await?.unwrap_or_else(Form::usual);
        let held = self.inner.held.event(&event.tenant, &event.id).await?;
        let version = latest.version;
        let in_use = held.ask(None, move |list| {
            let versions = list.entries().iter().map(|entry| entry.form_version);
            versions.filter(|used| *used != version).collect::<BTreeSet<i64>>()
        });
        let older = stream::iter(in_use.await?.into_iter().rev())
            .map(|version| store.form(&event.id, version))
            .buffered(FORMS_AT_ONCE_MAX)
            .try_filter_map(async |form| Ok(form));
        let older: Vec<Form> = older.try_collect().await?;
        let all = questions(&latest, &older);
        if all.iter().all(|question| !question.is_removed) {
            return Ok(all);
        }
        held.ask(None, move |list| answered(list, all)).await
    }
}

/// Without those that are removed and that nobody answered.
fn answered(list: &List, all: Vec<Question>) -> Vec<Question> {
    let mut is_answered: Vec<bool> = all.iter().map(|question| !question.is_removed).collect();
    for entry in list.entries() {
        let is_open = |at: &usize| !is_answered[*at] && all[*at].is_asked_by(entry.form_version);
        let open: Vec<usize> = (0..all.len()).filter(is_open).collect();
        if open.is_empty() {
            continue;
        }
        let answers = entry.answers();
        for at in open {
            is_answered[at] = answers.get(&all[at].field.key).is_some_and(|answer| !answer.is_empty());
        }
    }
    all.into_iter().zip(is_answered).filter_map(|(question, is_answered)| is_answered.then_some(question)).collect()
}
