//! Resources that requests name in a way of their own, which neither an ARN nor a template catches.

use serde_json::{Map, Value};

use super::super::action::Needed;
use super::super::owner::Owner;
use super::super::scene::{Parameters, Scene};
use super::{MOST, Resolved, fill, home_account, home_owner, of_arn};

/// What the request names, if it is one of these.
pub(super) fn resources(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Vec<Resolved>> {
    let (arns, from): (Vec<String>, &'static str) = match &*needed.prefix {
        "sqs" => (vec![queue(scene)?], "from the URL of the queue in requestParameters"),
        "dynamodb" => (tables(scene, needed)?, "from the tables in requestParameters"),
        "lambda" => (vec![layer(scene, needed)?], "from requestParameters.layerName"),
        "bedrock" => (model(scene, needed)?, "from requestParameters.modelId"),
        "ec2" => (tagged(scene, needed)?, "from the ids in requestParameters"),
        _ => return None,
    };
    if arns.is_empty() || arns.len() > MOST {
        return None;
    }
    Some(arns.into_iter().map(|arn| of_arn(scene, needed, arn, from)).collect())
}

/// What is known better of resources that were found in the usual way.
pub(super) fn correct(scene: &Scene<'_>, needed: &Needed<'_>, found: &mut Vec<Resolved>) {
    let holds = |own: &Resolved, part: &str| own.arn.as_deref().is_some_and(|arn| arn.contains(part));
    match &*needed.prefix {
        // One id names an instance or a managed node; its beginning tells which.
        "ssm" if found.iter().any(|own| holds(own, ":instance/i-") || holds(own, ":managed-instance/mi-")) => {
            found.retain(|own| !holds(own, ":managed-instance/i-") && !holds(own, ":instance/mi-"));
            for own in found.iter_mut() {
                own.certain |= holds(own, ":instance/i-") || holds(own, ":managed-instance/mi-");
            }
        }
        // Nobody changes or deletes what is shared with him.
        "ec2" if scene.call.error_code.is_none() => {
            let changes = ["Delete", "Modify", "Deregister", "Reset", "Lock", "Unlock"];
            if changes.iter().any(|verb| needed.name.starts_with(verb)) {
                for own in found.iter_mut().filter(|own| matches!(own.owner, Owner::Unknown(_))) {
                    if holds(own, ":snapshot/") || holds(own, ":image/") {
                        own.owner = home_owner(scene);
                    }
                }
            }
        }
        _ => {}
    }
}

fn listed(scene: &Scene<'_>, part: &str) -> bool {
    scene.listed.iter().any(|own| own.arn.as_deref().is_some_and(|arn| arn.contains(part)))
}

/// `https://sqs.eu-west-1.amazonaws.com/111122223333/orders`: the account of the URL is the owner's, whoever calls.
fn queue(scene: &Scene<'_>) -> Option<String> {
    if listed(scene, ":sqs:") {
        return None;
    }
    let partition = scene.call.partition();
    if let Some(url) = scene.text("queueUrl") {
        let (host, path) = url.split_once("://").map_or(url, |(_, rest)| rest).split_once('/')?;
        let (account, name) = path.trim_end_matches('/').split_once('/')?;
        let of_host = host.strip_prefix("sqs.").and_then(|rest| rest.split_once(".amazonaws.")).map(|(region, _)| region);
        let region = of_host.filter(|region| !region.contains('.')).or(scene.call.region.as_deref()).unwrap_or("*");
        let is_account = super::is_account_id(account.as_bytes());
        return (is_account && !name.contains('/')).then(|| format!("arn:{partition}:sqs:{region}:{account}:{name}"));
    }
    let account = scene.text("queueOwnerAWSAccountId").filter(|account| super::is_account_id(account.as_bytes()))?;
    let region = scene.call.region.as_deref().unwrap_or("*");
    Some(format!("arn:{partition}:sqs:{region}:{account}:{}", scene.text("queueName")?))
}

fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The tables of a transaction or batch; of a query of an index, the index.
fn tables(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Vec<String>> {
    let names: Vec<&str> = match scene.event_name() {
        "TransactWriteItems" | "TransactGetItems" => {
            let operation = needed.name.trim_end_matches("Item");
            let items = scene.parameter("transactItems")?.as_array()?;
            let own = items.iter().filter_map(|item| member(item.as_object()?, operation)?.as_object());
            own.filter_map(|own| member(own, "tableName")?.as_str()).collect()
        }
        "BatchGetItem" | "BatchWriteItem" => scene.parameter("requestItems")?.as_object()?.keys().map(String::as_str).collect(),
        "Query" | "Scan" => {
            let index = scene.text("indexName")?;
            return Some(vec![format!("{}/index/{index}", table(scene, scene.text("tableName")?))]);
        }
        _ => return None,
    };
    let mut arns: Vec<String> = names.into_iter().map(|name| table(scene, name)).collect();
    arns.sort_unstable();
    arns.dedup();
    Some(arns)
}

fn table(scene: &Scene<'_>, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let end = format!(":table/{name}");
    let listed = scene.listed.iter().filter_map(|own| own.arn.as_deref()).find(|arn| arn.ends_with(&end));
    let built = || {
        let (region, account) = (scene.call.region.as_deref().unwrap_or("*"), home_account(scene).unwrap_or("*"));
        format!("arn:{}:dynamodb:{region}:{account}{end}", scene.call.partition())
    };
    listed.map_or_else(built, str::to_owned)
}

/// A layer by its ARN, which may be another account's; the version stands apart.
fn layer(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<String> {
    let arn = scene.text("layerName").filter(|name| name.starts_with("arn:"))?;
    let (service, action) = needed.facts?;
    let has_version = action.resource_types.iter().any(|own| {
        service.resource_type(own.resource_type).is_some_and(|resource| resource.template.ends_with(":${LayerVersion}"))
    });
    if !has_version || arn.split(':').count() > 7 {
        return Some(arn.to_owned());
    }
    let version = match scene.parameter("versionNumber") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        _ => "*".to_owned(),
    };
    Some(format!("{arn}:{version}"))
}

/// A model of Bedrock is one thing, although AWS's tables require one of every kind. An inference profile also needs its model, in
/// the regions where it may run.
fn model(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Vec<String>> {
    if !needed.name.starts_with("InvokeModel") {
        return None;
    }
    let id = scene.text("modelId")?;
    if id.starts_with("arn:") {
        return Some(vec![id.to_owned()]);
    }
    let (partition, region) = (scene.call.partition(), scene.call.region.as_deref().unwrap_or("*"));
    let geographies = ["us", "us-gov", "eu", "apac", "jp", "au", "ca", "global"];
    match id.split_once('.') {
        Some((geography, model)) if geographies.contains(&geography) => {
            let account = home_account(scene).unwrap_or("*");
            Some(vec![
                format!("arn:{partition}:bedrock:{region}:{account}:inference-profile/{id}"),
                format!("arn:{partition}:bedrock:*::foundation-model/{model}"),
            ])
        }
        _ => Some(vec![format!("arn:{partition}:bedrock:{region}::foundation-model/{id}")]),
    }
}

/// How ids of EC2 begin, and what they name.
const KINDS: [(&str, &str); 24] = [
    ("i", "instance"),
    ("vol", "volume"),
    ("snap", "snapshot"),
    ("ami", "image"),
    ("sg", "security-group"),
    ("sgr", "security-group-rule"),
    ("subnet", "subnet"),
    ("vpc", "vpc"),
    ("eni", "network-interface"),
    ("rtb", "route-table"),
    ("igw", "internet-gateway"),
    ("eigw", "egress-only-internet-gateway"),
    ("nat", "natgateway"),
    ("vpce", "vpc-endpoint"),
    ("eipalloc", "elastic-ip"),
    ("acl", "network-acl"),
    ("lt", "launch-template"),
    ("tgw", "transit-gateway"),
    ("pcx", "vpc-peering-connection"),
    ("dopt", "dhcp-options"),
    ("key", "key-pair"),
    ("pl", "prefix-list"),
    ("fl", "vpc-flow-log"),
    ("vpn", "vpn-connection"),
];

/// What is tagged by its id, whose beginning tells what it is.
fn tagged(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Vec<String>> {
    if !(needed.is("ec2", "CreateTags") || needed.is("ec2", "DeleteTags")) || !matches!(scene.parameters, Parameters::Known(_))
    {
        return None;
    }
    let (service, action) = needed.facts?;
    scene
        .texts_at("resourcesSet.items.resourceId")
        .into_iter()
        .map(|id| {
            let (start, rest) = id.split_once('-')?;
            let name = match start {
                "vpce" if rest.starts_with("svc-") => "vpc-endpoint-service",
                _ => KINDS.iter().find(|(own, _)| *own == start).map(|(_, name)| *name)?,
            };
            let mut types = action.resource_types.iter().filter_map(|own| service.resource_type(own.resource_type));
            let arn = fill::open_template(scene, types.find(|resource| resource.name == name)?);
            Some(format!("{}{id}", arn.strip_suffix('*')?))
        })
        .collect()
}
