//! How a column becomes bytes: one small number for each row, or fewer where one column tells about another.

use serde::Serialize;

/// How the bytes of a column become one number for each row.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Storage {
    /// `planes` planes of one byte for each row: little-endian codes.
    Codes { planes: usize },
    /// The code of this column for each of the `entries` codes of column `from`, as planes.
    Follows { from: usize, entries: usize, planes: usize },
    /// The place of this column's code in the list of the code of column `from`: one plane set for the lengths of the lists of
    /// its `entries` codes, one for the codes in all lists, one for the place of each row.
    Within { from: usize, entries: usize, length_planes: usize, listed: usize, list_planes: usize, planes: usize },
    /// As codes; 0 is null, `n` is `base + (n - 1) * step`, plus the value of column `after` in the same row if there is one.
    Numbers { planes: usize, base: i64, step: i64, after: Option<usize> },
    /// One little-endian 64-bit float for each row; NaN is null. Only for values too far apart for four bytes.
    Floats,
}

/// Packs the codes of a text column in the smallest of the three ways. `stored` has the codes of the columns before it that may
/// be followed.
pub(super) fn pack_text_codes(codes: &[u32], stored: &[Option<Vec<u32>>], bytes: &mut Vec<u8>) -> Storage {
    let source = stored
        .iter()
        .enumerate()
        .filter_map(|(index, earlier)| Some((index, follows(earlier.as_deref()?, codes)?)))
        .min_by_key(|(_, map)| map.len());
    if let Some((from, map)) = source {
        let planes = planes_for(&map);
        push_planes(&map, planes, bytes);
        return Storage::Follows { from, entries: map.len(), planes };
    }
    let cost_of_codes = cost(codes);
    let lists =
        contexts(stored, codes.len()).filter_map(|(from, earlier)| Some((from, within(earlier, codes, cost_of_codes)?)));
    if let Some((from, lists)) = lists.min_by_key(|(_, lists)| lists.cost) {
        let lengths: Vec<u32> = lists.lists.iter().map(|list| u32::try_from(list.len()).unwrap_or(u32::MAX)).collect();
        let listed: Vec<u32> = lists.lists.concat();
        let storage = Storage::Within {
            from,
            entries: lengths.len(),
            length_planes: planes_for(&lengths),
            listed: listed.len(),
            list_planes: planes_for(&listed),
            planes: planes_for(&lists.places),
        };
        for numbers in [&lengths, &listed, &lists.places] {
            push_planes(numbers, planes_for(numbers), bytes);
        }
        return storage;
    }
    pack_codes(codes, bytes)
}

/// The columns so far with the most values, as a rule roles, resources and addresses: they tell most about the others, unless
/// they are nearly a number of their own for each row.
fn contexts(stored: &[Option<Vec<u32>>], rows: usize) -> impl Iterator<Item = (usize, &[u32])> {
    const TRIED: usize = 3;
    let mut columns: Vec<(u32, usize, &[u32])> = stored
        .iter()
        .enumerate()
        .filter_map(|(index, earlier)| earlier.as_deref().map(|codes| (codes.iter().max().copied().unwrap_or(0), index, codes)))
        .filter(|(entries, _, _)| (*entries as usize) < rows / 8)
        .collect();
    columns.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    columns.into_iter().take(TRIED).map(|(_, index, codes)| (index, codes))
}

struct Lists {
    cost: u64,
    /// For each code of the earlier column, the codes that occur with it, in order of first use.
    lists: Vec<Vec<u32>>,
    /// For each row, the place in the list.
    places: Vec<u32>,
}

/// The codes as places in lists, if that is a third smaller at least than `cost_of_codes`.
fn within(earlier: &[u32], codes: &[u32], cost_of_codes: u64) -> Option<Lists> {
    /// Longer lists would need a second byte for each row and long searches here.
    const LONGEST: usize = 256;
    let entries = usize::try_from(*earlier.iter().max()?).ok()?.checked_add(1)?;
    let mut lists: Vec<Vec<u32>> = vec![Vec::new(); entries];
    let mut places = Vec::with_capacity(codes.len());
    let mut listed = 0_usize;
    for (from, code) in earlier.iter().zip(codes) {
        let list = lists.get_mut(usize::try_from(*from).ok()?)?;
        let place = match list.iter().position(|known| known == code) {
            Some(place) => place,
            None => {
                list.push(*code);
                listed += 1;
                list.len() - 1
            }
        };
        if place >= LONGEST || listed > codes.len() / 2 {
            return None;
        }
        places.push(u32::try_from(place).ok()?);
    }
    let size_of_code = u64::from(codes.iter().max()?.checked_ilog2().unwrap_or(0)) + 1;
    let cost_in_lists = (entries as u64 * 4 + listed as u64 * size_of_code) * SHARES + cost(&places);
    (cost_in_lists < cost_of_codes / 3 * 2).then_some(Lists { cost: cost_in_lists, lists, places })
}

/// Costs are counted in this part of a bit.
const SHARES: u64 = 256;

/// About how many bits an entropy coder needs for the codes, by their frequencies, in [`SHARES`]. Whole numbers, so that the
/// same report gives the same bytes on every machine.
fn cost(codes: &[u32]) -> u64 {
    let mut counts: Vec<u64> = Vec::new();
    for code in codes {
        let Ok(code) = usize::try_from(*code) else { continue };
        if counts.len() <= code {
            counts.resize(code + 1, 0);
        }
        if let Some(count) = counts.get_mut(code) {
            *count += 1;
        }
    }
    let all = codes.len() as u64;
    counts.iter().map(|count| count * logarithm(all).saturating_sub(logarithm(*count))).sum()
}

/// The binary logarithm in [`SHARES`], its fraction taken as a straight line.
fn logarithm(number: u64) -> u64 {
    let Some(whole) = number.checked_ilog2() else { return 0 };
    let fraction = u64::try_from((u128::from(number) * u128::from(SHARES)) >> whole).unwrap_or(SHARES) - SHARES;
    u64::from(whole) * SHARES + fraction
}

/// The code of a column for each code of an earlier one, if it follows from that one in every row and is worth it.
fn follows(earlier: &[u32], codes: &[u32]) -> Option<Vec<u32>> {
    let entries = usize::try_from(*earlier.iter().max()?).ok()?.checked_add(1)?;
    if entries > codes.len() / 4 {
        return None;
    }
    let mut map: Vec<Option<u32>> = vec![None; entries];
    for (from, to) in earlier.iter().zip(codes) {
        let entry = map.get_mut(usize::try_from(*from).ok()?)?;
        if *entry.get_or_insert(*to) != *to {
            return None;
        }
    }
    Some(map.into_iter().map(Option::unwrap_or_default).collect())
}

pub(super) fn pack_codes(codes: &[u32], bytes: &mut Vec<u8>) -> Storage {
    let planes = planes_for(codes);
    push_planes(codes, planes, bytes);
    Storage::Codes { planes }
}

/// Packs numbers as their distance from the least one in units of the greatest step that divides all distances. Times that
/// follow an earlier time in the same row are stored as the distance from it, because most calls happen once.
pub(super) fn pack_numbers(values: &[Option<i64>], before: Option<(usize, &[Option<i64>])>, bytes: &mut Vec<u8>) -> Storage {
    let relative = before.and_then(|(index, earlier)| {
        let distances: Option<Vec<Option<i64>>> = values
            .iter()
            .zip(earlier)
            .map(|(value, earlier)| match (value, earlier) {
                (None, _) => Some(None),
                (Some(value), Some(earlier)) => value.checked_sub(*earlier).map(Some),
                (Some(_), None) => None,
            })
            .collect();
        distances.map(|distances| (index, distances))
    });
    if let Some((index, distances)) = relative
        && let Some(storage) = pack_steps(&distances, Some(index), bytes)
    {
        return storage;
    }
    pack_steps(values, None, bytes).unwrap_or_else(|| {
        for value in values {
            #[expect(clippy::cast_precision_loss, reason = "the reader of the page has no other numbers than these")]
            let number = value.map_or(f64::NAN, |value| value as f64);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Storage::Floats
    })
}

fn pack_steps(values: &[Option<i64>], after: Option<usize>, bytes: &mut Vec<u8>) -> Option<Storage> {
    let base = values.iter().flatten().copied().min().unwrap_or(0);
    let mut step = 0_i64;
    for value in values.iter().flatten() {
        step = greatest_common_divisor(step, value.checked_sub(base)?);
    }
    let step = step.max(1);
    let codes: Option<Vec<u32>> = values
        .iter()
        .map(|value| match value {
            None => Some(0),
            Some(value) => u32::try_from((value - base) / step).ok()?.checked_add(1),
        })
        .collect();
    let codes = codes?;
    let planes = planes_for(&codes);
    push_planes(&codes, planes, bytes);
    Some(Storage::Numbers { planes, base, step, after })
}

fn greatest_common_divisor(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// How many bytes the largest of the codes needs.
fn planes_for(codes: &[u32]) -> usize {
    match codes.iter().max().copied().unwrap_or(0) {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        _ => 4,
    }
}

fn push_planes(codes: &[u32], planes: usize, bytes: &mut Vec<u8>) {
    for plane in 0..planes {
        bytes.extend(codes.iter().filter_map(|code| code.to_le_bytes().get(plane).copied()));
    }
}
