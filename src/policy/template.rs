//! Texts with policy variables: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>.

use super::context::{Seen, View};
use super::document::Version;
use super::pattern::{Glob, Token};

/// A text, cut at its policy variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Tokens; `*` and `?` are wildcards where the operator takes them.
    Tokens(Vec<Token>),
    Variable {
        /// In lower case.
        key: String,
        default: Option<String>,
    },
}

/// What a template is for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    Tokens(Vec<Token>),
    /// A variable has no value and no default: the text matches nothing.
    Null,
    /// A variable is not known. A text that these tokens do not match, it cannot be, whatever the variable is.
    Unknown(Vec<Token>),
}

/// Why a text with `${…}` is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("`${{` has no closing `}}`")]
    Unterminated,
    #[error("a policy variable without a name")]
    Empty,
    #[error("what follows the comma in a policy variable must be a default in single quotes: `${{key, 'default'}}`")]
    Default,
}

impl Template {
    /// Cuts the text. `wildcards`: are `*` and `?` wildcards here? Under version 2008 `${…}` is a literal text.
    pub fn parse(text: &str, version: Version, wildcards: bool) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut tokens: Vec<Token> = Vec::new();
        let literal = |tokens: &mut Vec<Token>, text: &str| {
            tokens.extend(text.chars().map(|character| match character {
                '*' if wildcards => Token::Any,
                '?' if wildcards => Token::One,
                character => Token::Char(character),
            }));
        };
        let mut rest = text;
        while version == Version::V2012
            && let Some((before, after)) = rest.split_once("${")
        {
            literal(&mut tokens, before);
            let (inside, behind) = after.split_once('}').ok_or(TemplateError::Unterminated)?;
            rest = behind;
            match inside {
                "*" | "?" | "$" => tokens.extend(inside.chars().map(Token::Char)),
                _ => {
                    let (key, default) = match inside.split_once(',') {
                        None => (inside.trim(), None),
                        Some((key, default)) => {
                            let quoted = default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
                            (key.trim(), Some(quoted.ok_or(TemplateError::Default)?.to_owned()))
                        }
                    };
                    if key.is_empty() {
                        return Err(TemplateError::Empty);
                    }
                    if !tokens.is_empty() {
                        parts.push(Part::Tokens(std::mem::take(&mut tokens)));
                    }
                    parts.push(Part::Variable { key: key.to_ascii_lowercase(), default });
                }
            }
        }
        literal(&mut tokens, rest);
        parts.push(Part::Tokens(tokens));
        Ok(Template { parts })
    }

    /// The text in the one spelling that all texts of the same meaning share.
    pub fn canonical(&self) -> String {
        let part = |part: &Part| match part {
            Part::Tokens(tokens) => canonical(tokens),
            Part::Variable { key, default: None } => format!("${{{key}}}"),
            Part::Variable { key, default: Some(default) } => format!("${{{key}, '{default}'}}"),
        };
        self.parts.iter().map(part).collect()
    }

    /// The tokens, if there is no variable in the text.
    pub fn constant(&self) -> Option<&[Token]> {
        match self.parts.as_slice() {
            [Part::Tokens(tokens)] => Some(tokens),
            _ => None,
        }
    }

    /// The keys of the variables, in lower case.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable { key, .. } => Some(key.as_str()),
            Part::Tokens(_) => None,
        })
    }

    /// The variable, if the text is one variable and nothing else.
    pub fn lone_variable(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Variable { key, .. }, Part::Tokens(rest)] if rest.is_empty() => Some(key),
            _ => None,
        }
    }

    /// The variable, if there is one, with every value of it with which the text matches `value`, if they are few.
    pub fn fitting(&self, value: &str) -> Option<(&str, Vec<String>)> {
        const MAXIMUM: usize = 24;
        let (key, before, after) = match self.parts.as_slice() {
            [Part::Variable { key, .. }, Part::Tokens(after)] => (key, &[][..], after),
            [Part::Tokens(before), Part::Variable { key, .. }, Part::Tokens(after)] => (key, before.as_slice(), after),
            _ => return None,
        };
        let (before, after) = (Glob::from_tokens(before.to_vec()), Glob::from_tokens(after.clone()));
        let ends = || value.char_indices().map(|(at, _)| at).chain([value.len()]);
        let starts = ends().filter(|at| value.get(..*at).is_some_and(|text| before.matches(text)));
        let stops: Vec<usize> = ends().filter(|at| value.get(*at..).is_some_and(|text| after.matches(text))).collect();
        let mut fitting: Vec<String> = Vec::new();
        for start in starts {
            fitting.extend(stops.iter().filter_map(|stop| value.get(start..*stop)).map(str::to_owned));
            if fitting.len() > MAXIMUM {
                return None;
            }
        }
        Some((key, fitting))
    }

    /// Is the variable of the text supposed to be none of the values with which it would match `value`?
    pub fn is_supposed_otherwise(&self, value: &str, view: &View<'_>) -> bool {
        self.fitting(value).is_some_and(|(variable, fitting)| match view.get(variable) {
            Seen::Other(other) => fitting.iter().all(|text| other.is_not(text)),
            _ => false,
        })
    }

    /// Puts the values of the request in. A value stands for itself: a `*` in it is no wildcard.
    pub fn resolve(&self, view: &View<'_>) -> Resolved {
        let mut tokens = Vec::new();
        let mut unknown = false;
        for part in &self.parts {
            match part {
                Part::Tokens(own) => tokens.extend_from_slice(own),
                Part::Variable { key, default } => match (view.get(key), default) {
                    (Seen::Values([value]), _) => tokens.extend(value.chars().map(Token::Char)),
                    (Seen::Absent | Seen::Values([]), Some(default)) => tokens.extend(default.chars().map(Token::Char)),
                    (Seen::Absent | Seen::Values([]), None) => return Resolved::Null,
                    // Only keys with one value may be variables; what AWS does with more is not documented.
                    (Seen::Values(_) | Seen::Unknown(_) | Seen::Other(_) | Seen::Set(_) | Seen::Something, _) => {
                        unknown = true;
                        tokens.push(Token::Any);
                    }
                },
            }
        }
        if unknown { Resolved::Unknown(tokens) } else { Resolved::Tokens(tokens) }
    }
}

/// Tokens as they are written under version 2012, where `*`, `?` and `$` stand for themselves in `${…}` only.
pub fn canonical(tokens: &[Token]) -> String {
    let mut text = String::with_capacity(tokens.len());
    for token in tokens {
        match token {
            Token::Char(character @ ('*' | '?' | '$')) => text.extend(["${", character.encode_utf8(&mut [0; 4]), "}"]),
            Token::Char(character) => text.push(*character),
            Token::Any | Token::AnyInPart => text.push('*'),
            Token::One | Token::OneInPart => text.push('?'),
        }
    }
    text
}

/// Tokens as a literal text: what `StringEquals` compares with.
pub fn literal(tokens: &[Token]) -> String {
    tokens
        .iter()
        .map(|token| match token {
            Token::Char(character) => *character,
            Token::Any | Token::AnyInPart => '*',
            Token::One | Token::OneInPart => '?',
        })
        .collect()
}
