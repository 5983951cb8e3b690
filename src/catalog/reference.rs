//! The reference page of the named queries, generated from their front matter.

use std::fmt::Write;

use super::front_matter::{Over, PolicyType, QuerySpec, Scope};
use super::{Catalog, Origin};
use crate::inventory::relations::RELATIONS;

/// The page `docs/queries.md` for the queries of a catalog, in markdown. The same catalog gives the same text.
pub fn reference_markdown(catalog: &Catalog) -> String {
    let mut page = String::from(
        "# Named queries\n\n\
         Generated from the front matter of `queries/**/*.sql`; edit those files, not this page.\n\n\
         A finding has the columns of the statement, and those that the steps of the query add. A call that crosses a perimeter is \
         one that a policy of the kinds named here would deny.\n\n\
         | query | perimeter | policies | runs | answers |\n| --- | --- | --- | --- | --- |\n",
    );
    for query in catalog.iter().filter(|query| query.reported) {
        let policies: Vec<&str> = query.policy_types.iter().map(|policy| policy.as_str()).collect();
        let _ = writeln!(
            page,
            "| [{0}](#{0}) | {1} | {2} | {3} | {4} |",
            query.name,
            query.perimeter.as_str(),
            if policies.is_empty() { "none".to_owned() } else { policies.join(", ") },
            runs(query.scope),
            query.title.replace('|', "\\|"),
        );
    }
    for query in catalog.iter().filter(|query| query.reported) {
        section(&mut page, query);
    }
    page.push_str(
        "\n# Queries that others are joined with\n\nThey run where another query names them under `activity`, or alone by their own \
         name. Patterns and `all` leave them out.\n",
    );
    for query in catalog.iter().filter(|query| !query.reported) {
        section(&mut page, query);
    }
    relations(&mut page);
    page
}

/// What a query over the inventory may read.
fn relations(page: &mut String) {
    page.push_str(
        "\n# Relations of the inventory\n\nA query with `over: inventory` reads these, on the embedded engine: never on Athena or Trino. It \
         runs without events, may join, and may return columns of its own: they become the JSON object in `details`, and placeholders of \
         its finding template. `account_id` is required: what that account trusts decides. A column `row_id` tells rows apart that are \
         alike in all columns that findings have, and a column `summary` is left to the join with calls (`activity`). Unknown is null; \
         booleans are true or false; all else is text. [inventory.md](inventory.md) says which files fill them.\n",
    );
    for relation in RELATIONS {
        let _ = write!(page, "\n## {}\n\n{}\n\n| column | what it is |\n| --- | --- |\n", relation.name, relation.description);
        for column in relation.columns {
            let _ = writeln!(page, "| `{}` | {} |", column.name, column.description.replace('|', "\\|"));
        }
    }
}

fn runs(scope: Scope) -> &'static str {
    match scope {
        Scope::Account => "for each account",
        Scope::Organization => "once for the organization",
    }
}

// Writing to a String cannot fail.
fn section(page: &mut String, query: &QuerySpec) {
    let _ = write!(page, "\n## {}\n\n{}\n\n{}\n\n", query.name, query.title, query.description.trim());
    let policies: Vec<&str> = query.policy_types.iter().copied().map(PolicyType::title).collect();
    let facts = [
        ("Perimeter", query.perimeter.as_str().to_owned()),
        ("Enforced by", policies.join(", ")),
        ("Runs", runs(query.scope).to_owned()),
        ("Reads", if query.over == Over::Inventory { "the inventory".to_owned() } else { String::new() }),
        ("Joined with", code_list(&query.activity)),
        ("Inventory", code_list(&query.inventory)),
        ("Adds", code_list(&query.enrich)),
        ("Leaves out", code_list(&query.exclude)),
        ("Reason of a finding", format!("`{}`", query.finding)),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(page, "- {name}: {value}");
    }
    for (name, parameter) in &query.parameters {
        let from = parameter.from.as_deref().map_or_else(String::new, |from| format!(", from `{from}`"));
        let _ = writeln!(page, "- Parameter `{name}`: {}{from}", parameter.parameter_type.as_str());
    }
    if let Origin::File(path) = &query.origin {
        let _ = writeln!(page, "- File: {}", path.display());
    }
    if let Some(replaced) = &query.replaces {
        let _ = writeln!(page, "- Takes the place of: {replaced}");
    }
    let _ = write!(page, "\n```sql\n{}\n```\n", query.sql);
    if !query.references.is_empty() {
        page.push('\n');
    }
    for reference in &query.references {
        let _ = writeln!(page, "- <{reference}>");
    }
}

fn code_list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
