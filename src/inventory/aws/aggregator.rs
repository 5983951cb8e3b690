//! The AWS Config aggregator: resources of all accounts by advanced queries, and how much of the organization it covers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aws_sdk_config::Client;
use aws_sdk_config::types::{
    AggregatedSourceStatusType, AggregatorFilterType, ConfigurationAggregator, ResourceCountFilters, ResourceCountGroupKey,
    ResourceType,
};
use futures::StreamExt as _;
use serde_json::Value;

use super::calls::{CallError, Reason, Service};
use super::organization::rows_of;
use super::record::{AggregatorRecord, TypeRecord};
use super::selection::{expression, is_global, is_of_organization};
use super::writing::{List, WriteError, file_name_part};
use super::{Gathered, Request};
use crate::aws::calls::inventory as calls;
use crate::aws::{Call, Pages, Purpose, Sessions};
use crate::inventory::model::resource_types::ROLE;

/// Requests at once, at most.
const MOST_REQUESTS: u16 = 16;
/// Lists that are read at once: each has one file open and one page in memory.
const LISTS: usize = 32;
/// Rows of a page; AWS gives no more.
const ROWS: i32 = 100;
/// A type with more resources is read as several lists, each of some accounts.
const LARGE: u64 = 2_000;
/// Lists that a large type becomes, if its accounts allow it.
const PARTS: u64 = 16;
/// Accounts whose ids fit into one query, which has 4,096 characters.
pub(super) const MOST_ACCOUNTS: usize = 180;

/// How much of the organization the aggregator covers, as far as it tells.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    pub(super) record: AggregatorRecord,
    /// Accounts with at least one resource.
    accounts: Option<BTreeSet<String>>,
    /// Accounts with at least one role, where roles were asked for.
    accounts_with_roles: Option<BTreeSet<String>>,
    regions: Regions,
    /// Types that it collects, where it is restricted to some.
    only_types: Option<BTreeSet<String>>,
    /// `(account, region, message)` of sources whose last update failed or is old.
    failed: Vec<(String, String, String)>,
    /// What it did not tell.
    untold: Vec<String>,
}

#[derive(Debug, Default)]
enum Regions {
    All,
    Some(BTreeSet<String>),
    #[default]
    Unknown,
}

/// A part of a type: the accounts and the region of one list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Part {
    resource_type: String,
    accounts: Vec<String>,
    region: Option<String>,
    /// From 1; 0 where the list is the whole type.
    number: usize,
}

struct Reader<'a> {
    service: Service,
    aggregator: String,
    folder: &'a Path,
}

/// What came of one part.
#[derive(Default)]
struct Outcome {
    resource_type: String,
    rows: u64,
    provided: bool,
    error: Option<CallError>,
    /// The properties of the type were not understood, and left out.
    plain: bool,
    /// Rows that are no JSON objects.
    malformed: u64,
}

/// Reads the types that were asked for into the folder.
pub(super) async fn collect(
    request: &Request,
    sessions: &Sessions,
    folder: &Path,
    gathered: &Gathered,
) -> Result<Coverage, WriteError> {
    let wanted: Vec<String> =
        request.types.iter().filter(|name| !is_of_organization(name) && !super::is_finding(name)).cloned().collect();
    let mut coverage = Coverage::default();
    if wanted.is_empty() {
        return Ok(coverage);
    }
    let service = Service::new(sessions.of(Purpose::Config).await, MOST_REQUESTS, request.patience);
    coverage.record.region = service.region();
    let aggregator = match choose(&service, request.aggregator.as_deref()).await {
        Ok(found) => {
            coverage.describe(&found);
            found.configuration_aggregator_name().unwrap_or_default().to_owned()
        }
        Err(error) => {
            // The name is all that queries need.
            let Some(name) = request.aggregator.clone().filter(|_| error.reason != Reason::Other || is_denied(&error)) else {
                wanted.iter().for_each(|name| gathered.missing(name, &error));
                return Ok(coverage);
            };
            gathered.error(&error);
            coverage.untold.push(format!("which regions the aggregator collects is not known ({error})"));
            name
        }
    };
    coverage.record.name.clone_from(&aggregator);
    let reader = Reader { service, aggregator, folder };
    reader.cover(&mut coverage, gathered).await;
    let parts = reader.plan(&wanted, &mut coverage, gathered).await;
    let counts: BTreeMap<String, u64> =
        parts.iter().map(|(name, (_, count))| (name.clone(), count.unwrap_or_default())).collect();
    let outcomes: Vec<Result<Outcome, WriteError>> = futures::stream::iter(parts.into_values().flat_map(|(parts, _)| parts))
        .map(|part| reader.read(part))
        .buffer_unordered(LISTS)
        .collect()
        .await;
    let mut of_types: BTreeMap<String, TypeRecord> = BTreeMap::new();
    let mut outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    // In the order of messages, whatever ended first.
    outcomes.sort_by_cached_key(|outcome| (outcome.resource_type.clone(), outcome.error.as_ref().map(ToString::to_string)));
    for outcome in outcomes {
        let of_type =
            of_types.entry(outcome.resource_type).or_insert_with(|| TypeRecord { complete: true, ..TypeRecord::default() });
        of_type.provided |= outcome.provided;
        of_type.rows += outcome.rows;
        if let Some(error) = outcome.error {
            gathered.error(&error);
            of_type.lacks(format!("it could not be read to the end ({error})"));
        }
        if outcome.malformed > 0 {
            of_type.lacks(format!("{} cannot be read", plural(outcome.malformed, "row", "rows")));
        }
        if outcome.plain {
            of_type.lacks("the aggregator does not know its properties here, so that only names, tags and places were read");
        }
    }
    for (name, of_type) in &mut of_types {
        let counted = counts.get(name).copied().unwrap_or_default();
        // AWS Config may count what belongs to no region once for every region that records it.
        if of_type.complete && of_type.rows < counted && !is_global(name) && reader.still_counts(name, of_type.rows).await {
            of_type.lacks(format!("{} rows were read but the aggregator counts {counted}", of_type.rows));
        }
    }
    for (name, of_type) in of_types {
        gathered.of_type(&name, of_type);
    }
    Ok(coverage)
}

fn is_denied(error: &CallError) -> bool {
    error.error.kind == crate::aws::Kind::AccessDenied
}

/// The aggregator of that name, else the only one, else the only one of an organization.
async fn choose(service: &Service, name: Option<&str>) -> Result<ConfigurationAggregator, CallError> {
    const CALL: &Call = &calls::DESCRIBE_CONFIGURATION_AGGREGATORS;
    let mut found = Vec::new();
    let mut pages = Pages::default();
    let mut token: Option<String> = None;
    loop {
        let (output, _) = service
            .call(CALL, |config, raw| {
                let names = name.map(|name| vec![name.to_owned()]);
                let request =
                    Client::new(&config).describe_configuration_aggregators().set_configuration_aggregator_names(names);
                request.set_next_token(token.clone()).customize().interceptor(raw).send()
            })
            .await?;
        found.extend_from_slice(output.configuration_aggregators());
        token = service.next(&mut pages, CALL, output.next_token())?;
        if token.is_none() {
            break;
        }
    }
    if found.len() > 1 {
        let of_organization: Vec<_> =
            found.iter().filter(|aggregator| aggregator.organization_aggregation_source().is_some()).cloned().collect();
        if of_organization.len() == 1 {
            found = of_organization;
        }
    }
    match <[ConfigurationAggregator; 1]>::try_from(found) {
        Ok([one]) => Ok(one),
        Err(none) if none.is_empty() => {
            Err(service.unusable(CALL, "there is no aggregator here; name its region in the settings"))
        }
        Err(several) => {
            let mut names: Vec<&str> = several.iter().filter_map(|one| one.configuration_aggregator_name()).collect();
            names.sort_unstable();
            Err(service.unusable(CALL, format!("there are several aggregators; name one of {}", names.join(", "))))
        }
    }
}

impl Coverage {
    fn describe(&mut self, aggregator: &ConfigurationAggregator) {
        let mut named = BTreeSet::new();
        let mut all = false;
        if let Some(source) = aggregator.organization_aggregation_source() {
            all |= source.all_aws_regions();
            named.extend(source.aws_regions().iter().cloned());
        }
        for source in aggregator.account_aggregation_sources() {
            all |= source.all_aws_regions();
            named.extend(source.aws_regions().iter().cloned());
        }
        self.regions = if all { Regions::All } else { Regions::Some(named) };
        let filter = aggregator.aggregator_filters().and_then(|filters| filters.resource_type());
        self.only_types = filter
            .filter(|filter| filter.r#type() == Some(&AggregatorFilterType::Include) && !filter.value().is_empty())
            .map(|filter| filter.value().iter().cloned().collect());
    }

    /// Says of every type what the aggregator cannot have, now that accounts and regions are known.
    pub(super) fn judge(&mut self, active_accounts: Option<&[String]>, enabled_regions: &[String], gathered: &Gathered) {
        let mut of_all = self.untold.clone();
        let mut of_regional = Vec::new();
        let mut of_roles = Vec::new();
        match (active_accounts, &self.accounts) {
            (Some(active), Some(covered)) => {
                self.record.account_count = Some(covered.len() as u64);
                let missing: BTreeSet<String> = active.iter().filter(|id| !covered.contains(*id)).cloned().collect();
                if !missing.is_empty() {
                    of_all.push(format!(
                        "{} in the aggregator: {}",
                        plural(missing.len(), "account has no resource", "accounts have no resource"),
                        some(&missing)
                    ));
                }
                // AWS creates roles in every account, so one without any does not record them.
                if let Some(with_roles) = &self.accounts_with_roles {
                    let without: BTreeSet<String> =
                        active.iter().filter(|id| covered.contains(*id) && !with_roles.contains(*id)).cloned().collect();
                    if !without.is_empty() {
                        of_roles.push(format!(
                            "{}: {}",
                            plural(without.len(), "account does not record its roles", "accounts do not record their roles"),
                            some(&without)
                        ));
                    }
                }
                self.record.missing_account_ids = missing.into_iter().collect();
            }
            (None, _) => of_all.push(
                "whether the aggregator covers every account is not known, since the accounts could not be listed".to_owned(),
            ),
            // The reason is among what was not told.
            (Some(_), None) => {}
        }
        let is_active =
            |id: &String| active_accounts.is_none_or(|active| active.contains(id) || !super::super::values::is_account_id(id));
        let is_enabled = |region: &String| enabled_regions.is_empty() || region.is_empty() || enabled_regions.contains(region);
        self.failed.retain(|(account, region, _)| is_active(account) && is_enabled(region));
        if !self.failed.is_empty() {
            let sources: BTreeSet<String> =
                self.failed.iter().map(|(account, region, _)| format!("{account} {region}").trim().to_owned()).collect();
            of_all.push(format!(
                "the aggregator could not update {}: {}",
                plural(sources.len(), "source", "sources"),
                some(&sources)
            ));
            let mut told: Vec<String> =
                self.failed.iter().map(|(account, region, why)| format!("{account} {region}: {why}")).collect();
            told.sort_unstable();
            told.dedup();
            self.record.failed_sources = told;
        }
        if let Regions::Some(covered) = &self.regions {
            let missing: BTreeSet<String> =
                enabled_regions.iter().filter(|region| !covered.contains(*region)).cloned().collect();
            if enabled_regions.is_empty() {
                of_regional.push(
                    "whether the aggregator covers every enabled region is not known, since the regions could not be listed"
                        .to_owned(),
                );
            } else if !missing.is_empty() {
                of_regional.push(format!(
                    "the aggregator leaves out {}: {}",
                    plural(missing.len(), "enabled region", "enabled regions"),
                    some(&missing)
                ));
            }
            self.record.missing_regions = missing.into_iter().collect();
        }
        gathered.each(|name, of_type| {
            if is_of_organization(name) || super::is_finding(name) || !of_type.provided {
                return;
            }
            of_all.iter().for_each(|why| of_type.lacks(why.clone()));
            if !is_global(name) {
                of_regional.iter().for_each(|why| of_type.lacks(why.clone()));
            }
            if name == ROLE {
                of_roles.iter().for_each(|why| of_type.lacks(why.clone()));
            }
            if self.only_types.as_ref().is_some_and(|only| !only.contains(name)) {
                of_type.lacks("the aggregator is restricted to other types");
            }
        });
    }
}

fn plural(number: impl TryInto<u64>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The first few of a set; the whole is in `snapshot.json`.
fn some(set: &BTreeSet<String>) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = set.iter().take(SHOWN).map(String::as_str).collect();
    let more = set.len().saturating_sub(SHOWN);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

impl Reader<'_> {
    /// Which accounts the aggregator knows, and which of them it failed to update.
    async fn cover(&self, coverage: &mut Coverage, gathered: &Gathered) {
        let (counts, failed) =
            tokio::join!(self.counts(ResourceCountFilters::builder().build(), ResourceCountGroupKey::AccountId), self.failed());
        match counts {
            Ok((_, counts)) => coverage.accounts = Some(counts.into_keys().collect()),
            Err(error) => {
                gathered.error(&error);
                coverage.untold.push(format!("whether the aggregator covers every account is not known ({error})"));
            }
        }
        match failed {
            Ok(failed) => coverage.failed = failed,
            Err(error) => {
                gathered.error(&error);
                coverage.untold.push(format!("whether the aggregator is up to date is not known ({error})"));
            }
        }
    }

    async fn failed(&self) -> Result<Vec<(String, String, String)>, CallError> {
        const CALL: &Call = &calls::DESCRIBE_CONFIGURATION_AGGREGATOR_SOURCES_STATUS;
        let mut failed = Vec::new();
        let mut pages = Pages::default();
        let mut token: Option<String> = None;
        loop {
            let (output, _) = self
                .service
                .call(CALL, |config, raw| {
                    let request = Client::new(&config)
                        .describe_configuration_aggregator_sources_status()
                        .configuration_aggregator_name(&self.aggregator)
                        .update_status(AggregatedSourceStatusType::Failed)
                        .update_status(AggregatedSourceStatusType::Outdated);
                    request.set_next_token(token.clone()).customize().interceptor(raw).send()
                })
                .await?;
            for source in output.aggregated_source_status_list() {
                let why = source.last_error_message().or(source.last_error_code()).unwrap_or("no reason was given");
                let status = source.last_update_status().map_or("FAILED", AggregatedSourceStatusType::as_str);
                failed.push((
                    source.source_id().unwrap_or_default().to_owned(),
                    source.aws_region().unwrap_or_default().to_owned(),
                    format!("{status}: {}", crate::aws::error::readable(why)),
                ));
            }
            token = self.service.next(&mut pages, CALL, output.next_token())?;
            if token.is_none() {
                return Ok(failed);
            }
        }
    }

    /// How many resources there are, in all and by group.
    async fn counts(
        &self,
        filters: ResourceCountFilters,
        group: ResourceCountGroupKey,
    ) -> Result<(u64, BTreeMap<String, u64>), CallError> {
        const CALL: &Call = &calls::GET_AGGREGATE_DISCOVERED_RESOURCE_COUNTS;
        let mut groups = BTreeMap::new();
        let mut pages = Pages::default();
        let mut token: Option<String> = None;
        loop {
            let (output, _) = self
                .service
                .call(CALL, |config, raw| {
                    let request = Client::new(&config)
                        .get_aggregate_discovered_resource_counts()
                        .configuration_aggregator_name(&self.aggregator)
                        .filters(filters.clone())
                        .group_by_key(group.clone());
                    request.set_next_token(token.clone()).customize().interceptor(raw).send()
                })
                .await?;
            let total = u64::try_from(output.total_discovered_resources()).unwrap_or_default();
            for count in output.grouped_resource_counts() {
                groups.insert(count.group_name().to_owned(), u64::try_from(count.resource_count()).unwrap_or_default());
            }
            token = self.service.next(&mut pages, CALL, output.next_token())?;
            if token.is_none() {
                return Ok((total, groups));
            }
        }
    }

    /// Does the aggregator still count more resources than were read? Between the first count and the last page some may go.
    async fn still_counts(&self, resource_type: &str, rows: u64) -> bool {
        let filters = ResourceCountFilters::builder().resource_type(ResourceType::from(resource_type)).build();
        match self.counts(filters, ResourceCountGroupKey::AccountId).await {
            Ok((total, _)) => total > rows,
            Err(_) => true,
        }
    }

    /// The lists to read of each type, and how many resources the aggregator counts.
    async fn plan(
        &self,
        wanted: &[String],
        coverage: &mut Coverage,
        gathered: &Gathered,
    ) -> BTreeMap<String, (Vec<Part>, Option<u64>)> {
        let whole = |name: &str| vec![Part { resource_type: name.to_owned(), ..Part::default() }];
        // When accounts cannot be counted, types cannot either.
        if coverage.accounts.is_none() {
            return wanted.iter().map(|name| (name.clone(), (whole(name), None))).collect();
        }
        let counted: Vec<(String, Result<_, CallError>)> = futures::stream::iter(wanted)
            .map(|name| async move {
                let filters = ResourceCountFilters::builder().resource_type(ResourceType::from(name.as_str())).build();
                (name.clone(), self.counts(filters, ResourceCountGroupKey::AccountId).await)
            })
            .buffered(LISTS)
            .collect()
            .await;
        let mut plan = BTreeMap::new();
        for (name, counts) in counted {
            let planned = match counts {
                Ok((total, accounts)) => {
                    if name == ROLE {
                        coverage.accounts_with_roles = Some(accounts.keys().cloned().collect());
                    }
                    let parts = if total > LARGE { self.split(&name, total, &accounts).await } else { whole(&name) };
                    (parts, Some(total))
                }
                Err(error) => {
                    gathered.error(&error);
                    (whole(&name), None)
                }
            };
            plan.insert(name, planned);
        }
        plan
    }

    /// Parts of about the same size, by account; an account that is larger by region.
    async fn split(&self, resource_type: &str, total: u64, accounts: &BTreeMap<String, u64>) -> Vec<Part> {
        let target = (total / PARTS).max(LARGE / 2);
        let mut parts = Vec::new();
        for group in groups(accounts, target) {
            let large = match group.as_slice() {
                [one] if !is_global(resource_type) => accounts.get(one).is_some_and(|count| *count > target * 2),
                _ => false,
            };
            let regions = match (large, group.first()) {
                (true, Some(account)) => {
                    let filters = ResourceCountFilters::builder()
                        .resource_type(ResourceType::from(resource_type))
                        .account_id(account)
                        .build();
                    // Without the regions the account is read as one list.
                    self.counts(filters, ResourceCountGroupKey::AwsRegion).await.map(|(_, regions)| regions).unwrap_or_default()
                }
                _ => BTreeMap::new(),
            };
            let part = Part { resource_type: resource_type.to_owned(), accounts: group, ..Part::default() };
            if regions.len() > 1 {
                parts.extend(regions.into_keys().map(|region| Part { region: Some(region), ..part.clone() }));
            } else {
                parts.push(part);
            }
        }
        let several = parts.len() > 1;
        for (index, part) in parts.iter_mut().enumerate() {
            part.number = if several { index + 1 } else { 0 };
        }
        parts
    }

    /// Reads one list into its file.
    async fn read(&self, part: Part) -> Result<Outcome, WriteError> {
        let mut outcome = Outcome { resource_type: part.resource_type.clone(), ..Outcome::default() };
        let mut restarted = false;
        loop {
            let text = expression(&part.resource_type, !outcome.plain, &part.accounts, part.region.as_deref());
            let Followed { rows, malformed, provided, error } = self.pages(&part, &text, !restarted).await?;
            outcome.error = error;
            match &outcome.error {
                Some(error) if error.reason == Reason::Expression && !outcome.plain && !provided => outcome.plain = true,
                // A token that is not accepted any more: the list is read again, once.
                Some(error) if error.reason == Reason::Token && !restarted => restarted = true,
                _ => {
                    outcome.rows = rows;
                    outcome.malformed = malformed;
                    outcome.provided = provided;
                    return Ok(outcome);
                }
            }
        }
    }

    /// Follows a list into its file. `again`: what broke off at a token is not kept, since it will be read again.
    async fn pages(&self, part: &Part, text: &str, again: bool) -> Result<Followed, WriteError> {
        const CALL: &Call = &calls::SELECT_AGGREGATE_RESOURCE_CONFIG;
        let mut stem = format!("config-{}", file_name_part(&part.resource_type.replace("::", "_")));
        if part.number > 0 {
            stem.push_str(&format!("-{:03}", part.number));
        }
        let mut file: Option<List> = None;
        let mut malformed = 0;
        let mut pages = Pages::default();
        let mut token: Option<String> = None;
        let broken_off = loop {
            let answer = self.service.call(CALL, |config, raw| {
                let request = Client::new(&config)
                    .select_aggregate_resource_config()
                    .configuration_aggregator_name(&self.aggregator)
                    .expression(text)
                    .limit(ROWS);
                request.set_next_token(token.clone()).customize().interceptor(raw).send()
            });
            let (output, mut raw) = match answer.await {
                Ok(answer) => answer,
                Err(error) => break Some(error),
            };
            let file = match &mut file {
                Some(file) => file,
                None => file.insert(List::create(self.folder, &stem, "Results")?),
            };
            let rows = rows_of(&mut raw, "Results");
            malformed += rows.iter().filter(|row| !is_object(row)).count() as u64;
            file.rows(&rows)?;
            match self.service.next(&mut pages, CALL, output.next_token()) {
                Ok(None) => break None,
                Ok(next) => token = next,
                Err(error) => break Some(error),
            }
        };
        let Some(file) = file else { return Ok(Followed { rows: 0, malformed, provided: false, error: broken_off }) };
        let why = broken_off.as_ref().map(|error| format!("not followed: {error}"));
        let rows = match &broken_off {
            Some(error) if error.reason == Reason::Token && again => {
                file.discard()?;
                0
            }
            _ => file.finish(why.as_deref())?,
        };
        Ok(Followed { rows, malformed, provided: true, error: broken_off })
    }
}

/// What came of following a list.
struct Followed {
    rows: u64,
    malformed: u64,
    /// Was any page answered?
    provided: bool,
    /// Why it broke off.
    error: Option<CallError>,
}

/// Is it a row of an advanced query: the text of a JSON object?
fn is_object(row: &Value) -> bool {
    let text = row.as_str().unwrap_or_default();
    text.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Accounts in the order of their ids, as many together as make about `target` resources.
fn groups(accounts: &BTreeMap<String, u64>, target: u64) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut sum = 0;
    for (account, count) in accounts {
        if !open.is_empty() && (sum + count > target || open.len() == MOST_ACCOUNTS) {
            groups.push(std::mem::take(&mut open));
            sum = 0;
        }
        open.push(account.clone());
        sum += count;
    }
    if !open.is_empty() {
        groups.push(open);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_grouped_by_size() {
        let accounts: BTreeMap<String, u64> =
            [("1", 10), ("2", 90), ("3", 500), ("4", 40), ("5", 40), ("6", 40)].map(|(id, n)| (id.to_owned(), n)).into();
        let grouped: Vec<String> = groups(&accounts, 100).iter().map(|group| group.join("")).collect();
        assert_eq!(grouped, ["12", "3", "45", "6"]);
        let many: BTreeMap<String, u64> = (0..400).map(|n| (format!("{n:012}"), 1)).collect();
        assert_eq!(groups(&many, 1_000).iter().map(Vec::len).collect::<Vec<_>>(), [180, 180, 40]);
    }
}
