//! Tables that exist already: which of them hold CloudTrail, how they are laid out, and the settings that use them.

use std::collections::BTreeMap;

use aws_sdk_athena::Client;
use aws_sdk_athena::types::TableMetadata;

use crate::aws::{AwsError, Pages, Session, calls};
use crate::engine::sources::{Column, Days, Source, Table, TableLayout};

/// A table as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub table: Table,
    /// The layout, or why it has none that is known.
    pub source: Result<Source, String>,
}

impl Found {
    pub fn of(table: Table) -> Self {
        Found::laid_out(table, &[])
    }

    /// The same with layouts that are set by hand.
    pub fn laid_out(table: Table, layouts: &[TableLayout]) -> Self {
        let source = Source::laid_out(table.clone(), layouts).map_err(|error| error.to_string());
        Found { table, source }
    }

    /// What to know before using it.
    pub fn remarks(&self) -> Vec<String> {
        let Ok(source) = &self.source else { return Vec::new() };
        let mut remarks = Vec::new();
        let missing = source.lacking();
        if !missing.is_empty() {
            remarks.push(format!(
                "it has no columns for {}: what they would tell stays undetermined. A table of `palisade setup athena` has them all",
                missing.join(", ")
            ));
        }
        if source.layout.days == Days::None {
            remarks.push("it is not partitioned by day: every statement reads all of it".to_owned());
        }
        if source.layout.account.is_none() && source.layout.has_paths {
            remarks.push("it is not partitioned by account: a statement for one account reads the objects of all".to_owned());
        }
        if let Some(values) =
            self.parameter("projection.p_region.values").or_else(|| self.parameter("projection.region.values"))
        {
            remarks.push(format!("it reads {} regions; calls in others are not seen: {values}", values.split(',').count()));
        }
        remarks
    }

    /// A property of the table.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.table.parameters.get(name).map(String::as_str)
    }

    /// Where its objects are, with the folders that it tells apart.
    fn place(&self) -> Option<&str> {
        self.parameter("storage.location.template").or_else(|| self.parameter("location"))
    }
}

/// All tables of a database.
///
/// # Errors
/// When the catalog does not answer.
pub async fn list(session: &Session, catalog: &str, database: &str) -> Result<Vec<Found>, AwsError> {
    let call = &calls::setup::LIST_TABLE_METADATA;
    let mut found = Vec::new();
    let mut pages = Pages::default();
    let mut token = None;
    loop {
        let page = session
            .call(call, |config| {
                Client::new(&config)
                    .list_table_metadata()
                    .catalog_name(catalog)
                    .database_name(database)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        let tables = page.table_metadata_list.unwrap_or_default();
        found.extend(tables.into_iter().map(|metadata| Found::of(table_of(catalog, database, metadata))));
        token = pages.next(session, call, page.next_token)?;
        if token.is_none() {
            found.sort_by(|a, b| a.table.name.cmp(&b.table.name));
            return Ok(found);
        }
    }
}

/// A table as the catalog of Athena describes it.
pub fn table_of(catalog: &str, database: &str, metadata: TableMetadata) -> Table {
    let columns = |columns: Option<Vec<aws_sdk_athena::types::Column>>| -> Vec<Column> {
        columns
            .unwrap_or_default()
            .into_iter()
            .map(|column| Column::new(column.name, column.r#type.as_deref().unwrap_or_default()))
            .collect()
    };
    Table {
        catalog: catalog.to_owned(),
        database: database.to_owned(),
        name: metadata.name,
        columns: columns(metadata.columns),
        partition_keys: columns(metadata.partition_keys),
        parameters: metadata.parameters.unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>(),
    }
}

/// The tables to use: of several over the same objects the one that lacks the fewest columns, so that nothing is paid for twice.
pub fn chosen(found: &[Found]) -> Vec<&Found> {
    let mut by_place: BTreeMap<String, &Found> = BTreeMap::new();
    for one in found {
        let Ok(source) = &one.source else { continue };
        let place = one.place().map_or_else(|| one.table.name.clone(), |place| place.trim_end_matches('/').to_owned());
        let lacks = source.missing().len();
        let better =
            by_place.get(&place).is_none_or(|known| known.source.as_ref().is_ok_and(|known| known.missing().len() > lacks));
        if better {
            by_place.insert(place, one);
        }
    }
    let mut chosen: Vec<&Found> = by_place.into_values().collect();
    chosen.sort_by(|a, b| a.table.name.cmp(&b.table.name));
    chosen
}

/// The section of the settings that uses these tables.
pub fn settings(workgroup: &str, database: &str, tables: &[&str]) -> String {
    format!("athena:\n  workgroup: {workgroup}\n  database: {database}\n  tables: [{}]\n", tables.join(", "))
}
