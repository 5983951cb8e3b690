//! The roll-up itself: records, or rows that were rolled up before, into distinct contexts.
//!
//! The distinct values of each column are numbered ([`super::values`]), so that a context is a row of numbers, account and day first.
//! Records that agree in it share one entry of a hash table. Sorted by values, the rows that come out are the same whatever the order
//! of the files and the number of threads.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, DictionaryArray, Int64Array, PrimitiveArray, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use datafusion::arrow::datatypes::{DataType, Date32Type, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::arrow::error::ArrowError;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::cut::{cut_arn, error_message};
use super::definition::is_s3;
use super::normal;
use super::values::{NULL, Numbers, Texts};
use crate::events::duplicates::uuid;
use crate::events::record::Record;
use crate::events::rows::{
    Facts, RESOURCE_COLUMNS, ResourceRow, boolean_value, issued_access_key_id, resource_rows, text_value, time_value,
};
use crate::events::scan::Sink;
use crate::events::schema::{Column, ColumnSet, ColumnType, schema};
use crate::events::time;

/// Rows of a batch that comes out, at most.
const BATCH_ROWS: usize = 8_192;
/// Bytes that the texts of a batch take when they are written out, about.
const BATCH_BYTES: usize = 8 << 20;
/// Bytes of distinct texts that a column may have: an array of texts ends at two gibibytes.
const COLUMN_BYTES: usize = 1 << 29;
/// What an entry takes besides its numbers, about.
const ENTRY_BYTES: usize = size_of::<Seen>() + 8;

/// What rows are rolled up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The columns that the rows have. What is not among them does not keep rows apart.
    pub columns: ColumnSet,
    /// `request_parameters` is only read for the bucket and the key of a request to S3.
    pub only_resource_parameters: bool,
    /// Segments of the keys of objects that are kept.
    pub prefix_depth: usize,
    /// Every value is as records have it: nothing is cut or left out.
    pub exact: bool,
}

impl Shape {
    /// Every column.
    pub fn whole(prefix_depth: usize) -> Self {
        Shape { columns: ColumnSet::all(), only_resource_parameters: false, prefix_depth, exact: false }
    }

    /// Only what these columns need. `with_resources`: rows of `event_resources` are made of the rows.
    pub fn of_columns(columns: ColumnSet, with_resources: bool) -> Self {
        let mut shape = Shape { columns, only_resource_parameters: false, prefix_depth: 0, exact: false };
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

    /// These columns of records as they are: what differs in none of them is one row with a count.
    pub fn exact(columns: &[Column]) -> Self {
        Shape { exact: true, ..Self::of_columns(columns.iter().copied().collect(), false) }
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

/// The id of a record, for the smallest of many: a UUID as CloudTrail writes it takes no memory of its own, and is compared as its
/// text would be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum EventId {
    Uuid([u8; 16]),
    Text(Box<str>),
}

impl EventId {
    fn new(text: &str) -> Self {
        uuid(text.as_bytes()).map_or_else(|| EventId::Text(text.into()), |id| EventId::Uuid(id.to_be_bytes()))
    }

    fn text(&self) -> Cow<'_, str> {
        match self {
            EventId::Text(text) => Cow::Borrowed(text),
            EventId::Uuid(id) => {
                let mut text = String::with_capacity(36);
                for (position, byte) in id.iter().enumerate() {
                    if matches!(position, 4 | 6 | 8 | 10) {
                        text.push('-');
                    }
                    text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0')));
                }
                Cow::Owned(text)
            }
        }
    }

    fn is_before(&self, other: &EventId) -> bool {
        match (self, other) {
            (EventId::Uuid(own), EventId::Uuid(other)) => own < other,
            _ => self.text() < other.text(),
        }
    }
}

/// How often a context was seen, and when.
#[derive(Debug, Clone)]
struct Seen {
    count: i64,
    first: Option<i64>,
    last: Option<i64>,
    /// The smallest.
    event_id: Option<EventId>,
}

impl Seen {
    fn add(&mut self, other: Seen) {
        self.count = self.count.saturating_add(other.count);
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = [self.last, other.last].into_iter().flatten().max();
        if let Some(event_id) = other.event_id
            && self.event_id.as_ref().is_none_or(|known| event_id.is_before(known))
        {
            self.event_id = Some(event_id);
        }
    }
}

/// Account and day of rows; rows may lack either.
pub type AccountDay = (Option<String>, Option<i32>);

/// In which order rows come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By account and day; within them as they came.
    AccountDay,
    /// By account, day and every other column: the same whatever the order in which records came.
    EveryColumn,
}

/// The distinct values of a column of contexts.
#[derive(Debug)]
enum Values {
    Text(Texts),
    Number(Numbers),
    /// Null, false and true need no table.
    Boolean,
}

impl Values {
    fn of(column: Column) -> Self {
        match column.column_type() {
            ColumnType::Text => Values::Text(Texts::default()),
            ColumnType::Boolean => Values::Boolean,
            ColumnType::Timestamp | ColumnType::Date | ColumnType::Integer => Values::Number(Numbers::default()),
        }
    }

    fn text(&mut self, text: Option<&str>) -> u32 {
        if let Values::Text(texts) = self { texts.number(text) } else { NULL }
    }

    fn number(&mut self, value: Option<i64>) -> u32 {
        if let Values::Number(numbers) = self { numbers.number(value) } else { NULL }
    }

    fn bytes(&self) -> usize {
        match self {
            // One text more may be as long as a record.
            Values::Text(texts) if texts.text_bytes() > COLUMN_BYTES => usize::MAX / 128,
            Values::Text(texts) => texts.bytes(),
            Values::Number(numbers) => numbers.bytes(),
            Values::Boolean => 0,
        }
    }

    /// For every number the one that its value gets in order.
    fn places(&self) -> Option<Vec<u32>> {
        match self {
            Values::Text(texts) => Some(texts.places()),
            Values::Number(numbers) => Some(numbers.places()),
            Values::Boolean => None,
        }
    }

    /// For every number of another column the number that its value has here.
    fn take_in(&mut self, other: &Values) -> Option<Vec<u32>> {
        match (self, other) {
            (Values::Text(own), Values::Text(other)) => {
                Some((0..).take(other.len() + 1).map(|number| own.number(other.get(number))).collect())
            }
            (Values::Number(own), Values::Number(other)) => {
                Some((0..).take(other.len() + 1).map(|number| own.number(other.get(number))).collect())
            }
            _ => None,
        }
    }
}

fn boolean_number(value: Option<bool>) -> u32 {
    value.map_or(NULL, |value| 1 + u32::from(value))
}

/// A hash table of contexts.
#[derive(Debug)]
pub struct RollUp {
    shape: Shape,
    /// The columns of a context, account and day first.
    columns: Vec<Column>,
    /// Of each of these columns.
    values: Vec<Values>,
    /// Contexts one after the other: for each column a number of its values.
    contexts: Vec<u32>,
    /// Of each context.
    seen: Vec<Seen>,
    /// Where a context is, by its numbers.
    positions: HashTable<u32>,
    hasher: RandomState,
    /// The context at hand.
    context: Vec<u32>,
}

impl RollUp {
    pub fn new(shape: Shape) -> Self {
        let first = [Column::AccountId, Column::EventDate];
        let others = Column::ALL.iter().filter(|column| !first.contains(column) && !COUNTED.contains(column));
        let columns: Vec<Column> =
            first.iter().chain(others).copied().filter(|column| shape.columns.contains(*column)).collect();
        RollUp {
            values: columns.iter().map(|column| Values::of(*column)).collect(),
            columns,
            shape,
            contexts: Vec::new(),
            seen: Vec::new(),
            positions: HashTable::new(),
            hasher: RandomState::default(),
            context: Vec::new(),
        }
    }

    /// About how many bytes the contexts take.
    pub fn bytes(&self) -> usize {
        let values = self.values.iter().map(Values::bytes).fold(0, usize::saturating_add);
        values.saturating_add(self.contexts.len() * size_of::<u32>() + self.seen.len() * ENTRY_BYTES)
    }

    /// Calls that the contexts stand for.
    pub fn records(&self) -> u64 {
        self.seen.iter().map(|seen| u64::try_from(seen.count).unwrap_or_default()).sum()
    }

    /// Adds the contexts of another table of the same shape.
    pub fn merge(&mut self, other: RollUp) {
        let numbers: Vec<Option<Vec<u32>>> =
            self.values.iter_mut().zip(&other.values).map(|(own, other)| own.take_in(other)).collect();
        for (context, seen) in other.contexts.chunks_exact(self.columns.len().max(1)).zip(other.seen) {
            self.context.clear();
            self.context.extend(context.iter().zip(&numbers).map(|(number, numbers)| match numbers {
                Some(numbers) => numbers.get(*number as usize).copied().unwrap_or(NULL),
                None => *number,
            }));
            self.count(seen);
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
            for ((column, array), values) in columns.iter().zip(&mut self.values) {
                let there = !array.is_null(row);
                self.context.push(match column.column_type() {
                    ColumnType::Text => values.text(there.then(|| array.as_string::<i32>().value(row))),
                    ColumnType::Boolean => boolean_number(there.then(|| array.as_boolean().value(row))),
                    ColumnType::Timestamp => {
                        values.number(there.then(|| array.as_primitive::<TimestampMicrosecondType>().value(row)))
                    }
                    ColumnType::Date => values.number(there.then(|| i64::from(array.as_primitive::<Date32Type>().value(row)))),
                    ColumnType::Integer => NULL,
                });
            }
            let time = |times: Option<&PrimitiveArray<TimestampMicrosecondType>>| {
                times.filter(|times| !times.is_null(row)).map(|times| times.value(row))
            };
            let id = ids.filter(|ids| !ids.is_null(row)).map(|ids: &StringArray| EventId::new(ids.value(row)));
            self.count(Seen { count: counts.value(row), first: time(first), last: time(last), event_id: id });
        }
        Ok(())
    }

    /// Counts the context at hand.
    fn count(&mut self, seen: Seen) {
        let width = self.columns.len();
        let at = |contexts: &[u32], position: u32| {
            let start = position as usize * width;
            contexts.get(start..start + width).map(|context| self.hasher.hash_one(context))
        };
        let hash = self.hasher.hash_one(self.context.as_slice());
        let is_it = |position: &u32| {
            let start = *position as usize * width;
            self.contexts.get(start..start + width) == Some(self.context.as_slice())
        };
        if let Some(position) = self.positions.find(hash, is_it) {
            if let Some(known) = self.seen.get_mut(*position as usize) {
                known.add(seen);
            }
            return;
        }
        let position = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
        let contexts = &self.contexts;
        self.positions.insert_unique(hash, position, |position| at(contexts, *position).unwrap_or_default());
        self.contexts.extend_from_slice(&self.context);
        self.seen.push(seen);
    }

    /// Takes everything out: the rows of each account and day. Columns of text are dictionaries, others have the types of the relation.
    pub fn drain(&mut self, order: Order) -> Result<Vec<(AccountDay, Vec<RecordBatch>)>, ArrowError> {
        let mut full = std::mem::replace(self, RollUp::new(self.shape));
        full.positions = HashTable::new();
        let width = full.columns.len();
        let context = |row: u32| full.contexts.get(row as usize * width..(row as usize + 1) * width).unwrap_or_default();
        let is_first = |column: &&Column| matches!(column, Column::AccountId | Column::EventDate);
        let ordered = if order == Order::EveryColumn { width } else { full.columns.iter().take_while(is_first).count() };
        let places: Vec<Option<Vec<u32>>> = full.values.iter().take(ordered).map(Values::places).collect();
        let place = |(number, places): (&u32, &Option<Vec<u32>>)| match places {
            Some(places) => places.get(*number as usize).copied().unwrap_or(NULL),
            None => *number,
        };
        let mut rows: Vec<u32> = (0..u32::try_from(full.seen.len()).unwrap_or(u32::MAX)).collect();
        rows.sort_by(|a, b| {
            let (a, b) = (context(*a), context(*b));
            // Numbers that are the same have the same place: most of two neighbours are.
            let other = a.iter().zip(b).zip(&places).find(|((a, b), _)| a != b);
            other.map_or(std::cmp::Ordering::Equal, |((a, b), places)| place((a, places)).cmp(&place((b, places))))
        });
        let mut out = Out::new(&full);
        for row in rows {
            if let Some(seen) = full.seen.get(row as usize) {
                out.push(context(row), seen)?;
            }
        }
        out.finish()
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
        self.context.clear();
        for (column, values) in self.columns.iter().zip(&mut self.values) {
            self.context.push(match column.column_type() {
                ColumnType::Text => {
                    let text = text_of(self.shape, *column, record, facts, &resource);
                    values.text(text.as_deref().filter(|text| !text.is_empty()))
                }
                ColumnType::Boolean => boolean_number(boolean_value(*column, record)),
                ColumnType::Timestamp => values.number(time_value(*column, record, facts)),
                ColumnType::Date => values.number(facts.event_time.map(|time| i64::from(time::day(time)))),
                ColumnType::Integer => NULL,
            });
        }
        let event_id = record.event_id.map(|id| EventId::new(&id.decode()));
        self.count(Seen { count: 1, first: facts.event_time, last: facts.event_time, event_id });
    }
}

/// The text of a column as the context has it.
fn text_of<'a>(
    shape: Shape,
    column: Column,
    record: &Record<'a>,
    facts: &Facts<'a>,
    resource: &ResourceRow<'a>,
) -> Option<Cow<'a, str>> {
    if shape.exact {
        return text_value(column, record, facts, resource);
    }
    let depth = shape.prefix_depth;
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
        Column::RequestParameters if shape.only_resource_parameters => {
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

/// A column of rows on their way out.
#[derive(Debug, Default)]
struct Outgoing {
    /// For every number of the table the one among the rows at hand; 0 for one that they have not.
    local: Vec<u32>,
    /// The numbers of the table that the rows at hand have, as they came.
    used: Vec<u32>,
    /// Of each row.
    numbers: Vec<u32>,
    /// Bytes of the texts that are used.
    bytes: usize,
}

/// Rows on their way out: those of an account share the texts of their dictionaries.
struct Out<'a> {
    from: &'a RollUp,
    schema: SchemaRef,
    columns: Vec<Outgoing>,
    seen: Vec<&'a Seen>,
    /// Where batches end, and of which account and day they are.
    ends: Vec<(usize, AccountDay)>,
    /// Numbers of account and day of the row before.
    at: Option<[u32; 2]>,
    batch_bytes: usize,
    days: Vec<(AccountDay, Vec<RecordBatch>)>,
}

impl<'a> Out<'a> {
    fn new(from: &'a RollUp) -> Self {
        Out {
            schema: dictionary_schema(from.shape),
            columns: from
                .values
                .iter()
                .map(|values| match values {
                    Values::Text(texts) => Outgoing { local: vec![NULL; texts.len() + 1], ..Outgoing::default() },
                    _ => Outgoing::default(),
                })
                .collect(),
            from,
            seen: Vec::new(),
            ends: Vec::new(),
            at: None,
            batch_bytes: 0,
            days: Vec::new(),
        }
    }

    fn push(&mut self, context: &[u32], seen: &'a Seen) -> Result<(), ArrowError> {
        let number = |column: Column| {
            let position = self.from.columns.iter().position(|other| *other == column);
            position.and_then(|position| context.get(position)).copied().unwrap_or(NULL)
        };
        let at = [number(Column::AccountId), number(Column::EventDate)];
        let rows_of_batch = self.seen.len() - self.ends.last().map_or(0, |(end, _)| *end);
        if let Some(before) = self.at
            && (before != at || rows_of_batch >= BATCH_ROWS || self.batch_bytes >= BATCH_BYTES)
        {
            self.end_batch(before);
            if before[0] != at[0] || self.columns.iter().any(|column| column.bytes > COLUMN_BYTES) {
                self.end_account()?;
            }
        }
        self.at = Some(at);
        for ((number, values), column) in context.iter().zip(&self.from.values).zip(&mut self.columns) {
            let Values::Text(texts) = values else {
                column.numbers.push(*number);
                continue;
            };
            if *number == NULL {
                column.numbers.push(NULL);
                continue;
            }
            let length = texts.get(*number).map_or(0, str::len);
            self.batch_bytes += length;
            let Some(local) = column.local.get_mut(*number as usize) else { continue };
            if *local == NULL {
                column.used.push(*number);
                column.bytes += length;
                *local = u32::try_from(column.used.len()).unwrap_or(u32::MAX);
            }
            column.numbers.push(*local);
        }
        self.seen.push(seen);
        Ok(())
    }

    fn end_batch(&mut self, [account, day]: [u32; 2]) {
        let values = |column: Column| {
            let position = self.from.columns.iter().position(|other| *other == column)?;
            self.from.values.get(position)
        };
        let account = match values(Column::AccountId) {
            Some(Values::Text(texts)) => texts.get(account).map(str::to_owned),
            _ => None,
        };
        let day = match values(Column::EventDate) {
            Some(Values::Number(numbers)) => numbers.get(day).and_then(|day| i32::try_from(day).ok()),
            _ => None,
        };
        self.ends.push((self.seen.len(), (account, day)));
        self.batch_bytes = 0;
    }

    /// Makes arrays of the rows at hand.
    fn end_account(&mut self) -> Result<(), ArrowError> {
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for column in Column::ALL.iter().filter(|column| self.from.shape.columns.contains(**column)) {
            let position = self.from.columns.iter().position(|other| other == column);
            arrays.push(match position.and_then(|at| Some((self.from.values.get(at)?, self.columns.get_mut(at)?))) {
                Some((values, outgoing)) => outgoing.array(*column, values),
                None => counted(*column, &self.seen),
            });
        }
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), arrays)?;
        let mut start = 0;
        for (end, account_day) in std::mem::take(&mut self.ends) {
            let batch = rows.slice(start, end - start);
            start = end;
            match self.days.last_mut().filter(|(last, _)| *last == account_day) {
                Some((_, batches)) => batches.push(batch),
                None => self.days.push((account_day, vec![batch])),
            }
        }
        self.seen.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<(AccountDay, Vec<RecordBatch>)>, ArrowError> {
        if let Some(at) = self.at {
            self.end_batch(at);
            self.end_account()?;
        }
        Ok(self.days)
    }
}

impl Outgoing {
    /// The values of the rows at hand; there are none afterwards.
    fn array(&mut self, column: Column, values: &Values) -> ArrayRef {
        let numbers = std::mem::take(&mut self.numbers);
        match values {
            Values::Text(texts) => {
                let keys: UInt32Array = numbers.iter().map(|number| number.checked_sub(1)).collect();
                let distinct: StringArray = self.used.iter().map(|number| texts.get(*number)).collect();
                for number in self.used.drain(..) {
                    if let Some(local) = self.local.get_mut(number as usize) {
                        *local = NULL;
                    }
                }
                self.bytes = 0;
                Arc::new(DictionaryArray::new(keys, Arc::new(distinct)))
            }
            Values::Number(of_table) => {
                let values = numbers.iter().map(|number| of_table.get(*number));
                if column.column_type() == ColumnType::Date {
                    Arc::new(values.map(|day| day.and_then(|day| i32::try_from(day).ok())).collect::<Date32Array>())
                } else {
                    Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
                }
            }
            Values::Boolean => {
                Arc::new(numbers.iter().map(|number| number.checked_sub(1).map(|value| value == 1)).collect::<BooleanArray>())
            }
        }
    }
}

/// A column that is no part of a context.
fn counted(column: Column, seen: &[&Seen]) -> ArrayRef {
    let times = |time: fn(&Seen) -> Option<i64>| -> ArrayRef {
        let times: TimestampMicrosecondArray = seen.iter().map(|seen| time(seen)).collect();
        Arc::new(times.with_timezone("UTC"))
    };
    match column {
        Column::EventId => Arc::new(seen.iter().map(|seen| seen.event_id.as_ref().map(EventId::text)).collect::<StringArray>()),
        Column::EventCount => Arc::new(seen.iter().map(|seen| Some(seen.count)).collect::<Int64Array>()),
        Column::FirstSeen => times(|seen| seen.first),
        Column::LastSeen => times(|seen| seen.last),
        _ => times(|_| None),
    }
}

/// The columns of a shape, texts as dictionaries.
fn dictionary_schema(shape: Shape) -> SchemaRef {
    let fields = shape
        .schema()
        .fields()
        .iter()
        .map(|field| {
            let is_dictionary = Column::from_name(field.name())
                .is_some_and(|column| column.column_type() == ColumnType::Text && !COUNTED.contains(&column));
            if is_dictionary {
                let data_type = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
                Arc::new(Field::new(field.name(), data_type, true))
            } else {
                Arc::clone(field)
            }
        })
        .collect::<Vec<_>>();
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::json::Cursor;
    use crate::events::record::{Object, read_object};

    #[test]
    fn ids_come_back_and_are_compared_as_their_texts() {
        let ids = [
            "0123abcd-89ef-4567-89ab-cdef01234567",
            "0123abcd-89ef-4567-89ab-cdef01234568",
            "f123abcd-89ef-4567-89ab-cdef01234567",
            // What is no such UUID keeps its text.
            "0123ABCD-89EF-4567-89AB-CDEF01234567",
            "0123abcd89ef-4567-89ab-cdef-01234567",
            "0123abcd-89ef-4567-89ab-cdef0123456",
            "-0123abcd-89ef-4567-89ab-cdef0123456",
            "sample-1",
            "",
        ];
        for own in ids {
            assert_eq!(EventId::new(own).text(), own);
            for other in ids {
                assert_eq!(EventId::new(own).is_before(&EventId::new(other)), own < other, "{own} {other}");
            }
        }
    }

    fn rolled_up(shape: Shape, records: &[String]) -> RollUp {
        let mut contexts = RollUp::new(shape);
        for text in records {
            let Ok(Object::Record(record)) = read_object(&mut Cursor::new(text.as_bytes(), 0)) else { panic!("{text}") };
            let facts = Facts::of(&record, None);
            Sink::append(&mut contexts, &record, &facts);
        }
        contexts
    }

    /// Two accounts, three days, names that repeat, a record without a time, and ids in no order.
    fn records() -> Vec<String> {
        (0..60)
            .map(|number| {
                let time = if number == 7 { "null".to_owned() } else { format!("\"2026-10-{:02}T00:00:{number:02}Z\"", 1 + number % 3) };
                format!(
                    r#"{{"eventVersion":"1.08","eventTime":{time},"eventSource":"s3.amazonaws.com","eventName":"Get{}","awsRegion":"eu-west-1","recipientAccountId":"{}","eventID":"{:02}","readOnly":{},"requestParameters":{{"bucketName":"b","key":"k{}"}}}}"#,
                    number % 4,
                    if number % 2 == 0 { "111111111111" } else { "222222222222" },
                    number * 37 % 60,
                    number % 8 < 4,
                    number % 5,
                )
            })
            .collect()
    }

    fn drained(mut contexts: RollUp) -> Vec<(AccountDay, Vec<RecordBatch>)> {
        contexts.drain(Order::EveryColumn).unwrap()
    }

    #[test]
    fn the_same_rows_come_out_whatever_the_order_and_the_threads() {
        for shape in [Shape::whole(0), Shape::exact(&[Column::EventName, Column::EventId, Column::RequestParameters])] {
            let records = records();
            let mut backwards = records.clone();
            backwards.reverse();
            let expected = drained(rolled_up(shape, &records));
            assert_eq!(drained(rolled_up(shape, &backwards)), expected);
            let (first, second) = records.split_at(23);
            let mut merged = rolled_up(shape, second);
            merged.merge(rolled_up(shape, first));
            assert_eq!(drained(merged), expected);
        }
    }

    #[test]
    fn rows_count_what_they_stand_for_and_an_exact_shape_cuts_nothing() {
        let columns = [Column::EventName, Column::RequestParameters];
        let counts = |shape: Shape| -> (usize, i64) {
            let days = drained(rolled_up(shape, &records()));
            let batches: Vec<&RecordBatch> = days.iter().flat_map(|(_, batches)| batches).collect();
            let count = |batch: &&RecordBatch| {
                let counts = batch.column_by_name("event_count").unwrap().as_primitive::<Int64Type>();
                counts.iter().flatten().sum::<i64>()
            };
            (batches.iter().map(|batch| batch.num_rows()).sum(), batches.iter().map(count).sum())
        };
        // Account and name go together, as both follow from whether the number is even: four of them, times the key.
        assert_eq!(counts(Shape::exact(&columns)), (20, 60));
        assert_eq!(counts(Shape::of_columns(columns.into_iter().collect(), false)), (4, 60));
    }
}
