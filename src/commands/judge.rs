//! From a query to its findings: bind, run, judge. `run` and `queries test` share it.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;

use super::Failure;
use crate::catalog::{ParameterValue, PlaceholderStyle, QuerySpec, Scope, Statement, parameters};
use crate::config::perimeter::Perimeter;
use crate::enrich::{self, Context, ExceptionHits, StepPlan};
use crate::inventory::Inventory;
use crate::report::model::Table;

/// The facts that every query is judged by.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    pub inventory: &'a Inventory,
    pub perimeter: &'a Perimeter,
    /// Ids of the inventory's accounts, collected once: a statement is bound for each account and query.
    pub organization_accounts: &'a [String],
    pub today: jiff::civil::Date,
}

/// The findings of one query for one account.
#[derive(Debug)]
pub struct Findings {
    pub table: Table,
    pub not_provided: Vec<String>,
    pub exception_hits: BTreeMap<String, ExceptionHits>,
}

/// The ids of all accounts of the organization, for [`World::organization_accounts`].
pub fn organization_accounts(inventory: &Inventory) -> Vec<String> {
    inventory.accounts().map(|account| account.id.clone()).collect()
}

/// The statement of a query for an account, for the embedded engine, with its values beside it.
pub fn bind(query: &QuerySpec, account_id: &str, world: World<'_>) -> Result<Statement, Failure> {
    bind_in(query, account_id, world, PlaceholderStyle::Dollar)
}

/// The same with the placeholders of another engine.
pub fn bind_in(query: &QuerySpec, account_id: &str, world: World<'_>, style: PlaceholderStyle) -> Result<Statement, Failure> {
    let trust = world.perimeter.for_account(account_id);
    let facts = parameters::Facts {
        account_id: (query.scope == Scope::Account).then_some(account_id),
        organization_accounts: world.organization_accounts,
        trust: &trust,
    };
    let values: BTreeMap<String, ParameterValue> = parameters::values(query, facts).map_err(Failure::usage)?;
    query.bind(&values, style).map_err(Failure::usage)
}

/// Judges the rows of a query. Rows of an organization-wide query are judged by what each row's own account trusts.
pub fn judge(query: &QuerySpec, account_id: &str, rows: DataFrame, world: World<'_>) -> Result<Vec<Findings>, Failure> {
    let plan = StepPlan {
        query: &query.name,
        perimeter: query.perimeter.as_str(),
        enrich: &query.enrich,
        exclude: &query.exclude,
        finding: &query.finding,
        inventory: &query.inventory,
        organization_wide: query.scope == Scope::Organization,
    };
    let parts = match query.scope {
        Scope::Account => vec![(account_id.to_owned(), rows)],
        Scope::Organization => by_account(&rows).map_err(Failure::unexpected)?,
    };
    let mut findings = Vec::new();
    for (account_id, rows) in parts {
        let context =
            Context { inventory: world.inventory, perimeter: world.perimeter, account_id: &account_id, today: world.today };
        let judged = enrich::judge(rows, &plan, &context).map_err(Failure::usage)?;
        findings.push(Findings {
            table: enrich::to_table(&judged.frame).map_err(Failure::unexpected)?,
            not_provided: judged.not_provided,
            exception_hits: judged.exception_hits,
        });
    }
    Ok(findings)
}

/// The rows of each account, sorted by account. Rows without one are judged by the baseline alone.
fn by_account(rows: &DataFrame) -> Result<Vec<(String, DataFrame)>, polars::error::PolarsError> {
    use polars::prelude::{BooleanChunked, NewChunkedArray};
    let accounts = rows.column("account_id")?.str()?;
    let mut ids: Vec<Option<String>> = accounts.iter().map(|id| id.map(str::to_owned)).collect();
    let of_row = ids.clone();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        // The shape of the result is still checked.
        return Ok(vec![(String::new(), rows.clone())]);
    }
    ids.into_iter()
        .map(|id| {
            let mask = BooleanChunked::from_iter_values("account".into(), of_row.iter().map(|other| *other == id));
            Ok((id.unwrap_or_default(), rows.filter(&mask)?))
        })
        .collect()
}
