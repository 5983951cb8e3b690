//! The few operations of Athena that a statement needs, so that what is built on them can be tried without it.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    QueryExecutionContext, QueryExecutionState, ResultConfiguration, ResultReuseByAgeConfiguration, ResultReuseConfiguration,
};

use crate::aws::{AwsError, Session, calls, error::readable};
use crate::config::settings::athena::AthenaSettings;

/// What is asked of Athena to start a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The same token starts a statement once.
    pub token: String,
    pub sql: String,
    pub parameters: Vec<String>,
    pub reuse_minutes: u16,
}

/// How far a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Waiting,
    Succeeded,
    Failed,
    Cancelled,
}

/// What Athena says of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub phase: Phase,
    pub reason: Option<String>,
    /// Athena says that trying again may help.
    pub retryable: bool,
    pub bytes: u64,
    pub milliseconds: u64,
    pub reused: bool,
    /// Where the list of the files is that UNLOAD wrote.
    pub manifest: Option<String>,
}

/// Starts, watches and stops statements.
#[async_trait]
pub trait Service: Send + Sync + std::fmt::Debug {
    /// Gives the identifier of the execution.
    async fn start(&self, request: &Request) -> Result<String, AwsError>;
    async fn look(&self, execution_id: &str) -> Result<Look, AwsError>;
    async fn stop(&self, execution_id: &str) -> Result<(), AwsError>;
}

/// Athena itself.
#[derive(Debug)]
pub struct Athena {
    session: Arc<Session>,
    settings: AthenaSettings,
    /// Where results go if the workgroup leaves that to the statement.
    output_location: Option<String>,
}

impl Athena {
    pub fn new(session: Arc<Session>, settings: AthenaSettings, output_location: Option<String>) -> Self {
        Athena { session, settings, output_location }
    }

    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }
}

#[async_trait]
impl Service for Athena {
    async fn start(&self, request: &Request) -> Result<String, AwsError> {
        let context = QueryExecutionContext::builder()
            .catalog(&self.settings.catalog)
            .set_database(self.settings.database.clone())
            .build();
        let output =
            self.output_location.clone().map(|location| ResultConfiguration::builder().output_location(location).build());
        let reuse = (request.reuse_minutes > 0).then(|| {
            let by_age = ResultReuseByAgeConfiguration::builder()
                .enabled(true)
                .max_age_in_minutes(i32::from(request.reuse_minutes))
                .build();
            ResultReuseConfiguration::builder().result_reuse_by_age_configuration(by_age).build()
        });
        let parameters = (!request.parameters.is_empty()).then(|| request.parameters.clone());
        let call = &calls::athena::START_QUERY_EXECUTION;
        let answer = self
            .session
            .call(call, |config| {
                Client::new(&config)
                    .start_query_execution()
                    .query_string(&request.sql)
                    .client_request_token(&request.token)
                    .work_group(&self.settings.workgroup)
                    .query_execution_context(context.clone())
                    .set_execution_parameters(parameters.clone())
                    .set_result_configuration(output.clone())
                    .set_result_reuse_configuration(reuse.clone())
                    .send()
            })
            .await?;
        let missing = || AwsError::unusable(call, &self.session.caller(), "the answer names no execution");
        answer.query_execution_id.ok_or_else(missing)
    }

    async fn look(&self, execution_id: &str) -> Result<Look, AwsError> {
        let call = &calls::athena::GET_QUERY_EXECUTION;
        let answer = self
            .session
            .call(call, |config| Client::new(&config).get_query_execution().query_execution_id(execution_id).send())
            .await?;
        let missing = || AwsError::unusable(call, &self.session.caller(), "the answer holds no execution");
        let execution = answer.query_execution.ok_or_else(missing)?;
        let status = execution.status;
        let phase = match status.as_ref().and_then(|status| status.state.as_ref()) {
            Some(QueryExecutionState::Succeeded) => Phase::Succeeded,
            Some(QueryExecutionState::Failed) => Phase::Failed,
            Some(QueryExecutionState::Cancelled) => Phase::Cancelled,
            _ => Phase::Waiting,
        };
        let error = status.as_ref().and_then(|status| status.athena_error.as_ref());
        let reason = status.as_ref().and_then(|status| status.state_change_reason.as_deref());
        let statistics = execution.statistics;
        let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
        Ok(Look {
            phase,
            reason: reason.or_else(|| error.and_then(|error| error.error_message())).map(readable),
            // Category 1 is a failure of Athena itself.
            retryable: error.is_some_and(|error| error.retryable || error.error_category == Some(1)),
            bytes: number(statistics.as_ref().and_then(|statistics| statistics.data_scanned_in_bytes)),
            milliseconds: number(statistics.as_ref().and_then(|statistics| statistics.total_execution_time_in_millis)),
            reused: statistics
                .as_ref()
                .and_then(|statistics| statistics.result_reuse_information.as_ref())
                .is_some_and(|reuse| reuse.reused_previous_result),
            manifest: statistics.and_then(|statistics| statistics.data_manifest_location),
        })
    }

    async fn stop(&self, execution_id: &str) -> Result<(), AwsError> {
        let call = &calls::athena::STOP_QUERY_EXECUTION;
        self.session
            .call(call, |config| Client::new(&config).stop_query_execution().query_execution_id(execution_id).send())
            .await
            .map(|_| ())
    }
}
