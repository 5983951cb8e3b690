//! Keys that say in which VPC something is deployed, of services other than AWS Lambda: the request names it, or leaves it as it is.

use super::super::super::scene::{Parameters, Scene};
use super::super::{Known, Pair, absent, one_of, present, present_all, unknown};

/// Of a key: the service, its name in lower case, and where requests have it.
const PLACES: [(&str, &str, &[&str]); 4] = [
    ("apprunner", "vpcconnectorarn", &["networkConfiguration.egressConfiguration.vpcConnectorArn"]),
    ("cloudshell", "vpcids", &["vpcConfig.vpcId", "vpcConfig.vpcIds"]),
    ("codebuild", "vpcconfig.vpcid", &["vpcConfig.vpcId"]),
    (
        "sagemaker",
        "vpcsubnets",
        &[
            "vpcConfig.subnets",
            "networkConfig.vpcConfig.subnets",
            "securityConfig.vpcConfig.subnets",
            "autoMLJobConfig.securityConfig.vpcConfig.subnets",
            "trainingJobDefinition.vpcConfig.subnets",
            "trainingJobDefinitions.vpcConfig.subnets",
            "monitoringScheduleConfig.monitoringJobDefinition.networkConfig.vpcConfig.subnets",
            "subnetIds",
            "subnetId",
        ],
    ),
];

pub(super) fn value(scene: &Scene<'_>, pair: Pair<'_, '_>, service: &str, name: &str) -> Option<Known> {
    if pair.needed.dependent.is_some() {
        return None;
    }
    let is_update = pair.needed.name.starts_with("Update");
    let left_as_it_is = "the request leaves the network as it is, which no record tells";
    match (service, name) {
        // The VPC of a job is that of its connections, which are recorded by name.
        ("glue", "vpcids") if matches!(&*pair.needed.name, "CreateJob" | "UpdateJob") => {
            let places = ["connections.connections", "jobUpdate.connections.connections"];
            match &scene.parameters {
                Parameters::Known(_) if places.iter().any(|place| !scene.texts_at(place).is_empty()) => {
                    unknown("which VPC the connections of the job are in is not recorded")
                }
                // What an update does not name is reset: <https://docs.aws.amazon.com/glue/latest/webapi/API_UpdateJob.html>.
                Parameters::Known(_) => absent("the job has no connection"),
                _ => unknown("requestParameters are not recorded"),
            }
        }
        ("sagemaker", "appnetworkaccesstype") => match (scene.text("appNetworkAccessType"), &scene.parameters) {
            (Some(given), _) => present(given, "from requestParameters.appNetworkAccessType"),
            (None, Parameters::Known(_)) if !is_update => {
                one_of(&["PublicInternetOnly"], true, "the request does not set it: the default, which the key may not show")
            }
            _ => unknown(left_as_it_is),
        },
        ("sagemaker", "directinternetaccess") => match (scene.text("directInternetAccess"), &scene.parameters) {
            (Some(given), _) => present(given, "from requestParameters.directInternetAccess"),
            (None, Parameters::Known(_)) => {
                one_of(&["Enabled"], true, "the request does not set it: the default, which the key may not show")
            }
            _ => unknown("requestParameters are not recorded"),
        },
        _ => {
            let (_, _, places) = PLACES.iter().find(|(own, key, _)| *own == service && *key == name)?;
            let found = places.iter().flat_map(|place| scene.texts_at(place)).map(str::to_owned).collect::<Vec<_>>();
            let outermost = |place: &&str| scene.parameter(place.split('.').next().unwrap_or_default()).is_some();
            match &scene.parameters {
                Parameters::Known(_) if !found.is_empty() => present_all(found, "from requestParameters"),
                Parameters::Known(_) if !scene.texts_at("monitoringScheduleConfig.monitoringJobDefinitionName").is_empty() => {
                    unknown("the request names a job definition, whose network no record tells")
                }
                Parameters::Known(_) if is_update && !places.iter().any(outermost) => unknown(left_as_it_is),
                Parameters::Known(_) => absent("the request names no VPC"),
                Parameters::None => unknown("requestParameters are not recorded"),
                Parameters::Damaged => unknown("requestParameters cannot be read"),
            }
        }
    }
}
