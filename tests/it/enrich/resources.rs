//! What was called: owners, trust, and names that look like AWS's.

use super::*;

#[test]
fn owners_of_resources_and_what_is_trusted() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let question =
        question(&inventory, &perimeter, "resource", &["organization_resources", "trusted_resources", "aws_owned_resources"]);
    question.expect(&[
        ("resource_arn=arn:aws:s3:::sister-bucket", OUT, "", ""),
        (
            "resource_arn=arn:aws:s3:::foreign, resource_account_id=999999999999",
            CROSSES,
            "account 999999999999, which owns it, is not in the organization",
            "",
        ),
        ("resource_arn=arn:aws:sqs:eu-west-1:999999999999:q", CROSSES, "account 999999999999", ""),
        ("resource_arn=arn:aws:sqs:eu-west-1:222222222222:q", OUT, "", ""),
        ("resource_arn=arn:aws:sqs:eu-west-1:666666666666:q", OUT, "", ""),
        ("resource_arn=arn:aws:sqs:eu-west-1:999999999999:arn:aws:sqs:x:666666666666:q", CROSSES, "", ""),
        // A hidden owner is not "in the organization", and a bucket that the inventory does not hold is not "outside".
        (
            "resource_arn=arn:aws:s3:::nobody-knows",
            UNKNOWN,
            "the owner of bucket nobody-knows is unknown",
            "owner of bucket nobody-knows",
        ),
        (
            "resource_type=AWS::S3::Bucket",
            UNKNOWN,
            "does not name the resource",
            "resource of the call (the record names none)",
        ),
        ("resource_arn=arn:aws:sns:eu-west-1::t, resource_type=AWS::SNS::Topic", UNKNOWN, "", "AWS::SNS::Topic inventory"),
        (
            "resource_arn=arn:aws:s3:::reports-abcdefgh-s3alias",
            UNKNOWN,
            "access point alias",
            "owner of bucket reports-abcdefgh-s3alias",
        ),
        // A name needs its owner.
        ("resource_arn=arn:aws:s3:::partner-drop, resource_account_id=555555555555", OUT, "", ""),
        (
            "resource_arn=arn:aws:s3:::partner-drop, resource_account_id=999999999999",
            CROSSES,
            "trusted only when account 555555555555 owns the bucket, but account 999999999999 does",
            "",
        ),
        ("resource_arn=arn:aws:s3:::partner-drop", UNKNOWN, "", "owner of bucket partner-drop"),
        ("resource_arn=arn:aws:s3:::x-partner-drop, resource_account_id=555555555555", CROSSES, "", ""),
        ("resource_arn=arn:aws:s3:::handed-over", OUT, "", ""),
        ("resource_arn=arn:aws:s3:::anything, resource_account_id=444444444444", OUT, "", ""),
    ]);
    let without_buckets = inventory_without(&["s3_buckets"]);
    Question { inventory: &without_buckets, ..question }.expect(&[(
        "resource_arn=arn:aws:s3:::sister-bucket",
        UNKNOWN,
        "",
        "AWS::S3::Bucket inventory",
    )]);
}

#[test]
fn a_name_alone_does_not_prove_that_aws_owns_a_bucket() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let steps = &["organization_resources", "aws_owned_resources"];
    question(&inventory, &perimeter, "resource", steps).expect(&[
        (
            "resource_arn=arn:aws:s3:::aws157-logs-prod-eu, resource_account_id=514483059857",
            "service_owned",
            "Amazon EMR owns it (account 514483059857); needs an exception in: scp, vpce",
            "",
        ),
        (
            "resource_arn=arn:aws:s3:::aws157-logs-prod-eu, resource_account_id=999999999999",
            CROSSES,
            "the name looks like one of Amazon EMR, but account 999999999999 owns it",
            "",
        ),
        ("resource_arn=arn:aws:s3:::aws157-logs-prod-eu", UNKNOWN, "name-only evidence", "owner of bucket aws157-logs-prod-eu"),
        (
            "resource_arn=arn:aws:s3:::evil-aws157-logs-prod, resource_account_id=999999999999",
            CROSSES,
            "not in the organization",
            "",
        ),
        // The list speaks of objects; the row names their bucket.
        (
            "resource_arn=arn:aws:s3:::quiet-assets-1, resource_account_id=999999999999",
            UNKNOWN,
            "whose accounts AWS does not publish",
            "confirmation that account 999999999999 belongs to AWS Quiet",
        ),
        ("resource_arn=arn:aws:s3:::quiet-assets-1", UNKNOWN, "name-only evidence", "owner of bucket quiet-assets-1"),
        // What the organization owns is its own, whatever the name.
        ("resource_arn=arn:aws:s3:::aws157-logs-prod-own, resource_account_id=222222222222", OUT, "", ""),
        ("resource_arn=arn:aws:iam::aws:policy/ReadOnlyAccess", "service_owned", "AWS owns it", ""),
    ]);
    let table = question(&inventory, &perimeter, "resource", steps)
        .table(&["resource_arn=arn:aws:s3:::aws157-logs-prod-eu, resource_account_id=514483059857"]);
    assert_eq!(table.text("resource_ownership", 0), Some("aws_service"));
}

#[test]
fn perimeters_of_own_resources_and_endpoints_leave_the_others_out() {
    let (inventory, perimeter) = (inventory(), perimeter());
    question(&inventory, &perimeter, "identity", &["not_own_resources"]).expect(&[
        ("resource_arn=arn:aws:s3:::own-bucket", CROSSES, "", ""),
        ("resource_arn=arn:aws:s3:::sister-bucket", OUT, "", ""),
        ("resource_arn=arn:aws:s3:::nobody-knows", UNKNOWN, "", "owner of bucket nobody-knows"),
    ]);
    question(&inventory, &perimeter, "resource", &["not_own_vpc_endpoints"]).expect(&[
        ("vpc_endpoint_id=vpce-0aaaaaaaaaaaaaaaa, account_id=222222222222", CROSSES, "", ""),
        ("vpc_endpoint_id=vpce-0bbbbbbbbbbbbbbbb", OUT, "", ""),
        ("source_ip=198.51.100.9", OUT, "", ""),
        (
            "vpc_endpoint_id=vpce-0cccccccccccccccc, source_ip=10.0.0.1",
            UNKNOWN,
            "",
            "VPC endpoint vpce-0cccccccccccccccc in the inventory",
        ),
    ]);
}
