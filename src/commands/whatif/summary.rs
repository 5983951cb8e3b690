//! The summary at the end of a replay: what would break, for whom, what is open.

use std::io::{self, Write};
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};

use super::describe::{counted, grouped, open_words};
use crate::commands::output::printable;
use crate::report::impact::{Impact, Loss};
use crate::report::model::{Manifest, Severity};
use crate::report::terminal::short_path;

/// Lines of each list; the reports have the rest.
const LISTED: usize = 5;
/// Operations that are named for one principal.
const OPERATIONS: usize = 4;

const HEADING: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();

/// Writes the summary.
///
/// # Errors
/// When `out` cannot be written to.
pub(super) fn write(
    manifest: &Manifest,
    reports: &[PathBuf],
    color: bool,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page { out, color, width: width.clamp(40, 140) };
    page.styled(HEADING, &manifest.title, "")?;
    page.blank()?;
    for warning in manifest.warnings.iter().filter(|warning| warning.severity == Severity::Blind) {
        page.wrapped(OPEN, "BLIND SPOT  ", &warning.message)?;
    }
    for impact in &manifest.impacts {
        page.impact(impact, manifest.impacts.len() > 1)?;
    }
    page.blank()?;
    for warning in manifest.warnings.iter().filter(|warning| warning.severity == Severity::Notice) {
        page.wrapped(OPEN, "Note  ", &warning.message)?;
    }
    for (number, path) in reports.iter().enumerate() {
        let label = if number == 0 { "Reports   " } else { "          " };
        page.styled(HEADING, label, &short_path(path).display().to_string())?;
    }
    Ok(())
}

struct Page<'a> {
    out: &'a mut dyn Write,
    color: bool,
    width: usize,
}

impl Page<'_> {
    fn impact(&mut self, impact: &Impact, one_of_several: bool) -> io::Result<()> {
        if one_of_several {
            self.blank()?;
            self.styled(HEADING, &impact.title, "")?;
        }
        if impact.amount("newly_denied").calls == 0 {
            let (style, text) = if impact.amount("may_be_newly_denied").calls > 0 {
                (HEADING, "No recorded call would certainly be denied, but not every call could be judged.")
            } else {
                (GOOD, "No recorded call would be newly denied.")
            };
            self.styled(style, text, "")?;
        }
        for tally in &impact.outcomes {
            let style = match tally.outcome.as_str() {
                "newly_denied" => BAD,
                "may_be_newly_denied" | "may_be_newly_allowed" => OPEN,
                _ => Style::new(),
            };
            let rest = format!(
                "{:>9}  by {} in {}",
                grouped(tally.amount.calls),
                counted(tally.amount.principals, "principal"),
                counted(tally.amount.accounts, "account")
            );
            self.styled(style, &format!("{:<25}", tally.title), &rest)?;
        }
        self.list("Statements that break most", BAD, &impact.statements, "statement", |found| {
            (found.amount.calls, found.statement.clone())
        })?;
        let mut losses: Vec<&Loss> = impact.losses.iter().collect();
        losses.sort_by_key(|loss| (std::cmp::Reverse(loss.calls), &loss.principal));
        self.list("What you will lose", BAD, &losses, "principal", |loss| {
            let (mut named, rest) = loss.first_operations(OPERATIONS);
            named.extend((rest > 0).then(|| format!("and {rest} more")));
            // The account stands in the name; the tables of the report show it beside every principal.
            let owner = if loss.owner.starts_with("owner ") { format!(" ({})", loss.owner) } else { String::new() };
            (loss.calls, format!("{}{owner}: {}", loss.principal, named.join(", ")))
        })?;
        self.list("What would settle the rest", OPEN, &impact.open, "group", |open| (open.amount.calls, open_words(open)))?;
        if let Some(refinement) = &impact.refinement {
            self.blank()?;
            self.styled(HEADING, "A refinement that was replayed", "")?;
            for line in &refinement.lines {
                self.wrapped(GOOD, "  ", line)?;
            }
            for problem in &refinement.problems {
                self.wrapped(BAD, "  Beware: ", problem)?;
            }
        }
        Ok(())
    }

    /// The first of a list with their calls, under a heading; nothing for an empty list.
    fn list<T>(
        &mut self,
        heading: &str,
        style: Style,
        all: &[T],
        noun: &str,
        words: impl Fn(&T) -> (u64, String),
    ) -> io::Result<()> {
        if all.is_empty() {
            return Ok(());
        }
        self.blank()?;
        self.styled(HEADING, heading, "")?;
        for (calls, text) in all.iter().take(LISTED).map(words) {
            self.wrapped(style, &format!("{:>9}  ", grouped(calls)), &text)?;
        }
        if all.len() > LISTED {
            let rest = counted((all.len() - LISTED) as u64, &format!("more {noun}"));
            self.wrapped(Style::new(), "           ", &format!("and {rest} in the reports"))?;
        }
        Ok(())
    }

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
