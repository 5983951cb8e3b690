//! What is wrong or doubtful in a policy, shown like a compiler shows it: file, line, column, the line with a mark, help.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};

/// The text of a file with its line starts, to turn a byte offset into line and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

/// A place in a source. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Source> {
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Source { name: name.into(), text, line_starts })
    }

    /// The file, as the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset; an offset behind the end is the end.
    pub fn position(&self, at: usize) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= at).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..at.min(self.text.len())).unwrap_or_default();
        Position { line, column: before.trim_start_matches('\u{feff}').chars().count() + 1 }
    }

    fn line(&self, line: usize) -> &str {
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r']).trim_start_matches('\u{feff}')
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// AWS refuses the policy, or it cannot be read.
    Error,
    /// AWS takes the policy, but it probably does not do what it says.
    Warning,
    /// The policy does what it says; something about it is worth knowing.
    Note,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// One finding in a policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// A stable name in kebab-case.
    pub code: &'static str,
    /// Lower case, no final period.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Bytes of the source that it is about.
    pub span: Range<usize>,
    /// The statement that it is in: its index from 0, and its `Sid`.
    pub statement: Option<(usize, Option<String>)>,
}

impl Finding {
    pub fn error(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Finding { severity: Severity::Error, code, message: message.into(), help: None, span, statement: None }
    }

    pub fn warning(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Finding { severity: Severity::Warning, ..Finding::error(code, span, message) }
    }

    pub fn note(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Finding { severity: Severity::Note, ..Finding::error(code, span, message) }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn in_statement(mut self, index: usize, sid: Option<&str>) -> Self {
        self.statement = Some((index, sid.map(str::to_owned)));
        self
    }

    /// The finding with the line of its source, for people.
    pub fn display<'a>(&'a self, source: &'a Source) -> Shown<'a> {
        Shown { finding: self, source, page: None, colored: false, width: usize::MAX }
    }
}

/// A finding as it is shown.
pub struct Shown<'a> {
    finding: &'a Finding,
    source: &'a Source,
    page: Option<&'a str>,
    colored: bool,
    width: usize,
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();
const PLACE: Style = Style::new().bold();
const MARGIN: Style = AnsiColor::BrightBlack.on_default();
const HELP: Style = AnsiColor::Green.on_default();

impl<'a> Shown<'a> {
    /// In the colours of a terminal.
    #[must_use]
    pub fn colored(self, colored: bool) -> Self {
        Shown { colored, ..self }
    }

    /// With help that is broken into lines of this width.
    #[must_use]
    pub fn width(self, width: usize) -> Self {
        Shown { width, ..self }
    }

    /// With the page that says so.
    #[must_use]
    pub fn page(self, page: Option<&'a str>) -> Self {
        Shown { page, ..self }
    }

    fn styled(&self, style: Style, text: impl fmt::Display) -> String {
        if self.colored { format!("{style}{text}{style:#}") } else { text.to_string() }
    }

    fn style(&self) -> Style {
        match self.finding.severity {
            Severity::Error => ERROR,
            Severity::Warning => WARNING,
            Severity::Note => NOTE,
        }
    }

    fn headline(&self, formatter: &mut fmt::Formatter<'_>, at: Position) -> fmt::Result {
        let Shown { finding, source, .. } = self;
        let place = format!("{}:{}:{}:", source.name(), at.line, at.column);
        let label = format!("{}[{}]", finding.severity.as_str(), finding.code);
        write!(formatter, "{} {}: ", self.styled(PLACE, place), self.styled(self.style(), label))?;
        if let Some((index, sid)) = &finding.statement {
            write!(formatter, "{}: ", statement_name(*index, sid.as_deref()))?;
        }
        writeln!(formatter, "{}", self.styled(PLACE, printable(&finding.message)))
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown { finding, source, .. } = self;
        let at = source.position(finding.span.start);
        let Position { line, column } = at;
        self.headline(formatter, at)?;
        let end = source.position(finding.span.end);
        let length = if end.line == line { end.column.saturating_sub(column).max(1) } else { 1 };
        let margin = line.to_string().len();
        let room = self.width.saturating_sub(margin + 3).clamp(40, 160);
        let (shown, shift) = window(source.line(line), column, room);
        let column = column.saturating_sub(shift);
        let carets = "^".repeat(length.min(shown.chars().count().saturating_sub(column.saturating_sub(1)).max(1)));
        let rule = self.styled(MARGIN, format!("{:margin$} |", ""));
        writeln!(formatter, "{rule}")?;
        writeln!(formatter, "{} {shown}", self.styled(MARGIN, format!("{line} |")))?;
        write!(formatter, "{rule} {:indent$}{}", "", self.styled(self.style(), carets), indent = column.saturating_sub(1))?;
        let equals = self.styled(MARGIN, "=");
        if let Some(help) = &finding.help {
            let indent = margin + " = help: ".len();
            let lines = wrapped(&printable(help), self.width.saturating_sub(indent).max(40));
            let help = lines.join(&format!("\n{:indent$}", ""));
            write!(formatter, "\n{:margin$} {equals} {} {help}", "", self.styled(HELP, "help:"))?;
        }
        if let Some(page) = self.page {
            write!(formatter, "\n{:margin$} {equals} {} {page}", "", self.styled(HELP, "see:"))?;
        }
        Ok(())
    }
}

/// `statement 3 (Sid "Deny")`: people count from 1.
pub fn statement_name(index: usize, sid: Option<&str>) -> String {
    match sid {
        Some(sid) => format!("statement {} (Sid \"{}\")", index + 1, printable(sid)),
        None => format!("statement {}", index + 1),
    }
}

/// Control characters become blanks: a file cannot drive the terminal, and marks stay below what they point at.
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Lines of at most so many characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The part of a long line around `column`, and the number of characters left out before it. What is left out is marked.
fn window(line: &str, column: usize, width: usize) -> (String, usize) {
    let line = printable(line);
    let length = line.chars().count();
    if length <= width {
        return (line, 0);
    }
    let start = if column <= width * 2 / 3 { 0 } else { column.saturating_sub(width / 3) };
    let mut shown: Vec<char> = line.chars().skip(start).take(width).collect();
    if start > 0
        && let Some(first) = shown.first_mut()
    {
        *first = '…';
    }
    if length > start + width
        && let Some(last) = shown.last_mut()
    {
        *last = '…';
    }
    (shown.into_iter().collect(), start)
}
