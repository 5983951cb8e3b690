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

/// Does the pattern cover the value? Most patterns of a long list already differ before their first wildcard, which is much cheaper
/// to see than a match.
pub(crate) fn covers(pattern: &Pattern, value: &str) -> bool {
    let mut characters = value.bytes();
    let literal = pattern.as_str().bytes().take_while(|byte| !matches!(byte, b'*' | b'?'));
    literal.into_iter().all(|byte| characters.next() == Some(byte)) && pattern.matches(value)
}

/// Does any of the patterns cover the value?
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
    fn looking_at_the_beginning_first_changes_nothing() {
        let patterns = ["arn:aws:iam::1111*", "AROA?", "", "*x"].map(Pattern::new);
        for value in ["arn:aws:iam::111111111111:role/a", "arn:aws:iam::2111", "AROA1", "AROA", "AROA12", "", "x", "yx", "y"] {
            assert_eq!(any_covers(&patterns, value), patterns.iter().any(|pattern| pattern.matches(value)), "{value}");
        }
    }

    #[test]
    fn only_twelve_digits_are_an_account() {
        let account = |text| Arn::parse(text).and_then(|arn| arn.account_id());
        assert_eq!(account("arn:aws:sqs:eu-west-1:012345678901:q"), Some("012345678901"));
        assert_eq!(account("arn:aws:iam::aws:policy/ReadOnlyAccess"), None);
    }
}
