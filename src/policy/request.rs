//! What is asked: who wants to do what to which resource, and what is known of the circumstances.

use std::sync::Arc;

use super::context::Context;
use super::pattern::{Glob, arn_parts};
use super::truth::Truth;

/// One authorization: one action on one resource. A call that needs several is several requests, and all must pass.
#[derive(Debug, Clone)]
pub struct Request {
    pub principal: Principal,
    /// The service prefix in lower case.
    pub service: String,
    /// The name of the action in lower case.
    pub action_name: String,
    /// `service:Name` as the caller spells it.
    pub action: String,
    /// Only the service is certain: the name is that of the operation, and the action may have another.
    pub open_action: Option<OpenAction>,
    pub resource: Resource,
    /// Account that owns the resource; `None`: the one in the ARN of the resource, else the account of the caller.
    pub resource_account: Option<String>,
    pub context: Context,
    pub facts: Facts,
}

impl Request {
    /// `None` if the action is not `service:Name`.
    pub fn new(principal: Principal, action: &str, resource: Resource) -> Option<Request> {
        let (service, name) = action.split_once(':')?;
        if service.is_empty() || name.is_empty() {
            return None;
        }
        Some(Request {
            principal,
            service: service.to_ascii_lowercase(),
            action_name: name.to_ascii_lowercase(),
            action: action.to_owned(),
            open_action: None,
            resource,
            resource_account: None,
            context: Context::new(),
            facts: Facts::default(),
        })
    }

    /// The account that owns the resource: as it is given, else as the ARN of the resource tells it.
    pub fn owner(&self) -> Option<&str> {
        let of_arn = || match &self.resource {
            Resource::Known(arn) => {
                arn_parts(arn).map(|[_, _, _, _, account, _]| account).filter(|account| is_account_id(account))
            }
            Resource::Partial(_) | Resource::Unknown => None,
        };
        self.resource_account.as_deref().or_else(of_arn)
    }

    /// Does the resource belong to another account than the caller? Unless its ARN says that its account is not known, one that is
    /// not given is the caller's.
    pub fn crosses_accounts(&self) -> Truth {
        match (self.principal.account.as_deref(), self.owner(), &self.resource) {
            (Some(caller), Some(owner), _) => (caller != owner).into(),
            (Some(_), None, Resource::Partial(partial)) => {
                let text = partial.text();
                match arn_parts(&text) {
                    Some([.., account, _]) if account.contains('*') => Truth::Unknown,
                    _ => Truth::False,
                }
            }
            _ => Truth::False,
        }
    }

    /// Does the resource certainly belong to another account than the caller?
    pub fn is_cross_account(&self) -> bool {
        self.crosses_accounts().is_true()
    }
}

/// An action of which nobody knows the name.
#[derive(Debug, Clone)]
pub struct OpenAction {
    /// The operation that needs it, for people.
    pub operation: String,
    /// `None`: the actions of the service are not known.
    pub names: Option<Arc<ActionNames>>,
}

/// The known actions of a service, in lower case.
#[derive(Debug, Default)]
pub struct ActionNames {
    /// Those that an unknown action may be.
    pub may_be: Vec<String>,
    /// Those that it cannot be.
    pub ruled_out: Vec<String>,
}

/// The resource of a request.
#[derive(Debug, Clone)]
pub enum Resource {
    /// An ARN; `*` for actions without resource types.
    Known(String),
    /// An ARN of which parts are not known, as of something about to be created; `*` stands for what is not known.
    Partial(Glob),
    Unknown,
}

pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What kind of identity makes the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalType {
    /// The root user of an account.
    Root,
    User,
    /// A session of a role.
    AssumedRole,
    /// A session of `GetFederationToken`.
    FederatedUser,
    /// Somebody whom an identity provider vouches for, before a role is assumed.
    Federated,
    /// A service principal, such as `cloudtrail.amazonaws.com`.
    Service,
    Anonymous,
    /// Somebody of an account; who is not known.
    Account,
}

/// Who makes the request.
#[derive(Debug, Clone)]
pub struct Principal {
    pub principal_type: PrincipalType,
    pub account: Option<String>,
    /// ARN of the user, of the role session, of the federated session, of the root user, or of the identity provider.
    pub arn: Option<String>,
    /// For a role session: ARN of the role, with its path.
    pub role_arn: Option<String>,
    /// Unique id (`AIDA…`, `AROA…`), without the session name.
    pub unique_id: Option<String>,
    /// Names of a service principal.
    pub services: Vec<String>,
    pub canonical_user: Option<String>,
}

impl Principal {
    pub fn of_type(principal_type: PrincipalType) -> Principal {
        Principal {
            principal_type,
            account: None,
            arn: None,
            role_arn: None,
            unique_id: None,
            services: Vec::new(),
            canonical_user: None,
        }
    }

    /// Reads type and account off an ARN, an account id, a service name, or `anonymous`. `None` if it is none of these.
    pub fn from_name(name: &str) -> Option<Principal> {
        if matches!(name, "anonymous" | "*") {
            return Some(Principal::of_type(PrincipalType::Anonymous));
        }
        if is_account_id(name) {
            return Some(Principal { account: Some(name.to_owned()), ..Principal::of_type(PrincipalType::Account) });
        }
        let Some([_, _, service, _, account, resource]) = arn_parts(name) else {
            let service = name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn");
            return service
                .then(|| Principal { services: vec![name.to_owned()], ..Principal::of_type(PrincipalType::Service) });
        };
        let kind = resource.split_once('/').map_or(resource, |(kind, _)| kind);
        let principal_type = match (service, kind) {
            ("iam", "root") => PrincipalType::Root,
            ("iam", "user") => PrincipalType::User,
            ("iam", "role") | ("sts", "assumed-role") => PrincipalType::AssumedRole,
            ("sts", "federated-user") => PrincipalType::FederatedUser,
            ("iam", "saml-provider" | "oidc-provider") => PrincipalType::Federated,
            _ => return None,
        };
        let mut principal = Principal::of_type(principal_type);
        principal.account = (!account.is_empty()).then(|| account.to_owned());
        if kind == "role" {
            principal.role_arn = Some(name.to_owned());
        } else {
            principal.arn = Some(name.to_owned());
        }
        Some(principal)
    }

    /// For a role session: the name of the role without its path, from the ARN of the session.
    pub fn role_name(&self) -> Option<&str> {
        if self.principal_type != PrincipalType::AssumedRole {
            return None;
        }
        let [.., resource] = arn_parts(self.arn.as_deref()?)?;
        resource.strip_prefix("assumed-role/")?.split('/').next()
    }

    /// What `aws:PrincipalArn` may be where the ARN is not known: patterns, of which one fits. Empty if nothing is known of it.
    pub fn possible_arns(&self, partition: &str) -> Vec<String> {
        let account = self.account.as_deref().unwrap_or("*");
        let iam = |name: &str| format!("arn:{partition}:iam::{account}:{name}");
        let federated = || format!("arn:{partition}:sts::{account}:federated-user/*");
        let unique_id = self.unique_id.as_deref().and_then(|id| id.get(..4));
        match (self.principal_type, unique_id) {
            (PrincipalType::Root, _) => vec![iam("root")],
            (PrincipalType::User, _) | (PrincipalType::Account, Some("AIDA")) => vec![iam("user/*")],
            (PrincipalType::AssumedRole, _) => match self.role_name() {
                Some(role) => ["", "*/"].map(|path| iam(&format!("role/{path}{role}"))).to_vec(),
                None => vec![iam("role/*")],
            },
            (PrincipalType::Account, Some("AROA")) => vec![iam("role/*")],
            (PrincipalType::Account, _) => vec![iam("*"), federated()],
            (PrincipalType::FederatedUser, _) => vec![federated()],
            (PrincipalType::Federated | PrincipalType::Service | PrincipalType::Anonymous, _) => Vec::new(),
        }
    }

    /// Is the role service-linked? Their path is reserved.
    pub fn is_service_linked_role(&self) -> Truth {
        match (&self.role_arn, self.role_name()) {
            (Some(arn), _) => arn.contains(":role/aws-service-role/").into(),
            (None, Some(name)) if name.starts_with("AWSServiceRoleFor") => Truth::Unknown,
            _ => Truth::False,
        }
    }
}

/// What decides whether a policy type applies to the request at all. `Unknown` is an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Is the caller a service-linked role? `None`: by its ARN.
    pub service_linked_role: Option<Truth>,
    /// Is the caller's account the management account of the organization?
    pub principal_in_management_account: Truth,
    /// Is the caller's account a member of the organization whose policies are given?
    pub principal_in_organization: Truth,
    pub resource_in_management_account: Truth,
    pub resource_in_organization: Truth,
    /// Is the resource a KMS key that AWS manages?
    pub aws_managed_key: Truth,
    /// Did a service make the call with the caller's credentials, after the first hop?
    pub forward_access_session: Truth,
    /// Is the VPC endpoint a gateway endpoint (S3, DynamoDB)?
    pub gateway_endpoint: Truth,
    /// Is the action one that AWS lists without types of resources? Unlike the others, `Unknown` says that nobody has looked it up.
    pub about_no_resource: Truth,
}

impl Default for Facts {
    fn default() -> Facts {
        Facts {
            service_linked_role: None,
            principal_in_management_account: Truth::False,
            principal_in_organization: Truth::True,
            resource_in_management_account: Truth::False,
            resource_in_organization: Truth::True,
            aws_managed_key: Truth::False,
            forward_access_session: Truth::False,
            gateway_endpoint: Truth::False,
            about_no_resource: Truth::Unknown,
        }
    }
}
