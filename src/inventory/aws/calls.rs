//! One request to AWS: paced, retried with patience, and kept as AWS sent it.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use serde_json::Value;

use super::pace::Pace;
use super::record::ErrorRecord;
use crate::aws::{AwsError, Call, Pages, Session};

/// How long a request is tried before its source counts as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Before the first repetition; doubled every time, and spread at random.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// Requests that AWS throttles.
    pub throttled_attempts: u32,
    /// Requests that fail on the way, or inside AWS.
    pub failed_attempts: u32,
    /// For one attempt, the answer included.
    pub timeout: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(20),
            throttled_attempts: 20,
            failed_attempts: 6,
            timeout: Duration::from_secs(60),
        }
    }
}

/// Why a request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Throttled,
    /// Network, timeout, or a mistake inside AWS.
    Passing,
    /// The token of a page is not accepted any more.
    Token,
    /// The text of a query is not understood.
    Expression,
    Other,
}

/// A request that got no answer, after all repetitions.
#[derive(Debug, Clone)]
pub(super) struct CallError {
    pub(super) reason: Reason,
    pub(super) error: AwsError,
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AwsError { call, code, message, .. } = &self.error;
        write!(formatter, "{} {} failed", call.service, call.operation)?;
        if let Some(code) = code {
            write!(formatter, " with {code}")?;
        }
        write!(formatter, ": {}", message.trim_end_matches('.'))
    }
}

impl CallError {
    /// How often a request that fails so is made.
    fn attempts(&self, patience: Patience) -> u32 {
        match self.reason {
            Reason::Throttled => patience.throttled_attempts,
            Reason::Passing => patience.failed_attempts,
            // The session has asked for new credentials already.
            Reason::Token | Reason::Expression | Reason::Other => 1,
        }
    }

    /// For `snapshot.json`.
    pub(super) fn record(&self) -> ErrorRecord {
        let AwsError { call, code, message, .. } = &self.error;
        ErrorRecord {
            service: call.service.to_owned(),
            operation: call.operation.to_owned(),
            code: code.clone(),
            message: message.clone(),
            help: self.error.help(),
        }
    }
}

fn reason<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Reason {
    let context = match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => return Reason::Passing,
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => return Reason::Passing,
        SdkError::ServiceError(context) => context,
        _ => return Reason::Other,
    };
    let status = context.raw().status().as_u16();
    match error.code().unwrap_or_default() {
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "RequestThrottledException"
        | "RequestThrottled"
        | "TooManyRequestsException"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "LimitExceededException"
        | "PriorRequestNotComplete"
        | "SlowDown" => Reason::Throttled,
        "InvalidNextTokenException" | "InvalidNextToken" => Reason::Token,
        "InvalidExpressionException" => Reason::Expression,
        "RequestTimeout"
        | "RequestTimeoutException"
        | "InternalError"
        | "InternalFailure"
        | "ServiceException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => Reason::Passing,
        _ if status == 429 => Reason::Throttled,
        _ if status >= 500 => Reason::Passing,
        _ => Reason::Other,
    }
}

/// The answer as AWS sent it. The fields that the SDK does not know yet are in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Raw(Arc<Mutex<Option<Value>>>);

#[dyn_dispatch_hint]
impl Intercept for Raw {
    fn name(&self) -> &'static str {
        "answer as sent"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // What is no JSON the SDK refuses by itself.
        let value = context.response().body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }
}

impl Raw {
    fn take(&self) -> Value {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(Value::Null)
    }
}

/// A service in one region: whose credentials ask, and at which pace.
pub(super) struct Service {
    session: Arc<Session>,
    pace: Pace,
    patience: Patience,
}

impl Service {
    /// `most` requests run at once, at most.
    pub(super) fn new(session: Arc<Session>, most: u16, patience: Patience) -> Service {
        Service { session, pace: Pace::new(most), patience }
    }

    pub(super) fn region(&self) -> Option<String> {
        self.session.region()
    }

    /// Sends a request until it is answered or patience ends. Gives the answer, and the same as AWS sent it.
    pub(super) async fn call<O, E, F, A>(&self, call: &'static Call, send: F) -> Result<(O, Value), CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Fn(SdkConfig, Raw) -> A,
        A: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        SdkError<E, HttpResponse>: RequestId + std::error::Error,
    {
        let mut attempts = 0;
        loop {
            let raw = Raw::default();
            let why = Mutex::new(Reason::Other);
            let turn = self.pace.turn().await;
            let answer = self.session.call(call, |config| {
                let sent = send(impatient(config, self.patience), raw.clone());
                let why = &why;
                async move {
                    let answer = sent.await;
                    if let Err(error) = &answer {
                        *why.lock().unwrap_or_else(PoisonError::into_inner) = reason(error);
                    }
                    answer
                }
            });
            let answer = answer.await;
            drop(turn);
            let error = match answer {
                Ok(output) => {
                    self.pace.answered();
                    return Ok((output, raw.take()));
                }
                Err(error) => CallError { reason: why.into_inner().unwrap_or_else(PoisonError::into_inner), error },
            };
            attempts += 1;
            if error.reason == Reason::Throttled {
                self.pace.throttled();
            }
            if attempts >= error.attempts(self.patience) {
                return Err(error);
            }
            tracing::debug!(attempts, %error, "a request is repeated");
            tokio::time::sleep(pause(self.patience, attempts)).await;
        }
    }

    /// The token of the next page; `None` after the last one.
    ///
    /// # Errors
    /// When the token was followed already: following it again would never end.
    pub(super) fn next(
        &self,
        pages: &mut Pages,
        call: &'static Call,
        token: Option<&str>,
    ) -> Result<Option<String>, CallError> {
        let next = pages.next(&self.session, call, token.map(str::to_owned));
        next.map_err(|error| CallError { reason: Reason::Other, error })
    }

    /// An answer, or a setting, that cannot be used.
    pub(super) fn unusable(&self, call: &'static Call, message: impl Into<String>) -> CallError {
        CallError { reason: Reason::Other, error: AwsError::unusable(call, &self.session.caller(), message) }
    }
}

/// Repetitions are made here, where the pace is known.
fn impatient(config: SdkConfig, patience: Patience) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(patience.timeout.min(Duration::from_secs(10)))
        .operation_attempt_timeout(patience.timeout)
        .build();
    config.into_builder().retry_config(RetryConfig::disabled()).timeout_config(timeouts).build()
}

/// Between half of a pause and the whole, so that requests that failed together do not come back together.
fn pause(patience: Patience, attempts: u32) -> Duration {
    let doubled = patience.first_pause.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    let whole = doubled.min(patience.longest_pause);
    let spread = RandomState::new().hash_one(attempts) % 1024;
    whole / 2 + whole.saturating_mul(u32::try_from(spread).unwrap_or_default()) / 2048
}
