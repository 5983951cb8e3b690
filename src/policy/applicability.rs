//! Whether a policy type applies to a request at all.
//!
//! Service control policies: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>.
//! Resource control policies: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>.
//! VPC endpoint policies: <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>.

use super::pattern::Glob;
use super::request::{PrincipalType, Request, Resource};
use super::truth::{Truth, any};

/// Service prefixes whose resources resource control policies protect, as of 2026-10-27.
pub const RCP_SERVICES: [&str; 62] = [
    "aoss",
    "appconfig",
    "appstream",
    "autoscaling",
    "autoscaling-plans",
    "budgets",
    "clouddirectory",
    "cloudfront",
    "cloudsearch",
    "cloudtrail-data",
    "codeartifact",
    "codebuild",
    "codecommit",
    "codepipeline",
    "cognito-identity",
    "cognito-idp",
    "comprehend",
    "comprehendmedical",
    "compute-optimizer",
    "cost-optimization-hub",
    "dax",
    "dsql",
    "dynamodb",
    "ecr",
    "ecr-public",
    "events",
    "firehose",
    "fis",
    "fms",
    "gamelift",
    "health",
    "inspector-scan",
    "kendra",
    "kinesisvideo",
    "kms",
    "logs",
    "memorydb",
    "networkmonitor",
    "notifications",
    "opensearch",
    "pca-connector-ad",
    "personalize",
    "polly",
    "pricing",
    "resource-groups",
    "rolesanywhere",
    "s3",
    "secretsmanager",
    "servicediscovery",
    "signin",
    "sqs",
    "sts",
    "support",
    "swf",
    "textract",
    "timestream-influxdb",
    "transcribe",
    "transfer",
    "translate",
    "wafv2",
    "workspaces",
    "xray",
];

/// Actions of the services that are most often meant by resource control policies, in lower case, that are about no resource, as of
/// 2026-10-27: <https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html>.
const WITHOUT_RESOURCE: [(&str, &[&str]); 5] = [
    (
        "s3",
        &[
            "createjob",
            "createstoragelensgroup",
            "getaccesspoint",
            "getaccountpublicaccessblock",
            "listaccessgrantsinstances",
            "listaccesspoints",
            "listaccesspointsforobjectlambda",
            "listallmybuckets",
            "listjobs",
            "listmultiregionaccesspoints",
            "liststoragelensconfigurations",
            "liststoragelensgroups",
            "putaccesspointpublicaccessblock",
            "putaccountpublicaccessblock",
            "putstoragelensconfiguration",
        ],
    ),
    (
        "sts",
        &[
            "decodeauthorizationmessage",
            "getaccesskeyinfo",
            "getcalleridentity",
            "getdelegatedaccesstoken",
            "getservicebearertoken",
            "getsessiontoken",
            "getwebidentitytoken",
            "taggetwebidentitytoken",
        ],
    ),
    (
        "kms",
        &[
            "connectcustomkeystore",
            "createcustomkeystore",
            "createkey",
            "deletecustomkeystore",
            "describecustomkeystores",
            "disconnectcustomkeystore",
            "generaterandom",
            "listaliases",
            "listkeys",
            "listretirablegrants",
            "updatecustomkeystore",
        ],
    ),
    ("sqs", &["listqueues"]),
    ("secretsmanager", &["batchgetsecretvalue", "getrandompassword", "listsecrets"]),
];

/// Is the action about no resource? Then there is none that a policy could protect.
fn is_without_resource(request: &Request) -> bool {
    match request.facts.about_no_resource {
        Truth::True => return true,
        Truth::False => return false,
        Truth::Unknown => {}
    }
    matches!(&request.resource, Resource::Known(arn) if arn == "*")
        && WITHOUT_RESOURCE.iter().any(|(service, names)| *service == request.service && names.contains(&&*request.action_name))
}

/// May a resource control policy deny actions of the service? The documentation lists Amazon OpenSearch Service as `opensearch`,
/// while its IAM prefix is `es`: nobody says which is meant.
pub fn rcp_supports(service: &str) -> Truth {
    if RCP_SERVICES.contains(&service) {
        Truth::True
    } else if service == "es" {
        Truth::Unknown
    } else {
        Truth::False
    }
}

/// Whether a layer applies, and why not or why that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applies {
    pub truth: Truth,
    /// Empty if it applies.
    pub reason: &'static str,
}

const APPLIES: Applies = Applies { truth: Truth::True, reason: "" };

/// The first reason that exempts for certain; else the first that may.
fn unless(reasons: &[(Truth, &'static str)]) -> Applies {
    let exempt = any(reasons.iter().map(|(truth, _)| *truth));
    let reason = reasons.iter().find(|(truth, _)| *truth == exempt && !exempt.is_false()).map_or("", |(_, reason)| *reason);
    Applies { truth: exempt.negated(), reason }
}

fn service_linked_role(request: &Request) -> Truth {
    request.facts.service_linked_role.unwrap_or_else(|| request.principal.is_service_linked_role())
}

/// Is a service-linked role assumed?
fn assumes_service_linked_role(request: &Request) -> Truth {
    let assumes = request.service == "sts" && request.action_name.starts_with("assumerole");
    if !assumes {
        return Truth::False;
    }
    match &request.resource {
        Resource::Known(arn) => arn.contains(":role/aws-service-role/").into(),
        Resource::Partial(partial) => {
            let path = Glob::new("*:role/aws-service-role/*");
            if path.covers(partial) {
                Truth::True
            } else if path.overlaps(partial) {
                Truth::Unknown
            } else {
                Truth::False
            }
        }
        Resource::Unknown => Truth::Unknown,
    }
}

/// The one action that needs no permission and that no Deny stops:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.
pub fn is_never_denied(request: &Request) -> bool {
    request.service == "sts" && request.action_name == "getcalleridentity"
}

/// Is it the root user of a bucket's owner, who reads, replaces or deletes the bucket policy? No bucket policy can keep that
/// user from it: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>.
pub fn opens_its_own_bucket(request: &Request) -> bool {
    request.principal.principal_type == PrincipalType::Root
        && request.service == "s3"
        && matches!(request.action_name.as_str(), "getbucketpolicy" | "putbucketpolicy" | "deletebucketpolicy")
        && !request.is_cross_account()
}

/// Do service control policies bind the caller?
pub fn service_control(request: &Request) -> Applies {
    let kind = request.principal.principal_type;
    unless(&[
        ((kind == PrincipalType::Service).into(), "service control policies do not bind service principals"),
        ((kind == PrincipalType::Anonymous).into(), "service control policies do not bind anonymous callers"),
        (
            (kind == PrincipalType::Federated).into(),
            "service control policies bind users and roles of IAM, not who comes with a token of an identity provider",
        ),
        (service_linked_role(request), "service control policies do not bind service-linked roles"),
        (
            (request.service == "mechanicalturk").into(),
            "service control policies cannot restrict tasks of Amazon Mechanical Turk",
        ),
        (request.facts.principal_in_management_account, "service control policies do not bind the management account"),
        (
            request.facts.principal_in_organization.negated(),
            "service control policies do not bind principals outside the organization",
        ),
    ])
}

/// Do resource control policies protect the resource from the call?
pub fn resource_control(request: &Request) -> Applies {
    unless(&[
        (rcp_supports(&request.service).negated(), "resource control policies do not support the service"),
        (is_without_resource(request).into(), "resource control policies protect resources, and the action is about none"),
        (service_linked_role(request), "resource control policies do not apply to calls by service-linked roles"),
        (assumes_service_linked_role(request), "resource control policies do not apply to assuming service-linked roles"),
        (
            request.facts.resource_in_management_account,
            "resource control policies do not apply to resources of the management account",
        ),
        (
            request.facts.resource_in_organization.negated(),
            "resource control policies do not apply to resources outside the organization",
        ),
        (request.facts.aws_managed_key, "resource control policies do not apply to AWS managed KMS keys"),
        (
            (request.service == "kms" && request.action_name == "retiregrant").into(),
            "resource control policies do not apply to kms:RetireGrant",
        ),
    ])
}

/// Is the policy of the VPC endpoint evaluated?
pub fn vpc_endpoint(request: &Request) -> Applies {
    unless(&[(
        request.facts.forward_access_session,
        "calls that a service makes with the caller's credentials do not pass the endpoint",
    )])
}

/// Does the layer apply whoever calls?
pub fn always() -> Applies {
    APPLIES
}
