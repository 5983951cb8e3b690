//! How values are shown to people: numbers, times, column labels, verdicts, links inside the report.

use crate::report::model::Verdict;

/// `1234567` as `1,234,567`. Takes whatever is shown as decimal digits.
pub(super) fn count(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun, which is `one` for 1 and `many` otherwise: `1 call`, `2,000 calls`.
pub(super) fn counted(number: impl std::fmt::Display, one: &str, many: &str) -> String {
    let digits = count(number);
    let noun = if digits == "1" { one } else { many };
    format!("{digits} {noun}")
}

/// A size in bytes with a binary unit and one decimal: `1.5 MiB`.
pub(super) fn bytes(size: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, factor) in UNITS {
        if size >= factor {
            let tenths = u128::from(size) * 10 / u128::from(factor);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    counted(size, "byte", "bytes")
}

/// Milliseconds of wall-clock time: `850 ms`, `12.3 s`.
pub(super) fn duration(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        format!("{milliseconds} ms")
    } else {
        format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
    }
}

/// Milliseconds since 1970 as `2026-11-03 14:22:05` (UTC); a time that no calendar holds is shown as its number.
pub(super) fn time(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| milliseconds.to_string(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// An RFC 3339 time in the form of [`time`]; anything else unchanged.
pub(super) fn rfc3339(text: &str) -> String {
    text.parse::<jiff::Timestamp>().map_or_else(|_| text.to_owned(), |moment| time(moment.as_millisecond()))
}

/// A text from a log with the characters that would hide or turn round what stands beside them written out: `\u{202e}` as
/// `⟨U+202E⟩`. Line ends and tabs stay.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\t' => shown.push(letter),
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(letter))),
            other => shown.push(other),
        }
    }
    shown
}

/// The label of a column: `principal_arn` as `Principal ARN`.
pub(super) fn label(column: &str) -> String {
    let mut text = String::with_capacity(column.len());
    for (position, word) in column.split('_').enumerate() {
        if position > 0 {
            text.push(' ');
        }
        match word {
            "arn" => text.push_str("ARN"),
            "id" => text.push_str("ID"),
            "ip" => text.push_str("IP"),
            "vpc" => text.push_str("VPC"),
            word if position == 0 => {
                let mut letters = word.chars();
                text.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
                text.push_str(letters.as_str());
            }
            word => text.push_str(word),
        }
    }
    match text.as_str() {
        "Event count" => "Calls".to_owned(),
        "Event source" => "Service".to_owned(),
        "Event name" => "Operation".to_owned(),
        _ => text,
    }
}

/// What a report calls a verdict.
pub(super) fn verdict_label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Denied => "Denied",
        Verdict::CrossesPerimeter => "Crosses perimeter",
        Verdict::Undetermined => "Undetermined",
        Verdict::ServiceOwned => "Service-owned",
        Verdict::Excepted => "Excepted",
        Verdict::Information => "Information",
        Verdict::NotDenied => "Not denied",
        Verdict::NotApplicable => "Not applicable",
    }
}

/// What a verdict means for the reader, in one sentence.
pub(super) fn verdict_meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Denied => "The candidate policy denies these calls.",
        Verdict::CrossesPerimeter => "A policy that enforces the perimeter definition would deny these calls.",
        Verdict::Undetermined => "The logs and the inventory do not tell. Below: what would settle it.",
        Verdict::ServiceOwned => "The calls reach what AWS itself owns: the policy needs the matching exception.",
        Verdict::Excepted => "An exception of the perimeter definition covers these calls.",
        Verdict::Information => "Listed for information; no perimeter is judged.",
        Verdict::NotDenied => "The candidate policy does not deny these calls.",
        Verdict::NotApplicable => "The candidate policy does not apply to these calls.",
    }
}

/// The name of a perimeter for people.
pub(super) fn perimeter_label(perimeter: &str) -> String {
    match perimeter {
        "" | "none" => "No perimeter".to_owned(),
        other => format!("{} perimeter", label(other)),
    }
}

/// What a perimeter asks, in one sentence.
pub(super) fn perimeter_question(perimeter: &str) -> &'static str {
    match perimeter {
        "identity" => "Do only trusted identities reach our resources and leave through our networks?",
        "resource" => "Do our identities and networks reach only trusted resources?",
        "network" => "Do our identities and resources meet only on expected networks?",
        _ => "Listed for information, judged against no perimeter.",
    }
}

/// The fragment that opens a view of findings with the given filters: `#all?f.verdict=is:denied`.
pub(super) fn link(view: &str, filters: &[(&str, &str)]) -> String {
    let mut fragment = format!("#{}", percent_encode(view));
    for (position, (column, value)) in filters.iter().enumerate() {
        fragment.push(if position == 0 { '?' } else { '&' });
        fragment.push_str("f.");
        fragment.push_str(&percent_encode(column));
        fragment.push_str("=is:");
        fragment.push_str(&percent_encode(value));
    }
    fragment
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
