//! From a record to rows of the relation: which field becomes which column, and the Arrow builders that hold them.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use super::json::{RawString, compact};
use super::record::{Record, Resource, read_resources, scalar_at};
use super::schema::{Column, ColumnSet, ColumnType};
use super::time;

/// Which relation the rows belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// One row per record.
    Events,
    /// One row per record and resource.
    EventResources,
}

/// What every record is asked, whatever the statement reads: coverage and duplicates depend on it.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// Microseconds; `None` when the record has no time that can be read.
    pub event_time: Option<i64>,
    pub account_id: Option<Cow<'a, str>>,
    pub region: Option<Cow<'a, str>>,
    pub category: Cow<'a, str>,
}

/// Account ids are twelve digits.
pub fn is_account_id(bytes: &[u8]) -> bool {
    bytes.len() == 12 && bytes.iter().all(u8::is_ascii_digit)
}

impl<'a> Facts<'a> {
    /// `folder_account` is the account of the trail folder, where the file lies in the S3 layout.
    pub fn of(record: &Record<'a>, folder_account: Option<&'a str>) -> Self {
        let account_id = folder_account.map(Cow::Borrowed).or_else(|| account_of_record(record));
        Facts {
            event_time: record.event_time.and_then(|text| time::parse(text.bytes)),
            account_id,
            region: record.region.map(RawString::decode),
            category: category(record),
        }
    }
}

/// The account that a record outside the folders of a trail is filed under: the one that received it, else the caller's, else
/// the one that owns a resource of the call.
fn account_of_record<'a>(record: &Record<'a>) -> Option<Cow<'a, str>> {
    let recipient = record.recipient_account_id.filter(|id| is_account_id(id.bytes)).map(RawString::decode);
    let caller = || principal_account_id(record).filter(|id| is_account_id(id.as_bytes()));
    let owner = || {
        let resources = record.resources.map(read_resources).unwrap_or_default();
        resources
            .into_iter()
            .find_map(|resource| resource.account_id)
            .filter(|id| is_account_id(id.bytes))
            .map(RawString::decode)
    };
    recipient.or_else(caller).or_else(owner)
}

/// `eventCategory`, which records have since event version 1.07. Before that `managementEvent` tells (1.06); before that only the
/// operation: S3 objects and Lambda invocations were the data events that existed.
fn category<'a>(record: &Record<'a>) -> Cow<'a, str> {
    if let Some(category) = record.event_category {
        return category.decode();
    }
    let is = |value: Option<RawString<'_>>, text: &[u8]| value.is_some_and(|value| value.bytes == text);
    if is(record.event_type, b"AwsVpceEvent") || is(record.event_type, b"AwsVpceEvents") {
        return Cow::Borrowed("NetworkActivity");
    }
    if let Some(management) = record.management_event {
        return Cow::Borrowed(if management.bytes == b"false" { "Data" } else { "Management" });
    }
    let names_object = is(record.event_source, b"s3.amazonaws.com")
        && record.request_parameters.is_some_and(|parameters| scalar_at(parameters, &["key"]).is_some());
    let invokes = is(record.event_source, b"lambda.amazonaws.com") && is(record.event_name, b"Invoke");
    Cow::Borrowed(if names_object || invokes { "Data" } else { "Management" })
}

/// The principal as a policy names it: for a role session the role, which `sessionIssuer` holds with its path. The ARN of the
/// session has no path, so it is no substitute (IAM user guide, `aws:PrincipalArn`).
fn principal_arn<'a>(record: &Record<'a>) -> Option<RawString<'a>> {
    let identity = &record.identity;
    let is_role_session = identity.principal_type.is_some_and(|text| text.bytes == b"AssumedRole")
        || identity.arn.is_some_and(|arn| is_session_arn(arn.bytes));
    if is_role_session { identity.issuer_arn } else { identity.arn.or(identity.issuer_arn) }
}

fn is_session_arn(arn: &[u8]) -> bool {
    arn.starts_with(b"arn:") && memchr::memmem::find(arn, b":assumed-role/").is_some()
}

fn session_arn<'a>(record: &Record<'a>) -> Option<RawString<'a>> {
    let identity = &record.identity;
    let is_federated = identity.principal_type.is_some_and(|text| text.bytes == b"FederatedUser");
    identity.arn.filter(|arn| is_federated || is_session_arn(arn.bytes))
}

/// The fifth part of an ARN, if it is an account id.
pub fn account_of_arn(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(3)).filter(|account| is_account_id(account.as_bytes()))
}

/// The account of the caller of an unsigned request.
const ANONYMOUS: &str = "anonymous";

/// S3 writes `anonymous` or `ANONYMOUS_PRINCIPAL` into the account or the principal of an unsigned request.
fn is_anonymous(text: Option<RawString<'_>>) -> bool {
    text.is_some_and(|text| matches!(text.bytes, b"anonymous" | b"ANONYMOUS_PRINCIPAL"))
}

fn principal_account_id<'a>(record: &Record<'a>) -> Option<Cow<'a, str>> {
    let identity = &record.identity;
    let is_service = identity.principal_type.is_some_and(|text| text.bytes == b"AWSService");
    if is_service {
        return None;
    }
    if is_anonymous(identity.account_id) || (identity.account_id.is_none() && is_anonymous(identity.principal_id)) {
        return Some(Cow::Borrowed(ANONYMOUS));
    }
    if let Some(account) = identity.account_id.or(identity.issuer_account_id) {
        return Some(account.decode());
    }
    let arn = identity.arn.or(identity.issuer_arn)?.decode();
    account_of_arn(&arn).map(|account| Cow::Owned(account.to_owned()))
}

/// The source address, told apart: an IP address, or the name of an AWS service.
fn source_address<'a>(record: &Record<'a>) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
    let Some(address) = record.source_address.map(RawString::decode) else { return (None, None) };
    let may_be_ip = address.as_bytes().first().is_some_and(u8::is_ascii_digit) || address.contains(':');
    if may_be_ip && address.parse::<IpAddr>().is_ok() { (Some(address), None) } else { (None, Some(address)) }
}

/// `vpcEndpointId`; S3 has written it into `additionalEventData` instead.
fn vpc_endpoint_id<'a>(record: &Record<'a>) -> Option<RawString<'a>> {
    record.vpc_endpoint_id.or_else(|| scalar_at(record.additional_event_data?, &["vpcEndpointId"]))
}

fn boolean(text: Option<RawString<'_>>) -> Option<bool> {
    match text?.bytes {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

/// A resource with its ARN and owner resolved.
#[derive(Debug, Clone, Default)]
pub struct ResourceRow<'a> {
    pub arn: Option<Cow<'a, str>>,
    account_id: Option<Cow<'a, str>>,
    pub resource_type: Option<Cow<'a, str>>,
}

impl ResourceRow<'_> {
    /// The owner, if it is an account id.
    pub fn owner(&self) -> Option<&str> {
        self.account_id.as_deref().filter(|account| is_account_id(account.as_bytes()))
    }
}

/// The resources of a record: all of them, or the primary one.
pub fn resource_rows<'a>(record: &Record<'a>, all: bool) -> Vec<ResourceRow<'a>> {
    let listed = record.resources.map(read_resources).unwrap_or_default();
    let is_s3 = record.event_source.is_some_and(|source| source.bytes == b"s3.amazonaws.com");
    let has_arn = listed.iter().any(|resource| resource.arn.is_some());
    if is_s3 && !has_arn {
        return s3_resource_of_request(record).into_iter().collect();
    }
    let row = |resource: &Resource<'a>| ResourceRow {
        arn: resource.arn.map(RawString::decode),
        account_id: resource
            .account_id
            .or_else(|| if is_s3 { owner_of_bucket(resource, &listed) } else { None })
            .map(RawString::decode),
        resource_type: resource.resource_type.map(RawString::decode),
    };
    if all {
        return listed.iter().map(row).collect();
    }
    // More than an object and its bucket: the source of a copy, a key.
    let of_request = if is_s3 && listed.len() > 2 { of_bucket_of_request(record, &listed) } else { None };
    let primary = of_request.or_else(|| listed.iter().find(|resource| !has_arn || resource.arn.is_some()));
    primary.map(row).into_iter().collect()
}

/// The first resource that lies in the bucket of the request.
fn of_bucket_of_request<'a, 'b>(record: &Record<'a>, listed: &'b [Resource<'a>]) -> Option<&'b Resource<'a>> {
    let bucket = scalar_at(record.request_parameters?, &["bucketName"])?;
    listed.iter().find(|resource| {
        let path = resource.arn.and_then(|arn| memchr::memmem::find(arn.bytes, b":::").map(|at| (arn.bytes, at + 3)));
        let rest = path.and_then(|(arn, at)| arn.get(at..)?.strip_prefix(bucket.bytes));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    })
}

/// S3 data events list the object without an owner, then its bucket with one.
fn owner_of_bucket<'a>(object: &Resource<'a>, resources: &[Resource<'a>]) -> Option<RawString<'a>> {
    let object = object.arn?;
    resources.iter().find_map(|bucket| {
        let arn = bucket.arn?;
        let is_its_bucket = object.bytes.strip_prefix(arn.bytes).is_some_and(|rest| rest.first() == Some(&b'/'));
        bucket.account_id.filter(|_| is_its_bucket)
    })
}

/// For an S3 record without `resources`, as denied calls and old records are: the bucket and key of the request.
fn s3_resource_of_request<'a>(record: &Record<'a>) -> Option<ResourceRow<'a>> {
    let parameters = record.request_parameters?;
    let bucket = scalar_at(parameters, &["bucketName"])?.decode();
    let key = scalar_at(parameters, &["key"]).map(RawString::decode);
    if bucket.starts_with("arn:") {
        // An access point is given by its ARN.
        let account_id = account_of_arn(&bucket).map(|account| Cow::Owned(account.to_owned()));
        let resource_type = bucket.contains(":accesspoint/").then_some(Cow::Borrowed("AWS::S3::AccessPoint"));
        return Some(ResourceRow { arn: Some(bucket), account_id, resource_type });
    }
    let region = record.region.map(|region| region.bytes).unwrap_or_default();
    let partition = if region.starts_with(b"cn-") {
        "aws-cn"
    } else if region.starts_with(b"us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    };
    let (arn, resource_type) = match key {
        Some(key) => (format!("arn:{partition}:s3:::{bucket}/{key}"), "AWS::S3::Object"),
        None => (format!("arn:{partition}:s3:::{bucket}"), "AWS::S3::Bucket"),
    };
    Some(ResourceRow { arn: Some(Cow::Owned(arn)), account_id: None, resource_type: Some(Cow::Borrowed(resource_type)) })
}

/// Collects the values of one column.
pub(crate) enum Builder {
    Text(StringBuilder),
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Date(Date32Builder),
}

impl Builder {
    pub(crate) fn new(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Text => Builder::Text(StringBuilder::new()),
            ColumnType::Boolean => Builder::Boolean(BooleanBuilder::new()),
            ColumnType::Integer => Builder::Integer(Int64Builder::new()),
            ColumnType::Timestamp => Builder::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            ColumnType::Date => Builder::Date(Date32Builder::new()),
        }
    }

    pub(crate) fn text(&mut self, value: Option<Cow<'_, str>>) {
        if let Builder::Text(builder) = self {
            match value {
                Some(text) if !text.is_empty() => builder.append_value(text.as_ref()),
                _ => builder.append_null(),
            }
        }
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Text(builder) => Arc::new(builder.finish()),
            Builder::Boolean(builder) => Arc::new(builder.finish()),
            Builder::Integer(builder) => Arc::new(builder.finish()),
            Builder::Timestamp(builder) => Arc::new(builder.finish()),
            Builder::Date(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Collects rows of chosen columns into record batches.
pub struct RowBuilder {
    relation: Relation,
    columns: Vec<(Column, Builder)>,
    schema: SchemaRef,
    set: ColumnSet,
    rows: usize,
    bytes: usize,
}

/// Columns whose value depends on the resource.
pub const RESOURCE_COLUMNS: [Column; 3] = [Column::ResourceArn, Column::ResourceAccountId, Column::ResourceType];

impl RowBuilder {
    pub fn new(relation: Relation, columns: &[Column]) -> Self {
        let schema = super::schema::schema();
        let fields: Vec<_> =
            columns.iter().filter_map(|column| schema.fields().get(*column as usize).map(Arc::clone)).collect();
        RowBuilder {
            relation,
            columns: columns.iter().map(|column| (*column, Builder::new(column.column_type()))).collect(),
            schema: Arc::new(Schema::new(fields)),
            set: columns.iter().copied().collect(),
            rows: 0,
            bytes: 0,
        }
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The columns that are collected.
    pub fn columns(&self) -> ColumnSet {
        self.set
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// About how many bytes of text the rows hold.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends the rows of one record.
    pub fn append<'a>(&mut self, record: &Record<'a>, facts: &Facts<'a>) {
        let every = self.relation == Relation::EventResources;
        let resources =
            if every || self.set.contains_any(&RESOURCE_COLUMNS) { resource_rows(record, every) } else { Vec::new() };
        if resources.is_empty() {
            self.append_row(record, facts, &ResourceRow::default());
        } else if every {
            for resource in &resources {
                self.append_row(record, facts, resource);
            }
        } else if let Some(resource) = resources.first() {
            self.append_row(record, facts, resource);
        }
    }

    fn append_row<'a>(&mut self, record: &Record<'a>, facts: &Facts<'a>, resource: &ResourceRow<'a>) {
        self.rows += 1;
        for (column, builder) in &mut self.columns {
            match builder {
                Builder::Text(_) => {
                    let value = text_value(*column, record, facts, resource);
                    self.bytes += value.as_ref().map_or(0, |text| text.len());
                    builder.text(value);
                }
                Builder::Boolean(values) => values.append_option(boolean_value(*column, record)),
                Builder::Integer(values) => values.append_value(1),
                Builder::Timestamp(values) => values.append_option(time_value(*column, record, facts)),
                Builder::Date(values) => values.append_option(facts.event_time.map(time::day)),
            }
        }
    }

    /// The rows so far as a batch; the builder is empty afterwards.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let arrays = self.columns.iter_mut().map(|(_, builder)| builder.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema(), arrays, &options)
    }
}

/// The value of a text column. May be an empty text, which stands for none.
pub fn text_value<'a>(
    column: Column,
    record: &Record<'a>,
    facts: &Facts<'a>,
    resource: &ResourceRow<'a>,
) -> Option<Cow<'a, str>> {
    let identity = &record.identity;
    match column {
        Column::AccountId => facts.account_id.clone(),
        Column::Region => facts.region.clone(),
        Column::EventCategory => Some(facts.category.clone()),
        Column::PrincipalAccountId => principal_account_id(record),
        Column::ResourceArn => resource.arn.clone(),
        Column::ResourceAccountId => resource.account_id.clone().filter(|account| is_account_id(account.as_bytes())),
        Column::ResourceType => resource.resource_type.clone(),
        Column::Resources => record.resources.map(compact),
        Column::RequestParameters => record.request_parameters.map(compact),
        Column::AdditionalEventData => record.additional_event_data.map(compact),
        Column::SourceIp => source_address(record).0,
        Column::SourceService => source_address(record).1,
        Column::InvokedBy => identity.invoked_by.map(|name| Cow::Owned(name.decode().trim_end_matches(';').to_owned())),
        Column::InScopeOf => identity.in_scope_of.map(compact),
        Column::FederationAttributes => identity.federation_attributes.map(compact),
        Column::EventContext => record.event_context.map(compact),
        Column::IssuedAccessKeyId => issued_access_key_id(record).map(RawString::decode),
        Column::IssuedSessionArn => issued(record, &[&["assumedRoleUser", "arn"], &["federatedUser", "arn"]]),
        Column::IssuedIssuer => issued(record, &[&["issuer"], &["provider"]]),
        Column::IssuedSubject => issued(record, &[&["subject"], &["subjectFromWebIdentityToken"]]),
        Column::IssuedAudience => issued(record, &[&["audience"]]),
        _ => text_field(column, record).map(RawString::decode),
    }
}

/// The value of a boolean column.
pub fn boolean_value(column: Column, record: &Record<'_>) -> Option<bool> {
    match column {
        Column::ReadOnly => boolean(record.read_only),
        Column::AssumedRoot => boolean(record.identity.assumed_root),
        Column::SessionFromConsole => boolean(record.session_from_console),
        _ => boolean(record.identity.mfa_authenticated),
    }
}

/// The value of a time column, in microseconds.
pub fn time_value(column: Column, record: &Record<'_>, facts: &Facts<'_>) -> Option<i64> {
    match column {
        Column::SessionCreatedAt => record.identity.creation_date.and_then(|text| time::parse(text.bytes)),
        _ => facts.event_time,
    }
}

/// The access key of the session that the call issued.
pub fn issued_access_key_id<'a>(record: &Record<'a>) -> Option<RawString<'a>> {
    record.response_elements.and_then(|elements| scalar_at(elements, &["credentials", "accessKeyId"]))
}

/// The first of these members of the response that the record has. Only calls of STS: other
/// services use the same names for other things.
fn issued<'a>(record: &Record<'a>, paths: &[&[&str]]) -> Option<Cow<'a, str>> {
    let issues = record.event_source.is_some_and(|source| source.bytes == b"sts.amazonaws.com");
    let elements = record.response_elements.filter(|_| issues)?;
    paths.iter().find_map(|path| scalar_at(elements, path)).map(RawString::decode)
}

/// The columns that are a field of the record as it stands.
fn text_field<'a>(column: Column, record: &Record<'a>) -> Option<RawString<'a>> {
    let identity = &record.identity;
    match column {
        Column::EventId => record.event_id,
        Column::EventType => record.event_type,
        Column::SharedEventId => record.shared_event_id,
        Column::RecipientAccountId => record.recipient_account_id,
        Column::PrincipalType => identity.principal_type,
        Column::PrincipalId => identity.principal_id,
        Column::PrincipalArn => principal_arn(record),
        Column::SessionArn => session_arn(record),
        Column::AccessKeyId => identity.access_key_id,
        Column::FederatedProvider => identity.federated_provider,
        Column::SourceIdentity => identity.source_identity,
        Column::Ec2RoleDelivery => identity.ec2_role_delivery,
        Column::OnBehalfOfUserId => identity.on_behalf_of_user_id,
        Column::InvokedByDelegateAccountId => identity.invoked_by_delegate_account_id,
        Column::SignInSessionArn => identity.sign_in_session_arn,
        Column::EventSource => record.event_source,
        Column::EventName => record.event_name,
        Column::ErrorCode => record.error_code,
        Column::ErrorMessage => record.error_message,
        Column::VpcEndpointId => vpc_endpoint_id(record),
        Column::VpcEndpointAccountId => record.vpc_endpoint_account_id.filter(|id| is_account_id(id.bytes)),
        Column::UserAgent => record.user_agent,
        Column::TlsVersion => record.tls_version,
        _ => None,
    }
}
