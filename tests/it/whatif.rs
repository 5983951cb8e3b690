//! `palisade whatif` from outside: what the sample organization's planted stories become under the published policies, refinements,
//! formats, exit codes, and everything that is wrong on the command line.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Finished, Palisade, add, delivered, folder, record};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sample(name: &str) -> String {
    root().join("samples").join(name).display().to_string()
}

/// Runs `whatif` over the sample organization in a folder; the report is in `out`.
pub(crate) fn over_sample(folder: &TempDir, arguments: &[&str]) -> Finished {
    over_events(folder, &sample("trail"), arguments)
}

/// The same over events elsewhere.
fn over_events(folder: &TempDir, events: &str, arguments: &[&str]) -> Finished {
    let inventory = sample("inventory");
    let mut all = vec!["whatif", "--events", events, "--inventory", &inventory, "-o", "out", "--sample-records", "false"];
    all.extend(arguments);
    Palisade::in_folder(folder).run(&all)
}

fn json(folder: &TempDir, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.path().join("out").join(file)).unwrap()).unwrap()
}

/// The calls of the findings of a query that have these values.
fn calls(report: &Value, query: &str, values: &[(&str, &str)]) -> i64 {
    let query = report["queries"].as_array().unwrap().iter().find(|found| found["name"] == query).unwrap();
    query["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| values.iter().all(|(column, value)| finding[*column] == *value))
        .map(|finding| finding["event_count"].as_i64().unwrap())
        .sum()
}

const RESOURCE: &str = "whatif:resource_perimeter_scp";

#[test]
fn a_resource_perimeter_breaks_what_the_stories_planted_and_the_refinement_spares_the_partner() {
    let folder = TempDir::new().unwrap();
    let policy = sample("policies/resource_perimeter_scp.json");
    let finished = over_sample(
        &folder,
        &[
            "--policy",
            &policy,
            "--set",
            "my-org-id=o-palisade01",
            "--attach",
            "root",
            "--format",
            "json,sarif,csv",
            "--fail-on",
            "denied",
            "--refine",
            "--legitimate",
            "resource-account=555500005555",
            "--refined",
            "refined.json",
        ],
    );
    assert_eq!(finished.code, 3, "{}", finished.err);
    let report = json(&folder, "report.json");
    let newly = |values: &[(&str, &str)]| calls(&report, RESOURCE, &[&[("outcome", "newly_denied")], values].concat());
    // STORIES.md: the partner's second bucket, the migrating catalog, the survey, and two buckets of another account.
    assert_eq!(newly(&[]), 24 + 72 + 15 + 22 + 7);
    assert_eq!(newly(&[("principal_arn", "arn:aws:iam::150000000015:role/integration/freight-export")]), 24);
    assert_eq!(newly(&[("resource_arn", "arn:aws:s3:::aurora-catalog-store/*")]), 72);
    assert_eq!(newly(&[("resource_arn", "arn:aws:s3:::vantage-survey-drop/*")]), 15);
    let label = format!("{policy}:4 EnforceResourcePerimeterAWSResources");
    assert_eq!(newly(&[("statement", &label), ("perimeter", "resource"), ("verdict", "denied")]), 140);
    // Nobody tells the owner of one bucket.
    let open = [("outcome", "may_be_newly_denied"), ("verdict", "undetermined")];
    assert_eq!(calls(&report, RESOURCE, &open), 11);
    assert_eq!(calls(&report, RESOURCE, &[open[0], ("principal_arn", "arn:aws:iam::160000000016:role/image-proxy")]), 11);
    // What the log shows as denied stands apart.
    let denied = "whatif:resource_perimeter_scp:denied-already";
    assert_eq!(calls(&report, RESOURCE, &[("outcome", "already_denied")]), 0);
    assert!(calls(&report, denied, &[("outcome", "already_denied"), ("denied_by", "service control policy")]) > 0);

    // The refinement: one key, everything else as it was written, placeholders included.
    let written = std::fs::read_to_string(&policy).unwrap();
    let refined = std::fs::read_to_string(folder.path().join("refined.json")).unwrap();
    let exempt = "          \"aws:PrincipalTag/dp:exclude:resource\": \"true\"\n";
    let expected = written.replacen(
        exempt,
        "          \"aws:PrincipalTag/dp:exclude:resource\": \"true\",\n          \"aws:ResourceAccount\": \"555500005555\"\n",
        1,
    );
    assert_eq!(refined, expected);
    assert!(finished.out.contains("24 of 24 legitimate calls go through"), "{}", finished.out);
    assert!(finished.out.contains("nothing else is let through"), "{}", finished.out);

    sarif_points_at_the_statement(&json(&folder, "findings.sarif"), &policy);
}

fn sarif_points_at_the_statement(sarif: &Value, policy: &str) {
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules: Vec<&str> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(rules, [RESOURCE, "whatif:resource_perimeter_scp:denied-already"]);
    let results = run["results"].as_array().unwrap();
    // Four principals are denied, one may be.
    assert_eq!(results.iter().filter(|result| result["level"] == "error").count(), 4);
    assert_eq!(results.iter().filter(|result| result["level"] == "warning").count(), 1);
    for result in results {
        assert_eq!(result["ruleId"], rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()]);
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(location["region"]["startLine"], 4);
        assert!(location["artifactLocation"]["uri"].as_str().unwrap().ends_with(policy), "{location}");
        assert!(result["partialFingerprints"]["palisade/v1"].as_str().unwrap().len() == 32);
    }
}

#[test]
fn an_identity_perimeter_stops_the_foreign_readers_and_leaves_the_partner_alone() {
    let folder = TempDir::new().unwrap();
    let policy = sample("policies/identity_perimeter_rcp.json");
    let arguments = ["--policy", &policy, "--set", "my-org-id=o-palisade01", "--attach", "root", "--format", "json"];
    let finished = over_sample(&folder, &arguments);
    assert_eq!(finished.code, 0, "{}", finished.err);
    let report = json(&folder, "report.json");
    let newly = |values: &[(&str, &str)]| {
        calls(&report, "whatif:identity_perimeter_rcp", &[&[("outcome", "newly_denied")], values].concat())
    };
    // The readers of the catalog, the press pictures, and the auditor who assumes a role.
    assert_eq!(newly(&[]), 35 + 30 + 2);
    assert_eq!(newly(&[("resource_arn", "arn:aws:s3:::palisade-shop-production-press/*")]), 30);
    assert_eq!(newly(&[("event_name", "AssumeRole"), ("perimeter", "identity")]), 2);
    // The partner, who is listed, fetches its reports as before.
    assert_eq!(newly(&[("principal_account_id", "555500005555")]), 0);
}

#[test]
fn a_network_perimeter_stops_what_comes_from_elsewhere() {
    let folder = TempDir::new().unwrap();
    let policy = sample("policies/network_perimeter_sourcevpc_scp.json");
    let mut arguments = vec!["--policy".to_owned(), policy, "--attach".to_owned(), "root".to_owned()];
    for cidr in ["203.0.113.0/25", "2001:db8:1100::/40", "192.0.2.0/27"] {
        arguments.extend(["--set".to_owned(), format!("my-corporate-cidr={cidr}")]);
    }
    // The networks that perimeter.yaml expects.
    for vpc in
        std::fs::read_to_string(sample("perimeter.yaml")).unwrap().split_whitespace().filter(|word| word.starts_with("vpc-"))
    {
        arguments.extend(["--set".to_owned(), format!("my-vpc={vpc}")]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--format", "json"]).collect();
    let finished = over_sample(&folder, &arguments);
    assert_eq!(finished.code, 0, "{}", finished.err);
    let report = json(&folder, "report.json");
    let query = "whatif:network_perimeter_sourcevpc_scp";
    let of = |outcome: &str, arn: &str| calls(&report, query, &[("outcome", outcome), ("principal_arn", arn)]);
    // The VPC that nobody listed, and the auditor.
    assert_eq!(of("newly_denied", "arn:aws:iam::018000000018:role/ledger-lab"), 23);
    assert_eq!(of("newly_denied", "arn:aws:iam::018000000018:role/external-auditor"), 14);
    // The leaked key: the inventory has no users, so nobody knows whether it is tagged as exempt.
    assert_eq!(of("newly_denied", "arn:aws:iam::160000000016:user/backup-agent"), 0);
    assert_eq!(of("may_be_newly_denied", "arn:aws:iam::160000000016:user/backup-agent"), 73);
    let said = report["manifest"]["queries"][0]["description"].as_str().unwrap();
    assert!(said.contains("aws:PrincipalTag/dp:exclude:network: the tags of the role or user"), "{said}");
}

#[test]
fn an_endpoint_policy_is_judged_for_the_calls_through_its_endpoints() {
    let folder = TempDir::new().unwrap();
    let policy = sample("policies/s3_endpoint_policy.json");
    let finished = over_sample(
        &folder,
        &[
            "--policy",
            &policy,
            "--set",
            "my-org-id=o-palisade01",
            "--attach",
            "vpce-02f6e83178e681762",
            "--attach",
            "vpce-0bb4f46a7a630cd7f",
            "--format",
            "json,html,xlsx,csv,ndjson,parquet,sarif",
        ],
    );
    assert_eq!(finished.code, 0, "{}", finished.err);
    let report = json(&folder, "report.json");
    let query = "whatif:s3_endpoint_policy";
    assert_eq!(calls(&report, query, &[("outcome", "newly_denied")]), 140);
    let finding = report["queries"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["resource_arn"] == "arn:aws:s3:::northwind-freight-returns/*")
        .unwrap();
    let reason = finding["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("Newly denied: no statement of s3_endpoint_policy.json (VPC endpoint policy) allows s3:PutObject"),
        "{reason}"
    );
    assert_eq!(finding["statement"], format!("{policy}:1 nothing allows it"));
    for file in ["report.html", "report.xlsx", "findings.csv", "findings.ndjson", "findings.parquet", "findings.sarif"] {
        assert!(folder.path().join("out").join(file).metadata().unwrap().len() > 1_000, "{file}");
    }
}

#[test]
fn several_changes_are_judged_each_alone_and_all_together_and_twice_the_same() {
    let folder = TempDir::new().unwrap();
    add(
        &folder,
        "open.json",
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"NoLargeInstances","Effect":"Deny","Action":"ec2:RunInstances","Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"StringLike":{"ec2:InstanceType":["p*","g*","trn*"]}}}]}"#,
    );
    let policy = sample("policies/resource_perimeter_scp.json");
    let arguments = [
        "--policy",
        &policy,
        "--set",
        "my-org-id=o-palisade01",
        "--attach",
        "ou-pal1-workload",
        "--replace",
        "guard-rails=open.json",
        "--format",
        "json",
    ];
    let run = || {
        let finished = over_sample(&folder, &arguments);
        assert_eq!(finished.code, 0, "{}", finished.err);
        std::fs::read(folder.path().join("out/report.json")).unwrap()
    };
    let first = run();
    let report: Value = serde_json::from_slice(&first).unwrap();
    let names: Vec<&str> = report["queries"].as_array().unwrap().iter().map(|query| query["name"].as_str().unwrap()).collect();
    assert_eq!(names, [RESOURCE, "whatif:replace:guard-rails", "whatif:all", "whatif:all:denied-already"]);
    // Without the statement that freezes the ratings, what it denied would go through.
    let gains = report["manifest"]["impacts"][1]["gains"].to_string();
    assert!(gains.contains("\"operation\":\"dynamodb:"), "{gains}");
    let allowed = [("outcome", "newly_allowed"), ("event_source", "dynamodb.amazonaws.com")];
    assert_eq!(calls(&report, RESOURCE, &allowed), 0);
    let freed = calls(&report, "whatif:replace:guard-rails", &allowed);
    assert!(freed > 0, "{report}");
    assert_eq!(calls(&report, "whatif:all", &allowed), freed);
    let denied = [("outcome", "newly_denied")];
    assert_eq!(calls(&report, "whatif:all", &denied), calls(&report, RESOURCE, &denied));
    assert_eq!(run(), first);
}

#[test]
fn the_totals_of_several_changes_count_every_call_once() {
    let folder = TempDir::new().unwrap();
    let (resource, identity) = (sample("policies/resource_perimeter_scp.json"), sample("policies/identity_perimeter_rcp.json"));
    let finished = over_sample(
        &folder,
        &[
            "--policy",
            &resource,
            "--policy",
            &identity,
            "--set",
            "my-org-id=o-palisade01",
            "--attach",
            "root",
            "--format",
            "json,html,sarif",
            "--refine",
        ],
    );
    assert_eq!(finished.code, 0, "{}", finished.err);
    let report = json(&folder, "report.json");
    // STORIES.md: 140 calls to foreign buckets, and 67 of strangers to ours. No call is in both.
    assert_eq!(report["summary"]["crossing"]["calls"], 140 + 67);
    // Who calls without credentials is one, by whichever word the records have it.
    assert_eq!(report["summary"]["crossing"]["principals"], 4 + 4);
    let impacts = report["manifest"]["impacts"].as_array().unwrap();
    let newly = |impact: &Value| impact["outcomes"][0]["calls"].as_i64().unwrap();
    assert_eq!(impacts.iter().map(newly).collect::<Vec<_>>(), [140, 67, 207]);
    let whole = &impacts[2];
    assert_eq!(whole["query"], "whatif:all");
    let totals: Vec<bool> = impacts.iter().map(|impact| impact["in_totals"].as_bool().unwrap()).collect();
    assert_eq!(totals, [false, false, true]);
    assert_eq!(whole["statements"][0]["statement"], "resource_perimeter_scp.json:4 EnforceResourcePerimeterAWSResources");
    assert_eq!(whole["statements"][0]["principals"], 4);
    // The owners come from the tags of the roles; whom only an identifier names is said in words.
    assert_eq!(whole["losses"][0]["owner"], "owner catalog");
    assert_eq!(whole["losses"][0]["operations"][0]["resource"], "arn:aws:s3:::aurora-catalog-store/*");
    let lost: Vec<&str> = whole["losses"].as_array().unwrap().iter().map(|loss| loss["principal"].as_str().unwrap()).collect();
    assert!(lost.contains(&"a role of account 666600006666 (AROAXPRTP2OZF2ZF37ZUK)"), "{lost:?}");
    assert_eq!(lost.iter().filter(|name| name.starts_with("anybody, without credentials")).count(), 1, "{lost:?}");
    assert_eq!(whole["outcomes"][0]["principals"], report["summary"]["crossing"]["principals"]);
    // By key: the owner of one bucket, and for which resource services called.
    let open: Vec<(&str, i64)> = whole["open"]
        .as_array()
        .unwrap()
        .iter()
        .map(|open| (open["key"].as_str().unwrap(), open["calls"].as_i64().unwrap()))
        .collect();
    assert!(open.contains(&("aws:ResourceOrgID", 11)), "{open:?}");
    let of = |key: &str| open.iter().filter(|(own, _)| *own == key).map(|(_, calls)| calls).sum::<i64>();
    assert_eq!(of("aws:SourceAccount"), of("aws:SourceOrgID"));
    // To trust who does not sign in is to trust everybody, and the refinement says so.
    let lines = impacts[1]["refinement"]["lines"].to_string();
    assert!(lines.contains("`anonymous` is everybody on the internet"), "{lines}");
    assert!(whole["refinement"].is_null());

    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains("207 calls of 8 principals in 3 accounts would be newly denied"));
    for heading in ["Each change alone", "Statements that break most", "What you will lose", "What would settle the rest"] {
        assert_eq!(page.matches(&format!(">{heading}</h3>")).count(), 1, "{heading}");
    }
    // What counts is one link away, and the findings of the changes alone are not in it.
    assert!(
        page.contains(
            "#all?f.query=is:whatif%3Aall&#38;f.query=is:whatif%3Aall%3Adenied-already&#38;f.outcome=is:newly_denied"
        )
    );
    // A scanner of code is told of every statement once.
    let sarif = json(&folder, "findings.sarif");
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(
        rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["whatif:all", "whatif:all:denied-already"]
    );
}

#[test]
fn a_call_across_accounts_counts_once_under_its_caller_in_logs_and_in_a_store() {
    let folder = TempDir::new().unwrap();
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*"}}"#;
    std::fs::write(folder.path().join("scp.json"), policy).unwrap();
    let finished = Palisade::in_folder(&folder).run(&["-q", "collect", "--events", &sample("trail"), "-o", "store"]);
    assert_eq!(finished.code, 0, "{}", finished.err);
    let arguments = ["--policy", "scp.json", "--type", "scp", "--attach", "130000000013", "--format", "json"];
    for events in [sample("trail"), "store".to_owned()] {
        let finished = over_events(&folder, &events, &arguments);
        assert_eq!(finished.code, 0, "{}", finished.err);
        let report = json(&folder, "report.json");
        // Two users assume roles in nine accounts, 252 times each; each call is recorded in both accounts.
        for user in ["audit", "ci"] {
            let arn = format!("arn:aws:iam::130000000013:user/{user}");
            let values = [("outcome", "newly_denied"), ("principal_arn", arn.as_str())];
            assert_eq!(calls(&report, "whatif:scp", &values), 252, "{events} {user}");
        }
        assert_eq!(calls(&report, "whatif:scp", &[("outcome", "newly_denied")]), 504, "{events}");
    }
}

#[test]
fn a_place_where_a_policy_has_no_effect_is_refused() {
    let folder = TempDir::new().unwrap();
    let policy = sample("policies/resource_perimeter_scp.json");
    let finished = over_sample(&folder, &["--policy", &policy, "--set", "my-org-id=o-palisade01", "--attach", "110000000011"]);
    assert_eq!(finished.code, 2);
    assert!(finished.err.contains("no effect in the management account 110000000011"), "{}", finished.err);
    std::fs::write(
        folder.path().join("bucket_policy.json"),
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}}"#,
    )
    .unwrap();
    let object = "arn:aws:s3:::palisade-shop-production-catalog/x";
    let finished = over_sample(&folder, &["--policy", "bucket_policy.json", "--attach", object]);
    assert_eq!(finished.code, 2);
    assert!(finished.err.contains("--attach arn:aws:s3:::palisade-shop-production-catalog"), "{}", finished.err);
}

#[test]
fn of_an_action_that_no_table_knows_no_key_is_taken_for_absent() {
    let levitate = record(
        1,
        serde_json::json!({"eventSource": "ec2.amazonaws.com", "eventName": "LevitateInstances", "requestParameters": {}, "resources": null}),
    );
    let folder = folder(&[("logs/a.json", delivered(&[levitate]))]);
    add(
        &folder,
        "scp.json",
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"NoLargeInstances","Effect":"Deny","Action":"ec2:*","Resource":"*","Condition":{"StringLike":{"ec2:InstanceType":["p*","g*"]}}}]}"#,
    );
    add(&folder, "inventory/accounts.csv", "account_id,name\n111111111111,main\n");
    add(&folder, "inventory/snapshot.json", ORGANIZATION);
    let (_, report) = outcome_of(&folder, &["--policy", "scp.json", "--attach", "root", "--inventory", "inventory"]);
    let finding = &report["queries"][0]["findings"][0];
    assert_eq!(finding["outcome"], "may_be_newly_denied", "{finding}");
    assert!(finding["settled_by"].as_str().unwrap().starts_with("ec2:InstanceType"), "{finding}");
}

const DENY_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Deny","Action":"*","Resource":"*"}]}"#;

const ORGANIZATION: &str = r#"{"schema_version":1,"organization_id":"o-exampleorg1","management_account_id":"999999999999"}"#;

/// The events of one account, with an inventory of these files.
fn small(files: &[(&str, &str)]) -> TempDir {
    let folder = folder(&[("logs/a.json", delivered(&[record(1, serde_json::json!({}))]))]);
    add(&folder, "scp.json", DENY_ALL);
    if !files.is_empty() {
        add(&folder, "inventory/snapshot.json", ORGANIZATION);
    }
    files.iter().for_each(|(name, text)| add(&folder, name, text));
    folder
}

fn outcome_of(folder: &TempDir, arguments: &[&str]) -> (Finished, Value) {
    let mut all = vec!["whatif", "--events", "logs", "-o", "out", "--format", "json"];
    all.extend(arguments);
    let finished = Palisade::in_folder(folder).run(&all);
    assert_eq!(finished.code, 0, "{}", finished.err);
    let report = json(folder, "report.json");
    (finished, report)
}

#[test]
fn without_the_organization_tree_what_depends_on_it_is_open_and_said_once() {
    let accounts = "account_id,name\n111111111111,main\n222222222222,other\n";
    let folder = small(&[("inventory/accounts.csv", accounts)]);
    let arguments = ["--policy", "scp.json", "--attach", "ou-abcd-11111111", "--inventory", "inventory"];
    let (_, report) = outcome_of(&folder, &arguments);
    let finding = &report["queries"][0]["findings"][0];
    assert_eq!(finding["outcome"], "may_be_newly_denied", "{finding}");
    assert!(finding["settled_by"].as_str().unwrap().contains("organization tree"), "{finding}");
    let said = report["manifest"]["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|warning| warning["message"].to_string().contains("no organization tree"));
    assert_eq!(said.count(), 1);
    // At the root it does not matter where the account is.
    let (_, report) = outcome_of(&folder, &["--policy", "scp.json", "--attach", "root", "--inventory", "inventory"]);
    assert_eq!(report["queries"][0]["findings"][0]["outcome"], "newly_denied");
}

#[test]
fn what_a_statement_about_no_perimeter_denies_is_of_none_also_beside_others() {
    let folder = small(&[("inventory/accounts.csv", "account_id,name\n111111111111,main\n")]);
    let resource = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sqs:SendMessage","Resource":"*",
        "Condition":{"StringNotEquals":{"aws:ResourceOrgID":"o-exampleorg1"}}}]}"#;
    add(&folder, "resource.json", resource);
    let arguments = ["--policy", "scp.json", "--policy", "resource.json", "--attach", "root", "--inventory", "inventory"];
    let (_, report) = outcome_of(&folder, &arguments);
    let queries = report["queries"].as_array().unwrap();
    for name in ["whatif:scp", "whatif:all"] {
        let query = queries.iter().find(|query| query["name"] == name).unwrap();
        assert_eq!(query["findings"][0]["outcome"], "newly_denied");
        assert_eq!(query["findings"][0]["perimeter"], "none", "{name}");
    }
}

#[test]
fn without_an_inventory_nobody_knows_whom_a_policy_binds() {
    let folder = small(&[]);
    let (_, report) = outcome_of(&folder, &["--policy", "scp.json", "--attach", "root"]);
    let finding = &report["queries"][0]["findings"][0];
    assert_eq!(finding["outcome"], "may_be_newly_denied", "{finding}");
    assert!(finding["settled_by"].as_str().unwrap().contains("management account"), "{finding}");
}

#[test]
fn a_record_without_time_is_judged_too() {
    let mut without_time = record(1, serde_json::json!({}));
    without_time.as_object_mut().unwrap().remove("eventTime");
    let folder = folder(&[("logs/a.json", delivered(&[without_time]))]);
    add(&folder, "scp.json", DENY_ALL);
    add(&folder, "inventory/accounts.csv", "account_id,name\n111111111111,main\n");
    add(&folder, "inventory/snapshot.json", ORGANIZATION);
    let (_, report) = outcome_of(&folder, &["--policy", "scp.json", "--attach", "root", "--inventory", "inventory"]);
    assert_eq!(calls(&report, "whatif:scp", &[("outcome", "newly_denied")]), 1);
}

#[test]
fn ten_thousand_statements_and_a_megabyte_are_judged_with_a_warning() {
    let statements: Vec<String> = (0..10_000)
        .map(|number| {
            format!(
                r#"{{"Sid":"S{number}","Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::a-bucket-with-a-long-name-{number}/*"}}"#
            )
        })
        .collect();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{},{}]}}"#,
        statements.join(","),
        r#"{"Sid":"Last","Effect":"Deny","Action":"ec2:*","Resource":"*"}"#
    );
    assert!(policy.len() > 1_000_000);
    let folder = small(&[("inventory/accounts.csv", "account_id,name\n111111111111,main\n"), ("scp.json", &policy)]);
    let (finished, report) = outcome_of(&folder, &["--policy", "scp.json", "--attach", "root", "--inventory", "inventory"]);
    assert_eq!(report["queries"][0]["findings"][0]["statement"], "scp.json:1 Last");
    assert!(finished.err.contains("policy-too-large"), "{}", finished.err);
}

/// Arguments, files, and what the message must say. All of them end in exit code 2, before a log is read.
#[test]
fn what_cannot_be_tried_is_refused_with_what_to_do() {
    let placeholders = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",
        "Condition":{"StringNotEquals":{"aws:ResourceOrgID":"<my-org-id>"}}}]}"#;
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let cases: &[(&str, &[&str], &[&str])] = &[
        (DENY_ALL, &["--attach", "root", "--set", "x=1"], &["no policy has a placeholder <x>"]),
        (DENY_ALL, &[], &["no --attach says where", "--attach root"]),
        (DENY_ALL, &["--attach", "ou-pal1-workloads"], &["ou-pal1-workloads", "did you mean ou-pal1-workload (Workloads)"]),
        (DENY_ALL, &["--attach", "150000000016"], &["150000000016", "did you mean 150000000015 (shop-production)"]),
        (DENY_ALL, &["--attach", "vpce-02f6e83178e681763"], &["no such VPC endpoint", "vpce-02f6e83178e681762"]),
        (
            DENY_ALL,
            &["--attach", "arn:aws:s3:::palisade-shop-production-catalogue"],
            &["no such bucket", "palisade-shop-production-catalog"],
        ),
        (DENY_ALL, &["--attach", "nowhere"], &["is no target", "vpce-…"]),
        (
            DENY_ALL,
            &["--attach", "vpce-02f6e83178e681762"],
            &["service control policy", "cannot be attached to vpce-02f6e83178e681762", "--type"],
        ),
        (DENY_ALL, &["--attach", "root", "--type", "session"], &["attached to identities"]),
        (DENY_ALL, &["--attach", "root", "--detach", "guardrails"], &["did you mean guard-rails"]),
        (
            DENY_ALL,
            &["--attach", "root", "--detach", "guard-rails@ou-pal1-security"],
            &["attached at ou-pal1-sandbox1, ou-pal1-workload"],
        ),
        (DENY_ALL, &["--attach", "root", "--replace", "guard-rails"], &["POLICY=FILE"]),
        (DENY_ALL, &["--attach", "root", "--refine", "--legitimate", "account=12"], &["an account has 12 digits"]),
        (DENY_ALL, &["--attach", "root", "--legitimate", "all"], &["--refine"]),
        (placeholders, &["--attach", "root"], &["policy.json:2", "<my-org-id>", "--set my-org-id=…"]),
        ("not json", &["--attach", "root"], &["policy.json:1:1", "invalid-json"]),
        ("{\"Version\": \"2012-10-17\" // comment\n}", &["--attach", "root"], &["JSON has no comments"]),
        (r#"{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}"#, &["--attach", "root"], &["duplicate-element"]),
        (
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Frob":1}]}"#,
            &["--attach", "root"],
            &["unknown-element", "`Frob`"],
        ),
        (
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":7,"Resource":"*"}]}"#,
            &["--attach", "root"],
            &["policy.json:1:"],
        ),
        (
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}"#,
            &["--attach", "root", "--type", "scp"],
            &["principal-not-allowed"],
        ),
        (&deep, &["--attach", "root"], &["policy.json:1:"]),
        ("", &["--attach", "root"], &["the file is empty"]),
    ];
    for (text, arguments, expected) in cases {
        let folder = folder(&[("policy.json", text)]);
        let inventory = sample("inventory");
        let mut all = vec!["whatif", "--policy", "policy.json", "--inventory", &inventory, "--events", "no-such-folder"];
        all.extend(*arguments);
        let finished = Palisade::in_folder(&folder).run(&all);
        assert_eq!(finished.code, 2, "{arguments:?} {text}: {}", finished.err);
        for part in *expected {
            assert!(finished.err.contains(part), "{arguments:?}: {part:?} is not in\n{}", finished.err);
        }
        assert!(!folder.path().join("palisade-whatif").exists());
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let folder = small(&[
        ("inventory/accounts.csv", "account_id,name\n111111111111,main\n"),
        ("scp.json", &format!("\u{feff}{DENY_ALL}")),
    ]);
    let (_, report) = outcome_of(&folder, &["--policy", "scp.json", "--attach", "root", "--inventory", "inventory"]);
    assert_eq!(calls(&report, "whatif:scp", &[("outcome", "newly_denied")]), 1);
}

#[test]
fn fail_on_asks_for_the_verdicts_of_all_changes_together() {
    let folder = small(&[("inventory/accounts.csv", "account_id,name\n111111111111,main\n")]);
    let run = |fail_on: &str| {
        let arguments = [
            "whatif",
            "--events",
            "logs",
            "-o",
            "out",
            "--format",
            "json",
            "--inventory",
            "inventory",
            "--policy",
            "scp.json",
            "--attach",
            "root",
            "--fail-on",
            fail_on,
        ];
        Palisade::in_folder(&folder).run(&arguments).code
    };
    assert_eq!((run("denied"), run("undetermined"), run("denied,undetermined")), (3, 0, 3));
}
