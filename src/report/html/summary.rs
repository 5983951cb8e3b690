//! What the findings say together: the counts and rankings of the first page.
//!
//! A call that two queries list counts once in each of them, because each query asks about another policy. Principals and
//! accounts are distinct ones.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::format;
use crate::report::model::{AccountSummary, Report, Table, Values, Verdict};
use crate::report::summary::counted_elsewhere;

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
    principals: BTreeSet<Principal>,
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

/// A principal: the column that names it and the code of its value there.
type Principal = (&'static str, u32);

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

/// The columns that tell who a caller is, from the most to the least exact.
const PRINCIPAL_COLUMNS: [&str; 5] = ["principal_arn", "principal_id", "invoked_by", "principal_kind", "principal_account_id"];

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

pub(super) fn summarize(report: &Report) -> Summary {
    let table = &report.findings;
    let verdict_column = Texts::of(table, "verdict");
    let perimeter_column = Texts::of(table, "perimeter");
    let settled_by = Texts::of(table, "settled_by");
    let account = Texts::of(table, "account_id");
    let service = Texts::of(table, "event_source");
    let principals = PRINCIPAL_COLUMNS.map(|name| Texts::of(table, name));
    let verdict_of: HashMap<&str, Verdict> = Verdict::ALL.iter().map(|verdict| (verdict.as_str(), *verdict)).collect();

    let mut verdicts: BTreeMap<Verdict, Tally> = BTreeMap::new();
    let mut perimeters: BTreeMap<usize, (String, Tally, Tally, Tally)> = BTreeMap::new();
    let mut crossing = Tally::default();
    let mut undetermined = Tally::default();
    let mut unsettled: HashMap<Option<u32>, Tally> = HashMap::new();
    let mut subjects: [HashMap<Principal, Subject>; 3] = Default::default();

    let elsewhere = counted_elsewhere(report);
    let scope = Scope::of(report, !elsewhere.is_empty());
    for row in 0..table.rows() {
        if elsewhere.iter().any(|rows| rows.contains(&row)) {
            continue;
        }
        let Some(verdict) = verdict_column.text(row).and_then(|text| verdict_of.get(text)).copied() else { continue };
        let calls = table.calls(row);
        let principal = principals.iter().find_map(|column| column.code(row).map(|code| (column.name, code)));
        let add = |tally: &mut Tally| {
            tally.findings += 1;
            tally.calls = tally.calls.saturating_add(calls);
            tally.principals.extend(principal);
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
                for (subjects, subject) in [
                    (accounts, account.code(row).map(|code| (account.name, code))),
                    (callers, principal),
                    (services, service.code(row).map(|code| (service.name, code))),
                ] {
                    let Some(subject) = subject else { continue };
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
    let rankings = vec![
        ranking(table, "By account", "Account", accounts, &report.manifest.accounts, &scope),
        ranking(table, "By principal", "Principal", callers, &report.manifest.accounts, &scope),
        ranking(table, "By service", "Service", services, &report.manifest.accounts, &scope),
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

fn ranking(
    table: &Table,
    title: &'static str,
    subject: &'static str,
    subjects: HashMap<Principal, Subject>,
    accounts: &[AccountSummary],
    scope: &Scope<'_>,
) -> Ranking {
    let mut entries: Vec<(u64, &'static str, &str, Subject)> = subjects
        .into_iter()
        .map(|((column, code), subject)| {
            let calls = subject.calls.values().fold(0_u64, |sum, calls| sum.saturating_add(*calls));
            (calls, column, Texts::of(table, column).value(code), subject)
        })
        .collect();
    entries.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.cmp(b.2)).then_with(|| a.1.cmp(b.1)));
    let longest = entries.first().map_or(1, |entry| entry.0.max(1));
    let left_out = entries.iter().skip(RANKING);
    Ranking {
        title,
        subject,
        left_out: left_out.clone().count() as u64,
        left_out_calls: left_out.fold(0_u64, |sum, entry| sum.saturating_add(entry.0)),
        bars: (entries.into_iter().take(RANKING))
            .map(|(calls, column, value, subject)| bar(calls, column, value, &subject, longest, accounts, scope))
            .collect(),
    }
}

fn bar(
    calls: u64,
    column: &'static str,
    value: &str,
    subject: &Subject,
    longest: u64,
    accounts: &[AccountSummary],
    scope: &Scope<'_>,
) -> Bar {
    let mut start = 0;
    let mut segments: Vec<Segment> = Vec::new();
    for perimeter in PERIMETERS {
        let Some(of_perimeter) = subject.calls.get(perimeter) else { continue };
        // At least one thousandth, so that nothing that happened has no bar.
        let width = u64::try_from(u128::from(*of_perimeter) * 1000 / u128::from(longest)).unwrap_or(1000).clamp(4, 1000);
        segments.push(Segment { perimeter, calls: *of_perimeter, start, width });
        start += width;
    }
    let (label, detail) = match column {
        "account_id" => {
            let name = accounts.iter().find(|account| account.account_id == value).and_then(|account| account.name.clone());
            (name.clone().unwrap_or_else(|| value.to_owned()), name.map_or_else(String::new, |_| value.to_owned()))
        }
        "principal_arn" => match arn_parts(value) {
            Some((account, name)) => (name.to_owned(), account.to_owned()),
            None => (value.to_owned(), String::new()),
        },
        _ => (value.to_owned(), String::new()),
    };
    let (label, detail) = (format::visible(&label), format::visible(&detail));
    Bar { label, detail, calls, findings: subject.findings, segments, link: scope.link(&crossing_filters(column, value)) }
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
