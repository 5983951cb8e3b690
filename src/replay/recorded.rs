//! Which actions of a policy the logs could have recorded at all: "nothing is denied" means nothing where nothing is recorded.
//!
//! Data events, which trails do not log unless they are told to:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html>.

use std::collections::BTreeSet;

use super::ServiceFacts;
use super::candidate::{Candidate, Scenario, file_name};
use crate::inventory::Inventory;
use crate::policy::check::Services;
use crate::policy::compiled::PolicyType;
use crate::policy::diagnostic::statement_name;
use crate::policy::document::Statement;
use crate::policy::pattern::{ActionPattern, arn_parts};
use crate::report::model::Coverage;

/// Actions that only data events record.
struct DataEvents {
    /// For people.
    what: &'static str,
    event_source: &'static str,
    service: &'static str,
    /// In lower case.
    actions: &'static [&'static str],
}

const DATA_EVENTS: [DataEvents; 14] = [
    DataEvents {
        what: "objects of Amazon S3",
        event_source: "s3.amazonaws.com",
        service: "s3",
        // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html>
        actions: &[
            "abortmultipartupload",
            "deleteobject",
            "deleteobjecttagging",
            "deleteobjectversion",
            "deleteobjectversiontagging",
            "getobject",
            "getobjectacl",
            "getobjectattributes",
            "getobjectlegalhold",
            "getobjectretention",
            "getobjecttagging",
            "getobjecttorrent",
            "getobjectversion",
            "getobjectversionacl",
            "getobjectversionattributes",
            "getobjectversiontagging",
            "listbucket",
            "listbucketversions",
            "listmultipartuploadparts",
            "putobject",
            "putobjectacl",
            "putobjectlegalhold",
            "putobjectretention",
            "putobjecttagging",
            "putobjectversionacl",
            "putobjectversiontagging",
            "restoreobject",
        ],
    },
    DataEvents {
        what: "items of Amazon DynamoDB",
        event_source: "dynamodb.amazonaws.com",
        service: "dynamodb",
        actions: &["getitem", "putitem", "updateitem", "deleteitem", "query", "scan", "batchgetitem", "batchwriteitem"],
    },
    DataEvents {
        what: "invocations of AWS Lambda",
        event_source: "lambda.amazonaws.com",
        service: "lambda",
        actions: &["invokefunction"],
    },
    DataEvents {
        what: "messages of Amazon SQS",
        event_source: "sqs.amazonaws.com",
        service: "sqs",
        actions: &["sendmessage", "receivemessage", "deletemessage", "changemessagevisibility"],
    },
    DataEvents { what: "messages of Amazon SNS", event_source: "sns.amazonaws.com", service: "sns", actions: &["publish"] },
    DataEvents {
        what: "records of Amazon Kinesis",
        event_source: "kinesis.amazonaws.com",
        service: "kinesis",
        actions: &["putrecord", "putrecords", "getrecords", "subscribetoshard"],
    },
    DataEvents {
        what: "identities of Amazon Cognito",
        event_source: "cognito-identity.amazonaws.com",
        service: "cognito-identity",
        actions: &["getid", "getcredentialsforidentity", "getopenidtoken"],
    },
    DataEvents {
        what: "blocks of Amazon EBS snapshots",
        event_source: "ebs.amazonaws.com",
        service: "ebs",
        actions: &["getsnapshotblock", "putsnapshotblock", "listsnapshotblocks", "listchangedblocks"],
    },
    DataEvents {
        what: "statements of the RDS Data API",
        event_source: "rdsdata.amazonaws.com",
        service: "rds-data",
        actions: &["executestatement", "batchexecutestatement"],
    },
    DataEvents {
        what: "endpoints of Amazon SageMaker",
        event_source: "sagemaker.amazonaws.com",
        service: "sagemaker",
        actions: &["invokeendpoint", "invokeendpointasync"],
    },
    DataEvents {
        what: "models and agents of Amazon Bedrock",
        event_source: "bedrock.amazonaws.com",
        service: "bedrock",
        actions: &["invokeagent", "invokeflow", "retrieve"],
    },
    DataEvents {
        what: "traces of AWS X-Ray",
        event_source: "xray.amazonaws.com",
        service: "xray",
        actions: &["puttracesegments", "gettracesummaries"],
    },
    DataEvents {
        what: "metrics of Amazon CloudWatch",
        event_source: "monitoring.amazonaws.com",
        service: "cloudwatch",
        actions: &["putmetricdata", "getmetricdata"],
    },
    DataEvents {
        what: "packages of AWS CodeArtifact",
        event_source: "codeartifact.amazonaws.com",
        service: "codeartifact",
        actions: &["readfromrepository"],
    },
];

/// Permissions that no event shows.
const NEVER: [(&str, &str, &str); 5] = [
    ("logs", "putlogevents", "logs:PutLogEvents"),
    ("execute-api", "invoke", "execute-api:Invoke"),
    ("s3", "bypassgovernanceretention", "s3:BypassGovernanceRetention"),
    ("rds-db", "connect", "rds-db:connect"),
    ("elasticfilesystem", "clientmount", "elasticfilesystem:ClientMount"),
];

/// What one statement is about that these logs cannot show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRecorded {
    /// `network.json, statement 1 (Sid "X"), line 5`.
    pub place: String,
    /// Kinds of data events that the logs have none of, in words.
    pub data_events: Vec<&'static str>,
    /// Actions that no event shows.
    pub never: Vec<&'static str>,
    /// Is the statement about nothing else?
    pub nothing_seen: bool,
}

/// The services whose resources a statement lists; `None`: of any.
fn services(statement: &Statement) -> Option<BTreeSet<&str>> {
    let resources = statement.resource.as_ref().filter(|resources| !resources.negated)?;
    resources.items.iter().map(|item| arn_parts(&item.text).map(|[_, _, service, ..]| service)).collect()
}

/// For each statement: what it is about that these logs cannot show. Through a VPC endpoint come calls to its own service only.
pub fn not_recorded(
    candidate: &Candidate,
    scenario: &Scenario,
    inventory: &Inventory,
    coverage: &Coverage,
    facts: &ServiceFacts,
) -> Vec<NotRecorded> {
    let through: Option<BTreeSet<&str>> = (candidate.policy.policy_type == PolicyType::VpcEndpoint)
        .then(|| {
            scenario
                .targets()
                .map(|target| inventory.vpc_endpoint(target.as_str())?.service_name.as_deref()?.rsplit('.').next())
                .collect()
        })
        .flatten();
    let logged: BTreeSet<&str> = coverage
        .data_event_sources
        .iter()
        .filter(|source| source.records > 0)
        .map(|source| source.event_source.as_str())
        .collect();
    let services: Vec<Option<BTreeSet<&str>>> = candidate.document.statements.iter().map(services).collect();
    let may_be_on = |index: usize, service: &str| {
        let listed = services.get(index).and_then(Option::as_ref);
        [listed, through.as_ref()].into_iter().flatten().all(|services| services.contains(service))
    };
    candidate
        .policy
        .statements
        .iter()
        .map(|statement| {
            let data_events: Vec<&DataEvents> = DATA_EVENTS
                .iter()
                .filter(|events| !logged.contains(events.event_source) && may_be_on(statement.index, events.service))
                .filter(|events| events.actions.iter().any(|action| statement.covers_action(events.service, action)))
                .collect();
            let never: Vec<&(&str, &str, &str)> = NEVER
                .iter()
                .filter(|(service, action, _)| may_be_on(statement.index, service) && statement.covers_action(service, action))
                .collect();
            let is_unseen = |service: &str, action: &str| {
                data_events.iter().any(|events| events.service == service && events.actions.contains(&action))
                    || never.iter().any(|(own, name, _)| *own == service && *name == action)
            };
            let written = candidate.document.statements.get(statement.index);
            NotRecorded {
                place: format!(
                    "{}, {}, line {}",
                    file_name(&candidate.policy.name),
                    statement_name(statement.index, statement.sid.as_deref()),
                    statement.position.line
                ),
                nothing_seen: written.is_some_and(|written| all_actions(written, facts, &is_unseen)),
                data_events: data_events.iter().map(|events| events.what).collect(),
                never: never.iter().map(|(_, _, name)| *name).collect(),
            }
        })
        .filter(|found| !found.data_events.is_empty() || !found.never.is_empty())
        .collect()
}

/// Are all actions that the statement names like this? Of a pattern all that AWS documents are meant.
fn all_actions(statement: &Statement, facts: &ServiceFacts, is_like_this: &dyn Fn(&str, &str) -> bool) -> bool {
    let item = |text: &str| -> Option<bool> {
        let pattern = ActionPattern::parse(text)?;
        let service = pattern.service.as_deref()?;
        let documented = Services::actions(facts, service)?.into_iter().map(str::to_ascii_lowercase);
        let mut meant = documented.filter(|name| pattern.matches(service, name)).peekable();
        meant.peek()?;
        Some(meant.all(|name| is_like_this(service, &name)))
    };
    !statement.action.negated && statement.action.items.iter().all(|action| item(&action.text) == Some(true))
}
