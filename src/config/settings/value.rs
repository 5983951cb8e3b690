//! The values of settings, from text.

use std::fmt;
use std::num::NonZeroUsize;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::suggest;
use crate::config::values::{self, Wrong};
use crate::engine::sources::TableLayout;
use crate::inventory::aws::{FindingsSource, is_resource_type};
use crate::report::model::Verdict;

/// Whose calls are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// Every account that the logs hold.
    All,
    /// These, without repetitions, in the order asked for.
    Listed(Vec<String>),
}

impl fmt::Display for Accounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Accounts::All => formatter.write_str("all"),
            Accounts::Listed(ids) => {
                let quoted: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
                write!(formatter, "[{}]", quoted.join(", "))
            }
        }
    }
}

impl Accounts {
    /// Is the account asked for?
    pub fn contains(&self, account_id: &str) -> bool {
        match self {
            Accounts::All => true,
            Accounts::Listed(ids) => ids.iter().any(|id| id == account_id),
        }
    }
}

/// A report format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One self-contained page to read in a browser.
    Html,
    /// A workbook.
    Xlsx,
    /// The whole report as one document.
    Json,
    /// One finding per line.
    Ndjson,
    /// One finding per row.
    Csv,
    /// Findings as a table for other tools.
    Parquet,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

impl Format {
    pub const ALL: [Format; 7] =
        [Format::Html, Format::Xlsx, Format::Json, Format::Ndjson, Format::Csv, Format::Parquet, Format::Sarif];
    pub const DEFAULT: [Format; 3] = [Format::Html, Format::Xlsx, Format::Json];

    /// The name as users write it; it is also the extension of the file.
    pub fn name(self) -> &'static str {
        match self {
            Format::Html => "html",
            Format::Xlsx => "xlsx",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
            Format::Sarif => "sarif",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

pub fn format(text: &str) -> Result<Format, Wrong> {
    let lower = text.to_ascii_lowercase();
    if let Some(format) = Format::ALL.into_iter().find(|format| format.name() == lower) {
        return Ok(format);
    }
    let meant = match lower.as_str() {
        "excel" => String::from("did you mean `xlsx`?"),
        "jsonl" => String::from("did you mean `ndjson`?"),
        _ => suggest::help(text, &Format::ALL.map(Format::name)),
    };
    Err(Wrong::with_help(format!("unknown report format `{text}`"), meant))
}

pub fn verdict(text: &str) -> Result<Verdict, Wrong> {
    const FAILING: [Verdict; 5] =
        [Verdict::Denied, Verdict::CrossesPerimeter, Verdict::Undetermined, Verdict::ServiceOwned, Verdict::Excepted];
    let lower = text.to_ascii_lowercase().replace('-', "_");
    FAILING.into_iter().find(|verdict| verdict.as_str() == lower).ok_or_else(|| {
        Wrong::with_help(format!("unknown verdict `{text}`"), suggest::help(text, &FAILING.map(Verdict::as_str)))
    })
}

/// A day: `YYYY-MM-DD`, `today`, `yesterday`, or so many days, weeks, months or years back (`-14d`, `-2w`, `-3m`, `-1y`).
pub fn day(text: &str, today: Date) -> Result<Date, Wrong> {
    let wrong = || {
        Wrong::with_help(
            format!("`{text}` is not a day"),
            "expected `YYYY-MM-DD`, `today`, `yesterday`, or back from today such as `-14d`, `-2w`, `-3m`, `-1y`",
        )
    };
    let back = |span: Span| today.checked_sub(span).map_err(|_| wrong());
    match text {
        "today" => return Ok(today),
        "yesterday" => return back(1.day()),
        _ => {}
    }
    if let Some(relative) = text.strip_prefix('-') {
        let number = relative.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = relative.strip_prefix(number).unwrap_or_default();
        let number: i32 = number.parse().map_err(|_| wrong())?;
        let span = match unit {
            "d" => Span::new().try_days(number),
            "w" => Span::new().try_weeks(number),
            "m" => Span::new().try_months(number),
            "y" => Span::new().try_years(number),
            _ => return Err(wrong()),
        };
        return back(span.map_err(|_| wrong())?);
    }
    values::date(text).map_err(|specific| if specific.help.is_some() { specific } else { wrong() })
}

/// Memory: a number of bytes with an optional unit: `512MiB`, `2GiB`, `1GB`, `1073741824`. At least 64 MiB.
pub fn bytes(text: &str) -> Result<u64, Wrong> {
    let wrong = || {
        Wrong::with_help(
            format!("`{text}` is not an amount of memory"),
            "expected a number and a unit such as `512MiB` or `2GiB`",
        )
    };
    match size(text).ok_or_else(wrong)? {
        0..0x400_0000 => Err(Wrong::with_help(format!("`{text}` is too little memory"), "give at least `64MiB`")),
        bytes => Ok(bytes),
    }
}

/// Most bytes that statements may scan, or `none`.
pub fn max_scan(text: &str) -> Result<Option<u64>, Wrong> {
    match text {
        "none" => Ok(None),
        _ => size(text).filter(|bytes| *bytes > 0).map(Some).ok_or_else(|| {
            Wrong::with_help(
                format!("`{text}` is not an amount of data"),
                "expected a number and a unit such as `200GB`, or `none`",
            )
        }),
    }
}

/// A decimal number in millionths of its unit; `None` for what is none, is negative, or has more than six decimals.
pub fn micro_units(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
}

/// A number of bytes with an optional unit.
fn size(text: &str) -> Option<u64> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text.strip_prefix(number).unwrap_or_default().trim().to_ascii_lowercase();
    let factor: u64 = match unit.as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor))
}

/// Bytes in the largest binary unit that is exact.
pub fn bytes_text(bytes: u64) -> String {
    [("GiB", 30), ("MiB", 20), ("KiB", 10)]
        .into_iter()
        .find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift)
        .map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

pub fn threads(text: &str) -> Result<Option<NonZeroUsize>, Wrong> {
    match text {
        "auto" => Ok(None),
        _ => {
            text.parse::<NonZeroUsize>().ok().filter(|threads| threads.get() <= 1024).map(Some).ok_or_else(|| {
                Wrong::with_help(format!("`{text}` is not a number of threads"), "expected 1 to 1024, or `auto`")
            })
        }
    }
}

pub fn max_rows(text: &str) -> Result<Option<u64>, Wrong> {
    match text {
        "none" => Ok(None),
        _ => match text.parse::<u64>() {
            Ok(rows) if rows > 0 => Ok(Some(rows)),
            _ => Err(Wrong::with_help(format!("`{text}` is not a number of findings"), "expected 1 or more, or `none`")),
        },
    }
}

pub fn switch(text: &str) -> Result<bool, Wrong> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(Wrong::new(format!("`{text}` is neither `true` nor `false`"))),
    }
}

/// Where statements over the events run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// Here, over files.
    #[default]
    Local,
    /// Amazon Athena.
    Athena,
    /// A Trino server.
    Trino,
}

impl EngineName {
    pub const ALL: [EngineName; 3] = [EngineName::Local, EngineName::Athena, EngineName::Trino];

    pub fn name(self) -> &'static str {
        match self {
            EngineName::Local => "local",
            EngineName::Athena => "athena",
            EngineName::Trino => "trino",
        }
    }
}

pub fn engine(text: &str) -> Result<EngineName, Wrong> {
    EngineName::ALL
        .into_iter()
        .find(|engine| engine.name() == text)
        .ok_or_else(|| Wrong::with_help(format!("`{text}` is not an engine"), "expected one of: local, athena, trino"))
}

/// How a table of a remote engine is laid out.
pub fn table_layout(text: &str) -> Result<TableLayout, Wrong> {
    TableLayout::parse(text).map_err(|wrong| Wrong::with_help(wrong.message, wrong.help))
}

/// Segments of the keys of objects.
pub fn prefix_depth(text: &str) -> Result<u8, Wrong> {
    text.parse::<u8>()
        .ok()
        .filter(|depth| *depth <= 16)
        .ok_or_else(|| Wrong::with_help(format!("`{text}` is not a number of segments"), "expected 0 to 16"))
}

/// How often a flag such as `-q` was given; `true` and `false` are 1 and 0.
pub fn count(text: &str) -> Result<u8, Wrong> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(1),
        "false" => Ok(0),
        _ => text.parse::<u8>().map_err(|_| Wrong::new(format!("`{text}` is not a small number, expected 0, 1 or 2"))),
    }
}

/// Where external-access findings come from.
pub fn findings_source(text: &str) -> Result<FindingsSource, Wrong> {
    let lower = text.to_ascii_lowercase().replace('-', "_");
    FindingsSource::ALL.into_iter().find(|source| source.as_str() == lower).ok_or_else(|| {
        let help = suggest::help(text, &FindingsSource::ALL.map(FindingsSource::as_str));
        Wrong::with_help(format!("unknown source of external-access findings `{text}`"), help)
    })
}

/// A resource type of AWS Config.
pub fn resource_type(text: &str) -> Result<String, Wrong> {
    match is_resource_type(text) {
        true => Ok(text.to_owned()),
        false => Err(Wrong::with_help(format!("`{text}` is not a resource type"), "expected one such as `AWS::SQS::Queue`")),
    }
}

/// An age: `90m`, `12h`, `2d`, or `0`.
pub fn age(text: &str) -> Result<SignedDuration, Wrong> {
    let wrong = || Wrong::with_help(format!("`{text}` is not an age"), "expected one such as `90m`, `12h`, `2d`, or `0`");
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds: i64 = match text.strip_prefix(number).unwrap_or_default() {
        "" if number == "0" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number = number.parse::<u32>().map_err(|_| wrong())?;
    Ok(SignedDuration::from_secs(i64::from(number) * seconds))
}

/// An age in the largest unit that is exact.
pub fn age_text(age: SignedDuration) -> String {
    let minutes = age.as_mins();
    match minutes {
        0 => "0".to_owned(),
        _ if minutes % 1_440 == 0 => format!("{}d", minutes / 1_440),
        _ if minutes % 60 == 0 => format!("{}h", minutes / 60),
        _ => format!("{minutes}m"),
    }
}

/// A moment: RFC 3339, or a date for its first moment in UTC.
pub fn moment(text: &str) -> Result<Timestamp, Wrong> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    match values::date(text) {
        Ok(date) => Ok(start_of(date)),
        Err(_) => Err(Wrong::new(format!("`{text}` is not a time, expected `2026-11-20` or `2026-11-20T12:00:00Z`"))),
    }
}

/// The first moment of a day in UTC.
pub fn start_of(day: Date) -> Timestamp {
    // Only the very last day of the calendar, 9999-12-31, has moments beyond the last timestamp; its first moment is one.
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The day of a moment in UTC.
pub fn day_of(moment: Timestamp) -> Date {
    moment.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn relative_days_count_back_from_today() {
        let today = date(2026, 3, 31);
        assert_eq!(day("-14d", today).unwrap(), date(2026, 3, 17));
        assert_eq!(day("-2w", today).unwrap(), date(2026, 3, 17));
        assert_eq!(day("-1m", today).unwrap(), date(2026, 2, 28));
        assert_eq!(day("yesterday", today).unwrap(), date(2026, 3, 30));
        for wrong in ["14d", "-14", "-d", "-14x", "tomorrow", "2026-13-01", "-999999999d"] {
            assert!(day(wrong, today).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ages_have_units() {
        assert_eq!(age("90m").unwrap(), SignedDuration::from_mins(90));
        assert_eq!(age("2d").unwrap(), SignedDuration::from_hours(48));
        assert_eq!(age("0").unwrap(), SignedDuration::ZERO);
        for text in ["0", "90m", "13h", "2d"] {
            assert_eq!(age_text(age(text).unwrap()), text);
        }
        for wrong in ["", "2", "d", "-1h", "1.5h", "2w", "99999999999d"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn memory_has_units() {
        assert_eq!(bytes("512MiB").unwrap(), 536_870_912);
        assert_eq!(bytes("1 GB").unwrap(), 1_000_000_000);
        assert_eq!(bytes_text(536_870_912), "512MiB");
        assert_eq!(bytes_text(1_000_000_000), "1000000000");
        for wrong in ["", "MiB", "1.5GiB", "12", "99999999999TiB", "1XB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
