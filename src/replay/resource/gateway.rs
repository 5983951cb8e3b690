//! Resources of the control plane of API Gateway are paths, which follow from the operation and the ids of its request.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html>.

use super::super::action::Needed;
use super::super::scene::Scene;
use super::{Resolved, of_arn};

/// A collection that nothing is above: what operations call a member of it, its path, and the parameter of a member's id.
const AT_THE_TOP: [(&str, &str, &str); 7] = [
    ("RestApi", "restapis", "restApiId"),
    ("Api", "apis", "apiId"),
    ("DomainName", "domainnames", "domainName"),
    ("UsagePlan", "usageplans", "usagePlanId"),
    ("ApiKey", "apikeys", "apiKey"),
    ("VpcLink", "vpclinks", "vpcLinkId"),
    ("ClientCertificate", "clientcertificates", "clientCertificateId"),
];

/// A collection below a member of another: what operations call a member of it, the path above, its path, and the parameter of a
/// member's id. Those of the two kinds of APIs have the same names.
const BELOW: [(&str, &str, &str, &str); 17] = [
    ("Stage", "restapis", "stages", "stageName"),
    ("Stage", "apis", "stages", "stageName"),
    ("Deployment", "restapis", "deployments", "deploymentId"),
    ("Deployment", "apis", "deployments", "deploymentId"),
    ("Authorizer", "restapis", "authorizers", "authorizerId"),
    ("Authorizer", "apis", "authorizers", "authorizerId"),
    ("Model", "restapis", "models", "modelName"),
    ("Model", "apis", "models", "modelId"),
    ("RequestValidator", "restapis", "requestvalidators", "requestValidatorId"),
    ("GatewayResponse", "restapis", "gatewayresponses", "responseType"),
    ("DocumentationPart", "restapis", "documentation/parts", "documentationPartId"),
    ("DocumentationVersion", "restapis", "documentation/versions", "documentationVersion"),
    ("Route", "apis", "routes", "routeId"),
    ("Integration", "apis", "integrations", "integrationId"),
    ("BasePathMapping", "domainnames", "basepathmappings", "basePath"),
    ("ApiMapping", "domainnames", "apimappings", "apiMappingId"),
    ("UsagePlanKey", "usageplans", "keys", "keyId"),
];

/// Which part of a collection an operation works on.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    All,
    Member,
}

/// The path of the resource, as far as the operation and the request tell it.
pub(super) fn resource(scene: &Scene<'_>, needed: &Needed<'_>) -> Resolved {
    let start = format!("arn:{}:apigateway:{}::", scene.call.partition(), scene.call.region.as_deref().unwrap_or("*"));
    if let Some(path) = path(scene) {
        return of_arn(scene, needed, format!("{start}/{path}"), "the path of the operation, with the ids of its request");
    }
    for (_, path, parameter) in AT_THE_TOP.into_iter().take(3) {
        if let Some(id) = scene.text(parameter) {
            return of_arn(scene, needed, format!("{start}/{path}/{id}*"), "from the ids in requestParameters");
        }
    }
    of_arn(scene, needed, format!("{start}/*"), "the path of the resource is not recorded")
}

fn path(scene: &Scene<'_>) -> Option<String> {
    // Private domain names have an account and one more id in their ARNs.
    if scene.has("domainNameId") {
        return None;
    }
    let operation = scene.event_name();
    match operation {
        "GetAccount" | "UpdateAccount" => return Some("account".to_owned()),
        "GenerateClientCertificate" => return Some("clientcertificates".to_owned()),
        "ImportRestApi" => return Some("restapis".to_owned()),
        "ImportApiKeys" => return Some("apikeys".to_owned()),
        "PutRestApi" => return Some(format!("restapis/{}", id(scene, "restApiId"))),
        "ReimportApi" => return Some(format!("apis/{}", id(scene, "apiId"))),
        _ => {}
    }
    for (member, path, parameter) in AT_THE_TOP {
        match works_on(operation, member) {
            Some(Of::All) => return Some(path.to_owned()),
            Some(Of::Member) => return Some(format!("{path}/{}", id(scene, parameter))),
            None => {}
        }
    }
    for (member, above, path, parameter) in BELOW {
        let Some(of) = works_on(operation, member) else { continue };
        let Some((_, _, id_above)) = AT_THE_TOP.iter().find(|(_, own, _)| *own == above) else { continue };
        if !scene.has(id_above) {
            continue;
        }
        let all = format!("{above}/{}/{path}", id(scene, id_above));
        return Some(if of == Of::All { all } else { format!("{all}/{}", id(scene, parameter)) });
    }
    None
}

/// Does the operation work on the collection or a member of it? `CreateStage` and `GetStages` do on all stages, `UpdateStage` on one.
fn works_on(operation: &str, member: &str) -> Option<Of> {
    let is = |verb: &str| operation.strip_prefix(verb) == Some(member);
    if is("Create") || operation.strip_prefix("Get").and_then(|rest| rest.strip_suffix('s')) == Some(member) {
        Some(Of::All)
    } else if ["Get", "Update", "Delete", "Put"].into_iter().any(is) {
        Some(Of::Member)
    } else {
        None
    }
}

/// The id that a parameter holds, if it stands in a path as it is.
fn id<'s>(scene: &'s Scene<'_>, parameter: &str) -> &'s str {
    let is_plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    scene.text(parameter).filter(is_plain).unwrap_or("*")
}
