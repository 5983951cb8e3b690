//! The perimeter definition: what is read, what is refused and how the mistake is shown.

use std::path::Path;

use jiff::civil::date;
use palisade::config::aws_owned::{AwsOwnedResources, Evidence, evidence};
use palisade::config::perimeter::{Perimeter, PerimeterError, exceptions};
use palisade::config::{schema, template};
use palisade::pattern::Pattern;

fn parse(text: &str) -> Perimeter {
    Perimeter::parse(text, "perimeter.yaml").unwrap_or_else(|error| panic!("{error}"))
}

fn mistakes(text: &str) -> String {
    Perimeter::parse(text, "perimeter.yaml").expect_err("expected mistakes").to_string()
}

#[test]
fn account_ids_keep_their_leading_zeros() {
    let perimeter = parse(
        "baseline:
  trusted_identities:
    accounts: [012345678901, 012345670123, \"000000000001\", 111122223333]
accounts:
  012345670123:
    trusted_resources: {accounts: [012345670124]}
",
    );
    let trust = perimeter.for_account("012345670123");
    assert_eq!(trust.trusted_identities.accounts, ["012345678901", "012345670123", "000000000001", "111122223333"]);
    assert_eq!(trust.trusted_resources.accounts, ["012345670124"]);
    // The octal number that YAML 1.1 makes of it is somebody else.
    assert!(perimeter.for_account("1402433619").trusted_resources.accounts.is_empty());
}

#[test]
fn sections_are_added_to_the_baseline_in_order_and_without_repetitions() {
    let perimeter = parse(
        "baseline:
  trusted_identities: {accounts: [\"111122223333\", \"222233334444\"]}
  expected_networks: {cidrs: [203.0.113.0/24, {cidr: 198.51.100.0/24, name: office}]}
accounts:
  \"999999999999\":
    trusted_identities: {accounts: [\"222233334444\", \"000000000009\"]}
    expected_networks: {cidrs: [{cidr: 203.0.113.0/24, name: head office}, 198.51.100.0/24]}
resources:
  \"arn:aws:s3:::shared\":
    trusted_identities: {accounts: [\"555566667777\"]}
",
    );
    let accounts = |account: &str| perimeter.for_account(account).trusted_identities.accounts;
    assert_eq!(accounts("999999999999"), ["111122223333", "222233334444", "000000000009"]);
    assert_eq!(accounts("111111111111"), ["111122223333", "222233334444"]);
    let networks = perimeter.for_account("999999999999").expected_networks.cidrs;
    let networks: Vec<(String, &str)> = networks.iter().map(|n| (n.network.to_string(), n.name.as_str())).collect();
    assert_eq!(networks, [("203.0.113.0/24".into(), "head office"), ("198.51.100.0/24".into(), "office")]);
    let [(pattern, trust)] = perimeter.resource_trust() else { panic!("expected one resource section") };
    assert_eq!(pattern.as_str(), "arn:aws:s3:::shared");
    assert_eq!(trust.trusted_identities.accounts, ["555566667777"]);
    let for_shared = perimeter.for_resource("999999999999", "arn:aws:s3:::shared").trusted_identities.accounts;
    assert_eq!(for_shared, ["111122223333", "222233334444", "000000000009", "555566667777"]);
    assert_eq!(perimeter.for_resource("999999999999", "arn:aws:s3:::other"), perimeter.for_account("999999999999"));
}

/// Every key is read: each line of this definition ends up in the result.
#[test]
fn every_key_of_the_format_is_read() {
    let section = "
    trusted_identities: {organizations: [o-partner1], accounts: [\"111122223333\"], principals: [\"arn:aws:iam::444455556666:role/p/*\"]}
    trusted_resources: {accounts: [\"111122223333\"], arns: [\"arn:aws:sns:*:111122223333:*\"], buckets: [{name: p-*, owner: \"111122223333\"}, {name: q, owner: unknown}]}
    expected_networks: {cidrs: [203.0.113.0/24], vpcs: [vpc-0abc], vpc_endpoints: [vpce-0abc]}
    exempt_principals:
      network: {accounts: [\"000000000001\"], principals: [AROAEXAMPLE1]}
      resource: {accounts: [\"000000000002\"], principals: [AROAEXAMPLE2]}
      identity: {accounts: [\"000000000003\"], principals: [AROAEXAMPLE3]}
    human_roles: [\"arn:aws:iam::*:role/people/*\"]";
    let perimeter = parse(&format!(
        "version: 1
accounts:
  \"111111111111\":{section}
organizational_unit_boundaries: {{production: [ou-abcd-11111111, r-abcd], none:}}
aws_owned_resources:
  built_in: false
  additional: [{{service: Amazon EMR, arn: \"arn:aws:s3:::logs*\", owners: [\"514483059857\"], access: presigned, excepted_in: [vpce]}}]
owner_tags: [cost-centre]
exceptions:
  - id: one
    owner: jane@example.com
    reason: contract
    expires: 2026-12-31
    scope: {{query: \"s3_*\", perimeter: resource, account: \"111111111111\", principal: \"arn:aws:iam::*:role/x\", resource: \"arn:aws:s3:::b\",
             event_source: s3.amazonaws.com, event_name: \"Put*\", source_network: 198.51.100.0/24, vpc_endpoint: vpce-0abc}}
"
    ));
    let trust = perimeter.for_account("111111111111");
    assert_eq!(trust.trusted_identities.organizations, ["o-partner1"]);
    assert_eq!(trust.trusted_identities.accounts, ["111122223333"]);
    assert_eq!(trust.trusted_identities.principals, [Pattern::new("arn:aws:iam::444455556666:role/p/*")]);
    assert_eq!(trust.trusted_resources.accounts, ["111122223333"]);
    assert_eq!(trust.trusted_resources.arns, [Pattern::new("arn:aws:sns:*:111122223333:*")]);
    let owners: Vec<_> = trust.trusted_resources.buckets.iter().map(|b| (b.name.as_str(), b.owner.as_deref())).collect();
    assert_eq!(owners, [("p-*", Some("111122223333")), ("q", None)]);
    assert_eq!(trust.expected_networks.cidrs.len(), 1);
    assert_eq!(trust.expected_networks.vpcs, ["vpc-0abc"]);
    assert_eq!(trust.expected_networks.vpc_endpoints, ["vpce-0abc"]);
    for (list, number) in
        [(&trust.exempt_principals.network, 1), (&trust.exempt_principals.resource, 2), (&trust.exempt_principals.identity, 3)]
    {
        assert_eq!(list.accounts, [format!("00000000000{number}")]);
        assert_eq!(list.principals, [Pattern::new(format!("AROAEXAMPLE{number}"))]);
    }
    assert_eq!(trust.human_roles, [Pattern::new("arn:aws:iam::*:role/people/*")]);
    assert_eq!(perimeter.organizational_unit_boundaries["production"], ["ou-abcd-11111111", "r-abcd"]);
    assert!(perimeter.organizational_unit_boundaries["none"].is_empty());
    let owned: Vec<_> = perimeter.aws_owned_resources.iter().collect();
    assert_eq!(owned.len(), 1);
    assert_eq!((owned[0].service.as_str(), owned[0].access.as_str()), ("Amazon EMR", "presigned"));
    assert_eq!(owned[0].owners, ["514483059857"]);
    assert_eq!(owned[0].excepted_in, ["vpce"]);
    assert_eq!(perimeter.owner_tags, ["cost-centre"]);
    let [exception] = perimeter.exceptions.as_slice() else { panic!("expected one exception") };
    assert_eq!(
        (exception.id.as_str(), exception.owner.as_str(), exception.reason.as_str()),
        ("one", "jane@example.com", "contract")
    );
    let scope = &exception.scope;
    assert_eq!(scope.query, Some(Pattern::new("s3_*")));
    assert_eq!(scope.perimeter.as_deref(), Some("resource"));
    assert_eq!(scope.account.as_deref(), Some("111111111111"));
    assert_eq!(scope.principal, Some(Pattern::new("arn:aws:iam::*:role/x")));
    assert_eq!(scope.resource, Some(Pattern::new("arn:aws:s3:::b")));
    assert_eq!(scope.event_source, Some(Pattern::new("s3.amazonaws.com")));
    assert_eq!(scope.event_name, Some(Pattern::new("Put*")));
    assert_eq!(scope.source_network.map(|n| n.to_string()).as_deref(), Some("198.51.100.0/24"));
    assert_eq!(scope.vpc_endpoint.as_deref(), Some("vpce-0abc"));
}

#[test]
fn nothing_after_a_key_is_an_empty_list() {
    let perimeter = parse(
        "baseline:\n  trusted_identities:\n    accounts:\n  expected_networks:\n  human_roles:\naccounts:\nexceptions:\nowner_tags:\n",
    );
    assert_eq!(perimeter.for_account("111111111111"), Perimeter::empty().for_account("111111111111"));
    assert_eq!(perimeter.owner_tags, ["owner", "team"]);
    for empty in ["", "# only a comment\n", "---\n"] {
        assert_eq!(parse(empty).for_account("111111111111"), Default::default());
    }
}

#[test]
fn a_mistake_is_shown_with_its_line_a_caret_and_what_was_meant() {
    let shown = mistakes("baseline:\n  trusted_ressources:\n    accounts: []\n");
    assert_eq!(
        shown,
        "perimeter.yaml:2:3: unknown key `trusted_ressources` in baseline
  |
2 |   trusted_ressources:
  |   ^^^^^^^^^^^^^^^^^^
  = help: did you mean `trusted_resources`?"
    );
}

#[test]
fn all_mistakes_are_reported_in_the_order_of_the_file() {
    let text = "version: 2
baseline:
  expected_networks:
    cidrs: [1.1.1.1/24, 142.158.256.0/24, 0.0.0.0/0]
  trusted_resources:
    buckets: [partner, {name: x-*}]
accounts:
  \"1234\": {}
  \"111122223333\": {}
  111122223333: {}
exceptions:
  - {id: a, owner: o, reason: r, scope: {}}
  - {id: a, owner: o, reason: r, expires: 31.12.2026, scope: {perimeter: netwrk}}
";
    let Err(PerimeterError::Invalid(invalid)) = Perimeter::parse(text, "p.yaml") else { panic!("expected mistakes") };
    let lines: Vec<usize> = invalid.problems().iter().map(|problem| problem.at.line).collect();
    assert_eq!(lines, [1, 4, 4, 4, 6, 6, 8, 10, 12, 13, 13, 13]);
    let shown = invalid.to_string();
    for part in [
        "write `1.1.1.0/24` for the network, or `1.1.1.1/32` for the one address",
        "`256` is larger than 255",
        "covers every address",
        "bucket `partner` has no owner",
        "`owner` is missing",
        "account id `1234` has 4 digits, expected 12",
        "key `111122223333` is given twice",
        "it was given in line 9 before",
        "the scope is empty",
        "exception id `a` is given twice",
        "`31.12.2026` is not a date: expected `YYYY-MM-DD`",
        "did you mean `network`?",
        "p.yaml: 12 mistakes",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn what_is_no_yaml_and_what_is_no_text_say_so() {
    assert!(mistakes("baseline: [\n").contains("not valid YAML"));
    assert!(mistakes("a: 1\n---\nb: 2\n").contains("a second document starts here"));
    assert!(mistakes("baseline: {<<: {}}\n").contains("merge keys"));
    assert!(mistakes("[1, 2]\n").contains("expected a mapping"));
    // An alias of an alias … does not fill the memory.
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let before = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(", ")));
    }
    assert!(mistakes(&bomb).contains("once aliases are followed"));
    // A file cannot drive the terminal.
    for text in ["\"\\e[31m\": 1\n", "owner_tags: {\"a\\e[31m\": 1}\n", "accounts: {\"\\e[31m\": {}}\n"] {
        assert!(!mistakes(text).contains('\u{1b}'), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("perimeter.yaml");
    std::fs::write(&path, b"baseline: \xff\n").unwrap();
    assert!(Perimeter::load(&path).unwrap_err().to_string().contains("is not UTF-8 text: byte 10"));
    assert!(Perimeter::load(&folder.path().join("none.yaml")).unwrap_err().to_string().contains("none.yaml"));
}

#[test]
fn aliases_are_followed() {
    let perimeter = parse(
        "baseline: {trusted_identities: {accounts: &partners [\"111122223333\"]}, trusted_resources: {accounts: *partners}}\n",
    );
    assert_eq!(perimeter.for_account("1").trusted_resources.accounts, ["111122223333"]);
}

#[test]
fn an_exception_applies_through_the_day_it_expires() {
    let perimeter = parse(
        "exceptions:
  - {id: until, owner: o, reason: r, expires: 2026-12-31, scope: {query: x}}
  - {id: forever, owner: o, reason: r, scope: {query: x}}
",
    );
    let ids = |today| exceptions::applied(&perimeter.exceptions, today).map(|e| e.id.as_str()).collect::<Vec<_>>();
    assert_eq!(ids(date(2026, 12, 31)), ["until", "forever"]);
    assert_eq!(ids(date(2027, 1, 1)), ["forever"]);
    assert_eq!(exceptions::expired(&perimeter.exceptions, date(2027, 1, 1)).count(), 1);
    assert_eq!(perimeter.exceptions[0].days_left(date(2026, 11, 30)), Some(31));
    assert_eq!(perimeter.exceptions[0].days_left(date(2026, 12, 31)), Some(0));
    assert_eq!(perimeter.exceptions[0].days_left(date(2027, 1, 1)), None);
    assert_eq!(perimeter.exceptions[1].days_left(date(2027, 1, 1)), None);
}

#[test]
fn aws_owned_names_are_those_of_regions_that_exist() {
    let list = AwsOwnedResources::built_in();
    let service = |arn: &str| list.find(arn).map(|resource| resource.service.as_str());
    assert_eq!(service("arn:aws:s3:::repo.eu-west-1.amazonaws.com"), Some("Amazon EC2"));
    assert_eq!(service("arn:aws:s3:::repo.eu-west-1.amazonaws.com/2/core"), Some("Amazon EC2"));
    assert_eq!(service("arn:aws-cn:s3:::al2023-cn-north-1"), Some("Amazon EC2"));
    assert_eq!(service("arn:aws:s3:::cloudformation-custom-resource-response-uswest2/x"), Some("AWS CloudFormation"));
    assert_eq!(service("arn:aws:s3:::aws-glue-studio-transforms-123456789012-prod-us-east-1"), Some("AWS Glue"));
    assert_eq!(service("arn:aws:s3:::amazonq-code-scan-us-east-1-29121b44f7b/x"), Some("Amazon Q Developer"));
    assert_eq!(service("arn:aws:s3:::1a2b-aws-data-exchange-3c"), Some("AWS Data Exchange"));
    assert_eq!(service("arn:aws:ssm:eu-west-1::document/AWS-RunShellScript"), Some("AWS Systems Manager"));
    assert_eq!(service("arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess"), Some("AWS Identity and Access Management"));
    assert_eq!(service("arn:aws:ecr:eu-west-1:602401143452:repository/eks/pause"), Some("Amazon EKS"));
    for foreign in [
        // No region of that name, or something around the name.
        "arn:aws:s3:::repo.evil.amazonaws.com",
        "arn:aws:s3:::repo.eu-west-1.amazonaws.com.evil",
        "arn:aws:s3:::x-al2023-loot",
        "arn:aws:s3:::al2023-loot",
        "arn:aws:s3:::evil-birdwatcher-prod",
        "arn:aws:s3:::acme-aws-ssm-exfil",
        // The region of another partition.
        "arn:aws:s3:::al2023-cn-north-1",
        // The name as an object key of another bucket.
        "arn:aws:s3:::evil/x-aws-data-exchange-y",
        "arn:aws:s3:::evil/al2023-us-east-1",
        // Placeholders have a form.
        "arn:aws:s3:::aws-glue-studio-transforms-loot-prod-us-east-1",
        "arn:aws:s3:::amazonq-code-scan-us-east-1-exfiltrate!",
        "arn:aws:s3:::assets-999999999999-us-east-1",
        // Anybody's repository, layer or document.
        "arn:aws:ecr:eu-west-1:999999999999:repository/eks/pause",
        "arn:aws:lambda:eu-west-1:999999999999:layer:LambdaInsightsExtension:1",
        "arn:aws:ssm:eu-west-1:999999999999:document/AWS-RunShellScript",
    ] {
        assert_eq!(service(foreign), None, "{foreign}");
    }
}

#[test]
fn the_pattern_of_every_aws_owned_resource_is_anchored_and_found_again() {
    let list = AwsOwnedResources::built_in();
    assert!(list.iter().count() > 4_000);
    for resource in list.iter() {
        let arn = resource.arn.as_str().replace("?*", "a").replace('*', "a").replace('?', "1");
        assert!(list.find(&arn).is_some(), "{arn}");
        assert!(resource.arn.matches(&arn), "{arn}");
        assert!(!arn.contains('<'), "{arn}");
    }
}

#[test]
fn a_name_alone_is_no_proof_of_ownership() {
    let list = AwsOwnedResources::new(
        vec![palisade::config::perimeter::model::AwsOwnedResource {
            service: "Amazon EMR".into(),
            arn: Pattern::new("arn:aws:s3:::aws157-logs-prod*"),
            owners: vec!["514483059857".into()],
            access: "caller".into(),
            excepted_in: vec![],
        }],
        true,
    );
    let judge = |arn: &str, owner: Option<&str>| evidence(list.find(arn).expect(arn), arn, owner);
    assert_eq!(judge("arn:aws:s3:::aws157-logs-prod-eu", Some("514483059857")), Evidence::Owned);
    assert_eq!(judge("arn:aws:s3:::aws157-logs-prod-eu", Some("999999999999")), Evidence::ForeignOwner);
    assert_eq!(judge("arn:aws:s3:::aws157-logs-prod-eu", None), Evidence::NameOnly);
    assert_eq!(judge("arn:aws:s3:::al2023-us-east-1", Some("999999999999")), Evidence::NameOnly);
    assert_eq!(judge("arn:aws:iam::aws:policy/ReadOnlyAccess", None), Evidence::Owned);
    assert_eq!(judge("arn:aws:ecr:eu-west-1:602401143452:repository/eks/pause", None), Evidence::Owned);
    assert_eq!(judge("arn:aws:ssm:eu-west-1::parameter/aws/service/x", None), Evidence::Owned);
    // The ARN of an image names nobody.
    assert_eq!(judge("arn:aws:ec2:eu-west-1::image/ami-0abc", None), Evidence::NameOnly);
}

#[test]
fn the_template_is_a_definition_and_trusts_nobody() {
    let perimeter = parse(template::PERIMETER);
    let trust = perimeter.for_account("111111111111");
    assert_eq!(trust.human_roles.len(), 1);
    assert_eq!(palisade::config::perimeter::model::Trust { human_roles: vec![], ..trust }, Default::default());
    // Each commented example parses, too.
    let examples: String = template::PERIMETER
        .lines()
        .filter(|line| {
            !matches!(
                *line,
                "accounts: {}" | "resources: {}" | "organizational_unit_boundaries: {}" | "exceptions: []" | "  additional: []"
            )
        })
        .map(|line| match line.strip_prefix('#') {
            Some(example) if example.starts_with("  ") => format!("{example}\n"),
            _ => format!("{line}\n"),
        })
        .collect::<String>()
        .replace("  \"111111111111\":", "accounts:\n  \"111111111111\":")
        .replace("  \"arn:aws:s3:::shared-bucket\":", "resources:\n  \"arn:aws:s3:::shared-bucket\":")
        .replace("  production:", "organizational_unit_boundaries:\n  production:")
        .replace("    - {service", "  additional:\n    - {service")
        .replace("  - id: partner-upload", "exceptions:\n  - id: partner-upload");
    let perimeter = parse(&examples);
    assert_eq!(perimeter.exceptions.len(), 1);
    assert_eq!(perimeter.accounts_with_section().collect::<Vec<_>>(), ["111111111111"]);
    assert_eq!(perimeter.resource_trust().len(), 1);
}

#[test]
fn the_schemas_in_the_repository_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for (file, text, command) in [
        ("perimeter.schema.json", schema::perimeter(), "palisade config schema perimeter"),
        ("settings.schema.json", schema::settings(), "palisade config schema settings"),
    ] {
        let stored = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(stored == text, "config/{file} is out of date: write the output of `{command}` into it");
    }
}

#[test]
fn equal_texts_have_equal_hashes() {
    // printf 'version: 1\n' | sha256sum
    assert_eq!(parse("version: 1\n").sha256, "09bfcc6a14b83e2192b8673677725c84883ee9cd0c70e45c9ec09daa8f2b2847");
    assert_ne!(parse("version: 1\n").sha256, parse("version:  1\n").sha256);
}
