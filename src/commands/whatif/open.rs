//! What would settle the calls that cannot be judged, by key, and of what the fact is missing.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::impact::{Tally, principal_in_words};
use crate::inventory::Inventory;
use crate::replay::rows::Key;
use crate::replay::sweep::Swept;
use crate::report::impact::{About, OpenKey, Subject};

/// The calls of one fact.
#[derive(Default)]
struct Group<'a> {
    tally: Tally<'a>,
    /// By what the fact is of.
    subjects: BTreeMap<String, u64>,
    unnamed: u64,
}

/// By key, most calls first.
pub(super) fn keys(swept: &Swept, inventory: &Inventory) -> Vec<OpenKey> {
    let mut groups: BTreeMap<(&str, &str), Group<'_>> = BTreeMap::new();
    for (key, sum) in swept.rows.iter() {
        for part in &key.settled_by {
            // `aws:SourceAccount: for which resource …`; a key has no spaces, other things have.
            let named = part.split_once(": ").filter(|(name, _)| name.contains(':') && !name.contains(' '));
            let (name, provide) = named.unwrap_or(("", part));
            let group = groups.entry((name, provide)).or_default();
            group.tally.add(key, sum.calls);
            let calls = match kind(name, provide).and_then(|kind| subject(kind, key, inventory)) {
                Some(subject) => group.subjects.entry(subject).or_default(),
                None => &mut group.unnamed,
            };
            *calls = calls.saturating_add(sum.calls);
        }
    }
    let mut open: Vec<OpenKey> = groups
        .into_iter()
        .map(|((key, provide), group)| OpenKey {
            key: key.to_owned(),
            provide: provide.to_owned(),
            amount: group.tally.amount(),
            about: about(kind(key, provide), group.subjects, group.unnamed),
        })
        .collect();
    open.sort_by_key(|open| (Reverse(open.amount.calls), open.key.clone(), open.provide.clone()));
    open
}

fn about(kind: Option<Kind>, subjects: BTreeMap<String, u64>, unnamed: u64) -> About {
    let Some(kind) = kind.filter(|_| !subjects.is_empty()) else { return About::default() };
    let mut subjects: Vec<Subject> = subjects.into_iter().map(|(name, calls)| Subject { name, calls }).collect();
    // Stable: the names come in order.
    subjects.sort_by_key(|subject| Reverse(subject.calls));
    About { kind: kind.word().to_owned(), subjects, unnamed }
}

/// Of what a fact may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Resource,
    Owner,
    CallersAccount,
    Principal,
    Endpoint,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Resource => "resource",
            Kind::Owner | Kind::CallersAccount => "account",
            Kind::Principal => "principal",
            Kind::Endpoint => "VPC endpoint",
        }
    }
}

/// Of what the fact is missing, by the sentence that asks for it.
fn kind(key: &str, provide: &str) -> Option<Kind> {
    let key = key.to_ascii_lowercase();
    match provide {
        _ if provide.starts_with("the organization of the account that owns the resource") => Some(Kind::Owner),
        _ if provide.starts_with("the organization of the caller's account") => Some(Kind::CallersAccount),
        _ if provide.starts_with("whether the caller's account belongs") => Some(Kind::CallersAccount),
        _ if provide.starts_with("who owns the resource") || provide.starts_with("the tags of the resource") => {
            Some(Kind::Resource)
        }
        _ if provide.starts_with("whether the resource belongs") || provide.starts_with("whether AWS manages the KMS key") => {
            Some(Kind::Resource)
        }
        _ if key.starts_with("aws:vpce") || provide == "the VPC endpoints in the inventory" => Some(Kind::Endpoint),
        _ if ["aws:principaltag/", "aws:sourceip", "aws:viaawsservice", "aws:calledvia"]
            .iter()
            .any(|prefix| key.starts_with(prefix)) =>
        {
            Some(Kind::Principal)
        }
        _ => None,
    }
}

fn subject(kind: Kind, key: &Key, inventory: &Inventory) -> Option<String> {
    let account = |id: &str| match inventory.account(id).and_then(|account| account.name.as_deref()) {
        Some(name) => format!("{id} ({name})"),
        None => id.to_owned(),
    };
    match kind {
        Kind::Resource => key.field("resource_arn").map(str::to_owned),
        Kind::Owner => key.field("resource_account_id").map(account),
        Kind::CallersAccount => key.field("principal_account_id").map(account),
        Kind::Principal => Some(principal_in_words(key)),
        Kind::Endpoint => key.field("vpc_endpoint_id").map(str::to_owned),
    }
}
