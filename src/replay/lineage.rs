//! Which call issued which session: `AssumeRole*`, `GetFederationToken`, `GetSessionToken` and `GetCredentialsForIdentity` record the
//! id of the access key that they issue, and later calls carry it.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>. Only issuing calls are kept.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::call::Call;
use super::tags;

/// Links that a chain may have: a loop in damaged logs must end.
const LONGEST_CHAIN: usize = 16;

/// How far the creation of a session may lie from the call that issued it, in microseconds: CloudTrail writes whole seconds.
const TOLERANCE: i64 = 1_000_000;

/// One issuing call: whose it was, and what it gave the session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    pub event_id: Option<Arc<str>>,
    /// `AssumeRole`, `AssumeRoleWithSAML` …
    pub event_name: Box<str>,
    /// Microseconds since 1970.
    pub issued_at: Option<i64>,
    /// `userIdentity.type` of who asked.
    pub issuer_type: Option<Arc<str>>,
    /// ARN of the role, user or root who asked.
    pub issuer_arn: Option<Arc<str>>,
    pub issuer_session_arn: Option<Arc<str>>,
    pub issuer_account: Option<Arc<str>>,
    /// The service that asked, for itself or for the issuer.
    pub invoked_by: Option<Arc<str>>,
    /// The access key that the issuer used: the next link of the chain.
    pub issuer_access_key: Option<Arc<str>>,
    issuer_principal_id: Option<Arc<str>>,
    issuer_session_created_at: Option<i64>,
    /// The role that was assumed.
    pub role_arn: Option<Arc<str>>,
    pub session_arn: Option<Arc<str>>,
    /// Session tags, the inherited ones included; keys as sent.
    pub session_tags: BTreeMap<String, String>,
    /// Could the tags be read? The calls of Amazon Cognito do not record those that come from a token.
    pub tags_are_known: bool,
    pub transitive_tag_keys: BTreeSet<String>,
    pub source_identity: Option<Arc<str>>,
    /// The session policy, as JSON text.
    pub session_policy: Option<Arc<str>>,
    /// Managed policies that narrow the session. Records have their ARNs, not their text.
    pub session_policy_arns: Vec<String>,
    /// Do the parameters show all session policies that were passed?
    pub session_policies_are_known: bool,
    /// Did the request carry an MFA code?
    pub with_mfa: bool,
    /// Identity provider, subject and audience of a federated session.
    pub provider: Option<Arc<str>>,
    pub subject: Option<Arc<str>>,
    pub audience: Option<Arc<str>>,
}

impl Link {
    /// Did a service ask for the session, to work with it itself?
    pub fn is_by_service(&self) -> bool {
        self.issuer_type.as_deref() == Some("AWSService")
    }
}

/// What both records of a call across accounts have in common: source, name, unique id of the caller, resource, error.
type CrossAccount = [Arc<str>; 5];

fn cross_account(call: &Call) -> Option<CrossAccount> {
    let error = call.error_code.clone().unwrap_or_default();
    let of_resource = call.resource_arn.clone()?;
    Some([call.event_source.clone()?, call.event_name.clone()?, call.principal_id.clone()?, of_resource, error])
}

/// Is the record that of the caller's own account?
fn is_of_caller(call: &Call) -> bool {
    call.principal_account_id.is_some()
        && call.account_id == call.principal_account_id
        && call.principal_type.as_deref() != Some("AWSAccount")
}

/// The issuing calls of a log, and what else only the whole log tells.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    links: Vec<Link>,
    by_access_key: HashMap<Arc<str>, usize>,
    /// By `AROA…:session` name, for records whose key is not known.
    by_principal: HashMap<Arc<str>, Vec<usize>>,
    /// Issuing calls whose caller the other account's record hides, by `sharedEventID`.
    by_shared_event: HashMap<Arc<str>, usize>,
    /// Calls that the caller's own account has a record of, by `sharedEventID`.
    recorded_by_caller: HashSet<Arc<str>>,
    /// The same of rows that are rolled up, which have no `sharedEventID`.
    rolled_up_of_caller: HashSet<CrossAccount>,
    /// Event sources that were seen with the id of an endpoint.
    sources_with_endpoint: HashSet<Arc<str>>,
    /// When tags of a principal or resource were changed, by ARN.
    tag_changes: HashMap<Arc<str>, Vec<i64>>,
}

impl Lineage {
    /// The lineage of some calls.
    pub fn of<'a>(calls: impl Iterator<Item = &'a Call>) -> Lineage {
        let mut lineage = Lineage::default();
        for call in calls {
            lineage.add(call);
        }
        lineage
    }

    /// Takes in one call.
    pub fn add(&mut self, call: &Call) {
        if is_of_caller(call) {
            match &call.shared_event_id {
                Some(shared) => {
                    self.recorded_by_caller.insert(shared.clone());
                }
                None => self.rolled_up_of_caller.extend(cross_account(call)),
            }
        }
        if let (Some(source), Some(endpoint)) = (&call.event_source, &call.vpc_endpoint_id)
            && endpoint.starts_with("vpce-")
            && call.principal_type.as_deref() != Some("AWSService")
            && !self.sources_with_endpoint.contains(source)
        {
            self.sources_with_endpoint.insert(source.clone());
        }
        if call.error_code.is_none() {
            self.add_tag_change(call);
        }
        let Some(access_key) = &call.issued_access_key_id else { return };
        let link = link(call);
        let hides_caller = |link: &Link| link.issuer_type.as_deref() == Some("AWSAccount");
        let number = match self.by_access_key.get(access_key) {
            Some(number) => {
                let number = *number;
                if let Some(own) = self.links.get_mut(number)
                    && hides_caller(own)
                    && !hides_caller(&link)
                {
                    *own = link;
                }
                number
            }
            None => {
                self.links.push(link);
                self.links.len() - 1
            }
        };
        self.by_access_key.insert(access_key.clone(), number);
        if let Some(session) = self.links.get(number).and_then(|link| link.session_arn.as_deref())
            && let Some(name) = session.rsplit('/').next()
        {
            let numbers = self.by_principal.entry(name.into()).or_default();
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        if let Some(shared) = &call.shared_event_id
            && call.principal_type.as_deref() != Some("AWSAccount")
        {
            self.by_shared_event.insert(shared.clone(), number);
        }
    }

    /// Is this what the owner of a resource sees of a call that the caller's account has a record of too? One call has two records
    /// where accounts meet: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-sharedEventID.html>. The
    /// caller's tells who it is; the other would count the call once more.
    pub fn is_second_record(&self, call: &Call) -> bool {
        if is_of_caller(call) {
            return false;
        }
        match &call.shared_event_id {
            Some(shared) => self.recorded_by_caller.contains(shared),
            None => {
                call.principal_type.as_deref() == Some("AWSAccount")
                    && cross_account(call).is_some_and(|call| self.rolled_up_of_caller.contains(&call))
            }
        }
    }

    fn add_tag_change(&mut self, call: &Call) {
        if !call.event_name.as_deref().is_some_and(changes_tags) {
            return;
        }
        let Some(time) = call.last_seen.or(call.first_seen) else { return };
        let mut changed: Vec<String> = call.resource_arn.iter().map(|arn| arn.to_string()).collect();
        if let Some(parameters) = call.request_parameters.as_deref()
            && let Ok(parameters) = serde_json::from_str::<Value>(parameters)
        {
            let account = call.recipient_account_id.as_deref().or(call.account_id.as_deref()).unwrap_or_default();
            if let Some(role) = parameters.get("roleName").and_then(Value::as_str) {
                changed.push(format!("{account}/role/{role}"));
            }
            if let Some(user) = parameters.get("userName").and_then(Value::as_str) {
                changed.push(format!("{account}/user/{user}"));
            }
            for key in ["resourceArn", "resourceARN", "resource", "arn", "aRN"] {
                changed.extend(parameters.get(key).and_then(Value::as_str).map(str::to_owned));
            }
            if let Some(items) = parameters.get("resourcesSet").and_then(|set| set.get("items")).and_then(Value::as_array) {
                changed.extend(items.iter().filter_map(|item| item.get("resourceId")?.as_str()).map(str::to_owned));
            }
        }
        changed.sort_unstable();
        changed.dedup();
        for name in changed {
            self.tag_changes.entry(name.into()).or_default().push(time);
        }
    }

    /// The call that issued the session of this one.
    pub fn link(&self, call: &Call) -> Option<&Link> {
        let by_key = call.access_key_id.as_deref().and_then(|key| self.by_access_key.get(key));
        let number = by_key
            .copied()
            .or_else(|| self.by_session(call.principal_id.as_deref()?, call.session_arn.as_deref()?, call.session_created_at?));
        self.links.get(number?)
    }

    /// The one issuing call of this session name and role at about this time.
    fn by_session(&self, principal_id: &str, session_arn: &str, created_at: i64) -> Option<usize> {
        let name = principal_id.split_once(':')?.1;
        let mut fitting = self.by_principal.get(name)?.iter().copied().filter(|number| {
            self.links.get(*number).is_some_and(|link| {
                link.session_arn.as_deref() == Some(session_arn)
                    && link.issued_at.is_some_and(|issued| (issued - created_at).abs() <= TOLERANCE)
            })
        });
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }

    /// The chain of sessions that led to the call, nearest first: the last link names the original human or workload.
    pub fn chain(&self, call: &Call) -> Vec<Link> {
        let mut chain: Vec<Link> = Vec::new();
        let mut seen: Vec<*const Link> = Vec::new();
        let mut next = self.link(call);
        while let Some(link) = next
            && chain.len() < LONGEST_CHAIN
            && !seen.contains(&std::ptr::from_ref(link))
        {
            seen.push(std::ptr::from_ref(link));
            chain.push(link.clone());
            next = self.issuer_link(link);
        }
        chain
    }

    /// The tags of a session: what its call passed on or passed, and the transitive tags of the session that called, also where
    /// the record does not repeat them.
    pub fn session_tags(&self, link: &Link) -> BTreeMap<String, String> {
        let mut tags = link.session_tags.clone();
        for earlier in self.earlier(link) {
            for (key, value) in &earlier.session_tags {
                let is_transitive = earlier.transitive_tag_keys.iter().any(|own| own.eq_ignore_ascii_case(key));
                if is_transitive && !tags.keys().any(|own| own.eq_ignore_ascii_case(key)) {
                    tags.insert(key.clone(), value.clone());
                }
            }
        }
        tags
    }

    /// The source identity of a session: it stays through a chain of roles.
    pub fn source_identity<'l>(&'l self, link: &'l Link) -> Option<&'l str> {
        std::iter::once(link).chain(self.earlier(link)).find_map(|link| link.source_identity.as_deref())
    }

    /// The calls that issued the sessions before, as far as role follows on role.
    fn earlier<'l>(&'l self, link: &'l Link) -> Vec<&'l Link> {
        let mut found: Vec<&Link> = Vec::new();
        let mut next = Some(link);
        while let Some(link) = next
            && &*link.event_name == "AssumeRole"
            && link.issuer_type.as_deref() == Some("AssumedRole")
            && found.len() < LONGEST_CHAIN
        {
            next = self.issuer_link(link).filter(|issuer| !found.iter().any(|own| std::ptr::eq(*own, *issuer)));
            found.extend(next);
        }
        found
    }

    fn issuer_link(&self, link: &Link) -> Option<&Link> {
        let by_key = link.issuer_access_key.as_deref().and_then(|key| self.by_access_key.get(key));
        let number = by_key.copied().or_else(|| {
            self.by_session(
                link.issuer_principal_id.as_deref()?,
                link.issuer_session_arn.as_deref()?,
                link.issuer_session_created_at?,
            )
        });
        self.links.get(number?)
    }

    /// For a call that the owner of a resource recorded without saying who made it: the caller's own record of it.
    pub fn of_shared_event(&self, call: &Call) -> Option<&Link> {
        self.links.get(*self.by_shared_event.get(call.shared_event_id.as_deref()?)?)
    }

    /// Does this service record the endpoint that calls come through? `false`: it was never seen to.
    pub fn records_endpoints(&self, event_source: &str) -> bool {
        self.sources_with_endpoint.contains(event_source)
    }

    /// Were tags of the principal or resource changed between the two times, save by one change at `own`?
    pub fn tags_changed_between(&self, name: &str, from: i64, to: i64, own: Option<i64>) -> bool {
        let Some(times) = self.tag_changes.get(name) else { return false };
        let changes = times.iter().filter(|changed| (from..=to).contains(*changed)).count();
        let is_own = own.is_some_and(|own| (from..=to).contains(&own) && times.contains(&own));
        changes > usize::from(is_own)
    }
}

/// Does the operation set or remove tags?
pub(super) fn changes_tags(operation: &str) -> bool {
    let starts = ["Tag", "Untag", "AddTags", "RemoveTags", "CreateTags", "DeleteTags", "PutBucketTagging"];
    let is_change = starts.iter().any(|start| operation.starts_with(start)) || operation.ends_with("Tagging");
    is_change && !operation.starts_with("Get") && !operation.starts_with("List")
}

fn link(call: &Call) -> Link {
    let parameters: Value =
        call.request_parameters.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).filter(|text| !tags::is_redacted(text));
    let event_name: Box<str> = call.event_name.as_deref().unwrap_or_default().into();
    let mut session_tags = BTreeMap::new();
    for member in ["incomingTransitiveTags", "principalTags", "tags"] {
        if let Some(value) = parameters.get(member) {
            tags::pairs_of(value, &mut |key, value| {
                let key_is = |own: &&String| own.eq_ignore_ascii_case(key);
                if let Some(own) = session_tags.keys().find(key_is).cloned() {
                    session_tags.remove(&own);
                }
                session_tags.insert(key.to_owned(), value.to_owned());
            });
        }
    }
    let transitive = parameters.get("transitiveTagKeys").and_then(Value::as_array);
    let mut transitive_tag_keys: BTreeSet<String> =
        transitive.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if let Some(Value::Object(incoming)) = parameters.get("incomingTransitiveTags") {
        transitive_tag_keys.extend(incoming.keys().cloned());
    }
    let (session_policy_arns, arns_are_known) = session_policy_arns(&parameters, &event_name);
    let policy_is_known = parameters.get("policy").is_none_or(|policy| policy.is_null() || text("policy").is_some());
    Link {
        event_id: call.event_id.clone(),
        issued_at: call.first_seen,
        issuer_type: call.principal_type.clone(),
        issuer_arn: call.principal_arn.clone(),
        issuer_session_arn: call.session_arn.clone(),
        issuer_account: call.principal_account_id.clone(),
        invoked_by: call.invoked_by.clone(),
        issuer_access_key: call.access_key_id.clone(),
        issuer_principal_id: call.principal_id.clone(),
        issuer_session_created_at: call.session_created_at,
        role_arn: text("roleArn").or_else(|| text("targetPrincipal")).map(Arc::from),
        session_arn: call.issued_session_arn.clone(),
        session_tags,
        tags_are_known: call.request_parameters.is_some() && &*event_name != "GetCredentialsForIdentity",
        transitive_tag_keys,
        source_identity: text("sourceIdentity").or(call.source_identity.as_deref()).map(Arc::from),
        session_policy: text("policy").map(Arc::from),
        session_policies_are_known: parameters.is_object() && policy_is_known && arns_are_known,
        session_policy_arns,
        with_mfa: text("serialNumber").is_some() || parameters.get("tokenCode").is_some(),
        provider: call.issued_issuer.as_deref().or_else(|| text("principalArn")).or_else(|| text("providerId")).map(Arc::from),
        subject: call.issued_subject.clone(),
        audience: call.issued_audience.clone(),
        event_name,
    }
}

/// What Amazon Cognito passes for identities that nobody vouches for:
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html>.
const OF_UNAUTHENTICATED: &str = "arn:aws:iam::aws:policy/AmazonCognitoUnAuthedIdentitiesSessionPolicy";

/// The ARNs of managed session policies, and whether all can be read.
fn session_policy_arns(parameters: &Value, event_name: &str) -> (Vec<String>, bool) {
    let named = |item: &Value| {
        let arn = item.get("arn").and_then(Value::as_str).or_else(|| item.as_str());
        arn.filter(|arn| !tags::is_redacted(arn)).map(str::to_owned)
    };
    let items: Vec<&Value> = match parameters.get("policyArns") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(other) => vec![other],
    };
    // `AssumeRoot` passes exactly one.
    let items: Vec<&Value> = items.into_iter().chain(parameters.get("taskPolicyArn").filter(|arn| !arn.is_null())).collect();
    let mut arns: Vec<String> = items.iter().copied().filter_map(named).collect();
    let are_known = arns.len() == items.len();
    let is_guest = parameters.is_object() && parameters.get("logins").is_none_or(Value::is_null);
    if event_name == "GetCredentialsForIdentity" && is_guest {
        arns.push(OF_UNAUTHENTICATED.to_owned());
    }
    (arns, are_known)
}
