//! What was read and what was left out, so that "nothing found" can be told from "not in these logs".

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::duplicates::Occurrence;
use super::record::Record;
use super::rows::Facts;
use super::time;
use crate::report::model;

/// Examples kept for each reason to skip.
const EXAMPLES: usize = 5;

/// Unit of what was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    File,
    Record,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Unit::File => "file",
            Unit::Record => "record",
        }
    }
}

/// A place that was skipped: a file, and the position in its content.
type Example = (String, Option<u64>);

/// Account, region and category.
type StreamKey = (String, String, String);

#[derive(Debug, Clone, Default)]
struct Stream {
    records: u64,
    first: Option<i64>,
    last: Option<i64>,
}

impl Stream {
    fn add(&mut self, records: u64, first: Option<i64>, last: Option<i64>) {
        self.records += records;
        self.first = [self.first, first].into_iter().flatten().min();
        self.last = [self.last, last].into_iter().flatten().max();
    }
}

/// Counts while files are read. Each worker has its own; they are merged at the end.
#[derive(Debug, Clone, Default)]
pub struct CoverageBuilder {
    files: u64,
    bytes: u64,
    records: u64,
    duplicates: u64,
    replaced: u64,
    out_of_scope: u64,
    without_time: u64,
    skipped: BTreeMap<(Unit, String), (u64, BTreeSet<Example>)>,
    /// By account, region and category, in order of first use.
    streams: Vec<(StreamKey, Stream)>,
    stream_index: HashMap<StreamKey, usize>,
    last_stream: usize,
    data_sources: BTreeMap<String, u64>,
    /// Days that have a file, by account, where the folders tell.
    days: BTreeMap<String, BTreeSet<i32>>,
    recognised: BTreeSet<String>,
}

impl CoverageBuilder {
    pub fn file(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }

    /// A file of the layout stands for its day, even if it holds nothing of interest.
    pub fn day_with_file(&mut self, account_id: &str, day: i32) {
        self.days.entry(account_id.to_owned()).or_default().insert(day);
    }

    pub fn recognised(&mut self, sentence: &str) {
        if !self.recognised.contains(sentence) {
            self.recognised.insert(sentence.to_owned());
        }
    }

    pub fn out_of_scope(&mut self) {
        self.out_of_scope += 1;
    }

    pub fn skip(&mut self, unit: Unit, reason: &str, example: impl FnOnce() -> String) {
        self.skip_at(unit, reason, &example(), None);
    }

    /// `name` is a file, `position` where in its content. The first by name and position are kept as examples, whichever worker
    /// met them in whatever order.
    pub fn skip_at(&mut self, unit: Unit, reason: &str, name: &str, position: Option<u64>) {
        let (count, examples) = self.skipped.entry((unit, reason.to_owned())).or_default();
        *count += 1;
        let is_full = examples.len() >= EXAMPLES;
        if is_full && examples.last().is_some_and(|(last, at)| (last.as_str(), *at) <= (name, position)) {
            return;
        }
        examples.insert((name.to_owned(), position));
        if examples.len() > EXAMPLES {
            examples.pop_last();
        }
    }

    pub fn not_counted(&mut self, occurrence: Occurrence) {
        match occurrence {
            Occurrence::First => {}
            Occurrence::Duplicate => self.duplicates += 1,
            Occurrence::Replaced => self.replaced += 1,
        }
    }

    pub fn record(&mut self, record: &Record<'_>, facts: &Facts<'_>) {
        self.records += 1;
        if facts.event_time.is_none() {
            self.without_time += 1;
        }
        let account = facts.account_id.as_deref().unwrap_or("unknown");
        let region = facts.region.as_deref().unwrap_or("unknown");
        if facts.category == "Data"
            && let Some(source) = record.event_source
        {
            let source = source.decode();
            match self.data_sources.get_mut(source.as_ref()) {
                Some(count) => *count += 1,
                None => {
                    self.data_sources.insert(source.into_owned(), 1);
                }
            }
        }
        if let Some(stream) = self.stream(account, region, &facts.category) {
            stream.add(1, facts.event_time, facts.event_time);
        }
    }

    /// The stream of a record. Consecutive records mostly share theirs, so the last one is tried before a key is built.
    fn stream(&mut self, account: &str, region: &str, category: &str) -> Option<&mut Stream> {
        let is_last =
            self.streams.get(self.last_stream).is_some_and(|(key, _)| key.0 == account && key.1 == region && key.2 == category);
        if !is_last {
            let key = (account.to_owned(), region.to_owned(), category.to_owned());
            self.last_stream = match self.stream_index.get(&key) {
                Some(index) => *index,
                None => {
                    self.streams.push((key.clone(), Stream::default()));
                    self.stream_index.insert(key, self.streams.len() - 1);
                    self.streams.len() - 1
                }
            };
        }
        self.streams.get_mut(self.last_stream).map(|(_, stream)| stream)
    }

    pub fn merge(&mut self, other: CoverageBuilder) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.records += other.records;
        self.duplicates += other.duplicates;
        self.replaced += other.replaced;
        self.out_of_scope += other.out_of_scope;
        self.without_time += other.without_time;
        for (key, (count, examples)) in other.skipped {
            let (sum, kept) = self.skipped.entry(key).or_default();
            *sum += count;
            kept.extend(examples);
            while kept.len() > EXAMPLES {
                kept.pop_last();
            }
        }
        for ((account, region, category), stream) in other.streams {
            if let Some(sum) = self.stream(&account, &region, &category) {
                sum.add(stream.records, stream.first, stream.last);
            }
        }
        for (source, count) in other.data_sources {
            *self.data_sources.entry(source).or_default() += count;
        }
        for (account, days) in other.days {
            self.days.entry(account).or_default().extend(days);
        }
        self.recognised.extend(other.recognised);
    }

    /// Records that count.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// `window` is what was asked for, as days since 1970-01-01; where it is open, the first and last day of any file bound it.
    pub fn finish(self, window: (Option<i32>, Option<i32>)) -> model::Coverage {
        let mut skipped: Vec<model::Skipped> = self
            .skipped
            .into_iter()
            .map(|((unit, reason), (count, examples))| model::Skipped {
                reason,
                unit: unit.as_str().to_owned(),
                count,
                examples: examples
                    .into_iter()
                    .map(|(name, position)| match position {
                        Some(position) => format!("{name}:{position}"),
                        None => name,
                    })
                    .collect(),
            })
            .collect();
        if self.without_time > 0 {
            skipped.push(model::Skipped {
                reason: "no readable eventTime (the record is kept, without a time)".to_owned(),
                unit: "record".to_owned(),
                count: self.without_time,
                examples: Vec::new(),
            });
        }
        if self.out_of_scope > 0 {
            skipped.push(model::Skipped {
                reason: "outside the accounts, regions or days asked for".to_owned(),
                unit: "record".to_owned(),
                count: self.out_of_scope,
                examples: Vec::new(),
            });
        }
        skipped.sort_by(|a, b| (&a.reason, &a.unit).cmp(&(&b.reason, &b.unit)));
        let has = |category: &str| self.streams.iter().any(|(key, _)| key.2 == category);
        let (has_data_events, has_network, has_management) = (has("Data"), has("NetworkActivity"), has("Management"));
        let days = || self.days.values().flatten().copied();
        let (first, last) = (window.0.or_else(|| days().min()), window.1.or_else(|| days().max()));
        let days_without_file = match (first, last) {
            (Some(first), Some(last)) => missing_days(&self.days, first, last),
            _ => Vec::new(),
        };
        let mut streams = self.streams;
        streams.sort_by(|a, b| a.0.cmp(&b.0));
        let streams = streams.into_iter().map(|((account_id, region, category), stream)| model::Stream {
            account_id,
            region,
            category,
            records: stream.records,
            first_event: stream.first.and_then(time::format),
            last_event: stream.last.and_then(time::format),
        });
        model::Coverage {
            files: self.files,
            bytes: self.bytes,
            records: self.records,
            duplicates: self.duplicates,
            replaced: self.replaced,
            skipped,
            streams: streams.collect(),
            days_without_file,
            has_data_events,
            data_event_sources: self
                .data_sources
                .into_iter()
                .map(|(event_source, records)| model::SourceCount { event_source, records })
                .collect(),
            has_network_activity_events: has_network,
            has_management_events: has_management,
            recognised: self.recognised.into_iter().collect(),
        }
    }
}

/// The days between `first` and `last` for which an account has no file. A window of absurd length (a record dated 9999) is not
/// enumerated.
pub fn missing_days(days: &BTreeMap<String, BTreeSet<i32>>, first: i32, last: i32) -> Vec<model::MissingDays> {
    const LONGEST_WINDOW: i32 = 3_660;
    if last.saturating_sub(first) > LONGEST_WINDOW {
        return Vec::new();
    }
    days.iter()
        .map(|(account_id, present)| model::MissingDays {
            account_id: account_id.clone(),
            days: (first..=last).filter(|day| !present.contains(day)).filter_map(time::format_day).collect(),
        })
        .filter(|missing| !missing.days.is_empty())
        .collect()
}
