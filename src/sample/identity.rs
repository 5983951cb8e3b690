//! `userIdentity` of every kind of caller, and the sessions of roles.
//!
//! Shapes: [CloudTrail userIdentity element](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).

use super::organization::{Role, user_id, user_key};
use super::random::{BASE32, Random, hash};
use super::record::{text, time};

/// A session of a role, as its calls show it.
#[derive(Debug, Clone)]
pub struct Session {
    pub role_arn: String,
    pub role_name: String,
    pub role_id: String,
    pub account: String,
    pub name: String,
    /// `ASIA…`.
    pub key: String,
    /// When the credentials were issued, in seconds since 1970-01-01T00:00:00Z.
    pub created: i64,
    pub mfa: bool,
    /// `2.0` or `1.0` for credentials of an EC2 instance profile.
    pub ec2_role_delivery: Option<&'static str>,
    pub source_identity: Option<String>,
    /// The provider of a SAML or OpenID Connect session, for `webIdFederationData`.
    pub federated_provider: Option<String>,
}

impl Session {
    pub fn new(role: &Role, name: &str, key: String, created: i64) -> Self {
        Self {
            role_arn: role.arn(),
            role_name: role.name.clone(),
            role_id: role.id.clone(),
            account: role.account.clone(),
            name: name.to_owned(),
            key,
            created,
            mfa: false,
            ec2_role_delivery: None,
            source_identity: None,
            federated_provider: None,
        }
    }

    /// The ARN of the session.
    pub fn arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account, self.role_name, self.name)
    }

    /// `userIdentity` of a call of the session; `invoked_by` is the service that made it on the session's behalf.
    pub fn identity(&self, invoked_by: Option<&str>) -> String {
        let federation = match &self.federated_provider {
            Some(provider) => {
                format!(",\"webIdFederationData\":{{\"federatedProvider\":{},\"attributes\":{{}}}}", text(provider))
            }
            None => String::new(),
        };
        let source_identity = match &self.source_identity {
            Some(identity) => format!(",\"sourceIdentity\":{}", text(identity)),
            None => String::new(),
        };
        let delivery = match self.ec2_role_delivery {
            Some(version) => format!(",\"ec2RoleDelivery\":\"{version}\""),
            None => String::new(),
        };
        let invoked_by = match invoked_by {
            Some(service) => format!(",\"invokedBy\":{}", text(service)),
            None => String::new(),
        };
        format!(
            "{{\"type\":\"AssumedRole\",\"principalId\":\"{id}:{name}\",\"arn\":\"{arn}\",\"accountId\":\"{account}\",\
             \"accessKeyId\":\"{key}\",\"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"Role\",\"principalId\":\"{id}\",\
             \"arn\":\"{role_arn}\",\"accountId\":\"{account}\",\"userName\":\"{role_name}\"}}{federation},\
             \"attributes\":{{\"creationDate\":\"{created}\",\"mfaAuthenticated\":\"{mfa}\"}}{source_identity}{delivery}}}\
             {invoked_by}}}",
            id = self.role_id,
            name = self.name,
            arn = self.arn(),
            account = self.account,
            key = self.key,
            role_arn = self.role_arn,
            role_name = self.role_name,
            created = time(self.created),
            mfa = self.mfa,
        )
    }

    /// `userIdentity` in the record that another account receives, which sees no more than account and unique id.
    pub fn seen_from_outside(&self) -> String {
        account_identity(&self.account, &format!("{}:{}", self.role_id, self.name))
    }
}

/// An access key of a session that depends only on what identifies the session.
pub fn session_key(parts: &[&str], number: i64) -> String {
    let keys: Vec<u64> = parts.iter().map(|part| hash(part)).chain([number.unsigned_abs()]).collect();
    format!("ASIA{}", Random::keyed(0x5e55_1014, &keys).letters(BASE32, 16))
}

/// An IAM user with a long-term access key.
pub fn user_identity(account: &str, name: &str, invoked_by: Option<&str>) -> String {
    let invoked_by = match invoked_by {
        Some(service) => format!(",\"invokedBy\":{}", text(service)),
        None => String::new(),
    };
    format!(
        "{{\"type\":\"IAMUser\",\"principalId\":\"{}\",\"arn\":\"arn:aws:iam::{account}:user/{name}\",\"accountId\":\"{account}\",\
         \"accessKeyId\":\"{}\",\"userName\":\"{name}\"{invoked_by}}}",
        user_id(account, name),
        user_key(account, name),
    )
}

/// The root user, signed in to the console.
pub fn root_identity(account: &str, created: i64) -> String {
    format!(
        "{{\"type\":\"Root\",\"principalId\":\"{account}\",\"arn\":\"arn:aws:iam::{account}:root\",\"accountId\":\"{account}\",\
         \"accessKeyId\":\"{}\",\"sessionContext\":{{\"attributes\":{{\"creationDate\":\"{}\",\"mfaAuthenticated\":\"true\"}}}}}}",
        session_key(&["root", account], created),
        time(created),
    )
}

/// An AWS service that calls with no principal of the customer.
pub fn service_identity(service: &str) -> String {
    format!("{{\"type\":\"AWSService\",\"invokedBy\":\"{service}\"}}")
}

/// A principal of another account.
pub fn account_identity(account: &str, principal_id: &str) -> String {
    format!("{{\"type\":\"AWSAccount\",\"principalId\":\"{principal_id}\",\"accountId\":\"{account}\"}}")
}
