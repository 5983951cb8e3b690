//! The roll-up on a Trino server, against the same rules applied to the rows of the local engine, one by one.

use std::collections::BTreeMap;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use palisade::activity::{cut, is_s3, normal};
use palisade::engine::RemoteEngine;
use palisade::events::schema::{Column, schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::tables::{NESTED, Place, sample};
use super::{differences, engine, every_column, local, part, run, sample_trail, statement};

type Row = BTreeMap<&'static str, String>;

/// A row with what the roll-up keeps of it.
fn kept(mut row: Row) -> Row {
    let change = |row: &mut Row, name: &'static str, to: &dyn Fn(&str) -> Option<String>| {
        if let Some(text) = row.remove(name)
            && let Some(changed) = to(&text)
        {
            row.insert(name, changed);
        }
    };
    let of_s3 = row.get("event_source").is_some_and(|source| is_s3(source));
    let code = row.get("error_code").cloned();
    if !row.contains_key("issued_access_key_id") {
        row.remove("shared_event_id");
    }
    change(&mut row, "error_message", &|text| cut::error_message(code.as_deref(), text).map(|text| text.into_owned()));
    change(&mut row, "resource_arn", &|text| Some(cut::cut_arn(text, 0).into_owned()));
    change(&mut row, "resources", &|text| normal::resources(text.as_bytes(), 0));
    change(&mut row, "request_parameters", &|text| normal::request_parameters(text.as_bytes(), of_s3, 0));
    change(&mut row, "additional_event_data", &|text| normal::additional_event_data(text.as_bytes(), 0));
    change(&mut row, "event_context", &|text| normal::event_context(text.as_bytes(), 0));
    change(&mut row, "in_scope_of", &|text| normal::whole(text.as_bytes(), 0));
    change(&mut row, "federation_attributes", &|text| normal::whole(text.as_bytes(), 0));
    row
}

/// Groups rows as the documentation of the roll-up says.
fn rolled_up(rows: Vec<Row>) -> Vec<Row> {
    let mut groups: BTreeMap<Row, (String, i64, String, String)> = BTreeMap::new();
    for mut row in rows.into_iter().map(kept) {
        let id = row.remove("event_id").unwrap_or_default();
        row.remove("event_time");
        let (count, first, last) = (
            row.remove("event_count").unwrap().parse::<i64>().unwrap(),
            row.remove("first_seen").unwrap(),
            row.remove("last_seen").unwrap(),
        );
        let group = groups.entry(row).or_insert_with(|| (id.clone(), 0, first.clone(), last.clone()));
        *group = (id.min(group.0.clone()), group.1 + count, first.min(group.2.clone()), last.max(group.3.clone()));
    }
    groups
        .into_iter()
        .map(|(mut row, (id, count, first, last))| {
            row.insert("event_id", id);
            row.insert("event_count", count.to_string());
            row.insert("first_seen", first);
            row.insert("last_seen", last);
            row
        })
        .collect()
}

fn text(rows: Vec<Row>) -> Vec<String> {
    let mut lines: Vec<String> = rows
        .into_iter()
        .map(|row| {
            let cell = |column: &Column| format!("{}={}", column.name(), row.get(column.name()).map_or("∅", String::as_str));
            Column::ALL.iter().map(cell).collect::<Vec<_>>().join(" | ")
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn the_roll_up_on_trino_is_the_one_of_its_rules() {
    run(async {
        let Some(place) = Place::new("activity").await else { return };
        let sample = sample(&place);
        place.account_region_date("trail", NESTED, "trail", "CloudTrail", &sample.regions).await;
        place.account_region_date("network", NESTED, "trail", "CloudTrail-NetworkActivity", &sample.regions).await;
        let trino = engine(&place, &["trail".to_owned(), "network".to_owned()]).await;
        let mut problems = Vec::new();
        for account in &sample.accounts {
            let part = part(&[account]);
            let start = std::time::Instant::now();
            let target = tempfile::tempdir().unwrap();
            let files = trino.collect_activity(&part, target.path()).await.unwrap_or_else(|error| panic!("{error}"));
            let seconds = start.elapsed().as_secs_f64();
            let mut remote = Vec::new();
            for file in files {
                let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(file).unwrap()).unwrap();
                assert_eq!(*reader.schema(), schema());
                for batch in reader.build().unwrap() {
                    let batch = batch.unwrap();
                    let options = FormatOptions::default();
                    let columns: Vec<ArrayFormatter> = batch
                        .columns()
                        .iter()
                        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
                        .collect();
                    remote.extend((0..batch.num_rows()).map(|row| -> Row {
                        let present = Column::ALL.iter().zip(batch.columns()).zip(&columns);
                        present
                            .filter(|((_, array), _)| !array.is_null(row))
                            .map(|((column, _), values)| (column.name(), values.value(row).to_string()))
                            .collect()
                    }));
                }
            }
            // In the form of the frame, so that both write times and numbers alike.
            let here =
                local(&sample_trail(), &part).run(&statement(format!("SELECT {} FROM events", every_column()))).await.unwrap();
            let rows: Vec<Row> = (0..here.height())
                .map(|row| {
                    let cells =
                        Column::ALL.iter().zip(here.columns()).map(|(column, values)| (column, values.get(row).unwrap()));
                    cells
                        .filter(|(_, value)| !value.is_null())
                        .map(|(column, value)| {
                            let text = value.get_str().map_or_else(|| value.to_string(), str::to_owned);
                            (column.name(), text)
                        })
                        .collect()
                })
                .collect();
            let calls = rows.len();
            let expected = text(rolled_up(rows));
            let remote: Vec<Row> = remote.into_iter().map(as_frame_writes).collect();
            let remote = text(remote);
            println!("activity of {account}: {calls} calls, {} rows, {seconds:.1} s", remote.len());
            let found = differences(&remote, &expected);
            if !found.is_empty() {
                problems.push(format!("{account}: {}", found.join("\n  ")));
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        place.drop().await;
    });
}

/// Arrow writes `2026-10-31T07:08:09Z`, frames `2026-10-31 07:08:09`; a day is a midnight there.
fn as_frame_writes(mut row: Row) -> Row {
    for name in ["first_seen", "last_seen", "session_created_at"] {
        if let Some(text) = row.get_mut(name) {
            *text = text.replace('T', " ").trim_end_matches('Z').to_owned();
        }
    }
    if let Some(text) = row.get_mut("event_date") {
        text.push_str(" 00:00:00");
    }
    row
}
