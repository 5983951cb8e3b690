//! Stories about who calls.

use super::outside::AUDITOR;
use super::teller::{CROSSES, Origin, Scene, Teller, UNDETERMINED, Who, instance, outsider_id, through};
use crate::sample::identity::session_key;
use crate::sample::operations::{self as operation, BucketRef};
use crate::sample::organization::{
    DATA_LAKE, HOME_REGION, LEDGER, Organization, SANDBOX, SHOP_PRODUCTION, SHOP_STAGING, Trust, user_id,
};
use crate::sample::record::{text, time};

const PUBLIC: &str = "common_from_public_cidr_ipv4";
const NETWORK: &str = "common_network_perimeter_ipv4";
const IDENTITY: &str = "common_identity_perimeter_org_boundary";
const S3_CALLER: &str = "s3_scp_network_perimeter_ipv4";
const S3_BUCKET: &str = "s3_bucket_policy_network_perimeter_ipv4";
const S3_ORGANIZATION: &str = "s3_bucket_policy_identity_perimeter_org_boundary";
const S3_UNIT: &str = "s3_bucket_policy_identity_perimeter_ou_boundary";

const CURL: &str = "curl/8.15.0";
const PYTHON: &str =
    "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.1.134 md/arch#aarch64 lang/python#3.13.2 Botocore/1.40.21";
const CLI: &str = "aws-cli/2.28.16 md/awscrt#0.27.6 ua/2.1 os/macos#25.0.0 md/arch#arm64 lang/python#3.13.7 md/prompt#off";
const CHROME: &str =
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";

fn bucket<'a>(name: &'a str, owner: &'a str) -> BucketRef<'a> {
    BucketRef { name, region: HOME_REGION, owner: Some(owner) }
}

pub(super) fn tell(teller: &mut Teller, organization: &Organization) {
    anonymous(teller);
    role_chain(teller, organization);
    auditor(teller);
    boundary(teller);
    federation(teller);
}

fn anonymous(teller: &mut Teller) {
    teller.story(
        "anonymous",
        "A bucket that anybody can read",
        "The press pictures of the shop are public. The records of anonymous callers come in two shapes: with the type `AWSAccount`
and an empty id, and with no type at all. Both are nobody of the organization, from networks that nobody expects.",
    );
    teller.bucket(SHOP_PRODUCTION, "palisade-shop-production-press", Some("marketing"));
    let press = bucket("palisade-shop-production-press", SHOP_PRODUCTION);
    let expected = [
        (PUBLIC, CROSSES),
        (IDENTITY, CROSSES),
        (NETWORK, CROSSES),
        (S3_ORGANIZATION, CROSSES),
        (S3_UNIT, CROSSES),
        (S3_BUCKET, CROSSES),
    ];
    let scene = Scene {
        account: SHOP_PRODUCTION,
        region: HOME_REGION,
        who: Who::Anonymous { with_type: true },
        origin: Origin::Address("198.51.100.77"),
        agent: CHROME,
        invoked_by: None,
    };
    let fill = |record: &mut crate::sample::record::Record, random: &mut crate::sample::random::Random| {
        operation::s3_object(record, random, "GetObject", press, "images/autumn.jpg");
        // Nobody signed.
        record.additional = record.additional.replace("\"SignatureVersion\":\"SigV4\",", "");
        record.additional = record.additional.replace("\"AuthenticationMethod\":\"AuthHeader\",", "");
        record.from_console = false;
    };
    teller.plant(&scene, &[(3, 13, 0), (6, 19, 0), (12, 8, 0)], 7, Some(press.name), &expected, fill);
    let scene =
        Scene { who: Who::Anonymous { with_type: false }, origin: Origin::Address("2001:db8:bad::99"), agent: CURL, ..scene };
    teller.plant(&scene, &[(12, 8, 10)], 9, Some(press.name), &expected, fill);
}

fn role_chain(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "role-chain",
        "A chain of roles through three accounts",
        "Every morning the instance `report-hub` of the data lake assumes `orders-reader` in the production shop, and with that
session `ledger-reader` in the ledger, whose reports it reads through the data lake's endpoint. Each `AssumeRole` is recorded in both
accounts, as two records with one `sharedEventID`; the caller's unique id is all that the second account sees. All of it stays in the
organization and in expected networks: no finding.",
    );
    let hub = teller.role(DATA_LAKE, "/", "report-hub", Trust::Service("ec2.amazonaws.com"), Some("research"));
    let reader =
        teller.role(SHOP_PRODUCTION, "/", "orders-reader", Trust::Principal("arn:aws:iam::170000000017:role/report-hub"), None);
    let ledger = teller.role(
        LEDGER,
        "/",
        "ledger-reader",
        Trust::Principal("arn:aws:iam::150000000015:role/orders-reader"),
        Some("ledger"),
    );
    let Some(vpc) = organization.account(DATA_LAKE).and_then(|account| account.vpc(HOME_REGION)) else { return };
    let sts = Scene {
        account: DATA_LAKE,
        region: HOME_REGION,
        who: Who::Role(hub, instance("report-hub")),
        origin: through(vpc, "sts", DATA_LAKE, "10.61.7.7"),
        agent: PYTHON,
        invoked_by: None,
    };
    let reports = bucket("palisade-ledger-reports", LEDGER);
    for day in [2, 6, 10] {
        // Sessions begin seven minutes before the hour, so the chain takes three hours.
        teller.assume_across(&sts, &reader, "report-hub", (day, 5, 0), &[]);
        let second = Scene { account: SHOP_PRODUCTION, who: Who::Role(reader.clone(), "report-hub".to_owned()), ..sts.clone() };
        teller.assume_across(&second, &ledger, "report-hub-chain", (day, 6, 0), &[]);
        let third = Scene {
            account: LEDGER,
            who: Who::Role(ledger.clone(), "report-hub-chain".to_owned()),
            origin: through(vpc, "s3", DATA_LAKE, "10.61.7.7"),
            ..sts.clone()
        };
        teller.plant(&third, &[(day, 6, 10)], 4, Some(reports.name), &[], |record, random| {
            operation::s3_object(record, random, "GetObject", reports, "invoices/2026/10/day.csv");
        });
    }
}

fn auditor(teller: &mut Teller) {
    teller.story(
        "auditor",
        "The auditor whose exception has expired",
        "An auditor (account 888800008888) assumes `external-auditor` in the ledger from 198.51.100.88. There was an exception for it,
`external-audit-2026`, which ended on 30 September 2026: it no longer covers anything, and the report says so. The `AssumeRole` calls
cross the identity perimeter, and everything crosses the network perimeter.",
    );
    let role =
        teller.role(LEDGER, "/", "external-auditor", Trust::Principal("arn:aws:iam::888800008888:root"), Some("compliance"));
    let caller = Scene {
        account: "",
        region: HOME_REGION,
        who: Who::Outsider(AUDITOR, outsider_id("AIDA", AUDITOR, "auditor")),
        origin: Origin::Address("198.51.100.88"),
        agent: CLI,
        invoked_by: None,
    };
    let data = bucket("palisade-ledger-data", LEDGER);
    for day in [3, 4] {
        teller.assume_across(
            &caller,
            &role,
            "auditor",
            (day, 13, 0),
            &[(PUBLIC, CROSSES), (IDENTITY, CROSSES), (NETWORK, CROSSES)],
        );
        let session = Scene { account: LEDGER, who: Who::Role(role.clone(), "auditor".to_owned()), ..caller.clone() };
        let both = [(PUBLIC, CROSSES), (NETWORK, CROSSES), (S3_CALLER, CROSSES), (S3_BUCKET, CROSSES)];
        teller.plant(&session, &[(day, 13, 10)], 3, Some(data.name), &both, |record, random| {
            operation::s3_bucket(record, random, "GetBucketPolicy", "policy", data);
        });
        teller.plant(&session, &[(day, 13, 20)], 4, None, &[(PUBLIC, CROSSES), (NETWORK, CROSSES)], |record, _| {
            let request = "{\"maxResults\":1000}".to_owned();
            operation::plain(record, "ec2.amazonaws.com", "DescribeSecurityGroups", true, request, String::new());
            record.version = "1.10";
        });
    }
}

fn boundary(teller: &mut Teller) {
    teller.story(
        "unit-boundary",
        "The sandbox reads production data",
        "`experiment` in the sandbox reads reports of the data lake, from an expected address. Both accounts are in the organization,
so only the query for organizational-unit boundaries objects: the data lake lies in the boundary `workloads`, the sandbox does not.
Staging, which lies in it, reads production reports in the same way, and that is fine.",
    );
    let role = teller.role(SANDBOX, "/", "experiment", Trust::Service("ec2.amazonaws.com"), None);
    neighbours(teller, SANDBOX, Who::Role(role, instance("experiment")), DATA_LAKE, "palisade-data-lake-reports", true);
    let role = teller.role(SHOP_STAGING, "/", "qa-runner", Trust::Service("ec2.amazonaws.com"), Some("quality"));
    let who = Who::Role(role, instance("qa-runner"));
    neighbours(teller, SHOP_STAGING, who, SHOP_PRODUCTION, "palisade-shop-production-reports", false);
}

/// A caller of one account reads a bucket of another: both trails have a record of each call.
fn neighbours(teller: &mut Teller, from: &'static str, who: Who, to: &'static str, name: &'static str, crosses: bool) {
    let scene = Scene {
        account: from,
        region: HOME_REGION,
        who,
        origin: Origin::Address("192.0.2.20"),
        agent: PYTHON,
        invoked_by: None,
    };
    let there = Scene {
        account: to,
        who: match &scene.who {
            Who::Role(role, session) => Who::Neighbour(role.clone(), session.clone()),
            other => other.clone(),
        },
        ..scene.clone()
    };
    let reports = bucket(name, to);
    let days = [(5, 10, 20), (11, 10, 20)];
    let mut shared: Vec<String> = Vec::new();
    teller.plant(&scene, &days, 7, Some(name), &[], |record, random| {
        operation::s3_object(record, random, "GetObject", reports, "exports/summary.csv");
        shared.push(record.request_id.clone());
        record.shared_event_id = Some(shared_id(&record.request_id));
    });
    let expected: &[(&str, &str)] = if crosses { &[(S3_UNIT, CROSSES)] } else { &[] };
    let mut requests = shared.into_iter();
    teller.plant(&there, &days, 7, Some(name), expected, |record, random| {
        operation::s3_object(record, random, "GetObject", reports, "exports/summary.csv");
        // One request, so one request id, and one shared id.
        if let Some(request) = requests.next() {
            record.shared_event_id = Some(shared_id(&request));
            record.request_id = request;
        }
    });
}

fn shared_id(request: &str) -> String {
    crate::sample::random::Random::named(request).uuid()
}

fn federation(teller: &mut Teller) {
    teller.story(
        "federation",
        "People and pipelines that sign in from elsewhere",
        "Sessions that begin with SAML or OpenID Connect: the caller of `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity` is no AWS
principal, and the record names no account for it. Whether an identity perimeter means them cannot be told from the record:
undetermined. What the sessions do afterwards is the organization's own, as are the calls of a person known to IAM Identity Center and
of a federated user.",
    );
    let provider = "arn:aws:iam::170000000017:saml-provider/palisade-login";
    let role = teller.role(DATA_LAKE, "/", "saml-analyst", Trust::Provider("saml-provider/palisade-login"), Some("research"));
    let saml = Scene {
        account: DATA_LAKE,
        region: HOME_REGION,
        who: Who::Other {
            identity: format!(
                "{{\"type\":\"SAMLUser\",\"principalId\":\"mR0n9dKbYw6nJ1hX2e5cQ8ztGf4=:farid.haddad@palisade.example\",\
                 \"userName\":\"farid.haddad@palisade.example\",\"identityProvider\":\"{provider}\"}}"
            ),
            arn: None,
            id: Some("mR0n9dKbYw6nJ1hX2e5cQ8ztGf4=:farid.haddad@palisade.example".to_owned()),
        },
        origin: Origin::Address("203.0.113.44"),
        agent: CHROME,
        invoked_by: None,
    };
    let more = format!(",\"principalArn\":\"{provider}\",\"sAMLAssertionID\":\"_8f3e5a01c27d4b96\"");
    signed_in(teller, &saml, Who::Role(role, "farid.haddad@palisade.example".to_owned()), "AssumeRoleWithSAML", &more);
    let provider = "arn:aws:iam::170000000017:oidc-provider/token.actions.githubusercontent.com";
    let trust = Trust::Provider("oidc-provider/token.actions.githubusercontent.com");
    let role = teller.role(DATA_LAKE, "/", "pipeline", trust, Some("platform"));
    let subject = "repo:palisade-example/data-lake:ref:refs/heads/main";
    let oidc = Scene {
        who: Who::Other {
            identity: format!(
                "{{\"type\":\"WebIdentityUser\",\"principalId\":\"{provider}:sts.amazonaws.com:{subject}\",\
                 \"userName\":\"{subject}\",\"identityProvider\":\"{provider}\"}}"
            ),
            arn: None,
            id: Some(format!("{provider}:sts.amazonaws.com:{subject}")),
        },
        origin: Origin::Address("192.0.2.9"),
        agent: "configure-aws-credentials-for-github-actions",
        ..saml.clone()
    };
    let who = Who::Federated(role, "GitHubActions".to_owned(), provider);
    signed_in(teller, &oidc, who, "AssumeRoleWithWebIdentity", "");
    let person = Scene {
        who: Who::Other {
            identity: format!(
                "{{\"type\":\"IdentityCenterUser\",\"accountId\":\"{DATA_LAKE}\",\"onBehalfOf\":{{\"userId\":\
                 \"544894e8-80c1-707f-60e3-3ba6510dfac1\",\"identityStoreArn\":\"arn:aws:identitystore::110000000011:identitystore/d-9067642ac7\"}},\
                 \"credentialId\":\"VZpW6tLkq0eBd3sYx1NfHg\"}}"
            ),
            arn: None,
            id: None,
        },
        ..saml.clone()
    };
    teller.plant(&person, &[(7, 9, 10)], 5, None, &[], |record, _| {
        operation::plain(record, "q.amazonaws.com", "SendMessage", false, String::new(), String::new());
    });
    let created = teller.moment((7, 8, 30));
    let federated = Scene {
        who: Who::Other {
            identity: format!(
                "{{\"type\":\"FederatedUser\",\"principalId\":\"{DATA_LAKE}:build\",\"arn\":\"arn:aws:sts::{DATA_LAKE}:federated-user/build\",\
                 \"accountId\":\"{DATA_LAKE}\",\"accessKeyId\":\"{}\",\"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"IAMUser\",\
                 \"principalId\":\"{}\",\"arn\":\"arn:aws:iam::{DATA_LAKE}:user/analyst\",\"accountId\":\"{DATA_LAKE}\",\"userName\":\"analyst\"}},\
                 \"attributes\":{{\"creationDate\":\"{}\",\"mfaAuthenticated\":\"false\"}}}}}}",
                session_key(&["federated", "build"], created),
                user_id(DATA_LAKE, "analyst"),
                time(created),
            ),
            arn: Some(format!("arn:aws:sts::{DATA_LAKE}:federated-user/build")),
            id: None,
        },
        agent: CLI,
        ..saml
    };
    let reports = bucket("palisade-data-lake-reports", DATA_LAKE);
    teller.plant(&federated, &[(7, 9, 20)], 4, Some(reports.name), &[], |record, random| {
        operation::s3_object(record, random, "GetObject", reports, "exports/summary.csv");
    });
}

/// Sessions that begin with a sign-in, and what they do afterwards.
fn signed_in(teller: &mut Teller, caller: &Scene, session: Who, name: &'static str, more: &str) {
    let (role, session_name, provider) = match &session {
        Who::Role(role, name) => (role.clone(), name.clone(), None),
        Who::Federated(role, name, provider) => (role.clone(), name.clone(), Some(*provider)),
        _ => return,
    };
    let provider = provider.map_or(String::new(), |provider| format!(",\"providerId\":{}", text(provider)));
    for day in [1, 7] {
        let moment = (day, 9, 0);
        let issued = Teller::session(&role, &session_name, teller.moment(moment));
        let begin = (day, 8, 50);
        teller.plant(caller, &[begin], 1, None, &[(IDENTITY, UNDETERMINED)], |record, random| {
            record.time = issued.created;
            let issue = operation::Issued {
                role_arn: &issued.role_arn,
                role_id: &issued.role_id,
                role_account: &issued.account,
                session_name: &issued.name,
                session_arn: &issued.arn(),
                key: &issued.key,
                duration: 3_600,
            };
            operation::sts_assume_role(record, random, name, &issue, &format!("{more}{provider}"));
            record.from_console = false;
        });
        let working = Scene { who: session.clone(), agent: CLI, ..caller.clone() };
        teller.plant(&working, &[(day, 9, 5)], 3, None, &[], |record, _| {
            let request = "{\"stackName\":\"data-lake\"}".to_owned();
            operation::plain(record, "cloudformation.amazonaws.com", "DescribeStacks", true, request, String::new());
            record.version = "1.08";
        });
    }
}
