//! Exceptions of the perimeter definition: known crossings that the organization accepts, until a date.

use std::collections::BTreeMap;

use crate::config::perimeter::model::{Exception, ExceptionScope};
use crate::pattern::Pattern;

use super::ExceptionHits;
use super::case::Case;
use super::rows::Field;
use super::world::World;

/// The exceptions that the query can meet, in the order of the definition, and what they met.
pub(crate) struct Exceptions<'a> {
    candidates: Vec<(&'a Exception, bool)>,
    hits: BTreeMap<String, ExceptionHits>,
}

/// What exceptions say of a finding.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Covered<'a> {
    /// The first that covers the call today.
    pub(crate) live: Option<&'a Exception>,
    /// The first that would have covered it, had it not expired.
    pub(crate) expired: Option<&'a Exception>,
}

impl<'a> Exceptions<'a> {
    pub(crate) fn new(world: &World<'a>) -> Exceptions<'a> {
        let (plan, today) = (world.plan, world.context.today);
        let candidates = world
            .context
            .perimeter
            .exceptions
            .iter()
            .filter(|exception| {
                let scope = &exception.scope;
                scope.query.as_ref().is_none_or(|query| query.matches(plan.query))
                    && scope.perimeter.as_ref().is_none_or(|perimeter| perimeter == plan.perimeter)
            })
            .map(|exception| (exception, exception.expires.is_some_and(|last_day| last_day < today)))
            .collect();
        Exceptions { candidates, hits: BTreeMap::new() }
    }

    /// Finds the exceptions of a row and counts it for each of them.
    pub(crate) fn cover(&mut self, case: &Case<'_>) -> Covered<'a> {
        let mut covered = Covered::default();
        for (exception, expired) in &self.candidates {
            if !applies(&exception.scope, case) {
                continue;
            }
            let slot = if *expired { &mut covered.expired } else { &mut covered.live };
            slot.get_or_insert(exception);
            let hits =
                self.hits.entry(exception.id.clone()).or_insert(ExceptionHits { expired: *expired, ..Default::default() });
            hits.findings += 1;
            hits.calls = hits.calls.saturating_add(case.rows.calls(case.row));
        }
        covered
    }

    pub(crate) fn hits(self) -> BTreeMap<String, ExceptionHits> {
        self.hits
    }
}

/// Does every given part of the scope fit? A part that the record does not show does not fit.
fn applies(scope: &ExceptionScope, case: &Case<'_>) -> bool {
    let fits = |pattern: &Option<Pattern>, values: &[Option<&str>]| match pattern {
        None => true,
        Some(pattern) => values.iter().flatten().any(|value| pattern.matches(value)),
    };
    let (principal, resource) = (case.principal, case.resource);
    let bucket_arn = resource.arn.as_deref().filter(|_| resource.bucket.is_some()).and_then(|arn| arn.split('/').next());
    scope.account.as_deref().is_none_or(|account| case.text(Field::AccountId) == Some(account))
        && fits(&scope.event_source, &[case.text(Field::EventSource)])
        && fits(&scope.event_name, &[case.text(Field::EventName)])
        && fits(&scope.principal, &[principal.arn.as_deref(), principal.unique_id.as_deref()])
        && fits(&scope.resource, &[resource.arn.as_deref(), bucket_arn])
        && scope.vpc_endpoint.as_deref().is_none_or(|endpoint| case.endpoint.id.as_deref() == Some(endpoint))
        && scope.source_network.is_none_or(|network| case.address.is_some_and(|address| network.contains(&address.ip)))
}
