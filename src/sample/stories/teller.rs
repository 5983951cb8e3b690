//! How stories are told: a scene (who calls, from where, in whose trail), when it happens, how often, and what must be found.
//!
//! The expected findings are counted here, from the plan; no query is asked.

use std::collections::BTreeSet;

use super::{Finding, Planted, Story};
use crate::sample::caller::{Caller as PlacedCaller, Place, begin, finish};
use crate::sample::files::LogKind;
use crate::sample::identity::{Session, account_identity, service_identity, session_key, user_identity};
use crate::sample::operations::{self as operation, Issued};
use crate::sample::organization::{Bucket, HOME_REGION, Role, Trust, Vpc, user_id};
use crate::sample::random::{HEX, Random, hash};
use crate::sample::record::{Record, text};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Who calls.
#[derive(Debug, Clone)]
pub enum Who {
    /// A session of a role; the name of the session.
    Role(Role, String),
    /// A session of a role whose record names the provider it signed in with.
    Federated(Role, String, &'static str),
    /// An IAM user of an account.
    User(&'static str, &'static str),
    /// A principal of another account as the owner of the resource sees it: account, and unique id with session name.
    Outsider(&'static str, String),
    /// A role of the organization as another account of it sees it: role and session name.
    Neighbour(Role, String),
    /// Nobody that S3 could name; two shapes occur.
    Anonymous { with_type: bool },
    /// An AWS service for itself.
    Service(&'static str),
    /// `userIdentity` as it stands, with ARN, unique id and account where it has them.
    Other { identity: String, arn: Option<String>, id: Option<String> },
}

/// From where.
#[derive(Debug, Clone)]
pub enum Origin {
    Address(&'static str),
    /// Through an endpoint: its id, its owner as the record has it, the private (or public) address.
    Endpoint {
        id: String,
        owner: Option<&'static str>,
        address: &'static str,
    },
    /// From a network of AWS: the DNS name of the service or `AWS Internal`, and the service's own endpoint.
    Service {
        name: &'static str,
        endpoint: Option<&'static str>,
    },
}

/// Who calls from where, in whose trail.
#[derive(Debug, Clone)]
pub struct Scene {
    pub account: &'static str,
    pub region: &'static str,
    pub who: Who,
    pub origin: Origin,
    pub agent: &'static str,
    pub invoked_by: Option<&'static str>,
}

/// A moment: day of the sample (0 is the first), hour, minute.
pub type When = (i64, i64, i64);

/// Queries that must find a call, with the verdict.
pub type Expected<'a> = &'a [(&'static str, &'static str)];

pub const CROSSES: &str = "crosses_perimeter";
pub const UNDETERMINED: &str = "undetermined";
pub const OWNED: &str = "service_owned";
pub const EXCEPTED: &str = "excepted";
pub const INFORMATION: &str = "information";

/// Collects what the stories plant.
pub struct Teller {
    start: i64,
    random: Random,
    pub planted: Vec<Planted>,
    pub stories: Vec<Story>,
    pub roles: Vec<Role>,
    pub buckets: Vec<(&'static str, Bucket)>,
    pub vpcs: Vec<(&'static str, Vpc)>,
    /// Records that an addendum replaces.
    pub replaced: u64,
    issued: BTreeSet<String>,
}

/// The endpoint through which a role in a VPC calls.
pub fn through(vpc: &Vpc, service: &str, owner: &'static str, address: &'static str) -> Origin {
    Origin::Endpoint { id: vpc.endpoint(service).unwrap_or("").to_owned(), owner: Some(owner), address }
}

impl Teller {
    pub fn new(seed: u64, start: i64) -> Self {
        Self {
            start,
            random: Random::keyed(seed, &[0x0570_21e5]),
            planted: Vec::new(),
            stories: Vec::new(),
            roles: Vec::new(),
            buckets: Vec::new(),
            vpcs: Vec::new(),
            replaced: 0,
            issued: BTreeSet::new(),
        }
    }

    /// Begins a story; what is planted from here on belongs to it.
    pub fn story(&mut self, name: &'static str, title: &'static str, tale: &'static str) {
        self.stories.push(Story { name, title, tale, calls: 0, findings: Vec::new() });
    }

    /// A role of the story, which the inventory knows.
    pub fn role(&mut self, account: &str, path: &str, name: &str, trust: Trust, owner: Option<&'static str>) -> Role {
        let role = Role::new(account, path, name, trust, owner);
        self.roles.push(role.clone());
        role
    }

    /// A bucket of the story in the home region, which the inventory knows.
    pub fn bucket(&mut self, account: &'static str, name: &str, owner: Option<&'static str>) {
        self.buckets.push((account, Bucket { name: name.to_owned(), region: HOME_REGION, owner }));
    }

    pub fn moment(&self, (day, hour, minute): When) -> i64 {
        self.start + day * DAY + hour * HOUR + minute * 60
    }

    /// The session in which a role works at a moment: begun a few minutes before the full hour.
    pub fn session(role: &Role, name: &str, time: i64) -> Session {
        let created = time.div_euclid(HOUR) * HOUR - 420;
        let mut session = Session::new(role, name, session_key(&["story", &role.id, name], created), created);
        if role.trust == Trust::Service("ec2.amazonaws.com") {
            session.ec2_role_delivery = Some("2.0");
        }
        session
    }

    fn identity(scene: &Scene, time: i64) -> String {
        match &scene.who {
            Who::Role(role, name) => Self::session(role, name, time).identity(scene.invoked_by),
            Who::Federated(role, name, provider) => {
                let mut session = Self::session(role, name, time);
                session.federated_provider = Some((*provider).to_owned());
                session.identity(scene.invoked_by)
            }
            Who::User(account, name) => user_identity(account, name, scene.invoked_by),
            Who::Outsider(account, id) => account_identity(account, id),
            Who::Neighbour(role, name) => Self::session(role, name, time).seen_from_outside(),
            Who::Anonymous { with_type: true } => account_identity("anonymous", ""),
            Who::Anonymous { with_type: false } => {
                "{\"principalId\":\"ANONYMOUS_PRINCIPAL\",\"accountId\":\"anonymous\"}".to_owned()
            }
            Who::Service(service) => service_identity(service),
            Who::Other { identity, .. } => identity.clone(),
        }
    }

    /// A record of a scene with nothing yet about the call.
    pub fn begin(&mut self, scene: &Scene, time: i64) -> Record {
        let place = match &scene.origin {
            Origin::Address(address) | Origin::Endpoint { address, .. } => Place::Address((*address).to_owned()),
            Origin::Service { name, .. } => Place::Service(name),
        };
        let caller = PlacedCaller {
            identity: Self::identity(scene, time),
            place,
            agent: if scene.agent.is_empty() { scene.invoked_by.unwrap_or("") } else { scene.agent },
            from_console: scene.agent.starts_with("Mozilla/") || scene.agent.starts_with("[S3Console"),
        };
        let mut record = begin(&mut self.random, &caller, scene.account, scene.region, time);
        match &scene.origin {
            Origin::Endpoint { id, owner, .. } => {
                record.endpoint = Some(id.clone());
                record.endpoint_account = owner.map(str::to_owned);
            }
            Origin::Service { endpoint, .. } => record.endpoint = endpoint.map(str::to_owned),
            Origin::Address(_) => {}
        }
        record
    }

    /// Plants `each` calls at each of the moments, within five minutes. `fill` completes a record; `bucket` is the bucket that the
    /// call is about. Returns where the records are in [`Teller::planted`].
    pub fn plant(
        &mut self,
        scene: &Scene,
        moments: &[When],
        each: u64,
        bucket: Option<&str>,
        expected: Expected<'_>,
        mut fill: impl FnMut(&mut Record, &mut Random),
    ) -> std::ops::Range<usize> {
        let first = self.planted.len();
        let mut sample = None;
        for when in moments {
            let begin = self.moment(*when);
            let step = 280 / i64::try_from(each.max(1)).unwrap_or(280).max(1);
            for number in 0..each {
                let time = begin + i64::try_from(number).unwrap_or(0) * step;
                self.issue(scene, time);
                let mut record = self.begin(scene, time);
                let mut random = self.random.clone();
                fill(&mut record, &mut random);
                self.random = random;
                let placed = PlacedCaller {
                    identity: String::new(),
                    place: Place::Address(String::new()),
                    agent: "",
                    from_console: false,
                };
                finish(&mut self.random, &mut record, &placed, scene.account);
                sample = Some((record.source, record.name, record.error.clone()));
                let kind = if record.category == "NetworkActivity" { LogKind::NetworkActivity } else { LogKind::Log };
                self.push(scene.account, scene.region, begin, kind, record);
            }
        }
        let calls = each * u64::try_from(moments.len()).unwrap_or(0);
        if let (Some(story), Some((source, name, error))) = (self.stories.last_mut(), sample) {
            story.calls += calls;
            for (query, verdict) in expected {
                let matching = columns(query, scene, source, name, error.as_ref(), bucket);
                story.expect(query, verdict, matching, calls);
            }
        }
        // The records that issued the sessions were planted in between.
        first..self.planted.len()
    }

    /// Adds a record to the trail of an account; `begin` is the start of the five minutes that its file covers.
    pub fn push(&mut self, account: &str, region: &'static str, begin: i64, kind: LogKind, record: Record) {
        let delivered = (begin + 280).div_euclid(300) * 300 + 600;
        self.planted.push(Planted { account: account.to_owned(), region, delivered, kind, record, copy: false });
    }

    /// The record that issued the session of a role that a service trusts, once per session. It is a call of a service for itself.
    fn issue(&mut self, scene: &Scene, time: i64) {
        let Who::Role(role, name) = &scene.who else { return };
        let Trust::Service(service) = role.trust else { return };
        let session = Self::session(role, name, time);
        if !self.issued.insert(session.key.clone()) {
            return;
        }
        let issuing = Scene {
            account: scene.account,
            region: scene.region,
            who: Who::Service(service),
            origin: Origin::Service { name: service, endpoint: None },
            agent: service,
            invoked_by: None,
        };
        let record = self.assume_role(&issuing, &session, "AssumeRole", "");
        // Its file is the one of its own five minutes. The account of the trail is the one of the role.
        let begin = session.created.div_euclid(300) * 300;
        self.push(&role.account, scene.region, begin, LogKind::Log, Record { recipient: role.account.clone(), ..record });
        if let Some(story) = self.stories.last_mut() {
            story.calls += 1;
        }
    }

    /// A record of `AssumeRole` (or one of its kind) that issues a session, at the moment the session was created.
    pub fn assume_role(&mut self, scene: &Scene, session: &Session, name: &'static str, more: &str) -> Record {
        let mut record = self.begin(scene, session.created);
        let issued = Issued {
            role_arn: &session.role_arn,
            role_id: &session.role_id,
            role_account: &session.account,
            session_name: &session.name,
            session_arn: &session.arn(),
            key: &session.key,
            duration: HOUR,
        };
        operation::sts_assume_role(&mut record, &mut self.random, name, &issued, more);
        let call = [hash(&session.key)];
        // The two accounts of one call see one request.
        record.shared_event_id = Some(Random::keyed(0x5a4e_d1d5, &call).uuid());
        record.request_id = Random::keyed(0x004e_9135, &call).uuid();
        if record.host.is_some() {
            record.host = Some(format!("sts.{}.amazonaws.com", record.region));
        }
        record
    }

    /// Plants the two records of one `AssumeRole` across accounts: the caller's account sees the caller, the role's account sees
    /// where the caller comes from. `expected` is what the record in the role's account must give.
    pub fn assume_across(&mut self, from: &Scene, role: &Role, name: &str, when: When, expected: Expected<'_>) -> Session {
        let time = self.moment(when);
        let session = Self::session(role, name, time);
        self.issue(from, session.created);
        let begin = session.created.div_euclid(300) * 300;
        let own = self.assume_role(from, &session, "AssumeRole", "");
        let outside = match &from.who {
            Who::Role(caller, caller_name) => Who::Neighbour(caller.clone(), caller_name.clone()),
            Who::User(account, user) => Who::Outsider(account, user_id(account, user)),
            other => other.clone(),
        };
        let account = if role.account == from.account { "" } else { account_of(&role.account) };
        let is_outsider = matches!(from.who, Who::Outsider(..));
        let mut calls = 0;
        if !is_outsider {
            // A caller of another organization leaves its own record in a trail that is not ours.
            self.push(from.account, from.region, begin, LogKind::Log, own);
            calls += 1;
        }
        if !account.is_empty() {
            let there = Scene { account, who: outside, ..from.clone() };
            let seen = self.assume_role(&there, &session, "AssumeRole", "");
            self.push(account, from.region, begin, LogKind::Log, seen);
            calls += 1;
            if let Some(story) = self.stories.last_mut() {
                for (query, verdict) in expected {
                    let matching = columns(query, &there, "sts.amazonaws.com", "AssumeRole", None, None);
                    story.expect(query, verdict, matching, 1);
                }
            }
        }
        if let Some(story) = self.stories.last_mut() {
            story.calls += calls;
        }
        session
    }

    /// Delivers records again, unchanged, in another file: `later` seconds after the first.
    pub fn deliver_again(&mut self, range: std::ops::Range<usize>, later: i64) {
        let copies: Vec<Planted> = self
            .planted
            .get(range)
            .unwrap_or(&[])
            .iter()
            .map(|planted| Planted { delivered: planted.delivered + later, copy: true, ..planted.clone() })
            .collect();
        self.planted.extend(copies);
    }

    /// Moves records to a file that is delivered later.
    pub fn deliver_late(&mut self, range: std::ops::Range<usize>, later: i64) {
        for planted in self.planted.get_mut(range).unwrap_or(&mut []) {
            planted.delivered += later;
        }
    }

    /// Random numbers for what `fill` cannot do.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }
}

/// The account of the organization with this id, as a constant.
fn account_of(id: &str) -> &'static str {
    use crate::sample::organization as o;
    [
        o::MANAGEMENT,
        o::LOG_ARCHIVE,
        o::SECURITY_TOOLING,
        o::NETWORK,
        o::SHOP_PRODUCTION,
        o::SHOP_STAGING,
        o::DATA_LAKE,
        o::LEDGER,
        o::SANDBOX,
        o::FORENSICS,
    ]
    .into_iter()
    .find(|known| *known == id)
    .unwrap_or("")
}

/// The columns that tell the findings of a query apart, as far as the plan knows them. Only columns of the query are named.
fn columns(
    query: &str,
    scene: &Scene,
    source: &str,
    name: &str,
    error: Option<&(&'static str, String)>,
    bucket: Option<&str>,
) -> Vec<(&'static str, String)> {
    let mut columns =
        vec![("account_id", scene.account.to_owned()), ("event_source", source.to_owned()), ("event_name", name.to_owned())];
    match &scene.who {
        Who::Role(role, _) | Who::Federated(role, ..) => columns.push(("principal_arn", role.arn())),
        Who::Neighbour(role, _) => columns.push(("principal_id", role.id.clone())),
        Who::User(account, user) => columns.push(("principal_arn", format!("arn:aws:iam::{account}:user/{user}"))),
        Who::Outsider(_, id) => columns.push(("principal_id", id.split(':').next().unwrap_or("").to_owned())),
        Who::Anonymous { .. } => columns.push(("principal_kind", "anonymous".to_owned())),
        Who::Service(service) => columns.push(("invoked_by", (*service).to_owned())),
        Who::Other { arn, id, .. } => match (arn, id) {
            (Some(arn), _) => columns.push(("principal_arn", arn.clone())),
            (None, Some(id)) => columns.push(("principal_id", id.clone())),
            (None, None) => {}
        },
    }
    let without_address =
        ["common_identity_perimeter_org_boundary", "s3_scp_resource_perimeter", "common_service_role_from_aws"];
    match &scene.origin {
        Origin::Service { name, .. } if query != "s3_scp_resource_perimeter" => {
            columns.push(("source_service", (*name).to_owned()))
        }
        Origin::Address(address) | Origin::Endpoint { address, .. } if !without_address.contains(&query) => {
            columns.push(("source_ip", (*address).to_owned()));
        }
        _ => {}
    }
    if let Origin::Endpoint { id, .. } = &scene.origin
        && !without_address.contains(&query)
        && query != "common_from_public_cidr_ipv4"
    {
        columns.push(("vpc_endpoint_id", id.clone()));
    }
    let with_resource =
        query.starts_with("s3_") || ["common_identity_perimeter_org_boundary", "common_only_denied"].contains(&query);
    if let Some(bucket) = bucket.filter(|_| with_resource) {
        columns.push(("resource_arn", format!("arn:aws:s3:::{bucket}")));
    }
    if query == "common_only_denied"
        && let Some((code, message)) = error
    {
        columns.push(("error_code", (*code).to_owned()));
        let named = [
            "service control policy",
            "resource control policy",
            "VPC endpoint policy",
            "resource-based policy",
            "identity-based policy",
        ];
        if let Some(policy) = named.into_iter().find(|policy| message.contains(policy)) {
            columns.push(("denied_by", policy.to_owned()));
        }
    }
    columns
}

impl Story {
    /// Adds calls to the finding with these columns.
    fn expect(&mut self, query: &'static str, verdict: &'static str, matching: Vec<(&'static str, String)>, calls: u64) {
        let same = |finding: &&mut Finding| finding.query == query && finding.matching == matching;
        match self.findings.iter_mut().find(same) {
            Some(finding) => finding.calls += calls,
            None => self.findings.push(Finding { query, verdict, matching, calls }),
        }
    }
}

/// A unique id of a principal of another organization.
pub fn outsider_id(prefix: &str, account: &str, name: &str) -> String {
    format!("{prefix}{}", Random::named(&format!("outsider {account} {name}")).letters(crate::sample::random::BASE32, 17))
}

/// The name of an EC2 instance as its sessions carry it.
pub fn instance(name: &str) -> String {
    format!("i-0{}", Random::named(name).letters(HEX, 16))
}

/// A text as JSON, for requests that stories write by hand.
pub fn json(value: &str) -> String {
    text(value)
}
