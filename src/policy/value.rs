//! Values of conditions: numbers, dates, addresses, booleans, bytes.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A decimal number of any length, compared exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// Without leading zeros.
    integer: String,
    /// Without trailing zeros.
    fraction: String,
}

impl Decimal {
    /// `None` if the text is no integer or decimal number.
    pub fn parse(text: &str) -> Option<Decimal> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(integer) || !all_digits(fraction) || (integer.is_empty() && fraction.is_empty()) {
            return None;
        }
        let integer = integer.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let zero = integer.is_empty() && fraction.is_empty();
        Some(Decimal { negative: negative && !zero, integer, fraction })
    }

    fn magnitude(&self, other: &Decimal) -> Ordering {
        let by_integer = self.integer.len().cmp(&other.integer.len()).then_with(|| self.integer.cmp(&other.integer));
        by_integer.then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl Decimal {
    /// A number that is larger than this one, and smaller than every larger number with at most 20 decimals. For numbers from 0 on.
    pub fn just_above(&self) -> String {
        format!("{}.{:0<20}1", self.integer, self.fraction)
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let integer = if self.integer.is_empty() { "0" } else { &self.integer };
        let point = if self.fraction.is_empty() { "" } else { "." };
        write!(formatter, "{sign}{integer}{point}{}", self.fraction)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A moment in nanoseconds since 1970: a date of the W3C profile of ISO 8601, or seconds since 1970. Four digits are a year.
/// `None` if the text is neither.
pub fn parse_date(text: &str) -> Option<i128> {
    let text = text.trim();
    let year_only = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !year_only && let Some(number) = Decimal::parse(text) {
        let whole: i128 = if number.integer.is_empty() { 0 } else { number.integer.parse().ok()? };
        let nanoseconds: i128 = format!("{:0<9.9}", number.fraction).parse().ok()?;
        let magnitude = whole.checked_mul(1_000_000_000)?.checked_add(nanoseconds)?;
        return Some(if number.negative { -magnitude } else { magnitude });
    }
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_nanosecond());
    match text.len() {
        4 => midnight(Date::new(text.parse().ok()?, 1, 1).ok()?),
        7 => {
            let (year, month) = text.split_once('-')?;
            midnight(Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?)
        }
        10 => midnight(text.parse().ok()?),
        _ => {
            let timestamp = text.parse::<jiff::Timestamp>().ok();
            let local = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
            timestamp.or_else(local).map(jiff::Timestamp::as_nanosecond)
        }
    }
}

/// A moment in nanoseconds since 1970 as a text that [`parse_date`] reads: seconds with nine decimals.
pub fn date_text(nanoseconds: i128) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let magnitude = nanoseconds.unsigned_abs();
    format!("{sign}{}.{:09}", magnitude / 1_000_000_000, magnitude % 1_000_000_000)
}

/// `true` or `false`, in any case.
pub fn parse_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A network; a bare address is the network of that address alone.
pub fn parse_network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Bytes of a base64 text.
pub fn parse_binary(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Networks in tries: one look-up whatever their number.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    v4: prefix_trie::PrefixSet<ipnet::Ipv4Net>,
    v6: prefix_trie::PrefixSet<ipnet::Ipv6Net>,
}

impl Networks {
    pub fn insert(&mut self, network: IpNet) {
        match network {
            IpNet::V4(network) => self.v4.insert(network.trunc()),
            IpNet::V6(network) => self.v6.insert(network.trunc()),
        };
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.get_lpm(&ipnet::Ipv4Net::from(address)).is_some(),
            IpAddr::V6(address) => self.v6.get_lpm(&ipnet::Ipv6Net::from(address)).is_some(),
        }
    }
}

/// Addresses, one at least in each region that the borders of the networks cut the address space into.
pub fn representatives(networks: &[IpNet]) -> Vec<String> {
    let mut addresses: Vec<IpAddr> = vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    for network in networks {
        addresses.push(network.network());
        match network.broadcast() {
            IpAddr::V4(last) => addresses.extend(u32::from(last).checked_add(1).map(|next| IpAddr::V4(next.into()))),
            IpAddr::V6(last) => addresses.extend(u128::from(last).checked_add(1).map(|next| IpAddr::V6(next.into()))),
        }
    }
    addresses.sort();
    addresses.dedup();
    addresses.iter().map(IpAddr::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_exactly() {
        let number = |text: &str| Decimal::parse(text).unwrap();
        assert!(number("10") > number("9.99"));
        assert!(number("-1.5") < number("-1.25"));
        assert!(number("9007199254740993") > number("9007199254740992"));
        assert_eq!(number("007.50"), number("7.5"));
        assert_eq!(number("-0"), number("0.0"));
        assert_eq!(Decimal::parse("1e3"), None);
        assert_eq!(Decimal::parse(""), None);
        assert_eq!(Decimal::parse("."), None);
    }

    #[test]
    fn dates_are_iso_or_seconds() {
        let second = 1_000_000_000;
        assert_eq!(parse_date("1970-01-02"), Some(86_400 * second));
        assert_eq!(parse_date("86400"), Some(86_400 * second));
        assert_eq!(parse_date("1971"), Some(365 * 86_400 * second));
        assert_eq!(parse_date("1970-02"), Some(31 * 86_400 * second));
        assert_eq!(parse_date("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse_date("1970-01-01T00:00Z"), Some(0));
        assert_eq!(parse_date("0.5"), Some(second / 2));
        assert_eq!(parse_date("yesterday"), None);
        for moment in [0, 1, -1, second, 1999 * second, -1_999_500_000_000] {
            assert_eq!(parse_date(&date_text(moment)), Some(moment));
        }
    }

    #[test]
    fn networks_are_cut_into_regions() {
        let networks = [parse_network("203.0.113.0/24").unwrap()];
        assert_eq!(representatives(&networks), ["0.0.0.0", "203.0.113.0", "203.0.114.0", "::"]);
        let mut trie = Networks::default();
        trie.insert(networks[0]);
        assert!(trie.contains("203.0.113.9".parse().unwrap()));
        assert!(!trie.contains("2001:db8::1".parse().unwrap()));
    }
}
