//! The policies of a case, layer by layer.

use std::sync::Arc;

use super::Reader;
use crate::policy::check;
use crate::policy::compiled::{Policy, PolicyType};
use crate::policy::diagnostic::{Severity, Source};
use crate::policy::document::{Document, Reading, read_source};
use crate::policy::json::{Node, Value};
use crate::policy::layers::{Grants, Level, Policies};
use crate::policy::read;

const FULL_ACCESS: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
const RCP_FULL_ACCESS: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;

impl Reader<'_> {
    pub(super) fn policies(&mut self, node: Option<&Node>) -> Policies {
        let mut policies = Policies::default();
        let Some(node) = node else { return policies };
        let Some(members) = node.members() else {
            self.wrong(node, "`policies` is an object of layers");
            return policies;
        };
        let known = PolicyType::ALL.map(PolicyType::as_str);
        self.unknown_names(members, &known, "the policies");
        for member in members {
            let value = &member.value;
            // Said to be none, as opposed to left out: for the layers that grant, below.
            let grants = matches!(member.key.as_str(), "resource" | "identity");
            if value.value == Value::Null && !grants {
                continue;
            }
            match PolicyType::ALL.into_iter().find(|policy_type| policy_type.as_str() == member.key) {
                Some(PolicyType::ServiceControl) => {
                    policies.service_control = Some(self.levels(value, PolicyType::ServiceControl));
                }
                Some(PolicyType::ResourceControl) => {
                    policies.resource_control = Some(self.levels(value, PolicyType::ResourceControl));
                }
                Some(PolicyType::VpcEndpoint) => {
                    policies.vpc_endpoint = Some(self.list(value, PolicyType::VpcEndpoint, "endpoint"))
                }
                Some(PolicyType::Resource) => policies.resource = self.grants(value, PolicyType::Resource),
                Some(PolicyType::Identity) => policies.identity = self.grants(value, PolicyType::Identity),
                Some(PolicyType::Boundary) => policies.boundary = Some(self.list(value, PolicyType::Boundary, "boundary")),
                Some(PolicyType::Session) => policies.session = Some(self.list(value, PolicyType::Session, "session")),
                None => {}
            }
        }
        policies
    }

    fn grants(&mut self, node: &Node, policy_type: PolicyType) -> Grants {
        match &node.value {
            Value::Null => Grants::Policies(Vec::new()),
            Value::String(text) if text == "assumed" => Grants::Assumed,
            _ => Grants::Policies(self.list(node, policy_type, policy_type.as_str())),
        }
    }

    /// Levels from the root down: a list of lists, of objects with a name, or of the policies of one level.
    fn levels(&mut self, node: &Node, policy_type: PolicyType) -> Vec<Level> {
        let label = policy_type.as_str();
        let items = node.one_or_many();
        let is_level = |node: &Node| matches!(node.value, Value::Array(_)) || node.get("policies").is_some();
        if !items.iter().any(is_level) {
            return vec![Level { name: None, policies: self.list(node, policy_type, &format!("{label}[0]")) }];
        }
        let mut levels = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let policies = item.get("policies").unwrap_or(item);
            levels.push(Level {
                name: item.get("name").and_then(Node::scalar),
                policies: self.list(policies, policy_type, &format!("{label}[{number}]")),
            });
        }
        levels
    }

    fn list(&mut self, node: &Node, policy_type: PolicyType, label: &str) -> Vec<Arc<Policy>> {
        let is_list = matches!(node.value, Value::Array(_));
        let mut policies = Vec::new();
        for (number, item) in node.one_or_many().iter().enumerate() {
            let label = if is_list { format!("{label}[{number}]") } else { label.to_owned() };
            policies.extend(self.policy(item, policy_type, &label));
        }
        policies
    }

    /// A policy: the document, its text, an object of name and document, or the name of a policy that AWS manages.
    fn policy(&mut self, node: &Node, policy_type: PolicyType, label: &str) -> Option<Arc<Policy>> {
        if let Some(document) = node.get("document") {
            let name = node.get("name").and_then(Node::scalar).unwrap_or_else(|| label.to_owned());
            return self.policy(document, policy_type, &name);
        }
        let reading: Reading = match node.as_str() {
            Some("FullAWSAccess") => {
                return self.finish(
                    read_source(&Source::new("FullAWSAccess", FULL_ACCESS)),
                    policy_type,
                    "FullAWSAccess",
                    node,
                );
            }
            Some("RCPFullAWSAccess") => {
                let source = Source::new("RCPFullAWSAccess", RCP_FULL_ACCESS);
                return self.finish(read_source(&source), policy_type, "RCPFullAWSAccess", node);
            }
            Some(text) if text.trim_start().starts_with('{') => read_source(&Source::new(label, text)),
            Some(other) => {
                self.wrong(node, format!("no policy that AWS manages is known as \"{other}\" here; give the document"));
                return None;
            }
            None => read::document(node, self.source),
        };
        self.finish(reading, policy_type, label, node)
    }

    fn finish(&mut self, reading: Reading, policy_type: PolicyType, label: &str, node: &Node) -> Option<Arc<Policy>> {
        let Reading { document, findings } = reading;
        let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).cloned().collect();
        let Some(document) = document.filter(|_| errors.is_empty()) else {
            if node.as_str().is_some() {
                // Its places are those of the text inside the case.
                for error in errors {
                    self.wrong(node, format!("{label}: {}", error.message));
                }
            } else {
                self.findings.extend(errors);
            }
            return None;
        };
        self.warn(&document, policy_type, label);
        Some(Arc::new(Policy::compile(label, &document, policy_type)))
    }

    fn warn(&mut self, document: &Document, policy_type: PolicyType, label: &str) {
        if label == "FullAWSAccess" || label == "RCPFullAWSAccess" {
            return;
        }
        // What is only worth knowing is told by `palisade policy check`.
        let findings = check::check(document, policy_type);
        for finding in findings.iter().filter(|finding| finding.severity != Severity::Note) {
            let line = document.position(finding.span.start).line;
            self.warnings.push(format!(
                "{label}, line {line}: {}[{}]: {}",
                finding.severity.as_str(),
                finding.code,
                finding.message
            ));
        }
    }
}
