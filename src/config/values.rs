//! Checks of single values: account ids, networks, ARN patterns, ids and dates. Each takes the text as written and says, when it
//! is wrong, what was expected and what was probably meant.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::civil::Date;

use crate::pattern::Pattern;

/// What is wrong with a value, and what to do about it. The message names the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub message: String,
    pub help: Option<String>,
}

impl Wrong {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub fn with_help(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }
}

/// An AWS account id: exactly twelve digits, leading zeros included.
pub fn account_id(text: &str) -> Result<String, Wrong> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let expected = format!("`{text}` is not an account id: expected 12 digits");
    if text.chars().all(|c| c.is_ascii_digit()) {
        let count = if text.len() == 1 { String::from("1 digit") } else { format!("{} digits", text.len()) };
        let message = format!("account id `{text}` has {count}, expected 12");
        return Err(if text.len() < 12 && text.len() >= 9 {
            Wrong::with_help(message, format!("did another tool drop leading zeros? then write `{text:0>12}`"))
        } else {
            Wrong::new(message)
        });
    }
    let separated = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '_' | ' ' | '.' | ','));
    if digits.len() == 12 && separated {
        return Err(Wrong::with_help(expected, format!("write `{digits}`")));
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("0o") || lower.starts_with("0x") || lower.starts_with("0b") {
        return Err(Wrong::with_help(expected, "write the id in decimal, as the AWS console shows it"));
    }
    let scientific = lower.contains('e') && lower.chars().all(|c| c.is_ascii_digit() || matches!(c, 'e' | '.' | '+' | '-'));
    if scientific {
        return Err(Wrong::with_help(expected, "another tool turned the id into a number: write all 12 digits"));
    }
    if text.starts_with("arn:")
        && let Some(account) = text.split(':').nth(4).filter(|account| account_id(account).is_ok())
    {
        return Err(Wrong::with_help(expected, format!("write `{account}` for everything in that account")));
    }
    if text.contains(['*', '?']) {
        return Err(Wrong::with_help(expected, "account ids are exact: list each account"));
    }
    if text == "aws" || text.ends_with(".amazonaws.com") {
        return Err(Wrong::with_help(expected, "calls that AWS services make as themselves need no trust: remove it"));
    }
    Err(Wrong::new(expected))
}

/// An IPv4 or IPv6 network in CIDR notation; a bare address is a network of one.
pub fn network(text: &str) -> Result<IpNet, Wrong> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let parsed = match text.parse::<IpNet>() {
        Ok(parsed) => parsed,
        Err(_) => {
            let message = format!("`{text}` is not a network: expected an IPv4 or IPv6 CIDR such as `203.0.113.0/24`");
            let octet = text.split('/').next().and_then(|address| {
                address.split('.').find(|octet| octet.parse::<u32>().is_ok_and(|number| number > 255)).map(str::to_owned)
            });
            return Err(match octet {
                Some(octet) => Wrong::with_help(message, format!("`{octet}` is larger than 255")),
                None => Wrong::new(message),
            });
        }
    };
    if parsed.prefix_len() == 0 {
        return Err(Wrong::with_help(
            format!("`{text}` covers every address: nothing would be outside of it"),
            "name the networks that are yours",
        ));
    }
    if parsed.network() != parsed.addr() {
        return Err(Wrong::with_help(
            format!("`{text}` has bits set beyond its prefix of {} bits", parsed.prefix_len()),
            format!(
                "write `{}` for the network, or `{}/{}` for the one address",
                parsed.trunc(),
                parsed.addr(),
                parsed.max_prefix_len()
            ),
        ));
    }
    Ok(parsed)
}

/// A pattern on ARNs: six parts separated by colons, of which partition, service and resource are not empty. `*` and `?` are
/// wildcards in every part but `arn`.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>.
pub fn arn_pattern(text: &str) -> Result<Pattern, Wrong> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let message = || format!("`{text}` is not an ARN pattern: expected `arn:partition:service:region:account:resource`");
    let (Some(&prefix), Some(partition), Some(service), Some(account), Some(resource)) =
        (parts.first(), parts.get(1), parts.get(2), parts.get(4), parts.get(5))
    else {
        return Err(match text {
            "*" => Wrong::with_help(message(), "a lone `*` would trust everything"),
            _ if text.starts_with("arn:") => Wrong::with_help(
                message(),
                format!("it has {} of 6 parts; write `*` for each part that may be anything", parts.len()),
            ),
            _ => Wrong::new(message()),
        });
    };
    if prefix != "arn" || partition.is_empty() || service.is_empty() || resource.is_empty() {
        return Err(Wrong::new(message()));
    }
    if text.chars().any(char::is_whitespace) {
        return Err(Wrong::with_help(message(), "remove the white space"));
    }
    if let Some(bad) = ['^', '$', '\\', '|', '(', ')', '[', ']'].into_iter().find(|bad| text.contains(*bad)) {
        return Err(Wrong::with_help(
            format!("`{text}` is not an ARN pattern: `{bad}` occurs in no ARN"),
            "patterns are no regular expressions: only `*` and `?` are wildcards, and the pattern covers the whole ARN",
        ));
    }
    let literal_account = !account.is_empty() && !account.contains(['*', '?']);
    if literal_account && *account != "aws" && account_id(account).is_err() {
        return Err(Wrong::new(format!(
            "`{text}` is not an ARN pattern: `{account}` stands where the account id belongs, expected 12 digits"
        )));
    }
    Ok(Pattern::new(text))
}

/// A pattern on principals: an ARN pattern of a role or user, or a unique id such as `AROAEXAMPLEID`.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>.
pub fn principal_pattern(text: &str) -> Result<Pattern, Wrong> {
    let unique_id = text.len() >= 5
        && text.starts_with('A')
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'*' | b'?'));
    if unique_id {
        return Ok(Pattern::new(text));
    }
    let pattern = arn_pattern(text).map_err(|wrong| Wrong {
        message: wrong.message.replace("is not an ARN pattern", "is neither an ARN pattern nor a unique id"),
        ..wrong
    })?;
    if text.contains(":assumed-role/") {
        return Err(Wrong::with_help(
            format!("`{text}` is the ARN of a session: principals are compared by the ARN of their role"),
            "write the role, as in `arn:aws:iam::111122223333:role/name`",
        ));
    }
    Ok(pattern)
}

/// A pattern on bucket names.
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
pub fn bucket_pattern(text: &str) -> Result<Pattern, Wrong> {
    if let Some(name) = text.strip_prefix("arn:").and_then(|rest| rest.rsplit(":::").next()) {
        let name = name.split('/').next().unwrap_or_default();
        return Err(Wrong::with_help(format!("`{text}` is an ARN: expected the name of a bucket"), format!("write `{name}`")));
    }
    if text == "*" {
        return Err(Wrong::with_help("`*` covers every bucket", "name the buckets, with a literal part at least"));
    }
    match text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | '*' | '?'))) {
        // Old buckets of us-east-1 may have upper-case letters.
        Some(c) if !c.is_ascii_uppercase() => Err(Wrong::with_help(
            format!("`{text}` is not the name of a bucket: `{c}` cannot occur in it"),
            "write the name of the bucket without object keys; only `*` and `?` are wildcards, and the whole name must match",
        )),
        _ => Ok(Pattern::new(text)),
    }
}

/// An exact id with a fixed prefix, such as `vpce-` or `o-`. `what` names it in messages.
pub fn prefixed_id(text: &str, prefix: &str, what: &str) -> Result<String, Wrong> {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    if !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        return Ok(text.to_owned());
    }
    let message = format!("`{text}` is not the id of {what}: expected `{prefix}` and letters or digits");
    Err(if text.contains(['*', '?']) {
        Wrong::with_help(message, "these ids are exact: list each one")
    } else {
        Wrong::new(message)
    })
}

/// The id of an organizational unit, or of the root.
pub fn organizational_unit(text: &str) -> Result<String, Wrong> {
    let prefix = if text.starts_with("r-") { "r-" } else { "ou-" };
    prefixed_id(text, prefix, "an organizational unit")
}

/// A calendar date `YYYY-MM-DD`.
pub fn date(text: &str) -> Result<Date, Wrong> {
    let shaped = text.len() == 10;
    match text.parse::<Date>() {
        Ok(date) if shaped => Ok(date),
        Err(_) if shaped && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
            Err(Wrong::with_help(format!("`{text}` is not a date"), "the calendar has no such day"))
        }
        _ => Err(Wrong::new(format!("`{text}` is not a date: expected `YYYY-MM-DD`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(wrong: Result<impl std::fmt::Debug, Wrong>) -> String {
        wrong.unwrap_err().help.unwrap_or_default()
    }

    #[test]
    fn an_account_id_that_became_a_number_is_recognised() {
        assert_eq!(account_id("012345678901").unwrap(), "012345678901");
        assert_eq!(help(account_id("12345678901")), "did another tool drop leading zeros? then write `012345678901`");
        assert_eq!(help(account_id("1234-5678-9012")), "write `123456789012`");
        assert_eq!(help(account_id("123_456_789_012")), "write `123456789012`");
        assert!(help(account_id("1.23456789012e+11")).contains("turned the id into a number"));
        assert!(help(account_id("0o1234567012")).contains("decimal"));
        assert_eq!(account_id("12345678901234").unwrap_err().message, "account id `12345678901234` has 14 digits, expected 12");
    }

    #[test]
    fn a_network_with_host_bits_names_the_network_meant() {
        assert_eq!(help(network("1.1.1.1/24")), "write `1.1.1.0/24` for the network, or `1.1.1.1/32` for the one address");
        assert_eq!(
            help(network("2001:db8::1/32")),
            "write `2001:db8::/32` for the network, or `2001:db8::1/128` for the one address"
        );
        assert_eq!(help(network("142.158.256.0/24")), "`256` is larger than 255");
        assert!(network("0.0.0.0/0").is_err());
        assert_eq!(network("198.51.100.7").unwrap().to_string(), "198.51.100.7/32");
    }

    #[test]
    fn patterns_of_principals_have_the_shape_of_an_arn_or_a_unique_id() {
        assert!(principal_pattern("arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*").is_ok());
        assert!(principal_pattern("AROAEXAMPLE*").is_ok());
        for wrong in ["*", "role/CloudOps", "arn:aws:iam::*", "arn:aws:iam::1234:role/x", "arn:aws:iam::*:role/(a|b)"] {
            assert!(principal_pattern(wrong).is_err(), "{wrong}");
        }
        assert!(help(principal_pattern("arn:aws:sts::111122223333:assumed-role/x/y")).contains("write the role"));
    }

    #[test]
    fn a_bucket_is_named_not_addressed() {
        assert_eq!(help(bucket_pattern("arn:aws:s3:::partner/x")), "write `partner`");
        assert!(bucket_pattern("partner/components").is_err());
        assert!(bucket_pattern("repo.[\\w-]*.amazonaws.com").is_err());
        assert!(bucket_pattern("partner-*").is_ok());
    }

    #[test]
    fn dates_have_one_form() {
        assert_eq!(date("2026-12-31").unwrap(), jiff::civil::date(2026, 12, 31));
        for wrong in ["2026-2-3", "31.12.2026", "2026-12-31T00:00:00", "2026-02-30", "20261231"] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }
}
