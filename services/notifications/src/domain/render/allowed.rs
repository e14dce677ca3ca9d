//! The part of the template language that is allowed: variables, `if`, `for` over a list, comparisons, and filters that make nothing longer
//! than it was. It looks at the words of each tag before anything is parsed, calculated or run: what builds texts in memory (`set`, `~`,
//! `*`, calls, lists, macros) or nests without end could stop the process, and with it the mails of everybody.

use minijinja::{
    Environment, filters,
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
    tests::{is_defined, is_none, is_undefined},
};

use super::Fault;

/// What a tag may begin with.
const STATEMENTS: &[&str] = &["if", "elif", "else", "endif", "for", "endfor"];
/// Words behind which brackets hold a part of a condition; behind any other word they would call something.
const BEFORE_BRACKETS: &[&str] = &["if", "elif", "else", "and", "or", "not", "in"];
/// Filters that there are. None gives back more than a few times what it was given, however often it stands in a row.
const FILTERS: &[&str] =
    &["capitalize", "count", "d", "default", "first", "last", "length", "lower", "title", "trim", "upper"];
/// Words and signs of one tag. They nest, and so do the calls of whoever reads them.
const TAG_TOKENS_MAX: usize = 100;
/// Tags `{% %}` of a template. Each `elif` nests in the one before it.
const BLOCKS_MAX: usize = 200;

/// An environment with what is allowed, and nothing else.
pub(super) fn environment<'source>() -> Environment<'source> {
    let mut environment = Environment::empty();
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("count", filters::length);
    environment.add_filter("d", filters::default);
    environment.add_filter("default", filters::default);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("upper", filters::upper);
    environment.add_test("defined", is_defined);
    environment.add_test("undefined", is_undefined);
    environment.add_test("none", is_none);
    environment
}

/// Names the first thing in a template that is not allowed. What cannot be read at all is left to the parser, which says why.
pub(super) fn check(field: &'static str, source: &str) -> Result<(), Fault> {
    let mut tag = Tag::default();
    let mut blocks = 0;
    for token in tokenize(source, false, SyntaxConfig::default()) {
        let Ok((token, span)) = token else { return Ok(()) };
        let fault = |what: String| Fault { field, problem: format!("line {}: {what}", span.start_line) };
        match token {
            Token::VariableStart | Token::BlockStart => {
                blocks += usize::from(matches!(token, Token::BlockStart));
                if blocks > BLOCKS_MAX {
                    return Err(fault(format!("there are more than {BLOCKS_MAX} tags such as {{% if %}}")));
                }
                tag = Tag::default();
                tag.before = if matches!(token, Token::BlockStart) { Before::Block } else { Before::Sign };
            }
            Token::TemplateData(_) | Token::VariableEnd | Token::BlockEnd => {}
            token => tag.take(&token).map_err(fault)?,
        }
    }
    Ok(())
}

/// What stands before a word or sign.
#[derive(Default, PartialEq, Eq)]
enum Before {
    /// The start of a `{% %}`.
    Block,
    /// A sign behind which a value begins.
    #[default]
    Sign,
    Pipe,
    Dot,
    /// A word behind which brackets may stand, of a condition.
    Opens,
    /// The name of a filter.
    Filter,
    /// A value.
    Value,
}

/// How far a tag was read.
#[derive(Default)]
struct Tag {
    before: Before,
    tokens: usize,
    /// Brackets that are open.
    brackets: usize,
    /// Of these, the one that holds what a filter is told; 0 for none.
    arguments: usize,
}

impl Tag {
    fn take(&mut self, token: &Token<'_>) -> Result<(), String> {
        self.tokens += 1;
        if self.tokens > TAG_TOKENS_MAX {
            return Err(format!("the tag is longer than {TAG_TOKENS_MAX} words and signs"));
        }
        match token {
            Token::ParenOpen => {
                self.brackets += 1;
                if self.before == Before::Filter {
                    self.arguments = self.brackets;
                }
            }
            Token::ParenClose => {
                if self.arguments == self.brackets {
                    self.arguments = 0;
                }
                self.brackets = self.brackets.saturating_sub(1);
            }
            _ => {}
        }
        self.before = match token {
            Token::Ident(word) => self.word(word)?,
            // Between two things that a filter is told; anywhere else it would make a list.
            Token::Comma if self.arguments > 0 && self.arguments == self.brackets => Before::Sign,
            Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Float(_) | Token::ParenClose => Before::Value,
            Token::Eq | Token::Ne | Token::Gt | Token::Gte | Token::Lt | Token::Lte => Before::Sign,
            Token::ParenOpen if matches!(self.before, Before::Sign | Before::Opens | Before::Filter) => Before::Sign,
            Token::ParenOpen => return Err("nothing can be called".to_owned()),
            Token::Dot => Before::Dot,
            Token::Pipe => Before::Pipe,
            other => return Err(format!("{other} is not allowed")),
        };
        Ok(())
    }

    fn word(&self, word: &str) -> Result<Before, String> {
        match self.before {
            Before::Block if !STATEMENTS.contains(&word) => {
                Err(format!("{word} is not known; there are {}", STATEMENTS.join(", ")))
            }
            Before::Pipe if !FILTERS.contains(&word) => {
                Err(format!("there is no filter {word}; there are {}", FILTERS.join(", ")))
            }
            Before::Pipe => Ok(Before::Filter),
            Before::Dot => Ok(Before::Value),
            _ if BEFORE_BRACKETS.contains(&word) => Ok(Before::Opens),
            _ => Ok(Before::Value),
        }
    }
}

#[cfg(test)]
mod tests;
