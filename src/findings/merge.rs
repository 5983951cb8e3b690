//! Tells each way in once: pages repeat findings, a list and the finding itself tell different parts of it, every region has its
//! own finding for a role, and Security Hub repeats what Access Analyzer tells.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{AccessFinding, AccessFindings, Gap, Grantee, Source, Status};
use super::shapes::{Collector, Detail, Told};

/// What makes two findings the same way in: resource, whom, what, under which conditions.
type Key = (String, Option<Grantee>, Option<BTreeSet<String>>, Option<BTreeMap<String, String>>, Option<String>);

pub(super) fn finish(collector: Collector) -> AccessFindings {
    let mut told: BTreeMap<Source, u64> = BTreeMap::new();
    let mut merged: BTreeMap<Key, AccessFinding> = BTreeMap::new();
    let mut of_hub = Vec::new();
    for ((source, _), rows) in collector.told {
        *told.entry(source).or_default() += 1;
        for finding in ways_in(source, one(rows)) {
            match source {
                Source::AccessAnalyzer => add(&mut merged, finding),
                // Last: what only Security Hub tells is told in its own words.
                Source::SecurityHub => of_hub.push(finding),
            }
        }
    }
    for mut finding in of_hub {
        // Both write conditions in their own way, so the same principal with the same actions is enough, if there is one such.
        let known: Vec<&AccessFinding> = merged
            .range(first_of(&finding.resource)..)
            .map(|(_, known)| known)
            .take_while(|known| known.resource == finding.resource)
            .filter(|known| known.grantee == finding.grantee && known.grantee.is_some() && known.actions == finding.actions)
            .collect();
        if let [known] = known.as_slice() {
            finding.conditions.clone_from(&known.conditions);
        }
        add(&mut merged, finding);
    }
    AccessFindings {
        findings: merged.into_values().collect(),
        analyzers: collector.analyzers.into_values().collect(),
        regions: collector.regions,
        asked_for_analyzers: collector.asked_for_analyzers,
        told,
    }
}

/// The least key of a resource.
fn first_of(resource: &str) -> Key {
    (resource.to_owned(), None, None, None, None)
}

fn add(merged: &mut BTreeMap<Key, AccessFinding>, finding: AccessFinding) {
    // Findings without a principal are of different resources or failed analyses: each stays on its own.
    let id = finding.grantee.is_none().then(|| finding.ids.first().cloned()).flatten();
    let key = (finding.resource.clone(), finding.grantee.clone(), finding.actions.clone(), finding.conditions.clone(), id);
    match merged.get_mut(&key) {
        Some(known) => join(known, finding),
        None => drop(merged.insert(key, finding)),
    }
}

/// Two findings that tell the same way in, of two analyzers, regions or sources.
fn join(known: &mut AccessFinding, other: AccessFinding) {
    // The way is open if one of them says so: an analyzer of another region has not looked again yet.
    known.status = match (known.status, other.status) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    known.ids.extend(other.ids);
    known.sources.extend(other.sources);
    known.regions.extend(other.regions);
    known.resource_type = known.resource_type.take().or(other.resource_type);
    known.resource_account_id = known.resource_account_id.take().or(other.resource_account_id);
    known.is_public = match (known.is_public, other.is_public) {
        (Some(a), Some(b)) => Some(a || b),
        (a, b) => a.or(b),
    };
    known.granted_through.extend(other.granted_through);
    known.resource_control_policy = known.resource_control_policy.take().or(other.resource_control_policy);
    known.created_at = known.created_at.take().into_iter().chain(other.created_at).min();
    known.updated_at = known.updated_at.take().max(other.updated_at);
    known.gaps.extend(other.gaps);
}

/// All rows about one finding as one: the newest state, and the details of whichever row has them.
fn one(rows: Vec<Told>) -> Told {
    let mut rows = rows;
    // Times are RFC 3339 in UTC, which sort as text; rows of the same time in the order of the files.
    rows.sort_by(|a, b| a.updated_at.cmp(&b.updated_at));
    let mut one = Told::default();
    let mut details: Vec<Detail> = Vec::new();
    let mut details_of: Option<Option<String>> = None;
    for row in rows {
        if let Some(found) = &row.details {
            // Pages of one state complete each other; a newer state replaces an older one.
            if details_of.as_ref() != Some(&row.updated_at) {
                details.clear();
            }
            details_of = Some(row.updated_at.clone());
            for detail in found {
                if !details.contains(detail) {
                    details.push(detail.clone());
                }
            }
            // The last page has no token.
            one.more_details = row.more_details;
            one.cut.clone_from(&row.cut);
        }
        one.status = row.status.or(one.status);
        one.error = row.error.or(one.error.filter(|_| row.details.is_none()));
        one.region = row.region.or(one.region);
        one.resource_type = row.resource_type.or(one.resource_type);
        one.resource_account_id = row.resource_account_id.or(one.resource_account_id);
        one.created_at = one.created_at.or(row.created_at);
        one.updated_at = row.updated_at.or(one.updated_at);
        one.id = row.id;
        one.resource = if row.resource.is_empty() { one.resource } else { row.resource };
    }
    one.details = Some(details).filter(|details| !details.is_empty());
    one
}

fn ways_in(source: Source, told: Told) -> Vec<AccessFinding> {
    let mut gaps: BTreeSet<Gap> = told.cut.iter().map(|field| Gap::Cut(field)).collect();
    if let Some(error) = &told.error {
        gaps.insert(Gap::Failed(error.clone()));
    } else if told.more_details {
        gaps.insert(Gap::MoreDetails);
    }
    let details = match told.details {
        Some(details) => details,
        None => {
            if told.error.is_none() && told.status != Some(Status::Resolved) {
                gaps.insert(Gap::NoDetails);
            }
            vec![Detail::default()]
        }
    };
    details
        .into_iter()
        .map(|detail| {
            let mut gaps = gaps.clone();
            if detail.grantee.is_none() && told.error.is_none() && told.status != Some(Status::Resolved) {
                gaps.insert(Gap::NoDetails);
            }
            AccessFinding {
                ids: BTreeSet::from([told.id.clone()]),
                sources: BTreeSet::from([source]),
                regions: told.region.iter().cloned().collect(),
                status: told.status,
                resource: told.resource.clone(),
                resource_type: told.resource_type.clone(),
                resource_account_id: told.resource_account_id.clone(),
                grantee: detail.grantee,
                actions: detail.actions,
                conditions: detail.conditions,
                is_public: detail.is_public,
                granted_through: detail.granted_through,
                resource_control_policy: detail.resource_control_policy,
                created_at: told.created_at.clone(),
                updated_at: told.updated_at.clone(),
                gaps,
            }
        })
        .collect()
}
