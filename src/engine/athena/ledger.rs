//! The ledger of a run: every statement, written down before it is started and after, so that a run that was killed at any moment
//! can be continued without paying for a statement twice.
//!
//! A statement is started under a token that is in the ledger before. Athena starts a statement once for each token, and answers
//! the same execution afterwards. So whoever finds a token without an execution asks again with the same token, and gets the one
//! that may be running already.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::run::atomic;

/// The file in the folder of a run.
pub const FILE_NAME: &str = "statements.json";
const VERSION: u32 = 1;
/// Times that a statement is tried.
pub const ATTEMPTS: usize = 3;

/// All statements of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    pub version: u32,
    /// Random, made once: tokens are derived from it, so two runs never share a statement by accident.
    pub run: String,
    /// The moment that counts as now in the run, RFC 3339: relative days must mean the same when it is continued.
    pub now: String,
    /// By key.
    pub statements: BTreeMap<String, Entry>,
}

/// One statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is for: `activity`, or the name of a query.
    pub purpose: String,
    pub accounts: Vec<String>,
    /// First and last day.
    pub from: String,
    pub to: String,
    /// In the order in which they were made; the last one counts.
    pub attempts: Vec<Attempt>,
    /// So many of the attempts belong to a run that was continued since, and do not count against the limit.
    pub forgiven: usize,
}

/// One attempt at a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    pub token: String,
    pub state: State,
    pub execution_id: Option<String>,
    pub bytes: u64,
    pub milliseconds: u64,
    /// The result of an earlier statement was reused, which costs nothing.
    pub reused: bool,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The token is chosen; whether Athena knows it is not certain.
    Planned,
    Started,
    Succeeded,
    /// It failed, and trying again may help.
    Interrupted,
    /// It failed for good.
    Failed,
}

/// What to do for a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Start it, under this token. The attempt counts from 1.
    Start { token: String, attempt: usize },
    /// Look what became of it.
    Watch { execution_id: String, attempt: usize },
    /// Fetch its result.
    Fetch { execution_id: String, attempt: usize },
    /// It failed for good.
    GiveUp { reason: String },
}

/// The end of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    pub bytes: u64,
    pub milliseconds: u64,
    pub reused: bool,
    pub reason: Option<String>,
}

impl Ledger {
    fn new(run: String, now: String) -> Self {
        Ledger { version: VERSION, run, now, statements: BTreeMap::new() }
    }

    /// The token of an attempt: the same run, statement and attempt have the same one, nothing else has. 64 characters; Athena
    /// takes 32 to 128.
    fn token(&self, key: &str, attempt: usize) -> String {
        hex(&[self.run.as_bytes(), key.as_bytes(), attempt.to_string().as_bytes()])
    }

    /// What to do next for a statement. An attempt that does not exist yet is not written down by this.
    pub fn next(&self, key: &str) -> Next {
        let entry = self.statements.get(key);
        let attempts = entry.map(|entry| entry.attempts.as_slice()).unwrap_or_default();
        let number = attempts.len();
        let counted = number.saturating_sub(entry.map_or(0, |entry| entry.forgiven));
        let Some(last) = attempts.last() else { return Next::Start { token: self.token(key, 1), attempt: 1 } };
        match (last.state, &last.execution_id) {
            (State::Planned | State::Started, None) | (State::Succeeded, None) => {
                Next::Start { token: last.token.clone(), attempt: number }
            }
            (State::Planned | State::Started, Some(id)) => Next::Watch { execution_id: id.clone(), attempt: number },
            (State::Succeeded, Some(id)) => Next::Fetch { execution_id: id.clone(), attempt: number },
            (State::Interrupted, _) if counted < ATTEMPTS => {
                Next::Start { token: self.token(key, number + 1), attempt: number + 1 }
            }
            (State::Interrupted | State::Failed, _) => {
                Next::GiveUp { reason: last.reason.clone().unwrap_or_else(|| "it failed without a reason".to_owned()) }
            }
        }
    }

    fn attempt(&mut self, key: &str, number: usize) -> Option<&mut Attempt> {
        self.statements.get_mut(key)?.attempts.get_mut(number.checked_sub(1)?)
    }

    /// Writes an attempt down that is about to be started.
    pub fn plan(&mut self, key: &str, description: &Entry, token: &str, number: usize) {
        let entry =
            self.statements.entry(key.to_owned()).or_insert_with(|| Entry { attempts: Vec::new(), ..description.clone() });
        if entry.attempts.len() < number {
            entry.attempts.push(Attempt {
                token: token.to_owned(),
                state: State::Planned,
                execution_id: None,
                bytes: 0,
                milliseconds: 0,
                reused: false,
                reason: None,
            });
        }
    }

    pub fn started(&mut self, key: &str, number: usize, execution_id: &str) {
        if let Some(attempt) = self.attempt(key, number) {
            attempt.state = State::Started;
            attempt.execution_id = Some(execution_id.to_owned());
        }
    }

    pub fn ended(&mut self, key: &str, number: usize, state: State, ended: &Ended) {
        if let Some(attempt) = self.attempt(key, number) {
            attempt.state = state;
            attempt.bytes = attempt.bytes.max(ended.bytes);
            attempt.milliseconds = attempt.milliseconds.max(ended.milliseconds);
            attempt.reused |= ended.reused;
            attempt.reason.clone_from(&ended.reason);
        }
    }

    /// Failures of an earlier run are tried again when it is continued: what was wrong may have been put right.
    fn forgive(&mut self) {
        for entry in self.statements.values_mut() {
            if entry.attempts.last().is_some_and(|last| matches!(last.state, State::Failed | State::Interrupted)) {
                entry.forgiven = entry.attempts.len();
                if let Some(last) = entry.attempts.last_mut() {
                    last.state = State::Interrupted;
                }
            }
        }
    }

    /// Bytes that all attempts scanned so far.
    pub fn bytes(&self) -> u64 {
        self.statements.values().flat_map(|entry| &entry.attempts).map(|attempt| attempt.bytes).fold(0, u64::saturating_add)
    }
}

/// A key of 64 hexadecimal digits over parts whose borders count.
pub fn hex(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a ledger is kept.
pub trait Keep: Send + Sync + std::fmt::Debug {
    /// Puts the text in the place of the one before, whole or not at all.
    fn save(&self, text: &str) -> io::Result<()>;
}

/// A ledger in a file.
#[derive(Debug)]
struct InFile(PathBuf);

impl Keep for InFile {
    fn save(&self, text: &str) -> io::Result<()> {
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let staged = atomic::stage(folder, FILE_NAME, |out| out.write_all(text.as_bytes()))?;
        staged.publish(&self.0)?;
        atomic::sync_folder(folder)
    }
}

/// Why there is no ledger to work with.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("there is no unfinished run in {}: `{FILE_NAME}` is missing; run it without `--resume`", folder.display())]
    Missing { folder: PathBuf },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no ledger of statements ({reason}); run it without `--resume`", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("cannot write the ledger of statements: {0}; nothing is started that is not written down")]
    Write(#[from] io::Error),
}

/// A ledger that is saved with every change.
#[derive(Debug)]
pub struct Kept {
    ledger: Mutex<Ledger>,
    keep: Box<dyn Keep>,
}

impl Kept {
    /// Begins the ledger of a new run in a folder, in place of an older one.
    pub fn begin(folder: &Path, now: &str) -> Result<Self, LedgerError> {
        let keep = InFile(folder.join(FILE_NAME));
        Self::begin_in(Box::new(keep), &random(), now)
    }

    /// The same, with the place and the name of the run given.
    pub fn begin_in(keep: Box<dyn Keep>, run: &str, now: &str) -> Result<Self, LedgerError> {
        let kept = Kept { ledger: Mutex::new(Ledger::new(run.to_owned(), now.to_owned())), keep };
        kept.change(|_| ())?;
        Ok(kept)
    }

    /// Goes on with the ledger of a folder.
    pub fn resume(folder: &Path) -> Result<Self, LedgerError> {
        let ledger = read(folder)?;
        Ok(Self::resume_in(Box::new(InFile(folder.join(FILE_NAME))), ledger))
    }

    /// Goes on with a ledger that was read.
    pub fn resume_in(keep: Box<dyn Keep>, mut ledger: Ledger) -> Self {
        ledger.forgive();
        Kept { ledger: Mutex::new(ledger), keep }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn run(&self) -> String {
        self.lock().run.clone()
    }

    pub fn next(&self, key: &str) -> Next {
        self.lock().next(key)
    }

    pub fn copy(&self) -> Ledger {
        self.lock().clone()
    }

    /// Changes the ledger and saves it before anybody goes on.
    pub fn change<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> Result<T, LedgerError> {
        let mut ledger = self.lock();
        let result = change(&mut ledger);
        let text = serde_json::to_string_pretty(&*ledger).map_err(io::Error::from)?;
        self.keep.save(&text)?;
        Ok(result)
    }
}

/// Reads the ledger in a folder.
pub fn read(folder: &Path) -> Result<Ledger, LedgerError> {
    let path = folder.join(FILE_NAME);
    let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LedgerError::Missing { folder: folder.to_owned() },
        _ => LedgerError::Read { path: path.clone(), source },
    })?;
    let ledger: Ledger =
        serde_json::from_str(&text).map_err(|error| LedgerError::Damaged { path: path.clone(), reason: error.to_string() })?;
    if ledger.version != VERSION {
        let reason = format!("version {}, expected {VERSION}", ledger.version);
        return Err(LedgerError::Damaged { path, reason });
    }
    Ok(ledger)
}

/// 32 hexadecimal digits that nobody had before.
fn random() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let noise = |salt: u8| RandomState::new().hash_one((salt, std::process::id(), jiff::Timestamp::now().as_nanosecond()));
    format!("{:016x}{:016x}", noise(1), noise(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry { purpose: "activity".to_owned(), ..Entry::default() }
    }

    #[test]
    fn a_statement_goes_from_plan_to_result() {
        let mut ledger = Ledger::new("run".to_owned(), "now".to_owned());
        let Next::Start { token, attempt: 1 } = ledger.next("k") else { panic!("not started") };
        assert_eq!(token.len(), 64);
        ledger.plan("k", &entry(), &token, 1);
        // Killed here: the same token again.
        assert_eq!(ledger.next("k"), Next::Start { token: token.clone(), attempt: 1 });
        ledger.started("k", 1, "id");
        assert_eq!(ledger.next("k"), Next::Watch { execution_id: "id".to_owned(), attempt: 1 });
        ledger.ended("k", 1, State::Succeeded, &Ended { bytes: 7, ..Ended::default() });
        assert_eq!(ledger.next("k"), Next::Fetch { execution_id: "id".to_owned(), attempt: 1 });
        assert_eq!(ledger.bytes(), 7);
    }

    #[test]
    fn another_attempt_has_another_token_and_there_are_three() {
        let mut ledger = Ledger::new("run".to_owned(), "now".to_owned());
        let mut tokens = Vec::new();
        for number in 1..=ATTEMPTS {
            let Next::Start { token, attempt } = ledger.next("k") else { panic!("attempt {number}") };
            assert_eq!(attempt, number);
            ledger.plan("k", &entry(), &token, number);
            ledger.started("k", number, "id");
            let reason = Some("out of memory".to_owned());
            ledger.ended("k", number, State::Interrupted, &Ended { bytes: 5, reason, ..Ended::default() });
            tokens.push(token);
        }
        tokens.dedup();
        assert_eq!(tokens.len(), ATTEMPTS);
        assert_eq!(ledger.next("k"), Next::GiveUp { reason: "out of memory".to_owned() });
        // Continued: tried again, and what was paid is not forgotten.
        ledger.forgive();
        assert!(matches!(ledger.next("k"), Next::Start { attempt: 4, token } if !tokens.contains(&token)));
        assert_eq!(ledger.bytes(), 15);
    }

    #[test]
    fn two_runs_share_no_token() {
        let token = |run: &str| Ledger::new(run.to_owned(), String::new()).token("k", 1);
        assert_ne!(token("a"), token("b"));
        assert_ne!(random(), random());
    }

    #[test]
    fn a_ledger_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::begin(folder.path(), "2026-11-20T00:00:00Z").unwrap();
        kept.change(|ledger| ledger.plan("k", &entry(), "t", 1)).unwrap();
        assert_eq!(read(folder.path()).unwrap(), kept.copy());
        fs::write(folder.path().join(FILE_NAME), "{").unwrap();
        assert!(matches!(read(folder.path()), Err(LedgerError::Damaged { .. })));
        assert!(matches!(read(&folder.path().join("none")), Err(LedgerError::Missing { .. })));
    }
}
