//! How a run of the program ended, as an exit code. Commands return an [`Outcome`]; only this file knows numbers.

use std::process::{ExitCode, Termination};

/// How the program ended. Codes are a promise: scripts and pipelines read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Everything that was asked for was done. Findings alone do not change this.
    Success,
    /// A mistake of the program, or of the machine, that no other code names.
    Unexpected,
    /// The command line, a settings file, a perimeter definition or a query is wrong; nothing was run.
    Usage,
    /// The run is complete and has findings with a verdict that `--fail-on` names.
    Findings,
    /// The report is there, but some input was unreadable or some queries failed: it says which.
    Partial,
    /// No record could be read from the events that were named: there is no report.
    NothingRead,
    /// The report is there, but of some accounts that were asked for nothing could be read: it names them.
    AccountsMissing,
    /// A check of `doctor` failed: a run would fail, or be blind.
    NotReady,
    /// Interrupted from outside (Ctrl-C). No half-written report is left behind.
    Interrupted,
}

/// One row of the table of exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Documented {
    pub outcome: Outcome,
    pub code: u8,
    pub name: &'static str,
    /// One or two sentences for the documentation.
    pub meaning: &'static str,
}

const fn row(outcome: Outcome, code: u8, name: &'static str, meaning: &'static str) -> Documented {
    Documented { outcome, code, name, meaning }
}

/// Every exit code, in ascending order: the documentation and [`Outcome::code`] read this table.
pub const EXIT_CODES: [Documented; 9] = [
    row(Outcome::Success, 0, "success", "Done. Findings alone do not change this."),
    row(
        Outcome::Unexpected,
        1,
        "unexpected",
        "A mistake of the program or the machine. Please report it with the output of `-vv`.",
    ),
    row(
        Outcome::Usage,
        2,
        "usage",
        "The command line, a file of settings, a perimeter definition or a query is wrong. Nothing was run.",
    ),
    row(Outcome::Findings, 3, "findings", "The run is complete and has findings with a verdict that `--fail-on` names."),
    row(
        Outcome::Partial,
        4,
        "partial",
        "The report is there, but some input was unreadable or some queries failed. The report says which.",
    ),
    row(
        Outcome::NothingRead,
        5,
        "nothing-read",
        "No record could be read from the events that were named. There is no report.",
    ),
    row(
        Outcome::AccountsMissing,
        6,
        "accounts-missing",
        "The report is there, but of some accounts that were asked for no events could be read. The report names them.",
    ),
    row(Outcome::NotReady, 7, "not-ready", "A check of `doctor` failed: a run would fail, or be blind."),
    row(Outcome::Interrupted, 130, "interrupted", "Interrupted (Ctrl-C). No half-written report is left behind."),
];

impl Outcome {
    fn documented(self) -> Option<&'static Documented> {
        EXIT_CODES.iter().find(|row| row.outcome == self)
    }

    /// The exit code.
    pub fn code(self) -> u8 {
        self.documented().map_or(1, |row| row.code)
    }

    /// A short kebab-case name.
    pub fn name(self) -> &'static str {
        self.documented().map_or("unexpected", |row| row.name)
    }

    /// The outcome that a caller must hear of when two parts of a run end differently: what went wrong outranks what was found.
    pub fn worst(self, other: Self) -> Self {
        let rank = |outcome: Self| match outcome {
            Outcome::Success => 0,
            Outcome::Findings => 1,
            Outcome::Partial => 2,
            Outcome::AccountsMissing => 3,
            Outcome::NothingRead => 4,
            Outcome::NotReady | Outcome::Usage => 5,
            Outcome::Unexpected => 6,
            Outcome::Interrupted => 7,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl Termination for Outcome {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// The table of exit codes as Markdown, for the documentation.
pub fn exit_codes_markdown() -> String {
    let mut text = String::from("| code | name | meaning |\n|---|---|---|\n");
    for row in EXIT_CODES {
        text.push_str(&format!("| {} | {} | {} |\n", row.code, row.name, row.meaning));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_own_documented_code() {
        let all = [
            (Outcome::Success, 0),
            (Outcome::Unexpected, 1),
            (Outcome::Usage, 2),
            (Outcome::Findings, 3),
            (Outcome::Partial, 4),
            (Outcome::NothingRead, 5),
            (Outcome::AccountsMissing, 6),
            (Outcome::NotReady, 7),
            (Outcome::Interrupted, 130),
        ];
        for (outcome, code) in all {
            assert_eq!(outcome.code(), code);
        }
        assert_eq!(all.len(), EXIT_CODES.len());
        assert!(EXIT_CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert_eq!(exit_codes_markdown().lines().count(), 2 + EXIT_CODES.len());
    }

    #[test]
    fn what_went_wrong_outranks_what_was_found() {
        assert_eq!(Outcome::Findings.worst(Outcome::Partial), Outcome::Partial);
        assert_eq!(Outcome::Partial.worst(Outcome::Findings), Outcome::Partial);
        assert_eq!(Outcome::Success.worst(Outcome::Findings), Outcome::Findings);
    }
}
