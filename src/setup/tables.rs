//! Tables over the objects of a trail, as statements of Athena.

use jiff::civil::Date;

use crate::config::values::{Wrong, account_id};
use crate::engine::sources::MAX_STATEMENT_BYTES;

/// Regions of the partition `aws` as of 2026-11-23, <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>.
pub const REGIONS: [&str; 34] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

const TEMPLATE: &str = include_str!("cloudtrail_table.sql");

/// Where a trail writes, and what its tables are told to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// The place that holds `AWSLogs/`: `s3://bucket/` or `s3://bucket/prefix/`.
    pub logs: String,
    /// That of a second trail, which records data events only.
    pub data_logs: Option<String>,
    /// `None` for the trail of a single account.
    pub organization_id: Option<String>,
    /// Accounts that the tables know; empty leaves it to each statement to name them.
    pub accounts: Vec<String>,
    pub regions: Vec<String>,
    /// First day that the tables know.
    pub since: Date,
    /// Network activity lies in folders of its own, so it has a table of its own.
    pub network_activity: bool,
}

/// A table to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub database: String,
    pub name: String,
    /// What it holds, for people.
    pub holds: &'static str,
    /// The statement that creates it, unless it exists.
    pub statement: String,
}

/// The tables of a trail. The first is named `name`, the others after it.
///
/// # Errors
/// When a value is not what it has to be, or the accounts are too many for one statement.
pub fn tables(trail: &Trail, database: &str, name: &str) -> Result<Vec<Table>, Wrong> {
    let (database, name) = (identifier(database, "a database")?, identifier(name, "a table")?);
    let mut wanted = match &trail.data_logs {
        None => vec![(name.clone(), trail.logs.as_str(), "CloudTrail", "management and data events")],
        Some(data) => vec![
            (format!("{name}_management"), trail.logs.as_str(), "CloudTrail", "management events"),
            (format!("{name}_data"), data.as_str(), "CloudTrail", "data events"),
        ],
    };
    if trail.network_activity {
        let network = format!("{name}_network_activity");
        wanted.push((network, trail.logs.as_str(), "CloudTrail-NetworkActivity", "network activity"));
    }
    wanted
        .into_iter()
        .map(|(name, logs, folder, holds)| {
            let statement = statement(trail, &database, &name, logs, folder, holds)?;
            Ok(Table { database: database.clone(), name, holds, statement })
        })
        .collect()
}

/// The statement that creates a database, unless it exists.
///
/// # Errors
/// When the name is none for a database.
pub fn create_database(name: &str) -> Result<String, Wrong> {
    Ok(format!("CREATE DATABASE IF NOT EXISTS `{}`", identifier(name, "a database")?))
}

fn statement(
    trail: &Trail,
    database: &str,
    table: &str,
    logs: &str,
    folder: &str,
    holds: &'static str,
) -> Result<String, Wrong> {
    let mut location = format!("{}AWSLogs/", place(logs)?);
    if let Some(organization) = &trail.organization_id {
        location.push_str(organization_id(organization)?);
        location.push('/');
    }
    let regions = trail.regions.iter().map(|name| region(name)).collect::<Result<Vec<_>, _>>()?;
    if regions.is_empty() {
        return Err(Wrong::new("a table needs at least one region"));
    }
    let accounts = match trail.accounts.as_slice() {
        [] => "  'projection.p_account.type' = 'injected',".to_owned(),
        known => {
            known.iter().try_for_each(|id| account_id(id).map(|_| ()))?;
            format!("  'projection.p_account.type' = 'enum',\n  'projection.p_account.values' = '{}',", known.join(","))
        }
    };
    let text = TEMPLATE
        .replace("${database}", database)
        .replace("${table}", table)
        .replace("${comment}", &format!("CloudTrail: {holds}. Created by palisade setup athena."))
        .replace("${location}", &location)
        .replace("${folder}", folder)
        .replace("${accounts}", &accounts)
        .replace("${regions}", &regions.join(","))
        .replace("${since}", &trail.since.strftime("%Y/%m/%d").to_string());
    if text.len() > MAX_STATEMENT_BYTES {
        return Err(Wrong::with_help(
            format!(
                "with {} accounts the statement has {} bytes, Athena takes {MAX_STATEMENT_BYTES}",
                trail.accounts.len(),
                text.len()
            ),
            "leave --account out: then every statement names the accounts that it reads",
        ));
    }
    Ok(text)
}

/// A place in S3 that ends in `/`.
///
/// # Errors
/// When it is none.
pub fn place(text: &str) -> Result<String, Wrong> {
    let wrong = || Wrong::with_help(format!("`{text}` is no place in S3"), "expected `s3://bucket/` or `s3://bucket/prefix/`");
    let rest = text.strip_prefix("s3://").ok_or_else(wrong)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let bucket_is_good = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    let prefix_is_good = prefix.chars().all(|c| c.is_ascii_alphanumeric() || "!-_.*()/=+@,: ".contains(c));
    if !bucket_is_good || !prefix_is_good {
        return Err(wrong());
    }
    // People name the folder that the console shows them.
    let prefix = prefix.trim_end_matches('/');
    let prefix = prefix.strip_suffix("AWSLogs").map_or(prefix, |before| before.trim_end_matches('/'));
    Ok(if prefix.is_empty() { format!("s3://{bucket}/") } else { format!("s3://{bucket}/{prefix}/") })
}

fn identifier(text: &str, what: &str) -> Result<String, Wrong> {
    let good = (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if good {
        return Ok(text.to_owned());
    }
    Err(Wrong::with_help(format!("`{text}` is no name for {what}"), "expected lower-case letters, digits and `_`"))
}

fn organization_id(text: &str) -> Result<&str, Wrong> {
    let good = text.strip_prefix("o-").is_some_and(|rest| {
        (10..=32).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    });
    if good {
        return Ok(text);
    }
    Err(Wrong::with_help(format!("`{text}` is no id of an organization"), "expected an id such as `o-exampleorgid`"))
}

fn region(text: &str) -> Result<&str, Wrong> {
    let good = text.split('-').count() >= 3
        && text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    if good {
        return Ok(text);
    }
    Err(Wrong::with_help(format!("`{text}` is no region"), "expected a region such as `eu-west-1`"))
}
