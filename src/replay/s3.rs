//! Amazon S3: operations and actions differ more than anywhere else, and headers decide which permissions are needed.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>, the table of API operations, and
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>.

use std::borrow::Cow;

use super::action::{Needed, Target, by_operations};
use super::scene::{Parameters, Scene};

/// Operations on objects whose action has another name with a version id.
const VERSIONED: [(&str, &str); 9] = [
    ("GetObject", "GetObjectVersion"),
    ("GetObjectAcl", "GetObjectVersionAcl"),
    ("GetObjectTagging", "GetObjectVersionTagging"),
    ("GetObjectTorrent", "GetObjectVersionTorrent"),
    ("GetObjectAttributes", "GetObjectVersionAttributes"),
    ("DeleteObject", "DeleteObjectVersion"),
    ("DeleteObjectTagging", "DeleteObjectVersionTagging"),
    ("PutObjectAcl", "PutObjectVersionAcl"),
    ("PutObjectTagging", "PutObjectVersionTagging"),
];

/// Operations on objects in directory buckets: the session is what is authorized.
const EXPRESS_OBJECT: [&str; 14] = [
    "GetObject",
    "HeadObject",
    "PutObject",
    "DeleteObject",
    "DeleteObjects",
    "CopyObject",
    "ListObjectsV2",
    "ListObjects",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "RenameObject",
];

/// The bucket of the request: its name, or the ARN or alias of an access point.
pub(super) fn bucket<'s>(scene: &'s Scene<'_>) -> Option<&'s str> {
    scene.text("bucketName").or_else(|| scene.text("bucket"))
}

fn key<'s>(scene: &'s Scene<'_>) -> Option<&'s str> {
    scene.text("key")
}

/// A header or query parameter of the request. CloudTrail writes them as they were sent.
fn header(scene: &Scene<'_>, name: &str) -> bool {
    scene.has(name)
}

fn any_header(scene: &Scene<'_>, start: &str) -> bool {
    let Parameters::Known(parameters) = &scene.parameters else { return false };
    let matches = |name: &String| name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start));
    parameters.as_object().is_some_and(|object| object.keys().any(matches))
}

/// The source of a copy: bucket, key and whether a version is named.
fn copy_source(scene: &Scene<'_>) -> Option<(String, String, bool)> {
    let source = scene.text("x-amz-copy-source")?;
    let (path, query) = source.split_once('?').unwrap_or((source, ""));
    let path = percent_decoded(path.trim_start_matches('/'));
    let (bucket, key) = match path.split_once("/object/") {
        Some((access_point, key)) if access_point.starts_with("arn:") => (access_point, key),
        _ => path.split_once('/')?,
    };
    Some((bucket.to_owned(), key.to_owned(), query.contains("versionId=")))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The actions of an S3 operation.
pub(super) fn actions<'a>(scene: &Scene<'a>, prefix: &'a str, event: &'a str) -> Vec<Needed<'a>> {
    match prefix {
        "s3express" => return express(scene, event),
        "s3-outposts" => return outposts(scene, event),
        _ => {}
    }
    let table = |action: &str| Needed::named(scene, "s3", action).from("from eventName, by AWS's table of S3 operations");
    let versioned = |action: &'static str| {
        let with_version = header(scene, "versionId").then(|| VERSIONED.iter().find(|(plain, _)| *plain == action)).flatten();
        table(with_version.map_or(action, |(_, versioned)| versioned))
    };
    match event {
        "GetObject" | "SelectObjectContent" | "HeadObject" => {
            let mut needed = vec![versioned("GetObject")];
            if scene.call.error_code.as_deref() == Some("NoSuchKey") {
                let why = "whether an object exists is only told to who may list the bucket";
                needed.push(bucket_action(scene, "ListBucket").maybe().because(why));
            }
            needed
        }
        "GetObjectTorrent" => vec![versioned("GetObjectTorrent")],
        "GetObjectAttributes" => {
            vec![versioned("GetObject"), versioned("GetObjectAttributes").because("GetObjectAttributes needs both")]
        }
        "GetObjectAcl" => vec![versioned("GetObjectAcl")],
        "GetObjectTagging" => vec![versioned("GetObjectTagging")],
        "DeleteObjectTagging" => vec![versioned("DeleteObjectTagging")],
        "PutObjectAcl" => vec![versioned("PutObjectAcl")],
        "PutObjectTagging" => vec![versioned("PutObjectTagging")],
        "DeleteObject" => bypass(scene, vec![versioned("DeleteObject")]),
        "PutObjectRetention" => bypass(scene, vec![table("PutObjectRetention")]),
        "DeleteObjects" => {
            let mut needed = vec![table("DeleteObject")];
            if !header(scene, "key") {
                let why = "DeleteObjects deletes versions where the request names them, which the record does not show";
                needed.push(table("DeleteObjectVersion").maybe().because(why));
            }
            bypass(scene, needed)
        }
        "PutObject" | "PostObject" | "CreateMultipartUpload" | "InitiateMultipartUpload" => {
            with_headers(scene, vec![table("PutObject")])
        }
        "UploadPart" | "CompleteMultipartUpload" => vec![table("PutObject")],
        "CopyObject" => copy(scene, true),
        "UploadPartCopy" => copy(scene, false),
        "ListObjects" | "ListObjectsV2" | "HeadBucket" => vec![table("ListBucket")],
        "CreateBucket" => create_bucket(scene),
        "GetPublicAccessBlock" | "PutPublicAccessBlock" | "DeletePublicAccessBlock" => {
            let level = if bucket(scene).is_some() { "Bucket" } else { "Account" };
            let verb = if event.starts_with("Get") { "Get" } else { "Put" };
            vec![table(&format!("{verb}{level}PublicAccessBlock"))]
        }
        _ => by_table(scene, event),
    }
}

fn express<'a>(scene: &Scene<'a>, event: &'a str) -> Vec<Needed<'a>> {
    if EXPRESS_OBJECT.contains(&event) || event == "CreateSession" {
        let from = "from eventName: operations in directory buckets are authorized as CreateSession";
        return vec![Needed::named(scene, "s3express", "CreateSession").from(from)];
    }
    let action = match event {
        "ListDirectoryBuckets" => "ListAllMyDirectoryBuckets",
        other => other,
    };
    if Needed::find(scene, "s3express", action).is_some() {
        return vec![Needed::named(scene, "s3express", action)];
    }
    // `GetBucketEncryption`: the name of the action is that of S3.
    let of_s3 = by_table(scene, event);
    let of_express = |needed: Needed<'a>| match Needed::find(scene, "s3express", &needed.name) {
        Some(found) => found.from("from eventName, as for S3"),
        None => Needed::guessed(scene, "s3express", event),
    };
    of_s3.into_iter().map(of_express).collect()
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_s3outposts.html>
fn outposts<'a>(scene: &Scene<'a>, event: &'a str) -> Vec<Needed<'a>> {
    let action = match event {
        "HeadObject" => "GetObject",
        "ListObjects" | "ListObjectsV2" | "HeadBucket" => "ListBucket",
        other => other,
    };
    if let Some(found) = Needed::find(scene, "s3-outposts", action) {
        return vec![found];
    }
    let of_s3 = by_table(scene, event);
    let from = "from eventName, as for S3";
    let found = of_s3.iter().filter_map(|needed| Some(Needed::find(scene, "s3-outposts", &needed.name)?.from(from)));
    let found: Vec<Needed<'a>> = found.collect();
    if found.is_empty() { vec![Needed::guessed(scene, "s3-outposts", event)] } else { found }
}

fn by_table<'a>(scene: &Scene<'a>, event: &'a str) -> Vec<Needed<'a>> {
    let from = "from eventName, by AWS's table of S3 operations";
    if let Some(found) = Needed::find(scene, "s3", event) {
        return vec![found];
    }
    if let Some(needed) = by_operations(scene, "s3", event) {
        return needed;
    }
    let listed = scene.facts().s3_operation(event).unwrap_or_default();
    let own: Vec<&str> = listed.iter().filter_map(|action| action.strip_prefix("s3:")).collect();
    if let Some((first, rest)) = own.split_first() {
        let mut needed = vec![Needed::named(scene, "s3", first).from(from)];
        needed.extend(rest.iter().map(|action| Needed::named(scene, "s3", action).from(from).maybe()));
        return needed;
    }
    // Event names leave words out, or put them in: `GetBucketAccelerate`, `DeleteBucketPublicAccessBlock`.
    let put = event.strip_prefix("Delete").map(|rest| format!("Put{rest}"));
    let without_bucket = event.replacen("Bucket", "", 1);
    let longer = format!("{event}Configuration");
    let both = format!("{without_bucket}Configuration");
    for name in put.iter().chain([&without_bucket, &longer, &both]) {
        if let Some(found) = Needed::find(scene, "s3", name) {
            return vec![found.from(from)];
        }
        let action = scene.facts().s3_operation(name).and_then(|actions| actions.first()?.strip_prefix("s3:"));
        if let Some(action) = action {
            return vec![Needed::named(scene, "s3", action).from(from)];
        }
    }
    vec![Needed::guessed(scene, "s3", event)]
}

fn bucket_action<'a>(scene: &Scene<'a>, action: &str) -> Needed<'a> {
    let needed = Needed::named(scene, "s3", action);
    match bucket(scene) {
        Some(bucket) => {
            let from = "from requestParameters.bucketName";
            needed.on(Target::S3 { bucket: bucket.to_owned(), key: None, from })
        }
        None => needed,
    }
}

fn bypass<'a>(scene: &Scene<'a>, mut needed: Vec<Needed<'a>>) -> Vec<Needed<'a>> {
    if header(scene, "x-amz-bypass-governance-retention") {
        let why = "the request asks to bypass governance retention";
        needed.push(Needed::named(scene, "s3", "BypassGovernanceRetention").because(why));
    }
    needed
}

/// Permissions that headers of a request to write an object ask for.
fn with_headers<'a>(scene: &Scene<'a>, mut needed: Vec<Needed<'a>>) -> Vec<Needed<'a>> {
    let mut add = |action: &str, why: &'static str| needed.push(Needed::named(scene, "s3", action).because(why));
    if header(scene, "x-amz-acl") || any_header(scene, "x-amz-grant-") || header(scene, "accessControlList") {
        add("PutObjectAcl", "the request sets an access control list");
    }
    if header(scene, "x-amz-tagging") || header(scene, "tagging") {
        add("PutObjectTagging", "the request sets tags");
    }
    if header(scene, "x-amz-object-lock-mode") || header(scene, "x-amz-object-lock-retain-until-date") {
        add("PutObjectRetention", "the request sets a retention");
    }
    if header(scene, "x-amz-object-lock-legal-hold") || header(scene, "x-amz-object-lock-legal-hold-status") {
        add("PutObjectLegalHold", "the request sets a legal hold");
    }
    needed
}

fn copy<'a>(scene: &Scene<'a>, whole: bool) -> Vec<Needed<'a>> {
    let from = "from eventName: a copy reads its source and writes its destination";
    let put = Needed::named(scene, "s3", "PutObject").from(from);
    let mut needed = if whole { with_headers(scene, vec![put]) } else { vec![put] };
    let source = copy_source(scene);
    let (action, tagging) = match &source {
        Some((_, _, true)) => ("GetObjectVersion", "GetObjectVersionTagging"),
        _ => ("GetObject", "GetObjectTagging"),
    };
    let target = match source {
        Some((bucket, key, _)) => Target::S3 { bucket, key: Some(key), from: "from requestParameters.x-amz-copy-source" },
        None => Target::Arn { arn: "arn:*:s3:::*/*".to_owned(), from: "the record does not show the source of the copy" },
    };
    needed.push(Needed::named(scene, "s3", action).from(from).because("a copy reads its source").on(target.clone()));
    let replaces = scene.text("x-amz-tagging-directive").is_some_and(|directive| directive.eq_ignore_ascii_case("REPLACE"));
    if whole && !replaces {
        let why = "a copy takes the tags of its source along, if it has any";
        needed.push(Needed::named(scene, "s3", tagging).maybe().because(why).on(target));
        if !needed.iter().any(|needed| needed.is("s3", "PutObjectTagging")) {
            needed.push(Needed::named(scene, "s3", "PutObjectTagging").maybe().because(why));
        }
    }
    needed
}

fn create_bucket<'a>(scene: &Scene<'a>) -> Vec<Needed<'a>> {
    let mut needed = vec![Needed::named(scene, "s3", "CreateBucket")];
    let mut add = |action: &str, why: &'static str| needed.push(Needed::named(scene, "s3", action).because(why));
    if header(scene, "x-amz-acl") || any_header(scene, "x-amz-grant-") || header(scene, "accessControlList") {
        add("PutBucketAcl", "the request sets an access control list");
    }
    if header(scene, "x-amz-object-ownership") {
        add("PutBucketOwnershipControls", "the request sets object ownership");
    }
    if header(scene, "x-amz-bucket-object-lock-enabled") {
        add("PutBucketObjectLockConfiguration", "the request enables Object Lock");
        add("PutBucketVersioning", "the request enables Object Lock, and so versioning");
    }
    needed
}

/// The ARN of a bucket or object. An access point, by its ARN, holds objects in its own way.
pub(super) fn arn(partition: &str, bucket: &str, key: Option<&str>) -> String {
    let is_access_point = bucket.starts_with("arn:");
    match (is_access_point, key) {
        (true, Some(key)) => format!("{bucket}/object/{key}"),
        (true, None) => bucket.to_owned(),
        (false, Some(key)) => format!("arn:{partition}:s3:::{bucket}/{key}"),
        (false, None) => format!("arn:{partition}:s3:::{bucket}"),
    }
}

/// The bucket of an S3 ARN, and the key.
pub(super) fn parts(arn: &str) -> Option<(&str, Option<&str>)> {
    let rest = arn.split_once(":s3:::")?.1;
    Some(match rest.split_once('/') {
        Some((bucket, key)) => (bucket, Some(key)),
        None => (rest, None),
    })
}

/// Does the name look like the alias of an access point? `name-random-s3alias`.
pub(super) fn is_access_point_alias(bucket: &str) -> bool {
    // `arn:aws:s3::123456789012:accesspoint/….mrap` is the ARN of a multi-Region access point itself.
    let endings = ["-s3alias", "--ol-s3", ".mrap"];
    !bucket.starts_with("arn:") && endings.iter().any(|end| bucket.ends_with(end))
}

/// The resource of the request: object or bucket as the action asks, from the parameters.
pub(super) fn target(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Target> {
    let bucket = bucket(scene)?;
    let (service, action) = needed.facts?;
    let has = |name: &str| {
        action
            .resource_types
            .iter()
            .any(|own| service.resource_type(own.resource_type).is_some_and(|resource| resource.name == name))
    };
    if has("object") || has("accesspointobject") {
        let key = key(scene).map_or(Cow::Borrowed("*"), Cow::Borrowed);
        let from = "from requestParameters.bucketName and key";
        return Some(Target::S3 { bucket: bucket.to_owned(), key: Some(key.into_owned()), from });
    }
    let from = "from requestParameters.bucketName";
    has("bucket").then(|| Target::S3 { bucket: bucket.to_owned(), key: None, from })
}
