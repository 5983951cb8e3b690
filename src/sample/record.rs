//! One CloudTrail record, and how it is written: compact JSON with the members in the order in which CloudTrail writes them.
//!
//! The members are those of the
//! [CloudTrail record contents](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).

use std::fmt::Write as _;

/// How `readOnly` is written: most services write a boolean, a few a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOnly {
    Yes,
    No,
    YesAsText,
    NoAsText,
    Absent,
}

/// One record. Members that hold objects are JSON text already, ready to be written.
#[derive(Debug, Clone)]
pub struct Record {
    pub version: &'static str,
    /// `userIdentity`, JSON text.
    pub identity: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    pub source: &'static str,
    pub name: &'static str,
    pub region: String,
    /// `sourceIPAddress`.
    pub address: String,
    /// `userAgent`; empty is left out.
    pub agent: String,
    /// `errorCode` and `errorMessage`; an empty message is left out.
    pub error: Option<(&'static str, String)>,
    /// `requestParameters`, JSON text; empty is written as null.
    pub request: String,
    /// `responseElements`, JSON text; empty is written as null.
    pub response: String,
    /// `additionalEventData`, JSON text; empty is left out.
    pub additional: String,
    pub request_id: String,
    pub event_id: String,
    pub read_only: ReadOnly,
    /// `resources`, JSON text of the list; empty is left out.
    pub resources: String,
    pub event_type: &'static str,
    pub api_version: Option<&'static str>,
    pub management: bool,
    pub recipient: String,
    pub shared_event_id: Option<String>,
    pub endpoint: Option<String>,
    pub endpoint_account: Option<String>,
    /// `addendum`, JSON text; empty is left out.
    pub addendum: String,
    /// `eventCategory`: `Management`, `Data` or `NetworkActivity`.
    pub category: &'static str,
    /// `tlsDetails.clientProvidedHostHeader`; without it, `tlsDetails` is left out.
    pub host: Option<String>,
    /// `sessionCredentialFromConsole`.
    pub from_console: bool,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            version: "1.11",
            identity: String::new(),
            time: 0,
            source: "",
            name: "",
            region: String::new(),
            address: String::new(),
            agent: String::new(),
            error: None,
            request: String::new(),
            response: String::new(),
            additional: String::new(),
            request_id: String::new(),
            event_id: String::new(),
            read_only: ReadOnly::Yes,
            resources: String::new(),
            event_type: "AwsApiCall",
            api_version: None,
            management: true,
            recipient: String::new(),
            shared_event_id: None,
            endpoint: None,
            endpoint_account: None,
            addendum: String::new(),
            category: "Management",
            host: None,
            from_console: false,
        }
    }
}

/// Appends a text as a JSON string, with quotes.
pub fn push_text(out: &mut String, text: &str) {
    out.push('"');
    if !text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.push_str(text);
        out.push('"');
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// A text as a JSON string, with quotes.
pub fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    push_text(&mut out, value);
    out
}

/// The civil date of a number of days since 1970-01-01: year, month, day. After Howard Hinnant, "chrono-compatible low-level date
/// algorithms", for dates from 1970 on.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn push_two(out: &mut String, number: i64) {
    for digit in [number / 10 % 10, number % 10] {
        out.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

/// Appends a moment as CloudTrail writes it: `2026-10-19T08:15:00Z`.
pub fn push_time(out: &mut String, seconds: i64) {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    push_two(out, year / 100);
    push_two(out, year);
    for (separator, number) in [('-', month), ('-', day), ('T', of_day / 3600), (':', of_day / 60 % 60), (':', of_day % 60)] {
        out.push(separator);
        push_two(out, number);
    }
    out.push('Z');
}

/// A moment as CloudTrail writes it: `2026-10-19T08:15:00Z`.
pub fn time(seconds: i64) -> String {
    let mut out = String::with_capacity(20);
    push_time(&mut out, seconds);
    out
}

/// A moment as STS writes the expiration of credentials: `Oct 19, 2026, 8:15:00 PM`.
pub fn long_time(seconds: i64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let name = MONTHS.get(usize::try_from(month - 1).unwrap_or(0)).copied().unwrap_or("Jan");
    let hour = of_day / 3600;
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("{name} {day}, {year}, {hour}:{:02}:{:02} {half}", of_day / 60 % 60, of_day % 60)
}

impl Record {
    /// Appends the record as compact JSON.
    pub fn write(&self, out: &mut String) {
        push_member(out, "{\"eventVersion\":", self.version);
        out.push_str(",\"userIdentity\":");
        out.push_str(if self.identity.is_empty() { "{}" } else { &self.identity });
        out.push_str(",\"eventTime\":\"");
        push_time(out, self.time);
        push_member(out, "\",\"eventSource\":", self.source);
        push_member(out, ",\"eventName\":", self.name);
        push_member(out, ",\"awsRegion\":", &self.region);
        push_member(out, ",\"sourceIPAddress\":", &self.address);
        if !self.agent.is_empty() {
            push_member(out, ",\"userAgent\":", &self.agent);
        }
        if let Some((code, message)) = &self.error {
            push_member(out, ",\"errorCode\":", code);
            if !message.is_empty() {
                push_member(out, ",\"errorMessage\":", message);
            }
        }
        for (key, value) in [(",\"requestParameters\":", &self.request), (",\"responseElements\":", &self.response)] {
            out.push_str(key);
            out.push_str(if value.is_empty() { "null" } else { value });
        }
        if !self.additional.is_empty() {
            out.push_str(",\"additionalEventData\":");
            out.push_str(&self.additional);
        }
        if !self.request_id.is_empty() {
            push_member(out, ",\"requestID\":", &self.request_id);
        }
        push_member(out, ",\"eventID\":", &self.event_id);
        out.push_str(match self.read_only {
            ReadOnly::Yes => ",\"readOnly\":true",
            ReadOnly::No => ",\"readOnly\":false",
            ReadOnly::YesAsText => ",\"readOnly\":\"true\"",
            ReadOnly::NoAsText => ",\"readOnly\":\"false\"",
            ReadOnly::Absent => "",
        });
        if !self.resources.is_empty() {
            out.push_str(",\"resources\":");
            out.push_str(&self.resources);
        }
        push_member(out, ",\"eventType\":", self.event_type);
        if let Some(version) = self.api_version {
            push_member(out, ",\"apiVersion\":", version);
        }
        out.push_str(if self.management { ",\"managementEvent\":true" } else { ",\"managementEvent\":false" });
        push_member(out, ",\"recipientAccountId\":", &self.recipient);
        for (key, value) in [
            (",\"sharedEventID\":", &self.shared_event_id),
            (",\"vpcEndpointId\":", &self.endpoint),
            (",\"vpcEndpointAccountId\":", &self.endpoint_account),
        ] {
            if let Some(value) = value {
                push_member(out, key, value);
            }
        }
        if !self.addendum.is_empty() {
            out.push_str(",\"addendum\":");
            out.push_str(&self.addendum);
        }
        push_member(out, ",\"eventCategory\":", self.category);
        if let Some(host) = &self.host {
            out.push_str(",\"tlsDetails\":{\"tlsVersion\":\"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\"");
            push_member(out, ",\"clientProvidedHostHeader\":", host);
            out.push('}');
        }
        if self.from_console {
            out.push_str(",\"sessionCredentialFromConsole\":\"true\"");
        }
        out.push('}');
    }
}

fn push_member(out: &mut String, key: &str, value: &str) {
    out.push_str(key);
    push_text(out, value);
}
