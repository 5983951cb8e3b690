//! `Principal` and `NotPrincipal`: whom a statement of a resource-type policy is about.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>.

use super::document::{Effect, PrincipalKind, Principals};
use super::pattern::arn_parts;
use super::request::{Principal, PrincipalType};
use super::truth::Truth;

/// How a statement names the caller. It matters which: what names the session itself is not limited by the boundary or the session
/// policy, what names the role is, and what names the account only lets the account's own policies decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Everyone, the user, the session, the service.
    pub directly: Truth,
    /// The role of the session, or the user who asked for a federated session.
    pub by_role: Truth,
    /// The account.
    pub by_account: Truth,
}

impl Named {
    /// A policy without `Principal` is about whoever it is attached to.
    pub const ATTACHED: Named = Named { directly: Truth::True, by_role: Truth::False, by_account: Truth::False };
    pub const NOT: Named = Named { directly: Truth::False, by_role: Truth::False, by_account: Truth::False };

    fn or(self, other: Named) -> Named {
        Named {
            directly: self.directly.or(other.directly),
            by_role: self.by_role.or(other.by_role),
            by_account: self.by_account.or(other.by_account),
        }
    }

    pub fn at_all(self) -> Truth {
        self.directly.or(self.by_role).or(self.by_account)
    }
}

/// How `principals` names the caller. `has_boundary`: the caller has a permissions boundary.
pub fn named(principals: &Principals, caller: &Principal, effect: Effect, has_boundary: bool) -> Named {
    let entries = || principals.entries.iter().map(|entry| entry_names(entry.kind, &entry.text.text, caller));
    let everyone = principals
        .entries
        .iter()
        .any(|entry| matches!(entry.kind, PrincipalKind::Everyone | PrincipalKind::Aws) && entry.text.text == "*");
    let listed = entries().fold(Named::NOT, Named::or);
    if !principals.negated {
        return listed;
    }
    let is_iam =
        matches!(caller.principal_type, PrincipalType::User | PrincipalType::AssumedRole | PrincipalType::FederatedUser);
    // A Deny with NotPrincipal denies everybody who has a permissions boundary, whatever it lists.
    if effect == Effect::Deny && has_boundary && is_iam {
        return Named::ATTACHED;
    }
    // To spare somebody, the account and every identity that the caller holds must be listed.
    let spared = match caller.principal_type {
        _ if everyone => Truth::True,
        PrincipalType::AssumedRole => listed.by_account.and(listed.by_role).and(listed.directly),
        PrincipalType::User | PrincipalType::FederatedUser => listed.by_account.and(listed.directly),
        _ => listed.at_all(),
    };
    Named { directly: spared.negated(), ..Named::NOT }
}

fn entry_names(kind: PrincipalKind, text: &str, caller: &Principal) -> Named {
    let directly = |truth: Truth| Named { directly: truth, ..Named::NOT };
    match kind {
        PrincipalKind::Everyone => Named::ATTACHED,
        PrincipalKind::Aws if text == "*" => Named::ATTACHED,
        PrincipalKind::Aws => aws(text, caller),
        PrincipalKind::Service => directly(
            (caller.principal_type == PrincipalType::Service
                && caller.services.iter().any(|service| service.eq_ignore_ascii_case(text)))
            .into(),
        ),
        PrincipalKind::Federated => {
            let same = |own: &String| Truth::from(own == text);
            let is_federated = caller.principal_type == PrincipalType::Federated;
            directly(if is_federated { caller.arn.as_ref().map_or(Truth::Unknown, same) } else { Truth::False })
        }
        PrincipalKind::CanonicalUser => match (&caller.canonical_user, caller.principal_type) {
            (Some(own), _) => Named { by_account: (own == text).into(), ..Named::NOT },
            (None, PrincipalType::Service | PrincipalType::Anonymous | PrincipalType::Federated) => Named::NOT,
            (None, _) => Named { by_account: Truth::Unknown, ..Named::NOT },
        },
    }
}

fn aws(text: &str, caller: &Principal) -> Named {
    let kind = caller.principal_type;
    if matches!(kind, PrincipalType::Service | PrincipalType::Anonymous | PrincipalType::Federated) {
        return Named::NOT;
    }
    let is_id = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_id {
        return account(text, caller);
    }
    let Some([_, _, service, _, owner, resource]) = arn_parts(text) else {
        return unique_id(text, caller);
    };
    if service == "iam" && resource == "root" {
        return account(owner, caller);
    }
    if caller.account.as_deref().is_some_and(|own| own != owner) {
        return Named::NOT;
    }
    let directly = |truth: Truth| Named { directly: truth, ..Named::NOT };
    let by_role = |truth: Truth| Named { by_role: truth, ..Named::NOT };
    match kind {
        // Who of the account it is, nobody knows.
        PrincipalType::Account if service == "iam" && resource.starts_with("role/") => by_role(Truth::Unknown),
        PrincipalType::Account => directly(Truth::Unknown),
        PrincipalType::AssumedRole if service == "iam" && resource.starts_with("role/") => {
            by_role(match (&caller.role_arn, caller.role_name()) {
                (Some(own), _) => (own == text).into(),
                // The path of the role is not in the ARN of the session.
                (None, Some(name)) if resource.rsplit('/').next() == Some(name) => Truth::Unknown,
                (None, Some(_)) => Truth::False,
                (None, None) => Truth::Unknown,
            })
        }
        PrincipalType::AssumedRole if caller.arn.is_none() && service == "sts" => {
            directly(match caller.role_arn.as_deref().and_then(|arn| arn.rsplit('/').next()) {
                Some(name) if !is_session_of(resource, name) => Truth::False,
                _ => Truth::Unknown,
            })
        }
        // The session may be that user's, whom its ARN does not tell; a grant to the user is limited like one to a role.
        PrincipalType::FederatedUser if service == "iam" && resource.starts_with("user/") => by_role(Truth::Unknown),
        _ => directly((caller.arn.as_deref() == Some(text)).into()),
    }
}

/// Is it the last part of the ARN of a session of the role with this name?
fn is_session_of(resource: &str, role: &str) -> bool {
    resource.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next()) == Some(role)
}

fn account(id: &str, caller: &Principal) -> Named {
    match &caller.account {
        Some(own) if own != id => Named::NOT,
        Some(_) if caller.principal_type == PrincipalType::Root => Named::ATTACHED,
        Some(_) => Named { by_account: Truth::True, ..Named::NOT },
        None => Named { by_account: Truth::Unknown, ..Named::NOT },
    }
}

/// A saved policy names a user or role by its unique id.
fn unique_id(text: &str, caller: &Principal) -> Named {
    // What the first letters of an id are of: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>.
    let (is_role, may_be) = match text.get(..4) {
        Some("AROA") => (true, matches!(caller.principal_type, PrincipalType::AssumedRole | PrincipalType::Account)),
        // The user who asked for a federated session is not told by its ARN.
        Some("AIDA") => (
            false,
            matches!(caller.principal_type, PrincipalType::User | PrincipalType::FederatedUser | PrincipalType::Account),
        ),
        _ => return Named::NOT,
    };
    if !may_be {
        return Named::NOT;
    }
    let truth = caller.unique_id.as_ref().map_or(Truth::Unknown, |id| Truth::from(id == text));
    if is_role { Named { by_role: truth, ..Named::NOT } } else { Named { directly: truth, ..Named::NOT } }
}
