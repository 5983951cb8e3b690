//! Placeholders that somebody forgot to fill in, in the forms in which templates, examples and people write them.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::policy::diagnostic::Finding;
use crate::policy::document::{Document, Statement, Text};

/// How certain it is that a text is a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `<my-org-id>`
    Angle,
    /// `{{org_id}}`
    Braces,
    /// `${OrgId}`, `${AWS::AccountId}`, `${var.org}`: policy variables have a colon in their name, and no other
    Dollar,
    /// `vpc-xxxxxxxx`, `ACCOUNT_ID`, `your-bucket`
    Word,
}

/// Ids that AWS assigns begin like this.
const ID_PREFIXES: [&str; 13] =
    ["vpce-", "vpc-", "ou-", "o-", "r-", "subnet-", "sg-", "eni-", "ami-", "vol-", "i-", "p-", "pcx-"];

/// What examples and scripts write where a value of one's own belongs. Compared in upper case, with `_` for `-`.
const WORDS: [&str; 33] = [
    "ACCOUNT",
    "ACCOUNTID",
    "ACCOUNT_ID",
    "ACCOUNT_NUMBER",
    "AWS_ACCOUNT",
    "AWS_ACCOUNT_ID",
    "AWS_REGION",
    "REGION",
    "REGION_NAME",
    "ORG_ID",
    "ORGID",
    "ORGANIZATION_ID",
    "OU_ID",
    "VPC_ID",
    "VPCE_ID",
    "VPC_ENDPOINT_ID",
    "BUCKET",
    "BUCKET_NAME",
    "ROLE_NAME",
    "USER_NAME",
    "USERNAME",
    "FUNCTION_NAME",
    "TABLE_NAME",
    "QUEUE_NAME",
    "TOPIC_NAME",
    "KEY_ID",
    "KMS_KEY_ID",
    "CIDR",
    "IP_ADDRESS",
    "REPLACE_ME",
    "REPLACEME",
    "CHANGE_ME",
    "CHANGEME",
];

/// Has the text a placeholder that brackets or braces mark? Then nothing can be said of the rest of it.
pub(super) fn is_in(text: &str) -> bool {
    !marked(text).is_empty()
}

/// Has the text a placeholder of any form? For values, resources and principals.
pub(super) fn may_be_in(text: &str) -> bool {
    is_in(text) || !words(text).is_empty()
}

fn marked(text: &str) -> Vec<(Form, &str)> {
    let mut found = Vec::new();
    between(text, "<", ">", |name| name.chars().all(is_plain), |written| found.push((Form::Angle, written)));
    between(text, "{{", "}}", |name| !name.contains(['{', '}', '"']), |written| found.push((Form::Braces, written)));
    between(text, "${", "}", is_no_variable, |written| found.push((Form::Dollar, written)));
    found
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ' ' | ':')
}

/// Every policy variable is the name of a condition key, which holds one colon at least and never two in a row.
fn is_no_variable(name: &str) -> bool {
    let name = name.split(',').next().unwrap_or_default().trim();
    let is_escape = matches!(name, "*" | "?" | "$");
    !is_escape && (!name.contains(':') || name.contains("::") || name.starts_with('!')) && !name.contains('{')
}

/// Calls `see` for each text from `open` to `close`, both included, whose inside passes `test`.
fn between<'a>(text: &'a str, open: &str, close: &str, test: impl Fn(&str) -> bool, mut see: impl FnMut(&'a str)) {
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find(open)).map(|found| at + found) {
        let inside = start + open.len();
        let Some(end) = text.get(inside..).and_then(|rest| rest.find(close)).map(|found| inside + found) else { return };
        // One that opens again before this one closes is the real beginning.
        let start = text.get(inside..end).and_then(|inner| inner.rfind(open)).map_or(start, |inner| inside + inner);
        let name = text.get(start + open.len()..end).unwrap_or_default();
        if !name.is_empty() && test(name) {
            see(text.get(start..end + close.len()).unwrap_or_default());
        }
        at = end + close.len();
    }
}

/// Parts of a text that look like something to fill in.
fn words(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text.split([':', '/', ',', ' ', '*', '?']).filter(|part| is_word(part)).collect();
    if let [_, _, _, region, account, _] = text.splitn(6, ':').collect::<Vec<_>>().as_slice()
        && text.starts_with("arn:")
    {
        let says = |part: &str, word: &str| part.to_ascii_lowercase().contains(word);
        found.extend([*region].into_iter().filter(|part| part.eq_ignore_ascii_case("region")));
        found.extend([*account].into_iter().filter(|part| says(part, "account") && !part.contains("${")));
    }
    found.dedup();
    found
}

fn is_word(part: &str) -> bool {
    let only_x = |rest: &str, least: usize| {
        rest.matches(['x', 'X']).count() >= least && rest.chars().all(|character| matches!(character, 'x' | 'X' | '-'))
    };
    let lower = part.to_ascii_lowercase();
    if only_x(part, 6) || ID_PREFIXES.iter().any(|prefix| lower.strip_prefix(prefix).is_some_and(|rest| only_x(rest, 3))) {
        return true;
    }
    if ["your-", "your_", "<your"].iter().any(|start| lower.starts_with(start)) {
        return true;
    }
    let is_loud = part.bytes().any(|byte| byte.is_ascii_uppercase()) && !part.bytes().any(|byte| byte.is_ascii_lowercase());
    is_loud && WORDS.contains(&part.replace('-', "_").as_str())
}

/// Where a placeholder first stands, and how often it does.
struct Found<'a> {
    form: Form,
    span: Range<usize>,
    statement: &'a Statement,
    count: usize,
}

/// Says each placeholder once, where it first stands.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    let mut found: BTreeMap<&str, Found<'_>> = BTreeMap::new();
    for (statement, text, is_free) in texts(document) {
        let marked = marked(&text.text);
        let words = if is_free && marked.is_empty() { words(&text.text) } else { Vec::new() };
        for (form, written) in marked.into_iter().chain(words.into_iter().map(|word| (Form::Word, word))) {
            found.entry(written).or_insert_with(|| Found { form, span: text.span.clone(), statement, count: 0 }).count += 1;
        }
    }
    for (written, Found { form, span, statement, count }) in found {
        let often = match count {
            1 => String::new(),
            2 => ", here and in one more place".to_owned(),
            _ => format!(", here and in {} more places", count - 1),
        };
        let finding = match form {
            Form::Angle => {
                let name = written.trim_matches(['<', '>']);
                let name = if name.contains(' ') { format!("'{name}'") } else { name.to_owned() };
                Finding::error("placeholder", span, format!("the placeholder {written} is not filled in{often}"))
                    .help(format!("put your own value there, or give it with --set {name}=…"))
            }
            Form::Braces => Finding::error("placeholder", span, format!("the placeholder {written} is not filled in{often}"))
                .help("put your own value there"),
            Form::Dollar => {
                let message = format!("`{written}` is no policy variable but a placeholder, which is not filled in{often}");
                Finding::error("placeholder", span, message).help(
                    "check what CloudFormation, Terraform or a script makes of it; policy variables are written ${aws:Key}",
                )
            }
            Form::Word => {
                let message = format!("\"{written}\" looks like a placeholder that is not filled in{often}");
                Finding::warning("placeholder", span, message).help("put your own value there")
            }
        };
        findings.push(finding.in_statement(statement.index, statement.sid.as_ref().map(|sid| sid.text.as_str())));
    }
}

/// Every text of the statements, and whether a plain word in it can be a placeholder: keys and values of tags are anybody's words.
fn texts(document: &Document) -> impl Iterator<Item = (&Statement, &Text, bool)> {
    document.statements.iter().flat_map(|statement| {
        let principals = statement.principal.iter().flat_map(|principals| &principals.entries).map(|entry| (&entry.text, true));
        let actions = statement.action.items.iter().map(|action| (action, false));
        let resources = statement.resource.iter().flat_map(|resource| &resource.items).map(|resource| (resource, true));
        let conditions = statement.conditions.iter().flat_map(|condition| {
            let is_free = condition.key.text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
                && !condition.key.text.to_ascii_lowercase().contains("tag");
            std::iter::once((&condition.key, false)).chain(condition.values.iter().map(move |value| (value, is_free)))
        });
        let all = principals.chain(actions).chain(resources).chain(conditions);
        all.map(move |(text, is_free)| (statement, text, is_free))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_customary_form_is_known() {
        for text in
            ["<my-org-id>", "arn:aws:s3:::{{bucket}}/*", "${OrgId}", "${AWS::AccountId}", "${var.org_id}", "${!aws:username}"]
        {
            assert!(is_in(text), "{text}");
        }
        for text in
            ["vpc-xxxxxxxx", "vpce-XXXX", "o-xxxxxxxxxx", "ou-xxxx-xxxxxxxx", "YOUR-BUCKET", "arn:aws:s3:::your-bucket/*"]
        {
            assert!(may_be_in(text), "{text}");
        }
        for text in ["arn:aws:sqs:REGION:ACCOUNT_ID:queue", "arn:aws:sqs:region:account-id:queue", "ACCOUNT_ID"] {
            assert!(may_be_in(text), "{text}");
        }
    }

    #[test]
    fn what_is_meant_is_no_placeholder() {
        for text in
            ["${aws:username}", "${*}", "${aws:PrincipalTag/team, 'none'}", "a<b", "vpc-0123456789abcdef0", "xx", "Region"]
        {
            assert!(!may_be_in(text), "{text}");
        }
        for text in ["arn:aws:iam::*:role/ACCOUNTING", "arn:aws:s3:::bucket/region/x", "${graph.facebook.com:id}", "BUCKETS"] {
            assert!(!may_be_in(text), "{text}");
        }
    }
}
