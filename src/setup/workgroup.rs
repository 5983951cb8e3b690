//! Compares what exists on Athena with what is wanted, and creates what is missing.

use std::time::Duration;

use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    EncryptionConfiguration, EncryptionOption, EngineVersion, QueryExecutionContext, QueryExecutionState, ResultConfiguration,
    WorkGroupConfiguration, WorkGroupState,
};

use super::existing::{Found, table_of};
use super::tables::{Table, create_database};
use crate::aws::error::readable;
use crate::aws::{AwsError, Kind, Session, calls};

/// A workgroup to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workgroup {
    pub name: String,
    /// Where results are written, ends in `/`.
    pub results: String,
    /// ARN of the KMS key that encrypts them; `None` leaves it to S3.
    pub key: Option<String>,
    /// Most bytes that one statement may scan.
    pub cutoff: Option<u64>,
}

/// Everything that `setup athena` cares for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub catalog: String,
    pub workgroup: Workgroup,
    pub database: String,
    pub tables: Vec<Table>,
}

/// What there is of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Missing,
    Exists,
    /// It exists and differs: how, and what to do.
    Differs(Vec<String>),
}

/// One thing of the plan, and what there is of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    pub kind: &'static str,
    pub name: String,
    pub state: State,
}

/// Why the plan was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("{0}")]
    Aws(#[from] AwsError),
    #[error("{what} was not created: {reason}")]
    Statement { what: String, reason: String },
    #[error("{0}")]
    Name(String),
}

impl Workgroup {
    /// The command of the AWS command line that creates it.
    pub fn command(&self) -> String {
        let encryption = match &self.key {
            Some(key) => format!("EncryptionOption=SSE_KMS,KmsKey={key}"),
            None => "EncryptionOption=SSE_S3".to_owned(),
        };
        let cutoff = self.cutoff.map(|bytes| format!(",BytesScannedCutoffPerQuery={bytes}")).unwrap_or_default();
        format!(
            "aws athena create-work-group --name {} --configuration \
             'EnforceWorkGroupConfiguration=true,PublishCloudWatchMetricsEnabled=true{cutoff},\
             EngineVersion={{SelectedEngineVersion=AUTO}},\
             ResultConfiguration={{OutputLocation={},EncryptionConfiguration={{{encryption}}}}}'",
            self.name, self.results
        )
    }

    fn configuration(&self) -> Result<WorkGroupConfiguration, ApplyError> {
        let option = if self.key.is_some() { EncryptionOption::SseKms } else { EncryptionOption::SseS3 };
        let encryption = EncryptionConfiguration::builder()
            .encryption_option(option)
            .set_kms_key(self.key.clone())
            .build()
            .map_err(|error| ApplyError::Name(error.to_string()))?;
        let results =
            ResultConfiguration::builder().output_location(&self.results).encryption_configuration(encryption).build();
        let cutoff = self.cutoff.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        Ok(WorkGroupConfiguration::builder()
            .enforce_work_group_configuration(true)
            .publish_cloud_watch_metrics_enabled(true)
            .engine_version(EngineVersion::builder().selected_engine_version("AUTO").build())
            .set_bytes_scanned_cutoff_per_query(cutoff)
            .result_configuration(results)
            .build())
    }

    fn differences(&self, found: Option<&WorkGroupConfiguration>, state: Option<&WorkGroupState>) -> Vec<String> {
        let mut differences = Vec::new();
        if state == Some(&WorkGroupState::Disabled) {
            differences.push("it is disabled: enable it".to_owned());
        }
        let location = found.and_then(|found| found.result_configuration()).and_then(|results| results.output_location());
        match location {
            None => differences
                .push(format!("it names no place for results: set {}, or `output_location` in the settings", self.results)),
            Some(location) if location.trim_end_matches('/') != self.results.trim_end_matches('/') => {
                differences.push(format!("it writes results to {location}, not to {}", self.results));
            }
            Some(_) => {}
        }
        let cutoff = found.and_then(WorkGroupConfiguration::bytes_scanned_cutoff_per_query);
        let wanted = self.cutoff.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        if cutoff != wanted {
            let text = |bytes: Option<i64>| bytes.map_or_else(|| "no limit".to_owned(), |bytes| format!("{bytes} bytes"));
            differences.push(format!("a statement may scan {}, not {}", text(cutoff), text(wanted)));
        }
        differences
    }
}

impl Plan {
    /// Looks at everything, and changes nothing.
    ///
    /// # Errors
    /// When Athena does not answer.
    pub async fn look(&self, session: &Session) -> Result<Vec<Thing>, AwsError> {
        let mut things = vec![self.look_at_workgroup(session).await?, self.look_at_database(session).await?];
        let database_is_there = things.iter().all(|thing| thing.kind != "database" || thing.state == State::Exists);
        for table in &self.tables {
            let state = if database_is_there { self.look_at_table(session, table).await? } else { State::Missing };
            things.push(Thing { kind: "table", name: format!("{}.{}", table.database, table.name), state });
        }
        Ok(things)
    }

    async fn look_at_workgroup(&self, session: &Session) -> Result<Thing, AwsError> {
        let name = &self.workgroup.name;
        let call = &calls::setup::GET_WORK_GROUP;
        let answer = session.call(call, |config| Client::new(&config).get_work_group().work_group(name).send()).await;
        let state = match answer {
            Ok(answer) => {
                let group = answer.work_group;
                let found = group.as_ref().and_then(|group| group.configuration());
                let differences = self.workgroup.differences(found, group.as_ref().and_then(|group| group.state()));
                if differences.is_empty() { State::Exists } else { State::Differs(differences) }
            }
            Err(error) if is_missing(&error) => State::Missing,
            Err(error) => return Err(error),
        };
        Ok(Thing { kind: "workgroup", name: name.clone(), state })
    }

    async fn look_at_database(&self, session: &Session) -> Result<Thing, AwsError> {
        let call = &calls::setup::GET_DATABASE;
        let answer = session
            .call(call, |config| {
                Client::new(&config).get_database().catalog_name(&self.catalog).database_name(&self.database).send()
            })
            .await;
        let state = match answer {
            Ok(_) => State::Exists,
            Err(error) if is_missing(&error) => State::Missing,
            Err(error) => return Err(error),
        };
        Ok(Thing { kind: "database", name: self.database.clone(), state })
    }

    async fn look_at_table(&self, session: &Session, table: &Table) -> Result<State, AwsError> {
        let call = &calls::athena::GET_TABLE_METADATA;
        let answer = session
            .call(call, |config| {
                Client::new(&config)
                    .get_table_metadata()
                    .catalog_name(&self.catalog)
                    .database_name(&table.database)
                    .table_name(&table.name)
                    .send()
            })
            .await;
        let metadata = match answer {
            Ok(answer) => answer.table_metadata,
            Err(error) if is_missing(&error) => return Ok(State::Missing),
            Err(error) => return Err(error),
        };
        let Some(metadata) = metadata else { return Ok(State::Missing) };
        let found = Found::of(table_of(&self.catalog, &table.database, metadata));
        let differences = differences(table, &found);
        Ok(if differences.is_empty() { State::Exists } else { State::Differs(differences) })
    }

    /// Creates what is missing. What exists stays as it is.
    ///
    /// # Errors
    /// When something cannot be created. What was created before stays; a second try goes on from there.
    pub async fn create(&self, session: &Session, things: &[Thing], done: &mut dyn FnMut(&str)) -> Result<(), ApplyError> {
        let missing = |kind: &str, name: &str| {
            things.iter().any(|thing| thing.kind == kind && thing.name == name && thing.state == State::Missing)
        };
        if missing("workgroup", &self.workgroup.name) {
            let configuration = self.workgroup.configuration()?;
            session
                .call(&calls::setup::CREATE_WORK_GROUP, |config| {
                    Client::new(&config)
                        .create_work_group()
                        .name(&self.workgroup.name)
                        .description("Statements of Palisade over CloudTrail.")
                        .configuration(configuration.clone())
                        .send()
                })
                .await?;
            done(&format!("workgroup {} created", self.workgroup.name));
        }
        if missing("database", &self.database) {
            let sql = create_database(&self.database).map_err(|wrong| ApplyError::Name(wrong.message))?;
            self.execute(session, &sql, &format!("database {}", self.database)).await?;
            done(&format!("database {} created", self.database));
        }
        for table in &self.tables {
            let name = format!("{}.{}", table.database, table.name);
            if missing("table", &name) {
                self.execute(session, &table.statement, &format!("table {name}")).await?;
                done(&format!("table {name} created"));
            }
        }
        Ok(())
    }

    async fn execute(&self, session: &Session, sql: &str, what: &str) -> Result<(), ApplyError> {
        let context = QueryExecutionContext::builder().catalog(&self.catalog).build();
        let results = ResultConfiguration::builder().output_location(&self.workgroup.results).build();
        let started = session
            .call(&calls::setup::START_QUERY_EXECUTION, |config| {
                Client::new(&config)
                    .start_query_execution()
                    .query_string(sql)
                    .work_group(&self.workgroup.name)
                    .query_execution_context(context.clone())
                    .result_configuration(results.clone())
                    .send()
            })
            .await?;
        let failed = |reason: String| ApplyError::Statement { what: what.to_owned(), reason };
        let Some(id) = started.query_execution_id else { return Err(failed("Athena named no execution".to_owned())) };
        // Creating takes seconds.
        for _ in 0..600 {
            let looked = session
                .call(&calls::setup::GET_QUERY_EXECUTION, |config| {
                    Client::new(&config).get_query_execution().query_execution_id(&id).send()
                })
                .await?;
            let status = looked.query_execution.and_then(|execution| execution.status);
            let reason = status.as_ref().and_then(|status| status.state_change_reason()).map(readable);
            match status.and_then(|status| status.state) {
                Some(QueryExecutionState::Succeeded) => return Ok(()),
                Some(QueryExecutionState::Failed | QueryExecutionState::Cancelled) => {
                    return Err(failed(reason.unwrap_or_else(|| "Athena does not say why".to_owned())));
                }
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
        Err(failed(format!("execution {id} did not end within two minutes")))
    }
}

/// Does the error say that the thing is not there? Athena has no code of its own for that.
pub fn is_missing(error: &AwsError) -> bool {
    let says_so = error.message.contains("EntityNotFound") || error.message.to_ascii_lowercase().contains("not found");
    says_so && matches!(error.kind, Kind::NotFound | Kind::Invalid)
}

/// How a table that exists differs from the one that was asked for.
fn differences(wanted: &Table, found: &Found) -> Vec<String> {
    let mut differences = Vec::new();
    match &found.source {
        Err(reason) => differences.push(reason.clone()),
        Ok(source) => {
            let lacking = source.lacking();
            if !lacking.is_empty() {
                differences.push(format!(
                    "it has no columns for {}; give the new table another name with --table (objects in S3 are shared, nothing is copied)",
                    lacking.join(", ")
                ));
            }
        }
    }
    for (name, value) in &found.table.parameters {
        let compared = name == "storage.location.template" || name.starts_with("projection.");
        if compared && !wanted.statement.contains(&format!("'{name}' = '{value}'")) {
            differences.push(format!("its `{name}` is `{value}`, which was not asked for"));
        }
    }
    differences
}
