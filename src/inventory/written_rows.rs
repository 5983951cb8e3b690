//! Rows that people write by hand: one table per type, as CSV or as a JSON list of objects with the same columns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::builder::{AccountRow, Builder, EndpointRow, PolicyRow, ResourceRow};
use super::config_rows::{add_role, policy_text};
use super::fact::Seen;
use super::model::{Tags, resource_types};
use super::values::{Arn, scalar, tags};

/// What a hand-written table lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Accounts,
    Units,
    Policies,
    Roles,
    Buckets,
    Endpoints,
    Vpcs,
    Subnets,
    Resources,
}

/// A column and its other spellings, without separators and in lower case.
type Columns = &'static [(&'static str, &'static [&'static str])];

impl Table {
    /// By the name of a list or file, such as `s3_buckets`, `s3-buckets-2` or `buckets`.
    pub(super) fn from_name(name: &str) -> Option<Table> {
        let name: String = name.chars().map(|c| if c == '-' || c == ' ' { '_' } else { c.to_ascii_lowercase() }).collect();
        const NAMES: [(&str, Table); 16] = [
            ("accounts", Table::Accounts),
            ("organizational_units", Table::Units),
            ("roots", Table::Units),
            ("organizations_policies", Table::Policies),
            ("policies", Table::Policies),
            ("iam_roles", Table::Roles),
            ("roles", Table::Roles),
            ("s3_buckets", Table::Buckets),
            ("buckets", Table::Buckets),
            ("vpc_endpoints", Table::Endpoints),
            ("endpoints", Table::Endpoints),
            ("vpcs", Table::Vpcs),
            ("ec2_vpcs", Table::Vpcs),
            ("subnets", Table::Subnets),
            ("ec2_subnets", Table::Subnets),
            ("resources", Table::Resources),
        ];
        NAMES
            .iter()
            .find(|(prefix, _)| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
            .map(|(_, table)| *table)
    }

    /// By columns that only one kind of table has.
    pub(super) fn from_columns<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Table> {
        let names: BTreeSet<String> = names.into_iter().map(normalised).collect();
        let has = |name: &str| names.contains(name);
        if has("vpcendpointid") {
            Some(Table::Endpoints)
        } else if has("trustpolicy") || has("assumerolepolicydocument") || has("roleid") || has("rolearn") {
            Some(Table::Roles)
        } else if has("resourcetype") && has("arn") {
            Some(Table::Resources)
        } else if has("bucket") || has("bucketname") {
            Some(Table::Buckets)
        } else if has("subnetid") {
            Some(Table::Subnets)
        } else {
            None
        }
    }

    /// The resource types that a table of this kind speaks of, even without rows.
    pub(super) fn types(self) -> &'static [&'static str] {
        match self {
            Table::Accounts => &[resource_types::ACCOUNT],
            Table::Units => &[resource_types::TREE],
            Table::Policies => &[resource_types::POLICY],
            Table::Roles => &[resource_types::ROLE],
            Table::Buckets => &[resource_types::BUCKET],
            Table::Endpoints => &[resource_types::VPC_ENDPOINT],
            Table::Vpcs => &[resource_types::VPC],
            Table::Subnets => &[resource_types::SUBNET],
            // Each row names its own.
            Table::Resources => &[],
        }
    }

    fn columns(self) -> Columns {
        match self {
            Table::Accounts => &[
                ("account_id", &["id", "account", "awsaccountid"]),
                ("name", &["accountname"]),
                ("status", &["state"]),
                ("organizational_unit_path", &["organizationalunit", "oupath", "ou", "path"]),
                ("parent_id", &["organizationalunitid", "ouid", "parent"]),
                ("organization_id", &["organization"]),
                ("tags", &[]),
                ("email", &[]),
                ("arn", &[]),
            ],
            Table::Units => {
                &[("id", &["organizationalunitid", "ouid"]), ("name", &[]), ("parent_id", &["parent"]), ("arn", &[])]
            }
            Table::Policies => &[
                ("id", &["policyid"]),
                ("name", &["policyname"]),
                ("type", &["policytype"]),
                ("content", &["document"]),
                ("targets", &["targetids"]),
                ("aws_managed", &[]),
                ("description", &[]),
                ("arn", &[]),
            ],
            Table::Roles => &[
                ("arn", &["rolearn"]),
                ("role_id", &["id", "uniqueid"]),
                ("trust_policy", &["assumerolepolicydocument", "assumerolepolicy"]),
                ("tags", &[]),
                ("account_id", &["account"]),
                ("name", &["rolename"]),
                ("path", &[]),
            ],
            Table::Buckets => &[
                ("name", &["bucket", "bucketname"]),
                ("account_id", &["owner", "owneraccountid", "account", "ownerid"]),
                ("region", &["awsregion"]),
                ("arn", &["bucketarn"]),
                ("tags", &[]),
            ],
            Table::Endpoints => &[
                ("vpc_endpoint_id", &["id", "endpointid"]),
                ("vpc_id", &["vpc"]),
                ("endpoint_type", &["type", "vpcendpointtype"]),
                ("service_name", &["service"]),
                ("owner_account_id", &["accountid", "owner", "ownerid", "account"]),
                ("region", &["awsregion"]),
                ("policy", &["policydocument"]),
                ("tags", &[]),
            ],
            Table::Vpcs => &[
                ("vpc_id", &["id", "vpc"]),
                ("account_id", &["owner", "owneraccountid", "ownerid", "account"]),
                ("region", &["awsregion"]),
                ("arn", &[]),
                ("tags", &[]),
                ("name", &[]),
            ],
            Table::Subnets => &[
                ("subnet_id", &["id", "subnet"]),
                ("vpc_id", &["vpc"]),
                ("account_id", &["owner", "owneraccountid", "ownerid", "account"]),
                ("region", &["awsregion"]),
                ("arn", &["subnetarn"]),
                ("tags", &[]),
                ("name", &[]),
            ],
            Table::Resources => &[
                ("arn", &["resourcearn"]),
                ("resource_type", &["type"]),
                ("account_id", &["owner", "owneraccountid", "account"]),
                ("region", &["awsregion"]),
                ("name", &["resourcename"]),
                ("tags", &[]),
            ],
        }
    }

    /// The column of which each row needs a value (for buckets, `arn` does as well).
    fn key(self) -> &'static str {
        self.columns().first().map_or("", |(name, _)| name)
    }

    /// What a heading means here: a column, a tag (`tag:owner`), or nothing.
    pub(super) fn column(self, heading: &str) -> Heading {
        if let Some((prefix, key)) = heading.trim().split_at_checked(4)
            && (prefix.eq_ignore_ascii_case("tag:") || prefix.eq_ignore_ascii_case("tag."))
        {
            return Heading::Tag(key.trim().to_owned());
        }
        let normal = normalised(heading);
        self.columns()
            .iter()
            .find(|(name, aliases)| normalised(name) == normal || aliases.contains(&normal.as_str()))
            .map_or(Heading::Unknown, |(name, _)| Heading::Column(name))
    }

    /// The sentence about a heading that means nothing.
    pub(super) fn unknown_heading(self, heading: &str) -> String {
        let names = self.columns().iter().map(|(name, _)| *name);
        let nearest = names
            .clone()
            .map(|name| (strsim::damerau_levenshtein(&normalised(name), &normalised(heading)), name))
            .min()
            .filter(|(distance, _)| *distance <= 2);
        match nearest {
            Some((_, name)) => format!("column {heading:?} is not known and is ignored; did you mean {name}?"),
            None => {
                format!("column {heading:?} is not known and is ignored; known are {}", names.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Can rows with these headings be used at all?
    pub(super) fn usable(self, headings: &[Heading]) -> Result<(), String> {
        let has = |name: &str| headings.iter().any(|heading| *heading == Heading::Column(self.canonical(name)));
        if has(self.key()) || (matches!(self, Table::Buckets | Table::Vpcs | Table::Subnets) && has("arn")) {
            Ok(())
        } else {
            let columns: Vec<&str> = self.columns().iter().map(|(name, _)| *name).collect();
            Err(format!("has no column {}; expected a heading with {}", self.key(), columns.join(", ")))
        }
    }

    fn canonical(self, name: &str) -> &'static str {
        self.columns().iter().find(|(column, _)| *column == name).map_or("", |(column, _)| column)
    }

    /// Does a table with these headings tell where accounts sit, by id?
    pub(super) fn tells_tree(self, headings: &[Heading]) -> bool {
        self == Table::Accounts && headings.contains(&Heading::Column("parent_id"))
    }

    /// Adds one row.
    ///
    /// # Errors
    /// Why the row cannot be used.
    pub(super) fn add(self, builder: &mut Builder, row: &Row, seen: Seen) -> Result<(), String> {
        let account = |builder: &mut Builder, column: &str| match row.cells.get(column).filter(|cell| scalar(cell).is_some()) {
            Some(cell) => builder.account_id(cell, seen.origin).map(Some),
            None => Ok(None),
        };
        let key = row.text(self.key());
        let required = || key.clone().ok_or_else(|| format!("it has no {}", self.key()));
        match self {
            Table::Accounts => {
                let id = account(builder, "account_id")?.ok_or("it has no account_id")?;
                let path = row.text("organizational_unit_path").map(|path| path.trim_matches('/').to_owned());
                let fields = AccountRow {
                    name: row.text("name"),
                    status: row.text("status"),
                    tags: row.tags(),
                    path: path.filter(|path| !path.is_empty()),
                    organization_id: row.text("organization_id"),
                };
                builder.account(&id, fields, true, seen);
                if let Some(parent) = row.text("parent_id") {
                    builder.parent(&id, &parent, seen);
                }
            }
            Table::Units => {
                let id = required()?;
                builder.unit(&id, row.text("name"), seen);
                if let Some(parent) = row.text("parent_id") {
                    builder.parent(&id, &parent, seen);
                }
            }
            Table::Policies => {
                let id = required()?;
                let fields = PolicyRow {
                    name: row.text("name"),
                    policy_type: row.text("type"),
                    content: row.cells.get("content").and_then(policy_text),
                    aws_managed: row.text("aws_managed").is_some_and(|text| text.eq_ignore_ascii_case("true")),
                    targets: row.cells.get("targets").map(list),
                };
                builder.policy(&id, fields, seen);
            }
            Table::Roles => {
                let account_id = account(builder, "account_id")?;
                let of_arn = key.as_deref().and_then(Arn::parse).and_then(|arn| arn.owner());
                if let (Some(written), Some(of_arn)) = (account_id, of_arn)
                    && written != of_arn
                {
                    return Err(format!("its account_id is {written} but its ARN says {of_arn}"));
                }
                let trust = row.cells.get("trust_policy").filter(|cell| cell.is_object() || scalar(cell).is_some());
                add_role(builder, key, row.text("role_id"), trust, row.tags(), seen)?;
            }
            Table::Endpoints => {
                let fields = EndpointRow {
                    vpc_id: row.text("vpc_id"),
                    endpoint_type: row.text("endpoint_type"),
                    service_name: row.text("service_name"),
                    owner: account(builder, "owner_account_id")?,
                    region: row.text("region"),
                    policy: row
                        .cells
                        .get("policy")
                        .filter(|cell| cell.is_object() || scalar(cell).is_some())
                        .and_then(policy_text),
                    tags: row.tags(),
                };
                builder.endpoint(&required()?, fields, seen);
            }
            Table::Buckets | Table::Vpcs | Table::Subnets | Table::Resources => {
                let resource_type = match self {
                    Table::Buckets => resource_types::BUCKET.to_owned(),
                    Table::Vpcs => resource_types::VPC.to_owned(),
                    Table::Subnets => resource_types::SUBNET.to_owned(),
                    _ => row.text("resource_type").ok_or("it has no resource_type, such as AWS::SQS::Queue")?,
                };
                let arn = row.text("arn");
                let account_id = account(builder, "account_id")?;
                let name = row.text(match self {
                    Table::Vpcs => "vpc_id",
                    Table::Subnets => "subnet_id",
                    _ => "name",
                });
                let vpc_id = row.text("vpc_id").filter(|_| self == Table::Subnets);
                match resource_type.as_str() {
                    resource_types::ROLE => add_role(builder, arn, None, None, row.tags(), seen)?,
                    resource_types::VPC_ENDPOINT => {
                        let of_arn = arn.as_deref().and_then(Arn::parse);
                        let id = of_arn.and_then(|arn| arn.resource.strip_prefix("vpc-endpoint/")).map(str::to_owned).or(name);
                        let fields = EndpointRow {
                            owner: account_id,
                            region: row.text("region"),
                            tags: row.tags(),
                            ..EndpointRow::default()
                        };
                        builder.endpoint(&id.ok_or("it names no VPC endpoint (vpce-…)")?, fields, seen);
                    }
                    resource_types::ACCOUNT => return Err("accounts belong into accounts.csv".to_owned()),
                    _ => {
                        let (region, tags) = (row.text("region"), row.tags());
                        let configuration = None;
                        builder.resource(
                            ResourceRow { resource_type, arn, account_id, region, name, vpc_id, tags, configuration },
                            seen,
                        )?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What the heading of a column means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heading {
    Column(&'static str),
    Tag(String),
    Unknown,
}

/// One row: cells by column, and tags that have a column of their own.
#[derive(Debug, Default)]
pub(super) struct Row {
    cells: BTreeMap<&'static str, Value>,
    tags: Tags,
}

impl Row {
    pub(super) fn set(&mut self, heading: &Heading, value: Value) {
        match heading {
            Heading::Column(name) => drop(self.cells.insert(name, value)),
            Heading::Tag(key) => {
                if let Some(text) = scalar(&value) {
                    self.tags.insert(key.clone(), text);
                }
            }
            Heading::Unknown => {}
        }
    }

    fn text(&self, column: &str) -> Option<String> {
        self.cells.get(column).and_then(scalar)
    }

    fn tags(&self) -> Option<Tags> {
        // `{}` says that there are none; an empty cell says nothing.
        let listed = self.cells.get("tags").and_then(tags);
        if listed.is_none() && self.tags.is_empty() {
            return None;
        }
        let mut all = listed.unwrap_or_default();
        all.extend(self.tags.clone());
        Some(all)
    }
}

/// A list of ids: a JSON list, or text separated by `;`, `,` or spaces.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(scalar).collect(),
        other => scalar(other)
            .map(|text| text.split([';', ',', ' ']).map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect())
            .unwrap_or_default(),
    }
}

fn normalised(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
