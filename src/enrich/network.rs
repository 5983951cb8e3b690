//! Addresses: public or private, and in which expected network.

use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

use crate::config::perimeter::model::NamedNetwork;

/// Networks by prefix; a lookup finds the longest prefix that holds an address, in a number of steps bounded by its length.
pub(crate) struct NetworkMap {
    names: JointPrefixMap<IpNet, String>,
}

impl NetworkMap {
    /// Of two entries for the same network the first gives the name.
    pub(crate) fn new(networks: &[NamedNetwork]) -> NetworkMap {
        let mut names = JointPrefixMap::new();
        for network in networks.iter().rev() {
            names.insert(network.network.trunc(), network.name.clone());
        }
        NetworkMap { names }
    }

    /// The name of the longest network that holds the address.
    pub(crate) fn name_of(&self, address: IpAddr) -> Option<&str> {
        self.names.get_lpm(&IpNet::from(address)).map(|(_, name)| name.as_str())
    }
}

/// Can the address be a source on the Internet?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Public,
    Private,
}

/// Ranges that no packet on the Internet comes from, by the IANA special-purpose address registries
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>, <https://www.iana.org/assignments/iana-ipv6-special-registry>).
const NOT_ON_THE_INTERNET: [&str; 12] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

/// Tells public addresses from private ones.
pub(crate) struct Reachability {
    private: JointPrefixMap<IpNet, ()>,
}

impl Reachability {
    pub(crate) fn new() -> Reachability {
        let private =
            NOT_ON_THE_INTERNET.iter().filter_map(|range| range.parse().ok()).map(|range: IpNet| (range, ())).collect();
        Reachability { private }
    }

    pub(crate) fn of(&self, address: IpAddr) -> Reach {
        if self.private.get_lpm(&IpNet::from(address)).is_some() { Reach::Private } else { Reach::Public }
    }
}

/// The source address of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) ip: IpAddr,
    pub(crate) reach: Reach,
}

impl Address {
    /// `None` for text that is no address. An IPv4 address written as an IPv6 one (`::ffff:203.0.113.9`) is taken as IPv4.
    pub(crate) fn parse(text: Option<&str>, reachability: &Reachability) -> Option<Address> {
        let ip = text?.parse::<IpAddr>().ok()?.to_canonical();
        Some(Address { ip, reach: reachability.of(ip) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(network: &str, name: &str) -> NamedNetwork {
        NamedNetwork { network: network.parse().unwrap(), name: name.to_owned() }
    }

    #[test]
    fn the_longest_prefix_names_the_network() {
        let networks = NetworkMap::new(&[
            named("203.0.113.0/24", "all offices"),
            named("203.0.113.128/25", "head office"),
            named("203.0.113.7/24", "written with host bits"),
            named("2001:db8::/32", "v6"),
        ]);
        let name = |ip: &str| networks.name_of(ip.parse().unwrap());
        assert_eq!(name("203.0.113.200"), Some("head office"));
        assert_eq!(name("203.0.113.1"), Some("all offices"));
        assert_eq!(name("203.0.114.1"), None);
        assert_eq!(name("2001:db8:ffff::1"), Some("v6"));
        assert_eq!(name("2001:db9::1"), None);
        assert_eq!(NetworkMap::new(&[]).name_of("203.0.113.1".parse().unwrap()), None);
    }

    #[test]
    fn knows_private_ranges_of_both_versions() {
        let reachability = Reachability::new();
        for (text, expected) in [
            ("10.248.3.4", Reach::Private),
            ("172.31.255.255", Reach::Private),
            ("172.32.0.0", Reach::Public),
            ("100.64.0.1", Reach::Private),
            ("100.128.0.1", Reach::Public),
            ("169.254.169.254", Reach::Private),
            ("::ffff:10.0.0.1", Reach::Private),
            ("::ffff:198.51.100.1", Reach::Public),
            ("fd00:1::1", Reach::Private),
            ("2600:1f18::1", Reach::Public),
        ] {
            assert_eq!(Address::parse(Some(text), &reachability).map(|address| address.reach), Some(expected), "{text}");
        }
        assert_eq!(Address::parse(Some("AWS Internal"), &reachability), None);
    }
}
