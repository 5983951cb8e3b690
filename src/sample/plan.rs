//! Which files a sample has: account, region, delivery minute and number of records of each, one after the other.
//!
//! The plan is an iterator, so that ten million records need no more memory than ten thousand. What a file holds depends on its
//! own entry only, so that files can be made in any order and by several threads.

use jiff::civil::Date;

use super::files::LogKind;
use super::organization::{Account, GLOBAL_REGION, HOME_REGION, Kind, Organization, SECOND_REGION};
use super::random::Random;
use super::record::Record;
use super::sessions::{SHIFT, has_issues, issue_count};
use super::stories::{FileKey, Told};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The sessions issued in the shift that begins at this moment.
    Issues { shift: i64 },
    /// Everyday traffic.
    Background,
    /// Everyday calls through VPC endpoints, as network activity events.
    NetworkActivity,
    /// Records of stories among everyday ones.
    Story(LogKind),
}

/// One log file.
#[derive(Debug, Clone, Copy)]
pub struct PlannedFile<'a> {
    pub account: &'a Account,
    pub region: &'static str,
    /// The delivery minute, in seconds since 1970-01-01T00:00:00Z: a multiple of five minutes.
    pub delivered: i64,
    /// Everyday records.
    pub records: u64,
    pub content: Content,
    /// Records of stories.
    pub planted: &'a [Record],
    /// Position in the plan; seeds the file's generator.
    pub number: u64,
}

/// Five minutes.
pub const SLOT: i64 = 300;
const DAY: i64 = 86_400;

/// Records of a file, at parts per thousand of all files: the quantiles of organization trails (median 5, 90 % at most 60, 99 % at
/// most 600), with straight lines in between.
const SIZES: [(u64, u64); 9] =
    [(0, 1), (170, 1), (250, 2), (500, 5), (750, 14), (900, 55), (950, 115), (990, 600), (1000, 3_500)];

/// The number of records of a file.
fn file_size(random: &mut Random, largest: u64) -> u64 {
    let part = random.below(1000);
    let mut size = 1;
    for (low, high) in SIZES.iter().zip(SIZES.iter().skip(1)) {
        if (low.0..high.0).contains(&part) {
            size = low.1 + (high.1 - low.1) * (part - low.0) / (high.0 - low.0);
        }
    }
    size.clamp(1, largest)
}

/// Seconds since 1970-01-01T00:00:00Z at the start of a date; 0 for a date out of range.
pub fn seconds_of(date: Date) -> i64 {
    date.to_zoned(jiff::tz::TimeZone::UTC).map(|moment| moment.timestamp().as_second()).unwrap_or(0)
}

/// The files of a sample, in the order in which they are planned.
pub struct Plan<'a> {
    organization: &'a Organization,
    random: Random,
    start: i64,
    days: i64,
    /// Records still to be planned.
    left: u64,
    /// The largest file.
    largest: u64,
    number: u64,
    /// Files of stories, still to come.
    stories: std::collections::btree_map::Iter<'a, FileKey, Vec<Record>>,
    /// Files that issue sessions, still to come, last first.
    issues: Vec<(&'a Account, &'static str, i64)>,
    /// Accounts and days for which a file is still to come, so that no account is silent for a day.
    covering: Vec<(&'a Account, i64)>,
    weight: u64,
}

impl<'a> Plan<'a> {
    /// Plans `records` everyday records over `days` days from `start`, and the files of the stories.
    pub fn new(organization: &'a Organization, told: &'a Told, seed: u64, start: Date, days: u32, records: u64) -> Self {
        let start = seconds_of(start);
        let days = i64::from(days.max(1));
        let mut issues = Vec::new();
        let mut issued = 0;
        for shift in (0..days * DAY / SHIFT).map(|number| start + number * SHIFT) {
            for account in &organization.accounts {
                for region in [HOME_REGION, SECOND_REGION] {
                    if has_issues(account, region) {
                        issued += issue_count(organization, account, region);
                        // A sample too small for the sessions of all days has those of the first days.
                        if issued <= records / 3 {
                            issues.push((account, region, shift));
                        }
                    }
                }
            }
        }
        issues.reverse();
        let covering =
            (0..days).rev().flat_map(|day| organization.accounts.iter().map(move |account| (account, day))).collect();
        let weight = organization.accounts.iter().map(|account| account.weight).sum();
        let random = Random::keyed(seed, &[0x0001_91a9]);
        Self {
            organization,
            random,
            start,
            days,
            left: records,
            largest: (records / 25).clamp(40, 3_500),
            number: 0,
            stories: told.files.iter(),
            issues,
            covering,
            weight,
        }
    }

    fn weighted_account(&mut self) -> Option<&'a Account> {
        let mut choice = self.random.below(self.weight);
        for account in &self.organization.accounts {
            match choice.checked_sub(account.weight) {
                Some(rest) => choice = rest,
                None => return Some(account),
            }
        }
        self.organization.accounts.first()
    }

    /// A delivery minute of a day: most of them while people work.
    fn slot(&mut self, day: i64) -> i64 {
        let hour = match self.random.below(10) {
            0..=6 => self.random.between(7, 18),
            _ => self.random.between(0, 23),
        };
        let slot = i64::try_from(hour * 12 + self.random.below(12)).unwrap_or(0);
        // The first files of the first day would hold records of the day before, which the sample does not cover.
        let slot = if day == 0 { slot.max(4) } else { slot };
        self.start + day * DAY + slot * SLOT
    }
}

impl<'a> Iterator for Plan<'a> {
    type Item = PlannedFile<'a>;

    fn next(&mut self) -> Option<PlannedFile<'a>> {
        let number = self.number;
        self.number += 1;
        let mut file = if let Some(((account, region, delivered, kind, _), planted)) = self.stories.next() {
            let account = self.organization.account(account)?;
            // Everyday records around them, where there are any of the kind.
            let everyday = *kind == LogKind::Log || account.vpc(region).is_some();
            let records = if everyday { file_size(&mut self.random, 12) } else { 0 };
            PlannedFile { account, region, delivered: *delivered, records, content: Content::Story(*kind), planted, number }
        } else if self.left == 0 {
            return None;
        } else if let Some((account, region, shift)) = self.issues.pop() {
            let records = issue_count(self.organization, account, region);
            PlannedFile {
                account,
                region,
                delivered: shift + 1_200,
                records,
                content: Content::Issues { shift },
                planted: &[],
                number,
            }
        } else if let Some((account, day)) = self.covering.pop() {
            let largest = if account.kind == Kind::Isolated { 8 } else { 14 };
            let records = file_size(&mut self.random, largest);
            let delivered = self.slot(day);
            PlannedFile { account, region: HOME_REGION, delivered, records, content: Content::Background, planted: &[], number }
        } else {
            let days = u64::try_from(self.days).unwrap_or(1);
            let (account, day) = (self.weighted_account()?, i64::try_from(self.random.below(days)).unwrap_or(0));
            let region = match self.random.below(100) {
                _ if account.kind == Kind::Isolated => HOME_REGION,
                0..=69 => HOME_REGION,
                70..=87 => SECOND_REGION,
                _ => GLOBAL_REGION,
            };
            let networked = account.vpc(region).is_some();
            let content = if networked && self.random.chance(1, 25) { Content::NetworkActivity } else { Content::Background };
            let largest = match region {
                _ if account.kind == Kind::Isolated => 8,
                GLOBAL_REGION => self.largest / 4,
                _ => self.largest,
            };
            let records = file_size(&mut self.random, largest);
            PlannedFile { account, region, delivered: self.slot(day), records, content, planted: &[], number }
        };
        file.records = file.records.min(self.left);
        self.left -= file.records;
        Some(file)
    }
}
