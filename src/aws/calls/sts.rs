//! Who the program is.

use super::{Call, Permission, needs};
use crate::config::settings::aws::Purpose;

const NO_PERMISSION: &[Permission] = &[];

pub const ASSUME_ROLE: Call = Call {
    service: "STS",
    operation: "AssumeRole",
    permissions: &[needs("sts:AssumeRole", "the roles that the settings name")],
    purpose: Purpose::Athena,
    why: "Takes on the roles that the settings name, one after the other.",
    commands: &["run", "sql", "whatif", "setup", "doctor", "inventory export"],
    paginated: false,
    writes: false,
};

pub const GET_CALLER_IDENTITY: Call = Call {
    service: "STS",
    operation: "GetCallerIdentity",
    permissions: NO_PERMISSION,
    purpose: Purpose::Athena,
    why: "Names the account and the principal of the credentials. Needs no permission.",
    commands: &["setup", "doctor", "inventory export"],
    paginated: false,
    writes: false,
};

pub const ALL: &[&Call] = &[&ASSUME_ROLE, &GET_CALLER_IDENTITY];
