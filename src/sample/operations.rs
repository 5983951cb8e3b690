//! What calls look like, service by service: request, response and resources as the services write them.
//!
//! Each function completes a record whose caller, time, region and recipient are set already.

use super::random::{ALPHANUMERIC, BASE64, HEX, Random, UPPER};
use super::record::{ReadOnly, Record, long_time, text};

/// An S3 bucket as a record shows it; `owner` is left out where the record hides it.
#[derive(Debug, Clone, Copy)]
pub struct BucketRef<'a> {
    pub name: &'a str,
    pub region: &'a str,
    pub owner: Option<&'a str>,
}

/// `bytesTransferredIn` and `bytesTransferredOut` are written as integers by most of the service, as decimals by some of it, and as
/// texts in records that passed through other tools.
fn bytes(random: &mut Random, count: u64) -> String {
    match random.below(1000) {
        0..=299 => format!("{count}"),
        300..=995 => format!("{count}.0"),
        _ => format!("\"{count}\""),
    }
}

fn s3(record: &mut Record, random: &mut Random, bucket: BucketRef<'_>, bytes_in: u64, bytes_out: u64) {
    record.source = "s3.amazonaws.com";
    record.request_id = random.letters(UPPER, 16);
    let host = format!("{}.s3.{}.amazonaws.com", bucket.name, bucket.region);
    let received = bytes(random, bytes_in);
    let sent = bytes(random, bytes_out);
    record.additional = format!(
        "{{\"SignatureVersion\":\"SigV4\",\"CipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"bytesTransferredIn\":{received},\
         \"AuthenticationMethod\":\"AuthHeader\",\"x-amz-id-2\":\"{}=\",\"bytesTransferredOut\":{sent}}}",
        random.letters(BASE64, 75)
    );
    if record.host.is_some() {
        record.host = Some(host);
    }
}

fn bucket_resource(bucket: BucketRef<'_>) -> String {
    match bucket.owner {
        Some(owner) => format!(
            "{{\"accountId\":\"{owner}\",\"type\":\"AWS::S3::Bucket\",\"ARN\":{}}}",
            text(&format!("arn:aws:s3:::{}", bucket.name))
        ),
        None => format!("{{\"type\":\"AWS::S3::Bucket\",\"ARN\":{}}}", text(&format!("arn:aws:s3:::{}", bucket.name))),
    }
}

fn object_resources(bucket: BucketRef<'_>, key: &str) -> String {
    let object = text(&format!("arn:aws:s3:::{}/{key}", bucket.name));
    format!("[{{\"type\":\"AWS::S3::Object\",\"ARN\":{object}}},{}]", bucket_resource(bucket))
}

/// The name of an object as workloads write them.
pub fn object_key(random: &mut Random, day: &str) -> String {
    let folder = random.text(&["orders", "invoices", "sessions", "exports", "images", "events"]);
    let suffix = random.text(&["json.gz", "parquet", "csv", "avro", "png"]);
    format!("{folder}/{day}/part-{:05}-{}.{suffix}", random.below(400), random.letters(HEX, 12))
}

/// `GetObject`, `HeadObject`, `PutObject`, `DeleteObject` …: data events.
pub fn s3_object(record: &mut Record, random: &mut Random, name: &'static str, bucket: BucketRef<'_>, key: &str) {
    let size = random.between(400, 4_000_000);
    let (bytes_in, bytes_out) = match name {
        "GetObject" => (0, size),
        "PutObject" | "UploadPart" => (size, 0),
        _ => (0, 0),
    };
    s3(record, random, bucket, bytes_in, bytes_out);
    record.name = name;
    record.category = "Data";
    record.management = false;
    record.read_only = if matches!(name, "GetObject" | "HeadObject") { ReadOnly::Yes } else { ReadOnly::No };
    let host = text(&format!("{}.s3.{}.amazonaws.com", bucket.name, bucket.region));
    let (name_text, key_text) = (text(bucket.name), text(key));
    record.request = match name {
        "PutObject" => format!(
            "{{\"bucketName\":{name_text},\"x-amz-server-side-encryption\":\"aws:kms\",\"Host\":{host},\"key\":{key_text},\
             \"x-amz-storage-class\":\"STANDARD\"}}"
        ),
        _ => format!("{{\"bucketName\":{name_text},\"Host\":{host},\"key\":{key_text}}}"),
    };
    if name == "PutObject" {
        record.response =
            "{\"x-amz-server-side-encryption\":\"aws:kms\",\"x-amz-server-side-encryption-bucket-key-enabled\":\"true\"}"
                .into();
    }
    record.resources = object_resources(bucket, key);
}

/// `CopyObject`, which lists the object that is read, the object that is written and the bucket that receives it.
pub fn s3_copy(record: &mut Record, random: &mut Random, from: BucketRef<'_>, to: BucketRef<'_>, key: &str) {
    s3_object(record, random, "CopyObject", to, key);
    let host = text(&format!("{}.s3.{}.amazonaws.com", to.name, to.region));
    record.request = format!(
        "{{\"bucketName\":{},\"x-amz-copy-source\":{},\"Host\":{host},\"key\":{}}}",
        text(to.name),
        text(&format!("{}/{key}", from.name)),
        text(key)
    );
    record.resources = format!(
        "[{{\"type\":\"AWS::S3::Object\",\"ARN\":{}}},{},{{\"type\":\"AWS::S3::Object\",\"ARN\":{}}},{}]",
        text(&format!("arn:aws:s3:::{}/{key}", to.name)),
        bucket_resource(to),
        text(&format!("arn:aws:s3:::{}/{key}", from.name)),
        bucket_resource(from),
    );
}

/// `ListObjects`, a data event that names its objects by a prefix.
pub fn s3_list(record: &mut Record, random: &mut Random, bucket: BucketRef<'_>, prefix: &str) {
    s3(record, random, bucket, 0, 2_190);
    record.name = "ListObjects";
    record.category = "Data";
    record.management = false;
    record.request = format!(
        "{{\"list-type\":\"2\",\"bucketName\":{},\"encoding-type\":\"url\",\"max-keys\":\"1000\",\"prefix\":{},\"delimiter\":\"/\",\
         \"Host\":{}}}",
        text(bucket.name),
        text(prefix),
        text(&format!("{}.s3.{}.amazonaws.com", bucket.name, bucket.region)),
    );
    record.resources = format!(
        "[{{\"type\":\"AWS::S3::Object\",\"ARNPrefix\":{}}},{}]",
        text(&format!("arn:aws:s3:::{}/{prefix}", bucket.name)),
        bucket_resource(bucket)
    );
}

/// A management call on a bucket: `GetBucketAcl`, `GetBucketLocation`, `PutBucketPolicy` …; `parameter` is the sub-resource.
pub fn s3_bucket(record: &mut Record, random: &mut Random, name: &'static str, parameter: &str, bucket: BucketRef<'_>) {
    s3(record, random, bucket, 0, 544);
    record.name = name;
    record.read_only =
        if ["Get", "Head", "List"].iter().any(|verb| name.starts_with(verb)) { ReadOnly::Yes } else { ReadOnly::No };
    let host = text(&format!("{}.s3.{}.amazonaws.com", bucket.name, bucket.region));
    record.request = format!("{{\"bucketName\":{},\"Host\":{host},\"{parameter}\":\"\"}}", text(bucket.name));
    record.resources = format!("[{}]", bucket_resource(bucket));
}

/// `ListBuckets`, which has no resource.
pub fn s3_list_buckets(record: &mut Record, random: &mut Random) {
    let host = format!("s3.{}.amazonaws.com", record.region);
    s3(record, random, BucketRef { name: "", region: "", owner: None }, 0, 1_204);
    record.name = "ListBuckets";
    record.request = format!("{{\"Host\":\"{host}\"}}");
    if record.host.is_some() {
        record.host = Some(host);
    }
}

/// What an `AssumeRole` of any kind returns.
#[derive(Debug, Clone, Copy)]
pub struct Issued<'a> {
    pub role_arn: &'a str,
    pub role_id: &'a str,
    pub role_account: &'a str,
    pub session_name: &'a str,
    /// The session's ARN.
    pub session_arn: &'a str,
    /// The access key id that later calls carry.
    pub key: &'a str,
    /// How long the credentials last, in seconds.
    pub duration: i64,
}

/// `AssumeRole`, `AssumeRoleWithSAML`, `AssumeRoleWithWebIdentity`. `more` is appended to the request parameters.
pub fn sts_assume_role(record: &mut Record, random: &mut Random, name: &'static str, issued: &Issued<'_>, more: &str) {
    record.version = "1.08";
    record.source = "sts.amazonaws.com";
    record.name = name;
    record.request = format!(
        "{{\"roleArn\":\"{}\",\"roleSessionName\":{},\"durationSeconds\":{}{more}}}",
        issued.role_arn,
        text(issued.session_name),
        issued.duration
    );
    let token = if record.recipient == issued.role_account { 96 } else { 64 };
    record.response = format!(
        "{{\"credentials\":{{\"accessKeyId\":\"{}\",\"sessionToken\":\"{}=\",\"expiration\":\"{}\"}},\
         \"assumedRoleUser\":{{\"assumedRoleId\":{},\"arn\":{}}}}}",
        issued.key,
        random.letters(BASE64, token),
        long_time(record.time + issued.duration),
        text(&format!("{}:{}", issued.role_id, issued.session_name)),
        text(issued.session_arn),
    );
    record.resources =
        format!("[{{\"accountId\":\"{}\",\"type\":\"AWS::IAM::Role\",\"ARN\":\"{}\"}}]", issued.role_account, issued.role_arn);
    record.request_id = random.uuid();
}

/// A call on a KMS key, which is named by its ARN.
pub fn kms(record: &mut Record, random: &mut Random, name: &'static str, key_arn: &str, owner: &str, context: &str) {
    record.source = "kms.amazonaws.com";
    record.name = name;
    let extra = match name {
        "Decrypt" => ",\"encryptionAlgorithm\":\"SYMMETRIC_DEFAULT\"",
        "GenerateDataKey" => ",\"keySpec\":\"AES_256\"",
        _ => "",
    };
    record.request = format!("{{\"keyId\":\"{key_arn}\"{extra},\"encryptionContext\":{{\"aws:s3:arn\":{}}}}}", text(context));
    record.additional = format!("{{\"keyMaterialId\":\"{}\"}}", random.letters(HEX, 64));
    record.resources = format!("[{{\"accountId\":\"{owner}\",\"type\":\"AWS::KMS::Key\",\"ARN\":\"{key_arn}\"}}]");
}

/// An item call of DynamoDB: a data event on a table.
pub fn dynamodb(record: &mut Record, random: &mut Random, name: &'static str, table_arn: &str, owner: &str) {
    record.source = "dynamodb.amazonaws.com";
    record.name = name;
    record.category = "Data";
    record.management = false;
    record.api_version = Some("2012-08-10");
    record.read_only = if matches!(name, "GetItem" | "Query") { ReadOnly::Yes } else { ReadOnly::No };
    record.request_id = random.letters(UPPER, 52);
    record.request = format!(
        "{{\"tableName\":\"{table_arn}\",\"key\":{{\"order\":\"{}\"}},\"consistentRead\":false,\"returnConsumedCapacity\":\"TOTAL\"}}",
        random.letters(HEX, 10)
    );
    record.resources = format!("[{{\"accountId\":\"{owner}\",\"type\":\"AWS::DynamoDB::Table\",\"ARN\":\"{table_arn}\"}}]");
}

/// `Invoke` of a Lambda function: a data event whose resource lists the account after the ARN.
pub fn lambda_invoke(record: &mut Record, function_arn: &str, owner: &str) {
    record.source = "lambda.amazonaws.com";
    record.name = "Invoke";
    record.category = "Data";
    record.management = false;
    record.read_only = ReadOnly::No;
    record.request = format!("{{\"functionName\":\"{function_arn}\",\"invocationType\":\"RequestResponse\"}}");
    record.additional = "{\"functionVersion\":\"$LATEST\"}".to_owned();
    record.resources = format!("[{{\"accountId\":\"{owner}\",\"type\":\"AWS::Lambda::Function\",\"ARN\":\"{function_arn}\"}}]");
}

/// A call of any other service, with its request and response as JSON text (empty is null).
pub fn plain(
    record: &mut Record,
    source: &'static str,
    name: &'static str,
    read_only: bool,
    request: String,
    response: String,
) {
    record.source = source;
    record.name = name;
    record.read_only = if read_only { ReadOnly::Yes } else { ReadOnly::No };
    record.request = request;
    record.response = response;
}

/// `ConsoleLogin`, which the sign-in service records in the global region.
pub fn console_login(record: &mut Record, mfa: bool) {
    record.version = "1.08";
    record.source = "signin.amazonaws.com";
    record.name = "ConsoleLogin";
    record.read_only = ReadOnly::No;
    record.event_type = "AwsConsoleSignIn";
    record.response = "{\"ConsoleLogin\":\"Success\"}".to_owned();
    record.additional = format!(
        "{{\"LoginTo\":\"https://console.aws.amazon.com/console/home\",\"MobileVersion\":\"No\",\"MFAUsed\":\"{}\"}}",
        if mfa { "Yes" } else { "No" }
    );
    record.request_id = String::new();
    record.host = Some("eu-central-1.signin.aws.amazon.com".to_owned());
}

/// An id such as `i-0…` or `subnet-0…`.
pub fn resource_id(random: &mut Random, prefix: &str) -> String {
    let mut id = format!("{prefix}-0");
    random.push_letters(&mut id, HEX, 16);
    id
}

/// A token as service responses carry them.
pub fn token(random: &mut Random, length: usize) -> String {
    random.letters(ALPHANUMERIC, length)
}
