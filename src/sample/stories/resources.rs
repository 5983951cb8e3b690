//! Stories about buckets that others own.

use super::outside::{EMR, MERGED, PARTNER, STRANGER, SURVEY};
use super::teller::{CROSSES, EXCEPTED, OWNED, Origin, Scene, Teller, UNDETERMINED, Who, instance, json, outsider_id, through};
use crate::sample::operations::{self as operation, BucketRef};
use crate::sample::organization::{DATA_LAKE, HOME_REGION, Organization, SHOP_PRODUCTION, SHOP_STAGING, Trust};

const SCP: &str = "s3_scp_resource_perimeter";
const ACCOUNT_ENDPOINT: &str = "s3_vpce_policy_resource_perimeter_account_to_not_mine";
const ORGANIZATION_ENDPOINT: &str = "s3_vpce_policy_resource_perimeter_org_to_not_mine";

const JAVA: &str =
    "aws-sdk-java/2.31.8 Linux/6.1.134 OpenJDK_64-Bit_Server_VM/21.0.6 Java/21.0.6 md/io#async cfg/retry-mode#standard";
const PYTHON: &str =
    "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.1.134 md/arch#aarch64 lang/python#3.13.2 Botocore/1.40.21";

/// A bucket in the home region; `None` where records hide the owner.
fn bucket<'a>(name: &'a str, owner: Option<&'a str>) -> BucketRef<'a> {
    BucketRef { name, region: HOME_REGION, owner }
}

/// A scene in the main VPC of an account, through its S3 endpoint.
fn inside(organization: &Organization, account: &'static str, who: Who, address: &'static str, agent: &'static str) -> Scene {
    let vpc = organization.account(account).and_then(|account| account.vpc(HOME_REGION));
    let origin = vpc.map_or(Origin::Address(address), |vpc| through(vpc, "s3", account, address));
    Scene { account, region: HOME_REGION, who, origin, agent, invoked_by: None }
}

pub(super) fn tell(teller: &mut Teller, organization: &Organization) {
    partner(teller, organization);
    migration(teller, organization);
    survey(teller, organization);
    aws_owned(teller, organization);
    hidden_owner(teller, organization);
}

fn partner(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "partner-bucket",
        "The freight partner's second bucket",
        "The shop's `freight-export` role hands shipping lists to a freight company (account 555500005555). The bucket that the
contract names, `northwind-freight-inbox`, is trusted together with its owner, and the partner's own calls are trusted as well. In
the second week the team began to use another bucket of the same company, `northwind-freight-returns`, which nobody put into the
perimeter definition. A resource perimeter would break the returns on its first day. The partner fetches its reports from
198.51.100.66: the section of that bucket exempts the partner from the network perimeter, so the bucket's own policy may let it
through, but a network perimeter for the whole account would stop it, and the two queries that ask for that say so.",
    );
    let role =
        teller.role(SHOP_PRODUCTION, "/integration/", "freight-export", Trust::Service("ec2.amazonaws.com"), Some("logistics"));
    let scene = inside(organization, SHOP_PRODUCTION, Who::Role(role, instance("freight")), "10.52.3.17", JAVA);
    let inbox = bucket("northwind-freight-inbox", Some(PARTNER));
    let days = [(0, 4, 10), (2, 4, 10), (4, 4, 10), (7, 4, 10), (9, 4, 10), (11, 4, 10)];
    teller.plant(&scene, &days, 6, Some(inbox.name), &[], |record, random| {
        operation::s3_object(record, random, "PutObject", inbox, "palisade/shipping-list.csv");
    });
    let returns = bucket("northwind-freight-returns", Some(PARTNER));
    let expected = [(SCP, CROSSES), (ACCOUNT_ENDPOINT, CROSSES), (ORGANIZATION_ENDPOINT, CROSSES)];
    teller.plant(&scene, &[(8, 4, 20), (10, 4, 20), (12, 4, 20)], 8, Some(returns.name), &expected, |record, random| {
        operation::s3_object(record, random, "PutObject", returns, "palisade/returns.csv");
    });
    teller.bucket(SHOP_PRODUCTION, "palisade-shop-production-partner-reports", Some("logistics"));
    let reports = bucket("palisade-shop-production-partner-reports", Some(SHOP_PRODUCTION));
    let reader = Scene {
        who: Who::Outsider(PARTNER, format!("{}:northwind-batch", outsider_id("AROA", PARTNER, "batch"))),
        origin: Origin::Address("198.51.100.66"),
        ..scene
    };
    let expected = [("common_from_public_cidr_ipv4", CROSSES), ("common_network_perimeter_ipv4", CROSSES)];
    teller.plant(&reader, &[(1, 6, 0), (5, 6, 0), (8, 6, 0)], 6, Some(reports.name), &expected, |record, random| {
        operation::s3_object(record, random, "GetObject", reports, "2026/10/shipments.csv");
        record.shared_event_id = Some(random.uuid());
    });
}

fn migration(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "migrating-app",
        "The product catalog moves to a foreign account",
        "The shop merges with another company. Since the second week the function `catalog-sync` copies the product catalog into
`aurora-catalog-store`, a bucket of the other company (account 666600006666), and a role and a user of that account read
`palisade-shop-production-catalog` over the internet. Nobody told the security team. All three perimeters are crossed: the resource
perimeter by the copies, the identity perimeter by the readers, the network perimeter by the address from which they read.",
    );
    let role = teller.role(SHOP_PRODUCTION, "/", "catalog-sync", Trust::Service("lambda.amazonaws.com"), Some("catalog"));
    let scene = inside(organization, SHOP_PRODUCTION, Who::Role(role, "catalog-sync".to_owned()), "10.52.9.44", PYTHON);
    teller.bucket(SHOP_PRODUCTION, "palisade-shop-production-catalog", Some("catalog"));
    let own = bucket("palisade-shop-production-catalog", Some(SHOP_PRODUCTION));
    let foreign = bucket("aurora-catalog-store", Some(MERGED));
    let expected = [(SCP, CROSSES), (ACCOUNT_ENDPOINT, CROSSES), (ORGANIZATION_ENDPOINT, CROSSES)];
    let days = [(7, 21, 0), (8, 21, 0), (9, 21, 0), (10, 21, 0), (11, 21, 0), (12, 21, 0)];
    teller.plant(&scene, &days, 10, Some(foreign.name), &expected, |record, random| {
        let key = operation::object_key(random, "catalog");
        operation::s3_object(record, random, "PutObject", foreign, &key);
    });
    teller.plant(&scene, &[(12, 21, 10), (13, 21, 10)], 6, Some(foreign.name), &expected, |record, random| {
        operation::s3_copy(record, random, own, foreign, "catalog/full.parquet");
    });
    let everything = [
        ("common_from_public_cidr_ipv4", CROSSES),
        ("common_identity_perimeter_org_boundary", CROSSES),
        ("common_network_perimeter_ipv4", CROSSES),
        ("s3_bucket_policy_identity_perimeter_org_boundary", CROSSES),
        ("s3_bucket_policy_identity_perimeter_ou_boundary", CROSSES),
        ("s3_bucket_policy_network_perimeter_ipv4", CROSSES),
    ];
    let reader = Scene {
        who: Who::Outsider(MERGED, format!("{}:catalog-import", outsider_id("AROA", MERGED, "import"))),
        origin: Origin::Address("198.51.100.150"),
        ..scene
    };
    teller.plant(&reader, &[(9, 23, 0), (11, 23, 0), (13, 22, 0)], 10, Some(own.name), &everything, |record, random| {
        operation::s3_object(record, random, "GetObject", own, "catalog/full.parquet");
        record.shared_event_id = Some(random.uuid());
    });
    let person = Scene { who: Who::Outsider(MERGED, outsider_id("AIDA", MERGED, "engineer")), ..reader };
    teller.plant(&person, &[(10, 10, 30)], 5, Some(own.name), &everything, |record, random| {
        operation::s3_list(record, random, own, "catalog/");
        record.shared_event_id = Some(random.uuid());
    });
}

fn survey(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "survey-exception",
        "A survey with an exception that still applies",
        "The data lake hands survey answers to an agency's bucket, `vantage-survey-drop` (account 999900009999). The security team
accepted it until the end of the year: the exception `survey-until-new-year` has an owner, a reason and a date. The calls stay in
the report, marked as excepted. Two more exceptions are in the perimeter definition: one that has expired (see the auditor), and
one that never matched anything and should be taken out.",
    );
    let role = teller.role(DATA_LAKE, "/", "survey-upload", Trust::Service("ec2.amazonaws.com"), Some("research"));
    let scene = inside(organization, DATA_LAKE, Who::Role(role, instance("survey")), "10.61.2.8", PYTHON);
    let drop = bucket("vantage-survey-drop", Some(SURVEY));
    let expected = [(SCP, EXCEPTED), (ACCOUNT_ENDPOINT, EXCEPTED), (ORGANIZATION_ENDPOINT, EXCEPTED)];
    teller.plant(&scene, &[(3, 2, 0), (6, 2, 0), (10, 2, 0)], 5, Some(drop.name), &expected, |record, random| {
        operation::s3_object(record, random, "PutObject", drop, "answers/wave-4.csv");
    });
}

fn aws_owned(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "aws-owned-buckets",
        "Buckets of AWS, and one that only looks like it",
        "A cluster of Amazon EMR writes its logs to `aws157-logs-prod-eu-central-1`. The perimeter definition knows the account
that owns such buckets (514483059857), so the calls are service-owned: a resource perimeter needs an exception for them. A notebook
reads `jumpstart-cache-prod-eu-central-1`, a name of Amazon SageMaker, but the record hides the owner: a name is no proof, the
verdict is undetermined. And somebody (account 777700007777) has registered `aws157-logs-prod-eu-central-1-archive`, a name that
fits the pattern, and tricked the same cluster into writing there: that crosses the perimeter, and is the reason why names alone
are never trusted.",
    );
    let role = teller.role(DATA_LAKE, "/", "emr-node", Trust::Service("ec2.amazonaws.com"), Some("data-platform"));
    let scene = inside(organization, DATA_LAKE, Who::Role(role, instance("emr")), "10.61.4.90", JAVA);
    let logs = bucket("aws157-logs-prod-eu-central-1", Some(EMR));
    let expected = [(SCP, OWNED), (ACCOUNT_ENDPOINT, OWNED), (ORGANIZATION_ENDPOINT, OWNED)];
    teller.plant(&scene, &[(1, 1, 0), (8, 1, 0)], 11, Some(logs.name), &expected, |record, random| {
        operation::s3_object(record, random, "PutObject", logs, "j-3H6EATEWWRWS/daemons/instance-state.log-2026.gz");
    });
    let squatted = bucket("aws157-logs-prod-eu-central-1-archive", Some(STRANGER));
    let expected = [(SCP, CROSSES), (ACCOUNT_ENDPOINT, CROSSES), (ORGANIZATION_ENDPOINT, CROSSES)];
    teller.plant(&scene, &[(8, 1, 10)], 7, Some(squatted.name), &expected, |record, random| {
        operation::s3_object(record, random, "PutObject", squatted, "j-3H6EATEWWRWS/daemons/instance-state.log-2026.gz");
    });
    let role =
        teller.role(DATA_LAKE, "/service-role/", "notebook", Trust::Service("sagemaker.amazonaws.com"), Some("research"));
    let scene = inside(organization, DATA_LAKE, Who::Role(role, "SageMaker".to_owned()), "10.61.4.31", PYTHON);
    let cache = bucket("jumpstart-cache-prod-eu-central-1", None);
    let expected = [(SCP, UNDETERMINED), (ACCOUNT_ENDPOINT, UNDETERMINED), (ORGANIZATION_ENDPOINT, UNDETERMINED)];
    teller.plant(&scene, &[(4, 9, 0)], 9, Some(cache.name), &expected, |record, random| {
        operation::s3_object(record, random, "GetObject", cache, "models_manifest.json");
    });
}

fn hidden_owner(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "hidden-owner",
        "A bucket whose owner nobody tells",
        "The staging shop's `image-proxy` fetches pictures from `retail-media-cdn`. Some records list the bucket without an
account, some list nothing but the request, and the inventory does not know it. It is not ours until somebody proves it:
undetermined, never dropped.",
    );
    let role = teller.role(SHOP_STAGING, "/", "image-proxy", Trust::Service("ec2.amazonaws.com"), None);
    let scene = inside(organization, SHOP_STAGING, Who::Role(role, instance("image-proxy")), "10.77.1.12", PYTHON);
    let media = bucket("retail-media-cdn", None);
    let expected = [(SCP, UNDETERMINED), (ACCOUNT_ENDPOINT, UNDETERMINED), (ORGANIZATION_ENDPOINT, UNDETERMINED)];
    teller.plant(&scene, &[(2, 12, 0), (9, 12, 0)], 4, Some(media.name), &expected, |record, random| {
        operation::s3_object(record, random, "GetObject", media, "banners/autumn.png");
    });
    teller.plant(&scene, &[(5, 12, 0)], 3, Some(media.name), &expected, |record, random| {
        operation::s3_object(record, random, "GetObject", media, "banners/autumn.png");
        // One more shape of the same fact: no resources at all, only the request.
        record.resources = String::new();
        record.request = format!("{{\"bucketName\":{},\"key\":\"banners/autumn.png\"}}", json(media.name));
    });
}
