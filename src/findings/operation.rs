//! Resources and operations as findings and records name them.

use std::collections::BTreeSet;

use crate::pattern::Pattern;

/// The resource types that external-access analyzers look at
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-resources.html>).
pub const ANALYZED: &[&str] = &[
    "AWS::DynamoDB::Stream",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Snapshot",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::RDS::DBClusterSnapshot",
    "AWS::RDS::DBSnapshot",
    "AWS::S3::Bucket",
    "AWS::S3Express::DirectoryBucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
];

/// S3 operations that another action allows
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>).
const S3: &[(&str, &[&str])] = &[
    ("AbortMultipartUpload", &["AbortMultipartUpload"]),
    ("CompleteMultipartUpload", &["PutObject"]),
    ("CopyObject", &["PutObject", "GetObject", "GetObjectVersion"]),
    ("CreateMultipartUpload", &["PutObject"]),
    ("DeleteObject", &["DeleteObject", "DeleteObjectVersion"]),
    ("DeleteObjects", &["DeleteObject", "DeleteObjectVersion"]),
    ("GetObject", &["GetObject", "GetObjectVersion"]),
    ("HeadBucket", &["ListBucket"]),
    ("HeadObject", &["GetObject", "GetObjectVersion"]),
    ("ListMultipartUploads", &["ListBucketMultipartUploads"]),
    ("ListObjects", &["ListBucket"]),
    ("ListObjectsV2", &["ListBucket"]),
    ("ListObjectVersions", &["ListBucketVersions"]),
    ("ListParts", &["ListMultipartUploadParts"]),
    ("SelectObjectContent", &["GetObject"]),
    ("UploadPart", &["PutObject"]),
    ("UploadPartCopy", &["PutObject", "GetObject", "GetObjectVersion"]),
];

/// The resource that a policy is attached to: the bucket of an object, the function of a version.
pub(super) fn whole(arn: &str) -> &str {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, resource) = (parts.next(), parts.nth(2));
    let Some(resource) = resource else { return arn };
    let end = match service {
        Some("s3") => resource.find('/').filter(|_| !resource.starts_with("accesspoint/")),
        Some("lambda") => {
            let mut colons = resource.match_indices(':').skip(1).map(|(at, _)| at);
            colons.next().filter(|_| resource.starts_with("function:"))
        }
        Some("dynamodb") => resource
            .find("/index/")
            .or_else(|| resource.match_indices('/').nth(1).map(|(at, _)| at).filter(|_| !resource.contains("/stream/"))),
        _ => None,
    };
    end.and_then(|end| arn.get(..arn.len() - resource.len() + end)).unwrap_or(arn)
}

/// The type of a resource, from the record or else from its ARN.
pub(super) fn type_of<'a>(arn: &'a str, recorded: Option<&'a str>) -> Option<&'a str> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, resource) = (parts.next()?, parts.nth(2)?);
    let kind = resource.split(['/', ':']).next().unwrap_or(resource);
    Some(match (service, kind) {
        ("s3", name) if !matches!(name, "accesspoint" | "storage-lens" | "job") => "AWS::S3::Bucket",
        ("s3express", "bucket") => "AWS::S3Express::DirectoryBucket",
        ("iam", "role") => "AWS::IAM::Role",
        ("kms", "key") => "AWS::KMS::Key",
        ("lambda", "function") => "AWS::Lambda::Function",
        ("lambda", "layer") => "AWS::Lambda::LayerVersion",
        ("sqs", _) => "AWS::SQS::Queue",
        ("sns", _) => "AWS::SNS::Topic",
        ("secretsmanager", "secret") => "AWS::SecretsManager::Secret",
        ("ecr", "repository") => "AWS::ECR::Repository",
        ("dynamodb", "table") if resource.contains("/stream/") => "AWS::DynamoDB::Stream",
        ("dynamodb", "table") => "AWS::DynamoDB::Table",
        ("elasticfilesystem", "file-system") => "AWS::EFS::FileSystem",
        _ => return recorded,
    })
}

/// Does a finding's list of actions allow the operation? Without a list: perhaps, so yes.
pub(super) fn is_granted(actions: Option<&BTreeSet<String>>, event_source: &str, event_name: &str) -> bool {
    let Some(actions) = actions.filter(|actions| !actions.is_empty()) else { return true };
    let service = event_source.split('.').next().unwrap_or(event_source);
    // Names of AWS Lambda carry the version of the interface: AddPermission20150331v2.
    let plain = event_name
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .trim_end_matches('v')
        .trim_end_matches(|c: char| c.is_ascii_digit());
    let plain = if service == "lambda" && !plain.is_empty() { plain } else { event_name };
    let of_s3 = S3.iter().find(|(name, _)| service == "s3" && *name == plain).map(|(_, actions)| *actions);
    let one = [plain];
    let names: &[&str] = of_s3.unwrap_or(&one);
    actions.iter().any(|action| {
        let Some((prefix, operation)) = action.split_once(':') else { return action == "*" };
        let pattern = Pattern::new(operation.to_ascii_lowercase());
        prefix.eq_ignore_ascii_case(service) && names.iter().any(|name| pattern.matches(&name.to_ascii_lowercase()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_that_has_the_policy() {
        assert_eq!(whole("arn:aws:s3:::bucket/a/b"), "arn:aws:s3:::bucket");
        assert_eq!(whole("arn:aws:s3:eu-west-1:111122223333:accesspoint/x"), "arn:aws:s3:eu-west-1:111122223333:accesspoint/x");
        assert_eq!(whole("arn:aws:lambda:eu-west-1:1:function:f:live"), "arn:aws:lambda:eu-west-1:1:function:f");
        assert_eq!(whole("arn:aws:dynamodb:eu-west-1:1:table/t/index/i"), "arn:aws:dynamodb:eu-west-1:1:table/t");
        assert_eq!(whole("arn:aws:dynamodb:eu-west-1:1:table/t/stream/s"), "arn:aws:dynamodb:eu-west-1:1:table/t/stream/s");
        assert_eq!(whole("arn:aws:iam::1:role/a/b"), "arn:aws:iam::1:role/a/b");
        assert_eq!(whole("not an arn"), "not an arn");
    }

    #[test]
    fn an_operation_is_granted_under_the_name_of_its_action() {
        let actions = |list: &[&str]| Some(list.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>());
        let granted = |list: &[&str], source: &str, name: &str| is_granted(actions(list).as_ref(), source, name);
        assert!(granted(&["s3:GetObject"], "s3.amazonaws.com", "HeadObject"));
        assert!(granted(&["s3:ListBucket"], "s3.amazonaws.com", "ListObjectsV2"));
        assert!(!granted(&["s3:ListBucket"], "s3.amazonaws.com", "GetObject"));
        assert!(granted(&["s3:*"], "s3.amazonaws.com", "GetObject"));
        assert!(granted(&["lambda:AddPermission"], "lambda.amazonaws.com", "AddPermission20150331v2"));
        assert!(granted(&["sts:AssumeRole"], "sts.amazonaws.com", "AssumeRole"));
        assert!(!granted(&["sts:AssumeRole"], "sts.amazonaws.com", "AssumeRoleWithSAML"));
        assert!(is_granted(None, "kms.amazonaws.com", "Decrypt"));
    }
}
