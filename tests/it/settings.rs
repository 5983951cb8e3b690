//! Settings: which layer wins, where paths start, and what the command line makes of them.

use std::path::{Path, PathBuf};

use clap::Parser;
use jiff::Timestamp;
use jiff::civil::date;
use palisade::cli::{Cli, Command};
use palisade::config::environment;
use palisade::config::settings::{
    Accounts, FileText, Flags, Format, Origin, Settings, SettingsError,
    file::{SECTIONS, SettingsFile},
    find_file,
};
use palisade::config::{document, template};
use palisade::report::model::Verdict;

const CLOCK: &str = "2026-11-20T12:00:00Z";

fn resolve(arguments: &[&str], environment: &[(&str, &str)], file: Option<&str>) -> Result<Settings, SettingsError> {
    let file = file.map(|text| FileText { path: PathBuf::from("conf/palisade.yaml"), text: text.to_owned() });
    let variables: Vec<(String, String)> =
        environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let read = move |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    Settings::resolve(&flags(arguments), &read, file.as_ref(), CLOCK.parse::<Timestamp>().unwrap())
}

fn flags(arguments: &[&str]) -> Flags {
    let cli = Cli::try_parse_from(["palisade", "run"].iter().chain(arguments)).unwrap_or_else(|error| panic!("{error}"));
    let Command::Run(run) = cli.command else { panic!("expected run") };
    run.settings.flags(&cli.global)
}

#[test]
fn defaults_hold_when_nobody_says_anything() {
    let settings = resolve(&[], &[], None).unwrap();
    assert!(settings.events.is_empty());
    assert_eq!(settings.accounts, Accounts::All);
    assert_eq!(settings.queries, ["all"]);
    assert_eq!(settings.formats, [Format::Html, Format::Xlsx, Format::Json]);
    assert_eq!(settings.output, Path::new("palisade-report"));
    assert_eq!((settings.max_rows, settings.threads, settings.memory_limit), (None, None, 536_870_912));
    assert!(settings.sample_records && settings.fail_on.is_empty());
    assert_eq!(settings.today(), date(2026, 11, 20));
    assert!(settings.show().iter().all(|shown| shown.origin == Origin::Default));
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "title: file\nmax_rows: 1\nthreads: 1\n";
    let environment = [("PALISADE_TITLE", "environment"), ("PALISADE_MAX_ROWS", "2")];
    let settings = resolve(&["--title", "flag"], &environment, Some(file)).unwrap();
    assert_eq!(settings.title.as_deref(), Some("flag"));
    assert_eq!(settings.max_rows, Some(2));
    assert_eq!(settings.threads.map(|threads| threads.get()), Some(1));
    assert_eq!(*settings.origin("title"), Origin::Flag("--title".into()));
    assert_eq!(*settings.origin("max_rows"), Origin::Environment("PALISADE_MAX_ROWS"));
    assert_eq!(*settings.origin("threads"), Origin::File { path: "conf/palisade.yaml".into(), line: 3 });
    assert_eq!(*settings.origin("events"), Origin::Default);
    assert_eq!(settings.origin("threads").to_string(), "conf/palisade.yaml:3");
}

/// A value that a language takes for "nothing" is a value all the same.
#[test]
fn a_layer_counts_whatever_it_says() {
    let settings = resolve(&[], &[], Some("sample_records: false\nqueries: []\nquiet: 0\n")).unwrap();
    assert!(!settings.sample_records);
    assert!(settings.queries.is_empty());
    let settings = resolve(&[], &[("PALISADE_SAMPLE_RECORDS", "false")], Some("sample_records: true\n")).unwrap();
    assert!(!settings.sample_records);
    let settings = resolve(&["--max-rows", "none"], &[], Some("max_rows: 10\n")).unwrap();
    assert_eq!(settings.max_rows, None);
    // A key with nothing after it, and an empty variable, say nothing.
    let settings = resolve(&[], &[("PALISADE_QUERIES", "")], Some("queries:\n")).unwrap();
    assert_eq!(settings.queries, ["all"]);
}

#[test]
fn paths_of_a_file_start_at_the_file() {
    let file = "events: [logs, 'more/*.json.gz', '-', /absolute, s3://bucket/AWSLogs/]\ninventory: inventory\nperimeter: ../perimeter.yaml\nquery_folders: mine\noutput: out\n";
    let settings = resolve(&[], &[], Some(file)).unwrap();
    assert_eq!(settings.events, ["conf/logs", "conf/more/*.json.gz", "-", "/absolute", "s3://bucket/AWSLogs/"]);
    assert_eq!(settings.inventory.as_deref(), Some(Path::new("conf/inventory")));
    assert_eq!(settings.perimeter.as_deref(), Some(Path::new("conf/../perimeter.yaml")));
    assert_eq!(settings.query_folders, [PathBuf::from("conf/mine")]);
    assert_eq!(settings.output, Path::new("conf/out"));
    let settings = resolve(&["--events", "logs", "--output", "out"], &[("PALISADE_INVENTORY", "i")], Some(file)).unwrap();
    assert_eq!(settings.events, ["logs"]);
    assert_eq!(settings.output, Path::new("out"));
    assert_eq!(settings.inventory.as_deref(), Some(Path::new("i")));
    // The folder of the file is a name even where the entry is a glob.
    let file = FileText { path: "a[1]/palisade.yaml".into(), text: "events: ['*.gz', plain]\n".into() };
    let settings = Settings::resolve(&Flags::default(), &|_| None, Some(&file), CLOCK.parse().unwrap()).unwrap();
    assert_eq!(settings.events, ["a[[]1[]]/*.gz", "a[1]/plain"]);
}

#[test]
fn lists_come_from_commas_and_repetition() {
    let arguments = [
        "--account",
        "012345678901,111122223333",
        "--account",
        "111122223333",
        "--query",
        "s3_*",
        "--fail-on",
        "crosses-perimeter",
    ];
    let settings = resolve(&arguments, &[("PALISADE_FORMATS", "csv, html")], None).unwrap();
    assert_eq!(settings.accounts, Accounts::Listed(vec!["012345678901".into(), "111122223333".into()]));
    assert_eq!(settings.queries, ["s3_*"]);
    assert_eq!(settings.formats, [Format::Csv, Format::Html]);
    assert_eq!(settings.fail_on, [Verdict::CrossesPerimeter]);
    let settings = resolve(&[], &[], Some("accounts: 012345678901\nqueries: all\nfail_on: [denied]\n")).unwrap();
    assert_eq!(settings.accounts, Accounts::Listed(vec!["012345678901".into()]));
    assert_eq!(settings.fail_on, [Verdict::Denied]);
}

#[test]
fn layouts_of_tables_are_set_in_every_layer() {
    let shown = |settings: Settings| settings.table_layouts.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(shown(resolve(&[], &[], None).unwrap()).is_empty());
    let file = "table_layouts: [trail=account_and_day account=acct day=dt form=yyyy-MM-dd, day]\n";
    assert_eq!(
        shown(resolve(&[], &[], Some(file)).unwrap()),
        ["trail=account_and_day account=acct day=dt form=yyyy-MM-dd", "day"]
    );
    let variable = [("PALISADE_TABLE_LAYOUTS", "trail=day day=dt, unpartitioned")];
    assert_eq!(shown(resolve(&[], &variable, Some(file)).unwrap()), ["trail=day day=dt", "unpartitioned"]);
    let flags = ["--table-layout", "event_data_store time=at", "--table-layout", "lake=security_lake"];
    let settings = resolve(&flags, &variable, Some(file)).unwrap();
    assert_eq!(*settings.origin("table_layouts"), Origin::Flag("--table-layout".into()));
    assert_eq!(shown(settings), ["event_data_store time=at", "lake=security_lake"]);
    let error = resolve(&["--table-layout", "weekly"], &[], None).unwrap_err().to_string();
    assert!(error.contains("--table-layout: `weekly` is not a layout of a table\n  help: expected"), "{error}");
}

#[test]
fn days_are_relative_to_a_clock_that_can_be_fixed() {
    let settings = resolve(&["--from", "-14d", "--to", "yesterday"], &[], None).unwrap();
    assert_eq!((settings.from, settings.to), (Some(date(2026, 11, 6)), Some(date(2026, 11, 19))));
    let settings = resolve(&["--from=-1w"], &[("PALISADE_NOW", "2026-03-08")], Some("to: today\n")).unwrap();
    assert_eq!((settings.from, settings.to), (Some(date(2026, 3, 1)), Some(date(2026, 3, 8))));
    assert_eq!(settings.now.to_string(), "2026-03-08T00:00:00Z");
    let settings =
        resolve(&["--today", "2026-03-10"], &[("PALISADE_NOW", "2026-03-08")], Some("today: 2026-03-09\nfrom: -1d\n")).unwrap();
    assert_eq!((settings.today(), settings.from), (date(2026, 3, 10), Some(date(2026, 3, 9))));
    let error = resolve(&["--from", "2026-02-02", "--to", "2026-02-01"], &[], None).unwrap_err().to_string();
    assert!(error.contains("2026-02-02 (flag --from) is after the last day 2026-02-01 (flag --to)"), "{error}");
}

#[test]
fn all_mistakes_of_a_file_are_shown_even_where_a_flag_overrides() {
    let file = "event: logs\nformats: [html, excel]\naccounts: [all, \"1234\"]\nfrom: tomorrow\nthreads: 0\nmemory_limit: 12\ntitle: [a]\n";
    let error = resolve(&["--format", "csv"], &[], Some(file)).unwrap_err();
    let SettingsError::Invalid(invalid) = &error else { panic!("{error}") };
    let lines: Vec<usize> = invalid.problems().iter().map(|problem| problem.at.line).collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7], "{error}");
    let error = error.to_string();
    assert!(error.contains("did you mean `events`?") && error.contains("did you mean `xlsx`?"), "{error}");
}

#[test]
fn all_mistakes_of_flags_and_environment_are_shown_with_their_name() {
    let error = resolve(&["--max-rows", "0"], &[("PALISADE_SAMPLE_RECORDS", "maybe"), ("PALISADE_NOW", "noon")], None)
        .unwrap_err()
        .to_string();
    for part in ["--max-rows: `0`", "PALISADE_SAMPLE_RECORDS: `maybe` is neither", "PALISADE_NOW: `noon` is not a time"] {
        assert!(error.contains(part), "{part}\n{error}");
    }
}

#[test]
fn every_setting_has_a_key_a_flag_and_a_variable() {
    let shown: Vec<&str> = resolve(&[], &[], None).unwrap().show().iter().map(|shown| shown.name).collect();
    assert_eq!(shown, document::field_names::<SettingsFile>());
    // A section is a mapping, which only the file can hold.
    let shown: Vec<&str> = shown.into_iter().filter(|name| !SECTIONS.contains(name)).collect();
    for name in &shown {
        assert!(environment::of_setting(name).is_some(), "{name}");
    }
    // Each variable reaches its setting.
    let value = |name: &str| match name {
        "events" => "logs",
        "accounts" => "012345678901",
        "from" | "to" | "today" => "2026-01-01",
        "formats" => "csv",
        "memory_limit" => "1GiB",
        "sample_records" => "false",
        "fail_on" => "denied",
        "engine" => "trino",
        "inventory_types" => "AWS::SQS::Queue",
        "inventory_max_age" => "2d",
        "external_access_findings" => "security_hub",
        "table_layouts" => "trail=day",
        _ => "2",
    };
    for name in shown {
        let variable = environment::of_setting(name).unwrap();
        let settings = resolve(&[], &[(variable, value(name))], None).unwrap();
        assert_eq!(*settings.origin(name), Origin::Environment(variable), "{name}");
        let settings = resolve(&[], &[], Some(&format!("{name}: {}\n", value(name)))).unwrap();
        assert!(matches!(settings.origin(name), Origin::File { line: 1, .. }), "{name}");
    }
}

#[test]
fn the_template_says_what_the_defaults_are() {
    let settings = resolve(&[], &[], Some(template::SETTINGS)).unwrap();
    let default = resolve(&[], &[], None).unwrap();
    for (written, default) in settings.show().iter().zip(default.show()) {
        match written.name {
            // What has no default, and what starts at the file.
            "events" => assert_eq!(written.value, "[conf/logs]"),
            "output" => assert_eq!(written.value, "conf/palisade-report"),
            _ => assert_eq!(written.value, default.value, "{}", written.name),
        }
    }
    // Every key is there, in comments at least.
    for name in document::field_names::<SettingsFile>() {
        assert!(
            template::SETTINGS.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{name}:"))),
            "{name}"
        );
    }
    let all: String = template::SETTINGS
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if document::field_names::<SettingsFile>().iter().any(|name| rest.starts_with(&format!("{name}:"))) => {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(resolve(&[], &[], Some(&all)).unwrap().title.as_deref(), Some("Data perimeter of Example Corp"));
}

#[test]
fn the_file_is_named_or_found_in_the_working_directory() {
    let folder = tempfile::tempdir().unwrap();
    let none = |_: &str| None;
    assert_eq!(find_file(None, &none, folder.path()), None);
    let path = folder.path().join("palisade.yaml");
    std::fs::write(&path, "title: x\n").unwrap();
    assert_eq!(find_file(None, &none, folder.path()), Some(path));
    let variable = |name: &str| (name == "PALISADE_CONFIG").then(|| "other.yaml".to_owned());
    assert_eq!(find_file(None, &variable, folder.path()), Some("other.yaml".into()));
    assert_eq!(find_file(Some(Path::new("flag.yaml")), &variable, folder.path()), Some("flag.yaml".into()));
}

#[test]
fn commands_are_understood() {
    for line in [
        "run --events a --events b --query all -o out -vv",
        "queries list s3_* --format json",
        "queries show s3_scp_resource_perimeter --sql --query-folder mine",
        "queries test",
        "report render palisade-report --format html,csv --output -",
        "config init",
        "config show --config palisade.yaml --from -7d",
        "config schema perimeter",
        "config import-dph data_perimeter.yaml --output perimeter.yaml",
        "inventory show --inventory inventory",
        "inventory show 111122223333 --format json",
        "inventory export -o inventory --types AWS::SQS::Queue --for-queries s3_* --for-policy scp.json --aggregator org --max-age 2d",
        "inventory diff before after --format markdown --exit-code",
        "sample generate --events 10 --accounts 3 --seed 7 --output sample",
        "--color never --log-format json -q run",
    ] {
        let arguments = std::iter::once("palisade").chain(line.split(' '));
        assert!(Cli::try_parse_from(arguments).is_ok(), "{line}");
    }
    let error = Cli::try_parse_from(["palisade", "querys"]).unwrap_err().to_string();
    assert!(error.contains("queries"), "{error}");
    let error = Cli::try_parse_from(["palisade", "run", "--formats", "html"]).unwrap_err().to_string();
    assert!(error.contains("--format"), "{error}");
}
