//! Sessions: what the settings say about credentials, and what is shown of them.

use std::path::PathBuf;

use palisade::aws::{Purpose, Sessions};
use palisade::config::settings::{FileText, Flags, Settings, SettingsError};

fn settings(text: &str) -> Result<Settings, SettingsError> {
    let file = FileText { path: PathBuf::from("palisade.yaml"), text: text.to_owned() };
    Settings::resolve(&Flags::default(), &|_| None, Some(&file), "2026-11-20T12:00:00Z".parse().unwrap())
}

const ROLES: &str = "\
aws:
  region: eu-west-1
  profile: audit
  roles: [arn:aws:iam::111122223333:role/hub]
  organizations:
    roles:
      - arn:aws:iam::111122223333:role/hub
      - {arn: 'arn:aws:iam::444455556666:role/path/organizations', external_id: hush-4711, session_name: palisade-test}
  config: {profile: config}
  s3: {region: us-east-1}
";

#[test]
fn each_purpose_has_its_own_credentials_or_those_around_it() {
    let aws = settings(ROLES).unwrap().aws;
    let of = |purpose| aws.session(purpose);
    assert_eq!(of(Purpose::Athena), &aws.base);
    assert_eq!(of(Purpose::Athena).to_string(), "role arn:aws:iam::111122223333:role/hub");
    let arns: Vec<&str> = of(Purpose::Organizations).roles.iter().map(|role| role.arn.as_str()).collect();
    assert_eq!(arns, ["arn:aws:iam::111122223333:role/hub", "arn:aws:iam::444455556666:role/path/organizations"]);
    assert_eq!(of(Purpose::Organizations).profile.as_deref(), Some("audit"));
    assert_eq!(of(Purpose::Organizations).roles[1].session_name, "palisade-test");
    // Another profile starts anew: the roles of the section need not be within its reach.
    assert_eq!(of(Purpose::Config).profile.as_deref(), Some("config"));
    assert!(of(Purpose::Config).roles.is_empty());
    // Another region keeps the rest.
    assert_eq!((of(Purpose::S3).region.as_deref(), of(Purpose::S3).roles.len()), (Some("us-east-1"), 1));
    assert_eq!(of(Purpose::SecurityHub).region.as_deref(), Some("eu-west-1"));
}

#[test]
fn an_external_id_is_shown_nowhere() {
    let settings = settings(ROLES).unwrap();
    let shown = settings.show().iter().map(|shown| shown.value.clone()).collect::<String>();
    assert!(shown.contains("role/path/organizations"), "{shown}");
    let debug = format!(
        "{settings:?}{:?}{:?}",
        settings.aws.session(Purpose::Organizations),
        Sessions::new(settings.aws.clone()).unwrap()
    );
    for text in [shown, debug] {
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn mistakes_name_their_place() {
    let text = "aws:\n  region: Ireland\n  roles: [admin]\n  max_attempts: 0\n  s3: {profil: x}\n  s3_requester_pays: perhaps\nathena:\n  concurrency: 1000\n  output_location: bucket/x\n  price_per_terabyte: cheap\n  result_reuse: 1\n";
    let SettingsError::Invalid(invalid) = settings(text).unwrap_err() else { panic!("not of the file") };
    let lines: Vec<usize> = invalid.problems().iter().map(|problem| problem.at.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 8, 9, 10], "{invalid}");
    assert!(invalid.to_string().contains("did you mean `profile`?"), "{invalid}");
}

#[test]
fn the_athena_section_has_defaults_and_is_read() {
    let default = settings("title: x\n").unwrap().athena;
    assert_eq!((default.workgroup.as_str(), default.catalog.as_str()), ("primary", "AwsDataCatalog"));
    assert_eq!((default.concurrency, default.result_reuse, default.micro_dollars_per_terabyte), (10, 0, 5_000_000));
    let text = "max_scan: 200GB\nathena: {workgroup: w, database: d, tables: [management, data], output_location: 's3://b/p', price_per_terabyte: 6.75, concurrency: 20, result_reuse: 60}\n";
    let settings = settings(text).unwrap();
    assert_eq!(settings.max_scan, Some(200_000_000_000));
    let athena = settings.athena;
    assert_eq!(athena.tables, ["management", "data"]);
    assert_eq!(athena.output_location.as_deref(), Some("s3://b/p/"));
    assert_eq!((athena.micro_dollars_per_terabyte, athena.concurrency, athena.result_reuse), (6_750_000, 20, 60));
}
