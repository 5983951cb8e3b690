//! All calls through all scenarios, over threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::candidate::{Plan, Scenario};
use super::outcome::{Judge, Judged, Outcome, keys_that_decide};
use super::rows::Rows;
use super::words::{Words, words};
use super::{Call, World};

/// Calls that a thread takes at a time.
const SHARE: usize = 256;

/// What becomes of all calls in one scenario.
#[derive(Debug, Clone, Default)]
pub struct Swept {
    pub rows: Rows,
    /// Calls by outcome.
    pub calls: HashMap<Outcome, u64>,
}

/// Calls that differ only in when they were made are one call with a count: what differs is judged once.
pub fn distinct(calls: Vec<Call>) -> Vec<Call> {
    let mut places: HashMap<Call, usize> = HashMap::with_capacity(calls.len());
    let mut distinct: Vec<Call> = Vec::new();
    for call in calls {
        let mut key = call.clone();
        key.event_id = None;
        key.event_count = 0;
        key.first_seen = None;
        key.last_seen = None;
        match places.get(&key).and_then(|place| distinct.get_mut(*place)) {
            Some(own) => {
                own.event_count = own.event_count.saturating_add(call.event_count);
                own.first_seen = match (own.first_seen, call.first_seen) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                own.last_seen = own.last_seen.max(call.last_seen);
                if call.event_id < own.event_id {
                    own.event_id = call.event_id;
                }
            }
            None => {
                places.insert(key, distinct.len());
                distinct.push(call);
            }
        }
    }
    distinct
}

/// Judges all calls in all scenarios. `keep` sees every judged call once, with the number of the scenario.
pub fn sweep(
    plan: &Plan,
    calls: &[Call],
    world: &World<'_>,
    threads: usize,
    keep: &(impl Fn(usize, &Call, &Judged) + Sync),
) -> Vec<Swept> {
    let keys = keys_that_decide(plan);
    // Most calls go on as before: the keys that decide are enough for these, and where they came from is told of the others only.
    let narrow = world.with_keys(&keys);
    let goes_on = |judged: &Judged| matches!(judged.outcome, Outcome::Unchanged | Outcome::NotApplicable);
    let next = AtomicUsize::new(0);
    let empty = || -> Vec<Swept> { plan.scenarios.iter().map(|_| Swept::default()).collect() };
    let result: Mutex<Vec<Swept>> = Mutex::new(empty());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut judge = Judge::new(plan, world.inventory);
                let mut own = empty();
                loop {
                    let start = next.fetch_add(SHARE, Ordering::Relaxed);
                    let Some(share) = calls.get(start..calls.len().min(start.saturating_add(SHARE))) else { break };
                    if share.is_empty() {
                        break;
                    }
                    for call in share {
                        let mut judged = judge.judge(call, &narrow);
                        if !judged.iter().all(goes_on) {
                            judged = judge.judge(call, world);
                        }
                        for (number, ((swept, judged), scenario)) in
                            own.iter_mut().zip(&judged).zip(&plan.scenarios).enumerate()
                        {
                            keep(number, call, judged);
                            add(swept, call, judged, scenario, world);
                        }
                    }
                }
                let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
                for (all, own) in result.iter_mut().zip(own) {
                    all.rows.merge(own.rows);
                    for (outcome, calls) in own.calls {
                        let sum = all.calls.entry(outcome).or_default();
                        *sum = sum.saturating_add(calls);
                    }
                }
            });
        }
    });
    result.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn add(swept: &mut Swept, call: &Call, judged: &Judged, scenario: &Scenario, world: &World<'_>) {
    let sum = swept.calls.entry(judged.outcome).or_default();
    *sum = sum.saturating_add(call.event_count);
    let words = match judged.outcome {
        // The rows of calls that go on as before say no more than this.
        Outcome::Unchanged => {
            Words { reason: "Not denied: no statement that changes denies it".to_owned(), ..Words::default() }
        }
        _ => words(judged, call, scenario, world.lineage),
    };
    swept.rows.add(call, judged, words);
}
