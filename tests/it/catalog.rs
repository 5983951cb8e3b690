//! Named queries: reading, choosing, binding, checking; and what all of the program's own queries must keep to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use palisade::catalog::binding::{MATCHES_NOTHING, MAX_LIST_VALUES, regular_expression};
use palisade::catalog::parameters::{Facts, values};
use palisade::catalog::{
    BindError, BoundValue, Catalog, CatalogError, LintFinding, Origin, Over, ParameterValue, PlaceholderStyle, QuerySpec,
    Steps, TestFile, lint, reference_markdown,
};
use palisade::config::perimeter::model::Trust;
use palisade::pattern::Pattern;

const ENRICH: &[&str] = &["account", "principal", "role", "endpoint", "network", "resource"];
const EXCLUDE: &[&str] = &[
    "aws_owned_resources",
    "aws_service_principals",
    "exempt_principals",
    "expected_networks",
    "external_access",
    "forward_access_sessions",
    "not_own_resources",
    "not_own_vpc_endpoints",
    "not_service_role",
    "organization_principals",
    "organization_resources",
    "own_vpc_endpoints",
    "same_boundary_principals",
    "service_linked_roles",
    "trusted_identities",
    "trusted_resources",
];
const PLACEHOLDERS: &[&str] = &["action", "endpoint", "error", "owner", "principal", "resource", "source"];

fn findings(query: &QuerySpec) -> Vec<LintFinding> {
    lint(query, Steps { enrich: ENRICH, exclude: EXCLUDE, placeholders: PLACEHOLDERS })
}

fn query(front_matter: &str, sql: &str) -> QuerySpec {
    QuerySpec::parse(&format!("/*\n{front_matter}*/\n{sql}"), Origin::File(PathBuf::from("folder/my_query.sql"))).unwrap()
}

const FRONT_MATTER: &str = "\
title: t
description: d
perimeter: none
scope: account
parameters:
  account_id: {type: string, from: account}
finding: \"{principal}\"
";

/// A statement with nothing to find, but for `dimension` and `condition`.
fn statement(dimension: &str, condition: &str) -> String {
    format!(
        "SELECT account_id, event_source, event_name, region, {dimension} AS error_code, sum(event_count) AS event_count,\n\
         min(first_seen) AS first_seen, max(last_seen) AS last_seen, min(event_id) AS sample_event_id\n\
         FROM events\n\
         WHERE account_id = :account_id AND {condition}\n\
         GROUP BY account_id, event_source, event_name, region, {dimension}"
    )
}

fn codes(sql: &str) -> BTreeSet<&'static str> {
    findings(&query(FRONT_MATTER, sql)).iter().map(|finding| finding.code).collect()
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_query_of_the_program_may_run_on_every_engine() {
    let catalog = Catalog::built_in().unwrap();
    assert_eq!(catalog.len(), 25);
    let all: Vec<String> = catalog.iter().flat_map(findings).map(|finding| finding.to_string()).collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn every_query_file_of_the_repository_is_part_of_the_program() {
    let catalog = Catalog::built_in().unwrap();
    let built_in: BTreeSet<String> = catalog.iter().map(|query| query.origin.to_string()).collect();
    let mut files = BTreeSet::new();
    for folder in std::fs::read_dir(repository().join("queries")).unwrap() {
        let folder = folder.unwrap().path();
        // Mappings of sources are no named queries.
        if folder.file_name().is_some_and(|name| name == "sources") {
            continue;
        }
        for file in std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "sql") {
                files.insert(file.strip_prefix(repository()).unwrap().display().to_string());
            }
        }
    }
    assert_eq!(built_in, files);
}

#[test]
fn every_query_of_the_program_has_test_cases_that_can_be_read() {
    for query in Catalog::built_in().unwrap().iter() {
        let (path, text) = query.test.as_ref().unwrap();
        let cases = TestFile::parse(text, path).unwrap_or_else(|error| panic!("{error}")).cases;
        assert!(cases.len() >= 2 || query.over == Over::Inventory, "{path} has {} cases", cases.len());
        assert!(cases.iter().any(|case| !case.expect.is_empty()), "{path} never expects a finding");
        let leaves_out = cases.iter().any(|case| case.rows.len() > case.expect.len());
        assert!(leaves_out || query.over == Over::Inventory, "{path} never expects a row to be left out");
    }
}

#[test]
fn the_reference_page_is_current() {
    let page = reference_markdown(&Catalog::built_in().unwrap());
    let path = repository().join("docs/queries.md");
    if std::env::var_os("PALISADE_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(page == written, "docs/queries.md is not current: run the tests once with PALISADE_UPDATE_DOCS=1 set");
}

/// The condition by which a statement leaves denied calls out or, for the query of denied calls, keeps them.
fn denied_codes(sql: &str) -> Option<&str> {
    let start = sql.find("regexp_like(error_code, '")?;
    sql.get(start..)?.split('\'').nth(1)
}

#[test]
fn what_perimeter_queries_leave_out_as_denied_is_what_the_list_of_denied_calls_holds() {
    let catalog = Catalog::built_in().unwrap();
    let expected = denied_codes(&catalog.get("common_only_denied").unwrap().sql).unwrap();
    let over_events = |query: &&QuerySpec| query.over == Over::Events;
    for query in catalog.iter().filter(over_events).filter(|query| query.perimeter.as_str() != "none") {
        assert_eq!(denied_codes(&query.sql), Some(expected), "{}", query.name);
    }
}

#[test]
fn denials_of_all_services_are_recognised_and_other_errors_are_not() {
    let catalog = Catalog::built_in().unwrap();
    let denied = regex::Regex::new(denied_codes(&catalog.get("common_only_denied").unwrap().sql).unwrap()).unwrap();
    for code in [
        "AccessDenied",
        "AccessDeniedException",
        "AccessDeniedFault",
        "AuthorizationError",
        "AuthorizationErrorException",
        "AllAccessDisabled",
        "Client.AuthFailure",
        "Client.UnauthorizedOperation",
        "Forbidden",
        "ForbiddenException",
        "InsufficientPrivilegesException",
        "KMSAccessDeniedException",
        "NotAuthorized",
        "NotAuthorizedException",
        "UnauthorizedAccess",
        "UnauthorizedClientException",
        "UnauthorizedException",
        "UnauthorizedOperation",
        "VpceAccessDenied",
    ] {
        assert!(denied.is_match(code), "{code} is a denial");
    }
    for code in [
        "AuthorizationHeaderMalformed",
        "Client.DryRunOperation",
        "Client.InvalidPermission.NotFound",
        "Client.OperationNotPermitted",
        "NoSuchBucketPolicy",
        "NoSuchKey",
        "PermanentRedirect",
        "ThrottlingException",
        "UnauthorizedOperationNot",
    ] {
        assert!(!denied.is_match(code), "{code} is no denial");
    }
}

#[test]
fn statements_do_not_grow_with_the_organization() {
    for query in Catalog::built_in().unwrap().iter() {
        let grows = |(name, parameter): (&String, &palisade::catalog::Parameter)| name != "account_id" && !parameter.prefilter;
        assert!(!query.parameters.iter().any(grows), "{} takes lists", query.name);
        assert!(query.sql.len() < 5_000, "{} has {} bytes", query.name, query.sql.len());
    }
}

#[test]
fn a_call_on_every_account_is_read_once_for_the_organization() {
    let catalog = Catalog::built_in().unwrap();
    let query = catalog.get("s3_vpce_policy_resource_perimeter_org_to_not_mine").unwrap();
    assert_eq!(query.scope.as_str(), "organization");
    assert!(query.parameters.is_empty());
}

#[test]
fn names_patterns_and_all_choose_queries() {
    let catalog = Catalog::built_in().unwrap();
    let names = |selection: &[&str]| -> Vec<String> {
        catalog.select(selection).unwrap().into_iter().map(|query| query.name.clone()).collect()
    };
    // The two that others are joined with are chosen by their names only.
    assert_eq!(names(&["all"]).len(), 23);
    assert_eq!(names(&["activity_outside_calls"]).len(), 1);
    assert_eq!(
        names(&["s3_scp_*", "common_only_denied", "s3_scp_resource_perimeter"]),
        ["common_only_denied", "s3_scp_network_perimeter_ipv4", "s3_scp_resource_perimeter"]
    );
}

#[test]
fn a_misspelt_name_is_an_error_even_beside_a_right_one() {
    let catalog = Catalog::built_in().unwrap();
    let message = |selection: &[&str]| catalog.select(selection).unwrap_err().to_string();
    assert_eq!(
        message(&["common_only_denied", "common_only_denid"]),
        "there is no query named `common_only_denid`, did you mean `common_only_denied`? (`palisade queries list` shows them all)"
    );
    // A part of a name does not choose silently whatever contains it.
    assert!(message(&["vpce"]).contains("did you mean `*vpce*`?"), "{}", message(&["vpce"]));
    assert!(matches!(catalog.select(&["kms_*"]), Err(CatalogError::PatternFitsNothing { .. })));
    assert!(matches!(catalog.select::<&str>(&[]), Err(CatalogError::NothingSelected)));
}

#[test]
fn a_folder_of_the_user_adds_and_replaces_queries() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("/*\n{FRONT_MATTER}*/\n{}", statement("error_code", "error_code IS NULL"));
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/common_only_denied.sql"), &text).unwrap();
    std::fs::write(folder.path().join("mine/mine_new.sql"), &text).unwrap();
    std::fs::write(folder.path().join("mine/mine_new.test.yaml"), "cases: []\n").unwrap();
    let catalog = Catalog::load(&[folder.path().to_owned()]).unwrap();
    assert_eq!(catalog.len(), 26);
    let replaced = catalog.get("common_only_denied").unwrap();
    assert_eq!(replaced.title, "t");
    assert_eq!(replaced.replaces, Some(Origin::BuiltIn("queries/common/common_only_denied.sql")));
    let new = catalog.get("mine_new").unwrap();
    assert_eq!((new.folder.as_str(), new.replaces.as_ref()), ("mine", None));
    assert_eq!(new.test.as_ref().unwrap().1, "cases: []\n");

    std::fs::write(folder.path().join("mine_new.sql"), &text).unwrap();
    assert!(matches!(Catalog::load(&[folder.path().to_owned()]), Err(CatalogError::Duplicate { .. })));
}

#[test]
fn errors_of_the_front_matter_name_file_line_and_the_likely_key() {
    let parse = |text: &str| QuerySpec::parse(text, Origin::File(PathBuf::from("q/a_b.sql"))).unwrap_err().to_string();
    let unknown = parse("\n/*\ntitle: t\ndescription: d\nperimiter: network\n*/\nSELECT 1");
    assert!(
        unknown.starts_with("q/a_b.sql:5: unknown key `perimiter`, did you mean `perimeter`? (expected one of: "),
        "{unknown}"
    );
    let value = parse("/*\ntitle: t\ndescription: d\nperimeter: netwrk\n*/\nSELECT 1");
    assert!(value.starts_with("q/a_b.sql:4: unknown value `netwrk`, did you mean `network`?"), "{value}");
    assert!(parse("/*\ntitle: t\n*/\nSELECT 1").ends_with("the key `description` is missing"));
    assert!(parse("SELECT 1").starts_with("q/a_b.sql:1: the file must begin with a block comment"));
}

fn bind(
    sql: &str,
    parameters: &str,
    given: &[(&str, ParameterValue)],
    style: PlaceholderStyle,
) -> Result<(String, Vec<BoundValue>), BindError> {
    let front = format!("title: t\ndescription: d\nperimeter: none\nscope: account\nparameters:\n{parameters}finding: f\n");
    let given: BTreeMap<String, ParameterValue> =
        given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    query(&front, sql).bind(&given, style).map(|statement| (statement.sql, statement.values))
}

fn text(value: &str) -> BoundValue {
    BoundValue::Text(value.to_owned())
}

fn list(values: &[&str]) -> ParameterValue {
    ParameterValue::List(values.iter().map(|value| (*value).to_owned()).collect())
}

#[test]
fn values_travel_beside_the_statement_in_its_order() {
    let declared = "  a: {type: string}\n  l: {type: string_list}\n";
    let sql = "x = :a AND y IN (:l) AND z = :a AND w = ':a'";
    let given = [("a", ParameterValue::Text("it's :l".to_owned())), ("l", list(&["1", "2"]))];
    assert_eq!(
        bind(sql, declared, &given, PlaceholderStyle::Question).unwrap(),
        (
            "x = ? AND y IN (?, ?) AND z = ? AND w = ':a'".to_owned(),
            vec![text("it's :l"), text("1"), text("2"), text("it's :l")]
        )
    );
    assert_eq!(
        bind(sql, declared, &given, PlaceholderStyle::Dollar).unwrap(),
        ("x = $1 AND y IN ($2, $3) AND z = $1 AND w = ':a'".to_owned(), vec![text("it's :l"), text("1"), text("2")])
    );
}

#[test]
fn an_empty_list_matches_nothing_and_keeps_the_condition() {
    let declared = "  l: {type: string_list}\n  p: {type: patterns}\n";
    let given = [("l", list(&[])), ("p", ParameterValue::Patterns(Vec::new()))];
    let (sql, values) = bind("y IN (:l) AND regexp_like(z, :p)", declared, &given, PlaceholderStyle::Dollar).unwrap();
    assert_eq!(sql, "y IN ($1) AND regexp_like(z, $2)");
    assert_eq!(values, [BoundValue::Null, text(MATCHES_NOTHING)]);
    let nothing = regex::Regex::new(MATCHES_NOTHING).unwrap();
    assert!(["", "a", "\n", "a\nb"].iter().all(|value| !nothing.is_match(value)));
}

#[test]
fn patterns_bind_as_one_expression_that_covers_the_whole_value() {
    let expression = regular_expression(&[Pattern::new("arn:aws:iam::*:role/Cloud?ps"), Pattern::new("repo.eu|x")]);
    let regex = regex::Regex::new(&expression).unwrap();
    assert!(regex.is_match("arn:aws:iam::111111111111:role/CloudOps"));
    assert!(regex.is_match("repo.eu|x"));
    for other in ["arn:aws:iam::111111111111:role/CloudOpsEvil", "x repo.eu|x", "repo_eu|x", "repo.eu", "repo.eu|x\n"] {
        assert!(!regex.is_match(other), "{other:?}");
    }
}

#[test]
fn a_list_too_long_for_a_statement_is_left_to_later_steps_or_refused() {
    let many: Vec<String> = (0..=MAX_LIST_VALUES).map(|number| format!("{number:012}")).collect();
    let given = [("l", ParameterValue::List(many))];
    let sql = "NOT coalesce(y IN (:l), false)";
    let (_, values) = bind(sql, "  l: {type: string_list, prefilter: true}\n", &given, PlaceholderStyle::Question).unwrap();
    assert_eq!(values, [BoundValue::Null]);
    let refused = bind(sql, "  l: {type: string_list}\n", &given, PlaceholderStyle::Question);
    assert!(matches!(refused, Err(BindError::TooLong { values: 201, .. })), "{refused:?}");
}

#[test]
fn a_missing_or_wrong_value_is_an_error() {
    let declared = "  a: {type: string}\n";
    assert!(matches!(bind("x = :a", declared, &[], PlaceholderStyle::Dollar), Err(BindError::Missing { .. })));
    assert!(matches!(
        bind("x = :a", declared, &[("a", list(&[]))], PlaceholderStyle::Dollar),
        Err(BindError::WrongType { .. })
    ));
}

#[test]
fn values_come_from_the_account_and_from_what_it_trusts() {
    let front = "title: t\ndescription: d\nperimeter: none\nscope: account\nfinding: f\nparameters:\n  \
                 account_id: {type: string, from: account}\n  \
                 known: {type: patterns, from: human_roles}\n";
    let trust = Trust { human_roles: vec![Pattern::new("arn:*")], ..Trust::default() };
    let facts = Facts { account_id: Some("012345678901"), organization_accounts: &[], trust: &trust };
    let found = values(&query(front, "SELECT 1"), facts).unwrap();
    assert_eq!(found.get("account_id"), Some(&ParameterValue::Text("012345678901".to_owned())));
    assert_eq!(found.get("known"), Some(&ParameterValue::Patterns(vec![Pattern::new("arn:*")])));
    let misspelt = front.replace("human_roles", "human_role");
    let error = values(&query(&misspelt, "SELECT 1"), facts).unwrap_err().to_string();
    assert!(error.contains("did you mean `human_roles`?"), "{error}");
}

#[test]
fn the_lint_accepts_the_portable_subset() {
    for condition in [
        "(error_code IS DISTINCT FROM 'x') AND region = 'y'",
        "NOT coalesce(error_code LIKE 'Client.%', false)",
        "coalesce(error_code, '') NOT IN ('a', 'b')",
        "nullif(split_part(resource_arn, ':', 5), '') = '111111111111'",
        "regexp_like(error_code, '(?i)^x$') AND json_extract_scalar(request_parameters, '$.a.b') = 'x'",
    ] {
        assert_eq!(codes(&statement("error_code", condition)), BTreeSet::new(), "{condition}");
    }
}

#[test]
fn the_lint_finds_what_a_missing_value_would_hide() {
    for condition in [
        "error_code <> 'x'",
        "error_code NOT IN ('a')",
        "error_code NOT LIKE 'a%'",
        "NOT regexp_like(error_code, 'a')",
        "NOT (error_code = 'a' AND error_code IS NOT NULL)",
    ] {
        assert_eq!(codes(&statement("error_code", condition)), BTreeSet::from(["null-unsafe"]), "{condition}");
    }
}

#[test]
fn the_lint_finds_what_engines_read_differently() {
    for (dimension, condition, expected) in [
        ("split_part(error_code, '.', 2)", "true", "not-portable"),
        ("concat(error_code, region)", "true", "unknown-function"),
        ("date_trunc('day', event_time)", "true", "unknown-function"),
        ("error_code", "error_code ILIKE 'a%'", "not-portable"),
        ("error_code", "regexp_like(error_code, '(?=a)')", "not-portable"),
        ("error_code", "read_only IS TRUE", "not-portable"),
        ("error_code", "error_code::text = 'a'", "not-portable"),
        ("error_code", "error_code IS DISTINCT FROM 'x' AND region = 'y'", "distinct-from-parentheses"),
        ("error_code", "account_id = 111111111111", "implicit-cast"),
        ("error_code", "read_only = 'true'", "implicit-cast"),
        ("error_kode", "true", "unknown-column"),
        ("error_code", "error_code IN (SELECT error_code FROM events)", "not-portable"),
    ] {
        let found = codes(&statement(dimension, condition));
        assert!(found.contains(expected), "{dimension} {condition}: {found:?}");
    }
}

#[test]
fn the_lint_finds_a_wrong_shape() {
    let good = statement("error_code", "true");
    for (from, to, expected) in [
        ("sum(event_count)", "count(*)", "wrong-count"),
        ("min(event_id) AS sample_event_id", "min(event_id) AS sample", "missing-output-column"),
        ("min(event_id) AS sample_event_id", "min(event_id) AS sample", "unknown-output-column"),
        ("GROUP BY account_id, ", "GROUP BY ", "group-by"),
        ("error_code AS error_code", "split_part(error_code, '.', 1) AS error_code", "group-by"),
        ("FROM events", "FROM event", "unknown-relation"),
        ("FROM events", "FROM events, event_resources", "one-relation"),
        ("FROM events", "FROM events JOIN event_resources ON true", "join"),
        ("account_id = :account_id AND", "(account_id = :account_id OR true) AND", "no-account-predicate"),
        (":account_id", ":acount_id", "undeclared-parameter"),
        (":account_id", "'111111111111'", "unused-parameter"),
        ("SELECT", "SELECT *,", "wildcard"),
    ] {
        let sql = good.replacen(from, to, 1);
        assert_ne!(sql, good, "{from}");
        let found = codes(&sql);
        assert!(found.contains(expected), "{to}: {found:?}");
    }
    for (tail, expected) in [(" LIMIT 250", "limit"), (" ORDER BY 1", "order-by"), ("; SELECT 1", "not-one-select")] {
        let found = codes(&format!("{good}{tail}"));
        assert!(found.contains(expected), "{tail}: {found:?}");
    }
    assert!(codes(&format!("WITH a AS (SELECT 1) {good}")).contains("with-clause"));
}

#[test]
fn the_lint_names_the_line_of_the_file() {
    let sql = statement("error_code", "\n  error_code <> 'x'");
    // The front matter has 8 lines between the two of the comment; the condition stands on line 5 of the statement.
    let found = findings(&query(FRONT_MATTER, &sql));
    let lines: Vec<(usize, &str)> = found.iter().map(|finding| (finding.line, finding.code)).collect();
    assert_eq!(lines, [(14, "null-unsafe")], "{found:?}");
}

#[test]
fn the_lint_checks_the_front_matter() {
    let front = FRONT_MATTER
        .replace("perimeter: none", "perimeter: network\nexclude: [expected_network]\nreferences: [none]")
        .replace("{principal}", "{principle}");
    let found = findings(&query(&front, &statement("error_code", "true")));
    let found: Vec<(usize, &str)> = found.iter().map(|finding| (finding.line, finding.code)).collect();
    assert_eq!(found, [(4, "no-policy-type"), (5, "unknown-step"), (6, "bad-reference"), (10, "unknown-placeholder")]);
    let organization = FRONT_MATTER.replace("scope: account", "scope: organization");
    let found = findings(&query(&organization, &statement("error_code", "true")));
    assert_eq!(found.first().unwrap().code, "account-in-organization-scope");
}

#[test]
fn test_cases_fill_in_defaults_and_refuse_wrong_rows() {
    let text = "defaults:\n  account: \"111111111111\"\n  row: {account_id: \"111111111111\", region: eu-west-1}\ncases:\n\
                \x20 - name: n\n    rows: [{event_time: 2026-11-01T00:00:00Z, region: null}]\n    expect: []\n";
    let file = TestFile::parse(text, "a.test.yaml").unwrap();
    let row = &file.cases[0].rows[0];
    assert_eq!(row.get("account_id").unwrap(), "111111111111");
    assert_eq!(row.get("first_seen").unwrap(), "2026-11-01T00:00:00Z");
    assert_eq!(row.get("event_count").unwrap(), 1);
    assert!(!row.contains_key("region"));
    let error = |from: &str, to: &str| TestFile::parse(&text.replacen(from, to, 1), "a.test.yaml").unwrap_err().to_string();
    assert!(error("\"111111111111\", region", "111111111111, region").contains("must be text"));
    assert!(error("region:", "regoin:").contains("did you mean `region`?"));
    assert!(error("expect: []", "expect: [{verdikt: x}]").contains("did you mean `verdict`?"));
    assert!(error("expect:", "expects:").starts_with("a.test.yaml:7: unknown key `expects`, did you mean `expect`?"));
}

#[test]
fn expected_and_found_are_matched_one_to_one() {
    let text = "cases:\n  - name: n\n    account: \"1\"\n    rows: []\n    expect: [{verdict: excepted}, {verdict: excepted, event_count: 2}]\n";
    let case = &TestFile::parse(text, "a.test.yaml").unwrap().cases[0];
    let found =
        |count: i64| BTreeMap::from([("verdict".to_owned(), "excepted".into()), ("event_count".to_owned(), count.into())]);
    assert_eq!(case.differences(&[found(2), found(1)], &[]), Vec::<String>::new());
    assert_eq!(case.differences(&[found(1), found(2)], &[]), Vec::<String>::new());
    let differences = case.differences(&[found(1), found(3), found(4)], &[]);
    assert_eq!(differences.len(), 3, "{differences:?}");
}

#[test]
fn built_in_paths_are_where_the_files_are() {
    for query in Catalog::built_in().unwrap().iter() {
        assert!(repository().join(Path::new(&query.origin.to_string())).is_file());
    }
}
