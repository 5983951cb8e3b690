//! Calls that differ only in when they were made are one call with a count: what differs is judged once, and held once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use super::call::Call;

/// Distinct calls, collected as they come.
#[derive(Debug, Default)]
pub struct Distinct {
    calls: HashMap<Hashed, Seen, RandomState>,
}

/// One seed for all threads, so that what they collected can be put together without hashing it again.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// A call without what [`Seen`] holds, with its hash: a call has fifty columns, which a growing table need not look at again.
#[derive(Debug, PartialEq, Eq)]
struct Hashed {
    hash: u64,
    call: Box<Call>,
}

impl Hash for Hashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// What calls that are alike differ in.
#[derive(Debug)]
struct Seen {
    /// The smallest, so that the same calls have the same id whatever their order.
    event_id: Option<Box<str>>,
    count: u64,
    first: Option<i64>,
    last: Option<i64>,
}

impl Seen {
    fn merge(&mut self, other: Seen) {
        self.count = self.count.saturating_add(other.count);
        self.first = match (self.first, other.first) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
        self.last = self.last.max(other.last);
        self.event_id = match (self.event_id.take(), other.event_id) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
    }
}

impl Distinct {
    /// Takes in one call.
    pub fn add(&mut self, mut call: Call) {
        let seen = Seen {
            event_id: call.event_id.take(),
            count: std::mem::take(&mut call.event_count),
            first: call.first_seen.take(),
            last: call.last_seen.take(),
        };
        self.insert(Hashed { hash: SEED.hash_one(&call), call: Box::new(call) }, seen);
    }

    /// Takes in what another thread has collected.
    pub fn merge(&mut self, other: Distinct) {
        let (mut larger, smaller) =
            if self.calls.len() < other.calls.len() { (other, std::mem::take(self)) } else { (std::mem::take(self), other) };
        for (call, seen) in smaller.calls {
            larger.insert(call, seen);
        }
        *self = larger;
    }

    fn insert(&mut self, call: Hashed, seen: Seen) {
        match self.calls.entry(call) {
            Entry::Vacant(entry) => {
                entry.insert(seen);
            }
            Entry::Occupied(mut entry) => entry.get_mut().merge(seen),
        }
    }

    /// The calls, the first made first; the same calls in the same order, whatever order they came in.
    pub fn into_calls(self) -> Vec<Call> {
        let mut calls: Vec<Call> = self
            .calls
            .into_iter()
            .map(|(Hashed { call, .. }, seen)| Call {
                event_id: seen.event_id,
                event_count: seen.count,
                first_seen: seen.first,
                last_seen: seen.last,
                ..*call
            })
            .collect();
        calls.sort_unstable_by(|a, b| (a.first_seen, &a.event_id).cmp(&(b.first_seen, &b.event_id)).then_with(|| a.cmp(b)));
        calls
    }
}

impl FromIterator<Call> for Distinct {
    fn from_iter<I: IntoIterator<Item = Call>>(calls: I) -> Distinct {
        let mut distinct = Distinct::default();
        calls.into_iter().for_each(|call| distinct.add(call));
        distinct
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, id: &str, time: i64) -> Call {
        Call {
            event_name: Some(name.into()),
            event_id: Some(id.into()),
            event_count: 1,
            first_seen: Some(time),
            last_seen: Some(time),
            ..Call::default()
        }
    }

    #[test]
    fn calls_that_are_alike_are_one_whatever_their_order_and_the_threads_that_saw_them() {
        let calls = [call("A", "3", 30), call("B", "2", 20), call("A", "1", 40), call("A", "4", 10)];
        let expected = vec![Call { event_count: 3, last_seen: Some(40), ..call("A", "1", 10) }, call("B", "2", 20)];
        assert_eq!(calls.iter().cloned().collect::<Distinct>().into_calls(), expected);
        assert_eq!(calls.iter().rev().cloned().collect::<Distinct>().into_calls(), expected);
        let [first, second, third, fourth] = calls;
        let mut one: Distinct = [first, second].into_iter().collect();
        one.merge([third, fourth].into_iter().collect());
        assert_eq!(one.into_calls(), expected);
    }
}
