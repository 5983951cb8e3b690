//! `palisade sample`: data to try things on.

use super::Failure;
use super::output::Terminal;
use crate::cli::sample::{SampleArgs, SampleCommand};
use crate::outcome::Outcome;
use crate::sample::{Options, generate};

pub fn samples(arguments: SampleArgs, terminal: &Terminal) -> Result<Outcome, Failure> {
    let SampleCommand::Generate { events, accounts, seed, output } = arguments.command;
    let occupied = std::fs::read_dir(&output).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(Failure::new(Outcome::Usage, format!("the folder {} is not empty; name another", output.display())));
    }
    let options = Options { events, accounts, seed, days: 14, start: jiff::civil::date(2026, 10, 19), stories: true };
    let summary = generate(&options, &output).map_err(Failure::usage)?;
    terminal.note(&format!("wrote {} records in {} files to {}", summary.records, summary.files, output.display()));
    Ok(Outcome::Success)
}
