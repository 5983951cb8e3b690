//! The same against moto, an emulator that nobody here wrote: the real protocol of AWS Organizations, account regions, STS and
//! Security Hub. Skipped where `PALISADE_TEST_AWS` names none.

use aws_sdk_organizations::Client;
use aws_sdk_organizations::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_organizations::types::{OrganizationFeatureSet, PolicyType};
use palisade::inventory::{Inventory, resource_types};
use tempfile::TempDir;

use super::{SCP, record};
use crate::support::Palisade;

/// The URL of the emulator. Where servers are required, its lack is a failure.
fn url() -> Option<String> {
    let url = std::env::var("PALISADE_TEST_AWS").ok().filter(|url| !url.is_empty());
    if url.is_none() {
        assert_ne!(std::env::var("PALISADE_TEST_SERVERS").as_deref(), Ok("required"), "PALISADE_TEST_AWS is not set");
        println!("skipped: PALISADE_TEST_AWS names no emulator of AWS");
    }
    url
}

fn client(url: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_organizations::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIAEXAMPLE000000001", "not-a-secret", None, None, "test"));
    Client::from_conf(config.build())
}

/// What was made: accounts, units and policies, by id.
struct Made {
    account: String,
    unit: String,
    nested: String,
    attached: String,
    spare: String,
}

async fn make(client: &Client) -> Made {
    // Another test may have made the organization.
    let _ = client.create_organization().feature_set(OrganizationFeatureSet::All).send().await;
    let root = client.list_roots().send().await.unwrap().roots()[0].id().unwrap().to_owned();
    let _ = client.enable_policy_type().root_id(&root).policy_type(PolicyType::ServiceControlPolicy).send().await;
    let unique = TempDir::new().unwrap().path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_owned();
    let unit = async |parent: &str, name: &str| {
        let made = client.create_organizational_unit().parent_id(parent).name(format!("{name}-{unique}")).send().await.unwrap();
        made.organizational_unit().unwrap().id().unwrap().to_owned()
    };
    let workloads = unit(&root, "Workloads").await;
    let payments = unit(&workloads, "Payments").await;
    let email = format!("{unique}@example.com");
    let made = client.create_account().email(email).account_name(format!("ledger-{unique}")).send().await.unwrap();
    let account = made.create_account_status().unwrap().account_id().unwrap().to_owned();
    client.move_account().account_id(&account).source_parent_id(&root).destination_parent_id(&payments).send().await.unwrap();
    let policy = async |name: &str| {
        let request = client.create_policy().content(SCP).description("test").name(format!("{name}-{unique}"));
        let made = request.r#type(PolicyType::ServiceControlPolicy).send().await.unwrap();
        made.policy().unwrap().policy_summary().unwrap().id().unwrap().to_owned()
    };
    let (attached, spare) = (policy("attached").await, policy("spare").await);
    client.attach_policy().policy_id(&attached).target_id(&payments).send().await.unwrap();
    client.attach_policy().policy_id(&attached).target_id(&account).send().await.unwrap();
    Made { account, unit: workloads, nested: payments, attached, spare }
}

#[test]
fn an_organization_of_the_emulator_is_read_back() {
    let Some(url) = url() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let made = runtime.block_on(make(&client(&url)));
    let folder = TempDir::new().unwrap();
    let nowhere = folder.path().join("no-such-file").display().to_string();
    std::fs::write(
        folder.path().join("palisade.yaml"),
        "aws:\n  organizations: {roles: ['arn:aws:iam::123456789012:role/hub', 'arn:aws:iam::123456789012:role/organizations']}\n",
    )
    .unwrap();
    let finished = Palisade::in_folder(&folder)
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE000000001")
        .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", &nowhere)
        .env("AWS_SHARED_CREDENTIALS_FILE", &nowhere)
        // The emulator knows no aggregator, so what AWS Config would tell is missing, and nothing else is.
        .run(&[
            "inventory",
            "export",
            "--output",
            "snapshot",
            "--types",
            "AWS::Organizations::Policy,AWS::IAM::Role",
            "--external-access-findings",
            "security_hub",
        ])
        .ends_with(4);
    let inventory = Inventory::load(&folder.path().join("snapshot")).unwrap();
    let account = inventory.account(&made.account).unwrap();
    assert_eq!(&account.parents[1..], [made.unit.clone(), made.nested.clone()]);
    let path = account.organizational_unit_path.as_deref().unwrap();
    assert!(path.starts_with("Root/Workloads-") && path.contains("/Payments-"), "{path}");
    let policy = |id: &str| inventory.policies().find(|policy| policy.id == id).unwrap();
    let mut targets = vec![made.account.clone(), made.nested.clone()];
    targets.sort();
    assert_eq!(policy(&made.attached).targets, Some(targets));
    assert_eq!(policy(&made.spare).targets, Some(Vec::new()));
    for name in [resource_types::ACCOUNT, resource_types::TREE, resource_types::POLICY] {
        assert!(inventory.complete(name), "{name}: {:?} {}", record(&folder).types[name], finished.err);
    }
    let record = record(&folder);
    assert!(!record.types[resource_types::ROLE].provided);
    // Some versions of the emulator list no regions: then only the own region is read, and that is told.
    let findings = &record.types["AWS::SecurityHub::Finding"];
    let no_regions = record.errors.iter().any(|error| error.operation == "ListRegions");
    assert_eq!(record.enabled_regions.is_empty(), no_regions, "{:?}", record.errors);
    assert_eq!((findings.provided, findings.complete), (true, !no_regions), "{findings:?}");
}
