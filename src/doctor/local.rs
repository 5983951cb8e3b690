//! What lies on this machine: settings, perimeter definition, inventory, and what the events themselves show.

use jiff::Timestamp;
use polars::prelude::DataFrame;

use super::{Check, some};
use crate::config::perimeter::Perimeter;
use crate::config::settings::Settings;
use crate::inventory::Inventory;
use crate::inventory::resource_types::{ACCOUNT, BUCKET, POLICY, ROLE, TREE, VPC_ENDPOINT};

/// Days after which roles, endpoints and buckets have changed enough to matter.
const OLD_DAYS: i64 = 7;

pub fn settings(settings: &Settings) -> Check {
    match &settings.file {
        Some(path) => Check::ok("settings", format!("read from {}", path.display())),
        None => Check::warn("settings", "there is no settings file", "`palisade config init` writes one with comments"),
    }
}

pub fn perimeter(settings: &Settings) -> Check {
    let Some(path) = &settings.perimeter else {
        return Check::warn(
            "perimeter",
            "no perimeter definition is named",
            "without it nothing outside the organization is trusted and no network is expected: name it with `perimeter`",
        );
    };
    match Perimeter::load(path) {
        Ok(_) => Check::ok("perimeter", format!("read from {}", path.display())),
        Err(error) => Check::fail("perimeter", error.to_string(), "correct it; `palisade config check` shows every mistake"),
    }
}

/// The snapshot: is there one, how old is it, what does it lack?
pub fn inventory(settings: &Settings) -> (Vec<Check>, Option<Inventory>) {
    let subject = "inventory";
    let Some(folder) = &settings.inventory else {
        let advice = "without it owners, roles and endpoints stay undetermined: `palisade inventory export` takes one from AWS";
        return (vec![Check::warn(subject, "no snapshot is named", advice)], None);
    };
    let inventory = match Inventory::load(folder) {
        Ok(inventory) => inventory,
        Err(error) => {
            return (vec![Check::fail(subject, error.to_string(), "name the folder of a snapshot with `inventory`")], None);
        }
    };
    let mut checks = vec![age(inventory.taken_at.as_deref(), settings.now)];
    let lacking: Vec<&str> =
        [ACCOUNT, TREE, POLICY, ROLE, VPC_ENDPOINT, BUCKET].into_iter().filter(|kind| !inventory.provides(kind)).collect();
    let partial: Vec<&str> = [ACCOUNT, ROLE, VPC_ENDPOINT, BUCKET]
        .into_iter()
        .filter(|kind| inventory.provides(kind) && !inventory.complete(kind))
        .collect();
    checks.push(if !lacking.is_empty() {
        let advice = "what they would tell stays undetermined: `palisade inventory export` collects them";
        Check::warn("inventory types", format!("the snapshot has nothing of {}", lacking.join(", ")), advice)
    } else if !partial.is_empty() {
        let advice = "what is not in it stays undetermined: see the checks of the aggregator, or export again";
        Check::warn("inventory types", format!("not complete: {}", partial.join(", ")), advice)
    } else {
        Check::ok("inventory types", format!("{} accounts, {} roles", inventory.accounts().count(), inventory.roles().count()))
    });
    (checks, Some(inventory))
}

fn age(taken_at: Option<&str>, now: Timestamp) -> Check {
    let subject = "inventory age";
    let advice = "`palisade inventory export` takes a new one";
    let Some(taken) = taken_at.and_then(|text| text.parse::<Timestamp>().ok()) else {
        return Check::warn(subject, "the snapshot does not say when it was taken", advice);
    };
    let days = now.duration_since(taken).as_hours() / 24;
    match days {
        ..0 => Check::warn(subject, format!("taken at {taken}, which is in the future"), "check the clock of this machine"),
        0..=OLD_DAYS => Check::ok(subject, format!("taken {days} days ago")),
        _ => Check::warn(subject, format!("taken {days} days ago; what was made since then counts as unknown"), advice),
    }
}

/// The question that [`data_events`] reads the answer of.
pub const CATEGORIES: &str =
    "SELECT event_category, event_source, sum(event_count) AS calls FROM events GROUP BY 1, 2 ORDER BY 1, 2";

/// Services whose object-level calls are data events, which trails leave out unless told otherwise.
const DATA_EVENT_SOURCES: [(&str, &str); 6] = [
    ("s3.amazonaws.com", "objects in S3"),
    ("lambda.amazonaws.com", "invocations of Lambda functions"),
    ("dynamodb.amazonaws.com", "items in DynamoDB"),
    ("sqs.amazonaws.com", "messages in SQS"),
    ("sns.amazonaws.com", "messages of SNS"),
    ("secretsmanager.amazonaws.com", ""),
];

/// Which kinds of events the logs hold.
pub fn data_events(answer: &DataFrame) -> Vec<Check> {
    let text = |name: &str| answer.column(name).ok().and_then(|column| column.str().ok());
    let (Some(categories), Some(sources)) = (text("event_category"), text("event_source")) else {
        return vec![Check::not_checked("events", "the answer of the engine has another shape")];
    };
    let rows: Vec<(Option<&str>, Option<&str>)> = categories.iter().zip(sources.iter()).collect();
    if rows.is_empty() {
        return vec![Check::fail("events", "no record could be read", "check `events`, `accounts`, `from` and `to`")];
    }
    let is_data = |category: Option<&str>| category == Some("Data");
    let seen_in = |source: &str| rows.iter().any(|(category, known)| is_data(*category) && *known == Some(source));
    let expected = DATA_EVENT_SOURCES.iter().filter(|(_, what)| !what.is_empty());
    let (seen, unseen): (Vec<_>, Vec<_>) = expected.partition(|(source, _)| seen_in(source));
    let names = |list: &[&(&str, &'static str)]| list.iter().map(|(_, what)| *what).collect::<Vec<_>>().join(", ");
    let mut checks = Vec::new();
    let subject = "data events";
    let advice = "a trail records them only if it is told to (event selectors). If nobody uses these services there are none: otherwise \
                  what a perimeter would deny there is not seen, which is not the same as nothing";
    checks.push(match (seen.as_slice(), unseen.as_slice()) {
        (_, []) => Check::ok(subject, format!("seen: {}", names(&seen))),
        ([], _) => Check::warn(subject, "none in these logs", advice),
        _ => Check::warn(subject, format!("seen: {}; none of: {}", names(&seen), names(&unseen)), advice),
    });
    let network: Vec<&str> =
        rows.iter().filter(|(category, _)| *category == Some("NetworkActivity")).filter_map(|(_, source)| *source).collect();
    checks.push(if network.is_empty() {
        Check::warn(
            "network activity events",
            "none in these logs",
            "without them, calls that a VPC endpoint policy denied already are not seen",
        )
    } else {
        Check::ok("network activity events", format!("seen: {}", some(&network)))
    });
    checks
}
