//! Amounts as people read them.

/// An amount as people read it, in US dollars: at least two decimals, no trailing zeros beyond.
pub fn dollars(micro_dollars: u64) -> String {
    let (whole, fraction) = (micro_dollars / 1_000_000, micro_dollars % 1_000_000);
    let digits = format!("{fraction:06}");
    let (cents, rest) = digits.split_at_checked(2).unwrap_or((&digits, ""));
    format!("{whole}.{cents}{}", rest.trim_end_matches('0'))
}

/// Bytes as people read them: `1.3 GB`, in powers of ten as bills have them.
pub fn bytes_text(bytes: u64) -> String {
    let units = [("TB", 1_000_000_000_000_u64), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match units.into_iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => {
            let tenths = bytes / (size / 10);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

/// `1 call`, `1,234 calls`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1,234`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        assert_eq!(dollars(5_000_000), "5.00");
        assert_eq!(dollars(48), "0.000048");
        assert_eq!(dollars(1_250_000), "1.25");
        assert_eq!(dollars(0), "0.00");
        assert_eq!(bytes_text(999), "999 bytes");
        assert_eq!(bytes_text(1_999), "1.9 kB");
        assert_eq!(bytes_text(1_250_000_000_000), "1.2 TB");
    }
}
