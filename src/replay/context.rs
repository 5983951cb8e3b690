//! What every condition key of a request was: present with a value, absent, or unknown with the reason.
//!
//! One function says it of one key, so that only the keys that policies ask for need to be worked out.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

mod enriched;
mod made;
mod network;
mod principal;
mod resource;
mod service;
mod sessions;
mod times;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::policy::context::{Context, ContextValue, Unknown};
use crate::policy::request::{Facts, OpenAction, PrincipalType, Request};
use crate::policy::truth::Truth;

use super::Authorization;
use super::action::Needed;
use super::caller::Kind;
use super::owner::{self, Owner};
use super::resource::Resolved;
use super::scene::Scene;

/// The condition keys that some policies ask for, each as it is written there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: BTreeMap<String, String>,
}

impl KeySet {
    /// In lower case, with the spelling.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.keys.iter().map(|(lower, name)| (lower.as_str(), name.as_str()))
    }

    pub fn contains(&self, key: &str) -> bool {
        self.keys.contains_key(&key.to_ascii_lowercase())
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl<T: AsRef<str>> FromIterator<T> for KeySet {
    fn from_iter<I: IntoIterator<Item = T>>(keys: I) -> KeySet {
        let mut set = KeySet::default();
        for key in keys {
            let name = key.as_ref();
            set.keys.entry(name.to_ascii_lowercase()).or_insert_with(|| name.to_owned());
        }
        set
    }
}

/// What is known of a key, and from where.
pub(super) type Known = (ContextValue, Cow<'static, str>);

pub(super) fn present(value: impl Into<String>, from: impl Into<Cow<'static, str>>) -> Option<Known> {
    Some((ContextValue::Present(vec![value.into()]), from.into()))
}

pub(super) fn present_all(values: Vec<String>, from: impl Into<Cow<'static, str>>) -> Option<Known> {
    Some((ContextValue::Present(values), from.into()))
}

pub(super) fn absent(from: impl Into<Cow<'static, str>>) -> Option<Known> {
    Some((ContextValue::Absent, from.into()))
}

/// Nothing is known, not even whether the key is there.
pub(super) fn unknown(why: impl Into<Cow<'static, str>>) -> Option<Known> {
    let why = why.into();
    Some((ContextValue::Unknown(Unknown::new(why.clone())), why))
}

/// The key is there; its value is not known.
pub(super) fn some_value(why: impl Into<Cow<'static, str>>) -> Option<Known> {
    let why = why.into();
    Some((ContextValue::Unknown(Unknown { why: why.clone().into_owned(), ..Unknown::default() }), why))
}

/// The key is there; its value matches one of these patterns, in which `*` stands for what is not known.
pub(super) fn like(patterns: &[String], why: impl Into<Cow<'static, str>>) -> Option<Known> {
    let why = why.into();
    let unknown = Unknown { why: why.clone().into_owned(), like: patterns.to_vec(), ..Unknown::default() };
    Some((ContextValue::Unknown(unknown), why))
}

/// The key has one of these values, or, if `may_be_absent`, none.
pub(super) fn one_of(values: &[&str], may_be_absent: bool, why: impl Into<Cow<'static, str>>) -> Option<Known> {
    let why = why.into();
    let candidates = Some(values.iter().map(|value| vec![(*value).to_owned()]).collect());
    Some((
        ContextValue::Unknown(Unknown { why: why.clone().into_owned(), may_be_absent, candidates, ..Unknown::default() }),
        why,
    ))
}

/// One pair of action and resource, as the keys see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'p, 'a> {
    pub(super) needed: &'p Needed<'a>,
    pub(super) resolved: &'p Resolved,
}

impl<'a> Pair<'_, 'a> {
    /// Do AWS's tables list the key for the action, or for its type of resource? `Unknown` if the action is not in them, or the
    /// type of the resource is not known.
    pub(super) fn lists(&self, key: &str) -> Truth {
        let Some((service, action)) = self.needed.facts else { return Truth::Unknown };
        if service.lists(&action.keys, key) {
            return Truth::True;
        }
        // What a type of resource lists of request tags is for the actions that tag it.
        let of_request = key == "aws:tagkeys" || key.starts_with("aws:requesttag/");
        let mut any = false;
        for own in &action.resource_types {
            let listed = service.lists(&own.keys, key)
                || (!of_request
                    && service.resource_type(own.resource_type).is_some_and(|resource| service.lists(&resource.keys, key)));
            if self.resolved.resource_type == Some(own.resource_type) {
                return if !listed && service.leaves_open(key) { Truth::Unknown } else { listed.into() };
            }
            any |= listed;
        }
        if any || service.leaves_open(key) { Truth::Unknown } else { Truth::False }
    }

    /// The type of the resource, as the service facts name it.
    pub(super) fn type_name(&self) -> Option<&'a str> {
        let (service, _) = self.needed.facts?;
        service.resource_type(self.resolved.resource_type?).map(|resource| resource.name.as_str())
    }
}

/// Keys that do not depend on the action or the resource, in the spelling of AWS.
const SHARED: [&str; 47] = [
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:PrincipalType",
    "aws:userid",
    "aws:username",
    "aws:AssumedRoot",
    "aws:FederatedProvider",
    "aws:TokenIssueTime",
    "aws:SignInSessionArn",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:ChatbotSourceArn",
    "aws:Ec2InstanceSourceVpc",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:SourceIdentity",
    "aws:ViaCustomerDomain",
    "ec2:RoleDelivery",
    "ec2:SourceInstanceArn",
    "glue:RoleAssumedBy",
    "glue:CredentialIssuingService",
    "codebuild:BuildArn",
    "codebuild:ProjectArn",
    "lambda:SourceFunctionArn",
    "ssm:SourceInstanceArn",
    "identitystore:UserId",
    "aws:SourceIp",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:VpcSourceIp",
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:CalledViaAWSMCP",
    "aws:ViaAWSService",
    "aws:ViaAWSMCPService",
    "aws:IsMcpServiceAction",
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:referer",
    "aws:RequestedRegion",
    "aws:SecureTransport",
    "aws:UserAgent",
];

/// Keys of every service that depend on the action or the resource.
const OF_PAIR: [&str; 13] = [
    "aws:SourceVpcArn",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:ResourceOrgPaths",
    "aws:TagKeys",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "s3:ResourceAccount",
];

/// A key that depends on the caller and the call alone; in lower case.
fn shared_key(scene: &Scene<'_>, key: &str) -> Option<Known> {
    if let Some(exact) = enriched::value(scene, key) {
        return Some(exact);
    }
    principal::value(scene, key)
        .or_else(|| sessions::value(scene, key))
        .or_else(|| network::value(scene, key))
        .or_else(|| times::value(scene, key))
}

/// A key of one pair; in lower case. `None`: the key is not in the request.
fn pair_key(scene: &Scene<'_>, pair: Pair<'_, '_>, key: &str) -> Option<Known> {
    if let Some(exact) = enriched::pair_value(scene, pair, key) {
        return Some(exact);
    }
    resource::value(scene, pair, key)
        .or_else(|| network::pair_value(scene, pair, key))
        .or_else(|| service::value(scene, pair, key))
}

/// What all pairs of a call have in common.
#[derive(Debug)]
pub(super) struct Shared {
    context: Context,
    provenance: BTreeMap<String, Cow<'static, str>>,
    /// Keys that are wanted and not shared; `None`: all.
    of_pair: Option<Vec<(String, String)>>,
    /// Where all are wanted: keys that are not shared and that policies name.
    named: Vec<(String, String)>,
}

struct Writer<'w> {
    context: &'w mut Context,
    provenance: &'w mut BTreeMap<String, Cow<'static, str>>,
    explain: bool,
}

impl Writer<'_> {
    fn set(&mut self, name: &str, lower: &str, known: Known) {
        let (value, from) = known;
        if self.explain {
            self.provenance.insert(lower.to_owned(), from);
        }
        self.context.set(name, value);
    }
}

impl Shared {
    pub(super) fn of(scene: &Scene<'_>) -> Shared {
        let mut context = Context::new();
        let mut provenance = BTreeMap::new();
        let explain = scene.world.provenance;
        let mut named = Vec::new();
        let mut writer = Writer { context: &mut context, provenance: &mut provenance, explain };
        let of_pair = match scene.world.keys {
            Some(keys) => {
                let mut rest = Vec::new();
                for (lower, name) in keys.iter() {
                    match shared_key(scene, lower) {
                        Some(known) => writer.set(name, lower, known),
                        None => rest.push((lower.to_owned(), name.to_owned())),
                    }
                }
                Some(rest)
            }
            None => {
                for name in SHARED {
                    let lower = name.to_ascii_lowercase();
                    if let Some(known) = shared_key(scene, &lower) {
                        writer.set(name, &lower, known);
                    }
                }
                principal::all_tags(scene, &mut |name, known| writer.set(name, &name.to_ascii_lowercase(), known));
                // What the record itself has comes last: it is exact.
                enriched::all(scene, &mut |name, known| writer.set(name, &name.to_ascii_lowercase(), known));
                for (lower, name) in scene.world.named.into_iter().flat_map(KeySet::iter) {
                    if writer.provenance.contains_key(lower) {
                        continue;
                    }
                    match shared_key(scene, lower) {
                        Some(known) => writer.set(name, lower, known),
                        None => named.push((lower.to_owned(), name.to_owned())),
                    }
                }
                principal::other_tags(scene, &mut |start, value| context.set_family(start, value));
                None
            }
        };
        Shared { context, provenance, of_pair, named }
    }
}

/// The names that a service's tables list for a pair, the families of keys apart.
fn listed_keys<'a>(pair: Pair<'_, 'a>) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let (mut keys, mut families) = (BTreeSet::new(), BTreeSet::new());
    let Some((service, action)) = pair.needed.facts else { return (keys, families) };
    let mut add = |numbers: &[u16]| {
        for number in numbers {
            let Some(key) = service.key(*number) else { continue };
            let into = if key.is_family { &mut families } else { &mut keys };
            into.insert(key.name.as_str());
        }
    };
    add(&action.keys);
    for own in &action.resource_types {
        if pair.resolved.resource_type.is_none_or(|number| number == own.resource_type) {
            add(&own.keys);
            add(service.resource_type(own.resource_type).map_or(&[], |resource| resource.keys.as_slice()));
        }
    }
    (keys, families)
}

/// One pair as a request.
pub(super) fn authorization(scene: &Scene<'_>, shared: &Shared, needed: &Needed<'_>, resolved: Resolved) -> Authorization {
    let mut context = shared.context.clone();
    let mut provenance = shared.provenance.clone();
    let pair = Pair { needed, resolved: &resolved };
    match &shared.of_pair {
        Some(keys) => {
            let explain = scene.world.provenance;
            let mut writer = Writer { context: &mut context, provenance: &mut provenance, explain };
            for (lower, name) in keys {
                if let Some(known) = pair_key(scene, pair, lower) {
                    writer.set(name, lower, known);
                }
            }
        }
        None => every_key(scene, pair, &shared.named, &mut context, &mut provenance),
    }
    if let Some(known) = times::requested_region(scene, pair) {
        let mut writer = Writer { context: &mut context, provenance: &mut provenance, explain: scene.world.provenance };
        writer.set("aws:RequestedRegion", "aws:requestedregion", known);
    }
    let principal = scene.caller.principal.clone();
    let facts = facts(scene, needed, &resolved);
    Authorization {
        request: Request {
            service: needed.prefix.to_ascii_lowercase(),
            action_name: needed.name.to_ascii_lowercase(),
            action: format!("{}:{}", needed.prefix, needed.name),
            open_action: needed.open.then(|| open_action(scene, needed)),
            resource_account: resolved.owner.account().map(str::to_owned),
            resource: resolved.resource,
            principal,
            context,
            facts,
        },
        provenance,
        resource_provenance: resolved.provenance.into_owned(),
        resource_arn: resolved.arn,
        action_provenance: needed.provenance.clone().into_owned(),
        action_is_documented: needed.facts.is_some(),
        dependent: needed.dependent.clone().map(Cow::into_owned),
        certain: resolved.certain,
    }
}

/// What the action may be, where no table tells.
fn open_action(scene: &Scene<'_>, needed: &Needed<'_>) -> OpenAction {
    let reads = scene.call.read_only == Some(true);
    OpenAction {
        operation: scene.event_name().to_owned(),
        names: scene.facts().service(&needed.prefix).map(|service| service.names(reads)),
    }
}

fn every_key(
    scene: &Scene<'_>,
    pair: Pair<'_, '_>,
    named: &[(String, String)],
    context: &mut Context,
    provenance: &mut BTreeMap<String, Cow<'static, str>>,
) {
    let mut writer = Writer { context, provenance, explain: scene.world.provenance };
    for name in OF_PAIR {
        let lower = name.to_ascii_lowercase();
        if let Some(known) = pair_key(scene, pair, &lower) {
            writer.set(name, &lower, known);
        }
    }
    let (keys, families) = listed_keys(pair);
    for name in keys {
        let lower = name.to_ascii_lowercase();
        let is_shared = SHARED.iter().any(|own| own.eq_ignore_ascii_case(name));
        if !is_shared && let Some(known) = pair_key(scene, pair, &lower) {
            writer.set(name, &lower, known);
        }
    }
    resource::all_tags(scene, pair, &mut |name, known| writer.set(name, &name.to_ascii_lowercase(), known));
    if pair.needed.dependent.is_none() {
        enriched::all_of_resource(scene, &mut |name, known| writer.set(name, &name.to_ascii_lowercase(), known));
    }
    service::all_members(scene, pair, &mut |name, known| writer.set(name, &name.to_ascii_lowercase(), known));
    // What no table lists for the action is absent, unless nobody can tell which keys the action has.
    for (lower, name) in named {
        if !writer.provenance.contains_key(lower)
            && let Some(known) = pair_key(scene, pair, lower)
        {
            writer.set(name, lower, known);
        }
    }
    let tags = if families.is_empty() { BTreeSet::new() } else { tag_names(scene, pair) };
    for family in families {
        let start = family.find(['$', '<']).or_else(|| family.find("/tag-key").map(|at| at + 1));
        let Some(start) = start.and_then(|at| family.get(..at)) else { continue };
        // A tag key that nobody has named.
        let probe = format!("{}\u{1}", start.to_ascii_lowercase());
        if let Some((value, _)) = pair_key(scene, pair, &probe) {
            context.set_family(start, value);
        }
        let mut writer = Writer { context, provenance, explain: true };
        for tag in &tags {
            let name = format!("{start}{tag}");
            let lower = name.to_ascii_lowercase();
            if let Some(known) = pair_key(scene, pair, &lower) {
                writer.set(&name, &lower, known);
            }
        }
    }
}

/// The keys of the tags that the resource has or the request sets: services have families of keys of their own for them
/// (`ec2:ResourceTag/k`, `s3:RequestObjectTag/k`).
fn tag_names(scene: &Scene<'_>, pair: Pair<'_, '_>) -> BTreeSet<String> {
    let of_request = scene.tags.iter().flat_map(|tags| &tags.pairs).map(|(key, _)| key.clone());
    let of_object = service::s3::request_object_tags(scene).unwrap_or_default().0.into_iter().map(|(key, _)| key);
    of_request.chain(of_object).chain(resource::tags(scene, pair).into_iter().flat_map(|tags| tags.keys().cloned())).collect()
}

/// What the policy of an AWS managed key lets its own account do without a service in between.
fn admitted_directly(action: &str) -> bool {
    ["Describe", "Get", "List"].iter().any(|verb| action.starts_with(verb)) || action == "RevokeGrant"
}

fn is_tagged(scene: &Scene<'_>, resolved: &Resolved) -> bool {
    let known = resolved.arn.as_deref().and_then(|arn| scene.world.inventory.resource(arn));
    known.is_some_and(|resource| !resource.tags.is_empty())
}

/// What decides whether a policy type applies.
fn facts(scene: &Scene<'_>, needed: &Needed<'_>, resolved: &Resolved) -> Facts {
    let owner = &resolved.owner;
    let inventory = scene.world.inventory;
    let principal = &scene.caller.principal;
    let (in_organization, in_management) = match (&principal.account, principal.principal_type) {
        // Somebody with a token of an identity provider is neither a user nor a role of an account.
        (_, PrincipalType::Federated | PrincipalType::Service | PrincipalType::Anonymous) => (Truth::False, Truth::False),
        (Some(account), _) => (owner::in_organization(inventory, account), owner::is_management(inventory, account)),
        (None, _) => (Truth::Unknown, Truth::Unknown),
    };
    let (owner_in, owner_management) = match owner {
        Owner::Account { id, .. } => (owner::in_organization(inventory, id), owner::is_management(inventory, id)),
        Owner::Nobody(_) => (Truth::False, Truth::False),
        Owner::Unknown(_) => (Truth::Unknown, Truth::Unknown),
    };
    let alias = scene.text("keyId").filter(|key| key.contains("alias/"));
    let is_alias_of_aws = alias.is_some_and(|key| key.contains("alias/aws/"));
    let crosses = matches!((&principal.account, owner.account()), (Some(caller), Some(owner)) if caller != owner);
    let aws_managed_key = match (&*needed.prefix, scene.caller.kind) {
        ("kms", _) if is_alias_of_aws => Truth::True,
        // AWS managed keys serve their own account only.
        ("kms", _) if alias.is_some() || crosses => Truth::False,
        // The policies of AWS managed keys admit only calls through the service, save for what is read of the key itself and the
        // end of its grants. AWS managed keys have no tags:
        // <https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html>.
        ("kms", Kind::Direct | Kind::Anonymous) if admitted_directly(&needed.name) && !is_tagged(scene, resolved) => {
            Truth::Unknown
        }
        ("kms", Kind::Direct | Kind::Anonymous) => Truth::False,
        ("kms", _) => Truth::Unknown,
        _ => Truth::False,
    };
    // A role of another account that calls through a service may be a service-linked one.
    let may_be_service_linked = scene.caller.kind == Kind::OtherAccount
        && principal.role_arn.is_none()
        && (scene.call.invoked_by.is_some() || scene.call.source_service.is_some())
        && scene.call.principal_id.as_deref().is_none_or(|id| id.starts_with("AROA"));
    Facts {
        service_linked_role: may_be_service_linked.then_some(Truth::Unknown),
        principal_in_management_account: in_management,
        principal_in_organization: in_organization,
        resource_in_management_account: owner_management,
        resource_in_organization: owner_in,
        aws_managed_key,
        forward_access_session: scene.caller.forward,
        gateway_endpoint: network::gateway_endpoint(scene, &needed.prefix),
        about_no_resource: needed.facts.map_or(Truth::Unknown, |(_, action)| action.resource_types.is_empty().into()),
    }
}
