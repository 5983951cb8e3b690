//! What analyzers found to be open to the outside in the sample, and what AWS Config recorded of functions, jobs and notebooks: in the
//! shapes in which the AWS command line saves them.
//!
//! <https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_GetFindingV2.html>

use serde_json::{Value, json};

use super::organization::{
    DATA_LAKE, GLOBAL_REGION, HOME_REGION, LEDGER, SANDBOX, SECOND_REGION, SECURITY_TOOLING, SHOP_PRODUCTION, SHOP_STAGING,
};
use super::random::Random;
use super::stories::outside::{AUDITOR, MERGED, PARTNER, STRANGER, SURVEY, VENDOR};
use super::stories::teller::{CROSSES, EXCEPTED, UNDETERMINED};
use super::stories::{Finding, Story};

/// One way in from outside.
struct Way {
    /// The regions whose analyzers tell it: all for a role, its own for anything else.
    regions: &'static [&'static str],
    account: &'static str,
    resource: String,
    resource_type: &'static str,
    principal: (&'static str, String),
    actions: &'static [&'static str],
    status: &'static str,
}

const ROLE: &str = "AWS::IAM::Role";
const EVERYWHERE: &[&str] = &[HOME_REGION, SECOND_REGION];

fn ways() -> Vec<Way> {
    let bucket = |account: &'static str, name: &str, principal: (&'static str, String)| Way {
        regions: &[HOME_REGION],
        account,
        resource: format!("arn:aws:s3:::{name}"),
        resource_type: "AWS::S3::Bucket",
        principal,
        actions: &["s3:GetObject", "s3:ListBucket"],
        status: "ACTIVE",
    };
    let role = |account: &'static str, name: &str, principal: (&'static str, String), actions: &'static [&'static str]| Way {
        regions: EVERYWHERE,
        account,
        resource: format!("arn:aws:iam::{account}:role/{name}"),
        resource_type: ROLE,
        principal,
        actions,
        status: "ACTIVE",
    };
    let aws = |account: &str| ("AWS", account.to_owned());
    let assume: &[&str] = &["sts:AssumeRole"];
    let provider = |name: &str| ("Federated", format!("arn:aws:iam::{DATA_LAKE}:{name}"));
    vec![
        bucket(SHOP_PRODUCTION, "palisade-shop-production-catalog", aws(MERGED)),
        bucket(SHOP_PRODUCTION, "palisade-shop-production-partner-reports", aws(PARTNER)),
        Way { actions: &["s3:GetObject"], ..bucket(SHOP_PRODUCTION, "palisade-shop-production-press", aws("*")) },
        // Nobody of that account ever called.
        bucket(DATA_LAKE, "palisade-data-lake-reports", aws(SURVEY)),
        role(SECURITY_TOOLING, "siem-connector", aws(VENDOR), assume),
        // The audit is known, so somebody archived its finding; the exception in the perimeter definition has expired all the same.
        Way { status: "ARCHIVED", ..role(LEDGER, "external-auditor", aws(AUDITOR), assume) },
        // The contractor left, and the role stayed.
        role(SANDBOX, "experiment", aws(STRANGER), assume),
        role(DATA_LAKE, "saml-analyst", provider("saml-provider/palisade-login"), &["sts:AssumeRoleWithSAML"]),
        role(
            DATA_LAKE,
            "pipeline",
            provider("oidc-provider/token.actions.githubusercontent.com"),
            &["sts:AssumeRoleWithWebIdentity"],
        ),
        // Queues have no data events in this trail.
        Way {
            regions: &[SECOND_REGION],
            account: SHOP_STAGING,
            resource: format!("arn:aws:sqs:{SECOND_REGION}:{SHOP_STAGING}:returns-inbox"),
            resource_type: "AWS::SQS::Queue",
            principal: aws(PARTNER),
            actions: &["sqs:SendMessage"],
            status: "ACTIVE",
        },
    ]
}

/// What queries about external access must find: the ways in, and the calls of other stories that went through them.
pub(super) fn story() -> Story {
    const ANALYZER: &str = "findings_iam_aa_external_access_org_boundary";
    const HUB: &str = "findings_sh_external_access_org_boundary";
    const BUCKETS: &str = "s3_external_access_org_boundary";
    let role = |account: &str, name: &str| format!("arn:aws:iam::{account}:role/{name}");
    let bucket = |name: &str| format!("arn:aws:s3:::palisade-{name}");
    let in_all: &[&'static str] = &[ANALYZER, HUB, BUCKETS];
    let in_both: &[&'static str] = &[ANALYZER, HUB];
    let expected: [(String, &'static str, u64, &[&'static str]); 11] = [
        (bucket("shop-production-catalog"), CROSSES, 35, in_all),
        (bucket("shop-production-press"), CROSSES, 30, in_all),
        (bucket("shop-production-partner-reports"), EXCEPTED, 18, in_all),
        (bucket("data-lake-reports"), CROSSES, 0, in_all),
        (role(SECURITY_TOOLING, "siem-connector"), EXCEPTED, 3, in_both),
        (role(LEDGER, "external-auditor"), CROSSES, 2, in_both),
        (role(SANDBOX, "experiment"), CROSSES, 0, in_both),
        (role(DATA_LAKE, "saml-analyst"), UNDETERMINED, 2, in_both),
        (role(DATA_LAKE, "pipeline"), UNDETERMINED, 2, in_both),
        (format!("arn:aws:sqs:{SECOND_REGION}:{SHOP_STAGING}:returns-inbox"), EXCEPTED, 0, &[ANALYZER]),
        (format!("arn:aws:kms:{HOME_REGION}:{LEDGER}:key/{CLOSED_KEY}"), UNDETERMINED, 0, &[ANALYZER]),
    ];
    let findings = expected.into_iter().flat_map(|(resource, verdict, calls, queries)| {
        queries.iter().map(move |query| Finding { query, verdict, matching: vec![("resource_arn", resource.clone())], calls })
    });
    Story {
        name: "open-doors",
        title: "What the analyzers found open",
        tale: "IAM Access Analyzer looks at the two regions in which the organization works, and Security Hub collects what it finds in the
first. The catalog and the press bucket are open to outsiders who use them (the stories of the migrating catalog and of the anonymous
callers); so are the reports for the freight partner and the role for the monitoring vendor, whom the perimeter definition trusts. Two
doors are open and nobody ever came: the reports of the data lake, for the survey agency, and the role `experiment` in the sandbox, for
a contractor who left. Whether the partner ever wrote to the queue `returns-inbox` the logs cannot tell, because queues log no data
events here. The auditor's role is used although no active finding says so: somebody archived its finding. Of the sign-in through
identity providers nobody can tell whose users they are, and one key kept the analyzer out. Roles are told by the analyzers of both
regions, and once in the report.",
        calls: 0,
        findings: findings.collect(),
    }
}

/// The key whose policy keeps the analyzer out.
const CLOSED_KEY: &str = "5f0c2a41-7d3e-4c58-9b16-aa80d4e2c971";

fn id(resource: &str, region: &str) -> String {
    Random::named(&format!("finding {resource} {region}")).uuid()
}

/// The part that lists have too.
fn summary(resource: &str, resource_type: &str, account: &str, region: &str, status: &str, taken_at: &str) -> Value {
    json!({
        "analyzedAt": taken_at,
        "createdAt": "2026-09-14T08:20:00+00:00",
        "id": id(resource, region),
        "resource": resource,
        "resourceType": resource_type,
        "resourceOwnerAccount": account,
        "status": status,
        "updatedAt": "2026-09-14T08:20:00+00:00",
        "findingType": "ExternalAccess",
    })
}

fn analyzer(region: &str) -> String {
    format!("arn:aws:access-analyzer:{region}:{SECURITY_TOOLING}:analyzer/organization")
}

/// A document with one item of its list to a line.
fn list(name: &str, items: &[Value]) -> String {
    let lines: Vec<String> = items.iter().map(|item| format!("    {item}")).collect();
    format!("{{\n  \"{name}\": [\n{}\n  ]\n}}\n", lines.join(",\n"))
}

/// The files, by name.
pub(super) fn files(taken_at: &str) -> Vec<(String, String)> {
    let ways = ways();
    let mut files = Vec::new();
    for region in [HOME_REGION, SECOND_REGION, GLOBAL_REGION] {
        let analyzers = match region {
            // Nothing of the organization lies there, so nobody made one.
            GLOBAL_REGION => Vec::new(),
            _ => vec![json!({"arn": analyzer(region), "name": "organization", "type": "ORGANIZATION", "status": "ACTIVE",
                "createdAt": "2025-03-03T09:00:00+00:00", "tags": {}})],
        };
        files.push((format!("accessanalyzer-list-analyzers-{region}.json"), list("analyzers", &analyzers)));
        if region == GLOBAL_REGION {
            continue;
        }
        let mut listed = Vec::new();
        let mut details = String::new();
        for way in ways.iter().filter(|way| way.regions.contains(&region)) {
            let mut finding = summary(&way.resource, way.resource_type, way.account, region, way.status, taken_at);
            listed.push(finding.clone());
            let (kind, value) = &way.principal;
            let mut access = json!({"action": way.actions, "condition": {}, "isPublic": value == "*",
                "principal": {(*kind): value}, "resourceControlPolicyRestriction": "NOT_APPLICABLE"});
            if way.resource_type == "AWS::S3::Bucket"
                && let Some(access) = access.as_object_mut()
            {
                access.insert("resourceControlPolicyRestriction".to_owned(), json!("APPLICABLE"));
                access.insert("sources".to_owned(), json!([{"type": "POLICY"}]));
            }
            if let Some(finding) = finding.as_object_mut() {
                finding.insert("findingDetails".to_owned(), json!([{"externalAccessDetails": access}]));
            }
            details.push_str(&format!("{finding}\n"));
        }
        if region == HOME_REGION {
            let key = format!("arn:aws:kms:{region}:{LEDGER}:key/{CLOSED_KEY}");
            let mut failed = summary(&key, "AWS::KMS::Key", LEDGER, region, "ACTIVE", taken_at);
            if let Some(failed) = failed.as_object_mut() {
                failed.insert("error".to_owned(), json!("ACCESS_DENIED"));
            }
            listed.push(failed);
        }
        files.push((format!("accessanalyzer-list-findings-v2-{region}.json"), list("findings", &listed)));
        files.push((format!("accessanalyzer-get-finding-v2-{region}.jsonl"), details));
    }
    let of_hub: Vec<Value> = ways
        .iter()
        .filter(|way| way.status == "ACTIVE" && way.regions.contains(&HOME_REGION))
        .map(|way| hub(way, taken_at))
        .collect();
    files.push((format!("securityhub-get-findings-{HOME_REGION}.json"), list("Findings", &of_hub)));
    files.extend(configured(taken_at));
    files
}

/// A way in as Security Hub keeps it: of several principals of a resource it would show one.
fn hub(way: &Way, taken_at: &str) -> Value {
    let of_hub = match way.resource_type {
        ROLE => "AwsIamRole",
        "AWS::S3::Bucket" => "AwsS3Bucket",
        _ => "Other",
    };
    let (kind, principal) = &way.principal;
    let what = if principal == "*" { "public access" } else { "cross-account access" };
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": format!("{}/{}", analyzer(HOME_REGION), way.resource),
        "ProductArn": format!("arn:aws:securityhub:{HOME_REGION}::product/aws/access-analyzer"),
        "GeneratorId": "aws/access-analyzer",
        "AwsAccountId": SECURITY_TOOLING,
        "Types": ["Software and Configuration Checks/AWS Security Best Practices/External Access Granted"],
        "CreatedAt": "2026-09-14T08:20:00.000Z",
        "UpdatedAt": taken_at,
        "Severity": {"Label": "LOW", "Normalized": 1},
        "Title": format!("{of_hub}/{}/ allows {what}", way.resource),
        "Description": format!("{}/{}/ allows {what} from {kind} {principal}", way.resource_type, way.resource),
        "Resources": [{"Type": of_hub, "Id": way.resource, "Details": {"Other": {"External Principal Type": kind,
            "Condition": "none", "Action Granted": way.actions.join(","), "External Principal": principal}}}],
        "ProductFields": {"ResourceOwnerAccount": way.account},
        "WorkflowState": "NEW",
        "Workflow": {"Status": "NEW"},
        "RecordState": "ACTIVE",
    })
}

/// Results of advanced queries of AWS Config, whose rows are JSON texts.
fn configured(taken_at: &str) -> Vec<(String, String)> {
    let row = |resource_type: &str, account: &str, arn: String, name: &str, configuration: Value| {
        let row = json!({"accountId": account, "awsRegion": HOME_REGION, "resourceType": resource_type, "resourceId": name,
            "resourceName": name, "arn": arn, "configurationItemCaptureTime": taken_at, "configuration": configuration, "tags": []});
        json!(row.to_string())
    };
    let function = |account: &str, name: &str, role: &str, vpc: Value| {
        let mut configuration = json!({"functionName": name, "codeSha256": "3u0BLNIGcPbYZjlAzpXWTCVYCdTsKGpPhbqDMzA2bSs=",
            "runtime": "python3.13", "role": format!("arn:aws:iam::{account}:role/{role}")});
        if let (Some(configuration), false) = (configuration.as_object_mut(), vpc.is_null()) {
            configuration.insert("vpcConfig".to_owned(), vpc);
        }
        let arn = format!("arn:aws:lambda:{HOME_REGION}:{account}:function:{name}");
        row("AWS::Lambda::Function", account, arn, name, configuration)
    };
    let in_vpc = json!({"subnetIds": ["subnet-0a51c3d2e4f607182"], "securityGroupIds": ["sg-0f1e2d3c4b5a69788"]});
    let job = |name: &str, configuration: Value| {
        let arn = format!("arn:aws:glue:{HOME_REGION}:{DATA_LAKE}:job/{name}");
        row("AWS::Glue::Job", DATA_LAKE, arn, name, configuration)
    };
    let etl = format!("arn:aws:iam::{DATA_LAKE}:role/etl-job");
    let notebook = row(
        "AWS::SageMaker::NotebookInstance",
        DATA_LAKE,
        format!("arn:aws:sagemaker:{HOME_REGION}:{DATA_LAKE}:notebook-instance/forecast"),
        "forecast",
        json!({"DirectInternetAccess": "Enabled", "InstanceType": "ml.t3.medium",
            "RoleArn": format!("arn:aws:iam::{DATA_LAKE}:role/service-role/notebook")}),
    );
    vec![
        (
            "config-AWS_Lambda_Function.json".to_owned(),
            list(
                "Results",
                &[
                    function(SHOP_PRODUCTION, "orders", "service-role/orders-function", in_vpc),
                    function(SHOP_STAGING, "orders", "service-role/orders-function", Value::Null),
                ],
            ),
        ),
        (
            "config-AWS_Glue_Job.json".to_owned(),
            list(
                "Results",
                &[
                    job(
                        "catalog",
                        json!({"Role": etl, "Command": {"Name": "glueetl"}, "Connections": {"Connections": ["warehouse"]},
                            "DefaultArguments": {"--disable-proxy-v2": "true"}}),
                    ),
                    job("nightly", json!({"Role": etl, "Command": {"Name": "glueetl"}, "DefaultArguments": {}})),
                ],
            ),
        ),
        ("config-AWS_SageMaker_NotebookInstance.json".to_owned(), list("Results", &[notebook])),
    ]
}
