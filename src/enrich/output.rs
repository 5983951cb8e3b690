//! Findings as a frame: exactly the columns of the finding shape, sorted.

use std::cmp::Ordering;

use polars::prelude::*;
use sha2::{Digest, Sha256};

use crate::report::model::{self as report, ColumnType, FINDING_COLUMNS, Table, Values, Verdict};

use super::case::{Case, Place};
use super::rows::{Field, Rows};
use super::{EnrichError, denied};

/// What was found out about a row that stays.
pub(crate) struct Finding {
    pub(crate) row: usize,
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) settled_by: Option<String>,
    pub(crate) exception_id: Option<String>,
    pub(crate) place: Place,
    /// Of a replayed call.
    pub(crate) outcome: Option<String>,
    pub(crate) statement: Option<String>,
}

/// Which enrich steps the query declares: their columns are filled, the others stay null.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Enrich {
    account: bool,
    principal: bool,
    role: bool,
    endpoint: bool,
    network: bool,
    resource: bool,
}

/// The names of the enrich steps, sorted.
pub(crate) static ENRICH_NAMES: &[&str] = &["account", "endpoint", "network", "principal", "resource", "role"];

impl Enrich {
    pub(crate) fn new(query: &str, names: &[String]) -> Result<Enrich, EnrichError> {
        let mut enrich = Enrich::default();
        for name in names {
            match name.as_str() {
                "account" => enrich.account = true,
                "principal" => enrich.principal = true,
                "role" => enrich.role = true,
                "endpoint" => enrich.endpoint = true,
                "network" => enrich.network = true,
                "resource" => enrich.resource = true,
                _ => {
                    return Err(EnrichError::UnknownStep {
                        query: query.to_owned(),
                        kind: "enrich",
                        step: name.clone(),
                        known: ENRICH_NAMES.join(", "),
                    });
                }
            }
        }
        Ok(enrich)
    }
}

/// The identifier of a finding: the same query and the same recorded context give the same id in every run, whatever the
/// inventory and the perimeter definition say of it.
fn finding_id(query: &str, rows: &Rows, finding: &Finding) -> String {
    let row = finding.row;
    let mut hash = Sha256::new();
    let mut add = |text: Option<&str>| {
        // The length in front keeps neighbours apart, and null from empty text.
        hash.update(text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    };
    add(Some(query));
    for field in Field::ALL.into_iter().filter(|field| field.is_dimension()) {
        add(rows.text(field, row));
    }
    if finding.outcome.is_some() {
        // What a replay says may depend on more of a call than its columns here.
        for text in [&finding.outcome, &finding.statement, &finding.settled_by] {
            add(text.as_deref());
        }
    }
    let mut id = String::with_capacity(16);
    for byte in hash.finalize().iter().take(8) {
        for nibble in [byte >> 4, byte & 0xf] {
            id.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    id
}

/// Builds the frame.
///
/// # Errors
/// When polars cannot.
pub(crate) fn frame<'a>(
    findings: &'a [Finding],
    rows: &'a Rows,
    enrich: Enrich,
    case: impl Fn(usize) -> Option<Case<'a>>,
) -> Result<DataFrame, EnrichError> {
    let cases: Vec<Option<Case<'a>>> = findings.iter().map(|finding| case(finding.row)).collect();
    let column = |name: &str, value: &dyn Fn(&'a Finding, &Case<'a>) -> Option<&'a str>| {
        let values = findings.iter().zip(&cases).map(|(finding, case)| case.as_ref().and_then(|case| value(finding, case)));
        let mut column: StringChunked = values.collect();
        column.rename(name.into());
        column
    };
    let mut columns = Vec::with_capacity(FINDING_COLUMNS.len());
    for spec in FINDING_COLUMNS {
        let name = spec.name;
        let numbers = |values: &Int64Chunked| {
            let mut column: Int64Chunked = findings.iter().map(|finding| values.get(finding.row)).collect();
            column.rename(name.into());
            column
        };
        let text = match name {
            "event_count" => {
                columns.push(numbers(&rows.count).into_column());
                continue;
            }
            "first_seen" => {
                columns.push(numbers(&rows.first_seen).into_datetime(TimeUnit::Milliseconds, None).into_column());
                continue;
            }
            "last_seen" => {
                columns.push(numbers(&rows.last_seen).into_datetime(TimeUnit::Milliseconds, None).into_column());
                continue;
            }
            "finding_id" => {
                let query = cases.iter().flatten().next().map_or("", |case| case.world.plan.query);
                let ids: StringChunked = findings.iter().map(|finding| Some(finding_id(query, rows, finding))).collect();
                ids.with_name(name.into())
            }
            "query" => column(name, &|_, case| Some(case.world.plan.query)),
            "perimeter" => column(name, &|_, case| Some(case.world.plan.perimeter)),
            "verdict" => column(name, &|finding, _| Some(finding.verdict.as_str())),
            "reason" => column(name, &|finding, _| Some(&finding.reason)),
            "outcome" => column(name, &|finding, _| finding.outcome.as_deref()),
            "statement" => column(name, &|finding, _| finding.statement.as_deref()),
            "settled_by" => column(name, &|finding, _| finding.settled_by.as_deref()),
            "exception_id" => column(name, &|finding, _| finding.exception_id.as_deref()),
            "denied_by" => {
                column(name, &|_, case| denied::denied_by(case.text(Field::ErrorCode), case.text(Field::ErrorMessage)))
            }
            "resource_account_id" if enrich.resource => {
                column(name, &|_, case| case.resource.account_id.as_deref().or(case.text(Field::ResourceAccountId)))
            }
            "principal_account_id" if enrich.principal => {
                column(name, &|_, case| case.text(Field::PrincipalAccountId).or(case.principal.account_id.as_deref()))
            }
            "vpc_endpoint_account_id" if enrich.endpoint => {
                column(name, &|_, case| case.endpoint.account_id.as_deref().or(case.text(Field::VpcEndpointAccountId)))
            }
            _ => match Field::of(name) {
                Some(field) => column(name, &|_, case| case.text(field)),
                None => column(name, &|finding, case| added(enrich, name, finding, case)),
            },
        };
        columns.push(text.into_column());
    }
    let frame = DataFrame::new(findings.len(), columns)?;
    let order = order(&frame)?;
    Ok(frame.take(&order)?)
}

/// The value of a column that an enrich step adds.
fn added<'a>(enrich: Enrich, name: &str, finding: &Finding, case: &Case<'a>) -> Option<&'a str> {
    let Case { world, principal, resource, endpoint, .. } = *case;
    let account = || case.text(Field::AccountId).and_then(|id| world.context.inventory.account(id));
    match name {
        "account_name" if enrich.account => account().and_then(|account| account.name.as_deref()),
        "organizational_unit" if enrich.account => account().and_then(|account| account.organizational_unit_path.as_deref()),
        "principal_ownership" if enrich.principal => Some(principal.ownership.as_str()),
        "principal_organizational_unit" if enrich.principal => principal.unit.as_deref(),
        "principal_kind" if enrich.principal || enrich.role => Some(principal.kind.as_str()),
        "principal_owner" if enrich.principal || enrich.role => principal.owner.as_deref(),
        "assumable_by" if enrich.role => principal.assumable_by.as_deref(),
        "resource_ownership" if enrich.resource => Some(resource.ownership.as_str()),
        "resource_owner" if enrich.resource => resource.owner.as_deref(),
        "network" if enrich.network => Some(finding.place.as_str()),
        "network_name" if enrich.network => case.network_name(),
        "vpc_id" if enrich.endpoint => endpoint.vpc_id.as_deref(),
        _ => None,
    }
}

/// Descending count, then every other column from left to right, ascending, null first. The id comes last: it is a hash, and
/// sorting by it would scatter what belongs together.
fn order(frame: &DataFrame) -> PolarsResult<IdxCa> {
    let counts = frame.column("event_count")?.i64()?.rechunk().into_owned();
    let mut texts = Vec::new();
    let mut times = Vec::new();
    // All rows are of one query, and so of one perimeter.
    let compared = FINDING_COLUMNS.iter().filter(|spec| !["finding_id", "query", "perimeter"].contains(&spec.name));
    for spec in compared {
        let column = frame.column(spec.name)?;
        match spec.column_type {
            ColumnType::Text => texts.push(column.str()?.rechunk().into_owned()),
            ColumnType::Time => times.push(column.to_physical_repr().i64()?.rechunk().into_owned()),
            ColumnType::Integer => {}
        }
    }
    texts.push(frame.column("finding_id")?.str()?.rechunk().into_owned());
    let mut order: Vec<IdxSize> = (0..frame.height()).filter_map(|row| IdxSize::try_from(row).ok()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (*a as usize, *b as usize);
        let text = |column: &StringChunked| column.get(a).cmp(&column.get(b));
        let time = |column: &Int64Chunked| column.get(a).cmp(&column.get(b));
        counts
            .get(b)
            .cmp(&counts.get(a))
            .then_with(|| texts.iter().map(text).find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
            .then_with(|| times.iter().map(time).find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
    });
    Ok(IdxCa::from_vec("order".into(), order))
}

/// A frame of findings as the table that reports read.
///
/// # Errors
/// When a column of the finding shape is missing or has another type.
pub(crate) fn table(frame: &DataFrame) -> Result<Table, EnrichError> {
    let mut columns = Vec::with_capacity(FINDING_COLUMNS.len());
    for spec in FINDING_COLUMNS {
        let column = frame.column(spec.name)?;
        let values = match spec.column_type {
            ColumnType::Text => encoded(column.str()?),
            ColumnType::Integer => Values::Integer(column.i64()?.iter().collect()),
            ColumnType::Time => {
                let column = column.cast(&DataType::Datetime(TimeUnit::Milliseconds, None))?;
                Values::Time(column.to_physical_repr().i64()?.iter().collect())
            }
        };
        columns.push(report::Column { spec: *spec, values });
    }
    Ok(Table { columns })
}

/// Text as numbers into a list of its distinct values, in the order of their first use.
fn encoded(column: &StringChunked) -> Values {
    let mut dictionary: Vec<String> = Vec::new();
    let mut codes = Vec::with_capacity(column.len());
    let mut code_of: PlHashMap<&str, u32> = PlHashMap::default();
    for text in column.iter() {
        codes.push(text.and_then(|text| match code_of.get(text) {
            Some(code) => Some(*code),
            None => {
                let code = u32::try_from(dictionary.len()).ok()?;
                dictionary.push(text.to_owned());
                code_of.insert(text, code);
                Some(code)
            }
        }));
    }
    Values::Text { dictionary, codes }
}
