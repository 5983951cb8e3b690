//! The perimeter definition (`perimeter.yaml`): what the organization trusts, expects and accepts for a while.
//!
//! The file has a baseline, which holds for every account, and sections for single accounts and resources, which add to it. Nothing
//! is trusted that the file does not name, except the resources that AWS services own.

pub mod exceptions;
pub mod file;
pub mod merge;
pub mod model;
mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::aws_owned::AwsOwnedResources;
use super::document;
use super::problems::{InvalidFile, Problems};
use crate::pattern::Pattern;
use model::{Exception, Trust};

/// Tag keys that name an owner where the definition gives none.
pub const DEFAULT_OWNER_TAGS: [&str; 2] = ["owner", "team"];

/// A perimeter definition, read and checked.
#[derive(Debug, Clone)]
pub struct Perimeter {
    /// In the order of the file, expired ones included.
    pub exceptions: Vec<Exception>,
    /// The list in force, built-in entries included unless the definition turns them off.
    pub aws_owned_resources: AwsOwnedResources,
    /// Keys of tags that name the owner of a role or resource; the first that is found wins, keys are not case-sensitive.
    pub owner_tags: Vec<String>,
    /// Ids of organizational units (or of the root) by name of the boundary.
    pub organizational_unit_boundaries: BTreeMap<String, Vec<String>>,
    /// Hash of the text of the definition, lower-case hex.
    pub sha256: String,
    baseline: Trust,
    accounts: BTreeMap<String, Trust>,
    resources: Vec<(Pattern, Trust)>,
}

/// Why a perimeter definition cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PerimeterError {
    #[error("cannot read the perimeter definition {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the perimeter definition {} is not UTF-8 text: byte {position} starts no character; save it as UTF-8", path.display())]
    NotText { path: PathBuf, position: usize },
    /// Displayed with every mistake, its line and a caret.
    #[error("{0}")]
    Invalid(#[from] InvalidFile),
}

impl Perimeter {
    /// Reads and checks a file. The error lists every mistake of the file with its line.
    pub fn load(path: &Path) -> Result<Self, PerimeterError> {
        let bytes = std::fs::read(path).map_err(|source| PerimeterError::Read { path: path.to_owned(), source })?;
        let text = String::from_utf8(bytes)
            .map_err(|error| PerimeterError::NotText { path: path.to_owned(), position: error.utf8_error().valid_up_to() })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Checks a text; `name` stands for the file in messages.
    pub fn parse(text: &str, name: &str) -> Result<Self, PerimeterError> {
        let mut problems = Problems::default();
        let root = document::parse(text, &mut problems);
        let mut perimeter = read::perimeter(&root, &mut problems);
        problems.into_result(name, text)?;
        perimeter.sha256 = hash(text);
        Ok(perimeter)
    }

    /// No definition: trusts nothing, and knows the built-in list of AWS-owned resources.
    pub fn empty() -> Self {
        Self {
            exceptions: Vec::new(),
            aws_owned_resources: AwsOwnedResources::built_in(),
            owner_tags: DEFAULT_OWNER_TAGS.map(String::from).to_vec(),
            organizational_unit_boundaries: BTreeMap::new(),
            sha256: hash(""),
            baseline: Trust::default(),
            accounts: BTreeMap::new(),
            resources: Vec::new(),
        }
    }

    /// What an account trusts: the baseline and the section of the account, if there is one.
    pub fn for_account(&self, account_id: &str) -> Trust {
        let mut trust = self.baseline.clone();
        if let Some(section) = self.accounts.get(account_id) {
            trust.add(section);
        }
        trust
    }

    /// The sections of single resources, in the order of the file: pattern on the resource ARN, and what is trusted for it in
    /// addition to the trust of the account.
    pub fn resource_trust(&self) -> &[(Pattern, Trust)] {
        &self.resources
    }

    /// What an account trusts for one resource: as [`Perimeter::for_account`], and every resource section that covers the ARN.
    pub fn for_resource(&self, account_id: &str, resource_arn: &str) -> Trust {
        let mut trust = self.for_account(account_id);
        for (_, section) in self.resources.iter().filter(|(pattern, _)| pattern.matches(resource_arn)) {
            trust.add(section);
        }
        trust
    }

    /// Accounts with a section of their own, sorted.
    pub fn accounts_with_section(&self) -> impl Iterator<Item = &str> {
        self.accounts.keys().map(String::as_str)
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
