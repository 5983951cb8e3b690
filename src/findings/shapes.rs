//! Reads findings as the interfaces of Access Analyzer return them: `ListFindings` and `GetFinding`, `ListFindingsV2` and
//! `GetFindingV2` (<https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_GetFindingV2.html>).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::model::{AccessFindings, Analyzer, Grantee, Source, Status, account_of_arn, is_account_id, region_of_arn};
use super::{merge, security_hub};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Taken,
    /// It is well-formed and about something else: unused access, internal access, another product.
    NotExternalAccess,
}

/// One finding as one row of one source tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) region: Option<String>,
    pub(super) status: Option<Status>,
    pub(super) resource: String,
    pub(super) resource_type: Option<String>,
    pub(super) resource_account_id: Option<String>,
    pub(super) created_at: Option<String>,
    pub(super) updated_at: Option<String>,
    pub(super) error: Option<String>,
    /// `None`: the row is of a list that has no details.
    pub(super) details: Option<Vec<Detail>>,
    /// The page of details tells of further ones.
    pub(super) more_details: bool,
    /// Fields that the source may have cut.
    pub(super) cut: Vec<&'static str>,
}

/// Whom a finding lets do what.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Detail {
    pub(super) grantee: Option<Grantee>,
    pub(super) actions: Option<BTreeSet<String>>,
    pub(super) conditions: Option<BTreeMap<String, String>>,
    pub(super) is_public: Option<bool>,
    pub(super) granted_through: BTreeSet<String>,
    pub(super) resource_control_policy: Option<String>,
}

/// Gathers the findings of all files of a snapshot.
#[derive(Debug, Default)]
pub struct Collector {
    pub(super) told: BTreeMap<(Source, String), Vec<Told>>,
    pub(super) analyzers: BTreeMap<String, Analyzer>,
    pub(super) regions: BTreeMap<Source, BTreeSet<String>>,
    pub(super) asked_for_analyzers: BTreeSet<String>,
}

impl Collector {
    /// A finding of Access Analyzer. `region`: of the file, if its name tells one.
    ///
    /// # Errors
    /// What the row lacks.
    pub fn access_analyzer(&mut self, row: &Value, region: Option<&str>) -> Result<Added, String> {
        // Of an access preview, which asks what a policy would do that is not attached.
        let is_preview = row.get("changeType").is_some();
        let other_kind = text(row, "findingType").is_some_and(|kind| kind != "ExternalAccess");
        if is_preview || other_kind {
            return Ok(Added::NotExternalAccess);
        }
        let id = text(row, "id").ok_or("it has no id")?;
        // A finding whose resource could not even be named is one all the same.
        let resource = text(row, "resource").unwrap_or_default();
        let told = Told {
            region: region.or_else(|| region_of_arn(&resource)).map(str::to_owned),
            status: match text(row, "status").as_deref() {
                Some("ACTIVE") => Some(Status::Active),
                Some("ARCHIVED") => Some(Status::Archived),
                Some("RESOLVED") => Some(Status::Resolved),
                Some(other) => return Err(format!("its status is {other:?}; expected ACTIVE, ARCHIVED or RESOLVED")),
                None => None,
            },
            resource_type: text(row, "resourceType"),
            resource_account_id: owner(text(row, "resourceOwnerAccount"), &resource),
            created_at: text(row, "createdAt"),
            updated_at: text(row, "updatedAt"),
            error: text(row, "error"),
            details: details(row)?,
            more_details: row.get("nextToken").is_some_and(|token| !token.is_null()),
            cut: Vec::new(),
            resource,
            id,
        };
        self.add(Source::AccessAnalyzer, told);
        Ok(Added::Taken)
    }

    /// A finding of Security Hub.
    ///
    /// # Errors
    /// What the row lacks.
    pub fn security_hub(&mut self, row: &Value) -> Result<Added, String> {
        match security_hub::read(row)? {
            Some(told) => {
                self.add(Source::SecurityHub, told);
                Ok(Added::Taken)
            }
            None => Ok(Added::NotExternalAccess),
        }
    }

    fn add(&mut self, source: Source, told: Told) {
        if let Some(region) = &told.region {
            self.listed(source, region);
        }
        self.told.entry((source, told.id.clone())).or_default().push(told);
    }

    /// An analyzer of `list-analyzers`.
    ///
    /// # Errors
    /// What the row lacks.
    pub fn analyzer(&mut self, row: &Value) -> Result<(), String> {
        let arn = text(row, "arn").ok_or("it has no arn")?;
        let analyzer = Analyzer {
            analyzer_type: text(row, "type").unwrap_or_default(),
            status: text(row, "status").unwrap_or_default(),
            arn: arn.clone(),
        };
        self.analyzers.insert(arn, analyzer);
        Ok(())
    }

    /// The snapshot lists the findings of a region, even if there are none.
    pub fn listed(&mut self, source: Source, region: &str) {
        self.regions.entry(source).or_default().insert(region.to_owned());
    }

    /// The analyzers of a region were asked for, even if there are none.
    pub fn asked_for_analyzers(&mut self, region: &str) {
        self.asked_for_analyzers.insert(region.to_owned());
    }

    /// Everything, each way in told once.
    pub fn finish(self) -> AccessFindings {
        merge::finish(self)
    }
}

/// The owner of a resource, from its field or else its ARN.
pub(super) fn owner(field: Option<String>, resource: &str) -> Option<String> {
    field.filter(|owner| is_account_id(owner)).or_else(|| account_of_arn(resource).map(str::to_owned))
}

/// The details of a finding: in the list `findingDetails` of the second version, in the finding itself of the first.
fn details(row: &Value) -> Result<Option<Vec<Detail>>, String> {
    let mut found = Vec::new();
    match row.get("findingDetails") {
        Some(Value::Array(list)) => {
            for entry in list {
                let Some(detail) = entry.get("externalAccessDetails") else { continue };
                found.extend(detail_rows(detail)?);
            }
        }
        Some(Value::Null) | None if row.get("principal").is_some() || row.get("action").is_some() => {
            found.extend(detail_rows(row)?);
        }
        Some(Value::Null) | None => return Ok(None),
        Some(_) => return Err("its findingDetails is not a list".to_owned()),
    }
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// One detail for each principal: nearly always one.
fn detail_rows(detail: &Value) -> Result<Vec<Detail>, String> {
    let shared = Detail {
        grantee: None,
        actions: match detail.get("action") {
            Some(Value::Array(actions)) => Some(actions.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            Some(Value::Null) | None => None,
            Some(_) => return Err("its action is not a list".to_owned()),
        },
        conditions: match detail.get("condition") {
            Some(Value::Object(keys)) => Some(keys.iter().map(|(key, value)| (key.clone(), plain(value))).collect()),
            _ => None,
        },
        is_public: detail.get("isPublic").and_then(Value::as_bool),
        granted_through: detail.get("sources").and_then(Value::as_array).into_iter().flatten().map(through).collect(),
        resource_control_policy: text(detail, "resourceControlPolicyRestriction"),
    };
    let principals = match detail.get("principal") {
        Some(Value::Object(principals)) => principals,
        Some(Value::Null) | None => return Ok(vec![shared]),
        Some(_) => return Err("its principal is not an object such as {\"AWS\": \"111122223333\"}".to_owned()),
    };
    let rows: Vec<Detail> = principals
        .iter()
        .map(|(kind, value)| Detail { grantee: Some(Grantee::new(kind, &plain(value))), ..shared.clone() })
        .collect();
    Ok(if rows.is_empty() { vec![shared] } else { rows })
}

fn through(source: &Value) -> String {
    let detail = source.get("detail");
    detail
        .and_then(|detail| text(detail, "accessPointArn").or_else(|| text(detail, "accessPointAccount")))
        .or_else(|| text(source, "type"))
        .unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The text of a field; `None` when it is missing, null, empty or of another type.
pub(super) fn text(object: &Value, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}
