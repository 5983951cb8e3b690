//! `palisade inventory diff`.

use std::io::Write;
use std::path::Path;

use crate::cli::inventory::DiffForm;
use crate::commands::Failure;
use crate::commands::output::{Terminal, printable, write_out};
use crate::inventory::Inventory;
use crate::inventory::diff::{Change, Difference, Differences, diff};
use crate::outcome::Outcome;

pub(super) fn compare(
    before: &Path,
    after: &Path,
    form: DiffForm,
    exit_code: bool,
    terminal: &Terminal,
) -> Result<Outcome, Failure> {
    let old = Inventory::load(before).map_err(Failure::usage)?;
    let new = Inventory::load(after).map_err(Failure::usage)?;
    if let (Some(old), Some(new)) = (&old.organization_id, &new.organization_id)
        && old != new
    {
        terminal.warning(&format!("the snapshots are of different organizations: {old} and {new}"));
    }
    let found = diff(&old, &new);
    match form {
        DiffForm::Text => write_out(|out| text(&found, out))?,
        DiffForm::Json => write_out(|out| {
            serde_json::to_writer_pretty(&mut *out, &found)?;
            writeln!(out)
        })?,
        DiffForm::Markdown => write_out(|out| markdown(&found, out))?,
    }
    for not_compared in &found.not_compared {
        terminal.warning(&format!("{} is not compared: {}", not_compared.resource_type, not_compared.why));
    }
    for (folder, inventory) in [(before, &old), (after, &new)] {
        for warning in &inventory.warnings {
            terminal.warning(&format!("{}: {warning}", folder.display()));
        }
    }
    Ok(if exit_code && !found.differences.is_empty() { Outcome::Findings } else { Outcome::Success })
}

/// A character that is seen at a glance.
fn sign(change: Change) -> char {
    match change {
        Change::Added | Change::Attached => '+',
        Change::Removed | Change::Detached => '-',
        Change::Appeared | Change::NotSeen => '?',
        Change::Changed | Change::Moved => '~',
    }
}

/// Documents are too long for a line.
fn is_long(difference: &Difference) -> bool {
    matches!(difference.field, Some("trust_policy" | "policy" | "content"))
}

/// What happened, without type and id.
fn what(difference: &Difference) -> String {
    let value = |value: &Option<String>| match value.as_deref() {
        None | Some("") => "nothing".to_owned(),
        Some(value) => value.to_owned(),
    };
    let (before, after) = (value(&difference.before), value(&difference.after));
    match difference.change {
        Change::Added => "added".to_owned(),
        Change::Removed => "removed".to_owned(),
        Change::Appeared => "appeared (the earlier snapshot is not whole: it may have existed before)".to_owned(),
        Change::NotSeen => "not seen (the later snapshot is not whole: it may still exist)".to_owned(),
        Change::Attached => format!("attached to {after}"),
        Change::Detached => format!("detached from {before}"),
        Change::Moved => format!("moved from {before} to {after}"),
        Change::Changed => {
            let field = difference.field.unwrap_or_default();
            if is_long(difference) { format!("{field} changed") } else { format!("{field} changed from {before} to {after}") }
        }
    }
}

fn text(found: &Differences, out: &mut dyn Write) -> std::io::Result<()> {
    if found.differences.is_empty() {
        return writeln!(out, "no differences");
    }
    let mut of_type = "";
    for difference in &found.differences {
        if of_type != difference.resource_type {
            of_type = &difference.resource_type;
            writeln!(out, "{}", printable(of_type))?;
        }
        let name = difference
            .name
            .as_ref()
            .filter(|name| **name != difference.id)
            .map(|name| format!(" ({name})"))
            .unwrap_or_default();
        let line = format!("  {} {}{name} {}", sign(difference.change), difference.id, what(difference));
        writeln!(out, "{}", printable(&line).replace('\n', " "))?;
    }
    Ok(())
}

/// Names are chosen by others: nothing of them is markup.
fn cell(text: &str) -> String {
    let mut escaped = String::new();
    for character in printable(text).replace('\n', " ").chars() {
        if matches!(character, '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '!' | '~' | '&' | '#') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn markdown(found: &Differences, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "# Inventory changes\n")?;
    if found.differences.is_empty() {
        writeln!(out, "No differences.")?;
    } else {
        writeln!(out, "| type | id | name | change |\n|---|---|---|---|")?;
        for difference in &found.differences {
            writeln!(
                out,
                "| {} | {} | {} | {} |",
                cell(&difference.resource_type),
                cell(&difference.id),
                cell(difference.name.as_deref().unwrap_or_default()),
                cell(&what(difference))
            )?;
        }
    }
    if !found.not_compared.is_empty() {
        writeln!(out, "\nNot compared:\n")?;
        for not_compared in &found.not_compared {
            writeln!(out, "- {}: {}", cell(&not_compared.resource_type), cell(&not_compared.why))?;
        }
    }
    Ok(())
}
