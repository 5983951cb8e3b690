//! Object keys and messages without what differs from call to call.

use std::borrow::Cow;

/// Where an ARN in S3 has its object keys: the part before is the bucket or access point.
///
/// `escaped` is for text as it stands in JSON: what has an escape is then not looked into.
fn end_of_container(arn: &str, escaped: bool) -> Option<usize> {
    let stop: &[char] = if escaped { &[':', '\\'] } else { &[':'] };
    let plain = |text: &str| !escaped || !text.contains('\\');
    // A part of an ARN up to the next colon, and what follows.
    let part = |text: &'_ str| -> Option<usize> { text.find(stop).filter(|end| text.as_bytes().get(*end) == Some(&b':')) };
    // One segment of the path, not empty.
    let segment = |at: usize| -> Option<usize> {
        let rest = arn.get(at..)?;
        let end = rest.find('/')?;
        rest.get(..end).filter(|segment| !segment.is_empty() && plain(segment))?;
        Some(at + end)
    };
    let after = |at: usize, text: &str| arn.get(at..)?.starts_with(text).then_some(at + text.len());

    let at = "arn:".len() + part(arn.strip_prefix("arn:")?)? + 1;
    if let Some(bucket) = after(at, "s3:::") {
        return segment(bucket);
    }
    let service = part(arn.get(at..)?)?;
    let name = arn.get(at..at + service)?;
    // Region and account.
    let mut at = at + service + 1;
    for _ in 0..2 {
        at += part(arn.get(at..)?)? + 1;
    }
    match name {
        "s3express" => segment(after(at, "bucket/")?),
        "s3" | "s3-object-lambda" => {
            let end = segment(after(at, "accesspoint/")?)?;
            after(end, "/object")
        }
        "s3-outposts" => {
            let outpost = segment(after(at, "outpost/")?)?;
            let kind = after(outpost, "/bucket/").or_else(|| after(outpost, "/accesspoint/"))?;
            after(segment(kind)?, "/object")
        }
        _ => None,
    }
}

/// Keeps up to `depth` segments of `/key`, and writes `/*` for the rest: the length of what is kept.
fn cut_path(path: &str, depth: usize, escaped: bool) -> Option<usize> {
    let follows = |at: usize| path.get(at..).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1);
    let mut best = follows(0).then_some(0)?;
    let mut at = 0;
    for _ in 0..depth {
        let Some(rest) = path.get(at + 1..) else { break };
        let Some(end) = rest.find('/') else { break };
        if escaped && rest.get(..end).is_none_or(|segment| segment.contains('\\')) {
            break;
        }
        at += 1 + end;
        if follows(at) {
            best = at;
        }
    }
    Some(best)
}

/// The ARN of an object in S3, cut after its bucket or access point and `depth` segments of its key, with `/*` for the rest. Any
/// other text as it is.
pub fn cut_arn(arn: &str, depth: usize) -> Cow<'_, str> {
    cut_arn_in(arn, depth, false).map_or(Cow::Borrowed(arn), Cow::Owned)
}

/// The same for the text of a string as it stands in JSON. `None` when there is nothing to cut.
pub(super) fn cut_arn_in(arn: &str, depth: usize, escaped: bool) -> Option<String> {
    if !arn.starts_with("arn:") {
        return None;
    }
    let end = end_of_container(arn, escaped)?;
    let (container, path) = arn.split_at_checked(end)?;
    let kept = path.get(..cut_path(path, depth, escaped)?)?;
    Some(format!("{container}{kept}/*"))
}

/// The key of an object, cut after `depth` segments: `a/b/c` is `*`, or `a/*` with one.
pub(super) fn cut_key(key: &str, depth: usize) -> String {
    let mut kept = 0;
    for _ in 0..depth {
        let Some(rest) = key.get(kept..) else { break };
        // A segment is kept if something follows it.
        let Some(end) = rest.find('/').filter(|end| end + 1 < rest.len()) else { break };
        kept += end + 1;
    }
    format!("{}*", key.get(..kept).unwrap_or_default())
}

/// A bucket, a slash and a key, cut after the bucket and `depth` segments. An ARN is left to [`cut_arn`].
pub(super) fn cut_bucket_and_key(text: &str, depth: usize) -> Option<String> {
    if text.starts_with("arn:") {
        return None;
    }
    let from = usize::from(text.starts_with('/'));
    let end = from + text.get(from..)?.find('/')?;
    if end == from {
        return None;
    }
    let (bucket, path) = text.split_at_checked(end)?;
    let kept = path.get(..cut_path(path, depth, false)?)?;
    Some(format!("{bucket}{kept}/*"))
}

/// Between the caller and the action of a message of denial.
const NOT_AUTHORIZED: &str = " is not authorized to perform: ";
/// Before the part of a message that only AWS can read.
const ENCODED: &str = " Encoded authorization";
const EXPLICIT: &str = " with an explicit deny";
const BECAUSE: &str = " because ";

/// Ends of error codes that stand for a denial, before `Exception`, `Error` or `Fault`. The queries have them as one regular
/// expression.
const DENIALS: [&str; 11] = [
    "accessdenied",
    "unauthorized",
    "unauthorizedoperation",
    "unauthorizedaccess",
    "unauthorizedclient",
    "notauthorized",
    "forbidden",
    "authorizationerror",
    "authfailure",
    "insufficientprivileges",
    "allaccessdisabled",
];

/// Whether an error code says that the caller lacked permission.
fn is_denial(error_code: &str) -> bool {
    let last = error_code.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
    ["", "exception", "error", "fault"].iter().any(|suffix| {
        last.strip_suffix(suffix)
            .is_some_and(|word| DENIALS.iter().any(|denial| word.strip_suffix(denial).is_some_and(is_word)))
    })
}

/// The message of a denial without what only AWS can read; where it names something in S3, without caller and resource too, which
/// have their own columns. The messages of other failures, which hold ids of all kinds, are dropped.
pub fn error_message<'a>(error_code: Option<&str>, message: &'a str) -> Option<Cow<'a, str>> {
    let until_encoded = |text: &'a str| text.split(ENCODED).next().unwrap_or_default();
    let denied = message.contains("not authorized to perform") || error_code.is_some_and(is_denial);
    if !denied {
        return None;
    }
    let kept = match message.split_once(NOT_AUTHORIZED) {
        Some((_, after)) if [":s3:::", ":s3express:", "/object/"].iter().any(|text| message.contains(text)) => {
            let action = after.split(NOT_AUTHORIZED).next().unwrap_or_default().split(' ').next().unwrap_or_default();
            let tail = message.find(EXPLICIT).or_else(|| message.find(BECAUSE));
            let tail = tail.and_then(|at| message.get(at..)).map(until_encoded).unwrap_or_default();
            Cow::Owned(format!("User{NOT_AUTHORIZED}{action}{tail}"))
        }
        _ => Cow::Borrowed(until_encoded(message)),
    };
    Some(kept).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule as the statement for other engines has it.
    fn by_expression(arn: &str, depth: usize, escaped: bool) -> String {
        let quote = if escaped { "\\\\" } else { "" };
        let expression = format!(
            "(?s)^(arn:[^:{quote}]*:(?:s3:::[^/{quote}]+|s3express:[^:{quote}]*:[^:{quote}]*:bucket/[^/{quote}]+\
             |(?:s3|s3-object-lambda):[^:{quote}]*:[^:{quote}]*:accesspoint/[^/{quote}]+/object\
             |s3-outposts:[^:{quote}]*:[^:{quote}]*:outpost/[^/{quote}]+/(?:bucket|accesspoint)/[^/{quote}]+/object)\
             (?:/[^/{quote}]*){{0,{depth}}})/.+"
        );
        regex::Regex::new(&expression).unwrap().replace(arn, "$1/*").into_owned()
    }

    #[test]
    fn an_object_is_cut_to_its_bucket_and_prefix() {
        for (arn, at_0, at_1, at_2) in [
            ("arn:aws:s3:::b/a/b/c.txt", "arn:aws:s3:::b/*", "arn:aws:s3:::b/a/*", "arn:aws:s3:::b/a/b/*"),
            ("arn:aws-cn:s3:::b/k", "arn:aws-cn:s3:::b/*", "arn:aws-cn:s3:::b/*", "arn:aws-cn:s3:::b/*"),
            ("arn:aws:s3:::b/dir/", "arn:aws:s3:::b/*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/*"),
            ("arn:aws:s3:::b//a", "arn:aws:s3:::b/*", "arn:aws:s3:::b//*", "arn:aws:s3:::b//*"),
            ("arn:aws:s3:::b/two\nlines", "arn:aws:s3:::b/*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/*"),
            (
                "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/object/a/b",
                "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/object/*",
                "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/object/a/*",
                "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/object/a/*",
            ),
            (
                "arn:aws:s3express:eu-west-1:111122223333:bucket/b--euw1-az1--x-s3/a/b",
                "arn:aws:s3express:eu-west-1:111122223333:bucket/b--euw1-az1--x-s3/*",
                "arn:aws:s3express:eu-west-1:111122223333:bucket/b--euw1-az1--x-s3/a/*",
                "arn:aws:s3express:eu-west-1:111122223333:bucket/b--euw1-az1--x-s3/a/*",
            ),
            (
                "arn:aws:s3-outposts:eu-west-1:111122223333:outpost/op-1/bucket/b/object/k",
                "arn:aws:s3-outposts:eu-west-1:111122223333:outpost/op-1/bucket/b/object/*",
                "arn:aws:s3-outposts:eu-west-1:111122223333:outpost/op-1/bucket/b/object/*",
                "arn:aws:s3-outposts:eu-west-1:111122223333:outpost/op-1/bucket/b/object/*",
            ),
        ] {
            for (depth, expected) in [at_0, at_1, at_2].into_iter().enumerate() {
                assert_eq!(cut_arn(arn, depth), expected, "{arn} at {depth}");
            }
        }
        for whole in [
            "arn:aws:s3:::b",
            "arn:aws:s3:::b/",
            "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap",
            "arn:aws:dynamodb:eu-west-1:111122223333:table/t/index/i",
            "s3://b/k",
            "",
        ] {
            assert_eq!(cut_arn(whole, 0), whole);
        }
    }

    #[test]
    fn a_key_is_cut_as_its_arn_is() {
        for key in ["a/b/c.txt", "k", "dir/", "/a", "a//b", "//"] {
            for depth in 0..4 {
                let arn = cut_arn(&format!("arn:aws:s3:::b/{key}"), depth).into_owned();
                assert_eq!(arn, format!("arn:aws:s3:::b/{}", cut_key(key, depth)), "{key} at {depth}");
            }
        }
    }

    #[test]
    fn the_source_of_a_copy_keeps_its_bucket() {
        for (source, expected) in [
            ("b/a/k", Some("b/*")),
            ("/b/a/k?versionId=1", Some("/b/*")),
            ("b", None),
            ("b/", None),
            ("/b", None),
            ("arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/object/k", None),
        ] {
            assert_eq!(cut_bucket_and_key(source, 0).as_deref(), expected, "{source}");
        }
        assert_eq!(cut_bucket_and_key("b/a/k", 1).as_deref(), Some("b/a/*"));
    }

    #[test]
    fn the_message_of_a_denial_keeps_action_and_reason() {
        let denied = Some("AccessDenied");
        for (code, message, expected) in [
            (denied, "Access Denied", Some("Access Denied")),
            (
                denied,
                "User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: s3:GetObject on resource: \
                 \"arn:aws:s3:::b/k because\" with an explicit deny in a resource control policy",
                Some("User is not authorized to perform: s3:GetObject with an explicit deny in a resource control policy"),
            ),
            (
                Some("Client.UnauthorizedOperation"),
                "You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/u is not authorized to \
                 perform: ec2:RunInstances on resource: arn:aws:ec2:eu-west-1:111122223333:instance/* with an explicit deny in a \
                 service control policy. Encoded authorization failure message: abc",
                Some(
                    "You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/u is not authorized \
                     to perform: ec2:RunInstances on resource: arn:aws:ec2:eu-west-1:111122223333:instance/* with an explicit \
                     deny in a service control policy.",
                ),
            ),
            (None, "x is not authorized to perform: iam:GetRole", Some("x is not authorized to perform: iam:GetRole")),
            (Some("NoSuchKey"), "The specified key does not exist.", None),
            (Some("Client.InvalidPermission.NotFound"), "rule sgr-1", None),
        ] {
            assert_eq!(error_message(code, message).as_deref(), expected, "{message}");
        }
    }

    #[test]
    fn denials_are_the_ones_of_the_queries() {
        let query = include_str!("../../queries/common/common_only_denied.sql");
        let (_, rest) = query.split_once("regexp_like(error_code, '").unwrap();
        let expression = regex::Regex::new(rest.split_once('\'').unwrap().0).unwrap();
        for code in [
            "AccessDenied",
            "AccessDeniedException",
            "Client.UnauthorizedOperation",
            "UnauthorizedException",
            "KMS.AccessDeniedException",
            "VpceAccessDenied",
            "AuthorizationErrorException",
            "AuthorizationError",
            "Forbidden",
            "forbiddenFault",
            "AllAccessDisabled",
            "Client.AuthFailure",
            "NotAuthorizedException",
            "NoSuchKey",
            "Client.InvalidPermission.NotFound",
            "AccessDenied.Not",
            "My2AccessDenied",
            "Throttling",
            "",
        ] {
            assert_eq!(is_denial(code), expression.is_match(code), "{code}");
        }
    }

    proptest! {
        #[test]
        fn the_cut_is_the_one_of_the_expression(
            head in prop::sample::select(vec![
                "arn:aws:s3:::", "arn:aws:s3:r:1:accesspoint/", "arn:aws:s3express:r:1:bucket/", "arn:aws:s3-outposts:r:1:outpost/",
                "arn:aws:s3-object-lambda:r::accesspoint/", "arn:", "arn:a:s3::", ""]),
            tail in "[a:/\\\\]{0,6}(/object)?[ab/\\\\:\n]{0,8}(/accesspoint/|/bucket/)?[a/]{0,4}(/object)?[ab/\\\\]{0,5}",
            depth in 0usize..4,
            escaped: bool,
        ) {
            let arn = format!("{head}{tail}");
            let cut = cut_arn_in(&arn, depth, escaped).unwrap_or_else(|| arn.clone());
            prop_assert_eq!(cut, by_expression(&arn, depth, escaped));
        }
    }
}
