//! `palisade config import-dph`: the `data_perimeter.yaml` of Data Perimeter Helper
//! (<https://github.com/aws-samples/data-perimeter-helper>) as a perimeter definition.
//!
//! The old file's values are regular expressions that match anywhere in a name; ours are patterns that cover the whole name. So
//! almost every value means less than before, on purpose: an unanchored expression trusts names that an attacker can choose. Each
//! such value is listed with both meanings and, where one can be made, an example on which they differ. A value is never widened
//! silently, and what cannot be converted is left out and listed.

mod convert;
mod output;
mod regex;

use std::fmt;

use super::document::{self, Key, Node, Value};
use super::problems::{At, InvalidFile, Problems, printable};
use super::suggest;
use super::values;
use convert::{Conversion, Kind};
use output::{Definition, Entry, Lists};

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The text of a `perimeter.yaml`. It parses.
    pub yaml: String,
    /// In the order of the old file.
    pub notes: Vec<ImportNote>,
}

/// What happened to one value or key of the old file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportNote {
    pub kind: NoteKind,
    /// The line in the old file, from 1.
    pub line: usize,
    /// Where it stood, such as `baseline.network_perimeter_trusted_principal`.
    pub key: String,
    /// As written; empty for a note on the key itself.
    pub value: String,
    /// What it meant, what it means now, and what to do.
    pub message: String,
}

/// The kinds of notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// Converted; the meaning is another one.
    Changed,
    /// Converted, but a fact is missing that the old file had no place for.
    Incomplete,
    /// Not converted: the new definition lacks it.
    LeftOut,
    /// Not needed: something else takes its place.
    Replaced,
}

impl NoteKind {
    pub fn name(self) -> &'static str {
        match self {
            NoteKind::Changed => "changed",
            NoteKind::Incomplete => "incomplete",
            NoteKind::LeftOut => "left out",
            NoteKind::Replaced => "replaced",
        }
    }
}

impl fmt::Display for ImportNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}: {}", self.line, self.kind.name(), printable(&self.key))?;
        if !self.value.is_empty() {
            write!(formatter, " `{}`", printable(&self.value))?;
        }
        write!(formatter, ": {}", self.message)
    }
}

/// Why a file cannot be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not YAML. Displayed with the line and a caret.
    #[error("{0}")]
    Invalid(#[from] InvalidFile),
    #[error("the file has no `baseline`: expected the data_perimeter.yaml of Data Perimeter Helper")]
    NotDataPerimeterHelper,
}

/// The keys with lists: name, where the values go, and what they are.
const KEYS: [(&str, &str, Kind); 22] = [
    ("network_perimeter_expected_public_cidr", "expected_networks.cidrs", Kind::Cidr),
    ("network_perimeter_expected_vpc", "expected_networks.vpcs", Kind::Vpc),
    ("network_perimeter_expected_vpc_endpoint", "expected_networks.vpc_endpoints", Kind::VpcEndpoint),
    ("network_perimeter_trusted_account", "exempt_principals.network.accounts", Kind::Account),
    ("network_perimeter_trusted_principal", "exempt_principals.network.principals", Kind::Principal),
    ("network_perimeter_human_role_arn", "human_roles", Kind::HumanRole),
    ("identity_perimeter_trusted_account", "trusted_identities.accounts", Kind::Account),
    ("identity_perimeter_trusted_principal", "trusted_identities.principals", Kind::Principal),
    ("resource_perimeter_trusted_bucket_name", "trusted_resources.buckets", Kind::Bucket),
    ("resource_perimeter_trusted_bucket", "trusted_resources.buckets", Kind::Bucket),
    ("resource_perimeter_trusted_account", "trusted_resources.accounts", Kind::UnusedAccount),
    ("resource_perimeter_trusted_principal", "exempt_principals.resource.principals", Kind::Principal),
    ("resource_perimeter_trusted_logs_destination_arn", "trusted_resources.arns", Kind::Arn),
    ("resource_perimeter_trusted_dynamodb_table_arn", "trusted_resources.arns", Kind::Arn),
    ("resource_perimeter_trusted_ecr_repository_arn", "trusted_resources.arns", Kind::Arn),
    ("resource_perimeter_trusted_kms_key_arn", "trusted_resources.arns", Kind::Arn),
    ("resource_perimeter_trusted_lambda_arn", "trusted_resources.arns", Kind::Arn),
    ("resource_perimeter_trusted_secret_arn", "trusted_resources.arns", Kind::Arn),
    ("resource_perimeter_trusted_topic_arn", "trusted_resources.arns", Kind::Arn),
    ("resource_perimeter_trusted_sqs_queue_arn", "trusted_resources.arns", Kind::Arn),
    ("resource_perimeter_trusted_iam_role_arn", "trusted_resources.arns", Kind::Arn),
    ("resource_perimeter_trusted_bus_arn", "trusted_resources.arns", Kind::Arn),
];

/// Converts the text of a `data_perimeter.yaml`.
pub fn import_dph(text: &str) -> Result<Imported, ImportError> {
    let mut problems = Problems::default();
    let root = document::parse(text, &mut problems);
    problems.into_result("data_perimeter.yaml", text)?;
    let Value::Map(sections) = &root.value else { return Err(ImportError::NotDataPerimeterHelper) };
    if !sections.iter().any(|(key, _)| key.text == "baseline") {
        return Err(ImportError::NotDataPerimeterHelper);
    }
    let mut import = Import { text, notes: Vec::new(), definition: Definition::default() };
    for (key, node) in sections {
        import.section(key, node);
    }
    import.notes.sort_by_key(|note| note.line);
    Ok(Imported { yaml: import.definition.to_yaml(), notes: import.notes })
}

struct Import<'t> {
    text: &'t str,
    notes: Vec<ImportNote>,
    definition: Definition,
}

impl Import<'_> {
    fn section(&mut self, key: &Key, node: &Node) {
        let baseline = key.text == "baseline";
        if !baseline {
            match values::account_id(&key.text) {
                Ok(_) => self.warn_of_number(key.at, &key.text, &key.text, true),
                Err(wrong) => {
                    let help = wrong.help.map(|help| format!("; {help}")).unwrap_or_default();
                    let message = format!("{}{help}; the whole section is missing from the new definition", wrong.message);
                    return self.note(NoteKind::LeftOut, key.at, &key.text, "", message);
                }
            }
        }
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => &[],
            _ => return self.note(NoteKind::LeftOut, node.at, &key.text, "", "expected a mapping of keys".to_owned()),
        };
        let mut lists = Lists::default();
        for (name, value) in entries {
            let path = format!("{}.{}", key.text, name.text);
            match name.text.as_str() {
                "org_unit_boundary" => self.boundaries(name, value, &path, baseline),
                "athena_sql_limit" => self.note(
                    NoteKind::Replaced,
                    name.at,
                    &path,
                    scalar(value),
                    "the old tool kept so many rows of each query, arbitrary ones, and said nothing; all findings are kept now, and \
                     `max_rows` in palisade.yaml caps them openly"
                        .to_owned(),
                ),
                resource_type if resource_type.starts_with("AWS::") => self.resources(name, value, &path, baseline),
                _ => self.list(name, value, &path, &mut lists),
            }
        }
        match baseline {
            true => self.definition.baseline = lists,
            false => {
                self.definition.accounts.insert(key.text.clone(), lists);
            }
        }
    }

    fn list(&mut self, name: &Key, node: &Node, path: &str, lists: &mut Lists) {
        let Some((_, place, kind)) = KEYS.into_iter().find(|(known, ..)| *known == name.text) else {
            let known: Vec<&str> =
                KEYS.iter().map(|(known, ..)| *known).chain(["org_unit_boundary", "athena_sql_limit"]).collect();
            let meant = suggest::closest(&name.text, known)
                .map_or_else(String::new, |meant| format!("; if `{meant}` was meant, rename it and import again"));
            let message = format!("the old tool does not know this key and ignored it{meant}");
            return self.note(NoteKind::LeftOut, name.at, path, "", message);
        };
        if name.text == "resource_perimeter_trusted_bucket" {
            self.note(
                NoteKind::Changed,
                name.at,
                path,
                "",
                "the old tool reads `resource_perimeter_trusted_bucket_name` and ignored this spelling; the buckets are listed now".to_owned(),
            );
        }
        let single;
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            Value::Text(_) => {
                single = [node.clone()];
                &single
            }
            Value::Null => &[],
            Value::Map(_) => {
                return self.note(
                    NoteKind::LeftOut,
                    node.at,
                    path,
                    "",
                    "a mapping stands where a list belongs; the old tool dropped it".to_owned(),
                );
            }
        };
        if items.is_empty() && kind == Kind::HumanRole {
            self.note(
                NoteKind::Changed,
                name.at,
                path,
                "",
                "empty, which made every role a role of people in the old tool and hid their calls from AWS networks; now no role is"
                    .to_owned(),
            );
        }
        for item in items {
            let Value::Text(text) = &item.value else {
                self.note(NoteKind::LeftOut, item.at, path, "", "expected a text".to_owned());
                continue;
            };
            if matches!(kind, Kind::Account | Kind::UnusedAccount) {
                self.warn_of_number(item.at, path, text, false);
            }
            let Conversion { values, notes } = convert::value(text, kind);
            for (note_kind, message) in notes {
                self.note(note_kind, item.at, path, text, message);
            }
            for value in values {
                let was = Some(text.clone()).filter(|was| *was != value);
                lists.add(place, Entry { value, was });
            }
        }
    }

    /// An account id without quotes may have been a number to the old tool: with the rules of YAML 1.1, digits after a 0 are octal
    /// unless an 8 or 9 is among them. Numbers stop it in lists, and are compared as text in keys.
    fn warn_of_number(&mut self, at: At, path: &str, id: &str, is_key: bool) {
        let line = self.text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
        let is_quoted = matches!(line.chars().nth(at.column.saturating_sub(1)), Some('"' | '\''));
        if is_quoted || id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        let message = match (id.starts_with('0'), u64::from_str_radix(id, 8)) {
            (true, Ok(octal)) => {
                format!("without quotes the old tool read the octal number {octal}, which is no account; now it is `{id}`")
            }
            (false, _) if !is_key => {
                format!("without quotes it was a number, which stops the old tool; now it is the account `{id}`")
            }
            _ => return,
        };
        self.note(NoteKind::Changed, at, path, id, message);
    }

    fn boundaries(&mut self, name: &Key, node: &Node, path: &str, baseline: bool) {
        if !baseline {
            let message = "the old tool reads boundaries in the baseline only and ignored this one".to_owned();
            return self.note(NoteKind::LeftOut, name.at, path, "", message);
        }
        let mut problems = Problems::default();
        let entries = document::entries(node, path, &mut problems);
        if !problems.is_empty() {
            return self.note(
                NoteKind::LeftOut,
                node.at,
                path,
                "",
                "expected a mapping of names to organizational units".to_owned(),
            );
        }
        for (key, value) in entries {
            let items = match &value.value {
                Value::List(items) => items.clone(),
                Value::Null => Vec::new(),
                _ => vec![value.clone()],
            };
            let mut units = Vec::new();
            for item in &items {
                // The old tool drops blanks, `*` and `/` at both ends and takes the last part of a path.
                let trimmed = scalar(item).trim_matches([' ', '*', '/']).rsplit('/').next().unwrap_or_default();
                match values::organizational_unit(trimmed) {
                    Ok(unit) if units.contains(&unit) => {}
                    Ok(unit) => units.push(unit),
                    Err(wrong) => {
                        self.note(NoteKind::LeftOut, item.at, &format!("{path}.{}", key.text), scalar(item), wrong.message)
                    }
                }
            }
            if !key.text.is_empty() {
                self.definition.boundaries.insert(key.text.clone(), units);
            }
        }
    }

    /// Sections of single resources: `AWS::S3::Bucket: {bucket: {key: [values]}}`.
    fn resources(&mut self, name: &Key, node: &Node, path: &str, baseline: bool) {
        if baseline {
            let message = "the old tool reads resources in the sections of accounts only and ignored these".to_owned();
            return self.note(NoteKind::LeftOut, name.at, path, "", message);
        }
        if name.text != "AWS::S3::Bucket" {
            let message =
                "the old tool consults `AWS::S3::Bucket` only and ignored this type; write a section under `resources` by ARN";
            return self.note(NoteKind::LeftOut, name.at, path, "", message.to_owned());
        }
        let mut problems = Problems::default();
        let buckets = document::entries(node, path, &mut problems).to_vec();
        for (bucket, node) in buckets {
            let path = format!("{path}.{}", bucket.text);
            let arn = format!("arn:aws:s3:::{}", bucket.text);
            if values::bucket_pattern(&bucket.text).is_err() || bucket.text.contains(['*', '?']) || bucket.text.is_empty() {
                self.note(NoteKind::LeftOut, bucket.at, &path, "", "expected the name of a bucket".to_owned());
                continue;
            }
            let mut lists = self.definition.resources.remove(&arn).unwrap_or_default();
            for (key, value) in document::entries(&node, &path, &mut problems) {
                let path = format!("{path}.{}", key.text);
                if !matches!(&value.value, Value::List(items) if !items.is_empty()) {
                    self.note(
                        NoteKind::Changed,
                        key.at,
                        &path,
                        "",
                        "an empty list or a text in place of a list made the old tool drop every call to the bucket; now it does not"
                            .to_owned(),
                    );
                }
                self.list(key, value, &path, &mut lists);
            }
            self.definition.resources.insert(arn, lists);
        }
        if !problems.is_empty() {
            self.note(NoteKind::LeftOut, name.at, path, "", "parts of it are no mappings".to_owned());
        }
    }

    fn note(&mut self, kind: NoteKind, at: At, key: &str, value: &str, message: String) {
        let message = printable(&message);
        self.notes.push(ImportNote { kind, line: at.line, key: key.to_owned(), value: value.to_owned(), message });
    }
}

fn scalar(node: &Node) -> &str {
    match &node.value {
        Value::Text(text) => text,
        _ => "",
    }
}
