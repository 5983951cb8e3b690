//! The lint of queries over the inventory. They run on the embedded engine only, so joins and every function of it may be used; what
//! is left is that columns have names, that none says what the steps are to say, and that nothing is cut off.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Query, SelectItem, SetExpr, Visit, Visitor};

use super::front_matter::Scope;
use super::lint::{OUTPUT_COLUMNS, Report, placeholders};
use super::{did_you_mean, nearest};
use crate::inventory::relations::RELATIONS;
use crate::report::model::FINDING_COLUMNS;

pub(super) fn check(report: &mut Report<'_>, body: &Query) {
    let query = report.query;
    if query.scope != Scope::Organization {
        let message = "a query over the inventory runs once for the organization";
        report.add("inventory-scope", query.key_line("scope"), message, "write `scope: organization`");
    }
    if body.limit_clause.is_some() || body.fetch.is_some() {
        report.at(
            body,
            "limit",
            "a limit inside the statement hides rows",
            "remove it: `--max-rows` caps the report and says so",
        );
    }
    if body.order_by.is_some() {
        report.at(body, "order-by", "ORDER BY", "remove it: findings are sorted in the same way for every query");
    }
    let mut visitor = Names { report, own: own_names(body) };
    let _ = body.visit(&mut visitor);
    output(report, body);
}

/// The names that a WITH clause gives.
fn own_names(body: &Query) -> BTreeSet<String> {
    body.with.iter().flat_map(|with| &with.cte_tables).map(|table| table.alias.name.value.clone()).collect()
}

struct Names<'r, 'q> {
    report: &'r mut Report<'q>,
    own: BTreeSet<String>,
}

impl Visitor for Names<'_, '_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = relation.to_string();
        if !self.own.contains(&name) && !RELATIONS.iter().any(|known| known.name == name) {
            let names: Vec<&str> = RELATIONS.iter().map(|known| known.name).collect();
            let message = format!(
                "the inventory has no relation `{name}`{}",
                did_you_mean(nearest(&name, names.iter().copied()).as_deref())
            );
            self.report.at(relation, "unknown-relation", message, format!("the relations are: {}", names.join(", ")));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) = expression
            && matches!(right.as_ref(), Expr::BinaryOp { .. })
        {
            let help = "put parentheses around it: `(column IS DISTINCT FROM value)`";
            self.report.at(expression, "distinct-from-parentheses", "the engine reads on behind this DISTINCT FROM", help);
        }
        ControlFlow::Continue(())
    }
}

fn output(report: &mut Report<'_>, body: &Query) {
    let SetExpr::Select(select) = body.body.as_ref() else {
        report.at(body, "not-one-select", "a set operation", "use one SELECT");
        return;
    };
    let mut columns = BTreeSet::new();
    for item in &select.projection {
        let name = match item {
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => name.value.clone(),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                parts.last().map(|name| name.value.clone()).unwrap_or_default()
            }
            SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
            SelectItem::UnnamedExpr(_) => {
                report.at(item, "unnamed-column", format!("`{item}` has no name"), "add `AS` and a name");
                continue;
            }
            _ => {
                report.at(item, "wildcard", format!("`{item}` in the outermost SELECT"), "name the columns");
                continue;
            }
        };
        let of_findings = FINDING_COLUMNS.iter().any(|column| column.name == name);
        if of_findings && !OUTPUT_COLUMNS.contains(&name.as_str()) && name != "settled_by" {
            let message = format!("`{name}` is for the steps to fill in");
            report.at(item, "reserved-column", message, "give the column another name");
        }
        if !columns.insert(name.clone()) {
            report.at(item, "repeated-column", format!("two columns are named `{name}`"), "rename or remove one");
        }
    }
    if !columns.contains("account_id") {
        let message = "the column `account_id` is missing";
        report.at(select.as_ref(), "missing-output-column", message, "add it: the account whose trust decides");
    }
    let query = report.query;
    for name in placeholders(&query.finding).filter(|name| !columns.contains(*name)) {
        let joined = name == "summary" && !query.activity.is_empty();
        if !joined && !crate::enrich::placeholder_names().contains(&name) {
            let message = format!(
                "the finding template names `{{{name}}}`, which the statement does not select{}",
                did_you_mean(nearest(name, columns.iter().map(String::as_str)).as_deref())
            );
            report.add("unknown-placeholder", query.key_line("finding"), message, "name a column of the statement");
        }
    }
}
