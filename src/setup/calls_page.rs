//! The page `docs/aws-calls.md`: every call to AWS, why, and the permissions that it needs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::aws::Call;

/// The page, from the rows of the registry.
pub fn markdown<'a>(calls: impl Iterator<Item = &'a Call>) -> String {
    let mut by_service: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        by_service.entry(call.service).or_default().push(call);
    }
    let mut page = String::from(
        "<!-- Generated from src/aws/calls: run the tests with PALISADE_UPDATE_DOCS=1 set. -->\n\n\
         # Calls to AWS\n\n\
         Every call that Palisade makes, what it is for, and the permissions that it needs. Without Athena, S3 or an inventory from AWS in \
         its settings the program makes none. `palisade setup permissions` prints policies with exactly these permissions, for your own \
         resources.\n\n\
         Each call is made with the credentials of one purpose: a key of the section `aws` of the settings, where it may have a profile \
         and roles of its own.\n",
    );
    for (service, mut rows) in by_service {
        rows.sort_by_key(|call| (call.operation, call.why));
        let _ =
            write!(page, "\n## {service}\n\n| call | why | permissions | credentials | commands |\n|---|---|---|---|---|\n");
        for call in rows {
            let _ = writeln!(
                page,
                "| `{}`{} | {} | {} | `{}` | {} |",
                call.operation,
                if call.writes { " (changes something)" } else { "" },
                call.why,
                permissions(call),
                call.purpose.key(),
                call.commands.iter().map(|command| format!("`{command}`")).collect::<Vec<_>>().join(", ")
            );
        }
    }
    page
}

fn permissions(call: &Call) -> String {
    if call.permissions.is_empty() {
        return "none".to_owned();
    }
    let mut actions: BTreeMap<(&str, Option<&str>), Vec<&str>> = BTreeMap::new();
    for permission in call.permissions {
        actions.entry((permission.action, permission.only)).or_default().push(permission.resource);
    }
    let texts: Vec<String> = actions
        .into_iter()
        .map(|((action, only), resources)| {
            let on: Vec<String> = resources.iter().map(|resource| format!("`{resource}`")).collect();
            let only = only.map(|only| format!(", {only}")).unwrap_or_default();
            format!("`{action}` on {}{only}", on.join(", "))
        })
        .collect();
    texts.join("<br>")
}
