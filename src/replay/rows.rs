//! The outcomes of many calls as rows of a report: calls that differ in nothing that a reader is shown are one row.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use polars::prelude::{Column, DataFrame, Int64Chunked, IntoColumn, PolarsError, StringChunked, TimeUnit};

use super::outcome::{Judged, Outcome, Permission};
use super::words::Words;
use super::{Call, settle};
use crate::enrich::Said;
use crate::policy::request::Resource;
use crate::policy::verdict::Verdict;

/// The columns of a row that come from the call.
const FIELDS: [&str; 18] = [
    "account_id",
    "principal_arn",
    "principal_type",
    "principal_id",
    "principal_account_id",
    "event_source",
    "event_name",
    "error_code",
    "error_message",
    "resource_arn",
    "resource_type",
    "resource_account_id",
    "region",
    "source_ip",
    "source_service",
    "invoked_by",
    "vpc_endpoint_id",
    "vpc_endpoint_account_id",
];

/// Of a call that goes on as before only these are shown: whose it is and what it does.
const SHORT: usize = 7;

/// What makes a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    fields: Vec<Option<Arc<str>>>,
    pub outcome: Outcome,
    pub statement: Option<String>,
    /// What would settle the calls, each a sentence.
    pub settled_by: Vec<String>,
    /// Why the change does not concern the calls, where it does not: calls of one reason are a row.
    not_applicable: Option<String>,
}

/// What a call that would be denied, or allowed, does, in the words of IAM policies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// `s3:ListBucket`.
    pub action: String,
    /// The name of the event where it is another: `ListObjects`.
    pub event: Option<String>,
    /// The permission that is denied, or was, where the call needs it besides its own: `iam:PassRole`.
    pub needs: Option<String>,
}

impl Operation {
    fn of(call: &Call, judged: &Judged) -> Option<Operation> {
        let denied: &Permission = match judged.outcome {
            Outcome::NewlyDenied => judged.permissions.get(judged.deciding?)?,
            Outcome::NewlyAllowed => judged.permissions.iter().find(|permission| permission.today == Verdict::Denied)?,
            _ => return None,
        };
        let is_own = |permission: &&Permission| permission.authorization.dependent.is_none();
        let own = Some(denied).filter(is_own).or_else(|| judged.permissions.iter().find(is_own)).unwrap_or(denied);
        let action = own.authorization.request.action.clone();
        let name = action.split_once(':').map_or(action.as_str(), |(_, name)| name);
        Some(Operation {
            event: call.event_name.as_deref().filter(|event| *event != name).map(str::to_owned),
            needs: Some(denied).filter(|denied| !is_own(denied)).map(|denied| denied.authorization.request.action.clone()),
            action,
        })
    }
}

/// The calls of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    pub calls: u64,
    first_seen: Option<i64>,
    last_seen: Option<i64>,
    sample: Option<Arc<str>>,
    /// Calls by what IAM calls the operation; of newly denied and newly allowed calls only.
    pub operations: BTreeMap<Operation, u64>,
    pub reason: String,
    pub perimeter: Option<&'static str>,
}

/// The rows of one scenario.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    rows: HashMap<Key, Sum>,
}

impl Key {
    /// A column that comes from the call.
    pub fn field(&self, name: &str) -> Option<&str> {
        let position = FIELDS.iter().position(|field| *field == name)?;
        self.fields.get(position)?.as_deref()
    }
}

impl Rows {
    /// Takes in one call.
    pub fn add(&mut self, call: &Call, judged: &Judged, words: Words) {
        let key = Key {
            fields: fields(call, judged),
            outcome: judged.outcome,
            statement: words.statement,
            settled_by: words.settled_by,
            not_applicable: (judged.outcome == Outcome::NotApplicable).then(|| words.reason.clone()),
        };
        let sum = Sum {
            calls: call.event_count,
            first_seen: call.first_seen,
            last_seen: call.last_seen,
            sample: call.event_id.clone(),
            operations: Operation::of(call, judged).map(|operation| (operation, call.event_count)).into_iter().collect(),
            reason: words.reason,
            perimeter: words.perimeter,
        };
        self.insert(key, sum);
    }

    fn insert(&mut self, key: Key, sum: Sum) {
        match self.rows.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(sum);
            }
            Entry::Occupied(mut entry) => entry.get_mut().merge(sum),
        }
    }

    /// Takes in the rows of another thread.
    pub fn merge(&mut self, other: Rows) {
        for (key, sum) in other.rows {
            self.insert(key, sum);
        }
    }

    /// Sorted.
    pub fn sorted(&self) -> Vec<(&Key, &Sum)> {
        let mut rows: Vec<(&Key, &Sum)> = self.rows.iter().collect();
        rows.sort_by(|a, b| b.1.calls.cmp(&a.1.calls).then_with(|| a.0.cmp(b.0)));
        rows
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Sum)> {
        self.rows.iter()
    }
}

impl Sum {
    /// The same row whichever call came first.
    fn merge(&mut self, other: Sum) {
        self.calls = self.calls.saturating_add(other.calls);
        self.first_seen = match (self.first_seen, other.first_seen) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last_seen = self.last_seen.max(other.last_seen);
        for (operation, calls) in other.operations {
            let sum = self.operations.entry(operation).or_default();
            *sum = sum.saturating_add(calls);
        }
        let earlier = match (&self.sample, &other.sample) {
            (Some(own), Some(other)) => other < own,
            (None, Some(_)) => true,
            _ => false,
        };
        if earlier {
            self.sample = other.sample;
        }
        if other.reason < self.reason {
            self.reason = other.reason;
        }
        self.perimeter = self.perimeter.or(other.perimeter);
    }
}

fn fields(call: &Call, judged: &Judged) -> Vec<Option<Arc<str>>> {
    let principal_id = call.principal_id.as_deref().map(|id| Arc::from(id.split_once(':').map_or(id, |(id, _)| id)));
    let mut fields = vec![
        call.account_id.clone(),
        call.principal_arn.clone(),
        call.principal_type.clone(),
        principal_id,
        call.principal_account_id.clone(),
        call.event_source.clone(),
        call.event_name.clone(),
    ];
    fields.truncate(SHORT);
    if matches!(judged.outcome, Outcome::Unchanged | Outcome::NotApplicable) {
        fields.resize(FIELDS.len(), None);
        return fields;
    }
    let request = judged
        .deciding
        .and_then(|deciding| judged.permissions.get(deciding))
        .or(judged.permissions.first())
        .map(|permission| &permission.authorization.request);
    let derived = request.and_then(|request| match &request.resource {
        Resource::Known(arn) if arn != "*" => Some(arn.as_str()),
        _ => None,
    });
    let resource = call.resource_arn.as_deref().or(derived).map(|arn| Arc::from(without_key(arn)));
    let owner = call
        .resource_account_id
        .clone()
        .or_else(|| request.and_then(|request| request.resource_account.as_deref()).map(Arc::from));
    let is_error = call.error_code.is_some();
    fields.extend([
        call.error_code.clone(),
        call.error_message.clone().filter(|_| is_error),
        resource,
        call.resource_type.clone(),
        owner,
        call.region.clone(),
        call.source_ip.clone(),
        call.source_service.clone(),
        call.invoked_by.clone(),
        call.vpc_endpoint_id.clone(),
        call.vpc_endpoint_account_id.clone(),
    ]);
    fields
}

/// Objects of a bucket are one resource here, or a report would have a row for each of them.
fn without_key(arn: &str) -> String {
    match arn.split_once(":s3:::") {
        Some((start, rest)) => match rest.split_once('/') {
            Some((bucket, _)) => format!("{start}:s3:::{bucket}/*"),
            None => arn.to_owned(),
        },
        None => arn.to_owned(),
    }
}

/// Rows as the frame that [`crate::enrich::describe`] takes, and what is said of each.
///
/// # Errors
/// When polars cannot build the frame.
pub fn frame(rows: &[(&Key, &Sum)]) -> Result<(DataFrame, Vec<Said>), PolarsError> {
    let mut columns: Vec<Column> = Vec::new();
    for (position, name) in FIELDS.iter().enumerate() {
        let values = rows.iter().map(|(key, _)| key.fields.get(position).and_then(|value| value.as_deref()));
        let mut column: StringChunked = values.collect();
        column.rename((*name).into());
        columns.push(column.into_column());
    }
    let mut samples: StringChunked = rows.iter().map(|(_, sum)| sum.sample.as_deref()).collect();
    samples.rename("sample_event_id".into());
    columns.push(samples.into_column());
    let mut counts: Int64Chunked = rows.iter().map(|(_, sum)| Some(i64::try_from(sum.calls).unwrap_or(i64::MAX))).collect();
    counts.rename("event_count".into());
    columns.push(counts.into_column());
    for (name, time) in [("first_seen", true), ("last_seen", false)] {
        let mut times: Int64Chunked = rows.iter().map(|(_, sum)| if time { sum.first_seen } else { sum.last_seen }).collect();
        times.rename(name.into());
        columns.push(times.into_datetime(TimeUnit::Microseconds, None).into_column());
    }
    let said = rows
        .iter()
        .map(|(key, sum)| Said {
            verdict: key.outcome.verdict(),
            reason: sum.reason.clone(),
            settled_by: settle::joined(&key.settled_by),
            outcome: key.outcome.as_str().to_owned(),
            statement: key.statement.clone(),
        })
        .collect();
    Ok((DataFrame::new(rows.len(), columns)?, said))
}
