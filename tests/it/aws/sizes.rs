//! Statements stay under Athena's limits whatever the size of the organization.

use palisade::catalog::{BindError, Catalog, ParameterValue, PlaceholderStyle, Statement, parameters};
use palisade::config::perimeter::Perimeter;
use palisade::engine::Part;
use palisade::engine::athena::batch;
use palisade::engine::athena::parameters::{Fitted, LONGEST_PARAMETER, LONGEST_STATEMENT, fit};
use palisade::engine::sources::{Column, Dialect, Source, Table, activity_statement, statement_over};

/// The two tables of an organization that keeps management and data events apart.
fn sources() -> Vec<Source> {
    let ddl = include_str!("../../../src/setup/cloudtrail_table.sql");
    let body = ddl.split_once("(\n").unwrap().1.split_once("\nCOMMENT").unwrap().0;
    // Top-level columns: those that begin a line with two blanks.
    let flat = body.replace(":\n", ":").lines().map(str::to_owned).fold(Vec::<String>::new(), |mut columns, line| {
        let top = line.starts_with("  ") && !line.starts_with("   ") && !line.trim_start().starts_with('>');
        if top {
            columns.push(line.trim().to_owned())
        } else if let Some(last) = columns.last_mut() {
            last.push_str(line.trim())
        }
        columns
    });
    let columns: Vec<Column> = flat
        .iter()
        .map(|column| column.trim_end_matches([',', ')']).split_once(' ').unwrap())
        .map(|(name, kind)| Column::new(name, kind))
        .collect();
    assert!(columns.len() > 25, "{flat:?}");
    ["cloudtrail_management_events", "cloudtrail_data_events"]
        .map(|name| {
            Source::detect(Table {
                catalog: "AwsDataCatalog".to_owned(),
                database: "security_data_perimeter".to_owned(),
                name: name.to_owned(),
                columns: columns.clone(),
                partition_keys: ["p_account", "p_region", "p_date"].map(|key| Column::new(key, "string")).to_vec(),
                parameters: [("projection.p_account.type", "injected"), ("projection.p_date.format", "yyyy/MM/dd")]
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            })
            .unwrap()
        })
        .to_vec()
}

fn organization(accounts: usize) -> Part {
    Part {
        account_ids: (0..accounts).map(|n| format!("{:012}", 100_000_000_000_usize + n)).collect(),
        from: "2026-10-01".parse().unwrap(),
        to: "2026-10-31".parse().unwrap(),
    }
}

fn fitted(statement: &Statement) -> Fitted {
    let fitted = fit(&statement.sql, &statement.values).unwrap();
    assert!(fitted.bytes() < LONGEST_STATEMENT);
    assert!(fitted.parameters.iter().all(|parameter| parameter.encode_utf16().count() <= LONGEST_PARAMETER));
    fitted
}

#[test]
fn ten_thousand_accounts_are_collected_by_statements_that_fit() {
    let sources = sources();
    let parts = batch::statements(&organization(10_000), 34);
    let mut largest = 0;
    for part in &parts {
        largest = largest.max(fitted(&activity_statement(&sources, Dialect::Athena, part, 0).unwrap()).bytes());
    }
    eprintln!("10,000 accounts, 31 days, 34 regions: {} statements, the largest {largest} bytes", parts.len());
    assert_eq!(parts.len(), 50);
    assert!(largest < 100_000, "{largest}");
}

/// Every built-in query in an organization of 10,000 accounts that trusts 50,000 buckets and 5,000 endpoints.
#[test]
fn every_query_of_a_large_organization_fits() {
    let sources = sources();
    let catalog = Catalog::load(&[]).unwrap();
    let accounts = organization(10_000).account_ids;
    let list = |n: usize, item: fn(usize) -> String| (0..n).map(|n| format!("      - {}\n", item(n))).collect::<String>();
    let bucket = |n: usize| format!("{{name: a-bucket-of-the-organization-{n:08}, owner: \"444455556666\"}}");
    let endpoint = |n: usize| format!("vpce-000000000{n:08}");
    let text = format!(
        "version: 1\nbaseline:\n  trusted_resources:\n    buckets:\n{}  expected_networks:\n    vpc_endpoints:\n{}",
        list(50_000, bucket),
        list(5_000, endpoint),
    );
    let perimeter = Perimeter::parse(&text, "perimeter.yaml")
        .map_err(|error| error.to_string().chars().take(2_000).collect::<String>())
        .unwrap();
    let trust = perimeter.for_account(&accounts[0]);
    let one = Part { account_ids: vec![accounts[0].clone()], ..organization(1) };
    for query in catalog.select(&["all".to_owned()]).unwrap() {
        let facts = parameters::Facts {
            account_id: (query.scope == palisade::catalog::Scope::Account).then_some(accounts[0].as_str()),
            organization_accounts: &accounts,
            trust: &trust,
        };
        let values: std::collections::BTreeMap<String, ParameterValue> = parameters::values(query, facts).unwrap();
        let bound: Result<Statement, BindError> = query.bind(&values, PlaceholderStyle::Question);
        let statement = statement_over(&sources, Dialect::Athena, &one, &bound.unwrap()).unwrap();
        eprintln!("{:60} {:>7} bytes", query.name, fitted(&statement).bytes());
    }
}
