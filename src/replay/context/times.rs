//! Keys about the moment and the transport of the call.

use crate::policy::context::{ContextValue, Unknown};
use crate::policy::request::PrincipalType;

use super::super::scene::Scene;
use super::{Known, Pair, absent, one_of, present, some_value, unknown};

pub(super) fn value(scene: &Scene<'_>, key: &str) -> Option<Known> {
    match key {
        "aws:currenttime" => time_of_call(scene, false),
        "aws:epochtime" => time_of_call(scene, true),
        "aws:tokenissuetime" => token_time(scene),
        "aws:requestedregion" => match scene.call.region.as_deref() {
            Some(region) => present(region, "from awsRegion"),
            None => some_value("awsRegion is not recorded"),
        },
        "aws:securetransport" => secure_transport(scene),
        "aws:useragent" => user_agent(scene),
        "aws:referer" => referer(scene),
        _ => None,
    }
}

/// The region of one pair, where it is not that of the call: a model that an inference profile runs elsewhere
/// (<https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html>).
pub(super) fn requested_region(scene: &Scene<'_>, pair: Pair<'_, '_>) -> Option<Known> {
    if &*pair.needed.prefix != "bedrock" {
        return None;
    }
    let arn = pair.resolved.arn.as_deref()?;
    let (start, _) = arn.split_once("::foundation-model/")?;
    let region = start.rsplit(':').next()?;
    let is_global = scene.text("modelId").is_some_and(|id| id.rsplit('/').next().unwrap_or(id).starts_with("global."));
    match region {
        "*" => some_value("the inference profile decides where the model runs"),
        // Of a global profile AWS's pages name no region.
        _ if is_global => one_of(&[region, "unspecified"], false, "where the model ran is recorded, what IAM was told is not"),
        _ if scene.call.region.as_deref() == Some(region) => None,
        _ => present(region, "from additionalEventData.inferenceRegion"),
    }
}

fn instant(microseconds: i64) -> Option<String> {
    let seconds = microseconds.div_euclid(1_000_000);
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

fn epoch(microseconds: i64) -> Option<String> {
    Some(microseconds.div_euclid(1_000_000).to_string())
}

fn time_of_call(scene: &Scene<'_>, as_epoch: bool) -> Option<Known> {
    let text = |time: i64| if as_epoch { epoch(time) } else { instant(time) };
    match (scene.call.first_seen.and_then(text), scene.call.last_seen.and_then(text)) {
        (Some(first), Some(last)) if first == last => present(first, "from eventTime"),
        (Some(first), Some(last)) => {
            let why = "the row stands for calls of several moments";
            let between = Some([first, last]);
            Some((ContextValue::Unknown(Unknown { why: why.to_owned(), between, ..Unknown::default() }), why.into()))
        }
        _ => some_value("the record has no time"),
    }
}

fn token_time(scene: &Scene<'_>) -> Option<Known> {
    let is_long_term = scene.call.access_key_id.as_deref().is_some_and(|key| key.starts_with("AKIA"));
    match scene.caller.principal.principal_type {
        PrincipalType::Service | PrincipalType::Anonymous | PrincipalType::Federated => {
            return absent("no temporary credentials");
        }
        _ if is_long_term => return absent("long-term credentials have no such key"),
        _ => {}
    }
    match (scene.call.session_created_at.and_then(instant), scene.caller.principal.principal_type) {
        (Some(created), _) => present(created, "from sessionContext.attributes.creationDate"),
        (None, PrincipalType::User | PrincipalType::Root) => absent("no session: long-term credentials have no such key"),
        (None, PrincipalType::Account) => unknown("the record shows only the account of the caller"),
        (None, _) => some_value("the record does not tell when the session was made"),
    }
}

fn secure_transport(scene: &Scene<'_>) -> Option<Known> {
    if scene.call.tls_version.is_some() {
        return present("true", "from tlsDetails");
    }
    if scene.additional("CipherSuite").is_some_and(|suite| !suite.is_empty() && suite != "-") {
        return present("true", "from additionalEventData.CipherSuite");
    }
    if scene.world.assumptions.secure_transport {
        return present("true", "assumed because it was asked to: the record does not tell the transport");
    }
    // Requests among services do not show their network.
    let may_be_absent = scene.caller.service.is_some() || scene.call.source_service.is_some();
    one_of(&["true", "false"], may_be_absent, "the record does not tell whether the call came over TLS")
}

fn user_agent(scene: &Scene<'_>) -> Option<Known> {
    /// CloudTrail cuts here.
    const LONGEST: usize = 1000;
    let Some(agent) = scene.call.user_agent.as_deref() else { return unknown("userAgent is not recorded") };
    let is_rewritten = agent.starts_with("AWS Internal") || agent.ends_with(".amazonaws.com");
    if is_rewritten || agent.len() >= LONGEST {
        return unknown("CloudTrail writes another text than the call had, or cuts it");
    }
    match agent.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        // S3 puts brackets around it.
        Some(inner) => present(inner, "from userAgent, without the brackets that CloudTrail puts around it"),
        None => present(agent, "from userAgent"),
    }
}

fn referer(scene: &Scene<'_>) -> Option<Known> {
    let agent = scene.call.user_agent.as_deref().unwrap_or_default();
    let is_browser = agent.contains("Mozilla/") || agent.is_empty();
    if is_browser && scene.call.service_label() == "s3" {
        unknown("records do not show the referer of a browser")
    } else {
        absent("only browsers send it")
    }
}
