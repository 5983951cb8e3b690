//! The floor: how long it takes to inflate the files, and to inflate them and walk their JSON once. No grouping, no duplicates
//! removed, no memory bound: what no reader of these files can go far below.
//!
//! `floor (inflate | lazy | typed) FOLDER [THREADS]`
//!
//! `lazy` walks with the lazy values of sonic-rs: an iterator over `Records`, the wanted keys of each record with `get_many`, the
//! nested ones only where the question selects the record. `typed` walks with the serde reader of sonic-rs into structs that borrow
//! from the text. Both find the same fields and print how many calls the question selects, so that they can be checked.

use std::borrow::Cow;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use palisade_bench_floor::{Inflater, Result, log_files};
use serde::Deserialize;
use sonic_rs::{JsonValueTrait, LazyValue, PointerTree, get_many, to_array_iter};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Walk {
    Inflate,
    Lazy,
    Typed,
}

/// What a thread has seen.
#[derive(Debug, Default)]
struct Seen {
    bytes: usize,
    records: usize,
    /// Calls that the question counts.
    selected: usize,
}

const SERVICE: &str = "s3.amazonaws.com";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (walk, folder) = match arguments.as_slice() {
        [walk, folder, ..] => (walk.as_str(), Path::new(folder)),
        _ => return Err("usage: floor (inflate | lazy | typed) FOLDER [THREADS]".into()),
    };
    let walk = match walk {
        "inflate" => Walk::Inflate,
        "lazy" => Walk::Lazy,
        "typed" => Walk::Typed,
        other => return Err(format!("`{other}` is none of inflate, lazy, typed").into()),
    };
    let threads: usize = arguments.get(2).map_or(Ok(2), |text| text.parse())?;
    let files = log_files(folder)?;
    let next = AtomicUsize::new(0);
    let mut total = Seen::default();
    std::thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| read(&files, &next, walk))).collect();
        for worker in workers {
            let seen = worker.join().map_err(|_| "a thread panicked")??;
            total.bytes += seen.bytes;
            total.records += seen.records;
            total.selected += seen.selected;
        }
        Ok(())
    })?;
    let Seen { bytes, records, selected } = total;
    println!("{{\"files\":{},\"bytes\":{bytes},\"records\":{records},\"selected\":{selected}}}", files.len());
    Ok(())
}

/// Takes file after file until none is left.
fn read(files: &[PathBuf], next: &AtomicUsize, walk: Walk) -> Result<Seen> {
    let mut inflater = Inflater::default();
    let mut seen = Seen::default();
    let mut keys = PointerTree::new();
    for key in ["eventSource", "errorCode", "eventName", "userIdentity", "requestParameters"] {
        keys.add_path([key]);
    }
    while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
        let text = inflater.read(path)?;
        seen.bytes += text.len();
        match walk {
            Walk::Inflate => {
                black_box(text);
                Ok(())
            }
            Walk::Lazy => walk_lazily(text, &keys, &mut seen),
            Walk::Typed => walk_typed(text, &mut seen),
        }
        .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(seen)
}

/// The text from the `[` of `{"Records":[…]}` on, so that the array is walked and not skipped over first.
fn records_of(text: &[u8]) -> Result<&[u8]> {
    let start = text.iter().position(|byte| *byte == b'[').ok_or("no array of records")?;
    let head = text[..start].trim_ascii_end().strip_suffix(b":").ok_or("no array of records")?;
    if !head.trim_ascii_end().ends_with(b"\"Records\"") {
        return Err("the first array is not `Records`".into());
    }
    Ok(&text[start..])
}

fn walk_lazily(text: &[u8], keys: &PointerTree, seen: &mut Seen) -> Result<()> {
    for record in to_array_iter(records_of(text)?) {
        let record = record?;
        seen.records += 1;
        let found = get_many(record.as_raw_str(), keys)?;
        let [source, error, name, identity, parameters] = found.as_slice() else { return Err("not five values".into()) };
        let is_selected = source.as_ref().and_then(|value| value.as_str()) == Some(SERVICE)
            && error.as_ref().is_none_or(|value| value.is_null());
        if is_selected {
            seen.selected += 1;
            let nested = |value: &Option<LazyValue<'_>>, path: &[&str]| {
                black_box(value.as_ref().and_then(|value| value.pointer(path)).as_ref().and_then(|value| value.as_str()));
            };
            nested(name, &[]);
            nested(identity, &["type"]);
            nested(identity, &["arn"]);
            nested(identity, &["sessionContext", "sessionIssuer", "arn"]);
            nested(parameters, &["bucketName"]);
        }
    }
    Ok(())
}

fn walk_typed(text: &[u8], seen: &mut Seen) -> Result<()> {
    let log: Log<'_> = sonic_rs::from_slice(text)?;
    for record in &log.records {
        seen.records += 1;
        if record.source.as_deref() == Some(SERVICE) && record.error.is_none() {
            seen.selected += 1;
            black_box(record);
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Log<'a> {
    #[serde(borrow, rename = "Records")]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, rename = "eventSource")]
    source: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "errorCode")]
    error: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "eventName")]
    _name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "userIdentity")]
    _identity: Option<Identity<'a>>,
    #[serde(borrow, rename = "requestParameters")]
    _parameters: Option<Parameters<'a>>,
}

#[derive(Deserialize)]
struct Identity<'a> {
    #[serde(borrow, rename = "type")]
    _kind: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "arn")]
    _arn: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sessionContext")]
    _session: Option<Session<'a>>,
}

#[derive(Deserialize)]
struct Session<'a> {
    #[serde(borrow, rename = "sessionIssuer")]
    _issuer: Option<Issuer<'a>>,
}

#[derive(Deserialize)]
struct Issuer<'a> {
    #[serde(borrow, rename = "arn")]
    _arn: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Parameters<'a> {
    #[serde(borrow, rename = "bucketName")]
    _bucket: Option<Cow<'a, str>>,
}
