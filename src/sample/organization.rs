//! The made-up organization: accounts, roles, buckets, VPCs and endpoints, with identifiers that depend on their names only, so that
//! inventory and perimeter definition fit whatever the seed of the traffic is.
//!
//! Address ranges are those kept for documentation (RFC 5737, RFC 3849).

use super::random::{BASE32, HEX, Random};

pub const ORGANIZATION_ID: &str = "o-palisade01";
pub const ROOT_ID: &str = "r-pal1";
/// Where the organization works; files of global services lie in the last.
pub const HOME_REGION: &str = "eu-central-1";
pub const SECOND_REGION: &str = "eu-west-1";
pub const GLOBAL_REGION: &str = "us-east-1";

pub const MANAGEMENT: &str = "110000000011";
pub const LOG_ARCHIVE: &str = "120000000012";
pub const SECURITY_TOOLING: &str = "130000000013";
pub const NETWORK: &str = "140000000014";
pub const SHOP_PRODUCTION: &str = "150000000015";
pub const SHOP_STAGING: &str = "160000000016";
pub const DATA_LAKE: &str = "170000000017";
/// Begins with a zero on purpose: account ids are texts.
pub const LEDGER: &str = "018000000018";
pub const SANDBOX: &str = "190000000019";
pub const FORENSICS: &str = "100000000010";

/// The role that an account plays; it decides who works there and what they call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Management,
    LogArchive,
    SecurityTooling,
    Network,
    Workload,
    Sandbox,
    /// No network, no buckets, hardly a call.
    Isolated,
}

/// An organizational unit of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Root,
    Security,
    Workloads,
    Sandbox,
}

impl Unit {
    pub const ALL: [Unit; 3] = [Unit::Security, Unit::Workloads, Unit::Sandbox];

    pub fn id(self) -> &'static str {
        match self {
            Unit::Root => ROOT_ID,
            Unit::Security => "ou-pal1-security",
            Unit::Workloads => "ou-pal1-workload",
            Unit::Sandbox => "ou-pal1-sandbox1",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Unit::Root => "Root",
            Unit::Security => "Security",
            Unit::Workloads => "Workloads",
            Unit::Sandbox => "Sandbox",
        }
    }
}

/// Who may assume a role; decides its trust policy and how its sessions begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// An AWS service, such as `ec2.amazonaws.com`.
    Service(&'static str),
    /// A user or role of the security tooling account, by the last part of its ARN (`user/ci`).
    SecurityTooling(&'static str),
    /// People who sign in through IAM Identity Center.
    People,
    /// One principal by its ARN.
    Principal(&'static str),
    /// A SAML or OpenID Connect provider of the role's account, by the last part of its ARN.
    Provider(&'static str),
}

#[derive(Debug, Clone)]
pub struct Role {
    pub name: String,
    /// With slashes at both ends, as IAM has it: `/` or `/people/`.
    pub path: String,
    pub account: String,
    /// `AROA…`.
    pub id: String,
    pub trust: Trust,
    /// Value of the tag `owner`; none when untagged.
    pub owner: Option<&'static str>,
}

impl Role {
    pub fn new(account: &str, path: &str, name: &str, trust: Trust, owner: Option<&'static str>) -> Self {
        let mut role =
            Self { name: name.to_owned(), path: path.to_owned(), account: account.to_owned(), id: String::new(), trust, owner };
        role.id = format!("AROA{}", Random::named(&role.arn()).letters(BASE32, 17));
        role
    }

    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account, self.path, self.name)
    }
}

/// A VPC with one endpoint for each service that the workloads call.
#[derive(Debug, Clone)]
pub struct Vpc {
    pub id: String,
    pub region: &'static str,
    pub name: String,
    /// The first two bytes of its /16, such as `10.23`.
    pub prefix: String,
    /// Service (the part after the region) and endpoint id.
    pub endpoints: Vec<(&'static str, String)>,
}

pub const ENDPOINT_SERVICES: [&str; 8] = ["s3", "dynamodb", "kms", "logs", "secretsmanager", "sqs", "ssm", "sts"];

impl Vpc {
    pub fn new(account: &str, region: &'static str, name: &str, prefix: String) -> Self {
        let id = format!("vpc-0{}", Random::named(&format!("vpc {account} {region} {name}")).letters(HEX, 16));
        let endpoints = ENDPOINT_SERVICES
            .iter()
            .map(|service| (*service, format!("vpce-0{}", Random::named(&format!("{id} {service}")).letters(HEX, 16))))
            .collect();
        Self { id, region, name: name.to_owned(), prefix, endpoints }
    }

    /// The endpoint for a service, if the VPC has one.
    pub fn endpoint(&self, service: &str) -> Option<&str> {
        self.endpoints.iter().find(|(name, _)| *name == service).map(|(_, id)| id.as_str())
    }
}

#[derive(Debug, Clone)]
pub struct Bucket {
    pub name: String,
    pub region: &'static str,
    pub owner: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct Account {
    pub id: String,
    pub name: String,
    pub kind: Kind,
    pub unit: Unit,
    /// How much traffic it has, compared with the others.
    pub weight: u64,
    pub roles: Vec<Role>,
    pub vpcs: Vec<Vpc>,
    pub buckets: Vec<Bucket>,
}

impl Account {
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    pub fn vpc(&self, region: &str) -> Option<&Vpc> {
        self.vpcs.iter().find(|vpc| vpc.region == region)
    }

    /// The role that people of the organization use in this account.
    pub fn people_role(&self) -> Option<&Role> {
        self.roles.iter().find(|role| role.trust == Trust::People)
    }
}

#[derive(Debug, Clone)]
pub struct Organization {
    pub accounts: Vec<Account>,
}

/// The names of those who sign in.
pub const PEOPLE: [&str; 6] = [
    "ada.okafor@palisade.example",
    "bruno.keller@palisade.example",
    "chiara.rossi@palisade.example",
    "dmitri.volkov@palisade.example",
    "elena.santos@palisade.example",
    "farid.haddad@palisade.example",
];

pub const APP_SERVER: &str = "app-server";
pub const ORDERS_FUNCTION: &str = "orders-function";
pub const DEPLOY: &str = "deploy";
pub const SECURITY_AUDIT: &str = "security-audit";
pub const LOG_QUERY: &str = "log-query";
/// IAM users of the security tooling account that assume [`DEPLOY`] and [`SECURITY_AUDIT`] everywhere.
pub const CI_USER: &str = "ci";
pub const AUDIT_USER: &str = "audit";

fn account(id: &str, name: &str, kind: Kind, unit: Unit, weight: u64) -> Account {
    let mut roles = Vec::new();
    if kind != Kind::Isolated {
        let suffix = Random::named(&format!("permission set {id}")).letters(HEX, 16);
        let path = format!("/aws-reserved/sso.amazonaws.com/{HOME_REGION}/");
        roles.push(Role::new(id, &path, &format!("AWSReservedSSO_Operator_{suffix}"), Trust::People, None));
        roles.push(Role::new(id, "/", DEPLOY, Trust::SecurityTooling("user/ci"), Some("platform")));
        roles.push(Role::new(id, "/", SECURITY_AUDIT, Trust::SecurityTooling("user/audit"), Some("security")));
    }
    let networked = matches!(kind, Kind::Workload | Kind::LogArchive | Kind::SecurityTooling | Kind::Network);
    if networked {
        roles.push(Role::new(id, "/", APP_SERVER, Trust::Service("ec2.amazonaws.com"), Some("shop-team")));
    }
    if kind == Kind::Workload {
        roles.push(Role::new(id, "/service-role/", ORDERS_FUNCTION, Trust::Service("lambda.amazonaws.com"), Some("shop-team")));
    }
    if kind == Kind::LogArchive {
        roles.push(Role::new(id, "/", LOG_QUERY, Trust::Service("ec2.amazonaws.com"), Some("security")));
    }
    let octet = match id {
        LOG_ARCHIVE => 20,
        SECURITY_TOOLING => 30,
        NETWORK => 40,
        SHOP_PRODUCTION => 52,
        SHOP_STAGING => 77,
        DATA_LAKE => 61,
        LEDGER => 84,
        _ => Random::named(&format!("network {id}")).between(100, 130),
    };
    let mut vpcs = Vec::new();
    if networked {
        vpcs.push(Vpc::new(id, HOME_REGION, "main", format!("10.{octet}")));
    }
    if kind == Kind::Workload {
        vpcs.push(Vpc::new(id, SECOND_REGION, "main-west", format!("10.{}", octet + 100)));
    }
    let mut buckets = Vec::new();
    if kind != Kind::Isolated {
        let short = name.trim_start_matches("palisade-");
        for suffix in ["artifacts", "data", "reports"] {
            buckets.push(Bucket { name: format!("palisade-{short}-{suffix}"), region: HOME_REGION, owner: Some("shop-team") });
        }
        buckets.push(Bucket {
            name: format!("palisade-{short}-terraform-state"),
            region: HOME_REGION,
            owner: Some("platform"),
        });
        buckets.push(Bucket { name: format!("palisade-{short}-data-west"), region: SECOND_REGION, owner: None });
    }
    if kind == Kind::LogArchive {
        buckets.push(Bucket { name: TRAIL_BUCKET.to_owned(), region: HOME_REGION, owner: Some("security") });
    }
    Account { id: id.to_owned(), name: name.to_owned(), kind, unit, weight, roles, vpcs, buckets }
}

/// The bucket of the organization trail.
pub const TRAIL_BUCKET: &str = "palisade-org-trail";

impl Organization {
    /// The organization with `accounts` accounts: the ten named ones first, then as many more workloads as asked for.
    pub fn new(accounts: u32) -> Self {
        let mut all = vec![
            account(MANAGEMENT, "palisade-management", Kind::Management, Unit::Root, 4),
            account(LOG_ARCHIVE, "log-archive", Kind::LogArchive, Unit::Security, 12),
            account(SECURITY_TOOLING, "security-tooling", Kind::SecurityTooling, Unit::Security, 8),
            account(NETWORK, "network", Kind::Network, Unit::Security, 5),
            account(SHOP_PRODUCTION, "shop-production", Kind::Workload, Unit::Workloads, 30),
            account(SHOP_STAGING, "shop-staging", Kind::Workload, Unit::Workloads, 12),
            account(DATA_LAKE, "data-lake", Kind::Workload, Unit::Workloads, 18),
            account(LEDGER, "ledger", Kind::Workload, Unit::Workloads, 10),
            account(SANDBOX, "sandbox", Kind::Sandbox, Unit::Sandbox, 4),
            account(FORENSICS, "forensics", Kind::Isolated, Unit::Sandbox, 1),
        ];
        let wanted = usize::try_from(accounts).unwrap_or(usize::MAX);
        for number in all.len()..wanted {
            let name = format!("workload-{:04}", number + 1);
            all.push(account(&format!("2{:011}", 7_000_000 + number * 37), &name, Kind::Workload, Unit::Workloads, 12));
        }
        all.truncate(wanted);
        Self { accounts: all }
    }

    pub fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }
}

/// The unique id of an IAM user, `AIDA…`.
pub fn user_id(account: &str, name: &str) -> String {
    format!("AIDA{}", Random::named(&format!("user {account} {name}")).letters(BASE32, 17))
}

/// The long-term access key of an IAM user, `AKIA…`.
pub fn user_key(account: &str, name: &str) -> String {
    format!("AKIA{}", Random::named(&format!("key {account} {name}")).letters(BASE32, 16))
}

/// An address of the head office, which the perimeter definition expects.
pub fn office_address(random: &mut Random) -> String {
    if random.chance(1, 6) {
        format!("2001:db8:1100:{:x}::{:x}", random.between(1, 9), random.between(0x10, 0xfff))
    } else {
        format!("203.0.113.{}", random.between(2, 120))
    }
}

/// An address of the organization's NAT gateways, which the perimeter definition expects.
pub fn egress_address(random: &mut Random) -> String {
    format!("192.0.2.{}", random.between(1, 30))
}
