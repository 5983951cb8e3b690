//! The JSON cursor agrees with a complete parser, and no text makes it panic or run on.

use std::borrow::Cow;

use palisade::events::json::{Cursor, Stop, Value as Found, compact};
use palisade::events::reader::{Problem, Reader, Visitor};
use palisade::events::record::{Record, scalar_at};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{delivered, lines, record};

/// Any JSON value. Keys are such as CloudTrail has: without escapes.
fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Fractions that every parser reads alike.
        any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,40}".prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec(("[a-zA-Z0-9_.:é-]{1,9}", inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Builds the tree that the cursor saves everybody from building.
fn tree(cursor: &mut Cursor<'_>) -> Result<Value, Stop> {
    match cursor.peek()? {
        b'{' => {
            cursor.begin_object()?;
            let (mut object, mut first) = (Map::new(), true);
            while let Some(key) = cursor.next_key(&mut first)? {
                object.insert(key.decode().into_owned(), tree(cursor)?);
            }
            Ok(Value::Object(object))
        }
        b'[' => {
            cursor.expect(b'[')?;
            let (mut items, mut first) = (Vec::new(), true);
            while cursor.next_element(&mut first)? {
                items.push(tree(cursor)?);
            }
            Ok(Value::Array(items))
        }
        _ => Ok(match cursor.value()? {
            Found::String(text) => Value::String(text.decode().into_owned()),
            Found::Null => Value::Null,
            Found::Bare(text) => serde_json::from_slice(text).unwrap(),
            Found::Container(_) => panic!("a container where a scalar was written"),
        }),
    }
}

/// Every path of keys to a scalar inside nested objects.
fn paths(value: &Value, here: &mut Vec<String>, found: &mut Vec<(Vec<String>, Value)>) {
    let Value::Object(object) = value else {
        found.push((here.clone(), value.clone()));
        return;
    };
    for (key, member) in object {
        here.push(key.clone());
        paths(member, here, found);
        here.pop();
    }
}

fn check(value: &Value, text: &str) -> Result<(), TestCaseError> {
    let text = format!("{text}\n");
    prop_assert_eq!(&tree(&mut Cursor::new(text.as_bytes(), 0)).unwrap(), value);
    let mut cursor = Cursor::new(text.as_bytes(), 0);
    prop_assert_eq!(cursor.skip(), Ok(()));
    prop_assert_eq!(cursor.position(), text.len() - 1);
    let mut scalars = Vec::new();
    paths(value, &mut Vec::new(), &mut scalars);
    for (path, expected) in scalars.iter().filter(|(path, _)| !path.is_empty()) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let found = scalar_at(text.as_bytes(), &path).map(|text| text.decode());
        let expected = match expected {
            Value::String(text) if !text.is_empty() => Some(Cow::Borrowed(text.as_str())),
            Value::Number(_) | Value::Bool(_) => Some(Cow::Owned(expected.to_string())),
            _ => None,
        };
        prop_assert_eq!(found, expected, "{:?}", path);
    }
    Ok(())
}

/// Reads a text as a file would be, and counts what is found.
#[derive(Default)]
struct Counts {
    records: usize,
    problems: Vec<Problem>,
}

impl Visitor for Counts {
    fn record(&mut self, record: &Record<'_>, raw: &[u8]) {
        assert!(record.event_name.is_some() || record.event_source.is_some());
        assert!(raw.is_empty() || raw.starts_with(b"{"));
        self.records += 1;
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

fn read(text: &[u8]) -> Counts {
    let mut counts = Counts::default();
    let mut reader = Reader::of_text(text.to_vec());
    let mut steps = 0;
    while reader.read(1, &mut counts) {
        steps += 1;
        assert!(steps <= text.len() + 1, "more steps than bytes");
    }
    counts
}

/// A change of a text: where, how many bytes, and what is put in their place.
fn any_damage() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, Vec<u8>)>> {
    let syntax = prop::sample::select(b"{}[]\",:\\\0\n \xff".to_vec());
    let bytes = prop_oneof![vec(any::<u8>(), 0..4), vec(syntax, 0..4)];
    vec((any::<prop::sample::Index>(), 0..20usize, bytes), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_cursor_reads_what_a_complete_parser_reads(value in any_json()) {
        check(&value, &value.to_string())?;
        check(&value, &serde_json::to_string_pretty(&value).unwrap())?;
    }

    #[test]
    fn compact_text_is_what_was_written_without_white_space(value in any_json()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(compact(pretty.as_bytes()), value.to_string());
    }

    #[test]
    fn text_that_is_cut_off_is_incomplete_and_never_wrong(value in any_json(), at in any::<prop::sample::Index>()) {
        let text = json!({ "value": value }).to_string();
        let cut = &text.as_bytes()[..at.index(text.len())];
        prop_assert_eq!(Cursor::new(cut, 0).skip(), Err(Stop::Incomplete));
        prop_assert_eq!(tree(&mut Cursor::new(cut, 0)), Err(Stop::Incomplete));
    }

    #[test]
    fn no_damage_makes_the_reader_panic_or_run_on(damage in any_damage(), as_lines in any::<bool>()) {
        let records: Vec<Value> = (0..6).map(|n| record(n, json!({"detail": {"detail": n}, "resources": [{"ARN": "a"}]}))).collect();
        let mut text = if as_lines { lines(&records) } else { delivered(&records) }.into_bytes();
        for (at, length, bytes) in damage {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, bytes);
        }
        let counts = read(&text);
        prop_assert!(counts.records <= 6 + counts.problems.len());
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_run_on(text in vec(prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\\n".to_vec())], 0..200)) {
        read(&text);
    }
}

#[test]
fn every_cut_of_a_file_keeps_the_records_before_it() {
    let records: Vec<Value> = (0..3).map(|n| record(n, json!({}))).collect();
    let text = delivered(&records);
    let ends: Vec<usize> = text.match_indices(r#""eventCategory":"Management"}"#).map(|(at, found)| at + found.len()).collect();
    assert_eq!(ends.len(), 3);
    for cut in 0..text.len() {
        let counts = read(&text.as_bytes()[..cut]);
        assert_eq!(counts.records, ends.iter().filter(|end| **end <= cut).count(), "cut at {cut}");
    }
}

#[test]
fn an_envelope_whose_list_lies_before_it_in_the_file_is_no_loop() {
    let envelope = json!({"detail": {"Records": [record(2, json!({}))]}}).to_string();
    let counts = read(format!("{}\n{envelope}\n", record(1, json!({}))).as_bytes());
    assert_eq!((counts.records, counts.problems), (2, vec![]));
}

#[test]
fn text_that_opens_without_end_is_given_up_after_bounded_work() {
    for line in ["{\"a\":[\n", "{\"a\":\"\n", "{'a': 1}\n", "{\"eventVersion\":[[[\n"] {
        let started = std::time::Instant::now();
        let counts = read(line.repeat(60_000).as_bytes());
        assert_eq!(counts.records, 0);
        assert!(!counts.problems.is_empty());
        assert!(started.elapsed().as_secs() < 30, "{line:?} took {:?}", started.elapsed());
    }
}
