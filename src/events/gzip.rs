//! Gzip files: whole where they are small, piece by piece where they are not.
//!
//! What can be inflated of a damaged file is given out before the error is, to the last byte.

use std::io::{self, BufRead, BufReader, Read};

use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::Decompressor;

/// A file up to this inflated size is inflated in one piece.
pub const WHOLE_FILE: usize = 64 << 20;
const INPUT: usize = 1 << 18;
/// Deflate expands this many times at most.
const LARGEST_EXPANSION: usize = 1032;

const MAGIC: [u8; 2] = [0x1F, 0x8B];

pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Inflates a gzip file of one member in one piece into `text`, trusting the length that its trailer states. `false` when that
/// fails or may not be all: the caller then inflates piece by piece.
pub fn inflate_whole(compressed: &[u8], decompressor: &mut Decompressor, text: &mut Vec<u8>) -> bool {
    let Some(length) = stated_length(compressed) else { return false };
    let plausible = length <= WHOLE_FILE && length / LARGEST_EXPANSION <= compressed.len();
    // A second member would be left unread: another header anywhere (even by chance) is reason enough to go the slow way.
    let several = compressed.get(2..).is_some_and(|rest| memchr::memmem::find(rest, &[0x1F, 0x8B, 0x08]).is_some());
    if !plausible || several {
        return false;
    }
    text.resize(length, 0);
    decompressor.gzip_decompress(compressed, text).is_ok_and(|inflated| inflated == length)
}

fn stated_length(compressed: &[u8]) -> Option<usize> {
    let trailer: [u8; 4] = compressed.get(compressed.len().checked_sub(4)?..)?.try_into().ok()?;
    Some(u32::from_le_bytes(trailer) as usize)
}

/// The contents of all members of a gzip file, one after the other. Zeros behind the last member, which archives pad with, are
/// no error.
pub struct Members<R> {
    input: BufReader<R>,
    member: Option<Decompress>,
    members: u64,
    consumed: u64,
}

impl<R: Read> Members<R> {
    pub fn new(input: R) -> Self {
        Members { input: BufReader::with_capacity(INPUT, input), member: None, members: 0, consumed: 0 }
    }

    /// Bytes of the file that were inflated so far.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Goes to the next member. `false` at the end of the file.
    fn next_member(&mut self) -> io::Result<bool> {
        loop {
            let input = self.input.fill_buf()?;
            let Some(first) = input.first() else { return Ok(false) };
            if self.members > 0 && *first == 0 {
                let zeros = input.iter().take_while(|byte| **byte == 0).count();
                self.input.consume(zeros);
                continue;
            }
            self.members += 1;
            self.member = Some(Decompress::new_gzip(15));
            return Ok(true);
        }
    }
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if self.member.is_none() && !self.next_member()? {
                return Ok(0);
            }
            let Some(member) = &mut self.member else { return Ok(0) };
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            let (read_before, written_before) = (member.total_in(), member.total_out());
            let flush = if at_end { FlushDecompress::Finish } else { FlushDecompress::None };
            let status = member.decompress(input, into, flush);
            let (read, written) = (member.total_in() - read_before, member.total_out() - written_before);
            self.consumed += read;
            self.input.consume(usize::try_from(read).unwrap_or(usize::MAX));
            if matches!(status, Ok(Status::StreamEnd)) {
                self.member = None;
            }
            // Damage is an error of the next call, once what was inflated before it is given out.
            if written > 0 {
                return Ok(usize::try_from(written).unwrap_or(0));
            }
            match status {
                Ok(Status::StreamEnd) => {}
                Ok(_) if at_end => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
    }
}
