//! The REST protocol of Trino: a statement is posted, and its answer is asked for page by page.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;

use super::interrupt::Ticket;
use crate::catalog::BoundValue;
use crate::engine::sources::SourceError;

/// Attempts at a request that a proxy or a busy coordinator refuses for the moment.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A coordinator answers within a second or so, with an empty page if it has nothing yet.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    None,
    Password(String),
    /// A JSON web token.
    Token(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Credential::None => "None",
            Credential::Password(_) => "Password(hidden)",
            Credential::Token(_) => "Token(hidden)",
        })
    }
}

/// Where a cluster is, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Such as `https://trino.example.com:8443`.
    pub url: String,
    pub user: String,
    pub credential: Credential,
    /// Catalog and schema of tables that are named without.
    pub catalog: String,
    pub schema: String,
    /// A file of certificates in PEM that sign the cluster's, beside those of the system.
    pub ca_file: Option<PathBuf>,
}

/// Why a cluster did not answer. No message has a password or token in it.
#[derive(Debug, thiserror::Error)]
pub enum TrinoError {
    #[error("`{url}` is no address of a server: {reason}")]
    Url { url: String, reason: String },
    #[error("a password or token is not sent to {host} unencrypted: use https")]
    Unencrypted { host: String },
    #[error("cannot read the certificates in {}: {reason}", path.display())]
    Certificates { path: PathBuf, reason: String },
    #[error(
        "no connection over TLS can be made ({0}); if this machine has no certificates of authorities, install them (ca-certificates), or \
         name a file with those of the cluster with `ca_file` in the section `trino` of the settings"
    )]
    Client(String),
    #[error("the certificate of {url} is not accepted ({reason}); {help}")]
    Certificate { url: String, reason: String, help: String },
    #[error("`{name}` is no table name; write `table`, `schema.table` or `catalog.schema.table`")]
    TableName { name: String },
    #[error("there is no table {name}, or {name} may not be seen by this user")]
    NoTable { name: String },
    #[error("{url} does not answer: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("the server does not accept user `{user}` ({status}): check the user, and the password or token")]
    NotAuthenticated { user: String, status: u16 },
    #[error("the server answered {status} instead of a page of results: {body}")]
    Answer { status: u16, body: String },
    #[error("the server's answer is not of its protocol: {0}")]
    Protocol(String),
    #[error(
        "the server refers to {next}, which is not where it was asked ({asked}); behind a proxy set \
         http-server.process-forwarded=true on the coordinator"
    )]
    OtherServer { next: String, asked: String },
    #[error("query {id} failed: {}{message} ({name})", position(.at))]
    Query {
        id: String,
        name: String,
        message: String,
        /// Line and column in the statement.
        at: Option<(u64, u64)>,
    },
    #[error(transparent)]
    Source(SourceError),
}

impl TrinoError {
    /// The same, with its line counted from where the user's own text begins: `before` lines were put in front of it.
    pub(super) fn in_own_text(self, before: usize) -> Self {
        match self {
            TrinoError::Query { id, name, message, at: Some((line, column)) } => {
                let own = line.checked_sub(u64::try_from(before).unwrap_or(u64::MAX)).filter(|line| *line > 0);
                TrinoError::Query { id, name, message, at: own.map(|line| (line, column)) }
            }
            other => other,
        }
    }
}

/// The message without the place that Trino puts before it: it has a field of its own.
fn without_place(message: String) -> String {
    let rest = message.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
    match rest {
        Some((place, rest)) if place.chars().all(|c| c.is_ascii_digit() || c == ':') => rest.to_owned(),
        _ => message,
    }
}

fn position(at: &Option<(u64, u64)>) -> String {
    at.map(|(line, column)| format!("line {line}, column {column} of the statement: ")).unwrap_or_default()
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResultColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    id: String,
    next_uri: Option<String>,
    columns: Option<Vec<ResultColumn>>,
    data: Option<Vec<Vec<Value>>>,
    error: Option<QueryError>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryError {
    message: String,
    #[serde(default)]
    error_name: String,
    error_location: Option<ErrorLocation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorLocation {
    line_number: u64,
    column_number: u64,
}

/// A connection to a cluster.
#[derive(Debug, Clone)]
pub struct Client {
    connection: Connection,
    base: Url,
    http: reqwest::Client,
}

impl Client {
    pub fn new(connection: Connection) -> Result<Self, TrinoError> {
        let wrong = |reason: String| TrinoError::Url { url: connection.url.clone(), reason };
        let base = Url::parse(&connection.url).map_err(|error| wrong(error.to_string()))?;
        let host = base.host_str().ok_or_else(|| wrong("it names no host".to_owned()))?.to_owned();
        match base.scheme() {
            "https" => {}
            "http" if connection.credential == Credential::None || is_loopback(&host) => {}
            "http" => return Err(TrinoError::Unencrypted { host }),
            other => return Err(wrong(format!("it begins with `{other}:` instead of `https:`"))),
        }
        if !base.username().is_empty() || base.password().is_some() {
            // An address is shown in messages; a password is not.
            return Err(TrinoError::Url {
                url: format!("{}://…@{host}", base.scheme()),
                reason: "it holds a user or password; they have settings of their own".to_owned(),
            });
        }
        let http = http_client(&connection)?;
        Ok(Client { connection, base, http })
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Posts a statement with its values. The answer is not waited for.
    pub async fn start(&self, sql: &str, values: &[BoundValue]) -> Result<Query<'_>, TrinoError> {
        let url = self.base.join("v1/statement").map_err(|error| TrinoError::Protocol(error.to_string()))?;
        let body = with_values(sql, values);
        let page = self.page(&url, || self.request(Method::POST, url.clone()).body(body.clone())).await?;
        let mut query =
            Query { client: self, id: page.id.clone(), columns: None, next: None, waiting: None, ticket: Ticket::new() };
        query.take(page)?;
        Ok(query)
    }

    /// All rows of a small answer, each value as text.
    pub async fn rows_of_text(&self, sql: &str, values: &[BoundValue]) -> Result<Vec<Vec<Option<String>>>, TrinoError> {
        let mut query = self.start(sql, values).await?;
        let mut rows = Vec::new();
        while let Some(page) = query.next_rows().await? {
            rows.extend(page.into_iter().map(|row| row.into_iter().map(text_of).collect()));
        }
        Ok(rows)
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let connection = &self.connection;
        let request = self
            .http
            .request(method, url)
            .header("X-Trino-User", &connection.user)
            .header("X-Trino-Source", "palisade")
            .header("X-Trino-Catalog", &connection.catalog)
            .header("X-Trino-Schema", &connection.schema)
            .header("X-Trino-Time-Zone", "UTC");
        match &connection.credential {
            Credential::None => request,
            Credential::Password(password) => request.basic_auth(&connection.user, Some(password)),
            Credential::Token(token) => request.bearer_auth(token),
        }
    }

    /// Sends a request until it is answered, and reads the page.
    async fn page(&self, url: &Url, request: impl Fn() -> RequestBuilder) -> Result<Page, TrinoError> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let refused = match request().send().await {
                Ok(response) => {
                    let status = response.status();
                    let busy = [
                        StatusCode::BAD_GATEWAY,
                        StatusCode::SERVICE_UNAVAILABLE,
                        StatusCode::GATEWAY_TIMEOUT,
                        StatusCode::TOO_MANY_REQUESTS,
                    ];
                    match response.text().await {
                        Ok(body) if status.is_success() => {
                            return serde_json::from_str(&body).map_err(|error| TrinoError::Protocol(error.to_string()));
                        }
                        _ if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN => {
                            let user = self.connection.user.clone();
                            return Err(TrinoError::NotAuthenticated { user, status: status.as_u16() });
                        }
                        Ok(body) => {
                            let body = body.chars().take(300).collect();
                            let error = TrinoError::Answer { status: status.as_u16(), body };
                            if !busy.contains(&status) {
                                return Err(error);
                            }
                            error
                        }
                        Err(error) => self.unreachable(url, &error),
                    }
                }
                Err(error) if error.is_builder() => return Err(self.unreachable(url, &error)),
                Err(error) => self.unreachable(url, &error),
            };
            // It will be the same the next time.
            if matches!(refused, TrinoError::Certificate { .. }) {
                return Err(refused);
            }
            // A statement that was posted may have started although nothing came back: only pages are asked for again then.
            let may_have_started = url.path().ends_with("v1/statement") && matches!(refused, TrinoError::Unreachable { .. });
            if attempt >= ATTEMPTS || may_have_started {
                return Err(refused);
            }
            tracing::debug!(attempt, error = %refused, "a request to Trino is repeated");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt += 1;
        }
    }

    fn unreachable(&self, url: &Url, error: &reqwest::Error) -> TrinoError {
        let url = url.origin().ascii_serialization();
        let mut reason = innermost(error);
        if let Some(of_certificate) = reason.strip_prefix("invalid peer certificate: ") {
            let help = certificate_help(of_certificate, self.connection.ca_file.as_deref());
            return TrinoError::Certificate { url, reason: of_certificate.to_owned(), help };
        }
        if reason.is_empty() {
            reason = if error.is_timeout() { "it took too long".to_owned() } else { "the connection failed".to_owned() };
        }
        TrinoError::Unreachable { url, reason }
    }
}

/// What lies at the bottom of an error; empty if nothing does.
fn innermost(error: &reqwest::Error) -> String {
    let mut reason = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        reason = error.to_string();
        cause = error.source();
    }
    reason
}

/// What to do about a certificate that is not accepted. The reasons are those of rustls.
fn certificate_help(reason: &str, ca_file: Option<&Path>) -> String {
    let lower = reason.to_ascii_lowercase();
    if lower.contains("expired") || lower.contains("notvalidyet") || lower.contains("not valid yet") {
        return "renew it, or check the clock of this machine".to_owned();
    }
    if lower.contains("not valid for") {
        return "name the server in `url` as its certificate does".to_owned();
    }
    if lower.contains("causedasendentity") {
        return "it is that of an authority, which no server may show: give the server one of its own that the authority signed".to_owned();
    }
    match ca_file {
        Some(path) => format!(
            "neither the system nor {} knows who signed it: put the certificate of that authority, in PEM, into the file",
            path.display()
        ),
        None => "the system does not know who signed it: name a file with the certificate of that authority, in PEM, with `ca_file` in \
                 the section `trino` of the settings"
            .to_owned(),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn http_client(connection: &Connection) -> Result<reqwest::Client, TrinoError> {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        // An error means that somebody installed one before, which will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("palisade/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(15))
        .timeout(ANSWER_TIMEOUT);
    if let Some(path) = &connection.ca_file {
        let wrong = |reason: String| TrinoError::Certificates { path: path.clone(), reason };
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
        if certificates.is_empty() {
            return Err(wrong("it holds no certificate in PEM".to_owned()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    if connection.url.starts_with("http://") {
        // Nothing is encrypted, so a machine without certificates will do.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| TrinoError::Client(innermost(&error)))
}

/// A literal of the engine. Inside `'…'` nothing but the quote has a meaning.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The statement as it is posted: with its values beside it, never inside.
fn with_values(sql: &str, values: &[BoundValue]) -> String {
    if values.is_empty() {
        return sql.to_owned();
    }
    let values: Vec<String> = values
        .iter()
        .map(|value| match value {
            BoundValue::Text(text) => literal(text),
            BoundValue::Null => "NULL".to_owned(),
        })
        .collect();
    format!("EXECUTE IMMEDIATE {} USING {}", literal(sql), values.join(", "))
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// A statement that runs. Dropped before its end, it is cancelled on the server.
#[derive(Debug)]
pub struct Query<'a> {
    client: &'a Client,
    id: String,
    columns: Option<Vec<ResultColumn>>,
    next: Option<Url>,
    /// Rows that came with a page and were not handed out yet.
    waiting: Option<Vec<Vec<Value>>>,
    ticket: Ticket,
}

impl Query<'_> {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The columns, once a page has told them.
    pub fn columns(&self) -> Option<&[ResultColumn]> {
        self.columns.as_deref()
    }

    /// The rows of the next page; some pages have none. `None` at the end.
    pub async fn next_rows(&mut self) -> Result<Option<Vec<Vec<Value>>>, TrinoError> {
        loop {
            if let Some(rows) = self.waiting.take() {
                return Ok(Some(rows));
            }
            let Some(url) = self.next.clone() else { return Ok(None) };
            let page = self.client.page(&url, || self.client.request(Method::GET, url.clone())).await?;
            self.take(page)?;
        }
    }

    fn take(&mut self, page: Page) -> Result<(), TrinoError> {
        self.next = None;
        if let Some(error) = page.error {
            return Err(TrinoError::Query {
                id: page.id,
                name: error.error_name,
                message: without_place(error.message),
                at: error.error_location.map(|at| (at.line_number, at.column_number)),
            });
        }
        if let Some(next) = page.next_uri {
            let url = Url::parse(&next).map_err(|error| TrinoError::Protocol(format!("nextUri {next}: {error}")))?;
            let base = &self.client.base;
            if url.origin() != base.origin() && self.client.connection.credential != Credential::None {
                // Credentials go nowhere else.
                let (next, asked) = (url.origin().ascii_serialization(), base.origin().ascii_serialization());
                return Err(TrinoError::OtherServer { next, asked });
            }
            self.next = Some(url);
        }
        self.ticket.goes_on(&self.client.connection, self.next.as_ref());
        self.columns = page.columns.or(self.columns.take());
        self.waiting = page.data;
        Ok(())
    }
}

impl Drop for Query<'_> {
    /// Cancels on a thread of its own: the one that drops may be about to end, and must not leave the cluster working for nobody.
    fn drop(&mut self) {
        let Some(url) = self.next.take() else { return };
        let connection = self.client.connection.clone();
        let cancel = move || {
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
                runtime.block_on(cancel(connection, url));
            }
        };
        let _ = std::thread::spawn(cancel).join();
    }
}

/// Asks the server to give a statement up. It does so by itself, after minutes, if this fails.
pub(super) async fn cancel(connection: Connection, url: Url) {
    let Ok(client) = Client::new(connection) else { return };
    let request = client.request(Method::DELETE, url).timeout(Duration::from_secs(3));
    let _ = request.send().await;
}
