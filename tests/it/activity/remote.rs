//! A run on a remote engine: what is missing is collected once, by account; what fails is named, and the rest stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use clap::Parser;
use palisade::activity::rollup::Shape;
use palisade::activity::rows::RowsWriter;
use palisade::catalog::{PlaceholderStyle, Statement};
use palisade::cli::{Cli, Command};
use palisade::commands::output::Terminal;
use palisade::commands::run::make_report_on;
use palisade::config::settings::Settings;
use palisade::engine::local::{LocalEngine, Resources};
use palisade::engine::{EngineError, Part, RemoteEngine};
use palisade::events::files::{Scope, discover};
use palisade::events::schema::Column;
use palisade::report::model::Report;
use polars::prelude::DataFrame;
use tempfile::TempDir;

/// The embedded engine as a remote one, over the sample organization. Some accounts it refuses.
#[derive(Debug, Default)]
struct Elsewhere {
    refuses: Vec<&'static str>,
    statements: Mutex<Vec<Part>>,
    collections: Mutex<Vec<Part>>,
}

impl Elsewhere {
    fn engine(&self, part: &Part) -> Result<LocalEngine, EngineError> {
        if let Some(account) = part.account_ids.iter().find(|account| self.refuses.contains(&account.as_str())) {
            return Err(EngineError::Remote { engine: "trino", message: format!("access denied to {account}") });
        }
        let trail = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/trail");
        let scope = Scope {
            accounts: Some(part.account_ids.iter().cloned().collect()),
            regions: None,
            from: Some(part.from),
            to: Some(part.to),
        };
        let discovery = discover(&[trail.display().to_string()], &scope).unwrap();
        let resources = Resources { threads: 1, memory_limit: 256 << 20 };
        Ok(LocalEngine::new(Arc::new(discovery.files), scope, resources, Arc::default()))
    }

    fn taken(list: &Mutex<Vec<Part>>) -> Vec<Part> {
        let mut parts = std::mem::take(&mut *list.lock().unwrap());
        parts.sort();
        parts
    }
}

#[async_trait]
impl RemoteEngine for Elsewhere {
    fn name(&self) -> &'static str {
        "trino"
    }

    fn placeholder_style(&self) -> PlaceholderStyle {
        PlaceholderStyle::Dollar
    }

    async fn run(&self, statement: &Statement, part: &Part) -> Result<DataFrame, EngineError> {
        self.statements.lock().unwrap().push(part.clone());
        self.engine(part)?.run(statement).await
    }

    async fn collect_activity(&self, part: &Part, folder: &Path) -> Result<Vec<PathBuf>, EngineError> {
        self.collections.lock().unwrap().push(part.clone());
        let rows = self.engine(part)?.roll_up(Shape::whole(0)).await?;
        // Several files, with accounts and days mixed.
        let batches: Vec<_> = rows.batches(None, (None, None), Column::ALL).collect::<Result<_, _>>()?;
        let mut files = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            let path = folder.join(format!("{number}.parquet"));
            let mut writer = RowsWriter::new(std::fs::File::create(&path).unwrap(), batch.schema(), false).unwrap();
            writer.write(std::slice::from_ref(batch)).unwrap();
            writer.finish().unwrap();
            files.push(path);
        }
        Ok(files)
    }
}

fn settings(store: &TempDir, more: &[&str]) -> Settings {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let path = |name: &str| samples.join(name).display().to_string();
    let mut arguments = vec!["palisade".to_owned(), "run".to_owned()];
    for (flag, value) in [
        ("--inventory", path("inventory")),
        ("--perimeter", path("perimeter.yaml")),
        ("--engine", "trino".to_owned()),
        ("--activity-store", store.path().join("activity").display().to_string()),
        ("--sample-records", "false".to_owned()),
        ("--today", "2026-11-20".to_owned()),
    ] {
        arguments.extend([flag.to_owned(), value]);
    }
    arguments.extend(more.iter().map(ToString::to_string));
    let cli = Cli::try_parse_from(arguments).unwrap();
    let Command::Run(run) = cli.command else { panic!("expected run") };
    Settings::resolve(&run.settings.flags(&cli.global), &|_| None, None, jiff::Timestamp::UNIX_EPOCH).unwrap()
}

fn terminal() -> Terminal {
    let cli = Cli::try_parse_from(["palisade", "-qq", "sample", "generate", "--output", "x"]).unwrap();
    Terminal::new(&cli.global)
}

fn report(engine: Option<&Elsewhere>, settings: &Settings) -> Report {
    make_report_on(engine.map(|engine| engine as &dyn RemoteEngine), settings, &terminal())
        .unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn local(more: &[&str]) -> Report {
    let trail = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/trail").display().to_string();
    let nowhere = TempDir::new().unwrap();
    let mut arguments = vec!["--engine", "local", "--events", &trail];
    arguments.extend(more);
    // The last flag of its kind would be an error: the engine is set once.
    let mut settings = settings(&nowhere, &[]);
    let local = {
        let mut all = vec!["palisade", "run"];
        all.extend(arguments);
        let cli = Cli::try_parse_from(all).unwrap();
        let Command::Run(run) = cli.command else { panic!("expected run") };
        Settings::resolve(&run.settings.flags(&cli.global), &|_| None, None, jiff::Timestamp::UNIX_EPOCH).unwrap()
    };
    settings.engine = local.engine;
    settings.events = local.events;
    settings.accounts = local.accounts;
    settings.queries = local.queries;
    settings.from = local.from;
    settings.to = local.to;
    report(None, &settings)
}

const WINDOW: [&str; 4] = ["--from", "2026-10-22", "--to", "2026-10-24"];

/// Some accounts of the sample organization: enough to tell one from the others.
const ACCOUNTS: [&str; 3] = ["150000000015", "170000000017", "190000000019"];

/// The window, the accounts and the queries.
fn asked<'a>(accounts: &'a str, query: &'a str) -> Vec<&'a str> {
    [WINDOW.as_slice(), &["--account", accounts, "--query", query]].concat()
}

#[test]
fn every_query_is_answered_by_one_collection_for_each_account() {
    let store = TempDir::new().unwrap();
    let engine = Elsewhere::default();
    let accounts = ACCOUNTS.join(",");
    let all = asked(&accounts, "all");
    let remote = report(Some(&engine), &settings(&store, &all));
    let here = local(&all);
    assert!(here.findings.rows() > 20, "{}", here.findings.rows());
    assert_eq!(remote.findings, here.findings);
    assert_eq!(remote.manifest.coverage.records, here.manifest.coverage.records);
    assert_eq!(remote.manifest.coverage.streams, here.manifest.coverage.streams);
    // One statement for each account and window, none for a query.
    let collections = Elsewhere::taken(&engine.collections);
    let of_collections: Vec<String> = collections.iter().flat_map(|part| part.account_ids.clone()).collect();
    assert_eq!(of_collections, ACCOUNTS);
    assert_eq!(collections.len(), ACCOUNTS.len());
    assert!(collections.iter().all(|part| part.from.to_string() == "2026-10-22" && part.to.to_string() == "2026-10-24"));
    assert!(Elsewhere::taken(&engine.statements).is_empty());

    // Complete days are never scanned again, not even for one query; new days alone are.
    report(Some(&engine), &settings(&store, &asked(&accounts, "common_*perimeter*")));
    report(Some(&engine), &settings(&store, &asked(&accounts, "common_only_denied")));
    assert!(Elsewhere::taken(&engine.collections).is_empty() && Elsewhere::taken(&engine.statements).is_empty());
    let longer = ["--from", "2026-10-21", "--to", "2026-10-25", "--account", &accounts, "--query", "common_*perimeter*"];
    report(Some(&engine), &settings(&store, &longer));
    let collections = Elsewhere::taken(&engine.collections);
    assert_eq!(collections.len(), 2 * ACCOUNTS.len());
    assert!(
        collections
            .iter()
            .all(|part| part.from == part.to && ["2026-10-21", "2026-10-25"].contains(&part.from.to_string().as_str()))
    );
}

#[test]
fn a_day_that_has_not_settled_is_collected_again() {
    let store = TempDir::new().unwrap();
    let engine = Elsewhere::default();
    let mut settings = settings(&store, &asked(ACCOUNTS[0], "common_*perimeter*"));
    // An hour into the 25th: the 24th may still grow.
    settings.now = "2026-10-25T01:00:00Z".parse().unwrap();
    report(Some(&engine), &settings);
    report(Some(&engine), &settings);
    let days: Vec<_> =
        Elsewhere::taken(&engine.collections).iter().map(|part| (part.from.to_string(), part.to.to_string())).collect();
    let day = |from: &str, to: &str| (format!("2026-10-{from}"), format!("2026-10-{to}"));
    assert_eq!(days, [day("22", "24"), day("24", "24")]);
}

#[test]
fn one_query_is_asked_directly() {
    let store = TempDir::new().unwrap();
    let engine = Elsewhere::default();
    let accounts = ACCOUNTS.join(",");
    let arguments = asked(&accounts, "common_network_perimeter_ipv4");
    let remote = report(Some(&engine), &settings(&store, &arguments));
    assert_eq!(remote.findings, local(&arguments).findings);
    assert_eq!(Elsewhere::taken(&engine.statements).len(), ACCOUNTS.len());
    assert!(Elsewhere::taken(&engine.collections).is_empty());
    assert!(!store.path().join("activity").exists());
    assert!(remote.manifest.warnings.iter().any(|warning| warning.code == "coverage-unknown"));
    assert!(remote.manifest.warnings.iter().all(|warning| warning.code != "no-management-events"));
}

#[test]
fn an_account_that_fails_is_named_and_leaves_the_results_of_the_others() {
    let (accounts, refused) = (ACCOUNTS.join(","), ACCOUNTS[1]);
    let others = [ACCOUNTS[0], ACCOUNTS[2]].join(",");
    for query in ["common_*perimeter*", "common_network_perimeter_ipv4"] {
        let store = TempDir::new().unwrap();
        let engine = Elsewhere { refuses: vec![refused], ..Elsewhere::default() };
        let arguments = asked(&accounts, query);
        let remote = report(Some(&engine), &settings(&store, &arguments));
        let expected = local(&asked(&others, query));
        assert_eq!(remote.findings, expected.findings, "{query}");
        let warning = remote.manifest.warnings.iter().find(|warning| warning.code == "accounts-not-read").unwrap();
        let text = format!("{refused} from 2026-10-22 to 2026-10-24: trino: access denied to {refused}");
        assert!(warning.message.contains(&text), "{}", warning.message);
        // The rest of the run is there; the exit code says that it is not all.
        assert!(remote.manifest.coverage.skipped.iter().any(|skipped| palisade::commands::warnings::is_loss(&skipped.reason)));

        // Nothing is paid for twice when the account answers again.
        if query.contains('*') {
            Elsewhere::taken(&engine.collections);
            let healed = Elsewhere::default();
            let report = report(Some(&healed), &settings(&store, &arguments));
            let collected: Vec<String> =
                Elsewhere::taken(&healed.collections).into_iter().flat_map(|part| part.account_ids).collect();
            assert_eq!(collected, [refused]);
            assert_eq!(report.findings, local(&arguments).findings);
        }
    }
}

#[test]
fn an_engine_that_fails_altogether_makes_no_report() {
    let accounts = ACCOUNTS.join(",");
    for query in ["all", "common_only_denied"] {
        let store = TempDir::new().unwrap();
        let engine = Elsewhere { refuses: ACCOUNTS.to_vec(), ..Elsewhere::default() };
        let settings = settings(&store, &asked(&accounts, query));
        let failure = make_report_on(Some(&engine), &settings, &terminal()).unwrap_err();
        assert!(failure.message.contains("access denied"), "{}", failure.message);
    }
}

#[test]
fn a_remote_engine_needs_to_know_accounts_and_days() {
    let store = TempDir::new().unwrap();
    let engine = Elsewhere::default();
    let failure = make_report_on(Some(&engine), &settings(&store, &[]), &terminal()).unwrap_err();
    assert!(failure.message.contains("say from which day with --from"), "{}", failure.message);
    let mut settings = settings(&store, &WINDOW);
    settings.inventory = None;
    let failure = make_report_on(Some(&engine), &settings, &terminal()).unwrap_err();
    assert!(failure.message.contains("list them with --account"), "{}", failure.message);
}
