//! The summary at the end of a replay: what would break, for whom, what is open.

use std::io::{self, Write};
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};

use super::Replayed;
use super::describe::{breaking_statements, counted, losses, refinement_lines, settled_by, tallies};
use crate::commands::output::printable;
use crate::inventory::Inventory;
use crate::replay::candidate::Plan;
use crate::replay::outcome::Outcome;
use crate::report::model::Severity;

/// Lines of each list; the reports have the rest.
const LISTED: usize = 5;

const HEADING: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();

/// Writes the summary.
///
/// # Errors
/// When `out` cannot be written to.
pub(super) fn write(
    plan: &Plan,
    replayed: &Replayed,
    reports: &[PathBuf],
    color: bool,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page { out, color, width: width.clamp(40, 140) };
    let manifest = &replayed.report.manifest;
    page.styled(HEADING, &manifest.title, "")?;
    page.blank()?;
    for warning in manifest.warnings.iter().filter(|warning| warning.severity == Severity::Blind) {
        page.wrapped(OPEN, "BLIND SPOT  ", &warning.message)?;
    }
    for (number, (scenario, swept)) in plan.scenarios.iter().zip(&replayed.swept).enumerate() {
        if plan.scenarios.len() > 1 {
            page.blank()?;
            page.styled(HEADING, &scenario.title, "")?;
        }
        let tallies = tallies(swept);
        if !tallies.contains_key(&Outcome::NewlyDenied) {
            let (style, text) = if tallies.contains_key(&Outcome::MayBeNewlyDenied) {
                (HEADING, "No recorded call would certainly be denied, but not every call could be judged.")
            } else {
                (GOOD, "No recorded call would be newly denied.")
            };
            page.styled(style, text, "")?;
        }
        for (outcome, tally) in &tallies {
            let style = match outcome {
                Outcome::NewlyDenied => BAD,
                Outcome::MayBeNewlyDenied | Outcome::MayBeNewlyAllowed => OPEN,
                _ => Style::new(),
            };
            let rest = format!(
                "  {} by {} in {}",
                counted(tally.calls, "call"),
                counted(tally.principals.len() as u64, "principal"),
                counted(tally.accounts.len() as u64, "account")
            );
            page.styled(style, &format!("{:<24}", outcome.title()), &rest)?;
        }
        let statements = breaking_statements(swept);
        if !statements.is_empty() {
            page.blank()?;
            page.styled(HEADING, "Statements that break most", "")?;
            for (statement, calls) in statements.iter().take(LISTED) {
                page.wrapped(BAD, &format!("{calls:>9}  "), statement)?;
            }
        }
        let losses = losses(swept, &Inventory::empty());
        if !losses.is_empty() {
            page.blank()?;
            page.styled(HEADING, "What you will lose", "")?;
            let mut losses: Vec<_> = losses.iter().collect();
            losses.sort_by_key(|loss| (std::cmp::Reverse(loss.calls), loss.principal.clone()));
            for loss in losses.iter().take(LISTED) {
                let what = loss.what().replace('`', "");
                page.wrapped(BAD, &format!("{:>9}  ", loss.calls), &format!("{}: {what}", loss.principal))?;
            }
            if losses.len() > LISTED {
                page.wrapped(
                    Style::new(),
                    "           ",
                    &format!("and {} more principals in the reports", losses.len() - LISTED),
                )?;
            }
        }
        let open = settled_by(swept);
        if !open.is_empty() {
            page.blank()?;
            page.styled(HEADING, "What would settle the rest", "")?;
            for (text, calls) in open.iter().take(LISTED) {
                page.wrapped(OPEN, &format!("{calls:>9}  "), text)?;
            }
            if open.len() > LISTED {
                page.wrapped(Style::new(), "           ", &format!("and {} more groups in the reports", open.len() - LISTED))?;
            }
        }
        if let Some(refinement) = replayed.refinements.get(&number) {
            page.blank()?;
            page.styled(HEADING, "A refinement that was replayed", "")?;
            for line in refinement_lines(refinement) {
                page.wrapped(GOOD, "  ", &line)?;
            }
        }
    }
    page.blank()?;
    for warning in manifest.warnings.iter().filter(|warning| warning.severity == Severity::Notice) {
        page.wrapped(OPEN, "Note  ", &warning.message)?;
    }
    for (number, path) in reports.iter().enumerate() {
        let label = if number == 0 { "Reports   " } else { "          " };
        page.styled(HEADING, label, &path.display().to_string())?;
    }
    Ok(())
}

struct Page<'a> {
    out: &'a mut dyn Write,
    color: bool,
    width: usize,
}

impl Page<'_> {
    fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    fn styled(&mut self, style: Style, text: &str, rest: &str) -> io::Result<()> {
        let (text, rest) = (printable(text).replace('\n', " "), printable(rest).replace('\n', " "));
        if self.color && !text.trim().is_empty() {
            writeln!(self.out, "{style}{text}{style:#}{rest}")
        } else {
            writeln!(self.out, "{}", format!("{text}{rest}").trim_end())
        }
    }

    /// A label, then words that are wrapped and indented by its length.
    fn wrapped(&mut self, style: Style, label: &str, text: &str) -> io::Result<()> {
        let indent = label.chars().count();
        let room = self.width.saturating_sub(indent).max(20);
        let mut lines: Vec<String> = vec![String::new()];
        for word in printable(text).split_whitespace() {
            let full =
                lines.last().is_some_and(|line| !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room);
            if full {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        for (number, line) in lines.iter().enumerate() {
            if number == 0 {
                self.styled(style, label, line)?;
            } else {
                self.styled(Style::new(), &" ".repeat(indent), line)?;
            }
        }
        Ok(())
    }
}
