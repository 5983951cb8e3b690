//! Analyzers of the organization: one in every region where something may be open to others.

use std::collections::BTreeSet;

use aws_sdk_accessanalyzer::types::{AnalyzerStatus, Type};
use aws_sdk_account::types::RegionOptStatus::{Enabled, EnabledByDefault};
use futures::StreamExt as _;

use super::aws::Doctor;
use super::{Check, some};
use crate::aws::{AwsError, Pages, Purpose, calls};

const SUBJECT: &str = "analyzers";
/// Regions that are asked at the same time.
const REGIONS_AT_ONCE: usize = 8;

/// What there is in a region.
enum Seen {
    /// An active analyzer of the organization.
    Active,
    /// One that is not active, with its state.
    Inactive(String),
    Missing,
}

/// Which regions are looked at.
struct Regions {
    names: Vec<String>,
    /// Where the names come from: `enabled`, or what stands for that.
    kind: &'static str,
    /// Why the enabled ones are not known, if they are not.
    unknown: Option<AwsError>,
}

/// Looks at every enabled region; where those cannot be listed, at the ones of the settings.
pub(super) async fn checks(doctor: &Doctor<'_>) -> Vec<Check> {
    let regions = regions(doctor).await;
    let mut checks = Vec::new();
    if let Some(error) = &regions.unknown {
        let seen = format!(
            "which regions are enabled is not known ({}: {}), so that only {} are looked at: {}",
            error.call.operation,
            error.message,
            regions.kind,
            regions.names.join(", ")
        );
        checks.push(Check::warn(SUBJECT, seen, error.help()));
    }
    let looked: Vec<(String, Result<Seen, AwsError>)> = futures::stream::iter(regions.names)
        .map(|region| async move {
            let seen = look(doctor, &region).await;
            (region, seen)
        })
        .buffered(REGIONS_AT_ONCE)
        .collect()
        .await;
    checks.extend(summary(&looked, regions.kind));
    checks
}

async fn regions(doctor: &Doctor<'_>) -> Regions {
    match enabled(doctor).await {
        Ok(names) if !names.is_empty() => Regions { names, kind: "enabled regions", unknown: None },
        other => {
            let here = doctor.sessions.of(Purpose::AccessAnalyzer).await.region();
            let known: BTreeSet<String> = doctor.settings.athena.regions.iter().cloned().chain(here).collect();
            Regions { names: known.into_iter().collect(), kind: "regions of the settings", unknown: other.err() }
        }
    }
}

/// Regions that are enabled for the account of the credentials, sorted.
async fn enabled(doctor: &Doctor<'_>) -> Result<Vec<String>, AwsError> {
    let session = doctor.sessions.of(Purpose::Organizations).await;
    let call = &calls::setup::LIST_REGIONS;
    let mut names = BTreeSet::new();
    let mut pages = Pages::default();
    let mut token: Option<String> = None;
    loop {
        let page = session
            .call(call, |config| {
                let request = aws_sdk_account::Client::new(&config).list_regions().max_results(50);
                let request = request.region_opt_status_contains(Enabled).region_opt_status_contains(EnabledByDefault);
                request.set_next_token(token.clone()).send()
            })
            .await?;
        names.extend(page.regions().iter().filter_map(|region| region.region_name()).map(str::to_owned));
        token = pages.next(&session, call, page.next_token)?;
        if token.is_none() {
            return Ok(names.into_iter().collect());
        }
    }
}

async fn look(doctor: &Doctor<'_>, region: &str) -> Result<Seen, AwsError> {
    let session = doctor.sessions.in_region(Purpose::AccessAnalyzer, region).await;
    let call = &calls::setup::LIST_ANALYZERS;
    let mut seen = Seen::Missing;
    let mut pages = Pages::default();
    let mut token: Option<String> = None;
    loop {
        let page = session
            .call(call, |config| {
                aws_sdk_accessanalyzer::Client::new(&config).list_analyzers().set_next_token(token.clone()).send()
            })
            .await?;
        for analyzer in page.analyzers.iter().filter(|analyzer| analyzer.r#type == Type::Organization) {
            if analyzer.status == AnalyzerStatus::Active {
                return Ok(Seen::Active);
            }
            seen = Seen::Inactive(format!("{} is {}", analyzer.name, analyzer.status.as_str()));
        }
        token = pages.next(&session, call, page.next_token)?;
        if token.is_none() {
            return Ok(seen);
        }
    }
}

/// One line for what is well, and one for each thing that is not, with the regions.
fn summary(looked: &[(String, Result<Seen, AwsError>)], kind: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    let (mut missing, mut inactive, mut active) = (Vec::new(), Vec::new(), 0_usize);
    let mut unseen: Vec<(&AwsError, Vec<&str>)> = Vec::new();
    for (region, seen) in looked {
        match seen {
            Ok(Seen::Active) => active += 1,
            Ok(Seen::Inactive(how)) => inactive.push(format!("{region} ({how})")),
            Ok(Seen::Missing) => missing.push(region.as_str()),
            // The same refusal in many regions is told once.
            Err(error) => match unseen.iter_mut().find(|(known, _)| (known.kind, &known.code) == (error.kind, &error.code)) {
                Some((_, regions)) => regions.push(region),
                None => unseen.push((error, vec![region])),
            },
        }
    }
    let of = looked.len();
    if of == 0 {
        checks.push(Check::not_checked(SUBJECT, "no region is known"));
    }
    if active > 0 {
        let seen = format!("an analyzer of the organization is active in {active} of {of} {kind}");
        checks.push(Check::ok(SUBJECT, seen));
    }
    if !missing.is_empty() {
        let advice = "what is open to others there is not known: create one of the type ORGANIZATION in every region that you use, or take \
                      the findings of Security Hub";
        let seen = format!("no analyzer of the organization in {} of {of} {kind}: {}", missing.len(), missing.join(", "));
        checks.push(Check::warn(SUBJECT, seen, advice));
    }
    if !inactive.is_empty() {
        let advice = "what it found may be out of date: see IAM Access Analyzer in the console";
        checks.push(Check::warn(
            SUBJECT,
            format!("the analyzer of the organization is not active in {}", some(&inactive)),
            advice,
        ));
    }
    for (error, regions) in unseen {
        let seen = format!("not known in {}: {}: {}", regions.join(", "), error.call.operation, error.message);
        // Some regions may be closed on purpose; all of them are not.
        let nowhere = regions.len() == of;
        checks.push(if nowhere { Check::fail(SUBJECT, seen, error.help()) } else { Check::warn(SUBJECT, seen, error.help()) });
    }
    checks
}
