//! Which newly denied calls must go on: what the user marks as legitimate.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::policy::pattern::Glob;
use crate::policy::request::Request;
use crate::replay::Call;

/// One mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Legitimate {
    All,
    /// ARN of a role, user or root; `*` is a wildcard.
    Principal(Glob),
    /// The account of the caller.
    Account(String),
    /// The account that owns the resource.
    ResourceAccount(String),
    /// Where the call came from.
    Network(IpNet),
    /// `s3`, or `s3.amazonaws.com`.
    Service(String),
}

/// A mark that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "--legitimate {given:?} is none of all, principal=ARN, account=ID, resource-account=ID, network=CIDR, service=NAME{detail}"
)]
pub struct SelectError {
    pub given: String,
    pub detail: String,
}

impl Legitimate {
    /// Reads a mark.
    ///
    /// # Errors
    /// When it is of no known kind, or its value is not what the kind needs.
    pub fn parse(given: &str) -> Result<Legitimate, SelectError> {
        let wrong = |detail: &str| SelectError { given: given.to_owned(), detail: detail.to_owned() };
        if given.eq_ignore_ascii_case("all") {
            return Ok(Legitimate::All);
        }
        let (kind, value) = given.split_once('=').filter(|(_, value)| !value.is_empty()).ok_or_else(|| wrong(""))?;
        let account = || {
            let is_account = value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
            is_account.then(|| value.to_owned()).ok_or_else(|| wrong("; an account has 12 digits"))
        };
        match kind {
            "principal" => Ok(Legitimate::Principal(Glob::new(value))),
            "account" => Ok(Legitimate::Account(account()?)),
            "resource-account" => Ok(Legitimate::ResourceAccount(account()?)),
            "network" => {
                let network = value.parse::<IpNet>().or_else(|_| value.parse::<IpAddr>().map(IpNet::from));
                network
                    .map(Legitimate::Network)
                    .map_err(|_| wrong("; a network is an address or a CIDR such as 203.0.113.0/24"))
            }
            "service" => Ok(Legitimate::Service(value.trim_end_matches(".amazonaws.com").to_owned())),
            _ => Err(wrong("")),
        }
    }

    /// Does the mark cover the call?
    pub fn covers(&self, call: &Call, request: &Request) -> bool {
        match self {
            Legitimate::All => true,
            Legitimate::Principal(pattern) => call.principal_arn.as_deref().is_some_and(|arn| pattern.matches(arn)),
            Legitimate::Account(id) => request.principal.account.as_ref() == Some(id),
            Legitimate::ResourceAccount(id) => {
                request.resource_account.as_ref() == Some(id) || call.resource_account_id.as_deref() == Some(id)
            }
            Legitimate::Network(network) => call
                .source_ip
                .as_deref()
                .and_then(|address| address.parse::<IpAddr>().ok())
                .is_some_and(|address| network.contains(&address)),
            Legitimate::Service(name) => &request.service == name || call.service_label() == name,
        }
    }
}
