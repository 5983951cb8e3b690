//! The numbers that every format shows, counted once.
//!
//! All of it follows from the [`Report`] alone, so two formats of one run cannot disagree. A call that two queries list counts in
//! both: the sums over several queries are sums of what the queries show, while principals and accounts are counted once each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use serde::Serialize;

use super::model::{Column, QuerySummary, Report, Severity, Table, Values, Verdict, Warning};
use super::principal::Principals;

/// How many accounts, principals and services a ranking names.
pub const TOP: usize = 10;

/// What a report says first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// All findings.
    pub total: Tally,
    /// Findings that a policy denies or that cross the perimeter as defined ([`is_crossing`]).
    pub crossing: Tally,
    pub undetermined: Tally,
    /// The verdicts that occur, in the order of [`Verdict::ALL`].
    pub verdicts: Vec<VerdictTally>,
    /// Every perimeter and verdict that occur together: identity, resource, network, none, then any other by name.
    pub perimeters: Vec<PerimeterTally>,
    /// In the order of the report, queries without findings included.
    pub queries: Vec<QueryTally>,
    /// Where crossing calls were recorded, who made them, and what they called; most calls first, at most [`TOP`] each.
    pub top_accounts: Vec<Ranked>,
    pub top_principals: Vec<Ranked>,
    pub top_services: Vec<Ranked>,
    /// What would settle the undetermined findings, most calls first, complete.
    pub settled_by: Vec<SettledBy>,
    /// The warnings because of which "nothing found" does not mean "nothing breaks".
    pub blind: Vec<Warning>,
    pub notices: Vec<Warning>,
}

/// How much a group of findings amounts to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub findings: u64,
    /// The sum of `event_count`.
    pub calls: u64,
    /// Different principals ([`super::principal::name`]). Callers that the records hide entirely count as none.
    pub principals: u64,
    /// Different accounts whose trail recorded the calls.
    pub accounts: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerdictTally {
    pub verdict: Verdict,
    #[serde(flatten)]
    pub tally: Tally,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerimeterTally {
    pub perimeter: String,
    pub verdict: Verdict,
    #[serde(flatten)]
    pub tally: Tally,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryTally {
    pub name: String,
    pub title: String,
    pub perimeter: String,
    #[serde(flatten)]
    pub tally: Tally,
    /// The verdicts that occur, in the order of [`Verdict::ALL`].
    pub verdicts: Vec<VerdictTally>,
    pub rows_left_out: u64,
    pub not_provided: Vec<String>,
}

impl QueryTally {
    /// Findings and calls of one verdict; zero when it does not occur.
    pub fn of(&self, verdict: Verdict) -> Tally {
        self.verdicts.iter().find(|entry| entry.verdict == verdict).map_or_else(Tally::default, |entry| entry.tally)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// Account id, principal or event source.
    pub name: String,
    /// The account's name in the inventory; null for the other rankings and for accounts that it does not know.
    pub label: Option<String>,
    pub findings: u64,
    pub calls: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettledBy {
    /// The value of the `settled_by` column; null when the findings do not say.
    pub settled_by: Option<String>,
    #[serde(flatten)]
    pub tally: Tally,
}

/// Would enforcing the perimeter break these calls?
pub fn is_crossing(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Denied | Verdict::CrossesPerimeter)
}

/// The verdict as a reader's word.
pub fn verdict_title(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Denied => "Denied",
        Verdict::CrossesPerimeter => "Crosses perimeter",
        Verdict::Undetermined => "Undetermined",
        Verdict::ServiceOwned => "Service-owned",
        Verdict::Excepted => "Excepted",
        Verdict::Information => "Information",
        Verdict::NotDenied => "Not denied",
        Verdict::NotApplicable => "Not applicable",
    }
}

/// The verdict in one sentence.
pub fn verdict_meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Denied => "The policy under replay denies the call.",
        Verdict::CrossesPerimeter => "The call crosses the perimeter as defined; a policy that enforces it denies the call.",
        Verdict::Undetermined => "The logs and the inventory do not tell; see what would settle it.",
        Verdict::ServiceOwned => "The call reaches something that AWS owns; the policy needs the matching exception.",
        Verdict::Excepted => "An exception of the perimeter definition covers the call.",
        Verdict::Information => "Listed for information; the query judges no perimeter.",
        Verdict::NotDenied => "The policy under replay does not deny the call.",
        Verdict::NotApplicable => "The policy under replay does not apply to the call.",
    }
}

/// The verdict that a value of the `verdict` column stands for. Null or an unknown word proves nothing: undetermined.
pub fn verdict_of(value: Option<&str>) -> Verdict {
    Verdict::ALL.into_iter().find(|verdict| Some(verdict.as_str()) == value).unwrap_or(Verdict::Undetermined)
}

/// The rows of a query, cut to what the table holds.
pub fn rows_of(query: &QuerySummary, table: &Table) -> Range<usize> {
    let end = query.first_row.saturating_add(query.rows).min(table.rows());
    query.first_row.min(end)..end
}

/// Rows that totals leave out, because another query lists the same calls.
pub fn counted_elsewhere(report: &Report) -> Vec<Range<usize>> {
    let queries = report.manifest.queries.iter().filter(|query| query.counted_in.is_some());
    queries.map(|query| rows_of(query, &report.findings)).collect()
}

/// Counts a report.
pub fn summarize(report: &Report) -> Summary {
    let principals_of_rows = Principals::of(&report.findings);
    let view = View::new(&report.findings, &principals_of_rows);
    let mut total = Counter::default();
    let mut crossing = Counter::default();
    let mut undetermined = Counter::default();
    let mut verdicts: BTreeMap<Verdict, Counter<'_>> = BTreeMap::new();
    let mut perimeters: BTreeMap<(usize, &str, Verdict), Counter<'_>> = BTreeMap::new();
    let mut accounts: HashMap<&str, Counter<'_>> = HashMap::new();
    let mut principals: HashMap<&str, Counter<'_>> = HashMap::new();
    let mut services: HashMap<&str, Counter<'_>> = HashMap::new();
    let mut settled: HashMap<Option<&str>, Counter<'_>> = HashMap::new();

    let elsewhere = counted_elsewhere(report);
    for row in 0..report.findings.rows() {
        if elsewhere.iter().any(|rows| rows.contains(&row)) {
            continue;
        }
        let facts = view.row(row);
        total.add(&facts);
        verdicts.entry(facts.verdict).or_default().add(&facts);
        let perimeter = facts.perimeter.unwrap_or("none");
        perimeters.entry((perimeter_order(perimeter), perimeter, facts.verdict)).or_default().add(&facts);
        if is_crossing(facts.verdict) {
            crossing.add(&facts);
            for (ranking, name) in [
                (&mut accounts, facts.account.unwrap_or("unknown account")),
                (&mut principals, facts.principal.unwrap_or("unknown caller")),
                (&mut services, facts.service.unwrap_or("unknown service")),
            ] {
                ranking.entry(name).or_default().add(&facts);
            }
        }
        if facts.verdict == Verdict::Undetermined {
            undetermined.add(&facts);
            settled.entry(text(view.settled_by, row)).or_default().add(&facts);
        }
    }

    let manifest = &report.manifest;
    let label = |account_id: &str| {
        manifest.accounts.iter().find(|account| account.account_id == account_id).and_then(|account| account.name.clone())
    };
    let mut settled_by: Vec<SettledBy> = settled
        .into_iter()
        .map(|(value, counter)| SettledBy { settled_by: value.map(str::to_owned), tally: counter.tally() })
        .collect();
    settled_by.sort_by(|a, b| {
        let key = |group: &SettledBy| Reverse((group.tally.calls, group.tally.findings));
        key(a).cmp(&key(b)).then_with(|| a.settled_by.cmp(&b.settled_by))
    });
    let of_severity = |severity| manifest.warnings.iter().filter(|warning| warning.severity == severity).cloned().collect();

    Summary {
        total: total.tally(),
        crossing: crossing.tally(),
        undetermined: undetermined.tally(),
        verdicts: tallies(verdicts),
        perimeters: perimeters
            .into_iter()
            .map(|((_, perimeter, verdict), counter)| PerimeterTally {
                perimeter: perimeter.to_owned(),
                verdict,
                tally: counter.tally(),
            })
            .collect(),
        queries: manifest.queries.iter().map(|query| query_tally(query, &report.findings, &view)).collect(),
        top_accounts: rank(accounts, label),
        top_principals: rank(principals, |_| None),
        top_services: rank(services, |_| None),
        settled_by,
        blind: of_severity(Severity::Blind),
        notices: of_severity(Severity::Notice),
    }
}

fn query_tally(query: &QuerySummary, table: &Table, view: &View<'_>) -> QueryTally {
    let mut total = Counter::default();
    let mut verdicts: BTreeMap<Verdict, Counter<'_>> = BTreeMap::new();
    for row in rows_of(query, table) {
        let facts = view.row(row);
        total.add(&facts);
        verdicts.entry(facts.verdict).or_default().add(&facts);
    }
    QueryTally {
        name: query.name.clone(),
        title: query.title.clone(),
        perimeter: query.perimeter.clone(),
        tally: total.tally(),
        verdicts: tallies(verdicts),
        rows_left_out: query.rows_left_out,
        not_provided: query.not_provided.clone(),
    }
}

fn tallies(verdicts: BTreeMap<Verdict, Counter<'_>>) -> Vec<VerdictTally> {
    verdicts.into_iter().map(|(verdict, counter)| VerdictTally { verdict, tally: counter.tally() }).collect()
}

fn rank(counters: HashMap<&str, Counter<'_>>, label: impl Fn(&str) -> Option<String>) -> Vec<Ranked> {
    let mut ranked: Vec<(&str, Counter<'_>)> = counters.into_iter().collect();
    ranked.sort_by_key(|(name, counter)| (Reverse(counter.calls), Reverse(counter.findings), *name));
    ranked.truncate(TOP);
    ranked
        .into_iter()
        .map(|(name, counter)| Ranked {
            name: name.to_owned(),
            label: label(name),
            findings: counter.findings,
            calls: counter.calls,
        })
        .collect()
}

fn perimeter_order(perimeter: &str) -> usize {
    ["identity", "resource", "network", "none"].iter().position(|known| *known == perimeter).unwrap_or(usize::MAX)
}

/// The columns that are counted, looked up once.
struct View<'a> {
    verdict_of_code: Vec<Verdict>,
    verdict: Option<&'a Column>,
    perimeter: Option<&'a Column>,
    account: Option<&'a Column>,
    principals: &'a Principals,
    service: Option<&'a Column>,
    settled_by: Option<&'a Column>,
    count: Option<&'a Column>,
}

struct Facts<'a> {
    verdict: Verdict,
    perimeter: Option<&'a str>,
    account: Option<&'a str>,
    principal: Option<&'a str>,
    service: Option<&'a str>,
    calls: u64,
}

impl<'a> View<'a> {
    fn new(table: &'a Table, principals: &'a Principals) -> Self {
        let verdict = table.column("verdict");
        let verdict_of_code = match verdict.map(|column| &column.values) {
            Some(Values::Text { dictionary, .. }) => dictionary.iter().map(|value| verdict_of(Some(value))).collect(),
            _ => Vec::new(),
        };
        Self {
            verdict_of_code,
            verdict,
            perimeter: table.column("perimeter"),
            account: table.column("account_id"),
            principals,
            service: table.column("event_source"),
            settled_by: table.column("settled_by"),
            count: table.column("event_count"),
        }
    }

    fn row(&self, row: usize) -> Facts<'a> {
        let code = match self.verdict.map(|column| &column.values) {
            Some(Values::Text { codes, .. }) => codes.get(row).copied().flatten(),
            _ => None,
        };
        let verdict = code.and_then(|code| self.verdict_of_code.get(code as usize)).copied();
        let count = match self.count.map(|column| &column.values) {
            Some(Values::Integer(values)) => values.get(row).copied().flatten(),
            _ => None,
        };
        Facts {
            verdict: verdict.unwrap_or(Verdict::Undetermined),
            perimeter: text(self.perimeter, row),
            account: text(self.account, row),
            principal: self.principals.name(row),
            service: text(self.service, row),
            calls: count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
        }
    }
}

fn text(column: Option<&Column>, row: usize) -> Option<&str> {
    column.and_then(|column| column.text(row))
}

#[derive(Default)]
struct Counter<'a> {
    findings: u64,
    calls: u64,
    principals: HashSet<&'a str>,
    accounts: HashSet<&'a str>,
}

impl<'a> Counter<'a> {
    fn add(&mut self, facts: &Facts<'a>) {
        self.findings += 1;
        // A hostile or damaged count must not stop the report.
        self.calls = self.calls.saturating_add(facts.calls);
        self.principals.extend(facts.principal);
        self.accounts.extend(facts.account);
    }

    fn tally(&self) -> Tally {
        Tally {
            findings: self.findings,
            calls: self.calls,
            principals: self.principals.len() as u64,
            accounts: self.accounts.len() as u64,
        }
    }
}
