//! Statements on Athena.

use super::{Call, Permission, needs, needs_if};
use crate::config::settings::aws::Purpose;

const WORKGROUP: &str = "arn:${partition}:athena:${region}:${account}:workgroup/${workgroup}";
const CATALOG: &str = "arn:${partition}:athena:${region}:${account}:datacatalog/${catalog}";
const GLUE_CATALOG: &str = "arn:${partition}:glue:${region}:${account}:catalog";
const GLUE_DATABASE: &str = "arn:${partition}:glue:${region}:${account}:database/${database}";
const GLUE_TABLE: &str = "arn:${partition}:glue:${region}:${account}:table/${database}/${table}";

const fn row(operation: &'static str, permissions: &'static [Permission], why: &'static str, paginated: bool) -> Call {
    Call {
        service: "Athena",
        operation,
        permissions,
        purpose: Purpose::Athena,
        why,
        commands: &["run", "whatif", "doctor"],
        paginated,
        writes: false,
    }
}

pub const GET_WORK_GROUP: Call = row(
    "GetWorkGroup",
    &[needs("athena:GetWorkGroup", WORKGROUP)],
    "Where the workgroup writes results, and whether it lets a statement say otherwise.",
    false,
);

pub const GET_TABLE_METADATA: Call = row(
    "GetTableMetadata",
    &[
        needs("athena:GetTableMetadata", CATALOG),
        needs("glue:GetDatabase", GLUE_CATALOG),
        needs("glue:GetDatabase", GLUE_DATABASE),
        needs("glue:GetTable", GLUE_CATALOG),
        needs("glue:GetTable", GLUE_DATABASE),
        needs("glue:GetTable", GLUE_TABLE),
    ],
    "The columns and partitions of the tables of CloudTrail.",
    false,
);

pub const START_QUERY_EXECUTION: Call = Call {
    writes: true,
    ..row(
        "StartQueryExecution",
        &[
            needs("athena:StartQueryExecution", WORKGROUP),
            needs("glue:GetPartitions", GLUE_CATALOG),
            needs("glue:GetPartitions", GLUE_DATABASE),
            needs("glue:GetPartitions", GLUE_TABLE),
            needs("s3:GetBucketLocation", "arn:${partition}:s3:::${results_bucket}"),
            needs("s3:ListBucket", "arn:${partition}:s3:::${results_bucket}"),
            needs("s3:ListBucketMultipartUploads", "arn:${partition}:s3:::${results_bucket}"),
            needs("s3:ListMultipartUploadParts", "arn:${partition}:s3:::${results_bucket}/*"),
            needs("s3:AbortMultipartUpload", "arn:${partition}:s3:::${results_bucket}/*"),
            needs("s3:GetObject", "arn:${partition}:s3:::${results_bucket}/*"),
            needs("s3:PutObject", "arn:${partition}:s3:::${results_bucket}/*"),
            needs("s3:ListBucket", "arn:${partition}:s3:::${events_bucket}"),
            needs("s3:GetObject", "arn:${partition}:s3:::${events_bucket}/*"),
            needs_if(
                "lakeformation:GetDataAccess",
                "*",
                "if Lake Formation governs the tables, as it does those of Security Lake and CloudTrail Lake",
            ),
            needs_if("kms:Decrypt", "${key}", "if the trail or the results are encrypted with a key of AWS KMS"),
            needs_if("kms:GenerateDataKey", "${key}", "if the results are encrypted with a key of AWS KMS"),
        ],
        "Scans the tables: one statement for a group of accounts and days. Athena reads the logs and writes the result with the \
         permissions of the caller.",
        false,
    )
};

pub const GET_QUERY_EXECUTION: Call = row(
    "GetQueryExecution",
    &[needs("athena:GetQueryExecution", WORKGROUP)],
    "How far a statement is, what it scanned, and where its result is.",
    false,
);

pub const GET_QUERY_RESULTS: Call = row(
    "GetQueryResults",
    &[needs("athena:GetQueryResults", WORKGROUP), needs("s3:GetObject", "arn:${partition}:s3:::${results_bucket}/*")],
    "The rows of a small result.",
    true,
);

pub const STOP_QUERY_EXECUTION: Call = Call {
    writes: true,
    ..row(
        "StopQueryExecution",
        &[needs("athena:StopQueryExecution", WORKGROUP)],
        "Cancels statements when a run is interrupted, fails, or scans more than it may.",
        false,
    )
};

pub const ALL: &[&Call] = &[
    &GET_WORK_GROUP,
    &GET_TABLE_METADATA,
    &START_QUERY_EXECUTION,
    &GET_QUERY_EXECUTION,
    &GET_QUERY_RESULTS,
    &STOP_QUERY_EXECUTION,
];
