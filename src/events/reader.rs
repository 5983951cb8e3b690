//! A file of JSON records, read piece by piece.
//!
//! The content is inflated whole where it is small (as nearly all CloudTrail files are) and streamed where it is not, so memory
//! is bounded by the largest record, not by the file. Envelopes (`Records`, `Events`, arrays, lines) are stepped over: whatever
//! stands between two objects does not matter. What is not JSON is skipped up to the next thing that looks like a record, and
//! said with its position.

use std::fs::File;
use std::io::{BufReader, Read};

use flate2::read::MultiGzDecoder;
use libdeflater::Decompressor;

use super::files::{Place, SourceFile};
use super::json::{Cursor, Stop};
use super::record::{Object, Record, read_object};

/// A file up to this inflated size is inflated in one piece.
const WHOLE_FILE: usize = 64 << 20;
/// Piece by piece, this much is read at a time.
const PIECE: usize = 4 << 20;
/// CloudTrail limits an event to 256 KB, 1 MB on request. Beyond this a "record" is not read.
const LONGEST_RECORD: usize = 16 << 20;
/// CloudTrail compresses 2 to 13 times. A file that expands more than this, to more than [`EXPANDED_SUSPICIOUS`], is not read on.
const EXPANSION_SUSPICIOUS: u64 = 200;
const EXPANDED_SUSPICIOUS: u64 = 1 << 30;

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

/// An open file, or what is left of one.
pub struct Reader {
    /// `text[position..]` is not read yet.
    text: Vec<u8>,
    position: usize,
    /// Where `text` begins in the content.
    base: u64,
    more: Option<Box<dyn Read + Send>>,
    file_bytes: u64,
    expands: bool,
}

impl Reader {
    /// Opens a file. For [`Format::Parquet`] the reader holds nothing.
    pub fn open(file: &SourceFile, buffers: &mut Buffers) -> std::io::Result<(Format, Reader)> {
        let path = match &file.place {
            Place::StandardInput => {
                let mut input: Box<dyn Read + Send> = Box::new(std::io::stdin());
                let mut magic = Vec::new();
                input.by_ref().take(4).read_to_end(&mut magic)?;
                let expands = is_gzip(&magic);
                let whole = std::io::Cursor::new(magic.clone()).chain(input);
                let input: Box<dyn Read + Send> =
                    if expands { Box::new(MultiGzDecoder::new(BufReader::new(whole))) } else { Box::new(whole) };
                let format = if magic.is_empty() { Format::Empty } else { Format::Json };
                return Ok((format, Reader::streaming(input, Vec::new(), 0, false)));
            }
            Place::Path(path) => path,
        };
        let mut handle = File::open(path)?;
        let length = handle.metadata()?.len();
        let compressed = &mut buffers.compressed;
        compressed.clear();
        handle.by_ref().take(WHOLE_FILE as u64).read_to_end(compressed)?;
        if compressed.is_empty() {
            return Ok((Format::Empty, Reader::whole(Vec::new())));
        }
        if compressed.starts_with(b"PAR1") {
            return Ok((Format::Parquet, Reader::whole(Vec::new())));
        }
        let is_whole = length <= WHOLE_FILE as u64;
        if !is_gzip(compressed) {
            let text = std::mem::take(compressed);
            let rest: Box<dyn Read + Send> = if is_whole { Box::new(std::io::empty()) } else { Box::new(handle) };
            return Ok((Format::Json, Reader::streaming(rest, text, length, false)));
        }
        if is_whole && let Some(text) = inflate_whole(buffers) {
            return Ok((Format::Json, Reader::whole(text)));
        }
        // Large, of several members, or damaged: inflated piece by piece, which gives what can be had.
        let input = BufReader::with_capacity(1 << 18, File::open(path)?);
        Ok((Format::Json, Reader::streaming(Box::new(MultiGzDecoder::new(input)), Vec::new(), length, true)))
    }

    fn whole(text: Vec<u8>) -> Reader {
        Reader { text, position: 0, base: 0, more: None, file_bytes: 0, expands: false }
    }

    fn streaming(more: Box<dyn Read + Send>, text: Vec<u8>, file_bytes: u64, expands: bool) -> Reader {
        Reader { text, position: 0, base: 0, more: Some(more), file_bytes, expands }
    }

    /// Text that is in memory already, such as a record inside a string.
    pub fn of_text(text: Vec<u8>) -> Reader {
        Reader::whole(text)
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
                    let at = self.base + start as u64;
                    let length = self.text.len() - start;
                    if length < LONGEST_RECORD && self.fill(visitor) {
                        continue;
                    }
                    let at_end = self.more.is_none();
                    visitor.problem(if at_end { Problem::Truncated(at) } else { Problem::TooLong(at) });
                    return self.to_next_record(start + 1, visitor);
                }
                Err(Stop::Invalid(position)) => {
                    visitor.problem(Problem::NotJson(self.base + position as u64));
                    return self.to_next_record(start + 1, visitor);
                }
            }
        }
    }

    /// Goes to the next text that begins like a record: `{"eventVersion"`, or a line that begins with an object.
    fn to_next_record(&mut self, from: usize, visitor: &mut dyn Visitor) -> bool {
        const START: &[u8] = b"{\"eventVersion\"";
        let mut from = from;
        loop {
            let rest = self.text.get(from..).unwrap_or_default();
            let record = memchr::memmem::find(rest, START);
            let line = memchr::memmem::find(rest, b"\n{").map(|position| position + 1);
            if let Some(found) = [record, line].into_iter().flatten().min() {
                self.position = from + found;
                return true;
            }
            // The start of a record may lie across the border of two pieces.
            from = self.text.len().saturating_sub(START.len()).max(from);
            self.position = from;
            let before = self.base + self.position as u64;
            if !self.fill(visitor) {
                self.position = self.text.len();
                return false;
            }
            from = usize::try_from(before - self.base).unwrap_or(0);
        }
    }

    /// Reads the next piece behind what is not read yet. `false` at the end of the content.
    fn fill(&mut self, visitor: &mut dyn Visitor) -> bool {
        let Some(more) = &mut self.more else { return false };
        self.base += self.position as u64;
        self.text.drain(..self.position);
        self.position = 0;
        let before = self.text.len();
        let result = more.by_ref().take(PIECE as u64).read_to_end(&mut self.text);
        let end = self.base + self.text.len() as u64;
        match result {
            Ok(0) => {
                self.more = None;
                false
            }
            Ok(_) => {
                if self.expands && end > EXPANDED_SUSPICIOUS && end / self.file_bytes.max(1) > EXPANSION_SUSPICIOUS {
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

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1F, 0x8B])
}

/// Inflates a gzip file of one member in one piece, trusting the length that its trailer states. `None` when that fails or may
/// not be all: the caller then inflates piece by piece.
fn inflate_whole(buffers: &mut Buffers) -> Option<Vec<u8>> {
    let compressed = &buffers.compressed;
    let trailer: [u8; 4] = compressed.get(compressed.len().checked_sub(4)?..)?.try_into().ok()?;
    let length = u32::from_le_bytes(trailer) as usize;
    // Deflate expands 1032 times at most.
    let plausible = length <= WHOLE_FILE && length / 1032 <= compressed.len();
    // A second member would be left unread: another header anywhere (even by chance) is reason enough to go the slow way.
    let several = memchr::memmem::find(compressed.get(2..)?, &[0x1F, 0x8B, 0x08]).is_some();
    if !plausible || several {
        return None;
    }
    let mut text = std::mem::take(&mut buffers.inflated);
    text.resize(length, 0);
    let decompressor = buffers.decompressor.get_or_insert_with(Decompressor::new);
    match decompressor.gzip_decompress(compressed, &mut text) {
        Ok(inflated) if inflated == length => Some(text),
        _ => {
            buffers.inflated = text;
            None
        }
    }
}
