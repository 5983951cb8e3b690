//! A value that several rows may tell: unknown, known, or contradicted.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::model::Tags;
use super::warnings::{Origin, Warnings};

/// Which row told a value, and when it was true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) origin: Origin,
    /// `configurationItemCaptureTime` of AWS Config.
    pub(super) captured: Option<jiff::Timestamp>,
}

/// What to do with a row that tells another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The value cannot change (an owner, a parent): every difference is a contradiction.
    Fixed,
    /// The value changes in time: the newer capture is true. Without two different times it is a contradiction.
    NewerWins,
}

/// What a value is about, for the rule and for the message.
pub(super) struct Subject<'a, T> {
    rule: Rule,
    /// Such as `the owner`; also groups the contradictions.
    what: &'static str,
    /// Such as `bucket logs`.
    of: &'a dyn Display,
    /// The value for a message; `None` when it is too long to show.
    show: fn(&T) -> Option<String>,
}

impl<'a> Subject<'a, String> {
    /// A short text.
    pub(super) fn text(rule: Rule, what: &'static str, of: &'a dyn Display) -> Self {
        Self { rule, what, of, show: |value| Some(value.clone()) }
    }
}

impl<'a, T> Subject<'a, T> {
    /// A value that is too long for a message.
    pub(super) fn long(rule: Rule, what: &'static str, of: &'a dyn Display) -> Self {
        Self { rule, what, of, show: |_| None }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Fact<T> {
    #[default]
    Unknown,
    Known(T, Seen),
    /// Stays so, whatever further rows say.
    Contradicted,
}

impl<T> Fact<T> {
    pub(super) fn known(&self) -> Option<&T> {
        match self {
            Fact::Known(value, _) => Some(value),
            Fact::Unknown | Fact::Contradicted => None,
        }
    }

    pub(super) fn into_known(self) -> Option<T> {
        match self {
            Fact::Known(value, _) => Some(value),
            Fact::Unknown | Fact::Contradicted => None,
        }
    }

    pub(super) fn is_contradicted(&self) -> bool {
        matches!(self, Fact::Contradicted)
    }
}

impl<T: PartialEq> Fact<T> {
    /// Adds what a row tells; `None` tells nothing. A contradiction makes the fact unknown and is reported.
    pub(super) fn tell(&mut self, value: Option<T>, seen: Seen, subject: &Subject<'_, T>, warnings: &mut Warnings) {
        let Some(value) = value else { return };
        let (old, old_seen) = match self {
            Fact::Contradicted => return,
            Fact::Unknown => {
                *self = Fact::Known(value, seen);
                return;
            }
            Fact::Known(old, old_seen) => (old, old_seen),
        };
        if *old == value {
            old_seen.captured = old_seen.captured.max(seen.captured);
            return;
        }
        if let (Rule::NewerWins, Some(before), Some(now)) = (subject.rule, old_seen.captured, seen.captured)
            && before != now
        {
            if now > before {
                *self = Fact::Known(value, seen);
            }
            return;
        }
        let (first, second) = (warnings.place(old_seen.origin), warnings.place(seen.origin));
        let what = format!("{} of {}", subject.what, subject.of);
        let sentence = match ((subject.show)(old), (subject.show)(&value)) {
            (Some(old), Some(new)) => format!("{what} is {old} in {first} but {new} in {second}; it is treated as unknown"),
            _ => format!("{what} differs between {first} and {second}; it is treated as unknown"),
        };
        warnings.contradiction(subject.what, sentence);
        *self = Fact::Contradicted;
    }

    /// As [`Fact::tell`], from another fact about the same thing.
    pub(super) fn merge(&mut self, other: Fact<T>, subject: &Subject<'_, T>, warnings: &mut Warnings) {
        match other {
            Fact::Unknown => {}
            Fact::Contradicted => *self = Fact::Contradicted,
            Fact::Known(value, seen) => self.tell(Some(value), seen, subject, warnings),
        }
    }
}

/// The tags of a thing. Several AWS calls leave tags out or print an empty list, and people add their own in a table: rows
/// complete each other, unless two captures of AWS Config tell how the whole set changed in time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TagsFact {
    told: Option<(Tags, Seen)>,
    /// Keys with two values.
    contradicted: BTreeSet<String>,
}

impl TagsFact {
    pub(super) fn new(tags: Option<Tags>, seen: Seen) -> TagsFact {
        TagsFact { told: tags.map(|tags| (tags, seen)), contradicted: BTreeSet::new() }
    }

    /// Adds what a row tells; `of` names the thing in warnings.
    pub(super) fn tell(&mut self, tags: Option<Tags>, seen: Seen, of: &dyn Display, warnings: &mut Warnings) {
        let Some(tags) = tags else { return };
        let Some((old, old_seen)) = &mut self.told else {
            self.told = Some((tags, seen));
            return;
        };
        match (old_seen.captured, seen.captured) {
            (Some(before), Some(now)) if now > before => {
                (*old, *old_seen) = (tags, seen);
                self.contradicted.clear();
            }
            (Some(before), Some(now)) if now < before => {}
            _ => {
                for (key, value) in tags {
                    match old.get(&key) {
                        Some(old_value) if *old_value != value => {
                            let (first, second) = (warnings.place(old_seen.origin), warnings.place(seen.origin));
                            warnings.contradiction(
                                "tags",
                                format!(
                                    "tag {key} of {of} is {old_value} in {first} but {value} in {second}; it is treated as unknown"
                                ),
                            );
                            self.contradicted.insert(key);
                        }
                        Some(_) => {}
                        None => drop(old.insert(key, value)),
                    }
                }
                old_seen.captured = old_seen.captured.max(seen.captured);
            }
        }
    }

    pub(super) fn merge(&mut self, other: TagsFact, of: &dyn Display, warnings: &mut Warnings) {
        self.contradicted.extend(other.contradicted);
        if let Some((tags, seen)) = other.told {
            self.tell(Some(tags), seen, of, warnings);
        }
    }

    /// Did a row tell the tags, and did no other row contradict it?
    pub(super) fn is_known(&self) -> bool {
        self.told.is_some() && self.contradicted.is_empty()
    }

    /// Empty when nothing is known.
    pub(super) fn into_tags(self) -> Tags {
        let mut tags = self.told.map(|(tags, _)| tags).unwrap_or_default();
        tags.retain(|key, _| !self.contradicted.contains(key));
        tags
    }
}
