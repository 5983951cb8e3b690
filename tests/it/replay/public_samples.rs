//! Every record of a folder of samples, if one is named: none may stop the replay. `PALISADE_TEST_SAMPLES` is a folder with
//! `*.ndjson.gz`, one record per line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use palisade::inventory::Inventory;
use palisade::policy::context::ContextValue;
use palisade::policy::request::Resource;
use palisade::replay::{Call, Derived, Lineage, ServiceFacts, World, derive};

#[test]
fn no_record_stops_the_replay() {
    let Ok(folder) = std::env::var("PALISADE_TEST_SAMPLES") else {
        println!("skipped: PALISADE_TEST_SAMPLES names no folder");
        return;
    };
    let mut calls = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let reader = BufReader::new(flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()));
        calls.extend(reader.lines().map_while(Result::ok).filter_map(|line| Call::from_record(line.as_bytes()).ok()));
    }
    let lineage = Lineage::of(calls.iter());
    let inventory = Inventory::empty();
    let world = World::new(ServiceFacts::embedded(), &inventory, &lineage);
    let (mut authorized, mut documented, mut known, mut partial, mut keys, mut open) = (0, 0, 0, 0, 0, 0);
    let mut missing: BTreeMap<String, u64> = BTreeMap::new();
    let mut unresolved: BTreeMap<String, u64> = BTreeMap::new();
    for call in &calls {
        let Derived::Authorizations(all) = derive(call, &world) else { continue };
        authorized += 1;
        let own = &all[0];
        if own.action_is_documented {
            documented += 1;
        } else {
            *missing.entry(own.request.action.clone()).or_default() += 1;
        }
        match &own.request.resource {
            Resource::Known(_) => known += 1,
            Resource::Partial(_) if own.resource_arn.is_some() => {
                partial += 1;
                *unresolved.entry(format!("{} {}", own.request.action, own.resource_arn.clone().unwrap())).or_default() += 1;
            }
            _ => *unresolved.entry(format!("{} ?", own.request.action)).or_default() += 1,
        }
        for (_, value) in own.request.context.iter() {
            keys += 1;
            open += u64::from(matches!(value, ContextValue::Unknown(_)));
        }
    }
    println!("{} calls, {authorized} authorized, {documented} with a documented action", calls.len());
    println!("{known} with a known resource, {partial} partly known; {keys} keys, {open} open");
    println!("undocumented: {missing:?}");
    println!("unresolved: {unresolved:#?}");
    assert!(documented * 100 >= authorized * 95, "{documented} of {authorized}");
}
