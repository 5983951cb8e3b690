//! Sessions: credentials, region, endpoint and patience, one per purpose.

use crate::events::time;
use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::operation::RequestId;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::sync::{Mutex, OnceCell};

use super::{AwsError, AwsSettings, Call, EndpointError, Kind, Purpose, SessionSettings, calls, endpoint};

/// Longest wait between two attempts.
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Credentials that expire within this time are renewed before they are used.
const EXPIRY_BUFFER: Duration = Duration::from_secs(120);

/// The sessions of a run, made when they are first asked for.
pub struct Sessions {
    settings: AwsSettings,
    base: Base,
    made: Mutex<BTreeMap<SessionSettings, Arc<Session>>>,
}

/// What sessions are made from.
#[derive(Clone)]
enum Base {
    /// The environment and the profiles, over these connections.
    Environment(SharedHttpClient),
    /// A configuration as it is.
    Given(Box<SdkConfig>),
}

impl fmt::Debug for Sessions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sessions").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Nothing is asked of AWS yet.
    ///
    /// # Errors
    /// When the environment sets an address of AWS that is none.
    pub fn new(settings: AwsSettings) -> Result<Self, EndpointError> {
        endpoint::check(&|name| std::env::var(name).ok())?;
        let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        Ok(Sessions { settings, base: Base::Environment(http), made: Mutex::default() })
    }

    /// Sessions that start from a configuration rather than from the environment and a profile. Roles are assumed on top of it.
    pub fn from_configuration(settings: AwsSettings, configuration: SdkConfig) -> Self {
        Sessions { settings, base: Base::Given(Box::new(configuration)), made: Mutex::default() }
    }

    pub fn settings(&self) -> &AwsSettings {
        &self.settings
    }

    /// The session of a purpose. Purposes with the same credentials share one.
    pub async fn of(&self, purpose: Purpose) -> Arc<Session> {
        self.with(self.settings.session(purpose)).await
    }

    /// The session of a purpose in another region.
    pub async fn in_region(&self, purpose: Purpose, region: &str) -> Arc<Session> {
        let settings = SessionSettings { region: Some(region.to_owned()), ..self.settings.session(purpose).clone() };
        self.with(&settings).await
    }

    async fn with(&self, settings: &SessionSettings) -> Arc<Session> {
        let mut made = self.made.lock().await;
        if let Some(session) = made.get(settings) {
            return Arc::clone(session);
        }
        let config = load(settings, self.settings.max_attempts, &self.base).await;
        let session = Arc::new(Session {
            settings: settings.clone(),
            config: RwLock::new(Generation { number: 0, config }),
            max_attempts: self.settings.max_attempts,
            base: self.base.clone(),
            identity: OnceCell::new(),
        });
        made.insert(settings.clone(), Arc::clone(&session));
        session
    }
}

/// The configuration of the SDK: what the environment and the profile say, then the roles on top.
async fn load(settings: &SessionSettings, max_attempts: u32, base: &Base) -> SdkConfig {
    let retry = RetryConfig::standard().with_max_attempts(max_attempts).with_max_backoff(LONGEST_BACKOFF);
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
    let region = settings.region.clone().map(Region::new);
    let mut config = match base {
        Base::Environment(http) => {
            let mut loader = aws_config::defaults(BehaviorVersion::latest())
                .http_client(http.clone())
                .retry_config(retry)
                .timeout_config(timeouts)
                .identity_cache(identity_cache());
            if let Some(profile) = &settings.profile {
                loader = loader.profile_name(profile);
            }
            if let Some(region) = region {
                loader = loader.region(region);
            }
            loader.load().await
        }
        Base::Given(config) => {
            let region = region.or_else(|| config.region().cloned());
            let builder = config.as_ref().clone().into_builder().retry_config(retry).timeout_config(timeouts);
            builder.region(region).identity_cache(identity_cache()).build()
        }
    };
    for role in &settings.roles {
        let mut builder = AssumeRoleProvider::builder(&role.arn).session_name(&role.session_name).configure(&config);
        if let Some(external_id) = &role.external_id {
            builder = builder.external_id(external_id);
        }
        let provider = SharedCredentialsProvider::new(builder.build().await);
        config = config.into_builder().credentials_provider(provider).identity_cache(identity_cache()).build();
    }
    config
}

fn identity_cache() -> SharedIdentityCache {
    aws_config::identity::IdentityCache::lazy().buffer_time(EXPIRY_BUFFER).build()
}

struct Generation {
    number: u64,
    config: SdkConfig,
}

/// Credentials, region and endpoint of one purpose.
pub struct Session {
    settings: SessionSettings,
    config: RwLock<Generation>,
    max_attempts: u32,
    base: Base,
    identity: OnceCell<Identity>,
}

/// Who the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub account_id: String,
    pub arn: String,
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("settings", &self.settings)
            .field("region", &self.region())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Whose credentials they are, as messages say it.
    pub fn caller(&self) -> String {
        self.settings.to_string()
    }

    pub fn region(&self) -> Option<String> {
        self.config().1.region().map(ToString::to_string)
    }

    fn config(&self) -> (u64, SdkConfig) {
        let generation = self.config.read().unwrap_or_else(PoisonError::into_inner);
        (generation.number, generation.config.clone())
    }

    /// Makes a call. `request` builds it from a configuration and sends it; it is asked again when credentials expired although
    /// they looked good.
    ///
    /// # Errors
    /// When the call failed for good.
    pub async fn call<T, E, R, F, A>(&self, call: &'static Call, request: F) -> Result<T, AwsError>
    where
        F: Fn(SdkConfig) -> A,
        A: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + Error + 'static,
        R: fmt::Debug + 'static,
        SdkError<E, R>: RequestId + Error,
    {
        let (generation, config) = self.config();
        if config.region().is_none_or(|region| region.as_ref().is_empty()) {
            return Err(AwsError {
                call,
                kind: Kind::Invalid,
                code: None,
                message:
                    "no region is known; set `region` in the section `aws` of the settings, AWS_REGION, or that of the profile"
                        .to_owned(),
                request_id: None,
                caller: self.caller(),
            });
        }
        let started = std::time::Instant::now();
        let mut result = request(config).await.map_err(|error| AwsError::of(call, &self.caller(), &error));
        if matches!(&result, Err(error) if error.kind == Kind::CredentialsExpired) {
            let config = self.renew(generation).await;
            result = request(config).await.map_err(|error| AwsError::of(call, &self.caller(), &error));
        } else if matches!(&result, Err(error) if error.code.as_deref() == Some("RequestTimeTooSkewed")) {
            // The SDK has learned the clock of AWS from the refusal.
            let (_, config) = self.config();
            result = request(config).await.map_err(|error| AwsError::of(call, &self.caller(), &error));
        }
        tracing::debug!(
            service = call.service,
            operation = call.operation,
            milliseconds = time::milliseconds(started),
            failed = result.as_ref().err().map(|error| error.code.as_deref().unwrap_or("no answer")),
            "call to AWS"
        );
        result
    }

    /// Forgets the credentials of a generation, unless somebody did before, and gives a configuration with new ones.
    async fn renew(&self, generation: u64) -> SdkConfig {
        let (number, config) = self.config();
        if number != generation {
            return config;
        }
        tracing::info!(caller = %self.settings, "credentials expired, asking for new ones");
        let fresh = load(&self.settings, self.max_attempts, &self.base).await;
        let mut current = self.config.write().unwrap_or_else(PoisonError::into_inner);
        if current.number == generation {
            *current = Generation { number: generation + 1, config: fresh };
        }
        current.config.clone()
    }

    /// Who the credentials belong to. Asked once.
    ///
    /// # Errors
    /// When STS does not say.
    pub async fn identity(&self) -> Result<&Identity, AwsError> {
        let call = &calls::sts::GET_CALLER_IDENTITY;
        self.identity
            .get_or_try_init(|| async {
                let answer = self
                    .call(call, |config| async move { aws_sdk_sts::Client::new(&config).get_caller_identity().send().await });
                let answer = answer.await?;
                match (answer.account, answer.arn) {
                    (Some(account_id), Some(arn)) => Ok(Identity { account_id, arn }),
                    _ => Err(AwsError::unusable(call, &self.caller(), "the answer lacks the account")),
                }
            })
            .await
    }
}

/// Watches the tokens of a listing in pages: one that comes twice would never end.
#[derive(Debug, Default)]
pub struct Pages {
    seen: HashSet<String>,
}

impl Pages {
    /// The token for the next page; `None` after the last. An empty token ends the listing, too.
    ///
    /// # Errors
    /// When the token was given before.
    pub fn next(&mut self, session: &Session, call: &'static Call, token: Option<String>) -> Result<Option<String>, AwsError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        if !self.seen.insert(token.clone()) {
            let message = "the listing repeats a page, so it would never end and may not be complete";
            return Err(AwsError::unusable(call, &session.caller(), message));
        }
        Ok(Some(token))
    }
}
