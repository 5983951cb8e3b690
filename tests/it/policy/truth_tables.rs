//! The truth tables of the AWS documentation, row by row.

use super::{corpus, evaluate};
use serde_json::{Value, json};

#[test]
fn every_row_of_the_documented_truth_tables_is_right() {
    let corpus = corpus("aws_docs_truth_tables.json");
    let mut rows = 0;
    let mut wrong = Vec::new();
    for table in corpus["tables"].as_array().unwrap() {
        for (number, row) in table["rows"].as_array().unwrap().iter().enumerate() {
            rows += 1;
            let mut statement = json!({ "Effect": "Deny", "Action": "s3:GetObject" });
            let mut resource = "arn:aws:s3:::bucket/key".to_owned();
            if table["kind"] == "condition" {
                statement["Resource"] = json!("*");
                statement["Condition"] = table["Condition"].clone();
            } else {
                statement["Resource"] = table["Resource"].clone();
                resource = row["resource"].as_str().unwrap().to_owned();
            }
            let context = if row["context"].is_null() { json!({}) } else { row["context"].clone() };
            let answer = evaluate(&json!({
                "action": "s3:GetObject",
                "resource": resource,
                "context": context,
                "policies": { "scp": [["FullAWSAccess", { "Version": "2012-10-17", "Statement": statement }]] },
            }));
            let expected = if row["expected"] == Value::Bool(true) { "denied" } else { "not_denied" };
            if answer["verdict"] != expected {
                wrong.push(format!("{} row {number}: {answer}", table["id"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(rows, 102);
}
