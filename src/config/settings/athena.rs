//! The section `athena` of the settings: where the tables are, and what a query may cost.

use schemars::JsonSchema;
use serde::Deserialize;

use super::aws::{number, text};
use super::value;
use crate::config::document::{self, Node, Value};
use crate::config::problems::Problems;

/// How the section is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AthenaSection {
    /// Default: primary.
    pub workgroup: Option<String>,
    /// Default: AwsDataCatalog.
    pub catalog: Option<String>,
    pub database: Option<String>,
    /// The table of CloudTrail.
    pub table: Option<String>,
    /// Several tables that together hold CloudTrail, such as one of management and one of data events.
    pub tables: Option<Vec<String>>,
    /// Where results are written, `s3://bucket/prefix/`. Default: where the workgroup says.
    pub output_location: Option<String>,
    /// Reuse results of the same statement that are at most so many minutes old, 0 to 10080; 0 reuses none. Default: 0.
    pub result_reuse: Option<u64>,
    /// Statements that run at the same time, 1 to 200. Default: 10.
    pub concurrency: Option<u64>,
    /// Price of a terabyte scanned, in US dollars. Default: 5.
    pub price_per_terabyte: Option<f64>,
    /// Regions of the trail, for the tables that `palisade setup athena` makes. Default: all.
    pub regions: Option<Vec<String>>,
}

/// Statements that run at the same time where no setting says otherwise. The quota of active statements is 20 to 200, by region.
pub const DEFAULT_CONCURRENCY: u16 = 10;

/// The section, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AthenaSettings {
    pub workgroup: String,
    pub catalog: String,
    pub database: Option<String>,
    pub tables: Vec<String>,
    /// Ends in `/`.
    pub output_location: Option<String>,
    /// Minutes; 0 reuses nothing.
    pub result_reuse: u16,
    pub concurrency: u16,
    /// Price of a terabyte scanned, in millionths of a US dollar: whole numbers add up exactly.
    pub micro_dollars_per_terabyte: u64,
    /// Regions of the trail; empty is all.
    pub regions: Vec<String>,
}

impl Default for AthenaSettings {
    fn default() -> Self {
        AthenaSettings {
            workgroup: "primary".to_owned(),
            catalog: "AwsDataCatalog".to_owned(),
            database: None,
            tables: Vec::new(),
            output_location: None,
            result_reuse: 0,
            concurrency: DEFAULT_CONCURRENCY,
            micro_dollars_per_terabyte: 5_000_000,
            regions: Vec::new(),
        }
    }
}

impl AthenaSettings {
    /// Reads the section. Mistakes are reported; what they concern keeps its default.
    pub fn read(node: &Node, problems: &mut Problems) -> Self {
        let fields = document::fields::<AthenaSection>(node, "the section `athena`", problems);
        let default = AthenaSettings::default();
        let mut tables = names(fields.get("tables"), "tables", problems);
        if let Some(table) = text(fields.get("table"), "the name of a table", problems) {
            if let (false, Some(node)) = (tables.is_empty(), fields.get("tables")) {
                problems.report_with_help(node.at, "`table` and `tables` are both given", "put all names into `tables`");
            }
            tables = vec![table];
        }
        let output_location = output_location(fields.get("output_location"), problems);
        let small = |number: Option<u64>, or: u16| number.and_then(|number| u16::try_from(number).ok()).unwrap_or(or);
        AthenaSettings {
            workgroup: text(fields.get("workgroup"), "the name of a workgroup", problems).unwrap_or(default.workgroup),
            catalog: text(fields.get("catalog"), "the name of a data catalog", problems).unwrap_or(default.catalog),
            database: text(fields.get("database"), "the name of a database", problems),
            tables,
            output_location,
            result_reuse: small(number(fields.get("result_reuse"), 0..=10_080, "minutes", problems), 0),
            concurrency: small(
                number(fields.get("concurrency"), 1..=200, "statements at the same time", problems),
                DEFAULT_CONCURRENCY,
            ),
            micro_dollars_per_terabyte: price(fields.get("price_per_terabyte"), problems)
                .unwrap_or(default.micro_dollars_per_terabyte),
            regions: names(fields.get("regions"), "regions", problems),
        }
    }

    /// The section on one line: what differs from the defaults.
    pub fn show(&self) -> String {
        let default = AthenaSettings::default();
        let mut parts = Vec::new();
        let mut add = |key: &str, value: String, differs: bool| {
            if differs {
                parts.push(format!("{key}: {value}"));
            }
        };
        let or_none = |value: &Option<String>| value.clone().unwrap_or_default();
        add("workgroup", self.workgroup.clone(), self.workgroup != default.workgroup);
        add("catalog", self.catalog.clone(), self.catalog != default.catalog);
        add("database", or_none(&self.database), self.database.is_some());
        add("tables", format!("[{}]", self.tables.join(", ")), !self.tables.is_empty());
        add("output_location", or_none(&self.output_location), self.output_location.is_some());
        add("result_reuse", self.result_reuse.to_string(), self.result_reuse != default.result_reuse);
        add("concurrency", self.concurrency.to_string(), self.concurrency != default.concurrency);
        let price = crate::report::amounts::dollars(self.micro_dollars_per_terabyte);
        add("price_per_terabyte", price, self.micro_dollars_per_terabyte != default.micro_dollars_per_terabyte);
        add("regions", format!("[{}]", self.regions.join(", ")), !self.regions.is_empty());
        if parts.is_empty() { "none".to_owned() } else { format!("{{{}}}", parts.join(", ")) }
    }
}

fn names(node: Option<&Node>, what: &str, problems: &mut Problems) -> Vec<String> {
    let node = node.filter(|node| node.value != Value::Null);
    let items = document::items(node, what, problems);
    items.iter().filter_map(|item| document::text(item, "a name", problems)).map(|name| name.trim().to_owned()).collect()
}

fn output_location(node: Option<&Node>, problems: &mut Problems) -> Option<String> {
    let node = node.filter(|node| node.value != Value::Null)?;
    let location = text(Some(node), "a place such as `s3://bucket/prefix/`", problems)?;
    match location.strip_prefix("s3://").map(|rest| rest.split('/').next().unwrap_or_default()) {
        Some(bucket) if !bucket.is_empty() => Some(if location.ends_with('/') { location } else { format!("{location}/") }),
        _ => {
            problems.report_with_help(node.at, format!("`{location}` is no place in S3"), "expected `s3://bucket/prefix/`");
            None
        }
    }
}

fn price(node: Option<&Node>, problems: &mut Problems) -> Option<u64> {
    let node = node.filter(|node| node.value != Value::Null)?;
    let text = text(Some(node), "a price such as `5` or `6.75`", problems)?;
    let price = value::micro_units(&text);
    if price.is_none() {
        problems.report_with_help(node.at, format!("`{text}` is not a price"), "expected US dollars such as `5` or `6.75`");
    }
    price
}
