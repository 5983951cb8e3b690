//! Stories about where calls come from.

use super::outside::{STRANGER, VENDOR};
use super::teller::{CROSSES, INFORMATION, Origin, Scene, Teller, UNDETERMINED, Who, instance, outsider_id, through};
use crate::sample::operations::{self as operation, BucketRef};
use crate::sample::organization::{
    GLOBAL_REGION, HOME_REGION, LEDGER, Organization, PEOPLE, SANDBOX, SECURITY_TOOLING, SHOP_PRODUCTION, SHOP_STAGING, Trust,
    Vpc,
};

const PUBLIC: &str = "common_from_public_cidr_ipv4";
const NETWORK: &str = "common_network_perimeter_ipv4";
const ENDPOINT: &str = "common_through_vpc_endpoint";
const DENIED: &str = "common_only_denied";
const S3_CALLER: &str = "s3_scp_network_perimeter_ipv4";
const S3_BUCKET: &str = "s3_bucket_policy_network_perimeter_ipv4";

const KALI: &str = "aws-cli/2.27.2 md/awscrt#0.26.1 ua/2.1 os/linux#6.12.25-amd64 md/arch#x86_64 lang/python#3.13.3 md/distrib#kali.2026 md/command#s3.sync";
const PYTHON: &str =
    "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.1.134 md/arch#aarch64 lang/python#3.13.2 Botocore/1.40.21";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";
const CONSOLE: &str = "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.750 Linux/5.10.225 OpenJDK_64-Bit_Server_VM/17.0.12]";

/// An endpoint through which the S3 console works, of AWS's own.
const CONSOLE_ENDPOINT: &str = "vpce-0e7b3a91c5d2f8046";

fn bucket<'a>(name: &'a str, owner: &'a str) -> BucketRef<'a> {
    BucketRef { name, region: HOME_REGION, owner: Some(owner) }
}

pub(super) fn tell(teller: &mut Teller, organization: &Organization) {
    leaked_key(teller);
    own_endpoint(teller);
    foreign_endpoint(teller);
    aws_endpoint(teller, organization);
    ipv6(teller, organization);
    connector(teller);
    hostile_text(teller);
}

fn leaked_key(teller: &mut Teller) {
    teller.story(
        "leaked-key",
        "A leaked access key at work",
        "The IAM user `backup-agent` of the staging shop uploads backups from behind the NAT gateway. On the tenth day its access
key turns up at 198.51.100.201: who am I, which buckets are there, and then the backups are downloaded, until minutes before
midnight, so that the last records are delivered on the next day; some of them are delivered twice. An attempt to create a user
fails. A network perimeter stops all of it, and leaves the backups alone.",
    );
    let home = Scene {
        account: SHOP_STAGING,
        region: HOME_REGION,
        who: Who::User(SHOP_STAGING, "backup-agent"),
        origin: Origin::Address("192.0.2.14"),
        agent: "restic/0.18.0 minio-go/v7.0.94 (linux; amd64)",
        invoked_by: None,
    };
    teller.bucket(SHOP_STAGING, "palisade-shop-staging-backup", Some("platform"));
    let backup = bucket("palisade-shop-staging-backup", SHOP_STAGING);
    let nights = [(0, 3, 0), (2, 3, 0), (4, 3, 0), (6, 3, 0), (8, 3, 0), (10, 3, 0), (12, 3, 0)];
    teller.plant(&home, &nights, 4, Some(backup.name), &[], |record, random| {
        let key = operation::object_key(random, "restic");
        operation::s3_object(record, random, "PutObject", backup, &key);
    });
    let away = Scene { origin: Origin::Address("198.51.100.201"), agent: KALI, ..home };
    let general = [(PUBLIC, CROSSES), (NETWORK, CROSSES)];
    let identity = crate::sample::organization::user_id(SHOP_STAGING, "backup-agent");
    teller.plant(&away, &[(9, 22, 40)], 2, None, &general, |record, _| {
        let response =
            format!("{{\"userId\":\"{identity}\",\"account\":\"{SHOP_STAGING}\",\"arn\":\"arn:aws:iam::{SHOP_STAGING}:user/backup-agent\"}}");
        operation::plain(record, "sts.amazonaws.com", "GetCallerIdentity", true, String::new(), response);
        record.version = "1.08";
    });
    let caller = [(PUBLIC, CROSSES), (NETWORK, CROSSES), (S3_CALLER, CROSSES)];
    teller.plant(&away, &[(9, 22, 45)], 3, None, &caller, operation::s3_list_buckets);
    let both = [(PUBLIC, CROSSES), (NETWORK, CROSSES), (S3_CALLER, CROSSES), (S3_BUCKET, CROSSES)];
    teller.plant(&away, &[(9, 22, 50)], 6, Some(backup.name), &both, |record, random| {
        operation::s3_list(record, random, backup, "orders/");
    });
    teller.plant(&away, &[(9, 23, 0), (9, 23, 20), (9, 23, 40)], 16, Some(backup.name), &both, |record, random| {
        operation::s3_object(record, random, "GetObject", backup, "orders/restic/config");
    });
    let late = teller.plant(&away, &[(9, 23, 55)], 16, Some(backup.name), &both, |record, random| {
        operation::s3_object(record, random, "GetObject", backup, "orders/restic/keys");
    });
    teller.deliver_late(late.clone(), 900);
    teller.deliver_again(late, 600);
    let global = Scene { region: GLOBAL_REGION, ..away };
    teller.plant(&global, &[(9, 22, 55)], 2, None, &[(DENIED, INFORMATION)], |record, _| {
        operation::plain(record, "iam.amazonaws.com", "CreateUser", false, String::new(), String::new());
        record.error = Some((
            "AccessDenied",
            format!(
                "User: arn:aws:iam::{SHOP_STAGING}:user/backup-agent is not authorized to perform: iam:CreateUser on resource: \
                 arn:aws:iam::{SHOP_STAGING}:user/support because no identity-based policy allows the iam:CreateUser action"
            ),
        ));
    });
}

fn own_endpoint(teller: &mut Teller) {
    teller.story(
        "unlisted-own-endpoint",
        "A VPC of our own that nobody listed",
        "The ledger team runs a second VPC, `lab`, with endpoints of its own. The account owns them, so a perimeter on the account's
endpoints lets the calls through; a policy that lists the VPCs (`aws:SourceVpc`) would not, because the VPC is not among the
expected ones.",
    );
    let vpc = Vpc::new(LEDGER, HOME_REGION, "lab", "10.201".to_owned());
    let role = teller.role(LEDGER, "/", "ledger-lab", Trust::Service("ec2.amazonaws.com"), Some("ledger"));
    let scene = Scene {
        account: LEDGER,
        region: HOME_REGION,
        who: Who::Role(role, instance("lab")),
        origin: through(&vpc, "s3", LEDGER, "10.201.0.15"),
        agent: PYTHON,
        invoked_by: None,
    };
    let data = bucket("palisade-ledger-data", LEDGER);
    teller.plant(&scene, &[(1, 14, 0), (9, 14, 0)], 7, Some(data.name), &[(ENDPOINT, CROSSES)], |record, random| {
        operation::s3_object(record, random, "GetObject", data, "events/closing.parquet");
    });
    let keys = Scene { origin: through(&vpc, "kms", LEDGER, "10.201.0.15"), ..scene };
    let key = format!("arn:aws:kms:{HOME_REGION}:{LEDGER}:key/5f0c2a41-7d3e-4c58-9b16-aa80d4e2c971");
    teller.plant(&keys, &[(1, 14, 5)], 9, None, &[(ENDPOINT, CROSSES)], |record, random| {
        operation::kms(record, random, "Decrypt", &key, LEDGER, "arn:aws:s3:::palisade-ledger-data");
    });
    teller.vpcs.push((LEDGER, vpc));
}

fn foreign_endpoint(teller: &mut Teller) {
    teller.story(
        "foreign-endpoint",
        "A session used through a stranger's VPC endpoint",
        "Credentials of the role `invoice-render` are used in a VPC of account 777700007777. The address is private and says nothing;
the endpoint's owner, which the record names, gives it away.",
    );
    let role = teller.role(SHOP_PRODUCTION, "/", "invoice-render", Trust::Service("ec2.amazonaws.com"), Some("billing"));
    let scene = Scene {
        account: SHOP_PRODUCTION,
        region: HOME_REGION,
        who: Who::Role(role, instance("invoice")),
        origin: Origin::Endpoint { id: "vpce-0d4c11f60a9be7325".to_owned(), owner: Some(STRANGER), address: "10.99.4.20" },
        agent: PYTHON,
        invoked_by: None,
    };
    let reports = bucket("palisade-shop-production-reports", SHOP_PRODUCTION);
    let expected = [(NETWORK, CROSSES), (ENDPOINT, CROSSES), (S3_CALLER, CROSSES), (S3_BUCKET, CROSSES)];
    teller.plant(&scene, &[(11, 2, 0)], 13, Some(reports.name), &expected, |record, random| {
        operation::s3_object(record, random, "GetObject", reports, "invoices/2026/10/all.csv");
    });
}

fn aws_endpoint(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "console-endpoint",
        "The S3 console and AWS's own endpoint",
        "Bruno Keller opens a bucket in the S3 console. The records carry an endpoint that is neither ours nor in the inventory:
it is the console's. Where they also show the public address of the head office, nothing is wrong. Where they show an address of
AWS's private network instead, with the same endpoint, nothing tells where Bruno sat: undetermined.",
    );
    let Some(role) = organization.account(SHOP_PRODUCTION).and_then(|account| account.people_role()) else { return };
    let person = PEOPLE.get(1).copied().unwrap_or("");
    let at = |address| Origin::Endpoint { id: CONSOLE_ENDPOINT.to_owned(), owner: None, address };
    let scene = Scene {
        account: SHOP_PRODUCTION,
        region: HOME_REGION,
        who: Who::Role(role.clone(), person.to_owned()),
        origin: at("203.0.113.20"),
        agent: CONSOLE,
        invoked_by: None,
    };
    let data = bucket("palisade-shop-production-data", SHOP_PRODUCTION);
    teller.plant(&scene, &[(2, 9, 30), (8, 9, 30)], 4, Some(data.name), &[], |record, random| {
        operation::s3_list(record, random, data, "");
    });
    let hidden = Scene { origin: at("10.248.7.9"), ..scene };
    let expected = [(NETWORK, UNDETERMINED), (ENDPOINT, UNDETERMINED), (S3_CALLER, UNDETERMINED), (S3_BUCKET, UNDETERMINED)];
    teller.plant(&hidden, &[(8, 9, 40)], 4, Some(data.name), &expected, |record, random| {
        operation::s3_list(record, random, data, "orders/");
    });
}

fn ipv6(teller: &mut Teller, organization: &Organization) {
    teller.story(
        "ipv6",
        "The same person, two IPv6 networks",
        "Dmitri Volkov works in the sandbox from the head office, over IPv6, which is expected. One evening he goes on from a hotel:
2001:db8:bad::17 is in no expected network. A tool that looks at IPv4 only sees neither.",
    );
    let Some(role) = organization.account(SANDBOX).and_then(|account| account.people_role()) else { return };
    let person = PEOPLE.get(3).copied().unwrap_or("");
    let office = Scene {
        account: SANDBOX,
        region: HOME_REGION,
        who: Who::Role(role.clone(), person.to_owned()),
        origin: Origin::Address("2001:db8:1100:4::20"),
        agent: FIREFOX,
        invoked_by: None,
    };
    let data = bucket("palisade-sandbox-data", SANDBOX);
    teller.plant(&office, &[(3, 15, 0), (4, 15, 0)], 5, Some(data.name), &[], |record, random| {
        operation::s3_list(record, random, data, "exports/");
    });
    let hotel = Scene { origin: Origin::Address("2001:db8:bad::17"), ..office };
    let both = [(PUBLIC, CROSSES), (NETWORK, CROSSES), (S3_CALLER, CROSSES), (S3_BUCKET, CROSSES)];
    teller.plant(&hotel, &[(4, 20, 0)], 7, Some(data.name), &both, |record, random| {
        operation::s3_list(record, random, data, "exports/");
    });
    teller.plant(&hotel, &[(4, 20, 10)], 5, None, &[(PUBLIC, CROSSES), (NETWORK, CROSSES)], |record, _| {
        let request = "{\"instancesSet\":{},\"filterSet\":{}}".to_owned();
        operation::plain(record, "ec2.amazonaws.com", "DescribeInstances", true, request, String::new());
        record.version = "1.10";
    });
}

fn connector(teller: &mut Teller) {
    teller.story(
        "exempt-connector",
        "The monitoring vendor, exempt from the network perimeter",
        "A vendor (account 444400004444) assumes `siem-connector` and reads logs from 198.51.100.99, which changes without notice and
therefore is no expected network. The perimeter definition trusts the vendor's identities and exempts its account and this role
from the network perimeter. None of it may show up.",
    );
    let role = teller.role(
        SECURITY_TOOLING,
        "/",
        "siem-connector",
        Trust::Principal("arn:aws:iam::444400004444:root"),
        Some("security"),
    );
    let vendor = Scene {
        account: SECURITY_TOOLING,
        region: HOME_REGION,
        who: Who::Outsider(VENDOR, format!("{}:collector", outsider_id("AROA", VENDOR, "collector"))),
        origin: Origin::Address("198.51.100.99"),
        agent: PYTHON,
        invoked_by: None,
    };
    teller.bucket(SECURITY_TOOLING, "palisade-security-tooling-findings", Some("security"));
    let findings = bucket("palisade-security-tooling-findings", SECURITY_TOOLING);
    for day in [1, 5, 9] {
        // The session begins seven minutes before the hour.
        teller.assume_across(&Scene { account: "", ..vendor.clone() }, &role, "collector", (day, 11, 2), &[]);
        let session = Scene { who: Who::Role(role.clone(), "collector".to_owned()), ..vendor.clone() };
        teller.plant(&session, &[(day, 11, 5)], 4, None, &[], |record, _| {
            let request = "{\"maxResults\":50}".to_owned();
            operation::plain(record, "cloudtrail.amazonaws.com", "LookupEvents", true, request, String::new());
        });
        teller.plant(&session, &[(day, 11, 10)], 3, Some(findings.name), &[], |record, random| {
            operation::s3_object(record, random, "GetObject", findings, "findings/latest.json");
        });
    }
}

fn hostile_text(teller: &mut Teller) {
    teller.story(
        "hostile-text",
        "A caller that attacks the reader of the report",
        "User agent and bucket name are whatever the caller says. This one says `</script><script>alert(1)</script>`, and asks for a
bucket named `=HYPERLINK(\"x\")`, so that a report in a browser or in a spreadsheet runs it. Shown as text, it is just one more
call from a network that is not expected.",
    );
    let scene = Scene {
        account: SHOP_PRODUCTION,
        region: HOME_REGION,
        who: Who::User(SHOP_PRODUCTION, "kiosk"),
        origin: Origin::Address("198.51.100.13"),
        agent: "</script><script>alert(1)</script>",
        invoked_by: None,
    };
    let data = bucket("palisade-shop-production-data", SHOP_PRODUCTION);
    let both = [(PUBLIC, CROSSES), (NETWORK, CROSSES), (S3_CALLER, CROSSES), (S3_BUCKET, CROSSES)];
    teller.plant(&scene, &[(6, 17, 0)], 3, Some(data.name), &both, |record, random| {
        operation::s3_object(record, random, "GetObject", data, "images/kiosk.png");
    });
    let formula = bucket("=HYPERLINK(\"x\")", "");
    let scene = Scene { agent: "=HYPERLINK(\"http://198.51.100.13/\",\"open\")", ..scene };
    teller.plant(&scene, &[(6, 17, 5)], 2, Some(formula.name), &[(DENIED, INFORMATION)], |record, random| {
        operation::s3_object(record, random, "GetObject", formula, "x");
        record.resources = String::new();
        record.response = String::new();
        record.error = Some(("AccessDenied", "Access Denied".to_owned()));
        record.host = Some(format!("s3.{HOME_REGION}.amazonaws.com"));
    });
}
