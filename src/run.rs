//! The run folder: what a run leaves behind, and from which its reports can be made again without the logs.
//!
//! A folder holds `findings.parquet`, the reports that were asked for, and `run.json`. Every file is written under a temporary
//! name in the same folder, flushed to the disk and renamed, so that none is ever seen half written; `run.json` comes last, so
//! that a folder which has it is complete.

pub mod arguments;
pub(crate) mod atomic;
pub mod folder;
pub mod format;
pub mod lock;

pub use folder::{RunError, RunFolder, is_run, open, read_manifest};
pub use format::{FailedReport, Format, RenderError, Rendered, UnknownFormat, WrittenReport, render, render_to};

use sha2::{Digest as _, Sha256};

/// The identifier of a run: the first 16 hexadecimal digits of the SHA-256 of its inputs. The same inputs in the same order give
/// the same identifier; where one input ends and the next begins counts.
pub fn run_id<I>(inputs: I) -> String
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut hash = Sha256::new();
    for input in inputs {
        let input = input.as_ref();
        hash.update((input.len() as u64).to_be_bytes());
        hash.update(input);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
