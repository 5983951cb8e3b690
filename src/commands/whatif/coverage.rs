//! What the logs hold, and what of the change they cannot show, in sentences: "not covered by your logs" is an answer.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::inventory::Inventory;
use crate::inventory::resource_types::ACCOUNT;
use crate::policy::compiled::PolicyType;
use crate::replay::candidate::{Plan, Scenario};
use crate::replay::recorded::NotRecorded;
use crate::report::amounts::{counted, grouped};
use crate::report::model::{Coverage, CoverageLine, Severity, Warning, Window};

/// Accounts without records that are named; the rest is counted.
const NAMED: usize = 3;
/// Kinds of data events that are named; the rest is counted.
const KINDS: usize = 6;

/// The coverage for the first page.
pub(super) fn lines(
    coverage: &Coverage,
    window: &Window,
    inventory: &Inventory,
    unrecorded: &[NotRecorded],
) -> Vec<CoverageLine> {
    let line = |topic: &str, text: String| CoverageLine { topic: topic.to_owned(), text };
    let mut lines = vec![
        line("Period", period(coverage, window)),
        line("Accounts", accounts(coverage, inventory)),
        line("Events", events(coverage)),
    ];
    let (data_events, never) = unseen(unrecorded);
    if !data_events.is_empty() {
        let mut named: Vec<String> = data_events.iter().take(KINDS).map(|kind| (*kind).to_owned()).collect();
        let rest = data_events.len().saturating_sub(KINDS);
        named.extend((rest > 0).then(|| format!("and {}", counted(rest as u64, "more kind"))));
        let text = format!(
            "the change is about data events that these logs do not hold, on {}: what breaks there is not known",
            named.join(", ")
        );
        lines.push(line("Not covered", text));
    }
    if !never.is_empty() {
        let actions: Vec<&str> = never.into_iter().collect();
        lines.push(line("Not recorded", format!("CloudTrail has no event for {}", actions.join(", "))));
    }
    lines
}

/// What is told of several statements is told once.
fn unseen(unrecorded: &[NotRecorded]) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let data_events = unrecorded.iter().flat_map(|found| found.data_events.iter().copied()).collect();
    let never = unrecorded.iter().flat_map(|found| found.never.iter().copied()).collect();
    (data_events, never)
}

fn period(coverage: &Coverage, window: &Window) -> String {
    let day = |text: &str| text.get(..10).and_then(|day| day.parse::<Date>().ok());
    let times = coverage.streams.iter().flat_map(|stream| [&stream.first_event, &stream.last_event]).flatten();
    let days: BTreeSet<Date> = times.filter_map(|time| day(time)).collect();
    let mut text = match (days.first(), days.last()) {
        (Some(first), Some(last)) => {
            let number = first.until(*last).map_or(0, |span| i64::from(span.get_days())) + 1;
            format!("{first} to {last} ({})", counted(number.unsigned_abs(), "day"))
        }
        _ => "no record has a time".to_owned(),
    };
    text.push_str(&format!(", {}", counted(coverage.records, "record")));
    let asked: Vec<String> = [("from", &window.from), ("to", &window.to)]
        .into_iter()
        .filter_map(|(word, day)| Some(format!("{word} {}", day.as_ref()?)))
        .collect();
    if !asked.is_empty() {
        text.push_str(&format!("; asked for {}", asked.join(" ")));
    }
    let missing: usize = coverage.days_without_file.iter().map(|missing| missing.days.len()).sum();
    if missing > 0 {
        let what = if coverage.files == 0 { "record" } else { "file" };
        let days = counted(missing as u64, "day");
        let accounts = counted(coverage.days_without_file.len() as u64, "account");
        text.push_str(&format!("; {days} without a {what} in {accounts}"));
    }
    text
}

fn accounts(coverage: &Coverage, inventory: &Inventory) -> String {
    let with_records: BTreeSet<&str> = coverage
        .streams
        .iter()
        .filter(|stream| stream.records > 0 && stream.account_id != "unknown")
        .map(|stream| stream.account_id.as_str())
        .collect();
    let number = with_records.len() as u64;
    let have = if number == 1 { "has" } else { "have" };
    if !inventory.provides(ACCOUNT) {
        return format!("{} {have} records; the inventory does not list those of the organization", counted(number, "account"));
    }
    let (recorded, silent): (Vec<_>, Vec<_>) =
        inventory.accounts().partition(|account| with_records.contains(account.id.as_str()));
    let total = (recorded.len() + silent.len()) as u64;
    let mut text = if silent.is_empty() {
        format!("all {} of the organization have records", counted(total, "account"))
    } else {
        let have = if recorded.len() == 1 { "has" } else { "have" };
        format!("{} of the {} of the organization {have} records", grouped(recorded.len() as u64), counted(total, "account"))
    };
    if !silent.is_empty() {
        let mut named: Vec<String> = silent
            .iter()
            .take(NAMED)
            .map(|account| match &account.name {
                Some(name) => format!("{} ({name})", account.id),
                None => account.id.clone(),
            })
            .collect();
        let rest = silent.len().saturating_sub(NAMED);
        named.extend((rest > 0).then(|| format!("and {rest} more")));
        text.push_str(&format!("; none from {}", named.join(", ")));
    }
    let others = number.saturating_sub(recorded.len() as u64);
    if others > 0 {
        let have = if others == 1 { "has" } else { "have" };
        text.push_str(&format!("; so {have} {} that the inventory does not list", counted(others, "account")));
    }
    text
}

fn events(coverage: &Coverage) -> String {
    let of_category = |category: &str| -> BTreeSet<&str> {
        let streams = coverage.streams.iter().filter(|stream| stream.category == category && stream.records > 0);
        streams.map(|stream| stream.account_id.as_str()).collect()
    };
    let all: BTreeSet<&str> = coverage.streams.iter().map(|stream| stream.account_id.as_str()).collect();
    // In how many accounts, where that is not all.
    let within = |category: &str| match of_category(category).len() {
        number if number == 0 || number == all.len() => String::new(),
        number => format!(" ({number} of {})", counted(all.len() as u64, "account")),
    };
    let management = if coverage.has_management_events {
        format!("management events{}", within("Management"))
    } else {
        "no management events".to_owned()
    };
    let services: Vec<&str> = coverage
        .data_event_sources
        .iter()
        .filter(|source| source.records > 0)
        .map(|source| source.event_source.trim_end_matches(".amazonaws.com"))
        .collect();
    let data = if services.is_empty() {
        "no data events".to_owned()
    } else {
        format!("data events of {}{}", services.join(", "), within("Data"))
    };
    let network = if coverage.has_network_activity_events { "" } else { "no " };
    format!("{management}; {data}; {network}network activity events{}", within("NetworkActivity"))
}

/// What the statements are about that no log shows, as warnings; and what the logs lack that the change is about.
pub(super) fn warnings(unrecorded: &[NotRecorded], warned: &mut Vec<Warning>, plan: &Plan) {
    let (data_events, never) = unseen(unrecorded);
    let concerned = |keep: &dyn Fn(&NotRecorded) -> bool| -> String {
        let places: Vec<&str> = unrecorded.iter().filter(|found| keep(found)).map(|found| found.place.as_str()).collect();
        places.join("; ")
    };
    if !data_events.is_empty() {
        let kinds: Vec<&str> = data_events.into_iter().collect();
        warned.push(Warning {
            severity: Severity::Blind,
            code: NOT_COVERED.to_owned(),
            message: format!(
                "Not covered by your logs, which hold no data events on {}: nothing can be said about what breaks there.",
                kinds.join(", ")
            ),
            help: Some(format!(
                "Log these data events on the trail. Concerned: {}.",
                concerned(&|found| !found.data_events.is_empty())
            )),
        });
    }
    if !never.is_empty() {
        let actions: Vec<&str> = never.into_iter().collect();
        warned.push(Warning {
            severity: Severity::Notice,
            code: NEVER_RECORDED.to_owned(),
            message: format!("CloudTrail never records {}: no log tells who uses them.", actions.join(", ")),
            help: Some(format!("Ask the teams that may. Concerned: {}.", concerned(&|found| !found.never.is_empty()))),
        });
    }
    // What an endpoint policy denies is recorded as network activity alone, and so are calls of strangers through the endpoint.
    let is_endpoint =
        |scenario: &Scenario| scenario.candidates().any(|candidate| candidate.policy.policy_type == PolicyType::VpcEndpoint);
    if plan.scenarios.iter().any(is_endpoint) {
        warned.iter_mut().filter(|warning| warning.code == "no-network-activity-events").for_each(|warning| {
            warning.severity = Severity::Blind;
        });
    }
}

/// Warnings that say in full what [`lines`] says in short.
pub(super) const NOT_COVERED: &str = "not-covered-by-logs";
pub(super) const NEVER_RECORDED: &str = "never-recorded";
