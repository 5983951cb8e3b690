//! Which resource types are worth collecting, and which of their properties.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::inventory::model::resource_types::{
    ACCOUNT, BUCKET, POLICY, ROLE, SUBNET, TREE, USER, VPC, VPC_ENDPOINT, VPC_ENDPOINT_SERVICE,
};

/// Properties that every row has.
const COMMON: &str = "accountId, awsRegion, arn, resourceId, resourceName, resourceType, tags, configurationItemCaptureTime";

/// Properties of a type beyond those that every row has.
const PROPERTIES: [(&str, &str); 8] = [
    (ROLE, "configuration.roleId, configuration.assumeRolePolicyDocument, configuration.tags"),
    (USER, "configuration.userId"),
    (
        VPC_ENDPOINT,
        "configuration.vpcEndpointId, configuration.vpcEndpointType, configuration.vpcId, configuration.serviceName, configuration.ownerId, configuration.policyDocument",
    ),
    (VPC, "configuration.vpcId, configuration.ownerId"),
    (SUBNET, "configuration.subnetId, configuration.vpcId, configuration.ownerId"),
    ("AWS::Lambda::Function", "configuration.vpcConfig.subnetIds, configuration.role"),
    ("AWS::Glue::Job", "configuration.Connections.Connections, configuration.DefaultArguments"),
    (
        "AWS::SageMaker::NotebookInstance",
        "configuration.DirectInternetAccess, configuration.SubnetId, configuration.SecurityGroupIds",
    ),
];

/// Types that AWS Config records without a region.
pub(super) fn is_global(resource_type: &str) -> bool {
    resource_type.starts_with("AWS::IAM::")
}

/// Types that AWS Organizations tells, not AWS Config.
pub(super) fn is_of_organization(resource_type: &str) -> bool {
    resource_type.starts_with("AWS::Organizations::")
}

/// A resource type as users write it: `AWS::SQS::Queue`. It becomes part of a query and of a file's name.
pub fn is_resource_type(text: &str) -> bool {
    let parts: Vec<&str> = text.split("::").collect();
    let word = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
    parts.len() == 3 && parts.iter().all(word)
}

/// The advanced query for a type, of some accounts and one region or of all.
pub(super) fn expression(resource_type: &str, with_properties: bool, accounts: &[String], region: Option<&str>) -> String {
    let properties = PROPERTIES.iter().find(|(name, _)| *name == resource_type && with_properties);
    let mut text = format!("SELECT {COMMON}");
    if let Some((_, properties)) = properties {
        text.push_str(", ");
        text.push_str(properties);
    }
    text.push_str(&format!(" WHERE resourceType = '{resource_type}'"));
    if let [account] = accounts {
        text.push_str(&format!(" AND accountId = '{account}'"));
    } else if !accounts.is_empty() {
        let quoted: Vec<String> = accounts.iter().map(|account| format!("'{account}'")).collect();
        text.push_str(&format!(" AND accountId IN ({})", quoted.join(", ")));
    }
    if let Some(region) = region {
        text.push_str(&format!(" AND awsRegion = '{region}'"));
    }
    text
}

/// Always collected: without them nobody is inside the organization, and a few requests bring them.
pub const ALWAYS: [&str; 2] = [ACCOUNT, TREE];
/// What every perimeter asks for, beyond what single queries name.
pub const USUAL: [&str; 5] = [POLICY, ROLE, VPC_ENDPOINT, VPC, BUCKET];

/// The resource types behind the services whose calls a policy can name.
const OF_SERVICE: [(&str, &str); 20] = [
    ("backup", "AWS::Backup::BackupVault"),
    ("cloudformation", "AWS::CloudFormation::Stack"),
    ("codebuild", "AWS::CodeBuild::Project"),
    ("dynamodb", "AWS::DynamoDB::Table"),
    ("ecr", "AWS::ECR::Repository"),
    ("elasticfilesystem", "AWS::EFS::FileSystem"),
    ("events", "AWS::Events::EventBus"),
    ("glue", "AWS::Glue::Job"),
    ("iam", USER),
    ("kinesis", "AWS::Kinesis::Stream"),
    ("kms", "AWS::KMS::Key"),
    ("lambda", "AWS::Lambda::Function"),
    ("rds", "AWS::RDS::DBInstance"),
    ("s3", BUCKET),
    ("sagemaker", "AWS::SageMaker::NotebookInstance"),
    ("secretsmanager", "AWS::SecretsManager::Secret"),
    ("sns", "AWS::SNS::Topic"),
    ("sqs", "AWS::SQS::Queue"),
    ("states", "AWS::StepFunctions::StateMachine"),
    ("sts", ROLE),
];

/// The types that judging calls against a policy document asks for: who is attached where, who calls, through which endpoint,
/// and the resources of the services that it names.
///
/// # Errors
/// When the document has no statements.
pub fn types_of_policy(document: &Value) -> Result<BTreeSet<String>, String> {
    let statements: Vec<&Value> = match document.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => return Err("it is no policy document: it has no Statement".to_owned()),
    };
    let mut types: BTreeSet<String> = [ACCOUNT, TREE, POLICY, ROLE, VPC_ENDPOINT, VPC].into_iter().map(str::to_owned).collect();
    for statement in statements {
        // Lambda derives the VPC of a function from its subnets, which alone are recorded.
        let reads =
            |key: &str| statement.get("Condition").is_some_and(|own| own.to_string().to_ascii_lowercase().contains(key));
        if reads("\"lambda:vpcids\"") {
            types.insert(SUBNET.to_owned());
        }
        if reads("\"ec2:vpceserviceowner\"") {
            types.insert(VPC_ENDPOINT_SERVICE.to_owned());
        }
        let actions: Vec<&str> = match statement.get("Action") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            // NotAction speaks of every service but some.
            _ => vec!["*"],
        };
        for action in actions {
            let service = action.split(':').next().unwrap_or_default().to_ascii_lowercase();
            let pattern = crate::pattern::Pattern::new(&service);
            types.extend(OF_SERVICE.iter().filter(|(name, _)| pattern.matches(name)).map(|(_, kind)| (*kind).to_owned()));
        }
    }
    Ok(types)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions_stay_under_the_limit() {
        let accounts: Vec<String> =
            (0..super::super::aggregator::MOST_ACCOUNTS).map(|n| format!("{:012}", 100_000_000_000_u64 + n as u64)).collect();
        for (resource_type, _) in PROPERTIES {
            let text = expression(resource_type, true, &accounts, Some("ap-southeast-2"));
            assert!(text.len() <= 4096, "{resource_type}: {}", text.len());
        }
        assert_eq!(
            expression("AWS::SQS::Queue", true, &["111122223333".to_owned()], None),
            format!("SELECT {COMMON} WHERE resourceType = 'AWS::SQS::Queue' AND accountId = '111122223333'")
        );
    }

    #[test]
    fn a_policy_names_the_types_that_judging_it_needs() {
        let base = [ACCOUNT, TREE, POLICY, ROLE, VPC_ENDPOINT, VPC];
        let types = |document: Value| types_of_policy(&document).unwrap();
        let with = |more: &[&str]| base.iter().chain(more).map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(types(json!({"Statement": {"Effect": "Deny", "Action": "s3:*"}})), with(&[BUCKET]));
        assert_eq!(
            types(json!({"Statement": [{"Action": ["SQS:Send*", "sns:Publish"]}]})),
            with(&["AWS::SQS::Queue", "AWS::SNS::Topic"])
        );
        let all: Vec<&str> = OF_SERVICE.iter().map(|(_, kind)| *kind).collect();
        assert_eq!(types(json!({"Statement": [{"NotAction": "iam:*"}]})), with(&all));
        assert_eq!(types(json!({"Statement": [{"Action": "*"}]})), with(&all));
        let in_vpc = json!({"Null": {"lambda:VpcIds": "true"}});
        assert_eq!(
            types(json!({"Statement": [{"Action": "lambda:CreateFunction", "Condition": in_vpc}]})),
            with(&["AWS::Lambda::Function", SUBNET])
        );
        let own = json!({"StringEquals": {"ec2:VpceServiceOwner": "amazon"}});
        assert_eq!(types(json!({"Statement": [{"Action": "ec2:*", "Condition": own}]})), with(&[VPC_ENDPOINT_SERVICE]));
        assert!(types_of_policy(&json!({"statement": []})).is_err());
    }

    #[test]
    fn resource_types_cannot_break_out_of_a_query() {
        assert!(is_resource_type("AWS::SQS::Queue"));
        for wrong in ["AWS::SQS", "AWS::SQS::Queue' OR '1'='1", "AWS::SQS::Queue::", "../x", ""] {
            assert!(!is_resource_type(wrong), "{wrong}");
        }
    }
}
