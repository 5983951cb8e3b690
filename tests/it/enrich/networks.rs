//! Where calls came from, and which services made them for somebody.

use super::*;

#[test]
fn networks() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let user = "principal_type=IAMUser, principal_arn=arn:aws:iam::111111111111:user/u, principal_account_id=111111111111";
    let cases = [
        ("source_ip=203.0.113.9", OUT, "", ""),
        ("source_ip=::ffff:203.0.113.9", OUT, "", ""),
        ("source_ip=2001:db8:1:ffff::1", OUT, "", ""),
        ("source_ip=2001:db8:2::1", CROSSES, "the address is in no expected network", ""),
        ("source_ip=198.51.100.9", CROSSES, "the address is in no expected network", ""),
        // Only for calls to that bucket.
        ("source_ip=198.51.100.9, resource_arn=arn:aws:s3:::own-bucket", OUT, "", ""),
        ("source_ip=10.1.2.3", OUT, "", ""),
        (
            "source_ip=192.168.1.1",
            UNKNOWN,
            "private, and the record names no VPC endpoint",
            "VPC endpoint of the call (the record names none)",
        ),
        ("user_agent=x", UNKNOWN, "does not tell where", "source address of the call"),
        // Through an endpoint aws:SourceIp is absent: an expected range does not help.
        (
            "source_ip=10.1.2.3, vpc_endpoint_id=vpce-0bbbbbbbbbbbbbbbb",
            CROSSES,
            "neither VPC endpoint vpce-0bbbbbbbbbbbbbbbb nor its VPC vpc-0dev is expected; VPC endpoint vpce-0bbbbbbbbbbbbbbbb belongs to account 222222222222 (dev)",
            "",
        ),
        ("source_ip=10.1.2.3, vpc_endpoint_id=vpce-0aaaaaaaaaaaaaaaa", OUT, "", ""),
        ("source_ip=10.1.2.3, vpc_endpoint_id=vpce-0eeeeeeeeeeeeeeee", OUT, "", ""),
        // Its VPC may be an expected one.
        (
            "source_ip=10.1.2.3, vpc_endpoint_id=vpce-0dddddddddddddddd, vpc_endpoint_account_id=999999999999",
            UNKNOWN,
            "the VPC of VPC endpoint vpce-0dddddddddddddddd is unknown",
            "VPC endpoint vpce-0dddddddddddddddd in the inventory",
        ),
        ("source_ip=10.1.2.3, vpc_endpoint_id=vpce-0dddddddddddddddd, vpc_endpoint_account_id=111111111111", OUT, "", ""),
        (
            "source_ip=10.1.2.3, vpc_endpoint_id=vpce-0dddddddddddddddd, vpc_endpoint_account_id=vpce-1234",
            UNKNOWN,
            "may be yours or AWS's",
            "VPC endpoint vpce-0dddddddddddddddd in the inventory",
        ),
        // The console: an endpoint of AWS, and either the person's address or a private one.
        (
            "source_ip=198.51.100.9, vpc_endpoint_id=vpce-f40dc59d",
            CROSSES,
            "VPC endpoint vpce-f40dc59d is not in the inventory",
            "",
        ),
        ("source_ip=203.0.113.9, vpc_endpoint_id=vpce-f40dc59d", OUT, "", ""),
        (
            "source_ip=10.248.1.1, vpc_endpoint_id=vpce-f40dc59d",
            UNKNOWN,
            "may be yours or AWS's",
            "VPC endpoint vpce-f40dc59d in the inventory",
        ),
        (
            "source_service=athena.amazonaws.com, vpc_endpoint_id=vpce-f40dc59d",
            CROSSES,
            "the call came from the network of athena.amazonaws.com",
            "",
        ),
        // A service's endpoint, with the service's account.
        (
            "source_service=athena.amazonaws.com, vpc_endpoint_id=vpce-0dddddddddddddddd, vpc_endpoint_account_id=999999999999",
            CROSSES,
            "the call came from the network of athena.amazonaws.com",
            "",
        ),
        ("source_service=AWS Internal, vpc_endpoint_id=AWS Internal", CROSSES, "the network of AWS Internal", ""),
    ];
    let cases: Vec<_> = cases.iter().map(|(row, a, b, c)| (format!("{user}, {row}"), *a, *b, *c)).collect();
    let cases: Vec<_> = cases.iter().map(|(row, a, b, c)| (row.as_str(), *a, *b, *c)).collect();
    question(&inventory, &perimeter, "network", &["expected_networks", "own_vpc_endpoints", "exempt_principals"])
        .expect(&cases);
    question(&inventory, &perimeter, "network", &["expected_networks", "exempt_principals"]).expect(&[(
        "principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/scanner, principal_account_id=111111111111, source_ip=198.51.100.9",
        OUT,
        "",
        "",
    )]);
    // Exempt from the network perimeter only.
    question(&inventory, &perimeter, "resource", &["exempt_principals"]).expect(&[(
        "principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/scanner, principal_account_id=111111111111",
        CROSSES,
        "",
        "",
    )]);
    let no_endpoints = inventory_without(&["vpc_endpoints"]);
    question(&no_endpoints, &perimeter, "network", &["expected_networks"]).expect(&[(
        "principal_type=IAMUser, principal_account_id=111111111111, source_ip=10.1.2.3, vpc_endpoint_id=vpce-0aaaaaaaaaaaaaaaa",
        UNKNOWN,
        "",
        "AWS::EC2::VPCEndpoint inventory",
    )]);
}

#[test]
fn the_network_column() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let question = question(&inventory, &perimeter, "none", &[]);
    for (row, network, name) in [
        ("source_ip=203.0.113.70", "expected", Some("head office")),
        ("source_ip=203.0.113.9", "expected", Some("offices")),
        ("source_ip=198.51.100.9", "public", None),
        ("source_ip=192.168.1.1", "private", None),
        ("source_ip=10.1.2.3, vpc_endpoint_id=vpce-0aaaaaaaaaaaaaaaa", "private", None),
        ("source_ip=10.1.2.3, vpc_endpoint_id=vpce-0eeeeeeeeeeeeeeee", "expected", None),
        (
            "principal_type=AWSService, invoked_by=config.amazonaws.com, source_service=config.amazonaws.com, vpc_endpoint_id=vpce-61638908",
            "aws_service",
            None,
        ),
        ("user_agent=x", "unknown", None),
    ] {
        let table = question.table(&[row]);
        assert_eq!(table.text("network", 0), Some(network), "{row}");
        assert_eq!(table.text("network_name", 0), name, "{row}");
    }
}

#[test]
fn forward_access_sessions() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let role = |name: &str, id: &str| {
        format!(
            "principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/{name}, principal_id={id}, principal_account_id=111111111111"
        )
    };
    let app = role("app", "AROAAPPAPPAPPAPPAPP01");
    let admin = role("admin", "AROAADMINADMINADMIN01");
    let both = role("both", "AROABOTHBOTHBOTHBOT01");
    let denied = role("not-anymore", "AROANOTANYMORENOTAN01");
    let stranger = role("stranger", "AROASTRANGERSTRANG001");
    let person = role("people/jane", "AROAPEOPLEPEOPLEPEO01");
    let linked = role("aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig", "AROALINKEDLINKEDLIN01");
    let user =
        "principal_type=IAMUser, principal_arn=arn:aws:iam::111111111111:user/u, principal_account_id=111111111111".to_owned();
    let through = |who: &String, service: &str| format!("{who}, invoked_by={service}, source_service={service}");
    let cases = [
        (user.clone(), CROSSES, ""),
        (through(&user, "cloudformation.amazonaws.com"), OUT, ""),
        (through(&user, "AWS Internal"), OUT, ""),
        (format!("{user}, invoked_by=signin.amazonaws.com, source_ip=198.51.100.1"), CROSSES, ""),
        (
            format!("{user}, source_service=redshift.amazonaws.com"),
            UNKNOWN,
            "whether the call was a forward access session (the record has no invokedBy)",
        ),
        (through(&admin, "athena.amazonaws.com"), OUT, ""),
        (through(&admin, "AWS Internal"), OUT, ""),
        // The trust policy denies what it allows: no service is left.
        (through(&denied, "glue.amazonaws.com"), OUT, ""),
        (through(&person, "athena.amazonaws.com"), OUT, ""),
        (through(&app, "lambda.amazonaws.com"), CROSSES, ""),
        (format!("{app}, source_service=lambda.amazonaws.com"), CROSSES, ""),
        (
            through(&app, "athena.amazonaws.com"),
            UNKNOWN,
            "who assumed the session of role arn:aws:iam::111111111111:role/app (its AssumeRole event)",
        ),
        (
            through(&both, "glue.amazonaws.com"),
            UNKNOWN,
            "who assumed the session of role arn:aws:iam::111111111111:role/both (its AssumeRole event)",
        ),
        (through(&stranger, "athena.amazonaws.com"), UNKNOWN, "role arn:aws:iam::111111111111:role/stranger in the inventory"),
        (through(&linked, "config.amazonaws.com"), CROSSES, ""),
        ("principal_type=AWSService, invoked_by=config.amazonaws.com".to_owned(), CROSSES, ""),
        ("principal_account_id=anonymous, source_ip=198.51.100.1".to_owned(), CROSSES, ""),
    ];
    for (row, verdict, settled_by) in &cases {
        question(&inventory, &perimeter, "network", &["forward_access_sessions"]).expect(&[(row, verdict, "", settled_by)]);
    }
    let without_roles = inventory_without(&["iam_roles"]);
    question(&without_roles, &perimeter, "network", &["forward_access_sessions"]).expect(&[(
        &through(&app, "lambda.amazonaws.com"),
        UNKNOWN,
        "the trust policy is unknown",
        "AWS::IAM::Role inventory",
    )]);
}
