//! Which accounts go into one statement.

use crate::engine::Part;

/// Partitions that one statement may read. Athena's limit is 1,000,000
/// (<https://docs.aws.amazon.com/athena/latest/ug/service-limits.html>); values at its edge are left alone.
pub const MAX_PARTITIONS: u64 = 900_000;
/// Accounts of one statement. More would not be cheaper, and one that fails is told from the others sooner.
pub const MAX_ACCOUNTS: usize = 200;
/// Regions that a table has when it does not say: more than there are.
pub const UNKNOWN_REGIONS: u64 = 40;

/// Accounts of one statement over tables that do not tell accounts apart: every statement reads them whole, so there should be few, and the
/// accounts stand in it as a list, far below the length that a statement may have.
pub const MAX_LISTED_ACCOUNTS: usize = 5_000;

/// Partitions that a part reads: one per account, region and day. The day after the last is read, too, for late records.
pub fn partitions(part: &Part, regions: u64) -> u64 {
    (part.account_ids.len() as u64).saturating_mul(regions.max(1)).saturating_mul(days(part))
}

/// Days of folders that a part reads: one more than it has, for late records.
pub fn days(part: &Part) -> u64 {
    let days = part.from.until(part.to).map_or(0, |span| span.get_days());
    u64::try_from(days).unwrap_or(0).saturating_add(2)
}

/// Cuts a part into parts that fit into a statement each: by accounts, and where one account has too many days, by days.
pub fn statements(part: &Part, regions: u64) -> Vec<Part> {
    let one = Part { account_ids: part.account_ids.iter().take(1).cloned().collect(), ..part.clone() };
    if partitions(&one, regions) > MAX_PARTITIONS
        && let Some((first, second)) = halves_of_days(part)
    {
        return [first, second].iter().flat_map(|half| statements(half, regions)).collect();
    }
    let fitting = MAX_PARTITIONS / partitions(&one, regions).max(1);
    let size = usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, MAX_ACCOUNTS);
    part.account_ids.chunks(size).map(|accounts| Part { account_ids: accounts.to_vec(), ..part.clone() }).collect()
}

/// The same for tables that do not tell accounts apart: as few statements as there can be.
pub fn statements_over_all(part: &Part, regions: u64) -> Vec<Part> {
    let partitions = days(part).saturating_mul(regions.max(1));
    if partitions > MAX_PARTITIONS
        && let Some((first, second)) = halves_of_days(part)
    {
        return [first, second].iter().flat_map(|half| statements_over_all(half, regions)).collect();
    }
    let chunks = part.account_ids.chunks(MAX_LISTED_ACCOUNTS);
    chunks.map(|accounts| Part { account_ids: accounts.to_vec(), ..part.clone() }).collect()
}

fn halves_of_days(part: &Part) -> Option<(Part, Part)> {
    let days = part.from.until(part.to).ok()?.get_days();
    let middle = part.from.checked_add(jiff::Span::new().days(days / 2)).ok()?;
    (days > 0).then(|| {
        let after = middle.tomorrow().unwrap_or(middle);
        (Part { to: middle, ..part.clone() }, Part { from: after, ..part.clone() })
    })
}

/// Two halves of the accounts; `None` for a single one.
pub fn halves(part: &Part) -> Option<[Part; 2]> {
    let middle = part.account_ids.len() / 2;
    let (first, second) = part.account_ids.split_at_checked(middle).filter(|(first, _)| !first.is_empty())?;
    Some([first, second].map(|accounts| Part { account_ids: accounts.to_vec(), ..part.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn part(accounts: usize, days: i32) -> Part {
        let from = date(2026, 1, 1);
        let to = from.checked_add(jiff::Span::new().days(days - 1)).unwrap();
        Part { account_ids: (0..accounts).map(|n| format!("{n:012}")).collect(), from, to }
    }

    #[test]
    fn partitions_are_accounts_by_regions_by_days_and_the_day_after() {
        assert_eq!(partitions(&part(3, 14), 17), 3 * 17 * 15);
        assert_eq!(partitions(&part(1, 1), 0), 2);
    }

    #[test]
    fn an_organization_of_ten_thousand_accounts_takes_fifty_statements_a_month() {
        let parts = statements(&part(10_000, 30), 17);
        assert_eq!(parts.len(), 50);
        assert!(parts.iter().all(|part| partitions(part, 17) <= MAX_PARTITIONS));
        // Two years of 40 regions: 30 accounts a statement.
        assert_eq!(statements(&part(100, 730), 40).len(), 4);
    }

    #[test]
    fn tables_that_do_not_tell_accounts_apart_are_read_once() {
        assert_eq!(statements_over_all(&part(300, 730), 40).len(), 1);
        assert_eq!(statements_over_all(&part(12_000, 30), 40).len(), 3);
        // 1200 days in 1000 regions.
        let parts = statements_over_all(&part(2, 1_200), 1_000);
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].from, parts[1].to), (part(1, 1).from, part(1, 1_200).to));
    }

    proptest! {
        #[test]
        fn every_account_and_day_is_in_exactly_one_statement(accounts in 1usize..500, days in 1i32..1200, regions in 0u64..2000) {
            let whole = part(accounts, days);
            let parts = statements(&whole, regions);
            let mut ranges: std::collections::BTreeMap<String, Vec<(jiff::civil::Date, jiff::civil::Date)>> = Default::default();
            for part in &parts {
                prop_assert!(part.account_ids.len() <= MAX_ACCOUNTS);
                prop_assert!(partitions(part, regions) <= MAX_PARTITIONS || part.from == part.to);
                for account in &part.account_ids {
                    ranges.entry(account.clone()).or_default().push((part.from, part.to));
                }
            }
            prop_assert_eq!(ranges.len(), accounts);
            for mut ranges in ranges.into_values() {
                ranges.sort();
                prop_assert_eq!(ranges.first().unwrap().0, whole.from);
                prop_assert_eq!(ranges.last().unwrap().1, whole.to);
                prop_assert!(ranges.windows(2).all(|pair| pair[0].1.tomorrow().unwrap() == pair[1].0));
            }
        }
    }
}
