//! Sessions of roles in everyday traffic, and the records that issue them.

use super::caller::{Caller, Place, begin, finish};
use super::identity::{Session, account_identity, service_identity, session_key, user_identity};
use super::operations::{self as operation, Issued};
use super::organization::{
    AUDIT_USER, Account, CI_USER, HOME_REGION, Organization, Role, SECURITY_TOOLING, Trust, egress_address, user_id,
};
use super::random::{HEX, Random, hash};
use super::record::Record;

/// Sessions of workloads and tools are renewed twice a day.
pub const SHIFT: i64 = 43_200;
/// When, in the shift, the new credentials are issued.
pub const ISSUE_AFTER: i64 = 600;
const DAY: i64 = 86_400;

/// What assumes roles in other accounts.
const AGENT: &str =
    "aws-cli/2.28.16 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7 md/command#sts.assume-role";

/// The start of the shift to which a moment belongs, counting the minutes before the new credentials to the shift before.
pub fn shift_of(time: i64) -> i64 {
    (time - ISSUE_AFTER - 300).div_euclid(SHIFT) * SHIFT
}

/// The session that a workload or tool uses at a moment. Region matters because an instance lives in one.
pub fn machine_session(role: &Role, region: &str, shift: i64) -> Session {
    let seed = [hash(&role.id), hash(region)];
    let mut stable = Random::keyed(0x0001_57a2, &seed);
    let name = match role.trust {
        Trust::Service("ec2.amazonaws.com") => operation::resource_id(&mut stable, "i"),
        Trust::Service(_) => format!("orders-{}", stable.letters(HEX, 6)),
        Trust::SecurityTooling(user) => format!("{}-{}", user.trim_start_matches("user/"), shift / SHIFT),
        _ => "session".to_owned(),
    };
    let delay = i64::try_from(Random::keyed(shift.unsigned_abs(), &seed).below(240)).unwrap_or(0);
    let key = session_key(&[&role.id, region], shift);
    let mut session = Session::new(role, &name, key, shift + ISSUE_AFTER + delay);
    if role.trust == Trust::Service("ec2.amazonaws.com") {
        session.ec2_role_delivery = Some("2.0");
    }
    session
}

/// The session in which a person works on a day. It begins in the morning, in the access portal.
pub fn person_session(role: &Role, person: &str, day: i64) -> Session {
    let mut stable = Random::keyed(hash(&role.id), &[hash(person), day.unsigned_abs()]);
    let created = day * DAY + 25_200 + i64::try_from(stable.below(600)).unwrap_or(0);
    Session::new(role, person, session_key(&[&role.id, person], day), created)
}

/// The roles of an account whose sessions begin in this region, in the files that [`issues`] fills.
fn issued_roles<'a>(account: &'a Account, region: &'a str) -> impl Iterator<Item = &'a Role> {
    account.roles.iter().filter(move |role| match role.trust {
        Trust::Service(_) => account.vpc(region).is_some(),
        Trust::SecurityTooling(_) => region == HOME_REGION,
        _ => false,
    })
}

/// Does an account have records of issued sessions in this region?
pub fn has_issues(account: &Account, region: &str) -> bool {
    (account.id == SECURITY_TOOLING && region == HOME_REGION) || issued_roles(account, region).next().is_some()
}

/// How many records [`issues`] makes.
pub fn issue_count(organization: &Organization, account: &Account, region: &str) -> u64 {
    let own = issued_roles(account, region).count();
    let others = if account.id == SECURITY_TOOLING && region == HOME_REGION {
        organization
            .accounts
            .iter()
            .filter(|other| other.id != account.id)
            .map(|other| other.roles.iter().filter(|role| matches!(role.trust, Trust::SecurityTooling(_))).count())
            .sum()
    } else {
        0
    };
    u64::try_from(own + others).unwrap_or(0)
}

/// The records that issue the sessions of a shift: what an account's roles were given, and for the security tooling account also
/// its own copy of the calls by which its users entered the other accounts. Both copies of such a call share one `sharedEventID`.
pub fn issues(random: &mut Random, organization: &Organization, account: &Account, region: &str, shift: i64) -> Vec<Record> {
    let mut records: Vec<Record> =
        issued_roles(account, region).map(|role| issue(random, organization, role, &account.id, region, shift)).collect();
    if account.id == SECURITY_TOOLING && region == HOME_REGION {
        for other in organization.accounts.iter().filter(|other| other.id != account.id) {
            for role in other.roles.iter().filter(|role| matches!(role.trust, Trust::SecurityTooling(_))) {
                records.push(issue(random, organization, role, &account.id, region, shift));
            }
        }
    }
    records
}

/// The record, as `recipient` gets it, of the call that issued the session of a shift.
fn issue(random: &mut Random, organization: &Organization, role: &Role, recipient: &str, region: &str, shift: i64) -> Record {
    let session = machine_session(role, region, shift);
    let caller = match role.trust {
        Trust::SecurityTooling(user) => {
            let name = if user == "user/ci" { CI_USER } else { AUDIT_USER };
            let identity = if recipient == SECURITY_TOOLING {
                user_identity(SECURITY_TOOLING, name, None)
            } else {
                account_identity(SECURITY_TOOLING, &user_id(SECURITY_TOOLING, name))
            };
            let vpc = organization.account(SECURITY_TOOLING).and_then(|tooling| tooling.vpc(region));
            let place = vpc.map_or_else(|| Place::Address(egress_address(random)), Place::Vpc);
            Caller { identity, place, agent: AGENT, from_console: false }
        }
        Trust::Service(service) => {
            Caller { identity: service_identity(service), place: Place::Service(service), agent: service, from_console: false }
        }
        _ => return Record::default(),
    };
    let mut record = begin(random, &caller, recipient, region, session.created);
    let issued = Issued {
        role_arn: &session.role_arn,
        role_id: &session.role_id,
        role_account: &session.account,
        session_name: &session.name,
        session_arn: &session.arn(),
        key: &session.key,
        duration: SHIFT,
    };
    operation::sts_assume_role(&mut record, random, "AssumeRole", &issued, "");
    let call = [hash(&role.id), hash(region), shift.unsigned_abs()];
    match role.trust {
        Trust::SecurityTooling(_) => {
            // One request, seen by two accounts: the address must agree as well.
            finish(&mut Random::keyed(0x00ad_d4e5, &call), &mut record, &caller, SECURITY_TOOLING);
            if role.account != SECURITY_TOOLING {
                record.shared_event_id = Some(Random::keyed(0x5a4e_d1d5, &call).uuid());
            }
        }
        _ => {
            finish(random, &mut record, &caller, recipient);
            record.shared_event_id = Some(random.uuid());
        }
    }
    record
}
