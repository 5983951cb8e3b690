//! Stories about calls that are denied already.

use super::outside::STRANGER;
use super::teller::{INFORMATION, Origin, Scene, Teller, Who, instance, outsider_id, through};
use crate::sample::background::as_network_activity;
use crate::sample::operations::{self as operation, BucketRef};
use crate::sample::organization::{
    APP_SERVER, DATA_LAKE, HOME_REGION, Organization, PEOPLE, SANDBOX, SHOP_PRODUCTION, SHOP_STAGING, Trust,
};
use crate::sample::random::ALPHANUMERIC;

const DENIED: &str = "common_only_denied";
const PYTHON: &str =
    "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.1.134 md/arch#aarch64 lang/python#3.13.2 Botocore/1.40.21";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";
const SCP: &str = "arn:aws:organizations::110000000011:policy/o-palisade01/service_control_policy/p-pal1deny";
const RCP: &str = "arn:aws:organizations::110000000011:policy/o-palisade01/resource_control_policy/p-pal2edge";

pub(super) fn tell(teller: &mut Teller, organization: &Organization) {
    denied(teller, organization);
    endpoint_policy(teller, organization);
}

fn denied(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "denied",
        "What is denied already, and by which policy",
        "Services write a denial in different ways: `Client.UnauthorizedOperation` with an encoded message (Amazon EC2),
`AccessDeniedException` (Amazon DynamoDB, AWS Secrets Manager), `AccessDenied` (Amazon S3, AWS KMS). Some messages name the policy that
said no, with its ARN: a service control policy, a resource control policy, or no identity-based policy at all. A security group rule
that is not there (`Client.InvalidPermission.NotFound`) is no denial. All of it comes from expected networks, so nothing else is found.",
    );
    let Some(role) = organization.account(SANDBOX).and_then(|account| account.people_role()) else { return };
    let person = PEOPLE.get(5).copied().unwrap_or("");
    let sandbox = Scene {
        account: SANDBOX,
        region: HOME_REGION,
        who: Who::Role(role.clone(), person.to_owned()),
        origin: Origin::Address("203.0.113.61"),
        agent: FIREFOX,
        invoked_by: None,
    };
    let session = format!("arn:aws:sts::{SANDBOX}:assumed-role/{}/{person}", role.name);
    let found = [(DENIED, INFORMATION)];
    teller.plant(&sandbox, &[(3, 14, 30)], 3, None, &found, |record, random| {
        let request = "{\"instancesSet\":{\"items\":[{\"imageId\":\"ami-0a1b2c3d4e5f60718\",\"minCount\":1,\"maxCount\":1}]},\
                       \"instanceType\":\"p5.48xlarge\",\"blockDeviceMapping\":{},\"monitoring\":{\"enabled\":false}}";
        operation::plain(record, "ec2.amazonaws.com", "RunInstances", false, request.to_owned(), String::new());
        record.version = "1.10";
        record.error = Some((
            "Client.UnauthorizedOperation",
            format!(
                "You are not authorized to perform this operation. User: {session} is not authorized to perform: ec2:RunInstances on \
                 resource: arn:aws:ec2:{HOME_REGION}:{SANDBOX}:instance/* with an explicit deny in a service control policy. Encoded \
                 authorization failure message: {}",
                random.letters(ALPHANUMERIC, 400)
            ),
        ));
    });
    teller.plant(&sandbox, &[(3, 14, 40)], 2, None, &[], |record, random| {
        let request = format!("{{\"groupId\":\"{}\",\"ipPermissions\":{{}}}}", operation::resource_id(random, "sg"));
        operation::plain(record, "ec2.amazonaws.com", "RevokeSecurityGroupIngress", false, request, String::new());
        record.version = "1.10";
        record.error =
            Some(("Client.InvalidPermission.NotFound", "The specified rule does not exist in this security group.".to_owned()));
    });
    let job = teller.role(DATA_LAKE, "/", "etl-job", Trust::Service("ec2.amazonaws.com"), Some("data-platform"));
    let session = format!("arn:aws:sts::{DATA_LAKE}:assumed-role/etl-job/{}", instance("etl"));
    let etl = Scene {
        account: DATA_LAKE,
        region: HOME_REGION,
        who: Who::Role(job, instance("etl")),
        origin: Origin::Address("192.0.2.11"),
        agent: PYTHON,
        invoked_by: None,
    };
    let table = format!("arn:aws:dynamodb:{HOME_REGION}:{DATA_LAKE}:table/ratings");
    teller.plant(&etl, &[(4, 3, 20)], 5, None, &found, |record, random| {
        operation::dynamodb(record, random, "GetItem", &table, DATA_LAKE);
        record.error = Some((
            "AccessDeniedException",
            format!(
                "User: {session} is not authorized to perform: dynamodb:GetItem on resource: {table} with an explicit deny in a \
                 service control policy: {SCP}"
            ),
        ));
    });
    let key = format!("arn:aws:kms:{HOME_REGION}:{DATA_LAKE}:key/0c9d7c1e-2f64-4b8e-8a2b-64c1f0a7be19");
    teller.plant(&etl, &[(4, 3, 30)], 4, None, &found, |record, random| {
        operation::kms(record, random, "Decrypt", &key, DATA_LAKE, "arn:aws:s3:::palisade-data-lake-data");
        record.additional = String::new();
        record.error = Some((
            "AccessDenied",
            format!(
                "User: {session} is not authorized to perform: kms:Decrypt on resource: {key} because no identity-based policy allows \
                 the kms:Decrypt action"
            ),
        ));
    });
    teller.plant(&etl, &[(4, 3, 40)], 2, None, &found, |record, _| {
        let secret = format!("arn:aws:secretsmanager:{HOME_REGION}:{DATA_LAKE}:secret:warehouse-9tQ2Lb");
        let request = format!("{{\"secretId\":\"{secret}\"}}");
        operation::plain(record, "secretsmanager.amazonaws.com", "GetSecretValue", true, request, String::new());
        record.error = Some((
            "AccessDeniedException",
            format!(
                "User: {session} is not authorized to perform: secretsmanager:GetSecretValue on resource: {secret} with an explicit \
                 deny in a resource-based policy"
            ),
        ));
    });
    let worker = teller.role(SHOP_STAGING, "/", "label-printer", Trust::Service("ec2.amazonaws.com"), None);
    let session = format!("arn:aws:sts::{SHOP_STAGING}:assumed-role/label-printer/{}", instance("label"));
    let printer = Scene { account: SHOP_STAGING, who: Who::Role(worker, instance("label")), ..etl };
    let reports = BucketRef { name: "palisade-shop-staging-reports", region: HOME_REGION, owner: Some(SHOP_STAGING) };
    teller.plant(&printer, &[(6, 6, 20)], 6, Some(reports.name), &found, |record, random| {
        operation::s3_object(record, random, "GetObject", reports, "labels/today.pdf");
        record.error = Some((
            "AccessDenied",
            format!(
                "User: {session} is not authorized to perform: s3:GetObject on resource: \
                 \"arn:aws:s3:::palisade-shop-staging-reports/labels/today.pdf\" with an explicit deny in a resource control policy, \
                 with policy ARN: {RCP}"
            ),
        ));
    });
}

fn endpoint_policy(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "endpoint-policy-denials",
        "Denials by a VPC endpoint policy",
        "The endpoint policy of the production shop stops an upload to a private bucket, and two attempts of somebody who brought
credentials of account 777700007777. Only the network activity events show them; of a caller of another account they show no more than
the account and the id.",
    );
    let Some(shop) = organization.account(SHOP_PRODUCTION) else { return };
    let (Some(vpc), Some(role)) = (shop.vpc(HOME_REGION), shop.role(APP_SERVER)) else { return };
    let own = Scene {
        account: SHOP_PRODUCTION,
        region: HOME_REGION,
        who: Who::Role(role.clone(), instance("uploader")),
        origin: through(vpc, "s3", SHOP_PRODUCTION, "10.52.8.8"),
        agent: "",
        invoked_by: None,
    };
    let dropbox = BucketRef { name: "my-private-photos-1986", region: HOME_REGION, owner: None };
    let found = [(DENIED, INFORMATION)];
    let denied = |record: &mut crate::sample::record::Record| {
        as_network_activity(record, SHOP_PRODUCTION);
        record.error = Some(("VpceAccessDenied", "The request was denied due to a VPC endpoint policy".to_owned()));
    };
    teller.plant(&own, &[(8, 18, 0)], 5, Some(dropbox.name), &found, |record, random| {
        operation::s3_object(record, random, "PutObject", dropbox, "backup.zip");
        denied(record);
    });
    let brought = Scene { who: Who::Outsider(STRANGER, outsider_id("AIDA", STRANGER, "visitor")), ..own };
    teller.plant(&brought, &[(8, 18, 10)], 2, None, &found, |record, random| {
        operation::s3_object(record, random, "PutObject", dropbox, "backup.zip");
        denied(record);
        record.request = String::new();
    });
}
