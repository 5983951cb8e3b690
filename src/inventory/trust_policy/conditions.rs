//! The `Condition` of a statement, in words for the reader of a finding.

use serde_json::Value;

/// How many values of one key are shown before the rest is counted.
const SHOWN_VALUES: usize = 3;
/// Longer values are cut, so that a finding stays readable.
const SHOWN_CHARACTERS: usize = 100;

/// All conditions, sorted and joined by "and". `None` when there are none.
pub(super) fn in_words(condition: &Value) -> Option<String> {
    let operators = condition.as_object()?;
    let mut parts: Vec<String> = operators
        .iter()
        .filter_map(|(operator, keys)| keys.as_object().map(|keys| (operator, keys)))
        .flat_map(|(operator, keys)| keys.iter().map(move |(key, values)| part(operator, key, values)))
        .collect();
    parts.sort_unstable();
    (!parts.is_empty()).then(|| parts.join(" and "))
}

fn part(operator: &str, key: &str, values: &Value) -> String {
    let lower = operator.to_ascii_lowercase();
    let (set, lower) = match lower.split_once(':') {
        Some(("foranyvalue", rest)) => ("any of ", rest),
        Some(("forallvalues", rest)) => ("every ", rest),
        _ => ("", lower.as_str()),
    };
    let (base, if_present) = match lower.strip_suffix("ifexists") {
        Some(base) => (base, " (if present)"),
        None => (lower, ""),
    };
    let values: Vec<String> = match values {
        Value::Array(values) => values.iter().map(text).collect(),
        one => vec![text(one)],
    };
    if base == "null" {
        let word = match values.first().map(String::as_str) {
            Some("true") => "is absent",
            _ => "is present",
        };
        return format!("{set}{key} {word}");
    }
    let (one, many, separator) = match base {
        "stringequals" | "arnequals" | "numericequals" | "dateequals" | "bool" | "binaryequals" => ("=", "=", " or "),
        "stringequalsignorecase" => ("= (any case)", "= (any case)", " or "),
        "stringnotequals" | "arnnotequals" | "numericnotequals" | "datenotequals" => ("is not", "is none of", ", "),
        "stringnotequalsignorecase" => ("is not (any case)", "is none of (any case)", ", "),
        "stringlike" | "arnlike" => ("like", "like", " or "),
        "stringnotlike" | "arnnotlike" => ("is not like", "is like none of", ", "),
        "ipaddress" => ("in", "in", " or "),
        "notipaddress" => ("not in", "in none of", ", "),
        "numericlessthan" | "datelessthan" => ("<", "<", " or "),
        "numericlessthanequals" | "datelessthanequals" => ("<=", "<=", " or "),
        "numericgreaterthan" | "dategreaterthan" => (">", ">", " or "),
        "numericgreaterthanequals" | "dategreaterthanequals" => (">=", ">=", " or "),
        _ => (operator, operator, " or "),
    };
    let word = if values.len() == 1 { one } else { many };
    let more = values.len().saturating_sub(SHOWN_VALUES);
    let mut shown: Vec<String> = values.into_iter().take(SHOWN_VALUES).collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    format!("{set}{key} {word} {}{if_present}", shown.join(separator))
}

fn text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
