//! A synthetic organization: the same kind of CloudTrail files at any size, for trying the tool and for measuring it.
//!
//! [`generate`] writes the trail of an organization that does not exist, with its inventory and a perimeter definition. The everyday
//! traffic stays inside that perimeter; the stories that are planted on request cross it, and tell which findings they must give.
//! The same options give the same records on every machine: no clock is read and nothing is random but what the seed says.

mod access;
pub mod background;
pub mod caller;
pub mod files;
pub mod identity;
mod inventory;
pub mod operations;
pub mod organization;
pub mod plan;
pub mod random;
pub mod record;
pub mod sessions;
pub mod stories;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::civil::Date;

use files::{GzipWriter, LogKind, digest, insight, path};
use organization::{HOME_REGION, Organization};
use plan::{Content, Plan, PlannedFile, seconds_of};
use random::Random;
use record::Record;
use stories::Told;

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Records that count: duplicates and replaced records, which only stories plant, come on top.
    pub events: u64,
    /// Accounts of the organization; the first ten are the named ones.
    pub accounts: u32,
    pub seed: u64,
    /// Days that the trail covers, from `start` on.
    pub days: u32,
    pub start: Date,
    /// Plant the stories that cross the perimeter, and tell them in `STORIES.md` and `stories.json`.
    pub stories: bool,
}

/// What was generated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Log files with records.
    pub files: u64,
    /// Records in them: those that count, duplicates and replaced ones.
    pub records: u64,
    /// Records that are in another file too.
    pub duplicates: u64,
    /// Records that an `addendum` in another file replaces.
    pub replaced: u64,
    /// Digest and Insight files.
    pub other_files: u64,
    /// Bytes of JSON in the log files.
    pub json_bytes: u64,
    /// Bytes of the log files, compressed.
    pub bytes: u64,
}

/// Why a sample could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    #[error("cannot write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{option} is {value}, but must be at least {least}{why}")]
    TooFew { option: &'static str, value: u64, least: u64, why: &'static str },
    #[error("a thread that wrote files stopped; the sample in {path} is not complete", path = path.display())]
    Stopped { path: PathBuf },
}

/// The perimeter definition and the settings of the sample, which are written by hand.
const PERIMETER: &str = include_str!("../samples/perimeter.yaml");
const SETTINGS: &str = include_str!("../samples/palisade.yaml");

/// Writes a sample organization into the folder `out`, which is made if it does not exist: the log files below `trail`, the
/// inventory below `inventory`, `perimeter.yaml`, `palisade.yaml`, and with stories `STORIES.md` and `stories.json`.
///
/// Files that are there already are kept, or replaced where they have the same name.
///
/// # Errors
/// When a file cannot be written, and when there are too few accounts, days or events for what is asked.
pub fn generate(options: &Options, out: &Path) -> Result<Summary, SampleError> {
    let stories = options.stories;
    let (least_accounts, least_days) = if stories { (stories::LEAST_ACCOUNTS, stories::LEAST_DAYS) } else { (1, 1) };
    let why = if stories { " for the stories" } else { "" };
    at_least("accounts", options.accounts.into(), least_accounts.into(), why)?;
    at_least("days", options.days.into(), least_days.into(), why)?;
    let organization = Organization::new(options.accounts);
    let start = seconds_of(options.start);
    let told = if stories { stories::tell(options.seed, &organization, start) } else { Told::default() };
    at_least("events", options.events, told.counted, why)?;

    let trail = out.join("trail");
    let everyday = options.events - told.counted;
    let plan = Mutex::new(Plan::new(&organization, &told, options.seed, options.start, options.days, everyday));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<Result<Summary, SampleError>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(options.seed, &organization, &plan, &trail))).collect();
        let stopped = |_| Err(SampleError::Stopped { path: trail.clone() });
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(stopped)).collect()
    });
    let mut summary = Summary { duplicates: told.copies, replaced: told.replaced, ..Summary::default() };
    for result in results {
        let part = result?;
        summary.files += part.files;
        summary.records += part.records;
        summary.json_bytes += part.json_bytes;
        summary.bytes += part.bytes;
    }
    summary.other_files = write_others(options, &organization, start, &trail)?;
    write_texts(options, &organization, &told, start, out)?;
    Ok(summary)
}

fn at_least(option: &'static str, value: u64, least: u64, why: &'static str) -> Result<(), SampleError> {
    if value < least { Err(SampleError::TooFew { option, value, least, why }) } else { Ok(()) }
}

/// Makes the files that a plan hands out, until it has no more.
fn work(seed: u64, organization: &Organization, plan: &Mutex<Plan<'_>>, trail: &Path) -> Result<Summary, SampleError> {
    let mut writer = GzipWriter::default();
    let mut summary = Summary::default();
    let mut text = String::new();
    loop {
        let Some(file) = plan.lock().map_err(|_| SampleError::Stopped { path: trail.to_owned() })?.next() else {
            return Ok(summary);
        };
        let mut random = Random::keyed(seed, &[file.number, 0x0000_f11e]);
        let records = contents(&mut random, organization, &file);
        text.clear();
        text.push_str("{\"Records\":[");
        for (position, record) in records.iter().chain(file.planted).enumerate() {
            if position > 0 {
                text.push(',');
            }
            record.write(&mut text);
            summary.records += 1;
        }
        text.push_str("]}");
        let kind = match file.content {
            Content::NetworkActivity => LogKind::NetworkActivity,
            Content::Story(kind) => kind,
            Content::Background | Content::Issues { .. } => LogKind::Log,
        };
        let path = path(&mut random, kind, &file.account.id, file.region, file.delivered);
        summary.bytes += writer.write(trail, &path, file.delivered, &text)?;
        summary.files += 1;
        summary.json_bytes += u64::try_from(text.len()).unwrap_or(0);
    }
}

/// The everyday records of a file.
fn contents(random: &mut Random, organization: &Organization, file: &PlannedFile<'_>) -> Vec<Record> {
    let wanted = usize::try_from(file.records).unwrap_or(usize::MAX);
    if let Content::Issues { shift } = file.content {
        let mut records = sessions::issues(random, organization, file.account, file.region, shift);
        records.truncate(wanted);
        return records;
    }
    // The records of a file happened within five minutes, some minutes before it was delivered; a file of the first minutes of a
    // day holds records of the day before.
    let from = file.delivered - 480;
    let mut times: Vec<i64> = (0..wanted).map(|_| from + i64::try_from(random.below(300)).unwrap_or(0)).collect();
    if random.chance(13, 20) {
        times.sort_unstable();
    }
    let record = match file.content {
        Content::NetworkActivity | Content::Story(LogKind::NetworkActivity) => background::network_activity,
        _ => background::record,
    };
    times.into_iter().map(|time| record(random, file.account, file.region, time)).collect()
}

/// Digest and Insight files, which hold no calls: a few, so that readers meet them.
fn write_others(options: &Options, organization: &Organization, start: i64, trail: &Path) -> Result<u64, SampleError> {
    let mut writer = GzipWriter::default();
    let mut random = Random::keyed(options.seed, &[0x00d1_9e57]);
    let mut files = 0;
    for (number, account) in organization.accounts.iter().take(10).enumerate() {
        let number = i64::try_from(number).unwrap_or(0);
        let delivered = start + 36_000 + number * 300;
        let text = digest(&mut random, &account.id, HOME_REGION, delivered);
        let target = path(&mut random, LogKind::Digest, &account.id, HOME_REGION, delivered);
        writer.write(trail, &target, delivered, &text)?;
        files += 1;
        if number % 4 == 0 {
            let text = insight(&mut random, &account.id, HOME_REGION, delivered);
            let target = path(&mut random, LogKind::Insight, &account.id, HOME_REGION, delivered);
            writer.write(trail, &target, delivered, &text)?;
            files += 1;
        }
    }
    Ok(files)
}

/// Everything but the trail.
fn write_texts(options: &Options, organization: &Organization, told: &Told, start: i64, out: &Path) -> Result<(), SampleError> {
    let taken_at = record::time(start + i64::from(options.days) * 86_400);
    let mut texts = inventory::files(organization, told, &taken_at);
    if options.stories {
        let below = |(name, text): (String, String)| (Path::new("inventory").join(name), text);
        texts.extend(access::files(&taken_at).into_iter().map(below));
    }
    texts.push(("perimeter.yaml".into(), PERIMETER.to_owned()));
    texts.push(("palisade.yaml".into(), SETTINGS.to_owned()));
    if options.stories {
        texts.push(("STORIES.md".into(), stories::markdown(&told.stories)));
        texts.push(("stories.json".into(), stories::json(&told.stories)));
    }
    for (name, text) in texts {
        let path = out.join(name);
        let failed = |source| SampleError::Write { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        std::fs::write(&path, text).map_err(failed)?;
    }
    Ok(())
}
