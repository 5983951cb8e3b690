//! `STORIES.md`: the stories for a reader, with the findings that each must give.

use std::collections::BTreeMap;

use super::Story;

const INTRODUCTION: &str = "\
# The stories in the sample

The organization in this folder does not exist. Its trail is everyday traffic that stays inside the perimeter of
[perimeter.yaml](perimeter.yaml), and these stories. Every finding of every query over the sample belongs to one of them; some
must not be found at all. Addresses are those kept for documentation (RFC 5737, RFC 3849), account ids are made up.

`stories.json` says the same for a machine: for each finding the query, the verdict, the columns that tell it apart and the number
of calls. Both files are written by `palisade sample generate` from the plan by which it plants the records; the numbers are what
was planted, not what a query said.

";

/// The text of `STORIES.md`.
pub fn markdown(stories: &[Story]) -> String {
    let mut out = String::from(INTRODUCTION);
    for story in stories {
        out.push_str(&format!("- [{}](#{})\n", story.title, anchor(story.title)));
    }
    for story in stories {
        out.push_str(&format!("\n## {}\n\n{}\n\n", story.title, story.tale.trim()));
        out.push_str(&format!("`{}`, {} records. ", story.name, story.calls));
        if story.findings.is_empty() {
            out.push_str("No query finds any of them.\n");
            continue;
        }
        out.push_str("Findings:\n\n| query | verdict | calls | operations |\n| --- | --- | ---: | --- |\n");
        let mut lines: BTreeMap<(&str, &str), (u64, Vec<&str>)> = BTreeMap::new();
        for finding in &story.findings {
            let (calls, names) = lines.entry((finding.query, finding.verdict)).or_default();
            *calls += finding.calls;
            let name =
                finding.matching.iter().find(|(column, _)| *column == "event_name").map_or("", |(_, name)| name.as_str());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for ((query, verdict), (calls, names)) in lines {
            out.push_str(&format!("| `{query}` | {verdict} | {calls} | {} |\n", names.join(", ")));
        }
    }
    out
}

/// The anchor that renderers of Markdown give a heading.
fn anchor(title: &str) -> String {
    let kept: String =
        title.to_lowercase().chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-')).collect();
    kept.replace(' ', "-")
}
