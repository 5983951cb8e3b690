//! A cursor over JSON text that reads what is asked for and steps over the rest.
//!
//! A CloudTrail record is 1 to 2 KB of which a query needs a few hundred bytes. Building a tree of all of it costs several times
//! what inflating the file does, so the decoder walks the text once. The cursor is lenient where that loses nothing: a value that
//! is stepped over needs balanced brackets and terminated strings, no more. It never looks behind the end of its slice, and
//! tells "the text ends here" ([`Stop::Incomplete`]) from "this is not JSON" ([`Stop::Invalid`]), because a file is read in
//! pieces and a record may continue in the next one.

use std::borrow::Cow;

/// Why a walk could not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The text ends inside a value.
    Incomplete,
    /// The byte at this position cannot stand there.
    Invalid(usize),
}

/// A JSON string as it stands in the text, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawString<'a> {
    pub bytes: &'a [u8],
    pub has_escape: bool,
}

impl<'a> RawString<'a> {
    /// The value of the string: escapes resolved; what is not UTF-8 or not a character becomes U+FFFD.
    pub fn decode(self) -> Cow<'a, str> {
        if self.has_escape {
            return Cow::Owned(unescape(self.bytes));
        }
        // Checking whole words at a time is several times as fast as looking for what is not UTF-8.
        std::str::from_utf8(self.bytes).map_or_else(|_| String::from_utf8_lossy(self.bytes), Cow::Borrowed)
    }
}

/// The start of a value that [`Cursor::value`] has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    String(RawString<'a>),
    /// Number, `true`, `false` or another bare word, as it stands.
    Bare(&'a [u8]),
    Null,
    /// An object or array, as it stands, brackets included.
    Container(&'a [u8]),
}

/// A position in JSON text.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    text: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a [u8], position: usize) -> Self {
        Self { text, position }
    }

    pub fn position(&self) -> usize {
        self.position
    }

    /// The next byte that is not white space, without taking it.
    #[inline]
    pub fn peek(&mut self) -> Result<u8, Stop> {
        loop {
            match self.text.get(self.position) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.position += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Stop::Incomplete),
            }
        }
    }

    /// Takes `expected`, or says that something else stands there.
    #[inline]
    pub fn expect(&mut self, expected: u8) -> Result<(), Stop> {
        if self.peek()? == expected {
            self.position += 1;
            Ok(())
        } else {
            Err(Stop::Invalid(self.position))
        }
    }

    /// Takes the `{` of an object.
    pub fn begin_object(&mut self) -> Result<(), Stop> {
        self.expect(b'{')
    }

    /// Takes the next key and its colon, or the closing `}` (then `None`). `first` says whether a key was taken before.
    #[inline]
    pub fn next_key(&mut self, first: &mut bool) -> Result<Option<RawString<'a>>, Stop> {
        match self.peek()? {
            b'}' => {
                self.position += 1;
                return Ok(None);
            }
            b',' if !*first => {
                self.position += 1;
            }
            _ if *first => {}
            _ => return Err(Stop::Invalid(self.position)),
        }
        *first = false;
        let key = self.string()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// Takes the next element's start inside an array: `true` if there is one, `false` after taking the closing `]`.
    #[inline]
    pub fn next_element(&mut self, first: &mut bool) -> Result<bool, Stop> {
        match self.peek()? {
            b']' => {
                self.position += 1;
                Ok(false)
            }
            b',' if !*first => {
                self.position += 1;
                self.peek()?;
                Ok(true)
            }
            _ if *first => {
                *first = false;
                Ok(true)
            }
            _ => Err(Stop::Invalid(self.position)),
        }
    }

    /// Takes a string with its quotes.
    #[inline]
    pub fn string(&mut self) -> Result<RawString<'a>, Stop> {
        if self.peek()? != b'"' {
            return Err(Stop::Invalid(self.position));
        }
        self.position += 1;
        self.string_body()
    }

    /// Takes the rest of a string whose opening quote is taken.
    #[inline]
    fn string_body(&mut self) -> Result<RawString<'a>, Stop> {
        let start = self.position;
        let mut has_escape = false;
        loop {
            let rest = self.text.get(self.position..).ok_or(Stop::Incomplete)?;
            let offset = quote_or_backslash(rest).ok_or(Stop::Incomplete)?;
            let found = self.position + offset;
            if rest.get(offset) == Some(&b'"') {
                self.position = found + 1;
                return Ok(RawString { bytes: self.text.get(start..found).unwrap_or_default(), has_escape });
            }
            has_escape = true;
            self.position = found + 2;
            if self.position > self.text.len() {
                return Err(Stop::Incomplete);
            }
        }
    }

    /// Takes the next value, whatever it is.
    #[inline]
    pub fn value(&mut self) -> Result<Value<'a>, Stop> {
        match self.peek()? {
            b'"' => {
                self.position += 1;
                self.string_body().map(Value::String)
            }
            b'{' | b'[' => self.container().map(Value::Container),
            _ => {
                let bare = self.bare()?;
                Ok(if bare == b"null" { Value::Null } else { Value::Bare(bare) })
            }
        }
    }

    /// Steps over the next value.
    #[inline]
    pub fn skip(&mut self) -> Result<(), Stop> {
        self.value().map(|_| ())
    }

    /// Takes an object or array as it stands. Needs balanced brackets, not valid contents.
    fn container(&mut self) -> Result<&'a [u8], Stop> {
        let start = self.position;
        let mut depth = 0usize;
        loop {
            match self.text.get(self.position) {
                None => return Err(Stop::Incomplete),
                Some(b'"') => {
                    self.position += 1;
                    self.string_body()?;
                }
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.position += 1;
                }
                Some(b'}' | b']') => {
                    self.position += 1;
                    depth -= 1;
                    if depth == 0 {
                        return self.text.get(start..self.position).ok_or(Stop::Incomplete);
                    }
                }
                Some(_) => self.position += 1,
            }
        }
    }

    /// Takes a number or word. Its end is only known when something follows it.
    fn bare(&mut self) -> Result<&'a [u8], Stop> {
        let start = self.position;
        loop {
            match self.text.get(self.position) {
                None => return Err(Stop::Incomplete),
                Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') => {
                    let bare = self.text.get(start..self.position).unwrap_or_default();
                    return if bare.is_empty() { Err(Stop::Invalid(start)) } else { Ok(bare) };
                }
                Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.') => self.position += 1,
                Some(_) => return Err(Stop::Invalid(self.position)),
            }
        }
    }
}

/// Offset of the first `"` or `\`. Most strings of a record are short: eight bytes at a time, then the vector search.
#[inline]
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut offset = 0;
    for chunk in text.chunks_exact(8).take(3) {
        let Ok(bytes) = <[u8; 8]>::try_from(chunk) else { break };
        let word = u64::from_le_bytes(bytes);
        let quotes = word ^ (ONES * b'"' as u64);
        let slashes = word ^ (ONES * b'\\' as u64);
        // A byte of `quotes` or `slashes` is zero where the character stands; the lowest such bit is exact.
        let found = (quotes.wrapping_sub(ONES) & !quotes & HIGHS) | (slashes.wrapping_sub(ONES) & !slashes & HIGHS);
        if found != 0 {
            return Some(offset + (found.trailing_zeros() / 8) as usize);
        }
        offset += 8;
    }
    memchr::memchr2(b'"', b'\\', text.get(offset..)?).map(|found| offset + found)
}

/// Resolves the escapes of a JSON string body.
fn unescape(bytes: &[u8]) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(slash) = memchr::memchr(b'\\', rest) {
        let (before, after) = rest.split_at(slash);
        out.extend_from_slice(before);
        let Some(escape) = after.get(1) else {
            rest = after;
            break;
        };
        rest = after.get(2..).unwrap_or_default();
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let (character, tail) = unicode_escape(rest);
                let mut buffer = [0; 4];
                out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                rest = tail;
            }
            other => out.push(*other),
        }
    }
    out.extend_from_slice(rest);
    match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

/// Reads the four digits after `\u`, and the second half of a surrogate pair if it follows.
fn unicode_escape(rest: &[u8]) -> (char, &[u8]) {
    let hex = |text: &[u8]| -> Option<u32> {
        let digits = std::str::from_utf8(text.get(..4)?).ok()?;
        if digits.starts_with('+') { None } else { u32::from_str_radix(digits, 16).ok() }
    };
    let Some(first) = hex(rest) else { return (char::REPLACEMENT_CHARACTER, rest) };
    let tail = rest.get(4..).unwrap_or_default();
    if (0xD800..0xDC00).contains(&first)
        && tail.starts_with(b"\\u")
        && let Some(second) = tail.get(2..).and_then(hex)
        && (0xDC00..0xE000).contains(&second)
    {
        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        return (character, tail.get(6..).unwrap_or_default());
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), tail)
}

/// A container as compact JSON text: white space between tokens removed, so that the same value has the same text.
pub fn compact(container: &[u8]) -> Cow<'_, str> {
    let mut outside_has_space = false;
    let mut cursor = Cursor::new(container, 0);
    while let Some(byte) = container.get(cursor.position) {
        match byte {
            b'"' => {
                cursor.position += 1;
                if cursor.string_body().is_err() {
                    break;
                }
            }
            b' ' | b'\n' | b'\r' | b'\t' => {
                outside_has_space = true;
                break;
            }
            _ => cursor.position += 1,
        }
    }
    if !outside_has_space {
        return String::from_utf8_lossy(container);
    }
    let mut out = Vec::with_capacity(container.len());
    let mut cursor = Cursor::new(container, 0);
    while let Some(byte) = container.get(cursor.position) {
        match byte {
            b'"' => {
                let start = cursor.position;
                cursor.position += 1;
                let end = if cursor.string_body().is_ok() { cursor.position } else { container.len() };
                cursor.position = end;
                out.extend_from_slice(container.get(start..end).unwrap_or_default());
            }
            b' ' | b'\n' | b'\r' | b'\t' => cursor.position += 1,
            other => {
                out.push(*other);
                cursor.position += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_read_with_its_escapes_resolved() {
        for (text, expected) in [
            (r#""plain""#, "plain"),
            (r#""a\"b\\c\/d""#, "a\"b\\c/d"),
            (r#""\u00e9\ud83d\ude00""#, "é😀"),
            (r#""\ud83d!""#, "\u{fffd}!"),
            (r#""\u0000""#, "\0"),
            ("\"\u{fc}ber zwölf Zeichen, mit Anführung \\\" am Ende\"", "über zwölf Zeichen, mit Anführung \" am Ende"),
        ] {
            let mut cursor = Cursor::new(text.as_bytes(), 0);
            assert_eq!(cursor.string().unwrap().decode(), expected);
            assert_eq!(cursor.position(), text.len());
        }
    }

    #[test]
    fn text_that_ends_inside_a_value_is_incomplete_and_not_invalid() {
        let whole = br#"{"a":{"b":[1,"x\"y",null]},"c":"d"}"#;
        for end in 0..whole.len() {
            assert_eq!(Cursor::new(&whole[..end], 0).skip(), Err(Stop::Incomplete), "cut at {end}");
        }
        assert_eq!(Cursor::new(whole, 0).skip(), Ok(()));
    }

    #[test]
    fn compact_text_has_no_white_space_outside_strings() {
        assert_eq!(compact(b"{ \"a b\" : [ 1 ,\n 2 ] }"), "{\"a b\":[1,2]}");
        assert_eq!(compact(b"{\"a b\":1}"), "{\"a b\":1}");
    }
}
