//! What is known of external access.

use std::collections::{BTreeMap, BTreeSet};

/// Who told a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    AccessAnalyzer,
    SecurityHub,
}

impl Source {
    pub const ALL: [Source; 2] = [Source::AccessAnalyzer, Source::SecurityHub];

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Source::AccessAnalyzer => "IAM Access Analyzer",
            Source::SecurityHub => "Security Hub",
        }
    }
}

/// The state of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Active,
    /// Somebody, or a rule, marked it as intended. The access exists.
    Archived,
    /// The access is gone.
    Resolved,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Archived => "archived",
            Status::Resolved => "resolved",
        }
    }
}

/// What kind of principal is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GranteeKind {
    /// Everyone, with or without an AWS account.
    Everyone,
    /// Every principal of an account that its own policies let.
    Account,
    /// A role, a user or a session, by ARN.
    Principal,
    /// The unique id of a principal that was deleted.
    UniqueId,
    /// The users of an identity provider.
    Federated,
    /// An account, by the canonical user id that access control lists of S3 use. It does not tell the account id.
    CanonicalUser,
    Service,
    Other,
}

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grantee {
    pub kind: GranteeKind,
    /// `*`, an account id, an ARN, a provider, an id.
    pub value: String,
}

impl Grantee {
    /// From the type and value of a principal as Access Analyzer writes them, such as `AWS` and `111122223333`.
    pub fn new(principal_type: &str, value: &str) -> Grantee {
        let value = value.trim();
        let kind = match principal_type.trim() {
            "AWS" | "*" | "Everyone" if value == "*" => GranteeKind::Everyone,
            "AWS" => return Grantee::of_aws(value),
            "Federated" => GranteeKind::Federated,
            "CanonicalUser" => GranteeKind::CanonicalUser,
            "Service" => GranteeKind::Service,
            _ => GranteeKind::Other,
        };
        Grantee { kind, value: value.to_owned() }
    }

    fn of_aws(value: &str) -> Grantee {
        let of = |kind: GranteeKind, value: &str| Grantee { kind, value: value.to_owned() };
        if is_account_id(value) {
            return of(GranteeKind::Account, value);
        }
        match (account_of_arn(value), value.ends_with(":root")) {
            // `…:root` in a policy is the account, not its root user.
            (Some(account), true) => of(GranteeKind::Account, account),
            (Some(_), false) => of(GranteeKind::Principal, value),
            (None, _) if value.starts_with("AROA") || value.starts_with("AIDA") => of(GranteeKind::UniqueId, value),
            (None, _) => of(GranteeKind::Other, value),
        }
    }

    /// The account, where the principal tells it. Users of an identity provider belong to none.
    pub fn account_id(&self) -> Option<&str> {
        match self.kind {
            GranteeKind::Account => Some(&self.value),
            GranteeKind::Principal => account_of_arn(&self.value),
            _ => None,
        }
    }

    /// For a reader.
    pub fn phrase(&self) -> String {
        let value = &self.value;
        match self.kind {
            GranteeKind::Everyone => "everyone".to_owned(),
            GranteeKind::Account => format!("account {value}"),
            GranteeKind::Principal => value.clone(),
            GranteeKind::UniqueId => format!("principal {value}"),
            GranteeKind::Federated => format!("users of the identity provider {value}"),
            GranteeKind::CanonicalUser => format!("the account with canonical user id {value}"),
            GranteeKind::Service => format!("the AWS service {value}"),
            GranteeKind::Other => format!("principal {value}"),
        }
    }
}

pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn account_of_arn(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(3).filter(|account| is_account_id(account))
}

pub(super) fn region_of_arn(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}

/// Why a finding does not tell everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// The analysis of the resource failed, with the code that Access Analyzer gives.
    Failed(String),
    /// Only the list of findings was saved, not the finding itself.
    NoDetails,
    /// The finding has more details than the pages that were saved.
    MoreDetails,
    /// A field is as long as Security Hub lets it be, so its end may be missing.
    Cut(&'static str),
}

impl Gap {
    /// For the reason of an undetermined finding.
    pub fn why(&self) -> String {
        match self {
            Gap::Failed(code) => format!("the analysis of the resource failed ({code}), so whom it lets in is unknown"),
            Gap::NoDetails => "the details of the finding were not provided, so whom it lets in is unknown".to_owned(),
            Gap::MoreDetails => "not all pages of the finding's details were provided, so it may let in others too".to_owned(),
            Gap::Cut(field) => format!("Security Hub cut the {field} of the finding, so it may be more than is shown"),
        }
    }

    pub fn settled_by(&self, id: &str) -> String {
        match self {
            Gap::Failed(_) => "an analyzer that may read the resource".to_owned(),
            Gap::NoDetails | Gap::MoreDetails => format!("get-finding-v2 of finding {id}"),
            Gap::Cut(_) => "the finding from IAM Access Analyzer".to_owned(),
        }
    }
}

/// One way in: a resource and whom it lets do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessFinding {
    /// The ids of the findings that tell it: one for each analyzer and region.
    pub ids: BTreeSet<String>,
    pub sources: BTreeSet<Source>,
    /// Of the analyzers. Roles are global, and every region's analyzer tells them.
    pub regions: BTreeSet<String>,
    /// `None` when no source tells it.
    pub status: Option<Status>,
    /// ARN.
    pub resource: String,
    pub resource_type: Option<String>,
    /// The owner.
    pub resource_account_id: Option<String>,
    /// `None` when nobody tells; a gap says why.
    pub grantee: Option<Grantee>,
    /// `None` when nobody tells.
    pub actions: Option<BTreeSet<String>>,
    /// Condition keys and values of the policy statement; the operator is not told. `None` when nobody tells them.
    pub conditions: Option<BTreeMap<String, String>>,
    pub is_public: Option<bool>,
    /// What grants it: `POLICY`, `BUCKET_ACL`, the ARN of an access point …; only buckets have it.
    pub granted_through: BTreeSet<String>,
    /// `APPLICABLE`, `FAILED_TO_EVALUATE_RCP`, `NOT_APPLICABLE`, `APPLIED`.
    pub resource_control_policy: Option<String>,
    /// RFC 3339.
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    pub gaps: BTreeSet<Gap>,
}

impl AccessFinding {
    /// Tells ways in to the same resource apart, the same in every run: whom, what, under which conditions.
    pub fn key(&self) -> String {
        let list = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let conditions = self.conditions.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>();
        match &self.grantee {
            Some(grantee) => format!(
                "{:?} {}|{}|{}",
                grantee.kind,
                grantee.value,
                self.actions.as_ref().map(list).unwrap_or_default(),
                conditions.join("&")
            ),
            None => list(&self.ids),
        }
    }
}

/// An analyzer of Access Analyzer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Analyzer {
    pub arn: String,
    /// `ORGANIZATION`, `ACCOUNT`, `ORGANIZATION_UNUSED_ACCESS` …
    pub analyzer_type: String,
    /// `ACTIVE`, `DISABLED` …
    pub status: String,
}

impl Analyzer {
    /// Does it look for access from outside, and does it run?
    pub fn finds_external_access(&self) -> bool {
        matches!(self.analyzer_type.as_str(), "ORGANIZATION" | "ACCOUNT") && self.status == "ACTIVE"
    }
}

/// All findings of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessFindings {
    /// Sorted by resource, then by whom it lets in.
    pub findings: Vec<AccessFinding>,
    /// Sorted by ARN.
    pub analyzers: Vec<Analyzer>,
    /// Regions whose findings the snapshot lists, even if there are none, by source.
    pub regions: BTreeMap<Source, BTreeSet<String>>,
    /// Regions that were asked for analyzers, even if they have none.
    pub asked_for_analyzers: BTreeSet<String>,
    /// Findings before those that tell the same were told once, by source.
    pub told: BTreeMap<Source, u64>,
}

impl AccessFindings {
    /// Does the region have an analyzer that looks for access from outside? `None`: nobody asked.
    pub fn has_analyzer(&self, region: &str) -> Option<bool> {
        let found = self
            .analyzers
            .iter()
            .any(|analyzer| analyzer.finds_external_access() && region_of_arn(&analyzer.arn) == Some(region));
        (found || self.asked_for_analyzers.contains(region)).then_some(found)
    }

    /// Are the findings of the region among those of the snapshot, from any source? `None`: files do not tell of which regions they are.
    pub fn tells_of(&self, region: &str) -> Option<bool> {
        let mut regions = self.regions.values().flatten().peekable();
        regions.peek()?;
        Some(regions.any(|of| of == region))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_as_access_analyzer_writes_them() {
        let kind = |principal_type: &str, value: &str| Grantee::new(principal_type, value).kind;
        assert_eq!(kind("AWS", "*"), GranteeKind::Everyone);
        assert_eq!(Grantee::new("AWS", "arn:aws:iam::111122223333:root"), Grantee::new("AWS", "111122223333"));
        assert_eq!(kind("AWS", "arn:aws-cn:iam::111122223333:role/a/b"), GranteeKind::Principal);
        assert_eq!(Grantee::new("AWS", "arn:aws:iam::111122223333:user/x").account_id(), Some("111122223333"));
        assert_eq!(kind("AWS", "AROAEXAMPLE"), GranteeKind::UniqueId);
        // A provider that an account of the organization registered says nothing about its users.
        assert_eq!(Grantee::new("Federated", "arn:aws:iam::111122223333:saml-provider/x").account_id(), None);
    }
}
