//! Resources that requests name in a way of their own, which neither an ARN nor a template catches.

use serde_json::{Map, Value};

use crate::policy::pattern::{Glob, Token, arn_parts};
use crate::policy::request::Resource;

use super::super::action::Needed;
use super::super::facts::{Action, Service};
use super::super::owner::Owner;
use super::super::scene::{Parameters, Scene};
use super::{MOST, Resolved, fill, home_account, home_owner, of_arn, resource, shows_parameters};

/// What the request names, if it is one of these.
pub(super) fn resources(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Vec<Resolved>> {
    let (arns, from): (Vec<String>, &'static str) = match &*needed.prefix {
        "sqs" => (vec![queue(scene)?], "from the URL of the queue in requestParameters"),
        "dynamodb" => (tables(scene, needed)?, "from the tables in requestParameters"),
        "lambda" if scene.has("layerName") => (vec![layer(scene, needed)?], "from requestParameters.layerName"),
        "lambda" => {
            (vec![function(scene, needed)?], "from requestParameters.functionName: an account, and the function's name")
        }
        "bedrock" => (model(scene, needed)?, "from requestParameters.modelId"),
        "ec2" if needed.is("ec2", "CreateFlowLogs") => (flow_logs(scene, needed)?, "from the ids in requestParameters"),
        "ec2" => (tagged(scene, needed)?, "from the ids in requestParameters"),
        "ecs" => (in_cluster(scene, needed)?, "from requestParameters: names, and the cluster or `default`"),
        "events" => (of_bus(scene, needed)?, "from requestParameters: the name, and the event bus or `default`"),
        "scheduler" => (vec![schedule(scene, needed)?], "from requestParameters: the name, and the group or `default`"),
        "elasticloadbalancing" => (vec![load_balancer(scene, needed)?], "from requestParameters: the name and the type"),
        "sts" => (vec![root_of_member(scene, needed)?], "from requestParameters.targetPrincipal"),
        "ssm" | "route53" => (vec![tagged_by_type(scene, needed)?], "from requestParameters: resourceType and resourceId"),
        "backup" => (vec![recovery_point(scene, needed)?], "from requestParameters.recoveryPointArn"),
        "organizations" => (of_organization(scene, needed)?, "from the ids in requestParameters"),
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
    log_groups(needed, found);
    match &*needed.prefix {
        "ssm" => {
            if needed.dependent.is_none() {
                match &*needed.name {
                    "SendCommand" => targets_of_command(scene, needed, found),
                    "StartAutomationExecution" => automation_definition(scene, needed, found),
                    "StartSession" => task_of_session(scene, needed, found),
                    _ => {}
                }
            }
            found.iter_mut().for_each(of_aws);
        }
        "rds" => {
            if needed.dependent.is_none() {
                source_and_target(scene, needed, found);
            }
            found.iter_mut().for_each(open_case);
        }
        "lambda" => qualify(scene, found),
        "secretsmanager" => found.iter_mut().for_each(with_suffix),
        _ => {}
    }
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

/// Permissions on a log group are on `arn:…:log-group:NAME:*`, save those of the operations that tag by ARN:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html>. Denials show that the end, as IAM
/// sees it, is `:log-stream:` or more: it stays open. The ARN itself stays as inventories have it.
pub(super) fn log_groups(needed: &Needed<'_>, found: &mut [Resolved]) {
    const BY_ARN: [&str; 3] = ["TagResource", "UntagResource", "ListTagsForResource"];
    if needed.prefix != "logs" {
        return;
    }
    for own in found {
        let Some((start, name)) = own.arn.as_deref().and_then(|arn| arn.split_once(":log-group:")) else { continue };
        let name = name.strip_suffix(":*").unwrap_or(name);
        if name.contains(':') {
            continue;
        }
        let group = format!("{start}:log-group:{name}");
        own.resource = if BY_ARN.contains(&&*needed.name) { resource(&group) } else { resource(&format!("{group}:*")) };
        own.arn = Some(group);
    }
}

/// Public parameters and the documents of AWS have no account in their ARNs:
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-finding-public-parameters.html> and
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/security_iam_service-with-iam.html>. Nobody else may begin names so.
fn of_aws(own: &mut Resolved) {
    let Some(arn) = own.arn.as_deref() else { return };
    let Some([scheme, partition, "ssm", region, _, name]) = arn_parts(arn) else { return };
    let starts = |text: &str, start: &str| text.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start));
    let is_certain = if let Some(path) = name.strip_prefix("parameter/aws/") {
        // Others below `/aws/` stand for secrets of the caller's account.
        path.starts_with("service/")
    } else if let Some(document) = name.strip_prefix("document/").or_else(|| name.strip_prefix("automation-definition/")) {
        if !["aws", "amazon", "amzn"].iter().any(|start| starts(document, start)) {
            return;
        }
        document.starts_with("AWS") && document.contains('-')
    } else {
        return;
    };
    let why = "AWS owns it: public parameters and AWS's documents have no account";
    own.owner = if is_certain { Owner::Nobody(why) } else { Owner::Unknown("the name is reserved to AWS") };
    let arn = format!("{scheme}:{partition}:ssm:{region}:{}:{name}", if is_certain { "" } else { "*" });
    own.resource = resource(&arn);
    own.arn = Some(arn);
}

/// Run Command by `targets`: ids of nodes stand in the request, whichever way it gives them. What tags, resource groups and the like
/// choose does not, and whether an operation that chooses so is itself denied is not documented: a page of AWS shows the denial in the
/// results of the command. <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html> and
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command-setting-up.html>.
fn targets_of_command(scene: &Scene<'_>, needed: &Needed<'_>, found: &mut Vec<Resolved>) {
    let Some(Value::Array(targets)) = scene.parameter("targets") else { return };
    let (instances, nodes) = (format!("{}:instance", here(scene, "ec2")), format!("{}:managed-instance", here(scene, "ssm")));
    let mut ids: Vec<&str> = Vec::new();
    let mut is_open = false;
    for target in targets {
        let target = target.as_object();
        let key = target.and_then(|target| member(target, "key")).and_then(Value::as_str);
        let values = target.and_then(|target| member(target, "values")).and_then(Value::as_array);
        let is_by_id = key.is_some_and(|key| key.eq_ignore_ascii_case("InstanceIds"));
        let Some(values) = values.filter(|_| is_by_id) else {
            is_open = true;
            continue;
        };
        for value in values {
            match value.as_str().filter(|id| id.starts_with("i-") || id.starts_with("mi-")) {
                Some(id) if !id.contains(['*', '?']) && ids.len() < MOST => {
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                }
                _ => is_open = true,
            }
        }
    }
    for id in ids {
        let arn = if id.starts_with("mi-") { format!("{nodes}/{id}") } else { format!("{instances}/{id}") };
        if !found.iter().any(|own| own.arn.as_deref() == Some(&arn)) {
            found.push(of_arn(scene, needed, arn, "from requestParameters.targets: InstanceIds"));
        }
    }
    if is_open {
        for arn in [format!("{instances}/*"), format!("{nodes}/*")] {
            let chosen = of_arn(scene, needed, arn, "from requestParameters.targets, which may choose any node");
            found.push(Resolved { certain: false, ..chosen });
        }
    }
}

/// Automation asks for the runbook's `automation-definition/NAME:VERSION` where AWS's tables require the document alone: denials name
/// it, and with the number of the version where the request means the default one:
/// <https://github.com/aws-solutions/automated-security-response-on-aws/issues/29>.
fn automation_definition(scene: &Scene<'_>, needed: &Needed<'_>, found: &mut Vec<Resolved>) {
    let Some(name) = scene.text("documentName").filter(|name| !name.contains(['*', '?'])) else { return };
    if found.iter().any(|own| own.arn.as_deref().is_some_and(|arn| arn.contains(":automation-definition/"))) {
        return;
    }
    let definition = match name.split_once(":document/") {
        Some((start, name)) => format!("{start}:automation-definition/{name}"),
        None if name.contains(':') => return,
        None => format!("{}:automation-definition/{name}", here(scene, "ssm")),
    };
    let version = match scene.parameter("documentVersion") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => text.clone(),
        _ => "*".to_owned(),
    };
    let from = "from requestParameters: documentName and documentVersion";
    found.push(Resolved { certain: false, ..of_arn(scene, needed, format!("{definition}:{version}"), from) });
}

/// A session with a container is one with its task: `ecs:CLUSTER_TASK_RUNTIME`, where only the name of the cluster may hold `_`.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html>.
fn task_of_session(scene: &Scene<'_>, needed: &Needed<'_>, found: &mut Vec<Resolved>) {
    let Some(target) = scene.text("target").and_then(|target| target.strip_prefix("ecs:")) else { return };
    found.retain(|own| !own.arn.as_deref().is_some_and(|arn| arn.contains("instance/ecs:")));
    let mut parts = target.rsplitn(3, '_').skip(1);
    let is_plain = !target.contains(['*', '?', '/', ':']);
    let arn = match (parts.next(), parts.next()) {
        (Some(task), Some(cluster)) if is_plain => format!("{}:task/{cluster}/{task}", here(scene, "ecs")),
        _ => format!("{}:task/*", here(scene, "ecs")),
    };
    found.push(of_arn(scene, needed, arn, "from requestParameters.target: the cluster and the task"));
}

/// Operations that make one thing of another of the same type: the type in the ARN, and the parameters of what is made and of what it
/// is made from. AWS's tables name the type once; that the permission is needed on what is made is sure, and on the other likely:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html>.
const MADE_FROM: [(&str, &str, &str, &str); 8] = [
    ("CopyDBSnapshot", "snapshot", "targetDBSnapshotIdentifier", "sourceDBSnapshotIdentifier"),
    ("CopyDBClusterSnapshot", "cluster-snapshot", "targetDBClusterSnapshotIdentifier", "sourceDBClusterSnapshotIdentifier"),
    ("CopyOptionGroup", "og", "targetOptionGroupIdentifier", "sourceOptionGroupIdentifier"),
    ("CopyDBParameterGroup", "pg", "targetDBParameterGroupIdentifier", "sourceDBParameterGroupIdentifier"),
    (
        "CopyDBClusterParameterGroup",
        "cluster-pg",
        "targetDBClusterParameterGroupIdentifier",
        "sourceDBClusterParameterGroupIdentifier",
    ),
    ("RestoreDBInstanceToPointInTime", "db", "targetDBInstanceIdentifier", "sourceDBInstanceIdentifier"),
    ("RestoreDBClusterToPointInTime", "cluster", "dBClusterIdentifier", "sourceDBClusterIdentifier"),
    ("CreateDBInstanceReadReplica", "db", "dBInstanceIdentifier", "sourceDBInstanceIdentifier"),
];

/// A source may be an ARN, of another region or account; what is made is of the place of the call.
fn source_and_target(scene: &Scene<'_>, needed: &Needed<'_>, found: &mut Vec<Resolved>) {
    let Some((_, kind, target, source)) = MADE_FROM.iter().find(|(name, ..)| needed.name == *name) else { return };
    let start = format!("{}:{kind}", here(scene, "rds"));
    if let Some(target) = plain(scene, target) {
        let part = format!(":{kind}:");
        found.retain(|own| !own.arn.as_deref().is_some_and(|arn| arn.contains(&part)));
        found.push(of_arn(scene, needed, format!("{start}:{target}"), "from requestParameters: what is made"));
    }
    let Some(text) = scene.text(source).filter(|text| !text.contains(['*', '?'])) else { return };
    let arn = if text.starts_with("arn:") { text.to_owned() } else { format!("{start}:{text}") };
    if !found.iter().any(|own| own.arn.as_deref() == Some(&arn)) {
        let source = of_arn(scene, needed, arn, "from requestParameters: what it is made from");
        found.push(Resolved { certain: false, ..source });
    }
}

/// Amazon RDS keeps identifiers in lower case, however a request writes them; which of the two IAM compares is not documented:
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>.
fn open_case(own: &mut Resolved) {
    let Some(arn) = own.arn.as_deref().filter(|arn| arn.bytes().any(|byte| byte.is_ascii_uppercase())) else { return };
    let token = |character: char| match character {
        '*' => Token::Any,
        letter if letter.is_ascii_uppercase() => Token::One,
        other => Token::Char(other),
    };
    own.resource = Resource::Partial(Glob::from_tokens(arn.chars().map(token).collect()));
}

/// A call of a version or alias is judged on the qualified ARN:
/// <https://docs.aws.amazon.com/lambda/latest/dg/versioning-aliases-permissions.html>.
fn qualify(scene: &Scene<'_>, found: &mut [Resolved]) {
    let Some(qualifier) = scene.text("qualifier") else { return };
    for own in found {
        let Some((start, name)) = own.arn.as_deref().and_then(|arn| arn.split_once(":function:")) else { continue };
        if name.contains([':', '/']) {
            continue;
        }
        // Whether the latest version by its name counts as qualified is not documented.
        let end = if qualifier == "$LATEST" { "*".to_owned() } else { format!(":{qualifier}") };
        own.resource = resource(&format!("{start}:function:{name}{end}"));
    }
}

/// An ARN of a secret may leave out the hyphen and the six characters that AWS appends:
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html>.
fn with_suffix(own: &mut Resolved) {
    const WORDS: [&str; 6] = ["access", "config", "github", "master", "secret", "tokens"];
    let Some(arn) = own.arn.as_deref().filter(|arn| arn.contains(":secret:") && !arn.contains('*')) else { return };
    let end = arn.rsplit_once('-').map(|(_, end)| end).filter(|end| end.len() == 6);
    let arn = match end.filter(|end| end.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        // A word that names of secrets end in, and no characters of AWS.
        Some(end) if WORDS.contains(&end) => format!("{arn}*"),
        Some(_) => return,
        None => format!("{arn}-*"),
    };
    own.resource = resource(&arn);
    own.arn = Some(arn);
}

/// Region and account, if the ARN or alias does not tell: the place of the call.
fn here(scene: &Scene<'_>, service: &str) -> String {
    let (region, account) = (scene.call.region.as_deref().unwrap_or("*"), home_account(scene).unwrap_or("*"));
    format!("arn:{}:{service}:{region}:{account}", scene.call.partition())
}

/// Names that are no ARN and hold nothing that would be a wildcard.
fn plain<'s>(scene: &'s Scene<'_>, name: &str) -> Option<&'s str> {
    scene.text(name).filter(|text| !text.starts_with("arn:") && !text.contains(['*', '?']))
}

/// Services, tasks and container instances of Amazon ECS are named with their cluster, which is `default` if the request names none:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_service-with-iam.html>.
fn in_cluster(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Vec<String>> {
    if !shows_parameters(scene) {
        return None;
    }
    let (service, action) = needed.facts?;
    let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let is_whole = |text: &str| text.starts_with("arn:");
    let clusters: Vec<&str> = ["cluster", "clusters", "clusterName"].iter().flat_map(|name| scene.texts_at(name)).collect();
    let start = clusters.iter().find_map(|text| text.split_once(":cluster/").map(|(start, _)| start.to_owned()));
    let start = start.unwrap_or_else(|| here(scene, "ecs"));
    let cluster = match clusters.as_slice() {
        [] if ["cluster", "clusters", "clusterName"].iter().any(|name| scene.has(name)) => "*".to_owned(),
        [] => "default".to_owned(),
        [only] => last(only),
        _ => "*".to_owned(),
    };
    let mut arns = Vec::new();
    let required = action.resource_types.iter().filter(|own| own.required);
    for resource_type in required.map(|own| service.resource_type(own.resource_type)) {
        let kind = resource_type?.name.as_str();
        let names: &[&str] = match kind {
            "cluster" if clusters.len() > 1 => {
                let whole = |text: &&str| if is_whole(text) { (*text).to_owned() } else { format!("{start}:cluster/{text}") };
                arns.extend(clusters.iter().map(whole));
                continue;
            }
            "cluster" => {
                arns.push(format!("{start}:cluster/{cluster}"));
                continue;
            }
            "service" => &["service", "services", "serviceName"],
            "task" => &["task", "tasks"],
            "container-instance" => &["containerInstance", "containerInstances"],
            "task-set" => &["taskSet", "taskSets"],
            _ => return None,
        };
        let inside = match kind {
            "task-set" => format!("{cluster}/{}", scene.text("service").map_or_else(|| "*".to_owned(), last)),
            _ => cluster.clone(),
        };
        let named: Vec<&str> = names.iter().flat_map(|name| scene.texts_at(name)).collect();
        if named.is_empty() {
            arns.push(format!("{start}:{kind}/{inside}/*"));
        }
        for text in named {
            // Old ARNs leave the cluster out.
            let has_cluster = is_whole(text) && text.matches('/').count() > 1;
            arns.push(if has_cluster { text.to_owned() } else { format!("{start}:{kind}/{inside}/{}", last(text)) });
        }
    }
    arns.dedup();
    Some(arns)
}

/// Rules of the default event bus do not name it, those of others do; events are put on a bus each:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-manage-iam-access.html>.
fn of_bus(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Vec<String>> {
    let here = here(scene, "events");
    if needed.name == "PutEvents" {
        let entries = scene.parameter("entries")?.as_array()?;
        let bus = |entry: &Value| {
            let name = entry.as_object().and_then(|entry| member(entry, "eventBusName")).and_then(Value::as_str);
            match name.filter(|name| !name.is_empty()) {
                Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
                name => format!("{here}:event-bus/{}", name.unwrap_or("default")),
            }
        };
        let mut arns: Vec<String> = entries.iter().map(bus).collect();
        arns.sort_unstable();
        arns.dedup();
        return Some(arns);
    }
    let (service, action) = needed.facts?;
    let is_rule = |number: u16| service.resource_type(number).is_some_and(|own| own.name == "rule-on-default-event-bus");
    // Operations that tag work on more types, and name the rule by its ARN.
    if action.resource_types.len() > 2 || !action.resource_types.iter().any(|own| is_rule(own.resource_type)) {
        return None;
    }
    let name = plain(scene, "rule").or_else(|| plain(scene, "name"))?;
    let (start, bus) = match scene.text("eventBusName") {
        None if scene.has("eventBusName") => (here.as_str(), "*"),
        None => (here.as_str(), "default"),
        Some(bus) => bus.split_once(":event-bus/").unwrap_or((here.as_str(), bus)),
    };
    Some(vec![if bus == "default" { format!("{start}:rule/{name}") } else { format!("{start}:rule/{bus}/{name}") }])
}

/// Schedules are in the group `default` if the request names none:
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>.
fn schedule(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<String> {
    if !needed.name.ends_with("Schedule") {
        return None;
    }
    let group = match plain(scene, "groupName") {
        Some(group) => group,
        None if scene.has("groupName") => "*",
        None => "default",
    };
    Some(format!("{}:schedule/{group}/{}", here(scene, "scheduler"), plain(scene, "name")?))
}

/// Both APIs of Elastic Load Balancing have operations of these names; the newer one names its load balancers `name`. The type is part of
/// the ARN, whose end AWS makes:
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/load-balancer-authentication-access-control.html>.
fn load_balancer(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<String> {
    if needed.name != "CreateLoadBalancer" || scene.has("loadBalancerName") {
        return None;
    }
    let kind = match scene.text("type") {
        None if scene.has("type") => "*",
        None | Some("application") => "app",
        Some("network") => "net",
        Some("gateway") => "gwy",
        Some(_) => "*",
    };
    Some(format!("{}:loadbalancer/{kind}/{}/*", here(scene, "elasticloadbalancing"), plain(scene, "name")?))
}

/// The root user of a member account: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoot.html>.
fn root_of_member(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<String> {
    if needed.name != "AssumeRoot" {
        return None;
    }
    let target = scene.text("targetPrincipal")?;
    if target.starts_with("arn:") {
        return Some(target.to_owned());
    }
    let is_account = super::is_account_id(target.as_bytes());
    is_account.then(|| format!("arn:{}:iam::{target}:root", scene.call.partition()))
}

/// What is tagged by a type and an id:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html> and
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeTagsForResource.html>.
fn tagged_by_type(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<String> {
    if !super::are_alternatives(needed) {
        return None;
    }
    let id = scene.text("resourceId")?;
    if id.starts_with("arn:") {
        return Some(id.to_owned());
    }
    if id.contains(['*', '?']) {
        return None;
    }
    let kind = match (&*needed.prefix, scene.text("resourceType")?) {
        ("ssm", "Document") => "document",
        ("ssm", "MaintenanceWindow") => "maintenancewindow",
        ("ssm", "ManagedInstance") => "managed-instance",
        ("ssm", "Parameter") => "parameter",
        ("ssm", "PatchBaseline") => "patchbaseline",
        ("ssm", "OpsItem") => "opsitem",
        ("ssm", "Automation") => "automation-execution",
        ("ssm", "Association") => "association",
        ("route53", "hostedzone") => "hostedzone",
        ("route53", "healthcheck") => "healthcheck",
        _ => return None,
    };
    if needed.prefix == "route53" {
        return Some(format!("arn:{}:route53:::{kind}/{id}", scene.call.partition()));
    }
    Some(format!("{}:{kind}/{}", here(scene, "ssm"), id.trim_start_matches('/')))
}

/// Recovery points have ARNs of the services whose resources they save, which fit no template:
/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/access-control.html>.
fn recovery_point(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<String> {
    let (service, action) = needed.facts?;
    let [only] = action.resource_types.as_slice() else { return None };
    let is_recovery_point = service.resource_type(only.resource_type).is_some_and(|own| own.name == "recoverypoint");
    let arn = scene.text("recoveryPointArn").filter(|arn| arn.starts_with("arn:") && is_recovery_point)?;
    Some(arn.to_owned())
}

/// Ids of AWS Organizations tell what they name. All of it is in the management account:
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_permissions_overview.html>.
fn of_organization(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Vec<String>> {
    const NAMES: [&str; 8] = [
        "accountId",
        "targetId",
        "childId",
        "parentId",
        "sourceParentId",
        "destinationParentId",
        "organizationalUnitId",
        "policyId",
    ];
    let (service, action) = needed.facts?;
    let has = |name: &str| {
        let mut types = action.resource_types.iter().filter_map(|own| service.resource_type(own.resource_type));
        types.any(|own| own.name == name)
    };
    let partition = scene.call.partition();
    let account = fill::management_account(scene).unwrap_or("*");
    let organization = scene.world.inventory.organization_id.as_deref().filter(|_| account != "*").unwrap_or("o-*");
    let mut arns = Vec::new();
    for id in NAMES.iter().filter_map(|name| scene.text(name)) {
        let kind = match id.split_once('-').map(|(start, _)| start) {
            None if super::is_account_id(id.as_bytes()) => "account",
            Some("ou") => "ou",
            Some("r") => "root",
            Some("p") => "policy",
            _ => return None,
        };
        let type_name = if kind == "ou" { "organizationalunit" } else { kind };
        if !has(type_name) || id.contains(['*', '?']) {
            return None;
        }
        arns.push(match kind {
            // Those of AWS are in the account `aws`; the request does not tell the type.
            "policy" if id.ends_with("FullAWSAccess") => format!("arn:{partition}:organizations::aws:policy/*/{id}"),
            "policy" => format!("arn:{partition}:organizations::{account}:policy/{organization}/*/{id}"),
            _ => format!("arn:{partition}:organizations::{account}:{kind}/{organization}/{id}"),
        });
    }
    Some(arns)
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

/// A function that is named by the end of its ARN, from the account on: `444455556666:function:name`, with or without a version:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
fn function(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<String> {
    let (account, name) = scene.text("functionName")?.split_once(":function:")?;
    if !super::is_account_id(account.as_bytes()) {
        return None;
    }
    let (service, action) = needed.facts?;
    let of_functions = |number: u16| service.resource_type(number).is_some_and(|own| own.template.contains(":function:"));
    if !action.resource_types.iter().all(|own| of_functions(own.resource_type)) {
        return None;
    }
    let region = scene.call.region.as_deref().unwrap_or("*");
    let end = match scene.text("qualifier").filter(|_| !name.contains(':')) {
        Some("$LATEST") => "*".to_owned(),
        Some(qualifier) => format!(":{qualifier}"),
        None => String::new(),
    };
    Some(format!("arn:{}:lambda:{region}:{account}:function:{name}{end}", scene.call.partition()))
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
    let (partition, region) = (scene.call.partition(), scene.call.region.as_deref().unwrap_or("*"));
    let of_model = |region: &str, model: &str| format!("arn:{partition}:bedrock:{region}::foundation-model/{model}");
    let (profile, model) = match id.split_once("inference-profile/") {
        // Whose model a profile of one's own runs, the request does not tell.
        Some((start, _)) if start.ends_with("application-") => (id.to_owned(), "*"),
        Some((_, name)) => (id.to_owned(), geography(name).map_or("*", |(_, model)| model)),
        None if id.starts_with("arn:") => return Some(vec![id.to_owned()]),
        None => match profile_of(scene, id).zip(geography(id)) {
            Some((profile, (_, model))) => (profile, model),
            None => return Some(vec![of_model(region, id)]),
        },
    };
    // It must be allowed wherever the profile may send it; where it ran, the record may tell.
    let ran = scene.additional("inferenceRegion").map(|region| of_model(region, model));
    Some([profile].into_iter().chain(ran).chain([of_model("*", model)]).collect())
}

/// The inference profile with this id, if it is one's.
pub(in crate::replay) fn profile_of(scene: &Scene<'_>, id: &str) -> Option<String> {
    geography(id)?;
    let (region, account) = (scene.call.region.as_deref().unwrap_or("*"), home_account(scene).unwrap_or("*"));
    Some(format!("arn:{}:bedrock:{region}:{account}:inference-profile/{id}", scene.call.partition()))
}

/// The geography that the id of a profile begins with, and its model.
fn geography(id: &str) -> Option<(&str, &str)> {
    let geographies = ["us", "us-gov", "eu", "apac", "jp", "au", "ca", "global"];
    id.split_once('.').filter(|(geography, _)| geographies.contains(geography))
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
    scene.texts_at("resourcesSet.items.resourceId").into_iter().map(|id| by_id(scene, service, action, id)).collect()
}

/// The ARN of an id, if the action works on what it names.
fn by_id(scene: &Scene<'_>, service: &Service, action: &Action, id: &str) -> Option<String> {
    let (start, rest) = id.split_once('-')?;
    let name = match start {
        "vpce" if rest.starts_with("svc-") => "vpc-endpoint-service",
        "tgw" if rest.starts_with("attach-") => "transit-gateway-attachment",
        "tgw" if rest.starts_with("rtb-") => "transit-gateway-route-table",
        _ => KINDS.iter().find(|(own, _)| *own == start).map(|(_, name)| *name)?,
    };
    let mut types = action.resource_types.iter().filter_map(|own| service.resource_type(own.resource_type));
    let arn = fill::open_template(scene, types.find(|resource| resource.name == name)?);
    Some(format!("{}{id}", arn.strip_suffix('*')?))
}

/// Flow logs are made of networks, subnets and the like; the permission is needed on both:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>.
fn flow_logs(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Vec<String>> {
    let (service, action) = needed.facts?;
    let paths = ["CreateFlowLogsRequest.ResourceId", "resourceIds", "resourceId"];
    let ids: Vec<&str> = paths.iter().flat_map(|path| scene.texts_at(path)).collect();
    let mut arns: Vec<String> = ids.into_iter().map(|id| by_id(scene, service, action, id)).collect::<Option<_>>()?;
    arns.push(format!("{}:vpc-flow-log/*", here(scene, "ec2")));
    Some(arns)
}
