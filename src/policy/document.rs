//! A policy document as it is written, with the place of every element.
//!
//! The language: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>. Reading a document finds what
//! is wrong with its structure; what a policy of one type may contain is the matter of [`check`](super::check).

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::{Finding, Position, Severity, Source};
use super::json;
use super::read;

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub source: Arc<Source>,
    /// The whole document in the source.
    pub span: Range<usize>,
    pub version: Version,
    /// The `Version` element, if it is written.
    pub version_span: Option<Range<usize>>,
    pub id: Option<Text>,
    pub statements: Vec<Statement>,
}

/// The version of the policy language. Without a `Version` element it is 2008.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `${…}` is a literal text.
    V2008,
    /// `${…}` is a policy variable.
    V2012,
}

/// One text of the document and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    pub span: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    Allow,
    Deny,
}

impl Effect {
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        }
    }
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// From 0, in the order of the document.
    pub index: usize,
    pub sid: Option<Text>,
    pub effect: Effect,
    pub principal: Option<Principals>,
    pub action: Elements,
    /// Absent in role trust policies only.
    pub resource: Option<Elements>,
    pub conditions: Vec<Condition>,
    pub span: Range<usize>,
}

/// `Action`, `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elements {
    /// Is it the `Not…` form?
    pub negated: bool,
    pub items: Vec<Text>,
    /// The name of the element.
    pub key_span: Range<usize>,
}

/// `Principal` or `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principals {
    pub negated: bool,
    pub entries: Vec<PrincipalEntry>,
    pub key_span: Range<usize>,
}

/// One principal that is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalEntry {
    pub kind: PrincipalKind,
    pub text: Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// `"Principal": "*"`
    Everyone,
    Aws,
    Service,
    Federated,
    CanonicalUser,
}

/// One key under one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub operator: Text,
    pub key: Text,
    pub values: Vec<Text>,
}

/// What reading a text gave: the document, unless too little of it could be understood, and what was found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub document: Option<Document>,
    pub findings: Vec<Finding>,
}

/// A policy that cannot be used, with everything that is wrong in it. Displayed with the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPolicy {
    pub source: Arc<Source>,
    /// In the order of the source; never empty.
    pub findings: Vec<Finding>,
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n\n")?;
            }
            write!(formatter, "{}", finding.display(&self.source))?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidPolicy {}

impl Document {
    /// Reads a policy. Warnings do not make it invalid.
    pub fn parse(name: &str, text: &str) -> Result<Document, InvalidPolicy> {
        let source = Source::new(name, text);
        read_source(&source).into_result(&source)
    }

    /// Line and column of a byte of the source.
    pub fn position(&self, at: usize) -> Position {
        self.source.position(at)
    }
}

impl Reading {
    /// The document, if nothing in it is an error.
    pub fn into_result(self, source: &Arc<Source>) -> Result<Document, InvalidPolicy> {
        let mut findings = self.findings;
        findings.retain(|finding| finding.severity == Severity::Error);
        match self.document {
            Some(document) if findings.is_empty() => Ok(document),
            _ => Err(InvalidPolicy { source: Arc::clone(source), findings }),
        }
    }
}

/// Reads a policy and says everything that is wrong with its structure.
pub fn read_source(source: &Arc<Source>) -> Reading {
    match json::parse(source.text()) {
        Ok(node) => {
            let mut reading = read::document(&node, source);
            if source.text().starts_with('\u{feff}') {
                let finding = Finding::warning("byte-order-mark", 0..3, "the file starts with a byte order mark");
                reading.findings.push(finding.help("save it as UTF-8 without one: AWS may refuse the policy"));
            }
            reading
        }
        Err(error) => {
            let finding = Finding::error("invalid-json", error.at..error.at + 1, error.message);
            Reading { document: None, findings: vec![finding] }
        }
    }
}

impl Condition {
    /// From the first byte of the operator to the last of the values.
    pub fn span(&self) -> Range<usize> {
        let end = self.values.iter().map(|value| value.span.end).max().unwrap_or(self.key.span.end);
        self.key.span.start..end
    }
}
