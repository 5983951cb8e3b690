//! `palisade --version --verbose`: the version, and the facts that are inside.

use super::output::write_out;
use crate::outcome::Outcome;
use crate::replay::ServiceFacts;

/// Answers `--version` beside `--verbose`, which the command line alone cannot; anything else is left to it.
pub fn answer(arguments: impl Iterator<Item = String>) -> Option<Outcome> {
    let (mut version, mut verbose) = (false, false);
    for argument in arguments.skip(1) {
        match argument.as_str() {
            "--version" | "-V" => version = true,
            "--verbose" | "-v" | "-vv" => verbose = true,
            _ => return None,
        }
    }
    if !(version && verbose) {
        return None;
    }
    let facts = ServiceFacts::embedded();
    let written = write_out(|out| {
        writeln!(out, "palisade {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out)?;
        writeln!(out, "service facts of {}, sha256 {}", facts.date, facts.sha256)?;
        for source in &facts.sources {
            writeln!(out, "  {}: {}", source.file, source.origin)?;
            writeln!(out, "    sha256 {}", source.sha256)?;
        }
        Ok(())
    });
    Some(if written.is_ok() { Outcome::Success } else { Outcome::Unexpected })
}
