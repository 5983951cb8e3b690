//! The reason of a finding: the query's sentence with the call filled in, then the facts that decided.

use super::EnrichError;
use super::case::Case;
use super::rows::Field;

/// A place in a finding template that is filled in for each row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Placeholder {
    /// `{account}`: the account whose trail recorded the call, with its name.
    Account,
    /// `{action}`: `s3:GetObject`.
    Action,
    /// `{denied_by}`: the policy type that denied the call.
    DeniedBy,
    /// `{endpoint}`: the VPC endpoint and its owner.
    Endpoint,
    /// `{error}`: the error code.
    Error,
    /// `{owner}`: who owns the resource.
    Owner,
    /// `{principal}`: who called.
    Principal,
    /// `{principal_account}`: the caller's account, with its name.
    PrincipalAccount,
    /// `{principal_kind}`: what kind of caller.
    PrincipalKind,
    /// `{resource}`: the bucket's name, or the ARN.
    Resource,
    /// `{service}`: the AWS service that made the call, for itself or on behalf of the caller.
    Service,
    /// `{source}`: where the call came from.
    Source,
    /// Any other column of the query, as recorded.
    Column(Field),
    /// A column that findings do not have, of a query over the inventory.
    Detail(String),
}

/// Names of the placeholders that a finding template may use. Every text column of a query's output is one too.
pub(crate) static PLACEHOLDERS: &[&str] = &[
    "account",
    "action",
    "denied_by",
    "endpoint",
    "error",
    "owner",
    "principal",
    "principal_account",
    "principal_kind",
    "resource",
    "service",
    "source",
];

/// A finding template, taken apart.
pub(crate) struct Template {
    parts: Vec<Part>,
}

enum Part {
    Text(String),
    Placeholder(Placeholder),
}

impl Template {
    /// # Errors
    /// When a brace is not closed or a placeholder is unknown.
    pub(crate) fn parse(query: &str, template: &str, over_inventory: bool) -> Result<Template, EnrichError> {
        let unknown = |placeholder: &str| EnrichError::Placeholder {
            query: query.to_owned(),
            placeholder: placeholder.to_owned(),
            known: PLACEHOLDERS.join(", "),
        };
        let mut parts = Vec::new();
        let mut rest = template.trim();
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| unknown(after))?;
            parts.push(Part::Text(text.to_owned()));
            let name = name.trim();
            let known = placeholder(name).or_else(|| over_inventory.then(|| Placeholder::Detail(name.to_owned())));
            parts.push(Part::Placeholder(known.ok_or_else(|| unknown(name))?));
            rest = after;
        }
        parts.push(Part::Text(rest.trim_end_matches('.').to_owned()));
        Ok(Template { parts })
    }

    /// Appends the sentence. What callers wrote stands in it as it is and is never read as a template again.
    pub(crate) fn fill(&self, case: &Case<'_>, reason: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => reason.push_str(text),
                Part::Placeholder(placeholder) => reason.push_str(&phrase(placeholder, case)),
            }
        }
    }
}

fn placeholder(name: &str) -> Option<Placeholder> {
    Some(match name {
        "account" => Placeholder::Account,
        "action" => Placeholder::Action,
        "denied_by" => Placeholder::DeniedBy,
        "endpoint" => Placeholder::Endpoint,
        "error" => Placeholder::Error,
        "owner" => Placeholder::Owner,
        "principal" => Placeholder::Principal,
        "principal_account" => Placeholder::PrincipalAccount,
        "principal_kind" => Placeholder::PrincipalKind,
        "resource" => Placeholder::Resource,
        "service" => Placeholder::Service,
        "source" => Placeholder::Source,
        column => Placeholder::Column(Field::of(column)?),
    })
}

fn phrase(placeholder: &Placeholder, case: &Case<'_>) -> String {
    let world = case.world;
    match placeholder {
        Placeholder::Account => world.account_phrase(case.trail_account()),
        Placeholder::Action => action(case.text(Field::EventSource), case.text(Field::EventName)),
        Placeholder::DeniedBy => super::denied::denied_by(case.text(Field::ErrorCode), case.text(Field::ErrorMessage))
            .unwrap_or("a policy that the message does not name")
            .to_owned(),
        Placeholder::Endpoint => case.endpoint.phrase(world),
        Placeholder::Error => case.text(Field::ErrorCode).unwrap_or("no error").to_owned(),
        Placeholder::Owner => case.resource.owner_phrase(world),
        Placeholder::Principal => case.principal.phrase(world),
        Placeholder::PrincipalAccount => match &case.principal.account_id {
            Some(account) => world.account_phrase(account),
            None => "an unknown account".to_owned(),
        },
        Placeholder::PrincipalKind => case.principal.kind.as_str().replace('_', " "),
        Placeholder::Resource => case.resource.phrase(),
        Placeholder::Service => {
            case.text(Field::InvokedBy).or(case.text(Field::SourceService)).unwrap_or("no AWS service").to_owned()
        }
        Placeholder::Source => case.source_phrase(),
        Placeholder::Column(field) => case.text(*field).unwrap_or("unknown").to_owned(),
        Placeholder::Detail(name) => case.detail(name).unwrap_or("unknown".into()).into_owned(),
    }
}

/// `s3:GetObject`, as a policy would name the operation in most services.
fn action(event_source: Option<&str>, event_name: Option<&str>) -> String {
    let service = event_source.map(|source| source.split('.').next().unwrap_or(source));
    match (service, event_name) {
        (Some(service), Some(name)) => format!("{service}:{name}"),
        (Some(service), None) => format!("{service}:*"),
        (None, name) => name.unwrap_or("an unknown operation").to_owned(),
    }
}
