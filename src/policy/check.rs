//! What is wrong or doubtful in a policy of one type.

use super::compiled::PolicyType;
use super::diagnostic::Finding;
use super::document::Document;

/// Checks a document against the rules of its type.
pub fn check(_document: &Document, _policy_type: PolicyType) -> Vec<Finding> {
    Vec::new()
}
