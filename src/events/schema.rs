//! The relation `events`: its columns, in their order, and their types.
//!
//! Every source is mapped to these columns; every named query is written over them. Missing is null, never an empty string.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};

/// Name of the relation with one row per record.
pub const EVENTS: &str = "events";
/// Name of the relation with one row per record and resource, and one row for a record without resources.
pub const EVENT_RESOURCES: &str = "event_resources";

/// The type of a relation column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    Text,
    Boolean,
    Integer,
    /// UTC, microseconds.
    Timestamp,
    Date,
}

macro_rules! columns {
    ($($variant:ident $name:literal $column_type:ident $description:literal;)*) => {
        /// A column of the relation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Column { $(#[doc = $description] $variant,)* }

        impl Column {
            /// Every column, in the order of the relation.
            pub const ALL: &'static [Column] = &[$(Column::$variant,)*];

            pub fn name(self) -> &'static str {
                match self { $(Column::$variant => $name,)* }
            }

            pub fn column_type(self) -> ColumnType {
                match self { $(Column::$variant => ColumnType::$column_type,)* }
            }

            /// What the values are and where they come from.
            pub fn description(self) -> &'static str {
                match self { $(Column::$variant => $description,)* }
            }
        }
    };
}

columns! {
    EventId "event_id" Text "eventID.";
    EventTime "event_time" Timestamp "eventTime, UTC; null when the record has none that can be read.";
    EventDate "event_date" Date "The day of event_time, UTC.";
    EventCategory "event_category" Text "eventCategory; for older records Management or Data, from managementEvent or from the operation.";
    EventType "event_type" Text "eventType.";
    SharedEventId "shared_event_id" Text "sharedEventID: links the records that two accounts hold of one call.";
    AccountId "account_id" Text "The account of the trail folder; outside the S3 layout recipientAccountId, else the caller's account, else a resource owner's.";
    Region "region" Text "awsRegion.";
    RecipientAccountId "recipient_account_id" Text "recipientAccountId.";
    PrincipalType "principal_type" Text "userIdentity.type.";
    PrincipalId "principal_id" Text "userIdentity.principalId, with the session name of a role session.";
    PrincipalArn "principal_arn" Text "ARN of the role (sessionIssuer.arn), user or root; null for a session whose issuer is not recorded.";
    SessionArn "session_arn" Text "userIdentity.arn of a role or federated session.";
    PrincipalAccountId "principal_account_id" Text "userIdentity.accountId, else the issuer's, else the one in the ARN; `anonymous` for unsigned calls.";
    AccessKeyId "access_key_id" Text "userIdentity.accessKeyId.";
    InvokedBy "invoked_by" Text "userIdentity.invokedBy: the service that made the call.";
    FederatedProvider "federated_provider" Text "sessionContext.webIdFederationData.federatedProvider.";
    SourceIdentity "source_identity" Text "sessionContext.sourceIdentity.";
    MfaAuthenticated "mfa_authenticated" Boolean "sessionContext.attributes.mfaAuthenticated.";
    SessionCreatedAt "session_created_at" Timestamp "sessionContext.attributes.creationDate.";
    Ec2RoleDelivery "ec2_role_delivery" Text "sessionContext.ec2RoleDelivery.";
    OnBehalfOfUserId "on_behalf_of_user_id" Text "userIdentity.onBehalfOf.userId.";
    InvokedByDelegateAccountId "invoked_by_delegate_account_id" Text "userIdentity.invokedByDelegate.accountId.";
    InScopeOf "in_scope_of" Text "userIdentity.inScopeOf, as JSON text: for which resource a service made the call, or got its credentials.";
    FederationAttributes "federation_attributes" Text "sessionContext.webIdFederationData.attributes, as JSON text.";
    AssumedRoot "assumed_root" Boolean "sessionContext.assumedRoot.";
    SignInSessionArn "sign_in_session_arn" Text "sessionContext.signInSessionArn.";
    SessionFromConsole "session_from_console" Boolean "sessionCredentialFromConsole.";
    EventSource "event_source" Text "eventSource.";
    EventName "event_name" Text "eventName.";
    ReadOnly "read_only" Boolean "readOnly, whether logged as a boolean or as text.";
    ErrorCode "error_code" Text "errorCode; null when the call succeeded.";
    ErrorMessage "error_message" Text "errorMessage.";
    ResourceArn "resource_arn" Text "ARN of the primary resource; for S3 without resources, from the request.";
    ResourceAccountId "resource_account_id" Text "Owner of the resource; an S3 object takes the owner of its bucket.";
    ResourceType "resource_type" Text "Type of the resource, as in AWS::S3::Bucket.";
    Resources "resources" Text "resources, as JSON text.";
    RequestParameters "request_parameters" Text "requestParameters, as JSON text.";
    AdditionalEventData "additional_event_data" Text "additionalEventData, as JSON text.";
    EventContext "event_context" Text "eventContext, as JSON text: condition keys and tags that event data stores of CloudTrail Lake add.";
    SourceIp "source_ip" Text "sourceIPAddress, if it is an address.";
    SourceService "source_service" Text "sourceIPAddress, if it is a DNS name or `AWS Internal`.";
    VpcEndpointId "vpc_endpoint_id" Text "vpcEndpointId; free text such as `AWS Internal` in some records.";
    VpcEndpointAccountId "vpc_endpoint_account_id" Text "vpcEndpointAccountId, if it is an account id.";
    UserAgent "user_agent" Text "userAgent.";
    TlsVersion "tls_version" Text "tlsDetails.tlsVersion.";
    IssuedAccessKeyId "issued_access_key_id" Text "responseElements.credentials.accessKeyId: the session that the call issued.";
    IssuedSessionArn "issued_session_arn" Text "responseElements.assumedRoleUser.arn, or federatedUser.arn.";
    IssuedIssuer "issued_issuer" Text "responseElements.issuer of AssumeRoleWithSAML, or provider of AssumeRoleWithWebIdentity.";
    IssuedSubject "issued_subject" Text "responseElements.subject, or subjectFromWebIdentityToken.";
    IssuedAudience "issued_audience" Text "responseElements.audience.";
    EventCount "event_count" Integer "Calls that the row stands for: 1.";
    FirstSeen "first_seen" Timestamp "event_time.";
    LastSeen "last_seen" Timestamp "event_time.";
}

impl Column {
    pub fn data_type(self) -> DataType {
        match self.column_type() {
            ColumnType::Text => DataType::Utf8,
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Integer => DataType::Int64,
            ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ColumnType::Date => DataType::Date32,
        }
    }

    pub fn from_name(name: &str) -> Option<Column> {
        Column::ALL.iter().copied().find(|column| column.name() == name)
    }

    fn bit(self) -> u64 {
        1 << (self as u64)
    }
}

/// The Arrow schema of the relation.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(
            Column::ALL
                .iter()
                .map(|column| {
                    let never_null = matches!(column, Column::EventCount);
                    ArrowField::new(column.name(), column.data_type(), !never_null)
                })
                .collect::<Vec<_>>(),
        ))
    });
    Arc::clone(&SCHEMA)
}

/// A set of columns: what a statement reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ColumnSet(u64);

impl ColumnSet {
    pub fn all() -> Self {
        Column::ALL.iter().copied().collect()
    }

    pub fn contains(self, column: Column) -> bool {
        self.0 & column.bit() != 0
    }

    pub fn contains_any(self, columns: &[Column]) -> bool {
        columns.iter().any(|column| self.contains(*column))
    }

    pub fn insert(&mut self, column: Column) {
        self.0 |= column.bit();
    }
}

impl FromIterator<Column> for ColumnSet {
    fn from_iter<I: IntoIterator<Item = Column>>(columns: I) -> Self {
        let mut set = ColumnSet::default();
        for column in columns {
            set.insert(column);
        }
        set
    }
}
