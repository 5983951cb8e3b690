//! Changes of a policy's text that leave everything else as it is written.

use crate::policy::json::{self, Node, Value};

/// Makes a Deny statement spare calls that have one of the values for the key. `operator` is the negated operator to use where the
/// statement has none for the key. `None`: the text has no such statement.
pub fn spare(text: &str, statement: usize, operator: &str, key: &str, values: &[String]) -> Option<String> {
    let mut text = text.to_owned();
    let missing = |text: &str| -> Option<Vec<String>> {
        let root = json::parse(text).ok()?;
        let statement = root.get("Statement")?.one_or_many().get(statement)?;
        let present = negated_condition(statement, operator, key)
            .map(|value| value.one_or_many().iter().filter_map(Node::scalar).collect::<Vec<_>>())
            .unwrap_or_default();
        Some(values.iter().filter(|value| !present.contains(value)).cloned().collect())
    };
    let missing = missing(&text)?;
    if missing.is_empty() {
        return Some(text);
    }
    let root = json::parse(&text).ok()?;
    let node = root.get("Statement")?.one_or_many().get(statement)?;
    if let Some(value) = negated_condition(node, operator, key) {
        let (at, new) = more_values(&text, value, &missing)?;
        text.replace_range(at, &new);
        return Some(text);
    }
    let value = value_text(values);
    let conditions = node.get("Condition");
    let block = conditions.and_then(|conditions| block_for(conditions, operator));
    let edit = match (block, conditions) {
        (Some(block), _) => new_member(&text, block, &format!("{}: {value}", quoted(key)))?,
        (None, Some(conditions)) => {
            new_member(&text, conditions, &format!("{}: {{{}: {value}}}", quoted(operator), quoted(key)))?
        }
        (None, None) => {
            new_member(&text, node, &format!("\"Condition\": {{{}: {{{}: {value}}}}}", quoted(operator), quoted(key)))?
        }
    };
    text.replace_range(edit.0, &edit.1);
    Some(text)
}

/// Adds a statement behind the others.
pub fn add_statement(text: &str, statement: &serde_json::Value) -> Option<String> {
    let root = json::parse(text).ok()?;
    let list = root.get("Statement")?;
    let mut new = text.to_owned();
    match &list.value {
        Value::Array(items) => {
            let last = items.last()?;
            let indent = indentation(text, last.span.start);
            let written = pretty(statement, &indent);
            let separator = if on_own_line(text, last.span.start) { format!(",\n{indent}") } else { ", ".to_owned() };
            new.insert_str(last.span.end, &format!("{separator}{written}"));
        }
        _ => {
            let indent = indentation(text, list.span.start);
            let old = text.get(list.span.clone())?;
            new.replace_range(list.span.clone(), &format!("[{old},\n{indent}{}]", pretty(statement, &indent)));
        }
    }
    Some(new)
}

/// The values of a negated condition on the key, whose operator is of the same family.
fn negated_condition<'n>(statement: &'n Node, operator: &str, key: &str) -> Option<&'n Node> {
    statement.get("Condition")?.members()?.iter().filter(|member| same_family(&member.key, operator)).find_map(|member| {
        member.value.members()?.iter().find(|found| found.key.eq_ignore_ascii_case(key)).map(|found| &found.value)
    })
}

/// The block of an operator that a new key fits into.
fn block_for<'n>(conditions: &'n Node, operator: &str) -> Option<&'n Node> {
    let members = conditions.members()?;
    members.iter().find(|member| same_family(&member.key, operator)).map(|member| &member.value)
}

/// `StringNotEquals` and `StringNotEqualsIfExists` both are true of an absent key, so that either does.
fn same_family(written: &str, operator: &str) -> bool {
    let base = |name: &str| name.strip_suffix("IfExists").unwrap_or(name).to_ascii_lowercase();
    base(written) == base(operator)
}

/// Where and what to write, so that the value has these values too.
fn more_values(text: &str, value: &Node, added: &[String]) -> Option<(std::ops::Range<usize>, String)> {
    let added: Vec<String> = added.iter().map(|value| quoted(value)).collect();
    match &value.value {
        Value::Array(items) => match items.last() {
            Some(last) => {
                let separator = if on_own_line(text, last.span.start) {
                    format!(",\n{}", indentation(text, last.span.start))
                } else {
                    ", ".to_owned()
                };
                let new: String = added.iter().map(|value| format!("{separator}{value}")).collect();
                Some((last.span.end..last.span.end, new))
            }
            None => Some((value.span.clone(), format!("[{}]", added.join(", ")))),
        },
        _ => {
            let old = text.get(value.span.clone())?;
            Some((value.span.clone(), format!("[{old}, {}]", added.join(", "))))
        }
    }
}

/// Where and what to write, so that the object has one member more.
fn new_member(text: &str, object: &Node, member: &str) -> Option<(std::ops::Range<usize>, String)> {
    match object.members()?.last() {
        Some(last) => {
            let separator = if on_own_line(text, last.key_span.start) {
                format!(",\n{}", indentation(text, last.key_span.start))
            } else {
                ", ".to_owned()
            };
            let end = last.value.span.end;
            Some((end..end, format!("{separator}{member}")))
        }
        None => Some((object.span.clone(), format!("{{{member}}}"))),
    }
}

/// Does nothing but blanks stand before it on its line?
fn on_own_line(text: &str, at: usize) -> bool {
    let line = text.get(..at).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
    line.chars().all(char::is_whitespace) && text.get(..at).is_some_and(|before| before.contains('\n'))
}

/// The blanks at the beginning of the line.
fn indentation(text: &str, at: usize) -> String {
    let line = text.get(..at).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
    line.chars().take_while(|character| character.is_whitespace()).collect()
}

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn value_text(values: &[String]) -> String {
    match values {
        [one] => quoted(one),
        many => format!("[{}]", many.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")),
    }
}

fn pretty(value: &serde_json::Value, indent: &str) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.replace('\n', &format!("\n{indent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Deny", "Action": "*", "Resource": "*",
      "Condition": {
        "StringNotEqualsIfExists": {
          "aws:ResourceOrgID": "o-1",
          "aws:ResourceAccount": [
            "111111111111"
          ]
        }
      }
    },
    {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
  ]
}"#;

    #[test]
    fn a_value_joins_the_list_that_is_there_and_nothing_else_changes() {
        let new = spare(POLICY, 0, "StringNotEqualsIfExists", "aws:ResourceAccount", &["222222222222".to_owned()]).unwrap();
        let expected =
            POLICY.replace("            \"111111111111\"\n", "            \"111111111111\",\n            \"222222222222\"\n");
        assert_eq!(new, expected);
        let again = spare(&new, 0, "StringNotEquals", "aws:resourceaccount", &["222222222222".to_owned()]).unwrap();
        assert_eq!(again, new);
    }

    #[test]
    fn a_key_joins_the_block_of_its_operator_or_gets_one() {
        let new = spare(POLICY, 0, "StringNotEqualsIfExists", "aws:PrincipalAccount", &["3".to_owned()]).unwrap();
        assert!(new.contains("          ],\n          \"aws:PrincipalAccount\": \"3\"\n        }"), "{new}");
        let new = spare(POLICY, 0, "NotIpAddressIfExists", "aws:SourceIp", &["192.0.2.0/24".to_owned()]).unwrap();
        assert!(
            new.contains("        },\n        \"NotIpAddressIfExists\": {\"aws:SourceIp\": \"192.0.2.0/24\"}\n      }"),
            "{new}"
        );
        let new = spare(POLICY, 1, "ArnNotLikeIfExists", "aws:PrincipalArn", &["a".to_owned(), "b".to_owned()]).unwrap();
        let expected = r#"{"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"ArnNotLikeIfExists": {"aws:PrincipalArn": ["a", "b"]}}}"#;
        assert!(new.contains(expected), "{new}");
    }

    #[test]
    fn a_statement_is_added_behind_the_others() {
        let statement = serde_json::json!({"Sid": "A", "Effect": "Allow"});
        let new = add_statement(POLICY, &statement).unwrap();
        assert!(
            new.contains("\"Resource\": \"*\"},\n    {\n      \"Sid\": \"A\",\n      \"Effect\": \"Allow\"\n    }\n  ]"),
            "{new}"
        );
        let one = r#"{"Statement": {"Effect": "Deny"}}"#;
        let new = add_statement(one, &statement).unwrap();
        assert_eq!(json::parse(&new).unwrap().get("Statement").unwrap().one_or_many().len(), 2, "{new}");
    }
}
