//! What the name of a snapshot file tells where its content does not: AWS Organizations prints the children of a parent without
//! naming the parent, and AWS Config an empty result without naming the type.

use super::written_rows::Table;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FileName {
    /// `AWS::IAM::Role` of `config-AWS_IAM_Role.json`.
    pub(super) resource_type: Option<String>,
    /// The output of a command about one parent, `…-for-parent-<id>` or `list-children-<id>`, and that parent.
    pub(super) for_parent: bool,
    pub(super) parent: Option<String>,
    /// Of `list-parents-<id>`.
    pub(super) child: Option<String>,
    /// Of `list-targets-for-policy-<id>`.
    pub(super) policy: Option<String>,
    /// `organizations-…`: the policies in it are not those of IAM.
    pub(super) organizations: bool,
    /// Of the names for tables that are written by hand.
    pub(super) table: Option<Table>,
    /// `…list-findings…`: what Access Analyzer found, and nothing else that it calls findings.
    pub(super) lists_findings: bool,
    /// `eu-west-1` at the end of the name, of commands that answer for one region and do not say for which.
    pub(super) region: Option<String>,
}

impl FileName {
    /// `path` is relative to the folder, with `/`.
    pub(super) fn parse(path: &str) -> FileName {
        let name = path.rsplit('/').next().unwrap_or(path);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let after = |marker: &str| stem.split_once(marker).map(|(_, rest)| rest.trim_start_matches(['-', '_', '.']));
        let parent = after("for-parent").or_else(|| after("list-children"));
        FileName {
            resource_type: stem.strip_prefix("config").and_then(resource_type),
            for_parent: parent.is_some(),
            parent: parent.and_then(organization_id),
            child: after("list-parents").and_then(organization_id),
            policy: after("targets-for-policy").filter(|id| id.starts_with("p-")).map(|id| first(id, 2)),
            organizations: stem.starts_with("organizations"),
            table: Table::from_name(stem),
            lists_findings: stem.contains("list-findings") || stem.contains("list_findings"),
            region: region(stem),
        }
    }
}

/// The region among the parts of a name: `us-gov-west-1` of `accessanalyzer-list-findings-v2-us-gov-west-1-page2`.
fn region(stem: &str) -> Option<String> {
    let parts: Vec<&str> = stem.split(['-', '_', '.']).collect();
    let is_number = |part: &str| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_digit());
    let directions = ["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];
    let at =
        parts.windows(2).rposition(|pair| matches!(pair, [way, number] if directions.contains(way) && is_number(number)))?;
    // Two letters begin it, with one word between in some partitions.
    let begin = [1, 2].into_iter().filter_map(|back| at.checked_sub(back)).find(|begin| {
        parts.get(*begin).is_some_and(|part| matches!(part.len(), 2 | 4) && part.bytes().all(|byte| byte.is_ascii_lowercase()))
            && !parts.get(*begin).is_some_and(|part| matches!(*part, "gov" | "iso"))
    })?;
    parts.get(begin..at + 2).map(|parts| parts.join("-"))
}

/// The id of a root, an organizational unit or an account at the beginning of `text`.
fn organization_id(text: &str) -> Option<String> {
    if text.starts_with("ou-") {
        Some(first(text, 3))
    } else if text.starts_with("r-") {
        Some(first(text, 2))
    } else {
        text.get(..12).filter(|id| super::values::is_account_id(id)).map(str::to_owned)
    }
}

/// The first parts of an id whose parts are joined by `-`; what follows (`-page2`, `_2`) does not belong to it.
fn first(text: &str, parts: usize) -> String {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(text.len());
    let id: Vec<&str> = text.get(..end).unwrap_or_default().split('-').take(parts).collect();
    id.join("-")
}

/// `-AWS_IAM_Role-2` is `AWS::IAM::Role`.
fn resource_type(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['-', '_', '.']);
    let parts: Vec<&str> = text.split(['_', ':', '-', '.']).filter(|part| !part.is_empty()).take(3).collect();
    let is_type = matches!(parts.as_slice(), ["AWS" | "Alexa" | "Custom", _, kind] if kind.starts_with(|c: char| c.is_ascii_alphabetic()));
    is_type.then(|| parts.join("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_types_and_ids() {
        let read = FileName::parse;
        assert_eq!(read("config-AWS_IAM_Role.json").resource_type.as_deref(), Some("AWS::IAM::Role"));
        assert_eq!(read("a/config-AWS_EC2_VPCEndpoint-2.json").resource_type.as_deref(), Some("AWS::EC2::VPCEndpoint"));
        assert_eq!(read("config-all.json").resource_type, None);
        let parent = |name: &str| read(name).parent;
        assert_eq!(parent("organizations-list-accounts-for-parent-r-ab12.json").as_deref(), Some("r-ab12"));
        assert_eq!(
            parent("organizations-list-accounts-for-parent-ou-ab12-11111111-page2.json").as_deref(),
            Some("ou-ab12-11111111")
        );
        assert_eq!(parent("organizations-list-accounts.json"), None);
        assert!(read("organizations-list-accounts-for-parent.json").for_parent);
        assert_eq!(read("organizations-list-targets-for-policy-p-12ab34cd.json").policy.as_deref(), Some("p-12ab34cd"));
        assert_eq!(read("organizations-list-parents-111122223333.json").child.as_deref(), Some("111122223333"));
        assert_eq!(read("s3_buckets.csv").table, Some(Table::Buckets));
        assert_eq!(read("organizations-list-accounts.json").table, None);
        let region = |name: &str| read(name).region;
        assert_eq!(region("accessanalyzer-list-findings-v2-eu-west-1.json").as_deref(), Some("eu-west-1"));
        assert_eq!(region("accessanalyzer-list-findings-v2-us-gov-west-1-page2.json").as_deref(), Some("us-gov-west-1"));
        assert_eq!(region("securityhub-get-findings_ap-southeast-2.ndjson").as_deref(), Some("ap-southeast-2"));
        assert_eq!(region("accessanalyzer-list-findings-v2-2.json"), None);
    }
}
