//! Any text as a file of cases.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_fuzz::policy::case::evaluate;
use palisade_fuzz::policy::diagnostic::Source;

fuzz_target!(|text: &str| {
    let _ = evaluate(&Source::new("fuzzed.json", text));
});
