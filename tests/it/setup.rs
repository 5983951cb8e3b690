//! Tables on Athena and permissions: what is printed, what is created, and that nothing that exists is touched.

use serde_json::{Value, json};

use crate::servers::{Server, address, aws_environment, create_bucket, request, unique};
use crate::support::{Finished, Palisade, folder};

const ORGANIZATION: [&str; 8] =
    ["setup", "athena", "--logs", "s3://org-trail/", "--organization", "o-exampleorgid", "--results", "s3://results/palisade"];

fn run(arguments: &[&str]) -> Finished {
    let place = folder::<&str>(&[]);
    Palisade::in_folder(&place).run(arguments)
}

/// The statement of a table, from its first line to its semicolon.
fn statement<'a>(out: &'a str, table: &str) -> &'a str {
    let start =
        out.find(&format!("CREATE EXTERNAL TABLE IF NOT EXISTS {table} (")).unwrap_or_else(|| panic!("{table} in {out}"));
    let rest = &out[start..];
    &rest[..rest.find(";\n").unwrap()]
}

#[test]
fn tables_for_the_trail_of_an_organization_find_objects_by_account_region_and_day() {
    let finished =
        run(&[&ORGANIZATION[..], &["--region", "eu-west-1,us-east-1", "--since", "2025-02-03"]].concat()).ends_with(0);
    let expected_end = "\
COMMENT 'CloudTrail: management and data events. Created by palisade setup athena.'
PARTITIONED BY (p_account STRING, p_region STRING, p_date STRING)
ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'
STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://org-trail/AWSLogs/o-exampleorgid/'
TBLPROPERTIES (
  'classification' = 'cloudtrail',
  'projection.enabled' = 'true',
  'projection.p_account.type' = 'injected',
  'projection.p_region.type' = 'enum',
  'projection.p_region.values' = 'eu-west-1,us-east-1',
  'projection.p_date.type' = 'date',
  'projection.p_date.format' = 'yyyy/MM/dd',
  'projection.p_date.range' = '2025/02/03,NOW',
  'projection.p_date.interval' = '1',
  'projection.p_date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://org-trail/AWSLogs/o-exampleorgid/${p_account}/CloudTrail/${p_region}/${p_date}'
)
";
    let table = statement(&finished.out, "`palisade`.`cloudtrail`");
    assert!(format!("{}\n", table.trim_end()).ends_with(expected_end), "{table}");
    for column in
        ["sourceidentity: STRING", "signinsessionarn: STRING", "vpcendpointaccountid STRING", "invokedbydelegate: STRUCT"]
    {
        assert!(table.contains(column), "{column}");
    }
    // Network activity lies in folders of its own.
    let network = statement(&finished.out, "`palisade`.`cloudtrail_network_activity`");
    assert!(network.contains("/${p_account}/CloudTrail-NetworkActivity/${p_region}/${p_date}'"), "{network}");
    assert!(finished.out.contains("--     tables: [cloudtrail, cloudtrail_network_activity]\n"), "{}", finished.out);
    assert!(finished.out.contains("CREATE DATABASE IF NOT EXISTS `palisade`;"), "{}", finished.out);
    // The place of results ends in a slash; a statement has a limit.
    assert!(finished.out.contains("OutputLocation=s3://results/palisade/,"), "{}", finished.out);
    assert!(finished.out.contains("BytesScannedCutoffPerQuery=1000000000000,"), "{}", finished.out);
}

#[test]
fn two_trails_have_two_tables_and_known_accounts_are_listed() {
    let finished = run(&[
        "setup",
        "athena",
        "--logs",
        "s3://management/logs/AWSLogs/",
        "--data-logs",
        "s3://data-events",
        "--results",
        "s3://results/",
        "--account",
        "111122223333,444455556666",
        "--without-network-activity",
        "--database",
        "logs",
        "--table",
        "trail",
        "--cutoff",
        "none",
    ]) // rustfmt: one line per group
    .ends_with(0);
    let management = statement(&finished.out, "`logs`.`trail_management`");
    assert!(management.contains("LOCATION 's3://management/logs/AWSLogs/'"), "{management}");
    assert!(
        management.contains(
            "  'projection.p_account.type' = 'enum',\n  'projection.p_account.values' = '111122223333,444455556666',"
        )
    );
    let data = statement(&finished.out, "`logs`.`trail_data`");
    assert!(data.contains("'s3://data-events/AWSLogs/${p_account}/CloudTrail/${p_region}/${p_date}'"), "{data}");
    assert!(!finished.out.contains("network_activity") && !finished.out.contains("BytesScannedCutoff"), "{}", finished.out);
    // Every region of the partition, because none was named: and it is said.
    assert!(data.contains("eu-west-1,eu-west-2") && data.contains(",mx-central-1,"), "{data}");
    assert!(finished.err.contains("34 regions"), "{}", finished.err);
}

#[test]
fn files_are_written_and_nothing_is_created() {
    let place = folder::<&str>(&[]);
    let mut arguments = ORGANIZATION.to_vec();
    arguments.extend(["--output", "made"]);
    let finished = Palisade::in_folder(&place).run(&arguments).ends_with(0);
    let mut names: Vec<String> = std::fs::read_dir(place.path().join("made"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected =
        ["1-workgroup.sh", "2-database.sql", "3-cloudtrail.sql", "4-cloudtrail_network_activity.sql", "palisade.yaml"];
    assert_eq!(names, expected);
    assert!(finished.err.contains("nothing was created"), "{}", finished.err);
    // The settings are settings.
    let shown = Palisade::in_folder(place.path().join("made")).run(&["config", "show"]).ends_with(0);
    assert!(shown.out.contains("tables: [cloudtrail, cloudtrail_network_activity]"), "{}", shown.out);
}

#[test]
fn what_would_make_a_wrong_statement_is_refused() {
    for (flags, said) in [
        (&["--logs", "s3://b'; DROP/", "--results", "s3://results/"][..], "no place in S3"),
        (&["--logs", "s3://trail", "--results", "results"], "no place in S3"),
        (&["--logs", "s3://trail", "--results", "s3://results", "--organization", "o-1"], "no id of an organization"),
        (&["--logs", "s3://trail", "--results", "s3://results", "--account", "1234"], "expected 12"),
        (&["--logs", "s3://trail", "--results", "s3://results", "--region", "eu_west_1"], "no region"),
        (&["--logs", "s3://trail", "--results", "s3://results", "--database", "my`db"], "no name for a database"),
        (&["--logs", "s3://trail", "--results", "s3://results", "--table", "Trail-1"], "no name for a table"),
        (&["--logs", "s3://trail", "--results", "s3://results", "--cutoff", "5MB"], "too small"),
        (&["--logs", "s3://trail"], "--results"),
    ] {
        let finished = run(&[&["setup", "athena"], flags].concat()).ends_with(2);
        assert!(finished.err.contains(said), "{flags:?}: {}", finished.err);
        assert_eq!(finished.out, "");
    }
}

#[test]
fn more_accounts_than_a_statement_takes_are_refused_with_what_to_do() {
    let accounts: Vec<String> = (0..25_000).map(|n| format!("{n:012}")).collect();
    // One argument of a command line is shorter than all of them.
    let lists: Vec<String> = accounts.chunks(5_000).map(|chunk| chunk.join(",")).collect();
    let flags: Vec<&str> = lists.iter().flat_map(|list| ["--account", list]).collect();
    let finished = run(&[&ORGANIZATION[..], &flags].concat()).ends_with(2);
    assert!(finished.err.contains("262144") && finished.err.contains("leave --account out"), "{}", finished.err);
}

fn policy(arguments: &[&str], settings: &str) -> Value {
    let place = folder(&[("palisade.yaml", settings)]);
    let finished = Palisade::in_folder(&place).run(&[&["setup", "permissions"], arguments].concat()).ends_with(0);
    assert!(!finished.err.contains("warning"), "{}", finished.err);
    serde_json::from_str(&finished.out).unwrap()
}

const SETTINGS: &str = "\
events: [s3://org-trail/AWSLogs/o-exampleorgid/]
aws:
  region: eu-central-1
  athena:
    roles: [arn:aws:iam::111122223333:role/palisade-scan]
athena:
  workgroup: audit
  database: logs
  tables: [management, data]
  output_location: s3://audit-results/palisade/
";

/// Resources on which a policy allows an action.
fn resources<'a>(policy: &'a Value, action: &str) -> Vec<&'a str> {
    let statements = policy["Statement"].as_array().unwrap();
    let matching =
        statements.iter().filter(|statement| statement["Action"].as_array().unwrap().iter().any(|one| one == action));
    matching
        .flat_map(|statement| statement["Resource"].as_array().unwrap())
        .map(|resource| resource.as_str().unwrap())
        .collect()
}

#[test]
fn the_role_that_scans_may_read_its_own_tables_and_buckets_and_nothing_else() {
    let policy = policy(&["--role", "scan"], SETTINGS);
    assert_eq!(resources(&policy, "athena:StartQueryExecution"), ["arn:aws:athena:eu-central-1:111122223333:workgroup/audit"]);
    let tables = resources(&policy, "glue:GetTable");
    assert!(tables.contains(&"arn:aws:glue:eu-central-1:111122223333:table/logs/management"), "{tables:?}");
    assert!(tables.contains(&"arn:aws:glue:eu-central-1:111122223333:table/logs/data"), "{tables:?}");
    assert_eq!(resources(&policy, "s3:PutObject"), ["arn:aws:s3:::audit-results/*"]);
    assert_eq!(resources(&policy, "s3:GetObject"), ["arn:aws:s3:::audit-results/*", "arn:aws:s3:::org-trail/*"]);
    // Creating is for another role, and keys are not known.
    let text = policy.to_string();
    for absent in ["athena:CreateWorkGroup", "glue:CreateTable", "kms:", "iam:", "organizations:", "Delete", ":*\"", "<"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
}

/// "Identity-based permissions for Lake Formation and Athena": whoever queries data that is registered there needs this one.
#[test]
fn tables_that_lake_formation_governs_may_be_asked_for() {
    for section in
        ["database: 'aws:cloudtrail', table: 0a1b2c3d", "database: logs, table: amazon_security_lake_glue_db_eu_west_1.t"]
    {
        let policy = policy(&["--role", "scan"], &format!("athena: {{{section}}}\n"));
        assert_eq!(resources(&policy, "lakeformation:GetDataAccess"), ["*"], "{section}");
    }
    assert!(!policy(&["--role", "scan"], SETTINGS).to_string().contains("lakeformation"));
}

#[test]
fn a_key_is_used_through_s3_only() {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-00000000abcd";
    let policy = policy(&["--role", "scan", "--key", key], SETTINGS);
    let statements = policy["Statement"].as_array().unwrap();
    let of_key = statements.iter().find(|statement| statement["Resource"] == json!([key])).unwrap();
    assert_eq!(of_key["Condition"], json!({"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}));
    assert_eq!(resources(&policy, "kms:Decrypt"), [key]);
}

#[test]
fn every_role_has_a_policy_that_the_checker_accepts() {
    let place = folder(&[("palisade.yaml", SETTINGS)]);
    let made = ["setup", "permissions", "--account-id", "111122223333", "--output", "made"];
    let finished = Palisade::in_folder(&place).run(&made).ends_with(0);
    let mut files: Vec<String> = std::fs::read_dir(place.path().join("made"))
        .unwrap()
        .map(|entry| format!("made/{}", entry.unwrap().file_name().into_string().unwrap()))
        .collect();
    files.sort();
    for role in ["scan", "config", "access-analyzer", "setup", "caller"] {
        assert!(files.contains(&format!("made/{role}.json")), "{files:?} {}", finished.err);
    }
    let mut arguments = vec!["policy", "check", "--type", "identity"];
    arguments.extend(files.iter().map(String::as_str));
    let checked = Palisade::in_folder(&place).run(&arguments).ends_with(0);
    assert!(checked.err.contains("0 errors, 0 warnings"), "{}\n{}", checked.out, checked.err);
    // The caller may assume what the settings name.
    let caller: Value = serde_json::from_str(&std::fs::read_to_string(place.path().join("made/caller.json")).unwrap()).unwrap();
    assert_eq!(resources(&caller, "sts:AssumeRole"), ["arn:aws:iam::111122223333:role/palisade-scan"]);
}

#[test]
fn what_the_settings_do_not_say_is_a_placeholder() {
    let policy = policy(&["--role", "scan"], "events: [logs]\n");
    assert_eq!(resources(&policy, "s3:PutObject"), ["arn:aws:s3:::<results-bucket>/*"]);
    assert_eq!(resources(&policy, "athena:GetWorkGroup"), ["arn:aws:athena:<region>:<account-id>:workgroup/primary"]);
    let unknown = run(&["setup", "permissions", "--role", "root"]).ends_with(2);
    assert!(unknown.err.contains("expected one of scan, "), "{}", unknown.err);
}

#[test]
fn the_page_of_calls_is_what_the_code_says() {
    let page = palisade::setup::calls_page::markdown(palisade::aws::calls::all());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/aws-calls.md");
    if std::env::var_os("PALISADE_UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == written, "docs/aws-calls.md is not current: run the tests once with PALISADE_UPDATE_DOCS=1 set");
}

fn against(server: &str, place: impl AsRef<std::path::Path>, arguments: &[&str]) -> Finished {
    let mut program = Palisade::in_folder(place);
    for (name, value) in aws_environment(server) {
        program = program.env(name, &value);
    }
    program.run(arguments)
}

#[test]
fn apply_creates_what_is_missing_once_and_leaves_alone_what_is_there() {
    let Some(server) = address(Server::Athena) else { return };
    let name = unique("setup_");
    let (logs, results) = (unique("logs"), unique("results"));
    for bucket in [&logs, &results] {
        create_bucket(&server, bucket);
    }
    let (logs, results) = (format!("s3://{logs}"), format!("s3://{results}/out/"));
    let arguments = [
        "setup",
        "athena",
        "--logs",
        &logs,
        "--organization",
        "o-exampleorgid",
        "--results",
        &results,
        "--workgroup",
        &name,
        "--database",
        &name,
        "--region",
        "eu-west-1",
        "--apply",
    ]; // rustfmt: one line per group
    let place = folder::<&str>(&[]);
    let first = against(&server, &place, &arguments).ends_with(0);
    for created in
        [format!("workgroup {name} created"), format!("database {name} created"), format!("table {name}.cloudtrail created")]
    {
        assert!(first.err.contains(&created), "{}", first.err);
    }
    let section =
        format!("athena:\n  workgroup: {name}\n  database: {name}\n  tables: [cloudtrail, cloudtrail_network_activity]\n");
    assert_eq!(first.out, section);

    let log = |contains: &str| {
        let answer = request("GET", &format!("{server}/_front/log?workgroup={name}&contains={contains}"), None);
        answer.as_array().unwrap().len()
    };
    let statements = log("CREATE");
    assert_eq!(statements, 3, "a database and two tables");
    let second = against(&server, &place, &arguments).ends_with(0);
    assert!(second.err.contains("nothing was created: everything is there"), "{}", second.err);
    assert_eq!(second.out, section);
    assert_eq!(log("CREATE"), statements, "nothing was executed again");

    // Something else is wanted: what is there stays, and it is said how it differs.
    let mut other = arguments;
    other[13] = "us-east-1";
    other[7] = "s3://elsewhere/";
    let third = against(&server, &place, &other).ends_with(4);
    assert!(third.err.contains("stays as it is") && third.err.contains("writes results to"), "{}", third.err);
    assert!(third.err.contains("`projection.p_region.values` is `eu-west-1`"), "{}", third.err);
    assert_eq!(log("CREATE"), statements);
    assert_eq!(log("DROP") + log("ALTER"), 0);

    // What exists is found, with the settings that use it.
    let found =
        against(&server, &place, &["setup", "athena", "--detect", "--database", &name, "--workgroup", &name]).ends_with(0);
    assert_eq!(found.out, section);
    assert!(found.err.contains("cloudtrail: layout `account_and_day`"), "{}", found.err);
}

#[test]
fn a_statement_that_fails_ends_the_setup_and_says_why() {
    let Some(server) = address(Server::Athena) else { return };
    let name = unique("setup_");
    let results = unique("results");
    create_bucket(&server, &results);
    let fault =
        json!({"workgroup": name, "action": "fail", "match": "CREATE EXTERNAL", "message": "AccessDenied: not allowed"});
    request("POST", &format!("{server}/_front/faults"), Some(&fault));
    let results = format!("s3://{results}/");
    let place = folder::<&str>(&[]);
    let arguments =
        ["setup", "athena", "--logs", "s3://logs", "--results", &results, "--workgroup", &name, "--database", &name, "--apply"];
    let finished = against(&server, &place, &arguments).ends_with(1);
    assert!(
        finished.err.contains(&format!("table {name}.cloudtrail was not created: AccessDenied: not allowed")),
        "{}",
        finished.err
    );
    // A second try goes on from there.
    let again = against(&server, &place, &arguments).ends_with(0);
    assert!(again.err.contains(&format!("workgroup {name} is there")), "{}", again.err);
    assert!(again.err.contains(&format!("table {name}.cloudtrail created")), "{}", again.err);
}
