//! Every call to AWS that the program makes, why, and what it must be allowed to do.
//!
//! A call site names its row, so the list cannot lack one: a test looks for requests that are sent without. Documentation and
//! policies are made from it.

pub mod athena;
pub mod inventory;
pub mod s3;
pub mod setup;
pub mod sts;

use super::Purpose;

/// One operation of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// As the API reference names it: `Athena`, `S3`.
    pub service: &'static str,
    /// `StartQueryExecution`.
    pub operation: &'static str,
    pub permissions: &'static [Permission],
    /// Whose credentials make the call.
    pub purpose: Purpose,
    /// What it is for, in one sentence.
    pub why: &'static str,
    /// Commands that may make it, such as `run` or `setup athena --apply`.
    pub commands: &'static [&'static str],
    /// Does it answer in pages?
    pub paginated: bool,
    /// Does it create or change something?
    pub writes: bool,
}

/// An IAM action that a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    pub action: &'static str,
    /// Pattern of ARNs, with `${partition}`, `${region}`, `${account}`, `${workgroup}`, `${catalog}`, `${database}`, `${table}`,
    /// `${events_bucket}`, `${results_bucket}` and `${key}` to be filled in; `*` where the action knows no resources.
    pub resource: &'static str,
    /// When it is needed, if not always.
    pub only: Option<&'static str>,
}

/// An action that is always needed.
const fn needs(action: &'static str, resource: &'static str) -> Permission {
    Permission { action, resource, only: None }
}

/// An action that is needed in some cases.
const fn needs_if(action: &'static str, resource: &'static str, only: &'static str) -> Permission {
    Permission { action, resource, only: Some(only) }
}

/// All rows, by service.
pub const ALL: &[&[&Call]] = &[athena::ALL, s3::ALL, sts::ALL, inventory::ALL, setup::ALL];

/// All rows, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Call> {
    ALL.iter().flat_map(|rows| rows.iter().copied())
}
