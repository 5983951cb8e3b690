//! Would the logs show the use of a resource? "Never used" may be said only then.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::{DataFrame, PolarsResult};

use super::operation;
use crate::report::model::Coverage;

/// What the logs hold that was read.
#[derive(Debug, Clone, Default)]
pub struct Logs {
    /// Resources with data events, or calls of AWS KMS, by event source.
    recorded: BTreeMap<String, BTreeSet<String>>,
    /// Accounts and regions with AWS KMS events.
    kms: BTreeSet<(String, String)>,
    /// First and last day with management events, by account and region.
    management: BTreeMap<(String, String), (String, String)>,
    /// Accounts with events of any kind.
    accounts: BTreeSet<String>,
    /// How many days of the window lack a file, by account.
    days_without_file: BTreeMap<String, usize>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Covered {
    /// With what they hold, for the reader.
    Yes(String),
    /// And why not.
    No(String),
}

/// What of CloudTrail shows the use of a resource.
enum Shown {
    /// Data events, which a trail logs for some resources and not for others.
    Data(&'static str),
    Management,
    /// Management events that a trail may leave out.
    Kms,
    /// The use is recorded in the account of the user, or nowhere.
    Never,
}

fn shown_by(resource_type: &str) -> Option<Shown> {
    Some(match resource_type {
        "AWS::S3::Bucket" => Shown::Data("s3.amazonaws.com"),
        "AWS::S3Express::DirectoryBucket" => Shown::Data("s3express.amazonaws.com"),
        "AWS::Lambda::Function" => Shown::Data("lambda.amazonaws.com"),
        "AWS::SQS::Queue" => Shown::Data("sqs.amazonaws.com"),
        "AWS::SNS::Topic" => Shown::Data("sns.amazonaws.com"),
        "AWS::DynamoDB::Table" | "AWS::DynamoDB::Stream" => Shown::Data("dynamodb.amazonaws.com"),
        "AWS::KMS::Key" => Shown::Kms,
        "AWS::IAM::Role" | "AWS::SecretsManager::Secret" | "AWS::ECR::Repository" | "AWS::Lambda::LayerVersion" => {
            Shown::Management
        }
        "AWS::EFS::FileSystem" | "AWS::EC2::Snapshot" | "AWS::RDS::DBSnapshot" | "AWS::RDS::DBClusterSnapshot" => Shown::Never,
        _ => return None,
    })
}

impl Logs {
    /// `recorded`: the rows of `activity_recorded_resources`.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn new(recorded: &DataFrame, coverage: &Coverage) -> PolarsResult<Logs> {
        let mut logs = Logs::default();
        let text = |name: &str| recorded.column(name)?.str();
        let (accounts, sources) = (text("account_id")?, text("event_source")?);
        let (regions, resources) = (text("region")?, text("resource_arn")?);
        for row in 0..recorded.height() {
            let (Some(source), Some(resource)) = (sources.get(row), resources.get(row)) else { continue };
            let resource = operation::whole(resource).to_owned();
            logs.recorded.entry(source.to_owned()).or_default().insert(resource);
            if let (true, Some(account), Some(region)) = (source == "kms.amazonaws.com", accounts.get(row), regions.get(row)) {
                logs.kms.insert((account.to_owned(), region.to_owned()));
            }
        }
        for stream in coverage.streams.iter().filter(|stream| stream.records > 0) {
            logs.accounts.insert(stream.account_id.clone());
            if stream.category == "Management" {
                let day = |time: &Option<String>| time.as_deref().and_then(|time| time.get(..10)).unwrap_or("?").to_owned();
                let days = (day(&stream.first_event), day(&stream.last_event));
                logs.management.insert((stream.account_id.clone(), stream.region.clone()), days);
            }
        }
        logs.days_without_file =
            coverage.days_without_file.iter().map(|missing| (missing.account_id.clone(), missing.days.len())).collect();
        Ok(logs)
    }

    /// Would these logs show the use of the resource by somebody?
    pub(super) fn cover(
        &self,
        resource: &str,
        resource_type: Option<&str>,
        account_id: Option<&str>,
        region: Option<&str>,
    ) -> Covered {
        let Some(account) = account_id else { return Covered::No("nobody tells which account owns the resource".to_owned()) };
        if !self.accounts.contains(account) {
            return Covered::No(format!("no events of account {account} were read"));
        }
        let resource_type = operation::type_of(resource, resource_type);
        let Some(shown) = resource_type.and_then(shown_by) else {
            let of = resource_type.unwrap_or("an unknown type");
            return Covered::No(format!("which events show the use of {of} is not known"));
        };
        let region = super::model::region_of_arn(resource).or(region);
        let covered = match shown {
            Shown::Data(source) => {
                if self.recorded.get(source).is_some_and(|resources| resources.contains(operation::whole(resource))) {
                    Covered::Yes("data events of this resource".to_owned())
                } else {
                    Covered::No(
                        "they hold no data event of this resource by anybody, so its data events may not be logged".to_owned(),
                    )
                }
            }
            Shown::Kms => match region {
                Some(region) if self.kms.contains(&(account.to_owned(), region.to_owned())) => {
                    Covered::Yes(format!("AWS KMS events of account {account} in {region}"))
                }
                _ => Covered::No(format!(
                    "they hold no AWS KMS event of account {account} in the key's region, which a trail may leave out"
                )),
            },
            Shown::Management => self.management_of(account, region.filter(|_| resource_type != Some("AWS::IAM::Role"))),
            Shown::Never => {
                Covered::No(format!("the use of {} is not recorded in the account that owns it", resource_type.unwrap_or("it")))
            }
        };
        match (covered, self.days_without_file.get(account)) {
            (Covered::Yes(what), Some(days)) if *days > 0 => {
                Covered::Yes(format!("{what}, but no file of the account on {days} of the days"))
            }
            (covered, _) => covered,
        }
    }

    /// Roles are assumed in any region; everything else lies in one.
    fn management_of(&self, account: &str, region: Option<&str>) -> Covered {
        let days: Vec<&(String, String)> = self
            .management
            .iter()
            .filter(|((of_account, of_region), _)| of_account == account && region.is_none_or(|region| region == of_region))
            .map(|(_, days)| days)
            .collect();
        let first = days.iter().map(|days| days.0.as_str()).min();
        let last = days.iter().map(|days| days.1.as_str()).max();
        match (first, last) {
            (Some(first), Some(last)) => Covered::Yes(format!("management events of account {account} from {first} to {last}")),
            _ => Covered::No(format!("they hold no management event of account {account} in that region")),
        }
    }
}
