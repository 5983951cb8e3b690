//! The output of a query as typed columns, whatever the query selected: a column that it left out is null in every row.

use std::borrow::Cow;

use polars::prelude::*;

use super::EnrichError;

/// A text column of a query's output, in the order of the finding shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    AccountId,
    PrincipalArn,
    PrincipalType,
    PrincipalId,
    PrincipalAccountId,
    EventSource,
    EventName,
    ErrorCode,
    ErrorMessage,
    ResourceArn,
    ResourceType,
    ResourceAccountId,
    Region,
    SourceIp,
    SourceService,
    InvokedBy,
    VpcEndpointId,
    VpcEndpointAccountId,
    UserAgent,
    SampleEventId,
}

impl Field {
    pub(crate) const ALL: [Field; 20] = [
        Field::AccountId,
        Field::PrincipalArn,
        Field::PrincipalType,
        Field::PrincipalId,
        Field::PrincipalAccountId,
        Field::EventSource,
        Field::EventName,
        Field::ErrorCode,
        Field::ErrorMessage,
        Field::ResourceArn,
        Field::ResourceType,
        Field::ResourceAccountId,
        Field::Region,
        Field::SourceIp,
        Field::SourceService,
        Field::InvokedBy,
        Field::VpcEndpointId,
        Field::VpcEndpointAccountId,
        Field::UserAgent,
        Field::SampleEventId,
    ];

    /// The context of a call: everything that identifies a finding, without the evidence.
    pub(crate) fn is_dimension(self) -> bool {
        self != Field::SampleEventId
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Field::AccountId => "account_id",
            Field::PrincipalArn => "principal_arn",
            Field::PrincipalType => "principal_type",
            Field::PrincipalId => "principal_id",
            Field::PrincipalAccountId => "principal_account_id",
            Field::EventSource => "event_source",
            Field::EventName => "event_name",
            Field::ErrorCode => "error_code",
            Field::ErrorMessage => "error_message",
            Field::ResourceArn => "resource_arn",
            Field::ResourceType => "resource_type",
            Field::ResourceAccountId => "resource_account_id",
            Field::Region => "region",
            Field::SourceIp => "source_ip",
            Field::SourceService => "source_service",
            Field::InvokedBy => "invoked_by",
            Field::VpcEndpointId => "vpc_endpoint_id",
            Field::VpcEndpointAccountId => "vpc_endpoint_account_id",
            Field::UserAgent => "user_agent",
            Field::SampleEventId => "sample_event_id",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// The columns of a query's output that are not text.
pub(crate) const COUNT: &str = "event_count";
pub(crate) const TIMES: [&str; 2] = ["first_seen", "last_seen"];

/// Columns of a query over the inventory that steps and reasons read, and that `details` does not repeat.
const NOT_IN_DETAILS: [&str; 4] = [ROW_ID, "settled_by", "summary", "unknown_because"];
/// Tells rows apart that are alike in all other columns that make a finding's id.
const ROW_ID: &str = "row_id";

/// A column that findings do not have.
enum Extra {
    Text(StringChunked),
    Boolean(BooleanChunked),
    Integer(Int64Chunked),
}

/// The rows of a query, typed.
pub(crate) struct Rows {
    /// Further columns, of queries over the inventory.
    extras: Vec<(String, Extra)>,
    /// One column per [`Field`], in that order, null where the query has no such column; no other column.
    pub(crate) frame: DataFrame,
    text: Vec<StringChunked>,
    pub(crate) count: Int64Chunked,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) first_seen: Int64Chunked,
    pub(crate) last_seen: Int64Chunked,
}

impl Rows {
    /// Takes a query's output.
    ///
    /// # Errors
    /// When it has a column that findings do not have, or one of the wrong type: such a query needs correcting, and leaving the
    /// column out would hide what its author wanted to show.
    pub(crate) fn new(frame: &DataFrame, query: &str, over_inventory: bool) -> Result<Rows, EnrichError> {
        let mut extras = Vec::new();
        for name in frame.get_column_names() {
            let name = name.as_str();
            if name != COUNT && !TIMES.contains(&name) && Field::of(name).is_none() {
                if !over_inventory {
                    return Err(EnrichError::UnexpectedColumn { query: query.to_owned(), column: name.to_owned() });
                }
                extras.push((name.to_owned(), extra(frame.column(name)?)?));
            }
        }
        extras.sort_by(|a, b| a.0.cmp(&b.0));
        let height = frame.height();
        let mut text = Vec::with_capacity(Field::ALL.len());
        for field in Field::ALL {
            let name = field.name();
            text.push(match frame.column(name) {
                Ok(column) => match column.dtype() {
                    DataType::String | DataType::Null => column.cast(&DataType::String)?.str()?.rechunk().into_owned(),
                    other => return Err(wrong_type(query, name, other, "text")),
                },
                Err(_) => StringChunked::full_null(name.into(), height),
            });
        }
        let columns = text.iter().map(|column| column.clone().into_column()).collect();
        Ok(Rows {
            frame: DataFrame::new(height, columns)?,
            text,
            count: if over_inventory && frame.column(COUNT).is_err() {
                Int64Chunked::full_null(COUNT.into(), height)
            } else {
                count(frame, query)?
            },
            extras,
            first_seen: time(frame, query, "first_seen")?,
            last_seen: time(frame, query, "last_seen")?,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.frame.height()
    }

    /// The value of a text column; empty text counts as missing.
    pub(crate) fn text(&self, field: Field, row: usize) -> Option<&str> {
        self.text.get(field as usize).and_then(|column| column.get(row)).filter(|text| !text.is_empty())
    }

    /// The value of a column that findings do not have, as text.
    pub(crate) fn detail(&self, name: &str, row: usize) -> Option<Cow<'_, str>> {
        let (_, column) = self.extras.iter().find(|(column, _)| column == name)?;
        match column {
            Extra::Text(column) => column.get(row).filter(|text| !text.is_empty()).map(Cow::Borrowed),
            Extra::Boolean(column) => column.get(row).map(|value| Cow::Borrowed(if value { "yes" } else { "no" })),
            Extra::Integer(column) => column.get(row).map(|value| Cow::Owned(value.to_string())),
        }
    }

    /// What tells the row apart from others in the id of its finding.
    pub(crate) fn row_id(&self, row: usize) -> Option<Cow<'_, str>> {
        self.detail(ROW_ID, row)
    }

    /// The further columns of a row as a JSON object, sorted by name; `None` when there are none.
    pub(crate) fn details(&self, row: usize) -> Option<String> {
        let object: serde_json::Map<String, serde_json::Value> = self
            .extras
            .iter()
            .filter(|(name, _)| !NOT_IN_DETAILS.contains(&name.as_str()))
            .map(|(name, column)| {
                let value = match column {
                    Extra::Text(column) => column.get(row).map(serde_json::Value::from),
                    Extra::Boolean(column) => column.get(row).map(serde_json::Value::from),
                    Extra::Integer(column) => column.get(row).map(serde_json::Value::from),
                };
                (name.clone(), value.unwrap_or(serde_json::Value::Null))
            })
            .collect();
        (!object.is_empty()).then(|| serde_json::Value::Object(object).to_string())
    }

    pub(crate) fn calls(&self, row: usize) -> u64 {
        self.count.get(row).and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
    }
}

fn extra(column: &Column) -> Result<Extra, EnrichError> {
    Ok(match column.dtype() {
        DataType::Boolean => Extra::Boolean(column.bool()?.rechunk().into_owned()),
        dtype if dtype.is_integer() => Extra::Integer(column.strict_cast(&DataType::Int64)?.i64()?.rechunk().into_owned()),
        _ => Extra::Text(column.cast(&DataType::String)?.str()?.rechunk().into_owned()),
    })
}

fn wrong_type(query: &str, column: &str, found: &DataType, expected: &'static str) -> EnrichError {
    EnrichError::ColumnType { query: query.to_owned(), column: column.to_owned(), found: found.to_string(), expected }
}

fn count(frame: &DataFrame, query: &str) -> Result<Int64Chunked, EnrichError> {
    let Ok(column) = frame.column(COUNT) else {
        return Err(EnrichError::MissingColumn { query: query.to_owned(), column: COUNT });
    };
    match column.dtype() {
        dtype if dtype.is_integer() || dtype.is_null() => {
            Ok(column.strict_cast(&DataType::Int64)?.i64()?.rechunk().into_owned())
        }
        other => Err(wrong_type(query, COUNT, other, "an integer")),
    }
}

/// Times in milliseconds, from whichever unit the engine has.
fn time(frame: &DataFrame, query: &str, name: &str) -> Result<Int64Chunked, EnrichError> {
    let Ok(column) = frame.column(name) else {
        return Ok(Int64Chunked::full_null(name.into(), frame.height()));
    };
    let per_millisecond: i64 = match column.dtype() {
        DataType::Datetime(TimeUnit::Milliseconds, _) | DataType::Null => 1,
        DataType::Datetime(TimeUnit::Microseconds, _) => 1_000,
        DataType::Datetime(TimeUnit::Nanoseconds, _) => 1_000_000,
        other => return Err(wrong_type(query, name, other, "a timestamp")),
    };
    let units = column.to_physical_repr().cast(&DataType::Int64)?;
    let units = units.i64()?.rechunk().into_owned();
    Ok(match per_millisecond {
        1 => units,
        _ => units.iter().map(|unit| unit.map(|unit| unit.div_euclid(per_millisecond))).collect::<Int64Chunked>(),
    })
}
