//! What the inventory is collected with: AWS Organizations, the AWS Config aggregator, and external-access findings.

use super::{Call, Permission, needs};
use crate::config::settings::aws::Purpose;

const COMMANDS: &[&str] = &["inventory export", "run"];

const fn row(
    service: &'static str,
    operation: &'static str,
    permissions: &'static [Permission],
    purpose: Purpose,
    paginated: bool,
    why: &'static str,
) -> Call {
    Call { service, operation, permissions, purpose, why, commands: COMMANDS, paginated, writes: false }
}

pub const DESCRIBE_ORGANIZATION: Call = row(
    "Organizations",
    "DescribeOrganization",
    &[needs("organizations:DescribeOrganization", "*")],
    Purpose::Organizations,
    false,
    "Names the organization and its management account; a snapshot of another organization is never used again.",
);

pub const LIST_ACCOUNTS: Call = row(
    "Organizations",
    "ListAccounts",
    &[needs("organizations:ListAccounts", "*")],
    Purpose::Organizations,
    true,
    "Says which accounts are inside the organization.",
);

pub const LIST_ROOTS: Call = row(
    "Organizations",
    "ListRoots",
    &[needs("organizations:ListRoots", "*")],
    Purpose::Organizations,
    true,
    "Begins the tree of organizational units.",
);

pub const LIST_ORGANIZATIONAL_UNITS_FOR_PARENT: Call = row(
    "Organizations",
    "ListOrganizationalUnitsForParent",
    &[needs("organizations:ListOrganizationalUnitsForParent", "*")],
    Purpose::Organizations,
    true,
    "Reads the tree of organizational units, parent by parent.",
);

pub const LIST_CHILDREN: Call = row(
    "Organizations",
    "ListChildren",
    &[needs("organizations:ListChildren", "*")],
    Purpose::Organizations,
    true,
    "Says in which organizational unit an account sits, where the list of accounts does not.",
);

pub const LIST_POLICIES: Call = row(
    "Organizations",
    "ListPolicies",
    &[needs("organizations:ListPolicies", "*")],
    Purpose::Organizations,
    true,
    "Lists the service control policies and the resource control policies.",
);

pub const DESCRIBE_POLICY: Call = row(
    "Organizations",
    "DescribePolicy",
    &[needs("organizations:DescribePolicy", "*")],
    Purpose::Organizations,
    false,
    "Reads the document of a policy.",
);

pub const LIST_TARGETS_FOR_POLICY: Call = row(
    "Organizations",
    "ListTargetsForPolicy",
    &[needs("organizations:ListTargetsForPolicy", "*")],
    Purpose::Organizations,
    true,
    "Says what a policy is attached to.",
);

pub const LIST_TAGS_FOR_RESOURCE: Call = Call {
    commands: &["inventory export --account-tags"],
    ..row(
        "Organizations",
        "ListTagsForResource",
        &[needs("organizations:ListTagsForResource", "*")],
        Purpose::Organizations,
        true,
        "Reads the tags of accounts, when asked to.",
    )
};

pub const LIST_REGIONS: Call = row(
    "Account",
    "ListRegions",
    &[needs("account:ListRegions", "*")],
    Purpose::Organizations,
    true,
    "Says which regions are enabled, so that one that the aggregator or the analyzers leave out is noticed.",
);

pub const DESCRIBE_CONFIGURATION_AGGREGATORS: Call = row(
    "Config",
    "DescribeConfigurationAggregators",
    &[needs("config:DescribeConfigurationAggregators", "*")],
    Purpose::Config,
    true,
    "Finds the aggregator, and the regions and types that it collects.",
);

pub const DESCRIBE_CONFIGURATION_AGGREGATOR_SOURCES_STATUS: Call = row(
    "Config",
    "DescribeConfigurationAggregatorSourcesStatus",
    &[needs("config:DescribeConfigurationAggregatorSourcesStatus", "*")],
    Purpose::Config,
    true,
    "Finds accounts and regions whose resources the aggregator could not fetch.",
);

pub const GET_AGGREGATE_DISCOVERED_RESOURCE_COUNTS: Call = row(
    "Config",
    "GetAggregateDiscoveredResourceCounts",
    &[needs("config:GetAggregateDiscoveredResourceCounts", "*")],
    Purpose::Config,
    true,
    "Finds accounts without any resource, splits large types, and checks that no row is lost.",
);

pub const SELECT_AGGREGATE_RESOURCE_CONFIG: Call = row(
    "Config",
    "SelectAggregateResourceConfig",
    &[needs("config:SelectAggregateResourceConfig", "*")],
    Purpose::Config,
    true,
    "Reads roles, VPC endpoints, buckets and other resources of all accounts.",
);

pub const LIST_ANALYZERS: Call = row(
    "AccessAnalyzer",
    "ListAnalyzers",
    &[needs("access-analyzer:ListAnalyzers", "*")],
    Purpose::AccessAnalyzer,
    true,
    "Finds the analyzers of the organization in a region.",
);

pub const LIST_FINDINGS_V2: Call = row(
    "AccessAnalyzer",
    "ListFindingsV2",
    &[needs("access-analyzer:ListFindings", "arn:${partition}:access-analyzer:*:*:analyzer/*")],
    Purpose::AccessAnalyzer,
    true,
    "Lists what is open to principals outside the organization.",
);

pub const GET_FINDING_V2: Call = row(
    "AccessAnalyzer",
    "GetFindingV2",
    &[needs("access-analyzer:GetFinding", "arn:${partition}:access-analyzer:*:*:analyzer/*")],
    Purpose::AccessAnalyzer,
    true,
    "Reads whom a finding lets in, and what they may do.",
);

pub const GET_FINDINGS: Call = row(
    "SecurityHub",
    "GetFindings",
    &[needs("securityhub:GetFindings", "*")],
    Purpose::SecurityHub,
    true,
    "Reads the findings of IAM Access Analyzer where Security Hub gathers them.",
);

pub const ALL: &[&Call] = &[
    &DESCRIBE_ORGANIZATION,
    &LIST_ACCOUNTS,
    &LIST_ROOTS,
    &LIST_ORGANIZATIONAL_UNITS_FOR_PARENT,
    &LIST_CHILDREN,
    &LIST_POLICIES,
    &DESCRIBE_POLICY,
    &LIST_TARGETS_FOR_POLICY,
    &LIST_TAGS_FOR_RESOURCE,
    &LIST_REGIONS,
    &DESCRIBE_CONFIGURATION_AGGREGATORS,
    &DESCRIBE_CONFIGURATION_AGGREGATOR_SOURCES_STATUS,
    &GET_AGGREGATE_DISCOVERED_RESOURCE_COUNTS,
    &SELECT_AGGREGATE_RESOURCE_CONFIG,
    &LIST_ANALYZERS,
    &LIST_FINDINGS_V2,
    &GET_FINDING_V2,
    &GET_FINDINGS,
];
