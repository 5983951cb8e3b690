//! A Trino cluster: the statement runs there, over tables of its catalogs; only the rows of the answer come here.
//!
//! [`client`] speaks the REST protocol (<https://trino.io/docs/current/develop/client-protocol.html>), [`rows`] reads the typed rows. Values
//! are bound with `EXECUTE IMMEDIATE … USING`, which Trino has since version 418.

pub mod client;
mod collect;
mod interrupt;
mod rows;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use polars::prelude::DataFrame;
use tokio::sync::Semaphore;

use self::client::{Client, Connection, TrinoError};
use super::sources::{Column, Dialect, Source, SourceError, Table, TableLayout, activity_statement, by_hand, statement_over};
use super::{EngineError, Part, RemoteEngine};
use crate::catalog::{BoundValue, Statement};

/// Accounts that a statement lists, at most, where they share a scan.
const LISTED_ACCOUNTS: usize = 5_000;

/// The engine over tables of one cluster.
#[derive(Debug)]
pub struct TrinoEngine {
    client: Client,
    sources: Vec<Source>,
    options: Options,
    /// One permit for each statement that may run.
    permits: Semaphore,
}

/// How a cluster is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Segments of the keys of S3 objects that the roll-up keeps.
    pub prefix_segments: usize,
    /// Statements that run at the same time, at most.
    pub concurrency: u16,
}

impl TrinoEngine {
    /// Looks the tables up and recognises their layouts. A name is `table`, `schema.table` or `catalog.schema.table`; what is left out is the
    /// connection's.
    pub async fn connect(connection: Connection, tables: &[String], options: Options) -> Result<Self, TrinoError> {
        Self::connect_laid_out(connection, tables, &[], options).await
    }

    /// The same with layouts that are set by hand.
    pub async fn connect_laid_out(
        connection: Connection,
        tables: &[String],
        layouts: &[TableLayout],
        options: Options,
    ) -> Result<Self, TrinoError> {
        let client = Client::new(connection)?;
        interrupt::cancel_on_interrupt();
        let mut described = Vec::with_capacity(tables.len());
        for name in tables {
            described.push(describe(&client, name).await?);
        }
        by_hand::check_names(&described.iter().collect::<Vec<_>>(), layouts)?;
        let sources: Vec<Source> =
            described.into_iter().map(|table| Source::laid_out(table, layouts)).collect::<Result<_, _>>()?;
        if sources.is_empty() {
            return Err(SourceError::NoTable.into());
        }
        let permits = Semaphore::new(usize::from(options.concurrency.max(1)));
        Ok(TrinoEngine { client, sources, options, permits })
    }

    /// The tables, with what was recognised.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }
}

impl From<TrinoError> for EngineError {
    fn from(error: TrinoError) -> Self {
        EngineError::Remote { engine: "trino", message: error.to_string() }
    }
}

impl From<SourceError> for TrinoError {
    fn from(error: SourceError) -> Self {
        TrinoError::Source(error)
    }
}

#[async_trait]
impl RemoteEngine for TrinoEngine {
    fn name(&self) -> &'static str {
        "trino"
    }

    fn source(&self) -> String {
        let tables: Vec<String> = self.sources.iter().map(Source::identity).collect();
        format!("{} {}", self.client.connection().url, tables.join(", "))
    }

    fn tells_accounts_apart(&self) -> bool {
        self.sources.iter().all(|source| source.layout.account.is_some())
    }

    fn accounts_at_once(&self, accounts: usize) -> usize {
        if self.tells_accounts_apart() { 1 } else { accounts.min(LISTED_ACCOUNTS) }
    }

    async fn run(&self, statement: &Statement, part: &Part) -> Result<DataFrame, EngineError> {
        let own_lines = statement.sql.trim_start().lines().count();
        let statement = statement_over(&self.sources, Dialect::Trino, part, statement).map_err(TrinoError::from)?;
        let before = statement.sql.lines().count().saturating_sub(own_lines);
        // The semaphore is never closed, so there is always a permit in the end.
        let _permit = self.permits.acquire().await;
        rows::frame(&self.client, &statement, before).await
    }

    async fn collect_activity(&self, part: &Part, folder: &Path) -> Result<Vec<PathBuf>, EngineError> {
        let statement =
            activity_statement(&self.sources, Dialect::Trino, part, self.options.prefix_segments).map_err(TrinoError::from)?;
        let _permit = self.permits.acquire().await;
        collect::to_parquet(&self.client, &statement, folder).await
    }
}

/// `catalog.schema.table` in its parts; what is left out comes from the connection.
fn name_parts(connection: &Connection, name: &str) -> Result<[String; 3], TrinoError> {
    let parts: Vec<&str> = name.split('.').map(|part| part.trim_matches('"')).collect();
    Ok(match parts.as_slice() {
        [table] => [connection.catalog.clone(), connection.schema.clone(), (*table).to_owned()],
        [schema, table] => [connection.catalog.clone(), (*schema).to_owned(), (*table).to_owned()],
        [catalog, schema, table] => [(*catalog).to_owned(), (*schema).to_owned(), (*table).to_owned()],
        _ => return Err(TrinoError::TableName { name: name.to_owned() }),
    })
}

/// Asks the catalog for the columns and partition keys of a table.
async fn describe(client: &Client, name: &str) -> Result<Table, TrinoError> {
    let [catalog, database, table] = name_parts(client.connection(), name)?;
    let identifier = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let sql = format!(
        "SELECT column_name, data_type, extra_info FROM {}.information_schema.columns WHERE table_schema = ? AND table_name = ? \
         ORDER BY ordinal_position",
        identifier(&catalog)
    );
    let text = |value: &str| BoundValue::Text(value.to_owned());
    let listed = client.rows_of_text(&sql, &[text(&database), text(&table)]).await?;
    if listed.is_empty() {
        return Err(TrinoError::NoTable { name: format!("{catalog}.{database}.{table}") });
    }
    // `information_schema` does not tell partition keys everywhere; SHOW COLUMNS does, in its column Extra.
    let quoted = format!("{}.{}.{}", identifier(&catalog), identifier(&database), identifier(&table));
    let shown = client.rows_of_text(&format!("SHOW COLUMNS FROM {quoted}"), &[]).await?;
    let (mut columns, mut partition_keys) = (Vec::new(), Vec::new());
    for row in &shown {
        let (Some(Some(name)), Some(Some(data_type))) = (row.first(), row.get(1)) else { continue };
        let is_key = row.get(2).and_then(Option::as_deref).is_some_and(|extra| extra == "partition key");
        let column = Column::new(name.clone(), data_type);
        if is_key { partition_keys.push(column) } else { columns.push(column) }
    }
    // How partition keys are projected stands in the definition only.
    let parameters = match client.rows_of_text(&format!("SHOW CREATE TABLE {quoted}"), &[]).await {
        Ok(rows) => {
            let definition = rows.into_iter().flatten().flatten().next().unwrap_or_default();
            projection_parameters(&definition, &partition_keys)
        }
        // A view has no such definition, and not everybody may see it.
        Err(TrinoError::Query { .. }) => Default::default(),
        Err(error) => return Err(error),
    };
    Ok(Table { catalog, database, name: table, columns, partition_keys, parameters })
}

/// The column properties `partition_projection_type` and `partition_projection_format` of a definition, under their names in Glue.
fn projection_parameters(definition: &str, keys: &[Column]) -> std::collections::BTreeMap<String, String> {
    let mut parameters = std::collections::BTreeMap::new();
    for key in keys {
        // `   p_date varchar WITH ( partition_projection_format = 'yyyy/MM/dd', … )`
        let starts = [format!("\n   {} ", key.name), format!("\n   \"{}\" ", key.name)];
        let Some(after) = starts.iter().find_map(|start| definition.split_once(start.as_str())).map(|(_, after)| after) else {
            continue;
        };
        let column = after.split("\n   ").next().unwrap_or(after);
        for (property, parameter) in [("partition_projection_type", "type"), ("partition_projection_format", "format")] {
            let value = column.split_once(&format!("{property} = '")).and_then(|(_, rest)| rest.split_once('\''));
            if let Some((value, _)) = value {
                let value = if parameter == "type" { value.to_ascii_lowercase() } else { value.to_owned() };
                parameters.insert(format!("projection.{}.{parameter}", key.name), value);
            }
        }
    }
    parameters
}
