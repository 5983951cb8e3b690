//! Why a call fares as it does, in words: the statement, its conditions, the values and where they came from.

use std::collections::BTreeSet;

use super::candidate::{Scenario, file_name};
use super::outcome::{Judged, Outcome, Permission};
use super::session_policy;
use super::settle::{advice, exempt_advice};
use super::{Call, Lineage};
use crate::enrich::denied_by;
use crate::policy::compiled::{Policy, PolicyType, Statement};
use crate::policy::condition::Condition;
use crate::policy::context::{Seen, View};
use crate::policy::diagnostic::statement_name;
use crate::policy::document::Effect;
use crate::policy::layers::{Layer, Level, Policies};
use crate::policy::operator::Test;
use crate::policy::request::Request;
use crate::policy::residual::in_words_condition;
use crate::policy::truth::Truth;
use crate::policy::verdict::{Judgement, NotAllowed, StatementMatch, Verdict, judge};

/// What a finding says of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    pub reason: String,
    /// What would settle it, each a sentence, sorted; empty where nothing is open.
    pub settled_by: Vec<String>,
    /// `file:line Sid`.
    pub statement: Option<String>,
    /// `identity`, `resource` or `network`, by the conditions that decide.
    pub perimeter: Option<&'static str>,
}

/// The perimeter that conditions on these keys (in lower case) enforce.
pub fn perimeter<'k>(keys: impl Iterator<Item = &'k str>) -> Option<&'static str> {
    let mut found = [false; 3];
    for key in keys {
        let [network, resource, identity] = &mut found;
        if ["aws:sourceip", "aws:sourcevpc", "aws:vpce", "aws:vpcsourceip"].iter().any(|prefix| key.starts_with(prefix)) {
            *network = true;
        } else if ["aws:resourceorg", "aws:resourceaccount", "s3:resourceaccount"].iter().any(|prefix| key.starts_with(prefix))
        {
            *resource = true;
        } else if ["aws:principalorg", "aws:principalaccount", "aws:sourceorg", "aws:sourceaccount"]
            .iter()
            .any(|prefix| key.starts_with(prefix))
        {
            *identity = true;
        }
    }
    match found {
        [true, _, _] => Some("network"),
        [_, true, _] => Some("resource"),
        [_, _, true] => Some("identity"),
        _ => None,
    }
}

fn perimeter_of(statement: &Statement) -> Option<&'static str> {
    perimeter(statement.conditions.iter().map(|condition| condition.key.as_str()))
}

/// Values of a list that are written out; the rest is counted.
const VALUES: usize = 3;

/// What a finding says of a judged call.
pub fn words(judged: &Judged, call: &Call, scenario: &Scenario, lineage: &Lineage) -> Words {
    let Some(permission) = judged.deciding.and_then(|deciding| judged.permissions.get(deciding)) else {
        let reason = match (judged.outcome, &judged.not_applicable) {
            (Outcome::NotApplicable, Some(why)) => format!("Not applicable: {why}"),
            (Outcome::AlreadyDenied, _) => already_denied(call, None),
            _ => "The change does not deny it".to_owned(),
        };
        return Words { reason, ..Words::default() };
    };
    let mut words = match judged.outcome {
        Outcome::NewlyDenied => denied("Newly denied", permission, scenario),
        Outcome::StillDenied => {
            let mut words = match permission.then {
                Verdict::Denied => denied("Still denied", permission, scenario),
                _ => open("Still denied by what is attached today; the change may deny it too", judged, permission, scenario),
            };
            words.settled_by.clear();
            words.reason.push_str("; today's policies deny it already, although the log shows that it went through then");
            words
        }
        Outcome::MayBeNewlyDenied => open("May be newly denied", judged, permission, scenario),
        Outcome::MayBeNewlyAllowed => open("Denied today; whether it still would be is open", judged, permission, scenario),
        Outcome::NewlyAllowed => Words {
            reason: match denied_today(permission) {
                Some(place) => format!("Newly allowed: {place} denies it today, and nothing would after the change"),
                None => "Newly allowed: today's policies deny it, and nothing would after the change".to_owned(),
            },
            ..Words::default()
        },
        Outcome::AlreadyDenied => {
            let verdict = judged.permissions.iter().map(|permission| permission.then).find(|then| *then != Verdict::NotDenied);
            let mut reason = already_denied(call, verdict.or(Some(Verdict::NotDenied)));
            if let Some(policy) = judged.permissions.iter().find_map(denied_by_session_policy) {
                reason.push_str(&format!(": {policy}"));
            } else if let Some(place) = judged.permissions.iter().find_map(denied_then) {
                reason.push_str(&format!(", by {place}"));
            }
            Words { reason, ..Words::default() }
        }
        Outcome::Unchanged | Outcome::NotApplicable => Words { reason: goes_on(scenario), ..Words::default() },
    };
    if let Some(dependent) = &permission.authorization.dependent {
        let on = resource_words(&permission.authorization.request);
        words.reason.push_str(&format!("; for {} on {on}: {dependent}", permission.authorization.request.action));
    }
    if matches!(judged.outcome, Outcome::NewlyDenied | Outcome::MayBeNewlyDenied | Outcome::MayBeNewlyAllowed)
        && let Some(chain) = chain(call, lineage)
    {
        words.reason.push_str(&format!("; session chain: {chain}"));
    }
    words
}

/// Of a call that goes on as before: whose statements do not deny it.
fn goes_on(scenario: &Scenario) -> String {
    let named: Vec<&str> = scenario.candidates().map(|candidate| file_name(&candidate.policy.name)).collect();
    match named.as_slice() {
        [] => "Unchanged: it goes on as before, because nothing that is taken away decides about it".to_owned(),
        named => format!("Unchanged: no statement of {} denies it", named.join(" or of ")),
    }
}

/// The statement of today that denies what would go through.
fn denied_today(permission: &Permission) -> Option<String> {
    let judgement = judge(&permission.before, &permission.authorization.request);
    judgement.statements.iter().find(|found| found.effect == Effect::Deny && found.certain).map(place)
}

/// The statement that surely denies after the change.
fn denied_then(permission: &Permission) -> Option<String> {
    let judgement = permission.judgement.as_ref().filter(|_| permission.then == Verdict::Denied)?;
    judgement.statements.iter().find(|found| found.effect == Effect::Deny && found.certain).map(place)
}

/// The session policy that surely denies, or surely does not allow.
fn denied_by_session_policy(permission: &Permission) -> Option<String> {
    let judgement = permission.judgement.as_ref().filter(|_| permission.then == Verdict::Denied)?;
    let action = &permission.authorization.request.action;
    let is_deny =
        |found: &&StatementMatch| found.policy_type == PolicyType::Session && found.effect == Effect::Deny && found.certain;
    if let Some(found) = judgement.statements.iter().find(is_deny) {
        return Some(format!("{} denies {action}", place(found)));
    }
    let missing = |missing: &&NotAllowed| missing.layer == Layer::Policy(PolicyType::Session) && missing.certain;
    judgement.not_allowed_by.iter().find(missing)?;
    let named: Vec<&str> = permission.policies.session.iter().flatten().map(|policy| policy.name.as_str()).collect();
    Some(match named.is_empty() {
        true => format!("the session was given no policy that allows {action}"),
        false => format!("no statement of {} allows {action}", named.join(", ")),
    })
}

fn already_denied(call: &Call, then: Option<Verdict>) -> String {
    let by = match denied_by(call.error_code.as_deref(), call.error_message.as_deref()) {
        Some(policy_type) => format!("Denied already in the log, by {}", with_article(policy_type)),
        None => "Denied already in the log; the message does not name the policy type".to_owned(),
    };
    match then {
        Some(Verdict::Denied) => format!("{by}; it would be denied after the change, too"),
        Some(Verdict::Undetermined) => format!("{by}; whether it would be denied after the change is open"),
        Some(Verdict::NotDenied) => format!("{by}; no policy that is known here denies it after the change"),
        None => by,
    }
}

fn with_article(policy_type: &str) -> String {
    let article = if policy_type.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    if policy_type.starts_with("S3 ") { policy_type.to_owned() } else { format!("{article} {policy_type}") }
}

/// Who is behind a session: `user/jane → role/a → role/b`, the first caller first.
pub fn chain(call: &Call, lineage: &Lineage) -> Option<String> {
    let links = lineage.chain(call);
    if links.is_empty() {
        return None;
    }
    let short = |arn: &str| {
        let mut parts = arn.splitn(6, ':');
        match (parts.nth(4), parts.next()) {
            (Some(account), Some(resource)) => format!("{resource} of {account}"),
            _ => arn.to_owned(),
        }
    };
    // What is behind each step: the plain name, and what narrows the session.
    let mut steps: Vec<(String, Option<String>)> = Vec::new();
    for link in links.iter().rev() {
        let issuer = link
            .issuer_arn
            .as_deref()
            .map(short)
            .or_else(|| {
                link.subject
                    .as_deref()
                    .map(|subject| format!("{subject} of {}", link.provider.as_deref().unwrap_or("an identity provider")))
            })
            .or_else(|| link.invoked_by.as_deref().map(str::to_owned))
            .or_else(|| link.issuer_account.as_deref().map(|account| format!("somebody of {account}")));
        let issuer = issuer.unwrap_or_else(|| "somebody".to_owned());
        if steps.last().is_none_or(|(last, _)| *last != issuer) {
            steps.push((issuer, None));
        }
        let narrowed = session_policy::in_chain(link);
        let federated = link.session_arn.as_deref().filter(|arn| arn.contains(":federated-user/"));
        if let Some(session) = link.role_arn.as_deref().or(federated).map(short)
            && (narrowed.is_some() || steps.last().is_none_or(|(last, _)| *last != session))
        {
            steps.push((session, narrowed));
        }
    }
    let shown = |(name, narrowed): (String, Option<String>)| match narrowed {
        Some(narrowed) => format!("{name} ({narrowed})"),
        None => name,
    };
    (steps.len() > 1).then(|| steps.into_iter().map(shown).collect::<Vec<_>>().join(" → "))
}

/// The policies under judgement first.
fn own_first<'j>(
    judgement: &'j Judgement,
    scenario: &Scenario,
    keep: impl Fn(&StatementMatch) -> bool,
) -> Vec<&'j StatementMatch> {
    let is_own = |found: &StatementMatch| scenario.candidates().any(|candidate| candidate.policy.name == found.policy);
    let mut found: Vec<&StatementMatch> = judgement.statements.iter().filter(|found| keep(found)).collect();
    found.sort_by_key(|found| !is_own(found));
    found
}

fn denied(lead: &str, permission: &Permission, scenario: &Scenario) -> Words {
    let Some(judgement) = &permission.judgement else { return Words { reason: lead.to_owned(), ..Words::default() } };
    let request = &permission.authorization.request;
    let certain = own_first(judgement, scenario, |found| found.effect == Effect::Deny && found.certain);
    if let Some(first) = certain.first() {
        let mut reason = format!("{lead} by {}", place(first));
        let mut of_perimeter = None;
        if let Some(statement) = statement(&permission.policies, first) {
            of_perimeter = perimeter_of(statement);
            let facts = facts(statement, permission, None);
            if !facts.is_empty() {
                reason.push_str(&format!(": {}", facts.join("; ")));
            }
        }
        let others: Vec<String> = certain.iter().skip(1).map(|found| place(found)).collect();
        if !others.is_empty() {
            reason.push_str(&format!("; also by {}", others.join(", ")));
        }
        return Words { reason, settled_by: Vec::new(), statement: Some(label(first)), perimeter: of_perimeter };
    }
    // Whatever the unknown keys are, one statement or another denies.
    let open = own_first(judgement, scenario, |found| found.effect == Effect::Deny && !found.certain);
    let missing = judgement.not_allowed_by.iter().find(|missing| missing.certain);
    match (open.first(), missing) {
        (_, Some(missing)) => implicit(lead, missing.layer, missing.level, permission, request),
        (Some(first), None) => {
            let places: Vec<String> = open.iter().map(|found| place(found)).collect();
            let reason = format!("{lead}: whatever the unknown keys are, it is denied by {}", places.join(" or "));
            let of_perimeter = statement(&permission.policies, first).and_then(perimeter_of);
            Words { reason, settled_by: Vec::new(), statement: Some(label(first)), perimeter: of_perimeter }
        }
        (None, None) => match judgement.not_allowed_by.first() {
            Some(missing) => implicit(lead, missing.layer, missing.level, permission, request),
            None => Words { reason: lead.to_owned(), ..Words::default() },
        },
    }
}

/// The statement of the resource-based policy that matches and does not allow by itself.
fn delegation(layer: Layer, permission: &Permission) -> Option<&StatementMatch> {
    let found = permission.judgement.iter().flat_map(|judgement| &judgement.statements);
    let matches =
        |found: &&StatementMatch| found.policy_type == PolicyType::Resource && found.effect == Effect::Allow && found.certain;
    found.into_iter().find(matches).filter(|_| layer == Layer::SameAccount)
}

/// An Allow is missing.
fn implicit(lead: &str, layer: Layer, level: Option<usize>, permission: &Permission, request: &Request) -> Words {
    let policies = policies_of(&permission.policies, layer, level);
    let named: Vec<&str> = policies.iter().map(|policy| file_name(&policy.name)).collect();
    let what = match layer {
        Layer::Policy(policy_type) => policy_type.title(),
        Layer::OwnerAccount | Layer::SameAccount => "resource-based policy",
        Layer::CallerAccount => "policy of the caller's account",
    };
    let at = level_name(&permission.policies, layer, level).map(|name| format!(" at {name}")).unwrap_or_default();
    let mut reason = if let Some(found) = delegation(layer, permission) {
        // An account that is named may allow it by policies of its own.
        format!("{lead}: {} names the account, which leaves {} to its identity-based policies", place(found), request.action)
    } else if named.is_empty() {
        format!("{lead}: no {what}{at} allows {}", request.action)
    } else {
        format!("{lead}: no statement of {} ({what}{at}) allows {}", named.join(", "), request.action)
    };
    let view = View::of(&request.context);
    let mut nearest: Vec<(usize, &Policy, &Statement, Vec<&Condition>)> = Vec::new();
    for policy in &policies {
        for statement in policy.statements_for(&request.service).filter(|statement| statement.effect == Effect::Allow) {
            let failing: Vec<&Condition> =
                statement.conditions.iter().filter(|condition| condition.evaluate(&view).is_false()).collect();
            if statement.is_about(request) && !statement.resource(request, &view).is_false() && !failing.is_empty() {
                nearest.push((failing.len(), policy, statement, failing));
            }
        }
    }
    nearest.sort_by_key(|(count, _, statement, _)| (*count, statement.index));
    let mut of_perimeter = None;
    if let Some((_, policy, statement, failing)) = nearest.first() {
        of_perimeter = perimeter(failing.iter().map(|condition| condition.key.as_str()));
        let wanted: Vec<String> =
            failing.iter().map(|condition| format!("{}, but {}", in_words(condition), fact(condition, permission))).collect();
        reason.push_str(&format!(
            "; {} of {}, line {}, would allow it if {}",
            statement_name(statement.index, statement.sid.as_deref()),
            file_name(&policy.name),
            statement.position.line,
            wanted.join(", and if ")
        ));
    }
    let statement = policies.first().map(|policy| format!("{}:1 nothing allows it", policy.name));
    Words { reason, settled_by: Vec::new(), statement, perimeter: of_perimeter }
}

/// It depends on something.
fn open(lead: &str, judged: &Judged, permission: &Permission, scenario: &Scenario) -> Words {
    let mut settled: BTreeSet<String> = BTreeSet::new();
    let mut reasons: Vec<String> = Vec::new();
    let mut statement_label = None;
    let mut of_perimeter = None;
    for permission in judged.permissions.iter().filter(|permission| permission.then != Verdict::NotDenied) {
        if let Some(depends_on) = permission.depends_on {
            settled.insert(depends_on.settled_by().to_owned());
            if let Some(judgement) = &permission.judgement
                && judgement.verdict == Verdict::Denied
            {
                let words = denied(&format!("{}, it is denied", depends_on.supposed()), permission, scenario);
                statement_label = statement_label.or(words.statement);
                of_perimeter = of_perimeter.or(words.perimeter);
                push_new(&mut reasons, words.reason);
                continue;
            }
        }
        if permission.then == Verdict::Denied || (!permission.authorization.certain && judged.permissions.len() > 1) {
            let request = &permission.authorization.request;
            settled.insert(format!("whether the call needed {}, which its record does not tell", request.action));
        }
        let Some(judgement) = &permission.judgement else { continue };
        settled.extend(judgement.settling.iter().map(|settling| advice(&settling.key, &settling.why)));
        let newer = |action: String| format!("{action}: newer service facts may have it (--service-facts)");
        settled.extend(open_action(permission, judgement).map(newer));
        let matters = |policy_type: PolicyType| {
            judgement.statements.iter().any(|found| found.policy_type == policy_type && found.effect == Effect::Deny)
                || judgement.not_allowed_by.iter().any(|missing| missing.layer == Layer::Policy(policy_type))
        };
        let at_endpoint = |missing: &NotAllowed| missing.layer == Layer::Policy(PolicyType::VpcEndpoint);
        if permission.authorization.request.facts.gateway_endpoint.is_unknown()
            && judgement.not_allowed_by.iter().any(at_endpoint)
        {
            settled.insert("whether the VPC endpoint is a gateway: its type in the inventory (vpc_endpoints.csv)".to_owned());
        }
        for exempt in judgement.exempt.iter().filter(|exempt| !exempt.certain && matters(exempt.policy_type)) {
            settled.insert(exempt_advice(exempt.policy_type, exempt.reason));
        }
        let found = own_first(judgement, scenario, |found| found.effect == Effect::Deny);
        statement_label = statement_label.or_else(|| found.first().map(|found| label(found)));
        if let Some(first) = found.first() {
            let statement = statement(&permission.policies, first);
            if let Some(statement) = statement {
                of_perimeter = of_perimeter.or_else(|| perimeter_of(statement));
                let view = View::of(&permission.authorization.request.context);
                if statement.resource(&permission.authorization.request, &view).is_unknown() {
                    settled.insert("the ARN of the resource, which the record does not tell in full".to_owned());
                }
            }
            let depends =
                if first.depends_on.is_empty() { String::new() } else { format!(" if {}", first.depends_on.join(" and ")) };
            let known = statement.map(|statement| facts(statement, permission, Some(Known))).unwrap_or_default();
            let known = if known.is_empty() { String::new() } else { format!("; known: {}", known.join("; ")) };
            push_new(&mut reasons, format!("denied by {}{depends}{known}", place(first)));
        } else if let Some(residual) = &judgement.residual {
            push_new(&mut reasons, residual.clone());
        }
        if statement_label.is_none()
            && let Some(missing) = judgement.not_allowed_by.first()
        {
            let policies = policies_of(&permission.policies, missing.layer, missing.level);
            statement_label = policies.first().map(|policy| format!("{}:1 nothing allows it", policy.name));
        }
    }
    let of_keys = permission.judgement.iter().flat_map(|judgement| &judgement.settling);
    let why = of_keys.map(|settling| format!("{} is unknown: {}", settling.key, settling.why));
    let action = permission.judgement.iter().filter_map(|judgement| open_action(permission, judgement));
    let why: Vec<String> = action.map(|action| format!("{action} is not in Palisade's tables")).chain(why).collect();
    let mut reason = lead.to_owned();
    for (number, part) in reasons.into_iter().chain(why).enumerate() {
        reason.push_str(if number == 0 { ": " } else { "; " });
        reason.push_str(&part);
    }
    if settled.is_empty() {
        settled.insert("a fact that the record does not tell, which the reason names".to_owned());
    }
    Words { reason, settled_by: settled.into_iter().collect(), statement: statement_label, perimeter: of_perimeter }
}

/// The action that some statement turns on and that no table tells.
fn open_action(permission: &Permission, judgement: &Judgement) -> Option<String> {
    let request = &permission.authorization.request;
    let open = request.open_action.as_ref()?;
    let found = judgement.statements.iter().filter_map(|found| statement(&permission.policies, found));
    let turns_on_it = found.map(|statement| statement.action(request)).any(Truth::is_unknown);
    turns_on_it.then(|| format!("which action IAM asks for the operation {} of {}", open.operation, request.service))
}

fn push_new(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

/// `network.json, statement 1 (Sid "X"), line 5`.
fn place(found: &StatementMatch) -> String {
    format!("{}, {}, line {}", file_name(&found.policy), statement_name(found.index, found.sid.as_deref()), found.position.line)
}

/// `policies/network.json:5 X`.
fn label(found: &StatementMatch) -> String {
    let sid = found.sid.clone().unwrap_or_else(|| format!("statement {}", found.index + 1));
    format!("{}:{} {sid}", found.policy, found.position.line)
}

/// The compiled statement of a match.
pub fn statement<'p>(policies: &'p Policies, found: &StatementMatch) -> Option<&'p Statement> {
    every_policy(policies)
        .find(|policy| policy.name == found.policy && policy.policy_type == found.policy_type)?
        .statements
        .get(found.index)
        .map(AsRef::as_ref)
}

fn every_policy(policies: &Policies) -> impl Iterator<Item = &Policy> {
    let levels = policies.service_control.iter().chain(&policies.resource_control).flatten().flat_map(|level| &level.policies);
    let grants = [&policies.resource, &policies.identity].into_iter().flat_map(|grants| match grants {
        crate::policy::layers::Grants::Policies(policies) => policies.as_slice(),
        _ => &[],
    });
    let lists = [&policies.vpc_endpoint, &policies.boundary, &policies.session].into_iter().flatten().flatten();
    levels.chain(grants).chain(lists).map(AsRef::as_ref)
}

/// The policies of a layer, or of one of its levels.
fn policies_of(policies: &Policies, layer: Layer, level: Option<usize>) -> Vec<&Policy> {
    let of_levels = |levels: &'_ Option<Vec<Level>>| -> Vec<usize> {
        levels
            .iter()
            .flatten()
            .enumerate()
            .filter(|(number, _)| level.is_none_or(|level| level == *number))
            .map(|(n, _)| n)
            .collect()
    };
    let wanted = match layer {
        Layer::Policy(policy_type) => policy_type,
        Layer::OwnerAccount | Layer::SameAccount => PolicyType::Resource,
        Layer::CallerAccount => PolicyType::Identity,
    };
    let levels = match wanted {
        PolicyType::ServiceControl => Some(&policies.service_control),
        PolicyType::ResourceControl => Some(&policies.resource_control),
        _ => None,
    };
    match levels {
        Some(levels) => of_levels(levels)
            .into_iter()
            .filter_map(|number| levels.as_ref()?.get(number))
            .flat_map(|level| level.policies.iter().map(AsRef::as_ref))
            .collect(),
        None => every_policy(policies).filter(|policy| policy.policy_type == wanted).collect(),
    }
}

fn level_name(policies: &Policies, layer: Layer, level: Option<usize>) -> Option<String> {
    let levels = match layer {
        Layer::Policy(PolicyType::ServiceControl) => policies.service_control.as_ref()?,
        Layer::Policy(PolicyType::ResourceControl) => policies.resource_control.as_ref()?,
        _ => return None,
    };
    levels.get(level?)?.name.clone()
}

/// Marks that only what is known is wanted.
#[derive(Clone, Copy)]
struct Known;

/// For each condition of a statement: what the call has for its key, and where that came from.
fn facts(statement: &Statement, permission: &Permission, only_known: Option<Known>) -> Vec<String> {
    let view = View::of(&permission.authorization.request.context);
    let mut facts = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for condition in &statement.conditions {
        if seen.contains(&condition.key.as_str()) || (only_known.is_some() && condition.evaluate(&view).is_unknown()) {
            continue;
        }
        seen.push(&condition.key);
        facts.push(fact(condition, permission));
    }
    facts
}

/// `aws:SourceIp is "198.51.100.7" (from sourceIPAddress), which is not in "203.0.113.0/24"`.
fn fact(condition: &Condition, permission: &Permission) -> String {
    let request = &permission.authorization.request;
    let from = permission.authorization.provenance.get(&condition.key).map(|from| format!(" ({from})")).unwrap_or_default();
    let value = value_words(request.context.get(&condition.key));
    let wanted = match condition.operator.map(|operator| operator.test) {
        Some(Test::Compare { negated, .. }) if matches!(request.context.get(&condition.key), Seen::Values(_)) => {
            let shown: Vec<String> =
                condition.values.iter().take(VALUES).map(|value| format!("\"{}\"", value.written)).collect();
            let more = condition.values.len().saturating_sub(VALUES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            match (negated, condition.evaluate(&View::of(&request.context)).is_true()) {
                (true, true) => format!(", not {}{more}", shown.join(" or ")),
                (false, false) => format!(", not {}{more}", shown.join(" or ")),
                _ => String::new(),
            }
        }
        _ => String::new(),
    };
    format!("{} is {value}{from}{wanted}", condition.name)
}

/// A value of the context for people.
pub fn value_words(seen: Seen<'_>) -> String {
    match seen {
        Seen::Absent => "absent".to_owned(),
        Seen::Values([]) => "present without a value".to_owned(),
        Seen::Values(values) => {
            let shown: Vec<String> = values.iter().take(5).map(|value| format!("\"{value}\"")).collect();
            let more = values.len().saturating_sub(5);
            if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
        }
        // Not known, but known not to be what policies ask for: that is what decides.
        Seen::Unknown(unknown) if !unknown.unlike.is_empty() => {
            let unlike: Vec<String> = unknown.unlike.iter().map(|pattern| format!("\"{pattern}\"")).collect();
            format!("not like {} ({})", unlike.join(" or "), unknown.why)
        }
        Seen::Unknown(unknown) if !unknown.excluded.is_empty() => {
            let excluded: Vec<String> = unknown.excluded.iter().map(|value| format!("\"{value}\"")).collect();
            format!("not {} ({})", excluded.join(" or "), unknown.why)
        }
        Seen::Unknown(unknown) => format!("unknown ({})", unknown.why),
        Seen::Other(_) | Seen::Set(_) | Seen::Something => "present".to_owned(),
    }
}

/// A condition in words, with a long list cut.
fn in_words(condition: &Condition) -> String {
    let words = in_words_condition(condition);
    if condition.values.len() <= VALUES {
        words
    } else {
        format!("{} passes one of {} values", condition.name, condition.values.len())
    }
}

/// The resource of a request for people.
pub fn resource_words(request: &Request) -> String {
    match &request.resource {
        crate::policy::request::Resource::Known(arn) => arn.clone(),
        crate::policy::request::Resource::Partial(glob) => format!("{} (partly known)", glob.text()),
        crate::policy::request::Resource::Unknown => "an unknown resource".to_owned(),
    }
}
