//! The roll-up itself: records, or rows that were rolled up before, into distinct contexts.
//!
//! A context is one byte string: its columns one after the other, account and day first. Records that agree in it share one entry
//! of a hash table. Sorted, the entries are in the order of account, day and contents, so the rows that come out are the same
//! whatever the order of the files and the number of threads.

use std::borrow::Cow;
use std::collections::HashMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Date32Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::arrow::error::ArrowError;

use super::cut::{cut_arn, error_message};
use super::definition::is_s3;
use super::normal;
use crate::events::record::Record;
use crate::events::rows::{
    Builder, Facts, RESOURCE_COLUMNS, ResourceRow, boolean_value, issued_access_key_id, resource_rows, text_value, time_value,
};
use crate::events::scan::Sink;
use crate::events::schema::{Column, ColumnSet, ColumnType, schema};
use crate::events::time;

/// Rows of a batch that comes out, at most.
const BATCH_ROWS: usize = 8_192;
/// Bytes of a batch that comes out, about.
const BATCH_BYTES: usize = 8 << 20;
/// What an entry takes besides its text, about.
const ENTRY_BYTES: usize = 120;

/// What rows are rolled up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The columns that the rows have. What is not among them does not keep rows apart.
    pub columns: ColumnSet,
    /// `request_parameters` is only read for the bucket and the key of a request to S3.
    pub only_resource_parameters: bool,
    /// Segments of the keys of objects that are kept.
    pub prefix_depth: usize,
}

impl Shape {
    /// Every column.
    pub fn whole(prefix_depth: usize) -> Self {
        Shape { columns: ColumnSet::all(), only_resource_parameters: false, prefix_depth }
    }

    /// Only what these columns need. `with_resources`: rows of `event_resources` are made of the rows.
    pub fn of_columns(columns: ColumnSet, with_resources: bool) -> Self {
        let mut shape = Shape { columns, only_resource_parameters: false, prefix_depth: 0 };
        // What every row is found by, and how often it was.
        for column in [Column::AccountId, Column::EventCount] {
            shape.columns.insert(column);
        }
        if with_resources {
            shape.only_resource_parameters = !columns.contains(Column::RequestParameters);
            for column in RESOURCE_SOURCES {
                shape.columns.insert(column);
            }
        }
        shape
    }

    /// The columns, in the order of the relation.
    pub fn schema(&self) -> SchemaRef {
        let full = schema();
        let fields: Vec<_> = (Column::ALL.iter().zip(full.fields()))
            .filter(|(column, _)| self.columns.contains(**column))
            .map(|(_, field)| field.clone())
            .collect();
        std::sync::Arc::new(Schema::new(fields))
    }
}

/// The columns that rows of `event_resources` are made of.
pub const RESOURCE_SOURCES: [Column; 4] = [Column::Region, Column::EventSource, Column::Resources, Column::RequestParameters];

/// Columns that are no part of a context.
const COUNTED: [Column; 5] = [Column::EventId, Column::EventTime, Column::EventCount, Column::FirstSeen, Column::LastSeen];

/// How often a context was seen, and when.
#[derive(Debug, Clone)]
struct Seen {
    count: i64,
    first: Option<i64>,
    last: Option<i64>,
    /// The smallest.
    event_id: Option<Box<str>>,
}

impl Seen {
    fn add(&mut self, count: i64, first: Option<i64>, last: Option<i64>, event_id: Option<&str>) {
        self.count = self.count.saturating_add(count);
        self.first = [self.first, first].into_iter().flatten().min();
        self.last = [self.last, last].into_iter().flatten().max();
        if let Some(event_id) = event_id
            && self.event_id.as_deref().is_none_or(|known| event_id < known)
        {
            self.event_id = Some(event_id.into());
        }
    }
}

/// Account and day of rows; rows may lack either.
pub type AccountDay = (Option<String>, Option<i32>);

/// A hash table of contexts.
#[derive(Debug)]
pub struct RollUp {
    shape: Shape,
    /// The columns of a context, account and day first.
    columns: Vec<Column>,
    contexts: HashMap<Box<[u8]>, Seen, foldhash::fast::RandomState>,
    bytes: usize,
    /// The context at hand.
    context: Vec<u8>,
}

impl RollUp {
    pub fn new(shape: Shape) -> Self {
        let first = [Column::AccountId, Column::EventDate];
        let others = Column::ALL.iter().filter(|column| !first.contains(column) && !COUNTED.contains(column));
        RollUp {
            columns: first.iter().chain(others).copied().filter(|column| shape.columns.contains(*column)).collect(),
            shape,
            contexts: HashMap::default(),
            bytes: 0,
            context: Vec::new(),
        }
    }

    /// About how many bytes the contexts take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Calls that the contexts stand for.
    pub fn records(&self) -> u64 {
        self.contexts.values().map(|seen| u64::try_from(seen.count).unwrap_or_default()).sum()
    }

    /// Adds the contexts of another table of the same shape.
    pub fn merge(&mut self, other: RollUp) {
        for (context, seen) in other.contexts {
            self.context = context.into_vec();
            self.count(seen.count, seen.first, seen.last, seen.event_id.as_deref());
        }
    }

    /// Adds rows that were rolled up before. The batch has every column of the shape, in the types of the relation.
    pub fn add_rows(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let array = |column: Column| {
            batch
                .column_by_name(column.name())
                .ok_or_else(|| ArrowError::SchemaError(format!("activity without the column {}", column.name())))
        };
        let columns: Vec<(Column, &ArrayRef)> =
            self.columns.iter().map(|column| Ok((*column, array(*column)?))).collect::<Result<_, ArrowError>>()?;
        let counts = array(Column::EventCount)?.as_primitive::<Int64Type>();
        let optional = |column: Column| self.shape.columns.contains(column).then(|| array(column)).transpose();
        let first = optional(Column::FirstSeen)?.map(|array| array.as_primitive::<TimestampMicrosecondType>());
        let last = optional(Column::LastSeen)?.map(|array| array.as_primitive::<TimestampMicrosecondType>());
        let ids = optional(Column::EventId)?.map(|array| array.as_string::<i32>());
        for row in 0..batch.num_rows() {
            self.context.clear();
            for (column, array) in &columns {
                let is_null = array.is_null(row);
                match column.column_type() {
                    ColumnType::Text => {
                        let text = (!is_null).then(|| array.as_string::<i32>().value(row));
                        put_text(&mut self.context, text);
                    }
                    ColumnType::Boolean => {
                        put_boolean(&mut self.context, (!is_null).then(|| array.as_boolean().value(row)));
                    }
                    ColumnType::Timestamp => {
                        let value = (!is_null).then(|| array.as_primitive::<TimestampMicrosecondType>().value(row));
                        put_number(&mut self.context, value);
                    }
                    ColumnType::Date => {
                        let value = (!is_null).then(|| i64::from(array.as_primitive::<Date32Type>().value(row)));
                        put_number(&mut self.context, value);
                    }
                    ColumnType::Integer => {}
                }
            }
            let time = |times: Option<&datafusion::arrow::array::PrimitiveArray<TimestampMicrosecondType>>| {
                times.filter(|times| !times.is_null(row)).map(|times| times.value(row))
            };
            let id = ids.filter(|ids| !ids.is_null(row)).map(|ids: &StringArray| ids.value(row));
            self.count(counts.value(row), time(first), time(last), id);
        }
        Ok(())
    }

    /// Counts the context at hand.
    fn count(&mut self, count: i64, first: Option<i64>, last: Option<i64>, event_id: Option<&str>) {
        if let Some(seen) = self.contexts.get_mut(self.context.as_slice()) {
            seen.add(count, first, last, event_id);
            return;
        }
        self.bytes += self.context.len() + ENTRY_BYTES;
        let seen = Seen { count, first, last, event_id: event_id.map(Into::into) };
        self.contexts.insert(self.context.as_slice().into(), seen);
    }

    /// The text of a column as the context has it.
    fn text<'a>(
        &self,
        column: Column,
        record: &Record<'a>,
        facts: &Facts<'a>,
        resource: &ResourceRow<'a>,
    ) -> Option<Cow<'a, str>> {
        let depth = self.shape.prefix_depth;
        let source_is_s3 = || record.event_source.is_some_and(|source| is_s3(&source.decode()));
        match column {
            Column::SharedEventId => issued_access_key_id(record).and(text_value(column, record, facts, resource)),
            Column::ErrorMessage => {
                let message = record.error_message?.decode();
                let code = record.error_code.map(|code| code.decode());
                error_message(code.as_deref(), &message).map(|text| Cow::Owned(text.into_owned()))
            }
            Column::ResourceArn => resource.arn.as_ref().map(|arn| Cow::Owned(cut_arn(arn, depth).into_owned())),
            Column::Resources => normal::resources(record.resources?, depth).map(Cow::Owned),
            Column::RequestParameters if self.shape.only_resource_parameters => {
                let of_s3 = record.request_parameters.filter(|_| source_is_s3())?;
                normal::object_of_s3(of_s3, depth).map(Cow::Owned)
            }
            Column::RequestParameters => {
                normal::request_parameters(record.request_parameters?, source_is_s3(), depth).map(Cow::Owned)
            }
            Column::AdditionalEventData => normal::additional_event_data(record.additional_event_data?, depth).map(Cow::Owned),
            Column::EventContext => normal::event_context(record.event_context?, depth).map(Cow::Owned),
            Column::InScopeOf => normal::whole(record.identity.in_scope_of?, depth).map(Cow::Owned),
            Column::FederationAttributes => normal::whole(record.identity.federation_attributes?, depth).map(Cow::Owned),
            _ => text_value(column, record, facts, resource),
        }
    }

    /// Takes everything out: the rows of each account and day, sorted.
    pub fn drain(&mut self) -> Result<Vec<(AccountDay, Vec<RecordBatch>)>, ArrowError> {
        let mut contexts: Vec<(Box<[u8]>, Seen)> = std::mem::take(&mut self.contexts).into_iter().collect();
        self.bytes = 0;
        contexts.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut days: Vec<(AccountDay, Vec<RecordBatch>)> = Vec::new();
        let mut batch = Batch::new(self.shape);
        // From the front, giving back the memory of what is done.
        for (context, seen) in contexts {
            let day = self.account_day(&context);
            let is_other = days.last().is_none_or(|(last, _)| *last != day);
            if is_other || batch.is_full() {
                if let Some((_, batches)) = days.last_mut().filter(|_| batch.rows > 0) {
                    batches.push(batch.finish()?);
                }
                if is_other {
                    days.push((day, Vec::new()));
                }
            }
            batch.push(&self.columns, &context, &seen);
        }
        if let Some((_, batches)) = days.last_mut().filter(|_| batch.rows > 0) {
            batches.push(batch.finish()?);
        }
        Ok(days)
    }

    fn account_day(&self, context: &[u8]) -> AccountDay {
        let mut rest = context;
        let has = |column: Column| self.columns.contains(&column);
        let account = if has(Column::AccountId) { take_text(&mut rest).map(str::to_owned) } else { None };
        let day = if has(Column::EventDate) { take_number(&mut rest) } else { None };
        (account, day.and_then(|day| i32::try_from(day).ok()))
    }
}

impl Sink for RollUp {
    fn columns(&self) -> ColumnSet {
        let mut columns = self.shape.columns;
        // What decides whether a message, an id or a parameter is kept.
        for column in [Column::EventSource, Column::ErrorCode, Column::IssuedAccessKeyId, Column::EventId, Column::EventTime] {
            columns.insert(column);
        }
        columns
    }

    fn append<'a>(&mut self, record: &Record<'a>, facts: &Facts<'a>) {
        let resource = if self.shape.columns.contains_any(&RESOURCE_COLUMNS) {
            resource_rows(record, false).into_iter().next().unwrap_or_default()
        } else {
            ResourceRow::default()
        };
        let mut context = std::mem::take(&mut self.context);
        context.clear();
        for column in &self.columns {
            match column.column_type() {
                ColumnType::Text => {
                    let text = self.text(*column, record, facts, &resource);
                    put_text(&mut context, text.as_deref().filter(|text| !text.is_empty()));
                }
                ColumnType::Boolean => put_boolean(&mut context, boolean_value(*column, record)),
                ColumnType::Timestamp => put_number(&mut context, time_value(*column, record, facts)),
                ColumnType::Date => put_number(&mut context, facts.event_time.map(|time| i64::from(time::day(time)))),
                ColumnType::Integer => {}
            }
        }
        self.context = context;
        let id = record.event_id.map(|id| id.decode());
        self.count(1, facts.event_time, facts.event_time, id.as_deref());
    }
}

fn put_text(context: &mut Vec<u8>, text: Option<&str>) {
    // Text ends at its length; null and the empty text differ.
    match text {
        None => context.extend_from_slice(&[0; 4]),
        Some(text) => {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX - 1);
            context.extend_from_slice(&(length + 1).to_be_bytes());
            context.extend_from_slice(text.as_bytes());
        }
    }
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length);
    let Some(length) = length.checked_sub(1) else {
        *rest = tail;
        return None;
    };
    let (text, tail) = tail.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

fn put_boolean(context: &mut Vec<u8>, value: Option<bool>) {
    context.push(value.map_or(0, |value| 1 + u8::from(value)));
}

fn take_boolean(rest: &mut &[u8]) -> Option<bool> {
    let (value, tail) = rest.split_first()?;
    *rest = tail;
    value.checked_sub(1).map(|value| value == 1)
}

fn put_number(context: &mut Vec<u8>, value: Option<i64>) {
    match value {
        None => context.push(0),
        Some(value) => {
            context.push(1);
            // Sorted as numbers are.
            context.extend_from_slice(&(value ^ i64::MIN).to_be_bytes());
        }
    }
}

fn take_number(rest: &mut &[u8]) -> Option<i64> {
    let (is_there, tail) = rest.split_first()?;
    *rest = tail;
    if *is_there == 0 {
        return None;
    }
    let (value, tail) = rest.split_first_chunk::<8>()?;
    *rest = tail;
    Some(i64::from_be_bytes(*value) ^ i64::MIN)
}

/// Rows on their way out.
struct Batch {
    schema: SchemaRef,
    builders: Vec<(Column, Builder)>,
    rows: usize,
    bytes: usize,
}

impl Batch {
    fn new(shape: Shape) -> Self {
        let columns = Column::ALL.iter().filter(|column| shape.columns.contains(**column));
        Batch {
            schema: shape.schema(),
            builders: columns.map(|column| (*column, Builder::new(column.column_type()))).collect(),
            rows: 0,
            bytes: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    fn push(&mut self, columns: &[Column], context: &[u8], seen: &Seen) {
        self.rows += 1;
        self.bytes += context.len();
        let mut rest = context;
        // The context has account and day first, the row has them in their places.
        let position = |column: Column, builders: &[(Column, Builder)]| {
            builders.binary_search_by_key(&column, |(column, _)| *column).unwrap_or(usize::MAX)
        };
        for column in columns {
            let position = position(*column, &self.builders);
            let Some((_, builder)) = self.builders.get_mut(position) else { continue };
            match builder {
                Builder::Text(_) => builder.text(take_text(&mut rest).map(Cow::Borrowed)),
                Builder::Boolean(values) => values.append_option(take_boolean(&mut rest)),
                Builder::Timestamp(values) => values.append_option(take_number(&mut rest)),
                Builder::Date(values) => {
                    values.append_option(take_number(&mut rest).and_then(|day| i32::try_from(day).ok()));
                }
                Builder::Integer(_) => {}
            }
        }
        for (column, builder) in &mut self.builders {
            match (column, builder) {
                (Column::EventId, builder) => builder.text(seen.event_id.as_deref().map(Cow::Borrowed)),
                (Column::EventCount, Builder::Integer(values)) => values.append_value(seen.count),
                (Column::EventTime, Builder::Timestamp(values)) => values.append_null(),
                (Column::FirstSeen, Builder::Timestamp(values)) => values.append_option(seen.first),
                (Column::LastSeen, Builder::Timestamp(values)) => values.append_option(seen.last),
                _ => {}
            }
        }
    }

    fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        self.bytes = 0;
        let arrays = self.builders.iter_mut().map(|(_, builder)| builder.finish()).collect();
        RecordBatch::try_new(self.schema.clone(), arrays)
    }
}
