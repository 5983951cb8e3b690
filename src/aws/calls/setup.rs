//! What `setup` and `doctor` ask beyond the rest.

use super::{Call, Permission, needs, needs_if};
use crate::config::settings::aws::Purpose;

const WORKGROUP: &str = "arn:${partition}:athena:${region}:${account}:workgroup/${workgroup}";
const CATALOG: &str = "arn:${partition}:athena:${region}:${account}:datacatalog/${catalog}";
const GLUE_CATALOG: &str = "arn:${partition}:glue:${region}:${account}:catalog";
const GLUE_DATABASE: &str = "arn:${partition}:glue:${region}:${account}:database/${database}";
const GLUE_TABLE: &str = "arn:${partition}:glue:${region}:${account}:table/${database}/${table}";

const fn row(
    service: &'static str,
    operation: &'static str,
    permissions: &'static [Permission],
    purpose: Purpose,
    why: &'static str,
    commands: &'static [&'static str],
) -> Call {
    Call { service, operation, permissions, purpose, why, commands, paginated: false, writes: false }
}

pub const CREATE_WORK_GROUP: Call = Call {
    writes: true,
    ..row(
        "Athena",
        "CreateWorkGroup",
        &[needs("athena:CreateWorkGroup", WORKGROUP)],
        Purpose::Athena,
        "Creates the workgroup, unless there is one of its name.",
        &["setup athena --apply"],
    )
};

pub const START_QUERY_EXECUTION: Call = Call {
    writes: true,
    ..row(
        "Athena",
        "StartQueryExecution",
        &[
            needs("athena:StartQueryExecution", WORKGROUP),
            needs("glue:GetDatabase", GLUE_CATALOG),
            needs("glue:GetDatabase", GLUE_DATABASE),
            needs("glue:CreateDatabase", GLUE_CATALOG),
            needs("glue:CreateDatabase", GLUE_DATABASE),
            needs("glue:GetTable", GLUE_CATALOG),
            needs("glue:GetTable", GLUE_DATABASE),
            needs("glue:GetTable", GLUE_TABLE),
            needs("glue:CreateTable", GLUE_CATALOG),
            needs("glue:CreateTable", GLUE_DATABASE),
            needs("glue:CreateTable", GLUE_TABLE),
            needs("s3:GetBucketLocation", "arn:${partition}:s3:::${results_bucket}"),
            needs("s3:ListBucket", "arn:${partition}:s3:::${results_bucket}"),
            needs("s3:PutObject", "arn:${partition}:s3:::${results_bucket}/*"),
            needs("s3:GetBucketLocation", "arn:${partition}:s3:::${events_bucket}"),
            needs("s3:ListBucket", "arn:${partition}:s3:::${events_bucket}"),
            needs_if("kms:Decrypt", "${key}", "if the results are encrypted with a key of AWS KMS"),
            needs_if("kms:GenerateDataKey", "${key}", "if the results are encrypted with a key of AWS KMS"),
        ],
        Purpose::Athena,
        "Creates the database and the tables, by statements that do nothing where they exist. Nothing is dropped or changed.",
        &["setup athena --apply"],
    )
};

pub const GET_QUERY_EXECUTION: Call = row(
    "Athena",
    "GetQueryExecution",
    &[needs("athena:GetQueryExecution", WORKGROUP)],
    Purpose::Athena,
    "Whether the statements that create succeeded.",
    &["setup athena --apply"],
);

pub const GET_WORK_GROUP: Call = row(
    "Athena",
    "GetWorkGroup",
    &[needs("athena:GetWorkGroup", WORKGROUP)],
    Purpose::Athena,
    "Whether the workgroup exists, and how it differs from what was asked for.",
    &["setup athena --apply", "doctor"],
);

pub const GET_DATABASE: Call = row(
    "Athena",
    "GetDatabase",
    &[needs("athena:GetDatabase", CATALOG), needs("glue:GetDatabase", GLUE_CATALOG), needs("glue:GetDatabase", GLUE_DATABASE)],
    Purpose::Athena,
    "Whether the database exists.",
    &["setup athena --apply"],
);

pub const LIST_TABLE_METADATA: Call = Call {
    paginated: true,
    ..row(
        "Athena",
        "ListTableMetadata",
        &[
            needs("athena:ListTableMetadata", CATALOG),
            needs("glue:GetDatabase", GLUE_CATALOG),
            needs("glue:GetDatabase", GLUE_DATABASE),
            needs("glue:GetTables", GLUE_CATALOG),
            needs("glue:GetTables", GLUE_DATABASE),
            needs("glue:GetTables", "arn:${partition}:glue:${region}:${account}:table/${database}/*"),
        ],
        Purpose::Athena,
        "Finds the tables of CloudTrail that exist, and how they are laid out.",
        &["setup athena --detect", "setup athena --apply", "doctor"],
    )
};

pub const DESCRIBE_CONFIGURATION_AGGREGATORS: Call = Call {
    paginated: true,
    ..row(
        "Config",
        "DescribeConfigurationAggregators",
        &[needs("config:DescribeConfigurationAggregators", "*")],
        Purpose::Config,
        "Which aggregators there are, and whether they cover the organization and all regions.",
        &["doctor"],
    )
};

pub const DESCRIBE_CONFIGURATION_AGGREGATOR_SOURCES_STATUS: Call = Call {
    paginated: true,
    ..row(
        "Config",
        "DescribeConfigurationAggregatorSourcesStatus",
        &[needs("config:DescribeConfigurationAggregatorSourcesStatus", "*")],
        Purpose::Config,
        "Which accounts and regions send nothing to the aggregator, and why.",
        &["doctor"],
    )
};

pub const LIST_ANALYZERS: Call = Call {
    paginated: true,
    ..row(
        "AccessAnalyzer",
        "ListAnalyzers",
        &[needs("access-analyzer:ListAnalyzers", "*")],
        Purpose::AccessAnalyzer,
        "Whether an analyzer of the organization is active in each enabled region.",
        &["doctor"],
    )
};

pub const LIST_REGIONS: Call = Call {
    paginated: true,
    ..row(
        "Account",
        "ListRegions",
        &[needs("account:ListRegions", "*")],
        Purpose::Organizations,
        "Which regions are enabled, and so should have an analyzer.",
        &["doctor"],
    )
};

pub const ALL: &[&Call] = &[
    &CREATE_WORK_GROUP,
    &START_QUERY_EXECUTION,
    &GET_QUERY_EXECUTION,
    &GET_WORK_GROUP,
    &GET_DATABASE,
    &LIST_TABLE_METADATA,
    &DESCRIBE_CONFIGURATION_AGGREGATORS,
    &DESCRIBE_CONFIGURATION_AGGREGATOR_SOURCES_STATUS,
    &LIST_ANALYZERS,
    &LIST_REGIONS,
];
