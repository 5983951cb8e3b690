//! The findings as the page carries them: columns, compressed, as printable characters.
//!
//! A hundred thousand findings as table rows are fifty megabytes that no browser opens; as dictionary-encoded columns they are
//! a few. The layout is `length of the header (4 bytes, little endian) | header (JSON) | bytes of each column`, all of it in one
//! gzip stream. The header says for each column how its bytes are to be read ([`Storage`], [`Dictionary`]); the reader is
//! `templates/report/data.js`.
//!
//! What makes it small, beside the dictionaries:
//! - a column whose value follows from another one (the name of an account from its id, the owner from the role) has one entry
//!   for each value of that other column instead of one for each row;
//! - reasons are sentences made of the other cells of their row, so they are stored as templates that point at these cells;
//! - a role has a few addresses, clients and buckets of its own, so such a column can be the place in the list of its role
//!   instead of the place among all ([`Storage::Within`]);
//! - identifiers in hexadecimal digits are stored as bytes;
//! - codes are split into planes of bytes (all low bytes first), which gzip compresses far better than interleaved ones;
//! - the bytes are written with 91 characters, 13 bits in two of them, where base64 needs 8 % more.

use std::collections::HashMap;
use std::io::Write;

use flate2::{Compression, GzBuilder};
use serde::Serialize;

use super::format;
use super::{storage, template_column};
use crate::report::model::{Column, ColumnGroup, ColumnSpec, ColumnType, Report, Values, Verdict};
use crate::report::principal::Principals;
use storage::{Storage, pack_codes, pack_numbers, pack_text_codes};

/// Version of the layout; `data.js` refuses any other.
const LAYOUT: u32 = 1;

#[derive(Serialize)]
struct Header<'a> {
    layout: u32,
    title: &'a str,
    rows: usize,
    views: Vec<View<'a>>,
    verdicts: Vec<VerdictName>,
    columns: Vec<PackedColumn<'a>>,
}

/// A run of rows that the reader looks at together: one query.
#[derive(Serialize)]
struct View<'a> {
    name: &'a str,
    first: usize,
    rows: usize,
    /// Do its calls count in totals? Those of the others are listed by a query that does.
    counted: bool,
}

#[derive(Serialize)]
struct VerdictName {
    value: &'static str,
    label: &'static str,
}

#[derive(Serialize)]
struct PackedColumn<'a> {
    name: &'static str,
    label: String,
    group: &'static str,
    kind: &'static str,
    shown: bool,
    description: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dictionary: Option<Dictionary<'a>>,
    storage: Storage,
}

/// The distinct texts of a column. Code 0 is null, code `n` the entry `n - 1`.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Dictionary<'a> {
    Text(&'a [String]),
    /// Texts in which the marker and a character stand for the cell of another column of the same row.
    Template {
        marker: char,
        texts: Vec<String>,
    },
    /// Lower-case hexadecimal digits; the bytes precede those of the storage. `shape` has the length of each run of digits
    /// between hyphens, such as 8, 4, 4, 4, 12 for a UUID.
    Hexadecimal {
        shape: Vec<usize>,
        entries: usize,
    },
}

/// A packed block, ready to stand in a `script` element.
pub(super) struct Block {
    pub(super) text: String,
    /// The bytes that the text stands for; the last character may hold a few bits more.
    pub(super) bytes: usize,
}

/// Who called, in one column: what the summary counts and its links filter by. No other column tells it for every row.
pub(super) const PRINCIPAL: ColumnSpec = ColumnSpec {
    name: "principal",
    group: ColumnGroup::Who,
    column_type: ColumnType::Text,
    shown: false,
    description: "Who called: the ARN, else the unique id, else the service, else somebody in an account; anonymous without credentials. Null when the record hides the caller.",
};

/// Packs the findings of a report, and after their columns the one of [`PRINCIPAL`].
pub(super) fn findings(report: &Report, principals: Principals) -> std::io::Result<Block> {
    let principals = Column { spec: PRINCIPAL, values: Values::Text { dictionary: principals.names, codes: principals.codes } };
    let rows = report.findings.rows();
    let mut bytes = Vec::new();
    let mut columns = Vec::with_capacity(report.findings.columns.len());
    let mut stored: Vec<Option<Vec<u32>>> = Vec::new();
    for (index, column) in report.findings.columns.iter().chain([&principals]).enumerate() {
        let (dictionary, storage, codes) = match &column.values {
            Values::Text { dictionary, codes } => {
                pack_text(&report.findings.columns, column, dictionary, codes, &stored, &mut bytes)
            }
            Values::Integer(values) => (None, pack_numbers(values, None, &mut bytes), None),
            Values::Time(values) => {
                let mut before = report.findings.columns.iter().take(index).enumerate().filter_map(|(position, column)| {
                    if let Values::Time(values) = &column.values { Some((position, values.as_slice())) } else { None }
                });
                (None, pack_numbers(values, before.next_back(), &mut bytes), None)
            }
        };
        stored.push(codes);
        columns.push(PackedColumn {
            name: column.spec.name,
            label: format::label(column.spec.name),
            group: column.spec.group.title(),
            kind: match column.values {
                Values::Text { .. } => "text",
                Values::Integer(_) => "integer",
                Values::Time(_) => "time",
            },
            shown: column.spec.shown,
            description: column.spec.description,
            dictionary,
            storage,
        });
    }
    let header = Header {
        layout: LAYOUT,
        title: &report.manifest.title,
        rows,
        views: (report.manifest.queries.iter())
            .map(|query| View {
                name: &query.name,
                first: query.first_row,
                rows: query.rows,
                counted: query.counted_in.is_none(),
            })
            .collect(),
        verdicts: Verdict::ALL
            .iter()
            .map(|verdict| VerdictName { value: verdict.as_str(), label: format::verdict_label(*verdict) })
            .collect(),
        columns,
    };
    let header = serde_json::to_vec(&header)?;
    let length = u32::try_from(header.len()).map_err(std::io::Error::other)?;
    compress(&[&length.to_le_bytes(), &header, &bytes])
}

/// Packs the sample records, an object of event id to record text.
pub(super) fn samples(report: &Report) -> std::io::Result<Block> {
    compress(&[&serde_json::to_vec(&report.manifest.samples)?])
}

/// One gzip stream as characters. The stream has no time and no file name, so that the same parts give the same text.
fn compress(parts: &[&[u8]]) -> std::io::Result<Block> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(7));
    for part in parts {
        encoder.write_all(part)?;
    }
    let bytes = encoder.finish()?;
    Ok(Block { text: printable(&bytes), bytes: bytes.len() })
}

/// Every 13 bits, lowest first, as two characters of the 91 printable ones that are not `<`, `>` or `&`: neither a tag nor a
/// comment can begin in the text, and no program changes it on the way.
fn printable(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('!'..='~').filter(|letter| !matches!(letter, '<' | '>' | '&')).collect();
    let letter =
        |number: u32| usize::try_from(number).ok().and_then(|number| alphabet.get(number)).copied().unwrap_or_default();
    let mut text = String::with_capacity(bytes.len() * 16 / 13 + 2);
    let mut waiting = 0_u32;
    let mut bits = 0;
    for byte in bytes {
        waiting |= u32::from(*byte) << bits;
        bits += 8;
        if bits >= 13 {
            let number = waiting & 0x1fff;
            text.extend([letter(number / 91), letter(number % 91)]);
            waiting >>= 13;
            bits -= 13;
        }
    }
    if bits > 0 {
        text.extend([letter(waiting / 91), letter(waiting % 91)]);
    }
    text
}

/// What a text column becomes, and its codes if later columns may be told by it.
type PackedText<'a> = (Option<Dictionary<'a>>, Storage, Option<Vec<u32>>);

fn pack_text<'a>(
    columns: &'a [Column],
    column: &'a Column,
    dictionary: &'a [String],
    codes: &[Option<u32>],
    stored: &[Option<Vec<u32>>],
    bytes: &mut Vec<u8>,
) -> PackedText<'a> {
    if let Some(found) = template_column::encode(columns, column.spec.name, dictionary, codes) {
        let packed = Dictionary::Template { marker: found.marker, texts: found.texts };
        return (Some(packed), pack_codes(&found.codes, bytes), None);
    }
    let codes: Vec<u32> = codes.iter().map(|code| code.map_or(0, |code| code.saturating_add(1))).collect();
    if let Some(shape) = hexadecimal_shape(dictionary) {
        dictionary.iter().for_each(|text| push_hexadecimal(text, bytes));
        let packed = Dictionary::Hexadecimal { shape, entries: dictionary.len() };
        return (Some(packed), pack_codes(&codes, bytes), None);
    }
    let storage = pack_text_codes(&codes, stored, bytes);
    // What follows from a column that itself follows from another one follows from that one too.
    let codes = (!matches!(storage, Storage::Follows { .. })).then_some(codes);
    (Some(Dictionary::Text(dictionary)), storage, codes)
}

/// The run lengths of hexadecimal digits, if every text has the same and there are enough of them to gain anything.
fn hexadecimal_shape(dictionary: &[String]) -> Option<Vec<usize>> {
    let first = dictionary.first()?;
    let shape: Vec<usize> = first.split('-').map(str::len).collect();
    let even = shape.iter().all(|run| *run > 0 && run % 2 == 0);
    let long = shape.iter().sum::<usize>() >= 16;
    let same = |text: &String| {
        text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
            && text.split('-').map(str::len).eq(shape.iter().copied())
    };
    (even && long && dictionary.iter().all(same)).then_some(shape)
}

/// Appends the bytes of a text that [`hexadecimal_shape`] accepted.
fn push_hexadecimal(text: &str, bytes: &mut Vec<u8>) {
    let mut high = None;
    for digit in text.chars().filter_map(|character| character.to_digit(16)).filter_map(|digit| u8::try_from(digit).ok()) {
        high = match high {
            None => Some(digit),
            Some(high) => {
                bytes.push(high << 4 | digit);
                None
            }
        };
    }
}

/// Numbers texts in order of first use.
#[derive(Default)]
pub(super) struct Interner {
    code_of: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Interner {
    /// The code of a text, from 0; `None` when four thousand million texts are exceeded.
    pub(super) fn code(&mut self, text: String) -> Option<u32> {
        if let Some(code) = self.code_of.get(&text) {
            return Some(*code);
        }
        let code = u32::try_from(self.texts.len()).ok()?;
        self.texts.push(text.clone());
        self.code_of.insert(text, code);
        Some(code)
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn into_texts(self) -> Vec<String> {
        self.texts
    }
}
