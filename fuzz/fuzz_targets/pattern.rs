//! A pattern against a value (divided by the first line break): the compiled matcher says what a plain recursive one says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_fuzz::policy::pattern::{ActionPattern, ArnGlob, Glob, arn_parts, tokens};

/// `*` is any run of characters, `?` exactly one: table of what matches so far, character by character.
fn plain(pattern: &str, value: &str) -> bool {
    let value: Vec<char> = value.chars().collect();
    let mut row = vec![false; value.len() + 1];
    row[0] = true;
    for token in pattern.chars() {
        let mut next = vec![false; value.len() + 1];
        match token {
            '*' => {
                let mut any = false;
                for (reached, next) in row.iter().zip(&mut next) {
                    any |= *reached;
                    *next = any;
                }
            }
            _ => {
                for (at, own) in value.iter().enumerate() {
                    next[at + 1] = row[at] && (token == '?' || token == *own);
                }
            }
        }
        row = next;
    }
    row[value.len()]
}

fuzz_target!(|text: &str| {
    let Some((pattern, value)) = text.split_once('\n') else { return };
    if pattern.len() > 200 || value.len() > 400 {
        return;
    }
    let glob = Glob::new(pattern);
    let matches = glob.matches(value);
    assert_eq!(matches, plain(pattern, value), "{pattern:?} {value:?}");
    let other = Glob::new(value);
    if glob.covers(&other) {
        assert!(glob.overlaps(&other), "{pattern:?} covers {value:?} and does not overlap it");
    }
    if !value.contains(['*', '?']) {
        assert_eq!(glob.covers(&other), matches, "{pattern:?} covers {value:?}");
        assert_eq!(glob.overlaps(&other), matches, "{pattern:?} overlaps {value:?}");
    }
    if let Some(arn) = ArnGlob::from_tokens(&tokens(pattern)) {
        assert_eq!(arn.matches(value).is_some(), arn_parts(value).is_some());
    }
    if let Some(action) = ActionPattern::parse(pattern)
        && let Some((service, name)) = value.split_once(':')
    {
        action.matches(&service.to_ascii_lowercase(), &name.to_ascii_lowercase());
    }
});
