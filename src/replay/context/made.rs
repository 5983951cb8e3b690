//! Which resource an action makes. What is only made has no tags but those that come with the request; what the action makes it from,
//! or adds to, exists and has its own: `ec2:CreateSnapshot` makes the snapshot and not the volume, `iam:CreateAccessKey` no user.

use super::Pair;

const VERBS: [&str; 8] = ["Create", "Run", "Allocate", "Import", "Register", "Copy", "Restore", "Request"];

/// What is made under another name than that of its type: prefix, what the action's name says, type.
const NAMES: [(&str, &str, &str); 14] = [
    ("ec2", "key", "key-pair"),
    ("ec2", "address", "elastic-ip"),
    ("iam", "virtualmfadevice", "mfa"),
    ("iam", "openidconnectprovider", "oidc-provider"),
    ("rds", "dbinstance", "db"),
    ("rds", "dbinstancereadreplica", "db"),
    ("rds", "dbparametergroup", "pg"),
    ("rds", "dbclusterparametergroup", "cluster-pg"),
    ("rds", "dbsubnetgroup", "subgrp"),
    ("rds", "dbsecuritygroup", "secgrp"),
    ("rds", "optiongroup", "og"),
    ("rds", "eventsubscription", "es"),
    ("elasticfilesystem", "filesystem", "file-system"),
    ("dynamodb", "globaltable", "global-table"),
];

/// Actions that make more than what they are named after, as far as the record does not name it.
const BESIDES: [(&str, &str, &[&str]); 6] = [
    ("ec2", "RunInstances", &["volume", "network-interface", "spot-instances-request"]),
    ("ec2", "CreateFleet", &["instance", "volume", "network-interface", "spot-instances-request"]),
    ("ec2", "RequestSpotInstances", &["instance", "volume", "network-interface"]),
    ("ec2", "RequestSpotFleet", &["instance", "volume", "network-interface", "spot-instances-request"]),
    ("ec2", "CreateImage", &["snapshot"]),
    ("ec2", "ImportImage", &["snapshot"]),
];

fn squeezed(name: &str) -> String {
    let characters = name.chars().filter(char::is_ascii_alphanumeric);
    characters.map(|character| character.to_ascii_lowercase()).collect()
}

/// What the action makes, by its name: `DBInstance` of `RestoreDBInstanceFromDBSnapshot`.
fn noun(action: &str) -> Option<(&'static str, String)> {
    let (verb, rest) = VERBS.iter().find_map(|verb| Some((*verb, action.strip_prefix(verb)?)))?;
    let end = ["From", "To", "With"].iter().filter_map(|word| rest.find(word)).filter(|at| *at > 0).min();
    Some((verb, squeezed(rest.get(..end.unwrap_or(rest.len()))?)))
}

fn fits(prefix: &str, noun: &str, type_name: &str) -> bool {
    // Types of load balancers have their kind behind a slash.
    let kind = squeezed(type_name.split('/').next().unwrap_or(type_name));
    let kind = kind.strip_suffix("id").unwrap_or(&kind);
    let singular = |name: &'_ str| name.strip_suffix('s').map_or(name.len(), str::len);
    let one = noun.get(..singular(noun)).unwrap_or(noun);
    let kind = kind.get(..singular(kind)).unwrap_or(kind);
    let named = |noun: &str| noun.ends_with(kind) || (!noun.is_empty() && kind.ends_with(noun));
    let by_table = NAMES.iter().any(|(own, made, of_type)| *own == prefix && *made == noun && *of_type == type_name);
    !kind.is_empty() && (named(noun) || named(one) || by_table)
}

/// Does the action make the resource of the pair?
pub(super) fn is_made(pair: Pair<'_, '_>) -> bool {
    let (prefix, name): (&str, &str) = (&pair.needed.prefix, &pair.needed.name);
    let is_partly_known = pair.resolved.arn.as_deref().is_none_or(|arn| arn.contains('*'));
    // The tags that come with a thing are set on what is not there yet.
    if pair.needed.dependent.is_some() && name == "CreateTags" {
        return is_partly_known;
    }
    let (Some(type_name), Some((verb, noun))) = (pair.type_name(), noun(name)) else { return false };
    if is_partly_known {
        let mut besides = BESIDES.iter().filter(|(own, action, _)| *own == prefix && *action == name);
        if besides.any(|(_, _, types)| types.contains(&type_name)) {
            return true;
        }
    }
    // Where the request names the thing whole, only what is created is surely new: a copy has its source's type.
    let may_be_new = is_partly_known || (verb == "Create" && pair.needed.dependent.is_none());
    may_be_new && fits(prefix, &noun, type_name)
}

#[cfg(test)]
mod tests {
    use super::{fits, noun};

    fn makes(prefix: &str, action: &str, type_name: &str) -> bool {
        noun(action).is_some_and(|(_, noun)| fits(prefix, &noun, type_name))
    }

    #[test]
    fn what_an_action_makes_is_told_by_its_name() {
        for (prefix, action, type_name) in [
            ("ec2", "CreateSnapshot", "snapshot"),
            ("ec2", "CreateSnapshots", "snapshot"),
            ("ec2", "RunInstances", "instance"),
            ("ec2", "AllocateHosts", "dedicated-host"),
            ("ec2", "CreateVpc", "vpc"),
            ("rds", "CreateDBInstance", "db"),
            ("rds", "RestoreDBInstanceFromDBSnapshot", "db"),
            ("rds", "CreateDBSnapshot", "snapshot"),
            ("elasticloadbalancing", "CreateLoadBalancer", "loadbalancer/app/"),
            ("elasticloadbalancing", "CreateRule", "listener-rule/app"),
            ("dynamodb", "RestoreTableFromBackup", "table"),
            ("workspaces", "CreateWorkspaces", "workspaceid"),
            ("kms", "CreateAlias", "alias"),
        ] {
            assert!(makes(prefix, action, type_name), "{prefix}:{action} makes {type_name}");
        }
    }

    #[test]
    fn what_an_action_works_on_is_not_made() {
        for (prefix, action, type_name) in [
            ("ec2", "CreateSnapshot", "volume"),
            ("ec2", "CreateImage", "instance"),
            ("ec2", "CreateRoute", "route-table"),
            ("ec2", "CreateTags", "instance"),
            ("ec2", "CreateLaunchTemplateVersion", "launch-template"),
            ("ec2", "CreateNetworkInterfacePermission", "network-interface"),
            ("iam", "CreateAccessKey", "user"),
            ("iam", "CreateLoginProfile", "user"),
            ("iam", "CreatePolicyVersion", "policy"),
            ("kms", "CreateGrant", "key"),
            ("kms", "CreateAlias", "key"),
            ("lambda", "CreateFunctionUrlConfig", "function"),
            ("rds", "CreateDBSnapshot", "db"),
            ("rds", "RestoreDBInstanceFromDBSnapshot", "snapshot"),
            ("ecs", "RunTask", "task-definition"),
            ("elasticloadbalancing", "CreateListener", "loadbalancer/app/"),
        ] {
            assert!(!makes(prefix, action, type_name), "{prefix}:{action} makes no {type_name}");
        }
    }
}
