//! The one door to the terminal: data to standard output, everything else to standard error, progress only where somebody
//! watches.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::{Color, Global, LogFormat};
use crate::events::scan::Progress;

/// What is known of the terminal, and how much the user wants to hear.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    quiet: u8,
    color_out: bool,
    color_err: bool,
    progress: bool,
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

impl Terminal {
    /// Looks at the streams and sets up the log.
    pub fn new(global: &Global) -> Self {
        let wants = |is_terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let variable = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                !variable("NO_COLOR") && (variable("CLICOLOR_FORCE") || (is_terminal && !dumb))
            }
        };
        let quiet = global.quiet.max(level("PALISADE_QUIET"));
        let terminal = Terminal {
            quiet,
            color_out: wants(io::stdout().is_terminal()),
            color_err: wants(io::stderr().is_terminal()),
            progress: io::stderr().is_terminal() && quiet == 0 && global.log_format == LogFormat::Text,
        };
        terminal.start_log(global);
        terminal
    }

    fn start_log(&self, global: &Global) {
        let level = match global.verbose.max(level("PALISADE_VERBOSE")) {
            0 => "warn",
            1 => "palisade=info,warn",
            2 => "palisade=debug,info",
            _ => "trace",
        };
        let filter = std::env::var(crate::config::environment::LOG).unwrap_or_else(|_| level.to_owned());
        let log = tracing_subscriber::fmt().with_writer(io::stderr).with_env_filter(filter);
        // A second call in one process (as tests make) keeps the first log.
        let _ = match global.log_format {
            LogFormat::Json => log.json().try_init(),
            LogFormat::Text => log.without_time().with_target(false).try_init(),
        };
    }

    /// The same terminal for a user whose settings file asks for less.
    pub fn at_most_as_loud_as(self, quiet: u8) -> Self {
        let quiet = self.quiet.max(quiet);
        Terminal { quiet, progress: self.progress && quiet == 0, ..self }
    }

    /// Are colours wanted on standard output?
    pub fn color(&self) -> bool {
        self.color_out
    }

    /// Columns of the terminal, or 100 where there is none.
    pub fn width(&self) -> usize {
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        columns.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))).unwrap_or(100)
    }

    /// Is the summary wanted?
    pub fn wants_summary(&self) -> bool {
        self.quiet == 0
    }

    pub fn error(&self, message: &str) {
        self.labelled(ERROR, "error", message);
    }

    pub fn warning(&self, message: &str) {
        if self.quiet < 2 {
            self.labelled(WARNING, "warning", message);
        }
    }

    fn labelled(&self, style: Style, label: &str, message: &str) {
        let message = printable(message);
        // Nothing can be done about a standard error that is closed.
        let _ = if self.color_err {
            writeln!(io::stderr(), "{style}{label}{style:#}: {message}")
        } else {
            writeln!(io::stderr(), "{label}: {message}")
        };
    }

    /// A line for people that is neither data nor a warning.
    pub fn note(&self, message: &str) {
        if self.quiet == 0 {
            let _ = writeln!(io::stderr(), "{}", printable(message));
        }
    }

    /// Shows how far a pass over so many files has come, until the guard is dropped.
    pub fn watch(&self, label: &str, files: usize, progress: &Arc<Progress>) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        if !self.progress {
            return Watch { stop, thread: None };
        }
        let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} files {eta}") {
            bar.set_style(style);
        }
        bar.set_message(label.to_owned());
        let (watched, stopped) = (Arc::clone(progress), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                bar.set_position(watched.files.load(Ordering::Relaxed));
                std::thread::park_timeout(Duration::from_millis(100));
            }
            bar.finish_and_clear();
        });
        Watch { stop, thread: Some(thread) }
    }
}

/// A level that a variable sets; anything else than a number is reported where the settings are read.
fn level(variable: &str) -> u8 {
    std::env::var(variable).ok().and_then(|level| level.parse().ok()).unwrap_or(0)
}

/// Ends a progress bar when it is dropped.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A bar that panicked has nothing more to show.
            let _ = thread.join();
        }
    }
}

/// Control characters could steer the terminal of the reader: names in logs are chosen by others.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c }).collect()
}

/// Writes data to standard output. A reader that went away (`| head`) is no error.
pub fn print(text: &str) -> Result<(), super::Failure> {
    write_out(|out| out.write_all(text.as_bytes()))
}

/// Writes data to standard output with `write`.
pub fn write_out(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), super::Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(super::Failure::unexpected(error)),
        _ => Ok(()),
    }
}

/// `3 files`, `1 file`.
pub fn counted(number: u64, singular: &str) -> String {
    if number == 1 { format!("1 {singular}") } else { format!("{number} {singular}s") }
}
