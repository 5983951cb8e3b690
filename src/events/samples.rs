//! Sample records: what one call of a finding looked like, for the reader of a report.
//!
//! The text of a record is kept as CloudTrail wrote it, without what must not leave the logs: session tokens, secrets and
//! passwords.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::files::SourceFile;
use super::reader::{Buffers, Format, Problem, Reader, Visitor};
use super::record::Record;
use super::scan::Progress;

/// Longest text of a sample. A longer record is cut down to its short fields.
const LONGEST: usize = 16_384;
/// Put in the place of a secret.
const REMOVED: &str = "removed";

/// Finds the records with these event ids. Ids that no file holds as JSON are missing in the result.
pub fn collect(files: &[SourceFile], wanted: &BTreeSet<String>, progress: &Progress) -> BTreeMap<String, String> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffers = Buffers::default();
                let mut finder = Finder { wanted, found: BTreeMap::new() };
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Ok((Format::Json, _, mut reader)) = Reader::open(file, &mut buffers) {
                        if reader.may_hold(wanted) {
                            while reader.read(1_024, &mut finder) {}
                        }
                        reader.close(&mut buffers);
                    }
                    progress.files.fetch_add(1, Ordering::Relaxed);
                }
                let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                finder.found.into_iter().for_each(|(id, text)| keep(&mut found, id, text));
            });
        }
    });
    found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Of the copies of a record the same one is kept, whichever thread came first.
fn keep(found: &mut BTreeMap<String, String>, id: String, text: String) {
    let kept = found.entry(id).or_insert_with(|| text.clone());
    if text < *kept {
        *kept = text;
    }
}

struct Finder<'a> {
    wanted: &'a BTreeSet<String>,
    found: BTreeMap<String, String>,
}

impl Visitor for Finder<'_> {
    fn record(&mut self, record: &Record<'_>, raw: &[u8]) {
        let Some(id) = record.event_id.map(|id| id.decode()) else { return };
        if self.wanted.contains(id.as_ref())
            && let Some(text) = presentable(raw)
        {
            keep(&mut self.found, id.into_owned(), text);
        }
    }

    fn problem(&mut self, _: Problem) {}
}

/// A record as compact JSON text without secrets; `None` if it is not JSON after all.
pub fn presentable(raw: &[u8]) -> Option<String> {
    let mut value: Value = serde_json::from_str(&String::from_utf8_lossy(raw)).ok()?;
    redact(&mut value);
    let text = value.to_string();
    if text.len() <= LONGEST {
        return Some(text);
    }
    shorten(&mut value);
    Some(value.to_string())
}

/// Removes the values of fields that hold credentials, at any depth.
fn redact(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, member) in object.iter_mut() {
                if is_secret(key) && !member.is_null() {
                    *member = Value::String(REMOVED.to_owned());
                } else {
                    redact(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        // JSON inside text, such as a policy, may hold the same fields.
        Value::String(text) if text.starts_with(['{', '[']) => {
            if let Ok(mut inner) = serde_json::from_str::<Value>(text) {
                let before = inner.clone();
                redact(&mut inner);
                if inner != before {
                    *text = inner.to_string();
                }
            }
        }
        _ => {}
    }
}

fn is_secret(key: &str) -> bool {
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let parts = ["sessiontoken", "secretaccesskey", "password", "authtoken", "privatekey", "clientsecret", "securitytoken"];
    parts.iter().any(|part| key.contains(part))
        || [
            "secretstring",
            "secretbinary",
            "tokencode",
            "samlassertion",
            "webidentitytoken",
            "credentials3",
            "accesstoken",
            "refreshtoken",
            "idtoken",
            "authorization",
        ]
        .contains(&key.as_str())
}

/// Replaces long texts and containers, and the fields behind too many others, so that a record of a megabyte does not become part
/// of a report.
fn shorten(value: &mut Value) {
    let Value::Object(object) = value else { return };
    let mut total = 0;
    object.retain(|key, member| {
        let length = member.to_string().len();
        if length > 1_024 {
            *member = Value::String(format!("left out: {length} bytes"));
        }
        total += key.len() + length.min(1_024);
        total <= LONGEST
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_record_is_found_however_its_file_is_written() {
        let wanted: BTreeSet<String> = ["a-1".to_owned()].into();
        let holds = |text: &str| Reader::of_text(text.as_bytes().to_vec()).may_hold(&wanted);
        for text in [
            r#"{"Records":[{"eventID":"b-2"},{"eventID":"a-1"}]}"#,
            "{\"eventID\" :\n \"a-1\"}",
            r#"{"CloudTrailEvent":"{\"eventID\":\"a-1\"}"}"#,
            // What it is without its escapes is not looked at here.
            r#"{"eventID":"a\u002d1"}"#,
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [r#"{"eventID":"a-12"}"#, r#"{"eventName":"a-1"}"#, r#"{"eventID":null}"#, ""] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn no_session_token_or_secret_stays_in_a_sample() {
        let raw = br#"{"eventName":"AssumeRole","responseElements":{"credentials":{"accessKeyId":"ASIAEXAMPLE","sessionToken":"FwoGZXIvYXdzEXAMPLE","secretAccessKey":"wJalr"}},"requestParameters":{"masterUserPassword":"hunter2","text":"{\"SecretString\":\"s3cr3t\",\"a\":1}"}}"#;
        let text = presentable(raw).unwrap();
        for secret in ["FwoGZXIvYXdzEXAMPLE", "wJalr", "hunter2", "s3cr3t"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("ASIAEXAMPLE"));
    }
}
