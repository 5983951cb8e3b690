//! A run that is killed at any moment and continued: nothing is lost, nothing is counted twice, no statement is paid twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use palisade::aws::{AwsError, Kind, calls};
use palisade::engine::athena::ledger::{ATTEMPTS, Entry, Keep, Kept, Ledger, State};
use palisade::engine::athena::runner::{Failed, Patience, Runner, Stop, Work};
use palisade::engine::athena::service::{Look, Phase, Request, Service};
use proptest::prelude::*;

/// Athena, as far as a ledger can tell: a token starts one execution.
#[derive(Debug, Default)]
struct World {
    by_token: BTreeMap<String, (Request, String)>,
    executions: BTreeMap<String, Execution>,
    /// The ledger as it lies on the disk.
    saved: String,
    /// Outcomes of the attempts at a statement, the last one repeated. True succeeds.
    script: BTreeMap<String, Vec<bool>>,
    started: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Execution {
    sql: String,
    polls: u32,
    succeeds: bool,
    stopped: bool,
}

/// One process: everything it does counts, and at a certain count it is dead.
#[derive(Debug, Clone)]
struct Process {
    world: Arc<Mutex<World>>,
    steps: Arc<AtomicUsize>,
    dies_at: usize,
    /// The last thing it did took effect before it died.
    after_effect: bool,
    refusals: Arc<AtomicUsize>,
}

impl Process {
    fn new(world: &Arc<Mutex<World>>, dies_at: usize, after_effect: bool) -> Self {
        Process { world: Arc::clone(world), steps: Arc::default(), dies_at, after_effect, refusals: Arc::default() }
    }

    /// Does something, unless the process is dead; dies over it or after it.
    fn step<T>(&self, act: impl FnOnce(&mut World) -> T) -> Option<T> {
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        match step.cmp(&self.dies_at) {
            std::cmp::Ordering::Less => Some(act(&mut self.world.lock().unwrap())),
            std::cmp::Ordering::Equal if self.after_effect => {
                act(&mut self.world.lock().unwrap());
                None
            }
            _ => None,
        }
    }
}

fn dead() -> AwsError {
    AwsError { kind: Kind::Other, ..AwsError::unusable(&calls::athena::GET_QUERY_EXECUTION, "test", "killed") }
}

#[async_trait]
impl Service for Process {
    async fn start(&self, request: &Request) -> Result<String, AwsError> {
        if self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(AwsError { kind: Kind::Throttled, ..dead() });
        }
        let id = self.step(|world| {
            if let Some((known, id)) = world.by_token.get(&request.token) {
                assert_eq!(known, request, "the same token for another statement");
                return id.clone();
            }
            let id = format!("execution-{}", world.executions.len());
            let earlier = world.started.entry(request.sql.clone()).or_default();
            let script = &world.script[&request.sql];
            let succeeds = script.get(*earlier).or(script.last()).copied().unwrap();
            *earlier += 1;
            world.executions.insert(id.clone(), Execution { sql: request.sql.clone(), polls: 2, succeeds, stopped: false });
            world.by_token.insert(request.token.clone(), (request.clone(), id.clone()));
            id
        });
        id.ok_or_else(dead)
    }

    async fn look(&self, execution_id: &str) -> Result<Look, AwsError> {
        let look = self.step(|world| {
            let execution = world.executions.get_mut(execution_id).unwrap();
            execution.polls = execution.polls.saturating_sub(1);
            let phase = match (execution.polls, execution.stopped, execution.succeeds) {
                (_, true, _) => Phase::Cancelled,
                (0, _, true) => Phase::Succeeded,
                (0, _, false) => Phase::Failed,
                _ => Phase::Waiting,
            };
            Look {
                phase,
                reason: (phase == Phase::Failed).then(|| "GENERIC_INTERNAL_ERROR".to_owned()),
                retryable: true,
                bytes: 100,
                milliseconds: 1,
                reused: false,
                manifest: None,
            }
        });
        look.ok_or_else(dead)
    }

    async fn stop(&self, execution_id: &str) -> Result<(), AwsError> {
        self.step(|world| world.executions.get_mut(execution_id).unwrap().stopped = true).ok_or_else(dead)
    }
}

#[derive(Debug)]
struct Disk(Process);

impl Keep for Disk {
    fn save(&self, text: &str) -> io::Result<()> {
        self.0.step(|world| text.clone_into(&mut world.saved)).ok_or_else(|| io::Error::other("killed"))
    }
}

const AT_ONCE: Patience = Patience {
    first_look: Duration::ZERO,
    longest_look: Duration::ZERO,
    longest_start: Duration::ZERO,
    queue: Duration::from_secs(60),
    cancel: Duration::from_secs(60),
};

fn work(number: usize) -> Work {
    Work {
        key: format!("{number:064}"),
        description: Entry { purpose: "activity".to_owned(), accounts: vec![format!("{number:012}")], ..Entry::default() },
        sql: format!("SELECT {number}"),
        parameters: vec!["'x'".to_owned()],
        unload_below: None,
        reuse_minutes: 0,
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs all statements in one process; `None` when it could not even begin.
fn live(process: &Process, count: usize, concurrency: u16, max_scan: Option<u64>) -> Option<Vec<Result<String, Failed>>> {
    let saved = process.world.lock().unwrap().saved.clone();
    let disk = Box::new(Disk(process.clone()));
    let kept = if saved.is_empty() {
        Kept::begin_in(disk, "run", "2026-11-20T00:00:00Z").ok()?
    } else {
        let ledger: Ledger = serde_json::from_str(&saved).unwrap();
        Kept::resume_in(disk, ledger)
    };
    let runner = Runner::new(Arc::new(process.clone()), Arc::new(kept), concurrency, max_scan, AT_ONCE);
    Some(block_on(async {
        let works: Vec<Work> = (0..count).map(work).collect();
        let runs = works.iter().map(|work| async { runner.run(work).await.map(|done| done.execution_id) });
        futures::future::join_all(runs).await
    }))
}

fn world(scripts: &[Vec<bool>]) -> Arc<Mutex<World>> {
    let script = scripts.iter().enumerate().map(|(number, script)| (format!("SELECT {number}"), script.clone())).collect();
    Arc::new(Mutex::new(World { script, ..World::default() }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn killed_anywhere_and_continued_everything_is_done_once(
        failures in prop::collection::vec(0usize..ATTEMPTS, 1..6),
        kills in prop::collection::vec((0usize..40, any::<bool>()), 0..10),
        concurrency in 1u16..4,
    ) {
        let scripts: Vec<Vec<bool>> =
            failures.iter().map(|failures| [vec![false; *failures], vec![true]].concat()).collect();
        let world = world(&scripts);
        for (dies_at, after_effect) in kills {
            live(&Process::new(&world, dies_at, after_effect), scripts.len(), concurrency, None);
        }
        let results = live(&Process::new(&world, usize::MAX, false), scripts.len(), concurrency, None).unwrap();
        let world = world.lock().unwrap();
        let ledger: Ledger = serde_json::from_str(&world.saved).unwrap();
        for (number, (result, failures)) in results.into_iter().zip(&failures).enumerate() {
            // Nothing lost: every statement has its result.
            let id = result.unwrap();
            let mine: Vec<_> = world.executions.iter().filter(|(_, execution)| execution.sql == format!("SELECT {number}")).collect();
            // No statement is paid twice: what failed failed, and the rest is one.
            prop_assert_eq!(mine.len(), failures + 1);
            let succeeded: Vec<&String> = mine.iter().filter(|(_, execution)| execution.succeeds).map(|(id, _)| *id).collect();
            prop_assert_eq!(succeeded, vec![&id]);
        }
        // Everything that Athena ran is in the ledger, once, with its bytes.
        let known: Vec<String> = ledger.statements.values().flat_map(|entry| &entry.attempts).filter_map(|attempt| attempt.execution_id.clone()).collect();
        prop_assert_eq!(known.len(), world.executions.len());
        prop_assert_eq!(known.into_iter().collect::<BTreeSet<_>>(), world.executions.keys().cloned().collect::<BTreeSet<_>>());
        prop_assert_eq!(ledger.bytes(), 100 * world.executions.len() as u64);
    }
}

#[test]
fn too_many_active_statements_are_waited_for() {
    let world = world(&[vec![true]]);
    let process = Process::new(&world, usize::MAX, false);
    process.refusals.store(5, Ordering::SeqCst);
    assert!(live(&process, 1, 1, None).unwrap()[0].is_ok());
    assert_eq!(world.lock().unwrap().executions.len(), 1);
}

#[test]
fn a_statement_that_fails_for_good_leaves_the_others() {
    let world = world(&[vec![true], vec![false], vec![true]]);
    let results = live(&Process::new(&world, usize::MAX, false), 3, 2, None).unwrap();
    assert!(results[0].is_ok() && results[2].is_ok());
    let error = results[1].as_ref().unwrap_err().to_string();
    assert!(error.contains("GENERIC_INTERNAL_ERROR"), "{error}");
    assert_eq!(world.lock().unwrap().executions.len(), 2 + ATTEMPTS);
}

#[test]
fn scanning_more_than_allowed_cancels_what_runs_and_starts_nothing() {
    // Each scans 100 bytes; one at a time, so the third is the first that may not be started.
    let world = world(&[vec![true], vec![true], vec![true], vec![true]]);
    let results = live(&Process::new(&world, usize::MAX, false), 4, 1, Some(150)).unwrap();
    assert!(results[0].is_ok());
    let stopped =
        |result: &Result<String, Failed>| matches!(result, Err(Failed::Stopped(Stop::MaxScan { limit: 150, scanned: 200 })));
    assert!(results[2..].iter().all(stopped), "{results:?}");
    let world = world.lock().unwrap();
    assert_eq!(world.executions.len(), 2);
    assert!(world.executions["execution-1"].stopped);
    let ledger: Ledger = serde_json::from_str(&world.saved).unwrap();
    let states: Vec<State> = ledger.statements.values().map(|entry| entry.attempts.last().unwrap().state).collect();
    assert_eq!(states, [State::Succeeded, State::Interrupted]);
}

/// What was scanned before a run was continued counts.
#[test]
fn the_limit_of_a_continued_run_counts_what_was_paid_before() {
    let world = world(&[vec![true], vec![true]]);
    live(&Process::new(&world, usize::MAX, false), 1, 1, None).unwrap();
    let results = live(&Process::new(&world, usize::MAX, false), 2, 1, Some(50)).unwrap();
    assert!(results[0].is_ok(), "a finished statement costs nothing");
    assert!(matches!(results[1], Err(Failed::Stopped(Stop::MaxScan { .. }))));
    assert_eq!(world.lock().unwrap().executions.len(), 1);
}
