//! The short summary at the end of a run: what breaks, for whom, what could not be judged, and where the full reports are.
//!
//! It fits the width that it is given and reads the same without colour: every colour only repeats a word. What comes from the
//! logs is cleaned of control characters, so that a recorded name cannot steer the reader's terminal.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use anstyle::{AnsiColor, Style};

use super::amounts::{bytes_text, dollars};
use super::model::{Report, StatementSummary, Verdict, Warning};
use super::summary::{self, QueryTally, Ranked, Summary, Tally, is_crossing};

/// How many principals are named; the reports name more.
const PRINCIPALS: usize = 5;
/// How many ways to settle undetermined findings are named.
const SETTLED_BY: usize = 4;
/// Width of the numbers of a table.
const NUMBER: usize = 11;

const HEADING: Style = Style::new().bold();
const CROSSING: Style = AnsiColor::Red.on_default().bold();
const UNDETERMINED: Style = AnsiColor::Yellow.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const DIM: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Columns of the terminal. Less than 40 is taken as 40, more than 140 as 140.
    pub width: usize,
    pub color: bool,
}

/// Writes the summary; `reports` are the files that were written, in the order in which they are named.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write<P: AsRef<Path>>(report: &Report, reports: &[P], options: Options, out: &mut impl Write) -> io::Result<()> {
    let summary = summary::summarize(report);
    let mut page = Page { out, width: options.width.clamp(40, 140), color: options.color };
    page.headline(report, &summary)?;
    page.queries(&summary)?;
    page.principals(&summary.top_principals)?;
    page.settled_by(&summary)?;
    page.exceptions(report)?;
    page.notices(&summary.notices)?;
    page.facts(report, reports)
}

/// A path without the detours through `..`, for people. A link may lead elsewhere, so only real folders are left out.
pub fn short_path(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        let is_folder = || short.symlink_metadata().is_ok_and(|found| found.is_dir());
        if part == Component::ParentDir && matches!(short.components().next_back(), Some(Component::Normal(_))) && is_folder() {
            short.pop();
        } else {
            short.push(part);
        }
    }
    short
}

struct Page<'a, W: Write> {
    out: &'a mut W,
    width: usize,
    color: bool,
}

impl<W: Write> Page<'_, W> {
    fn headline(&mut self, report: &Report, summary: &Summary) -> io::Result<()> {
        let title = if report.manifest.title.is_empty() { "Data perimeter dry run" } else { &report.manifest.title };
        self.labelled("", PLAIN, title, HEADING)?;
        self.blank()?;
        for warning in &summary.blind {
            self.warning("BLIND SPOT", CROSSING, warning)?;
        }
        if !summary.blind.is_empty() {
            self.blank()?;
        }
        if summary.crossing.findings > 0 {
            self.count_line(summary.crossing, ["crosses the perimeter", "cross the perimeter"], CROSSING)?;
        } else if summary.blind.is_empty() && summary.undetermined.findings == 0 {
            self.labelled("", PLAIN, "Nothing crosses the perimeter in these logs.", GOOD)?;
        } else {
            let text = "Nothing was found to cross the perimeter, but not everything could be judged.";
            self.labelled("", PLAIN, text, HEADING)?;
        }
        if summary.undetermined.findings > 0 {
            self.count_line(summary.undetermined, ["could not be judged"; 2], UNDETERMINED)?;
        }
        for (verdict, what) in [
            (Verdict::ServiceOwned, ["reaches what AWS owns", "reach what AWS owns"]),
            (Verdict::Excepted, ["is covered by an exception", "are covered by exceptions"]),
        ] {
            if let Some(entry) = summary.verdicts.iter().find(|entry| entry.verdict == verdict) {
                self.count_line(entry.tally, what, PLAIN)?;
            }
        }
        self.blank()
    }

    /// `what` is the predicate for one finding and for several.
    fn count_line(&mut self, tally: Tally, what: [&str; 2], style: Style) -> io::Result<()> {
        let [one, several] = what;
        let subject = format!("{} {}", counted(tally.findings, "finding"), if tally.findings == 1 { one } else { several });
        let detail = format!(
            ": {} by {} in {}",
            counted(tally.calls, "call"),
            counted(tally.principals, "principal"),
            counted(tally.accounts, "account")
        );
        if length(&subject) + length(&detail) <= self.width {
            return self.line(&[(style, &subject), (PLAIN, &detail)]);
        }
        self.labelled("", PLAIN, &subject, style)?;
        self.labelled("  ", PLAIN, detail.trim_start_matches(": "), PLAIN)
    }

    /// A row for each query that found something; the others are only named.
    fn queries(&mut self, summary: &Summary) -> io::Result<()> {
        let (found, empty): (Vec<&QueryTally>, Vec<&QueryTally>) =
            summary.queries.iter().partition(|query| query.tally.findings > 0);
        if !found.is_empty() {
            let verdicts: Vec<Verdict> = summary.verdicts.iter().map(|entry| entry.verdict).collect();
            self.table(&found, &verdicts)?;
        }
        for query in summary.queries.iter().filter(|query| query.rows_left_out > 0) {
            let line = format!("{}: {} left out by the row limit", query.name, counted(query.rows_left_out, "row"));
            self.labelled("! ", UNDETERMINED, &line, PLAIN)?;
        }
        if found.len() > 1 {
            self.labelled("", PLAIN, "A call that two queries list counts in both.", DIM)?;
        }
        if !empty.is_empty() {
            let names: Vec<&str> = empty.iter().map(|query| query.name.as_str()).collect();
            self.labelled("Nothing found by ", DIM, &names.join(", "), DIM)?;
        }
        if !summary.queries.is_empty() {
            self.blank()?;
        }
        Ok(())
    }

    fn table(&mut self, queries: &[&QueryTally], verdicts: &[Verdict]) -> io::Result<()> {
        let longest = queries.iter().map(|query| length(&query.name)).max().unwrap_or(0).max("Queries".len());
        let layout = Layout::fit(verdicts, longest, self.width);
        if layout.columns.len() > 1 {
            let (findings, calls) = layout.columns.split_at(1);
            let start = layout.name_width + findings.iter().map(|column| column.width).sum::<usize>();
            let rule = calls_rule(calls.iter().map(|column| column.width).sum());
            self.line(&[(DIM, &format!("{:start$}{rule}", ""))])?;
        }
        let headers: String =
            layout.columns.iter().map(|column| format!("{:>width$}", column.title, width = column.width)).collect();
        self.line(&[(HEADING, &format!("{:width$}{headers}", "Queries", width = layout.name_width))])?;
        for query in queries {
            let name = clean(&query.name);
            let mut parts: Vec<(Style, String)> = Vec::new();
            if layout.beside {
                parts.push((PLAIN, format!("{name:width$}", width = layout.name_width)));
            } else {
                self.labelled("", PLAIN, &name, PLAIN)?;
                parts.push((PLAIN, " ".repeat(layout.name_width)));
            }
            for column in &layout.columns {
                let (style, value) = match column.count {
                    Count::Findings => (PLAIN, query.tally.findings),
                    Count::Calls(verdict) => (verdict_style(verdict), query.of(verdict).calls),
                    Count::OtherCalls(others) => (PLAIN, others.iter().map(|verdict| query.of(*verdict).calls).sum()),
                };
                // A dot stands for none, so that the other numbers stand out.
                let text = if value == 0 { "·".to_owned() } else { grouped(value) };
                parts.push((if value == 0 { DIM } else { style }, format!("{text:>width$}", width = column.width)));
            }
            let parts: Vec<(Style, &str)> = parts.iter().map(|(style, text)| (*style, text.as_str())).collect();
            self.line(&parts)?;
        }
        Ok(())
    }

    fn principals(&mut self, ranked: &[Ranked]) -> io::Result<()> {
        if ranked.is_empty() {
            return Ok(());
        }
        self.line(&[(HEADING, "Who crosses most")])?;
        for entry in ranked.iter().take(PRINCIPALS) {
            let calls = format!("{:>NUMBER$}  ", grouped(entry.calls));
            self.labelled(&calls, CROSSING, &entry.name, PLAIN)?;
        }
        self.blank()
    }

    fn settled_by(&mut self, summary: &Summary) -> io::Result<()> {
        if summary.settled_by.is_empty() {
            return Ok(());
        }
        self.labelled("", PLAIN, "What would settle the calls that could not be judged", HEADING)?;
        for group in summary.settled_by.iter().take(SETTLED_BY) {
            let calls = format!("{:>NUMBER$}  ", grouped(group.tally.calls));
            let text = group.settled_by.as_deref().unwrap_or("the findings do not say");
            self.labelled(&calls, UNDETERMINED, text, PLAIN)?;
        }
        if let Some(more) = summary.settled_by.len().checked_sub(SETTLED_BY).filter(|more| *more > 0) {
            self.labelled(&" ".repeat(NUMBER + 2), PLAIN, &format!("and {more} more in the reports"), DIM)?;
        }
        self.blank()
    }

    /// Only the exceptions that want somebody to act.
    fn exceptions(&mut self, report: &Report) -> io::Result<()> {
        let stale: Vec<_> = report.manifest.exceptions.iter().filter(|exception| exception.status != "applied").collect();
        for exception in &stale {
            let what = match exception.status.as_str() {
                "expired" => {
                    let day = exception.expires.as_deref().unwrap_or("an unknown day");
                    let uncovered = match exception.calls {
                        0 => "would have covered no call of this run".to_owned(),
                        calls => format!("no longer covers {}", counted(calls, "call")),
                    };
                    format!("{} expired on {day} and {uncovered}; owner {}", exception.id, exception.owner)
                }
                "never_matched" => format!("{} matched nothing; owner {}", exception.id, exception.owner),
                other => format!("{}: {}", exception.id, other.replace('_', " ")),
            };
            self.labelled("Exception ", UNDETERMINED, &what, PLAIN)?;
        }
        if stale.is_empty() { Ok(()) } else { self.blank() }
    }

    fn notices(&mut self, notices: &[Warning]) -> io::Result<()> {
        for warning in notices {
            self.warning("Note", UNDETERMINED, warning)?;
        }
        if notices.is_empty() { Ok(()) } else { self.blank() }
    }

    fn facts<P: AsRef<Path>>(&mut self, report: &Report, reports: &[P]) -> io::Result<()> {
        let coverage = &report.manifest.coverage;
        // A remote engine tells of no files.
        let (mut parts, without) = match coverage.files {
            0 => (vec![counted(coverage.records, "record")], "without a record"),
            files => (vec![format!("{} in {}", counted(coverage.records, "record"), counted(files, "file"))], "without a file"),
        };
        // Times are RFC 3339 in UTC, so their order is that of their text, and the day is their beginning.
        let first = coverage.streams.iter().filter_map(|stream| stream.first_event.as_deref()).min();
        let last = coverage.streams.iter().filter_map(|stream| stream.last_event.as_deref()).max();
        if let (Some(first), Some(last)) = (first, last) {
            parts.push(format!("{} to {}", first.get(..10).unwrap_or(first), last.get(..10).unwrap_or(last)));
        }
        parts.push(counted(report.manifest.accounts.len() as u64, "account"));
        for (count, what) in [(coverage.duplicates, "duplicate"), (coverage.replaced, "replaced record")] {
            if count > 0 {
                parts.push(counted(count, what));
            }
        }
        for unit in ["file", "record"] {
            let skipped: u64 =
                coverage.skipped.iter().filter(|skipped| skipped.unit == unit).map(|skipped| skipped.count).sum();
            if skipped > 0 {
                parts.push(format!("{} skipped", counted(skipped, unit)));
            }
        }
        let days: usize = coverage.days_without_file.iter().map(|missing| missing.days.len()).sum();
        if days > 0 {
            parts.push(format!("{} {without}", counted(days as u64, "account day")));
        }
        let last = parts.len().saturating_sub(1);
        for part in parts.iter_mut().take(last) {
            part.push_str(" ·");
        }
        let parts: Vec<String> = parts.iter().map(|part| clean(part)).collect();
        self.lines("Coverage  ", HEADING, parts.iter().map(String::as_str), PLAIN)?;
        self.cost(&report.manifest.statements)?;
        for (position, path) in reports.iter().enumerate() {
            let label = if position == 0 { "Reports   " } else { "          " };
            // A path is written whole, also where it is longer than the line: it is there to be copied.
            let path = clean(&short_path(path.as_ref()).display().to_string());
            self.line(&[(HEADING, label), (PLAIN, &path)])?;
        }
        Ok(())
    }

    /// What the statements cost that ran elsewhere.
    fn cost(&mut self, statements: &[StatementSummary]) -> io::Result<()> {
        if statements.is_empty() {
            return Ok(());
        }
        let bytes: u64 = statements.iter().map(|statement| statement.bytes).fold(0, u64::saturating_add);
        let price: u64 = statements.iter().map(|statement| statement.micro_dollars).fold(0, u64::saturating_add);
        let mut parts = vec![counted(statements.len() as u64, "statement"), format!("{} scanned", bytes_text(bytes))];
        if statements.iter().any(|statement| statement.engine == "athena") {
            parts.push(format!("{} US dollars", dollars(price)));
        }
        let failed = statements.iter().filter(|statement| statement.outcome != "succeeded").count();
        if failed > 0 {
            parts.push(format!("{failed} not finished"));
        }
        self.lines("Cost      ", HEADING, [parts.join(" · ").as_str()].into_iter(), PLAIN)
    }

    fn warning(&mut self, label: &str, style: Style, warning: &Warning) -> io::Result<()> {
        self.labelled(&format!("{label}  "), style, &warning.message, PLAIN)?;
        match &warning.help {
            Some(help) => self.labelled(&" ".repeat(label.len() + 2), PLAIN, help, DIM),
            None => Ok(()),
        }
    }

    /// A label, then text that is wrapped and indented by the length of the label.
    fn labelled(&mut self, label: &str, label_style: Style, text: &str, style: Style) -> io::Result<()> {
        self.lines(label, label_style, clean(text).split_whitespace(), style)
    }

    /// The same for pieces of text that are not broken unless they are longer than a line.
    fn lines<'t>(
        &mut self,
        label: &str,
        label_style: Style,
        pieces: impl Iterator<Item = &'t str>,
        style: Style,
    ) -> io::Result<()> {
        let indent = length(label);
        let indentation = " ".repeat(indent);
        for (position, line) in wrap(pieces, self.width.saturating_sub(indent)).iter().enumerate() {
            let start = if position == 0 { label } else { &indentation };
            self.line(&[(label_style, start), (style, line)])?;
        }
        Ok(())
    }

    fn line(&mut self, parts: &[(Style, &str)]) -> io::Result<()> {
        let last = parts.len().saturating_sub(1);
        for (position, (style, text)) in parts.iter().enumerate() {
            let text = if position == last { text.trim_end() } else { text };
            if self.color && *style != PLAIN && !text.trim().is_empty() {
                write!(self.out, "{style}{text}{style:#}")?;
            } else {
                write!(self.out, "{text}")?;
            }
        }
        writeln!(self.out)
    }

    fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }
}

/// What a column of the table of queries counts.
#[derive(Clone, Copy)]
enum Count<'a> {
    Findings,
    Calls(Verdict),
    OtherCalls(&'a [Verdict]),
}

struct TableColumn<'a> {
    title: &'static str,
    width: usize,
    count: Count<'a>,
}

struct Layout<'a> {
    name_width: usize,
    /// Does the name stand on the line of its numbers? Otherwise on a line of its own, so that it is never cut.
    beside: bool,
    columns: Vec<TableColumn<'a>>,
}

impl<'a> Layout<'a> {
    /// As many verdicts as there is room for beside the longest name, the ones that ask for attention first; the rest is counted
    /// together.
    fn fit(verdicts: &'a [Verdict], longest_name: usize, width: usize) -> Self {
        let least = verdicts.iter().filter(|verdict| is_crossing(**verdict) || **verdict == Verdict::Undetermined).count();
        let layouts = || (0..=verdicts.len()).rev().map(|own| Self::with(verdicts, own, longest_name));
        let total = |layout: &Self| layout.columns.iter().map(|column| column.width).sum::<usize>();
        let beside =
            layouts().filter(|layout| layout.columns.len() > least).find(|layout| layout.name_width + total(layout) <= width);
        beside.unwrap_or_else(|| {
            let narrow = layouts().find(|layout| "Queries".len() + 1 + total(layout) <= width);
            let mut layout = narrow.unwrap_or_else(|| Self::with(verdicts, 0, longest_name));
            layout.beside = false;
            layout.name_width = width.saturating_sub(total(&layout));
            layout
        })
    }

    /// The first `own` verdicts have their own columns.
    fn with(verdicts: &'a [Verdict], own: usize, longest_name: usize) -> Self {
        let column = |title: &'static str, count| TableColumn { title, width: (title.len() + 2).max(9), count };
        let (own, others) = verdicts.split_at_checked(own).unwrap_or((verdicts, &[]));
        let mut columns = vec![column("findings", Count::Findings)];
        columns.extend(own.iter().map(|verdict| column(short_title(*verdict), Count::Calls(*verdict))));
        if !others.is_empty() {
            columns.push(column("other", Count::OtherCalls(others)));
        }
        Self { name_width: longest_name + 1, beside: true, columns }
    }
}

/// The line above the headers that says what their numbers are.
fn calls_rule(width: usize) -> String {
    let word = " calls ";
    let left = width.saturating_sub(word.len() + 2) / 2;
    let right = width.saturating_sub(word.len() + 2 + left);
    format!("  {}{word}{}", "─".repeat(left), "─".repeat(right))
}

fn short_title(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Denied => "denied",
        Verdict::CrossesPerimeter => "crossing",
        Verdict::Undetermined => "undetermined",
        Verdict::ServiceOwned => "AWS-owned",
        Verdict::Excepted => "excepted",
        Verdict::Information => "listed",
        Verdict::NotDenied => "allowed",
        Verdict::NotApplicable => "exempt",
    }
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        verdict if is_crossing(verdict) => CROSSING,
        Verdict::Undetermined => UNDETERMINED,
        _ => PLAIN,
    }
}

/// `1 call`, `1,234 calls`.
fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Digits in groups of three.
fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Text without what could steer a terminal or turn the direction of reading; line breaks become spaces.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() => '\u{FFFD}',
            '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => '\u{FFFD}',
            c => c,
        })
        .collect()
}

/// Lines of at most `width` characters, broken between pieces; a piece that is longer is broken where the line ends.
fn wrap<'t>(pieces: impl Iterator<Item = &'t str>, width: usize) -> Vec<String> {
    let width = width.max(10);
    let mut lines = Vec::new();
    let mut line = String::new();
    for piece in pieces {
        let mut word: Vec<char> = piece.chars().collect();
        if !line.is_empty() && length(&line) + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}
