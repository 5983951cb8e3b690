//! Reads one CSV file of a snapshot into the builder.

use serde_json::Value;

use super::fact::Seen;
use super::model::resource_types;
use super::reading::Reading;
use super::warnings::Origin;
use super::written_rows::{Heading, Row, Table};

impl Reading<'_> {
    /// A table with a heading. Lines that begin with `#` are comments.
    pub(super) fn csv(mut self, text: &str) {
        let first_line = text.lines().find(|line| !line.starts_with('#') && !line.trim().is_empty()).unwrap_or_default();
        // Spreadsheets of many countries write semicolons.
        let delimiter = [b',', b';', b'\t']
            .into_iter()
            .max_by_key(|delimiter| (first_line.bytes().filter(|byte| byte == delimiter).count(), *delimiter == b','))
            .unwrap_or(b',');
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .comment(Some(b'#'))
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let headings: Vec<String> = match reader.headers() {
            Ok(record) => record.iter().map(str::to_owned).collect(),
            Err(error) => return self.note(format!("is not valid CSV: {error}")),
        };
        let Some(table) = Table::from_columns(headings.iter().map(String::as_str)).or(self.name.table) else {
            return self.note("is not recognised and is ignored; name it accounts.csv, organizational_units.csv, iam_roles.csv, s3_buckets.csv, vpc_endpoints.csv, vpcs.csv, subnets.csv or resources.csv");
        };
        let columns: Vec<Heading> = headings.iter().map(|heading| table.column(heading)).collect();
        for (heading, column) in headings.iter().zip(&columns) {
            if *column == Heading::Unknown && !heading.is_empty() {
                self.note(table.unknown_heading(heading));
            }
        }
        if let Err(why) = table.usable(&columns) {
            return self.note(format!("{why}; the file is ignored"));
        }
        self.provide(table);
        if table.tells_tree(&columns) {
            self.builder.provide(resource_types::TREE, self.file);
        }
        for record in reader.records() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    self.builder
                        .warnings
                        .skipped(Origin { file: self.file, row: line }, &format!("it is not valid CSV: {error}"));
                    continue;
                }
            };
            // The line is what an editor shows; the heading is line 1.
            let origin = Origin { file: self.file, row: record.position().map_or(0, |position| line_of(text, position)) };
            self.rows += 1;
            if record.len() > columns.len() {
                let why = format!(
                    "it has {} fields but the heading has {}; put a field with {:?} in quotes",
                    record.len(),
                    columns.len(),
                    char::from(delimiter)
                );
                self.builder.warnings.skipped(origin, &why);
                continue;
            }
            if record.iter().all(str::is_empty) {
                continue;
            }
            let mut row = Row::default();
            for (column, cell) in columns.iter().zip(&record) {
                row.set(column, Value::from(cell));
            }
            if let Err(why) = table.add(self.builder, &row, Seen { origin, captured: None }) {
                self.builder.warnings.skipped(origin, &why);
            }
        }
    }
}

/// The line of a record. The reader's position lies before the empty lines and comments that precede it.
fn line_of(text: &str, position: &csv::Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let before = text.get(start..).unwrap_or_default().split_inclusive('\n');
    let passed_over = before.take_while(|line| line.trim().is_empty() || line.starts_with('#')).count();
    position.line() + u64::try_from(passed_over).unwrap_or_default()
}
