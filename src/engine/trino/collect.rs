//! The roll-up as Parquet: one page of the answer after the other, so that memory does not grow with the answer.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::client::{Client, TrinoError};
use super::rows::batch;
use crate::catalog::Statement;
use crate::engine::EngineError;
use crate::events::schema::{Column, schema};

/// Name of the file in the folder.
const FILE: &str = "activity.parquet";

/// Bytes of a row group in memory, about.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// Runs the statement, which gives the columns of the relation, and writes its rows.
pub(super) async fn to_parquet(client: &Client, statement: &Statement, folder: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let path = folder.join(FILE);
    let failed = |error: &dyn std::fmt::Display| EngineError::Remote {
        engine: "trino",
        message: format!("cannot write {}: {error}", path.display()),
    };
    let mut query = client.start(&statement.sql, &statement.values).await?;
    let schema = schema();
    let level = ZstdLevel::try_new(1).map_err(|error| failed(&error))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let file = File::create(&path).map_err(|error| failed(&error))?;
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(|error| failed(&error))?;
    let mut is_checked = false;
    while let Some(rows) = query.next_rows().await? {
        if !is_checked {
            let names: Vec<&str> = query.columns().unwrap_or_default().iter().map(|column| column.name.as_str()).collect();
            let expected: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
            if names != expected {
                return Err(TrinoError::Protocol(format!("the roll-up has the columns {}", names.join(", "))).into());
            }
            is_checked = true;
        }
        writer.write(&batch(&schema, &rows)?).map_err(|error| failed(&error))?;
        if writer.in_progress_size() > ROW_GROUP_BYTES {
            writer.flush().map_err(|error| failed(&error))?;
        }
    }
    writer.close().map_err(|error| failed(&error))?;
    Ok(vec![path])
}
