//! Records from Parquet: tables that Athena wrote with CTAS or UNLOAD (nested, lower-case names, whichever generation of the
//! table), and flat tables whose nested parts are JSON text.
//!
//! The schema is recognised by its columns, whatever their case and separators: `eventName`, `eventname` and `event_name` are one.
//! The rows become [`Record`]s, so that what follows is the same as for JSON files.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde_json::{Map, Value};

use super::json::{Cursor, RawString};
use super::reader::{Problem, Visitor};
use super::record::{Identity, Record, read_identity};
use super::schema::{Column, ColumnSet};

/// Without these there is no call to judge.
const REQUIRED: [&str; 3] = ["eventname", "eventsource", "useridentity"];
const BATCH_ROWS: usize = 4_096;

/// Why a Parquet file is not read.
#[derive(Debug, thiserror::Error)]
pub enum ParquetError {
    #[error("no CloudTrail table: column {} missing; it has {}", .missing.join(", "), first(.present))]
    NotRecognised { missing: Vec<String>, present: Vec<String> },
    #[error("{0}")]
    Unreadable(String),
}

/// The first of many names: enough to see which table this is.
fn first(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The decoders trust a file that passed their checks, and some damage makes them panic. That must cost one file, not the run: a
/// panic inside `decode` becomes an error, and is not reported as a mistake of the program.
fn guarded<T>(decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    thread_local! {
        static GUARDED: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |information| {
            if !GUARDED.get() {
                report(information);
            }
        }));
    });
    GUARDED.set(true);
    // What `decode` was changing is dropped with the file.
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(false);
    result.unwrap_or_else(|_| Err(ParquetError::Unreadable("its data contradicts its description".to_owned())))
}

impl ParquetError {
    /// The fixed sentence under which coverage counts it.
    pub fn reason(&self) -> &'static str {
        match self {
            ParquetError::NotRecognised { .. } => "Parquet without the columns of a CloudTrail table",
            ParquetError::Unreadable(_) => "Parquet that cannot be read, is damaged or cut short",
        }
    }
}

/// An open Parquet file.
pub struct ParquetFile {
    reader: ParquetRecordBatchReader,
    recognised: &'static str,
    rows_read: u64,
}

/// A column name without case and separators, and without the prefix that some writers give to columns of JSON text.
fn normal(name: &str) -> String {
    let name: String = name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
    match name.strip_prefix("json") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => name,
    }
}

/// The columns of a table under the names of the record's fields: some tables call two of them otherwise. Where a table has both,
/// as with a partition column `region` beside `awsregion`, the field's own name counts.
fn canonical(schema: &Schema) -> Vec<String> {
    let names: Vec<String> = schema.fields().iter().map(|field| normal(field.name())).collect();
    let renamed = |name: &String| match name.as_str() {
        "sourceip" => Some("sourceipaddress"),
        "region" => Some("awsregion"),
        _ => None,
    };
    let is_free = |name: &&str| !names.iter().any(|taken| taken == name);
    names.iter().map(|name| renamed(name).filter(is_free).map_or_else(|| name.clone(), str::to_owned)).collect()
}

impl ParquetFile {
    /// Opens a file and recognises its schema. Only what `columns` needs is read later.
    pub fn open(file: File, columns: ColumnSet) -> Result<Self, ParquetError> {
        guarded(|| Self::open_unguarded(file, columns))
    }

    fn open_unguarded(file: File, columns: ColumnSet) -> Result<Self, ParquetError> {
        let unreadable = |error: &dyn std::fmt::Display| ParquetError::Unreadable(error.to_string());
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(&error))?;
        let schema = builder.schema().clone();
        let names = canonical(&schema);
        let missing: Vec<String> = REQUIRED
            .iter()
            .filter(|name| !names.iter().any(|present| present == *name))
            .map(|name| (*name).to_owned())
            .collect();
        if !missing.is_empty() {
            let present = schema.fields().iter().map(|field| field.name().clone()).collect();
            return Err(ParquetError::NotRecognised { missing, present });
        }
        let identity = names.iter().position(|name| name == "useridentity").and_then(|index| schema.fields().get(index));
        let recognised = match identity.map(|field| field.data_type()) {
            Some(DataType::Struct(_)) => "Parquet, nested: a CloudTrail table as Athena writes it",
            _ => "Parquet, flat: a CloudTrail table with JSON text",
        };
        let wanted = names.iter().enumerate().filter(|(_, name)| is_wanted(name, columns)).map(|(index, _)| index);
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(|error| unreadable(&error))?;
        Ok(ParquetFile { reader, recognised, rows_read: 0 })
    }

    pub fn recognised(&self) -> &'static str {
        self.recognised
    }

    /// Gives the next rows to the visitor. `false` at the end, and after an error.
    pub fn read(&mut self, visitor: &mut dyn Visitor) -> Result<bool, ParquetError> {
        let reader = &mut self.reader;
        let next = guarded(|| match reader.next() {
            None => Ok(None),
            Some(Ok(batch)) => Ok(Some((Rows::of(&batch), batch.num_rows()))),
            Some(Err(error)) => Err(ParquetError::Unreadable(error.to_string())),
        });
        let Some((rows, count)) = next? else { return Ok(false) };
        for row in 0..count {
            let record = rows.record(row);
            if record.event_name.is_none() && record.event_source.is_none() {
                visitor.problem(Problem::NotCloudTrail(self.rows_read));
            } else {
                visitor.record(&record, b"");
            }
            self.rows_read += 1;
        }
        Ok(true)
    }
}

/// Large columns are read only if something that the statement needs is made of them.
fn is_wanted(name: &str, columns: ColumnSet) -> bool {
    let resource = [Column::ResourceArn, Column::ResourceAccountId, Column::ResourceType];
    match name {
        "responseelements" => columns.contains_any(&[
            Column::IssuedAccessKeyId,
            Column::IssuedSessionArn,
            Column::IssuedIssuer,
            Column::IssuedSubject,
            Column::IssuedAudience,
        ]),
        "eventcontext" => columns.contains(Column::EventContext),
        "requestparameters" => columns.contains(Column::RequestParameters) || columns.contains_any(&resource),
        "additionaleventdata" => columns.contains_any(&[Column::AdditionalEventData, Column::VpcEndpointId]),
        "resources" => columns.contains(Column::Resources) || columns.contains_any(&resource),
        _ => SCALARS.contains(&name) || ["useridentity", "tlsdetails", "addendum"].contains(&name),
    }
}

const SCALARS: [&str; 19] = [
    "eventid",
    "eventtime",
    "eventcategory",
    "eventtype",
    "managementevent",
    "sharedeventid",
    "awsregion",
    "recipientaccountid",
    "eventsource",
    "eventname",
    "readonly",
    "errorcode",
    "errormessage",
    "sourceipaddress",
    "useragent",
    "vpcendpointid",
    "vpcendpointaccountid",
    "tlsversion",
    "sessioncredentialfromconsole",
];

/// The members of `userIdentity`, as paths of normalised names.
const IDENTITY: [&str; 17] = [
    "type",
    "principalid",
    "arn",
    "accountid",
    "accesskeyid",
    "invokedby",
    "onbehalfof.userid",
    "sessioncontext.sessionissuer.arn",
    "sessioncontext.sessionissuer.accountid",
    "sessioncontext.attributes.mfaauthenticated",
    "sessioncontext.attributes.creationdate",
    "sessioncontext.webidfederationdata.federatedprovider",
    "sessioncontext.sourceidentity",
    "sessioncontext.ec2roledelivery",
    "sessioncontext.assumedroot",
    "sessioncontext.signinsessionarn",
    "invokedbydelegate.accountid",
];

/// The members of `userIdentity` that are kept as JSON text.
const IDENTITY_JSON: [&str; 2] = ["inscopeof", "sessioncontext.webidfederationdata.attributes"];

/// Names of members inside JSON text, as CloudTrail spells them.
const SPELLED: [(&str, &str); 7] = [
    ("arn", "ARN"),
    ("arnprefix", "ARNPrefix"),
    ("accountid", "accountId"),
    ("originaleventid", "originalEventID"),
    ("originalrequestid", "originalRequestID"),
    ("updatedfields", "updatedFields"),
    ("tlsversion", "tlsVersion"),
];

/// The columns of one batch, as text.
struct Rows {
    scalars: HashMap<&'static str, StringArray>,
    identity: HashMap<&'static str, StringArray>,
    identity_json: Option<StringArray>,
    json: HashMap<&'static str, Vec<Option<String>>>,
    tls_version: Option<StringArray>,
}

/// A column of scalars as text; a nested one has none.
fn text_of(array: &ArrayRef) -> Option<StringArray> {
    if array.data_type().is_nested() {
        return None;
    }
    cast(array, &DataType::Utf8).ok().map(|text| text.as_string::<i32>().clone())
}

/// The member of a struct, or the value of a map, by its normalised name.
fn member(array: &ArrayRef, name: &str) -> Option<ArrayRef> {
    if array.as_map_opt().is_some() {
        let of_row = |row| match value_at(array, row) {
            Value::Object(object) => object.into_iter().find(|(key, _)| normal(key) == name).map(|(_, value)| value),
            _ => None,
        };
        let text = |value: Value| value.as_str().map(str::to_owned);
        return Some(Arc::new(StringArray::from_iter((0..array.len()).map(|row| of_row(row).and_then(text)))));
    }
    let members = array.as_struct_opt()?;
    let index = members.fields().iter().position(|field| normal(field.name()) == name)?;
    members.columns().get(index).cloned()
}

impl Rows {
    fn of(batch: &RecordBatch) -> Self {
        let mut rows = Rows {
            scalars: HashMap::new(),
            identity: HashMap::new(),
            identity_json: None,
            json: HashMap::new(),
            tls_version: None,
        };
        for (name, array) in canonical(&batch.schema()).into_iter().zip(batch.columns()) {
            if let Some(name) = SCALARS.iter().find(|scalar| **scalar == name) {
                if let Some(text) = text_of(array) {
                    rows.scalars.insert(name, text);
                }
                continue;
            }
            match name.as_str() {
                "useridentity" => {
                    rows.identity_json = text_of(array);
                    for path in IDENTITY {
                        let found = path.split('.').try_fold(array.clone(), |array, name| member(&array, name));
                        if let Some(text) = found.and_then(|found| text_of(&found)) {
                            rows.identity.insert(path, text);
                        }
                    }
                    for path in IDENTITY_JSON {
                        let found = path.split('.').try_fold(array.clone(), |array, name| member(&array, name));
                        if let Some(found) = found {
                            rows.json.insert(path, json_column(&found));
                        }
                    }
                }
                "tlsdetails" => match member(array, "tlsversion") {
                    Some(version) => rows.tls_version = text_of(&version),
                    None => {
                        rows.json.insert("tlsdetails", json_column(array));
                    }
                },
                "requestparameters" => {
                    rows.json.insert("requestparameters", json_column(array));
                }
                "responseelements" => {
                    rows.json.insert("responseelements", json_column(array));
                }
                "additionaleventdata" => {
                    rows.json.insert("additionaleventdata", json_column(array));
                }
                "resources" => {
                    rows.json.insert("resources", json_column(array));
                }
                "eventcontext" => {
                    rows.json.insert("eventcontext", json_column(array));
                }
                "addendum" => {
                    rows.json.insert("addendum", json_column(array));
                }
                _ => {}
            }
        }
        rows
    }

    fn record(&self, row: usize) -> Record<'_> {
        let scalar = |name: &str| self.scalars.get(name).and_then(|array| text_at(array, row));
        let json = |name: &str| -> Option<&[u8]> { self.json.get(name)?.get(row)?.as_deref().map(str::as_bytes) };
        let tls = self.tls_version.as_ref().and_then(|array| text_at(array, row)).or_else(|| scalar("tlsversion"));
        Record {
            event_id: scalar("eventid"),
            event_time: scalar("eventtime"),
            event_category: scalar("eventcategory"),
            event_type: scalar("eventtype"),
            management_event: scalar("managementevent"),
            shared_event_id: scalar("sharedeventid"),
            region: scalar("awsregion"),
            recipient_account_id: scalar("recipientaccountid"),
            event_source: scalar("eventsource"),
            event_name: scalar("eventname"),
            read_only: scalar("readonly"),
            error_code: scalar("errorcode"),
            error_message: scalar("errormessage"),
            source_address: scalar("sourceipaddress"),
            user_agent: scalar("useragent"),
            vpc_endpoint_id: scalar("vpcendpointid"),
            vpc_endpoint_account_id: scalar("vpcendpointaccountid"),
            tls_version: tls.or_else(|| super::record::scalar_at(json("tlsdetails")?, &["tlsVersion"])),
            identity: self.identity(row),
            request_parameters: json("requestparameters"),
            response_elements: json("responseelements"),
            additional_event_data: json("additionaleventdata"),
            resources: json("resources"),
            addendum: json("addendum"),
            event_context: json("eventcontext"),
            session_from_console: scalar("sessioncredentialfromconsole"),
        }
    }

    fn identity(&self, row: usize) -> Identity<'_> {
        if let Some(json) = self.identity_json.as_ref().and_then(|array| text_at(array, row)) {
            let mut identity = Identity::default();
            // Text that is not JSON leaves the identity unknown; the call itself still counts.
            let _ = read_identity(&mut Cursor::new(json.bytes, 0), &mut identity);
            return identity;
        }
        let json = |name: &str| -> Option<&[u8]> { self.json.get(name)?.get(row)?.as_deref().map(str::as_bytes) };
        let text = |path: &str| self.identity.get(path).and_then(|array| text_at(array, row));
        Identity {
            principal_type: text("type"),
            principal_id: text("principalid"),
            arn: text("arn"),
            account_id: text("accountid"),
            access_key_id: text("accesskeyid"),
            invoked_by: text("invokedby"),
            on_behalf_of_user_id: text("onbehalfof.userid"),
            issuer_arn: text("sessioncontext.sessionissuer.arn"),
            issuer_account_id: text("sessioncontext.sessionissuer.accountid"),
            mfa_authenticated: text("sessioncontext.attributes.mfaauthenticated"),
            creation_date: text("sessioncontext.attributes.creationdate"),
            federated_provider: text("sessioncontext.webidfederationdata.federatedprovider"),
            source_identity: text("sessioncontext.sourceidentity"),
            ec2_role_delivery: text("sessioncontext.ec2roledelivery"),
            invoked_by_delegate_account_id: text("invokedbydelegate.accountid"),
            in_scope_of: json("inscopeof"),
            federation_attributes: json("sessioncontext.webidfederationdata.attributes"),
            assumed_root: text("sessioncontext.assumedroot"),
            sign_in_session_arn: text("sessioncontext.signinsessionarn"),
        }
    }
}

/// The value of a row; null and empty are none.
fn text_at(array: &StringArray, row: usize) -> Option<RawString<'_>> {
    if row >= array.len() || array.is_null(row) {
        return None;
    }
    let text = array.value(row);
    (!text.is_empty()).then_some(RawString { bytes: text.as_bytes(), has_escape: false })
}

/// A column as JSON text by row: JSON text as it is, anything nested written as JSON. What is not an object or array is none.
fn json_column(array: &ArrayRef) -> Vec<Option<String>> {
    if let Some(text) = text_of(array) {
        let is_container = |text: &&str| text.trim_start().starts_with(['{', '[']);
        return (0..text.len())
            .map(|row| (!text.is_null(row)).then(|| text.value(row)).filter(is_container).map(|text| text.trim().to_owned()))
            .collect();
    }
    (0..array.len())
        .map(|row| match value_at(array, row) {
            Value::Null => None,
            value => Some(value.to_string()),
        })
        .collect()
}

/// Any Arrow value as JSON, the members of structs in CloudTrail's spelling.
fn value_at(array: &ArrayRef, row: usize) -> Value {
    if row >= array.len() || array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Struct(fields) => {
            let mut object = Map::new();
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                let value = value_at(column, row);
                if !value.is_null() {
                    let name = normal(field.name());
                    let spelled = SPELLED.iter().find(|(from, _)| *from == name).map_or(field.name().as_str(), |(_, to)| to);
                    object.insert(spelled.to_owned(), value);
                }
            }
            if object.is_empty() { Value::Null } else { Value::Object(object) }
        }
        DataType::List(_) => {
            let values = array.as_list::<i32>().value(row);
            Value::Array((0..values.len()).map(|row| value_at(&values, row)).collect())
        }
        DataType::LargeList(_) => {
            let values = array.as_list::<i64>().value(row);
            Value::Array((0..values.len()).map(|row| value_at(&values, row)).collect())
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let (Some(keys), Some(values)) = (entries.columns().first(), entries.columns().get(1)) else {
                return Value::Null;
            };
            let Some(keys) = text_of(keys) else { return Value::Null };
            let pairs = (0..keys.len()).map(|row| (keys.value(row).to_owned(), value_at(values, row)));
            Value::Object(pairs.collect())
        }
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        _ => match text_of(&array.slice(row, 1)) {
            Some(text) if !text.is_null(0) => Value::String(text.value(0).to_owned()),
            _ => Value::Null,
        },
    }
}
