//! Results: rows of a small one in pages, files of a large one from S3, each held against what should be there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_sdk_athena::Client;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::aws::objects::{DownloadError, Location, Objects};
use crate::aws::{AwsError, Kind, Pages, Session, calls};

/// Rows that Athena gives in one page, at most.
const PAGE: i32 = 1_000;
/// Times that a file is downloaded that turns out damaged.
const DOWNLOADS: usize = 2;

/// Why there is no result although the statement succeeded.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// It was there, and is not any more, or not whole: only running the statement again helps.
    #[error("{0}")]
    Lost(String),
    #[error("{0}")]
    Aws(#[from] AwsError),
    #[error("cannot write {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the result cannot be read: {0}")]
    Unreadable(String),
}

/// A column of a result in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Text,
    Integer,
    Boolean,
    Time,
}

impl Kept {
    fn of(athena_type: &str) -> Self {
        match athena_type {
            "tinyint" | "smallint" | "integer" | "int" | "bigint" => Kept::Integer,
            "boolean" => Kept::Boolean,
            other if other.starts_with("timestamp") || other == "date" => Kept::Time,
            _ => Kept::Text,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Kept::Text => DataType::Utf8,
            Kept::Integer => DataType::Int64,
            Kept::Boolean => DataType::Boolean,
            Kept::Time => DataType::Timestamp(TimeUnit::Millisecond, None),
        }
    }

    /// `None` when a value is not of the type that Athena announced.
    fn array(self, values: &[Option<String>]) -> Option<ArrayRef> {
        fn all<T>(values: &[Option<String>], read: impl Fn(&str) -> Option<T>) -> Option<Vec<Option<T>>> {
            values.iter().map(|value| value.as_deref().map_or(Some(None), |text| read(text).map(Some))).collect()
        }
        Some(match self {
            Kept::Text => Arc::new(StringArray::from(values.to_vec())),
            Kept::Integer => Arc::new(Int64Array::from(all(values, |text| text.parse().ok())?)),
            Kept::Boolean => Arc::new(BooleanArray::from(all(values, |text| match text {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            })?)),
            Kept::Time => Arc::new(TimestampMillisecondArray::from(all(values, milliseconds)?)),
        })
    }
}

/// `2026-10-31 07:08:09.123`, with ` UTC` behind it or a day alone, in milliseconds since 1970.
fn milliseconds(text: &str) -> Option<i64> {
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    let moment = match text.split_once([' ', 'T']) {
        Some((date, time)) => {
            let date: jiff::civil::Date = date.parse().ok()?;
            let time: jiff::civil::Time = time.parse().ok()?;
            date.to_datetime(time)
        }
        None => text.parse::<jiff::civil::Date>().ok()?.to_datetime(jiff::civil::Time::midnight()),
    };
    moment.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond())
}

/// The rows of a result, page by page.
pub async fn rows(session: &Session, execution_id: &str) -> Result<(SchemaRef, Vec<RecordBatch>), ResultError> {
    let call = &calls::athena::GET_QUERY_RESULTS;
    let (mut pages, mut token) = (Pages::default(), None::<String>);
    let mut columns: Option<(SchemaRef, Vec<Kept>)> = None;
    let mut batches = Vec::new();
    let mut first_row = true;
    loop {
        let answer = session
            .call(call, |config| {
                Client::new(&config)
                    .get_query_results()
                    .query_execution_id(execution_id)
                    .max_results(PAGE)
                    .set_next_token(token.clone())
                    .send()
            })
            .await;
        let page = match answer {
            Err(error) if error.message.contains("Could not find results") || error.kind == Kind::NotFound => {
                return Err(ResultError::Lost(format!("the result of statement {execution_id} is gone from S3")));
            }
            other => other?,
        };
        let set = page.result_set;
        if columns.is_none() {
            let infos = set.as_ref().and_then(|set| set.result_set_metadata.as_ref()).map(|metadata| metadata.column_info());
            let kept: Vec<(String, Kept)> = infos
                .unwrap_or_default()
                .iter()
                .map(|column| (column.name().to_owned(), Kept::of(&column.r#type().to_ascii_lowercase())))
                .collect();
            let fields: Vec<Field> = kept.iter().map(|(name, kept)| Field::new(name, kept.data_type(), true)).collect();
            columns = Some((Arc::new(Schema::new(fields)), kept.into_iter().map(|(_, kept)| kept).collect()));
        }
        let Some((schema, kept)) = &columns else { continue };
        let mut values: Vec<Vec<Option<String>>> = vec![Vec::new(); kept.len()];
        for row in set.map(|set| set.rows.unwrap_or_default()).unwrap_or_default() {
            // The first row of all repeats the names of the columns.
            if std::mem::take(&mut first_row) {
                continue;
            }
            let mut data = row.data.unwrap_or_default().into_iter();
            for column in &mut values {
                column.push(data.next().and_then(|datum| datum.var_char_value));
            }
        }
        if values.first().is_some_and(|column| !column.is_empty()) {
            let arrays: Option<Vec<ArrayRef>> = kept.iter().zip(&values).map(|(kept, values)| kept.array(values)).collect();
            let arrays = arrays.ok_or_else(|| {
                ResultError::Unreadable(format!("statement {execution_id} has a value that is not of the type of its column"))
            })?;
            let batch = RecordBatch::try_new(Arc::clone(schema), arrays);
            batches.push(batch.map_err(|error| ResultError::Unreadable(error.to_string()))?);
        }
        token = pages.next(session, call, page.next_token)?;
        if token.is_none() {
            return Ok((Arc::clone(schema), batches));
        }
    }
}

/// The files that UNLOAD wrote, downloaded into a folder under names that begin with `name`. Every file of the manifest must be
/// there and whole.
pub async fn files(
    objects: &Objects,
    execution_id: &str,
    manifest: Option<&str>,
    folder: &Path,
    name: &str,
) -> Result<Vec<PathBuf>, ResultError> {
    let lost = |what: String| ResultError::Lost(format!("the result of statement {execution_id} is not whole: {what}"));
    let place = manifest.ok_or_else(|| lost("Athena names no list of its files".to_owned()))?;
    let location = Location::parse(place).ok_or_else(|| lost(format!("`{place}` is no place in S3")))?;
    let list = folder.join(format!(".{name}.manifest"));
    download(objects, &location, &list).await?.map_err(|why| lost(format!("its list {place} {why}")))?;
    let text = std::fs::read_to_string(&list).map_err(|source| ResultError::File { path: list.clone(), source })?;
    std::fs::remove_file(&list).map_err(|source| ResultError::File { path: list, source })?;
    let mut written: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    written.sort_unstable();
    let mut files = Vec::with_capacity(written.len());
    for (number, uri) in written.iter().enumerate() {
        let location = Location::parse(uri).ok_or_else(|| lost(format!("its list names `{uri}`, which is no place in S3")))?;
        let path = folder.join(format!("{name}-{number:04}.parquet"));
        let mut damage = None;
        for _ in 0..DOWNLOADS {
            download(objects, &location, &path).await?.map_err(|why| lost(format!("{uri} {why}")))?;
            damage = check(&path).err();
            if damage.is_none() {
                break;
            }
        }
        if let Some(damage) = damage {
            return Err(lost(format!("{uri} is no whole Parquet file: {damage}")));
        }
        files.push(path);
    }
    Ok(files)
}

/// Downloads an object. The inner error says that it is not there.
async fn download(objects: &Objects, location: &Location, path: &Path) -> Result<Result<(), &'static str>, ResultError> {
    let failed = |source| ResultError::File { path: path.to_owned(), source };
    let mut file = File::create(path).map_err(failed)?;
    match objects.download(&calls::s3::GET_RESULT, &location.bucket, &location.prefix, &mut file).await {
        Ok(_) => Ok(Ok(())),
        Err(DownloadError::Aws(error)) if error.kind == Kind::NotFound => Ok(Err("is gone")),
        Err(DownloadError::Aws(error)) => Err(error.into()),
        Err(DownloadError::File(source)) => Err(failed(source)),
    }
}

/// Is it a Parquet file, to its end?
fn check(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    ParquetRecordBatchReaderBuilder::try_new(file).map(|_| ()).map_err(|error| error.to_string())
}

/// The rows of Parquet files, and their schema; `None` without a file.
pub fn read(files: &[PathBuf]) -> Result<Option<(SchemaRef, Vec<RecordBatch>)>, ResultError> {
    let unreadable = |error: &dyn std::fmt::Display| ResultError::Unreadable(error.to_string());
    let mut schema = None;
    let mut batches = Vec::new();
    for path in files {
        let file = File::open(path).map_err(|source| ResultError::File { path: path.clone(), source })?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(&error))?;
        schema.get_or_insert_with(|| Arc::clone(builder.schema()));
        for batch in builder.build().map_err(|error| unreadable(&error))? {
            batches.push(batch.map_err(|error| unreadable(&error))?);
        }
    }
    Ok(schema.map(|schema| (schema, batches)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_athena_writes_them() {
        assert_eq!(milliseconds("1970-01-01 00:00:01.500"), Some(1_500));
        assert_eq!(milliseconds("1970-01-02"), Some(86_400_000));
        assert_eq!(milliseconds("1970-01-01 00:00:01.000 UTC"), Some(1_000));
        assert_eq!(milliseconds("yesterday"), None);
    }

    #[test]
    fn a_value_of_another_type_is_no_value() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(Kept::of("varchar"), Kept::Text);
        assert_eq!(Kept::of("timestamp(3)"), Kept::Time);
        assert!(Kept::Integer.array(&[text("1"), None]).is_some());
        assert!(Kept::Integer.array(&[text("one")]).is_none());
        assert!(Kept::Boolean.array(&[text("TRUE")]).is_none());
    }

    #[test]
    fn half_a_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(vec![1, 2]))]).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(File::create(&path).unwrap(), schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert!(check(&path).is_ok());
        let rows: usize = read(std::slice::from_ref(&path)).unwrap().unwrap().1.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 2);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(check(&path).is_err());
        assert!(read(&[]).unwrap().is_none());
    }
}
