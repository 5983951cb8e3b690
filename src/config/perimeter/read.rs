//! From the tree of a document to a perimeter, collecting every mistake on the way.

use std::collections::BTreeMap;

use super::merge::{append, append_network};
use super::model::{
    AwsOwnedResource, Exception, ExceptionScope, ExemptPrincipals, ExpectedNetworks, NamedNetwork, PrincipalList, Trust,
    TrustedBucket, TrustedIdentities, TrustedResources,
};
use super::{DEFAULT_OWNER_TAGS, Perimeter, file};
use crate::config::aws_owned::AwsOwnedResources;
use crate::config::document::{self, Fields, Node, Value, fields, items, text};
use crate::config::problems::{At, Problems};
use crate::config::suggest;
use crate::config::values::{self, Wrong};
use crate::pattern::Pattern;

pub(super) fn perimeter(root: &Node, problems: &mut Problems) -> Perimeter {
    let mut perimeter = Perimeter::empty();
    let top = fields::<file::PerimeterFile>(root, "the perimeter definition", problems);
    if let Some(node) = top.get("version")
        && let Some(version) = text(node, "the version of the format, 1", problems)
        && version != "1"
    {
        problems.report_with_help(
            node.at,
            format!("version `{version}` of the format is unknown, expected 1"),
            "a newer Palisade may know it",
        );
    }
    if let Some(node) = top.get("baseline") {
        perimeter.baseline = section(node, "baseline", problems);
    }
    if let Some(node) = top.get("accounts") {
        for (key, value) in document::entries(node, "accounts", problems) {
            let what = format!("accounts.{}", key.text);
            let trust = section(value, &what, problems);
            if let Some(account) = check(key.at, values::account_id(&key.text), problems) {
                perimeter.accounts.insert(account, trust);
            }
        }
    }
    if let Some(node) = top.get("resources") {
        for (key, value) in document::entries(node, "resources", problems) {
            let what = format!("resources.{}", key.text);
            let trust = section(value, &what, problems);
            if let Some(pattern) = check(key.at, values::arn_pattern(&key.text), problems) {
                perimeter.resources.push((pattern, trust));
            }
        }
    }
    if let Some(node) = top.get("organizational_unit_boundaries") {
        for (key, value) in document::entries(node, "organizational_unit_boundaries", problems) {
            let units = list(Some(value), &key.text, values::organizational_unit, problems);
            perimeter.organizational_unit_boundaries.insert(key.text.clone(), units);
        }
    }
    if let Some(node) = top.get("aws_owned_resources") {
        perimeter.aws_owned_resources = aws_owned(node, problems);
    }
    if let Some(node) = top.get("owner_tags") {
        let tags = list(Some(node), "owner_tags", |tag| Ok(tag.to_owned()), problems);
        // `owner_tags:` with nothing after it leaves the default; `[]` turns the column off.
        perimeter.owner_tags = match node.value {
            Value::Null => DEFAULT_OWNER_TAGS.map(String::from).to_vec(),
            _ => tags,
        };
    }
    perimeter.exceptions = exceptions(top.get("exceptions"), problems);
    perimeter
}

fn section(node: &Node, what: &str, problems: &mut Problems) -> Trust {
    let fields = fields::<file::Section>(node, what, problems);
    let mut trust = Trust::default();
    if let Some(node) = fields.get("trusted_identities") {
        trust.trusted_identities = trusted_identities(node, problems);
    }
    if let Some(node) = fields.get("trusted_resources") {
        trust.trusted_resources = trusted_resources(node, problems);
    }
    if let Some(node) = fields.get("expected_networks") {
        trust.expected_networks = expected_networks(node, problems);
    }
    if let Some(node) = fields.get("exempt_principals") {
        trust.exempt_principals = exempt_principals(node, problems);
    }
    trust.human_roles = list(fields.get("human_roles"), "human_roles", values::arn_pattern, problems);
    trust
}

fn trusted_identities(node: &Node, problems: &mut Problems) -> TrustedIdentities {
    let fields = fields::<file::TrustedIdentities>(node, "trusted_identities", problems);
    let organization = |text: &str| values::prefixed_id(text, "o-", "an organization");
    TrustedIdentities {
        organizations: list(fields.get("organizations"), "organizations", organization, problems),
        accounts: list(fields.get("accounts"), "accounts", values::account_id, problems),
        principals: list(fields.get("principals"), "principals", values::principal_pattern, problems),
    }
}

fn trusted_resources(node: &Node, problems: &mut Problems) -> TrustedResources {
    let fields = fields::<file::TrustedResources>(node, "trusted_resources", problems);
    let mut buckets = Vec::new();
    for item in items(fields.get("buckets"), "buckets", problems) {
        if let Some(bucket) = trusted_bucket(item, problems) {
            append(&mut buckets, &[bucket]);
        }
    }
    TrustedResources {
        accounts: list(fields.get("accounts"), "accounts", values::account_id, problems),
        arns: list(fields.get("arns"), "arns", values::arn_pattern, problems),
        buckets,
    }
}

fn trusted_bucket(node: &Node, problems: &mut Problems) -> Option<TrustedBucket> {
    if let Value::Text(name) = &node.value {
        problems.report_with_help(
            node.at,
            format!("bucket `{name}` has no owner: anyone can take a name that is free"),
            format!("write `{{name: {name}, owner: \"<account id>\"}}`, or `owner: unknown` to leave its calls undetermined"),
        );
        return None;
    }
    let fields = fields::<file::Bucket>(node, "a bucket", problems);
    let name = required(&fields, node, "name", "the bucket", problems)
        .and_then(|(node, name)| check(node.at, values::bucket_pattern(name), problems));
    let owner = match fields.get("owner") {
        Some(node) => match text(node, "an account id or `unknown`", problems)? {
            "unknown" => None,
            owner => Some(check(node.at, values::account_id(owner), problems)?),
        },
        None => {
            problems.report_with_help(
                node.at,
                "`owner` is missing: a bucket is trusted together with the account that must own it",
                "add `owner: \"<account id>\"`, or `owner: unknown` to leave its calls undetermined",
            );
            return None;
        }
    };
    Some(TrustedBucket { name: name?, owner })
}

fn expected_networks(node: &Node, problems: &mut Problems) -> ExpectedNetworks {
    let fields = fields::<file::ExpectedNetworks>(node, "expected_networks", problems);
    let mut cidrs = Vec::new();
    for item in items(fields.get("cidrs"), "cidrs", problems) {
        if let Some(network) = named_network(item, problems) {
            append_network(&mut cidrs, &network);
        }
    }
    let vpc = |text: &str| values::prefixed_id(text, "vpc-", "a VPC");
    ExpectedNetworks {
        cidrs,
        vpcs: list(fields.get("vpcs"), "vpcs", vpc, problems),
        vpc_endpoints: list(fields.get("vpc_endpoints"), "vpc_endpoints", vpc_endpoint, problems),
    }
}

fn vpc_endpoint(text: &str) -> Result<String, Wrong> {
    values::prefixed_id(text, "vpce-", "a VPC endpoint")
}

fn named_network(node: &Node, problems: &mut Problems) -> Option<NamedNetwork> {
    let (at, cidr, name) = match &node.value {
        Value::Map(_) => {
            let fields = fields::<file::NamedCidr>(node, "a network", problems);
            let name = fields.get("name").and_then(|node| text(node, "a name", problems));
            let (node, cidr) = required(&fields, node, "cidr", "the network", problems)?;
            (node.at, cidr, name)
        }
        _ => (node.at, text(node, "a CIDR such as `203.0.113.0/24`", problems)?, None),
    };
    let network = check(at, values::network(cidr), problems)?;
    Some(NamedNetwork { network, name: name.map_or_else(|| network.to_string(), str::to_owned) })
}

fn exempt_principals(node: &Node, problems: &mut Problems) -> ExemptPrincipals {
    let fields = fields::<file::ExemptPrincipals>(node, "exempt_principals", problems);
    let mut of = |perimeter| match fields.get(perimeter) {
        Some(node) => {
            let fields = document::fields::<file::PrincipalList>(node, perimeter, problems);
            PrincipalList {
                accounts: list(fields.get("accounts"), "accounts", values::account_id, problems),
                principals: list(fields.get("principals"), "principals", values::principal_pattern, problems),
            }
        }
        None => PrincipalList::default(),
    };
    ExemptPrincipals { network: of("network"), resource: of("resource"), identity: of("identity") }
}

fn aws_owned(node: &Node, problems: &mut Problems) -> AwsOwnedResources {
    let fields = fields::<file::AwsOwned>(node, "aws_owned_resources", problems);
    let built_in = match fields.get("built_in").map(|node| (node, &node.value)) {
        None | Some((_, Value::Null)) => true,
        Some((node, _)) => match text(node, "`true` or `false`", problems) {
            Some("true") => true,
            Some("false") => false,
            Some(other) => {
                problems.report(node.at, format!("`{other}` is neither `true` nor `false`"));
                true
            }
            None => true,
        },
    };
    let additional = items(fields.get("additional"), "additional", problems);
    let additional = additional.iter().filter_map(|item| aws_owned_entry(item, problems)).collect();
    AwsOwnedResources::new(additional, built_in)
}

fn aws_owned_entry(node: &Node, problems: &mut Problems) -> Option<AwsOwnedResource> {
    let fields = fields::<file::AwsOwnedEntry>(node, "an AWS-owned resource", problems);
    let service = required(&fields, node, "service", "the resource", problems).map(|(_, service)| service.to_owned());
    let arn = required(&fields, node, "arn", "the resource", problems)
        .and_then(|(node, arn)| check(node.at, values::arn_pattern(arn), problems));
    let owners = list(fields.get("owners"), "owners", values::account_id, problems);
    let access = match fields.get("access") {
        Some(node) => one_of(node, &file::Access::ALL.map(file::Access::as_str), problems)?,
        None => String::from("caller"),
    };
    let excepted_in = match fields.get("excepted_in") {
        Some(node) => items(Some(node), "excepted_in", problems)
            .iter()
            .filter_map(|item| one_of(item, &file::PolicyType::ALL.map(file::PolicyType::as_str), problems))
            .collect(),
        None => file::PolicyType::ALL.map(|policy| policy.as_str().to_owned()).to_vec(),
    };
    Some(AwsOwnedResource { service: service?, arn: arn?, owners, access, excepted_in })
}

fn exceptions(node: Option<&Node>, problems: &mut Problems) -> Vec<Exception> {
    let mut first_line: BTreeMap<String, usize> = BTreeMap::new();
    let mut exceptions = Vec::new();
    for item in items(node, "exceptions", problems) {
        let fields = fields::<file::ExceptionEntry>(item, "an exception", problems);
        let id = required(&fields, item, "id", "the exception", problems);
        if let Some((node, id)) = id
            && let Some(line) = first_line.insert(id.to_owned(), node.at.line)
        {
            problems.report_with_help(
                node.at,
                format!("exception id `{id}` is given twice"),
                format!("it was given in line {line} before: ids are unique, because reports name them"),
            );
        }
        let owner = required(&fields, item, "owner", "the exception", problems);
        let reason = required(&fields, item, "reason", "the exception", problems);
        let expires = fields
            .get("expires")
            .filter(|node| node.value != Value::Null)
            .and_then(|node| Some((node, text(node, "a date", problems)?)))
            .and_then(|(node, date)| check(node.at, values::date(date), problems));
        let scope = match fields.get("scope") {
            Some(node) => exception_scope(node, problems),
            None => {
                problems.report_with_help(
                    item.at,
                    "`scope` is missing: it says which findings the exception covers",
                    "add `scope:` with at least one of `query`, `principal`, `resource` …",
                );
                ExceptionScope::default()
            }
        };
        if let (Some((_, id)), Some((_, owner)), Some((_, reason))) = (id, owner, reason) {
            let (id, owner, reason) = (id.to_owned(), owner.to_owned(), reason.to_owned());
            exceptions.push(Exception { id, owner, reason, expires, scope });
        }
    }
    exceptions
}

fn exception_scope(node: &Node, problems: &mut Problems) -> ExceptionScope {
    let fields = fields::<file::Scope>(node, "scope", problems);
    let mut checked = Checked { fields: &fields, problems };
    let pattern = |text: &str| Ok(Pattern::new(text));
    let scope = ExceptionScope {
        query: checked.value("query", pattern),
        account: checked.value("account", values::account_id),
        principal: checked.value("principal", values::principal_pattern),
        resource: checked.value("resource", values::arn_pattern),
        event_source: checked.value("event_source", pattern),
        event_name: checked.value("event_name", pattern),
        source_network: checked.value("source_network", values::network),
        vpc_endpoint: checked.value("vpc_endpoint", vpc_endpoint),
        perimeter: fields.get("perimeter").and_then(|node| one_of(node, &["identity", "resource", "network"], problems)),
    };
    let nothing_given = match &node.value {
        Value::Map(entries) => entries.is_empty(),
        _ => true,
    };
    if nothing_given {
        problems.report_with_help(
            node.at,
            "the scope is empty: the exception would cover every finding",
            "give at least one of `query`, `principal`, `resource` …",
        );
    }
    scope
}

struct Checked<'a, 'n> {
    fields: &'a Fields<'n>,
    problems: &'a mut Problems,
}

impl Checked<'_, '_> {
    fn value<T>(&mut self, key: &str, check_value: impl Fn(&str) -> Result<T, Wrong>) -> Option<T> {
        let node = self.fields.get(key)?;
        let text = text(node, &format!("a value for `{key}`"), self.problems)?;
        check(node.at, check_value(text), self.problems)
    }
}

/// A list of checked values, without repetitions.
fn list<T: Clone + PartialEq>(
    node: Option<&Node>,
    what: &str,
    check_value: impl Fn(&str) -> Result<T, Wrong>,
    problems: &mut Problems,
) -> Vec<T> {
    let mut values = Vec::new();
    for item in items(node, what, problems) {
        if let Some(text) = text(item, &format!("a value in {what}"), problems)
            && let Some(value) = check(item.at, check_value(text), problems)
        {
            append(&mut values, &[value]);
        }
    }
    values
}

/// The text of a key that must be there; `owner` is what the mapping describes.
fn required<'n>(
    fields: &Fields<'n>,
    mapping: &'n Node,
    key: &str,
    owner: &str,
    problems: &mut Problems,
) -> Option<(&'n Node, &'n str)> {
    match fields.get(key) {
        Some(node) => text(node, &format!("a value for `{key}`"), problems).map(|text| (node, text)),
        None => {
            problems.report_with_help(mapping.at, format!("`{key}` of {owner} is missing"), format!("add `{key}: …`"));
            None
        }
    }
}

/// A value out of a fixed list.
fn one_of(node: &Node, known: &[&str], problems: &mut Problems) -> Option<String> {
    let value = text(node, &format!("one of {}", suggest::quoted_list(known)), problems)?;
    if known.contains(&value) {
        return Some(value.to_owned());
    }
    problems.report_with_help(node.at, format!("unknown value `{value}`"), suggest::help(value, known));
    None
}

/// Reports what is wrong with a value at its place.
fn check<T>(at: At, value: Result<T, Wrong>, problems: &mut Problems) -> Option<T> {
    match value {
        Ok(value) => Some(value),
        Err(Wrong { message, help: Some(help) }) => {
            problems.report_with_help(at, message, help);
            None
        }
        Err(Wrong { message, help: None }) => {
            problems.report(at, message);
            None
        }
    }
}
