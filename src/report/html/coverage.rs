//! What the logs hold, arranged for reading: days per account, streams, and what was left out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::format;
use crate::report::model::{Coverage, Manifest};

/// Streams listed one by one; an organization with every region enabled has thousands.
const STREAMS: usize = 400;

/// Accounts that have a strip of days.
const STRIPS: usize = 100;

/// Longer windows have no strips: a day would be narrower than a line.
const DAYS: i32 = 190;

pub(super) struct CoverageView<'a> {
    pub(super) coverage: &'a Coverage,
    pub(super) bytes: String,
    pub(super) streams: Vec<StreamRow<'a>>,
    pub(super) streams_left_out: usize,
    pub(super) strips: Vec<Strip>,
    pub(super) strips_left_out: usize,
    /// First and last day of the strips.
    pub(super) days: Option<(String, String)>,
}

pub(super) struct StreamRow<'a> {
    pub(super) account_id: &'a str,
    pub(super) region: &'a str,
    pub(super) category: &'a str,
    pub(super) records: u64,
    pub(super) first: String,
    pub(super) last: String,
}

/// One account: a cell for each day, and the days without a file in words.
pub(super) struct Strip {
    pub(super) account_id: String,
    pub(super) name: String,
    pub(super) cells: Vec<DayCell>,
    /// Width of the drawing, in its own units.
    pub(super) width: usize,
    pub(super) missing: usize,
    pub(super) missing_days: String,
}

pub(super) struct DayCell {
    pub(super) x: usize,
    pub(super) missing: bool,
}

pub(super) fn view(manifest: &Manifest) -> CoverageView<'_> {
    let coverage = &manifest.coverage;
    let time = |text: &Option<String>| text.as_deref().map_or_else(String::new, format::rfc3339);
    let range = day_range(manifest);
    let strips = strips(manifest, range);
    CoverageView {
        bytes: format::bytes(coverage.bytes),
        streams: coverage
            .streams
            .iter()
            .take(STREAMS)
            .map(|stream| StreamRow {
                account_id: &stream.account_id,
                region: &stream.region,
                category: &stream.category,
                records: stream.records,
                first: time(&stream.first_event),
                last: time(&stream.last_event),
            })
            .collect(),
        streams_left_out: coverage.streams.len().saturating_sub(STREAMS),
        strips_left_out: strips.len().saturating_sub(STRIPS),
        strips: strips.into_iter().take(STRIPS).collect(),
        days: range.map(|(first, last)| (first.to_string(), last.to_string())),
        coverage,
    }
}

/// The window of the run, or else the days from the first to the last event or day without file.
fn day_range(manifest: &Manifest) -> Option<(Date, Date)> {
    let day = |text: &str| text.get(..10).and_then(|day| day.parse::<Date>().ok());
    let coverage = &manifest.coverage;
    let times =
        coverage.streams.iter().flat_map(|stream| [&stream.first_event, &stream.last_event]).flatten().map(String::as_str);
    let missing = coverage.days_without_file.iter().flat_map(|account| &account.days).map(String::as_str);
    let days: BTreeSet<Date> = times.chain(missing).filter_map(day).collect();
    let first = manifest.window.from.as_deref().and_then(day).or_else(|| days.first().copied())?;
    let last = manifest.window.to.as_deref().and_then(day).or_else(|| days.last().copied())?;
    (first <= last).then_some((first, last))
}

fn strips(manifest: &Manifest, range: Option<(Date, Date)>) -> Vec<Strip> {
    let coverage = &manifest.coverage;
    let mut missing_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for stream in &coverage.streams {
        missing_of.entry(&stream.account_id).or_default();
    }
    for account in &coverage.days_without_file {
        missing_of.entry(&account.account_id).or_default().extend(account.days.iter().map(String::as_str));
    }
    missing_of
        .into_iter()
        .map(|(account_id, missing)| {
            let cells = range.map_or_else(Vec::new, |(first, last)| day_cells(first, last, &missing));
            Strip {
                name: (manifest.accounts.iter())
                    .find(|account| account.account_id == account_id)
                    .and_then(|account| account.name.clone())
                    .unwrap_or_default(),
                account_id: account_id.to_owned(),
                width: cells.len() * 10,
                cells,
                missing: missing.len(),
                missing_days: in_words(&missing),
            }
        })
        .collect()
}

fn day_cells(first: Date, last: Date, missing: &BTreeSet<&str>) -> Vec<DayCell> {
    if first.until(last).map_or(true, |span| span.get_days() >= DAYS) {
        return Vec::new();
    }
    let mut cells = Vec::new();
    let mut day = first;
    while day <= last {
        cells.push(DayCell { x: cells.len() * 10, missing: missing.contains(day.to_string().as_str()) });
        match day.tomorrow() {
            Ok(next) => day = next,
            Err(_) => break,
        }
    }
    cells
}

/// Days, consecutive ones as a range: `2026-11-01 to 2026-11-03, 2026-11-07`.
fn in_words(days: &BTreeSet<&str>) -> String {
    let mut ranges: Vec<(&str, &str)> = Vec::new();
    for day in days {
        match ranges.last_mut() {
            Some((_, last)) if is_next(last, day) => *last = day,
            _ => ranges.push((day, day)),
        }
    }
    let words: Vec<String> = ranges
        .into_iter()
        .map(|(first, last)| if first == last { first.to_owned() } else { format!("{first} to {last}") })
        .collect();
    words.join(", ")
}

fn is_next(day: &str, next: &str) -> bool {
    match (day.parse::<Date>(), next.parse::<Date>()) {
        (Ok(day), Ok(next)) => day.tomorrow().is_ok_and(|tomorrow| tomorrow == next),
        _ => false,
    }
}
