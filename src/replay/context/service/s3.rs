//! Keys of Amazon S3: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html>.

use serde_json::Value;

use super::super::super::s3 as operations;
use super::super::super::scene::{Parameters, Scene};
use super::super::{Known, Pair, absent, one_of, present, present_all, some_value, unknown};
use super::{parameter_if_sent, texts};

/// Headers that CloudTrail does not record.
const NOT_RECORDED: [&str; 2] = ["x-amz-content-sha256", "if-none-match"];

pub(super) fn value(scene: &Scene<'_>, pair: Pair<'_, '_>, name: &str) -> Option<Known> {
    match name {
        "prefix" | "delimiter" | "max-keys" => parameter_if_sent(scene, name),
        "versionid" => parameter_if_sent(scene, "versionId"),
        "authtype" => auth_type(scene),
        "signatureversion" => match scene.additional("SignatureVersion") {
            Some("SigV4") => present("AWS4-HMAC-SHA256", "from additionalEventData.SignatureVersion"),
            Some("SigV2") => present("AWS", "from additionalEventData.SignatureVersion"),
            Some("SigV4A") => present("AWS4-ECDSA-P256-SHA256", "from additionalEventData.SignatureVersion"),
            _ => unknown("the record does not tell how the request was signed"),
        },
        "signatureage" => match scene.additional("AuthenticationMethod") {
            Some("AuthHeader") => absent("only presigned requests have it"),
            _ => unknown("the age of the signature is not recorded"),
        },
        "tlsversion" => tls_version(scene),
        "locationconstraint" => {
            match scene.parameter("CreateBucketConfiguration").and_then(|own| own.get("LocationConstraint")) {
                Some(value) => present_all(texts(value)?, "from requestParameters.CreateBucketConfiguration"),
                None if pair.needed.is("s3", "CreateBucket") => absent("the request names no location"),
                None => None,
            }
        }
        "dataaccesspointarn" | "dataaccesspointaccount" | "accesspointnetworkorigin" => access_point(scene, name),
        "object-lock-mode" => parameter_if_sent(scene, "x-amz-object-lock-mode"),
        "object-lock-legal-hold" => parameter_if_sent(scene, "x-amz-object-lock-legal-hold"),
        "object-lock-retain-until-date" => parameter_if_sent(scene, "x-amz-object-lock-retain-until-date"),
        "object-lock-remaining-retention-days" => unknown("the retention of the object is not recorded"),
        "x-amz-server-side-encryption" | "x-amz-server-side-encryption-aws-kms-key-id" => encryption(scene, name),
        _ if NOT_RECORDED.contains(&name) => unknown("CloudTrail does not record the header"),
        _ if name.starts_with("x-amz-") => header(scene, name),
        _ if name.starts_with("existingobjecttag/") => unknown("the tags of objects are not recorded"),
        _ => match name.strip_prefix("requestobjecttag/") {
            Some(tag) => object_tag(scene, Some(tag)),
            None if name == "requestobjecttagkeys" => object_tag(scene, None),
            None => None,
        },
    }
}

fn header(scene: &Scene<'_>, name: &str) -> Option<Known> {
    parameter_if_sent(scene, name)
}

fn encryption(scene: &Scene<'_>, name: &str) -> Option<Known> {
    let sent = parameter_if_sent(scene, name)?;
    // S3 says what it did: `Default_SSE_S3` means that the request did not ask.
    let applied = scene.additional("SSEApplied").unwrap_or_default();
    let asked = !applied.is_empty() && !applied.starts_with("Default") && applied != "None" && scene.parameter(name).is_none();
    if asked && name == "x-amz-server-side-encryption" {
        let value = if applied.contains("KMS") { "aws:kms" } else { "AES256" };
        return one_of(&[value], true, "the record does not show the header, but what encryption was applied");
    }
    Some(sent)
}

fn auth_type(scene: &Scene<'_>) -> Option<Known> {
    match scene.additional("AuthenticationMethod") {
        Some("AuthHeader") => present("REST-HEADER", "from additionalEventData.AuthenticationMethod"),
        Some("QueryString") => present("REST-QUERY-STRING", "from additionalEventData.AuthenticationMethod"),
        Some("POST" | "PostForm" | "HTMLForm") => present("POST", "from additionalEventData.AuthenticationMethod"),
        _ => unknown("the record does not tell how the request was authenticated"),
    }
}

fn tls_version(scene: &Scene<'_>) -> Option<Known> {
    if let Some(version) = scene.call.tls_version.as_deref() {
        let number = version.trim_start_matches("TLSv");
        return present(number, "from tlsDetails.tlsVersion");
    }
    match scene.additional("CipherSuite") {
        Some(suite) if suite.starts_with("TLS_AES") || suite.starts_with("TLS_CHACHA20") => {
            present("1.3", "from additionalEventData.CipherSuite: a suite of TLS 1.3 only")
        }
        Some(suite) if suite.contains("GCM") || suite.contains("SHA256") || suite.contains("SHA384") => {
            present("1.2", "from additionalEventData.CipherSuite: a suite of TLS 1.2 only")
        }
        Some(_) => one_of(&["1", "1.0", "1.1", "1.2"], false, "the cipher suite leaves several versions of TLS"),
        None => unknown("the record does not tell the version of TLS"),
    }
}

fn access_point(scene: &Scene<'_>, name: &str) -> Option<Known> {
    let Some(bucket) = operations::bucket(scene) else { return absent("the request names no access point") };
    if operations::is_access_point_alias(bucket) {
        return some_value("the request names an access point by its alias");
    }
    if !bucket.starts_with("arn:") {
        let host = scene.text("Host").unwrap_or_default();
        if host.contains("s3-accesspoint") {
            return some_value("the request names an access point by its host name");
        }
        return absent("the request names no access point");
    }
    match name {
        "dataaccesspointarn" => present(bucket, "from requestParameters.bucketName"),
        "dataaccesspointaccount" => match crate::events::rows::account_of_arn(bucket) {
            Some(account) => present(account, "from requestParameters.bucketName"),
            None => some_value("the ARN of the access point names no account"),
        },
        _ => one_of(&["Internet", "VPC"], false, "the record does not tell where the access point takes requests from"),
    }
}

/// Tags of an object that a request sets: in the header, which is not recorded, or in the body of PutObjectTagging. `false`: these
/// are not all.
pub(in super::super) fn request_object_tags(scene: &Scene<'_>) -> Option<(Vec<(String, String)>, bool)> {
    // `tagging` alone is the name of the operation in the query string.
    let is_empty = |value: &&Value| value.as_str().is_some_and(str::is_empty);
    let value = scene.parameter("Tagging").filter(|value| !is_empty(value)).or_else(|| scene.parameter("x-amz-tagging"))?;
    let mut pairs = Vec::new();
    let complete = super::super::super::tags::pairs_of(value, &mut |key, value| pairs.push((key.to_owned(), value.to_owned())));
    Some((pairs, complete))
}

fn object_tag(scene: &Scene<'_>, tag: Option<&str>) -> Option<Known> {
    let Some((pairs, complete)) = request_object_tags(scene) else {
        return match (&scene.parameters, scene.event_name()) {
            (Parameters::Known(_), "PutObject" | "CopyObject" | "CreateMultipartUpload" | "PutObjectTagging") => {
                unknown("CloudTrail does not record the tags that are sent with an object")
            }
            _ => unknown("the record does not show tags of the object"),
        };
    };
    match tag {
        None if complete => present_all(pairs.into_iter().map(|(key, _)| key).collect(), "from requestParameters.Tagging"),
        Some(tag) => match pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(tag)) {
            Some((_, value)) => present(value, "from requestParameters.Tagging"),
            None if complete => absent("the request does not set the tag"),
            None => unknown("some tags of the request cannot be read"),
        },
        None => unknown("some tags of the request cannot be read"),
    }
}
