//! Queries over the inventory: run on the embedded engine, joined with calls where they ask for it, and judged like all others.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use polars::prelude::{BooleanChunked, DataFrame, NewChunkedArray as _};

use super::Failure;
use super::judge::{Findings, World, bind, judge};
use super::run::block_on;
use crate::catalog::{Perimeter, QuerySpec};
use crate::engine::memory::answer_from_tables;
use crate::findings::coverage::Logs;
use crate::findings::operation::ANALYZED;
use crate::findings::usage::{self, Activity, Known};
use crate::inventory::Inventory;
use crate::inventory::model::resource_types::{ACCESS_ANALYZER_FINDING, SECURITY_HUB_FINDING};
use crate::inventory::relations::RELATIONS;
use crate::outcome::Outcome;
use crate::report::model::Coverage;

/// What was read of the events: the rows of the queries that others are joined with, by name, and what the files held.
#[derive(Debug)]
pub struct Calls<'a> {
    pub rows: BTreeMap<String, DataFrame>,
    pub coverage: &'a Coverage,
}

/// Answers one query. `accounts`: those that the user chose, if any. `calls`: `None` when no events are there.
pub fn answer(
    query: &QuerySpec,
    world: World<'_>,
    accounts: Option<&BTreeSet<String>>,
    calls: Option<&Calls<'_>>,
) -> Result<Vec<Findings>, Failure> {
    let statement = bind(query, "", world)?;
    let mut tables = Vec::new();
    // A name that only occurs in a comment costs a table that nobody reads.
    for relation in RELATIONS.iter().filter(|relation| query.sql.contains(relation.name)) {
        tables.push((relation.name, relation.rows(world.inventory).map_err(Failure::unexpected)?));
    }
    let mut frame = block_on(answer_from_tables(tables, &statement))?
        .map_err(|error| Failure::new(Outcome::Usage, format!("query {}: {error}", query.name)))?;
    let mut not_provided = Vec::new();
    if !query.activity.is_empty() {
        frame = join(query, frame, world, calls)?;
        not_provided = gaps(query, world.inventory, calls.is_some());
    }
    if let Some(accounts) = accounts.filter(|_| query.perimeter != Perimeter::None) {
        let of_row = frame.column("account_id").and_then(|column| Ok(column.str()?.clone())).map_err(Failure::unexpected)?;
        let chosen = of_row.iter().map(|account| account.is_none_or(|account| accounts.contains(account)));
        frame = frame.filter(&BooleanChunked::from_iter_values("chosen".into(), chosen)).map_err(Failure::unexpected)?;
    }
    let mut findings = judge(query, "", frame, world)?;
    // Either source of findings is enough for a query that reads both.
    if provided(query, world.inventory).next().is_some() {
        let is_other =
            |gap: &String| [ACCESS_ANALYZER_FINDING, SECURITY_HUB_FINDING].iter().any(|of| gap.starts_with(&format!("{of}:")));
        findings.iter_mut().for_each(|part| part.not_provided.retain(|gap| !is_other(gap)));
    }
    if let Some(first) = findings.first_mut() {
        first.not_provided.append(&mut not_provided);
        first.not_provided.sort();
    }
    Ok(findings)
}

/// Adds what was used. The first query of `activity` gives the calls of outside principals, the second the resources whose use is
/// recorded.
fn join(query: &QuerySpec, frame: DataFrame, world: World<'_>, calls: Option<&Calls<'_>>) -> Result<DataFrame, Failure> {
    let failed = |error: polars::error::PolarsError| Failure::new(Outcome::Usage, format!("query {}: {error}", query.name));
    let inventory = world.inventory;
    let members: HashSet<&str> = inventory.accounts().map(|account| account.id.as_str()).collect();
    let known = Known {
        findings: inventory.access_findings(),
        complete: provided(query, inventory).all(|of| inventory.complete(of)),
        resource_types: &query.resource_types,
        members: &members,
    };
    let rows = |position: usize| {
        let name = query.activity.get(position)?;
        calls.and_then(|calls| calls.rows.get(name))
    };
    // Without a list of findings every call would look as if no finding explained it.
    let any = provided(query, inventory).next().is_some();
    let (Some(outside), Some(recorded), Some(calls), true) = (rows(0), rows(1), calls, any) else {
        return usage::join(&frame, known, None).map_err(failed);
    };
    let logs = Logs::new(recorded, calls.coverage).map_err(failed)?;
    usage::join(&frame, known, Some(Activity { calls: outside, logs: &logs })).map_err(failed)
}

/// The types of findings that the query wants and the snapshot provides.
fn provided<'a>(query: &'a QuerySpec, inventory: &'a Inventory) -> impl Iterator<Item = &'a str> {
    let is_finding = |of: &&str| [ACCESS_ANALYZER_FINDING, SECURITY_HUB_FINDING].contains(of);
    query.inventory.iter().map(String::as_str).filter(is_finding).filter(|of| inventory.provides(of))
}

/// What nobody can tell, said once: whether access is used without events, and what lies in regions without findings.
fn gaps(query: &QuerySpec, inventory: &Inventory, has_calls: bool) -> Vec<String> {
    let mut gaps = Vec::new();
    let Some(resource_type) = provided(query, inventory).next() else { return gaps };
    if !has_calls {
        gaps.push("events: whether what is granted is used".to_owned());
    }
    let findings = inventory.access_findings();
    let wanted = |of: &str| {
        ANALYZED.contains(&of) && (query.resource_types.is_empty() || query.resource_types.iter().any(|wanted| wanted == of))
    };
    let regions: BTreeSet<&str> = inventory
        .resources()
        .filter(|resource| wanted(&resource.resource_type))
        .filter_map(|resource| resource.region.as_deref())
        .filter(|region| findings.tells_of(region) == Some(false) || findings.has_analyzer(region) == Some(false))
        .collect();
    if !regions.is_empty() {
        let regions: Vec<&str> = regions.into_iter().collect();
        gaps.push(format!("{resource_type} in {}: what is open to the outside there", regions.join(", ")));
    }
    gaps
}
