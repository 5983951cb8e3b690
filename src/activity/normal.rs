//! JSON columns in their normal form: the members that are kept, sorted, without white space, objects of S3 cut.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::cut::{cut_arn_in, cut_bucket_and_key, cut_key};
use super::definition::{Fate, Fates, fates};
use crate::events::json::{Cursor, RawString, Stop, Value};

/// Objects and arrays inside each other, at most. Deeper text has no normal form.
const DEEPEST: usize = 64;

/// Text in an unexpected form: it has no normal form, and the column is null.
struct NotJson;

impl From<Stop> for NotJson {
    fn from(_: Stop) -> Self {
        NotJson
    }
}

/// `request_parameters`: of the members of the object those that are kept. `None` for anything but an object.
pub fn request_parameters(text: &[u8], is_s3: bool, depth: usize) -> Option<String> {
    let mut writer = Writer { out: String::with_capacity(text.len()), depth };
    let fate = |name: &str| fates().of_parameter(is_s3, name);
    writer.chosen_members(text, fate).ok()?;
    Some(writer.out)
}

/// Of the parameters of a request to S3 only what names its resource.
pub fn object_of_s3(text: &[u8], depth: usize) -> Option<String> {
    let mut writer = Writer { out: String::new(), depth };
    let fate = |name: &str| match name {
        "bucketname" => Fate::Kept,
        "key" => Fate::Key,
        _ => Fate::Dropped,
    };
    writer.chosen_members(text, fate).ok()?;
    Some(writer.out)
}

/// `additional_event_data`: of the members of the object those that are kept; `None` if there are none.
pub fn additional_event_data(text: &[u8], depth: usize) -> Option<String> {
    let mut writer = Writer { out: String::new(), depth };
    let fate = |name: &str| fates().of_additional_data(name);
    writer.chosen_members(text, fate).ok()?;
    Some(writer.out).filter(|out| out != "{}")
}

/// `event_context`: everything but the members of `requestContext` that are dropped.
pub fn event_context(text: &[u8], depth: usize) -> Option<String> {
    let mut writer = Writer { out: String::with_capacity(text.len()), depth };
    writer.context(text, fates()).ok()?;
    Some(writer.out)
}

/// `resources`: of each object in the array the ARN, its prefix, the account and the type. `None` for anything but an array.
pub fn resources(text: &[u8], depth: usize) -> Option<String> {
    let mut writer = Writer { out: String::with_capacity(text.len()), depth };
    writer.resources(text).ok()?;
    Some(writer.out)
}

/// An object or array, whole. `None` if it is not JSON.
pub fn whole(text: &[u8], depth: usize) -> Option<String> {
    let mut writer = Writer { out: String::with_capacity(text.len()), depth };
    writer.value(Cursor::new(text, 0).value().ok()?, 0).ok()?;
    Some(writer.out)
}

/// The members of an object by name, sorted. Of a name that stands there twice the first counts, as everywhere in this program.
fn members(object: &[u8]) -> Result<Vec<(Cow<'_, str>, Value<'_>)>, NotJson> {
    let mut cursor = Cursor::new(object, 0);
    cursor.begin_object()?;
    let mut members: Vec<(Cow<'_, str>, Value<'_>)> = Vec::new();
    let mut first = true;
    while let Some(key) = cursor.next_key(&mut first)? {
        members.push((key.decode(), cursor.value()?));
    }
    // Stable, so that the first of equal names stays first.
    members.sort_by(|a, b| a.0.cmp(&b.0));
    members.dedup_by(|later, earlier| later.0 == earlier.0);
    Ok(members)
}

struct Writer {
    out: String,
    /// Segments of object keys that are kept.
    depth: usize,
}

impl Writer {
    fn chosen_members(&mut self, text: &[u8], fate: impl Fn(&str) -> Fate) -> Result<(), NotJson> {
        self.object(members(text)?, |writer, name, value| {
            let lower: Cow<'_, str> = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                Cow::Owned(name.to_ascii_lowercase())
            } else {
                Cow::Borrowed(name)
            };
            let scalar = |value: &Value<'_>| match value {
                Value::String(text) => Some(text.decode().into_owned()),
                Value::Bare(bytes) => Some(RawString { bytes, has_escape: false }.decode().into_owned()),
                Value::Null | Value::Container(_) => None,
            };
            let written = match fate(&lower) {
                Fate::Dropped => return Ok(false),
                Fate::Kept => None,
                Fate::Presence => Some("*".to_owned()),
                Fate::Key => scalar(&value).map(|key| cut_key(&key, writer.depth)),
                Fate::BucketAndKey => scalar(&value).and_then(|text| cut_bucket_and_key(&text, writer.depth)),
            };
            writer.name(name);
            match written {
                Some(text) => writer.string(&text),
                None => writer.value(value, 1)?,
            }
            Ok(true)
        })
    }

    fn context(&mut self, text: &[u8], fates: &Fates) -> Result<(), NotJson> {
        self.object(members(text)?, |writer, name, value| {
            writer.name(name);
            match value {
                Value::Container(inner) if name == "requestContext" && inner.starts_with(b"{") => {
                    writer.object(members(inner)?, |writer, name, value| {
                        if fates.of_context(&name.to_ascii_lowercase()) == Fate::Dropped {
                            return Ok(false);
                        }
                        writer.name(name);
                        writer.value(value, 2)?;
                        Ok(true)
                    })?;
                }
                value => writer.value(value, 1)?,
            }
            Ok(true)
        })
    }

    fn resources(&mut self, text: &[u8]) -> Result<(), NotJson> {
        let mut cursor = Cursor::new(text, 0);
        cursor.expect(b'[')?;
        self.out.push('[');
        let (mut first, mut written) = (true, false);
        while cursor.next_element(&mut first)? {
            let Value::Container(element) = cursor.value()? else { continue };
            if !element.starts_with(b"{") {
                continue;
            }
            if written {
                self.out.push(',');
            }
            written = true;
            self.object(members(element)?, |writer, name, value| {
                if !matches!(name, "ARN" | "arn" | "ARNPrefix" | "arnPrefix" | "accountId" | "type") {
                    return Ok(false);
                }
                writer.name(name);
                writer.value(value, 2)?;
                Ok(true)
            })?;
        }
        self.out.push(']');
        Ok(())
    }

    /// An object of the members for which `write` does so.
    fn object<'a>(
        &mut self,
        members: Vec<(Cow<'a, str>, Value<'a>)>,
        mut write: impl FnMut(&mut Self, &str, Value<'a>) -> Result<bool, NotJson>,
    ) -> Result<(), NotJson> {
        self.out.push('{');
        let mut written = false;
        for (name, value) in members {
            if written {
                self.out.push(',');
            }
            let wrote = write(self, &name, value)?;
            if written && !wrote {
                self.out.pop();
            }
            written |= wrote;
        }
        self.out.push('}');
        Ok(())
    }

    fn name(&mut self, name: &str) {
        self.string(name);
        self.out.push(':');
    }

    fn value(&mut self, value: Value<'_>, depth: usize) -> Result<(), NotJson> {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bare(bytes) => self.bare(bytes)?,
            Value::String(text) => self.string(&text.decode()),
            Value::Container(_) if depth >= DEEPEST => return Err(NotJson),
            Value::Container(inner) if inner.starts_with(b"{") => {
                self.object(members(inner)?, |writer, name, value| {
                    writer.name(name);
                    writer.value(value, depth + 1)?;
                    Ok(true)
                })?;
            }
            Value::Container(inner) => {
                let mut cursor = Cursor::new(inner, 0);
                cursor.expect(b'[')?;
                self.out.push('[');
                let mut first = true;
                while cursor.next_element(&mut first)? {
                    if !self.out.ends_with('[') {
                        self.out.push(',');
                    }
                    let element = cursor.value()?;
                    self.value(element, depth + 1)?;
                }
                self.out.push(']');
            }
        }
        Ok(())
    }

    /// A string, escaped as Trino's `json_format` does, and cut if it is the ARN of an object in S3.
    fn string(&mut self, text: &str) {
        self.out.push('"');
        let start = self.out.len();
        let needs_escape = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        if text.bytes().any(needs_escape) {
            for character in text.chars() {
                match character {
                    '"' => self.out.push_str("\\\""),
                    '\\' => self.out.push_str("\\\\"),
                    '\u{8}' => self.out.push_str("\\b"),
                    '\u{c}' => self.out.push_str("\\f"),
                    '\n' => self.out.push_str("\\n"),
                    '\r' => self.out.push_str("\\r"),
                    '\t' => self.out.push_str("\\t"),
                    control if control < ' ' => {
                        // Writing into a string cannot fail.
                        let _ = write!(self.out, "\\u{:04X}", u32::from(control));
                    }
                    other => self.out.push(other),
                }
            }
        } else {
            self.out.push_str(text);
        }
        if text.starts_with("arn:")
            && let Some(cut) = self.out.get(start..).and_then(|escaped| cut_arn_in(escaped, self.depth, true))
        {
            self.out.truncate(start);
            self.out.push_str(&cut);
        }
        self.out.push('"');
    }

    /// A number, `true` or `false`. A fraction is written as Java writes it, which is what Trino does.
    fn bare(&mut self, bytes: &[u8]) -> Result<(), NotJson> {
        let text = std::str::from_utf8(bytes).map_err(|_| NotJson)?;
        if matches!(text, "true" | "false") {
            self.out.push_str(text);
            return Ok(());
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(NotJson);
        }
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.out.push_str(text);
            return Ok(());
        }
        let number: f64 = text.parse().map_err(|_| NotJson)?;
        let size = number.abs();
        let _ = if number == 0.0 || (1e-3..1e7).contains(&size) {
            write!(self.out, "{number:?}")
        } else {
            let text = format!("{number:E}");
            let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
            let point = if digits.contains('.') { "" } else { ".0" };
            write!(self.out, "{digits}{point}E{exponent}")
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_sorted_and_cut() {
        for (source, text, expected) in [
            (
                false,
                r#"{ "tableName" : "t", "key": {"sk":{"S":"b"},"pk":{"S":"a"}}, "NextToken": "x", "limit": 10 }"#,
                r#"{"key":{"pk":{"S":"a"},"sk":{"S":"b"}},"tableName":"t"}"#,
            ),
            (
                false,
                r#"{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::b\/x\u0022y","arn:aws:s3:::b/k":1.50}}"#,
                r#"{"encryptionContext":{"arn:aws:s3:::b/*":1.5,"aws:s3:arn":"arn:aws:s3:::b/*"}}"#,
            ),
            (
                false,
                r#"{"policy":"{\"Resource\":\"arn:aws:s3:::b/k\"}","empty":{},"list":[1,[],"\u00fc\n"]}"#,
                "{\"empty\":{},\"list\":[1,[],\"\u{fc}\\n\"],\"policy\":\"{\\\"Resource\\\":\\\"arn:aws:s3:::b/k\\\"}\"}",
            ),
            (
                false,
                r#"{"logGroupName":"g","logStreamName":"2026/11/01/[1]abc"}"#,
                r#"{"logGroupName":"g","logStreamName":"*"}"#,
            ),
            (
                true,
                r#"{"bucketName":"b","key":"a/b","versionId":"3","X-Amz-Signature":"s","x-amz-copy-source":"c/d/e"}"#,
                r#"{"bucketName":"b","key":"*","versionId":"*","x-amz-copy-source":"c/*"}"#,
            ),
            (true, r#"{"X-Amz-Date":"20261101T000000Z"}"#, "{}"),
            (true, r#"{"key":7,"Key":null}"#, r#"{"Key":null,"key":"*"}"#),
            (false, r#"{"a":1,"a":2}"#, r#"{"a":1}"#),
        ] {
            assert_eq!(request_parameters(text.as_bytes(), source, 0).as_deref(), Some(expected), "{text}");
        }
        for not_an_object in ["[]", "null", "\"x\"", "{\"a\":bare}", "{\"a\":[1 2]}", "{\"a\"}"] {
            assert_eq!(request_parameters(not_an_object.as_bytes(), false, 0), None, "{not_an_object}");
        }
    }

    #[test]
    fn text_that_nests_without_end_has_no_normal_form() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(request_parameters(deep.as_bytes(), false, 0), None);
    }

    #[test]
    fn resources_keep_what_names_them() {
        let text = br#"[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/k","extra":1},{"accountId":"111122223333"},7,{}]"#;
        let expected = r#"[{"ARN":"arn:aws:s3:::b/*","type":"AWS::S3::Object"},{"accountId":"111122223333"},{}]"#;
        assert_eq!(resources(text, 0).as_deref(), Some(expected));
        assert_eq!(resources(b"{}", 0), None);
        assert_eq!(resources(b"[]", 0).as_deref(), Some("[]"));
    }

    #[test]
    fn the_rest_is_cut_to_what_a_condition_reads() {
        let data = br#"{"x-amz-id-2":"q","CipherSuite":"c","bytesTransferredIn":0}"#;
        assert_eq!(additional_event_data(data, 0).as_deref(), Some(r#"{"CipherSuite":"c"}"#));
        assert_eq!(additional_event_data(b"{\"x-amz-id-2\":\"q\"}", 0), None);
        let context = br#"{"tagContext":{},"requestContext":{"aws:CurrentTime":"t","aws:userid":"u"}}"#;
        let expected = r#"{"requestContext":{"aws:userid":"u"},"tagContext":{}}"#;
        assert_eq!(event_context(context, 0).as_deref(), Some(expected));
    }

    #[test]
    fn numbers_are_written_as_java_does() {
        for (text, expected) in [
            ("1", "1"),
            ("-7", "-7"),
            ("1.50", "1.5"),
            ("2.0", "2.0"),
            ("1e3", "1000.0"),
            ("1e10", "1.0E10"),
            ("12345678.5", "1.23456785E7"),
            ("0.0001", "1.0E-4"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
        ] {
            assert_eq!(whole(format!("[{text}]").as_bytes(), 0), Some(format!("[{expected}]")), "{text}");
        }
    }
}
