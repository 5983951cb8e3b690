//! Filling a store of activity from a remote engine: the days that are missing, one statement for each account and range of days.

use std::collections::BTreeMap;

use futures::StreamExt;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{EngineError, MissingAccounts, Part, RemoteEngine};
use crate::activity::collect::{Job, regroup};
use crate::activity::rollup::Shape;
use crate::activity::rows::{ActivityError, Part as RowsPart, day_number};
use crate::activity::store::{Collection, Day, Store, is_settled};
use crate::events::time;

/// Statements that are under way at once; the engine may let fewer run.
const CONCURRENT: usize = 8;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    pub account_ids: &'a [String],
    /// First and last day.
    pub from: Date,
    pub to: Date,
    pub now: Timestamp,
    pub memory_limit: usize,
}

/// A part that the engine did not give.
#[derive(Debug)]
pub struct NotCollected {
    pub part: Part,
    pub error: EngineError,
}

impl std::fmt::Display for NotCollected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Part { account_ids, from, to } = &self.part;
        write!(formatter, "{} from {from} to {to}: {}", account_ids.join(", "), self.error)
    }
}

/// The parts that a store lacks: one for each account and range of neighbouring days, or one for all accounts that lack the same
/// days.
pub fn missing_parts(store: &Store, wanted: &Wanted<'_>, engine: &dyn RemoteEngine) -> Vec<Part> {
    let mut by_range: BTreeMap<(Date, Date), Vec<String>> = BTreeMap::new();
    for account_id in wanted.account_ids {
        for range in store.missing_days(account_id, wanted.from, wanted.to) {
            by_range.entry(range).or_default().push(account_id.clone());
        }
    }
    let parts = by_range.into_iter().flat_map(|((from, to), account_ids)| {
        let size = engine.accounts_at_once(account_ids.len());
        let chunks: Vec<Part> =
            account_ids.chunks(size.max(1)).map(|account_ids| Part { account_ids: account_ids.to_vec(), from, to }).collect();
        chunks
    });
    parts.collect()
}

/// Collects what the store lacks. A part that fails leaves the others: it is given back.
///
/// # Errors
/// When the store cannot be written.
pub async fn collect(
    engine: &dyn RemoteEngine,
    store: &mut Store,
    wanted: &Wanted<'_>,
) -> Result<Vec<NotCollected>, ActivityError> {
    let folder = store.folder().to_owned();
    let parts = missing_parts(store, wanted, engine);
    tracing::info!(
        engine = engine.name(),
        missing_parts = parts.len(),
        "what the store lacks is collected, the rest is used again"
    );
    if !parts.is_empty() {
        store.manifest.collections.push(Collection {
            collected_at: time::format(wanted.now.as_microsecond()).unwrap_or_default(),
            recognised: vec![format!("{}: a statement for each account and range of days", engine.name())],
            ..Collection::default()
        });
    }
    let mut answers = futures::stream::iter(parts)
        .map(|part| {
            let incoming = tempfile::Builder::new().prefix(".incoming-").tempdir_in(&folder);
            async move {
                let incoming = match incoming {
                    Ok(incoming) => incoming,
                    Err(error) => {
                        let message = format!("no folder could be made for the results: {error}");
                        return (part, (Err(EngineError::Remote { engine: engine.name(), message }), None));
                    }
                };
                let started = std::time::Instant::now();
                let files = engine.collect_activity(&part, incoming.path()).await;
                tracing::debug!(
                    accounts = part.account_ids.join(","),
                    from = %part.from,
                    to = %part.to,
                    files = files.as_ref().ok().map(Vec::len),
                    milliseconds = time::milliseconds(started),
                    "part collected"
                );
                (part, (files, Some(incoming)))
            }
        })
        .buffer_unordered(CONCURRENT);
    let job = Job {
        shape: Shape::whole(usize::from(store.manifest.prefix_depth)),
        threads: 1,
        budget: wanted.memory_limit / 4,
        only: None,
    };
    let mut failed = Vec::new();
    while let Some((part, answer)) = answers.next().await {
        let (answer, _incoming) = answer;
        let (files, missing) = match answer {
            Ok(files) => (files, Vec::new()),
            Err(EngineError::Accounts { missing, files, .. }) => (files, missing),
            Err(error) => {
                failed.push(NotCollected { part, error });
                continue;
            }
        };
        let mut part = part;
        for MissingAccounts { account_ids, reason } in missing {
            part.account_ids.retain(|account| !account_ids.contains(account));
            let error = EngineError::Remote { engine: engine.name(), message: reason };
            failed.push(NotCollected { part: Part { account_ids, ..part.clone() }, error });
        }
        let files: Vec<RowsPart> = files.iter().map(|file| RowsPart::in_file((None, None), file, None)).collect();
        match put(engine, store, &part, &files, &job, wanted.now) {
            // What is there already is kept, whatever happens to the next one.
            Ok(()) => store.save()?,
            Err(error) => failed.push(NotCollected { part, error }),
        }
    }
    store.save()?;
    failed.sort_by(|a, b| a.part.cmp(&b.part));
    Ok(failed)
}

/// Puts the rows of a part into the store, day by day; a day without rows is noted too.
fn put(
    engine: &dyn RemoteEngine,
    store: &mut Store,
    part: &Part,
    files: &[RowsPart],
    job: &Job,
    now: Timestamp,
) -> Result<(), EngineError> {
    let (mut days, _folder) = regroup(files, job)?.into_days()?;
    let (first, last) = (day_number(part.from), day_number(part.to));
    let is_wanted = |account: &Option<String>, day: &Option<i32>| {
        account.as_ref().is_some_and(|account| part.account_ids.contains(account))
            && day.is_some_and(|day| (first..=last).contains(&day))
    };
    if let Some((account, day)) = days.keys().find(|(account, day)| !is_wanted(account, day)) {
        let day = day.and_then(time::format_day).unwrap_or_else(|| "no day".to_owned());
        let message = format!(
            "rows of account {} and {day} came back, which nobody asked for ({} from {} to {}); is the partition predicate of the \
             table right?",
            account.as_deref().unwrap_or("none"),
            part.account_ids.join(", "),
            part.from,
            part.to
        );
        return Err(EngineError::Remote { engine: engine.name(), message });
    }
    for account in &part.account_ids {
        for day in first..=last {
            let account_day = (Some(account.clone()), Some(day));
            let parts = days.remove(&account_day).unwrap_or_default();
            let entry = Day { complete: is_settled(day, now), ..Day::default() };
            store.put(&account_day, &parts, entry, job.budget)?;
        }
    }
    Ok(())
}
