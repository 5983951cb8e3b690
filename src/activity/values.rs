//! Distinct values of a column, numbered as they come: a context is then a row of numbers, however long its texts are.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// The number of null. Other values have the numbers from 1 on.
pub(super) const NULL: u32 = 0;

/// Distinct texts, one after the other in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: HashTable<u32>,
    hasher: RandomState,
    text: String,
    /// Where each text ends.
    ends: Vec<usize>,
    /// The number given last: neighbours are mostly alike.
    last: u32,
}

impl Texts {
    /// The number of a text, a new one for a text that was not there.
    pub(super) fn number(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return NULL };
        if self.get(self.last) == Some(text) {
            return self.last;
        }
        let Texts { numbers, hasher, text: all, ends, last } = self;
        let found = numbers.find(hasher.hash_one(text), |number| at(all, ends, *number) == Some(text));
        *last = match found {
            Some(number) => *number,
            None => {
                all.push_str(text);
                ends.push(all.len());
                let number = u32::try_from(ends.len()).unwrap_or(u32::MAX);
                let hash = |number: &u32| hasher.hash_one(at(all, ends, *number).unwrap_or_default());
                numbers.insert_unique(hasher.hash_one(text), number, hash);
                number
            }
        };
        *last
    }

    /// The text with a number; `None` for null.
    pub(super) fn get(&self, number: u32) -> Option<&str> {
        at(&self.text, &self.ends, number)
    }

    /// How many texts there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all texts.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// About how many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * 16
    }

    /// For every number the place that its text has among the sorted ones; null is the first.
    pub(super) fn places(&self) -> Vec<u32> {
        places(self.len(), |a, b| self.get(a).cmp(&self.get(b)))
    }
}

fn at<'a>(text: &'a str, ends: &[usize], number: u32) -> Option<&'a str> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    let start = if index == 0 { 0 } else { *ends.get(index - 1)? };
    text.get(start..*ends.get(index)?)
}

/// Distinct times or days.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    numbers: HashTable<u32>,
    hasher: RandomState,
    values: Vec<i64>,
    last: u32,
}

impl Numbers {
    /// The number of a value, a new one for a value that was not there.
    pub(super) fn number(&mut self, value: Option<i64>) -> u32 {
        let Some(value) = value else { return NULL };
        if self.get(self.last) == Some(value) {
            return self.last;
        }
        let Numbers { numbers, hasher, values, last } = self;
        let get = |values: &[i64], number: u32| values.get((number as usize).wrapping_sub(1)).copied();
        let found = numbers.find(hasher.hash_one(value), |number| get(values, *number) == Some(value));
        *last = match found {
            Some(number) => *number,
            None => {
                values.push(value);
                let number = u32::try_from(values.len()).unwrap_or(u32::MAX);
                let hash = |number: &u32| hasher.hash_one(get(values, *number).unwrap_or_default());
                numbers.insert_unique(hasher.hash_one(value), number, hash);
                number
            }
        };
        *last
    }

    /// The value with a number; `None` for null.
    pub(super) fn get(&self, number: u32) -> Option<i64> {
        self.values.get((number as usize).checked_sub(1)?).copied()
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// About how many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.values.len() * 16
    }

    /// As [`Texts::places`].
    pub(super) fn places(&self) -> Vec<u32> {
        places(self.values.len(), |a, b| self.get(a).cmp(&self.get(b)))
    }
}

fn places(count: usize, compare: impl Fn(u32, u32) -> std::cmp::Ordering) -> Vec<u32> {
    let mut sorted: Vec<u32> = (0..=u32::try_from(count).unwrap_or(u32::MAX)).collect();
    sorted.sort_unstable_by(|a, b| compare(*a, *b));
    let mut places = vec![NULL; sorted.len()];
    for (place, number) in (0..).zip(sorted) {
        if let Some(of_number) = places.get_mut(number as usize) {
            *of_number = place;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_comes_back_from_it() {
        let mut texts = Texts::default();
        let given: Vec<u32> = [Some("b"), None, Some(""), Some("a"), Some("b"), Some("bb"), Some("")]
            .into_iter()
            .map(|text| texts.number(text))
            .collect();
        assert_eq!(given, [1, NULL, 2, 3, 1, 4, 2]);
        let back: Vec<Option<&str>> = (0..=5).map(|number| texts.get(number)).collect();
        assert_eq!(back, [None, Some("b"), Some(""), Some("a"), Some("bb"), None]);
        // Null, the empty text, a, b, bb.
        assert_eq!(texts.places(), [0, 3, 1, 2, 4]);
    }

    #[test]
    fn numbers_are_sorted_as_numbers() {
        let mut numbers = Numbers::default();
        for value in [Some(10), Some(-3), None, Some(10), Some(0)] {
            numbers.number(value);
        }
        assert_eq!(numbers.places(), [0, 3, 1, 2]);
        assert_eq!((numbers.get(2), numbers.get(NULL), numbers.get(4)), (Some(-3), None, None));
    }
}
