//! JSON with positions: every value and every key knows where it stands, so that a message can point at it.
//!
//! The parser is strict (RFC 8259). It keeps duplicate keys, because a policy that holds one must be reported, and numbers as they
//! are written. Mistakes that people make by hand (comments, trailing commas, single quotes) have messages of their own.

use std::ops::Range;

use thiserror::Error;

/// Nesting that no policy needs; deeper input is refused before it can exhaust the stack.
const MAXIMUM_DEPTH: usize = 64;

/// A value and the bytes of the text that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub value: Value,
    pub span: Range<usize>,
}

/// A JSON value. Numbers keep their spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// One member of an object, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

impl Node {
    /// What the value is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    /// The text, if the value is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members, if the value is an object.
    pub fn members(&self) -> Option<&[Member]> {
        match &self.value {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The first member with this name, if the value is an object that has one.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.members()?.iter().find(|member| member.key == key).map(|member| &member.value)
    }

    /// A list as it is; any other value as a list of one. IAM lets a list of one be written without brackets.
    pub fn one_or_many(&self) -> &[Node] {
        match &self.value {
            Value::Array(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// Text, number, true or false as the text that IAM compares: quotes around numbers and booleans are optional.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::String(text) | Value::Number(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// Why a text is not JSON, and the byte at which that shows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SyntaxError {
    pub message: String,
    pub at: usize,
}

/// Reads one JSON value that fills the whole text. A byte order mark in front is passed over.
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser { text, at: 0 };
    if text.starts_with('\u{feff}') {
        parser.at = '\u{feff}'.len_utf8();
    }
    parser.skip_blank()?;
    if parser.at == text.len() {
        return Err(parser.error("the file is empty; expected a JSON object"));
    }
    let node = parser.value(0)?;
    parser.skip_blank()?;
    if parser.at < text.len() {
        return Err(parser.error("expected the end of the file after the JSON value"));
    }
    Ok(node)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { message: message.into(), at: self.at.min(self.text.len()) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The character at the current position, for messages.
    fn found(&self) -> String {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(character) if character.is_control() => format!("the character U+{:04X}", u32::from(character)),
            Some(character) => format!("`{character}`"),
            None => "the end of the file".to_owned(),
        }
    }

    fn skip_blank(&mut self) -> Result<(), SyntaxError> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'/' | b'#' => return Err(self.error("JSON has no comments; remove this one")),
                _ => break,
            }
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        if depth > MAXIMUM_DEPTH {
            return Err(self.error(format!("nested deeper than {MAXIMUM_DEPTH} levels; no policy is")));
        }
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(b'\'') => return Err(self.error("JSON texts stand in double quotes, not in single ones")),
            _ => return Err(self.error(format!("expected a value, found {}", self.found()))),
        };
        Ok(Node { value, span: start..self.at })
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, SyntaxError> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error(format!("expected a value, found {}; texts need double quotes", self.found())))
    }

    fn object(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.at += 1;
        let mut members = Vec::new();
        self.skip_blank()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_blank()?;
            let start = self.at;
            match self.peek() {
                Some(b'"') => {}
                Some(b'}') => return Err(self.error("a comma before `}` has nothing after it; remove the comma")),
                _ => return Err(self.error(format!("expected a name in double quotes, found {}", self.found()))),
            }
            let key = self.string()?;
            let key_span = start..self.at;
            self.skip_blank()?;
            if self.peek() != Some(b':') {
                return Err(self.error(format!("expected `:` after the name `{key}`, found {}", self.found())));
            }
            self.at += 1;
            self.skip_blank()?;
            let value = self.value(depth + 1)?;
            members.push(Member { key, key_span, value });
            self.skip_blank()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                _ => return Err(self.error(format!("expected `,` or `}}`, found {}", self.found()))),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blank()?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.skip_blank()?;
            if self.peek() == Some(b']') {
                return Err(self.error("a comma before `]` has nothing after it; remove the comma"));
            }
            items.push(self.value(depth + 1)?);
            self.skip_blank()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.error(format!("expected `,` or `]`, found {}", self.found()))),
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        match self.digits() {
            0 => return Err(self.error("expected a digit after `-`")),
            2.. if leading_zero => {
                self.at = start;
                return Err(self.error("a number does not start with 0; account ids stand in double quotes"));
            }
            _ => {}
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.error("expected a digit after the decimal point"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.error("expected a digit in the exponent"));
            }
        }
        Ok(Value::Number(self.text.get(start..self.at).unwrap_or_default().to_owned()))
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let opening = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(rest.len());
            text.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.error("a text ends on its line; a line break in it is written \\n")),
                None => {
                    self.at = opening;
                    return Err(self.error("this text has no closing quote"));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        self.at += 1;
        let character = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.error(format!("`\\` before {} means nothing in JSON", self.found()))),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, SyntaxError> {
        let high = self.hexadecimal()?;
        if !(0xD800..0xE000).contains(&high) {
            return char::from_u32(high).ok_or_else(|| self.error("not a character"));
        }
        // A pair of surrogates is one character.
        if high < 0xDC00 && self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u")) {
            self.at += 2;
            let low = self.hexadecimal()?;
            if (0xDC00..0xE000).contains(&low) {
                let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return char::from_u32(code).ok_or_else(|| self.error("not a character"));
            }
        }
        Err(self.error("half of a surrogate pair is not a character"))
    }

    fn hexadecimal(&mut self) -> Result<u32, SyntaxError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => Err(self.error("expected four hexadecimal digits after `\\u`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_place_and_duplicate_keys_are_kept() {
        let text = "\u{feff}{ \"a\": [1.50, \"\\u00e9\\ud83d\\ude00\"], \"a\": true }";
        let node = parse(text).unwrap();
        let members = node.members().unwrap();
        assert_eq!(members.len(), 2);
        assert_eq!(text.get(members[1].key_span.clone()), Some("\"a\""));
        let items = members[0].value.one_or_many();
        assert_eq!(items[0].scalar().as_deref(), Some("1.50"));
        assert_eq!(items[1].as_str(), Some("\u{e9}\u{1f600}"));
        assert_eq!(text.get(items[0].span.clone()), Some("1.50"));
    }

    #[test]
    fn mistakes_made_by_hand_have_their_own_message() {
        for (text, at, part) in [
            ("", 0, "empty"),
            ("{\"a\": 1,}", 8, "comma before `}`"),
            ("[1,]", 3, "comma before `]`"),
            ("// x\n{}", 0, "no comments"),
            ("{'a': 1}", 1, "double quotes"),
            ("{\"a\" 1}", 5, "expected `:`"),
            ("{\"a\": \"x", 6, "no closing quote"),
            ("{\"a\": 0123}", 6, "account ids"),
            ("{\"a\": \"x\ny\"}", 8, "line break"),
            ("{} {}", 3, "end of the file"),
            ("[\"\\ud800\"]", 8, "surrogate"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(part), "{text}: {}", error.message);
            assert_eq!(error.at, at, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse(&deep).unwrap_err().message.contains("64 levels"));
    }
}
