//! What the reader must know before believing the numbers.

use super::answer::NOT_COLLECTED;
use super::output::counted;
use crate::catalog::{Perimeter as PerimeterOfQuery, PolicyType, QuerySpec};
use crate::config::settings::Accounts;
use crate::inventory::Inventory;
use crate::inventory::resource_types::ACCOUNT;
use crate::outcome::Outcome;
use crate::report::model::{Coverage, ExceptionStatus, QuerySummary, Severity, Warning};

/// Everything that warnings are drawn from.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    pub coverage: &'a Coverage,
    /// Nobody counted the events where a remote engine answered directly.
    pub coverage_known: bool,
    pub queries: &'a [&'a QuerySpec],
    pub summaries: &'a [QuerySummary],
    pub inventory: &'a Inventory,
    pub has_inventory: bool,
    pub has_perimeter: bool,
    pub exceptions: &'a [ExceptionStatus],
    /// Accounts that were judged.
    pub accounts: &'a [String],
    /// The accounts that were asked for.
    pub asked: &'a Accounts,
    /// Did the run read events?
    pub has_events: bool,
}

fn warning(severity: Severity, code: &str, message: String, help: &str) -> Warning {
    Warning { severity, code: code.to_owned(), message, help: Some(help.to_owned()) }
}

/// Accounts that the user named and that sent no record.
const NAMED_WITHOUT_RECORDS: &str = "named-accounts-without-records";

/// `AccountsMissing` when a warning names accounts that the user asked for and that sent no record.
pub fn outcome_of_accounts(warnings: &[Warning]) -> Outcome {
    let missing = warnings.iter().any(|warning| warning.code == NAMED_WITHOUT_RECORDS);
    if missing { Outcome::AccountsMissing } else { Outcome::Success }
}

/// `3 accounts`, `1 account`.
fn count(number: usize, singular: &str) -> String {
    counted(u64::try_from(number).unwrap_or(u64::MAX), singular)
}

/// The warnings of a run, most severe first, each kind once.
pub fn warnings(observed: Observed<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if observed.has_events {
        if observed.coverage_known {
            missing_events(observed, &mut warnings);
            missing_accounts(observed, &mut warnings);
        } else {
            warnings.push(warning(
                Severity::Blind,
                "coverage-unknown",
                "The engine was asked for this query only: which events the table holds, and which it lacks, was not counted."
                    .to_owned(),
                "Run several queries, or `palisade collect` first: the events are then counted in the same scan.",
            ));
        }
        missing_files(observed, &mut warnings);
    }
    missing_facts(observed, &mut warnings);
    missing_findings(observed, &mut warnings);
    warnings.sort_by_key(|warning| warning.severity);
    warnings
}

/// Kinds of events that the logs do not hold at all.
fn missing_events(observed: Observed<'_>, warnings: &mut Vec<Warning>) {
    let coverage = observed.coverage;
    if !coverage.has_management_events {
        warnings.push(warning(
            Severity::Blind,
            "no-management-events",
            "No management events in these logs: control-plane calls cannot be judged.".to_owned(),
            "Read the folder of a trail that logs management events, or widen the window.",
        ));
    }
    if !coverage.data_event_sources.iter().any(|source| source.event_source == "s3.amazonaws.com" && source.records > 0) {
        warnings.push(warning(
            Severity::Blind,
            "no-s3-data-events",
            "No S3 data events in these logs: object-level calls cannot be judged.".to_owned(),
            "Log S3 data events on the trail (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html); an empty result says nothing about GetObject and PutObject.",
        ));
    }
    if !coverage.has_network_activity_events {
        let judges_endpoints = observed.queries.iter().any(|query| query.policy_types.contains(&PolicyType::Vpce));
        warnings.push(warning(
            if judges_endpoints { Severity::Blind } else { Severity::Notice },
            "no-network-activity-events",
            "No network activity events in these logs: calls that a VPC endpoint policy denies, and calls of other organizations' principals through your endpoints, cannot be seen.".to_owned(),
            "Log network activity events on the trail (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-network-events-with-cloudtrail.html).",
        ));
    }
    let nameless: u64 =
        coverage.streams.iter().filter(|stream| stream.account_id == "unknown").map(|stream| stream.records).sum();
    if nameless > 0 {
        warnings.push(warning(
            Severity::Blind,
            "records-without-account",
            format!(
                "Outside the folders of a trail and without the name of an account: {}; no account's results hold them.",
                counted(nameless, "record")
            ),
            "Keep the folder layout AWSLogs/<account>/CloudTrail/… when you export.",
        ));
    }
}

/// Accounts that the user named and that sent no record: "nothing found" must not be read as "nothing breaks there".
fn missing_accounts(observed: Observed<'_>, warnings: &mut Vec<Warning>) {
    let Accounts::Listed(named) = observed.asked else { return };
    let coverage = observed.coverage;
    // An engine that failed for an account is told of on its own, with the reason.
    let is_told = |id: &str| {
        let mut examples =
            coverage.skipped.iter().filter(|skipped| skipped.reason == NOT_COLLECTED).flat_map(|skipped| &skipped.examples);
        examples.any(|example| example.contains(id))
    };
    let has_records = |id: &str| coverage.streams.iter().any(|stream| stream.account_id == id && stream.records > 0);
    let silent: Vec<&str> = named.iter().map(String::as_str).filter(|id| !has_records(id) && !is_told(id)).collect();
    if !silent.is_empty() {
        warnings.push(warning(
            Severity::Blind,
            NAMED_WITHOUT_RECORDS,
            format!("{} that you asked for sent no record: {}.", count(silent.len(), "account"), silent.join(", ")),
            "Check the ids, the days, and that the trail covers these accounts; nothing can be said about what a policy breaks there.",
        ));
    }
}

/// Files and days that are not there.
fn missing_files(observed: Observed<'_>, warnings: &mut Vec<Warning>) {
    let coverage = observed.coverage;
    for skipped in coverage.skipped.iter().filter(|skipped| skipped.reason == NOT_COLLECTED) {
        warnings.push(warning(
            Severity::Blind,
            "accounts-not-read",
            format!("Missing from this report, because the engine did not give them: {}.", skipped.examples.join("; ")),
            "Correct what the message says and run again: days that are complete in the store are not scanned again.",
        ));
    }
    for skipped in coverage.skipped.iter().filter(|skipped| is_loss(&skipped.reason) && skipped.reason != NOT_COLLECTED) {
        let example = skipped.examples.first().map(|example| format!(", such as {example}")).unwrap_or_default();
        warnings.push(warning(
            Severity::Blind,
            "unreadable-input",
            format!("{} left out: {}{example}.", counted(skipped.count, &skipped.unit), skipped.reason),
            "Export these files again; what they held is not in this report.",
        ));
    }
    if !coverage.days_without_file.is_empty() {
        let days: usize = coverage.days_without_file.iter().map(|missing| missing.days.len()).sum();
        let accounts = coverage.days_without_file.len();
        warnings.push(warning(
            Severity::Notice,
            "days-without-file",
            format!(
                "{} of the window have no {} in {}.",
                count(days, "account-day"),
                if coverage.files == 0 { "record" } else { "file" },
                count(accounts, "account")
            ),
            "See the coverage: a quiet account is normal, a gap in a busy one is not.",
        ));
    }
    if *observed.asked == Accounts::All && observed.has_inventory {
        let silent: Vec<&str> = observed
            .inventory
            .accounts()
            .map(|account| account.id.as_str())
            .filter(|id| !observed.accounts.iter().any(|judged| judged == id))
            .collect();
        if !silent.is_empty() {
            warnings.push(warning(
                Severity::Blind,
                "accounts-without-logs",
                format!("{} of the organization sent no record: {}.", count(silent.len(), "account"), silent.join(", ")),
                "Check that the trail covers them; nothing can be said about what a policy breaks there.",
            ));
        }
    }
}

/// Does a reason to skip mean that records may be lost?
pub fn is_loss(reason: &str) -> bool {
    use crate::events::files::{AGGREGATED_FILE, DIGEST_FILE, INSIGHT_FILE, OTHER_FILE};
    let harmless =
        [AGGREGATED_FILE, DIGEST_FILE, INSIGHT_FILE, OTHER_FILE, "empty file", "Insight record", "not a CloudTrail record"];
    !harmless.contains(&reason) && !reason.starts_with("outside the accounts") && !reason.starts_with("no readable eventTime")
}

/// Facts that nobody provided.
fn missing_facts(observed: Observed<'_>, warnings: &mut Vec<Warning>) {
    if !observed.has_inventory {
        warnings.push(warning(
            Severity::Notice,
            "no-inventory",
            "No inventory was provided: who belongs to the organization, and what it owns, is undetermined.".to_owned(),
            "Provide a snapshot with --inventory; docs/inventory.md lists the AWS CLI commands that fill it.",
        ));
    } else {
        let mut missing: Vec<&str> =
            observed.summaries.iter().flat_map(|summary| &summary.not_provided).map(String::as_str).collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            warnings.push(warning(
                Severity::Notice,
                "inventory-not-provided",
                format!("The inventory does not provide everything that the queries need: {}.", missing.join("; ")),
                "What depends on it is undetermined; docs/inventory.md lists the AWS CLI commands that fill the snapshot.",
            ));
        }
        let strangers: Vec<&str> = observed
            .accounts
            .iter()
            .map(String::as_str)
            .filter(|id| observed.inventory.complete(ACCOUNT) && observed.inventory.account(id).is_none())
            .collect();
        if !strangers.is_empty() {
            warnings.push(warning(
                Severity::Notice,
                "accounts-not-in-inventory",
                format!(
                    "{} judged here and not in the inventory's list of accounts: {}.",
                    count(strangers.len(), "account"),
                    strangers.join(", ")
                ),
                "Is the snapshot that of another organization, or older than these accounts?",
            ));
        }
        if observed.inventory.skipped_rows > 0 || !observed.inventory.warnings.is_empty() {
            let example =
                observed.inventory.warnings.first().map(|warning| format!(", such as: {warning}")).unwrap_or_default();
            warnings.push(warning(
                Severity::Notice,
                "inventory-incomplete",
                format!("The inventory has {}{example}", count(observed.inventory.warnings.len(), "problem")),
                "`palisade inventory show` lists them all.",
            ));
        }
    }
    let judges = observed.queries.iter().any(|query| query.perimeter != PerimeterOfQuery::None);
    if !observed.has_perimeter && judges {
        warnings.push(warning(
            Severity::Notice,
            "no-perimeter",
            "No perimeter definition was provided: nothing but the organization itself is trusted, and no network is expected."
                .to_owned(),
            "Write one with `palisade config init`, and name it with --perimeter.",
        ));
    }
}

/// Findings that were cut off, and exceptions that do not do what they should.
fn missing_findings(observed: Observed<'_>, warnings: &mut Vec<Warning>) {
    let left_out: u64 = observed.summaries.iter().map(|summary| summary.rows_left_out).sum();
    if left_out > 0 {
        warnings.push(warning(
            Severity::Blind,
            "rows-left-out",
            format!("Left out by the limit on rows: {}; those with the most calls are kept.", counted(left_out, "finding")),
            "Run without --max-rows to see them all.",
        ));
    }
    for (status, code, message, help) in [
        (
            "expired",
            "expired-exceptions",
            "Past their last day, these exceptions no longer apply",
            "Renew them with a new date and reason, or remove them.",
        ),
        (
            "never_matched",
            "unused-exceptions",
            "These exceptions cover no call of this run",
            "Remove them, or check their scope.",
        ),
    ] {
        let ids: Vec<&str> = observed
            .exceptions
            .iter()
            .filter(|exception| exception.status == status)
            .map(|exception| exception.id.as_str())
            .collect();
        if !ids.is_empty() {
            warnings.push(warning(Severity::Notice, code, format!("{message}: {}.", ids.join(", ")), help));
        }
    }
}
