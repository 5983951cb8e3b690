//! Named queries: one `.sql` file each, with YAML front matter in the leading block comment.
//!
//! The queries that come with the program are part of the binary; folders of the user are read after them, and a file there
//! that has the name of an earlier query replaces it. A query is chosen by its exact name, by a pattern with `*` and `?`, or by
//! `all`; a name that fits nothing is an error, because a query that silently did not run looks like a query without findings.

pub mod binding;
mod built_in;
pub mod front_matter;
pub mod lint;
mod lint_expressions;
mod lint_inventory;
pub mod parameters;
pub mod reference;
pub mod statement_text;
pub mod test_file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::pattern::Pattern;

pub use binding::{BindError, BoundValue, ParameterValue, PlaceholderStyle, Statement};
pub use front_matter::{FrontMatterError, Over, Parameter, ParameterType, Perimeter, PolicyType, QuerySpec, Scope};
pub use lint::{LintFinding, Steps, lint};
pub use reference::reference_markdown;
pub use test_file::{TestCase, TestFile, TestFileError};

/// Where a query was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Part of the program; the path is relative to the repository.
    BuiltIn(&'static str),
    File(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::BuiltIn(path) => formatter.write_str(path),
            Origin::File(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// Every query that can be run, by name.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    queries: BTreeMap<String, QuerySpec>,
}

/// Why the catalog could not be read, or a selection made.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("cannot read {path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error(transparent)]
    FrontMatter(#[from] FrontMatterError),
    #[error("{first} and {second} both define the query `{name}`: within one folder a name must be unique")]
    Duplicate { name: String, first: String, second: String },
    #[error("there is no query named `{name}`{} (`palisade queries list` shows them all)", did_you_mean(.suggestion.as_deref()))]
    UnknownName { name: String, suggestion: Option<String> },
    #[error("no query has a name that fits the pattern `{pattern}` (`palisade queries list` shows them all)")]
    PatternFitsNothing { pattern: String },
    #[error("no query is selected: give names, patterns with `*`, or `all`")]
    NothingSelected,
}

impl Catalog {
    /// The queries that come with the program.
    pub fn built_in() -> Result<Catalog, CatalogError> {
        let mut catalog = Catalog::default();
        for (path, sql, test) in built_in::BUILT_IN {
            let mut query = QuerySpec::parse(sql, Origin::BuiltIn(path))?;
            query.test = Some((test_path(path), (*test).to_owned()));
            catalog.insert(query, None)?;
        }
        Ok(catalog)
    }

    /// The queries of the program, then those of `folders` in their order. Files are searched recursively and taken in the
    /// order of their paths.
    pub fn load(folders: &[PathBuf]) -> Result<Catalog, CatalogError> {
        let mut catalog = Catalog::built_in()?;
        for folder in folders {
            catalog.add_folder(folder)?;
        }
        Ok(catalog)
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), CatalogError> {
        let mut seen: BTreeMap<String, Origin> = BTreeMap::new();
        for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.map_err(|error| CatalogError::Read {
                path: error.path().unwrap_or(folder).display().to_string(),
                source: error.into(),
            })?;
            let path = entry.path();
            if !entry.file_type().is_file() || path.extension().is_none_or(|extension| extension != "sql") {
                continue;
            }
            let mut query = QuerySpec::parse(&read(path)?, Origin::File(path.to_owned()))?;
            let beside = path.with_extension("test.yaml");
            if beside.is_file() {
                query.test = Some((beside.display().to_string(), read(&beside)?));
            }
            let first = seen.insert(query.name.clone(), query.origin.clone());
            self.insert(query, first)?;
        }
        Ok(())
    }

    /// `first`: the file of the same folder that has already defined the name.
    fn insert(&mut self, mut query: QuerySpec, first: Option<Origin>) -> Result<(), CatalogError> {
        if let Some(first) = first {
            return Err(CatalogError::Duplicate {
                name: query.name.clone(),
                first: first.to_string(),
                second: query.origin.to_string(),
            });
        }
        query.replaces = self.queries.get(&query.name).map(|earlier| earlier.origin.clone());
        self.queries.insert(query.name.clone(), query);
        Ok(())
    }

    /// All queries, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &QuerySpec> {
        self.queries.values()
    }

    pub fn len(&self) -> usize {
        self.queries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// One query by its exact name; the error carries the nearest name.
    pub fn get(&self, name: &str) -> Result<&QuerySpec, CatalogError> {
        self.queries.get(name).ok_or_else(|| CatalogError::UnknownName {
            name: name.to_owned(),
            suggestion: nearest(name, self.queries.keys().map(String::as_str)),
        })
    }

    /// The queries that `names` choose, each once, sorted by name. Every item must choose at least one query.
    pub fn select<S: AsRef<str>>(&self, names: &[S]) -> Result<Vec<&QuerySpec>, CatalogError> {
        let mut chosen: BTreeMap<&str, &QuerySpec> = BTreeMap::new();
        for name in names.iter().map(|name| name.as_ref().trim()) {
            let pattern = Pattern::new(if name == "all" { "*" } else { name });
            if pattern.is_exact() {
                let query = self.get(name).map_err(|error| self.with_pattern(name, error))?;
                chosen.insert(&query.name, query);
                continue;
            }
            let mut fits = self.iter().filter(|query| query.reported && pattern.matches(&query.name)).peekable();
            if fits.peek().is_none() {
                return Err(CatalogError::PatternFitsNothing { pattern: name.to_owned() });
            }
            chosen.extend(fits.map(|query| (query.name.as_str(), query)));
        }
        if chosen.is_empty() {
            return Err(CatalogError::NothingSelected);
        }
        Ok(chosen.into_values().collect())
    }

    /// The queries over events that others of the selection are joined with, and that are not selected themselves.
    pub fn joined_with<'c>(&'c self, selection: &[&QuerySpec]) -> Result<Vec<&'c QuerySpec>, CatalogError> {
        let mut joined: BTreeMap<&str, &QuerySpec> = BTreeMap::new();
        for name in selection.iter().flat_map(|query| &query.activity) {
            if !selection.iter().any(|query| query.name == *name) {
                let query = self.get(name)?;
                joined.insert(&query.name, query);
            }
        }
        Ok(joined.into_values().collect())
    }

    /// A name that is only a part of names gets the pattern that would choose them as suggestion, where no name is near.
    fn with_pattern(&self, name: &str, error: CatalogError) -> CatalogError {
        let is_part = !name.is_empty() && self.queries.keys().any(|query| query.contains(name));
        match error {
            CatalogError::UnknownName { name, suggestion: None } if is_part => {
                let prefix = if self.queries.keys().any(|query| query.starts_with(&name)) { "" } else { "*" };
                CatalogError::UnknownName { suggestion: Some(format!("{prefix}{name}*")), name }
            }
            other => other,
        }
    }
}

fn read(path: &Path) -> Result<String, CatalogError> {
    std::fs::read_to_string(path).map_err(|source| CatalogError::Read { path: path.display().to_string(), source })
}

fn test_path(sql_path: &str) -> String {
    format!("{}.test.yaml", sql_path.strip_suffix(".sql").unwrap_or(sql_path))
}

/// The candidate that `name` is most likely a misspelling of; `None` when none is near.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0).then_with(|| right.1.cmp(left.1)))
        .map(|(_, candidate)| candidate.to_owned())
}

/// The tail of an error message: ``; did you mean `x`?`` or nothing.
pub(crate) fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}
