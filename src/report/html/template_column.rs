//! Sentences made of the other cells of their row, stored as templates.
//!
//! A reason such as "role A reached bucket B, which account C owns" is different in nearly every row, although the report has a
//! dozen kinds of reasons. Replacing the cells that it quotes by references leaves the kinds. The replacement is exact whatever
//! the text: putting the cells back always gives the text that was there.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::payload::Interner;
use crate::report::model::{Column, Values};

/// A column as templates.
pub(super) struct Templates {
    /// Stands before a reference: a character whose code point less [`FIRST_REFERENCE`] is the number of the column. No text of
    /// the column contains it.
    pub(super) marker: char,
    pub(super) texts: Vec<String>,
    /// 0 for null, `n` for template `n - 1`, for each row.
    pub(super) codes: Vec<u32>,
}

/// The code point that stands for column 0.
const FIRST_REFERENCE: u32 = 0x30;

/// Characters without a meaning, of which one that the texts do not contain becomes the marker.
const MARKERS: RangeInclusive<char> = '\u{e000}'..='\u{e1ff}';

/// The columns that may become templates. Each may quote the ones before it, never itself or a later one, so that filling in
/// comes to an end.
const TEMPLATE_COLUMNS: [&str; 3] = ["principal", "error_message", "reason"];

/// Shorter cells are not replaced: they would match by accident and multiply the templates.
const SHORTEST_CELL: usize = 6;

/// A column as templates; `None` when it is none of [`TEMPLATE_COLUMNS`] or when nothing is gained.
pub(super) fn encode(columns: &[Column], name: &str, dictionary: &[String], codes: &[Option<u32>]) -> Option<Templates> {
    let place = |name: &str| TEMPLATE_COLUMNS.iter().position(|template| *template == name);
    let own_place = place(name)?;
    if dictionary.len() < 16 {
        return None;
    }
    let quotable: Vec<(u32, &Column)> = (FIRST_REFERENCE..)
        .zip(columns)
        .filter(|(_, column)| place(column.spec.name).is_none_or(|other| other < own_place))
        .collect();
    let taken: BTreeSet<char> =
        dictionary.iter().flat_map(|text| text.chars()).filter(|letter| MARKERS.contains(letter)).collect();
    let marker = MARKERS.into_iter().find(|letter| !taken.contains(letter))?;
    let mut templates = Interner::default();
    let mut packed = Vec::with_capacity(codes.len());
    for (row, code) in codes.iter().enumerate() {
        let Some(text) = code.and_then(|code| dictionary.get(usize::try_from(code).ok()?)) else {
            packed.push(0);
            continue;
        };
        packed.push(templates.code(template(&quotable, marker, text, row))?.checked_add(1)?);
        if templates.len() > dictionary.len() / 2 + 8 {
            return None;
        }
    }
    Some(Templates { marker, texts: templates.into_texts(), codes: packed })
}

fn template(quotable: &[(u32, &Column)], marker: char, text: &str, row: usize) -> String {
    let mut cells: Vec<(&str, char)> = Vec::new();
    for (number, column) in quotable {
        let Values::Text { dictionary, codes } = &column.values else { continue };
        let cell = codes.get(row).copied().flatten().and_then(|code| dictionary.get(usize::try_from(code).ok()?));
        let Some(cell) = cell else { continue };
        if cell.len() >= SHORTEST_CELL && text.contains(cell.as_str()) {
            cells.extend(char::from_u32(*number).map(|reference| (cell.as_str(), reference)));
        }
    }
    // The longest first: a role ARN before the account id inside it. The sort is stable, so equal cells keep column order.
    cells.sort_by_key(|(cell, _)| std::cmp::Reverse(cell.len()));
    let mut parts = vec![Part::Text(text)];
    for (cell, reference) in cells {
        parts = parts.into_iter().flat_map(|part| part.split(cell, reference)).collect();
    }
    let mut template = String::with_capacity(text.len());
    for part in parts {
        match part {
            Part::Text(text) => template.push_str(text),
            Part::Cell(reference) => template.extend([marker, reference]),
        }
    }
    template
}

enum Part<'a> {
    Text(&'a str),
    Cell(char),
}

impl<'a> Part<'a> {
    fn split(self, cell: &str, reference: char) -> Vec<Part<'a>> {
        let Part::Text(text) = self else { return vec![self] };
        let mut parts = Vec::new();
        for (position, between) in text.split(cell).enumerate() {
            if position > 0 {
                parts.push(Part::Cell(reference));
            }
            if !between.is_empty() {
                parts.push(Part::Text(between));
            }
        }
        parts
    }
}
