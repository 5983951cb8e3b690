//! What becomes of the steps' decisions: verdicts, reasons, exceptions, the shape of findings.

use super::*;

#[test]
fn empty_lists_trust_nothing() {
    let (inventory, perimeter) = (inventory(), Perimeter::empty());
    question(
        &inventory,
        &perimeter,
        "network",
        &["trusted_identities", "trusted_resources", "exempt_principals", "expected_networks", "forward_access_sessions"],
    )
    .expect(&[(
        "principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/app, principal_id=AROAAPPAPPAPPAPPAPP01, \
         principal_account_id=111111111111, resource_arn=arn:aws:s3:::b, resource_account_id=999999999999, \
         source_service=lambda.amazonaws.com, invoked_by=lambda.amazonaws.com",
        CROSSES,
        "the call came from the network of lambda.amazonaws.com; ",
        "",
    )]);
    let table = question(&inventory, &perimeter, "none", &[]).table(&[
        "principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/people/x, principal_account_id=111111111111",
    ]);
    assert_eq!(table.text("principal_kind", 0), Some("role"));
    assert_eq!(table.text("verdict", 0), Some("information"));
}

#[test]
fn a_certain_step_beats_an_uncertain_one_and_every_gap_is_named_once() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let steps =
        &["organization_resources", "trusted_resources", "aws_owned_resources", "exempt_principals", "not_service_role"];
    let question = question(&inventory, &perimeter, "network", steps);
    question.expect(&[
        // The exemption is certain, the owner of the bucket is not.
        ("principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/scanner, resource_arn=arn:aws:s3:::nobody-knows", OUT, "", ""),
        (
            "principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/x, resource_arn=arn:aws:s3:::partner-x",
            UNKNOWN,
            "the owner of bucket partner-x is unknown; whether an AWS service may assume the role is unknown",
            "owner of bucket partner-x; role arn:aws:iam::111111111111:role/x in the inventory",
        ),
    ]);
}

#[test]
fn exceptions_apply_until_their_last_day() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let question = question(&inventory, &perimeter, "resource", &["organization_resources"]);
    let rows = [
        "resource_arn=arn:aws:s3:::migrating, resource_account_id=999999999999, count=5",
        "resource_arn=arn:aws:s3:::migrating, resource_account_id=999999999999, event_name=PutObject, count=2",
        "resource_arn=arn:aws:s3:::late, resource_account_id=999999999999, count=3",
        "resource_arn=arn:aws:s3:::migrating-2, resource_account_id=999999999999, count=1",
    ];
    let judged = question.judge(&rows);
    let table = to_table(&judged.frame).unwrap();
    let column = |name: &str| (0..table.rows()).map(|row| table.text(name, row)).collect::<Vec<_>>();
    assert_eq!(column("verdict"), [Some("excepted"), Some(CROSSES), Some("excepted"), Some(CROSSES)]);
    assert_eq!(column("exception_id"), [Some("migration"), None, Some("migration"), None]);
    assert!(table.text("reason", 0).unwrap().ends_with("exception migration of jane@example.com covers it until 2026-12-31"));
    assert!(table.text("reason", 1).unwrap().ends_with("exception old expired on 2026-01-31"));
    assert_eq!(
        judged.exception_hits,
        BTreeMap::from([
            ("migration".to_owned(), ExceptionHits { findings: 2, calls: 7, expired: false }),
            ("old".to_owned(), ExceptionHits { findings: 1, calls: 3, expired: true }),
        ])
    );
}

#[test]
fn the_reason_is_filled_once() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let question = Question {
        finding: "{principal} called {action} on {resource} of {owner} from {source} with {user_agent}: {error}.",
        ..question(&inventory, &perimeter, "resource", &["organization_resources"])
    };
    let table = question.table(&[
        "principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/app, resource_arn=arn:aws:s3:::{owner}, \
         resource_account_id=999999999999, source_ip=198.51.100.9, user_agent={principal}</script>, error_code=AccessDenied, \
         error_message=User: x is not authorized to perform: s3:GetObject with an explicit deny in a service control policy",
    ]);
    assert_eq!(
        table.text("reason", 0),
        Some(
            "arn:aws:iam::111111111111:role/app called s3:GetObject on bucket {owner} of account 999999999999 from public address \
             198.51.100.9 with {principal}</script>: AccessDenied; account 999999999999, which owns it, is not in the organization"
        )
    );
    assert_eq!(table.text("denied_by", 0), Some("service control policy"));
}

#[test]
fn findings_have_the_shape_of_reports() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let question = question(&inventory, &perimeter, "resource", &["organization_resources"]);
    let row = "principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/app, resource_arn=arn:aws:s3:::foreign, resource_account_id=999999999999";
    let judged = question.judge(&[
        &format!("{row}, region=us-east-1, count=2"),
        &format!("{row}, region=eu-west-1, count=2"),
        &format!("{row}, event_name=PutObject, count=40"),
        "resource_arn=arn:aws:s3:::own-bucket, count=9",
    ]);
    assert_eq!(judged.left_out, BTreeMap::from([("organization_resources".to_owned(), 1)]));
    let names: Vec<&str> = judged.frame.get_column_names().into_iter().map(|name| name.as_str()).collect();
    assert_eq!(names, FINDING_COLUMNS.iter().map(|spec| spec.name).collect::<Vec<_>>());
    let table = to_table(&judged.frame).unwrap();
    assert_eq!((0..3).map(|row| table.calls(row)).collect::<Vec<_>>(), [40, 2, 2]);
    assert_eq!((1..3).map(|row| table.text("region", row)).collect::<Vec<_>>(), [Some("eu-west-1"), Some("us-east-1")]);
    assert_eq!(table.text("account_name", 0), Some("prod"));
    assert_eq!(table.text("organizational_unit", 0), Some("Root/Prod"));
    assert_eq!(table.text("principal_owner", 0), Some("payments"));
    assert_eq!(table.text("resource_ownership", 0), Some("outside_organization"));
}

#[test]
fn a_finding_keeps_its_id_whatever_the_facts_say() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let id = |question: &Question<'_>, row: &str| question.table(&[row]).text("finding_id", 0).map(str::to_owned).unwrap();
    let row = "resource_arn=arn:aws:s3:::sister-bucket, count=3";
    let with = question(&inventory, &perimeter, "none", &[]);
    let (no_facts, no_trust) = (Inventory::empty(), Perimeter::empty());
    let without = question(&no_facts, &no_trust, "none", &[]);
    let first = id(&with, row);
    assert_eq!(first.len(), 16);
    assert!(first.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(first, id(&without, row));
    assert_eq!(first, id(&with, "resource_arn=arn:aws:s3:::sister-bucket, count=4, sample_event_id=other"));
    assert_ne!(first, id(&with, "resource_arn=arn:aws:s3:::sister-bucket, count=3, user_agent=x"));
    // Null and its neighbour do not run into each other.
    assert_ne!(id(&with, "source_service=x"), id(&with, "invoked_by=x"));
}

#[test]
fn what_a_query_gets_wrong_is_an_error_that_names_it() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let context =
        Context { inventory: &inventory, perimeter: &perimeter, account_id: OWN, today: jiff::civil::date(2026, 11, 1) };
    let error = |frame: DataFrame, exclude: &str, finding: &str| -> EnrichError {
        let exclude = texts(&[exclude]);
        let plan = StepPlan {
            query: "mine",
            perimeter: "none",
            enrich: &[],
            exclude: &exclude,
            finding,
            inventory: &[],
            organization_wide: false,
            over_inventory: false,
        };
        judge(frame, &plan, &context).unwrap_err()
    };
    let good = || frame(&["user_agent=x"]);
    let message = error(good(), "organisation_resources", "").to_string();
    assert!(message.contains("query mine") && message.contains("\"organisation_resources\""), "{message}");
    let message = error(good(), "trusted_resources", "{princpal} called").to_string();
    assert!(message.contains("\"princpal\"") && message.contains("principal"), "{message}");
    let message = error(frame(&["verdict=fine"]), "trusted_resources", "").to_string();
    assert!(message.contains("\"verdict\""), "{message}");
    let message = error(good().drop("event_count").unwrap(), "trusted_resources", "").to_string();
    assert!(message.contains("\"event_count\" is missing"), "{message}");
}

#[test]
fn what_the_query_wants_and_nobody_provides_is_reported() {
    let (inventory, perimeter) = (inventory_without(&["s3_buckets"]), perimeter());
    let wanted = texts(&["AWS::S3::Bucket", "AWS::Organizations::Account"]);
    let plan = StepPlan {
        query: "q",
        perimeter: "none",
        enrich: &[],
        exclude: &[],
        finding: "",
        inventory: &wanted,
        organization_wide: false,
        over_inventory: false,
    };
    let context =
        Context { inventory: &inventory, perimeter: &perimeter, account_id: OWN, today: jiff::civil::date(2026, 11, 1) };
    let judged = judge(frame(&["user_agent=x"]), &plan, &context).unwrap();
    assert_eq!(judged.not_provided, ["AWS::S3::Bucket: who owns a bucket, where the record does not tell"]);
}

#[test]
fn times_come_in_any_unit() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let mut rows = frame(&["user_agent=x"]);
    let seen =
        Int64Chunked::from_vec("last_seen".into(), vec![1_700_000_000_123_456]).into_datetime(TimeUnit::Microseconds, None);
    rows.with_column(seen.into_column()).unwrap();
    let plan = StepPlan {
        query: "q",
        perimeter: "none",
        enrich: &[],
        exclude: &[],
        finding: "",
        inventory: &[],
        organization_wide: false,
        over_inventory: false,
    };
    let context =
        Context { inventory: &inventory, perimeter: &perimeter, account_id: OWN, today: jiff::civil::date(2026, 11, 1) };
    let table = to_table(&judge(rows, &plan, &context).unwrap().frame).unwrap();
    assert_eq!(table.cell("last_seen", 0), palisade::report::model::Cell::Time(1_700_000_000_123));
    assert_eq!(table.cell("first_seen", 0), palisade::report::model::Cell::Null);
}
