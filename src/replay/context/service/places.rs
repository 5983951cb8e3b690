//! Keys that have the value of a parameter with another name, or of one deeper inside of the request. Each is described so in the reference
//! of its service: <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

use super::super::super::facts::{Key, KeyKind};
use super::super::super::scene::{Parameters, Scene};
use super::super::super::tags::is_redacted;
use super::super::{Known, Pair, absent, present_all, unknown};

/// What a request that names none means for the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// The key is not there.
    Absent,
    /// A default that the key may show, or what is set already.
    Unknown,
}

use Missing::{Absent, Unknown};

/// Key in lower case, where requests have its value, and what it means that they have none.
const PLACES: &[(&str, &[&str], Missing)] = &[
    ("account:targetregion", &["regionName"], Absent),
    ("acm:certificateauthority", &["certificateAuthorityArn"], Absent),
    ("acm:certificatetransparencylogging", &["options.certificateTransparencyLoggingPreference"], Unknown),
    ("acm:domainnames", &["domainName", "subjectAlternativeNames"], Unknown),
    ("acm:export", &["options.export"], Unknown),
    ("autoscaling:metadatahttpendpoint", &["metadataOptions.httpEndpoint"], Unknown),
    ("autoscaling:metadatahttpputresponsehoplimit", &["metadataOptions.httpPutResponseHopLimit"], Unknown),
    ("autoscaling:metadatahttptokens", &["metadataOptions.httpTokens"], Unknown),
    ("batch:image", &["containerProperties.image"], Unknown),
    ("batch:logdriver", &["containerProperties.logConfiguration.logDriver"], Unknown),
    ("batch:privileged", &["containerProperties.privileged"], Unknown),
    ("batch:user", &["containerProperties.user"], Unknown),
    ("cloudformation:rolearn", &["roleARN"], Unknown),
    ("ec2:osuser", &["instanceOSUser"], Absent),
    ("ec2:volumeiops", &["iops"], Unknown),
    ("ec2:volumesize", &["size"], Unknown),
    ("ec2:volumethroughput", &["throughput"], Unknown),
    ("eks:endpointprivateaccess", &["resourcesVpcConfig.endpointPrivateAccess"], Unknown),
    ("eks:endpointpublicaccess", &["resourcesVpcConfig.endpointPublicAccess"], Unknown),
    ("eks:publicaccesscidrs", &["resourcesVpcConfig.publicAccessCidrs"], Unknown),
    ("elasticloadbalancing:listenerprotocol", &["protocol", "listeners.protocol"], Unknown),
    ("elasticloadbalancing:securitypolicy", &["sslPolicy"], Unknown),
    ("elasticloadbalancing:securitygroup", &["securityGroups"], Unknown),
    ("elasticloadbalancing:subnet", &["subnets", "subnetMappings.subnetId"], Unknown),
    ("events:detail-type", &["entries.detailType"], Unknown),
    ("events:source", &["entries.source"], Unknown),
    ("iam:servicespecificcredentialagedays", &["credentialAgeDays"], Absent),
    ("iam:servicespecificcredentialservicename", &["serviceName"], Unknown),
    ("imagebuilder:ec2metadatahttptokens", &["instanceMetadataOptions.httpTokens"], Unknown),
    ("logs:deliverydestinationresourcearn", &["deliveryDestinationConfiguration.destinationResourceArn"], Unknown),
    ("ram:requestedallowsexternalprincipals", &["allowExternalPrincipals"], Unknown),
    ("redshift:integrationsourcearn", &["sourceArn"], Unknown),
    ("redshift:integrationtargetarn", &["targetArn"], Unknown),
    ("route53:changeresourcerecordsetsactions", &["changeBatch.changes.action"], Unknown),
    (RECORD_NAMES, &["changeBatch.changes.resourceRecordSet.name"], Unknown),
    ("route53:changeresourcerecordsetsrecordtypes", &["changeBatch.changes.resourceRecordSet.type"], Unknown),
    ("s3tables:kmskeyarn", &["encryptionConfiguration.kmsKeyArn"], Unknown),
    ("s3tables:ssealgorithm", &["encryptionConfiguration.sseAlgorithm"], Unknown),
    ("s3vectors:kmskeyarn", &["encryptionConfiguration.kmsKeyArn"], Unknown),
    ("s3vectors:ssetype", &["encryptionConfiguration.sseType"], Unknown),
    (
        "sagemaker:instancetypes",
        &[
            "instanceType",
            "resourceConfig.instanceType",
            "resourceConfig.instanceGroups.instanceType",
            "productionVariants.instanceType",
            "shadowProductionVariants.instanceType",
            "processingResources.clusterConfig.instanceType",
            "transformResources.instanceType",
            "instanceGroups.instanceType",
            "trainingJobDefinition.resourceConfig.instanceType",
            "resourceSpec.instanceType",
        ],
        Unknown,
    ),
    (
        "sagemaker:intercontainertrafficencryption",
        &["enableInterContainerTrafficEncryption", "networkConfig.enableInterContainerTrafficEncryption"],
        Unknown,
    ),
    ("sagemaker:maxruntimeinseconds", &["stoppingCondition.maxRuntimeInSeconds"], Unknown),
    (
        "sagemaker:minimuminstancemetadataserviceversion",
        &["instanceMetadataServiceConfiguration.minimumInstanceMetadataServiceVersion"],
        Unknown,
    ),
    ("sagemaker:networkisolation", &["enableNetworkIsolation", "networkConfig.enableNetworkIsolation"], Unknown),
    ("transfer:requestserverdomain", &["domain"], Unknown),
    ("transfer:requestserverendpointtype", &["endpointType"], Unknown),
    ("transfer:requestserverprotocols", &["protocols"], Unknown),
];

/// Names of records as the key has them: in lower case, without the dot at the end:
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html>.
const RECORD_NAMES: &str = "route53:changeresourcerecordsetsnormalizedrecordnames";

/// `None` for a character that the key writes in another way.
fn record_name(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    name.bytes().all(is_plain).then_some(name)
}

/// Is it a value of the key's type?
pub(super) fn fits(key: &Key, value: &str) -> bool {
    match key.kind {
        KeyKind::Arn => value.starts_with("arn:"),
        KeyKind::Bool => matches!(value, "true" | "false"),
        KeyKind::Number => value.parse::<f64>().is_ok(),
        KeyKind::Text | KeyKind::Date | KeyKind::Address => true,
    }
}

pub(super) fn value(scene: &Scene<'_>, pair: Pair<'_, '_>, key: &str) -> Option<Known> {
    let (_, places, missing) = PLACES.iter().find(|(own, _, _)| *own == key)?;
    if pair.needed.dependent.is_some() || !matches!(scene.parameters, Parameters::Known(_)) {
        return None;
    }
    let listed = pair.needed.facts?.0.find_key(key)?;
    let mut values: Vec<String> = places.iter().flat_map(|place| scene.values_at(place)).collect();
    if values.is_empty() {
        let is_set = places.iter().any(|place| scene.has(place.split('.').next().unwrap_or_default()));
        let is_absent = *missing == Absent && !is_set;
        return if is_absent { absent("the request does not have the parameter") } else { None };
    }
    if values.iter().any(|value| is_redacted(value)) {
        return unknown("the parameter is hidden");
    }
    if key == RECORD_NAMES {
        values = values.iter().map(|name| record_name(name)).collect::<Option<_>>()?;
    }
    let mut seen = std::collections::HashSet::new();
    values.retain(|value| seen.insert(value.clone()));
    let is_of_key = values.iter().all(|value| fits(listed, value)) && (listed.multivalued || values.len() == 1);
    is_of_key.then_some(())?;
    present_all(values, "from requestParameters")
}
