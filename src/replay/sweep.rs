//! All calls through all scenarios, over threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::candidate::{Candidate, Plan, Scenario};
use super::outcome::{Judge, Judged, Outcome, keys_that_decide};
use super::refine::FEATURES;
use super::rows::Rows;
use super::session_policy::SessionPolicies;
use super::words::{Words, words};
use super::{Call, KeySet, World};
use crate::policy::request::Request;

/// Calls that a thread takes at a time.
const SHARE: usize = 256;

/// What becomes of all calls in one scenario.
#[derive(Debug, Clone, Default)]
pub struct Swept {
    pub rows: Rows,
    /// Calls by outcome.
    pub calls: HashMap<Outcome, u64>,
    /// Does any call use an action that a statement of the change is about?
    pub action_used: bool,
}

/// Judges all calls in all scenarios. `keep` sees every judged call once, with the number of the scenario.
pub fn sweep(
    plan: &Plan,
    calls: &[&Call],
    world: &World<'_>,
    threads: usize,
    keep: &(impl Fn(usize, &Call, &Judged) + Sync),
) -> Vec<Swept> {
    let keys = keys_that_decide(plan);
    // Most calls go on as before: where keys came from is told of the others only, and with the keys that a refinement looks at.
    let narrow = world.with_keys(&keys).without_provenance();
    let told: KeySet = keys.iter().map(|(_, name)| name).chain(FEATURES).collect();
    let told = world.with_keys(&told);
    let goes_on = |judged: &Judged| matches!(judged.outcome, Outcome::Unchanged | Outcome::NotApplicable);
    let next = AtomicUsize::new(0);
    let empty = || -> Vec<Swept> { plan.scenarios.iter().map(|_| Swept::default()).collect() };
    let result: Mutex<Vec<Swept>> = Mutex::new(empty());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut brief = Judge::new(plan, world.inventory).outcomes_only();
                let mut judge = Judge::new(plan, world.inventory);
                let mut own = empty();
                loop {
                    let start = next.fetch_add(SHARE, Ordering::Relaxed);
                    let Some(share) = calls.get(start..calls.len().min(start.saturating_add(SHARE))) else { break };
                    if share.is_empty() {
                        break;
                    }
                    for call in share.iter().copied() {
                        // The session policy of a call that was denied may read keys that no other policy does.
                        let is_narrowed = call.was_denied() && world.lineage.link(call).and_then(SessionPolicies::of).is_some();
                        let judged = if is_narrowed {
                            judge.judge(call, world)
                        } else {
                            let outcomes = brief.judge(call, &narrow);
                            if outcomes.iter().all(goes_on) { outcomes } else { judge.judge(call, &told) }
                        };
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
                    all.action_used |= own.action_used;
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
    swept.action_used = swept.action_used || uses_action(judged, scenario);
    let words = match judged.outcome {
        // The rows of calls that go on as before say no more than this.
        Outcome::Unchanged => {
            Words { reason: "Not denied: no statement that changes denies it".to_owned(), ..Words::default() }
        }
        _ => words(judged, call, scenario, world.lineage),
    };
    swept.rows.add(call, judged, words);
}

/// Is a statement that the change brings about an action of the call? What a change takes away is not asked.
fn uses_action(judged: &Judged, scenario: &Scenario) -> bool {
    let names = |request: &Request, candidate: &Candidate| {
        let mut statements = candidate.policy.statements_for(&request.service);
        statements.any(|statement| !statement.action(request).is_false())
    };
    !scenario.only_adds()
        || judged
            .permissions
            .iter()
            .map(|permission| &permission.authorization.request)
            .any(|request| scenario.candidates().any(|candidate| names(request, candidate)))
}
