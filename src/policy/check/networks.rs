//! Networks in conditions: private ones, all of them, and addresses with more bits than their network has.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceip>

use std::sync::LazyLock;

use ipnet::IpNet;

use super::placeholders;
use crate::policy::diagnostic::Finding;
use crate::policy::document::{Condition, Text};
use crate::policy::operator::{Comparison, Operator};
use crate::policy::value::parse_network;

/// Networks whose addresses no call over the internet comes from: private, shared, loopback and link-local ones.
static PRIVATE: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    ]
    .iter()
    .filter_map(|text| parse_network(text))
    .collect()
});

pub(super) fn check(condition: &Condition, operator: Operator, findings: &mut Vec<Finding>) {
    if operator.comparison() != Some(Comparison::IpAddress) {
        return;
    }
    let networks: Vec<(&Text, IpNet)> =
        condition.values.iter().filter_map(|value| Some((value, parse_network(&value.text)?))).collect();
    for (value, network) in &networks {
        if network.addr() != network.network() {
            let message = format!("\"{}\" has bits behind its prefix, which are ignored", value.text);
            findings.push(
                Finding::note("ip-host-bits", value.span.clone(), message).help(format!("write \"{}\"", network.trunc())),
            );
        }
    }
    findings.extend(everywhere(condition, operator, &networks));
    if condition.key.text.eq_ignore_ascii_case("aws:SourceIp") {
        findings.extend(private(condition, operator, &networks));
    }
}

/// A network that holds every address.
fn everywhere(condition: &Condition, operator: Operator, networks: &[(&Text, IpNet)]) -> Option<Finding> {
    let (value, network) = networks.iter().find(|(_, network)| network.prefix_len() == 0)?;
    let family = if network.addr().is_ipv4() { "IPv4" } else { "IPv6" };
    let key = &condition.key.text;
    let message = if operator.is_negated() {
        format!("\"{}\" is every {family} address: `{key}` of that family never passes", value.text)
    } else {
        format!("\"{}\" is every {family} address: the condition only asks whether `{key}` is there", value.text)
    };
    let help =
        if operator.is_negated() { "name the networks that are trusted" } else { "to ask for its presence write `Null`" };
    Some(Finding::warning("every-address", value.span.clone(), message).help(help))
}

/// `aws:SourceIp` is a public address: over the internet it is that of the caller, and through a VPC endpoint the key is absent.
fn private(condition: &Condition, operator: Operator, networks: &[(&Text, IpNet)]) -> Option<Finding> {
    let private: Vec<&str> = networks
        .iter()
        .filter(|(_, network)| PRIVATE.iter().any(|own| own.contains(network)))
        .map(|(value, _)| value.text.as_str())
        .collect();
    let first = networks.iter().find(|(value, _)| private.contains(&value.text.as_str()))?.0;
    let open = condition.values.iter().any(|value| placeholders::may_be_in(&value.text));
    let all = private.len() == condition.values.len() && !open;
    let (are, they) = if private.len() == 1 { ("is no public address", "it") } else { ("are no public addresses", "they") };
    let consequence = match (all, operator.is_negated()) {
        (true, false) => "the condition is never true",
        (true, true) => "the condition is always true",
        (false, _) if they == "it" => "it matches no call",
        (false, _) => "they match no call",
    };
    let message = format!(
        "{} {are}, and `aws:SourceIp` is always public (through a VPC endpoint it is absent): {consequence}",
        private.join(", ")
    );
    let span = first.span.clone();
    let finding = if all {
        Finding::warning("private-source-ip", span, message)
    } else {
        Finding::note("private-source-ip", span, message)
    };
    Some(finding.help(format!(
        "for calls through a VPC endpoint write aws:VpcSourceIp, together with aws:SourceVpc; else remove {}",
        if they == "it" { "it" } else { "them" }
    )))
}
