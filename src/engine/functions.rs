//! Functions of the Athena (Trino) dialect that DataFusion has not, under their names there and with their meaning there
//! (<https://trino.io/docs/current/functions/json.html>).

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

use crate::events::json::{Cursor, RawString, Value};
use crate::events::record::fields;

/// Every function that the local engine adds.
pub fn all() -> Vec<ScalarUDF> {
    let at_path = |name: &'static str, form: Form| {
        let compute = move |arguments: &[ColumnarValue]| json_at_path(name, form, arguments);
        create_udf(name, vec![DataType::Utf8, DataType::Utf8], DataType::Utf8, Volatility::Immutable, Arc::new(compute))
    };
    vec![at_path("json_extract_scalar", scalar), at_path("json_extract", json_text)]
}

/// How a value is given back.
type Form = fn(Value<'_>) -> Option<String>;

/// `json_extract_scalar(json, path)`: the string, number or boolean at the path, as text; null where there is none, where the
/// value is an object or array, and for text that is not JSON. `json_extract(json, path)`: any value at the path, as JSON text; null
/// where there is none and where it is `null`.
fn json_at_path(name: &str, form: Form, arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let [json, path] = arguments else {
        return Err(DataFusionError::Execution(format!("{name} takes a JSON text and a path")));
    };
    let ColumnarValue::Scalar(path) = path else {
        return Err(DataFusionError::Execution(format!("{name}: the path must be a constant, such as '$.bucketName'")));
    };
    let Some(Some(path)) = path.try_as_str() else {
        return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
    };
    let steps = parse_path(path).ok_or_else(|| {
        DataFusionError::Execution(format!("{name}: `{path}` is no path; write `$.key`, `$[\"key\"]` or `$.list[0]`"))
    })?;
    match json {
        ColumnarValue::Scalar(json) => {
            let value = json.try_as_str().flatten().and_then(|json| extract(json.as_bytes(), &steps, form));
            Ok(ColumnarValue::Scalar(ScalarValue::Utf8(value)))
        }
        ColumnarValue::Array(json) => {
            let json = text(json)?;
            let mut values = StringBuilder::with_capacity(json.len(), 0);
            for row in 0..json.len() {
                let value = if json.is_null(row) { None } else { extract(json.value(row).as_bytes(), &steps, form) };
                values.append_option(value);
            }
            Ok(ColumnarValue::Array(Arc::new(values.finish())))
        }
    }
}

fn text(array: &ArrayRef) -> Result<StringArray> {
    let array = cast(array, &DataType::Utf8)?;
    array
        .as_any()
        .downcast_ref::<StringArray>()
        .cloned()
        .ok_or_else(|| DataFusionError::Internal("a cast to text gave another type".to_owned()))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// `$`, then `.key`, `["key"]`, `['key']` or `[0]`, any number of times.
fn parse_path(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            let (key, tail) = tail.split_at_checked(end)?;
            if key.is_empty() {
                return None;
            }
            steps.push(Step::Key(key.to_owned()));
            rest = tail;
        } else {
            let (inner, tail) = rest.strip_prefix('[')?.split_once(']')?;
            let quoted = ['"', '\''].iter().find_map(|quote| inner.strip_prefix(*quote)?.strip_suffix(*quote));
            steps.push(match quoted {
                Some(key) => Step::Key(key.to_owned()),
                None => Step::Index(inner.parse().ok()?),
            });
            rest = tail;
        }
    }
    Some(steps)
}

/// Walks the text along the path without building a tree of it.
fn extract(json: &[u8], steps: &[Step], form: Form) -> Option<String> {
    let mut json = json;
    let Some((last, before)) = steps.split_last() else {
        return form(at(json, None)?);
    };
    for step in before {
        match at(json, Some(step))? {
            Value::Container(inner) => json = inner,
            _ => return None,
        }
    }
    form(at(json, Some(last))?)
}

fn json_text(value: Value<'_>) -> Option<String> {
    match value {
        Value::String(text) => serde_json::to_string(&text.decode()).ok(),
        Value::Bare(bytes) | Value::Container(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Null => None,
    }
}

fn scalar(value: Value<'_>) -> Option<String> {
    match value {
        Value::String(text) => Some(text.decode().into_owned()),
        Value::Bare(bytes) => Some(RawString { bytes, has_escape: false }.decode().into_owned()),
        Value::Null | Value::Container(_) => None,
    }
}

/// The value at one step; with no step the value itself.
fn at<'a>(json: &'a [u8], step: Option<&Step>) -> Option<Value<'a>> {
    let mut cursor = Cursor::new(json, 0);
    match step {
        None => cursor.value().ok(),
        Some(Step::Key(key)) => {
            let mut found = None;
            if cursor.peek().ok()? != b'{' {
                return None;
            }
            fields(&mut cursor, |name, cursor| {
                let value = cursor.value()?;
                if name == key.as_bytes() && found.is_none() {
                    found = Some(value);
                }
                Ok(())
            })
            .ok()?;
            found
        }
        Some(Step::Index(index)) => {
            cursor.expect(b'[').ok()?;
            let mut first = true;
            let mut position = 0;
            while cursor.next_element(&mut first).ok()? {
                let value = cursor.value().ok()?;
                if position == *index {
                    return Some(value);
                }
                position += 1;
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_extracted_as_trino_does() {
        let json = br#"{"bucketName":"b\u00fccket","n":1.50,"t":true,"list":[{"arn":"x"},2],"nothing":null,"a b":{"c":"d"}}"#;
        for (path, expected) in [
            ("$.bucketName", Some("b\u{fc}cket")),
            ("$.n", Some("1.50")),
            ("$.t", Some("true")),
            ("$.list[0].arn", Some("x")),
            ("$.list[1]", Some("2")),
            ("$.list[2]", None),
            ("$.list", None),
            ("$.nothing", None),
            ("$.absent", None),
            ("$[\"a b\"].c", Some("d")),
            ("$['a b']['c']", Some("d")),
            ("$.n.deeper", None),
        ] {
            assert_eq!(extract(json, &parse_path(path).unwrap(), scalar).as_deref(), expected, "{path}");
        }
        assert_eq!(extract(b"not json", &parse_path("$.a").unwrap(), scalar), None);
        assert_eq!(extract(b"[{\"a\":1}]", &parse_path("$.a").unwrap(), scalar), None);
        for path in ["", "a", "$.", "$[", "$[x]", "$..a"] {
            assert_eq!(parse_path(path), None, "{path}");
        }
    }
}
