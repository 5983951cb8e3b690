//! Runs the steps over the rows and draws the verdict of each.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;

use crate::inventory::model::resource_types;
use crate::report::model::Verdict;

use super::case::Case;
use super::endpoint::Endpoint;
use super::exception::Exceptions;
use super::facts::Facts;
use super::network::{Address, Reachability};
use super::output::{self, Enrich, Finding};
use super::principal::{Principal, Recorded};
use super::reason::Template;
use super::resource::Resource;
use super::rows::{Field, Rows};
use super::steps::{Decision, Runner, STEP_NAMES, step};
use super::world::World;
use super::{Context, EnrichError, Judged, Said, StepPlan};

/// The facts of all rows.
struct Joined {
    principals: Facts<Principal>,
    resources: Facts<Resource>,
    endpoints: Facts<Endpoint>,
    addresses: Facts<Option<Address>>,
}

impl Joined {
    fn new(rows: &Rows, world: &mut World<'_>) -> Result<Joined, EnrichError> {
        let resource_key = [Field::ResourceArn, Field::ResourceAccountId, Field::ResourceType];
        let resources =
            Facts::by(rows, resource_key, |[arn, account, resource_type]| Resource::new(world, arn, account, resource_type))?;
        let world = &*world;
        let principal_key =
            [Field::PrincipalArn, Field::PrincipalType, Field::PrincipalId, Field::PrincipalAccountId, Field::InvokedBy];
        let principals = Facts::by(rows, principal_key, |[arn, principal_type, id, account_id, invoked_by]| {
            Principal::new(world, Recorded { arn, principal_type, id, account_id, invoked_by })
        })?;
        let endpoints = Facts::by(rows, [Field::VpcEndpointId, Field::VpcEndpointAccountId], |[id, account]| {
            Endpoint::new(world, id, account)
        })?;
        let reachability = Reachability::new();
        let addresses = Facts::by(rows, [Field::SourceIp], |[ip]| Address::parse(ip, &reachability))?;
        Ok(Joined { principals, resources, endpoints, addresses })
    }

    /// `None` for a row that does not exist.
    fn case<'a>(&'a self, world: &'a World<'a>, rows: &'a Rows, row: usize) -> Option<Case<'a>> {
        let resource = self.resources.get(row)?;
        Some(Case {
            world,
            rows,
            row,
            principal: self.principals.get(row)?,
            resource,
            endpoint: self.endpoints.get(row)?,
            address: *self.addresses.get(row)?,
            scope: world.scope(resource.scope)?,
        })
    }
}

pub(crate) fn judge(frame: &DataFrame, plan: &StepPlan<'_>, context: &Context<'_>) -> Result<Judged, EnrichError> {
    let enrich = Enrich::new(plan.query, plan.enrich)?;
    let mut runners = Vec::with_capacity(plan.exclude.len());
    for name in plan.exclude {
        let step = step(name).ok_or_else(|| EnrichError::UnknownStep {
            query: plan.query.to_owned(),
            kind: "exclude",
            step: name.clone(),
            known: STEP_NAMES.join(", "),
        })?;
        runners.push(Runner::new(step));
    }
    let template = Template::parse(plan.query, plan.finding)?;
    let rows = Rows::new(frame, plan.query)?;
    let mut world = World::new(context, plan);
    let joined = Joined::new(&rows, &mut world)?;
    let world = &world;

    let mut exceptions = Exceptions::new(world);
    let mut left_out: BTreeMap<String, u64> = BTreeMap::new();
    let mut findings = Vec::new();
    for row in 0..rows.len() {
        let Some(case) = joined.case(world, &rows, row) else { continue };
        let mut notes = Notes::default();
        let dropped_by = runners.iter_mut().find_map(|runner| {
            let decision = runner.decide(&case, joined.principals.number(row), joined.resources.number(row));
            notes.take(decision).then(|| runner.name())
        });
        match dropped_by {
            Some(step) => *left_out.entry(step.to_owned()).or_default() += 1,
            None => findings.push(finding(&case, notes, &template, &mut exceptions)),
        }
    }
    let frame = output::frame(&findings, &rows, enrich, |row| joined.case(world, &rows, row))?;
    Ok(Judged { frame, not_provided: not_provided(world), exception_hits: exceptions.hits(), left_out })
}

/// Joins the facts to rows whose verdicts are known already; `said` has one entry for each row.
pub(crate) fn describe(
    frame: &DataFrame,
    plan: &StepPlan<'_>,
    context: &Context<'_>,
    said: Vec<Said>,
) -> Result<DataFrame, EnrichError> {
    let enrich = Enrich::new(plan.query, plan.enrich)?;
    let rows = Rows::new(frame, plan.query)?;
    let mut world = World::new(context, plan);
    let joined = Joined::new(&rows, &mut world)?;
    let world = &world;
    let mut findings = Vec::with_capacity(rows.len());
    for (row, said) in said.into_iter().enumerate().take(rows.len()) {
        let Some(case) = joined.case(world, &rows, row) else { continue };
        let Said { verdict, reason, settled_by, outcome, statement } = said;
        let place = case.place();
        findings.push(Finding {
            row,
            verdict,
            reason,
            settled_by,
            exception_id: None,
            place,
            outcome: Some(outcome),
            statement,
        });
    }
    output::frame(&findings, &rows, enrich, |row| joined.case(world, &rows, row))
}

/// What the steps said of a row that stays.
#[derive(Default)]
struct Notes {
    facts: Vec<String>,
    owned: Option<String>,
    gaps: Vec<String>,
    settled_by: Vec<String>,
}

impl Notes {
    /// True when the row is to be left out.
    fn take(&mut self, decision: Decision) -> bool {
        fn push_new(list: &mut Vec<String>, text: String) {
            if !list.contains(&text) {
                list.push(text);
            }
        }
        match decision {
            Decision::Drop => return true,
            Decision::Keep(None) => {}
            Decision::Keep(Some(fact)) => push_new(&mut self.facts, fact),
            Decision::Owned(fact) => self.owned = Some(fact),
            Decision::Undetermined { why, settled_by } => {
                push_new(&mut self.gaps, why);
                push_new(&mut self.settled_by, settled_by);
            }
        }
        false
    }
}

fn finding(case: &Case<'_>, notes: Notes, template: &Template, exceptions: &mut Exceptions<'_>) -> Finding {
    let Notes { facts, owned, gaps, settled_by } = notes;
    let judges = case.world.plan.perimeter != "none";
    let mut verdict = match (&owned, judges) {
        _ if !gaps.is_empty() => Verdict::Undetermined,
        (Some(_), _) => Verdict::ServiceOwned,
        (None, true) => Verdict::CrossesPerimeter,
        (None, false) => Verdict::Information,
    };
    let mut reason = String::new();
    template.fill(case, &mut reason);
    let mut add = |text: &str| {
        reason.push_str(if reason.is_empty() { "" } else { "; " });
        reason.push_str(text);
    };
    facts.iter().chain(&owned).for_each(|fact| add(fact));
    gaps.iter().for_each(|gap| add(gap));
    let mut exception_id = None;
    // What is listed for information crosses nothing, so there is nothing to except.
    if verdict != Verdict::Information {
        let covered = exceptions.cover(case);
        if let Some(exception) = covered.live {
            verdict = Verdict::Excepted;
            exception_id = Some(exception.id.clone());
            add(&match exception.expires {
                Some(last_day) => format!("exception {} of {} covers it until {last_day}", exception.id, exception.owner),
                None => format!("exception {} of {} covers it", exception.id, exception.owner),
            });
        } else if let Some((exception, last_day)) = covered.expired.and_then(|it| it.expires.map(|day| (it, day))) {
            add(&format!("exception {} expired on {last_day}", exception.id));
        }
    }
    let settled_by = (verdict == Verdict::Undetermined).then(|| settled_by.join("; "));
    Finding { row: case.row, verdict, reason, settled_by, exception_id, place: case.place(), outcome: None, statement: None }
}

/// The types that the query wants and the inventory does not provide, with what depends on them.
fn not_provided(world: &World<'_>) -> Vec<String> {
    let mut missing: Vec<String> = world
        .plan
        .inventory
        .iter()
        .filter(|resource_type| !world.context.inventory.provides(resource_type))
        .map(|resource_type| {
            let leaves = match resource_type.as_str() {
                resource_types::ACCOUNT => "which accounts are in the organization",
                resource_types::TREE => "in which organizational unit an account is",
                resource_types::ROLE => "who may assume a role, and so whether a service used it",
                resource_types::VPC_ENDPOINT => "whose a VPC endpoint is, and its VPC, where the record does not tell",
                resource_types::BUCKET => "who owns a bucket, where the record does not tell",
                _ => "owners and tags, where the record does not tell",
            };
            format!("{resource_type}: {leaves}")
        })
        .collect();
    missing.sort();
    missing.dedup();
    missing
}
