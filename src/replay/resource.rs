//! What a permission is needed on: ARNs that the record lists or the request names, or the template of the resource type, filled with
//! the parameters of the request. What is not known of an ARN stays open.

pub(super) mod fill;
mod gateway;
mod instances;
pub(super) mod named;

use std::borrow::Cow;

use serde_json::Value;

use crate::events::rows::{account_of_arn, is_account_id};
use crate::policy::pattern::{Glob, Token, arn_parts};
use crate::policy::request::{PrincipalType, Resource};

use super::action::{Needed, Target};
use super::facts::{ActionResource, ResourceType, Service};
use super::owner::Owner;
use super::s3;
use super::scene::{Parameters, Scene};

/// Resources of one kind that a call is judged on one by one. What goes beyond is one request for "another of them".
const MOST: usize = 10;

/// One resource of a permission.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) resource: Resource,
    /// The ARN as far as it is known, with `*` for what is not.
    pub(super) arn: Option<String>,
    pub(super) owner: Owner,
    /// Number of the resource type in the service facts.
    pub(super) resource_type: Option<u16>,
    pub(super) provenance: Cow<'static, str>,
    /// Is the permission needed on it for certain?
    pub(super) certain: bool,
}

impl Resolved {
    fn unknown(why: &'static str, owner: Owner) -> Resolved {
        Resolved {
            resource: Resource::Partial(Glob::new("*")),
            arn: None,
            owner,
            resource_type: None,
            provenance: Cow::Borrowed(why),
            certain: true,
        }
    }

    fn of_arn(arn: String, owner: Owner, resource_type: Option<u16>, provenance: &'static str) -> Resolved {
        Resolved {
            resource: resource(&arn),
            arn: Some(arn),
            owner,
            resource_type,
            provenance: Cow::Borrowed(provenance),
            certain: true,
        }
    }
}

/// An ARN as a resource: `*` in it stands for what is not known. Nothing that AWS names holds a `*`, save keys of objects, and
/// there it is the end of a key that was cut.
fn resource(arn: &str) -> Resource {
    if !arn.contains('*') {
        return Resource::Known(arn.to_owned());
    }
    let open = |tokens: Vec<Token>| Resource::Partial(Glob::from_tokens(tokens));
    let token = |character| if character == '*' { Token::Any } else { Token::Char(character) };
    if let Some((place, name)) = arn.split_once(":s3:::") {
        // Names of buckets hold no `*`: there it is a bucket that is not known. Inside a key it is what the key holds.
        let (bucket, key) = name.split_once('/').map_or((name, None), |(bucket, key)| (bucket, Some(key)));
        let key_start = key.map(|key| key.strip_suffix('*').filter(|start| start.is_empty() || start.ends_with('/')));
        if !place.contains('*') && !bucket.contains('*') && !matches!(key_start, Some(Some(_))) {
            return Resource::Known(arn.to_owned());
        }
        let mut tokens: Vec<Token> = place.chars().chain(":s3:::".chars()).chain(bucket.chars()).map(token).collect();
        match (key, key_start) {
            (_, Some(Some(start))) => tokens.extend("/".chars().chain(start.chars()).map(Token::Char).chain([Token::Any])),
            (Some(key), _) => tokens.extend("/".chars().chain(key.chars()).map(Token::Char)),
            (None, _) => {}
        }
        return open(tokens);
    }
    if let Some(start) = arn.strip_suffix("-*").filter(|start| start.contains(":secretsmanager:") && start.contains(":secret:"))
    {
        // The name of a secret, and six characters that AWS appends: `arn:…:secret:name-??????` is how AWS writes it.
        return open(start.chars().map(token).chain([Token::Char('-')]).chain([Token::One; 6]).collect());
    }
    open(arn.chars().map(token).collect())
}

/// The account that names without an account are looked up in: the caller's, or, in the record of an owner, the owner's.
pub(super) fn home_account<'s>(scene: &'s Scene<'_>) -> Option<&'s str> {
    let recipient = scene.call.recipient_account_id.as_deref().or(scene.call.account_id.as_deref());
    let recipient = recipient.filter(|account| is_account_id(account.as_bytes()));
    let caller = scene.caller.principal.account.as_deref();
    match (caller, recipient) {
        (Some(caller), Some(recipient)) if caller != recipient => Some(recipient),
        (Some(caller), _) => Some(caller),
        (None, recipient) => recipient,
    }
}

/// The account that recorded a call that it did not make: by somebody of another account, or nobody known.
fn recipient_of_anothers_call<'s>(scene: &'s Scene<'_>) -> Option<&'s str> {
    let recipient = scene.call.recipient_account_id.as_deref().filter(|account| is_account_id(account.as_bytes()))?;
    let principal = &scene.caller.principal;
    let is_anothers = match (&principal.account, principal.principal_type) {
        (_, PrincipalType::Anonymous) => true,
        // For whom a service calls is not known: it may be who records.
        (_, PrincipalType::Service) => false,
        (Some(account), _) => account != recipient,
        (None, _) => false,
    };
    is_anothers.then_some(recipient)
}

/// Does the record show the parameters, so that one that it lacks was not sent?
fn shows_parameters(scene: &Scene<'_>) -> bool {
    matches!(scene.parameters, Parameters::Known(_))
}

fn home_owner(scene: &Scene<'_>) -> Owner {
    match home_account(scene) {
        Some(id) => Owner::Account {
            id: id.to_owned(),
            from: "the account of the call: the action works on nothing of another account",
        },
        None => Owner::Unknown("the record does not tell the account"),
    }
}

/// Who owns the resource of an ARN.
fn owner(scene: &Scene<'_>, arn: &str) -> Owner {
    if let Some(account) = account_of_arn(arn) {
        return Owner::Account { id: account.to_owned(), from: "from the ARN" };
    }
    let of_listed =
        scene.listed.iter().find(|listed| listed.arn.as_deref() == Some(arn)).and_then(|listed| listed.account.as_ref());
    if let Some(account) = of_listed {
        return Owner::Account { id: account.clone(), from: "from resources[].accountId" };
    }
    if let Some((bucket, _)) = s3::parts(arn) {
        return bucket_owner(scene, bucket);
    }
    if scene.call.resource_arn.as_deref() == Some(arn)
        && let Some(account) = scene.call.resource_account_id.as_deref()
    {
        return Owner::Account { id: account.to_owned(), from: "from resources[].accountId" };
    }
    if let Some(account) = scene.world.inventory.resource(arn).and_then(|resource| resource.account_id.as_deref()) {
        return Owner::Account { id: account.to_owned(), from: "from the inventory" };
    }
    match arn_parts(arn) {
        Some([_, _, _, _, "aws", _]) => Owner::Nobody("AWS owns it: the account of its ARN is `aws`"),
        Some([_, _, "ssm", _, "", _]) => Owner::Nobody("AWS owns it: public parameters and AWS's documents have no account"),
        // Images and snapshots may be anybody's.
        Some([_, _, "ec2", ..]) => Owner::Unknown("the ARN names no owner, and images and snapshots may be anybody's"),
        Some([_, _, _, _, "", _]) => home_owner(scene),
        _ => Owner::Unknown("the owner of the resource is not recorded"),
    }
}

fn bucket_owner(scene: &Scene<'_>, bucket: &str) -> Owner {
    let same = |arn: Option<&str>| arn.and_then(s3::parts).is_some_and(|(own, _)| own == bucket);
    if let Some(account) = scene.listed.iter().find(|own| same(own.arn.as_deref()) && own.account.is_some()) {
        let id = account.account.clone().unwrap_or_default();
        return Owner::Account { id, from: "from resources[].accountId" };
    }
    if same(scene.call.resource_arn.as_deref())
        && let Some(account) = scene.call.resource_account_id.as_deref()
    {
        return Owner::Account { id: account.to_owned(), from: "from resources[].accountId" };
    }
    if let Some(account) = scene.world.inventory.bucket(bucket).and_then(|bucket| bucket.account_id.as_deref()) {
        return Owner::Account { id: account.to_owned(), from: "from the inventory: the owner of the bucket" };
    }
    if scene.event_name() == "CreateBucket" && scene.call.error_code.is_none() {
        return home_owner(scene);
    }
    if s3::bucket(scene) == Some(bucket)
        && let Some(id) = recipient_of_anothers_call(scene)
    {
        return Owner::Account {
            id: id.to_owned(),
            from: "from recipientAccountId: who records another's call owns the bucket",
        };
    }
    Owner::Unknown("neither the record nor the inventory tells who owns the bucket")
}

/// The resources that a permission is needed on; never empty. `first`: those of the call's own action.
pub(super) fn targets(scene: &Scene<'_>, needed: &Needed<'_>, first: &[Resolved]) -> Vec<Resolved> {
    let mut found = match &needed.target {
        Target::OfFirst => of_first(scene, needed, first),
        Target::Arn { arn, from } => vec![of_arn(scene, needed, arn.clone(), from)],
        Target::S3 { bucket, key, from } => vec![of_s3(scene, needed, bucket, key.as_deref(), from)],
        Target::Parameter(name) => vec![of_key_parameter(scene, needed, name)],
        Target::OfCall => of_call(scene, needed),
    };
    for resolved in &mut found {
        resolved.certain &= needed.certain;
    }
    found
}

/// The resources of the call's own action that this one takes, too.
fn of_first(scene: &Scene<'_>, needed: &Needed<'_>, first: &[Resolved]) -> Vec<Resolved> {
    let fitting = first.iter().filter_map(|own| {
        let resource_type = best_type(needed, own.arn.as_deref()?)?;
        Some(Resolved { resource_type: Some(resource_type), ..own.clone() })
    });
    let mut found: Vec<Resolved> = fitting.collect();
    named::log_groups(needed, &mut found);
    if found.is_empty() && needed.is("sts", "TagSession") {
        // The session of a federated user, which AWS's tables leave out.
        return first.to_vec();
    }
    if found.is_empty() { of_call(scene, needed) } else { found }
}

fn of_arn(scene: &Scene<'_>, needed: &Needed<'_>, arn: String, from: &'static str) -> Resolved {
    let owner = owner(scene, &arn);
    let resource_type = best_type(needed, &arn);
    Resolved::of_arn(arn, owner, resource_type, from)
}

fn of_s3(scene: &Scene<'_>, needed: &Needed<'_>, bucket: &str, key: Option<&str>, from: &'static str) -> Resolved {
    if s3::is_access_point_alias(bucket) {
        let why = "the bucket name is the alias of an access point, whose name is not recorded";
        let owner = scene.call.resource_account_id.as_deref();
        let owner = owner.map(|id| Owner::Account { id: id.to_owned(), from: "from resources[].accountId" });
        return Resolved::unknown(why, owner.unwrap_or(Owner::Unknown(why)));
    }
    let arn = if needed.prefix == "s3express" {
        let (region, account) = (scene.call.region.as_deref().unwrap_or("*"), home_account(scene).unwrap_or("*"));
        format!("arn:{}:s3express:{region}:{account}:bucket/{bucket}", scene.call.partition())
    } else {
        s3::arn(scene.call.partition(), bucket, key)
    };
    of_arn(scene, needed, arn, from)
}

/// A KMS key that a parameter names: its ARN, its id, or an alias, which is no resource itself; the record may list the key.
fn of_key_parameter(scene: &Scene<'_>, needed: &Needed<'_>, name: &str) -> Resolved {
    let text = scene.text(name);
    if let Some(arn) = text.filter(|text| text.starts_with("arn:") && text.contains(":key/")) {
        return of_arn(scene, needed, arn.to_owned(), "from the ARN of the key in requestParameters");
    }
    if let Some(arn) = listed_key(scene, text, name) {
        return of_arn(scene, needed, arn.to_owned(), "from resources[].ARN");
    }
    let Some(text) = text else {
        return Resolved::unknown("the record does not show the key", Owner::Unknown("the record does not show the key"));
    };
    let account = account_of_arn(text).or_else(|| home_account(scene)).unwrap_or("*");
    let id = if text.contains("alias/") { "*" } else { text };
    let region = text.split(':').nth(3).or(scene.call.region.as_deref()).unwrap_or("*");
    let arn = format!("arn:{}:kms:{region}:{account}:key/{id}", scene.call.partition());
    of_arn(scene, needed, arn, "from the key id in requestParameters")
}

/// An operation on an alias needs permission on the alias and on its key, and a change of the alias on both keys:
/// <https://docs.aws.amazon.com/kms/latest/developerguide/alias-access.html>.
fn aliases(scene: &Scene<'_>, needed: &Needed<'_>) -> Option<Vec<Resolved>> {
    let keys_needed = match &*needed.name {
        "CreateAlias" | "DeleteAlias" => 1,
        "UpdateAlias" => 2,
        _ => return None,
    };
    let (partition, region) = (scene.call.partition(), scene.call.region.as_deref().unwrap_or("*"));
    let account = home_account(scene).unwrap_or("*");
    let name = scene.text("aliasName").map_or("*", |name| name.strip_prefix("alias/").unwrap_or(name));
    let alias = match name.starts_with("arn:") {
        true => name.to_owned(),
        false => format!("arn:{partition}:kms:{region}:{account}:alias/{name}"),
    };
    let mut found = vec![of_arn(scene, needed, alias, "from requestParameters.aliasName")];
    let mut add = |resolved: Resolved| {
        if !found.iter().any(|own| own.arn == resolved.arn) {
            found.push(resolved);
        }
    };
    for arn in scene.listed.iter().filter_map(|own| own.arn.as_deref()).filter(|arn| arn.contains(":key/")) {
        add(of_arn(scene, needed, arn.to_owned(), "from resources[].ARN"));
    }
    if scene.text("targetKeyId").is_some() {
        add(of_key_parameter(scene, needed, "targetKeyId"));
    }
    if found.len() <= keys_needed {
        let key = format!("arn:{partition}:kms:{region}:{account}:key/*");
        found.push(of_arn(scene, needed, key, "the record does not show the key of the alias"));
    }
    Some(found)
}

/// The key among those that the record lists: by its id, or, where two are re-encrypted with, because the other one is known.
fn listed_key<'s>(scene: &'s Scene<'_>, text: Option<&str>, name: &str) -> Option<&'s str> {
    let mut keys: Vec<&str> =
        scene.listed.iter().filter_map(|own| own.arn.as_deref()).filter(|arn| arn.contains(":key/")).collect();
    keys.dedup();
    let is = |arn: &str, text: &str| arn == text || arn.split_once(":key/").is_some_and(|(_, id)| id == text);
    if let Some(arn) = text.and_then(|text| keys.iter().find(|arn| is(arn, text))) {
        return Some(arn);
    }
    let other = match name {
        "sourceKeyId" => scene.text("destinationKeyId"),
        "destinationKeyId" => scene.text("sourceKeyId"),
        _ => None,
    };
    if keys.len() > 1 {
        keys.retain(|arn| !other.is_some_and(|other| is(arn, other)));
    }
    match keys.as_slice() {
        [only] if text.is_none_or(|text| text.contains("alias/")) => Some(only),
        _ => None,
    }
}

fn of_call(scene: &Scene<'_>, needed: &Needed<'_>) -> Vec<Resolved> {
    let Some((_, action)) = needed.facts else { return undocumented(scene) };
    if action.resource_types.is_empty() {
        // Policies that grant the list of all buckets name all buckets:
        // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-walkthroughs-managing-access-example1.html>.
        let all =
            if needed.is("s3", "ListAllMyBuckets") { format!("arn:{}:s3:::*", scene.call.partition()) } else { "*".to_owned() };
        return vec![Resolved {
            resource: Resource::Known(all),
            arn: None,
            owner: home_owner(scene),
            resource_type: None,
            provenance: Cow::Borrowed("the action has no resource types: its resource is `*`"),
            certain: true,
        }];
    }
    if matches!(&*needed.prefix, "s3" | "s3express") {
        if let Some(Target::S3 { bucket, key, from }) = s3::target(scene, needed) {
            return vec![of_s3(scene, needed, &bucket, key.as_deref(), from)];
        }
        if needed.prefix == "s3express"
            && let Some(bucket) = s3::bucket(scene)
        {
            return vec![of_s3(scene, needed, bucket, None, "from requestParameters.bucketName")];
        }
    }
    if needed.prefix == "apigateway" {
        return vec![gateway::resource(scene, needed)];
    }
    if needed.is("ec2", "RunInstances") {
        return instances::resources(scene, needed);
    }
    if needed.prefix == "kms"
        && needed.dependent.is_none()
        && let Some(aliases) = aliases(scene, needed)
    {
        return aliases;
    }
    if needed.prefix == "kms" && needed.dependent.is_none() {
        let listed = scene.listed.iter().filter_map(|own| own.arn.as_deref()).find(|arn| arn.contains(":key/"));
        if let Some(arn) = listed.or(scene.call.resource_arn.as_deref().filter(|arn| arn.contains(":key/"))) {
            return vec![of_arn(scene, needed, arn.to_owned(), "from resources[].ARN")];
        }
        if scene.text("keyId").is_some() {
            return vec![of_key_parameter(scene, needed, "keyId")];
        }
    }
    if needed.dependent.is_none()
        && let Some(named) = named::resources(scene, needed)
    {
        return named;
    }
    let mut found = by_type(scene, needed);
    named::correct(scene, needed, &mut found);
    if !found.is_empty() {
        return found;
    }
    let has_objects = |number: u16| {
        let resource_type = needed.facts.and_then(|(service, _)| service.resource_type(number));
        resource_type.is_some_and(|own| own.name == "object")
    };
    if needed.prefix == "s3" && action.resource_types.iter().any(|own| has_objects(own.resource_type)) {
        let object = format!("arn:{}:s3:::*/*", scene.call.partition());
        return vec![of_arn(scene, needed, object, "the record does not show the object")];
    }
    // Only types that need not be named, and none is.
    let why = "the request names no resource, and the action works with and without one";
    let mut unknown = Resolved::unknown(why, home_owner(scene));
    if let Some(service) = only_service(needed) {
        unknown.resource = Resource::Partial(Glob::new(&format!("arn:*:{service}:*")));
    }
    vec![unknown]
}

/// The service of all types of resources that the action works on, if it is one.
fn only_service<'a>(needed: &Needed<'a>) -> Option<&'a str> {
    let (service, action) = needed.facts?;
    let mut services =
        action.resource_types.iter().map(|own| service.resource_type(own.resource_type)?.template.split(':').nth(2));
    let first = services.next()??;
    services.all(|other| other == Some(first)).then_some(first)
}

/// An action that the facts do not know: what the record lists, if anything.
fn undocumented(scene: &Scene<'_>) -> Vec<Resolved> {
    match scene.call.resource_arn.as_deref() {
        Some(arn) if arn_parts(arn).is_some() => {
            vec![Resolved::of_arn(arn.to_owned(), owner(scene, arn), None, "from resources[].ARN")]
        }
        _ => vec![Resolved::unknown("the action is not in the service facts", home_owner(scene))],
    }
}

/// The ARNs that the record lists and the request names, then the templates.
fn by_type(scene: &Scene<'_>, needed: &Needed<'_>) -> Vec<Resolved> {
    let Some((service, action)) = needed.facts else { return Vec::new() };
    let named = arns(scene);
    let alternatives = are_alternatives(needed);
    let required = action.resource_types.iter().filter(|own| own.required).count();
    let mut found: Vec<Resolved> = Vec::new();
    let mut beyond = 0;
    for (arn, from) in &named {
        let Some(number) = best_type(needed, arn) else { continue };
        if found.iter().any(|own| own.arn.as_deref() == Some(arn)) {
            continue;
        }
        if found.len() >= MOST {
            beyond += 1;
            continue;
        }
        found.push(Resolved::of_arn((*arn).to_owned(), owner(scene, arn), Some(number), from));
    }
    let of_arns = found.len();
    if beyond > 0
        && let Some(first) = found.first()
        && let Some(resource_type) = first.resource_type.and_then(|number| service.resource_type(number))
    {
        let partial = fill::open_template(scene, resource_type);
        let from = "the request names more resources than are judged one by one";
        found.push(Resolved::of_arn(partial.clone(), owner_of_partial(scene, &partial), first.resource_type, from));
    }
    if alternatives {
        for other in tagged_by_arn(scene, service) {
            if found.len() < MOST && !found.iter().any(|own| own.arn == other.arn) {
                found.push(other);
            }
        }
        if of_arns == 0 && !found.is_empty() {
            return found;
        }
    }
    if alternatives && required > 1 {
        if of_arns == 0 {
            found.extend(only_alternative(scene, needed));
        }
        return found;
    }
    // Required types of which the request names nothing.
    let mut not_named: Vec<u16> = Vec::new();
    let mut names_any = of_arns > 0;
    // Types of which a resource is named by a parameter that may be another one's.
    let mut by_plain_name: Vec<u16> = Vec::new();
    // Types that need not be named, and of which the request names a part.
    let mut partly: Vec<(u16, String)> = Vec::new();
    // Among types of which none must be named, the most particular one is meant: an index rather than its table.
    let mut most_variables = 0;
    for own in &action.resource_types {
        let is_found =
            |found: &[Resolved]| found.iter().take(of_arns).any(|other| other.resource_type == Some(own.resource_type));
        let Some(resource_type) = service.resource_type(own.resource_type) else { continue };
        if is_found(&found) {
            continue;
        }
        let filled = fill::fill(scene, needed, resource_type);
        let is_alternative = of_arns > 0 && !own.required;
        if !own.required && filled.complete.is_empty() && filled.is_partly_known {
            partly.push((own.resource_type, filled.partial.clone()));
        }
        names_any |= filled.is_partly_known;
        if !own.required && filled.is_by_plain_name && !filled.complete.is_empty() {
            by_plain_name.push(own.resource_type);
        }
        let variables = resource_type.template.matches("${").count();
        if !own.required && !filled.complete.is_empty() && !is_alternative {
            if variables < most_variables {
                continue;
            }
            if variables > most_variables {
                most_variables = variables;
                let is_required = |other: &Resolved| {
                    action.resource_types.iter().any(|own| own.required && other.resource_type == Some(own.resource_type))
                };
                found.retain(is_required);
            }
        }
        for (arn, from) in filled.complete.into_iter().take(MOST) {
            if found.len() <= MOST && !is_alternative || own.required {
                let mut resolved = Resolved::of_arn(arn.clone(), owner(scene, &arn), Some(own.resource_type), from);
                resolved.certain = own.required || is_of_service(resource_type, &service.prefix);
                found.push(resolved);
            }
        }
        let is_missing = !found.iter().any(|other| other.resource_type == Some(own.resource_type));
        if own.required && is_missing && !is_satisfied(&found, own, needed) {
            let from = if filled.is_partly_known {
                "from the template of the resource type, with what the request names"
            } else {
                "from the template of the resource type: the request does not name it"
            };
            if !filled.is_partly_known && !makes(needed, resource_type) {
                not_named.push(own.resource_type);
            }
            found.push(Resolved::of_arn(
                filled.partial.clone(),
                owner_of_partial(scene, &filled.partial),
                Some(own.resource_type),
                from,
            ));
        }
    }
    // AWS's tables mark types as required of which many a request needs none: what the request names is what it surely needs.
    // Amazon EC2 is exact about them, and AWS Glue asks for all that is above a resource.
    if names_any && !matches!(&*needed.prefix, "ec2" | "glue") {
        let is_open = |own: &&mut Resolved| own.resource_type.is_some_and(|number| not_named.contains(&number));
        found.iter_mut().filter(is_open).for_each(|own| own.certain = false);
    }
    // One name is of one thing.
    if by_plain_name.len() > 1 {
        let is_open = |own: &&mut Resolved| own.resource_type.is_some_and(|number| by_plain_name.contains(&number));
        found.iter_mut().filter(is_open).for_each(|own| own.certain = false);
    }
    if found.is_empty()
        && let [(number, partial)] = partly.as_slice()
    {
        let from = "from the template of the resource type, with what the request names";
        found.push(Resolved::of_arn(partial.clone(), owner_of_partial(scene, partial), Some(*number), from));
    }
    // Several types of which one is needed, none of them required: the first that fits.
    if found.is_empty()
        && let [only] = action.resource_types.as_slice()
        && let Some(resource_type) = service.resource_type(only.resource_type)
        && !matches!(action.access, 'L')
    {
        let partial = fill::open_template(scene, resource_type);
        let from = "from the template of the resource type: the request does not name it";
        found.push(Resolved::of_arn(partial.clone(), owner_of_partial(scene, &partial), Some(only.resource_type), from));
    }
    found
}

/// Are the types of the action's resources alternatives, although AWS's tables require several of them? A request names one thing to be
/// tagged, or whose policy it is about.
fn are_alternatives(needed: &Needed<'_>) -> bool {
    const VERBS: [&str; 9] =
        ["Tag", "Untag", "ListTags", "AddTags", "RemoveTags", "ChangeTags", "DescribeTags", "GetTags", "DeleteTags"];
    let is_tagging = needed.facts.is_some_and(|(_, action)| action.access == 'T');
    is_tagging || needed.name.ends_with("ResourcePolicy") || VERBS.iter().any(|verb| needed.name.starts_with(verb))
}

/// What is tagged by an ARN that fits none of the types: a load balancer's target group, whose type AWS's tables leave out.
fn tagged_by_arn(scene: &Scene<'_>, service: &Service) -> Vec<Resolved> {
    let names = ["resourceArn", "resourceArns", "resource", "resourceName", "arn"];
    let texts = names.iter().flat_map(|name| scene.texts_at(name));
    let is_of_service = |arn: &&str| arn_parts(arn).is_some_and(|[_, _, own, ..]| own == service.prefix) && !arn.contains('*');
    let from = "from an ARN in requestParameters";
    texts.filter(is_of_service).take(MOST).map(|arn| Resolved::of_arn(arn.to_owned(), owner(scene, arn), None, from)).collect()
}

/// The only one of several types of which the request names a resource.
fn only_alternative(scene: &Scene<'_>, needed: &Needed<'_>) -> Vec<Resolved> {
    let Some((service, action)) = needed.facts else { return Vec::new() };
    let named = action.resource_types.iter().filter_map(|own| {
        let filled = fill::fill(scene, needed, service.resource_type(own.resource_type)?);
        filled.is_partly_known.then_some((own.resource_type, filled))
    });
    let mut named: Vec<(u16, fill::Filled)> = named.collect();
    let (Some((number, filled)), true) = (named.pop(), named.is_empty()) else { return Vec::new() };
    let from = "from the template of the resource type, with the parameters of the request";
    let arns = if filled.complete.is_empty() {
        vec![filled.partial]
    } else {
        filled.complete.into_iter().map(|(arn, _)| arn).collect()
    };
    arns.into_iter().take(MOST).map(|arn| Resolved::of_arn(arn.clone(), owner(scene, &arn), Some(number), from)).collect()
}

/// Does the operation make a resource of the type? `CreateSnapshot` makes a snapshot, whose name nobody knows yet.
fn makes(needed: &Needed<'_>, resource_type: &ResourceType) -> bool {
    const VERBS: [&str; 9] = ["Create", "Start", "Run", "Copy", "Register", "Import", "Put", "Publish", "Submit"];
    let kind: String = resource_type.name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let made = VERBS.iter().find_map(|verb| needed.name.strip_prefix(verb));
    made.is_some_and(|made| made.to_ascii_lowercase() == kind)
}

fn owner_of_partial(scene: &Scene<'_>, arn: &str) -> Owner {
    owner(scene, arn)
}

fn is_of_service(resource_type: &ResourceType, prefix: &str) -> bool {
    resource_type.template.split(':').nth(2) == Some(prefix)
}

/// A required type that another resource stands for: an alias or version of a function, the session of a role.
fn is_satisfied(found: &[Resolved], own: &ActionResource, needed: &Needed<'_>) -> bool {
    let Some((service, _)) = needed.facts else { return false };
    let Some(resource_type) = service.resource_type(own.resource_type) else { return false };
    found.iter().any(|other| other.arn.as_deref().is_some_and(|arn| fits(&resource_type.template, arn).is_some()))
}

/// The type of the action's resources that an ARN fits best.
fn best_type(needed: &Needed<'_>, arn: &str) -> Option<u16> {
    let (service, action) = needed.facts?;
    let fitting = action.resource_types.iter().filter_map(|own| {
        let resource_type = service.resource_type(own.resource_type)?;
        Some((fits(&resource_type.template, arn)?, own.required, own.resource_type))
    });
    fitting
        .max_by_key(|(literal, required, number)| (*literal, *required, std::cmp::Reverse(*number)))
        .map(|(_, _, number)| number)
}

/// How many characters of the template are literal, if the ARN has its form.
fn fits(template: &str, arn: &str) -> Option<usize> {
    let template = arn_parts(template)?;
    let arn = arn_parts(arn)?;
    let same = |at: usize| {
        let (Some(own), Some(other)) = (template.get(at), arn.get(at)) else { return false };
        // The region of a template may be missing in an ARN, and the other way round.
        own.contains("${") || own == other || *other == "*"
    };
    if !(same(2) && same(3) && same(4)) {
        return None;
    }
    let [.., own] = template;
    let [_, _, service, .., other] = arn;
    if service == "s3" && own == "${BucketName}" && other.contains('/') {
        return None;
    }
    let mut tokens: Vec<Token> = Vec::new();
    let mut literal = 0;
    let mut rest = own;
    while let Some((start, after)) = rest.split_once("${") {
        tokens.extend(start.chars().map(Token::Char));
        literal += start.len();
        tokens.push(Token::Any);
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    literal += rest.len();
    tokens.extend(rest.chars().map(|character| if character == '*' { Token::Any } else { Token::Char(character) }));
    Glob::from_tokens(tokens).matches(other).then_some(literal)
}

/// Every ARN of the record: the listed ones first, then those in the parameters.
fn arns<'s>(scene: &'s Scene<'_>) -> Vec<(&'s str, &'static str)> {
    let mut found: Vec<(&str, &'static str)> = Vec::new();
    for listed in &scene.listed {
        found.extend(listed.arn.as_deref().map(|arn| (arn, "from resources[].ARN")));
    }
    if let Some(arn) = scene.call.resource_arn.as_deref()
        && scene.listed.is_empty()
    {
        found.push((arn, "from the record's resource"));
    }
    if let Parameters::Known(parameters) = &scene.parameters {
        let mut inside = Vec::new();
        arns_in(parameters, 0, &mut inside);
        found.extend(inside.into_iter().map(|arn| (arn, "from an ARN in requestParameters")));
    }
    found.retain(|(arn, _)| arn_parts(arn).is_some());
    found
}

fn arns_in<'v>(value: &'v Value, depth: usize, found: &mut Vec<&'v str>) {
    if depth > 4 || found.len() > 64 {
        return;
    }
    match value {
        Value::String(text) if text.starts_with("arn:") && text.len() < 2048 && !text.contains([' ', '"']) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| arns_in(item, depth + 1, found)),
        Value::Object(object) => object.values().for_each(|value| arns_in(value, depth + 1, found)),
        _ => {}
    }
}

/// The user who calls, for operations of IAM that mean the caller where no user is named. The root user's own keys and devices are on
/// `arn:aws:iam::ACCOUNT:root`.
fn calling_user<'s>(scene: &'s Scene<'_>) -> Option<&'s str> {
    let principal = &scene.caller.principal;
    principal.arn.as_deref().filter(|_| matches!(principal.principal_type, PrincipalType::User | PrincipalType::Root))
}
