//! One value of the old file: what becomes of it, and what that changes.

use super::NoteKind;
use super::regex::{self, Old};
use crate::config::aws_owned::AwsOwnedResources;
use crate::config::values::{self, Wrong};
use crate::pattern::Pattern;

/// What a value of the old file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An expression on the account id of the caller.
    Account,
    /// A key that no query of the old tool reads.
    UnusedAccount,
    /// An expression on the ARN of the role, and on the unique id with the session name.
    Principal,
    /// An expression on the ARN of the role, not case-sensitive.
    HumanRole,
    /// An expression on the ARN of the resource.
    Arn,
    /// An expression on the name of the bucket.
    Bucket,
    /// Exact.
    Cidr,
    /// Exact.
    Vpc,
    /// An expression on the id of the endpoint.
    VpcEndpoint,
}

#[derive(Debug, Default)]
pub(super) struct Conversion {
    /// The values of the new definition.
    pub(super) values: Vec<String>,
    pub(super) notes: Vec<(NoteKind, String)>,
}

impl Conversion {
    fn kept(value: &str) -> Self {
        Self { values: vec![value.to_owned()], notes: Vec::new() }
    }

    fn left_out(reason: impl Into<String>) -> Self {
        Self { values: Vec::new(), notes: vec![(NoteKind::LeftOut, reason.into())] }
    }

    fn wrong(wrong: Wrong) -> Self {
        Self::left_out(match wrong.help {
            Some(help) => format!("{}; {help}", wrong.message),
            None => wrong.message,
        })
    }
}

pub(super) fn value(text: &str, kind: Kind) -> Conversion {
    let text = text.trim();
    match kind {
        Kind::Cidr => values::network(text).map_or_else(Conversion::wrong, |_| Conversion::kept(text)),
        Kind::Vpc => values::prefixed_id(text, "vpc-", "a VPC").map_or_else(Conversion::wrong, |id| Conversion::kept(&id)),
        Kind::UnusedAccount => Conversion::left_out(
            "no query of the old tool reads this key; if everything in the account is to be trusted, add it under \
             trusted_resources.accounts",
        ),
        Kind::Account => account(text),
        Kind::VpcEndpoint => vpc_endpoint(text),
        Kind::Principal | Kind::HumanRole | Kind::Arn | Kind::Bucket => expression(text, kind),
    }
}

fn account(text: &str) -> Conversion {
    let mut conversion = Conversion::default();
    for part in text.split('|') {
        match values::account_id(part) {
            Ok(id) => conversion.values.push(id),
            Err(wrong) => {
                let short = part.len() < 12 && !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                let before = match short {
                    true => format!("; the old tool trusted every account whose id holds `{part}`"),
                    false => String::new(),
                };
                let help = wrong.help.map(|help| format!("; {help}")).unwrap_or_default();
                conversion.notes.push((NoteKind::LeftOut, format!("{}{before}{help}", wrong.message)));
            }
        }
    }
    conversion
}

fn vpc_endpoint(text: &str) -> Conversion {
    let mut conversion = Conversion::default();
    for part in text.split('|') {
        let digits = part.strip_prefix("vpce-").unwrap_or_default();
        let hexadecimal = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match values::prefixed_id(part, "vpce-", "a VPC endpoint") {
            Err(wrong) => {
                let message = format!("{}; ids of VPC endpoints are exact now: list each one", wrong.message);
                conversion.notes.push((NoteKind::LeftOut, message));
            }
            Ok(id) => {
                // No id is longer than 17 digits, so an expression of that length matched this one only.
                if digits.len() < 17 || !hexadecimal {
                    let message =
                        format!("matched every endpoint whose id holds `{id}`, such as `{id}0`; now it is this one id");
                    conversion.notes.push((NoteKind::Changed, message));
                }
                conversion.values.push(id);
            }
        }
    }
    conversion
}

fn expression(text: &str, kind: Kind) -> Conversion {
    let meant = match regex::meant(text) {
        Ok(meant) => meant,
        Err(reason) => return Conversion::left_out(format!("{reason}: write the patterns that you need by hand")),
    };
    let mut conversion = Conversion::default();
    for pattern in meant {
        match completed(&pattern, kind) {
            Ok(pattern) => conversion.values.push(pattern),
            Err(reason) => conversion.notes.push((NoteKind::LeftOut, reason)),
        }
    }
    if kind == Kind::Bucket {
        let list = AwsOwnedResources::built_in();
        let (covered, own): (Vec<String>, Vec<String>) =
            conversion.values.into_iter().partition(|pattern| covered_by_built_in(&list, pattern));
        conversion.values = own;
        if !covered.is_empty() {
            conversion.notes.push((
                NoteKind::Replaced,
                "the built-in list of AWS-owned resources covers it, with real regions in place of the wildcard".to_owned(),
            ));
        }
        if !conversion.values.is_empty() {
            conversion.notes.push((
                NoteKind::Incomplete,
                "the old file does not say who must own the bucket: calls to it stay undetermined until you replace `owner: unknown` \
                 by the account id"
                    .to_owned(),
            ));
        }
    }
    // Nothing contains a whole unique id but that id.
    let whole_id =
        kind == Kind::Principal && text.len() >= 20 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !conversion.values.is_empty() && !whole_id {
        conversion.notes.push((NoteKind::Changed, changed(text, &conversion.values, kind)));
    }
    conversion
}

/// The pattern on the whole value: an expression names a part of an ARN, a pattern all of it.
fn completed(pattern: &str, kind: Kind) -> Result<String, String> {
    let completed = match kind {
        Kind::Bucket => {
            let name = pattern.trim_start_matches("arn:aws:s3:::");
            return match values::bucket_pattern(name) {
                Ok(_) => Ok(name.to_owned()),
                Err(wrong) => Err(match wrong.help {
                    Some(help) => format!("{}; {help}", wrong.message),
                    None => wrong.message,
                }),
            };
        }
        Kind::Arn if !pattern.starts_with("arn:") => {
            return Err("it names no account, so anybody's resource of that name was trusted: write the whole ARN".to_owned());
        }
        _ if pattern.starts_with("arn:") => pattern.to_owned(),
        Kind::Principal if values::principal_pattern(pattern).is_ok() => pattern.to_owned(),
        _ => {
            let rest = pattern.trim_start_matches(':');
            let open_end = rest.ends_with(['/', '_', '-']);
            let end = if open_end { "*" } else { "" };
            match rest {
                _ if rest.starts_with("role/") || rest.starts_with("user/") => format!("arn:*:iam::*:{rest}{end}"),
                _ if rest.contains([':', ' ']) => {
                    return Err("it is part of an ARN or a session: write the whole ARN of the role".to_owned());
                }
                _ if open_end => format!("arn:*:iam::*:role/*{rest}*"),
                _ => format!("arn:*:iam::*:role/{rest}"),
            }
        }
    };
    let checked = match kind {
        Kind::Principal => values::principal_pattern(&completed),
        _ => values::arn_pattern(&completed),
    };
    checked.map(|_| completed).map_err(|wrong| match wrong.help {
        Some(help) => format!("{}; {help}", wrong.message),
        None => wrong.message,
    })
}

/// Is a bucket pattern one that the built-in list holds with a region in place of its wildcard?
fn covered_by_built_in(list: &AwsOwnedResources, pattern: &str) -> bool {
    if !pattern.contains('*') {
        return list.find(&format!("arn:aws:s3:::{pattern}")).is_some();
    }
    ["us-east-1", "useast1", "0a1b2c3d4e5"].iter().any(|filler| {
        let name = pattern.replace('*', filler);
        list.find(&format!("arn:aws:s3:::{name}")).is_some()
    })
}

/// Both meanings in words, and an example on which they differ.
fn changed(text: &str, patterns: &[String], kind: Kind) -> String {
    let what = match kind {
        Kind::Bucket => "name of the bucket",
        Kind::Arn => "ARN of the resource",
        Kind::HumanRole => "ARN of the role, whatever its case,",
        _ => "ARN of the role or the unique id",
    };
    let quoted: Vec<String> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
    let mut message =
        format!("matched anywhere in the {what} as an expression; now the whole of it must be {}", quoted.join(" or "));
    let patterns: Vec<Pattern> = patterns.iter().map(|pattern| Pattern::new(pattern.as_str())).collect();
    let matches_now = |value: &str| patterns.iter().any(|pattern| pattern.matches(value));
    let Some(old) = Old::parse(text) else {
        message.push_str("; the old tool refuses this expression");
        return message;
    };
    let no_longer = old
        .examples()
        .into_iter()
        .flat_map(|example| attempts(&example, kind))
        .find(|value| plausible(value, kind) && old.found_in(value) && !matches_now(value));
    let only_now = patterns
        .iter()
        .flat_map(|pattern| ["111122223333", "x", ""].map(|filler| pattern.as_str().replace('*', filler).replace('?', "x")))
        .find(|value| plausible(value, kind) && !old.found_in(value) && matches_now(value));
    if let Some(value) = no_longer {
        message.push_str(&format!("; `{value}` matched and no longer does"));
    }
    if let Some(value) = only_now {
        message.push_str(&format!("; `{value}` did not match and does now"));
    }
    message
}

/// Values that somebody else could choose so that the old expression finds them: more text after and before what it describes.
fn attempts(example: &str, kind: Kind) -> Vec<String> {
    const ACCOUNT: &str = "arn:aws:iam::999999999999:";
    match kind {
        Kind::Bucket => vec![format!("{example}-evil"), format!("evil-{example}"), example.to_owned()],
        _ if example.starts_with("arn:") => vec![format!("{example}Evil")],
        _ if example.starts_with("role/") || example.starts_with("user/") => {
            vec![format!("{ACCOUNT}{example}Evil"), format!("{ACCOUNT}role/evil/{example}")]
        }
        _ => ["role/", "role/evil/", "user/"].iter().map(|kind| format!("{ACCOUNT}{kind}{example}Evil")).collect(),
    }
}

/// Could the value exist at all?
fn plausible(value: &str, kind: Kind) -> bool {
    let part = |position| value.splitn(6, ':').nth(position).unwrap_or_default();
    match kind {
        Kind::Bucket => values::bucket_pattern(value).is_ok() && (3..=63).contains(&value.len()),
        Kind::Arn => value.starts_with("arn:") && values::arn_pattern(value).is_ok(),
        _ => values::account_id(part(4)).is_ok() && (part(5).starts_with("role/") || part(5).starts_with("user/")),
    }
}
