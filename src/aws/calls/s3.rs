//! Objects of CloudTrail, and of query results.

use super::{Call, needs, needs_if};
use crate::config::settings::aws::Purpose;

pub const LIST_OBJECTS: Call = Call {
    service: "S3",
    operation: "ListObjectsV2",
    permissions: &[needs("s3:ListBucket", "arn:${partition}:s3:::${events_bucket}")],
    purpose: Purpose::S3,
    why: "Finds the log files of the accounts and days asked for, and estimates what a statement would scan.",
    commands: &["run", "sql", "whatif", "doctor"],
    paginated: true,
    writes: false,
};

pub const GET_OBJECT: Call = Call {
    service: "S3",
    operation: "GetObject",
    permissions: &[
        needs("s3:GetObject", "arn:${partition}:s3:::${events_bucket}/*"),
        needs_if("kms:Decrypt", "${key}", "if the trail is encrypted with a key of AWS KMS"),
    ],
    purpose: Purpose::S3,
    why: "Reads log files where S3 is the source of events.",
    commands: &["run", "sql", "whatif"],
    paginated: false,
    writes: false,
};

pub const GET_RESULT: Call = Call {
    service: "S3",
    operation: "GetObject",
    permissions: &[
        needs("s3:GetObject", "arn:${partition}:s3:::${results_bucket}/*"),
        needs_if("kms:Decrypt", "${key}", "if the workgroup encrypts results with a key of AWS KMS"),
    ],
    purpose: Purpose::Athena,
    why: "Reads the manifest and the files that a statement on Athena wrote.",
    commands: &["run", "whatif"],
    paginated: false,
    writes: false,
};

pub const ALL: &[&Call] = &[&LIST_OBJECTS, &GET_OBJECT, &GET_RESULT];
