//! Takes a statement to its end: started once, watched, cancelled when the run may not go on, tried again where that may help.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep};

use super::ledger::{Ended, Entry, Kept, LedgerError, Next, State};
use super::service::{Look, Phase, Request, Service};
use crate::aws::{AwsError, Kind};

/// How long to wait, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Between two looks at a statement, at first and at most.
    pub first_look: Duration,
    pub longest_look: Duration,
    /// Between two attempts to start one while too many are active, at most.
    pub longest_start: Duration,
    /// All of that for one statement.
    pub queue: Duration,
    /// For a statement to end that was cancelled.
    pub cancel: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            first_look: Duration::from_millis(250),
            longest_look: Duration::from_secs(5),
            longest_start: Duration::from_secs(30),
            queue: Duration::from_secs(3_600),
            cancel: Duration::from_secs(15),
        }
    }
}

/// A statement to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The same statement has the same key.
    pub key: String,
    pub description: Entry,
    pub sql: String,
    pub parameters: Vec<String>,
    /// Where UNLOAD writes, a folder that ends in `/`; `None` for a statement whose rows are fetched in pages.
    pub unload_below: Option<String>,
    pub reuse_minutes: u16,
}

impl Work {
    /// Where an attempt writes: each its own place, since UNLOAD refuses one that holds something.
    fn location(&self, run: &str, attempt: usize) -> Option<String> {
        let short = |text: &str| text.get(..16).unwrap_or(text).to_owned();
        self.unload_below.as_ref().map(|below| format!("{below}palisade/{}/{}-{attempt}/", short(run), short(&self.key)))
    }

    fn text(&self, run: &str, attempt: usize) -> String {
        match self.location(run, attempt) {
            None => self.sql.clone(),
            Some(location) => format!(
                "UNLOAD (\n{}\n)\nTO '{}'\nWITH (format = 'PARQUET', compression = 'SNAPPY')",
                self.sql,
                location.replace('\'', "''")
            ),
        }
    }
}

/// A statement that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub execution_id: String,
    pub attempt: usize,
    pub manifest: Option<String>,
}

/// Why everything has to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    Interrupted,
    MaxScan {
        limit: u64,
        scanned: u64,
    },
    /// Nothing that follows can succeed.
    Fatal(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::Interrupted => formatter.write_str("interrupted"),
            Stop::MaxScan { limit, scanned } => {
                write!(formatter, "cancelled: {scanned} bytes are scanned already, and --max-scan allows {limit}")
            }
            Stop::Fatal(message) => formatter.write_str(message),
        }
    }
}

/// Why a statement has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failed {
    #[error("{0}")]
    Aws(#[from] AwsError),
    /// Athena says why.
    #[error("{0}")]
    Statement(String),
    #[error("{0}")]
    Stopped(Stop),
    #[error("{0}")]
    Ledger(String),
}

impl From<LedgerError> for Failed {
    fn from(error: LedgerError) -> Self {
        Failed::Ledger(error.to_string())
    }
}

/// Runs statements, so many at a time.
#[derive(Debug)]
pub struct Runner {
    service: Arc<dyn Service>,
    ledger: Arc<Kept>,
    patience: Patience,
    places: Semaphore,
    max_scan: Option<u64>,
    /// Bytes by execution, of those that run.
    running: Mutex<BTreeMap<String, u64>>,
    active: AtomicUsize,
    stop: watch::Sender<Option<Stop>>,
}

impl Runner {
    pub fn new(
        service: Arc<dyn Service>,
        ledger: Arc<Kept>,
        concurrency: u16,
        max_scan: Option<u64>,
        patience: Patience,
    ) -> Self {
        Runner {
            service,
            ledger,
            patience,
            places: Semaphore::new(usize::from(concurrency.max(1))),
            max_scan,
            running: Mutex::default(),
            active: AtomicUsize::new(0),
            stop: watch::Sender::new(None),
        }
    }

    pub fn ledger(&self) -> &Kept {
        &self.ledger
    }

    /// Ends everything: what runs is cancelled, and nothing new is started. The first reason counts.
    pub fn stop(&self, why: Stop) {
        self.stop.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(why);
            }
            first
        });
    }

    /// Why everything has to end, if it has to.
    pub fn stopped(&self) -> Option<Stop> {
        self.stop.borrow().clone()
    }

    /// Statements on their way to their end.
    pub fn active(&self) -> usize {
        self.active.load(Ordering::SeqCst)
    }

    /// Takes a statement to its end, from wherever the ledger says that it is.
    pub async fn run(&self, work: &Work) -> Result<Done, Failed> {
        let _place = self.places.acquire().await.map_err(|_| Failed::Stopped(Stop::Interrupted))?;
        self.active.fetch_add(1, Ordering::SeqCst);
        let result = self.to_the_end(work).await;
        self.active.fetch_sub(1, Ordering::SeqCst);
        if let Err(failed) = &result {
            self.consider(failed);
        }
        result
    }

    /// A result that turned out lost: the statement is started anew, if it may be.
    pub fn lost(&self, work: &Work, done: &Done, reason: &str) -> Result<(), Failed> {
        let ended = Ended { reason: Some(reason.to_owned()), ..Ended::default() };
        Ok(self.ledger.change(|ledger| ledger.ended(&work.key, done.attempt, State::Interrupted, &ended))?)
    }

    async fn to_the_end(&self, work: &Work) -> Result<Done, Failed> {
        loop {
            match self.ledger.next(&work.key) {
                Next::Start { token, attempt } => {
                    if let Some(stop) = self.stopped() {
                        return Err(Failed::Stopped(stop));
                    }
                    self.check_scan()?;
                    self.ledger.change(|ledger| ledger.plan(&work.key, &work.description, &token, attempt))?;
                    let request = Request {
                        token,
                        sql: work.text(&self.ledger.run(), attempt),
                        parameters: work.parameters.clone(),
                        reuse_minutes: work.reuse_minutes,
                    };
                    match self.start(&request).await {
                        Ok(id) => self.ledger.change(|ledger| ledger.started(&work.key, attempt, &id))?,
                        Err(Failed::Aws(error))
                            if matches!(error.kind, Kind::Invalid | Kind::AccessDenied | Kind::NotFound) =>
                        {
                            let ended = Ended { reason: Some(error.to_string()), ..Ended::default() };
                            self.ledger.change(|ledger| ledger.ended(&work.key, attempt, State::Failed, &ended))?;
                            return Err(Failed::Aws(error));
                        }
                        // Whether it was started is not certain: the token stays in the ledger.
                        Err(error) => return Err(error),
                    }
                }
                Next::Watch { execution_id, attempt } => {
                    let look = self.watch(&execution_id).await?;
                    self.book(work, &execution_id, attempt, &look)?;
                    if look.phase == Phase::Succeeded {
                        return Ok(Done { execution_id, attempt, manifest: look.manifest });
                    }
                    if let Some(stop) = self.stopped() {
                        return Err(Failed::Stopped(stop));
                    }
                }
                Next::Fetch { execution_id, attempt } => {
                    let look = self.service.look(&execution_id).await?;
                    return Ok(Done { execution_id, attempt, manifest: look.manifest });
                }
                Next::GiveUp { reason } => return Err(Failed::Statement(reason)),
            }
        }
    }

    /// Starts a statement; waits while too many are active.
    async fn start(&self, request: &Request) -> Result<String, Failed> {
        let begun = Instant::now();
        let mut wait = self.patience.first_look;
        let mut stop = self.stop.subscribe();
        loop {
            let error = match self.service.start(request).await {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            let patient = match error.kind {
                Kind::Throttled => self.patience.queue,
                // The SDK tried several times. Once more under the same token is safe.
                Kind::Unreachable | Kind::Server => self.patience.longest_start * 2,
                _ => Duration::ZERO,
            };
            if begun.elapsed() + wait > patient {
                return Err(error.into());
            }
            tracing::info!(code = error.code.as_deref(), "statement not started yet, waiting");
            tokio::select! {
                () = sleep(jittered(wait)) => {}
                _ = stop.wait_for(Option::is_some) => return Err(Failed::Stopped(self.stopped().unwrap_or(Stop::Interrupted))),
            }
            wait = (wait * 2).min(self.patience.longest_start);
        }
    }

    /// Waits for the end of a statement; cancels it when everything has to end.
    async fn watch(&self, execution_id: &str) -> Result<Look, Failed> {
        let mut wait = self.patience.first_look;
        let mut stop = self.stop.subscribe();
        let mut cancelled: Option<Instant> = None;
        let mut failures = 0_u32;
        loop {
            match self.service.look(execution_id).await {
                Ok(look) if look.phase != Phase::Waiting => {
                    self.running().remove(execution_id);
                    return Ok(look);
                }
                Ok(look) => {
                    failures = 0;
                    self.running().insert(execution_id.to_owned(), look.bytes);
                    // Whoever notices first stops all.
                    let _ = self.check_scan();
                }
                // The statement runs on, whether it can be seen or not.
                Err(error) if matches!(error.kind, Kind::Throttled | Kind::Unreachable | Kind::Server) && failures < 20 => {
                    failures += 1;
                }
                Err(error) => return Err(error.into()),
            }
            if self.stopped().is_some() && cancelled.is_none() {
                cancelled = Some(Instant::now());
                wait = self.patience.first_look;
                if let Err(error) = self.service.stop(execution_id).await {
                    tracing::warn!(%error, execution_id, "a statement could not be cancelled");
                }
            }
            match cancelled {
                Some(since) if since.elapsed() > self.patience.cancel => {
                    return Err(Failed::Stopped(self.stopped().unwrap_or(Stop::Interrupted)));
                }
                Some(_) => sleep(wait).await,
                None => tokio::select! {
                    () = sleep(jittered(wait)) => {}
                    _ = stop.wait_for(Option::is_some) => {}
                },
            }
            wait = (wait * 3 / 2).min(self.patience.longest_look);
        }
    }

    /// Writes the end of a statement down.
    fn book(&self, work: &Work, execution_id: &str, attempt: usize, look: &Look) -> Result<(), Failed> {
        let state = match look.phase {
            Phase::Succeeded => State::Succeeded,
            Phase::Failed if look.retryable => State::Interrupted,
            Phase::Failed | Phase::Waiting => State::Failed,
            // By this run, which may be continued; or by somebody else, who had a reason.
            Phase::Cancelled if self.stopped().is_some() => State::Interrupted,
            Phase::Cancelled => State::Failed,
        };
        let what = match look.phase {
            Phase::Cancelled => "was cancelled",
            _ => "failed",
        };
        let reason = (state != State::Succeeded).then(|| {
            let why = look.reason.as_deref().unwrap_or("Athena gives no reason");
            format!("statement {execution_id} {what}: {why}")
        });
        tracing::debug!(
            execution_id,
            attempt,
            bytes = look.bytes,
            milliseconds = look.milliseconds,
            reused = look.reused,
            reason,
            "statement ended on Athena"
        );
        let ended = Ended { bytes: look.bytes, milliseconds: look.milliseconds, reused: look.reused, reason };
        self.ledger.change(|ledger| ledger.ended(&work.key, attempt, state, &ended))?;
        let _ = self.check_scan();
        Ok(())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops everything when more was scanned than may be.
    fn check_scan(&self) -> Result<(), Failed> {
        let Some(limit) = self.max_scan else { return Ok(()) };
        let running: u64 = self.running().values().copied().fold(0, u64::saturating_add);
        let scanned = self.ledger.copy().bytes().saturating_add(running);
        if scanned <= limit {
            return Ok(());
        }
        let stop = Stop::MaxScan { limit, scanned };
        self.stop(stop.clone());
        Err(Failed::Stopped(stop))
    }

    /// Some failures concern all statements: then none is started any more, and those that run are cancelled.
    fn consider(&self, failed: &Failed) {
        match failed {
            Failed::Aws(error) if matches!(error.kind, Kind::NoCredentials | Kind::CredentialsExpired) => {
                self.stop(Stop::Fatal(error.to_string()));
            }
            Failed::Ledger(message) => self.stop(Stop::Fatal(message.clone())),
            _ => {}
        }
    }
}

/// Between a half and the whole, so that several who wait do not come back at once.
fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let noise = u32::try_from(RandomState::new().hash_one(0_u8) % 1_000).unwrap_or(0);
    wait / 2 + wait / 2 * noise / 1_000
}
