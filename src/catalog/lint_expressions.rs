//! The part of the lint that looks at expressions: only what Trino and the local engine compute alike, and nothing that a missing
//! value turns silently into "no".

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Query,
    SelectItem, UnaryOperator, Value, Visit, Visitor,
};

use super::lint::{Report, relation_column};
use super::{did_you_mean, nearest};
use crate::events::schema::{Column, ColumnType};

/// Functions that give the same result in Trino and in the local engine.
const FUNCTIONS: &[&str] = &[
    "sum",
    "min",
    "max",
    "count",
    "coalesce",
    "nullif",
    "lower",
    "upper",
    "substr",
    "split_part",
    "strpos",
    "replace",
    "starts_with",
    "regexp_like",
    "json_extract_scalar",
];

/// Functions whose result is null only if an argument is.
const NULL_ONLY_FROM_NULL: &[&str] = &["lower", "upper", "strpos", "replace", "starts_with", "regexp_like", "substr"];

pub(super) fn check(report: &mut Report<'_>, query: &Query) {
    let mut names = Names(Column::ALL.iter().map(|column| column.name().to_owned()).collect());
    let _ = query.visit(&mut names);
    let mut checks = Checks { report, names: names.0, safe_split_parts: BTreeSet::new() };
    let _ = query.visit(&mut checks);
}

/// Collects the names that derived tables give to their columns.
struct Names(BTreeSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_select(&mut self, select: &datafusion::sql::sqlparser::ast::Select) -> ControlFlow<()> {
        self.0.extend(select.projection.iter().filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            _ => None,
        }));
        ControlFlow::Continue(())
    }
}

struct Checks<'r, 'q> {
    report: &'r mut Report<'q>,
    names: BTreeSet<String>,
    /// Calls of `split_part` that stand inside `nullif(…, '')`.
    safe_split_parts: BTreeSet<String>,
}

impl Visitor for Checks<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        self.expression(expression);
        ControlFlow::Continue(())
    }
}

impl Checks<'_, '_> {
    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Identifier(name) => self.column(expression, &name.value),
            Expr::CompoundIdentifier(parts) => {
                if let Some(name) = parts.last() {
                    self.column(expression, &name.value);
                }
            }
            Expr::Value(value) => match &value.value {
                Value::Number(..) | Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null => {}
                Value::Placeholder(name) if name.starts_with(':') => {}
                other => self.report.at(expression, "not-portable", format!("`{other}`"), "write text in single quotes"),
            },
            Expr::BinaryOp { left, op, right } => self.binary(expression, left, op, right),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                if !never_null(expr) {
                    self.null_unsafe(expression, "wrap the negated condition in `coalesce(…, false)`");
                }
            }
            Expr::InList { expr, list, negated } => self.in_list(expression, expr, list, *negated),
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                if *negated && !never_null(expr) {
                    self.null_unsafe(expression, "wrap the left side in `coalesce(…, '')`");
                }
                if text_literal(pattern).is_none_or(|text| text.contains('\\')) {
                    let help = "write the pattern as text without a backslash";
                    self.report.at(expression, "not-portable", "engines read this LIKE pattern differently", help);
                }
            }
            Expr::Between { negated, expr, .. } => {
                if *negated && !never_null(expr) {
                    self.null_unsafe(expression, "wrap the left side in `coalesce`");
                }
            }
            Expr::Cast { kind: CastKind::Cast | CastKind::TryCast, data_type, array: false, format: None, .. } => {
                let name = data_type.to_string().to_lowercase();
                if !["bigint", "integer", "double", "date"].contains(&name.as_str()) {
                    let message = format!("a cast to {name} does not give the same text or value everywhere");
                    self.report.at(expression, "not-portable", message, "cast to bigint, integer, double or date only");
                }
            }
            Expr::Function(function) => self.function(expression, function),
            Expr::Substring { special: true, substring_from: Some(from), .. } => {
                if !matches!(from.as_ref(), Expr::Function(_)) && number_literal(from).is_none_or(|start| start < 1) {
                    let help = "begin at 1 or later, as a number or as the result of strpos";
                    self.report.at(expression, "not-portable", "engines read this start of substr differently", help);
                }
            }
            // The parser of the local engine takes all that follows for the right side: `a IS DISTINCT FROM b AND c` becomes
            // `a IS DISTINCT FROM (b AND c)`, where SQL means `(a IS DISTINCT FROM b) AND c`.
            Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) => {
                if !is_operand(right) {
                    let message = "engines disagree where this DISTINCT FROM ends";
                    let help = "put parentheses around it: `(column IS DISTINCT FROM value)`";
                    self.report.at(expression, "distinct-from-parentheses", message, help);
                }
            }
            Expr::IsNull(_) | Expr::IsNotNull(_) | Expr::Nested(_) | Expr::Case { .. } => {}
            other => {
                let message = format!("`{other}` is outside the portable subset");
                self.report.at(
                    expression,
                    "not-portable",
                    message,
                    "write it with the functions and operators that the subset has",
                );
            }
        }
    }

    fn null_unsafe(&mut self, expression: &Expr, help: &str) {
        let message = format!("`{expression}` drops a row whose value is missing");
        self.report.at(expression, "null-unsafe", message, help);
    }

    fn column(&mut self, expression: &Expr, name: &str) {
        if !self.names.contains(name) {
            let suggestion = did_you_mean(nearest(name, self.names.iter().map(String::as_str)).as_deref());
            let message = format!("there is no column `{name}`{suggestion}");
            self.report.at(expression, "unknown-column", message, "use a column of the relation, in lower case");
        }
    }

    fn binary(&mut self, expression: &Expr, left: &Expr, op: &BinaryOperator, right: &Expr) {
        match op {
            BinaryOperator::And | BinaryOperator::Or | BinaryOperator::StringConcat => {}
            BinaryOperator::Plus | BinaryOperator::Minus => {}
            BinaryOperator::NotEq => {
                if !(never_null(left) && never_null(right)) {
                    self.null_unsafe(expression, "write `IS DISTINCT FROM`");
                }
                self.types(expression, left, right);
            }
            BinaryOperator::Eq | BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
                self.types(expression, left, right);
            }
            other => {
                let message = format!("the operator `{other}` is outside the portable subset");
                self.report.at(expression, "not-portable", message, "use comparisons, AND, OR, NOT and `||`");
            }
        }
    }

    /// Trino refuses to compare values of different types where other engines convert one of them.
    fn types(&mut self, expression: &Expr, left: &Expr, right: &Expr) {
        if let (Some(left), Some(right)) = (kind(left), kind(right))
            && left != right
        {
            let message = format!("`{expression}` compares a {left} with a {right}");
            self.report.at(expression, "implicit-cast", message, "write the value in the type of the column");
        }
    }

    fn in_list(&mut self, expression: &Expr, value: &Expr, list: &[Expr], negated: bool) {
        for item in list {
            self.types(expression, value, item);
        }
        if !negated {
            return;
        }
        if list.iter().any(is_placeholder) {
            let help = "write `NOT coalesce(column IN (:list), false)`";
            self.report.at(expression, "not-in-parameter", "NOT IN with an empty list drops every row", help);
        } else if !never_null(value) {
            self.null_unsafe(expression, "wrap the left side in `coalesce(…, '')`");
        }
    }

    fn function(&mut self, expression: &Expr, function: &Function) {
        let name = function.name.to_string().to_lowercase();
        if !FUNCTIONS.contains(&name.as_str()) {
            let (message, help) = match name.as_str() {
                "concat" => {
                    ("concat skips missing values in one engine and not in the other".to_owned(), "use `||`".to_owned())
                }
                _ => {
                    let suggestion = did_you_mean(nearest(&name, FUNCTIONS.iter().copied()).as_deref());
                    (
                        format!("the function {name} is not portable{suggestion}"),
                        format!("the functions are: {}", FUNCTIONS.join(", ")),
                    )
                }
            };
            self.report.at(expression, "unknown-function", message, help);
            return;
        }
        let FunctionArguments::List(list) = &function.args else { return };
        if function.over.is_some() || function.filter.is_some() || !function.within_group.is_empty() || !list.clauses.is_empty()
        {
            self.report.at(expression, "not-portable", "a window or filter clause of a function", "use CASE and GROUP BY");
        }
        let arguments: Vec<Option<&Expr>> = list.args.iter().map(plain_argument).collect();
        let argument = |index: usize| arguments.get(index).copied().flatten();
        match name.as_str() {
            "count" if list.duplicate_treatment != Some(DuplicateTreatment::Distinct) => {
                let message = "count counts rows, and a row may stand for many calls";
                self.report.at(expression, "count-star", message, "use sum(event_count)");
            }
            "nullif" => {
                if let Some(inner @ Expr::Function(_)) = argument(0)
                    && argument(1).and_then(text_literal) == Some("")
                {
                    self.safe_split_parts.insert(inner.to_string());
                }
            }
            "split_part"
                if argument(2).and_then(number_literal) != Some(1)
                    && !self.safe_split_parts.contains(&expression.to_string()) =>
            {
                let message = "a part that is not there is null in one engine and empty text in the other";
                self.report.at(expression, "not-portable", message, "write `nullif(split_part(…), '')`");
            }
            "regexp_like" => {
                let problem = match argument(1) {
                    Some(pattern) if is_placeholder(pattern) => None,
                    Some(pattern) => text_literal(pattern).map_or(Some("is not text"), not_in_both_dialects),
                    None => Some("is missing"),
                };
                if arguments.len() != 2 || problem.is_some() {
                    let message = format!("the regular expression {}", problem.unwrap_or("has flags as an argument"));
                    self.report.at(
                        expression,
                        "not-portable",
                        message,
                        "use what Java and Rust read alike, with flags as `(?i)`",
                    );
                }
            }
            "json_extract_scalar" if !argument(1).and_then(text_literal).is_some_and(is_plain_path) => {
                let help = "write it as '$.name.name' with letters, digits and `_`";
                self.report.at(expression, "not-portable", "this JSON path is not read by every engine", help);
            }
            _ => {}
        }
    }
}

fn plain_argument(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    }
}

fn text_literal(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn number_literal(expression: &Expr) -> Option<i64> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

fn is_placeholder(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)))
}

/// Is the expression a value by itself, which no operator splits?
fn is_operand(expression: &Expr) -> bool {
    let simple = matches!(expression, Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Nested(_));
    simple || matches!(expression, Expr::Function(_) | Expr::Case { .. } | Expr::Cast { .. } | Expr::Substring { .. })
}

/// `Some(why)` if Java and Rust do not both read the regular expression.
fn not_in_both_dialects(regex: &str) -> Option<&'static str> {
    let looks_around = ["(?=", "(?!", "(?<", "(?>"].iter().any(|start| regex.contains(start));
    let refers_back = regex.as_bytes().windows(2).any(|pair| matches!(pair, [b'\\', b'1'..=b'9']));
    let possessive = ["*+", "++", "?+", "}+"].iter().any(|end| regex.contains(end));
    let intersects = regex.contains("&&") || regex.contains("[:");
    (looks_around || refers_back || possessive || intersects).then_some("looks around, refers back or is possessive")
}

fn is_plain_path(path: &str) -> bool {
    path.strip_prefix("$.").is_some_and(|rest| {
        rest.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    })
}

/// The type of a column or literal, in words; `None` for what is computed.
fn kind(expression: &Expr) -> Option<&'static str> {
    match expression {
        Expr::Identifier(name) => relation_column(&name.value).map(|column| match column.column_type() {
            ColumnType::Text => "text",
            ColumnType::Boolean => "boolean",
            ColumnType::Integer => "number",
            ColumnType::Timestamp => "time",
            ColumnType::Date => "date",
        }),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(_) => Some("text"),
            Value::Number(..) => Some("number"),
            Value::Boolean(_) => Some("boolean"),
            _ => None,
        },
        _ => None,
    }
}

/// Does the expression have a value in every row?
fn never_null(expression: &Expr) -> bool {
    match expression {
        Expr::Nested(inner) => never_null(inner),
        Expr::Value(value) => !matches!(value.value, Value::Null | Value::Placeholder(_)),
        Expr::IsNull(_) | Expr::IsNotNull(_) | Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => true,
        Expr::BinaryOp { left, right, .. } => never_null(left) && never_null(right),
        Expr::UnaryOp { expr, .. } => never_null(expr),
        Expr::Like { expr, pattern, .. } => never_null(expr) && never_null(pattern),
        Expr::InList { expr, list, .. } => never_null(expr) && list.iter().all(never_null),
        Expr::Identifier(name) => name.value == "event_count",
        Expr::Function(function) => {
            let FunctionArguments::List(list) = &function.args else { return false };
            let mut arguments = list.args.iter().map(|argument| plain_argument(argument).is_some_and(never_null));
            match function.name.to_string().to_lowercase().as_str() {
                "coalesce" => arguments.any(|value| value),
                name if NULL_ONLY_FROM_NULL.contains(&name) => arguments.all(|value| value),
                _ => false,
            }
        }
        _ => false,
    }
}
