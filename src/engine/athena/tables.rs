//! The tables of CloudTrail, as the catalog describes them, and where their objects lie.

use std::collections::BTreeSet;

use aws_sdk_athena::Client;

use super::batch::UNKNOWN_REGIONS;
use crate::aws::objects::Location;
use crate::aws::{AwsError, Session, calls};
use crate::config::settings::athena::AthenaSettings;
use crate::engine::sources::{Column, Source, SourceError, Table, TableLayout, by_hand};

/// Why the tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    #[error(
        "no table is named; set `database` and `table` (or `tables`) in the section `athena` of the settings, or make tables with \
         `palisade setup athena`"
    )]
    NotNamed,
    #[error("table {table}: {source}")]
    Aws { table: String, source: AwsError },
    #[error("{0}")]
    Source(#[from] SourceError),
}

/// What the catalog says of a table.
///
/// # Errors
/// When the catalog does not say.
pub async fn describe(session: &Session, settings: &AthenaSettings, database: &str, name: &str) -> Result<Table, AwsError> {
    let call = &calls::athena::GET_TABLE_METADATA;
    let answer = session
        .call(call, |config| {
            Client::new(&config)
                .get_table_metadata()
                .catalog_name(&settings.catalog)
                .database_name(database)
                .table_name(name)
                .work_group(&settings.workgroup)
                .send()
        })
        .await?;
    let missing = || AwsError::unusable(call, &session.caller(), "the answer describes no table");
    let metadata = answer.table_metadata.ok_or_else(missing)?;
    let columns = |list: Option<Vec<aws_sdk_athena::types::Column>>| -> Vec<Column> {
        let read = |column: &aws_sdk_athena::types::Column| Column::new(column.name(), column.r#type().unwrap_or("string"));
        list.unwrap_or_default().iter().map(read).collect()
    };
    Ok(Table {
        catalog: settings.catalog.clone(),
        database: database.to_owned(),
        name: metadata.name,
        columns: columns(metadata.columns),
        partition_keys: columns(metadata.partition_keys),
        parameters: metadata.parameters.unwrap_or_default().into_iter().collect(),
    })
}

/// The tables of the settings, with the layouts that are set for them or that they look to have. A name may say its database:
/// `database.table`.
///
/// # Errors
/// When no table is named, the catalog knows none of that name, or it is none of CloudTrail.
pub async fn sources(
    session: &Session,
    settings: &AthenaSettings,
    layouts: &[TableLayout],
) -> Result<Vec<Source>, TablesError> {
    let mut tables = Vec::new();
    for table in &settings.tables {
        let (database, name) = match (table.split_once('.'), &settings.database) {
            (Some((database, name)), _) => (database, name),
            (None, Some(database)) => (database.as_str(), table.as_str()),
            (None, None) => return Err(TablesError::NotNamed),
        };
        let described = describe(session, settings, database, name).await;
        let described = described.map_err(|source| TablesError::Aws { table: format!("{database}.{name}"), source })?;
        tables.push(described);
    }
    if tables.is_empty() {
        return Err(TablesError::NotNamed);
    }
    by_hand::check_names(&tables.iter().collect::<Vec<_>>(), layouts)?;
    Ok(tables.into_iter().map(|table| Source::laid_out(table, layouts)).collect::<Result<_, _>>()?)
}

/// Regions by which the partitions of a table are told apart: those that it lists, else as many as there may be. One for a table
/// without such a key.
pub fn regions(source: &Source) -> u64 {
    let is_region = |column: &&Column| column.name.to_ascii_lowercase().contains("region");
    let Some(key) = source.table.partition_keys.iter().find(is_region) else { return 1 };
    let values = source.table.parameters.get(&format!("projection.{}.values", key.name));
    values.map_or(UNKNOWN_REGIONS, |values| {
        values.split(',').map(str::trim).filter(|value| !value.is_empty()).collect::<BTreeSet<_>>().len() as u64
    })
}

/// Where the objects of a table begin: the location up to the first place that depends on the partition.
pub fn location(source: &Source) -> Option<Location> {
    let parameters = &source.table.parameters;
    let text = parameters.get("storage.location.template").or_else(|| parameters.get("location"))?;
    let fixed = text.split("${").next().unwrap_or(text);
    // Up to a whole folder: `${account}` may stand behind the beginning of a name.
    let fixed = fixed.rfind('/').and_then(|end| fixed.get(..=end)).unwrap_or(fixed);
    let location = if text.contains("${") { fixed.to_owned() } else { format!("{}/", text.trim_end_matches('/')) };
    Location::parse(&location)
}

/// Folders that stand behind the first partition in every path of the table, such as `/CloudTrail/`.
pub fn fixed_folders(source: &Source) -> Vec<String> {
    let template = source.table.parameters.get("storage.location.template");
    let behind = template.and_then(|template| template.split_once("${")).map(|(_, behind)| behind).unwrap_or_default();
    let fixed = behind.split('/').filter(|folder| !folder.is_empty() && !folder.contains(['{', '}', '$']));
    fixed.map(|folder| format!("/{folder}/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(keys: &[&str], parameters: &[(&str, &str)]) -> Source {
        Source::detect(Table {
            catalog: "AwsDataCatalog".to_owned(),
            database: "d".to_owned(),
            name: "t".to_owned(),
            columns: vec![Column::new("eventname", "string"), Column::new("eventsource", "string")],
            partition_keys: keys.iter().map(|key| Column::new(*key, "string")).collect(),
            parameters: parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        })
        .unwrap()
    }

    #[test]
    fn regions_are_those_of_the_projection() {
        let values = [("projection.p_region.values", "eu-west-1, us-east-1,us-east-1")];
        assert_eq!(regions(&source(&["p_account", "p_region"], &values)), 2);
        assert_eq!(regions(&source(&["p_account", "p_region"], &[])), UNKNOWN_REGIONS);
        assert_eq!(regions(&source(&["timestamp"], &[])), 1);
    }

    #[test]
    fn objects_begin_before_the_first_partition() {
        let template = ("storage.location.template", "s3://trail/AWSLogs/o-abc/${p_account}/CloudTrail/${p_region}/${p_date}");
        let plain = ("location", "s3://trail/AWSLogs/111122223333/CloudTrail/eu-west-1");
        assert_eq!(location(&source(&["p_account"], &[template, plain])).unwrap().to_string(), "s3://trail/AWSLogs/o-abc/");
        assert_eq!(fixed_folders(&source(&["p_account"], &[template])), ["/CloudTrail/"]);
        let plain = location(&source(&[], &[plain])).unwrap().to_string();
        assert_eq!(plain, "s3://trail/AWSLogs/111122223333/CloudTrail/eu-west-1/");
        assert_eq!(location(&source(&[], &[])), None);
    }
}
