//! From positioned JSON to a policy document: structure and types of the elements.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::diagnostic::{Finding, Source};
use super::document::{
    Condition, Document, Effect, Elements, PrincipalEntry, PrincipalKind, Principals, Reading, Statement, Text, Version,
};
use super::json::{Member, Node};
use super::suggest::did_you_mean;

const DOCUMENT_ELEMENTS: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT_ELEMENTS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// Reads a document from a JSON value, which may be a part of a larger file.
pub fn document(node: &Node, source: &Arc<Source>) -> Reading {
    let mut reader = Reader { findings: Vec::new(), statement: None };
    let document = reader.document(node, source);
    reader.findings.sort_by(|a, b| (a.span.start, a.code).cmp(&(b.span.start, b.code)));
    Reading { document, findings: reader.findings }
}

struct Reader {
    findings: Vec<Finding>,
    statement: Option<(usize, Option<String>)>,
}

impl Reader {
    fn report(&mut self, mut finding: Finding) {
        finding.statement.clone_from(&self.statement);
        self.findings.push(finding);
    }

    fn wrong_type(&mut self, node: &Node, what: &str, expected: &str) {
        let message = format!("{what} must be {expected}, found {}", node.kind());
        self.report(Finding::error("wrong-type", node.span.clone(), message));
    }

    /// Reports members that occur twice or that the language does not know.
    fn names(&mut self, members: &[Member], known: &[&str], place: &str) {
        let mut seen = BTreeMap::new();
        for member in members {
            if seen.insert(member.key.as_str(), ()).is_some() {
                let message = format!("`{}` occurs twice in {place}; AWS takes only one", member.key);
                let finding = Finding::error("duplicate-element", member.key_span.clone(), message);
                self.report(finding.help("put the values into one list, or write a second statement"));
            }
            if !known.contains(&member.key.as_str()) {
                let message = format!("`{}` is no element of {place}", member.key);
                let finding = Finding::error("unknown-element", member.key_span.clone(), message);
                self.report(finding.help(did_you_mean(&member.key, known)));
            }
        }
    }

    fn document(&mut self, node: &Node, source: &Arc<Source>) -> Option<Document> {
        let Some(members) = node.members() else {
            self.wrong_type(node, "a policy", "an object");
            return None;
        };
        if let Some(help) = wrapped(node) {
            let message = "this is no policy document, but what holds one";
            self.report(Finding::error("wrong-type", node.span.start..node.span.start + 1, message).help(help));
            return None;
        }
        self.names(members, &DOCUMENT_ELEMENTS, "a policy");
        let mut document = Document {
            source: Arc::clone(source),
            span: node.span.clone(),
            version: Version::V2008,
            version_span: None,
            id: None,
            statements: Vec::new(),
        };
        for member in members {
            match member.key.as_str() {
                "Version" => {
                    document.version_span = Some(member.value.span.clone());
                    match member.value.as_str() {
                        Some("2012-10-17") => document.version = Version::V2012,
                        Some("2008-10-17") => {}
                        _ => {
                            let message = "the version must be \"2012-10-17\" or \"2008-10-17\"";
                            let finding = Finding::error("invalid-version", member.value.span.clone(), message);
                            self.report(finding.help("it names the policy language, not the date of the policy"));
                        }
                    }
                }
                "Id" => document.id = self.text(&member.value, "`Id`"),
                "Statement" => {
                    for (index, statement) in member.value.one_or_many().iter().enumerate() {
                        let sid = statement.get("Sid").and_then(Node::as_str).map(str::to_owned);
                        self.statement = Some((index, sid));
                        let read = self.statement(index, statement);
                        document.statements.extend(read);
                    }
                    self.statement = None;
                    if member.value.one_or_many().is_empty() {
                        let message = "the policy has no statement";
                        self.report(Finding::error("missing-element", member.value.span.clone(), message));
                    }
                }
                _ => {}
            }
        }
        if node.get("Statement").is_none() {
            let message = "the policy has no `Statement`";
            self.report(Finding::error("missing-element", node.span.start..node.span.start + 1, message));
        }
        Some(document)
    }

    fn statement(&mut self, index: usize, node: &Node) -> Option<Statement> {
        let Some(members) = node.members() else {
            self.wrong_type(node, "a statement", "an object");
            return None;
        };
        self.names(members, &STATEMENT_ELEMENTS, "a statement");
        let first = |name: &str| {
            let mut keys = members.iter().map(|member| member.key.as_str());
            keys.find(|key| *key == name || key.strip_prefix("Not") == Some(name))
        };
        let mut sid = None;
        let mut effect = None;
        let mut principal = None;
        let mut action = None;
        let mut resource = None;
        let mut conditions = Vec::new();
        for member in members {
            match member.key.as_str() {
                "Sid" => sid = self.text(&member.value, "`Sid`"),
                "Effect" => effect = self.effect(&member.value),
                "Principal" | "NotPrincipal" => {
                    let read = self.principals(member);
                    self.only_one(&mut principal, read, member, first("Principal"), "Principal");
                }
                "Action" | "NotAction" => {
                    let read = self.elements(member);
                    self.only_one(&mut action, Some(read), member, first("Action"), "Action");
                }
                "Resource" | "NotResource" => {
                    let read = self.elements(member);
                    self.only_one(&mut resource, Some(read), member, first("Resource"), "Resource");
                }
                "Condition" => conditions = self.conditions(&member.value),
                _ => {}
            }
        }
        let start = node.span.start..node.span.start + 1;
        if node.get("Effect").is_none() {
            let finding = Finding::error("missing-element", start.clone(), "the statement has no `Effect`");
            self.report(finding.help("`Effect` is \"Allow\" or \"Deny\""));
        }
        if action.is_none() && !members.iter().any(|member| matches!(member.key.as_str(), "Action" | "NotAction")) {
            let message = "the statement has neither `Action` nor `NotAction`";
            self.report(Finding::error("missing-element", start, message));
        }
        Some(Statement {
            index,
            sid,
            effect: effect?,
            principal,
            action: action?,
            resource,
            conditions,
            span: node.span.clone(),
        })
    }

    /// `first` is the name under which the slot was filled: the same name twice is told of by [`Reader::names`].
    fn only_one<T>(&mut self, slot: &mut Option<T>, read: Option<T>, member: &Member, first: Option<&str>, name: &str) {
        if slot.is_some() {
            if first == Some(member.key.as_str()) {
                return;
            }
            let message = format!("a statement has either `{name}` or `Not{name}`, not both");
            self.report(Finding::error("conflicting-elements", member.key_span.clone(), message));
        } else {
            *slot = read;
        }
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<Text> {
        match node.as_str() {
            Some(text) => Some(Text { text: text.to_owned(), span: node.span.clone() }),
            None => {
                self.wrong_type(node, what, "a text");
                None
            }
        }
    }

    fn effect(&mut self, node: &Node) -> Option<Effect> {
        match node.as_str() {
            Some("Allow") => Some(Effect::Allow),
            Some("Deny") => Some(Effect::Deny),
            Some(other) => {
                let message = format!("the effect must be \"Allow\" or \"Deny\", written so, found \"{other}\"");
                self.report(Finding::error("invalid-effect", node.span.clone(), message));
                None
            }
            None => {
                self.wrong_type(node, "`Effect`", "\"Allow\" or \"Deny\"");
                None
            }
        }
    }

    fn elements(&mut self, member: &Member) -> Elements {
        let mut items = Vec::new();
        for node in member.value.one_or_many() {
            match node.as_str() {
                Some(text) => items.push(Text { text: text.to_owned(), span: node.span.clone() }),
                None => self.wrong_type(node, &format!("`{}`", member.key), "a text or a list of texts"),
            }
        }
        if member.value.one_or_many().is_empty() {
            let of_nothing = if member.key.starts_with("Not") { "everything" } else { "nothing" };
            let message = format!("`{}` is an empty list: the statement is about {of_nothing}", member.key);
            self.report(Finding::warning("empty-list", member.value.span.clone(), message));
        }
        Elements { negated: member.key.starts_with("Not"), items, key_span: member.key_span.clone() }
    }

    fn principals(&mut self, member: &Member) -> Option<Principals> {
        let mut entries = Vec::new();
        if let Some(kinds) = member.value.members() {
            self.names(kinds, &["AWS", "Service", "Federated", "CanonicalUser"], "a principal");
            for kind_member in kinds {
                let kind = match kind_member.key.as_str() {
                    "AWS" => PrincipalKind::Aws,
                    "Service" => PrincipalKind::Service,
                    "Federated" => PrincipalKind::Federated,
                    "CanonicalUser" => PrincipalKind::CanonicalUser,
                    _ => continue,
                };
                for node in kind_member.value.one_or_many() {
                    // Account ids are sometimes written as numbers.
                    match node.scalar() {
                        Some(text) => entries.push(PrincipalEntry { kind, text: Text { text, span: node.span.clone() } }),
                        None => self.wrong_type(node, "a principal", "a text"),
                    }
                }
            }
        } else {
            match member.value.as_str() {
                Some("*") => {
                    let text = Text { text: "*".to_owned(), span: member.value.span.clone() };
                    entries.push(PrincipalEntry { kind: PrincipalKind::Everyone, text });
                }
                Some(other) => {
                    let message = format!("a principal is \"*\" or an object such as {{\"AWS\": …}}, found \"{other}\"");
                    self.report(Finding::error("invalid-principal", member.value.span.clone(), message));
                    return None;
                }
                None => {
                    self.wrong_type(&member.value, "a principal", "\"*\" or an object");
                    return None;
                }
            }
        }
        Some(Principals { negated: member.key.starts_with("Not"), entries, key_span: member.key_span.clone() })
    }

    fn conditions(&mut self, node: &Node) -> Vec<Condition> {
        let mut conditions = Vec::new();
        let Some(operators) = node.members() else {
            self.wrong_type(node, "`Condition`", "an object of operators");
            return conditions;
        };
        let mut seen = BTreeMap::new();
        for operator in operators {
            if seen.insert(operator.key.as_str(), ()).is_some() {
                let message = format!("the operator `{}` occurs twice in the condition; AWS takes only one", operator.key);
                let finding = Finding::error("duplicate-element", operator.key_span.clone(), message);
                self.report(finding.help("put both keys under one operator"));
            }
            let Some(keys) = operator.value.members() else {
                self.wrong_type(&operator.value, &format!("`{}`", operator.key), "an object of condition keys");
                continue;
            };
            let mut keys_seen = BTreeMap::new();
            for key in keys {
                // Key names are case-insensitive.
                if keys_seen.insert(key.key.to_ascii_lowercase(), ()).is_some() {
                    let message = format!("the key `{}` occurs twice under `{}`; AWS takes only one", key.key, operator.key);
                    let finding = Finding::error("duplicate-element", key.key_span.clone(), message);
                    self.report(finding.help("put the values into one list"));
                }
                let mut values = Vec::new();
                for node in key.value.one_or_many() {
                    match node.scalar() {
                        Some(text) => values.push(Text { text, span: node.span.clone() }),
                        None => self.wrong_type(node, &format!("a value of `{}`", key.key), "a text, number, true or false"),
                    }
                }
                if key.value.one_or_many().is_empty() {
                    let message = format!("`{}` has an empty list of values", key.key);
                    self.report(Finding::warning("empty-list", key.value.span.clone(), message));
                }
                conditions.push(Condition {
                    operator: Text { text: operator.key.clone(), span: operator.key_span.clone() },
                    key: Text { text: key.key.clone(), span: key.key_span.clone() },
                    values,
                });
            }
        }
        conditions
    }
}

/// What to take where the file holds a policy document somewhere inside: one message, in place of one for each unknown name.
fn wrapped(node: &Node) -> Option<&'static str> {
    if node.get("Statement").is_some() {
        return None;
    }
    if node.get("Policy").is_some_and(|policy| policy.get("Content").is_some()) {
        return Some(
            "it looks like the output of `aws organizations describe-policy`: take the text of `Policy.Content`, for example with \
             `--query Policy.Content --output text`",
        );
    }
    let of_output = ["PolicyDocument", "PolicyVersion", "ResourcePolicy", "Policy", "policy"];
    let is_resource = |node: &Node| node.get("Type").is_some() && node.get("Properties").is_some();
    if is_resource(node) || node.get("Resources").is_some() || node.get("AWSTemplateFormatVersion").is_some() {
        return Some(
            "it looks like a CloudFormation resource or template: take what stands under `Properties`, in `Content` for a policy of AWS \
             Organizations, in `PolicyDocument` for others",
        );
    }
    if of_output.iter().any(|name| node.get(name).is_some()) {
        return Some("it looks like the output of an AWS CLI command: take the policy document alone out of it");
    }
    None
}
