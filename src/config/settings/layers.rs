//! One layer over the other: flag, environment, file, default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::athena::AthenaSettings;
use super::aws::AwsSettings;
use super::file::{SECTIONS, SettingsFile};
use super::trino::TrinoSettings;
use super::value::{self, Accounts, EngineName, Format};
use super::{
    DEFAULT_INVENTORY_MAX_AGE, DEFAULT_MEMORY_LIMIT, DEFAULT_OUTPUT, FileText, INVENTORY_FROM_AWS, Origin, Settings,
    SettingsError,
};
use crate::config::document::{self, Node, Value};
use crate::config::environment;
use crate::config::problems::{At, Problems};
use crate::config::values::{self, Wrong};
use crate::engine::sources::TableLayout;

/// What the command line says, by name of the setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    given: BTreeMap<&'static str, Vec<String>>,
}

impl Flags {
    /// A flag with a list: says something when at least one value was given.
    pub fn list<T: ToString>(mut self, name: &'static str, values: &[T]) -> Self {
        if !values.is_empty() {
            self.given.insert(name, values.iter().map(ToString::to_string).collect());
        }
        self
    }

    /// A flag with one value.
    pub fn one<T: ToString>(mut self, name: &'static str, value: Option<T>) -> Self {
        if let Some(value) = value {
            self.given.insert(name, vec![value.to_string()]);
        }
        self
    }
}

/// One layer: what it gives for each setting, as text.
struct Layer {
    given: BTreeMap<&'static str, Given>,
    /// Folder that relative paths start from; `None` leaves them as they are.
    base: Option<PathBuf>,
    mistakes: Vec<Mistake>,
}

struct Given {
    values: Vec<(String, Option<At>)>,
    origin: Origin,
}

struct Mistake {
    origin: Origin,
    at: Option<At>,
    wrong: Wrong,
}

/// A value and who set it.
type Set<T> = Option<(T, Origin)>;

impl Layer {
    fn list<T: PartialEq>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, Wrong>) -> Set<Vec<T>> {
        let given = self.given.get(name)?;
        let mut parsed = Vec::new();
        for (text, at) in &given.values {
            match parse(text) {
                Ok(value) if parsed.contains(&value) => {}
                Ok(value) => parsed.push(value),
                Err(wrong) => self.mistakes.push(Mistake { origin: given.origin.clone(), at: *at, wrong }),
            }
        }
        Some((parsed, given.origin.clone()))
    }

    fn one<T: PartialEq>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, Wrong>) -> Set<T> {
        if let Some(given) = self.given.get(name)
            && let Some((text, at)) = given.values.get(1)
        {
            let wrong = Wrong::new(format!("a second value `{text}` for `{name}`, expected one"));
            self.mistakes.push(Mistake { origin: given.origin.clone(), at: *at, wrong });
        }
        let (values, origin) = self.list(name, parse)?;
        values.into_iter().next().map(|value| (value, origin))
    }

    fn paths(&mut self, name: &str) -> Set<Vec<PathBuf>> {
        let base = self.base.clone();
        self.list(name, |text| Ok(PathBuf::from(located(text, base.as_deref())?)))
    }

    fn path(&mut self, name: &str) -> Set<PathBuf> {
        let base = self.base.clone();
        self.one(name, |text| Ok(PathBuf::from(located(text, base.as_deref())?)))
    }

    /// A folder, or the word that stands for AWS.
    fn inventory(&mut self) -> Set<PathBuf> {
        let base = self.base.clone();
        self.one("inventory", |text| {
            let base = base.as_deref().filter(|_| text != INVENTORY_FROM_AWS);
            Ok(PathBuf::from(located(text, base)?))
        })
    }

    fn accounts(&mut self) -> Set<Accounts> {
        let given = self.given.get("accounts")?;
        if given.values.iter().any(|(text, _)| text == "all") {
            if given.values.len() > 1 {
                let wrong = Wrong::with_help("`all` stands beside other accounts", "write `all`, or list the accounts");
                self.mistakes.push(Mistake { origin: given.origin.clone(), at: given.values.first().and_then(|v| v.1), wrong });
            }
            return Some((Accounts::All, given.origin.clone()));
        }
        self.list("accounts", values::account_id).map(|(ids, origin)| (Accounts::Listed(ids), origin))
    }
}

/// A path or glob of the settings file, seen from the working directory.
fn located(text: &str, base: Option<&Path>) -> Result<String, Wrong> {
    let Some(base) = base.filter(|base| !base.as_os_str().is_empty()) else { return Ok(text.to_owned()) };
    if text == "-" || text.contains("://") || Path::new(text).is_absolute() {
        return Ok(text.to_owned());
    }
    if text == "~" || text.starts_with("~/") {
        return Err(Wrong::with_help(format!("`{text}` is not a path: only shells know `~`"), "write the whole path"));
    }
    let base = base.display().to_string();
    // The folder of the file is a name, whatever characters it has; what the user wrote may be a glob.
    let base = if text.contains(['*', '?', '[']) { glob::Pattern::escape(&base) } else { base };
    Ok(Path::new(&base).join(text).display().to_string())
}

/// Everything that a layer can say, typed.
struct Partial {
    events: Set<Vec<String>>,
    inventory: Set<PathBuf>,
    inventory_types: Set<Vec<String>>,
    inventory_max_age: Set<jiff::SignedDuration>,
    aggregator: Set<String>,
    external_access_findings: Set<crate::inventory::aws::FindingsSource>,
    perimeter: Set<PathBuf>,
    service_facts: Set<PathBuf>,
    accounts: Set<Accounts>,
    queries: Set<Vec<String>>,
    query_folders: Set<Vec<PathBuf>>,
    from: Set<jiff::civil::Date>,
    to: Set<jiff::civil::Date>,
    formats: Set<Vec<Format>>,
    output: Set<PathBuf>,
    title: Set<String>,
    max_rows: Set<Option<u64>>,
    threads: Set<Option<std::num::NonZeroUsize>>,
    memory_limit: Set<u64>,
    sample_records: Set<bool>,
    engine: Set<EngineName>,
    table_layouts: Set<Vec<TableLayout>>,
    activity_store: Set<PathBuf>,
    activity_prefix_depth: Set<u8>,
    fail_on: Set<Vec<crate::report::model::Verdict>>,
    quiet: Set<u8>,
    verbose: Set<u8>,
    max_scan: Set<Option<u64>>,
}

impl Partial {
    fn of(layer: &mut Layer, now: Timestamp) -> Self {
        let today = value::day_of(now);
        let base = layer.base.clone();
        Self {
            events: layer.list("events", |text| match &base {
                // Everything of YAML is text here, so that a path that was meant would read the same.
                Some(_) if text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok() => Err(Wrong::with_help(
                    format!("`{text}` is not a path: `events` lists files, folders or patterns, such as `[logs]`"),
                    format!("write `./{text}` for a folder of this name"),
                )),
                _ => located(text, base.as_deref()),
            }),
            inventory: layer.inventory(),
            inventory_types: layer.list("inventory_types", value::resource_type),
            inventory_max_age: layer.one("inventory_max_age", value::age),
            aggregator: layer.one("aggregator", |text| Ok(text.to_owned())),
            external_access_findings: layer.one("external_access_findings", value::findings_source),
            perimeter: layer.path("perimeter"),
            service_facts: layer.path("service_facts"),
            accounts: layer.accounts(),
            queries: layer.list("queries", |text| Ok(text.to_owned())),
            query_folders: layer.paths("query_folders"),
            from: layer.one("from", |text| value::day(text, today)),
            to: layer.one("to", |text| value::day(text, today)),
            formats: layer.list("formats", value::format),
            output: layer.path("output"),
            title: layer.one("title", |text| Ok(text.to_owned())),
            max_rows: layer.one("max_rows", value::max_rows),
            threads: layer.one("threads", value::threads),
            memory_limit: layer.one("memory_limit", value::bytes),
            sample_records: layer.one("sample_records", value::switch),
            engine: layer.one("engine", value::engine),
            table_layouts: layer.list("table_layouts", value::table_layout),
            activity_store: layer.path("activity_store"),
            activity_prefix_depth: layer.one("activity_prefix_depth", value::prefix_depth),
            fail_on: layer.list("fail_on", value::verdict),
            quiet: layer.one("quiet", value::count),
            verbose: layer.one("verbose", value::count),
            max_scan: layer.one("max_scan", value::max_scan),
        }
    }
}

pub(super) fn resolve(
    flags: &Flags,
    environment: &dyn Fn(&str) -> Option<String>,
    file: Option<&FileText>,
    clock: Timestamp,
) -> Result<Settings, SettingsError> {
    let mut problems = Problems::default();
    let (mut file_layer, sections) = match file {
        Some(file) => file_layer(file, &mut problems),
        None => (Layer { given: BTreeMap::new(), base: None, mistakes: Vec::new() }, Sections::default()),
    };
    let mut environment_layer = environment_layer(environment);
    let mut flag_layer = flag_layer(flags);

    // First of all what counts as now: relative days depend on it.
    let mut origins = BTreeMap::new();
    let mut pick = Pick { origins: &mut origins };
    let today = [&mut flag_layer, &mut environment_layer, &mut file_layer].map(|layer| layer.one("today", value::moment));
    let now = pick.first("today", today).unwrap_or(clock);
    let [from_flags, from_environment, from_file] =
        [&mut flag_layer, &mut environment_layer, &mut file_layer].map(|layer| Partial::of(layer, now));

    if let Some(file) = file {
        for mistake in file_layer.mistakes {
            let at = mistake.at.unwrap_or(At { line: 1, column: 1, length: 1 });
            match mistake.wrong.help {
                Some(help) => problems.report_with_help(at, mistake.wrong.message, help),
                None => problems.report(at, mistake.wrong.message),
            }
        }
        problems.into_result(&file.path.display().to_string(), &file.text)?;
    }
    let mut mistakes = environment_layer.mistakes;
    mistakes.extend(flag_layer.mistakes);

    macro_rules! pick {
        ($name:ident) => {
            pick.first(stringify!($name), [from_flags.$name, from_environment.$name, from_file.$name])
        };
    }
    let settings = Settings {
        events: pick!(events).unwrap_or_default(),
        inventory: pick!(inventory),
        inventory_types: pick!(inventory_types).unwrap_or_default(),
        inventory_max_age: pick!(inventory_max_age).unwrap_or(DEFAULT_INVENTORY_MAX_AGE),
        aggregator: pick!(aggregator),
        external_access_findings: pick!(external_access_findings).unwrap_or_default(),
        perimeter: pick!(perimeter),
        service_facts: pick!(service_facts),
        accounts: pick!(accounts).unwrap_or(Accounts::All),
        queries: pick!(queries).unwrap_or_else(|| vec![String::from("all")]),
        query_folders: pick!(query_folders).unwrap_or_default(),
        from: pick!(from),
        to: pick!(to),
        formats: pick!(formats).unwrap_or_else(|| Format::DEFAULT.to_vec()),
        output: pick!(output).unwrap_or_else(|| PathBuf::from(DEFAULT_OUTPUT)),
        title: pick!(title),
        max_rows: pick!(max_rows).flatten(),
        threads: pick!(threads).flatten(),
        memory_limit: pick!(memory_limit).unwrap_or(DEFAULT_MEMORY_LIMIT),
        sample_records: pick!(sample_records).unwrap_or(true),
        engine: pick!(engine).unwrap_or_default(),
        table_layouts: pick!(table_layouts).unwrap_or_default(),
        activity_store: pick!(activity_store),
        activity_prefix_depth: pick!(activity_prefix_depth).unwrap_or_default(),
        fail_on: pick!(fail_on).unwrap_or_default(),
        quiet: pick!(quiet).unwrap_or_default(),
        verbose: pick!(verbose).unwrap_or_default(),
        max_scan: pick!(max_scan).flatten(),
        aws: sections.aws.map(|(aws, origin)| pick.keep("aws", aws, origin)).unwrap_or_default(),
        athena: sections.athena.map(|(athena, origin)| pick.keep("athena", athena, origin)).unwrap_or_default(),
        trino: sections.trino.map(|(trino, origin)| pick.keep("trino", trino, origin)).unwrap_or_default(),
        resume: false,
        now,
        file: file.map(|file| file.path.clone()),
        origins,
    };
    if let (Some(from), Some(to)) = (settings.from, settings.to)
        && from > to
    {
        let (first, last) = (settings.origin("from"), settings.origin("to"));
        let message = format!("the first day {from} ({first}) is after the last day {to} ({last})");
        mistakes.push(Mistake { origin: Origin::Default, at: None, wrong: Wrong::with_help(message, "swap the two") });
    }
    match mistakes.is_empty() {
        true => Ok(settings),
        false => Err(SettingsError::Values(mistakes.into_iter().map(describe).collect())),
    }
}

struct Pick<'a> {
    origins: &'a mut BTreeMap<&'static str, Origin>,
}

impl Pick<'_> {
    /// A value that only the file can give.
    fn keep<T>(&mut self, name: &'static str, value: T, origin: Origin) -> T {
        self.origins.insert(name, origin);
        value
    }

    /// The value of the first layer that says something; remembers which one it was.
    fn first<T>(&mut self, name: &'static str, layers: [Set<T>; 3]) -> Option<T> {
        let (value, origin) = layers.into_iter().flatten().next()?;
        self.origins.insert(name, origin);
        Some(value)
    }
}

fn describe(mistake: Mistake) -> String {
    let Mistake { origin, wrong, .. } = mistake;
    let place = match origin {
        Origin::Flag(flag) => format!("{flag}: "),
        Origin::Environment(name) => format!("{name}: "),
        Origin::File { .. } | Origin::Default => String::new(),
    };
    match wrong.help {
        Some(help) => format!("{place}{}\n  help: {help}", wrong.message),
        None => format!("{place}{}", wrong.message),
    }
}

fn flag_layer(flags: &Flags) -> Layer {
    let given = flags.given.iter().map(|(name, values)| {
        let origin = Origin::Flag(format!("--{}", flag_name(name)));
        (*name, Given { values: values.iter().map(|value| (value.clone(), None)).collect(), origin })
    });
    Layer { given: given.collect(), base: None, mistakes: Vec::new() }
}

/// The flag of a setting: lists are given one by one, so their flags are in the singular.
pub(super) fn flag_name(setting: &str) -> String {
    match setting {
        "accounts" => String::from("account"),
        "queries" => String::from("query"),
        "query_folders" => String::from("query-folder"),
        "formats" => String::from("format"),
        "inventory_types" => String::from("inventory-type"),
        "table_layouts" => String::from("table-layout"),
        other => other.replace('_', "-"),
    }
}

fn is_list(setting: &str) -> bool {
    matches!(
        setting,
        "events" | "accounts" | "queries" | "query_folders" | "formats" | "fail_on" | "inventory_types" | "table_layouts"
    )
}

fn environment_layer(environment: &dyn Fn(&str) -> Option<String>) -> Layer {
    let mut given = BTreeMap::new();
    for variable in environment::VARIABLES {
        let (Some(setting), Some(text)) = (variable.setting, environment(variable.name).filter(|text| !text.is_empty())) else {
            continue;
        };
        let values: Vec<(String, Option<At>)> = match is_list(setting) {
            true => {
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(|item| (item.to_owned(), None)).collect()
            }
            false => vec![(text, None)],
        };
        given.insert(setting, Given { values, origin: Origin::Environment(variable.name) });
    }
    Layer { given, base: None, mistakes: Vec::new() }
}

/// What only the file can say.
#[derive(Default)]
struct Sections {
    aws: Set<AwsSettings>,
    athena: Set<AthenaSettings>,
    trino: Set<TrinoSettings>,
}

fn file_layer(file: &FileText, problems: &mut Problems) -> (Layer, Sections) {
    let root = document::parse(&file.text, problems);
    let fields = document::fields::<SettingsFile>(&root, "the settings", problems);
    let mut given = BTreeMap::new();
    let section = |name: &str| fields.get(name).filter(|node| node.value != Value::Null);
    let origin = |node: &Node| Origin::File { path: file.path.clone(), line: node.at.line };
    let sections = Sections {
        aws: section("aws").map(|node| (AwsSettings::read(node, problems), origin(node))),
        athena: section("athena").map(|node| (AthenaSettings::read(node, problems), origin(node))),
        trino: section("trino").map(|node| (TrinoSettings::read(node, file.path.parent(), problems), origin(node))),
    };
    for setting in document::field_names::<SettingsFile>().iter().filter(|name| !SECTIONS.contains(name)) {
        let Some(node) = fields.get(setting).filter(|node| node.value != Value::Null) else { continue };
        let values = match (&node.value, is_list(setting)) {
            (Value::List(items), true) => items.iter().filter_map(|item| single(item, setting, problems)).collect(),
            _ => single(node, setting, problems).into_iter().collect(),
        };
        let origin = Origin::File { path: file.path.clone(), line: node.at.line };
        given.insert(*setting, Given { values, origin });
    }
    (Layer { given, base: file.path.parent().map(Path::to_owned), mistakes: Vec::new() }, sections)
}

fn single(node: &Node, setting: &str, problems: &mut Problems) -> Option<(String, Option<At>)> {
    document::text(node, &format!("a value for `{setting}`"), problems).map(|text| (text.to_owned(), Some(node.at)))
}
