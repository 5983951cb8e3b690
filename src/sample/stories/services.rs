//! Stories about AWS services that call with somebody's credentials.

use super::teller::{CROSSES, INFORMATION, Origin, Scene, Teller, UNDETERMINED, Who};
use crate::sample::background::AWS_ENDPOINT;
use crate::sample::operations::{self as operation, BucketRef};
use crate::sample::organization::{
    DATA_LAKE, HOME_REGION, Organization, PEOPLE, SECURITY_TOOLING, SHOP_PRODUCTION, SHOP_STAGING, Trust,
};

const NETWORK: &str = "common_network_perimeter_ipv4";
const SERVICE_ROLE: &str = "common_service_role_from_aws";
const LINKED: &str = "common_service_linked_roles";
const S3_CALLER: &str = "s3_scp_network_perimeter_ipv4";
const S3_BUCKET: &str = "s3_bucket_policy_network_perimeter_ipv4";

fn bucket<'a>(name: &'a str, owner: &'a str) -> BucketRef<'a> {
    BucketRef { name, region: HOME_REGION, owner: Some(owner) }
}

/// A call from the network of a service.
fn from_service(account: &'static str, who: Who, service: &'static str, invoked_by: Option<&'static str>) -> Scene {
    let origin = Origin::Service { name: service, endpoint: None };
    Scene { account, region: HOME_REGION, who, origin, agent: service, invoked_by }
}

pub(super) fn tell(teller: &mut Teller, organization: &Organization) {
    service_linked_roles(teller);
    service_roles(teller);
    on_behalf_of_people(teller, organization);
}

fn service_linked_roles(teller: &mut Teller) {
    teller.story(
        "service-linked-roles",
        "Service-linked roles at work",
        "AWS Config describes what is there and reads bucket settings, through an endpoint of its own; Auto Scaling starts and stops
instances. They use service-linked roles, which neither service control policies nor resource control policies bind: listed for
information, in no perimeter query.",
    );
    for account in [SHOP_PRODUCTION, SECURITY_TOOLING] {
        let path = "/aws-service-role/config.amazonaws.com/";
        let role = teller.role(account, path, "AWSServiceRoleForConfig", Trust::Service("config.amazonaws.com"), None);
        let who = Who::Role(role, "AWSConfig-Describe".to_owned());
        let scene = from_service(account, who.clone(), "config.amazonaws.com", Some("config.amazonaws.com"));
        teller.plant(&scene, &[(0, 6, 5), (7, 6, 5)], 6, None, &[(LINKED, INFORMATION)], |record, _| {
            let request = "{\"DescribeNatGatewaysRequest\":\"\"}".to_owned();
            operation::plain(record, "ec2.amazonaws.com", "DescribeNatGateways", true, request, String::new());
            record.version = "1.10";
        });
        let inner = Scene {
            origin: Origin::Service { name: "AWS Internal", endpoint: Some(AWS_ENDPOINT) },
            agent: "AWS Internal",
            invoked_by: Some("AWS Internal"),
            ..scene
        };
        let name = if account == SHOP_PRODUCTION { "palisade-shop-production-data" } else { "palisade-security-tooling-data" };
        let data = bucket(name, account);
        teller.plant(&inner, &[(0, 6, 10)], 4, None, &[(LINKED, INFORMATION)], |record, random| {
            operation::s3_bucket(record, random, "GetBucketCors", "cors", data);
            record.error = Some(("NoSuchCORSConfiguration", "The CORS configuration does not exist".to_owned()));
        });
    }
    let path = "/aws-service-role/autoscaling.amazonaws.com/";
    let trust = Trust::Service("autoscaling.amazonaws.com");
    let role = teller.role(SHOP_PRODUCTION, path, "AWSServiceRoleForAutoScaling", trust, None);
    let who = Who::Role(role, "AutoScaling".to_owned());
    let scene = from_service(SHOP_PRODUCTION, who, "autoscaling.amazonaws.com", Some("autoscaling.amazonaws.com"));
    teller.plant(&scene, &[(1, 7, 30), (4, 7, 30)], 3, None, &[(LINKED, INFORMATION)], |record, random| {
        let id = operation::resource_id(random, "i");
        let request = format!("{{\"instancesSet\":{{\"items\":[{{\"instanceId\":\"{id}\"}}]}}}}");
        let response = format!(
            "{{\"requestId\":\"{}\",\"instancesSet\":{{\"items\":[{{\"instanceId\":\"{id}\",\"currentState\":{{\"code\":32,\
             \"name\":\"shutting-down\"}},\"previousState\":{{\"code\":16,\"name\":\"running\"}}}}]}}}}",
            random.uuid()
        );
        operation::plain(record, "ec2.amazonaws.com", "TerminateInstances", false, request, response);
        record.version = "1.10";
    });
}

fn service_roles(teller: &mut Teller) {
    teller.story(
        "service-roles",
        "Service roles that call from AWS's networks",
        "A crawler of AWS Glue reads the data lake with the role that Glue assumed, and a build of AWS CodeBuild writes its log
stream, in records that do not say `invokedBy`. Both come from networks of AWS; a network perimeter without an exception for service
roles breaks them. Two more are not certain: Amazon Athena reads with a role that only AWS Lambda may assume, most likely on behalf
of a function, and a call says no more than `AWS Internal`.",
    );
    let role = teller.role(
        DATA_LAKE,
        "/service-role/",
        "AWSGlueServiceRole-catalog",
        Trust::Service("glue.amazonaws.com"),
        Some("data-platform"),
    );
    let curated = bucket("palisade-data-lake-data", DATA_LAKE);
    let who = Who::Role(role, "AWS-Crawler".to_owned());
    let scene = from_service(DATA_LAKE, who, "glue.amazonaws.com", Some("glue.amazonaws.com"));
    let certain = [(NETWORK, CROSSES), (SERVICE_ROLE, CROSSES), (S3_CALLER, CROSSES), (S3_BUCKET, CROSSES)];
    teller.plant(&scene, &[(2, 1, 30), (9, 1, 30)], 9, Some(curated.name), &certain, |record, random| {
        operation::s3_object(record, random, "GetObject", curated, "events/2026/10/part-00001.parquet");
    });
    let role = teller.role(
        SHOP_STAGING,
        "/service-role/",
        "codebuild-shop",
        Trust::Service("codebuild.amazonaws.com"),
        Some("platform"),
    );
    let who = Who::Role(role, "AWSCodeBuild-6b1f0e3c".to_owned());
    let scene = from_service(SHOP_STAGING, who, "codebuild.amazonaws.com", None);
    teller.plant(
        &scene,
        &[(3, 16, 0), (10, 16, 0)],
        5,
        None,
        &[(NETWORK, CROSSES), (SERVICE_ROLE, CROSSES)],
        |record, random| {
            let request = format!("{{\"logGroupName\":\"/aws/codebuild/shop\",\"logStreamName\":\"{}\"}}", random.uuid());
            operation::plain(record, "logs.amazonaws.com", "CreateLogStream", false, request, String::new());
            record.version = "1.08";
        },
    );
    let role = teller.role(DATA_LAKE, "/", "report-query", Trust::Service("lambda.amazonaws.com"), Some("research"));
    let who = Who::Role(role, "report-query".to_owned());
    let scene = from_service(DATA_LAKE, who.clone(), "athena.amazonaws.com", Some("athena.amazonaws.com"));
    let open = [(NETWORK, UNDETERMINED), (SERVICE_ROLE, UNDETERMINED), (S3_CALLER, UNDETERMINED), (S3_BUCKET, UNDETERMINED)];
    teller.plant(&scene, &[(5, 5, 10)], 9, Some(curated.name), &open, |record, random| {
        operation::s3_object(record, random, "GetObject", curated, "events/2026/10/part-00002.parquet");
    });
    let inner = from_service(DATA_LAKE, who, "AWS Internal", Some("AWS Internal"));
    let key = format!("arn:aws:kms:{HOME_REGION}:{DATA_LAKE}:key/0c9d7c1e-2f64-4b8e-8a2b-64c1f0a7be19");
    teller.plant(&inner, &[(5, 5, 15)], 5, None, &[(NETWORK, UNDETERMINED), (SERVICE_ROLE, UNDETERMINED)], |record, random| {
        operation::kms(record, random, "Decrypt", &key, DATA_LAKE, "arn:aws:s3:::palisade-data-lake-data");
    });
}

fn on_behalf_of_people(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "on-behalf-of-people",
        "Services that call on behalf of people",
        "Amazon Athena reads the data lake with the keys of the user `analyst`, and AWS CloudFormation creates a security group for
Elena Santos. The services forward the sessions of their callers (`invokedBy` names the service, and neither caller is a role that a
service may assume). Network perimeters let such calls through with `aws:ViaAWSService`: no finding.",
    );
    let curated = bucket("palisade-data-lake-data", DATA_LAKE);
    let who = Who::User(DATA_LAKE, "analyst");
    let scene = from_service(DATA_LAKE, who, "athena.amazonaws.com", Some("athena.amazonaws.com"));
    teller.plant(&scene, &[(1, 10, 0), (8, 10, 0)], 8, Some(curated.name), &[], |record, random| {
        operation::s3_object(record, random, "GetObject", curated, "events/2026/10/part-00003.parquet");
    });
    let Some(role) = organization.account(SHOP_STAGING).and_then(|account| account.people_role()) else { return };
    let who = Who::Role(role.clone(), PEOPLE.get(4).copied().unwrap_or("").to_owned());
    let scene = from_service(SHOP_STAGING, who, "cloudformation.amazonaws.com", Some("cloudformation.amazonaws.com"));
    teller.plant(&scene, &[(2, 11, 0)], 4, None, &[], |record, random| {
        let request = format!(
            "{{\"groupName\":\"orders-{}\",\"groupDescription\":\"orders\",\"vpcId\":\"{}\"}}",
            random.below(100),
            operation::resource_id(random, "vpc")
        );
        let response = format!("{{\"groupId\":\"{}\",\"_return\":true}}", operation::resource_id(random, "sg"));
        operation::plain(record, "ec2.amazonaws.com", "CreateSecurityGroup", false, request, response);
        record.version = "1.10";
    });
}
