//! What people answered, question by question: a mean, the most common answers, how many gave each, and how many of these came. Small
//! groups are hidden by the service, and the page says so.

use askama::Template;
use turnout_proto::registration::v1::{AnswerCount, GetFieldFiguresResponse};

use super::{
    super::{show, text, text::console as words, text::studio as own},
    rows::Question,
    shell::{EventHead, Shell},
};
use crate::assets;

/// One question with its figures.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The question.
    pub question: Question,
    /// The figures; none while the service does not answer.
    pub figures: Option<GetFieldFiguresResponse>,
}

impl Panel {
    fn answered(figures: &GetFieldFiguresResponse) -> String {
        let count = |people: i64| show::grouped(people.unsigned_abs());
        own::FIGURES_ANSWERED
            .replace("{answered}", &count(figures.answered))
            .replace("{missing}", &count(figures.missing))
    }

    fn hidden(figures: &GetFieldFiguresResponse) -> String {
        own::FIGURES_HIDDEN.replace("{threshold}", &figures.threshold.to_string())
    }

    fn mean(figures: &GetFieldFiguresResponse) -> Option<String> {
        figures.mean.map(|mean| format!("{mean:.1}"))
    }

    fn most_common(&self, figures: &GetFieldFiguresResponse) -> String {
        figures.most_common.iter().map(|key| self.question.answer(key)).collect::<Vec<_>>().join(", ")
    }

    fn label(&self, count: &AnswerCount) -> String {
        self.question.answer(&count.answer)
    }

    /// The bar's end: the most that any answer has.
    fn most(figures: &GetFieldFiguresResponse) -> i64 {
        figures.counts.iter().map(|count| count.people).max().unwrap_or(0).max(1)
    }

    fn words(count: &AnswerCount, figures: &GetFieldFiguresResponse) -> String {
        if count.hidden {
            return own::FIGURES_FEW.replace("{threshold}", &figures.threshold.to_string());
        }
        let share = |part: i64, whole: i64| if whole > 0 { part * 100 / whole } else { 0 };
        own::FIGURES_COUNT
            .replace("{people}", &show::grouped(count.people.unsigned_abs()))
            .replace("{share}", &share(count.people, figures.answered).to_string())
            .replace("{attended}", &show::grouped(count.attended.unsigned_abs()))
            .replace("{of}", &share(count.attended, count.people).to_string())
    }
}

/// `GET /console/events/<id>/figures`
#[derive(Clone, Debug, Template)]
#[template(path = "studio/figures.html")]
pub struct FormFiguresPage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// In the order of the form.
    pub panels: Vec<Panel>,
}
