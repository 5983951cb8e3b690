//! Everyday traffic, none of which crosses the perimeter of the sample: principals of the organization, on resources of the
//! organization, from networks that the perimeter definition expects. What crosses it is planted by the stories.

use super::caller::{Caller, Place, begin, finish};
use super::identity::{root_identity, service_identity};
use super::operations::{self as operation, BucketRef};
use super::organization::{
    APP_SERVER, Account, Bucket, DEPLOY, GLOBAL_REGION, HOME_REGION, Kind, LOG_QUERY, MANAGEMENT, ORDERS_FUNCTION, PEOPLE,
    SECURITY_AUDIT, TRAIL_BUCKET, Vpc, egress_address, office_address,
};
use super::random::{HEX, Random, UPPER};
use super::record::{ReadOnly, Record, text, time};
use super::sessions::{ISSUE_AFTER, SHIFT, machine_session, person_session, shift_of};

/// How long the security audit works with the credentials of its shift.
const AUDIT_LENGTH: i64 = 3_600;
const DAY: i64 = 86_400;

/// An endpoint of AWS's own, which calls by services carry.
pub const AWS_ENDPOINT: &str = "vpce-0c1d5e9aa07b4f213";

const AGENTS_SDK: &[&str] = &[
    "aws-sdk-java/2.31.8 Linux/6.1.134 OpenJDK_64-Bit_Server_VM/21.0.6 Java/21.0.6 md/io#async cfg/retry-mode#standard",
    "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.1.134 md/arch#aarch64 lang/python#3.13.2 md/pyimpl#CPython cfg/retry-mode#standard Botocore/1.40.21",
    "aws-sdk-go-v2/1.38.1 ua/2.1 os/linux lang/go#1.25.0 md/GOOS#linux md/GOARCH#arm64 api/s3#1.87.0",
    "aws-sdk-js/3.864.0 ua/2.1 os/linux#6.1.134 lang/js md/nodejs#22.17.0 api/client-s3#3.864.0",
];
const AGENTS_FUNCTION: &[&str] = &[
    "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#5.10.240 md/arch#arm64 lang/python#3.13.2 exec-env/AWS_Lambda_python3.13 Botocore/1.40.21",
];
const AGENTS_TOOL: &[&str] = &[
    "APN/1.0 HashiCorp/1.0 Terraform/1.13.1 (+https://www.terraform.io) terraform-provider-aws/6.10.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.38.1 ua/2.1 os/linux lang/go#1.24.5",
    "aws-cli/2.28.16 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython md/prompt#off md/command#s3.sync",
];
const AGENTS_PERSON: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "aws-cli/2.28.16 md/awscrt#0.27.6 ua/2.1 os/macos#25.0.0 md/arch#arm64 lang/python#3.13.7 md/pyimpl#CPython md/prompt#off md/command#sts.get-caller-identity",
];

/// Are people at work?
fn office_hours(time: i64) -> bool {
    (26_100..68_400).contains(&time.rem_euclid(DAY))
}

/// One record of everyday traffic in the trail of an account and region.
pub fn record(random: &mut Random, account: &Account, region: &str, time: i64) -> Record {
    let share = random.below(1000);
    if account.kind == Kind::Isolated {
        return match share {
            0..=499 => config_service(random, account, region, time),
            _ => key_rotation(random, account, region, time),
        };
    }
    if account.kind == Kind::LogArchive && region == HOME_REGION && share < 450 {
        return trail_delivery(random, account, region, time);
    }
    if share < 12 {
        return key_rotation(random, account, region, time);
    }
    if share < 40 {
        return config_service(random, account, region, time);
    }
    if share < 60 && account.id == MANAGEMENT {
        return root_call(random, account, time);
    }
    if share < 120 && office_hours(time) {
        return person_call(random, account, region, time);
    }
    if share < 200 && (time - ISSUE_AFTER - 300).rem_euclid(SHIFT) < AUDIT_LENGTH {
        return audit_call(random, account, region, time);
    }
    match account.vpc(region) {
        Some(vpc) if share < 880 => machine_call(random, account, vpc, region, time),
        _ => deploy_call(random, account, region, time),
    }
}

fn bucket_in<'a>(random: &mut Random, account: &'a Account, region: &str) -> Option<&'a Bucket> {
    // The first buckets are used more than the last.
    let in_region: Vec<&Bucket> =
        account.buckets.iter().filter(|bucket| bucket.region == region && bucket.name != TRAIL_BUCKET).collect();
    let limit = u64::try_from(in_region.len()).unwrap_or(0);
    let choice = random.below(limit).min(random.below(limit));
    in_region.get(usize::try_from(choice).unwrap_or(0)).copied()
}

fn day_path(seconds: i64) -> String {
    time(seconds).get(..10).unwrap_or("").replace('-', "/")
}

/// A workload in a VPC: an instance or a function.
fn machine_call(random: &mut Random, account: &Account, vpc: &Vpc, region: &str, time: i64) -> Record {
    let name = match account.kind {
        Kind::Workload if random.chance(1, 3) => ORDERS_FUNCTION,
        Kind::LogArchive if random.chance(1, 2) => LOG_QUERY,
        _ => APP_SERVER,
    };
    let Some(role) = account.role(name) else { return config_service(random, account, region, time) };
    let session = machine_session(role, region, shift_of(time));
    let agent = random.text(if name == ORDERS_FUNCTION { AGENTS_FUNCTION } else { AGENTS_SDK });
    let caller = Caller { identity: session.identity(None), place: Place::Vpc(vpc), agent, from_console: false };
    let mut record = begin(random, &caller, &account.id, region, time);
    let owner = account.id.as_str();
    let bucket = bucket_in(random, account, region);
    let bucket = bucket.map(|bucket| BucketRef { name: &bucket.name, region: bucket.region, owner: Some(owner) });
    match (random.below(100), bucket) {
        (0..=27, Some(bucket)) => {
            let key = operation::object_key(random, &day_path(time));
            operation::s3_object(&mut record, random, "GetObject", bucket, &key);
            if random.chance(1, 40) {
                record.error = Some(("NoSuchKey", "The specified key does not exist.".to_owned()));
            }
        }
        (28..=42, Some(bucket)) => {
            let key = operation::object_key(random, &day_path(time));
            operation::s3_object(&mut record, random, "PutObject", bucket, &key);
        }
        (43..=47, Some(bucket)) => {
            let key = operation::object_key(random, &day_path(time));
            operation::s3_object(&mut record, random, "HeadObject", bucket, &key);
        }
        (48..=50, Some(bucket)) => {
            let key = operation::object_key(random, &day_path(time));
            operation::s3_object(&mut record, random, "DeleteObject", bucket, &key);
        }
        (51..=56, Some(bucket)) => operation::s3_list(&mut record, random, bucket, "orders/"),
        (57..=58, Some(bucket)) => {
            let key = operation::object_key(random, &day_path(time));
            operation::s3_copy(&mut record, random, bucket, bucket, &key);
        }
        (59..=70, _) => {
            let context = format!("arn:aws:s3:::{}", bucket.map_or("", |bucket| bucket.name));
            let name = random.text(&["Decrypt", "Decrypt", "GenerateDataKey"]);
            operation::kms(&mut record, random, name, &key_arn(account, region), owner, &context);
        }
        (71..=82, _) => {
            let table = format!("arn:aws:dynamodb:{region}:{owner}:table/orders");
            let name = random.text(&["GetItem", "PutItem", "Query", "UpdateItem"]);
            operation::dynamodb(&mut record, random, name, &table, owner);
        }
        (83..=86, _) => {
            let request = format!(
                "{{\"secretId\":\"arn:aws:secretsmanager:{region}:{owner}:secret:orders-database-Xk2pQv\",\
                 \"versionStage\":\"AWSCURRENT\"}}"
            );
            operation::plain(&mut record, "secretsmanager.amazonaws.com", "GetSecretValue", true, request, String::new());
        }
        (87..=90, _) => {
            let request = format!(
                "{{\"logGroupName\":\"/app/orders\",\"logStreamName\":\"{}/{}\"}}",
                day_path(time),
                random.letters(HEX, 32)
            );
            operation::plain(&mut record, "logs.amazonaws.com", "CreateLogStream", false, request, String::new());
            record.version = "1.08";
            record.api_version = Some("20140328");
        }
        (91..=93, _) => {
            let function = format!("arn:aws:lambda:{region}:{owner}:function:orders");
            operation::lambda_invoke(&mut record, &function, owner);
        }
        (94..=96, _) => {
            let request = format!(
                "{{\"agentVersion\":\"3.3.2746.0\",\"agentStatus\":\"Active\",\"platformType\":\"Linux\",\"instanceId\":\"{}\",\
                 \"platformName\":\"Amazon Linux\",\"platformVersion\":\"2023\",\"agentName\":\"amazon-ssm-agent\"}}",
                session.name
            );
            operation::plain(&mut record, "ssm.amazonaws.com", "UpdateInstanceInformation", false, request, String::new());
            record.version = "1.08";
        }
        _ => {
            let response = format!("{{\"userId\":\"{}:{}\",\"account\":\"{owner}\"}}", session.role_id, session.name);
            operation::plain(&mut record, "sts.amazonaws.com", "GetCallerIdentity", true, String::new(), response);
        }
    }
    finish(random, &mut record, &caller, &account.id);
    record
}

fn key_arn(account: &Account, region: &str) -> String {
    let id = Random::named(&format!("kms {} {region}", account.id)).uuid();
    format!("arn:aws:kms:{region}:{}:key/{id}", account.id)
}

/// The pipeline, from a runner behind the NAT gateway.
fn deploy_call(random: &mut Random, account: &Account, region: &str, time: i64) -> Record {
    let Some(role) = account.role(DEPLOY) else { return config_service(random, account, region, time) };
    let session = machine_session(role, HOME_REGION, shift_of(time));
    let caller = Caller {
        identity: session.identity(None),
        place: Place::Address(egress_address(random)),
        agent: random.text(AGENTS_TOOL),
        from_console: false,
    };
    let mut record = begin(random, &caller, &account.id, region, time);
    let owner = account.id.as_str();
    let state = account.buckets.iter().find(|bucket| bucket.region == region && bucket.name.ends_with("terraform-state"));
    let state = state.map(|bucket| BucketRef { name: &bucket.name, region: bucket.region, owner: Some(owner) });
    match (random.below(100), state) {
        (0..=29, Some(bucket)) => {
            let name = random.text(&["GetObject", "GetObject", "PutObject"]);
            operation::s3_object(&mut record, random, name, bucket, "network/terraform.tfstate");
        }
        (30..=44, Some(bucket)) => {
            let (name, parameter) = match random.below(5) {
                0 => ("GetBucketPolicy", "policy"),
                1 => ("GetBucketVersioning", "versioning"),
                2 => ("GetBucketTagging", "tagging"),
                3 => ("GetBucketEncryption", "encryption"),
                _ => ("GetBucketPublicAccessBlock", "publicAccessBlock"),
            };
            operation::s3_bucket(&mut record, random, name, parameter, bucket);
        }
        (45..=59, _) => {
            let request = format!("{{\"stackName\":\"orders-{}\"}}", random.text(&["api", "network", "queue", "storage"]));
            operation::plain(&mut record, "cloudformation.amazonaws.com", "DescribeStacks", true, request, String::new());
            record.version = "1.08";
            record.api_version = Some("2010-05-15");
        }
        (60..=74, _) => {
            let request = "{\"functionName\":\"orders\"}".to_owned();
            operation::plain(&mut record, "lambda.amazonaws.com", "GetFunction20150331v2", true, request, String::new());
            record.version = "1.08";
        }
        (75..=79, _) => {
            let request = format!(
                "{{\"functionName\":\"orders\",\"s3Bucket\":\"{}\",\"s3Key\":\"orders/{}.zip\",\"publish\":true,\"dryRun\":false}}",
                account.buckets.first().map_or("", |bucket| bucket.name.as_str()),
                random.letters(HEX, 40)
            );
            let response = format!(
                "{{\"functionName\":\"orders\",\"functionArn\":\"arn:aws:lambda:{region}:{owner}:function:orders:{}\",\
                 \"runtime\":\"python3.13\",\"role\":\"arn:aws:iam::{owner}:role/service-role/{ORDERS_FUNCTION}\",\
                 \"handler\":\"orders.handle\",\"codeSize\":{},\"memorySize\":512,\"state\":\"Active\"}}",
                random.between(1, 90),
                random.between(90_000, 9_000_000)
            );
            operation::plain(&mut record, "lambda.amazonaws.com", "UpdateFunctionCode20150331v2", false, request, response);
            record.version = "1.08";
        }
        _ => describe(random, &mut record, account),
    }
    finish(random, &mut record, &caller, &account.id);
    record
}

/// Read-only calls on the account's own infrastructure.
fn describe(random: &mut Random, record: &mut Record, account: &Account) {
    match random.below(5) {
        0 => {
            let request = format!(
                "{{\"instancesSet\":{{\"items\":[{{\"instanceId\":\"{}\"}}]}},\"filterSet\":{{}}}}",
                operation::resource_id(random, "i")
            );
            operation::plain(record, "ec2.amazonaws.com", "DescribeInstances", true, request, String::new());
            record.version = "1.10";
        }
        1 => {
            let request = "{\"securityGroupSet\":{},\"securityGroupIdSet\":{},\"filterSet\":{}}".to_owned();
            operation::plain(record, "ec2.amazonaws.com", "DescribeSecurityGroups", true, request, String::new());
            record.version = "1.10";
        }
        2 => {
            let request = format!(
                "{{\"resourceArn\":\"arn:aws:sqs:{}:{}:orders\",\"queueUrl\":\"https://sqs.{}.amazonaws.com/{}/orders\"}}",
                record.region, account.id, record.region, account.id
            );
            operation::plain(record, "sqs.amazonaws.com", "GetQueueAttributes", true, request, String::new());
        }
        3 => {
            let request = format!("{{\"alarmNames\":[\"orders-{}\"]}}", random.text(&["errors", "latency", "age"]));
            operation::plain(record, "monitoring.amazonaws.com", "DescribeAlarms", true, request, String::new());
        }
        _ => {
            let request = "{\"maxResults\":100,\"lookupAttributes\":[{\"attributeKey\":\"EventName\"}]}".to_owned();
            operation::plain(record, "cloudtrail.amazonaws.com", "LookupEvents", true, request, String::new());
            // This service writes readOnly as a text.
            record.read_only = ReadOnly::YesAsText;
        }
    }
}

/// A person in the head office, with the console or the command line.
fn person_call(random: &mut Random, account: &Account, region: &str, time: i64) -> Record {
    let person = random.text(&PEOPLE);
    let Some(role) = account.people_role() else { return config_service(random, account, region, time) };
    let session = person_session(role, person, time.div_euclid(DAY));
    let from_console = random.chance(2, 3);
    let agent = if from_console {
        AGENTS_PERSON.get(usize::try_from(random.below(2)).unwrap_or(0)).copied().unwrap_or("")
    } else {
        AGENTS_PERSON.last().copied().unwrap_or("")
    };
    let caller =
        Caller { identity: session.identity(None), place: Place::Address(office_address(random)), agent, from_console };
    let mut record = begin(random, &caller, &account.id, region, time);
    let owner = account.id.as_str();
    let bucket = bucket_in(random, account, region);
    let bucket = bucket.map(|bucket| BucketRef { name: &bucket.name, region: bucket.region, owner: Some(owner) });
    let global = region == GLOBAL_REGION || random.chance(1, 50);
    match (random.below(100), bucket) {
        (0..=9, _) => operation::s3_list_buckets(&mut record, random),
        (10..=24, Some(bucket)) => operation::s3_list(&mut record, random, bucket, ""),
        (25..=34, Some(bucket)) => operation::s3_bucket(&mut record, random, "GetBucketAcl", "acl", bucket),
        (35..=64, _) if global => {
            // Calls of IAM are recorded in the global region, whatever the region of the file.
            record.region = GLOBAL_REGION.to_owned();
            let (name, request) = match random.below(3) {
                0 => ("ListRoles", String::new()),
                1 => ("GetRole", format!("{{\"roleName\":\"{DEPLOY}\"}}")),
                _ => ("ListAttachedRolePolicies", format!("{{\"roleName\":\"{SECURITY_AUDIT}\"}}")),
            };
            operation::plain(&mut record, "iam.amazonaws.com", name, true, request, String::new());
        }
        (65..=69, _) if global => {
            record.region = GLOBAL_REGION.to_owned();
            operation::console_login(&mut record, true);
        }
        _ => describe(random, &mut record, account),
    }
    finish(random, &mut record, &caller, &account.id);
    record
}

/// The security audit, which reads the configuration of every account from the security tooling account's network.
fn audit_call(random: &mut Random, account: &Account, region: &str, time: i64) -> Record {
    let Some(role) = account.role(SECURITY_AUDIT) else { return config_service(random, account, region, time) };
    let session = machine_session(role, HOME_REGION, shift_of(time));
    let caller = Caller {
        identity: session.identity(None),
        place: Place::Address(egress_address(random)),
        agent: AGENTS_SDK.get(1).copied().unwrap_or(""),
        from_console: false,
    };
    let mut record = begin(random, &caller, &account.id, region, time);
    let bucket = bucket_in(random, account, region);
    match bucket {
        Some(bucket) if random.chance(1, 2) => {
            let bucket = BucketRef { name: &bucket.name, region: bucket.region, owner: Some(&account.id) };
            let (name, parameter) = match random.below(4) {
                0 => ("GetBucketAcl", "acl"),
                1 => ("GetBucketPolicyStatus", "policyStatus"),
                2 => ("GetBucketLogging", "logging"),
                _ => ("GetBucketLocation", "location"),
            };
            operation::s3_bucket(&mut record, random, name, parameter, bucket);
        }
        _ => describe(random, &mut record, account),
    }
    finish(random, &mut record, &caller, &account.id);
    record
}

/// CloudTrail writes its files to the bucket of the organization trail, and its key encrypts them.
fn trail_delivery(random: &mut Random, account: &Account, region: &str, time: i64) -> Record {
    let service = "cloudtrail.amazonaws.com";
    let caller =
        Caller { identity: service_identity(service), place: Place::Service(service), agent: service, from_console: false };
    let mut record = begin(random, &caller, &account.id, region, time);
    let owner = account.id.as_str();
    let bucket = BucketRef { name: TRAIL_BUCKET, region: HOME_REGION, owner: Some(owner) };
    let key = format!(
        "AWSLogs/o-palisade01/{owner}/CloudTrail/{region}/{}/{owner}_CloudTrail_{region}_{}.json.gz",
        day_path(time),
        random.letters(UPPER, 16)
    );
    match random.below(10) {
        0 => operation::s3_bucket(&mut record, random, "GetBucketAcl", "acl", bucket),
        1..=3 => {
            let context = format!("arn:aws:s3:::{TRAIL_BUCKET}/{key}");
            operation::kms(&mut record, random, "GenerateDataKey", &key_arn(account, region), owner, &context);
        }
        _ => operation::s3_object(&mut record, random, "PutObject", bucket, &key),
    }
    record.shared_event_id = Some(random.uuid());
    if record.source == "s3.amazonaws.com" {
        record.endpoint = Some(AWS_ENDPOINT.to_owned());
    }
    record
}

/// AWS Config, as a service principal, checks its delivery.
fn config_service(random: &mut Random, account: &Account, region: &str, time: i64) -> Record {
    let service = "config.amazonaws.com";
    let caller =
        Caller { identity: service_identity(service), place: Place::Service(service), agent: service, from_console: false };
    let mut record = begin(random, &caller, &account.id, region, time);
    let request = format!(
        "{{\"topicArn\":\"arn:aws:sns:{region}:{}:config-topic\",\"message\":\"HIDDEN_DUE_TO_SECURITY_REASONS\",\
         \"subject\":\"HIDDEN_DUE_TO_SECURITY_REASONS\"}}",
        account.id
    );
    operation::plain(&mut record, "sns.amazonaws.com", "Publish", false, request, String::new());
    record.shared_event_id = Some(random.uuid());
    record.version = "1.08";
    record
}

/// An event of a service that is no call of anybody: `AwsServiceEvent`, whose identity has no type.
fn key_rotation(random: &mut Random, account: &Account, region: &str, time: i64) -> Record {
    let key = key_arn(account, region);
    Record {
        version: "1.08",
        identity: format!("{{\"accountId\":\"{}\",\"invokedBy\":\"AWS Internal\"}}", account.id),
        time,
        source: "kms.amazonaws.com",
        name: "RotateKey",
        region: region.to_owned(),
        address: "AWS Internal".to_owned(),
        agent: "AWS Internal".to_owned(),
        event_id: random.uuid(),
        read_only: ReadOnly::No,
        resources: format!("[{{\"accountId\":\"{}\",\"type\":\"AWS::KMS::Key\",\"ARN\":{}}}]", account.id, text(&key)),
        event_type: "AwsServiceEvent",
        recipient: account.id.clone(),
        ..Record::default()
    }
}

/// The root user of the management account, from the head office.
fn root_call(random: &mut Random, account: &Account, time: i64) -> Record {
    let created = time.div_euclid(DAY) * DAY + 30_000;
    let caller = Caller {
        identity: root_identity(&account.id, created),
        place: Place::Address(office_address(random)),
        agent: AGENTS_PERSON.first().copied().unwrap_or(""),
        from_console: true,
    };
    let mut record = begin(random, &caller, &account.id, GLOBAL_REGION, time);
    operation::plain(&mut record, "iam.amazonaws.com", "GetAccountSummary", true, String::new(), String::new());
    finish(random, &mut record, &caller, &account.id);
    record
}

/// A call through a VPC endpoint of the account, as the endpoint's owner gets it: without user agent, resources and response.
pub fn network_activity(random: &mut Random, account: &Account, region: &str, time: i64) -> Record {
    let Some(vpc) = account.vpc(region) else { return config_service(random, account, region, time) };
    let mut record = machine_call(random, account, vpc, region, time);
    if record.endpoint.is_none() {
        // Services without an endpoint leave no network activity.
        record = Record { source: "kms.amazonaws.com", name: "Decrypt", ..record };
        record.address = format!("{}.{}.{}", vpc.prefix, random.between(1, 12), random.between(4, 250));
        record.endpoint = vpc.endpoint("kms").map(str::to_owned);
    }
    as_network_activity(&mut record, &account.id);
    record
}

/// Turns the record of a call into the network activity event of the same call.
pub fn as_network_activity(record: &mut Record, endpoint_account: &str) {
    record.category = "NetworkActivity";
    record.event_type = "AwsVpceEvent";
    record.version = "1.09";
    record.management = false;
    record.agent = String::new();
    record.error = None;
    record.response = String::new();
    record.additional = String::new();
    record.resources = String::new();
    record.api_version = None;
    record.host = None;
    record.endpoint_account = Some(endpoint_account.to_owned());
}
