//! A file of JSON records, read piece by piece.
//!
//! The content is inflated whole where it is small (as nearly all CloudTrail files are) and streamed where it is not, so memory
//! is bounded by the largest record, not by the file. Envelopes (`Records`, `Events`, arrays, lines) are stepped over: whatever
//! stands between two objects does not matter. What is not JSON is skipped up to the next thing that looks like a record, and
//! said with its position.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Cursor as Bytes, Read, Seek};

use libdeflater::Decompressor;

use super::files::SourceFile;
use super::gzip::{Members, WHOLE_FILE, inflate_whole, is_gzip};
use super::json::{Cursor, Stop};
use super::record::{Object, Record, read_object};

/// Piece by piece, this much is read at a time.
const PIECE: usize = 4 << 20;
/// CloudTrail limits an event to 256 KB, 1 MB on request. Beyond this a "record" is not read.
const LONGEST_RECORD: usize = 16 << 20;
/// CloudTrail compresses 2 to 13 times. A file that expands more than this, to more than [`EXPANDED_SUSPICIOUS`], is not read on.
const EXPANSION_SUSPICIOUS: u64 = 100;
const EXPANDED_SUSPICIOUS: u64 = 32 << 20;
/// How a record begins that CloudTrail itself wrote.
const START: &[u8] = b"{\"eventVersion\"";
/// A record whose beginning is longer than this is not learned from.
const LONGEST_START: usize = 128;
/// Damaged text may have to be read again to find the next record in it: so many bytes, and so many times what the file holds.
const REREAD: u64 = 64 << 20;
const REREAD_TIMES: u64 = 4;

/// Something in a file that is not read, with its position in the inflated content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    NotJson(u64),
    Truncated(u64),
    TooLong(u64),
    NotCloudTrail(u64),
    Insight,
    Digest,
    /// The gzip data cannot be inflated beyond this position.
    Corrupt(u64),
    Bomb(u64),
    /// Too damaged to find the records behind this position in bearable time.
    Damaged(u64),
}

/// Who is told what a file holds.
pub trait Visitor {
    /// `raw` is the text of the record.
    fn record(&mut self, record: &Record<'_>, raw: &[u8]);
    fn problem(&mut self, problem: Problem);
}

/// Buffers that outlive a file, so that thousands of small files share them.
#[derive(Default)]
pub struct Buffers {
    compressed: Vec<u8>,
    inflated: Vec<u8>,
    decompressor: Option<Decompressor>,
}

/// What the first bytes of a file say that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Parquet,
    Empty,
}

/// What of a file is not in memory yet.
enum More {
    Plain(Box<dyn Read + Send>),
    Gzip(Box<Members<Box<dyn Read + Send>>>),
}

impl More {
    /// Appends the next piece.
    fn read_piece(&mut self, text: &mut Vec<u8>) -> std::io::Result<usize> {
        match self {
            More::Plain(input) => input.take(PIECE as u64).read_to_end(text),
            More::Gzip(members) => members.take(PIECE as u64).read_to_end(text),
        }
    }
}

/// An open file, or what is left of one.
pub struct Reader {
    /// `text[position..]` is not read yet.
    text: Vec<u8>,
    position: usize,
    /// Where `text` begins in the content.
    base: u64,
    more: Option<More>,
    file_bytes: u64,
    /// How the records of this file begin, once one was read.
    start: Option<Vec<u8>>,
    /// Bytes that were read in vain.
    reread: u64,
}

impl Reader {
    /// Opens a file. For [`Format::Parquet`] the reader holds nothing, and the file is to be read from its beginning.
    pub fn open(file: &SourceFile, buffers: &mut Buffers) -> std::io::Result<(Format, File, Reader)> {
        let mut handle = file.open()?;
        let file_bytes = handle.metadata()?.len();
        let compressed = &mut buffers.compressed;
        compressed.clear();
        handle.by_ref().take(WHOLE_FILE as u64).read_to_end(compressed)?;
        if compressed.is_empty() {
            return Ok((Format::Empty, handle, Reader::of_text(Vec::new())));
        }
        if compressed.starts_with(b"PAR1") {
            handle.rewind()?;
            return Ok((Format::Parquet, handle, Reader { file_bytes, ..Reader::of_text(Vec::new()) }));
        }
        let is_whole = compressed.len() < WHOLE_FILE;
        let rest = || -> std::io::Result<Box<dyn Read + Send>> {
            Ok(if is_whole { Box::new(std::io::empty()) } else { Box::new(handle.try_clone()?) })
        };
        if !is_gzip(compressed) {
            let more = Some(More::Plain(rest()?));
            let reader = Reader { more, file_bytes, ..Reader::of_text(std::mem::take(compressed)) };
            return Ok((Format::Json, handle, reader));
        }
        if is_whole {
            let decompressor = buffers.decompressor.get_or_insert_with(Decompressor::new);
            if inflate_whole(compressed, decompressor, &mut buffers.inflated) {
                let reader = Reader { file_bytes, ..Reader::of_text(std::mem::take(&mut buffers.inflated)) };
                return Ok((Format::Json, handle, reader));
            }
        }
        // Large, of several members, or damaged: inflated piece by piece, which gives what can be had.
        let input: Box<dyn Read + Send> = Box::new(Bytes::new(std::mem::take(compressed)).chain(rest()?));
        let more = Some(More::Gzip(Box::new(Members::new(input))));
        Ok((Format::Json, handle, Reader { more, file_bytes, ..Reader::of_text(Vec::new()) }))
    }

    /// Text that is in memory already, such as a record inside a string.
    pub fn of_text(text: Vec<u8>) -> Reader {
        Reader { text, position: 0, base: 0, more: None, file_bytes: 0, start: None, reread: 0 }
    }

    /// Size of the file on disk; 0 for text from memory.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Bytes of text that the reader holds.
    pub fn held(&self) -> usize {
        self.text.capacity()
    }

    /// Does the content have any of these event ids? `true` also where that cannot be told from the text at hand: a large file, an id
    /// with escapes.
    pub fn may_hold(&self, event_ids: &BTreeSet<String>) -> bool {
        const NAME: &[u8] = b"eventID";
        if self.more.is_some() {
            return true;
        }
        let is_wanted = |at: usize| {
            let rest = self.text.get(at + NAME.len()..).unwrap_or_default();
            // A record inside a string has escaped quotes.
            let before = |byte: &u8| matches!(byte, b'"' | b'\\' | b':' | b' ' | b'\t' | b'\r' | b'\n');
            let value = rest.get(rest.iter().position(|byte| !before(byte)).unwrap_or(rest.len())..).unwrap_or_default();
            let end = value.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(value.len());
            let has_escape = value.get(end) == Some(&b'\\') && value.get(end + 1) != Some(&b'"');
            let id = value.get(..end).and_then(|id| std::str::from_utf8(id).ok());
            has_escape || id.is_none_or(|id| event_ids.contains(id))
        };
        memchr::memmem::find_iter(&self.text, NAME).any(is_wanted)
    }

    /// Gives the buffer back for the next file.
    pub fn close(self, buffers: &mut Buffers) {
        if self.text.capacity() <= WHOLE_FILE {
            buffers.inflated = self.text;
        }
    }

    /// Reads up to `limit` objects. `false` when the file is at its end.
    pub fn read(&mut self, limit: usize, visitor: &mut dyn Visitor) -> bool {
        for _ in 0..limit {
            if !self.step(visitor, 0) {
                return false;
            }
        }
        true
    }

    /// Reads one object, or steps over one thing that is none.
    fn step(&mut self, visitor: &mut dyn Visitor, nesting: u8) -> bool {
        loop {
            // Whatever separates or encloses objects: white space, commas, brackets, the keys of an envelope after its array.
            let separators = self.text.get(self.position..).unwrap_or_default();
            let is_separator = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b'[' | b']' | b'}');
            let skipped = separators.iter().position(|byte| !is_separator(byte));
            match skipped {
                Some(skipped) => self.position += skipped,
                None => {
                    self.position = self.text.len();
                    if self.fill(visitor) {
                        continue;
                    }
                    return false;
                }
            }
            let start = self.position;
            let mut cursor = Cursor::new(&self.text, start);
            let read = match self.text.get(start) {
                Some(b'{') => read_object(&mut cursor),
                // A byte order mark.
                Some(0xEF) if self.base == 0 && start == 0 && self.text.starts_with(&[0xEF, 0xBB, 0xBF]) => {
                    self.position = 3;
                    continue;
                }
                Some(b'"') => after_array(&mut cursor).map(|()| Object::Array(cursor.position())),
                _ => Err(Stop::Invalid(start)),
            };
            match read {
                Ok(Object::Array(position)) => {
                    self.position = position;
                    continue;
                }
                Ok(object) => {
                    let end = cursor.position();
                    let at = self.base + start as u64;
                    match object {
                        Object::Record(record) => {
                            if nesting == 0 && self.start.is_none() {
                                self.start = Some(start_of(self.text.get(start..end).unwrap_or_default()));
                            }
                            visitor.record(&record, self.text.get(start..end).unwrap_or_default());
                        }
                        Object::Wrapped(text) if nesting == 0 => {
                            let mut inner = Reader::of_text(text.decode().into_owned().into_bytes());
                            let mut any = false;
                            while inner.step(&mut Counting { visitor, any: &mut any }, 1) {}
                            if !any {
                                visitor.problem(Problem::NotCloudTrail(at));
                            }
                        }
                        Object::Digest => visitor.problem(Problem::Digest),
                        Object::Insight => visitor.problem(Problem::Insight),
                        Object::Wrapped(_) | Object::Other | Object::Array(_) => {
                            visitor.problem(Problem::NotCloudTrail(at));
                        }
                    }
                    self.position = end;
                    return true;
                }
                Err(Stop::Incomplete) => {
                    if self.text.len() - start < LONGEST_RECORD && self.fill(visitor) {
                        continue;
                    }
                    // Reading on moved what is not read yet to the beginning, or dropped it.
                    let (start, length) = (self.position, self.text.len() - self.position);
                    if length == 0 {
                        return false;
                    }
                    let at = self.base + start as u64;
                    visitor.problem(if self.more.is_none() { Problem::Truncated(at) } else { Problem::TooLong(at) });
                    return self.go_on_behind(start, length, visitor);
                }
                Err(Stop::Invalid(position)) => {
                    visitor.problem(Problem::NotJson(self.base + position as u64));
                    return self.go_on_behind(start, position - start, visitor);
                }
            }
        }
    }

    /// Goes on behind an object at `start` of which `read` bytes were read before it turned out to be none.
    fn go_on_behind(&mut self, start: usize, read: usize, visitor: &mut dyn Visitor) -> bool {
        self.reread += read as u64;
        let held = self.base + self.text.len() as u64;
        if self.reread > REREAD.saturating_add(held.saturating_mul(REREAD_TIMES)) {
            visitor.problem(Problem::Damaged(self.base + start as u64));
            self.more = None;
            self.text.clear();
            self.position = 0;
            return false;
        }
        self.skip_to_next_record(start + 1, visitor)
    }

    /// Goes to the next text that begins like a record: as CloudTrail writes it, as the records before it began, or a line that
    /// begins with an object.
    fn skip_to_next_record(&mut self, from: usize, visitor: &mut dyn Visitor) -> bool {
        const WINDOW: usize = 4_096;
        let learned = self.start.take().unwrap_or_default();
        let longest = learned.len().max(START.len());
        let mut from = from;
        let mut window = WINDOW;
        let found = loop {
            let rest = self.text.get(from..).unwrap_or_default();
            let searched = rest.get(..window).unwrap_or(rest);
            let line = memchr::memmem::find(searched, b"\n{").map(|position| position + 1);
            let find = |start: &[u8]| if start.is_empty() { None } else { memchr::memmem::find(searched, start) };
            if let Some(found) = [find(START), find(&learned), line].into_iter().flatten().min() {
                self.position = from + found;
                break true;
            }
            if searched.len() < rest.len() {
                // The start of a record may lie across the border of two windows.
                from += window - longest;
                window = window.saturating_mul(2);
                continue;
            }
            // Or of two pieces.
            self.position = self.text.len().saturating_sub(longest).max(from);
            if !self.fill(visitor) {
                self.position = self.text.len();
                break false;
            }
            from = 0;
        };
        self.start = Some(learned).filter(|start| !start.is_empty());
        found
    }

    /// Reads the next piece behind what is not read yet. `false` at the end of the content.
    fn fill(&mut self, visitor: &mut dyn Visitor) -> bool {
        let Some(more) = &mut self.more else { return false };
        self.base += self.position as u64;
        self.text.drain(..self.position);
        self.position = 0;
        let before = self.text.len();
        let result = more.read_piece(&mut self.text);
        let end = self.base + self.text.len() as u64;
        match result {
            Ok(0) => {
                self.more = None;
                false
            }
            Ok(_) => {
                let consumed = if let More::Gzip(members) = more { members.consumed() } else { end };
                if end > EXPANDED_SUSPICIOUS && end / consumed.max(1) > EXPANSION_SUSPICIOUS {
                    visitor.problem(Problem::Bomb(end));
                    self.more = None;
                    self.text.clear();
                    return false;
                }
                true
            }
            Err(_) => {
                visitor.problem(Problem::Corrupt(end));
                self.more = None;
                self.text.len() > before
            }
        }
    }
}

/// Steps over what follows an array in its envelope, such as `"NextToken": "…"`. An array of records behind it is found by the
/// brackets.
fn after_array(cursor: &mut Cursor<'_>) -> Result<(), Stop> {
    let key = cursor.string()?;
    cursor.expect(b':')?;
    let is_records = matches!(key.bytes, b"Records" | b"Events") && cursor.peek()? == b'[';
    if is_records { Ok(()) } else { cursor.skip() }
}

/// The beginning of a record up to its first key, where it differs from how CloudTrail writes it.
fn start_of(record: &[u8]) -> Vec<u8> {
    let quote = |from: usize| memchr::memchr(b'"', record.get(from..)?).map(|position| from + position);
    let end = quote(1).and_then(|opening| quote(opening + 1)).map_or(0, |closing| closing + 1);
    let start = record.get(..end).filter(|start| start.len() <= LONGEST_START && *start != START);
    start.unwrap_or_default().to_vec()
}

/// Passes everything on and notes whether a record was among it.
struct Counting<'a> {
    visitor: &'a mut dyn Visitor,
    any: &'a mut bool,
}

impl Visitor for Counting<'_> {
    fn record(&mut self, record: &Record<'_>, raw: &[u8]) {
        *self.any = true;
        self.visitor.record(record, raw);
    }

    fn problem(&mut self, _: Problem) {}
}
