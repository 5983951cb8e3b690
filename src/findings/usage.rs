//! Ways in joined with recorded calls: granted and used, granted and never used, granted with logs that cannot tell, used without a
//! finding. Four answers, because each asks for something else: to keep, to remove, to log, to look.

use std::collections::{BTreeMap, HashMap, HashSet};

use polars::prelude::*;

use super::coverage::{Covered, Logs};
use super::model::{AccessFinding, AccessFindings, Grantee, GranteeKind, Source, Status};
use super::operation;

/// The answers, as the detail `access` has them.
pub const USED: &str = "granted_and_used";
pub const NEVER_USED: &str = "granted_never_used";
pub const NOT_COVERED: &str = "granted_use_not_covered";
pub const NOT_ASKED: &str = "granted";
/// Whom the way in is open to is not told, so nobody can say who used it.
pub const UNKNOWN: &str = "unknown";
pub const NO_FINDING: &str = "used_without_finding";

/// What the snapshot knows of findings.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub findings: &'a AccessFindings,
    /// Were the lists of findings read to their end?
    pub complete: bool,
    /// Resource types that the query is about; empty: all.
    pub resource_types: &'a [String],
    /// The accounts of the organization.
    pub members: &'a HashSet<&'a str>,
}

/// The calls of outside principals, and what the logs would show.
#[derive(Debug, Clone, Copy)]
pub struct Activity<'a> {
    /// The rows of `activity_outside_calls`.
    pub calls: &'a DataFrame,
    pub logs: &'a Logs,
}

/// One row of the calls.
struct Call<'a> {
    account_id: Option<&'a str>,
    event_source: &'a str,
    event_name: &'a str,
    region: Option<&'a str>,
    principal_arn: Option<&'a str>,
    principal_type: Option<&'a str>,
    principal_id: Option<&'a str>,
    principal_account_id: Option<&'a str>,
    resource_arn: &'a str,
    resource_type: Option<&'a str>,
    resource_account_id: Option<&'a str>,
    count: i64,
    first_seen: Option<i64>,
    last_seen: Option<i64>,
    sample_event_id: Option<&'a str>,
}

/// What was used of one way in.
#[derive(Debug, Clone, Default)]
struct Used {
    count: i64,
    first_seen: Option<i64>,
    last_seen: Option<i64>,
    sample_event_id: Option<String>,
}

/// Adds `access` and `summary` to the rows of a query over `access_findings`, with counts and times of the calls, and appends the calls
/// that no finding explains.
///
/// `grants` needs the columns `account_id`, `resource_arn` and `row_id`; of the others it uses what is there.
///
/// # Errors
/// When a column that is needed is missing.
pub fn join(grants: &DataFrame, known: Known<'_>, activity: Option<Activity<'_>>) -> PolarsResult<DataFrame> {
    let calls = match activity {
        Some(activity) => read_calls(activity.calls, &known)?,
        None => Vec::new(),
    };
    let open: Vec<&AccessFinding> =
        known.findings.findings.iter().filter(|finding| finding.status.is_none_or(|status| status == Status::Active)).collect();
    let pairs = pairs(&open, &calls)?;
    let mut used: HashMap<(&str, String), Used> = HashMap::new();
    let mut explained = vec![false; calls.len()];
    for (finding, call) in &pairs {
        let (Some(finding), Some(of_call)) = (open.get(*finding), calls.get(*call)) else { continue };
        let fits = finding.grantee.as_ref().is_some_and(|grantee| is_let_in(grantee, of_call))
            && operation::is_granted(finding.actions.as_ref(), of_call.event_source, of_call.event_name);
        if !fits {
            continue;
        }
        if let Some(explained) = explained.get_mut(*call) {
            *explained = true;
        }
        used.entry((finding.resource.as_str(), finding.key())).or_default().add(of_call);
    }
    let mut frame = with_use(grants, &used, activity)?;
    let unexplained: Vec<&Call<'_>> =
        calls.iter().zip(&explained).filter(|(_, explained)| !**explained).map(|(call, _)| call).collect();
    if !unexplained.is_empty() {
        let rows = without_finding(&unexplained, &known, &frame)?;
        frame.vstack_mut(&rows)?;
    }
    Ok(frame)
}

impl Used {
    fn add(&mut self, call: &Call<'_>) {
        self.count = self.count.saturating_add(call.count);
        self.first_seen = self.first_seen.into_iter().chain(call.first_seen).min();
        self.last_seen = self.last_seen.max(call.last_seen);
        let sample = call.sample_event_id.map(str::to_owned);
        self.sample_event_id = self.sample_event_id.take().into_iter().chain(sample).min();
    }
}

/// The calls that are about what the query is about, of principals that are not known to be the organization's.
fn read_calls<'a>(frame: &'a DataFrame, known: &Known<'_>) -> PolarsResult<Vec<Call<'a>>> {
    let text = |name: &str| frame.column(name)?.str();
    let (accounts, sources, names, regions) =
        (text("account_id")?, text("event_source")?, text("event_name")?, text("region")?);
    let (arns, types, ids) = (text("principal_arn")?, text("principal_type")?, text("principal_id")?);
    let principal_accounts = text("principal_account_id")?;
    let (resources, resource_types, owners) = (text("resource_arn")?, text("resource_type")?, text("resource_account_id")?);
    let (samples, counts) = (text("sample_event_id")?, frame.column("event_count")?.i64()?);
    let time = |name: &str| -> PolarsResult<Int64Chunked> {
        let column = frame.column(name)?.cast(&DataType::Datetime(TimeUnit::Milliseconds, None))?;
        Ok(column.to_physical_repr().i64()?.clone())
    };
    let (first, last) = (time("first_seen")?, time("last_seen")?);
    let mut calls = Vec::new();
    for row in 0..frame.height() {
        let (Some(event_source), Some(event_name), Some(resource_arn)) = (sources.get(row), names.get(row), resources.get(row))
        else {
            continue;
        };
        let call = Call {
            account_id: accounts.get(row),
            event_source,
            event_name,
            region: regions.get(row),
            principal_arn: arns.get(row),
            principal_type: types.get(row),
            principal_id: ids.get(row),
            principal_account_id: principal_accounts.get(row),
            resource_arn,
            resource_type: resource_types.get(row),
            resource_account_id: owners.get(row),
            count: counts.get(row).unwrap_or(0),
            first_seen: first.get(row),
            last_seen: last.get(row),
            sample_event_id: samples.get(row),
        };
        // The trail of an account also holds calls of its own principals on what others own.
        let owner = call.resource_account_id.or(call.account_id);
        let ours = owner.is_none_or(|owner| call.account_id == Some(owner) || known.members.contains(owner));
        let inside = call.principal_account_id.is_some_and(|account| known.members.contains(account));
        let wanted = known.resource_types.is_empty()
            || operation::type_of(resource_arn, call.resource_type)
                .is_some_and(|of| known.resource_types.iter().any(|wanted| wanted == of));
        if ours && !inside && wanted {
            calls.push(call);
        }
    }
    Ok(calls)
}

/// Which findings and calls are about the same resource: an inner join on it.
fn pairs(findings: &[&AccessFinding], calls: &[Call<'_>]) -> PolarsResult<Vec<(usize, usize)>> {
    let frame = |keys: Vec<&str>, number: &str| -> PolarsResult<DataFrame> {
        let numbers: Vec<u64> = (0..keys.len() as u64).collect();
        DataFrame::new(keys.len(), vec![Column::new("resource".into(), keys), Column::new(number.into(), numbers)])
    };
    let of_findings = frame(findings.iter().map(|finding| operation::whole(&finding.resource)).collect(), "finding")?;
    let of_calls = frame(calls.iter().map(|call| operation::whole(call.resource_arn)).collect(), "call")?;
    let arguments = JoinArgs { maintain_order: MaintainOrderJoin::LeftRight, ..JoinArgs::new(JoinType::Inner) };
    let joined = of_findings.join(&of_calls, ["resource"], ["resource"], arguments, None)?;
    let number = |name: &str| -> PolarsResult<Vec<usize>> {
        Ok(joined.column(name)?.u64()?.iter().flatten().filter_map(|number| usize::try_from(number).ok()).collect())
    };
    Ok(number("finding")?.into_iter().zip(number("call")?).collect())
}

/// Is the caller one whom the finding is about? Records hide the ARN of a caller from another account: then the account decides.
fn is_let_in(grantee: &Grantee, call: &Call<'_>) -> bool {
    let of_account = || call.principal_account_id.is_some() && call.principal_account_id == grantee.account_id();
    match grantee.kind {
        GranteeKind::Everyone => true,
        GranteeKind::Account => of_account(),
        GranteeKind::Principal => {
            let is_session = grantee.value.contains(":assumed-role/");
            of_account() && (is_session || call.principal_arn.is_none_or(|arn| arn == grantee.value))
        }
        GranteeKind::UniqueId => call.principal_id == Some(grantee.value.as_str()),
        GranteeKind::Federated => match call.principal_type {
            Some("SAMLUser") => grantee.value.contains(":saml-provider/"),
            // The id of such a caller begins with its provider.
            Some("WebIdentityUser") => {
                !grantee.value.contains(":saml-provider/") && call.principal_id.is_none_or(|id| id.starts_with(&grantee.value))
            }
            _ => false,
        },
        GranteeKind::CanonicalUser | GranteeKind::Service | GranteeKind::Other => false,
    }
}

/// The rows of the query, with what was used of each.
fn with_use(
    grants: &DataFrame,
    used: &HashMap<(&str, String), Used>,
    activity: Option<Activity<'_>>,
) -> PolarsResult<DataFrame> {
    let optional = |name: &str| grants.column(name).ok().and_then(|column| column.str().ok());
    let resources = grants.column("resource_arn")?.str()?;
    let row_ids = grants.column("row_id")?.str()?;
    let accounts = grants.column("account_id")?.str()?;
    let (types, regions) = (optional("resource_type"), optional("region"));
    let (granted_to, actions, arns) = (optional("granted_to"), optional("actions"), optional("principal_arn"));
    let height = grants.height();
    let mut access = Vec::with_capacity(height);
    let mut summary = Vec::with_capacity(height);
    let (mut counts, mut first, mut last, mut samples) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..height {
        let get = |column: Option<&StringChunked>| column.and_then(|column| column.get(row)).map(str::to_owned);
        let resource = resources.get(row).unwrap_or_default();
        let who = get(granted_to).unwrap_or_else(|| "someone".to_owned());
        let what = get(actions).unwrap_or_else(|| "act".to_owned());
        let way = format!("{who} may {what} on {}", if resource.is_empty() { "a resource" } else { resource });
        let of_way = used.get(&(resource, row_ids.get(row).unwrap_or_default().to_owned()));
        let (answer, sentence, count) = match (activity, of_way) {
            (_, Some(of_way)) => {
                let mut sentence = format!("granted and used: {way}; {}", calls(of_way.count));
                if let Some(last) = of_way.last_seen.and_then(day) {
                    sentence.push_str(&format!(", the last on {last}"));
                }
                if get(arns).is_some() {
                    sentence.push_str("; records may hide which principal of the account called");
                }
                (USED, sentence, Some(of_way.count))
            }
            _ if granted_to.is_some() && get(granted_to).is_none() => (
                UNKNOWN,
                format!("somebody may be let into {}", if resource.is_empty() { "a resource" } else { resource }),
                None,
            ),
            (None, None) => (NOT_ASKED, way, None),
            (Some(activity), None) => {
                let resource_type = types.and_then(|types| types.get(row));
                let region = regions.and_then(|regions| regions.get(row));
                match activity.logs.cover(resource, resource_type, accounts.get(row), region) {
                    Covered::Yes(what) => {
                        (NEVER_USED, format!("granted, never used: {way}; the logs hold {what}, and no such call"), Some(0))
                    }
                    Covered::No(why) => (NOT_COVERED, format!("granted, use not covered by your logs: {way}; {why}"), None),
                }
            }
        };
        access.push(answer);
        summary.push(sentence);
        counts.push(count);
        first.push(of_way.and_then(|of_way| of_way.first_seen));
        last.push(of_way.and_then(|of_way| of_way.last_seen));
        samples.push(of_way.and_then(|of_way| of_way.sample_event_id.clone()));
    }
    let mut frame = grants.clone();
    let times = |values: Vec<Option<i64>>, name: &str| {
        Int64Chunked::from_iter_options(name.into(), values.into_iter()).into_datetime(TimeUnit::Milliseconds, None)
    };
    frame.with_column(Column::new("access".into(), access))?;
    frame.with_column(Column::new("summary".into(), summary))?;
    frame.with_column(Column::new("event_source".into(), vec![None::<&str>; height]))?;
    frame.with_column(Column::new("event_name".into(), vec![None::<&str>; height]))?;
    frame.with_column(Column::new("event_count".into(), counts))?;
    frame.with_column(times(first, "first_seen").into_column())?;
    frame.with_column(times(last, "last_seen").into_column())?;
    frame.with_column(Column::new("sample_event_id".into(), samples))?;
    Ok(frame)
}

fn calls(count: i64) -> String {
    if count == 1 { "1 call".to_owned() } else { format!("{count} calls") }
}

fn day(milliseconds: i64) -> Option<String> {
    Some(jiff::Timestamp::from_millisecond(milliseconds).ok()?.strftime("%Y-%m-%d").to_string())
}

/// The calls that no open finding explains, as rows with the columns of `like`.
fn without_finding(calls: &[&Call<'_>], known: &Known<'_>, like: &DataFrame) -> PolarsResult<DataFrame> {
    let mut columns = Vec::with_capacity(like.width());
    let summaries: Vec<String> = calls.iter().map(|call| unexplained(call, known)).collect();
    for name in like.get_column_names() {
        let of_like = like.column(name.as_str())?;
        let text = |value: &dyn Fn(&Call<'_>) -> Option<String>| -> Column {
            let values: Vec<Option<String>> = calls.iter().map(|call| value(call)).collect();
            Column::new(name.clone(), values)
        };
        let times = |value: &dyn Fn(&Call<'_>) -> Option<i64>| -> Column {
            let values = calls.iter().map(|call| value(call));
            Int64Chunked::from_iter_options(name.clone(), values).into_datetime(TimeUnit::Milliseconds, None).into_column()
        };
        let owned = |value: Option<&str>| value.map(str::to_owned);
        columns.push(match name.as_str() {
            "access" => text(&|_| Some(NO_FINDING.to_owned())),
            "summary" => Column::new(name.clone(), summaries.clone()),
            "account_id" => text(&|call| owned(call.resource_account_id.or(call.account_id))),
            "resource_account_id" => text(&|call| owned(call.resource_account_id.or(call.account_id))),
            "resource_arn" => text(&|call| owned(Some(operation::whole(call.resource_arn)))),
            "resource_type" => text(&|call| owned(operation::type_of(call.resource_arn, call.resource_type))),
            "region" => text(&|call| owned(call.region)),
            "principal_type" => text(&|call| owned(call.principal_type)),
            "principal_arn" => text(&|call| owned(call.principal_arn)),
            "principal_id" => text(&|call| owned(call.principal_id)),
            "principal_account_id" => text(&|call| owned(call.principal_account_id)),
            "event_source" => text(&|call| owned(Some(call.event_source))),
            "event_name" => text(&|call| owned(Some(call.event_name))),
            "sample_event_id" => text(&|call| owned(call.sample_event_id)),
            "row_id" => text(&|_| Some(NO_FINDING.to_owned())),
            "event_count" => Column::new(name.clone(), calls.iter().map(|call| Some(call.count)).collect::<Vec<_>>()),
            "first_seen" => times(&|call| call.first_seen),
            "last_seen" => times(&|call| call.last_seen),
            _ => Column::full_null(name.clone(), calls.len(), of_like.dtype()),
        });
    }
    DataFrame::new(calls.len(), columns)
}

/// Who used what, and why no finding may tell it.
fn unexplained(call: &Call<'_>, known: &Known<'_>) -> String {
    let who = match (call.principal_arn, call.principal_account_id, call.principal_id) {
        (Some(arn), ..) => arn.to_owned(),
        (None, Some(account), _) if account.eq_ignore_ascii_case("anonymous") => "an anonymous caller".to_owned(),
        (None, Some(account), Some(id)) => format!("principal {id} of account {account}"),
        (None, Some(account), None) => format!("a principal of account {account}"),
        (None, None, Some(id)) => format!("principal {id}"),
        (None, None, None) => "a caller that the record does not name".to_owned(),
    };
    let service = call.event_source.split('.').next().unwrap_or(call.event_source);
    let why = why_no_finding(call, known);
    format!(
        "used, but no finding: {who} called {service}:{} on {}; {why}",
        call.event_name,
        operation::whole(call.resource_arn)
    )
}

fn why_no_finding(call: &Call<'_>, known: &Known<'_>) -> String {
    let resource = operation::whole(call.resource_arn);
    let of_resource: Vec<&AccessFinding> =
        known.findings.findings.iter().filter(|finding| operation::whole(&finding.resource) == resource).collect();
    let lets_in = |finding: &&&AccessFinding| finding.grantee.as_ref().is_some_and(|grantee| is_let_in(grantee, call));
    let id = |finding: &AccessFinding| finding.ids.first().cloned().unwrap_or_default();
    if let Some(finding) = of_resource.iter().find(|finding| !finding.gaps.is_empty()) {
        return format!("finding {} of the resource does not tell everything", id(finding));
    }
    let by_status: BTreeMap<Option<Status>, &&AccessFinding> =
        of_resource.iter().filter(lets_in).map(|finding| (finding.status, finding)).collect();
    if let Some(finding) = by_status.get(&Some(Status::Archived)) {
        return format!("finding {} is archived: somebody or a rule marked this access as intended", id(finding));
    }
    if let Some(finding) = by_status.get(&Some(Status::Resolved)) {
        return format!("finding {} is resolved: the policy does not grant this any more", id(finding));
    }
    if by_status.keys().any(|status| status.is_none_or(|status| status == Status::Active)) {
        return "findings let this principal in, but for other operations".to_owned();
    }
    let resource_type = operation::type_of(call.resource_arn, call.resource_type);
    if resource_type.is_none_or(|of| !operation::ANALYZED.contains(&of)) {
        return match resource_type {
            Some(of) => format!("analyzers do not look at resources of type {of}"),
            None => "analyzers do not look at resources of this type".to_owned(),
        };
    }
    // Every region's analyzer looks at roles.
    let region = call.region.filter(|_| !resource.contains(":iam::"));
    match region.map(|region| (region, known.findings.has_analyzer(region), known.findings.tells_of(region))) {
        Some((region, Some(false), _)) => return format!("no analyzer looks at region {region}"),
        Some((region, _, Some(false))) => return format!("no findings of region {region} were provided"),
        _ => {}
    }
    if !known.complete {
        return "the lists of findings that were provided are not complete".to_owned();
    }
    if !known.findings.regions.contains_key(&Source::AccessAnalyzer) {
        return "Security Hub shows one principal of each resource, and the findings of IAM Access Analyzer were not provided"
            .to_owned();
    }
    "the policy may have changed since, or the caller lies in the analyzer's zone of trust".to_owned()
}
