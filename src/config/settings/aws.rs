//! The section `aws` of the settings: which credentials are used for what.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::document::{self, Node, Value};
use crate::config::problems::Problems;

/// How the section is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsSection {
    /// Region of Athena, of the buckets and of the aggregator. Default: that of the profile or the environment.
    pub region: Option<String>,
    /// Profile of the AWS configuration files. Default: `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// Roles assumed one after the other before any call.
    pub roles: Option<Vec<RoleEntry>>,
    /// Attempts of a call that fails for a passing reason, 1 to 50. Default: 8.
    pub max_attempts: Option<u32>,
    /// Pay for requests to buckets of others. Default: false.
    pub s3_requester_pays: Option<bool>,
    /// Other credentials for Athena and the Glue catalog behind it.
    pub athena: Option<PurposeSection>,
    /// Other credentials for the objects of CloudTrail and of query results.
    pub s3: Option<PurposeSection>,
    /// Other credentials for the AWS Config aggregator.
    pub config: Option<PurposeSection>,
    /// Other credentials for AWS Organizations and account regions.
    pub organizations: Option<PurposeSection>,
    /// Other credentials for IAM Access Analyzer.
    pub access_analyzer: Option<PurposeSection>,
    /// Other credentials for Security Hub.
    pub security_hub: Option<PurposeSection>,
}

/// Credentials of one purpose. What is left out is as in the section around it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PurposeSection {
    pub region: Option<String>,
    pub profile: Option<String>,
    /// Roles assumed one after the other; `[]` assumes none.
    pub roles: Option<Vec<RoleEntry>>,
}

/// The ARN of a role, or what it takes to assume it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RoleEntry {
    Arn(String),
    Role(RoleSection),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleSection {
    pub arn: String,
    /// The external id that its trust policy asks for.
    pub external_id: Option<String>,
    /// Default: palisade.
    pub session_name: Option<String>,
}

/// What AWS is asked for. Each may have credentials of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    Athena,
    S3,
    Config,
    Organizations,
    AccessAnalyzer,
    SecurityHub,
}

impl Purpose {
    pub const ALL: [Purpose; 6] =
        [Purpose::Athena, Purpose::S3, Purpose::Config, Purpose::Organizations, Purpose::AccessAnalyzer, Purpose::SecurityHub];

    /// The key in the settings.
    pub fn key(self) -> &'static str {
        match self {
            Purpose::Athena => "athena",
            Purpose::S3 => "s3",
            Purpose::Config => "config",
            Purpose::Organizations => "organizations",
            Purpose::AccessAnalyzer => "access_analyzer",
            Purpose::SecurityHub => "security_hub",
        }
    }
}

/// A role to assume.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    pub arn: String,
    /// Shared with the owner of the role only: never shown.
    pub external_id: Option<String>,
    pub session_name: String,
}

impl fmt::Debug for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Role").field("arn", &self.arn).field("session_name", &self.session_name).finish_non_exhaustive()
    }
}

/// Which credentials a purpose uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionSettings {
    pub region: Option<String>,
    pub profile: Option<String>,
    /// Assumed one after the other.
    pub roles: Vec<Role>,
}

impl fmt::Display for SessionSettings {
    /// As messages name the caller.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.roles.last(), &self.profile) {
            (Some(role), _) => write!(formatter, "role {}", role.arn),
            (None, Some(profile)) => write!(formatter, "profile {profile}"),
            (None, None) => formatter.write_str("the default credentials"),
        }
    }
}

/// Attempts of a call where no setting says otherwise.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 8;

/// The section, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    pub base: SessionSettings,
    pub max_attempts: u32,
    pub s3_requester_pays: bool,
    purposes: Vec<(Purpose, SessionSettings)>,
}

impl Default for AwsSettings {
    fn default() -> Self {
        AwsSettings {
            base: SessionSettings::default(),
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            s3_requester_pays: false,
            purposes: Vec::new(),
        }
    }
}

impl AwsSettings {
    /// The same credentials for everything.
    pub fn of(base: SessionSettings) -> Self {
        AwsSettings { base, ..AwsSettings::default() }
    }

    /// The same with credentials of its own for a purpose.
    pub fn with(mut self, purpose: Purpose, session: SessionSettings) -> Self {
        self.purposes.retain(|(known, _)| *known != purpose);
        self.purposes.push((purpose, session));
        self
    }

    /// The credentials of a purpose.
    pub fn session(&self, purpose: Purpose) -> &SessionSettings {
        self.purposes.iter().find(|(known, _)| *known == purpose).map_or(&self.base, |(_, session)| session)
    }

    /// Reads the section. Mistakes are reported; what they concern keeps its default.
    pub fn read(node: &Node, problems: &mut Problems) -> Self {
        let fields = document::fields::<AwsSection>(node, "the section `aws`", problems);
        let mut settings = AwsSettings {
            base: SessionSettings {
                region: region(fields.get("region"), problems),
                profile: text(fields.get("profile"), "the name of a profile", problems),
                roles: roles(fields.get("roles"), problems).unwrap_or_default(),
            },
            ..AwsSettings::default()
        };
        if let Some(attempts) = number(fields.get("max_attempts"), 1..=50, "attempts", problems) {
            settings.max_attempts = u32::try_from(attempts).unwrap_or(DEFAULT_MAX_ATTEMPTS);
        }
        settings.s3_requester_pays = switch(fields.get("s3_requester_pays"), problems).unwrap_or(false);
        for purpose in Purpose::ALL {
            let Some(node) = fields.get(purpose.key()).filter(|node| node.value != Value::Null) else { continue };
            let what = format!("the credentials for `{}`", purpose.key());
            let fields = document::fields::<PurposeSection>(node, &what, problems);
            let profile = text(fields.get("profile"), "the name of a profile", problems);
            let own_roles = roles(fields.get("roles"), problems);
            // Another profile is another starting point, from which the roles around it need not be within reach.
            let inherited = || if profile.is_none() { settings.base.roles.clone() } else { Vec::new() };
            let session = SessionSettings {
                region: region(fields.get("region"), problems).or_else(|| settings.base.region.clone()),
                roles: own_roles.unwrap_or_else(inherited),
                profile: profile.or_else(|| settings.base.profile.clone()),
            };
            settings.purposes.push((purpose, session));
        }
        settings
    }

    /// The section on one line, without external ids.
    pub fn show(&self) -> String {
        let session = |session: &SessionSettings| {
            let mut parts = Vec::new();
            parts.extend(session.region.iter().map(|region| format!("region: {region}")));
            parts.extend(session.profile.iter().map(|profile| format!("profile: {profile}")));
            if !session.roles.is_empty() {
                let arns: Vec<&str> = session.roles.iter().map(|role| role.arn.as_str()).collect();
                parts.push(format!("roles: [{}]", arns.join(", ")));
            }
            parts
        };
        let mut parts = session(&self.base);
        if self.max_attempts != DEFAULT_MAX_ATTEMPTS {
            parts.push(format!("max_attempts: {}", self.max_attempts));
        }
        if self.s3_requester_pays {
            parts.push("s3_requester_pays: true".to_owned());
        }
        for (purpose, own) in &self.purposes {
            parts.push(format!("{}: {{{}}}", purpose.key(), session(own).join(", ")));
        }
        if parts.is_empty() { "none".to_owned() } else { format!("{{{}}}", parts.join(", ")) }
    }
}

pub(super) fn text(node: Option<&Node>, what: &str, problems: &mut Problems) -> Option<String> {
    let node = node.filter(|node| node.value != Value::Null)?;
    document::text(node, what, problems).map(|text| text.trim().to_owned())
}

pub(super) fn switch(node: Option<&Node>, problems: &mut Problems) -> Option<bool> {
    let node = node.filter(|node| node.value != Value::Null)?;
    let text = document::text(node, "`true` or `false`", problems)?;
    match super::value::switch(text) {
        Ok(value) => Some(value),
        Err(wrong) => {
            problems.report(node.at, wrong.message);
            None
        }
    }
}

pub(super) fn number(
    node: Option<&Node>,
    range: std::ops::RangeInclusive<u64>,
    what: &str,
    problems: &mut Problems,
) -> Option<u64> {
    let node = node.filter(|node| node.value != Value::Null)?;
    let text = document::text(node, "a number", problems)?;
    let number = text.parse::<u64>().ok().filter(|number| range.contains(number));
    if number.is_none() {
        let message = format!("`{text}` is not a number of {what}, expected {} to {}", range.start(), range.end());
        problems.report(node.at, message);
    }
    number
}

fn region(node: Option<&Node>, problems: &mut Problems) -> Option<String> {
    let node = node.filter(|node| node.value != Value::Null)?;
    let text = text(Some(node), "a region such as `eu-west-1`", problems)?;
    let parts: Vec<&str> = text.split('-').collect();
    let is_region = parts.len() >= 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    if is_region {
        return Some(text);
    }
    problems.report_with_help(node.at, format!("`{text}` is not a region"), "expected a region such as `eu-west-1`");
    None
}

/// `None` when the key is absent.
fn roles(node: Option<&Node>, problems: &mut Problems) -> Option<Vec<Role>> {
    let node = node.filter(|node| node.value != Value::Null)?;
    let mut roles = Vec::new();
    for item in document::items(Some(node), "roles to assume, one after the other", problems) {
        let (arn, external_id, session_name) = match &item.value {
            Value::Map(_) => {
                let fields = document::fields::<RoleSection>(item, "a role", problems);
                let arn = fields.get("arn");
                if arn.is_none() {
                    problems.report(item.at, "a role needs its `arn`");
                }
                let external_id = text(fields.get("external_id"), "an external id", problems);
                let session_name = text(fields.get("session_name"), "a session name", problems);
                (arn, external_id, session_name)
            }
            _ => (Some(item), None, None),
        };
        let Some((place, arn)) =
            arn.and_then(|node| document::text(node, "the ARN of a role", problems).map(|arn| (node, arn)))
        else {
            continue;
        };
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", _, "iam", "", account, resource]
                if resource.starts_with("role/") && crate::config::values::account_id(account).is_ok() =>
            {
                let session_name = session_name.unwrap_or_else(|| "palisade".to_owned());
                roles.push(Role { arn: arn.to_owned(), external_id, session_name });
            }
            _ => problems.report_with_help(
                place.at,
                format!("`{arn}` is not the ARN of a role"),
                "expected `arn:aws:iam::111122223333:role/name`",
            ),
        }
    }
    Some(roles)
}
