//! What becomes of a call under other policies.

mod layers;

use std::collections::HashMap;
use std::sync::Arc;

use layers::{same_grants, same_levels, same_list, without_passed};

use super::baseline::{Attachments, Place, Scope, Supposition};
use super::candidate::{Plan, Scenario};
use super::owner;
use super::session_policy::SessionPolicies;
use super::{Authorization, Call, Derived, KeySet, World, derive};
use crate::enrich::denied_by;
use crate::inventory::Inventory;
use crate::policy::applicability::{self, Applies};
use crate::policy::compiled::PolicyType;
use crate::policy::context::{Seen, View};
use crate::policy::layers::Policies;
use crate::policy::pattern::Glob;
use crate::policy::request::{PrincipalType, Request, Resource};
use crate::policy::truth::Truth;
use crate::policy::verdict::{Judgement, Verdict, judge, judge_passed};
use crate::report::model::Verdict as RowVerdict;

/// What becomes of a call. In the order in which a reader should look at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It went through, and would be denied.
    NewlyDenied,
    /// It went through; whether it would be denied depends on something that nobody tells.
    MayBeNewlyDenied,
    NewlyAllowed,
    MayBeNewlyAllowed,
    /// What is attached today denies it already, although the log shows that it went through then.
    StillDenied,
    /// The log shows that it was denied.
    AlreadyDenied,
    /// It goes through as before.
    Unchanged,
    /// The change does not concern it.
    NotApplicable,
}

impl Outcome {
    pub const ALL: [Outcome; 8] = [
        Outcome::NewlyDenied,
        Outcome::MayBeNewlyDenied,
        Outcome::NewlyAllowed,
        Outcome::MayBeNewlyAllowed,
        Outcome::StillDenied,
        Outcome::AlreadyDenied,
        Outcome::Unchanged,
        Outcome::NotApplicable,
    ];

    /// As in the `outcome` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::NewlyDenied => "newly_denied",
            Outcome::MayBeNewlyDenied => "may_be_newly_denied",
            Outcome::NewlyAllowed => "newly_allowed",
            Outcome::MayBeNewlyAllowed => "may_be_newly_allowed",
            Outcome::StillDenied => "still_denied",
            Outcome::AlreadyDenied => "already_denied",
            Outcome::Unchanged => "unchanged",
            Outcome::NotApplicable => "not_applicable",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Outcome::NewlyDenied => "newly denied",
            Outcome::MayBeNewlyDenied => "may be newly denied",
            Outcome::NewlyAllowed => "newly allowed",
            Outcome::MayBeNewlyAllowed => "may be newly allowed",
            Outcome::StillDenied => "still denied",
            Outcome::AlreadyDenied => "denied already",
            Outcome::Unchanged => "unchanged",
            Outcome::NotApplicable => "not applicable",
        }
    }

    /// The verdict column.
    pub fn verdict(self) -> RowVerdict {
        match self {
            Outcome::NewlyDenied => RowVerdict::Denied,
            Outcome::MayBeNewlyDenied | Outcome::MayBeNewlyAllowed => RowVerdict::Undetermined,
            Outcome::StillDenied | Outcome::AlreadyDenied => RowVerdict::Information,
            Outcome::NewlyAllowed | Outcome::Unchanged => RowVerdict::NotDenied,
            Outcome::NotApplicable => RowVerdict::NotApplicable,
        }
    }
}

/// What becomes of one call, and everything that explains it.
#[derive(Debug)]
pub struct Judged {
    pub outcome: Outcome,
    /// Why no policy is asked, or why the change does not concern the call.
    pub not_applicable: Option<String>,
    /// The permissions of the call, each with its answers. Empty if no policy is asked.
    pub permissions: Vec<Permission>,
    /// The permission that decides: an index into `permissions`.
    pub deciding: Option<usize>,
}

/// One permission of a call under today's policies and those of the scenario.
#[derive(Debug)]
pub struct Permission {
    pub authorization: Authorization,
    pub today: Verdict,
    pub then: Verdict,
    /// The answer under the policies of the scenario, unless it is a plain "not denied".
    pub judgement: Option<Judgement>,
    /// The policies that `judgement` is about.
    pub policies: Arc<Policies>,
    /// Everything that is known to be attached today, and after the change.
    pub before: Arc<Policies>,
    pub after: Arc<Policies>,
    /// What the answer depends on besides condition keys.
    pub depends_on: Option<Dependence>,
    /// Does the change concern it? If not, why.
    pub concerned: Result<(), String>,
}

/// What an answer depends on that is no condition key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependence {
    /// Where the account is in the organization.
    OrganizationalUnit,
    /// Through which endpoint the call came.
    Endpoint,
    /// Which resource the call was on.
    Resource,
    /// What the identity-based policies of the caller allow.
    IdentityPolicies,
    /// What session policies allow whose text no record has.
    SessionPolicies,
}

impl Dependence {
    /// What is supposed in the worse case.
    pub fn supposed(self) -> &'static str {
        match self {
            Dependence::OrganizationalUnit => "if the account is below a place that changes",
            Dependence::Endpoint => "if it came through the VPC endpoint",
            Dependence::Resource => "if it was on the resource",
            Dependence::IdentityPolicies => "if the caller's identity-based policies do not allow it",
            Dependence::SessionPolicies => "if the policies of the session do not allow it",
        }
    }

    /// What would settle it.
    pub fn settled_by(self) -> &'static str {
        match self {
            Dependence::OrganizationalUnit => {
                "the organizational unit of the account: provide the organization tree (organizations-tree.json in the inventory)"
            }
            Dependence::Endpoint => "the VPC endpoint that the call came through: provide the VPC endpoints of the inventory",
            Dependence::Resource => "the resource of the call, which its record does not name in full",
            Dependence::IdentityPolicies => {
                "whether the caller's identity-based policies allow the call, or only today's policy of the resource does"
            }
            Dependence::SessionPolicies => {
                "the text of the policies that the session was given when it was issued, which no record has"
            }
        }
    }
}

/// Policies of a scope: today's and the scenario's, and which layers differ.
struct Layers {
    today: Arc<Policies>,
    then: Arc<Policies>,
    /// The scenario's changes alone.
    alone: Option<Arc<Policies>>,
    changed: Changed,
}

#[derive(Debug, Clone, Copy, Default)]
struct Changed {
    service_control: bool,
    resource_control: bool,
    endpoint: bool,
    resource: bool,
}

/// The keys that decide in any scenario: what policies read, and what tells where a call belongs.
pub fn keys_that_decide(plan: &Plan) -> KeySet {
    let of_scenarios =
        plan.scenarios.iter().flat_map(|scenario| [Some(&scenario.attachments), scenario.alone.as_ref()]).flatten();
    let policies = [&plan.today].into_iter().chain(of_scenarios).flat_map(Attachments::policies_anywhere);
    let read = policies.flat_map(|policy| policy.statements.iter()).flat_map(|statement| statement.keys().map(str::to_owned));
    read.chain(["aws:ResourceAccount", "aws:SourceVpce"].map(str::to_owned)).collect()
}

/// Judges calls one after the other; what several calls share is made once. One for each thread.
pub struct Judge<'a> {
    plan: &'a Plan,
    inventory: &'a Inventory,
    /// Places with a policy of their own under judgement or today.
    endpoints: Vec<&'a str>,
    resources: Vec<(&'a str, Glob)>,
    uses_units: bool,
    /// The keys that policies ask for.
    asked: KeySet,
    layers: HashMap<(usize, Scope, Supposition), Arc<Layers>>,
    outcomes_only: bool,
}

impl<'a> Judge<'a> {
    pub fn new(plan: &'a Plan, inventory: &'a Inventory) -> Judge<'a> {
        let mut endpoints: Vec<&str> = Vec::new();
        let mut resources: Vec<&str> = plan.today.resources().collect();
        for scenario in &plan.scenarios {
            endpoints.extend(scenario.targets().filter_map(|target| match target {
                super::attach::Target::Endpoint(id) => Some(id.as_str()),
                _ => None,
            }));
            resources.extend(scenario.attachments.resources());
        }
        for list in [&mut endpoints, &mut resources] {
            list.sort_unstable();
            list.dedup();
        }
        Judge {
            plan,
            inventory,
            endpoints,
            resources: resources.into_iter().map(|arn| (arn, below(arn))).collect(),
            uses_units: plan.today.uses_units() || plan.scenarios.iter().any(|scenario| scenario.attachments.uses_units()),
            asked: keys_that_decide(plan),
            layers: HashMap::new(),
            outcomes_only: false,
        }
    }

    /// Leaves out what does not change an outcome of [`Outcome::Unchanged`]: what today's policies say of a call that went through,
    /// and that nothing new denies. Faster; `today` of a permission then says nothing.
    #[must_use]
    pub fn outcomes_only(self) -> Judge<'a> {
        Judge { outcomes_only: true, ..self }
    }

    /// What becomes of a call in every scenario.
    pub fn judge(&mut self, call: &Call, world: &World<'_>) -> Vec<Judged> {
        let numbers: Vec<usize> = (0..self.plan.scenarios.len()).collect();
        match derive(call, &world.naming(&self.asked)) {
            Derived::NotAuthorized { reason } => numbers
                .into_iter()
                .map(|_| Judged {
                    outcome: Outcome::NotApplicable,
                    not_applicable: Some(reason.clone()),
                    permissions: Vec::new(),
                    deciding: None,
                })
                .collect(),
            Derived::Authorizations(authorizations) => {
                // A call that went through passed its session policies.
                let link = call.was_denied().then(|| world.lineage.link(call)).flatten();
                let session = link.and_then(SessionPolicies::of);
                numbers.into_iter().map(|number| self.judge_in(number, call, &authorizations, session.as_ref())).collect()
            }
        }
    }

    /// What becomes of a call in one scenario, with what narrows its session if it was denied.
    fn judge_in(
        &mut self,
        number: usize,
        call: &Call,
        authorizations: &[Authorization],
        session: Option<&SessionPolicies>,
    ) -> Judged {
        let went_through = !call.was_denied();
        let permissions: Vec<Permission> =
            authorizations.iter().map(|own| self.permission(number, own, went_through, session)).collect();
        let concerned = permissions.iter().any(|permission| permission.concerned.is_ok());
        if !concerned {
            let why = permissions.iter().find_map(|permission| permission.concerned.as_ref().err().cloned());
            return Judged { outcome: Outcome::NotApplicable, not_applicable: why, permissions, deciding: None };
        }
        let today = together(&permissions, |permission| permission.today);
        let (then, deciding) = deciding(&permissions);
        let only_adds = self.only_adds(number);
        let outcome = match (went_through, today, then) {
            (false, Verdict::Denied, Verdict::NotDenied | Verdict::Undetermined) if self.is_denied_elsewhere(number, call) => {
                Outcome::AlreadyDenied
            }
            (false, Verdict::Denied, Verdict::NotDenied) => Outcome::NewlyAllowed,
            (false, Verdict::Denied, Verdict::Undetermined) => Outcome::MayBeNewlyAllowed,
            (false, _, _) => Outcome::AlreadyDenied,
            (true, Verdict::Denied, Verdict::Denied) => Outcome::StillDenied,
            (true, Verdict::Denied, Verdict::Undetermined) if only_adds => Outcome::StillDenied,
            (true, Verdict::Denied, Verdict::Undetermined) => Outcome::MayBeNewlyAllowed,
            (true, Verdict::Denied, Verdict::NotDenied) if only_adds => Outcome::Unchanged,
            (true, Verdict::Denied, Verdict::NotDenied) => Outcome::NewlyAllowed,
            (true, _, Verdict::Denied) => Outcome::NewlyDenied,
            (true, _, Verdict::Undetermined) => Outcome::MayBeNewlyDenied,
            (true, _, Verdict::NotDenied) => Outcome::Unchanged,
        };
        Judged { outcome, not_applicable: None, permissions, deciding }
    }

    fn only_adds(&self, number: usize) -> bool {
        self.plan.scenarios.get(number).is_some_and(Scenario::only_adds)
    }

    /// Does the log name a type of policy that denied the call, and the change none of that type? Then the call stays denied.
    fn is_denied_elsewhere(&self, number: usize, call: &Call) -> bool {
        let Some(named) = denied_by(call.error_code.as_deref(), call.error_message.as_deref()) else { return false };
        let Some(scenario) = self.plan.scenarios.get(number) else { return false };
        let named = if named == "role trust policy" { PolicyType::Resource.title() } else { named };
        !self.changed_types(scenario).iter().any(|policy_type| policy_type.title() == named)
    }

    fn permission(
        &mut self,
        number: usize,
        authorization: &Authorization,
        went_through: bool,
        session: Option<&SessionPolicies>,
    ) -> Permission {
        let request = &authorization.request;
        let (scope, suppositions) = self.scope(request);
        let mut answers: Vec<Answer> = Vec::with_capacity(suppositions.len());
        let needs_today = !(self.outcomes_only && went_through && self.only_adds(number));
        let mut concerned: Result<(), String> = Err(String::new());
        for (supposition, dependence) in suppositions {
            let layers = self.layers(number, &scope, &supposition);
            let applies = self.concerns(number, &layers, request, &scope);
            if concerned.is_err() {
                concerned = applies;
            }
            let policies = match &layers.alone {
                Some(alone) if went_through => alone,
                _ => &layers.then,
            };
            let Some(session) = session else {
                // A call that went through passed what stays as it is, whatever the keys are that nobody knows.
                let has_passed = went_through && layers.alone.is_none();
                let answer = Answer::of(&layers.today, policies, has_passed, needs_today, request, dependence);
                let answer = Answer { before: Arc::clone(&layers.today), after: Arc::clone(&layers.then), ..answer };
                // It went through: a supposition under which it would not have is wrong.
                let is_wrong = supposition.no_identity_grant
                    && went_through
                    && (answer.today == Verdict::Denied
                        || owner::trusts_its_account_alone(self.inventory, scope.resource.as_deref()));
                if !is_wrong {
                    answers.push(answer);
                }
                continue;
            };
            for (number, way) in session.ways().into_iter().enumerate() {
                let narrow =
                    |layers: &Arc<Policies>| Arc::new(Policies { session: Some(way.clone()), ..Policies::clone(layers) });
                let dependence = if number == 0 { dependence } else { Some(Dependence::SessionPolicies) };
                let before = narrow(&layers.today);
                let answer = Answer::of(&before, &narrow(policies), false, true, request, dependence);
                answers.push(Answer { before, after: narrow(&layers.then), ..answer });
            }
        }
        let is_evidence = went_through && !self.only_adds(number);
        if is_evidence && answers.iter().any(|answer| answer.today != Verdict::Denied) {
            // What today's policies would have denied is not how it was.
            answers.retain(|answer| answer.today != Verdict::Denied);
        }
        let first = answers.first().map_or((Verdict::NotDenied, Verdict::NotDenied), |answer| (answer.today, answer.then));
        let differing = answers.iter().find(|answer| answer.then != first.1);
        let depends_on = differing.and_then(|answer| answer.dependence);
        let then = if differing.is_some() { Verdict::Undetermined } else { first.1 };
        let today = if answers.iter().any(|answer| answer.today != first.0) { Verdict::Undetermined } else { first.0 };
        // The answer that says most: a denial, or else what is open.
        let shown = answers
            .iter()
            .position(|answer| answer.then == Verdict::Denied)
            .or_else(|| answers.iter().position(|answer| answer.then == Verdict::Undetermined))
            .unwrap_or(0);
        let (judgement, policies, before, after) = match answers.into_iter().nth(shown) {
            Some(answer) => (answer.judgement, answer.policies, answer.before, answer.after),
            None => Default::default(),
        };
        Permission {
            authorization: authorization.clone(),
            today,
            then,
            judgement,
            policies,
            before,
            after,
            depends_on,
            concerned,
        }
    }

    fn layers(&mut self, number: usize, scope: &Scope, supposition: &Supposition) -> Arc<Layers> {
        let key = (number, scope.clone(), supposition.clone());
        if let Some(layers) = self.layers.get(&key) {
            return Arc::clone(layers);
        }
        let of = |attachments: &Attachments| Arc::new(attachments.policies(scope, supposition));
        let today = of(&self.plan.today);
        let scenario = self.plan.scenarios.get(number);
        let then = scenario.map_or_else(|| Arc::clone(&today), |scenario| of(&scenario.attachments));
        let alone = scenario.and_then(|scenario| scenario.alone.as_ref()).map(of);
        let changed = Changed {
            service_control: !same_levels(&today.service_control, &then.service_control),
            resource_control: !same_levels(&today.resource_control, &then.resource_control),
            endpoint: !same_list(today.vpc_endpoint.as_deref(), then.vpc_endpoint.as_deref()),
            resource: !same_grants(&today.resource, &then.resource),
        };
        let layers = Arc::new(Layers { today, then, alone, changed });
        self.layers.insert(key, Arc::clone(&layers));
        layers
    }

    /// Does the change concern the request? If not, why.
    fn concerns(&self, number: usize, layers: &Layers, request: &Request, scope: &Scope) -> Result<(), String> {
        if applicability::is_never_denied(request) {
            return Err(format!("no policy can deny {}", request.action));
        }
        let changed = layers.changed;
        let mut reasons: Vec<String> = Vec::new();
        let mut ask = |changed: bool, applies: Applies| {
            let concerned = changed && !applies.truth.is_false();
            if changed && !concerned {
                reasons.push(applies.reason.to_owned());
            }
            concerned
        };
        if ask(changed.service_control, applicability::service_control(request))
            || ask(changed.resource_control, applicability::resource_control(request))
            || ask(changed.endpoint, applicability::vpc_endpoint(request))
            || changed.resource
        {
            return Ok(());
        }
        match reasons.into_iter().next() {
            Some(reason) => Err(reason),
            None => Err(self.outside(number, request, scope)),
        }
    }

    /// Why nothing that changes is attached where the request passes.
    fn outside(&self, number: usize, request: &Request, scope: &Scope) -> String {
        let Some(scenario) = self.plan.scenarios.get(number) else { return "nothing changes".to_owned() };
        let places: Vec<String> = scenario.targets().map(|target| target.as_str().to_owned()).collect();
        let places = if places.is_empty() { "the places that change".to_owned() } else { places.join(", ") };
        let account = |id: &str| match self.inventory.account(id).and_then(|account| account.name.as_deref()) {
            Some(name) => format!("{name} ({id})"),
            None => id.to_owned(),
        };
        let types = self.changed_types(scenario);
        if types.contains(&PolicyType::ServiceControl) {
            let applies = applicability::service_control(request);
            if applies.truth.is_false() {
                return applies.reason.to_owned();
            }
            return match &request.principal.account {
                Some(id) => format!("the caller's account {} is not under {places}", account(id)),
                None => format!("the caller is not under {places}"),
            };
        }
        if types.contains(&PolicyType::ResourceControl) {
            let applies = applicability::resource_control(request);
            if applies.truth.is_false() {
                return applies.reason.to_owned();
            }
            let owner = request.resource_account.as_ref().or(request.principal.account.as_ref());
            return match owner {
                Some(id) => format!("the resource's account {} is not under {places}", account(id)),
                None => format!("the resource is not under {places}"),
            };
        }
        if types.contains(&PolicyType::VpcEndpoint) {
            return match &scope.endpoint {
                Some(id) => format!("the call came through {id}, not through {places}"),
                None => format!("the call did not come through {places}"),
            };
        }
        format!("the call is not on {places}")
    }

    /// The types of the policies that come, go or change.
    fn changed_types(&self, scenario: &Scenario) -> Vec<PolicyType> {
        scenario.candidates().map(|candidate| candidate.policy.policy_type).chain(self.detached_types(scenario)).collect()
    }

    fn detached_types(&self, scenario: &Scenario) -> Vec<PolicyType> {
        let policies = self.plan.today.organization_policies();
        scenario
            .changes
            .iter()
            .filter_map(|change| match &change.kind {
                super::candidate::ChangeKind::Detach { policy, .. } => {
                    policies.iter().find(|(id, name, _)| id == policy || name == policy).map(|(_, _, policy_type)| *policy_type)
                }
                _ => None,
            })
            .collect()
    }

    /// Which policies the request meets, and what has to be supposed to say so.
    fn scope(&self, request: &Request) -> (Scope, Vec<(Supposition, Option<Dependence>)>) {
        let caller = self.place(request.principal.account.as_deref(), request.facts.principal_in_organization);
        let owner = match (&request.resource_account, request.context.get("aws:resourceaccount")) {
            (Some(account), _) => self.place(Some(account), request.facts.resource_in_organization),
            (None, Seen::Values([account])) => self.place(Some(account), request.facts.resource_in_organization),
            (None, Seen::Unknown(_)) if !request.facts.resource_in_organization.is_false() => Place::Unknown(None),
            (None, _) => self.place(request.principal.account.as_deref(), request.facts.resource_in_organization),
        };
        let (endpoint, may_be_endpoints) = match request.context.get("aws:sourcevpce") {
            Seen::Values([id, ..]) => (Some(id.clone()), Vec::new()),
            Seen::Unknown(unknown) => {
                let listed = |id: &str| {
                    unknown.candidates.as_ref().is_none_or(|candidates| candidates.iter().flatten().any(|value| value == id))
                };
                (None, self.endpoints.iter().filter(|id| listed(id) && self.serves(id, request)).copied().collect())
            }
            _ => (None, Vec::new()),
        };
        let mut resource = None;
        let mut may_be_resources: Vec<&str> = Vec::new();
        for (arn, pattern) in &self.resources {
            match is_on(arn, pattern, &request.resource, &request.service) {
                Truth::True => resource = Some((*arn).to_owned()),
                Truth::Unknown => may_be_resources.push(arn),
                Truth::False => {}
            }
        }
        let units = self.uses_units && (caller.is_unknown() || owner.is_unknown());
        let base = Supposition { under_every_unit: units, ..Supposition::default() };
        let mut suppositions = vec![(base.clone(), None)];
        if units {
            suppositions.insert(0, (Supposition::default(), None));
            if let Some((_, dependence)) = suppositions.get_mut(1) {
                *dependence = Some(Dependence::OrganizationalUnit);
            }
        }
        for id in may_be_endpoints {
            let supposed = Supposition { endpoint: Some(id.to_owned()), ..base.clone() };
            suppositions.push((supposed, Some(Dependence::Endpoint)));
        }
        for arn in may_be_resources {
            let supposed = Supposition { resource: Some(arn.to_owned()), ..base.clone() };
            suppositions.push((supposed, Some(Dependence::Resource)));
        }
        let has_identity = !matches!(
            request.principal.principal_type,
            PrincipalType::Service | PrincipalType::Anonymous | PrincipalType::Federated | PrincipalType::Root
        );
        if resource.is_some() && has_identity && !request.is_cross_account() {
            let supposed = Supposition { no_identity_grant: true, ..base };
            suppositions.push((supposed, Some(Dependence::IdentityPolicies)));
        }
        (Scope { caller, owner, endpoint, resource }, suppositions)
    }

    fn place(&self, account: Option<&str>, in_organization: Truth) -> Place {
        match (account, in_organization) {
            (_, Truth::False) | (None, Truth::True) => Place::Outside,
            (None, Truth::Unknown) => Place::Unknown(None),
            (Some(account), _) => match Place::of(account, self.inventory) {
                Place::Outside => Place::Unknown(Some(account.to_owned())),
                place => place,
            },
        }
    }

    /// May calls to the service come through the endpoint?
    fn serves(&self, endpoint: &str, request: &Request) -> bool {
        const PLAIN: [&str; 9] = ["s3", "dynamodb", "kms", "sts", "sqs", "sns", "lambda", "secretsmanager", "logs"];
        let service = self.inventory.vpc_endpoint(endpoint).and_then(|endpoint| endpoint.service_name.as_deref());
        let Some(own) = service.and_then(|name| name.rsplit('.').next()) else { return true };
        !(PLAIN.contains(&own) && PLAIN.contains(&request.service.as_str())) || own == request.service
    }
}

struct Answer {
    today: Verdict,
    then: Verdict,
    judgement: Option<Judgement>,
    policies: Arc<Policies>,
    before: Arc<Policies>,
    after: Arc<Policies>,
    dependence: Option<Dependence>,
}

impl Answer {
    /// `has_passed`: the request is known to have passed today's policies. `needs_today`: what they say of it is wanted even if
    /// nothing denies it then.
    fn of(
        today: &Policies,
        policies: &Arc<Policies>,
        has_passed: bool,
        needs_today: bool,
        request: &Request,
        dependence: Option<Dependence>,
    ) -> Answer {
        let is_denied = policies.decide(request, &View::of(&request.context)).denied();
        let of_today = if is_denied.is_false() && !needs_today { Verdict::NotDenied } else { quick(today, request) };
        let judgement = if is_denied.is_false() {
            None
        } else if has_passed && of_today == Verdict::Undetermined {
            Some(judge_passed(&without_passed(policies, today), today, request))
        } else {
            Some(judge(policies, request))
        };
        let then = judgement.as_ref().map_or(Verdict::NotDenied, |judgement| judgement.verdict);
        Answer {
            today: of_today,
            then,
            judgement,
            policies: Arc::clone(policies),
            before: Arc::default(),
            after: Arc::default(),
            dependence,
        }
    }
}

/// The verdict alone.
fn quick(policies: &Policies, request: &Request) -> Verdict {
    match policies.decide(request, &View::of(&request.context)).denied() {
        Truth::True => Verdict::Denied,
        Truth::False => Verdict::NotDenied,
        Truth::Unknown => judge(policies, request).verdict,
    }
}

/// The verdict of all permissions together: denied if one that is surely needed is denied, or each of which the call needs some.
fn together(permissions: &[Permission], verdict: impl Fn(&Permission) -> Verdict) -> Verdict {
    let mut result = Verdict::NotDenied;
    if needs_some(permissions) && own(permissions).all(|permission| verdict(permission) == Verdict::Denied) {
        return Verdict::Denied;
    }
    for permission in permissions {
        match verdict(permission) {
            Verdict::Denied if permission.authorization.certain => return Verdict::Denied,
            Verdict::Denied | Verdict::Undetermined => result = Verdict::Undetermined,
            Verdict::NotDenied => {}
        }
    }
    result
}

/// The permissions that are the call's own.
fn own(permissions: &[Permission]) -> impl Iterator<Item = &Permission> {
    permissions.iter().filter(|permission| permission.authorization.dependent.is_none())
}

/// Is it not known which of its own permissions the call needs? Some it does.
fn needs_some(permissions: &[Permission]) -> bool {
    let mut own = own(permissions).peekable();
    own.peek().is_some() && own.all(|permission| !permission.authorization.certain)
}

/// The verdict under the scenario, and the first permission that makes it so.
fn deciding(permissions: &[Permission]) -> (Verdict, Option<usize>) {
    let verdict = together(permissions, |permission| permission.then);
    let deciding = match verdict {
        Verdict::Denied => {
            let is_denied = |permission: &Permission| permission.then == Verdict::Denied;
            let certain = permissions.iter().position(|permission| is_denied(permission) && permission.authorization.certain);
            certain.or_else(|| permissions.iter().position(is_denied))
        }
        Verdict::Undetermined => permissions.iter().position(|permission| permission.then != Verdict::NotDenied),
        Verdict::NotDenied => permissions.iter().position(|permission| permission.concerned.is_ok()),
    };
    (verdict, deciding)
}

/// What belongs to a resource: itself, the objects of a bucket, the streams of a log group, the versions of a function.
fn below(arn: &str) -> Glob {
    Glob::new(&format!("{arn}*"))
}

/// Is the call on the resource, or on a part of it?
fn is_on(arn: &str, pattern: &Glob, resource: &Resource, service: &str) -> Truth {
    match resource {
        Resource::Known(found) => match found.strip_prefix(arn) {
            Some("") => Truth::True,
            Some(rest) => rest.starts_with(['/', ':']).into(),
            None => Truth::False,
        },
        Resource::Partial(partial) if pattern.covers(partial) => {
            // The rest must be a part of it, and not a longer name.
            let part = [format!("{arn}/*"), format!("{arn}:*"), arn.to_owned()];
            let certain = part.iter().any(|part| Glob::new(part).covers(partial));
            if certain { Truth::True } else { Truth::Unknown }
        }
        Resource::Partial(partial) if pattern.overlaps(partial) => Truth::Unknown,
        Resource::Partial(_) => Truth::False,
        Resource::Unknown => {
            let own = crate::policy::pattern::arn_parts(arn).is_some_and(|[_, _, own, ..]| own == service);
            if own { Truth::Unknown } else { Truth::False }
        }
    }
}
