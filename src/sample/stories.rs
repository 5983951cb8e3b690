//! The stories that are planted in the sample: what happens, and which findings it must give.
//!
//! The everyday traffic crosses nothing, so every finding of a perimeter query over the sample belongs to a story. A story is a
//! function that plants records and states, for each group of calls, the queries that must find it and the verdict. `STORIES.md`
//! and `stories.json` are both written from that, so they cannot disagree.

mod deliveries;
mod denials;
mod identities;
mod markdown;
mod networks;
mod resources;
mod services;
pub mod teller;

use std::collections::BTreeMap;

use super::files::LogKind;
use super::organization::{Bucket, Organization, Role, Vpc};
use super::record::{Record, push_text};
use teller::Teller;

pub use markdown::markdown;

/// Accounts that play no part in the organization.
pub mod outside {
    /// A freight company: a partner whose identities are trusted.
    pub const PARTNER: &str = "555500005555";
    /// A company that is being merged with the shop.
    pub const MERGED: &str = "666600006666";
    /// Nobody that anyone knows.
    pub const STRANGER: &str = "777700007777";
    pub const AUDITOR: &str = "888800008888";
    pub const SURVEY: &str = "999900009999";
    /// The vendor of the security monitoring.
    pub const VENDOR: &str = "444400004444";
    /// Where Amazon EMR keeps its logs, says the perimeter definition.
    pub const EMR: &str = "514483059857";
}

/// One planted story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Short and stable, such as `leaked-key`.
    pub name: &'static str,
    pub title: &'static str,
    /// Markdown: who, what, why it matters.
    pub tale: &'static str,
    /// Records that the story plants, without duplicates and replaced ones.
    pub calls: u64,
    /// What must be found, and nothing else. Empty for a story whose calls must not be found.
    pub findings: Vec<Finding>,
}

/// One finding that a story must give: the rows of a query that have these values, and the calls they stand for together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub query: &'static str,
    pub verdict: &'static str,
    /// Columns of the report and their values. Columns that are not named may differ between the rows.
    pub matching: Vec<(&'static str, String)>,
    pub calls: u64,
}

/// One record of a story, and the file in which it is delivered.
#[derive(Debug, Clone)]
pub struct Planted {
    pub account: String,
    pub region: &'static str,
    /// The delivery minute of the file, in seconds since 1970-01-01T00:00:00Z.
    pub delivered: i64,
    pub kind: LogKind,
    pub record: Record,
    /// The same record is in another file too.
    pub copy: bool,
}

/// A file that holds records of stories, among everyday ones: account, region, delivery minute, kind, and whether it holds copies.
pub type FileKey = (String, &'static str, i64, LogKind, bool);

/// All stories, told.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub stories: Vec<Story>,
    pub files: BTreeMap<FileKey, Vec<Record>>,
    /// Records in those files that count: without copies and replaced ones.
    pub counted: u64,
    pub copies: u64,
    pub replaced: u64,
    /// What the inventory knows besides the everyday organization, with the account that owns it.
    pub roles: Vec<Role>,
    pub buckets: Vec<(&'static str, Bucket)>,
    pub vpcs: Vec<(&'static str, Vpc)>,
}

/// The least that the stories need.
pub const LEAST_ACCOUNTS: u32 = 10;
pub const LEAST_DAYS: u32 = 14;

/// Tells all stories of a sample that begins at `start`, in seconds since 1970-01-01T00:00:00Z.
pub fn tell(seed: u64, organization: &Organization, start: i64) -> Told {
    let mut teller = Teller::new(seed, start);
    resources::tell(&mut teller, organization);
    networks::tell(&mut teller, organization);
    services::tell(&mut teller, organization);
    identities::tell(&mut teller, organization);
    denials::tell(&mut teller, organization);
    deliveries::tell(&mut teller, organization);
    let Teller { planted, mut stories, roles, buckets, vpcs, replaced, .. } = teller;
    // It plants nothing: analyzers tell what the calls of other stories went through.
    stories.push(super::access::story());
    let mut told = Told { stories, roles, buckets, vpcs, replaced, ..Told::default() };
    for planted in planted {
        if planted.copy {
            told.copies += 1;
        } else {
            told.counted += 1;
        }
        let key = (planted.account, planted.region, planted.delivered, planted.kind, planted.copy);
        told.files.entry(key).or_default().push(planted.record);
    }
    told.counted = told.counted.saturating_sub(told.replaced);
    told
}

/// The stories for a machine: `[{"story", "title", "calls", "findings": [{"query", "verdict", "calls", "match": {…}}]}]`.
pub fn json(stories: &[Story]) -> String {
    let mut out = String::from("[");
    for (number, story) in stories.iter().enumerate() {
        out.push_str(if number == 0 { "\n" } else { ",\n" });
        out.push_str("  {\"story\": ");
        push_text(&mut out, story.name);
        out.push_str(", \"title\": ");
        push_text(&mut out, story.title);
        out.push_str(&format!(", \"calls\": {}, \"findings\": [", story.calls));
        for (number, finding) in story.findings.iter().enumerate() {
            out.push_str(if number == 0 { "\n" } else { ",\n" });
            out.push_str(&format!(
                "    {{\"query\": \"{}\", \"verdict\": \"{}\", \"calls\": {}, \"match\": {{",
                finding.query, finding.verdict, finding.calls
            ));
            for (number, (column, value)) in finding.matching.iter().enumerate() {
                out.push_str(if number == 0 { "" } else { ", " });
                push_text(&mut out, column);
                out.push_str(": ");
                push_text(&mut out, value);
            }
            out.push_str("}}");
        }
        out.push_str(if story.findings.is_empty() { "]}" } else { "\n  ]}" });
    }
    out.push_str("\n]\n");
    out
}
