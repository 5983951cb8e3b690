//! What the findings say together: the counts and rankings of the first page.
//!
//! A call that two queries list counts once in each of them, because each query asks about another policy. Principals and
//! accounts are distinct ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::format;
use super::payload::PRINCIPAL;
use crate::report::model::{AccountSummary, Report, Table, Values, Verdict};
use crate::report::principal::{self, Principals};
use crate::report::summary::{counted_elsewhere, verdict_of};

/// Bars in a ranking; the rest is one line below it.
const RANKING: usize = 10;

/// Groups of undetermined findings listed by name.
const UNSETTLED: usize = 25;

pub(super) struct Summary {
    /// The verdicts that occur, in the order in which to look at them.
    pub(super) verdicts: Vec<VerdictCard>,
    pub(super) perimeters: Vec<PerimeterRow>,
    pub(super) crossing: Tally,
    pub(super) undetermined: Tally,
    /// What crosses, by account, principal and service.
    pub(super) rankings: Vec<Ranking>,
    pub(super) unsettled: Vec<Unsettled>,
    /// Groups that `unsettled` leaves out.
    pub(super) unsettled_left_out: usize,
}

pub(super) struct VerdictCard {
    pub(super) verdict: Verdict,
    pub(super) tally: Tally,
    pub(super) link: String,
}

/// Findings, the calls in them, and how many different principals and accounts make them.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) findings: u64,
    pub(super) calls: u64,
    principals: BTreeSet<u32>,
    accounts: BTreeSet<u32>,
}

impl Tally {
    pub(super) fn principals(&self) -> u64 {
        self.principals.len() as u64
    }

    pub(super) fn accounts(&self) -> u64 {
        self.accounts.len() as u64
    }
}

pub(super) struct PerimeterRow {
    /// `identity`, `resource`, `network` or `none`.
    pub(super) perimeter: String,
    pub(super) crossing: Tally,
    pub(super) undetermined: Tally,
    pub(super) others: Tally,
    pub(super) link_crossing: String,
    pub(super) link_undetermined: String,
    pub(super) link_all: String,
}

pub(super) struct Ranking {
    pub(super) title: &'static str,
    pub(super) subject: &'static str,
    pub(super) bars: Vec<Bar>,
    pub(super) left_out: u64,
    pub(super) left_out_calls: u64,
}

pub(super) struct Bar {
    pub(super) label: String,
    /// A second line that places the label, such as the name of an account.
    pub(super) detail: String,
    pub(super) calls: u64,
    pub(super) findings: u64,
    /// Perimeter, its calls, and position and width of its segment in thousandths of the longest bar.
    pub(super) segments: Vec<Segment>,
    pub(super) link: String,
}

pub(super) struct Segment {
    pub(super) perimeter: &'static str,
    pub(super) calls: u64,
    pub(super) start: u64,
    pub(super) width: u64,
}

pub(super) struct Unsettled {
    pub(super) settled_by: String,
    pub(super) tally: Tally,
    pub(super) link: String,
}

/// A text column, looked up once.
#[derive(Clone, Copy)]
struct Texts<'a> {
    name: &'static str,
    dictionary: &'a [String],
    codes: &'a [Option<u32>],
}

impl<'a> Texts<'a> {
    fn of(table: &'a Table, name: &'static str) -> Self {
        match table.column(name).map(|column| &column.values) {
            Some(Values::Text { dictionary, codes }) => Self { name, dictionary, codes },
            _ => Self { name, dictionary: &[], codes: &[] },
        }
    }

    fn code(&self, row: usize) -> Option<u32> {
        self.codes.get(row).copied().flatten()
    }

    fn value(&self, code: u32) -> &'a str {
        usize::try_from(code).ok().and_then(|code| self.dictionary.get(code)).map_or("", String::as_str)
    }

    fn text(&self, row: usize) -> Option<&'a str> {
        self.code(row).map(|code| self.value(code))
    }
}

/// Calls of one subject, by perimeter.
#[derive(Default)]
struct Subject {
    findings: u64,
    calls: BTreeMap<&'static str, u64>,
}

/// The queries that links are about: all, or those that count.
pub(super) struct Scope<'a>(Vec<&'a str>);

impl<'a> Scope<'a> {
    pub(super) fn of(report: &'a Report, limited: bool) -> Scope<'a> {
        let queries = report.manifest.queries.iter().filter(|query| limited && query.counted_in.is_none());
        Scope(queries.map(|query| query.name.as_str()).collect())
    }

    /// A link to the findings with these values.
    pub(super) fn link(&self, filters: &[(&str, &str)]) -> String {
        let all: Vec<(&str, &str)> = self.0.iter().map(|query| ("query", *query)).chain(filters.iter().copied()).collect();
        format::link("all", &all)
    }
}

pub(super) fn summarize(report: &Report, principals: &Principals) -> Summary {
    let table = &report.findings;
    let verdict_column = Texts::of(table, "verdict");
    let perimeter_column = Texts::of(table, "perimeter");
    let settled_by = Texts::of(table, "settled_by");
    let account = Texts::of(table, "account_id");
    let service = Texts::of(table, "event_source");
    let caller = Texts { name: PRINCIPAL.name, dictionary: &principals.names, codes: &principals.codes };

    let mut verdicts: BTreeMap<Verdict, Tally> = BTreeMap::new();
    let mut perimeters: BTreeMap<usize, (String, Tally, Tally, Tally)> = BTreeMap::new();
    let mut crossing = Tally::default();
    let mut undetermined = Tally::default();
    let mut unsettled: HashMap<Option<u32>, Tally> = HashMap::new();
    let mut subjects: [HashMap<Option<u32>, Subject>; 3] = Default::default();

    let elsewhere = counted_elsewhere(report);
    let scope = Scope::of(report, !elsewhere.is_empty());
    for row in 0..table.rows() {
        if elsewhere.iter().any(|rows| rows.contains(&row)) {
            continue;
        }
        let verdict = verdict_of(verdict_column.text(row));
        let calls = table.calls(row);
        let add = |tally: &mut Tally| {
            tally.findings += 1;
            tally.calls = tally.calls.saturating_add(calls);
            tally.principals.extend(caller.code(row));
            tally.accounts.extend(account.code(row));
        };
        add(verdicts.entry(verdict).or_default());
        let name = perimeter_column.text(row).unwrap_or("none");
        let perimeter = known_perimeter(name);
        let entry = perimeters
            .entry(position(perimeter))
            .or_insert_with(|| (perimeter.to_owned(), Tally::default(), Tally::default(), Tally::default()));
        match verdict {
            Verdict::Denied | Verdict::CrossesPerimeter => {
                add(&mut entry.1);
                add(&mut crossing);
                let [accounts, callers, services] = &mut subjects;
                for (subjects, subject) in
                    [(accounts, account.code(row)), (callers, caller.code(row)), (services, service.code(row))]
                {
                    let subject = subjects.entry(subject).or_default();
                    subject.findings += 1;
                    let sum = subject.calls.entry(perimeter).or_default();
                    *sum = sum.saturating_add(calls);
                }
            }
            Verdict::Undetermined => {
                add(&mut entry.2);
                add(&mut undetermined);
                add(unsettled.entry(settled_by.code(row)).or_default());
            }
            _ => add(&mut entry.3),
        }
    }

    let [accounts, callers, services] = subjects;
    let names = Names { accounts: &report.manifest.accounts, ids: principal::ids_in_words(table) };
    let rankings = vec![
        ranking(["By account", "Account", "unknown account"], account, accounts, &names, &scope),
        ranking(["By principal", "Principal", "unknown caller"], caller, callers, &names, &scope),
        ranking(["By service", "Service", "unknown service"], service, services, &names, &scope),
    ];
    let (unsettled, unsettled_left_out) = unsettled_groups(settled_by, unsettled, &scope);
    Summary {
        verdicts: verdicts
            .into_iter()
            .map(|(verdict, tally)| VerdictCard { verdict, tally, link: scope.link(&[("verdict", verdict.as_str())]) })
            .collect(),
        perimeters: perimeters.into_values().map(|row| perimeter_row(row, &scope)).collect(),
        crossing,
        undetermined,
        rankings,
        unsettled,
        unsettled_left_out,
    }
}

/// In the order in which reports list them.
const PERIMETERS: [&str; 4] = ["identity", "resource", "network", "none"];

fn known_perimeter(name: &str) -> &'static str {
    PERIMETERS.iter().find(|known| **known == name).copied().unwrap_or("none")
}

/// Where a perimeter stands among all; unknown ones come last.
pub(super) fn position(perimeter: &str) -> usize {
    PERIMETERS.iter().position(|known| *known == perimeter).unwrap_or(PERIMETERS.len())
}

fn perimeter_row(
    (perimeter, crossing, undetermined, others): (String, Tally, Tally, Tally),
    scope: &Scope<'_>,
) -> PerimeterRow {
    let of = ("perimeter", perimeter.as_str());
    PerimeterRow {
        link_crossing: scope.link(&[
            of,
            ("verdict", Verdict::Denied.as_str()),
            ("verdict", Verdict::CrossesPerimeter.as_str()),
        ]),
        link_undetermined: scope.link(&[of, ("verdict", Verdict::Undetermined.as_str())]),
        link_all: scope.link(&[of]),
        crossing,
        undetermined,
        others,
        perimeter,
    }
}

fn unsettled_groups(settled_by: Texts, groups: HashMap<Option<u32>, Tally>, scope: &Scope<'_>) -> (Vec<Unsettled>, usize) {
    let mut groups: Vec<Unsettled> = groups
        .into_iter()
        .map(|(code, tally)| {
            let text = code.map(|code| settled_by.value(code));
            Unsettled {
                settled_by: text.unwrap_or("The findings do not say").to_owned(),
                tally,
                link: scope.link(&[("verdict", Verdict::Undetermined.as_str()), ("settled_by", text.unwrap_or_default())]),
            }
        })
        .collect();
    groups.sort_by(|a, b| b.tally.calls.cmp(&a.tally.calls).then_with(|| a.settled_by.cmp(&b.settled_by)));
    let left_out = groups.len().saturating_sub(UNSETTLED);
    groups.truncate(UNSETTLED);
    (groups, left_out)
}

/// What the report knows of ids that say little by themselves.
struct Names<'a> {
    accounts: &'a [AccountSummary],
    ids: BTreeMap<&'a str, String>,
}

/// `words` are the title, what a row is, and the name of the row of findings without a value.
fn ranking(
    [title, subject, unknown]: [&'static str; 3],
    column: Texts<'_>,
    subjects: HashMap<Option<u32>, Subject>,
    names: &Names<'_>,
    scope: &Scope<'_>,
) -> Ranking {
    let mut entries: Vec<(u64, Option<&str>, Subject)> = subjects
        .into_iter()
        .map(|(code, subject)| {
            let calls = subject.calls.values().fold(0_u64, |sum, calls| sum.saturating_add(*calls));
            (calls, code.map(|code| column.value(code)), subject)
        })
        .collect();
    entries.sort_by_key(|(calls, value, subject)| (Reverse(*calls), Reverse(subject.findings), value.unwrap_or(unknown)));
    let longest = entries.first().map_or(1, |entry| entry.0.max(1));
    let left_out = entries.iter().skip(RANKING);
    Ranking {
        title,
        subject,
        left_out: left_out.clone().count() as u64,
        left_out_calls: left_out.fold(0_u64, |sum, entry| sum.saturating_add(entry.0)),
        bars: (entries.into_iter().take(RANKING))
            .map(|(calls, value, subject)| {
                let (label, detail) = match value {
                    Some(value) => label_and_detail(column.name, value, names),
                    None => (unknown.to_owned(), String::new()),
                };
                Bar {
                    label: format::visible(&label),
                    detail: format::visible(&detail),
                    calls,
                    findings: subject.findings,
                    segments: segments(&subject, longest),
                    // An empty value stands for none.
                    link: scope.link(&crossing_filters(column.name, value.unwrap_or_default())),
                }
            })
            .collect(),
    }
}

fn segments(subject: &Subject, longest: u64) -> Vec<Segment> {
    let mut start = 0;
    let mut segments: Vec<Segment> = Vec::new();
    for perimeter in PERIMETERS {
        let Some(of_perimeter) = subject.calls.get(perimeter) else { continue };
        // At least one thousandth, so that nothing that happened has no bar.
        let width = u64::try_from(u128::from(*of_perimeter) * 1000 / u128::from(longest)).unwrap_or(1000).clamp(4, 1000);
        segments.push(Segment { perimeter, calls: *of_perimeter, start, width });
        start += width;
    }
    segments
}

/// How people read a value, and what places it.
fn label_and_detail(column: &str, value: &str, names: &Names<'_>) -> (String, String) {
    if column == PRINCIPAL.name {
        let of_arn = |arn| arn_parts(arn).map(|(account, name)| (name.to_owned(), account.to_owned()));
        return of_arn(value).unwrap_or_else(|| {
            let detail = match names.ids.get(value) {
                // A name instead of the id is known from another finding.
                Some(arn) if arn.starts_with("arn:") => {
                    of_arn(arn).map_or_else(|| arn.clone(), |(name, account)| format!("{name} of account {account}"))
                }
                Some(words) => words.clone(),
                None if value == principal::ANONYMOUS => "anybody, without credentials".to_owned(),
                None => String::new(),
            };
            (value.to_owned(), detail)
        });
    }
    let named = names.accounts.iter().filter(|_| column == "account_id").find(|account| account.account_id == value);
    match named.and_then(|account| account.name.clone()) {
        Some(name) => (name, value.to_owned()),
        None => (value.to_owned(), String::new()),
    }
}

fn crossing_filters<'a>(column: &'a str, value: &'a str) -> [(&'a str, &'a str); 3] {
    [("verdict", Verdict::Denied.as_str()), ("verdict", Verdict::CrossesPerimeter.as_str()), (column, value)]
}

/// Account and resource part of an ARN.
fn arn_parts(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    (parts.next() == Some("arn")).then_some(())?;
    let account = parts.nth(3)?;
    Some((account, parts.next()?))
}
