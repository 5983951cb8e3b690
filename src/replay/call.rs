//! A recorded call: one row of `events` or `activity`, the columns that the replay reads.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType, UInt32Type};

use crate::events::json::{Cursor, Stop};
use crate::events::record::{Object, read_object};
use crate::events::rows::{Facts, Relation, RowBuilder};
use crate::events::schema::Column;

/// A column that the replay needs is not in the rows, or has a type that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the rows have no column `{0}`; the replay reads rows of `events` or `activity` with all their columns")]
    Missing(&'static str),
    #[error("column `{column}`: {source}")]
    Type { column: &'static str, source: datafusion::arrow::error::ArrowError },
}

macro_rules! call {
    ($($field:ident $column:ident $kind:ident;)*) => {
        /// One row: a recorded call, or several that are alike. Fields are named as the columns; missing is `None`.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct Call {
            $(#[doc = concat!("Column `", stringify!($field), "`.")] pub $field: call!(@type $kind),)*
        }

        impl Call {
            /// The columns that [`Call::from_batch`] reads.
            pub const COLUMNS: &'static [Column] = &[$(Column::$column,)*];

            /// The calls of some rows; columns are found by their names. Texts may be dictionaries, and are then held once.
            ///
            /// # Errors
            /// When a column is missing or holds something else than it should.
            pub fn from_batch(batch: &RecordBatch) -> Result<Vec<Call>, CallError> {
                let mut calls = vec![Call::default(); batch.num_rows()];
                $(
                    let array = column(batch, Column::$column)?;
                    call!(@read $kind calls array $field);
                )*
                Ok(calls)
            }
        }
    };
    (@type text) => { Option<Arc<str>> };
    (@type boolean) => { Option<bool> };
    (@type time) => { Option<i64> };
    (@type count) => { u64 };
    (@read text $calls:ident $array:ident $field:ident) => {
        for (call, text) in $calls.iter_mut().zip(texts(&$array)) {
            call.$field = text;
        }
    };
    (@read boolean $calls:ident $array:ident $field:ident) => {
        for (call, value) in $calls.iter_mut().zip($array.as_boolean().iter()) {
            call.$field = value;
        }
    };
    (@read time $calls:ident $array:ident $field:ident) => {
        for (call, value) in $calls.iter_mut().zip($array.as_primitive::<TimestampMicrosecondType>().iter()) {
            call.$field = value;
        }
    };
    (@read count $calls:ident $array:ident $field:ident) => {
        for (call, value) in $calls.iter_mut().zip($array.as_primitive::<Int64Type>().iter()) {
            call.$field = value.and_then(|count| u64::try_from(count).ok()).unwrap_or(1);
        }
    };
}

call! {
    event_id EventId text;
    event_category EventCategory text;
    event_type EventType text;
    shared_event_id SharedEventId text;
    account_id AccountId text;
    region Region text;
    recipient_account_id RecipientAccountId text;
    principal_type PrincipalType text;
    principal_id PrincipalId text;
    principal_arn PrincipalArn text;
    session_arn SessionArn text;
    principal_account_id PrincipalAccountId text;
    access_key_id AccessKeyId text;
    invoked_by InvokedBy text;
    federated_provider FederatedProvider text;
    source_identity SourceIdentity text;
    mfa_authenticated MfaAuthenticated boolean;
    session_created_at SessionCreatedAt time;
    ec2_role_delivery Ec2RoleDelivery text;
    on_behalf_of_user_id OnBehalfOfUserId text;
    invoked_by_delegate_account_id InvokedByDelegateAccountId text;
    in_scope_of InScopeOf text;
    federation_attributes FederationAttributes text;
    assumed_root AssumedRoot boolean;
    sign_in_session_arn SignInSessionArn text;
    session_from_console SessionFromConsole boolean;
    event_source EventSource text;
    event_name EventName text;
    read_only ReadOnly boolean;
    error_code ErrorCode text;
    error_message ErrorMessage text;
    resource_arn ResourceArn text;
    resource_account_id ResourceAccountId text;
    resource_type ResourceType text;
    resources Resources text;
    request_parameters RequestParameters text;
    additional_event_data AdditionalEventData text;
    event_context EventContext text;
    source_ip SourceIp text;
    source_service SourceService text;
    vpc_endpoint_id VpcEndpointId text;
    vpc_endpoint_account_id VpcEndpointAccountId text;
    user_agent UserAgent text;
    tls_version TlsVersion text;
    issued_access_key_id IssuedAccessKeyId text;
    issued_session_arn IssuedSessionArn text;
    issued_issuer IssuedIssuer text;
    issued_subject IssuedSubject text;
    issued_audience IssuedAudience text;
    event_count EventCount count;
    first_seen FirstSeen time;
    last_seen LastSeen time;
}

/// The texts of a column; an empty one stands for none.
fn texts(array: &ArrayRef) -> Vec<Option<Arc<str>>> {
    let Some(dictionary) = array.as_dictionary_opt::<UInt32Type>() else {
        return array.as_string::<i32>().iter().map(|text| text.filter(|text| !text.is_empty()).map(Arc::from)).collect();
    };
    let values = dictionary.values().as_string::<i32>();
    let mut held: Vec<Option<Arc<str>>> = vec![None; values.len()];
    let mut text = |key: u32| {
        let position = usize::try_from(key).ok()?;
        let held = held.get_mut(position)?;
        if held.is_none() {
            *held = Some(values.value(position)).filter(|text| !text.is_empty()).map(Arc::from);
        }
        held.clone()
    };
    dictionary.keys().iter().map(|key| text(key?)).collect()
}

fn is_dictionary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Dictionary(key, value) if **key == DataType::UInt32 && **value == DataType::Utf8)
}

/// The column, in the type that the relation documents. A dictionary of texts stays one.
fn column(batch: &RecordBatch, column: Column) -> Result<ArrayRef, CallError> {
    let name = column.name();
    let array = batch.column_by_name(name).ok_or(CallError::Missing(name))?;
    let wanted = match column.data_type() {
        DataType::Utf8 if is_dictionary(array.data_type()) => return Ok(Arc::clone(array)),
        // A time without its zone is the same number.
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, None),
        other => other,
    };
    cast(array, &wanted).map_err(|source| CallError::Type { column: name, source })
}

/// A text holds no CloudTrail record.
#[derive(Debug, thiserror::Error)]
#[error("no CloudTrail record: expected one JSON object with eventSource and eventName{0}")]
pub struct NoRecord(String);

impl Call {
    /// The call of one CloudTrail record, as JSON text.
    ///
    /// # Errors
    /// When the text is no record.
    pub fn from_record(text: &[u8]) -> Result<Call, NoRecord> {
        let mut cursor = Cursor::new(text, 0);
        let record = match read_object(&mut cursor) {
            Ok(Object::Record(record)) => record,
            Ok(_) => return Err(NoRecord(String::new())),
            Err(Stop::Incomplete) => return Err(NoRecord("; the text ends in the middle".to_owned())),
            Err(Stop::Invalid(at)) => return Err(NoRecord(format!("; byte {at} cannot stand there"))),
        };
        let mut builder = RowBuilder::new(Relation::Events, Call::COLUMNS);
        builder.append(&record, &Facts::of(&record, None));
        let batch = builder.finish().map_err(|error| NoRecord(format!("; {error}")))?;
        let calls = Call::from_batch(&batch).map_err(|error| NoRecord(format!("; {error}")))?;
        calls.into_iter().next().ok_or_else(|| NoRecord(String::new()))
    }

    /// `eventSource` without `.amazonaws.com`.
    pub fn service_label(&self) -> &str {
        let source = self.event_source.as_deref().unwrap_or_default();
        let source = source.strip_suffix(".cn").unwrap_or(source);
        source.strip_suffix(".amazonaws.com").or_else(|| source.strip_suffix(".aws.amazon.com")).unwrap_or(source)
    }

    /// `aws`, `aws-cn` or `aws-us-gov`, from the region.
    pub fn partition(&self) -> &'static str {
        match self.region.as_deref() {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// Did the call fail because somebody denied it?
    pub fn was_denied(&self) -> bool {
        self.error_code.as_deref().is_some_and(|code| {
            let code = code.rsplit('.').next().unwrap_or(code);
            code.starts_with("AccessDenied")
                || code.starts_with("UnauthorizedOperation")
                || matches!(
                    code,
                    "VpceAccessDenied"
                        | "UnauthorizedAccess"
                        | "UnauthorizedException"
                        | "AuthorizationError"
                        | "AuthorizationErrorException"
                        | "NotAuthorized"
                        | "NotAuthorizedException"
                        | "Forbidden"
                        | "ForbiddenException"
                )
        })
    }
}
