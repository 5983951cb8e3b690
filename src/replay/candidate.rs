//! What the user wants to try: policies to attach, to take away, to put in the place of others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::attach::{Target, TargetError};
use super::baseline::{Attachments, Baseline};
use super::fill::{self, FillError};
use super::owner;
use crate::inventory::Inventory;
use crate::policy::check::{check, guess_type};
use crate::policy::compiled::{Policy, PolicyType};
use crate::policy::diagnostic::{Finding, Severity, Source};
use crate::policy::document::{Document, InvalidPolicy, read_source};
use crate::policy::suggest::closest;

/// What was asked for, as on the command line.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Policy files.
    pub policies: Vec<Arc<Source>>,
    /// `None`: by name, content and target.
    pub policy_type: Option<PolicyType>,
    /// `TARGET`, or `FILE@TARGET` for one policy only.
    pub attach: Vec<String>,
    /// `POLICY` or `POLICY@TARGET`.
    pub detach: Vec<String>,
    /// The policy of today, and the file that takes its place.
    pub replace: Vec<(String, Arc<Source>)>,
    /// `NAME=VALUE`.
    pub set: Vec<String>,
}

/// Why it cannot be tried. All of these are mistakes in what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    #[error("nothing to try; give a policy with --policy and where to attach it with --attach, or use --detach or --replace")]
    Nothing,
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Fill(#[from] FillError),
    #[error("{0}")]
    Invalid(#[from] InvalidPolicy),
    #[error("{policy} is a {title}, which cannot be attached to {target}; {target} takes {expected}{help}")]
    WrongType { policy: String, title: &'static str, target: String, expected: String, help: &'static str },
    #[error(
        "{policy}: a {title} has no effect in the management account {account}; attach it to the root, an organizational unit or another account (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html)"
    )]
    ManagementAccount { policy: String, title: &'static str, account: String },
    #[error("{policy}: no --attach says where a {title} goes; {hint}")]
    NotAttached { policy: String, title: &'static str, hint: &'static str },
    #[error(
        "{policy}: {title} is attached to identities, not to places; the replay judges service control, resource control, VPC endpoint and resource-based policies"
    )]
    NotJudged { policy: String, title: &'static str },
    #[error("{option} {given}: no policy of this id or name is attached today{near}")]
    NotToday { option: &'static str, given: String, near: String },
    #[error("--detach {given}: the policy is not attached at {at}; it is attached at {}", places.join(", "))]
    NotThere { given: String, at: String, places: Vec<String> },
    #[error("--attach {given}: {policy:?} is none of the policies")]
    NoSuchPolicy { given: String, policy: String },
}

/// One change of what is attached.
#[derive(Debug, Clone)]
pub struct Change {
    /// Short, for names of queries: `network_perimeter`, `detach:guard-rails`.
    pub name: String,
    /// One sentence.
    pub title: String,
    pub kind: ChangeKind,
}

#[derive(Debug, Clone)]
pub enum ChangeKind {
    Attach { policy: Candidate, targets: Vec<Target> },
    Detach { policy: String, at: Option<String> },
    Replace { policy: String, by: Candidate },
}

/// A policy under judgement.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// As the user wrote it, placeholders and all.
    pub written: Arc<Source>,
    /// With placeholders filled in.
    pub document: Document,
    pub policy: Arc<Policy>,
    /// What is doubtful in it: findings that do not keep it from being judged.
    pub doubts: Vec<Finding>,
}

/// Today, and each change alone; with several, all of them together at the end.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub today: Attachments,
    pub scenarios: Vec<Scenario>,
    /// What the inventory does not tell about today.
    pub notes: Vec<String>,
}

impl Plan {
    /// The number of changes: so many scenarios come first, each with one of them.
    pub fn changes(&self) -> usize {
        self.scenarios.last().map_or(0, |last| last.changes.len())
    }
}

/// What would be attached.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: String,
    pub title: String,
    pub changes: Vec<Change>,
    pub attachments: Attachments,
    /// The changes alone, if they only attach: for calls that were seen to pass what is attached today.
    pub alone: Option<Attachments>,
}

impl Scenario {
    /// The policies under judgement.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.changes.iter().filter_map(|change| match &change.kind {
            ChangeKind::Attach { policy, .. } | ChangeKind::Replace { by: policy, .. } => Some(policy),
            ChangeKind::Detach { .. } => None,
        })
    }

    /// Does it only attach? Then what is attached today goes on letting through what it was seen to let through.
    pub fn only_adds(&self) -> bool {
        self.changes.iter().all(|change| matches!(change.kind, ChangeKind::Attach { .. }))
    }

    /// The places that change, for people.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.changes.iter().flat_map(|change| match &change.kind {
            ChangeKind::Attach { targets, .. } => targets.as_slice(),
            ChangeKind::Detach { .. } | ChangeKind::Replace { .. } => &[],
        })
    }
}

/// Makes the scenarios of what was asked for.
///
/// # Errors
/// When a policy cannot be used, a target or a policy of today does not exist, or types and targets do not fit.
pub fn plan(asked: &Asked, inventory: &Inventory) -> Result<Plan, CandidateError> {
    let values = fill::read(&asked.set)?;
    let mut used = BTreeSet::new();
    let mut filled = |source: &Arc<Source>| {
        let (source, names) = fill::fill(source, &values);
        used.extend(names);
        source
    };
    let policies: Vec<Arc<Source>> = asked.policies.iter().map(&mut filled).collect();
    let replacing: Vec<(String, Arc<Source>)> =
        asked.replace.iter().map(|(policy, source)| (policy.clone(), filled(source))).collect();
    let written: Vec<Arc<Source>> =
        asked.policies.iter().chain(asked.replace.iter().map(|(_, source)| source)).map(Arc::clone).collect();
    fill::check_used(&values, &used, &written)?;

    let baseline = Baseline::of(inventory);
    let mut changes = attachments(asked, &policies, inventory)?;
    for given in &asked.detach {
        changes.push(detachment(given, &baseline.attachments, inventory)?);
    }
    for ((policy, source), (_, written)) in replacing.iter().zip(&asked.replace) {
        changes.push(replacement(policy, written, source, &baseline.attachments)?);
    }
    if changes.is_empty() {
        return Err(CandidateError::Nothing);
    }
    unique_names(&mut changes);
    let mut scenarios: Vec<Scenario> = changes
        .iter()
        .map(|change| scenario(change.name.clone(), change.title.clone(), vec![change.clone()], &baseline.attachments))
        .collect();
    if changes.len() > 1 {
        let title = format!("All {} changes together", changes.len());
        scenarios.push(scenario("all".to_owned(), title, changes, &baseline.attachments));
    }
    Ok(Plan { today: baseline.attachments, scenarios, notes: baseline.notes })
}

fn scenario(name: String, title: String, changes: Vec<Change>, today: &Attachments) -> Scenario {
    let mut attachments = today.clone();
    // Taken away first, so that a policy that replaces one is not taken away with it.
    for change in &changes {
        match &change.kind {
            ChangeKind::Detach { policy, at } => {
                attachments.detach(policy, at.as_deref());
            }
            ChangeKind::Replace { policy, by } => {
                attachments.replace(policy, &by.policy);
            }
            ChangeKind::Attach { .. } => {}
        }
    }
    for change in &changes {
        if let ChangeKind::Attach { policy, targets } = &change.kind {
            targets.iter().for_each(|target| attachments.attach(target, &policy.policy));
        }
    }
    let mut scenario = Scenario { name, title, changes, attachments, alone: None };
    if scenario.only_adds() {
        let mut alone = Attachments::open();
        for change in &scenario.changes {
            if let ChangeKind::Attach { policy, targets } = &change.kind {
                targets.iter().for_each(|target| alone.attach(target, &policy.policy));
            }
        }
        scenario.alone = Some(alone);
    }
    scenario
}

/// Every policy goes to every target that takes its type, unless a target is given for one policy.
fn attachments(asked: &Asked, policies: &[Arc<Source>], inventory: &Inventory) -> Result<Vec<Change>, CandidateError> {
    // The policy that a target is for; `None`: for all.
    let mut targets: Vec<(Option<usize>, Target)> = Vec::new();
    for given in &asked.attach {
        let own = given.split_once('@').and_then(|(policy, target)| {
            let number = policies.iter().position(|source| is_named(source.name(), policy))?;
            Some((number, target))
        });
        targets.push(match own {
            Some((number, target)) => (Some(number), Target::parse(target, inventory)?),
            None => match given.split_once('@') {
                Some((policy, _)) if !given.starts_with("arn:") => {
                    return Err(CandidateError::NoSuchPolicy { given: given.clone(), policy: policy.to_owned() });
                }
                _ => (None, Target::parse(given, inventory)?),
            },
        });
    }
    let mut changes = Vec::new();
    let mut taken = vec![false; targets.len()];
    for (number, source) in policies.iter().enumerate() {
        let own: Vec<(usize, &Target)> = targets
            .iter()
            .enumerate()
            .filter(|(_, (policy, _))| policy.is_none_or(|policy| policy == number))
            .map(|(at, (_, target))| (at, target))
            .collect();
        let document = document(source)?;
        let policy_type = match asked.policy_type {
            Some(policy_type) => policy_type,
            None => fitting_type(&document, own.iter().map(|(_, target)| *target)),
        };
        if matches!(policy_type, PolicyType::Identity | PolicyType::Boundary | PolicyType::Session) {
            return Err(CandidateError::NotJudged { policy: source.name().to_owned(), title: policy_type.title() });
        }
        let mut places: Vec<Target> = Vec::new();
        for (at, target) in &own {
            if target.takes(policy_type) {
                places.push((*target).clone());
                taken.iter_mut().skip(*at).take(1).for_each(|taken| *taken = true);
            }
        }
        if places.is_empty() {
            return Err(match own.first() {
                Some((_, target)) => wrong_type(source, policy_type, target),
                None => CandidateError::NotAttached {
                    policy: source.name().to_owned(),
                    title: policy_type.title(),
                    hint: hint(policy_type),
                },
            });
        }
        places.sort();
        places.dedup();
        let is_management = |id: &str| owner::is_management(inventory, id).is_true();
        if let Some(Target::Account(account)) =
            places.iter().find(|place| matches!(place, Target::Account(id) if is_management(id)))
        {
            let (policy, account) = (source.name().to_owned(), account.clone());
            return Err(CandidateError::ManagementAccount { policy, title: policy_type.title(), account });
        }
        let candidate = candidate(asked.policies.get(number).unwrap_or(source), document, policy_type)?;
        let where_to: Vec<String> = places.iter().map(|target| target.describe(inventory)).collect();
        changes.push(Change {
            name: stem(source.name()),
            title: format!("{} attached to {}", file_name(source.name()), where_to.join(", ")),
            kind: ChangeKind::Attach { policy: candidate, targets: places },
        });
    }
    if let Some(((own, target), _)) = targets.iter().zip(&taken).find(|(_, taken)| !**taken) {
        let source = own.and_then(|own| policies.get(own)).or(policies.first());
        return Err(match source {
            None => CandidateError::Nothing,
            Some(source) => wrong_type(source, fitting_type(&document(source)?, std::iter::empty()), target),
        });
    }
    Ok(changes)
}

fn wrong_type(source: &Source, policy_type: PolicyType, target: &Target) -> CandidateError {
    let expected: Vec<&str> = target.policy_types().iter().map(|policy_type| policy_type.title()).collect();
    CandidateError::WrongType {
        policy: source.name().to_owned(),
        title: policy_type.title(),
        target: target.to_string(),
        expected: expected.join(" or "),
        help: "; if it is one, say so with --type",
    }
}

fn hint(policy_type: PolicyType) -> &'static str {
    match policy_type {
        PolicyType::VpcEndpoint => "use --attach vpce-…",
        PolicyType::Resource => "use --attach with the ARN of the resource",
        _ => "use --attach root, ou-… or an account id",
    }
}

fn document(source: &Arc<Source>) -> Result<Document, InvalidPolicy> {
    let placeholders = fill::left_over(source);
    let reading = read_source(source);
    if !placeholders.is_empty() && reading.document.is_some() {
        return Err(InvalidPolicy { source: Arc::clone(source), findings: placeholders });
    }
    reading.into_result(source)
}

/// What the policy is: by its file name and content, unless its targets take other types only and its content fits one of them.
fn fitting_type<'a>(document: &Document, targets: impl Iterator<Item = &'a Target>) -> PolicyType {
    let guessed = guess_type(document);
    let mut accepted: Vec<PolicyType> = targets.flat_map(|target| target.policy_types()).copied().collect();
    accepted.dedup();
    if accepted.is_empty() || accepted.contains(&guessed) {
        return guessed;
    }
    let named = names_its_type(document.source.name());
    let has_principals = document.statements.iter().any(|statement| statement.principal.is_some());
    let fits = |policy_type: &PolicyType| !named && policy_type.has_principals() == has_principals;
    accepted.into_iter().find(fits).unwrap_or(guessed)
}

fn names_its_type(file: &str) -> bool {
    let name = file_name(file).to_ascii_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| matches!(word, "scp" | "rcp" | "vpce" | "endpoint" | "boundary" | "session"))
}

/// Compiles a policy for its type. What AWS refuses is an error, except what does not change what it means.
fn candidate(written: &Arc<Source>, document: Document, policy_type: PolicyType) -> Result<Candidate, InvalidPolicy> {
    let (errors, doubts): (Vec<Finding>, Vec<Finding>) = check(&document, policy_type)
        .into_iter()
        .filter(|finding| finding.severity != Severity::Note)
        .partition(|finding| finding.severity == Severity::Error && finding.code != "policy-too-large");
    if !errors.is_empty() {
        return Err(InvalidPolicy { source: Arc::clone(&document.source), findings: errors });
    }
    let policy = Arc::new(Policy::compile(document.source.name(), &document, policy_type));
    Ok(Candidate { written: Arc::clone(written), document, policy, doubts })
}

fn detachment(given: &str, today: &Attachments, inventory: &Inventory) -> Result<Change, CandidateError> {
    let (policy, at) = match given.split_once('@') {
        Some((policy, at)) => (policy, Some(Target::parse(at, inventory)?)),
        None => (given, None),
    };
    let mut attachments = today.clone();
    let places = attachments.detach(policy, None);
    if places.is_empty() {
        // Supposed where the inventory shows nothing that allows.
        let supposed = policy == "FullAWSAccess" && at.is_some();
        if !supposed {
            return Err(not_today("--detach", given, policy, today));
        }
    }
    if let Some(at) = &at
        && !places.iter().any(|place| place == at.as_str())
        && policy != "FullAWSAccess"
    {
        return Err(CandidateError::NotThere { given: given.to_owned(), at: at.to_string(), places });
    }
    let at = at.map(|at| at.as_str().to_owned());
    let from = at.clone().unwrap_or_else(|| places.join(", "));
    Ok(Change {
        name: format!("detach:{policy}"),
        title: format!("{policy} detached from {from}"),
        kind: ChangeKind::Detach { policy: policy.to_owned(), at },
    })
}

fn replacement(
    policy: &str,
    written: &Arc<Source>,
    source: &Arc<Source>,
    today: &Attachments,
) -> Result<Change, CandidateError> {
    let policies = today.organization_policies();
    let Some((_, _, policy_type)) = policies.iter().find(|(id, name, _)| *id == policy || *name == policy) else {
        return Err(not_today("--replace", policy, policy, today));
    };
    let by = candidate(written, document(source)?, *policy_type)?;
    Ok(Change {
        name: format!("replace:{policy}"),
        title: format!("{policy} replaced by {}", file_name(source.name())),
        kind: ChangeKind::Replace { policy: policy.to_owned(), by },
    })
}

fn not_today(option: &'static str, given: &str, policy: &str, today: &Attachments) -> CandidateError {
    let known = today.organization_policies();
    let names = known.iter().flat_map(|(id, name, _)| [*id, *name]);
    let near = match closest(policy, names) {
        Some(near) => format!("; did you mean {near}?"),
        None if known.is_empty() => "; the inventory has none".to_owned(),
        None => {
            let listed: Vec<String> = known.iter().map(|(id, name, _)| format!("{name} ({id})")).collect();
            format!("; attached today: {}", listed.join(", "))
        }
    };
    CandidateError::NotToday { option, given: given.to_owned(), near }
}

/// Two files of one name in two folders are told apart by a number.
fn unique_names(changes: &mut [Change]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for change in changes {
        let count = seen.entry(change.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            change.name = format!("{}-{count}", change.name);
        }
    }
}

/// Is `given` the file, its name, or its name without extension?
fn is_named(file: &str, given: &str) -> bool {
    file == given || file_name(file) == given || stem(file) == given
}

/// The name of a file without its folders.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn stem(path: &str) -> String {
    let name = file_name(path);
    name.strip_suffix(".json").unwrap_or(name).to_owned()
}
