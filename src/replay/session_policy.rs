//! What narrows a session besides the policies of its role or user: the policies that were passed when it was issued.
//!
//! A session may do what its role may and what its session policies allow, all of them together; a session of `GetFederationToken`
//! without any may do nothing of what its user may: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html>. The call
//! that issued the session has an inline policy as JSON text in its parameters, and of managed policies the ARNs alone. A session
//! policy belongs to its session: one that is issued with it in turn does not inherit it.

use std::sync::{Arc, LazyLock};

use super::lineage::Link;
use crate::policy::compiled::{Policy, PolicyType};
use crate::policy::document::Document;

/// The session policies of a session, as far as they are known.
#[derive(Debug, Clone)]
pub struct SessionPolicies {
    /// Those whose text is known.
    pub policies: Vec<Arc<Policy>>,
    /// Why there may be others.
    pub open: Option<String>,
}

/// Stands for session policies whose text is not known, supposed to allow everything.
fn anything() -> Option<Arc<Policy>> {
    static POLICY: LazyLock<Option<Arc<Policy>>> = LazyLock::new(|| {
        let text = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
        compile("session policies whose text is not known", text)
    });
    POLICY.clone()
}

fn compile(name: &str, text: &str) -> Option<Arc<Policy>> {
    let document = Document::parse(name, text).ok()?;
    Some(Arc::new(Policy::compile(name, &document, PolicyType::Session)))
}

impl SessionPolicies {
    /// What narrows the sessions that a call issued. `None`: nothing does.
    pub fn of(link: &Link) -> Option<SessionPolicies> {
        let call = match &link.event_id {
            Some(id) => format!("{}, event {id}", link.event_name),
            None => link.event_name.to_string(),
        };
        let mut open: Vec<String> = Vec::new();
        if !link.session_policies_are_known {
            open.push(format!("the record of {call} does not show in full which policies the session was given"));
        }
        let mut policies = Vec::new();
        if let Some(text) = &link.session_policy {
            match compile(&format!("requestParameters.policy of {call}"), text) {
                Some(policy) => policies.push(policy),
                None => open.push(format!("requestParameters.policy of {call} cannot be read")),
            }
        }
        if !link.session_policy_arns.is_empty() {
            open.push(format!("the text of {} is not known", link.session_policy_arns.join(", ")));
        }
        let narrowed = !policies.is_empty() || !open.is_empty() || &*link.event_name == "GetFederationToken";
        narrowed.then(|| SessionPolicies { policies, open: (!open.is_empty()).then(|| open.join("; ")) })
    }

    /// The policies to judge by. Where some are not known, two ways: as if these allowed everything, and as if nothing were allowed.
    /// What both ways deny is denied, whatever they say.
    pub fn ways(&self) -> Vec<Vec<Arc<Policy>>> {
        if self.open.is_none() {
            return vec![self.policies.clone()];
        }
        let most = self.policies.iter().cloned().chain(anything()).collect();
        vec![most, Vec::new()]
    }
}

/// What a chain of sessions says of a link: `narrowed by a session policy and by ReadOnlyAccess`.
pub(super) fn in_chain(link: &Link) -> Option<String> {
    let inline = link.session_policy.as_ref().map(|_| "a session policy".to_owned());
    let named =
        link.session_policy_arns.iter().map(|arn| arn.split_once(":policy/").map_or(arn.as_str(), |(_, name)| name).to_owned());
    let all: Vec<String> = inline.into_iter().chain(named).collect();
    (!all.is_empty()).then(|| format!("narrowed by {}", all.join(" and by ")))
}
