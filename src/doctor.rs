//! Is everything there that a run needs? One check after the other: what was seen, and what to do about it.
//!
//! [`local`] looks at what lies on this machine, [`aws`] at Athena, the trail and the services that the inventory comes from. A check that
//! cannot be made says why; that is no success.

mod analyzers;
pub mod aws;
pub mod local;

use serde_json::{Value, json};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Ok,
    /// A run works, and cannot tell everything.
    Warn,
    /// A run fails, or would be blind.
    Fail,
    /// It could not be looked at.
    NotChecked,
}

impl Status {
    pub const ALL: [Status; 4] = [Status::Ok, Status::Warn, Status::Fail, Status::NotChecked];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "fail",
            Status::NotChecked => "not_checked",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, such as `inventory` or `table logs.cloudtrail`.
    pub subject: String,
    pub status: Status,
    pub seen: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Check {
    pub fn ok(subject: impl Into<String>, seen: impl Into<String>) -> Self {
        Check { subject: subject.into(), status: Status::Ok, seen: seen.into(), advice: None }
    }

    pub fn warn(subject: impl Into<String>, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Check { subject: subject.into(), status: Status::Warn, seen: seen.into(), advice: Some(advice.into()) }
    }

    pub fn fail(subject: impl Into<String>, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Check { subject: subject.into(), status: Status::Fail, seen: seen.into(), advice: Some(advice.into()) }
    }

    pub fn not_checked(subject: impl Into<String>, why: impl Into<String>) -> Self {
        Check { subject: subject.into(), status: Status::NotChecked, seen: why.into(), advice: None }
    }
}

/// How many checks ended so.
pub fn count(checks: &[Check], status: Status) -> usize {
    checks.iter().filter(|check| check.status == status).count()
}

/// The checks for programs.
pub fn as_json(checks: &[Check]) -> Value {
    let listed: Vec<Value> = checks
        .iter()
        .map(|check| json!({"subject": check.subject, "status": check.status.as_str(), "seen": check.seen, "advice": check.advice}))
        .collect();
    let summary: serde_json::Map<String, Value> =
        Status::ALL.iter().map(|status| (status.as_str().to_owned(), json!(count(checks, *status)))).collect();
    json!({"checks": listed, "summary": summary})
}

/// So many names of a list, and how many more there are.
pub(crate) fn some<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
