//! The parts of an Amazon Resource Name, `arn:partition:service:region:account:resource`, and patterns on them.

use crate::pattern::Pattern;

/// An ARN, cut at its first five colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) service: &'a str,
    /// Empty where ARNs of the service have none (S3 buckets); `aws` for what AWS owns.
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// `None` for text that is not an ARN.
    pub(crate) fn parse(text: &'a str) -> Option<Arn<'a>> {
        let mut parts = text.splitn(6, ':');
        let (scheme, _partition) = (parts.next()?, parts.next()?);
        let (service, _region) = (parts.next()?, parts.next()?);
        let (account, resource) = (parts.next()?, parts.next()?);
        (scheme == "arn").then_some(Arn { service, account, resource })
    }

    /// The account id; `None` when the ARN names none or names `aws`.
    pub(crate) fn account_id(&self) -> Option<&'a str> {
        Some(self.account).filter(|account| is_account_id(account))
    }

    /// The bucket of an S3 bucket or object ARN. Access points are no buckets: their ARNs name an account.
    pub(crate) fn bucket(&self) -> Option<&'a str> {
        if self.service != "s3" || !self.account.is_empty() {
            return None;
        }
        self.resource.split('/').next().filter(|name| !name.is_empty())
    }
}

/// Does a pattern cover an ARN, part by part? A wildcard of one part does not reach into the next: role paths and object keys may
/// hold colons, so `arn:aws:iam::999999999999:role/x:iam::111111111111:role/y` could otherwise pass for a role of account
/// 111111111111. IAM compares ARNs the same way
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN>).
/// A pattern of fewer than six parts, or on something else than an ARN, covers the value as a whole.
pub(crate) fn covers(pattern: &Pattern, value: &str) -> bool {
    if !pattern.matches(value) {
        return false;
    }
    let parts = pattern.as_str().splitn(6, ':');
    if pattern.is_exact() || parts.clone().count() < 6 {
        return true;
    }
    let mut of_value = value.splitn(6, ':');
    parts.into_iter().all(|part| of_value.next().is_some_and(|value| Pattern::new(part).matches(value)))
}

/// Does any of the patterns cover the ARN?
pub(crate) fn any_covers(patterns: &[Pattern], value: &str) -> bool {
    patterns.iter().any(|pattern| covers(pattern, value))
}

/// Twelve digits.
pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_buckets_from_access_points() {
        let bucket = |text| Arn::parse(text).and_then(|arn| arn.bucket());
        assert_eq!(bucket("arn:aws-cn:s3:::reports/2026/a:b"), Some("reports"));
        assert_eq!(bucket("arn:aws:s3:eu-west-1:111111111111:accesspoint/reports"), None);
        assert_eq!(bucket("arn:aws:s3express:eu-west-1:111111111111:bucket/reports"), None);
        assert_eq!(bucket("reports"), None);
    }

    #[test]
    fn wildcards_stay_in_their_part() {
        let covers = |pattern: &str, value: &str| covers(&Pattern::new(pattern), value);
        assert!(covers("arn:*:iam::111111111111:role/*", "arn:aws:iam::111111111111:role/a/b"));
        assert!(!covers("arn:*:iam::111111111111:role/*", "arn:aws:iam::999999999999:role/x:iam::111111111111:role/y"));
        assert!(covers("arn:aws:sns:*:111111111111:*", "arn:aws:sns:eu-west-1:111111111111:topic:subscription"));
        assert!(covers("arn:aws:iam::1111*", "arn:aws:iam::111111111111:role/a"));
        assert!(covers("AROA*", "AROAEXAMPLE"));
    }

    #[test]
    fn only_twelve_digits_are_an_account() {
        let account = |text| Arn::parse(text).and_then(|arn| arn.account_id());
        assert_eq!(account("arn:aws:sqs:eu-west-1:012345678901:q"), Some("012345678901"));
        assert_eq!(account("arn:aws:iam::aws:policy/ReadOnlyAccess"), None);
    }
}
