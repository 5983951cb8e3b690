//! One request with its policies, written down as JSON, and the answer as JSON. The format is described in `docs/policy-case.md`.

mod derive;
mod layers;
mod output;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::context::{Context, ContextValue, Unknown};
use super::diagnostic::{Finding, Source};
use super::document::InvalidPolicy;
use super::global_keys;
use super::json::{self, Member, Node, Value};
use super::layers::Policies;
use super::pattern::{Glob, arn_parts};
use super::request::{Facts, Principal, PrincipalType, Request, Resource, is_account_id};
use super::suggest::did_you_mean;
use super::truth::Truth;
use super::verdict::judge;

pub use output::answer;

/// A case, ready to judge.
#[derive(Debug, Clone)]
pub struct Case {
    pub id: Option<Json>,
    pub request: Request,
    pub policies: Policies,
    /// What is doubtful in its policies, for people.
    pub warnings: Vec<String>,
}

/// The cases of a file: one object, or a list of them. A case that cannot be read does not keep the others from being judged.
#[derive(Debug)]
pub struct Cases {
    /// Was the file a list?
    pub is_list: bool,
    /// With the id of each case, if it has one.
    pub cases: Vec<(Option<Json>, Result<Case, InvalidPolicy>)>,
}

/// Reads the cases of a file. Fails only if the file is no JSON.
pub fn read(source: &Arc<Source>) -> Result<Cases, InvalidPolicy> {
    let node = json::parse(source.text()).map_err(|error| InvalidPolicy {
        source: Arc::clone(source),
        findings: vec![Finding::error("invalid-json", error.at..error.at + 1, error.message)],
    })?;
    let is_list = matches!(node.value, Value::Array(_));
    let cases = node
        .one_or_many()
        .iter()
        .map(|node| (id(node), Reader { source, findings: Vec::new(), warnings: Vec::new() }.case(node)))
        .collect();
    Ok(Cases { is_list, cases })
}

/// The answers to all cases of a file, in its form: one object, or a list. A case that cannot be judged has an `error`.
pub fn evaluate(source: &Arc<Source>) -> Result<Evaluated, InvalidPolicy> {
    evaluate_knowing(source, &|_, _| Truth::Unknown)
}

/// The same, told which actions AWS lists without types of resources: service prefix and name, in lower case.
pub fn evaluate_knowing(
    source: &Arc<Source>,
    about_no_resource: &dyn Fn(&str, &str) -> Truth,
) -> Result<Evaluated, InvalidPolicy> {
    let Cases { is_list, cases } = read(source)?;
    let mut failed = 0;
    let mut answers: Vec<Json> = cases
        .into_iter()
        .map(|(id, case)| match case {
            Ok(mut case) => {
                let request = &mut case.request;
                request.facts.about_no_resource = about_no_resource(&request.service, &request.action_name);
                answer(&case, &judge(&case.policies, &case.request))
            }
            Err(error) => {
                failed += 1;
                serde_json::json!({ "id": id, "error": error.to_string() })
            }
        })
        .collect();
    let answers = if is_list { Json::Array(answers) } else { answers.pop().unwrap_or(Json::Null) };
    Ok(Evaluated { answers, failed })
}

/// The answers of [`evaluate`].
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    pub answers: Json,
    /// Cases that could not be read.
    pub failed: usize,
}

/// The `id` of a case, as it is written.
fn id(node: &Node) -> Option<Json> {
    let id = node.get("id")?;
    match &id.value {
        Value::Number(text) => serde_json::from_str(text).ok().or_else(|| id.scalar().map(Json::String)),
        Value::Bool(value) => Some(Json::Bool(*value)),
        _ => id.scalar().map(Json::String),
    }
}

/// A member that is there, and not `null`, which says the same as leaving it out.
fn given<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.get(name).filter(|node| node.value != Value::Null)
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    findings: Vec<Finding>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    fn wrong(&mut self, node: &Node, message: impl Into<String>) {
        self.findings.push(Finding::error("invalid-case", node.span.clone(), message));
    }

    /// Reports names that occur twice or that the format does not know.
    fn unknown_names(&mut self, members: &[Member], known: &[&str], place: &str) {
        let mut seen = BTreeSet::new();
        for member in members {
            if !seen.insert(member.key.as_str()) {
                self.twice(member, place);
            }
            if !known.contains(&member.key.as_str()) {
                let message = format!("`{}` is no element of {place}", member.key);
                let finding = Finding::error("invalid-case", member.key_span.clone(), message);
                self.findings.push(finding.help(did_you_mean(&member.key, known)));
            }
        }
    }

    fn twice(&mut self, member: &Member, place: &str) {
        let message = format!("`{}` occurs twice in {place}", member.key);
        self.findings.push(Finding::error("invalid-case", member.key_span.clone(), message).help("keep one of them"));
    }

    fn case(mut self, node: &Node) -> Result<Case, InvalidPolicy> {
        let case = self.read_case(node);
        match case {
            Some(case) if self.findings.is_empty() => Ok(case),
            _ => Err(InvalidPolicy { source: Arc::clone(self.source), findings: self.findings }),
        }
    }

    fn read_case(&mut self, node: &Node) -> Option<Case> {
        const KNOWN: [&str; 11] = [
            "id",
            "description",
            "principal",
            "action",
            "resource",
            "context",
            "other_keys",
            "policies",
            "flags",
            "expected",
            "$schema",
        ];
        let Some(members) = node.members() else {
            self.wrong(node, format!("a case must be an object, found {}", node.kind()));
            return None;
        };
        self.unknown_names(members, &KNOWN, "a case");
        let (principal, tags) = self.principal(node.get("principal"))?;
        let Some(action) = node.get("action") else {
            self.wrong(node, "the case has no `action`");
            return None;
        };
        let (resource, owner, resource_tags) = self.resource(given(node, "resource"));
        let Some(mut request) = action.as_str().and_then(|text| Request::new(principal, text, resource)) else {
            self.wrong(action, "an action is a text such as \"s3:GetObject\"");
            return None;
        };
        if request.action.contains(['*', '?']) {
            self.wrong(action, "a request is about one action, without wildcards; several actions are several cases");
        }
        request.resource_account = owner;
        request.context = self.context(given(node, "context"), given(node, "other_keys"));
        derive::fill(&mut request, &tags, &resource_tags);
        request.facts = self.facts(given(node, "flags"), &request);
        let policies = self.policies(given(node, "policies"));
        Some(Case { id: id(node), request, policies, warnings: std::mem::take(&mut self.warnings) })
    }

    fn text(&mut self, node: Option<&Node>, what: &str) -> Option<String> {
        let node = node?;
        match &node.value {
            Value::Null => None,
            Value::String(_) | Value::Number(_) => node.scalar(),
            _ => {
                self.wrong(node, format!("{what} must be a text, found {}", node.kind()));
                None
            }
        }
    }

    fn tags(&mut self, node: Option<&Node>) -> Vec<(String, String)> {
        let Some(node) = node else { return Vec::new() };
        let Some(members) = node.members() else {
            self.wrong(node, "tags are an object of names and values");
            return Vec::new();
        };
        let mut tags = Vec::new();
        for member in members {
            match member.value.scalar() {
                Some(value) => tags.push((member.key.clone(), value)),
                None => self.wrong(&member.value, format!("the value of a tag is a text, found {}", member.value.kind())),
            }
        }
        tags
    }

    fn principal(&mut self, node: Option<&Node>) -> Option<(Principal, Vec<(String, String)>)> {
        let Some(node) = node else { return Some((Principal::of_type(PrincipalType::Account), Vec::new())) };
        if let Some(name) = node.as_str() {
            let principal = Principal::from_name(name);
            if principal.is_none() {
                self.wrong(node, "a principal is an ARN, an account id, a service name or \"anonymous\"");
            }
            return principal.map(|principal| (principal, Vec::new()));
        }
        let Some(members) = node.members() else {
            if node.value == Value::Null {
                return Some((Principal::of_type(PrincipalType::Account), Vec::new()));
            }
            self.wrong(node, "a principal is a text or an object");
            return None;
        };
        const KNOWN: [&str; 8] = ["arn", "account", "type", "role_arn", "id", "service", "canonical_user", "tags"];
        self.unknown_names(members, &KNOWN, "a principal");
        let arn = self.text(node.get("arn"), "`arn`");
        let role_arn = self.text(node.get("role_arn"), "`role_arn`");
        let account = self.text(node.get("account"), "`account`");
        let services: Vec<String> =
            node.get("service").map(|node| node.one_or_many().iter().filter_map(Node::scalar).collect()).unwrap_or_default();
        let named = arn.as_deref().or(role_arn.as_deref()).or(services.first().map(String::as_str)).or(account.as_deref());
        if let Some(name) = named
            && Principal::from_name(name).is_none()
            && node.get("type").is_none()
        {
            self.wrong(node, format!("\"{name}\" does not tell what kind of principal it is; give `type`"));
        }
        let mut principal = named.and_then(Principal::from_name).unwrap_or_else(|| Principal::of_type(PrincipalType::Account));
        if let Some(kind) = node.get("type") {
            match kind.as_str().and_then(principal_type) {
                Some(kind) => principal.principal_type = kind,
                None => self.wrong(kind, format!("a type of principal is one of {}", TYPE_NAMES.join(", "))),
            }
        }
        principal.account = account.or(principal.account);
        if principal.role_arn.as_ref() != arn.as_ref() {
            principal.arn = arn.or(principal.arn);
        }
        principal.role_arn = role_arn.or(principal.role_arn);
        principal.unique_id = self.text(node.get("id"), "`id`").map(|id| match id.split_once(':') {
            Some((id, _)) => id.to_owned(),
            None => id,
        });
        principal.canonical_user = self.text(node.get("canonical_user"), "`canonical_user`");
        if !services.is_empty() {
            principal.services = services;
        }
        Some((principal, self.tags(given(node, "tags"))))
    }

    fn resource(&mut self, node: Option<&Node>) -> (Resource, Option<String>, Vec<(String, String)>) {
        let known = |text: &str| if text == "unknown" { Resource::Unknown } else { Resource::Known(text.to_owned()) };
        let Some(node) = node else { return (Resource::Unknown, None, Vec::new()) };
        if let Some(text) = node.as_str() {
            self.arn(node, text);
            return (known(text), None, Vec::new());
        }
        let Some(members) = node.members() else {
            self.wrong(node, "a resource is an ARN, \"*\", \"unknown\" or an object");
            return (Resource::Unknown, None, Vec::new());
        };
        self.unknown_names(members, &["arn", "pattern", "account", "tags"], "a resource");
        let mut owner = None;
        let arn = self.text(node.get("arn"), "`arn`");
        if let (Some(node), Some(arn)) = (node.get("arn"), &arn) {
            self.arn(node, arn);
        }
        let resource = match (arn, self.text(node.get("pattern"), "`pattern`")) {
            (Some(arn), _) => known(&arn),
            (None, Some(pattern)) => {
                let of_pattern = arn_parts(&pattern).map(|[_, _, _, _, account, _]| account);
                owner = of_pattern.filter(|account| is_account_id(account)).map(str::to_owned);
                Resource::Partial(Glob::new(&pattern))
            }
            (None, None) => Resource::Unknown,
        };
        let account = self.text(node.get("account"), "`account`").or(owner);
        (resource, account, self.tags(given(node, "tags")))
    }

    /// Anything else than an ARN would silently match no resource of a policy.
    fn arn(&mut self, node: &Node, text: &str) {
        let is_arn = text.starts_with("arn:") && text.matches(':').count() >= 5;
        if !is_arn && text != "*" && text != "unknown" {
            let message = format!("the resource \"{text}\" is no ARN");
            let help =
                "write an ARN such as \"arn:aws:s3:::bucket/key\", \"*\" for an action without resource types, or \"unknown\"";
            self.findings.push(Finding::error("invalid-case", node.span.clone(), message).help(help));
        }
    }

    fn context(&mut self, node: Option<&Node>, rest: Option<&Node>) -> Context {
        let mut context = Context::new();
        match rest.map(|rest| (rest, rest.as_str())) {
            None | Some((_, Some("absent"))) => {}
            Some((_, Some("unknown"))) => context = context.with_unknown_rest("the case does not give it"),
            Some((rest, _)) => self.wrong(rest, "`other_keys` is \"absent\" or \"unknown\""),
        }
        let Some(node) = node else { return context };
        let Some(members) = node.members() else {
            self.wrong(node, "the context is an object of condition keys");
            return context;
        };
        let mut seen = BTreeSet::new();
        for member in members {
            if !seen.insert(member.key.to_ascii_lowercase()) {
                self.twice(member, "the context, where names have no case");
            }
            match self.context_value(&member.value) {
                Some(ContextValue::Unknown(unknown)) => context.set(&member.key, settled(&member.key, unknown)),
                Some(value) => context.set(&member.key, value),
                None => {}
            }
        }
        context
    }

    fn context_value(&mut self, node: &Node) -> Option<ContextValue> {
        if let Some(members) = node.members() {
            const KNOWN: [&str; 6] = ["present", "absent", "unknown", "may_be_absent", "candidates", "known_values"];
            self.unknown_names(members, &KNOWN, "a context value");
            if let Some(present) = node.get("present") {
                if members.len() > 1 {
                    self.wrong(node, "a key that is in the request has {\"present\": […]}, and nothing else");
                }
                return Some(ContextValue::Present(self.values(present)));
            }
            if let Some(absent) = node.get("absent") {
                if absent.value != Value::Bool(true) || members.len() > 1 {
                    self.wrong(absent, "a key that is not in the request is {\"absent\": true}, and nothing else");
                }
                return Some(ContextValue::Absent);
            }
            let Some(why) = self.text(node.get("unknown"), "`unknown`") else {
                self.wrong(node, "a context value is {\"present\": […]}, \"absent\" or {\"unknown\": \"why\"}");
                return None;
            };
            let may_be_absent = match node.get("may_be_absent").map(|node| (node, &node.value)) {
                None | Some((_, Value::Bool(true))) => true,
                Some((_, Value::Bool(false))) => false,
                Some((other, _)) => {
                    self.wrong(other, format!("`may_be_absent` is true or false, found {}", other.kind()));
                    true
                }
            };
            let candidates =
                node.get("candidates").map(|node| node.one_or_many().iter().map(|node| self.values(node)).collect());
            let known_members = node.get("known_values").map(|node| self.values(node)).unwrap_or_default();
            return Some(ContextValue::Unknown(Unknown {
                why,
                may_be_absent,
                candidates,
                known_members,
                ..Unknown::default()
            }));
        }
        match &node.value {
            Value::Null => Some(ContextValue::Absent),
            Value::String(text) if text == "absent" => Some(ContextValue::Absent),
            Value::String(text) if text == "unknown" => {
                Some(ContextValue::Unknown(Unknown::new("the case says that it is not known")))
            }
            _ => Some(ContextValue::Present(self.values(node))),
        }
    }

    fn values(&mut self, node: &Node) -> Vec<String> {
        let mut values = Vec::new();
        for node in node.one_or_many() {
            match node.scalar() {
                Some(value) => values.push(value),
                None => self.wrong(node, format!("a value must be a text, number, true or false, found {}", node.kind())),
            }
        }
        values
    }

    fn facts(&mut self, node: Option<&Node>, request: &Request) -> Facts {
        let mut facts = Facts::default();
        let Some(node) = node else { return facts };
        let Some(members) = node.members() else {
            self.wrong(node, format!("`flags` is an object, found {}", node.kind()));
            return facts;
        };
        const KNOWN: [&str; 9] = [
            "service_linked_role",
            "principal_in_management_account",
            "principal_in_organization",
            "resource_in_management_account",
            "resource_in_organization",
            "aws_managed_key",
            "forward_access_session",
            "gateway_endpoint",
            "management_account",
        ];
        self.unknown_names(members, &KNOWN, "the flags");
        for member in members {
            if member.key == "management_account" {
                let id = member.value.scalar();
                facts.principal_in_management_account = (request.principal.account == id && id.is_some()).into();
                let owner = request.owner().or(request.principal.account.as_deref());
                facts.resource_in_management_account = (owner == id.as_deref() && id.is_some()).into();
                continue;
            }
            let truth = match &member.value.value {
                Value::Bool(value) => Truth::from(*value),
                Value::String(text) if text == "unknown" => Truth::Unknown,
                _ => {
                    self.wrong(&member.value, format!("`{}` is true, false or \"unknown\"", member.key));
                    continue;
                }
            };
            match member.key.as_str() {
                "service_linked_role" => facts.service_linked_role = Some(truth),
                "principal_in_management_account" => facts.principal_in_management_account = truth,
                "principal_in_organization" => facts.principal_in_organization = truth,
                "resource_in_management_account" => facts.resource_in_management_account = truth,
                "resource_in_organization" => facts.resource_in_organization = truth,
                "aws_managed_key" => facts.aws_managed_key = truth,
                "forward_access_session" => facts.forward_access_session = truth,
                "gateway_endpoint" => facts.gateway_endpoint = truth,
                _ => {}
            }
        }
        facts
    }
}

/// A key that has one value has the one that is known, and of candidates those remain that hold all known values.
fn settled(key: &str, mut unknown: Unknown) -> ContextValue {
    if unknown.known_members.is_empty() {
        return ContextValue::Unknown(unknown);
    }
    if let Some(candidates) = &mut unknown.candidates {
        candidates.retain(|values| unknown.known_members.iter().all(|known| values.contains(known)));
        unknown.may_be_absent = false;
        return ContextValue::Unknown(unknown);
    }
    let has_one = global_keys::find(&key.to_ascii_lowercase()).is_some_and(|known| !known.multivalued);
    if has_one && unknown.known_members.len() == 1 {
        return ContextValue::Present(unknown.known_members);
    }
    ContextValue::Unknown(unknown)
}

const TYPE_NAMES: [&str; 8] = ["Root", "User", "AssumedRole", "FederatedUser", "Federated", "Service", "Anonymous", "Account"];

/// The names of this format, and those that CloudTrail writes.
fn principal_type(name: &str) -> Option<PrincipalType> {
    Some(match name {
        "Root" => PrincipalType::Root,
        "User" | "IAMUser" => PrincipalType::User,
        "AssumedRole" | "Role" => PrincipalType::AssumedRole,
        "FederatedUser" => PrincipalType::FederatedUser,
        "Federated" | "WebIdentityUser" | "SAMLUser" => PrincipalType::Federated,
        "Service" | "AWSService" => PrincipalType::Service,
        "Anonymous" => PrincipalType::Anonymous,
        "Account" | "AWSAccount" => PrincipalType::Account,
        _ => return None,
    })
}
