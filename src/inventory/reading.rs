//! Reads one JSON file of a snapshot into the builder.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::builder::{Builder, PolicyRow};
use super::fact::Seen;
use super::file_name::FileName;
use super::kind::Kind;
use super::model::resource_types;
use super::values::text;
use super::warnings::Origin;
use super::written_rows::{Heading, Row, Table};
use super::{InventoryError, api_rows, config_rows, documents};
use crate::findings::{Added, Source};

/// The version of `snapshot.json` that is understood.
const SCHEMA_VERSION: u64 = 1;

/// One file on its way into the builder.
pub(super) struct Reading<'b> {
    pub(super) builder: &'b mut Builder,
    pub(super) file: usize,
    pub(super) name: FileName,
    pub(super) rows: u64,
    recognised: bool,
    /// What the current document holds besides its lists of rows.
    fields: Map<String, Value>,
    /// The current document had a list of rows.
    had_list: bool,
    /// Its name, for pages that lie in several files.
    last_list: String,
    /// The last document says that there are more pages.
    more_pages: bool,
    unknown_headings: BTreeSet<String>,
    newer_schema: Option<String>,
}

const EXPECTED: &str = "output of aws organizations, configservice, iam, ec2, accessanalyzer or securityhub, a table such as accounts.csv, or snapshot.json";

impl<'b> Reading<'b> {
    pub(super) fn new(builder: &'b mut Builder, name: &str, file: usize) -> Self {
        Reading {
            builder,
            file,
            name: FileName::parse(name),
            rows: 0,
            recognised: false,
            fields: Map::new(),
            had_list: false,
            last_list: String::new(),
            more_pages: false,
            unknown_headings: BTreeSet::new(),
            newer_schema: None,
        }
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.builder.warnings.note(self.file, note);
    }

    pub(super) fn json(mut self, text: &str) -> Result<(), InventoryError> {
        if let Err(error) = documents::read(text, &mut self) {
            let rows = self.rows;
            self.note(format!(
                "is not valid JSON ({error}); the {rows} rows before that place are kept, what follows is missing"
            ));
            self.builder.incomplete.insert(self.file);
            if let Some(resource_type) = self.name.resource_type.clone() {
                self.builder.provide(&resource_type, self.file);
            }
        } else if !self.recognised {
            self.note(format!("is not recognised and is ignored; expected {EXPECTED}"));
        }
        // The next file of the same kind is taken for the next page.
        let pages = format!(
            "{}/{}/{}/{}",
            self.last_list,
            self.name.region.as_deref().unwrap_or_default(),
            self.name.resource_type.as_deref().unwrap_or_default(),
            self.name.parent.as_deref().unwrap_or_default()
        );
        self.builder.open_pages.remove(&pages);
        if self.more_pages {
            self.builder.open_pages.insert(pages, self.file);
        }
        match self.newer_schema {
            Some(found) => Err(InventoryError::SchemaVersion {
                file: self.builder.warnings.file_name(self.file).to_owned(),
                found,
                expected: SCHEMA_VERSION,
            }),
            None => Ok(()),
        }
    }

    /// The file speaks of what the table lists.
    pub(super) fn provide(&mut self, table: Table) {
        self.recognised = true;
        for resource_type in table.types() {
            self.builder.provide(resource_type, self.file);
        }
    }

    /// A list of this kind begins: what does the file speak of?
    fn announce(&mut self, kind: Kind) {
        for resource_type in kind.types(&self.name) {
            self.builder.provide(&resource_type, self.file);
        }
        if let (Kind::Target, Some(policy)) = (kind, &self.name.policy) {
            // Attached to nothing, unless rows follow.
            let seen = Seen { origin: Origin { file: self.file, row: 0 }, captured: None };
            self.builder.policy(policy, PolicyRow { targets: Some(Vec::new()), ..PolicyRow::default() }, seen);
        }
        if let Some(region) = self.name.region.as_deref() {
            match kind {
                Kind::AccessFinding if self.name.lists_findings => self.builder.access.listed(Source::AccessAnalyzer, region),
                Kind::SecurityHubFinding => self.builder.access.listed(Source::SecurityHub, region),
                Kind::Analyzer => self.builder.access.asked_for_analyzers(region),
                _ => {}
            }
        }
        if let Some(needs) = kind.needs_in_name(&self.name) {
            self.note(format!("does not tell by its content what it is about; its name must end with {needs}"));
        }
    }

    fn add(&mut self, kind: Kind, row: Value) {
        self.rows += 1;
        let origin = Origin { file: self.file, row: self.rows };
        let seen = Seen { origin, captured: None };
        let name = &self.name;
        let parent = name.parent.as_deref();
        let builder = &mut *self.builder;
        let result = match kind {
            Kind::Config => config_rows::add(builder, row, name.resource_type.as_deref(), origin),
            Kind::Account => api_rows::account(builder, &row, !name.for_parent, parent, seen),
            Kind::OneAccount => api_rows::account(builder, &row, false, None, seen),
            Kind::Unit => api_rows::unit(builder, &row, parent, seen),
            Kind::Child => match parent {
                Some(parent) => api_rows::child(builder, &row, parent, seen),
                None => Err("its parent is not known".to_owned()),
            },
            Kind::Parent => match (name.child.as_deref(), text(&row, "Id")) {
                (Some(child), Some(parent)) => {
                    builder.parent(child, &parent, seen);
                    Ok(())
                }
                _ => Err("its child is not known".to_owned()),
            },
            Kind::Target => match name.policy.as_deref() {
                Some(policy) => api_rows::target(builder, &row, policy, seen),
                None => Err("its policy is not known".to_owned()),
            },
            // Policies of IAM, which nothing here needs.
            Kind::Policy if row.get("PolicyName").is_some() => Ok(()),
            Kind::Policy => api_rows::policy(builder, &row, seen),
            Kind::VpcEndpoint => api_rows::vpc_endpoint(builder, &row, seen),
            Kind::Vpc => api_rows::vpc(builder, &row, seen),
            Kind::Subnet => api_rows::subnet(builder, &row, seen),
            Kind::Role => api_rows::iam_role(builder, &row, seen),
            Kind::User => api_rows::iam_user(builder, &row, seen),
            Kind::AccessFinding | Kind::Analyzer | Kind::SecurityHubFinding => self.add_finding(kind, &row),
            Kind::Written(table) => self.add_written(table, row, seen),
            Kind::ByContent => {
                let kind = Kind::of_row(&row).or(self.name.table.map(Kind::Written));
                match kind {
                    Some(kind) => {
                        self.rows -= 1;
                        self.recognised = true;
                        return self.add(kind, row);
                    }
                    None => Err(format!("it is not recognised; expected a row of {EXPECTED}")),
                }
            }
        };
        if let Err(why) = result {
            self.builder.warnings.skipped(origin, &why);
        }
    }

    /// What analyzers tell. Rows about something else than external access are left out in silence: nothing here needs them.
    fn add_finding(&mut self, kind: Kind, row: &Value) -> Result<(), String> {
        let region = self.name.region.as_deref();
        let (added, resource_type) = match kind {
            Kind::Analyzer => return self.builder.access.analyzer(row),
            Kind::SecurityHubFinding => (self.builder.access.security_hub(row)?, resource_types::SECURITY_HUB_FINDING),
            _ => (self.builder.access.access_analyzer(row, region)?, resource_types::ACCESS_ANALYZER_FINDING),
        };
        if added == Added::Taken {
            self.builder.provide(resource_type, self.file);
        }
        Ok(())
    }

    fn add_written(&mut self, table: Table, value: Value, seen: Seen) -> Result<(), String> {
        let Value::Object(object) = value else { return Err("it is not an object".to_owned()) };
        self.provide(table);
        let mut row = Row::default();
        for (name, value) in object {
            let heading = table.column(&name);
            if heading == Heading::Unknown {
                if self.unknown_headings.insert(name.clone()) {
                    self.note(table.unknown_heading(&name));
                }
                continue;
            }
            row.set(&heading, value);
        }
        table.add(self.builder, &row, seen)
    }

    /// A document without a list of rows: one thing, or the snapshot's own facts.
    fn document(&mut self, fields: Map<String, Value>) {
        let origin = Origin { file: self.file, row: 1 };
        let seen = Seen { origin, captured: None };
        for (key, kind) in Kind::SINGLE {
            if let Some(row) = fields.get(key).filter(|row| row.is_object()) {
                self.recognised = true;
                return self.add(kind, row.clone());
            }
        }
        if let Some(organization) = fields.get("Organization").filter(|row| row.is_object()) {
            self.recognised = true;
            if let Err(why) = api_rows::organization(self.builder, organization, seen) {
                self.builder.warnings.skipped(origin, &why);
            }
            return;
        }
        let is_snapshot = self.name.table.is_none()
            && ["organization_id", "management_account_id", "taken_at"].iter().any(|key| fields.contains_key(*key));
        let row = Value::Object(fields);
        if is_snapshot {
            self.recognised = true;
            self.snapshot(&row, seen);
        } else if let Some(kind) = Kind::of_row(&row).or(self.name.table.map(Kind::Written)) {
            self.recognised = true;
            self.add(kind, row);
        }
    }

    /// `snapshot.json`.
    fn snapshot(&mut self, row: &Value, seen: Seen) {
        let version = row.get("schema_version");
        if let Some(version) = version.filter(|version| version.as_u64() != Some(SCHEMA_VERSION)) {
            self.newer_schema = Some(version.to_string());
            return;
        }
        let management = match row.get("management_account_id").filter(|id| !id.is_null()) {
            Some(id) => self.builder.account_id(id, seen.origin).map(Some),
            None => Ok(None),
        };
        let management = management.unwrap_or_else(|why| {
            self.builder.warnings.flawed(seen.origin, &why);
            None
        });
        let taken_at = match text(row, "taken_at").map(|taken_at| taken_at.parse::<jiff::Timestamp>().map_err(|_| taken_at)) {
            Some(Ok(time)) => Some(time.to_string()),
            Some(Err(written)) => {
                let why = format!("taken_at {written:?} is not a time such as 2026-11-01T00:00:00Z");
                self.builder.warnings.flawed(seen.origin, &why);
                None
            }
            None => None,
        };
        self.builder.organization(text(row, "organization_id"), management, taken_at, seen);
        for (resource_type, of_type) in row.get("types").and_then(Value::as_object).into_iter().flatten() {
            self.declared(resource_type, of_type);
        }
    }

    /// What `snapshot.json` says of a type: whoever collected it knows what did not come.
    fn declared(&mut self, resource_type: &str, of_type: &Value) {
        let says = |key: &str| of_type.get(key).and_then(Value::as_bool);
        if says("complete") != Some(false) {
            return;
        }
        self.builder.lacking.insert(resource_type.to_owned());
        let why: Vec<&str> =
            of_type.get("why").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let state = if says("provided") == Some(false) { "was not collected" } else { "is incomplete" };
        let why = if why.is_empty() { "no reason is given".to_owned() } else { why.join("; ") };
        self.note(format!("says that {resource_type} {state}: {why}"));
    }
}

impl documents::Sink for Reading<'_> {
    fn wants_rows(&self, list: &str) -> bool {
        Kind::of_list(list).is_some()
    }

    fn list(&mut self, list: &str) {
        if let Some(kind) = Kind::of_list(list) {
            self.had_list = true;
            list.clone_into(&mut self.last_list);
            // A bare list is recognised by its rows or by the name of the file.
            self.recognised |= kind != Kind::ByContent || self.name.table.is_some();
            self.announce(kind);
        }
    }

    fn row(&mut self, list: &str, row: Value) {
        if let Some(kind) = Kind::of_list(list) {
            self.add(kind, row);
        }
    }

    fn field(&mut self, key: String, value: Value) {
        self.fields.insert(key, value);
    }

    fn end(&mut self) {
        let fields = std::mem::take(&mut self.fields);
        let token = fields.get("NextToken").or_else(|| fields.get("nextToken")).or_else(|| fields.get("Marker"));
        // Further pages of one finding's details make that finding incomplete, not the list.
        self.more_pages = token.is_some_and(|token| !token.is_null()) && !fields.contains_key("findingDetails");
        let left_out = ["UnprocessedResourceIdentifiers", "unprocessedResourceIdentifiers"]
            .iter()
            .filter_map(|key| fields.get(*key).and_then(Value::as_array))
            .map(Vec::len)
            .sum::<usize>();
        if left_out > 0 {
            self.note(format!("tells that {left_out} resources were not processed; ask for them again"));
            self.builder.incomplete.insert(self.file);
        }
        if !std::mem::take(&mut self.had_list) {
            self.document(fields);
        }
    }
}
