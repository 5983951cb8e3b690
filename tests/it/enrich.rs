//! What the steps decide, as data: a row, the facts, the verdict that they must give.
#![cfg(test)]

mod callers;
mod findings;
mod networks;
mod resources;

use std::collections::BTreeMap;

use palisade::config::perimeter::Perimeter;
use palisade::enrich::{Context, EnrichError, ExceptionHits, Judged, StepPlan, judge, step_names, to_table};
use palisade::inventory::Inventory;
use palisade::report::model::{FINDING_COLUMNS, Table};
use polars::prelude::*;

/// The account under judgement, unless a row says otherwise.
const OWN: &str = "111111111111";

const INVENTORY: &[(&str, &str)] = &[
    ("snapshot.json", r#"{"schema_version":1,"organization_id":"o-own0000001"}"#),
    ("accounts.csv", "account_id,name\n111111111111,prod\n222222222222,dev\n333333333333,shared\n"),
    (
        "organizations-tree.json",
        r#"{"roots":[{"id":"r-root","name":"Root"}],
            "organizational_units":[{"id":"ou-prod-11111111","name":"Prod","parent_id":"r-root"},{"id":"ou-dev0-22222222","name":"Dev","parent_id":"r-root"}],
            "accounts":[{"id":"111111111111","parent_id":"ou-prod-11111111"},{"id":"222222222222","parent_id":"ou-dev0-22222222"}]}"#,
    ),
    (
        "iam_roles.json",
        r#"[
        {"arn":"arn:aws:iam::111111111111:role/app","role_id":"AROAAPPAPPAPPAPPAPP01","tags":{"Team":"payments"},
         "trust_policy":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}},
        {"arn":"arn:aws:iam::111111111111:role/admin","role_id":"AROAADMINADMINADMIN01",
         "trust_policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"sts:AssumeRole"}]}},
        {"arn":"arn:aws:iam::111111111111:role/both","role_id":"AROABOTHBOTHBOTHBOT01",
         "trust_policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111","Service":"glue.amazonaws.com"},"Action":"sts:AssumeRole"}]}},
        {"arn":"arn:aws:iam::111111111111:role/not-anymore","role_id":"AROANOTANYMORENOTAN01",
         "trust_policy":{"Version":"2012-10-17","Statement":[
           {"Effect":"Allow","Principal":{"AWS":"111111111111","Service":"glue.amazonaws.com"},"Action":"sts:AssumeRole"},
           {"Effect":"Deny","Principal":{"Service":"glue.amazonaws.com"},"Action":"sts:AssumeRole"}]}},
        {"arn":"arn:aws:iam::222222222222:role/cross/reader","role_id":"AROAREADERREADERREA01",
         "trust_policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"sts:AssumeRole"}]}}
        ]"#,
    ),
    ("s3_buckets.csv", "name,account_id,tag:owner\nown-bucket,111111111111,storage team\nsister-bucket,222222222222,\n"),
    (
        "vpc_endpoints.csv",
        "vpc_endpoint_id,vpc_id,owner_account_id\nvpce-0aaaaaaaaaaaaaaaa,vpc-0prod,111111111111\nvpce-0bbbbbbbbbbbbbbbb,vpc-0dev,222222222222\n",
    ),
];

const PERIMETER: &str = r#"
version: 1
baseline:
  trusted_identities:
    accounts: ["444444444444"]
    principals: ["arn:aws:iam::555555555555:role/partner/*", "AROATRUSTEDTRUSTED001"]
  trusted_resources:
    accounts: ["444444444444"]
    arns: ["arn:aws:sqs:*:666666666666:*"]
    buckets:
      - {name: "partner-*", owner: "555555555555"}
      - {name: handed-over, owner: unknown}
  expected_networks:
    cidrs:
      - {cidr: 203.0.113.0/24, name: offices}
      - {cidr: 203.0.113.64/26, name: head office}
      - {cidr: "2001:db8:1::/48", name: offices v6}
      - {cidr: 10.0.0.0/8, name: inside}
    vpcs: [vpc-0shared]
    vpc_endpoints: [vpce-0eeeeeeeeeeeeeeee]
  exempt_principals:
    network: {principals: ["arn:aws:iam::111111111111:role/scanner"]}
  human_roles: ["arn:aws:iam::*:role/people/*"]
organizational_unit_boundaries:
  production: [ou-prod-11111111]
resources:
  "arn:aws:s3:::own-bucket":
    trusted_identities: {accounts: ["777777777777"]}
    expected_networks: {cidrs: [198.51.100.0/24]}
aws_owned_resources:
  built_in: false
  additional:
    - {service: Amazon EMR, arn: "arn:aws:s3:::aws157-logs-prod*", owners: ["514483059857"], access: caller, excepted_in: [scp, vpce]}
    - {service: AWS Quiet, arn: "arn:aws:s3:::quiet-assets-*/*", owners: [], access: caller, excepted_in: [scp]}
exceptions:
  - {id: migration, owner: jane@example.com, reason: moves in spring, expires: 2026-12-31, scope: {resource: "arn:aws:s3:::migrating"}}
  - {id: old, owner: joe@example.com, reason: was to move, expires: 2026-01-31, scope: {resource: "arn:aws:s3:::late"}}
"#;

fn inventory() -> Inventory {
    Inventory::from_texts(INVENTORY).unwrap()
}

/// The same without the files whose names start so.
fn inventory_without(names: &[&str]) -> Inventory {
    let files: Vec<_> =
        INVENTORY.iter().copied().filter(|(file, _)| !names.iter().any(|name| file.starts_with(name))).collect();
    Inventory::from_texts(&files).unwrap()
}

fn perimeter() -> Perimeter {
    Perimeter::parse(PERIMETER, "perimeter.yaml").unwrap()
}

/// Rows from `column=value, column=value` lines; every row also has what queries always return.
fn frame(rows: &[&str]) -> DataFrame {
    let parsed: Vec<BTreeMap<&str, &str>> = rows
        .iter()
        .map(|row| {
            let always = "account_id=111111111111, event_source=s3.amazonaws.com, event_name=GetObject, region=eu-west-1, sample_event_id=e";
            always.split(", ").chain(row.split(", ")).filter_map(|cell| cell.split_once('=')).collect()
        })
        .collect();
    let mut names: Vec<&str> = parsed.iter().flat_map(|row| row.keys().copied()).filter(|name| *name != "count").collect();
    names.sort_unstable();
    names.dedup();
    let mut columns: Vec<Column> = names
        .iter()
        .map(|name| Column::new((*name).into(), parsed.iter().map(|row| row.get(name).copied()).collect::<Vec<_>>()))
        .collect();
    let counts: Vec<i64> = parsed.iter().map(|row| row.get("count").map_or(1, |count| count.parse().unwrap())).collect();
    columns.push(Column::new("event_count".into(), counts));
    DataFrame::new(rows.len(), columns).unwrap()
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

struct Question<'a> {
    inventory: &'a Inventory,
    perimeter: &'a Perimeter,
    kind: &'a str,
    exclude: &'a [&'a str],
    finding: &'a str,
}

impl Question<'_> {
    fn judge(&self, rows: &[&str]) -> Judged {
        let (enrich, _) = step_names();
        let plan = StepPlan {
            query: "test_query",
            perimeter: self.kind,
            enrich: &texts(enrich),
            exclude: &texts(self.exclude),
            finding: self.finding,
            inventory: &[],
            organization_wide: false,
            over_inventory: false,
        };
        let today = jiff::civil::date(2026, 11, 1);
        let context = Context { inventory: self.inventory, perimeter: self.perimeter, account_id: OWN, today };
        judge(frame(rows), &plan, &context).unwrap()
    }

    fn table(&self, rows: &[&str]) -> Table {
        to_table(&self.judge(rows).frame).unwrap()
    }

    /// Each row alone: expected verdict (`left out` for none), a part of the reason, and the whole of `settled_by`.
    fn expect(&self, cases: &[(&str, &str, &str, &str)]) {
        for (row, verdict, reason, settled_by) in cases {
            let table = self.table(&[row]);
            if *verdict == "left out" {
                assert_eq!(table.rows(), 0, "{row}: {:?}", table.text("reason", 0));
                continue;
            }
            assert_eq!(table.text("verdict", 0), Some(*verdict), "{row}: {:?}", table.text("reason", 0));
            let found = table.text("reason", 0).unwrap_or_default();
            assert!(found.contains(reason), "{row}: reason is {found:?}, expected {reason:?}");
            assert_eq!(table.text("settled_by", 0).unwrap_or_default(), *settled_by, "{row}: {found}");
        }
    }
}

fn question<'a>(inventory: &'a Inventory, perimeter: &'a Perimeter, kind: &'a str, exclude: &'a [&'a str]) -> Question<'a> {
    Question { inventory, perimeter, kind, exclude, finding: "a call" }
}

const OUT: &str = "left out";
const CROSSES: &str = "crosses_perimeter";
const UNKNOWN: &str = "undetermined";
