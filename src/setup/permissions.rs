//! Least-privilege policies for the roles that the program uses, made of the calls that it makes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::aws::{Call, Purpose};
use crate::policy::check::check;
use crate::policy::compiled::PolicyType;
use crate::policy::diagnostic::{Finding, Severity, Source};
use crate::policy::document::read_source;

/// What the placeholders of the registry stand for. What is not known becomes a placeholder that is easy to see: `<account-id>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    pub partition: String,
    pub region: Option<String>,
    /// Account of each purpose: that of the role which the settings name for it.
    pub accounts: BTreeMap<Purpose, String>,
    pub workgroup: Option<String>,
    pub catalog: Option<String>,
    pub database: Option<String>,
    pub tables: Vec<String>,
    pub events_buckets: Vec<String>,
    pub results_bucket: Option<String>,
    /// ARNs of KMS keys of the trail and of the results.
    pub keys: Vec<String>,
    /// Roles that the settings name.
    pub roles: Vec<String>,
}

/// A role with the purposes that it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleKind {
    pub name: &'static str,
    /// What it does and where it lives.
    pub title: &'static str,
    purposes: &'static [Purpose],
    /// Does it create something, for `setup` only?
    sets_up: bool,
}

/// The roles, in the order in which they are printed.
pub const ROLES: [RoleKind; 6] = [
    RoleKind {
        name: "scan",
        title: "reads the trail by Athena or from S3; in the account with the workgroup",
        purposes: &[Purpose::Athena, Purpose::S3],
        sets_up: false,
    },
    RoleKind {
        name: "organizations",
        title: "reads accounts, tree and policies; in the management account or a delegated administrator",
        purposes: &[Purpose::Organizations],
        sets_up: false,
    },
    RoleKind {
        name: "config",
        title: "reads resources; in the account of the AWS Config aggregator",
        purposes: &[Purpose::Config],
        sets_up: false,
    },
    RoleKind {
        name: "access-analyzer",
        title: "reads external access; in the administrator account of IAM Access Analyzer",
        purposes: &[Purpose::AccessAnalyzer],
        sets_up: false,
    },
    RoleKind {
        name: "security-hub",
        title: "reads external access; in the administrator account of Security Hub, where it takes the place of access-analyzer",
        purposes: &[Purpose::SecurityHub],
        sets_up: false,
    },
    RoleKind {
        name: "setup",
        title: "creates workgroup, database and tables, once; for `palisade setup athena --apply`",
        purposes: &[Purpose::Athena],
        sets_up: true,
    },
];

/// The identity that starts the program, and assumes the roles.
pub const CALLER: &str = "caller";

/// A policy for one role.
#[derive(Debug, Clone, PartialEq)]
pub struct RolePolicy {
    pub role: &'static str,
    pub title: &'static str,
    pub policy: Value,
    /// Permissions that are left out because nothing says that they are needed: the action and when it is.
    pub left_out: Vec<String>,
}

impl RoleKind {
    fn makes(&self, call: &Call) -> bool {
        let for_setup = call.commands.iter().all(|command| command.starts_with("setup"));
        self.purposes.contains(&call.purpose) && call.service != "STS" && for_setup == self.sets_up
    }
}

/// The policies, in a fixed order. A role for which no call is made is left out.
pub fn policies(calls: &[&'static Call], values: &Values) -> Vec<RolePolicy> {
    let mut made = Vec::new();
    for role in ROLES {
        let mut resources: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut left_out = BTreeSet::new();
        for call in calls.iter().filter(|call| role.makes(call)) {
            for permission in call.permissions {
                if permission.resource == "${key}" && values.keys.is_empty() {
                    let when = permission.only.unwrap_or("if a key of AWS KMS is used");
                    left_out.insert(format!("{}: {when}; name the key with --key", permission.action));
                    continue;
                }
                if permission.action.starts_with("lakeformation:") && !values.is_governed() {
                    left_out.insert(format!("{}: {}", permission.action, permission.only.unwrap_or_default()));
                    continue;
                }
                resources.entry(permission.action).or_default().extend(values.fill(permission.resource, call.purpose));
            }
        }
        if resources.is_empty() {
            continue;
        }
        let policy = document(resources, values);
        made.push(RolePolicy { role: role.name, title: role.title, policy, left_out: left_out.into_iter().collect() });
    }
    let roles =
        if values.roles.is_empty() { vec!["arn:aws:iam::<account-id>:role/<role>".to_owned()] } else { values.roles.clone() };
    let assume = BTreeMap::from([("sts:AssumeRole", roles.into_iter().collect::<BTreeSet<_>>())]);
    made.push(RolePolicy {
        role: CALLER,
        title: "assumes the roles above; the identity that starts the program",
        policy: document(assume, values),
        left_out: Vec::new(),
    });
    made
}

fn document(resources: BTreeMap<&str, BTreeSet<String>>, values: &Values) -> Value {
    // Actions on the same resources share a statement.
    let mut by_resources: BTreeMap<BTreeSet<String>, BTreeSet<&str>> = BTreeMap::new();
    for (action, resources) in resources {
        by_resources.entry(resources).or_default().insert(action);
    }
    let mut groups: Vec<(BTreeSet<&str>, BTreeSet<String>)> =
        by_resources.into_iter().map(|(resources, actions)| (actions, resources)).collect();
    groups.sort();
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    let statements: Vec<Value> = groups
        .into_iter()
        .map(|(actions, resources)| {
            let mut statement = json!({"Sid": sid(&actions, &mut used), "Effect": "Allow", "Action": actions});
            if let Some(members) = statement.as_object_mut() {
                if actions.iter().all(|action| action.starts_with("kms:")) {
                    let region = values.region.as_deref().unwrap_or("<region>");
                    members.insert(
                        "Condition".to_owned(),
                        json!({"StringEquals": {"kms:ViaService": format!("s3.{region}.amazonaws.com")}}),
                    );
                }
                members.insert("Resource".to_owned(), json!(resources));
            }
            statement
        })
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// A name from the services of the actions: `AthenaGlue`, `S3`, `S3Second`.
fn sid(actions: &BTreeSet<&str>, used: &mut BTreeMap<String, u32>) -> String {
    let services: BTreeSet<&str> = actions.iter().filter_map(|action| action.split(':').next()).collect();
    let title = |service: &str| {
        let words = service.split('-').map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
        });
        words.collect::<String>()
    };
    let name: String = services.into_iter().map(title).collect();
    let count = used.entry(name.clone()).or_default();
    *count += 1;
    match *count {
        1 => name,
        number => format!("{name}Part{number}"),
    }
}

impl Values {
    /// Are there tables of Security Lake or of CloudTrail Lake, by the names of their databases? Lake Formation lets nobody read those
    /// who cannot ask it.
    fn is_governed(&self) -> bool {
        let databases = self.tables.iter().filter_map(|table| table.split_once('.').map(|(database, _)| database));
        let mut databases = databases.chain(self.database.as_deref());
        databases.any(|database| database == "aws:cloudtrail" || database.starts_with("amazon_security_lake"))
    }

    /// The resources that a pattern of the registry stands for.
    fn fill(&self, pattern: &str, purpose: Purpose) -> Vec<String> {
        if pattern == "*" {
            return vec![pattern.to_owned()];
        }
        let or = |value: &Option<String>, name: &str| value.clone().unwrap_or_else(|| format!("<{name}>"));
        let account = self.accounts.get(&purpose).cloned().unwrap_or_else(|| "<account-id>".to_owned());
        let text = pattern
            .replace("${partition}", &self.partition)
            .replace("${region}", &or(&self.region, "region"))
            .replace("${account}", &account)
            .replace("${workgroup}", &or(&self.workgroup, "workgroup"))
            .replace("${catalog}", &or(&self.catalog, "catalog"))
            .replace("${database}", &or(&self.database, "database"))
            .replace("${results_bucket}", &or(&self.results_bucket, "results-bucket"));
        let several = |texts: Vec<String>, name: &str, values: &[String], unknown: &str| -> Vec<String> {
            let placeholder = [unknown.to_owned()];
            let values = if values.is_empty() { &placeholder } else { values };
            texts
                .into_iter()
                .flat_map(|text| match text.contains(name) {
                    true => values.iter().map(|value| text.replace(name, value)).collect(),
                    false => vec![text],
                })
                .collect()
        };
        let texts = several(vec![text], "${table}", &self.tables, "<table>");
        let texts = several(texts, "${events_bucket}", &self.events_buckets, "<trail-bucket>");
        several(texts, "${key}", &self.keys, "<key-arn>")
    }
}

/// What the checker of policies finds wrong: nothing, unless a name that was given is no good.
pub fn mistakes(policy: &RolePolicy) -> Vec<String> {
    let text = serde_json::to_string_pretty(&policy.policy).unwrap_or_default();
    let source = Source::new(format!("{}.json", policy.role), text);
    let reading = read_source(&source);
    let mut findings = reading.findings;
    if let Some(document) = &reading.document {
        findings.extend(check(document, PolicyType::Identity));
    }
    // A placeholder stands for what nobody said; it is meant to be filled in.
    let is_mistake = |finding: &&Finding| finding.severity == Severity::Error && finding.code != "placeholder";
    findings.iter().filter(is_mistake).map(|finding| finding.message.clone()).collect()
}
