//! Which policy an access-denied message names.
//!
//! Forms of the message: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>.

/// The policy types that messages name, as they write them.
const POLICY_TYPES: [&str; 8] = [
    "service control policy",
    "resource control policy",
    "VPC endpoint policy",
    "permissions boundary",
    "session policy",
    "resource-based policy",
    "role trust policy",
    "identity-based policy",
];

/// What stands before the policy type. A message repeats names that callers choose, so only the last occurrence is the
/// message's own reason.
const EXPLICIT: &str = "with an explicit deny in ";
const IMPLICIT: &str = "because no ";

/// The policy type that a denied call's message names; `None` when the call was not denied or the message names none.
pub(crate) fn denied_by(error_code: Option<&str>, error_message: Option<&str>) -> Option<&'static str> {
    if error_code == Some("VpceAccessDenied") {
        return Some("VPC endpoint policy");
    }
    let message = error_message?;
    if message.starts_with("The request was denied due to a VPC endpoint policy") {
        return Some("VPC endpoint policy");
    }
    if message.contains("in S3 Block Public Access") && message.contains("because public ") {
        return Some("S3 Block Public Access");
    }
    let explicit = message.rfind(EXPLICIT);
    let implicit = message.rfind(IMPLICIT);
    let reason = message.get(explicit.max(implicit)?..)?;
    let (policy, rest) = match reason.strip_prefix(EXPLICIT) {
        Some(rest) => ["a ", "an ", "the "].into_iter().find_map(|article| rest.strip_prefix(article)).and_then(named)?,
        None => named(reason.strip_prefix(IMPLICIT)?).filter(|(_, rest)| rest.starts_with(" allows"))?,
    };
    // A quotation mark would end a quoted resource name that has these words in it.
    (!rest.starts_with('"')).then_some(policy)
}

/// The policy type at the start of a text, and what follows it.
fn named(text: &str) -> Option<(&'static str, &str)> {
    POLICY_TYPES.into_iter().find_map(|policy| text.strip_prefix(policy).map(|rest| (policy, rest)))
}

#[cfg(test)]
mod tests {
    use super::denied_by;

    #[test]
    fn reads_the_reason_of_each_form() {
        const USER: &str = "User: arn:aws:iam::777788889999:user/MaryMajor is not authorized to perform: s3:GetObject";
        for (tail, expected) in [
            (" because no service control policy allows the s3:GetObject action", Some("service control policy")),
            (" because no identity-based policy allows the s3:GetObject action", Some("identity-based policy")),
            (
                " with an explicit deny in a resource control policy, with policy ARN: arn:aws:organizations::1:policy/o-a/resource_control_policy/p-b",
                Some("resource control policy"),
            ),
            (" with an explicit deny in an identity-based policy", Some("identity-based policy")),
            (" with an explicit deny in the role trust policy", Some("role trust policy")),
            (
                " with an explicit deny in a service control policy. Encoded authorization failure message: g4oZPBq",
                Some("service control policy"),
            ),
            (
                " because public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access.",
                Some("S3 Block Public Access"),
            ),
            (
                " on resource: \"arn:aws:s3:::b/x with an explicit deny in a session policy\" because no VPC endpoint policy allows the s3:GetObject action",
                Some("VPC endpoint policy"),
            ),
            (" on resource: \"arn:aws:s3:::b/x with an explicit deny in a session policy\"", None),
            (" on resource: arn:aws:s3:::b with an explicit deny", None),
            ("", None),
        ] {
            assert_eq!(denied_by(Some("AccessDenied"), Some(&format!("{USER}{tail}"))), expected, "{tail}");
        }
        assert_eq!(denied_by(Some("AccessDenied"), Some("Access Denied")), None);
        assert_eq!(denied_by(Some("VpceAccessDenied"), None), Some("VPC endpoint policy"));
        assert_eq!(denied_by(None, None), None);
    }
}
