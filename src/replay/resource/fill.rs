//! ARN templates, filled with the parameters of a request. Their names are spelled in many ways.

use serde_json::Value;

use super::super::action::Needed;
use super::super::facts::ResourceType;
use super::super::owner::in_organization;
use super::super::scene::{Parameters, Scene};
use super::super::tags::is_redacted;
use super::{MOST, calling_user, home_account, shows_parameters};

/// What a template became.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// ARNs of which every variable is known, and from where.
    pub(super) complete: Vec<(String, &'static str)>,
    /// The template with `*` for what is not known.
    pub(super) partial: String,
    /// Is anything of it from the request?
    pub(super) is_partly_known: bool,
    /// Is all that is from parameters like `name` and `id`, which might be those of something else?
    pub(super) is_by_plain_name: bool,
}

const FROM: &str = "from the template of the resource type, with the parameters of the request";

/// The template with the place of the call and `*` for everything else.
pub(super) fn open_template(scene: &Scene<'_>, resource_type: &ResourceType) -> String {
    let mut arn = String::with_capacity(resource_type.template.len());
    let mut rest = resource_type.template.as_str();
    while let Some((start, after)) = rest.split_once("${") {
        arn.push_str(start);
        let (variable, after) = after.split_once('}').unwrap_or((after, ""));
        arn.push_str(place(scene, &resource_type.template, variable).unwrap_or("*"));
        rest = after;
    }
    arn.push_str(rest);
    arn
}

/// Partition, region and account.
fn place<'s>(scene: &'s Scene<'_>, template: &str, variable: &str) -> Option<&'s str> {
    if !is_place(template, variable) {
        return None;
    }
    match variable {
        "Partition" => Some(scene.call.partition()),
        "Region" => scene.call.region.as_deref(),
        // Everything of an organization is in its management account:
        // <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_permissions_overview.html>.
        "ManagementAccountId" => management_account(scene),
        _ if template.contains(":organizations:") => management_account(scene),
        _ => ["registryId", "catalogId"]
            .iter()
            .find_map(|name| scene.text(name).filter(|text| super::is_account_id(text.as_bytes())))
            .or_else(|| home_account(scene)),
    }
}

/// Is the variable the partition, region or account of the ARN? `${AccountId}` may also name what the ARN is of.
fn is_place(template: &str, variable: &str) -> bool {
    match variable {
        "Partition" | "Region" | "Account" => true,
        "AccountId" | "ManagementAccountId" => template.split(':').nth(4).is_some_and(|part| part.contains(variable)),
        _ => false,
    }
}

/// The management account of the organization of the inventory, unless the caller is surely of another one.
pub(super) fn management_account<'s>(scene: &'s Scene<'_>) -> Option<&'s str> {
    let own = scene.world.inventory.management_account_id.as_deref()?;
    let is_foreign = home_account(scene).is_some_and(|home| in_organization(scene.world.inventory, home).is_false());
    (!is_foreign).then_some(own)
}

pub(super) fn fill(scene: &Scene<'_>, needed: &Needed<'_>, resource_type: &ResourceType) -> Filled {
    let template = resource_type.template.as_str();
    let mut filled = Filled { partial: open_template(scene, resource_type), ..Filled::default() };
    if needed.prefix == "iam" || needed.prefix == "sts" {
        return identity(scene, needed, resource_type, filled);
    }
    let mut variables = Vec::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once("${") {
        let (variable, after) = after.split_once('}').unwrap_or((after, ""));
        if !is_place(template, variable) {
            variables.push(variable);
        }
        rest = after;
    }
    if needed.dependent.is_some() && !needed.name.starts_with("Tag") {
        return filled;
    }
    if needed.prefix == "ecs"
        && resource_type.name == "task-definition"
        && let Some(family) = family(scene, needed)
    {
        // `family` or `family:revision` in one parameter. What is being registered gets the next revision.
        let start = filled.partial.split_once("/*").map_or(filled.partial.as_str(), |(start, _)| start);
        filled.is_partly_known = true;
        if family.contains(':') {
            filled.complete.push((format!("{start}/{family}"), FROM));
        } else {
            filled.partial = format!("{start}/{family}:*");
        }
        return filled;
    }
    let mut found: Vec<Values> =
        variables.iter().map(|variable| values(scene, needed, variable, &variables, resource_type)).collect();
    one_variable_each(&variables, resource_type, &mut found);
    filled.is_partly_known = found.iter().any(|found| found.from.is_some() && !found.values.is_empty());
    let is_plain = |found: &Values| found.from.as_deref().is_none_or(|from| matches!(from, "name" | "id" | "identifier"));
    filled.is_by_plain_name = filled.is_partly_known && found.iter().all(is_plain);
    let values: Vec<Vec<String>> = found.into_iter().map(|found| found.values).collect();
    let only_places = variables.is_empty();
    let all_known = values.iter().all(|values| !values.is_empty());
    if only_places || all_known {
        // Several values of one variable are several resources; the others then have one value.
        let count = values.iter().map(Vec::len).max().unwrap_or(1).clamp(1, MOST + 1);
        for number in 0..count {
            let chosen = values.iter().map(|values| values.get(number).or_else(|| values.first()).map_or("*", String::as_str));
            filled.complete.push((assemble(scene, template, &variables, chosen), FROM));
        }
        filled.complete.dedup();
    } else if filled.is_partly_known {
        let chosen = values.iter().map(|values| values.first().filter(|_| values.len() == 1).map_or("*", String::as_str));
        filled.partial = assemble(scene, template, &variables, chosen);
    }
    filled
}

/// The family of a task definition, with or without a revision:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>.
fn family<'s>(scene: &'s Scene<'_>, needed: &Needed<'_>) -> Option<&'s str> {
    let parameter = if needed.is("ecs", "RegisterTaskDefinition") { "family" } else { "taskDefinition" };
    scene.text(parameter).filter(|text| !text.starts_with("arn:"))
}

/// What a parameter of the name of the type fills: the variable that is called as the type, or else the last one.
fn is_own(variable: &str, variables: &[&str], resource_type: &ResourceType) -> bool {
    let kind = kind(resource_type);
    let related = |variable: &str| {
        let lower = variable.to_ascii_lowercase();
        let stem = stem(&lower);
        stem.len() > 2 && (kind.contains(stem) || stem.contains(&kind))
    };
    related(variable) || variables.last() == Some(&variable) && !variables.iter().any(|other| related(other))
}

/// The name of a type of resource: lower-case letters and digits.
fn kind(resource_type: &ResourceType) -> String {
    resource_type.name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

/// A variable in lower case without the word for "name" at its end.
fn stem(lower: &str) -> &str {
    ["identifier", "name", "id", "arn"].iter().find_map(|end| lower.strip_suffix(end)).unwrap_or(lower)
}

/// Two variables of a template are not the same thing: a parameter fills the one that is called as the type, that its name fits,
/// or else the first.
fn one_variable_each(variables: &[&str], resource_type: &ResourceType, found: &mut [Values]) {
    let kind = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["name", "identifier", "id", "arn"].into_iter().find(|end| name.ends_with(end)).map(|end| end.get(..2).unwrap_or(end))
    };
    for at in 0..found.len() {
        let Some(from) = found.get(at).and_then(|own| own.from.clone()) else { continue };
        let sharing: Vec<usize> =
            found.iter().enumerate().filter(|(_, own)| own.from.as_deref() == Some(&from)).map(|(at, _)| at).collect();
        let fits = |at: &&usize| variables.get(**at).is_some_and(|variable| kind(variable) == kind(&from));
        let own = |at: &&usize| variables.get(**at).is_some_and(|variable| is_own(variable, variables, resource_type));
        let is_plain = matches!(from.as_str(), "name" | "id" | "identifier");
        let best = sharing.iter().find(|at| own(at) && fits(at)).or_else(|| sharing.iter().find(own).filter(|_| is_plain));
        let keeper = best.or_else(|| sharing.iter().find(fits)).or(sharing.first()).copied();
        for other in sharing.into_iter().filter(|other| Some(*other) != keeper) {
            if let Some(own) = found.get_mut(other) {
                *own = Values::default();
            }
        }
    }
}

fn assemble<'v>(scene: &Scene<'_>, template: &str, variables: &[&str], values: impl Iterator<Item = &'v str>) -> String {
    let values: Vec<&str> = values.collect();
    let mut arn = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((start, after)) = rest.split_once("${") {
        arn.push_str(start);
        let (variable, after) = after.split_once('}').unwrap_or((after, ""));
        let own = variables.iter().position(|own| *own == variable).and_then(|at| values.get(at).copied());
        // `policy/…/p-${PolicyId}`, where the request has `p-…`.
        let literal = arn.rsplit(['/', ':']).next().filter(|literal| literal.ends_with('-')).unwrap_or_default();
        let own = own.map(|own| own.strip_prefix(literal).unwrap_or(own));
        arn.push_str(own.or_else(|| place(scene, template, variable)).unwrap_or("*"));
        rest = after;
    }
    arn.push_str(rest);
    arn
}

/// IAM names lack the path that is part of the ARN. The inventory knows it, and a request that creates tells it.
fn identity(scene: &Scene<'_>, needed: &Needed<'_>, resource_type: &ResourceType, mut filled: Filled) -> Filled {
    if needed.dependent.is_some() && needed.prefix == "iam" && !needed.name.starts_with("Tag") {
        return filled;
    }
    let kind = resource_type.name.as_str();
    let parameter = match kind {
        "role" => ["roleName"].as_slice(),
        "user" => &["userName"],
        "group" => &["groupName"],
        "instance-profile" => &["instanceProfileName"],
        "policy" => &["policyName"],
        _ => &[],
    };
    let account = home_account(scene).unwrap_or("*");
    let partition = scene.call.partition();
    if let Some((arn, is_whole)) = named_otherwise(scene, needed, partition, account) {
        filled.is_partly_known = true;
        if is_whole {
            filled.complete.push((arn, FROM));
        } else {
            filled.partial = arn;
        }
        return filled;
    }
    let Some(name) = parameter.iter().find_map(|name| scene.text(name)) else {
        if kind == "user"
            && !scene.has("userName")
            && let Some(arn) = calling_user(scene)
        {
            filled.complete.push((arn.to_owned(), "the request names no user: the caller is meant"));
        } else if kind == "instance-profile" || !parameter.is_empty() {
            return filled;
        } else {
            return plain(scene, needed, resource_type, filled);
        }
        return filled;
    };
    if name.contains(['*', '?']) {
        return filled;
    }
    filled.is_partly_known = true;
    // `CreateAccessKey` makes no user.
    let made = needed.name.strip_prefix("Create").map(str::to_ascii_lowercase);
    let creates = made.is_some_and(|made| made == kind.replace('-', ""));
    let of_role = |arn: &str| scene.world.inventory.role_by_arn(arn).is_some();
    let root = format!("arn:{partition}:iam::{account}:{kind}/{name}");
    if creates {
        let path = scene.text("path").unwrap_or("/");
        let arn = format!("arn:{partition}:iam::{account}:{kind}/{}{name}", path.trim_start_matches('/'));
        filled.complete.push((arn, "from requestParameters: the name and the path"));
    } else if kind == "role" && name.starts_with("AWSServiceRoleFor") {
        filled.partial = format!("arn:{partition}:iam::{account}:role/aws-service-role/*/{name}");
    } else if kind == "role" && of_role(&root) || scene.world.inventory.resource(&root).is_some() {
        filled.complete.push((root, "from the inventory: the name without a path"));
    } else if let Some(arn) = with_path(scene, &format!("arn:{partition}:iam::{account}:{kind}/"), name) {
        let of_role = "from the inventory: the role of that name";
        filled.complete.push((arn, if kind == "role" { of_role } else { "from the inventory: what has that name" }));
    } else {
        filled.partial = format!("arn:{partition}:iam::{account}:{kind}/*{name}");
    }
    filled
}

/// What IAM makes out of parameters of other names; `true` if that is the whole ARN.
fn named_otherwise(scene: &Scene<'_>, needed: &Needed<'_>, partition: &str, account: &str) -> Option<(String, bool)> {
    let start = format!("arn:{partition}:iam::{account}:");
    match &*needed.name {
        // The service chooses the name of its role, and a suffix may be added:
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html>.
        "CreateServiceLinkedRole" => {
            let service = scene.text("aWSServiceName").filter(|name| !name.contains(['*', '/']))?;
            Some((format!("{start}role/aws-service-role/{service}/*"), false))
        }
        // <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>
        "CreateOpenIDConnectProvider" => {
            let url = scene.text("url")?.strip_prefix("https://")?.trim_end_matches('/');
            (!url.contains(['*', '?'])).then(|| (format!("{start}oidc-provider/{url}"), true))
        }
        "CreateVirtualMFADevice" => {
            let name = scene.text("virtualMFADeviceName").filter(|name| !name.contains(['*', '?']))?;
            let path = scene.text("path").unwrap_or("/");
            Some((format!("{start}mfa/{}{name}", path.trim_start_matches('/')), true))
        }
        _ => None,
    }
}

/// What has that name in the inventory, by how its ARN begins. Names are unique in an account whatever the path.
pub(in crate::replay) fn with_path(scene: &Scene<'_>, start: &str, name: &str) -> Option<String> {
    let named = |arn: &&str| arn.rsplit('/').next() == Some(name);
    scene.world.inventory.arns_starting(start).find(named).map(str::to_owned)
}

/// Templates of IAM and STS whose variables have other names.
fn plain(scene: &Scene<'_>, needed: &Needed<'_>, resource_type: &ResourceType, mut filled: Filled) -> Filled {
    let variable = resource_type.template.rsplit_once("${").map(|(_, rest)| rest.trim_end_matches('}'));
    let Some(variable) = variable.filter(|_| resource_type.template.matches("${").count() <= 3) else { return filled };
    for value in values(scene, needed, variable, &[variable], resource_type).values.into_iter().take(MOST) {
        filled.complete.push((assemble(scene, &resource_type.template, &[variable], std::iter::once(value.as_str())), FROM));
    }
    filled.is_partly_known = !filled.complete.is_empty();
    filled
}

/// What fills a variable.
#[derive(Debug, Default)]
struct Values {
    values: Vec<String>,
    /// The parameter.
    from: Option<String>,
}

/// The values that the request gives for a variable of a template.
fn values(scene: &Scene<'_>, needed: &Needed<'_>, variable: &str, variables: &[&str], resource_type: &ResourceType) -> Values {
    if variable == "OrganizationId" {
        let own = scene.world.inventory.organization_id.clone();
        return Values { values: own.into_iter().collect(), from: None };
    }
    let Parameters::Known(parameters) = &scene.parameters else { return Values::default() };
    let Some((service, _)) = needed.facts else { return Values::default() };
    if let Some(found) = special(scene, needed, variable) {
        return found;
    }
    let operation = needed.name.to_ascii_lowercase();
    if let Some(path) = service.parameter(&operation, variable) {
        let texts = scene.texts_at(path);
        if !texts.is_empty() {
            return Values { values: cleaned(texts, variable, &needed.prefix), from: Some(path.to_ascii_lowercase()) };
        }
    }
    let is_of_another = names_another(needed, variable, resource_type);
    for name in names(variable, variables, resource_type, &needed.prefix) {
        if is_of_another && matches!(name.as_str(), "name" | "id" | "identifier") {
            continue;
        }
        let mut found = Vec::new();
        search(parameters, &name, 0, &mut found);
        let found = cleaned(found, variable, &needed.prefix);
        if !found.is_empty() {
            return Values { values: found, from: Some(name) };
        }
    }
    Values::default()
}

/// Is a plain `name` the name of another type? In `GetTable` it is the table's, not its catalog's; in `DeleteDatabase` it is that of
/// the database in the ARNs of its tables.
fn names_another(needed: &Needed<'_>, variable: &str, resource_type: &ResourceType) -> bool {
    let Some((service, action)) = needed.facts else { return false };
    let after_verb = needed.name.char_indices().skip(1).find(|(_, letter)| letter.is_ascii_uppercase());
    let noun = after_verb.and_then(|(at, _)| needed.name.get(at..)).unwrap_or_default().to_ascii_lowercase();
    let mut types = action.resource_types.iter().filter_map(|own| service.resource_type(own.resource_type));
    kind(resource_type) != noun && stem(&variable.to_ascii_lowercase()) != noun && types.any(|other| kind(other) == noun)
}

/// Variables that parameters fill in a way of their own.
fn special(scene: &Scene<'_>, needed: &Needed<'_>, variable: &str) -> Option<Values> {
    let one = |value: &str, from: &str| Values { values: vec![value.to_owned()], from: Some(from.to_owned()) };
    match (&*needed.prefix, variable) {
        // `arn:aws:wafv2:us-east-1:123456789012:global/webacl/…`:
        // <https://docs.aws.amazon.com/waf/latest/developerguide/security_iam_service-with-iam.html>.
        ("wafv2", "Scope") => Some(match scene.text("scope") {
            Some("REGIONAL") => one("regional", "scope"),
            Some("CLOUDFRONT") => one("global", "scope"),
            _ => Values::default(),
        }),
        // The name of an association is that of its document:
        // <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateAssociation.html>.
        ("ssm", "DocumentName") if needed.name == "CreateAssociation" => {
            let name = scene.text("name").filter(|name| !name.starts_with("arn:") && !name.contains(['*', '?']))?;
            Some(one(name, "documentname"))
        }
        // The name is the query's, and without a workgroup the primary one is used:
        // <https://docs.aws.amazon.com/athena/latest/ug/workgroups.html>.
        ("athena", "WorkGroupName") => {
            const OF_PRIMARY: [&str; 4] =
                ["StartQueryExecution", "CreateNamedQuery", "ListQueryExecutions", "ListNamedQueries"];
            if let Some(name) = scene.text("workGroup").filter(|name| !name.contains(['*', '?'])) {
                return Some(one(name, "workgroup"));
            }
            if OF_PRIMARY.contains(&&*needed.name) && shows_parameters(scene) && !scene.has("workGroup") {
                return Some(one("primary", "workgroup"));
            }
            (needed.name != "CreateWorkGroup").then(Values::default)
        }
        _ => None,
    }
}

/// The spellings of a parameter, in lower case, the likeliest first.
fn names(variable: &str, variables: &[&str], resource_type: &ResourceType, prefix: &str) -> Vec<String> {
    let lower = variable.to_ascii_lowercase();
    let lower = lower.strip_suffix("withpath").unwrap_or(&lower).to_owned();
    let mut names = vec![lower.clone()];
    let stem = stem(&lower);
    let kind = kind(resource_type);
    let is_own = is_own(variable, variables, resource_type);
    // An id is no name that the caller chose: what is being made has none yet. Secrets alone are called by their names.
    let is_id = lower.ends_with("id") && prefix != "secretsmanager";
    let mut stems = vec![stem.to_owned()];
    if kind != stem && is_own {
        stems.push(kind.clone());
    }
    if matches!(prefix, "rds" | "neptune" | "docdb") {
        // `dBClusterIdentifier` of a cluster.
        stems.push(format!("db{kind}"));
        // What is restored is the target.
        stems.extend([format!("target{stem}"), format!("targetdb{kind}")]);
    }
    if prefix == "ec2"
        && let Some(last) = resource_type.name.rsplit('-').next()
        && last != resource_type.name
    {
        // `groupId` of a security group, `flowLogId` of a VPC's flow log.
        stems.push(last.to_ascii_lowercase());
        if let Some((_, rest)) = resource_type.name.split_once('-') {
            stems.push(rest.to_ascii_lowercase().replace('-', ""));
        }
    }
    for stem in stems.iter().filter(|stem| stem.len() > 2 && !matches!(stem.as_str(), "resource")) {
        for end in ["name", "id", "identifier", "", "names", "ids", "identifiers", "s", "url"] {
            if !(is_id && end.starts_with("name")) {
                names.push(format!("{stem}{end}"));
            }
        }
    }
    match (prefix, lower.as_str()) {
        // Amazon EMR calls clusters job flows:
        // <https://docs.aws.amazon.com/emr/latest/APIReference/API_TerminateJobFlows.html>.
        ("elasticmapreduce", "clusterid") => names.extend(["jobflowid".to_owned(), "jobflowids".to_owned()]),
        ("s3vectors", "bucketname") => names.push("vectorbucketname".to_owned()),
        // The target of an assignment is an account.
        ("sso", "accountid") => names.push("targetid".to_owned()),
        _ => {}
    }
    // A parameter that is called just so names what the operation is about.
    if stem.is_empty() || matches!(stem, "resource") || lower.ends_with("name") || lower.ends_with("id") {
        let plain: &[&str] = match () {
            () if is_id => &["id", "identifier"],
            () if lower.ends_with("name") => &["name", "identifier"],
            () => &["name", "id", "identifier"],
        };
        names.extend(plain.iter().map(|name| (*name).to_owned()));
    }
    names.dedup();
    names
}

/// Every text of members of that name.
fn search<'v>(value: &'v Value, name: &str, depth: usize, found: &mut Vec<&'v str>) {
    if depth > 4 || found.len() > 64 {
        return;
    }
    // Short names mean the operation's own resource only at the top.
    let only_top = matches!(name, "name" | "id" | "identifier");
    match value {
        Value::Object(object) => {
            for (own, inner) in object {
                if own.eq_ignore_ascii_case(name) {
                    texts(inner, depth, found);
                } else if !only_top && !is_other_matter(own) {
                    search(inner, name, depth + 1, found);
                }
            }
        }
        Value::Array(items) if !only_top => items.iter().for_each(|item| search(item, name, depth + 1, found)),
        _ => {}
    }
}

/// Members whose contents do not name the resource of the operation.
fn is_other_matter(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.contains("tag") || lower.contains("filter") || lower.contains("policy") && lower.contains("document")
}

fn texts<'v>(value: &'v Value, depth: usize, found: &mut Vec<&'v str>) {
    if depth > 6 || found.len() > 64 {
        return;
    }
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, depth + 1, found)),
        Value::Object(object) => {
            // `{"content": "vpc-…", "tag": 1}` is how newer operations of EC2 write a member of a list.
            if let Some(items) = ["items", "member", "content"].iter().find_map(|name| object.get(*name)) {
                texts(items, depth + 1, found);
            }
        }
        _ => {}
    }
}

/// Values as they stand in an ARN.
fn cleaned(texts: Vec<&str>, variable: &str, prefix: &str) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for text in texts {
        // A build is judged as its project: `project:build`, or the ARN of that.
        let text = if prefix == "codebuild" && variable == "ProjectName" { project(text) } else { text };
        if text.is_empty()
            || is_redacted(text)
            || text.starts_with("arn:")
            || text.len() > 1024
            || text.contains(['*', '?', '\n', '"', '{'])
        {
            continue;
        }
        let value = if text.starts_with("https://") {
            // The URL of a queue.
            text.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
        } else if prefix == "lambda" && text.contains(":function:") {
            text.rsplit_once(":function:").map(|(_, name)| name.to_owned()).unwrap_or_default()
        } else if prefix == "secretsmanager" && variable.eq_ignore_ascii_case("SecretId") {
            // AWS appends a hyphen and six characters, which names leave out:
            // <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html>.
            format!("{text}-*")
        } else if variable == "ParameterNameWithoutLeadingSlash" {
            // `name:version` and `name:label` name the same parameter.
            text.split(':').next().unwrap_or(text).trim_start_matches('/').to_owned()
        } else if variable.to_ascii_lowercase().contains("withoutleadingslash") || prefix == "ssm" {
            text.trim_start_matches('/').to_owned()
        } else {
            text.to_owned()
        };
        if !value.is_empty() && !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn project(text: &str) -> &str {
    let id = match text.starts_with("arn:") {
        true => [":build/", ":build-batch/"].iter().find_map(|part| text.split_once(part)).map_or(text, |(_, id)| id),
        false => text,
    };
    if id.starts_with("arn:") { id } else { id.split(':').next().unwrap_or(id) }
}
