//! Reads findings of Access Analyzer as Security Hub keeps them: one for each analyzer and resource, in its own format
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-securityhub-integration.html>). Of a resource that lets in
//! several principals it shows one, and it has no findings whose analysis failed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{Grantee, Status, region_of_arn};
use super::shapes::{Detail, Told, owner, text};

/// What Security Hub keeps of one value at most
/// (<https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_ResourceDetails.html>).
const LONGEST: usize = 1_024;

/// `None`: a finding of another product, or about something else than external access.
///
/// # Errors
/// What the row lacks.
pub(super) fn read(row: &Value) -> Result<Option<Told>, String> {
    let of_analyzer = text(row, "GeneratorId").is_some_and(|generator| generator == "aws/access-analyzer")
        || text(row, "ProductArn").is_some_and(|product| product.ends_with("product/aws/access-analyzer"));
    let types = row.get("Types").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut types = types.peekable();
    let external = types.peek().is_none() || types.any(|of| of.ends_with("External Access Granted"));
    if !of_analyzer || !external {
        return Ok(None);
    }
    let id = text(row, "Id").ok_or("it has no Id")?;
    let resource = row.get("Resources").and_then(Value::as_array).and_then(|resources| resources.first());
    let resource = resource.ok_or("it names no resource")?;
    let arn = text(resource, "Id").ok_or("its resource has no Id")?;
    let other = resource.get("Details").and_then(|details| details.get("Other"));
    let mut cut = Vec::new();
    let mut field = |name: &str, words: &'static str| {
        let value = other.and_then(|other| text(other, name))?;
        if value.len() >= LONGEST || value.ends_with("...") {
            cut.push(words);
        }
        Some(value)
    };
    let principal_type = field("External Principal Type", "principal");
    let principal = field("External Principal", "principal");
    let actions = field("Action Granted", "list of actions");
    let condition = field("Condition", "condition");
    let detail = other.map(|other| Detail {
        grantee: principal.map(|value| Grantee::new(principal_type.as_deref().unwrap_or("AWS"), &value)),
        actions: actions.map(|list| {
            list.split(',').map(|action| action.trim().trim_end_matches("...").to_owned()).filter(|it| !it.is_empty()).collect()
        }),
        conditions: condition.map(|condition| match condition.as_str() {
            "none" => BTreeMap::new(),
            _ => conditions(&condition),
        }),
        is_public: text(row, "Title").map(|title| title.contains("public access")),
        granted_through: Default::default(),
        resource_control_policy: text(other, "Resource Control Policy Restriction Type"),
    });
    // `AWS::IAM::Role/arn:aws:iam::…` begins the description.
    let described = text(row, "Description")
        .and_then(|description| description.split_once('/').map(|(kind, _)| kind.to_owned()))
        .filter(|kind| kind.starts_with("AWS::"));
    let account = row.get("ProductFields").and_then(|fields| text(fields, "ResourceOwnerAccount"));
    Ok(Some(Told {
        region: region_of_arn(&id).map(str::to_owned).or_else(|| text(row, "Region")),
        status: match text(row, "RecordState").as_deref() {
            Some("ACTIVE") => Some(Status::Active),
            // Security Hub archives what Access Analyzer archived and what it resolved alike.
            Some("ARCHIVED") => Some(Status::Archived),
            Some(other) => return Err(format!("its RecordState is {other:?}; expected ACTIVE or ARCHIVED")),
            None => None,
        },
        resource_type: described.or_else(|| text(resource, "Type").as_deref().and_then(known_type).map(str::to_owned)),
        resource_account_id: owner(account, &arn),
        created_at: text(row, "CreatedAt"),
        updated_at: text(row, "UpdatedAt"),
        error: None,
        details: detail.map(|detail| vec![detail]),
        more_details: false,
        cut,
        resource: arn,
        id,
    }))
}

/// A condition is a JSON object in some findings and free text in others.
fn conditions(text: &str) -> BTreeMap<String, String> {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(keys)) => keys
            .into_iter()
            .map(|(key, value)| (key, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect(),
        _ => BTreeMap::from([("condition".to_owned(), text.to_owned())]),
    }
}

fn known_type(of_hub: &str) -> Option<&'static str> {
    Some(match of_hub {
        "AwsS3Bucket" => "AWS::S3::Bucket",
        "AwsIamRole" => "AWS::IAM::Role",
        "AwsKmsKey" => "AWS::KMS::Key",
        "AwsSqsQueue" => "AWS::SQS::Queue",
        "AwsSnsTopic" => "AWS::SNS::Topic",
        "AwsLambdaFunction" => "AWS::Lambda::Function",
        "AwsLambdaLayerVersion" => "AWS::Lambda::LayerVersion",
        "AwsSecretsManagerSecret" => "AWS::SecretsManager::Secret",
        "AwsEcrRepository" => "AWS::ECR::Repository",
        "AwsDynamoDbTable" => "AWS::DynamoDB::Table",
        "AwsRdsDbSnapshot" => "AWS::RDS::DBSnapshot",
        "AwsRdsDbClusterSnapshot" => "AWS::RDS::DBClusterSnapshot",
        _ => return None,
    })
}
