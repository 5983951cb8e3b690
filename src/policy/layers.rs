//! The policies of all types, and how they decide together.
//!
//! The order of evaluation: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>;
//! across accounts: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>;
//! service control policies level by level:
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>.

use std::sync::Arc;

use super::applicability::{self, Applies};
use super::compiled::{Matched, Policy, PolicyType, Statement};
use super::context::View;
use super::document::Effect;
use super::request::{PrincipalType, Request, Resource};
use super::truth::{Truth, all};

/// The policies that a request is judged by. A layer that is left out is not asked.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// From the root down to the account; each level must allow.
    pub service_control: Option<Vec<Level>>,
    /// From the root down to the account. The Allow of `RCPFullAWSAccess`, which cannot be detached, is understood.
    pub resource_control: Option<Vec<Level>>,
    /// Of the VPC endpoint that the request comes through.
    pub vpc_endpoint: Option<Vec<Arc<Policy>>>,
    pub resource: Grants,
    pub identity: Grants,
    pub boundary: Option<Vec<Arc<Policy>>>,
    pub session: Option<Vec<Arc<Policy>>>,
}

/// One level of the organization.
#[derive(Debug, Clone, Default)]
pub struct Level {
    /// For people: "root", "ou-abcd-11111111", the account.
    pub name: Option<String>,
    pub policies: Vec<Arc<Policy>>,
}

/// A layer that grants. As soon as one of identity and resource policies is given, the other, left out, means that there is none.
#[derive(Debug, Clone, Default)]
pub enum Grants {
    #[default]
    NotGiven,
    /// Whatever they are, they allow the request and do not deny it: the call was seen to succeed.
    Assumed,
    Policies(Vec<Arc<Policy>>),
}

impl Grants {
    fn policies(&self) -> &[Arc<Policy>] {
        match self {
            Grants::Policies(policies) => policies,
            Grants::NotGiven | Grants::Assumed => &[],
        }
    }

    fn is_given(&self) -> bool {
        !matches!(self, Grants::NotGiven)
    }
}

/// How the layers decide one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Does a Deny statement match?
    pub explicit: Truth,
    /// Layers that must allow, with what they say; the level for those that have levels.
    pub needed: Vec<Needed>,
}

/// One permission that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    pub layer: Layer,
    pub level: Option<usize>,
    pub allowed: Truth,
}

/// What must allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    Policy(PolicyType),
    /// Identity policies, boundary, session policy and resource policy of one account, together.
    SameAccount,
    /// Identity policies, boundary and session policy of the caller's account.
    CallerAccount,
    /// The resource policy of the owner's account.
    OwnerAccount,
}

impl Decision {
    pub fn denied(&self) -> Truth {
        self.explicit.or(all(self.needed.iter().map(|needed| needed.allowed)).negated())
    }
}

/// What one policy or several say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Said {
    deny: Truth,
    /// Allowed by naming whom: see [`super::principal::Named`].
    directly: Truth,
    by_role: Truth,
    by_account: Truth,
}

impl Said {
    const NOTHING: Said = Said { deny: Truth::False, directly: Truth::False, by_role: Truth::False, by_account: Truth::False };

    /// What both say together, who say it of the same place.
    pub fn or(self, other: Said) -> Said {
        Said {
            deny: self.deny.or(other.deny),
            directly: self.directly.or(other.directly),
            by_role: self.by_role.or(other.by_role),
            by_account: self.by_account.or(other.by_account),
        }
    }

    /// What is certain if it is one or the other.
    pub fn either(self, other: Said) -> Said {
        Said {
            deny: self.deny.either(other.deny),
            directly: self.directly.either(other.directly),
            by_role: self.by_role.either(other.by_role),
            by_account: self.by_account.either(other.by_account),
        }
    }

    pub fn is_open(self) -> bool {
        [self.deny, self.directly, self.by_role, self.by_account].contains(&Truth::Unknown)
    }

    fn allow(self) -> Truth {
        self.directly.or(self.by_role).or(self.by_account)
    }
}

/// One policy at its place.
#[derive(Debug, Clone, Copy)]
pub struct Attached<'a> {
    pub policy: &'a Policy,
    pub level: Option<usize>,
    pub applies: Applies,
}

impl Policies {
    /// Has the caller a permissions boundary?
    pub fn has_boundary(&self) -> bool {
        self.boundary.is_some()
    }

    /// Every policy with its level, and whether its type applies to the request.
    pub fn attached<'a>(&'a self, request: &Request) -> Vec<Attached<'a>> {
        let mut attached = Vec::new();
        let mut add = |policies: &'a [Arc<Policy>], level: Option<usize>, applies: Applies| {
            attached.extend(policies.iter().map(|policy| Attached { policy, level, applies }));
        };
        for (number, level) in self.service_control.iter().flatten().enumerate() {
            add(&level.policies, Some(number), applicability::service_control(request));
        }
        for (number, level) in self.resource_control.iter().flatten().enumerate() {
            add(&level.policies, Some(number), applicability::resource_control(request));
        }
        add(self.vpc_endpoint.as_deref().unwrap_or_default(), None, applicability::vpc_endpoint(request));
        add(self.resource.policies(), None, applicability::always());
        add(self.identity.policies(), None, applicability::always());
        add(self.boundary.as_deref().unwrap_or_default(), None, applicability::always());
        add(self.session.as_deref().unwrap_or_default(), None, applicability::always());
        attached
    }

    /// How the policies decide the request under the suppositions of `view`.
    pub fn decide(&self, request: &Request, view: &View<'_>) -> Decision {
        self.decide_by(request, &mut |policies| self.said(policies, request, view, &|_| true))
    }

    /// What the statements that `keep` chooses say at each place, in the order in which [`Policies::decide_said`] asks for it.
    pub fn sayings(&self, request: &Request, view: &View<'_>, keep: &impl Fn(&Statement) -> bool) -> Vec<Said> {
        let mut sayings = Vec::new();
        self.decide_by(request, &mut |policies| {
            let said = self.said(policies, request, view, keep);
            sayings.push(said);
            said
        });
        sayings
    }

    /// How the policies decide the request if this is what they say.
    pub fn decide_said(&self, request: &Request, sayings: &[Said]) -> Decision {
        let mut sayings = sayings.iter();
        self.decide_by(request, &mut |_| sayings.next().copied().unwrap_or(Said::NOTHING))
    }

    fn decide_by(&self, request: &Request, said: &mut dyn FnMut(&[Arc<Policy>]) -> Said) -> Decision {
        let mut decision = Decision { explicit: Truth::False, needed: Vec::new() };
        if !applicability::is_never_denied(request) {
            self.guardrails(request, said, &mut decision);
            self.grants(request, said, &mut decision);
        }
        decision
    }

    /// Service control, resource control and endpoint policies: they only take away.
    fn guardrails(&self, request: &Request, said: &mut dyn FnMut(&[Arc<Policy>]) -> Said, decision: &mut Decision) {
        if let Some(levels) = &self.service_control {
            let applies = applicability::service_control(request).truth;
            for (number, level) in levels.iter().enumerate().filter(|_| !applies.is_false()) {
                let said = said(&level.policies);
                decision.explicit = decision.explicit.or(said.deny.and(applies));
                let allowed = said.allow().or(applies.negated());
                let layer = Layer::Policy(PolicyType::ServiceControl);
                decision.needed.push(Needed { layer, level: Some(number), allowed });
            }
        }
        if let Some(levels) = &self.resource_control {
            let applies = applicability::resource_control(request).truth;
            for level in levels.iter().filter(|_| !applies.is_false()) {
                let said = said(&level.policies);
                decision.explicit = decision.explicit.or(said.deny.and(applies));
            }
        }
        if let Some(policies) = &self.vpc_endpoint {
            let applies = applicability::vpc_endpoint(request).truth;
            let said = said(policies);
            decision.explicit = decision.explicit.or(said.deny.and(applies));
            let allowed = said.allow().or(applies.negated());
            decision.needed.push(Needed { layer: Layer::Policy(PolicyType::VpcEndpoint), level: None, allowed });
        }
    }

    /// Identity policies, boundary, session policy and resource policy: without a grant the request is denied.
    fn grants(&self, request: &Request, said: &mut dyn FnMut(&[Arc<Policy>]) -> Said, decision: &mut Decision) {
        let kind = request.principal.principal_type;
        let is_root = kind == PrincipalType::Root;
        let mut limit = |policies: &Option<Vec<Arc<Policy>>>| match policies {
            Some(policies) if !is_root => Some(said(policies)),
            _ => None,
        };
        let (boundary, session) = (limit(&self.boundary), limit(&self.session));
        let identity = said(self.identity.policies());
        let resource = said(self.resource.policies());
        for said in [Some(identity), Some(resource), boundary, session].into_iter().flatten() {
            decision.explicit = decision.explicit.or(said.deny);
        }
        let boundary_allows = boundary.map_or(Truth::True, Said::allow);
        let session_allows = session.map_or(Truth::True, Said::allow);
        if !self.identity.is_given() && !self.resource.is_given() {
            // Only what limits is asked.
            for (said, layer) in [(boundary, PolicyType::Boundary), (session, PolicyType::Session)] {
                if let Some(said) = said {
                    decision.needed.push(Needed { layer: Layer::Policy(layer), level: None, allowed: said.allow() });
                }
            }
            return;
        }
        let has_identity = !matches!(kind, PrincipalType::Service | PrincipalType::Anonymous | PrincipalType::Federated);
        let identity_allows = match &self.identity {
            _ if !has_identity => Truth::False,
            _ if is_root => Truth::True,
            Grants::Assumed => Truth::True,
            Grants::NotGiven | Grants::Policies(_) => identity.allow(),
        };
        let limits = boundary_allows.and(session_allows);
        let by_identity = identity_allows.and(limits);
        let (directly, by_role, by_account) = match &self.resource {
            Grants::Assumed => (Truth::True, Truth::False, Truth::False),
            _ => (resource.directly, resource.by_role, resource.by_account),
        };
        let by_owner = directly.or(by_role).or(by_account);
        let crosses = if has_identity { request.crosses_accounts() } else { Truth::False };
        if crosses.is_true() {
            decision.needed.push(Needed { layer: Layer::CallerAccount, level: None, allowed: by_identity });
            decision.needed.push(Needed { layer: Layer::OwnerAccount, level: None, allowed: by_owner });
            return;
        }
        let by_resource = directly.or(by_role.and(limits));
        // The policy of a key or a role must itself allow: naming the account lets identity policies decide.
        let allowed = if resource_policy_must_allow(request) {
            by_resource.or(by_account.and(by_identity))
        } else {
            by_resource.or(by_identity)
        };
        let allowed = if crosses.is_unknown() { allowed.either(by_identity.and(by_owner)) } else { allowed };
        decision.needed.push(Needed { layer: Layer::SameAccount, level: None, allowed });
    }

    /// What the statements of the policies say together.
    fn said(&self, policies: &[Arc<Policy>], request: &Request, view: &View<'_>, keep: &impl Fn(&Statement) -> bool) -> Said {
        let mut said = Said::NOTHING;
        for policy in policies {
            for statement in policy.statements_for(&request.service).filter(|statement| keep(statement)) {
                let Matched { truth, named } = statement.matches(request, view, self.has_boundary());
                match statement.effect {
                    Effect::Deny => said.deny = said.deny.or(truth.and(named.at_all())),
                    Effect::Allow => {
                        said.directly = said.directly.or(truth.and(named.directly));
                        said.by_role = said.by_role.or(truth.and(named.by_role));
                        said.by_account = said.by_account.or(truth.and(named.by_account));
                    }
                }
            }
        }
        said
    }

    /// The policies without the statements that certainly do not match: they decide the same, whatever the unknown keys are.
    pub fn reduced(&self, request: &Request, view: &View<'_>) -> Policies {
        let list = |policies: &[Arc<Policy>]| -> Vec<Arc<Policy>> {
            let reduced = policies.iter().map(|policy| policy.reduced(request, view, self.has_boundary()));
            reduced.filter(|policy| !policy.statements.is_empty()).map(Arc::new).collect()
        };
        let levels = |levels: &Option<Vec<Level>>| -> Option<Vec<Level>> {
            let levels = levels.as_ref()?;
            Some(levels.iter().map(|level| Level { name: None, policies: list(&level.policies) }).collect())
        };
        let grants = |grants: &Grants| match grants {
            Grants::Policies(policies) => Grants::Policies(list(policies)),
            Grants::Assumed => Grants::Assumed,
            Grants::NotGiven => Grants::NotGiven,
        };
        Policies {
            service_control: levels(&self.service_control),
            resource_control: levels(&self.resource_control),
            vpc_endpoint: self.vpc_endpoint.as_deref().map(list),
            resource: grants(&self.resource),
            identity: grants(&self.identity),
            boundary: self.boundary.as_deref().map(list),
            session: self.session.as_deref().map(list),
        }
    }

    /// The statements that may be about the request, each with its place.
    pub fn statements<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = (Attached<'a>, &'a Statement)> {
        let attached = self.attached(request).into_iter();
        attached
            .flat_map(|attached| attached.policy.statements_for(&request.service).map(move |statement| (attached, statement)))
    }
}

/// Key policies and role trust policies must allow; an identity policy alone is not enough. Actions of AWS KMS that are not about a
/// key (`kms:CreateKey`, `kms:ListKeys`, an alias) have no key policy to ask.
pub fn resource_policy_must_allow(request: &Request) -> bool {
    let about_none = matches!(&request.resource, Resource::Known(arn) if arn == "*" || arn.contains(":alias/"));
    match request.service.as_str() {
        "kms" => !about_none,
        "sts" => {
            let of_session = matches!(request.action_name.as_str(), "tagsession" | "setsourceidentity" | "setcontext");
            request.action_name.starts_with("assumerole") || (of_session && !about_none)
        }
        _ => false,
    }
}
