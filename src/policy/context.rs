//! The request context: what is known of each condition key.

use std::collections::HashMap;

use super::operator::Comparison;
use super::truth::Truth;

/// What is known of one condition key of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextValue {
    /// In the request with these values; multivalued keys may have several, or none.
    Present(Vec<String>),
    /// Certainly not in the request.
    Absent,
    Unknown(Unknown),
}

/// A key of which the value is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unknown {
    /// Why, for people: "trails do not record it".
    pub why: String,
    /// May the key be absent (or empty)? If not, it has at least one value.
    pub may_be_absent: bool,
    /// If the key is present, its values are certainly one of these lists.
    pub candidates: Option<Vec<Vec<String>>>,
    /// Values that a multivalued key certainly has, besides others that are not known.
    pub known_members: Vec<String>,
    /// Values that the key certainly does not have.
    pub excluded: Vec<String>,
    /// If the key is present, its one value is a number or a date from the first to the second of these.
    pub between: Option<[String; 2]>,
    /// If the key is present, its one value matches one of these patterns, in which `*` stands for what is not known of it. None: any
    /// value.
    pub like: Vec<String>,
    /// No value matches one of these patterns.
    pub unlike: Vec<String>,
}

impl Unknown {
    /// Nothing is known, not even whether the key is there.
    pub fn new(why: impl Into<String>) -> Unknown {
        Unknown { why: why.into(), may_be_absent: true, ..Unknown::default() }
    }
}

/// The condition keys of a request. Names are case-insensitive, also the tag key in `aws:PrincipalTag/Key`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// By the name in lower case. Every condition looks its key up here, so this is the fastest map, not the tidiest.
    values: HashMap<String, Entry, foldhash::fast::RandomState>,
    /// What is true of keys that are not listed and begin so, in lower case: tag keys.
    families: Vec<(String, ContextValue)>,
    /// What is true of keys that are not listed: absent, or unknown.
    rest: Option<Unknown>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// As the caller spells it.
    name: String,
    value: ContextValue,
}

impl Context {
    pub fn new() -> Context {
        Context::default()
    }

    /// Keys that are not listed are unknown instead of absent.
    pub fn with_unknown_rest(mut self, why: impl Into<String>) -> Context {
        self.rest = Some(Unknown::new(why));
        self
    }

    pub fn set(&mut self, key: &str, value: ContextValue) {
        self.values.insert(key.to_ascii_lowercase(), Entry { name: key.to_owned(), value });
    }

    /// Says what is true of every key that begins so and is not set itself: `aws:PrincipalTag/`.
    pub fn set_family(&mut self, start: &str, value: ContextValue) {
        let start = start.to_ascii_lowercase();
        self.families.retain(|(own, _)| *own != start);
        self.families.push((start, value));
    }

    /// Sets the key unless it is set already.
    pub fn set_default(&mut self, key: &str, value: ContextValue) {
        if !self.values.contains_key(&key.to_ascii_lowercase()) {
            self.set(key, value);
        }
    }

    /// A key by its name in lower case.
    pub fn get(&self, key: &str) -> Seen<'_> {
        match self.values.get(key) {
            Some(entry) => Seen::of(&entry.value),
            None => match self.families.iter().find(|(start, _)| key.starts_with(start)) {
                Some((_, value)) => Seen::of(value),
                None => self.rest.as_ref().map_or(Seen::Absent, Seen::Unknown),
            },
        }
    }

    /// The key as the caller spells it.
    pub fn name<'a>(&'a self, key: &'a str) -> &'a str {
        self.values.get(key).map_or(key, |entry| &entry.name)
    }

    /// The listed keys as the caller spells them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ContextValue)> {
        let mut entries: Vec<(&String, &Entry)> = self.values.iter().collect();
        entries.sort_unstable_by_key(|(lower, _)| *lower);
        entries.into_iter().map(|(_, entry)| (entry.name.as_str(), &entry.value))
    }
}

/// What an evaluation sees of a key.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    Absent,
    Values(&'a [String]),
    Unknown(&'a Unknown),
    /// Present with one value that is none of the values that the policies name.
    Other(&'a Other),
    /// Present with these values, at least one.
    Set(&'a [Member]),
    /// Present, and nothing else is known.
    Something,
}

impl<'a> Seen<'a> {
    fn of(value: &'a ContextValue) -> Seen<'a> {
        match value {
            ContextValue::Present(values) => Seen::Values(values),
            ContextValue::Absent => Seen::Absent,
            ContextValue::Unknown(unknown) => Seen::Unknown(unknown),
        }
    }
}

/// A value about which only the answers to some comparisons are supposed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Other {
    /// Texts that it is not.
    pub excluded: Vec<String>,
    /// Comparisons with policy values, by what they are known as, and their supposed answers.
    pub supposed: Vec<(Comparison, String, bool)>,
}

impl Other {
    /// The supposed answer of a comparison with a text, by what it is known as, if there is one.
    pub fn answer(&self, comparison: Comparison, written: &str) -> Option<bool> {
        let is_exact = comparison == Comparison::StringEquals
            || (matches!(comparison, Comparison::StringLike | Comparison::Arn) && !written.contains(['*', '?', '$']));
        if is_exact && self.is_not(written) {
            return Some(false);
        }
        if comparison == Comparison::StringEquals {
            return None;
        }
        let found = self.supposed.iter().find(|(own, text, _)| *own == comparison && text == written);
        found.map(|(_, _, answer)| *answer)
    }

    /// Is it supposed to be another text than this one?
    pub fn is_not(&self, text: &str) -> bool {
        self.excluded.iter().any(|own| own == text)
    }
}

/// One value of a set that is supposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    Text(String),
    Other(Other),
}

/// One supposition about an unknown key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    Absent,
    Values(Vec<String>),
    Other(Other),
    Set(Vec<Member>),
    Something,
}

/// Whether what is compared, the one value of a key or the resource, matches a text of a policy or the value of another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The key in lower case; `None`: the resource.
    pub subject: Option<&'a str>,
    pub comparison: Comparison,
    pub of: Of<'a>,
}

/// With what something is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of<'a> {
    /// A text, by what it is known as.
    Text(&'a str),
    /// A key in lower case.
    Key(&'a str),
}

/// A question that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    subject: Option<String>,
    comparison: Comparison,
    text: Option<String>,
    key: Option<String>,
}

impl Question {
    pub fn is(&self, asked: Asked<'_>) -> bool {
        let of = match asked.of {
            Of::Text(text) => self.text.as_deref() == Some(text),
            Of::Key(key) => self.key.as_deref() == Some(key),
        };
        of && self.comparison == asked.comparison && self.subject.as_deref() == asked.subject
    }
}

impl From<Asked<'_>> for Question {
    fn from(asked: Asked<'_>) -> Question {
        let (text, key) = match asked.of {
            Of::Text(text) => (Some(text.to_owned()), None),
            Of::Key(key) => (None, Some(key.to_owned())),
        };
        Question { subject: asked.subject.map(str::to_owned), comparison: asked.comparison, text, key }
    }
}

/// The context under suppositions about some of its unknown keys.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub context: &'a Context,
    /// Keys in lower case.
    pub supposed: &'a [(&'a str, &'a Class)],
    /// Supposed answers, for what the keys alone do not tell.
    pub answers: &'a [(Question, bool)],
}

impl<'a> View<'a> {
    pub fn of(context: &'a Context) -> View<'a> {
        View { context, supposed: &[], answers: &[] }
    }

    /// What is supposed of a question.
    pub fn answer(&self, asked: Asked<'_>) -> Truth {
        let found = self.answers.iter().find(|(question, _)| question.is(asked));
        found.map_or(Truth::Unknown, |(_, answer)| Truth::from(*answer))
    }

    /// A key by its name in lower case.
    pub fn get(&self, key: &str) -> Seen<'a> {
        for (own, class) in self.supposed {
            if *own == key {
                return match class {
                    Class::Absent => Seen::Absent,
                    Class::Values(values) => Seen::Values(values),
                    Class::Other(other) => Seen::Other(other),
                    Class::Set(members) => Seen::Set(members),
                    Class::Something => Seen::Something,
                };
            }
        }
        self.context.get(key)
    }
}
