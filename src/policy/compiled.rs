//! A policy, compiled: actions indexed by service, patterns cut, values read. Compiled once, evaluated for every request.

use std::collections::HashMap;
use std::sync::Arc;

use super::applicability;
use super::condition::Condition;
use super::context::{Asked, Of, View};
use super::diagnostic::{Position, Source};
use super::document::{self, Document, Effect, Elements, Principals, Version};
use super::operator::Comparison;
use super::pattern::{ActionPattern, Glob, Token, bind_to_arn_parts};
use super::principal::{self, Named};
use super::request::{OpenAction, PrincipalType, Request, Resource};
use super::template::{Resolved, Template, canonical};
use super::truth::{Truth, all, any};

/// What a policy is attached to, which decides what it may contain and how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PolicyType {
    ServiceControl,
    ResourceControl,
    VpcEndpoint,
    Resource,
    Identity,
    Boundary,
    Session,
}

impl PolicyType {
    pub const ALL: [PolicyType; 7] = [
        PolicyType::ServiceControl,
        PolicyType::ResourceControl,
        PolicyType::VpcEndpoint,
        PolicyType::Resource,
        PolicyType::Identity,
        PolicyType::Boundary,
        PolicyType::Session,
    ];

    /// The short name, as in the command line and in cases.
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyType::ServiceControl => "scp",
            PolicyType::ResourceControl => "rcp",
            PolicyType::VpcEndpoint => "endpoint",
            PolicyType::Resource => "resource",
            PolicyType::Identity => "identity",
            PolicyType::Boundary => "boundary",
            PolicyType::Session => "session",
        }
    }

    /// What AWS calls it.
    pub fn title(self) -> &'static str {
        match self {
            PolicyType::ServiceControl => "service control policy",
            PolicyType::ResourceControl => "resource control policy",
            PolicyType::VpcEndpoint => "VPC endpoint policy",
            PolicyType::Resource => "resource-based policy",
            PolicyType::Identity => "identity-based policy",
            PolicyType::Boundary => "permissions boundary",
            PolicyType::Session => "session policy",
        }
    }

    /// Does the policy say in its statements whom it is about?
    pub fn has_principals(self) -> bool {
        matches!(self, PolicyType::ResourceControl | PolicyType::VpcEndpoint | PolicyType::Resource)
    }
}

/// By what a resource and a text of a resource element are compared.
const RESOURCE: Comparison = Comparison::Arn;

/// A compiled policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// For people: the file, or the name that a case gives.
    pub name: String,
    pub policy_type: PolicyType,
    pub source: Arc<Source>,
    pub statements: Vec<Arc<Statement>>,
    /// For each service prefix that a statement names: the statements to look at. Other services: `general`.
    by_service: HashMap<Box<str>, Box<[u32]>, foldhash::fast::RandomState>,
    general: Box<[u32]>,
}

/// A compiled statement.
#[derive(Debug, Clone)]
pub struct Statement {
    /// From 0, in the order of the document.
    pub index: usize,
    pub sid: Option<String>,
    pub effect: Effect,
    pub position: Position,
    pub conditions: Vec<Condition>,
    policy_type: PolicyType,
    principal: Option<Principals>,
    actions: Vec<ActionPattern>,
    actions_negated: bool,
    resources: Vec<ResourcePattern>,
    resources_negated: bool,
}

/// One text of a resource element.
#[derive(Debug, Clone)]
pub struct ResourcePattern {
    /// The text, completed to an ARN, by what it is known as.
    known_as: String,
    form: ResourceForm,
}

#[derive(Debug, Clone)]
enum ResourceForm {
    Constant(Glob),
    Template(Template),
    /// AWS refuses it where it stands: it matches nothing.
    Nothing,
}

/// What one statement says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched {
    /// Action, resource and conditions.
    pub truth: Truth,
    pub named: Named,
}

impl Matched {
    pub fn at_all(self) -> Truth {
        self.truth.and(self.named.at_all())
    }
}

impl Policy {
    pub fn compile(name: &str, document: &Document, policy_type: PolicyType) -> Policy {
        let statements: Vec<Arc<Statement>> = document
            .statements
            .iter()
            .map(|statement| Arc::new(Statement::compile(statement, document, policy_type)))
            .collect();
        let mut services: Vec<&str> =
            statements.iter().flat_map(|statement| &statement.actions).filter_map(|action| action.service.as_deref()).collect();
        services.sort_unstable();
        services.dedup();
        let numbered = || statements.iter().zip(0_u32..);
        let chosen = |service: Option<&str>| -> Box<[u32]> {
            numbered().filter(|(statement, _)| statement.concerns(service)).map(|(_, number)| number).collect()
        };
        Policy {
            name: name.to_owned(),
            policy_type,
            source: Arc::clone(&document.source),
            by_service: services.iter().map(|service| (Box::from(*service), chosen(Some(service)))).collect(),
            general: chosen(None),
            statements,
        }
    }

    /// The statements that may be about an action of the service, in the order of the document.
    pub fn statements_for(&self, service: &str) -> impl Iterator<Item = &Statement> {
        let numbers = self.by_service.get(service).unwrap_or(&self.general);
        numbers.iter().filter_map(|number| self.statements.get(usize::try_from(*number).ok()?).map(Arc::as_ref))
    }
}

impl Policy {
    /// The policy without the statements that certainly do not match the request: what suppositions about it must look at.
    pub fn reduced(&self, request: &Request, view: &View<'_>, has_boundary: bool) -> Policy {
        let numbers = self.by_service.get(request.service.as_str()).unwrap_or(&self.general);
        let statements: Vec<Arc<Statement>> = numbers
            .iter()
            .filter_map(|number| self.statements.get(usize::try_from(*number).ok()?))
            .filter(|statement| !statement.matches(request, view, has_boundary).at_all().is_false())
            .map(Arc::clone)
            .collect();
        Policy {
            name: String::new(),
            policy_type: self.policy_type,
            source: Arc::clone(&self.source),
            by_service: HashMap::default(),
            general: (0..).zip(&statements).map(|(number, _)| number).collect(),
            statements,
        }
    }
}

impl Statement {
    fn compile(statement: &document::Statement, document: &Document, policy_type: PolicyType) -> Statement {
        let version = document.version;
        let resources = |elements: &Elements| {
            elements.items.iter().map(|item| ResourcePattern::compile(&item.text, version, policy_type)).collect()
        };
        Statement {
            index: statement.index,
            sid: statement.sid.as_ref().map(|sid| sid.text.clone()),
            effect: statement.effect,
            position: document.position(statement.span.start),
            policy_type,
            principal: statement.principal.clone(),
            actions: statement.action.items.iter().filter_map(|item| ActionPattern::parse(&item.text)).collect(),
            actions_negated: statement.action.negated,
            // Without a resource, as in role trust policies, the statement is about the resource that holds it.
            resources: statement.resource.as_ref().map_or_else(|| vec![ResourcePattern::everything()], resources),
            resources_negated: statement.resource.as_ref().is_some_and(|elements| elements.negated),
            conditions: statement.conditions.iter().map(|condition| Condition::compile(condition, version)).collect(),
        }
    }

    /// May the statement be about an action of this service (`None`: of a service that no statement names)?
    fn concerns(&self, service: Option<&str>) -> bool {
        self.actions_negated
            || self.actions.iter().any(|action| action.service.is_none() || action.service.as_deref() == service)
    }

    /// Is the statement about this action? Names in lower case.
    pub fn covers_action(&self, service: &str, name: &str) -> bool {
        self.actions.iter().any(|action| action.matches(service, name)) != self.actions_negated
    }

    /// Is the statement about the action of the request?
    pub fn action(&self, request: &Request) -> Truth {
        let named = self.actions.iter().any(|action| action.matches(&request.service, &request.action_name));
        match &request.open_action {
            Some(open) if self.chooses(&request.service, named, open) => Truth::Unknown,
            _ => (named != self.actions_negated).into(),
        }
    }

    /// Does the statement name some of the actions that an unknown one may be, and not others? `named`: it names the one that has
    /// the name of the operation.
    fn chooses(&self, service: &str, named: bool, open: &OpenAction) -> bool {
        let mut of_service = self.actions.iter().filter(|action| action.chooses_of(service)).peekable();
        if of_service.peek().is_none() {
            return false;
        }
        let Some(names) = &open.names else {
            // Of a service that no table has: its operations mostly are its actions.
            return !named;
        };
        // A name that no table has may be the one.
        let is_new = |name: &str| !names.ruled_out.iter().any(|own| own == name);
        if !named && of_service.filter_map(ActionPattern::exact).any(is_new) {
            return true;
        }
        names.may_be.iter().any(|name| self.actions.iter().any(|action| action.matches(service, name)) != named)
    }

    /// Is the statement about the action and the caller of the request, or may it be?
    pub fn is_about(&self, request: &Request) -> bool {
        let named = |principals: &Principals| principal::named(principals, &request.principal, self.effect, false).at_all();
        !self.action(request).is_false() && !self.principal.as_ref().is_some_and(|principals| named(principals).is_false())
    }

    /// What the statement says of the request. `has_boundary`: the caller has a permissions boundary.
    pub fn matches(&self, request: &Request, view: &View<'_>, has_boundary: bool) -> Matched {
        let action = self.action(request);
        if action.is_false() {
            return Matched { truth: Truth::False, named: Named::ATTACHED };
        }
        let mut named = match &self.principal {
            Some(principals) => principal::named(principals, &request.principal, self.effect, has_boundary),
            None => Named::ATTACHED,
        };
        if self.policy_type == PolicyType::VpcEndpoint {
            // At a gateway endpoint an account names its root user only, who is named directly. Of a caller of whom only the
            // account is known nobody can tell whether it is that one.
            let interface = request.facts.gateway_endpoint.negated();
            let may_be_root = request.principal.principal_type == PrincipalType::Account;
            named.by_account = named.by_account.and(if may_be_root { interface.or(Truth::Unknown) } else { interface });
        }
        if self.policy_type == PolicyType::Resource
            && self.effect == Effect::Deny
            && applicability::opens_its_own_bucket(request)
        {
            named = Named::NOT;
        }
        if named.at_all().is_false() {
            return Matched { truth: Truth::False, named };
        }
        let resource = self.resource(request, view);
        let truth = if resource.is_false() {
            resource
        } else {
            action.and(resource).and(all(self.conditions.iter().map(|condition| condition.evaluate(view))))
        };
        Matched { truth, named }
    }

    /// Does the resource element match?
    pub fn resource(&self, request: &Request, view: &View<'_>) -> Truth {
        any(self.resources.iter().map(|pattern| pattern.matches(&request.resource, view))).negated_if(self.resources_negated)
    }

    /// Every key that the statement reads, in conditions and policy variables. In lower case.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().flat_map(Condition::keys).chain(self.resource_variables())
    }

    /// The keys of policy variables in the resource element, in lower case.
    pub fn resource_variables(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().flat_map(ResourcePattern::variables)
    }

    /// The texts of the resource element of which it is not known whether the resource matches them.
    pub fn open_resources(&self, request: &Request, view: &View<'_>) -> impl Iterator<Item = &ResourcePattern> {
        self.resources.iter().filter(|pattern| pattern.matches(&request.resource, view).is_unknown())
    }
}

impl ResourcePattern {
    fn everything() -> ResourcePattern {
        ResourcePattern { known_as: "*".to_owned(), form: ResourceForm::Constant(Glob::new("*")) }
    }

    fn compile(text: &str, version: Version, policy_type: PolicyType) -> ResourcePattern {
        let nothing = || ResourcePattern { known_as: text.to_owned(), form: ResourceForm::Nothing };
        let Some(completed) = complete_arn(text, policy_type) else { return nothing() };
        let Ok(template) = Template::parse(&completed, version, true) else { return nothing() };
        let known_as = template.canonical();
        let form = match template.constant() {
            Some(tokens) => ResourceForm::Constant(bound(tokens.to_vec())),
            None => ResourceForm::Template(template),
        };
        ResourcePattern { known_as, form }
    }

    /// The text with its variables put in, if all of them are known.
    pub fn resolved(&self, view: &View<'_>) -> ResourcePattern {
        let ResourceForm::Template(template) = &self.form else { return self.clone() };
        match template.resolve(view) {
            Resolved::Tokens(tokens) => {
                ResourcePattern { known_as: canonical(&tokens), form: ResourceForm::Constant(bound(tokens)) }
            }
            Resolved::Null | Resolved::Unknown(_) => self.clone(),
        }
    }

    /// The keys of policy variables in the text, in lower case.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let template = match &self.form {
            ResourceForm::Template(template) => Some(template),
            ResourceForm::Constant(_) | ResourceForm::Nothing => None,
        };
        template.into_iter().flat_map(Template::variables)
    }

    /// The variable, with the values of it that are worth trying if the resource is known.
    pub fn fitting(&self, resource: &Resource) -> Option<(&str, Vec<String>)> {
        match (&self.form, resource) {
            (ResourceForm::Template(template), Resource::Known(arn)) => template.fitting(arn),
            _ => None,
        }
    }

    /// Whether the resource matches the text, as a question.
    pub fn question(&self) -> Asked<'_> {
        Asked { subject: None, comparison: RESOURCE, of: Of::Text(&self.known_as) }
    }

    /// Can no ARN match both texts?
    pub fn excludes(&self, other: &ResourcePattern) -> bool {
        match (&self.form, &other.form) {
            (ResourceForm::Constant(own), ResourceForm::Constant(other)) => !own.meets(other),
            _ => false,
        }
    }

    /// Does every ARN that matches the other text match this one?
    pub fn includes(&self, other: &ResourcePattern) -> bool {
        match (&self.form, &other.form) {
            (ResourceForm::Constant(own), ResourceForm::Constant(other)) => own.covers(other),
            _ => false,
        }
    }

    fn matches(&self, resource: &Resource, view: &View<'_>) -> Truth {
        let truth = match &self.form {
            ResourceForm::Nothing => Truth::False,
            ResourceForm::Constant(glob) => glob_matches(glob, resource),
            ResourceForm::Template(template) => match template.resolve(view) {
                Resolved::Tokens(tokens) => glob_matches(&bound(tokens), resource),
                Resolved::Null => Truth::False,
                Resolved::Unknown(_) if matches!(resource, Resource::Known(arn) if template.is_supposed_otherwise(arn, view)) => {
                    Truth::False
                }
                Resolved::Unknown(tokens) => glob_matches(&Glob::from_tokens(tokens), resource).and(Truth::Unknown),
            },
        };
        if !truth.is_unknown() || view.answers.is_empty() {
            return truth;
        }
        view.answer(self.question()).or_else(|| view.answer(self.resolved(view).question()))
    }
}

fn bound(mut tokens: Vec<Token>) -> Glob {
    bind_to_arn_parts(&mut tokens);
    Glob::from_tokens(tokens)
}

fn glob_matches(glob: &Glob, resource: &Resource) -> Truth {
    match resource {
        Resource::Known(arn) => glob.matches(arn).into(),
        Resource::Unknown if glob.is_everything() => Truth::True,
        Resource::Unknown => Truth::Unknown,
        Resource::Partial(partial) if glob.covers(partial) => Truth::True,
        Resource::Partial(partial) if glob.overlaps(partial) => Truth::Unknown,
        Resource::Partial(_) => Truth::False,
    }
}

/// An ARN pattern with fewer than six parts, as policies of the type complete it. `None`: AWS refuses it there.
///
/// Identity policies and boundaries complete it with `*`; resource-based and endpoint policies read it as it is; a service control
/// policy takes it if it ends in `*`.
pub fn complete_arn(text: &str, policy_type: PolicyType) -> Option<String> {
    let colons = text.split("${").next().unwrap_or_default().matches(':').count();
    if colons >= 5 || !text.starts_with("arn:") || text.contains("${") {
        return Some(text.to_owned());
    }
    match policy_type {
        PolicyType::Identity | PolicyType::Boundary => Some(format!("{text}{}", ":*".repeat(5 - colons))),
        PolicyType::Resource | PolicyType::VpcEndpoint => Some(text.to_owned()),
        PolicyType::ServiceControl => text.ends_with('*').then(|| text.to_owned()),
        PolicyType::ResourceControl | PolicyType::Session => None,
    }
}
