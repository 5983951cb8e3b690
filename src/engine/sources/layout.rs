//! How the parts of a table are found: which partition key holds the account, which the days, and how they are written.

use jiff::civil::Date;

use super::by_hand::LayoutName;
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

pub(super) const DAY_FORMS: [(&str, DayForm); 3] =
    [("yyyy/MM/dd", DayForm::Slashes), ("yyyy-MM-dd", DayForm::Dashes), ("yyyyMMdd", DayForm::Compact)];

impl DayForm {
    /// The form that is written so, as in the properties of a table.
    pub(super) fn written(text: &str) -> Option<DayForm> {
        DAY_FORMS.iter().find(|(form, _)| *form == text).map(|(_, form)| *form)
    }

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

pub(super) const ACCOUNT_KEYS: [&str; 5] = ["p_account", "account", "accountid", "account_id", "aws_account_id"];
pub(super) const DAY_KEYS: [&str; 9] =
    ["p_date", "timestamp", "date", "dt", "day", "eventday", "event_day", "event_date", "partition_date"];

/// Columns with the time of the event.
pub(super) const TIMES: [&str; 3] = ["time_dt", "eventtime", "event_time"];

impl Layout {
    /// Recognises the table by its own columns, partition keys and parameters.
    pub fn detect(table: &Table) -> Result<Layout, SourceError> {
        let shape = shape(table)?;
        let account = account_column(table, shape)
            .map(|key| PartitionColumn { name: key.name.clone(), injected: is_injected(table, &key.name) });
        let key = |names: &[&str]| key(table, names);
        let days = match (key(&["year"]), key(&["month"]), key(&["day"])) {
            (Some(year), Some(month), Some(day)) => Days::Parts { year: year.clone(), month: month.clone(), day: day.clone() },
            _ => match key(&DAY_KEYS) {
                Some(key) => day_key(table, key)?,
                None => time_days(table),
            },
        };
        Ok(Layout { shape, account, days, has_paths: has_paths(table, shape) })
    }

    /// Its name, as `table_layouts` of the settings takes it.
    pub fn name(&self) -> &'static str {
        let name = match (self.shape, &self.account, &self.days) {
            (Shape::SecurityLake, ..) => LayoutName::SecurityLake,
            (_, Some(_), Days::Key { .. }) => LayoutName::AccountAndDay,
            (_, None, Days::Key { .. }) => LayoutName::Day,
            (_, _, Days::Parts { .. }) => LayoutName::YearMonthDay,
            (_, _, Days::Time { .. }) => LayoutName::EventDataStore,
            (_, _, Days::None) => LayoutName::Unpartitioned,
        };
        name.as_str()
    }

    /// The name with the columns that it goes by, such as `account_and_day: acct, dt`.
    pub(super) fn describe(&self) -> String {
        let mut columns: Vec<String> = self.account.iter().map(|account| account.name.clone()).collect();
        match &self.days {
            Days::Key { name, form, is_date } => {
                let written = DAY_FORMS.iter().find(|(_, known)| known == form).map_or("", |(written, _)| written);
                columns.push(if *is_date { name.clone() } else { format!("{name} {written}") });
            }
            Days::Parts { year, month, day } => columns.extend([year, month, day].map(|column| column.name.clone())),
            Days::Time { name, .. } => columns.push(name.clone()),
            Days::None => {}
        }
        let colon = if columns.is_empty() { "" } else { ": " };
        format!("{}{colon}{}", self.name(), columns.join(", "))
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

/// Whose columns the table has.
pub(super) fn shape(table: &Table) -> Result<Shape, SourceError> {
    let has = |name: &str| table.columns.iter().any(|column| column.name.to_ascii_lowercase().replace('_', "") == name);
    if has("eventname") && has("eventsource") {
        Ok(Shape::CloudTrail)
    } else if has("api") && has("actor") && has("metadata") {
        Ok(Shape::SecurityLake)
    } else {
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        Err(SourceError::NotRecognised { table: table.to_string(), columns: columns.join(", ") })
    }
}

/// The partition key with one of these names; the first of the names wins.
fn key<'t>(table: &'t Table, names: &[&str]) -> Option<&'t Column> {
    names.iter().find_map(|name| table.partition_keys.iter().find(|key| key.name.eq_ignore_ascii_case(name)))
}

/// The column by which the accounts are told apart, if it has a usual name.
pub(super) fn account_column(table: &Table, shape: Shape) -> Option<&Column> {
    key(table, &ACCOUNT_KEYS).or_else(|| {
        // Iceberg: what it is partitioned by is no key of the catalog.
        let is_account = |column: &&Column| column.name.eq_ignore_ascii_case("accountid");
        table.columns.iter().find(is_account).filter(|_| shape == Shape::SecurityLake)
    })
}

/// Does a statement have to name the values of this partition key?
pub(super) fn is_injected(table: &Table, key: &str) -> bool {
    table.parameter(&format!("projection.{key}.type")).is_some_and(|kind| kind == "injected")
}

/// Have its rows files with paths of a trail?
pub(super) fn has_paths(table: &Table, shape: Shape) -> bool {
    shape == Shape::CloudTrail && !table.partition_keys.is_empty()
}

impl Table {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The days of a partition key, in the form of the table's properties or the usual one of its name.
pub(super) fn day_key(table: &Table, key: &Column) -> Result<Days, SourceError> {
    let name = key.name.clone();
    if key.data_type == ColumnType::Date {
        return Ok(Days::Key { name, form: DayForm::Dashes, is_date: true });
    }
    let form = match table.parameter(&format!("projection.{name}.format")) {
        Some(written) => DayForm::written(written).ok_or_else(|| {
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
fn time_column(table: &Table) -> Option<&Column> {
    TIMES.iter().find_map(|name| {
        table
            .columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name) && matches!(column.data_type, ColumnType::Timestamp { .. }))
    })
}

fn time_days(table: &Table) -> Days {
    match time_column(table) {
        Some(Column { name, data_type: ColumnType::Timestamp { zoned } }) => Days::Time { name: name.clone(), zoned: *zoned },
        _ => Days::None,
    }
}
