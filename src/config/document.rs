//! A YAML document as a tree of places and texts.
//!
//! Files are not deserialized straight into types, for two reasons: the first mistake would hide all others, and a scalar must
//! stay the text that was written. `012345678901` is an account, not the number 12345678901, and with the rules of YAML 1.1
//! `012345670123` would even be the octal number 1402433619.

use std::collections::{BTreeMap, HashMap};

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use super::problems::{At, Problems};
use super::suggest;

/// Nodes that a file may have after its aliases are followed: more is a mistake or an attack.
const NODE_LIMIT: usize = 1_000_000;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub at: At,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `key:` with nothing, `~` or an unquoted `null`.
    Null,
    /// As written, without quotes and with escapes resolved.
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; keys are unique.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub at: At,
    pub text: String,
}

impl Node {
    /// The value as a phrase for messages.
    fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Text(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Parses one document. An empty text is an empty mapping; so is one that is no YAML, which is a mistake. Of a key that is given
/// twice, a mistake, the first value stays.
pub fn parse(text: &str, problems: &mut Problems) -> Node {
    let nothing = Node { at: At { line: 1, column: 1, length: 1 }, value: Value::Null };
    Builder::default().build(text, problems).unwrap_or(nothing)
}

enum Open {
    List { at: At, anchor: usize, items: Vec<Node> },
    Map { at: At, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key> },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, usize)>,
    /// Values so far, those behind aliases included.
    nodes: usize,
    documents: usize,
}

impl Builder {
    fn build(mut self, text: &str, problems: &mut Problems) -> Option<Node> {
        for event in Parser::new_from_str(text) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let at = At { line: error.marker().line(), column: error.marker().col() + 1, length: 1 };
                    problems.report(at, format!("not valid YAML: {}", error.info()));
                    return None;
                }
            };
            let at = place(&span);
            match event {
                Event::DocumentStart(..) => {
                    self.documents += 1;
                    if self.documents > 1 {
                        problems.report_with_help(
                            at,
                            "a second document starts here",
                            "one file holds one document: remove `---`",
                        );
                        return self.root;
                    }
                }
                Event::Scalar(value, style, anchor, tag) => {
                    if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
                        problems.report_with_help(at, format!("unknown tag `{}`", tag.original()), "remove the tag");
                    }
                    let plain = matches!(style, ScalarStyle::Plain);
                    let value = match &*value {
                        "" | "~" | "null" | "Null" | "NULL" if plain => Value::Null,
                        text => Value::Text(text.to_owned()),
                    };
                    self.finish(Node { at, value }, anchor, 1, problems);
                }
                Event::SequenceStart(_, anchor, _) => self.open.push(Open::List { at, anchor, items: Vec::new() }),
                Event::MappingStart(_, anchor, _) => {
                    self.open.push(Open::Map { at, anchor, entries: Vec::new(), key: None });
                }
                Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                    Some(Open::List { at, anchor, items }) => {
                        self.finish(Node { at, value: Value::List(items) }, anchor, 1, problems);
                    }
                    Some(Open::Map { at, anchor, entries, .. }) => {
                        self.finish(Node { at, value: Value::Map(entries) }, anchor, 1, problems);
                    }
                    None => {}
                },
                Event::Alias(id) => match self.anchors.get(&id).cloned() {
                    Some((mut node, size)) => {
                        node.at = at;
                        self.finish(node, 0, size, problems);
                    }
                    None => problems.report_with_help(
                        at,
                        "an alias inside its own anchor",
                        "write the value out instead of referring to it",
                    ),
                },
                _ => {}
            }
            if self.nodes > NODE_LIMIT {
                problems.report_with_help(
                    at,
                    format!("more than {NODE_LIMIT} values once aliases are followed"),
                    "split the file, or write the values out instead of nesting aliases",
                );
                return self.root;
            }
        }
        self.root
    }

    /// Puts a complete node where it belongs: into the list or mapping that is open, as a key or a value.
    fn finish(&mut self, node: Node, anchor: usize, size: usize, problems: &mut Problems) {
        self.nodes += size;
        if anchor != 0 {
            let size = count(&node);
            self.anchors.insert(anchor, (node.clone(), size));
            self.nodes += size;
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key: open_key, .. }) => match open_key.take() {
                None => {
                    let text = match node.value {
                        Value::Text(text) => text,
                        Value::Null => String::new(),
                        Value::List(_) | Value::Map(_) => {
                            problems.report(node.at, "a key must be a single value");
                            String::new()
                        }
                    };
                    *open_key = Some(Key { at: node.at, text });
                }
                Some(key) => match entries.iter().find(|(existing, _)| existing.text == key.text) {
                    Some((existing, _)) => problems.report_with_help(
                        key.at,
                        format!("key `{}` is given twice", key.text),
                        format!("it was given in line {} before: merge the two", existing.at.line),
                    ),
                    None => entries.push((key, node)),
                },
            },
        }
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Null | Value::Text(_) => 0,
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|(_, node)| 1 + count(node)).sum(),
    }
}

fn place(span: &Span) -> At {
    let length = match span.end.line() == span.start.line() {
        true => span.end.col().saturating_sub(span.start.col()),
        false => 1,
    };
    At { line: span.start.line(), column: span.start.col() + 1, length: length.max(1) }
}

/// The values of a mapping by key, after unknown keys were reported.
#[derive(Debug, Default)]
pub struct Fields<'n> {
    values: BTreeMap<&'n str, &'n Node>,
}

impl<'n> Fields<'n> {
    /// `None` when the key is absent.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.values.get(key).copied()
    }
}

/// The keys of a mapping that are fields of `T`; every other key is a mistake. Nothing (`key:`) is an empty mapping; `what` names
/// the mapping in messages.
pub fn fields<'n, T: for<'de> Deserialize<'de>>(node: &'n Node, what: &str, problems: &mut Problems) -> Fields<'n> {
    let known = field_names::<T>();
    let mut values = BTreeMap::new();
    for (key, value) in entries(node, what, problems) {
        if known.contains(&key.text.as_str()) {
            values.insert(key.text.as_str(), value);
        } else if key.text == "<<" {
            problems.report_with_help(key.at, "merge keys (`<<`) are not read", "write the keys out");
        } else {
            problems.report_with_help(key.at, format!("unknown key `{}` in {what}", key.text), suggest::help(&key.text, known));
        }
    }
    Fields { values }
}

/// The entries of a mapping with free keys. Nothing is an empty mapping.
pub fn entries<'n>(node: &'n Node, what: &str, problems: &mut Problems) -> &'n [(Key, Node)] {
    match &node.value {
        Value::Map(entries) => entries,
        Value::Null => &[],
        _ => {
            problems.report(node.at, format!("expected a mapping (`key: value`) for {what}, found {}", node.kind()));
            &[]
        }
    }
}

/// The items of a list. An absent key and `key:` with nothing are empty lists.
pub fn items<'n>(node: Option<&'n Node>, what: &str, problems: &mut Problems) -> &'n [Node] {
    match node.map(|node| (node, &node.value)) {
        None | Some((_, Value::Null)) => &[],
        Some((_, Value::List(items))) => items,
        Some((node, Value::Text(text))) => {
            problems.report_with_help(
                node.at,
                format!("expected a list for {what}, found `{text}`"),
                format!("write it in brackets: `[{text}]`"),
            );
            &[]
        }
        Some((node, Value::Map(_))) => {
            problems.report_with_help(
                node.at,
                format!("expected a list for {what}, found a mapping"),
                "start each item with `- `",
            );
            &[]
        }
    }
}

/// The text of a single value that must be there.
pub fn text<'n>(node: &'n Node, what: &str, problems: &mut Problems) -> Option<&'n str> {
    match &node.value {
        Value::Text(text) if !text.trim().is_empty() => Some(text),
        Value::Text(_) => {
            problems.report(node.at, format!("expected {what}, found an empty text"));
            None
        }
        _ => {
            problems.report(node.at, format!("expected {what}, found {}", node.kind()));
            None
        }
    }
}

/// The names of the fields of a type, as its derived `Deserialize` announces them: the keys that a mapping may have are declared
/// once, in the type that also makes the JSON Schema.
pub fn field_names<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    struct Announced<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Announced<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(Self::Error::custom("not a struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            Err(Self::Error::custom("only the names of the fields were asked for"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
            tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut names: &'static [&'static str] = &[];
    let _ = T::deserialize(Announced(&mut names));
    names
}
