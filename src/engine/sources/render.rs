//! From the directives of `queries/sources/*.sql` to expressions over the columns that a table really has.
//!
//! A directive `${text userIdentity.arn | identityArn}` names a field as CloudTrail spells it, with alternatives. A column, or a member of a
//! struct, is found whatever its case and separators; below a column of JSON text the rest is a path into it; a table without the field
//! gives null. So one text fits every generation of tables.

use std::collections::BTreeSet;

use super::column_type::ColumnType;
use super::{Column, SourceError};

/// What a directive is rendered over.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    columns: &'a [Column],
    /// Members of OCSF instead of CloudTrail in the list of resources.
    is_ocsf: bool,
    /// Columns that the text reads, as they are called in the table.
    pub used: BTreeSet<String>,
}

/// Where a field was found.
enum Found {
    /// An expression of the engine, and its type.
    Value(String, ColumnType),
    /// JSON text, and a path into it.
    Json(String, String),
}

/// Names of members in JSON text, as CloudTrail spells them.
const SPELLED: [(&str, &str); 9] = [
    ("arn", "ARN"),
    ("arnprefix", "ARNPrefix"),
    ("accountid", "accountId"),
    ("sourcearn", "sourceArn"),
    ("sourceaccount", "sourceAccount"),
    ("issuertype", "issuerType"),
    ("credentialsissuedto", "credentialsIssuedTo"),
    // As the documentation of CloudTrail Lake spells the column.
    ("credentiaisissuedto", "credentialsIssuedTo"),
    ("originaleventid", "originalEventID"),
];

/// The column with the record as JSON text.
const WHOLE_RECORD: &str = "eventJson";

/// The list of resources, whatever it is made of.
const RESOURCE_ROW: &str = "row(arn varchar, account_id varchar, resource_type varchar)";

/// A name without case and separators, and without the prefix that some writers give to columns of JSON text.
fn normal(name: &str) -> String {
    let name: String = name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
    match name.strip_prefix("json") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => name,
    }
}

/// A name as an identifier of the engine.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `a.b.'c.d'` in its parts.
fn segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    let mut rest = path.trim();
    while !rest.is_empty() {
        let (segment, tail) = match rest.strip_prefix('\'').and_then(|inner| inner.split_once('\'')) {
            Some((segment, tail)) => (segment, tail.strip_prefix('.').unwrap_or(tail)),
            None => rest.split_once('.').unwrap_or((rest, "")),
        };
        segments.push(segment.to_owned());
        rest = tail;
    }
    segments
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A path into JSON text, of keys.
fn json_path(keys: &[String]) -> String {
    keys.iter().fold("$".to_owned(), |path, key| format!("{path}[\"{}\"]", key.replace(['"', '\\'], "")))
}

impl<'a> Columns<'a> {
    pub(super) fn new(columns: &'a [Column], is_ocsf: bool) -> Self {
        Columns { columns, is_ocsf, used: BTreeSet::new() }
    }

    /// Replaces every directive of `text`. `other` renders those that are not about columns.
    pub(super) fn render(
        &mut self,
        text: &str,
        mut other: impl FnMut(&mut Self, &str) -> Option<String>,
    ) -> Result<String, SourceError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((directive, tail)) = after.split_once('}') else {
                return Err(SourceError::Template(format!("`${{{after}` does not end")));
            };
            let rendered = match directive.split_once(' ') {
                Some(("text", path)) => self.text(path),
                Some(("time", path)) => self.time(path),
                Some(("json", path)) => self.json(path),
                Some(("list", path)) => self.list(path),
                Some(("present", path)) => self.present(path),
                _ => other(self, directive)
                    .ok_or_else(|| SourceError::Template(format!("`${{{directive}}}` is no directive")))?,
            };
            out.push_str(&rendered);
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Every alternative that the table has, in their order. Where a table keeps the whole record as text too, as event data stores do, the
    /// record tells what no column does, and what a map of texts has lost.
    fn found(&mut self, alternatives: &str) -> Vec<Found> {
        let mut found = Vec::new();
        for path in alternatives.split('|') {
            let path = segments(path);
            let column = self.find(&path);
            if matches!(column, None | Some(Found::Value(_, ColumnType::Map(_)))) && !self.is_ocsf {
                found.extend(self.find(&[vec![WHOLE_RECORD.to_owned()], path].concat()));
            }
            found.extend(column);
        }
        found
    }

    fn find(&mut self, path: &[String]) -> Option<Found> {
        let (first, mut rest) = path.split_first()?;
        let column = self.columns.iter().find(|column| normal(&column.name) == normal(first))?;
        let mut expression = quoted(&column.name);
        let mut data_type = column.data_type.clone();
        while let Some((segment, tail)) = rest.split_first() {
            match data_type {
                ColumnType::Struct(members) => {
                    let (name, member) = members.into_iter().find(|(name, _)| normal(name) == normal(segment))?;
                    expression = format!("{expression}.{}", quoted(&name));
                    data_type = member;
                }
                ColumnType::Map(value) => {
                    expression = format!("element_at({expression}, {})", literal(segment));
                    data_type = *value;
                }
                ColumnType::Text => {
                    self.used.insert(column.name.clone());
                    return Some(Found::Json(expression, json_path(rest)));
                }
                _ => return None,
            }
            rest = tail;
        }
        self.used.insert(column.name.clone());
        Some(Found::Value(expression, data_type))
    }

    /// The first of the values that is there.
    fn first(values: Vec<String>, data_type: &str) -> String {
        match values.as_slice() {
            [] => format!("CAST(NULL AS {data_type})"),
            [one] => one.clone(),
            several => format!("coalesce({})", several.join(", ")),
        }
    }

    /// A scalar as text; empty is none, and so is anything nested.
    fn text(&mut self, alternatives: &str) -> String {
        let values = self.found(alternatives).into_iter().filter_map(|found| match found {
            Found::Value(expression, ColumnType::Text) => Some(format!("nullif({expression}, '')")),
            Found::Value(_, ColumnType::Struct(_) | ColumnType::Array(_) | ColumnType::Map(_)) => None,
            Found::Value(expression, _) => Some(format!("CAST({expression} AS varchar)")),
            Found::Json(base, path) => Some(format!("nullif(json_extract_scalar({base}, {}), '')", literal(&path))),
        });
        Self::first(values.collect(), "varchar")
    }

    fn time(&mut self, alternatives: &str) -> String {
        let of_text = |text: String| {
            format!(
                "IF(length({text}) >= 10, TRY(CAST(at_timezone(from_iso8601_timestamp(replace({text}, ' ', 'T')), 'UTC') AS timestamp(3))))"
            )
        };
        let values = self.found(alternatives).into_iter().filter_map(|found| match found {
            Found::Value(expression, ColumnType::Timestamp { zoned: true }) => {
                Some(format!("CAST(at_timezone({expression}, 'UTC') AS timestamp(3))"))
            }
            Found::Value(expression, ColumnType::Timestamp { zoned: false } | ColumnType::Date) => {
                Some(format!("CAST({expression} AS timestamp(3))"))
            }
            // Milliseconds since 1970.
            Found::Value(expression, ColumnType::Integer) => {
                Some(format!("CAST(at_timezone(from_unixtime({expression} / 1e3), 'UTC') AS timestamp(3))"))
            }
            Found::Value(expression, ColumnType::Text) => Some(of_text(expression)),
            Found::Value(..) => None,
            Found::Json(base, path) => Some(of_text(format!("json_extract_scalar({base}, {})", literal(&path)))),
        });
        Self::first(values.collect(), "timestamp(3)")
    }

    /// An object or array as JSON text; anything else is none.
    fn json(&mut self, alternatives: &str) -> String {
        let is_ocsf = self.is_ocsf;
        let container = |text: &str| format!("CASE WHEN substr(ltrim({text}), 1, 1) IN ('{{', '[') THEN trim({text}) END");
        let mut values = Vec::new();
        for found in self.found(alternatives) {
            match found {
                Found::Value(expression, ColumnType::Text) => values.push(container(&expression)),
                Found::Value(expression, ColumnType::Array(_)) if is_ocsf => {
                    let list = ocsf_resources(&expression);
                    values.push(format!(
                        "json_format(CAST(transform({list}, r -> CAST(map_filter(map(ARRAY['ARN', 'accountId', 'type'], \
                         ARRAY[r.arn, r.account_id, r.resource_type]), (k, v) -> v IS NOT NULL) AS json)) AS json))"
                    ));
                }
                Found::Value(expression, ColumnType::Map(_)) => {
                    values.push(format!("json_format(CAST({expression} AS json))"));
                }
                Found::Value(expression, data_type @ (ColumnType::Struct(_) | ColumnType::Array(_))) => {
                    values.push(format!("nullif(json_format({}), '{{}}')", json_of(&expression, &data_type, 0)));
                }
                Found::Value(..) => {}
                Found::Json(base, path) => {
                    values.push(container(&format!("json_format(json_extract({base}, {}))", literal(&path))));
                }
            }
        }
        Self::first(values, "varchar")
    }

    /// The list of resources as rows of ARN, owner and type. What has neither an ARN nor an owner is left out. Never null.
    fn list(&mut self, alternatives: &str) -> String {
        let is_ocsf = self.is_ocsf;
        let mut values = Vec::new();
        for found in self.found(alternatives) {
            values.extend(match found {
                Found::Value(expression, ColumnType::Array(_)) if is_ocsf => Some(ocsf_resources(&expression)),
                Found::Value(expression, ColumnType::Array(element)) => match *element {
                    ColumnType::Struct(members) => Some(resources_of_rows(&expression, &members)),
                    ColumnType::Text => Some(resources_of_json(&format!("transform({expression}, t -> TRY(json_parse(t)))"))),
                    _ => None,
                },
                Found::Value(expression, ColumnType::Text) => {
                    Some(resources_of_json(&format!("TRY(CAST(json_parse({expression}) AS array(json)))")))
                }
                Found::Json(base, path) => {
                    Some(resources_of_json(&format!("TRY(CAST(json_extract({base}, {}) AS array(json)))", literal(&path))))
                }
                Found::Value(..) => None,
            });
        }
        values.push(format!("CAST(ARRAY[] AS array({RESOURCE_ROW}))"));
        Self::first(values, "varchar")
    }

    /// Is there an object?
    fn present(&mut self, alternatives: &str) -> String {
        let values: Vec<String> = self
            .found(alternatives)
            .into_iter()
            .map(|found| match found {
                Found::Value(expression, ColumnType::Text) => format!("coalesce({expression} <> '', false)"),
                Found::Value(expression, _) => format!("({expression} IS NOT NULL)"),
                Found::Json(base, path) => format!("(json_extract({base}, {}) IS NOT NULL)", literal(&path)),
            })
            .collect();
        if values.is_empty() { "false".to_owned() } else { format!("({})", values.join(" OR ")) }
    }

    /// Does the table have one of these?
    pub(super) fn has(&mut self, alternatives: &str) -> bool {
        !self.found(alternatives).is_empty()
    }
}

/// Keeps what has an ARN or an owner.
fn resources(transformed: &str) -> String {
    format!("filter({transformed}, r -> r.arn IS NOT NULL OR r.account_id IS NOT NULL)")
}

fn resource_row(arn: &str, account: &str, resource_type: &str) -> String {
    format!("CAST(ROW({arn}, {account}, {resource_type}) AS {RESOURCE_ROW})")
}

fn resources_of_rows(expression: &str, members: &[(String, ColumnType)]) -> String {
    let member = |wanted: &str| {
        let found = members.iter().find(|(name, _)| normal(name) == wanted)?;
        Some(format!("nullif(e.{}, '')", quoted(&found.0)))
    };
    let null = || "CAST(NULL AS varchar)".to_owned();
    let arn = match (member("arn"), member("arnprefix")) {
        (Some(arn), Some(prefix)) => format!("coalesce({arn}, {prefix})"),
        (arn, prefix) => arn.or(prefix).unwrap_or_else(null),
    };
    let account = member("accountid").unwrap_or_else(null);
    let resource_type = member("type").unwrap_or_else(null);
    resources(&format!("transform({expression}, e -> {})", resource_row(&arn, &account, &resource_type)))
}

/// `elements` is an array of JSON values.
fn resources_of_json(elements: &str) -> String {
    let member = |path: &str| format!("nullif(json_extract_scalar(e, '$.{path}'), '')");
    let arn = format!("coalesce({}, {}, {}, {})", member("ARN"), member("arn"), member("ARNPrefix"), member("arnPrefix"));
    resources(&format!("transform({elements}, e -> {})", resource_row(&arn, &member("accountId"), &member("type"))))
}

fn ocsf_resources(expression: &str) -> String {
    let row = resource_row("nullif(e.uid, '')", "nullif(e.owner.account.uid, '')", "nullif(e.type, '')");
    resources(&format!("transform({expression}, e -> {row})"))
}

/// A nested value as JSON, its members in CloudTrail's spelling, without those that are null.
fn json_of(expression: &str, data_type: &ColumnType, depth: usize) -> String {
    match data_type {
        ColumnType::Struct(members) => {
            let spelled = |name: &str| {
                let found = SPELLED.iter().find(|(from, _)| *from == normal(name)).map(|(_, to)| (*to).to_owned());
                literal(&found.unwrap_or_else(|| name.to_owned()))
            };
            let names: Vec<String> = members.iter().map(|(name, _)| spelled(name)).collect();
            let values: Vec<String> = members
                .iter()
                .map(|(name, member)| json_of(&format!("{expression}.{}", quoted(name)), member, depth))
                .collect();
            format!(
                "IF({expression} IS NULL, NULL, CAST(map_filter(map(ARRAY[{}], ARRAY[{}]), (k, v) -> v IS NOT NULL) AS json))",
                names.join(", "),
                values.join(", ")
            )
        }
        ColumnType::Array(element) => {
            let name = format!("e{depth}");
            format!("CAST(transform({expression}, {name} -> {}) AS json)", json_of(&name, element, depth + 1))
        }
        ColumnType::Timestamp { .. } | ColumnType::Date => format!("CAST(CAST({expression} AS varchar) AS json)"),
        _ => format!("CAST({expression} AS json)"),
    }
}
