//! Trust policies: who may assume a role.
//!
//! The rules are those of the pages "AWS JSON policy elements: Principal", "… NotPrincipal" and "Policy evaluation logic" of the
//! IAM User Guide, cut down to the one question that a trust policy answers. An `Allow` lets a principal in only if it allows the
//! operation that this kind of principal uses: `sts:AssumeRole` for accounts, users, roles and services, and
//! `sts:AssumeRoleWithSAML` or `sts:AssumeRoleWithWebIdentity` for identity providers. A `Deny` without conditions takes away what
//! it covers; any other `Deny` is told in words.

mod conditions;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::values::Arn;

/// One principal that a trust policy lets in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssumableBy {
    /// `AWS`, `Service`, `Federated`, `CanonicalUser`, or `*` for everyone.
    pub principal_type: String,
    /// An account id (also where the policy writes `arn:aws:iam::111122223333:root`), an ARN, a service principal, an identity
    /// provider, a unique id of a principal that was deleted, or `*`.
    pub principal: String,
    /// The statement names who is *not* meant (`NotPrincipal`): everyone but `principal`, a list joined by `, `, is let in.
    pub not_principal: bool,
    /// The conditions of the statement in words, such as `sts:ExternalId = 4711`. `None` when there are none.
    pub condition: Option<String>,
    /// What `Deny` statements take away again, in words. `None` when nothing.
    pub except: Option<String>,
}

/// How many principals a finding names before it counts the rest.
const SHOWN: usize = 10;

/// The list for the reader: sorted, the first ten, then how many more; `nobody` for an empty list.
pub fn describe_assumable_by(assumable_by: &[AssumableBy]) -> String {
    if assumable_by.is_empty() {
        return "nobody".to_owned();
    }
    let mut shown: Vec<String> = assumable_by.iter().map(AssumableBy::to_string).collect();
    shown.sort_unstable();
    let more = shown.len().saturating_sub(SHOWN);
    shown.truncate(SHOWN);
    let mut text = shown.join("; ");
    if more > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, "; and {more} more");
    }
    text
}

impl std::fmt::Display for AssumableBy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.not_principal, self.principal.as_str()) {
            (true, principal) => write!(formatter, "anyone but {principal}")?,
            (false, "*") if self.principal_type == "*" => formatter.write_str("anyone")?,
            (false, principal) => formatter.write_str(principal)?,
        }
        if let Some(condition) = &self.condition {
            write!(formatter, " if {condition}")?;
        }
        if let Some(except) = &self.except {
            write!(formatter, ", except {except}")?;
        }
        Ok(())
    }
}

/// What a trust policy says, decided.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TrustPolicy {
    /// The document, [`canonical`].
    pub(super) document: String,
    pub(super) assumable_by: Vec<AssumableBy>,
    /// Some service principal is let in.
    pub(super) by_service: bool,
}

impl TrustPolicy {
    /// From what a row holds: an object, JSON text, or JSON text that is URL-encoded as the IAM API returns it.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the document.
    pub(super) fn from_value(value: &Value) -> Result<TrustPolicy, String> {
        match value {
            Value::String(text) => {
                let text = text.trim();
                let decoded;
                let text = if text.starts_with(['{', '[']) {
                    text
                } else {
                    decoded = percent_decode(text);
                    decoded.trim()
                };
                let document: Value =
                    serde_json::from_str(text).map_err(|error| format!("the trust policy is not valid JSON: {error}"))?;
                TrustPolicy::from_document(&document)
            }
            other => TrustPolicy::from_document(other),
        }
    }

    fn from_document(document: &Value) -> Result<TrustPolicy, String> {
        let statements: Vec<Statement> = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().map(Statement::parse).collect::<Result<_, _>>()?,
            Some(statement @ Value::Object(_)) => vec![Statement::parse(statement)?],
            _ => return Err("the trust policy has no Statement".to_owned()),
        };
        let (allows, denies): (Vec<Statement>, Vec<Statement>) = statements.into_iter().partition(|statement| statement.allow);
        let mut let_in = BTreeSet::new();
        for allow in &allows {
            for mut entry in allow.entries() {
                if denies.iter().all(|deny| entry.limit(deny)) {
                    let_in.insert(entry.finish());
                }
            }
        }
        // Who is let in without conditions gains nothing from a second statement with conditions.
        let free: BTreeSet<(String, String)> = let_in
            .iter()
            .filter(|entry| !entry.not_principal && entry.condition.is_none() && entry.except.is_none())
            .map(|entry| (entry.principal_type.clone(), entry.principal.clone()))
            .collect();
        let assumable_by: Vec<AssumableBy> = let_in
            .into_iter()
            .filter(|entry| {
                entry.not_principal
                    || (entry.condition.is_none() && entry.except.is_none())
                    || !free.contains(&(entry.principal_type.clone(), entry.principal.clone()))
            })
            .collect();
        let by_service = assumable_by.iter().any(|entry| entry.principal_type == "Service" && !entry.not_principal);
        Ok(TrustPolicy { document: canonical(document), assumable_by, by_service })
    }
}

/// Compact JSON text, the same for two documents that differ only in spaces and in the order of keys.
pub(super) fn canonical(document: &Value) -> String {
    let mut document = document.clone();
    document.sort_all_objects();
    document.to_string()
}

/// The operations that give credentials of a role, as bits.
const ASSUME_ROLE: u8 = 1;
const WITH_SAML: u8 = 2;
const WITH_WEB_IDENTITY: u8 = 4;
const OPERATIONS: [(&str, u8); 3] = [
    ("sts:assumerole", ASSUME_ROLE),
    ("sts:assumerolewithsaml", WITH_SAML),
    ("sts:assumerolewithwebidentity", WITH_WEB_IDENTITY),
];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Principal {
    /// As [`AssumableBy::principal_type`].
    kind: String,
    value: String,
}

impl Principal {
    fn new(kind: &str, value: &str) -> Principal {
        // `"*"` and `{"AWS": "*"}` mean the same.
        if value == "*" && kind == "AWS" {
            return Principal { kind: "*".to_owned(), value: "*".to_owned() };
        }
        // `…:root` in a policy is the account, not its root user.
        let account = Arn::parse(value).filter(|arn| arn.service == "iam" && arn.resource == "root").map(|arn| arn.account);
        Principal { kind: kind.to_owned(), value: account.unwrap_or(value).to_owned() }
    }

    fn operations(&self) -> u8 {
        match self.kind.as_str() {
            "*" => ASSUME_ROLE | WITH_SAML | WITH_WEB_IDENTITY,
            "Federated" => WITH_SAML | WITH_WEB_IDENTITY,
            _ => ASSUME_ROLE,
        }
    }

    /// Is everyone whom `other` means also meant by this principal?
    fn covers(&self, other: &Principal) -> bool {
        if self.kind == "*" || self == other {
            return true;
        }
        if self.kind != "AWS" || other.kind != "AWS" {
            return false;
        }
        let Some(other_arn) = Arn::parse(&other.value) else { return false };
        if self.value == other_arn.account {
            return true;
        }
        // A role means its sessions too.
        Arn::parse(&self.value).is_some_and(|arn| {
            arn.account == other_arn.account
                && other_arn.service == "sts"
                && arn.resource.strip_prefix("role/").and_then(|role| role.rsplit('/').next()).is_some_and(|role| {
                    other_arn.resource.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next()) == Some(role)
                })
        })
    }
}

#[derive(Debug, Clone)]
struct Statement {
    allow: bool,
    operations: u8,
    principals: Vec<Principal>,
    not_principal: bool,
    condition: Option<String>,
}

impl Statement {
    fn parse(statement: &Value) -> Result<Statement, String> {
        let allow = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            other => {
                let found = other.unwrap_or("missing");
                return Err(format!("the Effect of a statement of the trust policy is {found}; expected Allow or Deny"));
            }
        };
        let (principals, not_principal) = match (statement.get("Principal"), statement.get("NotPrincipal")) {
            (Some(principal), None) => (principals(principal)?, false),
            (None, Some(principal)) => (principals(principal)?, true),
            _ => return Err("a statement of the trust policy needs either Principal or NotPrincipal".to_owned()),
        };
        let operations = match (statement.get("Action"), statement.get("NotAction")) {
            (Some(action), _) => operations(action),
            (None, Some(action)) => !operations(action) & (ASSUME_ROLE | WITH_SAML | WITH_WEB_IDENTITY),
            // IAM demands one of the two; a row that was cut down to the principals means the assumption itself.
            (None, None) => ASSUME_ROLE | WITH_SAML | WITH_WEB_IDENTITY,
        };
        let condition = statement.get("Condition").and_then(conditions::in_words);
        Ok(Statement { allow, operations, principals, not_principal, condition })
    }

    /// What an `Allow` offers, before any `Deny`.
    fn entries(&self) -> Vec<Entry> {
        let entry = |principal: Principal, excluded: Vec<Principal>| Entry {
            operations: self.operations & principal.operations(),
            principal,
            excluded,
            condition: self.condition.clone(),
            except: BTreeSet::new(),
        };
        let entries = if self.not_principal {
            vec![entry(Principal::new("*", "*"), self.principals.clone())]
        } else {
            self.principals.iter().map(|principal| entry(principal.clone(), Vec::new())).collect()
        };
        entries.into_iter().filter(|entry| entry.operations != 0).collect()
    }
}

/// One offer of an `Allow`, on its way through the `Deny` statements.
#[derive(Debug)]
struct Entry {
    principal: Principal,
    /// The principals of a `NotPrincipal`.
    excluded: Vec<Principal>,
    operations: u8,
    condition: Option<String>,
    except: BTreeSet<String>,
}

impl Entry {
    /// Applies a `Deny`. False when nothing is left of the offer.
    fn limit(&mut self, deny: &Statement) -> bool {
        if self.operations & deny.operations == 0 {
            return true;
        }
        let within: Vec<&str> = deny
            .principals
            .iter()
            .filter(|named| self.principal.covers(named) && !self.excluded.iter().any(|excluded| excluded.covers(named)))
            .map(|named| named.value.as_str())
            .collect();
        let covered = deny.principals.iter().any(|named| named.covers(&self.principal));
        let (whole, part) = if deny.not_principal {
            if covered {
                return true;
            }
            // Everyone is denied but those named; of this offer, those within it remain.
            (within.is_empty(), format!("everyone but {}", joined(&within)))
        } else if covered {
            (true, String::new())
        } else if within.is_empty() {
            return true;
        } else {
            (false, joined(&within))
        };
        match (whole, &deny.condition) {
            (true, None) => self.operations &= !deny.operations,
            (true, Some(condition)) => drop(self.except.insert(format!("when {condition}"))),
            (false, None) => drop(self.except.insert(part)),
            (false, Some(condition)) => drop(self.except.insert(format!("{part} when {condition}"))),
        }
        self.operations != 0
    }

    fn finish(self) -> AssumableBy {
        let not_principal = !self.excluded.is_empty();
        let principal = if not_principal {
            let excluded: Vec<&str> = self.excluded.iter().map(|principal| principal.value.as_str()).collect();
            joined(&excluded)
        } else {
            self.principal.value
        };
        let except = (!self.except.is_empty()).then(|| self.except.into_iter().collect::<Vec<_>>().join(" and "));
        AssumableBy { principal_type: self.principal.kind, principal, not_principal, condition: self.condition, except }
    }
}

fn joined(names: &[&str]) -> String {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn principals(element: &Value) -> Result<Vec<Principal>, String> {
    let mut found = Vec::new();
    match element {
        Value::String(text) => found.push(Principal::new("AWS", text)),
        Value::Object(by_kind) => {
            for (kind, values) in by_kind {
                for value in one_or_many(values) {
                    match value {
                        Value::String(text) => found.push(Principal::new(kind, text)),
                        // An account id without quotes.
                        Value::Number(number) => found.push(Principal::new(kind, &format!("{:0>12}", number.to_string()))),
                        _ => return Err(format!("a principal of type {kind} of the trust policy is not text")),
                    }
                }
            }
        }
        _ => return Err("the Principal of a statement of the trust policy is neither text nor an object".to_owned()),
    }
    Ok(found)
}

fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

fn operations(action: &Value) -> u8 {
    let patterns: Vec<crate::pattern::Pattern> = one_or_many(action)
        .iter()
        .filter_map(Value::as_str)
        .map(|action| crate::pattern::Pattern::new(action.to_ascii_lowercase()))
        .collect();
    OPERATIONS
        .iter()
        .filter(|(operation, _)| crate::pattern::first_match(&patterns, operation).is_some())
        .fold(0, |bits, (_, bit)| bits | bit)
}

/// Decodes `%7B` and the like. What is no valid escape stays as it is.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = (first == b'%').then(|| after.split_at_checked(2)).flatten().and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok().map(|byte| (byte, after))
        });
        let (byte, after) = escape.unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
