//! Permissions that a call needs besides its own and that no event shows: `iam:PassRole`, tagging at creation, `sts:TagSession`.
//!
//! What a service does afterwards with the caller's credentials (KMS for S3, EC2 for Lambda) has events of its own and is not
//! repeated here.

use serde_json::Value;

use super::action::{Needed, Target, without_version};
use super::resource::fill::with_path;
use super::scene::{Parameters, Scene};

/// Operations that pass a role that the record names in another way than by the ARN of a role.
const PASSES_BY_PROFILE: [&str; 6] = [
    "CreateInfrastructureConfiguration",
    "RunInstances",
    "AssociateIamInstanceProfile",
    "ReplaceIamInstanceProfileAssociation",
    "RequestSpotInstances",
    "CreateLaunchConfiguration",
];

pub(super) fn add<'a>(scene: &Scene<'a>, needed: &mut Vec<Needed<'a>>) {
    let Some(first) = needed.first().cloned() else { return };
    match scene.parameters {
        Parameters::Known(_) => {
            pass_role(scene, &first, needed);
            tagging(scene, &first, needed);
            session(scene, &first, needed);
            web_acl(scene, &first, needed);
        }
        Parameters::Damaged => of_unknown_parameters(scene, &first, needed),
        Parameters::None => {}
    }
}

/// What the call may need besides its own action, where the record does not show its parameters.
fn of_unknown_parameters<'a>(scene: &Scene<'a>, first: &Needed<'a>, needed: &mut Vec<Needed<'a>>) {
    let why = "the record does not show the parameters of the request";
    if &*first.prefix == "sts" && first.name.starts_with("AssumeRole") {
        for name in ["TagSession", "SetSourceIdentity"] {
            needed.push(Needed::named(scene, "sts", name).because(why).on(Target::OfFirst).maybe());
        }
        return;
    }
    let operation = without_version(scene.event_name()).to_ascii_lowercase();
    let listed = scene.facts().service(&first.prefix).and_then(|service| service.role_parameters(&operation)).is_some();
    if listed || may_pass_role(first) || PASSES_BY_PROFILE.contains(&scene.event_name()) {
        let account = scene.caller.principal.account.as_deref().unwrap_or("*");
        let arn = format!("arn:{}:iam::{account}:role/*", scene.call.partition());
        let target = Target::Arn { arn, from: "some role that the request may name" };
        let pass = Needed::named(scene, "iam", "PassRole").from("PassRole has no event of its own").because(why);
        needed.push(pass.on(target).maybe());
    }
}

/// What a web ACL is put before has an action of its own for that; which of its names the service asks, AWS's pages do not agree on:
/// <https://docs.aws.amazon.com/waf/latest/developerguide/security_iam_service-with-iam.html>.
fn web_acl<'a>(scene: &Scene<'a>, first: &Needed<'a>, needed: &mut Vec<Needed<'a>>) {
    let is_put = matches!(&*first.name, "AssociateWebACL" | "DisassociateWebACL");
    if !is_put || !matches!(&*first.prefix, "wafv2" | "waf-regional") {
        return;
    }
    let Some(arn) = scene.text("resourceArn").filter(|arn| arn.starts_with("arn:")) else { return };
    let (prefix, names): (&'static str, &[&'static str]) = match arn.split(':').nth(2) {
        Some("elasticloadbalancing") => ("elasticloadbalancing", &["SetWebACL"]),
        Some("apigateway") => ("apigateway", &["SetWebACL"]),
        Some("appsync") => ("appsync", &["SetWebACL"]),
        Some("cognito-idp") => ("cognito-idp", &["AssociateWebACL", "DisassociateWebACL"]),
        Some("apprunner") => ("apprunner", &["AssociateWebAcl", "DisassociateWebAcl"]),
        _ => return,
    };
    let removes = first.name.starts_with("Dis");
    for name in names.iter().filter(|name| names.len() == 1 || name.starts_with("Dis") == removes) {
        let target = Target::Arn { arn: arn.to_owned(), from: "from requestParameters.resourceArn" };
        let because = "the service of the resource is asked, too";
        needed.push(Needed::named(scene, prefix, name).because(because).on(target).maybe());
    }
}

/// Does AWS list `iam:PassRole` among what the action depends on?
fn may_pass_role(first: &Needed<'_>) -> bool {
    first.facts.is_some_and(|(_, action)| action.dependent.iter().any(|own| own.eq_ignore_ascii_case("iam:PassRole")))
}

fn is_role_arn(text: &str) -> bool {
    text.starts_with("arn:") && text.contains(":iam::") && text.contains(":role/") && text.len() < 1024
}

/// Every ARN of a role in the parameters, with the name of the member that holds it.
fn role_arns<'v>(value: &'v Value, name: &'v str, depth: usize, found: &mut Vec<(&'v str, &'v str)>) {
    if depth > 8 || found.len() > 16 {
        return;
    }
    match value {
        Value::String(text) if is_role_arn(text) => found.push((name, text)),
        Value::Array(items) => items.iter().for_each(|item| role_arns(item, name, depth + 1, found)),
        Value::Object(object) => object.iter().for_each(|(name, value)| role_arns(value, name, depth + 1, found)),
        _ => {}
    }
}

/// Members that hold the ARN of a role that is not passed to a service.
const NOT_PASSED: [&str; 6] = ["principal", "principalarn", "policysourcearn", "resourcearn", "principals", "granteeprincipal"];

fn pass_role<'a>(scene: &Scene<'a>, first: &Needed<'a>, needed: &mut Vec<Needed<'a>>) {
    let Parameters::Known(parameters) = &scene.parameters else { return };
    if &*first.prefix == "iam" && &*first.name == "AddRoleToInstanceProfile" {
        // <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html>
        let account = scene.caller.principal.account.as_deref().unwrap_or("*");
        let role = scene.text("roleName").unwrap_or("*");
        // The path of the role is not in its name.
        let start = format!("arn:{}:iam::{account}:role/", scene.call.partition());
        let arn = with_path(scene, &start, role).unwrap_or_else(|| format!("{start}*{role}"));
        let pass = Needed::named(scene, "iam", "PassRole").from("PassRole has no event of its own");
        let because = "the call passes the role to Amazon EC2 (requestParameters.roleName)";
        needed.push(pass.because(because).on(Target::Arn { arn, from: "from requestParameters.roleName" }));
        return;
    }
    if matches!(&*first.prefix, "sts" | "iam" | "kms" | "organizations") {
        return;
    }
    let why = |name: &str| format!("the request passes a role to the service (requestParameters.{name})");
    let push = |arn: String, name: &str, certain: bool, needed: &mut Vec<Needed<'a>>| {
        let target = Target::Arn { arn, from: "from the role that the request names" };
        if needed.iter().any(|own| own.is("iam", "PassRole") && own.target == target) {
            return;
        }
        let pass =
            Needed::named(scene, "iam", "PassRole").from("PassRole has no event of its own").because(why(name)).on(target);
        needed.push(if certain { pass } else { pass.maybe() });
    };
    let operation = without_version(scene.event_name()).to_ascii_lowercase();
    let listed = scene.facts().service(&first.prefix).and_then(|service| service.role_parameters(&operation));
    let by_reference = may_pass_role(first);
    let mut found = Vec::new();
    role_arns(parameters, "", 0, &mut found);
    found.retain(|(name, _)| !NOT_PASSED.contains(&name.to_ascii_lowercase().as_str()));
    let is_known = listed.is_some()
        || by_reference
        || matches!(
            (&*first.prefix, &*first.name),
            ("s3", "PutReplicationConfiguration") | ("cognito-identity", "SetIdentityPoolRoles")
        );
    for (name, arn) in found {
        let named_role = name.to_ascii_lowercase().contains("role") || &*first.prefix == "cognito-identity";
        if is_known || named_role {
            push(arn.to_owned(), name, is_known && named_role, needed);
        }
    }
    let account = scene.caller.principal.account.as_deref().unwrap_or("*");
    let partition = scene.call.partition();
    // A role by its name: AWS resolves it in the caller's account.
    for parameter in listed.into_iter().flatten() {
        // A launch template or configuration has a role; it is none.
        let is_reference =
            ["launchtemplate", "launchconfiguration"].iter().any(|of| parameter.to_ascii_lowercase().contains(of));
        if is_reference && !scene.texts_at(parameter).is_empty() {
            push(format!("arn:{partition}:iam::{account}:role/*"), parameter, false, needed);
            continue;
        }
        for text in scene.texts_at(parameter) {
            if !text.starts_with("arn:") && !text.contains(['/', ':', ' ', '$']) && text.len() <= 64 {
                push(format!("arn:{partition}:iam::{account}:role/{text}"), parameter, false, needed);
            }
        }
    }
    if PASSES_BY_PROFILE.contains(&scene.event_name()) || listed.is_some() || by_reference {
        profiles(scene, &mut |arn, name| push(arn, name, true, needed));
    }
}

/// The role behind an instance profile. Often it has the profile's name, but need not: it is some role of the account.
fn profiles(scene: &Scene<'_>, push: &mut dyn FnMut(String, &str)) {
    const PATHS: [&str; 7] = [
        "ReplaceIamInstanceProfileAssociationRequest.IamInstanceProfile.Arn",
        "ReplaceIamInstanceProfileAssociationRequest.IamInstanceProfile.Name",
        "instanceProfileName",
        "iamInstanceProfile.arn",
        "iamInstanceProfile.name",
        "iamInstanceProfile",
        "AssociateIamInstanceProfileRequest.IamInstanceProfile.Arn",
    ];
    let Some(profile) = PATHS.iter().find_map(|path| scene.texts_at(path).first().copied()) else { return };
    let account = match profile.split(':').nth(4) {
        Some(account) if !account.is_empty() => account,
        _ => scene.caller.principal.account.as_deref().unwrap_or("*"),
    };
    push(format!("arn:{}:iam::{account}:role/*", scene.call.partition()), "iamInstanceProfile");
}

/// Tags at creation need a tagging permission of their own.
fn tagging<'a>(scene: &Scene<'a>, first: &Needed<'a>, needed: &mut Vec<Needed<'a>>) {
    let Some((service, action)) = first.facts else { return };
    if action.access == 'T' || matches!(&*first.prefix, "sts" | "s3") || is_tagging(&action.name) {
        return;
    }
    let why = "the request tags what it makes";
    if service.prefix == "ec2" {
        for tags in scene.tags.iter().filter(|tags| !tags.pairs.is_empty() || !tags.complete) {
            let Some(kind) = tags.for_type.as_deref() else { continue };
            let (region, account) =
                (scene.call.region.as_deref().unwrap_or("*"), scene.caller.principal.account.as_deref().unwrap_or("*"));
            let arn = format!("arn:{}:ec2:{region}:{account}:{kind}/*", scene.call.partition());
            let from = "from requestParameters: the type of resource that the tags are for";
            needed.push(
                Needed::named(scene, "ec2", "CreateTags")
                    .from("tags at creation have no event of their own")
                    .because(why)
                    .on(Target::Arn { arn, from }),
            );
        }
        return;
    }
    if !scene.tags.iter().any(|tags| !tags.pairs.is_empty() || !tags.complete) {
        return;
    }
    let documented: Vec<&String> = action
        .dependent
        .iter()
        .filter(|own| own.split_once(':').is_some_and(|(prefix, name)| prefix == service.prefix && is_tagging(name)))
        .collect();
    let from = "tags at creation have no event of their own";
    if documented.is_empty() {
        // Most services ask for it; the reference does not say so of every one.
        let own_kind = action.name.strip_prefix("Create").map(|kind| format!("tag{}", kind.to_ascii_lowercase()));
        let general = ["tagresource", "addtagstoresource", "addtags", "tagqueue"];
        let names = own_kind.as_deref().into_iter().chain(general);
        let found = names.filter_map(|name| Needed::find(scene, &service.prefix, name)).next();
        let found = found.filter(|found| !needed.iter().any(|own| own.is(&found.prefix, &found.name)));
        needed.extend(found.map(|found| found.from(from).because(why).on(Target::OfFirst).maybe()));
        return;
    }
    for name in documented {
        if let Some((prefix, name)) = name.split_once(':')
            && !needed.iter().any(|own| own.is(prefix, name))
        {
            needed.push(Needed::named(scene, prefix, name).from(from).because(why).on(Target::OfFirst));
        }
    }
}

fn is_tagging(name: &str) -> bool {
    name.starts_with("Tag") || name.starts_with("AddTags") || name.starts_with("CreateTags") || name.starts_with("Untag")
}

/// Session tags and a source identity need permissions on the role that is assumed.
fn session<'a>(scene: &Scene<'a>, first: &Needed<'a>, needed: &mut Vec<Needed<'a>>) {
    if &*first.prefix != "sts" || !first.name.starts_with("AssumeRole") && &*first.name != "GetFederationToken" {
        return;
    }
    let tags = ["tags", "principalTags", "incomingTransitiveTags"].iter().any(|name| {
        scene.parameter(name).is_some_and(|value| match value {
            Value::Array(items) => !items.is_empty(),
            Value::Object(object) => !object.is_empty(),
            _ => false,
        })
    });
    if tags {
        needed.push(Needed::named(scene, "sts", "TagSession").because("the request passes session tags").on(Target::OfFirst));
    }
    if scene.has("sourceIdentity") && &*first.name != "GetFederationToken" {
        let set = Needed::named(scene, "sts", "SetSourceIdentity").because("the request sets a source identity");
        needed.push(set.on(Target::OfFirst));
    }
}
