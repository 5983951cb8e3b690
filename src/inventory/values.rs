//! Values that rows of every origin have in common: account ids, ARNs, partitions, tags, times.

use serde_json::{Map, Value};

use super::model::Tags;

/// The parts of `arn:partition:service:region:account:resource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arn<'a> {
    pub(super) partition: &'a str,
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    /// Empty where the service leaves it out, `aws` for what AWS owns.
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Arn<'a>> {
        let mut parts = text.splitn(6, ':');
        let (prefix, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        (prefix == "arn" && !partition.is_empty() && !service.is_empty() && !resource.is_empty()).then_some(Arn {
            partition,
            service,
            region,
            account,
            resource,
        })
    }

    /// The owner that the ARN tells, if it tells one.
    pub(super) fn owner(&self) -> Option<&'a str> {
        is_account_id(self.account).then_some(self.account)
    }

    /// The path of a role, `/` or `/a/b/`; `None` when this is no role.
    pub(super) fn role_path(&self) -> Option<&'a str> {
        // With its slash: `role/a/b/name` gives `/a/b/`.
        let path_and_name = self.resource.strip_prefix("role").filter(|rest| self.service == "iam" && rest.starts_with('/'))?;
        path_and_name.rfind('/').and_then(|end| path_and_name.get(..=end))
    }
}

pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The partition of a region, by the prefixes that AWS gives to regions of a partition.
pub(super) fn partition_of_region(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 8] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("us-iso-", "aws-iso"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
        ("", "aws"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// An account id, and how it was written if a leading zero had to be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountId {
    pub(super) id: String,
    pub(super) padded_from: Option<String>,
}

/// Reads an account id. Numbers without quotes and spreadsheets lose a leading zero: eleven digits get it back.
///
/// # Errors
/// A sentence that names the value and what was expected.
pub(super) fn account_id(value: &Value) -> Result<AccountId, String> {
    let text = match value {
        Value::String(text) => text.trim().trim_start_matches('\'').to_owned(),
        Value::Number(number) => number.to_string(),
        other => return Err(format!("account id {other} is not text; expected 12 digits in quotes")),
    };
    // The AWS console shows ids as 1111-2222-3333.
    let digits: String = text.chars().filter(|character| *character != '-').collect();
    if is_account_id(&digits) {
        return Ok(AccountId { id: digits, padded_from: None });
    }
    if digits.len() == 11 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(AccountId { id: format!("0{digits}"), padded_from: Some(text) });
    }
    Err(format!("account id {text:?} is not usable; expected 12 digits, such as \"012345678901\""))
}

/// The text of a key; `None` when it is missing, null or empty. Numbers and booleans are written out.
pub(super) fn text(object: &Value, key: &str) -> Option<String> {
    object.get(key).and_then(scalar)
}

pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Tags in any of the forms that AWS and people write: a list of `{key, value}` or `{Key, Value}`, an object, JSON text of either,
/// or `owner=payments;stage=prod`. `None` when there is nothing that could be read as tags.
pub(super) fn tags(value: &Value) -> Option<Tags> {
    match value {
        Value::Array(list) => Some(
            list.iter()
                .filter_map(|tag| {
                    let key = tag.get("key").or_else(|| tag.get("Key"))?.as_str()?;
                    let value = tag.get("value").or_else(|| tag.get("Value")).and_then(Value::as_str).unwrap_or_default();
                    Some((key.to_owned(), value.to_owned()))
                })
                .collect(),
        ),
        Value::Object(object) => Some(tags_of_object(object)),
        Value::String(text) => {
            let text = text.trim();
            if text.is_empty() {
                return None;
            }
            if text.starts_with(['{', '[']) {
                return serde_json::from_str::<Value>(text)
                    .ok()
                    .filter(|parsed| !parsed.is_string())
                    .and_then(|parsed| tags(&parsed));
            }
            let tags: Tags = text
                .split(';')
                .filter_map(|tag| tag.split_once('='))
                .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
                .filter(|(key, _)| !key.is_empty())
                .collect();
            (!tags.is_empty()).then_some(tags)
        }
        _ => None,
    }
}

fn tags_of_object(object: &Map<String, Value>) -> Tags {
    object.iter().map(|(key, value)| (key.clone(), scalar(value).unwrap_or_default())).collect()
}

/// A time as AWS writes it: RFC 3339, or seconds since 1970 as a number. `None` for anything else.
pub(super) fn timestamp(value: &Value) -> Option<jiff::Timestamp> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => {
            let seconds = number.as_f64().filter(|seconds| seconds.is_finite())?;
            jiff::Timestamp::UNIX_EPOCH.checked_add(jiff::SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn account_ids_survive_spreadsheets() {
        let read = |value: Value| account_id(&value).map(|account| (account.id, account.padded_from.is_some()));
        assert_eq!(read(json!("012345678901")), Ok(("012345678901".into(), false)));
        assert_eq!(read(json!("0123-4567-8901")), Ok(("012345678901".into(), false)));
        assert_eq!(read(json!(12345678901_u64)), Ok(("012345678901".into(), true)));
        assert_eq!(read(json!("12345678901")), Ok(("012345678901".into(), true)));
        assert!(read(json!("1.11122E+11")).is_err());
        assert!(read(json!("1234567890123")).is_err());
        assert!(read(json!("")).is_err());
        assert!(read(json!(null)).is_err());
    }

    #[test]
    fn partitions_by_region() {
        assert_eq!(partition_of_region("eu-west-1"), "aws");
        assert_eq!(partition_of_region("us-gov-west-1"), "aws-us-gov");
        assert_eq!(partition_of_region("us-iso-east-1"), "aws-iso");
        assert_eq!(partition_of_region("us-isob-east-1"), "aws-iso-b");
        assert_eq!(partition_of_region("cn-north-1"), "aws-cn");
    }

    #[test]
    fn tags_in_every_form() {
        let expected: Tags = [("owner".to_owned(), "payments".to_owned())].into();
        assert_eq!(tags(&json!([{"key": "owner", "value": "payments", "tag": "owner=payments"}])).as_ref(), Some(&expected));
        assert_eq!(tags(&json!([{"Key": "owner", "Value": "payments"}])).as_ref(), Some(&expected));
        assert_eq!(tags(&json!({"owner": "payments"})).as_ref(), Some(&expected));
        assert_eq!(tags(&json!("owner=payments; ")).as_ref(), Some(&expected));
        assert_eq!(tags(&json!("{\"owner\":\"payments\"}")).as_ref(), Some(&expected));
        assert_eq!(tags(&json!("")), None);
    }

    #[test]
    fn the_path_of_a_role_is_in_its_arn() {
        let path = |arn: &str| Arn::parse(arn).and_then(|arn| arn.role_path().map(str::to_owned));
        assert_eq!(path("arn:aws:iam::111122223333:role/reader").as_deref(), Some("/"));
        assert_eq!(path("arn:aws-cn:iam::111122223333:role/a/b/reader").as_deref(), Some("/a/b/"));
        assert_eq!(path("arn:aws:iam::111122223333:user/a/reader"), None);
    }
}
