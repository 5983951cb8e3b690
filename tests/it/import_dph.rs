//! The import of `data_perimeter.yaml`: what is converted, and that nothing changes its meaning unsaid.

use palisade::config::import_dph::{ImportError, ImportNote, Imported, NoteKind, import_dph};
use palisade::config::perimeter::Perimeter;
use palisade::config::perimeter::model::Trust;
use proptest::prelude::*;

fn import(text: &str) -> (Imported, Perimeter) {
    let imported = import_dph(text).unwrap_or_else(|error| panic!("{error}"));
    let perimeter =
        Perimeter::parse(&imported.yaml, "perimeter.yaml").unwrap_or_else(|error| panic!("{error}\n{}", imported.yaml));
    (imported, perimeter)
}

fn baseline(key: &str, values: &str) -> (Vec<ImportNote>, Trust) {
    let (imported, perimeter) = import(&format!("baseline:\n  {key}: {values}\n"));
    (imported.notes, perimeter.for_account("000000000000"))
}

fn patterns(patterns: &[palisade::pattern::Pattern]) -> Vec<&str> {
    patterns.iter().map(palisade::pattern::Pattern::as_str).collect()
}

fn kinds(notes: &[ImportNote]) -> Vec<NoteKind> {
    notes.iter().map(|note| note.kind).collect()
}

#[test]
fn an_unanchored_principal_becomes_a_pattern_on_the_whole_arn() {
    let (notes, trust) = baseline("network_perimeter_trusted_principal", "[role/CloudOps]");
    assert_eq!(patterns(&trust.exempt_principals.network.principals), ["arn:*:iam::*:role/CloudOps"]);
    assert_eq!(kinds(&notes), [NoteKind::Changed]);
    assert_eq!(notes[0].line, 2);
    assert_eq!(notes[0].key, "baseline.network_perimeter_trusted_principal");
    assert_eq!(notes[0].value, "role/CloudOps");
    assert!(
        notes[0].message.contains("`arn:aws:iam::999999999999:role/CloudOpsEvil` matched and no longer does"),
        "{}",
        notes[0]
    );
}

#[test]
fn the_wildcard_of_an_arn_becomes_one() {
    let (notes, trust) = baseline("identity_perimeter_trusted_principal", "['arn:aws:iam::*:role/x']");
    assert_eq!(patterns(&trust.trusted_identities.principals), ["arn:aws:iam::*:role/x"]);
    assert!(notes[0].message.contains("`arn:aws:iam::111122223333:role/x` did not match and does now"), "{}", notes[0]);
}

#[test]
fn buckets_lack_an_owner_and_those_of_aws_are_in_the_built_in_list() {
    let (notes, trust) =
        baseline("resource_perimeter_trusted_bucket_name", r"['al2023-[\w-]*', '[\w-]*-birdwatcher-prod', partner]");
    let buckets: Vec<_> = trust.trusted_resources.buckets.iter().map(|b| (b.name.as_str(), b.owner.as_deref())).collect();
    assert_eq!(buckets, [("partner", None)]);
    assert_eq!(kinds(&notes), [NoteKind::Replaced, NoteKind::Replaced, NoteKind::Incomplete, NoteKind::Changed]);
    assert!(notes[3].message.contains("`partner-evil` matched and no longer does"), "{}", notes[3]);
}

#[test]
fn both_spellings_of_trusted_buckets_are_read() {
    let (notes, trust) = baseline("resource_perimeter_trusted_bucket", "[partner]");
    assert_eq!(trust.trusted_resources.buckets.len(), 1);
    assert!(notes.iter().any(|note| note.value.is_empty() && note.message.contains("ignored this spelling")));
}

#[test]
fn account_ids_are_text_again() {
    let (notes, trust) =
        baseline("identity_perimeter_trusted_account", "[012345670123, 111122223333, \"222233334444\", 012345678901]");
    assert_eq!(trust.trusted_identities.accounts, ["012345670123", "111122223333", "222233334444", "012345678901"]);
    assert_eq!(kinds(&notes), [NoteKind::Changed, NoteKind::Changed]);
    assert!(notes[0].message.contains("the octal number 1402433619"), "{}", notes[0]);
    assert!(notes[1].message.contains("stops the old tool"), "{}", notes[1]);
    let (imported, perimeter) = import("baseline:\n012345670123:\n  identity_perimeter_trusted_account: [\"111122223333\"]\n");
    assert_eq!(perimeter.for_account("012345670123").trusted_identities.accounts, ["111122223333"]);
    assert_eq!(kinds(&imported.notes), [NoteKind::Changed]);
}

#[test]
fn what_cannot_be_converted_is_left_out_and_listed() {
    for (key, value, part) in [
        ("network_perimeter_expected_public_cidr", "142.158.256.0/24", "`256` is larger than 255"),
        ("network_perimeter_expected_public_cidr", "1.1.1.1/24", "write `1.1.1.0/24`"),
        ("network_perimeter_trusted_account", "'11111111111111'", "has 14 digits, expected 12"),
        ("network_perimeter_trusted_account", "'123'", "trusted every account whose id holds `123`"),
        ("network_perimeter_trusted_principal", "'^role/(a|b)'", "a group in parentheses"),
        ("network_perimeter_trusted_principal", "'role/a{2,3}'", "repetitions that varies"),
        ("network_perimeter_trusted_principal", "'AROAEXAMPLEID:session'", "write the whole ARN"),
        ("network_perimeter_expected_vpc_endpoint", "'vpce-0abc.*'", "exact now"),
        ("resource_perimeter_trusted_topic_arn", "my-topic", "it names no account"),
        ("resource_perimeter_trusted_bucket_name", "'a-prod/components'", "`/` cannot occur in it"),
        ("resource_perimeter_trusted_bucket_name", "'[\\w-]*'", "covers every bucket"),
        ("network_perimeter_trusted_principle", "x", "network_perimeter_trusted_principal"),
        ("athena_sql_limits", "250", "athena_sql_limit"),
    ] {
        let (notes, trust) = baseline(key, &format!("[{value}]"));
        assert_eq!(trust, Trust::default(), "{key} {value}");
        assert_eq!(kinds(&notes), [NoteKind::LeftOut], "{key} {value}");
        assert!(notes[0].message.contains(part), "{part}: {}", notes[0]);
    }
}

#[test]
fn keys_without_an_equivalent_are_listed() {
    let (imported, perimeter) = import(
        "baseline:
  athena_sql_limit: 250
  network_perimeter_human_role_arn: []
  org_unit_boundary:
    production: [ou-gi22-ozr5zn38]
    development: \"r-abcd/ou-gi22-gnoi8d74/*\"
111122223333:
  org_unit_boundary: {x: [ou-gi22-ozr5zn38]}
  AWS::SNS::Topic: {}
1234: {}
",
    );
    assert_eq!(perimeter.organizational_unit_boundaries["production"], ["ou-gi22-ozr5zn38"]);
    assert_eq!(perimeter.organizational_unit_boundaries["development"], ["ou-gi22-gnoi8d74"]);
    assert_eq!(perimeter.organizational_unit_boundaries.len(), 2);
    let listed: Vec<(usize, NoteKind)> = imported.notes.iter().map(|note| (note.line, note.kind)).collect();
    use NoteKind::{Changed, LeftOut, Replaced};
    assert_eq!(listed, [(2, Replaced), (3, Changed), (8, LeftOut), (9, LeftOut), (10, LeftOut)]);
}

#[test]
fn resources_of_accounts_become_sections_by_arn() {
    let (imported, perimeter) = import(
        "baseline:
111122223333:
  AWS::S3::Bucket:
    my-bucket:
      network_perimeter_expected_vpc_endpoint: [vpce-0123456789abcdef0]
      identity_perimeter_trusted_principal: []
",
    );
    let [(pattern, trust)] = perimeter.resource_trust() else { panic!("expected one resource") };
    assert_eq!(pattern.as_str(), "arn:aws:s3:::my-bucket");
    assert_eq!(trust.expected_networks.vpc_endpoints, ["vpce-0123456789abcdef0"]);
    assert_eq!(kinds(&imported.notes), [NoteKind::Changed]);
    assert!(imported.notes[0].message.contains("drop every call to the bucket"));
}

#[test]
fn what_kept_its_meaning_is_not_listed() {
    let (imported, perimeter) = import(
        "baseline:
  network_perimeter_expected_public_cidr: [203.0.113.0/24]
  network_perimeter_expected_vpc: [vpc-0123456789abcdef0]
  network_perimeter_expected_vpc_endpoint: [vpce-0123456789abcdef0]
  identity_perimeter_trusted_account: [\"222222222222\"]
  identity_perimeter_trusted_principal: [AROA1234567890ABCDEFG]
  org_unit_boundary:
",
    );
    assert_eq!(imported.notes, []);
    let trust = perimeter.for_account("000000000000");
    assert_eq!(trust.expected_networks.cidrs.len(), 1);
    assert_eq!(trust.expected_networks.vpcs, ["vpc-0123456789abcdef0"]);
    assert_eq!(trust.expected_networks.vpc_endpoints, ["vpce-0123456789abcdef0"]);
    assert_eq!(trust.trusted_identities.accounts, ["222222222222"]);
    assert_eq!(patterns(&trust.trusted_identities.principals), ["AROA1234567890ABCDEFG"]);
}

#[test]
fn another_file_is_refused() {
    assert!(matches!(import_dph("region: eu-west-1\n"), Err(ImportError::NotDataPerimeterHelper)));
    assert!(matches!(import_dph("- a\n"), Err(ImportError::NotDataPerimeterHelper)));
    assert!(import_dph("baseline: [\n").unwrap_err().to_string().contains("not valid YAML"));
}

const KEYS: [&str; 10] = [
    "network_perimeter_expected_public_cidr",
    "network_perimeter_expected_vpc",
    "network_perimeter_expected_vpc_endpoint",
    "network_perimeter_trusted_account",
    "network_perimeter_trusted_principal",
    "network_perimeter_human_role_arn",
    "identity_perimeter_trusted_principal",
    "resource_perimeter_trusted_bucket_name",
    "resource_perimeter_trusted_topic_arn",
    "athena_sql_limit",
];

proptest! {
    /// Whatever the old file says, the new definition parses, and every value is in it as it was or in a note.
    #[test]
    fn the_result_parses_and_no_value_is_lost(
        values in prop::collection::vec((0..KEYS.len(), prop_oneof![
            "[a-z0-9:/*.\\\\\\[\\]{}|()^$?+=_ -]{1,24}",
            "(arn:aws:iam::[0-9*]{1,12}:)?role/[a-zA-Z*_-]{1,12}",
            "[0-9]{10,13}",
            "vpce?-[0-9a-z]{1,18}",
            "\\PC{1,10}",
        ]), 1..6),
    ) {
        let mut text = String::from("baseline:\n");
        for (number, (key, value)) in values.iter().enumerate() {
            // A key may stand once: the values of the others go to accounts.
            if number > 0 {
                text.push_str(&format!("'{number:012}':\n"));
            }
            let quoted = value.replace('\'', "''");
            text.push_str(&format!("  {}: ['{quoted}']\n", KEYS[*key]));
        }
        if let Ok(imported) = import_dph(&text) {
            let perimeter = Perimeter::parse(&imported.yaml, "perimeter.yaml");
            prop_assert!(perimeter.is_ok(), "{}\n{}\n{}", text, imported.yaml, perimeter.unwrap_err());
            for (key, value) in values.iter().filter(|(key, _)| KEYS[*key] != "athena_sql_limit") {
                let said = imported.notes.iter().any(|note| note.value == *value && note.key.ends_with(KEYS[*key]));
                let kept = imported.yaml.contains(&format!("\"{}\"", value.trim()));
                prop_assert!(said || kept, "{}\n{}", value, imported.yaml);
            }
        }
    }
}
