//! One pass over files, rolled up by as many workers as there are threads, in bounded memory.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::rollup::{AccountDay, Order, RollUp, Shape};
use super::rows::{ActivityError, ActivityRows, Part, RowsWriter};
use crate::events::record::Record;
use crate::events::rows::Facts;
use crate::events::scan::{Scan, Sink, Worker};
use crate::events::schema::{Column, ColumnSet};
use crate::events::time;

/// The accounts and days whose records are rolled up, where not all of them are.
pub type Only = HashSet<(String, Option<i32>)>;

/// How to roll up.
#[derive(Debug, Clone)]
pub struct Job {
    pub shape: Shape,
    pub threads: usize,
    /// Bytes that contexts may take; beyond that they go to temporary files.
    pub budget: usize,
    pub only: Option<Arc<Only>>,
}

/// Rows by account and day.
pub type Days = BTreeMap<AccountDay, Vec<Part>>;

/// What a pass gave: contexts in memory, and those that did not fit.
#[derive(Debug)]
pub struct RolledUp {
    contexts: RollUp,
    spilled: Vec<Part>,
    folder: Option<tempfile::TempDir>,
}

/// Contexts that went to files. The folder is made when it is needed.
#[derive(Debug, Default)]
struct Spill {
    folder: Mutex<Option<tempfile::TempDir>>,
    next: AtomicUsize,
    parts: Mutex<Vec<Part>>,
}

impl Spill {
    fn file(&self) -> Result<PathBuf, ActivityError> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = match &mut *folder {
            Some(folder) => folder,
            None => {
                let made = tempfile::Builder::new().prefix("palisade-activity-").tempdir();
                folder.insert(made.map_err(|source| ActivityError::Io { path: std::env::temp_dir(), source })?)
            }
        };
        Ok(folder.path().join(format!("{}.parquet", self.next.fetch_add(1, Ordering::Relaxed))))
    }

    /// What was spilled, with what is still in memory.
    fn end(&self, contexts: RollUp) -> RolledUp {
        let spilled = std::mem::take(&mut *self.parts.lock().unwrap_or_else(PoisonError::into_inner));
        let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner).take();
        RolledUp { contexts, spilled, folder }
    }

    /// Takes everything out of the table, and to a file.
    fn take(&self, contexts: &mut RollUp, shape: Shape) -> Result<(), ActivityError> {
        let path = self.file()?;
        let failed = |source| ActivityError::Write { path: path.clone(), source };
        let file = std::fs::File::create(&path).map_err(|source| ActivityError::Io { path: path.clone(), source })?;
        let mut writer = RowsWriter::new(std::io::BufWriter::new(file), shape.schema(), false).map_err(failed)?;
        let mut parts = Vec::new();
        for (account_day, batches) in contexts.drain(Order::AccountDay)? {
            let groups = writer.write(&batches).map_err(failed)?;
            parts.push(Part::in_file(account_day, &path, Some(groups)));
        }
        writer.finish().map_err(failed)?;
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).extend(parts);
        Ok(())
    }
}

/// The contexts of one worker.
struct Chosen {
    contexts: RollUp,
    only: Option<Arc<Only>>,
    /// The account and day of the record before, and whether they are wanted: neighbours mostly share them.
    last: Option<(Option<String>, Option<i32>, bool)>,
}

impl Chosen {
    fn wants(&mut self, facts: &Facts<'_>) -> bool {
        let Some(only) = &self.only else { return true };
        let account = facts.account_id.as_deref();
        let day = facts.event_time.map(time::day);
        if let Some((known, of_day, wanted)) = &self.last
            && known.as_deref() == account
            && *of_day == day
        {
            return *wanted;
        }
        let wanted = only.contains(&(account.unwrap_or_default().to_owned(), day));
        self.last = Some((account.map(str::to_owned), day, wanted));
        wanted
    }
}

impl Sink for Chosen {
    fn columns(&self) -> ColumnSet {
        Sink::columns(&self.contexts)
    }

    fn append<'a>(&mut self, record: &Record<'a>, facts: &Facts<'a>) {
        if self.wants(facts) {
            self.contexts.append(record, facts);
        }
    }
}

/// Rolls up what a pass over files finds.
pub async fn roll_up(scan: &Arc<Scan>, job: &Job) -> Result<RolledUp, ActivityError> {
    let threads = job.threads.max(1);
    let spill = Arc::new(Spill::default());
    let tasks: Vec<_> = (0..threads)
        .map(|_| {
            let (scan, spill, job) = (Arc::clone(scan), Arc::clone(&spill), job.clone());
            tokio::task::spawn_blocking(move || -> Result<RollUp, ActivityError> {
                let contexts = Chosen { contexts: RollUp::new(job.shape), only: job.only.clone(), last: None };
                let mut worker = Worker::with_sink(scan, contexts);
                while worker.step()? {
                    let contexts = &mut worker.sink().contexts;
                    if contexts.bytes() > job.budget / threads {
                        spill.take(contexts, job.shape)?;
                    }
                }
                Ok(std::mem::replace(&mut worker.sink().contexts, RollUp::new(job.shape)))
            })
        })
        .collect();
    let mut of_workers = Vec::with_capacity(threads);
    for task in tasks {
        of_workers.push(task.await.map_err(|error| ActivityError::Thread(error.to_string()))?);
    }
    Ok(spill.end(together(of_workers, job.shape)?))
}

/// Sorts rows that were rolled up before, of any accounts and days, by these; rows of one context become one.
pub fn regroup(rows: &[Part], job: &Job) -> Result<RolledUp, ActivityError> {
    let threads = job.threads.clamp(1, rows.len().max(1));
    let spill = Spill::default();
    let columns: Vec<Column> = Column::ALL.iter().copied().filter(|column| job.shape.columns.contains(*column)).collect();
    let next = AtomicUsize::new(0);
    let regrouped = |contexts: &mut RollUp| -> Result<(), ActivityError> {
        while let Some(part) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            for batch in part.open(&columns)? {
                contexts.add_rows(&batch?)?;
                if contexts.bytes() > job.budget / threads {
                    spill.take(contexts, job.shape)?;
                }
            }
        }
        Ok(())
    };
    let of_workers: Vec<Result<RollUp, ActivityError>> = std::thread::scope(|scope| {
        let work = || {
            let mut contexts = RollUp::new(job.shape);
            regrouped(&mut contexts).map(|()| contexts)
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| Err(ActivityError::Thread("it panicked".to_owned()))))
            .collect()
    });
    Ok(spill.end(together(of_workers, job.shape)?))
}

/// The contexts of all workers in one table.
fn together(
    of_workers: impl IntoIterator<Item = Result<RollUp, ActivityError>>,
    shape: Shape,
) -> Result<RollUp, ActivityError> {
    let mut contexts = RollUp::new(shape);
    for of_worker in of_workers {
        let of_worker = of_worker?;
        if contexts.bytes() == 0 { contexts = of_worker } else { contexts.merge(of_worker) }
    }
    Ok(contexts)
}

impl RolledUp {
    /// The rows, for statements. A context may have several rows, if it was met again after the first had gone to a file: rows are
    /// summed up by whoever reads them.
    pub fn into_rows(mut self) -> Result<ActivityRows, ActivityError> {
        let mut parts = self.spilled;
        for (account_day, batches) in self.contexts.drain(Order::AccountDay)? {
            parts.extend(batches.into_iter().map(|batch| Part::in_memory(account_day.clone(), batch)));
        }
        parts.sort_by(|a, b| (&a.account_id, a.day).cmp(&(&b.account_id, b.day)));
        Ok(ActivityRows::new(parts, self.folder))
    }

    /// Everything by account and day, and the folder that holds what is not in memory.
    pub fn into_days(self) -> Result<(Days, Option<tempfile::TempDir>), ActivityError> {
        let rows = self.into_rows()?;
        let (parts, folder) = rows.into_parts();
        let mut days: BTreeMap<AccountDay, Vec<Part>> = BTreeMap::new();
        for part in parts {
            days.entry((part.account_id.clone(), part.day)).or_default().push(part);
        }
        Ok((days, folder))
    }
}
