//! `palisade report`: reports of a saved run, without its events.

use super::Failure;
use super::output::{Terminal, write_out};
use crate::cli::report::{ReportArgs, ReportCommand};
use crate::config::settings;
use crate::outcome::Outcome;
use crate::run;

/// The format of the settings as the format of the run folder.
pub fn format(format: settings::Format) -> run::Format {
    match format {
        settings::Format::Html => run::Format::Html,
        settings::Format::Xlsx => run::Format::Xlsx,
        settings::Format::Json => run::Format::Json,
        settings::Format::Ndjson => run::Format::Ndjson,
        settings::Format::Csv => run::Format::Csv,
        settings::Format::Parquet => run::Format::Parquet,
        settings::Format::Sarif => run::Format::Sarif,
    }
}

pub fn report(arguments: ReportArgs, terminal: &Terminal) -> Result<Outcome, Failure> {
    let ReportCommand::Render { run: folder, format: formats, output } = arguments.command;
    let report = run::open(&folder).map_err(Failure::usage)?;
    let formats: Vec<run::Format> = formats.into_iter().map(format).collect();
    let output = output.unwrap_or(folder);
    if output.as_os_str() == "-" {
        let [format] = formats.as_slice() else {
            return Err(Failure::new(
                Outcome::Usage,
                "standard output takes one format; name a folder with --output for several",
            ));
        };
        let mut text = Vec::new();
        run::render_to(&report, *format, &mut text).map_err(Failure::unexpected)?;
        write_out(|out| out.write_all(&text))?;
        return Ok(Outcome::Success);
    }
    std::fs::create_dir_all(&output)
        .map_err(|error| Failure::new(Outcome::Usage, format!("cannot make the folder {}: {error}", output.display())))?;
    let rendered = run::render(&report, &formats, &output);
    for written in &rendered.written {
        terminal.note(&format!("wrote {}", written.path.display()));
    }
    for failed in &rendered.failed {
        terminal.error(&Failure::unexpected(failed).message);
    }
    Ok(if rendered.failed.is_empty() { Outcome::Success } else { Outcome::Partial })
}
