//! Checks that a query keeps to what every engine answers alike, and to the shape that later steps read.
//!
//! The statement is one `SELECT … GROUP BY` over `events` or `event_resources`, possibly through derived tables. Everything that
//! Trino and the local engine read differently, or that a missing value makes silently false, is a finding with a stable code.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Query, Select, SelectItem, SetExpr, Spanned, Statement, TableFactor, TableWithJoins,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::front_matter::{Over, ParameterType, Perimeter, QuerySpec, Scope};
use super::statement_text::{Piece, pieces};
use super::{did_you_mean, lint_expressions, lint_inventory, nearest, parameters};
use crate::events::schema::{Column, EVENT_RESOURCES, EVENTS};

/// The columns that a statement may have, in the order in which they are documented.
pub const OUTPUT_COLUMNS: &[&str] = &[
    "account_id",
    "principal_arn",
    "principal_type",
    "principal_id",
    "principal_account_id",
    "invoked_by",
    "event_source",
    "event_name",
    "error_code",
    "error_message",
    "resource_arn",
    "resource_type",
    "resource_account_id",
    "region",
    "source_ip",
    "source_service",
    "vpc_endpoint_id",
    "vpc_endpoint_account_id",
    "user_agent",
    "event_count",
    "first_seen",
    "last_seen",
    "sample_event_id",
];

/// The columns that every statement must have.
pub const REQUIRED_COLUMNS: &[&str] =
    &["account_id", "event_source", "event_name", "region", "event_count", "first_seen", "last_seen", "sample_event_id"];

/// How the counting columns are computed. `count(*)` would count a row that stands for many calls as one.
const COUNTING_COLUMNS: &[(&str, &str)] = &[
    ("event_count", "sum(event_count)"),
    ("first_seen", "min(first_seen)"),
    ("last_seen", "max(last_seen)"),
    ("sample_event_id", "min(event_id)"),
];

/// The steps that exist, in any order.
#[derive(Debug, Clone, Copy)]
pub struct Steps<'a> {
    pub enrich: &'a [&'a str],
    pub exclude: &'a [&'a str],
    /// What a finding template may name in braces, besides the columns of the statement that are text.
    pub placeholders: &'a [&'a str],
}

/// One thing to change in a query file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LintFinding {
    pub file: String,
    /// The first line is 1.
    pub line: usize,
    /// Stable, kebab-case.
    pub code: &'static str,
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl std::fmt::Display for LintFinding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}: {}: {}; {}", self.file, self.line, self.code, self.message, self.help)
    }
}

/// Collects findings about one file.
pub(super) struct Report<'a> {
    pub(super) query: &'a QuerySpec,
    findings: Vec<LintFinding>,
}

impl Report<'_> {
    /// `line`: of the file.
    pub(super) fn add(&mut self, code: &'static str, line: usize, message: impl Into<String>, help: impl Into<String>) {
        let file = self.query.origin.to_string();
        self.findings.push(LintFinding { file, line, code, message: message.into(), help: help.into() });
    }

    /// A finding at a part of the statement.
    pub(super) fn at(&mut self, part: &impl Spanned, code: &'static str, message: impl Into<String>, help: impl Into<String>) {
        let line = usize::try_from(part.span().start.line).unwrap_or(0).max(1);
        self.add(code, self.query.sql_line + line - 1, message, help);
    }
}

/// All findings about a query, sorted by line. None means that it may run on every engine.
pub fn lint(query: &QuerySpec, steps: Steps<'_>) -> Vec<LintFinding> {
    let mut report = Report { query, findings: Vec::new() };
    front_matter(&mut report, steps);
    parameter_use(&mut report);
    match Parser::parse_sql(&GenericDialect {}, &query.sql) {
        Err(error) => {
            report.add("not-sql", query.sql_line, format!("the statement cannot be parsed: {error}"), "correct the statement");
        }
        Ok(statements) => match statements.as_slice() {
            [Statement::Query(body)] if query.over == Over::Inventory => lint_inventory::check(&mut report, body),
            [Statement::Query(body)] => {
                statement(&mut report, body);
                lint_expressions::check(&mut report, body);
            }
            _ => report.add("not-one-select", query.sql_line, "the file holds no SELECT, or more than one", "write one SELECT"),
        },
    }
    report.findings.sort();
    report.findings.dedup();
    report.findings
}

fn front_matter(report: &mut Report<'_>, steps: Steps<'_>) {
    let query = report.query;
    for (key, used, known) in [("enrich", &query.enrich, steps.enrich), ("exclude", &query.exclude, steps.exclude)] {
        let mut seen = BTreeSet::new();
        for step in used {
            if !known.contains(&step.as_str()) {
                let suggestion = did_you_mean(nearest(step, known.iter().copied()).as_deref());
                let message = format!("there is no `{key}` step named `{step}`{suggestion}");
                report.add("unknown-step", query.key_line(key), message, format!("the steps are: {}", known.join(", ")));
            } else if !seen.insert(step) {
                report.add("repeated-step", query.key_line(key), format!("`{key}` names `{step}` twice"), "name it once");
            }
        }
    }
    let columns =
        OUTPUT_COLUMNS.iter().copied().filter(|column| !COUNTING_COLUMNS.iter().any(|(counting, _)| counting == column));
    let known: Vec<&str> = steps.placeholders.iter().copied().chain(columns).collect();
    // The columns of a query over the inventory are its own.
    for name in placeholders(&query.finding).filter(|_| query.over == Over::Events) {
        if !known.contains(&name) {
            let suggestion = did_you_mean(nearest(name, known.iter().copied()).as_deref());
            let message = format!("the finding template names `{{{name}}}`, which no finding has{suggestion}");
            report.add("unknown-placeholder", query.key_line("finding"), message, "name a column of the statement");
        }
    }
    if !query.reported && (query.scope != Scope::Organization || query.over != Over::Events) {
        let message = "a query that others are joined with runs once, over events";
        report.add("joined-scope", query.key_line("reported"), message, "write `scope: organization` and leave out `over`");
    }
    if !query.activity.is_empty() && query.over != Over::Inventory {
        let message = "only a query over the inventory is joined with others";
        report.add("joined-over-events", query.key_line("activity"), message, "remove `activity`, or write `over: inventory`");
    }
    if query.perimeter != Perimeter::None && query.policy_types.is_empty() {
        let message = "the query judges a perimeter and names no policy type that enforces it";
        report.add("no-policy-type", query.key_line("perimeter"), message, "add `policy_types`");
    }
    for reference in query.references.iter().filter(|reference| !reference.starts_with("https://")) {
        let message = format!("`{reference}` is not the address of a page");
        report.add("bad-reference", query.key_line("references"), message, "begin it with `https://`");
    }
    for (name, parameter) in &query.parameters {
        let line = query.key_line("parameters");
        if parameter.prefilter && parameter.parameter_type == ParameterType::String {
            let message = format!("parameter `{name}` is a single value, and `prefilter` is for lists");
            report.add("prefilter-of-one-value", line, message, "remove `prefilter`");
        }
        let Some(from) = &parameter.from else { continue };
        match parameters::source_type(from) {
            Err(suggestion) => {
                let message = format!("`from: {from}` names nothing{}", did_you_mean(suggestion.as_deref()));
                let sources: Vec<&str> = parameters::SOURCES.iter().map(|(source, _)| *source).collect();
                report.add("unknown-source", line, message, format!("values come from: {}", sources.join(", ")));
            }
            Ok(given) if given != parameter.parameter_type => {
                let message = format!(
                    "parameter `{name}` is a {}, and `{from}` gives a {}",
                    parameter.parameter_type.as_str(),
                    given.as_str()
                );
                report.add("parameter-type", line, message, format!("write `type: {}`", given.as_str()));
            }
            Ok(_) if from == "account" && query.scope == Scope::Organization => {
                let message = format!("parameter `{name}` takes the account, and the query runs once for the organization");
                report.add("account-in-organization-scope", line, message, "use the column account_id instead");
            }
            Ok(_) => {}
        }
    }
}

/// The names in braces of a finding template.
pub(super) fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn parameter_use(report: &mut Report<'_>) {
    let query = report.query;
    let mut used = BTreeMap::new();
    let mut line = query.sql_line;
    for piece in pieces(&query.sql) {
        match piece {
            Piece::Text(text) => line += text.matches('\n').count(),
            Piece::Parameter(name) => {
                used.entry(name).or_insert(line);
            }
        }
    }
    for (name, line) in &used {
        if !query.parameters.contains_key(*name) {
            let suggestion = did_you_mean(nearest(name, query.parameters.keys().map(String::as_str)).as_deref());
            let message = format!("`:{name}` is not declared{suggestion}");
            report.add("undeclared-parameter", *line, message, "declare it under `parameters`");
        }
    }
    for name in query.parameters.keys().filter(|name| !used.contains_key(name.as_str())) {
        let message = format!("parameter `{name}` is declared and never used");
        report.add("unused-parameter", query.key_line("parameters"), message, "remove it");
    }
}

fn statement(report: &mut Report<'_>, body: &Query) {
    let Some(select) = plain_select(report, body) else { return };
    from(report, select);
    output(report, select);
}

/// The SELECT of a query that has nothing else; what else it has is reported.
fn plain_select<'q>(report: &mut Report<'_>, query: &'q Query) -> Option<&'q Select> {
    if query.with.is_some() {
        report.at(query, "with-clause", "a WITH clause", "use a derived table: engines put their own WITH in front");
    }
    if query.order_by.is_some() {
        report.at(query, "order-by", "ORDER BY", "remove it: findings are sorted in the same way for every query");
    }
    if query.limit_clause.is_some() || query.fetch.is_some() {
        report.at(
            query,
            "limit",
            "a limit inside the statement hides calls",
            "remove it: `--max-rows` caps the report and says so",
        );
    }
    match query.body.as_ref() {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(inner) => plain_select(report, inner),
        _ => {
            report.at(query, "not-one-select", "a set operation scans the records once for each part", "use one SELECT");
            None
        }
    }
}

fn from(report: &mut Report<'_>, select: &Select) {
    for (is_there, what) in [
        (select.distinct.is_some(), "DISTINCT"),
        (select.having.is_some(), "HAVING"),
        (select.top.is_some(), "TOP"),
        (select.qualify.is_some(), "QUALIFY"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW"),
        (!select.named_window.is_empty(), "WINDOW"),
    ] {
        if is_there {
            report.at(select, "not-portable", what, "use SELECT, FROM, WHERE and GROUP BY only");
        }
    }
    let [TableWithJoins { relation, joins }] = select.from.as_slice() else {
        report.at(select, "one-relation", "the statement must read one relation", "read FROM events or FROM event_resources");
        return;
    };
    if !joins.is_empty() {
        report.at(select, "join", "a join", "leave what the inventory knows to the enrich steps");
    }
    match relation {
        TableFactor::Derived { subquery, .. } => {
            if let Some(inner) = plain_select(report, subquery) {
                from(report, inner);
            }
        }
        TableFactor::Table { name, args: None, .. } => {
            let name = name.to_string();
            if name != EVENTS && name != EVENT_RESOURCES {
                let message = format!("there is no relation `{name}`");
                report.at(relation, "unknown-relation", message, "read FROM events or FROM event_resources");
            } else if report.query.scope == Scope::Account && !has_account_predicate(report.query, select) {
                let message = "nothing restricts the records to the account";
                report.at(
                    select,
                    "no-account-predicate",
                    message,
                    "add `account_id = :account_id` to the WHERE clause beside FROM",
                );
            }
        }
        _ => report.at(relation, "unknown-relation", "not a relation", "read FROM events or FROM event_resources"),
    }
}

/// Is one of the conditions that must all hold `account_id = :parameter`, with the account as its value?
fn has_account_predicate(query: &QuerySpec, select: &Select) -> bool {
    let accounts: Vec<String> = query
        .parameters
        .iter()
        .filter(|(_, parameter)| parameter.from.as_deref() == Some("account"))
        .map(|(name, _)| format!("account_id = :{name}"))
        .collect();
    let mut open: Vec<&Expr> = select.selection.iter().collect();
    while let Some(expression) = open.pop() {
        match expression {
            Expr::BinaryOp { left, op, right } if op.to_string() == "AND" => open.extend([left.as_ref(), right.as_ref()]),
            Expr::Nested(inner) => open.push(inner),
            other if accounts.contains(&other.to_string()) => return true,
            _ => {}
        }
    }
    false
}

fn output(report: &mut Report<'_>, select: &Select) {
    let mut columns: BTreeMap<String, &Expr> = BTreeMap::new();
    for item in &select.projection {
        let (name, expression) = match item {
            SelectItem::UnnamedExpr(expression @ Expr::Identifier(name)) => (name.value.clone(), expression),
            SelectItem::ExprWithAlias { expr, alias } => (alias.value.clone(), expr),
            SelectItem::UnnamedExpr(_) => {
                report.at(item, "unnamed-column", format!("`{item}` has no name"), "add `AS` and the name of a column");
                continue;
            }
            _ => {
                report.at(item, "wildcard", format!("`{item}` in the outermost SELECT"), "name the columns");
                continue;
            }
        };
        if !OUTPUT_COLUMNS.contains(&name.as_str()) {
            let suggestion = did_you_mean(nearest(&name, OUTPUT_COLUMNS.iter().copied()).as_deref());
            let message = format!("findings have no column `{name}`{suggestion}");
            report.at(item, "unknown-output-column", message, format!("the columns are: {}", OUTPUT_COLUMNS.join(", ")));
        }
        if let Some((_, expected)) = COUNTING_COLUMNS.iter().find(|(column, _)| *column == name)
            && expression.to_string().to_lowercase() != *expected
        {
            let message = format!("`{name}` must be {expected}");
            report.at(item, "wrong-count", message, "a row may stand for many calls, with their first and last time");
        }
        if columns.insert(name.clone(), expression).is_some() {
            report.at(item, "repeated-column", format!("two columns are named `{name}`"), "rename or remove one");
        }
    }
    // What others are joined with may leave out the operation.
    let wanted = |column: &&&str| report.query.reported || **column != "event_name";
    let missing: Vec<_> =
        REQUIRED_COLUMNS.iter().filter(|column| !columns.contains_key(**column)).filter(|column| wanted(column)).collect();
    for required in missing {
        report.at(select, "missing-output-column", format!("the column `{required}` is missing"), "add it to the SELECT");
    }
    group_by(report, select, &columns);
}

/// Every column that does not count must be grouped by, as the same expression: an alias means the column of that name in one
/// engine and the expression in another.
fn group_by(report: &mut Report<'_>, select: &Select, columns: &BTreeMap<String, &Expr>) {
    let GroupByExpr::Expressions(groups, modifiers) = &select.group_by else {
        report.at(select, "group-by", "GROUP BY ALL is not portable", "name the expressions");
        return;
    };
    if !modifiers.is_empty() {
        report.at(select, "group-by", "a modifier of GROUP BY is not portable", "name the expressions only");
    }
    let grouped: BTreeSet<String> = groups.iter().map(ToString::to_string).collect();
    let dimensions: BTreeMap<String, &Expr> = columns
        .iter()
        .filter(|(name, _)| !COUNTING_COLUMNS.iter().any(|(counting, _)| counting == *name))
        .map(|(_, expression)| (expression.to_string(), *expression))
        .collect();
    for (text, expression) in dimensions.iter().filter(|(text, _)| !grouped.contains(*text)) {
        report.at(
            *expression,
            "group-by",
            format!("`{text}` is selected and not grouped by"),
            "repeat the expression in GROUP BY",
        );
    }
    for group in groups.iter().filter(|group| !dimensions.contains_key(&group.to_string())) {
        let message = format!("GROUP BY has `{group}`, which is not one of the selected expressions");
        report.at(group, "group-by", message, "group by the selected expressions, written in full");
    }
}

/// Is there a column of that name in the relation?
pub(super) fn relation_column(name: &str) -> Option<Column> {
    Column::from_name(name)
}
