//! External-access findings, from IAM Access Analyzer or from Security Hub.

use std::collections::BTreeMap;
use std::path::Path;

use aws_sdk_accessanalyzer::types::Criterion;
use aws_sdk_securityhub::types::{AwsSecurityFindingFilters, StringFilter, StringFilterComparison};
use futures::StreamExt as _;
use serde_json::Value;

use super::calls::{CallError, Service};
use super::organization::rows_of;
use super::record::{FindingsOfRegion, FindingsRecord, TypeRecord};
use super::writing::{Lines, List, WriteError, file_name_part};
use super::{ACCESS_ANALYZER_FINDING, FindingsSource, Gathered, Request, SECURITY_HUB_FINDING};
use crate::aws::calls::inventory as calls;
use crate::aws::{Call, Pages, Purpose, Sessions};

/// Requests at once to one region, at most.
const MOST_REQUESTS: u16 = 8;
/// Regions at once.
const REGIONS: usize = 8;
/// Findings whose details are asked for at once.
const DETAILS: usize = 16;

/// Regions that are enabled for the account of the credentials, sorted.
pub(super) async fn enabled_regions(request: &Request, sessions: &Sessions) -> Result<Vec<String>, CallError> {
    const CALL: &Call = &calls::LIST_REGIONS;
    use aws_sdk_account::types::RegionOptStatus::{Enabled, EnabledByDefault};
    let service = Service::new(sessions.of(Purpose::Organizations).await, MOST_REQUESTS, request.patience);
    let mut regions = Vec::new();
    let mut pages = Pages::default();
    let mut token: Option<String> = None;
    loop {
        let (output, _) = service
            .call(CALL, |config, raw| {
                let request = aws_sdk_account::Client::new(&config).list_regions().max_results(50);
                let request = request.region_opt_status_contains(Enabled).region_opt_status_contains(EnabledByDefault);
                request.set_next_token(token.clone()).customize().interceptor(raw).send()
            })
            .await?;
        regions.extend(output.regions().iter().filter_map(|region| region.region_name()).map(str::to_owned));
        token = service.next(&mut pages, CALL, output.next_token())?;
        if token.is_none() {
            regions.sort_unstable();
            regions.dedup();
            return Ok(regions);
        }
    }
}

/// Reads the findings of all regions into the folder. `regions` is why they are not known, if they are not.
pub(super) async fn collect(
    request: &Request,
    sessions: &Sessions,
    folder: &Path,
    regions: Result<&[String], &CallError>,
    gathered: &Gathered,
) -> Result<Option<FindingsRecord>, WriteError> {
    let (purpose, resource_type) = match request.findings {
        FindingsSource::None => return Ok(None),
        FindingsSource::AccessAnalyzer => (Purpose::AccessAnalyzer, ACCESS_ANALYZER_FINDING),
        FindingsSource::SecurityHub => (Purpose::SecurityHub, SECURITY_HUB_FINDING),
    };
    let mut of_type = TypeRecord { complete: true, ..TypeRecord::default() };
    let here = sessions.of(purpose).await.region();
    let regions: Vec<String> = match regions {
        Ok(regions) => regions.to_vec(),
        Err(error) => {
            of_type.lacks(format!("which regions are enabled is not known, so that only one was read ({error})"));
            here.into_iter().collect()
        }
    };
    let read: Vec<Result<OfRegion, WriteError>> = futures::stream::iter(regions)
        .map(|region| async move {
            let service = Service::new(sessions.in_region(purpose, &region).await, MOST_REQUESTS, request.patience);
            let reader = Reader { service, folder, region: &region };
            let read = match request.findings {
                FindingsSource::SecurityHub => reader.security_hub().await,
                _ => reader.access_analyzer().await,
            };
            read.map(|told| OfRegion { region: region.clone(), told })
        })
        .buffered(REGIONS)
        .collect()
        .await;
    let mut record = FindingsRecord { source: request.findings.as_str().to_owned(), regions: BTreeMap::new() };
    for of_region in read {
        let OfRegion { region, told } = of_region?;
        of_type.provided |= told.provided;
        of_type.rows += told.findings;
        told.errors.iter().for_each(|error| gathered.error(error));
        let complete = told.why.is_empty();
        told.why.into_iter().for_each(|why| of_type.lacks(format!("{region}: {why}")));
        record.regions.insert(region, FindingsOfRegion { analyzers: told.analyzers, findings: told.findings, complete });
    }
    if record.regions.is_empty() {
        of_type.lacks("no region is known");
    }
    gathered.of_type(resource_type, of_type);
    Ok(Some(record))
}

struct OfRegion {
    region: String,
    told: Told,
}

/// What a region told.
#[derive(Default)]
struct Told {
    analyzers: Vec<String>,
    findings: u64,
    provided: bool,
    why: Vec<String>,
    errors: Vec<CallError>,
}

impl Told {
    fn fail(&mut self, what: &str, error: CallError) {
        let why = format!("{what} ({error})");
        if !self.why.contains(&why) {
            self.why.push(why);
        }
        self.errors.push(error);
    }
}

struct Reader<'a> {
    service: Service,
    folder: &'a Path,
    region: &'a str,
}

impl Reader<'_> {
    /// Findings of the analyzers whose zone of trust is the organization.
    async fn access_analyzer(&self) -> Result<Told, WriteError> {
        let mut told = Told::default();
        let region = file_name_part(self.region);
        let analyzers = match self.analyzers(&region).await? {
            Ok(analyzers) => analyzers,
            Err(error) => {
                told.fail("analyzers could not be listed", error);
                return Ok(told);
            }
        };
        if analyzers.is_empty() {
            told.why.push("no active analyzer of the organization".to_owned());
        }
        // One file for all: each finding names itself.
        let mut details: Option<Lines> = None;
        for (index, (name, arn)) in analyzers.into_iter().enumerate() {
            let suffix = if index == 0 { String::new() } else { format!("-{}", index + 1) };
            let stem = format!("accessanalyzer-list-findings-v2-{region}{suffix}");
            let ids = self.list_findings(&stem, &arn, &mut told).await?;
            let mut answers = futures::stream::iter(ids)
                .map(|id| {
                    let arn = &arn;
                    async move { self.finding(arn, &id).await.map_err(|error| (id, error)) }
                })
                .buffered(DETAILS);
            while let Some(answer) = answers.next().await {
                match answer {
                    Ok(finding) => {
                        let lines = match &mut details {
                            Some(lines) => lines,
                            None => {
                                details.insert(Lines::create(self.folder, &format!("accessanalyzer-get-finding-v2-{region}"))?)
                            }
                        };
                        lines.line(&finding)?;
                    }
                    Err((id, error)) => {
                        tracing::debug!(id, %error, "a finding has no details");
                        told.fail("details of findings could not be read", error);
                    }
                }
            }
            told.analyzers.push(name);
        }
        if let Some(lines) = details {
            lines.finish()?;
        }
        Ok(told)
    }

    /// `(name, ARN)` of the active analyzers of the organization, sorted.
    async fn analyzers(&self, region: &str) -> Result<Result<Vec<(String, String)>, CallError>, WriteError> {
        const CALL: &Call = &calls::LIST_ANALYZERS;
        use aws_sdk_accessanalyzer::Client;
        use aws_sdk_accessanalyzer::types::{AnalyzerStatus, Type};
        let mut found = Vec::new();
        let mut rows = Vec::new();
        let mut pages = Pages::default();
        let mut token: Option<String> = None;
        loop {
            let answer = self.service.call(CALL, |config, raw| {
                let request = Client::new(&config).list_analyzers().r#type(Type::Organization);
                request.set_next_token(token.clone()).customize().interceptor(raw).send()
            });
            let (output, mut raw) = match answer.await {
                Ok(answer) => answer,
                Err(error) => return Ok(Err(error)),
            };
            let active = output
                .analyzers()
                .iter()
                .filter(|one| *one.r#type() == Type::Organization && *one.status() == AnalyzerStatus::Active);
            found.extend(active.map(|analyzer| (analyzer.name().to_owned(), analyzer.arn().to_owned())));
            rows.extend(rows_of(&mut raw, "analyzers"));
            match self.service.next(&mut pages, CALL, output.next_token()) {
                Ok(None) => break,
                Ok(next) => token = next,
                Err(error) => return Ok(Err(error)),
            }
        }
        found.sort_unstable();
        let mut file = List::create(self.folder, &format!("accessanalyzer-list-analyzers-{region}"), "analyzers")?;
        file.rows(&rows)?;
        file.finish(None)?;
        Ok(Ok(found))
    }

    /// Writes the list of active external-access findings, and gives their ids.
    async fn list_findings(&self, stem: &str, analyzer: &str, told: &mut Told) -> Result<Vec<String>, WriteError> {
        const CALL: &Call = &calls::LIST_FINDINGS_V2;
        use aws_sdk_accessanalyzer::Client;
        let equals = |value: &str| Criterion::builder().eq(value).build();
        let mut ids = Vec::new();
        let mut file: Option<List> = None;
        let mut pages = Pages::default();
        let mut token: Option<String> = None;
        let broken_off = loop {
            let answer = self.service.call(CALL, |config, raw| {
                let request = Client::new(&config).list_findings_v2().analyzer_arn(analyzer).max_results(100);
                let request = request.filter("status", equals("ACTIVE")).filter("findingType", equals("ExternalAccess"));
                request.set_next_token(token.clone()).customize().interceptor(raw).send()
            });
            let (output, mut raw) = match answer.await {
                Ok(answer) => answer,
                Err(error) => break Some(error),
            };
            let file = match &mut file {
                Some(file) => file,
                None => file.insert(List::create(self.folder, stem, "findings")?),
            };
            file.rows(&rows_of(&mut raw, "findings"))?;
            ids.extend(output.findings().iter().map(|finding| finding.id().to_owned()));
            match self.service.next(&mut pages, CALL, output.next_token()) {
                Ok(None) => break None,
                Ok(next) => token = next,
                Err(error) => break Some(error),
            }
        };
        if let Some(file) = file {
            let why = broken_off.as_ref().map(|error| format!("not followed: {error}"));
            told.findings += file.finish(why.as_deref())?;
            told.provided = true;
        }
        if let Some(error) = broken_off {
            told.fail("findings could not be read to the end", error);
        }
        Ok(ids)
    }

    /// One finding with all its details, as one document.
    async fn finding(&self, analyzer: &str, id: &str) -> Result<Value, CallError> {
        const CALL: &Call = &calls::GET_FINDING_V2;
        use aws_sdk_accessanalyzer::Client;
        let mut finding: Option<Value> = None;
        let mut pages = Pages::default();
        let mut token: Option<String> = None;
        loop {
            let (output, mut raw) = self
                .service
                .call(CALL, |config, raw| {
                    let request = Client::new(&config).get_finding_v2().analyzer_arn(analyzer).id(id);
                    request.set_next_token(token.clone()).customize().interceptor(raw).send()
                })
                .await?;
            token = self.service.next(&mut pages, CALL, output.next_token())?;
            if let Some(object) = raw.as_object_mut() {
                // All pages are here.
                object.shift_remove("nextToken");
            }
            match &mut finding {
                None => finding = Some(raw),
                Some(finding) => {
                    let more = rows_of(&mut raw, "findingDetails");
                    if let Some(details) = finding.get_mut("findingDetails").and_then(Value::as_array_mut) {
                        details.extend(more);
                    }
                }
            }
            if token.is_none() {
                return Ok(finding.unwrap_or_default());
            }
        }
    }

    /// Active findings of Access Analyzer that Security Hub keeps in this region.
    async fn security_hub(&self) -> Result<Told, WriteError> {
        const CALL: &Call = &calls::GET_FINDINGS;
        use aws_sdk_securityhub::Client;
        let equals = |value: &str| StringFilter::builder().value(value).comparison(StringFilterComparison::Equals).build();
        let filters = AwsSecurityFindingFilters::builder()
            .generator_id(equals("aws/access-analyzer"))
            .record_state(equals("ACTIVE"))
            .build();
        let mut told = Told::default();
        let mut file: Option<List> = None;
        let mut pages = Pages::default();
        let mut token: Option<String> = None;
        let broken_off = loop {
            let answer = self.service.call(CALL, |config, raw| {
                let request = Client::new(&config).get_findings().filters(filters.clone()).max_results(100);
                request.set_next_token(token.clone()).customize().interceptor(raw).send()
            });
            let (output, mut raw) = match answer.await {
                Ok(answer) => answer,
                Err(error) => break Some(error),
            };
            let file = match &mut file {
                Some(file) => file,
                None => {
                    let stem = format!("securityhub-get-findings-{}", file_name_part(self.region));
                    file.insert(List::create(self.folder, &stem, "Findings")?)
                }
            };
            file.rows(&rows_of(&mut raw, "Findings"))?;
            match self.service.next(&mut pages, CALL, output.next_token()) {
                Ok(None) => break None,
                Ok(next) => token = next,
                Err(error) => break Some(error),
            }
        };
        if let Some(file) = file {
            let why = broken_off.as_ref().map(|error| format!("not followed: {error}"));
            told.findings = file.finish(why.as_deref())?;
            told.provided = true;
        }
        if let Some(error) = broken_off {
            told.fail("findings could not be read to the end", error);
        }
        Ok(told)
    }
}
