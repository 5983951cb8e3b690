//! From an event to the actions that IAM judged.
//!
//! For most operations the action has the operation's name. What differs is in the service facts, or here.

use std::borrow::Cow;

use serde_json::Value;

use super::dependent;
use super::facts::{Action, Service};
use super::owner;
use super::s3;
use super::scene::Scene;

/// One permission that the call needs.
#[derive(Debug, Clone)]
pub(super) struct Needed<'a> {
    pub(super) prefix: Cow<'a, str>,
    /// As AWS writes it.
    pub(super) name: Cow<'a, str>,
    pub(super) facts: Option<(&'a Service, &'a Action)>,
    /// Is the name that of the operation, and that of the action not known?
    pub(super) open: bool,
    pub(super) certain: bool,
    /// For a permission that is not the call's own: why it is needed.
    pub(super) dependent: Option<Cow<'static, str>>,
    pub(super) provenance: Cow<'static, str>,
    pub(super) target: Target,
}

/// What the permission is needed on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    /// What the record names.
    OfCall,
    /// What the call's own action is needed on.
    OfFirst,
    /// A key that this parameter names.
    Parameter(&'static str),
    /// This ARN; `*` for what is not known of it.
    Arn { arn: String, from: &'static str },
    /// A bucket or object; no key: the bucket.
    S3 { bucket: String, key: Option<String>, from: &'static str },
}

#[derive(Debug)]
pub(super) enum Actions<'a> {
    NotAuthorized(&'static str),
    Needed(Vec<Needed<'a>>),
}

impl<'a> Needed<'a> {
    /// An action by its name as AWS or an event writes it.
    pub(super) fn find(scene: &Scene<'a>, prefix: &str, name: &str) -> Option<Needed<'a>> {
        let facts = scene.facts().action(prefix, &name.to_ascii_lowercase())?;
        Some(Needed {
            prefix: Cow::Borrowed(&facts.0.prefix),
            name: Cow::Borrowed(&facts.1.name),
            facts: Some(facts),
            open: false,
            certain: true,
            dependent: None,
            provenance: Cow::Borrowed("from eventSource and eventName"),
            target: Target::OfCall,
        })
    }

    /// As [`Needed::find`], or an action that AWS does not document.
    pub(super) fn named(scene: &Scene<'a>, prefix: &str, name: &str) -> Needed<'a> {
        Needed::find(scene, prefix, name).unwrap_or_else(|| Needed {
            prefix: Cow::Owned(prefix.to_owned()),
            name: Cow::Owned(name.to_owned()),
            facts: None,
            open: false,
            certain: true,
            dependent: None,
            provenance: Cow::Borrowed("eventName, which is no action that the service facts know"),
            target: Target::OfCall,
        })
    }

    /// The action of an operation that no table has.
    pub(super) fn guessed(scene: &Scene<'a>, prefix: &str, operation: &str) -> Needed<'a> {
        let named = Needed::named(scene, prefix, operation);
        if named.facts.is_some() {
            return named;
        }
        if scene.facts().was_action(prefix, operation) {
            return named.from("from eventName, an action of a service that AWS no longer offers");
        }
        let from = "eventName: which action IAM asks for the operation is not in Palisade's tables";
        Needed { open: true, ..named.from(from) }
    }

    pub(super) fn maybe(mut self) -> Needed<'a> {
        self.certain = false;
        self
    }

    pub(super) fn because(mut self, why: impl Into<Cow<'static, str>>) -> Needed<'a> {
        self.dependent = Some(why.into());
        self
    }

    pub(super) fn on(mut self, target: Target) -> Needed<'a> {
        self.target = target;
        self
    }

    pub(super) fn from(mut self, provenance: &'static str) -> Needed<'a> {
        self.provenance = Cow::Borrowed(provenance);
        self
    }

    pub(super) fn is(&self, prefix: &str, name: &str) -> bool {
        self.prefix == prefix && self.name == name
    }
}

/// Operations that anybody may call without AWS credentials and that IAM policies do not govern:
/// <https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetCredentialsForIdentity.html> and
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html>.
const COGNITO_IDENTITY_PUBLIC: [&str; 4] = ["GetCredentialsForIdentity", "GetId", "GetOpenIdToken", "UnlinkIdentity"];
const COGNITO_USER_POOL_PUBLIC: [&str; 10] = [
    "InitiateAuth",
    "RespondToAuthChallenge",
    "SignUp",
    "ConfirmSignUp",
    "ForgotPassword",
    "ConfirmForgotPassword",
    "ResendConfirmationCode",
    "GetUser",
    "ChangePassword",
    "RevokeToken",
];

/// Operations with a token of the access portal, without AWS credentials:
/// <https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/Welcome.html> and
/// <https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/Welcome.html>.
const SSO_PORTAL: [&str; 9] = [
    "GetRoleCredentials",
    "ListAccounts",
    "ListAccountRoles",
    "Logout",
    "ListApplications",
    "ListProfilesForApplication",
    "CreateToken",
    "RegisterClient",
    "StartDeviceAuthorization",
];

const NETWORK_ACTIVITY: &str = "network activity of a VPC endpoint: the call itself has a record of its own";

/// Is the network activity all that is recorded of the call? A call that the policy of its endpoint denies never reaches the service,
/// and what somebody from outside the organization calls through an endpoint of ours is in a log of theirs.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-network-events-with-cloudtrail.html>
fn has_no_other_record(scene: &Scene<'_>) -> bool {
    let is_foreign = |account: &str| owner::in_organization(scene.world.inventory, account).is_false();
    scene.call.error_code.as_deref() == Some("VpceAccessDenied")
        || scene.call.principal_account_id.as_deref().is_some_and(is_foreign)
}

fn not_authorized(scene: &Scene<'_>) -> Option<&'static str> {
    let call = scene.call;
    match call.event_type.as_deref() {
        Some("AwsServiceEvent") => return Some("an event of the service, not a call"),
        Some("AwsConsoleSignIn") => return Some("a sign-in, which IAM policies do not govern"),
        Some("AwsConsoleAction") => return Some("an action in the console, not a call of an API"),
        Some("AwsCloudTrailInsight") => return Some("a CloudTrail Insight, not a call"),
        Some("AwsVpceEvent" | "AwsVpceEvents") if !has_no_other_record(scene) => return Some(NETWORK_ACTIVITY),
        _ => {}
    }
    match call.event_category.as_deref() {
        Some("Insight") => return Some("a CloudTrail Insight, not a call"),
        Some("NetworkActivity") if !has_no_other_record(scene) => return Some(NETWORK_ACTIVITY),
        _ => {}
    }
    let name = scene.event_name();
    if name.is_empty() || call.event_source.is_none() {
        return Some("the record names no operation");
    }
    let label = call.service_label();
    if name == "PreflightRequest" {
        return Some("a preflight request of a browser, which IAM does not judge");
    }
    let is_unsigned = call.principal_arn.is_none() && call.access_key_id.is_none();
    if label == "cognito-identity"
        && COGNITO_IDENTITY_PUBLIC.contains(&name)
        && (is_unsigned || name == "GetCredentialsForIdentity")
    {
        return Some("a public operation of Amazon Cognito, which IAM policies do not govern");
    }
    if label == "cognito-idp" && COGNITO_USER_POOL_PUBLIC.contains(&name) && is_unsigned {
        return Some("a public operation of Amazon Cognito, which IAM policies do not govern");
    }
    if label == "sso" && is_unsigned && call.session_arn.is_none() && SSO_PORTAL.contains(&name) {
        return Some("an operation of the access portal of IAM Identity Center, which its own token authorizes");
    }
    let is_action = |name: &str| scene.facts().action("signin", &name.to_ascii_lowercase()).is_some();
    if label.starts_with("signin") && is_action(name.trim_end_matches("WithIAM")) {
        return None;
    }
    if label.starts_with("signin") && scene.facts().action("signin", &name.to_ascii_lowercase()).is_none() {
        return Some("a sign-in, which IAM policies do not govern");
    }
    None
}

/// The name of an operation without the version that Lambda and CloudFront append: `CreateFunction20150331v2`,
/// `CreateDistribution2020_05_31`.
pub(super) fn without_version(name: &str) -> &str {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = match name.rsplit_once('v') {
        Some((rest, version)) if digits(version) && rest.ends_with(|last: char| last.is_ascii_digit()) => rest,
        _ => name,
    };
    let trimmed = name.trim_end_matches(|last: char| last.is_ascii_digit() || last == '_');
    let version = name.get(trimmed.len()..).unwrap_or_default();
    let count = version.bytes().filter(u8::is_ascii_digit).count();
    let looks_like_day = count == 8 && version.trim_start_matches('_').starts_with("20");
    if looks_like_day { trimmed } else { name }
}

pub(super) fn needed<'a>(scene: &Scene<'a>) -> Actions<'a> {
    if let Some(reason) = not_authorized(scene) {
        return Actions::NotAuthorized(reason);
    }
    let mut prefix = scene.facts().prefix(scene.call.service_label());
    // Application Auto Scaling shares its event source with Amazon EC2 Auto Scaling, and alone has namespaces.
    if prefix == "autoscaling"
        && (scene.has("serviceNamespace") || scene.additional("service") == Some("application-autoscaling"))
    {
        prefix = "application-autoscaling";
    }
    let mut needed = own_actions(scene, prefix, scene.event_name());
    if needed.is_empty() {
        return Actions::NotAuthorized("an operation that a token of its own authorizes, which IAM policies do not govern");
    }
    dependent::add(scene, &mut needed);
    Actions::Needed(needed)
}

fn own_actions<'a>(scene: &Scene<'a>, prefix: &'a str, name: &'a str) -> Vec<Needed<'a>> {
    let by_table = |action: &str| Needed::named(scene, prefix, action).from("from eventName, by AWS's table of operations");
    match (prefix, without_version(name)) {
        ("s3" | "s3express" | "s3-outposts", _) => s3::actions(scene, prefix, name),
        ("lambda", "Invoke" | "InvokeAsync" | "InvokeWithResponseStream") => vec![by_table("InvokeFunction")],
        // <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>
        ("bedrock", "Converse" | "StartAsyncInvoke") => vec![by_table("InvokeModel")],
        ("bedrock", "ConverseStream") => vec![by_table("InvokeModelWithResponseStream")],
        // A batch needs the permission for one:
        // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html>,
        // <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html>.
        ("sqs", "SendMessageBatch") => vec![by_table("SendMessage")],
        ("sqs", "DeleteMessageBatch") => vec![by_table("DeleteMessage")],
        ("sqs", "ChangeMessageVisibilityBatch") => vec![by_table("ChangeMessageVisibility")],
        ("sns", "PublishBatch") => vec![by_table("Publish")],
        ("access-analyzer", "GetFindingV2") => vec![by_table("GetFinding")],
        ("access-analyzer", "ListFindingsV2") => vec![by_table("ListFindings")],
        ("signin", "CreateOAuth2TokenWithIAM") => vec![by_table("CreateOAuth2Token")],
        // Amazon Keyspaces names actions after the statements of CQL:
        // <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkeyspacesforapachecassandra.html>.
        ("cassandra", "CreateTable" | "CreateKeyspace" | "CreateType") => vec![by_table("Create")],
        ("cassandra", "UpdateTable" | "UpdateKeyspace") => vec![by_table("Alter")],
        ("cassandra", "DeleteTable" | "DeleteKeyspace" | "DeleteType") => vec![by_table("Drop")],
        ("cassandra", "GetTable" | "GetKeyspace" | "ListTables" | "ListKeyspaces" | "GetType" | "ListTypes") => {
            vec![by_table("Select")]
        }
        ("lambda", "GetLayerVersionByArn") => vec![by_table("GetLayerVersion")],
        ("kms", "ReEncrypt") => vec![
            by_table("ReEncryptFrom").on(Target::Parameter("sourceKeyId")),
            by_table("ReEncryptTo").on(Target::Parameter("destinationKeyId")),
        ],
        ("dynamodb", "TransactWriteItems") => {
            transaction(scene, &["PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"])
        }
        ("dynamodb", "TransactGetItems") => vec![by_table("GetItem")],
        ("dynamodb", "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction") => partiql(scene),
        (_, plain) => same_name(scene, prefix, plain, name),
    }
}

fn same_name<'a>(scene: &Scene<'a>, prefix: &'a str, plain: &'a str, name: &'a str) -> Vec<Needed<'a>> {
    if let Some(found) = Needed::find(scene, prefix, name) {
        return vec![found];
    }
    if plain != name
        && let Some(found) = Needed::find(scene, prefix, plain)
    {
        return vec![found.from("from eventName without the version of the API")];
    }
    if let Some(by_table) = by_operations(scene, prefix, plain) {
        return by_table;
    }
    if prefix == "apigateway"
        && let Some(verb) = verb(plain)
    {
        return vec![Needed::named(scene, prefix, verb).from("from eventName: the HTTP method of the operation is the action")];
    }
    vec![Needed::guessed(scene, prefix, plain)]
}

/// What the tables of operations say: nothing is needed if no policy is asked. `None`: they do not have the operation.
pub(super) fn by_operations<'a>(scene: &Scene<'a>, prefix: &str, operation: &str) -> Option<Vec<Needed<'a>>> {
    let table = scene.facts().service(prefix)?.operation(&operation.to_ascii_lowercase())?;
    let needed: Vec<Needed<'a>> = table
        .iter()
        .filter_map(|needs| {
            let (prefix, action) = needs.action.split_once(':')?;
            let found = Needed::find(scene, prefix, action)?.from("from eventName, by the tables of operations");
            let tags = found.facts.is_some_and(|(_, action)| action.access == 'T') && table.len() > 1;
            let found = if tags { found.on(Target::OfFirst) } else { found };
            Some(if needs.sometimes { found.maybe() } else { found })
        })
        .collect();
    (table.is_empty() || !needed.is_empty()).then_some(needed)
}

/// The HTTP method of an operation of API Gateway.
fn verb(operation: &str) -> Option<&'static str> {
    const VERBS: [(&str, &str); 14] = [
        ("ImportRestApi", "POST"),
        ("ImportApiKeys", "POST"),
        ("Import", "PUT"),
        ("Reimport", "PUT"),
        ("Get", "GET"),
        ("Export", "GET"),
        ("Create", "POST"),
        ("Generate", "POST"),
        ("Test", "POST"),
        ("Delete", "DELETE"),
        ("Flush", "DELETE"),
        ("Reset", "DELETE"),
        ("Update", "PATCH"),
        ("Put", "PUT"),
    ];
    VERBS.iter().find(|(start, _)| operation.starts_with(start)).map(|(_, verb)| *verb)
}

/// The operations inside a transaction, if the record shows them.
fn transaction<'a>(scene: &Scene<'a>, actions: &[&str]) -> Vec<Needed<'a>> {
    let items = match scene.parameter("transactItems") {
        Some(Value::Array(items)) => items.as_slice(),
        _ => &[],
    };
    let is_shown = |action: &str| {
        let member = action.trim_end_matches("Item");
        items.iter().any(|item| item.as_object().is_some_and(|item| item.keys().any(|own| own.eq_ignore_ascii_case(member))))
    };
    let from = "from eventName: each item of a transaction is judged as its own operation";
    let shown: Vec<&&str> = actions.iter().filter(|action| is_shown(action)).collect();
    if shown.is_empty() {
        return actions.iter().map(|action| Needed::named(scene, "dynamodb", action).from(from).maybe()).collect();
    }
    shown.into_iter().map(|action| Needed::named(scene, "dynamodb", action).from(from)).collect()
}

/// PartiQL: the statement's verb is the action.
fn partiql<'a>(scene: &Scene<'a>) -> Vec<Needed<'a>> {
    const VERBS: [(&str, &str); 4] =
        [("SELECT", "PartiQLSelect"), ("INSERT", "PartiQLInsert"), ("UPDATE", "PartiQLUpdate"), ("DELETE", "PartiQLDelete")];
    let statements: Vec<&str> =
        [scene.texts_at("statement"), scene.texts_at("statements.statement"), scene.texts_at("transactStatements.statement")]
            .concat();
    let from = "from the statement: PartiQL is judged by its verb";
    let shown: Vec<Needed<'a>> = VERBS
        .iter()
        .filter(|(verb, _)| {
            statements
                .iter()
                .any(|text| text.trim_start().get(..verb.len()).is_some_and(|start| start.eq_ignore_ascii_case(verb)))
        })
        .map(|(_, action)| Needed::named(scene, "dynamodb", action).from(from))
        .collect();
    if !shown.is_empty() {
        return shown;
    }
    VERBS.iter().map(|(_, action)| Needed::named(scene, "dynamodb", action).from(from).maybe()).collect()
}
