//! The mistakes of one configuration file, collected: a user who has made five sees five, each with its place.

use std::fmt;

/// A place in a file: line and column count from 1, columns and length in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub line: usize,
    pub column: usize,
    pub length: usize,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub at: At,
    /// Lower case, no final period: the value, and what was expected.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Collects the mistakes of one file while it is read.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    pub fn report(&mut self, at: At, message: impl Into<String>) {
        self.found.push(Problem { at, message: printable(&message.into()), help: None });
    }

    pub fn report_with_help(&mut self, at: At, message: impl Into<String>, help: impl Into<String>) {
        self.found.push(Problem { at, message: printable(&message.into()), help: Some(printable(&help.into())) });
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `Ok` when there is no mistake; otherwise all of them, in the order of the file. `name` and `text` are those of the file.
    pub fn into_result(mut self, name: &str, text: &str) -> Result<(), InvalidFile> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by_key(|problem| problem.at);
        self.found.dedup();
        let lines: Vec<&str> = text.lines().collect();
        let sources = self
            .found
            .iter()
            .map(|problem| lines.get(problem.at.line.saturating_sub(1)).map(|line| printable(line)).unwrap_or_default())
            .collect();
        Err(InvalidFile { name: name.to_owned(), problems: self.found, sources })
    }
}

/// A file that cannot be used, with every mistake found in it. Displayed with the line and a caret below each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFile {
    name: String,
    problems: Vec<Problem>,
    /// The line of each problem, made printable.
    sources: Vec<String>,
}

impl InvalidFile {
    /// The file, as the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// In the order of the file; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for InvalidFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (problem, source)) in self.problems.iter().zip(&self.sources).enumerate() {
            if index > 0 {
                writeln!(formatter)?;
                writeln!(formatter)?;
            }
            let At { line, column, length } = problem.at;
            let margin = line.to_string().len();
            writeln!(formatter, "{}:{line}:{column}: {}", self.name, problem.message)?;
            let (source, shift) = window(source, column);
            let column = column.saturating_sub(shift);
            let left = source.chars().count().saturating_sub(column.saturating_sub(1));
            let carets = "^".repeat(length.min(left).max(1));
            writeln!(formatter, "{:margin$} |", "")?;
            writeln!(formatter, "{line} | {source}")?;
            write!(formatter, "{:margin$} | {:indent$}{carets}", "", "", indent = column.saturating_sub(1))?;
            if let Some(help) = &problem.help {
                writeln!(formatter)?;
                write!(formatter, "{:margin$} = help: {help}", "")?;
            }
        }
        if self.problems.len() > 1 {
            writeln!(formatter)?;
            writeln!(formatter)?;
            write!(formatter, "{}: {} mistakes", self.name, self.problems.len())?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidFile {}

/// Tabs and control characters, one space each: carets stay below what they point at, and a file cannot drive the terminal.
pub fn printable(line: &str) -> String {
    line.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// The part of a long line around `column`, and the number of characters left out before it.
fn window(line: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 160;
    if line.chars().count() <= WIDTH {
        return (line.to_owned(), 0);
    }
    let start = column.saturating_sub(40);
    (line.chars().skip(start).take(WIDTH).collect(), start)
}
