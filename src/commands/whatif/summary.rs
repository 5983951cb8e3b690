//! The summary at the end of a replay: the answer in one sentence, what would break, for whom, what is open, what the logs cover.

use std::io::{self, Write};
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};

use super::coverage;
use crate::commands::output::printable;
use crate::report::amounts::{counted, grouped};
use crate::report::impact::{Impact, Loss};
use crate::report::model::{Manifest, Severity, Warning};
use crate::report::terminal::short_path;

/// Lines of each list; the reports have the rest.
const LISTED: usize = 5;
/// Operations that are named for one principal.
const OPERATIONS: usize = 4;
/// Resources, accounts or principals that are named for one fact that is missing.
const SUBJECTS: usize = 3;

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
    page.wrapped(HEADING, "", &manifest.title)?;
    page.blank()?;
    // What the block on coverage says in short is not said twice.
    let of_coverage = |warning: &&Warning| [coverage::NOT_COVERED, coverage::NEVER_RECORDED].contains(&warning.code.as_str());
    let blind = manifest.warnings.iter().filter(|warning| warning.severity == Severity::Blind);
    let blind: Vec<&Warning> = blind.filter(|warning| !of_coverage(warning)).collect();
    let whole = manifest.impacts.iter().find(|impact| impact.in_totals);
    if let Some(whole) = whole {
        page.headline(whole, !blind.is_empty())?;
    }
    for warning in blind {
        page.wrapped(OPEN, "BLIND SPOT  ", &warning.message)?;
    }
    if let Some(whole) = whole {
        page.impact(whole)?;
    }
    page.alone(&manifest.impacts)?;
    for impact in &manifest.impacts {
        page.refinement(impact, manifest.impacts.len() > 1)?;
    }
    page.coverage(manifest)?;
    page.blank()?;
    let notices = manifest.warnings.iter().filter(|warning| warning.severity == Severity::Notice);
    for warning in notices.filter(|warning| !of_coverage(warning)) {
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
    /// The answer in one sentence.
    fn headline(&mut self, whole: &Impact, is_blind: bool) -> io::Result<()> {
        let style = if whole.amount("newly_denied").calls > 0 {
            BAD
        } else if is_blind || whole.amount("may_be_newly_denied").calls > 0 || !whole.not_covered.is_empty() {
            OPEN
        } else {
            GOOD
        };
        self.wrapped(style, "", &format!("{}.", whole.headline(is_blind)))?;
        self.blank()
    }

    fn impact(&mut self, impact: &Impact) -> io::Result<()> {
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
            self.styled(style, &format!("{:<22}", tally.title), &rest)?;
        }
        self.list("Statements that break most", BAD, &impact.statements, "statement", |found| {
            (found.amount.calls, found.statement.clone())
        })?;
        self.losses("What you will lose", BAD, &impact.losses)?;
        self.losses("What would be newly allowed", OPEN, &impact.gains)?;
        self.list("What would settle the rest", OPEN, &impact.open_groups(), "group", |group| {
            let about = group.open.about.text(SUBJECTS).map(|about| format!("; missing for {about}")).unwrap_or_default();
            (group.open.amount.calls, format!("{}{about}", group.text()))
        })
    }

    fn losses(&mut self, heading: &str, style: Style, all: &[Loss]) -> io::Result<()> {
        let mut losses: Vec<&Loss> = all.iter().collect();
        losses.sort_by_key(|loss| (std::cmp::Reverse(loss.calls), &loss.principal));
        self.list(heading, style, &losses, "principal", |loss| {
            let (mut named, rest) = loss.first_operations(OPERATIONS);
            named.extend((rest > 0).then(|| format!("and {rest} more")));
            // The account stands in the name; the tables of the report show it beside every principal.
            let owner = if loss.owner.starts_with("owner ") { format!(" ({})", loss.owner) } else { String::new() };
            (loss.calls, format!("{}{owner}: {}", loss.principal, named.join(", ")))
        })
    }

    /// With several changes: each of them without the others.
    fn alone(&mut self, impacts: &[Impact]) -> io::Result<()> {
        if impacts.len() < 2 {
            return Ok(());
        }
        self.blank()?;
        self.styled(HEADING, "Each change alone", "")?;
        for impact in impacts.iter().filter(|impact| !impact.in_totals) {
            let denied = impact.amount("newly_denied").calls;
            let calls = format!("{:>9}  ", grouped(denied));
            let mut text = format!("newly denied by {}", impact.title);
            for (outcome, words) in [("may_be_newly_denied", "may be"), ("newly_allowed", "newly allowed")] {
                let calls = impact.amount(outcome).calls;
                if calls > 0 {
                    text.push_str(&format!("; {} {words}", grouped(calls)));
                }
            }
            self.wrapped(if denied > 0 { BAD } else { Style::new() }, &calls, &text)?;
        }
        Ok(())
    }

    fn refinement(&mut self, impact: &Impact, one_of_several: bool) -> io::Result<()> {
        let Some(refinement) = &impact.refinement else { return Ok(()) };
        self.blank()?;
        let of = if one_of_several { format!(": {}", impact.title) } else { String::new() };
        self.styled(HEADING, &format!("A refinement that was replayed{of}"), "")?;
        for line in &refinement.lines {
            self.wrapped(GOOD, "  ", line)?;
        }
        for problem in &refinement.problems {
            self.wrapped(BAD, "  Beware: ", problem)?;
        }
        Ok(())
    }

    fn coverage(&mut self, manifest: &Manifest) -> io::Result<()> {
        self.blank()?;
        self.styled(HEADING, "What these logs cover", "")?;
        for line in &manifest.coverage_lines {
            let style = if line.topic.starts_with("Not ") { OPEN } else { Style::new() };
            self.wrapped(style, &format!("  {:<14}", line.topic), &line.text)?;
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

    /// A label, then words that are wrapped and indented by its length. Without a label the words have the style.
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
            if label.is_empty() {
                self.styled(style, line, "")?;
            } else if number == 0 {
                self.styled(style, label, line)?;
            } else {
                self.styled(Style::new(), &" ".repeat(indent), line)?;
            }
        }
        Ok(())
    }
}
