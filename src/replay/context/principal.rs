//! Keys about the principal.

use crate::inventory::Tags;
use crate::policy::context::{ContextValue, Unknown};
use crate::policy::request::PrincipalType;
use crate::policy::truth::Truth;

use super::super::caller::Kind;
use super::super::owner;
use super::super::scene::Scene;
use super::{Known, absent, like, one_of, present, some_value, unknown};

pub(super) fn value(scene: &Scene<'_>, key: &str) -> Option<Known> {
    match key {
        "aws:principalarn" => arn(scene),
        "aws:principalaccount" => account(scene),
        "aws:principalorgid" => organization(scene, false),
        "aws:principalorgpaths" => organization(scene, true),
        "aws:principalisawsservice" => is_service(scene),
        "aws:principalservicename" => service_name(scene),
        "aws:principalservicenameslist" => service_names(scene),
        "aws:principaltype" => principal_type(scene),
        "aws:userid" => user_id(scene),
        "aws:username" => user_name(scene),
        _ => tag(scene, key.strip_prefix("aws:principaltag/")?),
    }
}

fn kind(scene: &Scene<'_>) -> PrincipalType {
    scene.caller.principal.principal_type
}

/// Somebody of IAM Identity Center or of a directory, who calls with a token: AWS does not document what the keys then are.
fn has_token(scene: &Scene<'_>) -> bool {
    matches!(scene.call.principal_type.as_deref(), Some("IdentityCenterUser" | "Directory"))
}

const OF_TOKEN: &str = "AWS does not document the key for who calls with a token of IAM Identity Center or of a directory";

fn arn(scene: &Scene<'_>) -> Option<Known> {
    if has_token(scene) {
        return unknown(OF_TOKEN);
    }
    let principal = &scene.caller.principal;
    let from = scene.caller.arn_from;
    let possible = |why: &'static str| like(&principal.possible_arns(scene.call.partition()), why);
    match kind(scene) {
        PrincipalType::AssumedRole => match &principal.role_arn {
            Some(arn) => present(arn.as_str(), from),
            None => {
                possible("the record has no sessionIssuer.arn, and the ARN of a session does not tell the path of its role")
            }
        },
        PrincipalType::Root | PrincipalType::User | PrincipalType::FederatedUser => match &principal.arn {
            Some(arn) => present(arn.as_str(), from),
            None => some_value("userIdentity.arn is not recorded"),
        },
        PrincipalType::Service => unknown("AWS does not document aws:PrincipalArn for service principals"),
        PrincipalType::Anonymous | PrincipalType::Federated => absent("the request is not signed with AWS credentials"),
        PrincipalType::Account => possible("the record shows only the account of the caller"),
    }
}

fn account(scene: &Scene<'_>) -> Option<Known> {
    match (&scene.caller.principal.account, kind(scene)) {
        (_, PrincipalType::Anonymous) => present("anonymous", "the request is not signed"),
        (_, PrincipalType::Service) => some_value("the account of a service is not recorded"),
        (Some(account), _) => present(account.as_str(), "from userIdentity.accountId"),
        (None, _) => some_value("the record does not show the account of the caller"),
    }
}

fn organization(scene: &Scene<'_>, paths: bool) -> Option<Known> {
    if has_token(scene) {
        return unknown(OF_TOKEN);
    }
    match (&scene.caller.principal.account, kind(scene)) {
        (_, PrincipalType::Anonymous | PrincipalType::Federated) => absent("the request is not signed with AWS credentials"),
        (_, PrincipalType::Service) => absent("the caller is a service, which is in no organization"),
        (Some(account), _) => {
            let (value, from) = if paths {
                owner::organization_paths(scene.world.inventory, account)
            } else {
                owner::organization_id(scene.world.inventory, account)
            };
            Some((value, from.into()))
        }
        (None, _) => unknown("the record does not show the account of the caller"),
    }
}

fn is_service(scene: &Scene<'_>) -> Option<Known> {
    if has_token(scene) {
        return one_of(&["false"], true, OF_TOKEN);
    }
    match kind(scene) {
        PrincipalType::Service => present("true", "from userIdentity.type"),
        PrincipalType::Anonymous | PrincipalType::Federated => absent("the request is not signed with AWS credentials"),
        _ if scene.caller.principal.account.is_none() => one_of(&["false"], true, "the record does not tell who the caller is"),
        _ => present("false", "from userIdentity.type"),
    }
}

fn service_name(scene: &Scene<'_>) -> Option<Known> {
    match (kind(scene), scene.caller.principal.services.first()) {
        (PrincipalType::Service, Some(service)) => present(service.as_str(), "from userIdentity.invokedBy"),
        (PrincipalType::Service, None) => some_value("userIdentity.invokedBy does not name the service"),
        _ => absent("the caller is no service"),
    }
}

fn service_names(scene: &Scene<'_>) -> Option<Known> {
    if kind(scene) != PrincipalType::Service {
        return absent("the caller is no service");
    }
    let why = "userIdentity.invokedBy has one name of the service; the key also has its regional ones";
    let unknown = Unknown { why: why.to_owned(), known_members: scene.caller.principal.services.clone(), ..Unknown::default() };
    Some((ContextValue::Unknown(unknown), why.into()))
}

fn principal_type(scene: &Scene<'_>) -> Option<Known> {
    let name = match kind(scene) {
        PrincipalType::Root => "Account",
        PrincipalType::User => "User",
        PrincipalType::AssumedRole => "AssumedRole",
        PrincipalType::FederatedUser => "FederatedUser",
        PrincipalType::Anonymous => "Anonymous",
        PrincipalType::Service => return unknown("AWS does not document aws:PrincipalType for service principals"),
        PrincipalType::Federated => {
            return unknown("AWS does not document aws:PrincipalType for unsigned requests with a token");
        }
        PrincipalType::Account => return some_value("the record shows only the account of the caller"),
    };
    present(name, "from userIdentity.type")
}

fn user_id(scene: &Scene<'_>) -> Option<Known> {
    match kind(scene) {
        PrincipalType::Anonymous => present("anonymous", "the request is not signed"),
        PrincipalType::Service => unknown("AWS does not document aws:userid for service principals"),
        PrincipalType::Federated => unknown("AWS does not document aws:userid for unsigned requests with a token"),
        PrincipalType::Root => match &scene.caller.principal.account {
            Some(account) => present(account.as_str(), "from userIdentity.accountId: the root user's id is its account's"),
            None => some_value("the record does not show the account of the caller"),
        },
        _ => match scene.call.principal_id.as_deref() {
            Some(id) => present(id, "from userIdentity.principalId"),
            None => some_value("userIdentity.principalId is not recorded"),
        },
    }
}

fn user_name(scene: &Scene<'_>) -> Option<Known> {
    match (kind(scene), &scene.caller.principal.arn) {
        (PrincipalType::User, Some(arn)) => present(arn.rsplit('/').next().unwrap_or(arn), "from userIdentity.arn"),
        (PrincipalType::User, None) => some_value("userIdentity.arn is not recorded"),
        (PrincipalType::Account, _) => unknown("the record shows only the account of the caller"),
        _ => absent("only IAM users have a user name"),
    }
}

/// The tags that role or user have, if they are known.
enum Own<'t> {
    Known(&'t Tags, String),
    Unknown(&'static str),
    None(&'static str),
}

fn own_tags<'t>(scene: &'t Scene<'_>) -> Own<'t> {
    let inventory = scene.world.inventory;
    let principal = &scene.caller.principal;
    let (tags, known, change, arn) = match kind(scene) {
        PrincipalType::AssumedRole => {
            let Some(role) = scene.caller.role else {
                return Own::Unknown("the inventory does not have the role, and so not its tags");
            };
            let name = role.arn.rsplit('/').next().unwrap_or_default();
            (&role.tags, role.tags_are_known, format!("{}/role/{name}", role.account_id), role.arn.as_str())
        }
        PrincipalType::User | PrincipalType::FederatedUser => {
            let user_arn = match kind(scene) {
                PrincipalType::User => principal.arn.as_deref(),
                // The user who asked for the session: his tags are the session's, too.
                _ => [scene.call.principal_arn.as_deref(), scene.caller.link.and_then(|link| link.issuer_arn.as_deref())]
                    .into_iter()
                    .flatten()
                    .find(|arn| arn.contains(":user/") || arn.ends_with(":root")),
            };
            if user_arn.is_some_and(|arn| arn.ends_with(":root")) {
                return Own::None("the root user has no tags");
            }
            let Some(user) = user_arn.and_then(|arn| inventory.resource(arn)) else {
                return Own::Unknown("the inventory does not have the user, and so not its tags");
            };
            let name = user.arn.rsplit('/').next().unwrap_or_default();
            let account = principal.account.as_deref().unwrap_or_default();
            (&user.tags, user.tags_are_known, format!("{account}/user/{name}"), user.arn.as_str())
        }
        PrincipalType::Root => return Own::None("the root user has no tags"),
        PrincipalType::Service => return Own::None("services have no tags"),
        PrincipalType::Anonymous | PrincipalType::Federated => {
            return Own::None("the request is not signed with AWS credentials");
        }
        PrincipalType::Account => return Own::Unknown("the record shows only the account of the caller"),
    };
    if !known {
        return Own::Unknown("the inventory does not tell the tags of the principal");
    }
    if changed_since(scene, &change, None) || changed_since(scene, arn, None) {
        return Own::Unknown("tags of the principal were changed between the call and the inventory");
    }
    Own::Known(tags, owner::snapshot(inventory, "the tags of the principal"))
}

/// Does a change of tags lie between the call and the inventory? One at the time `own` does not count.
pub(super) fn changed_since(scene: &Scene<'_>, name: &str, own: Option<i64>) -> bool {
    let Some(called) = scene.call.first_seen else { return false };
    let taken = scene.world.inventory.taken_at.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    match taken.map(jiff::Timestamp::as_microsecond) {
        Some(taken) => {
            let (from, to) = if taken < called { (taken, called) } else { (called, taken) };
            scene.world.lineage.tags_changed_between(name, from, to, own)
        }
        None => scene.world.lineage.tags_changed_between(name, called, i64::MAX, own),
    }
}

/// The tags that the session was given, if they are known.
enum Session {
    Tags(std::collections::BTreeMap<String, String>),
    None,
    Unknown(&'static str),
}

fn session_tags(scene: &Scene<'_>) -> Session {
    match kind(scene) {
        PrincipalType::AssumedRole | PrincipalType::FederatedUser => {}
        PrincipalType::Account => return Session::Unknown("the record shows only the account of the caller"),
        _ => return Session::None,
    }
    if scene.caller.kind == Kind::ServiceLinkedRole {
        return Session::None;
    }
    if let Some(link) = scene.caller.link {
        return if link.tags_are_known {
            Session::Tags(scene.world.lineage.session_tags(link))
        } else {
            Session::Unknown("the call that issued the session does not record its session tags")
        };
    }
    let trust = scene.caller.role.and_then(|role| role.trust_policy.as_deref());
    match trust {
        Some(trust) if !may_tag_session(trust) => Session::None,
        _ => Session::Unknown("the call that issued the session was not seen: it may have passed session tags"),
    }
}

/// Does the trust policy let anybody pass session tags?
fn may_tag_session(trust: &str) -> bool {
    let Ok(document) = serde_json::from_str::<serde_json::Value>(trust) else { return true };
    let statements = match document.get("Statement") {
        Some(serde_json::Value::Array(statements)) => statements.iter().collect::<Vec<_>>(),
        Some(one) => vec![one],
        None => return true,
    };
    statements.into_iter().any(|statement| {
        if statement.get("Effect").and_then(serde_json::Value::as_str) != Some("Allow") {
            return false;
        }
        let covers = |action: &serde_json::Value| {
            action.as_str().is_none_or(|text| {
                crate::policy::pattern::ActionPattern::parse(text).is_none_or(|pattern| pattern.matches("sts", "tagsession"))
            })
        };
        match statement.get("Action") {
            Some(serde_json::Value::Array(actions)) => actions.iter().any(covers),
            Some(action) => covers(action),
            None => true,
        }
    })
}

/// One tag of the principal; its key in lower case.
fn tag(scene: &Scene<'_>, key: &str) -> Option<Known> {
    let same = |own: &str| own.eq_ignore_ascii_case(key);
    let session = session_tags(scene);
    if let Session::Tags(tags) = &session
        && let Some((_, value)) = tags.iter().find(|(own, _)| same(own))
    {
        return present(value.as_str(), "from the call that issued the session: a session tag");
    }
    let own = own_tags(scene);
    if let Session::Unknown(why) = session {
        // A session tag overrides a tag of the role; which one it was is not known.
        return unknown(why);
    }
    match own {
        Own::Known(tags, from) => match tags.iter().find(|(own, _)| same(own)) {
            Some((_, value)) => present(value.as_str(), from),
            None => absent(from),
        },
        Own::Unknown(why) => unknown(why),
        Own::None(why) => absent(why),
    }
}

/// Every tag of the principal that is known.
pub(super) fn all_tags(scene: &Scene<'_>, give: &mut dyn FnMut(&str, Known)) {
    let mut names: Vec<String> = Vec::new();
    if let Session::Tags(tags) = session_tags(scene) {
        names.extend(tags.keys().cloned());
    }
    if let Own::Known(tags, _) = own_tags(scene) {
        names.extend(tags.keys().cloned());
    }
    for name in names {
        if let Some(known) = tag(scene, &name.to_ascii_lowercase()) {
            give(&format!("aws:PrincipalTag/{name}"), known);
        }
    }
}

/// What is true of every other tag.
pub(super) fn other_tags(scene: &Scene<'_>, give: &mut dyn FnMut(&str, ContextValue)) {
    // A key that no tag has.
    if let Some((value, _)) = tag(scene, "\u{1}") {
        give("aws:PrincipalTag/", value);
    }
}

/// `true` or `false` where a key has it for certain.
pub(super) fn certain(truth: Truth, from: &'static str) -> Option<Known> {
    match truth {
        Truth::True => present("true", from),
        Truth::False => present("false", from),
        Truth::Unknown => one_of(&["true", "false"], false, from),
    }
}
