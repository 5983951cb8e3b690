//! Who calls from where, and what of it a record shows whatever is called.

use super::organization::{Vpc, egress_address};
use super::random::Random;
use super::record::Record;

/// Where a caller is.
#[derive(Debug, Clone)]
pub enum Place<'a> {
    /// In a VPC of the organization: through the endpoint of the service, or else through the NAT gateway.
    Vpc(&'a Vpc),
    /// At a public address.
    Address(String),
    /// In a network of AWS, under the name of a service.
    Service(&'static str),
}

/// Who calls, from where.
#[derive(Debug, Clone)]
pub struct Caller<'a> {
    pub identity: String,
    pub place: Place<'a>,
    pub agent: &'a str,
    pub from_console: bool,
}

/// A record with everything about its caller, and nothing yet about the call.
pub fn begin(random: &mut Random, caller: &Caller<'_>, recipient: &str, region: &str, time: i64) -> Record {
    let mut record = Record {
        identity: caller.identity.clone(),
        time,
        region: region.to_owned(),
        agent: caller.agent.to_owned(),
        recipient: recipient.to_owned(),
        request_id: random.uuid(),
        event_id: random.uuid(),
        from_console: caller.from_console,
        ..Record::default()
    };
    match &caller.place {
        Place::Vpc(_) => record.host = Some(String::new()),
        Place::Address(address) => {
            record.address.clone_from(address);
            record.host = (!caller.from_console).then(String::new);
        }
        Place::Service(service) => record.address = (*service).to_owned(),
    }
    record
}

/// Fills in what depends on both the caller's place and the service called: address, endpoint and TLS host.
pub fn finish(random: &mut Random, record: &mut Record, caller: &Caller<'_>, account: &str) {
    let service = record.source.strip_suffix(".amazonaws.com").unwrap_or(record.source);
    if let Place::Vpc(vpc) = &caller.place {
        match vpc.endpoint(service).filter(|_| vpc.region == record.region) {
            Some(endpoint) => {
                record.address = format!("{}.{}.{}", vpc.prefix, random.between(1, 12), random.between(4, 250));
                record.endpoint = Some(endpoint.to_owned());
                record.endpoint_account = (record.version != "1.08").then(|| account.to_owned());
            }
            None => record.address = egress_address(random),
        }
    }
    if record.host.as_ref().is_some_and(String::is_empty) {
        record.host = Some(format!("{service}.{}.amazonaws.com", record.region));
    }
}
