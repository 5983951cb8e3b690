//! The section `trino` of the settings: where the cluster is, as whom to ask, and which tables hold CloudTrail.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::aws::{number, text};
use crate::config::document::{self, Node, Value};
use crate::config::problems::Problems;
use crate::engine::trino::client::{Connection, Credential};

/// How the section is written. Passwords and tokens are never part of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrinoSection {
    /// Address of the coordinator, such as `https://trino.example.com:8443`.
    pub url: Option<String>,
    /// Default: the environment variable USER, else palisade.
    pub user: Option<String>,
    /// Catalog of tables that are named without one. Default: hive.
    pub catalog: Option<String>,
    /// Schema of tables that are named without one. Default: default.
    pub schema: Option<String>,
    /// The table of CloudTrail.
    pub table: Option<String>,
    /// Several tables that together hold CloudTrail, such as one of management and one of data events.
    pub tables: Option<Vec<String>>,
    /// Environment variable with the password of the user. Default: PALISADE_TRINO_PASSWORD.
    pub password_variable: Option<String>,
    /// Environment variable with a JSON web token, which takes the place of a password. Default: PALISADE_TRINO_TOKEN.
    pub token_variable: Option<String>,
    /// File with the token instead, read at each start; relative to this file.
    pub token_file: Option<String>,
    /// Certificates in PEM that sign the cluster's, beside those of the system; relative to this file.
    pub ca_file: Option<String>,
    /// Statements that run at the same time, 1 to 50. Default: 2.
    pub concurrency: Option<u64>,
}

/// Statements that run at the same time where no setting says otherwise.
pub const DEFAULT_CONCURRENCY: u16 = 2;
/// Where a password is where no setting says otherwise.
pub const PASSWORD_VARIABLE: &str = "PALISADE_TRINO_PASSWORD";
/// Where a token is where no setting says otherwise.
pub const TOKEN_VARIABLE: &str = "PALISADE_TRINO_TOKEN";

/// The section, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrinoSettings {
    pub url: Option<String>,
    pub user: Option<String>,
    pub catalog: String,
    pub schema: String,
    pub tables: Vec<String>,
    pub password_variable: String,
    pub token_variable: String,
    pub token_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub concurrency: u16,
}

impl Default for TrinoSettings {
    fn default() -> Self {
        TrinoSettings {
            url: None,
            user: None,
            catalog: "hive".to_owned(),
            schema: "default".to_owned(),
            tables: Vec::new(),
            password_variable: PASSWORD_VARIABLE.to_owned(),
            token_variable: TOKEN_VARIABLE.to_owned(),
            token_file: None,
            ca_file: None,
            concurrency: DEFAULT_CONCURRENCY,
        }
    }
}

/// Why there is no connection to be made of the settings.
#[derive(Debug, thiserror::Error)]
pub enum TrinoSettingsError {
    #[error("`trino.{0}` is missing in the settings file: engine `trino` needs it")]
    Missing(&'static str),
    #[error("cannot read the token in {}: {source}", path.display())]
    Token { path: PathBuf, source: std::io::Error },
}

impl TrinoSettings {
    /// Reads the section. Mistakes are reported; what they concern keeps its default. `base` is the folder of the settings file.
    pub fn read(node: &Node, base: Option<&Path>, problems: &mut Problems) -> Self {
        let fields = document::fields::<TrinoSection>(node, "the section `trino`", problems);
        let default = TrinoSettings::default();
        let mut tables = names(fields.get("tables"), problems);
        if let Some(table) = text(fields.get("table"), "the name of a table", problems) {
            if let (false, Some(node)) = (tables.is_empty(), fields.get("tables")) {
                problems.report_with_help(node.at, "`table` and `tables` are both given", "put all names into `tables`");
            }
            tables = vec![table];
        }
        let url = text(fields.get("url"), "the address of a coordinator", problems);
        if let (Some(url), Some(node)) = (&url, fields.get("url"))
            && !(url.starts_with("https://") || url.starts_with("http://"))
        {
            problems.report_with_help(
                node.at,
                format!("`{url}` is no address of a server"),
                "expected one such as `https://trino.example.com:8443`",
            );
        }
        let mut path = |name: &str| {
            let path = PathBuf::from(text(fields.get(name), "a path", problems)?);
            Some(base.map_or_else(|| path.clone(), |base| base.join(&path)))
        };
        let (token_file, ca_file) = (path("token_file"), path("ca_file"));
        TrinoSettings {
            url,
            user: text(fields.get("user"), "the name of a user", problems),
            catalog: text(fields.get("catalog"), "the name of a catalog", problems).unwrap_or(default.catalog),
            schema: text(fields.get("schema"), "the name of a schema", problems).unwrap_or(default.schema),
            tables,
            password_variable: text(fields.get("password_variable"), "the name of an environment variable", problems)
                .unwrap_or(default.password_variable),
            token_variable: text(fields.get("token_variable"), "the name of an environment variable", problems)
                .unwrap_or(default.token_variable),
            token_file,
            ca_file,
            concurrency: number(fields.get("concurrency"), 1..=50, "statements at the same time", problems)
                .and_then(|number| u16::try_from(number).ok())
                .unwrap_or(default.concurrency),
        }
    }

    /// The section on one line: what differs from the defaults.
    pub fn show(&self) -> String {
        let default = TrinoSettings::default();
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let differs = |value: &String, default: &String| (value != default).then(|| value.clone());
        let parts: Vec<String> = [
            ("url", self.url.clone()),
            ("user", self.user.clone()),
            ("catalog", differs(&self.catalog, &default.catalog)),
            ("schema", differs(&self.schema, &default.schema)),
            ("tables", (!self.tables.is_empty()).then(|| format!("[{}]", self.tables.join(", ")))),
            ("password_variable", differs(&self.password_variable, &default.password_variable)),
            ("token_variable", differs(&self.token_variable, &default.token_variable)),
            ("token_file", path(&self.token_file)),
            ("ca_file", path(&self.ca_file)),
            ("concurrency", (self.concurrency != default.concurrency).then(|| self.concurrency.to_string())),
        ]
        .into_iter()
        .filter_map(|(key, value)| value.map(|value| format!("{key}: {value}")))
        .collect();
        if parts.is_empty() { "none".to_owned() } else { format!("{{{}}}", parts.join(", ")) }
    }

    /// The connection that the settings describe. `environment` reads one variable.
    pub fn connection(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<Connection, TrinoSettingsError> {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let token = match &self.token_file {
            Some(path) => {
                let read = std::fs::read_to_string(path);
                let token = read.map_err(|source| TrinoSettingsError::Token { path: path.clone(), source })?;
                Some(token.trim().to_owned()).filter(|token| !token.is_empty())
            }
            None => variable(&self.token_variable),
        };
        let credential = match (token, variable(&self.password_variable)) {
            (Some(token), _) => Credential::Token(token),
            (None, Some(password)) => Credential::Password(password),
            (None, None) => Credential::None,
        };
        if self.tables.is_empty() {
            return Err(TrinoSettingsError::Missing("table"));
        }
        Ok(Connection {
            url: self.url.clone().ok_or(TrinoSettingsError::Missing("url"))?,
            user: self.user.clone().or_else(|| variable("USER")).unwrap_or_else(|| "palisade".to_owned()),
            credential,
            catalog: self.catalog.clone(),
            schema: self.schema.clone(),
            ca_file: self.ca_file.clone(),
        })
    }
}

fn names(node: Option<&Node>, problems: &mut Problems) -> Vec<String> {
    let node = node.filter(|node| node.value != Value::Null);
    let items = document::items(node, "tables", problems);
    items.iter().filter_map(|item| document::text(item, "a name", problems)).map(|name| name.trim().to_owned()).collect()
}
