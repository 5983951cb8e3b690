//! What a policy document says on the whole, without a request: does it let everything through, and which condition keys does it
//! demand? A key that only occurs in a document says little: in a `Deny` it demands something under a negated operator only, and in an
//! `Allow` only where no other `Allow` goes without it.

use std::collections::BTreeSet;

use super::document::{Condition, Document, Effect, Elements, PrincipalKind, Statement};
use super::operator::{Operator, Test};

/// How far a document demands something of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Demanded {
    /// Of none.
    No,
    /// Of some actions or resources.
    InPart,
    /// Of all actions on all resources.
    OfAll,
}

impl Demanded {
    pub fn as_str(self) -> &'static str {
        match self {
            Demanded::No => "no",
            Demanded::InPart => "some actions",
            Demanded::OfAll => "all actions",
        }
    }
}

/// The condition keys that tell whose the resource is.
pub const RESOURCE_KEYS: &[&str] = &["aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:ResourceAccount"];
/// The condition keys that tell whose the caller is.
pub const PRINCIPAL_KEYS: &[&str] = &["aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalAccount"];
/// The condition keys that tell which network a request comes from.
pub const NETWORK_KEYS: &[&str] = &[
    "aws:SourceIp",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:VpcSourceIp",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
];

/// Every condition key of the document, in lower case, because AWS compares keys so.
pub fn condition_keys(document: &Document) -> BTreeSet<String> {
    document
        .statements
        .iter()
        .flat_map(|statement| &statement.conditions)
        .map(|condition| condition.key.text.to_ascii_lowercase())
        .collect()
}

/// Does the document allow everyone everything, as the policy that AWS gives to a new VPC endpoint?
pub fn allows_everything(document: &Document) -> bool {
    let mut statements = document.statements.iter();
    statements.all(|statement| statement.effect == Effect::Allow)
        && document.statements.iter().any(|statement| {
            let everyone = statement.principal.as_ref().is_some_and(|principals| {
                !principals.negated
                    && principals.entries.iter().any(|entry| match entry.kind {
                        PrincipalKind::Everyone => true,
                        PrincipalKind::Aws => entry.text.text == "*",
                        _ => false,
                    })
            });
            everyone && statement.conditions.is_empty() && of_everything(statement)
        })
}

/// Does a document demand one of the keys of every request?
///
/// `Deny` statements demand it with a negated operator, or where they deny requests without it. Where `allows_matter` (in a VPC
/// endpoint policy, which lets through only what it allows; an SCP stands beside one that allows everything), so do `Allow`
/// statements, unless another one goes without.
pub fn demands(document: &Document, keys: &[&str], allows_matter: bool) -> Demanded {
    let named = |condition: &&Condition| keys.iter().any(|key| condition.key.text.eq_ignore_ascii_case(key));
    let mut demanded = Demanded::No;
    for statement in document.statements.iter().filter(|statement| statement.effect == Effect::Deny) {
        let demands = statement.conditions.iter().filter(named).any(|condition| {
            Operator::parse(&condition.operator.text).is_some_and(|operator| match operator.test {
                Test::Compare { negated, .. } => negated,
                Test::Null => condition.values.iter().any(|value| value.text.eq_ignore_ascii_case("true")),
            })
        });
        if demands {
            demanded = demanded.max(if of_everything(statement) { Demanded::OfAll } else { Demanded::InPart });
        }
    }
    if !allows_matter {
        return demanded;
    }
    let allows: Vec<&Statement> = document.statements.iter().filter(|statement| statement.effect == Effect::Allow).collect();
    // An absent key passes a condition with `IfExists`, so that one demands nothing of it.
    let demanding = allows
        .iter()
        .filter(|statement| {
            statement.conditions.iter().filter(named).any(|condition| {
                Operator::parse(&condition.operator.text).is_some_and(|operator| {
                    matches!(operator.test, Test::Compare { negated: false, .. }) && !operator.if_exists
                })
            })
        })
        .count();
    demanded.max(match demanding {
        0 => Demanded::No,
        all if all == allows.len() => Demanded::OfAll,
        _ => Demanded::InPart,
    })
}

/// All actions on all resources.
fn of_everything(statement: &Statement) -> bool {
    let all = |elements: &Elements| !elements.negated && elements.items.iter().any(|item| item.text == "*");
    all(&statement.action) && statement.resource.as_ref().is_none_or(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demands_of(text: &str, keys: &[&str], allows_matter: bool) -> Demanded {
        demands(&Document::parse("test", text).unwrap(), keys, allows_matter)
    }

    const SCP: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": {"StringNotEqualsIfExists": {"aws:resourceorgid": "o-1"}, "Bool": {"aws:PrincipalIsAWSService": "false"}}}]}"#;

    #[test]
    fn a_deny_demands_under_a_negated_operator_only() {
        assert_eq!(demands_of(SCP, RESOURCE_KEYS, false), Demanded::OfAll);
        assert_eq!(demands_of(SCP, PRINCIPAL_KEYS, false), Demanded::No);
        let some = SCP.replace("\"Action\": \"*\"", "\"Action\": \"s3:*\"");
        assert_eq!(demands_of(&some, RESOURCE_KEYS, false), Demanded::InPart);
        let positive = SCP.replace("StringNotEqualsIfExists", "StringEquals");
        assert_eq!(demands_of(&positive, RESOURCE_KEYS, false), Demanded::No);
        let absent = r#"{"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Null": {"aws:SourceVpce": "true"}}}]}"#;
        assert_eq!(demands_of(absent, NETWORK_KEYS, false), Demanded::OfAll);
    }

    #[test]
    fn an_allow_demands_unless_another_goes_without() {
        let only = r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}]}"#;
        assert_eq!(demands_of(only, PRINCIPAL_KEYS, true), Demanded::OfAll);
        assert_eq!(demands_of(only, PRINCIPAL_KEYS, false), Demanded::No);
        let open = only.replace("[{", r#"[{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}, {"#);
        assert_eq!(demands_of(&open, PRINCIPAL_KEYS, true), Demanded::InPart);
        assert_eq!(demands_of(&only.replace("StringEquals", "StringEqualsIfExists"), PRINCIPAL_KEYS, true), Demanded::No);
    }

    #[test]
    fn the_default_policy_in_every_way_of_writing_it() {
        let open = |text: &str| allows_everything(&Document::parse("test", text).unwrap());
        assert!(open(r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#));
        assert!(open(
            r#"{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["*"], "Resource": ["*"]}}"#
        ));
        assert!(!open(r#"{"Statement":[{"Action":"s3:*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#));
        assert!(!open(
            r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"},{"Action":"s3:*","Effect":"Deny","Principal":"*","Resource":"*"}]}"#
        ));
        assert!(!open(r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":{"AWS":"111122223333"},"Resource":"*"}]}"#));
    }
}
