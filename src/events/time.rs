//! Times of records: microseconds since 1970-01-01T00:00:00Z.

/// Reads `eventTime`: RFC 3339, usually `2023-07-10T11:42:44Z`. `None` for anything else.
pub fn parse(text: &[u8]) -> Option<i64> {
    fast(text).or_else(|| {
        let text = std::str::from_utf8(text).ok()?;
        let zoned = text.parse::<jiff::Timestamp>().ok();
        // Tables hold times without a zone; they are UTC.
        let local = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        zoned.or_else(|| local().map(|time| time.timestamp())).map(jiff::Timestamp::as_microsecond)
    })
}

/// The one form that CloudTrail itself writes, without the general parser.
fn fast(text: &[u8]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2, b'Z'] = text else {
        return None;
    };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let pair = |a: &u8, b: &u8| Some(digit(a)? * 10 + digit(b)?);
    let year = pair(y1, y2)? * 100 + pair(y3, y4)?;
    let (month, day) = (pair(m1, m2)?, pair(d1, d2)?);
    let (hour, minute, second) = (pair(h1, h2)?, pair(i1, i2)?, pair(s1, s2)?);
    let valid = (1..=12).contains(&month) && (1..=28).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !valid {
        // The last days of a month, leap seconds and nonsense: let the calendar decide.
        return None;
    }
    Some((days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000)
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, by counting from 1 March of year 0.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The day of a time, as days since 1970-01-01.
pub fn day(microseconds: i64) -> i32 {
    i32::try_from(microseconds.div_euclid(86_400_000_000)).unwrap_or(i32::MAX)
}

/// RFC 3339 with seconds, for people. `None` outside the years that can be written.
pub fn format(microseconds: i64) -> Option<String> {
    jiff::Timestamp::from_microsecond(microseconds).ok().map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `YYYY-MM-DD` of days since 1970-01-01.
pub fn format_day(day: i32) -> Option<String> {
    let time = jiff::Timestamp::from_second(i64::from(day) * 86_400).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

/// Milliseconds since a moment.
pub fn milliseconds(since: std::time::Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_form_agrees_with_the_general_parser() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-28T23:59:59Z",
            "2024-02-29T12:00:00Z",
            "2026-10-31T07:08:09Z",
            "1999-12-31T23:59:59Z",
            "9999-12-28T23:59:59Z",
            "0001-01-01T00:00:00Z",
        ] {
            let expected = text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
            assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "yesterday", "17:00:00Z"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
