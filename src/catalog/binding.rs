//! Binds values to the parameters of a statement. Values travel beside the statement, never inside its text.

use std::collections::BTreeMap;

use super::front_matter::{Parameter, ParameterType, QuerySpec};
use super::statement_text::{Piece, pieces};
use crate::pattern::Pattern;

/// Longest list, in values, that a pre-filter puts into a statement.
pub const MAX_LIST_VALUES: usize = 200;
/// Longest list, in bytes of its values, that a pre-filter puts into a statement. Athena takes 262,144 bytes in all
/// (<https://docs.aws.amazon.com/athena/latest/ug/service-limits.html>).
pub const MAX_LIST_BYTES: usize = 30_000;

/// A regular expression that matches no text at all in Rust, in Java and in the Joni library of Trino: a character after the end.
pub const MATCHES_NOTHING: &str = r"\z.";

/// How an engine writes the place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceholderStyle {
    /// `?` for each use, the values repeated in that order (Athena, Trino).
    Question,
    /// `$1`, `$2` …; a value that is used twice is passed once (the local engine).
    Dollar,
}

/// The value of a parameter, before it is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    Text(String),
    List(Vec<String>),
    Patterns(Vec<Pattern>),
}

/// A value that goes to the engine with the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoundValue {
    Text(String),
    /// Stands for an empty list: `x IN (NULL)` is true for no row.
    Null,
}

/// A statement that is ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub sql: String,
    /// In the order of the placeholders.
    pub values: Vec<BoundValue>,
    /// For the report: every parameter with its value as the reader would write it, sorted by name.
    pub parameters: Vec<(String, String)>,
    /// Parameters whose list is too long for a statement. They bind as lists that match nothing; the step that decides sees the
    /// whole list.
    pub left_to_later_steps: Vec<String>,
}

/// Why values do not fit a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    #[error("query `{query}` uses the parameter `:{name}`, which its front matter does not declare")]
    Undeclared { query: String, name: String },
    #[error("query `{query}` needs a value for its parameter `{name}`")]
    Missing { query: String, name: String },
    #[error("parameter `{name}` of query `{query}` is a {expected}, and the value given is a {given}")]
    WrongType { query: String, name: String, expected: &'static str, given: &'static str },
    #[error(
        "the list for parameter `{name}` of query `{query}` is too long for a statement ({values} values, {bytes} bytes; at most \
         {MAX_LIST_VALUES} values and {MAX_LIST_BYTES} bytes): shorten it, use patterns, or leave the decision to an exclude step"
    )]
    TooLong { query: String, name: String, values: usize, bytes: usize },
}

impl QuerySpec {
    /// The statement with placeholders in `style`, and the values in their order. Every parameter needs a value of its type.
    pub fn bind(&self, values: &BTreeMap<String, ParameterValue>, style: PlaceholderStyle) -> Result<Statement, BindError> {
        let mut bound = BTreeMap::new();
        let mut statement =
            Statement { sql: String::new(), values: Vec::new(), parameters: Vec::new(), left_to_later_steps: Vec::new() };
        for (name, parameter) in &self.parameters {
            let value = values.get(name).ok_or_else(|| BindError::Missing { query: self.name.clone(), name: name.clone() })?;
            let too_long = self.check(name, parameter, value)?;
            if too_long {
                statement.left_to_later_steps.push(name.clone());
            }
            statement.parameters.push((name.clone(), readable(value)));
            bound.insert(name.as_str(), bound_values(value, too_long));
        }
        let mut positions: BTreeMap<&str, usize> = BTreeMap::new();
        for piece in pieces(&self.sql) {
            let name = match piece {
                Piece::Text(text) => {
                    statement.sql.push_str(text);
                    continue;
                }
                Piece::Parameter(name) => name,
            };
            let values =
                bound.get(name).ok_or_else(|| BindError::Undeclared { query: self.name.clone(), name: name.to_owned() })?;
            let passed = positions.get(name).copied().filter(|_| style == PlaceholderStyle::Dollar);
            let first = passed.unwrap_or(statement.values.len() + 1);
            if passed.is_none() {
                statement.values.extend(values.iter().cloned());
                positions.insert(name, first);
            }
            let placeholders: Vec<String> = (first..first + values.len())
                .map(|position| match style {
                    PlaceholderStyle::Question => "?".to_owned(),
                    PlaceholderStyle::Dollar => format!("${position}"),
                })
                .collect();
            statement.sql.push_str(&placeholders.join(", "));
        }
        Ok(statement)
    }

    /// Is the list too long for a statement? An error if that matters, or if the type is wrong.
    fn check(&self, name: &str, parameter: &Parameter, value: &ParameterValue) -> Result<bool, BindError> {
        let given = match value {
            ParameterValue::Text(_) => ParameterType::String,
            ParameterValue::List(_) => ParameterType::StringList,
            ParameterValue::Patterns(_) => ParameterType::Patterns,
        };
        if given != parameter.parameter_type {
            return Err(BindError::WrongType {
                query: self.name.clone(),
                name: name.to_owned(),
                expected: parameter.parameter_type.as_str(),
                given: given.as_str(),
            });
        }
        let (values, bytes) = match value {
            ParameterValue::Text(_) => (1, 0),
            ParameterValue::List(list) => (list.len(), list.iter().map(String::len).sum()),
            ParameterValue::Patterns(patterns) => {
                (patterns.len(), patterns.iter().map(|pattern| pattern.to_regex().len()).sum())
            }
        };
        let too_long = values > MAX_LIST_VALUES || bytes > MAX_LIST_BYTES;
        if too_long && !parameter.prefilter {
            return Err(BindError::TooLong { query: self.name.clone(), name: name.to_owned(), values, bytes });
        }
        Ok(too_long)
    }
}

fn bound_values(value: &ParameterValue, too_long: bool) -> Vec<BoundValue> {
    match value {
        ParameterValue::Text(text) => vec![BoundValue::Text(text.clone())],
        ParameterValue::List(list) if list.is_empty() || too_long => vec![BoundValue::Null],
        ParameterValue::List(list) => list.iter().cloned().map(BoundValue::Text).collect(),
        ParameterValue::Patterns(patterns) => {
            vec![BoundValue::Text(regular_expression(if too_long { &[] } else { patterns }))]
        }
    }
}

/// One regular expression that matches a text if one of the patterns covers the whole of it.
pub fn regular_expression(patterns: &[Pattern]) -> String {
    if patterns.is_empty() {
        return MATCHES_NOTHING.to_owned();
    }
    let alternatives: Vec<String> = patterns
        .iter()
        .map(|pattern| {
            let anchored = pattern.to_regex();
            let body = anchored.strip_prefix('^').unwrap_or(&anchored);
            body.strip_suffix('$').unwrap_or(body).to_owned()
        })
        .collect();
    // `\A` and `\z` rather than `^` and `$`: in Java `$` also matches before a line break at the end.
    format!(r"\A(?:{})\z", alternatives.join("|"))
}

fn readable(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Text(text) => text.clone(),
        ParameterValue::List(list) => list.join(", "),
        ParameterValue::Patterns(patterns) => patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(", "),
    }
}
