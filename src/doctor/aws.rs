//! What is on AWS: credentials, workgroup, tables, the trail, the aggregator, analyzers.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_athena::types::WorkGroupState;
use aws_sdk_config::types::AggregatedSourceStatusType;

use super::{Check, some};
use crate::aws::objects::{Location, Objects};
use crate::aws::{AwsError, Pages, Purpose, Session, Sessions, calls};
use crate::config::settings::Settings;
use crate::engine::sources::Days;
use crate::inventory::Inventory;
use crate::report::amounts::bytes_text;
use crate::setup::existing::{Found, table_of};
use crate::setup::workgroup::is_missing;

/// Regions that allow more statements of the kind of SELECT than the others by default, running and waiting ones together.
/// <https://docs.aws.amazon.com/general/latest/gr/athena.html>
const LARGER_QUOTAS: [(u16, &[&str]); 3] = [
    (200, &["us-east-1"]),
    (150, &["us-east-2", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1"]),
    (100, &["ap-south-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2", "eu-west-2"]),
];
/// What every other region allows.
const SMALLEST_QUOTA: u16 = 20;
/// Accounts whose regions are looked at one by one.
const ACCOUNTS_LOOKED_AT: usize = 25;

/// Everything that can be asked of AWS.
#[derive(Debug)]
pub struct Doctor<'a> {
    pub settings: &'a Settings,
    pub sessions: &'a Sessions,
    pub inventory: Option<&'a Inventory>,
}

/// Active statements that a region allows where nobody asked for more.
fn default_quota(region: &str) -> u16 {
    LARGER_QUOTAS.iter().find(|(_, regions)| regions.contains(&region)).map_or(SMALLEST_QUOTA, |(quota, _)| *quota)
}

/// Is the setting far enough below what the region allows?
fn quota(concurrency: u16, region: &str) -> Check {
    let quota = default_quota(region);
    let seen =
        format!("`concurrency` is {concurrency}; {region} allows {quota} active statements by default, of everybody together");
    if concurrency <= quota / 2 {
        return Check::ok("quota of Athena", seen);
    }
    let advice = if concurrency > quota {
        "statements beyond the quota wait and are tried again: lower `concurrency`, or look up the quota of the account (Service Quotas, \
         Active DML queries), which is not asked for here"
    } else {
        "statements of others may have to wait: lower `concurrency`, or look up the quota of the account (Service Quotas, Active DML \
         queries), which is not asked for here"
    };
    Check::warn("quota of Athena", seen, advice)
}

pub(super) fn failed(subject: impl Into<String>, error: &AwsError) -> Check {
    Check::fail(subject, format!("{}: {}", error.call.operation, error.message), error.help())
}

impl Doctor<'_> {
    /// All checks, in the order in which they are shown.
    pub async fn checks(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        let athena = self.sessions.of(Purpose::Athena).await;
        match athena.region().filter(|region| !region.is_empty()) {
            Some(region) => checks.push(Check::ok("region", region)),
            None => {
                let advice = "set `region` in the section `aws` of the settings, or AWS_REGION";
                checks.push(Check::fail("region", "no region is known", advice));
                checks.push(Check::not_checked("AWS", "without a region nothing can be asked"));
                return checks;
            }
        }
        if !self.identities(&mut checks).await {
            checks.push(Check::not_checked("AWS", "without credentials nothing can be asked"));
            return checks;
        }
        let tables = self.athena(&athena, &mut checks).await;
        self.trail(&tables, &mut checks).await;
        self.aggregator(&mut checks).await;
        checks.extend(super::analyzers::checks(self).await);
        checks
    }

    /// Who the credentials of every purpose belong to. Is there anybody to go on with?
    async fn identities(&self, checks: &mut Vec<Check>) -> bool {
        let mut asked = BTreeSet::new();
        let mut any = false;
        for purpose in Purpose::ALL {
            let session = self.sessions.of(purpose).await;
            // Purposes with the same credentials share a session.
            if !asked.insert(Arc::as_ptr(&session).addr()) {
                continue;
            }
            let subject = format!("identity for {}", purpose.key());
            match session.identity().await {
                Ok(identity) => {
                    any = true;
                    checks.push(Check::ok(subject, format!("{} in account {}", identity.arn, identity.account_id)));
                }
                Err(error) => checks.push(failed(subject, &error)),
            }
        }
        any
    }

    /// Workgroup, place of results, tables, quota. Gives the tables that were found.
    async fn athena(&self, session: &Session, checks: &mut Vec<Check>) -> Vec<Found> {
        let settings = &self.settings.athena;
        let Some(database) = &settings.database else {
            let why = "the settings name no `database` in the section `athena`; `palisade setup athena` makes one, `--detect` finds one";
            checks.push(Check::not_checked("Athena", why));
            return Vec::new();
        };
        if let Some(place) = self.workgroup(session, checks).await {
            self.results(session, &place, checks).await;
        }
        let mut tables = Vec::new();
        if settings.tables.is_empty() {
            checks.push(Check::fail("tables", "the settings name no table", "name them with `tables` in the section `athena`"));
        }
        for name in &settings.tables {
            let subject = format!("table {database}.{name}");
            match self.table(session, database, name).await {
                Ok(Some(found)) => {
                    checks.extend(self.table_checks(&subject, &found));
                    tables.push(found);
                }
                Ok(None) => {
                    checks.push(Check::fail(subject, "there is no such table", "`palisade setup athena` prints how to make it"))
                }
                Err(error) => checks.push(failed(subject, &error)),
            }
        }
        checks.push(quota(settings.concurrency, &session.region().unwrap_or_default()));
        tables
    }

    /// Gives the place of results.
    async fn workgroup(&self, session: &Session, checks: &mut Vec<Check>) -> Option<String> {
        let name = &self.settings.athena.workgroup;
        let subject = format!("workgroup {name}");
        let call = &calls::setup::GET_WORK_GROUP;
        let answer =
            session.call(call, |config| aws_sdk_athena::Client::new(&config).get_work_group().work_group(name).send()).await;
        let group = match answer {
            Ok(answer) => answer.work_group,
            Err(error) if is_missing(&error) => {
                checks.push(Check::fail(subject, "there is no such workgroup", "`palisade setup athena --apply` creates it"));
                return None;
            }
            Err(error) => {
                checks.push(failed(subject, &error));
                return None;
            }
        };
        let Some(group) = group else {
            checks.push(Check::not_checked(subject, "the answer is empty"));
            return None;
        };
        if group.state == Some(WorkGroupState::Disabled) {
            checks.push(Check::fail(subject, "it is disabled", "enable it, or name another with `workgroup`"));
            return None;
        }
        let configuration = group.configuration.as_ref();
        let engine =
            configuration.and_then(|found| found.engine_version()).and_then(|engine| engine.effective_engine_version());
        let own_place = configuration
            .and_then(|found| found.result_configuration())
            .and_then(|results| results.output_location())
            .map(str::to_owned);
        let place = own_place.or_else(|| self.settings.athena.output_location.clone());
        let cutoff = configuration.and_then(|found| found.bytes_scanned_cutoff_per_query());
        let limit = cutoff.map_or_else(
            || "no limit".to_owned(),
            |bytes| format!("at most {}", bytes_text(u64::try_from(bytes).unwrap_or_default())),
        );
        let engine = engine.unwrap_or("an engine that it does not name");
        if engine.contains("version 2") {
            let advice = "let the workgroup choose the engine (AUTO): statements are written for version 3";
            checks.push(Check::fail(subject, format!("it uses {engine}"), advice));
        } else if cutoff.is_none() {
            let advice = "set BytesScannedCutoffPerQuery, or `max_scan` in the settings: a wrong window can be expensive";
            checks.push(Check::warn(subject, format!("{engine}; {limit} for what a statement scans"), advice));
        } else {
            checks.push(Check::ok(subject, format!("{engine}; a statement scans {limit}")));
        }
        if place.is_none() {
            let advice = "set the place of results in the workgroup, or `output_location` in the settings";
            checks.push(Check::fail("results", "neither the workgroup nor the settings say where results go", advice));
        }
        place
    }

    async fn results(&self, session: &Session, place: &str, checks: &mut Vec<Check>) {
        let Some(location) = Location::parse(place) else {
            checks.push(Check::fail("results", format!("`{place}` is no place in S3"), "correct it in the workgroup"));
            return;
        };
        let objects = Objects::new(self.sessions.of(Purpose::Athena).await, false);
        match objects.level(&location.bucket, &location.prefix).await {
            Ok(_) => checks.push(Check::ok("results", format!("{place} can be listed by {}", session.caller()))),
            Err(error) => checks.push(failed(format!("results {place}"), &error)),
        }
    }

    async fn table(&self, session: &Session, database: &str, name: &str) -> Result<Option<Found>, AwsError> {
        let catalog = &self.settings.athena.catalog;
        let answer = session
            .call(&calls::athena::GET_TABLE_METADATA, |config| {
                aws_sdk_athena::Client::new(&config)
                    .get_table_metadata()
                    .catalog_name(catalog)
                    .database_name(database)
                    .table_name(name)
                    .send()
            })
            .await;
        match answer {
            Ok(answer) => Ok(answer
                .table_metadata
                .map(|metadata| Found::laid_out(table_of(catalog, database, metadata), &self.settings.table_layouts))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Columns and partitions of a table.
    fn table_checks(&self, subject: &str, found: &Found) -> Vec<Check> {
        let source = match &found.source {
            Ok(source) => source,
            Err(reason) => {
                return vec![Check::fail(subject, reason.clone(), "`palisade setup athena --detect` finds those that are")];
            }
        };
        let mut checks = Vec::new();
        let missing = source.lacking();
        let layout = format!("layout `{}`", source.layout.name());
        checks.push(if missing.is_empty() {
            Check::ok(subject, format!("{layout}, no column is missing"))
        } else {
            let advice = "what they would tell stays undetermined; `palisade setup athena` makes a table with all columns over the same objects";
            Check::warn(subject, format!("{layout}; it has no column for {}", some(&missing)), advice)
        });
        if source.layout.days == Days::None {
            let advice = "every statement reads, and pays for, all of it: `palisade setup athena` makes a table that is partitioned by day";
            checks.push(Check::warn(subject, "it is not partitioned by day", advice));
        }
        if let Some((from, to)) = found.parameter("projection.p_date.range").and_then(|range| range.split_once(',')) {
            let from = from.trim().replace('/', "-");
            let starts_late =
                self.settings.from.is_some_and(|wanted| from.parse().is_ok_and(|first: jiff::civil::Date| wanted < first));
            if starts_late {
                let advice = "days before are read as if nothing had happened: widen `projection.p_date.range`";
                checks.push(Check::fail(subject, format!("its first day is {from}, after `from` of the settings"), advice));
            }
            let ended = to.trim().replace('/', "-").parse().is_ok_and(|last: jiff::civil::Date| last < self.settings.today());
            if ended {
                let advice = "later days are read as if nothing had happened: end `projection.p_date.range` with NOW";
                checks.push(Check::fail(subject, format!("its last day is {to}"), advice));
            }
        }
        if let Some(known) = found.parameter("projection.p_account.values") {
            let known: BTreeSet<&str> = known.split(',').map(str::trim).collect();
            let unknown: Vec<&str> = self.active_accounts().into_iter().filter(|id| !known.contains(id)).collect();
            if !unknown.is_empty() {
                let advice = "they are read as if they had done nothing: add them to `projection.p_account.values`, or make it `injected`";
                checks.push(Check::fail(subject, format!("it does not know the accounts {}", some(&unknown)), advice));
            }
        }
        checks
    }

    fn active_accounts(&self) -> Vec<&str> {
        let accounts = self.inventory.into_iter().flat_map(Inventory::accounts);
        accounts
            .filter(|account| account.status.as_deref().is_none_or(|status| status == "ACTIVE"))
            .map(|account| account.id.as_str())
            .collect()
    }

    /// Do all accounts send logs, and does a table know all the regions that they come from?
    async fn trail(&self, tables: &[Found], checks: &mut Vec<Check>) {
        let mut places: Vec<(Location, Option<BTreeSet<String>>)> = Vec::new();
        for table in tables {
            let Some(template) = table.parameter("storage.location.template") else { continue };
            let Some((before, after)) = template.split_once("${p_account}/CloudTrail/") else { continue };
            if let (Some(location), "${p_region}/${p_date}") = (Location::parse(before), after.trim_end_matches('/')) {
                let regions = table.parameter("projection.p_region.values");
                places.push((
                    location,
                    regions.map(|regions| regions.split(',').map(|region| region.trim().to_owned()).collect()),
                ));
            }
        }
        for place in self.settings.events.iter().filter_map(|place| Location::parse(place)) {
            let same = |(known, _): &(Location, _)| {
                known.bucket == place.bucket && known.prefix.trim_end_matches('/') == place.prefix.trim_end_matches('/')
            };
            if !places.iter().any(same) {
                places.push((place, None));
            }
        }
        if places.is_empty() {
            checks.push(Check::not_checked("trail", "no table with a known place and no events in S3 are named"));
        }
        let objects = Objects::new(self.sessions.of(Purpose::S3).await, self.settings.aws.s3_requester_pays);
        for (mut place, regions) in places {
            if !place.prefix.is_empty() && !place.prefix.ends_with('/') {
                place.prefix.push('/');
            }
            checks.extend(self.folders(&objects, &place, regions.as_ref()).await);
        }
    }

    async fn folders(&self, objects: &Objects, place: &Location, regions: Option<&BTreeSet<String>>) -> Vec<Check> {
        let subject = format!("trail {place}");
        let level = match objects.level(&place.bucket, &place.prefix).await {
            Ok(level) => level,
            Err(error) => return vec![failed(subject, &error)],
        };
        let last = |folder: &str| folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let accounts: BTreeSet<String> = level
            .folders
            .iter()
            .map(|folder| last(folder))
            .filter(|name| name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit()))
            .collect();
        if accounts.is_empty() {
            let advice = "name the folder that holds the folders of the accounts: `AWSLogs/` or `AWSLogs/<organization>/`";
            return vec![Check::fail(subject, "there are no folders of accounts", advice)];
        }
        let mut checks = Vec::new();
        let silent: Vec<&str> = self.active_accounts().into_iter().filter(|id| !accounts.contains(*id)).collect();
        checks.push(match (self.inventory.is_some(), silent.as_slice()) {
            (false, _) => Check::not_checked(&subject, format!("{} accounts send logs; without an inventory nobody knows who else should", accounts.len())),
            (true, []) => Check::ok(&subject, format!("all {} accounts of the inventory have logs", self.active_accounts().len())),
            (true, silent) => {
                let advice = "check that the trail is one of the organization, or has a folder for each; what these accounts did is not seen";
                Check::fail(&subject, format!("no logs of {} accounts: {}", silent.len(), some(silent)), advice)
            }
        });
        let Some(known) = regions else { return checks };
        let mut unread = BTreeSet::new();
        for account in accounts.iter().take(ACCOUNTS_LOOKED_AT) {
            match objects.level(&place.bucket, &format!("{}{account}/CloudTrail/", place.prefix)).await {
                Ok(level) => {
                    unread.extend(level.folders.iter().map(|folder| last(folder)).filter(|region| !known.contains(region)))
                }
                Err(error) => {
                    checks.push(failed(&subject, &error));
                    return checks;
                }
            }
        }
        let looked = accounts.len().min(ACCOUNTS_LOOKED_AT);
        let subject = format!("regions of {place}");
        checks.push(if unread.is_empty() {
            Check::ok(
                subject,
                format!("the table knows every region that {looked} of {} accounts send logs of", accounts.len()),
            )
        } else {
            let unread: Vec<String> = unread.into_iter().collect();
            let advice = "their calls are not seen: add them to `projection.p_region.values` of the table";
            Check::fail(subject, format!("the table does not know {}", unread.join(", ")), advice)
        });
        checks
    }

    /// Does the aggregator cover the organization, and do all sources send?
    async fn aggregator(&self, checks: &mut Vec<Check>) {
        let subject = "aggregator";
        let session = self.sessions.of(Purpose::Config).await;
        let call = &calls::setup::DESCRIBE_CONFIGURATION_AGGREGATORS;
        let answer =
            session.call(call, |config| aws_sdk_config::Client::new(&config).describe_configuration_aggregators().send()).await;
        let aggregators = match answer {
            Ok(answer) => answer.configuration_aggregators.unwrap_or_default(),
            Err(error) => {
                checks.push(failed(subject, &error));
                return;
            }
        };
        let of_organization = aggregators.iter().find(|aggregator| aggregator.organization_aggregation_source.is_some());
        let Some(aggregator) = of_organization.or_else(|| aggregators.first()) else {
            let advice = "create an aggregator of the organization with all regions: the inventory reads roles, endpoints and buckets from it";
            checks.push(Check::fail(subject, "there is none in this account and region", advice));
            return;
        };
        let name = aggregator.configuration_aggregator_name().unwrap_or_default().to_owned();
        let subject = format!("aggregator {name}");
        checks.push(match &aggregator.organization_aggregation_source {
            Some(source) if source.all_aws_regions => Check::ok(&subject, "it covers the organization and all regions"),
            Some(source) => {
                let regions = source.aws_regions().join(", ");
                Check::warn(
                    &subject,
                    format!("it covers the organization in {regions} only"),
                    "let it collect from all regions: what is elsewhere is unknown",
                )
            }
            None => Check::warn(
                &subject,
                "it covers single accounts, not the organization",
                "make it one of the organization: what is in other accounts is unknown",
            ),
        });
        match self.failing_sources(&session, &name).await {
            Ok(failing) if failing.is_empty() => checks.push(Check::ok(subject, "every account and region sends")),
            Ok(failing) => {
                let advice = "turn on AWS Config there, or authorize the aggregator: what is there is unknown";
                checks.push(Check::warn(subject, format!("{} sources do not send: {}", failing.len(), some(&failing)), advice));
            }
            Err(error) => checks.push(failed(subject, &error)),
        }
    }

    async fn failing_sources(&self, session: &Session, name: &str) -> Result<Vec<String>, AwsError> {
        let call = &calls::setup::DESCRIBE_CONFIGURATION_AGGREGATOR_SOURCES_STATUS;
        let mut failing = BTreeSet::new();
        let mut pages = Pages::default();
        let mut token: Option<String> = None;
        loop {
            let page = session
                .call(call, |config| {
                    aws_sdk_config::Client::new(&config)
                        .describe_configuration_aggregator_sources_status()
                        .configuration_aggregator_name(name)
                        .update_status(AggregatedSourceStatusType::Failed)
                        .update_status(AggregatedSourceStatusType::Outdated)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            for source in page.aggregated_source_status_list() {
                let part = |value: Option<&str>| value.unwrap_or("unknown").to_owned();
                let code = source.last_error_code().map(|code| format!(" ({code})")).unwrap_or_default();
                failing.insert(format!("{} {}{code}", part(source.source_id()), part(source.aws_region())));
            }
            token = pages.next(session, call, page.next_token)?;
            if token.is_none() {
                return Ok(failing.into_iter().collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    /// Defaults of the AWS General Reference, "Amazon Athena endpoints and quotas": Active DML queries.
    #[test]
    fn the_setting_is_compared_with_what_the_region_allows() {
        for (concurrency, region, status, allowed) in [
            (10, "eu-south-1", Status::Ok, "allows 20 "),
            (11, "eu-south-1", Status::Warn, "allows 20 "),
            (75, "eu-west-1", Status::Ok, "allows 150 "),
            (100, "us-east-1", Status::Ok, "allows 200 "),
            (101, "us-east-1", Status::Warn, "allows 200 "),
            (60, "ap-southeast-2", Status::Warn, "allows 100 "),
        ] {
            let check = quota(concurrency, region);
            assert_eq!(check.status, status, "{concurrency} in {region}");
            assert!(check.seen.contains(allowed) && check.seen.contains(region), "{}", check.seen);
        }
        let beyond = quota(21, "eu-south-1").advice.unwrap();
        assert!(beyond.contains("beyond the quota wait"), "{beyond}");
    }
}
