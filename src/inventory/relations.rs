//! The inventory as relations that statements read: one row per account, role, endpoint, policy, resource or way in from outside.
//!
//! Unknown is null. Lists are text joined by `, `; tags, conditions, policies and configurations are JSON text, for
//! `json_extract_scalar`.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanBuilder, RecordBatch, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use super::Inventory;
use super::model::{OrganizationPolicy, Resource, Role, Tags, VpcEndpoint};
use crate::findings::{AccessFinding, Gap, GranteeKind, Source};
use crate::policy::document::Document;
use crate::policy::summary::{self, NETWORK_KEYS, PRINCIPAL_KEYS, RESOURCE_KEYS, demands};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    Boolean,
}

/// A column of a relation of the inventory.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub column_type: Type,
    pub description: &'static str,
}

/// A relation of the inventory.
#[derive(Debug, Clone, Copy)]
pub struct Relation {
    pub name: &'static str,
    pub description: &'static str,
    pub columns: &'static [Column],
}

const fn text(name: &'static str, description: &'static str) -> Column {
    Column { name, column_type: Type::Text, description }
}

const fn boolean(name: &'static str, description: &'static str) -> Column {
    Column { name, column_type: Type::Boolean, description }
}

/// Every relation, sorted by name.
pub const RELATIONS: &[Relation] = &[
    Relation {
        name: "access_findings",
        description: "One row per way into a resource from outside its zone of trust, told once however many findings tell it.",
        columns: &[
            text("account_id", "Owner of the resource."),
            text("finding_ids", "Ids of the findings that tell it."),
            boolean("in_access_analyzer", "IAM Access Analyzer tells it."),
            boolean("in_security_hub", "Security Hub tells it."),
            text("status", "`active`, `archived` or `resolved`."),
            text("resource_arn", "The resource."),
            text("resource_type", "Its type, as in AWS::S3::Bucket."),
            text("region", "Of the resource; null where analyzers of several regions tell it."),
            text("regions", "Of the analyzers that tell it."),
            text("granted_to", "Whom it lets in, in words; null when unknown."),
            text(
                "principal_type",
                "Everyone, AWSAccount, Principal, UniqueId, FederatedProvider, CanonicalUser, AWSService or Other.",
            ),
            text("principal_arn", "The role or user; null for anything else."),
            text("principal_id", "The provider, canonical user id or unique id."),
            text("principal_account_id", "The account that it lets in; `anonymous` for everyone."),
            text("actions", "What it lets them do."),
            text("condition", "Condition keys and values as JSON text, without their operator; null when there are none."),
            boolean("public", "Does it let in everyone?"),
            text("granted_through", "POLICY, BUCKET_ACL, the ARN of an access point …; for buckets."),
            text("resource_control_policy", "APPLICABLE: an RCP exists that the analysis did not take into account."),
            text("unknown_because", "Why the finding does not tell everything; null when it does."),
            text("settled_by", "What would settle it."),
            text("created_at", "RFC 3339."),
            text("updated_at", "RFC 3339."),
            text("row_id", "Tells ways into the same resource apart."),
        ],
    },
    Relation {
        name: "accounts",
        description: "One row per account of the organization.",
        columns: &[
            text("account_id", "Its id."),
            text("name", "Its name."),
            text("status", "As AWS Organizations tells it."),
            text("organizational_unit_path", "Names from the root to its parent, joined by `/`."),
            text("organizational_unit_ids", "Ids from the root to its parent."),
            text("tags", "JSON text."),
        ],
    },
    Relation {
        name: "policies",
        description: "One row per policy of the organization.",
        columns: &[
            text("account_id", "The management account."),
            text("policy_id", "`p-…`."),
            text("name", "Its name."),
            text("policy_type", "SERVICE_CONTROL_POLICY, RESOURCE_CONTROL_POLICY …"),
            boolean("aws_managed", "AWS maintains it."),
            boolean("attached", "It is attached to something; null when nobody tells."),
            text("targets", "Ids of what it is attached to."),
            text("content", "The document, as JSON text."),
            text(
                "demands_resource",
                "Does it demand whose the resource is (aws:ResourceOrgID and its like)? `no`, `some actions` or `all actions`; null for a document that cannot be read.",
            ),
            text("demands_principal", "The same for whose the caller is (aws:PrincipalOrgID and its like)."),
            text("demands_network", "The same for the network (aws:SourceVpc, aws:SourceIp and their like)."),
            text("condition_keys", "Every condition key in it, in lower case."),
        ],
    },
    Relation {
        name: "resources",
        description: "One row per resource that is none of the others.",
        columns: &[
            text("account_id", "Its owner."),
            text("arn", "Its ARN."),
            text("resource_type", "As in AWS::Lambda::Function."),
            text("region", "Its region."),
            text("name", "Its name."),
            text("tags", "JSON text."),
            text("configuration", "What AWS Config recorded of it, as JSON text."),
        ],
    },
    Relation {
        name: "roles",
        description: "One row per IAM role.",
        columns: &[
            text("account_id", "Its account."),
            text("arn", "Its ARN."),
            text("role_id", "AROA…"),
            text("path", "`/` or `/a/b/`."),
            boolean(
                "service_role",
                "An AWS service may assume it, and it is not service-linked; null when the trust policy is unknown.",
            ),
            boolean("service_linked_role", "Created by an AWS service."),
            text("assumable_by", "Whom the trust policy lets in, in words."),
            text("trust_policy", "JSON text."),
            text("tags", "JSON text."),
        ],
    },
    Relation {
        name: "vpc_endpoints",
        description: "One row per VPC endpoint.",
        columns: &[
            text("account_id", "Its owner."),
            text("vpc_endpoint_id", "`vpce-…`."),
            text("vpc_id", "Its VPC."),
            text("service_name", "As in com.amazonaws.eu-west-1.s3."),
            text("region", "Its region."),
            text("policy", "Its policy, as JSON text."),
            boolean(
                "allows_everything",
                "The policy lets everyone do everything, as the default one does; null when it is unknown.",
            ),
            text("demands_resource", "As for policies."),
            text("demands_principal", "As for policies."),
            text("condition_keys", "Every condition key in the policy, in lower case."),
            text("tags", "JSON text."),
        ],
    },
];

/// A relation by its name.
pub fn relation(name: &str) -> Option<&'static Relation> {
    RELATIONS.iter().find(|relation| relation.name == name)
}

impl Relation {
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| {
                let data_type = match column.column_type {
                    Type::Text => DataType::Utf8,
                    Type::Boolean => DataType::Boolean,
                };
                Field::new(column.name, data_type, true)
            })
            .collect();
        Arc::new(Schema::new(fields))
    }

    /// The rows of the relation.
    ///
    /// # Errors
    /// When a column outgrows what a column may hold (2 GiB).
    pub fn rows(&self, inventory: &Inventory) -> Result<RecordBatch, ArrowError> {
        let mut table = Builder::new(self.columns);
        match self.name {
            "access_findings" => {
                inventory.access_findings.findings.iter().for_each(|finding| table.push(access_finding(finding)));
            }
            "accounts" => inventory.accounts().for_each(|account| {
                let units = (!account.parents.is_empty()).then(|| account.parents.join(", "));
                table.push(vec![
                    Cell::some(&account.id),
                    Cell::opt(account.name.as_deref()),
                    Cell::opt(account.status.as_deref()),
                    Cell::opt(account.organizational_unit_path.as_deref()),
                    Cell::owned(units),
                    Cell::owned(tags(&account.tags)),
                ]);
            }),
            "policies" => {
                let management = inventory.management_account_id.as_deref();
                inventory.policies().for_each(|it| table.push(policy(it, management)));
            }
            "resources" => inventory.resources().for_each(|it| table.push(resource(it))),
            "roles" => inventory.roles().for_each(|it| table.push(role(it))),
            "vpc_endpoints" => inventory.vpc_endpoints().for_each(|it| table.push(vpc_endpoint(it))),
            _ => {}
        }
        RecordBatch::try_new(self.schema(), table.finish())
    }
}

enum Cell<'a> {
    Text(Option<Cow<'a, str>>),
    Boolean(Option<bool>),
}

impl<'a> Cell<'a> {
    fn some(text: &'a str) -> Self {
        Cell::Text(Some(Cow::Borrowed(text)))
    }

    fn opt(text: Option<&'a str>) -> Self {
        Cell::Text(text.map(Cow::Borrowed))
    }

    fn owned(text: Option<String>) -> Self {
        Cell::Text(text.map(Cow::Owned))
    }
}

enum ColumnBuilder {
    Text(StringBuilder),
    Boolean(BooleanBuilder),
}

struct Builder(Vec<ColumnBuilder>);

impl Builder {
    fn new(columns: &[Column]) -> Builder {
        let builder = |column: &Column| match column.column_type {
            Type::Text => ColumnBuilder::Text(StringBuilder::new()),
            Type::Boolean => ColumnBuilder::Boolean(BooleanBuilder::new()),
        };
        Builder(columns.iter().map(builder).collect())
    }

    fn push(&mut self, row: Vec<Cell<'_>>) {
        for (column, cell) in self.0.iter_mut().zip(row) {
            match (column, cell) {
                (ColumnBuilder::Text(builder), Cell::Text(text)) => builder.append_option(text),
                (ColumnBuilder::Boolean(builder), Cell::Boolean(value)) => builder.append_option(value),
                (ColumnBuilder::Text(builder), Cell::Boolean(_)) => builder.append_null(),
                (ColumnBuilder::Boolean(builder), Cell::Text(_)) => builder.append_null(),
            }
        }
    }

    fn finish(self) -> Vec<ArrayRef> {
        self.0
            .into_iter()
            .map(|builder| match builder {
                ColumnBuilder::Text(mut builder) => Arc::new(builder.finish()) as ArrayRef,
                ColumnBuilder::Boolean(mut builder) => Arc::new(builder.finish()) as ArrayRef,
            })
            .collect()
    }
}

fn joined<'s>(values: impl IntoIterator<Item = &'s String>) -> Option<String> {
    let values: Vec<&str> = values.into_iter().map(String::as_str).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn tags(tags: &Tags) -> Option<String> {
    (!tags.is_empty()).then(|| serde_json::json!(tags).to_string())
}

fn resource(resource: &Resource) -> Vec<Cell<'_>> {
    vec![
        Cell::opt(resource.account_id.as_deref()),
        Cell::opt(Some(resource.arn.as_str()).filter(|arn| !arn.is_empty())),
        Cell::some(&resource.resource_type),
        Cell::opt(resource.region.as_deref()),
        Cell::opt(resource.name.as_deref()),
        Cell::owned(tags(&resource.tags)),
        Cell::opt(resource.configuration.as_deref()),
    ]
}

fn role(role: &Role) -> Vec<Cell<'_>> {
    vec![
        Cell::some(&role.account_id),
        Cell::some(&role.arn),
        Cell::opt(role.role_id.as_deref()),
        Cell::some(&role.path),
        Cell::Boolean(role.facts.service_role),
        Cell::Boolean(Some(role.facts.service_linked)),
        Cell::owned(role.assumable_by_text()),
        Cell::opt(role.trust_policy.as_deref()),
        Cell::owned(tags(&role.tags)),
    ]
}

fn document(text: Option<&str>) -> Option<Document> {
    text.and_then(|text| Document::parse("policy", text).ok())
}

fn demanded(document: Option<&Document>, keys: &[&str], allows_matter: bool) -> Cell<'static> {
    Cell::opt(document.map(|document| demands(document, keys, allows_matter).as_str()))
}

fn policy<'a>(policy: &'a OrganizationPolicy, management_account_id: Option<&'a str>) -> Vec<Cell<'a>> {
    let document = document(policy.content.as_deref());
    let document = document.as_ref();
    vec![
        Cell::opt(management_account_id),
        Cell::some(&policy.id),
        Cell::opt(policy.name.as_deref()),
        Cell::opt(policy.policy_type.as_deref()),
        Cell::Boolean(Some(policy.aws_managed)),
        Cell::Boolean(policy.targets.as_ref().map(|targets| !targets.is_empty())),
        Cell::owned(policy.targets.as_ref().and_then(joined)),
        Cell::opt(policy.content.as_deref()),
        demanded(document, RESOURCE_KEYS, false),
        demanded(document, PRINCIPAL_KEYS, false),
        demanded(document, NETWORK_KEYS, false),
        Cell::owned(document.and_then(|document| joined(&summary::condition_keys(document)))),
    ]
}

fn vpc_endpoint(endpoint: &VpcEndpoint) -> Vec<Cell<'_>> {
    let document = document(endpoint.policy.as_deref());
    let document = document.as_ref();
    vec![
        Cell::opt(endpoint.owner_account_id.as_deref()),
        Cell::some(&endpoint.id),
        Cell::opt(endpoint.vpc_id.as_deref()),
        Cell::opt(endpoint.service_name.as_deref()),
        Cell::opt(endpoint.region.as_deref()),
        Cell::opt(endpoint.policy.as_deref()),
        Cell::Boolean(document.map(summary::allows_everything)),
        demanded(document, RESOURCE_KEYS, true),
        demanded(document, PRINCIPAL_KEYS, true),
        Cell::owned(document.and_then(|document| joined(&summary::condition_keys(document)))),
        Cell::owned(tags(&endpoint.tags)),
    ]
}

fn access_finding(finding: &AccessFinding) -> Vec<Cell<'_>> {
    let kind = finding.grantee.as_ref().map(|grantee| grantee.kind);
    let value = finding.grantee.as_ref().map(|grantee| grantee.value.as_str());
    let of = |kinds: &[GranteeKind]| value.filter(|_| kind.is_some_and(|kind| kinds.contains(&kind)));
    let principal_type = kind.map(|kind| match kind {
        GranteeKind::Everyone => "Everyone",
        GranteeKind::Account => "AWSAccount",
        GranteeKind::Principal => "Principal",
        GranteeKind::UniqueId => "UniqueId",
        GranteeKind::Federated => "FederatedProvider",
        GranteeKind::CanonicalUser => "CanonicalUser",
        GranteeKind::Service => "AWSService",
        GranteeKind::Other => "Other",
    });
    let account = match kind {
        Some(GranteeKind::Everyone) => Some("anonymous"),
        _ => finding.grantee.as_ref().and_then(|grantee| grantee.account_id()),
    };
    let conditions = finding.conditions.as_ref().filter(|conditions| !conditions.is_empty());
    let region = match finding.regions.iter().collect::<Vec<_>>().as_slice() {
        [region] => Some(region.as_str()),
        _ => None,
    };
    let id = finding.ids.first().map(String::as_str).unwrap_or_default();
    let unknown: Vec<String> = finding.gaps.iter().map(Gap::why).collect();
    let settled_by: Vec<String> = finding.gaps.iter().map(|gap| gap.settled_by(id)).collect();
    vec![
        Cell::opt(finding.resource_account_id.as_deref()),
        Cell::owned(joined(&finding.ids)),
        Cell::Boolean(Some(finding.sources.contains(&Source::AccessAnalyzer))),
        Cell::Boolean(Some(finding.sources.contains(&Source::SecurityHub))),
        Cell::opt(finding.status.map(|status| status.as_str())),
        Cell::opt(Some(finding.resource.as_str()).filter(|arn| !arn.is_empty())),
        Cell::opt(finding.resource_type.as_deref()),
        Cell::opt(region),
        Cell::owned(joined(&finding.regions)),
        Cell::owned(finding.grantee.as_ref().map(|grantee| grantee.phrase())),
        Cell::opt(principal_type),
        Cell::opt(of(&[GranteeKind::Principal])),
        Cell::opt(of(&[
            GranteeKind::Federated,
            GranteeKind::CanonicalUser,
            GranteeKind::UniqueId,
            GranteeKind::Service,
            GranteeKind::Other,
        ])),
        Cell::opt(account),
        Cell::owned(finding.actions.as_ref().and_then(joined)),
        Cell::owned(conditions.map(|conditions| serde_json::json!(conditions).to_string())),
        Cell::Boolean(finding.is_public),
        Cell::owned(joined(&finding.granted_through)),
        Cell::opt(finding.resource_control_policy.as_deref()),
        Cell::owned(joined(&unknown)),
        Cell::owned(joined(&settled_by)),
        Cell::opt(finding.created_at.as_deref()),
        Cell::opt(finding.updated_at.as_deref()),
        Cell::owned(Some(finding.key())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_has_as_many_cells_as_columns() {
        let files = [
            ("accounts.csv", "account_id\n111122223333\n"),
            ("vpc_endpoints.csv", "vpc_endpoint_id,policy\nvpce-1,\n"),
            ("iam_roles.csv", "arn\narn:aws:iam::111122223333:role/x\n"),
            ("s3_buckets.csv", "name,account_id\nb,111122223333\n"),
            ("organizations-policies.json", r#"{"policies": [{"id": "p-1", "name": "x", "targets": []}]}"#),
            (
                "accessanalyzer-list-findings-v2-eu-west-1.json",
                r#"{"findings": [{"id": "f", "resource": "arn:aws:s3:::b", "resourceOwnerAccount": "111122223333", "status": "ACTIVE"}]}"#,
            ),
        ];
        let inventory = Inventory::from_texts(&files).unwrap();
        for relation in RELATIONS {
            // A missing cell would make the last columns shorter than the first.
            let rows = relation.rows(&inventory).unwrap();
            assert_eq!((relation.name, rows.num_rows()), (relation.name, 1));
        }
    }
}
