//! How the parts of a table are found: which partition key holds the account, which the days, and how they are written.

use jiff::civil::Date;

use super::column_type::ColumnType;
use super::render::quoted;
use super::{Column, SourceError, Table, folder_days};
use crate::catalog::BoundValue;
use crate::engine::Part;

/// Whose columns a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The fields of CloudTrail's records: tables over a trail's bucket, exports of such, and event data stores of CloudTrail Lake.
    CloudTrail,
    /// OCSF 1.1.0, source version 2.
    SecurityLake,
}

/// A partition key that holds an account id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionColumn {
    pub name: String,
    /// Projected with the type `injected`: a statement must name the accounts.
    pub injected: bool,
}

/// How a day is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayForm {
    /// `2026/10/31`
    Slashes,
    /// `2026-10-31`
    Dashes,
    /// `20261031`
    Compact,
}

const DAY_FORMS: [(&str, DayForm); 3] =
    [("yyyy/MM/dd", DayForm::Slashes), ("yyyy-MM-dd", DayForm::Dashes), ("yyyyMMdd", DayForm::Compact)];

impl DayForm {
    fn write(self, day: Date) -> String {
        let form = match self {
            DayForm::Slashes => "%Y/%m/%d",
            DayForm::Dashes => "%Y-%m-%d",
            DayForm::Compact => "%Y%m%d",
        };
        day.strftime(form).to_string()
    }
}

/// Where a table keeps the days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Days {
    /// One partition key with the day of the folder.
    Key { name: String, form: DayForm, is_date: bool },
    /// Three partition keys.
    Parts { year: Column, month: Column, day: Column },
    /// A column with the time of the event, by which the table's files can be skipped.
    Time { name: String, zoned: bool },
    /// Nowhere: the whole table is read.
    None,
}

/// How a table is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub shape: Shape,
    pub account: Option<PartitionColumn>,
    pub days: Days,
    /// Are there files with paths (`"$path"`) that may tell the account?
    pub has_paths: bool,
}

const ACCOUNT_KEYS: [&str; 5] = ["p_account", "account", "accountid", "account_id", "aws_account_id"];
const DAY_KEYS: [&str; 9] =
    ["p_date", "timestamp", "date", "dt", "day", "eventday", "event_day", "event_date", "partition_date"];

impl Layout {
    /// Recognises the table by its own columns, partition keys and parameters.
    pub fn detect(table: &Table) -> Result<Layout, SourceError> {
        let has = |name: &str| table.columns.iter().any(|column| column.name.to_ascii_lowercase().replace('_', "") == name);
        let shape = if has("eventname") && has("eventsource") {
            Shape::CloudTrail
        } else if has("api") && has("actor") && has("metadata") {
            Shape::SecurityLake
        } else {
            let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            return Err(SourceError::NotRecognised { table: table.to_string(), columns: columns.join(", ") });
        };
        let key = |names: &[&str]| {
            names.iter().find_map(|name| table.partition_keys.iter().find(|key| key.name.eq_ignore_ascii_case(name)))
        };
        let account = key(&ACCOUNT_KEYS).or_else(|| {
            // Iceberg: what it is partitioned by is no key of the catalog.
            let is_account = |column: &&Column| column.name.eq_ignore_ascii_case("accountid");
            table.columns.iter().find(is_account).filter(|_| shape == Shape::SecurityLake)
        });
        let account = account.map(|key| PartitionColumn {
            name: key.name.clone(),
            injected: table.parameter(&format!("projection.{}.type", key.name)).is_some_and(|kind| kind == "injected"),
        });
        let days = match (key(&["year"]), key(&["month"]), key(&["day"])) {
            (Some(year), Some(month), Some(day)) => Days::Parts { year: year.clone(), month: month.clone(), day: day.clone() },
            _ => match key(&DAY_KEYS) {
                Some(key) => day_key(table, key)?,
                None => time_column(table),
            },
        };
        Ok(Layout { shape, account, days, has_paths: shape == Shape::CloudTrail && !table.partition_keys.is_empty() })
    }

    /// A name for people.
    pub fn name(&self) -> &'static str {
        match (self.shape, &self.account, &self.days) {
            (Shape::SecurityLake, ..) => "Security Lake",
            (_, Some(_), Days::Key { .. }) => "account and day",
            (_, None, Days::Key { .. }) => "day",
            (_, _, Days::Parts { .. }) => "year, month and day",
            (_, _, Days::Time { .. }) => "event data store",
            (_, _, Days::None) => "not partitioned by day",
        }
    }

    /// The predicates by which the engine finds the files of the part.
    pub(super) fn predicates(&self, part: &Part, values: &mut Vec<BoundValue>) -> String {
        let mut predicates = Vec::new();
        let mut bind = |value: String| {
            values.push(BoundValue::Text(value));
            "?"
        };
        if let Some(account) = &self.account {
            let name = quoted(&account.name);
            match part.account_ids.as_slice() {
                [one] => predicates.push(format!("{name} = {}", bind(one.clone()))),
                several => {
                    let list: Vec<&str> = several.iter().map(|account| bind(account.clone())).collect();
                    predicates.push(format!("{name} IN ({})", list.join(", ")));
                }
            }
        }
        let (from, to) = folder_days(part);
        match &self.days {
            Days::Key { name, is_date: true, .. } => {
                let (from, to) = (bind(from.to_string()), bind(to.to_string()));
                predicates.push(format!("{} BETWEEN CAST({from} AS date) AND CAST({to} AS date)", quoted(name)));
            }
            Days::Key { name, form, .. } => {
                let (from, to) = (bind(form.write(from)), bind(form.write(to)));
                predicates.push(format!("{} BETWEEN {from} AND {to}", quoted(name)));
            }
            Days::Parts { year, month, day } => {
                // The year alone is what every engine finds partitions by; the rest is decided for each partition's values.
                let of_year = match year.data_type {
                    ColumnType::Text => "?",
                    _ => "CAST(? AS integer)",
                };
                let years: Vec<&str> = (from.year()..=to.year())
                    .map(|year| {
                        bind(format!("{year:04}"));
                        of_year
                    })
                    .collect();
                predicates.push(format!("{} IN ({})", quoted(&year.name), years.join(", ")));
                let part = |key: &Column| format!("lpad(CAST({} AS varchar), 2, '0')", quoted(&key.name));
                let (from, to) = (bind(from.to_string()), bind(to.to_string()));
                predicates.push(format!(
                    "CAST({} AS varchar) || '-' || {} || '-' || {} BETWEEN {from} AND {to}",
                    quoted(&year.name),
                    part(month),
                    part(day)
                ));
            }
            Days::Time { name, zoned } => {
                // By the time of the event, so a day of slack is not needed.
                let bound = |value: &str| {
                    let time = format!("CAST({value} AS timestamp(3))");
                    if *zoned { format!("with_timezone({time}, 'UTC')") } else { time }
                };
                let (from, before) = (bind(part.from.to_string()), bind(to.to_string()));
                let name = quoted(name);
                // The day behind the last: `to` is that already.
                predicates.push(format!("{name} >= {} AND {name} < {}", bound(from), bound(before)));
            }
            Days::None => {}
        }
        if predicates.is_empty() {
            return "true".to_owned();
        }
        predicates.join(" AND ")
    }
}

impl Table {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn day_key(table: &Table, key: &Column) -> Result<Days, SourceError> {
    let name = key.name.clone();
    if key.data_type == ColumnType::Date {
        return Ok(Days::Key { name, form: DayForm::Dashes, is_date: true });
    }
    let form = match table.parameter(&format!("projection.{name}.format")) {
        Some(written) => DAY_FORMS.iter().find(|(form, _)| *form == written).map(|(_, form)| *form).ok_or_else(|| {
            let expected: Vec<&str> = DAY_FORMS.iter().map(|(form, _)| *form).collect();
            SourceError::DayForm {
                table: table.to_string(),
                key: name.clone(),
                form: written.to_owned(),
                expected: expected.join(", "),
            }
        })?,
        None => match name.to_ascii_lowercase().as_str() {
            "p_date" | "timestamp" => DayForm::Slashes,
            "eventday" | "event_day" => DayForm::Compact,
            _ => DayForm::Dashes,
        },
    };
    Ok(Days::Key { name, form, is_date: false })
}

/// A column with the time of the event that is a timestamp: a table in columns, whose files tell their smallest and largest.
fn time_column(table: &Table) -> Days {
    let times = ["time_dt", "eventtime", "event_time"];
    let found = times.iter().find_map(|name| {
        table
            .columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name) && matches!(column.data_type, ColumnType::Timestamp { .. }))
    });
    match found {
        Some(Column { name, data_type: ColumnType::Timestamp { zoned } }) => Days::Time { name: name.clone(), zoned: *zoned },
        _ => Days::None,
    }
}
