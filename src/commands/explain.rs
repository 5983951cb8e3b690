//! `palisade policy explain`: what a policy would say of recorded calls, as a tree.

use std::io::IsTerminal as _;
use std::sync::Arc;

use super::candidates::read_plan;
use super::output::{Terminal, counted, printable, write_out};
use super::run::{block_on, engine_resources};
use super::warnings::is_loss;
use super::whatif::note_doubts;
use super::{Failure, settings};
use crate::catalog::Statement;
use crate::cli::policy::ExplainArgs;
use crate::cli::run::SettingsArgs;
use crate::cli::whatif::Assumption;
use crate::cli::{Global, Listing};
use crate::engine::local::LocalEngine;
use crate::events::files::{Scope, discover};
use crate::events::schema::EVENTS;
use crate::inventory::Inventory;
use crate::outcome::Outcome;
use crate::replay::explain::{Explanation, as_text, explain as explain_call};
use crate::replay::outcome::Judge;
use crate::replay::{Assumptions, Call, Lineage, ServiceFacts, World};

pub fn explain(arguments: &ExplainArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let flags = SettingsArgs { inventory: arguments.candidates.inventory.clone(), ..SettingsArgs::default() }.flags(global);
    let settings = settings(&flags, global.config.as_deref())?;
    let inventory = match &settings.inventory {
        Some(folder) => Inventory::load(folder).map_err(Failure::usage)?,
        None => Inventory::empty(),
    };
    let plan = read_plan(&arguments.candidates, &inventory)?;
    note_doubts(&plan, Some(ServiceFacts::embedded()), terminal);
    let read = |locations: &[String]| -> Result<Vec<Call>, Failure> {
        if locations.is_empty() {
            return Ok(Vec::new());
        }
        let scope = Scope::default();
        let discovery = discover(locations, &scope).map_err(Failure::usage)?;
        let engine = LocalEngine::new(Arc::new(discovery.files), scope, engine_resources(&settings), Arc::default());
        let (_, batches) = block_on(engine.batches(&calls_statement()))?.map_err(Failure::unexpected)?;
        let mut calls = Vec::new();
        for batch in batches {
            calls.extend(Call::from_batch(&batch).map_err(Failure::unexpected)?);
        }
        // Threads read the files in any order.
        calls.sort_by(|a, b| (a.first_seen, &a.event_id).cmp(&(b.first_seen, &b.event_id)).then_with(|| a.cmp(b)));
        let skipped = engine.coverage().unwrap_or_default().finish((None, None)).skipped;
        for skipped in skipped.iter().filter(|skipped| skipped.reason != "duplicate") {
            let example = skipped.examples.first().map(|example| format!(", such as {example}")).unwrap_or_default();
            // What is kept, and what is no call at all, is not lost.
            let how = if is_loss(&skipped.reason) { " left out" } else { "" };
            terminal.warning(&format!("{}{how}: {}{example}", counted(skipped.count, &skipped.unit), skipped.reason));
        }
        Ok(calls)
    };
    let calls = read(&[arguments.event.display().to_string()])?;
    if calls.is_empty() {
        let message = format!(
            "{} holds no CloudTrail record; give a file with one record, or with a list of them under \"Records\"",
            arguments.event.display()
        );
        return Err(Failure::new(Outcome::NothingRead, message));
    }
    let around = read(&arguments.events)?;
    let lineage = Lineage::of(calls.iter().chain(&around));
    let mut world = World::new(ServiceFacts::embedded(), &inventory, &lineage);
    world.assumptions = Assumptions { secure_transport: arguments.assume.contains(&Assumption::SecureTransport) };
    let wanted: Vec<&Call> = calls
        .iter()
        .filter(|call| arguments.event_id.as_deref().is_none_or(|id| call.event_id.as_deref() == Some(id)))
        .collect();
    if wanted.is_empty() {
        let message = format!(
            "{} has no record with the eventID {}",
            arguments.event.display(),
            arguments.event_id.as_deref().unwrap_or_default()
        );
        return Err(Failure::new(Outcome::Usage, message));
    }
    let mut judge = Judge::new(&plan, &inventory);
    let mut explanations: Vec<Explanation> = Vec::new();
    for call in wanted {
        for (judged, scenario) in judge.judge(call, &world).iter().zip(&plan.scenarios) {
            explanations.push(explain_call(judged, call, scenario, &lineage, &inventory));
        }
    }
    // Lines are cut for people only: what goes on to a program stays as it is.
    let width = std::io::stdout().is_terminal().then(|| terminal.width());
    write_out(|out| {
        match arguments.format {
            Listing::Text => {
                for (number, explanation) in explanations.iter().enumerate() {
                    if number > 0 {
                        writeln!(out)?;
                    }
                    let text = printable(&as_text(explanation));
                    match width {
                        Some(width) => writeln!(out, "{}", wrapped(&text, width))?,
                        None => write!(out, "{text}")?,
                    }
                }
            }
            Listing::Json => {
                serde_json::to_writer_pretty(&mut *out, &explanations)?;
                writeln!(out)?;
            }
        }
        Ok(())
    })?;
    Ok(Outcome::Success)
}

/// The statement for all calls of the events, with the columns that the replay reads.
fn calls_statement() -> Statement {
    let columns: Vec<&str> = Call::COLUMNS.iter().map(|column| column.name()).collect();
    Statement {
        sql: format!("SELECT {} FROM {EVENTS}", columns.join(", ")),
        values: Vec::new(),
        parameters: Vec::new(),
        left_to_later_steps: Vec::new(),
    }
}

/// The tree with long lines wrapped between words; the branches go on beside what is wrapped.
fn wrapped(text: &str, width: usize) -> String {
    const BRANCHES: [char; 5] = ['│', '├', '└', '─', ' '];
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let words = line.trim_start_matches(BRANCHES);
        let branch = line.strip_suffix(words).unwrap_or_default();
        let beside: String = branch.chars().map(|letter| if matches!(letter, '│' | '├') { '│' } else { ' ' }).collect();
        let room = width.saturating_sub(branch.chars().count() + 2).max(20);
        let mut current = branch.to_owned();
        let mut length = 0;
        for word in words.split(' ') {
            let letters = word.chars().count();
            if length > 0 && length + 1 + letters > room {
                lines.push(std::mem::replace(&mut current, format!("{beside}  ")));
                length = 0;
            }
            if length > 0 {
                current.push(' ');
                length += 1;
            }
            current.push_str(word);
            length += letters;
        }
        lines.push(current);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_lines_are_wrapped_beside_their_branches() {
        let tree = "call\n├─ one two three four five six\n│  └─ seven eight nine ten eleven\n└─ twelve";
        assert_eq!(
            wrapped(tree, 25),
            "call\n├─ one two three four\n│    five six\n│  └─ seven eight nine ten\n│       eleven\n└─ twelve"
        );
        assert_eq!(wrapped(tree, 200), tree);
    }
}
